# pragma version 0.4.3
"""
@title Orders that an account signs
@license AGPL-3.0-only
@author Strongroom
@notice The venue's order, and the policy by which an account says yes to one: of this market, of
        this account, signed by the keeper's Safe for it, while everything that bounds it holds.
@dev What is left to the account is who the order's maker must be, and whether its condition has
     a result; an order on a decided question is never admitted.
     Prices: collateral for one outcome token, WAD. Times in seconds, the order's own timestamp in
     milliseconds.
@custom:security The exchange's operator can pre-approve an order and is then never asked again, so
        only a halt, which also withdraws allowance and approval, kills an order for certain.
"""

from ethereum.ercs import IERC20

from contracts.interfaces import IVault
from contracts.modules import account
from contracts.modules import units

uses: account


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


interface IApprovals:
    def setApprovalForAll(operator: address, approved: bool): nonpayable


event EpochBumped:
    epoch: uint256


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
def __init__(exchange: address, exchange_version: String[8]):
    """
    @param exchange The exchange whose orders the accounts sign
    @param exchange_version Version in the exchange's EIP-712 domain
    """
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


# The switch


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
def _admits(
    order: Order,
    maker: address,
    hash: bytes32,
    expiry: uint256,
    keeper_signature: Bytes[MAX_SIGNATURE],
) -> (bool, bytes32):
    """
    @param maker Who must be maker and signer: the account, or what it owns
    @param hash The order's own hash: whoever calls has reckoned it
    @param expiry Last second at which the keeper's word counts
    @return Whether the order is admitted as long as its condition has no result; the condition
    """
    if order.maker != maker or order.signer != maker:
        return False, empty(bytes32)
    if order.signatureType != POLY_1271 or order.side > SELL:
        return False, empty(bytes32)
    if order.makerAmount == 0 or order.takerAmount == 0:
        return False, empty(bytes32)

    clone: address = self
    head: Bytes[HEAD] = slice(clone.code, account.VAULT, HEAD)  # one copy of all that a binary market has
    condition: bytes32 = extract32(head, account.CONDITIONS - account.VAULT)
    index: uint256 = account.FOREIGN
    if order.tokenId == extract32(head, account.CONDITIONS + 32 - account.VAULT, output_type=uint256):
        index = 0
    elif order.tokenId == extract32(head, account.CONDITIONS + 64 - account.VAULT, output_type=uint256):
        index = 1
    elif extract32(head, account.COUNT - account.VAULT, output_type=uint256) != 1:
        index = account._index(order.tokenId)
        condition = account._condition(index // 2) if index != account.FOREIGN else empty(bytes32)
    epoch: uint256 = account._live_epoch()
    if index == account.FOREIGN or epoch == account.HALTED:
        return False, empty(bytes32)
    if block.timestamp >= extract32(head, account.DEADLINE - account.VAULT, output_type=uint256):
        return False, empty(bytes32)

    # the vault's address is the first 20 bytes
    vault: IVault = IVault(convert(extract32(head, 0, output_type=uint256) // 2**96, address))
    terms: IVault.OrderTerms = staticcall vault.orderTerms(
        extract32(head, account.CLASS_ID - account.VAULT, output_type=uint256),
        extract32(head, account.MARKET - account.VAULT),
        index,
        skip_contract_check=True,
    )
    if block.timestamp > expiry or unsafe_sub(expiry, block.timestamp) > terms.max_lifetime:
        return False, empty(bytes32)
    # prices cross-multiplied, so nothing is rounded
    if order.side == BUY:
        if order.makerAmount * units.WAD > order.takerAmount * terms.highest_buy:
            return False, empty(bytes32)
    elif order.takerAmount * units.WAD < order.makerAmount * terms.lowest_sell:
        return False, empty(bytes32)
    order_struct: bytes32 = keccak256(abi_encode(KEEPER_ORDER_TYPEHASH, hash, expiry, epoch))
    return self._is_signed(terms.keeper, order_struct, keeper_signature), condition


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
    """
    @notice Lets the exchange move all collateral and outcome tokens, or nothing.
    """
    assert extcall IERC20(account.COLLATERAL).approve(
        EXCHANGE, max_value(uint256) if approved else 0, default_return_value=True
    ), "approve failed"
    extcall IApprovals(account.CTF).setApprovalForAll(EXCHANGE, approved)


@internal
def _leave_exchange():
    """
    @notice Withdraws the approvals, and pauses this account at the exchange as an extra.
    @dev Whatever the exchange answers, the switch has worked without it.
    """
    self._approve_exchange(False)
    success: bool = raw_call(
        EXCHANGE, method_id("pauseUser()"), gas=PAUSE_GAS, revert_on_failure=False
    )
