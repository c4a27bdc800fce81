"""Ids of the venue's second protocol (VENUE d1): a position is one number whose fields say all.

From the highest bits down: module (8), base hash (128), arity (16), nothing (64), the chain that
resolves it (16), the question's index (16), the outcome (8). A condition is the number's first 31
bytes, an event its first 29; both are hex text here, without what they lack.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NewType

from strongroom.chain.ids import TokenId, keccak
from strongroom.chain.orders import Outcome
from strongroom.errors import BadInput

PositionCondition = NewType("PositionCondition", str)  # 31 bytes, "0x" and 62 digits
PositionEvent = NewType("PositionEvent", str)  # 29 bytes, "0x" and 58 digits

_HASH = 2**128 - 1
_FIELD = 2**16 - 1
_OUTCOME_BITS, _EVENT_BITS = 8, 24  # what a condition's and an event's id lack
_RESERVED = (2**64 - 1) << 40


class Module(IntEnum):
    """Which module of the protocol makes and redeems a position."""

    BINARY = 1  # one question of its own
    NEGATIVE_RISK = 2  # a question of an event of exclusive ones, or "Other"
    COMBINATORIAL = 3  # several positions together


@dataclass(frozen=True)
class Fields:
    """What a position's id says.

    Attributes:
        base: low 128 bits of keccak(abi.encode(module, data))
        arity: how many questions an event has, without Other; 0 outside negative risk
        chain: which chain's resolver may report it; 0 is Polygon
        index: the question's place in its event; `arity` is Other
        outcome: 0 YES, 1 NO
    """

    module: int
    base: int
    arity: int
    chain: int
    index: int
    outcome: int

    @property
    def is_other(self) -> bool:
        """Whether it is of an event's synthetic question, which is YES if all others are NO."""
        return self.module == Module.NEGATIVE_RISK and self.index == self.arity


def is_position(token: int) -> bool:
    """Say whether a token's id is one of this protocol: hashes of the other one never have 64 bits
    of 0 in that place."""
    return 0 <= token < 2**256 and not token & _RESERVED


def fields_of(position: int) -> Fields:
    """Return what a position's id says.

    Raises:
        BadInput: the 64 bits that stand for nothing are not 0, so it is no id of this protocol.
    """
    if not is_position(position):
        raise BadInput(
            f"{position} is no position of Protocol V2: take the id from a record of version v2"
        )
    return Fields(
        position >> 248,
        position >> 120 & _HASH,
        position >> 104 & _FIELD,
        position >> 24 & _FIELD,
        position >> 8 & _FIELD,
        position & 255,
    )


def binary_condition(data: bytes) -> PositionCondition:
    """Return the condition of the binary question that `data` names."""
    return _condition(_encoded(Module.BINARY, data, 0))


def event_of(count: int, data: bytes) -> PositionEvent:
    """Return the event of `count` exclusive questions that `data` names.

    Raises:
        BadInput: an event has 2 to 65,535 questions.
    """
    if not 2 <= count <= _FIELD:
        raise BadInput(f"an event has 2 to {_FIELD} questions, not {count}")
    return PositionEvent(_text(_encoded(Module.NEGATIVE_RISK, data, count) >> _EVENT_BITS, 29))


def condition_of_event(event: PositionEvent, index: int) -> PositionCondition:
    """Return the condition of an event's question; at the event's arity it is Other.

    Raises:
        BadInput: the event has no such question.
    """
    word = _number(event, 29) << _EVENT_BITS
    arity = fields_of(word).arity
    if not 0 <= index <= arity:
        raise BadInput(f"{event} has questions 0 to {arity - 1} and Other at {arity}, not {index}")
    return _condition(word | index << _OUTCOME_BITS)


def combination(legs: Sequence[int]) -> PositionCondition:
    """Return the condition of a combination of positions.

    Args:
        legs: position ids, ascending
    """
    return _condition(_encoded(Module.COMBINATORIAL, _words(["uint256[]"], [list(legs)]), 0))


def position_condition(value: object) -> PositionCondition:
    """Return a condition as services write it: 62 digits, or 64 with an outcome behind (VENUE d1).

    Raises:
        BadInput: it is none of a question that a resolver of Polygon can report.
    """
    digits = str(value).removeprefix("0x").lower()
    if len(digits) == 64 and digits[-2:] in ("00", "01"):
        digits = digits[:-2]
    word = _number(digits, 31) << _OUTCOME_BITS
    fields = fields_of(word)
    if fields.module not in (Module.BINARY, Module.NEGATIVE_RISK):
        raise BadInput(f"{value} is of module {fields.module}: only questions are held, 1 and 2")
    if fields.module == Module.BINARY and fields.arity:
        raise BadInput(f"{value} has questions, but is of one question of its own")
    if fields.module == Module.NEGATIVE_RISK and fields.arity < 2:
        raise BadInput(f"{value} is of an event of fewer than 2 questions")
    if fields.chain != 0 or fields.index > fields.arity:
        raise BadInput(f"{value} is no question that can be resolved on this chain")
    return _condition(word)


def event_with(condition: PositionCondition) -> PositionEvent:
    """Return the event that a negative-risk condition is a question of."""
    return PositionEvent(condition[:-4])


def position_of(condition: PositionCondition, outcome: Outcome) -> TokenId:
    """Return the position of a condition's outcome."""
    return TokenId(_number(condition, 31) << _OUTCOME_BITS | outcome)


def _words(types: Sequence[str], values: Sequence[object]) -> bytes:
    from eth_abi.abi import encode  # a process that only decides has no use for it

    return encode(types, values)


def _encoded(module: Module, data: bytes, arity: int) -> int:
    digest = int.from_bytes(keccak(_words(["uint256", "bytes"], [module, data])), "big")
    return module << 248 | (digest & _HASH) << 120 | arity << 104


def _condition(position: int) -> PositionCondition:
    return PositionCondition(_text(position >> _OUTCOME_BITS, 31))


def _text(number: int, size: int) -> str:
    return "0x" + number.to_bytes(size, "big").hex()


def _number(text: str, size: int) -> int:
    digits = text.removeprefix("0x")
    if len(digits) != 2 * size:
        raise BadInput(f"{text} is not {size} bytes")
    try:
        return int(digits, 16)
    except ValueError as error:
        raise BadInput(f"{text} is no hex text") from error
