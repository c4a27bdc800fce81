"""Roles: who may do what, two-step ownership, pause."""

import ape
import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from tests.defaults import DAY, FOREVER, LIMITS, SHARE, UNIT, limit

ZERO = "0x" + "00" * 20


def test_ownership_moves_in_two_steps(vault, people):
    with ape.reverts("ownable: caller is not the owner"):
        vault.transferOwnership(people.mallory, sender=people.mallory)
    vault.transferOwnership(people.alice, sender=people.owner)
    assert vault.owner() == people.owner
    with ape.reverts("not the pending owner"):
        vault.acceptOwnership(sender=people.mallory)
    vault.acceptOwnership(sender=people.alice)
    assert vault.owner() == people.alice
    with ape.reverts("not the pending owner"):
        vault.acceptOwnership(sender=people.alice)
    with ape.reverts("ownable: caller is not the owner"):
        vault.setGuardian(people.owner, sender=people.owner)


def test_owner_names_the_others(vault, people):
    for setter, getter in (
        (vault.setGuardian, vault.guardian),
        (vault.setKeeper, vault.keeper),
        (vault.setReporter, vault.reporter),
    ):
        for who in (people.guardian, people.keeper, people.mallory):
            with ape.reverts("ownable: caller is not the owner"):
                setter(people.carol, sender=who)
        setter(people.carol, sender=people.owner)
        assert getter() == people.carol


def test_guardian_may_drop_the_keeper_but_not_name_one(vault, people, open_market):
    with ape.reverts("ownable: caller is not the owner"):
        vault.setKeeper(people.guardian, sender=people.guardian)
    vault.setKeeper(ZERO, sender=people.guardian)
    with ape.reverts("not the keeper"):
        open_market(vault)


def test_pause_stops_what_can_harm_and_leaves_the_exits(
    vault, people, fund, invest, report, open_market
):
    invest(vault, people.alice, 100 * UNIT)
    market = open_market(vault)
    vault.allocate(market.id, 10 * UNIT, sender=people.keeper)
    vault.requestRedeem(10 * SHARE, people.alice, people.alice, sender=people.alice)
    report(vault, ("0.4", "0.6", "0.4", "0.6"))
    fund(vault, people.bob)
    vault.requestDeposit(UNIT, people.bob, people.bob, sender=people.bob)
    with ape.reverts("ownable: caller is not the owner"):
        vault.pause(sender=people.keeper)
    vault.pause(sender=people.guardian)
    assert vault.paused()
    with ape.reverts("paused"):
        report(vault, ("0.4", "0.6", "0.4", "0.6"))
    with ape.reverts("paused"):
        vault.requestDeposit(UNIT, people.bob, people.bob, sender=people.bob)
    with ape.reverts("paused"):
        vault.allocate(market.id, 1, sender=people.keeper)
    with ape.reverts("paused"):
        vault.openMarket(0, b"\1" * 32, 1, 2**33, sender=people.keeper)
    vault.recall(market.id, FOREVER, sender=people.guardian)
    vault.redeem(10 * SHARE, people.alice, sender=people.alice)
    vault.requestRedeem(SHARE, people.alice, people.alice, sender=people.alice)
    vault.cancelDepositRequest(people.bob, people.bob, sender=people.bob)
    vault.transfer(people.bob, SHARE, sender=people.alice)
    vault.unpause(sender=people.guardian)
    assert not vault.paused()


def test_guardian_cannot_unpause_what_the_owner_paused(vault, people):
    vault.pause(sender=people.guardian)
    vault.pause(sender=people.owner)
    with ape.reverts("paused by owner"):
        vault.unpause(sender=people.guardian)
    with ape.reverts("ownable: caller is not the owner"):
        vault.unpause(sender=people.keeper)
    vault.unpause(sender=people.owner)
    assert not vault.paused()


def test_limits_tighten_at_once_and_loosen_after_the_timelock(make_vault, people):
    vault = make_vault(timelock=DAY)
    for name, value in LIMITS.items():
        assert vault.limit(limit(name)) == value
    at_most = ("max_drawdown_bps", "total_cap_bps", "total_cap", "velocity_limit")
    for name in LIMITS:
        up = -1 if name == "min_report_interval" else 1
        if name not in at_most:
            with ape.reverts("not submitted"):
                vault.setLimit(limit(name), LIMITS[name] + up, sender=people.owner)
        safer = LIMITS[name] - up
        vault.setLimit(limit(name), safer, sender=people.owner)
        assert vault.limit(limit(name)) == safer
        with ape.reverts("not submitted"):
            vault.setLimit(limit(name), LIMITS[name], sender=people.owner)
    with ape.reverts("not submitted"):  # no band at all is the widest
        vault.setLimit(limit("price_band_bps"), 0, sender=people.owner)
    with ape.reverts("unknown limit"):
        vault.setLimit(len(LIMITS), 0, sender=people.owner)
    with ape.reverts("ownable: caller is not the owner"):
        vault.setLimit(0, 0, sender=people.guardian)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("max_down_bps", 10_001, "limit too large"),
        ("max_up_bps", 2**32, "limit too large"),
        ("max_order_lifetime", 2**16, "limit too large"),
        ("max_buy_price_bps", 10_001, "limit too large"),
        ("max_drawdown_bps", 10_001, "limit too large"),
        ("liveness_period", 90 * DAY + 1, "limit too large"),
        ("liveness_period", DAY - 1, "limit too small"),
        ("max_redeem_delay", 90 * DAY + 1, "limit too large"),
        ("total_cap_bps", 10_001, "limit too large"),
        ("total_cap", 2**96, "limit too large"),
        ("velocity_limit", 2**96, "limit too large"),
    ],
)
def test_limits_have_hard_bounds(vault, people, name, value, reason):
    with ape.reverts(reason):
        vault.setLimit(limit(name), value, sender=people.owner)


def test_share_token_permit(vault, people, invest, chain):
    """ERC-2612: a signature in place of an approval."""
    invest(vault, people.alice, 10 * UNIT)
    words = ("owner", "spender"), ("value", "nonce", "deadline")
    fields = [{"name": n, "type": "address"} for n in words[0]]
    fields += [{"name": n, "type": "uint256"} for n in words[1]]
    deadline = chain.pending_timestamp + 60
    message = encode_typed_data(
        domain_data={
            "name": "Strongroom test vault",
            "version": "1",
            "chainId": chain.chain_id,
            "verifyingContract": vault.address,
        },
        message_types={"Permit": fields},
        message_data={
            "owner": people.alice.address,
            "spender": people.bob.address,
            "value": 5 * SHARE,
            "nonce": 0,
            "deadline": deadline,
        },
    )
    signed = Account.sign_message(message, people.alice.private_key)
    signature = signed.v, signed.r.to_bytes(32, "big"), signed.s.to_bytes(32, "big")
    terms = (people.alice, people.bob, 5 * SHARE, deadline)
    vault.permit(*terms, *signature, sender=people.stranger)
    vault.transferFrom(people.alice, people.bob, 5 * SHARE, sender=people.bob)
    assert vault.balanceOf(people.bob) == 5 * SHARE
    with ape.reverts("erc20: invalid signature"):
        vault.permit(*terms, *signature, sender=people.stranger)
