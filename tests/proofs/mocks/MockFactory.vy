# pragma version 0.4.3
"""
@title The venue's factory of deposit wallets
@license AGPL-3.0-only
@author Strongroom
@notice For proofs. The delay of a paused wallet may be anything.
"""

timelockDelay: public(uint256)
