# pragma version 0.4.3
"""
@title Who may change what, and when
@license AGPL-3.0-only
@author Strongroom
@notice The governance's code on a vault's storage, which may hold anything; any caller, function,
        arguments and time.
"""

from contracts.modules import timelock
from tests.proofs import cheats


interface IProbe:
    def owner() -> address: view
    def guardian() -> address: view
    def reporter() -> address: view
    def pending_owner() -> address: view
    def keeperOf(class_id: uint256) -> address: view
    def class_count() -> uint256: view
    def delayOf(selector: bytes4) -> uint256: view
    def submittedAt(call: bytes32) -> uint256: view
    def submittableFrom(call: bytes32) -> uint256: view
    def abdicated(selector: bytes4) -> bool: view
    def limit(which: uint256) -> uint256: view
    def feeRates() -> (uint256, uint256, uint256): view
    def word() -> uint256: view
    def terms() -> uint256[10]: view
    def books() -> uint256[8]: view
    def class_words(class_id: uint256) -> uint256[4]: view
    def losses() -> uint256: view
    def record_report(): nonpayable


interface ISvm:
    def createCalldata(name: String[64]) -> Bytes[MAX_CALL]: nonpayable


# What the checks compare, before and after a call.
struct State:
    terms: uint256[10]
    class_: uint256[4]
    word: uint256
    reporter: address
    class_count: uint256
    losses: uint256
    rates: uint256[3]
    submitted: uint256
    submittable: uint256
    delay: uint256
    abdicated: bool


# Which of many things are compared: any of them.
struct Which:
    class_id: uint256
    call: bytes32
    selector: bytes4


ANY: constant(uint256) = 9
ROLES: constant(uint256) = 1
CLASSES: constant(uint256) = 2
DELAYS: constant(uint256) = 3
GOVERNED: constant(address) = 0x0000000000000000000000000000000000060001
MAX_CALL: constant(uint256) = 512  # bytes; setUp, which is longer, has its own check
GRACE: constant(uint256) = 7 * 86_400
BY_GUARDIAN: constant(uint256) = 1 << 104
BY_OWNER: constant(uint256) = 1 << 105
WINDING_DOWN: constant(uint256) = 1 << 106
RETIRED: constant(uint256) = 1 << 160
ADDRESS: constant(uint256) = 2**160 - 1
U96: constant(uint256) = 2**96 - 1
U16: constant(uint256) = 2**16 - 1
SET_UP: constant(bytes4) = method_id(
    "setUp((string,string,address,address,address,address,uint256,uint256,uint256,uint256,uint256,uint256,uint256[19]))",
    output_type=bytes4,
)
ACCEPT: constant(bytes4) = method_id("accept(bytes)", output_type=bytes4)
REVOKE: constant(bytes4) = method_id("revoke(bytes)", output_type=bytes4)
SET_LIMIT: constant(bytes4) = method_id("setLimit(uint256,uint256)", output_type=bytes4)
SUBMIT: constant(bytes4) = method_id("submit(bytes)", output_type=bytes4)

governance: address
exits: address
probe: address


@external
def setUp():
    token: address = raw_create(cheats._code("MockToken.t.sol:MockToken"))
    self.governance = raw_create(cheats._code("VaultGovernance.t.sol:VaultGovernance"), token)
    self.exits = raw_create(
        cheats._code("VaultExits.t.sol:VaultExits"), token, self.governance
    )
    self.probe = raw_create(cheats._code("Probe.t.sol:Probe"), token)


@internal
def _be(code: address):
    """
    @notice From here on the vault's storage is run by `code`.
    """
    cheats._etch(
        GOVERNED,
        concat(x"363d3d373d3d3d363d73", convert(code, bytes20), x"5af43d82803e903d91602b57fd5bf3"),
    )


@internal
def _make(now: uint256):
    cheats._proxy(GOVERNED, self.probe, b"")
    cheats._warp(now)


@internal
@view
def _state(of: Which) -> State:
    probe: IProbe = IProbe(GOVERNED)
    state: State = State(
        terms=staticcall probe.terms(),
        class_=staticcall probe.class_words(of.class_id),
        word=staticcall probe.word(),
        reporter=staticcall probe.reporter(),
        class_count=staticcall probe.class_count(),
        losses=staticcall probe.losses(),
        rates=[0, 0, 0],
        submitted=staticcall probe.submittedAt(of.call),
        submittable=staticcall probe.submittableFrom(of.call),
        delay=staticcall probe.delayOf(of.selector),
        abdicated=staticcall probe.abdicated(of.selector),
    )
    state.rates[0], state.rates[1], state.rates[2] = staticcall probe.feeRates()
    return state


@internal
def _data(group: uint256) -> Bytes[MAX_CALL]:
    """
    @param group Of which functions: see `_group`
    @return A call of any function that may change something, but those that are made apart.
    """
    data: Bytes[MAX_CALL] = extcall ISvm(cheats.SVM).createCalldata(
        "VaultGovernance", skip_contract_check=True
    )
    cheats._assume(len(data) != 0 and len(data) != 1028)
    selector: bytes4 = convert(slice(data, 0, 4), bytes4)
    for apart: bytes4 in [ACCEPT, SET_LIMIT, SUBMIT, REVOKE]:
        cheats._assume(selector != apart)
    cheats._assume(group == ANY or group == self._group(selector))
    return data


@internal
@pure
def _group(selector: bytes4) -> uint256:
    """
    @return ROLES, CLASSES, DELAYS, or 0: all others.
    """
    if selector in [timelock.SET_GUARDIAN, timelock.SET_KEEPER, timelock.SET_REPORTER]:
        return ROLES
    if selector in [timelock.ADD_CLASS, timelock.SET_CLASS_CAPS]:
        return CLASSES
    if selector in [timelock.FORGIVE_LOSSES, timelock.RESET_BREAKER, timelock.DECREASE_DELAY]:
        return DELAYS
    return 0


@internal
@pure
def _of(of: Which, call: Bytes[MAX_CALL]) -> Which:
    """
    @return The same, of the submission of this very call. The solver takes a symbolic key of a map
            for another than any hash, so it must be said.
    """
    which: Which = of
    which.call = keccak256(call)
    return which


@internal
@pure
def _announced(revoked: bool, call: bytes32[3]) -> Bytes[MAX_CALL]:
    """
    @return A call of `submit` or `revoke`, of any call with two words of arguments.
    """
    inner: Bytes[68] = concat(slice(call[0], 0, 4), call[1], call[2])
    data: Bytes[164] = abi_encode(inner, method_id=method_id("submit(bytes)"))
    if revoked:
        data = abi_encode(inner, method_id=method_id("revoke(bytes)"))
    return data


@internal
def _call(data: Bytes[MAX_CALL + 68], caller: address):
    self._be(self.governance)
    cheats._prank(caller)
    success: bool = raw_call(GOVERNED, data, revert_on_failure=False)
    cheats._assume(success)
    self._be(self.probe)


@internal
@pure
def _same(one: uint256, other: uint256) -> uint256:
    return convert(one == other, uint256)


@internal
def _check_stranger(caller: address, now: uint256, data: Bytes[MAX_CALL]):
    cheats._assume(caller != staticcall IProbe(GOVERNED).owner())
    cheats._assume(caller != staticcall IProbe(GOVERNED).guardian())
    cheats._assume(caller != staticcall IProbe(GOVERNED).pending_owner())
    self._be(self.governance)
    cheats._prank(caller)
    success: bool = raw_call(GOVERNED, data, revert_on_failure=False)
    cheats._must(not success)


@external
def check_stranger(caller: address, now: uint256):
    """
    @notice Whoever has no role changes nothing: his calls revert.
    """
    self._make(now)
    self._check_stranger(caller, now, self._data(ANY))


@external
def check_stranger_announces(caller: address, now: uint256, revoked: bool, call: bytes32[3]):
    self._make(now)
    self._check_stranger(caller, now, self._announced(revoked, call))


@external
def check_stranger_limits(caller: address, now: uint256, which: uint256, new: uint256):
    self._make(now)
    self._check_stranger(
        caller, now, abi_encode(which, new, method_id=method_id("setLimit(uint256,uint256)"))
    )


@external
def check_guardian(caller: address, now: uint256, of: Which):
    """
    @notice The guardian only makes things safer.
    """
    self._make(now)
    self._check_guardian(caller, now, of, self._data(ANY))


@external
def check_guardian_revokes(caller: address, now: uint256, of: Which, call: bytes32[3]):
    """
    @notice The same of what it takes back.
    """
    self._make(now)
    inner: Bytes[68] = concat(slice(call[0], 0, 4), call[1], call[2])
    self._check_guardian(caller, now, self._of(of, inner), self._announced(True, call))


@internal
def _check_guardian(caller: address, now: uint256, of: Which, data: Bytes[MAX_CALL]):
    before: State = self._state(of)
    cheats._assume(caller == convert(before.terms[1], address))
    cheats._assume(caller != convert(before.terms[0], address))
    cheats._assume(caller != convert(before.terms[2], address))
    self._call(data, caller)
    after: State = self._state(of)
    good: uint256 = 1
    for i: uint256 in range(10):
        good &= self._same(before.terms[i], after.terms[i])
    good &= self._same(before.class_count, after.class_count)
    good &= self._same(before.losses, after.losses)
    good &= self._same(before.delay, after.delay)
    good &= self._same(convert(before.abdicated, uint256), convert(after.abdicated, uint256))
    good &= self._same(before.word & ~(BY_GUARDIAN), after.word & ~(BY_GUARDIAN))
    good &= convert(after.reporter == before.reporter, uint256) | convert(
        after.reporter == empty(address), uint256
    )
    good &= convert(after.submitted == before.submitted, uint256) | convert(
        after.submitted == 0, uint256
    )
    good &= convert(after.submittable >= before.submittable, uint256) | convert(
        after.submittable == now + before.delay, uint256
    ) | convert(after.submitted == 0, uint256)
    # the class: keeper as it was or nobody, retired or not, no cap higher
    keeper: uint256 = after.class_[0] & ADDRESS
    good &= self._same(keeper, before.class_[0] & ADDRESS) | self._same(keeper, 0)
    good &= self._same((before.class_[0] >> 161), (after.class_[0] >> 161))
    good &= convert((before.class_[0] & RETIRED) <= (after.class_[0] & RETIRED), uint256)
    good &= 1 - self._raised(before.class_[1], after.class_[1])
    good &= self._same(before.class_[2], after.class_[2]) & self._same(before.class_[3], after.class_[3])
    cheats._must(good == 1)


@internal
@pure
def _raised(before: uint256, after: uint256) -> uint256:
    """
    @return 1 if a class's caps were raised.
    """
    raised: uint256 = convert((after & U96) > (before & U96), uint256)
    raised |= convert(((after >> 96) & U96) > ((before >> 96) & U96), uint256)
    raised |= convert(((after >> 192) & U16) > ((before >> 192) & U16), uint256)
    return raised | convert((after >> 208) > (before >> 208), uint256)


@internal
@pure
def _risen(of: Which, before: State, after: State) -> uint256:
    """
    @return 1 if anything that costs holders or raises their risk did.
    """
    risen: uint256 = 1 - self._same(before.terms[1], after.terms[1])  # guardian
    changed: uint256 = 1 - convert(before.reporter == after.reporter, uint256)
    risen |= changed & convert(after.reporter != empty(address), uint256)
    old: uint256 = before.class_[0] & ADDRESS
    new: uint256 = after.class_[0] & ADDRESS
    risen |= (1 - self._same(old, new)) & (1 - self._same(new, 0))
    risen |= convert((before.class_[0] & RETIRED) > (after.class_[0] & RETIRED), uint256)
    risen |= self._raised(before.class_[1], after.class_[1])
    risen |= convert(after.class_[3] < before.class_[3], uint256)  # losses of the class
    risen |= convert(after.losses < before.losses, uint256)
    risen |= 1 - self._same(before.class_count, after.class_count)
    risen |= convert(after.rates[0] > before.rates[0], uint256)
    risen |= convert(after.rates[1] > before.rates[1], uint256)
    risen |= convert(after.rates[2] < before.rates[2], uint256)
    risen |= 1 - self._same(before.terms[9], after.terms[9])  # the breaker's reference
    risen |= convert(after.delay < before.delay, uint256)
    risen |= convert(before.abdicated, uint256) & (1 - convert(after.abdicated, uint256))
    # an allow-list that covers transfers, which did not, or was another
    covers: uint256 = (after.terms[7] >> 254) & 1
    other: uint256 = 1 - self._same(before.terms[8], after.terms[8])
    risen |= covers & (other | (1 - ((before.terms[7] >> 254) & 1)))
    # limits: what `setLimit` does to them has its own check
    for i: uint256 in range(5, 7):
        risen |= 1 - self._same(before.terms[i], after.terms[i])
    return risen | (1 - self._same(before.word >> 107, after.word >> 107))


@internal
@pure
def _riskier(which: uint256, before: uint256, after: uint256) -> uint256:
    """
    @dev More is riskier, but of the interval and of required marks; a band of 0 is none.
    """
    less: uint256 = convert(after < before, uint256)
    more: uint256 = convert(after > before, uint256)
    reverse: uint256 = self._same(which, 5) | self._same(which, 12)
    band: uint256 = self._same(which, 11)
    riskier: uint256 = (reverse & less) | ((1 - reverse) & (1 - band) & more)
    return riskier | (band & (1 - self._same(before, 0)) & (more | self._same(after, 0)))


@external
def check_limit(caller: address, now: uint256, which: uint256, new: uint256):
    """
    @notice A limit is set by the owner, to a riskier value only by a matured submission.
    """
    self._make(now)
    cheats._assume(which < 19)
    data: Bytes[68] = abi_encode(which, new, method_id=method_id("setLimit(uint256,uint256)"))
    before: uint256 = staticcall IProbe(GOVERNED).limit(which)
    owner: address = staticcall IProbe(GOVERNED).owner()
    delay: uint256 = self._delay(data)
    cheats._assume(delay != 0 and delay <= 90 * 86_400)
    submitted: uint256 = staticcall IProbe(GOVERNED).submittedAt(keccak256(data))
    cheats._assume(submitted < 2**64)
    self._call(data, caller)
    matured: uint256 = (
        convert(submitted != 0, uint256)
        & convert(now >= submitted + delay, uint256)
        & convert(now <= submitted + delay + GRACE, uint256)
        & convert(staticcall IProbe(GOVERNED).submittedAt(keccak256(data)) == 0, uint256)
    )
    good: uint256 = (1 - self._riskier(which, before, new)) | matured
    good &= convert(owner == caller, uint256)
    good &= self._same(staticcall IProbe(GOVERNED).limit(which), new)
    cheats._must(good == 1)


@internal
@view
def _delay(data: Bytes[MAX_CALL]) -> uint256:
    """
    @return The delay that binds a call.
    """
    selector: bytes4 = convert(slice(data, 0, 4), bytes4)
    if selector == method_id("decreaseDelay(bytes4,uint256)", output_type=bytes4):
        selector = convert(slice(data, 4, 4), bytes4)
    return staticcall IProbe(GOVERNED).delayOf(selector)


@internal
def _check_risk(caller: address, now: uint256, of: Which, group: uint256, accepted: bool):
    self._make(now)
    data: Bytes[MAX_CALL] = self._data(group)
    before: State = self._state(of)
    selector: bytes4 = convert(slice(data, 0, 4), bytes4)
    delay: uint256 = self._delay(data)
    cheats._assume(delay != 0 and delay <= 90 * 86_400)
    submitted: uint256 = staticcall IProbe(GOVERNED).submittedAt(keccak256(data))
    cheats._assume(submitted < 2**64)
    if accepted:
        self.governance = self.exits  # where `accept` is, and the governance is behind it
        self._call(abi_encode(data, method_id=method_id("accept(bytes)")), caller)
        good: uint256 = 0
        for listed: bytes4 in timelock.FUNCTIONS:
            good |= convert(selector == listed, uint256)
        good |= convert(selector == timelock.DECREASE_DELAY, uint256)
        cheats._must(good == 1)
    else:
        self._call(data, caller)
    after: State = self._state(of)
    risen: uint256 = self._risen(of, before, after)
    matured: uint256 = (
        convert(submitted != 0, uint256)
        & convert(now >= submitted + delay, uint256)
        & convert(now <= submitted + delay + GRACE, uint256)
        & convert(convert(before.terms[0], address) == caller, uint256)
    )
    matured &= convert(staticcall IProbe(GOVERNED).submittedAt(keccak256(data)) == 0, uint256)
    again: uint256 = staticcall IProbe(GOVERNED).submittableFrom(keccak256(data))
    matured &= convert(again == now + delay, uint256)
    cheats._must((1 - risen) | matured == 1)


@external
def check_risk_roles(caller: address, now: uint256, of: Which):
    """
    @notice Whatever raises a risk or a cost consumes its own matured submission, by the owner.
    """
    self._check_risk(caller, now, of, ROLES, False)


@external
def check_risk_classes(caller: address, now: uint256, of: Which):
    self._check_risk(caller, now, of, CLASSES, False)


@external
def check_risk_delays(caller: address, now: uint256, of: Which):
    self._check_risk(caller, now, of, DELAYS, False)


@external
def check_risk_others(caller: address, now: uint256, of: Which):
    self._check_risk(caller, now, of, 0, False)


@external
def check_accept_roles(caller: address, now: uint256, of: Which):
    """
    @notice The same of calls that are made by `accept`.
    """
    self._check_risk(caller, now, of, ROLES, True)


@external
def check_accept_others(caller: address, now: uint256, of: Which):
    """
    @notice It makes timelocked calls only.
    """
    self._check_risk(caller, now, of, 0, True)


@external
def check_submission(caller: address, now: uint256, of: Which, revoked: bool, call: bytes32[3]):
    self._make(now)
    data: Bytes[MAX_CALL] = self._announced(revoked, call)
    inner: Bytes[68] = concat(slice(call[0], 0, 4), call[1], call[2])
    self._check_submission(caller, now, self._of(of, inner), data, True)


@external
def check_submission_stands(caller: address, now: uint256, of: Which):
    self._make(now)
    data: Bytes[MAX_CALL] = self._data(ANY)
    self._check_submission(caller, now, self._of(of, data), data, False)


@internal
def _check_submission(
    caller: address, now: uint256, of: Which, data: Bytes[MAX_CALL], announced: bool
):
    """
    @notice By induction over any sequence: a submission carries the time when the owner made it;
            it is made anew only another full delay after it was used up, revoked or lapsed.
    """
    before: State = self._state(of)
    cheats._assume(before.submitted < 2**64)
    self._call(data, caller)
    after: State = self._state(of)
    selector: bytes4 = convert(slice(data, 0, 4), bytes4)
    submitted: uint256 = convert(after.submitted == now, uint256)
    submitted &= convert(caller == convert(before.terms[0], address), uint256)
    submitted &= convert(selector == SUBMIT, uint256)
    submitted &= convert(now >= before.submittable, uint256)
    submitted &= convert(before.submitted == 0, uint256) | convert(now > before.submitted + GRACE, uint256)
    good: uint256 = convert(after.submitted == before.submitted, uint256)
    good |= convert(after.submitted == 0, uint256) | submitted
    # what may be submitted again and when only moves on where a submission ends
    moved: uint256 = 1 - self._same(after.submittable, before.submittable)
    ended: uint256 = convert(before.submitted != 0, uint256) & convert(after.submitted == 0, uint256)
    good &= (1 - moved) | (ended & convert(after.submittable >= now, uint256))
    if announced:
        good &= self._same(before.word, after.word)
        for i: uint256 in range(10):
            good &= self._same(before.terms[i], after.terms[i])
        good &= 1 - self._risen(of, before, after)
    cheats._must(good == 1)


@external
def check_winding_down(caller: address, now: uint256):
    """
    @notice Nothing of the governance ends a wind-down.
    """
    self._make(now)
    before: uint256 = staticcall IProbe(GOVERNED).word()
    self._call(self._data(ANY), caller)
    after: uint256 = staticcall IProbe(GOVERNED).word()
    cheats._must(before & WINDING_DOWN <= after & WINDING_DOWN)


@external
def check_report_keeps_flags(now: uint256):
    """
    @notice A report changes time and number in the status word, and nothing else.
    """
    self._make(now)
    before: uint256 = staticcall IProbe(GOVERNED).word()
    cheats._assume((before >> 72) & (2**32 - 1) != 2**32 - 1)
    extcall IProbe(GOVERNED).record_report()
    after: uint256 = staticcall IProbe(GOVERNED).word()
    cheats._must(before >> 104 == after >> 104)
    cheats._must((before >> 40) & (2**32 - 1) == (after >> 40) & (2**32 - 1))
    cheats._must(after & (2**40 - 1) == now)


@external
def check_set_up_once(caller: address, now: uint256, part: uint256[40]):
    """
    @notice A vault that has been set up is not set up again.
    """
    self._make(now)
    deposits: uint256 = (staticcall IProbe(GOVERNED).books())[4]
    self._be(self.governance)
    cheats._prank(caller)
    success: bool = raw_call(
        GOVERNED,
        concat(SET_UP, abi_encode(convert(32, uint256), convert(992, uint256), convert(1024, uint256)), slice(abi_encode(part), 0, 1000)),
        revert_on_failure=False,
    )
    cheats._must(deposits == 0 or not success)


@external
def check_moves_nothing(caller: address, now: uint256):
    """
    @notice Whatever the owner, or anybody, calls of the governance: idle assets, what is owed,
            shares, exposure, requests and prices stay as they are.
    """
    self._make(now)
    before: uint256[8] = staticcall IProbe(GOVERNED).books()
    cheats._assume(before[4] != 0)  # it was set up
    self._call(self._data(ANY), caller)
    after: uint256[8] = staticcall IProbe(GOVERNED).books()
    good: uint256 = 1
    for i: uint256 in range(8):
        good &= self._same(before[i], after[i])
    cheats._must(good == 1)
