"""What a vault costs: gas of each step (21,000 included) and code sizes."""

import json
from collections.abc import Callable
from typing import Any

import click
from eth_account import Account
from eth_utils import keccak
from py_clob_client_v2.order_utils.model.order_data_v2 import OrderV2
from strongroom.chain.artifacts import Artifact, artifact
from strongroom.chain.contracts import Contract, Contracts, Receipt
from strongroom.chain.terms import UNLIMITED_ASSETS, ClassTerms, Limits, VaultTerms
from strongroom.chain.units import BPS, DAY, HOUR, MAX_UINT256, MICRO, SHARE, WAD
from strongroom.devnet import contracts as devnet
from strongroom.devnet.deployer import AnvilDeployer, devnet_chain, devnet_keys
from strongroom.signing.keys import sign_order
from strongroom.signing.order import ExchangeDomain, order_hash, order_tuple

CHAIN_ID = 31_337
GAS = 29_500_000  # limit of what is not estimated first
CENT = WAD // 100
LIMITS = Limits(
    inflow_floor=UNLIMITED_ASSETS,
    min_report_interval_s=60,
    price_band_bps=500,
    total_cap_bps=BPS,
    velocity_bps=BPS,
    question_cap_bps=BPS,
    total_cap=UNLIMITED_ASSETS,
    velocity=UNLIMITED_ASSETS,
)
SIZE_LIMIT = 24_576
BLOCK_SHARE = 15_000_000  # what a full vault's report or exit may use: half of a block of 30 M
MARKETS = (1, 5, 20, 50)  # at which reports and exits are measured
FULL = (124, 4, 17)  # as full as a vault gets: binary markets, events, conditions of each event
UNSWEPT = (*[1] * 31, 17)  # conditions of closed accounts: as many as an exit in kind visits
CROWDS = (1, 100, 1_000)  # requests in an epoch

# Upper bounds that the project set itself (issue 15); the table shows the share used.
BUDGETS = {
    "gas.requestDeposit": 75_000,
    "gas.requestRedeem": 80_000,
    "gas.claimDeposit": 47_000,
    "gas.claimRedeem": 55_500,
    "gas.transfer": 34_200,
    "gas.allocate": 120_000,
    "gas.report.1": 200_000,
    "gas.report.further_market": 36_000,
    "gas.report.full": BLOCK_SHARE,
    "gas.redeemInKind.further_market": 80_000,
    "gas.redeemInKind.full": BLOCK_SHARE,
    "gas.redeemInKind.full.unswept": BLOCK_SHARE,
}


class Noting(AnvilDeployer):
    """A deployer that keeps what each deployment cost, and how long the code is that stays."""

    def deploy(self, kind: Artifact, *arguments: object, at: str = "") -> Contract:
        """Deploy a contract; its block has nothing else in it."""
        contract = super().deploy(kind, *arguments, at=at)
        block = self.chain.request("eth_getBlockByNumber", "latest", False)
        COSTS[kind.name] = int(block["gasUsed"], 16)
        SIZES[kind.name] = len(self.code(contract.address))
        return contract


COSTS: dict[str, int] = {}  # contract -> gas of its latest deployment
SIZES: dict[str, int] = {}  # contract -> bytes of its code, with immutables


class Bench:
    """One venue, one vault with as many markets as it can have, and what each step cost."""

    def __init__(self, chain: Contracts) -> None:
        self.chain = chain
        self.figures: dict[str, int] = {}
        names = [
            *("deployer", "owner", "guardian", "keeper", "reporter", "manager", "oracle"),
            *("alice", "trader"),
        ]
        self.people = dict(zip(names, devnet_keys(), strict=False))
        self.deployer = Noting(self.people["deployer"].account, chain)
        self.markets: list[bytes] = []
        self.conditions: list[bytes] = []  # of the binary markets
        self.counts: dict[bytes, int] = {}  # market -> conditions

    def note(self, name: str, receipt: Receipt) -> Receipt:
        """Keep what a transaction cost under a name."""
        self.figures[f"gas.{name}"] = receipt.gas_used
        return receipt

    def later(self, seconds: int) -> None:
        """Let time pass."""
        self.chain.request("evm_increaseTime", seconds)

    def account(self, market: bytes) -> Contract:
        """Return a market's account."""
        return self.deployer.contract(self.vault.accountOf(market), artifact("PolymarketAccount"))

    # deployment and sizes

    def deploy(self) -> None:
        """Deploy everything once; note sizes."""
        self.venue = devnet.deploy_venue(self.deployer)
        self.figures["size.Vault.blueprint"] = len(artifact("Vault").creation) + 3
        factory = devnet.deploy_vault_factory(self.deployer, self.venue.pusd)
        implementation = devnet.deploy_account_implementation(self.deployer, self.venue)
        event = devnet.deploy_account_implementation(self.deployer, self.venue, True)
        self.figures["gas.deploy.PolymarketAccount"] = COSTS["PolymarketAccount"]
        for name in ("VaultDesk", "VaultExits", "VaultGovernance", "VaultFactory"):
            self.figures[f"gas.deploy.{name}"] = COSTS[name]
            self.figures[f"size.{name}"] = SIZES[name]
        self.factory = factory
        self.vault = self.new_vault("with markets")
        self.figures["size.Vault"] = len(self.deployer.code(self.vault.address))
        self.event_implementation = event
        self.add_class(implementation)

    def add_class(self, implementation: Contract) -> None:
        """Approve a class of the vault's, with caps that do not bind."""
        terms = ClassTerms(
            implementation,
            self.people["oracle"],
            self.people["keeper"],
            market_cap_bps=BPS,
            class_cap_bps=BPS,
        )
        self.vault.addClass(terms.arguments(), sender=self.people["owner"])

    def new_vault(self, salt: str) -> Any:
        """Deploy a vault; Alice has a million pUSD that it may pull."""
        people = self.people
        terms = VaultTerms(
            "Strongroom bench vault",
            "BENCH",
            owner=people["owner"],
            guardian=people["guardian"],
            reporter=people["reporter"],
            fee_recipient=people["manager"],
            timelock_s=0,
            limits=LIMITS,
        )
        receipt = self.factory.deploy(terms.arguments(), keccak(text=salt), sender=self.deployer)
        self.note("deploy.Vault", receipt)
        event = self.deployer.event(receipt, self.factory, "VaultDeployed")
        vault = devnet.vault_at(self.deployer, event.vault)
        self.venue.fund(self.deployer, people["alice"], 1_000_000 * MICRO)
        self.venue.pusd.approve(vault, MAX_UINT256, sender=people["alice"])
        return vault

    # steps

    def report(self, vault: Any, cents: int = 50) -> Any:
        """Report an hour later: every condition of a binary market at a price, of events at 1."""
        marks = []
        for market in map(bytes, vault.openMarkets()):
            count = self.counts[market]
            bid = cents * CENT if count == 1 else (cents % 5 + 1) * CENT
            marks += [(market, i, bid, bid + CENT) for i in range(count)]
        self.later(HOUR)
        return vault.report(marks, keccak(primitive=bytes([cents])), sender=self.people["reporter"])

    def open_market(self, count: int = 1) -> bytes:
        """Open a binary market, or an event of several conditions; return its id."""
        oracle = self.people["oracle"]
        number = len(self.counts)
        question = keccak(text=f"question {number}")[:31] + b"\0"
        for i in range(count):
            id_ = question[:31] + bytes([i])
            self.venue.ctf.prepareCondition(oracle, id_, 2, sender=self.deployer)
        deadline = self.chain.now() + 20 * DAY
        class_id = 0 if count == 1 else 1
        receipt = self.vault.openMarket(
            class_id, question, count, deadline, sender=self.people["keeper"]
        )
        self.note("openMarket" if count == 1 else f"openMarket.{count}conditions", receipt)
        asked = question
        if count == 1:
            asked = devnet.condition_id(oracle.address, question)
            self.conditions.append(asked)
        market = bytes(self.vault.marketId(class_id, asked))
        self.markets.append(market)
        self.counts[market] = count
        return market

    def fill(self) -> None:
        """A first deposit into an empty vault."""
        alice = self.people["alice"]
        amount = 100_000 * MICRO
        self.note(
            "requestDeposit.first", self.vault.requestDeposit(amount, alice, alice, sender=alice)
        )
        self.note("report.empty", self.report(self.vault))
        self.report(self.vault)
        self.note("claimDeposit.first", self.vault.deposit(amount, alice, sender=alice))

    def life(self) -> None:
        """Measure each step in the steady state with 1, 5, 20, 50 markets."""
        alice, keeper = self.people["alice"], self.people["keeper"]
        for count in range(1, MARKETS[-1] + 1):
            market = self.open_market()
            first = self.vault.allocate(market, 100 * MICRO, sender=keeper)
            self.note("allocate", self.vault.allocate(market, 100 * MICRO, sender=keeper))
            if count == 1:
                self.note("allocate.first", first)
                self.note("recall", self.vault.recall(market, 50 * MICRO, sender=keeper))
            if count in MARKETS:
                self.dealing_days(f"report.{count}")
                self.exit_in_kind(str(count))
        self.note("transfer.first", self.vault.transfer(self.deployer, SHARE, sender=alice))
        self.note("transfer", self.vault.transfer(self.deployer, SHARE, sender=alice))
        for name in ("report", "redeemInKind"):
            more = self.figures[f"gas.{name}.20"] - self.figures[f"gas.{name}.1"]
            self.figures[f"gas.{name}.further_market"] = more // 19

    def full(self) -> None:
        """As many markets and conditions as a vault may have."""
        keeper = self.people["keeper"]
        binary, events, conditions = FULL
        self.add_class(self.event_implementation)
        for count in [1] * (binary - len(self.markets)) + [conditions] * events:
            market = self.open_market(count)
            self.vault.allocate(market, 100 * MICRO, sender=keeper)
        self.dealing_days("report.full")
        self.exit_in_kind("full")
        self.exit_in_kind("full.one_side", both=False)
        self.close_with_tokens(UNSWEPT)
        self.exit_in_kind("full.unswept")

    def close_with_tokens(self, counts: tuple[int, ...]) -> None:
        """Close markets of so many conditions, YES and NO of each inside: they wait to be swept."""
        for count in counts:
            market = next(each for each in self.markets if self.counts[each] == count)
            account = self.account(market)
            for condition in range(count):
                account.split(condition, MICRO, sender=self.people["keeper"])
            self.vault.closeMarket(market, sender=self.people["guardian"], gas=GAS)
            self.markets.remove(market)
        assert len(self.vault.unsweptAccounts()) == len(counts)

    def exit_in_kind(self, name: str, both: bool = True) -> None:
        """Hold both tokens of every condition, or YES alone, leave with a part to somebody who has
        none of them; then undo it all."""
        alice, keeper = self.people["alice"], self.people["keeper"]
        point = self.chain.request("evm_snapshot")
        for market in self.markets:
            account = self.account(market)
            for condition in range(self.counts[market]):
                if both:
                    account.split(condition, MICRO, sender=keeper)
                else:
                    self.give_yes(account, condition)
        exit_ = self.vault.redeemInKind(100 * SHARE, alice, [], sender=alice, gas=GAS)
        self.note(f"redeemInKind.{name}", exit_)
        self.note(
            f"redeemInKind.again.{name}",
            self.vault.redeemInKind(100 * SHARE, alice, [], sender=alice, gas=GAS),
        )
        self.chain.request("evm_revert", point)

    def give_yes(self, account: Contract, condition: int) -> None:
        """Send an account YES of one of its conditions, as a trade would."""
        venue, whole = self.venue, account.NEGATIVE_RISK()
        adapter = venue.neg_risk_collateral_adapter if whole else venue.adapter
        venue.fund(self.deployer, self.deployer, MICRO)
        venue.pusd.approve(adapter, MICRO, sender=self.deployer)
        id_ = account.conditions()[condition]
        split = (venue.pusd, bytes(32), id_, [1, 2], MICRO)
        adapter.splitPosition(*split, sender=self.deployer)
        token = account.tokenIds()[2 * condition]
        transfer = (self.deployer, account, token, MICRO, b"")
        venue.ctf.safeTransferFrom(*transfer, sender=self.deployer)

    def crowds(self) -> None:
        """Close and settle epochs of 1, 100 and 1,000 requests: the cost must not grow."""
        alice = self.people["alice"]
        for crowd in CROWDS:
            vault = self.new_vault(f"crowd of {crowd}")
            vault.requestDeposit(100 * MICRO, alice, alice, sender=alice)
            self.report(vault)
            for number in range(crowd):
                controller = f"0x{number + 1:040x}"
                vault.requestDeposit(MICRO, controller, alice, sender=alice)
            self.note(f"report.requests.{crowd}", self.report(vault))
            self.note(f"report.requests.{crowd}.settled", self.report(vault))

    def dealing_days(self, name: str) -> None:
        """Four like days, the last counts: requests both ways every day, claims of what the report
        settled, and a report that takes fees, settles an epoch a side and closes another."""
        alice, vault = self.people["alice"], self.vault
        for cents in (45, 50, 46, 51):
            request = vault.requestDeposit(100 * MICRO, alice, alice, sender=alice)
            redeem = vault.requestRedeem(10 * SHARE, alice, alice, sender=alice)
            self.note(name, self.report(vault, cents))
            ready, leaving = vault.maxDeposit(alice), vault.maxRedeem(alice)
            if ready:
                self.note("claimDeposit", vault.deposit(ready, alice, sender=alice))
            if leaving:
                self.note("claimRedeem", vault.redeem(leaving, alice, sender=alice))
        self.note("requestDeposit", request)
        self.note("requestRedeem", redeem)
        for cents in (46, 51, 47):  # nobody asks for anything: what closed is settled, then
            quiet = self.report(vault, cents)
            for amount, claim in (
                (vault.maxDeposit, vault.deposit),
                (vault.maxRedeem, vault.redeem),
            ):
                if amount(alice):
                    claim(amount(alice), alice, sender=alice)
        self.note(f"{name}.quiet", quiet)

    # orders

    def orders(self) -> None:
        """isValidSignature and a match with the account as maker, for Safes of 1, 2, 3 owners."""
        owners = [Account.from_key(keccak(text=f"owner {i}")) for i in range(3)]
        account = self.account(self.markets[0])
        yes = account.tokenIds()[0]
        trader = self.people["trader"]
        self.venue.fund(self.deployer, trader, 10_000 * MICRO)
        for spender in (self.venue.exchange, self.venue.adapter):
            self.venue.pusd.approve(spender, MAX_UINT256, sender=trader)
        self.venue.ctf.setApprovalForAll(self.venue.exchange, True, sender=trader)
        self.venue.adapter.splitPosition(
            self.venue.pusd, b"\0" * 32, self.conditions[0], [1, 2], 1_000 * MICRO, sender=trader
        )
        for threshold in (1, 2, 3):
            addresses = [owner.address for owner in owners]
            safe = devnet.deploy_safe(
                self.deployer, self.venue.safes, addresses, threshold, threshold
            )
            self.vault.setKeeper(0, safe, sender=self.people["owner"])
            self.report(self.vault)

            def sign(order: OrderV2, used: int = threshold, by: str = safe.address) -> bytes:
                expiry = self.chain.now() + 300
                return sign_order(order, self.domain, expiry, account.epoch(), by, owners[:used])

            order = self.order(account.address, yes, salt=threshold)
            call = account.isValidSignature.encode_input(
                order_hash(order, self.domain), sign(order)
            )
            checked = self.chain.send(self.deployer, account.address, call)
            self.note(f"isValidSignature.{threshold}", checked)
            for again in range(2):  # the second finds warm balances
                order = self.order(account.address, yes, salt=10 * threshold + again)
                self.note(f"match.account.safe{threshold}", self.match(order, sign(order)))
        self.vault.setKeeper(0, self.people["keeper"], sender=self.people["owner"])

    @property
    def domain(self) -> ExchangeDomain:
        exchange = self.venue.exchange
        return ExchangeDomain(exchange.address, self.venue.exchange_version, CHAIN_ID)

    def order(self, maker: str, token: int, salt: int, kind: int = 3, side: int = 0) -> OrderV2:
        sizes = ("5000000", "10000000") if side == 0 else ("10000000", "5000000")
        zero = "0x" + "00" * 32
        return OrderV2(
            str(salt), maker, maker, str(token), *sizes, side, kind, "1", zero, zero
        )  # fmt: skip

    def match(self, maker: OrderV2, signature: bytes) -> Any:
        """Match a BUY of 10 at .5 as the one maker order against a sale of the trader."""
        trader = self.people["trader"]
        sale = self.order(trader.address, int(maker.tokenId), int(maker.salt) + 1_000, 0, 1)
        key = Account.from_key(trader.private_key)
        signed = bytes(key.unsafe_sign_hash(order_hash(sale, self.domain)).signature)
        return self.venue.exchange.matchOrders(
            self.conditions[0],
            (*order_tuple(sale), signed),
            [(*order_tuple(maker), signature)],
            10 * MICRO,
            [5 * MICRO],
            0,
            [0],
            sender=self.deployer,
        )


def measure() -> dict[str, int]:
    """Run every step on an anvil of its own; return gas and sizes by name."""
    with devnet_chain(CHAIN_ID) as chain:
        bench = Bench(chain)
        steps: tuple[Callable[[], None], ...] = (
            *(bench.deploy, bench.fill, bench.life, bench.orders, bench.full, bench.crowds),
        )
        for step in steps:
            click.echo(f"{step.__name__} ...", err=True)
            step()
    return bench.figures


if __name__ == "__main__":
    print(json.dumps(measure()))
