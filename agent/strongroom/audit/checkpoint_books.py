"""What a checkpoint says of permissions, accounts and closings, beside the logs that say it.

Much of an audit rests on these: who may do what, whose code is compared, which accounts count.
Views show a part of them. Their events are few, so an audit that goes on asks for all again.
"""

from collections.abc import Iterator

from strongroom.audit.bookkeeper import Bookkeeper
from strongroom.audit.chosen_events import chosen_events
from strongroom.audit.events import (
    AuditedEvent,
    BreakerReset,
    LossesForgiven,
    MarketClosed,
    MarketOpened,
    OperatorSet,
    WindDown,
)
from strongroom.audit.governance import GOVERNED
from strongroom.audit.ledger import Ledger
from strongroom.audit.node import Node
from strongroom.audit.transactions import Transaction, by_transaction

KINDS: frozenset[type[AuditedEvent]] = GOVERNED | {
    *(BreakerReset, LossesForgiven, MarketClosed, MarketOpened, OperatorSet, WindDown)
}


def wrong_books(node: Node, ledger: Ledger, blocks: tuple[int, int]) -> str:
    """Return the first of a checkpoint's books that is not what the logs say; "": none.

    Args:
        ledger: of the checkpoint
        blocks: the vault's first, and the checkpoint's last

    Raises:
        NodeAway: the node does not answer.
        BadLog: the node sends what is no log.
    """
    again = _booked_again(node, ledger, blocks)
    return next((name for name, *pair in _pairs(ledger, again) if pair[0] != pair[1]), "")


def _booked_again(node: Node, ledger: Ledger, blocks: tuple[int, int]) -> Ledger:
    """Return books of these events alone: amounts in them say nothing, nor does what differs."""
    again = Ledger(ledger.vault, ledger.decimals)
    keeper = Bookkeeper(again)
    for events in chosen_events(node, ledger.vault, KINDS, blocks):
        times = node.times(sorted({each.block for each in events}))
        for group in by_transaction(events):
            keeper.book(Transaction(times[group[0].block], group))
        keeper.replaced()
        again.differences.clear()
    return again


def _pairs(ledger: Ledger, again: Ledger) -> Iterator[tuple[str, object, object]]:
    for name in vars(again.permissions):
        yield name, getattr(ledger.permissions, name), getattr(again.permissions, name)
    yield "operators", ledger.operators, again.operators
    yield "accounts", ledger.accounts, again.accounts
    yield "open markets", ledger.order, again.order
    yield "closed markets", ledger.closed, again.closed
    yield "halted markets", ledger.halted, again.halted
    yield "winding down", ledger.is_winding_down, again.is_winding_down
    yield "holders' shares", sum(ledger.holders.values()), ledger.supply
