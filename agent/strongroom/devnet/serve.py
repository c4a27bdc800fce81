"""The whole devnet, kept running: anvil with the venue's contracts at its own addresses, recorded
markets, funded accounts, a vault factory, and the CLOB service for the official client."""

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path

from strongroom.chain.artifacts import ArtifactMissing, artifact
from strongroom.chain.contracts import Contract, Contracts, Key
from strongroom.chain.ids import ConditionId
from strongroom.chain.units import MICRO, WAD
from strongroom.devnet import contracts as devnet
from strongroom.devnet import polymarket
from strongroom.devnet.clob.admission import Admission
from strongroom.devnet.clob.habits import DEFAULT, Habits
from strongroom.devnet.clob.server import ClobServer
from strongroom.devnet.clob.service import make_service
from strongroom.devnet.deployer import AnvilDeployer, devnet_chain, devnet_keys
from strongroom.devnet.folder import claimed
from strongroom.devnet.polymarket import Polymarket
from strongroom.information.gamma import Market, MarketRecord, load_recorded

DATA = Path(__file__).parent / "data"
PAGES = ("gamma_markets_mixed_2026-01.json.gz", "gamma_markets_open_2026-02-13.json.gz")
FILE = "devnet.json"
TRADERS = ("alice", "bob", "carol", "dave", "trader", "maker")
NAMES = ("deployer", "owner", "guardian", "operator", *TRADERS)
FACILITATOR = len(NAMES)  # place of its key
FORTUNE = 1_000_000 * MICRO  # of each trader
POOL_FUNDS, POOL_FEE = 10_000 * MICRO, WAD // 50  # of a fixed-product market maker


@dataclass(frozen=True)
class DevnetOptions:
    """What runs, and where.

    Attributes:
        folder: of devnet.json, which names everything; what is in it is deleted
        port: of the chain (JSON-RPC)
        clob_port: of the CLOB service
        markets: recorded ones to re-create, at most
        admission: open: any EIP-1271 maker; known_wallets: the venue's own wallets only
        habits: of the services
        seconds: end after so many; None: when `ended` is set, or by a signal
        facilitator_port: of a facilitator of x402, and its token; None: there is none
    """

    folder: Path = Path("build") / "devnet"
    port: int = 8545
    clob_port: int = 8080
    markets: int = 200
    admission: Admission = "open"
    habits: Habits = DEFAULT
    seconds: float | None = None
    facilitator_port: int | None = None


@dataclass(frozen=True)
class Devnet:
    """What runs, as devnet.json has it; addresses by name; "" where there is no facilitator."""

    rpc: str
    clob: str
    markets: int
    contracts: dict[str, str]
    account_implementations: dict[str, str]
    accounts: dict[str, Key]
    file: Path
    facilitator: str = ""

    def write(self) -> None:
        """Write devnet.json."""
        found = {
            "chain_id": polymarket.CHAIN_ID,
            "rpc": self.rpc,
            "clob": self.clob,
            "gamma": f"{self.clob}/gamma",
            "contracts": self.contracts,
            "account_implementations": self.account_implementations,
            "accounts": {
                name: {"address": each.address, "private_key": each.private_key}
                for name, each in self.accounts.items()
            },
        }
        if self.facilitator:
            found["facilitator"] = self.facilitator
        self.file.write_text(json.dumps(found, indent=2) + "\n")


def run_devnet(
    options: DevnetOptions,
    started: Callable[[Devnet], None],
    ended: threading.Event | None = None,
) -> None:
    """Run it until its time is over; whatever it started ends with it. Moves no real money: the
    keys are anvil's public ones.

    Args:
        started: is called once with what runs where

    Raises:
        FolderTaken: a devnet runs in the folder, or it is not a devnet's.
        PortTaken: something listens on a port; nothing was touched.
        AnvilMissing, ArtifactMissing: something is not installed; the message says what brings it.
    """
    ports = {options.port: "port", options.clob_port: "clob-port"}
    if options.facilitator_port is not None:
        ports[options.facilitator_port] = "facilitator-port"
    with (
        claimed(options.folder, "devnet", ports) as folder,
        devnet_chain(polymarket.CHAIN_ID, options.port) as chain,
    ):
        people = dict(zip(NAMES, devnet_keys(), strict=False))
        deployer = AnvilDeployer(people["deployer"].account, chain)
        running = polymarket.deploy(deployer, open_markets(options.markets))
        others = _prepare(deployer, running, people)
        accounts = _deploy_accounts(deployer, running.venue, others)
        service = _serve(chain, running, people["operator"], options)
        try:
            with _facilitator(deployer, people, options.facilitator_port) as (url, token):
                found = Devnet(
                    chain.url,
                    service.url,
                    len(running.listings),
                    _addresses(running.venue)
                    | {name: each.address for name, each in (others | token).items()},
                    {name: each.address for name, each in accounts.items()},
                    people,
                    folder / FILE,
                    url,
                )
                found.write()
                started(found)
                (ended or threading.Event()).wait(options.seconds)
        finally:
            service.stop()


@contextmanager
def _facilitator(
    deployer: AnvilDeployer, people: dict[str, Key], port: int | None
) -> Iterator[tuple[str, dict[str, Contract]]]:
    """Run a facilitator while the block runs; yield its URL and its token, of which each trader
    has a fortune. Without a port there is neither."""
    if port is None:
        yield "", {}
        return
    from strongroom.devnet.facilitator import FacilitatorServer

    token = deployer.deploy(artifact("Usdc"))
    for name in TRADERS:
        token.mint(deployer, FORTUNE, sender=deployer)
        token.transfer(people[name].address, FORTUNE, sender=deployer)
    people["facilitator"] = devnet_keys()[FACILITATOR]
    chain = deployer.chain
    server = FacilitatorServer(chain.url, people["facilitator"], chain.chain_id, port).start()
    try:
        yield server.url, {"paid_usdc": token}
    finally:
        server.stop()


def _addresses(venue: devnet.Venue) -> dict[str, str]:
    """Return the venue's contracts by their names."""
    return {
        each.name: part.address
        for group in (venue, venue.positions)
        for each in fields(group)
        if isinstance(part := getattr(group, each.name), Contract)
    }


def open_markets(most: int) -> list[Market]:
    """Return recorded open markets; negative-risk events whole, as far as they were recorded."""
    chosen: dict[ConditionId, Market] = {}
    for page in PAGES:
        for market in load_recorded(DATA / page)[0]:
            if not market.closed:
                chosen.setdefault(market.condition_id, market)
    return list(chosen.values())[:most]


def recorded_records() -> list[MarketRecord]:
    """Return the raw records of the pages, each market once, for Gamma."""
    found: dict[str, MarketRecord] = {}
    for page in PAGES:
        for record in json.loads(gzip.decompress((DATA / page).read_bytes())):
            found.setdefault(str(record["conditionId"]), record)
    return list(found.values())


def _prepare(
    deployer: AnvilDeployer, running: Polymarket, people: dict[str, Key]
) -> dict[str, Contract]:
    """Fund the traders; deploy a vault factory and a wallet registry, and a pool where the market
    makers' package is installed."""
    venue = running.venue
    for name in TRADERS:
        venue.fund(deployer, people[name], FORTUNE)
        polymarket.approve_venue(venue, people[name])
    running.set_operator(deployer, people["operator"])
    found = {
        "vault_factory": devnet.deploy_vault_factory(deployer, venue.pusd),
        "wallet_registry": deployer.deploy(artifact("WalletRegistry"), venue.pusd),
    }
    with suppress(ArtifactMissing):
        factory = devnet.deploy_pool_factory(deployer)
        venue.fund(deployer, deployer, POOL_FUNDS)
        first = bytes.fromhex(running.listings[0].condition_id[2:])
        found["pool"] = devnet.make_pool(deployer, factory, venue, [first], POOL_FEE, POOL_FUNDS)
    return found


def _deploy_accounts(
    deployer: AnvilDeployer, venue: devnet.Venue, others: dict[str, Contract]
) -> dict[str, Contract]:
    """Deploy what vaults clone, one of each kind; that of pools where there is one."""
    registry = others["wallet_registry"]
    found = {
        "binary": devnet.deploy_account_implementation(deployer, venue),
        "negative_risk": devnet.deploy_account_implementation(deployer, venue, negative_risk=True),
        "wallet": devnet.deploy_wallet_implementation(deployer, venue),
        "position": devnet.deploy_position_implementation(deployer, venue),
        "delegated": devnet.deploy_delegated_implementation(deployer, venue, registry),
    }
    if pool := others.get("pool"):
        found["fpmm"] = devnet.deploy_fpmm_implementation(deployer, venue.ctf, venue.pusd, pool)
    return found


def _serve(
    chain: Contracts, running: Polymarket, operator: Key, options: DevnetOptions
) -> ClobServer:
    listed = {each.condition_id for each in running.listings}
    records = [each for each in recorded_records() if each["conditionId"] in listed]
    config = running.service_config(chain.url, options.admission, options.habits)
    return make_service(config, operator.account, options.clob_port, gamma=lambda: records).start()
