# pragma version 0.4.3
"""
@title What a splitter credits, and who may take it
@license AGPL-3.0-only
@author Strongroom
@notice The splitter's bytecode on a storage that may hold anything, with a vault of one class whose
        profit, fee and price may be anything. Any caller, function, arguments and time.
"""

from tests.proofs import cheats


interface ISplitter:
    def creditOf(account: address) -> uint256: view
    def total_credit() -> uint256: view


interface IShares:
    def balanceOf(account: address) -> uint256: view


interface ISvm:
    def createCalldata(name: String[64]) -> Bytes[MAX_CALL]: nonpayable


SPLITTER: constant(address) = 0x0000000000000000000000000000000000060001
MAX_CALL: constant(uint256) = 512
SPLIT: constant(bytes4) = method_id("split()", output_type=bytes4)
APPOINT: constant(bytes4) = method_id("appoint(uint256)", output_type=bytes4)

vault: address
splitter: address


@external
def setUp():
    self.vault = raw_create(cheats._code("MockFees.t.sol:MockFees"))
    self.splitter = raw_create(
        cheats._code("PerformanceSplitter.t.sol:PerformanceSplitter"),
        self.vault,
        self,
        convert(0, uint256),
    )


@internal
def _make(now: uint256):
    cheats._any_storage(self.vault)
    cheats._proxy(SPLITTER, self.splitter, b"")
    cheats._warp(now)


@internal
def _call(caller: address):
    """
    @notice Any function that may change something, but for those that split.
    """
    data: Bytes[MAX_CALL] = extcall ISvm(cheats.SVM).createCalldata(
        "PerformanceSplitter", skip_contract_check=True
    )
    cheats._assume(len(data) != 0 and len(data) != 1028)
    selector: bytes4 = convert(slice(data, 0, 4), bytes4)
    cheats._assume(selector != SPLIT and selector != APPOINT)
    cheats._prank(caller)
    success: bool = raw_call(SPLITTER, data, revert_on_failure=False)
    cheats._assume(success)  # what reverts changes nothing


@internal
def _covered() -> bool:
    """
    @return Whether what is credited in all is within the shares that lie there.
    """
    return (
        staticcall ISplitter(SPLITTER).total_credit()
        <= staticcall IShares(self.vault).balanceOf(SPLITTER)
    )


@internal
def _credit(account: address) -> uint256:
    return staticcall ISplitter(SPLITTER).creditOf(account)


@external
def check_credit(caller: address, account: address, now: uint256):
    """
    @dev Nobody's credit falls by what others call, and what is credited stays covered.
    """
    self._make(now)
    cheats._assume(caller != account)
    cheats._assume(self._covered())
    before: uint256 = self._credit(account)
    self._call(caller)
    cheats._must(self._covered() and self._credit(account) >= before)


@internal
def _check_split(caller: address, account: address, now: uint256, data: Bytes[36]):
    """
    @notice A split, by anybody: nobody's credit falls, not the caller's either.
    """
    self._make(now)
    cheats._assume(self._covered())
    before: uint256 = self._credit(account)
    cheats._prank(caller)
    success: bool = raw_call(SPLITTER, data, revert_on_failure=False)
    cheats._assume(success)
    cheats._must(self._covered() and self._credit(account) >= before)


@external
def check_split(caller: address, account: address, now: uint256):
    self._check_split(caller, account, now, method_id("split()"))


@external
def check_appoint(caller: address, account: address, now: uint256, class_id: uint256):
    self._check_split(
        caller, account, now, abi_encode(class_id, method_id=method_id("appoint(uint256)"))
    )
