"""A vault with its venue on a bare EVM, the scenes that a search begins with, and what everybody
truly has there, read from the tokens.

The truth of a condition is the payout of YES in thousandths, fixed for a scene: `nature` sells and
buys any outcome token at it, and a resolution pays it. So outcome tokens at truth are money, and
whatever a coalition has more at the end, others have lost.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from eth_utils import keccak

from tests.search.machine import Machine, Refused, address, words
from tests.search.newer import deploy_protocol, deploy_wallets, name_of

UNIT = 10**6
K = 1_000 * UNIT
HOUR, DAY = 3_600, 86_400
BPS, PRICE, VIRTUAL, SHARE = 10_000, 10**36, 10**12, 10**18
WAD_PER_POINT = 10**15  # a thousandth
FOREVER = 2**256 - 1
DEPOSIT, REDEEM = 0, 1
START = 1_700_000_000

BINARY, EVENT, DELEGATED, SMALL = range(4)  # the vault's classes; SMALL has a keeper of its own
PLAIN = (BINARY, SMALL)  # whose accounts are of another kind in two scenes
WALLET, POSITION = "wallet", "position"
KEEPERS = ("keeper", "keeper", "keeper", "second")
SMALL_CAP = 50 * K
TIMELOCK = 3 * DAY
FORTUNE = 10**9 * UNIT
MAX_DOWN, MAX_PREMIUM, MAX_INFLOW = 1_000, 1_000, 1_000
DUST = 10  # bps of NAV that the guardian closes

ROLES = ("owner", "guardian", "reporter", "keeper", "second", "manager", "oracle", "nature")
HOLDERS = {"vic": 800 * K, "friend": 400 * K, "leaver": 100 * K}
COMER = 100 * K  # what `comer` has outside
WALLETS = ("wallet 0", "wallet 1")
PURSE = address("exchange")  # the hostile venue: whatever accounts have approved, it takes
TIMELOCKED = (
    "setGuardian(address)",
    "setKeeper(uint256,address)",
    "setReporter(address)",
    "setLimit(uint256,uint256)",
    "setFees(uint256,uint256,uint256)",
    "addClass((address,address,address,uint256,uint256,uint256,uint256,uint256,uint256))",
    "setClassCaps(uint256,(uint256,uint256,uint256,uint256))",
    "forgiveLosses(uint256,uint256)",
    "resetBreaker()",
    "closeMarket(bytes32)",
    "setAllowList(address,bool)",
)
# By ordinal, without the two in assets. No bound leans on a cap in bps or on the breaker.
LIMITS = (
    *(1_000, MAX_DOWN, MAX_PREMIUM, MAX_INFLOW, 50, HOUR, 14 * DAY, 10_000 * UNIT, 2 * DAY),
    *(3_600, 9_900, 500, 1, BPS, BPS, BPS, BPS),
)


@dataclass(frozen=True)
class Condition:
    id: bytes
    question: bytes
    tokens: tuple[int, int]  # YES, NO
    name: str


@dataclass(frozen=True)
class Question:
    """One that a market can be opened on: a condition, or an event of three."""

    id: bytes
    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class Market:
    id: bytes
    account: str
    class_id: int
    conditions: tuple[Condition, ...]
    wallet: str = ""  # that its account owns

    @property
    def purse(self) -> str:
        """Where the exchange takes and gives."""
        return self.wallet or self.account


@dataclass
class State:
    """What of a play is not in the EVM."""

    markets: list[Market] = field(default_factory=list)
    opened: dict[int, int] = field(default_factory=dict)  # class -> questions used of its pool
    truth: dict[str, int] = field(default_factory=dict)  # of conditions by name, thousandths
    marks: dict[str, int] = field(
        default_factory=dict
    )  # of an honest reporter, where not the truth
    asked: list[bytes] = field(default_factory=list)  # calls that the owner has submitted

    def copy(self) -> "State":
        return State(list(self.markets), dict(self.opened), dict(self.truth), dict(self.marks), [])


@dataclass(frozen=True)
class Terms:
    """What differs from scene to scene: amounts in assets, rates in bps.

    Attributes:
        accounts: of the plain classes: "" (PolymarketAccount), WALLET or POSITION
    """

    total_cap: int = 260 * K
    velocity: int = 130 * K
    management: int = 0
    performance: int = 0
    accounts: str = ""


class Arena:
    """The vault of the compiled contracts, with `vic`, `friend` and `leaver` holding."""

    def __init__(self, contracts: dict[str, Any], terms: "Terms") -> None:
        self.machine = Machine(START, contracts)
        self.terms = terms
        self.who = {name: address(name) for name in (*ROLES, *HOLDERS, "comer", *WALLETS)}
        self.state = State()
        self.honest_wallets = False
        self.everything = False
        self.end = FOREVER
        self.positions: set[int] = set()  # tokens that Protocol V2 knows
        self._venue()
        self.pools = self._questions()
        self._vault()
        self._money()

    # setting up

    def _venue(self) -> None:
        m = self.machine
        self.usdc = m.deploy("UsdcE")
        minter = m.deployer
        vault = m.deploy("CollateralVault")
        keeps = m.deployer
        self.pusd = m.deploy("PUsd", minter, self.usdc, vault)
        issuer = m.deployer
        m.call(keeps, vault, "approve(address,address,uint256)", self.usdc, self.pusd, FOREVER)
        self.onramp = m.deploy("CollateralOnramp", self.pusd)
        self.ctf = m.deploy("ConditionalTokens")
        tokens = (self.ctf, self.pusd, self.usdc)
        self.adapter = m.deploy("CollateralAdapter", *tokens)
        self.wrapped = m.deploy("WrappedCollateral", self.usdc)
        owner = m.deployer
        ledger = m.deploy("NegRiskAdapter", self.ctf, self.usdc, self.wrapped, vault)
        m.call(owner, self.wrapped, "transfer_ownership(address)", ledger)
        self.negative = m.deploy("NegRiskCollateralAdapter", *tokens, ledger)
        for each in (self.onramp, self.adapter, self.negative):
            m.call(issuer, self.pusd, "addWrapper(address)", each)
        m.call(minter, self.usdc, "mint(address,uint256)", minter, 20 * FORTUNE)
        m.call(minter, self.usdc, "approve(address,uint256)", self.onramp, FOREVER)
        self._minter = minter
        m.set_code(PURSE, b"\0")
        venue = (PURSE, "2", self.ctf, self.pusd)
        self._issuer = issuer
        self.implementations = (
            self._plain_implementation(),
            m.deploy("PolymarketAccount", *venue, self.wrapped, self.negative, True),
            self._delegated_implementation(),
        )
        m.set_code(PURSE, b"")

    def _plain_implementation(self) -> str:
        m, of_tokens = self.machine, (self.ctf, self.pusd, self.usdc, self.adapter, False)
        if self.terms.accounts == WALLET:
            self.wallets = deploy_wallets(m, self.pusd, self.ctf, PURSE)
            parts = (PURSE, "2", self.wallets.factory, self.wallets.beacon)
            return m.deploy("WalletAccount", *parts, *of_tokens)
        if self.terms.accounts == POSITION:
            self.protocol = deploy_protocol(m, self.pusd, self._issuer)
            return m.deploy("PositionAccount", PURSE, self.protocol.manager)
        return m.deploy("PolymarketAccount", PURSE, "2", *of_tokens)

    def _delegated_implementation(self) -> str:
        m = self.machine
        self.registry = m.deploy("WalletRegistry", self.pusd)
        venue = (self.ctf, self.pusd, self.usdc, self.adapter, False)
        return m.deploy("DelegatedAccount", self.registry, *venue)

    def _condition(self, question: bytes, collateral: str, name: str) -> Condition:
        m, oracle = self.machine, self.who["oracle"]
        m.call(oracle, self.ctf, "prepareCondition(address,bytes32,uint256)", oracle, question, 2)
        two = (2).to_bytes(32, "big")
        condition = keccak(bytes.fromhex(oracle[2:]) + question + two)
        tokens = []
        for index_set in (1, 2):
            collection = m.read(
                *(self.ctf, "getCollectionId(bytes32,bytes32,uint256)"),
                *(bytes(32), condition, index_set),
            )
            packed = bytes.fromhex(collateral[2:]) + collection.to_bytes(32, "big")
            tokens.append(int.from_bytes(keccak(packed), "big"))
        return Condition(condition, question, (tokens[0], tokens[1]), name)

    def _questions(self) -> tuple[tuple[Question, ...], ...]:
        """Return what the markets of each class can be opened on."""
        pools: list[tuple[Question, ...]] = []
        for kind, count in ((BINARY, 6), (EVENT, 3), (DELEGATED, 2), (SMALL, 4)):
            pool = []
            for n in range(count):
                id = keccak(text=f"question {kind} {n}")[:31] + b"\0"
                if kind in PLAIN and self.terms.accounts == POSITION:
                    id = self.protocol.condition(name_of(kind, n))
                    yes = int.from_bytes(id, "big")
                    self.positions |= {yes, yes + 1}
                    of = (Condition(id, id, (yes, yes + 1), f"{kind}.{n}.0"),)
                elif kind == EVENT:
                    of = tuple(
                        self._condition(id[:31] + bytes([i]), self.wrapped, f"{kind}.{n}.{i}")
                        for i in range(3)
                    )
                else:
                    of = (self._condition(id, self.usdc, f"{kind}.{n}.0"),)
                pool.append(Question(id, of))
            pools.append(tuple(pool))
        return tuple(pools)

    def _vault(self) -> None:
        m, who = self.machine, self.who
        governance = m.deploy("VaultGovernance", self.pusd)
        exits = m.deploy("VaultExits", self.pusd, governance)
        desk = m.deploy("VaultDesk", self.pusd, exits)
        roles = [who[name] for name in ("owner", "guardian", "reporter", "manager")]
        t = self.terms
        fees = (t.management, t.performance, 0)
        limits = (*LIMITS, t.total_cap, t.velocity)
        terms = ("Searched vault", "FOUND", *roles, *fees, 2**128 - 1, 1, 0, limits)
        self.vault = m.deploy("Vault", desk, terms)
        implementations = (*self.implementations, self.implementations[0])
        for kind, (implementation, keeper) in enumerate(zip(implementations, KEEPERS, strict=True)):
            cap = SMALL_CAP if kind == SMALL else 2**90
            oracle = who["oracle"]
            if kind in PLAIN and t.accounts == POSITION:
                oracle = self.protocol.module
            self.do(
                *("owner", TIMELOCKED[5], implementation, oracle, who[keeper]),
                *(2 if kind == DELEGATED else 1, 2**90, BPS, cap, BPS, 1_000 * DAY),
            )
        for function in TIMELOCKED:
            self.do(
                *("owner", "increaseDelay(bytes4,uint256)"),
                *(keccak(text=function)[:4] + bytes(28), TIMELOCK),
            )

    def pay(self, who: str, assets: int) -> None:
        """Make somebody richer."""
        wrap = "wrap(address,address,uint256)"
        self.machine.call(self._minter, self.onramp, wrap, self.usdc, who, assets)

    def _money(self) -> None:
        m = self.machine
        for name in (*HOLDERS, "comer", "nature"):
            m.call(self.who[name], self.pusd, "approve(address,uint256)", self.vault, FOREVER)
        nature = self.who["nature"]
        self.pay(nature, 10 * FORTUNE)
        for kind, pool in enumerate(self.pools):
            adapter = self.negative if kind == EVENT else self.adapter
            m.call(nature, self.pusd, "approve(address,uint256)", adapter, FOREVER)
            for each in (c for q in pool for c in q.conditions):
                if each.tokens[0] in self.positions:
                    router = self.protocol.router
                    m.call(nature, self.pusd, "approve(address,uint256)", router, FOREVER)
                    m.call(nature, router, "split(bytes31,uint256)", each.id, FORTUNE // 10)
                    continue
                m.call(
                    *(nature, adapter, "splitPosition(address,bytes32,bytes32,uint256[],uint256)"),
                    *(self.pusd, bytes(32), each.id, 160, FORTUNE // 10, 2, 1, 2),
                )
        self.pay(PURSE, 5_000 * K)
        for name, assets in HOLDERS.items():
            self.pay(self.who[name], assets)
            self.do(name, "requestDeposit(uint256,address,address)", assets, *[self.who[name]] * 2)
        self.first_deposits()
        for name in HOLDERS:
            self.claim(name)
        self.pay(self.who["friend"], 5_000 * K)
        self.pay(self.who["comer"], COMER)

    def first_deposits(self) -> None:
        """Settle what the holders have requested."""
        self.do("oracle", "settle()")
        self.wait(HOUR)
        self.do("oracle", "settle()")

    # acting

    def do(self, who: str, signature: str, *values: Any) -> bytes:
        """Call the vault as somebody, by name."""
        return self.machine.call(self.who[who], self.vault, signature, *values)

    def view(self, signature: str, *values: Any) -> int:
        """Return the first word of a view of the vault."""
        return self.machine.read(self.vault, signature, *values)

    def wait(self, seconds: int) -> None:
        """Let time pass, until the play's end at most.

        Raises:
            Refused: it would be later.
        """
        if self.machine.time + seconds > self.end:
            raise Refused("the play is over")
        self.machine.at(self.machine.time + seconds)

    def open(self, kind: int, number: int) -> Market:
        """Have the class's keeper open a market on a question of its pool."""
        question = self.pools[kind][number]
        found = self.do(
            *(KEEPERS[kind], "openMarket(uint256,bytes32,uint256,uint256)"),
            *(kind, question.id, len(question.conditions), self.machine.time + 900 * DAY),
        )
        account = self.view("accountOf(bytes32)", found).to_bytes(20, "big")
        market = Market(found, "0x" + account.hex(), kind, question.conditions)
        if kind in PLAIN and self.terms.accounts == WALLET:
            wallet = self.wallets.make(market.account, self.who[KEEPERS[kind]])
            market = replace(market, wallet=wallet)
        self.state.markets.append(market)
        self.state.opened[kind] = max(self.state.opened.get(kind, 0), number + 1)
        return market

    def report(self, marks: list[tuple[bytes, int, int, int]]) -> None:
        """Report, as the reporter: market, condition, bid and ask of YES in thousandths."""
        packed = words(
            tuple(
                word
                for market, condition, bid, ask in marks
                for word in (market, condition, bid * WAD_PER_POINT, ask * WAD_PER_POINT)
            )
        )
        self.do(
            *("reporter", "report((bytes32,uint256,uint256,uint256)[],bytes32)"),
            *(64, bytes(32), len(marks), packed),
        )

    def honest_marks(self) -> list[tuple[bytes, int, int, int]]:
        """Return the truth as marks, or what an honest reporter still believes."""
        known = self.state.truth | self.state.marks
        return [
            (market.id, i, known.get(c.name, 500), known.get(c.name, 500))
            for market in self.state.markets
            for i, c in enumerate(market.conditions)
        ]

    def move(self, sender: str, to: str, assets: int) -> None:
        """Send collateral; `sender` and `to` are addresses."""
        self.machine.call(sender, self.pusd, "transfer(address,uint256)", to, assets)

    def take(self, account: str, to: str, assets: int) -> None:
        """Have the venue take collateral that an account lets it take."""
        self.machine.call(
            PURSE, self.pusd, "transferFrom(address,address,uint256)", account, to, assets
        )

    def move_token(self, caller: str, sender: str, to: str, token: int, amount: int) -> None:
        """Send outcome tokens; `caller` is the sender or whom it lets."""
        if token in self.positions:
            move = "unsafeTransferFrom(address,address,uint256,uint256)"
            self.machine.call(caller, self.protocol.manager, move, sender, to, token, amount)
            return
        self.machine.call(
            *(caller, self.ctf, "safeTransferFrom(address,address,uint256,uint256,bytes)"),
            *(sender, to, token, amount, 160, 0),
        )

    def price(self, condition: Condition, side: int) -> int:
        """Return what one token is truly worth, thousandths."""
        yes = self.state.truth.get(condition.name, 500)
        return 1_000 - yes if side else yes

    def buy(self, to: str, condition: Condition, side: int, amount: int, payer: str) -> None:
        """Have nature sell outcome tokens at the truth; an account pays through the venue."""
        cost = -(-amount * self.price(condition, side) // 1_000)
        nature = self.who["nature"]
        if cost:
            (self.move if payer == PURSE else self.take)(payer, nature, cost)
        self.move_token(nature, nature, to, condition.tokens[side], amount)

    def resolve(self, condition: Condition) -> None:
        """Have the oracle pay the truth."""
        yes = self.state.truth.get(condition.name, 500)
        if condition.tokens[0] in self.positions:
            self.protocol.resolve(condition.id, yes)
            return
        self.machine.call(
            *(self.who["oracle"], self.ctf, "reportPayouts(bytes32,uint256[])"),
            *(condition.question, 64, 2, yes, 1_000 - yes),
        )

    def claim(self, name: str) -> None:
        """Have somebody claim all that is settled."""
        own = self.who[name]
        shares = self.view("maxMint(address)", own)
        if shares:
            assets = self.view("maxDeposit(address)", own)
            self.do(name, "deposit(uint256,address,address)", assets, own, own)
        shares = self.view("maxRedeem(address)", own)
        if shares:
            self.do(name, "redeem(uint256,address,address)", shares, own, own)

    def epochs(self, side: int, name: str) -> tuple[int, ...]:
        """Return the live epochs of somebody's requests."""
        return self.machine.read_all(
            self.vault, "liveEpochs(uint256,address)", side, self.who[name]
        )[2:]

    def room(self, class_id: int) -> int:
        """Return what the caps in assets let into a class's markets for good."""
        room = self.terms.total_cap - self.view("totalExposure()") - self.view("totalLosses()")
        if class_id == SMALL:
            book = self.machine.read_all(self.vault, "classBook(uint256)", SMALL)
            room = min(room, SMALL_CAP - book[0] - book[1])
        return room

    def bid(self) -> int:
        """Return the bid as published last."""
        return self.machine.read_all(self.vault, "prices()")[0]

    def exposure(self, market: Market) -> int:
        """Return a market's exposure."""
        return self.view("bookOf(bytes32)", market.id)

    # the truth

    def balance(self, who: str) -> int:
        """Return the collateral at an address."""
        return self.machine.read(self.pusd, "balanceOf(address)", who)

    def tokens(self, who: str, token: int) -> int:
        """Return the outcome tokens at an address."""
        ledger = self.protocol.manager if token in self.positions else self.ctf
        return self.machine.read(ledger, "balanceOf(address,uint256)", who, token)

    def touched(self) -> list[Condition]:
        """Return the conditions of all markets of the play; `everything`: of all there can be."""
        if self.everything:
            return [c for pool in self.pools for question in pool for c in question.conditions]
        return list({c.name: c for m in self.state.markets for c in m.conditions}.values())

    def holdings(self, who: str, conditions: list[Condition] | tuple[Condition, ...]) -> int:
        """Return what an address truly has in collateral and outcome tokens."""
        value = self.balance(who)
        for each in conditions:
            for side in (0, 1):
                value += self.tokens(who, each.tokens[side]) * self.price(each, side) // 1_000
        return value

    def inside(self, market: Market) -> int:
        """Return what a market's account truly holds, a wallet of its own included."""
        inside = self.holdings(market.account, market.conditions)
        return inside + (self.holdings(market.wallet, market.conditions) if market.wallet else 0)

    def true_nav(self) -> int:
        """Return idle and what all accounts truly hold, closed ones too; wallets of honest keepers
        likewise."""
        nav = self.view("total_idle()") + sum(map(self.inside, self.state.markets))
        if self.honest_wallets:
            nav += sum(self.holdings(self.who[each], self.touched()) for each in WALLETS)
        return nav

    def shares(self, name: str) -> tuple[int, int]:
        """Return somebody's shares and assets in the vault: held, asked for or claimable."""
        own = self.who[name]
        shares = self.view("balanceOf(address)", own) + self.view("maxMint(address)", own)
        assets = self.view("maxWithdraw(address)", own)
        for epoch in self.epochs(REDEEM, name):
            shares += self.view("pendingRedeemRequest(uint256,address)", epoch, own)
        for epoch in self.epochs(DEPOSIT, name):
            assets += self.view("pendingDepositRequest(uint256,address)", epoch, own)
        return shares, assets

    def wealth(self, holders: tuple[str, ...], pockets: tuple[str, ...]) -> int:
        """Return what holders (by name) and pockets (addresses) truly have together; a performance
        fee that is due on what shares are worth is the manager's."""
        nav, supply = self.true_nav(), self.view("totalSupply()")
        price = (nav + 1) * PRICE // (supply + VIRTUAL)
        due = 0  # of a share
        if self.terms.performance and not self.view("windingDown()"):
            over = max(0, price - self.view("highWaterMark()") * SHARE)
            due = over * self.terms.performance // BPS
        conditions = self.touched()
        total = sum(self.holdings(each, conditions) for each in pockets)
        for name in holders:
            shares, assets = self.shares(name)
            total += assets + self.holdings(self.who[name], conditions)
            total += shares * (price - due) // PRICE
            if name == "manager":
                total += supply * due // PRICE
        return total


# Scenes: what a play begins with. Two reports of what the reporter believes end each.


def _hold(
    arena: Arena, kind: int, number: int, assets: int, paid: int, condition: int = 0
) -> Market:
    """Open a market and spend `assets` there on YES at `paid` thousandths."""
    market = arena.open(kind, number)
    arena.do(KEEPERS[kind], "allocate(bytes32,uint256)", market.id, assets)
    nature = arena.who["nature"]
    holder = market.purse
    if market.wallet:
        keeper = arena.who[KEEPERS[kind]]
        arena.machine.call(keeper, market.account, "fund(uint256)", assets)
    if kind == DELEGATED:
        holder = _forward(arena, market, assets)
        arena.move(holder, nature, assets // 2)
        assets //= 2
    else:
        arena.take(holder, nature, assets)
    token = market.conditions[condition].tokens[0]
    arena.move_token(nature, nature, holder, token, assets * 1_000 // paid)
    return market


def _forward(arena: Arena, market: Market, assets: int) -> str:
    wallet = arena.who[WALLETS[0]]
    arena.machine.call(wallet, arena.pusd, "approve(address,uint256)", market.account, FOREVER)
    keeper = arena.who["keeper"]
    arena.machine.call(keeper, market.account, "setWallet(address)", wallet)
    arena.machine.call(keeper, market.account, "forward(uint256)", assets)
    return wallet


def _two_reports(arena: Arena) -> None:
    for _ in range(2):
        arena.wait(HOUR)
        arena.report(arena.honest_marks())
    arena.state.marks.clear()


def flat(arena: Arena) -> None:
    """Nothing but idle."""
    arena.wait(HOUR)
    arena.do("oracle", "settle()")


def fresh(arena: Arena) -> None:
    """An event with 10 in it, nothing bought: its third question is YES."""
    arena.state.truth |= {"1.0.0": 0, "1.0.1": 0, "1.0.2": 1_000}
    market = arena.open(EVENT, 0)
    arena.do("keeper", "allocate(bytes32,uint256)", market.id, 10 * UNIT)
    _two_reports(arena)


def _two_markets(arena: Arena, true: int) -> None:
    """80,000 in an event at its price, 100,000 in a binary market at 20 cents."""
    arena.state.truth |= {"1.0.0": 500, "1.0.1": 0, "1.0.2": 300, "0.0.0": 200}
    _hold(arena, EVENT, 0, 80 * K, 500)
    arena.wait(DAY + 9 * HOUR)
    arena.report(arena.honest_marks())
    _hold(arena, BINARY, 0, 100 * K, 200)
    arena.wait(DAY + 9 * HOUR)
    arena.state.truth["0.0.0"] = true


def shown(arena: Arena) -> None:
    """A profit of 150,000 not home, marked as it is."""
    _two_markets(arena, 500)
    _two_reports(arena)


def hidden(arena: Arena) -> None:
    """The same, not yet marked."""
    _two_markets(arena, 500)
    arena.state.marks["0.0.0"] = 200
    _two_reports(arena)


def loss(arena: Arena) -> None:
    """A loss of 50,000 not home, marked as it is."""
    _two_markets(arena, 100)
    _two_reports(arena)


def unseen(arena: Arena) -> None:
    """The same, not yet marked."""
    _two_markets(arena, 100)
    arena.state.marks["0.0.0"] = 200
    _two_reports(arena)


def proven(arena: Arena) -> None:
    """A market lost 60,000 and was closed; another holds 80,000."""
    _two_markets(arena, 80)
    market = arena.state.markets[-1]
    arena.resolve(market.conditions[0])
    arena.do("oracle", "closeMarket(bytes32)", market.id)
    _two_reports(arena)


def partial(arena: Arena) -> None:
    """An event whose first question is paid NO: its third, at 40 bought, is worthless for certain,
    its second is worth 90."""
    arena.state.truth |= {"1.0.0": 0, "1.0.1": 900, "1.0.2": 0}
    market = _hold(arena, EVENT, 0, 120 * K, 400, 1)
    arena.wait(DAY + 9 * HOUR)
    arena.state.marks |= {"1.0.0": 400, "1.0.1": 400, "1.0.2": 200}
    arena.report(arena.honest_marks())
    arena.resolve(market.conditions[0])
    _two_reports(arena)


def delegated(arena: Arena) -> None:
    """100,000 handed to a wallet, half of it in tokens; 60,000 in a market of the other keeper."""
    arena.state.truth |= {"2.0.0": 400, "3.0.0": 600}
    _hold(arena, DELEGATED, 0, 100 * K, 400)
    arena.wait(DAY + 9 * HOUR)
    arena.report(arena.honest_marks())
    _hold(arena, SMALL, 0, 30 * K, 600)
    arena.wait(HOUR)
    _two_reports(arena)


def several(arena: Arena) -> None:
    """All classes at work: one market each at cost, one with an unproven profit of 30,000."""
    arena.state.truth |= {"0.0.0": 500, "1.0.0": 300, "1.0.1": 300, "2.0.0": 500, "3.0.0": 800}
    arena.state.truth |= {"1.0.2": 400, "0.1.0": 0}
    _hold(arena, BINARY, 0, 40 * K, 500)
    _hold(arena, EVENT, 0, 30 * K, 300, 1)
    arena.wait(DAY + 9 * HOUR)
    arena.report(arena.honest_marks())
    _hold(arena, DELEGATED, 0, 40 * K, 500)
    _hold(arena, SMALL, 0, 30 * K, 400)
    arena.wait(HOUR)
    _two_reports(arena)


def ending(arena: Arena) -> None:
    """`hidden`, in wind-down."""
    hidden(arena)
    arena.do("guardian", "windDown()")


def paid(arena: Arena) -> None:
    """`shown`, with fees."""
    shown(arena)


def paid_in_loss(arena: Arena) -> None:
    """`unseen`, with fees."""
    unseen(arena)


def tight(arena: Arena) -> None:
    """Most of idle is out, half of it in profit, half at a loss; redemptions wait."""
    arena.state.truth |= {"0.0.0": 600, "0.1.0": 300}
    _hold(arena, BINARY, 0, 500 * K, 500)
    _hold(arena, BINARY, 1, 500 * K, 400)
    arena.wait(HOUR)
    _two_reports(arena)


def residue(arena: Arena) -> None:
    """A market whose cost is home; its tokens, worth 100,000 and marked so, are all profit."""
    arena.state.truth["0.0.0"] = 500
    market = _hold(arena, BINARY, 0, 100 * K, 250)
    nature = arena.who["nature"]
    arena.move_token(PURSE, market.account, nature, market.conditions[0].tokens[0], 200 * K)
    arena.move(nature, market.account, 100 * K)
    arena.do("keeper", "recall(bytes32,uint256)", market.id, 100 * K)
    _two_reports(arena)


def _newer(arena: Arena) -> None:
    """100,000 at an unproven profit that is not marked, 30,000 of the other keeper's at a loss."""
    arena.state.truth |= {"0.0.0": 200, "3.0.0": 600}
    _hold(arena, BINARY, 0, 100 * K, 200)
    arena.wait(DAY + 9 * HOUR)
    arena.report(arena.honest_marks())
    _hold(arena, SMALL, 0, 30 * K, 600)
    arena.state.truth |= {"0.0.0": 500, "3.0.0": 400}
    arena.state.marks |= {"0.0.0": 200, "3.0.0": 600}
    _two_reports(arena)


def wallets(arena: Arena) -> None:
    """In wallets that accounts own."""
    _newer(arena)


def positions(arena: Arena) -> None:
    """In Protocol V2."""
    _newer(arena)


TERMS = {
    "wallets": Terms(accounts=WALLET),
    "positions": Terms(accounts=POSITION),
    "paid": Terms(management=200, performance=2_000),
    "paid_in_loss": Terms(management=200, performance=2_000),
    "tight": Terms(total_cap=1_100 * K, velocity=1_100 * K),
}
SCENES: dict[str, Callable[[Arena], None]] = {
    scene.__name__: scene
    for scene in (
        *(
            flat,
            fresh,
            shown,
            hidden,
            loss,
            unseen,
            proven,
            partial,
            delegated,
            several,
            ending,
            paid,
            paid_in_loss,
        ),
        tight,
        residue,
        wallets,
        positions,
    )
}
