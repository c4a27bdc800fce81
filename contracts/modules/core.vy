# pragma version 0.4.3
"""
@title What the three pieces of a vault's code are composed of
@license AGPL-3.0-only
@author Strongroom
@notice A vault has one storage and three pieces of code that run on it (Vault.vy, VaultDesk.vy,
        VaultGovernance.vy). Each initialises this module and nothing else, so all three have the
        same modules in the same order: the same variable at the same slot, and one re-entrancy
        lock.
@custom:security A module that one piece initialised by itself would shift its slots against the
        others'. The order below is the storage layout.
"""

from ethereum.ercs import IERC20Detailed
from snekmate.auth import ownable
from snekmate.tokens import erc20

from contracts.modules import breaker
from contracts.modules import exposure
from contracts.modules import fees
from contracts.modules import ledger
from contracts.modules import limits
from contracts.modules import nav
from contracts.modules import requests
from contracts.modules import roles
from contracts.modules import status
from contracts.modules import timelock

initializes: ownable
initializes: erc20[ownable := ownable]
initializes: status
initializes: roles[ownable := ownable, status := status]
initializes: timelock[ownable := ownable, roles := roles]
initializes: limits[status := status]
initializes: breaker[limits := limits, status := status]
initializes: ledger
initializes: requests
initializes: exposure[limits := limits]
initializes: nav[exposure := exposure, ledger := ledger]
initializes: fees

MORE_DECIMALS: constant(uint8) = 6  # of a share than of the asset, see ledger.VIRTUAL_SHARES


@deploy
def __init__(asset: address, name: String[25], symbol: String[5], version: String[20]):
    """
    @param asset The stablecoin that is deposited and traded with
    @param name Of the share token, also in its EIP-712 domain
    @param symbol Of the share token
    @param version In the share token's EIP-712 domain
    """
    ledger.__init__(asset)
    ownable.__init__()
    erc20.__init__(
        name, symbol, staticcall IERC20Detailed(asset).decimals() + MORE_DECIMALS, name, version
    )


@internal
def _leave_to_nobody():
    """
    @notice Makes code that vaults run by delegatecall useless on its own storage: no owner, and
            set up already.
    """
    ownable._transfer_ownership(empty(address))
    requests._set_up()
