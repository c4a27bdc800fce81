# pragma version 0.4.3
"""
@title Something with code
@license AGPL-3.0-only
@author Strongroom
@notice For proofs. Takes every call and does nothing: an exchange, an adapter, an oracle.
"""


@external
@payable
def __default__():
    pass
