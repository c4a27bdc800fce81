"""Conservation: what accounts and their wallets hold, by the tokens themselves, is what came less
what went, and everything that went is explained.

Per transaction and account, transfers are held against what explains them, exactly: what came home
to the vault, fills with their fees, sets split and merged, conversions, trades at pools, exits in
kind (a part of what there was, once). What is given to whoever makes and takes tokens beyond that
must be worth no more than what came from there, whatever becomes of the questions. More than all
that may come: a gift, which excuses nothing that goes. At each report the sums are held against
balances that the tokens' contracts give: a transfer that a node hides, with the fill that it was
of, is found there.
"""

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from strongroom.audit.balances import Balances, Sums
from strongroom.audit.checkpoint import Progress
from strongroom.audit.contracts import Views
from strongroom.audit.conversions import Conversions
from strongroom.audit.events import (
    MarketOpened,
    OrderFilled,
    PaidInKind,
    RedeemedInKind,
    Reported,
)
from strongroom.audit.explained import ASSET, Explained, Leaving, paying_wallets
from strongroom.audit.flows import AccountFlow, Doubt, Moment, moments, unexplained
from strongroom.audit.kinds import ANY_EXCHANGE
from strongroom.audit.logs import RawLog
from strongroom.audit.matches import needs_all, ways_of
from strongroom.audit.movements import Moved, MovementReader, Movements, place_of
from strongroom.audit.node import Node
from strongroom.audit.permissions import Difference, difference
from strongroom.audit.transactions import ByKind
from strongroom.audit.wallets import Before, WalletsOverTime, book
from strongroom.chain.ids import MarketId
from strongroom.errors import BadInput


class ExchangeUnnamed(BadInput):
    """An account may have traded at an exchange that nobody has named."""


class Conservation:
    """Holds movements of a vault's accounts against what explains them."""

    def __init__(
        self, node: Node, views: Views, vault: str, reader: MovementReader, last: int
    ) -> None:
        """Take whom to ask, of which vault, what is known of its accounts' places, and the audit's
        last block."""
        self._views, self._vault, self._reader, self._last = views, vault, reader, last
        self._balances = Balances(node, views, vault, reader)
        self._conversions = Conversions(node, views)
        self._held_last = False  # sums of the last block, at a report in it

    def check(
        self, progress: Progress, movements: Movements, kinds: ByKind, last: int
    ) -> list[Difference]:
        """Return what nobody can explain in a piece of blocks, and what balances deny.

        Args:
            kinds: events of the vault in these blocks
            last: block of the piece

        Raises:
            NodeAway, BadLog, ExchangeUnnamed: see Auditor.run.
        """
        if not movements.owners:
            return []
        reports = deque(sorted({each.block for each in kinds.of(Reported)}))
        wallets = WalletsOverTime(progress, movements)
        before = partial(self._before, movements.moved)
        of_all = self._balances.over(progress, movements, kinds)
        found, doubts = [*self._without_tokens(kinds, last)], list[Doubt]()
        denied = list[Difference]()
        for it in moments(movements, kinds):
            while reports and reports[0] < it.block:
                wallets.until((reports[0] + 1, 0), before)
                denied += self._reported(progress, of_all, wallets, reports.popleft())
            doubts += self._doubts(progress, movements, wallets, it, before)
            if it.paid:
                paying = {each: movements.owners[of] for each, of in wallets.named.items()}
                paying = {each: paying[each] for each in paying.keys() & paying_wallets(it.told)}
                found += paid_wrongly({**movements.owners, **paying}, it.moves, it.paid, it.exits)
        for block in reports:
            wallets.until((block + 1, 0), before)
            denied += self._reported(progress, of_all, wallets, block)
        wallets.until((last + 1, 0), before)
        found += self._judged(movements, doubts)
        return [*found, *denied, *self._balances.denied(of_all)]

    def _reported(
        self, progress: Progress, of_all: Sums, wallets: WalletsOverTime, block: int
    ) -> list[Difference]:
        """Keep the sums at a report; return what balances deny of all that wait, if they are very
        many."""
        self._held_last |= block == self._last
        of_all.add_up(progress, wallets, block, is_last=block == self._last)
        return self._balances.denied(of_all) if of_all.are_many else []

    def at_end(self, progress: Progress, block: int) -> list[Difference]:
        """Return where balances at the audit's last block deny the sums; none twice, where a report
        in that block has held them."""
        if self._held_last:
            return []
        owners = {each: (of.market, of.class_id) for each, of in progress.ledger.accounts.items()}
        movements = Movements(owners)
        self._reader.know(owners, block)
        of_all = self._balances.over(progress, movements, ByKind(()))
        of_all.add_up(progress, WalletsOverTime(progress, movements), block, is_last=True)
        return self._balances.denied(of_all, must_answer=True)

    def _without_tokens(self, kinds: ByKind, last: int) -> Iterator[Difference]:
        """Yield which accounts do not say what their outcome tokens are: of these nothing can be
        known."""
        for it in kinds.of(MarketOpened):
            there = len(self._reader.tokens_of(it.account, last))
            if there != 2 * it.conditions:
                what = f"account {it.account}: its outcome tokens"
                yield difference(it, what, 2 * it.conditions, there or "unknown")

    # one transaction

    def _doubts(
        self,
        progress: Progress,
        movements: Movements,
        wallets: WalletsOverTime,
        it: Moment,
        before: Before,
    ) -> Iterator[Doubt]:
        """Book a transaction's transfers, and yield of which accounts something is left open."""
        flows: dict[str, AccountFlow] = defaultdict(AccountFlow)
        leaving = Leaving(it.exits, it.paid, it.told) if it.exits else None
        for move in it.moves:
            wallets.until(move.place, before)
            giver, taker = wallets.account_of(move.sender), wallets.account_of(move.receiver)
            if giver and self._counts(giver, move):
                if giver == taker:
                    flows[giver].stayed[move.token] += move.amount
                    flows[giver].by_hand[move.token].append((move.receiver, move.amount))
                else:
                    part = 0
                    if leaving is not None:
                        held = progress.held.get(move.sender, {}).get(move.token, 0)
                        part = leaving.explains(move, movements.owners[giver][0], giver, held)
                    self._add(movements, flows[giver], giver, move, part - move.amount)
                book(progress, move.sender, move.token, -move.amount)
            if taker and self._counts(taker, move):
                if giver != taker:
                    self._add(movements, flows[taker], taker, move, move.amount)
                book(progress, move.receiver, move.token, move.amount)
        explained = self._what_explains(movements, wallets, it)
        for account in dict.fromkeys([*flows, *explained]):
            tokens = self._reader.tokens_of(account, it.block)
            places = self._reader.places[movements.owners[account][1]]
            doubt = Doubt(
                account, it.block, it.transaction, tokens, flows[account], explained[account],
                bool(places.adapter),
            )  # fmt: skip
            if not doubt.is_settled:
                yield doubt

    def _counts(self, account: str, move: Moved) -> bool:
        """Whether a transfer is of the asset or of a token of the account's market."""
        return not move.token or move.token in self._reader.tokens_of(account, move.place[0])

    def _add(
        self, movements: Movements, flow: AccountFlow, account: str, move: Moved, change: int
    ) -> None:
        """Add what an account got by a transfer, or gave: then it is below zero."""
        other = move.sender if change > 0 else move.receiver
        makers = self._reader.places[movements.owners[account][1]].makers
        exchanges = self._reader.exchanges
        if change > 0:
            flow.came[move.token] += change
            flow.made[move.token] += change if other in makers else 0
            flow.paid_out[move.token] += change if other in exchanges else 0
        elif change:
            flow.went[move.token] -= change
            flow.taken[move.token] -= change if other in makers else 0
            if other in exchanges:
                flow.paid_in[move.token].append(-change)
            else:
                flow.by_hand[move.token].append((other, -change))
            flow.times[move.token] += 1

    def _what_explains(
        self, movements: Movements, wallets: WalletsOverTime, it: Moment
    ) -> dict[str, Explained]:
        """Return by account what logs say that it must have got and may have given."""
        found: dict[str, Explained] = defaultdict(Explained)
        for log in it.told:
            account = log["address"].lower()
            found[account].told(log, self._reader.tokens_of(account, it.block))
        fills: Sequence[OrderFilled] = it.fills
        if fills and needs_all(fills):
            fills = self._reader.fills_of(it.transaction, it.block)
        for fill, way in ways_of(fills):
            if account := wallets.account_of(fill.maker):
                places = self._reader.places[movements.owners[account][1]]
                found[account].filled(fill, places.tokens, way)
        for home in it.home:
            if home.account in movements.owners:  # else the books name it
                found[home.account].came_home(home)
        return found

    # what is left open

    def _judged(self, movements: Movements, doubts: Sequence[Doubt]) -> Iterator[Difference]:
        """Yield what neither payouts nor fees of conversions explain.

        Raises:
            NodeAway, CallReverted: the node does not tell of a block.
            ExchangeUnnamed: one is of an account whose exchange nobody has named.
        """
        asked = list(dict.fromkeys((each.account, each.block) for each in doubts))
        answers = self._views.call_each([(who, "positions", (), block) for who, block in asked])
        known = dict(zip(asked, answers, strict=True))
        for doubt in doubts:
            answer = known[doubt.account, doubt.block]
            if answer is None:  # the account's refusal, else the node's is raised
                self._views.call(self._vault, "totalSupply", (), doubt.block)
            adapter = self._reader.places[movements.owners[doubt.account][1]].adapter
            terms = None
            if adapter and len(doubt.tokens) > 2:
                terms = self._conversions.of(adapter, doubt.account, doubt.block)
            payouts = [] if answer is None else [each[2:5] for each in answer[1]]
            found = list(unexplained(doubt, payouts, terms))
            if found:
                self._check_exchanges(movements, doubt)
            yield from found

    def _check_exchanges(self, movements: Movements, doubt: Doubt) -> None:
        """Judge no account that names no exchange where nobody has named one: what is unexplained
        may be its trades.

        Raises:
            ExchangeUnnamed: see the class.
        """
        kind = self._reader.places[movements.owners[doubt.account][1]].kind
        if kind in ANY_EXCHANGE and not self._reader.are_exchanges_named:
            raise ExchangeUnnamed(
                f"block {doubt.block}: account {doubt.account} is delegated and names no exchange, "
                "and what moved there may be a trade: name by --exchange each exchange that its "
                "wallet trades at (or any, if it trades nowhere), and audit again"
            )

    # balances

    def _before(
        self, moved: Sequence[Moved], wallet: str, account: str, naming: RawLog
    ) -> dict[str, int]:
        """Return what a wallet held when a log named it: nobody counted its transfers."""
        block, index = place_of(naming)
        tokens = (ASSET, *self._reader.tokens_of(account, block))
        held = {token: self._balances.of(token, wallet, max(0, block - 1)) for token in tokens}
        for move in moved:
            if move.place[0] == block and move.place[1] < index and move.token in held:
                came, went = move.receiver == wallet, move.sender == wallet
                held[move.token] += (came - went) * move.amount
        return {token: amount for token, amount in held.items() if amount}


def paid_wrongly(
    holders: Mapping[str, tuple[MarketId, int]],
    moves: Sequence[Moved],
    paid: Sequence[PaidInKind],
    exits: Sequence[RedeemedInKind],
) -> Iterator[Difference]:
    """Yield where accounts and wallets paid whoever leaves in kind something else than the vault
    says, in one transaction, by market.

    Args:
        holders: accounts and wallets, with market and class
    """
    leavers = {each.receiver for each in exits}
    for market, last in {each.market: each for each in paid}.items():
        told = sum(each.assets for each in paid if each.market == market)
        there = sum(
            move.amount
            for move in moves
            if not move.token
            and move.receiver in leavers
            and holders.get(move.sender, ("", 0))[0] == market
        )
        if told != there:
            yield difference(last, "PaidInKind.assets: paid by the account", there, told)
