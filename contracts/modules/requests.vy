# pragma version 0.4.3
"""
@title Requests: two queues of epochs
@license AGPL-3.0-only
@author Strongroom
@notice Deposits and redemptions wait here for the first report after them (ERC-7540). Both
        directions share one mechanism: a request puts `in` units (assets or shares) into the
        open epoch of its side and, as the epoch settles, earns `out` units (shares or assets).
@dev Why epochs: all requests that a report finds are dealt with alike, at one price. A settled
     part belongs to the requests of its epoch pro rata, so settling costs the same for one
     request as for a thousand. Each controller's requests form a linked list, oldest first; a
     claim consumes it from its head.
     Roles: a controller owns its requests; it and its operators claim and cancel. Whose assets or
     shares come in, the vault checks. A report closes and settles.
     Invariants: what controllers can claim from an epoch never exceeds what was settled into it.
     A claim, a cancellation or an exit never takes from another request of the epoch: parts are
     rounded down for whoever takes, what is left stays. Epochs settle oldest first.
     Units: in units (assets of a deposit, shares of a redemption) and out units (the other).
     Limits of use: amounts of an epoch fit 128 bits; a claim consumes at most sixteen epochs, a
     report settles at most eight a side. What is beyond waits for the next.
"""

from contracts.modules import units


event RedeemRequestCancelled:
    controller: indexed(address)
    receiver: indexed(address)
    requestId: indexed(uint256)
    shares: uint256


event OperatorSet:
    controller: indexed(address)
    operator: indexed(address)
    approved: bool


DEPOSIT: constant(uint256) = 0
REDEEM: constant(uint256) = 1

MAX_CLAIM_EPOCHS: constant(uint256) = 16  # epochs one claim consumes: bounds its gas
MAX_SETTLE_EPOCHS: constant(uint256) = 8  # epochs one report settles a side: bounds its gas

isOperator: public(HashMap[address, HashMap[address, bool]])
# side -> epochs settled entirely (64 bits) | in units in closed epochs not yet settled << 64
closed: uint256[2]
# side -> in units settled of the first epoch that is not settled entirely
partly: uint256[2]
# side -> in units of the open epoch (128 bits) | its id << 128
open: uint256[2]
# side -> closed epoch -> in units requested (128 bits) | out units settled << 128
totals: HashMap[uint256, HashMap[uint256, uint256]]
# side -> controller -> first epoch with a live request (64 bits; 0: none) | last << 64
queue: HashMap[uint256, HashMap[address, uint256]]
# side -> controller -> epoch -> in units (128 bits) | the controller's next epoch << 128 (64 bits) |
# time of the request (of the last that was added to it) << 192
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
    return self._claimable(DEPOSIT, controller, request_id)[0]


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
    return self._claimable(REDEEM, controller, request_id)[0]


@external
@view
def epochs() -> (uint256, uint256):
    """
    @return The ids of the open deposit epoch and of the open redemption epoch.
    """
    return self.open[DEPOSIT] >> 128, self.open[REDEEM] >> 128


@external
@view
def epochOf(side: uint256, epoch: uint256) -> (uint256, uint256, uint256):
    """
    @param side 0 deposits, 1 redemptions
    @return In units requested, in units settled, out units settled.
    """
    if epoch == self.open[side] >> 128:
        return self.open[side] & units.U128, 0, 0
    word: uint256 = self.totals[side][epoch]
    return word & units.U128, self._settled(side, epoch, word), word >> 128


@internal
@view
def _waiting(side: uint256) -> uint256:
    """
    @return In units of closed epochs that are not settled.
    """
    return self.closed[side] >> 64


@internal
@view
def _not_settled(side: uint256) -> uint256:
    """
    @return In units of the open epoch and of closed ones that are not settled.
    """
    return (self.open[side] & units.U128) + (self.closed[side] >> 64)


@internal
@view
def _check_authorised(account: address):
    """
    @dev The account itself or its operator.
    """
    assert msg.sender == account or self.isOperator[account][msg.sender], "not authorised"


@internal
def _request(side: uint256, controller: address, amount: uint256) -> uint256:
    """
    @notice Adds `amount` in units to the controller's request in the open epoch.
    @return The epoch.
    """
    assert controller != empty(address), "no controller"
    open: uint256 = self.open[side]
    epoch: uint256 = open >> 128
    assert (open & units.U128) + amount <= units.U128, "request too large"
    self.open[side] = open + amount
    queue: uint256 = self.queue[side][controller]
    first: uint256 = queue & units.U64
    last: uint256 = queue >> 64
    if first == 0:
        self.queue[side][controller] = epoch | (epoch << 64)
    elif last != epoch:
        self.requests[side][controller][last] |= epoch << 128
        self.queue[side][controller] = first | (epoch << 64)
    asked: uint256 = self.requests[side][controller][epoch] & units.U128
    self.requests[side][controller][epoch] = (asked + amount) | (block.timestamp << 192)
    return epoch


@internal
def _cancel(side: uint256, controller: address) -> (uint256, uint256):
    """
    @notice Takes the controller's request out of the open epoch.
    @return The epoch and the in units freed.
    """
    epoch: uint256 = self.open[side] >> 128
    amount: uint256 = self.requests[side][controller][epoch] & units.U128
    assert amount != 0, "nothing to cancel"
    self.requests[side][controller][epoch] = 0
    self.open[side] -= amount
    return epoch, amount


@internal
def _leave(
    side: uint256, controller: address, latest: uint256
) -> (uint256, uint256, uint256, uint256):
    """
    @notice Takes the controller's oldest request that is not settled entirely out of its queue;
            it must have been made at `latest` or before. What of it was settled is claimed.
    @return The epoch; the in units freed, which were not settled; in units and out units claimed.
    @dev Whoever stays in the epoch keeps its part of what was settled, or a rounding more:
         with a settled part s of r in units, (s - down(a * s / r)) / (r - a) >= s / r.
    """
    epoch: uint256 = self.queue[side][controller] & units.U64
    done: uint256 = self.closed[side] & units.U64
    for i: uint256 in range(MAX_CLAIM_EPOCHS):
        if epoch == 0:
            break
        word: uint256 = self.requests[side][controller][epoch]
        amount: uint256 = word & units.U128
        if amount != 0 and epoch > done:
            assert word >> 192 <= latest, "request not overdue"
            if epoch == self.open[side] >> 128:
                self._cancel(side, controller)
                return epoch, amount, 0, 0
            totals: uint256 = self.totals[side][epoch]
            requested: uint256 = totals & units.U128
            settled: uint256 = self._settled(side, epoch, totals)
            own_in: uint256 = amount * settled // requested
            own_out: uint256 = amount * (totals >> 128) // requested
            claimed: uint256 = self.claims[side][controller][epoch]
            self.requests[side][controller][epoch] = word & (units.U64 << 128)
            self.claims[side][controller][epoch] = 0
            self.totals[side][epoch] = (requested - amount) | (((totals >> 128) - own_out) << 128)
            if settled != 0:
                self.partly[side] = settled - own_in
            self.closed[side] -= (amount - own_in) << 64
            return epoch, amount - own_in, own_in - (claimed & units.U128), own_out - (claimed >> 128)
        epoch = (word >> 128) & units.U64
    raise "nothing to cancel"


@internal
def _close(side: uint256):
    """
    @notice Closes the open epoch, unless it is empty: what comes later waits for the next report.
    """
    open: uint256 = self.open[side]
    amount: uint256 = open & units.U128
    if amount != 0:
        epoch: uint256 = open >> 128
        self.totals[side][epoch] = amount
        self.open[side] = (epoch + 1) << 128
        self.closed[side] += amount << 64


@internal
def _settle(
    side: uint256, numerator: uint256, denominator: uint256, budget: uint256
) -> (uint256, uint256):
    """
    @notice Settles closed epochs first-in-first-out at numerator / denominator out units for an
            in unit, until `budget` out units are used.
    @return In units and out units settled.
    @dev down: each epoch gets at most its price. A part settled leaves the rest for later.
    """
    word: uint256 = self.closed[side]
    epoch: uint256 = word & units.U64
    waiting: uint256 = word >> 64
    if waiting == 0:
        return 0, 0
    total_in: uint256 = 0
    total_out: uint256 = 0
    before: uint256 = self.partly[side]
    partly: uint256 = before
    for i: uint256 in range(MAX_SETTLE_EPOCHS):
        totals: uint256 = self.totals[side][epoch + 1]
        rest: uint256 = (totals & units.U128) - partly
        amount: uint256 = rest
        out: uint256 = amount * numerator // denominator
        if out > budget - total_out:
            amount = (budget - total_out) * denominator // numerator
            out = amount * numerator // denominator
        assert (totals >> 128) + out <= units.U128, "settlement too large"
        self.totals[side][epoch + 1] = totals + (out << 128)
        total_in += amount
        total_out += out
        if amount != rest:
            partly += amount
            break
        partly = 0
        epoch += 1
        if total_in == waiting:
            break
    if partly != before:
        self.partly[side] = partly
    self.closed[side] = epoch | ((waiting - total_in) << 64)
    return total_in, total_out


@internal
@view
def _settled(side: uint256, epoch: uint256, totals: uint256) -> uint256:
    """
    @dev First-in-first-out: every epoch before the first unsettled one is settled entirely, every
         one after it not at all.
    @return In units settled of a closed epoch.
    """
    done: uint256 = self.closed[side] & units.U64
    if epoch <= done:
        return totals & units.U128
    if epoch == done + 1:
        return self.partly[side]
    return 0


@internal
@view
def _entitlement(side: uint256, controller: address, epoch: uint256) -> (uint256, uint256, bool):
    """
    @return In units and out units the controller can claim from the epoch, and whether nothing
            more can ever come.
    """
    amount: uint256 = self.requests[side][controller][epoch] & units.U128
    if amount == 0:
        return 0, 0, True
    totals: uint256 = self.totals[side][epoch]
    requested: uint256 = totals & units.U128
    if requested == 0:
        return 0, 0, False  # open
    settled: uint256 = self._settled(side, epoch, totals)
    claimed: uint256 = self.claims[side][controller][epoch]
    # down: pro rata parts never sum to more than was settled
    return (
        amount * settled // requested - (claimed & units.U128),
        amount * (totals >> 128) // requested - (claimed >> 128),
        settled == requested,
    )


@internal
@view
def _pending(side: uint256, controller: address, epoch: uint256) -> uint256:
    amount: uint256 = self.requests[side][controller][epoch] & units.U128
    totals: uint256 = self.totals[side][epoch]
    if totals == 0:
        return amount
    return amount - amount * self._settled(side, epoch, totals) // (totals & units.U128)


@internal
@view
def _claimable(side: uint256, controller: address, epoch: uint256) -> (uint256, uint256):
    amount_in: uint256 = 0
    amount_out: uint256 = 0
    done: bool = False
    amount_in, amount_out, done = self._entitlement(side, controller, epoch)
    return amount_in, amount_out


@internal
@view
def _claimable_total(side: uint256, controller: address) -> (uint256, uint256):
    """
    @return In units and out units that one claim can take now.
    """
    epoch: uint256 = self.queue[side][controller] & units.U64
    total_in: uint256 = 0
    total_out: uint256 = 0
    for i: uint256 in range(MAX_CLAIM_EPOCHS):
        if epoch == 0:
            break
        amount_in: uint256 = 0
        amount_out: uint256 = 0
        done: bool = False
        amount_in, amount_out, done = self._entitlement(side, controller, epoch)
        total_in += amount_in
        total_out += amount_out
        if not done:
            break
        epoch = (self.requests[side][controller][epoch] >> 128) & units.U64
    return total_in, total_out


@internal
def _claim(side: uint256, controller: address, amount: uint256, by_out: bool) -> (uint256, uint256):
    """
    @notice Claims `amount` in units (or out units, when `by_out`), oldest epoch first.
    @return In units consumed and out units earned.
    @dev Against the claimer: out rounds down for in, in rounds up for out.
    """
    queue: uint256 = self.queue[side][controller]
    epoch: uint256 = queue & units.U64
    left: uint256 = amount
    total_in: uint256 = 0
    total_out: uint256 = 0
    for i: uint256 in range(MAX_CLAIM_EPOCHS):
        if epoch == 0 or left == 0:
            break
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
            following: uint256 = (self.requests[side][controller][epoch] >> 128) & units.U64
            self.requests[side][controller][epoch] = 0
            if self.claims[side][controller][epoch] != 0:
                self.claims[side][controller][epoch] = 0
            epoch = following
        else:
            self.claims[side][controller][epoch] += take_in | (take_out << 128)
            break
    assert left == 0, "exceeds claimable"
    if epoch != queue & units.U64:
        self.queue[side][controller] = epoch | ((queue >> 64) << 64)
    return total_in, total_out


@internal
@view
def _is_set_up() -> bool:
    return self.open[DEPOSIT] != 0


@internal
def _set_up():
    self.open[DEPOSIT] = 1 << 128
    self.open[REDEEM] = 1 << 128
