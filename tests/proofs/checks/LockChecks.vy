# pragma version 0.4.3
"""
@title What runs while something runs
@license AGPL-3.0-only
@author Strongroom
@notice The re-entrancy lock of a vault's four pieces of code, on a storage that may hold anything:
        whoever is called by the vault, asset or account, can change nothing of it before that call
        is over, but for moving shares of his own.
"""

from tests.proofs import cheats
from tests.proofs import whole


interface IProbe:
    def during(code: address, data: Bytes[MAX_DATA + 128]) -> (bool, uint256): nonpayable
    def marketOf(market: bytes32) -> (address, uint256, uint256, bool): view


interface ISvm:
    def createCalldata(name: String[64]) -> Bytes[MAX_DATA]: nonpayable


MAX_DATA: constant(uint256) = 2048

pieces: whole.Pieces


@external
def setUp():
    self.pieces = whole._deploy(raw_create(cheats._code("MockToken.t.sol:MockToken")))


@internal
def _data(name: String[64]) -> Bytes[MAX_DATA]:
    """
    @return A call of any function of a contract that may change something.
    """
    data: Bytes[MAX_DATA] = extcall ISvm(cheats.SVM).createCalldata(name, skip_contract_check=True)
    cheats._assume(len(data) != 0 and len(data) != 1028)
    return data


@internal
def _check(name: String[64], code: address, caller: address, now: uint256):
    """
    @notice Any function that may change something, while the lock is held: it reverts at once, with
            no reason. A share token's own functions need no lock: they only ask the
            allow-list, which can change nothing.
    """
    whole._make(self.pieces.probe, now)
    data: Bytes[MAX_DATA] = self._data(name)
    selector: bytes4 = convert(slice(data, 0, 4), bytes4)
    for own: bytes4 in [
        method_id("transfer(address,uint256)", output_type=bytes4),
        method_id("approve(address,uint256)", output_type=bytes4),
        method_id("transferFrom(address,address,uint256)", output_type=bytes4),
        method_id("permit(address,address,uint256,uint256,uint8,bytes32,bytes32)", output_type=bytes4),
        method_id("accept(bytes)", output_type=bytes4),  # makes one of the others, see below
    ]:
        cheats._assume(selector != own)
    success: bool = False
    size: uint256 = 0
    cheats._prank(caller)
    success, size = extcall IProbe(whole.VAULT).during(code, data)
    cheats._must(not success and size == 0)


@external
def check_vault(caller: address, now: uint256):
    self._check("Vault", self.pieces.front, caller, now)


@external
def check_desk(caller: address, now: uint256):
    self._check("VaultDesk", self.pieces.desk, caller, now)


@external
def check_exits(caller: address, now: uint256):
    self._check("VaultExits", self.pieces.exits, caller, now)


@external
def check_governance(caller: address, now: uint256):
    self._check("VaultGovernance", self.pieces.governance, caller, now)


@external
def check_accept(caller: address, now: uint256):
    """
    @notice Nor does any call that `accept` would make.
    """
    whole._make(self.pieces.probe, now)
    call: Bytes[MAX_DATA] = self._data("VaultGovernance")
    success: bool = False
    size: uint256 = 0
    cheats._prank(caller)
    success, size = extcall IProbe(whole.VAULT).during(
        self.pieces.exits, abi_encode(call, method_id=method_id("accept(bytes)"))
    )
    cheats._must(not success)


@internal
def _make_hostile(now: uint256):
    """
    @notice The account calls back.
    """
    self.pieces = whole._deploy(raw_create(cheats._code("MockHostile.t.sol:MockHostile")))
    whole._make(self.pieces.probe, now)


@internal
def _check_called(caller: address, data: Bytes[MAX_DATA]):
    """
    @notice What the vault calls finds it locked: the account tries a function of anybody's.
    """
    whole._be(self.pieces.front)
    success: bool = False
    said: Bytes[128] = b""
    cheats._prank(caller)
    success, said = raw_call(whole.VAULT, data, max_outsize=128, revert_on_failure=False)
    cheats._hint_twin(keccak256(said) == whole._reason("locked"))
    cheats._must(keccak256(said) != whole._reason("entered"))


@external
def check_called_for_recall(caller: address, now: uint256, market: bytes32, assets: uint256):
    self._make_hostile(now)
    cheats._assume((staticcall IProbe(whole.VAULT).marketOf(market))[0] == self.pieces.asset)
    self._check_called(caller, abi_encode(market, assets, method_id=method_id("recall(bytes32,uint256)")))
