"""The ledger beside what the chain's own views say."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from strongroom.audit.contracts import Asked
from strongroom.audit.governance import DECREASE_DELAY
from strongroom.audit.ledger import Ledger
from strongroom.audit.permissions import (
    ZERO,
    Answer,
    Argument,
    Difference,
    Limit,
    Setting,
    setting_key,
)
from strongroom.audit.queues import live_epochs
from strongroom.audit.wording import selector_of
from strongroom.chain.terms import TIMELOCKED

Read = Callable[[Sequence[Asked]], Sequence[object]]
AT_ONCE = 1_000  # views
LOW64 = 2**64 - 1
PENDING = ("pendingDepositRequest", "pendingRedeemRequest")
CLAIMABLE = ("claimableDepositRequest", "claimableRedeemRequest")
MOST = (("maxDeposit", "maxMint"), ("maxRedeem", "maxWithdraw"))


def view_differences(ledger: Ledger, now: int, read: Read) -> list[Difference]:
    """Return where the vault's views part from the ledger.

    Args:
        now: time of the ledger's last block
        read: answers some of the vault's views at once, as of that block
    """
    return setting_differences(_views(ledger, now), read)


def setting_differences(settings: Iterable[Setting], read: Read) -> list[Difference]:
    """Return where views are not what they must be; `read` answers some of one block at once."""
    found, views = list[Difference](), iter(settings)
    while some := list(islice(views, AT_ONCE)):
        answers = read([(each.view, each.arguments) for each in some])
        for each, answer in zip(some, answers, strict=True):
            there, here = plain(answer), plain(each.value)
            if there != here:
                what = " ".join(["view", each.view, *map(str, each.arguments)])
                found.append(Difference(each.block, each.transaction, what, str(here), str(there)))
    return found


def _views(ledger: Ledger, now: int) -> Iterator[Setting]:
    """Yield views and what the ledger says they answer; terms since the event that set them."""
    settings = ledger.permissions.settings
    yield from settings.values()
    for name, arguments, value in _unset():
        if setting_key(name, arguments) not in settings:
            yield Setting(name, arguments, value, ledger.block, "")
    for name, arguments, value in _numbers(ledger, now):
        yield Setting(name, arguments, value, ledger.block, "")


def _unset() -> Iterator[tuple[str, tuple[Argument, ...], Answer]]:
    """Yield what the terms are that no event has set."""
    for limit in Limit:
        yield "limit", (int(limit),), 0
    for signature in (*TIMELOCKED, DECREASE_DELAY):
        yield "abdicated", (selector_of(signature),), False
        yield "delayOf", (selector_of(signature),), 0
    for role in ("owner", "guardian", "reporter", "pending_owner", "allow_list"):
        yield role, (), ZERO
    for name in ("paused", "coversTransfers"):
        yield name, (), False
    yield "class_count", (), 0
    yield "feeRates", (), (0, 0, 0)
    yield "feeRecipients", (), ()
    yield "depositTerms", (), (0, 0)


def _numbers(ledger: Ledger, now: int) -> Iterator[tuple[str, tuple[Argument, ...], Answer]]:
    yield from _totals(ledger, now)
    yield from _classes(ledger)
    yield from _markets(ledger)
    yield from _requests(ledger)
    for who, shares in ledger.holders.items():
        yield "balanceOf", (who,), shares
    for pair, shares in ledger.allowances.items():
        yield "allowance", tuple(pair.split()), shares
    for pair, approved in ledger.operators.items():
        yield "isOperator", tuple(pair.split()), approved


def _totals(ledger: Ledger, now: int) -> Iterator[tuple[str, tuple[Argument, ...], Answer]]:
    yield "totalSupply", (), ledger.supply
    yield "total_idle", (), ledger.idle
    yield "claimable_assets", (), ledger.claimable
    yield "navs", (), ledger.nav
    yield "totalAssets", (), ledger.nav[0]
    yield "custody", (), ledger.custody
    yield "prices", (), ledger.prices
    yield "reference", (), ledger.reference
    yield "breakerTripped", (), ledger.is_tripped
    yield "highWaterMark", (), ledger.high_water_mark
    yield "inflowRoom", (), ledger.room
    yield "lastReport", (), ledger.reported_at
    yield "reportCount", (), ledger.reports
    age = ledger.permissions.limit(Limit.MAX_REPORT_AGE)
    yield "freshUntil", (), ledger.reported_at + age
    yield "totalExposure", (), ledger.exposure
    yield "totalLosses", (), ledger.losses_of()
    yield "recentAllocation", (), ledger.recent_allocation(now)
    yield "windingDown", (), ledger.is_winding_down
    yield "isFlat", (), ledger.is_flat
    yield "openMarkets", (), tuple(ledger.order)
    yield "open_conditions", (), ledger.conditions
    yield "writtenOff", (), ledger.written_off
    yield "unsweptAccounts", (), tuple(ledger.unswept)


def _classes(ledger: Ledger) -> Iterator[tuple[str, tuple[Argument, ...], Answer]]:
    for number, terms in ledger.permissions.classes.items():
        exposure, losses = ledger.class_exposure(number), ledger.losses_of(number)
        profit = ledger.profits.get(number, 0)
        yield "classBook", (number,), (exposure, losses, profit, terms.is_retired)
        yield "profitOf", (number,), profit


def _markets(ledger: Ledger) -> Iterator[tuple[str, tuple[Argument, ...], Answer]]:
    for name in ledger.order:
        market = ledger.markets[name]
        known = (market.account, market.class_id, market.conditions, False)
        yield "marketOf", (name,), known
        yield "questionOf", (name,), market.question
        yield "bookOf", (name,), (market.exposure, market.bid, market.ask)
        for condition, word in enumerate(market.last_marks):
            if word:  # what an earlier account of a market was marked at is not kept
                mark = (word & LOW64, (word >> 64) & LOW64, word >> 128)
                yield "markOf", (name, condition), mark
    for account in ledger.unswept:
        yield "remainsOf", (account,), (True, ledger.for_all(ledger.remains[account]))


def _requests(ledger: Ledger) -> Iterator[tuple[str, tuple[Argument, ...], Answer]]:
    yield "epochs", (), tuple(ledger.open_epoch)
    for side, queues in enumerate(ledger.queues):
        yield "waitingEpochs", (side,), tuple(ledger.line[side])
        open_epoch = ledger.open_epoch[side]
        if open_epoch not in queues:  # else somebody's request in it could be withheld
            yield "epochOf", (side, open_epoch), (0, 0, ledger.best[side], 0, False)
        for epoch, queue in queues.items():
            anchor = queue.anchor if epoch in ledger.line[side] else 0
            if not queue.is_closed:
                anchor = ledger.best[side]
            told = (queue.total, queue.left, anchor, queue.closed_by, queue.is_back)
            yield "epochOf", (side, epoch), told
            for who in queue.asked:
                yield PENDING[side], (epoch, who), queue.waits(who)
                yield CLAIMABLE[side], (epoch, who), queue.due(who)[0]
        for who in {who: None for queue in queues.values() for who in queue.asked}:
            live = live_epochs(queues, who)
            due = [queues[epoch].due(who) for epoch in live]
            yield "liveEpochs", (side, who), tuple(live)
            for view, part in zip(MOST[side], (0, 1), strict=True):
                yield view, (who,), sum(each[part] for each in due)


def plain(answer: object) -> object:
    """Return a value as the ledger has it: words and addresses in lower-case hex, tuples."""
    if isinstance(answer, str):
        return answer.lower()
    if isinstance(answer, bytes):
        return "0x" + bytes(answer).hex()
    if isinstance(answer, (list, tuple)):
        return tuple(plain(each) for each in answer)
    return answer
