# pragma version 0.4.3
"""
@title What the venue's collateral adapters share
@license AGPL-3.0-only
@author Strongroom
@notice Devnet only: pUSD of the caller becomes USDC.e here, and back (VENUE c2).
"""

from ethereum.ercs import IERC20

from contracts.devnet.modules import moving


interface IPUsd:
    def wrap(asset: address, to: address, amount: uint256, callback: address, data: Bytes[32]): nonpayable
    def unwrap(asset: address, to: address, amount: uint256, callback: address, data: Bytes[32]): nonpayable


COLLATERAL_TOKEN: public(immutable(address))  # pUSD
USDCE: public(immutable(address))


@deploy
def __init__(collateral: address, usdce: address):
    COLLATERAL_TOKEN = collateral
    USDCE = usdce


@internal
def _take(sender: address, amount: uint256):
    moving._pull(COLLATERAL_TOKEN, sender, COLLATERAL_TOKEN, amount)
    extcall IPUsd(COLLATERAL_TOKEN).unwrap(USDCE, self, amount, empty(address), b"")


@internal
def _give(to: address, amount: uint256):
    moving._pay(USDCE, COLLATERAL_TOKEN, amount)
    extcall IPUsd(COLLATERAL_TOKEN).wrap(USDCE, to, amount, empty(address), b"")


@internal
def _give_all(to: address):
    """
    @dev Whatever USDC.e is here, also what somebody sent by mistake, as on the venue.
    """
    self._give(to, staticcall IERC20(USDCE).balanceOf(self))
