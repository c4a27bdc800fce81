# pragma version 0.4.3
"""
@title USDC.e stand-in
@license AGPL-3.0-only
@author Strongroom
@notice Devnet only: a 6-decimals stablecoin whose deployer mints. Leaves out USDC's blacklist,
        pause and upgrades.
"""

from snekmate.auth import ownable
from snekmate.tokens import erc20

initializes: ownable
initializes: erc20[ownable := ownable]

exports: erc20.__interface__


@deploy
def __init__():
    ownable.__init__()
    erc20.__init__("USD Coin (PoS)", "USDCe", 6, "USD Coin (PoS)", "1")
