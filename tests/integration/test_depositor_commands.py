"""The depositor's commands against a vault on anvil: what they say beforehand is what happens."""

import csv
import json
import signal
import subprocess
import sys
import time

import ape
import pytest
import requests
from click.testing import CliRunner
from strongroom.chain.contracts import Contracts
from strongroom.chain.failures import ChainAway
from strongroom.cli.depositor import (
    cancel,
    claim,
    deposit,
    leave,
    position,
    redeem,
    statement,
)
from strongroom.cli.doctor import command as doctor
from strongroom.depositor import commands
from strongroom.depositor.preview import Depositor

from scripts.deposit import cli as by_ape
from tests.broken_node import LOOK, RECEIPT, SEND, broken_line
from tests.defaults import DAY, SHARE, UNIT
from tests.spoken_node import spoken_node


@pytest.fixture
def place(make_vault, people, venue, deployer, report):
    vault = make_vault()
    number = next(n for n, each in enumerate(ape.accounts.test_accounts)
                  if each.address == people.alice.address)  # fmt: skip
    venue.fund(deployer, people.alice, 5_000 * UNIT)
    common = [
        "--vault",
        vault.address,
        "--account",
        f"TEST::{number}",
        "--rpc",
        ape.networks.provider.uri,
    ]

    def run(command, *arguments, code=0):
        done = CliRunner().invoke(command, [*common, *arguments])
        assert done.exit_code == code, done.output
        return done.output

    return vault, people.alice, run, report


def test_a_deposit_and_its_way_back(place, venue):
    vault, alice, run, report = place
    said = run(deposit, "1000", "--dry-run")
    assert "You hand over 1,000.00 pUSD now" in said and "Nothing was sent" in said
    assert "the first lets the vault take 1,000.00 pUSD" in said and "Gas takes at most 0." in said
    assert "you would get 1,000.000000 shares, worth 1,000.00 pUSD at the bid" in said
    assert venue.pusd.balanceOf(alice) == 5_000 * UNIT
    found = json.loads(run(deposit, "1000", "--yes", "--json"))
    assert found["sent"] and found["position"]["waiting_deposit"] == 1_000 * UNIT
    assert found["handed_over"] == "1,000.00 pUSD" and "claim" in found["next"]
    assert [each["what"] for each in found["transactions"]] == ["approve", "requestDeposit"]
    for each in found["transactions"]:
        receipt = ape.networks.provider.get_receipt(each["transaction"])
        assert (receipt.block_number, receipt.gas_used) == (each["block"], each["gas"])
    assert "nothing can be claimed yet" in run(claim, "--yes", code=2)
    assert "deposit request 1     1,000.00 pUSD, open: the next report" in run(position)
    report(vault)
    assert "deposit request 1     1,000.00 pUSD, closed: the next report" in run(position)
    assert "no request that can be taken back" in run(cancel, "--yes", code=2)
    report(vault)
    assert "deposit request 1     1,000.00 pUSD, settled: take it" in run(position)
    assert "1,000.000000 shares" in run(claim, "--dry-run")
    found = json.loads(run(claim, "--yes", "--json"))
    assert found["position"]["shares"] == vault.balanceOf(alice) == 1_000 * SHARE
    assert "1,000.000000, 1,000.00 pUSD at the bid" in run(position)

    said = run(redeem, "all", "--dry-run")
    assert "worth 1,000.00 pUSD" in said and "pays the oldest requests first" in said
    assert "You can leave in kind at any time" in said
    said = run(redeem, "400", "--yes")
    assert "requestRedeem: transaction 0x" in said and "You handed over 400.000000 shares" in said
    report(vault)
    report(vault)
    run(claim, "--yes")
    assert venue.pusd.balanceOf(alice) == 4_400 * UNIT


@pytest.mark.parametrize(
    ("amount", "words"),
    [("0", "more than 0"), ("x", "not a number"), ("0.0000001", "too many decimals"),
     ("-1", "more than 0"), ("nan", "not a number")],
)  # fmt: skip
def test_bad_amounts_are_refused_and_nothing_is_sent(place, amount, words, venue):
    _, alice, run, _ = place
    assert words in run(deposit, amount, "--yes", code=2)
    assert venue.pusd.balanceOf(alice) == 5_000 * UNIT


def test_leaving_in_kind(place, people, venue, open_market, give_tokens):
    """At any time, of every account; what is skipped is given up, and a request goes whole."""
    vault, alice, run, report = place
    run(deposit, "1000", "--yes")
    report(vault)
    report(vault)
    run(claim, "--yes")
    markets = [open_market(vault) for _ in range(2)]
    for each in markets:
        vault.allocate(each.id, 100 * UNIT, sender=people.keeper)
    give_tokens(markets[0], yes=50 * UNIT)
    names = ["0x" + each.id.hex() for each in markets]
    assert "you hold" in run(redeem, "2000", "--yes", code=2)
    assert "name an amount of shares" in run(leave, "--yes", code=2)
    assert "64 hex digits" in run(leave, "5", "--skip", "0x12", "--yes", code=2)
    assert f"no open market is {names[0][:-1]}" in run(
        leave, "5", "--skip", names[0][:-1] + "f" if names[0][-1] != "f" else names[0][:-1] + "0",
        "--yes", code=2,
    )  # fmt: skip
    said = run(leave, "100", "--skip", names[1], "--dry-run")
    assert "Your 100.000000 shares are 10.000000% of the vault" in said
    assert "From idle assets you get 80.00 pUSD" in said
    assert f"From market {names[0][:12]}...: 10.00 pUSD" in said
    assert f"From market {names[0][:12]}..., outcome 0: 5.00 YES, 0.00 NO" in said
    assert f"From market {names[1][:12]}...: nothing, you give your part up" in said
    run(leave, "100", "--skip", names[1], "--yes")
    assert vault.balanceOf(alice) == 900 * SHARE
    assert venue.pusd.balanceOf(alice) == 4_090 * UNIT
    yes = markets[0].account.tokenIds()[0]
    assert venue.ctf.balanceOf(alice, yes) == 5 * UNIT

    run(redeem, "300", "--yes")
    report(vault, ("0.5", "0.6"), ("0.5", "0.6"))
    said = run(leave, "--request", "7", "--yes", code=2)
    assert "no redemption request 7 of yours waits: those that do: 1" in said
    said = run(cancel, "redeem", "--request", "7", "--yes", code=2)
    assert "there is no redeem request 7 yet. Yours: redeem --request 1" in said
    said = run(leave, "--request", "1", "--yes")
    assert "Redemption request 1 leaves the queue whole" in said
    assert "redeemRequestInKind: transaction 0x" in said
    assert vault.balanceOf(alice) == 600 * SHARE
    assert json.loads(run(position, "--json"))["requests"] == []
    vault.windDown(sender=people.guardian)
    run(leave, "all", "--yes")
    assert vault.balanceOf(alice) == 0
    assert "accepts no deposits" in run(deposit, "10", "--yes", code=2)


def test_a_request_is_taken_back(place, venue, people):
    vault, alice, run, report = place
    assert "you have no request" in run(cancel, "--yes", code=2)
    run(deposit, "all", "--yes")
    assert venue.pusd.balanceOf(alice) == 0
    said = run(cancel, "--dry-run")
    assert "You take deposit request 1 back and get 5,000.00 pUSD" in said
    assert json.loads(run(cancel, "deposit", "--yes", "--json"))["sent"]
    assert venue.pusd.balanceOf(alice) == 5_000 * UNIT
    run(deposit, "1_000.50", "--yes")
    report(vault)
    assert "you have no request" in run(cancel, "--yes", code=2)
    report(vault)
    run(claim, "--yes")
    run(redeem, "100.25", "--yes")
    run(deposit, "5", "--yes")
    said = run(cancel, "--yes", code=2)
    assert "name one of deposit --request 2, redeem --request 1" in said
    vault.setDepositTerms(1_010 * UNIT, 1, sender=people.owner)  # 1,000.50 and 5 that wait
    assert "accepts at most 4.50 pUSD more" in run(deposit, "5", "--yes", code=2)
    run(cancel, "--request", "1", "--yes")
    assert vault.balanceOf(alice) == 1_000_500_000 * 10**12


def test_what_waits_and_what_was_handed_back_say_so(
    place, people, venue, open_market, give_tokens, chain
):
    """No profit is proven: deposits wait, dear; a price that fell hands a redemption back."""
    vault, _, run, report = place
    vault.setLimit(1, 3_000, sender=people.owner)  # the fall that redemptions bear
    vault.setLimit(2, 3_000, sender=people.owner)  # the premium that deposits bear
    run(deposit, "1000", "--yes")
    report(vault)
    report(vault)
    run(claim, "--yes")
    market = open_market(vault)
    vault.allocate(market.id, 900 * UNIT, sender=people.keeper)
    give_tokens(market, yes=1_000 * UNIT)
    report(vault, ("0.4", "0.9"))
    run(redeem, "200", "--yes")
    run(deposit, "100", "--yes")
    for _ in range(2):
        report(vault, ("0.4", "0.9"))
    said = run(position)
    assert "deposit request 2     100.00 pUSD, waits: the ask is more than 30 % above" in said
    assert "redeem request 1      100.000000 shares, waits: idle assets did not reach" in said
    assert "Deposits wait at present" in run(deposit, "10", "--dry-run")
    said = run(cancel, "deposit", "--yes")
    assert "You take deposit request 2 back and get 100.00 pUSD" in said
    said = run(cancel, "redeem", "--yes")
    assert "get 100.000000 shares" in said and "What reports have settled of it comes" in said

    account = ape.accounts[market.account.address]  # its keeper loses everything
    ape.networks.provider.set_balance(account.address, 10**18)
    yes, _ = market.account.tokenIds()
    run(redeem, "200", "--yes")
    report(vault, ("0.4", "0.9"))
    venue.ctf.safeTransferFrom(account, people.mallory, yes, 1_000 * UNIT, b"", sender=account)
    venue.pusd.transfer(people.mallory, 800 * UNIT, sender=account)
    report(vault, ("0.4", "0.9"))
    assert "handed back: the price fell too far since you asked" in run(position)
    run(cancel, "--yes")
    chain.mine(deltatime=3 * DAY)
    run(deposit, "7", "--yes")
    assert "stale" not in run(position)
    assert json.loads(run(position, "--json"))["requests"][0]["state"] == "open"


def test_what_is_worth_nothing_is_refused_and_what_stands_on_the_chain_is_told_alike(
    place, people, venue
):
    """Sent past the preview, a redemption of one base unit settles at nothing; a claim in steps
    of one base unit uses up the assets of a deposit. Claim and position say the same of both, and
    the claim clears them."""
    vault, alice, run, report = place
    run(deposit, "1000", "--yes")
    report(vault)
    report(vault)
    assert "1,000.000000 more are yours when you take them" in run(redeem, "all", code=2)
    run(claim, "--yes")
    assert "redeem at least 0.000001 shares" in run(redeem, "0.000000000000000001", "--yes", code=2)
    vault.requestRedeem(1, alice, alice, sender=alice)
    run(deposit, "0.000002", "--yes")
    report(vault)
    report(vault)
    for _ in range(2):
        vault.mint(1, alice, sender=alice)
    assert (vault.maxDeposit(alice), vault.maxMint(alice)) == (0, 2 * 10**12 - 2)
    assert (vault.maxRedeem(alice), vault.maxWithdraw(alice)) == (1, 0)
    said = run(position)
    assert "settled: take it with" in said and "settled at less than one unit" in said
    said = run(claim, "--yes")
    assert "You get 0.000001 shares" in said and "The claim only clears the request" in said
    assert "mint: transaction" in said and "redeem: transaction" in said
    assert vault.balanceOf(alice) == 1_000 * SHARE - 1 + 2 * 10**12
    assert json.loads(run(position, "--json"))["requests"] == []
    assert "nothing can be claimed: you have no request" in run(claim, "--yes", code=2)


def test_where_no_report_comes_the_commands_promise_none(place, people, chain):
    vault, _, run, report = place
    run(deposit, "1000", "--yes")
    report(vault)
    report(vault)
    run(claim, "--yes")
    run(redeem, "10", "--yes")
    vault.setReporter("0x" + "00" * 20, sender=people.guardian)
    silent = "No report comes at present: the vault has no reporter"
    said = run(redeem, "5", "--yes")
    assert silent in said and "anybody can call the vault's settle()" in said
    assert "Your request waits: no report comes at present." in said
    assert "The second report" not in said
    assert silent in run(deposit, "5", "--dry-run")
    assert silent in run(claim, code=2)
    assert "open: it waits for a report, and none comes at present" in run(position)
    for _ in range(2):  # as the preview says
        chain.mine(deltatime=DAY)
        vault.settle(sender=people.mallory)
    assert "assets to claim       15.00 pUSD" in run(position)
    chain.mine(deltatime=30 * DAY)
    vault.windDown(sender=people.guardian)
    said = run(deposit, "5", "--yes", code=2)
    assert said.count("\n") == 1 and "winding down: it accepts no deposits" in said


def test_what_is_lacking_is_said_and_nothing_is_sent(place, people, venue, deployer):
    """No asset, no gas, paused, deposit limit, allow-list, least deposit: one sentence each."""
    vault, alice, run, _ = place
    for arguments in (["7000", "--dry-run"], ["7000", "--yes"]):
        said = run(deposit, *arguments, code=2)
        assert "At the last ask you would get" in said
        assert "you have 5,000.00 pUSD, 2,000.00 pUSD too little" in said
    ape.networks.provider.set_balance(alice.address, 10**9)
    assert "gas may take" in run(deposit, "10", "--dry-run", code=2)
    ape.networks.provider.set_balance(alice.address, 0)
    assert "gas may take" in run(deposit, "10", "--yes", code=2)
    said = run(deposit, "7000", "--yes", code=2)
    assert "too little; you have none of the chain's coin to pay for gas" in said
    ape.networks.provider.set_balance(alice.address, 10**19)
    vault.setDepositTerms(2_000 * UNIT, 10 * UNIT, sender=people.owner)
    assert "the smallest deposit is 10.00 pUSD" in run(deposit, "9.99", "--yes", code=2)
    assert "accepts at most 2,000.00 pUSD more" in run(deposit, "2000.01", "--yes", code=2)
    allow_list = deployer.deploy(ape.project.AllowList)
    vault.setAllowList(allow_list, False, sender=people.owner)
    assert "is not on the vault's allow-list" in run(deposit, "10", "--yes", code=2)
    vault.pause(sender=people.guardian)
    said = run(deposit, "10", "--yes", code=2)
    assert "is paused" in said and "allow-list" in said
    assert venue.pusd.allowance(alice, vault) == 0, "not even the allowance was sent"


@pytest.mark.parametrize("simulates", [True, False], ids=["by the node", "on a fork"])
def test_a_second_transaction_that_would_revert_stops_the_first(place, monkeypatch, simulates):
    """Were the preview blind, the simulation of both would still see it."""
    _, alice, run, _ = place
    monkeypatch.setattr(Depositor, "_deposit_lacks", lambda self, assets: iter(()))
    asked = Contracts.request

    def request(self, method, *parameters):
        if method == "eth_simulateV1" and not simulates:
            raise ChainAway("no such method")
        return asked(self, method, *parameters)

    monkeypatch.setattr(Contracts, "request", request)
    before = alice.nonce
    said = run(deposit, "7000", "--yes", code=2)
    assert "requestDeposit would revert: InsufficientBalance" in said
    assert "it was not sent; take a smaller amount, or fund the account first" in said
    assert alice.nonce == before
    assert json.loads(run(deposit, "70", "--yes", "--json"))["sent"]


def test_what_was_sent_before_a_refusal_is_said(place, venue, monkeypatch):
    """The chain has changed between simulation and sending."""
    vault, alice, run, _ = place
    monkeypatch.setattr(Depositor, "_deposit_lacks", lambda self, assets: iter(()))
    monkeypatch.setattr(commands, "simulate", lambda *arguments: 100_000)
    said = run(deposit, "7000", "--yes", code=2)
    assert (
        "requestDeposit would revert: InsufficientBalance" in said
        and "approve was sent (0x" in said
    )
    assert venue.pusd.allowance(alice, vault) == 7_000 * UNIT


def test_a_lost_answer_is_no_second_deposit(place, venue):
    """The node hears everything; one by one its answers stay away."""
    vault, alice, run, _ = place
    venue.pusd.approve(vault, 5_000 * UNIT, sender=alice)
    with broken_line(ape.networks.provider.uri) as line:
        line.lost = {SEND}
        assert json.loads(run(deposit, "5", "--yes", "--json", "--rpc", line.url))["sent"]
        assert venue.pusd.balanceOf(alice) == 4_995 * UNIT
        for lost in ({SEND, LOOK}, {RECEIPT}):
            line.lost, before = lost, venue.pusd.balanceOf(alice)
            said = run(deposit, "5", "--yes", "--rpc", line.url, code=2)
            assert "requestDeposit (0x" in said and "may have been sent: look at it" in said
            name = said.partition("requestDeposit (")[2].partition(")")[0]
            assert not ape.networks.provider.get_receipt(name).failed
            assert venue.pusd.balanceOf(alice) == before - 5 * UNIT


def test_ctrl_c_while_it_waits_names_all_that_was_sent(place, venue):
    vault, alice, _, _ = place
    number = next(n for n, each in enumerate(ape.accounts.test_accounts)
                  if each.address == alice.address)  # fmt: skip
    with broken_line(ape.networks.provider.uri) as line:
        line.told = {RECEIPT: {"result": None}}
        command = [
            *(sys.executable, "-m", "strongroom.cli", "deposit", "5", "--yes"),
            *("--vault", vault.address, "--account", f"TEST::{number}", "--rpc", line.url),
        ]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 60
        while not line.sent and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=30)[1]
    assert process.returncode == 130, said
    assert said.startswith("stopped: approve (0x") and "may have been sent: look at it" in said
    name = said.partition("(")[2].partition(")")[0]
    assert not ape.networks.provider.get_receipt(name).failed
    assert venue.pusd.allowance(alice, vault) == 5 * UNIT


def test_a_node_that_leaves_after_the_transaction_does_not_hide_it(place, venue, monkeypatch):
    vault, alice, run, _ = place
    venue.pusd.approve(vault, 5_000 * UNIT, sender=alice)

    def gone(self):
        raise ChainAway("http://node does not answer: start the node")

    monkeypatch.setattr(Depositor, "position", gone)
    said = run(deposit, "5", "--yes", code=2)
    assert "does not answer" in said and "requestDeposit was sent (0x" in said


def test_announced_calls_are_said(place, people, chain):
    """What the owner has announced is the depositor's to know before he deposits: in the preview,
    in the position, and by the doctor."""
    vault, _, run, _ = place
    node = ape.networks.provider.uri
    selector = vault.setReporter.encode_input(people.mallory)[:4]
    assert "announced" not in run(deposit, "10", "--dry-run")
    vault.increaseDelay(selector, 3 * DAY, sender=people.owner)
    call = vault.setReporter.encode_input(people.mallory)
    vault.submit(call, sender=people.owner)
    what = (
        f"to make {people.mallory.address} the reporter, who marks what the vault holds, in place "
        f"of {people.reporter.address}. This can be done from"
    )
    for said in (run(deposit, "10", "--dry-run"), run(position)):
        assert f"The owner {people.owner.address} announced on " in said and what in said
    (notice,) = json.loads(run(position, "--json"))["notices"]
    assert what in notice
    done = CliRunner().invoke(doctor, ["--rpc", node, "--vault", vault.address])
    assert done.exit_code == 0 and what in done.output and "\nnote " in done.output
    chain.mine(deltatime=3 * DAY)
    assert "This can be done now, until" in run(deposit, "10", "--dry-run")
    chain.mine(deltatime=7 * DAY + 1)
    assert "announced" not in run(deposit, "10", "--dry-run")
    done = CliRunner().invoke(doctor, ["--rpc", node, "--vault", vault.address])
    assert f"nothing, by the owner of {vault.address}" in done.output
    vault.revoke(call, sender=people.owner)
    chain.mine(deltatime=3 * DAY)
    vault.submit(call, sender=people.owner)
    assert what in run(position)
    done = CliRunner().invoke(doctor, ["--rpc", node, "--vault", people.alice.address])
    assert done.exit_code == 2 and "no contract is at" in done.output


def test_what_does_not_fit_is_one_sentence(place, venue, people):
    """A dead address, a token, somebody's account, no address, no account, no node."""
    vault, alice, _, _ = place

    def said(*, of=vault.address, by="TEST::0", at=ape.networks.provider.uri):
        done = CliRunner().invoke(
            deposit, ["10", "--yes", "--vault", of, "--account", by, "--rpc", at]
        )
        assert done.exit_code == 2 and len(done.output.strip().splitlines()) == 1, done.output
        return done.output

    assert "no contract is at 0x12" in said(of="0x" + "12" * 20)
    assert "no contract is at" in said(of=alice.address)
    assert "is not a Strongroom vault" in said(of=venue.pusd.address)
    assert "is not a Strongroom vault" in said(of=venue.ctf.address)
    assert "is not an address" in said(of="0x12")
    assert "no account 'nobody'" in said(by="nobody")
    assert "start the node" in said(at="http://127.0.0.1:1")
    typed = ["10", "--vault", vault.address, "--account", "TEST::0", "--network"]
    done = CliRunner().invoke(by_ape, [*typed, "polygon:mainnet:node"])
    assert done.exit_code == 2 and "POLYGON_RPC_URL" in done.output


def narrow_node(url, widest, silent_before=0):
    """A node that searches at most so many blocks, and leaves out logs before a block; it counts
    its searches."""
    searches = []

    def say(method, parameters):
        asked = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
        answer = requests.post(url, json=asked).json()
        if method == "eth_getLogs":
            head = requests.post(url, json=asked | {"method": "eth_blockNumber", "params": []})
            first, last = parameters[0]["fromBlock"], parameters[0]["toBlock"]
            last = head.json()["result"] if last == "latest" else last
            searches.append((int(first, 16), int(last, 16)))
            if searches[-1][1] - searches[-1][0] >= widest:
                return {"error": {"code": -32000, "message": f"at most {widest} blocks"}}
            answer["result"] = [
                each for each in answer["result"] if int(each["blockNumber"], 16) >= silent_before
            ]
        return {key: answer[key] for key in ("result", "error") if key in answer}

    return spoken_node(say), searches


def test_a_node_of_narrow_searches_shows_announcements_and_lots(place, people, chain):
    """Searches begin with the vault's first block, three for all of a statement's events."""
    vault, _, run, report = place
    url = ape.networks.provider.uri
    every = {"address": vault.address, "fromBlock": "0x0", "toBlock": "latest"}
    asked = {"jsonrpc": "2.0", "id": 1, "method": "eth_getLogs", "params": [every]}
    first = int(requests.post(url, json=asked).json()["result"][0]["blockNumber"], 16)
    run(deposit, "1000", "--yes")
    report(vault)
    report(vault)
    run(claim, "--yes")
    selector = vault.setReporter.encode_input(people.mallory)[:4]
    vault.increaseDelay(selector, 3 * DAY, sender=people.owner)
    vault.submit(vault.setReporter.encode_input(people.mallory), sender=people.owner)
    chain.mine(30)
    there = run(statement, "--json")
    width = chain.blocks.head.number - first + 1
    with narrow_node(url, 10)[0] as node:
        said = run(position, "--rpc", node.url)
        assert f"to make {people.mallory.address} the reporter" in said
        assert json.loads(run(statement, "--json", "--rpc", node.url)) == json.loads(there)
    node, searches = narrow_node(url, width)
    with node as narrow:
        run(statement, "--rpc", narrow.url)
    assert len(searches) == 4 and {each[0] for each in searches[1:]} == {first}
    with narrow_node(url, 10**9, chain.blocks.head.number)[0] as pruned:
        assert "This node does not show announced changes" in run(position, "--rpc", pruned.url)


def test_a_statement_has_every_lot_with_its_cost(
    place, people, venue, deployer, open_market, give_tokens, tmp_path
):
    """Bought at 1.00 and, after a profit that came home, dearer; paid, sent, left in kind, and
    waiting. Costs and proceeds are what moved of the asset."""
    vault, alice, run, report = place
    file = tmp_path / "lots.csv"

    def rows(*more):
        run(statement, "--csv", str(file), *more)
        return list(csv.DictReader(file.open()))

    vault.setFees(0, 1_000, 0, sender=people.owner)
    assert rows() == []
    run(deposit, "1000", "--yes")
    report(vault)
    report(vault)
    run(claim, "--yes")
    (lot,) = rows()
    assert (lot["shares"], lot["cost"], lot["asset"]) == ("1000", "1000", "pUSD")
    assert (lot["acquired_by"], lot["disposed_by"], lot["gain"]) == ("bought", "", "")

    market = open_market(vault)
    vault.allocate(market.id, 100 * UNIT, sender=people.keeper)
    venue.fund(deployer, market.account, 300 * UNIT)
    vault.harvest(market.id, sender=people.alice)
    report(vault, ("0.5", "0.6"))
    run(deposit, "260", "--yes")
    report(vault, ("0.5", "0.6"))
    report(vault, ("0.5", "0.6"))
    run(claim, "--yes")
    second = vault.balanceOf(alice) - 1_000 * SHARE
    run(redeem, "300", "--yes")
    before = venue.pusd.balanceOf(alice)
    report(vault, ("0.5", "0.6"))
    report(vault, ("0.5", "0.6"))
    run(claim, "--yes")
    paid = venue.pusd.balanceOf(alice) - before
    vault.transfer(people.bob, 200 * SHARE, sender=alice)
    give_tokens(market, yes=40 * UNIT)
    run(leave, "100", "--yes")
    run(redeem, "50", "--yes")
    found = rows()
    assert [(each["shares"], each["cost"], each["disposed_by"]) for each in found[:3]] == [
        ("300", "300", "redeemed"), ("200", "200", "sent"), ("100", "100", "left in kind"),
    ]  # fmt: skip
    assert found[0]["proceeds"] == f"{paid / UNIT:.6f}".rstrip("0") and paid > 300 * UNIT
    assert float(found[0]["gain"]) == pytest.approx(paid / UNIT - 300, abs=1e-9)
    assert [each["proceeds"] for each in found[1:]] == [""] * 4
    assert (found[3]["shares"], found[3]["cost"]) == ("400", "400")  # 50 of them wait
    assert found[4]["cost"] == "260" and float(found[4]["shares"]) == second / SHARE
    receipt = ape.networks.provider.get_receipt(found[0]["disposed_transaction"])
    assert receipt.block_number == int(found[0]["disposed_block"])

    (lot,) = rows("--account", people.bob.address)
    assert (lot["acquired_by"], lot["shares"], lot["cost"]) == ("received", "200", "")
    (lot,) = rows("--account", people.manager.address)
    assert (lot["acquired_by"], lot["cost"]) == ("fee shares", "")


def test_shares_that_change_hands_inside_the_vault_are_in_both_statements(place, people):
    """Bob asks to redeem shares of Alice's, and takes the request back to Carol, who leaves in kind
    with another; the lots of each are what the vault says, and only the buyer knows a cost."""
    vault, alice, run, report = place
    bob, carol = people.bob, people.carol
    run(deposit, "1000", "--yes")
    report(vault)
    report(vault)
    run(claim, "--yes")
    vault.approve(bob, 100 * SHARE, sender=alice)
    vault.requestRedeem(100 * SHARE, bob, alice, sender=bob)

    def lots(who):
        found = json.loads(run(statement, "--account", who.address, "--json"))["lots"]
        return [
            (
                each["came"]["kind"],
                each["shares"] // SHARE,
                each["cost"],
                (each["left"] or {}).get("kind"),
            )
            for each in found
        ]

    assert lots(alice) == [("bought", 100, 100 * UNIT, "sent"), ("bought", 900, 900 * UNIT, None)]
    assert lots(bob) == [("received", 100, None, None)]
    vault.cancelRedeemRequest(1, bob, carol, sender=bob)
    assert lots(bob) == [("received", 100, None, "sent")]
    assert lots(carol) == [("received", 100, None, None)]
    vault.requestRedeem(40 * SHARE, carol, carol, sender=carol)
    report(vault)
    vault.redeemRequestInKind(1, carol, bob, [], sender=carol)
    assert lots(carol) == [("received", 40, None, "left in kind"), ("received", 60, None, None)]
    assert lots(bob) == [("received", 100, None, "sent")]


def test_shares_that_are_given_to_the_vault_are_sent(place, people):
    """Plainly, by an approval, in the transaction of a request, and where a request is taken back
    to the vault: only what waits or is held is still the account's."""
    vault, alice, run, report = place
    run(deposit, "1000", "--yes")
    report(vault)
    report(vault)
    run(claim, "--yes")
    vault.transfer(vault, 10 * SHARE, sender=alice)
    vault.approve(people.bob, 20 * SHARE, sender=alice)
    vault.transferFrom(alice, vault, 20 * SHARE, sender=people.bob)
    vault.requestRedeem(300 * SHARE, alice, alice, sender=alice)

    def lots():
        found = json.loads(run(statement, "--json"))["lots"]
        return [
            (each["shares"] // SHARE, (each["left"] or {}).get("kind"), each["proceeds"])
            for each in found
        ]

    assert lots() == [(10, "sent", None), (20, "sent", None), (970, None, None)]
    vault.cancelRedeemRequest(1, alice, vault, sender=alice)
    assert lots()[2:] == [(300, "sent", None), (670, None, None)]
    assert vault.balanceOf(alice) == 670 * SHARE
    assert vault.balanceOf(vault) == 330 * SHARE


def test_shares_of_another_ones_deposit_have_no_cost(place, people):
    """Alice pays, and her claim sends the shares to Bob: he got them, and bought nothing."""
    vault, alice, run, report = place
    run(deposit, "1000", "--yes")
    report(vault)
    report(vault)
    vault.deposit(400 * UNIT, people.bob, alice, sender=alice)
    run(claim, "--yes")
    (lot,) = json.loads(run(statement, "--account", people.bob.address, "--json"))["lots"]
    assert (lot["came"]["kind"], lot["shares"], lot["cost"]) == ("received", 400 * SHARE, None)
    (lot,) = json.loads(run(statement, "--json"))["lots"]
    assert (lot["came"]["kind"], lot["cost"]) == ("bought", 600 * UNIT)


def test_cash_for_an_exit_in_kind_is_its_proceeds(place, people, venue, open_market):
    """Without outcome tokens all that comes is the asset: of idle, and of an account."""
    vault, alice, run, report = place
    run(deposit, "1000", "--yes")
    report(vault)
    report(vault)
    run(claim, "--yes")
    market = open_market(vault)
    vault.allocate(market.id, 100 * UNIT, sender=people.keeper)
    vault.setLimit(4, 50, sender=people.owner)  # the exit fee, bps
    before = venue.pusd.balanceOf(alice)
    run(leave, "100", "--yes")
    first = json.loads(run(statement, "--json"))["lots"][0]
    assert first["proceeds"] == venue.pusd.balanceOf(alice) - before
    assert first["proceeds"] == pytest.approx(99_500_000, abs=20)  # less a minute's fee
    assert first["gain"] == first["proceeds"] - 100 * UNIT
