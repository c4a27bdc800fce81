# pragma version 0.4.3
"""
@title Polymarket market account
@license AGPL-3.0-only
@author Probity
@notice Holds one market's budget and outcome tokens. It is maker and signer of that market's
        orders (signature type 3, EIP-1271) and pays only from its own balance, so a cap on what
        enters it is a cap on what can be lost through it. Custody grade: enforced.
@dev The deployed contract is an implementation; the vault makes an EIP-1167 clone for each
     market. What a venue has in common is immutable; what a market has of its own stands as
     arguments behind the clone's code: vault (20 bytes), deadline, market, count (32 each), and
     for each condition its id, YES and NO (32 each). Only epoch and halt are storage.
@custom:security Four ways lead out: an order that `isValidSignature` admits, the collateral
        adapter, `recall` to the vault, and a holder's exit in kind, which only the vault calls. The exchange's operator can pre-approve an order and
        is then never asked again, so only `halt`, which also withdraws allowance and approval,
        kills an order for certain.
"""

from ethereum.ercs import IERC20

from contracts.interfaces import ICollateralAdapter
from contracts.interfaces import IConditionalTokens
from contracts.interfaces import IMarketAccount
from contracts.interfaces import IVault

implements: IMarketAccount


# The venue's order, without its signature. Amounts: 6 decimals; timestamp: milliseconds.
struct Order:
    salt: uint256
    maker: address
    signer: address
    tokenId: uint256
    makerAmount: uint256
    takerAmount: uint256
    side: uint8  # 0 BUY, 1 SELL
    signatureType: uint8
    timestamp: uint256
    metadata: bytes32
    builder: bytes32


event Halted:
    account: indexed(address)
    epoch: uint256


event Resumed:
    account: indexed(address)


event EpochBumped:
    epoch: uint256


event Split:
    condition: indexed(uint256)
    amount: uint256


event Merged:
    condition: indexed(uint256)
    amount: uint256


event Redeemed:
    condition: indexed(uint256)
    assets: uint256


MAX_CONDITIONS: constant(uint256) = 32  # of one event, as in nav.vy
MAX_SIGNATURE: constant(uint256) = 520  # bytes of the keeper's signature: eight Safe owners
MAX_ENVELOPE: constant(uint256) = 1024  # order, expiry, offset, length and signature, padded
WAD: constant(uint256) = 10**18
BUY: constant(uint8) = 0
FOREIGN: constant(uint256) = max_value(uint256)
OUTCOMES: constant(uint256) = 2
EIP1271_MAGIC: constant(bytes4) = 0x1626ba7e
EIP1271_ANSWER: constant(bytes32) = (
    0x1626ba7e00000000000000000000000000000000000000000000000000000000
)
EIP1271_REFUSED: constant(bytes4) = 0xffffffff
POLY_1271: constant(uint8) = 3
# Places in the clone's code.
VAULT: constant(uint256) = 45
DEADLINE: constant(uint256) = 65
MARKET: constant(uint256) = 97
COUNT: constant(uint256) = 129
CONDITIONS: constant(uint256) = 161
HEAD: constant(uint256) = 212  # bytes from VAULT to the end of the first condition

DOMAIN_TYPEHASH: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
ORDER_TYPEHASH: constant(bytes32) = keccak256(
    "Order(uint256 salt,address maker,address signer,uint256 tokenId,uint256 makerAmount,uint256 takerAmount,uint8 side,uint8 signatureType,uint256 timestamp,bytes32 metadata,bytes32 builder)"
)
KEEPER_ORDER_TYPEHASH: constant(bytes32) = keccak256(
    "KeeperOrder(bytes32 orderHash,uint256 expiry,uint256 epoch)"
)
NAME_HASH: constant(bytes32) = keccak256("Probity Market Account")
VERSION_HASH: constant(bytes32) = keccak256("1")

EXCHANGE: public(immutable(address))  # whose orders the accounts sign
EXCHANGE_DOMAIN: public(immutable(bytes32))  # EIP-712 domain separator of the exchange
CTF: public(immutable(address))  # ConditionalTokens
COLLATERAL: public(immutable(address))  # what orders are paid in: the vault's asset
TOKEN_COLLATERAL: public(immutable(address))  # the collateral inside the position ids
ADAPTER: public(immutable(address))  # splits, merges and redeems between the two collaterals
NEGATIVE_RISK: public(immutable(bool))  # whether a market is an event of exclusive conditions

state: uint256  # epoch << 1 | 1 while halted


@deploy
def __init__(
    exchange: address,
    exchange_version: String[8],
    ctf: address,
    collateral: address,
    token_collateral: address,
    adapter: address,
    negative_risk: bool,
):
    """
    @param exchange The exchange whose orders the accounts sign
    @param exchange_version Version in the exchange's EIP-712 domain: "2" or "3"
    @param ctf ConditionalTokens
    @param collateral What orders are paid in: the vault's asset
    @param token_collateral The collateral of the outcome tokens
    @param adapter Splits, merges and redeems between the two
    @param negative_risk Whether a market is an event of several exclusive conditions
    """
    for part: address in [exchange, ctf, collateral, token_collateral, adapter]:
        assert part.is_contract, "address has no code"
    EXCHANGE = exchange
    EXCHANGE_DOMAIN = keccak256(
        abi_encode(
            DOMAIN_TYPEHASH,
            keccak256("Polymarket CTF Exchange"),
            keccak256(exchange_version),
            chain.id,
            exchange,
        )
    )
    CTF = ctf
    COLLATERAL = collateral
    TOKEN_COLLATERAL = token_collateral
    ADAPTER = adapter
    NEGATIVE_RISK = negative_risk


# Views


@external
@view
def grade() -> uint256:
    """
    @return 1: enforced, only what this code admits can trade the budget.
    """
    return 1


@external
@view
def vault() -> address:
    """
    @return The vault that the account belongs to.
    """
    return self._vault()


@external
@view
def market() -> bytes32:
    """
    @return The market: its condition id, or the negative-risk event's id.
    """
    return self._word(MARKET)


@external
@view
def deadline() -> uint256:
    """
    @return When the account stops signing orders, timestamp.
    """
    return self._number(DEADLINE)


@external
@view
def epoch() -> uint256:
    """
    @return The epoch that the keeper's signatures must name.
    """
    return self.state >> 1


@external
@view
def halted() -> bool:
    """
    @return Whether trading is halted.
    """
    return self._halted()


@external
@view
def tradable() -> bool:
    """
    @return Not halted, before the deadline, and not resolved entirely.
    """
    return (
        not self._halted()
        and block.timestamp < self._number(DEADLINE)
        and self._resolved() < self._number(COUNT)
    )


@external
@view
def conditions() -> DynArray[bytes32, MAX_CONDITIONS]:
    """
    @return The market's condition ids.
    """
    ids: DynArray[bytes32, MAX_CONDITIONS] = []
    for i: uint256 in range(self._number(COUNT), bound=MAX_CONDITIONS):
        ids.append(self._condition(i))
    return ids


@external
@view
def tokenIds() -> DynArray[uint256, 2 * MAX_CONDITIONS]:
    """
    @return The market's outcome tokens: YES and NO of each condition in turn.
    """
    ids: DynArray[uint256, 2 * MAX_CONDITIONS] = []
    for i: uint256 in range(2 * self._number(COUNT), bound=2 * MAX_CONDITIONS):
        ids.append(self._token(i))
    return ids


@external
@view
def resolved() -> uint256:
    """
    @return How many conditions have a payout.
    """
    return self._resolved()


@external
@view
def positions() -> (uint256, DynArray[IMarketAccount.Position, MAX_CONDITIONS]):
    """
    @return Collateral held, and each condition's outcome tokens and payout.
    """
    held: DynArray[IMarketAccount.Position, MAX_CONDITIONS] = []
    for i: uint256 in range(self._number(COUNT), bound=MAX_CONDITIONS):
        condition: bytes32 = self._condition(i)
        position: IMarketAccount.Position = IMarketAccount.Position(
            yes=staticcall IConditionalTokens(CTF).balanceOf(self, self._token(2 * i)),
            no=staticcall IConditionalTokens(CTF).balanceOf(self, self._token(2 * i + 1)),
            payout_yes=0,
            payout_no=0,
            payout_denominator=staticcall IConditionalTokens(CTF).payoutDenominator(condition),
        )
        if position.payout_denominator != 0:
            position.payout_yes = staticcall IConditionalTokens(CTF).payoutNumerators(condition, 0)
            position.payout_no = staticcall IConditionalTokens(CTF).payoutNumerators(condition, 1)
        held.append(position)
    return staticcall IERC20(COLLATERAL).balanceOf(self), held


@external
@view
def orderHash(order: Order) -> bytes32:
    """
    @return EIP-712 hash of the order in the exchange's domain.
    """
    return self._order_hash(order)


@external
@view
def domainSeparator() -> bytes32:
    """
    @return The EIP-712 domain of the keeper's signatures: this account and no other.
    """
    return self._domain()


@external
@view
def isValidSignature(hash: bytes32, signature: Bytes[MAX_ENVELOPE]) -> bytes4:
    """
    @notice EIP-1271. Admits an order of this market that the keeper's Safe signed for this
            account, while everything that bounds it holds.
    @param hash EIP-712 hash of the order in the exchange's domain
    @param signature abi.encode(Order order, uint256 expiry, bytes keeper_signature)
    @return 0x1626ba7e if admitted, else 0xffffffff; bytes that do not decode revert.
    """
    order: Order = empty(Order)
    expiry: uint256 = 0
    keeper_signature: Bytes[MAX_SIGNATURE] = b""
    order, expiry, keeper_signature = abi_decode(signature, (Order, uint256, Bytes[MAX_SIGNATURE]))

    if self._order_hash(order) != hash or order.maker != self or order.signer != self:
        return EIP1271_REFUSED
    if order.signatureType != POLY_1271 or order.makerAmount == 0 or order.takerAmount == 0:
        return EIP1271_REFUSED

    clone: address = self
    head: Bytes[HEAD] = slice(clone.code, VAULT, HEAD)  # one copy of all that a binary market has
    condition: bytes32 = extract32(head, CONDITIONS - VAULT)
    index: uint256 = FOREIGN
    if NEGATIVE_RISK:
        index = self._index(order.tokenId)
        condition = self._condition(index // 2) if index != FOREIGN else empty(bytes32)
    elif order.tokenId == extract32(head, CONDITIONS + 32 - VAULT, output_type=uint256):
        index = 0
    elif order.tokenId == extract32(head, CONDITIONS + 64 - VAULT, output_type=uint256):
        index = 1
    state: uint256 = self.state
    if index == FOREIGN or state & 1 != 0:
        return EIP1271_REFUSED
    if block.timestamp >= extract32(head, DEADLINE - VAULT, output_type=uint256):
        return EIP1271_REFUSED
    if staticcall IConditionalTokens(CTF).payoutDenominator(condition, skip_contract_check=True) != 0:
        return EIP1271_REFUSED

    vault: IVault = IVault(convert(convert(slice(head, 0, 20), bytes20), address))
    terms: IVault.OrderTerms = staticcall vault.orderTerms(
        extract32(head, MARKET - VAULT), index, skip_contract_check=True
    )
    if block.timestamp > expiry or expiry - block.timestamp > terms.max_lifetime:
        return EIP1271_REFUSED
    # prices cross-multiplied, so nothing is rounded
    if order.side == BUY:
        if order.makerAmount * WAD > order.takerAmount * terms.highest_buy:
            return EIP1271_REFUSED
    elif order.takerAmount * WAD < order.makerAmount * terms.lowest_sell:
        return EIP1271_REFUSED

    digest: bytes32 = keccak256(
        concat(
            b"\x19\x01",
            self._domain(),
            keccak256(abi_encode(KEEPER_ORDER_TYPEHASH, hash, expiry, state >> 1)),
        )
    )
    success: bool = False
    answer: Bytes[32] = b""
    success, answer = raw_call(
        terms.keeper,
        abi_encode(digest, keeper_signature, method_id=method_id("isValidSignature(bytes32,bytes)")),
        max_outsize=32,
        is_static_call=True,
        revert_on_failure=False,
    )
    if not success or len(answer) != 32 or extract32(answer, 0) != EIP1271_ANSWER:
        return EIP1271_REFUSED
    return EIP1271_MAGIC


@external
@view
def supportsInterface(interface_id: bytes4) -> bool:
    """
    @notice ERC-165: itself, the ERC-1155 receiver and EIP-1271.
    """
    return interface_id in [0x01ffc9a7, 0x4e2312e0, 0x1626ba7e]


# The vault's side


@external
@view
def describe(oracle: address, question_id: bytes32, count: uint256) -> (bytes32, Bytes[3136]):
    """
    @notice What a clone for this market must carry in its code.
    @dev The condition ids follow from oracle and question, so an account can only be of a market
         that this oracle resolves. For negative risk the question's index is the last byte.
    @return The market: its condition id, or the negative-risk event's id; and for each condition
            its id, YES and NO
    """
    assert count != 0 and count <= MAX_CONDITIONS, "bad condition count"
    assert NEGATIVE_RISK or count == 1, "bad condition count"
    first: uint256 = convert(question_id, uint256)
    assert not NEGATIVE_RISK or first & 255 == 0, "bad event id"
    market: bytes32 = question_id
    parts: DynArray[bytes32, 3 * MAX_CONDITIONS] = []
    for i: uint256 in range(count, bound=MAX_CONDITIONS):
        condition: bytes32 = keccak256(
            concat(convert(oracle, bytes20), convert(first + i, bytes32), convert(OUTCOMES, bytes32))
        )
        assert (
            staticcall IConditionalTokens(CTF).getOutcomeSlotCount(condition) == OUTCOMES
        ), "condition not prepared"
        parts.append(condition)
        for index_set: uint256 in range(1, 3):
            collection: bytes32 = staticcall IConditionalTokens(CTF).getCollectionId(
                empty(bytes32), condition, index_set
            )
            parts.append(keccak256(concat(convert(TOKEN_COLLATERAL, bytes20), collection)))
        if not NEGATIVE_RISK:
            market = condition
    encoded: Bytes[3 * 32 * MAX_CONDITIONS + 64] = abi_encode(parts)
    return market, slice(encoded, 64, 96 * count)


@external
@nonreentrant
def initialize():
    """
    @notice Grants the exchange its approvals. Vault only, when it has made the clone.
    """
    assert msg.sender == self._vault(), "not the vault"
    self._approve_exchange(True)


@external
@nonreentrant
def recall(assets: uint256) -> uint256:
    """
    @notice Sends up to `assets` of collateral to the vault. Vault only.
    @return The assets sent
    """
    vault: address = self._vault()
    assert msg.sender == vault, "not the vault"
    sent: uint256 = min(assets, staticcall IERC20(COLLATERAL).balanceOf(self))
    assert extcall IERC20(COLLATERAL).transfer(vault, sent, default_return_value=True), "transfer failed"
    return sent


@external
@nonreentrant
def payInKind(receiver: address, shares: uint256, supply: uint256):
    """
    @notice Sends `shares` / `supply` of the collateral and of every outcome token held to
            `receiver`. Vault only.
    @dev down: what is left belongs to those who stay.
    """
    assert msg.sender == self._vault(), "not the vault"
    tokens: DynArray[uint256, 2 * MAX_CONDITIONS] = []
    amounts: DynArray[uint256, 2 * MAX_CONDITIONS] = []
    for i: uint256 in range(2 * self._number(COUNT), bound=2 * MAX_CONDITIONS):
        token: uint256 = self._token(i)
        amount: uint256 = (
            staticcall IConditionalTokens(CTF).balanceOf(self, token) * shares // supply
        )
        if amount != 0:
            tokens.append(token)
            amounts.append(amount)
    assets: uint256 = staticcall IERC20(COLLATERAL).balanceOf(self) * shares // supply
    if assets != 0:
        assert extcall IERC20(COLLATERAL).transfer(receiver, assets, default_return_value=True), "transfer failed"
    if len(tokens) != 0:
        extcall IConditionalTokens(CTF).safeBatchTransferFrom(self, receiver, tokens, amounts, b"")


# The switch


@external
@nonreentrant
def halt():
    """
    @notice Kills every order at once, pre-approved ones too: bumps the epoch, withdraws the
            collateral allowance and the ERC-1155 approval. Keeper, guardian or owner; anyone in
            wind-down.
    """
    assert self._may_make_safer(), "not allowed to halt"
    epoch: uint256 = (self.state >> 1) + 1
    self.state = (epoch << 1) | 1
    log Halted(account=msg.sender, epoch=epoch)
    self._approve_exchange(False)


@external
@nonreentrant
def resume():
    """
    @notice Lets the account trade again; orders of earlier epochs stay dead. Owner only, and not
            in wind-down.
    """
    vault: IVault = IVault(self._vault())
    assert msg.sender == staticcall vault.owner(), "not the owner"
    assert not staticcall vault.windingDown(), "winding down"
    assert self._halted(), "not halted"
    self.state -= 1
    log Resumed(account=msg.sender)
    self._approve_exchange(True)


@external
@nonreentrant
def bumpEpoch():
    """
    @notice Makes every signature so far invalid. Orders that the operator has pre-approved live
            on: only `halt` ends those. Keeper only.
    """
    assert msg.sender == staticcall IVault(self._vault()).keeper(), "not the keeper"
    self.state += 2
    log EpochBumped(epoch=self.state >> 1)


# Complete sets and payouts


@external
@nonreentrant
def split(condition: uint256, amount: uint256):
    """
    @notice Turns collateral into complete sets of one condition. Keeper only, while tradable.
    """
    vault: IVault = IVault(self._vault())
    assert msg.sender == staticcall vault.keeper(), "not the keeper"
    assert not staticcall vault.paused(), "paused"
    assert not staticcall vault.windingDown(), "winding down"
    assert not self._halted() and block.timestamp < self._number(DEADLINE), "not tradable"
    id: bytes32 = self._condition(condition)
    log Split(condition=condition, amount=amount)
    assert extcall IERC20(COLLATERAL).approve(ADAPTER, amount, default_return_value=True), "approve failed"
    extcall ICollateralAdapter(ADAPTER).splitPosition(COLLATERAL, empty(bytes32), id, [1, 2], amount)


@external
@nonreentrant
def merge(condition: uint256, amount: uint256):
    """
    @notice Turns complete sets of one condition back into collateral. Keeper, guardian or owner;
            anyone in wind-down.
    """
    assert self._may_make_safer(), "not allowed to merge"
    id: bytes32 = self._condition(condition)
    log Merged(condition=condition, amount=amount)
    extcall IConditionalTokens(CTF).setApprovalForAll(ADAPTER, True)
    extcall ICollateralAdapter(ADAPTER).mergePositions(COLLATERAL, empty(bytes32), id, [1, 2], amount)
    extcall IConditionalTokens(CTF).setApprovalForAll(ADAPTER, False)


@external
@nonreentrant
def redeem(condition: uint256) -> uint256:
    """
    @notice Turns a resolved condition's outcome tokens into its payout. Anyone may call.
    @return The collateral that came in
    """
    id: bytes32 = self._condition(condition)
    assert staticcall IConditionalTokens(CTF).payoutDenominator(id) != 0, "not resolved"
    before: uint256 = staticcall IERC20(COLLATERAL).balanceOf(self)
    extcall IConditionalTokens(CTF).setApprovalForAll(ADAPTER, True)
    extcall ICollateralAdapter(ADAPTER).redeemPositions(COLLATERAL, empty(bytes32), id, [1, 2])
    extcall IConditionalTokens(CTF).setApprovalForAll(ADAPTER, False)
    assets: uint256 = staticcall IERC20(COLLATERAL).balanceOf(self) - before
    log Redeemed(condition=condition, assets=assets)
    return assets


# ERC-1155 receiver: this market's outcome tokens and nothing else


@external
def onERC1155Received(
    operator: address, sender: address, id: uint256, amount: uint256, data: Bytes[1024]
) -> bytes4:
    """
    @notice Accepts this market's outcome tokens from ConditionalTokens.
    """
    assert msg.sender == CTF and self._index(id) != FOREIGN, "foreign token"
    return method_id("onERC1155Received(address,address,uint256,uint256,bytes)", output_type=bytes4)


@external
def onERC1155BatchReceived(
    operator: address,
    sender: address,
    ids: DynArray[uint256, 2 * MAX_CONDITIONS],
    amounts: DynArray[uint256, 2 * MAX_CONDITIONS],
    data: Bytes[1024],
) -> bytes4:
    """
    @notice Accepts this market's outcome tokens from ConditionalTokens.
    """
    assert msg.sender == CTF, "foreign token"
    for id: uint256 in ids:
        assert self._index(id) != FOREIGN, "foreign token"
    return method_id(
        "onERC1155BatchReceived(address,address,uint256[],uint256[],bytes)", output_type=bytes4
    )


# Internal


@internal
@view
def _word(place: uint256) -> bytes32:
    """
    @dev 32 bytes of the arguments behind the clone's code. Of an `address`, since `self.code`
         would be the code that runs, which is the implementation's.
    """
    clone: address = self
    return convert(slice(clone.code, place, 32), bytes32)


@internal
@view
def _number(place: uint256) -> uint256:
    return convert(self._word(place), uint256)


@internal
@view
def _vault() -> address:
    clone: address = self
    return convert(convert(slice(clone.code, VAULT, 20), bytes20), address)


@internal
@view
def _condition(condition: uint256) -> bytes32:
    assert condition < self._number(COUNT), "unknown condition"
    return self._word(CONDITIONS + 96 * condition)


@internal
@view
def _token(index: uint256) -> uint256:
    """
    @param index 2 * condition for YES, 2 * condition + 1 for NO
    """
    return self._number(CONDITIONS + 32 + 96 * (index // 2) + 32 * (index % 2))


@internal
@view
def _index(token: uint256) -> uint256:
    """
    @return The outcome token's index in this market, or FOREIGN.
    """
    for i: uint256 in range(2 * self._number(COUNT), bound=2 * MAX_CONDITIONS):
        if self._token(i) == token:
            return i
    return FOREIGN


@internal
@view
def _resolved() -> uint256:
    count: uint256 = 0
    for i: uint256 in range(self._number(COUNT), bound=MAX_CONDITIONS):
        if staticcall IConditionalTokens(CTF).payoutDenominator(self._condition(i)) != 0:
            count += 1
    return count


@internal
@view
def _may_make_safer() -> bool:
    vault: IVault = IVault(self._vault())
    return (
        msg.sender
        in [staticcall vault.keeper(), staticcall vault.guardian(), staticcall vault.owner()]
        or staticcall vault.windingDown()
    )


@internal
@view
def _halted() -> bool:
    return self.state & 1 != 0


@internal
@view
def _order_hash(order: Order) -> bytes32:
    return keccak256(
        concat(b"\x19\x01", EXCHANGE_DOMAIN, keccak256(abi_encode(ORDER_TYPEHASH, order)))
    )


@internal
@view
def _domain() -> bytes32:
    return keccak256(abi_encode(DOMAIN_TYPEHASH, NAME_HASH, VERSION_HASH, chain.id, self))


@internal
def _approve_exchange(approved: bool):
    assert extcall IERC20(COLLATERAL).approve(
        EXCHANGE, max_value(uint256) if approved else 0, default_return_value=True
    ), "approve failed"
    extcall IConditionalTokens(CTF).setApprovalForAll(EXCHANGE, approved)
