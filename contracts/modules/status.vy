# pragma version 0.4.3
"""
@title The vault's status word
@license AGPL-3.0-only
@author Probity
@notice What every action looks at first, in one word: whether the vault is paused, how old its
        NAV is, whether a report waits for confirmation, and who the keeper is (each of its acts
        and each of its orders asks for all of this).
"""


event Paused:
    account: indexed(address)


event Unpaused:
    account: indexed(address)


ADDRESS_MASK: constant(uint256) = 2**160 - 1
U40: constant(uint256) = 2**40 - 1
REPORTED: constant(uint256) = U40 << 160
BY_GUARDIAN: constant(uint256) = 1 << 200
BY_OWNER: constant(uint256) = 1 << 201
PAUSED: constant(uint256) = BY_GUARDIAN | BY_OWNER
PENDING: constant(uint256) = 1 << 202

# keeper (160 bits) | last report (40 bits, timestamp) << 160 | flags
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
def last_report() -> uint256:
    """
    @return When the last report took effect (or the vault was deployed), timestamp.
    """
    return self._last_report(self.word)


@internal
@pure
def _keeper(word: uint256) -> address:
    return convert(word & ADDRESS_MASK, address)


@internal
@pure
def _last_report(word: uint256) -> uint256:
    return (word >> 160) & U40


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
    assert block.timestamp - self._last_report(word) <= max_age, "stale NAV"


@internal
def _set_keeper(account: address):
    self.word = (self.word & ~ADDRESS_MASK) | convert(account, uint256)


@internal
def _set_reported(word: uint256):
    """
    @dev A report has taken effect now; nothing is pending any more.
    """
    self.word = (word & ~(REPORTED | PENDING)) | (block.timestamp << 160)


@internal
def _pause(flag: uint256):
    self.word |= flag
    log Paused(account=msg.sender)


@internal
def _unpause():
    self.word &= ~PAUSED
    log Unpaused(account=msg.sender)
