"""Risk-raising calls wait: submit, accept, revoke, delays and abdication."""

import ape
import pytest
from eth_utils import keccak

from tests.defaults import DAY, LIMITS, a_class, limit

WEEK = 7 * DAY
SET_LIMIT = keccak(text="setLimit(uint256,uint256)")[:4]
SET_KEEPER = keccak(text="setKeeper(uint256,address)")[:4]
DECREASE = keccak(text="decreaseDelay(bytes4,uint256)")[:4]


@pytest.fixture
def slow(make_vault):
    """A vault whose owner's risk-raising calls wait for two days."""
    return make_vault(timelock=2 * DAY, max_drawdown_bps=2_000)


@pytest.fixture
def wider(slow):
    """A call that raises risk: a deeper drawdown."""
    return slow.setLimit.encode_input(limit("max_drawdown_bps"), 3_000)


def widen(vault, people):
    vault.setLimit(limit("max_drawdown_bps"), 3_000, sender=people.owner)


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
    assert slow.limit(limit("max_drawdown_bps")) == 3_000
    slow.setLimit(limit("max_drawdown_bps"), 2_000, sender=people.owner)  # safer: at once
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
    assert slow.limit(limit("max_drawdown_bps")) == 3_000
    with ape.reverts("not timelocked"):
        slow.accept(slow.pause.encode_input(), sender=people.owner)


def test_a_submission_expires_after_a_week(slow, wider, people, chain):
    slow.submit(wider, sender=people.owner)
    lapsed = slow.submittedAt(keccak(wider)) + 2 * DAY + WEEK
    with chain.isolate():
        chain.pending_timestamp = lapsed
        widen(slow, people)
    chain.pending_timestamp = lapsed + 1
    with ape.reverts("submission expired"):
        widen(slow, people)
    chain.pending_timestamp = lapsed + 2 * DAY - 1
    with ape.reverts("wait another delay"):
        slow.submit(wider, sender=people.owner)
    chain.pending_timestamp = lapsed + 2 * DAY
    slow.submit(wider, sender=people.owner)
    with ape.reverts("timelocked"):
        widen(slow, people)


def test_what_stands_submitted_is_not_submitted_again(slow, wider, people, chain):
    slow.submit(wider, sender=people.owner)
    for wait in (1, 2 * DAY, 2 * DAY + WEEK):
        chain.pending_timestamp = slow.submittedAt(keccak(wider)) + wait
        with ape.reverts("submitted already"):
            slow.submit(wider, sender=people.owner)


@pytest.mark.parametrize("end", ["made", "revoked by the owner", "vetoed"])
def test_a_call_is_submitted_again_only_after_another_delay(slow, wider, people, chain, end):
    """So none stands matured for ever: 40 days of revoking and re-submitting bring at most the
    week after each delay, and a delay without it in between (V25)."""
    slow.submit(wider, sender=people.owner)
    chain.pending_timestamp += 2 * DAY
    if end == "made":
        widen(slow, people)
    else:
        slow.revoke(wider, sender=people.owner if "owner" in end else people.guardian)
    ended = chain.blocks.head.timestamp
    assert slow.submittableFrom(keccak(wider)) == ended + 2 * DAY
    chain.pending_timestamp = ended + 2 * DAY - 1
    with ape.reverts("wait another delay"):
        slow.submit(wider, sender=people.owner)
    chain.pending_timestamp = ended + 2 * DAY
    slow.submit(wider, sender=people.owner)


def test_only_the_exact_call_passes(slow, wider, people, chain):
    slow.submit(wider, sender=people.owner)
    chain.pending_timestamp += 2 * DAY
    with ape.reverts("not submitted"):
        slow.setLimit(limit("max_drawdown_bps"), 3_001, sender=people.owner)


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


@pytest.mark.parametrize("days", [3, 8, 20])
def test_a_longer_delay_revives_no_call(slow, wider, people, chain, days):
    """What was announced for two days can be made at most nine days after it, whatever the delay is
    then. Else an owner raises the delay to the age of a lapsed call, and makes it at once."""
    slow.submit(wider, sender=people.owner)
    lapsed = slow.submittedAt(keccak(wider)) + 2 * DAY + WEEK
    chain.pending_timestamp = lapsed + 1
    slow.increaseDelay(SET_LIMIT, days * DAY, sender=people.owner)
    for moment in (max(lapsed, slow.submittedAt(keccak(wider)) + days * DAY), lapsed + days * DAY):
        chain.pending_timestamp = max(moment, chain.pending_timestamp)
        with ape.reverts("submission expired"):
            widen(slow, people)
    slow.submit(wider, sender=people.owner)
    with ape.reverts("timelocked"):
        widen(slow, people)


def test_a_call_that_waits_longer_lapses_when_it_would_have(slow, wider, people, chain):
    slow.submit(wider, sender=people.owner)
    submitted = slow.submittedAt(keccak(wider))
    slow.increaseDelay(SET_LIMIT, 4 * DAY, sender=people.owner)
    with chain.isolate():
        chain.pending_timestamp = submitted + 2 * DAY + WEEK
        widen(slow, people)
    with chain.isolate():
        chain.pending_timestamp = submitted + 2 * DAY + WEEK + 1
        with ape.reverts("submission expired"):
            widen(slow, people)
    chain.pending_timestamp = submitted + 2 * DAY + WEEK + 4 * DAY - 1
    with ape.reverts("wait another delay"):
        slow.submit(wider, sender=people.owner)
    chain.pending_timestamp = submitted + 2 * DAY + WEEK + 4 * DAY
    slow.submit(wider, sender=people.owner)


def test_after_a_shorter_delay_a_call_can_be_made_for_a_week(slow, wider, people, chain):
    slow.submit(slow.decreaseDelay.encode_input(SET_LIMIT, DAY), sender=people.owner)
    chain.pending_timestamp += 2 * DAY
    slow.submit(wider, sender=people.owner)
    submitted = slow.submittedAt(keccak(wider))
    slow.decreaseDelay(SET_LIMIT, DAY, sender=people.owner)
    with chain.isolate():
        chain.pending_timestamp = submitted + DAY + WEEK
        widen(slow, people)
    chain.pending_timestamp = submitted + DAY + WEEK + 1
    with ape.reverts("submission expired"):
        widen(slow, people)


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
    slow.setLimit(limit("max_drawdown_bps"), 1, sender=people.owner)  # safer still goes
    slow.abdicate(DECREASE, sender=people.owner)
    with ape.reverts("abdicated"):
        slow.submit(slow.decreaseDelay.encode_input(SET_KEEPER, 0), sender=people.owner)


def test_without_a_delay_nothing_needs_submitting_but_abdication_holds(make_vault, people):
    vault = make_vault(timelock=0, max_drawdown_bps=2_000)
    widen(vault, people)
    vault.abdicate(SET_LIMIT, sender=people.owner)
    with ape.reverts("abdicated"):
        vault.setLimit(limit("max_drawdown_bps"), 3_001, sender=people.owner)


def test_every_risky_function_is_timelocked(slow, people, implementation, script):
    raises = [
        lambda: slow.setGuardian(people.carol, sender=people.owner),
        lambda: slow.setKeeper(0, people.carol, sender=people.owner),
        lambda: slow.setReporter(people.carol, sender=people.owner),
        lambda: slow.addClass(
            a_class(implementation, people.oracle, people.keeper), sender=people.owner
        ),
        lambda: slow.setFees(1, 0, 0, sender=people.owner),
        lambda: slow.forgiveLosses(0, 1, sender=people.owner),
        lambda: slow.resetBreaker(sender=people.owner),
        *(
            lambda name=name: slow.setLimit(limit(name), LIMITS[name] + 1, sender=people.owner)
            for name in ("max_inflow_bps", "max_order_lifetime", "max_report_age")
        ),
    ]
    for call in raises:
        with ape.reverts("not submitted"):
            call()


def test_the_owner_closes_what_does_not_close_after_the_timelock(
    vault, people, script, chain, hold
):
    """By the call itself or by `accept`, which knows the calls of every piece of code."""
    market, other = script(vault), script(vault)
    for each in (market, other):
        hold(each, (1, 0))
    vault.increaseDelay(vault.closeMarket.encode_input(market.id)[:4], DAY, sender=people.owner)
    with ape.reverts("not submitted"):
        vault.closeMarket(market.id, sender=people.owner)
    calls = [vault.closeMarket.encode_input(each.id) for each in (market, other)]
    for call in calls:
        vault.submit(call, sender=people.owner)
    chain.pending_timestamp += DAY
    with ape.reverts("not to be closed"):
        vault.accept(calls[0], sender=people.keeper)
    vault.accept(calls[0], sender=people.owner)
    vault.closeMarket(other.id, sender=people.owner)
    assert vault.openMarkets() == []
    assert vault.unsweptAccounts() == [market.account, other.account]
