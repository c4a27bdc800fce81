"""A week's orders: what the keeper's journal says of each, and what the exchange's events say."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from strongroom.chain.orders import Side
from strongroom.chain.rpc import Chain
from strongroom.chain.units import MICRO
from strongroom.devnet.week import Week
from strongroom.journal import OrderIntent

Pair = tuple[int, int]  # gave, got; micro-units


@dataclass(frozen=True)
class OrdersCompared:
    """Counts of orders.

    Attributes:
        differing: filled with another size than the exchange's events say
        worse: filled at a worse price than asked, beyond the micro-unit a match that rounding takes
        better: filled at a better one
        partly: orders to fill now, that were filled in part
    """

    count: int
    differing: int
    worse: int
    better: int
    partly: int


def compare_orders(week: Week) -> OrdersCompared:
    """Hold each order of the journal against the exchange's events."""
    fills = _fills(week)
    pairs = [(each, fills[each.order_hash.lower()]) for each in week.keeper.journal.all()]
    gains = [[_gain(each, *pair) for pair in found] for each, found in pairs]
    return OrdersCompared(
        len(pairs),
        sum(each.filled != _size(each, found) for each, found in pairs),
        sum(any(gain < -1 for gain in each) for each in gains),
        sum(any(gain > 1 for gain in each) for each in gains),
        sum(0 < each.filled < each.size and not each.kind.rests for each, _ in pairs),
    )


def _fills(week: Week) -> dict[str, list[Pair]]:
    chain, exchange = Chain(week.stage.chain.url), week.stage.venue.exchange.address
    found: dict[str, list[Pair]] = defaultdict(list)
    for log in chain.logs(exchange, "Exchange", "OrderFilled", 0):
        pair = int(log.args["makerAmountFilled"]), int(log.args["takerAmountFilled"])
        found[str(log.args["orderHash"]).lower()].append(pair)
    return found


def _size(order: OrderIntent, pairs: Sequence[Pair]) -> int:
    return sum(got if order.side is Side.BUY else gave for gave, got in pairs)


def _gain(order: OrderIntent, gave: int, got: int) -> Fraction:
    """Return what a fill was better than asked, micro-units."""
    limit = Fraction(order.price, MICRO)
    return got * limit - gave if order.side is Side.BUY else got - gave * limit
