"""The keeper and a fixed-product market maker: trades through its Safe, marks from the pool."""

from types import SimpleNamespace

import ape
import pytest
from eth_account import Account
from strongroom.chain.artifacts import safe as safe_part
from strongroom.chain.failures import TransactionRefused
from strongroom.chain.rpc import Chain
from strongroom.devnet import contracts as devnet
from strongroom.execution.transactions import Transactor
from strongroom.execution.vault_reader import VaultReader
from strongroom.execution.venues.pools import ForeignPool, PoolTrader, read_pool
from strongroom.journal import Journal
from strongroom.reporting.report import Reporter, Reporting
from strongroom.signing.signers import OwnKeys

from tests.ape_devnet import ApeDeployer
from tests.defaults import DAY, UNIT, WAD, a_class


@pytest.fixture
def desk(make_vault, people, invest, venue, deployer, chain, safe, keeper_owners, tmp_path):
    """A vault with 500 pUSD in an FPMM account, its keeper and reporter a 2-of-3 Safe."""
    builder, question = ApeDeployer(deployer), b"\xfc" * 32
    venue.ctf.prepareCondition(people.oracle, question, 2, sender=deployer)
    market = devnet.condition_id(people.oracle.address, question)
    venue.fund(deployer, deployer, 5_000 * UNIT)
    factory = devnet.deploy_pool_factory(builder)
    pool = devnet.make_pool(builder, factory, venue, [market], WAD // 50, 5_000 * UNIT)
    implementation = devnet.deploy_fpmm_implementation(builder, venue.ctf, venue.pusd, pool)
    vault = make_vault(people.keeper)
    invest(vault, people.alice, 5_000 * UNIT)
    vault.addClass(a_class(implementation, people.oracle), sender=people.owner)
    vault.openMarket(0, question, 1, chain.pending_timestamp + 9 * DAY, sender=people.keeper)
    vault.allocate(market, 500 * UNIT, sender=people.keeper)
    vault.setKeeper(safe, sender=people.owner)
    vault.setReporter(safe, sender=people.owner)
    connection = Chain(ape.networks.provider.http_uri)
    journal = Journal(f"sqlite:///{tmp_path / 'journal.db'}")
    transactor = Transactor(
        journal,
        connection,
        OwnKeys(safe.address, chain.chain_id, keeper_owners[:2]),
        Account.from_key(deployer.private_key),
        builder.deploy(safe_part("MultiSendCallOnly")).address,
    )
    return SimpleNamespace(
        vault=vault,
        market=market,
        pool=pool,
        account=ape.project.FpmmAccount.at(vault.accountOf(market)),
        chain=connection,
        journal=journal,
        transactor=transactor,
    )


def test_trades_go_through_the_safe_and_say_what_they_moved(desk, people):
    trader = PoolTrader(desk.chain, desk.transactor, desk.account.address, desk.pool.address)
    quote = desk.pool.calcBuyAmount(200 * UNIT, 0)
    fill = trader.buy(0, 200 * UNIT, slippage_bps=50)
    assert (fill.assets, fill.tokens) == (200 * UNIT, quote)
    sold = trader.sell(0, 100 * UNIT, slippage_bps=50)
    assert sold.tokens <= 100 * UNIT
    collateral, (position,) = desk.account.positions()
    assert collateral == 300 * UNIT + sold.assets
    assert position.yes == quote - sold.tokens
    with pytest.raises(TransactionRefused):
        trader.buy(0, 10_000 * UNIT, slippage_bps=50)
    with pytest.raises(ForeignPool, match="not a pool of this market"):
        PoolTrader(desk.chain, desk.transactor, desk.account.address, people.alice.address)


def test_reports_value_the_position_at_the_pools_sell_quote(desk, chain, tmp_path, venue):
    trader = PoolTrader(desk.chain, desk.transactor, desk.account.address, desk.pool.address)
    fill = trader.buy(1, 200 * UNIT, slippage_bps=50)
    pools = {"0x" + bytes(desk.market).hex(): desk.pool.address}

    def report(settings):
        chain.mine(deltatime=100)
        reader = VaultReader(desk.chain, desk.vault.address)
        told = []
        reporter = Reporter(
            settings, desk.journal, desk.transactor, reader, desk.chain.now,
            lambda event, fields: told.append((event, fields["difference_bid"])),
        )  # fmt: skip
        assert reporter.report({}, {}) is not None
        assert told == [("reported", 0)]

    report(Reporting(tmp_path, "pool", pools=pools))
    pool = read_pool(desk.chain, desk.pool.address)
    bid, ask = desk.vault.bookOf(desk.market)
    brings, costs = pool.proceeds(fill.tokens, 1), pool.cost(fill.tokens, 1)
    # the mark is a price a token, rounded down at the bid: at most a unit is lost
    assert 300 * UNIT + brings - 1 <= bid <= 300 * UNIT + brings
    assert 300 * UNIT + costs <= ask <= 300 * UNIT + costs + 1
    # what was bought for 200 with a fee of 2 % both ways brings 4 % less and no more
    assert 190 * UNIT < brings < 193 * UNIT
    (document,) = tmp_path.glob("*.json")
    assert desk.pool.address in document.read_text()
    # without the pool there is no quote: 0 at the bid, 1 at the ask
    report(Reporting(tmp_path, "nothing"))
    assert desk.vault.bookOf(desk.market) == (300 * UNIT, 300 * UNIT + fill.tokens)
