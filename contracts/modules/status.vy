# pragma version 0.4.3
"""
@title The vault's status word
@license AGPL-3.0-only
@author Probity
@notice What every action looks at first, in one word: how old the NAV is, whether a report waits
        for confirmation, whether the vault is paused, and from where the day's move is measured.
"""


event Paused:
    account: indexed(address)


event Unpaused:
    account: indexed(address)


WAD: constant(uint256) = 10**18
U40: constant(uint256) = 2**40 - 1
BY_GUARDIAN: constant(uint256) = 1 << 80
BY_OWNER: constant(uint256) = 1 << 81
PAUSED: constant(uint256) = BY_GUARDIAN | BY_OWNER
PENDING: constant(uint256) = 1 << 82
FLAGS: constant(uint256) = PAUSED | PENDING

# last report (40 bits, timestamp) | day anchor's time (40) << 40 | flags (3) << 80
# | day anchor (128, NAV per share, fees.PPS_SCALE) << 128
word: uint256


@external
@view
def paused() -> bool:
    """
    @return Whether reports, deposits, allocations and order signatures are stopped.
    """
    return self.word & PAUSED != 0


@external
@view
def last_report() -> uint256:
    """
    @return When the last report took effect (or the vault was deployed), timestamp.
    """
    return self.word & U40


@external
@view
def day_anchor() -> (uint256, uint256):
    """
    @return NAV per whole share (WAD) from which the day's move is measured, and since when.
    """
    word: uint256 = self.word
    return word >> 128, self._anchored(word)


@internal
def _set_up():
    self.word = (WAD << 128) | (block.timestamp << 40) | block.timestamp


@internal
@pure
def _anchored(word: uint256) -> uint256:
    return (word >> 40) & U40


@internal
@view
def _check_not_paused():
    assert self.word & PAUSED == 0, "paused"


@internal
@view
def _check_fresh(word: uint256, max_age: uint256):
    """
    @dev For dealing and allocating. A pending report makes the last one worthless.
    """
    assert word & PAUSED == 0, "paused"
    assert word & PENDING == 0, "report pending"
    assert block.timestamp - (word & U40) <= max_age, "stale NAV"


@internal
def _pause(flag: uint256):
    self.word |= flag
    log Paused(account=msg.sender)


@internal
def _unpause():
    self.word &= ~PAUSED
    log Unpaused(account=msg.sender)
