"""What an outcome comes to: returns per share, the verdict on its events, drawdowns, and what the
naive would have brought."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from strongroom.analysis.fair_null import Event, FollowedBet, HeldToken
from strongroom.analysis.verdict import (
    NO_TRIES,
    Conclusion,
    EdgeTest,
    ReturnBounds,
    Tries,
    VerdictWord,
    conclude,
)
from strongroom.backtest.config import BacktestConfig
from strongroom.backtest.data import PriceHistory
from strongroom.backtest.event_shapes import EventShape, shapes_of
from strongroom.backtest.quotes import Fills, QuotedBooks, Quotes
from strongroom.backtest.replay import Replay
from strongroom.backtest.run import DecidedTrade, RunResult
from strongroom.backtest.settled_events import events_of
from strongroom.backtest.simulated_chain import ClosedMarket
from strongroom.backtest.simulated_vault import Vault
from strongroom.chain.orders import NO, YES
from strongroom.chain.terms import Limits
from strongroom.chain.units import BPS, DAY, MICRO, VIRTUAL_SHARES

HELD = MICRO * MICRO  # of the one holder by whom fees are told
BINS = 10
HORIZONS_H = (3, 12, 24, 48, 72, 96)


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
        against_holding: of gain a unit received, by event
    """

    rule: str
    decisions: int
    tokens: float
    received: float
    held: float
    gain: float
    against_holding: Conclusion


@dataclass(frozen=True)
class Summary:
    """One outcome in numbers; money in units, returns as fractions."""

    name: str
    fills: str
    days: float
    events_played: int
    decisions: int
    markets: int
    staked: float  # paid for tokens, fees included; what was split and merged again is no stake
    profit: float  # of the settled markets, fees of the venue paid
    venue_fees: float
    rewards: float  # for resting orders; the profit has them
    rewards_unknown: int  # markets whose terms are not known: they paid none here
    costs: float  # of crossing the assumed spread, and the venue's fees, a unit staked
    return_on_stake: float
    share_before_fees: float
    share_after_fees: float
    share_bounds: ReturnBounds | None  # of the share after fees, by the verdict's bounds
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
    conclusion: Conclusion
    verdict: str
    parameters: str  # how those that come from outcomes were found
    dated: tuple[Event, ...]  # what the verdict is on
    replay: Replay | None = None  # with other results; None: no word asked for it


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


def summarise(
    outcome: RunResult,
    seed: int,
    half_spread: int,
    tries: Tries = NO_TRIES,
    replay: Replay | None = None,
) -> Summary:
    """Return an outcome in numbers, with its verdict; whether that is by the right test, judging.py
    looks after.

    Args:
        half_spread: that its fills assumed, 10**-6; 0: books were recorded
        tries: what else was tried on the same data
        replay: what the strategy did with other results; None: it does not follow them
    """
    events = by_event(outcome)
    share = share_prices(outcome)
    fall = drawdown(share.times, share.after)
    worst = min(events, key=lambda name: events[name][1], default="")
    dated = events_of(outcome)
    found = conclude(dated, seed, tries, adaptive=replay is not None and replay.follows)
    filled = [each for each in outcome.trades if each.filled and each.side == "BUY"]
    weight = sum(each.filled for each in filled)
    crossed = sum((each.filled - each.made) * half_spread // MICRO for each in outcome.trades)
    taken = crossed + sum(each.fee for each in outcome.trades)
    bought = [each for each in filled if each.event in events]
    staked = sum(each.cash + each.fee for each in bought) / MICRO
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
        rewards=sum(each.rewards for each in outcome.settled) / MICRO,
        rewards_unknown=outcome.rewards_unknown,
        costs=taken / MICRO / staked if staked else 0.0,
        return_on_stake=found.value,
        share_before_fees=share.before[-1] / share.before[0] - 1 if share.before else 0.0,
        share_after_fees=share.after[-1] / share.after[0] - 1 if share.after else 0.0,
        share_bounds=share_bounds(share_band(outcome, found, dated)),
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
        conclusion=found,
        verdict=told(found, outcome.fills, not outcome.recorded, outcome.in_sample),
        parameters=parameters_told(outcome),
        dated=tuple(dated),
        replay=replay,
    )


def assumed_spread(config: BacktestConfig, fills: Fills, recorded: bool) -> int:
    """Return the half-spread that fills assumed, 10**-6; 0 where books were recorded."""
    return 0 if recorded else config.quotes.quotes().under(fills).half_spread


def sales_by_rule(outcome: RunResult, seed: int) -> tuple[Sales, ...]:
    """Return what each exit rule earned or cost against holding to the end, by name."""
    sold: dict[str, list[DecidedTrade]] = {}
    for each in outcome.trades:
        if each.rule and each.filled and each.side == "SELL":
            sold.setdefault(each.rule, []).append(each)
    return tuple(_sales(rule, sold[rule], outcome.shapes, seed) for rule in sorted(sold))


def _sales(
    rule: str, trades: Sequence[DecidedTrade], shapes: Mapping[str, EventShape], seed: int
) -> Sales:
    events: dict[str, list[float]] = {}
    for each in trades:
        found = events.setdefault(each.event, [0.0, 0.0, 0.0])
        got = (each.cash - each.fee) / MICRO
        tokens = each.filled / MICRO
        for place, more in enumerate((got, got - each.won * tokens, tokens - got)):
            found[place] += more
    received = sum(stake for stake, _, _ in events.values())
    gain = sum(gain for _, gain, _ in events.values())
    against = [
        Event(name, shapes[name].date, stake, gained, missed, stake)
        for name, (stake, gained, missed) in events.items()
    ]
    return Sales(
        rule,
        len({each.decision for each in trades}),
        sum(each.filled for each in trades) / MICRO,
        received,
        received - gain,
        gain,
        conclude(against, seed),
    )


def told(found: Conclusion, fills: str, assumed: bool, in_sample: Sequence[str] = ()) -> str:
    """Return a verdict in words, with what it rests on.

    Args:
        assumed: whether quotes were assumed around last prices
        in_sample: parameters that may know the outcomes
    """
    if in_sample:
        return f"in sample: {told(found, fills, assumed)}"
    if found.test == EdgeTest.WEALTH:
        return f"{_told(found, fills, assumed)}; its bets follow its results"
    return _told(found, fills, assumed)


def _told(found: Conclusion, fills: str, assumed: bool) -> str:
    if found.word == VerdictWord.PASSES and fills != "pessimistic":
        return "above 0 on kinder fills: no pass"
    if found.word not in (VerdictWord.PASSES, VerdictWord.FAILS) or not assumed:
        return str(found.word)
    return f"{found.word}, if the assumed quotes hold"


def parameters_told(outcome: RunResult) -> str:
    """Return how the parameters that come from outcomes were found."""
    if outcome.in_sample:
        return f"in sample: {', '.join(outcome.in_sample)}"
    return outcome.learned or "none are counted"


@dataclass(frozen=True)
class ShareBand:
    """NAV a share after 2/20 at each report, at the ends of the return on stake; first: 1."""

    low: list[float]
    high: list[float]


def share_band(outcome: RunResult, found: Conclusion, events: Sequence[Event]) -> ShareBand | None:
    """Return what a share would have been worth after 2/20 at the ends of the return on stake:
    every event's profit moved by the difference, and NAV and fees run again through the vault's
    own arithmetic. None: there are no such ends."""
    share = share_prices(outcome)
    if found.bounds is None or not share.times:
        return None
    tested = (each for each in events if not each.proved)
    paid = sorted((outcome.shapes[each.name].paid_at, each.stake) for each in tested)
    ends = []
    for end in (found.bounds.low, found.bounds.high):
        moved, factor, place = [], 1.0, 0
        for time, gross in zip(share.times, share.before, strict=True):
            while place < len(paid) and paid[place][0] <= time:
                factor *= max(1 + (end - found.value) * paid[place][1], 0.0)
                place += 1
            moved.append(gross * factor)
        ends.append(prices_after_fees(share.times, moved, outcome.rates))
    return ShareBand(*ends)


def share_bounds(band: ShareBand | None) -> ReturnBounds | None:
    """Return the ends of a band as changes since its start."""
    return None if band is None else ReturnBounds(band.low[-1] - 1, band.high[-1] - 1)


def prices_after_fees(
    times: Sequence[int], gross: Sequence[float], rates: tuple[int, int, int]
) -> list[float]:
    """Return what a share is worth after fees at each report where it would be worth `gross`
    without them; first: 1. One holder.

    Args:
        rates: management, performance, hurdle; bps
    """
    vault: Vault[str] = Vault(
        Limits(total_cap=0, velocity=0, min_report_interval_s=0),
        rates,
        [("manager", BPS)],
        times[0],
        [],
    )
    vault.idle = HELD
    vault.mint("holder", HELD * VIRTUAL_SHARES)
    vault.report({})
    first = vault.nav[0] / vault.supply
    prices = [1.0]
    for place in range(1, len(times)):
        before, now = gross[place - 1], gross[place]
        vault.now = times[place]
        vault.idle = int(vault.idle * (now / before if before else 0.0))
        vault.report({})
        prices.append(vault.nav[0] / vault.supply / first)
    return prices


def favourites(history: PriceHistory, quotes: Quotes, hours: int = 24) -> list[Event]:
    """Return what it brings to buy the favourite of every market, whatever its price, a stated time
    before the end, one token each, at the assumed ask with fees: the naive benchmark."""
    books = QuotedBooks(quotes)
    (last,) = history.last_prices(hours)
    held: dict[str, list[HeldToken]] = {}
    won_: dict[str, float] = {}
    for number, price in last.items():
        outcome = YES if price >= MICRO // 2 else NO
        book = books.pair(price)[outcome]
        if book.ask is None:
            continue
        listed = history.listed[number]
        cost = (book.ask + listed.fees.most(MICRO, book.ask)) / MICRO
        market = history.markets[number]
        token = HeldToken(market.condition_id, outcome == YES, 1.0, cost)
        held.setdefault(market.event, []).append(token)
        won_[market.event] = won_.get(market.event, 0.0) + listed.payout[outcome] / sum(
            listed.payout
        )
    shapes = shapes_of(history)
    return [_held(name, shapes[name], held[name], won_[name]) for name in held]


def against(
    events: Sequence[Event], naive: Sequence[Event], seed: int, adaptive: bool = False
) -> Conclusion:
    """Return what events have earned beyond a benchmark that stakes the same money in each. Where
    it buys nothing, it is cash. The worst of the one and the best of the other may come together.

    Args:
        adaptive: whether the bets follow what came of earlier ones
    """
    others, found = {each.name: each for each in naive if each.stake > 0}, []
    for event in events:
        each, other = replace(event, followed=event.bet), others.get(event.name)
        if other is not None:
            part = each.stake / other.stake
            profit = each.profit - part * other.profit
            worst, best = each.worst + part * other.best, each.best + part * other.worst
            bet = _beyond(event.bet, other)
            each = replace(each, profit=profit, worst=worst, best=best, followed=bet)
        found.append(replace(each, holdings=()))
    return conclude(found, seed, adaptive=adaptive)


def _beyond(bet: FollowedBet, other: Event) -> FollowedBet:
    """Return a bet with the other side of a benchmark, for the same money."""
    part = bet.stake / other.stake
    limit = bet.limit + part * max(other.worst, other.best)
    return FollowedBet(limit, bet.profit - part * other.profit, bet.stake)


def _held(name: str, shape: EventShape, tokens: list[HeldToken], won: float) -> Event:
    """Return an event of tokens that were held to its end."""
    place = {market: number for number, market in enumerate(shape.markets)}
    ordered = tuple(sorted(tokens, key=lambda each: place[each.market]))
    cost = sum(each.cost for each in ordered)
    return Event(
        name, shape.date, cost, won - cost, cost, len(ordered) - cost, shape.joint, ordered
    )


def horizons(history: PriceHistory) -> list[Horizon]:
    """Return how good the market's own last price was as a forecast, by hours before the end."""
    won = np.array(history.outcomes, dtype=float)
    found = []
    for hours, last in zip(HORIZONS_H, history.last_prices(*HORIZONS_H), strict=True):
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
    won = np.array(history.outcomes, dtype=float)
    (last,) = history.last_prices(hours)
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
