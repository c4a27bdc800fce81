"""A vault with everything around it on a running devnet: the keeper's Safe (2 of 3), its co-signer,
the files that an operator would write, depositors, and a market maker at recorded prices."""

import atexit
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ape
import httpx
from eth_account import Account
from eth_utils.crypto import keccak

from strongroom.chain.terms import DELEGATED, ENFORCED, ClassTerms, Limits, VaultTerms
from strongroom.chain.units import MICRO
from strongroom.cosigner.client import CosignerClient
from strongroom.devnet import contracts as devnet
from strongroom.devnet import polymarket
from strongroom.devnet.bytecode import safe_part
from strongroom.devnet.clob.server import ClobServer
from strongroom.devnet.clob.service import make_service
from strongroom.devnet.clock import DevnetClock
from strongroom.information.gamma import Market, parse_market
from strongroom.keeper.configuration import Config, load
from strongroom.signing.signers import CosignerAway

PASSPHRASE = "devnet"
DAY = 86_400
NAMES = (
    *("deployer", "owner", "guardian", "operator", "executor", "manager"),
    *("alice", "bob", "maker", "taker", "oracle"),
)
START_S = 20.0


@dataclass
class Stage:
    """Everything that a vault's life needs; `people` are ape accounts by name."""

    folder: Path
    rpc_url: str
    venue: Any
    vault: Any
    safe: Any
    multi_send: Any
    server: ClobServer
    clock: DevnetClock
    people: Mapping[str, Any]
    markets: Sequence[Market]
    config: Config
    cosigner_file: Path
    _cosigner: "subprocess.Popen[bytes] | None" = field(default=None)

    def start_cosigner(self) -> None:
        """Start its process and wait until it answers.

        Raises:
            RuntimeError: it does not.
        """
        command = [sys.executable, "-m", "strongroom.cli", "cosigner", str(self.cosigner_file)]
        log = (self.folder / "cosigner.log").open("ab")
        self._cosigner = subprocess.Popen(command, stdout=log, stderr=log)
        atexit.register(self.stop_cosigner)
        assert self.config.cosigner is not None
        client = CosignerClient(
            self.config.cosigner.url, self.config.cosigner.secret_file.read_bytes().strip()
        )
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self._cosigner.poll() is None:
            try:
                _ = client.address
                return
            except CosignerAway:
                time.sleep(0.05)
        raise RuntimeError("the co-signer did not start")

    def stop_cosigner(self) -> None:
        """End its process."""
        if self._cosigner is not None:
            self._cosigner.terminate()
            self._cosigner.wait(timeout=10)
            self._cosigner = None

    def close(self) -> None:
        """End the service and the co-signer."""
        self.stop_cosigner()
        self.server.stop()

    # depositors

    def request_deposit(self, name: str, assets: int) -> None:
        """Let somebody ask to deposit, with new money."""
        person = self.people[name]
        self.venue.fund(self.people["deployer"], person, assets)
        self.venue.pusd.approve(self.vault, assets, sender=person)
        self.vault.requestDeposit(assets, person, person, sender=person)

    def claim_shares(self, name: str) -> int:
        """Let somebody take the shares that wait for them; return their assets' worth paid."""
        person = self.people[name]
        assets = self.vault.maxDeposit(person)
        if assets:
            self.vault.deposit(assets, person, sender=person)
        return int(assets)

    def request_redeem(self, name: str, share: int = 100) -> None:
        """Let somebody ask for some percent of their shares back."""
        person = self.people[name]
        shares = self.vault.balanceOf(person) * share // 100
        self.vault.requestRedeem(shares, person, person, sender=person)

    def claim_assets(self, name: str) -> int:
        """Let somebody take the assets that wait for them."""
        person = self.people[name]
        shares = self.vault.maxRedeem(person)
        before = self.venue.pusd.balanceOf(person)
        if shares:
            self.vault.redeem(shares, person, person, sender=person)
        return int(self.venue.pusd.balanceOf(person) - before)

    # markets

    def resolve(self, market: Market, yes: bool) -> None:
        """Let the oracle pay out, and the service close the market."""
        ape.networks.provider.set_balance(market.oracle, 10**18)
        oracle = ape.accounts.test_accounts.impersonate_account(market.oracle)
        payouts = [1, 0] if yes else [0, 1]
        self.venue.ctf.reportPayouts(market.question_id, payouts, sender=oracle)
        self.close_market(market)

    def close_market(self, market: Market) -> None:
        """Let the service take no more orders in a market."""
        httpx.post(f"{self.server.url}/devnet/close/{market.name}").raise_for_status()


def set_up(
    folder: Path,
    rpc_url: str,
    records: Sequence[Mapping[str, Any]],
    clock: DevnetClock,
    sections: str,
    limits: Limits | None = None,
    class_terms: Mapping[str, Any] | None = None,
    policy: str = "",
    running: Any = None,
    operator: str = "operator",
    more_classes: Callable[[Any], Sequence[ClassTerms]] = lambda venue: (),
    wallets: int = 0,
) -> Stage:
    """Deploy and start everything on the chain that ape is connected to (anvil, chain 80002).

    Args:
        folder: where the operator's files go
        records: of Gamma, of markets with conditions of their own
        sections: of the keeper's file, TOML: packs, sizing, reporting ...
        class_terms: beside implementation and oracle
        policy: further lines of the co-signer's [policy], TOML
        running: a Polymarket that is deployed already
        more_classes: of markets elsewhere, e.g. at pools, given the venue
        wallets: deposit wallets of the keeper; with any, the markets' accounts are delegated
    """
    folder.mkdir(parents=True, exist_ok=True)
    people = {name: ape.accounts.test_accounts[number] for number, name in enumerate(NAMES)}
    deployer = people["deployer"]
    place = running or polymarket.deploy(deployer, [])
    venue = place.venue
    markets = [parse_market(record) for record in records]
    listings = tuple(polymarket.prepare_markets(venue, deployer, markets))
    place = polymarket.Polymarket(venue, listings)
    for name in ("maker", "taker"):
        venue.fund(deployer, people[name], 10_000_000 * MICRO)
        polymarket.approve_venue(venue, people[name])
    place.set_operator(deployer, people[operator])
    key = Account.from_key(people[operator].private_key)
    server = make_service(
        place.service_config(rpc_url), key, clock=clock, gamma=lambda: records
    ).start()

    owners = [Account.from_key(keccak(text=f"{folder} owner {number}")) for number in range(3)]
    safe = devnet.deploy_safe(
        deployer,
        venue.safes,
        [owner.address for owner in owners],
        2,
        nonce=secrets.randbelow(2**60),
    )
    multi_send = deployer.deploy(safe_part("MultiSendCallOnly"))
    factory = devnet.deploy_vault_factory(deployer, venue.pusd)
    terms = VaultTerms(
        "Strongroom devnet vault",
        "PROB",
        owner=people["owner"],
        guardian=people["guardian"],
        keeper=safe.address,
        reporter=safe.address,
        fee_recipient=people["manager"],
        min_deposit=MICRO,
        timelock_s=0,
        limits=limits or Limits(),
    )
    vault = devnet.deploy_vault(deployer, factory, terms, secrets.token_bytes(32))
    classes: list[int] = []
    grade = DELEGATED if wallets else ENFORCED
    registry = deployer.deploy(ape.project.WalletRegistry) if wallets else None
    for oracle, negative_risk in dict.fromkeys((m.oracle, m.negative_risk) for m in markets):
        if registry is None:
            made = devnet.deploy_account_implementation(deployer, venue, negative_risk)
        else:
            made = devnet.deploy_delegated_implementation(deployer, venue, registry, negative_risk)
        named = venue.neg_risk_adapter.address if negative_risk else oracle
        vault.addClass(
            ClassTerms(made, named, grade, **dict(class_terms or {})).arguments(),
            sender=people["owner"],
        )
        classes.append(len(classes))
    for each in more_classes(venue):
        vault.addClass(each.arguments(), sender=people["owner"])
        classes.append(len(classes))
    devnet.raise_delays(vault, people["owner"], 3 * DAY)

    at = [_make_wallet(folder, venue, deployer, number) for number in range(wallets)]
    policy = f"wallets = {json.dumps(at)}\n{policy}"
    files = _write_files(
        folder, rpc_url, venue, vault, safe, multi_send, server, owners, people, classes, policy
    )
    sections = sections + "".join(
        f'\n[[venue.wallets]]\naddress = "{address}"\nowner = "wallet-{number}.json"\n'
        for number, address in enumerate(at)
    )
    (folder / "keeper.toml").write_text(files["keeper"] + sections)
    (folder / "cosigner.toml").write_text(files["cosigner"])
    os.environ["STRONGROOM_OWNER_PASSPHRASE"] = PASSPHRASE
    os.environ["STRONGROOM_EXECUTOR_PASSPHRASE"] = PASSPHRASE
    os.environ["STRONGROOM_COSIGNER_PASSPHRASE"] = PASSPHRASE
    os.environ["STRONGROOM_WALLET_PASSPHRASE"] = PASSPHRASE
    return Stage(
        folder,
        rpc_url,
        venue,
        vault,
        safe,
        multi_send,
        server,
        clock,
        people,
        markets,
        load(folder / "keeper.toml"),
        folder / "cosigner.toml",
    )


def _make_wallet(folder: Path, venue: Any, deployer: Any, number: int) -> str:
    """Make a deposit wallet, write its owner's keystore, return its address."""
    owner = Account.from_key(keccak(text=f"{folder} wallet {number}"))
    _keep(folder / f"wallet-{number}.json", owner)
    venue.wallets.makeWallet(owner.address, sender=deployer)
    return str(venue.wallets.walletOf(owner.address))


def _keep(path: Path, account: Any) -> None:
    """Write a light keystore: the devnet's keys are worth nothing."""
    text = Account.encrypt(account.key, PASSPHRASE, kdf="pbkdf2", iterations=1_000)
    path.write_text(json.dumps(text))


def _write_files(
    folder: Path,
    rpc_url: str,
    venue: Any,
    vault: Any,
    safe: Any,
    multi_send: Any,
    server: ClobServer,
    owners: Sequence[Any],
    people: Mapping[str, Any],
    classes: Sequence[int],
    policy: str,
) -> dict[str, str]:
    executor = Account.from_key(people["executor"].private_key)
    for name, account in (("owner", owners[0]), ("cosigner", owners[1]), ("executor", executor)):
        _keep(folder / f"{name}.json", account)
    (folder / "secret").write_text(secrets.token_hex(32))
    exchanges = [(venue.exchange.address, False), (venue.neg_risk_exchange.address, True)]
    # a socket's path may not be longer than some hundred bytes
    socket = Path("/tmp") / f"strongroom-{secrets.token_hex(6)}.sock"
    keeper = f"""vault = "{vault.address}"

[chain]
rpc_url = "{rpc_url}"
chain_id = {polymarket.CHAIN_ID}
confirmations = 0

[keys]
owner = "owner.json"
executor = "executor.json"

[safe]
address = "{safe.address}"
multi_send = "{multi_send.address}"

[cosigner]
url = "unix:{socket}"
secret_file = "secret"

[venue]
clob_url = "{server.url}"
gamma_url = "{server.url}/gamma"
negative_risk_oracle = "{venue.neg_risk_adapter.address}"
heartbeat = false
""" + "".join(
        f"""
[[venue.exchanges]]
address = "{address}"
negative_risk = {"true" if negative else "false"}
"""
        for address, negative in exchanges
    )
    cosigner = f"""listen = "unix:{socket}"
rpc_url = "{rpc_url}"
keystore = "cosigner.json"
secret_file = "secret"

[policy]
vault = "{vault.address}"
safe = "{safe.address}"
multi_send = "{multi_send.address}"
chain_id = {polymarket.CHAIN_ID}
classes = {list(classes)}
{policy}

[policy.orders]
exchanges = ["{exchanges[0][0]}", "{exchanges[1][0]}"]
packs = ["tail", "dutch", "bundle", "maker", "hedge", "informed"]
min_price = "0.001"
max_price = "0.99"
max_order = "5000"
max_per_day = "100000000"
max_per_minute = 600

[policy.transactions]
max_allocation = "10000"
max_allocation_per_day = "100000000"
max_per_minute = 600
"""
    return {"keeper": keeper, "cosigner": cosigner}
