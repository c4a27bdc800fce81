"""The keeper: one tick after the other, each from the chain's and the journal's state alone.

A tick follows what is under way, settles, looks, decides, carries out, tidies up and reports. What
goes wrong in one part is named, stops new decisions as long as it lasts, and leaves the others
going. Nothing that a tick needs is kept in memory, so it may die at any point.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from strongroom.analysis.calibration import Gate
from strongroom.chain.rpc import CHAIN_AWAY, Chain
from strongroom.execution.housekeeping import Duties
from strongroom.execution.order_desk import Desk
from strongroom.execution.tasks import Tasks
from strongroom.execution.transactions import Transactor
from strongroom.execution.vault_reader import VaultReader
from strongroom.execution.venues.clob import Clob
from strongroom.execution.venues.pools import PoolMarket
from strongroom.information.forecast import Given
from strongroom.information.gamma import YES
from strongroom.information.sources import Look, Sources
from strongroom.journal import Journal
from strongroom.reporting.report import Reporter
from strongroom.signing.signers import NotSigned
from strongroom.strategy.api import Pack
from strongroom.strategy.decide import Round, Rules, decide
from strongroom.strategy.portfolio import Day
from strongroom.strategy.view import VaultState, View

Told = Callable[[str, Mapping[str, Any]], None]


@dataclass(frozen=True)
class Watch:
    """What stops new decisions.

    Attributes:
        max_skew_s: between this clock, the chain's and the venue's
        pause_s: after the venue took no order
        heartbeat: tell the venue that we live; it takes our resting orders out when we do not
        stop_file: its existence ends everything that rests and all that is new
    """

    max_skew_s: int = 60
    pause_s: int = 15
    heartbeat: bool = True
    stop_file: Path | None = None


@dataclass(frozen=True)
class Tick:
    """What a tick came to."""

    at: int
    halts: Mapping[str, str] = field(default_factory=dict)  # what stops decisions, and why
    decisions: int = 0
    state: VaultState | None = None


@dataclass
class Keeper:
    """Runs one vault. All parts are handed in; operations/build.py puts them together."""

    journal: Journal
    chain: Chain
    clob: Clob
    vault: VaultReader
    transactor: Transactor
    desk: Desk
    tasks: Tasks
    duties: Duties
    reporter: Reporter
    sources: Sources
    packs: Sequence[Pack]
    rules: Rules
    exchanges: Sequence[str]
    negative_risk_oracle: str = ""
    watch: Watch = field(default_factory=Watch)
    gate: Gate = field(default_factory=Gate)
    clock: Callable[[], float] = time.time
    told: Told = lambda event, fields: None
    seen: Callable[[View, Round], None] = lambda view, round_: None  # e.g. a recorder
    pools: Sequence[PoolMarket] = ()
    signals: Sequence[str] = ()  # sources that lift, and never move money by themselves
    _judged: dict[str, tuple[int, bool, str]] = field(default_factory=dict)
    _halts: dict[str, str] = field(default_factory=dict)
    _venue_again: float = 0.0

    def tick(self) -> Tick:
        """Go round once. Never raises for what the outside world does."""
        halts: dict[str, str] = {}
        now, state, decided = int(self.clock()), None, 0
        try:
            with _Named(halts):
                now = self.chain.now()
            if not halts:
                state, decided = self._go_round(now, halts)
        except SQLAlchemyError as error:  # nothing that it should have kept was begun
            halts["journal"] = f"the journal cannot be written: {_first_line(error)}"
        self._tell_halts(halts)
        return Tick(now, halts, decided, state)

    def _go_round(self, now: int, halts: dict[str, str]) -> tuple[VaultState | None, int]:
        self._check_clocks(now, halts)
        self._check_stop(halts)
        for part in (self.transactor.advance, self.desk.recover):
            with _Named(halts):
                part()
        state = None if "chain" in halts else self._read(halts)
        if state is None:
            return None, 0
        with _Named(halts):
            self._check_exchanges(halts)
            self._resolve_forecasts(state)
            self.duties.settle(state, self.tasks.busy())
        look = self._look(state, now)
        decided = 0
        with _Named(halts):
            self._check_venue(halts)
            self.tasks.advance(may_place=not halts)
            state = self._read(halts) or state
            if not halts and look.books:
                decided = self._decide(look, state)
        with _Named(halts):
            state = self._read(halts) or state
            self.duties.tidy(state, self.tasks.busy())
        with _Named(halts):
            if self.reporter.is_due(self.reporter.requests_wait()) and "clock" not in halts:
                self.reporter.report(look.markets, look.books)
        return self._read(halts) or state, decided

    # parts of a tick

    def _read(self, halts: dict[str, str]) -> VaultState | None:
        with _Named(halts):
            reserved = {
                row.account: self.journal.reserved(row.account) for row in self.journal.open()
            }
            return self.vault.read(reserved)
        return None

    def _look(self, state: VaultState, now: int) -> Look:
        view = View(now, state, {}, {}, negative_risk_oracle=self.negative_risk_oracle)
        held = {condition for each in state.markets.values() for condition in each.positions}
        look = self.sources.look(now, lambda market: view.class_of(market) is not None, held)
        for each in self.pools:
            books = each.books(self.chain, now)
            market = each.quoted(books)
            look = replace(
                look,
                markets={**look.markets, market.name: market},
                books={**look.books, **books},
            )
        for problem in look.problems:
            self.told("missing", {"what": problem})
        self._keep_forecasts(look)
        return look

    def view(self, look: Look, state: VaultState) -> View:
        """Return what a decision may know now."""
        names = sorted({market.vault_market for market in look.markets.values()})
        unknown = [name for name in names if "0x" + name.hex() not in state.markets]
        closed = self.vault.closed(unknown)
        return View(
            now=look.at,
            vault=replace(state, closed=closed),
            markets=look.markets,
            books=look.books,
            forecasts=self._heard(look),
            busy=self.tasks.busy(),
            decided=self.journal.decided(),
            day=self._day(look.at, state.nav),
            negative_risk_oracle=self.negative_risk_oracle,
        )

    def _decide(self, look: Look, state: VaultState) -> int:
        view = self.view(look, state)
        found = decide(view, self.packs, self.rules, self.journal.salt())
        self.seen(view, found)
        for decision in found.decisions:
            self.tasks.start(decision)
            record = decision.record
            self.told(
                "decided",
                {
                    "decision": "0x" + decision.id.hex(),
                    "pack": record["pack"],
                    "question": record["question"],
                    "legs": [
                        f"{leg['side']} {leg['size'] / 10**6:g} {leg['outcome']} at {leg['price']}"
                        for leg in record["legs"]
                    ],
                    "binding": record["sizing"]["binding"],
                    "edge": record["edge"],
                },
            )
        if found.decisions:
            self.tasks.advance()
        return len(found.decisions)

    def _day(self, now: int, nav: int) -> Day:
        name = f"day {datetime.fromtimestamp(now, UTC):%Y-%m-%d}"
        opening = self.journal.fact(name)
        if opening is None:
            opening = str(nav)
            self.journal.keep(name, opening)
        loss = self.journal.fact("last_loss_at")
        return Day(int(opening), nav, int(loss) if loss else None)

    # forecasts

    def _keep_forecasts(self, look: Look) -> None:
        for name, given in look.forecasts.items():
            market = look.markets.get(name)
            book = look.books.get(str(market.token_ids[YES])) if market is not None else None
            mid = book.mid() if book is not None else None
            if market is not None and mid is not None:
                for each in given:
                    self.journal.forecast(each, market.event or name, mid)

    def _resolve_forecasts(self, state: VaultState) -> None:
        for market, each in state.markets.items():
            if not each.resolved:
                continue
            _, held = self.vault.positions(bytes.fromhex(market[2:]))
            for condition, position in held:
                if position.resolved:
                    paid = position.payout_yes / position.payout_denominator
                    self.journal.resolve(condition, paid)

    def _heard(self, look: Look) -> dict[str, list[Given]]:
        """Return the forecasts whose sources have graduated, and the signals."""
        known = {name for name, (passed, _) in self.graduates().items() if passed}
        known |= set(self.signals)
        heard = {
            market: [each for each in given if each.source in known]
            for market, given in look.forecasts.items()
        }
        return {market: given for market, given in heard.items() if given}

    def graduates(self) -> dict[str, tuple[bool, str]]:
        """Return which forecasters' word may move money, and why (not)."""
        records = self.journal.resolved_forecasts()
        for source, known in records.items():
            judged = self._judged.get(source)
            if judged is None or judged[0] != len(known):
                self._judged[source] = (len(known), *self.gate.judge(known))
        return {source: self._judged[source][1:] for source in records}

    # what stops decisions

    def _check_clocks(self, now: int, halts: dict[str, str]) -> None:
        here, limit = self.clock(), self.watch.max_skew_s
        if abs(here - now) > limit:
            halts["clock"] = (
                f"this clock is {here - now:+.0f} s from the chain's, at most {limit}: "
                "set the clock, or wait for a block"
            )
            return
        theirs = self.clob.time()
        if theirs is not None and abs(here - theirs) > limit:
            halts["clock"] = f"this clock is {here - theirs:+.0f} s from the venue's"

    def _check_stop(self, halts: dict[str, str]) -> None:
        if self.watch.stop_file is not None and self.watch.stop_file.exists():
            halts["stop"] = f"{self.watch.stop_file} exists: remove it to go on"

    def _check_exchanges(self, halts: dict[str, str]) -> None:
        for address in self.exchanges:
            if self.chain.ask_one(address, "Exchange", "paused"):
                halts["exchange"] = f"exchange {address} is paused"

    def _check_venue(self, halts: dict[str, str]) -> None:
        if self.watch.heartbeat:
            for beat in [clob.heartbeat() for clob in self._clobs()]:
                if beat.kind != "yes":
                    halts["heartbeat"] = f"the venue does not take our heartbeat: {beat.detail}"
        here = self.clock()
        if self._trouble() and self._venue_again <= here:
            if "venue" in self._halts:
                for clob in self._clobs():
                    clob.trouble = ""  # once more
            else:
                self._venue_again = here + self.watch.pause_s
        if self._trouble():
            halts["venue"] = f"the venue takes no orders: {self._trouble()}"

    def _clobs(self) -> list[Clob]:
        """Return the service under each of our API keys."""
        return [self.clob, *(wallet.clob for wallet in self.vault.wallets.all())]

    def _trouble(self) -> str:
        return next((clob.trouble for clob in self._clobs() if clob.trouble), "")

    def _tell_halts(self, halts: Mapping[str, str]) -> None:
        for name, why in halts.items():
            if name not in self._halts:
                self.told("halted", {"what": name, "why": why})
        for name in self._halts:
            if name not in halts:
                self.told("goes_on", {"what": name})
        self._halts = dict(halts)


class _Named:
    """Turns what a part of a tick fails by into a named halt."""

    def __init__(self, halts: dict[str, str]) -> None:
        self._halts = halts

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, NotSigned):
            self._halts["signers"] = str(error)
            return True
        if isinstance(error, CHAIN_AWAY):
            self._halts["chain"] = f"the chain does not answer: {_first_line(error)}"
            return True
        return False


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
