"""Conservation: what accounts and their wallets hold, by the tokens themselves, is what came less
what went, and everything that went is explained.

Per transaction and account, transfers are held against what explains them: the vault's budget and
what came home, fills (exactly, fees included), sets split, merged, converted and redeemed, exits in
kind (at most the leaver's part). More than that may come: a gift. Less is a difference: something
left and nobody says why, or a fill was told that moved nothing. At each report the sums are held
against balances that the tokens' contracts give: a transfer that a node hides, with the fill that
it was of, is found there.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from types import MappingProxyType

from strongroom.audit.checkpoint import Progress
from strongroom.audit.contracts import Views
from strongroom.audit.events import (
    AuditedEvent,
    MarketClosed,
    MarketOpened,
    OrderFilled,
    PaidInKind,
    RedeemedInKind,
    Reported,
)
from strongroom.audit.logs import RawLog
from strongroom.audit.movements import (
    COMES,
    CONVERTED,
    GOES,
    NAMING,
    WITHDRAWN,
    Moved,
    MovementReader,
    Movements,
    address_in,
    amount_in,
    place_of,
    topic_of,
)
from strongroom.audit.node import Node
from strongroom.audit.permissions import Difference, difference
from strongroom.chain.ids import MarketId

ASSET = ""
BUY = 0
BALANCE_OF = "balanceOf"
_COMES, _GOES, _NAMING = ({*map(topic_of, each)} for each in (COMES, GOES, NAMING))
_CONVERTED, _WITHDRAWN = topic_of(CONVERTED), topic_of(WITHDRAWN)
_BALANCE = topic_of("balanceOf(address)")[:10]
_TOKENS = topic_of("balanceOf(address,uint256)")[:10]
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
        self._node, self._views, self._vault, self._reader = node, views, vault, reader

    def check(
        self, progress: Progress, movements: Movements, events: Sequence[AuditedEvent], last: int
    ) -> list[Difference]:
        """Return what nobody can explain in a piece of blocks, and what balances deny.

        Args:
            events: of the vault in these blocks
            last: block of the piece; its balances are held against the sums if it is the audit's

        Raises:
            NodeAway, BadLog: see Auditor.run.
        """
        if not movements.owners:
            return []
        reports = sorted({each.block for each in events if isinstance(each, Reported)})
        wallets = _WalletsOverTime(progress, movements)
        spans = _spans(events)
        found: list[Difference] = []
        told = _by_transaction(movements.told)
        fills = defaultdict(list)
        for fill in movements.fills:
            fills[fill.transaction].append(fill)
        exits, paid = defaultdict(list), defaultdict(list)
        for each in events:
            if isinstance(each, RedeemedInKind):
                exits[each.transaction].append(each)
            elif isinstance(each, PaidInKind):
                paid[each.transaction].append(each)
        for transaction, payments in paid.items():
            moves = [each for each in movements.moved if each.transaction == transaction]
            found += paid_wrongly(movements.owners, moves, payments, exits[transaction])
        for transaction, group in groupby(movements.moved, key=lambda each: each.transaction):
            moves = list(group)
            block = moves[0].place[0]
            while reports and reports[0] < block:
                found += self._balances(progress, movements, wallets, reports.pop(0), spans)
            wallets.until(moves[-1].place, self._before)
            found += self._transaction(
                progress, movements, wallets, moves, told.get(transaction, ()),
                fills.pop(transaction, []), exits.get(transaction, ()),
            )  # fmt: skip
        for block in reports:
            wallets.until((block + 1, 0), self._before)
            found += self._balances(progress, movements, wallets, block, spans)
        wallets.until((last + 1, 0), self._before)
        for transaction, alone in fills.items():  # told, but nothing moved
            found += self._transaction(
                progress, movements, wallets, [], told.get(transaction, ()), alone, ()
            )
        return found

    def at_end(self, progress: Progress, block: int) -> list[Difference]:
        """Return where balances at the audit's last block deny the sums; none twice, where a report
        in that block has held them."""
        if block == progress.last_report:
            return []
        owners = {each: (of.market, of.class_id) for each, of in progress.ledger.accounts.items()}
        movements = Movements(owners)
        self._reader.know(owners, block)
        return self._balances(progress, movements, _WalletsOverTime(progress, movements), block)

    # one transaction

    def _transaction(
        self,
        progress: Progress,
        movements: Movements,
        wallets: "_WalletsOverTime",
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
        wallets: "_WalletsOverTime",
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
        wallets: "_WalletsOverTime",
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
                    block, where, f"account {account}: {_words(token)} that nothing explains",
                    str(explained.fills[token]), str(left[token]),
                )  # fmt: skip

    def _part(
        self,
        progress: Progress,
        wallets: "_WalletsOverTime",
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
            if (amount := self._balance(token, wallet, max(0, block - 1)))
        }

    def _balances(
        self,
        progress: Progress,
        movements: Movements,
        wallets: "_WalletsOverTime",
        block: int,
        spans: Mapping[str, "_Span"] = MappingProxyType({}),
    ) -> list[Difference]:
        """Hold the sums against what the tokens' contracts say at a block.

        Args:
            spans: of accounts whose markets were opened or closed since the ledger was booked
        """
        known = {*progress.ledger.accounts, *movements.owners, *wallets.named}
        holders = [each for each in known if self._matters(progress, each, block, spans.get(each))]
        asked: list[tuple[str, str]] = []
        for holder in sorted(holders):
            account = wallets.account_of(holder) or holder
            held = progress.held.get(holder, ())
            tokens = dict.fromkeys([ASSET, *self._reader.tokens_of(account, block), *held])
            asked += [(holder, token) for token in tokens]
        answers = self._node.ask_all(
            [("eth_call", [self._call(token, holder), hex(block)]) for holder, token in asked]
        )
        found = []
        for (holder, token), answer in zip(asked, answers, strict=True):
            there = int(self._views.decoded(BALANCE_OF, answer))
            summed = progress.held.get(holder, {}).get(token, 0)
            if there != summed:
                what = f"balance of {holder}: {_words(token)}"
                found.append(Difference(block, "", what, str(summed), str(there)))
        opened = {*progress.ledger.accounts, *movements.owners}
        accounts = [each for each in sorted(holders) if each in opened]
        return [*found, *self._said(progress, wallets, accounts, block)]

    def _said(
        self, progress: Progress, wallets: "_WalletsOverTime", accounts: Sequence[str], block: int
    ) -> Iterator[Difference]:
        """Yield where an account says that it and its wallet hold something else: reports count
        what it says. One that does not answer is named by the reports."""
        answers = self._views.call_each(accounts, "positions", block) if accounts else []
        for account, answer in zip(accounts, answers, strict=True):
            if answer is None:
                continue
            collateral, positions = answer
            said = {ASSET: collateral}
            pairs = zip(*[iter(self._reader.tokens_of(account, block))] * 2, strict=True)
            for (yes, no), position in zip(pairs, positions, strict=False):
                said[yes], said[no] = position[:2]
            holders = wallets.holders_of(account)
            for token, amount in said.items():
                held = sum(progress.held.get(each, {}).get(token, 0) for each in holders)
                if held != amount:
                    what = f"account {account}: {_words(token)} by its own word"
                    yield Difference(block, "", what, str(held), str(amount))

    def _matters(self, progress: Progress, holder: str, block: int, span: "_Span | None") -> bool:
        """Whether something is held, or may be: by a wallet, by an account of an open market."""
        if progress.held.get(holder):
            return True
        if span is not None:
            return span.opened <= block <= span.closed
        known = progress.ledger.accounts.get(holder)
        return known is None or known.market in progress.ledger.markets

    def _balance(self, token: str, holder: str, block: int) -> int:
        answer = self._node.ask("eth_call", self._call(token, holder), hex(block))
        return int(self._views.decoded(BALANCE_OF, answer))

    def _call(self, token: str, holder: str) -> dict[str, str]:
        if token == ASSET:
            return {"to": self._reader.asset, "data": f"{_BALANCE}{holder[2:]:0>64}"}
        contract, _, number = token.partition(" ")
        return {"to": contract, "data": f"{_TOKENS}{holder[2:]:0>64}{int(number):064x}"}


@dataclass(frozen=True)
class _Span:
    """The first and the last block of an open market, where these blocks say it."""

    opened: int = 0
    closed: int = 2**64


def _spans(events: Sequence[AuditedEvent]) -> dict[str, _Span]:
    """Return the spans of the accounts whose markets are opened or closed by some events."""
    found: dict[str, _Span] = {}
    for each in events:
        if isinstance(each, MarketOpened):
            found[each.account] = _Span(each.block)
        elif isinstance(each, MarketClosed):
            found[each.account] = replace(found.get(each.account, _Span()), closed=each.block)
    return found


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


def _words(token: str) -> str:
    return f"token {token.partition(' ')[2]}" if token else "asset"


class _WalletsOverTime:
    """Whose a wallet is, as accounts name them one after the other."""

    def __init__(self, progress: Progress, movements: Movements) -> None:
        """Begin with what was named before these blocks."""
        self._progress, self._movements = progress, movements
        self.named = dict(progress.wallets)
        naming = [log for log in movements.told if log["topics"][0] in _NAMING]
        self._coming = sorted(naming, key=place_of)

    def until(
        self, place: tuple[int, int], before: Callable[[str, str, int], dict[str, int]]
    ) -> None:
        """Take what accounts have named until a place.

        Args:
            before: gives what a wallet of an account held before a block
        """
        while self._coming and place_of(self._coming[0]) < place:
            log = self._coming.pop(0)
            account, wallet = log["address"].lower(), address_in(log, 1)
            for old in [each for each, of in self.named.items() if of == account]:
                del self.named[old]
                self._progress.held.pop(old, None)
            if int(wallet, 16):
                self.named[wallet] = account
                self._progress.held[wallet] = before(wallet, account, place_of(log)[0])
                self._book_earlier(wallet, log)

    def _book_earlier(self, wallet: str, naming: RawLog) -> None:
        """Count what reached or left a wallet in the block before the transaction that names it."""
        block, transaction = place_of(naming)[0], naming["transactionHash"]
        for move in self._movements.moved:
            if move.transaction == transaction:
                return
            if move.place[0] == block:
                for holder, sign in ((move.sender, -1), (move.receiver, 1)):
                    if holder == wallet:
                        book(self._progress, holder, move.token, sign * move.amount)

    def account_of(self, holder: str) -> str:
        """Return the account that a holder is, or trades for; "" where it is a stranger."""
        return holder if holder in self._movements.owners else self.named.get(holder, "")

    def holders_of(self, account: str) -> list[str]:
        """Return an account and its wallets."""
        return [account, *(each for each, of in self.named.items() if of == account)]


def book(progress: Progress, holder: str, token: str, change: int) -> None:
    """Change what a holder's transfers of a token add up to."""
    held = progress.held.setdefault(holder, {})
    held[token] = held.get(token, 0) + change
    if not held[token]:
        del held[token]
    if not held:
        del progress.held[holder]
