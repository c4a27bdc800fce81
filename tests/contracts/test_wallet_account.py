"""WalletAccount: a market's account that owns a deposit wallet."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from eth_account import Account
from eth_utils import keccak
from strongroom.chain.artifacts import artifact
from strongroom.signing.deposit_wallet import handover_digest, personal_digest

from tests.contracts.wallet_stage import (
    CAP,
    CHAIN_ID,
    DELAY,
    DEPOSITS,
    GWEI,
    WalletStage,
    refused,
    undone,
)
from tests.property.evm import Evm
from tests.property.world import DAY, FOREVER, HOUR, UNIT
from tests.signing import BUY, EOA, SELL, key_of, struct

MAGIC, REFUSED = bytes.fromhex("1626ba7e"), bytes.fromhex("ffffffff")
VECTORS = Path(__file__).parents[1] / "conformance" / "vectors"
BOUGHT = 1_000 * UNIT  # YES, for 500 of the 10,000


def funded():
    """Return a stage of one's own: code that a test puts somewhere is there for good."""
    stage = WalletStage()
    stage.fund()
    return stage


@pytest.fixture
def stage():
    """The wallet has the whole cap."""
    with undone(WalletStage) as stage:
        yield stage


@pytest.fixture
def fresh():
    """The account is there, its wallet is not."""
    with undone(WalletStage, funded=False) as fresh:
        yield fresh


# Orders


def test_the_wallet_buys_and_sells_as_taker_and_as_maker(stage):
    stage.buy(BOUGHT)
    assert (stage.cash("wallet"), stage.held("wallet")) == (CAP - 500 * UNIT, BOUGHT)
    order = stage.ours(stage.order(400 * UNIT, 51, SELL))
    stage.match(stage.theirs(400 * UNIT, 51, BUY), order, 204 * UNIT, 400 * UNIT)
    assert (stage.cash("wallet"), stage.held("wallet")) == (CAP - 296 * UNIT, 600 * UNIT)
    assert stage.cash("account") == stage.held("account") == 0


def asked(stage, order, hash_=b"", **how):
    """Return what the account says of an order's nested digest, or of another one."""
    inner = stage.signed_by_keeper(order, **how)
    return stage.account.isValidSignature(hash_ or stage.nested(order), inner)


def test_only_the_nested_digest_of_an_order_gets_the_magic_value(stage):
    order = stage.order(100 * UNIT, 50)
    hash_ = stage.hash(order)
    assert asked(stage, order) == MAGIC
    assert asked(stage, order, hash_) == REFUSED
    assert asked(stage, order, personal_digest(stage.wallet_address, CHAIN_ID, hash_)) == REFUSED
    assert asked(stage, order, stage.contents(order)) == REFUSED
    assert asked(stage, order, stage.nested(replace(order, salt="8"))) == REFUSED


def test_each_rule_of_the_order_policy_holds_for_the_wallets_orders(stage):
    """Marks .48 and .52, band 5 cents: buys up to .57, sells from .43; at most 300 seconds."""
    order, foreign = stage.order(100 * UNIT, 50), key_of("somebody")
    assert asked(stage, stage.order(100 * UNIT, 57)) == MAGIC
    assert asked(stage, stage.order(100 * UNIT, 43, SELL)) == MAGIC
    for wrong in (
        stage.order(100 * UNIT, 58),
        stage.order(100 * UNIT, 42, SELL),
        stage.order(100 * UNIT, 50, token=123),
        replace(order, maker=stage.account.address, signer=stage.account.address),
        replace(order, maker=foreign.address, signer=foreign.address),
        replace(order, signer=foreign.address),
        replace(order, signatureType=EOA),
        replace(order, side=2),
        replace(order, makerAmount="0"),
        replace(order, takerAmount="0"),
    ):
        assert asked(stage, wrong) == REFUSED
    assert asked(stage, order, lifetime=301) == REFUSED
    assert asked(stage, order, lifetime=-1) == REFUSED
    assert asked(stage, order, epoch=1) == REFUSED
    assert asked(stage, order, owners=stage.owners[:1]) == REFUSED
    assert asked(stage, order, owners=[foreign, stage.owners[0]]) == REFUSED
    stage.by_keeper(stage.account, "bumpEpoch")
    assert asked(stage, order, epoch=0) == REFUSED
    assert asked(stage, order) == MAGIC


@pytest.mark.parametrize("end", ["halt", "pause", "deadline", "payout", "stale marks"])
def test_no_order_gets_the_magic_value_after(stage, end):
    order = stage.order(100 * UNIT, 50)
    assert asked(stage, order) == MAGIC
    if end == "halt":
        stage.account.halt(sender=stage.who["guardian"])
    elif end == "pause":
        stage.vault.pause(sender=stage.who["guardian"])
    elif end == "deadline":
        stage.world.wait(stage.account.deadline() - stage.world.now)
    elif end == "payout":
        stage.ctf.reportPayouts(stage.question_id, [1, 0], sender=stage.who["oracle"])
    else:
        stage.world.wait(2 * DAY + 1)
    assert asked(stage, order) == REFUSED


def test_the_wallet_takes_the_accounts_yes_in_the_nested_form_only(stage):
    order = stage.order(100 * UNIT, 50)
    hash_ = stage.hash(order)
    inner = stage.signed_by_keeper(order)
    stage.evm.set_balance(stage.evm.nobody, 10**18)

    def says(signature):
        return stage.wallet.isValidSignature(hash_, signature, gas_price=GWEI)

    assert says(stage.trailed(order, inner)) == MAGIC
    assert says(inner) == REFUSED
    assert says(stage.trailed(replace(order, salt="8"), inner)) == REFUSED


# The wallet's address and its history


def test_the_wallets_address_is_where_the_recorded_ones_are():
    """CREATE2 rows of the venue's real factory: the account at an owner's address has the wallet
    that is recorded for him (VENUE a1)."""
    found = json.loads((VECTORS / "hashes_and_addresses.json").read_text())["create2"]
    evm = Evm(1_700_000_000, 137)
    for address in (found["factory"], found["beacon"]):
        evm.set_code(address, b"\x00")
    other = evm.deploy(artifact("UsdcE")).address
    parts = (other, "2", found["factory"], found["beacon"], other, other, other, other, False)
    code = evm.code(evm.deploy(artifact("WalletAccount"), *parts).address)
    rows = [row for row in found["rows"] if "owner" in row]  # whose id is the owner's address
    assert len(rows) > 10
    for row in rows:
        evm.set_code(row["owner"], code)
        account = evm.at(row["owner"], artifact("WalletAccount").abi)
        assert account.wallet().lower() == row["beacon_wallet"].lower()


def test_a_wallet_is_adopted_once_and_only_when_it_is_there(fresh):
    account, anyone = fresh.account, fresh.who["mallory"]
    assert refused(lambda: account.adopt(sender=anyone)) == "no wallet of this account alone"
    fresh.make_wallet()
    assert fresh.wallet.owner() == account.address.lower()
    assert not account.adopted()
    account.adopt(sender=anyone)
    assert account.adopted()
    assert refused(lambda: account.adopt(sender=anyone)) == "wallet adopted"


def test_a_wallet_that_was_anybody_elses_is_never_adopted(fresh):
    """The relayer makes it for himself, gives himself a session key, and hands it over."""
    thief, account = key_of("thief"), fresh.account
    fresh.make_wallet(owner=thief.address)
    adopt = lambda: account.adopt(sender=fresh.who["mallory"])  # noqa: E731
    assert refused(adopt) == "no wallet of this account alone"

    def by_thief(*calls):
        batch = fresh.batch(*calls)
        signature = Account.unsafe_sign_hash(batch.digest(CHAIN_ID), thief.key).signature
        fresh.carry(batch, bytes(signature))

    later = fresh.world.now + DAY
    by_thief(
        (fresh.wallet, "authorizeSessionSigner", thief.address, FOREVER),
        (fresh.pusd, "approve", thief.address, FOREVER),
        (fresh.wallet, "transferOwnership", account.address, later),
    )
    # only the account itself could complete the handover, and it says yes to no such digest
    digest = handover_digest(fresh.wallet_address, CHAIN_ID, account.address, 1)
    assert account.isValidSignature(digest, bytes(65)) == REFUSED
    complete = fresh.wallet.completeOwnershipHandover
    assert refused(lambda: complete(bytes(65), sender=fresh.who["mallory"])) == "InvalidSignature"
    assert refused(adopt) == "no wallet of this account alone"


@pytest.mark.parametrize("name", ["nonce", "pendingOwnerNonce", "owner"])
def test_a_wallet_with_a_batch_or_a_handover_behind_it_is_not_adopted(name):
    """Either number alone refuses, whoever is the owner now; so does another owner."""
    fresh = WalletStage()
    answers = {"owner": int(fresh.account.address, 16), "nonce": 0, "pendingOwnerNonce": 0}
    fresh.evm.set_code(fresh.wallet_address, answering(answers | {name: 1}))
    adopt = lambda: fresh.account.adopt(sender=fresh.who["mallory"])  # noqa: E731
    assert refused(adopt) == "no wallet of this account alone"
    fresh.evm.set_code(fresh.wallet_address, answering(answers))
    adopt()


def answering(numbers):
    """Return code that answers each question by its number."""
    code = b""
    for name, number in numbers.items():
        # PUSH0 CALLDATALOAD PUSH1 e0 SHR PUSH4 selector EQ ISZERO PUSH2 next JUMPI
        selector = keccak(text=f"{name}()")[:4]
        answer = b"\x7f" + number.to_bytes(32, "big") + bytes.fromhex("5f5260205ff3")
        head = bytes.fromhex("5f3560e01c63") + selector + bytes.fromhex("1415")
        after = len(code) + len(head) + 4 + len(answer)
        code += head + b"\x61" + after.to_bytes(2, "big") + b"\x57" + answer + b"\x5b"
    return code + bytes.fromhex("5f5ffd")


def test_nothing_goes_to_a_wallet_that_is_not_adopted(fresh):
    fresh.by_keeper(fresh.vault, "allocate", fresh.id, CAP)
    fresh.make_wallet()
    for call in (("fund", CAP), ("admitApprovals", FOREVER), ("fundTokens", 0, 1)):
        assert refused(lambda call=call: fresh.by_keeper(fresh.account, *call)) == "GS013"
    fresh.report()
    assert fresh.account.positions()[0] == CAP
    fresh.account.adopt(sender=fresh.who["mallory"])
    fresh.by_keeper(fresh.account, "fund", CAP)
    assert fresh.cash("wallet") == CAP


# Batches


def test_only_the_admitted_batch_passes(stage):
    thief = stage.who["thief"]
    stage.by_keeper(stage.account, "admitReturn", CAP, [], [], stage.world.now + 600)
    wallet, pusd, ctf = stage.wallet, stage.pusd, stage.ctf
    for calls in (
        [(pusd, "transfer", thief, CAP)],
        [(pusd, "approve", thief, FOREVER)],
        [(ctf, "setApprovalForAll", thief, True)],
        [(wallet, "authorizeSessionSigner", thief, FOREVER)],
        [(wallet, "transferOwnership", thief, FOREVER)],
        [(pusd, "transfer", stage.account.address, CAP - 1)],
        [(pusd, "transfer", stage.account.address, CAP), (pusd, "approve", thief, 1)],
    ):
        assert refused(lambda calls=calls: stage.carry(stage.batch(*calls))) == "InvalidSignature"
    later = replace(stage.home(CAP, {}), deadline=stage.world.now + 601)
    assert refused(lambda: stage.carry(later)) == "InvalidSignature"
    batch = stage.home(CAP, {})
    assert stage.account.admitted() == batch.digest(CHAIN_ID)
    assert refused(lambda: stage.carry(batch, by="mallory")) == "OnlyOperator"
    stage.carry(batch)
    assert (stage.cash("account"), stage.cash("wallet")) == (CAP, 0)
    assert refused(lambda: stage.carry(batch)) == "InvalidNonce"


def test_the_way_home_takes_tokens_too_and_of_a_halted_account_the_approvals(stage):
    stage.buy(BOUGHT)
    account, until = stage.account, stage.world.now + 600
    stage.account.halt(sender=stage.who["guardian"])
    account.admitReturn(9_500 * UNIT, [0], [BOUGHT], until, sender=stage.who["mallory"])
    stage.carry(stage.home(9_500 * UNIT, {0: BOUGHT}, revoke=True))
    assert (stage.cash("account"), stage.held("account")) == (9_500 * UNIT, BOUGHT)
    assert stage.pusd.allowance(stage.wallet_address, stage.exchange.address) == 0
    assert not stage.ctf.isApprovedForAll(stage.wallet_address, stage.exchange.address)


def test_who_may_admit_what(stage):
    account, until = stage.account, stage.world.now + 600
    mallory, guardian = stage.who["mallory"], stage.who["guardian"]
    for call in (
        lambda: account.admitReturn(1, [], [], until, sender=mallory),
        lambda: account.pauseWallet(sender=mallory),
        lambda: account.withdraw(sender=mallory),
    ):
        assert refused(call) == "not allowed to take back"
    for call in (
        lambda: account.admitApprovals(until, sender=guardian),
        lambda: account.fund(1, sender=guardian),
    ):
        assert refused(call) == "not the keeper"
    account.admitReturn(1, [], [], until, sender=guardian)
    assert refused(lambda: account.admitReturn(0, [], [], until, sender=guardian)) == (
        "nothing to bring"
    )
    assert refused(lambda: account.admitReturn(0, [2], [1], until, sender=guardian)) == (
        "unknown token"
    )
    account.halt(sender=guardian)
    assert account.admitted() == bytes(32)
    assert account.isValidSignature(bytes(32), bytes(65)) == REFUSED
    account.admitReturn(1, [], [], until, sender=mallory)
    assert refused(lambda: stage.by_keeper(account, "admitApprovals", until)) == "GS013"


# Taking back without the venue


def test_after_a_halt_anyone_brings_all_home_once_the_delay_is_over(stage):
    stage.buy(BOUGHT)
    account, mallory = stage.account, stage.who["mallory"]
    account.halt(sender=stage.who["guardian"])
    assert stage.wallet.paused() == stage.world.now
    assert refused(lambda: account.pauseWallet(sender=mallory)) == "wallet paused"
    stage.world.wait(DELAY)
    assert refused(lambda: account.withdraw(sender=mallory)) == "wallet not open"
    stage.world.wait(1)
    account.withdraw(sender=mallory)
    assert (stage.cash("account"), stage.held("account")) == (9_500 * UNIT, BOUGHT)
    assert stage.cash("wallet") == stage.held("wallet") == 0
    assert stage.pusd.allowance(stage.wallet_address, stage.exchange.address) == 0


def test_the_delay_is_what_the_venue_says_now(stage):
    stage.pauses()
    assert stage.account.isOpen()
    stage.factory.setTimelockDelay(7 * DAY, sender=stage.who["venue"])
    assert not stage.account.isOpen()
    stage.world.wait(7 * DAY - DELAY)
    assert stage.account.isOpen()


def test_a_paused_wallet_trades_and_the_guardian_may_end_the_pause(stage):
    stage.pauses()
    stage.buy(BOUGHT)
    assert stage.held("wallet") == BOUGHT
    stage.account.unpauseWallet(sender=stage.who["guardian"])
    assert not stage.account.isOpen()
    assert stage.wallet.paused() == 0


def test_a_halt_of_an_open_wallet_ends_pre_approved_orders_at_once(stage):
    order = stage.order(BOUGHT, 50)
    stage.exchange.preapproveOrder(stage.ours(order), sender=stage.operator)
    stage.pauses()
    stage.account.halt(sender=stage.who["guardian"])
    assert (stage.cash("account"), stage.cash("wallet")) == (CAP, 0)
    stage.pusd.transfer(stage.wallet_address, CAP, sender=stage.who["maker"])
    sale = stage.theirs(BOUGHT, 50, SELL)
    assert refused(lambda: stage.match(struct(order), sale, 500 * UNIT, BOUGHT))
    assert stage.cash("wallet") == CAP


def test_a_halt_of_a_wallet_that_is_not_open_leaves_pre_approved_orders_for_the_delay(stage):
    """The one weakness that the header names: at most what the order itself admits."""
    order, sale = stage.order(BOUGHT, 50), stage.theirs(BOUGHT, 50, SELL)
    stage.exchange.preapproveOrder(stage.ours(order), sender=stage.operator)
    stage.account.halt(sender=stage.who["guardian"])
    stage.match(struct(order), sale, 250 * UNIT, 500 * UNIT)
    assert stage.cash("wallet") == CAP - 250 * UNIT
    stage.world.wait(DELAY + 1)
    stage.account.withdraw(sender=stage.who["mallory"])
    assert refused(lambda: stage.match(struct(order), sale, 250 * UNIT, 500 * UNIT))


# What the vault sees


def test_the_vault_counts_what_the_wallet_holds(stage):
    stage.buy(BOUGHT)
    stage.report(48, 52)
    held, ((yes, no, *_),) = stage.account.positions()
    assert (held, yes, no) == (9_500 * UNIT, BOUGHT, 0)
    assert stage.account.away() == 9_500 * UNIT + BOUGHT
    assert stage.vault.bookOf(stage.id) == (CAP, 9_980 * UNIT, 10_020 * UNIT)
    assert stage.vault.custody() == (90_000 * UNIT, 9_980 * UNIT, 0)


def test_what_is_away_counts_both_outcomes(stage):
    """Before a payout each token counts whole, after it at what it pays."""
    stage.buy(BOUGHT)
    given = (stage.mm.address, stage.wallet_address, stage.no, 300 * UNIT, b"")
    stage.ctf.safeTransferFrom(*given, sender=stage.mm.address)
    assert stage.account.away() == (9_500 + 1_000 + 300) * UNIT
    stage.ctf.reportPayouts(stage.question_id, [2, 3], sender=stage.who["oracle"])
    assert stage.account.away() == (9_500 + 400 + 180) * UNIT


def test_who_leaves_in_kind_gets_his_part_of_tokens_that_are_home(stage):
    stage.buy(BOUGHT)
    stage.pauses()
    stage.by_keeper(stage.account, "withdraw")
    stage.world.leave("alice", stage.world.shares("alice"))
    assert (stage.held("alice"), stage.held("account")) == (600 * UNIT, 400 * UNIT)


def test_who_leaves_in_kind_gets_his_part_of_an_open_wallet(stage):
    stage.buy(BOUGHT)
    stage.pauses()
    before = stage.cash("alice")
    stage.world.leave("alice", stage.world.shares("alice"))
    part, whole = DEPOSITS["alice"], sum(DEPOSITS.values())
    assert stage.cash("alice") - before == (90_000 + 9_500) * UNIT * part // whole
    assert stage.held("alice") == BOUGHT * part // whole
    assert stage.cash("wallet") == 3_800 * UNIT


def test_of_a_wallet_that_is_not_open_his_part_stays_behind(stage):
    stage.by_keeper(stage.account, "admitReturn", 2_000 * UNIT, [], [], stage.world.now + 600)
    stage.carry(stage.home(2_000 * UNIT, {}))
    before = stage.cash("alice")
    start = len(stage.evm.transactions)
    stage.world.leave("alice", stage.world.shares("alice"))
    assert stage.cash("alice") - before == (90_000 + 2_000) * UNIT * 60 // 100
    assert stage.cash("wallet") == 8_000 * UNIT
    topics = [bytes(log.data[0][0]) for _, logs in stage.evm.transactions[start:] for log in logs]
    assert keccak(text="LeftBehind(address,address,uint256,uint256)") in topics


def test_a_resolved_market_is_closed_by_anyone_once_the_wallet_is_open(stage):
    """YES pays 1: 9,500 and 1,000."""
    stage.buy(BOUGHT)
    stage.ctf.reportPayouts(stage.question_id, [1, 0], sender=stage.who["oracle"])
    assert refused(lambda: close(stage)) == "not to be closed"
    stage.account.redeemResolved(sender=stage.who["mallory"])  # starts the pause
    stage.world.wait(DELAY + 1)
    close(stage)
    assert stage.pusd.balanceOf(stage.vault.address) == (90_000 + 10_500) * UNIT
    stage.pusd.transfer(stage.wallet_address, 7 * UNIT, sender=stage.who["maker"])  # a late return
    assert stage.vault.sweep(stage.account.address, sender=stage.who["mallory"]) == 7 * UNIT


def close(stage):
    stage.vault.closeMarket(stage.id, sender=stage.who["mallory"])


def test_profit_in_an_open_wallet_comes_home_by_withdraw_and_harvest(stage):
    stage.pusd.transfer(stage.wallet_address, 300 * UNIT, sender=stage.who["maker"])
    stage.pauses()
    stage.by_keeper(stage.account, "withdraw")
    stage.vault.harvest(stage.id, sender=stage.who["mallory"])
    assert stage.pusd.balanceOf(stage.vault.address) == 90_300 * UNIT
    assert stage.cash("account") == CAP


def test_a_wallet_that_fails_holds_nobody_up():
    """An implementation that reverts: the account halts, redeems and reports all the same."""
    stage = funded()
    stage.pauses()
    stage.evm.set_code(stage.wallet_address, bytes.fromhex("5f5ffd"))
    stage.report()
    stage.account.halt(sender=stage.who["guardian"])
    stage.account.redeemResolved(sender=stage.who["mallory"])
    assert not stage.account.isOpen()
    stage.world.leave("alice", stage.world.shares("alice"))


def test_while_it_trades_nobody_empties_the_wallet_by_a_redemption(stage):
    stage.pauses()
    stage.account.redeemResolved(sender=stage.who["mallory"])
    assert stage.cash("wallet") == CAP


def test_a_halt_with_too_little_gas_is_refused(stage):
    """Else its caller could make the revocation fail."""
    stage.pauses()
    halt = lambda gas: stage.account.halt(sender=stage.who["guardian"], gas=gas)  # noqa: E731
    assert refused(lambda: halt(330_000)) == "too little gas"
    halt(2_000_000)
    assert stage.cash("wallet") == 0


def test_an_open_wallet_that_does_not_pay_is_skipped_and_not_lost_in_silence():
    """It says that it has been paused for long, and refuses everything else."""
    stage = funded()
    answers = {"paused": 1, "timelockDelay": 1}
    stage.evm.set_code(stage.wallet_address, answering(answers))
    assert stage.account.isOpen()
    shares, alice = stage.world.shares("alice"), stage.who["alice"]
    leave = stage.vault.redeemInKind
    assert refused(lambda: leave(shares, alice, [], sender=alice)) == "wallet does not pay"
    withdraw = stage.account.withdraw
    assert refused(lambda: withdraw(sender=stage.who["guardian"])) == "withdraw failed"
    leave(shares, alice, [stage.id], sender=alice)
    assert stage.world.shares("alice") == 0


def test_a_batch_home_names_as_many_amounts_as_tokens(stage):
    guardian, until = stage.who["guardian"], stage.world.now + 600
    for indexes, amounts in (([0], []), ([], [1])):
        call = (1, indexes, amounts, until)
        refusal_ = refused(lambda c=call: stage.account.admitReturn(*c, sender=guardian))
        assert refusal_ == "lengths differ"


@pytest.mark.parametrize("end", ["payout", "deadline", "pause", "halt"])
def test_nothing_goes_out_to_the_wallet_after(stage, end):
    stage.pusd.transfer(stage.account.address, CAP, sender=stage.who["maker"])
    if end == "payout":
        stage.ctf.reportPayouts(stage.question_id, [1, 0], sender=stage.who["oracle"])
    elif end == "deadline":
        stage.world.wait(stage.account.deadline() - stage.world.now)
    elif end == "pause":
        stage.vault.pause(sender=stage.who["guardian"])
    else:
        stage.account.halt(sender=stage.who["guardian"])
    assert refused(lambda: stage.by_keeper(stage.account, "fund", 1)) == "GS013"


def test_an_events_wallet_brings_home_each_of_its_tokens():
    stage = WalletStage(negative_risk=True)
    stage.fund()
    stage.buy(BOUGHT)
    assert len(stage.tokens) == 6
    for index in (2, 5):
        condition = stage.conditions[index // 2]
        half = (stage.pusd.address, bytes(32), condition, [1, 2])
        stage.adapter.splitPosition(*half, 50 * UNIT, sender=stage.mm.address)
        moved = (stage.mm.address, stage.wallet_address, stage.tokens[index], 50 * UNIT, b"")
        stage.ctf.safeTransferFrom(*moved, sender=stage.mm.address)
    stage.account.halt(sender=stage.who["guardian"])
    stage.world.wait(HOUR + 1)
    stage.account.withdraw(sender=stage.who["mallory"])
    held = [stage.held("account", index) for index in range(6)]
    assert held == [BOUGHT, 0, 50 * UNIT, 0, 0, 50 * UNIT]
