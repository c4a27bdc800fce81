"""Income beside trades: assets that reached a market's account or its wallet and that nothing they
did explains. The asset's own logs say what came; fills, and what the account logs of merged sets
and payouts, explain it, the latter at most by their amounts.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from strongroom.audit.checkpoint import Progress
from strongroom.audit.contracts import Views
from strongroom.audit.events import (
    MarketOpened,
    OrderFilled,
    RawLog,
    bad_log,
    exchange_readers,
    read_logs,
    vault_readers,
)
from strongroom.audit.node import Node, NodeRefuses
from strongroom.chain.ids import MarketId, keccak

ADDRESSES = 200  # in one request


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


def _topic(signature: str) -> str:
    return "0x" + keccak(signature.encode()).hex()


TRANSFER = _topic("Transfer(address,address,uint256)")
# Events of accounts; tests hold them against the ABIs. Their first data word, or none.
EXPLAINING = (  # brings in at most the word
    *("Redeemed(uint256,uint256)", "Merged(uint256,uint256)", "EventMerged(uint256)"),
    "Sold(address,uint256,uint256,uint256)",
)
CONVERTED = "Converted(uint256,uint256)"  # what it brings in follows from the event's questions
NAMING = ("Adopted(address)", "Adopted(address,address)", "WalletSet(address)")  # the wallet
_EXPLAINING, _NAMING = frozenset(map(_topic, EXPLAINING)), frozenset(map(_topic, NAMING))
_CONVERTED = _topic(CONVERTED)
_ENDLESS = 2**256


class IncomeFinder:
    """Finds the income of a vault's accounts."""

    def __init__(
        self,
        node: Node,
        views: Views,
        vault: str,
        exchanges: Sequence[str],
        payers: Mapping[str, IncomeKind],
    ) -> None:
        """Take where accounts trade, besides the exchanges that they name themselves, and whose
        payments are known."""
        self._node, self._views, self._vault = node, views, vault
        self._exchanges = {each.lower() for each in exchanges}
        self._payers = {each.lower(): kind for each, kind in payers.items()}
        self._asset = ""
        self._seen: set[int] = set()  # classes whose exchange is known, or has none

    def find(
        self, progress: Progress, logs: Sequence[RawLog], first: int, last: int
    ) -> list[Income]:
        """Return the income of some blocks, oldest first, and count it.

        Args:
            logs: of the vault in these blocks, which are not booked yet

        Raises:
            NodeAway, BadLog: see Auditor.run.
        """
        owners = {each: (of.market, of.class_id) for each, of in progress.ledger.accounts.items()}
        owners |= _opened(logs)
        if not owners:
            return []
        self._learn({class_id: account for account, (_, class_id) in owners.items()}, last)
        told = list(self._logs(sorted(owners), first, last))
        named = {_address(log, 1) for log in told if log["topics"][0] in _NAMING}
        holders = sorted({*owners, *progress.wallets, *(each for each in named if int(each, 16))})
        paid = list(self._transfers(holders, first, last))
        if not paid and not named:
            return []
        parties = self._parties(holders, first, last) if paid else {}
        judge = _Judge(owners, progress.wallets, self._vault, parties, told)
        ordered = sorted([*told, *paid], key=_place)
        found = [(log, account) for log in ordered if (account := judge.income_of(log))]
        times = self._node.times(sorted({_place(log)[0] for log, _ in found}))
        lines = [self._line(log, account, owners[account][0], times) for log, account in found]
        for each in lines:
            progress.income[each.kind] = progress.income.get(each.kind, 0) + each.amount
        return lines

    def _line(
        self, log: RawLog, account: str, market: MarketId, times: Mapping[int, int]
    ) -> Income:
        block, payer = _place(log)[0], _address(log, 1)
        kind = self._payers.get(payer)
        if kind is None:
            kind = IncomeKind.RETURN if payer in self._exchanges else IncomeKind.GIFT
        return Income(
            times[block], block, log["transactionHash"], market, account, _address(log, 2), payer,
            _amount(log), kind,
        )  # fmt: skip

    def _learn(self, classes: Mapping[int, str], block: int) -> None:
        """Ask an account of each new class where it trades; those of pools trade at none."""
        if not self._asset:
            self._asset = str(self._views.call(self._vault, "asset", (), block)).lower()
        for number in classes.keys() - self._seen:
            self._seen.add(number)
            try:
                named = self._views.call(classes[number], "EXCHANGE", (), block)
            except NodeRefuses:
                continue
            self._exchanges.add(str(named).lower())

    def _logs(self, accounts: Sequence[str], first: int, last: int) -> Iterator[RawLog]:
        topics = sorted(_EXPLAINING | _NAMING | {_CONVERTED})
        for start in range(0, len(accounts), ADDRESSES):
            some = accounts[start : start + ADDRESSES]
            for _, logs in self._node.logs(some, first, last, [topics]):
                yield from logs

    def _transfers(self, holders: Sequence[str], first: int, last: int) -> Iterator[RawLog]:
        for some in _padded(holders):
            for _, logs in self._node.logs([self._asset], first, last, [TRANSFER, None, some]):
                yield from (log for log in logs if _amount(log))

    def _parties(
        self, holders: Sequence[str], first: int, last: int
    ) -> dict[tuple[str, str], set[str]]:
        """Return transaction and holder -> who may pay it there for what it has traded."""
        parties: dict[tuple[str, str], set[str]] = defaultdict(set)
        (topic,), known = exchange_readers(), {*holders}
        for some in _padded(holders if self._exchanges else ()):
            for place in ([topic, None, some], [topic, None, None, some]):
                for _, logs in self._node.logs(sorted(self._exchanges), first, last, place):
                    for fill in read_logs(logs, exchange_readers()):
                        assert isinstance(fill, OrderFilled)
                        for mine, other in ((fill.maker, fill.taker), (fill.taker, fill.maker)):
                            if mine in known:
                                parties[fill.transaction, mine] |= {other, fill.address}
        return parties


class _Judge:
    """Which transfers are income, in the order in which they happened."""

    def __init__(
        self,
        owners: Mapping[str, tuple[MarketId, int]],
        wallets: dict[str, str],
        vault: str,
        parties: Mapping[tuple[str, str], set[str]],
        told: Sequence[RawLog],
    ) -> None:
        """Take who is whose, who may pay whom, and all that accounts say in these blocks."""
        self._owners, self._wallets, self._vault = owners, wallets, vault
        self._parties = parties
        self._explained: dict[tuple[str, str], int] = defaultdict(int)  # transaction, account
        for log in told:
            where = log["transactionHash"], log["address"].lower()
            if log["topics"][0] in _EXPLAINING:
                self._explained[where] += _amount(log, exact=False)
            elif log["topics"][0] == _CONVERTED:
                self._explained[where] += _ENDLESS

    def income_of(self, log: RawLog) -> str:
        """Return whose income a log is, an account; empty: it is none. Learn from the others."""
        if log["topics"][0] != TRANSFER:
            self._learn(log)
            return ""
        payer, receiver, amount = _address(log, 1), _address(log, 2), _amount(log)
        account = receiver if receiver in self._owners else self._wallets.get(receiver, "")
        inside = payer in (self._vault, account) or self._wallets.get(payer) == account
        where = log["transactionHash"], receiver
        if not account or inside or payer in self._parties.get(where, ()):
            return ""
        explained = log["transactionHash"], account
        if amount <= self._explained[explained]:
            self._explained[explained] -= amount
            return ""
        return account

    def _learn(self, log: RawLog) -> None:
        if log["topics"][0] not in _NAMING:
            return
        account, wallet = log["address"].lower(), _address(log, 1)
        for old in [each for each, of in self._wallets.items() if of == account]:
            del self._wallets[old]
        if int(wallet, 16):
            self._wallets[wallet] = account


def _opened(logs: Sequence[RawLog]) -> dict[str, tuple[MarketId, int]]:
    """Return account -> market and class of the markets that are opened in some logs."""
    readers = vault_readers()
    (topic,) = (each for each, reader in readers.items() if reader.record is MarketOpened)
    chosen = [log for log in logs if log["topics"][:1] == [topic]]
    return {
        each.account: (each.market, each.class_id)
        for each in read_logs(chosen, readers)
        if isinstance(each, MarketOpened)
    }


def _padded(addresses: Sequence[str]) -> Iterator[list[str]]:
    """Yield addresses as topics, as many as go into one request."""
    for start in range(0, len(addresses), ADDRESSES):
        yield ["0x" + "00" * 12 + each[2:] for each in addresses[start : start + ADDRESSES]]


def _place(log: RawLog) -> tuple[int, int]:
    """Return where a log stands: block, and place in it."""
    try:
        return int(log["blockNumber"], 16), int(log["logIndex"], 16)
    except (KeyError, TypeError, ValueError) as error:
        raise bad_log(log, "a transfer or an account") from error


def _address(log: RawLog, topic: int) -> str:
    try:
        found = log["topics"][topic]
        if len(found) != 66:
            raise ValueError
        return "0x" + found[26:].lower()
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise bad_log(log, "a transfer or an account") from error


def _amount(log: RawLog, exact: bool = True) -> int:
    """Return the first word of a log's data.

    Args:
        exact: there is no second one
    """
    try:
        data = log["data"]
        if len(data) < 66 or (exact and len(data) != 66):
            raise ValueError
        return int(data[2:66], 16)
    except (KeyError, TypeError, ValueError) as error:
        raise bad_log(log, "a transfer or an account") from error
