# pragma version 0.4.3
"""
@title Exchange V3 stand-in
@license AGPL-3.0-only
@author Strongroom
@notice Devnet only: the exchange of the venue's second protocol (VENUE d4). Orders have the words
        of the first one's and a domain of version 3; positions move in the PositionManager, and
        complements are made and merged by their module. Leaves out the owner's upgrade.
@dev A match runs in one of two ways. *Directly*, wallet to wallet, where every maker is on the
     other side of the same token. *Together*, through this contract and the module, where one is
     not: what buyers pay and sellers give is collected, complete sets are made or merged, then
     all are paid. Either way the taker's receipt must be what the operator said, and his order
     counts what was truly spent.
"""

from contracts.devnet.modules import moving
from contracts.devnet.modules import venue_roles
from contracts.interfaces import IPositionManager
from contracts.modules import position_ids as ids

initializes: venue_roles

exports: venue_roles.__interface__


interface IModule:
    def split(recipients: DynArray[address, 2], condition: bytes31, amount: uint256): nonpayable
    def merge(recipient: address, condition: bytes31, amount: uint256): nonpayable


interface ICombinations:
    def prepareCondition(legs: DynArray[uint256, MAX_LEGS]) -> bytes31: nonpayable


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


struct TakerAmounts:
    takerFillAmount: uint256
    takerReceiveAmount: uint256
    takerFeeAmount: uint256


# A maker's part of a match, checked: what he gives and gets, in his own units, and his fee.
struct Fill:
    order_hash: bytes32
    making: uint256
    taking: uint256
    fee: uint256


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


event TradingPaused:
    pauser: indexed(address)


event TradingUnpaused:
    pauser: indexed(address)


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


MAX_SIGNATURE: constant(uint256) = 1024  # bytes
MAX_MAKERS: constant(uint256) = 16  # orders in one match: bounds its gas
MAX_LEGS: constant(uint256) = 50
MAX_PAUSE_INTERVAL: constant(uint256) = 302_400  # blocks
BPS: constant(uint256) = 10_000
BUY: constant(uint8) = 0
SELL: constant(uint8) = 1
EOA: constant(uint8) = 0
POLY_PROXY: constant(uint8) = 1
POLY_SAFE: constant(uint8) = 2
POLY_1271: constant(uint8) = 3
EIP1271_ANSWER: constant(bytes32) = (
    0x1626ba7e00000000000000000000000000000000000000000000000000000000
)
OVERFLOW: constant(Bytes[36]) = (  # Panic(0x11), as the venue's compiler has it
    x"4e487b710000000000000000000000000000000000000000000000000000000000000011"
)
DOMAIN_TYPEHASH: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
ORDER_TYPEHASH: constant(bytes32) = keccak256(
    "Order(uint256 salt,address maker,address signer,uint256 tokenId,uint256 makerAmount,uint256 takerAmount,uint8 side,uint8 signatureType,uint256 timestamp,bytes32 metadata,bytes32 builder)"
)

POSITION_MANAGER: public(immutable(address))
COLLATERAL_TOKEN: public(immutable(address))
COMBINATORIAL_MODULE: public(immutable(address))
FEE_RECEIVER: public(immutable(address))
MAX_FEE_RATE: public(immutable(uint256))  # bps; 0: no bound
PROXY_FACTORY: immutable(address)  # of wallets of type 1
SAFE_FACTORY: immutable(address)  # of wallets of type 2
PROXY_CODE: immutable(bytes32)  # hash of their creation code
SAFE_CODE: immutable(bytes32)
DOMAIN: immutable(bytes32)

paused: public(bool)
userPauseBlockInterval: public(uint256)
userPausedBlockAt: public(HashMap[address, uint256])
preapproved: public(HashMap[bytes32, bool])
orderStatus: public(HashMap[bytes32, OrderStatus])


@deploy
def __init__(
    position_manager: address,
    combinatorial_module: address,
    fee_receiver: address,
    max_fee_rate: uint256,
    proxy_factory: address,
    safe_factory: address,
    proxy_code: bytes32,
    safe_code: bytes32,
):
    """
    @param position_manager The ledger
    @param combinatorial_module Prepares combinations
    @param fee_receiver Who gets the fees
    @param max_fee_rate Most of a fill's cash that a fee may be, bps; 0: no bound
    @param proxy_factory Makes wallets of type 1, with the creation code whose hash is `proxy_code`
    @param safe_factory Makes wallets of type 2, likewise
    """
    venue_roles.__init__()
    if max_fee_rate > BPS:
        raw_revert(method_id("MaxFeeRateExceedsCeiling()"))
    POSITION_MANAGER = position_manager
    COLLATERAL_TOKEN = staticcall IPositionManager(position_manager).COLLATERAL_TOKEN()
    COMBINATORIAL_MODULE = combinatorial_module
    FEE_RECEIVER = fee_receiver
    MAX_FEE_RATE = max_fee_rate
    PROXY_FACTORY = proxy_factory
    SAFE_FACTORY = safe_factory
    PROXY_CODE = proxy_code
    SAFE_CODE = safe_code
    DOMAIN = keccak256(
        abi_encode(
            DOMAIN_TYPEHASH, keccak256("Polymarket CTF Exchange"), keccak256("3"), chain.id, self
        )
    )
    self.userPauseBlockInterval = 100


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
def getOrderStatus(order_hash: bytes32) -> OrderStatus:
    """
    @return Whether the order is filled entirely, and its remaining maker amount (0 and not
            filled: untouched).
    """
    return self.orderStatus[order_hash]


@external
@view
def validateOrder(order: Order):
    """
    @notice Reverts if the order is filled, its maker paused, or its signature wrong.
    """
    order_hash: bytes32 = self._hash(order)
    if self.orderStatus[order_hash].filled:
        raw_revert(method_id("OrderAlreadyFilled()"))
    if self._user_paused(order.maker):
        raw_revert(method_id("UserIsPaused()"))
    self._check_signature(order, order_hash)


@external
@view
def validateFee(fee: uint256, cash: uint256):
    """
    @notice Reverts if the fee is above the highest rate of `cash`.
    """
    self._check_fee(fee, cash)


@external
@view
def isUserPaused(user: address) -> bool:
    """
    @return Whether the user's pause is in effect.
    """
    return self._user_paused(user)


@external
@view
def isAdmin(user: address) -> bool:
    """
    @return Whether `user` may pause and name operators.
    """
    return venue_roles._has(user, venue_roles.ADMIN)


@external
@view
def isOperator(user: address) -> bool:
    """
    @return Whether `user` may match orders.
    """
    return venue_roles._has(user, venue_roles.OPERATOR)


@external
@view
def getProxyWalletAddress(signer: address) -> address:
    """
    @return The signer's wallet of type 1.
    """
    return self._proxy_of(signer)


@external
@view
def getSafeWalletAddress(signer: address) -> address:
    """
    @return The signer's wallet of type 2.
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


# Admins


@external
def pauseTrading():
    """
    @notice Stops all matching. Admin only.
    """
    venue_roles._check(venue_roles.ADMIN)
    self.paused = True
    log TradingPaused(pauser=msg.sender)


@external
def unpauseTrading():
    """
    @notice Resumes it. Admin only.
    """
    venue_roles._check(venue_roles.ADMIN)
    self.paused = False
    log TradingUnpaused(pauser=msg.sender)


@external
def setUserPauseBlockInterval(interval: uint256):
    """
    @notice Sets the blocks until a user's pause works. Admin only.
    """
    venue_roles._check(venue_roles.ADMIN)
    if interval > MAX_PAUSE_INTERVAL:
        raw_revert(method_id("ExceedsMaxPauseInterval()"))
    log UserPauseBlockIntervalUpdated(oldInterval=self.userPauseBlockInterval, newInterval=interval)
    self.userPauseBlockInterval = interval


# Operators


@external
def preapproveOrder(order: Order):
    """
    @notice Checks an order's signature once; from then on an empty one passes. Operator only.
    """
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
    @notice Gives the caller's role back. Operator only.
    """
    self._check_operator()
    venue_roles._take(msg.sender, venue_roles.OPERATOR)


@external
@nonreentrant
def matchOrders(
    taker: Order,
    makers: DynArray[Order, MAX_MAKERS],
    fills: DynArray[uint256, MAX_MAKERS],
    fees: DynArray[uint256, MAX_MAKERS],
    amounts: TakerAmounts,
):
    """
    @notice Settles a taker order against maker orders. Operator only.
    @param fills What each maker gives, in his units
    @param fees What each maker is charged, collateral
    @param amounts The most that the taker gives, what he receives, his fee
    """
    self._check_operator()
    self._check_running()
    self._match_orders(taker, makers, fills, fees, amounts)


@external
@nonreentrant
def matchOrdersAndPrepareCombinatorial(
    taker: Order,
    makers: DynArray[Order, MAX_MAKERS],
    fills: DynArray[uint256, MAX_MAKERS],
    fees: DynArray[uint256, MAX_MAKERS],
    amounts: TakerAmounts,
    legs: DynArray[uint256, MAX_LEGS],
):
    """
    @notice Prepares the combination that the taker's token belongs to, then does the same.
    """
    self._check_operator()
    self._check_running()
    condition: bytes31 = extcall ICombinations(COMBINATORIAL_MODULE).prepareCondition(legs)
    if condition != ids._condition(taker.tokenId):
        raw_revert(method_id("InvalidTokenId()"))
    self._match_orders(taker, makers, fills, fees, amounts)


# Internal: a match


@internal
def _match_orders(
    taker: Order,
    makers: DynArray[Order, MAX_MAKERS],
    fills: DynArray[uint256, MAX_MAKERS],
    fees: DynArray[uint256, MAX_MAKERS],
    amounts: TakerAmounts,
):
    if len(makers) == 0:
        raw_revert(method_id("NoMakerOrders()"))
    if len(makers) != len(fills) or len(makers) != len(fees):
        raw_revert(method_id("MismatchedArrayLengths()"))
    if ids._outcome(taker.tokenId) > 1:
        raw_revert(method_id("InvalidTokenId()"))

    direct: bool = True
    for maker: Order in makers:
        if maker.side == taker.side or maker.tokenId != taker.tokenId:
            direct = False
    taker_hash: bytes32 = self._hash(taker)
    self._check_order(taker, taker_hash, amounts.takerFillAmount)

    spent: uint256 = amounts.takerFillAmount
    if direct:
        spent = self._match_directly(taker, makers, fills, fees, amounts)
    elif taker.side == BUY:
        spent = self._buy_together(taker, makers, fills, fees, amounts)
    else:
        self._sell_together(taker, makers, fills, fees, amounts)
    received: uint256 = amounts.takerReceiveAmount

    self._check_fee(amounts.takerFeeAmount, spent if taker.side == BUY else received)
    self._use(taker, taker_hash, spent)
    if direct:
        # the fees of a seller's match lie here, those of a buyer's come from him
        self._log_fee(amounts.takerFeeAmount)
        charged: uint256 = amounts.takerFeeAmount
        for fee: uint256 in fees:
            charged += fee
        if charged != 0 and taker.side == BUY:
            moving._pull(COLLATERAL_TOKEN, taker.maker, FEE_RECEIVER, charged)
        elif charged != 0:
            moving._pay(COLLATERAL_TOKEN, FEE_RECEIVER, charged)
    self._log_fill(taker, self, Fill(order_hash=taker_hash, making=spent, taking=received, fee=amounts.takerFeeAmount))
    log OrdersMatched(
        takerOrderHash=taker_hash,
        takerOrderMaker=taker.maker,
        side=taker.side,
        tokenId=taker.tokenId,
        makerAmountFilled=spent,
        takerAmountFilled=received,
    )


@internal
def _match_directly(
    taker: Order,
    makers: DynArray[Order, MAX_MAKERS],
    fills: DynArray[uint256, MAX_MAKERS],
    fees: DynArray[uint256, MAX_MAKERS],
    amounts: TakerAmounts,
) -> uint256:
    """
    @return What the taker spent, at the makers' prices.
    @dev Of a seller's match with any fee the cash passes through this contract.
    """
    spent: uint256 = 0
    received: uint256 = 0
    charged: uint256 = amounts.takerFeeAmount
    for fee: uint256 in fees:
        charged += fee
    for i: uint256 in range(len(makers), bound=MAX_MAKERS):
        maker: Order = makers[i]
        self._check_crossing(taker, maker)
        fill: Fill = self._filled(maker, fills[i], fees[i])
        if taker.side == BUY:
            self._move(maker.maker, taker.maker, maker.tokenId, fill.making)
            if fill.fee > fill.taking:
                raw_revert(method_id("FeeExceedsProceeds()"))
            moving._pull(COLLATERAL_TOKEN, taker.maker, maker.maker, fill.taking - fill.fee)
        elif charged == 0:
            self._move(taker.maker, maker.maker, taker.tokenId, fill.taking)
            moving._pull(COLLATERAL_TOKEN, maker.maker, taker.maker, fill.making)
        else:
            moving._pull(COLLATERAL_TOKEN, maker.maker, self, self._plus(fill.making, fill.fee))
            self._move(taker.maker, maker.maker, taker.tokenId, fill.taking)
        self._log_fill(maker, taker.maker, fill)
        self._log_fee(fill.fee)
        spent += fill.taking
        received += fill.making

    if spent > amounts.takerFillAmount:
        raw_revert(method_id("ComplementaryFillExceedsTakerFill()"))
    if received < self._times(spent, taker.takerAmount) // taker.makerAmount:
        raw_revert(method_id("NotCrossing()"))
    if taker.side == SELL and charged != 0:
        if amounts.takerFeeAmount > received:
            raw_revert(method_id("FeeExceedsProceeds()"))
        moving._pay(COLLATERAL_TOKEN, taker.maker, received - amounts.takerFeeAmount)
    self._check_receipt(received, amounts)
    return spent


@internal
def _buy_together(
    taker: Order,
    makers: DynArray[Order, MAX_MAKERS],
    fills: DynArray[uint256, MAX_MAKERS],
    fees: DynArray[uint256, MAX_MAKERS],
    amounts: TakerAmounts,
) -> uint256:
    """
    @return What the taker spent: what he gave less what was left over.
    """
    module: address = staticcall IPositionManager(POSITION_MANAGER).moduleById(ids._module(taker.tokenId))
    budget: uint256 = self._plus(amounts.takerFillAmount, amounts.takerFeeAmount)
    moving._pull(COLLATERAL_TOKEN, taker.maker, self, budget)
    charged: uint256 = amounts.takerFeeAmount
    minted: uint256 = 0
    received: uint256 = 0
    done: DynArray[Fill, MAX_MAKERS] = []
    for i: uint256 in range(len(makers), bound=MAX_MAKERS):
        maker: Order = makers[i]
        self._check_pair(taker, maker)
        fill: Fill = self._filled(maker, fills[i], fees[i])
        if maker.side == BUY:
            moving._pull(COLLATERAL_TOKEN, maker.maker, self, self._plus(fill.making, fill.fee))
            budget += fill.making + fill.fee
            minted += fill.taking
        else:
            self._move(maker.maker, self, maker.tokenId, fill.making)
            received += fill.making
        self._log_fill(maker, taker.maker, fill)
        done.append(fill)
    if minted != 0:
        moving._pay(COLLATERAL_TOKEN, module, minted)
        extcall IModule(module).split([self, self], ids._condition(taker.tokenId), minted)
        received += minted

    paid: uint256 = minted  # to the module and to sellers
    for i: uint256 in range(len(makers), bound=MAX_MAKERS):
        maker: Order = makers[i]
        fill: Fill = done[i]
        charged += fill.fee
        if maker.side == BUY:
            self._move(self, maker.maker, maker.tokenId, fill.taking)
        else:
            paid += self._pay_seller(maker.maker, fill)
        self._log_fee(fill.fee)
    self._check_receipt(received, amounts)
    self._move(self, taker.maker, taker.tokenId, received)

    if budget < paid + charged:
        raw_revert(method_id("AssetAccountingMismatch()"))
    refund: uint256 = budget - paid - charged
    if refund > amounts.takerFillAmount:
        raw_revert(method_id("AssetAccountingMismatch()"))
    if charged != 0:
        moving._pay(COLLATERAL_TOKEN, FEE_RECEIVER, charged)
    if refund != 0:
        moving._pay(COLLATERAL_TOKEN, taker.maker, refund)
    self._log_fee(amounts.takerFeeAmount)
    return amounts.takerFillAmount - refund


@internal
def _sell_together(
    taker: Order,
    makers: DynArray[Order, MAX_MAKERS],
    fills: DynArray[uint256, MAX_MAKERS],
    fees: DynArray[uint256, MAX_MAKERS],
    amounts: TakerAmounts,
):
    """
    @dev The makers must use up exactly what the taker gives.
    """
    module: address = staticcall IPositionManager(POSITION_MANAGER).moduleById(ids._module(taker.tokenId))
    left: uint256 = amounts.takerFillAmount
    merged: uint256 = 0
    budget: uint256 = 0
    done: DynArray[Fill, MAX_MAKERS] = []
    for i: uint256 in range(len(makers), bound=MAX_MAKERS):
        maker: Order = makers[i]
        self._check_pair(taker, maker)
        fill: Fill = self._filled(maker, fills[i], fees[i])
        if maker.side == BUY:
            moving._pull(COLLATERAL_TOKEN, maker.maker, self, self._plus(fill.making, fill.fee))
            budget += fill.making + fill.fee
            left = self._less(left, fill.taking)
        else:
            self._move(maker.maker, module, maker.tokenId, fill.making)
            merged += fill.making
            left = self._less(left, fill.making)
        self._log_fill(maker, taker.maker, fill)
        done.append(fill)
    if left != 0:
        raw_revert(method_id("TakerFillMismatch()"))
    if merged != 0:
        self._move(taker.maker, module, taker.tokenId, merged)
        extcall IModule(module).merge(self, ids._condition(taker.tokenId), merged)
        budget += merged

    paid: uint256 = 0
    charged: uint256 = 0
    for i: uint256 in range(len(makers), bound=MAX_MAKERS):
        maker: Order = makers[i]
        fill: Fill = done[i]
        charged += fill.fee
        if maker.side == BUY:
            self._move(taker.maker, maker.maker, taker.tokenId, fill.taking)
        else:
            paid += self._pay_seller(maker.maker, fill)
        self._log_fee(fill.fee)
    if budget < paid + charged:
        raw_revert(method_id("AssetAccountingMismatch()"))
    received: uint256 = budget - paid - charged
    self._check_receipt(received, amounts)
    if amounts.takerFeeAmount > received:
        raw_revert(method_id("FeeExceedsProceeds()"))
    moving._pay(COLLATERAL_TOKEN, taker.maker, received - amounts.takerFeeAmount)
    if charged + amounts.takerFeeAmount != 0:
        moving._pay(COLLATERAL_TOKEN, FEE_RECEIVER, charged + amounts.takerFeeAmount)
    self._log_fee(amounts.takerFeeAmount)


@internal
def _pay_seller(seller: address, fill: Fill) -> uint256:
    """
    @return What he gets after his fee.
    """
    if fill.fee > fill.taking:
        raw_revert(method_id("FeeExceedsProceeds()"))
    moving._pay(COLLATERAL_TOKEN, seller, fill.taking - fill.fee)
    return fill.taking - fill.fee


@internal
@pure
def _less(left: uint256, used: uint256) -> uint256:
    if used > left:
        raw_revert(OVERFLOW)
    return left - used


@internal
@pure
def _times(a: uint256, b: uint256) -> uint256:
    if a != 0 and b > max_value(uint256) // a:
        raw_revert(OVERFLOW)
    return a * b


@internal
@pure
def _plus(a: uint256, b: uint256) -> uint256:
    if b > max_value(uint256) - a:
        raw_revert(OVERFLOW)
    return a + b


# Internal: an order


@internal
@pure
def _check_receipt(received: uint256, amounts: TakerAmounts):
    if received != amounts.takerReceiveAmount:
        raw_revert(method_id("AssetAccountingMismatch()"))


@internal
@pure
def _check_pair(taker: Order, maker: Order):
    """
    @notice The other side of the same token, or the same side of its complement; at prices that
            meet.
    """
    if maker.side != taker.side:
        if maker.tokenId != taker.tokenId:
            raw_revert(method_id("MismatchedTokenIds()"))
    elif maker.tokenId != taker.tokenId ^ 1:
        raw_revert(method_id("InvalidComplement()"))
    self._check_crossing(taker, maker)


@internal
@pure
def _check_crossing(taker: Order, maker: Order):
    """
    @dev Prices cross-multiplied: a buyer pays what the seller asks; two buyers pay 1 together;
         two sellers ask at most 1 together.
    """
    crossing: bool = True
    if maker.side != taker.side:
        crossing = self._times(taker.makerAmount, maker.makerAmount) >= self._times(
            taker.takerAmount, maker.takerAmount
        )
    else:
        crossed: uint256 = self._plus(
            self._times(taker.takerAmount, maker.makerAmount),
            self._times(maker.takerAmount, taker.makerAmount),
        )
        if taker.side == BUY:
            crossing = crossed >= self._times(taker.takerAmount, maker.takerAmount)
        else:
            crossing = crossed <= self._times(taker.makerAmount, maker.makerAmount)
    if not crossing:
        raw_revert(method_id("NotCrossing()"))


@internal
def _filled(order: Order, making: uint256, fee: uint256) -> Fill:
    """
    @notice Checks a maker's order and uses `making` of it up.
    """
    order_hash: bytes32 = self._hash(order)
    self._check_order(order, order_hash, making)
    taking: uint256 = self._times(making, order.takerAmount) // order.makerAmount
    self._check_fee(fee, making if order.side == BUY else taking)
    self._use(order, order_hash, making)
    return Fill(order_hash=order_hash, making=making, taking=taking, fee=fee)


@internal
@view
def _check_order(order: Order, order_hash: bytes32, making: uint256):
    if order.side > SELL or order.signatureType > POLY_1271:
        raise  # no such value of the enum
    if self._user_paused(order.maker):
        raw_revert(method_id("UserIsPaused()"))
    if self.orderStatus[order_hash].filled:
        raw_revert(method_id("OrderAlreadyFilled()"))
    if order.makerAmount == 0 or making == 0:
        raw_revert(method_id("ZeroMakerAmount()"))
    if order.takerAmount == 0:
        raw_revert(method_id("ZeroTakerAmount()"))
    if making > self._remaining(order, order_hash):
        raw_revert(method_id("MakingGtRemaining()"))
    self._check_signature(order, order_hash)


@internal
@view
def _remaining(order: Order, order_hash: bytes32) -> uint256:
    remaining: uint256 = convert(self.orderStatus[order_hash].remaining, uint256)
    return order.makerAmount if remaining == 0 else remaining


@internal
def _use(order: Order, order_hash: bytes32, making: uint256):
    remaining: uint256 = self._remaining(order, order_hash)
    if making > remaining:
        raw_revert(method_id("MakingGtRemaining()"))
    self.orderStatus[order_hash] = OrderStatus(
        filled=remaining == making, remaining=convert(remaining - making, uint248)
    )


@internal
@view
def _check_fee(fee: uint256, cash: uint256):
    if fee != 0 and MAX_FEE_RATE != 0 and fee > self._times(cash, MAX_FEE_RATE) // BPS:
        raw_revert(method_id("FeeExceedsMaxRate()"))


@internal
@view
def _user_paused(user: address) -> bool:
    at: uint256 = self.userPausedBlockAt[user]
    return at != 0 and block.number >= at


@internal
@view
def _check_operator():
    if not venue_roles._has(msg.sender, venue_roles.OPERATOR):
        raw_revert(method_id("NotOperator()"))


@internal
@view
def _check_running():
    if self.paused:
        raw_revert(method_id("Paused()"))


@internal
@view
def _check_signature(order: Order, order_hash: bytes32):
    signed: bool = False
    if len(order.signature) == 0:
        signed = self.preapproved[order_hash]
    else:
        signed = self._is_signed(order, order_hash)
    if not signed:
        raw_revert(method_id("InvalidSignature()"))


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
def _is_signed(order: Order, order_hash: bytes32) -> bool:
    if order.signatureType == POLY_1271:
        return (
            order.signer == order.maker
            and order.maker.is_contract
            and self._contract_signed(order.maker, order_hash, order.signature)
        )
    if not self._key_signed(order.signer, order_hash, order.signature):
        return False
    if order.signatureType == EOA:
        return order.signer == order.maker
    if order.signatureType == POLY_PROXY:
        return self._proxy_of(order.signer) == order.maker
    return self._safe_of(order.signer) == order.maker


@internal
@pure
def _key_signed(signer: address, order_hash: bytes32, signature: Bytes[MAX_SIGNATURE]) -> bool:
    """
    @dev 65 bytes with v 0, 1, 27 or 28; a mirrored s passes.
    """
    if len(signature) != 65:
        return False
    v: uint256 = convert(slice(signature, 64, 1), uint256)
    if v < 27:
        v += 27
    recovered: address = ecrecover(
        order_hash,
        v,
        convert(slice(signature, 0, 32), uint256),
        convert(slice(signature, 32, 32), uint256),
    )
    return recovered != empty(address) and recovered == signer


@internal
@view
def _contract_signed(signer: address, order_hash: bytes32, signature: Bytes[MAX_SIGNATURE]) -> bool:
    success: bool = False
    answer: Bytes[32] = b""
    success, answer = raw_call(
        signer,
        abi_encode(order_hash, signature, method_id=method_id("isValidSignature(bytes32,bytes)")),
        max_outsize=32,
        is_static_call=True,
        revert_on_failure=False,
    )
    return success and len(answer) == 32 and convert(answer, bytes32) == EIP1271_ANSWER


@internal
@view
def _proxy_of(signer: address) -> address:
    return self._create2(PROXY_FACTORY, keccak256(slice(convert(signer, bytes32), 12, 20)), PROXY_CODE)


@internal
@view
def _safe_of(signer: address) -> address:
    return self._create2(SAFE_FACTORY, keccak256(convert(signer, bytes32)), SAFE_CODE)


@internal
@pure
def _create2(factory: address, salt: bytes32, code: bytes32) -> address:
    made: bytes32 = keccak256(concat(b"\xff", convert(factory, bytes20), salt, code))
    return convert(convert(made, uint256) & (2**160 - 1), address)


# Internal: moves and events


@internal
def _move(sender: address, receiver: address, id: uint256, amount: uint256):
    extcall IPositionManager(POSITION_MANAGER).unsafeTransferFrom(sender, receiver, id, amount)


@internal
def _log_fee(amount: uint256):
    if amount != 0:
        log FeeCharged(receiver=FEE_RECEIVER, amount=amount)


@internal
def _log_fill(order: Order, taker: address, fill: Fill):
    log OrderFilled(
        orderHash=fill.order_hash,
        maker=order.maker,
        taker=taker,
        side=order.side,
        tokenId=order.tokenId,
        makerAmountFilled=fill.making,
        takerAmountFilled=fill.taking,
        fee=fill.fee,
        builder=order.builder,
        metadata=order.metadata,
    )
