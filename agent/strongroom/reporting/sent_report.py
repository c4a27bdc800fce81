"""The report that was sent last, kept in the journal until all that follows from it is noted: its
transaction may be mined at any later tick, also after a restart."""

from dataclasses import dataclass

from pydantic import TypeAdapter

from strongroom.chain.calls import Head
from strongroom.chain.ids import ConditionId, DecisionId, MarketId, TransactionKey
from strongroom.journal import Journal
from strongroom.reporting.maker_payments import MakerPayment
from strongroom.reporting.report_check import Expected

_FACT = "report under way"  # of the journal's; empty: none is


@dataclass(frozen=True)
class SentReport:
    """What a report's evidence says, as far as something is to be noted once it is on chain.

    Attributes:
        key: of its transaction
        evidence: hash, 0x...
        has_records: its transaction carries the decisions' records, too
        revealed, withheld: decisions that it shows, and that it states to be withheld
        payments: that it tells; None: nobody has looked
        head: the newest block when it was made
        nav: that it must come to, at the bid and at the ask, micro-units
        quotes: (market, condition, bid, ask of YES), WAD
    """

    key: TransactionKey
    evidence: str
    has_records: bool
    revealed: tuple[DecisionId, ...]
    withheld: tuple[DecisionId, ...]
    payments: tuple[MakerPayment, ...] | None
    head: Head
    nav: tuple[int, int]
    quotes: tuple[tuple[MarketId, ConditionId, int, int], ...]

    @property
    def expected(self) -> Expected:
        """What it must come to."""
        quotes = {(market, name): (bid, ask) for market, name, bid, ask in self.quotes}
        return Expected(self.head, *self.nav, quotes)


_SENT = TypeAdapter(SentReport)


def keep_report(journal: Journal, report: SentReport) -> None:
    """Keep it in place of the one before."""
    journal.keep(_FACT, _SENT.dump_json(report).decode())


def kept_report(journal: Journal) -> SentReport | None:
    """Return the one that something is still to be noted of."""
    text = journal.fact(_FACT)
    return _SENT.validate_json(text) if text else None


def forget_report(journal: Journal) -> None:
    """Nothing is to be noted of it any more."""
    journal.keep(_FACT, "")
