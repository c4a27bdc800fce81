"""A chain that is not there: vault, accounts and payouts in memory, behind the interfaces that the
keeper reads and writes the real ones through (execution/interfaces.py).

Tasks, desk, duties and reporter are the live ones; they ask `SimulatedChain` and send by
`SimulatedTransactor`. The vault is the model that the contracts are tested against. Left out: gas,
nonces, reorgs, wallets, pools; each transaction is a block of its own.
"""

import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from functools import cached_property
from typing import Any

from eth_utils.address import to_checksum_address

from strongroom.backtest.engine import MS, Engine, SimulatedFill
from strongroom.backtest.simulated_accounts import Account, Token
from strongroom.backtest.simulated_requests import DEPOSIT, REDEEM, VaultRefused
from strongroom.backtest.simulated_rewards import SimulatedRewards
from strongroom.backtest.simulated_vault import Caps, Vault, VaultClass
from strongroom.chain.calls import Ask, Call, DecodedLog, Head
from strongroom.chain.codec import Matching
from strongroom.chain.ids import (
    ConditionId,
    MarketId,
    OrderHash,
    Question,
    QuestionId,
    TransactionKey,
    keccak,
    market_of,
    to_hex,
)
from strongroom.chain.orders import NO, YES
from strongroom.chain.rpc import Position
from strongroom.chain.terms import ENFORCED, Limits
from strongroom.chain.units import BPS, MICRO
from strongroom.execution.vault_asks import ACCOUNT
from strongroom.information.gamma import Market
from strongroom.journal.states import TransactionState
from strongroom.reporting.marks import UNKNOWN, Quote
from strongroom.reporting.nav import value_of
from strongroom.signing.safe import ZERO_ADDRESS

VAULT = to_checksum_address(to_hex(keccak(b"backtest vault")[:20]))
EXCHANGE = to_checksum_address(to_hex(keccak(b"backtest exchange")[:20]))
SAFE = to_checksum_address(to_hex(keccak(b"backtest safe")[:20]))
MANAGER = "manager"
CHAIN_ID = 1
CLASS = 0  # the one that there is


@dataclass(frozen=True)
class EffectiveReport:
    """What a report dealt at; amounts in micro-units, before fees and settlement.

    Attributes:
        not_home: what accounts hold at the bid above their cost, and does not count yet
        minted: shares, as fees
        largest: exposure of one market
        losses: that count against the caps
    """

    time: int
    nav_bid: int
    nav_ask: int
    not_home: int
    supply: int
    minted: int
    fees: int
    idle: int
    exposure: int
    largest: int
    losses: int


@dataclass(frozen=True)
class ClosedMarket:
    """A market that was closed."""

    time: int
    market: str
    event: str
    bought: int  # collateral paid, fees included
    got: int  # sales, merges, payouts, rewards; of what left in kind, what it pays in the end
    fees: int
    rewards: int


@dataclass
class World:
    """The vault and everything it holds.

    Attributes:
        turned: events whose money comes home as if they had lost what they won, or the other way:
            of a world that is played to see who follows his results
        now: timestamp; the venue is seen as it was a little earlier
    """

    engine: Engine
    markets: Sequence[Market]
    oracle: str
    limits: Limits
    caps: Caps
    max_duration_s: int
    rates: tuple[int, int, int]
    rewards: SimulatedRewards | None = None
    turned: frozenset[str] = frozenset()
    accounts: dict[MarketId, Account] = field(default_factory=dict)
    reports: list[EffectiveReport] = field(default_factory=list)
    settled: list[ClosedMarket] = field(default_factory=list)
    fills: dict[OrderHash, list[SimulatedFill]] = field(default_factory=dict)
    makers: dict[OrderHash, MarketId] = field(default_factory=dict)
    closed: dict[MarketId, Account] = field(default_factory=dict)  # empty, but they still answer
    marks: dict[tuple[MarketId, int], tuple[int, int, int]] = field(default_factory=dict)
    put_in: dict[str, int] = field(default_factory=dict)  # who -> assets that became shares
    got_out: dict[str, int] = field(default_factory=dict)  # who -> assets
    in_kind: dict[str, list[tuple[int, dict[Token, int]]]] = field(default_factory=dict)
    evidence: str = ""
    now: int = field(init=False)
    _market_at: dict[str, MarketId] = field(default_factory=dict)  # address -> whose account

    def __post_init__(self) -> None:
        """Begin with an empty vault."""
        self.now = self.engine.now // MS
        self.vault: Vault[MarketId] = Vault(
            self.limits, self.rates, [(MANAGER, BPS)], self.now, [VaultClass(self.caps)]
        )
        self.names = [market_of(CLASS, market.question_key) for market in self.markets]
        self.number_of = {name: number for number, name in enumerate(self.names)}
        self.by_question: dict[str, list[int]] = {}
        for number, market in enumerate(self.markets):
            self.by_question.setdefault(market.event_id or market.question_id, []).append(number)
        for numbers in self.by_question.values():
            numbers.sort(key=lambda number: self.markets[number].number)
        self.engine.filled, self.engine.covers = self._filled, self._covers

    def at(self, time: int) -> None:
        """Let time pass up to `time`: what has happened at the venue is known a little later."""
        to_ms = MS * time - self.engine.quotes.feed_ms
        if self.rewards is not None:
            self.rewards.watch(self.engine, to_ms, self.makers)
        self.engine.advance(to_ms)
        self.vault.now = self.now = max(self.now, time)
        for market, amount in self.rewards.due(self.now).items() if self.rewards else ():
            if market in self.accounts:
                self.accounts[market].reward(amount)

    def positions(self, account: Account) -> list[Position]:
        """Return what an account holds, with the payouts once they are known."""
        return account.positions(self.engine.listed, self.now)

    def account_at(self, address: str) -> Account:
        """Return the account at an address."""
        name = self._market_at[address]
        return self.accounts.get(name) or self.closed[name]

    def books(self) -> tuple[dict[MarketId, Account], dict[MarketId, Account]]:
        """Return what calls change beside the vault, as copies."""
        accounts = {market: each.copied() for market, each in self.accounts.items()}
        return accounts, dict(self.closed)

    # what the calls do

    def open_market(self, kind: int, question: QuestionId, count: int, deadline: int) -> None:
        """openMarket."""
        numbers = self.by_question[question]
        market = self.markets[numbers[0]]
        name = market_of(kind, market.question_key)
        if deadline > self.now + self.max_duration_s:
            raise VaultRefused("deadline too far")
        self.vault.open_market(name, kind, market.question_key)
        address = to_checksum_address(to_hex(keccak(f"{name}{self.now}".encode())[:20]))
        until = min(deadline, max(self.engine.listed[number].pays_at for number in numbers))
        self.accounts[name] = Account(address, name, tuple(numbers), market, until)
        self._market_at[address] = name
        self.closed.pop(name, None)

    def is_tradable(self, account: Account) -> bool:
        """Whether budget may still go in."""
        return self.now < account.until

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

    def harvest(self, market: MarketId) -> None:
        """harvest."""
        account = self._account(market)
        self.redeem_resolved(account)
        account.collateral -= self.vault.harvest(market, account.collateral)

    def close_market(self, market: MarketId) -> None:
        """closeMarket; here nothing is ever left in a closed account."""
        account = self._account(market)
        self.redeem_resolved(account)
        if any(account.tokens.values()):
            raise VaultRefused("not to be closed")
        home = account.collateral
        if account.market.event in self.turned:
            home = max(0, home - 2 * (account.got - account.paid))
        self.vault.close(market, account.address, home)
        account.collateral = 0
        self.closed[market] = self.accounts.pop(market)
        about = account.market.condition_id, account.market.event
        money = account.paid, account.got, account.fees, account.rewards
        self.settled.append(ClosedMarket(self.now, *about, *money))

    def redeem_resolved(self, account: Account) -> None:
        """redeemResolved."""
        account.redeem(self.engine.listed, self.now)

    def convert(self, account: Account, index_set: int, amount: int) -> None:
        """convertPositions."""
        account.convert(index_set, amount, self.now)

    def report(self, marks: Sequence[tuple[MarketId, int, int, int]], evidence: str) -> None:
        """report."""
        quotes = {(name, place): (bid, ask) for name, place, bid, ask in marks}
        worth = {name: self._value(account, quotes) for name, account in self.accounts.items()}
        dealt = self.vault.report(worth)
        number, vault = self.vault.reports, self.vault
        self.marks = {mark: (*quote, number) for mark, quote in quotes.items()}
        exposures = {market: vault.markets[market].exposure for market in vault.open}
        self.evidence = evidence
        self.reports.append(
            EffectiveReport(
                time=self.now,
                nav_bid=dealt.nav_bid,
                nav_ask=dealt.nav_ask,
                not_home=sum(max(0, worth[m][0] - exposures[m]) for m in exposures),
                supply=dealt.supply - dealt.minted,
                minted=dealt.minted,
                fees=dealt.management + dealt.performance,
                idle=dealt.nav_bid - sum(vault.markets[market].bid for market in vault.open),
                exposure=sum(exposures.values()),
                largest=max(exposures.values(), default=0),
                losses=vault.total_losses,
            )
        )

    def _value(
        self, account: Account, quotes: Mapping[tuple[MarketId, int], Quote]
    ) -> tuple[int, int]:
        positions = self.positions(account)
        marks = [quotes.get((account.name, n), UNKNOWN) for n in range(len(positions))]
        return value_of(account.collateral, positions, marks)

    def _account(self, market: MarketId) -> Account:
        if market not in self.accounts:
            raise VaultRefused("market not open")
        return self.accounts[market]

    def _covers(self, fill: SimulatedFill) -> int:
        """Return how much of a fill its account can still deliver or pay: what the order was sent
        with may have left in kind, or been recalled, merged or closed meanwhile."""
        order, sign = fill.order, 1 if fill.order.buys else -1
        account = self.accounts.get(self.makers[order.id])
        if account is None:
            return 0
        token = order.market, order.outcome
        return account.covers(token, sign * fill.tokens, fill.cash + fill.fee)

    def _filled(self, fill: SimulatedFill) -> None:
        """An order of an account is filled: tokens and collateral move."""
        order, sign = fill.order, 1 if fill.order.buys else -1
        account = self.accounts[self.makers[order.id]]
        account.trade((order.market, order.outcome), sign * fill.tokens, fill.cash, fill.fee)
        self.fills.setdefault(order.id, []).append(fill)

    # depositors

    def claim_all(self) -> None:
        """Let everybody take what waits for them, and ask again for what was handed back."""
        for side in (DEPOSIT, REDEEM):
            queue = self.vault.queues[side]
            for who in queue.people():
                amount, _ = queue.can_claim(who)
                if amount:
                    taken, given = self.vault.claim(side, who, amount, by_out=False)
                    if side == DEPOSIT:
                        self.put_in[who] = self.put_in.get(who, 0) + taken
                    else:
                        self.got_out[who] = self.got_out.get(who, 0) + given
                for epoch in queue.live(who):
                    if epoch.handed_back and epoch.pending(who):
                        freed = self.vault.cancel(side, who, epoch.number)
                        self.vault.request(side, who, who, freed)

    def leave_in_kind(self, who: str, shares: int) -> None:
        """redeemInKind: a part of everything goes to a depositor, tokens too."""
        taken, idle = self.in_kind.setdefault(who, []), self.vault.idle

        def pay(market: MarketId, part: int, supply: int) -> int:
            account = self.accounts[market]
            cash, tokens = account.part(part, supply)
            account.got += self._pays(tokens)
            taken.append((cash, tokens))
            return cash

        self.vault.leave_in_kind(who, shares, (), pay)
        self.got_out[who] = self.got_out.get(who, 0) + idle - self.vault.idle

    def worth_in_kind(self, who: str) -> int:
        """Return what somebody's outcome tokens pay in the end, and the collateral with them."""
        return sum(cash + self._pays(tokens) for cash, tokens in self.in_kind.get(who, ()))

    def _pays(self, tokens: Mapping[Token, int]) -> int:
        """Return what tokens pay in the end."""
        total = 0
        for number in dict.fromkeys(number for number, _ in tokens):
            payout = self.engine.listed[number].payout
            paid = (tokens.get((number, each), 0) * payout[each] for each in (YES, NO))
            total += sum(paid) // sum(payout)
        return total


class SimulatedChain:
    """Answers what the keeper asks a chain."""

    chain_id = CHAIN_ID

    def __init__(self, world: World) -> None:
        """Take the world; nothing is connected."""
        self.world = world
        limits = astuple(world.limits)
        self._vault: dict[str, Callable[..., object]] = {
            "totalAssets": lambda: world.vault.nav[0],
            "totalSupply": lambda: world.vault.supply,
            "total_idle": lambda: world.vault.idle,
            "totalExposure": lambda: world.vault.exposure,
            "totalLosses": lambda: world.vault.total_losses,
            "recentAllocation": lambda: world.vault.recent_allocation,
            "prices": lambda: (world.vault.bid_price, world.vault.ask_price),
            "limit": limits.__getitem__,
            "paused": lambda: False,
            "windingDown": lambda: False,
            "breakerTripped": lambda: world.vault.breaker_tripped,
            "freshUntil": lambda: world.vault.reported + world.limits.max_report_age_s,
            "reportCount": lambda: world.vault.reports,
            "lastReport": lambda: world.vault.reported,
            "epochs": lambda: tuple(queue.open.number for queue in world.vault.queues),
            "waitingEpochs": lambda side: [e.number for e in world.vault.queues[side].waiting],
            "epochOf": self._epoch,
            "openMarkets": lambda: list(world.vault.open),
            "unsweptAccounts": lambda: list(world.vault.unswept),
            "accountOf": self._account_of,
            "marketOf": lambda market: (
                (self._account_of(market), CLASS, 1, market in world.closed)
            ),
            "questionOf": self._question_of,
            "bookOf": self._book_of,
            "markOf": lambda market, place: world.marks.get((market, place), (0, 0, 0)),
            "classOf": lambda number: self._class(),
            "classBook": self._class_book,
        }
        self._account: dict[str, Callable[[Account], object]] = {
            "positions": lambda account: (
                account.collateral,
                account.amounts(world.engine.listed, world.now),
            ),
            "tradable": world.is_tradable,
            "conditions": lambda account: [
                world.markets[number].condition_id for number in account.numbers
            ],
            "classId": lambda account: CLASS,
            "epoch": lambda account: 0,  # of its signatures
        }

    def ask(self, asked: Sequence[Ask], block: int | None = None) -> list[Any]:
        """Return the answers; those of an earlier block are not kept."""
        vault, account, found = self._vault, self._account, list[object]()
        for each in asked:
            address, contract, function, arguments = each
            if contract == "Vault":
                found.append(vault[function](*arguments))
            elif contract == ACCOUNT and function in account:
                found.append(account[function](self.world.account_at(address)))
            else:
                found.append(self._answer(each))
        return found

    def ask_one(self, address: str, contract: str, function: str, *arguments: object) -> Any:
        """Return the answer of one read."""
        return self._answer(Ask(address, contract, function, arguments))

    def head(self) -> Head:
        """Return a block number and the time."""
        return Head(self.world.now, self.world.now)

    def at_head(self, asked: Sequence[Ask], block: int | None = None) -> tuple[Head, list[Any]]:
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
        """Return the fills of an order, or the last report and what it dealt at."""
        if event == "OrderFilled" and matching is not None:
            return self._fills(OrderHash(str(matching["orderHash"])))
        if event in ("Reported", "Dealt") and self.world.reports:
            last = self.world.reports[-1]
            nav = {"nav_bid": last.nav_bid, "nav_ask": last.nav_ask}
            return [DecodedLog("", 0, last.time, nav | {"evidence": self.world.evidence})]
        return []

    def _answer(self, ask: Ask) -> object:
        if ask.contract == "Vault":
            return self._vault[ask.function](*ask.arguments)
        if ask.contract == "ConditionalTokens":
            return self._payout(ask.function, ConditionId(str(ask.arguments[0])))
        if ask.function == "CTF":
            return VAULT  # one address stands for all: what is asked says which
        if ask.contract == "Exchange":
            return self._order_status(OrderHash(str(ask.arguments[0])))
        return self._account[ask.function](self.world.account_at(ask.address))

    def _payout(self, function: str, condition: ConditionId) -> int:
        """Return the denominator of a condition's payout, or what YES gets of it; 0: not yet."""
        listed = self.world.engine.listed[self._places[condition]]
        yes, no = listed.payout if self.world.now >= listed.pays_at else (0, 0)
        return yes if function == "payoutNumerators" else yes + no

    @cached_property
    def _places(self) -> dict[ConditionId, int]:
        return {market.condition_id: n for n, market in enumerate(self.world.markets)}

    def _account_of(self, market: MarketId) -> str:
        account = self.world.accounts.get(market) or self.world.closed.get(market)
        return ZERO_ADDRESS if account is None else account.address

    def _question_of(self, market: MarketId) -> Question:
        return self.world.markets[self.world.number_of[market]].question_key

    def _book_of(self, market: MarketId) -> tuple[int, int, int]:
        found = self.world.vault.markets[market]
        return found.exposure, found.bid, found.ask

    def _class(self) -> tuple[object, ...]:
        caps = self.world.caps
        shared = (caps.market, caps.market_bps, caps.all, caps.all_bps)
        return (VAULT, self.world.oracle, SAFE, ENFORCED, *shared, self.world.max_duration_s)

    def _class_book(self, number: int) -> tuple[int, int, int, bool]:
        vault = self.world.vault
        found = vault.classes[number]
        exposure, losses = vault.class_exposure(number), vault.class_losses(number)
        return exposure, losses, found.profit, found.retired

    def _epoch(self, side: int, number: int) -> tuple[int, int, int, int, bool]:
        queue = self.world.vault.queues[side]
        found = queue.epochs[number - 1]
        anchor = found.anchor if found is queue.open or found in queue.waiting else 0
        return found.asked, found.left, anchor, found.closed_by, found.handed_back

    def _order_status(self, name: OrderHash) -> tuple[bool, int]:
        """Return whether an order is used up, and what it may still give; 0: nothing was."""
        given = sum(log.args["makerAmountFilled"] for log in self._fills(name))
        order = self.world.engine.orders.get(name)
        if order is None or not given:
            return False, 0
        whole = -(-order.size * order.price // MICRO) if order.buys else order.size
        return given >= whole, max(0, whole - given)

    def _fills(self, order: OrderHash) -> list[DecodedLog]:
        found = []
        for number, fill in enumerate(self.world.fills.get(order, ())):
            given = (fill.cash, fill.tokens)
            making, taking = given if fill.order.buys else given[::-1]
            args = {"makerAmountFilled": making, "takerAmountFilled": taking, "fee": fill.fee}
            transaction = to_hex(keccak(f"{order}{number}".encode()))
            found.append(DecodedLog(transaction, number, -(-fill.at_ms // MS), args))
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
            "harvest": world.harvest,
            "closeMarket": world.close_market,
            "report": world.report,
        }
        self._account: dict[str, Callable[..., None]] = {
            "redeemResolved": world.redeem_resolved,
            "merge": Account.merge,
            "split": Account.split,
            "convertPositions": world.convert,
        }

    def state(self, key: TransactionKey) -> tuple[TransactionState | None, str]:
        """Return what came of a transaction."""
        return self._done.get(key, (None, ""))

    def carries(self, purpose: str) -> bool:
        """Nothing is ever under way."""
        return False

    def advance(self) -> None:
        """Nothing is ever under way."""

    def is_free(self) -> bool:
        """Nothing is ever under way."""
        return True

    def withdraw(self, key: TransactionKey) -> None:
        """Nothing is ever under way."""

    def run(
        self,
        key: TransactionKey,
        purpose: str,
        calls: Sequence[Call],
        now: int | None = None,
        until: int | None = None,
    ) -> tuple[TransactionState, str]:
        """Execute the calls; one that is refused undoes those before it."""
        if key in self._done:
            return self._done[key]
        self.moves += 1
        world = self._world
        saved = self._vault_now(calls), world.books()
        try:
            for call in calls:
                self._execute(call)
            self._done[key] = TransactionState.DONE, ""
        except VaultRefused as reason:
            vars(world.vault).update(pickle.loads(saved[0]))
            world.accounts, world.closed = saved[1]
            self._done[key] = TransactionState.DROPPED, str(reason)
            self.refused.append(f"{purpose}: {reason}")
        return self._done[key]

    def _vault_now(self, calls: Sequence[Call]) -> bytes:
        """Return the vault before some calls; of these, reports alone change its queues."""
        kept = dict(vars(self._world.vault))
        if all(call.function != "report" for call in calls):
            del kept["queues"]
        return pickle.dumps(kept)

    def _execute(self, call: Call) -> None:
        """Do what a call says, by its function and arguments."""
        if call.to == VAULT:
            self._vault[call.function](*call.arguments)
            return
        does = self._account.get(call.function)
        if does is None:
            raise VaultRefused(f"{call.function} is not simulated")
        does(self._world.account_at(call.to), *call.arguments)
