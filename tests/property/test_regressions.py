"""Sequences that once broke a promise, shrunk."""

from strongroom.backtest.simulated_vault import DEPOSIT
from strongroom.chain.units import BPS

from tests.defaults import UNIT
from tests.property.world import ALL, NO_CAPS, World


def invested(world: World) -> World:
    """Return the world with Alice's deposit claimed and 3,000 of it in a market."""
    world.request_deposit("alice", "alice", 10**10)
    world.evm.wait(61)
    world.report()
    world.claim("alice", DEPOSIT, False, ALL)
    world.open_market(0, 50)
    world.allocate(0, 3 * 10**9)
    return world


def test_a_request_made_while_a_report_is_pending_is_not_priced_by_it(project):
    """Promise 4: the confirmed report used to close the epochs opened since it was known."""
    world = invested(World(project))
    world.buy(0, 0, ALL, True)
    world.evm.wait(61)
    assert world.report() == "settled"
    world.evm.wait(61)
    assert world.report((-30, 0, 0, 0), half=1, confirm=0) == "settled"
    world.evm.wait(61)
    assert world.report((60, 0, 0, 0), half=0, confirm=0) == "pending"
    world.request_deposit("bob", "bob", 50 * UNIT)
    (market,) = world.model.open
    marks = {market: (77 * 10**16, 77 * 10**16, 23 * 10**16, 23 * 10**16)}
    assert world.report_marks(marks, confirm=2) == "settled"
    assert world.vault.maxDeposit(world.who["bob"]) == 0
    world.evm.wait(61)
    world.report(half=0)
    assert world.vault.maxDeposit(world.who["bob"]) == 50 * UNIT


def test_a_deposit_settles_where_the_bid_is_nothing(project):
    """Shares outstanding, bids of 0 and an ask: the mark's proportion has no denominator."""
    everything = {"max_down_bps": BPS, "max_day_down_bps": BPS, "total_cap_bps": BPS}
    world = World(project, classes=NO_CAPS, **everything)
    world.request_deposit("alice", "alice", 10_000)
    world.evm.wait(61)
    world.report()
    world.open_market(0, 50)
    world.allocate(0, 10_000)
    world.buy(0, 0, ALL, True)
    world.request_deposit("bob", "bob", 50 * UNIT)
    world.evm.wait(61)
    assert world.report((-47, 0, 0, 0), half=3) == "settled"  # bid 0, ask 6 cents; confirmed
    assert world.vault.navs()[0] == 50 * UNIT
    assert world.vault.maxDeposit(world.who["bob"]) == 50 * UNIT
    world.compare()


def test_reports_in_one_block_with_a_hurdle(project):
    """The hurdle's rounding used to underflow when no time had passed since the last report."""
    world = World(project, fees=(0, 0, 500), min_report_interval=0)
    world.request_deposit("alice", "alice", 10**9)
    assert world.report() == "settled"
    assert world.report() == "settled"
    world.compare()


def test_a_queue_goes_on_past_an_epoch_that_everybody_left(project):
    """An emptied epoch in the middle of a controller's list ended it: later claims were stuck."""
    world = invested(World(project, max_redeem_delay=0))
    for _ in range(2):
        world.request_redeem("alice", "alice", "half")
        world.evm.wait(61)
        world.report()
    world.compare()
    world.evm.wait(1)
    world.leave_in_kind("alice", ALL)
    world.recall(0, 2**256 - 1)
    world.request_redeem("alice", "alice", "half")
    world.evm.wait(61)
    world.report()
    world.claim_all()
    world.compare()
    assert world.model.waiting_shares == 0


def test_a_refused_exit_in_kind_leaves_the_model_as_it_was(project):
    """The model took the request out before it refused to redeem more than that."""
    world = invested(World(project, max_redeem_delay=0))
    world.request_redeem("alice", "alice", "half")
    world.evm.wait(1)
    world.leave_in_kind("alice", "more")
    assert world.refused == "exceeds the request"
    world.compare()
    world.leave_in_kind("alice", ALL)
    world.compare()
