# pragma version 0.4.3
"""
@title What a check says to the prover
@license AGPL-3.0-only
@author Strongroom
@notice Cheat codes of halmos and how a violated property is told: by Panic(1). A plain revert is a
        path that is not taken.
"""

interface IVm:
    def assume(condition: bool): nonpayable
    def warp(timestamp: uint256): nonpayable
    def prank(sender: address): nonpayable
    def startPrank(sender: address): nonpayable
    def stopPrank(): nonpayable
    def getCode(name: String[64]) -> Bytes[MAX_CODE]: nonpayable
    def etch(account: address, code: Bytes[MAX_CLONE]): nonpayable


interface ISvm:
    def enableSymbolicStorage(account: address): nonpayable
    def snapshotStorage(account: address) -> bytes32: nonpayable
    def createUint256(name: String[32]) -> uint256: nonpayable
    def createCalldata(name: String[64]) -> Bytes[MAX_CALLDATA]: nonpayable


MAX_CODE: constant(uint256) = 49_152
MAX_CLONE: constant(uint256) = 1024
MAX_CALLDATA: constant(uint256) = 4096
SEARCHING: constant(bool) = False  # True in twins and mutants
OPPOSITE: constant(bool) = False  # True in twins
VM: constant(address) = 0x7109709ECfa91a80626fF3989D68f67F5b1DD12D
SVM: constant(address) = 0xF3993A62377BCd56AE39D773740A5390411E8BC9


@internal
def _must(holds: bool):
    """
    @notice What is to be proven. The twin of a check claims the opposite, and must fail.
    """
    if holds == OPPOSITE:
        raw_revert(concat(method_id("Panic(uint256)"), abi_encode(convert(1, uint256))))


@internal
@pure
def _implies(given: bool, holds: bool) -> uint256:
    """
    @return 1 where it holds if it is given. Bits are joined without branching: one path for all.
    """
    return convert(not given, uint256) | convert(holds, uint256)


@internal
def _assume(condition: bool):
    extcall IVm(VM).assume(condition, skip_contract_check=True)


@internal
def _hint(condition: bool):
    """
    @notice Where a counterexample is looked for, and known to exist, it may be looked for among few
            values. A proof takes no hints.
    """
    if SEARCHING:
        self._assume(condition)


@internal
def _hint_twin(condition: bool):
    """
    @notice The same of a twin alone: its counterexample may be any path.
    """
    if OPPOSITE:
        self._assume(condition)


@internal
def _prank(sender: address):
    """
    @notice The next call comes from `sender`.
    """
    extcall IVm(VM).prank(sender, skip_contract_check=True)


@internal
def _warp(timestamp: uint256):
    """
    @notice Any time of the next centuries, in seconds.
    """
    self._assume(timestamp > 2**30 and timestamp < 2**36)
    extcall IVm(VM).warp(timestamp, skip_contract_check=True)


@internal
def _code(name: String[64]) -> Bytes[MAX_CODE]:
    return extcall IVm(VM).getCode(name, skip_contract_check=True)


@internal
def _etch(account: address, code: Bytes[MAX_CLONE]):
    extcall IVm(VM).etch(account, code, skip_contract_check=True)


@internal
def _any_storage(account: address):
    """
    @notice From here on its storage may hold anything.
    """
    extcall ISvm(SVM).enableSymbolicStorage(account, skip_contract_check=True)


@internal
def _proxy(account: address, code: address, arguments: Bytes[900]):
    """
    @notice Puts an EIP-1167 proxy to `code` at `account`, with arguments behind it, whose storage may
            hold anything: the code runs by delegatecall, as in production.
    """
    self._etch(
        account,
        concat(
            x"363d3d373d3d3d363d73",
            convert(code, bytes20),
            x"5af43d82803e903d91602b57fd5bf3",
            arguments,
        ),
    )
    self._any_storage(account)
