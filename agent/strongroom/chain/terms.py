"""What a vault and a class of markets are deployed with: typed, with units and safe defaults.

The order of the fields is the ABI's (contracts/modules/terms.vy, limits.vy, exposure.vy).
"""

from dataclasses import astuple, dataclass, field
from decimal import Decimal
from typing import Any

from strongroom.chain.units import DAY, HOUR

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
    "setKeeper(address)",
    "setReporter(address)",
    "setLimit(uint256,uint256)",
    "setFees(uint256,uint256,uint256)",
    "addClass((address,address,uint256,uint256,uint256,uint256,uint256,uint256))",
    "setClassCaps(uint256,(uint256,uint256,uint256,uint256))",
    "confirmReport(bytes32)",
)


@dataclass(frozen=True)
class Limits:
    """The vault's limits by ordinal; `_bps` of what docs/contracts/Vault.md says, `_s` seconds."""

    max_up_bps: int = 1_000
    max_down_bps: int = 1_000
    max_day_up_bps: int = 2_000
    max_day_down_bps: int = 2_000
    max_spread_bps: int = 500
    min_report_interval_s: int = 60
    sync_max_age_s: int = 0
    max_report_age_s: int = 2 * DAY
    max_order_lifetime_s: int = 600
    max_buy_price_bps: int = 9_900
    price_band_bps: int = 300
    max_drawdown_bps: int = 2_000
    liveness_period_s: int = 14 * DAY
    max_redeem_delay_s: int = 14 * DAY
    total_cap_bps: int = 9_000
    total_cap: int = UNLIMITED_ASSETS  # base units of the asset
    velocity_limit: int = UNLIMITED_ASSETS  # base units of the asset


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
    keeper: Any
    reporter: Any
    fee_recipient: Any
    management_bps: int = 200
    performance_bps: int = 2_000
    hurdle_bps: int = 0
    deposit_limit: int = UNLIMITED_DEPOSITS
    min_deposit: int = 1
    timelock_s: int = 3 * DAY
    limits: Limits = field(default_factory=Limits)

    def arguments(self) -> tuple[Any, ...]:
        """Return the struct `Terms` of the ABI."""
        values = [getattr(self, name) for name in self.__dataclass_fields__]
        return (*values[:-1], list(astuple(self.limits)))


@dataclass(frozen=True)
class ClassTerms:
    """What addClass takes: a kind of market; caps in base units of the asset and bps of NAV."""

    implementation: Any
    oracle: Any
    grade: int = ENFORCED
    market_cap: int = UNLIMITED_ASSETS
    market_cap_bps: int = 1_500
    class_cap: int = UNLIMITED_ASSETS
    class_cap_bps: int = 9_000
    max_duration_s: int = 30 * DAY

    def arguments(self) -> tuple[Any, ...]:
        """Return the struct `MarketClass` of the ABI."""
        return tuple(getattr(self, name) for name in self.__dataclass_fields__)
