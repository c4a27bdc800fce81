"""The co-signer as a process of its own: its file, its key, its node, its socket."""

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import uvicorn
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from strongroom.app_server import app_server
from strongroom.chain.accounts import open_keystore
from strongroom.chain.failures import ChainAway
from strongroom.chain.nodes import Agreement, one_node
from strongroom.chain.rpc import TIMEOUT_S, Chain
from strongroom.cosigner.client import CosignerClient
from strongroom.cosigner.facts import ChainFacts
from strongroom.cosigner.mandate_watch import MandateConfig, MandateWatch
from strongroom.cosigner.policy import Policy
from strongroom.cosigner.server import MAX_BODY, Judge, create_app
from strongroom.cosigner.store import Store
from strongroom.cosigner.wire import BadSecret
from strongroom.own_server import reached_at
from strongroom.settings import (
    ConfigError,
    DatabaseUrl,
    HttpUrl,
    Place,
    after,
    describe,
    lock_of,
    only_one,
    read_secret,
    read_toml,
)

LEAVE_S = 10  # at the end, for signatures that are under way


class CosignerConfig(BaseModel):
    """A co-signer's file. `listen` is host:port on this machine, or unix:/path."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    listen: Annotated[str, after("unix:")]
    rpc_url: HttpUrl
    further_rpc_urls: tuple[HttpUrl, ...] = ()  # asked where the first cannot be
    keystore: Place
    passphrase_env: str = "STRONGROOM_COSIGNER_PASSPHRASE"
    secret_file: Place
    store: DatabaseUrl = Field("sqlite:///cosigner.db", validate_default=True)
    policy: Policy
    mandate: MandateConfig | None = None  # none: the policy holds alone


def load(path: Path) -> CosignerConfig:
    """Read a co-signer's file; relative paths in it are relative to the file.

    Raises:
        ConfigError: it cannot be used.
    """
    try:
        return CosignerConfig.model_validate(read_toml(path), context=path.parent)
    except ValidationError as error:
        raise ConfigError(f"{path}: {describe(error, CosignerConfig)}") from error


def make_server(config: CosignerConfig) -> uvicorn.Server:
    """Return the server, ready to run.

    Raises:
        ConfigError: key, secret or node are not there, or the mandate does not count.
        UnknownAccount: everybody knows the key, and the chain is no test chain.
    """
    secret = read_secret(config.secret_file)
    try:
        agreement = Agreement(config.policy.chain_id)
        urls = (config.rpc_url, *config.further_rpc_urls)
        chain = Chain(one_node(urls, TIMEOUT_S, agreement))
    except ChainAway as error:
        raise ConfigError(f"[rpc_url] {error}") from error
    if chain.chain_id != config.policy.chain_id:
        raise ConfigError(
            f"[policy.chain_id] the node is on chain {chain.chain_id}, the file says "
            f"{config.policy.chain_id}"
        )
    owner = open_keystore(config.keystore, config.passphrase_env, chain.node)
    store, facts = Store(config.store), ChainFacts(chain, config.policy.vault)
    watch = None
    if config.mandate is not None:
        try:
            watch = MandateWatch(config.mandate, config.policy, chain, store)
        except ChainAway as error:
            raise ConfigError(f"[mandate] {error}") from error
    judge = Judge(config.policy, owner, facts, store, watch)
    try:
        app = create_app(judge, secret)
    except BadSecret as error:
        raise ConfigError(f"[secret_file] {error}") from error
    return app_server(app, LEAVE_S, MAX_BODY)


def serve(config: CosignerConfig, on_open: Callable[[str], None] = lambda words: None) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        on_open: is called with one sentence once the door is open

    Raises:
        ConfigError: key, secret, node or door are not there.
        AlreadyRuns: a co-signer listens there.
    """
    with door(config.listen) as listening:
        server = make_server(config)
        policy = config.policy
        on_open(
            f"listening on {config.listen}, policy: packs {', '.join(policy.orders.packs)}, "
            f"{policy.orders.max_order} an order, {policy.orders.max_per_day} a day; "
            f"for Safe {policy.safe} on chain {policy.chain_id}"
            + (f", within the mandate {config.mandate.file}" if config.mandate else "")
        )
        with _ended_gently():
            server.run(sockets=[listening])


def ask(config: CosignerConfig) -> str:
    """Ask the co-signer that runs with this file whether it could sign; return a sentence.

    Raises:
        CosignerAway: it does not answer, or says that it could not.
        ConfigError: the secret is not there, or others may read it.
    """
    place, secret = config.listen, read_secret(config.secret_file)
    if not place.startswith("unix:"):
        host, _, port = place.rpartition(":")
        place = f"http://{reached_at(host)}:{port}"
    CosignerClient(place, secret, timeout_s=TIMEOUT_S).check()
    return f"the co-signer at {config.listen} could sign: it, its node and its store are there"


@contextmanager
def _ended_gently() -> Iterator[None]:
    """Let a signal that the server has obeyed be no error: it sends it again when it is done."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, lambda *_: None)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def door(listen: str) -> Iterator[socket.socket]:
    """Yield the socket to listen on: host:port, or unix:/path, which only this user may open and
    which is gone afterwards.

    Raises:
        ConfigError: it cannot be opened.
        AlreadyRuns: a co-signer listens on the path.
    """
    if not listen.startswith("unix:"):
        with _tcp(listen) as listening:
            yield listening
        return
    path = Path(listen.removeprefix("unix:"))
    with only_one(lock_of(path), f"a co-signer on {path}"):
        path.unlink(missing_ok=True)  # of a process that died
        try:
            with socket.socket(socket.AF_UNIX) as listening:
                mask = os.umask(0o177)
                try:
                    listening.bind(str(path))
                finally:
                    os.umask(mask)
                listening.listen()  # who has heard of the door may knock
                yield listening
        except OSError as error:
            raise ConfigError(f"[listen] {listen}: {error.strerror or error}") from error
        finally:
            path.unlink(missing_ok=True)


def _tcp(listen: str) -> socket.socket:
    host, _, port = listen.rpartition(":")
    listening = socket.socket()
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host or "127.0.0.1", int(port)))
        listening.listen()
    except (OSError, ValueError) as error:
        listening.close()
        raise ConfigError(f"[listen] {listen} cannot be opened: is the port in use?") from error
    return listening
