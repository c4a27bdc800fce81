"""The promises of DESIGN section 7 that this version makes, over long random lives.

Each life is a seed; a failing one prints it. PROBITY_STEPS and PROBITY_SEEDS lengthen the run
(`make fuzz`).
"""

import os
from fractions import Fraction

import pytest

from tests.defaults import UNIT
from tests.property.evm import Reverted
from tests.property.model import BPS, DEPOSIT, OFFSET, SCALE, YEAR, Vault
from tests.property.world import CAP, USERS, World

STEPS = int(os.environ.get("PROBITY_STEPS", "12500"))
SEEDS = range(int(os.environ.get("PROBITY_SEEDS", "8")))

# act -> how often
ACTS = {
    "wait": 10,
    "request_deposit": 8,
    "request_redeem": 6,
    "cancel": 3,
    "claim": 16,
    "sync_deposit": 4,
    "sync_redeem": 4,
    "transfer": 2,
    "open_market": 2,
    "allocate": 6,
    "recall": 3,
    "trade": 8,
    "resolve": 1,
    "sync": 2,
    "wind_up": 2,
    "gift": 1,
    "report": 12,
}
# Acts of dealing: whoever does them, the others' shares must not lose.
DEALING = {"request_deposit", "request_redeem", "cancel", "claim", "sync_deposit", "sync_redeem"}


def price(model: Vault) -> Fraction:
    """Assets that one unit of a share is worth to its holder, virtual units included."""
    return Fraction(model.nav[0] + 1, model.supply + OFFSET)


def check_1_value(world: World) -> None:
    owed = world.model.idle + world.model.pending_deposits + world.model.claimable
    assert world.pusd.balanceOf(world.vault.address) >= owed


def check_3_no_dilution(world: World, act: str, before: Fraction) -> None:
    if act in DEALING | {"transfer"}:
        assert price(world.model) >= before


def check_5_conservation(world: World) -> None:
    model = world.model
    left = model.put_in - model.got_out + model.venue
    assert left == model.nav[0] + model.pending_deposits + model.claimable


def check_7_caps(world: World) -> None:
    """The cap in assets after every act; the one in bps is the model's refusal to allocate."""
    for market in world.model.open:
        assert world.vault.exposureOf(market) <= CAP


@pytest.mark.parametrize("seed", SEEDS)
def test_1_3_5_7_and_the_model_over_a_random_life(project, seed):
    world = World(project, seed)
    names, weights = list(ACTS), list(ACTS.values())
    for step in range(STEPS):
        act = world.random.choices(names, weights)[0]
        before = price(world.model)
        # payouts that synchronous dealing books are no dealing: book them before comparing
        if act.startswith("sync_"):
            for market in list(world.model.open):
                world.both(
                    lambda market=market: world.vault.sync(market, sender=world.who["dave"]),
                    lambda market=market: world.model.sync(market),
                )
            before = price(world.model)
        try:
            getattr(world, act)()
            check_1_value(world)
            check_3_no_dilution(world, act, before)
            check_5_conservation(world)
            check_7_caps(world)
            if step % 10 == 0:
                world.compare()
        except Exception as error:
            error.add_note(f"seed {seed}, step {step}, {act}")
            raise
    world.compare()


def lived(project, seed: int, steps: int = 400, **fees: int) -> World:
    """Return a world some way into a random life."""
    world = World(project, seed, **fees)
    for _ in range(steps):
        getattr(world, world.random.choices(list(ACTS), list(ACTS.values()))[0])()
    return world


@pytest.mark.parametrize("seed", SEEDS)
def test_4_no_request_is_priced_by_a_report_that_was_on_chain(project, seed):
    """A request made after a report, pending ones included, is still pending right after it."""
    world = lived(project, seed, 100)
    for _ in range(150):
        world.report()
        world.evm.wait(61)
        who = world.random.choice(USERS)
        address = world.who[who]
        epoch = world.vault.epochs()[DEPOSIT]
        known = world.vault.pendingDepositRequest(epoch, address)
        world.both(
            lambda address=address: world.vault.requestDeposit(
                UNIT, address, address, sender=address
            ),
            lambda who=who: world.model.request(DEPOSIT, who, who, UNIT),
        )
        assert world.vault.pendingDepositRequest(epoch, address) == known + UNIT
        assert world.vault.claimableDepositRequest(epoch, address) == 0
        getattr(world, world.random.choice(("trade", "allocate", "resolve", "wind_up")))()
        world.claim_all()


@pytest.mark.parametrize("seed", SEEDS)
def test_6_fees_are_worth_their_formula_within_a_unit_each(project, seed):
    """The manager's new shares, at NAV and supply right after accrual, against the two fees."""
    world = lived(project, seed, 200, management=487, performance=4_321)
    checked = 0
    for _ in range(150):
        world.evm.wait(world.random.choice((100, 10_000, 80_000)))
        getattr(world, world.random.choice(("trade", "allocate", "request_deposit")))()
        supply = world.vault.totalSupply()
        before = world.vault.balanceOf(world.who["manager"])
        mark = world.vault.high_water_mark()
        if world.report() != "settled" or supply == 0:
            continue
        world.claim_all()
        bid, due = world.model.last_report
        minted = world.vault.balanceOf(world.who["manager"]) - before
        value = Fraction(minted * bid, supply + minted)
        assert 0 <= due - value < 2
        if bid * SCALE <= mark * supply:
            management = due
            elapsed_limit = bid * 487 * (world.model.now - 1_700_000_000) // (BPS * YEAR)
            assert management <= elapsed_limit  # nothing but the management fee below the mark
        checked += minted > 0
    assert checked > 20


@pytest.mark.parametrize("seed", SEEDS)
def test_10_round_trips_never_profit(project, seed):
    """Deposit then redeem at the same NAV, synchronously, from many states and sizes."""
    world = lived(project, seed, 100)
    tried = 0
    for _ in range(120):
        getattr(world, world.random.choices(list(ACTS), list(ACTS.values()))[0])()
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
    assert tried > 50


@pytest.mark.parametrize("seed", SEEDS)
def test_10_a_thousand_dust_dealings_never_profit(project, seed):
    world = lived(project, seed, 150)
    world.report()
    address = world.who["bob"]
    start = world.pusd.balanceOf(address), world.vault.balanceOf(address)
    value = world.vault.convertToAssets(start[1])
    done = 0
    for _ in range(1_000):
        try:
            if world.random.random() < 0.5:
                world.vault.syncDeposit(world.random.randrange(1, 4), address, sender=address)
            else:
                shares = world.random.randrange(1, 3 * 10**6)
                world.vault.syncRedeem(shares, address, address, sender=address)
            done += 1
        except Reverted:
            continue
    end = world.pusd.balanceOf(address), world.vault.balanceOf(address)
    assert end[0] + world.vault.convertToAssets(end[1]) <= start[0] + value
    assert done > 100 or world.model.pending is not None


def test_2_stolen_keeper_loses_no_more_than_accounts_and_caps(project):
    """The thief holds the keeper's role and the venue: he allocates all he can and burns it."""
    for seed in SEEDS:
        world = lived(project, seed, 250)
        while world.report() == "pending":
            world.evm.wait(61)
        bound = 0
        for market in world.model.open:
            state = world.model.markets[market]
            value = max(state.book[1], state.collateral + max(state.yes, state.no))
            bound += value + (0 if state.payout else CAP)
        start = world.model.nav[0]
        for _ in range(300):
            world.random.choice((world.allocate, world.allocate, world.recall))()
            market = world.some_market()
            if market is None:
                continue
            state, account = world.model.markets[market], world.accounts[market].address
            thief = world.who["maker"]
            world.pusd.transferFrom(account, thief, state.collateral, sender=world.exchange)
            state.collateral = 0
        kept = world.vault.total_idle()
        assert start - kept <= bound  # what is left he cannot touch
        check_1_value(world)
