"""Whatever a node answers to whatever the auditor asks, alone or beside an honest one, asked first
or second: the verdict is the honest one to the letter, or the audit refuses (exit code 2). It is
never a traceback, a defect of ours, or a difference of a vault that has none.

The chain is a real life of a vault (tests/property/recorded.py); only the node is another.
"""

import random
from collections.abc import Callable
from typing import Any

import pytest
from strongroom.audit.command import AuditOptions, run_audit
from strongroom.audit.nodes import ComparedNodes
from strongroom.errors import Defect, Differs, StrongroomError

from tests.agent.said_nodes import Said, as_it_is, steady_life
from tests.property.recorded import RecordingNode
from tests.seeds import SEED

Change = Callable[[Any], Any]


@pytest.fixture(scope="module")
def life():
    return steady_life()


@pytest.fixture(scope="module")
def honest(life):
    return RecordingNode(life)


def verdict_of(life, *nodes):
    node = nodes[0] if len(nodes) == 1 else ComparedNodes(nodes)
    return run_audit(AuditOptions(life.vault), node).verdict


@pytest.fixture(scope="module")
def right(life, honest):
    found = verdict_of(life, Said(honest, as_it_is))
    assert found.is_clean and found.losses.classes and found.state.open_markets == 2
    return found


METHODS = (
    "eth_blockNumber", "eth_chainId", "eth_getCode", "eth_call", "eth_getLogs",
    "eth_getBlockByNumber", "eth_getTransactionByHash",
)  # fmt: skip
EVERY: dict[str, Any] = {
    "null": None, "true": True, "a number": 7, "a float": 1.5, "no text": "", "a word": "none",
    "no data": "0x", "0X": "0X", "half a byte": "0x1", "a blank": "0x 1", "a sign": "-0x1",
    "an underscore": "0x1_0", "no hex": "0xzz", "a list": [], "an object": {},
    "null in a list": [None], "text in a list": ["0x"], "objects in a list": [{}],
    "a long number": "0x" + "f" * 80,
}  # fmt: skip
ERRORS: dict[str, Any] = {
    "no object": "no", "null": None, "empty": {}, "without words": {"code": 1},
    "busy": {"code": -32005, "message": "rate limit exceeded, retry in 1s"},
    "pruned": {"code": -32000, "message": "missing trie node 5f (path ) state is not available"},
    "unknown method": {"code": -32601, "message": "the method does not exist"},
    "too much": {"code": -32000, "message": "block range is too wide"},
    "late": {"code": -32000, "message": "execution aborted (timeout = 5s)"},
    "inside": {"code": -32603, "message": "Internal error"},
}  # fmt: skip


def upper(value: Any) -> Any:
    """Return an answer with its hex digits in upper case."""
    return each_text(value, lambda text: text[:2] + text[2:].upper())


def each_text(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [each_text(each, change) for each in value]
    if isinstance(value, dict):
        return {name: each_text(each, change) for name, each in value.items()}
    return value


def with_prefix(value: Any) -> Any:
    return each_text(value, lambda text: "0X" + text[2:])


def without_prefix(value: Any) -> Any:
    return each_text(value, lambda text: text[2:])


def padded(value: Any) -> Any:
    return each_text(value, lambda text: text[:2] + "0" + text[2:])


def cut(value: Any) -> Any:
    return each_text(value, lambda text: text[:-1])


def cut_by_two(value: Any) -> Any:
    return each_text(value, lambda text: text[:-2])


def blank(value: Any) -> Any:
    return each_text(value, lambda text: text[:-1] + " ")


def longer(value: Any) -> Any:
    return each_text(value, lambda text: text + "00")


def other_digit(value: Any) -> Any:
    return each_text(value, lambda text: text[:-1] + "g")


def fullwidth(value: Any) -> Any:
    return each_text(value, lambda text: text[:-1] + "\uff11")


def as_numbers(value: Any) -> Any:
    """Return numbers where there is hex."""
    return each_value(value, lambda text: int(text, 16) if text[2:] else 0)


def each_value(value: Any, change: Callable[[str], Any]) -> Any:
    return each_text(value, change)  # type: ignore[arg-type]


CHANGES: dict[str, Change] = {
    each.__name__: each
    for each in (
        upper, with_prefix, without_prefix, padded, cut, cut_by_two, blank, longer, other_digit,
        fullwidth, as_numbers,
    )
}  # fmt: skip
FIELDS = {
    "eth_getLogs": (
        "address", "topics", "data", "blockNumber", "blockHash", "transactionHash", "logIndex",
        "removed",
    ),
    "eth_getBlockByNumber": ("number", "hash", "parentHash", "timestamp"),
    "eth_getTransactionByHash": ("hash", "from", "to", "input"),
}  # fmt: skip


def in_field(name: str, change: Change) -> Change:
    """Return what changes a field of an object, or of each object in a list."""

    def told(value: Any) -> Any:
        if isinstance(value, list):
            return [told(each) for each in value]
        if not isinstance(value, dict):
            return value
        return value | {name: change(value.get(name))}

    return told


def without_field(name: str) -> Change:
    def told(value: Any) -> Any:
        if isinstance(value, list):
            return [told(each) for each in value]
        return {key: each for key, each in value.items() if key != name}

    return told


def cases() -> dict[str, tuple[str, Callable[[Any], Any]]]:
    """Return name -> method, and what changes its answers."""
    found = {}
    for method in METHODS:
        for name, value in EVERY.items():
            found[f"{method}: {name}"] = method, lambda _, value=value: {"result": value}
        for name, error in ERRORS.items():
            found[f"{method}: error, {name}"] = method, lambda _, error=error: {"error": error}
        found[f"{method}: nothing"] = method, lambda _: {}
        for name, change in CHANGES.items():
            found[f"{method}: {name}"] = method, result(change)
        for field in FIELDS.get(method, ()):
            found[f"{method}: without {field}"] = method, result(without_field(field))
            for name, value in EVERY.items():
                change = in_field(field, lambda _, value=value: value)
                found[f"{method}: {field} is {name}"] = method, result(change)
            for name, change in CHANGES.items():
                if field != "removed":
                    found[f"{method}: {field} {name}"] = method, result(in_field(field, change))
    return found


def result(change: Change) -> Callable[[Any], Any]:
    return lambda answer: {"result": change(answer["result"])} if "result" in answer else answer


CASES = cases()


def outcome(life, right, *nodes) -> str:
    """Return what came of an audit; anything but the honest verdict and a refusal fails."""
    try:
        found = verdict_of(life, *nodes)
    except StrongroomError as error:
        assert not isinstance(error, Defect | Differs), error
        assert 20 < len(str(error)) < 700, error
        return type(error).__name__
    assert found.is_clean, found.differences[:3]
    assert found == right
    return "right"


# What has the right form and is false: of one node nobody can know, of two they differ.
FALSE_ALONE = {
    *("eth_blockNumber: half a byte", "eth_blockNumber: cut", "eth_blockNumber: longer"),
    *("eth_chainId: longer", "eth_getCode: a long number", "eth_getCode: longer"),
    "eth_getLogs: a list",
    *(
        f"eth_getBlockByNumber: timestamp {change}"
        for change in ("is half a byte", "cut", "cut_by_two")
    ),
    "eth_getTransactionByHash: null",
    *(
        f"eth_getTransactionByHash: {change}"
        for change in (
            *("without to", "to is null", "input is no data", "input is a long number"),
            *("input cut_by_two", "input longer"),
        )
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_no_answer_makes_an_honest_vault_differ(life, honest, right, name):
    """All answers to a method by a node alone; beside an honest one, from a place at random on."""
    wanted, change = CASES[name]

    def liar(place):
        left = place

        def told(method, answer):
            nonlocal left
            left -= method == wanted
            return change(answer) if method == wanted and left < 0 else answer

        return Said(honest, told)

    if name not in FALSE_ALONE:
        outcome(life, right, liar(0))
    place, honestly = random.Random(f"{SEED} {name}").randrange(12), Said(honest, as_it_is)
    one, two = (
        outcome(life, right, liar(place), honestly),
        outcome(life, right, honestly, liar(place)),
    )
    assert (one == "right") is (two == "right")


@pytest.mark.parametrize("name", sorted(FALSE_ALONE))
def test_what_is_false_in_its_form_is_found_by_a_second_node(life, honest, right, name):
    wanted, change = CASES[name]

    def told(method, answer):
        return change(answer) if method == wanted else answer

    liar, honestly = Said(honest, told), Said(honest, as_it_is)
    if wanted == "eth_blockNumber":
        return  # the lowest of all heads is taken: nodes are not equally far
    for nodes in ((liar, honestly), (honestly, liar)):
        assert outcome(life, right, *nodes) == "NodesDiffer"
