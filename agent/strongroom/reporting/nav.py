"""An account's value once more, from balances and marks: what the report must come to on chain."""

from collections.abc import Sequence

from strongroom.chain.rpc import Position
from strongroom.chain.units import WAD
from strongroom.reporting.marks import Mark


def value_of(
    collateral: int, positions: Sequence[Position], marks: Sequence[Mark]
) -> tuple[int, int]:
    """Return an account's value at the bid (down) and at the ask (up), micro-units.

    Complete sets count 1; what is left counts its mark; a resolved condition its payout.
    """
    bid = ask = collateral
    for position, mark in zip(positions, marks, strict=True):
        if position.resolved:
            paid = position.yes * position.payout_yes // position.payout_denominator
            paid += position.no * position.payout_no // position.payout_denominator
            bid, ask = bid + paid, ask + paid
            continue
        pairs = min(position.yes, position.no)
        yes, no = position.yes - pairs, position.no - pairs
        bid += pairs + (yes * mark.bid_yes + no * mark.bid_no) // WAD
        ask += pairs - (-(yes * mark.ask_yes + no * mark.ask_no) // WAD)
    return bid, ask


def with_wallet(here: tuple[int, int], away: tuple[int, int], outstanding: int) -> tuple[int, int]:
    """Return a delegated account's value: what its wallet holds counts at most at its cost at the
    bid, and at least at its cost at the ask."""
    return here[0] + min(away[0], outstanding), here[1] + max(away[1], outstanding)
