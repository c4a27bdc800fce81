"""The files that an operator of a devnet's vault would write: keystores, keeper.toml,
cosigner.toml."""

import json
import secrets
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import tomli_w
from eth_account import Account
from eth_account.signers.local import LocalAccount

from strongroom.chain.ids import JsonObject, keccak
from strongroom.devnet import polymarket
from strongroom.devnet.contracts import Venue

PASSPHRASE = "devnet"
KEEPER, COSIGNER = "keeper.toml", "cosigner.toml"
PASSPHRASES = (
    "STRONGROOM_OWNER_PASSPHRASE",
    "STRONGROOM_EXECUTOR_PASSPHRASE",
    "STRONGROOM_REPORTER_PASSPHRASE",
    "STRONGROOM_COSIGNER_PASSPHRASE",
    "STRONGROOM_WALLET_PASSPHRASE",
    "STRONGROOM_SAFES_PASSPHRASE",
)
PACKS = ("tail", "dutch", "bundle", "maker", "hedge", "informed")


@dataclass(frozen=True)
class Operation:
    """What the files are about.

    Attributes:
        reporter: Safe that reports, of other keys than the keeper's but for the co-signer's
        reporter_owner: its first owner; the co-signer is the second
        wallets: the keeper's deposit wallets, addresses
        builder_key: for the relayer; empty: the keeper needs none
        safes: keystore from which the keys of Safes are made; empty: likewise
        socket: where the co-signer listens
    """

    rpc_url: str
    service_url: str
    venue: Venue
    vault: str
    safe: str
    reporter: str
    reporter_owner: LocalAccount
    multi_send: str
    owners: Sequence[LocalAccount]
    executor: LocalAccount
    classes: Sequence[int]
    wallets: Sequence[str]
    builder_key: Mapping[str, str]
    socket: Path
    safes: str = ""

    def write(self, folder: Path, sections: str, policy: str) -> None:
        """Write everything.

        Args:
            sections: further ones of the keeper's file, TOML: packs, sizing, reporting ...
            policy: further lines of the co-signer's [policy], TOML
        """
        owner, cosigner, *_ = self.owners
        for name, account in (
            ("owner", owner),
            ("cosigner", cosigner),
            ("reporter", self.reporter_owner),
            ("executor", self.executor),
        ):
            write_keystore(folder / f"{name}.json", account)
        write_secret(folder / "secret", secrets.token_hex(32))
        if self.builder_key:
            write_secret(folder / "builder.json", json.dumps(self.builder_key))
        keeper = merged(self._keeper(), tomllib.loads(sections))
        signer = merged(self._cosigner(), {"policy": tomllib.loads(policy)})
        (folder / KEEPER).write_text(tomli_w.dumps(keeper))
        (folder / COSIGNER).write_text(tomli_w.dumps(signer))

    def _keeper(self) -> JsonObject:
        venue = self.venue
        relayer = {"url": f"{self.service_url}/relayer", "key_file": "builder.json"}
        return {
            "vault": self.vault,
            "classes": list(self.classes),
            "chain": {
                "rpc_url": self.rpc_url,
                "chain_id": polymarket.CHAIN_ID,
                "confirmations": 0,
            },
            "keys": {"owner": "owner.json", "executor": "executor.json"},
            "safe": {"address": self.safe, "multi_send": self.multi_send},
            "reporter": {"safe": self.reporter, "owner": "reporter.json"},
            "cosigner": {"url": f"unix:{self.socket}", "secret_file": "secret"},
            "venue": {
                "clob_url": self.service_url,
                "gamma_url": f"{self.service_url}/gamma",
                "negative_risk_oracle": venue.neg_risk_adapter.address,
                "heartbeat": False,
                "exchanges": [
                    {"address": venue.exchange.address, "negative_risk": False},
                    {"address": venue.neg_risk_exchange.address, "negative_risk": True},
                ],
                "wallets": [
                    {"address": address, "key": f"wallet-{number}.json"}
                    for number, address in enumerate(self.wallets)
                ],
                **({"relayer": relayer} if self.builder_key else {}),
                **({"safes": {"secret": self.safes}} if self.safes else {}),
            },
        }

    def _cosigner(self) -> JsonObject:
        return {
            "listen": f"unix:{self.socket}",
            "rpc_url": self.rpc_url,
            "keystore": "cosigner.json",
            "secret_file": "secret",
            "policy": {
                "vault": self.vault,
                "safe": self.safe,
                "reporter": self.reporter,
                "multi_send": self.multi_send,
                "chain_id": polymarket.CHAIN_ID,
                "classes": list(self.classes),
                "wallets": list(self.wallets),
                "orders": {
                    "exchanges": [
                        self.venue.exchange.address,
                        self.venue.neg_risk_exchange.address,
                    ],
                    "packs": list(PACKS),
                    "min_price": "0.001",
                    "max_price": "0.99",
                    "max_order": "5000",
                    "max_per_day": "100000000",
                    "max_per_minute": 600,
                },
                "transactions": {
                    "max_allocation": "10000",
                    "max_allocation_per_day": "100000000",
                    "max_per_minute": 600,
                },
            },
        }


def own_key(folder: Path, name: str) -> LocalAccount:
    """Return a key of a devnet's own, worth nothing: the same for the same folder."""
    made: LocalAccount = Account.from_key(keccak(f"{folder} {name}".encode()))
    return made


def write_keystore(path: Path, account: LocalAccount) -> None:
    """Write a light keystore: the devnet's keys are worth nothing."""
    text = Account.encrypt(account.key, PASSPHRASE, kdf="pbkdf2", iterations=1_000)
    write_secret(path, json.dumps(text))


def write_secret(path: Path, text: str) -> None:
    """Write a file that only this user may read."""
    path.touch(mode=0o600)
    path.write_text(text)


def merged(one: JsonObject, other: JsonObject) -> JsonObject:
    """Return both tables as one; where both have a value, the other's counts."""
    found = dict(one)
    for key, value in other.items():
        mine = found.get(key)
        both = isinstance(mine, Mapping) and isinstance(value, Mapping)
        found[key] = merged(mine, value) if both else value  # type: ignore[arg-type]  # both are
    return found
