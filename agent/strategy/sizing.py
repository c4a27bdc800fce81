"""How much: by confidence tiers with fixed caps, or by another rule, and bounded by all that binds.

The rules other than the tiers say what they would stake (micro-units); `bounded` holds it against
the room that caps, book and portfolio leave.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from agent.units import BPS


@dataclass(frozen=True)
class Tier:
    """A confidence tier: from `min_edge` on (profit a token), at most `cap_bps` of NAV."""

    name: str
    min_edge: float
    cap_bps: int


# Tier "high" (200 bps) demands two independent kinds of evidence, which a price record alone is
# not, so it is not among the defaults.
DEFAULT_TIERS = (Tier("mid", 0.01, 75), Tier("low", 0.002, 25))

KELLY_FRACTION = 0.25  # the ceiling: at half the claimed edge, full Kelly shrinks capital


@dataclass(frozen=True)
class Size:
    """Collateral to spend (micro-units) and the limit that bound it."""

    assets: int
    tier: str
    binding: str


def kelly_fraction(chance: float, cost: float) -> float:
    """Return the binary Kelly fraction of wealth, (p - c) / (1 - c), at least 0."""
    if not 0 < cost < 1:
        raise ValueError(f"cost {cost} is no price")
    return max(0.0, (chance - cost) / (1 - cost))


def size(
    edge: float,
    chance: float,
    cost: float,
    nav: int,
    room: int,
    depth: int,
    tiers: tuple[Tier, ...] = DEFAULT_TIERS,
) -> Size:
    """Return the smallest of all limits, and its name.

    Args:
        edge: lower bound of the profit a token, after fees
        chance: lower bound of the chance to win
        cost: what a token costs, fees included
        nav: NAV at the bid, micro-units
        room: what the contract's caps and idle still admit, micro-units
        depth: what the book offers at the price, micro-units of collateral
        tiers: best first
    """
    tier = next((t for t in tiers if edge >= t.min_edge), None)
    if tier is None:
        return Size(0, "none", "edge")
    limits = {
        "tier": nav * tier.cap_bps // BPS,
        "kelly": int(nav * KELLY_FRACTION * kelly_fraction(chance, cost)),
        "room": max(0, room),
        "depth": depth,
    }
    binding = min(limits, key=lambda name: limits[name])
    return Size(limits[binding], tier.name, binding)


def fractional_kelly(chance: float, cost: float, nav: int, fraction: float = 0.1) -> int:
    """Return a fraction of Kelly: what shrinking the estimate to the market comes to.

    Raises:
        ValueError: above a quarter; at half the claimed edge, full Kelly shrinks capital.
    """
    if not 0 < fraction <= KELLY_FRACTION:
        raise ValueError(f"fraction {fraction} is not within (0, {KELLY_FRACTION}]")
    return int(nav * fraction * kelly_fraction(chance, cost))


def unit(nav: int, units: int = 1, unit_bps: int = 100) -> int:
    """Return so many units, each a fixed share of NAV."""
    return nav * unit_bps * units // BPS


def bounded(rule: str, wanted: int, rooms: Mapping[str, int]) -> Size:
    """Return what a rule wants, or the smallest room, and which it was."""
    limits = {rule: wanted, **rooms}
    binding = min(limits, key=lambda name: limits[name])
    return Size(max(0, limits[binding]), rule, binding)
