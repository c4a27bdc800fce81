"""Numbers that the tests share."""

from dataclasses import asdict

from strongroom.chain.terms import UNLIMITED_ASSETS, Limits

UNIT = 10**6  # one pUSD
SHARE = 10**18  # one whole share
WAD = 10**18
DAY = 86_400
YEAR = 365 * DAY  # of fees
UNLIMITED = 2**128 - 1
VIRTUAL = 10**12  # virtual shares of a vault whose asset has six decimals
PRICE = 10**36  # scale of a vault's prices
FIRST = PRICE // VIRTUAL  # the price of its first share
MOST = UNLIMITED_ASSETS
BPS = 10_000
ZERO = "0x" + "00" * 20
DEPOSIT, REDEEM = 0, 1  # sides
FOREVER = 2**256 - 1
NO_EVIDENCE = b"\0" * 32

# Wider than what a vault gets by default, so that a test meets one limit at a time.
WIDE = Limits(
    max_up_bps=2**16 - 1,
    max_down_bps=10_000,
    max_premium_bps=2**16 - 1,
    exit_fee_bps=0,
    min_report_interval_s=60,
    inflow_floor=UNLIMITED_ASSETS,
    price_band_bps=500,
    marks_required=0,
    total_cap_bps=10_000,
    velocity_bps=10_000,
    question_cap_bps=10_000,
    max_drawdown_bps=10_000,
    total_cap=UNLIMITED_ASSETS,
    velocity=UNLIMITED_ASSETS,
)
# By the contract's names, which have no unit, in the order of the ordinals.
LIMITS = {name.removesuffix("_s"): value for name, value in asdict(WIDE).items()}


def a_class(
    implementation,
    oracle,
    keeper,
    *,
    grade=1,
    cap=5_000 * UNIT,
    cap_bps=10_000,
    class_cap=UNLIMITED_ASSETS,
    class_cap_bps=10_000,
    duration=60 * DAY,
):
    """Return the terms of a market class as addClass takes them."""
    caps = (cap, cap_bps, class_cap, class_cap_bps)
    return (implementation, oracle, keeper, grade, *caps, duration)


def limit(name: str) -> int:
    """Return the ordinal of a limit."""
    return list(LIMITS).index(name)
