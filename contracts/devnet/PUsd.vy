# pragma version 0.4.3
"""
@title pUSD stand-in
@license AGPL-3.0-only
@author Strongroom
@notice Devnet only: the venue's trading collateral, a 6-decimals token that wraps USDC.e one to
        one. Leaves out the venue's separate on- and offramp contracts, its second backing asset,
        permissioned ramps and upgrades: `wrap` and `unwrap` are here and open to all.
"""

from ethereum.ercs import IERC20
from snekmate.auth import ownable
from snekmate.tokens import erc20

initializes: ownable
initializes: erc20[ownable := ownable]

exports: (
    erc20.transfer,
    erc20.approve,
    erc20.transferFrom,
    erc20.permit,
    erc20.balanceOf,
    erc20.allowance,
    erc20.totalSupply,
    erc20.name,
    erc20.symbol,
    erc20.decimals,
    erc20.nonces,
    erc20.DOMAIN_SEPARATOR,
)


BACKING: public(immutable(address))


@deploy
def __init__(backing: address):
    """
    @param backing USDC.e
    """
    BACKING = backing
    ownable.__init__()
    erc20.__init__("Polymarket USD", "pUSD", 6, "Polymarket USD", "1")


@external
@nonreentrant
def wrap(to: address, amount: uint256):
    """
    @notice Takes `amount` of USDC.e from the caller and mints as much pUSD to `to`.
    """
    erc20._mint(to, amount)
    assert extcall IERC20(BACKING).transferFrom(msg.sender, self, amount), "transfer failed"


@external
@nonreentrant
def unwrap(to: address, amount: uint256):
    """
    @notice Burns `amount` of the caller's pUSD and sends as much USDC.e to `to`.
    """
    erc20._burn(msg.sender, amount)
    assert extcall IERC20(BACKING).transfer(to, amount), "transfer failed"
