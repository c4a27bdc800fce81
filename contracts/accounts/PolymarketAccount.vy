# pragma version 0.4.3
"""
@title Polymarket market account
@license AGPL-3.0-only
@author Strongroom
@notice Holds one market's budget and outcome tokens. It is maker and signer of that market's
        orders (signature type 3, EIP-1271) and pays only from its own balance, so a cap on what
        enters it is a cap on what can be lost through it. Custody grade: enforced.
@dev An implementation that vaults clone, see contracts/modules/account.vy.
@custom:security One way leads out besides those of every account: an order that `isValidSignature`
        admits. The exchange's operator can pre-approve an order and is then never asked again, so
        only `halt`, which also withdraws allowance and approval, kills an order for certain.
"""

from ethereum.ercs import IERC20

from contracts.interfaces import IConditionalTokens
from contracts.interfaces import IMarketAccount
from contracts.interfaces import IVault
from contracts.modules import account
from contracts.modules import units

implements: IMarketAccount

initializes: account

exports: account.__interface__


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


event EpochBumped:
    epoch: uint256


interface IExchange:
    def pauseUser(): nonpayable


MAX_SIGNATURE: constant(uint256) = 520  # bytes of the keeper's signature: eight Safe owners
MAX_ENVELOPE: constant(uint256) = 1024  # order, expiry, offset, length and signature, padded
PAUSE_GAS: constant(uint256) = 100_000  # the most that the exchange's own pause may burn
BUY: constant(uint8) = 0
SELL: constant(uint8) = 1
EIP1271_MAGIC: constant(bytes4) = 0x1626ba7e
EIP1271_ANSWER: constant(bytes32) = (
    0x1626ba7e00000000000000000000000000000000000000000000000000000000
)
EIP1271_REFUSED: constant(bytes4) = 0xffffffff
POLY_1271: constant(uint8) = 3
HEAD: constant(uint256) = 276  # bytes from account.VAULT to the end of the first condition

DOMAIN_TYPEHASH: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
ORDER_TYPEHASH: constant(bytes32) = keccak256(
    "Order(uint256 salt,address maker,address signer,uint256 tokenId,uint256 makerAmount,uint256 takerAmount,uint8 side,uint8 signatureType,uint256 timestamp,bytes32 metadata,bytes32 builder)"
)
KEEPER_ORDER_TYPEHASH: constant(bytes32) = keccak256(
    "KeeperOrder(bytes32 orderHash,uint256 expiry,uint256 epoch)"
)
NAME_HASH: constant(bytes32) = keccak256("Strongroom Market Account")
VERSION_HASH: constant(bytes32) = keccak256("1")

EXCHANGE: public(immutable(address))  # whose orders the accounts sign
EXCHANGE_DOMAIN: public(immutable(bytes32))  # EIP-712 domain separator of the exchange


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
    account.__init__(ctf, collateral, token_collateral, adapter, negative_risk)
    assert exchange.is_contract, "address has no code"
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
def epoch() -> uint256:
    """
    @return The epoch that the keeper's signatures must name.
    """
    return account._epoch()


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
    if order.signatureType != POLY_1271 or order.side > SELL:
        return EIP1271_REFUSED
    if order.makerAmount == 0 or order.takerAmount == 0:
        return EIP1271_REFUSED

    clone: address = self
    head: Bytes[HEAD] = slice(clone.code, account.VAULT, HEAD)  # one copy of all that a binary market has
    condition: bytes32 = extract32(head, account.CONDITIONS - account.VAULT)
    index: uint256 = account.FOREIGN
    if account.NEGATIVE_RISK:
        index = account._index(order.tokenId)
        condition = account._condition(index // 2) if index != account.FOREIGN else empty(bytes32)
    elif order.tokenId == extract32(head, account.CONDITIONS + 32 - account.VAULT, output_type=uint256):
        index = 0
    elif order.tokenId == extract32(head, account.CONDITIONS + 64 - account.VAULT, output_type=uint256):
        index = 1
    epoch: uint256 = account._live_epoch()
    if index == account.FOREIGN or epoch == account.HALTED:
        return EIP1271_REFUSED
    if block.timestamp >= extract32(head, account.DEADLINE - account.VAULT, output_type=uint256):
        return EIP1271_REFUSED
    if staticcall IConditionalTokens(account.CTF).payoutDenominator(condition, skip_contract_check=True) != 0:
        return EIP1271_REFUSED

    # the vault's address is the first 20 bytes
    vault: IVault = IVault(convert(extract32(head, 0, output_type=uint256) // 2**96, address))
    terms: IVault.OrderTerms = staticcall vault.orderTerms(
        extract32(head, account.CLASS_ID - account.VAULT, output_type=uint256),
        extract32(head, account.MARKET - account.VAULT),
        index,
        skip_contract_check=True,
    )
    if block.timestamp > expiry or unsafe_sub(expiry, block.timestamp) > terms.max_lifetime:
        return EIP1271_REFUSED
    # prices cross-multiplied, so nothing is rounded
    if order.side == BUY:
        if order.makerAmount * units.WAD > order.takerAmount * terms.highest_buy:
            return EIP1271_REFUSED
    elif order.takerAmount * units.WAD < order.makerAmount * terms.lowest_sell:
        return EIP1271_REFUSED
    order_struct: bytes32 = keccak256(abi_encode(KEEPER_ORDER_TYPEHASH, hash, expiry, epoch))
    if not self._is_signed(terms.keeper, order_struct, keeper_signature):
        return EIP1271_REFUSED
    return EIP1271_MAGIC


@external
@view
def supportsInterface(interface_id: bytes4) -> bool:
    """
    @notice ERC-165: itself, the ERC-1155 receiver and EIP-1271.
    """
    return interface_id in [0x01ffc9a7, 0x4e2312e0, 0x1626ba7e]


# The switch


@external
@nonreentrant
def initialize():
    """
    @notice Grants the exchange its approvals. Vault only, when it has made the clone.
    """
    assert msg.sender == account._vault(), "not the vault"
    self._approve_exchange(True)


@external
@nonreentrant
def halt():
    """
    @notice Kills every order for ever, pre-approved ones too: bumps the epoch, withdraws the
            collateral allowance and the ERC-1155 approval. Also pauses the account at the
            exchange, as an extra that may fail and takes effect later. Keeper, guardian or owner;
            the vault when the market is closed; anyone in wind-down.
    """
    account._halt()
    self._approve_exchange(False)
    self._tell_exchange(method_id("pauseUser()"))


@external
@nonreentrant
def bumpEpoch():
    """
    @notice Makes every signature so far invalid. Orders that the operator has pre-approved live
            on: only `halt` ends those. Keeper only.
    """
    account._check_keeper()
    log EpochBumped(epoch=account._bump_epoch())


# Internal


@internal
@view
def _order_hash(order: Order) -> bytes32:
    return keccak256(
        concat(b"\x19\x01", EXCHANGE_DOMAIN, keccak256(abi_encode(ORDER_TYPEHASH, order)))
    )


@internal
@view
def _is_signed(keeper: address, order_struct: bytes32, signature: Bytes[MAX_SIGNATURE]) -> bool:
    """
    @param keeper EIP-1271 signer; nobody's address and one that reverts do not sign
    @param order_struct Hash of the KeeperOrder, in this account's domain
    """
    success: bool = False
    answer: Bytes[32] = b""
    success, answer = raw_call(
        keeper,
        abi_encode(
            keccak256(concat(b"\x19\x01", self._domain(), order_struct)),
            signature,
            method_id=method_id("isValidSignature(bytes32,bytes)"),
        ),
        max_outsize=32,
        is_static_call=True,
        revert_on_failure=False,
    )
    return success and len(answer) == 32 and extract32(answer, 0) == EIP1271_ANSWER


@internal
@view
def _domain() -> bytes32:
    return keccak256(abi_encode(DOMAIN_TYPEHASH, NAME_HASH, VERSION_HASH, chain.id, self))


@internal
def _approve_exchange(approved: bool):
    assert extcall IERC20(account.COLLATERAL).approve(
        EXCHANGE, max_value(uint256) if approved else 0, default_return_value=True
    ), "approve failed"
    extcall IConditionalTokens(account.CTF).setApprovalForAll(EXCHANGE, approved)


@internal
def _tell_exchange(what: Bytes[4]):
    """
    @dev Whatever the exchange answers, the switch has worked without it.
    """
    success: bool = raw_call(EXCHANGE, what, gas=PAUSE_GAS, revert_on_failure=False)
