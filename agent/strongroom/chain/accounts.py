"""Whoever sends transactions: a keystore file, an account of ape's, or a key of a test chain.

All three are ordinary keys; a keystore's passphrase comes from STRONGROOM_PASSPHRASE or is asked.
"""

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from eth_account.signers.local import LocalAccount
from eth_utils.address import is_address, to_checksum_address

from strongroom.addresses import typed_address
from strongroom.chain.contracts import Contracts, Key, test_keys
from strongroom.chain.jsonrpc import RpcNode, shown_url
from strongroom.errors import BadInput
from strongroom.settings import unlock

PASSPHRASE = "STRONGROOM_PASSPHRASE"
MNEMONIC = "test test test test test test test test test test test junk"  # anvil's; public
TEST_KEYS = 100
APE_FOLDER = "APE_DATA_FOLDER"  # of the environment, as ape reads it
_TEST = re.compile(r"TEST::(\d+)")


class UnknownAccount(BadInput):
    """There is no such account, or it cannot be used here; the message says what can."""


@dataclass(frozen=True)
class Wallet:
    """Somebody's address, and the way to the key: a keystore is opened only when it signs."""

    address: str
    unlock: Callable[[], Key]


def wallet(name: str, chain: Contracts, ask: Callable[[str], str] | None = None) -> Wallet:
    """Return the account of a name.

    Args:
        name: a keystore file, the name of an account of ape's, TEST::n, or an address, which
            cannot sign
        ask: asks for a passphrase

    Raises:
        UnknownAccount: see the class; `unlock` raises it, too.
        BadInput: the address is mistyped.
        ConfigError: the file is no keystore.
        ChainAway: the node does not answer.
    """
    if match := _TEST.fullmatch(name):
        key = _test_key(int(match[1]), chain)
        return Wallet(key.address, lambda: key)
    if re.fullmatch("0x[0-9a-fA-F]{40}", name):
        return Wallet(typed_address(name), lambda: _no_key(name))
    path = _keystore(name)

    def opened() -> Key:
        return Key(open_keystore(path, PASSPHRASE, chain, ask))

    address = told_address(path)
    if not address:  # a keystore need not say whose it is
        key = opened()
        return Wallet(key.address, lambda: key)
    return Wallet(address, opened)


def open_keystore(
    path: Path, variable: str, node: RpcNode, ask: Callable[[str], str] | None = None
) -> LocalAccount:
    """Return a keystore's account, for a node's chain.

    A key of the test chains' public mnemonic is refused on any other chain: whatever it gets or may
    do there, anybody takes or does.

    Args:
        variable: of the environment, has the passphrase
        ask: is asked for it where the variable is not set

    Raises:
        ConfigError: as `unlock`.
        UnknownAccount: everybody knows the key, and the chain is no test chain.
        ChainAway: the node does not answer which one it is.
    """
    account = unlock(path, variable, ask)
    if account.address in _public() and (client := _real_client(node)):
        raise UnknownAccount(
            f"{path} has a key that everybody knows (of test chains), and {shown_url(node.url)} "
            f"is no test chain ({client}): name another keystore"
        )
    return account


def _test_key(number: int, chain: Contracts) -> Key:
    if client := _real_client(chain):
        raise UnknownAccount(
            f"TEST::{number} is a key that everybody knows, and {shown_url(chain.url)} is no test "
            f"chain ({client}): name a keystore file or an account of `ape accounts list`"
        )
    if number >= TEST_KEYS:
        raise UnknownAccount(f"TEST::{number}: the numbers go up to {TEST_KEYS - 1}")
    return list(test_keys(MNEMONIC, number + 1))[number]


@cache
def _public() -> frozenset[str]:
    return frozenset(each.address for each in test_keys(MNEMONIC, TEST_KEYS))


def _real_client(node: RpcNode) -> str:
    """Return which program the node is; empty for a test chain's."""
    client = str(node.request("web3_clientVersion"))
    return "" if "anvil" in client.lower() else client or "unnamed"


def _no_key(name: str) -> Key:
    raise UnknownAccount(f"{name} is an address without a key: name a keystore file")


def _keystore(name: str) -> Path:
    path = Path(name).expanduser()
    folder = Path(os.environ.get(APE_FOLDER) or Path.home() / ".ape") / "accounts"
    if path.is_file():
        return path
    of_ape = folder / f"{name}.json"
    if of_ape.is_file():
        return of_ape
    known = ", ".join(sorted(each.stem for each in folder.glob("*.json")))
    raise UnknownAccount(
        f"no account {name!r}: name a keystore file, an account of `ape accounts list` "
        f"({known or 'none there'}), or TEST::n on a test chain"
    )


def told_address(path: Path) -> str:
    """Return whose key a keystore says that it has, without opening it; empty: it does not say.

    Raises:
        UnknownAccount: it is no keystore.
    """
    try:
        found = json.loads(path.read_text())
        digits = str(found.get("address", "")).removeprefix("0x")
    except (ValueError, AttributeError, OSError) as error:
        raise UnknownAccount(f"{path} is no keystore: name another file") from error
    return to_checksum_address("0x" + digits) if is_address("0x" + digits) else ""
