"""What the tokens' own logs say of a vault's accounts and their wallets, a piece of blocks at once:
transfers of the asset and of outcome tokens, fills, and what the accounts log themselves."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import repeat
from operator import attrgetter

from msgspec import Struct

from strongroom.audit.abi_data import abi_values
from strongroom.audit.columns import (
    SIZE,
    WORD,
    Remembered,
    canonical_values,
    word_columns,
)
from strongroom.audit.contracts import OddAnswer, Views
from strongroom.audit.events import MarketOpened, OrderFilled
from strongroom.audit.kinds import constants_of, implementation_in, kind_of
from strongroom.audit.logs import BadLog, Logs, RawLog, bad_log
from strongroom.audit.node import Node
from strongroom.audit.readers import exchange_readers, read_log, read_logs
from strongroom.chain.failures import CallReverted
from strongroom.chain.ids import Json, MarketId, keccak, to_bytes

ADDRESSES = 200  # in one request
ARGUMENTS = 45 + 20 + 5 * 32  # bytes of an account's code before its conditions
ZERO = "0x" + "00" * 20


def topic_of(signature: str) -> str:
    """Return the topic of an event."""
    return "0x" + keccak(signature.encode()).hex()


TRANSFER = topic_of("Transfer(address,address,uint256)")
SINGLE = topic_of("TransferSingle(address,address,address,uint256,uint256)")
BATCH = topic_of("TransferBatch(address,address,address,uint256[],uint256[])")
# Events of accounts; tests hold them against the ABIs.
SPLIT, EVENT_SPLIT = "Split(uint256,uint256)", "EventSplit(uint256)"
MERGED, EVENT_MERGED = "Merged(uint256,uint256)", "EventMerged(uint256)"
REDEEMED, CONVERTED = "Redeemed(uint256,uint256)", "Converted(uint256,uint256)"
BOUGHT, SOLD = (f"{name}(address,uint256,uint256,uint256)" for name in ("Bought", "Sold"))
WITHDRAWN = "Withdrawn(address,address,uint256)"  # of a wallet, to whom it is owed
NAMING = ("Adopted(address)", "Adopted(address,address)", "WalletSet(address)")  # the wallet
TOLD = (
    *(SPLIT, EVENT_SPLIT, MERGED, EVENT_MERGED, REDEEMED, CONVERTED, BOUGHT, SOLD, WITHDRAWN),
    *NAMING,
)
_NAMING = frozenset(map(topic_of, NAMING))
_LISTS = ("uint256[]", "uint256[]")  # ids and amounts of a batch
_NAMED = ("ADAPTER", "CTF", "POSITION_MANAGER")  # views of accounts
_BALANCE = topic_of("balanceOf(address)")[:10]
_TOKENS = topic_of("balanceOf(address,uint256)")[:10]
_PLACE = attrgetter("place")


class Moved(Struct, frozen=True, gc=False):
    """One transfer.

    Attributes:
        token: "" is the asset; else the contract and the id
    """

    place: tuple[int, int]  # block, and log in it
    transaction: str
    token: str
    sender: str
    receiver: str
    amount: int


class Opened(Struct, frozen=True):
    """The opening of an account's market: what comes to its address before that is seen in its
    balance, and told then. The address follows from the vault's nonce, so anybody can pay it before
    there is an account; nobody can take from it.

    Attributes:
        place: of the opening: block, and log in it
        held: token -> what there was by then; no zeros
    """

    place: tuple[int, int]
    transaction: str
    held: Mapping[str, int]


@dataclass(frozen=True)
class Movements:
    """A piece of blocks.

    Attributes:
        owners: account -> market and class
        told: what accounts logged, as raw logs
        moved: transfers to and from accounts and wallets, in order
        fills: where one of them is maker or taker
        opened: accounts whose markets are opened in these blocks
    """

    owners: Mapping[str, tuple[MarketId, int]]
    told: Sequence[RawLog] = ()
    moved: Sequence[Moved] = ()
    fills: Sequence[OrderFilled] = ()
    opened: Mapping[str, Opened] = field(default_factory=dict)


@dataclass(frozen=True)
class ClassPlaces:
    """What a class's accounts name: what makes and takes their tokens.

    Attributes:
        kind: which of our accounts they are; "": none that this release knows
        tokens: the contract of their outcome tokens; "": unknown
        adapter: makes and takes them for the asset; "": the contract itself does
        makers: whoever makes and takes tokens and asset, where that is known
    """

    kind: str = ""
    tokens: str = ""
    adapter: str = ""
    makers: frozenset[str] = frozenset()


class MovementReader:
    """Reads movements of a vault's accounts."""

    def __init__(self, node: Node, views: Views, vault: str, exchanges: Sequence[str]) -> None:
        """Take where accounts trade, besides the exchanges that they name themselves; whoever knows
        these adds them before anything is read."""
        self._node, self._views, self._vault = node, views, vault
        self.exchanges = {each.lower() for each in exchanges}
        self.are_exchanges_named = bool(self.exchanges)
        self.asset = ""
        self.places: dict[int, ClassPlaces] = {}
        self._classes: dict[str, int] = {}  # of accounts
        self._tokens: dict[str, tuple[str, ...]] = {}

    def read(
        self,
        owners: Mapping[str, tuple[MarketId, int]],
        wallets: Iterable[str],
        first: int,
        last: int,
        opened: Sequence[MarketOpened] = (),
    ) -> Movements:
        """Return the movements of some blocks.

        Args:
            owners: see Movements, with the accounts that are opened in these blocks
            wallets: of accounts, when the blocks begin
            opened: the openings in these blocks, one for each account

        Raises:
            NodeAway, BadLog: see Auditor.run.
        """
        if not owners:
            return Movements({})
        self.know(owners, last)
        told = list(self._told(sorted(owners), first, last))
        named = {address_in(log, 1) for log in told if log["topics"][0] in _NAMING}
        holders = sorted({*owners, *wallets, *(each for each in named if each != ZERO)})
        moved = sorted(self._moved(holders, first, last), key=lambda each: each.place)
        fills = list(self._fills(holders, first, last))
        return Movements(owners, told, moved, fills, self._opened(opened, moved))

    def _opened(self, opened: Sequence[MarketOpened], moved: Sequence[Moved]) -> dict[str, Opened]:
        """Return what accounts held when they were opened: their balances at the block before, and
        what moved in the same block in front of the opening.

        Args:
            moved: all transfers of their blocks, in order
        """
        tokens = [
            (it, token) for it in opened for token in ("", *self.tokens_of(it.account, it.block))
        ]
        asked = [
            (balance_call(self.asset, token, it.account), hex(max(0, it.block - 1)))
            for it, token in tokens
        ]
        answers = self._node.ask_all([("eth_call", [*each]) for each in asked])
        held: dict[str, dict[str, int]] = {it.account: {} for it in opened}
        numbers = self._views.decoded_all("balanceOf", answers) if answers else []
        for (it, token), there in zip(tokens, numbers, strict=True):
            held[it.account][token] = there
        found = {}
        for it in opened:
            place, own = (it.block, it.index), held[it.account]
            first = bisect_left(moved, (it.block, 0), key=_PLACE)
            for move in moved[first : bisect_left(moved, place, key=_PLACE)]:
                if move.receiver == it.account and move.token in own:
                    own[move.token] += move.amount
            there = {token: amount for token, amount in own.items() if amount}
            found[it.account] = Opened(place, it.transaction, there)
        return found

    def asset_at(self, block: int) -> str:
        """Return the vault's asset, in lower case; raises as `know` does."""
        if not self.asset:
            self.asset = str(self._views.call(self._vault, "asset", (), block)).lower()
        return self.asset

    def know(self, owners: Mapping[str, tuple[MarketId, int]], block: int) -> None:
        """Learn the accounts' classes and, once for each, what they name: an audit that goes on
        from a checkpoint may find no block to read.

        Raises:
            CallReverted, OddAnswer: there is no answer that an account of ours always gives.
        """
        self._classes |= {account: class_id for account, (_, class_id) in owners.items()}
        new = [each for each in owners if each not in self._tokens]
        codes = self._node.ask_all([("eth_getCode", [each, hex(block)]) for each in new])
        known = dict(zip(new, map(to_bytes, codes), strict=True))
        self._learn({self._classes[each]: (each, code) for each, code in known.items()}, block)
        for account, code in known.items():
            self._keep_tokens(account, code)

    def tokens_of(self, account: str, block: int) -> Sequence[str]:
        """Return the outcome tokens of an account's market, as they stand in its code (see
        contracts/modules/account.vy); none where it is no such code."""
        if account not in self._tokens:
            code = to_bytes(self._node.ask("eth_getCode", account, hex(block)))
            self._keep_tokens(account, code)
        return self._tokens.get(account, ())  # none: the account is opened after this block

    def _keep_tokens(self, account: str, code: bytes) -> None:
        """Keep an account's tokens, as in its code: nothing where there is no code, and none where
        there are half conditions in it, or one token twice: no code of ours has these."""
        places = self.places.get(self._classes.get(account, -1), ClassPlaces())
        words = [code[at : at + SIZE] for at in range(ARGUMENTS, len(code), SIZE)]
        ids = [word for place, word in enumerate(words) if place % 3 and len(word) == SIZE]
        found = [f"{places.tokens} {int.from_bytes(each)}" for each in ids] if places.tokens else []
        if code:
            is_whole = len(words) % 3 == 0 and len(set(found)) == len(words) // 3 * 2
            self._tokens[account] = tuple(found) if is_whole else ()

    def _learn(self, classes: Mapping[int, tuple[str, bytes]], block: int) -> None:
        """Ask an account of each new class what makes and takes its tokens.

        Args:
            classes: with the account and its code
        """
        self.asset_at(block)
        for number in classes.keys() - self.places.keys():
            account, code = classes[number]
            kind = self._kind(code, block)
            named = {view: self._named(account, view, kind, block) for view in _NAMED}
            adapter, tokens, ledger = named.values()
            places = ClassPlaces(kind, ledger or tokens, adapter)
            makers = {ZERO, self.asset, adapter, tokens, ledger} - {""}
            self.places[number] = replace(places, makers=frozenset(makers))

    def _kind(self, code: bytes, block: int) -> str:
        """Return which of our accounts a clone is, by its code."""
        implementation = implementation_in(code)
        if not implementation:
            return ""
        (answer,) = self._node.ask_shared([("eth_getCode", [implementation, hex(block)])])
        return kind_of(to_bytes(answer))

    def _named(self, account: str, view: str, kind: str, block: int) -> str:
        """Return the address that an account names; "": it names none. An account of ours that has
        the view always answers: a refusal is the node's."""
        if kind and view not in constants_of(kind):
            return ""
        try:
            found = str(self._views.call(account, view, (), block)).lower()
        except (CallReverted, OddAnswer):
            if kind:
                raise
            return ""
        return "" if found == ZERO else found

    def _told(self, accounts: Sequence[str], first: int, last: int) -> Iterator[RawLog]:
        topics = sorted(set(map(topic_of, TOLD)))
        for start in range(0, len(accounts), ADDRESSES):
            some = accounts[start : start + ADDRESSES]
            for _, logs in self._node.logs(some, first, last, [topics]):
                yield from logs

    def _moved(self, holders: Sequence[str], first: int, last: int) -> Iterator[Moved]:
        seen: set[tuple[int, int]] = set()  # logs
        tokens = sorted({each.tokens for each in self.places.values() if each.tokens})
        for some in padded(holders):
            asked: list[tuple[list[str], list[Json]]] = [
                ([self.asset], [TRANSFER, list[Json](some)]),
                ([self.asset], [TRANSFER, None, list[Json](some)]),
            ]
            if tokens:
                kinds: Json = [SINGLE, BATCH]
                asked += [(tokens, [kinds, None, list[Json](some)])]
                asked += [(tokens, [kinds, None, None, list[Json](some)])]
            for addresses, topics in asked:
                for _, logs in self._node.logs(addresses, first, last, topics):
                    new = [each for each in moves_in(logs) if each.place not in seen]
                    seen.update([each.place for each in new])
                    yield from new

    def fills_of(self, transaction: str, block: int) -> list[OrderFilled]:
        """Return all fills of one transaction, strangers' too; raises as `read` does."""
        (topic,) = exchange_readers()
        return [
            fill
            for _, logs in self._node.logs(sorted(self.exchanges), block, block, [topic])
            for fill in _fills_in(logs)
            if fill.transaction == transaction
        ]

    def _fills(self, holders: Sequence[str], first: int, last: int) -> Iterator[OrderFilled]:
        (topic,), seen = exchange_readers(), set[tuple[int, int]]()
        for some in padded(holders if self.exchanges else ()):
            for place in ([topic, None, some], [topic, None, None, some]):
                for _, logs in self._node.logs(sorted(self.exchanges), first, last, place):
                    for fill in _fills_in(logs):
                        if (fill.block, fill.index) not in seen:
                            seen.add((fill.block, fill.index))
                            yield fill


def _fills_in(logs: Logs) -> list[OrderFilled]:
    """Return the fills in logs. What cannot be read is none: a vault's class may name any contract
    as its exchange, and what moves there stays unexplained then."""
    try:
        return [each for each in read_logs(logs, exchange_readers()) if type(each) is OrderFilled]
    except BadLog:
        found = list[OrderFilled]()
        for log in logs:
            with suppress(BadLog):
                each = read_log(log, exchange_readers())
                found += [each] if type(each) is OrderFilled else []
        return found


def balance_call(asset: str, token: str, holder: str) -> dict[str, str]:
    """Return the call that asks for a balance.

    Args:
        token: see Moved
    """
    if not token:
        return {"to": asset, "data": f"{_BALANCE}{holder[2:]:0>64}"}
    contract, _, number = token.partition(" ")
    return {"to": contract, "data": f"{_TOKENS}{holder[2:]:0>64}{int(number):064x}"}


def moves_of(log: RawLog) -> Iterator[Moved]:
    """Yield the transfers of one log; raises BadLog."""
    place, transaction = place_of(log), log["transactionHash"]
    kind = log["topics"][0]
    if kind == TRANSFER:
        sender, receiver, amount = address_in(log, 1), address_in(log, 2), amount_in(log)
        if amount:
            yield Moved(place, transaction, "", sender, receiver, amount)
        return
    sender, receiver, contract = address_in(log, 2), address_in(log, 3), log["address"].lower()
    pairs = [_single(log)] if kind == SINGLE else _batch(log)
    for number, amount in pairs:
        if amount:
            yield Moved(place, transaction, f"{contract} {number}", sender, receiver, amount)


def _single(log: RawLog) -> tuple[int, int]:
    """Return the id and the amount of one transfer of outcome tokens; raises BadLog."""
    try:
        data = bytes.fromhex(log["data"][2:])
        if len(data) != 2 * SIZE:
            raise ValueError
    except (ValueError, TypeError) as error:
        raise bad_log(log, "a transfer of outcome tokens") from error
    return int.from_bytes(data[:SIZE]), int.from_bytes(data[SIZE:])


def _batch(log: RawLog) -> list[tuple[int, int]]:
    """Return the ids and the amounts of a batch; raises BadLog."""
    try:
        data = bytes.fromhex(log["data"][2:])
        ids, amounts = canonical_values(_LISTS, data) or abi_values(_LISTS, data)
        return list(zip(ids, amounts, strict=True))
    except (ValueError, TypeError) as error:
        raise bad_log(log, "a transfer of outcome tokens") from error


def moves_in(logs: Sequence[RawLog]) -> list[Moved]:
    """Return the transfers of logs, in their order; raises BadLog."""
    if isinstance(logs, Logs):
        try:
            return _moves_at_once(logs)
        except ValueError:
            pass  # of several events, or named here
    return [move for log in logs for move in moves_of(log)]


def _moves_at_once(logs: Logs) -> list[Moved]:
    """Do what `moves_in` does, all at once, where all are transfers of the asset, or all single
    ones of outcome tokens.

    Raises:
        ValueError: one is none.
    """
    kinds = {each[0] for each in logs.topics}
    if kinds == {TRANSFER}:
        _, senders, receivers = zip(*logs.topics, strict=True)
        tokens: Iterable[str] = repeat("")
        (amounts,) = word_columns(["uint256"], logs.data, 2)
    elif kinds == {SINGLE}:
        _, _, senders, receivers = zip(*logs.topics, strict=True)
        ids, amounts = word_columns(["uint256", "uint256"], logs.data, 2)
        named = Remembered(lambda each: f"{each[0]} {each[1]}")
        tokens = map(named.__getitem__, zip(logs.addresses, ids, strict=True))
    else:
        raise ValueError("other events")
    addresses = Remembered(lambda topic: "0x" + topic[26:])
    moves = map(
        Moved,
        zip(logs.blocks, logs.indexes, strict=True),
        logs.transactions,
        tokens,
        map(addresses.__getitem__, senders),
        map(addresses.__getitem__, receivers),
        amounts,
    )
    return [each for each in moves if each.amount]


def padded(addresses: Sequence[str]) -> Iterator[list[str]]:
    """Yield addresses as topics, as many as go into one request."""
    for start in range(0, len(addresses), ADDRESSES):
        yield ["0x" + "00" * 12 + each[2:] for each in addresses[start : start + ADDRESSES]]


def place_of(log: RawLog) -> tuple[int, int]:
    """Return where a log stands: block, and place in it."""
    try:
        return int(log["blockNumber"], 16), int(log["logIndex"], 16)
    except (KeyError, TypeError, ValueError) as error:
        raise bad_log(log, "a transfer or an account") from error


def address_in(log: RawLog, topic: int) -> str:
    """Return the address that a topic is."""
    try:
        found = log["topics"][topic]
        if len(found) != 66:
            raise ValueError
        return "0x" + found[26:].lower()
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise bad_log(log, "a transfer or an account") from error


def number_at(log: RawLog, topic: int) -> int:
    """Return the number that a topic is."""
    try:
        return int(log["topics"][topic], 16)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise bad_log(log, "an account") from error


def amount_in(log: RawLog) -> int:
    """Return the only word of a log's data."""
    return words_in(log, 1)[0]


def words_in(log: RawLog, count: int) -> list[int]:
    """Return the words of a log's data, of which there are so many."""
    try:
        data = log["data"]
        if len(data) != 2 + WORD * count:
            raise ValueError
        return [int(data[at : at + WORD], 16) for at in range(2, len(data), WORD)]
    except (KeyError, TypeError, ValueError) as error:
        raise bad_log(log, "a transfer or an account") from error
