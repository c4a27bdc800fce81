"""The keeper at a fixed-product market maker, by configuration only: it buys a favourite from the
pool, values it there, and settles it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from strongroom.chain.ids import market_of
from strongroom.chain.orders import Side
from strongroom.chain.terms import ClassTerms
from strongroom.devnet import contracts as devnet
from strongroom.devnet import polymarket
from strongroom.devnet.deployer import AnvilDeployer, devnet_chain, devnet_keys
from strongroom.execution.venues.pools import read_pool
from strongroom.keeper.configuration import load
from strongroom.keeper.past_trades import PastReader
from strongroom.keeper.wiring import build
from strongroom.settings import ConfigError
from strongroom.strategy.exits import Exits, Trading

from tests.anvil_devnet import at
from tests.defaults import DAY, UNIT, WAD
from tests.e2e.child import Bomb
from tests.e2e.keeper_child import make_keeper
from tests.e2e.keeper_stage import ORACLE, KeeperStage

QUESTION = b"\x0f" * 32


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with devnet_chain(polymarket.CHAIN_ID) as chain:
        made = {}

        def pool_class(venue, keeper):
            """A pool at 2 % of some 20,000, pushed to a YES price of about .955, and its class."""
            deployer, oracle = AnvilDeployer(devnet_keys()[0].account, chain), ORACLE
            venue.ctf.prepareCondition(oracle, QUESTION, 2, sender=deployer)
            made["market"] = devnet.condition_id(oracle.address, QUESTION)
            venue.fund(deployer, deployer, 60_000 * UNIT)
            factory = devnet.deploy_pool_factory(deployer)
            pool = devnet.make_pool(
                deployer, factory, venue, [made["market"]], WAD // 1_000, 10_000 * UNIT
            )
            venue.pusd.approve(pool, 50_000 * UNIT, sender=deployer)
            pool.buy(36_000 * UNIT, 0, 1, sender=deployer)
            made["pool"] = pool
            implementation = devnet.deploy_fpmm_implementation(
                deployer, venue.ctf, venue.pusd, pool
            )
            caps = {"market_cap": 5_000 * UNIT, "max_duration_s": 9 * DAY}
            return [ClassTerms(implementation, oracle, keeper, **caps)]

        place = KeeperStage(tmp_path_factory.mktemp("pool"), chain, 0, more_classes=pool_class)
        place.pool, place.market = made["pool"], market_of(0, made["market"])
        end = datetime.fromtimestamp(int(place.clock()), UTC) + timedelta(hours=50)
        path = place.folder / "keeper.toml"
        place.section = f"""
[[venue.pools]]
address = "{place.pool.address}"
question = "Will the pool's question come true?"
question_id = "0x{QUESTION.hex()}"
oracle = "{ORACLE.address}"
end = {end.isoformat()}

[packs.tail]"""
        path.write_text(path.read_text().replace("[packs.tail]", place.section, 1))
        place.told = []
        yield place
        place.stage.close()


def test_a_pool_is_traded_valued_and_settled(world):
    vault = world.stage.vault
    world.invest()
    keeper = make_keeper(
        world.folder, Bomb(0), lambda event, fields: world.told.append((event, dict(fields)))
    )
    price = read_pool(keeper.chain, world.pool.address).cost(100 * UNIT, 0) / (100 * UNIT)
    assert 0.95 < price < 0.975
    for _ in range(6):  # the request is closed, then settled; opened and marked, then traded
        assert not world.tick(keeper).halts
    (decision,) = [fields for event, fields in world.told if event == "decided"]
    (task,) = keeper.journal.all_tasks()
    (leg,) = keeper.journal.record(task.decision).legs
    assert (leg.kind, leg.exchange) == ("POOL", world.pool.address)
    assert task.reason.startswith("at the pool: DONE; BUY ") and decision["pack"] == "tail"
    account = at(vault, vault.accountOf(world.market), "FpmmAccount")
    collateral, (position,) = account.positions()
    assert position.yes >= leg.size and collateral == 0, "what was left over is back"
    reports = [fields for event, fields in world.told if event == "reported"]
    assert reports and all(fields["difference_bid"] == 0 for fields in reports)
    pool = read_pool(keeper.chain, world.pool.address)
    _, bid, _ = vault.bookOf(world.market)
    assert abs(bid - pool.proceeds(position.yes, 0)) <= 1, "valued at what the pool pays"

    # a rule sells by the curve: not below what its book of the pool promised, fee included
    sold = leaves(world, keeper, account, position.yes)
    assert 0 < sold < position.yes, "the book shows a part of the curve"

    world.stage.venue.ctf.reportPayouts(QUESTION, [1, 0], sender=ORACLE)
    for _ in range(3):
        world.tick(keeper)
    assert list(vault.openMarkets()) == [] and vault.totalExposure() == 0
    (settled,) = [fields for event, fields in world.told if event == "settled"]
    assert settled["recalled"] == position.yes - sold
    assert settled["profit"] == vault.total_idle() - 100_000 * UNIT


def leaves(world, keeper, account, held):
    """Let a rule sell until it is done once; return the tokens sold."""
    before = read_pool(keeper.chain, world.pool.address)
    rules = keeper.rules
    keeper.rules = replace(
        rules, rest_s=0, trading={"tail": Trading(exits=Exits(held_s=0, max_cost=0.1))}
    )
    past = PastReader(keeper.journal).read([world.market], keeper.chain.now())
    ((token, bought),) = past.purchases.items()
    spent = sum(fill.making for each in keeper.journal.all()
                for fill in keeper.journal.fills_of(each.key))  # fmt: skip
    assert (bought.tokens, bought.cost) == (held, spent)
    world.tick(keeper)
    keeper.rules = rules
    for _ in range(3):
        world.tick(keeper)
    (sale,) = [each for each in keeper.journal.all() if each.side == Side.SELL]
    (fill,) = keeper.journal.fills_of(sale.key)
    assert (sale.token, sale.kind, sale.state) == (token, "POOL", "CLOSED")
    assert before.proceeds(fill.making, 0) >= fill.taking >= sale.size * sale.price // UNIT
    _, (position,) = account.positions()
    assert position.yes == held - fill.making
    return fill.making


def test_a_pool_of_another_condition_is_refused(world):
    path = world.folder / "keeper.toml"
    broken = world.folder / "broken.toml"
    broken.write_text(path.read_text().replace(QUESTION.hex(), "0e" * 32))
    with pytest.raises(ConfigError, match="another condition"):
        build(load(broken))
