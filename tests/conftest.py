"""Fixtures: one venue, one Safe, vaults of one factory, on the chain that ape is connected to.

tests/e2e has an anvil of its own instead: it replaces `accounts`, `chain` and `devnet_deployer`.
"""

import itertools
import os
import sys
import tempfile
from decimal import Decimal
from types import SimpleNamespace

import ape
import pytest
from eth_account import Account
from strongroom.chain.anvil import anvil
from strongroom.chain.artifacts import artifact
from strongroom.devnet import contracts as devnet

from tests import seeds
from tests.ape_devnet import ApeDeployer
from tests.defaults import DAY, FOREVER, LIMITS, NO_EVIDENCE, UNIT, UNLIMITED, WAD, a_class

seeds.fix_hypothesis()

# ape runs every transaction once more to print what contracts log to a console: ours log nothing.
ape.api.ReceiptAPI.show_debug_logs = lambda self: None

# The files that take longest start first: none is left to one worker alone at the end.
LONGEST = (
    "test_random_lives.py",
    "test_load.py",
    "test_keeper_kill.py",
    "test_keeper_faults.py",
    "test_week.py",
    "test_clob_client.py",
    "test_as_typed.py",
    "test_backtest.py",
    "test_kill.py",
)


@pytest.fixture(autouse=True, scope="module")
def own_tries():
    """Keep what tests try out of the record of who runs them, also in processes of their own."""
    with tempfile.TemporaryDirectory(prefix="tries-") as folder:
        os.environ["STRONGROOM_TRIES"] = folder
        yield
        os.environ.pop("STRONGROOM_TRIES", None)  # ape may begin a module's fixtures anew


def pytest_configure(config):
    """Start the chain of tests/integration before ape looks for one.

    ape tries one port of its own choice and gives up after 20 seconds, outside any test.
    """
    leads = config.getoption("numprocesses", None) and not hasattr(config, "workerinput")
    if leads or not str(config.getoption("network", "")).endswith(":foundry"):
        return
    people = ape.config.test
    chain = anvil(
        *("--mnemonic", people.mnemonic, "--accounts", str(people.number_of_accounts)),
        *("--derivation-path", people.hd_path, "--balance", str(people.balance // 10**18)),
        *("--steps-tracing", "--block-base-fee-per-gas", "0", "--gas-price", "0"),
    )
    os.environ["APE_FOUNDRY_HOST"] = chain.__enter__()
    config.add_cleanup(lambda: chain.__exit__(None, None, None))


def pytest_runtest_logreport(report):
    """Say at once what failed: a run that is ended from outside never comes to its summary."""
    if report.failed and "PYTEST_XDIST_WORKER" not in os.environ:
        print(f"\n{report.nodeid} ({report.when}):\n{report.longreprtext}", file=sys.stderr)


def pytest_collection_modifyitems(items):
    ranks = {name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path.name, len(ranks)))


@pytest.fixture(scope="session")
def deployer(accounts):
    return accounts[0]


@pytest.fixture(scope="session")
def devnet_deployer(deployer):
    """What the functions of strongroom.devnet.contracts deploy with."""
    return ApeDeployer(deployer)


@pytest.fixture(scope="session")
def people(accounts):
    """The named EOAs of the tests; `keeper` stands in where no Safe is needed."""
    civil = ["alice", "bob", "carol", "mallory", "trader", "stranger"]
    names = ["owner", "guardian", "reporter", "manager", "oracle", "keeper", *civil]
    return SimpleNamespace(**{name: accounts[i + 1] for i, name in enumerate(names)})


@pytest.fixture(scope="session")
def keeper_owners():
    """Three Safe owner keys, in the order of their addresses, as the Safe wants signatures."""
    keys = [Account.from_key(i.to_bytes(32, "big")) for i in (101, 102, 103)]
    return sorted(keys, key=lambda key: int(key.address, 16))


@pytest.fixture(scope="session")
def venue(devnet_deployer):
    return devnet.deploy_venue(devnet_deployer)


@pytest.fixture(scope="session")
def safe(devnet_deployer, venue, keeper_owners):
    owners = [key.address for key in keeper_owners]
    return devnet.deploy_safe(devnet_deployer, venue.safes, owners, 2)


@pytest.fixture(scope="session")
def implementation(devnet_deployer, venue):
    return devnet.deploy_account_implementation(devnet_deployer, venue)


@pytest.fixture(scope="session")
def factory(devnet_deployer, venue):
    return devnet.deploy_vault_factory(devnet_deployer, venue.pusd)


@pytest.fixture(scope="session")
def number():
    """Count what must differ: salts and questions, also where tests share one chain."""
    return itertools.count(1)


@pytest.fixture(scope="session")
def make_vault(factory, people, devnet_deployer, number):
    """Deploy a vault through the factory; keyword arguments replace the defaults."""

    def make(
        *,
        management=0,
        performance=0,
        hurdle=0,
        limit=UNLIMITED,
        least=1,
        timelock=0,
        **limits,
    ):
        terms = (
            *("Strongroom test vault", "pTEST"),
            *(people.owner, people.guardian, people.reporter, people.manager),
            *(management, performance, hurdle, limit, least, timelock),
            list((LIMITS | limits).values()),
        )
        salt = next(number).to_bytes(32, "big")
        receipt = factory.deploy(terms, salt, sender=devnet_deployer.sender)
        event = devnet_deployer.event(receipt, factory, "VaultDeployed")
        return devnet.vault_at(devnet_deployer, event.vault)

    return make


@pytest.fixture
def vault(make_vault):
    return make_vault()


@pytest.fixture(scope="session")
def fund(venue, deployer):
    """Give people pUSD and let a vault pull it."""

    def give(vault, *accounts, amount=100_000 * UNIT):
        for account in accounts:
            venue.fund(deployer, account, amount)
            venue.pusd.approve(vault, FOREVER, sender=account)

    return give


@pytest.fixture(scope="session")
def report(people, chain):
    """Report quotes (bid and ask of YES as decimal strings): of each open market a pair, or a list
    of pairs, one for each of its conditions; None for what stays unmarked."""

    def send(vault, *quotes, evidence=NO_EVIDENCE, after=61, sender=people.reporter):
        marks = [
            (market, condition, *(int(Decimal(price) * WAD) for price in prices))
            for market, of_market in zip(vault.openMarkets(), quotes, strict=True)
            for condition, prices in enumerate(
                of_market if isinstance(of_market, list) else [of_market]
            )
            if prices is not None
        ]
        chain.pending_timestamp += after
        return vault.report(marks, evidence, sender=sender)

    return send


@pytest.fixture(scope="session")
def invest(fund, report):
    """Deposit through a request, two reports and a claim, at the quotes given."""

    def deposit(vault, account, amount, *quotes):
        fund(vault, account, amount=amount)
        vault.requestDeposit(amount, account, account, sender=account)
        report(vault, *quotes)
        report(vault, *quotes)
        return vault.deposit(amount, account, sender=account)

    return deposit


@pytest.fixture(scope="session")
def open_market(venue, people, implementation, devnet_deployer, chain, number):
    """Open a market of a vault's class 0 (added when missing) and return its ids and account."""

    def open_(
        vault,
        *,
        cap=5_000 * UNIT,
        cap_bps=10_000,
        keeper=people.keeper,
        duration=30 * DAY,
        class_id=0,
        question=b"",
    ):
        if vault.class_count() == 0:
            terms = a_class(implementation, people.oracle, keeper, cap=cap, cap_bps=cap_bps)
            vault.addClass(terms, sender=people.owner)
        if not question:
            question = next(number).to_bytes(32, "big")
            venue.ctf.prepareCondition(people.oracle, question, 2, sender=devnet_deployer.sender)
        deadline = chain.pending_timestamp + duration
        vault.openMarket(class_id, question, 1, deadline, sender=keeper)
        condition = devnet.condition_id(people.oracle.address, question)
        market = bytes(vault.marketId(class_id, condition))
        account = devnet_deployer.contract(vault.accountOf(market), artifact("PolymarketAccount"))
        return SimpleNamespace(id=market, condition=condition, account=account, question=question)

    return open_


@pytest.fixture
def safe_market(make_vault, people, invest, open_market, safe):
    """Open a market with 200 pUSD in its account, in a vault whose keeper is the Safe."""

    def make(**limits):
        vault = make_vault(**limits)
        invest(vault, people.alice, 1_000 * UNIT)
        market = open_market(vault)
        vault.allocate(market.id, 200 * UNIT, sender=people.keeper)
        vault.setKeeper(0, safe, sender=people.owner)
        return vault, market

    return make


@pytest.fixture(scope="session")
def resolve(venue, people):
    """Let the oracle report a market's payouts."""

    def pay(market, yes, no):
        venue.ctf.reportPayouts(market.question, [yes, no], sender=people.oracle)

    return pay


@pytest.fixture(scope="session")
def give_tokens(venue, deployer):
    """Send outcome tokens to an account, as a trade would; returns nothing to the giver."""

    def give(market, yes=0, no=0):
        most = max(yes, no)
        venue.fund(deployer, deployer, most)
        venue.pusd.approve(venue.adapter, most, sender=deployer)
        venue.adapter.splitPosition(
            venue.pusd, b"\0" * 32, market.condition, [1, 2], most, sender=deployer
        )
        for token, amount in zip(market.account.tokenIds(), (yes, no), strict=True):
            if amount:
                venue.ctf.safeTransferFrom(
                    deployer, market.account, token, amount, b"", sender=deployer
                )

    return give
