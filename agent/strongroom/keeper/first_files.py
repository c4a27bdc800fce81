"""A keeper's and a co-signer's first files, from a vault on chain and a venue's addresses.

What the vault knows is read from it: its Safes, their owners, the classes' exchanges and their
version, the longest life of an order. What only a person can decide is written with careful values.
"""

import os
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from strongroom.annotated import annotated
from strongroom.chain.contracts import Contracts
from strongroom.chain.ids import JsonObject
from strongroom.cosigner.policy import OrderRules, TransactionRules
from strongroom.cosigner.wire import check_secret
from strongroom.keeper.configuration import ExecutionSection, SafeSection
from strongroom.keeper.first_notes import COSIGNER_NOTES, KEEPER_NOTES
from strongroom.keeper.vault_facts import SafeFacts, VaultFacts, look
from strongroom.settings import ConfigError, read_secret

KEEPER, COSIGNER, SECRET = "keeper.toml", "cosigner.toml", "secret"
SOCKET = "cosigner.sock"
METRICS_PORT = 9100
MULTI_SEND = SafeSection.model_fields["multi_send"].default


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
        max_order: most that the co-signer signs for in one order, units of the asset
        max_per_day: most that it signs for in a day, units
        max_allocation: most that it lets go to one market at once, units
        metrics_port: of this machine, for the keeper's numbers and health
        also: texts of further files, by name
    """

    vault: str
    rpc: str
    venue: VenueUrls | None = None
    packs: tuple[str, ...] = ("tail",)
    folder: Path = Path()
    multi_send: str = MULTI_SEND
    tcp: int | None = None
    safe: str | None = None
    max_order: Decimal = OrderRules.model_fields["max_order"].default
    max_per_day: Decimal = OrderRules.model_fields["max_per_day"].default
    max_allocation: Decimal = TransactionRules.model_fields["max_allocation"].default
    metrics_port: int = METRICS_PORT
    also: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Written:
    """The files, and what is left to do, one sentence each."""

    files: tuple[Path, ...]
    left: tuple[str, ...]


def write_first_files(options: InitOptions) -> Written:
    """Write keeper.toml, and cosigner.toml with its secret where the Safe needs two owners.

    Raises:
        ConfigError: a file is there already, the chain has no public venue, the vault trades at
            none of the venue's exchanges, or the secret that is there is too short or not secret.
        BadInput: no vault is at the address.
        ChainAway: the node does not answer.
    """
    found = look(Contracts(options.rpc), options.vault, options.safe)
    venue = options.venue or PUBLIC_VENUES.get(found.chain_id)
    if venue is None:
        raise ConfigError(
            f"chain {found.chain_id} has no public venue: name its services (--clob-url, "
            "--gamma-url)"
        )
    if not found.exchanges:
        raise ConfigError(f"no class of {found.vault} trades at an exchange: add one first")
    first = (
        f"{{}} of {found.name} on chain {found.chain_id}, written by `strongroom init`. Relative",
        "paths are relative to this file. A node's URL may hold a key, so only its user may read",
        "it (mode 600). docs/examples has every further key.",
    )

    def text(what: str, document: JsonObject, notes: Mapping[str, str]) -> str:
        return annotated(document, notes, [first[0].format(what), *first[1:]])

    files = dict(options.also)
    files[KEEPER] = text("The keeper", _keeper(options, found, venue), KEEPER_NOTES)
    if found.cosigned:
        files[COSIGNER] = text("The co-signer", _cosigner(options, found), COSIGNER_NOTES)
        if (options.folder / SECRET).exists():
            check_secret(read_secret(options.folder / SECRET))
    places = write_new(options.folder, files)
    if found.cosigned and not (options.folder / SECRET).exists():
        places.append(_write_private(options.folder / SECRET, secrets.token_hex(32) + "\n"))
    return Written(tuple(places), tuple(_left(options, found)))


def refuse_existing(folder: Path, *names: str) -> None:
    """Refuse to write what is there.

    Raises:
        ConfigError: a file of one of the names is in the folder.
    """
    for name in names:
        if os.path.lexists(folder / name):
            raise ConfigError(f"{folder / name} exists already: name another folder")


def write_new(folder: Path, files: Mapping[str, str]) -> list[Path]:
    """Write files by name, none of which is there yet; return their paths.

    Only this user can read them, and look into a folder that is made here: the URL of a node may
    hold a key, and beside the files come keys and journal.

    Raises:
        ConfigError: one is; none was written.
    """
    refuse_existing(folder, *files)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return [_write_private(folder / name, text) for name, text in files.items()]


def _write_private(path: Path, text: str) -> Path:
    """Write a new file that only this user can read."""
    place = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(place, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def _keeper(options: InitOptions, found: VaultFacts, venue: VenueUrls) -> JsonObject:
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
        "operations": {"mode": "paper", "log": "keeper.log", "metrics_port": options.metrics_port},
    }


def _reporter(found: VaultFacts, reporter: SafeFacts) -> JsonObject:
    further = [f"reporter-{number}.json" for number in _further(found, reporter)]
    return {"safe": reporter.address, "owner": "reporter.json"} | (
        {"further_owners": further} if further else {}
    )


def _further(found: VaultFacts, safe: SafeFacts) -> range:
    """Return the numbers of the owners of the reporter's Safe whose keys the keeper needs beside
    the first: none, where a co-signer gives the second of two signatures."""
    cosigned = found.cosigned and safe.threshold == 2
    return range(2, 1 if cosigned else safe.threshold + 1)


def _cosigner(options: InitOptions, found: VaultFacts) -> JsonObject:
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
                "max_order": str(options.max_order),
                "max_per_day": str(options.max_per_day),
                "max_per_minute": 60,
            },
            "transactions": {
                "max_allocation": str(options.max_allocation),
                "max_allocation_per_day": str(options.max_per_day),
                "max_per_minute": 30,
            },
        },
    }


def _place(options: InitOptions, scheme: str = "") -> str:
    """Return where the co-signer listens."""
    if options.tcp is not None:
        return f"{scheme}127.0.0.1:{options.tcp}"
    return f"unix:{options.folder.resolve() / SOCKET}"


def _left(options: InitOptions, found: VaultFacts) -> Iterator[str]:
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


def _reporters_keys(folder: Path, found: VaultFacts, safe: SafeFacts) -> Iterator[str]:
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
