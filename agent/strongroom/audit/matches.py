"""Which way the exchange settled each fill of one transaction.

An exchange matches a taker's order with makers' orders, and logs theirs first, with his address as
the taker, then his, with its own. Where all makers are on the other side of his token, everything
goes from hand to hand. Else all goes through the exchange, which takes in from the taker as much as
he may spend, and gives back what is left (VENUE.md, mixed matches). A maker gives what his fill
says, to the taker or to the exchange: which of them, the taker's fill and all of its makers tell.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from enum import Enum, auto

from strongroom.audit.events import OrderFilled


class FillWay(Enum):
    """How the order of a fill was settled."""

    MAKER = auto()  # it was there before: it gave exactly what it says, to whomever
    HANDED = auto()  # the same, from hand to hand
    DIRECT = auto()  # it took, from hand to hand
    THROUGH = auto()  # it took, through the exchange


def ways_of(fills: Sequence[OrderFilled]) -> Iterator[tuple[OrderFilled, FillWay]]:
    """Yield the fills of one transaction, each with its way, makers before their taker.

    Args:
        fills: those of makers whose taker is looked at, too; of others the way is not known whole
    """
    met: dict[tuple[str, str], list[OrderFilled]] = defaultdict(list)
    for fill in sorted(fills, key=lambda each: each.index):
        if fill.taker != fill.address:
            met[fill.address, fill.taker].append(fill)
            continue
        makers = met.pop((fill.address, fill.maker), [])
        crossing = [each.token_id == fill.token_id and each.side != fill.side for each in makers]
        is_direct = bool(crossing) and all(crossing)
        for maker in makers:
            yield maker, FillWay.HANDED if is_direct else FillWay.MAKER
        yield fill, FillWay.DIRECT if is_direct else FillWay.THROUGH
    for makers in met.values():  # nobody has looked at their takers
        for maker in makers:
            yield maker, FillWay.MAKER


def needs_all(fills: Sequence[OrderFilled]) -> bool:
    """Whether it matters how makers' orders were settled whose takers were not looked at: of others
    the exchange has perhaps taken in more than it says, and what makers gave it is no part of that.
    """
    takers = {(each.address, each.maker) for each in fills if each.taker == each.address}
    makers = [each for each in fills if each.taker != each.address]
    return bool(takers) and any((each.address, each.taker) not in takers for each in makers)
