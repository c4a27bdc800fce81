"""The books beside what the chain's own views say."""

from collections.abc import Callable
from typing import Any

from agent.audit.ledger import Difference, Ledger

Read = Callable[..., Any]


def view_differences(ledger: Ledger, read: Read) -> list[Difference]:
    """Return where the vault's views part from the books.

    Args:
        read: answers a function of the vault, as of the last block of the books
    """
    pairs: list[tuple[str, Any, Any]] = [
        ("totalSupply", ledger.supply, read("totalSupply")),
        ("total_idle", ledger.idle, read("total_idle")),
        ("claimable_assets", ledger.claimable, read("claimable_assets")),
        ("navs", ledger.nav, tuple(read("navs"))),
        ("high_water_mark", ledger.mark, read("high_water_mark")),
        ("day_anchor", (ledger.anchor, ledger.anchored), tuple(read("day_anchor"))),
        ("last_report", ledger.reported, read("last_report")),
        ("total_exposure", ledger.exposure, read("total_exposure")),
        ("recentAllocation", ledger.recent(), read("recentAllocation")),
        ("breakerTripped", ledger.tripped, read("breakerTripped")),
        ("windingDown", ledger.winding_down, read("windingDown")),
        ("pending report", bool(ledger.pending), any(read("pending_report"))),
        ("openMarkets", ledger.order, ["0x" + each.hex() for each in read("openMarkets")]),
    ]
    pairs += [
        (
            f"classExposureOf {number}",
            ledger.class_exposure(number),
            read("classExposureOf", number),
        )
        for number in ledger.classes
    ]
    for name in ledger.order:
        market = ledger.markets[name]
        pairs.append((f"exposureOf {name}", market.exposure, read("exposureOf", name)))
        book = (market.bid, market.bid + market.spread)
        pairs.append((f"bookOf {name}", book, tuple(read("bookOf", name))))
    for side, queues in enumerate(ledger.queues):
        for number, queue in queues.items():
            found = tuple(read("epochOf", side, number))
            pairs.append(
                (f"epochOf {side} {number}", (queue.total, queue.settled, queue.earned), found)
            )
    held = [(who, shares) for who, shares in ledger.holders.items()]
    pairs += [(f"balanceOf {who}", shares, read("balanceOf", who)) for who, shares in held]
    return [
        Difference(ledger.block, "", f"view {what}", expected, found)
        for what, expected, found in pairs
        if expected != found
    ]
