"""Lies that a node can tell an auditor about a vault: one log or one answer is another."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import encode
from msgspec import to_builtins
from strongroom.audit.events import AuditedEvent
from strongroom.audit.logs import RawLog
from strongroom.audit.node import Node
from strongroom.audit.readers import Readers, read_log, vault_readers
from strongroom.chain.failures import CallReverted

BIG = 10**30
OTHER = "0x" + "77" * 20


@dataclass(frozen=True)
class Lie:
    """Which event is told otherwise, and what an auditor must say of it.

    Attributes:
        event: name; `where` chooses among those of this name, the middle one of what is left
        changes: field -> its new value from the old one; none: the log is left out
        what: how a difference begins, at the event's own block, and none is in an earlier one
        twice: the log is given twice instead
        later: it may stand in a later block
    """

    event: str
    what: str
    changes: Mapping[str, Callable[[Any], Any]] | None = None
    where: Callable[[Any], bool] = lambda event: True
    twice: bool = False
    later: bool = False


def add(number: int) -> Callable[[Any], Any]:
    """Return what adds a number."""
    return lambda old: old + number


def times(number: int) -> Callable[[Any], Any]:
    """Return what multiplies by a number."""
    return lambda old: old * number


def be(value: Any) -> Callable[[Any], Any]:
    """Return what puts a value in place of the old one."""
    return lambda old: value


def head(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return what changes the first of a list."""
    return lambda old: (change(old[0]), *old[1:])


def some(field: str) -> Callable[[AuditedEvent], bool]:
    """Return whether a field is not 0 or empty."""
    return lambda event: bool(getattr(event, field))


def at(field: str, value: Any) -> Callable[[AuditedEvent], bool]:
    """Return whether a field has a value."""
    return lambda event: bool(getattr(event, field) == value)


def minted(event: Any) -> bool:
    """Whether a transfer is of new shares, not to the vault: a fee."""
    return int(event.sender, 16) == 0 and event.receiver != event.address


def losing(event: Any) -> bool:
    """Whether some first market's book is below its cost at the bid."""
    return any((book >> 85) % 2**85 < book % 2**85 for book in event.books[:1])


def unmark(word: int) -> int:
    """Return a mark whose bid is a cent lower."""
    return word - 10**16 if word & (2**64 - 1) >= 10**16 else word


BID = 1 << 85  # its place in a book

LIES = {
    "a claim of one share more": Lie("Deposit", "Deposit.shares", {"shares": add(1)}),
    "a claim of one unit more": Lie("Withdraw", "Withdraw.assets", {"assets": add(1)}),
    "a request of another epoch": Lie(
        "DepositRequest", "DepositRequest.requestId", {"requestId": add(1)}),
    "a request for fewer shares than were moved": Lie(
        "RedeemRequest", "Transfer.value: shares of a request", {"shares": add(-1)}),
    "a deposit that was larger": Lie(
        "DepositRequest", "EpochClosed.amount", {"assets": add(1)}, later=True),
    "a request left out": Lie("DepositRequest", "", later=True),
    "a fee's shares minted twice": Lie(
        "Transfer", "FeesAccrued.shares: minted to the recipients", where=minted, twice=True),
    "a fee's shares not minted": Lie(
        "Transfer", "FeesAccrued.shares: minted to the recipients", where=minted),
    "an epoch settled short": Lie("EpochSettled", "EpochSettled.taken", {"taken": add(-1)}),
    "one given too many": Lie("EpochSettled", "EpochSettled.given", {"given": add(1)}),
    "one left too many": Lie("EpochSettled", "EpochSettled.left", {"left": add(1)}),
    "a settlement left out": Lie("EpochSettled", "EpochSettled: logged"),
    "a settlement twice": Lie("EpochSettled", "EpochSettled", twice=True),
    "another anchor": Lie("EpochClosed", "EpochClosed.anchor", {"anchor": add(-1)}),
    "an epoch that was not closed": Lie("EpochClosed", "EpochClosed: logged"),
    "a management fee rounded up": Lie(
        "FeesAccrued", "FeesAccrued.management", {"management": add(1)}, some("management")),
    "a performance fee of one unit more": Lie(
        "FeesAccrued", "FeesAccrued.performance", {"performance": add(1)}),
    "fee shares rounded up": Lie("FeesAccrued", "FeesAccrued.shares", {"shares": add(1)}),
    "a lowered high-water mark": Lie(
        "FeesAccrued", "FeesAccrued.high_water_mark", {"high_water_mark": add(-1)}),
    "a fee left out": Lie("FeesAccrued", "FeesAccrued: logged before dealing"),
    "a NAV of one unit more": Lie("Dealt", "Dealt.nav_bid", {"nav_bid": add(1)}),
    "an ask NAV of one unit less": Lie("Dealt", "Dealt.nav_ask", {"nav_ask": add(-1)}),
    "another supply": Lie("Dealt", "Dealt.supply", {"supply": add(1)}),
    "a lower price for those who leave": Lie("Dealt", "Dealt.bid", {"bid": add(-1)}),
    "a lower price for those who come": Lie("Dealt", "Dealt.ask", {"ask": add(-1)}),
    "more room for deposits": Lie("Dealt", "Dealt.room", {"room": add(1)}),
    "a report that dealt nothing": Lie("Dealt", "Reported: dealt on"),
    "a report left out": Lie(
        "Reported", "Dealt: settled while the vault is flat", where=some("books")),
    "a market worth one unit more than it holds": Lie(
        "Reported", "Reported.books: value of", {"books": head(add(BID))}, losing),
    "a market worth more than its cost": Lie(
        "Reported", "Reported.books: bid above cost", {"books": head(add(BID * 10**15))},
        some("books")),
    "a market of less cost": Lie(
        "Reported", "Reported.books: exposure", {"books": head(add(1))}, some("books")),
    "a market left out": Lie(
        "Reported", "Reported.markets", {"markets": lambda old: old[:-1]}, some("markets")),
    "another mark than the one that was reported": Lie(
        "Reported", "Reported.books: value of", {"words": lambda old: tuple(map(unmark, old))},
        lambda it: any((book >> 85) % 2**85 > 10**6 for book in it.books), later=True),
    "a mark of no weight": Lie(
        "Reported", "view markOf", {"words": lambda old: tuple(map(unmark, old))},
        lambda it: any(map(unmark, it.words)) and it.words != tuple(map(unmark, it.words))),
    "an ask above one": Lie(
        "Reported", "Reported.words: marks", {"words": head(add(2 * 10**18 << 64))},
        some("words")),
    "exposure of one unit less": Lie("Allocated", "Allocated.exposure", {"exposure": add(-1)}),
    "a budget beyond the caps": Lie(
        "Allocated", "Allocated.assets", {"assets": add(BIG), "exposure": add(BIG)}),
    "a budget left out": Lie("Allocated", "", later=True),
    "money home that leaves more": Lie(
        "CameHome", "CameHome.exposure", {"exposure": add(1)}),
    "money home left out": Lie("CameHome", "", where=some("assets"), later=True),
    "a smaller loss": Lie("MarketClosed", "MarketClosed.loss", {"loss": add(1)}),
    "a market that was not closed": Lie("MarketClosed", "", later=True),
    "a market of too long a life": Lie(
        "MarketOpened", "MarketOpened.deadline", {"deadline": add(10**9)}),
    "a market of another question": Lie(
        "MarketOpened", "MarketOpened.question", {"question_id": be("0x" + "77" * 32)}),
    "an anchor that was ignored": Lie(
        "LimitSet", "view limit 0", {"new_value": be(1)}, at("limit", 0)),
    "a report that is too soon": Lie(
        "LimitSet", "Dealt: time since the last report", {"new_value": be(10**6)}, at("limit", 5),
        later=True),
    "another cap": Lie("ClassCapsSet", "view classOf 0", {"market_cap": be(1)}, at("class_id", 0)),
    "a cap that was crossed": Lie(
        "ClassCapsSet", "Allocated.assets: market cap", {"market_cap": be(1)}, later=True),
    "another guardian or reporter": Lie("RoleSet", "view ", {"account": be(OTHER)}),
    "another keeper": Lie("KeeperSet", "view keeperOf", {"keeper": be(OTHER)}),
    "another owner": Lie("OwnershipTransferred", "view owner", {"new_owner": be(OTHER)}),
    "a shorter notice": Lie("DelaySet", "view delayOf", {"delay": be(0)}),
    "lower fees": Lie("FeesSet", "view feeRates", {"performance_bps": be(0)}),
    "another recipient of fees": Lie(
        "FeeRecipientsSet", "view feeRecipients", {"recipients": be([(OTHER, 10_000)])}),
    "another deposit limit": Lie("DepositTermsSet", "view depositTerms", {"min_deposit": add(1)}),
    "another oracle": Lie("ClassAdded", "view classOf", {"oracle": be(OTHER)}),
}  # fmt: skip


class Liar(Node):
    """A node whose every answer goes through a change."""

    def __init__(self, url: str, change: Callable[[str, list[Any], Any], Any]) -> None:
        super().__init__(url, pause=lambda seconds: None)
        self.change = change

    def _batch(self, asked: Any) -> list[Any]:
        """Ask, and change the answers, as they come."""
        answers = super()._batch(asked)
        return [
            answer if isinstance(answer, CallReverted) else self.change(*each, to_builtins(answer))
            for each, answer in zip(asked, answers, strict=True)
        ]


def target(node: Node, vault: str, lie: Lie) -> AuditedEvent:
    """Return the event that a lie is about."""
    found = []
    for _, logs in node.logs([vault], 0, node.head()):
        for log in logs:
            event = read_log(log, vault_readers())
            if event is not None and event.name == lie.event and lie.where(event):
                found.append(event)
    return found[len(found) // 2]


def liar(url: str, event: AuditedEvent, lie: Lie) -> Liar:
    """Return a node that tells a lie about an event."""

    def change(method: str, parameters: list[Any], answer: Any) -> Any:
        if method != "eth_getLogs":
            return answer
        told = []
        for log in answer:
            if (int(log["blockNumber"], 16), int(log["logIndex"], 16)) != (
                event.block,
                event.index,
            ):
                told.append(log)
            elif lie.twice:
                told += [log, log]
            elif lie.changes is not None:
                told.append(altered(log, lie.changes, vault_readers()))
        return told

    return Liar(url, change)


def _as_bytes(type_: str, value: Any) -> Any:
    if type_ == "bytes32":
        return bytes.fromhex(value[2:].ljust(64, "0"))
    return [bytes.fromhex(each[2:]) for each in value] if type_ == "bytes32[]" else value


def altered(log: RawLog, changes: Mapping[str, Callable[[Any], Any]], readers: Readers) -> Any:
    """Return a log with other values of some fields."""
    reader = readers[log["topics"][0]]
    fields = reader.plain(reader.read(log))
    fields |= {name: change(fields[name]) for name, change in changes.items()}

    def encoded(pairs: tuple[tuple[str, str], ...]) -> bytes:
        types = ["bytes32" if type_ in ("string", "bytes4") else type_ for _, type_ in pairs]
        values = [
            _as_bytes(type_, fields[name]) for type_, (name, _) in zip(types, pairs, strict=True)
        ]
        return encode(types, values)

    topics = [encoded((pair,)) for pair in reader.topics]
    return {
        **log,
        "topics": [log["topics"][0], *("0x" + topic.hex() for topic in topics)],
        "data": "0x" + encoded(reader.data).hex(),
    }
