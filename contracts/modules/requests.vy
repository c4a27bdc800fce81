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
     unit is left, and what it has earned. An epoch that is settled at once, the usual case, keeps
     what was given in the word that says what was asked: no new slot, no rounding of an index.
     A controller's requests lie in sixteen places, which stay cheap to write once they were used.
     Roles: a controller owns its requests; it and its operators claim and cancel. Whose assets or
     shares come in, the vault checks. A report settles, hands back and closes.
     Invariants: what controllers can claim from an epoch never exceeds what was settled into it,
     and what they can take back never what is left of it. Parts are rounded down for whoever takes;
     dust stays with the vault. A closed epoch is dealt at prices that were unknown when it was open.
     Units: in units (assets of a deposit, shares of a redemption) and out units (the other).
     Limits of use: an epoch's assets fit 96 bits, its shares 112; eight epochs of a side wait at
     once, what is beyond stays in the open one; a controller has at most sixteen live epochs a side.
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
# In a word of `open`.
WAITING: constant(uint256) = 112  # place of what waits
EPOCH: constant(uint256) = 228  # place of the id
# In a word of `places`.
MORE: constant(uint256) = 1 << 253  # the next place was used, too
CLAIMED: constant(uint256) = 1 << 254  # something of the request was claimed
USED: constant(uint256) = 1 << 255  # it once held a request: it stays cheap to write
# In a word of `closed`.
PARTLY: constant(uint256) = 1 << 253  # a part of the epoch was settled
WHOLE: constant(uint256) = 1 << 254  # all of it was settled at once
BACK: constant(uint256) = 1 << 255  # it was handed back
KEPT: constant(uint256) = 112  # bits behind the point of `kept`
EARNED: constant(uint256) = 96  # bits behind the point of `earned`

isOperator: public(HashMap[address, HashMap[address, bool]])
# side -> in units of the open epoch (112 bits) | in units of the epochs that wait << 112 (116) |
# the open epoch's id << 228 (28)
open: uint256[2]
# side -> the best price published while the open epoch has had a request: lowest ask, highest bid
best: uint256[2]
# side -> ids of the epochs that wait, oldest in the lowest 32 bits
queue: uint256[2]
# side -> place in the queue -> the best price published while the epoch there was open; what
# stands behind the queue's end is of no epoch, and stays cheap to write
anchors: HashMap[uint256, uint256[MAX_WAITING]]
# side -> closed epoch -> in units of its requests (112 bits) | what of them is left; of one settled
# WHOLE, the out units given << 112 (112) | number of the report that closed it << 224 (29) | PARTLY |
# WHOLE | BACK
closed: HashMap[uint256, HashMap[uint256, uint256]]
# side -> closed epoch, if PARTLY -> what of one in unit is left, with KEPT bits behind the point
kept: HashMap[uint256, HashMap[uint256, uint256]]
# side -> closed epoch -> out units that one in unit has earned, with EARNED bits behind the point
earned: HashMap[uint256, HashMap[uint256, uint256]]
# side -> controller -> requests, in any order: in units (112 bits; 0: a free place) | epoch << 112 (28) |
# MORE | CLAIMED | USED; a word without MORE ends them
places: HashMap[uint256, HashMap[address, uint256[MAX_LIVE]]]
# side -> controller -> epoch, if CLAIMED -> in units claimed (128 bits) | out units claimed << 128
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
    return self._epoch(self.open[DEPOSIT]), self._epoch(self.open[REDEEM])


@external
@view
def epochOf(side: uint256, epoch: uint256) -> (uint256, uint256, uint256, uint256, bool):
    """
    @param side 0 deposits, 1 redemptions
    @return In units of its requests, what of them is left to settle, its anchor (a price; 0 once it
            does not wait any more), the number of the report that closed it (0: it is open), and
            whether it was handed back.
    """
    open: uint256 = self.open[side]
    if epoch == self._epoch(open):
        amount: uint256 = self._amount(open)
        return amount, amount, self.best[side], 0, False
    word: uint256 = self.closed[side][epoch]
    anchor: uint256 = 0
    queue: DynArray[uint256, MAX_WAITING] = self._queue(self.queue[side])
    for place: uint256 in range(len(queue), bound=MAX_WAITING):
        if queue[place] == epoch:
            anchor = self.anchors[side][place]
    return self._asked(word), self._left(word), anchor, self._closed_by(word), self._is_back(word)


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
    places: DynArray[uint256, MAX_LIVE] = self._places(side, controller)
    ids: DynArray[uint256, MAX_LIVE] = []
    order: DynArray[uint256, MAX_LIVE] = self._oldest_first(places)
    for place: uint256 in order:
        ids.append(self._epoch_in(places[place]))
    return ids


@internal
@pure
def _amount(open: uint256) -> uint256:
    """
    @param open A word of `open`
    @return In units of the open epoch.
    """
    return open & units.U112


@internal
@pure
def _epoch(open: uint256) -> uint256:
    """
    @return The open epoch's id.
    """
    return open >> EPOCH


@internal
@pure
def _waiting_in(open: uint256) -> uint256:
    return (open >> WAITING) & units.U116


@internal
@view
def _waiting(side: uint256) -> uint256:
    """
    @return In units of the epochs that wait.
    """
    return self._waiting_in(self.open[side])


@internal
def _wait_no_more(side: uint256, amount: uint256):
    """
    @notice Takes `amount` in units out of what waits.
    """
    open: uint256 = self.open[side]
    waiting: uint256 = self._waiting_in(open) - amount
    self.open[side] = (open & ~(units.U116 << WAITING)) | (waiting << WAITING)


@internal
@pure
def _asked(word: uint256) -> uint256:
    return word & units.U112


@internal
@pure
def _left(word: uint256) -> uint256:
    return (word >> 112) & units.U112 if word & WHOLE == 0 else 0


@internal
@pure
def _closed_by(word: uint256) -> uint256:
    return (word & ~(PARTLY | WHOLE | BACK)) >> 224


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
    """
    @param before The queue as it is
    @param ids What of it goes on waiting, in its order; their anchors move up with them
    """
    word: uint256 = 0
    kept: uint256 = 0
    for i: uint256 in range(MAX_WAITING):
        if kept == len(ids):
            break
        epoch: uint256 = (before >> (32 * i)) & units.U32
        if epoch == ids[kept]:
            word |= epoch << (32 * kept)
            if i != kept:
                self.anchors[side][kept] = self.anchors[side][i]
            kept += 1
    if word != before:
        self.queue[side] = word


@internal
@pure
def _amount_in(place: uint256) -> uint256:
    """
    @return In units of the request; 0: the place is free.
    """
    return place & units.U112


@internal
@pure
def _epoch_in(place: uint256) -> uint256:
    return (place >> 112) & units.U28


@internal
@pure
def _emptied(place: uint256) -> uint256:
    """
    @return The place's word without a request.
    """
    return (place & MORE) | USED


@internal
@view
def _places(side: uint256, controller: address) -> DynArray[uint256, MAX_LIVE]:
    """
    @return The controller's places that were ever used.
    """
    places: DynArray[uint256, MAX_LIVE] = []
    for i: uint256 in range(MAX_LIVE):
        word: uint256 = self.places[side][controller][i]
        if word == 0:  # the first was never used
            break
        places.append(word)
        if word & MORE == 0:
            break
    return places


@internal
@pure
def _oldest_first(places: DynArray[uint256, MAX_LIVE]) -> DynArray[uint256, MAX_LIVE]:
    """
    @return Numbers of the places that hold a request, by their epochs.
    """
    order: DynArray[uint256, MAX_LIVE] = []
    for i: uint256 in range(len(places), bound=MAX_LIVE):
        if self._amount_in(places[i]) == 0:
            continue
        at: uint256 = len(order)
        order.append(i)
        for j: uint256 in range(MAX_LIVE):
            if at == 0 or self._epoch_in(places[order[at - 1]]) < self._epoch_in(places[i]):
                break
            order[at] = order[at - 1]
            at -= 1
        order[at] = i
    return order


@internal
@view
def _held(side: uint256, controller: address, epoch: uint256) -> (uint256, uint256):
    """
    @return The number of the place that holds the controller's request in the epoch, and its word;
            0 for the word: there is none.
    """
    for i: uint256 in range(MAX_LIVE):
        word: uint256 = self.places[side][controller][i]
        if self._amount_in(word) != 0 and self._epoch_in(word) == epoch:
            return i, word
        if word & MORE == 0:
            break
    return 0, 0


@internal
def _hold(side: uint256, controller: address, epoch: uint256, amount: uint256):
    """
    @notice Adds to the controller's request in the epoch, in its place or in the first free one.
    """
    free: uint256 = MAX_LIVE
    for i: uint256 in range(MAX_LIVE):
        word: uint256 = self.places[side][controller][i]
        if self._amount_in(word) == 0:
            free = min(free, i)
        elif self._epoch_in(word) == epoch:
            self.places[side][controller][i] = word + amount
            return
        if word & MORE == 0:
            if free == MAX_LIVE and i + 1 != MAX_LIVE:
                self.places[side][controller][i] = word | MORE
                free = i + 1
            break
    assert free != MAX_LIVE, "sixteen epochs are live"
    before: uint256 = self.places[side][controller][free]
    self.places[side][controller][free] = amount | (epoch << 112) | self._emptied(before)


@internal
@view
def _not_settled(side: uint256) -> uint256:
    """
    @return In units of the open epoch and of those that wait.
    """
    open: uint256 = self.open[side]
    return self._amount(open) + self._waiting_in(open)


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
    epoch: uint256 = self._epoch(open)
    asked: uint256 = self._amount(open)
    most: uint256 = units.U96 if side == DEPOSIT else units.U112
    assert asked + amount <= most, "request too large"
    if asked == 0 and self.best[side] != price:
        self.best[side] = price
    self.open[side] = open + amount
    self._hold(side, controller, epoch, amount)
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
    place: uint256 = 0
    held: uint256 = 0
    place, held = self._held(side, controller, epoch)
    assert held != 0, "no such request"
    amount: uint256 = self._amount_in(held)
    open: uint256 = self.open[side]
    self.places[side][controller][place] = self._emptied(held)
    if epoch == self._epoch(open):
        self.open[side] = open - amount
        return amount, 0, 0
    word: uint256 = self.closed[side][epoch]
    assert anyway or self._is_back(word) or report > self._closed_by(word), "wait for the next report"
    kept: uint256 = self._unsettled(side, epoch, word, amount)
    assert kept != 0, "nothing to take back"
    claimed: uint256 = self._claimed(side, controller, held)
    if claimed != 0:
        self.claims[side][controller][epoch] = 0
    asked: uint256 = self._asked(word) - amount
    left: uint256 = self._left(word)
    freed: uint256 = left if asked == 0 else kept  # the last one leaves: what rounding left is dust
    self.closed[side][epoch] = word - amount - (freed << 112)
    if not self._is_back(word):
        self._wait_no_more(side, freed)
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
    amount: uint256 = self._amount(open)
    if amount == 0:
        return
    queue: uint256 = self.queue[side]
    for i: uint256 in range(MAX_WAITING):
        if (queue >> (32 * i)) & units.U32 != 0:
            continue
        epoch: uint256 = self._epoch(open)
        anchor: uint256 = self.best[side]
        self.queue[side] = queue | (epoch << (32 * i))
        self.closed[side][epoch] = amount | (amount << 112) | (report << 224)
        self.anchors[side][i] = anchor
        waiting: uint256 = self._waiting_in(open) + amount
        self.open[side] = (waiting << WAITING) | ((epoch + 1) << EPOCH)
        log EpochClosed(side=side, epoch=epoch, amount=amount, anchor=anchor)
        break


@internal
def _better(side: uint256, price: uint256):
    """
    @dev A price is published while requests wait in the open epoch.
    """
    if self._amount(self.open[side]) == 0:
        return
    best: uint256 = self.best[side]
    if (side == DEPOSIT and price < best) or (side == REDEEM and price > best):
        self.best[side] = price


@internal
def _hand_back(side: uint256, epoch: uint256, word: uint256, price: uint256):
    self.closed[side][epoch] = word | BACK
    self._wait_no_more(side, self._left(word))
    log EpochHandedBack(side=side, epoch=epoch, price=price)


@internal
def _settle(side: uint256, epoch: uint256, word: uint256, taken: uint256, given: uint256) -> uint256:
    """
    @notice Settles `taken` in units of an epoch for `given` out units, all requests pro rata.
    @return What of the epoch is left.
    @dev down: no request keeps or earns more than its part.
    """
    left: uint256 = self._left(word)
    assert given <= units.U128, "settlement too large"
    if taken == left and word & PARTLY == 0 and given <= units.U112:
        # the usual case: what was given stands where what was left stood
        self.closed[side][epoch] = (word - (left << 112)) | (given << 112) | WHOLE
    else:
        kept: uint256 = self._kept(side, epoch, word)
        self.earned[side][epoch] += (kept * given // left) >> (KEPT - EARNED)
        if taken != left:
            self.kept[side][epoch] = kept * (left - taken) // left
        self.closed[side][epoch] = (word - (taken << 112)) | PARTLY
    self._wait_no_more(side, taken)
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
    return (amount * self._kept(side, epoch, word)) >> KEPT


@internal
@view
def _kept(side: uint256, epoch: uint256, word: uint256) -> uint256:
    """
    @return What of one in unit is left while something of the epoch is, KEPT bits behind the point.
    """
    return self.kept[side][epoch] if word & PARTLY != 0 else 1 << KEPT


@internal
@view
def _claimed(side: uint256, controller: address, held: uint256) -> uint256:
    """
    @param held The request's word
    @return What was claimed of it, a word of `claims`.
    """
    if held & CLAIMED == 0:
        return 0
    return self.claims[side][controller][self._epoch_in(held)]


@internal
@view
def _entitlement(side: uint256, controller: address, held: uint256) -> (uint256, uint256, bool):
    """
    @param held The request's word
    @return In units and out units the controller can claim of the request, and whether nothing
            more can ever come.
    """
    amount: uint256 = self._amount_in(held)
    epoch: uint256 = self._epoch_in(held)
    word: uint256 = self.closed[side][epoch]
    if amount == 0 or word == 0:
        return 0, 0, False  # not his, or open
    claimed: uint256 = self._claimed(side, controller, held)
    if word & WHOLE != 0:
        given: uint256 = (word >> 112) & units.U112
        return (
            amount - (claimed & units.U128),
            amount * given // self._asked(word) - (claimed >> 128),
            True,
        )
    kept: uint256 = self._unsettled(side, epoch, word, amount)
    return (
        amount - kept - (claimed & units.U128),
        ((amount * self.earned[side][epoch]) >> EARNED) - (claimed >> 128),
        kept == 0,
    )


@internal
@view
def _pending(side: uint256, controller: address, epoch: uint256) -> uint256:
    amount: uint256 = self._amount_in(self._held(side, controller, epoch)[1])
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
    return self._entitlement(side, controller, self._held(side, controller, epoch)[1])[0]


@internal
@view
def _claimable_total(side: uint256, controller: address) -> (uint256, uint256):
    """
    @return In units and out units that one claim can take now.
    """
    total_in: uint256 = 0
    total_out: uint256 = 0
    places: DynArray[uint256, MAX_LIVE] = self._places(side, controller)
    for held: uint256 in places:
        amount_in: uint256 = 0
        amount_out: uint256 = 0
        done: bool = False
        amount_in, amount_out, done = self._entitlement(side, controller, held)
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
    places: DynArray[uint256, MAX_LIVE] = self._places(side, controller)
    order: DynArray[uint256, MAX_LIVE] = self._oldest_first(places)
    left: uint256 = amount
    total_in: uint256 = 0
    total_out: uint256 = 0
    for place: uint256 in order:
        if left == 0:
            break
        held: uint256 = places[place]
        can_in: uint256 = 0
        can_out: uint256 = 0
        done: bool = False
        can_in, can_out, done = self._entitlement(side, controller, held)
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
            self.places[side][controller][place] = self._emptied(held)
            if held & CLAIMED != 0:
                self.claims[side][controller][self._epoch_in(held)] = 0
        elif take_in != 0 or take_out != 0:
            self.claims[side][controller][self._epoch_in(held)] += take_in | (take_out << 128)
            self.places[side][controller][place] = held | CLAIMED
    assert left == 0, "exceeds claimable"
    return total_in, total_out


@internal
@view
def _is_set_up() -> bool:
    return self.open[DEPOSIT] != 0


@internal
def _set_up():
    self.open[DEPOSIT] = 1 << EPOCH
    self.open[REDEEM] = 1 << EPOCH
