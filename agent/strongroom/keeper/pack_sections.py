"""The sections of a pack in the file: its own parameters, and how it trades: `trading`, `exits`."""

from collections.abc import Mapping

from pydantic import Field, ValidationError

from strongroom.chain.ids import Json
from strongroom.chain.units import BPS, DAY, HOUR
from strongroom.settings import ConfigError, Section, describe
from strongroom.strategy.exits import Exits, Trading

Sections = Mapping[str, Mapping[str, Json]]  # by pack
OURS = ("trading", "exits")


class TradingSection(Section):
    """How a pack's decisions are bounded and carried out (strategy/exits.py)."""

    budget_bps: int | None = Field(None, gt=0, le=BPS)  # of NAV, at stake in its markets
    slices: int = Field(1, ge=1)  # of a purchase or a sale, each decided anew
    gap_s: int = Field(HOUR, ge=0)  # between two of them
    passive_s: int = Field(0, ge=0)  # a purchase first rests for so long


class ExitsSection(Section):
    """When what a pack has bought is sold; prices and chances of a token. Off where not named."""

    edge: float | None = Field(None, ge=0, lt=1)
    stop_price: float | None = Field(None, gt=0, lt=1)
    stop_chance: float | None = Field(None, gt=0, lt=1)
    held_s: int | None = Field(None, gt=0)
    before_end_s: int | None = Field(None, gt=0)
    max_cost: float = Field(0.02, ge=0, lt=1)
    again_s: int = Field(DAY, ge=0)


def parameters_of(sections: Sections) -> dict[str, dict[str, Json]]:
    """Return the packs' own parameters."""
    return {
        name: {key: value for key, value in section.items() if key not in OURS}
        for name, section in sections.items()
    }


def trading_of(sections: Sections, order_lifetime_s: int) -> dict[str, Trading]:
    """Return how packs trade, by the name of each pack that has such a section.

    Args:
        order_lifetime_s: of a signature: what rests first must leave time to take the rest

    Raises:
        ConfigError: see above, or a section does not fit.
    """
    found = {}
    for section, given in sections.items():
        if not any(key in given for key in OURS):
            continue
        place = f"packs.{section}"
        try:
            trading = TradingSection.model_validate(given.get("trading", {}))
        except ValidationError as error:
            raise ConfigError(_placed(f"{place}.trading", error, TradingSection)) from error
        try:
            exits = ExitsSection.model_validate(given.get("exits", {}))
        except ValidationError as error:
            raise ConfigError(_placed(f"{place}.exits", error, ExitsSection)) from error
        if 2 * trading.passive_s > order_lifetime_s:
            raise ConfigError(
                f"[{place}.trading.passive_s] at most half of [execution.order_lifetime_s], "
                f"{order_lifetime_s // 2}"
            )
        name = str(given.get("name", section))
        found[name] = Trading(**dict(trading), exits=Exits(**dict(exits)))
    return found


def _placed(place: str, error: ValidationError, section: type[Section]) -> str:
    """Return what is wrong below a place; what is wrong with the place itself names no key."""
    return "\n".join(
        f"[{place}.{line[1:]}" if line.startswith("[") else f"[{place}] {line}"
        for line in describe(error, section).splitlines()
    )
