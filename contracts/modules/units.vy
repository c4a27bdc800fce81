# pragma version 0.4.3
"""
@title Units, scales and widths
@license AGPL-3.0-only
@author Strongroom
@notice The numbers that more than one contract reckons with, each once. Amounts are in the
        asset's smallest unit, times in seconds.
"""

BPS: constant(uint256) = 10_000  # 100 % in basis points
WAD: constant(uint256) = 10**18  # 1 of a price: one unit of collateral for one outcome token
SHARE: constant(uint256) = 10**18  # one whole share, whatever the asset's decimals
PRICE: constant(uint256) = 10**36  # scale of a price: assets per share, times this
DAY: constant(uint256) = 86_400  # seconds
# Conditions of one market: bounds the loops over an event's outcomes, in vault and account alike.
MAX_CONDITIONS: constant(uint256) = 32
MAX_TOKENS: constant(uint256) = 2 * MAX_CONDITIONS  # its outcome tokens

# Widths of the fields of packed words: the field's highest value, hence its mask.
U8: constant(uint256) = 2**8 - 1
U16: constant(uint256) = 2**16 - 1
U28: constant(uint256) = 2**28 - 1
U32: constant(uint256) = 2**32 - 1
U40: constant(uint256) = 2**40 - 1
U64: constant(uint256) = 2**64 - 1
U85: constant(uint256) = 2**85 - 1
U96: constant(uint256) = 2**96 - 1
U108: constant(uint256) = 2**108 - 1
U112: constant(uint256) = 2**112 - 1
U116: constant(uint256) = 2**116 - 1
U120: constant(uint256) = 2**120 - 1
U128: constant(uint256) = 2**128 - 1
U160: constant(uint256) = 2**160 - 1  # an address
U176: constant(uint256) = 2**176 - 1
U224: constant(uint256) = 2**224 - 1
