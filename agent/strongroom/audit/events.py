"""The events of a vault and of an exchange, a frozen record each, and the one place that decodes
their logs.

What a node sends is input: every field of a log is checked for presence, type and length before a
record is made of it. Fields are named as in the ABI, in Python's way of writing (`requestId` is
`request_id`); first those of the topics, then those of the data. Addresses and words are lower-case
hex, amounts whole numbers of base units.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import NotRequired, TypedDict, TypeVar, cast

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import collapse_if_tuple

from strongroom.chain import abi
from strongroom.chain.ids import (
    DecisionId,
    JsonObject,
    MarketId,
    OrderHash,
    Question,
    QuestionId,
    TokenId,
    keccak,
)
from strongroom.errors import BadInput, Differs

WORD = 64  # hex digits
TOPIC = WORD + 2  # with 0x
ADDRESS = 42  # letters of an address
MOST_TOPICS = 4


class BadLog(BadInput):
    """What the node sent is no log of its event; the message says which log."""


class RawLog(TypedDict):
    """A log as JSON-RPC has it; all text is hex."""

    address: str
    topics: list[str]
    data: str
    blockNumber: str
    blockHash: str
    transactionHash: str
    logIndex: str
    removed: NotRequired[bool]


@dataclass(frozen=True, slots=True)
class AuditedEvent:
    """Where an event stands; `address` is the contract that logged it, in lower case."""

    block: int
    transaction: str
    index: int
    address: str

    @property
    def name(self) -> str:
        """Return the event's name in the ABI."""
        return type(self).__name__


# requests and dealing


@dataclass(frozen=True, slots=True)
class DepositRequest(AuditedEvent):
    """Assets were handed in for shares of a later report."""

    controller: str
    owner: str
    request_id: int
    sender: str
    assets: int


@dataclass(frozen=True, slots=True)
class RedeemRequest(AuditedEvent):
    """Shares were handed in for assets of a later report."""

    controller: str
    owner: str
    request_id: int
    sender: str
    shares: int


@dataclass(frozen=True, slots=True)
class DepositRequestCancelled(AuditedEvent):
    """A request left its epoch; `assets` went back."""

    controller: str
    receiver: str
    request_id: int
    assets: int


@dataclass(frozen=True, slots=True)
class RedeemRequestCancelled(AuditedEvent):
    """A request left its epoch; `shares` went back."""

    controller: str
    receiver: str
    request_id: int
    shares: int


@dataclass(frozen=True, slots=True)
class Deposit(AuditedEvent):
    """Shares of a settled request were given out."""

    sender: str
    owner: str
    assets: int
    shares: int


@dataclass(frozen=True, slots=True)
class Withdraw(AuditedEvent):
    """Assets of a settled request were paid out."""

    sender: str
    receiver: str
    owner: str
    assets: int
    shares: int


@dataclass(frozen=True, slots=True)
class EpochClosed(AuditedEvent):
    """A report closed an epoch: a later one may settle it; `anchor` is a price."""

    side: int
    epoch: int
    amount: int
    anchor: int


@dataclass(frozen=True, slots=True)
class EpochSettled(AuditedEvent):
    """A report took so many in units of an epoch and gave out units for them."""

    side: int
    epoch: int
    taken: int
    given: int
    left: int


@dataclass(frozen=True, slots=True)
class EpochHandedBack(AuditedEvent):
    """A report priced an epoch too far from its anchor: it never settles."""

    side: int
    epoch: int
    price: int


@dataclass(frozen=True, slots=True)
class RedeemedInKind(AuditedEvent):
    """Shares were burned for a part of everything: `part` of `supply`, but of skipped markets."""

    owner: str
    receiver: str
    shares: int
    part: int
    supply: int
    assets: int
    skipped: tuple[MarketId, ...]


@dataclass(frozen=True, slots=True)
class PaidInKind(AuditedEvent):
    """Collateral of a delegated account left with a holder; `cost` of it had been sent there."""

    market: MarketId
    assets: int
    cost: int


@dataclass(frozen=True, slots=True)
class Transfer(AuditedEvent):
    """Shares moved; from or to the zero address they were minted or burned."""

    sender: str
    receiver: str
    value: int


@dataclass(frozen=True, slots=True)
class Approval(AuditedEvent):
    """Somebody may spend shares."""

    owner: str
    spender: str
    value: int


@dataclass(frozen=True, slots=True)
class OperatorSet(AuditedEvent):
    """Somebody may act on another's requests."""

    controller: str
    operator: str
    approved: bool


# reports


@dataclass(frozen=True, slots=True)
class Unanswered(AuditedEvent):
    """An account did not say in time, or not in range, what it holds."""

    market: MarketId
    account: str


@dataclass(frozen=True, slots=True)
class Reported(AuditedEvent):
    """Marks took effect: of each open market its book, of each of its conditions its mark."""

    evidence: str
    markets: tuple[MarketId, ...]
    books: tuple[int, ...]
    words: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Dealt(AuditedEvent):
    """A report or a settlement dealt: NAV after fees, the prices published, room for deposits."""

    nav_bid: int
    nav_ask: int
    supply: int
    bid: int
    ask: int
    room: int


@dataclass(frozen=True, slots=True)
class FeesAccrued(AuditedEvent):
    """Fees of a report or an exit: assets, the shares minted for them, the new high-water mark."""

    management: int
    performance: int
    shares: int
    high_water_mark: int


@dataclass(frozen=True, slots=True)
class BreakerReset(AuditedEvent):
    """Drawdown counts from this price on."""

    reference: int


@dataclass(frozen=True, slots=True)
class WindDown(AuditedEvent):
    """Nothing is bought any more."""

    account: str


# markets


@dataclass(frozen=True, slots=True)
class MarketOpened(AuditedEvent):
    """A market got an account."""

    market: MarketId
    account: str
    class_id: int
    question: Question
    question_id: QuestionId
    conditions: int
    deadline: int


@dataclass(frozen=True, slots=True)
class Allocated(AuditedEvent):
    """A market's account got assets."""

    market: MarketId
    assets: int
    exposure: int


@dataclass(frozen=True, slots=True)
class CameHome(AuditedEvent):
    """An account sent assets: `cost` of them as what it had got, the rest is profit."""

    market: MarketId
    account: str
    assets: int
    cost: int
    exposure: int


@dataclass(frozen=True, slots=True)
class MarketClosed(AuditedEvent):
    """A market left the list: what its account has not returned is a loss.

    Attributes:
        written_off: what its tokens and wallet stood for, assets
        halted: it had been halted before, and is never opened again
        holds: the account still holds something
        listed: and has a place in the list of what waits to be swept
    """

    market: MarketId
    account: str
    loss: int
    written_off: int
    halted: bool
    holds: bool
    listed: bool


@dataclass(frozen=True, slots=True)
class Swept(AuditedEvent):
    """A closed account was looked at: whether it is empty, and what it still stands for."""

    account: str
    emptied: bool
    remains: int


# governance


@dataclass(frozen=True, slots=True)
class OwnershipTransferred(AuditedEvent):
    """The owner is another."""

    previous_owner: str
    new_owner: str


@dataclass(frozen=True, slots=True)
class OwnershipTransferStarted(AuditedEvent):
    """Somebody may become the owner."""

    previous_owner: str
    new_owner: str


@dataclass(frozen=True, slots=True)
class RoleMinterChanged(AuditedEvent):
    """Somebody may mint shares, or may not any more."""

    minter: str
    status: bool


@dataclass(frozen=True, slots=True)
class RoleSet(AuditedEvent):
    """A role went to an account; `role` is the hash of its name."""

    role: str
    account: str


@dataclass(frozen=True, slots=True)
class Paused(AuditedEvent):
    """Deposits, budget and orders stopped."""

    account: str


@dataclass(frozen=True, slots=True)
class Unpaused(AuditedEvent):
    """They went on."""

    account: str


@dataclass(frozen=True, slots=True)
class CallSubmitted(AuditedEvent):
    """A call was announced."""

    call_hash: str
    delay: int
    call: bytes


@dataclass(frozen=True, slots=True)
class CallRevoked(AuditedEvent):
    """An announced call was vetoed."""

    call_hash: str


@dataclass(frozen=True, slots=True)
class CallExecuted(AuditedEvent):
    """An announced call was made."""

    call_hash: str


@dataclass(frozen=True, slots=True)
class DelaySet(AuditedEvent):
    """A function's calls must be announced so many seconds before."""

    selector: str
    delay: int


@dataclass(frozen=True, slots=True)
class Abdicated(AuditedEvent):
    """What a function does to raise risk can never be done again."""

    selector: str


@dataclass(frozen=True, slots=True)
class LimitSet(AuditedEvent):
    """A limit changed; `limit` is its ordinal."""

    limit: int
    new_value: int


@dataclass(frozen=True, slots=True)
class FeesSet(AuditedEvent):
    """The rates of the fees changed."""

    management_bps: int
    performance_bps: int
    hurdle_bps: int


@dataclass(frozen=True, slots=True)
class FeeRecipientsSet(AuditedEvent):
    """Who gets which part of the fees, in bps."""

    recipients: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class DepositTermsSet(AuditedEvent):
    """How much may be deposited in all, and how little at once; assets."""

    deposit_limit: int
    min_deposit: int


@dataclass(frozen=True, slots=True)
class AllowListSet(AuditedEvent):
    """Who may deposit is asked of a contract; the zero address: everybody may."""

    allow_list: str


@dataclass(frozen=True, slots=True)
class ClassAdded(AuditedEvent):
    """A strategy may be traded."""

    class_id: int
    implementation: str
    oracle: str
    grade: int
    max_duration: int


@dataclass(frozen=True, slots=True)
class ClassCapsSet(AuditedEvent):
    """A class's caps changed: assets, and bps of NAV."""

    class_id: int
    market_cap: int
    market_cap_bps: int
    class_cap: int
    class_cap_bps: int


@dataclass(frozen=True, slots=True)
class ClassRetired(AuditedEvent):
    """A class opens no market and gets no budget any more."""

    class_id: int


@dataclass(frozen=True, slots=True)
class KeeperSet(AuditedEvent):
    """A class's keeper is another; the zero address: nobody."""

    class_id: int
    keeper: str


@dataclass(frozen=True, slots=True)
class LossesForgiven(AuditedEvent):
    """Losses of a class and of the vault count no more."""

    class_id: int
    assets: int


# the exchange


@dataclass(frozen=True, slots=True)
class OrderFilled(AuditedEvent):
    """An order was filled; `metadata` is the id of the decision that it follows from."""

    order_hash: OrderHash
    maker: str
    taker: str
    side: int
    token_id: TokenId
    maker_amount_filled: int
    taker_amount_filled: int
    fee: int
    builder: str
    metadata: DecisionId


E = TypeVar("E", bound=AuditedEvent)
B = TypeVar("B")
VAULT_EVENTS: tuple[type[AuditedEvent], ...] = (
    *(DepositRequest, RedeemRequest, DepositRequestCancelled, RedeemRequestCancelled),
    *(Deposit, Withdraw, EpochClosed, EpochSettled, EpochHandedBack),
    *(RedeemedInKind, PaidInKind, Transfer, Approval, OperatorSet),
    *(Unanswered, Reported, FeesAccrued, Dealt, BreakerReset, WindDown),
    *(MarketOpened, Allocated, CameHome, MarketClosed, Swept),
    *(OwnershipTransferred, OwnershipTransferStarted, RoleMinterChanged, RoleSet),
    *(Paused, Unpaused, CallSubmitted, CallRevoked, CallExecuted, DelaySet, Abdicated),
    *(LimitSet, FeesSet, FeeRecipientsSet, DepositTermsSet, AllowListSet),
    *(ClassAdded, ClassCapsSet, ClassRetired, KeeperSet, LossesForgiven),
)


def on(
    kind: type[E], handler: Callable[[B, E], None]
) -> tuple[type[AuditedEvent], Callable[[B, AuditedEvent], None]]:
    """Return a line of a table from event to handler; it is called with events of its kind only."""
    return kind, cast("Callable[[B, AuditedEvent], None]", handler)


@dataclass(frozen=True)
class Transaction:
    """One transaction's events of the vault, and the time of its block."""

    time: int
    events: tuple[AuditedEvent, ...]

    def of(self, kind: type[E]) -> list[E]:
        """Return the events of a kind."""
        return [each for each in self.events if isinstance(each, kind)]


def by_transaction(events: Iterable[AuditedEvent]) -> list[list[AuditedEvent]]:
    """Return events in groups of one transaction, in order."""
    groups: list[list[AuditedEvent]] = []
    for event in events:
        if groups and groups[-1][-1].transaction == event.transaction:
            groups[-1].append(event)
        else:
            groups.append([event])
    return groups


# decoding


def _signed(text: str) -> int:
    value = int(text, 16)
    return value - 2**256 if value >= 2**255 else value


Read = Callable[[str], object]
# What a word of 64 digits is, by its type in the ABI; a topic begins with 0x. The topic of a string
# is its hash.
_IN_DATA: Mapping[str, Read] = {
    "address": lambda word: "0x" + word[24:],
    "bool": lambda word: word[-1] == "1",
    "bytes4": lambda word: "0x" + word[:8],
    "bytes32": lambda word: "0x" + word,
    "int256": _signed,
    "uint8": lambda word: int(word, 16),
    "uint256": lambda word: int(word, 16),
}
_IN_TOPICS: Mapping[str, Read] = {
    "address": lambda topic: "0x" + topic[26:],
    "bytes4": lambda topic: topic[:10],
    "bytes32": str,
    "string": str,
    "uint256": lambda topic: int(topic, 16),
}


def _as_text(type_: str, value: object) -> object:
    """Return a value as the ABI decodes it, lists of words as text."""
    if type_ != "bytes32[]":
        return value
    return tuple("0x" + bytes(each).hex() for each in cast("Sequence[bytes]", value))


@dataclass(frozen=True)
class Reader:
    """How an event's log is read.

    Attributes:
        record: what it becomes
        topics: name and type in the ABI of the fields in the topics
        data: the same of those in the data
    """

    record: type[AuditedEvent]
    topics: tuple[tuple[str, str], ...]
    data: tuple[tuple[str, str], ...]
    _make: Callable[..., AuditedEvent]
    _of_topics: tuple[Read, ...]
    _of_words: tuple[tuple[int, int, Read], ...]  # start, end; empty where a field is dynamic
    _types: tuple[str, ...]  # of a dynamic layout
    _digits: int  # of a static layout's data

    def read(self, log: RawLog) -> AuditedEvent:
        """Return the record of a log of this event.

        Raises:
            BadLog: a field is missing, of another type or of another length.
        """
        try:
            topics, data = log["topics"], log["data"]
            values = [
                read(topic)
                for read, topic in zip(self._of_topics, topics[1:], strict=True)
                if len(topic) == TOPIC
            ]
            if self._types:
                found = decode(self._types, bytes.fromhex(data[2:]))
                values += map(_as_text, self._types, found)
            elif len(data) == self._digits:
                values += [read(data[start:end]) for start, end, read in self._of_words]
            return self._make(
                int(log["blockNumber"], 16),
                log["transactionHash"],
                int(log["logIndex"], 16),
                log["address"].lower(),
                *values,
            )
        except (TypeError, ValueError, KeyError, AttributeError, DecodingError) as error:
            raise bad_log(log, self.record.__name__) from error

    def plain(self, event: AuditedEvent) -> JsonObject:
        """Return an event's own fields, named as in the ABI."""
        names = [name for name, _ in (*self.topics, *self.data)]
        values = [getattr(event, each.name) for each in fields(event)[len(fields(AuditedEvent)) :]]
        return dict(zip(names, values, strict=True))


def bad_log(log: RawLog, what: str) -> BadLog:
    """Return the error that names a log."""
    known = log if isinstance(log, dict) else {}
    place = ", ".join(f"{name} {known.get(name)!r}"[:80] for name in ("blockNumber", "logIndex"))
    return BadLog(f"the node's answer is no log of {what} ({place}): ask another node")


def check_log(log: RawLog) -> tuple[int, int]:
    """Return where a log stands: block, and place in it. Refuse what has not the shape of a log;
    what its words mean is checked where they are read.

    Raises:
        BadLog: a field is missing, or of another type or length.
    """
    try:
        words = [*log["topics"], log["blockHash"], log["transactionHash"]]
        numbers = int(log["blockNumber"], 16), int(log["logIndex"], 16)
        is_shaped = (
            set(map(len, words)) == {TOPIC}
            and {word[:2] for word in words} == {"0x"}
            and 0 < len(log["topics"]) <= MOST_TOPICS
            and log["data"].startswith("0x")
            and len(log["address"]) == ADDRESS
            and min(numbers) >= 0
        )
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise bad_log(log, "any event") from error
    if not is_shaped:
        raise bad_log(log, "any event")
    return numbers


def misplaced(log: RawLog, why: str) -> BadLog:
    """Return the error that names a log which does not belong into an answer."""
    place = ", ".join(f"{name} {log.get(name)!r}"[:80] for name in ("blockNumber", "logIndex"))
    return BadLog(f"the node's answer has a log ({place}) that does not belong there: {why}")


Readers = Mapping[str, Reader]


@cache
def vault_readers() -> Readers:
    """Return topic -> reader of all events that the vault's ABI has.

    Raises:
        Differs: the ABI and the records are not the same events and fields.
    """
    return _readers("Vault", VAULT_EVENTS)


@cache
def exchange_readers() -> Readers:
    """Return topic -> reader of the events of an exchange that count.

    Raises:
        Differs: see `vault_readers`.
    """
    return _readers("Exchange", (OrderFilled,))


def order_filled_reader() -> Reader:
    """Return the reader of fills."""
    (reader,) = exchange_readers().values()
    return reader


def _readers(contract: str, records: tuple[type[AuditedEvent], ...]) -> Readers:
    known = {record.__name__: record for record in records}
    found = {}
    for entry in abi.load(contract):
        if entry["type"] != "event" or (contract != "Vault" and entry["name"] not in known):
            continue
        record = known.pop(entry["name"], None)
        if record is None:
            raise Differs(f"{contract} logs {entry['name']}: audit/events.py has no record of it")
        pairs = [
            (each["name"], collapse_if_tuple(dict(each)), each["indexed"])
            for each in entry["inputs"]
        ]
        signature = f"{entry['name']}({','.join(type_ for _, type_, _ in pairs)})"
        topics = tuple((name, type_) for name, type_, indexed in pairs if indexed)
        data = tuple((name, type_) for name, type_, indexed in pairs if not indexed)
        wanted = [_snake(name) for name, _ in (*topics, *data)]
        if [each.name for each in fields(record)[len(fields(AuditedEvent)) :]] != wanted:
            raise Differs(f"{record.__name__} has other fields than the ABI: {wanted}")
        found["0x" + keccak(signature.encode()).hex()] = _reader(record, topics, data)
    if known:
        raise Differs(f"{contract} does not log {', '.join(known)}")
    return found


def _reader(
    record: type[AuditedEvent],
    topics: tuple[tuple[str, str], ...],
    data: tuple[tuple[str, str], ...],
) -> Reader:
    types = tuple(type_ for _, type_ in data)
    static = all(type_ in _IN_DATA for type_ in types)
    words = tuple(
        (2 + place * WORD, 2 + (place + 1) * WORD, _IN_DATA[type_])
        for place, type_ in enumerate(types if static else ())
    )
    of_topics = tuple(_IN_TOPICS[type_] for _, type_ in topics)
    digits = 2 + len(words) * WORD
    return Reader(record, topics, data, record, of_topics, words, () if static else types, digits)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])([A-Z])", lambda found: "_" + found[1].lower(), name)


def read_log(log: RawLog, readers: Readers) -> AuditedEvent | None:
    """Return a log's event, or None where it is none of the known ones.

    Raises:
        BadLog: it is no log, or not what its event must be.
    """
    try:
        reader = readers.get(log["topics"][0])
    except (KeyError, IndexError, TypeError) as error:
        raise bad_log(log, "any event") from error
    return None if reader is None else reader.read(log)


def read_logs(logs: Iterable[RawLog], readers: Readers) -> list[AuditedEvent]:
    """Return the events of logs, without those that are not known; raises BadLog."""
    return [event for log in logs if (event := read_log(log, readers)) is not None]
