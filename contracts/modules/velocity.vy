# pragma version 0.4.3
"""
@title Velocity: the net allocation of a rolling day
@license AGPL-3.0-only
@author Strongroom
@notice Counts what went out to market accounts less what was recalled, in periods of eight hours,
        the present one and three before.
@dev Any 24 hours lie within four periods, so what is counted is at least the net allocation of any
     24 hours. An allocation counts for 24 to 32 hours; a recall's credit ends with the allocation
     that it answers.
     Units: assets; times in seconds.
     Limits of use: a period's allocation fits 96 bits, as the velocity limit does.
"""

from contracts.modules import units

PERIOD: constant(uint256) = 8 * 3_600  # seconds
PERIODS: constant(uint256) = 4  # any 24 hours lie within four periods

# of two periods each, by their numbers: allocated less recalled (96 bits, assets) | number << 96 (32)
periods: uint256[PERIODS // 2]


@external
@view
def recentAllocation() -> uint256:
    """
    @return What the velocity limit counts: allocations less recalls of the last 24 to 32 hours.
    """
    return self._recent_allocation()


@internal
def _count(assets: uint256):
    """
    @notice Counts an allocation.
    """
    number: uint256 = block.timestamp // PERIOD
    self._set_period(number, self._in_period(number) + assets)


@internal
def _credit(assets: uint256):
    """
    @dev Frees as much of the rolling day's allocation, the latest first.
    """
    left: uint256 = assets
    number: uint256 = block.timestamp // PERIOD
    for age: uint256 in range(PERIODS):
        if left == 0:
            break
        allocated: uint256 = self._in_period(number - age)
        freed: uint256 = min(left, allocated)
        if freed != 0:
            self._set_period(number - age, allocated - freed)
            left -= freed


@internal
@view
def _recent_allocation() -> uint256:
    number: uint256 = block.timestamp // PERIOD
    total: uint256 = 0
    for word: uint256 in self.periods:
        rest: uint256 = word
        for i: uint256 in range(2):
            if ((rest >> 96) & units.U32) + PERIODS > number:
                total += rest & units.U96
            rest >>= 128
    return total


@internal
@view
def _in_period(number: uint256) -> uint256:
    """
    @return Allocated less recalled in the period, assets.
    """
    word: uint256 = self.periods[(number % PERIODS) // 2] >> (128 * (number % 2))
    return word & units.U96 if (word >> 96) & units.U32 == number else 0


@internal
def _set_period(number: uint256, assets: uint256):
    """
    @param assets At most the velocity limit, which 96 bits hold
    """
    place: uint256 = (number % PERIODS) // 2
    bits: uint256 = 128 * (number % 2)
    new: uint256 = (assets | (number << 96)) << bits
    self.periods[place] = (self.periods[place] & ~(units.U128 << bits)) | new
