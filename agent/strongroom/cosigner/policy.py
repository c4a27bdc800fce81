"""What the co-signer admits. Pure: a request, what the chain says of it, what was signed before.

The model proposes, the policy disposes: everything is refused that is not admitted here by name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from py_clob_client_v2.order_utils.model.signature_type_v2 import SignatureTypeV2
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from strongroom.chain.calls import Call
from strongroom.chain.codec import BadArguments, FunctionCodec
from strongroom.chain.decision_records import is_records
from strongroom.chain.ids import MarketId, TokenId, decision_of, to_bytes
from strongroom.chain.orders import OnFailure, Side
from strongroom.chain.units import MICRO
from strongroom.errors import Refused
from strongroom.settings import Address, AddressOrNone
from strongroom.signing.safe import Batch, NotABatch, unbatch
from strongroom.signing.signers import OrderRequest, TransactionRequest

_SIDES = dict(enumerate(Side))  # as the exchange numbers them


class PolicyRefuses(Refused):
    """The request is not admitted; `code` names the rule."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(f"{code}: {why}")
        self.code = code


class OrderRules(BaseModel):
    """Limits of orders; money in units of collateral, prices of a token."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    exchanges: tuple[Address, ...]
    packs: tuple[str, ...]
    min_price: Decimal = Field(Decimal("0.01"), gt=0, lt=1)
    max_price: Decimal = Field(Decimal("0.99"), gt=0, lt=1)
    max_order: Decimal = Field(Decimal(500), gt=0)
    max_per_day: Decimal = Field(Decimal(10_000), gt=0)  # bought
    max_per_minute: int = Field(60, gt=0)  # orders
    max_lifetime_s: int = Field(600, gt=0)
    pools: bool = True  # whether trades at pools are signed: no record says of which pack they are


class TransactionRules(BaseModel):
    """Limits of Safe transactions; money in units of collateral."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_allocation: Decimal = Field(Decimal(1_000), gt=0)  # to one market at once
    max_allocation_per_day: Decimal = Field(Decimal(10_000), gt=0)
    max_per_minute: int = Field(30, gt=0)


class Policy(BaseModel):
    """A co-signer's policy file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    vault: Address
    safe: Address
    reporter: AddressOrNone = ""  # Safe whose reports are signed, best another one; empty: none are
    multi_send: Address
    chain_id: int
    classes: tuple[int, ...]  # of markets
    wallets: tuple[Address, ...] = ()  # of the venue, that delegated accounts may hand budgets to
    orders: OrderRules
    transactions: TransactionRules = TransactionRules()
    quiet_hours: tuple[str, ...] = ()  # UTC, "22:00-06:30": no orders, no allocations

    @field_validator("quiet_hours")
    @classmethod
    def _check_hours(cls, hours: tuple[str, ...]) -> tuple[str, ...]:
        for each in hours:
            _span(each)
        return hours


@dataclass(frozen=True)
class MarketFacts:
    """What the chain says of a market account."""

    vault: str
    is_the_vaults: bool  # the vault knows the account under its market
    class_id: int
    tokens: tuple[TokenId, ...]
    wallet: str = ""  # that a delegated account has named, or the account owns; empty: none
    owns_wallet: bool = False  # or Safe: nobody else moves what it holds
    signer: str = ""  # the key of a Safe that the account owns; empty: a wallet answers itself


@dataclass(frozen=True)
class Before:
    """What was signed before, of one kind."""

    in_minute: int = 0  # how many
    in_day: int = 0  # bought or allocated, micro-units


def judge_order(
    policy: Policy,
    request: OrderRequest,
    facts: MarketFacts,
    before: Before,
    now: int,
) -> int:
    """Admit an order; return what it may buy for, micro-units.

    Raises:
        PolicyRefuses: see the class.
    """
    rules, order = policy.orders, request.order
    check_quiet(policy, now)
    _check_account(policy, facts)
    if request.domain.chain_id != policy.chain_id or not _among(
        request.domain.address, rules.exchanges
    ):
        raise PolicyRefuses("exchange", f"{request.domain.address} is not admitted")
    by_key = bool(request.account and facts.signer)
    kind = SignatureTypeV2.POLY_GNOSIS_SAFE if by_key else SignatureTypeV2.POLY_1271
    signer = facts.signer if by_key else order.maker
    if not _among(order.signer, [signer]) or order.signatureType != kind:
        raise PolicyRefuses("maker", "the order is not the account's own")
    admitted = facts.owns_wallet or _among(order.maker, policy.wallets)
    if request.account and not (admitted and _among(order.maker, [facts.wallet])):
        raise PolicyRefuses("maker", f"{order.maker} is not the account's wallet")
    if int(order.tokenId) not in facts.tokens:
        raise PolicyRefuses("token", f"{order.tokenId} is not a token of the market")
    making, taking = int(order.makerAmount), int(order.takerAmount)
    side = _SIDES.get(int(order.side))
    if side is None or making <= 0 or taking <= 0:
        raise PolicyRefuses("amounts", "an amount is 0")
    cash, tokens = (making, taking) if side == Side.BUY else (taking, making)
    check_terms(rules, cash, tokens, request.expiry, now)
    _check_decision(policy, request, side, cash, tokens)
    bought = cash if side == Side.BUY else 0
    check_counts(rules, 1, bought, before)
    return bought


def check_terms(rules: OrderRules, cash: int, tokens: int, expiry: int, now: int) -> None:
    """Refuse a price, a size or a lifetime beyond the limits of orders.

    Args:
        cash: micro-units
        tokens: micro-tokens, above 0
        expiry: timestamp

    Raises:
        PolicyRefuses: see the class.
    """
    if not rules.min_price * tokens <= cash <= rules.max_price * tokens:
        raise PolicyRefuses(
            "price",
            f"{cash / tokens:.6f} is not within {rules.min_price} and {rules.max_price}",
        )
    if cash > rules.max_order * MICRO:
        raise PolicyRefuses("size", f"{cash} micro-units in one order")
    if not now < expiry <= now + rules.max_lifetime_s:
        raise PolicyRefuses("lifetime", f"expiry {expiry} at {now}")


def check_counts(rules: OrderRules, orders: int, bought: int, before: Before) -> None:
    """Refuse more orders in a minute, or more bought in a day, than the limits admit.

    Args:
        bought: by these orders, micro-units

    Raises:
        PolicyRefuses: see the class.
    """
    if before.in_minute + orders > rules.max_per_minute:
        raise PolicyRefuses("rate", f"{rules.max_per_minute} orders in a minute")
    if before.in_day + bought > rules.max_per_day * MICRO:
        raise PolicyRefuses("day", f"{before.in_day + bought} micro-units in a day")


def judge_transaction(
    policy: Policy,
    request: TransactionRequest,
    markets: Mapping[MarketId, MarketFacts],
    accounts: Mapping[str, MarketFacts],
    before: Before,
    now: int,
) -> int:
    """Admit a Safe transaction; return what it allocates, micro-units.

    Args:
        markets: facts of open markets, of those that the calls name
        accounts: facts by account address, lower case; with the wallet where budget is forwarded

    Raises:
        PolicyRefuses: see the class.
    """
    rules = policy.transactions
    if before.in_minute >= rules.max_per_minute:
        raise PolicyRefuses("rate", f"{rules.max_per_minute} transactions in a minute")
    safe = request.safe or policy.safe
    if not _among(safe, [policy.safe, policy.reporter]):
        raise PolicyRefuses("safe", f"{safe} is not admitted")
    calls, to_market = calls_in(policy, request), dict[MarketId, int]()
    for call in calls:
        if _uses_up_nonce(call, safe):
            continue
        if is_records(call):
            continue  # it moves nothing, and is bounded
        _check_reports(policy, call, safe)
        allocation = _judge_call(policy, call, accounts, now)
        if allocation is not None:
            market, assets = allocation
            to_market[market] = to_market.get(market, 0) + assets
    _check_wallets(policy, calls, accounts)
    _check_markets(policy, calls, markets, to_market)
    allocated = sum(to_market.values())
    if before.in_day + allocated > rules.max_allocation_per_day * MICRO:
        raise PolicyRefuses("day", f"{before.in_day + allocated} micro-units allocated in a day")
    return allocated


def calls_in(policy: Policy, request: TransactionRequest) -> list[Call]:
    """Return the calls of a request.

    Raises:
        PolicyRefuses: it is no plain batch.
    """
    try:
        return unbatch(Batch(request.to, request.data, request.operation), policy.multi_send)
    except NotABatch as error:
        raise PolicyRefuses("call", str(error)) from error


# functions of the vault or of an account, and their arguments' types
Functions = tuple[tuple[str, tuple[str, ...]], ...]
VAULT_CALLS: Functions = (
    ("openMarket", ("uint256", "bytes32", "uint256", "uint256")),
    ("allocate", ("bytes32", "uint256")),
    ("recall", ("bytes32", "uint256")),
    ("report", ("(bytes32,uint256,uint256,uint256)[]", "bytes32")),
    ("harvest", ("bytes32",)),
    ("closeMarket", ("bytes32",)),
    ("sweep", ("address",)),
)
ACCOUNT_CALLS: Functions = (
    ("split", ("uint256", "uint256")),
    ("merge", ("uint256", "uint256")),
    ("convertPositions", ("uint256", "uint256")),
    ("redeem", ("uint256",)),
    ("redeemResolved", ()),
    ("halt", ()),
    ("bumpEpoch", ()),
    ("buy", ("address", "uint256", "uint256", "uint256", "uint256")),
    ("sell", ("address", "uint256", "uint256", "uint256", "uint256")),
    ("setWallet", ("address",)),
    ("forward", ("uint256",)),
    ("takeBack", ("uint256",)),
    ("takeBackTokens", ("uint256", "uint256")),
    ("releaseWallet", ()),
    ("adopt", ()),  # of a wallet
    ("adopt", ("address", "bytes")),  # of a Safe: its key, and what the key has signed
    ("approveExchange", ()),
    ("fund", ("uint256",)),
    ("fundTokens", ("uint256", "uint256")),
    ("admitApprovals", ("uint256",)),
    ("admitReturn", ("uint256", "uint256[]", "uint256[]", "uint256")),
    ("pauseWallet", ()),
    ("withdraw", ()),
)


def decoded(call: Call, known: Functions) -> tuple[str, tuple[Any, ...]] | None:
    """Return function and arguments of a call, or None where it is none of the known ones, or
    carries anything beside its arguments."""
    data = to_bytes(call.data)
    for name, types in known:
        codec = FunctionCodec({"name": name, "inputs": [{"type": each} for each in types]})
        if data[:4] == codec.selector:
            try:
                return name, codec.arguments(data[4:])
            except BadArguments:
                return None
    return None


def check_nonce(nonce: int, expected: int) -> None:
    """Refuse to sign ahead: what is signed for later nonces could be kept, and sent all at once.

    Args:
        expected: the Safe's next nonce; the co-signer's node may be one transaction behind

    Raises:
        PolicyRefuses: see the class.
    """
    if nonce > expected + 1:
        raise PolicyRefuses("nonce", f"{nonce} is ahead of the Safe's next, {expected}")


def _judge_call(
    policy: Policy, call: Call, accounts: Mapping[str, MarketFacts], now: int
) -> tuple[MarketId, int] | None:
    """Admit a call; return what it allocates to which market, micro-units."""
    if call.to.lower() in accounts:
        _check_account(policy, accounts[call.to.lower()])
        if decoded(call, ACCOUNT_CALLS) is None:
            raise PolicyRefuses("call", f"{call.data[:10]} of an account is not admitted")
        return None
    if call.to.lower() != policy.vault.lower():
        raise PolicyRefuses("call", f"{call.to} is neither the vault nor a market's account")
    found = decoded(call, VAULT_CALLS)
    if found is None:
        raise PolicyRefuses("call", f"{call.data[:10]} of the vault is not admitted")
    name, arguments = found
    if name == "openMarket":
        check_quiet(policy, now)
        if arguments[0] not in policy.classes:
            raise PolicyRefuses("class", f"class {arguments[0]} is not admitted")
    if name != "allocate":
        return None
    check_quiet(policy, now)
    return MarketId(arguments[0]), int(arguments[1])


def _check_markets(
    policy: Policy,
    calls: Sequence[Call],
    markets: Mapping[MarketId, MarketFacts],
    to_market: Mapping[MarketId, int],
) -> None:
    """A budget goes to a market that is known, and is bounded, however many calls bring it."""
    found = (decoded(call, VAULT_CALLS) for call in calls)
    opened = sum(each is not None and each[0] == "openMarket" for each in found)
    for market, assets in to_market.items():
        if market in markets:
            _check_account(policy, markets[market])
        else:
            opened -= 1  # its class is that of an opening in this batch, which was admitted
            if opened < 0:
                raise PolicyRefuses("market", f"{market} is not open, as far as the node knows")
        if assets > policy.transactions.max_allocation * MICRO:
            raise PolicyRefuses("size", f"{assets} micro-units to one market in one transaction")


def _check_wallets(
    policy: Policy, calls: Sequence[Call], accounts: Mapping[str, MarketFacts]
) -> None:
    """A wallet must be listed when it is named, and when budget goes to it: lists change."""
    named: dict[str, str] = {}
    for call in calls:
        found = decoded(call, ACCOUNT_CALLS) if call.to.lower() in accounts else None
        if found is None or found[0] not in ("setWallet", "forward"):
            continue
        account = call.to.lower()
        if found[0] == "setWallet":
            named[account] = str(found[1][0])
        wallet = named.get(account, accounts[account].wallet)
        if not _among(wallet, policy.wallets):
            raise PolicyRefuses("wallet", f"{wallet or 'none'} is not admitted")


def _uses_up_nonce(call: Call, safe: str) -> bool:
    return _among(call.to, [safe]) and call.data == "0x"


def _check_reports(policy: Policy, call: Call, safe: str) -> None:
    """The reporter's Safe reports and does nothing else; no other Safe reports."""
    found = decoded(call, VAULT_CALLS) if _among(call.to, [policy.vault]) else None
    reports = found is not None and found[0] == "report"
    if reports and not _among(safe, [policy.reporter]):
        raise PolicyRefuses("reporter", f"{safe} is not admitted as reporter")
    if not reports and not _among(safe, [policy.safe]):
        raise PolicyRefuses("reporter", f"the reporter {safe} may do nothing but report")


@dataclass(frozen=True)
class _Leg:
    """What the policy reads of a decision's leg."""

    token: TokenId
    side: Side
    price: Decimal
    size: int


@dataclass(frozen=True)
class _Record:
    """What the policy reads of a decision record; the rest of it is the keeper's affair."""

    vault: str = ""
    pack: str = ""
    legs: tuple[_Leg, ...] = ()
    on_failure: OnFailure = OnFailure.HOLD


_RECORD = TypeAdapter(_Record)


def _check_decision(
    policy: Policy, request: OrderRequest, side: Side, cash: int, tokens: int
) -> None:
    """The order must be a leg of the decision that it commits to, at no worse price, no larger; or
    sell again what such a leg has bought."""
    if request.order.metadata != decision_of(request.record):
        raise PolicyRefuses("decision", "the order commits to another record")
    try:
        record = _RECORD.validate_json(request.record)
    except ValidationError as error:
        raise PolicyRefuses("decision", f"no decision record: {error.errors()[0]}") from error
    if record.vault.lower() != policy.vault.lower():
        raise PolicyRefuses("decision", "the record is of another vault")
    if record.pack not in policy.orders.packs:
        raise PolicyRefuses("pack", f"{record.pack!r} is not admitted")
    for leg in record.legs:
        if leg.token != int(request.order.tokenId) or tokens > leg.size:
            continue
        buys = leg.side == Side.BUY
        if buys and side == Side.BUY and cash <= leg.price * tokens:
            return
        if not buys and side == Side.SELL and cash >= leg.price * tokens:
            return
        if buys and side == Side.SELL and record.on_failure == OnFailure.UNWIND:
            return
    raise PolicyRefuses("leg", "the order is no leg of its decision")


def _check_account(policy: Policy, facts: MarketFacts) -> None:
    if facts.vault.lower() != policy.vault.lower() or not facts.is_the_vaults:
        raise PolicyRefuses("account", "the account is not one of the vault")
    if facts.class_id not in policy.classes:
        raise PolicyRefuses("class", f"class {facts.class_id} is not admitted")


def check_quiet(policy: Policy, now: int) -> None:
    """Refuse what falls into quiet hours; raises PolicyRefuses."""
    moment = datetime.fromtimestamp(now, UTC)
    minute = moment.hour * 60 + moment.minute
    for each in policy.quiet_hours:
        start, end = _span(each)
        inside = start <= minute < end if start <= end else minute >= start or minute < end
        if inside:
            raise PolicyRefuses("quiet hours", f"{moment:%H:%M} is within {each}")


def _span(text: str) -> tuple[int, int]:
    start, end = (datetime.strptime(part, "%H:%M") for part in text.split("-"))
    return start.hour * 60 + start.minute, end.hour * 60 + end.minute


def _among(address: str, known: Sequence[str]) -> bool:
    return address.lower() in {each.lower() for each in known}
