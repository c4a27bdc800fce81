"""What the chain says at the block of a closing, beside what the event says: whether the account
had been halted before (such a market is never opened again)."""

from collections.abc import Iterator

from strongroom.audit.contracts import Views
from strongroom.audit.events import MarketClosed
from strongroom.audit.movements import topic_of
from strongroom.audit.node import Node
from strongroom.audit.permissions import Difference, difference

_HALTED = topic_of("Halted(address,uint256)")


def closed_wrongly(node: Node, views: Views, it: MarketClosed) -> Iterator[Difference]:
    """Yield where a closing tells of an earlier halt that was none, or leaves one out. An account
    that does not answer counts as halted; one that fails to halt, too.

    Raises:
        NodeAway, BadLog: see Auditor.run.
    """
    what = "MarketClosed.halted: as its account says"
    before, after = views.call_each(
        [(it.account, "halted", (), block) for block in (it.block - 1, it.block)]
    )
    if before is None:
        views.call(it.address, "totalSupply", (), it.block - 1)  # else it is the node
        is_new = node.ask("eth_getCode", it.account, hex(it.block - 1)) == "0x"
        before = it.halted if is_new else True
    if before == it.halted or not after:
        return
    for _, logs in node.logs([it.account], it.block, it.block, [[_HALTED]]):
        if any(log["transactionHash"] != it.transaction for log in logs):
            return  # halted in this block, before it was closed
    yield difference(it, what, before, it.halted)
