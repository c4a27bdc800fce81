"""What a report must come to on chain, once more, from balances and marks."""

from collections.abc import Sequence

from strongroom.chain.rpc import Position
from strongroom.chain.units import WAD
from strongroom.reporting.marks import Quote


def value_of(
    collateral: int, positions: Sequence[Position], quotes: Sequence[Quote]
) -> tuple[int, int]:
    """Return an account's value at the bid (down) and at the ask (up), its wallet's part included;
    micro-units.

    Complete sets count 1; what is left counts its mark; a resolved condition its payout. Where an
    event's payouts leave the bids of YES no room, these count 0.

    Args:
        positions: of the account's conditions, with its wallet's
        quotes: bid and ask of YES of each, WAD; of a resolved condition they do not count
    """
    bid = ask = collateral
    if len(positions) > 1 and _exclusive(positions, quotes) > WAD:
        quotes = [(0, ask) for _, ask in quotes]
    for position, (low, high) in zip(positions, quotes, strict=True):
        if position.resolved:
            paid = position.yes * position.payout_yes // position.payout_denominator
            paid += position.no * position.payout_no // position.payout_denominator
            bid, ask = bid + paid, ask + paid
            continue
        pairs = min(position.yes, position.no)
        yes, no = position.yes - pairs, position.no - pairs
        bid += pairs + yes * low // WAD + no * (WAD - high) // WAD
        ask += pairs - (-yes * high // WAD) - (-no * (WAD - low) // WAD)
    return bid, ask


def nav_of(
    idle: int, values: Sequence[tuple[int, int]], exposures: Sequence[int]
) -> tuple[int, int]:
    """Return the vault's NAV at the bid and at the ask: nothing above its cost at the bid, and
    nothing below what everything has cost at the ask; micro-units.

    Args:
        values: of each account at bid and ask
        exposures: what was sent to each and has not come back
    """
    pairs = list(zip(values, exposures, strict=True))
    bid = sum(min(value, exposure) for (value, _), exposure in pairs)
    return idle + bid, idle + max(sum(ask for _, ask in values), sum(exposures))


def paid_to_yes(positions: Sequence[Position]) -> int:
    """Return the payouts of YES of an event's resolved conditions, summed, WAD."""
    return sum(
        WAD * each.payout_yes // each.payout_denominator for each in positions if each.resolved
    )


def _exclusive(positions: Sequence[Position], quotes: Sequence[Quote]) -> int:
    """Return payouts and bids of YES, summed, WAD."""
    bids = (low for each, (low, _) in zip(positions, quotes, strict=True) if not each.resolved)
    return paid_to_yes(positions) + sum(bids)
