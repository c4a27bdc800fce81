"""A keeper's desk in a process of its own, with a bomb at one of its edges."""

import os
import signal
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from eth_account import Account
from py_clob_client_v2.client import ClobClient
from strongroom.chain.ids import intent_key
from strongroom.chain.orders import OrderKind, Side
from strongroom.chain.rpc import Chain
from strongroom.execution.order_desk import Desk
from strongroom.execution.venues.clob import Clob
from strongroom.journal import Journal, OrderIntent
from strongroom.signing.order import ExchangeDomain
from strongroom.signing.signers import OwnKeys
from strongroom.strategy.record import DecisionRecord

from tests.records import RECORD


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

    def place(self, order, signature, kind=OrderKind.GTC, expiry=0):
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


def a_record(name: str) -> DecisionRecord:
    """Return a decision of its own."""
    return replace(RECORD, pack="kill test", question=name)


def wanted(
    place: Place, record: DecisionRecord, decided_at: int, leg: int = 0, price: int = 500_000
) -> OrderIntent:
    """Return one of its orders: ten YES at a limit, 10**-6."""
    return OrderIntent(
        key=intent_key(record.id, leg, 0),
        decision=record.id,
        account=place.account,
        condition=place.market,
        token=place.token,
        side=Side.BUY,
        price=price,
        size=10_000_000,
        time=decided_at,
        exchange=place.exchange,
    )


def run(place: Place, folder: Path, name: str, decided_at: int, bomb_at: int) -> None:
    """Place two orders of one decision, the first to be filled at once, and follow them."""
    bomb = Bomb(bomb_at)
    desk, journal = make_desk(place, folder, bomb)
    record = a_record(name)
    journal.decide(record.id, record)
    desk.recover()
    for leg, price in enumerate((500_000, 100_000)):
        desk.place(wanted(place, record, decided_at, leg, price), Decimal(place.tick))
    for _ in range(200):
        desk.recover()
        if len(journal.open()) == 1:
            break
    (folder / "edges").write_text(str(bomb.edges))
