"""When what a pack has bought is sold again, and how its purchases are carried out: rules of the
operator's, a set for each pack. None is on by default.

Pure, as packs are: a view and the rules give the same sales. A sale is a decision like any other,
with the rule and its numbers in the record. What is not known (a fair value, a side of the book)
sells nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from strongroom.chain.ids import Json, TokenId
from strongroom.chain.order_amounts import fitting
from strongroom.chain.orders import NO, YES, OrderKind, Outcome, Side
from strongroom.chain.units import DAY, HOUR, LEAST_ORDER, MICRO
from strongroom.information.books import Book, Level
from strongroom.information.gamma import Market
from strongroom.strategy.api import Fair, Leg, Pack, Proposal
from strongroom.strategy.past import Purchase
from strongroom.strategy.view import View


class ExitRule(StrEnum):
    """Why something is sold."""

    END = "before the end"
    HELD = "held long enough"
    PRICE = "price stop"
    CHANCE = "chance stop"
    EDGE = "edge gone"


AT_ONCE = (ExitRule.PRICE, ExitRule.CHANCE)  # never in slices


@dataclass(frozen=True)
class Exits:
    """When to sell; None: never by this rule. Prices and chances of a token, in [0, 1].

    Attributes:
        edge: the bid after fees is above the pack's fair value by more than this
        stop_price: the bid is below what was paid a token, fees included, by so much or more
        stop_chance: fair value is below the chance claimed at the last purchase by so much or more
        held_s: so long after the first purchase
        before_end_s: so long before the market's end
        max_cost: below the mid, of what is sold by another rule than `edge`: a bid that has gone
            away for a moment sells nothing; where nobody offers, the ask counts as 1
        again_s: after a sale by a rule, the pack does not buy the token again
    """

    edge: float | None = None
    stop_price: float | None = None
    stop_chance: float | None = None
    held_s: int | None = None
    before_end_s: int | None = None
    max_cost: float = 0.02
    again_s: int = DAY


@dataclass(frozen=True)
class Trading:
    """How a pack's decisions are bounded, carried out and ended.

    Attributes:
        budget_bps: of NAV, that markets in which it has decided may have at stake; None: no bound
        slices: a purchase, and a sale that is no stop, is made in so many steps, `gap_s` apart;
            each is decided anew
        passive_s: a purchase first rests at the bid or a tick above it for so long; 0: not at all
    """

    budget_bps: int | None = None
    slices: int = 1
    gap_s: int = HOUR
    passive_s: int = 0
    exits: Exits = field(default_factory=Exits)


@dataclass(frozen=True)
class _Held:
    """A purchase as it stands, and the book that it can be sold into."""

    market: Market
    outcome: Outcome
    purchase: Purchase
    tokens: int  # beyond complete sets
    book: Book
    bid: int
    fair: float | None


def exits(view: View, packs: Sequence[Pack], trading: Mapping[str, Trading]) -> list[Proposal]:
    """Return the sales that rules demand now, by token."""
    valuers = {pack.name: pack for pack in packs if isinstance(pack, Fair)}
    found = []
    for held in _positions(view, valuers):
        how = trading.get(held.purchase.pack, Trading())
        rule = _rule(view, held, how.exits)
        sale = None if rule is None else _sale(view, held, how, rule)
        if sale is not None:
            found.append(sale)
    return found


def left_lately(view: View, token: TokenId, pack: str, rules: Exits) -> bool:
    """Whether an exit rule has sold a pack's tokens so lately that it may not buy them again."""
    known = view.past.purchases.get(token)
    if known is None or known.left_at is None or known.pack != pack:
        return False
    return view.now - known.left_at < rules.again_s


def first_price(view: View, leg: Leg) -> int | None:
    """Return where a purchase rests before it takes: a tick above the bid where that takes nothing,
    else at the bid, and never above its limit; 10**-6. None: nobody bids."""
    book = view.book(leg.market, leg.outcome)
    if book is None or book.bid is None:
        return None
    better = book.bid + int(leg.market.tick * MICRO)
    return min(leg.price, better if book.ask is None or better < book.ask else book.bid)


def _positions(view: View, valuers: Mapping[str, Fair]) -> Iterator[_Held]:
    places = {
        market.token_ids[outcome]: (market, outcome)
        for market in view.markets.values()
        for outcome in (YES, NO)
    }
    for token, purchase in sorted(view.past.purchases.items()):
        if token not in places or not purchase.tokens:
            continue
        market, outcome = places[token]
        pair = view.held(market)
        tokens = min(purchase.tokens, pair[outcome] - pair[outcome.other])
        book = view.book(market, outcome)
        if tokens > 0 and book is not None and book.bid is not None:
            valuer = valuers.get(purchase.pack)
            fair = None if valuer is None else valuer.chance(view, market, outcome)
            yield _Held(market, outcome, purchase, tokens, book, book.bid, fair)


def _rule(view: View, held: _Held, rules: Exits) -> ExitRule | None:
    """Return the first rule that holds; one that is not set, or whose number is unknown, does
    not."""
    bought, end = held.purchase, held.market.end
    left = None if end is None else int(end.timestamp()) - view.now
    fallen = None if held.fair is None else bought.chance - held.fair
    over = None if held.fair is None else _net(held.market, held.bid) - held.fair
    holds = {
        ExitRule.END: _reaches(_less(left), _less(rules.before_end_s)),
        ExitRule.HELD: _reaches(view.now - bought.opened_at, rules.held_s),
        ExitRule.PRICE: _reaches((bought.paid - held.bid) / MICRO, rules.stop_price),
        ExitRule.CHANCE: _reaches(fallen, rules.stop_chance),
        ExitRule.EDGE: _reaches(over, rules.edge) and over != rules.edge,
    }
    return next((rule for rule in ExitRule if holds[rule]), None)


def _reaches(found: float | None, wanted: float | None) -> bool:
    return found is not None and wanted is not None and found >= wanted


def _less(seconds: int | None) -> int | None:
    return None if seconds is None else -seconds


def _sale(view: View, held: _Held, how: Trading, rule: ExitRule) -> Proposal | None:
    """Return the sale, as far as the book takes it at the rule's prices; None: it does not."""
    market, tokens = held.market, held.tokens
    if rule not in AT_ONCE and how.slices > 1:
        name = view.market_of(market)
        last = None if name is None else view.decided.get(name)
        if last is not None and view.now - last < how.gap_s:
            return None
        slice_ = -(-held.purchase.most // how.slices)
        if _is_order(market, held.bid, tokens - slice_):
            tokens = min(tokens, slice_)
    levels = _levels(held, how.exits, rule)
    if not levels:
        return None
    price = levels[-1].price
    size = fitting(OrderKind.FAK, Side.SELL, price, min(tokens, sum(each.size for each in levels)))
    if not _is_order(market, price, size):
        return None
    net, bought = _net(market, held.bid), held.purchase
    numbers: dict[str, Json] = {
        "exit": str(rule),
        "paid": f"{bought.paid / MICRO:.6f}",
        "bid": f"{held.bid / MICRO:.6f}",
        "held_s": view.now - bought.opened_at,
    }
    if held.fair is not None:
        numbers["fair"] = f"{held.fair:.6f}"
    worth = bought.chance if held.fair is None else held.fair
    return Proposal(
        bought.pack,
        (Leg(market, held.outcome, Side.SELL, price, size),),
        edge=net - worth,
        chance=worth,
        cost=net,
        sized=True,
        evidence=frozenset({"exit"}),
        numbers=numbers,
    )


def _levels(held: _Held, rules: Exits, rule: ExitRule) -> list[Level]:
    """Return the bids that a rule sells into, best first."""
    if rule is ExitRule.EDGE:
        assert held.fair is not None and rules.edge is not None
        least = held.fair + rules.edge
        return [each for each in held.book.bids if _net(held.market, each.price) > least]
    ask = MICRO if held.book.ask is None else held.book.ask
    least = (held.bid + ask) / 2 - rules.max_cost * MICRO
    return [each for each in held.book.bids if each.price >= least]


def _net(market: Market, price: int) -> float:
    """Return what a token sold at a price (10**-6) brings after fees."""
    return price / MICRO - market.fees.of(price / MICRO)


def _is_order(market: Market, price: int, size: int) -> bool:
    """Whether the venue takes an order so small."""
    return size >= market.min_size * MICRO and size * price >= LEAST_ORDER * MICRO
