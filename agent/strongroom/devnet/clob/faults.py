"""The switch that makes the service fail as the venue does, on purpose.

Counts are of the next so many; probabilities of each. All 0: it works.
"""

import random
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Mode = Literal["normal", "restarting", "post_only", "cancel_only", "disabled"]


class Faults(BaseModel):
    """What is to go wrong; `PUT /devnet/faults` replaces it."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    mode: Mode = "normal"
    delay_ms: int = Field(0, ge=0)  # before each answer
    fail_status: Literal[0, 425, 429, 500, 502, 503] = 0  # for the next `fail_count` requests
    fail_count: int = Field(0, ge=0)
    lose_answers: int = Field(0, ge=0)  # orders that are accepted and answered by a 500
    delay_failures: int = Field(0, ge=0)  # marketable orders that are answered "unmatched"
    drop_sockets: int = Field(0, ge=0)  # sends that break a websocket instead
    freeze_sockets: int = Field(0, ge=0)  # sends after which a socket only answers pings (VENUE e4)
    duplicate_messages: float = Field(0, ge=0, le=1)
    swap_messages: float = Field(0, ge=0, le=1)  # a message goes out after the next one
    settlement_delay_ms: int = Field(0, ge=0)
    settlement_reverts: float = Field(0, ge=0, le=1)  # MATCHED, then reverted on chain
    seed: int = 0

    def model_post_init(self, context: object) -> None:
        """Start the dice at the seed."""
        self._dice = random.Random(self.seed)

    _dice: random.Random = random.Random(0)

    def happens(self, probability: float) -> bool:
        """Roll."""
        return probability > 0 and self._dice.random() < probability

    def spend(self, name: str) -> bool:
        """Say whether one of the next so many is due, and count it."""
        left = int(getattr(self, name))
        if left:
            setattr(self, name, left - 1)
        return left > 0
