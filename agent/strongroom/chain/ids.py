"""Identities, each in one representation, and the hashes that make them.

What has 32 bytes is lower-case hex text inside, "0x" and 64 digits; a token is an integer. Bytes
exist at two borders alone: calls of contracts (calls.py) and what is signed (signing/).
"""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NewType

from pydantic_core import from_json
from sha3 import keccak_256
from typing_extensions import TypeAliasType

from strongroom.errors import BadInput

ConditionId = NewType("ConditionId", str)  # of ConditionalTokens: one binary question
QuestionId = NewType("QuestionId", str)
Question = NewType("Question", str)  # what is bet on: a condition, or an event of negative risk
MarketId = NewType("MarketId", str)  # what a vault calls a question in one of its classes
TokenId = NewType("TokenId", int)  # an outcome token
OrderHash = NewType("OrderHash", str)  # EIP-712, in the exchange's domain
DecisionId = NewType("DecisionId", str)  # keccak of a decision record; an order's metadata
IntentKey = NewType("IntentKey", str)  # of an order: decision, leg, attempt
TransactionKey = NewType("TransactionKey", str)  # of a Safe transaction in the journal

Json = TypeAliasType(
    "Json", "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
)
JsonObject = Mapping[str, Json]  # what JSON and TOML files, requests and answers hold


class BadId(BadInput):
    """The text is no id of 32 bytes."""


def keccak(data: bytes) -> bytes:
    """Return keccak-256."""
    return keccak_256(data).digest()  # type: ignore[no-any-return]


def to_hex(data: bytes) -> str:
    """Return bytes as text, 0x..."""
    return "0x" + data.hex()


def to_bytes(text: str) -> bytes:
    """Return the bytes of hex text, with or without 0x."""
    return bytes.fromhex(text.removeprefix("0x"))


def id_text(value: object) -> str:
    """Return an id of 32 bytes, given as bytes or as hex text, as it is written inside.

    Raises:
        BadId: it is none.
    """
    try:
        data = to_bytes(value) if isinstance(value, str) else bytes(value)  # type: ignore[call-overload]
    except (TypeError, ValueError) as error:
        raise BadId(f"{value!r} is no hex string") from error
    if len(data) != 32:
        raise BadId(f"{value!r} is not 32 bytes")
    return to_hex(data)


def condition_id(value: object) -> ConditionId:
    """Return a condition's id; raises BadId."""
    return ConditionId(id_text(value))


def question_id(value: object) -> QuestionId:
    """Return a question's id; raises BadId."""
    return QuestionId(id_text(value))


def market_id(value: object) -> MarketId:
    """Return a vault market's id; raises BadId."""
    return MarketId(id_text(value))


def question_key(value: object) -> Question:
    """Return the id of a condition or an event, as what is bet on; raises BadId."""
    return Question(id_text(value))


def market_of(class_id: int, question: str) -> MarketId:
    """Return a vault's id of the market of a class on a question, as contracts/modules/markets.vy
    makes it; raises BadId."""
    return _market_of(class_id, question)


@lru_cache(16_384)  # it is asked for each market that is known, many times a tick
def _market_of(class_id: int, question: str) -> MarketId:
    return MarketId(to_hex(keccak(class_id.to_bytes(32, "big") + to_bytes(id_text(question)))))


def question_number(question: QuestionId) -> int:
    """Return the place of a question in its negative-risk event: the id's last byte."""
    return int(question[-2:], 16)


def canonical(value: Json) -> bytes:
    """Return canonical JSON: sorted keys, no spaces, UTF-8."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def read_json(text: str | bytes) -> Json:
    """Return what JSON from outside holds.

    Not `json.loads`: libraries of Ethereum raise Python's recursion limit so far that a text of
    100,000 brackets ends the process.

    Raises:
        ValueError: it is no JSON, or deeper than 200.
    """
    return from_json(text)  # type: ignore[no-any-return]


def decision_id(record: Json) -> DecisionId:
    """Return keccak of a decision record's canonical JSON; an order's signed `metadata`."""
    return decision_of(canonical(record))


def decision_of(text: bytes) -> DecisionId:
    """Return the id of the decision whose record has this canonical JSON."""
    return DecisionId(to_hex(keccak(text)))


def intent_key(decision: DecisionId, leg: int, attempt: int) -> IntentKey:
    """Return what makes an intent's order its own: the decision, the leg, the attempt."""
    place = leg.to_bytes(4, "big") + attempt.to_bytes(4, "big")
    return IntentKey(to_hex(keccak(to_bytes(decision) + place)))


def transaction_key(data: bytes) -> TransactionKey:
    """Return the key of a Safe transaction, from what makes it its own."""
    return TransactionKey(to_hex(keccak(data)))
