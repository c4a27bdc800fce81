"""Whether an earlier decision may still be carried out: its reason, its prices and the limits, now.

Three things must hold on the view of the moment. The pack still proposes the same orders, and what
it takes the chance for is more than they cost. The books still offer what is to be traded, at the
limits that were decided. And every limit of vault and portfolio has room for it. Its size is the
one that was decided: the sizing rule is not asked again.
"""

from collections.abc import Mapping, Sequence

from strongroom.chain.ids import ConditionId
from strongroom.chain.orders import Outcome, Side
from strongroom.chain.units import LEAST_ORDER, MICRO
from strongroom.information.books import Book
from strongroom.information.gamma import Market
from strongroom.strategy.api import Leg, Move, Pack, Proposal
from strongroom.strategy.decide import Passed, check, proposals
from strongroom.strategy.record import DecidedLeg, DecisionRecord
from strongroom.strategy.rules import Rules
from strongroom.strategy.view import View


def recheck(
    view: View, packs: Sequence[Pack], rules: Rules, records: Sequence[DecisionRecord]
) -> list[str]:
    """Return what stands against carrying out each decision now; empty where nothing does.

    Args:
        records: limits are shared: each has what those before it leave
    """
    proposed = proposals(view, packs, rules) if records else []
    found = [_why_not(view, proposed, record) for record in records]
    standing = [record for record, why in zip(records, found, strict=True) if not why]
    judged = check(view, rules, [_proposal(record, view.markets) for record in standing])
    limits = dict(zip((record.id for record in standing), judged, strict=True))
    for place, record in enumerate(records):
        match limits.get(record.id):
            case None:
                pass
            case Passed(why=why):
                found[place] = why
            case decided:
                needs = decided.record.budgets
                short = [name for name in needs if needs[name] > record.budgets.get(name, 0)]
                if short:
                    found[place] = f"its budget no longer suffices in market {short[0]}"
    return found


def _why_not(view: View, proposed: Sequence[Proposal], record: DecisionRecord) -> str:
    """Return why a decision's reason or prices no longer hold, or ""."""
    conditions = [leg.condition for leg in record.legs]
    for condition in conditions + [move.condition for move in record.moves]:
        if condition not in view.markets:
            return f"market {condition} is not seen now"
    for leg in record.legs:
        if leg.token not in view.books:
            return f"the book of {leg.outcome} is not seen now: {leg.question}"
    mine = _proposal(record, view.markets)
    same = next((each for each in proposed if _orders(each) == _orders(mine)), None)
    if same is None:
        return f"pack {record.pack} no longer proposes it"
    if record.resting:
        moved = [leg.price for leg in same.legs] != [leg.price for leg in mine.legs]
        return "its quotes would stand elsewhere now" if moved else ""
    buys = record.legs[0].side == Side.BUY
    if buys and not record.sure and same.chance <= float(record.cost):
        return f"its chance is {same.chance:.6f} now, its cost {record.cost}: no edge is left"
    hangs_together = len(record.legs) + len(record.moves) > 1
    for leg in record.legs:
        book, market = view.books[leg.token], view.markets[leg.condition]
        least = leg.size if hangs_together else min(leg.size, _least(leg, market))
        offered = _offered(book, leg)
        if offered < least:
            return (
                f"the book offers {offered / MICRO:g} at {leg.price} or better now, "
                f"{least / MICRO:g} are needed"
            )
    return ""


def _proposal(record: DecisionRecord, markets: Mapping[ConditionId, Market]) -> Proposal:
    """Return a decision as what was proposed, in the sizes that were decided."""
    return Proposal(
        record.pack,
        tuple(
            Leg(
                markets[leg.condition],
                Outcome(markets[leg.condition].token_ids.index(leg.token)),
                leg.side,
                int(leg.price * MICRO),
                leg.size,
            )
            for leg in record.legs
        ),
        kind=record.legs[0].kind,
        moves=tuple(Move(move.kind, markets[move.condition], move.amount) for move in record.moves),
        sized=True,
        sure=record.sure,
        resting=record.resting,
        on_failure=record.on_failure,
    )


def _orders(proposal: Proposal) -> tuple[object, ...]:
    """Return what makes two proposals the same one, whatever their prices and sizes."""
    legs = [(leg.market.condition_id, leg.outcome, leg.side) for leg in proposal.legs]
    moves = [(move.kind, move.market.condition_id) for move in proposal.moves]
    return proposal.pack, proposal.resting, tuple(legs), tuple(moves)


def _least(leg: DecidedLeg, market: Market) -> int:
    """Return the smallest order that the venue takes, micro-tokens."""
    price = int(leg.price * MICRO)
    return max(int(market.min_size * MICRO), -(-LEAST_ORDER * MICRO // price))


def _offered(book: Book, leg: DecidedLeg) -> int:
    """Return what a book has at an order's limit or better, micro-tokens."""
    limit = int(leg.price * MICRO)
    if leg.side == Side.BUY:
        return sum(level.size for level in book.asks if level.price <= limit)
    return sum(level.size for level in book.bids if level.price >= limit)
