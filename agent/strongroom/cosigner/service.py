"""The co-signer as a process of its own: its file, its key, its node, its door."""

from pathlib import Path
from typing import Any

import uvicorn
from pydantic import BaseModel, ConfigDict, ValidationError

from strongroom.chain.rpc import CHAIN_AWAY, Chain
from strongroom.cosigner.facts import ChainFacts
from strongroom.cosigner.policy import Policy
from strongroom.cosigner.server import Judge, create_app
from strongroom.cosigner.store import Store
from strongroom.settings import ConfigError, describe, read_secret, read_toml, unlock


class CosignerConfig(BaseModel):
    """A co-signer's file. `listen` is host:port on this machine, or unix:/path."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    listen: str
    rpc_url: str
    keystore: Path
    passphrase_env: str = "STRONGROOM_COSIGNER_PASSPHRASE"
    secret_file: Path
    store: str = "sqlite:///cosigner.db"
    policy: Policy


def load(path: Path) -> CosignerConfig:
    """Read a co-signer's file; relative paths in it are relative to the file.

    Raises:
        ConfigError: it cannot be used.
    """
    data = read_toml(path)
    for name in ("keystore", "secret_file"):
        if isinstance(data.get(name), str):
            data[name] = str(path.parent / data[name])
    for name, prefix in (("store", "sqlite:///"), ("listen", "unix:")):
        value = data.get(name, "sqlite:///cosigner.db" if name == "store" else "")
        if isinstance(value, str) and value.startswith(prefix):
            data[name] = f"{prefix}{path.parent / value.removeprefix(prefix)}"
    try:
        return CosignerConfig.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"{path}: {describe(error)}") from error


def make_server(config: CosignerConfig) -> uvicorn.Server:
    """Return the server, ready to run.

    Raises:
        ConfigError: key, secret or node are not there.
    """
    owner = unlock(config.keystore, config.passphrase_env)
    secret = read_secret(config.secret_file)
    try:
        chain = Chain(config.rpc_url)
    except CHAIN_AWAY as error:
        raise ConfigError(f"[rpc_url] {config.rpc_url} does not answer") from error
    if chain.chain_id != config.policy.chain_id:
        raise ConfigError(
            f"[policy.chain_id] the node is on chain {chain.chain_id}, the file says "
            f"{config.policy.chain_id}"
        )
    judge = Judge(config.policy, owner, ChainFacts(chain, config.policy.vault), Store(config.store))
    try:
        app = create_app(judge, secret)
    except ValueError as error:
        raise ConfigError(f"[secret_file] {error}") from error
    if config.listen.startswith("unix:"):
        where: dict[str, Any] = {"uds": config.listen.removeprefix("unix:")}
    else:
        host, _, port = config.listen.rpartition(":")
        where = {"host": host or "127.0.0.1", "port": int(port)}
    return uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, **where))
