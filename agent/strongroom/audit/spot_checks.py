"""What the chain says at the block of a closing, beside what the event says: whether the account
had been halted before (such a market is never opened again)."""

from collections.abc import Iterator, Sequence

from strongroom.audit.contracts import Call, Views
from strongroom.audit.events import MarketClosed
from strongroom.audit.movements import address_in, place_of, topic_of
from strongroom.audit.node import Node
from strongroom.audit.permissions import Difference, difference

_HALTED = topic_of("Halted(address,uint256)")


def ask_halts(views: Views, closings: Sequence[MarketClosed]) -> None:
    """Ask at once what `closed_wrongly` asks of each closing: it finds the answers then.

    Raises:
        NodeAway: the node does not answer.
    """
    views.call_each([call for it in closings for call in _around(it)])


def closed_wrongly(node: Node, views: Views, it: MarketClosed) -> Iterator[Difference]:
    """Yield where a closing tells of an earlier halt that was none, or leaves one out. An account
    that does not answer counts as halted; one that fails to halt, too.

    Raises:
        NodeAway, BadLog: see Auditor.run.
    """
    before, after = views.call_each(_around(it))
    if before is None:
        views.call(it.address, "totalSupply", (), it.block - 1)  # else it is the node
        before = node.ask("eth_getCode", it.account, hex(it.block - 1)) != "0x"
    if after and bool(before or _halted_meanwhile(node, it)) != it.halted:
        what = "MarketClosed.halted: as its account says"
        yield difference(it, what, not it.halted, it.halted)


def _around(it: MarketClosed) -> list[Call]:
    """Return the calls that tell whether an account was halted before and after a block."""
    return [(it.account, "halted", (), block) for block in (it.block - 1, it.block)]


def _halted_meanwhile(node: Node, it: MarketClosed) -> bool:
    """Whether somebody halted an account in the block of its closing and before that, perhaps in
    the same transaction. The account logs who halts it: a closing does it as the vault."""
    return any(
        place_of(log) < (it.block, it.index) and address_in(log, 1) != it.address
        for _, logs in node.logs([it.account], it.block, it.block, [[_HALTED]])
        for log in logs
    )
