"""A crowd of official clients, each a process of its own, and the count afterwards.

The count shares nothing with the service: it reads the clients' messages and the chain.
"""

import logging
import multiprocessing
import random
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from typing import TypedDict, cast

from py_clob_client_v2.client import ClobClient
from py_clob_client_v2.clob_types import AssetType, BalanceAllowanceParams, OrderArgsV2

from strongroom.chain.units import MICRO
from strongroom.devnet.contracts import Venue

FINAL = ("CONFIRMED", "FAILED")


class _MakerOrder(TypedDict):
    order_id: str
    maker_address: str
    matched_amount: str
    price: str
    asset_id: str


class _Trade(TypedDict):
    """A trade as clients get it."""

    status: str
    maker_address: str
    taker_order_id: str
    asset_id: str
    size: str
    price: str
    fee: str
    maker_orders: list[_MakerOrder]


@dataclass(frozen=True)
class Crowd:
    """What to do: every key posts as many orders, on the markets' tokens (YES, NO)."""

    url: str
    chain_id: int
    keys: Sequence[str]
    markets: Sequence[tuple[str, str]]
    orders_each: int


@dataclass(frozen=True)
class CrowdResult:
    """How it went."""

    placed: int
    seconds: float  # from the first order to the last answer
    settled_seconds: float  # ... to the end of the last trade

    @property
    def orders_per_s(self) -> float:
        """Orders placed and settled a second."""
        return self.placed / self.settled_seconds


def log_in(url: str, chain_id: int, key: str) -> ClobClient:
    """Return a client with its API key and its balance seen."""
    # the client would print that a key exists already, which is no error; failures are raised
    logging.getLogger("py_clob_client_v2").setLevel(logging.CRITICAL)
    client = ClobClient(url, chain_id, key=key)
    client.set_api_creds(client.create_or_derive_api_key())
    client.update_balance_allowance(BalanceAllowanceParams(asset_type=AssetType.COLLATERAL))
    return client


def run(crowd: Crowd) -> CrowdResult:
    """Let everybody trade at once; wait until every trade has ended."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(len(crowd.keys), mp_context=context) as pool:
        list(pool.map(_warm_up, [crowd] * len(crowd.keys), range(len(crowd.keys))))
        start = time.monotonic()
        jobs = [pool.submit(_trade, crowd, number) for number in range(len(crowd.keys))]
        placed = sum(job.result() for job in jobs)
        answered = time.monotonic()
    clients = [log_in(crowd.url, crowd.chain_id, key) for key in crowd.keys]
    for client in clients:  # nothing new comes in, so one behind the other
        while any(trade["status"] not in FINAL for trade in client.get_trades()):
            time.sleep(0.5)
    return CrowdResult(placed, answered - start, time.monotonic() - start)


def differences(crowd: Crowd, before: Mapping[str, int], venue: Venue) -> list[str]:
    """Say where trades, orders, books and the chain disagree; empty: they agree to the unit.

    Args:
        before: address -> pUSD at the start, micro-units
    """
    found = []
    bids: dict[str, Decimal] = {}
    for key in crowd.keys:
        client = log_in(crowd.url, crowd.chain_id, key)
        address = str(client.get_address())
        spent, held, matched = _sum_up(cast(list[_Trade], client.get_trades()), address)
        collateral = venue.pusd.balanceOf(address)
        if collateral != before[address] - spent:
            found.append(f"{address}: pUSD {collateral}, by its trades {-spent} moved")
        for token in (token for pair in crowd.markets for token in pair):
            there = venue.ctf.balanceOf(address, int(token))
            if there != held.get(token, 0):
                found.append(f"{address}: {there} of {token}, by its trades {held.get(token, 0)}")
        for order in client.get_open_orders():
            done = _micro(order["size_matched"])
            if done != matched.get(order["id"], 0):
                found.append(f"order {order['id']}: matched {done}, by trades {matched}")
            status = venue.exchange.getOrderStatus(bytes.fromhex(order["id"][2:]))
            size, price = _micro(order["original_size"]), Decimal(order["price"])
            left = int((size - done) * price)
            if done and (status.filled or status.remaining != left):
                found.append(
                    f"order {order['id']}: the exchange has {status.remaining}, not {left}"
                )
            level = f"{order['asset_id']}@{order['price']}"
            bids[level] = bids.get(level, Decimal(0)) + (size - done)
    books = _books(log_in(crowd.url, crowd.chain_id, crowd.keys[0]), crowd.markets)
    if books != bids:
        found.append("the books are not the sum of the open orders")
    return found


def _warm_up(crowd: Crowd, number: int) -> None:
    log_in(crowd.url, crowd.chain_id, crowd.keys[number])


def _trade(crowd: Crowd, number: int) -> int:
    """Bid for either token of random markets around even odds: about half of it meets."""
    chance = random.Random(number)
    client = log_in(crowd.url, crowd.chain_id, crowd.keys[number])
    for _ in range(crowd.orders_each):
        token = chance.choice(chance.choice(crowd.markets))
        args = OrderArgsV2(
            token_id=token,
            price=chance.randint(46, 54) / 100,
            size=chance.randint(5, 20),
            side="BUY",
        )
        client.post_order(client.create_order(args), defer_exec=True)
    return crowd.orders_each


def _sum_up(trades: Sequence[_Trade], address: str) -> tuple[int, dict[str, int], dict[str, int]]:
    """Return what an address's confirmed BUYs cost, what they brought, and each order's part."""
    spent, held, matched = 0, dict[str, int](), dict[str, int]()

    def add(order: str, token: str, size: int, price: str) -> None:
        nonlocal spent
        spent += int(size * Decimal(price))
        held[token] = held.get(token, 0) + size
        matched[order] = matched.get(order, 0) + size

    for trade in trades:
        if trade["status"] != "CONFIRMED":
            continue
        if trade["maker_address"] == address:
            size = _micro(trade["size"])
            add(trade["taker_order_id"], trade["asset_id"], size, trade["price"])
            spent += _micro(trade["fee"])
        for maker in trade["maker_orders"]:
            if maker["maker_address"] == address:
                size = _micro(maker["matched_amount"])
                add(maker["order_id"], maker["asset_id"], size, maker["price"])
    return spent, held, matched


def _books(client: ClobClient, markets: Sequence[tuple[str, str]]) -> dict[str, Decimal]:
    """Return token@price -> micro-tokens bid, from the books of all tokens."""
    levels = {}
    for token in (token for pair in markets for token in pair):
        for level in client.get_order_book(token)["bids"]:
            levels[f"{token}@{level['price']}"] = Decimal(_micro(level["size"]))
    return levels


def _micro(text: str) -> int:
    return int(Decimal(text) * MICRO)
