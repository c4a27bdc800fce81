"""Classes and markets: what is approved, opened, closed, swept and opened again."""

import ape
import pytest
from eth_utils import keccak

from tests.defaults import DAY, FOREVER, UNIT, ZERO, a_class

SET_CLASS_CAPS = keccak(text="setClassCaps(uint256,(uint256,uint256,uint256,uint256))")[:4]
NO_POSITIONS, NO_RECALL, NO_HALT, NO_REDEMPTION = 1, 8, 16, 64  # moods of a scripted account
WON, LOST = (1, 0, 1), (0, 1, 1)  # payouts of YES, of NO, over what


# classes


def test_class_parameters_are_validated(vault, people, implementation):
    good = a_class(implementation, people.oracle, people.keeper, cap=UNIT)
    for bad, reason in (
        ((people.alice, *good[1:]), "implementation has no code"),
        ((good[0], ZERO, *good[2:]), "no oracle"),
        (a_class(*good[:3], grade=2), "custody grade differs"),
        (a_class(*good[:3], cap_bps=10_001), "cap above 100 %"),
        (a_class(*good[:3], class_cap_bps=10_001), "cap above 100 %"),
        (a_class(*good[:3], class_cap=2**96), "amount too large"),
        (a_class(*good[:3], cap=2**96), "amount too large"),
    ):
        with ape.reverts(reason):
            vault.addClass(bad, sender=people.owner)
    with ape.reverts("ownable: caller is not the owner"):
        vault.addClass(good, sender=people.keeper)
    vault.addClass(good, sender=people.owner)
    assert vault.class_count() == 1
    assert tuple(vault.classOf(0)) == tuple(getattr(part, "address", part) for part in good)
    assert vault.keeperOf(0) == people.keeper
    assert vault.classBook(0) == (0, 0, 0, False)


def test_there_are_at_most_32_classes(vault, people, implementation):
    terms = a_class(implementation, people.oracle, people.keeper)
    for _ in range(32):
        vault.addClass(terms, sender=people.owner)
    with ape.reverts("too many classes"):
        vault.addClass(terms, sender=people.owner)


@pytest.mark.parametrize("which", range(4))
def test_each_cap_alone_goes_down_at_once_and_not_up(vault, people, implementation, which):
    caps = (300 * UNIT, 5_000, 600 * UNIT, 6_000)
    terms = a_class(implementation, people.oracle, people.keeper)
    vault.addClass((*terms[:4], *caps, terms[8]), sender=people.owner)
    vault.increaseDelay(SET_CLASS_CAPS, DAY, sender=people.owner)

    def changed(by):
        return tuple(cap + by * (place == which) for place, cap in enumerate(caps))

    with ape.reverts("not submitted"):
        vault.setClassCaps(0, changed(1), sender=people.owner)
    with ape.reverts("ownable: caller is not the owner"):
        vault.setClassCaps(0, changed(1), sender=people.guardian)
    with ape.reverts("ownable: caller is not the owner"):
        vault.setClassCaps(0, changed(-1), sender=people.keeper)
    with ape.reverts("unknown class"):
        vault.setClassCaps(1, caps, sender=people.owner)
    vault.setClassCaps(0, caps, sender=people.owner)  # as they are: nothing to wait for
    vault.setClassCaps(0, changed(-1), sender=people.guardian)
    assert tuple(vault.classOf(0))[4:8] == changed(-1)


# opening


def test_a_market_is_of_its_class_or_not_at_all(vault, people, venue, deployer, open_market, chain):
    market = open_market(vault)
    soon = chain.pending_timestamp + DAY
    with ape.reverts("market open"):
        vault.openMarket(0, market.question, 1, soon, sender=people.keeper)
    with ape.reverts("condition not prepared"):
        vault.openMarket(0, b"\7" * 32, 1, soon, sender=people.keeper)
    # prepared, but at another oracle or with another number of outcomes
    venue.ctf.prepareCondition(people.mallory, b"\7" * 32, 2, sender=deployer)
    venue.ctf.prepareCondition(people.oracle, b"\7" * 32, 3, sender=deployer)
    with ape.reverts("condition not prepared"):
        vault.openMarket(0, b"\7" * 32, 1, soon, sender=people.keeper)
    with ape.reverts("bad condition count"):
        vault.openMarket(0, market.question, 2, soon, sender=people.keeper)
    assert vault.openMarkets() == [market.id]
    assert market.id == keccak(bytes(32) + market.condition)
    assert vault.marketOf(market.id) == (market.account, 0, 1, False)
    assert bytes(vault.questionOf(market.id)) == market.condition
    assert vault.open_conditions() == 1


def test_the_same_question_in_another_class_is_another_market(
    vault, people, script, scripted_implementation
):
    first = script(vault)
    vault.addClass(
        a_class(scripted_implementation, people.oracle, people.carol), sender=people.owner
    )
    second = script(vault, class_id=1, question=first.question, keeper=people.carol)
    assert second.id == keccak((1).to_bytes(32, "big") + first.question)
    assert first.account != second.account
    assert vault.openMarkets() == [first.id, second.id]


def test_deadlines_are_after_now_and_within_the_class(
    vault, people, scripted_implementation, chain
):
    terms = a_class(scripted_implementation, people.oracle, people.keeper, duration=DAY)
    vault.addClass(terms, sender=people.owner)

    def open_at(now, question, deadline):
        chain.pending_timestamp = now
        vault.openMarket(0, question * 32, 1, deadline, sender=people.keeper)

    now = chain.pending_timestamp + 100
    with ape.reverts("deadline passed"):
        open_at(now, b"\x61", now)
    with ape.reverts("deadline too far"):
        open_at(now + 10, b"\x61", now + 10 + DAY + 1)
    open_at(now + 20, b"\x61", now + 20 + DAY)
    open_at(now + 30, b"\x62", now + 31)


def test_192_conditions_are_open_at_once(vault, script):
    for _ in range(5):
        script(vault, count=32)
    script(vault, count=31)
    with ape.reverts("too many conditions"):
        script(vault, count=2)
    script(vault)
    assert vault.open_conditions() == 192
    with ape.reverts("too many conditions"):
        script(vault)


@pytest.mark.parametrize("how", ["halted", "resolved", "ended"])
def test_no_budget_for_a_market_that_cannot_trade(
    funded, people, open_market, resolve, report, chain, how
):
    market = open_market(funded, duration=DAY)
    if how == "halted":
        market.account.halt(sender=people.guardian)
    elif how == "resolved":
        resolve(market, 1, 0)
    else:
        chain.pending_timestamp += DAY
    report(funded, None)
    with ape.reverts("market not tradable"):
        funded.allocate(market.id, UNIT, sender=people.keeper)


def test_only_the_keeper_moves_budget_out_and_who_makes_safer_recalls(funded, people, script):
    market = script(funded)
    for who in (people.owner, people.guardian, people.reporter, people.mallory):
        with ape.reverts("not the keeper"):
            funded.allocate(market.id, UNIT, sender=who)
    with ape.reverts("nothing to allocate"):
        funded.allocate(market.id, 0, sender=people.keeper)
    funded.allocate(market.id, 3 * UNIT, sender=people.keeper)
    for who in (people.mallory, people.reporter):
        with ape.reverts("not the keeper"):
            funded.recall(market.id, UNIT, sender=who)
    for who in (people.keeper, people.guardian, people.owner):
        funded.recall(market.id, UNIT, sender=who)
    assert funded.bookOf(market.id) == (0, 0, 0)
    with ape.reverts("nothing there"):
        funded.recall(market.id, FOREVER, sender=people.keeper)


def test_unknown_and_closed_markets_are_named_so(funded, people, script):
    market = script(funded)
    funded.closeMarket(market.id, sender=people.keeper)
    for id_, reason in ((b"\1" * 32, "unknown market"), (market.id, "market closed")):
        for call in (funded.allocate, funded.recall):
            with ape.reverts(reason):
                call(id_, 1, sender=people.keeper)
        for call in (funded.closeMarket, funded.harvest):
            with ape.reverts(reason):
                call(id_, sender=people.keeper)
    assert funded.accountOf(b"\1" * 32) == ZERO
    with ape.reverts("not a closed account"):
        funded.sweep(people.alice, sender=people.stranger)


# closing


def test_anyone_closes_what_is_resolved_and_paid(funded, people, open_market, give_tokens, resolve):
    markets = [open_market(funded) for _ in range(3)]
    funded.allocate(markets[0].id, 10 * UNIT, sender=people.keeper)
    for market in markets:
        give_tokens(market, yes=UNIT, no=2 * UNIT)
    for who in (people.stranger, people.keeper):  # tokens inside: not even the keeper
        with ape.reverts("not to be closed"):
            funded.closeMarket(markets[0].id, sender=who)
    resolve(markets[0], 1, 0)
    receipt = funded.closeMarket(markets[0].id, sender=people.stranger)  # it redeems them itself
    (home,) = receipt.decode_logs(funded.CameHome)
    assert (home.assets, home.cost, home.exposure) == (11 * UNIT, 10 * UNIT, 0)
    (closed,) = receipt.decode_logs(funded.MarketClosed)
    assert (closed.loss, closed.written_off, closed.halted, closed.listed) == (0, 0, False, False)
    assert funded.total_idle() == 1_001 * UNIT
    assert funded.openMarkets() == [markets[2].id, markets[1].id]
    assert funded.open_conditions() == 2
    assert markets[0].account.halted()
    assert funded.remainsOf(markets[0].account) == (True, 0)
    resolve(markets[2], 0, 1)
    funded.closeMarket(markets[2].id, sender=people.stranger)
    assert funded.openMarkets() == [markets[1].id]
    assert funded.unsweptAccounts() == []


def test_a_keeper_closes_what_is_empty(funded, people, script, hold, deployer):
    market = script(funded)
    funded.allocate(market.id, 10 * UNIT, sender=people.keeper)
    hold(market, (0, 1))
    with ape.reverts("not to be closed"):
        funded.closeMarket(market.id, sender=people.keeper)
    hold(market, (0, 0))
    market.account.set_away(1, sender=deployer)
    with ape.reverts("not to be closed"):
        funded.closeMarket(market.id, sender=people.keeper)
    market.account.set_away(0, sender=deployer)
    with ape.reverts("not to be closed"):
        funded.closeMarket(market.id, sender=people.stranger)
    funded.closeMarket(market.id, sender=people.keeper)
    assert funded.total_idle() == 1_000 * UNIT


@pytest.mark.parametrize(("left", "may"), [(UNIT, True), (UNIT + 1, False)])
def test_a_guardian_writes_off_a_thousandth_of_nav(
    funded, people, script, hold, spend, report, left, may
):
    """Cost that is not back yet; whatever worthless gifts lie inside."""
    market = script(funded)
    funded.allocate(market.id, 50 * UNIT, sender=people.keeper)
    spend(market, left)
    hold(market, (FOREVER // 2**140, 5))
    if not may:
        with ape.reverts("not to be closed"):
            funded.closeMarket(market.id, sender=people.guardian)
        return
    receipt = funded.closeMarket(market.id, sender=people.guardian)
    (closed,) = receipt.decode_logs(funded.MarketClosed)
    assert (closed.loss, closed.written_off, closed.listed) == (UNIT, UNIT, True)
    assert funded.unsweptAccounts() == [market.account]
    assert funded.writtenOff() == UNIT
    assert funded.remainsOf(market.account) == (True, UNIT)
    assert 0 <= funded.totalLosses() - UNIT <= 1
    assert not funded.isFlat() or funded.total_idle() >= 1_000 * UNIT


def test_a_guardian_writes_off_nothing_that_was_marked_higher(funded, people, script, hold, report):
    market = script(funded)
    hold(market, (10 * UNIT, 0))
    report(funded, ("0.05", "0.100001"))
    with ape.reverts("not to be closed"):
        funded.closeMarket(market.id, sender=people.guardian)
    report(funded, ("0.05", "0.1"))
    funded.closeMarket(market.id, sender=people.guardian)


def test_junk_markets_can_all_be_closed(vault, people, invest, script, hold):
    """One unit of a token each, and a keeper who was dropped (V15)."""
    invest(vault, people.alice, 1_000 * UNIT)
    markets = [script(vault) for _ in range(12)]
    for market in markets:
        hold(market, (1, 0))
    vault.setKeeper(0, ZERO, sender=people.guardian)
    for market in markets:
        vault.closeMarket(market.id, sender=people.guardian)
    assert vault.openMarkets() == []
    assert len(vault.unsweptAccounts()) == 12
    assert vault.isFlat()


@pytest.mark.parametrize("mood", [NO_POSITIONS, NO_RECALL, NO_HALT, NO_REDEMPTION, 255 - 128 - 2])
def test_the_owner_closes_an_account_that_fails(funded, people, script, hold, deployer, mood):
    """Nothing comes home of one that fails to send it; it is listed, and swept once it works."""
    market = script(funded)
    funded.allocate(market.id, 100 * UNIT, sender=people.keeper)
    hold(market, (0, 0, *WON))
    market.account.set_mood(mood, sender=deployer)
    for who in (people.stranger, people.keeper):
        with ape.reverts():
            funded.closeMarket(market.id, sender=who)
    receipt = funded.closeMarket(market.id, sender=people.owner)
    (closed,) = receipt.decode_logs(funded.MarketClosed)
    came = mood & NO_RECALL == 0
    assert closed.loss == (0 if came else 100 * UNIT)
    assert funded.total_idle() == (1_000 if came else 900) * UNIT
    assert closed.halted == (mood & NO_HALT != 0)
    assert funded.openMarkets() == []
    market.account.set_mood(0, sender=deployer)
    if not came:
        funded.sweep(market.account, sender=people.stranger)
        assert funded.total_idle() == 1_000 * UNIT
        assert funded.totalLosses() <= 1


def test_an_account_that_was_halted_before_is_never_opened_again(funded, people, open_market):
    halted, closed = open_market(funded), open_market(funded)
    halted.account.halt(sender=people.guardian)
    for market in (halted, closed):
        funded.closeMarket(market.id, sender=people.keeper)
    with ape.reverts("market was halted"):
        open_market(funded, question=halted.question)
    again = open_market(funded, question=closed.question)
    assert (again.id, again.account != closed.account) == (closed.id, True)
    assert funded.accountOf(again.id) == again.account
    assert funded.remainsOf(closed.account) == (True, 0)
    assert funded.remainsOf(again.account) == (False, 0)


def test_an_event_opened_too_narrow_is_opened_again_whole(funded, people, script):
    """V16."""
    narrow = script(funded, count=1)
    funded.closeMarket(narrow.id, sender=people.keeper)
    whole = script(funded, count=4, question=narrow.question)
    assert funded.marketOf(whole.id) == (whole.account, 0, 4, False)
    assert funded.open_conditions() == 4


# sweeping


@pytest.fixture
def closed(funded, people, script, spend, hold):
    """A market that was closed with a loss of 100 and 60 YES inside, of which 40 were sets."""
    market = script(funded)
    funded.allocate(market.id, 100 * UNIT, sender=people.keeper)
    spend(market, 100 * UNIT)
    hold(market, (60 * UNIT, 40 * UNIT))
    funded.closeMarket(market.id, sender=people.owner)
    assert 0 <= funded.totalLosses() - 100 * UNIT <= 1  # up: against the keeper
    assert funded.remainsOf(market.account) == (True, 100 * UNIT)
    return market


def test_what_reaches_a_closed_account_comes_home(funded, people, closed, venue, deployer, hold):
    """Whoever calls, as often as there is something; it pays losses off (V27)."""
    venue.fund(deployer, closed.account, 30 * UNIT)
    receipt = funded.sweep(closed.account, sender=people.stranger)
    (home,) = receipt.decode_logs(funded.CameHome)
    assert (home.market, home.account) == (closed.id, closed.account)
    assert (home.assets, home.cost, home.exposure) == (30 * UNIT, 0, 0)
    (swept,) = receipt.decode_logs(funded.Swept)
    assert (swept.account, swept.emptied, swept.remains) == (closed.account, False, 100 * UNIT)
    assert funded.total_idle() == 930 * UNIT
    assert 0 <= funded.totalLosses() - 70 * UNIT <= 1
    assert funded.profitOf(0) == -70 * UNIT
    assert not funded.isFlat()
    venue.fund(deployer, closed.account, 60 * UNIT)
    hold(closed, (60 * UNIT, 40 * UNIT, *WON))  # they are redeemed by the sweep
    receipt = funded.sweep(closed.account, sender=people.stranger)
    (swept,) = receipt.decode_logs(funded.Swept)
    assert (swept.emptied, swept.remains) == (True, 0)
    assert funded.isFlat()
    assert funded.unsweptAccounts() == []
    venue.fund(deployer, closed.account, 5 * UNIT)  # a late rebate
    funded.sweep(closed.account, sender=people.stranger)
    assert funded.total_idle() == 995 * UNIT


def test_a_gift_to_a_closed_account_keeps_no_vault_from_being_flat(
    funded, people, closed, hold, chain
):
    hold(closed, (0, 0, *LOST))
    funded.sweep(closed.account, sender=people.stranger)
    hold(closed, (2**100, 7))
    assert funded.isFlat()
    chain.pending_timestamp += 61
    funded.settle(sender=people.stranger)


def test_an_account_that_does_not_redeem_gives_its_collateral_and_stays_listed(
    funded, people, closed, venue, deployer, hold
):
    """Nobody calls it settled: what it stood for counts until its tokens are redeemed."""
    venue.fund(deployer, closed.account, 30 * UNIT)
    hold(closed, (60 * UNIT, 40 * UNIT, *WON))
    closed.account.set_mood(NO_REDEMPTION, sender=deployer)
    funded.sweep(closed.account, sender=people.stranger)
    assert funded.total_idle() == 930 * UNIT
    assert funded.writtenOff() == 100 * UNIT
    assert not funded.isFlat()


def test_sweeping_leaves_a_market_that_was_opened_again_alone(
    funded, people, closed, script, venue, deployer
):
    again = script(funded, question=closed.question)
    funded.allocate(again.id, 200 * UNIT, sender=people.keeper)
    venue.fund(deployer, closed.account, 30 * UNIT)
    funded.sweep(closed.account, sender=people.stranger)
    assert funded.bookOf(again.id) == (200 * UNIT, 200 * UNIT, 200 * UNIT)
    assert funded.total_idle() == 730 * UNIT
    with ape.reverts("not a closed account"):
        funded.sweep(again.account, sender=people.stranger)


def test_the_list_of_unswept_accounts_closes_its_gaps(funded, people, script, hold):
    markets = [script(funded) for _ in range(3)]
    for market in markets:
        hold(market, (1, 0))
        funded.closeMarket(market.id, sender=people.guardian)
    first, second, third = (market.account for market in markets)
    hold(markets[0], (0, 0))
    funded.sweep(first, sender=people.stranger)
    assert funded.unsweptAccounts() == [third, second]
    hold(markets[2], (0, 0))
    funded.sweep(third, sender=people.stranger)
    assert funded.unsweptAccounts() == [second]


@pytest.mark.parametrize(("full", "conditions"), [(32, 1), (2, 24)])
def test_what_stands_for_something_is_the_owners_while_the_list_of_unswept_accounts_is_full(
    funded, people, script, hold, spend, chain, full, conditions
):
    """32 accounts, or 48 conditions. Junk is closed all the same, and not listed."""
    listed = [script(funded, count=conditions) for _ in range(full)]
    junk, paid = script(funded), script(funded)
    funded.allocate(paid.id, UNIT // 2, sender=people.keeper)
    spend(paid, UNIT // 2)  # less than a thousandth: the guardian may write it off
    for market in listed:
        hold(market, (1, 0), *[(0, 0)] * (conditions - 1))
        funded.closeMarket(market.id, sender=people.guardian)
    for market in (junk, paid):
        hold(market, (1, 0))
    funded.closeMarket(junk.id, sender=people.guardian)
    accounts = [market.account for market in listed]
    assert funded.unsweptAccounts() == accounts
    with ape.reverts("too many unswept accounts"):
        funded.closeMarket(paid.id, sender=people.guardian)
    with chain.isolate():
        funded.closeMarket(paid.id, sender=people.owner)
        assert funded.unsweptAccounts() == accounts
    hold(listed[-1], *[(0, 0)] * conditions)
    funded.sweep(listed[-1].account, sender=people.stranger)
    funded.closeMarket(paid.id, sender=people.guardian)
    assert funded.unsweptAccounts() == [*accounts[:-1], paid.account]
