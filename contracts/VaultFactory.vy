# pragma version 0.4.3
"""
@title Strongroom vault factory
@license AGPL-3.0-only
@author Strongroom
@notice Deploys vaults from one blueprint at addresses known beforehand, and lists them.
"""

from contracts.modules import terms


event VaultDeployed:
    vault: indexed(address)
    asset: indexed(address)
    owner: indexed(address)
    deployer: address


VERSION: public(constant(String[8])) = "0.7.0"  # of the contracts
MAX_PAGE: constant(uint256) = 100  # vaults that one call of vaultsFrom lists

BLUEPRINT: public(immutable(address))  # ERC-5202 blueprint of Vault
DESK: public(immutable(address))  # of every vault of this factory
ASSET: public(immutable(address))  # of every vault of this factory

is_vault: public(HashMap[address, bool])  # whether this factory deployed it
vault_count: public(uint256)  # how many vaults it has deployed
vaults: public(HashMap[uint256, address])  # by number, in the order of deployment


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
@view
def vaultsFrom(start: uint256) -> DynArray[address, MAX_PAGE]:
    """
    @return Up to a hundred vaults in the order of their deployment, the `start`-th first.
    """
    page: DynArray[address, MAX_PAGE] = []
    for i: uint256 in range(MAX_PAGE):
        if start + i >= self.vault_count:
            break
        page.append(self.vaults[start + i])
    return page


@external
@nonreentrant
def deploy(new: terms.Terms, salt: bytes32) -> address:
    """
    @notice Deploys a vault; anyone may. The address depends on the caller, the salt and every
            term, so nobody can take it in advance; a call that is only simulated (eth_call)
            tells it beforehand.
    @return The vault
    """
    vault: address = create_from_blueprint(
        BLUEPRINT, DESK, new, salt=keccak256(abi_encode(msg.sender, salt))
    )
    self.is_vault[vault] = True
    self.vaults[self.vault_count] = vault
    self.vault_count += 1
    log VaultDeployed(vault=vault, asset=ASSET, owner=new.owner, deployer=msg.sender)
    return vault
