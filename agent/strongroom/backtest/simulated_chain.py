"""A chain that is not there: vault, accounts and payouts in memory, behind the interfaces that the
keeper reads and writes the real ones through (execution/interfaces.py).

Tasks, desk, duties and reporter are the live ones; they ask `SimulatedChain` and send by
`SimulatedTransactor`. The vault is the model that the contracts are tested against. Left out: gas,
nonces, reorgs, negative-risk events, wallets, pools; each transaction is a block of its own.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, field
from typing import Any

from eth_utils.address import to_checksum_address

from strongroom.backtest.engine import Engine, SimulatedFill
from strongroom.backtest.simulated_vault import DEPOSIT, REDEEM, Caps, Vault, VaultRefused
from strongroom.chain.calls import Ask, Call, DecodedLog, Head
from strongroom.chain.codec import Matching
from strongroom.chain.ids import (
    ConditionId,
    MarketId,
    OrderHash,
    QuestionId,
    TransactionKey,
    keccak,
    to_bytes,
    to_hex,
)
from strongroom.chain.orders import YES
from strongroom.chain.rpc import Position
from strongroom.chain.terms import ENFORCED, Limits
from strongroom.chain.units import BPS, MICRO, VIRTUAL_SHARES
from strongroom.information.gamma import Market
from strongroom.journal.states import TransactionState
from strongroom.reporting.marks import Mark
from strongroom.reporting.nav import value_of
from strongroom.signing.safe import ZERO_ADDRESS

Books = tuple[dict[MarketId, "Account"], dict[MarketId, list[int]], set[MarketId]]
VAULT = to_checksum_address(to_hex(keccak(b"backtest vault")[:20]))
EXCHANGE = to_checksum_address(to_hex(keccak(b"backtest exchange")[:20]))
SAFE = to_checksum_address(to_hex(keccak(b"backtest safe")[:20]))
MANAGER = "manager"
CHAIN_ID = 1


@dataclass
class Account:
    """A market's account; micro-units and micro-tokens."""

    address: str
    number: int  # of the market at the venue
    market: Market
    deadline: int
    collateral: int = 0
    yes: int = 0
    no: int = 0


@dataclass(frozen=True)
class EffectiveReport:
    """A report that took effect; amounts in micro-units, before fees and settlement."""

    time: int
    nav_bid: int
    nav_ask: int
    supply: int
    minted: int  # shares, as fees
    fees: int
    idle: int
    exposure: int
    largest: int  # exposure of one market
    confirmed: bool  # by the guardian, since it was out of bounds


@dataclass(frozen=True)
class ClosedMarket:
    """A market that was closed."""

    time: int
    market: str
    event: str
    bought: int  # collateral paid, fees included
    got: int  # collateral received: sales, merges, payouts
    fees: int


@dataclass
class World:
    """The vault and everything it holds."""

    engine: Engine
    markets: Sequence[Market]
    oracle: str
    limits: Limits
    caps: Caps
    max_duration_s: int
    rates: tuple[int, int, int]
    accounts: dict[MarketId, Account] = field(default_factory=dict)
    reports: list[EffectiveReport] = field(default_factory=list)
    settled: list[ClosedMarket] = field(default_factory=list)
    fills: dict[OrderHash, list[SimulatedFill]] = field(default_factory=dict)
    makers: dict[OrderHash, MarketId] = field(default_factory=dict)
    money: dict[MarketId, list[int]] = field(default_factory=dict)  # market -> paid, got, fees
    closed: set[MarketId] = field(default_factory=set)
    evidence: str = ""

    def __post_init__(self) -> None:
        """Begin with an empty vault."""
        named = {name: getattr(self.limits, name) for name in Limits.__dataclass_fields__}
        self.vault: Vault[MarketId] = Vault(
            {name.removesuffix("_s"): value for name, value in named.items()},
            self.rates,
            [(MANAGER, BPS)],
            self.engine.now,
            [self.caps],
        )
        self.number_of = {market.vault_market: i for i, market in enumerate(self.markets)}
        self.by_question = {market.question_id: market for market in self.markets}
        self.engine.filled = self._filled

    @property
    def now(self) -> int:
        """The time, timestamp."""
        return self.engine.now

    def at(self, time: int) -> None:
        """Let time pass up to `time`."""
        self.engine.advance(time)
        self.vault.now = self.engine.now

    def position(self, account: Account) -> Position:
        """Return what an account holds, with the payout once it is known."""
        listed = self.engine.listed[account.number]
        paid = listed.payout if self.now >= listed.pays_at else (0, 0)
        return Position(account.yes, account.no, *paid, sum(paid))

    def account_at(self, address: str) -> Account:
        """Return the account at an address."""
        return next(each for each in self.accounts.values() if each.address == address)

    def books(self) -> Books:
        """Return what calls change beside the vault, as copies."""
        accounts = {market: copy.copy(each) for market, each in self.accounts.items()}
        return (
            accounts,
            {market: list(each) for market, each in self.money.items()},
            set(self.closed),
        )

    # what the calls do

    def open_market(self, kind: int, question: QuestionId, count: int, deadline: int) -> None:
        """openMarket."""
        market = self.by_question[question]
        name = market.vault_market
        if name in self.closed or name in self.accounts:
            raise VaultRefused("market known")
        if deadline > self.now + self.max_duration_s:
            raise VaultRefused("deadline too far")
        self.vault.open_market(name, kind)
        address = to_checksum_address(to_hex(keccak(to_bytes(name))[:20]))
        self.accounts[name] = Account(address, self.number_of[name], market, deadline)
        self.money[name] = [0, 0, 0]

    def is_tradable(self, account: Account) -> bool:
        """Whether budget may still go in."""
        return not self.position(account).resolved and self.now < account.deadline

    def allocate(self, market: MarketId, assets: int) -> None:
        """allocate."""
        account = self._account(market)
        self.vault.allocate(market, assets, self.is_tradable(account))
        account.collateral += assets

    def recall(self, market: MarketId, assets: int) -> None:
        """recall, as far as there is."""
        account = self._account(market)
        back = min(assets, account.collateral)
        self.vault.recall(market, back)
        account.collateral -= back

    def sync(self, market: MarketId) -> None:
        """sync."""
        account = self._account(market)
        if self.position(account).resolved and not self.vault.markets[market].payout_booked:
            self.vault.sync(market, self._value(account, None))

    def close_market(self, market: MarketId) -> None:
        """closeMarket."""
        account = self._account(market)
        if not self.position(account).resolved or account.yes or account.no:
            raise VaultRefused("tokens not redeemed")
        self.sync(market)
        self.recall(market, account.collateral)
        self.vault.close(market)
        del self.vault.markets[market], self.accounts[market]
        self.closed.add(market)
        paid, got, fees = self.money.pop(market)
        event = account.market.event
        self.settled.append(ClosedMarket(self.now, market, event, paid, got, fees))

    def redeem(self, account: Account) -> None:
        """redeem."""
        held = self.position(account)
        if not held.resolved:
            raise VaultRefused("not resolved")
        paid = (held.yes * held.payout_yes + held.no * held.payout_no) // held.payout_denominator
        account.collateral += paid
        self.money[account.market.vault_market][1] += paid
        account.yes = account.no = 0

    def split(self, account: Account, amount: int) -> None:
        """split."""
        self._change(account, -amount, amount)

    def merge(self, account: Account, amount: int) -> None:
        """merge."""
        self._change(account, amount, -amount)

    def _change(self, account: Account, money: int, pairs: int) -> None:
        if account.collateral + money < 0 or min(account.yes, account.no) + pairs < 0:
            raise VaultRefused("balance")
        account.collateral += money
        account.yes += pairs
        account.no += pairs
        self.money[account.market.vault_market][1 if money > 0 else 0] += abs(money)

    def report(
        self, marks: Sequence[tuple[ConditionId, int, int, int, int]], evidence: str
    ) -> None:
        """report; one outside its bounds is confirmed by the guardian at once, and counted."""
        by_name = {MarketId(mark[0]): Mark(*mark) for mark in marks}
        values = {
            market: self._value(account, by_name[market])
            for market, account in self.accounts.items()
        }
        payouts = {
            market: self._value(account, None)
            for market, account in self.accounts.items()
            if self.position(account).resolved and not self.vault.markets[market].payout_booked
        }
        supply = self.vault.supply
        taken = {market: by_name[market].as_tuple()[1:] for market in self.accounts}
        confirmed = self.vault.report(values, taken, evidence, payouts) == "pending"
        if confirmed:
            self.vault.confirmed = evidence
            self.vault.report(values, taken, evidence, {})
        bid, ask = (
            self.vault.last_nav,
            self.vault.last_nav + sum(value[1] - value[0] for value in values.values()),
        )
        exposures = [self.vault.markets[m].exposure for m in self.vault.open]
        minted = self.vault.last_fees * supply // max(1, bid - self.vault.last_fees)
        self.evidence = evidence
        self.reports.append(
            EffectiveReport(
                self.now,
                bid,
                ask,
                supply,
                minted,
                self.vault.last_fees,
                self.vault.idle,
                sum(exposures),
                max(exposures, default=0),
                confirmed,
            )
        )

    def _value(self, account: Account, mark: Mark | None) -> tuple[int, int]:
        mark = mark or Mark(account.market.condition_id, 0, 0, 0, 0)
        return value_of(account.collateral, [self.position(account)], [mark])

    def _account(self, market: MarketId) -> Account:
        if market not in self.accounts:
            raise VaultRefused("market not open")
        return self.accounts[market]

    def _filled(self, fill: SimulatedFill) -> None:
        """An order of an account is filled: tokens and collateral move."""
        market = self.makers[fill.order.id]
        account, sign = self.accounts[market], 1 if fill.order.buys else -1
        account.collateral -= sign * fill.cash + fill.fee
        if fill.order.outcome == YES:
            account.yes += sign * fill.tokens
        else:
            account.no += sign * fill.tokens
        assert min(account.collateral, account.yes, account.no) >= 0, "more than there is"
        money = self.money[market]
        money[0 if fill.order.buys else 1] += fill.cash + (fill.fee if fill.order.buys else 0)
        money[1] -= 0 if fill.order.buys else fill.fee
        money[2] += fill.fee
        self.fills.setdefault(fill.order.id, []).append(fill)

    # depositors

    def claim_all(self) -> None:
        """Let everybody take what waits for them."""
        for side in (DEPOSIT, REDEEM):
            people = {who for epoch in self.vault.epochs[side] for who in epoch.asked}
            for who in sorted(people):
                assets, _ = self.vault.can_claim(side, who)
                if assets:
                    self.vault.claim(side, who, assets, by_out=False)


class SimulatedChain:
    """Answers what the keeper asks a chain."""

    chain_id = CHAIN_ID

    def __init__(self, world: World) -> None:
        """Take the world; nothing is connected."""
        self.world = world
        self._vault: dict[str, Callable[..., object]] = {
            "totalAssets": lambda: world.vault.nav[0],
            "totalSupply": lambda: world.vault.supply,
            "total_idle": lambda: world.vault.idle,
            "total_exposure": lambda: world.vault.exposure,
            "recentAllocation": lambda: world.vault.recent_allocation,
            "limit": lambda number: astuple(world.limits)[number],
            "paused": lambda: False,
            "windingDown": lambda: world.vault.winding_down,
            "breakerTripped": lambda: world.vault.tripped,
            "freshUntil": lambda: world.vault.reported + world.limits.max_report_age_s,
            "class_count": lambda: 1,
            "epochs": lambda: tuple(len(side) - 1 for side in world.vault.epochs),
            "openMarkets": lambda: list(world.vault.open),
            "accountOf": self._account_of,
            "marketOf": lambda market: (0, 0, 0, market in world.closed),
            "exposureOf": lambda market: world.vault.markets[market].exposure,
            "classOf": lambda number: self._class(),
            "classExposureOf": lambda number: world.vault.class_exposure(number),
            "epochOf": self._epoch,
            "lastReport": lambda: world.vault.reported if world.reports else 0,
        }
        self._account: dict[str, Callable[[Account], object]] = {
            "positions": lambda account: (
                account.collateral,
                [astuple(world.position(account))],
            ),
            "tradable": world.is_tradable,
            "conditions": lambda account: [account.market.condition_id],
            "epoch": lambda account: 0,  # of its signatures
        }

    def ask(self, asked: Sequence[Ask]) -> list[Any]:
        """Return the answers."""
        return [self._answer(each) for each in asked]

    def ask_one(self, address: str, contract: str, function: str, *arguments: object) -> Any:
        """Return the answer of one read."""
        return self._answer(Ask(address, contract, function, arguments))

    def head(self) -> Head:
        """Return a block number and the time."""
        return Head(self.world.now, self.world.now)

    def at_head(self, asked: Sequence[Ask]) -> tuple[Head, list[Any]]:
        """Return a block number and the time, and the answers."""
        return self.head(), self.ask(asked)

    def now(self, depth: int = 0) -> int:
        """Return the time; there are no reorgs."""
        return self.world.now

    def logs(
        self,
        address: str,
        contract: str,
        event: str,
        from_block: int,
        to_block: int | None = None,
        matching: Matching | None = None,
    ) -> list[DecodedLog]:
        """Return the fills of an order, or the last report."""
        if event == "OrderFilled" and matching is not None:
            return self._fills(OrderHash(str(matching["orderHash"])))
        if event == "Reported" and self.world.reports:
            last = self.world.reports[-1]
            nav = {"nav_bid": last.nav_bid, "nav_ask": last.nav_ask, "supply": last.supply}
            return [DecodedLog("", 0, last.time, nav | {"evidence": self.world.evidence})]
        return []

    def _answer(self, ask: Ask) -> object:
        if ask.contract == "Vault":
            return self._vault[ask.function](*ask.arguments)
        return self._account[ask.function](self.world.account_at(ask.address))

    def _account_of(self, market: MarketId) -> str:
        account = self.world.accounts.get(market)
        return account.address if account is not None else ZERO_ADDRESS

    def _class(self) -> tuple[object, ...]:
        caps = self.world.caps
        shared = (caps.market, caps.market_bps, caps.all, caps.all_bps)
        return (VAULT, self.world.oracle, ENFORCED, *shared, self.world.max_duration_s)

    def _epoch(self, side: int, number: int) -> tuple[int, int, int]:
        epochs = self.world.vault.epochs[side]
        if number >= len(epochs):
            return 0, 0, 0
        return epochs[number].total, epochs[number].settled_in, epochs[number].settled_out

    def _fills(self, order: OrderHash) -> list[DecodedLog]:
        found = []
        for number, fill in enumerate(self.world.fills.get(order, ())):
            # as the exchange tells them: at the order's own price, whatever was saved
            cash = -(-fill.tokens * fill.order.price // MICRO)
            making, taking = (cash, fill.tokens) if fill.order.buys else (fill.tokens, fill.cash)
            args = {"makerAmountFilled": making, "takerAmountFilled": taking, "fee": fill.fee}
            transaction = to_hex(keccak(f"{order}{number}".encode()))
            found.append(DecodedLog(transaction, number, fill.time, args))
        return found


class SimulatedTransactor:
    """Executes calls at once, all of them or none."""

    def __init__(self, world: World) -> None:
        """Take the world."""
        self._world = world
        self._done: dict[TransactionKey, tuple[TransactionState, str]] = {}
        self.refused: list[str] = []
        self.moves = 0
        self._vault: dict[str, Callable[..., None]] = {
            "openMarket": world.open_market,
            "allocate": world.allocate,
            "recall": world.recall,
            "sync": world.sync,
            "closeMarket": world.close_market,
            "report": world.report,
        }
        self._account: dict[str, Callable[..., None]] = {
            "redeem": lambda account, place: world.redeem(account),
            "merge": lambda account, place, amount: world.merge(account, amount),
            "split": lambda account, place, amount: world.split(account, amount),
        }

    def state(self, key: TransactionKey) -> tuple[TransactionState | None, str]:
        """Return what came of a transaction."""
        return self._done.get(key, (None, ""))

    def advance(self) -> None:
        """Nothing is ever under way."""

    def run(
        self, key: TransactionKey, purpose: str, calls: Sequence[Call]
    ) -> tuple[TransactionState, str]:
        """Execute the calls; one that is refused undoes those before it."""
        if key in self._done:
            return self._done[key]
        self.moves += 1
        world = self._world
        saved = copy.deepcopy(vars(world.vault)), world.books()
        try:
            for call in calls:
                self._execute(call)
            self._done[key] = TransactionState.DONE, ""
        except VaultRefused as reason:
            vars(world.vault).update(saved[0])
            world.accounts, world.money, world.closed = saved[1]
            self._done[key] = TransactionState.DROPPED, str(reason)
            self.refused.append(f"{purpose}: {reason}")
        return self._done[key]

    def _execute(self, call: Call) -> None:
        """Do what a call says, by its function and arguments."""
        if call.to == VAULT:
            self._vault[call.function](*call.arguments)
            return
        does = self._account.get(call.function)
        if does is None:
            raise VaultRefused(f"{call.function} is not simulated")
        does(self._world.account_at(call.to), *call.arguments)


def share_price(nav: int, supply: int) -> float:
    """Return NAV a share, in units; one before there are shares."""
    return nav * VIRTUAL_SHARES / supply if supply else 1.0
