"""Fills of the vault's accounts, each joined to the decision that a reported document reveals."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from strongroom.audit.checkpoint import AccountFill, Progress
from strongroom.audit.documents import Revealed
from strongroom.audit.events import (
    AuditedEvent,
    OrderFilled,
    Reported,
    exchange_readers,
    read_logs,
    vault_readers,
)
from strongroom.audit.node import Node
from strongroom.audit.permissions import Difference
from strongroom.chain.ids import MarketId

ACCOUNTS = 200  # in one request


class FillJoiner:
    """Joins fills on some exchanges to the decisions of a folder of evidence documents."""

    def __init__(
        self,
        node: Node,
        exchanges: Sequence[str],
        evidence: Path,
        vault: str,
        blocks: tuple[int, int],
        on_event: Callable[[int, AuditedEvent], None],
    ) -> None:
        """Take where fills are looked for, and where decisions are.

        Args:
            blocks: first and last, of the reports whose documents count
            on_event: is called with each fill's time and event
        """
        self._node, self._exchanges, self._evidence = node, exchanges, evidence
        self._vault, self._blocks, self._on_event = vault, blocks, on_event
        self._records: Revealed | None = None
        (self._topic,) = exchange_readers()  # of fills

    def join(self, progress: Progress, first: int, last: int) -> None:
        """Join the fills of some blocks."""
        if not self._exchanges:
            return
        accounts = sorted("0x" + "00" * 12 + account[2:] for account in progress.ledger.accounts)
        for start in range(0, len(accounts), ACCOUNTS):
            topics = [self._topic, None, accounts[start : start + ACCOUNTS]]
            for _, logs in self._node.logs(self._exchanges, first, last, topics):
                events = read_logs(logs, exchange_readers())
                self._join(progress, [each for each in events if isinstance(each, OrderFilled)])

    def _join(self, progress: Progress, events: Sequence[OrderFilled]) -> None:
        times = self._node.times(sorted({event.block for event in events}))
        for event in events:
            progress.fills += 1
            time = times[event.block]
            self._on_event(time, event)
            fill = AccountFill(event.block, event.transaction, time, event.metadata)
            if self._is_explained(fill):
                progress.joined += 1
            else:
                progress.unjoined.append(fill)

    def join_again(self, progress: Progress) -> None:
        """Explain fills that waited, by what has been revealed since."""
        left = [fill for fill in progress.unjoined if not self._is_explained(fill)]
        progress.joined += len(progress.unjoined) - len(left)
        progress.unjoined = left

    def difference(self, fill: AccountFill) -> Difference:
        """Return why a fill is not explained."""
        known = self._revealed().time(fill.decision) is not None
        why = "the record is younger than its fill" if known else "no revealed record has this id"
        what = f"OrderFilled.metadata: {why}"
        return Difference(fill.block, fill.transaction, what, "a decision", "none")

    def name(self, market: MarketId) -> str | None:
        """Return what the evidence calls a market, or None where it does not say."""
        return self._revealed().name(market)

    def _is_explained(self, fill: AccountFill) -> bool:
        decided = self._revealed().time(fill.decision)
        return decided is not None and decided <= fill.time

    def _revealed(self) -> Revealed:
        """Return the decisions of the documents whose hashes are on chain."""
        if self._records is None:
            self._records = Revealed(self._evidence, self._hashes())
        return self._records

    def _hashes(self) -> Iterator[str]:
        """Yield the evidence hashes of all reports up to the last block."""
        readers = vault_readers()
        topics = [topic for topic, each in readers.items() if each.record is Reported]
        for _, logs in self._node.logs([self._vault], *self._blocks, [topics]):
            for event in read_logs(logs, readers):
                if isinstance(event, Reported):
                    yield event.evidence
