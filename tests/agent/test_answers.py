"""A wizard's answers: from an option or a file, at a terminal again until they fit, by default."""

from decimal import Decimal

import pytest
from strongroom.cli.init import OPTIONS
from strongroom.errors import Away, BadInput
from strongroom.settings import ConfigError
from strongroom.setup.answers import Interview, read_answers
from strongroom.setup.values import (
    an_address,
    http_url,
    pack_names,
    port_or_none,
    positive,
    some_words,
    stream_url,
    yes_or_no,
)
from strongroom.setup.wizard import QUESTIONS

MIXED = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"  # an example of EIP-55


def even(text):
    if int(text) % 2:
        raise BadInput(f"{text} is odd")
    return int(text)


def test_every_question_has_its_option():
    assert {name.replace("-", "_") for name, _ in OPTIONS} == set(QUESTIONS)
    assert len(OPTIONS) == len(QUESTIONS)


def test_what_is_given_is_not_asked_and_its_fault_names_the_option():
    answers = Interview({"max_order": " 4 "}, lambda *_: pytest.fail("asked"), print)
    assert answers.take("max_order", "How much", even) == 4
    with pytest.raises(BadInput, match=r"^--max-order: 3 is odd$"):
        Interview({"max_order": "3"}, None, print).take("max_order", "How much", even)


def test_at_a_terminal_a_wrong_answer_is_told_and_asked_again():
    typed, told = iter(["3", "5", "6"]), []
    answers = Interview({}, lambda words, default: next(typed), told.append)
    assert answers.take("tcp", "Port", even, "2") == 6
    assert told == ["  3 is odd", "  5 is odd"]


def test_nobody_there_takes_the_default_or_names_the_option():
    answers = Interview({}, None, print)
    assert answers.take("tcp", "Port", even, "2") == 2
    with pytest.raises(BadInput, match=r"^Address: no terminal to ask at: give --fee-recipient$"):
        answers.take("fee_recipient", "Address", even)


def test_a_node_that_is_away_stays_away():
    def check(text):
        raise Away("the node does not answer")

    with pytest.raises(Away, match=r"^the node does not answer$"):
        Interview({"rpc": "x"}, None, print).take("rpc", "Node", check)


def test_an_answer_that_nothing_asks_for_is_refused():
    answers = Interview({"tcp": "2", "max_order": "4", "asset": "0x"}, None, print)
    answers.take("tcp", "Port", even)
    with pytest.raises(BadInput, match=r"^--max-order, --asset: not asked for such a vault"):
        answers.check_all_used()


def test_a_file_of_answers(tmp_path):
    file = tmp_path / "answers.toml"
    file.write_text(
        'vault = "new"\nmax-order = 50\npacks = ["tail", "dutch"]\nnegative_risk = true'
    )
    assert read_answers(file, QUESTIONS) == {
        "vault": "new", "max_order": "50", "packs": "tail,dutch", "negative_risk": "yes",
    }  # fmt: skip
    for text, told in (
        ('vualt = "new"', r"\[vualt\] nothing asks for it: did you mean 'vault'\?"),
        ("[vault]\nx = 1", r"\[vault\] an answer is text, a number or a list"),
    ):
        file.write_text(text)
        with pytest.raises(ConfigError, match=told):
            read_answers(file, QUESTIONS)


@pytest.mark.parametrize(
    ("read", "text", "found"),
    [
        (an_address, MIXED.lower(), MIXED),
        (http_url, "https://node", "https://node"),
        (stream_url, "", ""),
        (positive, "1_000.5", 1000.5),
        (positive, "0.000001", Decimal("0.000001")),
        (port_or_none, "", None),
        (port_or_none, "8700", 8700),
        (pack_names, " tail, dutch", ("tail", "dutch")),
        (yes_or_no, "Y", True),
        (yes_or_no, "no", False),
    ],
)  # fmt: skip
def test_what_is_typed_stands_for(read, text, found):
    assert read(text) == found


@pytest.mark.parametrize(
    ("read", "text", "told"),
    [
        (an_address, "0x12", "is not an address: write 0x and 40 hex digits"),
        (an_address, MIXED.replace("5aA", "5AA"), "is mistyped"),
        (http_url, "ftp://node", "must begin with http:// or https://"),
        (stream_url, "http://x", "must begin with ws:// or wss://"),
        (positive, "-5", "give one of more than 0"),
        (positive, "nan", "give one of more than 0"),
        (positive, "five", "give one such as 500"),
        (positive, "500,00", "without a comma"),  # was fifty thousand
        (positive, "1,000", "without a comma"),  # one, or a thousand
        (positive, "1e999999", "give a smaller one"),
        (positive, "0.0000001", "give at most 6"),
        (port_or_none, "70000", "give one from 1 to 65535"),
        (pack_names, "tial", "tial: no such pack is installed: did you mean 'tail'?"),
        (pack_names, " , ", "name one at least: bundle, "),
        (yes_or_no, "maybe", "neither yes nor no"),
        (some_words, "", "it is empty"),
    ],
)  # fmt: skip
def test_what_is_typed_wrong_is_told_and_why(read, text, told):
    with pytest.raises(BadInput) as refused:
        read(text)
    assert told in str(refused.value)
