"""The server as commands run it: its file, its node, its store, its door."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
from fastapi import FastAPI
from x402.http import FacilitatorConfig
from x402.http.facilitator_client import HTTPFacilitatorClientSync

from strongroom.app_server import app_server, opened
from strongroom.chain.accounts import open_keystore
from strongroom.chain.contracts import Key
from strongroom.chain.ending_line import EndingLine
from strongroom.chain.units import DAY
from strongroom.chain.whole_answers import WholeAnswers
from strongroom.own_server import LOOPBACK
from strongroom.payments.configuration import open_token
from strongroom.payments.token import PaidToken
from strongroom.serve.application import create_app
from strongroom.serve.configuration import ServeConfig
from strongroom.serve.desk import TopicDesk
from strongroom.serve.refunds import Refund, look, pay_all, refunds_of
from strongroom.serve.sales import SaleBook
from strongroom.serve.selling import Seller
from strongroom.serve.topics import sources_of
from strongroom.settings import ConfigError, lock_of, only_one

KEPT_S = DAY  # answers, for buyers who lost theirs
LEAVE_S = 10  # for calls that are under way at the end


@dataclass(frozen=True)
class Shop:
    """A server's parts."""

    app: FastAPI
    sales: SaleBook
    token: PaidToken


def open_shop(config: ServeConfig, clock: Callable[[], float] = time.time) -> Shop:
    """Return a server's parts, ready to serve.

    Raises:
        ConfigError: the file does not fit what is there.
        ChainAway: the node does not answer.
    """
    token, sales = open_token(config.chain, config.token), SaleBook(config.store)
    sales.forget_answers(int(clock()) - KEPT_S)
    patience = config.facilitator.timeout_s
    line = httpx.Client(timeout=patience, transport=WholeAnswers(EndingLine(), max_s=patience))
    told = FacilitatorConfig(config.facilitator.url, patience, line)
    seller = Seller(sales, HTTPFacilitatorClientSync(told), token, clock)
    desk = TopicDesk(sources_of(config.data), config.data.fresh_s, config.free, clock)
    if not desk.topics:
        raise ConfigError("[data] names nothing that is known: name `audit`, `journal`, ...")
    return Shop(create_app(config, desk, seller, token), sales, token)


def serve(config: ServeConfig, on_open: Callable[[str], None], seconds: float | None) -> None:
    """Serve until a signal, or for some seconds.

    Args:
        on_open: is called with one sentence once the door is open

    Raises:
        AlreadyRuns: a server has this store.
        ConfigError, ChainAway: as for open_shop.
    """
    with only_one(lock_of(config.store), f"a server with the store {config.store}"):
        shop = open_shop(config)
        with _door(config.listen) as door:
            server = app_server(shop.app, LEAVE_S, proxies=config.proxies)
            if seconds is not None:
                timer = threading.Timer(seconds, setattr, (server, "should_exit", True))
                timer.daemon = True
                timer.start()
            host, port = door.getsockname()[:2]
            on_open(f"http://{host}:{port}/ until Ctrl-C; paid to {config.payee}")
            server.run(sockets=[door])


def refunds(
    config: ServeConfig, pays: bool, said: Callable[[str], None], clock: Callable[[], float]
) -> list[Refund]:
    """Follow what was left open, pay back what is owed if asked to, and return all refunds.

    Raises:
        ConfigError: there is no wallet for refunds in the file, or its keystore does not open.
        TransactionRefused, ChainAway, Differs: as for refunds.pay_all.
    """
    token, sales = open_token(config.chain, config.token), SaleBook(config.store)
    look(sales, token, int(clock()))
    if pays:
        if config.refunds is None:
            raise ConfigError("[refunds] names no wallet: add `keystore`, and give it a little")
        section = config.refunds
        account = open_keystore(section.keystore, section.passphrase_env, token.chain)
        pay_all(sales, token, Key(account), lambda sale, by: said(f"{sale.paid.payer}: {by}"))
    return refunds_of(sales)


@contextmanager
def _door(listen: str) -> Iterator[socket.socket]:
    host, _, port = listen.rpartition(":")
    try:
        door = opened(host.strip("[]") or LOOPBACK[0], int(port))
    except (OSError, ValueError, OverflowError) as error:
        raise ConfigError(f"[listen] {listen} cannot be opened: is the port in use?") from error
    with door:
        yield door
