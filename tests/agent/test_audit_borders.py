"""What comes into an audit is checked: a node's logs, a command's options."""

import json
from dataclasses import fields, replace

import pytest
from strongroom.audit.command import AuditOptions, parse_cap, scope_of
from strongroom.audit.events import (
    VAULT_EVENTS,
    AuditedEvent,
    BadLog,
    Deposit,
    FeeRecipientsSet,
    by_transaction,
    read_log,
    vault_readers,
)
from strongroom.audit.node import Node, NodeAway, NodeRefuses
from strongroom.audit.permissions import Caps
from strongroom.audit.queues import Queue, settle
from strongroom.audit.wording import caps_words, function_name, limit_words, selector_of
from strongroom.chain import abi
from strongroom.chain.failures import NoVault
from strongroom.chain.terms import UNLIMITED_ASSETS
from strongroom.errors import BadInput

ANN, BEN = "0x" + "aa" * 20, "0x" + "bb" * 20
TOPIC = {each.record.__name__: topic for topic, each in vault_readers().items()}


def word(number):
    return f"{number:064x}"


def log(name, topics=(), data="", **changes):
    whole = {
        "address": "0x" + "CC" * 20, "topics": [TOPIC[name], *("0x" + each for each in topics)],
        "data": "0x" + data, "blockNumber": "0x7", "logIndex": "0x2",
        "transactionHash": "0x" + "11" * 32,
    }  # fmt: skip
    return whole | changes


DEPOSIT = log("Deposit", [word(int(ANN, 16)), word(int(BEN, 16))], word(5) + word(9))


def test_a_log_becomes_its_record():
    found = read_log(DEPOSIT, vault_readers())
    assert found == Deposit(7, "0x" + "11" * 32, 2, "0x" + "cc" * 20, ANN, BEN, 5, 9)
    assert vault_readers()[TOPIC["Deposit"]].plain(found) == {
        "sender": ANN, "owner": BEN, "assets": 5, "shares": 9}  # fmt: skip
    pairs = word(32) + word(1) + word(int(ANN, 16)) + word(10_000)
    found = read_log(log("FeeRecipientsSet", [], pairs), vault_readers())
    assert isinstance(found, FeeRecipientsSet) and found.recipients == ((ANN, 10_000),)
    assert read_log(log("Deposit") | {"topics": ["0x" + "00" * 32]}, vault_readers()) is None


@pytest.mark.parametrize(
    "change",
    [
        {"topics": []},
        {"topics": DEPOSIT["topics"][:2]},
        {"topics": [*DEPOSIT["topics"], DEPOSIT["topics"][1]]},
        {"topics": [*DEPOSIT["topics"][:2], "0xaa"]},
        {"topics": None},
        {"data": "0x"},
        {"data": DEPOSIT["data"][:-2]},
        {"data": DEPOSIT["data"] + word(1)},
        {"data": "0x" + "zz" * 64},
        {"data": None},
        {"blockNumber": None},
        {"blockNumber": 7},
        {"logIndex": "two"},
        {"address": None},
    ],
)
def test_what_is_no_log_is_refused_with_its_place(change):
    with pytest.raises(BadLog, match=r"the node's answer is no log of .*blockNumber"):
        read_log(DEPOSIT | change, vault_readers())
    missing = {name: value for name, value in DEPOSIT.items() if name not in change}
    for odd in (missing, None, [], "text", 7):
        with pytest.raises(BadLog):
            read_log(odd, vault_readers())


def test_a_list_that_is_cut_off_is_no_log():
    pairs = word(32) + word(2) + word(int(ANN, 16)) + word(10_000)
    with pytest.raises(BadLog, match="FeeRecipientsSet"):
        read_log(log("FeeRecipientsSet", [], pairs), vault_readers())


def test_every_event_of_the_vault_has_a_record():
    names = {entry["name"] for entry in abi.load("Vault") if entry["type"] == "event"}
    assert {each.__name__ for each in VAULT_EVENTS} == names == set(TOPIC)
    assert all(issubclass(each, AuditedEvent) and each.__doc__ for each in VAULT_EVENTS)
    assert len(fields(AuditedEvent)) == 4


def test_transactions_are_told_apart():
    one = read_log(DEPOSIT, vault_readers())
    other = replace(one, transaction="0x2")
    assert by_transaction([one, one, other]) == [[one, one], [other]]


# settlement


def closed(asked, settled=0):
    return Queue(asked={ANN: asked}, settled=settled, closed=True)


def test_epochs_are_settled_whole_until_the_budget_ends():
    """At 3/2 units a unit: 10 and 7 of 12 become 15 and 10; of a budget of 30, five are left, which
    are 3 of the last epoch's 100 and buy 4."""
    queues = {1: closed(10), 2: closed(12, settled=5), 3: closed(100), 4: Queue(asked={ANN: 5})}
    assert settle(queues, 3, 2, 30) == (20, 29)
    assert [(each.settled, each.earned) for each in queues.values()] == [
        (10, 15), (12, 10), (3, 4), (0, 0)]  # fmt: skip


def test_without_a_budget_eight_epochs_are_settled():
    queues = {number: closed(10) for number in range(1, 11)}
    assert settle(queues, 1, 1, None) == (80, 80)
    assert settle(queues, 1, 1, 0) == (0, 0) and settle(queues, 1, 1, None) == (20, 20)


# options


class Answers(Node):
    """A node that answers by method; an exception is raised."""

    def __init__(self, **answers):
        super().__init__("http://node", pause=lambda seconds: None)
        self.answers = answers

    def ask_all(self, asked):
        found = [self.answers[method] for method, _ in asked]
        for each in found:
            if isinstance(each, Exception):
                raise each
        return found


def node(**changes):
    return Answers(**({"eth_blockNumber": "0x20", "eth_getCode": "0x60"} | changes))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"from_block": 5}, "its ledger begins there"),
        ({"to_block": 33}, "the newest is 32"),
        ({"evidence": "nowhere"}, "not a folder"),
    ],
)
def test_options_that_do_not_fit_are_refused(tmp_path, options, words):
    if "evidence" in options:
        options = {"evidence": tmp_path / options["evidence"]}
    with pytest.raises(BadInput, match=words):
        scope_of(AuditOptions("0x" + "12" * 20, **options), node())


@pytest.mark.parametrize("answer", ["0x", NodeRefuses("eth_call: execution reverted")])
def test_an_address_without_a_vault_is_refused(answer):
    options = AuditOptions("0x" + "12" * 20)
    with pytest.raises(NoVault, match="no Strongroom vault"):
        scope_of(options, node(eth_call=answer))
    with pytest.raises(NoVault, match="no contract"):
        scope_of(options, node(eth_getCode="0x"))
    with pytest.raises(NodeAway, match="gone"):
        scope_of(options, node(eth_call=NodeAway("gone")))


def test_a_cap_is_a_class_and_units():
    assert parse_cap("3:250.5").class_id == 3 and parse_cap("3:250.5").market_cap == 250_500_000
    for text in ("x", "3", "3:", ":5", "3:x"):
        with pytest.raises(BadInput, match="give a class and a cap"):
            parse_cap(text)


# words


def test_limits_and_caps_are_said_in_their_units():
    assert limit_words(0, 1_000) == "max up is 10 %"
    assert limit_words(7, 2 * 86_400) == "max report age is 2 days"
    assert limit_words(5, 90) == "min report interval is 90 seconds"
    assert limit_words(16, UNLIMITED_ASSETS) == "velocity limit is unlimited"
    assert limit_words(15, 1_500_000_000) == "total cap is 1,500.00"
    assert limit_words(99, 1) == "limit 99 is 1"
    assert caps_words(Caps(UNLIMITED_ASSETS, 1_500, 10**9, 9_000)) == (
        "a market unlimited and 15 % of NAV, the class 1,000.00 and 90 % of NAV")  # fmt: skip
    assert function_name(selector_of("setKeeper(address)")) == "setKeeper"
    assert function_name("0x00000000") == "0x00000000"


def test_no_word_of_a_record_is_lost_in_json():
    assert json.loads(json.dumps(vault_readers()[TOPIC["Deposit"]].plain(
        read_log(DEPOSIT, vault_readers()))))["shares"] == 9  # fmt: skip
