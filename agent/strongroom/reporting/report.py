"""The report: marks of every open market, the evidence behind them, one transaction; and whether
the chain came to the same NAV as we did."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from strongroom.chain.calls import make_call
from strongroom.chain.ids import keccak
from strongroom.chain.rpc import Position
from strongroom.execution.transactions import Transactor
from strongroom.execution.vault_reader import VaultReader
from strongroom.execution.venues.pools import read_pool
from strongroom.information.books import Book
from strongroom.information.gamma import Market
from strongroom.journal import Journal
from strongroom.journal.states import Sending
from strongroom.reporting.evidence import evidence_document, evidence_hash, store_evidence
from strongroom.reporting.marks import (
    Mark,
    Method,
    mark_from_books,
    mark_from_pool,
    resolved_mark,
    within_event,
)
from strongroom.reporting.nav import value_of, with_wallet

PURPOSE = "report"


@dataclass(frozen=True)
class Schedule:
    """When a report is due; seconds since the last one.

    Attributes:
        every: in any case
        when_asked: while requests wait
    """

    every: int = 6 * 3_600
    when_asked: int = 3_600


@dataclass(frozen=True)
class Reporting:
    """How reports are made.

    Attributes:
        evidence: folder of the documents, each stored under its hash
        source: where the quotes come from, in words
        pools: vault market -> pool at which it is valued instead of at books
    """

    evidence: Path
    source: str
    schedule: Schedule = Schedule()
    method: Method = field(default_factory=Method)
    pools: Mapping[str, str] = field(default_factory=dict)
    code_version: str = ""


@dataclass(frozen=True)
class Expected:
    """What a report must come to: account values at the bid and at the ask, by market."""

    values: Mapping[str, tuple[int, int]]
    nav_bid: int
    nav_ask: int


class Reporter:
    """Reports one vault."""

    def __init__(
        self,
        settings: Reporting,
        journal: Journal,
        transactor: Transactor,
        vault: VaultReader,
        now: Callable[[], int],
        told: Callable[[str, Mapping[str, Any]], None] = lambda event, fields: None,
    ) -> None:
        """Take the parts; `told` hears of each report."""
        self.settings, self._journal, self._transactor = settings, journal, transactor
        self._vault, self._now, self._told = vault, now, told

    def is_due(self, requests_wait: bool) -> bool:
        """Whether it is time."""
        schedule = self.settings.schedule
        last = int(self._vault.ask(("lastReport",))[0])
        sent = int(self._journal.fact("report_sent_at") or 0)  # it may wait for the guardian
        age = self._now() - max(last, sent)
        return age >= (schedule.when_asked if requests_wait else schedule.every)

    def requests_wait(self) -> bool:
        """Whether the open epochs hold requests."""
        (epochs,) = self._vault.ask(("epochs",))
        found = self._vault.ask(*(("epochOf", side, epoch) for side, epoch in enumerate(epochs)))
        return any(requested for requested, *_ in found)

    def report(self, markets: Mapping[str, Market], books: Mapping[str, Book]) -> bytes | None:
        """Mark, store the evidence, send; return the evidence's hash, None while it is under way.

        Raises:
            NotSigned: a signature is missing.
        """
        if any(row.purpose == PURPOSE for row in self._journal.transactions.open()):
            self._transactor.advance()
            return None
        now = self._now()
        marks, basis, expected = self.marks(markets, books, now)
        revealed = self._journal.unrevealed()
        document = evidence_document(
            self._vault.address,
            now,
            marks,
            basis,
            [record for _, record in revealed],
            self.settings.source,
            self.settings.code_version,
        )
        evidence = evidence_hash(document)
        store_evidence(self.settings.evidence, document)
        taken = [mark.as_tuple() for mark in marks]
        call = make_call(self._vault.address, "Vault", "report", taken, evidence)
        state, why = self._transactor.run(keccak(b"report" + evidence), PURPOSE, [call])
        if state == Sending.DROPPED:
            self._told("report_refused", {"why": why})
            return None
        if state not in (Sending.MINED, Sending.DONE):
            return None
        self._journal.keep("report_sent_at", str(now))
        self._journal.reveal([identity for identity, _ in revealed])
        self._check(evidence, expected)
        return evidence

    def marks(
        self, markets: Mapping[str, Market], books: Mapping[str, Book], now: int
    ) -> tuple[list[Mark], list[dict[str, Any]], Expected]:
        """Return the marks in the contract's order, what each rests on, and what they come to."""
        marks: list[Mark] = []
        basis: list[dict[str, Any]] = []
        values: dict[str, tuple[int, int]] = {}
        for market in self._vault.ask(("openMarkets",))[0]:
            _, held = self._vault.positions(market)
            mine = within_event(
                [self._mark(market, each, markets, books, now, basis) for each in held]
            )
            marks += mine
            there, away, outstanding = self._vault.away(market)
            value = value_of(*self._vault.here(market), mine)
            if away:
                value = with_wallet(value, value_of(there, away, mine), outstanding)
            values["0x" + market.hex()] = value
        idle = self._vault.ask(("total_idle",))[0]
        bid, ask = (idle + sum(value[side] for value in values.values()) for side in (0, 1))
        return marks, basis, Expected(values, bid, ask)

    def _mark(
        self,
        vault_market: bytes,
        held: tuple[str, Position],
        markets: Mapping[str, Market],
        books: Mapping[str, Book],
        now: int,
        basis: list[dict[str, Any]],
    ) -> Mark:
        condition, position = held
        name = bytes.fromhex(condition[2:])
        if position.resolved:
            basis.append({"market": condition, "resolved": True})
            return resolved_mark(name)
        pool_address = self.settings.pools.get("0x" + vault_market.hex())
        if pool_address is not None:
            pool = read_pool(self._vault.chain, pool_address)
            reserves = [str(each) for each in pool.reserves]
            basis.append({"market": condition, "pool": pool_address, "reserves": reserves})
            return mark_from_pool(name, pool, position.yes, position.no)
        market = markets.get(condition)
        pair: tuple[Book | None, Book | None] = (None, None)
        if market is not None:
            yes, no = (books.get(str(token)) for token in market.token_ids)
            pair = (yes, no)
        basis.append({"market": condition, "books": [_shown(book) for book in pair]})
        return mark_from_books(name, pair, now, self.settings.method)

    def _check(self, evidence: bytes, expected: Expected) -> None:
        """Tell what the chain came to, and whether that is what we did."""
        chain, since = self._vault.chain, max(0, self._vault.chain.head()[0] - 64)
        logs = [
            log["args"]
            for event in ("Reported", "ReportPending")
            for log in chain.logs(self._vault.address, "Vault", event, since)
            if log["args"]["evidence"] == evidence
        ]
        if not logs:
            return
        found = logs[-1]
        difference = found["nav_bid"] - expected.nav_bid, found["nav_ask"] - expected.nav_ask
        fields = {
            "evidence": "0x" + evidence.hex(),
            "nav_bid": found["nav_bid"],
            "nav_ask": found["nav_ask"],
            "difference_bid": difference[0],
            "difference_ask": difference[1],
        }
        self._told("reported" if "supply" in found else "report_pending", fields)
        if any(difference):
            self._told("nav_differs", fields)


def _shown(book: Book | None) -> dict[str, Any] | None:
    if book is None:
        return None
    return {
        "seen_at": book.seen_at,
        "hash": book.hash,
        "bids": _pairs(book.bids),
        "asks": _pairs(book.asks),
    }


def _pairs(levels: Sequence[Any]) -> list[list[int]]:
    return [[level.price, level.size] for level in levels]
