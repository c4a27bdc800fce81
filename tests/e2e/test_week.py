"""The last day of a recorded week, run by the keeper alone, and what can be checked afterwards.

`ape run week` runs the whole of it; this is the same code for the last hours of one ladder.
"""

import json
import re
import shutil
from dataclasses import replace
from decimal import Decimal
from functools import partial
from html import unescape
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from eth_account import Account
from jsonschema import Draft202012Validator
from strongroom.audit.auditor import Auditor, Scope
from strongroom.audit.held_block import held_hash
from strongroom.audit.income import IncomeKind
from strongroom.audit.logs import BadLog
from strongroom.audit.node import Node, NodeAway, NodeRefuses
from strongroom.audit.nodes import ComparedNodes, NodesDiffer
from strongroom.audit.readers import exchange_readers
from strongroom.audit.replay import forks
from strongroom.audit.verdict import attest, attestation_message
from strongroom.chain.ids import decision_id, keccak
from strongroom.chain.places import FolderPlace
from strongroom.chain.units import BPS, FIRST_PRICE, MICRO
from strongroom.cli.audit import command as audit_command
from strongroom.cli.page import command as page_command
from strongroom.devnet import polymarket
from strongroom.devnet import week as week_module
from strongroom.devnet.clob.engine import HASH_WAIT_S
from strongroom.devnet.deployer import devnet_chain
from strongroom.devnet.reports import read_reports
from strongroom.devnet.week import PAYERS, WeekOptions, play_week
from strongroom.devnet.week_results import income
from strongroom.execution.housekeeping import LEAST_HOME
from strongroom.execution.tasks import TaskRules
from strongroom.keeper.wiring import make_packs, rules_of
from strongroom.reporting.explanation import NothingKnown, explain, find

from tests.e2e import decisions
from tests.e2e.lies import LIES, OTHER, Liar, add, altered, liar, target, times
from tests.e2e.parity import check_parity
from tests.signing import key_of

FILLED = (
    b"OrderFilled(bytes32,address,address,uint8,uint256,uint256,uint256,uint256,bytes32,bytes32)"
)
OPTIONS = WeekOptions(
    tickers=("AAPL",),
    hours=30,
    deposits=((0, "alice", 50_000), (11, "bob", 20_000)),
    redemptions=((14, "alice", 20),),
    report_every_s=1_800,
)
SCHEMA = Draft202012Validator(
    json.loads((Path(__file__).parents[2] / "docs" / "schemas" / "audit-2.json").read_text())
)


def slowly(take, week, taker):
    """Take a quote on a machine whose settlements take longer than an answer waits for them."""
    switch = f"{week.stage.server.url}/devnet/faults"
    delay_ms = int(HASH_WAIT_S * 1_000) + 200
    httpx.put(switch, json={"settlement_delay_ms": delay_ms}).raise_for_status()
    take(week, taker)
    httpx.put(switch, json={}).raise_for_status()  # the delay of the first trade has begun


@pytest.fixture(scope="module")
def week(tmp_path_factory):
    start = int(OPTIONS.start.timestamp()) - 600
    with (
        pytest.MonkeyPatch.context() as slow,
        devnet_chain(polymarket.CHAIN_ID, timestamp=start) as chain,
    ):
        slow.setattr(week_module, "_take_quote", partial(slowly, week_module._take_quote))
        played = play_week(replace(OPTIONS, folder=tmp_path_factory.mktemp("week")), chain)
        yield played
        played.stage.close()


@pytest.fixture(scope="module")
def lines(week):
    return read_reports(week.stage.vault)


@pytest.fixture(scope="module")
def fills(week):
    return decisions.fills(week.stage)


def test_it_ran_without_a_hand(week):
    assert not any(hour.halts for hour in week.hours), week.events("halted")
    assert week.events("duty_refused") == [] == week.events("report_refused")
    journal = week.keeper.journal
    assert not journal.open() and not journal.open_tasks() and not journal.transactions.open()
    packs = {journal.record(task.decision).pack for task in journal.all_tasks()}
    assert {"tail", "bundle", "maker"} <= packs
    assert week.stage.vault.totalExposure() == 0, "all markets are settled and closed"


def test_every_report_is_the_keepers_own_nav_to_the_unit(week, lines):
    told = week.events("reported")
    assert len(told) == len(lines) >= 20
    for fields, line in zip(told, lines, strict=True):
        assert (fields["difference_bid"], fields["difference_ask"]) == (0, 0)
        assert (fields["nav_bid"], fields["nav_ask"]) == (line.nav_bid, line.nav_ask)


def test_caps_hold_at_every_hour(week):
    for hour in week.hours:
        if hour.nav_bid:
            assert hour.exposure <= hour.nav_bid * 6_000 // BPS + 1
            assert max(hour.by_market.values(), default=0) <= hour.nav_bid * 1_500 // BPS + 1


def test_in_less_out_is_what_is_there(week):
    vault, pusd = week.stage.vault, week.stage.venue.pusd
    waiting = (vault.epochs()[0], *vault.waitingEpochs(0))
    pending = sum(vault.epochOf(0, epoch)[1] for epoch in waiting)
    assert pusd.balanceOf(vault) == vault.totalAssets() + pending + vault.claimable_assets()


def test_every_fill_joins_a_revealed_decision(week, lines, fills):
    on_chain = {line.evidence for line in lines}
    records = decisions.revealed(week.stage.folder / "evidence", on_chain)
    assert len(fills) >= 20
    assert decisions.unexplained(fills, records) == []


def test_a_forged_or_late_record_is_found(week, lines, fills):
    on_chain = {line.evidence for line in lines}
    folder = week.stage.folder / "evidence"
    records = dict(decisions.revealed(folder, on_chain))
    victim = fills[len(fills) // 2]
    forged = dict(records[victim.decision]) | {"edge": "0.999999"}
    mutated = {
        decision_id(forged): forged,
        **{name: record for name, record in records.items() if name != victim.decision},
    }
    assert {line.decision for line, _ in decisions.unexplained(fills, mutated)} == {victim.decision}
    late = dict(records) | {victim.decision: dict(records[victim.decision]) | {"time": 2**40}}
    found = decisions.unexplained(fills, late)
    assert {why for _, why in found} == {"the record is younger than its fill"}
    # a document that was changed on disk no longer has its hash, so none of its records count
    document = next(path for path in folder.glob("0x*.json") if b'"decisions":[{' in
                    path.read_bytes() and path.stem in on_chain)  # fmt: skip
    original = document.read_bytes()
    changed = json.loads(original)
    changed["decisions"][0]["edge"] = "0.5"
    document.write_text(json.dumps(changed))
    try:
        assert len(decisions.revealed(folder, on_chain)) < len(records)
    finally:
        document.write_bytes(original)


def test_no_trade_is_undone_after_its_match(week):
    """Neither for want of a fee at a better price, nor for a signature whose time was over."""
    failed, ended = week.keeper.journal.reversals()
    assert failed == 0 and ended >= 20
    assert {trade.status for trade in week.stage.server.engine.trades.values()} == {"CONFIRMED"}


def test_the_recorded_views_give_the_same_orders_again(week, tmp_path):
    """Views from Parquet through the backtester: the same records, the same bytes of each order.

    There are no more decisions since bundles, which count at the bid, take 4 % of a share that day:
    above 3 % no new budget goes out.
    """
    folder, config, journal = week.stage.folder / "views", week.stage.config, week.keeper.journal
    packs = make_packs(config.packs)
    rules = replace(rules_of(config), settings=week.keeper.rules.settings)
    patience = TaskRules(slippage_bps=config.execution.slippage_bps)
    found = check_parity(folder, journal, packs, rules, patience)
    assert found.differences == ()
    assert found.decisions == len(journal.all_tasks()) >= 10 and found.orders >= 20
    deeper = replace(rules, depth_share=Decimal("0.4"))
    other = check_parity(folder, journal, packs, deeper, patience)
    assert other.differences, "other settings are told apart"


def test_explain_tells_why(week):
    journal = week.keeper.journal
    task = next(t for t in journal.all_tasks() if journal.record(t.decision).pack == "tail")
    row = journal.of_decision(task.decision)[0]
    story = explain(journal, find(journal, row.order_hash[:14]))
    assert "832 of 840 favourites like this one won" in story
    assert "the smallest limit: " in story and "edge" in story and "filled" in story
    assert find(journal, task.decision) == task.decision
    with pytest.raises(NothingKnown, match="begins with"):
        find(journal, "0xffffffffff")


def test_the_cosigner_signed_and_found_nothing_malformed(week):
    text = (week.stage.folder / "cosigner.log").read_text()
    assert "signed" in text
    assert "malformed" not in text


# the audit


@pytest.fixture(scope="module")
def audited(week):
    """Audit the week; `changes` of the place."""

    def run(node=None, **changes):
        place = {
            "url": week.stage.chain.url,
            "vault": week.stage.vault.address,
            "from_block": 0,
            "to_block": week.stage.chain.height(),
            "exchanges": (week.stage.venue.exchange.address,),
            "evidence": (FolderPlace(week.stage.folder / "evidence"),),
        } | changes
        return Auditor(Scope(**place), node).run().verdict

    return run


def test_the_audit_of_the_week_finds_no_difference(week, audited, lines, fills):
    verdict = audited()
    checked = verdict.checked
    assert verdict.differences == ()
    assert checked.reports == checked.documents == len(lines)
    assert checked.fills == checked.fills_joined == len(fills)
    assert checked.market_values >= 20 and checked.events >= 200
    found = json.loads(json.dumps(verdict.document()))
    SCHEMA.validate(found)
    assert found["state"]["supply"] == str(week.stage.vault.totalSupply())
    assert found["verdict"] == "no difference" and json.dumps(found)
    auditor = key_of("auditor")
    signed = found | {"attestation": attest(found, auditor)}
    SCHEMA.validate(signed)
    assert not SCHEMA.is_valid(signed | {"to_block": "1"})
    assert attested_by(signed) == auditor.address
    assert attested_by(signed | {"to_block": 1}) != auditor.address


def test_rebates_and_rewards_come_home_and_are_named(week, audited):
    """What the venue's books say that it paid, payment by payment, is what the audit finds; nothing
    stays in an account, not even in those that were closed when it came."""
    stage = week.stage
    payers = {stage.people[name].address: IncomeKind(kind) for kind, name in PAYERS.items()}
    verdict = audited(payers=payers)
    found = income(week, verdict)
    assert verdict.differences == () and all(came == paid for came, paid in found.values())
    assert found["rebate"][0] > 0 and found["reward"][0] > 0
    assert verdict.income["gift"] == verdict.income["return"] == "0"
    told = {}
    for line in read_reports(stage.vault):
        text = (stage.folder / "evidence" / f"{line.evidence}.json").read_text()
        for each in json.loads(text)["income"]:
            told[each["transaction"]] = each["kind"], int(each["amount"])
    for kind in IncomeKind.REBATE, IncomeKind.REWARD:
        assert sum(amount for of, amount in told.values() if of == kind) == found[kind][0]
    unnamed = audited().income
    assert int(unnamed["gift"]) == sum(came for came, _ in found.values())
    left = [stage.venue.pusd.balanceOf(log.account) for log in stage.vault.events("MarketOpened")]
    assert max(left) < LEAST_HOME


def attested_by(document):
    """Return who has signed a verdict; another address than claimed means that it was changed."""
    signature = document["attestation"]["signature"]
    return Account.recover_message(attestation_message(document), signature=signature)


@pytest.mark.parametrize("name", LIES)
def test_each_lie_about_a_log_is_found_at_its_block_and_field(week, audited, name):
    lie, url = LIES[name], week.stage.chain.url
    event = target(Node(url), week.stage.vault.address.lower(), lie)
    if lie.twice:  # no chain has two logs in one place: it is the node that is wrong
        with pytest.raises(BadLog, match="not after the log before it"):
            audited(liar(url, event, lie))
        return
    found = audited(liar(url, event, lie)).differences
    # a report that is left out reveals no decisions: earlier fills are without one, too
    books = [each for each in found if each.expected != "a decision"]
    assert min(each.block for each in books) >= event.block
    named = [each.block for each in found if each.what.startswith(lie.what)]
    assert named and (lie.later or event.block in named), found[:3]


def test_the_code_of_all_that_is_believed_is_known(week, audited):
    """The vault's four pieces, the accounts' code, and what they trust: stand-ins and tokens."""
    found = {each.what: each.known for each in audited().code}
    assert found["the vault"] == "Vault" and found["its governance"] == "VaultGovernance"
    assert found["accounts of class 0"] == "PolymarketAccount"
    assert found["asset"] == "PUsd"
    assert {"Exchange", "ConditionalTokens", "CollateralAdapter"} <= set(found.values())


@pytest.fixture
def planted(week):
    """Put other code at an address, until the test ends."""
    chain, before = week.stage.chain, {}

    def put(address, change):
        there = bytes(chain.code(address))
        before.setdefault(address, there)
        chain.request("anvil_setCode", address, "0x" + change(there).hex())

    yield put
    for address, there in before.items():
        chain.request("anvil_setCode", address, "0x" + there.hex())


def flipped(place):
    """Return what changes one byte of code; -1: the last."""

    def change(code):
        at = place % len(code)
        return code[:at] + bytes([code[at] ^ 1]) + code[at + 1 :]

    return change


def test_foreign_code_is_a_difference(week, audited, planted):
    """One byte of the vault; an immutable; an account; what accounts are cloned from."""
    vault = week.stage.vault
    planted(vault.address, flipped(700))
    (found,) = audited().differences
    assert found.what.startswith("code of the vault at") and found.found == "differs at byte 700"
    planted(vault.address, flipped(700))
    planted(vault.GOVERNANCE(), flipped(-1))
    (found,) = audited().differences
    assert "its governance" in found.what and found.what.endswith("immutables")
    planted(vault.GOVERNANCE(), flipped(-1))

    account = vault.events("MarketOpened")[0].account
    planted(account, flipped(12))
    found = audited().differences
    assert f"code of account {account.lower()}" in {each.what for each in found}
    planted(account, flipped(12))
    implementation = vault.classOf(0)[0]
    planted(implementation, flipped(300))
    found = audited().differences
    assert "code of accounts of class 0" in {each.what for each in found}
    planted(implementation, flipped(300))
    assert audited().is_clean


def test_unknown_code_of_the_venue_is_named(week, audited, planted):
    planted(week.stage.venue.exchange.address, lambda code: code + b"\x00")
    assert audited().unknown_code == ()  # behind the code stand immutables, which are the venue's
    planted(week.stage.venue.exchange.address, flipped(200))
    verdict = audited()
    (unknown,) = verdict.unknown_code
    assert verdict.is_clean and unknown.what.endswith("EXCHANGE")
    assert "does not know the code of" in verdict.words and unknown.code_hash in verdict.words


def test_an_exchange_where_no_account_trades_is_a_difference(week, audited):
    other = week.stage.venue.neg_risk_exchange.address
    (found,) = audited(exchanges=(week.stage.venue.exchange.address, other)).differences
    assert found.found == "none" and found.what == f"exchange {other}"


def test_a_wrong_exchange_alone_is_named_although_all_adds_up(week, audited):
    """Accounts name the right one, so their fills are held against decisions all the same."""
    other = week.stage.venue.neg_risk_exchange.address
    verdict = audited(exchanges=(other,))
    (found,) = verdict.differences
    assert (found.what, found.expected, found.found) == (
        f"exchange {other}", "trades of the vault's accounts", "none")  # fmt: skip
    checked, right = verdict.checked, audited().checked
    assert not verdict.is_clean
    assert (checked.fills, checked.fills_joined) == (right.fills, right.fills_joined) != (0, 0)


def of(method, change):
    """Return what changes the answers to one method."""
    return lambda asked, parameters, answer: change(answer) if asked == method else answer


def once(change):
    """Return what changes one entry of a list that is not empty."""
    return lambda found: [change(found[0]), *found[1:]] if found else found


HASH = "0x" + "22" * 32
FALSE_ANSWERS = {
    "a log left out": of("eth_getLogs", lambda found: found[1:]),
    "a log twice": of("eth_getLogs", lambda found: found[:1] + found),
    "logs in another order": of("eth_getLogs", lambda found: found[::-1]),
    "a log with other data": of("eth_getLogs", once(lambda log: log | {"data": "0x" + "11" * 32})),
    "a log of somebody else": of("eth_getLogs", once(lambda log: log | {"address": OTHER})),
    "a log that was removed": of("eth_getLogs", once(lambda log: log | {"removed": True})),
    "a log of another block": of("eth_getLogs", once(lambda log: log | {"blockHash": HASH})),
    "a log without topics": of("eth_getLogs", once(lambda log: log | {"topics": []})),
    "a log without a number": of("eth_getLogs", once(lambda log: log | {"blockNumber": None})),
    "no logs": of("eth_getLogs", lambda found: []),
    "null for logs": of("eth_getLogs", lambda found: None),
    "a word for logs": of("eth_getLogs", lambda found: "none"),
    "a call's other answer": of("eth_call", lambda found: found[:-1] + "7"),
    "a call without answer": of("eth_call", lambda found: "0x"),
    "null for a call": of("eth_call", lambda found: None),
    "a later time": of("eth_getBlockByNumber", lambda found: found | {"timestamp": "0x7fffffff"}),
    "another block": of("eth_getBlockByNumber", lambda found: found | {"hash": HASH}),
    "another parent": of("eth_getBlockByNumber", lambda found: found | {"parentHash": HASH}),
    "another number": of("eth_getBlockByNumber", lambda found: found | {"number": "0x1"}),
    "null for a block": of("eth_getBlockByNumber", lambda found: None),
    "other code": of("eth_getCode", lambda found: found[:-1] + "7"),
    "no code": of("eth_getCode", lambda found: "0x"),
    "another chain": of("eth_chainId", lambda found: "0x1"),
}  # fmt: skip


@pytest.mark.parametrize("name", FALSE_ANSWERS)
def test_of_two_nodes_that_differ_none_is_believed(week, audited, name):
    """Whichever is asked first: the audit refuses; it never says that the vault differs."""
    url, change = week.stage.chain.url, FALSE_ANSWERS[name]
    for nodes in ([Node(url), Liar(url, change)], [Liar(url, change), Node(url)]):
        with pytest.raises((NodeAway, BadLog)) as told:
            audited(ComparedNodes(nodes))
        assert len(str(told.value)) < 600


def test_a_node_that_refuses_what_the_other_answers_is_named(week, audited):
    url = week.stage.chain.url

    class Refusing(Node):
        def ask_each(self, asked):
            if "eth_call" in dict(asked):
                raise NodeRefuses("it does not tell")
            return super().ask_each(asked)

    with pytest.raises(NodeRefuses, match="does not tell"):
        audited(ComparedNodes([Node(url), Refusing(url)]))


def test_of_three_nodes_the_one_that_lies_is_named(week, audited):
    url = week.stage.chain.url
    liar_url = url.replace("127.0.0.1", "localhost")
    lie = FALSE_ANSWERS["a call's other answer"]
    with pytest.raises(NodesDiffer, match=rf"of {liar_url}.*most others agree"):
        audited(ComparedNodes([Node(url), Liar(liar_url, lie), Node(url)]))
    assert audited(ComparedNodes([Node(url), Node(liar_url)])).is_clean


def test_each_lie_about_the_state_is_found(week, audited):
    """The vault's own money and the shares short by one, as the chain's calls give them."""
    url, vault = week.stage.chain.url, week.stage.vault.address.lower()

    def of_call(to, function, change, whose=""):
        data = "0x" + keccak(function.encode())[:4].hex()

        def told(method, parameters, answer):
            if method != "eth_call" or parameters[0]["to"].lower() != to:
                return answer
            asked = parameters[0]["data"]
            return change(answer) if asked.startswith(data) and asked.endswith(whose) else answer

        return Liar(url, told)

    def less(answer):
        return f"0x{int(answer, 16) - 1:064x}"

    pusd = week.stage.venue.pusd.address.lower()
    (found,) = audited(of_call(pusd, "balanceOf(address)", less, vault[2:])).differences
    assert found.what == "asset.balanceOf(vault)"
    (found,) = audited(of_call(vault, "totalSupply()", less)).differences
    assert (found.what, int(found.expected)) == (
        "view totalSupply", week.stage.vault.totalSupply())  # fmt: skip


FILLED_TOPIC = "0x" + keccak(FILLED).hex()
OTHER_ORDERS = {  # than the decision: the fill's fields, and what is said of it
    "a thousand times the size": (
        {"makerAmountFilled": times(1_000), "takerAmountFilled": times(1_000)},
        "OrderFilled: size of all its fills",
    ),
    "the other side": ({"side": lambda side: 1 - side}, "OrderFilled: side"),
    "another token": ({"tokenId": add(1)}, "OrderFilled: token"),
    "at a worse price": ({"makerAmountFilled": times(2)}, "OrderFilled: price"),
    "a fee of an order that rests": ({"fee": add(1_000)}, "OrderFilled: fee"),
}


@pytest.mark.parametrize("name", OTHER_ORDERS)
def test_a_fill_that_is_not_what_its_decision_ordered_is_found(week, audited, fills, lines, name):
    """As by a keeper who writes any revealed decision's id into an order (case A1)."""
    changes, what = OTHER_ORDERS[name]
    known = {line.evidence for line in lines}
    records = decisions.revealed(week.stage.folder / "evidence", known)

    def rests(leg):
        return leg["kind"] == "POST" and leg["side"] == "BUY"

    bought = [each for each in fills if all(map(rests, records[each.decision]["legs"]))]
    chosen = bought[len(bought) // 2]

    def told(method, parameters, answer):
        if method != "eth_getLogs":
            return answer
        return [
            altered(log, changes, exchange_readers()) if is_of(log, chosen) else log
            for log in answer
        ]

    found = audited(Liar(week.stage.chain.url, told)).differences
    named = [each for each in found if each.what.startswith(what)]
    assert named and min(each.block for each in named) == chosen.block


def is_of(log, fill):
    """Whether a log is a fill's, and not of who traded with it."""
    place = int(log["blockNumber"], 16), int(log["logIndex"], 16)
    return log["topics"][0] == FILLED_TOPIC and place == (fill.block, fill.index)


def test_a_fill_with_the_decision_of_another_market_is_found(week, audited, fills, lines):
    known = {line.evidence for line in lines}
    records = decisions.revealed(week.stage.folder / "evidence", known)

    def markets(fill):
        return {leg["vault_market"] for leg in records[fill.decision]["legs"]}

    chosen = fills[-1]
    other = next(each for each in fills if not markets(each) & markets(chosen))

    def told(method, parameters, answer):
        if method != "eth_getLogs":
            return answer
        change = {"metadata": lambda old: other.decision}
        return [
            altered(log, change, exchange_readers()) if is_of(log, chosen) else log
            for log in answer
        ]

    found = audited(Liar(week.stage.chain.url, told)).differences
    assert any(each.what == "OrderFilled: token" for each in found)


def test_a_fill_that_a_node_hides_is_found_by_what_moved(week, audited, fills):
    """Its transfers are there: cash left, and nothing explains it."""
    hidden = fills[len(fills) // 2]

    def told(method, parameters, answer):
        if method != "eth_getLogs":
            return answer
        return [
            log
            for log in answer
            if log["transactionHash"] != hidden.transaction or log["topics"][0] != FILLED_TOPIC
        ]

    found = audited(Liar(week.stage.chain.url, told)).differences
    assert {each.block for each in found} == {hidden.block}
    assert any("that nothing explains" in each.what for each in found)


def test_a_trade_that_a_node_hides_whole_is_found_by_balances(week, audited, fills, lines):
    hidden = fills[len(fills) // 2]

    def told(method, parameters, answer):
        if method != "eth_getLogs":
            return answer
        return [log for log in answer if log["transactionHash"] != hidden.transaction]

    found = audited(Liar(week.stage.chain.url, told)).differences
    first = min(line.block for line in lines if line.block >= hidden.block)
    assert {each.block for each in found if each.what.startswith("balance of")} >= {first}
    assert min(each.block for each in found) == first


def test_a_theft_from_an_account_is_named_by_block_and_amount(week, audited):
    """Somebody gives an account ten units, a thief takes seven: nothing in the logs explains it."""
    stage, chain, pusd = week.stage, week.stage.chain, week.stage.venue.pusd
    account = stage.vault.events("MarketOpened")[0].account
    giver = next(each for each in stage.people.values() if pusd.balanceOf(each.address) > 10)
    snapshot = chain.request("evm_snapshot")
    try:
        pusd.transfer(account, 10, sender=chain.impersonate(giver.address))
        assert audited().is_clean
        pusd.transfer(OTHER, 7, sender=chain.impersonate(account))
        (found,) = audited().differences
        assert (found.block, found.expected, found.found) == (chain.height(), "0", "-7")
        assert found.what == f"account {account.lower()}: asset that nothing explains"
    finally:
        chain.request("evm_revert", snapshot)
    assert audited().is_clean


def test_a_balance_off_by_one_a_changed_document_and_a_stranger_are_found(week, audited, lines):
    url, line = week.stage.chain.url, lines[3]
    accounts = {log.account.lower() for log in week.stage.vault.events("MarketOpened")}
    positions = "0x" + keccak(b"positions()")[:4].hex()

    def one_more(method, parameters, answer):
        call = parameters[0] if parameters else None
        if method != "eth_call" or call["to"] not in accounts or call["data"] != positions:
            return answer
        if parameters[1] not in (hex(line.block), hex(line.block - 1)):
            return answer
        return answer[:2] + hex(int(answer[2:66], 16) + 1)[2:].rjust(64, "0") + answer[66:]

    found = audited(Liar(url, one_more)).differences
    assert {each.block for each in found} == {line.block}
    words = "value of", "by its own word"
    assert all(any(word in each.what for word in words) for each in found)

    path = week.stage.folder / "evidence" / f"{line.evidence}.json"
    original = path.read_bytes()
    try:
        path.write_bytes(original.replace(b'"timestamp":', b'"timestamp": '))
        (found,) = [each for each in audited().differences if "document" in each.what]
        assert (found.block, found.what) == (line.block, "evidence document: its hash")
        path.unlink()
        (found,) = [each for each in audited().differences if "document" in each.what]
        assert (found.block, found.found) == (line.block, "missing")
    finally:
        path.write_bytes(original)

    filled, chosen = "0x" + keccak(FILLED).hex(), []

    def forged(method, parameters, answer):
        """The same fill, whenever it is asked for: looking for income asks, too."""
        if method != "eth_getLogs" or parameters[0].get("topics", [""])[0] != filled:
            return answer
        chosen.extend(answer[: not chosen])
        data = chosen[0]["data"][:-64] + "ab" * 32 if chosen else ""
        return [each | {"data": data} if each == chosen[0] else each for each in answer]

    found = audited(Liar(url, forged)).differences
    assert len(found) == 1 and found[0].what.startswith("OrderFilled.metadata: no revealed")


def test_fills_since_the_last_report_wait_for_the_next_one(week, audited, lines, fills, tmp_path):
    """Audited between two reports, where a decision was filled that none had revealed; then gone on
    with from the checkpoint."""
    evidence, known, path = week.stage.folder / "evidence", tmp_path / "known", tmp_path / "state"
    for place, line in enumerate(lines):
        before = {each.evidence for each in lines[:place]}
        records = decisions.revealed(evidence, before)
        made = [fill for fill in fills if fill.block < line.block]
        since = [fill for fill in made if fill.decision not in records]
        if since:
            break
    known.mkdir()
    for each in before:
        shutil.copy(evidence / f"{each}.json", known)
    first = audited(evidence=(FolderPlace(known),), to_block=line.block - 1, checkpoint=path)
    assert first.differences == ()
    assert first.checked.fills_waiting == len(since) > 0
    assert first.checked.fills_joined == len(made) - len(since)
    whole = audited(checkpoint=path)
    assert whole.differences == () and whole.checked.fills_waiting == 0
    assert whole.checked.fills_joined == len(fills)


def test_an_audit_goes_on_from_its_checkpoint_over_a_poor_node(week, audited, tmp_path):
    """A node that gives 50 blocks at a time and is busy now and then; broken off half way. Of what
    was before, permissions and accounts alone are asked for again."""
    asked = []

    class Poor(Node):
        def ask_each(self, each):
            method, parameters = each[0] if each else ("", [])
            if method == "eth_getLogs":
                first, last = (int(parameters[0][name], 16) for name in ("fromBlock", "toBlock"))
                if last - first >= 50:
                    raise NodeRefuses("range too large")
                if not parameters[0].get("topics"):
                    asked.append(first)
            return super().ask_each(each)

    node = Poor(week.stage.chain.url)
    path = tmp_path / "state"
    half = week.stage.chain.height() // 2
    url = week.stage.chain.url
    place = Scope(url, week.stage.vault.address, 0, half, checkpoint=path)
    Auditor(place, node).run()
    asked.clear()
    verdict = audited(node, checkpoint=path, evidence=(), exchanges=())
    assert verdict.differences == () and min(asked) > half - 50
    assert verdict.checked.reports == audited().checked.reports


def test_every_report_again_on_a_fork_is_the_same(week, lines):
    """A separate anvil, set to the block before each report: receipts, logs, storage words."""
    reporter = week.stage.reporter.address
    url, node = week.stage.chain.url, Node(week.stage.chain.url)
    with forks(url, node, partial(held_hash, node)) as again:
        found = [again.replay(line.block, week.stage.vault.address) for line in lines]
        assert [each.differences for each in found] == [()] * len(lines)
        assert all(each.transactions == 1 and each.words >= 3 for each in found)
        line = lines[3]
        same = again.what_if(line.block, week.stage.vault.address, reporter, 0)
        assert (same.outcome, same.nav_bid, same.nav_ask) == (
            "reported", line.nav_bid, line.nav_ask)  # fmt: skip
        lower = again.what_if(line.block, week.stage.vault.address, reporter, -2_000)
        assert lower.nav_bid < lower.was_bid == line.nav_bid


def test_a_lower_cap_would_have_stopped_a_budget(week):
    """The guardian's cap on a fork, one unit below what was allocated, and just what was."""
    vault = week.stage.vault
    log = vault.events("Allocated")[20]
    same = vault.events("Allocated", log.block_number, log.block_number)
    url, node = week.stage.chain.url, Node(week.stage.chain.url)
    with forks(url, node, partial(held_hash, node)) as again:
        place = (log.block_number, vault.address, vault.guardian(), 0)
        most = max(each.exposure for each in same)
        kept = again.what_if_cap(*place, most)
        assert kept.allocated == kept.was_allocated == sum(each.assets for each in same)
        stopped = again.what_if_cap(*place, most - 1)
        assert (stopped.market_cap, stopped.was_allocated) == (most - 1, kept.allocated)
        assert stopped.allocated < kept.allocated


def test_the_command_says_what_it_found(week, lines, tmp_path):
    runner, vault = CliRunner(), week.stage.vault.address
    common = ["--vault", vault, "--rpc", week.stage.chain.url]
    exchange = week.stage.venue.exchange.address
    done = runner.invoke(audit_command, [*common, "--replay", "2", "--what-if", "-500", "--json",
                                         "--exchange", exchange,
                                         "--replay-block", str(lines[1].block),
                                         "--evidence", str(week.stage.folder / "evidence"),
                                         "--out", str(tmp_path)])  # fmt: skip
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)
    SCHEMA.validate(found)
    assert found["verdict"] == "no difference" and len(found["replayed"]) == 3
    assert found["replayed"][-1]["block"] == lines[1].block
    kept = [json.loads(line) for line in (tmp_path / "fills.jsonl").read_text().splitlines()]
    assert len(kept) == found["checked"]["fills"] == found["checked"]["fills_joined"] >= 20
    assert found["what_if"]["was_bid"] == lines[-1].nav_bid
    assert len((tmp_path / "reports.jsonl").read_text().splitlines()) == len(lines)
    done = runner.invoke(audit_command, [*common, "--what-if-cap", "0:0.01", "--json"])
    SCHEMA.validate(json.loads(done.output))
    found = json.loads(done.output)["what_if_cap"]
    assert found["allocated"] == 0 < found["was_allocated"] and found["market_cap"] == 10_000
    done = runner.invoke(audit_command, [*common, "--what-if-cap", "x"])
    assert done.exit_code == 2 and "give a class and a cap" in done.output
    done = runner.invoke(audit_command, [*common, "--evidence", str(tmp_path)])
    assert done.exit_code == 1 and "evidence document" in done.output
    done = runner.invoke(audit_command, ["--vault", "0x" + "12" * 20, *common[2:]])
    assert done.exit_code == 2 and "no contract" in done.output


def test_the_page_shows_what_the_audit_found(week, lines, tmp_path):
    place = ["--vault", week.stage.vault.address, "--rpc", week.stage.chain.url, "--out",
             str(tmp_path / "page"), "--evidence", str(week.stage.folder / "evidence")]  # fmt: skip
    done = CliRunner().invoke(page_command, place)
    assert done.exit_code == 0, done.output
    folder = tmp_path / "page"
    data, text = json.loads((folder / "data.json").read_text()), (folder / "index.html").read_text()
    assert "The audit found no difference" in text and "http" not in text and "<script" not in text
    assert [each["nav_bid"] for each in data["reports"]] == [line.nav_bid for line in lines]
    shown = {
        name: json.loads(unescape(re.search(rf"id='{name}'.*?data-values='(.*?)'", text)[1]))
        for name in ("share", "nav", "exposure", "drawdown")
    }
    dealt = [each for each in data["reports"] if each["supply"]]
    assert shown["share"]["at the bid"] == [each["price_bid"] / FIRST_PRICE for each in dealt]
    assert shown["nav"]["at the ask"] == [each["nav_ask"] / MICRO for each in dealt]
    assert min(shown["drawdown"]["below the highest so far"]) <= 0
    profit = sum(each["profit"] for each in data["settled"])
    held = week.stage.venue.pusd.balanceOf(week.stage.vault)
    out = sum(flow["assets"] for flow in data["flows"] if flow["what"] == "gets assets")
    assert profit == held + out - 70_000 * MICRO, "all else is deposits"
    taken = sum(each["management"] + each["performance"] for each in data["reports"])
    assert data["settled"] and taken > 0
    assert len(data["names"]) >= 3 and all("Apple" in each for each in data["names"].values())
    alice = week.stage.people["alice"].address.lower()
    rows = (folder / f"statement-{alice}.csv").read_text().splitlines()
    assert rows[0] == "time_utc,block,what,assets,shares" and rows[1].endswith(
        "asks to deposit,50000,0"
    )
    assert f"Statement of {alice}" in text
    (month,) = data["months"][alice]
    assert (month["month"], month["paid_in"]) == ("2025-12", 50_000 * MICRO)
    hers = [each for each in data["flows"] if each["who"] == alice]
    got = sum(each["assets"] for each in hers if each["what"] == "gets assets")
    assert month["paid_out"] == got
    gains = sum(each["gain"] for months in data["months"].values() for each in months)
    assert abs(gains - profit) <= 10, "what depositors and manager gained is what markets brought"
    arrows = text.count("<path class='in'") + text.count('<path class="in"')
    entries = [each for each in week.stage.vault.events("EpochSettled") if each.side == 0]
    assert arrows == len(entries) > 2, "Bob comes in as the room for deposits fills"
    assert all((folder / "evidence" / f"{line.evidence}.json").exists() for line in lines)
