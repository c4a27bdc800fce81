"""The ledger beside what the chain's own views say."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from strongroom.audit.contracts import Asked
from strongroom.audit.ledger import Ledger
from strongroom.audit.permissions import Answer, Argument, Difference, Setting

Read = Callable[[Sequence[Asked]], Sequence[object]]
AT_ONCE = 1_000  # views


def view_differences(ledger: Ledger, now: int, read: Read) -> list[Difference]:
    """Return where the vault's views part from the ledger.

    Args:
        now: time of the ledger's last block
        read: answers some of the vault's views at once, as of that block
    """
    found, views = [], _views(ledger, now)
    while some := list(islice(views, AT_ONCE)):
        answers = read([(each.view, each.arguments) for each in some])
        for each, answer in zip(some, answers, strict=True):
            there, here = _plain(answer), _plain(each.value)
            if there != here:
                what = " ".join(["view", each.view, *map(str, each.arguments)])
                found.append(Difference(each.block, each.transaction, what, str(here), str(there)))
    return found


def _views(ledger: Ledger, now: int) -> Iterator[Setting]:
    """Yield views and what the ledger says they answer; terms since the event that set them."""
    yield from ledger.permissions.settings.values()
    for name, arguments, value in _numbers(ledger, now):
        yield Setting(name, arguments, value, ledger.block, "")


def _numbers(ledger: Ledger, now: int) -> Iterator[tuple[str, tuple[Argument, ...], Answer]]:
    yield "totalSupply", (), ledger.supply
    yield "total_idle", (), ledger.idle
    yield "claimable_assets", (), ledger.claimable
    yield "navs", (), ledger.nav
    yield "highWaterMark", (), ledger.high_water_mark
    yield "dayAnchor", (), (ledger.day_anchor, ledger.anchored_at)
    yield "lastReport", (), ledger.reported_at
    yield "total_exposure", (), ledger.exposure
    yield "recentAllocation", (), ledger.recent_allocation(now)
    yield "breakerTripped", (), ledger.is_tripped
    yield "windingDown", (), ledger.is_winding_down
    yield "openMarkets", (), tuple(ledger.order)
    if ledger.pending:
        yield "pending_report", (), ledger.pending
    for number in ledger.permissions.classes:
        yield "classExposureOf", (number,), ledger.class_exposure(number)
    for name in ledger.order:
        market = ledger.markets[name]
        yield "exposureOf", (name,), market.exposure
        yield "bookOf", (name,), (market.bid, market.bid + market.spread)
    for side, queues in enumerate(ledger.queues):
        for epoch, queue in queues.items():
            yield "epochOf", (side, epoch), (queue.total, queue.settled, queue.earned)
    for who, shares in ledger.holders.items():
        yield "balanceOf", (who,), shares


def _plain(answer: object) -> object:
    """Return a value as the ledger has it: words and addresses in lower-case hex, tuples."""
    if isinstance(answer, str):
        return answer.lower()
    if isinstance(answer, bytes):
        return "0x" + bytes(answer).hex()
    if isinstance(answer, (list, tuple)):
        return tuple(_plain(each) for each in answer)
    return answer
