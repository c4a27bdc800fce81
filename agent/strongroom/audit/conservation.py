"""Conservation: what accounts and their wallets hold, by the tokens themselves, is what came less
what went, and everything that went is explained.

Per transaction and account, transfers are held against what explains them: the vault's budget and
what came home, fills (exactly, fees included), sets split, merged, converted and redeemed, exits in
kind (at most the leaver's part). More than that may come: a gift. Less is a difference: something
left and nobody says why, or a fill was told that moved nothing. At each report the sums are held
against balances that the tokens' contracts give: a transfer that a node hides, with the fill that
it was of, is found there.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from strongroom.audit.balances import ASSET, Balances, token_words
from strongroom.audit.checkpoint import Progress
from strongroom.audit.contracts import Views
from strongroom.audit.events import OrderFilled, PaidInKind, RedeemedInKind, Reported
from strongroom.audit.logs import RawLog
from strongroom.audit.movements import (
    COMES,
    CONVERTED,
    GOES,
    WITHDRAWN,
    Moved,
    MovementReader,
    Movements,
    address_in,
    amount_in,
    topic_of,
)
from strongroom.audit.node import Node
from strongroom.audit.permissions import Difference, difference
from strongroom.audit.transactions import ByKind
from strongroom.audit.wallets import WalletsOverTime, book
from strongroom.chain.ids import MarketId

BUY = 0
_COMES, _GOES = ({*map(topic_of, each)} for each in (COMES, GOES))
_CONVERTED, _WITHDRAWN = topic_of(CONVERTED), topic_of(WITHDRAWN)
_POOLS = frozenset(
    topic_of(f"{name}(address,uint256,uint256,uint256)") for name in ("Bought", "Sold")
)


@dataclass
class _Explained:
    """What explains the transfers of one account in one transaction.

    Attributes:
        comes, goes: at most so much of the asset, by what the account logged
        converts: its tokens changed: any of them may have come and gone
        parties: who makes and takes tokens, pools that it named
        withdrawn: receiver -> asset that its wallet owed
        leaving: receivers of exits in kind, with their part of the supply
        fills: token -> what they bring, less what they take
    """

    comes: int = 0
    goes: int = 0
    converts: bool = False
    parties: set[str] = field(default_factory=set)
    withdrawn: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    leaving: list[tuple[str, int, int]] = field(default_factory=list)
    fills: dict[str, int] = field(default_factory=lambda: defaultdict(int))


class Conservation:
    """Holds movements of a vault's accounts against what explains them."""

    def __init__(self, node: Node, views: Views, vault: str, reader: MovementReader) -> None:
        """Take whom to ask, of which vault, and what is known of its accounts' places."""
        self._vault, self._reader = vault, reader
        self._balances = Balances(node, views, reader)

    def check(
        self, progress: Progress, movements: Movements, kinds: ByKind, last: int
    ) -> list[Difference]:
        """Return what nobody can explain in a piece of blocks, and what balances deny.

        Args:
            kinds: events of the vault in these blocks
            last: block of the piece; its balances are held against the sums if it is the audit's

        Raises:
            NodeAway, BadLog: see Auditor.run.
        """
        if not movements.owners:
            return []
        reports = deque(sorted({each.block for each in kinds.of(Reported)}))
        wallets = WalletsOverTime(progress, movements)
        of_all = self._balances.over(progress, movements, kinds)
        found: list[Difference] = []
        told = _by_transaction(movements.told)
        fills = defaultdict(list)
        for fill in movements.fills:
            fills[fill.transaction].append(fill)
        exits, paid = defaultdict(list), defaultdict(list)
        for left in kinds.of(RedeemedInKind):
            exits[left.transaction].append(left)
        for payment in kinds.of(PaidInKind):
            paid[payment.transaction].append(payment)
        for transaction, payments in paid.items():
            moves = [each for each in movements.moved if each.transaction == transaction]
            found += paid_wrongly(movements.owners, moves, payments, exits[transaction])
        for transaction, group in groupby(movements.moved, key=lambda each: each.transaction):
            moves = list(group)
            block = moves[0].place[0]
            while reports and reports[0] < block:
                of_all.add_up(progress, wallets, reports.popleft())
            wallets.until(moves[-1].place, self._before)
            found += self._transaction(
                progress, movements, wallets, moves, told.get(transaction, ()),
                fills.pop(transaction, []), exits.get(transaction, ()),
            )  # fmt: skip
        for block in reports:
            wallets.until((block + 1, 0), self._before)
            of_all.add_up(progress, wallets, block)
        wallets.until((last + 1, 0), self._before)
        for transaction, alone in fills.items():  # told, but nothing moved
            found += self._transaction(
                progress, movements, wallets, [], told.get(transaction, ()), alone, ()
            )
        return [*found, *self._balances.denied(of_all)]

    def at_end(self, progress: Progress, block: int) -> list[Difference]:
        """Return where balances at the audit's last block deny the sums; none twice, where a report
        in that block has held them."""
        if block == progress.last_report:
            return []
        owners = {each: (of.market, of.class_id) for each, of in progress.ledger.accounts.items()}
        movements = Movements(owners)
        self._reader.know(owners, block)
        of_all = self._balances.over(progress, movements, ByKind(()))
        of_all.add_up(progress, WalletsOverTime(progress, movements), block)
        return self._balances.denied(of_all)

    # one transaction

    def _transaction(
        self,
        progress: Progress,
        movements: Movements,
        wallets: WalletsOverTime,
        moves: Sequence[Moved],
        told: Sequence[RawLog],
        fills: Sequence[OrderFilled],
        exits: Sequence[RedeemedInKind],
    ) -> list[Difference]:
        """Explain a transaction's transfers, account by account, and book them."""
        sides: dict[str, list[Moved]] = defaultdict(list)
        for move in moves:
            ends = wallets.account_of(move.sender), wallets.account_of(move.receiver)
            if ends[0] != ends[1]:
                for account in filter(None, ends):
                    sides[account].append(move)
        for fill in fills:
            if account := wallets.account_of(fill.maker):
                sides.setdefault(account, [])
        found: list[Difference] = []
        for account, own in sides.items():
            explained = self._what_explains(movements, wallets, account, told, fills, exits)
            found += self._unexplained(progress, wallets, account, own, explained, fills)
        for move in moves:
            for holder, sign in ((move.sender, -1), (move.receiver, 1)):
                if wallets.account_of(holder):
                    book(progress, holder, move.token, sign * move.amount)
        return found

    def _what_explains(
        self,
        movements: Movements,
        wallets: WalletsOverTime,
        account: str,
        told: Sequence[RawLog],
        fills: Sequence[OrderFilled],
        exits: Sequence[RedeemedInKind],
    ) -> _Explained:
        places = self._reader.places[movements.owners[account][1]]
        explained = _Explained(parties={*places.trusted, self._vault})
        for log in told:
            if log["address"].lower() != account:
                continue
            topic = log["topics"][0]
            if topic in _COMES:
                explained.comes += amount_in(log, exact=False)
            if topic in _GOES:
                explained.goes += amount_in(log, exact=False)
            if topic in _POOLS:
                explained.parties.add(address_in(log, 1))
            if topic in _COMES or topic in _GOES or topic == _CONVERTED:
                explained.converts = True
            if topic == _CONVERTED:
                explained.comes += 2**256
            if topic == _WITHDRAWN:
                explained.withdrawn[address_in(log, 2)] += amount_in(log)
        for each in exits:
            explained.leaving.append((each.receiver, each.part, each.supply))
        for fill in fills:
            if wallets.account_of(fill.maker) == account:
                token = f"{places.tokens} {fill.token_id}"
                gives, gets = (ASSET, token) if fill.side == BUY else (token, ASSET)
                explained.fills[gives] -= fill.maker_amount_filled
                explained.fills[gets] += fill.taker_amount_filled
                explained.fills[ASSET] -= fill.fee
        return explained

    def _unexplained(
        self,
        progress: Progress,
        wallets: WalletsOverTime,
        account: str,
        moves: Sequence[Moved],
        explained: _Explained,
        fills: Sequence[OrderFilled],
    ) -> Iterator[Difference]:
        """Yield what of an account's transfers nothing explains."""
        left: dict[str, int] = defaultdict(int)
        for move in moves:
            comes = wallets.account_of(move.receiver) == account
            other = move.sender if comes else move.receiver
            if other in explained.parties or (move.token and explained.converts):
                continue
            if comes:
                some = 0 if move.token else min(move.amount, explained.comes)
                explained.comes -= some
                left[move.token] += move.amount - some
                continue
            amount = move.amount
            if not move.token:
                some = min(amount, explained.goes)
                explained.goes -= some
                owed = min(amount - some, explained.withdrawn.get(other, 0))
                if owed:
                    explained.withdrawn[other] -= owed
                amount -= some + owed
            amount -= min(amount, self._part(progress, wallets, account, move, other, explained))
            left[move.token] -= amount
        for token in sorted({*left, *explained.fills}):
            short = explained.fills[token] - left[token]
            if short > 0:
                place = moves[0] if moves else None
                fill = next(iter(fills), None)
                block = place.place[0] if place else fill.block if fill else 0
                where = place.transaction if place else fill.transaction if fill else ""
                yield Difference(
                    block, where, f"account {account}: {token_words(token)} that nothing explains",
                    str(explained.fills[token]), str(left[token]),
                )  # fmt: skip

    def _part(
        self,
        progress: Progress,
        wallets: WalletsOverTime,
        account: str,
        move: Moved,
        receiver: str,
        explained: _Explained,
    ) -> int:
        """Return the most that whoever leaves may take of a token: the part of all there was."""
        for who, part, supply in explained.leaving:
            if who == receiver and supply:
                held = sum(
                    progress.held.get(each, {}).get(move.token, 0)
                    for each in wallets.holders_of(account)
                )
                return held * part // supply
        return 0

    # balances

    def _before(self, wallet: str, account: str, block: int) -> dict[str, int]:
        """Return what a wallet held before an account named it: nobody counted its transfers."""
        return {
            token: amount
            for token in (ASSET, *self._reader.tokens_of(account, block))
            if (amount := self._balances.of(token, wallet, max(0, block - 1)))
        }


def paid_wrongly(
    owners: Mapping[str, tuple[MarketId, int]],
    moves: Sequence[Moved],
    paid: Sequence[PaidInKind],
    exits: Sequence[RedeemedInKind],
) -> Iterator[Difference]:
    """Yield where accounts paid whoever leaves in kind something else than the vault says, in one
    transaction."""
    leavers = {each.receiver for each in exits}
    for it in paid:
        there = sum(
            move.amount
            for move in moves
            if not move.token
            and move.receiver in leavers
            and owners.get(move.sender, ("", 0))[0] == it.market
        )
        if there != it.assets:
            yield difference(it, "PaidInKind.assets: paid by the account", there, it.assets)


def _by_transaction(logs: Iterable[RawLog]) -> dict[str, list[RawLog]]:
    found: dict[str, list[RawLog]] = defaultdict(list)
    for log in logs:
        found[log["transactionHash"]].append(log)
    return found
