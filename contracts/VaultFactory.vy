# pragma version 0.4.3
"""
@title Probity vault factory
@license AGPL-3.0-only
@author Probity
@notice Deploys vaults from one blueprint at addresses known beforehand, and lists them.
"""

from contracts.modules import limits


struct Roles:
    owner: address
    guardian: address
    keeper: address
    reporter: address


struct FeeTerms:
    management_bps: uint256
    performance_bps: uint256
    recipient: address


event VaultDeployed:
    vault: indexed(address)
    asset: indexed(address)
    owner: indexed(address)
    deployer: address


VERSION: public(constant(String[8])) = "0.1.0"

BLUEPRINT: public(immutable(address))
DESK: public(immutable(address))
ASSET: public(immutable(address))

is_vault: public(HashMap[address, bool])
vault_count: public(uint256)
vaults: public(HashMap[uint256, address])


interface IDesk:
    def asset() -> address: view


@deploy
def __init__(blueprint: address, desk: address):
    """
    @param blueprint ERC-5202 blueprint of Vault
    @param desk VaultDesk, whose asset is the asset of every vault of this factory
    """
    assert blueprint.is_contract, "blueprint has no code"
    BLUEPRINT = blueprint
    DESK = desk
    ASSET = staticcall IDesk(desk).asset()


@external
@nonreentrant
def deploy(
    name: String[25],
    symbol: String[5],
    roles: Roles,
    fee_terms: FeeTerms,
    limits_: uint256[limits.COUNT],
    deposit_limit: uint256,
    min_deposit: uint256,
    salt: bytes32,
) -> address:
    """
    @notice Deploys a vault; anyone may. The address depends on the caller, the salt and every
            argument, so nobody can take it in advance.
    @return The vault
    """
    vault: address = create_from_blueprint(
        BLUEPRINT,
        ASSET,
        DESK,
        name,
        symbol,
        roles,
        fee_terms,
        limits_,
        deposit_limit,
        min_deposit,
        salt=keccak256(abi_encode(msg.sender, salt)),
    )
    self.is_vault[vault] = True
    self.vaults[self.vault_count] = vault
    self.vault_count += 1
    log VaultDeployed(vault=vault, asset=ASSET, owner=roles.owner, deployer=msg.sender)
    return vault
