"""Income beside trades: assets that reached a market's account or its wallet and that nothing they
did explains. The asset's own logs say what came; fills, and what the account logs of merged sets
and payouts, explain it, the latter at most by their amounts.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from strongroom.audit.checkpoint import Progress
from strongroom.audit.explained import ASSET
from strongroom.audit.logs import RawLog
from strongroom.audit.movements import (
    CONVERTED,
    EVENT_MERGED,
    MERGED,
    REDEEMED,
    SOLD,
    Moved,
    MovementReader,
    Movements,
    topic_of,
    words_in,
)
from strongroom.audit.node import Node
from strongroom.audit.wallets import AccountsOfHolders
from strongroom.chain.ids import MarketId


class IncomeKind(StrEnum):
    """By who pays: addresses that the auditor was told, an exchange without a fill, anybody."""

    REBATE = "rebate"
    REWARD = "reward"
    RETURN = "return"
    GIFT = "gift"


@dataclass(frozen=True)
class Income:
    """A payment; amount in base units of the asset.

    Attributes:
        account: of the market
        receiver: the account, or its wallet
        payer: "": whoever gave it before there was the account
    """

    time: int
    block: int
    transaction: str
    market: MarketId
    account: str
    receiver: str
    payer: str
    amount: int
    kind: IncomeKind


# Words of data of what brings in its first one, of the asset.
_BRINGS = {topic_of(each): 1 for each in (REDEEMED, MERGED, EVENT_MERGED)} | {topic_of(SOLD): 2}
_CONVERTED = topic_of(CONVERTED)


class IncomeFinder:
    """Finds the income of a vault's accounts."""

    def __init__(
        self, node: Node, reader: MovementReader, vault: str, payers: Mapping[str, IncomeKind]
    ) -> None:
        """Take whose payments are known."""
        self._node, self._reader, self._vault = node, reader, vault
        self._payers = {each.lower(): kind for each, kind in payers.items()}

    def find(
        self, progress: Progress, movements: Movements, holders: AccountsOfHolders
    ) -> list[Income]:
        """Return the income of some blocks, oldest first, and count it.

        Raises:
            NodeAway, BadLog: see Auditor.run.
        """
        owners, told = movements.owners, movements.told
        paid = [each for each in movements.moved if not each.token]
        begun = _before_openings(movements)
        if not paid and not begun:
            return []
        judge = _Judge(holders, self._vault, _parties(movements), told)
        found = [(move, account) for move in paid if (account := judge.income_of(move))]
        if begun:
            found = sorted([*found, *begun], key=lambda each: each[0].place)
        times = self._node.times(sorted({move.place[0] for move, _ in found}))
        lines = [self._line(move, account, owners[account][0], times) for move, account in found]
        for each in lines:
            progress.incomes += 1
            progress.income[each.kind] = progress.income.get(each.kind, 0) + each.amount
        return lines

    def _line(
        self, move: Moved, account: str, market: MarketId, times: Mapping[int, int]
    ) -> Income:
        block, payer = move.place[0], move.sender
        kind = self._payers.get(payer)
        if kind is None:
            kind = IncomeKind.RETURN if payer in self._reader.exchanges else IncomeKind.GIFT
        return Income(
            times[block], block, move.transaction, market, account, move.receiver, payer,
            move.amount, kind,
        )  # fmt: skip


def _before_openings(movements: Movements) -> list[tuple[Moved, str]]:
    """Return what accounts had been given before they were opened, each as one payment of nobody
    known at its opening: how much of it came in these blocks says nothing."""
    return [
        (Moved(it.place, it.transaction, ASSET, "", account, it.held[ASSET]), account)
        for account, it in movements.opened.items()
        if ASSET in it.held
    ]


def _parties(movements: Movements) -> dict[tuple[str, str], set[str]]:
    """Return transaction and holder -> who may pay it there for what it has traded."""
    parties: dict[tuple[str, str], set[str]] = defaultdict(set)
    for fill in movements.fills:
        for mine, other in ((fill.maker, fill.taker), (fill.taker, fill.maker)):
            parties[fill.transaction, mine] |= {other, fill.address}
    return parties


class _Judge:
    """Which transfers are income, in the order in which they happened."""

    def __init__(
        self,
        holders: AccountsOfHolders,
        vault: str,
        parties: Mapping[tuple[str, str], set[str]],
        told: Sequence[RawLog],
    ) -> None:
        """Take who is whose, who may pay whom, and all that accounts say in these blocks."""
        self._holders, self._vault, self._parties = holders, vault, parties
        self._explained: dict[tuple[str, str], int] = defaultdict(int)  # transaction, account
        for log in told:
            where = log["transactionHash"], log["address"].lower()
            topic = log["topics"][0]
            if topic in _BRINGS:
                self._explained[where] += words_in(log, _BRINGS[topic])[0]
            elif topic == _CONVERTED:
                index_set, amount = words_in(log, 2)
                self._explained[where] += max(0, index_set.bit_count() - 1) * amount

    def income_of(self, move: Moved) -> str:
        """Return whose income a transfer is, an account; empty: it is none."""
        payer, receiver, amount = move.sender, move.receiver, move.amount
        account = self._holders.at(receiver, move.place)
        inside = payer == self._vault or self._holders.at(payer, move.place) == account
        where = move.transaction, receiver
        if not account or inside or payer in self._parties.get(where, ()):
            return ""
        explained = move.transaction, account
        if amount <= self._explained[explained]:
            self._explained[explained] -= amount
            return ""
        return account
