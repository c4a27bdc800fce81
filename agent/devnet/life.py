"""One complete life of a vault on the devnet: the demo and the integration test run this.

Two depositors, real recorded markets re-created with their real questions and condition ids, a
keeper that trades and reports through a 2-of-3 Safe, markets that win and lose, fees, a
redemption, and accounts that close to the unit. Which market wins is the script's choice, since
the recorded page is from before their ends.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import ape
from eth_account import Account
from eth_utils.crypto import keccak

from agent.devnet import venue as devnet
from agent.devnet.counterparty import Counterparty
from agent.execution.chain import Chain, KeeperSafe
from agent.execution.orders import ExchangeDomain
from agent.information.gamma import YES, Market, load_recorded, shift
from agent.keeper import Fill, Keeper, KeeperSettings
from agent.strategy.sizing import Tier
from agent.terms import ClassTerms, Limits, VaultTerms
from agent.units import MICRO

RECORDED = Path(__file__).parent / "data" / "gamma_markets_mixed_2026-01.json.gz"
RECORDED_AT = datetime(2026, 2, 7, 12, 49, tzinfo=UTC)  # of its open markets
HOUR = 3_600
DELAY = 3 * 86_400  # of the owner's risk-raising calls, once the vault is set up

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


class _Stage:
    """The people, contracts and clock of one life."""

    def __init__(self, emit: Emit, evidence_folder: Path) -> None:
        self.emit = emit
        names = ("deployer", "owner", "guardian", "manager", "alice", "bob", "trader", "gas")
        self.people = {name: ape.accounts.test_accounts[i] for i, name in enumerate(names)}
        deployer = self.people["deployer"]
        self.emit("step", {"text": "Deploy the venue: USDC.e, pUSD, ConditionalTokens, exchange"})
        self.venue = devnet.deploy_venue(deployer)
        self.emit("step", {"text": "Deploy the keeper's Safe, 2 of 3, and the vault"})
        owners = [Account.from_key(keccak(text=f"keeper owner {i}")) for i in range(3)]
        safe = devnet.deploy_safe(deployer, self.venue.safes, [o.address for o in owners], 2)
        self.vault = self._deploy_vault(safe.address)
        self.markets = self._recorded_markets()
        classes = self._approve_classes()

        executor = Account.from_key(self.people["gas"].private_key)
        self.chain = Chain(ape.networks.provider.http_uri, executor)
        trader_key = Account.from_key(self.people["trader"].private_key)
        self.venue.fund(deployer, self.people["trader"], 1_000_000 * MICRO)
        self.keeper = Keeper(
            KeeperSettings(
                vault=self.vault.address,
                exchange=ExchangeDomain(
                    self.venue.exchange.address, self.venue.exchange_version, self.chain.chain_id
                ),
                class_by_oracle=classes,
                evidence_folder=evidence_folder,
                source_name=f"{RECORDED.name}, recorded {RECORDED_AT:%Y-%m-%d %H:%M} UTC",
                # one tier, larger than the default caps, so that a small demo shows its fees
                tiers=(Tier("low", 0.002, 100),),
            ),
            self.chain,
            KeeperSafe(self.chain, safe.address, owners[:2]),
            Counterparty(self.venue, deployer, self.people["trader"], trader_key),
            lambda: self.markets,
            emit,
        )

    def _deploy_vault(self, safe: str) -> Any:
        deployer, owner = self.people["deployer"], self.people["owner"]
        factory = devnet.deploy_vault_factory(deployer, self.venue.pusd)
        terms = VaultTerms(
            "Probity Demo Vault",
            "PROB",
            owner=owner,
            guardian=self.people["guardian"],
            keeper=safe,
            reporter=safe,
            fee_recipient=self.people["manager"],
            deposit_limit=100_000 * MICRO,
            min_deposit=MICRO,
            timelock_s=0,  # until the classes are there
            limits=Limits(sync_max_age_s=HOUR),
        )
        return devnet.deploy_vault(deployer, factory, terms, keccak(text="demo"))

    def _recorded_markets(self) -> list[Market]:
        """Read the recorded page and move its dates so that it was recorded just now."""
        markets, problems = load_recorded(RECORDED)
        self.emit("step", {"text": f"Read {len(markets)} recorded markets from {RECORDED.name}"})
        self.emit("skipped_records", {"count": len(problems)})
        now = datetime.fromtimestamp(ape.chain.blocks.head.timestamp, UTC)
        return shift(markets, now - RECORDED_AT)

    def _approve_classes(self) -> dict[str, int]:
        """Prepare the conditions of markets that end soon; approve a class for each oracle."""
        deployer = self.people["deployer"]
        implementation = devnet.deploy_account_implementation(deployer, self.venue)
        soon = datetime.fromtimestamp(ape.chain.blocks.head.timestamp, UTC) + timedelta(hours=96)
        classes: dict[str, int] = {}
        count = 0
        for market in self.markets:
            quoted = market.best_bid is not None and market.best_ask is not None
            ending = market.end is not None and market.end < soon
            if market.closed or market.negative_risk or not (quoted and ending):
                continue
            self.venue.ctf.prepareCondition(market.oracle, market.question_id, 2, sender=deployer)
            count += 1
            if market.oracle not in classes:
                classes[market.oracle] = len(classes)
                self.vault.addClass(
                    ClassTerms(
                        implementation,
                        market.oracle,
                        market_cap=5_000 * MICRO,
                        max_duration_s=7 * 86_400,
                    ).arguments(),
                    sender=self.people["owner"],
                )
        self.emit("step", {"text": f"Re-create {count} markets with their real condition ids"})
        devnet.raise_delays(self.vault, self.people["owner"], DELAY)
        days = DELAY // 86_400
        self.emit(
            "step", {"text": f"From now on the owner announces riskier terms {days} days ahead"}
        )
        return classes

    # depositors

    def request_deposit(self, name: str, amount: int) -> None:
        person = self.people[name]
        self.venue.fund(self.people["deployer"], person, amount)
        self.venue.pusd.approve(self.vault, amount, sender=person)
        self.vault.requestDeposit(amount, person, person, sender=person)
        self.emit("deposit_requested", {"who": name, "assets": amount})

    def claim_shares(self, name: str) -> None:
        person = self.people[name]
        assets = self.vault.maxDeposit(person)
        self.vault.deposit(assets, person, sender=person)
        shares = self.vault.balanceOf(person)
        self.emit("shares_claimed", {"who": name, "assets": assets, "shares": shares})

    def request_redeem_all(self, name: str) -> None:
        person = self.people[name]
        shares = self.vault.balanceOf(person)
        self.vault.requestRedeem(shares, person, person, sender=person)
        self.emit("redemption_requested", {"who": name, "shares": shares})

    def claim_assets(self, name: str) -> None:
        person = self.people[name]
        shares = self.vault.maxRedeem(person)
        self.vault.redeem(shares, person, person, sender=person)
        assets = self.venue.pusd.balanceOf(person)
        self.emit("assets_claimed", {"who": name, "assets": assets})

    # time and resolution

    def wait(self, hours: int) -> None:
        ape.chain.mine(deltatime=hours * HOUR)

    def resolve(self, fill: Fill, wins: bool) -> None:
        """Let the market's real oracle report, as `wins` says for the outcome that was bought."""
        market = next(m for m in self.markets if m.condition_id == fill.market)
        outcome = market.outcomes.index(fill.outcome)
        paid = outcome if wins else 1 - outcome
        payouts = [1, 0] if paid == YES else [0, 1]
        ape.networks.provider.set_balance(market.oracle, 10**18)
        oracle = ape.accounts.test_accounts.impersonate_account(market.oracle)
        self.venue.ctf.reportPayouts(market.question_id, payouts, sender=oracle)
        self.emit(
            "resolved",
            {"question": market.question, "paid": market.outcomes[paid], "won": wins},
        )


def run_life(emit: Emit, evidence_folder: Path) -> Life:
    """Run the life on the chain that ape is connected to (anvil) and return its accounts."""
    stage = _Stage(emit, evidence_folder)

    def step(text: str) -> None:
        emit("step", {"text": text})

    step("Alice and Bob ask to deposit; the first report prices both")
    stage.request_deposit("alice", 20_000 * MICRO)
    stage.request_deposit("bob", 10_000 * MICRO)
    stage.wait(1)
    stage.keeper.report()
    stage.claim_shares("alice")
    stage.claim_shares("bob")

    step("The keeper goes round: screen, size, open, allocate, sign, match")
    fills = stage.keeper.trade()
    stage.wait(1)
    step("Report: positions marked at bid and ask")
    stage.keeper.report()

    step("Alice asks to deposit more; the next report prices it")
    stage.request_deposit("alice", 5_000 * MICRO)
    stage.wait(6)
    stage.keeper.report()
    stage.claim_shares("alice")

    results: dict[bytes, str] = {}
    recalled: dict[bytes, int] = {}

    def resolve(fill: Fill, wins: bool) -> None:
        stage.resolve(fill, wins)
        results[fill.market] = "won" if wins else "lost"
        recalled.update({s.market: s.recalled for s in stage.keeper.settle()})

    step("All but one of the markets are won: redeem, recall, close, report")
    for fill in fills[:-1]:
        resolve(fill, wins=True)
    stage.wait(12)
    stage.keeper.report()

    step("The last market is lost; Bob redeems everything")
    resolve(fills[-1], wins=False)
    stage.request_redeem_all("bob")
    stage.wait(12)
    stage.keeper.report()
    stage.claim_assets("bob")
    return _accounts(stage, fills, results, recalled)


def _accounts(
    stage: _Stage,
    fills: Sequence[Fill],
    results: Mapping[bytes, str],
    recalled: Mapping[bytes, int],
) -> Life:
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
                fill.question,
                fill.outcome,
                str(fill.price),
                fill.tokens,
                allocated[fill.market],
                recalled[fill.market],
                results[fill.market],
            )
            for fill in fills
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
