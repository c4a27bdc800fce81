"""A vault with everything around it on a running devnet: the keeper's Safe and the reporter's (2 of
3 each; one key here, one with the co-signer, one with a person), their co-signer,
the files that an operator would write, depositors, and the CLOB service."""

import atexit
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from eth_account.signers.local import LocalAccount
from py_clob_client_v2.client import ClobClient

from strongroom.chain.artifacts import artifact, safe
from strongroom.chain.contracts import Contract, Contracts, Key
from strongroom.chain.orders import NO, YES
from strongroom.chain.terms import (
    DELEGATED,
    ENFORCED,
    UNLIMITED_ASSETS,
    ClassTerms,
    Limits,
    VaultTerms,
)
from strongroom.chain.units import DAY, MICRO
from strongroom.cosigner.client import CosignerClient
from strongroom.devnet import contracts as devnet
from strongroom.devnet import polymarket
from strongroom.devnet.clob.habits import DEFAULT, Habits
from strongroom.devnet.clob.server import ClobServer
from strongroom.devnet.clob.service import make_service
from strongroom.devnet.clock import DevnetClock
from strongroom.devnet.contracts import Venue
from strongroom.devnet.deployer import AnvilDeployer, devnet_keys
from strongroom.devnet.deposit_wallets import SessionRegistry, make_deposit_wallet
from strongroom.devnet.operator_files import (
    COSIGNER,
    KEEPER,
    PASSPHRASE,
    PASSPHRASES,
    Operation,
    own_key,
    write_keystore,
)
from strongroom.devnet.polymarket import Polymarket
from strongroom.devnet.traders import Seat
from strongroom.errors import Away
from strongroom.information.gamma import Market, MarketRecord, parse_market
from strongroom.keeper.configuration import Config, load
from strongroom.signing.signers import CosignerAway

NAMES = (
    *("deployer", "owner", "guardian", "operator", "executor", "manager"),
    *("alice", "bob", "maker", "taker", "oracle", "rebates", "rewards"),
)
START_S = 120.0  # on a busy machine; one that ends is not waited for
SAFES = "safes.json"
# What a vault's owner names: the most at stake in all, and let out in a day.
TOTAL_CAP, VELOCITY = 1_000_000 * MICRO, 200_000 * MICRO
LIMITS = Limits(total_cap=TOTAL_CAP, velocity=VELOCITY)  # all others are the defaults
FORTUNE = 10_000_000 * MICRO  # of those who trade with the vault


class NotStarted(Away):
    """A process of the devnet did not come up; the message says where its log is."""


@dataclass(frozen=True)
class StageOptions:
    """What is to be there.

    Attributes:
        folder: where the operator's files go
        records: of markets with conditions of their own
        sections: of the keeper's file, TOML: packs, sizing, reporting ...
        market_cap: of each class, base units of the asset
        policy: further lines of the co-signer's [policy], TOML
        operator: who settles at the exchanges, by name
        more_classes: of markets elsewhere, e.g. at pools, given the venue and the keeper's Safe
        wallets: deposit wallets of the keeper; with any, the markets' accounts are delegated
        owned: whether the markets' accounts own deposit wallets; needs habits by which the
            services serve them
        safes: whether they own Safes
        habits: of the services
    """

    folder: Path
    records: Sequence[MarketRecord]
    sections: str
    limits: Limits = LIMITS
    market_cap: int = UNLIMITED_ASSETS
    max_duration_s: int = 30 * DAY
    policy: str = ""
    operator: str = "operator"
    more_classes: Callable[[Venue, str], Sequence[ClassTerms]] = lambda venue, keeper: ()
    wallets: int = 0
    owned: bool = False
    safes: bool = False
    habits: Habits = DEFAULT


@dataclass
class Stage:
    """Everything that a vault's life needs."""

    folder: Path
    chain: Contracts
    venue: Venue
    vault: Contract
    safe: Contract
    reporter: Contract  # Safe
    multi_send: Contract
    server: ClobServer
    clock: DevnetClock
    people: Mapping[str, Key]
    markets: Sequence[Market]
    config: Config
    room: TemporaryDirectory[str]  # of the co-signer's socket
    _cosigner: "subprocess.Popen[bytes] | None" = field(default=None)

    def start_cosigner(self) -> None:
        """Start its process and wait until it answers.

        Raises:
            NotStarted: it does not.
        """
        path = self.folder / "cosigner.log"
        command = [sys.executable, "-m", "strongroom.cli", "cosigner", str(self.folder / COSIGNER)]
        with path.open("ab") as log:
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
        raise NotStarted(f"the co-signer did not start: its words are in {path}")

    def stop_cosigner(self) -> None:
        """End its process."""
        if self._cosigner is not None:
            self._cosigner.terminate()
            self._cosigner.wait(timeout=START_S)
            self._cosigner = None

    def close(self) -> None:
        """End the service and the co-signer; leave no socket."""
        self.stop_cosigner()
        self.room.cleanup()
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

    def request_redeem(self, name: str, share: int = 100) -> int:
        """Let somebody redeem some percent of their shares; return how many."""
        person = self.people[name]
        shares = self.vault.balanceOf(person) * share // 100
        self.vault.requestRedeem(shares, person, person, sender=person)
        return int(shares)

    def claim_assets(self, name: str) -> int:
        """Let somebody take the assets that wait for them."""
        person = self.people[name]
        shares = self.vault.maxRedeem(person)
        before = self.venue.pusd.balanceOf(person)
        if shares:
            self.vault.redeem(shares, person, person, sender=person)
        return int(self.venue.pusd.balanceOf(person) - before)

    # markets

    def seat(self, name: str) -> Seat:
        """Return where somebody trades against the vault."""
        exchange = self.venue.exchange.address
        key = self.people[name]
        return Seat(self.server.url, polymarket.CHAIN_ID, exchange, key, self.clock)

    def resolve(self, market: Market, yes: bool) -> None:
        """Let the oracle pay out, and the service close the market."""
        oracle = self.chain.impersonate(market.oracle)
        payouts = [1, 0] if yes else [0, 1]
        self.venue.ctf.reportPayouts(market.question_id, payouts, sender=oracle)
        path = f"/devnet/resolve/{market.condition_id}/{YES if yes else NO}"
        httpx.post(self.server.url + path).raise_for_status()


def _deploy_safe(deployer: AnvilDeployer, venue: Venue, owners: Sequence[LocalAccount]) -> Contract:
    """Deploy a Safe of which two owners must sign."""
    addresses = [owner.address for owner in owners]
    return devnet.deploy_safe(deployer, venue.safes, addresses, 2, nonce=secrets.randbelow(2**60))


def set_up(
    chain: Contracts, clock: DevnetClock, options: StageOptions, running: Polymarket | None = None
) -> Stage:
    """Deploy and start everything on a devnet's chain.

    Args:
        running: a Polymarket that is deployed already
    """
    folder = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    people = dict(zip(NAMES, devnet_keys(), strict=False))
    deployer = AnvilDeployer(people["deployer"].account, chain)
    venue = (running or polymarket.deploy(deployer, [])).venue
    markets = [parse_market(record) for record in options.records]
    server = _serve(chain, clock, options, venue, people, markets)
    owners = [own_key(folder, f"owner {number}") for number in range(3)]
    reporters = [own_key(folder, "reporter"), *owners[1:]]
    keeper, reporter = (_deploy_safe(deployer, venue, those) for those in (owners, reporters))
    multi_send = deployer.deploy(safe("MultiSendCallOnly"))
    vault = _deploy_vault(deployer, venue, people, reporter, options.limits)
    classes = _add_classes(deployer, venue, vault, people["owner"], keeper, markets, options)
    devnet.raise_delays(vault, people["owner"], 3 * DAY)
    # a socket's path may not be longer than some hundred bytes; nobody else may open the folder
    room = TemporaryDirectory(prefix="strongroom-", dir="/tmp", ignore_cleanup_errors=True)
    relayed = options.owned or options.safes or options.wallets
    builder_key = _make_builder_key(server.url, people["executor"]) if relayed else {}
    relayer = f"{server.url}/relayer"
    wallets = [
        _make_wallet(folder, each, venue, deployer, SessionRegistry(relayer, builder_key, clock))
        for each in range(options.wallets)
    ]
    Operation(
        rpc_url=chain.url,
        service_url=server.url,
        venue=venue,
        vault=vault.address,
        safe=keeper.address,
        reporter=reporter.address,
        reporter_owner=reporters[0],
        multi_send=multi_send.address,
        owners=owners,
        executor=people["executor"].account,
        classes=classes,
        wallets=wallets,
        builder_key=builder_key,
        safes=_make_secret(folder) if options.safes else "",
        socket=Path(room.name) / "cosigner.sock",
    ).write(folder, options.sections, options.policy)
    os.environ |= dict.fromkeys(PASSPHRASES, PASSPHRASE)
    config = load(folder / KEEPER)
    return Stage(
        folder,
        chain,
        venue,
        vault,
        keeper,
        reporter,
        multi_send,
        server,
        clock,
        people,
        markets,
        config,
        room,
    )


def _serve(
    chain: Contracts,
    clock: DevnetClock,
    options: StageOptions,
    venue: Venue,
    people: Mapping[str, Key],
    markets: Sequence[Market],
) -> ClobServer:
    """Prepare the markets, give the traders what they need, start the service."""
    deployer, operator = people["deployer"], people[options.operator]
    place = Polymarket(venue, tuple(polymarket.prepare_markets(venue, deployer, markets)))
    for name in ("maker", "taker"):
        venue.fund(deployer, people[name], FORTUNE)
        polymarket.approve_venue(venue, people[name])
    place.set_operator(deployer, operator)
    config = place.service_config(chain.url, habits=options.habits)
    return make_service(
        config, operator.account, clock=clock, gamma=lambda: options.records
    ).start()


def _deploy_vault(
    deployer: AnvilDeployer,
    venue: Venue,
    people: Mapping[str, Key],
    reporter: Contract,
    limits: Limits,
) -> Contract:
    factory = devnet.deploy_vault_factory(deployer, venue.pusd)
    terms = VaultTerms(
        "Strongroom devnet vault",
        "ROOM",
        owner=people["owner"],
        guardian=people["guardian"],
        reporter=reporter.address,
        fee_recipient=people["manager"],
        min_deposit=MICRO,
        timelock_s=0,
        limits=limits,
    )
    return devnet.deploy_vault(deployer, factory, terms, secrets.token_bytes(32))


def _add_classes(
    deployer: AnvilDeployer,
    venue: Venue,
    vault: Contract,
    owner: Key,
    keeper: Contract,
    markets: Sequence[Market],
    options: StageOptions,
) -> list[int]:
    """Add a class for each oracle and kind of condition, and the further ones; return numbers."""
    registry = None
    if options.wallets:
        registry = deployer.deploy(artifact("WalletRegistry"), venue.pusd)
    grade = DELEGATED if options.wallets or options.safes else ENFORCED
    terms = []
    for oracle, negative_risk in dict.fromkeys((m.oracle, m.negative_risk) for m in markets):
        if options.owned:
            made = devnet.deploy_wallet_implementation(deployer, venue, negative_risk)
        elif options.safes:
            made = devnet.deploy_safe_account_implementation(deployer, venue, negative_risk)
        elif registry is None:
            made = devnet.deploy_account_implementation(deployer, venue, negative_risk)
        else:
            made = devnet.deploy_delegated_implementation(deployer, venue, registry, negative_risk)
        named = venue.neg_risk_adapter.address if negative_risk else oracle
        terms.append(
            ClassTerms(
                made,
                named,
                keeper.address,
                grade,
                market_cap=options.market_cap,
                max_duration_s=options.max_duration_s,
            )
        )
    terms += options.more_classes(venue, keeper.address)
    for each in terms:
        vault.addClass(each.arguments(), sender=owner)
    return list(range(len(terms)))


def _make_builder_key(url: str, executor: Key) -> Mapping[str, str]:
    """Return a builder's key for the relayer."""
    client = ClobClient(url, polymarket.CHAIN_ID, key=executor.private_key)
    client.set_api_creds(client.create_or_derive_api_key())
    made: Mapping[str, str] = client.create_builder_api_key()
    return made


def _make_secret(folder: Path) -> str:
    """Write what the keys of Safes are made from; return the keystore's name."""
    write_keystore(folder / SAFES, own_key(folder, "safes"))
    return SAFES


def _make_wallet(
    folder: Path, number: int, venue: Venue, deployer: AnvilDeployer, registry: SessionRegistry
) -> str:
    """Make a deposit wallet, let a session key act for it, write that key's keystore; return the
    wallet's address. The owner's key is not kept."""
    owner: LocalAccount = own_key(folder, f"owner of wallet {number}")
    session = own_key(folder, f"wallet {number}")
    write_keystore(folder / f"wallet-{number}.json", session)
    address = make_deposit_wallet(venue.wallet_factory, owner.address, deployer)
    wallet = deployer.contract(address, artifact("DepositWallet"))
    registry.authorize(wallet, owner, session.address)
    return address
