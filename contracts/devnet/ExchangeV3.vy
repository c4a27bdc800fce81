# pragma version 0.4.3
"""
@title Exchange V3 stand-in
@license AGPL-3.0-only
@author Strongroom
@notice Devnet only: the exchange of the venue's second protocol (VENUE d4). Orders have the words
        of the first one's and a domain of version 3; positions move in the PositionManager, and
        complements are made and merged by their module. Leaves out the owner's upgrade.
@dev Orders, signatures and prices are those of both exchanges: modules/exchange_orders.vy.
     A match runs in one of two ways. *Directly*, wallet to wallet, where every maker is on the
     other side of the same token. *Together*, through this contract and the module, where one is
     not: what buyers pay and sellers give is collected, complete sets are made or merged, then
     all are paid. Either way the taker's receipt must be what the operator said, and his order
     counts what was truly spent.
"""

from contracts.devnet.modules import exchange_orders as orders
from contracts.devnet.modules import moving
from contracts.devnet.modules import venue_roles
from contracts.interfaces import IPositionManager
from contracts.modules import position_ids as ids

initializes: orders
initializes: venue_roles

exports: (orders.__interface__, venue_roles.__interface__)


interface IModule:
    def split(recipients: DynArray[address, 2], condition: bytes31, amount: uint256): nonpayable
    def merge(recipient: address, condition: bytes31, amount: uint256): nonpayable


interface ICombinations:
    def prepareCondition(legs: DynArray[uint256, MAX_LEGS]) -> bytes31: nonpayable


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


MAX_LEGS: constant(uint256) = 50

POSITION_MANAGER: public(immutable(address))
COLLATERAL_TOKEN: public(immutable(address))
COMBINATORIAL_MODULE: public(immutable(address))
FEE_RECEIVER: public(immutable(address))
MAX_FEE_RATE: public(immutable(uint256))  # bps; 0: no bound

orderStatus: public(HashMap[bytes32, orders.OrderStatus])


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
    orders.__init__("3", False, proxy_factory, safe_factory, proxy_code, safe_code)
    if max_fee_rate > orders.BPS:
        raw_revert(method_id("MaxFeeRateExceedsCeiling()"))
    POSITION_MANAGER = position_manager
    COLLATERAL_TOKEN = staticcall IPositionManager(position_manager).COLLATERAL_TOKEN()
    COMBINATORIAL_MODULE = combinatorial_module
    FEE_RECEIVER = fee_receiver
    MAX_FEE_RATE = max_fee_rate


# Views


@external
@view
def domainSeparator() -> bytes32:
    """
    @return The EIP-712 domain of orders.
    """
    return orders.DOMAIN


@external
@view
def hashOrder(order: orders.Order) -> bytes32:
    """
    @return EIP-712 hash of the order.
    """
    return orders._hash(order)


@external
@view
def getOrderStatus(order_hash: bytes32) -> orders.OrderStatus:
    """
    @return Whether the order is filled entirely, and its remaining maker amount (0 and not
            filled: untouched).
    """
    return self.orderStatus[order_hash]


@external
@view
def validateOrder(order: orders.Order):
    """
    @notice Reverts if the order is filled, its maker paused, or its signature wrong.
    """
    order_hash: bytes32 = orders._hash(order)
    if self.orderStatus[order_hash].filled:
        raw_revert(method_id("OrderAlreadyFilled()"))
    orders._check_user(order.maker)
    orders._check_signed(order, order_hash)


@external
@view
def validateFee(fee: uint256, cash: uint256):
    """
    @notice Reverts if the fee is above the highest rate of `cash`.
    """
    self._check_fee(fee, cash)


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


# Admins


@external
def pauseTrading():
    """
    @notice Stops all matching. Admin only.
    """
    venue_roles._check(venue_roles.ADMIN)
    orders._pause()


@external
def unpauseTrading():
    """
    @notice Resumes it. Admin only.
    """
    venue_roles._check(venue_roles.ADMIN)
    orders._unpause()


@external
def setUserPauseBlockInterval(interval: uint256):
    """
    @notice Sets the blocks until a user's pause works. Admin only.
    """
    venue_roles._check(venue_roles.ADMIN)
    orders._set_interval(interval)


# Operators


@external
def preapproveOrder(order: orders.Order):
    """
    @notice Checks an order's signature once; from then on an empty one passes. Operator only.
    """
    self._check_operator()
    orders._preapprove(order)


@external
def invalidatePreapprovedOrder(order_hash: bytes32):
    """
    @notice Takes a pre-approval back. Operator only.
    """
    self._check_operator()
    orders._invalidate(order_hash)


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
    taker: orders.Order,
    makers: DynArray[orders.Order, orders.MAX_MAKERS],
    fills: DynArray[uint256, orders.MAX_MAKERS],
    fees: DynArray[uint256, orders.MAX_MAKERS],
    amounts: TakerAmounts,
):
    """
    @notice Settles a taker order against maker orders. Operator only.
    @param fills What each maker gives, in his units
    @param fees What each maker is charged, collateral
    @param amounts The most that the taker gives, what he receives, his fee
    """
    self._check_operator()
    orders._check_running()
    self._match_orders(taker, makers, fills, fees, amounts)


@external
@nonreentrant
def matchOrdersAndPrepareCombinatorial(
    taker: orders.Order,
    makers: DynArray[orders.Order, orders.MAX_MAKERS],
    fills: DynArray[uint256, orders.MAX_MAKERS],
    fees: DynArray[uint256, orders.MAX_MAKERS],
    amounts: TakerAmounts,
    legs: DynArray[uint256, MAX_LEGS],
):
    """
    @notice Prepares the combination that the taker's token belongs to, then does the same.
    """
    self._check_operator()
    orders._check_running()
    condition: bytes31 = extcall ICombinations(COMBINATORIAL_MODULE).prepareCondition(legs)
    if condition != ids._condition(taker.tokenId):
        raw_revert(method_id("InvalidTokenId()"))
    self._match_orders(taker, makers, fills, fees, amounts)


# Internal: a match


@internal
def _match_orders(
    taker: orders.Order,
    makers: DynArray[orders.Order, orders.MAX_MAKERS],
    fills: DynArray[uint256, orders.MAX_MAKERS],
    fees: DynArray[uint256, orders.MAX_MAKERS],
    amounts: TakerAmounts,
):
    if len(makers) == 0:
        raw_revert(method_id("NoMakerOrders()"))
    if len(makers) != len(fills) or len(makers) != len(fees):
        raw_revert(method_id("MismatchedArrayLengths()"))
    if ids._outcome(taker.tokenId) > 1:
        raw_revert(method_id("InvalidTokenId()"))

    direct: bool = True
    for maker: orders.Order in makers:
        if maker.side == taker.side or maker.tokenId != taker.tokenId:
            direct = False
    taker_hash: bytes32 = orders._hash(taker)
    self._check_order(taker, taker_hash, amounts.takerFillAmount)

    spent: uint256 = amounts.takerFillAmount
    if direct:
        spent = self._match_directly(taker, makers, fills, fees, amounts)
    elif taker.side == orders.BUY:
        spent = self._buy_together(taker, makers, fills, fees, amounts)
    else:
        self._sell_together(taker, makers, fills, fees, amounts)
    received: uint256 = amounts.takerReceiveAmount

    self._check_fee(amounts.takerFeeAmount, spent if taker.side == orders.BUY else received)
    self._use(taker, taker_hash, spent)
    if direct:
        # the fees of a seller's match lie here, those of a buyer's come from him
        orders._log_fee(FEE_RECEIVER, amounts.takerFeeAmount)
        charged: uint256 = amounts.takerFeeAmount
        for fee: uint256 in fees:
            charged += fee
        if charged != 0 and taker.side == orders.BUY:
            moving._pull(COLLATERAL_TOKEN, taker.maker, FEE_RECEIVER, charged)
        elif charged != 0:
            moving._pay(COLLATERAL_TOKEN, FEE_RECEIVER, charged)
    orders._log_match(taker, taker_hash, spent, received, amounts.takerFeeAmount)


@internal
def _match_directly(
    taker: orders.Order,
    makers: DynArray[orders.Order, orders.MAX_MAKERS],
    fills: DynArray[uint256, orders.MAX_MAKERS],
    fees: DynArray[uint256, orders.MAX_MAKERS],
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
    for i: uint256 in range(len(makers), bound=orders.MAX_MAKERS):
        maker: orders.Order = makers[i]
        orders._check_prices(taker, maker)
        fill: Fill = self._filled(maker, fills[i], fees[i])
        if taker.side == orders.BUY:
            self._move(maker.maker, taker.maker, maker.tokenId, fill.making)
            proceeds: uint256 = orders._less_fee(fill.taking, fill.fee)
            moving._pull(COLLATERAL_TOKEN, taker.maker, maker.maker, proceeds)
        elif charged == 0:
            self._move(taker.maker, maker.maker, taker.tokenId, fill.taking)
            moving._pull(COLLATERAL_TOKEN, maker.maker, taker.maker, fill.making)
        else:
            moving._pull(COLLATERAL_TOKEN, maker.maker, self, orders._add(fill.making, fill.fee))
            self._move(taker.maker, maker.maker, taker.tokenId, fill.taking)
        self._log_fill(maker, taker.maker, fill)
        orders._log_fee(FEE_RECEIVER, fill.fee)
        spent += fill.taking
        received += fill.making

    if spent > amounts.takerFillAmount:
        raw_revert(method_id("ComplementaryFillExceedsTakerFill()"))
    if received < orders._mul(spent, taker.takerAmount) // taker.makerAmount:
        raw_revert(method_id("NotCrossing()"))
    if taker.side == orders.SELL and charged != 0:
        moving._pay(COLLATERAL_TOKEN, taker.maker, orders._less_fee(received, amounts.takerFeeAmount))
    self._check_receipt(received, amounts)
    return spent


@internal
def _buy_together(
    taker: orders.Order,
    makers: DynArray[orders.Order, orders.MAX_MAKERS],
    fills: DynArray[uint256, orders.MAX_MAKERS],
    fees: DynArray[uint256, orders.MAX_MAKERS],
    amounts: TakerAmounts,
) -> uint256:
    """
    @return What the taker spent: what he gave less what was left over.
    """
    module: address = staticcall IPositionManager(POSITION_MANAGER).moduleById(ids._module(taker.tokenId))
    budget: uint256 = orders._add(amounts.takerFillAmount, amounts.takerFeeAmount)
    moving._pull(COLLATERAL_TOKEN, taker.maker, self, budget)
    charged: uint256 = amounts.takerFeeAmount
    minted: uint256 = 0
    received: uint256 = 0
    done: DynArray[Fill, orders.MAX_MAKERS] = []
    for i: uint256 in range(len(makers), bound=orders.MAX_MAKERS):
        maker: orders.Order = makers[i]
        self._check_pair(taker, maker)
        fill: Fill = self._filled(maker, fills[i], fees[i])
        if maker.side == orders.BUY:
            moving._pull(COLLATERAL_TOKEN, maker.maker, self, orders._add(fill.making, fill.fee))
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
    for i: uint256 in range(len(makers), bound=orders.MAX_MAKERS):
        maker: orders.Order = makers[i]
        fill: Fill = done[i]
        charged += fill.fee
        if maker.side == orders.BUY:
            self._move(self, maker.maker, maker.tokenId, fill.taking)
        else:
            paid += self._pay_seller(maker.maker, fill)
        orders._log_fee(FEE_RECEIVER, fill.fee)
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
    orders._log_fee(FEE_RECEIVER, amounts.takerFeeAmount)
    return amounts.takerFillAmount - refund


@internal
def _sell_together(
    taker: orders.Order,
    makers: DynArray[orders.Order, orders.MAX_MAKERS],
    fills: DynArray[uint256, orders.MAX_MAKERS],
    fees: DynArray[uint256, orders.MAX_MAKERS],
    amounts: TakerAmounts,
):
    """
    @dev The makers must use up exactly what the taker gives.
    """
    module: address = staticcall IPositionManager(POSITION_MANAGER).moduleById(ids._module(taker.tokenId))
    left: uint256 = amounts.takerFillAmount
    merged: uint256 = 0
    budget: uint256 = 0
    done: DynArray[Fill, orders.MAX_MAKERS] = []
    for i: uint256 in range(len(makers), bound=orders.MAX_MAKERS):
        maker: orders.Order = makers[i]
        self._check_pair(taker, maker)
        fill: Fill = self._filled(maker, fills[i], fees[i])
        if maker.side == orders.BUY:
            moving._pull(COLLATERAL_TOKEN, maker.maker, self, orders._add(fill.making, fill.fee))
            budget += fill.making + fill.fee
            left = orders._sub(left, fill.taking)
        else:
            self._move(maker.maker, module, maker.tokenId, fill.making)
            merged += fill.making
            left = orders._sub(left, fill.making)
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
    for i: uint256 in range(len(makers), bound=orders.MAX_MAKERS):
        maker: orders.Order = makers[i]
        fill: Fill = done[i]
        charged += fill.fee
        if maker.side == orders.BUY:
            self._move(taker.maker, maker.maker, taker.tokenId, fill.taking)
        else:
            paid += self._pay_seller(maker.maker, fill)
        orders._log_fee(FEE_RECEIVER, fill.fee)
    if budget < paid + charged:
        raw_revert(method_id("AssetAccountingMismatch()"))
    received: uint256 = budget - paid - charged
    self._check_receipt(received, amounts)
    moving._pay(COLLATERAL_TOKEN, taker.maker, orders._less_fee(received, amounts.takerFeeAmount))
    if charged + amounts.takerFeeAmount != 0:
        moving._pay(COLLATERAL_TOKEN, FEE_RECEIVER, charged + amounts.takerFeeAmount)
    orders._log_fee(FEE_RECEIVER, amounts.takerFeeAmount)


@internal
def _pay_seller(seller: address, fill: Fill) -> uint256:
    """
    @return What he gets after his fee.
    """
    proceeds: uint256 = orders._less_fee(fill.taking, fill.fee)
    moving._pay(COLLATERAL_TOKEN, seller, proceeds)
    return proceeds


# Internal: an order


@internal
@pure
def _check_receipt(received: uint256, amounts: TakerAmounts):
    if received != amounts.takerReceiveAmount:
        raw_revert(method_id("AssetAccountingMismatch()"))


@internal
@pure
def _check_pair(taker: orders.Order, maker: orders.Order):
    """
    @notice The other side of the same token, or the same side of its complement; at prices that
            meet.
    """
    if maker.side != taker.side:
        if maker.tokenId != taker.tokenId:
            raw_revert(method_id("MismatchedTokenIds()"))
    elif maker.tokenId != taker.tokenId ^ 1:
        raw_revert(method_id("InvalidComplement()"))
    orders._check_prices(taker, maker)


@internal
def _filled(order: orders.Order, making: uint256, fee: uint256) -> Fill:
    """
    @notice Checks a maker's order and uses `making` of it up.
    """
    order_hash: bytes32 = orders._hash(order)
    self._check_order(order, order_hash, making)
    taking: uint256 = orders._mul(making, order.takerAmount) // order.makerAmount
    self._check_fee(fee, making if order.side == orders.BUY else taking)
    self._use(order, order_hash, making)
    return Fill(order_hash=order_hash, making=making, taking=taking, fee=fee)


@internal
@view
def _check_order(order: orders.Order, order_hash: bytes32, making: uint256):
    orders._check_enums(order)
    orders._check_user(order.maker)
    if self.orderStatus[order_hash].filled:
        raw_revert(method_id("OrderAlreadyFilled()"))
    if order.makerAmount == 0 or making == 0:
        raw_revert(method_id("ZeroMakerAmount()"))
    if order.takerAmount == 0:
        raw_revert(method_id("ZeroTakerAmount()"))
    if making > self._remaining(order, order_hash):
        raw_revert(method_id("MakingGtRemaining()"))
    orders._check_signed(order, order_hash)


@internal
@view
def _remaining(order: orders.Order, order_hash: bytes32) -> uint256:
    remaining: uint256 = convert(self.orderStatus[order_hash].remaining, uint256)
    return order.makerAmount if remaining == 0 else remaining


@internal
def _use(order: orders.Order, order_hash: bytes32, making: uint256):
    remaining: uint256 = self._remaining(order, order_hash)
    if making > remaining:
        raw_revert(method_id("MakingGtRemaining()"))
    self.orderStatus[order_hash] = orders.OrderStatus(
        filled=remaining == making, remaining=convert(remaining - making, uint248)
    )


@internal
@view
def _check_fee(fee: uint256, cash: uint256):
    orders._check_fee(fee, cash, MAX_FEE_RATE)


@internal
@view
def _check_operator():
    if not venue_roles._has(msg.sender, venue_roles.OPERATOR):
        raw_revert(method_id("NotOperator()"))


# Internal: moves and events


@internal
def _move(sender: address, receiver: address, id: uint256, amount: uint256):
    extcall IPositionManager(POSITION_MANAGER).unsafeTransferFrom(sender, receiver, id, amount)


@internal
def _log_fill(maker: orders.Order, taker: address, fill: Fill):
    orders._log_fill(maker, fill.order_hash, taker, fill.making, fill.taking, fill.fee)
