"""Rate limits by signer: token buckets for orders and for cancels (VENUE e1)."""

import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from strongroom.devnet.clob.errors import TOO_MANY, Refusal

Enforcement = Literal["off", "warn", "enforce"]


class RateTier(StrEnum):
    """What a signer may do, by its trading volume."""

    STANDARD = "standard"
    COPPER = "copper"
    BRONZE = "bronze"
    SILVER = "silver"
    GOLD = "gold"
    PLATINUM = "platinum"
    DIAMOND = "diamond"
    ELITE = "elite"


@dataclass(frozen=True)
class Bucket:
    """A bucket: what flows in a second, and what it holds."""

    rate: int
    burst: int


ORDERS = {
    RateTier.STANDARD: Bucket(40, 60),
    RateTier.COPPER: Bucket(60, 90),
    RateTier.BRONZE: Bucket(80, 120),
    RateTier.SILVER: Bucket(200, 300),
    RateTier.GOLD: Bucket(400, 600),
    RateTier.PLATINUM: Bucket(450, 675),
    RateTier.DIAMOND: Bucket(525, 787),
    RateTier.ELITE: Bucket(600, 900),
}
CANCELS = {
    RateTier.STANDARD: Bucket(80, 120),
    RateTier.COPPER: Bucket(120, 180),
    RateTier.BRONZE: Bucket(160, 240),
    RateTier.SILVER: Bucket(400, 600),
    RateTier.GOLD: Bucket(800, 1_200),
    RateTier.PLATINUM: Bucket(900, 1_350),
    RateTier.DIAMOND: Bucket(1_050, 1_575),
    RateTier.ELITE: Bucket(1_200, 1_800),
}
# Up to here a cancel of more than is left passes, and the balance falls below 0.
OWING = frozenset(
    {RateTier.STANDARD, RateTier.COPPER, RateTier.BRONZE, RateTier.SILVER, RateTier.GOLD}
)


@dataclass
class _Level:
    tokens: float
    seen: float


class RateLimits:
    """The buckets of all signers."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Take a clock of seconds; of this machine, since it is clients that are held back."""
        self._clock = clock
        self._buckets: dict[tuple[str, str], _Level] = defaultdict(
            lambda: _Level(math.inf, self._clock())
        )

    def spend(
        self,
        kind: Literal["orders", "cancels"],
        signer: str,
        cost: int,
        tier: RateTier,
        how: Enforcement,
    ) -> dict[str, str]:
        """Take `cost` tokens from a signer's bucket, all or none; return the answer's headers.

        Raises:
            Refusal: 429 with Retry-After, there are not enough.
        """
        if how == "off":
            return {}
        limit = (ORDERS if kind == "orders" else CANCELS)[tier]
        bucket, now = self._buckets[kind, signer.lower()], self._clock()
        flowed = bucket.tokens + (now - bucket.seen) * limit.rate
        bucket.tokens, bucket.seen = min(flowed, limit.burst), now
        owing = kind == "cancels" and tier in OWING and bucket.tokens > 0
        passes = cost <= bucket.tokens or owing
        if passes or how == "warn":
            bucket.tokens -= cost
        wait = 0.0 if passes else (cost - bucket.tokens) / limit.rate
        headers = {
            "Poly-RateLimit-Remaining": str(math.floor(bucket.tokens)),
            "Poly-RateLimit-Reset": str(math.ceil(now + wait)),
            "Poly-RateLimit-Tier": tier.value,
        }
        if passes:
            return headers
        if how == "warn":
            return headers | {"Poly-RateLimit-Warning": "true"}
        seconds = max(1, math.ceil(wait))  # a cost above the burst never passes
        refusal = Refusal(429, TOO_MANY, retry_after_seconds=seconds)
        refusal.headers = headers | {"Retry-After": str(seconds)}
        raise refusal
