# pragma version 0.4.3
"""
@title The vault's status word
@license AGPL-3.0-only
@author Strongroom
@notice What every action and every order looks at first, in one word: whether the vault is paused
        or winding down, when it was last reported on and how often, and the limits of its orders.
@dev Why one word: an account asks for all of it at every order, so it costs one read of storage.
     Roles: none here; who may set what is checked by the callers (roles.vy, VaultGovernance.vy).
     Invariant: WINDING_DOWN is never cleared; the number of reports only rises.
     Units: timestamps, ages and the lifetime in seconds; prices and band in bps of one unit of
     collateral.
     Limits of use: the functions take the word that the caller has read, so that it is read once
     a call; whoever writes it must pass the word as it is then.
"""

from contracts.modules import units


event Paused:
    account: indexed(address)


event Unpaused:
    account: indexed(address)


event WindDown:
    account: indexed(address)


# Places of the fields.
AGE: constant(uint256) = 40  # 32 bits, seconds
REPORTS: constant(uint256) = 72  # 32 bits
BY_GUARDIAN: constant(uint256) = 1 << 104
BY_OWNER: constant(uint256) = 1 << 105
PAUSED: constant(uint256) = BY_GUARDIAN | BY_OWNER
WINDING_DOWN: constant(uint256) = 1 << 106  # once set, for ever
STOPPED: constant(uint256) = PAUSED | WINDING_DOWN  # no order is admitted
LIFETIME: constant(uint256) = 107  # 16 bits, seconds
BUY_PRICE: constant(uint256) = 123  # 16 bits, bps
BAND: constant(uint256) = 139  # 16 bits, bps
NEEDS_MARKS: constant(uint256) = 155  # 1 bit

# last report (40 bits) | longest age of a report (32) | reports so far (32) | flags (3) |
# order limits (16 + 16 + 16 + 1)
word: uint256


@external
@view
def paused() -> bool:
    """
    @return Whether deposits, allocations and order signatures are stopped.
    """
    return self.word & PAUSED != 0


@external
@view
def windingDown() -> bool:
    """
    @return Whether the vault only gives back: no deposits, allocations, orders and fees, for ever.
    """
    return self.word & WINDING_DOWN != 0


@external
@view
def lastReport() -> uint256:
    """
    @return When the last report or settlement was made (or the vault deployed), timestamp.
    """
    return self._last_report(self.word)


@external
@view
def freshUntil() -> uint256:
    """
    @return When the vault becomes stale: last report + max_report_age, timestamp.
    """
    word: uint256 = self.word
    return self._last_report(word) + self._max_age(word)


@external
@view
def reportCount() -> uint256:
    """
    @return How many reports and settlements there have been.
    """
    return self._reports(self.word)


@internal
@pure
def _has(word: uint256, flags: uint256) -> bool:
    """
    @return Whether any of `flags` is set.
    """
    return word & flags != 0


@internal
@pure
def _last_report(word: uint256) -> uint256:
    return word & units.U40


@internal
@pure
def _max_age(word: uint256) -> uint256:
    return (word >> AGE) & units.U32


@internal
@pure
def _reports(word: uint256) -> uint256:
    return (word >> REPORTS) & units.U32


@internal
@view
def _is_stale(word: uint256) -> bool:
    """
    @return Whether the last report is older than max_report_age.
    """
    return block.timestamp > self._last_report(word) + self._max_age(word)


@internal
@pure
def _field(word: uint256, place: uint256, mask: uint256) -> uint256:
    """
    @return An order limit, or the longest age of a report.
    """
    return (word >> place) & mask


@internal
@view
def _order_terms(word: uint256) -> (bool, uint256, uint256, uint256, bool, uint256):
    """
    @return Whether orders are admitted at all, their longest lifetime (seconds), the highest price
            of a BUY (bps), the band around the marks (bps; 0: none), whether an order needs a
            fresh mark, and the number of the report whose marks are fresh (0: none is).
    """
    fresh: uint256 = self._reports(word)
    if self._is_stale(word):
        fresh = 0
    return (
        word & STOPPED == 0,
        (word >> LIFETIME) & units.U16,
        (word >> BUY_PRICE) & units.U16,
        (word >> BAND) & units.U16,
        (word >> NEEDS_MARKS) & 1 != 0,
        fresh,
    )


@internal
@pure
def _check_running(word: uint256):
    """
    @dev For all that takes on assets or risk.
    """
    assert word & PAUSED == 0, "paused"
    assert word & WINDING_DOWN == 0, "winding down"


@internal
def _record_report(word: uint256) -> uint256:
    """
    @notice The vault is reported on now.
    @return The report's number, from 1.
    """
    number: uint256 = self._reports(word) + 1
    self.word = (word & ~(units.U40 | (units.U32 << REPORTS))) | block.timestamp | (number << REPORTS)
    return number


@internal
def _set_field(place: uint256, mask: uint256, new: uint256):
    """
    @dev Sets an order limit, or the longest age of a report.
    """
    self.word = (self.word & ~(mask << place)) | (new << place)


@internal
def _pause(flag: uint256):
    self.word |= flag
    log Paused(account=msg.sender)


@internal
def _unpause():
    self.word &= ~PAUSED
    log Unpaused(account=msg.sender)


@internal
def _wind_down():
    self.word |= WINDING_DOWN
    log WindDown(account=msg.sender)


@internal
def _set_up():
    """
    @dev The vault is fresh from its deployment on: its NAV is 0 for certain.
    """
    self.word = block.timestamp
