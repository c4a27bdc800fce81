"""Leaving in kind: always, from the balance or from a request, of what can be paid."""

from types import SimpleNamespace

import ape
import pytest

from tests.defaults import DAY, REDEEM, SHARE, UNIT, ZERO
from tests.property.stage import WIDE, K, Stage

QUOTE = ("0.5", "0.6")
NO_PAYMENT = 32  # a mood of a scripted account


def held(venue, market, who):
    """Return who's pUSD, YES and NO of a market."""
    tokens = [venue.ctf.balanceOf(who, token) for token in market.account.tokenIds()]
    return venue.pusd.balanceOf(who), *tokens


@pytest.fixture(scope="session")
def busy(make_vault, people, invest, open_market, give_tokens, report):
    """Alice has 600 shares, Bob 200; idle 700, and a market of 100 pUSD, 60 YES, 40 NO."""
    vault = make_vault()
    invest(vault, people.alice, 600 * UNIT)
    invest(vault, people.bob, 200 * UNIT)
    market = open_market(vault)
    vault.allocate(market.id, 100 * UNIT, sender=people.keeper)
    give_tokens(market, yes=60 * UNIT, no=40 * UNIT)
    report(vault, QUOTE)
    return SimpleNamespace(vault=vault, market=market)


def part(amount, shares=300, supply=800):
    return amount * shares // supply


@pytest.mark.parametrize("when", ["any time", "paused", "stale", "no reporter", "winding down"])
def test_a_part_of_everything_leaves_at_any_time(busy, people, venue, chain, when):
    vault, market = busy.vault, busy.market
    if when == "paused":
        vault.pause(sender=people.owner)
    elif when == "stale":
        chain.pending_timestamp += 30 * DAY
    elif when == "no reporter":
        vault.setReporter(ZERO, sender=people.guardian)
    elif when == "winding down":
        vault.windDown(sender=people.owner)
    before = held(venue, market, people.carol)
    receipt = vault.redeemInKind(300 * SHARE, people.carol, [], sender=people.alice)
    got = [a - b for a, b in zip(held(venue, market, people.carol), before, strict=True)]
    assert got == [part(700 * UNIT) + part(100 * UNIT), part(60 * UNIT), part(40 * UNIT)]
    (event,) = receipt.decode_logs(vault.RedeemedInKind)
    assert (event.owner, event.receiver) == (people.alice, people.carol)
    assert (event.shares, event.part, event.supply) == (300 * SHARE, 300 * SHARE, 800 * SHARE)
    assert (event.assets, list(event.skipped)) == (part(700 * UNIT), [])
    assert vault.total_idle() == 700 * UNIT - part(700 * UNIT)
    assert vault.totalSupply() == 500 * SHARE
    assert vault.bookOf(market.id) == (62_500_000, 62_500_000, 95_000_000)  # 100, 100, 152 before
    assert vault.totalExposure() == vault.classBook(0)[0] == 62_500_000
    assert vault.totalAssets() == 500 * UNIT


def test_shares_and_a_receiver_are_needed(busy, people):
    vault = busy.vault
    with ape.reverts("nothing to redeem"):
        vault.redeemInKind(0, people.alice, [], sender=people.alice)
    for nobody in (vault, ZERO):
        with ape.reverts("no receiver"):
            vault.redeemInKind(SHARE, nobody, [], sender=people.alice)
    with ape.reverts("erc20: burn amount exceeds balance"):
        vault.redeemInKind(601 * SHARE, people.alice, [], sender=people.alice)
    with ape.reverts("erc20: burn amount exceeds balance"):
        vault.redeemInKind(SHARE, people.mallory, [], sender=people.mallory)


def test_the_last_holder_takes_all(busy, people, venue):
    vault, market = busy.vault, busy.market
    for who, shares in ((people.alice, 600 * SHARE), (people.bob, 200 * SHARE)):
        vault.redeemInKind(shares, who, [], sender=who)
    assert vault.totalSupply() == 0
    assert vault.total_idle() == vault.totalExposure() == vault.totalAssets() == 0
    assert held(venue, market, market.account) == (0, 0, 0)


def test_the_exit_fee_stays_with_the_others(make_vault, people, invest, venue):
    vault = make_vault(exit_fee_bps=50)
    invest(vault, people.alice, 600 * UNIT)
    invest(vault, people.bob, 400 * UNIT)
    receipt = vault.redeemInKind(100 * SHARE + 1, people.alice, [], sender=people.alice)
    (event,) = receipt.decode_logs(vault.RedeemedInKind)
    # half a percent of the shares, rounded up, is burned for those who stay
    fee = SHARE // 2 + 1
    assert (event.shares, event.part) == (100 * SHARE + 1, 100 * SHARE + 1 - fee)
    assert event.assets == 1_000 * UNIT * event.part // (1_000 * SHARE)
    assert vault.totalSupply() == 900 * SHARE - 1
    assert vault.total_idle() == 1_000 * UNIT - event.assets
    assert vault.convertToAssets(SHARE) > UNIT


def test_a_small_fee_is_rounded_up_to_all(make_vault, people, invest):
    vault = make_vault(exit_fee_bps=50)
    invest(vault, people.alice, 600 * UNIT)
    receipt = vault.redeemInKind(1, people.alice, [], sender=people.alice)
    (event,) = receipt.decode_logs(vault.RedeemedInKind)
    assert (event.part, event.assets) == (0, 0)


def test_no_account_holds_a_leaver_up(funded, people, script, venue, hold, deployer):
    """He names the market whose part he gives up; nothing of it is booked out (V26)."""
    good, bad = script(funded), script(funded)
    for market in (good, bad):
        funded.allocate(market.id, 100 * UNIT, sender=people.keeper)
    bad.account.set_mood(NO_PAYMENT, sender=deployer)
    with ape.reverts("no payment"):
        funded.redeemInKind(500 * SHARE, people.alice, [], sender=people.alice)
    before = venue.pusd.balanceOf(people.alice)
    receipt = funded.redeemInKind(500 * SHARE, people.alice, [bad.id], sender=people.alice)
    assert venue.pusd.balanceOf(people.alice) - before == 450 * UNIT
    (event,) = receipt.decode_logs(funded.RedeemedInKind)
    assert [bytes(each) for each in event.skipped] == [bad.id]
    assert funded.bookOf(good.id) == (50 * UNIT,) * 3
    assert funded.bookOf(bad.id) == (100 * UNIT,) * 3
    assert funded.totalExposure() == 150 * UNIT


def test_unknown_markets_are_skipped_in_vain(busy, people, venue):
    before = venue.pusd.balanceOf(people.alice)
    skip = [bytes([number]) * 32 for number in range(128)]
    busy.vault.redeemInKind(300 * SHARE, people.alice, skip, sender=people.alice)
    assert venue.pusd.balanceOf(people.alice) - before == part(700 * UNIT) + part(100 * UNIT)


def test_closed_accounts_pay_too_until_they_are_swept(busy, people, venue):
    vault, market = busy.vault, busy.market
    vault.closeMarket(market.id, sender=people.owner)
    assert vault.unsweptAccounts() == [market.account]
    before = held(venue, market, people.alice)
    vault.redeemInKind(300 * SHARE, people.alice, [], sender=people.alice)
    got = [a - b for a, b in zip(held(venue, market, people.alice), before, strict=True)]
    assert got == [part(800 * UNIT), part(60 * UNIT), part(40 * UNIT)]
    vault.redeemInKind(100 * SHARE, people.alice, [market.id], sender=people.alice)
    assert held(venue, market, people.alice)[1:] == tuple(
        a + b for a, b in zip(before[1:], got[1:], strict=True)
    )


def test_of_a_delegated_account_the_collateral_inside_leaves(
    funded, people, script, scripted_delegated, venue, deployer, report
):
    """What the wallet holds stays behind, with its exposure."""
    terms = (scripted_delegated, people.oracle, people.keeper, 2)
    funded.addClass((*terms, *[2**96 - 1, 10_000] * 2, 60 * DAY), sender=people.owner)
    market = script(funded)
    funded.allocate(market.id, 400 * UNIT, sender=people.keeper)
    market.account.spend(deployer, 300 * UNIT, sender=deployer)
    market.account.set_away(300 * UNIT, sender=deployer)
    report(funded, None)
    assert funded.custody() == (600 * UNIT, 0, 400 * UNIT)
    before = venue.pusd.balanceOf(people.alice)
    receipt = funded.redeemInKind(500 * SHARE, people.alice, [], sender=people.alice)
    assert venue.pusd.balanceOf(people.alice) - before == 350 * UNIT
    (paid,) = receipt.decode_logs(funded.PaidInKind)
    assert (bytes(paid.market), paid.assets, paid.cost) == (market.id, 50 * UNIT, 50 * UNIT)
    assert funded.bookOf(market.id) == (350 * UNIT,) * 3


def test_what_a_delegated_account_pays_leaves_a_bid_below_cost_as_well(
    funded, people, script, scripted_delegated, deployer, report
):
    """400 were sent, 100 are here, 200 in the wallet: half the shares take 50 of 300."""
    terms = (scripted_delegated, people.oracle, people.keeper, 2)
    funded.addClass((*terms, *[2**96 - 1, 10_000] * 2, 60 * DAY), sender=people.owner)
    market = script(funded)
    funded.allocate(market.id, 400 * UNIT, sender=people.keeper)
    market.account.spend(deployer, 300 * UNIT, sender=deployer)
    market.account.set_away(200 * UNIT, sender=deployer)
    report(funded, None)
    assert funded.bookOf(market.id) == (400 * UNIT, 300 * UNIT, 300 * UNIT)
    funded.redeemInKind(500 * SHARE, people.alice, [], sender=people.alice)
    assert funded.bookOf(market.id) == (350 * UNIT, 250 * UNIT, 250 * UNIT)


def test_what_leaves_takes_its_part_of_a_value_below_cost():
    """200,000 were spent at 50; marked at 25 they are worth 100,000. Half of the shares leave."""
    stage = Stage(exit_fee_bps=0, **WIDE)
    vault, market = stage.world.vault, stage.market("A", [50], 200 * K)
    stage.truth["A"] = [25]
    stage.report()
    assert vault.bookOf(market.id) == (200 * K, 100 * K, 100 * K)
    stage.world.leave("bob", stage.world.shares("bob"))
    assert vault.bookOf(market.id) == (100 * K, 50 * K, 50 * K)
    assert vault.navs() == (450 * K, 500 * K)


# from a request


@pytest.mark.parametrize("state", ["open", "closed", "left over", "handed back"])
def test_a_request_leaves_in_kind_whatever_its_state(
    make_vault, people, invest, script, spend, report, venue, state
):
    vault = make_vault(max_down_bps=1_000)
    invest(vault, people.alice, 1_000 * UNIT)
    market = script(vault)
    vault.allocate(market.id, 1_000 * UNIT, sender=people.keeper)
    vault.requestRedeem(400 * SHARE, people.alice, people.alice, sender=people.alice)
    if state == "handed back":
        spend(market, 200 * UNIT)
    for _ in range({"open": 0, "closed": 1}.get(state, 2)):
        report(vault, None)
    assert vault.epochOf(REDEEM, 1)[4] == (state == "handed back")
    here = venue.pusd.balanceOf(market.account)
    with ape.reverts("not authorised"):
        vault.redeemRequestInKind(1, people.alice, people.carol, [], sender=people.carol)
    before = venue.pusd.balanceOf(people.carol)
    receipt = vault.redeemRequestInKind(1, people.alice, people.carol, [], sender=people.alice)
    assert receipt.decode_logs(vault.Withdraw) == []  # nothing of it was settled
    assert venue.pusd.balanceOf(people.carol) - before == here * 4 // 10
    (event,) = receipt.decode_logs(vault.RedeemedInKind)
    assert (event.owner, event.shares) == (people.alice, 400 * SHARE)
    assert vault.totalSupply() == vault.balanceOf(people.alice) == 600 * SHARE
    assert vault.liveEpochs(REDEEM, people.alice) == []
    with ape.reverts("no such request"):
        vault.redeemRequestInKind(1, people.alice, people.carol, [], sender=people.alice)
    report(vault, None)
    assert vault.waitingEpochs(REDEEM) == []


def test_what_was_settled_of_the_request_is_claimed_with_it(funded, people, script, report, venue):
    market = script(funded)
    funded.allocate(market.id, 900 * UNIT, sender=people.keeper)
    funded.requestRedeem(400 * SHARE, people.alice, people.alice, sender=people.alice)
    for _ in range(2):
        report(funded, QUOTE)  # a quarter is paid
    owed, before = funded.maxWithdraw(people.alice), venue.pusd.balanceOf(people.bob)
    assert 0 <= 100 * UNIT - owed <= 1  # settled in parts: rounded down
    receipt = funded.redeemRequestInKind(1, people.alice, people.bob, [], sender=people.alice)
    (claimed,) = receipt.decode_logs(funded.Withdraw)
    assert (claimed.assets, claimed.shares) == (owed, 100 * SHARE)
    # 300 of the 900 shares that are left, of 900 pUSD
    assert venue.pusd.balanceOf(people.bob) - before == owed + 300 * UNIT
    assert funded.claimable_assets() <= 1


def test_nobodys_clock_is_started_anew(funded, people, report, chain):
    """V23: whatever strangers do, she leaves when she wants."""
    funded.setOperator(people.mallory, True, sender=people.alice)
    funded.requestRedeem(900 * SHARE, people.alice, people.alice, sender=people.alice)
    funded.setOperator(people.mallory, False, sender=people.alice)
    funded.transfer(people.mallory, SHARE, sender=people.alice)
    with ape.reverts("not authorised"):
        funded.requestRedeem(1, people.alice, people.mallory, sender=people.mallory)
    funded.redeemRequestInKind(1, people.alice, people.alice, [], sender=people.alice)


# receivers that call back


def test_views_are_consistent_while_a_receiver_is_called(busy, people, deployer, project, venue):
    """Tokens move last: whoever asks for the price in the callback sees that of those who stay,
    and whoever calls back is locked out."""
    vault = busy.vault
    receiver = deployer.deploy(project.ReentrantReceiver)
    vault.transfer(receiver, 300 * SHARE, sender=people.alice)
    for call, reason in (
        (vault.totalAssets.encode_input(), b"no error"),
        (vault.redeemInKind.encode_input(SHARE, receiver, []), b""),
        (vault.harvest.encode_input(busy.market.id), b""),
        (vault.requestRedeem.encode_input(SHARE, receiver, receiver), b""),
    ):
        receiver.set_hook(vault, call, sender=people.alice)
        price = vault.convertToAssets(SHARE)
        leave = vault.redeemInKind.encode_input(100 * SHARE, receiver, [])
        receiver.run(vault, leave, sender=people.alice)
        assert bytes(receiver.reason_seen()) == reason
        assert vault.convertToAssets(SHARE) == price
        if vault.balanceOf(receiver) < 100 * SHARE:
            vault.transfer(receiver, 100 * SHARE, sender=people.alice)
    assert receiver.calls() == 4
    assert vault.totalSupply() == 400 * SHARE


def test_a_gift_to_the_vault_leaves_with_nobody(busy, people, venue, deployer):
    venue.fund(deployer, busy.vault, 80 * UNIT)
    before = venue.pusd.balanceOf(people.alice)
    busy.vault.redeemInKind(300 * SHARE, people.alice, [], sender=people.alice)
    assert venue.pusd.balanceOf(people.alice) - before == part(700 * UNIT) + part(100 * UNIT)
