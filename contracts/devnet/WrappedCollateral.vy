# pragma version 0.4.3
"""
@title Wrapped collateral stand-in
@license AGPL-3.0-only
@author Strongroom
@notice Devnet only: the collateral inside negative-risk outcome tokens (VENUE c2), one to one with
        USDC.e. The adapter mints it without backing when it converts (the NO tokens that it takes
        in are burnt, so what is unbacked is never redeemed) and releases the backing so set free.
        The venue's adapter deploys it; here it is handed over once.
"""

from snekmate.auth import ownable
from snekmate.tokens import erc20

from contracts.devnet.modules import moving

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


UNDERLYING: public(immutable(address))


@deploy
def __init__(underlying: address):
    """
    @param underlying USDC.e
    """
    ownable.__init__()
    erc20.__init__("Wrapped Collateral", "WCOL", 6, "Wrapped Collateral", "1")
    UNDERLYING = underlying


@external
def unwrap(to: address, amount: uint256):
    """
    @notice Burns the caller's own and sends as much of the underlying.
    """
    erc20._burn(msg.sender, amount)
    assert moving._may_pay(UNDERLYING, to, amount), "TRANSFER_FAILED"


@external
def wrap(to: address, amount: uint256):
    """
    @notice Takes the underlying from the caller and mints as much. The adapter only.
    """
    self._check_owner()
    assert moving._may_pull(UNDERLYING, msg.sender, self, amount), "TRANSFER_FROM_FAILED"
    erc20._mint(to, amount)


@external
def mint(amount: uint256):
    """
    @notice Mints to the caller, without backing. The adapter only.
    """
    self._check_owner()
    erc20._mint(msg.sender, amount)


@external
def release(to: address, amount: uint256):
    """
    @notice Sends underlying that backs nothing any more. The adapter only.
    """
    self._check_owner()
    assert moving._may_pay(UNDERLYING, to, amount), "TRANSFER_FAILED"


@internal
@view
def _check_owner():
    if msg.sender != ownable.owner:
        raw_revert(method_id("OnlyOwner()"))
