"""Settings files and secrets: TOML into typed sections, keystores, what two processes share.

Whatever does not fit is a `ConfigError` that names the place in the file and what to do.
"""

import os
import tomllib
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from pydantic import BaseModel, ConfigDict, ValidationError

from strongroom.errors import BadInput


class ConfigError(BadInput):
    """The configuration cannot be used; the message says where and what to do."""


class Section(BaseModel):
    """A part of a file: unknown keys are refused, nothing changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def read_toml(path: Path) -> dict[str, Any]:
    """Return what a file holds.

    Raises:
        ConfigError: it is missing or no TOML.
    """
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}): name a file") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: no TOML: {error}") from error


def describe(error: ValidationError) -> str:
    """Return what is wrong with a file, one line a place."""
    return "\n".join(
        f"[{'.'.join(str(part) for part in each['loc'])}] {each['msg']}"
        for each in error.errors(include_url=False, include_input=False)
    )


def unlock(path: Path, variable: str) -> LocalAccount:
    """Return the account of a keystore file.

    Raises:
        ConfigError: the file or the passphrase is missing or wrong.
    """
    try:
        text = path.read_text()
    except OSError as error:
        raise ConfigError(
            f"keystore {path}: {error.strerror}: make one with `ape accounts generate` or "
            "eth_account"
        ) from error
    passphrase = os.environ.get(variable)
    if passphrase is None:
        raise ConfigError(f"keystore {path}: set {variable} to its passphrase")
    try:
        account: LocalAccount = Account.from_key(Account.decrypt(text, passphrase))
        return account
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"keystore {path}: no keystore, or {variable} is not its passphrase"
        ) from error


def read_secret(path: Path) -> bytes:
    """Return what keeper and co-signer share.

    Raises:
        ConfigError: the file is missing.
    """
    try:
        return path.read_bytes().strip()
    except OSError as error:
        raise ConfigError(
            f"[cosigner.secret_file] {path}: {error.strerror}: "
            "write one with `openssl rand -hex 32`"
        ) from error
