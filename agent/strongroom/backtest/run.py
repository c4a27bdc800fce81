"""A backtest: the live keeper, hour by hour, over recorded prices and a vault in memory.

    from strongroom.backtest.config import load
    from strongroom.backtest.run import simulate

    outcome = simulate(load(Path("docs/examples/backtest-tail.toml")), "pessimistic")
    print(outcome.reports[-1])

The same packs, sizes, limits, tasks, orders, marks and reports as live; only what they talk to is
replaced (simulated_chain.py, simulated_venue.py).
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from strongroom.backtest.config import BacktestConfig, PersonSection
from strongroom.backtest.data import ORACLE, PriceHistory, load_history
from strongroom.backtest.deciding import SealedDecisions
from strongroom.backtest.engine import MS, Engine, SimulatedFill
from strongroom.backtest.event_shapes import EventShape, shapes_of
from strongroom.backtest.garbage import seldom_collected
from strongroom.backtest.learned import Learning, known_of_the_sample, learning_of
from strongroom.backtest.quotes import Fills
from strongroom.backtest.simulated_chain import (
    CLASS,
    EXCHANGE,
    MANAGER,
    VAULT,
    ClosedMarket,
    EffectiveReport,
    SimulatedChain,
    SimulatedTransactor,
    World,
)
from strongroom.backtest.simulated_requests import DEPOSIT, REDEEM
from strongroom.backtest.simulated_rewards import SimulatedRewards
from strongroom.backtest.simulated_vault import Caps
from strongroom.backtest.simulated_venue import DOMAIN, SimulatedSources, SimulatedVenue, Unsigned
from strongroom.chain.ids import ConditionId, TokenId
from strongroom.chain.orders import NO, YES
from strongroom.chain.units import HOUR, MICRO
from strongroom.execution.vault_reader import VaultReader
from strongroom.information.books import Book
from strongroom.information.forecast import Answers, Forecaster, Given
from strongroom.information.gamma import Market
from strongroom.journal import Journal
from strongroom.keeper.assembly import Settings, Surroundings
from strongroom.keeper.assembly import assemble as assemble_keeper
from strongroom.keeper.pack_sections import parameters_of, trading_of
from strongroom.keeper.tick import Keeper, Watch
from strongroom.keeper.wiring import CODE_VERSION, make_rules, task_rules
from strongroom.reporting.marks import Method
from strongroom.reporting.report import Reporting, ReportSchedule
from strongroom.strategy.decide import Round
from strongroom.strategy.rules import Exchanges
from strongroom.strategy.view import View

SALT = "backtest"
ROUNDS = 8  # of ticks in which one look's decisions may be carried out


@dataclass(frozen=True)
class OrderCourse:
    """How an order went.

    Attributes:
        fills: in the order of their times
        rested: ms, from when until when it stood in the book, or would have, had it not been
            filled; None: it only takes
    """

    fills: tuple[SimulatedFill, ...]
    rested: tuple[int, int] | None = None


@dataclass(frozen=True)
class DecidedTrade:
    """A decision's fills in one market; money in micro-units."""

    decision: str
    pack: str
    time: int
    event: str
    market: str
    outcome: str
    yes: bool  # whether that is the market's first outcome
    side: str
    price: str  # limit
    size: int  # wanted, micro-tokens
    filled: int
    cash: int
    fee: int
    made: int  # of the tokens, by a resting order
    chance: float  # that was claimed
    won: float  # what the token paid in the end
    rule: str  # of an exit; empty: a pack decided
    course: OrderCourse | None = None  # None: filled at once, when it was decided


@dataclass(frozen=True)
class Conversion:
    """NO of some markets of an event that became YES of all others, and collateral for all but one.

    Attributes:
        time: timestamp
        gone, come: market -> what one of its tokens, NO or YES, pays in the end
        amount: micro-tokens of each
    """

    time: int
    event: str
    gone: Mapping[str, float]
    come: Mapping[str, float]
    amount: int


@dataclass(frozen=True)
class Wake:
    """The vault when the keeper had done its work at one hour; micro-units. NAV is as booked: what
    is above its cost counts at the ask alone until it is home."""

    time: int
    nav_bid: int
    nav_ask: int
    supply: int
    idle: int
    exposure: int
    largest: int


@dataclass(frozen=True)
class Person:
    """What a depositor put in, got out, and still has; micro-units.

    Attributes:
        put_in: that became shares
        got_out: in cash, of what left in kind the idle assets included
        in_kind: collateral that left in kind, and what the tokens with it pay in the end
        worth: of the shares left, at the bid
        waiting: deposits that have not become shares
    """

    who: str
    put_in: int
    got_out: int
    in_kind: int
    worth: int
    waiting: int


@dataclass
class RunResult:
    """The result of a simulation."""

    name: str
    fills: str
    starts_at: int
    ends_at: int
    events: int
    shapes: Mapping[str, EventShape]
    rates: tuple[int, int, int]  # management, performance, hurdle; bps
    recorded: bool  # books; otherwise quotes were assumed around last prices
    in_sample: Sequence[str] = ()  # given parameters that may know what is played
    learned: str = ""  # how others came about
    rewards_unknown: int = 0  # markets of which nobody knows what resting orders are paid
    reports: list[EffectiveReport] = field(default_factory=list)
    wakes: list[Wake] = field(default_factory=list)
    settled: list[ClosedMarket] = field(default_factory=list)
    trades: list[DecidedTrade] = field(default_factory=list)
    conversions: list[Conversion] = field(default_factory=list)
    people: list[Person] = field(default_factory=list)
    manager: int = 0  # worth of the fee shares
    decisions: int = 0
    refused: int = 0  # transactions that the vault refused
    halts: Mapping[str, int] = field(default_factory=dict)


@dataclass
class LaggedPrice:
    """The null forecaster: the market's own earlier last price."""

    name: str
    lag_s: int
    history: dict[ConditionId, list[tuple[int, int]]] = field(default_factory=dict)

    def hear(self, market: ConditionId, time: int, price: int) -> None:
        """Keep a price as it comes."""
        self.history.setdefault(market, []).append((time, price))

    def forecast(self, markets: Sequence[Market], now: int) -> Answers:
        """Return the prices of a while ago."""
        found = []
        for market in markets:
            known = self.history.get(market.condition_id, [])
            while len(known) > 1 and known[1][0] <= now - self.lag_s:
                known.pop(0)
            if known and known[0][0] <= now - self.lag_s:
                time, price = known[0]
                found.append(Given(self.name, market.condition_id, price / MICRO, now, time))
        return Answers(tuple(found))


OnView = Callable[[View, Round], None]


@dataclass
class Backtest:
    """One simulation, ready to run."""

    config: BacktestConfig
    history: PriceHistory
    world: World
    keeper: Keeper
    transactor: SimulatedTransactor
    outcome: RunResult
    deciding: SealedDecisions
    learning: Learning
    lagged: LaggedPrice | None = None

    def run(self, on_progress: Callable[[int, int], None] = lambda now, end: None) -> RunResult:
        """Run it to the end.

        Args:
            on_progress: is called with the time that is played, and the last one

        Raises:
            ConfigError, ReachesOut, PackFailed: see deciding.py.
        """
        try:
            with seldom_collected():
                return self._run(on_progress)
        finally:
            self.deciding.close()

    def _run(self, on_progress: Callable[[int, int], None]) -> RunResult:
        world, step = self.world, self.config.run.every_s
        start = -(-self.history.starts_at // step) * step
        # until a report has seen the last payout: a share is worth what the last report says
        last = self.history.ends_at + step + self.config.reports.every_s
        waiting = sorted(self.config.people, key=lambda each: each.at_h)
        quotes = self.config.quotes.quotes().under("pessimistic")
        answered_ms = quotes.feed_ms + max(quotes.insert_ms, quotes.cancel_ms)
        halts: Counter[str] = Counter()
        for now in range(start, last + step, step):
            world.at(now)
            self._hear(now)
            while waiting and start + waiting[0].at_h * HOUR <= now:
                self._act(waiting.pop(0))
            progress = self._progress()
            for _ in range(ROUNDS):
                before = progress
                tick = self.keeper.tick()
                if tick.defect is not None:
                    raise tick.defect
                halts.update(tick.halts.keys())
                until, progress = self.keeper.tasks.rests_until(), self._progress()
                rests = not tick.decisions and progress == before and until is None
                if rests and not world.engine.pending:
                    break
                soon = world.now + -(-answered_ms // MS) + 1
                world.at(soon if until is None else max(soon, until + 1))
            world.claim_all()
            self.outcome.wakes.append(self._wake(now))
            on_progress(min(now, last), last)
        self._finish(halts)
        return self.outcome

    def _progress(self) -> tuple[int, int, int, int]:
        journal, world = self.keeper.journal, self.world
        return (
            len(world.engine.orders),
            len(journal.open()),
            len(journal.open_tasks()),
            len(world.reports),
        )

    def _hear(self, now: int) -> None:
        if self.lagged is not None:
            engine = self.world.engine
            for number, price in enumerate(engine.price):
                if isinstance(price, int) and MS * now < engine.listed[number].ends_ms:
                    self.lagged.hear(self.history.markets[number].condition_id, now, price)

    def _act(self, person: PersonSection) -> None:
        vault = self.world.vault
        if person.deposit is not None:
            vault.request(DEPOSIT, person.who, person.who, int(person.deposit * MICRO))
        if person.redeem_pct is not None:
            shares = vault.shares.get(person.who, 0) * person.redeem_pct // 100
            if shares:
                vault.request(REDEEM, person.who, person.who, shares)
        if person.in_kind_pct is not None:
            shares = vault.shares.get(person.who, 0) * person.in_kind_pct // 100
            if shares:
                self.world.leave_in_kind(person.who, shares)

    def _wake(self, now: int) -> Wake:
        vault = self.world.vault
        exposures = [vault.markets[market].exposure for market in vault.open]
        largest = max(exposures, default=0)
        return Wake(now, *vault.nav, vault.supply, vault.idle, sum(exposures), largest)

    def _finish(self, halts: Counter[str]) -> None:
        world, out = self.world, self.outcome
        out.events, out.reports, out.settled = world.engine.events, world.reports, world.settled
        out.learned = self.learning.words()
        out.refused, out.halts = len(self.transactor.refused), dict(halts)
        out.trades = trades_of(self.keeper.journal, world, self.history)
        out.conversions = conversions_of(world)
        out.decisions = len(self.keeper.journal.all_tasks())
        out.manager = self._worth(MANAGER)
        out.people = [
            Person(
                who,
                world.put_in.get(who, 0),
                world.got_out.get(who, 0),
                world.worth_in_kind(who),
                self._worth(who),
                sum(epoch.pending(who) for epoch in world.vault.queues[DEPOSIT].live(who)),
            )
            for who in dict.fromkeys(each.who for each in self.config.people)
        ]

    def _worth(self, who: str) -> int:
        """Return what somebody's shares are worth at the bid, those that wait included."""
        vault = self.world.vault
        waiting = sum(epoch.pending(who) for epoch in vault.queues[REDEEM].live(who))
        shares, supply = vault.shares.get(who, 0) + waiting, vault.supply
        return shares * vault.nav[0] // supply if supply else 0


def simulate(
    config: BacktestConfig,
    fills: Fills = "pessimistic",
    history: PriceHistory | None = None,
    on_progress: Callable[[int, int], None] = lambda now, end: None,
    on_view: OnView = lambda view, found: None,
) -> RunResult:
    """Run a configuration under one of the three assumptions on fills.

    Args:
        history: instead of the one that the configuration names
        on_progress: see `Backtest.run`
        on_view: is called with each view and what was decided on it

    Raises:
        ConfigError: the configuration does not fit what is there.
        ReachesOut, PackFailed: see deciding.py.
    """
    with TemporaryDirectory(prefix="strongroom-backtest-") as folder:
        known = history or load_history(config)
        return assemble(config, fills, known, Path(folder), on_view).run(on_progress)


def assemble(
    config: BacktestConfig,
    fills: Fills,
    history: PriceHistory,
    folder: Path,
    on_view: OnView = lambda view, found: None,
) -> Backtest:
    """Put a simulation together; evidence documents go to `folder`."""
    world = _world(config, fills, history)
    chain = SimulatedChain(world)
    journal = Journal("sqlite://")
    journal.keep("salt", SALT)
    lagged = None
    forecasters: list[Forecaster] = []
    if config.forecast is not None:
        lagged = LaggedPrice(config.forecast.name, config.forecast.lag_s)
        forecasters.append(lagged)
    forecasters += history.forecasts()
    transactor = SimulatedTransactor(world)
    learning = learning_of(config, history, lambda: world.now)
    deciding = SealedDecisions(parameters_of(config.packs), learning.changes)
    around = Surroundings(
        journal=journal,
        chain=chain,
        vault=VaultReader(chain, VAULT, (CLASS,)),
        venue=SimulatedVenue(world),
        transactor=transactor,
        report_sender=transactor,
        signers=Unsigned(),
        sources=SimulatedSources(world, config.quotes.stale_s, forecasters),
        book=lambda token: _book(world, token),
        clock=lambda: world.now,
        on_view=on_view,
        decide=deciding,
    )
    settings = Settings(
        packs=(),  # theirs is a process of its own
        rules=make_rules(
            config.sizing,
            config.limits,
            Exchanges(EXCHANGE, EXCHANGE),
            trading_of(config.packs, config.execution.order_lifetime_s),
        ),
        reporting=Reporting(
            folder,
            "backtest",
            ReportSchedule(config.reports.every_s, config.reports.when_asked_s),
            Method(int(config.reports.reference_size * MICRO)),
            {},
            CODE_VERSION,
            restarts=False,
        ),
        domains=[DOMAIN],
        tasks=task_rules(config.execution),
        lifetime_s=config.execution.order_lifetime_s,
        watch=Watch(heartbeat=False),
        negative_risk_oracle=ORACLE,  # one class has markets of both kinds
        # what is replayed moves money without having graduated: that is the experiment
        signals=[each.name for each in forecasters],
    )
    keeper = assemble_keeper(around, settings)
    about = config.name, fills, history.starts_at, history.ends_at, 0
    known = known_of_the_sample(config, history)
    outcome = RunResult(*about, shapes_of(history), world.rates, history.books, known)
    outcome.rewards_unknown = len(history.markets) - len(history.rewards)
    return Backtest(config, history, world, keeper, transactor, outcome, deciding, learning, lagged)


def _world(config: BacktestConfig, fills: Fills, history: PriceHistory) -> World:
    """Return the venue and the vault at the moment before the first price."""
    quotes = config.quotes.quotes().under(fills)
    engine = Engine(history.listed, quotes, history.feed(quotes.depth))
    engine.now = MS * (history.starts_at - 1)
    terms, limits = config.vault, config.limits_of_vault()
    caps = Caps(
        int(terms.market_cap * MICRO),
        terms.market_cap_bps,
        int(terms.class_cap * MICRO),
        terms.class_cap_bps,
    )
    rates = (terms.management_bps, terms.performance_bps, terms.hurdle_bps)
    rewards = None
    if any(history.rewards.values()) and fills != "pessimistic":
        rewards = SimulatedRewards(history.rewards)
    about = engine, history.markets, ORACLE, limits, caps, terms.max_duration_s, rates
    return World(*about, rewards, history.turned)


def _book(world: World, token: TokenId) -> Book | None:
    for number, listed in enumerate(world.engine.listed):
        if token in listed.token_ids:
            book = world.engine.book(number, listed.token_ids.index(token))
            return None if book is None else replace(book, seen_at=world.now)
    return None


def trades_of(journal: Journal, world: World, history: PriceHistory) -> list[DecidedTrade]:
    """Return the end of each order of a run, in the order of the decisions."""
    number_of = {market.condition_id: number for number, market in enumerate(history.markets)}
    found = []
    for task in journal.all_tasks():
        record = journal.record(task.decision)
        for intent in journal.of_decision(task.decision):
            fills: Sequence[SimulatedFill] = world.fills.get(intent.order_hash, ())
            order = world.engine.orders.get(intent.order_hash)
            number = number_of[intent.condition]
            market, listed = history.markets[number], history.listed[number]
            outcome = listed.token_ids.index(intent.token)
            found.append(
                DecidedTrade(
                    task.decision,
                    record.pack,
                    task.time,
                    market.event,
                    market.condition_id,
                    market.outcomes[outcome],
                    outcome == YES,
                    intent.side,
                    str(intent.price / MICRO),
                    intent.size,
                    sum(fill.tokens for fill in fills),
                    sum(fill.cash for fill in fills),
                    sum(fill.fee for fill in fills),
                    sum(fill.tokens for fill in fills if fill.maker),
                    float(record.chance),
                    listed.payout[outcome] / sum(listed.payout),
                    record.exit_rule,
                    OrderCourse(tuple(fills), order.rested(listed.ends_ms) if order else None),
                )
            )
    return found


def conversions_of(world: World) -> list[Conversion]:
    """Return what accounts have converted."""
    found = []
    for account in (*world.closed.values(), *world.accounts.values()):
        for time, index_set, amount in account.converted:
            gone, come = dict[str, float](), dict[str, float]()
            for place, number in enumerate(account.numbers):
                payout, name = (
                    world.engine.listed[number].payout,
                    world.markets[number].condition_id,
                )
                if index_set >> place & 1:
                    gone[name] = payout[NO] / sum(payout)
                else:
                    come[name] = payout[YES] / sum(payout)
            found.append(Conversion(time, account.market.event, gone, come, amount))
    return found
