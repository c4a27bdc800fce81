"""Fees as the design states them, in exact integers, every division against the fee."""

from msgspec import Struct

from strongroom.chain.units import BPS, SHARE, YEAR

MOST_MARK = 2**176 - 1


class Rates(Struct, frozen=True, gc=False):
    """Of fees: management and hurdle a year, performance of new profit; bps."""

    management: int = 0
    performance: int = 0
    hurdle: int = 0


class Fees(Struct, frozen=True, gc=False):
    """What is due: assets, the shares minted for them, the high-water mark after them."""

    management: int
    performance: int
    shares: int
    mark: int


def fees_due(
    rates: Rates,
    mark: int,
    base: int,
    assets: int,
    supply: int,
    virtual: int,
    elapsed: int,
    lifting: int,
    performing: bool,
) -> Fees:
    """Return the fees due on NAV at the bid.

    Args:
        mark: high-water mark so far, assets for one whole share
        base: NAV at the bid after the last settlement: what came since pays no management fee
        supply: shares before the fees
        virtual: shares that nobody holds
        elapsed: seconds since fees were taken last
        lifting: seconds since the last report, for which the hurdle lifts the mark; 0 at an exit
        performing: whether there is a performance fee and the mark rises; not at an exit in kind
    """
    if not supply:
        return Fees(0, 0, 0, min((assets + 1) * SHARE // virtual, MOST_MARK))
    whole = supply + virtual
    mark = min(mark - (-mark * rates.hurdle * lifting // (BPS * YEAR)), MOST_MARK)
    management = min(min(base, assets) * rates.management * elapsed // (BPS * YEAR), assets)
    performance = 0
    if performing:
        price = (assets + 1 - management) * SHARE // whole
        performance = max(0, price - mark) * supply // SHARE * rates.performance // BPS
    due = min(management + performance, assets)
    shares = due * whole // (assets + 1 - due)
    if performing:
        mark = min(max(mark, (assets + 1) * SHARE // (whole + shares)), MOST_MARK)
    return Fees(management, performance, shares, mark)


def mark_at_entry(mark: int, supply: int, assets: int, shares: int) -> int:
    """Return the high-water mark after assets came in for shares: entrants carry their own."""
    whole = supply + shares
    entered = (supply * mark + assets * SHARE) // whole
    return min(max(mark, entered), MOST_MARK)
