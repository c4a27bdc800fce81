"""What the service lists: one record a condition."""

from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Decimal
from typing import Literal

from strongroom.chain.ids import JsonObject
from strongroom.chain.units import MICRO
from strongroom.information.gamma import FeeSchedule

FEE_STEP = 10  # micro-units: the venue floors fees at five decimals


@dataclass(frozen=True)
class Listing:
    """A condition that is traded on one exchange."""

    condition_id: str  # 0x...
    token_ids: tuple[str, str]  # YES, NO, decimal
    question: str
    outcomes: tuple[str, str]
    exchange: str  # address
    exchange_version: str  # "2" or "3"
    negative_risk: bool
    protocol: Literal["v1", "v2"] = "v1"  # Gamma's `version`: v2 trades position ids
    tick: Decimal = Decimal("0.01")
    min_size: Decimal = Decimal(5)
    fees: FeeSchedule = field(default_factory=FeeSchedule)
    closed: bool = False
    accepting: bool = True

    @property
    def tick_micro(self) -> int:
        """The tick in 10**-6."""
        return int(self.tick * MICRO)

    def taker_fee(self, size: int, price: int) -> int:
        """Return the taker's fee for `size` micro-tokens at `price` (10**-6), in micro-units."""
        p = Decimal(price) / MICRO
        fee = size * self.fees.rate * (p * (1 - p)) ** self.fees.exponent
        return int((fee / FEE_STEP).to_integral_value(ROUND_FLOOR)) * FEE_STEP

    def fee_schedule(self) -> JsonObject | None:
        """Return its fees as Gamma and the market channel have them; None: it has none."""
        if not self.fees.rate:
            return None
        return {
            "exponent": float(self.fees.exponent),
            "rate": float(self.fees.rate),
            "takerOnly": True,
            "rebateRate": 0.25,
        }

    def as_market(self) -> JsonObject:
        """Return it as `/markets` shows it."""
        return {
            "condition_id": self.condition_id,
            "question": self.question,
            "tokens": [
                {"token_id": token, "outcome": outcome}
                for token, outcome in zip(self.token_ids, self.outcomes, strict=True)
            ],
            "minimum_order_size": str(self.min_size),
            "minimum_tick_size": str(self.tick),
            "neg_risk": self.negative_risk,
            "active": True,
            "closed": self.closed,
            "accepting_orders": self.accepting and not self.closed,
            "enable_order_book": True,
            "maker_base_fee": 0,
            "taker_base_fee": 0,
        }

    def as_clob_market(self) -> JsonObject:
        """Return it as `/clob-markets/` shows it, in the venue's short keys; without fees there is
        no `fd` (VENUE e1)."""
        fees: JsonObject = {"r": float(self.fees.rate), "e": float(self.fees.exponent), "to": True}
        return {
            "c": self.condition_id,
            "t": [
                {"t": token, "o": outcome}
                for token, outcome in zip(self.token_ids, self.outcomes, strict=True)
            ],
            "mts": float(self.tick),
            "mos": float(self.min_size),
            "nr": self.negative_risk,
            **({"fd": fees} if self.fees.rate else {}),
        }
