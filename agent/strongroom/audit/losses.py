"""What the rules allow and somebody may have lost by: told as loss, not as a difference.

A trade of an account is held against the middle of the marks in the next report: what it paid more,
or got less, is its cost. A keeper who turns budget over with a friend shows by volume and cost of
one counterparty. A settlement is held against what its side's price becomes within a week: had that
been true already, the others lost so much by it. So a reporter shows whose friend enters before
good news, or leaves before bad news. While a vault is flat there is no news to keep.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter, itemgetter

from msgspec import Struct

from strongroom.audit.ledger import BookedMarket, BookedReport, Ledger
from strongroom.audit.queues import DEPOSITS
from strongroom.chain.ids import MarketId
from strongroom.chain.units import BPS, DAY, PRICE, WAD

WINDOW_S = 7 * DAY  # of reports that say what a settlement was worth
WORST = 10  # trades, and settlements, that are named
SLACK_S = DAY  # settlements whose week is over are looked at together, once a day
PARTIES = 3  # named of a class, and of a settlement
KEPT = 1_000  # counterparties of a class: beyond, the smaller half becomes "others"
OTHERS = "others"
LOW64 = 2**64 - 1
ReportPrice = tuple[int, int, int, int]  # block, time, bid and ask of a share
_TIME = itemgetter(1)
_DEALT_AT, _TRADED_IN = attrgetter("time"), attrgetter("block")


@dataclass(frozen=True)
class AccountTrade:
    """What one order of an account, or one call of it at a pool, traded; micro-units.

    Attributes:
        condition: of the market; None: the token is none of its market's
        is_yes: whether the token is of YES
        cash, fee: assets; the fee is beside the cash
        parties: who gave or took it -> tokens
    """

    block: int
    transaction: str
    account: str
    class_id: int
    market: MarketId
    condition: int | None
    is_yes: bool
    buys: bool
    cash: int
    tokens: int
    fee: int
    parties: Mapping[str, int]

    def cost(self, book: BookedMarket) -> int | None:
        """Return what it paid more, or got less, than the middle of a report's marks, assets, up;
        None where there is no mark."""
        if self.condition is None or self.condition >= len(book.marks):
            return None
        word = book.marks[self.condition]
        if not word:
            return None
        twice = (word & LOW64) + ((word >> 64) & LOW64)
        twice = twice if self.is_yes else 2 * WAD - twice
        if self.buys:
            return self.cash + self.fee - self.tokens * twice // (2 * WAD)
        return -(-self.tokens * twice // (2 * WAD)) + self.fee - self.cash


@dataclass
class Counterparty:
    """What a counterparty has traded with a class: assets, and what of it was cost."""

    volume: int = 0
    cost: int = 0


@dataclass
class ClassTrades:
    """A class's trades; assets.

    Attributes:
        cost: of the trades of which the next report has a mark
        unmarked: trades of which it has none
        parties: by address
    """

    trades: int = 0
    bought: int = 0
    sold: int = 0
    fees: int = 0
    cost: int = 0
    unmarked: int = 0
    parties: dict[str, Counterparty] = field(default_factory=dict)


@dataclass(frozen=True)
class CostlyTrade:
    """A trade and its cost, assets."""

    cost: int
    trade: AccountTrade

    def told(self) -> "WorstTrade":
        """Return what a verdict says of it."""
        it = self.trade
        parties = sorted(it.parties, key=lambda each: -it.parties[each])[:PARTIES]
        return WorstTrade(
            it.block, it.transaction, it.class_id, it.account, "BUY" if it.buys else "SELL",
            str(it.cash), str(it.tokens), str(self.cost), tuple(parties),
        )  # fmt: skip


class Prices(Struct, frozen=True, gc=False):
    """Prices of reports, oldest first, a column each; the lowest bid, the highest ask."""

    blocks: tuple[int, ...] = ()
    times: tuple[int, ...] = ()
    bids: tuple[int, ...] = ()
    asks: tuple[int, ...] = ()
    low: int = 0
    high: int = 0

    @classmethod
    def of(cls, reports: Sequence[ReportPrice]) -> "Prices":
        """Return the prices of reports."""
        blocks, times, bids, asks = zip(*reports, strict=True) if reports else ((),) * 4
        return cls(blocks, times, bids, asks, min(bids, default=0), max(asks, default=0))


@dataclass(frozen=True)
class DealtEarly:
    """A settlement of an epoch, and the most that later reports of a week made of it.

    Attributes:
        side: 0 deposits, 1 redemptions
        taken, given: assets and shares, or shares and assets; base units
        others: shares of those who stayed
        parties: controllers with the largest part
        lost: by the others, assets, had a later price been true already
        told_at: block of the report that had it
    """

    block: int
    time: int
    side: int
    epoch: int
    taken: int
    given: int
    others: int
    parties: tuple[str, ...]
    lost: int = 0
    told_at: int = 0

    def beside(self, prices: Prices, least: int = 0) -> "DealtEarly":
        """Return it with the largest loss by the price of a later report of its week, told by the
        first that has it, where that is more than `least`. What was lost grows with its side's
        price."""
        enters = self.side == DEPOSITS
        if self._lost_by(prices.high if enters else prices.low) <= least:
            return self  # by no price of all these was more lost
        first = bisect_right(prices.blocks, self.block)
        last = bisect_right(prices.times, self.time + WINDOW_S)
        week = (prices.asks if enters else prices.bids)[first:last]
        if not week:
            return self
        lost = self._lost_by(max(week) if enters else min(week))
        if lost <= least:
            return self
        place = next(place for place, price in enumerate(week) if self._lost_by(price) == lost)
        return replace(self, lost=lost, told_at=prices.blocks[first + place])

    def _lost_by(self, price: int) -> int:
        """Return what the others lost, had its side's price been this one."""
        if self.side == DEPOSITS:
            return self.given * price // PRICE - self.taken
        gain = self.given - self.taken * price // PRICE
        return gain * self.others // (self.others + self.taken)


@dataclass
class Losses:
    """What has been traded and settled so far; as large as there are classes and counterparties.

    Attributes:
        waiting: trades since the last report, by block
        worst: trades, by cost
        dealt: settlements of the last week, and those of a day before
        prices: of the reports since then
        early: older settlements, by what was lost
    """

    classes: dict[int, ClassTrades] = field(default_factory=dict)
    waiting: list[AccountTrade] = field(default_factory=list)
    worst: list[CostlyTrade] = field(default_factory=list)
    dealt: list[DealtEarly] = field(default_factory=list)
    prices: list[ReportPrice] = field(default_factory=list)
    early: list[DealtEarly] = field(default_factory=list)

    def trade(self, trade: AccountTrade) -> None:
        """Count a trade; its cost is known with the next report."""
        known = self.classes.setdefault(trade.class_id, ClassTrades())
        known.trades += 1
        known.bought += trade.cash if trade.buys else 0
        known.sold += 0 if trade.buys else trade.cash
        known.fees += trade.fee
        _share(known.parties, trade, trade.cash, "volume")
        if self.waiting and self.waiting[-1].block > trade.block:
            insort(self.waiting, trade, key=_TRADED_IN)
        else:
            self.waiting.append(trade)

    def settle(self, settled: DealtEarly) -> None:
        """Keep a settlement for a week."""
        self.dealt.append(settled)

    def report(self, report: BookedReport) -> None:
        """Hold trades before a report, and settlements of the week before it, against it."""
        if not report.is_settlement:
            before = bisect_right(self.waiting, report.block, key=_TRADED_IN)
            for trade in self.waiting[:before]:
                self._mark(trade, report.books.get(trade.market))
            del self.waiting[:before]
        begin = report.time - WINDOW_S
        if self.prices and self.prices[0][1] < begin - SLACK_S:
            over = bisect_left(self.dealt, begin, key=_DEALT_AT)
            least = self.early[-1].lost if len(self.early) == WORST else 0
            prices = Prices.of(self.prices)
            early = [each.beside(prices, least) for each in self.dealt[:over]]
            self.early = _most(self.early + early)
            del self.dealt[:over]
            del self.prices[: bisect_left(self.prices, begin, key=_TIME)]
        self.prices.append((report.block, report.time, report.price_bid, report.price_ask))

    def named(self) -> list[DealtEarly]:
        """Return the settlements by which most was lost, largest first."""
        prices = Prices.of(self.prices)
        return _most(self.early + [each.beside(prices) for each in self.dealt])

    def _mark(self, trade: AccountTrade, book: BookedMarket | None) -> None:
        known = self.classes[trade.class_id]
        cost = None if book is None else trade.cost(book)
        if cost is None:
            known.unmarked += 1
            return
        known.cost += cost
        _share(known.parties, trade, cost, "cost")
        if cost > 0 and (len(self.worst) < WORST or cost > self.worst[-1].cost):
            worst = [*self.worst, CostlyTrade(cost, trade)]
            self.worst = sorted(worst, key=lambda each: -each.cost)[:WORST]


def settled(
    ledger: Ledger, at: tuple[int, int], side: int, epoch: int, taken: int, given: int
) -> DealtEarly:
    """Return a settlement that was just booked.

    Args:
        at: block and time
    """
    queue = ledger.queues[side].get(epoch)
    asked = {} if queue is None else queue.asked
    largest = sorted(asked, key=asked.__getitem__, reverse=True)[:PARTIES]
    return DealtEarly(*at, side, epoch, taken, given, ledger.supply, tuple(largest))


def _most(dealt: Sequence[DealtEarly]) -> list[DealtEarly]:
    losing = [each for each in dealt if each.lost > 0]
    return sorted(losing, key=lambda each: -each.lost)[:WORST]


def _share(parties: dict[str, Counterparty], trade: AccountTrade, amount: int, what: str) -> None:
    """Add an amount to a trade's counterparties by their tokens; the last has the rest."""
    whole, left = sum(trade.parties.values()) or 1, amount
    for number, (who, tokens) in enumerate(trade.parties.items(), 1):
        part = left if number == len(trade.parties) else amount * tokens // whole
        left -= part
        party = parties.get(who) or parties.setdefault(who, Counterparty())
        setattr(party, what, getattr(party, what) + part)
    if len(parties) > KEPT:
        _fold(parties)


def _fold(parties: dict[str, Counterparty]) -> None:
    """Sum the smaller half of the counterparties up."""
    small = sorted(parties.keys() - {OTHERS}, key=lambda who: parties[who].volume)[: KEPT // 2]
    others = parties.setdefault(OTHERS, Counterparty())
    for who in small:
        gone = parties.pop(who)
        others.volume += gone.volume
        others.cost += gone.cost


# what a verdict says


@dataclass(frozen=True)
class PartyShare:
    """A counterparty by its share of a class's volume; amounts as digits, assets."""

    address: str
    volume: str
    share_bps: int
    cost: str


@dataclass(frozen=True)
class ClassStatement:
    """A class's trades; amounts as digits, assets.

    Attributes:
        result: what came home of closed markets above cost, less what did not come home
        losses: as they count against the class's cap
        cost: worse than the middle of the next report's marks
        unmarked: trades that no report has a mark of
        waiting: trades since the last report
        parties: the largest counterparties
    """

    class_id: int
    keeper: str
    result: str
    losses: str
    trades: int
    bought: str
    sold: str
    fees: str
    cost: str
    unmarked: int
    waiting: int
    parties: tuple[PartyShare, ...]


@dataclass(frozen=True)
class WorstTrade:
    """One of the trades that cost most; amounts as digits, assets and tokens."""

    block: int
    transaction: str
    class_id: int
    account: str
    side: str
    cash: str
    tokens: str
    cost: str
    parties: tuple[str, ...]


@dataclass(frozen=True)
class EarlyDeal:
    """One of the settlements by which the others lost most; amounts as digits.

    Attributes:
        assets, shares: that it dealt
        lost: assets, had the price of the report in block `told_at` been true already
        parties: controllers with the largest part
    """

    block: int
    side: str
    epoch: int
    assets: str
    shares: str
    lost: str
    told_at: int
    parties: tuple[str, ...]


@dataclass(frozen=True)
class LossStatement:
    """What the rules allow and somebody may have lost by."""

    classes: tuple[ClassStatement, ...]
    worst_trades: tuple[WorstTrade, ...]
    early_deals: tuple[EarlyDeal, ...]


def statement(losses: Losses, ledger: Ledger) -> LossStatement:
    """Return what a verdict says of them; of each class that there is."""
    numbers = sorted({*losses.classes, *ledger.permissions.classes})
    return LossStatement(
        tuple(_class(losses, ledger, number) for number in numbers),
        tuple(each.told() for each in losses.worst),
        tuple(_early(each) for each in losses.named()),
    )  # fmt: skip


def _class(losses: Losses, ledger: Ledger, number: int) -> ClassStatement:
    known, terms = losses.classes.get(number, ClassTrades()), ledger.permissions.classes
    volume = known.bought + known.sold
    largest = sorted(known.parties.items(), key=lambda each: -each[1].volume)[:PARTIES]
    return ClassStatement(
        class_id=number,
        keeper=terms[number].keeper if number in terms else "",
        result=str(ledger.profits.get(number, 0)),
        losses=str(ledger.losses_of(number)),
        trades=known.trades,
        bought=str(known.bought),
        sold=str(known.sold),
        fees=str(known.fees),
        cost=str(known.cost),
        unmarked=known.unmarked,
        waiting=sum(each.class_id == number for each in losses.waiting),
        parties=tuple(
            PartyShare(who, str(it.volume), it.volume * BPS // (volume or 1), str(it.cost))
            for who, it in largest
        ),
    )


def _early(it: DealtEarly) -> EarlyDeal:
    enters = it.side == DEPOSITS
    assets, shares = (it.taken, it.given) if enters else (it.given, it.taken)
    return EarlyDeal(
        it.block, "deposit" if enters else "redemption", it.epoch, str(assets), str(shares),
        str(it.lost), it.told_at, it.parties,
    )  # fmt: skip
