"""What a node answers to each method that an audit asks, in its one form, or refused."""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, TypedDict, cast

from msgspec import Struct, field, to_builtins
from msgspec.structs import astuple

from strongroom.audit.executed_answers import (
    block_answer,
    receipt_answer,
    signed_answer,
    trace_answer,
)
from strongroom.audit.hex_text import (
    ADDRESS,
    SHOWN,
    WORD,
    BadHex,
    are_of_size,
    are_plain,
    data_text,
    plain_quantity,
    quantity_text,
)
from strongroom.audit.log_answers import logs_answer
from strongroom.chain.failures import CallReverted
from strongroom.errors import BadInput

Question = tuple[str, list[Any]]  # a method of JSON-RPC and its parameters
METHOD: Callable[[Question], str] = itemgetter(0)
Form = Callable[[list[Any], Any], Any]
_OF_BLOCK = itemgetter("number", "hash", "parentHash", "timestamp")
LATEST = 253_402_300_799  # second of the last year that has four digits
_DATA = {"eth_call", "eth_getCode"}


class AnsweredBlock(TypedDict):
    """What is taken of a block without its transactions; of an answer that was not looked at yet,
    text of any kind."""

    number: str
    hash: str
    parentHash: str
    timestamp: str


class AnsweredTransaction(Struct, frozen=True, gc=False):
    """What is taken of a transaction; of an answer that was not looked at yet, text of any kind."""

    hash: str
    sender: str = field(name="from")
    input: str
    to: str | None = None


class BadAnswer(BadInput):
    """The answer to a question is none; the message says to which, and what came."""


def in_one_form(asked: Sequence[Question], answers: Sequence[Any]) -> Sequence[Any]:
    """Return answers in the form that is compared and believed. Calls that revert stay as they are,
    so do answers to methods that are no audit's.

    Raises:
        BadAnswer: one is none.
        BadLog: see `log_answers`.
    """
    methods = set(map(METHOD, asked))
    if methods <= _DATA and are_plain(answers):
        return answers
    for method, are_all_plain in _AT_ONCE.items():
        if methods == {method} and are_all_plain(asked, answers):
            return answers
    return [
        _form(method, parameters, answer)
        for (method, parameters), answer in zip(asked, answers, strict=True)
    ]


def _form(method: str, parameters: list[Any], answer: Any) -> Any:
    form = _FORMS.get(method)
    if form is None or isinstance(answer, CallReverted):
        return answer
    try:
        return form(parameters, answer)
    except (BadHex, _Odd) as error:
        raise BadAnswer(f"to {method}({str(parameters)[:SHOWN]}): {error}") from error


class _Odd(Exception):
    """An answer is not of the shape that it must have."""


def _block(parameters: list[Any], answer: Any) -> Any:
    if parameters[1:] != [False]:
        return block_answer(answer)
    if answer is None:
        raise _Odd("it does not know the block")
    found = _object(answer)
    number = quantity_text(found.get("number"))
    if number != parameters[0]:
        raise _Odd(f"it gives block {int(number, 16)} for block {int(parameters[0], 16)}")
    return {
        "number": number,
        "hash": data_text(found.get("hash"), WORD),
        "parentHash": data_text(found.get("parentHash"), WORD),
        "timestamp": _time(found.get("timestamp")),
    }


def _time(value: Any) -> str:
    found = quantity_text(value)
    if int(found, 16) > LATEST:
        raise _Odd(f"its time is {found[:SHOWN]}, after the year 9999")
    return found


def _transaction(parameters: list[Any], answer: Any) -> AnsweredTransaction | None:
    """None: the node has forgotten it."""
    if answer is None:
        return None
    found = _object(answer)
    name = data_text(found.get("hash"), WORD)
    if name != parameters[0]:
        raise _Odd(f"it gives transaction {name}")
    to = found.get("to")
    return AnsweredTransaction(
        name,
        data_text(found.get("from"), ADDRESS),
        data_text(found.get("input")),
        None if to is None else data_text(to, ADDRESS),
    )


def _are_plain_blocks(asked: Sequence[Question], answers: Sequence[Any]) -> bool:
    """Whether all are what `_block` makes of them, or have more besides."""
    try:
        numbers, *digests, times = zip(*map(_OF_BLOCK, answers), strict=True)
        texts = list(chain(*digests))
        return (
            [[number, False] for number in numbers] == [parameters for _, parameters in asked]
            and are_of_size(texts, WORD)
            and max(map(plain_quantity, times)) <= LATEST
        )
    except (TypeError, ValueError, KeyError, AttributeError):
        return False


def _are_plain_transactions(asked: Sequence[Question], answers: Sequence[Any]) -> bool:
    """Whether all are what `_transaction` makes of them."""
    if not {AnsweredTransaction}.issuperset(map(type, answers)):
        return False
    names, senders, data, receivers = zip(*map(astuple, answers), strict=True)
    ends = [each for each in (*senders, *receivers) if each is not None]
    return (
        list(names) == [parameters[0] for _, parameters in asked]
        and are_of_size(ends, ADDRESS)
        and are_plain(data)
    )


# Of many answers all are looked at at once; where one is in another form, each by itself.
_AT_ONCE: Mapping[str, Callable[[Sequence[Question], Sequence[Any]], bool]] = {
    "eth_getBlockByNumber": _are_plain_blocks,
    "eth_getTransactionByHash": _are_plain_transactions,
}


def _object(answer: Any) -> Mapping[str, Any]:
    if isinstance(answer, AnsweredTransaction):
        return cast(Mapping[str, Any], to_builtins(answer))
    if not isinstance(answer, dict):
        raise _Odd(f"{str(answer)[:SHOWN]!r} is no object")
    return answer


def _data(parameters: list[Any], answer: Any) -> str:
    return data_text(answer)


def _quantity(parameters: list[Any], answer: Any) -> str:
    return quantity_text(answer)


_FORMS: Mapping[str, Form] = {
    "eth_blockNumber": _quantity,
    "eth_chainId": _quantity,
    "eth_call": _data,
    "eth_getCode": _data,
    "eth_getBlockByNumber": _block,
    "eth_getTransactionByHash": _transaction,
    "eth_getLogs": lambda parameters, answer: logs_answer(parameters[0], answer),
    "eth_getTransactionReceipt": lambda parameters, answer: receipt_answer(answer),
    "eth_getRawTransactionByHash": lambda parameters, answer: signed_answer(answer),
    "debug_traceTransaction": lambda parameters, answer: trace_answer(answer),
}
