# pragma version 0.4.3
"""
@title Where an account's assets can go, and what a halt ends
@license AGPL-3.0-only
@author Strongroom
@notice Any caller, any function of the account, any arguments and storage, one condition.
"""

from contracts.interfaces import IVault
from tests.proofs import cheats


interface IAccount:
    def halted() -> bool: view
    def epoch() -> uint256: view
    def halt(): nonpayable
    def wallet() -> address: view
    def outstanding() -> uint256: view


interface IMock:
    def balanceOf(owner: address) -> uint256: view
    def allowance(owner: address, spender: address) -> uint256: view
    def isApprovedForAll(owner: address, operator: address) -> bool: view
    def keeperOf(class_id: uint256) -> address: view
    def paused() -> bool: view
    def windingDown() -> bool: view
    def owner() -> address: view
    def guardian() -> address: view
    def orderTerms(class_id: uint256, market: bytes32, index: uint256) -> IVault.OrderTerms: view


interface ITokens:
    def balanceOf(owner: address, id: uint256) -> uint256: view


ACCOUNT: constant(address) = 0x00000000000000000000000000000000000aCC01
CLASS_ID: constant(uint256) = 7
DEADLINE: constant(uint256) = 2**34
CONDITION: constant(bytes32) = 0x00000000000000000000000000000000000000000000000000000000000000c0
YES: constant(uint256) = 1001
NO: constant(uint256) = 1002

token: address
ctf: address
vault: address
exchange: address
adapter: address
pool: address
polymarket: address
fpmm: address
delegated: address
kind: address
outcome: uint256  # what a pool is asked for


@external
def setUp():
    self.token = raw_create(cheats._code("MockToken.t.sol:MockToken"))
    self.ctf = raw_create(cheats._code("MockTokens.t.sol:MockTokens"))
    self.vault = raw_create(cheats._code("MockVault.t.sol:MockVault"))
    self.exchange = raw_create(cheats._code("MockCode.t.sol:MockCode"))
    self.adapter = raw_create(cheats._code("MockAdapter.t.sol:MockAdapter"))
    self.pool = raw_create(cheats._code("MockPool.t.sol:MockPool"))
    registry: address = raw_create(cheats._code("MockRegistry.t.sol:MockRegistry"), self.token)
    self.polymarket = raw_create(
        cheats._code("PolymarketAccount.t.sol:PolymarketAccount"),
        self.exchange,
        "2",
        self.ctf,
        self.token,
        self.token,
        self.adapter,
        False,
    )
    self.fpmm = raw_create(
        cheats._code("FpmmAccount.t.sol:FpmmAccount"), self.ctf, self.token, self.pool.codehash
    )
    self.delegated = raw_create(
        cheats._code("DelegatedAccount.t.sol:DelegatedAccount"),
        registry,
        self.ctf,
        self.token,
        self.token,
        self.adapter,
        False,
    )
    for mock: address in [self.token, self.ctf, self.vault, self.pool]:
        cheats._any_storage(mock)


@internal
def _make(code: address):
    self.kind = code
    cheats._proxy(
        ACCOUNT,
        code,
        concat(
            convert(self.vault, bytes20),
            abi_encode(DEADLINE, CONDITION, CONDITION, CLASS_ID, convert(1, uint256)),
            abi_encode(CONDITION, YES, NO),
        ),
    )


@internal
def _call(name: String[64], caller: address) -> bytes4:
    """
    @notice Any function that may change something, with any arguments. A condition's index is 0: all
            others are unknown and revert.
    @return Its selector; 0: it reverted.
    """
    data: Bytes[cheats.MAX_CALLDATA] = extcall cheats.ISvm(cheats.SVM).createCalldata(
        name, skip_contract_check=True
    )
    cheats._assume(len(data) != 0 and len(data) != 1028)
    selector: bytes4 = convert(slice(data, 0, 4), bytes4)
    if selector in [
        method_id("split(uint256,uint256)", output_type=bytes4),
        method_id("merge(uint256,uint256)", output_type=bytes4),
        method_id("redeem(uint256)", output_type=bytes4),
        method_id("takeBackTokens(uint256,uint256)", output_type=bytes4),
    ]:
        tail: bytes32 = empty(bytes32)
        if len(data) == 68:
            tail = convert(slice(data, 36, 32), bytes32)
        data = concat(selector, empty(bytes32), tail)
    elif self.kind == self.fpmm and len(data) == 164:
        # buy and sell
        data = concat(slice(data, 0, 36), convert(self.outcome, bytes32), slice(data, 68, 96))
    cheats._hint_twin(selector == method_id("recall(uint256)", output_type=bytes4))
    cheats._prank(caller)
    success: bool = raw_call(ACCOUNT, data, revert_on_failure=False)
    cheats._assume(success)
    return selector


@internal
def _check_outflow(name: String[64], caller: address, who: address, id: uint256, now: uint256):
    """
    @dev Nothing reaches `who`, who is anybody but the account, its vault, the adapter, the pool it
         trades with and the wallet it feeds; nobody can take anything later either. Collateral
         goes out but for `recall` only by its keeper's act, while nothing is stopped.
    """
    cheats._warp(now)
    adapter: address = self.ctf if self.kind == self.fpmm else self.adapter
    for other: address in [ACCOUNT, self.vault, adapter, self.pool]:
        cheats._assume(who != other)
    if self.kind == self.delegated:
        cheats._assume(who != staticcall IAccount(ACCOUNT).wallet())
    for part: address in [adapter, self.pool]:
        cheats._assume(staticcall IMock(self.token).allowance(ACCOUNT, part) == 0)
        cheats._assume(not staticcall IMock(self.ctf).isApprovedForAll(ACCOUNT, part))
    before: uint256[4] = self._state(who, id)
    own: uint256 = staticcall IMock(self.token).balanceOf(ACCOUNT)
    own_tokens: uint256 = staticcall ITokens(self.ctf).balanceOf(ACCOUNT, id)
    keeper: address = staticcall IMock(self.vault).keeperOf(CLASS_ID)
    stopped: uint256 = convert(staticcall IAccount(ACCOUNT).halted(), uint256)
    stopped |= convert(now >= DEADLINE, uint256)
    paused: uint256 = convert(staticcall IMock(self.vault).paused(), uint256)
    paused |= convert(staticcall IMock(self.vault).windingDown(), uint256)
    by_keeper: uint256 = convert(caller == keeper, uint256) & (1 - paused)
    if self.kind == self.fpmm:
        # trades, by the vault's terms, which name no keeper while it is stopped
        trader: address = (
            staticcall IMock(self.vault).orderTerms(CLASS_ID, CONDITION, self.outcome)
        ).keeper
        by_keeper |= convert(caller == trader, uint256)
    by_keeper &= 1 - stopped
    selector: bytes4 = self._call(name, caller)
    if selector == method_id("initialize()", output_type=bytes4):
        return  # the vault calls it once, when it has made the clone
    if selector == method_id("payInKind(address,uint256,uint256)", output_type=bytes4):
        cheats._must(caller == self.vault)
        return
    after: uint256[4] = self._state(who, id)
    good: uint256 = (
        convert(after[0] <= before[0], uint256)
        & convert(after[1] <= before[1], uint256)
        & convert(after[2] <= before[2], uint256)
        & convert(after[3] <= before[3], uint256)
    )
    for part: address in [adapter, self.pool]:
        good &= convert(staticcall IMock(self.token).allowance(ACCOUNT, part) == 0, uint256)
        good &= convert(not staticcall IMock(self.ctf).isApprovedForAll(ACCOUNT, part), uint256)
    fell: bool = staticcall IMock(self.token).balanceOf(ACCOUNT) < own
    good &= convert(not fell, uint256) | convert(caller == self.vault, uint256) | by_keeper
    less: bool = staticcall ITokens(self.ctf).balanceOf(ACCOUNT, id) < own_tokens
    good &= convert(not less, uint256) | (convert(self.kind == self.fpmm, uint256) & by_keeper)
    cheats._must(good == 1)


@internal
@view
def _state(who: address, id: uint256) -> uint256[4]:
    """
    @return What `who` has of both, and may take of both.
    """
    return [
        staticcall IMock(self.token).balanceOf(who),
        staticcall ITokens(self.ctf).balanceOf(who, id),
        staticcall IMock(self.token).allowance(ACCOUNT, who),
        convert(staticcall IMock(self.ctf).isApprovedForAll(ACCOUNT, who), uint256),
    ]


@external
def check_polymarket_outflow(caller: address, who: address, id: uint256, now: uint256):
    self._make(self.polymarket)
    self._check_outflow("PolymarketAccount", caller, who, id, now)


@external
def check_fpmm_outflow_yes(caller: address, who: address, id: uint256, now: uint256):
    self._make(self.fpmm)
    self._check_outflow("FpmmAccount", caller, who, id, now)


@external
def check_fpmm_outflow_no(caller: address, who: address, id: uint256, now: uint256):
    self._make(self.fpmm)
    self.outcome = 1
    self._check_outflow("FpmmAccount", caller, who, id, now)


@external
def check_delegated_outflow(caller: address, who: address, id: uint256, now: uint256):
    self._make(self.delegated)
    self._check_outflow("DelegatedAccount", caller, who, id, now)


@internal
def _check_halt(caller: address, now: uint256):
    """
    @dev Only who may make things safer halts, and it takes away what orders are paid from.
    """
    cheats._warp(now)
    cheats._prank(caller)
    success: bool = raw_call(ACCOUNT, method_id("halt()"), revert_on_failure=False)
    cheats._assume(success)
    cheats._must(staticcall IAccount(ACCOUNT).halted())
    cheats._must(staticcall IMock(self.vault).windingDown() or caller in [
        self.vault,
        staticcall IMock(self.vault).keeperOf(CLASS_ID),
        staticcall IMock(self.vault).guardian(),
        staticcall IMock(self.vault).owner(),
    ])


@external
def check_polymarket_halt(caller: address, now: uint256):
    self._make(self.polymarket)
    epoch: uint256 = staticcall IAccount(ACCOUNT).epoch()
    cheats._assume(epoch < 2**128)  # it is counted from 0
    self._check_halt(caller, now)
    cheats._must(staticcall IAccount(ACCOUNT).epoch() == epoch + 1)
    cheats._must(staticcall IMock(self.token).allowance(ACCOUNT, self.exchange) == 0)
    cheats._must(not staticcall IMock(self.ctf).isApprovedForAll(ACCOUNT, self.exchange))


@external
def check_fpmm_halt(caller: address, now: uint256):
    self._make(self.fpmm)
    self._check_halt(caller, now)


@external
def check_delegated_halt(caller: address, now: uint256):
    self._make(self.delegated)
    self._check_halt(caller, now)


@internal
def _check_halted(name: String[64], caller: address, now: uint256):
    """
    @dev Nothing that anybody calls wakes a halted account, or gives the exchange a way to be paid.
         The vault's `initialize` is called once, in the call that makes the clone.
    """
    cheats._warp(now)
    cheats._assume(staticcall IAccount(ACCOUNT).halted())
    cheats._assume(staticcall IMock(self.token).allowance(ACCOUNT, self.exchange) == 0)
    cheats._assume(not staticcall IMock(self.ctf).isApprovedForAll(ACCOUNT, self.exchange))
    selector: bytes4 = self._call(name, caller)
    if selector == method_id("initialize()", output_type=bytes4):
        cheats._must(caller == self.vault)
        return
    cheats._must(staticcall IAccount(ACCOUNT).halted())
    cheats._must(staticcall IMock(self.token).allowance(ACCOUNT, self.exchange) == 0)
    cheats._must(not staticcall IMock(self.ctf).isApprovedForAll(ACCOUNT, self.exchange))


@external
def check_polymarket_halted(caller: address, now: uint256):
    self._make(self.polymarket)
    self._check_halted("PolymarketAccount", caller, now)


@external
def check_fpmm_halted(caller: address, now: uint256):
    self._make(self.fpmm)
    self._check_halted("FpmmAccount", caller, now)


@external
def check_delegated_halted(caller: address, now: uint256):
    self._make(self.delegated)
    self._check_halted("DelegatedAccount", caller, now)
