# pragma version 0.4.3
"""
@title Exchange stand-in
@license AGPL-3.0-only
@author Strongroom
@notice Devnet only: matches signed orders as the venue's exchange V2 does (VENUE c): order struct
        and EIP-712 hash, signature types 0 (EOA), 1 and 2 (wallets derived from an EOA) and 3
        (EIP-1271), pre-approval, complementary, mint, merge and mixed matches, fees that the
        operator sets up to a maximum, pauses, roles, order status, events, and refusals as the
        venue's four-byte errors, in the venue's order of checks.
        Leaves out: more than MAX_MAKERS makers and longer signatures than MAX_SIGNATURE (both are
        empty reverts here), and the venue's gas tuning.
@dev Amounts have 6 decimals. `making` is what an order gives, in its own terms; `taking` what it
     gets for that, floor. An asset's id is an outcome token's, or 0 for the collateral.
@custom:security As on the venue, whoever is operator chooses fills and fees, and a pre-approval
                 outlives the signature that it was given for.
"""

from ethereum.ercs import IERC20

from contracts.devnet.modules import moving
from contracts.devnet.modules import token_receiver
from contracts.interfaces import ICollateralAdapter
from contracts.interfaces import IConditionalTokens

exports: token_receiver.__interface__


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


event FeeReceiverUpdated:
    feeReceiver: indexed(address)


event MaxFeeRateUpdated:
    maxFeeRate: uint256


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


event NewAdmin:
    newAdminAddress: indexed(address)
    admin: indexed(address)


event NewOperator:
    newOperatorAddress: indexed(address)
    admin: indexed(address)


event RemovedAdmin:
    removedAdmin: indexed(address)
    admin: indexed(address)


event RemovedOperator:
    removedOperator: indexed(address)
    admin: indexed(address)


MAX_SIGNATURE: constant(uint256) = 1280  # bytes: what a wallet sends whose account has a Safe of eight
MAX_MAKERS: constant(uint256) = 16  # orders in one match: bounds memory, so gas
MAX_PAUSE_INTERVAL: constant(uint256) = 302_400  # blocks
BPS: constant(uint256) = 10_000
MONEY: constant(uint256) = 0  # the collateral's id among the assets
BUY: constant(uint8) = 0
SELL: constant(uint8) = 1
EOA: constant(uint8) = 0
POLY_PROXY: constant(uint8) = 1
POLY_SAFE: constant(uint8) = 2
POLY_1271: constant(uint8) = 3
EIP1271_ANSWER: constant(bytes32) = (
    0x1626ba7e00000000000000000000000000000000000000000000000000000000
)
DOMAIN_NAME: constant(String[23]) = "Polymarket CTF Exchange"
DOMAIN_TYPEHASH: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
ORDER_TYPEHASH: constant(bytes32) = keccak256(
    "Order(uint256 salt,address maker,address signer,uint256 tokenId,uint256 makerAmount,uint256 takerAmount,uint8 side,uint8 signatureType,uint256 timestamp,bytes32 metadata,bytes32 builder)"
)

COLLATERAL: immutable(address)  # pUSD
CTF: immutable(address)  # ConditionalTokens
CTF_COLLATERAL: immutable(address)  # the collateral inside outcome tokens
ADAPTER: immutable(address)  # splits and merges between the two
PROXY_FACTORY: immutable(address)  # of wallets of signature type 1
PROXY_CODE_HASH: immutable(bytes32)
SAFE_FACTORY: immutable(address)  # of wallets of signature type 2
SAFE_CODE_HASH: immutable(bytes32)
VERSION: immutable(String[8])
DOMAIN: immutable(bytes32)

isAdmin: public(HashMap[address, bool])
isOperator: public(HashMap[address, bool])
paused: public(bool)
userPauseBlockInterval: public(uint256)  # blocks
userPausedBlockAt: public(HashMap[address, uint256])  # block from which on; 0: not paused
admins: uint256  # how many
fee_receiver: address
max_fee_rate: uint256  # bps; 0: no maximum
preapproved: HashMap[bytes32, bool]
status: HashMap[bytes32, uint256]  # order -> 248 bits left, 8 bits filled


@deploy
def __init__(
    ctf: address,
    ctf_collateral: address,
    collateral: address,
    adapter: address,
    proxy_factory: address,
    safe_factory: address,
    proxy_code_hash: bytes32,
    safe_code_hash: bytes32,
    version: String[8],
):
    """
    @param ctf ConditionalTokens
    @param ctf_collateral The collateral inside outcome tokens: USDC.e, or what wraps it
    @param collateral pUSD
    @param adapter Collateral adapter
    @param proxy_factory Of wallets of signature type 1; zero: they are refused
    @param safe_factory Of wallets of signature type 2; zero: they are refused
    @param proxy_code_hash Of the code that makes a wallet of type 1
    @param safe_code_hash Of the code that makes a wallet of type 2
    @param version EIP-712 domain version
    """
    CTF = ctf
    CTF_COLLATERAL = ctf_collateral
    COLLATERAL = collateral
    ADAPTER = adapter
    PROXY_FACTORY = proxy_factory
    PROXY_CODE_HASH = proxy_code_hash
    SAFE_FACTORY = safe_factory
    SAFE_CODE_HASH = safe_code_hash
    VERSION = version
    DOMAIN = keccak256(
        abi_encode(DOMAIN_TYPEHASH, keccak256(DOMAIN_NAME), keccak256(version), chain.id, self)
    )
    self.isAdmin[msg.sender] = True
    self.isOperator[msg.sender] = True
    self.admins = 1
    self.fee_receiver = msg.sender
    self.max_fee_rate = 500
    self.userPauseBlockInterval = 100
    extcall IERC20(collateral).approve(adapter, max_value(uint256))
    extcall IConditionalTokens(ctf).setApprovalForAll(adapter, True)


# Views


@external
@view
def eip712Domain() -> (bytes1, String[23], String[8], uint256, address, bytes32, DynArray[uint256, 1]):
    """
    @return ERC-5267: which fields there are, name, version, chain, contract, salt, extensions.
    """
    return 0x0f, DOMAIN_NAME, VERSION, chain.id, self, empty(bytes32), []


@external
@view
def getCollateral() -> address:
    """
    @return pUSD.
    """
    return COLLATERAL


@external
@view
def getCtf() -> address:
    """
    @return ConditionalTokens.
    """
    return CTF


@external
@view
def getCtfCollateral() -> address:
    """
    @return The collateral inside outcome tokens.
    """
    return CTF_COLLATERAL


@external
@view
def getOutcomeTokenFactory() -> address:
    """
    @return The collateral adapter.
    """
    return ADAPTER


@external
@view
def getProxyFactory() -> address:
    """
    @return The factory of wallets of signature type 1.
    """
    return PROXY_FACTORY


@external
@view
def getSafeFactory() -> address:
    """
    @return The factory of wallets of signature type 2.
    """
    return SAFE_FACTORY


@external
@view
def getFeeReceiver() -> address:
    """
    @return Who gets the fees.
    """
    return self.fee_receiver


@external
@view
def getMaxFeeRate() -> uint256:
    """
    @return The most that a fee may be, bps of the cash; 0: no maximum.
    """
    return self.max_fee_rate


@external
@view
def validateFee(fee: uint256, cash: uint256):
    """
    @notice Reverts if the fee is too high for the cash.
    """
    self._check_fee(fee, cash)


@external
@view
def hashOrder(order: Order) -> bytes32:
    """
    @return EIP-712 hash of the order.
    """
    self._check_enums(order)
    return self._hash(order)


@external
@view
def validateOrder(order: Order):
    """
    @notice Reverts unless the order could be matched as far as it alone says.
    """
    self._check_enums(order)
    order_hash: bytes32 = self._hash(order)
    if self.status[order_hash] & 255 != 0:
        raw_revert(method_id("OrderAlreadyFilled()"))
    self._check_order(order, order_hash)


@external
@view
def validateOrderSignature(order_hash: bytes32, order: Order):
    """
    @notice Reverts unless the order is signed, or pre-approved and without a signature.
    """
    self._check_enums(order)
    self._check_signed(order, order_hash)


@external
@view
def getOrderStatus(order_hash: bytes32) -> OrderStatus:
    """
    @return Whether the order is filled entirely, and its remaining maker amount (0 and not
            filled: untouched).
    """
    return self._status(order_hash)


@external
@view
def orderStatus(order_hash: bytes32) -> (bool, uint248):
    """
    @return The same as `getOrderStatus`, as two values.
    """
    status: OrderStatus = self._status(order_hash)
    return status.filled, status.remaining


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


# Users


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


# Operator


@external
def matchOrders(
    condition_id: bytes32,
    taker: Order,
    makers: DynArray[Order, MAX_MAKERS],
    taker_fill: uint256,
    maker_fills: DynArray[uint256, MAX_MAKERS],
    taker_fee: uint256,
    maker_fees: DynArray[uint256, MAX_MAKERS],
):
    """
    @notice Settles a taker order against maker orders. Operator only.
    @param taker_fill What the taker order gives, in its maker units; likewise the maker fills.
           Where all makers are on the other side it is no more than a limit
    @param taker_fee Collateral, on top for a BUY, out of the proceeds for a SELL; likewise the
           maker fees
    """
    self._check_enums(taker)
    for maker: Order in makers:
        self._check_enums(maker)
    self._check_operator()
    if self.paused:
        raw_revert(method_id("Paused()"))
    if len(makers) == 0:
        raw_revert(method_id("NoMakerOrders()"))
    if len(makers) != len(maker_fills) or len(makers) != len(maker_fees):
        raw_revert(method_id("MismatchedArrayLengths()"))
    ids: uint256[2] = self._position_ids(condition_id)
    if taker.tokenId not in ids:
        raw_revert(method_id("MismatchedTokenIds()"))
    complementary: bool = True
    for maker: Order in makers:
        if maker.tokenId not in ids:
            raw_revert(method_id("MismatchedTokenIds()"))
        if maker.side == taker.side:
            complementary = False

    fees: uint256 = 0  # of the makers, paid together
    if complementary:
        taker_hash: bytes32 = self._hash(taker)
        self._check_order(taker, taker_hash)
        given: uint256 = 0
        got: uint256 = 0
        for i: uint256 in range(len(makers), bound=MAX_MAKERS):
            taking: uint256 = self._trade(taker, makers[i], maker_fills[i], maker_fees[i])
            given = unsafe_add(given, taking)
            got = unsafe_add(got, maker_fills[i])
            fees = unsafe_add(fees, maker_fees[i])
        self._finish_trade(taker, taker_hash, taker_fill, given, got, taker_fee, fees)
        return

    taker_hash: bytes32 = empty(bytes32)
    least: uint256 = 0
    taker_hash, least = self._use(taker, taker_fill, taker_fee)
    gives: uint256 = taker.tokenId if taker.side == SELL else MONEY
    gets: uint256 = MONEY if taker.side == SELL else taker.tokenId
    self._move(
        taker.maker,
        self,
        gives,
        self._add(taker_fill, taker_fee if taker.side == BUY else 0),
    )
    before: uint256 = self._balance(gets)
    hashes: DynArray[bytes32, MAX_MAKERS] = []
    takings: DynArray[uint256, MAX_MAKERS] = []
    minted: uint256 = 0
    merged: uint256 = 0
    for i: uint256 in range(len(makers), bound=MAX_MAKERS):
        maker_hash: bytes32 = empty(bytes32)
        taking: uint256 = 0
        maker_hash, taking = self._take_in(taker, makers[i], maker_fills[i], maker_fees[i])
        hashes.append(maker_hash)
        takings.append(taking)
        if makers[i].side == taker.side:
            if taker.side == BUY:
                minted = unsafe_add(minted, taking)
            else:
                merged = unsafe_add(merged, maker_fills[i])
    if minted != 0:
        extcall ICollateralAdapter(ADAPTER).splitPosition(
            COLLATERAL, empty(bytes32), condition_id, [1, 2], minted
        )
    if merged != 0:
        extcall ICollateralAdapter(ADAPTER).mergePositions(
            COLLATERAL, empty(bytes32), condition_id, [1, 2], merged
        )
    for i: uint256 in range(len(makers), bound=MAX_MAKERS):
        self._pay_out(makers[i], hashes[i], taker.maker, maker_fills[i], takings[i], maker_fees[i])
        fees = unsafe_add(fees, maker_fees[i])
    self._finish(taker, taker_hash, taker_fill, least, before, taker_fee, fees)


@external
def preapproveOrder(order: Order):
    """
    @notice Checks an order's signature once; from then on an empty one passes. Operator only.
    """
    self._check_enums(order)
    self._check_operator()
    order_hash: bytes32 = self._hash(order)
    if not self._is_signed(order, order_hash):
        raw_revert(method_id("InvalidSignature()"))
    self.preapproved[order_hash] = True
    log OrderPreapproved(orderHash=order_hash)


@external
def invalidatePreapprovedOrder(order_hash: bytes32):
    """
    @notice Takes a pre-approval back. Operator only.
    """
    self._check_operator()
    self.preapproved[order_hash] = False
    log OrderPreapprovalInvalidated(orderHash=order_hash)


@external
def renounceOperatorRole():
    """
    @notice Ends the caller's being operator. Operator only.
    """
    self._check_operator()
    self.isOperator[msg.sender] = False
    log RemovedOperator(removedOperator=msg.sender, admin=msg.sender)


# Admin


@external
def pauseTrading():
    """
    @notice Stops all matching. Admin only.
    """
    self._check_admin()
    self.paused = True
    log TradingPaused(pauser=msg.sender)


@external
def unpauseTrading():
    """
    @notice Resumes matching. Admin only.
    """
    self._check_admin()
    self.paused = False
    log TradingUnpaused(pauser=msg.sender)


@external
def setUserPauseBlockInterval(interval: uint256):
    """
    @notice Sets how many blocks a user's pause waits. Admin only.
    """
    self._check_admin()
    if interval > MAX_PAUSE_INTERVAL:
        raw_revert(method_id("ExceedsMaxPauseInterval()"))
    log UserPauseBlockIntervalUpdated(
        oldInterval=self.userPauseBlockInterval, newInterval=interval
    )
    self.userPauseBlockInterval = interval


@external
def setFeeReceiver(receiver: address):
    """
    @notice Names who gets the fees. Admin only.
    """
    self._check_admin()
    self.fee_receiver = receiver
    log FeeReceiverUpdated(feeReceiver=receiver)


@external
def setMaxFeeRate(rate: uint256):
    """
    @notice Sets the most that a fee may be, bps of the cash; 0: no maximum. Admin only.
    """
    self._check_admin()
    if rate >= BPS:
        raw_revert(method_id("MaxFeeRateExceedsCeiling()"))
    self.max_fee_rate = rate
    log MaxFeeRateUpdated(maxFeeRate=rate)


@external
def addAdmin(account: address):
    """
    @notice Makes an admin. Admin only.
    """
    self._check_admin()
    if self.isAdmin[account]:
        raw_revert(method_id("AlreadyAdmin()"))
    self.admins += 1
    self.isAdmin[account] = True
    log NewAdmin(newAdminAddress=account, admin=msg.sender)


@external
def removeAdmin(account: address):
    """
    @notice Removes an admin, but not the last. Admin only.
    """
    self._check_admin()
    if not self.isAdmin[account]:
        raw_revert(method_id("NotAdmin()"))
    if self.admins == 1:
        raw_revert(method_id("LastAdmin()"))
    self.admins -= 1
    self.isAdmin[account] = False
    log RemovedAdmin(removedAdmin=account, admin=msg.sender)


@external
def addOperator(account: address):
    """
    @notice Makes an operator. Admin only.
    """
    self._check_admin()
    if self.isOperator[account]:
        raw_revert(method_id("AlreadyOperator()"))
    self.isOperator[account] = True
    log NewOperator(newOperatorAddress=account, admin=msg.sender)


@external
def removeOperator(account: address):
    """
    @notice Removes an operator. Admin only.
    """
    self._check_admin()
    if not self.isOperator[account]:
        raw_revert(method_id("NotOperator()"))
    self.isOperator[account] = False
    log RemovedOperator(removedOperator=account, admin=msg.sender)


# Internal: who may


@internal
@view
def _check_operator():
    if not self.isOperator[msg.sender]:
        raw_revert(method_id("NotOperator()"))


@internal
@view
def _check_admin():
    if not self.isAdmin[msg.sender]:
        raw_revert(method_id("NotAdmin()"))


# Internal: one order


@internal
@pure
def _check_enums(order: Order):
    """
    @dev What the venue's decoder refuses, without an error.
    """
    assert order.side <= SELL and order.signatureType <= POLY_1271


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
def _status(order_hash: bytes32) -> OrderStatus:
    packed: uint256 = self.status[order_hash]
    return OrderStatus(filled=packed & 255 != 0, remaining=convert(packed >> 8, uint248))


@internal
@view
def _is_user_paused(user: address) -> bool:
    at: uint256 = self.userPausedBlockAt[user]
    return at != 0 and block.number >= at


@internal
@view
def _check_order(order: Order, order_hash: bytes32):
    if order.makerAmount == 0:
        raw_revert(method_id("ZeroMakerAmount()"))
    self._check_signed(order, order_hash)
    if self._is_user_paused(order.maker):
        raw_revert(method_id("UserIsPaused()"))


@internal
@view
def _check_signed(order: Order, order_hash: bytes32):
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
    if order.signatureType == POLY_SAFE:
        return self._safe_of(order.signer) == order.maker
    return self._proxy_of(order.signer) == order.maker


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
@pure
def _is_by(signer: address, order_hash: bytes32, signature: Bytes[MAX_SIGNATURE]) -> bool:
    """
    @dev 65 bytes with v 27 or 28, or EIP-2098's 64; a mirrored s is taken.
    """
    v: uint256 = 0
    s: uint256 = 0
    if len(signature) == 65:
        s = convert(extract32(signature, 32), uint256)
        v = convert(slice(signature, 64, 1), uint256)
    elif len(signature) == 64:
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
    return self._create2(PROXY_FACTORY, keccak256(slice(convert(signer, bytes32), 12, 20)), PROXY_CODE_HASH)


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


@internal
def _use_up(order: Order, order_hash: bytes32, making: uint256):
    """
    @dev Filled is what has nothing left; a fill of nothing leaves an order open.
    """
    packed: uint256 = self.status[order_hash]
    if packed & 255 != 0:
        raw_revert(method_id("OrderAlreadyFilled()"))
    left: uint256 = packed >> 8
    if left == 0:
        left = order.makerAmount
    if making > left:
        raw_revert(method_id("MakingGtRemaining()"))
    left -= making
    self.status[order_hash] = left << 8 | convert(left == 0, uint256)


@internal
@view
def _taking(order: Order, making: uint256, fee: uint256) -> uint256:
    """
    @notice Checks the fee of `making`.
    @return What the order gets for it, in its taker units.
    """
    taking: uint256 = self._mul(making, order.takerAmount) // order.makerAmount
    self._check_fee(fee, making if order.side == BUY else taking)
    return taking


@internal
@view
def _check_fee(fee: uint256, cash: uint256):
    rate: uint256 = self.max_fee_rate
    if fee != 0 and rate != 0 and fee > self._mul(cash, rate) // BPS:
        raw_revert(method_id("FeeExceedsMaxRate()"))


@internal
def _use(order: Order, making: uint256, fee: uint256) -> (bytes32, uint256):
    """
    @notice Checks an order and uses up `making` of it.
    @return Its hash, and what it gets.
    """
    order_hash: bytes32 = self._hash(order)
    self._check_order(order, order_hash)
    self._use_up(order, order_hash, making)
    return order_hash, self._taking(order, making, fee)


# Internal: two orders


@internal
@view
def _position_ids(condition_id: bytes32) -> uint256[2]:
    ids: uint256[2] = [0, 0]
    for i: uint256 in range(2):
        collection: bytes32 = staticcall IConditionalTokens(CTF).getCollectionId(
            empty(bytes32), condition_id, i + 1
        )
        ids[i] = convert(keccak256(concat(convert(CTF_COLLATERAL, bytes20), collection)), uint256)
    return ids


@internal
@pure
def _check_crossing(taker: Order, maker: Order):
    """
    @dev Prices cross-multiplied: a buyer pays what the seller asks; two buyers pay 1 together;
         two sellers ask at most 1 together.
    """
    if (taker.side != maker.side) != (taker.tokenId == maker.tokenId):
        raw_revert(method_id("MismatchedTokenIds()"))
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
def _trade(taker: Order, maker: Order, making: uint256, fee: uint256) -> uint256:
    """
    @dev Wallet to wallet at the maker's price; a seller's proceeds wait here for its fee.
    @return What the maker gets, which the taker gives.
    """
    self._check_crossing(taker, maker)
    maker_hash: bytes32 = empty(bytes32)
    taking: uint256 = 0
    maker_hash, taking = self._use(maker, making, fee)
    if taker.side == BUY:
        self._move(maker.maker, taker.maker, maker.tokenId, making)
        proceeds: uint256 = self._less_fee(taking, fee)
        self._log_fee(fee)
        self._move(taker.maker, maker.maker, MONEY, proceeds)
    else:
        self._move(taker.maker, maker.maker, taker.tokenId, taking)
        self._move(maker.maker, self, MONEY, self._add(making, fee))
        self._log_fee(fee)
    self._log_fill(maker, maker_hash, taker.maker, making, taking, fee)
    return taking


@internal
def _finish_trade(
    taker: Order,
    taker_hash: bytes32,
    limit: uint256,
    given: uint256,
    got: uint256,
    fee: uint256,
    maker_fees: uint256,
):
    """
    @dev The taker order is judged by what was executed, and only that is used up.
    """
    if given > limit:
        raw_revert(method_id("ComplementaryFillExceedsTakerFill()"))
    if got < self._taking(taker, given, fee):
        raw_revert(method_id("TooLittleTokensReceived()"))
    self._use_up(taker, taker_hash, given)
    if taker.side == BUY:
        self._log_fee(fee)
    else:
        proceeds: uint256 = self._less_fee(got, fee)
        self._log_fee(fee)
        self._move(self, taker.maker, MONEY, proceeds)
    self._log_match(taker, taker_hash, given, got, fee)
    fees: uint256 = self._add(maker_fees, fee)
    if fees != 0:
        self._move(taker.maker if taker.side == BUY else self, self.fee_receiver, MONEY, fees)


@internal
def _take_in(taker: Order, maker: Order, making: uint256, fee: uint256) -> (bytes32, uint256):
    """
    @dev What the maker gives comes to the exchange, a BUY's fee with it.
    @return The maker order's hash, and what it gets.
    """
    self._check_crossing(taker, maker)
    maker_hash: bytes32 = empty(bytes32)
    taking: uint256 = 0
    maker_hash, taking = self._use(maker, making, fee)
    if maker.side == BUY:
        self._move(maker.maker, self, MONEY, self._add(making, fee))
    else:
        self._move(maker.maker, self, maker.tokenId, making)
    return maker_hash, taking


@internal
def _pay_out(
    maker: Order, maker_hash: bytes32, taker: address, making: uint256, taking: uint256, fee: uint256
):
    if maker.side == BUY:
        self._move(self, maker.maker, maker.tokenId, taking)
    else:
        self._move(self, maker.maker, MONEY, self._less_fee(taking, fee))
    self._log_fee(fee)
    self._log_fill(maker, maker_hash, taker, making, taking, fee)


@internal
def _finish(
    taker: Order,
    taker_hash: bytes32,
    making: uint256,
    least: uint256,
    before: uint256,
    fee: uint256,
    maker_fees: uint256,
):
    """
    @dev What came in beyond the start is the taker's, and all that is here of what it gave,
         whoever left it here.
    """
    fees: uint256 = maker_fees
    if taker.side == BUY:
        fees = self._add(fees, fee)
        self._log_fee(fee)
    if fees != 0:
        self._move(self, self.fee_receiver, MONEY, fees)
    gives: uint256 = taker.tokenId if taker.side == SELL else MONEY
    gets: uint256 = MONEY if taker.side == SELL else taker.tokenId
    after: uint256 = self._balance(gets)
    if after < self._add(least, before):
        raw_revert(method_id("TooLittleTokensReceived()"))
    taking: uint256 = after - before
    self._move(
        self, taker.maker, gets, self._less_fee(taking, fee) if taker.side == SELL else taking
    )
    if taker.side == SELL:
        self._log_fee(fee)
    left: uint256 = self._balance(gives)
    if left != 0:
        self._move(self, taker.maker, gives, left)
    self._log_match(taker, taker_hash, making, taking, fee)
    if taker.side == SELL and fee != 0:
        self._move(self, self.fee_receiver, MONEY, fee)


# Internal: assets, arithmetic, events


@internal
@view
def _balance(id: uint256) -> uint256:
    if id == MONEY:
        return staticcall IERC20(COLLATERAL).balanceOf(self)
    return staticcall IConditionalTokens(CTF).balanceOf(self, id)


@internal
def _move(sender: address, to: address, id: uint256, amount: uint256):
    if id != MONEY:
        extcall IConditionalTokens(CTF).safeTransferFrom(sender, to, id, amount, b"")
    elif sender == self:
        moving._pay(COLLATERAL, to, amount)
    else:
        moving._pull(COLLATERAL, sender, to, amount)


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
        self._overflow()
    return unsafe_add(a, b)


@internal
@pure
def _mul(a: uint256, b: uint256) -> uint256:
    product: uint256 = unsafe_mul(a, b)
    if a != 0 and product // a != b:
        self._overflow()
    return product


@internal
@pure
def _overflow():
    raw_revert(concat(method_id("Panic(uint256)"), convert(17, bytes32)))


@internal
def _log_fee(fee: uint256):
    if fee != 0:
        log FeeCharged(receiver=self.fee_receiver, amount=fee)


@internal
def _log_match(order: Order, order_hash: bytes32, making: uint256, taking: uint256, fee: uint256):
    self._log_fill(order, order_hash, self, making, taking, fee)
    log OrdersMatched(
        takerOrderHash=order_hash,
        takerOrderMaker=order.maker,
        side=order.side,
        tokenId=order.tokenId,
        makerAmountFilled=making,
        takerAmountFilled=taking,
    )


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
