"""Cards, payloads, answers and records: numbers by hand, files as a stranger may have made them."""

import json

import pytest
from eth_utils import keccak
from strongroom.chain.ids import canonical
from strongroom.errors import BadInput
from strongroom.identity.answer import AuditFile, CannotSay, judged
from strongroom.identity.card import CardTerms, card_faults, make_card, read_card
from strongroom.identity.documents import data_uri, inside, look_up, named_file
from strongroom.identity.record import Measure, PricePoint, measures, read_prices
from strongroom.identity.request import (
    AskKind,
    StoredEntry,
    ValidationPayload,
    entry_faults,
    new_salt,
    read_payload,
)
from strongroom.identity.score import NOT_RERUN, OTHER, SAME, OwnAudit, ScoredNumber

DAY = 86_400
REGISTRY = "eip155:31337:0x" + "ab" * 20
VAULT, VALIDATOR = "0x" + "11" * 20, "0x" + "22" * 20


def payload(**more):
    known = {
        "kind": AskKind.AUDIT, "registry": REGISTRY, "agent": 7, "chain_id": 31_337,
        "vault": VAULT, "code_hash": "0x" + "33" * 32, "first": 0, "last": 9,
        "validator": VALIDATOR, "salt": "0x" + "44" * 32,
    }  # fmt: skip
    return ValidationPayload(**known | more)


def verdict(**more):
    known = {"vault": VAULT, "chain_id": 31_337, "from_block": 2, "to_block": 9, "differences": []}
    return AuditFile(known | more)


# cards


def test_a_card_has_the_standards_fields_and_proves_nothing_before_it_names_its_agent():
    terms = CardTerms("keeper", "Tail", 137, VAULT, (("web", "https://t.example"),))
    bare = make_card(terms)
    assert set(bare) == {
        "type", "name", "description", "image", "services", "x402Support", "active",
        "registrations", "supportedTrust",
    }  # fmt: skip
    (fault,) = card_faults(read_card(bare), 7, REGISTRY)
    assert "proves nothing" in fault
    whole = read_card(make_card(terms, [(7, REGISTRY)]))
    assert card_faults(whole, 7, REGISTRY.upper().replace("EIP155", "eip155")) == []
    assert card_faults(whole, 8, REGISTRY)
    assert card_faults(whole, 7, REGISTRY.replace("31337", "1"))


def test_a_card_of_the_first_shape_is_read_and_told():
    old = {"type": "x", "name": "Old", "endpoints": [{"name": "A2A", "endpoint": "https://a"}]}
    faults = card_faults(read_card(old), 7, REGISTRY)
    assert len(faults) == 3
    assert "endpoints" in faults[-1]


@pytest.mark.parametrize("wrong", [{}, {"name": 1}, {"name": "x", "registrations": [{}]}])
def test_what_is_no_card_is_refused(wrong):
    with pytest.raises(BadInput):
        read_card(wrong)


def test_a_keeper_names_its_vault():
    with pytest.raises(BadInput, match="--vault"):
        make_card(CardTerms("keeper", "Tail", 137))


# files


def test_a_file_counts_by_its_hash(tmp_path):
    made = named_file({"b": 1, "a": "é"}, tmp_path, "https://x.example/f/")
    text = '{"a":"é","b":1}'.encode()
    assert (made.text, made.digest) == (text, "0x" + keccak(text).hex())
    assert made.uri == f"https://x.example/f/{made.digest}.json"
    assert (tmp_path / f"{made.digest}.json").read_bytes() == text
    found = look_up(data_uri(text), made.digest, [])
    assert found.content == {"a": "é", "b": 1}
    assert look_up(data_uri(text), "0x" + "00" * 32, []).content is None
    assert "--files" in look_up(made.uri, made.digest, []).why  # nobody is asked


@pytest.mark.parametrize("uri", ["", "https://x", "data:,x", "data:;base64,%", "data:;base64,é"])
def test_what_holds_no_json_is_not_read(uri):
    assert inside(uri) is None


# requests


def test_a_requests_hash_is_of_its_canonical_bytes():
    made = payload()
    text = json.dumps(made.document(), sort_keys=True, separators=(",", ":")).encode()
    assert text == canonical(made.document())
    assert made.digest == "0x" + keccak(text).hex()
    assert read_payload(made.document(), made.digest) == made
    assert payload(salt=new_salt()).digest != made.digest


@pytest.mark.parametrize("field", ["vault", "agentId", "toBlock", "validator", "salt", "more"])
def test_a_file_that_is_not_what_its_hash_says_is_refused(field):
    made = payload()
    wrong = {**made.document(), field: 8 if field in ("agentId", "toBlock") else "0x"}
    with pytest.raises(BadInput):
        read_payload(wrong, made.digest)


def test_a_copied_request_is_seen():
    made = payload()
    assert entry_faults(StoredEntry(VALIDATOR, 7), made, REGISTRY) == []
    assert len(entry_faults(StoredEntry(VAULT, 8), made, REGISTRY + "1")) == 3


# answers


def test_an_answer_is_100_or_0_or_none():
    assert judged(payload(), verdict()) == 100
    assert judged(payload(), verdict(differences=[{}])) == 0
    assert judged(payload(), verdict(differences=[{}], unknown=["whether it is"])) == 0
    with pytest.raises(CannotSay, match="cannot say whether it is: audit again before you answer"):
        judged(payload(), verdict(unknown=["whether it is"]))
    for wrong in ({"vault": VALIDATOR}, {"chain_id": 1}, {"to_block": 8}, {"to_block": 10}):
        with pytest.raises(CannotSay):
            judged(payload(), verdict(**wrong))
    with pytest.raises(BadInput):
        judged(payload(), verdict(to_block=None))


def test_a_readers_own_audit_is_the_same_another_or_says_nothing():
    """Unknown is neither; 50 is no answer that an audit gives."""
    clean, differs = verdict(), verdict(differences=[{}])
    unknown = verdict(unknown=["whether it is"])
    expected = (
        (clean, 100, SAME), (clean, 0, OTHER), (clean, 99, OTHER),
        (differs, 0, SAME), (differs, 100, OTHER), (differs, 50, OTHER),
        (unknown, 0, NOT_RERUN), (unknown, 100, NOT_RERUN),
    )  # fmt: skip
    for own, response, wanted in expected:
        assert OwnAudit(own, []).answer(payload(), response) == wanted
    assert OwnAudit(verdict(to_block=8), []).answer(payload(), 100) == NOT_RERUN
    told = ScoredNumber(VALIDATOR, 1, "losses", "all", 5, 6, False, 3, "", VAULT, "", 9)
    for own, wanted in ((clean, SAME), (differs, OTHER), (unknown, NOT_RERUN)):
        own.document["state"] = {"losses": "5"}
        assert OwnAudit(own, []).number(told) == wanted


@pytest.mark.parametrize(
    ("decided", "answer"),
    [
        ({"same": 3}, 100),
        ({"same": 3, "different": 1}, 0),
        ({"same": 3, "different": 1, "unknown": 1}, 0),
        ({"same": 3, "withheld": 1}, None),
        ({"same": 3, "unnamed": 1}, None),
        ({"same": 3, "unknown": 1}, None),
        ({"same": 0}, None),
        (None, None),
    ],
)
def test_unknown_decisions_are_no_answer(decided, answer):
    asked, found = payload(kind=AskKind.DECIDE), verdict(decided=decided)
    own = OwnAudit(found, [])
    if answer is None:
        with pytest.raises(CannotSay):
            judged(asked, found)
        assert own.answer(asked, 100) == own.answer(asked, 0) == NOT_RERUN
    else:
        assert judged(asked, found) == answer
        assert (own.answer(asked, answer), own.answer(asked, 100 - answer)) == (SAME, OTHER)


# records


def points(*pairs):
    return [PricePoint(number, time, price) for number, (time, price) in enumerate(pairs)]


def test_numbers_of_a_record_by_hand():
    """1,000 to 1,100, to 990 (down a tenth), to 968 = -12 % of the peak; -3.2 % in the week."""
    prices = points((0, 1_000), (2 * DAY, 1_100), (3 * DAY, 990), (8 * DAY, 1_000), (9 * DAY, 968))
    found = {(each.tag1, each.tag2): each for each in measures(prices, 5_000_001)}
    assert found == {
        ("tradingYield", "day"): Measure("tradingYield", "day", -32_000, 4),  # -3.2000 %
        ("tradingYield", "week"): Measure("tradingYield", "week", -120_000, 4),
        ("maxDrawdown", "all"): Measure("maxDrawdown", "all", 120_000, 4),
        ("losses", "all"): Measure("losses", "all", 5_000_001, 6),
    }


def test_divisions_go_against_who_is_rated():
    up = {each.tag1: each.value for each in measures(points((0, 3), (DAY, 4)), 0)}
    assert up["tradingYield"] == 333_333  # 33.33333 %
    down = {each.tag1: each.value for each in measures(points((0, 3), (DAY, 2)), 0)}
    assert down["tradingYield"] == -333_334
    assert down["maxDrawdown"] == 333_334


def test_a_period_that_is_not_covered_has_no_number():
    names = [each.tag2 for each in measures(points((0, 3), (7 * DAY - 1, 3)), 0)]
    assert names == ["day", "all", "all"]
    assert [each.tag1 for each in measures([], 0)] == ["losses"]


def test_a_part_of_a_record_is_no_record(tmp_path):
    """Prices from before a checkpoint are missing: the deepest fall may be there."""
    lines = [{"block": 7, "time": 9, "price_bid": "1"}, {"block": 8, "time": 10, "price_bid": "2"}]
    (tmp_path / "reports.jsonl").write_text("".join(f"{json.dumps(each)}\n" for each in lines))
    found, _ = read_prices(tmp_path, verdict(checked={"reports": 2}))
    assert [each.price for each in found] == [1, 2]
    with pytest.raises(BadInput, match=r"has 2 reports, the verdict counts 3.*a new folder"):
        read_prices(tmp_path, verdict(checked={"reports": 3}))
