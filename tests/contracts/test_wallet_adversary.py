"""What strangers, a hostile keeper and the venue's admin can do to accounts that own a wallet or a
Safe, by calls in front of others' and by gifts.

Alice has 60,000 and Bob 40,000 of the vault; 10,000 of it lie in the wallet.
"""

import re
from pathlib import Path

import pytest
from eth_utils import keccak

from tests.contracts.wallet_stage import (
    CAP,
    DELAY,
    DEPOSITS,
    SafeStage,
    WalletStage,
    refused,
    undone,
)
from tests.property.evm import Reverted
from tests.property.world import DAY, DEPOSIT, HOUR, NOBODY, UNIT
from tests.signing import SELL, struct

BOUGHT = 1_000 * UNIT
CONDITIONS = 32  # the most of one event
TRANSACTION_GAS = 16_777_216  # the most of one transaction (EIP-7825)


@pytest.fixture
def stage():
    """The wallet has the whole cap."""
    with undone(WalletStage) as stage:
        yield stage


@pytest.fixture
def fresh():
    """The account is there, the key's Safe, too; nobody has adopted it."""
    with undone(SafeStage, funded=False) as fresh:
        fresh.make_safe()
        yield fresh


def leaves(stage, who):
    """Somebody leaves in kind with all; return the collateral that he gets."""
    before = stage.cash(who)
    stage.world.leave(who, stage.world.shares(who))
    return stage.cash(who) - before


# The pause


def test_a_keeper_cannot_end_the_pause_in_front_of_a_halt_or_an_exit(stage):
    """An order that the exchange's operator has pre-approved waits for the halt to fail."""
    order, sale = stage.order(BOUGHT, 52), stage.theirs(BOUGHT, 52, SELL)
    stage.exchange.preapproveOrder(stage.ours(order), sender=stage.operator)
    stage.pauses()
    assert refused(lambda: stage.by_keeper(stage.account, "unpauseWallet")) == "GS013"
    assert leaves(stage, "alice") == 60_000 * UNIT
    stage.account.halt(sender=stage.who["guardian"])
    assert (stage.cash("wallet"), stage.cash("account")) == (0, 4_000 * UNIT)
    match = lambda: stage.match(struct(order), sale, 520 * UNIT, BOUGHT)  # noqa: E731
    assert refused(match) == "TransferFromFailed"


@pytest.mark.parametrize("who", ["guardian", "owner"])
def test_guardian_and_owner_end_the_pause_while_the_account_trades(stage, who):
    for other in ("mallory", "reporter", "venue"):
        end = lambda who=other: stage.account.unpauseWallet(sender=stage.who[who])  # noqa: E731
        assert refused(end) == "not the guardian"
    unpause = lambda: stage.account.unpauseWallet(sender=stage.who[who])  # noqa: E731
    assert refused(unpause) == "NotPaused"
    stage.account.pauseWallet(sender=stage.who["guardian"])
    assert refused(unpause) == "TimelockInsufficientDelay"
    stage.world.wait(DELAY + 1)
    unpause()
    assert stage.wallet.paused() == 0
    stage.account.halt(sender=stage.who["guardian"])
    assert refused(unpause) == "not tradable"


def test_an_admin_of_the_venue_makes_a_leaver_leave_his_part_behind(stage):
    """The delay is read as it is now (VENUE a5): Alice's 6,000 of the 10,000 stay, for Bob."""
    stage.pauses()
    stage.factory.setTimelockDelay(7 * DAY, sender=stage.who["venue"])
    assert leaves(stage, "alice") == 54_000 * UNIT
    stage.factory.setTimelockDelay(HOUR, sender=stage.who["venue"])
    assert leaves(stage, "bob") == 46_000 * UNIT


def test_an_admin_of_the_venue_delays_and_takes_nothing(stage):
    stage.account.halt(sender=stage.who["guardian"])
    stage.factory.setTimelockDelay(7 * DAY, sender=stage.who["venue"])
    stage.world.wait(7 * DAY)
    assert refused(lambda: stage.account.withdraw(sender=stage.who["mallory"])) == "wallet not open"
    stage.world.wait(1)
    stage.account.withdraw(sender=stage.who["mallory"])
    assert stage.cash("account") == CAP


# What stays behind


def test_what_stays_behind_lies_outside_the_caps(stage):
    """Alice's part was 6,000: the exposure falls by it, and the wallet keeps it. Of Bob's 40,000
    the question may have 15 %, 6,000 in all."""
    assert leaves(stage, "alice") == 54_000 * UNIT
    assert stage.vault.bookOf(stage.id)[0] == 4_000 * UNIT
    stage.world.wait(2 * DAY)
    stage.report()
    stage.by_keeper(stage.vault, "allocate", stage.id, 2_000 * UNIT)
    stage.by_keeper(stage.account, "fund", 2_000 * UNIT)
    assert refused(lambda: stage.by_keeper(stage.vault, "allocate", stage.id, UNIT)) == "GS013"
    assert stage.cash("wallet") == (6_000 + 6_000) * UNIT


def test_what_stays_behind_of_the_last_holder_is_the_next_ones(stage):
    """Both leave, and 10,000 stay. Mallory enters with 100, and as the only holder leaves in kind
    with all."""
    assert leaves(stage, "alice") + leaves(stage, "bob") == 90_000 * UNIT
    assert stage.vault.totalSupply() == 0
    stage.pauses()
    stage.account.withdraw(sender=stage.who["guardian"])
    assert stage.vault.harvest(stage.id, sender=stage.who["mallory"]) == CAP
    stage.report()
    stage.world.request(DEPOSIT, "mallory", 100 * UNIT)
    for _ in range(3):
        stage.report()
    stage.world.claim_all("mallory")
    assert leaves(stage, "mallory") == CAP + 100 * UNIT


# Batches


def admits(stage, who, assets=UNIT, lasting=600):
    """Somebody has a batch home admitted."""
    until = stage.world.now + lasting
    return stage.account.admitReturn(assets, [], [], until, sender=stage.who[who])


def test_a_stranger_does_not_replace_the_batch_home_of_others(stage):
    stage.account.halt(sender=stage.who["guardian"])
    admits(stage, "guardian", CAP)
    batch = stage.home(CAP, {}, revoke=True)
    assert refused(lambda: admits(stage, "mallory")) == "batch admitted"
    stage.carry(batch)
    assert (stage.cash("wallet"), stage.cash("account")) == (0, CAP)


def test_guardian_and_owner_replace_a_batch_and_others_wait_until_it_has_passed_or_is_late(stage):
    account = stage.account
    account.halt(sender=stage.who["guardian"])
    admits(stage, "mallory", lasting=10 * DAY)
    for who in ("guardian", "owner"):
        digest = admits(stage, who, lasting=600)
        assert account.admitted() == digest
    assert refused(lambda: admits(stage, "mallory")) == "batch admitted"
    stage.world.wait(600)
    assert refused(lambda: admits(stage, "mallory")) == "batch admitted"
    stage.world.wait(1)
    admits(stage, "mallory", lasting=10 * DAY)  # it was late
    stage.world.wait(HOUR)
    assert refused(lambda: admits(stage, "bob")) == "batch admitted"
    stage.world.wait(1)
    admits(stage, "bob")  # it was an hour old
    stage.carry(stage.home(UNIT, {}, revoke=True))
    admits(stage, "mallory")  # it has passed


def test_a_keeper_does_not_replace_the_guardians_batch_home(stage):
    admits(stage, "guardian", CAP)
    until = stage.world.now + 600
    for call in (("admitApprovals", until), ("admitReturn", 1, [], [], until)):
        assert refused(lambda c=call: stage.by_keeper(stage.account, *c)) == "GS013"
    stage.carry(stage.home(CAP, {}))
    stage.by_keeper(stage.account, "admitApprovals", until)


def test_a_halt_frees_the_place_of_a_batch(stage):
    stage.by_keeper(stage.account, "admitApprovals", stage.world.now + DAY)
    stage.account.halt(sender=stage.who["guardian"])
    admits(stage, "mallory", CAP)


# Closing


def close(stage, who="mallory"):
    if who == "keeper":
        return stage.by_keeper(stage.vault, "closeMarket", stage.id)
    return stage.vault.closeMarket(stage.id, sender=stage.who[who])


@pytest.fixture
def emptied(stage):
    """All is home, and the wallet is not open."""
    admits(stage, "guardian", CAP)
    stage.carry(stage.home(CAP, {}))
    return stage


@pytest.mark.parametrize("who", ["keeper", "mallory"])
def test_dust_in_a_closed_wallet_does_not_hold_up_closing(emptied, who):
    """It comes home all the same, once the pause that the closing starts is over."""
    stage = emptied
    stage.pusd.transfer(stage.wallet_address, UNIT - 1, sender=stage.who["maker"])
    if who == "mallory":
        stage.ctf.reportPayouts(stage.question_id, [1, 0], sender=stage.who["oracle"])
    close(stage, who)
    assert stage.pusd.balanceOf(stage.vault.address) == 100_000 * UNIT
    assert stage.vault.totalLosses() == 0
    stage.world.wait(DELAY + 1)
    assert stage.vault.sweep(stage.account.address, sender=stage.who["mallory"]) == UNIT - 1


def test_money_in_a_closed_wallet_is_not_forgotten(emptied):
    stage = emptied
    stage.pusd.transfer(stage.wallet_address, UNIT, sender=stage.who["maker"])
    assert stage.account.away() == UNIT
    assert refused(lambda: close(stage, "keeper")) == "GS013"
    stage.ctf.reportPayouts(stage.question_id, [1, 0], sender=stage.who["oracle"])
    assert refused(lambda: close(stage)) == "not to be closed"
    stage.account.redeemResolved(sender=stage.who["mallory"])  # starts the pause
    stage.world.wait(DELAY + 1)
    close(stage)
    assert stage.pusd.balanceOf(stage.vault.address) == 100_001 * UNIT


def redemption_gas():
    """Return what the vault grants an account's redemption, from its source."""
    source = (Path(__file__).parents[2] / "contracts" / "VaultExits.vy").read_text()
    once, each = (
        int(re.search(rf"^{name}: constant\(uint256\) = ([0-9_]+)$", source, re.M)[1])
        for name in ("REDEEM_GAS", "REDEEM_GAS_PER_CONDITION")
    )
    return once + CONDITIONS * each


@pytest.mark.parametrize("kind", [WalletStage, SafeStage])
def test_an_event_of_32_conditions_is_closed_in_one_transaction(kind):
    """Wallet and account have tokens of all outcomes; 10,000 went in, and each condition's sets are
    worth 10 in either place. A chain charges more than this EVM, see `Evm.gas_used`: what is shown
    is that nothing but the gas holds it up (tests/integration/test_cold_gas.py has the gas)."""
    stage = kind(negative_risk=True, conditions=CONDITIONS)
    stage.fund()
    maker, each = stage.mm.address, 10 * UNIT
    for condition in stage.conditions[1:]:
        half = (stage.pusd.address, bytes(32), condition, [1, 2])
        stage.adapter.splitPosition(*half, 1_000 * UNIT, sender=maker)
    for place in (stage.wallet_address, stage.account.address):
        for token in stage.tokens:
            stage.ctf.safeTransferFrom(maker, place, token, each, b"", sender=maker)
    if kind is WalletStage:
        stage.pauses()
    question = keccak(text="will it")[:31]
    for i in range(CONDITIONS):
        id_ = question + bytes([i])
        stage.world.ledger.reportOutcome(id_, i == 0, sender=stage.who["events admin"])
    point = stage.evm.snapshot()
    stage.account.redeemResolved(sender=stage.who["mallory"], gas=redemption_gas())
    assert stage.cash("account") == CAP + 2 * CONDITIONS * each
    stage.evm.revert(point)
    stage.vault.closeMarket(stage.id, sender=stage.who["mallory"], gas=TRANSACTION_GAS)
    assert stage.vault.openMarkets() == ()
    assert stage.pusd.balanceOf(stage.vault.address) == 100_000 * UNIT + 2 * CONDITIONS * each


# A Safe's handover


def test_nobody_burns_a_safe_in_front_of_its_adoption(fresh):
    """Whoever sees the key's signature sends the Safe's transaction alone: it changes nothing."""
    signature, code = fresh.hand_over(), fresh.implementation.address
    data = fresh.account.data("handOver", fresh.key.address, fresh.account.address)
    for who in ("mallory", "venue", "guardian"):
        for operation in (0, 1):
            call = (code, 0, data, operation, 0, 0, 0, NOBODY, NOBODY, signature)
            with pytest.raises(Reverted):
                fresh.wallet.execTransaction(*call, sender=fresh.who[who])
    assert fresh.wallet.nonce() == 0
    fresh.by_keeper(fresh.account, "adopt", fresh.key.address, signature)
    assert fresh.account.safe() == fresh.wallet_address.lower()


def test_the_handover_does_nothing_but_as_the_safe(fresh):
    """Called on account or implementation, by anybody for himself, it finds no Safe to change."""
    mallory = fresh.who["mallory"]
    for place in (fresh.account, fresh.implementation):
        for owner in (mallory, fresh.account.address):
            with pytest.raises(Reverted):
                place.handOver(fresh.key.address, owner, sender=mallory)
    assert fresh.account.safe() == NOBODY


def test_a_keeper_names_another_safe_if_the_key_has_spoiled_its_own():
    """The key itself makes another transaction first; the account is not bound to it."""
    fresh = SafeStage()
    fresh.make_safe()
    spoiled = fresh.by_key(fresh.pusd, "approve", fresh.who["thief"], 1)
    data = fresh.pusd.data("approve", fresh.who["thief"], 1)
    call = (fresh.pusd.address, 0, data, 0, 0, 0, 0, NOBODY, NOBODY, spoiled)
    fresh.wallet.execTransaction(*call, sender=fresh.who["thief"])
    adopt = ("adopt", fresh.key.address, fresh.hand_over())
    assert refused(lambda: fresh.by_keeper(fresh.account, *adopt)) == "GS013"
    fresh.take_key("another key of the Safe")
    fresh.make_safe()
    fresh.by_keeper(fresh.account, "adopt", fresh.key.address, fresh.hand_over())
    assert fresh.account.safe() == fresh.wallet_address.lower()
    assert sum(DEPOSITS.values()) == fresh.worth()
