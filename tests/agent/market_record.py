"""A binary market's record, to be changed as a test wants it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from strongroom.information.gamma import FeeSchedule, Market

NOW = datetime(2026, 2, 7, 12, 49, tzinfo=UTC)
MARKET = Market(
    question="Will it?",
    outcomes=("Yes", "No"),
    condition_id="0x" + "01" * 32,
    question_id="0x" + "02" * 32,
    oracle="0x" + "11" * 20,
    token_ids=(1, 2),
    best_bid=Decimal("0.02"),
    best_ask=Decimal("0.03"),
    tick=Decimal("0.001"),
    min_size=Decimal(5),
    liquidity=Decimal(5_000),
    end=NOW + timedelta(days=2),
    closed=False,
    negative_risk=False,
    resolution_statuses=(),
    fees=FeeSchedule(),
    volume=Decimal(10),
    rules="Resolves YES if it does.",
)
