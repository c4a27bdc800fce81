"""Fixtures: one venue, one Safe, one vault with one class, on ape's default chain."""

from types import SimpleNamespace

import ape
import pytest
from eth_account import Account

from agent.devnet import venue as devnet

UNIT = 10**6  # one pUSD
SHARE = 10**12  # one whole share
DAY = 86_400

# By ordinal, see contracts/modules/limits.vy.
LIMITS = [
    3_000,  # max_up_bps
    3_000,  # max_down_bps
    5_000,  # max_day_up_bps
    5_000,  # max_day_down_bps
    2_000,  # max_spread_bps
    60,  # min_report_interval
    2 * DAY,  # max_report_age
    3_600,  # sync_max_age
    600,  # max_order_lifetime
    9_900,  # max_buy_price_bps
    500,  # price_band_bps
]
UNLIMITED = 2**128 - 1


@pytest.fixture(scope="session")
def deployer(accounts):
    return accounts[0]


@pytest.fixture(scope="session")
def people(accounts):
    """The named EOAs of the tests."""
    names = [
        "owner",
        "guardian",
        "reporter",
        "manager",
        "oracle",
        "alice",
        "bob",
        "mallory",
        "trader",
    ]
    return SimpleNamespace(**{name: accounts[i + 1] for i, name in enumerate(names)})


@pytest.fixture(scope="session")
def keeper_owners():
    """Three Safe owner keys, in the order of their addresses, as the Safe wants signatures."""
    keys = [Account.from_key(i.to_bytes(32, "big")) for i in (101, 102, 103)]
    return sorted(keys, key=lambda key: int(key.address, 16))


@pytest.fixture(scope="session")
def venue(deployer):
    return devnet.deploy_venue(deployer)


@pytest.fixture(scope="session")
def safe(deployer, keeper_owners):
    factory = devnet.deploy_safe_factory(deployer)
    return devnet.deploy_safe(deployer, factory, [key.address for key in keeper_owners], 2)


@pytest.fixture(scope="session")
def implementation(deployer, venue):
    return devnet.deploy_account_implementation(deployer, venue)


@pytest.fixture(scope="session")
def factory(deployer, venue):
    return devnet.deploy_vault_factory(deployer, venue.pusd)


@pytest.fixture(scope="session")
def make_vault(factory, people, deployer):
    """Deploy a vault through the factory; keyword arguments replace the defaults."""
    count = iter(range(10**6))

    def make(
        keeper, *, management=0, performance=0, limits=LIMITS, limit=UNLIMITED, least=1, **roles
    ):
        named = {"owner": people.owner, "guardian": people.guardian, "reporter": people.reporter}
        named |= roles
        receipt = factory.deploy(
            "Probity test vault",
            "pTEST",
            (named["owner"], named["guardian"], keeper, named["reporter"]),
            (management, performance, people.manager),
            limits,
            limit,
            least,
            next(count).to_bytes(32, "big"),
            sender=deployer,
        )
        (event,) = receipt.decode_logs(factory.VaultDeployed)
        return devnet.vault_at(event.vault)

    return make


@pytest.fixture(scope="session")
def desk(factory):
    return ape.project.VaultDesk.at(factory.DESK())
