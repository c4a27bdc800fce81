"""Publishing beside the ticks: a thread of its own brings evidence to its places, with pauses that
grow while one is away. A tick never waits for it."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from strongroom.chain.calls import first_line
from strongroom.chain.decision_records import MOST, records_call
from strongroom.chain.ids import to_bytes
from strongroom.chain.rpc import FEES, estimate
from strongroom.chain.units import DAY, ETHER, HOUR
from strongroom.information.endpoint import Health
from strongroom.journal import Journal
from strongroom.keeper.configuration import Config, StoreSection
from strongroom.keeper.status import open_journal
from strongroom.keeper.wiring import connect
from strongroom.reporting.publishing import (
    CarStore,
    EvidenceStore,
    FolderStore,
    Publisher,
    StoreState,
    WebStore,
    decided_from,
    reported,
)
from strongroom.reporting.report import due_records
from strongroom.settings import ConfigError
from strongroom.strategy.record import encode

if TYPE_CHECKING:
    from strongroom.screen import Screen

EVERY_S = 30.0
PAUSES_S = (30.0, 120.0, 600.0, float(HOUR))  # after so many failures in a row; then the last
PLAIN_GAS = 21_000  # of a transaction that does nothing


def publisher_of(config: Config) -> Publisher:
    """Return what publishes as the configuration says.

    Raises:
        ConfigError: a token is missing, or two places are the same.
    """
    stores: dict[str, EvidenceStore] = {}
    for number, each in enumerate(config.evidence.places):
        place = f"[evidence.places.{number}]"
        name, store = _named(place, each, config.vault)
        if name in stores:
            raise ConfigError(f"{place} {name} is named twice")
        stores[name] = store
    return Publisher(config.reporting.evidence, stores)


def _named(place: str, section: StoreSection, vault: str) -> tuple[str, EvidenceStore]:
    """Return what a section of the file names, and what messages call it; raises ConfigError."""
    if section.folder is not None:
        return str(section.folder), FolderStore(section.folder)
    if section.car is not None:
        return str(section.car), CarStore(section.car, vault)
    token = os.environ.get(section.token_env, "") if section.token_env else ""
    if section.token_env and not token:
        raise ConfigError(f"{place} set {section.token_env} to what the server asks for")
    web = WebStore(section.url, token)
    return web.reader().name, web


@dataclass
class _Round:
    """How a place has been so far."""

    known: set[str] = field(default_factory=set)  # hashes of what it has
    asked: int = 0
    failed: int = 0
    in_a_row: int = 0
    wrong: str = ""
    again: float = 0.0


class PublishingLoop:
    """Publishes until it is closed."""

    def __init__(
        self,
        publisher: Publisher,
        hashes: Callable[[], Sequence[str]],
        every_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take what publishes, and what gives the hashes of the reports on chain."""
        self._publisher, self._hashes, self._every, self._clock = publisher, hashes, every_s, clock
        self._rounds = {name: _Round() for name in publisher.stores}
        self._forget_at = clock() + DAY
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="publishing", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End after the document that is under way, or without it: nothing half is left."""
        self._stopped.set()
        self._thread.join(timeout=2.0)

    @property
    def health(self) -> Sequence[Health]:
        """How each place is."""
        now = self._clock()
        return [
            Health(
                f"evidence at {name}",
                each.asked,
                each.failed,
                each.wrong and f"{each.wrong}; asked again in {max(0.0, each.again - now):.0f} s",
            )
            for name, each in self._rounds.items()
        ]

    def go_round(self) -> None:
        """Publish once to each place whose pause is over. Once a day all is looked at again."""
        now = self._clock()
        if now >= self._forget_at:
            self._forget_at = now + DAY
            for each in self._rounds.values():
                each.known.clear()
        try:
            hashes = self._hashes()
        except SQLAlchemyError as error:
            for each in self._rounds.values():
                each.wrong = f"the journal cannot be read: {first_line(error)}"
            return
        for name, place in self._rounds.items():
            lacking = [each for each in hashes if each not in place.known]
            if now < place.again or not lacking or self._stopped.is_set():
                continue
            found = self._publisher.publish(name, lacking)
            place.asked += 1
            place.known |= set(lacking) - {*found.missing, *found.unknown}
            place.wrong, place.again = found.why, 0.0
            if found.why:
                place.failed += 1
                pause = PAUSES_S[min(place.in_a_row, len(PAUSES_S) - 1)]
                place.again = now + pause
            place.in_a_row = place.in_a_row + 1 if found.why else 0

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self.go_round()
            except Exception as error:  # a defect ends no thread: the places' health says it
                for each in self._rounds.values():
                    each.wrong = f"publishing fails: {error!r}"
            self._stopped.wait(self._every)


def loop_of(config: Config, journal: Journal) -> PublishingLoop | None:
    """Return what publishes beside a keeper; None: no place is named.

    Raises:
        ConfigError: as `publisher_of`.
    """
    if not config.evidence.places:
        return None
    return PublishingLoop(publisher_of(config), lambda: _documents(config, journal), EVERY_S)


def _documents(config: Config, journal: Journal) -> list[str]:
    """Return the hashes of reports' documents, and of what their decisions were made from."""
    return [*reported(journal), *decided_from(journal, config.reporting.evidence)]


@dataclass(frozen=True)
class RecordsCost:
    """What the decisions since the last report would cost on chain, with the next one.

    Attributes:
        size: bytes
        gas: beyond that of the report, about; None where they are too large to go
        wei: at most, as fees are now
    """

    decisions: int
    size: int
    gas: int | None
    wei: int | None


@dataclass(frozen=True)
class Published:
    """What `strongroom keeper publish` has done.

    Attributes:
        documents: of reports that are on chain, as the journal says, and of views and settings
            that their decisions name
        lost: hashes of those that no place has, the own folder neither
        records: None: they do not go on chain
    """

    documents: int
    lost: tuple[str, ...]
    places: tuple[StoreState, ...]
    records: RecordsCost | None = None

    @property
    def is_whole(self) -> bool:
        """Whether every place has every document."""
        return not self.lost and all(each.is_whole for each in self.places)


def publish_once(config: Config, only_look: bool = False) -> Published:
    """Bring all documents to all places.

    Args:
        only_look: write nothing

    Raises:
        ConfigError: no journal, no place, a missing token, or no chain to ask for fees.
    """
    if not config.evidence.places and not config.evidence.on_chain:
        raise ConfigError(
            '[evidence] names no places: add some, e.g. places = [{ folder = "public" }]'
        )
    journal, publisher = open_journal(config), publisher_of(config)
    hashes = _documents(config, journal)
    places = tuple(publisher.publish(name, hashes, only_look) for name in publisher.stores)
    lost = tuple(lost_of(publisher, hashes, places))
    cost = records_cost(config, journal) if config.evidence.on_chain else None
    return Published(len(hashes), lost, places, cost)


def lost_of(
    publisher: Publisher, hashes: Sequence[str], places: Sequence[StoreState]
) -> Iterator[str]:
    """Yield what no place has, the own folder neither. Where a place does not say, nothing follows;
    where one has it, it comes back to the own folder."""
    missing = [set(each.missing) for each in places]
    unknown = {digest for each in places for digest in each.unknown}
    for each in hashes:
        if publisher.may_have(each) or each in unknown:
            continue
        if all(each in lacks for lacks in missing) or publisher.document(each) is None:
            yield each


def records_cost(config: Config, journal: Journal) -> RecordsCost:
    """Return what the next report's records would cost, as the node estimates it now."""
    soon = int(time.time()) + 2 * config.reporting.every_s
    due, _ = due_records(journal.unrevealed(), soon)
    revealed = [encode(each.record) for each in due]
    call = records_call("0x" + "ff" * 32, revealed)
    if call is None:
        return RecordsCost(len(revealed), MOST, None, None)
    together = connect(config).together()  # one request
    gas = together.add(estimate(config.safe.address, call.to, call.data))
    fees = together.add(FEES)
    extra = max(0, gas() - PLAIN_GAS) if revealed else 0
    return RecordsCost(len(revealed), len(to_bytes(call.data)), extra, extra * fees()[1])


def show(found: Published, console: "Screen") -> None:
    """Print what was done as a table."""
    from rich.table import Table

    table = Table(title=f"Evidence of {found.documents} reports")
    for name in ("place", "a stranger can ask", "had", "published", "lacks", "unknown", "why"):
        table.add_column(name, overflow="fold")
    for each in found.places:
        numbers = (each.there, each.published, len(each.missing), len(each.unknown))
        counts = [str(number) for number in numbers]
        table.add_row(each.place, "yes" if each.public else "no", *counts, each.why)
    console.print(table)
    for each in found.places:
        for digest in each.missing:
            console.print(f"{each.place} lacks {digest}", soft_wrap=True)
    for digest in found.lost:
        console.print(f"lost: no place has {digest}", soft_wrap=True)
    cost = found.records
    if cost is not None and cost.gas is None:
        console.print(f"on chain: {cost.decisions} decisions are more than {cost.size} bytes")
    elif cost is not None and cost.wei is not None:
        console.print(
            f"on chain, with the next report: {cost.decisions} decisions in {cost.size} bytes, "
            f"{cost.gas} gas more, at most {cost.wei / ETHER:.6f} of the chain's coin",
            soft_wrap=True,
        )
