"""A keeper's desk in a process of its own, with a bomb at one of its edges."""

import os
import signal
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from eth_account import Account
from py_clob_client_v2.client import ClobClient
from strongroom.chain.ids import decision_id
from strongroom.chain.rpc import Chain
from strongroom.execution.order_desk import Desk, Wanted
from strongroom.execution.venues.clob import Clob
from strongroom.journal import Journal
from strongroom.signing.order import ExchangeDomain
from strongroom.signing.signers import OwnKeys


@dataclass(frozen=True)
class Place:
    """Where the child works; everything that it cannot make up itself."""

    service: str
    rpc: str
    chain_id: int
    exchange: str
    executor: str  # private key of the API key's EOA
    safe: str
    owners: tuple[str, ...]
    account: str
    market: str
    token: int
    tick: str


class Bomb:
    """Kills its own process at the given edge: SIGKILL, no clean-up of any kind."""

    def __init__(self, at: int) -> None:
        self.at, self.edges = at, 0

    def __call__(self, what: str = "") -> None:
        self.edges += 1
        if self.edges == self.at:
            os.kill(os.getpid(), signal.SIGKILL)


class FragileClob(Clob):
    """The venue, with an edge after each answer and before it is used."""

    def __init__(self, client: ClobClient, bomb: Bomb) -> None:
        super().__init__(client)
        self._bomb = bomb

    def place(self, order, signature, kind="GTC", expiry=0):
        answer = super().place(order, signature, kind, expiry)
        self._bomb("placed")
        return answer

    def look(self, order_hash):
        answer = super().look(order_hash)
        self._bomb("looked")
        return answer


def make_desk(place: Place, folder: Path, bomb: Bomb) -> tuple[Desk, Journal]:
    """Put the desk together as a start of the keeper does."""
    client = ClobClient(place.service, place.chain_id, key=place.executor)
    client.set_api_creds(client.create_or_derive_api_key())
    journal = Journal(f"sqlite:///{folder / 'journal.db'}", bomb)
    desk = Desk(
        journal,
        Chain(place.rpc),
        FragileClob(client, bomb),
        OwnKeys(place.safe, place.chain_id, [Account.from_key(key) for key in place.owners]),
        [ExchangeDomain(place.exchange, "2", place.chain_id)],
    )
    return desk, journal


def run(place: Place, folder: Path, name: str, decided_at: int, bomb_at: int) -> None:
    """Place two orders of one decision, the first to be filled at once, and follow them."""
    bomb = Bomb(bomb_at)
    desk, journal = make_desk(place, folder, bomb)
    record = {"pack": "kill test", "name": name}
    decision = decision_id(record)
    journal.decide(decision, record)
    desk.recover()
    for leg, price in enumerate(("0.50", "0.10")):
        wanted = Wanted(
            account=place.account,
            condition=place.market,
            exchange=place.exchange,
            token=place.token,
            side="BUY",
            price=Decimal(price),
            tick=Decimal(place.tick),
            size=10_000_000,
            leg=leg,
        )
        desk.place(decision, decided_at, wanted)
    for _ in range(200):
        desk.recover()
        if len(journal.open()) == 1:
            break
    (folder / "edges").write_text(str(bomb.edges))
