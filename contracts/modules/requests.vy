# pragma version 0.4.3
"""
@title Requests: two queues of epochs
@license AGPL-3.0-only
@author Strongroom
@notice Deposits and redemptions wait here for the second report after them (ERC-7540): the first
        closes their epoch, the next may settle it. Both directions share one mechanism: a request
        puts `in` units (assets or shares) into the open epoch of its side and, as the epoch
        settles, earns `out` units (shares or assets).
@dev Why epochs: all requests that a report finds are dealt with alike, at one price, and settling
     costs the same for one request as for a thousand: two indices of the epoch say what of one in
     unit is left, and what it has earned.
     Roles: a controller owns its requests; it and its operators claim and cancel. Whose assets or
     shares come in, the vault checks. A report settles, hands back and closes.
     Invariants: what controllers can claim from an epoch never exceeds what was settled into it,
     and what they can take back never what is left of it. Parts are rounded down for whoever takes;
     dust stays with the vault. A closed epoch is dealt at prices that were unknown when it was open.
     Units: in units (assets of a deposit, shares of a redemption) and out units (the other).
     Limits of use: an epoch's assets fit 96 bits, its shares 112; eight epochs of a side wait at once, what is
     beyond stays in the open one; a controller has at most sixteen live epochs a side.
"""

from contracts.modules import units


event RedeemRequestCancelled:
    controller: indexed(address)
    receiver: indexed(address)
    requestId: indexed(uint256)
    shares: uint256


event EpochClosed:
    side: indexed(uint256)
    epoch: indexed(uint256)
    amount: uint256
    anchor: uint256


event EpochSettled:
    side: indexed(uint256)
    epoch: indexed(uint256)
    taken: uint256
    given: uint256
    left: uint256


event EpochHandedBack:
    side: indexed(uint256)
    epoch: indexed(uint256)
    price: uint256


event OperatorSet:
    controller: indexed(address)
    operator: indexed(address)
    approved: bool


DEPOSIT: constant(uint256) = 0
REDEEM: constant(uint256) = 1

MAX_WAITING: constant(uint256) = 8  # epochs of a side that wait at once: bounds a report's gas
MAX_LIVE: constant(uint256) = 16  # epochs of a controller, a side: bounds a claim's gas
IDS_PER_WORD: constant(uint256) = 8  # epoch ids of 28 bits in a word of `live`
USED: constant(uint256) = 1 << 255  # in a word of `live` that once held an id: it stays warm to write
BACK: constant(uint256) = 1 << 255  # in a word of `closed`: handed back
PARTLY: constant(uint256) = 1 << 255  # in a word of `kept`: a part of the epoch was settled
KEPT: constant(uint256) = 112  # bits behind the point of `kept`
EARNED: constant(uint256) = 96  # bits behind the point of `earned`

isOperator: public(HashMap[address, HashMap[address, bool]])
# side -> in units of the open epoch (128 bits) | its id << 128
open: uint256[2]
# side -> the best price published while the open epoch has had a request: lowest ask, highest bid
best: uint256[2]
# side -> ids of the epochs that wait, oldest in the lowest 32 bits
queue: uint256[2]
# side -> in units of the epochs that wait
waiting: uint256[2]
# side -> closed epoch -> in units of its requests (112 bits) | what of them is left << 112 (112) |
# number of the report that closed it << 224 (31) | BACK
closed: HashMap[uint256, HashMap[uint256, uint256]]
# side -> closed epoch -> the best price published while it was open
anchors: HashMap[uint256, HashMap[uint256, uint256]]
# side -> closed epoch -> what of one in unit is left, with KEPT bits behind the point | PARTLY; 0:
# all of it, as long as something of the epoch is left
kept: HashMap[uint256, HashMap[uint256, uint256]]
# side -> closed epoch -> out units that one in unit has earned, with EARNED bits behind the point
earned: HashMap[uint256, HashMap[uint256, uint256]]
# side -> controller -> ids of its live epochs, oldest in the lowest bits of the first word | USED
live: HashMap[uint256, HashMap[address, uint256[2]]]
# side -> controller -> epoch -> in units
requests: HashMap[uint256, HashMap[address, HashMap[uint256, uint256]]]
# side -> controller -> epoch -> in units claimed (128 bits) | out units claimed << 128
claims: HashMap[uint256, HashMap[address, HashMap[uint256, uint256]]]


@external
@nonreentrant
def setOperator(operator: address, approved: bool) -> bool:
    """
    @notice Lets `operator` request and claim for the caller (ERC-7540).
    """
    self.isOperator[msg.sender][operator] = approved
    log OperatorSet(controller=msg.sender, operator=operator, approved=approved)
    return True


@external
@view
def pendingDepositRequest(request_id: uint256, controller: address) -> uint256:
    """
    @return Assets of the request that wait for a report.
    """
    return self._pending(DEPOSIT, controller, request_id)


@external
@view
def claimableDepositRequest(request_id: uint256, controller: address) -> uint256:
    """
    @return Assets of the request whose shares can be claimed.
    """
    return self._claimable(DEPOSIT, controller, request_id)


@external
@view
def pendingRedeemRequest(request_id: uint256, controller: address) -> uint256:
    """
    @return Shares of the request that wait for a report or for idle assets.
    """
    return self._pending(REDEEM, controller, request_id)


@external
@view
def claimableRedeemRequest(request_id: uint256, controller: address) -> uint256:
    """
    @return Shares of the request whose assets can be claimed.
    """
    return self._claimable(REDEEM, controller, request_id)


@external
@view
def epochs() -> (uint256, uint256):
    """
    @return The ids of the open deposit epoch and of the open redemption epoch.
    """
    return self.open[DEPOSIT] >> 128, self.open[REDEEM] >> 128


@external
@view
def epochOf(side: uint256, epoch: uint256) -> (uint256, uint256, uint256, uint256, bool):
    """
    @param side 0 deposits, 1 redemptions
    @return In units of its requests, what of them is left to settle, its anchor (a price), the
            number of the report that closed it (0: it is open), and whether it was handed back.
    """
    open: uint256 = self.open[side]
    if epoch == open >> 128:
        amount: uint256 = open & units.U128
        return amount, amount, self.best[side], 0, False
    word: uint256 = self.closed[side][epoch]
    return (
        self._asked(word),
        self._left(word),
        self.anchors[side][epoch],
        self._closed_by(word),
        self._is_back(word),
    )


@external
@view
def waitingEpochs(side: uint256) -> DynArray[uint256, MAX_WAITING]:
    """
    @param side 0 deposits, 1 redemptions
    @return Ids of the closed epochs that wait to be settled, oldest first.
    """
    return self._queue(self.queue[side])


@external
@view
def liveEpochs(side: uint256, controller: address) -> DynArray[uint256, MAX_LIVE]:
    """
    @param side 0 deposits, 1 redemptions
    @return Ids of the epochs in which the controller has something to wait for, claim or cancel.
    """
    return self._live(side, controller)


@internal
@pure
def _asked(word: uint256) -> uint256:
    return word & units.U112


@internal
@pure
def _left(word: uint256) -> uint256:
    return (word >> 112) & units.U112


@internal
@pure
def _closed_by(word: uint256) -> uint256:
    return (word & ~BACK) >> 224


@internal
@pure
def _is_back(word: uint256) -> bool:
    return word & BACK != 0


@internal
@pure
def _queue(word: uint256) -> DynArray[uint256, MAX_WAITING]:
    ids: DynArray[uint256, MAX_WAITING] = []
    rest: uint256 = word
    for i: uint256 in range(MAX_WAITING):
        if rest == 0:
            break
        ids.append(rest & units.U32)
        rest >>= 32
    return ids


@internal
def _set_queue(side: uint256, before: uint256, ids: DynArray[uint256, MAX_WAITING]):
    word: uint256 = 0
    for i: uint256 in range(len(ids), bound=MAX_WAITING):
        word |= ids[i] << (32 * i)
    if word != before:
        self.queue[side] = word


@internal
@view
def _live(side: uint256, controller: address) -> DynArray[uint256, MAX_LIVE]:
    ids: DynArray[uint256, MAX_LIVE] = []
    for i: uint256 in range(2):
        rest: uint256 = self.live[side][controller][i] & ~USED
        for j: uint256 in range(IDS_PER_WORD):
            if rest == 0:
                return ids
            ids.append(rest & units.U28)
            rest >>= 28
    return ids


@internal
def _set_live(side: uint256, controller: address, ids: DynArray[uint256, MAX_LIVE], before: uint256):
    """
    @param ids What is left
    @param before How many there were
    """
    for i: uint256 in range(2):
        if i * IDS_PER_WORD >= before:
            break
        word: uint256 = USED
        for j: uint256 in range(IDS_PER_WORD):
            place: uint256 = i * IDS_PER_WORD + j
            if place >= len(ids):
                break
            word |= ids[place] << (28 * j)
        self.live[side][controller][i] = word


@internal
def _add_live(side: uint256, controller: address, epoch: uint256):
    for i: uint256 in range(2):
        word: uint256 = self.live[side][controller][i]
        for j: uint256 in range(IDS_PER_WORD):
            if (word >> (28 * j)) & units.U28 == 0:
                self.live[side][controller][i] = word | (epoch << (28 * j)) | USED
                return
    raise "sixteen epochs are live"


@internal
@view
def _not_settled(side: uint256) -> uint256:
    """
    @return In units of the open epoch and of those that wait.
    """
    return (self.open[side] & units.U128) + self.waiting[side]


@internal
@view
def _check_authorised(account: address):
    """
    @dev The account itself or its operator.
    """
    assert msg.sender == account or self.isOperator[account][msg.sender], "not authorised"


@internal
def _request(side: uint256, controller: address, amount: uint256, price: uint256) -> uint256:
    """
    @notice Adds `amount` in units to the controller's request in the open epoch.
    @param price Published last: the anchor begins with the epoch's first request
    @return The epoch.
    """
    assert controller != empty(address), "no controller"
    open: uint256 = self.open[side]
    epoch: uint256 = open >> 128
    asked: uint256 = open & units.U128
    most: uint256 = units.U96 if side == DEPOSIT else units.U112
    assert asked + amount <= most, "request too large"
    if asked == 0 and self.best[side] != price:
        self.best[side] = price
    self.open[side] = open + amount
    own: uint256 = self.requests[side][controller][epoch]
    if own == 0:
        self._add_live(side, controller, epoch)
    self.requests[side][controller][epoch] = own + amount
    return epoch


@internal
def _take_back(
    side: uint256, controller: address, epoch: uint256, anyway: bool, report: uint256
) -> (uint256, uint256, uint256):
    """
    @notice Takes the controller's request out of an epoch: what is left of it; what was settled of
            it is claimed.
    @param anyway Whether nobody is there to settle it, or the call may be made at any time
    @param report Number of the last report: an epoch that one closed earlier has waited
    @return The in units freed; in units and out units claimed.
    """
    amount: uint256 = self.requests[side][controller][epoch]
    assert amount != 0, "no such request"
    open: uint256 = self.open[side]
    ids: DynArray[uint256, MAX_LIVE] = []
    before: DynArray[uint256, MAX_LIVE] = self._live(side, controller)
    for id: uint256 in before:
        if id != epoch:
            ids.append(id)
    self._set_live(side, controller, ids, len(before))
    self.requests[side][controller][epoch] = 0
    if epoch == open >> 128:
        self.open[side] = open - amount
        return amount, 0, 0
    word: uint256 = self.closed[side][epoch]
    assert anyway or self._is_back(word) or report > self._closed_by(word), "wait for the next report"
    kept: uint256 = self._unsettled(side, epoch, word, amount)
    assert kept != 0, "nothing to take back"
    claimed: uint256 = self.claims[side][controller][epoch]
    self.claims[side][controller][epoch] = 0
    asked: uint256 = self._asked(word) - amount
    left: uint256 = self._left(word)
    freed: uint256 = left if asked == 0 else kept  # the last one leaves: what rounding left is dust
    self.closed[side][epoch] = word - amount - (freed << 112)
    if not self._is_back(word):
        self.waiting[side] -= freed
    return (
        kept,
        amount - kept - (claimed & units.U128),
        ((amount * self.earned[side][epoch]) >> EARNED) - (claimed >> 128),
    )


@internal
def _close(side: uint256, report: uint256):
    """
    @notice Closes the open epoch, unless it is empty or eight wait.
    @param report Number of the report that does it
    """
    open: uint256 = self.open[side]
    amount: uint256 = open & units.U128
    if amount == 0:
        return
    queue: uint256 = self.queue[side]
    for i: uint256 in range(MAX_WAITING):
        if (queue >> (32 * i)) & units.U32 != 0:
            continue
        epoch: uint256 = open >> 128
        anchor: uint256 = self.best[side]
        self.queue[side] = queue | (epoch << (32 * i))
        self.closed[side][epoch] = amount | (amount << 112) | (report << 224)
        self.anchors[side][epoch] = anchor
        self.open[side] = (epoch + 1) << 128
        self.waiting[side] += amount
        log EpochClosed(side=side, epoch=epoch, amount=amount, anchor=anchor)
        break


@internal
def _better(side: uint256, price: uint256):
    """
    @dev A price is published while requests wait in the open epoch.
    """
    if self.open[side] & units.U128 == 0:
        return
    best: uint256 = self.best[side]
    if (side == DEPOSIT and price < best) or (side == REDEEM and price > best):
        self.best[side] = price


@internal
def _hand_back(side: uint256, epoch: uint256, word: uint256, price: uint256):
    self.closed[side][epoch] = word | BACK
    self.waiting[side] -= self._left(word)
    log EpochHandedBack(side=side, epoch=epoch, price=price)


@internal
def _settle(side: uint256, epoch: uint256, word: uint256, taken: uint256, given: uint256) -> uint256:
    """
    @notice Settles `taken` in units of an epoch for `given` out units, all requests pro rata.
    @return What of the epoch is left.
    @dev down: no request keeps or earns more than its part.
    """
    left: uint256 = self._left(word)
    kept: uint256 = self._kept(side, epoch)
    assert given <= units.U128, "settlement too large"
    self.earned[side][epoch] += (kept * given // left) >> (KEPT - EARNED)
    if taken != left:
        self.kept[side][epoch] = kept * (left - taken) // left | PARTLY
    self.closed[side][epoch] = word - (taken << 112)
    self.waiting[side] -= taken
    log EpochSettled(side=side, epoch=epoch, taken=taken, given=given, left=left - taken)
    return left - taken


@internal
@view
def _unsettled(side: uint256, epoch: uint256, word: uint256, amount: uint256) -> uint256:
    """
    @param amount In units of a request in the closed epoch
    @return What of them is left.
    """
    if self._left(word) == 0:
        return 0
    return (amount * self._kept(side, epoch)) >> KEPT


@internal
@view
def _kept(side: uint256, epoch: uint256) -> uint256:
    """
    @return What of one in unit is left while something of the epoch is, KEPT bits behind the point.
    """
    word: uint256 = self.kept[side][epoch]
    if word == 0:
        return 1 << KEPT
    return word & ~PARTLY


@internal
@view
def _entitlement(side: uint256, controller: address, epoch: uint256) -> (uint256, uint256, bool):
    """
    @return In units and out units the controller can claim from the epoch, and whether nothing
            more can ever come.
    """
    amount: uint256 = self.requests[side][controller][epoch]
    word: uint256 = self.closed[side][epoch]
    if amount == 0 or word == 0:
        return 0, 0, False  # not his, or open
    kept: uint256 = self._unsettled(side, epoch, word, amount)
    claimed: uint256 = self.claims[side][controller][epoch]
    return (
        amount - kept - (claimed & units.U128),
        ((amount * self.earned[side][epoch]) >> EARNED) - (claimed >> 128),
        kept == 0,
    )


@internal
@view
def _pending(side: uint256, controller: address, epoch: uint256) -> uint256:
    amount: uint256 = self.requests[side][controller][epoch]
    word: uint256 = self.closed[side][epoch]
    if amount == 0 or word == 0:
        return amount
    return self._unsettled(side, epoch, word, amount)


@internal
@view
def _claimable(side: uint256, controller: address, epoch: uint256) -> uint256:
    """
    @return In units.
    """
    return self._entitlement(side, controller, epoch)[0]


@internal
@view
def _claimable_total(side: uint256, controller: address) -> (uint256, uint256):
    """
    @return In units and out units that one claim can take now.
    """
    total_in: uint256 = 0
    total_out: uint256 = 0
    ids: DynArray[uint256, MAX_LIVE] = self._live(side, controller)
    for epoch: uint256 in ids:
        amount_in: uint256 = 0
        amount_out: uint256 = 0
        done: bool = False
        amount_in, amount_out, done = self._entitlement(side, controller, epoch)
        total_in += amount_in
        total_out += amount_out
    return total_in, total_out


@internal
def _claim(side: uint256, controller: address, amount: uint256, by_out: bool) -> (uint256, uint256):
    """
    @notice Claims `amount` in units (or out units, when `by_out`), oldest epoch first.
    @return In units consumed and out units earned.
    @dev Against the claimer: out rounds down for in, in rounds up for out.
    """
    ids: DynArray[uint256, MAX_LIVE] = self._live(side, controller)
    rest: DynArray[uint256, MAX_LIVE] = []
    left: uint256 = amount
    total_in: uint256 = 0
    total_out: uint256 = 0
    for epoch: uint256 in ids:
        if left == 0:
            rest.append(epoch)
            continue
        can_in: uint256 = 0
        can_out: uint256 = 0
        done: bool = False
        can_in, can_out, done = self._entitlement(side, controller, epoch)
        take_in: uint256 = can_in
        take_out: uint256 = can_out
        if by_out:
            if left < can_out:
                take_out = left
                take_in = (can_in * left + can_out - 1) // can_out
            left -= take_out
        else:
            if left < can_in:
                take_in = left
                take_out = can_out * left // can_in
            left -= take_in
        total_in += take_in
        total_out += take_out
        if done and take_in == can_in and take_out == can_out:
            self.requests[side][controller][epoch] = 0
            if self.claims[side][controller][epoch] != 0:
                self.claims[side][controller][epoch] = 0
        else:
            rest.append(epoch)
            if take_in != 0 or take_out != 0:
                self.claims[side][controller][epoch] += take_in | (take_out << 128)
    assert left == 0, "exceeds claimable"
    if len(rest) != len(ids):
        self._set_live(side, controller, rest, len(ids))
    return total_in, total_out


@internal
@view
def _is_set_up() -> bool:
    return self.open[DEPOSIT] != 0


@internal
def _set_up():
    self.open[DEPOSIT] = 1 << 128
    self.open[REDEEM] = 1 << 128
