# pragma version 0.4.3
"""
@title Allow-list stand-in
@license AGPL-3.0-only
@author Strongroom
@notice Devnet only: an allow-list that its deployer keeps.
"""

from contracts.interfaces import IAllowList

implements: IAllowList

KEEPER: immutable(address)

isAllowed: public(HashMap[address, bool])


@deploy
def __init__():
    KEEPER = msg.sender


@external
def allow(account: address):
    """
    @notice Puts an account on the list.
    """
    assert msg.sender == KEEPER, "not the list's keeper"
    self.isAllowed[account] = True
