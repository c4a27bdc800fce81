"""One running devnet for all: anvil as Amoy, Polymarket at its addresses, the CLOB service.

Run with --disable-isolation: the service keeps state beside the chain's. Each test takes markets of
its own instead.
"""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from py_clob_client_v2.client import ClobClient
from py_clob_client_v2.clob_types import AssetType, BalanceAllowanceParams
from py_clob_client_v2.http_helpers import helpers
from strongroom.devnet import polymarket
from strongroom.devnet.clob.service import make_service
from strongroom.devnet.serve import recorded_records
from strongroom.information.gamma import load_recorded

from tests.anvil_devnet import (  # noqa: F401  # fixtures
    accounts,
    anvil_chain,
    chain,
    chain_url,
    deployer,
    devnet_deployer,
)
from tests.defaults import UNIT
from tests.e2e.clob_orders import PATIENCE_S, order
from tests.e2e.ear import Ear

DATA = Path("agent/strongroom/devnet/data")
NHL = "0x7faa974ff857682d64433d5c4dfba46ff51415a68cbd5bd1994248df2d561200"  # 32 outcomes
FORTUNE = 1_000_000 * UNIT


@pytest.fixture(scope="session", autouse=True)
def patient():
    """No answer within httpx's 5 seconds is no fault of a busy machine's: the official client, and
    what tests ask by themselves, wait longer. A time-out that is a fault's own is set by its test.
    """
    default = httpx._config.DEFAULT_TIMEOUT_CONFIG
    for what in ("connect", "read", "write", "pool"):
        setattr(default, what, PATIENCE_S)
    helpers._http_client.timeout = PATIENCE_S


@pytest.fixture(scope="session")
def recorded():
    """200 binary markets, and the 32 of the Stanley Cup winner. Recorded as open, then some that
    were closed when they were recorded: each test that trades takes one."""
    mixed = load_recorded(DATA / "gamma_markets_mixed_2026-01.json.gz")[0]
    opened = load_recorded(DATA / "gamma_markets_open_2026-02-13.json.gz")[0]
    binary = [each for each in (*mixed, *opened) if not each.negative_risk and not each.closed]
    closed = [each for each in mixed if not each.negative_risk and each.closed]
    binary += [replace(each, closed=False, accepting=True) for each in closed[:60]]
    event = [market for market in opened if market.event_id == NHL]
    unique = {market.condition_id: market for market in (*binary, *event)}
    return list(unique.values())


@pytest.fixture(scope="session")
def devnet(deployer, recorded):
    return polymarket.deploy(deployer, recorded)


@pytest.fixture(scope="session")
def venue(devnet):
    """Everything else here happens at this venue, too."""
    return devnet.venue


@pytest.fixture(scope="session")
def more_records():
    """Gamma's records of markets that tests add."""
    return []


@pytest.fixture(scope="session")
def make_server(devnet, deployer, accounts, chain_url, more_records):
    """Start the service; its operator is one of its own, so that nobody else uses its nonces."""
    count = iter((18, 19))

    def make(**settings):
        operator = accounts[next(count)]
        devnet.set_operator(deployer, operator)
        config = devnet.service_config(chain_url, **settings)
        known = recorded_records()
        return make_service(config, operator.account, gamma=lambda: [*known, *more_records]).start()

    return make


@pytest.fixture(scope="session")
def server(make_server):
    running = make_server()
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def all_is_well(server):
    yield
    httpx.put(f"{server.url}/devnet/faults", json={}).raise_for_status()


@pytest.fixture
def habits(server):
    """Give the services other habits; afterwards they have their own again."""

    def behave(**what):
        httpx.put(f"{server.url}/devnet/habits", json=what).raise_for_status()

    yield behave
    behave()


@pytest.fixture
def faults(server):
    """Turn the fault switch."""

    def turn(**what):
        httpx.put(f"{server.url}/devnet/faults", json=what).raise_for_status()

    return turn


@pytest.fixture
def listen(server):
    ears = []

    def start(channel, **asked):
        ears.append(Ear(server, channel, asked))
        return ears[-1]

    yield start
    for ear in ears:
        ear.socket.close()


@pytest.fixture(scope="session")
def connect(server):
    """Log somebody with a private key in with the unmodified official client."""

    def log_in(account, to=server, **settings):
        client = ClobClient(to.url, polymarket.CHAIN_ID, key=account.private_key, **settings)
        client.set_api_creds(client.create_or_derive_api_key())
        client.update_balance_allowance(BalanceAllowanceParams(asset_type=AssetType.COLLATERAL))
        return client

    return log_in


@pytest.fixture(scope="session")
def traders(venue, deployer, accounts, connect):
    """Two people with a million pUSD each."""
    people = []
    for account in accounts[14:16]:
        venue.fund(deployer, account, FORTUNE)
        polymarket.approve_venue(venue, account)
        people.append(SimpleNamespace(account=account, client=connect(account)))
    return SimpleNamespace(alice=people[0], bob=people[1])


@pytest.fixture(scope="session")
def _unused(devnet):
    return iter([each for each in devnet.listings if not each.negative_risk])


@pytest.fixture
def listing(_unused):
    """A binary market that nobody has traded."""
    return next(_unused)


@pytest.fixture
def book(traders, listing, venue):
    """YES: 100 bid at 0.40 by Alice, 80 asked at 0.45 by Bob (as a bid for NO at 0.55)."""
    tick = str(listing.tick)
    yes, no = listing.token_ids
    place = SimpleNamespace(listing=listing, yes=yes, no=no, tick=tick)
    place.bid = order(traders.alice, yes, "BUY", 0.40, 100)
    place.ask = order(traders.bob, no, "BUY", 0.55, 80)
    return place
