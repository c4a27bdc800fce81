# pragma version 0.4.3
"""
@title Orders of the venue's exchanges
@license AGPL-3.0-only
@author Strongroom
@notice Devnet only: what exchange V2 and Exchange V3 have in common (VENUE c, d4): order struct
        and EIP-712 hash, signature types 0 (EOA), 1 and 2 (wallets derived from an EOA) and 3
        (EIP-1271), pre-approval, pauses of users and of trading, prices that meet, events.
@dev Of a key's signature V2 takes 65 bytes with v 27 or 28 and EIP-2098's 64, V3 65 bytes with v
     0, 1, 27 or 28; both take a mirrored s. Overflow is the panic of the venue's compiler.
"""


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
    remaining: uint248


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


event UserPauseBlockIntervalUpdated:
    oldInterval: uint256
    newInterval: uint256


event TradingPaused:
    pauser: indexed(address)


event TradingUnpaused:
    pauser: indexed(address)


MAX_SIGNATURE: constant(uint256) = 1280  # bytes: what a wallet sends whose account has a Safe of eight
MAX_MAKERS: constant(uint256) = 16  # orders in one match: bounds memory, so gas
MAX_PAUSE_INTERVAL: constant(uint256) = 302_400  # blocks
BPS: constant(uint256) = 10_000
BUY: constant(uint8) = 0
SELL: constant(uint8) = 1
EOA: constant(uint8) = 0
POLY_PROXY: constant(uint8) = 1
POLY_1271: constant(uint8) = 3
EIP1271_ANSWER: constant(bytes32) = (
    0x1626ba7e00000000000000000000000000000000000000000000000000000000
)
OVERFLOW: constant(Bytes[36]) = (  # Panic(0x11)
    x"4e487b710000000000000000000000000000000000000000000000000000000000000011"
)
DOMAIN_NAME: constant(String[23]) = "Polymarket CTF Exchange"
DOMAIN_TYPEHASH: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
ORDER_TYPEHASH: constant(bytes32) = keccak256(
    "Order(uint256 salt,address maker,address signer,uint256 tokenId,uint256 makerAmount,uint256 takerAmount,uint8 side,uint8 signatureType,uint256 timestamp,bytes32 metadata,bytes32 builder)"
)

VERSION: immutable(String[8])
DOMAIN: immutable(bytes32)
COMPACT: immutable(bool)  # takes EIP-2098's 64 bytes, and no v of 0 or 1
PROXY_FACTORY: immutable(address)  # of wallets of signature type 1
SAFE_FACTORY: immutable(address)  # of wallets of signature type 2
PROXY_CODE_HASH: immutable(bytes32)
SAFE_CODE_HASH: immutable(bytes32)

paused: public(bool)
userPauseBlockInterval: public(uint256)  # blocks
userPausedBlockAt: public(HashMap[address, uint256])  # block from which on; 0: not paused
preapproved: HashMap[bytes32, bool]


@deploy
def __init__(
    version: String[8],
    compact: bool,
    proxy_factory: address,
    safe_factory: address,
    proxy_code_hash: bytes32,
    safe_code_hash: bytes32,
):
    """
    @param version EIP-712 domain version
    @param compact Which signatures of a key pass, see above: V2's
    @param proxy_factory Of wallets of signature type 1; zero: they are refused
    @param safe_factory Of wallets of signature type 2; zero: they are refused
    @param proxy_code_hash Of the code that makes a wallet of type 1
    @param safe_code_hash Of the code that makes a wallet of type 2
    """
    VERSION = version
    COMPACT = compact
    PROXY_FACTORY = proxy_factory
    SAFE_FACTORY = safe_factory
    PROXY_CODE_HASH = proxy_code_hash
    SAFE_CODE_HASH = safe_code_hash
    DOMAIN = keccak256(
        abi_encode(DOMAIN_TYPEHASH, keccak256(DOMAIN_NAME), keccak256(version), chain.id, self)
    )
    self.userPauseBlockInterval = 100


@external
@view
def isUserPaused(user: address) -> bool:
    """
    @return Whether the user's pause is in effect.
    """
    return self._is_user_paused(user)


@external
@view
def getProxyWalletAddress(signer: address) -> address:
    """
    @return The wallet of signature type 1 that belongs to an EOA.
    """
    return self._proxy_of(signer)


@external
@view
def getSafeWalletAddress(signer: address) -> address:
    """
    @return The wallet of signature type 2 that belongs to an EOA.
    """
    return self._safe_of(signer)


@external
def pauseUser():
    """
    @notice Refuses the caller's orders from userPauseBlockInterval blocks on.
    """
    if self.userPausedBlockAt[msg.sender] != 0:
        raw_revert(method_id("UserAlreadyPaused()"))
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


# For admins and operators: whoever calls has checked who it is


@internal
def _pause():
    self.paused = True
    log TradingPaused(pauser=msg.sender)


@internal
def _unpause():
    self.paused = False
    log TradingUnpaused(pauser=msg.sender)


@internal
def _set_interval(interval: uint256):
    if interval > MAX_PAUSE_INTERVAL:
        raw_revert(method_id("ExceedsMaxPauseInterval()"))
    log UserPauseBlockIntervalUpdated(oldInterval=self.userPauseBlockInterval, newInterval=interval)
    self.userPauseBlockInterval = interval


@internal
def _preapprove(order: Order):
    """
    @notice Checks an order's signature once; from then on an empty one passes.
    """
    order_hash: bytes32 = self._hash(order)
    if not self._is_signed(order, order_hash):
        raw_revert(method_id("InvalidSignature()"))
    self.preapproved[order_hash] = True
    log OrderPreapproved(orderHash=order_hash)


@internal
def _invalidate(order_hash: bytes32):
    self.preapproved[order_hash] = False
    log OrderPreapprovalInvalidated(orderHash=order_hash)


# One order


@internal
@pure
def _check_enums(order: Order):
    """
    @dev What the venue's decoder refuses, without an error.
    """
    assert order.side <= SELL and order.signatureType <= POLY_1271


@internal
@view
def _check_running():
    if self.paused:
        raw_revert(method_id("Paused()"))


@internal
@view
def _is_user_paused(user: address) -> bool:
    at: uint256 = self.userPausedBlockAt[user]
    return at != 0 and block.number >= at


@internal
@view
def _check_user(user: address):
    if self._is_user_paused(user):
        raw_revert(method_id("UserIsPaused()"))


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
def _check_signed(order: Order, order_hash: bytes32):
    """
    @notice Reverts unless the order is signed, or pre-approved and without a signature.
    """
    signed: bool = False
    if len(order.signature) == 0:
        signed = self.preapproved[order_hash]
    else:
        signed = self._is_signed(order, order_hash)
    if not signed:
        raw_revert(method_id("InvalidSignature()"))


@internal
@view
def _is_signed(order: Order, order_hash: bytes32) -> bool:
    if order.signatureType == POLY_1271:
        return (
            order.signer == order.maker
            and order.maker.is_contract
            and self._says_yes(order.maker, order_hash, order.signature)
        )
    if not self._is_by(order.signer, order_hash, order.signature):
        return False
    if order.signatureType == EOA:
        return order.signer == order.maker
    if order.signatureType == POLY_PROXY:
        return self._proxy_of(order.signer) == order.maker
    return self._safe_of(order.signer) == order.maker


@internal
@view
def _says_yes(wallet: address, order_hash: bytes32, signature: Bytes[MAX_SIGNATURE]) -> bool:
    success: bool = False
    answer: Bytes[32] = b""
    success, answer = raw_call(
        wallet,
        abi_encode(order_hash, signature, method_id=method_id("isValidSignature(bytes32,bytes)")),
        max_outsize=32,
        is_static_call=True,
        revert_on_failure=False,
    )
    return success and len(answer) == 32 and convert(answer, bytes32) == EIP1271_ANSWER


@internal
@view
def _is_by(signer: address, order_hash: bytes32, signature: Bytes[MAX_SIGNATURE]) -> bool:
    v: uint256 = 0
    s: uint256 = 0
    if len(signature) == 65:
        s = convert(extract32(signature, 32), uint256)
        v = convert(slice(signature, 64, 1), uint256)
        if not COMPACT and v < 2:
            v += 27
    elif COMPACT and len(signature) == 64:
        packed: uint256 = convert(extract32(signature, 32), uint256)
        s = packed & (max_value(uint256) >> 1)
        v = 27 + (packed >> 255)
    if v != 27 and v != 28:
        return False
    r: uint256 = convert(extract32(signature, 0), uint256)
    found: address = ecrecover(order_hash, v, r, s)
    return found != empty(address) and found == signer


@internal
@view
def _proxy_of(signer: address) -> address:
    salt: bytes32 = keccak256(slice(convert(signer, bytes32), 12, 20))
    return self._create2(PROXY_FACTORY, salt, PROXY_CODE_HASH)


@internal
@view
def _safe_of(signer: address) -> address:
    return self._create2(SAFE_FACTORY, keccak256(abi_encode(signer)), SAFE_CODE_HASH)


@internal
@pure
def _create2(factory: address, salt: bytes32, code_hash: bytes32) -> address:
    if factory == empty(address):
        return empty(address)
    found: bytes32 = keccak256(concat(b"\xff", convert(factory, bytes20), salt, code_hash))
    return convert(convert(found, uint256) & convert(max_value(uint160), uint256), address)


# Prices and arithmetic


@internal
@pure
def _check_prices(taker: Order, maker: Order):
    """
    @dev Cross-multiplied: a buyer pays what the seller asks; two buyers pay 1 together; two sellers
         ask at most 1 together.
    """
    crossing: bool = False
    if taker.side != maker.side:
        crossing = self._mul(taker.makerAmount, maker.makerAmount) >= self._mul(
            taker.takerAmount, maker.takerAmount
        )
    else:
        sum: uint256 = self._add(
            self._mul(taker.takerAmount, maker.makerAmount),
            self._mul(maker.takerAmount, taker.makerAmount),
        )
        if taker.side == BUY:
            crossing = sum >= self._mul(taker.takerAmount, maker.takerAmount)
        else:
            crossing = sum <= self._mul(taker.makerAmount, maker.makerAmount)
    if not crossing:
        raw_revert(method_id("NotCrossing()"))


@internal
@pure
def _check_fee(fee: uint256, cash: uint256, rate: uint256):
    """
    @param rate The most that a fee may be, bps of `cash`; 0: no maximum
    """
    if fee != 0 and rate != 0 and fee > self._mul(cash, rate) // BPS:
        raw_revert(method_id("FeeExceedsMaxRate()"))


@internal
@pure
def _less_fee(proceeds: uint256, fee: uint256) -> uint256:
    if fee > proceeds:
        raw_revert(method_id("FeeExceedsProceeds()"))
    return proceeds - fee


@internal
@pure
def _add(a: uint256, b: uint256) -> uint256:
    if a > max_value(uint256) - b:
        raw_revert(OVERFLOW)
    return unsafe_add(a, b)


@internal
@pure
def _sub(a: uint256, b: uint256) -> uint256:
    if b > a:
        raw_revert(OVERFLOW)
    return unsafe_sub(a, b)


@internal
@pure
def _mul(a: uint256, b: uint256) -> uint256:
    product: uint256 = unsafe_mul(a, b)
    if a != 0 and product // a != b:
        raw_revert(OVERFLOW)
    return product


# Events


@internal
def _log_fee(receiver: address, fee: uint256):
    if fee != 0:
        log FeeCharged(receiver=receiver, amount=fee)


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


@internal
def _log_match(order: Order, order_hash: bytes32, making: uint256, taking: uint256, fee: uint256):
    """
    @notice Tells the taker's fill, whose other side is the exchange, and the match.
    """
    self._log_fill(order, order_hash, self, making, taking, fee)
    log OrdersMatched(
        takerOrderHash=order_hash,
        takerOrderMaker=order.maker,
        side=order.side,
        tokenId=order.tokenId,
        makerAmountFilled=making,
        takerAmountFilled=taking,
    )
