"""The words for how an order or a trade stands: on streams plain, by REST as the habits say
(VENUE e1)."""

from strongroom.devnet.clob.habits import Habits

ENDED_EARLY = {
    "CANCELED_EXPIRED_ORDER": "EXPIRED",
    "CANCELED_MARKET_RESOLVED": "CANCELED",
}


def order_status(status: str, habits: Habits, rest: bool) -> str:
    """Return an order's status as it is shown.

    Args:
        rest: by REST, not on a stream
    """
    word = status if habits.end_reasons else ENDED_EARLY.get(status, status)
    return f"ORDER_STATUS_{word}" if rest and habits.status_prefixes else word


def trade_status(status: str, is_sent: bool, habits: Habits, rest: bool) -> str:
    """Return a trade's status as it is shown; see order_status."""
    if rest and habits.not_broadcast and status == "MATCHED" and not is_sent:
        status = "MATCHED_NOT_BROADCASTED"
    return f"TRADE_STATUS_{status}" if rest and habits.status_prefixes else status
