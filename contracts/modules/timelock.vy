# pragma version 0.4.3
"""
@title Timelock of risk-raising calls
@license AGPL-3.0-only
@author Strongroom
@notice The owner submits the exact call; once the delay of its function has passed he may make
        it, once, for a week. After that, or once it is revoked or made, the same call can be
        submitted again only after another full delay: no call stands matured for ever. Meanwhile
        holders can leave and the guardian can veto. Each function has its own delay: raised at
        once, lowered only after the delay itself. A function can be abdicated: then nobody can
        ever raise that risk again.
@dev Why: a holder must be able to leave before a change that hurts him takes effect. So all that
     raises risk or cost waits, announced as the exact call data, and all that lowers it is free.
     Roles: the owner submits, makes, revokes and abdicates calls. The guardian revokes all but
     its own replacement.
     A function does not ask for a submission where its arguments make holders safer; it decides
     that itself and calls `_consume` otherwise. So there is one way to make a change.
     Invariants: a call that raises risk passes only when the delay of its function, as it is at
     that moment, has passed since its submission; it passes once. No function's delay falls
     sooner than that delay after the announcement. An abdicated function raises nothing again.
     Units: delays and times in seconds; a call is selector and arguments, at most 512 bytes.
     Limits of use: delays of at most 90 days; a matured call can be made for a week. Only the
     functions of FUNCTIONS have delays. A delay of 0 is no timelock: such a call needs no
     submission, so that a vault can be set up before its delays are raised.
"""

from snekmate.auth import ownable

from contracts.modules import roles
from contracts.modules import units

uses: ownable
uses: roles


event CallSubmitted:
    call_hash: indexed(bytes32)
    delay: uint256
    call: Bytes[MAX_CALL]


event CallRevoked:
    call_hash: indexed(bytes32)


event CallExecuted:
    call_hash: indexed(bytes32)


event DelaySet:
    selector: indexed(bytes4)
    delay: uint256


event Abdicated:
    selector: indexed(bytes4)


MAX_CALL: constant(uint256) = 512  # bytes of a call: selector and at most eight words, with room
MAX_DELAY: constant(uint256) = 90 * units.DAY  # seconds
GRACE: constant(uint256) = 7 * units.DAY  # seconds in which a matured call may be made
DECREASE_DELAY: constant(bytes4) = method_id("decreaseDelay(bytes4,uint256)", output_type=bytes4)
SET_GUARDIAN: constant(bytes4) = method_id("setGuardian(address)", output_type=bytes4)
SET_KEEPER: constant(bytes4) = method_id("setKeeper(uint256,address)", output_type=bytes4)
SET_REPORTER: constant(bytes4) = method_id("setReporter(address)", output_type=bytes4)
SET_LIMIT: constant(bytes4) = method_id("setLimit(uint256,uint256)", output_type=bytes4)
SET_FEES: constant(bytes4) = method_id("setFees(uint256,uint256,uint256)", output_type=bytes4)
ADD_CLASS: constant(bytes4) = method_id(
    "addClass((address,address,address,uint256,uint256,uint256,uint256,uint256,uint256))",
    output_type=bytes4,
)
SET_CLASS_CAPS: constant(bytes4) = method_id(
    "setClassCaps(uint256,(uint256,uint256,uint256,uint256))", output_type=bytes4
)
FORGIVE_LOSSES: constant(bytes4) = method_id("forgiveLosses(uint256,uint256)", output_type=bytes4)
RESET_BREAKER: constant(bytes4) = method_id("resetBreaker()", output_type=bytes4)
SET_ALLOW_LIST: constant(bytes4) = method_id("setAllowList(address,bool)", output_type=bytes4)
CLOSE_MARKET: constant(bytes4) = method_id("closeMarket(bytes32)", output_type=bytes4)
# Those whose delay is their own; decreaseDelay waits for the delay of the function it names.
FUNCTIONS: constant(bytes4[11]) = [
    SET_GUARDIAN,
    SET_KEEPER,
    SET_REPORTER,
    SET_LIMIT,
    SET_FEES,
    ADD_CLASS,
    SET_CLASS_CAPS,
    FORGIVE_LOSSES,
    RESET_BREAKER,
    CLOSE_MARKET,
    SET_ALLOW_LIST,
]

submittedAt: public(HashMap[bytes32, uint256])  # hash of a submitted call -> timestamp
submitted_delay: HashMap[bytes32, uint256]  # hash of a submitted call -> its delay then, seconds
submittableFrom: public(HashMap[bytes32, uint256])  # hash of a call, made or revoked -> timestamp
delayOf: public(HashMap[bytes4, uint256])  # function -> seconds
abdicated: public(HashMap[bytes4, bool])  # function -> whether it was given up for ever


@external
@nonreentrant
def submit(call: Bytes[MAX_CALL]):
    """
    @notice Announces a call: selector and arguments, ABI-encoded. Owner only.
    """
    ownable._check_owner()
    delay: uint256 = self._delay(call)
    call_hash: bytes32 = keccak256(call)
    submitted: uint256 = self.submittedAt[call_hash]
    if submitted != 0:
        lapsed: uint256 = self._lapses(call_hash, delay)
        assert block.timestamp > lapsed, "submitted already"
        assert block.timestamp >= lapsed + delay, "wait another delay"
    assert block.timestamp >= self.submittableFrom[call_hash], "wait another delay"
    self.submittedAt[call_hash] = block.timestamp
    self.submitted_delay[call_hash] = delay
    log CallSubmitted(call_hash=call_hash, delay=delay, call=call)


@external
@nonreentrant
def revoke(call: Bytes[MAX_CALL]):
    """
    @notice Takes a submitted call back. Owner; the guardian vetoes all but its own replacement.
    """
    if msg.sender != roles.guardian or convert(slice(call, 0, 4), bytes4) == SET_GUARDIAN:
        ownable._check_owner()
    call_hash: bytes32 = keccak256(call)
    assert self.submittedAt[call_hash] != 0, "not submitted"
    self._end(call_hash, self._delay(call))
    log CallRevoked(call_hash=call_hash)


@external
@nonreentrant
def increaseDelay(selector: bytes4, delay: uint256):
    """
    @notice Makes a function wait longer, at once. Owner only.
    """
    ownable._check_owner()
    self._check_listed(selector)
    assert selector != DECREASE_DELAY, "not timelocked"
    assert delay > self.delayOf[selector], "delay not higher"
    self._set_delay(selector, delay)


@external
@nonreentrant
def decreaseDelay(selector: bytes4, delay: uint256):
    """
    @notice Makes a function wait less; must have been submitted for the function's delay so far.
            Owner only.
    """
    ownable._check_owner()
    assert delay < self.delayOf[selector], "delay not lower"
    self._consume(
        selector, abi_encode(selector, delay, method_id=method_id("decreaseDelay(bytes4,uint256)"))
    )
    self._set_delay(selector, delay)


@external
@nonreentrant
def abdicate(selector: bytes4):
    """
    @notice Gives up for ever what the function does to raise risk. Owner only.
    """
    ownable._check_owner()
    self._check_listed(selector)
    self.abdicated[selector] = True
    log Abdicated(selector=selector)


@internal
@view
def _check_listed(selector: bytes4):
    assert selector in FUNCTIONS or selector == DECREASE_DELAY, "not timelocked"
    assert not self.abdicated[selector], "abdicated"


@internal
@view
def _delay(call: Bytes[MAX_CALL]) -> uint256:
    """
    @return The delay that binds a call; one that lowers a delay waits for that delay itself.
    """
    selector: bytes4 = convert(slice(call, 0, 4), bytes4)
    self._check_listed(selector)
    if selector == DECREASE_DELAY:
        selector = convert(slice(call, 4, 4), bytes4)
        self._check_listed(selector)
    return self.delayOf[selector]


@internal
@view
def _lapses(call_hash: bytes32, delay: uint256) -> uint256:
    """
    @param delay That binds the call now
    @return The last second at which a submitted call may be made: a week after the delay of now, and
            of then, or a raise would revive what has lapsed.
    """
    return self.submittedAt[call_hash] + min(delay, self.submitted_delay[call_hash]) + GRACE


@internal
def _end(call_hash: bytes32, delay: uint256):
    """
    @notice A submission is used up.
    """
    self.submittedAt[call_hash] = 0
    self.submittableFrom[call_hash] = block.timestamp + delay


@internal
def _consume(bound_by: bytes4, call: Bytes[MAX_CALL]):
    """
    @notice Passes if the call may be made now, and uses its submission up.
    @param bound_by The function whose delay binds the call
    @param call The call being made, encoded as it was submitted
    @dev Invariant: a call passes only `delayOf` after its submission, and once.
    """
    assert not self.abdicated[convert(slice(call, 0, 4), bytes4)], "abdicated"
    delay: uint256 = self.delayOf[bound_by]
    if delay == 0:
        return
    call_hash: bytes32 = keccak256(call)
    submitted: uint256 = self.submittedAt[call_hash]
    assert submitted != 0, "not submitted"
    assert block.timestamp >= submitted + delay, "timelocked"
    assert block.timestamp <= self._lapses(call_hash, delay), "submission expired"
    self._end(call_hash, delay)
    log CallExecuted(call_hash=call_hash)


@internal
def _set_delay(selector: bytes4, delay: uint256):
    assert delay <= MAX_DELAY, "delay too long"
    self.delayOf[selector] = delay
    log DelaySet(selector=selector, delay=delay)


@internal
def _set_up(delay: uint256):
    if delay != 0:
        for selector: bytes4 in FUNCTIONS:
            self._set_delay(selector, delay)
