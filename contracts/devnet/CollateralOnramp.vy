# pragma version 0.4.3
"""
@title Onramp stand-in
@license AGPL-3.0-only
@author Strongroom
@notice Devnet only: anyone turns USDC or USDC.e into pUSD (VENUE c2). Leaves out the ramp for
        permissioned users.
"""

from contracts.devnet.modules import asset_pause
from contracts.devnet.modules import moving

initializes: asset_pause

exports: asset_pause.__interface__


interface IPUsd:
    def wrap(asset: address, to: address, amount: uint256, callback: address, data: Bytes[32]): nonpayable


COLLATERAL_TOKEN: public(immutable(address))


@deploy
def __init__(collateral: address):
    """
    @param collateral pUSD, whose wrapper this contract must be
    """
    asset_pause.__init__()
    COLLATERAL_TOKEN = collateral


@external
def wrap(asset: address, to: address, amount: uint256):
    """
    @notice Takes `amount` of `asset` from the caller and gives `to` as much pUSD.
    """
    asset_pause._check_unpaused(asset)
    moving._pull(asset, msg.sender, COLLATERAL_TOKEN, amount)
    extcall IPUsd(COLLATERAL_TOKEN).wrap(asset, to, amount, empty(address), b"")
