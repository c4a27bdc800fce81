"""What a node answers of blocks that are executed again, in its one form: what is read of it, in
lower case, so that it is compared between nodes, and with the fork. None: the node does not have
it."""

from collections.abc import Callable, Mapping
from typing import Any

from strongroom.audit.hex_text import ADDRESS, SHOWN, WORD, BadHex, data_text, quantity_text

_FIELDS: Mapping[str, Callable[[Any], str]] = {  # of a log; those of its place may be left out
    "blockNumber": quantity_text,
    "blockHash": lambda value: data_text(value, WORD),
    "transactionHash": lambda value: data_text(value, WORD),
    "logIndex": quantity_text,
}


def block_answer(answer: Any) -> Any:
    """Return a block with its transactions.

    Raises:
        BadHex: it is none; so with all of these.
    """
    if answer is None:
        return None
    found = _object(answer)
    return {
        "hash": data_text(found.get("hash"), WORD),
        "timestamp": quantity_text(found.get("timestamp")),
        "baseFeePerGas": quantity_text(found.get("baseFeePerGas")),
        "miner": data_text(found.get("miner"), ADDRESS),
        "transactions": [_transaction(each) for each in _list(found.get("transactions"))],
    }


def receipt_answer(answer: Any) -> Any:
    """Return a receipt."""
    if answer is None:
        return None
    found = _object(answer)
    return {
        "status": quantity_text(found.get("status")),
        "gasUsed": quantity_text(found.get("gasUsed")),
        "logs": [_log(each) for each in _list(found.get("logs"))],
    }


def trace_answer(answer: Any) -> Any:
    """Return the storage words that a transaction changes, of the contracts where there are any."""
    if answer is None:
        return None
    changed = {
        data_text(address): {_word(slot): _word(word) for slot, word in storage.items()}
        for address, each in _object(_object(answer).get("post")).items()
        if (storage := _object(_object(each).get("storage") or {}))
    }
    return {"post": {address: {"storage": words} for address, words in changed.items()}}


def signed_answer(answer: Any) -> Any:
    """Return a transaction as it was signed."""
    return None if answer is None else data_text(answer)


def _transaction(value: Any) -> dict[str, Any]:
    found = _object(value)
    most = found.get("maxFeePerGas")
    return {
        "hash": data_text(found.get("hash"), WORD),
        "input": data_text(found.get("input")),
        "gasPrice": quantity_text(found.get("gasPrice")),
        "maxFeePerGas": None if most is None else quantity_text(most),
    }


def _log(value: Any) -> dict[str, Any]:
    found = _object(value)
    return {
        "address": data_text(found.get("address"), ADDRESS),
        "topics": [data_text(each, WORD) for each in _list(found.get("topics"))],
        "data": data_text(found.get("data")),
        **{name: form(found[name]) for name, form in _FIELDS.items() if name in found},
    }


def _word(value: Any) -> str:
    """Return a word of storage with all its digits, however many a node has left out."""
    try:
        return f"0x{int(value, 16):0{2 * WORD}x}"
    except (TypeError, ValueError) as error:
        raise BadHex(f"{str(value)[:SHOWN]!r} is no word of storage") from error


def _object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise BadHex(f"{str(value)[:SHOWN]!r} is no object")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise BadHex(f"{str(value)[:SHOWN]!r} is no list")
    return value
