"""Limits, delays and amounts as a reader takes them in: "5 %", "3 days", "unlimited"."""

from datetime import UTC, datetime
from functools import cache

from eth_utils.abi import collapse_if_tuple

from strongroom.audit.permissions import Caps, Limit
from strongroom.chain import abi
from strongroom.chain.ids import keccak
from strongroom.chain.terms import UNLIMITED_ASSETS
from strongroom.chain.units import DAY, DECIMALS, HOUR, format_units

_SECONDS = (
    *(Limit.MIN_REPORT_INTERVAL, Limit.LIVENESS_PERIOD),
    *(Limit.MAX_REPORT_AGE, Limit.MAX_ORDER_LIFETIME),
)
_ASSETS = (Limit.INFLOW_FLOOR, Limit.TOTAL_CAP, Limit.VELOCITY)


def assets_words(amount: int, decimals: int = DECIMALS) -> str:
    """Return an amount of the asset, or that there is no limit."""
    return "unlimited" if amount >= UNLIMITED_ASSETS else format_units(amount, 2, decimals)


def bps_words(bps: int) -> str:
    """Return bps as a percentage."""
    return f"{bps / 100:g} %"


def time_words(seconds: int) -> str:
    """Return a length of time in its largest whole unit."""
    for length, name in ((DAY, "day"), (HOUR, "hour"), (60, "minute"), (1, "second")):
        if seconds and seconds % length == 0:
            count = seconds // length
            return f"{count:,} {name}{'' if count == 1 else 's'}"
    return "0 seconds"


def age_words(block_time: int, now: float) -> str:
    """Return a block's time and how old it is, in its largest unit, rounded down.

    Args:
        block_time: its timestamp
        now: the reader's time, seconds since 1970
    """
    age, moment = int(now) - block_time, datetime.fromtimestamp(block_time, UTC)
    unit = next((each for each in (DAY, HOUR, 60) if abs(age) >= each), 1)
    length = time_words(abs(age) // unit * unit)
    how = f"{length} old" if age >= 0 else f"{length} ahead of this machine's clock"
    return f"of {moment:%Y-%m-%d %H:%M:%S} UTC, {how}"


def limit_words(which: int, value: int, decimals: int = DECIMALS) -> str:
    """Return what a limit was set to.

    Args:
        decimals: of the asset
    """
    try:
        limit = Limit(which)
    except ValueError:
        return f"limit {which} is {value}"
    name = limit.name.lower().removesuffix("_bps").replace("_", " ")
    if limit == Limit.MARKS_REQUIRED:
        return "orders need a fresh mark" if value else "orders need no mark"
    if limit in _SECONDS:
        return f"{name} is {time_words(value)}"
    is_amount = limit in _ASSETS
    return f"{name} is {assets_words(value, decimals) if is_amount else bps_words(value)}"


def caps_words(caps: Caps, decimals: int = DECIMALS) -> str:
    """Return a class's caps.

    Args:
        decimals: of the asset
    """
    market, of_class = (assets_words(each, decimals) for each in (caps.market, caps.of_class))
    return (
        f"a market {market} and {bps_words(caps.market_bps)} of NAV, "
        f"the class {of_class} and {bps_words(caps.of_class_bps)} of NAV"
    )


@cache
def _functions() -> dict[str, str]:
    """Return selector -> signature of the vault's functions."""
    found = {}
    for entry in abi.load("Vault"):
        if entry["type"] == "function":
            types = ",".join(collapse_if_tuple(dict(each)) for each in entry["inputs"])
            signature = f"{entry['name']}({types})"
            found[selector_of(signature)] = signature
    return found


def selector_of(signature: str) -> str:
    """Return a function's four bytes, e.g. 0x8456cb59."""
    return "0x" + keccak(signature.encode())[:4].hex()


def function_name(selector: str) -> str:
    """Return a vault function's name; the selector itself where the ABI has no such function."""
    return _functions().get(selector, selector).partition("(")[0]
