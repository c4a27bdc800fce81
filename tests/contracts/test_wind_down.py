"""The end of a vault: who may wind it down, what goes on then, and leaving in kind."""

from types import SimpleNamespace

import ape
import pytest

from tests.defaults import DAY, FOREVER, SHARE, UNIT, limit
from tests.property.world import World

EVEN = ("0.5",) * 4
HALF = 500_000  # idle's and accounts' parts below are floors: the virtual shares take a rounding


def held(venue, market, who):
    """Return who's pUSD, YES and NO of a market."""
    tokens = [venue.ctf.balanceOf(who, token) for token in market.account.tokenIds()]
    return venue.pusd.balanceOf(who), *tokens


@pytest.fixture
def busy(vault, people, invest, open_market, give_tokens, report):
    """Alice has 3/4, Bob 1/4; idle 700, and a market with 100 pUSD, 60 YES, 40 NO."""
    invest(vault, people.alice, 600 * UNIT)
    invest(vault, people.bob, 200 * UNIT)
    market = open_market(vault)
    vault.allocate(market.id, 100 * UNIT, sender=people.keeper)
    give_tokens(market, yes=60 * UNIT, no=40 * UNIT)
    report(vault, EVEN)
    return SimpleNamespace(vault=vault, market=market)


def test_owner_and_guardian_wind_down_and_nobody_goes_back(make_vault, people):
    for who in (people.owner, people.guardian):
        vault = make_vault()
        for stranger in (people.keeper, people.reporter, people.mallory):
            with ape.reverts("ownable: caller is not the owner"):
                vault.windDown(sender=stranger)
        (event,) = vault.windDown(sender=who).decode_logs(vault.WindDown)
        assert event.account == who
        assert vault.windingDown()
        with ape.reverts("winding down"):
            vault.windDown(sender=who)
        vault.pause(sender=people.owner)
        vault.unpause(sender=people.owner)
        assert vault.windingDown()


def test_anyone_winds_down_once_no_report_came_for_the_liveness_period(vault, people, chain):
    chain.pending_timestamp = vault.lastReport() + 14 * DAY
    with ape.reverts("ownable: caller is not the owner"):
        vault.windDown(sender=people.stranger)
    chain.pending_timestamp = vault.lastReport() + 14 * DAY + 1
    vault.windDown(sender=people.stranger)
    assert vault.windingDown()


def test_a_pause_does_not_hold_holders(busy, people, chain, venue):
    busy.vault.pause(sender=people.owner)
    chain.pending_timestamp += 15 * DAY
    busy.vault.windDown(sender=people.stranger)
    before = venue.pusd.balanceOf(people.alice)
    busy.vault.redeemInKind(600 * SHARE, people.alice, sender=people.alice)
    assert venue.pusd.balanceOf(people.alice) > before + 590 * UNIT


def test_nothing_enters_or_takes_risk_in_wind_down(busy, people, fund, chain):
    vault, market = busy.vault, busy.market
    fund(vault, people.carol)
    vault.windDown(sender=people.guardian)
    soon = chain.pending_timestamp + DAY
    refused = [
        lambda: vault.requestDeposit(UNIT, people.carol, people.carol, sender=people.carol),
        lambda: vault.syncDeposit(UNIT, people.carol, sender=people.carol),
        lambda: vault.syncRedeem(SHARE, people.alice, people.alice, sender=people.alice),
        lambda: vault.allocate(market.id, UNIT, sender=people.keeper),
        lambda: vault.openMarket(0, b"\7" * 32, 1, soon, sender=people.keeper),
        lambda: market.account.split(0, UNIT, sender=people.keeper),
        lambda: market.account.resume(sender=people.owner),
    ]
    for call in refused:
        with ape.reverts("winding down"):
            call()
    assert int(vault.orderTerms(market.id, 0).keeper, 16) == 0  # no order is admitted


def test_anyone_halts_merges_recalls_redeems_and_syncs_in_wind_down(busy, people, resolve):
    vault, market, anyone = busy.vault, busy.market, people.stranger
    with ape.reverts("not allowed to halt"):
        market.account.halt(sender=anyone)
    with ape.reverts("not allowed to merge"):
        market.account.merge(0, UNIT, sender=anyone)
    with ape.reverts("not the keeper"):
        vault.recall(market.id, UNIT, sender=anyone)
    vault.windDown(sender=people.owner)
    market.account.halt(sender=anyone)
    assert market.account.halted()
    market.account.merge(0, 40 * UNIT, sender=anyone)
    vault.recall(market.id, FOREVER, sender=anyone)
    assert vault.total_idle() == 840 * UNIT
    resolve(market, 1, 0)
    vault.sync(market.id, sender=anyone)
    market.account.redeem(0, sender=anyone)
    vault.closeMarket(market.id, sender=anyone)
    assert (vault.total_idle(), vault.totalAssets()) == (860 * UNIT, 860 * UNIT)


def test_no_fees_in_wind_down(make_vault, people, invest, report, chain):
    vault = make_vault(management=500, performance=5_000)
    invest(vault, people.alice, 100 * UNIT)
    vault.windDown(sender=people.owner)
    receipt = report(vault, after=300 * DAY)
    assert receipt.decode_logs(vault.FeesAccrued) == []
    assert vault.balanceOf(people.manager) == 0


def test_reports_still_settle_redemptions_in_wind_down(busy, people, report, venue):
    vault = busy.vault
    vault.requestRedeem(100 * SHARE, people.bob, people.bob, sender=people.bob)
    vault.windDown(sender=people.owner)
    report(vault, EVEN)
    assert vault.maxRedeem(people.bob) == 100 * SHARE
    vault.redeem(100 * SHARE, people.bob, sender=people.bob)


def test_deposits_are_taken_back_in_wind_down_whatever_their_epoch(
    busy, people, fund, give_tokens, report, venue
):
    """Also one that a pending report has closed: it will never be priced."""
    vault = busy.vault
    fund(vault, people.carol, amount=300 * UNIT)
    vault.requestDeposit(100 * UNIT, people.carol, people.carol, sender=people.carol)
    give_tokens(busy.market, yes=5_000 * UNIT, no=5_000 * UNIT)
    report(vault, EVEN)  # out of bounds: closes the epoch, settles nothing
    vault.requestDeposit(200 * UNIT, people.carol, people.carol, sender=people.carol)
    closed, opened = vault.epochs()[0] - 1, vault.epochs()[0]
    vault.windDown(sender=people.guardian)
    for epoch, amount in ((closed, 100 * UNIT), (opened, 200 * UNIT)):
        receipt = vault.cancelDepositRequest(people.carol, people.carol, sender=people.carol)
        (event,) = receipt.decode_logs(vault.DepositRequestCancelled)
        assert (event.requestId, event.assets) == (epoch, amount)
    assert venue.pusd.balanceOf(people.carol) == 300 * UNIT
    with ape.reverts("nothing to cancel"):
        vault.cancelDepositRequest(people.carol, people.carol, sender=people.carol)


def test_in_kind_gives_the_exact_part_of_everything(busy, people, venue):
    """Alice leaves with 300 of 800 shares (and a million virtual units): 3/8, rounded down."""
    vault, market = busy.vault, busy.market
    with ape.reverts("nothing to cancel"):  # not in wind-down, and no request that waits
        vault.redeemInKind(300 * SHARE, people.alice, sender=people.alice)
    vault.windDown(sender=people.owner)
    before = held(venue, market, people.carol)
    vault.redeemInKind(300 * SHARE, people.carol, sender=people.alice)
    got = [a - b for a, b in zip(held(venue, market, people.carol), before, strict=True)]
    whole = 800 * SHARE + 10**6

    def part(amount):
        return amount * 300 * SHARE // whole

    assert got == [
        part(700 * UNIT) + part(100 * UNIT),
        part(60 * UNIT),
        part(40 * UNIT),
    ]
    assert vault.total_idle() == 700 * UNIT - part(700 * UNIT)
    assert vault.totalSupply() == 500 * SHARE
    assert vault.exposureOf(market.id) == 100 * UNIT - part(100 * UNIT)
    assert vault.total_exposure() == vault.classExposureOf(0) == vault.exposureOf(market.id)
    # the book keeps at least the part of those who stay: 850 at the bid before
    assert 0 <= vault.totalAssets() - 850 * UNIT * 500 // 800 <= 3


def test_in_kind_needs_shares_and_a_receiver(busy, people):
    vault = busy.vault
    vault.windDown(sender=people.owner)
    with ape.reverts("nothing to redeem"):
        vault.redeemInKind(0, people.alice, sender=people.alice)
    with ape.reverts("no receiver"):
        vault.redeemInKind(SHARE, vault, sender=people.alice)
    with ape.reverts():
        vault.redeemInKind(SHARE, "0x" + "00" * 20, sender=people.alice)
    with ape.reverts("erc20: burn amount exceeds balance"):
        vault.redeemInKind(601 * SHARE, people.alice, sender=people.alice)
    with ape.reverts("erc20: burn amount exceeds balance"):
        vault.redeemInKind(SHARE, people.mallory, sender=people.mallory)


def test_the_last_holder_takes_all_but_rounding(busy, people, venue):
    vault, market = busy.vault, busy.market
    vault.windDown(sender=people.owner)
    for who, shares in ((people.alice, 600 * SHARE), (people.bob, 200 * SHARE)):
        vault.redeemInKind(shares, who, sender=who)
    assert vault.totalSupply() == 0
    assert vault.total_idle() < 5
    assert all(amount < 5 for amount in held(venue, market, market.account))
    assert vault.totalAssets() < 10


def test_waiting_redemptions_are_taken_back_in_wind_down(busy, people, report, venue):
    """Idle pays half of Bob's; the other half leaves its closed epoch and goes in kind."""
    vault, market = busy.vault, busy.market
    vault.allocate(market.id, 645 * UNIT, sender=people.keeper)
    vault.requestRedeem(100 * SHARE, people.bob, people.bob, sender=people.bob)
    vault.requestRedeem(100 * SHARE, people.alice, people.alice, sender=people.alice)
    report(vault, EVEN)
    paid = vault.maxRedeem(people.bob)
    assert 0 < paid < 100 * SHARE
    vault.windDown(sender=people.owner)
    other = vault.maxRedeem(people.alice), vault.maxWithdraw(people.alice)
    owed, before = vault.maxWithdraw(people.bob), venue.pusd.balanceOf(people.bob)
    vault.cancelRedeemRequest(people.bob, people.bob, sender=people.bob)
    assert vault.balanceOf(people.bob) == 200 * SHARE - paid
    assert venue.pusd.balanceOf(people.bob) == before + owed  # the settled half is claimed with it
    assert vault.maxRedeem(people.bob) == 0
    # Alice's part of what was settled is untouched, a rounding apart
    after = vault.maxRedeem(people.alice), vault.maxWithdraw(people.alice)
    assert all(0 <= b - a <= 1 for a, b in zip(other, after, strict=True))
    vault.cancelRedeemRequest(people.alice, people.alice, sender=people.alice)
    assert vault.balanceOf(vault) <= 1
    vault.redeemInKind(vault.balanceOf(people.bob), people.bob, sender=people.bob)
    vault.redeemInKind(vault.balanceOf(people.alice), people.alice, sender=people.alice)
    assert venue.pusd.balanceOf(vault) - vault.total_idle() - vault.claimable_assets() == 0


def test_an_overdue_request_exits_in_kind_without_wind_down(busy, people, report, chain, venue):
    vault, market = busy.vault, busy.market
    vault.allocate(market.id, 700 * UNIT, sender=people.keeper)  # nothing idle: it must wait
    vault.requestRedeem(80 * SHARE, people.bob, people.bob, sender=people.bob)
    asked = chain.blocks.head.timestamp
    report(vault, EVEN)
    chain.pending_timestamp = asked + 7 * DAY
    with ape.reverts("request not overdue"):
        vault.redeemInKind(50 * SHARE, people.bob, sender=people.bob)
    chain.pending_timestamp = asked + 7 * DAY + 1
    with ape.reverts("exceeds the request"):
        vault.redeemInKind(81 * SHARE, people.bob, sender=people.bob)
    with ape.reverts("nothing to cancel"):
        vault.redeemInKind(SHARE, people.alice, sender=people.alice)
    yes = venue.ctf.balanceOf(people.bob, market.account.tokenIds()[0])
    vault.redeemInKind(50 * SHARE, people.bob, sender=people.bob)
    gained = venue.ctf.balanceOf(people.bob, market.account.tokenIds()[0]) - yes
    assert gained == 60 * UNIT * 50 * SHARE // (800 * SHARE + 10**6)
    assert vault.balanceOf(people.bob) == (120 + 30) * SHARE  # the rest of the request came back
    assert vault.pendingRedeemRequest(1, people.bob) == 0
    assert not vault.windingDown()
    report(vault, EVEN)  # life goes on


def test_nobody_waits_any_more_when_the_only_waiting_request_has_left(
    busy, people, report, chain, venue
):
    """Half settled, a quarter of that claimed; the rest leaves: idle is free again."""
    vault, market = busy.vault, busy.market
    vault.setLimit(limit("max_redeem_delay"), 0, sender=people.owner)
    vault.allocate(market.id, 645 * UNIT, sender=people.keeper)
    vault.requestRedeem(100 * SHARE, people.bob, people.bob, sender=people.bob)
    report(vault, EVEN)
    settled = vault.maxRedeem(people.bob)
    vault.redeem(settled // 4, people.bob, sender=people.bob)
    waiting = 100 * SHARE - settled
    with ape.reverts("redemptions wait"):
        vault.syncRedeem(1, people.alice, people.alice, sender=people.alice)
    receipt = vault.redeemInKind(waiting // 2, people.bob, sender=people.bob)
    (paid,) = receipt.decode_logs(vault.Withdraw)
    assert paid.shares == settled - settled // 4
    (left,) = receipt.decode_logs(vault.RedeemRequestCancelled)
    assert left.shares == waiting
    assert vault.epochOf(1, 1) == (0, 0, 0)
    vault.recall(market.id, 300 * UNIT, sender=people.keeper)
    vault.syncRedeem(SHARE, people.alice, people.alice, sender=people.alice)
    vault.allocate(market.id, vault.total_idle(), sender=people.keeper)
    assert vault.total_idle() == 0


def test_an_addition_to_a_request_starts_its_wait_anew(busy, people, chain):
    vault = busy.vault
    vault.requestRedeem(80 * SHARE, people.bob, people.bob, sender=people.bob)
    chain.pending_timestamp += 7 * DAY + 1
    vault.requestRedeem(1, people.bob, people.bob, sender=people.bob)
    with ape.reverts("request not overdue"):
        vault.redeemInKind(SHARE, people.bob, sender=people.bob)


def test_an_open_request_exits_in_kind_when_no_report_comes(busy, people, chain):
    vault = busy.vault
    vault.requestRedeem(80 * SHARE, people.bob, people.bob, sender=people.bob)
    chain.pending_timestamp += 7 * DAY + 1
    vault.redeemInKind(80 * SHARE, people.bob, sender=people.bob)
    assert vault.balanceOf(people.bob) == 120 * SHARE


def test_those_who_stay_in_a_partly_settled_epoch_get_the_same(busy, people, report, chain, venue):
    """Bob leaves an epoch that is partly settled; Alice's claims are paid as if he had not."""
    vault, market = busy.vault, busy.market
    vault.setLimit(limit("max_redeem_delay"), 0, sender=people.owner)
    vault.allocate(market.id, 645 * UNIT, sender=people.keeper)
    vault.requestRedeem(100 * SHARE, people.bob, people.bob, sender=people.bob)
    vault.requestRedeem(300 * SHARE, people.alice, people.alice, sender=people.alice)
    report(vault, EVEN)
    waiting, owed = vault.pendingRedeemRequest(1, people.bob), vault.maxWithdraw(people.bob)
    assert 0 < owed < 100 * UNIT
    (paid,) = vault.redeemInKind(waiting, people.bob, sender=people.bob).decode_logs(vault.Withdraw)
    assert (paid.shares, paid.assets) == (100 * SHARE - waiting, owed)
    vault.recall(market.id, FOREVER, sender=people.keeper)
    report(vault, EVEN)
    assert vault.maxRedeem(people.alice) == 300 * SHARE
    assert vault.pendingRedeemRequest(1, people.alice) == 0
    paid = vault.maxWithdraw(people.alice)
    # 300 of 800 shares at 850 (the second report saw the same prices): 318.75
    assert abs(paid - 318_750_000) < 3
    vault.redeem(300 * SHARE, people.alice, sender=people.alice)
    assert vault.claimable_assets() <= 1


def test_a_negative_entry_leaves_in_kind_to_the_favour_of_those_who_stay(project):
    """A market gave back 101 more than it was booked at. Half of all shares leave, and with them
    half of -101, rounded down: -51; -50 stay. Then 2 more and half again, without a rest."""
    world = World(project, fees=(0, 0, 0))
    world.request_deposit("alice", "alice", 999_999)  # with the virtual shares: 10**12 units
    world.evm.wait(61)
    world.report()
    world.claim("alice", 0, False, "all")
    for gift, left in ((101, -50), (2, -26)):
        if not world.model.open:
            world.open_market(0, 50)
        (market,) = world.model.open
        world.pusd.transfer(world.accounts[market].address, gift, sender=world.who["maker"])
        world.holdings[market].collateral += gift
        world.recall(0, FOREVER)
        if not world.model.winding_down:
            world.wind_down("owner")
        half = (world.model.supply + 10**6) // 2
        assert world.redeem_in_kind("alice", half)
        assert world.vault.bookOf(market)[0] == left
    world.compare()
