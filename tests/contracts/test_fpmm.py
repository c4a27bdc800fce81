"""FpmmAccount against the real bytecode of Gnosis' fixed-product market makers."""

from types import SimpleNamespace

import ape
import pytest
from strongroom.chain.artifacts import MAKERS, gnosis
from strongroom.devnet import contracts as devnet

from tests.ape_devnet import ApeDeployer
from tests.defaults import DAY, FOREVER, SHARE, UNIT, WAD, a_class

YES, NO = 0, 1
FUNDS = 10_000 * UNIT
FEE = WAD // 50  # 2 % of what a buyer invests


def bought(funds: int, invested: int, fee: int = FEE) -> int:
    """Tokens that `invested` buys from a fresh pool: the product of its reserves stays."""
    net = invested - invested * fee // WAD
    reserve = -(-funds * funds // (funds + net))  # up: the pool rounds for itself
    return funds + net - reserve


@pytest.fixture(scope="session")
def make_pool(deployer, venue):
    """Make a pool over conditions, funded with pUSD at even odds."""
    builder = ApeDeployer(deployer)
    factory = devnet.deploy_pool_factory(builder)

    def make(*conditions):
        venue.fund(deployer, deployer, FUNDS)
        return devnet.make_pool(builder, factory, venue, list(conditions), FEE, FUNDS)

    return make


@pytest.fixture(scope="session")
def condition(deployer, venue, people):
    """Prepare a condition of the oracle; returns (question, condition id)."""
    count = iter(range(1, 1_000))

    def prepare():
        question = b"\xf9" + next(count).to_bytes(31, "big")
        venue.ctf.prepareCondition(people.oracle, question, 2, sender=deployer)
        return question, devnet.condition_id(people.oracle.address, question)

    return prepare


@pytest.fixture(scope="session")
def fpmm_implementation(deployer, venue, make_pool, condition):
    pool = make_pool(condition()[1])
    return devnet.deploy_fpmm_implementation(ApeDeployer(deployer), venue.ctf, venue.pusd, pool)


@pytest.fixture
def market(make_vault, people, invest, fpmm_implementation, make_pool, condition, chain):
    """A vault of 10,000 pUSD with 1,000 in an FPMM account, and a pool of 10,000."""
    vault = make_vault()
    invest(vault, people.alice, 10_000 * UNIT)
    vault.addClass(a_class(fpmm_implementation, people.oracle, people.keeper), sender=people.owner)
    question, id_ = condition()
    vault.openMarket(0, question, 1, chain.pending_timestamp + 30 * DAY, sender=people.keeper)
    market = vault.marketId(0, id_)
    vault.allocate(market, 1_000 * UNIT, sender=people.keeper)
    account = ape.project.FpmmAccount.at(vault.accountOf(market))
    return SimpleNamespace(
        vault=vault,
        id=market,
        condition=id_,
        question=question,
        account=account,
        pool=make_pool(id_),
    )


def test_buys_and_sells_within_the_budget(market, people, venue):
    account, pool = market.account, market.pool
    expected = bought(FUNDS, 100 * UNIT)
    assert pool.calcBuyAmount(100 * UNIT, YES) == expected
    receipt = account.buy(pool, YES, 100 * UNIT, expected, FOREVER, sender=people.keeper)
    (event,) = receipt.decode_logs(account.Bought)
    assert (event.assets, event.tokens) == (100 * UNIT, expected)
    collateral, (position,) = account.positions()
    assert (collateral, position.yes, position.no) == (900 * UNIT, expected, 0)
    assert venue.pusd.allowance(account, pool) == 0

    tokens = pool.calcSellAmount(50 * UNIT, YES)
    account.sell(pool, YES, 50 * UNIT, tokens, FOREVER, sender=people.keeper)
    collateral, (position,) = account.positions()
    assert (collateral, position.yes, position.no) == (950 * UNIT, expected - tokens, 0)
    assert not venue.ctf.isApprovedForAll(account, pool)


def test_a_trade_leaves_the_gas_that_it_does_not_need(market, people):
    """The pool's failed checks burn what they are given, as old Solidity does: one of them is asked
    for whether there is a second condition."""
    account, pool, keeper = market.account, market.pool, people.keeper
    buys = account.buy(pool, YES, 100 * UNIT, 0, FOREVER, sender=keeper, gas=10_000_000)
    sells = account.sell(pool, YES, 50 * UNIT, FOREVER, FOREVER, sender=keeper, gas=10_000_000)
    assert buys.gas_used < 400_000 and sells.gas_used < 400_000


def test_no_is_the_second_outcome(market, people):
    expected = bought(FUNDS, 100 * UNIT)
    market.account.buy(market.pool, NO, 100 * UNIT, expected, FOREVER, sender=people.keeper)
    _, (position,) = market.account.positions()
    assert (position.yes, position.no) == (0, expected)
    with ape.reverts("unknown outcome"):
        market.account.buy(market.pool, 2, UNIT, 0, FOREVER, sender=people.keeper)


def test_slippage_and_deadline_are_kept(market, people, chain):
    account, pool = market.account, market.pool
    expected = bought(FUNDS, 100 * UNIT)
    with ape.reverts("minimum buy amount not reached"):
        account.buy(pool, YES, 100 * UNIT, expected + 1, FOREVER, sender=people.keeper)
    account.buy(pool, YES, 100 * UNIT, expected, FOREVER, sender=people.keeper)
    tokens = pool.calcSellAmount(50 * UNIT, YES)
    with ape.reverts("maximum sell amount exceeded"):
        account.sell(pool, YES, 50 * UNIT, tokens - 1, FOREVER, sender=people.keeper)
    now = chain.pending_timestamp
    with ape.reverts("trade expired"):
        account.buy(pool, YES, UNIT, 0, now - 1, sender=people.keeper)


def test_a_trade_of_nothing_is_refused(market, people):
    with ape.reverts("too few tokens"):
        market.account.buy(market.pool, YES, 0, 0, FOREVER, sender=people.keeper)
    market.account.buy(market.pool, YES, 100 * UNIT, 0, FOREVER, sender=people.keeper)
    with ape.reverts("too many tokens"):
        market.account.sell(market.pool, YES, 0, 0, FOREVER, sender=people.keeper)


def test_nobody_but_the_vault_initializes(market, people):
    with ape.reverts("not the vault"):
        market.account.initialize(sender=people.keeper)


def test_only_the_keeper_trades_and_only_while_all_is_well(market, people, resolve):
    account, pool = market.account, market.pool

    def buy(sender=people.keeper):
        return account.buy(pool, YES, UNIT, 1, FOREVER, sender=sender)

    for stranger in (people.stranger, people.owner, people.guardian):
        with ape.reverts("not the keeper"):
            buy(stranger)
    market.vault.pause(sender=people.guardian)
    with ape.reverts("not the keeper"):
        buy()
    market.vault.unpause(sender=people.guardian)
    account.halt(sender=people.guardian)
    with ape.reverts("not tradable"):
        buy()
    with ape.reverts("not tradable"):
        account.sell(pool, YES, 1, 1, FOREVER, sender=people.keeper)


def test_nothing_is_traded_once_it_is_resolved(market, people, resolve):
    resolve(market, 1, 0)
    with ape.reverts("not tradable"):
        market.account.buy(market.pool, YES, UNIT, 1, FOREVER, sender=people.keeper)


@pytest.mark.parametrize("late", [0, DAY])
def test_deadline_of_the_market_ends_trading(market, people, chain, late):
    chain.pending_timestamp = market.account.deadline() + late
    with ape.reverts("not tradable"):
        market.account.buy(market.pool, YES, UNIT, 1, FOREVER, sender=people.keeper)


def test_price_band_holds_against_the_pool(market, people, report):
    """Marks .45 / .50 and a band of 5 cents: a BUY up to .55, a SELL from .40."""
    account, pool = market.account, market.pool
    report(market.vault, ("0.45", "0.50"))
    # at even odds and 2 % fee YES costs .51 and more: 700 in a pool of 10,000 bring the average
    # to (700 / (10686 - 10000 * 10000 / 10686)) = .528, the budget of 1,000 to .535: within
    account.buy(pool, YES, 1_000 * UNIT, 1, FOREVER, sender=people.keeper)
    report(market.vault, ("0.40", "0.44"))
    # now YES stands at .545 in the pool and .49 is the most
    market.vault.allocate(market.id, 100 * UNIT, sender=people.keeper)
    with ape.reverts("price too high"):
        account.buy(pool, YES, 100 * UNIT, 1, FOREVER, sender=people.keeper)
    report(market.vault, ("0.62", "0.64"))
    # .62 - .05 = .57 is the least, and the pool pays less
    with ape.reverts("price too low"):
        account.sell(pool, YES, 10 * UNIT, FOREVER // 2, FOREVER, sender=people.keeper)


def test_a_trade_at_the_very_bound_passes(market, people, report):
    """64 units buy 125 YES of the pool, .512 each, and 49 are paid for 100: .49. The band is five
    cents around the marks."""
    account, pool, keeper = market.account, market.pool, people.keeper
    report(market.vault, ("0.45", "0.461999"))
    with ape.reverts("price too high"):
        account.buy(pool, YES, 64, 125, FOREVER, sender=keeper)
    report(market.vault, ("0.45", "0.462"))
    account.buy(pool, YES, 64, 125, FOREVER, sender=keeper)
    report(market.vault, ("0.540001", "0.55"))
    with ape.reverts("price too low"):
        account.sell(pool, YES, 49, 100, FOREVER, sender=keeper)
    report(market.vault, ("0.54", "0.55"))
    account.sell(pool, YES, 49, 100, FOREVER, sender=keeper)
    assert account.positions()[1][0].yes == 25


def test_foreign_pools_are_refused(market, people, make_pool, condition, deployer, venue):
    account, other = market.account, condition()[1]
    assert account.isPool(market.pool)
    master = gnosis(MAKERS, "FixedProductMarketMaker")
    fake = ApeDeployer(deployer).deploy(master)  # no clone of the factory's
    for pool in (make_pool(other), make_pool(market.condition, other), fake, people.mallory):
        assert not account.isPool(pool)
        with ape.reverts("foreign pool"):
            account.buy(pool, YES, UNIT, 1, FOREVER, sender=people.keeper)
        with ape.reverts("foreign pool"):
            account.sell(pool, YES, 1, 1, FOREVER, sender=people.keeper)


def test_payout_is_redeemed_from_conditional_tokens(market, people, venue, resolve):
    tokens = bought(FUNDS, 200 * UNIT)
    market.account.buy(market.pool, YES, 200 * UNIT, tokens, FOREVER, sender=people.keeper)
    resolve(market, 1, 0)
    market.vault.closeMarket(market.id, sender=people.stranger)
    assert market.vault.total_idle() == 9_000 * UNIT + 800 * UNIT + tokens


def test_split_merge_and_exit_in_kind_need_no_adapter(market, people, venue):
    account = market.account
    account.split(0, 400 * UNIT, sender=people.keeper)
    account.merge(0, 100 * UNIT, sender=people.keeper)
    collateral, (position,) = account.positions()
    assert (collateral, position.yes, position.no) == (700 * UNIT, 300 * UNIT, 300 * UNIT)
    shares = market.vault.balanceOf(people.alice) // 3
    market.vault.redeemInKind(shares, people.alice, [], sender=people.alice)
    part = shares * 300 * UNIT // (10_000 * SHARE)
    for token in account.tokenIds():
        assert venue.ctf.balanceOf(people.alice, token) == part
