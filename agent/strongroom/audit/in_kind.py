"""What markets' accounts paid to whoever left in kind, beside what the vault says that it paid: by
the asset's own logs."""

from bisect import bisect_left, bisect_right
from collections import defaultdict

from strongroom.audit.events import PaidInKind, RedeemedInKind
from strongroom.audit.movements import Movements
from strongroom.audit.transactions import ByKind
from strongroom.audit.wallets import AccountsOfHolders


def paid_in_kind(
    movements: Movements, kinds: ByKind, holders: AccountsOfHolders
) -> dict[tuple[int, int], int]:
    """Return what accounts paid beside each exit of some blocks: place of its event -> assets.

    In its transaction delegated accounts pay before the exit's event, and the vault says what; the
    others pay after it.
    """
    exits: dict[str, list[RedeemedInKind]] = defaultdict(list)
    for left in kinds.of(RedeemedInKind):
        exits[left.transaction].append(left)
    found: dict[tuple[int, int], int] = defaultdict(int)
    if not exits:
        return found
    places = {name: [(each.block, each.index) for each in of] for name, of in exits.items()}
    told: set[tuple[str, str]] = set()  # transaction, market
    for paid in kinds.of(PaidInKind):
        told.add((paid.transaction, paid.market))
        there = places.get(paid.transaction, [])
        number = bisect_left(there, (paid.block, paid.index))
        if number < len(there):
            found[there[number]] += paid.assets
    for move in movements.moved:
        if move.token or move.transaction not in exits:
            continue
        number = bisect_right(places[move.transaction], move.place) - 1
        account = holders.at(move.sender, move.place)
        if number < 0 or not account or holders.at(move.receiver, move.place) == account:
            continue
        market, _ = movements.owners[account]
        left = exits[move.transaction][number]
        if move.receiver == left.receiver and (move.transaction, market) not in told:
            found[places[move.transaction][number]] += move.amount
    return found
