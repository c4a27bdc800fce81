"""A market that the program knows, as a row of the schema."""

from strongroom.chain.orders import NO, YES
from strongroom.chain.units import MICRO
from strongroom.data.importing import Row
from strongroom.information.gamma import NO_TICK, UNKNOWN_FEES, Market

MS = 1_000


def market_row(market: Market, seen_ms: int | None) -> Row:
    """Return the row of a market of Polymarket's."""
    unknown = market.fees == UNKNOWN_FEES
    return {
        "market": market.condition_id,
        "venue": "polymarket",
        "venue_id": "",
        "event": market.event or market.condition_id,
        "question": market.question,
        "yes_name": market.outcomes[YES],
        "no_name": market.outcomes[NO],
        "yes_token": str(market.token_ids[YES]),
        "no_token": str(market.token_ids[NO]),
        "seen_ms": seen_ms,
        "ends_ms": None if market.end is None else int(market.end.timestamp() * MS),
        "tick": None if NO_TICK in market.barred else int(market.tick * MICRO),
        "min_size": int(market.min_size * MICRO),
        "fee_rate": None if unknown else int(market.fees.rate * MICRO),
        "fee_exponent": None if unknown else int(market.fees.exponent * MICRO),
        "negative_risk": market.negative_risk,
        "event_id": market.event_id,
        "oracle": market.oracle,
        "question_id": market.question_id,
        "category": market.category,
        "rules": market.rules,
        "ticker": "",
    }
