# pragma version 0.4.3
"""
@title What a vault does for whom
@license AGPL-3.0-only
@author Strongroom
@notice The whole vault, its four pieces of code one behind the other, on a storage that may hold
        anything.
"""

from contracts.modules import terms
from tests.proofs import cheats


interface IProbe:
    def owner() -> address: view
    def guardian() -> address: view
    def word() -> uint256: view
    def limit(which: uint256) -> uint256: view
    def totalSupply() -> uint256: view
    def value(market: bytes32, account: address, book: uint256, words: DynArray[uint256, 32]) -> (uint256, uint256): nonpayable


VAULT: constant(address) = 0x0000000000000000000000000000000000060001
WINDING_DOWN: constant(uint256) = 1 << 106
U40: constant(uint256) = 2**40 - 1
U85: constant(uint256) = 2**85 - 1

front: address
probe: address
asset: address


@external
def setUp():
    self.asset = raw_create(cheats._code("MockToken.t.sol:MockToken"))
    governance: address = raw_create(
        cheats._code("VaultGovernance.t.sol:VaultGovernance"), self.asset
    )
    exits: address = raw_create(
        cheats._code("VaultExits.t.sol:VaultExits"), self.asset, governance
    )
    desk: address = raw_create(cheats._code("VaultDesk.t.sol:VaultDesk"), self.asset, exits)
    new: terms.Terms = terms.Terms(
        name="",
        symbol="",
        owner=self,
        guardian=self,
        reporter=self,
        fee_recipient=self,
        management_bps=0,
        performance_bps=0,
        hurdle_bps=0,
        deposit_limit=0,
        min_deposit=0,
        timelock=0,
        limits=empty(uint256[19]),
    )
    new.limits[6] = 14 * 86_400
    self.front = raw_create(cheats._code("Vault.t.sol:Vault"), desk, new)
    self.probe = raw_create(cheats._code("Probe.t.sol:Probe"), self.asset)


@internal
def _be(code: address):
    cheats._etch(
        VAULT,
        concat(x"363d3d373d3d3d363d73", convert(code, bytes20), x"5af43d82803e903d91602b57fd5bf3"),
    )


@internal
def _make(now: uint256) -> uint256:
    """
    @return The status word.
    """
    cheats._proxy(VAULT, self.probe, b"")
    cheats._warp(now)
    return staticcall IProbe(VAULT).word()


@external
def check_wind_down(now: uint256, caller: address):
    """
    @notice Guardian and owner wind down; anyone once there are shares and no report for as long as
            the liveness period. It is never made twice, and nothing else of the word changes.
    """
    word: uint256 = self._make(now)
    by: uint256 = convert(caller == staticcall IProbe(VAULT).owner(), uint256)
    by |= convert(caller == staticcall IProbe(VAULT).guardian(), uint256)
    silent: uint256 = convert(staticcall IProbe(VAULT).totalSupply() != 0, uint256)
    silent &= convert(now > (word & U40) + staticcall IProbe(VAULT).limit(6), uint256)
    self._be(self.front)
    cheats._prank(caller)
    success: bool = raw_call(VAULT, method_id("windDown()"), revert_on_failure=False)
    cheats._assume(success)
    self._be(self.probe)
    good: uint256 = (by | silent) & convert(word & WINDING_DOWN == 0, uint256)
    good &= convert(staticcall IProbe(VAULT).word() == word | WINDING_DOWN, uint256)
    cheats._must(good == 1)


@external
def check_silent_account(now: uint256, market: bytes32, book: uint256, mark: uint256):
    """
    @notice An account without an answer counts nothing at the bid, its exposure at least at the ask.
    """
    word: uint256 = self._make(now)
    bid: uint256 = 0
    ask: uint256 = 0
    bid, ask = extcall IProbe(VAULT).value(market, self.asset, book, [mark])
    cheats._must(bid == 0 and ask >= book & U85)
