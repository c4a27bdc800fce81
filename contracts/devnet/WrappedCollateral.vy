# pragma version 0.4.3
"""
@title Wrapped collateral stand-in
@license AGPL-3.0-only
@author Strongroom
@notice Devnet only: the collateral inside negative-risk outcome tokens. The adapter mints it, also
        without backing when it converts (the NO tokens that it takes in are burnt, so what is
        unbacked is never redeemed), and burns it.
"""

from snekmate.auth import ownable
from snekmate.tokens import erc20

initializes: ownable
initializes: erc20[ownable := ownable]

exports: (
    erc20.transfer,
    erc20.approve,
    erc20.transferFrom,
    erc20.balanceOf,
    erc20.allowance,
    erc20.totalSupply,
    erc20.name,
    erc20.symbol,
    erc20.decimals,
    ownable.owner,
    ownable.transfer_ownership,
)


@deploy
def __init__():
    ownable.__init__()
    erc20.__init__("Wrapped Collateral", "WCOL", 6, "Wrapped Collateral", "1")


@external
def mint(to: address, amount: uint256):
    """
    @notice Mints `amount`. The adapter only.
    """
    ownable._check_owner()
    erc20._mint(to, amount)


@external
def burn(amount: uint256):
    """
    @notice Burns `amount` of the caller's.
    """
    erc20._burn(msg.sender, amount)
