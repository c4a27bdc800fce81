"""What a node answers to each method that an audit asks, in its one form, or refused."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

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
    are_plain,
    data_text,
    quantity_text,
)
from strongroom.audit.log_answers import logs_answer
from strongroom.chain.failures import CallReverted
from strongroom.errors import BadInput

Question = tuple[str, list[Any]]  # a method of JSON-RPC and its parameters
Form = Callable[[list[Any], Any], Any]
LATEST = 253_402_300_799  # second of the last year that has four digits
_DATA = {"eth_call", "eth_getCode"}


class BadAnswer(BadInput):
    """The answer to a question is none; the message says to which, and what came."""


def in_one_form(asked: Sequence[Question], answers: Sequence[Any]) -> Sequence[Any]:
    """Return answers in the form that is compared and believed. Calls that revert stay as they are,
    so do answers to methods that are no audit's.

    Raises:
        BadAnswer: one is none.
        BadLog: see `log_answers`.
    """
    methods = {method for method, _ in asked}
    if methods <= _DATA and are_plain(answers):
        return answers
    if methods == {"eth_getTransactionByHash"} and _are_plain_transactions(asked, answers):
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


def _transaction(parameters: list[Any], answer: Any) -> Any:
    """None: the node has forgotten it."""
    if answer is None:
        return None
    found = _object(answer)
    name = data_text(found.get("hash"), WORD)
    if name != parameters[0]:
        raise _Odd(f"it gives transaction {name}")
    to = found.get("to")
    return {
        "hash": name,
        "from": data_text(found.get("from"), ADDRESS),
        "to": None if to is None else data_text(to, ADDRESS),
        "input": data_text(found.get("input")),
    }


def _are_plain_transactions(asked: Sequence[Question], answers: Sequence[Any]) -> bool:
    """Whether all are what `_transaction` makes of them, or have more besides."""
    try:
        ends = [each["from"] for each in answers]
        ends += [each["to"] for each in answers if each["to"] is not None]
        return (
            [each["hash"] for each in answers] == [parameters[0] for _, parameters in asked]
            and {2 + 2 * ADDRESS}.issuperset(map(len, ends))
            and are_plain([*ends, *(each["input"] for each in answers)])
        )
    except (TypeError, KeyError, AttributeError):
        return False


def _object(answer: Any) -> Mapping[str, Any]:
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
