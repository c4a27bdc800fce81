"""What the asset itself says came to a vault and left it, beside what the vault's events say.

Per transaction and counterparty (all accounts of one market are one): what left is exactly what
events say, to whom they say; at least what events say came from whom they name. More may come: a
gift.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from strongroom.audit.events import (
    Allocated,
    AuditedEvent,
    CameHome,
    DepositRequest,
    DepositRequestCancelled,
    RawLog,
    RedeemedInKind,
    Withdraw,
)
from strongroom.audit.ledger import Ledger, MarketAccount
from strongroom.audit.movements import TRANSFER, Moved, moves_of, padded, place_of
from strongroom.audit.node import Node
from strongroom.audit.permissions import Difference


def check_cash(
    node: Node,
    asset: str,
    ledger: Ledger,
    events: Iterable[AuditedEvent],
    blocks: tuple[int, int],
) -> list[Difference]:
    """Return where the asset's transfers part from a vault's events in some blocks.

    Args:
        ledger: in which these blocks are booked
        events: of the vault in these blocks
        blocks: first and last

    Raises:
        NodeAway, BadLog: see Auditor.run.
    """
    (own,) = padded([ledger.vault])
    found: dict[tuple[int, int], RawLog] = {}
    for topics in ([TRANSFER, own], [TRANSFER, None, own]):
        for _, some in node.logs([asset], *blocks, topics):
            found |= {place_of(log): log for log in some}
    moves = defaultdict(list)
    for place in sorted(found):
        for move in moves_of(found[place]):
            moves[move.place[0], move.transaction].append(move)
    said = defaultdict(list)
    for event in events:
        if type(event) in CASH:
            said[event.block, event.transaction].append(event)
    different: list[Difference] = []
    for at in sorted(moves.keys() | said.keys()):
        different += cash_differences(ledger, at, moves.get(at, ()), said.get(at, ()))
    return different


def cash_differences(
    ledger: Ledger, at: tuple[int, str], moves: Iterable[Moved], events: Iterable[AuditedEvent]
) -> Iterator[Difference]:
    """Yield where one transaction's transfers of the asset part from the vault's events.

    Args:
        ledger: knows whose accounts are
        at: block and hash
        moves: of the asset, from the vault or to it
    """
    comes, goes = _moved(ledger, moves)
    said_comes, said_goes = _said(ledger.accounts, events)
    for who in sorted(said_goes.keys() | goes.keys()):
        said, left = said_goes.get(who, 0), goes.get(who, 0)
        if said != left:
            yield Difference(*at, f"asset from the vault to {who}", str(said), str(left))
    for who, said in sorted(said_comes.items()):
        came = comes.get(who, 0)
        if came < said:
            yield Difference(*at, f"asset from {who} to the vault", f">= {said}", str(came))


# What says that the asset came or left.
CASH = frozenset(
    (DepositRequest, CameHome, Allocated, DepositRequestCancelled, Withdraw, RedeemedInKind)
)
Sums = dict[str, int]  # counterparty -> base units


def _moved(ledger: Ledger, moves: Iterable[Moved]) -> tuple[Sums, Sums]:
    comes, goes = Sums(), Sums()
    for move in moves:
        if move.sender == ledger.vault:
            _add(goes, _party(ledger.accounts, move.receiver), move.amount)
        else:
            _add(comes, _party(ledger.accounts, move.sender), move.amount)
    return comes, goes


def _said(
    accounts: Mapping[str, MarketAccount], events: Iterable[AuditedEvent]
) -> tuple[Sums, Sums]:
    comes, goes = Sums(), Sums()
    for event in events:
        match event:
            case DepositRequest(owner=who, assets=assets) | CameHome(account=who, assets=assets):
                _add(comes, _party(accounts, who), assets)
            case Allocated(market=market, assets=assets):
                _add(goes, market, assets)
            case (
                DepositRequestCancelled(receiver=who, assets=assets)
                | Withdraw(receiver=who, assets=assets)
                | RedeemedInKind(receiver=who, assets=assets)
            ):
                _add(goes, _party(accounts, who), assets)
    return comes, goes


def _add(sums: Sums, who: str, amount: int) -> None:
    sums[who] = sums.get(who, 0) + amount


def _party(accounts: Mapping[str, MarketAccount], address: str) -> str:
    return accounts[address].market if address in accounts else address
