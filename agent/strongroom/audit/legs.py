"""Which legs of its decision a fill can be of, and whether they have room for all fills.

A leg is of one market, exchange, token and side; only its own fills are taken from it. A fill can
be of each leg whose price is at least as generous as its own, so it counts at the least generous
of these prices. For each price, the fills that count at it or at a more generous one must fit into
the legs that are as generous. A fill with a fee fits only where a leg takes.
What a decision unwinds is a leg of its own: at any price, for as much as it has bought by then.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from strongroom.audit.checkpoint import AccountFill, Ordered
from strongroom.audit.documents import RevealedDecision, RevealedLeg
from strongroom.chain.units import WAD

DUST = 1  # micro-units of cash that a fill's rounding may cost
NAMED = 3  # of what legs say, that a difference shows
_Wrong = tuple[str, str, str]  # what, expected, found


def legs_for(
    fill: AccountFill, decision: RevealedDecision, ordered: Ordered
) -> tuple[Sequence[RevealedLeg], _Wrong | None]:
    """Return the legs that a fill can be of, whatever its price; without any, what differs."""
    legs = [*(decision.legs or ()), *_unwinding(decision, ordered)]
    for what, said, found in _asked(fill):
        known = dict.fromkeys(said(each) for each in legs)
        legs = [each for each in legs if said(each) == found]
        if not legs:
            return (), (what, _any_of(known), found)
    return legs, None


def _asked(fill: AccountFill) -> Iterator[tuple[str, Callable[[RevealedLeg], str], str]]:
    yield "token", lambda leg: str(leg.token), fill.token
    yield "side", lambda leg: side_of(leg.buys), side_of(fill.buys)
    yield "market of the account", lambda leg: leg.market, fill.market
    yield "exchange", lambda leg: leg.exchange, fill.exchange


def _any_of(known: Iterable[str]) -> str:
    names = sorted(known)
    more = f" or {len(names) - NAMED} more" if len(names) > NAMED else ""
    return " or ".join(names[:NAMED]) + more


def _unwinding(decision: RevealedDecision, ordered: Ordered) -> Iterator[RevealedLeg]:
    """Yield what may be sold again so far."""
    if not decision.unwinds:
        return
    places = {(each.market, each.token, each.exchange) for each in decision.legs or () if each.buys}
    for market, token, exchange in sorted(places):
        bought = ordered.bought.get(f"{market} {exchange} {token}", 0)
        yield RevealedLeg(market, token, False, 0, bought, exchange, False)


def wrong_price(fill: AccountFill, legs: Sequence[RevealedLeg]) -> Iterator[_Wrong]:
    """Yield what of a fill's price and fee none of its legs admits."""
    admitting = [each for each in legs if _within(fill, each)]
    if not admitting:
        best = _generous(legs)[0]
        at = f"{fill.cash} for {fill.tokens}"
        yield "price", f"{best / WAD:g} or better", at
    if fill.fee and all(each.rests for each in admitting or legs):
        yield "fee of an order that rests", "0", str(fill.fee)


def take(fill: AccountFill, legs: Sequence[RevealedLeg], ordered: Ordered) -> _Wrong | None:
    """Add a fill to what is ordered; return what differs where its legs have no room for it."""
    admitting = [each for each in legs if _within(fill, each)]
    prices = _generous(legs)
    level = _generous(admitting)[-1] if admitting else prices[0]
    takes = bool(fill.fee) and any(not each.rests for each in admitting)
    place = f"{fill.market} {fill.exchange} {fill.token}"
    if fill.buys:
        ordered.bought[place] = ordered.bought.get(place, 0) + fill.tokens
    group = f"{side_of(fill.buys)} {place}"
    with_fee, without = ordered.taken.get(f"{group} {level}", (0, 0))
    amount = fill.cash if fill.buys else fill.tokens
    ordered.taken[f"{group} {level}"] = (
        (with_fee + amount, without) if takes else (with_fee, without + amount)
    )
    gone = [ordered.taken.get(f"{group} {price}", (0, 0)) for price in prices]
    return _over(_rooms(legs, prices), gone)


def _rooms(legs: Sequence[RevealedLeg], prices: Sequence[int]) -> Sequence[tuple[int, int]]:
    """Return the room of legs at each price: of those that take, and of those that rest. Cash of
    purchases, tokens of sales."""
    found = {price: [0, 0] for price in prices}
    for each in legs:
        cash = -(-each.size * each.price // WAD) + DUST
        found[each.price][each.rests] += cash if each.buys else each.size
    return [(taking, resting) for taking, resting in found.values()]


def _over(rooms: Sequence[tuple[int, int]], gone: Sequence[tuple[int, int]]) -> _Wrong | None:
    """Return where fills do not fit; None: they do.

    Fills without a fee take the room of legs that rest first: nothing else can.

    Args:
        rooms: of legs that take and that rest, the most generous price first
        gone: of fills with a fee and without, as well
    """
    taking = resting = room = total = fees = 0
    for (takes, rests), (with_fee, without) in zip(rooms, gone, strict=True):
        rested = min(without, resting + rests)
        taking += takes - with_fee - (without - rested)
        resting += rests - rested
        room, total, fees = room + takes + rests, total + with_fee + without, fees + with_fee
        if total > room:
            return "size of all its fills", f"at most {room}", str(total)
        if taking < 0:
            return "size of all its fills with a fee", f"at most {fees + taking}", str(fees)
    return None


def _generous(legs: Sequence[RevealedLeg]) -> Sequence[int]:
    """Return the prices of legs of one side, the most generous first."""
    return sorted({each.price for each in legs}, reverse=legs[0].buys)


def _within(fill: AccountFill, leg: RevealedLeg) -> bool:
    """Whether a fill's price is the leg's or better, to the unit that rounding may cost."""
    at_limit = leg.price * fill.tokens
    if fill.buys:
        return (fill.cash - DUST) * WAD <= at_limit
    return (fill.cash + DUST) * WAD >= at_limit


def side_of(buys: bool) -> str:
    """Return a side as an order names it."""
    return "BUY" if buys else "SELL"
