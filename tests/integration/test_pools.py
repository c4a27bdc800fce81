"""The keeper and a fixed-product market maker: trades through its Safe, marks from the pool."""

from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace

import ape
import pytest
from eth_account import Account
from strongroom.audit.auditor import Auditor, Scope
from strongroom.chain.artifacts import safe as safe_part
from strongroom.chain.ids import (
    decision_id,
    intent_key,
    market_of,
    to_bytes,
    to_hex,
    transaction_key,
)
from strongroom.chain.orders import NO, YES, OrderKind, Side
from strongroom.chain.rpc import Chain
from strongroom.devnet import contracts as devnet
from strongroom.execution.transactions import Transactor
from strongroom.execution.vault_reader import VaultReader
from strongroom.execution.venues.pools import PoolDesk, read_pool
from strongroom.journal import Journal, OrderIntent
from strongroom.keeper.configuration import PoolSection
from strongroom.reporting.report import Reporter, Reporting
from strongroom.reporting.report_check import check_report
from strongroom.reporting.seen import Unseen
from strongroom.setup.source_checks import pool_checks
from strongroom.signing.signers import OwnKeys

from tests.ape_devnet import ApeDeployer
from tests.defaults import DAY, UNIT, WAD, a_class
from tests.records import LEG, RECORD


@pytest.fixture
def desk(make_vault, people, invest, venue, deployer, chain, safe, keeper_owners, tmp_path):
    """A vault with 500 pUSD in an FPMM account, its keeper and reporter a 2-of-3 Safe."""
    builder, question = ApeDeployer(deployer), b"\xfc" * 32
    venue.ctf.prepareCondition(people.oracle, question, 2, sender=deployer)
    condition = devnet.condition_id(people.oracle.address, question)
    venue.fund(deployer, deployer, 5_000 * UNIT)
    factory = devnet.deploy_pool_factory(builder)
    pool = devnet.make_pool(builder, factory, venue, [condition], WAD // 50, 5_000 * UNIT)
    implementation = devnet.deploy_fpmm_implementation(builder, venue.ctf, venue.pusd, pool)
    vault = make_vault()
    invest(vault, people.alice, 5_000 * UNIT)
    vault.addClass(a_class(implementation, people.oracle, people.keeper), sender=people.owner)
    vault.openMarket(0, question, 1, chain.pending_timestamp + 9 * DAY, sender=people.keeper)
    market = market_of(0, to_hex(condition))
    vault.allocate(market, 500 * UNIT, sender=people.keeper)
    vault.setKeeper(0, safe, sender=people.owner)
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
        condition=condition,
        pool=pool,
        account=ape.project.FpmmAccount.at(vault.accountOf(market)),
        chain=connection,
        journal=journal,
        transactor=transactor,
    )


def trade(desk, name, side, outcome, size, price):
    """Trade at the pool as a leg of a task does, until it is over; return the tokens moved."""
    name = decision_id({"name": name.decode()})
    key, pools = (
        transaction_key(to_bytes(name)),
        PoolDesk(desk.journal, desk.transactor, desk.chain),
    )
    wanted = OrderIntent(
        intent_key(name, 0, 0), name, desk.account.address, LEG.condition, LEG.token, side,
        int(Decimal(price) * UNIT), size, RECORD.time, OrderKind.POOL, desk.pool.address,
    )  # fmt: skip
    for _ in range(20):
        moved = pools.trade(key, wanted, outcome)
        if moved is not None:
            return moved
        ape.chain.mine()
    raise AssertionError("the trade is not over")


def test_trades_go_through_the_safe_and_say_what_they_moved(desk):
    cost = read_pool(desk.chain, desk.pool.address).cost(200 * UNIT, YES)
    bought = trade(desk, b"buy", Side.BUY, YES, 200 * UNIT, "0.60")
    collateral, (position,) = desk.account.positions()
    assert position.yes == bought >= 200 * UNIT
    assert collateral == 500 * UNIT - cost
    sold = trade(desk, b"sell", Side.SELL, YES, 100 * UNIT, "0.40")
    after, (position,) = desk.account.positions()
    assert position.yes == bought - sold and 0 < sold <= 100 * UNIT
    assert after - collateral >= 40 * UNIT
    # more than the account has is refused, and beyond the limit nothing is sent
    assert trade(desk, b"too much", Side.BUY, YES, 2_000 * UNIT, "0.99") == 0
    assert trade(desk, b"too dear", Side.BUY, YES, 100 * UNIT, "0.40") == 0
    assert desk.account.positions() == (after, [position])
    # the journal has what was traded, once, and nothing of what was not
    bought_then, sold_then = desk.journal.all()
    assert (bought_then.state, bought_then.filled, sold_then.filled) == ("CLOSED", bought, sold)
    (fill,) = desk.journal.fills_of(bought_then.key)
    assert (fill.making, fill.taking, fill.fee) == (cost, bought, 0)
    (fill,) = desk.journal.fills_of(sold_then.key)
    assert (fill.making, fill.taking) == (sold, after - collateral)
    assert trade(desk, b"sell", Side.SELL, YES, 100 * UNIT, "0.40") == sold
    assert len(desk.journal.all()) == 2 and desk.journal.open() == []


def test_reports_value_the_position_at_the_pools_sell_quote(desk, chain, tmp_path, venue):
    tokens = trade(desk, b"buy", Side.BUY, NO, 350 * UNIT, "0.60")
    kept, _ = desk.account.positions()
    spent = 500 * UNIT - kept
    pools = {to_hex(desk.condition): desk.pool.address}

    def report(settings):
        chain.mine(deltatime=100)
        reader = VaultReader(desk.chain, desk.vault.address)
        told = []
        reporter = Reporter(
            settings, desk.journal, desk.transactor, reader, desk.chain.now,
            lambda event, fields: told.append((event, fields["difference_bid"])),
        )  # fmt: skip
        assert (tmp_path / f"{reporter.report()}.json").is_file()
        assert told == [("reported", 0)]

    report(Reporting(tmp_path, "pool", pools=pools))
    pool = read_pool(desk.chain, desk.pool.address)
    exposure, bid, ask = desk.vault.bookOf(desk.market)
    brings, costs = pool.proceeds(tokens, 1), pool.cost(tokens, 1)
    # the mark is a price a token, rounded down at the bid: at most a unit is lost
    assert exposure == 500 * UNIT and kept + brings - 1 <= bid <= kept + brings
    assert kept + costs <= ask <= kept + costs + 1
    # what was bought with a fee of 2 % both ways brings 4 % less and no more
    assert 0.95 * spent < brings < 0.965 * spent
    (document,) = tmp_path.glob("*.json")
    assert desk.pool.address in document.read_text()
    # without the pool nobody shows what the tokens are worth, and nothing is said of it
    with pytest.raises(Unseen):
        report(Reporting(tmp_path, "book"))
    assert desk.vault.bookOf(desk.market) == (exposure, bid, ask)


def test_a_fill_between_marks_and_block_is_no_difference_and_a_lie_is_one(desk, chain, tmp_path):
    """The pool sells 30 units' worth after the marks were made and before their block: accounts
    held something else then, and what we expected is reckoned again for that block. Marks that
    differ from those that were sent are told as ever."""
    trade(desk, b"first", Side.BUY, NO, 100 * UNIT, "0.60")
    reader = VaultReader(desk.chain, desk.vault.address)
    pools = {to_hex(desk.condition): desk.pool.address}

    def report(meanwhile, name, change=lambda expected: expected):
        chain.mine(deltatime=100)
        told = []
        reporter = Reporter(
            Reporting(tmp_path / name, "pool", pools=pools),
            desk.journal, desk.transactor, reader, desk.chain.now,
            lambda event, fields: told.append(
                (event, fields["difference_bid"], fields["difference_ask"])
            ),
        )  # fmt: skip
        found = reporter.marks()
        meanwhile()
        reporter.marks = lambda: (*found[:2], change(found[2]))
        assert reporter.report() is not None
        return told

    def fill():
        assert trade(desk, b"between", Side.BUY, NO, 30 * UNIT, "0.60")

    assert report(fill, "filled") == [("reported", 0, 0)]
    lie = {(desk.market, to_hex(desk.condition)): (0, 0)}
    told = report(lambda: None, "lie", lambda kept: replace(kept, nav_ask=0, quotes=lie))
    assert [event for event, *_ in told] == ["reported", "nav_differs"]


def test_a_report_is_held_against_what_its_place_in_the_block_shows(desk, chain, people, tmp_path):
    """Fills and a budget of others in the report's own block, in front of it and behind it: what
    one end of the block shows is no difference, and what no end shows is unknown, not wrong."""
    trade(desk, b"first", Side.BUY, NO, 100 * UNIT, "0.60")
    desk.vault.setKeeper(0, people.keeper, sender=people.owner)
    desk.vault.setReporter(people.reporter, sender=people.owner)
    reader = VaultReader(desk.chain, desk.vault.address)
    pools = {to_hex(desk.condition): desk.pool.address}
    reporter = Reporter(Reporting(tmp_path, "pool", pools=pools), desk.journal, desk.transactor,
                        reader, desk.chain.now)  # fmt: skip
    rpc = desk.chain._reads.rpc

    def fill():
        until = desk.chain.now() + 10**6
        call = desk.account.buy.encode_input(desk.pool.address, 0, 5 * UNIT, 1, until)
        return people.keeper, desk.account.address, call

    def budget():
        call = desk.vault.allocate.encode_input(desk.market, 7 * UNIT)
        return people.keeper, desk.vault.address, call

    def told(number, *order, lie=None):
        """Mine a block of these, None being the report; return what is told, and of what."""
        chain.mine(deltatime=100)
        marks, _, expected = reporter.marks()
        evidence = number.to_bytes(32, "big")
        report = desk.vault.report.encode_input([each.as_tuple() for each in marks], evidence)
        rpc("evm_setAutomine", False)
        try:
            for place, make in enumerate(order):
                sender, to, data = make() if make else (
                    people.reporter, desk.vault.address, report
                )  # fmt: skip
                rpc("eth_sendTransaction", {
                    "from": str(sender), "to": to, "data": to_hex(bytes(data)),
                    "gas": hex(2_000_000), "gasPrice": hex((100 - place) * 10**9),
                })  # fmt: skip
            rpc("evm_mine")
        finally:
            rpc("evm_setAutomine", True)
        expected = expected if lie is None else replace(expected, nav_bid=0, quotes=lie)
        found = list(check_report(reader, to_hex(evidence), expected))
        return [event for event, _ in found], found[-1][1]

    assert told(1, None)[0] == ["reported"]
    assert told(2, fill, None)[0] == ["reported"]
    assert told(3, None, fill)[0] == ["reported"]
    events, fields = told(4, fill, None, fill)
    assert events == ["reported", "nav_unknown"] and fields["why"] == f"market {desk.market}"
    assert (fields["difference_bid"], fields["difference_ask"]) == (0, 0)
    # a budget moves NAV nowhere, but idle and account; beside a fill the account is at neither end
    assert told(5, budget, fill, None)[0] == ["reported"]
    events, fields = told(6, fill, None, budget)
    assert events == ["reported", "nav_unknown"] and fields["why"] == f"market {desk.market}"
    lie = {(desk.market, to_hex(desk.condition)): (0, 0)}
    assert told(7, None, lie=lie)[0] == ["reported", "nav_differs"]
    # the auditor, too, sees what the report's place in its block shows
    scope = Scope(ape.networks.provider.http_uri, desk.vault.address, 0, desk.chain.head().number)
    found = Auditor(scope).run().verdict.differences
    assert [each for each in found if "Reported.books" in each.what] == []

    def silence():
        """Let the account answer nothing from now on, and send a transaction that does nothing."""
        rpc("anvil_setCode", desk.account.address, "0xfe")
        return people.keeper, str(people.keeper), b""

    events, _ = told(8, silence, None)
    assert events[:2] == ["reported", "unanswered"] and "nav_differs" not in events


def test_the_doctor_says_whether_a_pool_is_one_and_of_which_condition(desk, deployer, people):
    def section(address, number):
        question = "0x" + f"{number:02x}" * 32
        return PoolSection(
            address=address, question="?", question_id=question, oracle=people.oracle.address,
            end="2030-01-01T00:00:00Z",
        )  # fmt: skip

    pools = (
        section(desk.pool.address, 0xFC),
        section(desk.pool.address, 0xFB),
        section(desk.vault.address, 0xFC),
    )
    chain = SimpleNamespace(rpc_url=ape.networks.provider.http_uri)
    config = SimpleNamespace(chain=chain, venue=SimpleNamespace(pools=pools))
    found = [(each.state.value, each.found) for each in pool_checks(config)]
    assert found[0] == ("ok", "answers, and holds both outcomes")
    assert found[1][0] == "wrong" and "another condition" in found[1][1]
    assert found[2][0] == "wrong" and "is not a fixed-product market maker" in found[2][1]
