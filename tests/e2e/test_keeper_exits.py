"""The keeper on the devnet: a purchase rests first and takes the rest, a stop sells it again."""

from decimal import Decimal

import pytest
from strongroom.chain.orders import NO, YES
from strongroom.chain.units import MICRO
from strongroom.devnet import polymarket
from strongroom.devnet.deployer import devnet_chain
from strongroom.keeper.past_trades import PastReader

from tests.anvil_devnet import at
from tests.e2e.child import Bomb
from tests.e2e.keeper_child import make_keeper
from tests.e2e.keeper_stage import SECTIONS, KeeperStage

RULES = """[packs.tail]
[packs.tail.trading]
budget_bps = 50
passive_s = 60
[packs.tail.exits]
stop_price = 0.1
max_cost = 0.05
"""


@pytest.fixture
def world(tmp_path):
    with devnet_chain(polymarket.CHAIN_ID) as chain:
        sections = SECTIONS.replace("[packs.tail]\n", RULES).replace(
            "rest_s = 1000000", "rest_s = 5"
        )
        place = KeeperStage(tmp_path, chain, 1, sections)
        place.invest()
        place.told = []
        place.keeper = make_keeper(
            tmp_path, Bomb(0), lambda event, fields: place.told.append((event, dict(fields)))
        )
        yield place
        place.stage.close()


def quote(world, bid, ask):
    """Let the maker stand at these prices, and nowhere else."""
    (market,), maker = world.markets, world.maker
    maker.client.cancel_all()
    prices = ((NO, 1 - Decimal(ask)), (YES, Decimal(bid)))
    orders = [maker.order(market.token_ids[o], True, price, 1_000 * MICRO) for o, price in prices]
    assert all(answer["success"] for answer in maker.post(orders))


def until(world, holds, seconds=5):
    for _ in range(40):
        if holds():
            return
        tick = world.tick(world.keeper, seconds)
        assert not tick.halts, tick.halts
    raise AssertionError(world.told[-8:])


def test_a_purchase_rests_first_takes_the_rest_and_is_stopped_out(world):
    """Bid .95, ask .97: it rests at .96, where a seller meets it with 40 tokens, and takes the rest
    at .97 after a minute. The bid falls to .80, .17 below what was paid: all is sold there."""
    journal, (market,) = world.keeper.journal, world.markets
    for _ in range(2):
        world.tick(world.keeper)
    quote(world, "0.95", "0.97")
    until(world, lambda: len(journal.open()) == 1 and journal.open()[0].venue == "LIVE")
    (first,) = journal.all()
    assert (first.kind, first.price) == ("POST", 960_000)
    seller = world.maker.order(market.token_ids[NO], True, Decimal("0.04"), 40 * MICRO)
    assert world.maker.post([seller])[0]["success"]
    until(world, lambda: len(journal.all()) == 2 and not journal.open_tasks(), 15)
    (task,) = journal.all_tasks()
    record = journal.record(task.decision)
    (leg,) = record.legs
    assert record.sizing.binding == "budget of tail" and 490 < leg.size // MICRO <= 515
    rested, taken = journal.all()
    assert (rested.filled, rested.state) == (40 * MICRO, "CLOSED")
    assert (taken.kind, taken.price, taken.filled) == ("FAK", 970_000, leg.size - 40 * MICRO)
    account = at(world.stage.vault, world.account_of(market), "PolymarketAccount")
    assert account.positions()[1][0][0] == leg.size
    spent = (40 * 96 + (leg.size // MICRO - 40) * 97) * MICRO // 100
    past = PastReader(journal).read(world.keeper.vault.read({}).markets, world.keeper.chain.now())
    purchase = past.purchases[market.token_ids[YES]]
    assert (purchase.tokens, purchase.cost, purchase.pack) == (leg.size, spent, "tail")

    quote(world, "0.80", "0.82")
    until(world, lambda: account.positions()[1][0][0] == 0 and not journal.open_tasks(), 35)
    sale = journal.record(journal.all_tasks()[-1].decision)
    assert (sale.exit_rule, sale.pack) == ("price stop", "tail")
    assert float(sale.numbers["paid"]) == pytest.approx(spent / leg.size, abs=1e-6)
    sold = [each for each in journal.all() if each.side == "SELL"]
    assert sum(each.filled for each in sold) == leg.size
    world.told.clear()
    until(world, lambda: [event for event, _ in world.told].count("reported") == 2, 70)
    nav = world.stage.vault.totalAssets()
    assert nav == 100_000 * MICRO - spent + leg.size * 80 // 100
    assert not [fields for event, fields in world.told if event == "nav_differs"]
    assert len(journal.all_tasks()) == len({each.decision for each in sold}) + 1, (
        "no purchase again"
    )
