"""What comes into an audit is checked: a node's logs, a command's options."""

import json
from pathlib import Path

import pytest
from msgspec.structs import fields, replace
from strongroom.audit.code import TradingPlaces, uses_of
from strongroom.audit.command import AuditOptions, parse_cap, scope_of
from strongroom.audit.events import (
    VAULT_EVENTS,
    AuditedEvent,
    ClassCapsSet,
    Deposit,
    FeeRecipientsSet,
    RedeemedInKind,
)
from strongroom.audit.governance import Governance
from strongroom.audit.logs import BadLog
from strongroom.audit.losses import LossStatement, WorstTrade
from strongroom.audit.node import Node, NodeAway
from strongroom.audit.permissions import Caps, Permissions
from strongroom.audit.queues import (
    AuditedEpoch,
    claim_plan,
    settle_deposits,
    settle_redemptions,
)
from strongroom.audit.readers import read_log, vault_readers
from strongroom.audit.telling import loss_lines
from strongroom.audit.transactions import Transaction, by_transaction
from strongroom.audit.valuation import Holding, value
from strongroom.audit.wording import caps_words, function_name, limit_words, selector_of
from strongroom.chain import abi
from strongroom.chain.failures import CallReverted, NoVault
from strongroom.chain.terms import UNLIMITED_ASSETS
from strongroom.chain.units import PRICE, WAD
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
    who = word(int(ANN, 16))
    kind = [word(number) for number in (9, 8, 70, 5, 5 * 32, 1, 77)]
    found = read_log(log("RedeemedInKind", [who, who], "".join(kind)), vault_readers())
    assert isinstance(found, RedeemedInKind) and found.skipped == ("0x" + word(77),)


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


def closed(anchor=PRICE, **asked):
    """Return a closed epoch; a price of PRICE is one asset a share, in base units of both."""
    found = AuditedEpoch(anchor=anchor, closed_by=1)
    for who, amount in asked.items():
        found.ask({"ann": ANN, "ben": BEN}[who], amount, 0)
    return found


def outcomes(found):
    return [(each.epoch, each.is_back, each.taken, each.given, each.left) for each in found]


def test_deposits_are_settled_oldest_first_as_far_as_the_room_reaches():
    """At 2 assets a share, with room for 25: 10 become 5, 15 of 30 become 7, the rest wait; whoever
    asked at a price of 1 (at most a tenth more) is handed back."""
    line = list(enumerate((closed(2 * PRICE, ann=10), closed(ann=8), closed(2 * PRICE, ann=30)), 1))
    found = settle_deposits(line, 2 * PRICE, 1_000, 25)
    assert outcomes(found) == [(1, False, 10, 5, 0), (2, True, 0, 0, 0), (3, False, 15, 7, 15)]
    assert line[1][1].is_back and line[1][1].left == 8
    assert outcomes(settle_deposits(line[2:], 2 * PRICE, 1_000, None)) == [(3, False, 15, 7, 0)]


def test_a_deposit_of_less_than_a_share_wei_uses_no_room():
    line = [(1, closed(2 * PRICE, ann=1)), (2, closed(2 * PRICE, ann=4))]
    assert outcomes(settle_deposits(line, 2 * PRICE, 0, 4)) == [
        (1, False, 1, 0, 0), (2, False, 4, 2, 0)]  # fmt: skip


def test_redemptions_are_paid_oldest_first_as_far_as_idle_reaches():
    """At half an asset a share, 20 idle: 10 shares get 5; 30 of 100 get the 15 that are left."""
    line = list(enumerate((closed(ann=10), closed(ann=100)), 1))
    for _, each in line:
        each.anchor = PRICE // 2
    found = settle_redemptions(line, PRICE // 2, 1_000, 20)
    assert outcomes(found) == [(1, False, 10, 5, 0), (2, False, 30, 15, 70)]
    (back,) = settle_redemptions([(3, closed(ann=9))], PRICE // 2, 1_000, 20)
    assert back.is_back, "half is more than a tenth below the anchor"


def test_requests_of_an_epoch_are_dealt_with_alike():
    """Of 90 and 10, a half is settled for 25, and a half of the rest for as much."""
    epoch = closed(ann=90, ben=10)
    epoch.settle(50, 25)
    assert (epoch.waits(ANN), epoch.due(ANN)) == (45, (45, 22))  # 22.5: a half stays
    epoch.settle(25, 25)
    assert (epoch.waits(ANN), epoch.due(ANN)) == (22, (68, 45))
    assert (epoch.waits(BEN), epoch.due(BEN)) == (2, (8, 5))
    plan = claim_plan({1: epoch}, ANN, 10, False)
    assert [(some_in, some_out) for *_, some_in, some_out in plan] == [(10, 6)]
    plan = claim_plan({1: epoch}, ANN, 10, True)
    assert [(some_in, some_out) for *_, some_in, some_out in plan] == [(16, 10)]
    epoch.take(ANN, epoch.standing(ANN), 10, 6)
    assert epoch.leave(ANN) == (22, 58, 39) and (epoch.total, epoch.left) == (10, 3)
    assert epoch.leave(BEN) == (2, 8, 5) and (epoch.total, epoch.left) == (0, 0), "dust goes"
    assert epoch.is_over and epoch.claimed == epoch.given == 50


# values


def mark(bid, ask, number=1):
    """Return a mark of YES in cents as a report packs it."""
    return bid * WAD // 100 | (ask * WAD // 100) << 64 | number << 128


def test_holdings_are_worth_sets_payouts_and_marks_at_most_cost():
    """100 in cash, 10 sets at 1, 30 YES at 40/60, 3 NO at 1/3."""
    both = [Holding(40, 10, 0, 0, 0), Holding(0, 3, 1, 2, 3)]
    marks = [mark(40, 60), mark(0, 100)]
    assert value(100, both, marks, 10**6) == (100 + 10 + 12 + 2, 100 + 10 + 18 + 2)
    assert value(100, both, marks, 50) == (50, 130)
    assert value(0, [Holding(0, 7, 0, 0, 0)], [mark(40, 60)], 99) == (2, 5)  # 2.8, 4.2
    assert value(0, [Holding(7, 0, 0, 0, 0)], [0], 99) == (0, 7)  # no mark


def test_bids_of_an_event_that_a_payout_contradicts_count_nothing():
    """B is marked 40/60 and C 10/20 while A has paid 1: 20 YES-B and 10 NO-C."""
    held = [Holding(5, 0, 1, 0, 1), Holding(20, 0, 0, 0, 0), Holding(0, 10, 0, 0, 0)]
    marks = [0, mark(40, 60), mark(10, 20)]
    assert value(0, held, marks, 99) == (5 + 0 + 8, 5 + 12 + 10)
    calm = [Holding(5, 0, 0, 1, 1), *held[1:]]
    assert value(0, calm, marks, 99) == (0 + 8 + 8, 0 + 12 + 9)
    open_still = [Holding(0, 0, 0, 0, 0), *held[1:]]
    assert value(0, open_still, [mark(60, 60), *marks[1:]], 99) is None, "no report says so"


def test_what_can_be_no_holding_is_none():
    for odd in (Holding(2**120, 0, 0, 0, 0), Holding(1, 0, 2, 0, 1), Holding(1, 0, 0, 2, 1)):
        assert value(0, [odd], [0], 99) is None
    assert value(2**120, [Holding(0, 0, 0, 0, 0)], [0], 99) is None
    assert value(0, [], [0], 99) is None


# options


class Answers(Node):
    """A node that answers by method; an exception is raised."""

    def __init__(self, **answers):
        super().__init__("http://node", pause=lambda seconds: None)
        self.answers = answers

    def ask_each(self, asked):
        found = [self.answers[method] for method, _ in asked]
        for each in found:
            if isinstance(each, NodeAway):
                raise each
        return found


BLOCK = {"number": "0x20", "hash": "0x1", "parentHash": "0x0", "timestamp": "0x7"}


def node(**changes):
    return Answers(
        **(
            {"eth_blockNumber": "0x20", "eth_getCode": "0x60", "eth_getBlockByNumber": BLOCK}
            | changes
        )
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"from_block": 5}, "its ledger begins there"),
        ({"from_block": 5, "checkpoint": Path(__file__)}, "a checkpoint knows by itself"),
        ({"to_block": 33}, "the newest is 32"),
        ({"evidence": "nowhere"}, "not a folder"),
    ],
)
def test_options_that_do_not_fit_are_refused(tmp_path, options, words):
    if "evidence" in options:
        options = {"evidence": (str(tmp_path / options["evidence"]),)}
    with pytest.raises(BadInput, match=words):
        scope_of(AuditOptions("0x" + "12" * 20, **options), node())


@pytest.mark.parametrize("answer", ["0x", CallReverted("eth_call: no")])
def test_an_address_without_a_vault_is_refused(answer):
    options = AuditOptions("0x" + "12" * 20)
    with pytest.raises(NoVault, match="no Strongroom vault"):
        scope_of(options, node(eth_call=answer))
    with pytest.raises(NoVault, match="no contract"):
        scope_of(options, node(eth_getCode="0x"))
    with pytest.raises(NodeAway, match="gone"):
        scope_of(options, node(eth_call=NodeAway("gone")))


def test_a_cap_is_a_class_and_units():
    found = parse_cap("3:250.5")
    assert found.class_id == 3 and found.base_units(6) == 250_500_000
    assert found.base_units(12) == 250_500_000_000_000 and found.base_units(1) == 2_505
    assert parse_cap(f"0:{2**128 - 1}").base_units(0) == 2**128 - 1
    odd = ("3:sNaN", "3:Infinity", "3:1e999999", "3:1e999990", "3:-1")  # 1e999990 took minutes
    odd = (*odd, "0:1e-30", "\u0660:\u0662\u0665\u0660")
    odd = (*odd, "0_1:5", "0:5_0", " 0:5", "0:5.", f"{2**128}:5")
    for text in ("x", "3", "3:", ":5", "3:x", *odd):
        with pytest.raises(BadInput, match="give a class and a cap"):
            parse_cap(text)


@pytest.mark.parametrize(
    ("text", "decimals"),
    [("0:0.0000001", 6), ("0:0.5", 0), (f"0:{2**128}", 0), (f"0:{10**30}", 12)],
)
def test_a_cap_that_the_asset_cannot_say_is_refused(text, decimals):
    """It became a cap of nothing."""
    with pytest.raises(BadInput, match=f"no amount of an asset with {decimals} decimals"):
        parse_cap(text).base_units(decimals)


# words


def test_amounts_are_said_in_the_decimals_of_the_asset():
    """One of 12 had all amounts a million times too large."""
    assert limit_words(17, 1_500_000_000, 3) == "total cap is 1,500,000.00"
    caps = Caps(15 * 10**11, 1_500, UNLIMITED_ASSETS, 9_000)
    assert caps_words(caps, 12).startswith("a market 1.50 and 15 % of NAV, the class unlimited")
    permissions = Permissions()
    event = ClassCapsSet(7, "0xaa", 0, "", 0, *caps.words)
    Governance(permissions, 12).take(event, Transaction(1, (event,)))
    assert "a market 1.50 and" in permissions.timeline[-1].what
    trade = WorstTrade(1, "0x", 0, ANN, "buy", "1" + "0" * 12, "2" + "0" * 12, "-5" + "0" * 11, ())
    (line,) = loss_lines(LossStatement((), (trade,), ()), "TOK", 12)
    assert line == "worst trade: block 1, buy 2.00 for 1.00 TOK, 0.50 better than the marks"


def test_limits_and_caps_are_said_in_their_units():
    assert limit_words(0, 1_000) == "max up is 10 %"
    assert limit_words(8, 2 * 86_400) == "max report age is 2 days"
    assert limit_words(5, 90) == "min report interval is 90 seconds"
    assert limit_words(12, 1) == "orders need a fresh mark"
    assert limit_words(18, UNLIMITED_ASSETS) == "velocity is unlimited"
    assert limit_words(17, 1_500_000_000) == "total cap is 1,500.00"
    assert limit_words(99, 1) == "limit 99 is 1"
    assert caps_words(Caps(UNLIMITED_ASSETS, 1_500, 10**9, 9_000)) == (
        "a market unlimited and 15 % of NAV, the class 1,000.00 and 90 % of NAV")  # fmt: skip
    assert function_name(selector_of("setKeeper(uint256,address)")) == "setKeeper"
    assert function_name("0x00000000") == "0x00000000"


def test_no_word_of_a_record_is_lost_in_json():
    assert json.loads(json.dumps(vault_readers()[TOPIC["Deposit"]].plain(
        read_log(DEPOSIT, vault_readers()))))["shares"] == 9  # fmt: skip


@pytest.mark.parametrize(
    ("named", "traded", "anywhere", "use"),
    [
        ((ANN,), TradingPlaces(), False, "not used"),
        ((), TradingPlaces((BEN,)), False, "used"),  # no account names it, and a fill is there
        ((), TradingPlaces(), False, "not used"),  # pools only
        ((), TradingPlaces(), True, "not used yet"),  # a wallet that has not traded may do so there
        ((), TradingPlaces((), True), True, "not used"),  # something moved that wants a fill
        ((ANN,), TradingPlaces((ANN,)), True, "not used"),  # they trade elsewhere
    ],
)
def test_an_exchange_is_where_accounts_say_or_have_traded(named, traded, anywhere, use):
    assert uses_of([BEN.upper()], named, traded, anywhere) == {BEN: use}
    assert uses_of([BEN], [BEN], TradingPlaces((), True), anywhere) == {BEN: "used"}
