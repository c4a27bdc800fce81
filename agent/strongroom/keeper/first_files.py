"""A keeper's and a co-signer's first files, from a vault on chain and a venue's addresses.

What the vault knows is read from it: its Safes, their owners, the classes' exchanges and their
version, the longest life of an order. What only a person can decide is written with careful values.
"""

import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import tomli_w
from eth_utils.address import is_address, to_checksum_address

from strongroom.chain import abi
from strongroom.chain.artifacts import vault_abi
from strongroom.chain.codec import BadArguments
from strongroom.chain.contracts import Contract, Contracts
from strongroom.chain.failures import CallReverted
from strongroom.chain.ids import JsonObject, keccak
from strongroom.chain.protocols import Protocol, protocol_of_exchange
from strongroom.chain.terms import DELEGATED, ordinal
from strongroom.cosigner.wire import check_secret
from strongroom.errors import BadInput
from strongroom.keeper.configuration import ExecutionSection, SafeSection
from strongroom.settings import ConfigError, read_secret

KEEPER, COSIGNER, SECRET = "keeper.toml", "cosigner.toml", "secret"
SOCKET = "cosigner.sock"
MULTI_SEND = SafeSection.model_fields["multi_send"].default
VERSIONS = ("2", "3", "1")  # of exchanges' EIP-712 domains
DOMAIN = keccak(
    b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
EXCHANGE_NAME = keccak(b"Polymarket CTF Exchange")


@dataclass(frozen=True)
class VenueUrls:
    """Where a venue's services are; an empty stream reads books at every look."""

    clob: str
    gamma: str
    stream: str = ""


PUBLIC_VENUES: Mapping[int, VenueUrls] = {
    137: VenueUrls(
        "https://clob.polymarket.com",
        "https://gamma-api.polymarket.com",
        "wss://ws-subscriptions-clob.polymarket.com/ws/market",
    )
}


@dataclass(frozen=True)
class InitOptions:
    """Whose files are written.

    Attributes:
        venue: None takes the public one of the chain
        packs: which decide, in this order
        folder: of the files; none of them may be there yet
        multi_send: MultiSendCallOnly on this chain
        tcp: port of this machine that the co-signer listens on; None: a socket that one user opens
        safe: keeper of the classes that are served; None: the only one that the vault has
    """

    vault: str
    rpc: str
    venue: VenueUrls | None = None
    packs: tuple[str, ...] = ("tail",)
    folder: Path = Path()
    multi_send: str = MULTI_SEND
    tcp: int | None = None
    safe: str | None = None


@dataclass(frozen=True)
class Written:
    """The files, and what is left to do, one sentence each."""

    files: tuple[Path, ...]
    left: tuple[str, ...]


@dataclass(frozen=True)
class _Exchange:
    address: str
    version: str
    negative_risk: bool
    oracle: str


@dataclass(frozen=True)
class _Safe:
    """A Safe."""

    address: str
    owners: tuple[str, ...]
    threshold: int


@dataclass(frozen=True)
class _Found:
    """What the chain says.

    Attributes:
        reporter: a Safe of its own; None: the keeper's Safe reports, or no Safe does
        reports: whether the reporter is a Safe
    """

    chain_id: int
    vault: str
    safe: _Safe
    reporter: _Safe | None
    reports: bool
    order_lifetime_s: int
    exchanges: tuple[_Exchange, ...]
    classes: tuple[int, ...]
    notes: tuple[str, ...]

    @property
    def cosigned(self) -> bool:
        """Whether a co-signer gives the second of two signatures; more are the keeper's own."""
        return self.safe.threshold == 2


def write_first_files(options: InitOptions) -> Written:
    """Write keeper.toml, and cosigner.toml with its secret where the Safe needs two owners.

    Raises:
        ConfigError: a file is there already, the chain has no public venue, the vault trades at
            none of the venue's exchanges, or the secret that is there is too short or not secret.
        BadInput: no vault is at the address.
        ChainAway: the node does not answer.
    """
    found = _look(Contracts(options.rpc), options.vault, options.safe)
    venue = options.venue or PUBLIC_VENUES.get(found.chain_id)
    if venue is None:
        raise ConfigError(
            f"chain {found.chain_id} has no public venue: name its services (--clob-url, "
            "--gamma-url)"
        )
    if not found.exchanges:
        raise ConfigError(f"no class of {found.vault} trades at an exchange: add one first")
    two = found.cosigned
    folder = options.folder
    files = {KEEPER: tomli_w.dumps(_keeper(options, found, venue))}
    if two:
        files[COSIGNER] = tomli_w.dumps(_cosigner(options, found))
    for name in files:
        if (folder / name).exists():
            raise ConfigError(f"{folder / name} exists already: name another folder (--folder)")
    if two and (folder / SECRET).exists():
        check_secret(read_secret(folder / SECRET))
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    if two and not (folder / SECRET).exists():
        with os.fdopen(os.open(folder / SECRET, os.O_CREAT | os.O_WRONLY, 0o600), "w") as secret:
            secret.write(secrets.token_hex(32) + "\n")
        files[SECRET] = ""
    return Written(tuple(folder / name for name in files), tuple(_left(options, found)))


def _look(chain: Contracts, address: str, wanted: str | None) -> _Found:
    if not is_address(address):
        raise BadInput(f"{address} is not an address: --vault takes 0x and 40 hex digits")
    vault = chain.at(to_checksum_address(address), vault_abi())
    try:
        reporter = str(vault.reporter())
        lifetime = int(vault.limit(ordinal("max_order_lifetime_s")))
        keepers = [str(vault.keeperOf(each)) for each in range(int(vault.class_count()))]
    except (CallReverted, BadArguments) as error:
        raise BadInput(f"there is no Strongroom vault at {address} on this chain") from error
    keeper = _chosen(keepers, wanted)
    numbers = [number for number, each in enumerate(keepers) if each == keeper]
    safe, theirs = _safe(chain, keeper), _safe(chain, reporter)
    if safe is None:
        raise ConfigError(f"the keeper {keeper} is not a Safe: make a Safe the keeper")
    exchanges: dict[str, _Exchange] = {}
    classes, notes = [], []
    if theirs is None:
        notes.append(f"the vault's reporter is {reporter}, no Safe: somebody else must report")
    for number in numbers:
        terms = vault.classOf(number)
        account = chain.at(terms.implementation, abi.load("WalletAccount"))
        exchange = _exchange(chain, account, str(terms.oracle))
        by_safe = _exchange_of_safes(chain, str(terms.implementation), str(terms.oracle))
        if exchange is not None:
            exchanges.setdefault(exchange.address, exchange)
            if _owns_wallets(account):
                notes.append(f"class {number}'s accounts own wallets: add [venue.relayer]")
        elif by_safe is not None:
            exchanges.setdefault(by_safe.address, by_safe)
            notes.append(
                f"class {number}'s accounts own Safes: add [venue.relayer] and [venue.safes]"
            )
        elif int(terms.grade) == DELEGATED:
            notes.append(
                f"class {number} trades through deposit wallets: add [venue.relayer] and "
                "[[venue.wallets]]"
            )
        else:
            notes.append(f"class {number} trades with pools: add its [[venue.pools]]")
        classes.append(number)
    return _Found(
        chain.chain_id, vault.address, safe, None if reporter == keeper else theirs,
        theirs is not None, lifetime, tuple(exchanges.values()), tuple(classes), tuple(notes),
    )  # fmt: skip


def _chosen(keepers: Sequence[str], wanted: str | None) -> str:
    """Return the keeper whose files are written.

    Raises:
        ConfigError: no class has this keeper, or the vault has several.
    """
    known = [each for each in dict.fromkeys(keepers) if int(each, 16)]
    chosen = [each for each in known if wanted is None or each.lower() == wanted.lower()]
    if len(chosen) == 1:
        return chosen[0]
    raise ConfigError(
        f"the keepers of the vault's classes are {', '.join(known) or 'nobody'}: "
        + ("name one of them (--safe)" if known else "name a Safe the keeper of a class first")
    )


def _safe(chain: Contracts, address: str) -> _Safe | None:
    """Return the Safe at an address; None where there is none."""
    safe = chain.at(address, abi.load("Safe"))
    try:
        return _Safe(address, tuple(map(str, safe.getOwners())), int(safe.getThreshold()))
    except (CallReverted, BadArguments):
        return None


def _exchange(chain: Contracts, account: Contract, oracle: str) -> _Exchange | None:
    """Return the exchange that a class's accounts sign for, if there is one."""
    try:
        address, domain = str(account.EXCHANGE()), bytes(account.EXCHANGE_DOMAIN())
    except (CallReverted, BadArguments):
        return None
    for version in VERSIONS:
        parts = (DOMAIN, EXCHANGE_NAME, keccak(version.encode()))
        place = chain.chain_id.to_bytes(32, "big") + bytes(12) + bytes.fromhex(address[2:])
        if keccak(b"".join(parts) + place) == domain:
            v1 = protocol_of_exchange(version) is Protocol.V1  # V2 has one exchange for all
            negative_risk = v1 and bool(account.NEGATIVE_RISK())
            return _Exchange(address, version, negative_risk, oracle)
    raise ConfigError(f"the exchange {address} has an unknown signing domain")


def _exchange_of_safes(chain: Contracts, kind: str, oracle: str) -> _Exchange | None:
    """Return the exchange at which a class's Safes trade; None: its accounts own none."""
    account = chain.at(kind, abi.load("SafeAccount"))
    try:
        account.SAFE_FACTORY()
        address, negative_risk = str(account.EXCHANGE()), bool(account.NEGATIVE_RISK())
    except (CallReverted, BadArguments):
        return None
    return _Exchange(address, VERSIONS[0], negative_risk, oracle)


def _owns_wallets(account: Contract) -> bool:
    """Say whether accounts of a class own deposit wallets."""
    try:
        return bool(account.WALLET_FACTORY())
    except (CallReverted, BadArguments):
        return False


def _keeper(options: InitOptions, found: _Found, venue: VenueUrls) -> JsonObject:
    lifetime = min(ExecutionSection().order_lifetime_s, found.order_lifetime_s)
    negative = [each.oracle for each in found.exchanges if each.negative_risk]
    further = [f"owner-{number}.json" for number in range(2, found.safe.threshold + 1)]
    return {
        "vault": found.vault,
        "classes": list(found.classes),
        "journal": "sqlite:///keeper.db",
        "chain": {"rpc_url": options.rpc, "chain_id": found.chain_id, "confirmations": 5},
        "keys": {"owner": "owner.json", "executor": "executor.json"}
        | ({} if found.cosigned else {"further_owners": further}),
        "safe": {"address": found.safe.address, "multi_send": options.multi_send},
        **({"reporter": _reporter(found, found.reporter)} if found.reporter else {}),
        **(
            {"cosigner": {"url": _place(options, "http://"), "secret_file": SECRET}}
            if found.cosigned
            else {}
        ),
        "venue": {
            "clob_url": venue.clob,
            "gamma_url": venue.gamma,
            "stream_url": venue.stream,
            "negative_risk_oracle": negative[0] if negative else "",
            "exchanges": [
                {
                    "address": each.address,
                    "version": each.version,
                    "negative_risk": each.negative_risk,
                }
                for each in found.exchanges
            ],
        },
        "packs": {name: {} for name in options.packs},
        "execution": {"order_lifetime_s": lifetime},
        "reporting": {"evidence": "evidence", "views": "unpublished"},
        "operations": {"mode": "paper", "log": "keeper.log"},
    }


def _reporter(found: _Found, reporter: _Safe) -> JsonObject:
    further = [f"reporter-{number}.json" for number in _further(found, reporter)]
    return {"safe": reporter.address, "owner": "reporter.json"} | (
        {"further_owners": further} if further else {}
    )


def _further(found: _Found, safe: _Safe) -> range:
    """Return the numbers of the owners of the reporter's Safe whose keys the keeper needs beside
    the first: none, where a co-signer gives the second of two signatures."""
    cosigned = found.cosigned and safe.threshold == 2
    return range(2, 1 if cosigned else safe.threshold + 1)


def _cosigner(options: InitOptions, found: _Found) -> JsonObject:
    reporter = found.reporter or found.safe
    return {
        "listen": _place(options),
        "rpc_url": options.rpc,
        "keystore": "cosigner.json",
        "secret_file": SECRET,
        "store": "sqlite:///cosigner.db",
        "policy": {
            "vault": found.vault,
            "safe": found.safe.address,
            "reporter": reporter.address if found.reports else "",
            "multi_send": options.multi_send,
            "chain_id": found.chain_id,
            "classes": list(found.classes),
            "orders": {
                "exchanges": [each.address for each in found.exchanges],
                "packs": list(options.packs),
                "min_price": "0.02",
                "max_price": "0.99",
                "max_order": "500",
                "max_per_day": "10000",
                "max_per_minute": 60,
            },
            "transactions": {
                "max_allocation": "1000",
                "max_allocation_per_day": "10000",
                "max_per_minute": 30,
            },
        },
    }


def _place(options: InitOptions, scheme: str = "") -> str:
    """Return where the co-signer listens."""
    if options.tcp is not None:
        return f"{scheme}127.0.0.1:{options.tcp}"
    return f"unix:{options.folder.resolve() / SOCKET}"


def _left(options: InitOptions, found: _Found) -> Iterator[str]:
    """Yield what is left to do."""
    folder, owners = options.folder, ", ".join(found.safe.owners)
    yield f"put the keystore of an owner of the Safe into {folder / 'owner.json'}: one of {owners}"
    if found.cosigned:
        yield f"put that of another owner into {folder / 'cosigner.json'}, best on another machine"
    for number in range(2, 1 if found.cosigned else found.safe.threshold + 1):
        yield f"put that of another owner into {folder / f'owner-{number}.json'}"
    if found.reporter is not None:
        yield from _reporters_keys(folder, found, found.reporter)
    yield f"put the keystore of any account with gas into {folder / 'executor.json'}"
    yield "set STRONGROOM_OWNER_PASSPHRASE and STRONGROOM_EXECUTOR_PASSPHRASE for the keeper"
    if found.cosigned:
        yield "set STRONGROOM_COSIGNER_PASSPHRASE for the co-signer"
        yield from _two_users(options)
    yield from found.notes
    yield f"read {folder / KEEPER}: its mode is paper, so nothing is sent before you set live"


def _reporters_keys(folder: Path, found: _Found, safe: _Safe) -> Iterator[str]:
    """Yield what reports need."""
    yield (
        f"put the keystore of an owner of the reporter's Safe into {folder / 'reporter.json'}: one "
        f"of {', '.join(safe.owners)}; if somebody else reports, take [reporter] out of {KEEPER}"
    )
    for number in _further(found, safe):
        yield f"put that of another of its owners into {folder / f'reporter-{number}.json'}"
    if found.cosigned and safe.threshold == 2:
        yield "the co-signer's key must be an owner of the reporter's Safe, too"
    yield "set STRONGROOM_REPORTER_PASSPHRASE for the keeper"


def _two_users(options: InitOptions) -> Iterator[str]:
    """Yield what a co-signer that another user runs needs."""
    if options.tcp is None:
        yield (
            f"run co-signer and keeper as the same user: only one may open {SOCKET}; for two "
            "users, write the files with --tcp PORT"
        )
    else:
        yield f"give the co-signer's user {COSIGNER}, its keystore and a copy of {SECRET} (0600)"
