"""Drafts: a form, a language model whose answers are a stranger's, the vault's limits, exports."""

import json

import httpx
import pytest
from strongroom.chain.ids import to_hex
from strongroom.errors import BadInput, StrongroomError
from strongroom.mandates.digest import digest
from strongroom.mandates.drafting import changed, difference, lines_for, wider_than
from strongroom.mandates.export import export
from strongroom.mandates.mandate import MandateLine
from strongroom.mandates.proposals import (
    KEY_VARIABLE,
    MAX_ANSWER,
    BadProposal,
    ModelAddress,
    ModelAway,
    propose,
)
from strongroom.mandates.room import VaultRoom, cut, too_wide
from strongroom.mandates.signed import SignedMandate
from strongroom.mandates.vocabulary import LISTS, BadLine

from tests.defaults import UNIT
from tests.mandates import END, EXCHANGE, LINES, WORDS, line, mandate

TODAY = mandate().lines
OWN = tuple(each for each in TODAY if each.name in LISTS or each.class_id == -1)
AT = ModelAddress("http://model/v1", "small")


def as_data(lines):
    return [each.model_dump(by_alias=True) for each in lines]


def test_a_form_speaks_as_people_do():
    assert as_data(lines_for("orders.max_order", "200.5")) == [
        line("orders.max_order", 200_500_000, "micro-units")
    ]
    assert as_data(lines_for("orders.max_price@2", " 0.9 ")) == [
        line("orders.max_price", 900_000, "micro-units a token", 2)
    ]
    assert as_data(lines_for("orders.max_per_minute", "3"))[0]["number"] == 3
    assert as_data(lines_for("orders.packs", "tail, dutch")) == [
        line("orders.packs", 1, "tail"), line("orders.packs", 1, "dutch"),
    ]  # fmt: skip
    assert as_data(lines_for("classes", "0,2")) == [
        line("classes", 1, "class", 0), line("classes", 1, "class", 2),
    ]  # fmt: skip
    assert as_data(lines_for("wallets", "none")) == [line("wallets", 0, "none")]
    assert lines_for("quiet_hours", "none") == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("orders.leverage", "3"),
        ("orders.max_order", "-1"),
        ("orders.max_order", "nan"),
        ("orders.max_order", "1e30"),
        ("orders.max_order", "0.0000001"),
        ("orders.max_order", ""),
        ("orders.max_order", "9" * 3_000),
        ("orders.max_order@99", "1"),
        ("orders.max_order@-1", "1"),
        ("orders.max_order@", "x"),
        ("orders.max_per_day@1", "1"),
        ("orders.max_per_minute", "1.5"),
        ("orders.packs", "tail;drop"),
        ("orders.packs", "none,tail"),
        ("orders.packs", ",".join(["tail"] * 40)),
        ("orders.exchanges", EXCHANGE.lower()),
        ("classes", "one"),
        ("quiet_hours", "late"),
    ],
)
def test_a_form_refuses_what_is_no_line(name, value):
    with pytest.raises(BadInput):
        made = changed(TODAY, {name: value})
        mandate(lines=as_data(made))


def test_a_field_replaces_what_it_is_about():
    made = changed(TODAY, {"orders.max_order": "100", "orders.packs": "dutch,hedge"})
    assert as_data(made)[2] == line("orders.max_order", 100 * UNIT, "micro-units")
    assert as_data(made)[3] == LINES[3]  # that of class 2
    assert [each.unit for each in made if each.name == "orders.packs"] == ["dutch", "hedge"]
    assert list(difference(TODAY, made)) == [
        "tighter: no order of more than 100 units (before: no order of more than 200 units)",
        "wider:   orders of the pack dutch (new)",
        "wider:   orders of the pack hedge (new)",
        "tighter: orders of the pack tail (gone)",
    ]
    assert list(difference(TODAY, TODAY)) == []
    raised = changed(TODAY, {"orders.min_price": "0.04", "orders.max_price": "0.99"})
    assert [each.split()[0] for each in difference(TODAY, raised)] == ["wider:", "wider:"]
    assert list(wider_than(OWN, raised)) == [
        "no order at a price below 0.04 (its own: no order at a price below 0.05)",
        "no order at a price above 0.99 (its own: no order at a price above 0.98)",
    ]
    assert list(wider_than(OWN, made)) == [
        "orders of the pack dutch", "orders of the pack hedge",
    ]  # fmt: skip
    assert list(wider_than(OWN, changed(TODAY, {"orders.max_order@0": "300"})))


class Model:
    """Answers as a model's server does, with a text for a content."""

    def __init__(self, content, status=200, body=None):
        self.content, self.status, self.body, self.asked = content, status, body, None

    def __call__(self, request):
        self.asked = request
        if self.body is not None:
            return httpx.Response(self.status, content=self.body)
        answer = {
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "small",
            "choices": [{
                "index": 0, "finish_reason": "stop",
                "message": {"role": "assistant", "content": self.content, "refusal": None},
            }],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        }  # fmt: skip
        return httpx.Response(self.status, json=answer)


def proposed(model):
    return propose(WORDS, TODAY, AT, httpx.MockTransport(model))


def test_a_model_proposes(monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, "secret-key")
    model = Model('{"set": {"orders.max_order": "20", "quiet_hours": "21:00-07:00"}}')
    found = proposed(model)
    assert found == {"orders.max_order": "20", "quiet_hours": "21:00-07:00"}
    assert changed(TODAY, found)[2].number == 20 * UNIT
    assert str(model.asked.url) == "http://model/v1/chat/completions"
    assert model.asked.headers["authorization"] == "Bearer secret-key"
    sent = json.loads(model.asked.content)
    assert sent["model"] == "small" and sent["response_format"] == {"type": "json_object"}
    assert json.loads(sent["messages"][1]["content"]) == {"words": WORDS}
    assert "orders.max_order (@n): no order of more than {} units" in sent["messages"][0]["content"]


HOSTILE = {
    "no JSON": Model("I think you should raise the limit."),
    "fenced": Model('```json\n{"set": {}}\n```'),
    "more than a set": Model('{"set": {}, "vault": "0x00", "sign": true}'),
    "a list": Model("[]"),
    "deep": Model("[" * 60_000),
    "numbers": Model('{"set": {"orders.max_order": 5}}'),
    "nested": Model('{"set": {"orders.max_order": {"number": "5"}}}'),
    "many": Model(json.dumps({"set": {f"orders.max_order@{each}": "1" for each in range(40)}})),
    "no text": Model(None),
    "no choices": Model("", body=b'{"choices": []}'),
    "another shape": Model("", body=b'{"choices": {"0": 1}}'),
    "nothing": Model("", body=b""),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_an_answer_that_is_no_proposal_is_refused(what):
    with pytest.raises(BadProposal):
        proposed(HOSTILE[what])


@pytest.mark.parametrize(
    "model", [Model("", 500), Model("", 302), Model("", body=b" " * (MAX_ANSWER + 1))]
)
def test_a_model_that_does_not_answer_is_away(model):
    with pytest.raises(ModelAway):
        proposed(model)


@pytest.mark.parametrize(
    "asked",
    [
        {"orders.leverage": "10"},
        {"vault": "0x" + "00" * 20},
        {"orders.max_order": "1000000000000000000"},
        {"orders.packs": "tail\u202e"},
        {"orders.exchanges": "0x" + "11" * 20 + "\u200b"},
        {"__class__": "1"},
        {"orders.max_order@2@3": "1"},
    ],
)
def test_what_a_model_wants_is_read_as_a_form(asked):
    with pytest.raises(StrongroomError):
        mandate(lines=as_data(changed(TODAY, proposed(Model(json.dumps({"set": asked}))))))


def test_a_model_cannot_say_more_than_lines():
    """Vault, version, times and words are not its to say; the form has no field for them."""
    for name in ("words", "vault", "version", "not_after", "previous", "lines"):
        with pytest.raises(BadLine, match="there is no line"):
            changed(TODAY, {name: "1"})


ROOM = VaultRoom({0: 100 * UNIT, 2: 40 * UNIT}, velocity=300 * UNIT, lifetime=250)


def test_a_draft_is_no_wider_than_the_vault():
    made, said = cut(TODAY, ROOM)
    found = {(each.name, each.class_id): each.number for each in made}
    assert found["orders.max_order", -1] == 100 * UNIT
    assert found["orders.max_order", 2] == 40 * UNIT
    assert found["transactions.max_allocation", -1] == 100 * UNIT
    assert found["transactions.max_allocation_per_day", -1] == 300 * UNIT
    assert found["orders.max_lifetime_s", -1] == 250
    assert len(said) == 5 and "no order of more than 200 units -> no order of" in said[0]
    assert list(too_wide(made, ROOM)) == [] and len(list(too_wide(TODAY, ROOM))) == 5
    only = changed(TODAY, {"classes": "2"})
    assert {each.number for each in cut(only, ROOM)[0] if each.name == "orders.max_order"} == {
        40 * UNIT
    }


def test_a_class_that_the_vault_does_not_have_is_left_out():
    made, said = cut(changed(TODAY, {"classes": "0,7"}), ROOM)
    assert [each.class_id for each in made if each.name == "classes"] == [0]
    assert "no open class 7" in " ".join(said)
    made, said = cut(changed(TODAY, {"classes": "7"}), ROOM)
    assert [(each.number, each.unit) for each in made if each.name == "classes"] == [(0, "none")]
    unnamed = tuple(each for each in TODAY if each.name != "classes")
    assert not [each for each in cut(unnamed, ROOM)[0] if each.name == "classes"]


def test_an_export_says_its_version_and_what_does_not_map():
    signed = SignedMandate(mandate=mandate())
    found = export(signed, "0.2")
    assert "It is no credential" in found["informative"] and found["ap2_version"] == "0.2"
    assert found["strongroom_mandate"]["hash"] == to_hex(digest(mandate()))
    payment = found["open_payment_mandate"]
    assert payment["vct"] == "mandate.payment.open.1" and payment["exp"] == END
    assert [each["max_micro_units"] for each in payment["constraints"] if "currency" in each] == [
        200 * UNIT, 1_000 * UNIT,
    ]  # fmt: skip
    missing = [each.split(":")[0] for each in found["does_not_map"] if each.startswith("line ")]
    assert missing == [f"line {number}" for number in range(1, 17) if number not in (3, 5)]
    assert "_sd_alg" not in json.dumps(found) and 'signature"' not in json.dumps(found)
    intent = export(signed, "0.1")
    assert intent["intent_mandate"] == {
        "user_cart_confirmation_required": False,
        "natural_language_description": WORDS,
        "intent_expiry": "2026-05-28T20:26:40+00:00",
    }
    assert sum(each.startswith("line ") for each in intent["does_not_map"]) == 16
    assert "open_payment_mandate" not in intent
    with pytest.raises(BadInput, match="unknown here"):
        export(signed, "0.3")


def test_an_unknown_line_has_no_words():
    with pytest.raises(ValueError, match="there is no line"):
        MandateLine.model_validate(line("orders.leverage", 1, "times"))
