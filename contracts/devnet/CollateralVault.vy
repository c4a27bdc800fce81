# pragma version 0.4.3
"""
@title Collateral vault stand-in
@license AGPL-3.0-only
@author Strongroom
@notice Devnet only: holds what backs pUSD, or what the negative-risk adapter took as fees. Its
        deployer approves who may move it. Takes outcome tokens, too, and keeps them.
"""

from ethereum.ercs import IERC20

from contracts.devnet.modules import token_receiver

exports: token_receiver.__interface__

OWNER: immutable(address)


@deploy
def __init__():
    OWNER = msg.sender


@external
def approve(token: address, spender: address, amount: uint256):
    """
    @notice Lets `spender` move tokens that are here. Owner only.
    """
    if msg.sender != OWNER:
        raw_revert(method_id("Unauthorized()"))
    extcall IERC20(token).approve(spender, amount)
