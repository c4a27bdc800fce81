"""The report: marks of every open market, the evidence behind them, one transaction; and whether
the chain came to the same NAV as we did."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from strongroom.analysis.pools import Pool
from strongroom.chain.calls import make_call
from strongroom.chain.ids import (
    ConditionId,
    Json,
    MarketId,
    TokenId,
    to_bytes,
    transaction_key,
)
from strongroom.chain.rpc import Position
from strongroom.chain.units import HOUR
from strongroom.execution.interfaces import Listener, SafeSender
from strongroom.execution.vault_reader import Holdings, VaultReader
from strongroom.execution.venues.pools import read_pools
from strongroom.information.books import Book
from strongroom.information.gamma import Market
from strongroom.journal import Journal
from strongroom.journal.states import TransactionState
from strongroom.reporting.evidence import (
    Basis,
    evidence_document,
    evidence_hash,
    store_evidence,
)
from strongroom.reporting.marks import (
    Mark,
    Method,
    mark_from_books,
    mark_from_pool,
    resolved_mark,
    within_event,
)
from strongroom.reporting.nav import value_of, with_wallet

LOOK_BACK = 64  # blocks, for the event of the report that was just sent
PURPOSE = "report"


@dataclass(frozen=True)
class ReportSchedule:
    """When a report is due; seconds since the last one.

    Attributes:
        every: in any case
        when_asked: while requests wait
    """

    every: int = 6 * HOUR
    when_asked: int = HOUR


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
    schedule: ReportSchedule = ReportSchedule()
    method: Method = field(default_factory=Method)
    pools: Mapping[MarketId, str] = field(default_factory=dict)
    code_version: str = ""


@dataclass(frozen=True)
class Expected:
    """What a report must come to: account values at the bid and at the ask, by market."""

    values: Mapping[MarketId, tuple[int, int]]
    nav_bid: int
    nav_ask: int


class Reporter:
    """Reports one vault."""

    def __init__(
        self,
        settings: Reporting,
        journal: Journal,
        transactor: SafeSender,
        vault: VaultReader,
        now: Callable[[], int],
        on_event: Listener = lambda event, fields: None,
    ) -> None:
        """Take the parts; `on_event` is called with each report."""
        self.settings, self._journal, self._transactor = settings, journal, transactor
        self._vault, self._now, self._on_event = vault, now, on_event

    def is_due(self, requests_wait: bool) -> bool:
        """Whether it is time."""
        schedule = self.settings.schedule
        sent = int(self._journal.fact("report_sent_at") or 0)  # it may wait for the guardian
        age = self._now() - max(self._vault.reported_at(), sent)
        return age >= (schedule.when_asked if requests_wait else schedule.every)

    def report(
        self, markets: Mapping[ConditionId, Market], books: Mapping[TokenId, Book]
    ) -> str | None:
        """Mark, store the evidence, send; return the evidence's hash, None while it is under way.

        Raises:
            NotSigned: a signature is missing.
        """
        if any(each.purpose == PURPOSE for each in self._journal.transactions.open()):
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
        key = transaction_key(b"report" + to_bytes(evidence))
        state, why = self._transactor.run(key, PURPOSE, [call])
        if state == TransactionState.DROPPED:
            self._on_event("report_refused", {"why": why})
            return None
        if state not in (TransactionState.MINED, TransactionState.DONE):
            return None
        self._journal.keep("report_sent_at", str(now))
        self._journal.reveal([identity for identity, _ in revealed])
        self._check(evidence, expected)
        return evidence

    def marks(
        self, markets: Mapping[ConditionId, Market], books: Mapping[TokenId, Book], now: int
    ) -> tuple[list[Mark], list[Basis], Expected]:
        """Return the marks in the contract's order, what each rests on, and what they come to."""
        held = self._vault.holdings(self._vault.open_markets())
        pools = self._pools(held)
        marks: list[Mark] = []
        basis: list[Basis] = []
        values: dict[MarketId, tuple[int, int]] = {}
        for account in held:
            pool = pools.get(account.market)
            pairs = [
                self._mark(condition, position, pool, markets, books, now)
                for condition, position in account.positions.items()
            ]
            mine = within_event([mark for mark, _ in pairs])
            marks += mine
            basis += [each for _, each in pairs]
            value = value_of(account.collateral, account.here, mine)
            if account.wallet:
                away = value_of(account.collateral_away, account.away, mine)
                value = with_wallet(value, away, account.outstanding)
            values[account.market] = value
        idle = self._vault.idle()
        bid, ask = (idle + sum(value[side] for value in values.values()) for side in (0, 1))
        return marks, basis, Expected(values, bid, ask)

    def _pools(self, held: Sequence[Holdings]) -> dict[MarketId, tuple[str, Pool]]:
        """Return the pools at which markets are valued, as they stand."""
        named = {
            each.market: address
            for each in held
            if (address := self.settings.pools.get(each.market)) is not None
        }
        found = read_pools(self._vault.chain, list(named.values())) if named else []
        return {
            market: (address, pool)
            for (market, address), pool in zip(named.items(), found, strict=True)
        }

    def _mark(
        self,
        condition: ConditionId,
        position: Position,
        pool: tuple[str, Pool] | None,
        markets: Mapping[ConditionId, Market],
        books: Mapping[TokenId, Book],
        now: int,
    ) -> tuple[Mark, Basis]:
        """Return a condition's marks, and what they rest on."""
        if position.resolved:
            return resolved_mark(condition), Basis(condition, resolved=True)
        if pool is not None:
            address, there = pool
            mark = mark_from_pool(condition, there, position.yes, position.no)
            return mark, Basis(condition, pool=address, reserves=there.reserves)
        market = markets.get(condition)
        pair: tuple[Book | None, Book | None] = (None, None)
        if market is not None:
            yes, no = (books.get(token) for token in market.token_ids)
            pair = (yes, no)
        mark = mark_from_books(condition, pair, now, self.settings.method)
        return mark, Basis(condition, books=pair)

    def _check(self, evidence: str, expected: Expected) -> None:
        """Report the NAV on chain, and whether it is the one that we computed."""
        chain, mine = self._vault.chain, {"evidence": evidence}
        since = max(0, chain.head().number - LOOK_BACK)
        logs = [
            (name, log)
            for event, name in (("Reported", "reported"), ("ReportPending", "report_pending"))
            for log in chain.logs(self._vault.address, "Vault", event, since, matching=mine)
        ]
        if not logs:
            return
        name, found = logs[-1]
        bid, ask = int(found.args["nav_bid"]), int(found.args["nav_ask"])
        difference = bid - expected.nav_bid, ask - expected.nav_ask
        fields: dict[str, Json] = {
            "evidence": evidence,
            "nav_bid": bid,
            "nav_ask": ask,
            "difference_bid": difference[0],
            "difference_ask": difference[1],
        }
        self._on_event(name, fields)
        if any(difference):
            self._on_event("nav_differs", fields)
