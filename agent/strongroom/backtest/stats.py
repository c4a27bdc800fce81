"""What an outcome comes to: returns per share, intervals by event, drawdowns, and what the naive
would have brought."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from strongroom.backtest.data import PriceHistory
from strongroom.backtest.quotes import QuotedBooks, Quotes
from strongroom.backtest.run import DecidedTrade, RunResult
from strongroom.backtest.simulated_chain import ClosedMarket
from strongroom.chain.orders import NO, YES
from strongroom.chain.units import DAY, HOUR, MICRO, VIRTUAL_SHARES

DRAWS = 2_000
LEVEL = 0.95
BINS = 10
HORIZONS_H = (3, 12, 24, 48, 72, 96)


@dataclass(frozen=True)
class Interval:
    """A mean with the bounds in which it lies with 95 % confidence, whole events drawn again."""

    mean: float
    low: float
    high: float
    events: int


@dataclass(frozen=True)
class Share:
    """NAV a share at the bid along the reports: times, before fees (chained), after fees."""

    times: list[int]
    before: list[float]
    after: list[float]


@dataclass(frozen=True)
class Drawdown:
    """How far NAV a share fell from its highest point, and for how long it stayed below one."""

    deepest: float
    longest_days: float


@dataclass(frozen=True)
class Sales:
    """What an exit rule sold; units.

    Attributes:
        decisions: that were filled, at least in part
        received: fees paid
        held: what the same tokens paid in the end
        gain: received - held: what the rule earned against holding on, below 0 what it cost; what
            the money earned meanwhile is not in it
        interval: of gain a unit received, whole events drawn again
    """

    rule: str
    decisions: int
    tokens: float
    received: float
    held: float
    gain: float
    interval: Interval


@dataclass(frozen=True)
class Summary:
    """One outcome in numbers; money in units, returns as fractions."""

    name: str
    fills: str
    days: float
    events_played: int
    decisions: int
    markets: int
    staked: float
    profit: float  # of the settled markets, fees of the venue paid
    venue_fees: float
    costs: float  # of crossing the assumed spread, and the venue's fees, a unit staked
    return_on_stake: Interval
    share_before_fees: float
    share_after_fees: float
    vault_fees: float
    deepest_drawdown: float
    longest_drawdown_days: float
    worst_event: str
    worst_event_profit: float
    claimed_chance: float
    won: float
    reports: int
    most_not_home: float  # of NAV at the bid: profit that did not count yet
    exits: tuple[Sales, ...]  # by rule
    verdict: str


@dataclass(frozen=True)
class Horizon:
    """How good the market's own price was as a forecast, so many hours before the end."""

    hours: int
    brier: float
    log: float
    markets: int


@dataclass(frozen=True)
class Reliability:
    """How often YES came where the market's price lay in one tenth; means."""

    price: float
    won: float
    markets: int


def by_event(outcome: RunResult) -> dict[str, tuple[float, float]]:
    """Return event -> (staked, profit) of the markets that were settled, units."""
    found: dict[str, tuple[float, float]] = {}
    for each in outcome.settled:
        staked, profit = found.get(each.event, (0.0, 0.0))
        found[each.event] = (
            staked + each.bought / MICRO,
            profit + (each.got - each.bought) / MICRO,
        )
    return found


def bootstrap(pairs: Sequence[tuple[float, float]], seed: int) -> Interval:
    """Return the ratio of the sums (stake, profit) with its interval, whole events drawn again.

    Args:
        pairs: of each event
    """
    if not pairs or not sum(stake for stake, _ in pairs):
        return Interval(0.0, 0.0, 0.0, 0)
    values = np.array(pairs)
    dice = np.random.default_rng(seed)
    drawn = values[dice.integers(0, len(values), (DRAWS, len(values)))].sum(axis=1)
    drawn = drawn[drawn[:, 0] > 0]
    ratios = drawn[:, 1] / drawn[:, 0]
    low, high = np.quantile(ratios, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    whole = values.sum(axis=0)
    return Interval(float(whole[1] / whole[0]), float(low), float(high), len(pairs))


def share_prices(outcome: RunResult) -> Share:
    """Return NAV a share at each report: after fees as the vault has it; before them chained from
    report to report, so that deposits and redemptions change nothing."""
    times: list[int] = []
    before: list[float] = []
    after: list[float] = []
    for each in outcome.reports:
        if not each.supply:
            continue
        gross = each.nav_bid * VIRTUAL_SHARES / each.supply
        net = each.nav_bid * VIRTUAL_SHARES / (each.supply + each.minted)
        chained = before[-1] * gross / after[-1] if before else gross
        times.append(each.time)
        before.append(chained)
        after.append(net)
    return Share(times, before, after)


def drawdown(times: Sequence[int], prices: Sequence[float]) -> Drawdown:
    """Return the deepest and the longest fall below the highest point so far."""
    highest, since, deepest, longest = 0.0, 0, 0.0, 0
    for time, price in zip(times, prices, strict=True):
        if price >= highest:
            highest, since = price, time
        deepest = max(deepest, 1 - price / highest if highest else 0.0)
        longest = max(longest, time - since)
    return Drawdown(deepest, longest / DAY)


def summarise(outcome: RunResult, seed: int, half_spread: int) -> Summary:
    """Return an outcome in numbers, with its verdict.

    Args:
        half_spread: that its fills assumed, 10**-6
    """
    events = by_event(outcome)
    share = share_prices(outcome)
    fall = drawdown(share.times, share.after)
    worst = min(events, key=lambda name: events[name][1], default="")
    interval = bootstrap(list(events.values()), seed)
    filled = [each for each in outcome.trades if each.filled and each.side == "BUY"]
    weight = sum(each.filled for each in filled)
    taken = sum(each.filled * half_spread // MICRO + each.fee for each in outcome.trades)
    staked = sum(stake for stake, _ in events.values())
    return Summary(
        name=outcome.name,
        fills=outcome.fills,
        days=(outcome.ends_at - outcome.starts_at) / DAY,
        events_played=outcome.events,
        decisions=outcome.decisions,
        markets=len(outcome.settled),
        staked=staked,
        profit=sum(profit for _, profit in events.values()),
        venue_fees=sum(each.fees for each in outcome.settled) / MICRO,
        costs=taken / MICRO / staked if staked else 0.0,
        return_on_stake=interval,
        share_before_fees=share.before[-1] / share.before[0] - 1 if share.before else 0.0,
        share_after_fees=share.after[-1] / share.after[0] - 1 if share.after else 0.0,
        vault_fees=sum(each.fees for each in outcome.reports) / MICRO,
        deepest_drawdown=fall.deepest,
        longest_drawdown_days=fall.longest_days,
        worst_event=worst,
        worst_event_profit=events[worst][1] if worst else 0.0,
        claimed_chance=sum(e.chance * e.filled for e in filled) / weight if weight else 0.0,
        won=sum(e.won * e.filled for e in filled) / weight if weight else 0.0,
        reports=len(outcome.reports),
        most_not_home=max(
            (e.not_home / e.nav_bid for e in outcome.reports if e.nav_bid), default=0
        ),
        exits=sales_by_rule(outcome, seed),
        verdict=_verdict(outcome, interval),
    )


def sales_by_rule(outcome: RunResult, seed: int) -> tuple[Sales, ...]:
    """Return what each exit rule earned or cost against holding to the end, by name."""
    sold: dict[str, list[DecidedTrade]] = {}
    for each in outcome.trades:
        if each.rule and each.filled and each.side == "SELL":
            sold.setdefault(each.rule, []).append(each)
    return tuple(_sales(rule, sold[rule], seed) for rule in sorted(sold))


def _sales(rule: str, trades: Sequence[DecidedTrade], seed: int) -> Sales:
    events: dict[str, tuple[float, float]] = {}
    for each in trades:
        received, gain = events.get(each.event, (0.0, 0.0))
        got = (each.cash - each.fee) / MICRO
        events[each.event] = received + got, gain + got - each.won * each.filled / MICRO
    received = sum(stake for stake, _ in events.values())
    gain = sum(gain for _, gain in events.values())
    return Sales(
        rule,
        len({each.decision for each in trades}),
        sum(each.filled for each in trades) / MICRO,
        received,
        received - gain,
        gain,
        bootstrap(list(events.values()), seed),
    )


def _verdict(outcome: RunResult, interval: Interval) -> str:
    if not interval.events:
        return "nothing was traded"
    if interval.low > 0:
        word = "passes" if outcome.fills == "pessimistic" else "above 0"
        return f"{word}, if the assumed quotes hold"
    if interval.high < 0:
        return "below 0"
    return "cannot be told from 0"


def favourite(history: PriceHistory, quotes: Quotes, seed: int, hours: int = 24) -> Interval:
    """Return what it brings to buy the favourite of every market, whatever its price, a stated time
    before the end, one token each, at the assumed ask with fees: the naive benchmark."""
    books = QuotedBooks(quotes)
    ends = np.array([each.ends_at for each in history.listed])
    frame = history.prices
    times, numbers, prices = (frame[name].to_numpy() for name in ("ts", "market", "price"))
    early = times <= ends[numbers] - hours * HOUR
    last: dict[int, int] = {}
    for number, price in zip(numbers[early].tolist(), prices[early].tolist(), strict=True):
        last[number] = price  # in the order of time: the newest stays
    pairs: dict[str, tuple[float, float]] = {}
    for number, price in last.items():
        outcome = YES if price >= MICRO // 2 else NO
        book = books.pair(price)[outcome]
        if book.ask is None:
            continue
        listed = history.listed[number]
        cost = (book.ask + listed.fees.most(MICRO, book.ask)) / MICRO
        event = history.markets[number].event
        stake, profit = pairs.get(event, (0.0, 0.0))
        pairs[event] = (stake + cost, profit + listed.payout[outcome] - cost)
    return bootstrap(list(pairs.values()), seed)


def horizons(history: PriceHistory) -> list[Horizon]:
    """Return how good the market's own last price was as a forecast, by hours before the end."""
    ends = np.array([each.ends_at for each in history.listed])
    won = np.array(history.outcomes, dtype=float)
    frame = history.prices
    times, numbers, prices = (frame[name].to_numpy() for name in ("ts", "market", "price"))
    found = []
    for hours in HORIZONS_H:
        early = times <= ends[numbers] - hours * HOUR
        last = dict(zip(numbers[early].tolist(), prices[early].tolist(), strict=True))
        if not last:
            continue
        chances = np.clip(np.array(list(last.values())) / MICRO, 0.0005, 0.9995)
        truth = won[list(last)]
        log = -np.mean(truth * np.log(chances) + (1 - truth) * np.log(1 - chances))
        brier = np.mean((chances - truth) ** 2)
        found.append(Horizon(hours, float(brier), float(log), len(last)))
    return found


def reliability(history: PriceHistory, hours: int = 24) -> list[Reliability]:
    """Return how often YES came in each tenth of the market's price, so long before the end."""
    ends = np.array([each.ends_at for each in history.listed])
    won = np.array(history.outcomes, dtype=float)
    frame = history.prices
    times, numbers, prices = (frame[name].to_numpy() for name in ("ts", "market", "price"))
    early = times <= ends[numbers] - hours * HOUR
    last = dict(zip(numbers[early].tolist(), prices[early].tolist(), strict=True))
    chances, truth = np.array(list(last.values())) / MICRO, won[list(last)]
    places = np.minimum((chances * BINS).astype(int), BINS - 1)
    return [
        Reliability(
            float(chances[places == place].mean()),
            float(truth[places == place].mean()),
            int((places == place).sum()),
        )
        for place in range(BINS)
        if (places == place).any()
    ]


def grouped(outcome: RunResult, key: Callable[[ClosedMarket], str]) -> dict[str, float]:
    """Return the profit of settled markets by something of theirs, units."""
    found: dict[str, float] = {}
    for each in outcome.settled:
        name = key(each)
        found[name] = found.get(name, 0.0) + (each.got - each.bought) / MICRO
    return found


def packs_of(outcome: RunResult) -> dict[str, str]:
    """Return market -> the pack that traded it first."""
    found: dict[str, str] = {}
    for each in outcome.trades:
        if each.filled:
            found.setdefault(each.market, each.pack)
    return found
