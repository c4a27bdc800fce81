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
@dev Orders, signatures and prices are those of both exchanges: modules/exchange_orders.vy.
     Amounts have 6 decimals. `making` is what an order gives, in its own terms; `taking` what it
     gets for that, floor. An asset's id is an outcome token's, or 0 for the collateral.
@custom:security As on the venue, whoever is operator chooses fills and fees, and a pre-approval
                 outlives the signature that it was given for.
"""

from ethereum.ercs import IERC20

from contracts.devnet.modules import exchange_orders as orders
from contracts.devnet.modules import moving
from contracts.devnet.modules import token_receiver
from contracts.interfaces import ICollateralAdapter
from contracts.interfaces import IConditionalTokens

initializes: orders
exports: (orders.__interface__, token_receiver.__interface__)


event FeeReceiverUpdated:
    feeReceiver: indexed(address)


event MaxFeeRateUpdated:
    maxFeeRate: uint256


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


MONEY: constant(uint256) = 0  # the collateral's id among the assets

COLLATERAL: immutable(address)  # pUSD
CTF: immutable(address)  # ConditionalTokens
CTF_COLLATERAL: immutable(address)  # the collateral inside outcome tokens
ADAPTER: immutable(address)  # splits and merges between the two

isAdmin: public(HashMap[address, bool])
isOperator: public(HashMap[address, bool])
admins: uint256  # how many
fee_receiver: address
max_fee_rate: uint256  # bps; 0: no maximum
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
    orders.__init__(
        version, True, proxy_factory, safe_factory, proxy_code_hash, safe_code_hash
    )
    self.isAdmin[msg.sender] = True
    self.isOperator[msg.sender] = True
    self.admins = 1
    self.fee_receiver = msg.sender
    self.max_fee_rate = 500
    extcall IERC20(collateral).approve(adapter, max_value(uint256))
    extcall IConditionalTokens(ctf).setApprovalForAll(adapter, True)


# Views


@external
@view
def eip712Domain() -> (bytes1, String[23], String[8], uint256, address, bytes32, DynArray[uint256, 1]):
    """
    @return ERC-5267: which fields there are, name, version, chain, contract, salt, extensions.
    """
    return 0x0f, orders.DOMAIN_NAME, orders.VERSION, chain.id, self, empty(bytes32), []


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
    return orders.PROXY_FACTORY


@external
@view
def getSafeFactory() -> address:
    """
    @return The factory of wallets of signature type 2.
    """
    return orders.SAFE_FACTORY


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
def hashOrder(order: orders.Order) -> bytes32:
    """
    @return EIP-712 hash of the order.
    """
    orders._check_enums(order)
    return orders._hash(order)


@external
@view
def validateOrder(order: orders.Order):
    """
    @notice Reverts unless the order could be matched as far as it alone says.
    """
    orders._check_enums(order)
    order_hash: bytes32 = orders._hash(order)
    if self.status[order_hash] & 255 != 0:
        raw_revert(method_id("OrderAlreadyFilled()"))
    self._check_order(order, order_hash)


@external
@view
def validateOrderSignature(order_hash: bytes32, order: orders.Order):
    """
    @notice Reverts unless the order is signed, or pre-approved and without a signature.
    """
    orders._check_enums(order)
    orders._check_signed(order, order_hash)


@external
@view
def getOrderStatus(order_hash: bytes32) -> orders.OrderStatus:
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
    status: orders.OrderStatus = self._status(order_hash)
    return status.filled, status.remaining


# Operator


@external
def matchOrders(
    condition_id: bytes32,
    taker: orders.Order,
    makers: DynArray[orders.Order, orders.MAX_MAKERS],
    taker_fill: uint256,
    maker_fills: DynArray[uint256, orders.MAX_MAKERS],
    taker_fee: uint256,
    maker_fees: DynArray[uint256, orders.MAX_MAKERS],
):
    """
    @notice Settles a taker order against maker orders. Operator only.
    @param taker_fill What the taker order gives, in its maker units; likewise the maker fills.
           Where all makers are on the other side it is no more than a limit
    @param taker_fee Collateral, on top for a BUY, out of the proceeds for a SELL; likewise the
           maker fees
    """
    orders._check_enums(taker)
    for maker: orders.Order in makers:
        orders._check_enums(maker)
    self._check_operator()
    orders._check_running()
    if len(makers) == 0:
        raw_revert(method_id("NoMakerOrders()"))
    if len(makers) != len(maker_fills) or len(makers) != len(maker_fees):
        raw_revert(method_id("MismatchedArrayLengths()"))
    ids: uint256[2] = self._position_ids(condition_id)
    if taker.tokenId not in ids:
        raw_revert(method_id("MismatchedTokenIds()"))
    complementary: bool = True
    for maker: orders.Order in makers:
        if maker.tokenId not in ids:
            raw_revert(method_id("MismatchedTokenIds()"))
        if maker.side == taker.side:
            complementary = False

    fees: uint256 = 0  # of the makers, paid together
    if complementary:
        taker_hash: bytes32 = orders._hash(taker)
        self._check_order(taker, taker_hash)
        given: uint256 = 0
        got: uint256 = 0
        for i: uint256 in range(len(makers), bound=orders.MAX_MAKERS):
            taking: uint256 = self._trade(taker, makers[i], maker_fills[i], maker_fees[i])
            given = unsafe_add(given, taking)
            got = unsafe_add(got, maker_fills[i])
            fees = unsafe_add(fees, maker_fees[i])
        self._finish_trade(taker, taker_hash, taker_fill, given, got, taker_fee, fees)
        return

    taker_hash: bytes32 = empty(bytes32)
    least: uint256 = 0
    taker_hash, least = self._use(taker, taker_fill, taker_fee)
    gives: uint256 = taker.tokenId if taker.side == orders.SELL else MONEY
    gets: uint256 = MONEY if taker.side == orders.SELL else taker.tokenId
    self._move(
        taker.maker,
        self,
        gives,
        orders._add(taker_fill, taker_fee if taker.side == orders.BUY else 0),
    )
    before: uint256 = self._balance(gets)
    hashes: DynArray[bytes32, orders.MAX_MAKERS] = []
    takings: DynArray[uint256, orders.MAX_MAKERS] = []
    minted: uint256 = 0
    merged: uint256 = 0
    for i: uint256 in range(len(makers), bound=orders.MAX_MAKERS):
        maker_hash: bytes32 = empty(bytes32)
        taking: uint256 = 0
        maker_hash, taking = self._take_in(taker, makers[i], maker_fills[i], maker_fees[i])
        hashes.append(maker_hash)
        takings.append(taking)
        if makers[i].side == taker.side:
            if taker.side == orders.BUY:
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
    for i: uint256 in range(len(makers), bound=orders.MAX_MAKERS):
        self._pay_out(makers[i], hashes[i], taker.maker, maker_fills[i], takings[i], maker_fees[i])
        fees = unsafe_add(fees, maker_fees[i])
    self._finish(taker, taker_hash, taker_fill, least, before, taker_fee, fees)


@external
def preapproveOrder(order: orders.Order):
    """
    @notice Checks an order's signature once; from then on an empty one passes. Operator only.
    """
    orders._check_enums(order)
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
    orders._pause()


@external
def unpauseTrading():
    """
    @notice Resumes matching. Admin only.
    """
    self._check_admin()
    orders._unpause()


@external
def setUserPauseBlockInterval(interval: uint256):
    """
    @notice Sets how many blocks a user's pause waits. Admin only.
    """
    self._check_admin()
    orders._set_interval(interval)


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
    if rate >= orders.BPS:
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
@view
def _status(order_hash: bytes32) -> orders.OrderStatus:
    packed: uint256 = self.status[order_hash]
    return orders.OrderStatus(filled=packed & 255 != 0, remaining=convert(packed >> 8, uint248))


@internal
@view
def _check_order(order: orders.Order, order_hash: bytes32):
    if order.makerAmount == 0:
        raw_revert(method_id("ZeroMakerAmount()"))
    orders._check_signed(order, order_hash)
    orders._check_user(order.maker)


@internal
def _use_up(order: orders.Order, order_hash: bytes32, making: uint256):
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
def _taking(order: orders.Order, making: uint256, fee: uint256) -> uint256:
    """
    @notice Checks the fee of `making`.
    @return What the order gets for it, in its taker units.
    """
    taking: uint256 = orders._mul(making, order.takerAmount) // order.makerAmount
    self._check_fee(fee, making if order.side == orders.BUY else taking)
    return taking


@internal
@view
def _check_fee(fee: uint256, cash: uint256):
    orders._check_fee(fee, cash, self.max_fee_rate)


@internal
def _use(order: orders.Order, making: uint256, fee: uint256) -> (bytes32, uint256):
    """
    @notice Checks an order and uses up `making` of it.
    @return Its hash, and what it gets.
    """
    order_hash: bytes32 = orders._hash(order)
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
def _check_crossing(taker: orders.Order, maker: orders.Order):
    if (taker.side != maker.side) != (taker.tokenId == maker.tokenId):
        raw_revert(method_id("MismatchedTokenIds()"))
    orders._check_prices(taker, maker)


@internal
def _trade(taker: orders.Order, maker: orders.Order, making: uint256, fee: uint256) -> uint256:
    """
    @dev Wallet to wallet at the maker's price; a seller's proceeds wait here for its fee.
    @return What the maker gets, which the taker gives.
    """
    self._check_crossing(taker, maker)
    maker_hash: bytes32 = empty(bytes32)
    taking: uint256 = 0
    maker_hash, taking = self._use(maker, making, fee)
    if taker.side == orders.BUY:
        self._move(maker.maker, taker.maker, maker.tokenId, making)
        proceeds: uint256 = orders._less_fee(taking, fee)
        self._log_fee(fee)
        self._move(taker.maker, maker.maker, MONEY, proceeds)
    else:
        self._move(taker.maker, maker.maker, taker.tokenId, taking)
        self._move(maker.maker, self, MONEY, orders._add(making, fee))
        self._log_fee(fee)
    orders._log_fill(maker, maker_hash, taker.maker, making, taking, fee)
    return taking


@internal
def _finish_trade(
    taker: orders.Order,
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
    if taker.side == orders.BUY:
        self._log_fee(fee)
    else:
        proceeds: uint256 = orders._less_fee(got, fee)
        self._log_fee(fee)
        self._move(self, taker.maker, MONEY, proceeds)
    orders._log_match(taker, taker_hash, given, got, fee)
    fees: uint256 = orders._add(maker_fees, fee)
    if fees != 0:
        self._move(taker.maker if taker.side == orders.BUY else self, self.fee_receiver, MONEY, fees)


@internal
def _take_in(taker: orders.Order, maker: orders.Order, making: uint256, fee: uint256) -> (bytes32, uint256):
    """
    @dev What the maker gives comes to the exchange, a BUY's fee with it.
    @return The maker order's hash, and what it gets.
    """
    self._check_crossing(taker, maker)
    maker_hash: bytes32 = empty(bytes32)
    taking: uint256 = 0
    maker_hash, taking = self._use(maker, making, fee)
    if maker.side == orders.BUY:
        self._move(maker.maker, self, MONEY, orders._add(making, fee))
    else:
        self._move(maker.maker, self, maker.tokenId, making)
    return maker_hash, taking


@internal
def _pay_out(
    maker: orders.Order, maker_hash: bytes32, taker: address, making: uint256, taking: uint256, fee: uint256
):
    if maker.side == orders.BUY:
        self._move(self, maker.maker, maker.tokenId, taking)
    else:
        self._move(self, maker.maker, MONEY, orders._less_fee(taking, fee))
    self._log_fee(fee)
    orders._log_fill(maker, maker_hash, taker, making, taking, fee)


@internal
def _finish(
    taker: orders.Order,
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
    if taker.side == orders.BUY:
        fees = orders._add(fees, fee)
        self._log_fee(fee)
    if fees != 0:
        self._move(self, self.fee_receiver, MONEY, fees)
    gives: uint256 = taker.tokenId if taker.side == orders.SELL else MONEY
    gets: uint256 = MONEY if taker.side == orders.SELL else taker.tokenId
    after: uint256 = self._balance(gets)
    if after < orders._add(least, before):
        raw_revert(method_id("TooLittleTokensReceived()"))
    taking: uint256 = after - before
    self._move(
        self, taker.maker, gets, orders._less_fee(taking, fee) if taker.side == orders.SELL else taking
    )
    if taker.side == orders.SELL:
        self._log_fee(fee)
    left: uint256 = self._balance(gives)
    if left != 0:
        self._move(self, taker.maker, gives, left)
    orders._log_match(taker, taker_hash, making, taking, fee)
    if taker.side == orders.SELL and fee != 0:
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
def _log_fee(fee: uint256):
    orders._log_fee(self.fee_receiver, fee)