# pragma version 0.4.3
"""
@title The vault's numeric limits
@license AGPL-3.0-only
@author Strongroom
@notice Limits that are read together share a word: eight of dealing, four of orders and the age of
        a report (in the status word), six of budgets. The constants below are the ordinals by
        which they are named on the outside.
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


MAX_UP_BPS: constant(uint256) = 0  # a deposit's price over its anchor, else it is handed back
MAX_DOWN_BPS: constant(uint256) = 1  # a redemption's price under its anchor, likewise
MAX_PREMIUM_BPS: constant(uint256) = 2  # a deposit's price over the bid, else it waits
MAX_INFLOW_BPS: constant(uint256) = 3  # deposits of a day, of NAV at the bid
EXIT_FEE_BPS: constant(uint256) = 4  # of the shares that leave in kind
MIN_REPORT_INTERVAL: constant(uint256) = 5  # seconds
LIVENESS_PERIOD: constant(uint256) = 6  # seconds without a report until anyone may wind down
INFLOW_FLOOR: constant(uint256) = 7  # deposits of a day, assets: at least so many
MAX_REPORT_AGE: constant(uint256) = 8  # seconds; older: the vault is stale
MAX_ORDER_LIFETIME: constant(uint256) = 9  # seconds
MAX_BUY_PRICE_BPS: constant(uint256) = 10  # of one unit of collateral
PRICE_BAND_BPS: constant(uint256) = 11  # around the marks; 0: no band
MARKS_REQUIRED: constant(uint256) = 12  # 1: an order needs a fresh mark; 0: it does not
TOTAL_CAP_BPS: constant(uint256) = 13  # exposure and losses, of NAV at the bid
VELOCITY_BPS: constant(uint256) = 14  # net allocation of a rolling day, of NAV at the bid
QUESTION_CAP_BPS: constant(uint256) = 15  # exposure to one question, of NAV at the bid
MAX_DRAWDOWN_BPS: constant(uint256) = 16  # bid under its highest; 10,000: no breaker
TOTAL_CAP: constant(uint256) = 17  # exposure and losses, assets
VELOCITY: constant(uint256) = 18  # net allocation of a rolling day, assets

COUNT: constant(uint256) = 19
MAX_EXIT_FEE_BPS: constant(uint256) = 100
MAX_WAIT: constant(uint256) = 90 * units.DAY  # no liveness period or age of a report is longer

# Where the fields begin that are not one of 16 bits after another.
INTERVAL: constant(uint256) = 80
LIVENESS: constant(uint256) = 112
FLOOR: constant(uint256) = 144
CAP: constant(uint256) = 64
SPEED: constant(uint256) = 160

# limits 0 .. 4, 16 bits each | min_report_interval (32) | liveness_period (32) | inflow_floor (96)
dealing_limits: uint256
# limits 13 .. 16, 16 bits each | total_cap (96) | velocity (96)
budget_limits: uint256


@external
@view
def limit(which: uint256) -> uint256:
    """
    @param which The ordinal of the limit, 0 .. 18 (see docs/contracts/Vault.md).
    @return Its value, in bps, seconds or assets.
    """
    return self._get(which)


@internal
@pure
def _bps(word: uint256, place: uint256) -> uint256:
    """
    @return A field of 16 bits: of dealing_limits by its ordinal, of budget_limits by its ordinal
            less TOTAL_CAP_BPS.
    """
    return (word >> (16 * place)) & units.U16


@internal
@pure
def _interval(word: uint256) -> uint256:
    """
    @param word dealing_limits
    """
    return (word >> INTERVAL) & units.U32


@internal
@pure
def _liveness(word: uint256) -> uint256:
    """
    @param word dealing_limits
    """
    return (word >> LIVENESS) & units.U32


@internal
@pure
def _floor(word: uint256) -> uint256:
    """
    @param word dealing_limits
    """
    return word >> FLOOR


@internal
@pure
def _cap(word: uint256) -> uint256:
    """
    @param word budget_limits
    """
    return (word >> CAP) & units.U96


@internal
@pure
def _velocity(word: uint256) -> uint256:
    """
    @param word budget_limits
    """
    return word >> SPEED


@internal
@pure
def _place(which: uint256) -> (uint256, uint256):
    """
    @return Where in its word a limit begins, and the mask of its width.
    """
    if which < MIN_REPORT_INTERVAL:
        return 16 * which, units.U16
    if which == MIN_REPORT_INTERVAL:
        return INTERVAL, units.U32
    if which == LIVENESS_PERIOD:
        return LIVENESS, units.U32
    if which == INFLOW_FLOOR:
        return FLOOR, units.U96
    if which == MAX_REPORT_AGE:
        return status.AGE, units.U32
    if which < MARKS_REQUIRED:
        return status.LIFETIME + 16 * (which - MAX_ORDER_LIFETIME), units.U16
    if which == MARKS_REQUIRED:
        return status.NEEDS_MARKS, 1
    if which < TOTAL_CAP:
        return 16 * (which - TOTAL_CAP_BPS), units.U16
    return CAP if which == TOTAL_CAP else SPEED, units.U96


@internal
@view
def _get(which: uint256) -> uint256:
    assert which < COUNT, "unknown limit"
    place: uint256 = 0
    mask: uint256 = 0
    place, mask = self._place(which)
    word: uint256 = self.budget_limits
    if which < MAX_REPORT_AGE:
        word = self.dealing_limits
    elif which < TOTAL_CAP_BPS:
        return status._field(status.word, place, mask)
    return (word >> place) & mask


@internal
def _set(which: uint256, new: uint256):
    place: uint256 = 0
    mask: uint256 = 0
    place, mask = self._place(which)
    most: uint256 = mask
    if which == EXIT_FEE_BPS:
        most = MAX_EXIT_FEE_BPS
    elif which == MIN_REPORT_INTERVAL:
        most = units.DAY  # else nobody would be dealt with any more
    elif which in [LIVENESS_PERIOD, MAX_REPORT_AGE]:
        most = MAX_WAIT
    elif which in [
        MAX_DOWN_BPS, MAX_BUY_PRICE_BPS, TOTAL_CAP_BPS, VELOCITY_BPS, QUESTION_CAP_BPS, MAX_DRAWDOWN_BPS
    ]:
        most = units.BPS
    assert new <= most, "limit too large"
    # below, a late report would end the vault
    assert which != LIVENESS_PERIOD or new >= 2 * units.DAY, "limit too small"
    if which < MAX_REPORT_AGE:
        self.dealing_limits = (self.dealing_limits & ~(mask << place)) | (new << place)
    elif which < TOTAL_CAP_BPS:
        status._set_field(place, mask, new)
    else:
        self.budget_limits = (self.budget_limits & ~(mask << place)) | (new << place)
    log LimitSet(limit=which, new_value=new)


@internal
@pure
def _is_riskier(which: uint256, old: uint256, new: uint256) -> bool:
    """
    @dev Whether the change raises the risk or the cost of holders. A price band of 0 is no band,
         the riskiest; a longer report interval and required marks are the safer side; a fall that
         redemptions bear and the age at which a report is old are risky both ways; of all others
         less is safer.
    """
    if which in [MIN_REPORT_INTERVAL, MARKS_REQUIRED]:
        return new < old
    if which in [MAX_DOWN_BPS, MAX_REPORT_AGE]:
        # a smaller fall hands redemptions back, a larger one lets them go cheap; while the vault is
        # stale requests are taken back in front of the report that would price them
        return new != old
    if which == PRICE_BAND_BPS:
        return old != 0 and (new == 0 or new > old)
    return new > old


@internal
def _set_up(values: uint256[COUNT]):
    for i: uint256 in range(COUNT):
        self._set(i, values[i])
