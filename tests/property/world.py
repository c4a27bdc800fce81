"""The world of one vault, on a bare EVM: real bytecode, real ConditionalTokens, people and a venue.

This is the driver: every call of the vault as a method with people and markets by name, and what
the world outside does (trades, gifts, payouts, time). It expects nothing and checks nothing; what a
contract refuses raises `Reverted`. The oracles are the tests'.

The exchange of this world is an address without code that accounts have approved: the venue may do
to an account all that an approval allows, whatever the order policy says. A delegated account's
wallet is such an address as well.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eth_utils import keccak
from strongroom.chain.artifacts import TOKENS, Artifact, artifact, gnosis

from tests.property.evm import Contract, Evm, Point, Reverted
from tests.property.newer_venue import MILLION, deploy_protocol, deploy_wallets
from tests.property.silence import forwarder, switch

UNIT = 10**6  # one pUSD
SHARE = 10**18  # one whole share
WAD = 10**18
CENT = WAD // 100
BPS = 10_000
PRICE = 10**36
VIRTUAL = 10**12  # virtual shares, met by one virtual unit of assets
HOUR, DAY = 3_600, 86_400
YEAR = 365 * DAY
UNLIMITED = 2**128 - 1
FOREVER = 2**256 - 1
NOBODY = "0x" + "00" * 20
ZERO = b"\0" * 32

DEPOSIT, REDEEM = 0, 1
SIDES = (DEPOSIT, REDEEM)
YES, NO = 0, 1

USERS = ("alice", "bob", "carol", "dave")
# Who has money in this world; "erin" is a holder who stays, "mallory" a stranger.
RICH = (*USERS, "erin", "mallory", "maker")
FORTUNE = 10**9 * UNIT
START = 1_700_000_000

# By ordinal, with the defaults of DESIGN 2.6; the two caps in assets have none.
SAFE = {
    "max_up_bps": 1_000,
    "max_down_bps": 1_000,
    "max_premium_bps": 1_000,
    "max_inflow_bps": 1_000,
    "exit_fee_bps": 50,
    "min_report_interval": HOUR,
    "liveness_period": 14 * DAY,
    "inflow_floor": 10_000 * UNIT,
    "max_report_age": 2 * DAY,
    "max_order_lifetime": 300,
    "max_buy_price_bps": 9_900,
    "price_band_bps": 500,
    "marks_required": 1,
    "total_cap_bps": 6_000,
    "velocity_bps": 2_000,
    "question_cap_bps": 1_500,
    "max_drawdown_bps": 2_000,
    "total_cap": 600_000 * UNIT,
    "velocity": 200_000 * UNIT,
}
# Nothing binds but what is there by itself.
OPEN = {
    "total_cap_bps": BPS,
    "velocity_bps": BPS,
    "question_cap_bps": BPS,
    "max_drawdown_bps": BPS,
    "total_cap": 2**96 - 1,
    "velocity": 2**96 - 1,
}
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


@dataclass(frozen=True)
class Kind:
    """A class of the world: its accounts' kind, its keeper, its caps.

    Attributes:
        accounts: "binary", "event" (negative risk), "delegated", "shaky" (binary; can be made to
            fail), "wallet" (binary; the account owns a deposit wallet), "position" or "position
            event" (of Protocol V2)
    """

    accounts: str
    keeper: str
    market_cap: int = 2**96 - 1
    market_cap_bps: int = BPS
    class_cap: int = 2**96 - 1
    class_cap_bps: int = BPS
    duration: int = 400 * DAY


# Binary markets of three keepers at one oracle, and events of two, so that several may open the
# same question.
KINDS = (
    Kind("binary", "keeper"),
    Kind("event", "rival"),
    Kind("delegated", "courier"),
    Kind("shaky", "rival"),
    Kind("event", "keeper"),
)


EVENTS = ("event", "position event")
POSITIONS = ("position", "position event")
CODE = {
    "delegated": "DelegatedAccount",
    "wallet": "WalletAccount",
    **dict.fromkeys(POSITIONS, "PositionAccount"),
}  # the others: PolymarketAccount


@dataclass
class Market:
    """A market that was opened, by the name that the world knows it by."""

    name: str
    id: bytes
    account: Contract
    kind: Kind
    class_id: int
    question_id: bytes
    question: bytes
    conditions: list[bytes]
    tokens: list[int]  # YES and NO of each condition in turn
    wallet: str = ""  # of a delegated account, or one that owns a wallet
    resolved: dict[int, tuple[int, int]] = field(default_factory=dict)  # condition -> yes of

    @property
    def is_event(self) -> bool:
        return self.kind.accounts in EVENTS

    @property
    def is_delegated(self) -> bool:
        return self.kind.accounts == "delegated"

    @property
    def owns_wallet(self) -> bool:
        return self.kind.accounts == "wallet"

    @property
    def is_position(self) -> bool:
        return self.kind.accounts in POSITIONS


@dataclass(frozen=True)
class Held:
    """What lies in an account and in its wallet, if it has one."""

    cash: int
    away: int
    tokens: tuple[int, ...]  # both together
    inside: tuple[int, ...]  # of them, in the account


class People(dict[str, str]):
    """Addresses by name; whoever is asked for exists."""

    def __init__(self, evm: Evm) -> None:
        super().__init__()
        self._evm = evm

    def __missing__(self, name: str) -> str:
        self[name] = self._evm.address(name)
        return self[name]


class World:
    """One vault and everything around it.

    Args:
        fees: management, performance and hurdle, bps
        kinds: the classes
        timelock: of every timelocked function, once the world is set up
        code: contracts to use instead of the package's, by name
        evm: its chain; a new one, if none is given
        limits: what differs from SAFE
    """

    def __init__(
        self,
        fees: tuple[int, int, int] = (200, 2_000, 0),
        kinds: Sequence[Kind] = KINDS,
        timelock: int = 0,
        deposit_limit: int = UNLIMITED,
        min_deposit: int = 1,
        code: Mapping[str, Artifact] | None = None,
        evm: Evm | None = None,
        **limits: int,
    ) -> None:
        unknown = set(limits) - set(SAFE)
        assert not unknown, unknown
        self.limits = SAFE | limits
        self.fees = fees
        self.code = code or {}
        self.evm = evm or Evm(START)
        self.who = People(self.evm)
        self.markets: dict[str, Market] = {}
        self.kinds: list[Kind] = []
        self.evidence = 0
        self._questions = 0
        self._deploy_venue()
        self._deploy_vault((*fees, deposit_limit, min_deposit))
        for name in RICH:
            self.fund(name, FORTUNE)
        self._deploy_accounts()
        used = {kind.accounts for kind in kinds}
        if used & set(POSITIONS):
            self._deploy_positions()
        if "wallet" in used:
            self._deploy_wallets()
        for kind in kinds:
            self.add_class(kind)
        if timelock:
            for function in TIMELOCKED:
                selector = keccak(text=function)[:4]
                self.vault.increaseDelay(selector, timelock, sender=self.who["owner"])

    # setting up

    def contract(self, name: str) -> Artifact:
        """Return a compiled contract of ours."""
        return self.code.get(name) or artifact(name)

    def _deploy_venue(self) -> None:
        evm, maker = self.evm, self.who["maker"]
        self.usdc = evm.deploy(self.contract("UsdcE"))
        self._minter = evm.deployer
        vault = evm.deploy(self.contract("CollateralVault"))
        keeps = evm.deployer
        self.pusd = evm.deploy(
            self.contract("PUsd"), self.who["USDC"], self.usdc.address, vault.address
        )
        issuer = evm.deployer
        vault.approve(self.usdc.address, self.pusd.address, FOREVER, sender=keeps)
        self.onramp = evm.deploy(self.contract("CollateralOnramp"), self.pusd.address)
        self.usdc.approve(self.onramp.address, FOREVER, sender=self._minter)
        self.ctf = evm.deploy(gnosis(TOKENS, "ConditionalTokens"))
        tokens = (self.ctf.address, self.pusd.address, self.usdc.address)
        self.adapter = evm.deploy(self.contract("CollateralAdapter"), *tokens)
        self.wrapped = evm.deploy(self.contract("WrappedCollateral"), self.usdc.address)
        owner = evm.deployer
        self.ledger = evm.deploy(
            self.contract("NegRiskAdapter"),
            *(self.ctf.address, self.usdc.address, self.wrapped.address, vault.address),
        )
        self.wrapped.transfer_ownership(self.ledger.address, sender=owner)
        front = self.contract("NegRiskCollateralAdapter")
        self.events = evm.deploy(front, *tokens, self.ledger.address)
        for each in (self.onramp, self.adapter, self.events):
            self.pusd.addWrapper(each.address, sender=issuer)
        self.exchange = self.who["exchange"]
        for adapter in (self.adapter, self.events):
            self.pusd.approve(adapter.address, FOREVER, sender=maker)

    def _deploy_vault(self, numbers: tuple[int, ...]) -> None:
        evm, asset = self.evm, self.pusd.address
        self.governance = evm.deploy(self.contract("VaultGovernance"), asset)
        self.exits = evm.deploy(self.contract("VaultExits"), asset, self.governance.address)
        self.desk = evm.deploy(self.contract("VaultDesk"), asset, self.exits.address)
        blueprint = evm.create(self.contract("Vault").blueprint_initcode)
        self.factory = evm.deploy(self.contract("VaultFactory"), blueprint, self.desk.address)
        roles = [self.who[role] for role in ("owner", "guardian", "reporter", "manager")]
        terms = ("World's vault", "WORLD", *roles, *numbers, 0, list(self.limits.values()))
        address = self.factory.deploy(terms, ZERO, sender=self.who["owner"])
        parts = ("Vault", "VaultDesk", "VaultExits", "VaultGovernance")
        self.vault = evm.at(address, *(self.contract(part).abi for part in parts))

    def _deploy_accounts(self) -> None:
        evm = self.evm
        tokens = (self.ctf.address, self.pusd.address)
        binary = (*tokens, self.usdc.address, self.adapter.address, False)
        event = (*tokens, self.wrapped.address, self.events.address, True)
        polymarket, delegated = map(self.contract, ("PolymarketAccount", "DelegatedAccount"))
        evm.set_code(self.exchange, b"\x00")  # looked at once, by the constructors
        enforced = evm.deploy(polymarket, self.exchange, "2", *binary).address
        events = evm.deploy(polymarket, self.exchange, "2", *event).address
        evm.set_code(self.exchange, b"")
        self.registry = evm.deploy(self.contract("WalletRegistry"), self.pusd.address)
        self.switch = evm.create(switch())
        self.implementations = {
            "binary": enforced,
            "event": events,
            "delegated": evm.deploy(delegated, self.registry.address, *binary).address,
            "shaky": evm.create(forwarder(enforced, self.switch)),
        }

    def _deploy_positions(self) -> None:
        """Protocol V2 and its accounts."""
        self.protocol = protocol = deploy_protocol(self)
        self.evm.set_code(self.exchange, b"\x00")
        made = self.evm.deploy(
            self.contract("PositionAccount"), self.exchange, protocol.manager.address
        )
        self.evm.set_code(self.exchange, b"")
        self.implementations |= dict.fromkeys(POSITIONS, made.address)
        self.pusd.approve(protocol.router.address, FOREVER, sender=self.who["maker"])

    def _deploy_wallets(self) -> None:
        """Deposit wallets, and accounts that own one."""
        self.wallets = wallets = deploy_wallets(self)
        self.evm.set_code(self.exchange, b"\x00")
        made = self.evm.deploy(
            self.contract("WalletAccount"),
            *(self.exchange, "2", wallets.factory.address, wallets.beacon.address),
            *(self.ctf.address, self.pusd.address, self.usdc.address, self.adapter.address, False),
        )
        self.evm.set_code(self.exchange, b"")
        self.implementations["wallet"] = made.address

    def oracle_of(self, kind: Kind) -> str:
        """Return who resolves a class's questions."""
        if kind.accounts in POSITIONS:
            modules = self.protocol.binary, self.protocol.events
            return modules[kind.accounts in EVENTS].address
        return self.ledger.address if kind.accounts in EVENTS else self.who["oracle"]

    def class_terms(self, kind: Kind) -> tuple[Any, ...]:
        """Return a class as addClass takes it."""
        return (
            self.implementations[kind.accounts],
            self.oracle_of(kind),
            self.who[kind.keeper],
            2 if kind.accounts == "delegated" else 1,
            *(kind.market_cap, kind.market_cap_bps, kind.class_cap, kind.class_cap_bps),
            kind.duration,
        )

    def add_class(self, kind: Kind) -> int:
        """The owner approves a class."""
        class_id = self.vault.addClass(self.class_terms(kind), sender=self.who["owner"])
        self.kinds.append(kind)
        return int(class_id)

    # time, and going back

    @property
    def now(self) -> int:
        return self.evm.time

    def wait(self, seconds: int) -> None:
        self.evm.wait(seconds)

    def snapshot(self) -> tuple[Point, Any]:
        """Return the present state, to `restore` as often as one likes."""
        markets = {
            name: (market, market.wallet, dict(market.resolved))
            for name, market in self.markets.items()
        }
        kept = (markets, list(self.kinds), dict(self.limits), self.evidence, self._questions)
        return self.evm.snapshot(), kept

    def restore(self, point: tuple[Point, Any]) -> None:
        """Undo everything since the snapshot."""
        self.evm.revert(point[0])
        markets, kinds, limits, self.evidence, self._questions = point[1]
        self.kinds, self.limits, self.markets = list(kinds), dict(limits), {}
        for name, (market, wallet, resolved) in markets.items():
            market.wallet, market.resolved = wallet, dict(resolved)
            self.markets[name] = market

    # money

    def fund(self, who: str, amount: int) -> None:
        """Give somebody pUSD that the vault may take."""
        self.usdc.mint(self._minter, amount, sender=self._minter)
        self.onramp.wrap(self.usdc.address, self.who[who], amount, sender=self._minter)
        self.pusd.approve(self.vault.address, FOREVER, sender=self.who[who])

    def cash(self, who: str) -> int:
        return int(self.pusd.balanceOf(self.who[who]))

    def shares(self, who: str) -> int:
        return int(self.vault.balanceOf(self.who[who]))

    def pay(self, who: str, to: str, amount: int) -> None:
        self.pusd.transfer(self.who[to], amount, sender=self.who[who])

    # requests, claims, exits

    def request(self, side: int, who: str, amount: int, controller: str = "", by: str = "") -> int:
        """Assets (a deposit) or shares (a redemption) of `who`; return the epoch."""
        call = (self.vault.requestDeposit, self.vault.requestRedeem)[side]
        sender = self.who[by or who]
        return int(call(amount, self.who[controller or who], self.who[who], sender=sender))

    def cancel(self, side: int, epoch: int, who: str, by: str = "", receiver: str = "") -> int:
        call = (self.vault.cancelDepositRequest, self.vault.cancelRedeemRequest)[side]
        people = self.who[who], self.who[receiver or who]
        return int(call(epoch, *people, sender=self.who[by or who]))

    def cancel_all(self, side: int, who: str) -> int:
        """Take back whatever can be taken back; return how much."""
        total = 0
        for epoch in self.vault.liveEpochs(side, self.who[who]):
            try:
                total += self.cancel(side, epoch, who)
            except Reverted:
                continue
        return total

    def claim(
        self,
        side: int,
        who: str,
        amount: int,
        by_out: bool = False,
        by: str = "",
        receiver: str = "",
    ) -> int:
        name = (("deposit", "mint"), ("redeem", "withdraw"))[side][by_out]
        people = self.who[receiver or who], self.who[who]
        return int(getattr(self.vault, name)(amount, *people, sender=self.who[by or who]))

    def claimable(self, side: int, who: str) -> tuple[int, int]:
        """Return in units and out units that one claim can take."""
        names = (("maxDeposit", "maxMint"), ("maxRedeem", "maxWithdraw"))[side]
        return tuple(int(getattr(self.vault, name)(self.who[who])) for name in names)  # type: ignore[return-value]

    def claim_all(self, *people: str) -> None:
        for who in people or USERS:
            for side in SIDES:
                for by_out in (False, True):  # the second takes what rounding left
                    amount = self.claimable(side, who)[by_out]
                    if amount:
                        self.claim(side, who, amount, by_out)

    def pending(self, side: int, who: str) -> dict[int, int]:
        """Return what of somebody's requests is not settled, by epoch."""
        name = ("pendingDepositRequest", "pendingRedeemRequest")[side]
        address = self.who[who]
        found = {
            epoch: int(getattr(self.vault, name)(epoch, address))
            for epoch in self.vault.liveEpochs(side, address)
        }
        return {epoch: amount for epoch, amount in found.items() if amount}

    def transfer(self, who: str, to: str, shares: int) -> None:
        self.vault.transfer(self.who[to], shares, sender=self.who[who])

    def leave(self, who: str, shares: int, skip: Iterable[str] = (), receiver: str = "") -> int:
        """Redeem in kind; `skip` names markets."""
        names = [self.markets[name].id for name in skip]
        receiver = self.who[receiver or who]
        return int(self.vault.redeemInKind(shares, receiver, names, sender=self.who[who]))

    def leave_queue(
        self, epoch: int, who: str, skip: Iterable[str] = (), by: str = "", receiver: str = ""
    ) -> int:
        """Redeem a waiting request in kind."""
        names = [self.markets[name].id for name in skip]
        people = self.who[who], self.who[receiver or who]
        return int(
            self.vault.redeemRequestInKind(epoch, *people, names, sender=self.who[by or who])
        )

    # reports

    def report(
        self, marks: Mapping[str, Mapping[int, tuple[int, int]]] | None = None, by: str = "reporter"
    ) -> None:
        """Report; `marks` are market -> condition -> bid and ask of YES, WAD."""
        words = [
            (self.markets[name].id, condition, bid, ask)
            for name, each in (marks or {}).items()
            for condition, (bid, ask) in each.items()
        ]
        self.evidence += 1
        self.vault.report(words, self.evidence.to_bytes(32, "big"), sender=self.who[by])

    def settle(self, by: str = "mallory") -> None:
        self.vault.settle(sender=self.who[by])

    # markets

    def open(
        self,
        name: str,
        class_id: int = 0,
        conditions: int = 1,
        like: str = "",
        by: str = "",
        duration: int = 300 * DAY,
        question: bytes = b"",
    ) -> Market:
        """A keeper opens a market; `like` names one whose question it shares, and `question` is one
        that was prepared before."""
        kind = self.kinds[class_id]
        question_id = question or (
            self.markets[like].question_id if like else self.prepare(kind, conditions)
        )
        if like:
            conditions = len(self.markets[like].conditions)
        terms = (class_id, question_id, conditions, self.now + duration)
        id = self.vault.openMarket(*terms, sender=self.who[by or kind.keeper])
        code = self.contract(CODE.get(kind.accounts, "PolymarketAccount"))
        account = self.evm.at(self.vault.accountOf(id), code.abi)
        market = Market(
            name,
            id,
            account,
            kind,
            class_id,
            question_id,
            self.vault.questionOf(id),
            list(account.conditions()),
            list(account.tokenIds()),
            resolved=dict(self.markets[like].resolved) if like else {},
        )
        self.markets[name] = market
        return market

    def prepare(self, kind: Kind, conditions: int) -> bytes:
        """Prepare a question that nobody has asked yet."""
        self._questions += 1
        question_id = keccak(text=f"question {self._questions}")
        if kind.accounts == "position":
            return bytes(self.protocol.binary.getConditionId(question_id)) + b"\0"
        if kind.accounts == "position event":
            return bytes(self.protocol.events.getEventId(max(2, conditions), question_id)) + bytes(
                3
            )
        if kind.accounts != "event":
            oracle = self.who["oracle"]
            self.ctf.prepareCondition(oracle, question_id, 2, sender=oracle)
            return question_id
        event = question_id[:31] + b"\0"
        terms = (event, 0, max(2, conditions))
        self.ledger.prepareRecordedMarket(*terms, sender=self.who["events admin"])
        return event

    def allocate(self, name: str, assets: int, by: str = "") -> None:
        market = self.markets[name]
        self.vault.allocate(market.id, assets, sender=self.who[by or market.kind.keeper])

    def recall(self, name: str, assets: int = FOREVER, by: str = "") -> int:
        market = self.markets[name]
        return int(self.vault.recall(market.id, assets, sender=self.who[by or market.kind.keeper]))

    def harvest(self, name: str, by: str = "mallory") -> int:
        return int(self.vault.harvest(self.markets[name].id, sender=self.who[by]))

    def close(self, name: str, by: str = "mallory") -> None:
        self.vault.closeMarket(self.markets[name].id, sender=self.who[by])

    def sweep(self, name: str, by: str = "mallory") -> int:
        return int(self.vault.sweep(self.markets[name].account.address, sender=self.who[by]))

    def halt(self, name: str, by: str = "guardian") -> None:
        self.markets[name].account.halt(sender=self.who[by])

    def redeem(self, name: str, by: str = "mallory") -> int:
        """Turn resolved tokens into collateral; a delegated wallet's owner does it for his."""
        market = self.markets[name]
        if market.is_delegated and market.wallet:
            for condition in market.resolved:
                self._redeem_of(market, condition, market.wallet)
        return int(market.account.redeemResolved(sender=self.who[by]))

    def _redeem_of(self, market: Market, condition: int, holder: str) -> None:
        mine = market.tokens[2 * condition : 2 * condition + 2]
        if any(self.ctf.balanceOf(holder, token) for token in mine):
            adapter = self.events if market.is_event else self.adapter
            self.ctf.setApprovalForAll(adapter.address, True, sender=holder)
            terms = (self.pusd.address, ZERO, market.conditions[condition], [1, 2])
            adapter.redeemPositions(*terms, sender=holder)

    def split(self, name: str, condition: int, amount: int, by: str = "") -> None:
        market = self.markets[name]
        market.account.split(condition, amount, sender=self.who[by or market.kind.keeper])

    def merge(self, name: str, condition: int, amount: int, by: str = "") -> None:
        market = self.markets[name]
        market.account.merge(condition, amount, sender=self.who[by or market.kind.keeper])

    def convert(self, name: str, index_set: int, amount: int, by: str = "") -> None:
        market = self.markets[name]
        keeper = self.who[by or market.kind.keeper]
        market.account.convertPositions(index_set, amount, sender=keeper)

    # markets whose money lies in a wallet

    def set_wallet(self, name: str, wallet: str = "", by: str = "") -> None:
        """The keeper names a wallet, which consents."""
        market = self.markets[name]
        address = self.who[wallet or f"wallet of {name}"]
        self.pusd.approve(market.account.address, FOREVER, sender=address)
        self.ctf.setApprovalForAll(market.account.address, True, sender=address)
        market.account.setWallet(address, sender=self.who[by or market.kind.keeper])
        market.wallet = address

    def forward(self, name: str, assets: int, by: str = "") -> None:
        market = self.markets[name]
        call = market.account.fund if market.owns_wallet else market.account.forward
        call(assets, sender=self.who[by or market.kind.keeper])

    def take_back(self, name: str, assets: int = FOREVER, by: str = "") -> int:
        """Of a delegated wallet collateral, of an account's own all that it holds; return how much
        of the asset came."""
        market = self.markets[name]
        before = self.pusd.balanceOf(market.account.address)
        if market.owns_wallet:
            self.wallets.home(market, by or market.kind.keeper)
            return int(self.pusd.balanceOf(market.account.address) - before)
        return int(market.account.takeBack(assets, sender=self.who[by or market.kind.keeper]))

    def pause_wallet(self, name: str, by: str = "guardian") -> None:
        """From an hour later the account moves what its wallet holds by itself."""
        self.markets[name].account.pauseWallet(sender=self.who[by])

    # owner and guardian

    def pause(self, by: str = "guardian") -> None:
        self.vault.pause(sender=self.who[by])

    def unpause(self, by: str = "guardian") -> None:
        self.vault.unpause(sender=self.who[by])

    def wind_down(self, by: str = "guardian") -> None:
        self.vault.windDown(sender=self.who[by])

    def set_limit(self, name: str, value: int, by: str = "owner") -> None:
        self.vault.setLimit(list(SAFE).index(name), value, sender=self.who[by])
        self.limits[name] = value

    def forgive(self, class_id: int, assets: int, by: str = "owner") -> None:
        self.vault.forgiveLosses(class_id, assets, sender=self.who[by])

    def submit(self, function: str, *arguments: Any, by: str = "owner") -> bytes:
        """Announce a call; return it as `accept` and `revoke` take it."""
        call = self.vault.data(function, *arguments)
        self.vault.submit(call, sender=self.who[by])
        return call

    def accept(self, call: bytes, by: str = "owner") -> None:
        self.vault.accept(call, sender=self.who[by])

    def revoke(self, call: bytes, by: str = "guardian") -> None:
        self.vault.revoke(call, sender=self.who[by])

    # the venue, the truth, strangers

    def mint_tokens(self, name: str, condition: int, amount: int, to: str = "maker") -> None:
        """The maker makes complete sets of a condition, for himself or somebody else."""
        market, maker = self.markets[name], self.who["maker"]
        if market.is_position:
            self.protocol.router.split(market.conditions[condition][:31], amount, sender=maker)
        else:
            adapter = self.events if market.is_event else self.adapter
            terms = (self.pusd.address, ZERO, market.conditions[condition], [1, 2], amount)
            adapter.splitPosition(*terms, sender=maker)
        if to != "maker":
            for side in (YES, NO):
                self._send_token(market, condition, side, amount, maker, self.who[to])

    def _send_token(
        self,
        market: Market,
        condition: int,
        side: int,
        amount: int,
        frm: str,
        to: str,
        by: str = "",
    ) -> None:
        token = market.tokens[2 * condition + side]
        if market.is_position:  # as the venue's exchange moves them: nobody is asked
            manager = self.protocol.manager
            manager.unsafeTransferFrom(frm, to, token, amount, sender=by or frm)
            return
        self.ctf.safeTransferFrom(frm, to, token, amount, b"", sender=by or frm)

    def tokens_of(self, market: Market) -> Contract:
        """Return the contract that knows the balances of a market's outcome tokens."""
        return self.protocol.manager if market.is_position else self.ctf

    def give(self, name: str, condition: int, side: int, amount: int, to: str = "") -> None:
        """Somebody gives outcome tokens to a market's account (or to its wallet)."""
        market, maker = self.markets[name], self.who["maker"]
        token = market.tokens[2 * condition + side]
        short = amount - int(self.tokens_of(market).balanceOf(maker, token))
        if short > 0:
            self.mint_tokens(name, condition, short)
        self._send_token(market, condition, side, amount, maker, to or market.account.address)

    def give_cash(self, name: str, amount: int, by: str = "maker") -> None:
        """Somebody sends collateral to a market's account."""
        account = self.markets[name].account.address
        self.pusd.transfer(account, amount, sender=self.who[by])

    def trade(
        self,
        name: str,
        cash: int = 0,
        tokens: Mapping[tuple[int, int], int] | None = None,
        to: str = "maker",
    ) -> None:
        """The venue changes what an account, or the wallet it trades with, holds: `cash` and, by
        condition and side, outcome tokens; what is taken goes `to` somebody."""
        market = self.markets[name]
        holder, by = market.wallet or market.account.address, self.exchange
        if market.is_delegated:
            by = holder = market.wallet
        if cash < 0 and market.is_delegated:
            self.pusd.transfer(self.who[to], -cash, sender=by)
        elif cash < 0:
            self.pusd.transferFrom(holder, self.who[to], -cash, sender=by)
        elif cash > 0:
            self.pusd.transfer(holder, cash, sender=self.who["maker"])
        for (condition, side), amount in (tokens or {}).items():
            if amount > 0:
                self.give(name, condition, side, amount, to=holder)
            elif amount < 0:
                self._send_token(market, condition, side, -amount, holder, self.who[to], by)

    def resolve(self, name: str, condition: int = 0, yes: int = 1, of: int = 1) -> None:
        """The oracle reports a payout of `yes` / `of` to YES (of an event, 1 or 0)."""
        market = self.markets[name]
        assert not market.is_event or (yes, of) in ((0, 1), (1, 1))
        paid = {condition: (yes, of)}
        if market.is_position:
            yes, of = yes * MILLION // of, MILLION
            paid = {condition: (yes, of)}
            if market.is_event and yes:  # nobody else has won
                others = set(range(len(market.conditions))) - set(market.resolved) - {condition}
                paid |= dict.fromkeys(others, (0, of))
            module = self.protocol.events if market.is_event else self.protocol.binary
            id, resolver = market.conditions[condition][:31], self.who["resolver"]
            module.reportResult(id, [yes, of - yes], sender=resolver)
        elif market.is_event:
            question = market.question_id[:31] + bytes([condition])
            self.ledger.reportOutcome(question, yes == 1, sender=self.who["events admin"])
        else:
            oracle = self.who["oracle"]
            self.ctf.reportPayouts(market.question_id, [yes, of - yes], sender=oracle)
        for other in self.markets.values():
            if other.question == market.question:
                other.resolved.update(paid)

    def make_fail(self, name: str, how: int) -> None:
        """Make a shaky market's account fail, as `silence` says; 0: it answers again."""
        account = self.markets[name].account.address
        data = bytes(12) + bytes.fromhex(account[2:]) + how.to_bytes(32, "big")
        self.evm.call(self.evm.nobody, self.switch, data)

    # what is there, from the tokens themselves

    def held(self, name: str) -> Held:
        """Return what a market's account and its wallet hold."""
        market = self.markets[name]
        account, ledger = market.account.address, self.tokens_of(market)
        inside = tuple(int(ledger.balanceOf(account, token)) for token in market.tokens)
        cash, away, tokens = int(self.pusd.balanceOf(account)), 0, inside
        if market.wallet:
            away = int(self.pusd.balanceOf(market.wallet))
            others = (int(ledger.balanceOf(market.wallet, token)) for token in market.tokens)
            tokens = tuple(map(sum, zip(inside, others, strict=True)))
        return Held(cash, away, tokens, inside)

    def open_names(self) -> list[str]:
        """Return the open markets' names, in the vault's order."""
        by_id: dict[bytes, str] = {}
        for name, market in self.markets.items():
            by_id[market.id] = name  # the last one opened under an id
        return [by_id[id] for id in self.vault.openMarkets()]

    def is_closed(self, name: str) -> bool:
        return bool(self.vault.remainsOf(self.markets[name].account.address)[0])
