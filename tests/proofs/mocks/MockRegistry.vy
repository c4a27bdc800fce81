# pragma version 0.4.3
"""
@title A wallet registry that takes every wallet
@license AGPL-3.0-only
@author Strongroom
@notice For proofs.
"""

COLLATERAL: public(immutable(address))


@deploy
def __init__(collateral: address):
    COLLATERAL = collateral


@external
def bind(wallet: address):
    pass


@external
def release(wallet: address):
    pass
