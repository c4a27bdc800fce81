"""What the chain says at the block of a closing, beside what the event says: whether the account
had been halted before (such a market is never opened again)."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from strongroom.audit.contracts import Call, Views
from strongroom.audit.events import MarketClosed
from strongroom.audit.logs import RawLog
from strongroom.audit.movements import ADDRESSES, address_in, place_of, topic_of
from strongroom.audit.node import Node
from strongroom.audit.permissions import Difference, difference

_HALTED = topic_of("Halted(address,uint256)")


def closed_wrongly(
    node: Node, views: Views, closings: Sequence[MarketClosed]
) -> Iterator[Difference]:
    """Yield where closings tell of an earlier halt that was none, or leave one out. An account that
    does not answer counts as halted; one that fails to halt, too.

    Args:
        closings: of some blocks, which are asked about at once

    Raises:
        NodeAway, BadLog: see Auditor.run.
    """
    answers = views.call_each([call for it in closings for call in _around(it)])
    halted: list[tuple[MarketClosed, bool]] = []  # after the closing; whether before its block
    for it, before, after in zip(closings, answers[::2], answers[1::2], strict=True):
        there = before
        if before is None:
            views.call(it.address, "totalSupply", (), it.block - 1)  # else it is the node
            there = node.ask("eth_getCode", it.account, hex(it.block - 1)) != "0x"
        if after:
            halted.append((it, bool(there)))
    meanwhile = _halted_meanwhile(node, [it for it, before in halted if not before])
    for it, before in halted:
        if (before or it in meanwhile) != it.halted:
            what = "MarketClosed.halted: as its account says"
            yield difference(it, what, not it.halted, it.halted)


def _around(it: MarketClosed) -> list[Call]:
    """Return the calls that tell whether an account was halted before and after a block."""
    return [(it.account, "halted", (), block) for block in (it.block - 1, it.block)]


def _halted_meanwhile(node: Node, closings: Sequence[MarketClosed]) -> set[MarketClosed]:
    """Return the closings whose account somebody halted in their block and before them, perhaps in
    the same transaction. The account logs who halts it: a closing does it as the vault."""
    halts = defaultdict[tuple[str, int], list[RawLog]](list)  # by account and block
    for start in range(0, len(closings), ADDRESSES):
        some = closings[start : start + ADDRESSES]
        accounts, blocks = sorted({it.account for it in some}), [it.block for it in some]
        for _, logs in node.logs(accounts, min(blocks), max(blocks), [[_HALTED]]):
            for log in logs:
                halts[log["address"].lower(), place_of(log)[0]].append(log)
    return {
        it
        for it in closings
        for log in halts.get((it.account, it.block), ())
        if place_of(log) < (it.block, it.index) and address_in(log, 1) != it.address
    }
