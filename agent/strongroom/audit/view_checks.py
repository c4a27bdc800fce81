"""The books beside what the chain's own views say."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from strongroom.audit.ledger import Ledger
from strongroom.audit.permissions import Difference, Setting

Asked = tuple[str, tuple[Any, ...]]  # a view and its arguments
Read = Callable[[Sequence[Asked]], Sequence[Any]]
AT_ONCE = 1_000  # views


def view_differences(ledger: Ledger, read: Read) -> list[Difference]:
    """Return where the vault's views part from the books.

    Args:
        read: answers some of the vault's views at once, as of the last block of the books
    """
    found, views = [], _views(ledger)
    while some := list(islice(views, AT_ONCE)):
        answers = read([(each.view, each.arguments) for each in some])
        for each, answer in zip(some, answers, strict=True):
            there = _plain(answer)
            if there != _plain(each.value):
                what = " ".join(["view", each.view, *map(str, each.arguments)])
                found.append(Difference(each.block, each.transaction, what, each.value, there))
    return found


def _views(ledger: Ledger) -> Iterator[Setting]:
    """Yield views and what the books say they answer; terms since the event that set them."""
    yield from ledger.terms.settings.values()
    for name, arguments, value in _numbers(ledger):
        yield Setting(name, arguments, value, ledger.block, "")


def _numbers(ledger: Ledger) -> Iterator[tuple[str, tuple[Any, ...], Any]]:
    for name, value in (
        ("totalSupply", ledger.supply),
        ("total_idle", ledger.idle),
        ("claimable_assets", ledger.claimable),
        ("navs", ledger.nav),
        ("highWaterMark", ledger.mark),
        ("dayAnchor", (ledger.anchor, ledger.anchored)),
        ("lastReport", ledger.reported),
        ("total_exposure", ledger.exposure),
        ("recentAllocation", ledger.recent()),
        ("breakerTripped", ledger.tripped),
        ("windingDown", ledger.winding_down),
        ("openMarkets", tuple(ledger.order)),
    ):
        yield name, (), value
    if ledger.pending:
        yield "pending_report", (), ledger.pending
    for number in ledger.terms.classes:
        yield "classExposureOf", (number,), ledger.class_exposure(number)
    for name in ledger.order:
        market = ledger.markets[name]
        yield "exposureOf", (name,), market.exposure
        yield "bookOf", (name,), (market.bid, market.bid + market.spread)
    for side, queues in enumerate(ledger.queues):
        for number, queue in queues.items():
            yield "epochOf", (side, number), (queue.total, queue.settled, queue.earned)
    for who, shares in ledger.holders.items():
        yield "balanceOf", (who,), shares


def _plain(answer: Any) -> Any:
    """Return a value as the books have it: words and addresses in lower-case hex, tuples."""
    if isinstance(answer, str):
        return answer.lower()
    if isinstance(answer, bytes):
        return "0x" + bytes(answer).hex()
    if isinstance(answer, (list, tuple)):
        return tuple(_plain(each) for each in answer)
    return answer
