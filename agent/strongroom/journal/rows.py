"""What the journal gives back: orders, tasks, transactions and fills, frozen and typed."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter
from sqlalchemy.engine import RowMapping

from strongroom.analysis.calibration import Forecast
from strongroom.chain.calls import Call
from strongroom.chain.ids import (
    ConditionId,
    DecisionId,
    IntentKey,
    MarketId,
    OrderHash,
    TokenId,
    TransactionKey,
)
from strongroom.chain.orders import OrderKind, Outcome, Side
from strongroom.chain.units import MICRO
from strongroom.journal.states import (
    AnswerKind,
    ApprovalState,
    IntentState,
    RevealState,
    TaskState,
    TradeStatus,
    TransactionState,
    VenueWord,
)
from strongroom.strategy.record import DecisionRecord, decode

DECIDED = "decided "  # before a market's id: the fact of when it was last decided on
_NO_HASH = OrderHash("")


@dataclass(frozen=True)
class OrderIntent:
    """An order that is wanted, and how far it has come.

    Attributes:
        token: micro-tokens of it are traded
        price: limit, 10**-6
        size, filled: micro-tokens; a BUY that finds better prices may be filled with more
        time: of the decision, timestamp
        maker: a wallet that trades for the account; empty: the account itself
        signer: the key that a maker, a Safe, was made for; empty: the maker itself answers
        answer: the venue's, to the order itself
        order_hash, signature, expiry, block: from SIGNED on; no fill can be older than the block
    """

    key: IntentKey
    decision: DecisionId
    account: str
    condition: ConditionId
    token: TokenId
    side: Side
    price: int
    size: int
    time: int
    kind: OrderKind = OrderKind.GTC
    exchange: str = ""
    maker: str = ""
    state: IntentState = IntentState.PLANNED
    venue: VenueWord = VenueWord.NONE
    answer: AnswerKind | None = None
    order_hash: OrderHash = _NO_HASH
    signature: bytes = b""
    expiry: int = 0
    block: int = 0
    filled: int = 0
    reason: str = ""
    signer: str = ""

    @property
    def cash(self) -> int:
        """What the whole of it is worth at its limit, micro-units, up."""
        return -(-self.size * self.price // MICRO)

    def wants_the_same(self, other: "OrderIntent") -> bool:
        """Whether both are the same order, however far they have come."""
        return all(getattr(self, name) == getattr(other, name) for name in WANTED)


WANTED = (
    *("key", "decision", "account", "condition", "token", "side", "price", "size", "time"),
    *("kind", "exchange", "maker", "signer"),
)


@dataclass(frozen=True)
class Task:
    """A decision that is carried out."""

    number: int
    decision: DecisionId
    time: int  # of the decision, timestamp
    state: TaskState
    reason: str
    revealed: bool  # in the evidence of a report


@dataclass(frozen=True)
class Unrevealed:
    """A decision whose record no report's evidence has shown yet.

    Attributes:
        closed: nothing of it is carried out any more
        stated: a report has said that it is withheld
    """

    id: DecisionId
    record: DecisionRecord
    closed: bool
    stated: bool


@dataclass(frozen=True)
class SupposedFill:
    """What an order would have been filled with: micro-tokens, and cash with fees, micro-units."""

    market: MarketId
    condition: ConditionId
    outcome: Outcome
    side: Side
    size: int
    cash: int  # paid with fees, or received after them

    def __str__(self) -> str:
        return f"{self.side} {self.size / MICRO:g} for {self.cash / MICRO:.6f}"


@dataclass(frozen=True)
class AskedDecision:
    """A decision that waits for a person's yes, or did.

    Attributes:
        time, expires: timestamps of the chain
        answered: timestamp, by the clock of who answered; None: nobody did
        fills: by the books that the decision saw; None: it rests, so nobody can say
        profit: of those fills, once all its markets have resolved, micro-units; None: not known
    """

    decision: DecisionId
    time: int
    expires: int
    state: ApprovalState
    answered: int | None
    reason: str
    fills: tuple[SupposedFill, ...] | None
    profit: int | None


@dataclass(frozen=True)
class SafeTransaction:
    """A transaction of a Safe, and how far it has come.

    Attributes:
        nonce: of the Safe; -1 before it is signed; a cancel has the one that it is for
        safe_hash: what the owners signed, 0x...
        block: it cannot have been executed before
        hashes: of the transactions that carried it
        executor_nonce, max_fee: of the last one sent; wei a gas
        mined: block
        safe: whose it is; the keeper's and the reporter's never wait for each other's nonces
        until: the last moment at which it is sent, timestamp; None: any
        sent: last, timestamp of the newest block then; 0: never
    """

    key: TransactionKey
    number: int
    purpose: str
    calls: tuple[Call, ...]
    time: int
    state: TransactionState
    nonce: int = -1
    safe_hash: str = ""
    signatures: bytes = b""
    block: int = 0
    hashes: tuple[str, ...] = ()
    executor_nonce: int | None = None
    max_fee: int | None = None
    mined: int = 0
    reason: str = ""
    safe: str = ""
    until: int | None = None
    sent: int = 0


@dataclass(frozen=True)
class OrderFill:
    """One `OrderFilled` of an intent's order: what it gave, what it got, and the fee beside."""

    transaction: str
    log_index: int
    making: int
    taking: int
    fee: int

    def tokens(self, side: Side) -> int:
        """Return what was traded, micro-tokens: a better price is more of them, not less."""
        return self.taking if side == Side.BUY else self.making


_FILLS = TypeAdapter(tuple[SupposedFill, ...])
Made = TypeVar("Made")
Make = Callable[[RowMapping], Made]
Columns = Mapping[str, str | int | bytes | None]  # of a row, to be written


def row_of(names: Sequence[str], values: Sequence[object]) -> RowMapping:
    """Return a row that SQLite gave by itself."""
    return cast(RowMapping, dict(zip(names, values, strict=True)))


def intent_of(row: RowMapping) -> OrderIntent:
    """Decode a row of `intents`."""
    return OrderIntent(
        **_named(row)
        | {
            "token": TokenId(int(row["token"])),
            "side": Side(row["side"]),
            "kind": OrderKind(row["kind"]),
            "state": IntentState(row["state"]),
            "venue": VenueWord(row["venue"]),
            "answer": AnswerKind(row["answer"]) if row["answer"] else None,
        }
    )


def intent_columns(intent: OrderIntent) -> Columns:
    """Return an intent as a row."""
    return vars(intent) | {"token": str(intent.token), "answer": intent.answer or ""}


def task_of(row: RowMapping) -> Task:
    """Decode a row of `tasks`."""
    return Task(
        row["number"],
        row["decision"],
        row["time"],
        TaskState(row["state"]),
        row["reason"],
        row["revealed"] == RevealState.YES,
    )


def fill_of(row: RowMapping) -> OrderFill:
    """Decode a row of `fills`."""
    names = ("transaction", "log_index", "making", "taking", "fee")
    return OrderFill(*(row[name] for name in names))


def trade_of(row: RowMapping) -> tuple[str, TradeStatus]:
    """Decode a row of `trades`: its id, and the venue's last word."""
    return row["id"], TradeStatus(row["status"])


def forecast_of(row: RowMapping) -> tuple[str, int | None, Forecast]:
    """Decode a row of resolved `forecasts`: the source, when its market's outcome was first learnt,
    and what was said."""
    names = ("event", "chance", "mid", "outcome", "frozen_at", "evidence_at", "market", "known_at")
    return row["source"], row["learnt"], Forecast(*(row[name] for name in names))


def market_of_forecast(row: RowMapping) -> ConditionId:
    """Return the market of a row of `forecasts`."""
    return ConditionId(row["market"])


def value_of(row: RowMapping) -> str:
    """Return the value of a row of `facts`."""
    return str(row["value"])


def last_decided_of(row: RowMapping) -> tuple[MarketId, int]:
    """Decode a fact of when a market was last decided on."""
    return MarketId(row["name"].removeprefix(DECIDED)), int(row["value"])


def unrevealed_of(row: RowMapping) -> Unrevealed:
    """Decode a decision, and how its task stands."""
    closed, stated = row["state"] == TaskState.CLOSED, row["revealed"] == RevealState.STATED
    return Unrevealed(row["id"], decode(row["record"]), closed, stated)


def decision_of(row: RowMapping) -> DecisionId:
    """Return the id of a row of `decisions`."""
    return DecisionId(row["id"])


def record_of(row: RowMapping) -> DecisionRecord:
    """Decode the record of a row of `decisions`."""
    return decode(row["record"])


def record_text_of(row: RowMapping) -> str:
    """Return the record of a row of `decisions` as canonical JSON."""
    return str(row["record"])


def approval_of(row: RowMapping) -> AskedDecision:
    """Decode a row of `approvals`."""
    fills = None if row["fills"] is None else _FILLS.validate_json(row["fills"])
    return AskedDecision(**_named(row) | {"state": ApprovalState(row["state"]), "fills": fills})


def fills_json(fills: Sequence[SupposedFill] | None) -> str | None:
    """Return simulated fills as the journal keeps them."""
    return None if fills is None else _FILLS.dump_json(tuple(fills)).decode()


def transaction_of(row: RowMapping) -> SafeTransaction:
    """Decode a row of `transactions`."""
    return SafeTransaction(
        **_named(row)
        | {
            "calls": tuple(Call(to, data) for to, data in json.loads(row["calls"])),
            "state": TransactionState(row["state"]),
            "hashes": tuple(json.loads(row["hashes"])),
        }
    )


def transaction_columns(transaction: SafeTransaction) -> Columns:
    """Return a transaction as a row."""
    return vars(transaction) | {
        "calls": calls_json(transaction.calls),
        "hashes": json.dumps(transaction.hashes),
    }


def calls_json(calls: tuple[Call, ...]) -> str:
    """Return calls as the journal keeps them."""
    return json.dumps([[call.to, call.data] for call in calls])


def _named(row: RowMapping) -> dict[str, Any]:
    return {str(name): value for name, value in row.items()}
