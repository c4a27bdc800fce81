"""Which custody works: against each answer that a venue could give, and none."""

import json

import pytest
from strongroom.errors import BadInput
from strongroom.execution.account_kinds import TRADED, AccountKind, check_traded
from strongroom.keeper.custody import (
    NEEDS,
    ProbeAnswer,
    ProbeReport,
    Question,
    custody_of,
    read_report,
)

YES, NO, UNKNOWN = ProbeAnswer.YES, ProbeAnswer.NO, ProbeAnswer.UNKNOWN


def report(**answers):
    return ProbeReport("https://clob", 137, 7, {Question(name): a for name, a in answers.items()})


@pytest.mark.parametrize(
    ("kind", "answers", "works"),
    [
        (AccountKind.STANDARD, {}, UNKNOWN),
        (AccountKind.STANDARD, {"other_makers": YES}, YES),
        (AccountKind.STANDARD, {"other_makers": NO}, NO),
        (AccountKind.POSITION, {"other_makers": UNKNOWN}, UNKNOWN),
        (AccountKind.POSITION, {"other_makers": NO}, NO),
        (AccountKind.DELEGATED, {}, YES),
        (AccountKind.POOL, {"other_makers": NO}, YES),
        (AccountKind.WALLET, {"contract_owner": YES, "long_signatures": YES}, NO),
        (AccountKind.SAFE, {"safe_owners": NO, "key_after_handover": YES}, NO),
    ],
)
def test_custody_works_by_what_the_venue_answered(kind, answers, works):
    """Wallets and Safes do not, whatever the venue says: the keeper does not trade for them."""
    found = custody_of(kind, report(**answers) if answers else None)
    assert found.works is works
    for name, answer in answers.items():
        asked = Question(name)
        if kind in TRADED and asked in NEEDS[kind] and answer is not YES:
            assert asked.sentence in found.why


def test_what_nobody_tried_is_said_to_be_unknown():
    assert custody_of(AccountKind.STANDARD, None).why.startswith("unknown: nobody has tried")


def test_every_kind_says_what_it_needs_and_every_question_has_words():
    assert set(NEEDS) == set(AccountKind)
    assert all(each.sentence for each in Question)


@pytest.mark.parametrize("kind", [AccountKind.WALLET, AccountKind.SAFE])
def test_the_keeper_starts_with_no_class_that_it_cannot_trade_for(kind):
    with pytest.raises(BadInput, match=f"class 4 is of {kind}s"):
        check_traded([(0, AccountKind.STANDARD), (4, kind)])


def test_a_report_is_read_as_it_was_written(tmp_path):
    made = ProbeReport(
        "https://clob", 137, 7, {Question.CONTRACT_OWNER: NO}, {Question.CONTRACT_OWNER: "400: no"}
    )
    path = tmp_path / "probe.json"
    path.write_text(made.text())
    assert read_report(path) == made


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        json.dumps({"clob_url": "u", "chain_id": 1, "at": 1, "answers": {"who": {}}}),
        json.dumps({"clob_url": "u", "chain_id": 1, "at": 1, "answers": {"safe_owners": {}}}),
        report(safe_owners=YES).text().replace('"yes"', '"maybe"'),
    ],
)
def test_what_is_no_report_is_refused(tmp_path, text):
    path = tmp_path / "probe.json"
    path.write_text(text)
    with pytest.raises(BadInput, match="is no report of a venue probe"):
        read_report(path)
