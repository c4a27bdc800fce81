# pragma version 0.4.3
"""
@title What an account of Protocol V2 admits, and where its positions can go
@license AGPL-3.0-only
@author Strongroom
@notice Any caller, any function of the account, any arguments and storage; a binary question, or an
        event of two questions and Other. The ledger and the module do what they are asked.
"""

from tests.proofs import bounds
from tests.proofs import cheats


interface IAccount:
    def isValidSignature(hash: bytes32, signature: Bytes[1024]) -> bytes4: view
    def halted() -> bool: view
    def epoch() -> uint256: view


interface IMock:
    def balanceOf(owner: address) -> uint256: view
    def allowance(owner: address, spender: address) -> uint256: view
    def isApprovedForAll(owner: address, operator: address) -> bool: view
    def keeperOf(class_id: uint256) -> address: view
    def paused() -> bool: view
    def windingDown() -> bool: view
    def owner() -> address: view
    def guardian() -> address: view
    def isResolved(condition: bytes31) -> bool: view
    def moduleById(id: uint256) -> address: view


interface ITokens:
    def balanceOf(owner: address, id: uint256) -> uint256: view


ACCOUNT: constant(address) = 0x00000000000000000000000000000000000aCC01
CLASS_ID: constant(uint256) = 7
DEADLINE: constant(uint256) = 2**34
BINARY: constant(uint256) = 1 << 248 | 77 << 120
IN_EVENT: constant(uint256) = 2 << 248 | 77 << 120 | 2 << 104
NEXT: constant(uint256) = 1 << 8  # from a question to the one behind it

token: address
ledger: address
module: address
vault: address
safe: address
exchange: address
implementation: address
first: uint256  # the market's first YES


@external
def setUp():
    self.token = raw_create(cheats._code("MockToken.t.sol:MockToken"))
    self.module = raw_create(cheats._code("MockModule.t.sol:MockModule"))
    self.ledger = raw_create(
        cheats._code("MockPositions.t.sol:MockPositions"), self.token, self.module
    )
    self.vault = raw_create(cheats._code("MockVault.t.sol:MockVault"))
    self.safe = raw_create(cheats._code("MockSafe.t.sol:MockSafe"))
    self.exchange = raw_create(cheats._code("MockCode.t.sol:MockCode"))
    self.implementation = raw_create(
        cheats._code("PositionAccount.t.sol:PositionAccount"), self.exchange, self.ledger
    )
    for mock: address in [self.token, self.ledger, self.module, self.vault, self.safe]:
        cheats._any_storage(mock)


@internal
def _make(first: uint256):
    self.first = first
    id: bytes32 = convert(first, bytes32)
    more: Bytes[192] = b""
    count: uint256 = 1
    if first == IN_EVENT:
        count = 3
        more = abi_encode(
            first + NEXT, first + NEXT, first + NEXT + 1, first + 2 * NEXT, first + 2 * NEXT, first + 2 * NEXT + 1
        )
    cheats._proxy(
        ACCOUNT,
        self.implementation,
        concat(
            convert(self.vault, bytes20),
            abi_encode(DEADLINE, id, id, CLASS_ID, count),
            abi_encode(first, first, first + 1),
            more,
        ),
    )


@external
def check_position_order(
    place: bounds.Place,
    question: bytes32,
    now: uint256,
    hash: bytes32,
    order: bounds.Order,
    expiry: uint256,
    part: bytes32,
    condition: bytes32,
    yes: uint256,
    no: uint256,
):
    cheats._proxy(
        ACCOUNT,
        self.implementation,
        concat(
            convert(self.vault, bytes20),
            abi_encode(place.deadline, place.market, question, place.class_id, convert(1, uint256)),
            abi_encode(condition, yes, no),
        ),
    )
    cheats._warp(now)
    bounds._hint(order)
    epoch: uint256 = staticcall IAccount(ACCOUNT).epoch()
    halted: bool = staticcall IAccount(ACCOUNT).halted()
    answer: bytes4 = staticcall IAccount(ACCOUNT).isValidSignature(
        hash, abi_encode(order, expiry, concat(part, part, b"\x01"))
    )
    if answer != bounds.MAGIC:
        return
    cheats._must(not halted)
    parties: bounds.Parties = bounds.Parties(
        account=ACCOUNT,
        maker=ACCOUNT,
        vault=self.vault,
        safe=self.safe,
        exchange=self.exchange,
        version="3",
    )
    cheats._must(hash == bounds._order_hash(order, parties))
    tokens: uint256[4] = [yes, no, 0, 0]
    index: uint256 = bounds._check(parties, place, now, order, expiry, epoch, tokens, 1)
    cheats._must(index == 0)
    id: bytes31 = convert(convert((convert(condition, uint256) >> 8) << 8, bytes32), bytes31)
    module: address = staticcall IMock(self.ledger).moduleById(convert(question, uint256) >> 248)
    cheats._must(module == empty(address) or not staticcall IMock(self.module).isResolved(id))


# What anybody's call changes


@internal
def _call(caller: address) -> bytes4:
    """
    @notice Any function that may change something, with any arguments; of an event those that only
            an event has. A condition's index is 0: all others are unknown and revert, or are alike.
    @return Its selector
    """
    data: Bytes[cheats.MAX_CALLDATA] = extcall cheats.ISvm(cheats.SVM).createCalldata(
        "PositionAccount", skip_contract_check=True
    )
    cheats._assume(len(data) != 0 and len(data) != 1028)
    selector: bytes4 = convert(slice(data, 0, 4), bytes4)
    if selector in [
        method_id("split(uint256,uint256)", output_type=bytes4),
        method_id("merge(uint256,uint256)", output_type=bytes4),
        method_id("redeem(uint256)", output_type=bytes4),
        method_id("convertPositions(uint256,uint256)", output_type=bytes4),
    ]:
        tail: bytes32 = empty(bytes32)
        if len(data) == 68:
            tail = convert(slice(data, 36, 32), bytes32)
        data = concat(selector, empty(bytes32), tail)
    of_event: bool = selector in [
        method_id("splitEvent(uint256)", output_type=bytes4),
        method_id("mergeEvent(uint256)", output_type=bytes4),
        method_id("convertPositions(uint256,uint256)", output_type=bytes4),
    ]
    cheats._assume(self.first == BINARY or of_event)
    cheats._hint_twin(of_event or selector == method_id("recall(uint256)", output_type=bytes4))
    cheats._prank(caller)
    success: bool = raw_call(ACCOUNT, data, revert_on_failure=False)
    cheats._assume(success)
    return selector


@internal
@view
def _state(who: address, id: uint256) -> uint256[4]:
    """
    @return What `who` has of both, and may take of both.
    """
    return [
        staticcall IMock(self.token).balanceOf(who),
        staticcall ITokens(self.ledger).balanceOf(who, id),
        staticcall IMock(self.token).allowance(ACCOUNT, who),
        convert(staticcall IMock(self.ledger).isApprovedForAll(ACCOUNT, who), uint256),
    ]


@internal
@view
def _safer(caller: address) -> uint256:
    """
    @return 1: vault, keeper, guardian, owner; anybody in wind-down.
    """
    return (
        convert(staticcall IMock(self.vault).windingDown(), uint256)
        | convert(caller == self.vault, uint256)
        | convert(caller == staticcall IMock(self.vault).keeperOf(CLASS_ID), uint256)
        | convert(caller == staticcall IMock(self.vault).guardian(), uint256)
        | convert(caller == staticcall IMock(self.vault).owner(), uint256)
    )


@internal
def _check_outflow(caller: address, who: address, id: uint256, now: uint256):
    """
    @dev Nothing reaches `who`, who is anybody but the account, its vault and the market's module;
         nobody can take anything later either. Collateral goes out but for `recall` only by the
         keeper's act while nothing is stopped; positions by it, by theirs who may merge, or once
         something is resolved.
    """
    cheats._warp(now)
    for other: address in [ACCOUNT, self.vault, self.module]:
        cheats._assume(who != other)
    before: uint256[4] = self._state(who, id)
    cash: uint256 = staticcall IMock(self.token).balanceOf(ACCOUNT)
    tokens: uint256 = staticcall ITokens(self.ledger).balanceOf(ACCOUNT, id)
    keeps: uint256 = (
        convert(caller == staticcall IMock(self.vault).keeperOf(CLASS_ID), uint256)
        & (1 - convert(staticcall IMock(self.vault).paused(), uint256))
        & (1 - convert(staticcall IMock(self.vault).windingDown(), uint256))
        & (1 - convert(staticcall IAccount(ACCOUNT).halted(), uint256))
        & convert(now < DEADLINE, uint256)
    )
    resolved: uint256 = 0
    for i: uint256 in range(3):
        word: bytes32 = convert(self.first + i * NEXT, bytes32)
        resolved |= convert(staticcall IMock(self.module).isResolved(convert(word, bytes31)), uint256)
    safer: uint256 = self._safer(caller)
    selector: bytes4 = self._call(caller)
    if selector == method_id("initialize()", output_type=bytes4):
        cheats._must(caller == self.vault)
        return  # the vault calls it once, when it has made the clone
    if selector == method_id("payInKind(address,uint256,uint256)", output_type=bytes4):
        cheats._must(caller == self.vault)
        return
    after: uint256[4] = self._state(who, id)
    good: uint256 = 1
    for i: uint256 in range(4):
        good &= convert(after[i] <= before[i], uint256)
    fell: bool = staticcall IMock(self.token).balanceOf(ACCOUNT) < cash
    good &= convert(not fell, uint256) | convert(caller == self.vault, uint256) | keeps
    fewer: bool = staticcall ITokens(self.ledger).balanceOf(ACCOUNT, id) < tokens
    good &= convert(not fewer, uint256) | keeps | safer | resolved
    cheats._must(good == 1)


@external
def check_position_outflow(caller: address, who: address, id: uint256, now: uint256):
    self._make(BINARY)
    self._check_outflow(caller, who, id, now)


@external
def check_position_event_outflow(caller: address, who: address, id: uint256, now: uint256):
    self._make(IN_EVENT)
    self._check_outflow(caller, who, id, now)


@external
def check_position_halt(caller: address, now: uint256):
    """
    @dev Only who may make things safer halts, and it takes away what orders are paid from.
    """
    self._make(BINARY)
    cheats._warp(now)
    epoch: uint256 = staticcall IAccount(ACCOUNT).epoch()
    cheats._assume(epoch < 2**128)  # it is counted from 0
    safer: uint256 = self._safer(caller)
    cheats._prank(caller)
    success: bool = raw_call(ACCOUNT, method_id("halt()"), revert_on_failure=False)
    cheats._assume(success)
    cheats._must(staticcall IAccount(ACCOUNT).halted())
    cheats._must(safer == 1)
    cheats._must(staticcall IAccount(ACCOUNT).epoch() == epoch + 1)
    cheats._must(staticcall IMock(self.token).allowance(ACCOUNT, self.exchange) == 0)
    cheats._must(not staticcall IMock(self.ledger).isApprovedForAll(ACCOUNT, self.exchange))


@external
def check_position_halted(caller: address, now: uint256):
    """
    @dev Nothing that anybody calls wakes a halted account, or gives the exchange a way to be paid.
         The vault's `initialize` is called once, in the call that makes the clone.
    """
    self._make(BINARY)
    cheats._warp(now)
    cheats._assume(staticcall IAccount(ACCOUNT).halted())
    cheats._assume(staticcall IMock(self.token).allowance(ACCOUNT, self.exchange) == 0)
    cheats._assume(not staticcall IMock(self.ledger).isApprovedForAll(ACCOUNT, self.exchange))
    selector: bytes4 = self._call(caller)
    if selector == method_id("initialize()", output_type=bytes4):
        cheats._must(caller == self.vault)
        return
    cheats._must(staticcall IAccount(ACCOUNT).halted())
    cheats._must(staticcall IMock(self.token).allowance(ACCOUNT, self.exchange) == 0)
    cheats._must(not staticcall IMock(self.ledger).isApprovedForAll(ACCOUNT, self.exchange))
