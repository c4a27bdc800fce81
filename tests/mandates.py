"""A mandate that tests change."""

from strongroom.mandates.mandate import Mandate

VAULT = "0x" + "A" * 40
EXCHANGE = "0xE111180000d2663C0091e4f400237545B87B996B"
WORDS = "Tail trades only, small ones, never at night."
START, END = 1_778_000_000, 1_780_000_000


def line(name, number, unit, class_id=-1):
    return {"name": name, "class": class_id, "number": number, "unit": unit}


LINES = (
    line("orders.min_price", 50_000, "micro-units a token"),
    line("orders.max_price", 980_000, "micro-units a token"),
    line("orders.max_order", 200_000_000, "micro-units"),
    line("orders.max_order", 50_000_000, "micro-units", 2),
    line("orders.max_per_day", 1_000_000_000, "micro-units"),
    line("orders.max_per_minute", 3, "orders"),
    line("orders.max_lifetime_s", 300, "seconds"),
    line("transactions.max_allocation", 200_000_000, "micro-units"),
    line("transactions.max_allocation_per_day", 500_000_000, "micro-units"),
    line("transactions.max_per_minute", 3, "transactions"),
    line("classes", 1, "class", 0),
    line("classes", 1, "class", 2),
    line("orders.exchanges", 1, EXCHANGE),
    line("orders.packs", 1, "tail"),
    line("wallets", 0, "none"),
    line("quiet_hours", 1, "22:00-06:30"),
)


def data(**changes):
    """Return a mandate as a file has it."""
    return {
        "words": WORDS,
        "vault": VAULT,
        "chain_id": 137,
        "version": 1,
        "not_before": START,
        "not_after": END,
        "previous": "0x" + "00" * 32,
        "lines": [dict(each) for each in LINES],
    } | changes


def mandate(**changes):
    return Mandate.model_validate(data(**changes))
