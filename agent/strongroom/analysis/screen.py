"""Which markets are worth a look: rules as data, every rejection has a code."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from strongroom.information.gamma import Market


@dataclass(frozen=True)
class Criteria:
    """Limits of the screen; money in units of collateral."""

    max_spread: Decimal = Decimal("0.03")
    min_liquidity: Decimal = Decimal(1_000)
    min_volume: Decimal = Decimal(0)
    max_duration: timedelta = timedelta(days=21)
    min_rules: int = 0  # characters of the text by which it resolves
    negative_risk: bool = False  # whether outcomes of an event pass
    categories: frozenset[str] = frozenset()  # these alone; empty: all
    refused_categories: frozenset[str] = frozenset()
    # words of questions that one person, or the market itself, can decide
    insider_words: tuple[str, ...] = (
        *("tweet", "post on", " say ", "mention", "announce", "resign"),
        *("wear", "polymarket"),
    )


@dataclass(frozen=True)
class Rejection:
    """Why a market was left out: the rule, and the numbers."""

    question: str
    code: str
    why: str


@dataclass(frozen=True)
class Screened:
    """What passed, and why the others did not."""

    accepted: tuple[Market, ...]
    rejections: tuple[Rejection, ...]


Rule = Callable[[Market, Criteria, datetime], str]


def _if(wrong: bool, why: str) -> str:
    return why if wrong else ""


def _insider(market: Market, criteria: Criteria) -> str:
    text = f" {market.question.lower()} "
    word = next((each for each in criteria.insider_words if each in text), None)
    return f"one person may decide it: {word.strip()!r}" if word else ""


def _category(market: Market, criteria: Criteria) -> str:
    wanted, refused = criteria.categories, criteria.refused_categories
    wrong = market.category in refused or (bool(wanted) and market.category not in wanted)
    return _if(wrong, f"category {market.category or 'unknown'}")


def _spread(market: Market) -> Decimal:
    return (market.best_ask or Decimal(1)) - (market.best_bid or Decimal(0))


def _left(market: Market, now: datetime) -> timedelta:
    return market.end - now if market.end is not None else timedelta(0)


# In this order; a market is counted under the first rule that rejects it.
RULES: dict[str, Rule] = {
    "closed": lambda m, c, now: _if(m.closed or not m.accepting, "takes no orders"),
    "negative_risk": lambda m, c, now: _if(
        m.negative_risk and not c.negative_risk, "one outcome of an event"
    ),
    "one_sided": lambda m, c, now: _if(
        m.best_bid is None or m.best_ask is None, f"bid {m.best_bid}, ask {m.best_ask}"
    ),
    "empty_book": lambda m, c, now: _if(
        not (0 < (m.best_bid or 0) < (m.best_ask or 0) < 1), f"bid {m.best_bid}, ask {m.best_ask}"
    ),
    "in_resolution": lambda m, c, now: _if(
        bool(m.resolution_statuses), f"its oracle has spoken: {', '.join(m.resolution_statuses)}"
    ),
    "no_end": lambda m, c, now: _if(m.end is None, "nobody knows when it ends"),
    "ended": lambda m, c, now: _if(_left(m, now) <= timedelta(0), f"its end was {m.end}"),
    "too_long": lambda m, c, now: _if(
        _left(m, now) > c.max_duration, f"{_left(m, now)} to its end, at most {c.max_duration}"
    ),
    "wide": lambda m, c, now: _if(
        _spread(m) > c.max_spread, f"spread {_spread(m)}, at most {c.max_spread}"
    ),
    "thin": lambda m, c, now: _if(
        m.liquidity < c.min_liquidity, f"liquidity {m.liquidity}, at least {c.min_liquidity}"
    ),
    "unused": lambda m, c, now: _if(
        m.volume < c.min_volume, f"volume {m.volume}, at least {c.min_volume}"
    ),
    "unclear": lambda m, c, now: _if(
        len(m.rules) < c.min_rules, f"{len(m.rules)} characters of rules, at least {c.min_rules}"
    ),
    "category": lambda m, c, now: _category(m, c),
    "insider": lambda m, c, now: _insider(m, c),
}


def screen(markets: Iterable[Market], criteria: Criteria, now: datetime) -> Screened:
    """Apply the rules; `now` is the time of the snapshot."""
    accepted, rejections = [], []
    for market in markets:
        for code, rule in RULES.items():
            why = rule(market, criteria, now)
            if why:
                rejections.append(Rejection(market.question, code, why))
                break
        else:
            accepted.append(market)
    return Screened(tuple(accepted), tuple(rejections))
