"""Quotes of a pool: the agent's integers against the real contract's."""

import pytest
from strongroom.analysis.pools import Pool, PoolTooShallow
from strongroom.devnet import contracts as devnet
from strongroom.reporting.marks import quote_from_pool

from tests.ape_devnet import ApeDeployer
from tests.defaults import UNIT, WAD
from tests.seeds import dice


@pytest.fixture(scope="module")
def pool(deployer, venue, people):
    """A real pool of 5,000 with 2 % fee that has been traded away from even odds."""
    question = b"\xfa" * 32
    venue.ctf.prepareCondition(people.oracle, question, 2, sender=deployer)
    condition = devnet.condition_id(people.oracle.address, question)
    venue.fund(deployer, deployer, 9_000 * UNIT)
    builder = ApeDeployer(deployer)
    factory = devnet.deploy_pool_factory(builder)
    made = devnet.make_pool(builder, factory, venue, [condition], WAD // 50, 5_000 * UNIT)
    venue.pusd.approve(made, 4_000 * UNIT, sender=deployer)
    made.buy(1_234_567_891, 0, 0, sender=deployer)
    reserves = []
    for index_set in (1, 2):
        collection = venue.ctf.getCollectionId(b"\0" * 32, condition, index_set)
        token = venue.ctf.getPositionId(venue.pusd, collection)
        reserves.append(venue.ctf.balanceOf(made, token))
    return made, Pool(tuple(reserves), made.fee())


def test_quotes_are_the_contracts_to_the_unit(pool):
    contract, model = pool
    chance = dice("quotes")
    for _ in range(40):
        assets, outcome = chance.randint(1, 3_000 * UNIT), chance.randint(0, 1)
        assert model.tokens_for(assets, outcome) == contract.calcBuyAmount(assets, outcome)
        assert model.tokens_needed(assets, outcome) == contract.calcSellAmount(assets, outcome)


def test_inverses_are_the_best_there_is(pool):
    _, model = pool
    chance = dice("inverses")
    for _ in range(40):
        tokens, outcome = chance.randint(1, 3_000 * UNIT), chance.randint(0, 1)
        brings = model.proceeds(tokens, outcome)
        assert model.tokens_needed(brings, outcome) <= tokens
        assert model.tokens_needed(brings + 1, outcome) > tokens
        costs = model.cost(tokens, outcome)
        assert model.tokens_for(costs, outcome) >= tokens
        assert model.tokens_for(costs - 1, outcome) < tokens
        assert brings < tokens < 10**12
        assert brings < costs, "a round trip loses"


def test_a_pool_cannot_give_more_than_it_has():
    with pytest.raises(PoolTooShallow):
        Pool((100, 100), 0).tokens_needed(100, 0)
    with pytest.raises(PoolTooShallow):
        Pool((100, 100), WAD).cost(1, 0)
    assert Pool((100, 100), 0).proceeds(10**9, 0) <= 100


def test_marks_are_quotes_for_the_position_held():
    """Reserves 100 and 100 without fee. Selling x YES brings r: (100 + x - r)(100 - r) = 10,000.

    25 YES: r = (225 - sqrt(40,625)) / 2 = 11.721778...; buying 25: a = (sqrt(40,625) - 175) / 2 =
    13.278221...; one token: (201 - sqrt(40,001)) / 2 = 0.498750..., (sqrt(40,001) - 199) / 2 =
    0.501249...
    """
    pool = Pool((100 * UNIT, 100 * UNIT), 0)
    bid, ask = quote_from_pool(pool, yes=40 * UNIT, no=15 * UNIT)
    assert bid == 11_721_778 * WAD // (25 * UNIT)
    assert ask == -(-13_278_222 * WAD // (25 * UNIT))
    # as much NO, at even odds: YES costs what NO does not bring
    assert quote_from_pool(pool, yes=15 * UNIT, no=40 * UNIT) == (WAD - ask, WAD - bid)
    # nothing beyond the pairs: quoted for one token, near even odds
    assert quote_from_pool(pool, yes=7, no=7) == (498_750 * WAD // UNIT, 501_250 * WAD // UNIT)


def test_marks_never_exceed_one():
    bid, ask = quote_from_pool(Pool((UNIT, 1_000 * UNIT), WAD // 50), yes=0, no=0)
    assert ask == WAD
    assert bid < WAD
