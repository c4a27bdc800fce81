"""Which custody works: against each answer that a venue could give, and none."""

import json

import pytest
from strongroom.errors import BadInput
from strongroom.execution.account_kinds import AccountKind
from strongroom.keeper.custody import NEEDS, custody_of
from strongroom.probe.report import (
    Finding,
    ProbeAnswer,
    ProbeOutcome,
    ProbeReport,
    Question,
    Words,
    read_report,
)

WALLETS = dict.fromkeys(("contract_owner", "contract_batch", "foreign_keys"), ProbeAnswer.YES)
YES, NO, UNKNOWN = ProbeAnswer.YES, ProbeAnswer.NO, ProbeAnswer.UNKNOWN
SAYS = {  # what answers a question so; Safes' owners are read by who refuses
    YES: (ProbeOutcome.TAKEN, ProbeOutcome.REFUSED),
    NO: (ProbeOutcome.REFUSED, ProbeOutcome.TAKEN),
    UNKNOWN: (ProbeOutcome.UNCLEAR, ProbeOutcome.AWAY),
}


def report(**answers):
    found = {
        Question(name): Finding(SAYS[answer][name == "safe_owners"])
        for name, answer in answers.items()
    }
    return ProbeReport("https://clob", 137, 7, found)


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
        (AccountKind.WALLET, {"contract_owner": YES}, UNKNOWN),
        (AccountKind.WALLET, WALLETS, YES),
        (AccountKind.WALLET, WALLETS | {"contract_owner": NO}, NO),
        (AccountKind.WALLET, WALLETS | {"foreign_keys": NO}, NO),
        (AccountKind.SAFE, {}, UNKNOWN),
        (AccountKind.SAFE, {"safe_owners": NO}, YES),
        (AccountKind.SAFE, {"safe_owners": YES}, NO),
    ],
)
def test_custody_works_by_what_the_venue_answered(kind, answers, works):
    found = custody_of(kind, report(**answers) if answers else None)
    assert found.works is works
    for name, answer in answers.items():
        asked = Question(name)
        if asked in NEEDS[kind] and answer is not NEEDS[kind][asked]:
            assert asked.sentence in found.why


def test_what_nobody_tried_is_said_to_be_unknown():
    assert custody_of(AccountKind.STANDARD, None).why.startswith("nobody has tried")


def test_every_kind_says_what_it_needs_and_every_question_has_words():
    assert set(NEEDS) == set(AccountKind)
    assert all(each.sentence for each in Question)


@pytest.mark.parametrize(
    "outcome", [ProbeOutcome.AWAY, ProbeOutcome.UNCLEAR, ProbeOutcome.NOT_ASKED]
)
def test_only_what_was_taken_or_refused_is_an_answer(outcome):
    assert {each.answer(outcome) for each in Question} == {UNKNOWN}


def test_a_report_is_read_as_it_was_written(tmp_path):
    said = (Words("POST /submit", 400, '{"error": "no"}'), Words("GET /", 0, "timed out"))
    found = {Question.CONTRACT_OWNER: Finding(ProbeOutcome.REFUSED, "why", said)}
    made = ProbeReport("https://clob", 137, 7, found, ("a wallet",))
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
        report(safe_owners=YES).text().replace('"refused"', '"maybe"'),
    ],
)
def test_what_is_no_report_is_refused(tmp_path, text):
    path = tmp_path / "probe.json"
    path.write_text(text)
    with pytest.raises(BadInput, match="is no report of a venue probe"):
        read_report(path)
