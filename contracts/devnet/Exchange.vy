# pragma version 0.4.3
"""
@title Exchange stand-in
@license AGPL-3.0-only
@author Strongroom
@notice Devnet only: matches signed orders as the venue's exchange does: same order struct and
        EIP-712 hash, signature types 0 (EOA), 2 (an EOA's
        Safe) and 3 (EIP-1271), pre-approval, the three match
        types, operator-set fees up to a maximum, user pause after a delay, order status, events.
        Leaves out signature type 1, several admins, and the venue's gas tuning: every
        settlement passes through the exchange.
"""

from ethereum.ercs import IERC20

from contracts.interfaces import ICollateralAdapter
from contracts.interfaces import IConditionalTokens


interface IERC1271:
    def isValidSignature(hash: bytes32, signature: Bytes[MAX_SIGNATURE]) -> bytes4: view


interface IWallets:
    def safeOf(owner: address) -> address: view


struct Order:
    salt: uint256
    maker: address
    signer: address
    tokenId: uint256
    makerAmount: uint256
    takerAmount: uint256
    side: uint8
    signatureType: uint8
    timestamp: uint256
    metadata: bytes32
    builder: bytes32
    signature: Bytes[MAX_SIGNATURE]


struct OrderStatus:
    filled: bool
    remaining: uint256


event OrderFilled:
    orderHash: indexed(bytes32)
    maker: indexed(address)
    taker: indexed(address)
    side: uint8
    tokenId: uint256
    makerAmountFilled: uint256
    takerAmountFilled: uint256
    fee: uint256
    builder: bytes32
    metadata: bytes32


event OrdersMatched:
    takerOrderHash: indexed(bytes32)
    takerOrderMaker: indexed(address)
    side: uint8
    tokenId: uint256
    makerAmountFilled: uint256
    takerAmountFilled: uint256


event FeeCharged:
    receiver: indexed(address)
    amount: uint256


event OrderPreapproved:
    orderHash: indexed(bytes32)


event OrderPreapprovalInvalidated:
    orderHash: indexed(bytes32)


event UserPaused:
    user: indexed(address)
    effectivePauseBlock: uint256


event UserUnpaused:
    user: indexed(address)


MAX_SIGNATURE: constant(uint256) = 1024  # bytes
MAX_MAKERS: constant(uint256) = 10  # orders in one match: bounds its gas
BPS: constant(uint256) = 10_000
BUY: constant(uint8) = 0
SELL: constant(uint8) = 1
EOA: constant(uint8) = 0
POLY_SAFE: constant(uint8) = 2
POLY_1271: constant(uint8) = 3
DOMAIN_TYPEHASH: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
ORDER_TYPEHASH: constant(bytes32) = keccak256(
    "Order(uint256 salt,address maker,address signer,uint256 tokenId,uint256 makerAmount,uint256 takerAmount,uint8 side,uint8 signatureType,uint256 timestamp,bytes32 metadata,bytes32 builder)"
)

CTF: public(immutable(address))
COLLATERAL: public(immutable(address))
ADAPTER: public(immutable(address))
WALLETS: public(immutable(address))  # knows whose Safe is whose
DOMAIN: immutable(bytes32)

admin: public(address)
is_operator: HashMap[address, bool]
paused: public(bool)
feeReceiver: public(address)
maxFeeRateBps: public(uint256)
userPauseBlockInterval: public(uint256)
userPausedBlockAt: public(HashMap[address, uint256])
preapproved: public(HashMap[bytes32, bool])
order_status: HashMap[bytes32, OrderStatus]


@deploy
def __init__(ctf: address, collateral: address, adapter: address, wallets: address, version: String[8]):
    """
    @param ctf ConditionalTokens
    @param collateral pUSD
    @param adapter Collateral adapter
    @param wallets The venue's wallets; zero: signature type 2 is refused
    @param version EIP-712 domain version: "2" or "3"
    """
    CTF = ctf
    COLLATERAL = collateral
    ADAPTER = adapter
    WALLETS = wallets
    DOMAIN = keccak256(
        abi_encode(
            DOMAIN_TYPEHASH, keccak256("Polymarket CTF Exchange"), keccak256(version), chain.id, self
        )
    )
    self.admin = msg.sender
    self.is_operator[msg.sender] = True
    self.feeReceiver = msg.sender
    self.maxFeeRateBps = 500
    self.userPauseBlockInterval = 100
    extcall IERC20(collateral).approve(adapter, max_value(uint256))
    extcall IConditionalTokens(ctf).setApprovalForAll(adapter, True)


# Views


@external
@view
def domainSeparator() -> bytes32:
    """
    @return The EIP-712 domain of orders.
    """
    return DOMAIN


@external
@view
def hashOrder(order: Order) -> bytes32:
    """
    @return EIP-712 hash of the order.
    """
    return self._hash(order)


@external
@view
def isOperator(account: address) -> bool:
    """
    @return Whether `account` may match orders.
    """
    return self.is_operator[account]


@external
@view
def getOrderStatus(order_hash: bytes32) -> OrderStatus:
    """
    @return Whether the order is filled entirely, and its remaining maker amount (0 and not
            filled: untouched).
    """
    return self.order_status[order_hash]


@external
@view
def isUserPaused(user: address) -> bool:
    """
    @return Whether the user's pause is in effect.
    """
    return self._user_paused(user)


@external
@view
def supportsInterface(interface_id: bytes4) -> bool:
    """
    @notice ERC-165: itself and the ERC-1155 receiver.
    """
    return interface_id in [0x01ffc9a7, 0x4e2312e0]


# Users


@external
def pauseUser():
    """
    @notice Refuses the caller's orders from userPauseBlockInterval blocks on.
    """
    assert self.userPausedBlockAt[msg.sender] == 0, "UserAlreadyPaused"
    effective: uint256 = block.number + self.userPauseBlockInterval
    self.userPausedBlockAt[msg.sender] = effective
    log UserPaused(user=msg.sender, effectivePauseBlock=effective)


@external
def unpauseUser():
    """
    @notice Accepts the caller's orders again.
    """
    self.userPausedBlockAt[msg.sender] = 0
    log UserUnpaused(user=msg.sender)


# Operator


@external
@nonreentrant
def matchOrders(
    condition_id: bytes32,
    taker_order: Order,
    maker_orders: DynArray[Order, MAX_MAKERS],
    taker_fill: uint256,
    maker_fills: DynArray[uint256, MAX_MAKERS],
    taker_fee: uint256,
    maker_fees: DynArray[uint256, MAX_MAKERS],
):
    """
    @notice Settles a taker order against maker orders. Operator only.
    @param taker_fill What the taker order gives, in its maker units; likewise the maker fills
    @param taker_fee Collateral, on top for a BUY, out of the proceeds for a SELL; likewise the
           maker fees
    """
    assert self.is_operator[msg.sender], "NotOperator"
    assert not self.paused, "Paused"
    assert len(maker_orders) != 0, "NoMakerOrders"
    assert len(maker_orders) == len(maker_fills) and len(maker_orders) == len(maker_fees), "MismatchedArrayLengths"

    taker_hash: bytes32 = self._hash(taker_order)
    taking: uint256 = self._use(taker_order, taker_hash, taker_fill, taker_fee)
    token: uint256 = taker_order.tokenId
    before_collateral: uint256 = staticcall IERC20(COLLATERAL).balanceOf(self)
    before_token: uint256 = staticcall IConditionalTokens(CTF).balanceOf(self, token)
    self._take(taker_order, taker_fill, taker_fee)

    for i: uint256 in range(len(maker_orders), bound=MAX_MAKERS):
        self._match(condition_id, taker_order, maker_orders[i], maker_fills[i], maker_fees[i])

    # what is there beyond the start is the taker's: its proceeds, and what it gave too much
    collateral: uint256 = staticcall IERC20(COLLATERAL).balanceOf(self) - before_collateral
    tokens: uint256 = staticcall IConditionalTokens(CTF).balanceOf(self, token) - before_token
    if taker_order.side == BUY:
        assert tokens >= taking, "TooLittleTokensReceived"
        taking = tokens
    else:
        assert collateral >= taking, "TooLittleTokensReceived"
        taking = collateral
        collateral -= taker_fee
        self._charge(self, taker_fee)
    if collateral != 0:
        assert extcall IERC20(COLLATERAL).transfer(taker_order.maker, collateral), "transfer failed"
    if tokens != 0:
        extcall IConditionalTokens(CTF).safeTransferFrom(self, taker_order.maker, token, tokens, b"")
    self._log_fill(taker_order, taker_hash, self, taker_fill, taking, taker_fee)
    log OrdersMatched(
        takerOrderHash=taker_hash,
        takerOrderMaker=taker_order.maker,
        side=taker_order.side,
        tokenId=token,
        makerAmountFilled=taker_fill,
        takerAmountFilled=taking,
    )


@external
def preapproveOrder(order: Order):
    """
    @notice Checks an order's signature once; from then on an empty one passes. Operator only.
    """
    assert self.is_operator[msg.sender], "NotOperator"
    order_hash: bytes32 = self._hash(order)
    assert self._is_signed(order, order_hash), "InvalidSignature"
    self.preapproved[order_hash] = True
    log OrderPreapproved(orderHash=order_hash)


@external
def invalidatePreapprovedOrder(order_hash: bytes32):
    """
    @notice Takes a pre-approval back. Operator only.
    """
    assert self.is_operator[msg.sender], "NotOperator"
    self.preapproved[order_hash] = False
    log OrderPreapprovalInvalidated(orderHash=order_hash)


# Admin


@external
def setOperator(account: address, allowed: bool):
    """
    @notice Names or removes an operator. Admin only.
    """
    assert msg.sender == self.admin, "NotAdmin"
    self.is_operator[account] = allowed


@external
def setPaused(paused: bool):
    """
    @notice Stops or resumes all matching. Admin only.
    """
    assert msg.sender == self.admin, "NotAdmin"
    self.paused = paused


@external
def setFeeReceiver(receiver: address):
    """
    @notice Names who gets the fees. Admin only.
    """
    assert msg.sender == self.admin, "NotAdmin"
    self.feeReceiver = receiver


# ERC-1155 receiver


@external
def onERC1155Received(
    operator: address, sender: address, id: uint256, amount: uint256, data: Bytes[32]
) -> bytes4:
    """
    @notice Accepts outcome tokens from ConditionalTokens.
    """
    assert msg.sender == CTF, "foreign token"
    return method_id("onERC1155Received(address,address,uint256,uint256,bytes)", output_type=bytes4)


@external
def onERC1155BatchReceived(
    operator: address,
    sender: address,
    ids: DynArray[uint256, 2],
    amounts: DynArray[uint256, 2],
    data: Bytes[32],
) -> bytes4:
    """
    @notice Accepts outcome tokens from ConditionalTokens.
    """
    assert msg.sender == CTF, "foreign token"
    return method_id(
        "onERC1155BatchReceived(address,address,uint256[],uint256[],bytes)", output_type=bytes4
    )


# Internal


@internal
@view
def _hash(order: Order) -> bytes32:
    return keccak256(
        concat(
            b"\x19\x01",
            DOMAIN,
            keccak256(
                abi_encode(
                    ORDER_TYPEHASH,
                    order.salt,
                    order.maker,
                    order.signer,
                    order.tokenId,
                    order.makerAmount,
                    order.takerAmount,
                    order.side,
                    order.signatureType,
                    order.timestamp,
                    order.metadata,
                    order.builder,
                )
            ),
        )
    )


@internal
@view
def _user_paused(user: address) -> bool:
    at: uint256 = self.userPausedBlockAt[user]
    return at != 0 and block.number >= at


@internal
@view
def _is_signed(order: Order, order_hash: bytes32) -> bool:
    if len(order.signature) == 0:
        return self.preapproved[order_hash]
    if order.signatureType == EOA:
        return order.signer == order.maker and self._signed(order_hash, order.signature, order.signer)
    if order.signatureType == POLY_SAFE and WALLETS != empty(address):
        return (
            staticcall IWallets(WALLETS).safeOf(order.signer) == order.maker
            and self._signed(order_hash, order.signature, order.signer)
        )
    if order.signatureType == POLY_1271 and order.signer == order.maker and order.maker.is_contract:
        return staticcall IERC1271(order.maker).isValidSignature(order_hash, order.signature) == 0x1626ba7e
    return False


@internal
@pure
def _signed(order_hash: bytes32, signature: Bytes[MAX_SIGNATURE], signer: address) -> bool:
    if len(signature) != 65 or signer == empty(address):
        return False
    r: uint256 = convert(slice(signature, 0, 32), uint256)
    s: uint256 = convert(slice(signature, 32, 32), uint256)
    v: uint256 = convert(slice(signature, 64, 1), uint256)
    return ecrecover(order_hash, v, r, s) == signer


@internal
def _use(order: Order, order_hash: bytes32, making: uint256, fee: uint256) -> uint256:
    """
    @notice Checks an order and uses up `making` of it.
    @return What the order gets for it, in its taker units.
    """
    assert self._is_signed(order, order_hash), "InvalidSignature"
    assert not self._user_paused(order.maker), "UserIsPaused"
    assert order.side <= SELL, "InvalidSide"
    status: OrderStatus = self.order_status[order_hash]
    assert not status.filled, "OrderAlreadyFilled"
    remaining: uint256 = order.makerAmount if status.remaining == 0 else status.remaining
    assert making != 0 and making <= remaining, "MakingGtRemaining"
    taking: uint256 = making * order.takerAmount // order.makerAmount
    cash: uint256 = making if order.side == BUY else taking
    assert fee * BPS <= cash * self.maxFeeRateBps, "FeeExceedsMaxRate"
    self.order_status[order_hash] = OrderStatus(filled=remaining == making, remaining=remaining - making)
    return taking


@internal
def _take(order: Order, making: uint256, fee: uint256):
    """
    @dev What the order gives comes to the exchange; a BUY's fee goes to the receiver on top.
    """
    if order.side == BUY:
        assert extcall IERC20(COLLATERAL).transferFrom(order.maker, self, making), "transfer failed"
        self._charge(order.maker, fee)
    else:
        extcall IConditionalTokens(CTF).safeTransferFrom(order.maker, self, order.tokenId, making, b"")


@internal
def _charge(payer: address, fee: uint256):
    if fee == 0:
        return
    if payer == self:
        assert extcall IERC20(COLLATERAL).transfer(self.feeReceiver, fee), "transfer failed"
    else:
        assert extcall IERC20(COLLATERAL).transferFrom(payer, self.feeReceiver, fee), "transfer failed"
    log FeeCharged(receiver=self.feeReceiver, amount=fee)


@internal
def _match(condition_id: bytes32, taker: Order, maker: Order, making: uint256, fee: uint256):
    """
    @dev BUY against SELL of one token trades it; BUY against BUY of complements mints a complete
         set; SELL against SELL of complements merges one.
    """
    assert self._is_crossing(taker, maker), "NotCrossing"
    order_hash: bytes32 = self._hash(maker)
    taking: uint256 = self._use(maker, order_hash, making, fee)
    self._take(maker, making, fee)
    if taker.side != maker.side:
        assert taker.tokenId == maker.tokenId, "MismatchedTokenIds"
    else:
        assert taker.tokenId != maker.tokenId, "MismatchedTokenIds"
        if maker.side == BUY:
            extcall ICollateralAdapter(ADAPTER).splitPosition(COLLATERAL, empty(bytes32), condition_id, [1, 2], taking)
        else:
            extcall ICollateralAdapter(ADAPTER).mergePositions(COLLATERAL, empty(bytes32), condition_id, [1, 2], making)
    if maker.side == BUY:
        extcall IConditionalTokens(CTF).safeTransferFrom(self, maker.maker, maker.tokenId, taking, b"")
    else:
        self._charge(self, fee)
        assert extcall IERC20(COLLATERAL).transfer(maker.maker, taking - fee), "transfer failed"
    self._log_fill(maker, order_hash, taker.maker, making, taking, fee)


@internal
@pure
def _is_crossing(a: Order, b: Order) -> bool:
    """
    @dev Prices cross-multiplied: a buyer pays what the seller asks; two buyers pay 1 together;
         two sellers ask at most 1 together.
    """
    if a.side == BUY and b.side == BUY:
        return a.makerAmount * b.takerAmount + b.makerAmount * a.takerAmount >= a.takerAmount * b.takerAmount
    if a.side == SELL and b.side == SELL:
        return a.takerAmount * b.makerAmount + b.takerAmount * a.makerAmount <= a.makerAmount * b.makerAmount
    if a.side == BUY:
        return a.makerAmount * b.makerAmount >= b.takerAmount * a.takerAmount
    return b.makerAmount * a.makerAmount >= a.takerAmount * b.takerAmount


@internal
def _log_fill(
    order: Order, order_hash: bytes32, taker: address, making: uint256, taking: uint256, fee: uint256
):
    log OrderFilled(
        orderHash=order_hash,
        maker=order.maker,
        taker=taker,
        side=order.side,
        tokenId=order.tokenId,
        makerAmountFilled=making,
        takerAmountFilled=taking,
        fee=fee,
        builder=order.builder,
        metadata=order.metadata,
    )
