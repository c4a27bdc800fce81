"""Lives of real contracts, audited a block at a time, five at a time, and at once: one verdict.

What each is, is known by hand; and it may not depend on how many blocks a node answers for.
"""

import json

import pytest
import strongroom.audit.nodes
from strongroom.app.command import PageOptions, run_page
from strongroom.audit.readers import exchange_readers, vault_readers

from tests.agent.said_nodes import Telling
from tests.property.evidence_life import (
    BUY,
    DELEGATED,
    EvidenceLife,
    goes_on_from_each_block,
    verdict_in_pieces,
)
from tests.property.recorded import RecordingNode
from tests.property.world import DEPOSIT, HOUR, NO, UNIT, YES, Kind

BINARY = Kind("binary", "keeper")
HALF = {"m": 50}


def released(life, name):
    """Give up the wallet of a closed market."""
    life.world.markets[name].account.releaseWallet(sender=life.world.who["mallory"])
    life.mine()


def without_a_decision(life):
    """NO at .99 of a friend; the wallet is given up in the end. One difference, at the fill."""
    life.open("m")
    block = life.trade("m", BUY, 990 * UNIT, 1_000 * UNIT, place=NO)
    for _ in range(3):
        life.report(HALF)
    life.end("m")
    released(life, "m")
    life.report()
    return [block]


def a_wallet_that_goes_on(life):
    """It has traded for itself, works for one market, is given up, and works for the next."""
    world, wallet = life.world, life.world.who["w"]
    world.fund("w", 10 * UNIT)
    for _ in range(2):
        world.pusd.transfer(world.who["maker"], 5 * UNIT, sender=wallet)
        life.mine()
    for name in ("one", "two"):
        life.open(name, wallet="w")
        record = life.record(life.leg(name, BUY, "0.5", 1_000 * UNIT))
        life.trade(name, BUY, 500 * UNIT, 1_000 * UNIT, record)
        life.report({name: 50}, record)
        life.end(name)
        released(life, name)
        life.report()
    return []


def a_gift_before_and_after_a_report(life):
    """In the report's own block, to a wallet that is given up later."""
    market = life.open("m")
    life.world.wait(HOUR)
    for last in (False, True):
        life.world.pusd.transfer(market.wallet, UNIT, sender=life.world.who["maker"])
        if not last:
            life.send_report(HALF)
    life.mine()
    life.end("m")
    released(life, "m")
    life.report()
    return []


def a_halted_market(life):
    """A decision's fill, its report, and a halt in front of the closing."""
    life.open("m")
    record = life.record(life.leg("m", BUY, "0.5", 100 * UNIT))
    life.trade("m", BUY, 50 * UNIT, 100 * UNIT, record)
    life.report(HALF, record)
    life.world.halt("m")
    life.end("m")
    life.report()
    return []


@pytest.mark.parametrize("live", [
    without_a_decision, a_wallet_that_goes_on, a_gift_before_and_after_a_report, a_halted_market,
])  # fmt: skip
def test_a_verdict_is_the_same_however_many_blocks_are_read_at_once(tmp_path, live, monkeypatch):
    life = EvidenceLife(tmp_path, (DELEGATED,))
    blocks = live(life)
    whole, *pieces = [verdict_in_pieces(life, count, monkeypatch) for count in (10_000, 5, 1)]
    assert [each["block"] for each in whole["differences"]] == blocks
    assert pieces == [whole, whole]


def given_before(life):
    """1 of the asset and 2 of YES at an account's address, in blocks before the opening, 4 in front
    of it in its block, 8 behind it; 15 are told. Then a leaver takes his part of all."""
    world, maker = life.world, life.world.who["maker"]
    there = life.foresee()
    world.fund("maker", 10 * UNIT)
    world.pusd.approve(world.adapter.address, 2**255, sender=maker)
    terms = (world.pusd.address, bytes(32), there.conditions[0], [1, 2], 10)
    world.adapter.splitPosition(*terms, sender=maker)
    world.pusd.transfer(there.account.address, 1, sender=maker)
    life.mine()
    for _ in range(3):
        life.report()
    to = (there.account.address, there.tokens[0])
    world.ctf.safeTransferFrom(maker, *to, 2, b"", sender=maker)
    life.mine()
    world.pusd.transfer(there.account.address, 4, sender=maker)
    market = world.open("m", question=there.question_id)
    assert market.account.address == there.account.address
    world.pusd.transfer(there.account.address, 8, sender=maker)
    life.mine()
    world.allocate("m", 1_000 * UNIT)
    life.mine()
    life.report(HALF)
    world.leave("alice", world.shares("alice") // 50)
    life.mine()
    life.report(HALF)
    life.end("m")
    life.report()


@pytest.mark.parametrize("kind", [BINARY, DELEGATED])
def test_what_is_given_to_an_address_before_there_is_the_account_is_a_gift(
    tmp_path, kind, monkeypatch
):
    """Anybody can compute the address, and pay it a base unit."""
    life = EvidenceLife(tmp_path, (kind,))
    given_before(life)
    pieces = [verdict_in_pieces(life, count, monkeypatch) for count in (10_000, 3, 1)]
    assert pieces[0]["differences"] == [] and pieces[0]["income"]["gift"] == "13"
    assert pieces[1:] == [pieces[0]] * 2
    audited = life.audit(out=tmp_path / "out", from_block=0).verdict
    lines = [json.loads(each) for each in (tmp_path / "out/income.jsonl").open()]
    found = [(each["payer"], each["amount"], each["kind"]) for each in lines]
    assert found == [("", 5, "gift"), (life.world.who["maker"].lower(), 8, "gift")]
    assert len({each["block"] for each in lines}) == 1 and audited.is_clean
    assert set(goes_on_from_each_block(life, tmp_path)) == {"no difference"}


def test_a_page_says_of_a_gift_that_it_came_before_the_opening(tmp_path, monkeypatch):
    life = EvidenceLife(tmp_path, (BINARY,))
    given_before(life)
    monkeypatch.setattr(strongroom.audit.nodes, "Node", lambda url: RecordingNode(life))
    options = PageOptions(life.vault, "recorded", (str(life.folder),), out=tmp_path / "page")
    text = run_page(options).page.read_text()
    assert text.count("<td data-head='from'>before it was opened</td>") == 1


def test_a_wallet_that_trades_at_an_exchange_which_a_later_class_names_is_honest(
    tmp_path, monkeypatch
):
    """The operator names the other at which it trades; nobody knows the class's before it is used.
    All fills are decided and revealed."""
    life, other = EvidenceLife(tmp_path, (DELEGATED, BINARY)), "0x" + "99" * 20
    life.open("m")
    leg = life.leg("m", BUY, "0.5", 100 * UNIT)
    records = [life.record(leg), life.record(leg | {"exchange": other})]
    for record, exchange in zip(records, ("", other), strict=True):
        life.trade("m", BUY, 10 * UNIT, 20 * UNIT, record, exchange=exchange)
    life.report(HALF, *records)
    for _ in range(3):
        life.report(HALF)
    life.open("late", 1)
    life.report(HALF | {"late": 50})
    named = {"exchanges": (other,)}
    pieces = [verdict_in_pieces(life, count, monkeypatch, **named) for count in (10_000, 5, 1)]
    assert pieces[0]["differences"] == [] and pieces[0]["checked"]["fills"] == 2
    assert pieces[1:] == [pieces[0]] * 2


def test_dust_in_closed_accounts_costs_no_question_a_report(tmp_path):
    """A stranger pays a base unit to each of three: 30 reports later that is as dear as after 3."""

    def asked(name, dust):
        life = EvidenceLife(tmp_path / name, (BINARY,))
        for number in range(3):
            life.open(f"m{number}")
            life.end(f"m{number}")
            if dust:
                life.world.give_cash(f"m{number}", 1)
        life.mine()
        counts = []
        for reports in (3, 27):
            for _ in range(reports):
                life.report()
            node = RecordingNode(life)
            assert life.audit(node).verdict.is_clean
            counts.append(sum(each.startswith("eth_call") for each in node.answers))
        return counts

    (tmp_path / "clean").mkdir()
    (tmp_path / "dusted").mkdir()
    clean, dusted = asked("clean", dust=False), asked("dusted", dust=True)
    assert dusted[1] - dusted[0] == clean[1] - clean[0]
    assert dusted[1] - clean[1] == 3 * 4 * 2  # asset, YES, NO and its own word; twice


def test_what_a_sweep_rounds_to_nothing_comes_back_with_the_shares(tmp_path):
    """A closed account stood for 10 micro-units. With 5 % of the shares left that is 0, and so is
    what a sweep logs; with 39 % of them it is 3 again."""
    life = EvidenceLife(tmp_path, (BINARY,))
    world = life.world
    world.open("m")
    life.mine()
    world.allocate("m", 10)
    life.mine()
    life.trade("m", BUY, 10, 20, place=YES)
    life.report(HALF)
    world.close("m", by="guardian")
    life.mine()
    first = world.vault.totalSupply()
    world.leave("alice", world.shares("alice") * 95 // 100)
    life.mine()
    swept = world.sweep("m")
    life.mine()
    verdict = life.audit(evidence=()).verdict
    assert (swept, verdict.differences, verdict.state.written_off) == (0, (), "0")
    world.request(DEPOSIT, "bob", 900_000 * UNIT)
    life.mine()
    for _ in range(3):
        life.report()
    world.claim_all("bob")
    life.mine()
    verdict = life.audit(evidence=()).verdict
    assert 10 * world.vault.totalSupply() // first == 3
    assert (verdict.differences, verdict.state.written_off) == ((), "3")


class HidingNode(RecordingNode):
    """Leaves one log out."""

    def __init__(self, life, hidden):
        super().__init__(life)
        self._hidden = hidden

    def answered(self, method, parameters):
        text = super().answered(method, parameters)
        if method != "eth_getLogs":
            return text
        logs = json.loads(b"{" + text + b"}")["result"]
        shown = [each for each in logs if (each["blockNumber"], each["logIndex"]) != self._hidden]
        return json.dumps({"result": shown})[1:-1].encode()


@pytest.mark.parametrize("kind", ["MarketOpened", "Allocated", "CameHome", "MarketClosed"])
def test_a_page_tells_of_a_log_that_its_node_hides(tmp_path, monkeypatch, kind):
    """As the audit does: a difference, and no defect of the page's own."""
    life = EvidenceLife(tmp_path, (BINARY,))
    life.open("m")
    life.report(HALF)
    life.end("m")
    life.report()
    names = {topic: each.record.__name__ for topic, each in vault_readers().items()}
    hidden = next(
        (log["blockNumber"], log["logIndex"])
        for block in life.blocks
        for log in block.logs
        if log["address"] == life.vault and names.get(log["topics"][0]) == kind
    )
    audited = life.audit(HidingNode(life, hidden)).verdict
    monkeypatch.setattr(strongroom.audit.nodes, "Node", lambda url: HidingNode(life, hidden))
    options = PageOptions(life.vault, "recorded", (str(life.folder),), out=tmp_path / "page")
    shown = run_page(options)
    assert not audited.is_clean and shown.verdict.differences == audited.differences
    assert f"found {len(audited.differences)} difference" in shown.page.read_text()


def test_a_settlement_in_the_last_block_spares_no_closed_account(tmp_path):
    """Anybody may settle a flat vault; the node hides that a closed account's money went."""
    life = EvidenceLife(tmp_path, (BINARY,))
    world = life.world
    world.fund("giver", 10 * UNIT)
    life.open("m")
    life.report(HALF)
    life.end("m")
    life.report()
    account = world.markets["m"].account.address.lower()
    world.pusd.transfer(account, 7 * UNIT, sender=world.who["giver"])
    life.mine()
    life.report()
    gone = len(life.blocks)
    for _ in range(4):
        life.report()
    world.wait(30 * HOUR)
    world.vault.settle(sender=world.who["giver"])
    life.mine()

    def tell(method, parameters, answer):
        is_asked = method == "eth_call" and account[2:] in parameters[0]["data"]
        if is_asked and int(parameters[1], 16) >= gone:
            return {"result": f"0x{0:064x}"}
        return answer

    found = life.audit(Telling(RecordingNode(life), tell)).verdict.differences
    assert [(each.what, each.expected, each.found) for each in found] == [
        (f"balance of {account}: asset", str(7 * UNIT), "0")
    ]
    assert life.audit().is_clean


def test_what_an_exchange_logs_that_is_no_fill_hides_no_theft(tmp_path):
    """A class may name any contract as its exchange: one that logs words that are cut off."""
    life = EvidenceLife(tmp_path, (BINARY, DELEGATED))
    market = life.open("m", 1)
    life.report(HALF)
    life.world.pusd.transfer(life.world.who["thief"], 500 * UNIT, sender=market.wallet)
    life.mine()
    options = {"exchanges": (life.world.ctf.address,)}
    told = [each for each in life.told(**options) if "nothing explains" in each[1]]
    ((topic, _),) = exchange_readers().items()
    ends = [f"0x{who.lower()[2:]:0>64}" for who in (market.wallet, life.world.who["maker"])]
    log = {"topics": [topic, f"0x{1:064x}", *ends], "data": "0x" + "00" * 31}
    life.mine(fill=log | {"address": life.world.exchange.lower()})
    found = life.told(**options)
    assert [each for each in found if "nothing explains" in each[1]] == told != []
