"""Units, and the only conversions between them.

Assets and outcome tokens are integers of 10**-6 (`MICRO` to the unit); marks are WAD; prices are
`Decimal` in [0, 1] up to the border where they become integers here.
"""

from decimal import Decimal

from strongroom.errors import BadInput

DECIMALS = 6  # of an asset and of an outcome token
MICRO = 10**6  # base units of one
SHARE = 10**18  # base units of a share, whatever the asset's decimals
VIRTUAL_SHARES = SHARE // MICRO  # that nobody holds, beside one virtual base unit of assets
PRICE = (
    10**36
)  # scale of a vault's prices: base units of assets per base unit of a share, times this
FIRST_PRICE = PRICE // VIRTUAL_SHARES  # of an empty vault: one unit of assets for a whole share
BPS = 10_000
LEAST_ORDER = MICRO  # the venue takes no order below a dollar that takes at once
LOT = MICRO // 100  # sizes of hundredths of a token are exact at every tick of the venue
WAD = 10**18
ETHER = 10**18  # wei
GWEI = 10**9  # wei
MAX_UINT256 = 2**256 - 1
HOUR = 3_600  # seconds
DAY = 24 * HOUR
YEAR = 365 * DAY  # of fees


def on_tick(price: Decimal, tick: Decimal) -> bool:
    """Say whether `price` is a whole number of ticks inside (0, 1)."""
    return 0 < price < 1 and price % tick == 0


def cost_micro(price: Decimal, tokens: int) -> int:
    """Return the exact collateral for `tokens` micro-tokens at `price`.

    Raises:
        BadInput: the product is no whole number of micro-units; round the size first.
    """
    numerator, denominator = price.as_integer_ratio()
    cost, rest = divmod(tokens * numerator, denominator)
    if rest:
        raise BadInput(f"{tokens} micro-tokens at {price} cost a fraction of a micro-unit")
    return cost


def exact_units(amount: int, unit: int = MICRO) -> str:
    """Return base units as a plain decimal, with as many digits as it needs: "-0.000001", "12".

    Args:
        unit: base units of one, a power of ten
    """
    whole, rest = divmod(abs(amount), unit)
    digits = f"{rest:0{len(str(unit)) - 1}d}".rstrip("0")
    return f"{'-' if amount < 0 else ''}{whole}{f'.{digits}' if digits else ''}"


def format_units(amount: int, digits: int = 6, decimals: int = DECIMALS) -> str:
    """Return base units as a decimal string, e.g. 1234500000 -> "1,234.500000".

    Args:
        digits: behind the point, at most; the others are cut off
        decimals: of the asset
    """
    sign = "-" if amount < 0 else ""
    whole, rest = divmod(abs(amount), 10**decimals)
    part = f"{rest:0{decimals}d}"[:digits] if decimals else ""
    return f"{sign}{whole:,}.{part}".rstrip(".")
