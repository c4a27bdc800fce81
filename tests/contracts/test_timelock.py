"""Risk-raising calls wait: submit, accept, revoke, delays and abdication."""

import ape
import pytest
from eth_utils import keccak

from tests.defaults import DAY, LIMITS, UNIT, a_class, limit

WEEK = 7 * DAY
SET_LIMIT = keccak(text="setLimit(uint256,uint256)")[:4]
SET_KEEPER = keccak(text="setKeeper(address)")[:4]
DECREASE = keccak(text="decreaseDelay(bytes4,uint256)")[:4]


@pytest.fixture
def slow(make_vault):
    """A vault whose owner's risk-raising calls wait for two days."""
    return make_vault(timelock=2 * DAY)


@pytest.fixture
def wider(slow):
    """A call that raises risk: a wider spread."""
    return slow.setLimit.encode_input(limit("max_spread_bps"), 3_000)


def widen(vault, people):
    vault.setLimit(limit("max_spread_bps"), 3_000, sender=people.owner)


def test_a_risky_call_passes_only_after_its_delay_and_once(slow, wider, people, chain):
    with ape.reverts("not submitted"):
        widen(slow, people)
    receipt = slow.submit(wider, sender=people.owner)
    (event,) = receipt.decode_logs(slow.CallSubmitted)
    assert (event.call_hash, event.delay, event.call) == (keccak(wider), 2 * DAY, wider)
    submitted = slow.submittedAt(keccak(wider))
    assert submitted == receipt.timestamp
    chain.pending_timestamp = submitted + 2 * DAY - 1
    with ape.reverts("timelocked"):
        widen(slow, people)
    chain.pending_timestamp = submitted + 2 * DAY
    widen(slow, people)
    assert slow.limit(limit("max_spread_bps")) == 3_000
    slow.setLimit(limit("max_spread_bps"), 2_000, sender=people.owner)  # safer: at once
    with ape.reverts("not submitted"):
        widen(slow, people)


def test_accept_makes_the_submitted_call(slow, wider, people, chain):
    slow.submit(wider, sender=people.owner)
    with ape.reverts("timelocked"):
        slow.accept(wider, sender=people.owner)
    chain.pending_timestamp += 2 * DAY
    with ape.reverts("ownable: caller is not the owner"):
        slow.accept(wider, sender=people.mallory)
    slow.accept(wider, sender=people.owner)
    assert slow.limit(limit("max_spread_bps")) == 3_000
    with ape.reverts("not timelocked"):
        slow.accept(slow.pause.encode_input(), sender=people.owner)


def test_a_submission_expires_after_a_week(slow, wider, people, chain):
    slow.submit(wider, sender=people.owner)
    chain.pending_timestamp = slow.submittedAt(keccak(wider)) + 2 * DAY + WEEK + 1
    with ape.reverts("submission expired"):
        widen(slow, people)
    with ape.reverts("submitted already"):
        slow.submit(wider, sender=people.owner)
    slow.revoke(wider, sender=people.owner)
    slow.submit(wider, sender=people.owner)


def test_only_the_exact_call_passes(slow, wider, people, chain):
    slow.submit(wider, sender=people.owner)
    chain.pending_timestamp += 2 * DAY
    with ape.reverts("not submitted"):
        slow.setLimit(limit("max_spread_bps"), 3_001, sender=people.owner)


def test_only_the_owner_submits_and_only_timelocked_calls(slow, wider, people):
    for who in (people.guardian, people.keeper, people.mallory):
        with ape.reverts("ownable: caller is not the owner"):
            slow.submit(wider, sender=who)
    for call in (slow.pause.encode_input(), slow.abdicate.encode_input(SET_LIMIT)):
        with ape.reverts("not timelocked"):
            slow.submit(call, sender=people.owner)
    with ape.reverts():
        slow.submit(b"\1\2", sender=people.owner)


def test_the_guardian_vetoes_all_but_its_own_replacement(slow, wider, people, chain):
    slow.submit(wider, sender=people.owner)
    with ape.reverts("ownable: caller is not the owner"):
        slow.revoke(wider, sender=people.mallory)
    slow.revoke(wider, sender=people.guardian)
    with ape.reverts("not submitted"):
        slow.revoke(wider, sender=people.guardian)
    chain.pending_timestamp += 2 * DAY
    with ape.reverts("not submitted"):
        widen(slow, people)
    other = slow.setGuardian.encode_input(people.carol)
    slow.submit(other, sender=people.owner)
    with ape.reverts("ownable: caller is not the owner"):
        slow.revoke(other, sender=people.guardian)
    chain.pending_timestamp += 2 * DAY
    slow.setGuardian(people.carol, sender=people.owner)
    assert slow.guardian() == people.carol


def test_delays_are_each_functions_own_and_rise_at_once(slow, wider, people, chain):
    slow.submit(wider, sender=people.owner)
    with ape.reverts("delay not higher"):
        slow.increaseDelay(SET_LIMIT, 2 * DAY, sender=people.owner)
    with ape.reverts("delay too long"):
        slow.increaseDelay(SET_LIMIT, 91 * DAY, sender=people.owner)
    with ape.reverts("ownable: caller is not the owner"):
        slow.increaseDelay(SET_LIMIT, 5 * DAY, sender=people.guardian)
    slow.increaseDelay(SET_LIMIT, 5 * DAY, sender=people.owner)
    assert (slow.delayOf(SET_LIMIT), slow.delayOf(SET_KEEPER)) == (5 * DAY, 2 * DAY)
    chain.pending_timestamp += 2 * DAY
    with ape.reverts("timelocked"):  # what waits already waits longer, too
        widen(slow, people)
    with ape.reverts("not timelocked"):
        slow.increaseDelay(DECREASE, DAY, sender=people.owner)
    with ape.reverts("not timelocked"):
        slow.increaseDelay(b"\1\2\3\4", DAY, sender=people.owner)


def test_a_delay_is_lowered_only_after_itself(slow, people, chain):
    slow.increaseDelay(SET_LIMIT, 5 * DAY, sender=people.owner)
    call = slow.decreaseDelay.encode_input(SET_LIMIT, DAY)
    with ape.reverts("not submitted"):
        slow.decreaseDelay(SET_LIMIT, DAY, sender=people.owner)
    slow.submit(call, sender=people.owner)
    chain.pending_timestamp += 2 * DAY
    with ape.reverts("timelocked"):
        slow.decreaseDelay(SET_LIMIT, DAY, sender=people.owner)
    chain.pending_timestamp += 3 * DAY
    with ape.reverts("ownable: caller is not the owner"):
        slow.decreaseDelay(SET_LIMIT, DAY, sender=people.guardian)
    slow.decreaseDelay(SET_LIMIT, DAY, sender=people.owner)
    assert slow.delayOf(SET_LIMIT) == DAY
    with ape.reverts("delay not lower"):
        slow.decreaseDelay(SET_LIMIT, DAY, sender=people.owner)


def test_an_abdicated_function_never_raises_risk_again(slow, wider, people, chain):
    slow.submit(wider, sender=people.owner)
    with ape.reverts("ownable: caller is not the owner"):
        slow.abdicate(SET_LIMIT, sender=people.guardian)
    slow.abdicate(SET_LIMIT, sender=people.owner)
    assert slow.abdicated(SET_LIMIT)
    chain.pending_timestamp += 2 * DAY
    with ape.reverts("abdicated"):
        widen(slow, people)
    with ape.reverts("abdicated"):
        slow.submit(slow.setLimit.encode_input(0, 9_999), sender=people.owner)
    slow.setLimit(limit("max_spread_bps"), 1, sender=people.owner)  # safer still goes
    slow.abdicate(DECREASE, sender=people.owner)
    with ape.reverts("abdicated"):
        slow.submit(slow.decreaseDelay.encode_input(SET_KEEPER, 0), sender=people.owner)


def test_without_a_delay_nothing_needs_submitting_but_abdication_holds(make_vault, people):
    vault = make_vault(timelock=0)
    widen(vault, people)
    vault.abdicate(SET_LIMIT, sender=people.owner)
    with ape.reverts("abdicated"):
        vault.setLimit(limit("max_spread_bps"), 3_001, sender=people.owner)


def test_every_risky_function_is_timelocked(slow, people, implementation):
    raises = [
        lambda: slow.setGuardian(people.carol, sender=people.owner),
        lambda: slow.setKeeper(people.carol, sender=people.owner),
        lambda: slow.setReporter(people.carol, sender=people.owner),
        lambda: slow.addClass(a_class(implementation, people.oracle), sender=people.owner),
        lambda: slow.setFees(1, 0, 0, sender=people.owner),
        lambda: slow.confirmReport(b"\1" * 32, sender=people.owner),
        *(
            lambda name=name: slow.setLimit(limit(name), LIMITS[name] + 1, sender=people.owner)
            for name in ("max_up_bps", "max_order_lifetime", "max_redeem_delay")
        ),
    ]
    for call in raises:
        with ape.reverts("not submitted"):
            call()


def test_the_owner_confirms_a_pending_report_after_the_timelock(
    vault, people, invest, open_market, give_tokens, report, chain
):
    invest(vault, people.alice, 100 * UNIT)
    market = open_market(vault)
    vault.increaseDelay(keccak(text="confirmReport(bytes32)")[:4], 2 * DAY, sender=people.owner)
    give_tokens(market, yes=100 * UNIT, no=100 * UNIT)  # NAV doubles: out of bounds
    report(vault, ("0.5",) * 4)
    pending = vault.pending_report()
    with ape.reverts("not submitted"):
        vault.confirmReport(pending, sender=people.owner)
    vault.submit(vault.confirmReport.encode_input(pending), sender=people.owner)
    chain.pending_timestamp += 2 * DAY
    vault.confirmReport(pending, sender=people.owner)
    report(vault, ("0.5",) * 4)
    assert vault.totalAssets() == 200 * UNIT
