"""Which markets are worth a look: rules as data, every rejection has a code."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from agent.information.gamma import Market


@dataclass(frozen=True)
class Criteria:
    """Limits of the screen; money in units of collateral."""

    max_spread: Decimal = Decimal("0.03")
    min_liquidity: Decimal = Decimal(1_000)
    max_duration: timedelta = timedelta(days=21)


@dataclass(frozen=True)
class Screened:
    """What passed, and how many fell to each rule."""

    accepted: tuple[Market, ...]
    rejected: Counter[str]


Rule = Callable[[Market, Criteria, datetime], bool]

# In this order; a market is counted under the first rule that rejects it.
RULES: dict[str, Rule] = {
    "closed": lambda m, c, now: m.closed,
    "negative_risk": lambda m, c, now: m.negative_risk,
    "one_sided": lambda m, c, now: m.best_bid is None or m.best_ask is None,
    "empty_book": lambda m, c, now: not (0 < (m.best_bid or 0) < (m.best_ask or 0) < 1),
    "in_resolution": lambda m, c, now: bool(m.resolution_statuses),
    "no_end": lambda m, c, now: m.end is None,
    "ended": lambda m, c, now: m.end is not None and m.end <= now,
    "too_long": lambda m, c, now: m.end is not None and m.end > now + c.max_duration,
    "wide": lambda m, c, now: (m.best_ask or 0) - (m.best_bid or 0) > c.max_spread,
    "thin": lambda m, c, now: m.liquidity < c.min_liquidity,
}


def screen(markets: Iterable[Market], criteria: Criteria, now: datetime) -> Screened:
    """Apply the rules; `now` is the time of the snapshot."""
    accepted = []
    rejected: Counter[str] = Counter()
    for market in markets:
        code = next((code for code, rule in RULES.items() if rule(market, criteria, now)), None)
        if code is None:
            accepted.append(market)
        else:
            rejected[code] += 1
    return Screened(tuple(accepted), rejected)
