# pragma version 0.4.3
"""
@title Drawdown breaker
@license AGPL-3.0-only
@author Strongroom
@notice When NAV per share is more than max_drawdown_bps under its reference, no more budget is
        allocated until the owner resets the breaker. The reference is the high-water mark; after
        a reset, the highest NAV per share since, until that reaches the high-water mark.
@dev Why: a strategy that loses should stop before it has lost everything, without anyone having
     to notice. Why a reset moves the reference: else a vault that lost more than the limit could
     never work again.
     Roles: a report trips it, an allocation checks it, the owner resets it.
     Invariant: no allocation while tripped, nor while NAV per share is below the bound now.
     Limits of use: it sees NAV as reported; it closes no position.
     The reference after a reset stands beside max_drawdown_bps in limits.guards, 0 before one.
     NAV per share is in PPS_SCALE (see units.vy).
"""

from contracts.modules import limits
from contracts.modules import status
from contracts.modules import units

uses: limits
uses: status


event BreakerTripped:
    price: uint256
    reference: uint256


event BreakerReset:
    price: uint256




@internal
@pure
def _reference(word: uint256, high_water_mark: uint256) -> uint256:
    reference: uint256 = limits._reference(word)
    return reference if reference != 0 else high_water_mark


@internal
@pure
def _is_under(word: uint256, price: uint256, high_water_mark: uint256) -> bool:
    """
    @return Whether `price` is more than max_drawdown_bps under the reference.
    """
    kept: uint256 = units.BPS - limits._field(word, limits.MAX_DRAWDOWN_BPS - limits.FIRST_GUARD)
    return price * units.BPS < self._reference(word, high_water_mark) * kept


@internal
@view
def _check(price: uint256, high_water_mark: uint256):
    """
    @dev Before an allocation: payouts since the last report count, too.
    """
    assert not status._has(status.word, status.TRIPPED), "drawdown"
    assert not self._is_under(limits.guards, price, high_water_mark), "drawdown"


@internal
def _judge(price: uint256, high_water_mark: uint256):
    """
    @notice Trips the breaker if the price of a report is too low, moves the reference up with it.
    """
    word: uint256 = limits.guards
    reference: uint256 = limits._reference(word)
    if reference != 0 and price > reference:
        word = limits._set_reference(word, price if price < high_water_mark else 0)
    if self._is_under(word, price, high_water_mark) and not status._has(
        status.word, status.TRIPPED
    ):
        status._set(status.TRIPPED)
        log BreakerTripped(price=price, reference=self._reference(word, high_water_mark))


@internal
def _start_anew():
    """
    @dev For a vault without shares: the high-water mark starts anew, too.
    """
    word: uint256 = limits.guards
    if limits._reference(word) != 0:
        limits._set_reference(word, 0)


@internal
def _reset(price: uint256, high_water_mark: uint256):
    """
    @dev A vault at a price of 0 has nothing to allocate; its reference stays the old one.
    """
    status._clear(status.TRIPPED)
    limits._set_reference(limits.guards, price if price < high_water_mark else 0)
    log BreakerReset(price=price)
