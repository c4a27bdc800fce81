# pragma version 0.4.3
"""
@title The vault's numeric limits
@license AGPL-3.0-only
@author Probity
@notice Eight limits of reports share one word, three of orders stand in the status word, so that
        a report or an order check reads all that binds it with one SLOAD. The constants below
        are the ordinals by which they are named on the outside.
"""

from contracts.modules import status

uses: status


event LimitSet:
    limit: indexed(uint256)
    new_value: uint256


MAX_UP_BPS: constant(uint256) = 0  # NAV per share, one report, upwards
MAX_DOWN_BPS: constant(uint256) = 1  # the same, downwards
MAX_DAY_UP_BPS: constant(uint256) = 2  # NAV per share since the day's anchor, upwards
MAX_DAY_DOWN_BPS: constant(uint256) = 3  # the same, downwards
MAX_SPREAD_BPS: constant(uint256) = 4  # NAV_ask over NAV_bid
MIN_REPORT_INTERVAL: constant(uint256) = 5  # seconds
SYNC_MAX_AGE: constant(uint256) = 6  # seconds; 0: no synchronous dealing
MAX_REPORT_AGE: constant(uint256) = 7  # seconds; older: the vault is stale
MAX_ORDER_LIFETIME: constant(uint256) = 8  # seconds
MAX_BUY_PRICE_BPS: constant(uint256) = 9  # of one unit of collateral
PRICE_BAND_BPS: constant(uint256) = 10  # around the marks; 0: no band

COUNT: constant(uint256) = 11
REPORT_LIMITS: constant(uint256) = 8
BPS: constant(uint256) = 10_000
U32: constant(uint256) = 2**32 - 1

# limits 0 .. 7, 32 bits each, the lowest ordinal in the lowest bits
report_limits: uint256


@external
@view
def limit(which: uint256) -> uint256:
    """
    @param which The ordinal of the limit, 0 .. 10 (see docs/contracts/Vault.md).
    @return Its value, in bps or seconds.
    """
    return self._get(which)


@external
@view
def last_report() -> uint256:
    """
    @return When the last report took effect (or the vault was deployed), timestamp.
    """
    return self._last_report(status.word, self.report_limits)


@internal
@pure
def _field(word: uint256, which: uint256) -> uint256:
    """
    @dev A report limit out of their word.
    """
    return (word >> (32 * which)) & U32


@internal
@pure
def _last_report(state: uint256, word: uint256) -> uint256:
    return status._fresh_until(state) - self._field(word, MAX_REPORT_AGE)


@internal
@pure
def _place(which: uint256) -> uint256:
    """
    @dev Where an order limit stands in the status word.
    """
    assert which < COUNT, "unknown limit"
    return status.LIFETIME + 16 * (which - REPORT_LIMITS)


@internal
@view
def _get(which: uint256) -> uint256:
    if which < REPORT_LIMITS:
        return self._field(self.report_limits, which)
    return status._order_limit(status.word, self._place(which))


@internal
def _set(which: uint256, new: uint256):
    if which == MAX_BUY_PRICE_BPS or which == MAX_DOWN_BPS or which == MAX_DAY_DOWN_BPS:
        assert new <= BPS, "limit too large"
    if which < REPORT_LIMITS:
        assert new <= U32, "limit too large"
        word: uint256 = self.report_limits
        low: uint256 = 32 * which
        if which == MAX_REPORT_AGE:
            # the last report stays where it was in time
            status._set_fresh_until(
                status.word, self._last_report(status.word, word) + new
            )
        self.report_limits = (word & ~(U32 << low)) | (new << low)
    else:
        assert new <= status.U16, "limit too large"
        status._set_order_limit(self._place(which), new)
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
    """
    @dev The vault is fresh from its deployment on: its NAV is 0 for certain.
    """
    status._set_fresh_until(status.word, block.timestamp)
    for i: uint256 in range(COUNT):
        self._set(i, values[i])
