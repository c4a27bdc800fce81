# pragma version 0.4.3
"""
@title What a vault starts with
@license AGPL-3.0-only
@author Strongroom
"""

from contracts.modules import limits


struct Terms:
    name: String[25]  # of the share token
    symbol: String[5]  # of the share token
    owner: address
    guardian: address
    reporter: address  # may be zero: nobody reports
    fee_recipient: address
    management_bps: uint256  # a year, of NAV at the bid
    performance_bps: uint256  # of new profit above the high-water mark
    hurdle_bps: uint256  # a year, by which the high-water mark rises
    deposit_limit: uint256  # most assets of NAV and pending deposits
    min_deposit: uint256  # least assets of one deposit
    timelock: uint256  # seconds, the delay of every timelocked function
    limits: uint256[limits.COUNT]  # by ordinal, see limits.vy
