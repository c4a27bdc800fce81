"""The whole devnet, kept running: `make devnet`."""

import gzip
import json
import logging
import signal
import threading
from pathlib import Path
from typing import Any

import ape
import click
from ape.logging import logger as ape_logger
from eth_account import Account
from rich.console import Console
from rich.table import Table
from strongroom.chain.units import MICRO
from strongroom.devnet import contracts as devnet
from strongroom.devnet import polymarket
from strongroom.devnet.clob.service import make_service
from strongroom.devnet.local_chain import devnet_chain
from strongroom.information.gamma import Market, load_recorded

DATA = Path(__file__).parent.parent / "agent" / "strongroom" / "devnet" / "data"
PAGES = ("gamma_markets_mixed_2026-01.json.gz", "gamma_markets_open_2026-02-13.json.gz")
TARGET = Path("build") / "devnet" / "devnet.json"
TRADERS = ("alice", "bob", "carol", "dave", "trader", "maker")
POOL_FUNDS, POOL_FEE = 10_000 * MICRO, 10**18 // 50  # of a fixed-product market maker


def _open_markets(most: int) -> list[Market]:
    """Return recorded open markets; negative-risk events whole, as far as they were recorded."""
    chosen: dict[bytes, Market] = {}
    for page in PAGES:
        for market in load_recorded(DATA / page)[0]:
            if not market.closed:
                chosen.setdefault(market.condition_id, market)
    return list(chosen.values())[:most]


def _records() -> list[dict[str, Any]]:
    """Return the raw records of the pages, for Gamma."""
    return [
        record
        for page in PAGES
        for record in json.loads(gzip.decompress((DATA / page).read_bytes()))
    ]


@click.command()
@click.option("--port", default=8545, show_default=True, help="Of the chain (JSON-RPC).")
@click.option("--clob-port", default=8080, show_default=True, help="Of the CLOB service.")
@click.option("--markets", default=200, show_default=True, help="Recorded markets to re-create.")
@click.option(
    "--admission",
    type=click.Choice(["open", "known_wallets"]),
    default="open",
    show_default=True,
    help="open: any EIP-1271 maker; known_wallets: the venue's own wallets only.",
)
@click.option("--check", is_flag=True, help="Start, print, and stop again.")
def cli(port: int, clob_port: int, markets: int, admission: Any, check: bool) -> None:
    """Run anvil with the venue's contracts at its own addresses, recorded markets, funded
    accounts, a vault factory, and the CLOB service that the official client talks to.

    Moves no real money; the keys are ape's public test keys. Ends with Ctrl-C.

    Example: ape run devnet --markets 50
    """
    ape_logger.set_level(logging.ERROR)
    console = Console(highlight=False)
    with devnet_chain(polymarket.CHAIN_ID, port) as url:
        console.print(f"chain {polymarket.CHAIN_ID} at {url}")
        people = {
            name: ape.accounts.test_accounts[number]
            for number, name in enumerate(("deployer", "owner", "guardian", "operator", *TRADERS))
        }
        deployer = people["deployer"]
        running = polymarket.deploy(deployer, _open_markets(markets))
        venue = running.venue
        console.print(f"{len(running.listings)} recorded markets, with their real ids")
        for name in TRADERS:
            venue.fund(deployer, people[name], 1_000_000 * MICRO)
            polymarket.approve_venue(venue, people[name])
        factory = devnet.deploy_vault_factory(deployer, venue.pusd)
        registry = deployer.deploy(ape.project.WalletRegistry)
        venue.fund(deployer, deployer, POOL_FUNDS)
        first = bytes.fromhex(running.listings[0].condition_id[2:])
        pool = devnet.make_pool(deployer, venue, venue.pusd, [first], POOL_FEE, POOL_FUNDS)
        accounts = {
            "binary": devnet.deploy_account_implementation(deployer, venue),
            "negative_risk": devnet.deploy_account_implementation(
                deployer, venue, negative_risk=True
            ),
            "exchange_v3": devnet.deploy_account_implementation(deployer, venue, version="3"),
            "fpmm": devnet.deploy_fpmm_implementation(deployer, venue.ctf, venue.pusd, pool),
            "delegated": devnet.deploy_delegated_implementation(deployer, venue, registry),
        }
        running.set_operator(deployer, people["operator"])
        operator = Account.from_key(people["operator"].private_key)
        listed = {each.condition_id for each in running.listings}
        records = [each for each in _records() if each["conditionId"] in listed]
        service = make_service(
            running.service_config(url, admission), operator, clob_port, gamma=lambda: records
        ).start()
        description = {
            "chain_id": polymarket.CHAIN_ID,
            "rpc": url,
            "clob": service.url,
            "gamma": f"{service.url}/gamma",
            "contracts": {
                name: contract.address
                for name, contract in vars(venue).items()
                if hasattr(contract, "address")
            }
            | {"vault_factory": factory.address, "wallet_registry": registry.address}
            | {"pool": pool.address},
            "account_implementations": {name: each.address for name, each in accounts.items()},
            "accounts": {
                name: {"address": each.address, "private_key": each.private_key}
                for name, each in people.items()
            },
        }
        TARGET.parent.mkdir(parents=True, exist_ok=True)
        TARGET.write_text(json.dumps(description, indent=2) + "\n")
        console.print(_table(description))
        console.print(f"CLOB service at {service.url}; all of this in {TARGET}")
        if not check:
            console.print("Ctrl-C ends it")
            _wait_for_the_end()
        service.stop()


def _table(description: dict[str, Any]) -> Table:
    table = Table(title="Devnet")
    table.add_column("name")
    table.add_column("address", no_wrap=True)
    for group in ("contracts", "account_implementations"):
        for name, address in description[group].items():
            table.add_row(name, address)
        table.add_section()
    for name, account in description["accounts"].items():
        table.add_row(name, account["address"])
    return table


def _wait_for_the_end() -> None:
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    ended.wait()
