"""Roles: who may do what, two-step ownership, pause."""

import ape
import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from tests.defaults import DAY, FOREVER, LIMITS, SHARE, UNIT, ZERO, a_class, limit


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


def test_owner_names_the_others(vault, people, script):
    script(vault)
    for setter, getter in (
        (vault.setGuardian, vault.guardian),
        (lambda who, **by: vault.setKeeper(0, who, **by), lambda: vault.keeperOf(0)),
        (vault.setReporter, vault.reporter),
    ):
        for who in (people.guardian, people.keeper, people.mallory):
            with ape.reverts("ownable: caller is not the owner"):
                setter(people.carol, sender=who)
        setter(people.carol, sender=people.owner)
        assert getter() == people.carol
    with ape.reverts("unknown class"):
        vault.setKeeper(1, people.carol, sender=people.owner)
    with ape.reverts("unknown class"):
        vault.setKeeper(1, ZERO, sender=people.owner)


def test_guardian_drops_keepers_and_reporter_but_names_none(vault, people, script):
    script(vault)
    for setter in (lambda who, **by: vault.setKeeper(0, who, **by), vault.setReporter):
        with ape.reverts("ownable: caller is not the owner"):
            setter(people.guardian, sender=people.guardian)
        with ape.reverts("ownable: caller is not the owner"):
            setter(ZERO, sender=people.keeper)
        setter(ZERO, sender=people.guardian)
    assert vault.keeperOf(0) == vault.reporter() == ZERO
    with ape.reverts("not the keeper"):
        script(vault)


def test_keepers_are_of_their_class_alone(funded, people, script, scripted_implementation):
    market = script(funded)
    terms = a_class(scripted_implementation, people.oracle, people.carol)
    funded.addClass(terms, sender=people.owner)
    other = script(funded, class_id=1, keeper=people.carol)
    for who, of_another in ((people.carol, market), (people.keeper, other)):
        with ape.reverts("not the keeper"):
            funded.allocate(of_another.id, UNIT, sender=who)
        with ape.reverts("not the keeper"):
            funded.recall(of_another.id, UNIT, sender=who)
        with ape.reverts("not to be closed"):
            funded.closeMarket(of_another.id, sender=who)
    with ape.reverts("not the keeper"):
        script(funded, class_id=0, keeper=people.carol)
    with ape.reverts("not the keeper"):  # of a class that does not exist
        funded.openMarket(2, b"\1" * 32, 1, 2**33, sender=people.carol)


def test_pause_stops_what_can_harm_and_leaves_the_exits(funded, people, fund, report, script):
    vault = funded
    market = script(vault)
    vault.allocate(market.id, 10 * UNIT, sender=people.keeper)
    vault.requestRedeem(10 * SHARE, people.alice, people.alice, sender=people.alice)
    fund(vault, people.bob)
    vault.requestDeposit(UNIT, people.bob, people.bob, sender=people.bob)
    with ape.reverts("ownable: caller is not the owner"):
        vault.pause(sender=people.keeper)
    vault.pause(sender=people.guardian)
    assert vault.paused()
    with ape.reverts("paused"):
        vault.requestDeposit(UNIT, people.bob, people.bob, sender=people.bob)
    with ape.reverts("paused"):
        vault.allocate(market.id, 1, sender=people.keeper)
    with ape.reverts("paused"):
        vault.openMarket(0, b"\1" * 32, 1, 2**33, sender=people.keeper)
    assert int(vault.orderTerms(0, market.id, 0).keeper, 16) == 0
    vault.cancelDepositRequest(2, people.bob, people.bob, sender=people.bob)
    for _ in range(2):  # reports and settlement go on
        report(vault, None)
    vault.recall(market.id, FOREVER, sender=people.guardian)
    vault.redeem(10 * SHARE, people.alice, sender=people.alice)
    vault.requestRedeem(SHARE, people.alice, people.alice, sender=people.alice)
    vault.transfer(people.bob, SHARE, sender=people.alice)
    vault.redeemInKind(SHARE, people.bob, [], sender=people.bob)
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


INNER = {  # a value in the middle of each limit's range
    **dict.fromkeys((name for name in LIMITS if name.endswith("_bps")), 1_000),
    "exit_fee_bps": 40,
    "min_report_interval": 3_600,
    "liveness_period": 14 * DAY,
    "inflow_floor": UNIT,
    "max_report_age": DAY,
    "max_order_lifetime": 600,
    "marks_required": 1,
    "total_cap": UNIT,
    "velocity": UNIT,
}

BOTH_WAYS = ("max_down_bps", "max_report_age")  # more and less are riskier


def test_limits_tighten_at_once_and_loosen_after_the_timelock(make_vault, people):
    """Higher is riskier, but of the report interval and of required marks; of the fall that
    redemptions bear and of the age of a report both ways are."""
    vault = make_vault(timelock=DAY, **INNER)
    for name, value in INNER.items():
        assert vault.limit(limit(name)) == value
    for name, value in INNER.items():
        up = -1 if name in ("min_report_interval", "marks_required") else 1
        with ape.reverts("not submitted"):
            vault.setLimit(limit(name), value + up, sender=people.owner)
        vault.setLimit(limit(name), value, sender=people.owner)  # as it is: nothing to wait for
        if name in BOTH_WAYS:
            with ape.reverts("not submitted"):
                vault.setLimit(limit(name), value - up, sender=people.owner)
        elif name != "marks_required":
            vault.setLimit(limit(name), value - up, sender=people.owner)
            assert vault.limit(limit(name)) == value - up
            with ape.reverts("not submitted"):
                vault.setLimit(limit(name), value, sender=people.owner)
    others = {name: value - 1 for name, value in INNER.items()}
    others |= {"min_report_interval": 3_601, "marks_required": 1}
    others |= {name: INNER[name] for name in BOTH_WAYS}
    assert {name: vault.limit(limit(name)) for name in INNER} == others
    with ape.reverts("not submitted"):  # no band at all is the widest
        vault.setLimit(limit("price_band_bps"), 0, sender=people.owner)
    with ape.reverts("unknown limit"):
        vault.setLimit(len(LIMITS), 0, sender=people.owner)
    with ape.reverts("ownable: caller is not the owner"):
        vault.setLimit(0, 0, sender=people.guardian)


def test_any_band_is_safer_than_none(make_vault, people):
    vault = make_vault(timelock=DAY, price_band_bps=0)
    vault.setLimit(limit("price_band_bps"), 9_999, sender=people.owner)
    assert vault.limit(limit("price_band_bps")) == 9_999


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        *(
            (name, 10_001, "limit too large")
            for name in (
                *("max_down_bps", "max_buy_price_bps", "max_drawdown_bps"),
                *("total_cap_bps", "velocity_bps", "question_cap_bps"),
            )
        ),
        ("max_up_bps", 2**16, "limit too large"),
        ("max_inflow_bps", 2**16, "limit too large"),
        ("exit_fee_bps", 101, "limit too large"),
        ("min_report_interval", DAY + 1, "limit too large"),
        ("max_order_lifetime", 2**16, "limit too large"),
        ("marks_required", 2, "limit too large"),
        ("liveness_period", 90 * DAY + 1, "limit too large"),
        ("liveness_period", 2 * DAY - 1, "limit too small"),
        ("max_report_age", 90 * DAY + 1, "limit too large"),
        ("inflow_floor", 2**96, "limit too large"),
        ("total_cap", 2**96, "limit too large"),
        ("velocity", 2**96, "limit too large"),
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
