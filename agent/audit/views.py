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
        ("openMarkets", ledger.order, ["0x" + each.hex() for each in read("openMarkets")]),
    ]
    if ledger.pending:
        found = "0x" + bytes(read("pending_report")).hex()
        pairs.append(("pending_report", ledger.pending, found))
    for number in ledger.classes:
        stake = ledger.class_exposure(number)
        pairs.append((f"classExposureOf {number}", stake, read("classExposureOf", number)))
    for name in ledger.order:
        market = ledger.markets[name]
        pairs.append((f"exposureOf {name}", market.exposure, read("exposureOf", name)))
        book = (market.bid, market.bid + market.spread)
        pairs.append((f"bookOf {name}", book, tuple(read("bookOf", name))))
    for side, queues in enumerate(ledger.queues):
        for number, queue in queues.items():
            kept = (queue.total, queue.settled, queue.earned)
            pairs.append((f"epochOf {side} {number}", kept, tuple(read("epochOf", side, number))))
    for who, shares in ledger.holders.items():
        pairs.append((f"balanceOf {who}", shares, read("balanceOf", who)))
    return [
        Difference(ledger.block, "", f"view {what}", expected, found)
        for what, expected, found in pairs
        if expected != found
    ]
