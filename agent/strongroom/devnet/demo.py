"""One complete life of a vault on the devnet: the demo and the integration test run this.

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
from typing import Any

import ape

from strongroom.chain.terms import Limits
from strongroom.chain.units import MICRO
from strongroom.devnet import polymarket
from strongroom.devnet.clock import DevnetClock
from strongroom.devnet.setup import Stage, set_up
from strongroom.devnet.traders import Trader
from strongroom.information.gamma import NO, YES, BadMarketRecord, Market, parse_market
from strongroom.keeper.tick import Keeper
from strongroom.keeper.wiring import build

RECORDED = Path(__file__).parent / "data" / "gamma_markets_mixed_2026-01.json.gz"
RECORDED_AT = datetime(2026, 2, 7, 12, 49, tzinfo=UTC)  # of its open markets
HOUR = 3_600
OFFERED = 2_000 * MICRO  # tokens at each recorded quote; a quote says nothing of its size

Emit = Callable[[str, Mapping[str, Any]], None]


@dataclass(frozen=True)
class Depositor:
    """What one depositor put in, got out and holds; micro-units, shares of 10**-12."""

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
    recalled: int
    result: str

    @property
    def profit(self) -> int:
        """Recalled beyond what was allocated."""
        return self.recalled - self.allocated


@dataclass(frozen=True)
class ReportLine:
    """A report as the chain logged it."""

    block: int
    nav_bid: int
    nav_ask: int
    supply: int
    management: int
    performance: int
    fee_shares: int
    high_water_mark: int
    evidence: str


@dataclass(frozen=True)
class Life:
    """The closing accounts."""

    depositors: tuple[Depositor, ...]
    manager: Depositor
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
        """DESIGN 7.5: in - out - losses + gains = NAV + pending + claimable."""
        left = self.put_in - self.got_out - self.losses + self.gains
        return left == self.nav + self.pending + self.claimable

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain data, the check included."""
        return asdict(self) | {
            "put_in": self.put_in,
            "got_out": self.got_out,
            "gains": self.gains,
            "losses": self.losses,
            "adds_up": self.adds_up,
        }


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


class _Life:
    """One life: the stage, and the keeper on it."""

    def __init__(self, emit: Emit, folder: Path, rpc_url: str) -> None:
        self.emit = emit
        clock = DevnetClock(ape.networks.provider.make_request, ape.chain.blocks.head.timestamp)
        clock.advance_to(int(RECORDED_AT.timestamp()))
        records = ending_records()
        self.step(
            f"Deploy the venue with {len(records)} recorded markets, their real ids and quotes"
        )
        self.stage: Stage = set_up(
            folder, rpc_url, records, clock, SECTIONS, limits=Limits(sync_max_age_s=HOUR),
            class_terms={"market_cap": 5_000 * MICRO, "max_duration_s": 7 * 86_400},
        )  # fmt: skip
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
        self.stage.clock.advance_to(int(self.stage.clock()) + hours * HOUR)

    def bought(self) -> list[tuple[Market, int, str, int]]:
        """Return market, outcome, price and tokens of what was filled, as the journal has it."""
        found = []
        markets = {market.name: market for market in self.stage.markets}
        for row in self.keeper.journal.all():
            if row.filled:
                market = markets[row.condition]
                outcome = market.token_ids.index(int(row.token))
                price = str(Decimal(row.price) / MICRO)
                found.append((market, outcome, price, int(row.filled)))
        return found

    def resolve(self, market: Market, outcome: int, wins: bool) -> None:
        yes = (outcome == YES) == wins
        self.stage.resolve(market, yes)
        paid = market.outcomes[YES if yes else NO]
        self.emit("resolved", {"question": market.question, "paid": paid, "won": wins})


def quote_as_recorded(stage: Stage) -> None:
    """Let a market maker offer what was recorded: a bid for NO is an offer of YES."""
    trader = Trader(
        stage.server.url,
        polymarket.CHAIN_ID,
        stage.people["maker"].private_key,
        stage.venue.exchange.address,
        stage.clock,
    )
    orders = []
    for market in stage.markets:
        assert market.best_bid is not None and market.best_ask is not None
        for outcome, price in ((YES, market.best_bid), (NO, 1 - market.best_ask)):
            if price % market.tick == 0 and price > 0:
                token = market.token_ids[outcome]
                orders.append(trader.order(token, True, Decimal(price), OFFERED))
    trader.post(orders)


def ending_records() -> list[dict[str, Any]]:
    """Return the recorded markets that are quoted on both sides and end soon."""
    soon = RECORDED_AT + timedelta(hours=96)
    found = []
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


def run_life(emit: Emit, folder: Path, rpc_url: str) -> Life:
    """Run the life on the chain that ape is connected to (anvil, started at RECORDED_AT).

    Args:
        folder: where the operator's files and the evidence go
    """
    life = _Life(emit, folder, rpc_url)
    stage, step = life.stage, life.step

    def deposit(name: str, assets: int) -> None:
        stage.request_deposit(name, assets)
        emit("deposit_requested", {"who": name, "assets": assets})

    def claim(name: str) -> None:
        assets = stage.claim_shares(name)
        shares = stage.vault.balanceOf(stage.people[name])
        emit("shares_claimed", {"who": name, "assets": assets, "shares": shares})

    step("Alice and Bob ask to deposit; the keeper's first report prices both")
    deposit("alice", 20_000 * MICRO)
    deposit("bob", 10_000 * MICRO)
    life.wait(1)
    step("The keeper by itself: report, screen, size, open, allocate, sign, match")
    life.keep()
    claim("alice")
    claim("bob")
    step("The operator stops new decisions (a STOP file); reports and settlements go on")
    stop = stage.config.operations.stop_file
    stop.write_text("enough for a demo\n")
    life.wait(1)
    life.keep()

    step("Alice asks to deposit more; the next report prices it")
    deposit("alice", 5_000 * MICRO)
    life.wait(6)
    life.keep()
    claim("alice")

    fills = life.bought()
    step("All but one of the markets are won: the keeper redeems, recalls, closes, reports")
    for market, outcome, _, _ in fills[:-1]:
        life.resolve(market, outcome, wins=True)
    life.wait(12)
    life.keep()

    step("The last market is lost; Bob redeems everything")
    life.resolve(*fills[-1][:2], wins=False)
    stage.request_redeem("bob")
    emit(
        "redemption_requested", {"who": "bob", "shares": stage.vault.balanceOf(stage.people["bob"])}
    )
    life.wait(12)
    life.keep()
    emit("assets_claimed", {"who": "bob", "assets": stage.claim_assets("bob")})
    stop.unlink()
    try:
        return _accounts(life, fills)
    finally:
        stage.close()


def _accounts(life: _Life, fills: Sequence[tuple[Market, int, str, int]]) -> Life:
    stage = life.stage
    vault, pusd = stage.vault, stage.venue.pusd

    def events(event: Any) -> list[Any]:
        return list(event.range(0, ape.chain.blocks.height + 1))

    put_in: dict[str, int] = {}
    for log in events(vault.DepositRequest):
        put_in[log.owner] = put_in.get(log.owner, 0) + log.assets
    got_out: dict[str, int] = {}
    for log in events(vault.Withdraw):
        got_out[log.owner] = got_out.get(log.owner, 0) + log.assets
    allocated: dict[bytes, int] = {}
    for log in events(vault.Allocated):
        market = bytes(log.market)
        allocated[market] = allocated.get(market, 0) + log.assets

    recalled: dict[bytes, int] = {}
    for log in events(vault.Recalled):
        market = bytes(log.market)
        recalled[market] = recalled.get(market, 0) + log.assets

    def depositor(name: str) -> Depositor:
        address = stage.people[name].address
        shares = vault.balanceOf(address)
        return Depositor(
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
        markets=tuple(
            MarketResult(
                market.question,
                market.outcomes[outcome],
                price,
                tokens,
                allocated[market.condition_id],
                recalled.get(market.condition_id, 0),
                "lost" if number == len(fills) - 1 else "won",
            )
            for number, (market, outcome, price, tokens) in enumerate(fills)
        ),
        reports=tuple(
            ReportLine(
                report.block_number,
                report.nav_bid,
                report.nav_ask,
                report.supply,
                fees.management,
                fees.performance,
                fees.shares,
                fees.high_water_mark,
                "0x" + bytes(report.evidence).hex(),
            )
            for report, fees in zip(events(vault.Reported), events(vault.FeesAccrued), strict=True)
        ),
        nav=nav,
        pending=vault.epochOf(0, vault.epochs()[0])[0],
        claimable=vault.claimable_assets(),
        rounding=nav - sum(d.value for d in (*holders, manager)),
        vault_balance=pusd.balanceOf(vault),
    )
