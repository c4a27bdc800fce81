"""The report: marks of every open market, the evidence behind them, one transaction."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from strongroom.analysis.pools import Pool
from strongroom.chain.calls import Call, make_call
from strongroom.chain.decision_records import MOST_RECORDS, records_call
from strongroom.chain.document_size import MOST_OF_RECORDS, DocumentSize, size_of
from strongroom.chain.ids import (
    ConditionId,
    MarketId,
    Question,
    TransactionKey,
    to_bytes,
    transaction_key,
)
from strongroom.chain.rpc import Position
from strongroom.chain.units import HOUR
from strongroom.execution.holdings import Holdings
from strongroom.execution.interfaces import Listener, SafeSender
from strongroom.execution.transactions import LATE
from strongroom.execution.vault_reader import VaultReader
from strongroom.execution.venues.pools import read_pools
from strongroom.journal import Journal
from strongroom.journal.rows import Unrevealed
from strongroom.journal.states import TransactionState
from strongroom.reporting.decided_views import DecidedViews
from strongroom.reporting.evidence import (
    Basis,
    delete_evidence,
    evidence_document,
    evidence_hash,
    store_evidence,
)
from strongroom.reporting.maker_payments import MakerPayment, MakerPayments, PayerKind
from strongroom.reporting.marks import (
    UNKNOWN,
    Mark,
    Method,
    Quote,
    quote_from_books,
    quote_from_pool,
    within_event,
)
from strongroom.reporting.nav import paid_to_yes
from strongroom.reporting.report_check import Expected, check_report, expected_of
from strongroom.reporting.seen import SeenBooks
from strongroom.reporting.sent_report import (
    SentReport,
    forget_report,
    keep_report,
    kept_report,
)
from strongroom.strategy.record import DecisionRecord, encode

PURPOSE = "report"
FRESH_S = 180  # marks are sent within that, or made anew
SHOWN_WITHIN_S = 600  # of its making: later nobody waits for a node to show a report


@dataclass(frozen=True)
class ReportSchedule:
    """When a report is due; seconds since the last one, and never sooner than the vault admits.

    Attributes:
        every: in any case
        when_asked: while requests wait
        when_opened: while an open market has no mark, which its orders need
    """

    every: int = 6 * HOUR
    when_asked: int = HOUR
    when_opened: int = 0


@dataclass(frozen=True)
class Reporting:
    """How reports are made.

    Attributes:
        evidence: folder of the documents, each stored under its hash
        source: where the quotes come from, in words
        pools: question -> pool at which it is valued instead of at books
        payers: who pays makers beside trades -> for what
        on_chain: a report's transaction carries the decision records, too
        views: what decisions were made from, until it is published; None: it is withheld
        restarts: whether a keeper may go on with the journal later
    """

    evidence: Path
    source: str
    schedule: ReportSchedule = ReportSchedule()
    method: Method = field(default_factory=Method)
    pools: Mapping[Question, str] = field(default_factory=dict)
    code_version: str = ""
    payers: Mapping[str, PayerKind] = field(default_factory=dict)
    on_chain: bool = False
    views: DecidedViews | None = None
    restarts: bool = True


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
        """Take the parts; `on_event` is called with each report.

        Attributes:
            seen: the books that marks are made from
        """
        self.seen = SeenBooks(journal, settings.restarts)
        self.settings, self._journal, self._transactor = settings, journal, transactor
        self._vault, self._now, self._on_event = vault, now, on_event
        self._payments = MakerPayments(journal, vault, settings.payers)
        self._without_records = False  # in the next report: with them, the last one was refused

    def is_due(self, unmarked: bool) -> bool:
        """Whether it is time.

        Args:
            unmarked: whether a market waits for its first mark
        """
        schedule, state = self.settings.schedule, self._vault.reports()
        after = schedule.every
        if state.requests_wait:
            after = min(after, schedule.when_asked)
        if unmarked:
            after = min(after, schedule.when_opened)
        return self._now() - state.last >= max(after, state.interval_s)

    def report(self) -> str | None:
        """Mark, store the evidence, send; return the evidence's hash, None where it is under way,
        or waits: marks are made when nothing of ours can come between them and their report.

        Raises:
            NotSigned: a signature is missing.
            Unseen: no book of something that the vault holds was ever seen.
        """
        self.follow()
        if kept_report(self._journal) is not None or not self._transactor.is_free():
            return None
        marks, basis, expected = self.marks()
        now = expected.head.timestamp
        waiting = self._journal.unrevealed()
        revealed, withheld = due_records(waiting, now + 2 * self.settings.schedule.every)
        shown = [each.record for each in revealed]
        payments = self._payments.until(expected.head.number)
        document = evidence_document(
            self._vault.address,
            now,
            marks,
            basis,
            shown,
            self.settings.source,
            self.settings.code_version,
            payments,
            [each.record for each in withheld],
        )
        evidence = evidence_hash(document)
        store_evidence(self.settings.evidence, document)
        if self.settings.views is not None:
            ids = {each.id for each in revealed}
            later = [each.record for each in waiting if each.id not in ids]
            self.settings.views.publish(shown, later)
        taken = [mark.as_tuple() for mark in marks]
        calls = [make_call(self._vault.address, "Vault", "report", taken, evidence)]
        records = self._records(evidence, shown)
        calls += [] if records is None else [records]
        sent = SentReport(
            key=self._key(evidence, len(calls)),
            evidence=evidence,
            has_records=records is not None,
            revealed=tuple(each.id for each in revealed),
            withheld=tuple(each.id for each in withheld),
            payments=None if payments is None else tuple(payments),
            head=expected.head,
            nav=(expected.nav_bid, expected.nav_ask),
            quotes=tuple((*place, *quote) for place, quote in expected.quotes.items()),
        )
        keep_report(self._journal, sent)
        self._transactor.run(sent.key, PURPOSE, calls, now, now + FRESH_S)
        return self.follow()

    def _key(self, evidence: str, calls: int) -> TransactionKey:
        """Return the key of a report's transaction: another one where the last was dropped."""
        key = transaction_key(b"report" + bytes(calls - 1) + to_bytes(evidence))
        while self._transactor.state(key)[0] == TransactionState.DROPPED:
            key = transaction_key(to_bytes(key) + b"again")
        return key

    def follow(self) -> str | None:
        """Note what came of the report that was planned last, whenever it comes; return its
        evidence's hash once that is all. One that was never sent is dropped, with its evidence:
        what it would say may be wrong by the time at which it could go."""
        sent = kept_report(self._journal)
        if sent is None:
            return None
        state, why = self._transactor.state(sent.key)
        match state:
            case TransactionState.SENT | TransactionState.MINED:
                return None
            case TransactionState.DROPPED:
                self._without_records = sent.has_records and why != LATE
                self._on_event("report_refused", {"why": why})
            case TransactionState.DONE:
                if not self._settle(sent):
                    return None
            case _:
                self._transactor.withdraw(sent.key)
                delete_evidence(self.settings.evidence, sent.evidence)
        forget_report(self._journal)
        return sent.evidence if state == TransactionState.DONE else None

    def _settle(self, sent: SentReport) -> bool:
        """Note that a report is on chain, and check it. Return whether that is all: a node may show
        it later."""
        told = list(check_report(self._vault, sent.evidence, sent.expected))
        if not told:
            if self._now() - sent.head.timestamp <= SHOWN_WITHIN_S:
                return False
            told = [("nav_unknown", {"evidence": sent.evidence, "why": "no node shows the report"})]
        self._journal.reveal(list(sent.revealed), list(sent.withheld))
        if sent.payments is not None:
            self._payments.tell(sent.head.number)
            self._tell_income(sent.payments)
        for event, fields in told:
            self._on_event(event, fields)
        return True

    def _records(self, evidence: str, revealed: Sequence[DecisionRecord]) -> Call | None:
        """Return the call that carries the decision records; None: the report goes alone."""
        if not self.settings.on_chain or not revealed:
            return None
        found = records_call(evidence, [encode(each) for each in revealed])
        if found is None or self._without_records:
            why = "they are too large" if found is None else "with them, the report was refused"
            self._on_event("records_left_out", {"decisions": len(revealed), "why": why})
            self._without_records = False
            return None
        return found

    def _tell_income(self, payments: Sequence[MakerPayment]) -> None:
        """Tell what came of each kind, where something did."""
        for kind in PayerKind:
            came = sum(each.amount for each in payments if each.kind is kind)
            if came:
                self._on_event("income", {"kind": kind.value, "amount": came})

    def marks(self) -> tuple[list[Mark], list[Basis], Expected]:
        """Return the marks of all open markets' unresolved conditions, what each condition rests
        on, and what they come to.

        Raises:
            Unseen: see report.
        """
        head, markets, idle = self._vault.open_and_idle()
        held = self._vault.holdings(markets)
        pools = self._pools(held)
        marks: list[Mark] = []
        basis: list[Basis] = []
        known: dict[tuple[MarketId, ConditionId], Quote] = {}
        for account in held:
            positions = account.positions
            if account.market not in pools:
                self.seen.check(positions, head.timestamp)
            pairs = [
                self._quote(condition, position, pools.get(account.market), head.timestamp)
                for condition, position in positions.items()
            ]
            quotes = _exclusive([quote for quote, _ in pairs], list(positions.values()))
            basis += [each for _, each in pairs]
            marks += [
                Mark(account.market, place, condition, *quote)
                for place, ((condition, position), quote) in enumerate(
                    zip(positions.items(), quotes, strict=True)
                )
                if not position.resolved
            ]
            for condition, quote in zip(positions, quotes, strict=True):
                known[account.market, condition] = quote
        return marks, basis, expected_of(head, held, idle, known)

    def _pools(self, held: Sequence[Holdings]) -> dict[MarketId, tuple[str, Pool]]:
        """Return the pools at which markets are valued, as they stand."""
        named = {
            each.market: address
            for each in held
            if (address := self.settings.pools.get(each.question)) is not None
        }
        found = read_pools(self._vault.chain, list(named.values())) if named else []
        return {
            market: (address, pool)
            for (market, address), pool in zip(named.items(), found, strict=True)
        }

    def _quote(
        self,
        condition: ConditionId,
        position: Position,
        pool: tuple[str, Pool] | None,
        now: int,
    ) -> tuple[Quote, Basis]:
        """Return a condition's bid and ask of YES, and what they rest on."""
        if position.resolved:
            return UNKNOWN, Basis(condition, resolved=True)
        if pool is not None:
            address, there = pool
            quote = quote_from_pool(there, position.yes, position.no)
            return quote, Basis(condition, pool=address, reserves=there.reserves)
        pair = self.seen.of(condition, now)
        held = abs(position.yes - position.no)
        quote = quote_from_books(pair, held, now, self.settings.method)
        return quote, Basis(condition, books=pair)


def due_records(
    waiting: Sequence[Unrevealed], soon: int
) -> tuple[list[Unrevealed], list[Unrevealed]]:
    """Return the decisions that a report reveals, and those that it states to be withheld.

    A record is revealed once its task is closed; a private one two reports before its date. What a
    document has no room for comes with the next report, the oldest first. One goes in any case.

    Args:
        soon: timestamp, two reports from now
    """
    closed = [each for each in waiting if each.closed]
    due = [each for each in closed if each.record.reveal_by <= soon]
    later = [each for each in closed if each.record.reveal_by > soon and not each.stated]
    return due[: _room_for(due)], later[:MOST_RECORDS]


def _room_for(due: Sequence[Unrevealed]) -> int:
    """Return how many of these records, from the first, a document has room for."""
    taken = DocumentSize()
    for number, each in enumerate(due[:MOST_RECORDS]):
        taken += size_of(encode(each.record))
        if number and not taken.is_within(MOST_OF_RECORDS):
            return number
    return min(len(due), MOST_RECORDS)


def _exclusive(quotes: Sequence[Quote], positions: Sequence[Position]) -> list[Quote]:
    """Return the quotes of a market's conditions, whose bids of YES leave room for one another."""
    if len(quotes) == 1:
        return list(quotes)
    bids = [
        0 if position.resolved else bid
        for (bid, _), position in zip(quotes, positions, strict=True)
    ]
    kept = within_event(bids, paid_to_yes(positions))
    return [(bid, ask) for bid, (_, ask) in zip(kept, quotes, strict=True)]
