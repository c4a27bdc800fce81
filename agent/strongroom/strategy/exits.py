"""When what a pack has bought is sold again, and how its purchases are carried out: rules of the
operator's, a set for each pack. None is on by default.

What hangs together leaves together. A plan whose worst state is known is held to its settlement,
unless the bids for all its tokens pay more than that state does, after fees. No other rule sells a
leg of it: that would open what the plan has closed.

Pure, as packs are: a view and the rules give the same sales. A sale is a decision like any other,
with the rule and its numbers in the record. What is not known (a fair value, a side of the book)
sells nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fractions import Fraction
from itertools import accumulate

from strongroom.chain.ids import DecisionId, Json, TokenId
from strongroom.chain.order_amounts import fitting
from strongroom.chain.orders import OrderKind, Outcome, Side
from strongroom.chain.units import DAY, HOUR, LEAST_ORDER, MICRO
from strongroom.information.books import Book, Level
from strongroom.information.gamma import Market
from strongroom.strategy.api import Fair, Leg, Pack, Proposal
from strongroom.strategy.past import HeldPlan, Purchase
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
        edge: the bid after fees is above the pack's fair value by more than this; a plan's fair
            value is what its worst state pays, a token of its largest leg
        stop_price: the bid is below what was paid a token, fees included, by so much or more
        stop_chance: fair value is below the chance claimed at the last purchase by so much or more
        held_s: so long after the first purchase
        before_end_s: so long before the market's end
        max_cost: below the mid, of what is sold by another rule than `edge`: a bid that has gone
            away for a moment sells nothing; where nobody offers, the ask counts as 1. Of a plan:
            how much lower its legs after the first may still sell, so that it leaves together
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


WITHOUT_RULES = Trading()  # a pack that has none


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
    plan: DecisionId | None = None  # that it is a loose part of


def exits(view: View, packs: Sequence[Pack], trading: Mapping[str, Trading]) -> list[Proposal]:
    """Return the sales that rules demand now: of purchases by token, then of plans."""
    valuers = {pack.name: pack for pack in packs if isinstance(pack, Fair)}
    found = []
    for held in _positions(view, valuers):
        how = trading.get(held.purchase.pack, WITHOUT_RULES)
        rule = _rule(view, held, how.exits)
        sale = None if rule is None else _sale(view, held, how, rule)
        if sale is not None:
            found.append(sale)
    for name, plan in sorted(view.past.plans.items()):
        sale = _plan_sale(view, name, plan, trading.get(plan.pack, WITHOUT_RULES).exits)
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
    bought: list[tuple[TokenId, Purchase, DecisionId | None]] = [
        (token, each, None) for token, each in view.past.purchases.items()
    ]
    loose = [
        (token, each, name)
        for name, plan in view.past.plans.items()
        for token, each in plan.loose()
    ]
    for token, purchase, plan in sorted([*bought, *loose], key=lambda each: each[0]):
        place = view.places.get(token)
        if place is None or not purchase.tokens:
            continue
        market, outcome = place
        tokens = min(purchase.tokens, view.beyond_sets(market, outcome))
        book = view.book(market, outcome)
        if tokens > 0 and book is not None and book.bid is not None:
            valuer = valuers.get(purchase.pack)
            fair = None if valuer is None else valuer.chance(view, market, outcome)
            yield _Held(market, outcome, purchase, tokens, book, book.bid, fair, plan)


def _rule(view: View, held: _Held, rules: Exits) -> ExitRule | None:
    """Return the first rule that holds; one that is not set, or whose number is unknown, or that a
    person was asked about lately, does not."""
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
    name = view.market_of(held.market)
    asked = () if name is None else view.asked.get(name, ())
    return next((rule for rule in ExitRule if holds[rule] and rule not in asked), None)


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
    if held.plan is not None:
        numbers["plan"] = held.plan
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


def _plan_sale(view: View, name: DecisionId, plan: HeldPlan, rules: Exits) -> Proposal | None:
    """Return the largest part of a plan whose tokens together sell for more than it pays in its
    worst state; None: there is none, or one of its books is not seen."""
    left, bids = plan.whole, dict[TokenId, Sequence[Level]]()
    sizes = {token: size for token, size in plan.terms.sizes.items() if size}
    for token, size in sizes.items():
        place = view.places.get(token)
        book = None if place is None else view.book(*place)
        if rules.edge is None or place is None or book is None:
            return None
        bids[token] = book.bids
        left = min(left, Fraction(max(0, view.beyond_sets(*place)), size))
    parts = {left}
    for token, levels in bids.items():
        parts |= {Fraction(each, sizes[token]) for each in accumulate(bid.size for bid in levels)}
    # the scarcest depth first
    order = sorted(sizes, key=lambda token: sum(bid.size for bid in bids[token]) / sizes[token])
    for part in sorted((each for each in parts if 0 < each <= left), reverse=True):
        legs = [_part(view, token, bids[token], int(part * sizes[token])) for token in order]
        found = [leg for leg in legs if leg is not None]
        given = max((Fraction(leg.size, sizes[_token(leg)]) for leg in found), default=Fraction(0))
        worst, brings = int(plan.terms.worst * given), sum(_brings(leg) for leg in found)
        edge = brings - worst - (rules.edge or 0) * max((leg.size for leg in found), default=0)
        if len(found) == len(order) and edge > 0:
            return _leaving(name, plan, found, brings, worst, int(rules.max_cost * MICRO))
    return None


def _part(view: View, token: TokenId, bids: Sequence[Level], tokens: int) -> Leg | None:
    """Return the sale of so many tokens at the price of the last bid that they need; None: nobody
    bids for so many, or the venue takes no such order."""
    market, outcome = view.places[token]
    depths = accumulate(bid.size for bid in bids)
    price = next((b.price for b, depth in zip(bids, depths, strict=True) if depth >= tokens), None)
    return None if price is None else _selling(Leg(market, outcome, Side.SELL, price, tokens))


def _selling(leg: Leg) -> Leg | None:
    """Return a sale in a size that the venue takes at its price."""
    size = fitting(OrderKind.FAK, Side.SELL, leg.price, leg.size)
    return replace(leg, size=size) if _is_order(leg.market, leg.price, size) else None


def _leaving(
    name: DecisionId, plan: HeldPlan, legs: Sequence[Leg], brings: int, worst: int, cost: int
) -> Proposal | None:
    """Return a plan's sale: when its first leg is sold, the others follow as far as `cost` below
    the bids that were seen, 10**-6."""
    lower = []
    for leg in legs[1:]:
        tick = int(leg.market.tick * MICRO)
        price = max(tick, -(-(leg.price - cost) // tick) * tick)
        lower.append(_selling(replace(leg, price=price)))
    following = [leg for leg in lower if leg is not None]
    if len(following) < len(lower):
        return None
    largest = max(leg.size for leg in legs)
    return Proposal(
        plan.pack,
        (legs[0], *following),
        edge=(brings - worst) / largest,
        chance=worst / largest,
        cost=brings / largest,
        sized=True,
        sure=True,
        evidence=frozenset({"exit"}),
        numbers={"exit": str(ExitRule.EDGE), "plan": name, "brings": brings, "worst": worst},
    )


def _token(leg: Leg) -> TokenId:
    return leg.market.token_ids[leg.outcome]


def _brings(leg: Leg) -> int:
    """Return what a sale brings after fees at its limit, micro-units."""
    return leg.size * leg.price // MICRO - leg.market.fees.most(leg.size, leg.price)


def _net(market: Market, price: int) -> float:
    """Return what a token sold at a price (10**-6) brings after fees."""
    return price / MICRO - market.fees.of(price / MICRO)


def _is_order(market: Market, price: int, size: int) -> bool:
    """Whether the venue takes an order so small."""
    return size >= market.min_size * MICRO and size * price >= LEAST_ORDER * MICRO
