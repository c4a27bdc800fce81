"""Ids of Protocol V2: what is refused. Right ones are compared with recorded ones in
tests/conformance."""

import pytest
from strongroom.chain.orders import NO, YES
from strongroom.chain.position_ids import (
    Fields,
    Module,
    condition_of_event,
    event_of,
    fields_of,
    position_of,
)
from strongroom.errors import BadInput

# VENUE d1: an event of 5 questions and empty data, its question 1
EVENT = "0x02f2985a0730c12294451fb5564ac81730000500000000000000000000"
QUESTION_1 = "0x02f2985a0730c12294451fb5564ac817300005000000000000000000000001"


def test_a_position_says_its_module_event_question_and_outcome():
    assert event_of(5, b"") == EVENT
    assert condition_of_event(EVENT, 1) == QUESTION_1
    base = 0xF2985A0730C12294451FB5564AC81730
    no = position_of(QUESTION_1, NO)
    assert fields_of(no) == Fields(Module.NEGATIVE_RISK, base, 5, 0, 1, 1)
    assert not fields_of(no).is_other
    assert fields_of(position_of(condition_of_event(EVENT, 5), YES)).is_other


def test_ids_of_the_first_protocol_are_refused():
    # a hash fills all bits; 64 of them stand for nothing in the second protocol
    for token in (2**256 - 1, 1 << 40, 1 << 103, -1, 2**256):
        with pytest.raises(BadInput, match="no position of Protocol V2"):
            fields_of(token)


@pytest.mark.parametrize("count", [0, 1, 65_536])
def test_an_event_has_at_least_two_questions(count):
    with pytest.raises(BadInput, match="2 to 65535 questions"):
        event_of(count, b"")


@pytest.mark.parametrize("index", [-1, 6])
def test_an_event_has_its_questions_and_other_and_no_more(index):
    with pytest.raises(BadInput, match="questions 0 to 4 and Other at 5"):
        condition_of_event(EVENT, index)


@pytest.mark.parametrize("text", [EVENT, QUESTION_1[:-2], "0x", "0x" + "zz" * 31])
def test_a_condition_is_31_bytes(text):
    with pytest.raises(BadInput):
        position_of(text, YES)
