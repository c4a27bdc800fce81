"""Which way the exchange settled each fill of one transaction.

An exchange matches a taker's order with makers' orders, and logs theirs first, with his address as
the taker, then his, with its own. Where all makers are on the other side of his token, everything
goes from hand to hand. Else all goes through the exchange, which takes in from the taker as much as
he may spend, and gives back what is left (VENUE.md, mixed matches). A maker gives what his fill
says, to the taker or to the exchange.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from enum import Enum, auto

from strongroom.audit.events import OrderFilled


class FillWay(Enum):
    """How the order of a fill was settled."""

    MAKER = auto()  # it was there before: it gave exactly what it says, to whomever
    DIRECT = auto()  # it took, from hand to hand
    THROUGH = auto()  # it took, through the exchange


def ways_of(fills: Sequence[OrderFilled]) -> Iterator[tuple[OrderFilled, FillWay]]:
    """Yield the fills of one transaction in their order, each with its way.

    Args:
        fills: those of makers whose taker is looked at, too
    """
    met: dict[tuple[str, str], list[OrderFilled]] = defaultdict(list)
    for fill in sorted(fills, key=lambda each: each.index):
        if fill.taker != fill.address:
            met[fill.address, fill.taker].append(fill)
            yield fill, FillWay.MAKER
            continue
        makers = met.pop((fill.address, fill.maker), [])
        crossing = [each.token_id == fill.token_id and each.side != fill.side for each in makers]
        yield fill, FillWay.DIRECT if crossing and all(crossing) else FillWay.THROUGH
