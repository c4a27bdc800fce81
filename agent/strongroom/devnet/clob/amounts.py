"""How fine the amounts of an order may be, by its market's tick (VENUE e1)."""

from decimal import Decimal

from strongroom.chain.units import MICRO
from strongroom.devnet.clob.book import BUY
from strongroom.devnet.clob.errors import BAD_AMOUNTS, bad

GIVEN = 2  # decimals of what a FAK or FOK order gives: pUSD of a BUY, tokens of a SELL
TAKEN = {
    Decimal("0.1"): 4,
    Decimal("0.01"): 4,
    Decimal("0.005"): 5,
    Decimal("0.0025"): 6,
    Decimal("0.001"): 5,
    Decimal("0.0001"): 6,
}


def check_precision(side: str, making: int, taking: int, tick: Decimal) -> None:
    """Refuse amounts of an order that never rests which are too fine.

    Args:
        making, taking: micro-units

    Raises:
        Refusal: 400 in the kind of words the venue has; its exact text is not known (VENUE g).
    """
    taken = TAKEN[tick]
    if making % (MICRO // 10**GIVEN) or taking % (MICRO // 10**taken):
        which = f"market {'buy' if side == BUY else 'sell'}"
        raise bad(BAD_AMOUNTS.format(side=which, making=GIVEN, taking=taken))
