"""What the chain says at the block of one event, beside what the event says: whether an account had
been halted before its market was closed (such a market is never opened again), and each mark of a
report, of markets that hold nothing, too."""

from collections.abc import Iterator

from strongroom.audit.contracts import Views
from strongroom.audit.events import MarketClosed
from strongroom.audit.ledger import BookedReport
from strongroom.audit.movements import topic_of
from strongroom.audit.node import Node, NodeRefuses
from strongroom.audit.permissions import Difference, difference
from strongroom.audit.view_checks import LOW64

_HALTED = topic_of("Halted(address,uint256)")


def closed_wrongly(node: Node, views: Views, it: MarketClosed) -> Iterator[Difference]:
    """Yield where a closing tells of an earlier halt that was none, or leaves one out. An account
    that does not answer counts as halted; one that fails to halt, too.

    Raises:
        NodeAway, BadLog: see Auditor.run.
    """
    what = "MarketClosed.halted: as its account says"
    try:
        before, after = (
            bool(views.call(it.account, "halted", (), block)) for block in (it.block - 1, it.block)
        )
    except NodeRefuses:
        return
    if before == it.halted or not after:
        return
    for _, logs in node.logs([it.account], it.block, it.block, [[_HALTED]]):
        if any(log["transactionHash"] != it.transaction for log in logs):
            return  # halted in this block, before it was closed
    yield difference(it, what, before, it.halted)


def marks_wrong(views: Views, vault: str, report: BookedReport) -> list[tuple[str, object, object]]:
    """Return the marks that the vault shows otherwise after a report's block: what, as logged, as
    shown. Marks of a later report in the block are none of this one's.

    Raises:
        NodeAway: the node does not answer.
    """
    words = {
        (name, condition): word
        for name, book in report.books.items()
        for condition, word in enumerate(book.marks)
        if word
    }
    answers = views.call_all(vault, [("markOf", each) for each in words], report.block)
    found: list[tuple[str, object, object]] = []
    for (name, condition), answer in zip(words, answers, strict=True):
        word = words[name, condition]
        mark = (word & LOW64, (word >> 64) & LOW64, word >> 128)
        if answer != mark and answer[2] <= mark[2]:
            found.append((f"view markOf {name} {condition}", mark, answer))
    return found
