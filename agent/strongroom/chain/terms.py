"""What a vault and a class of markets are deployed with: typed, with units and safe defaults.

The order of the fields is the ABI's (contracts/modules/terms.vy, limits.vy, classes.vy).
"""

from dataclasses import astuple, dataclass
from decimal import Decimal
from typing import Any

from strongroom.chain.units import DAY, HOUR, MICRO

UNLIMITED_ASSETS = 2**96 - 1
UNLIMITED_DEPOSITS = 2**128 - 1
GRACE_S = 7 * DAY  # in which an announced call can be made once its delay is over
VELOCITY_PERIOD_S = 8 * HOUR  # the velocity limit counts what went out in these,
VELOCITY_PERIODS = 4  # the running one and the three before it
NO_CAP = Decimal(10**9)  # whole assets: what a file means that names no cap
ENFORCED, DELEGATED = 1, 2
# The functions that wait for a delay of their own (contracts/modules/timelock.vy).
TIMELOCKED = (
    "setGuardian(address)",
    "setKeeper(uint256,address)",
    "setReporter(address)",
    "setLimit(uint256,uint256)",
    "setFees(uint256,uint256,uint256)",
    "addClass((address,address,address,uint256,uint256,uint256,uint256,uint256,uint256))",
    "setClassCaps(uint256,(uint256,uint256,uint256,uint256))",
    "forgiveLosses(uint256,uint256)",
    "resetBreaker()",
    "closeMarket(bytes32)",
    "setAllowList(address,bool)",
)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The vault's limits by ordinal; `_bps` of what docs/contracts/Vault.md says, `_s` seconds.

    What one vault may lose in all and in a day has no default: its owner says it.
    """

    max_up_bps: int = 1_000
    max_down_bps: int = 1_000
    max_premium_bps: int = 1_000
    max_inflow_bps: int = 1_000
    exit_fee_bps: int = 50
    min_report_interval_s: int = HOUR
    liveness_period_s: int = 14 * DAY
    inflow_floor: int = 10_000 * MICRO  # base units of the asset, a day
    max_report_age_s: int = 2 * DAY
    max_order_lifetime_s: int = 600
    max_buy_price_bps: int = 9_900
    price_band_bps: int = 300
    marks_required: int = 1  # 0: an order needs no fresh mark
    total_cap_bps: int = 6_000
    velocity_bps: int = 2_000
    question_cap_bps: int = 1_500
    max_drawdown_bps: int = 2_000
    total_cap: int  # base units of the asset
    velocity: int  # base units of the asset, a rolling day


def ordinal(name: str) -> int:
    """Return the number by which the vault knows a limit, as `limit(uint256)` takes it."""
    return list(Limits.__dataclass_fields__).index(name)


@dataclass(frozen=True)
class VaultTerms:
    """What VaultFactory.deploy takes; roles are addresses or ape accounts."""

    name: str
    symbol: str
    owner: Any
    guardian: Any
    reporter: Any
    fee_recipient: Any
    limits: Limits
    management_bps: int = 200
    performance_bps: int = 2_000
    hurdle_bps: int = 0
    deposit_limit: int = UNLIMITED_DEPOSITS
    min_deposit: int = 1
    timelock_s: int = 3 * DAY

    def arguments(self) -> tuple[Any, ...]:
        """Return the struct `Terms` of the ABI."""
        names = [name for name in self.__dataclass_fields__ if name != "limits"]
        return (*(getattr(self, name) for name in names), list(astuple(self.limits)))


@dataclass(frozen=True)
class ClassTerms:
    """What addClass takes: a strategy; caps in base units of the asset and bps of NAV.

    Attributes:
        keeper: opens its markets, signs its orders, moves its budget; an address or an ape account
    """

    implementation: Any
    oracle: Any
    keeper: Any
    grade: int = ENFORCED
    market_cap: int = UNLIMITED_ASSETS
    market_cap_bps: int = 1_500
    class_cap: int = UNLIMITED_ASSETS
    class_cap_bps: int = 6_000
    max_duration_s: int = 30 * DAY

    def arguments(self) -> tuple[Any, ...]:
        """Return the struct `MarketClass` of the ABI."""
        return tuple(getattr(self, name) for name in self.__dataclass_fields__)
