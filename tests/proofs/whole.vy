# pragma version 0.4.3
"""
@title A whole vault to prove things of
@license AGPL-3.0-only
@author Strongroom
@notice The four pieces of a vault's code, and a fifth that says what is in its storage. Each runs by
        delegatecall on one storage, which may hold anything.
"""

from contracts.modules import terms
from tests.proofs import cheats


interface IProbe:
    def word() -> uint256: view


struct Pieces:
    asset: address
    front: address  # Vault.vy, behind which the others are
    desk: address
    exits: address
    governance: address
    probe: address


VAULT: constant(address) = 0x0000000000000000000000000000000000060001
BY_GUARDIAN: constant(uint256) = 1 << 104
BY_OWNER: constant(uint256) = 1 << 105
WINDING_DOWN: constant(uint256) = 1 << 106
STOPPED: constant(uint256) = BY_GUARDIAN | BY_OWNER | WINDING_DOWN
U40: constant(uint256) = 2**40 - 1
U85: constant(uint256) = 2**85 - 1


@internal
def _deploy(asset: address) -> Pieces:
    governance: address = raw_create(cheats._code("VaultGovernance.t.sol:VaultGovernance"), asset)
    exits: address = raw_create(cheats._code("VaultExits.t.sol:VaultExits"), asset, governance)
    desk: address = raw_create(cheats._code("VaultDesk.t.sol:VaultDesk"), asset, exits)
    new: terms.Terms = empty(terms.Terms)
    new.owner = self
    new.guardian = self
    new.reporter = self
    new.fee_recipient = self
    new.limits[6] = 14 * 86_400
    return Pieces(
        asset=asset,
        front=raw_create(cheats._code("Vault.t.sol:Vault"), desk, new),
        desk=desk,
        exits=exits,
        governance=governance,
        probe=raw_create(cheats._code("Probe.t.sol:Probe"), asset),
    )


@internal
def _be(code: address):
    """
    @notice From here on the vault's storage is run by `code`.
    """
    cheats._etch(
        VAULT,
        concat(x"363d3d373d3d3d363d73", convert(code, bytes20), x"5af43d82803e903d91602b57fd5bf3"),
    )


@internal
def _make(probe: address, now: uint256) -> uint256:
    """
    @return The status word.
    """
    cheats._proxy(VAULT, probe, b"")
    cheats._warp(now)
    return staticcall IProbe(VAULT).word()


@internal
@pure
def _reason(said: String[20]) -> bytes32:
    """
    @return Hash of what a call that reverts with this reason returns.
    """
    return keccak256(abi_encode(said, method_id=method_id("Error(string)")))
