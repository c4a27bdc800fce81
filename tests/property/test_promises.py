"""Promises of DESIGN section 7 that need a stage of their own; the others: test_random_lives.py.

Each starts from seeded lives; a failing one prints its seed. STRONGROOM_SEEDS lengthens the run.
"""

import random
from fractions import Fraction

import pytest
from strongroom.backtest.simulated_vault import DEPOSIT, REDEEM, SHARE_PRICE
from strongroom.chain.units import BPS

from tests.defaults import DAY, FOREVER, UNIT
from tests.property.evm import Reverted
from tests.property.lives import lived
from tests.property.world import ALL, USERS, World
from tests.seeds import SEEDS, enough


@pytest.mark.parametrize("seed", SEEDS)
def test_2_stolen_keys_lose_no_more_than_accounts_and_what_caps_and_velocity_admit(project, seed):
    """The thief is the keeper and the venue's operator: he allocates all he can and keeps it."""
    world, chance = lived(project, seed)
    while world.report() == "pending":
        world.evm.wait(61)
    vault, start = world.vault, world.vault.navs()[0]
    world.evm.wait(1)
    in_accounts = sum(vault.bookOf(market)[0] for market in world.model.open)
    # in less than a day; what was allocated before may fall out of the rolling day meanwhile
    admitted = min(
        world.limits["velocity_limit"],
        world.limits["total_cap"] - vault.total_exposure(),
    )
    thief = world.who["maker"]
    for _ in range(200):
        name = chance.choice(("allocate", "allocate", "open_market", "recall"))
        _act(world, chance, name)
        for market in world.model.open:
            held, account = world.holdings[market], world.accounts[market].address
            world.pusd.transferFrom(account, thief, held.collateral, sender=world.exchange)
            held.collateral = 0
        world.evm.wait(chance.choice((0, 60, 300)))
    assert start - vault.total_idle() <= in_accounts + admitted
    assert world.pusd.balanceOf(vault.address) >= vault.total_idle()


def _act(world: World, chance: random.Random, name: str) -> None:
    if name == "allocate":
        world.allocate(chance.randrange(4), chance.choice((1, 10**8, 10**9, 10**7)))
    elif name == "open_market":
        world.open_market(chance.randrange(2), 50)
    else:
        world.recall(chance.randrange(4), 10**8)


@pytest.mark.parametrize("seed", SEEDS)
def test_4_no_request_is_priced_by_a_report_that_was_on_chain(project, seed):
    """Not by a pending one that is confirmed later, either."""
    world, chance = World(project), random.Random(seed)
    latest: dict[tuple[int, int], int] = {}  # side, epoch -> reports known at its last request
    priced = 0
    for step in range(1_500):
        epochs = [len(side) - 1 for side in world.model.epochs]
        asked = [dict(side[-1].asked) for side in world.model.epochs]
        settled = [[e.settled_in for e in side] for side in world.model.epochs]
        act, _ = world.step(chance)
        for side in (DEPOSIT, REDEEM):
            if act.startswith("request") and world.model.epochs[side][-1].asked != asked[side]:
                latest[side, epochs[side]] = len(world.known)
            if act != "report":
                continue
            for index, before in enumerate(settled[side]):
                if world.model.epochs[side][index].settled_in > before:
                    assert world.known[world.last_key] >= latest[side, index]
                    priced += 1
        if step % 50 == 0:
            world.claim_all()
    world.compare()
    assert enough(priced, 51)


@pytest.mark.parametrize("seed", SEEDS)
def test_6_fees_are_worth_their_formula_within_a_unit_each(project, seed):
    """The recipients' new shares, at NAV and supply right after accrual, against the two fees."""
    world, chance = lived(project, seed, 200, fees=(487, 4_321, 0))
    vault = world.vault

    def held() -> int:
        return sum(vault.balanceOf(world.who[name]) for name in ("manager", "partner"))

    checked = 0
    for _ in range(150):
        world.evm.wait(chance.choice((100, 10_000, 80_000)))
        world.request_deposit(chance.choice(USERS), "alice", 10**8)
        supply, before, mark = vault.totalSupply(), held(), vault.highWaterMark()
        since = vault.lastReport()
        steps = tuple(chance.choice((-2, 0, 2)) for _ in range(4))
        if world.report(steps) != "settled" or supply == 0 or world.model.winding_down:
            continue
        world.claim_all()
        (fees, bid) = world.model.last_fees, world.model.last_nav
        minted = held() - before
        value = Fraction(minted * bid, supply + minted)
        assert 0 <= fees - value < 2
        management = bid * 487 * (vault.lastReport() - since) // (BPS * 31_536_000)
        if bid * SHARE_PRICE <= mark * supply:
            assert fees == management  # nothing else at or below the mark
        checked += minted > 0
    assert enough(checked, 21)


@pytest.mark.parametrize("seed", SEEDS)
def test_10_round_trips_never_profit(project, seed):
    """Deposit then redeem at the same NAV, synchronously, from many states and sizes."""
    world, chance = lived(project, seed, 100)
    tried = 0
    for _ in range(120):
        world.step(chance)
        for amount in (1, 2, 3, 999_999, UNIT, 12_345_678_901):
            point = world.evm.snapshot()
            address = world.who["alice"]
            before = world.pusd.balanceOf(address), world.vault.balanceOf(address)
            try:
                world.vault.syncDeposit(amount, address, sender=address)
                bought = world.vault.balanceOf(address) - before[1]
                world.vault.syncRedeem(bought, address, address, sender=address)
                assert world.pusd.balanceOf(address) <= before[0]
                tried += 1
            except Reverted:
                pass
            finally:
                world.evm.revert(point)
    assert enough(tried, 51)


@pytest.mark.parametrize("seed", SEEDS)
def test_10_requested_round_trips_never_profit(project, seed):
    """In and out through requests, claims by assets or by shares, while prices stand still."""
    world, chance = lived(project, seed, 200, fees=(0, 0, 0))
    for side in (DEPOSIT, REDEEM):
        world.cancel("alice", side)  # what she asked before is not this trip's
    while world.report() == "pending" or world.model.waiting_shares:
        world.evm.wait(61)
        for market in range(4):
            world.recall(market, FOREVER)
    world.evm.wait(61)
    world.claim_all()
    for amount in (1, 3, 999_999, UNIT, 12_345_678_901):
        start = world.pusd.balanceOf(world.who["alice"])
        shares = world.model.shares.get("alice", 0)
        if shares:  # out with what she has, so that the rest is this trip's
            world.transfer("alice", "bob", ALL)
        world.cancel("alice", DEPOSIT)
        world.request_deposit("alice", "alice", amount)
        for side in (DEPOSIT, REDEEM):
            while world.report() == "pending":
                world.evm.wait(61)
            world.evm.wait(61)
            world.claim("alice", side, chance.random() < 0.5, ALL)
            world.claim("alice", side, False, ALL)
            if side == DEPOSIT:
                world.request_redeem("alice", "alice", ALL)
        assert world.pusd.balanceOf(world.who["alice"]) <= start
    world.compare()


@pytest.mark.parametrize("seed", [*SEEDS, 1795653716])  # with a payout that nobody has booked
def test_10_a_thousand_dust_dealings_never_profit(project, seed):
    world, chance = lived(project, seed, 150)
    while world.report() == "pending":
        world.evm.wait(61)
    world.sync_all()  # a payout that the first dealing would book is no profit of dealing
    address = world.who["bob"]
    start = world.pusd.balanceOf(address), world.vault.balanceOf(address)
    value = world.vault.convertToAssets(start[1])
    done = 0
    for _ in range(1_000):
        try:
            if chance.random() < 0.5:
                world.vault.syncDeposit(chance.randrange(1, 4), address, sender=address)
            else:
                shares = chance.randrange(1, 3 * 10**6)
                world.vault.syncRedeem(shares, address, address, sender=address)
            done += 1
        except Reverted:
            continue
    end = world.pusd.balanceOf(address), world.vault.balanceOf(address)
    assert end[0] + world.vault.convertToAssets(end[1]) <= start[0] + value
    assert enough(done, 101)
    assert world.evm.time < 1_700_000_000 + 400 * DAY
