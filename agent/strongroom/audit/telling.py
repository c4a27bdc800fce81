"""The statement of losses as lines for a reader: amounts in units, shares of volume in percent."""

from collections.abc import Iterator

from strongroom.audit.losses import ClassStatement, LossStatement
from strongroom.audit.wording import bps_words
from strongroom.chain.units import SHARE, format_units

NAMED = 3  # trades and settlements; the verdict has ten


def loss_lines(losses: LossStatement, asset: str) -> Iterator[str]:
    """Yield what the rules allow and somebody may have lost by.

    Args:
        asset: its symbol
    """
    for each in losses.classes:
        yield from _of_class(each, asset)
    for trade in losses.worst_trades[:NAMED]:
        what = f"{trade.side} {_units(trade.tokens)} for {_units(trade.cash)} {asset}"
        yield f"worst trade: block {trade.block}, {what}, {_against(trade.cost)}"
        yield from (f"  class {trade.class_id}, with {who}" for who in trade.parties)
    for deal in losses.early_deals[:NAMED]:
        amounts = f"{_units(deal.assets)} {asset}, {int(deal.shares) / SHARE:,.2f} shares"
        yield f"dealt early: block {deal.block}, {deal.side} of {amounts}"
        yield f"  the others lost up to {_units(deal.lost)}, by the price of block {deal.told_at}"
        yield from (f"  by {who}" for who in deal.parties)


def _of_class(it: ClassStatement, asset: str) -> Iterator[str]:
    volume = format_units(int(it.bought) + int(it.sold), 2)
    known = it.trades - it.unmarked - it.waiting
    trades = f"{it.trades:,} trade{'' if it.trades == 1 else 's'}"
    yield f"class {it.class_id}: {trades} for {volume} {asset}, fees {_units(it.fees)}"
    yield f"  {known:,} of them beside marks: {_against(it.cost)}"
    yield f"  closed markets brought {_units(it.result)}; {_units(it.losses)} count as losses"
    for party in it.parties:
        share = bps_words(party.share_bps)
        yield f"  {share} with {party.address}, {_beside(party.cost)}"


def _against(cost: str) -> str:
    """Return a cost against the middle of the next report's marks."""
    return f"{_beside(cost)} than the marks"


def _beside(cost: str) -> str:
    amount = int(cost)
    return f"{format_units(abs(amount), 2)} {'better' if amount < 0 else 'worse'}"


def _units(digits: str) -> str:
    return format_units(int(digits), 2)
