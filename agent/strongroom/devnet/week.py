"""A simulated week: the keeper by itself on recorded markets, hour by hour.

The chain's clock runs through a recorded week; a market maker quotes the recorded hourly prices, a
taker trades now and then, the venue pays makers once a day, depositors come and go, and markets
resolve as they did. The keeper sees the devnet as it would see the venue; its co-signer is a
process of its own.
"""

import random
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import httpx
import tomli_w

from strongroom.chain.contracts import Contracts
from strongroom.chain.ids import JsonObject
from strongroom.chain.orders import Side
from strongroom.chain.terms import Limits
from strongroom.chain.units import HOUR, MICRO
from strongroom.devnet import polymarket
from strongroom.devnet.clob.habits import DEFAULT, Habits
from strongroom.devnet.clob.incentives import IncentiveKind, day_of
from strongroom.devnet.clock import DevnetClock
from strongroom.devnet.deployer import AnvilDeployer, devnet_keys
from strongroom.devnet.ladders import Rung, load_week, relations
from strongroom.devnet.polymarket import Polymarket
from strongroom.devnet.rival import Rival
from strongroom.devnet.setup import NAMES, TOTAL_CAP, VELOCITY, Stage, StageOptions, set_up
from strongroom.devnet.traders import MarketMaker, Taker
from strongroom.errors import Away
from strongroom.execution.interfaces import Listener
from strongroom.information.gamma import Market
from strongroom.keeper.recording import Recorder
from strongroom.keeper.tick import Keeper, Tick
from strongroom.keeper.wiring import build

DELAY_S, DELAY_STEP_S = 60.0, 0.2  # how long an order that the venue has put off is waited for
PAYERS = {IncentiveKind.REBATE: "rebates", IncentiveKind.REWARD: "rewards"}  # people of the stage
TAKEN_EVERY, TAKEN_TOKENS = 6, 1_000  # hours; more than all that stands there
SETTLING_S = 2 * HOUR  # from a market's end to its payout


@dataclass(frozen=True)
class WeekOptions:
    """What week, how much of it, and who deposits; assets in whole units. What is in the folder is
    deleted."""

    folder: Path = Path("build") / "week"
    resolves_on: date = date(2025, 12, 12)
    tickers: tuple[str, ...] = ("AAPL", "GOOGL", "NVDA", "TSLA")
    hours: int = 122
    seed: int = 7
    deposits: tuple[tuple[int, str, int], ...] = ((0, "alice", 50_000), (50, "bob", 20_000))
    redemptions: tuple[tuple[int, str, int], ...] = ((80, "alice", 20),)  # percent of shares
    report_every_s: int = 6 * HOUR
    reveal_within_s: int = 0  # decisions are private for so long
    packs: str = ""  # TOML instead of the default packs
    habits: Habits = DEFAULT  # of the venue's services
    rival: bool = False  # somebody trades against what the keeper decides

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
    """A week that is played, and its results; `log` has the keeper's events.

    Attributes:
        paid: what the venue paid makers beside trades: kind, receiver, micro-units
    """

    options: WeekOptions
    stage: Stage
    keeper: Keeper
    rungs: list[Rung]
    log: list[tuple[int, str, JsonObject]]
    hours: list[Hour] = field(default_factory=list)
    paid: list[tuple[IncentiveKind, str, int]] = field(default_factory=list)
    rival: Rival | None = None

    def events(self, name: str) -> list[JsonObject]:
        """Return the fields of the keeper's events of one name."""
        return [fields for _, event, fields in self.log if event == name]


def play_week(
    options: WeekOptions,
    chain: Contracts,
    emit: Listener = lambda event, fields: None,
    running: Polymarket | None = None,
) -> Week:
    """Play it on an anvil that starts at the week's start; the caller closes the stage.

    Args:
        emit: hears of every hour and of what the keeper tells
        running: a Polymarket that is deployed already
    """
    clock = DevnetClock(chain)
    clock.advance_to(int(options.start.timestamp()))
    listeners = [emit]

    def tell(event: str, fields: JsonObject) -> None:
        for each in listeners:
            each(event, fields)

    week = _set_up(options, chain, clock, tell, running)
    if options.rival:
        week.rival = Rival(week.stage, week.keeper.journal)
        listeners.append(week.rival.hear)
    maker = MarketMaker(week.stage.seat("maker"))
    taker = Taker(week.stage.seat("taker"), random.Random(options.seed))
    for number in range(options.hours + 1):
        now = int(options.start.timestamp()) + number * HOUR
        clock.advance_to(now)
        _pay_makers(week, now)
        _people(week, number)
        _markets(week, now, maker, taker)
        _keeper(week, emit)
        httpx.post(f"{week.stage.server.url}/devnet/incentives/look").raise_for_status()
        if number % TAKEN_EVERY == TAKEN_EVERY - 1:
            _take_quote(week, taker)
        _settled(week)
        week.hours.append(_hour(week, now))
        emit("hour", {"number": number, "of": options.hours, "hour": asdict(week.hours[-1])})
    return week


def _set_up(
    options: WeekOptions,
    chain: Contracts,
    clock: DevnetClock,
    emit: Listener,
    running: Polymarket | None,
) -> Week:
    """Deploy, start the co-signer, make the keeper."""
    keys = devnet_keys()
    place = running or polymarket.deploy(AnvilDeployer(keys[0].account, chain), [])
    rungs = load_week(options.resolves_on, options.tickers, keys[10].address, place.venue)
    # no band: the recorded prices move further between two reports than the default admits; and an
    # interval that the next hour does not just miss
    limits = Limits(
        min_report_interval_s=HOUR // 2,
        price_band_bps=0,
        total_cap=TOTAL_CAP,
        velocity=VELOCITY,
    )
    chosen = StageOptions(
        options.folder,
        [rung.record for rung in rungs],
        _sections(options, rungs),
        limits=limits,
        market_cap=10_000 * MICRO,
        max_duration_s=14 * 24 * HOUR,
        habits=options.habits,
    )
    stage = set_up(chain, clock, chosen, place)
    log: list[tuple[int, str, JsonObject]] = []

    def on_event(event: str, fields: JsonObject) -> None:
        log.append((int(clock()), event, fields))
        emit(event, fields)

    stage.start_cosigner()
    keeper = build(stage.config, on_event, clock)
    keeper.on_view = Recorder(options.folder / "views", keeper.journal.salt()).see
    return Week(options, stage, keeper, rungs, log)


def _sections(options: WeekOptions, rungs: Sequence[Rung]) -> str:
    """Return the operator's choices as TOML: packs, sizing, limits, reporting."""
    people = dict(zip(NAMES, devnet_keys(), strict=False))
    packs = tomllib.loads(options.packs)["packs"] if options.packs else _packs(rungs)
    return tomli_w.dumps(
        {
            "packs": packs,
            "sizing": {"depth_share": "0.5"},
            "limits": {"category_bps": 9_000, "max_open": 40},
            "information": {"markets_every_s": 1_800, "books_max_age_s": 120},
            "execution": {"patience_s": 5, "start_within_s": 600},
            "reporting": {
                "evidence": "evidence",
                "every_s": options.report_every_s,
                "views": "unpublished",
                "reveal_within_s": options.reveal_within_s,
                "when_asked_s": 2 * HOUR,
                "payers": {people[name].address: kind.value for kind, name in PAYERS.items()},
            },
            "operations": {"mode": "live", "max_skew_s": 120},
        }
    )


def _packs(rungs: Sequence[Rung]) -> JsonObject:
    """Return all packs: the ladder's relations for bundles, markets near even odds to quote."""
    quoted = [rung.name for rung in rungs if 0.2 < (rung.price(rung.resolves_at) or 0.5) < 0.8][:2]
    middle = [rung.name for rung in rungs][6:8]
    return {
        "dutch": {},
        "bundle": {"min_profit": 50_000, "relations": relations(rungs)},
        "tail": {"latest_h": 3, "earliest_h": 96},
        "hedge": {},
        "maker": {"markets": [*quoted, *middle], "size": 50},
    }


def _people(week: Week, number: int) -> None:
    """Let depositors do what the plan says at this hour, and claim what waits for them."""
    stage = week.stage
    for hour, name, assets in week.options.deposits:
        if hour == number:
            stage.request_deposit(name, assets * MICRO)
        if hour < number:
            stage.claim_shares(name)
            stage.claim_assets(name)
    for hour, name, share in week.options.redemptions:
        if hour == number:
            stage.request_redeem(name, share)


def _pay_makers(week: Week, now: int) -> None:
    """Pay rebates and rewards of the days that are over, each from its payer."""
    stage, day = week.stage, day_of(now)
    if day == day_of(now - HOUR):
        return
    for kind, name in PAYERS.items():
        path = f"/devnet/incentives/{kind}/pay"
        answer = httpx.post(stage.server.url + path, params={"until": day}).raise_for_status()
        payer = stage.people[name]
        for due in answer.json():
            receiver, amount = str(due["maker"]), int(due["amount"])
            stage.venue.fund(stage.people["deployer"], payer, amount)
            stage.venue.pusd.transfer(receiver, amount, sender=payer)
            week.paid.append((kind, receiver, amount))


def _take_quote(week: Week, taker: Taker) -> None:
    """Take all that stands in a market up to a quote of the keeper's, that included."""
    markets = {market.condition_id: market for market in week.stage.markets}
    for row in week.keeper.journal.open():
        if row.side is Side.BUY and row.condition in markets:
            other = sum(markets[row.condition].token_ids) - row.token
            taker.take_all(other, 1 - Decimal(row.price) / MICRO, TAKEN_TOKENS)
            return


def _markets(week: Week, now: int, maker: MarketMaker, taker: Taker) -> None:
    """Resolve what is over, quote what is not, and trade a little."""
    stage = week.stage
    markets = {str(market.condition_id): market for market in stage.markets}
    alive: dict[str, tuple[Market, float]] = {}
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


def _keeper(week: Week, emit: Listener) -> None:
    """Tick until nothing moves any more, and no order waits for its match."""
    for _ in range(12):
        before = _progress(week.keeper)
        tick: Tick = week.keeper.tick()
        if tick.halts:
            emit("halts", tick.halts)
        if not _wait(week.keeper) and not tick.decisions and _progress(week.keeper) == before:
            return


def _wait(keeper: Keeper) -> bool:
    """Wait until the venue is through with what does not rest; return whether there was any.

    The venue puts marketable orders off by this machine's clock (VENUE e1), which an hour of the
    week is nothing to.
    """
    deadline, waited = time.monotonic() + DELAY_S, False
    while any(not each.kind.rests for each in keeper.journal.open()):
        if time.monotonic() > deadline:
            break
        waited = True
        time.sleep(DELAY_STEP_S)
        keeper.desk.recover()
    return waited


def _settled(week: Week) -> None:
    """Wait until every trade is on the chain: in an hour no signature counts any more.

    Raises:
        Away: they are not in time.
    """
    deadline = time.monotonic() + DELAY_S
    while not week.stage.server.engine.is_idle:
        if time.monotonic() > deadline:
            raise Away("trades of the last hour are not on the chain: is this machine too slow?")
        time.sleep(DELAY_STEP_S / 10)


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
        vault.totalExposure(),
        {"0x" + bytes(market).hex(): vault.bookOf(market)[0] for market in vault.openMarkets()},
        dict(week.keeper._halts),
    )
