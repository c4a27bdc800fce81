"""What the asset itself says came to a vault and left it, beside what the vault's events say.

Per transaction and counterparty (all accounts of one market are one): what left is exactly what
events say, to whom they say; at least what events say came from whom they name. More may come: a
gift.
"""

from collections.abc import Iterable, Iterator, Mapping

from strongroom.audit.event_columns import EventColumns
from strongroom.audit.events import (
    Allocated,
    AuditedEvent,
    CameHome,
    DepositRequest,
    DepositRequestCancelled,
    RedeemedInKind,
    Withdraw,
)
from strongroom.audit.movements import TRANSFER, Moved, moves_in, padded
from strongroom.audit.node import Node
from strongroom.audit.permissions import Difference
from strongroom.chain.ids import MarketId

Holders = tuple[str, Mapping[str, MarketId]]  # the vault, and account -> market


def check_cash(
    node: Node,
    asset: str,
    holders: Holders,
    events: EventColumns,
    blocks: tuple[int, int],
) -> list[Difference]:
    """Return where the asset's transfers part from a vault's events in some blocks.

    Args:
        holders: with the accounts that were opened in these blocks
        events: of the vault in these blocks
        blocks: first and last

    Raises:
        NodeAway, BadLog: see Auditor.run.
    """
    (own,) = padded([holders[0]])
    moves: dict[tuple[int, int], Moved] = {}
    for topics in ([TRANSFER, own], [TRANSFER, None, own]):
        for _, some in node.logs([asset], *blocks, topics):
            moves |= {each.place: each for each in moves_in(some)}
    return sorted(
        cash_differences(holders, moves.values(), events), key=lambda it: (it.block, it.transaction)
    )


def cash_differences(
    holders: Holders, moves: Iterable[Moved], events: EventColumns
) -> Iterator[Difference]:
    """Yield where transactions' transfers of the asset part from the vault's events.

    Args:
        holders: the vault, and whose accounts are
        moves: of the asset, from the vault or to it
    """
    comes, goes = _moved(holders, moves)
    said_comes, said_goes = _said(holders[1], events)
    for key in sorted(said_goes.keys() | goes.keys()) if said_goes != goes else ():
        said, left = said_goes.get(key, 0), goes.get(key, 0)
        if said != left:
            what = f"asset from the vault to {key[2]}"
            yield Difference(key[0], key[1], what, str(said), str(left))
    for key, said in said_comes.items():
        came = comes.get(key, 0)
        if came < said:
            what = f"asset from {key[2]} to the vault"
            yield Difference(key[0], key[1], what, f">= {said}", str(came))


# Block, transaction and counterparty (of an account its market) -> base units.
Sums = dict[tuple[int, str, str], int]
# What says that the asset came or left: whether it came, and of whom.
_SAYS: Mapping[type[AuditedEvent], tuple[bool, str]] = {
    DepositRequest: (True, "owner"),
    CameHome: (True, "account"),
    Allocated: (False, "market"),
    DepositRequestCancelled: (False, "receiver"),
    Withdraw: (False, "receiver"),
    RedeemedInKind: (False, "receiver"),
}


def _moved(holders: Holders, moves: Iterable[Moved]) -> tuple[Sums, Sums]:
    comes, goes = Sums(), Sums()
    vault, party = holders[0], holders[1].get
    for move in moves:
        sums, who = (goes, move.receiver) if move.sender == vault else (comes, move.sender)
        key = move.place[0], move.transaction, party(who, who)
        sums[key] = sums.get(key, 0) + move.amount
    return comes, goes


def _said(accounts: Mapping[str, MarketId], events: EventColumns) -> tuple[Sums, Sums]:
    comes, goes = Sums(), Sums()
    for kind, (is_coming, of) in _SAYS.items():
        sums, whom = comes if is_coming else goes, events.column(kind, of)
        blocks, names = events.column(kind, "block"), events.column(kind, "transaction")
        keys = zip(blocks, names, map(accounts.get, whom, whom), strict=True)
        for key, assets in zip(keys, events.column(kind, "assets"), strict=True):
            sums[key] = sums.get(key, 0) + assets
    return comes, goes
