"""A simulated week: the keeper by itself on recorded markets, hour by hour.

The chain's clock runs through a recorded week; a market maker quotes the recorded hourly prices, a
taker trades now and then, depositors come and go, and markets resolve as they did. The keeper sees
the devnet as it would see the venue; its co-signer is a process of its own.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import ape

from strongroom.chain.terms import Limits
from strongroom.chain.units import MICRO
from strongroom.devnet import polymarket
from strongroom.devnet.clock import DevnetClock
from strongroom.devnet.ladders import Rung, load_week, relations
from strongroom.devnet.setup import Stage, set_up
from strongroom.devnet.traders import MarketMaker, Taker
from strongroom.keeper.recording import Recorder
from strongroom.keeper.tick import Keeper, Tick
from strongroom.keeper.wiring import build

HOUR = 3_600
SETTLING_S = 2 * HOUR  # from a market's end to its payout

Told = Callable[[str, Mapping[str, Any]], None]


@dataclass(frozen=True)
class Plan:
    """What week, how much of it, and who deposits; assets in whole units."""

    resolves_on: date = date(2025, 12, 12)
    tickers: tuple[str, ...] = ("AAPL", "GOOGL", "NVDA", "TSLA")
    hours: int = 122
    seed: int = 7
    deposits: tuple[tuple[int, str, int], ...] = ((0, "alice", 50_000), (50, "bob", 20_000))
    redemptions: tuple[tuple[int, str, int], ...] = ((80, "alice", 20),)  # percent of shares
    report_every_s: int = 6 * HOUR
    packs: str = ""  # TOML instead of the default packs

    @property
    def start(self) -> datetime:
        """The first hour: the week ends two hours after the payouts."""
        last = datetime.combine(self.resolves_on, datetime.min.time(), UTC) + timedelta(days=1)
        return last + timedelta(hours=4) - timedelta(hours=self.hours)


@dataclass(frozen=True)
class Hour:
    """The vault at the end of an hour, read from the chain; micro-units."""

    time: int
    nav_bid: int
    nav_ask: int
    supply: int
    idle: int
    exposure: int
    by_market: Mapping[str, int]
    halts: Mapping[str, str]


@dataclass
class Week:
    """What came of it."""

    plan: Plan
    stage: Stage
    keeper: Keeper
    rungs: list[Rung]
    hours: list[Hour] = field(default_factory=list)
    told: list[tuple[int, str, Mapping[str, Any]]] = field(default_factory=list)

    def events(self, name: str) -> list[Mapping[str, Any]]:
        """Return what the keeper told under a name."""
        return [fields for _, event, fields in self.told if event == name]


def run_week(plan: Plan, folder: Path, rpc_url: str, emit: Told, running: Any = None) -> Week:
    """Run it on the chain that ape is connected to: anvil, started at the plan's start.

    Args:
        emit: hears of every hour and of what the keeper tells
    """
    request = ape.networks.provider.make_request
    clock = DevnetClock(request, float(ape.chain.blocks.head.timestamp))
    clock.advance_to(int(plan.start.timestamp()))
    place = running or polymarket.deploy(ape.accounts.test_accounts[0], [])
    oracle = str(ape.accounts.test_accounts[10].address)
    rungs = load_week(plan.resolves_on, plan.tickers, oracle, place.venue)
    stage = set_up(
        folder,
        rpc_url,
        [rung.record for rung in rungs],
        clock,
        _sections(plan, rungs),
        limits=Limits(
            max_report_age_s=24 * HOUR, min_report_interval_s=60, max_up_bps=3_000,
            max_down_bps=3_000, max_spread_bps=1_500, price_band_bps=0,
        ),
        class_terms={"market_cap": 10_000 * MICRO, "max_duration_s": 14 * 24 * HOUR},
        running=place,
    )  # fmt: skip
    week = Week(plan, stage, None, rungs)  # type: ignore[arg-type]  # made below

    def told(event: str, fields: Mapping[str, Any]) -> None:
        week.told.append((int(clock()), event, fields))
        emit(event, fields)

    stage.start_cosigner()
    week.keeper = build(stage.config, told, clock)
    week.keeper.seen = Recorder(folder / "views", week.keeper.journal.salt()).see
    keys = {name: stage.people[name].private_key for name in ("maker", "taker")}
    exchange = stage.venue.exchange.address
    maker = MarketMaker(stage.server.url, polymarket.CHAIN_ID, keys["maker"], exchange, clock)
    dice = random.Random(plan.seed)
    taker = Taker(stage.server.url, polymarket.CHAIN_ID, keys["taker"], exchange, clock, dice=dice)
    for number in range(plan.hours + 1):
        now = int(plan.start.timestamp()) + number * HOUR
        clock.advance_to(now)
        _people(week, number)
        _markets(week, now, maker, taker)
        _keeper(week, emit)
        week.hours.append(_hour(week, now))
        emit("hour", {"number": number, "of": plan.hours, "hour": week.hours[-1]})
    return week


def _sections(plan: Plan, rungs: list[Rung]) -> str:
    """Return the operator's choices: packs, sizing, limits, reporting."""
    known = "".join(
        f'\n[[packs.bundle.relations]]\nkind = "{each["kind"]}"\n'
        f'members = {list(each["members"])}\nreviewer = "{each["reviewer"]}"\n'
        for each in relations(rungs)
    ).replace("'", '"')
    quoted = [rung.name for rung in rungs if 0.2 < (rung.price(rung.resolves_at) or 0.5) < 0.8][:2]
    middle = [rung.name for rung in rungs][6:8]
    packs = (
        plan.packs
        or f"""
[packs.dutch]

[packs.bundle]
min_profit = 50_000
{known}
[packs.tail]
latest_h = 3
earliest_h = 96

[packs.hedge]

[packs.maker]
markets = {[*quoted, *middle]}
size = 50
""".replace("'", '"')
    )
    return f"""
{packs}
[sizing]
depth_share = "0.5"

[limits]
category_bps = 9_000
max_open = 40

[information]
markets_every_s = 1800
books_max_age_s = 120

[execution]
patience_s = 5
start_within_s = 600

[reporting]
evidence = "evidence"
every_s = {plan.report_every_s}
when_asked_s = {2 * HOUR}

[operations]
mode = "live"
max_skew_s = 120
"""


def _people(week: Week, number: int) -> None:
    """Let depositors do what the plan says at this hour, and claim what waits for them."""
    stage = week.stage
    for hour, name, assets in week.plan.deposits:
        if hour == number:
            stage.request_deposit(name, assets * MICRO)
        if hour < number:
            stage.claim_shares(name)
            stage.claim_assets(name)
    for hour, name, share in week.plan.redemptions:
        if hour == number:
            stage.request_redeem(name, share)


def _markets(week: Week, now: int, maker: MarketMaker, taker: Taker) -> None:
    """Resolve what is over, quote what is not, and trade a little."""
    stage = week.stage
    markets = {market.name: market for market in stage.markets}
    alive: dict[str, tuple[Any, float]] = {}
    for rung in week.rungs:
        market = markets[rung.name]
        if now >= rung.resolves_at + SETTLING_S:
            if not stage.venue.ctf.payoutDenominator(market.condition_id):
                stage.resolve(market, rung.yes)
        elif now >= rung.resolves_at:
            continue
        elif (price := rung.price(now)) is not None:
            alive[rung.name] = (market, price)
    if alive:
        maker.quote(alive)
        taker.trade([market for market, _ in alive.values()], 4, 20)


def _keeper(week: Week, emit: Told) -> None:
    """Tick until nothing moves any more."""
    for _ in range(12):
        before = _progress(week.keeper)
        tick: Tick = week.keeper.tick()
        if tick.halts:
            emit("halts", tick.halts)
        if not tick.decisions and _progress(week.keeper) == before:
            return


def _progress(keeper: Keeper) -> tuple[int, ...]:
    journal = keeper.journal
    return (
        len(journal.all()),
        sum(row.filled for row in journal.all()),
        len(journal.open()),
        len(journal.open_tasks()),
        len(journal.transactions.all()),
        len(journal.transactions.open()),
    )


def _hour(week: Week, now: int) -> Hour:
    vault = week.stage.vault
    nav_bid, nav_ask = vault.navs()
    return Hour(
        now,
        nav_bid,
        nav_ask,
        vault.totalSupply(),
        vault.total_idle(),
        vault.total_exposure(),
        {"0x" + bytes(market).hex(): vault.exposureOf(market) for market in vault.openMarkets()},
        dict(week.keeper._halts),
    )
