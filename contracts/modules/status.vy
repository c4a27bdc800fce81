# pragma version 0.4.3
"""
@title The vault's status word
@license AGPL-3.0-only
@author Strongroom
@notice What every action and every order looks at first, in one word: whether the vault is
        paused, winding down or stopped by its drawdown breaker, until when its NAV is fresh,
        whether a report waits for confirmation, who the keeper is, and the limits of its orders.
@dev Why one word: an account asks for all of it at every order, so it costs one read of storage.
     Roles: none here; who may set what is checked by the callers (roles.vy, VaultGovernance.vy).
     Invariant: WINDING_DOWN is never cleared.
     Units: timestamps and the lifetime in seconds; prices and band in bps of one unit of
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


FRESH_UNTIL: constant(uint256) = 160  # place of the timestamp, 40 bits
BY_GUARDIAN: constant(uint256) = 1 << 200
BY_OWNER: constant(uint256) = 1 << 201
PAUSED: constant(uint256) = BY_GUARDIAN | BY_OWNER
PENDING: constant(uint256) = 1 << 202
TRIPPED: constant(uint256) = 1 << 203  # the drawdown breaker
WINDING_DOWN: constant(uint256) = 1 << 204  # once set, for ever
STOPPED: constant(uint256) = PAUSED | WINDING_DOWN  # no order is admitted
# Places of the order limits, 16 bits each.
LIFETIME: constant(uint256) = 205  # seconds
BUY_PRICE: constant(uint256) = 221  # bps
BAND: constant(uint256) = 237  # bps

# keeper (160 bits) | fresh until (40) | flags (5) | order limits (3 * 16)
word: uint256


@external
@view
def keeper() -> address:
    """
    @return The Safe that signs orders and moves budget; zero when revoked.
    """
    return self._keeper(self.word)


@external
@view
def paused() -> bool:
    """
    @return Whether reports, deposits, allocations and order signatures are stopped.
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
def breakerTripped() -> bool:
    """
    @return Whether a drawdown has stopped allocation until the owner resets the breaker.
    """
    return self.word & TRIPPED != 0


@external
@view
def freshUntil() -> uint256:
    """
    @return When the vault becomes stale: last report + max_report_age, timestamp.
    """
    return self._fresh_until(self.word)


@internal
@pure
def _has(word: uint256, flags: uint256) -> bool:
    """
    @return Whether any of `flags` is set.
    """
    return word & flags != 0


@internal
@pure
def _keeper(word: uint256) -> address:
    return convert(word & units.U160, address)


@internal
@pure
def _fresh_until(word: uint256) -> uint256:
    return (word >> FRESH_UNTIL) & units.U40


@internal
@pure
def _order_limit(word: uint256, place: uint256) -> uint256:
    return (word >> place) & units.U16


@internal
@view
def _order_terms(word: uint256) -> (address, uint256, uint256, uint256):
    """
    @return Who signs orders (zero: none is admitted), their longest lifetime (seconds), the
            highest price of a BUY (bps), the band around the marks (bps; 0: none, as while the
            marks are stale or a report is pending).
    """
    keeper: address = empty(address)
    if word & STOPPED == 0:
        keeper = convert(word & units.U160, address)
    band: uint256 = (word >> BAND) & units.U16
    if word & PENDING != 0 or block.timestamp > (word >> FRESH_UNTIL) & units.U40:
        band = 0
    return keeper, (word >> LIFETIME) & units.U16, (word >> BUY_PRICE) & units.U16, band


@internal
@pure
def _check_running(word: uint256):
    """
    @dev For all that takes on assets or risk.
    """
    assert word & PAUSED == 0, "paused"
    assert word & WINDING_DOWN == 0, "winding down"


@internal
@view
def _check_dealable(word: uint256):
    """
    @dev For dealing and allocating: a pending report makes the last one worthless.
    """
    self._check_running(word)
    assert word & PENDING == 0, "report pending"
    assert block.timestamp <= self._fresh_until(word), "stale NAV"


@internal
def _set_keeper(account: address):
    self.word = (self.word & ~units.U160) | convert(account, uint256)


@internal
def _set_fresh_until(word: uint256, until: uint256):
    self.word = (word & ~(units.U40 << FRESH_UNTIL)) | (until << FRESH_UNTIL)


@internal
def _refresh(word: uint256, until: uint256):
    """
    @dev A report took effect: NAV is fresh until `until`, and none is pending any more.
    """
    self._set_fresh_until(word & ~PENDING, until)


@internal
def _set_order_limit(place: uint256, new: uint256):
    self.word = (self.word & ~(units.U16 << place)) | (new << place)


@internal
def _set(flag: uint256):
    self.word |= flag


@internal
def _clear(flag: uint256):
    self.word &= ~flag


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
