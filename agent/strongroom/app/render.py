"""The one way to make a page: a template of this package, filled in. All text is escaped here.

    render("vault.html", data=data, charts=charts)

Templates know the filters below; amounts reach them in base units.
"""

from datetime import UTC, datetime
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from strongroom.chain.terms import UNLIMITED_ASSETS
from strongroom.chain.units import DAY, FIRST_PRICE, HOUR, MICRO, SHARE


def money(amount: int, digits: int = 2, sign: bool = False) -> str:
    """Return an amount of the asset in units, or that there is no limit."""
    if amount >= UNLIMITED_ASSETS:
        return "unlimited"
    return f"{amount / MICRO:{'+' if sign else ''},.{digits}f}"


def price(amount: int) -> str:
    """Return a price of the vault as assets a share, in units."""
    return f"{amount / FIRST_PRICE:,.6f}"


def shares(amount: int) -> str:
    """Return shares in units."""
    return f"{amount / SHARE:,.6f}"


def moment(time: int) -> str:
    """Return a time, UTC, to the minute."""
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M}"


def short(text: str) -> str:
    """Return the ends of an address or of an id."""
    return f"{text[:8]}...{text[-4:]}"


def duration(seconds: int) -> str:
    """Return how long something is, in its two largest units."""
    if seconds <= 0:
        return "closed"
    parts = (
        (seconds // DAY, "d"),
        (seconds % DAY // HOUR, "h"),
        (seconds % HOUR // 60, "min"),
    )
    words = [f"{count} {unit}" for count, unit in parts if count]
    return " ".join(words[:2]) or "under a minute"


def percent(bps: int) -> str:
    """Return bps as a percentage."""
    return f"{bps / 100:g} %"


def part(amount: int, whole: int) -> int:
    """Return how much of a whole an amount is, percent, 100 at most."""
    return min(100, round(100 * amount / whole)) if whole else 0


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("strongroom.app"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    filters = (money, price, shares, moment, short, duration, percent)
    environment.filters |= {each.__name__: each for each in filters}
    environment.globals |= {"part": part}
    return environment


def render(template: str, **values: object) -> str:
    """Return a template of app/templates, filled in; a value that is missing is an error."""
    return _environment().get_template(template).render(values)
