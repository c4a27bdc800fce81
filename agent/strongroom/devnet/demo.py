"""One complete life of a vault on the devnet.

Two depositors, real recorded markets re-created with their real questions and condition ids and
quoted as they were recorded; a keeper that runs by itself, with a co-signer, through a 2-of-3 Safe;
markets that win and lose, fees, a redemption, and accounts that close to the unit. Which market
wins is the script's choice, since the recorded page is from before their ends.
"""

import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from strongroom.chain.contracts import Contract, Contracts
from strongroom.chain.ids import JsonObject, to_bytes
from strongroom.chain.orders import NO, YES
from strongroom.chain.units import DAY, HOUR, MICRO
from strongroom.devnet import polymarket
from strongroom.devnet.clock import DevnetClock
from strongroom.devnet.deployer import devnet_chain
from strongroom.devnet.folder import claimed
from strongroom.devnet.reports import ReportLine, read_reports
from strongroom.devnet.setup import Stage, StageOptions, set_up
from strongroom.devnet.traders import Trader
from strongroom.execution.interfaces import Listener
from strongroom.information.gamma import BadMarketRecord, Market, MarketRecord, parse_market
from strongroom.keeper.tick import Keeper
from strongroom.keeper.wiring import build

RECORDED = Path(__file__).parent / "data" / "gamma_markets_mixed_2026-01.json.gz"
RECORDED_AT = datetime(2026, 2, 7, 12, 49, tzinfo=UTC)  # of its open markets
OFFERED = 2_000 * MICRO  # tokens at each recorded quote; a quote says nothing of its size


@dataclass(frozen=True)
class DemoOptions:
    """Where the operator's files and the evidence go; what is in the folder is deleted."""

    folder: Path = Path("build") / "demo"


@dataclass(frozen=True)
class DepositorResult:
    """What one depositor put in, got out and holds; micro-units, shares of 10**-18."""

    name: str
    put_in: int
    got_out: int
    shares: int
    value: int


@dataclass(frozen=True)
class MarketResult:
    """What one market took and brought; micro-units."""

    question: str
    outcome: str
    price: str
    tokens: int
    allocated: int
    came_home: int
    result: str

    @property
    def profit(self) -> int:
        """What came home beyond what was allocated."""
        return self.came_home - self.allocated


@dataclass(frozen=True)
class Life:
    """The closing accounts."""

    depositors: tuple[DepositorResult, ...]
    manager: DepositorResult
    markets: tuple[MarketResult, ...]
    reports: tuple[ReportLine, ...]
    nav: int
    pending: int
    claimable: int
    rounding: int
    vault_balance: int

    @property
    def put_in(self) -> int:
        """All assets that came in."""
        return sum(d.put_in for d in self.depositors)

    @property
    def got_out(self) -> int:
        """All assets that went out."""
        return sum(d.got_out for d in (*self.depositors, self.manager))

    @property
    def gains(self) -> int:
        """Profits of the markets that brought more than they took."""
        return sum(max(0, m.profit) for m in self.markets)

    @property
    def losses(self) -> int:
        """Losses of the others."""
        return sum(max(0, -m.profit) for m in self.markets)

    @property
    def adds_up(self) -> bool:
        """In - out - losses + gains = NAV + pending + claimable."""
        left = self.put_in - self.got_out - self.losses + self.gains
        return left == self.nav + self.pending + self.claimable

    def document(self) -> JsonObject:
        """Return everything as plain data, the check included."""
        return asdict(self) | {
            "put_in": self.put_in,
            "got_out": self.got_out,
            "gains": self.gains,
            "losses": self.losses,
            "adds_up": self.adds_up,
        }


@dataclass(frozen=True)
class Afterwards:
    """The chain of a life that is over, as long as it is looked at.

    Attributes:
        accounts: address -> whose it is; the node signs for them
        hour: lets an hour pass, and the keeper do what is to be done
    """

    rpc: str
    vault: str
    evidence: Path
    accounts: Mapping[str, str]
    hour: Callable[[], None]


Look = Callable[[Life, Afterwards], None]


def leave(life: Life, place: Afterwards) -> None:
    """Look at nothing."""


SECTIONS = f"""
[packs.tail]

[sizing]
# one tier, larger than the default caps, so that a small demo shows its fees
tiers = [{{ name = "low", min_edge = 0.002, cap_bps = 100 }}]

[limits]
max_open = 3

[information]
books_max_age_s = 600

[reporting]
evidence = "evidence"
every_s = {HOUR}
when_asked_s = {HOUR}

[operations]
mode = "live"
"""


@dataclass(frozen=True)
class Bought:
    """What the keeper holds of a market; micro-tokens."""

    market: Market
    outcome: int
    price: str
    tokens: int


class _Life:
    """One life: the stage, and the keeper on it."""

    def __init__(self, emit: Listener, folder: Path, chain: Contracts) -> None:
        self.emit = emit
        clock = DevnetClock(chain)
        clock.advance_to(int(RECORDED_AT.timestamp()))
        records = ending_records()
        self.step(
            f"Deploy the venue with {len(records)} recorded markets, their real ids and quotes"
        )
        options = StageOptions(
            folder,
            records,
            SECTIONS,
            market_cap=5_000 * MICRO,
            max_duration_s=7 * DAY,
        )
        self.stage: Stage = set_up(chain, clock, options)
        self.step("Start the co-signer, a process of its own with its own key and policy")
        self.stage.start_cosigner()
        self.keeper: Keeper = build(self.stage.config, emit, clock)
        quote_as_recorded(self.stage)

    def step(self, text: str) -> None:
        self.emit("step", {"text": text})

    def keep(self) -> None:
        """Let the keeper tick until nothing moves."""
        quiet = 0
        while quiet < 2:
            before = len(self.keeper.journal.transactions.all()), len(self.keeper.journal.all())
            tick = self.keeper.tick()
            after = len(self.keeper.journal.transactions.all()), len(self.keeper.journal.all())
            moving = self.keeper.journal.open() or self.keeper.journal.open_tasks()
            quiet = 0 if moving or after != before or tick.decisions else quiet + 1

    def wait(self, hours: int) -> None:
        self.stage.clock.sleep(hours * HOUR)

    def bought(self) -> list[Bought]:
        """Return what was filled, as the journal has it."""
        markets = {market.condition_id: market for market in self.stage.markets}
        return [
            Bought(
                markets[row.condition],
                markets[row.condition].token_ids.index(row.token),
                str(Decimal(row.price) / MICRO),
                int(row.filled),
            )
            for row in self.keeper.journal.all()
            if row.filled
        ]

    def afterwards(self) -> Afterwards:
        """Return what is left to look at."""

        def hour() -> None:
            self.wait(1)
            self.keep()

        stage, names = self.stage, ("bob", "alice")
        accounts = {stage.people[name].address: name.capitalize() for name in names}
        evidence = stage.folder / "evidence"
        return Afterwards(stage.chain.url, stage.vault.address, evidence, accounts, hour)

    # the acts

    def invest(self) -> None:
        """Two depositors; the keeper buys; one of them deposits more."""
        self.step("Alice and Bob ask to deposit; a report closes their epoch, the next settles it")
        self.deposit("alice", 20_000 * MICRO)
        self.deposit("bob", 10_000 * MICRO)
        self.keep()
        self.wait(1)
        self.step("The keeper works: screen, open; a report marks what is open")
        self.keep()
        self.wait(1)
        self.step("With fresh marks it trades: size, allocate, sign, match")
        self.keep()
        self.claim("alice")
        self.claim("bob")
        self.step("The operator stops new decisions (a STOP file); reports continue")
        self.stage.config.operations.stop_file.write_text("enough for a demo\n")
        self.wait(1)
        self.keep()
        self.step("Alice asks to deposit more; the second report from here deals with it")
        self.deposit("alice", 2_000 * MICRO)
        self.wait(5)
        self.keep()
        self.wait(1)
        self.keep()
        self.claim("alice")

    def win(self, fills: Sequence[Bought]) -> None:
        """These markets pay; the keeper settles them."""
        self.step(
            "All markets but one win: the keeper closes them, the payout comes home, it reports"
        )
        for fill in fills:
            self.resolve(fill, wins=True)
        self.wait(12)
        self.keep()

    def lose(self, fill: Bought) -> None:
        """This market does not; a depositor leaves."""
        self.step("The last market loses; Bob redeems everything")
        self.resolve(fill, wins=False)
        shares = self.stage.request_redeem("bob")
        self.emit("redemption_requested", {"who": "bob", "shares": shares})
        self.wait(12)
        self.keep()
        self.wait(1)
        self.keep()
        self.emit("assets_claimed", {"who": "bob", "assets": self.stage.claim_assets("bob")})
        self.stage.config.operations.stop_file.unlink()

    def deposit(self, name: str, assets: int) -> None:
        self.stage.request_deposit(name, assets)
        self.emit("deposit_requested", {"who": name, "assets": assets})

    def claim(self, name: str) -> None:
        assets = self.stage.claim_shares(name)
        shares = self.stage.vault.balanceOf(self.stage.people[name])
        self.emit("shares_claimed", {"who": name, "assets": assets, "shares": shares})

    def resolve(self, fill: Bought, wins: bool) -> None:
        market, yes = fill.market, (fill.outcome == YES) == wins
        self.stage.resolve(market, yes)
        paid = market.outcomes[YES if yes else NO]
        self.emit("resolved", {"question": market.question, "paid": paid, "won": wins})


def quote_as_recorded(stage: Stage) -> None:
    """Let a market maker offer what was recorded: a bid for NO is an offer of YES."""
    trader = Trader(stage.seat("maker"))
    orders = []
    for market in stage.markets:
        assert market.best_bid is not None and market.best_ask is not None
        for outcome, price in ((YES, market.best_bid), (NO, 1 - market.best_ask)):
            if price % market.tick == 0 and price > 0:
                token = market.token_ids[outcome]
                orders.append(trader.order(token, True, Decimal(price), OFFERED))
    trader.post(orders)


def ending_records() -> list[MarketRecord]:
    """Return the recorded markets that are quoted on both sides and end soon."""
    soon = RECORDED_AT + timedelta(hours=96)
    found: list[MarketRecord] = []
    for record in json.loads(gzip.decompress(RECORDED.read_bytes())):
        if record.get("closed") or record.get("negRisk"):
            continue
        try:
            market = parse_market(record)
        except BadMarketRecord:
            continue
        quoted = market.best_bid is not None and market.best_ask is not None
        if quoted and market.end is not None and market.end < soon:
            found.append(record)
    return found


def run_demo(options: DemoOptions, emit: Listener, look: Look = leave) -> Life:
    """Run one life on an anvil of its own.

    Args:
        look: is called at the end, while the chain is there

    Raises:
        FolderTaken: a demo runs in the folder, or it is not a demo's.
        AnvilMissing, ArtifactMissing: something is not installed; the message says what brings it.
    """
    start = int(RECORDED_AT.timestamp()) - 600
    with (
        claimed(options.folder, "demo") as folder,
        devnet_chain(polymarket.CHAIN_ID, timestamp=start) as chain,
    ):
        return run_life(emit, folder, chain, look)


def run_life(emit: Listener, folder: Path, chain: Contracts, look: Look = leave) -> Life:
    """Run the life on a chain that starts at RECORDED_AT.

    Args:
        folder: where the operator's files and the evidence go
        look: see `run_demo`
    """
    life = _Life(emit, folder, chain)
    try:
        life.invest()
        fills = life.bought()
        life.win(fills[:-1])
        life.lose(fills[-1])
        result = _accounts(life.stage, fills)
        look(result, life.afterwards())
        return result
    finally:
        life.stage.close()


def _accounts(stage: Stage, fills: Sequence[Bought]) -> Life:
    """Read the closing accounts from the chain."""
    vault = stage.vault
    put_in = _summed(vault, "DepositRequest", "owner")
    got_out = _summed(vault, "Withdraw", "owner")

    def depositor(name: str) -> DepositorResult:
        address = stage.people[name].address
        shares = vault.balanceOf(address)
        return DepositorResult(
            name,
            put_in.get(address, 0),
            got_out.get(address, 0),
            shares,
            vault.convertToAssets(shares),
        )

    holders = tuple(depositor(name) for name in ("alice", "bob"))
    manager = depositor("manager")
    nav = vault.totalAssets()
    return Life(
        depositors=holders,
        manager=manager,
        markets=_results(vault, fills),
        reports=read_reports(vault),
        nav=nav,
        pending=sum(
            vault.epochOf(0, epoch)[1] for epoch in (vault.epochs()[0], *vault.waitingEpochs(0))
        ),
        claimable=vault.claimable_assets(),
        rounding=nav - sum(each.value for each in (*holders, manager)),
        vault_balance=stage.venue.pusd.balanceOf(vault),
    )


def _results(vault: Contract, fills: Sequence[Bought]) -> tuple[MarketResult, ...]:
    """Return what each market took and brought; the last one was lost."""
    allocated = _summed(vault, "Allocated", "market")
    came = _summed(vault, "CameHome", "market")
    opened = {each.question: each.market for each in vault.events("MarketOpened")}
    names = [opened[to_bytes(fill.market.condition_id)] for fill in fills]
    return tuple(
        MarketResult(
            fill.market.question,
            fill.market.outcomes[fill.outcome],
            fill.price,
            fill.tokens,
            allocated[name],
            came.get(name, 0),
            "lost" if fill is fills[-1] else "won",
        )
        for fill, name in zip(fills, names, strict=True)
    )


def _summed(vault: Contract, event: str, by: str) -> dict[object, int]:
    """Return the assets of a vault's events, summed by one of their fields."""
    found: dict[object, int] = {}
    for each in vault.events(event):
        key = each.fields[by]
        found[key] = found.get(key, 0) + each.assets
    return found
