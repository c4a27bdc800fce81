# pragma version 0.4.3
"""
@title The vault's numeric limits
@license AGPL-3.0-only
@author Strongroom
@notice Limits that are read together share a word: eight of reports, three of orders (in the
        status word), three guards against a vault gone wrong, three of budgets. The constants
        below are the ordinals by which they are named on the outside.
@dev Roles: the owner sets a limit, to a riskier value only after the timelock.
     Invariant: every value fits its field, and a change of one limit leaves the others alone.
     Units: bps, seconds and assets, as said of each.
     Limits of use: 0 is allowed where it is the safer side, with the meaning said of the limit.
"""

from contracts.modules import status
from contracts.modules import units

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
MAX_DRAWDOWN_BPS: constant(uint256) = 11  # NAV per share under its reference; 10,000: no breaker
LIVENESS_PERIOD: constant(uint256) = 12  # seconds without a report until anyone may wind down
MAX_REDEEM_DELAY: constant(uint256) = 13  # seconds a redemption waits until exit in kind opens
TOTAL_CAP_BPS: constant(uint256) = 14  # exposure of all markets, of NAV at the bid
TOTAL_CAP: constant(uint256) = 15  # exposure of all markets, assets
VELOCITY_LIMIT: constant(uint256) = 16  # net allocation of a rolling day, assets

COUNT: constant(uint256) = 17
FIRST_ORDER_LIMIT: constant(uint256) = 8
FIRST_GUARD: constant(uint256) = 11
MAX_WAIT: constant(uint256) = 90 * units.DAY  # no liveness period or redemption delay is longer

# limits 0 .. 7, 32 bits each, the lowest ordinal in the lowest bits
report_limits: uint256
# limits 11 .. 13, 32 bits each | the breaker's reference << 128, see breaker.vy
guards: uint256
# total_cap_bps (32 bits) | total_cap << 32 (96 bits) | velocity_limit << 128 (96 bits)
budget_limits: uint256


@external
@view
def limit(which: uint256) -> uint256:
    """
    @param which The ordinal of the limit, 0 .. 16 (see docs/contracts/Vault.md).
    @return Its value, in bps, seconds or assets.
    """
    return self._get(which)


@external
@view
def lastReport() -> uint256:
    """
    @return When the last report took effect (or the vault was deployed), timestamp.
    """
    return self._last_report(status.word, self.report_limits)


@internal
@pure
def _field(word: uint256, place: uint256) -> uint256:
    """
    @dev The 32 bits at a place of a word: a report limit by its ordinal, or a guard by its
         ordinal less FIRST_GUARD.
    """
    return (word >> (32 * place)) & units.U32


@internal
@view
def _guard(which: uint256) -> uint256:
    return self._field(self.guards, which - FIRST_GUARD)


@internal
@pure
def _reference(word: uint256) -> uint256:
    """
    @return The breaker's reference beside the guards, see breaker.vy.
    """
    return word >> 128


@internal
def _set_reference(word: uint256, reference: uint256) -> uint256:
    """
    @return The guards' word with the new reference.
    """
    new: uint256 = (word & units.U128) | (reference << 128)
    self.guards = new
    return new


@internal
@pure
def _last_report(state: uint256, word: uint256) -> uint256:
    return status._fresh_until(state) - self._field(word, MAX_REPORT_AGE)


@internal
@pure
def _order_place(which: uint256) -> uint256:
    """
    @dev Where an order limit stands in the status word.
    """
    return status.LIFETIME + 16 * (which - FIRST_ORDER_LIMIT)


@internal
@pure
def _budget(word: uint256) -> (uint256, uint256, uint256):
    """
    @return Total cap in bps, total cap in assets, velocity limit.
    """
    return word & units.U32, (word >> 32) & units.U96, word >> 128


@internal
@view
def _get(which: uint256) -> uint256:
    assert which < COUNT, "unknown limit"
    if which < FIRST_ORDER_LIMIT:
        return self._field(self.report_limits, which)
    if which < FIRST_GUARD:
        return status._order_limit(status.word, self._order_place(which))
    if which < TOTAL_CAP_BPS:
        return self._guard(which)
    cap_bps: uint256 = 0
    cap: uint256 = 0
    velocity: uint256 = 0
    cap_bps, cap, velocity = self._budget(self.budget_limits)
    if which == TOTAL_CAP_BPS:
        return cap_bps
    return cap if which == TOTAL_CAP else velocity


@internal
def _set(which: uint256, new: uint256):
    if which in [
        MAX_DOWN_BPS, MAX_DAY_DOWN_BPS, MAX_BUY_PRICE_BPS, MAX_DRAWDOWN_BPS, TOTAL_CAP_BPS
    ]:
        assert new <= units.BPS, "limit too large"
    elif which == LIVENESS_PERIOD:
        assert new >= units.DAY, "limit too small"  # else a late report would end the vault
        assert new <= MAX_WAIT, "limit too large"
    elif which == MAX_REDEEM_DELAY:
        assert new <= MAX_WAIT, "limit too large"
    elif which < FIRST_ORDER_LIMIT:
        assert new <= units.U32, "limit too large"
    elif which < FIRST_GUARD:
        assert new <= units.U16, "limit too large"
    else:
        assert new <= units.U96, "limit too large"

    if which < FIRST_ORDER_LIMIT:
        word: uint256 = self.report_limits
        if which == MAX_REPORT_AGE:
            # the last report stays where it was in time
            status._set_fresh_until(status.word, self._last_report(status.word, word) + new)
        self.report_limits = self._placed(word, 32 * which, units.U32, new)
    elif which < FIRST_GUARD:
        status._set_order_limit(self._order_place(which), new)
    elif which < TOTAL_CAP_BPS:
        self.guards = self._placed(self.guards, 32 * (which - FIRST_GUARD), units.U32, new)
    elif which == TOTAL_CAP_BPS:
        self.budget_limits = self._placed(self.budget_limits, 0, units.U32, new)
    else:
        place: uint256 = 32 if which == TOTAL_CAP else 128
        self.budget_limits = self._placed(self.budget_limits, place, units.U96, new)
    log LimitSet(limit=which, new_value=new)


@internal
@pure
def _placed(word: uint256, place: uint256, mask: uint256, new: uint256) -> uint256:
    return (word & ~(mask << place)) | (new << place)


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
        return old != 0 and (new == 0 or new > old)
    return new > old


@internal
def _set_up(values: uint256[COUNT]):
    """
    @dev The vault is fresh from its deployment on: its NAV is 0 for certain.
    """
    status._set_fresh_until(status.word, block.timestamp)
    for i: uint256 in range(COUNT):
        self._set(i, values[i])
