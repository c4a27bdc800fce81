"""How much: by confidence tiers with fixed caps, or by another rule, and bounded by all that binds.

The rules other than the tiers say what they would stake (micro-units); `bounded` holds it against
the room that caps, book and portfolio leave.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from strongroom.chain.units import BPS
from strongroom.errors import BadInput

Rule = Literal["tiers", "kelly", "unit", "flat", "inverted"]


@dataclass(frozen=True)
class Tier:
    """A confidence tier: from `min_edge` on (profit a token), at most `cap_bps` of NAV.

    `evidence` is how many independent kinds of it the tier demands.
    """

    name: str
    min_edge: float
    cap_bps: int
    evidence: int = 1


DEFAULT_TIERS = (Tier("high", 0.03, 200, 2), Tier("mid", 0.01, 75), Tier("low", 0.002, 25))

KELLY_FRACTION = 0.25  # the ceiling: at half the claimed edge, full Kelly shrinks capital


@dataclass(frozen=True)
class Size:
    """Collateral to spend (micro-units) and the limit that bound it."""

    assets: int
    binding: str


def kelly_fraction(chance: float, cost: float) -> float:
    """Return the binary Kelly fraction of wealth, (p - c) / (1 - c), at least 0."""
    if not 0 < cost < 1:
        raise BadInput(f"cost {cost} is no price")
    return max(0.0, (chance - cost) / (1 - cost))


@dataclass(frozen=True)
class Sizing:
    """Which rule says how much, and with which numbers.

    Attributes:
        tiers: best first
        fraction: of Kelly, at most a quarter
        units, unit_bps: of NAV
        flat: micro-units
        loss_budget: micro-units that one position may lose; also bounds the other rules
    """

    rule: Rule = "tiers"
    tiers: tuple[Tier, ...] = DEFAULT_TIERS
    fraction: float = 0.1
    units: int = 1
    unit_bps: int = 100
    flat: int = 0
    loss_budget: int | None = None

    def __post_init__(self) -> None:
        """Refuse rules that lack their number.

        Raises:
            BadInput: see above.
        """
        if self.rule == "flat" and self.flat <= 0:
            raise BadInput("sizing rule flat needs `flat`, in micro-units")
        if self.rule == "inverted" and self.loss_budget is None:
            raise BadInput("sizing rule inverted needs `loss_budget`, in micro-units")
        if not 0 < self.fraction <= KELLY_FRACTION:
            raise BadInput(f"fraction {self.fraction} is not within (0, {KELLY_FRACTION}]")

    def limits(
        self, edge: float, chance: float, cost: float, nav: int, evidence: int = 1, lift: int = 0
    ) -> dict[str, int]:
        """Return what the rule admits for a whole position, by name; micro-units, smallest counts.

        Args:
            edge: lower bound of the profit a token, after fees
            chance: lower bound of the chance to win
            cost: what a token costs, fees included
            nav: NAV at the bid, micro-units
            evidence: independent kinds of it
            lift: tiers that a signal adds, at most one
        """
        found: dict[str, int] = {}
        match self.rule:
            case "tiers":
                tier = self.tier(edge, evidence, lift)
                if tier is None:
                    return {"no tier": 0}
                found[f"tier {tier.name}"] = nav * tier.cap_bps // BPS
                found["quarter Kelly"] = fractional_kelly(chance, cost, nav, KELLY_FRACTION)
            case "kelly":
                found[f"Kelly x {self.fraction}"] = fractional_kelly(
                    chance, cost, nav, self.fraction
                )
            case "unit":
                found["units"] = unit(nav, self.units, self.unit_bps)
            case "flat":
                found["flat"] = self.flat
            case "inverted":
                pass
        if self.loss_budget is not None:
            found["loss budget"] = self.loss_budget
        return found

    def tier(self, edge: float, evidence: int, lift: int) -> Tier | None:
        """Return the tier of an edge: the best whose demands are met, or the next one above."""
        place = next(
            (
                number
                for number, each in enumerate(self.tiers)
                if edge >= each.min_edge and evidence >= each.evidence
            ),
            None,
        )
        return None if place is None else self.tiers[max(0, place - min(lift, 1))]


def fractional_kelly(chance: float, cost: float, nav: int, fraction: float = 0.1) -> int:
    """Return a fraction of Kelly: what shrinking the estimate to the market comes to.

    Raises:
        BadInput: above a quarter; at half the claimed edge, full Kelly shrinks capital.
    """
    if not 0 < fraction <= KELLY_FRACTION:
        raise BadInput(f"fraction {fraction} is not within (0, {KELLY_FRACTION}]")
    return int(nav * fraction * kelly_fraction(chance, cost))


def unit(nav: int, units: int = 1, unit_bps: int = 100) -> int:
    """Return so many units, each a fixed share of NAV."""
    return nav * unit_bps * units // BPS


def bounded(rule: str, wanted: int, rooms: Mapping[str, int]) -> Size:
    """Return what a rule wants, or the smallest room, and which it was."""
    limits = {rule: wanted, **rooms}
    binding = min(limits, key=limits.__getitem__)
    return Size(max(0, limits[binding]), binding)
