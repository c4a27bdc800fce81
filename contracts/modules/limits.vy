# pragma version 0.4.3
"""
@title The vault's numeric limits
@license AGPL-3.0-only
@author Probity
@notice 32-bit numbers, seven to a word, so that a report or an order check reads all that
        bind it with one SLOAD. The constants below are the ordinals by which they are named
        on the outside.
"""


event LimitSet:
    limit: indexed(uint256)
    new_value: uint256


# Word 0: reports.
MAX_UP_BPS: constant(uint256) = 0  # NAV per share, one report, upwards
MAX_DOWN_BPS: constant(uint256) = 1  # the same, downwards
MAX_DAY_UP_BPS: constant(uint256) = 2  # NAV per share since the day's anchor, upwards
MAX_DAY_DOWN_BPS: constant(uint256) = 3  # the same, downwards
MAX_SPREAD_BPS: constant(uint256) = 4  # NAV_ask over NAV_bid
MIN_REPORT_INTERVAL: constant(uint256) = 5  # seconds
SYNC_MAX_AGE: constant(uint256) = 6  # seconds; 0: no synchronous dealing
# Word 1: orders and allocations.
MAX_REPORT_AGE: constant(uint256) = 7  # seconds; older: the vault is stale
MAX_ORDER_LIFETIME: constant(uint256) = 8  # seconds
MAX_BUY_PRICE_BPS: constant(uint256) = 9  # of one unit of collateral
PRICE_BAND_BPS: constant(uint256) = 10  # around the marks; 0: no band

COUNT: constant(uint256) = 11
PER_WORD: constant(uint256) = 7
BPS: constant(uint256) = 10_000
MASK: constant(uint256) = 2**32 - 1

# Word i holds limits 7i .. 7i + 6, 32 bits each, the lowest ordinal in the lowest bits.
words: uint256[2]


@external
@view
def limit(which: uint256) -> uint256:
    """
    @param which The ordinal of the limit, 0 .. 10 (see docs/contracts/Vault.md).
    @return Its value, in bps or seconds.
    """
    assert which < COUNT, "unknown limit"
    return self._field(self.words[which // PER_WORD], which)


@internal
@pure
def _field(word: uint256, which: uint256) -> uint256:
    """
    @dev The limit `which` out of the word that holds it.
    """
    return (word >> (32 * (which % PER_WORD))) & MASK


@internal
@view
def _get(which: uint256) -> uint256:
    return self._field(self.words[which // PER_WORD], which)


@internal
def _set(which: uint256, new: uint256):
    assert which < COUNT, "unknown limit"
    assert new <= MASK, "limit too large"
    if which == MAX_BUY_PRICE_BPS or which == MAX_DOWN_BPS or which == MAX_DAY_DOWN_BPS:
        assert new <= BPS, "limit too large"
    low: uint256 = 32 * (which % PER_WORD)
    self.words[which // PER_WORD] = (self.words[which // PER_WORD] & ~(MASK << low)) | (new << low)
    log LimitSet(limit=which, new_value=new)


@internal
@pure
def _is_riskier(which: uint256, old: uint256, new: uint256) -> bool:
    """
    @dev Whether the change raises the risk of holders. A price band of 0 is no band, the
         riskiest; a longer report interval is the safer one; of all others less is safer.
    """
    if which == MIN_REPORT_INTERVAL:
        return new < old
    if which == PRICE_BAND_BPS:
        return (new == 0 and old != 0) or (old != 0 and new > old)
    return new > old


@internal
def _set_up(values: uint256[COUNT]):
    for i: uint256 in range(COUNT):
        self._set(i, values[i])
