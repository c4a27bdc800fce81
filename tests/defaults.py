"""Numbers that the tests share."""

from dataclasses import asdict

from strongroom.chain.terms import Limits

UNIT = 10**6  # one pUSD
SHARE = 10**12  # one whole share
WAD = 10**18
DAY = 86_400
YEAR = 365 * DAY  # of fees
UNLIMITED = 2**128 - 1
FOREVER = 2**256 - 1
NO_EVIDENCE = b"\0" * 32

# Wider than what a vault gets by default, so that a test meets one limit at a time.
WIDE = Limits(
    max_up_bps=3_000,
    max_down_bps=3_000,
    max_day_up_bps=5_000,
    max_day_down_bps=5_000,
    max_spread_bps=2_000,
    sync_max_age_s=3_600,
    price_band_bps=500,
    max_drawdown_bps=10_000,
    max_redeem_delay_s=7 * DAY,
    total_cap_bps=10_000,
)
# By the contract's names, which have no unit, in the order of the ordinals.
LIMITS = {name.removesuffix("_s"): value for name, value in asdict(WIDE).items()}


def a_class(
    implementation,
    oracle,
    *,
    grade=1,
    cap=5_000 * UNIT,
    cap_bps=10_000,
    class_cap=2**96 - 1,
    class_cap_bps=10_000,
    duration=60 * DAY,
):
    """Return the terms of a market class as addClass takes them."""
    return (implementation, oracle, grade, cap, cap_bps, class_cap, class_cap_bps, duration)


def limit(name: str) -> int:
    """Return the ordinal of a limit."""
    return list(LIMITS).index(name)
