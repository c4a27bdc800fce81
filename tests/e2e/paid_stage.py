"""A stage for paid calls: anvil with a token, a facilitator, a server, and wallets that pay."""

import asyncio
import json
import time
from dataclasses import dataclass, field

import httpx
from eth_account import Account
from strongroom.chain.artifacts import artifact
from strongroom.chain.contracts import Key
from strongroom.devnet.app_thread import AppThread
from strongroom.devnet.facilitator import FacilitatorServer
from strongroom.payments.budget import Budget
from strongroom.payments.buyer import Buyer
from strongroom.payments.purchases import Purchases
from strongroom.payments.token import PaidToken, TokenDomain
from strongroom.serve import command
from strongroom.serve.configuration import ServeConfig
from strongroom.serve.topics import Reading, TopicSource
from x402 import x402Client
from x402.http.clients.httpx import x402HttpxClient
from x402.mechanisms.evm.exact import register_exact_evm_client

PRICES = {"nav": 1_000, "audit": 2_000, "signals": 3_000}  # base units
SECONDS = 30.0


@dataclass
class Handler:
    """A topic's source that counts, and fails when it is told to."""

    runs: int = 0
    fails: list = field(default_factory=list)  # errors of the next runs; None: it works
    pause_s: float = 0.0  # of each run, so that others come meanwhile

    def read(self, now):
        self.runs += 1
        time.sleep(self.pause_s)
        error = self.fails.pop(0) if self.fails else None
        if error is not None:
            raise error
        return Reading(now, [{"time": 1, "run": self.runs}])


@dataclass
class Place:
    """Chain, token and facilitator; the same for all tests of a module."""

    chain: object
    deployer: Key
    gas: Key
    token: object
    paid: PaidToken
    facilitator: FacilitatorServer

    def wallet(self, amount):
        """Return a new key with so much of the token, and gas."""
        key = Key(Account.create())
        self.token.mint(self.deployer, amount, sender=self.deployer)
        self.token.transfer(key.address, amount, sender=self.deployer)
        self.chain.request("anvil_setBalance", key.address, hex(10**18))
        return key

    def has(self, who):
        return self.token.balanceOf(getattr(who, "address", who))


def place_on(chain, keys):
    """Return the place on a chain, its facilitator running."""
    deployer, gas = keys[0], keys[1]
    token = chain.deploy(deployer, artifact("Usdc"))
    paid = PaidToken(chain, token.address, TokenDomain("USD Coin", "2"))
    facilitator = FacilitatorServer(chain.url, gas, chain.chain_id).start()
    return Place(chain, deployer, gas, token, paid, facilitator)


class Stage:
    """A server over a place, with a store of its own, that can be started again."""

    def __init__(self, place, folder, monkeypatch, facilitator=None, timeout_s=SECONDS):
        self.place, self.folder = place, folder
        self.payee = Account.create().address
        self.handlers = {topic: Handler() for topic in PRICES}
        sources = {
            topic: TopicSource(each.read, lambda data, until: data)
            for topic, each in self.handlers.items()
        }
        monkeypatch.setattr(command, "sources_of", lambda data: sources)
        self.config = ServeConfig.model_validate(
            {
                "listen": "127.0.0.1:0",
                "store": "serve.db",
                "payee": self.payee,
                "chain": {"rpc_url": place.chain.url, "chain_id": place.chain.chain_id},
                "token": {"address": place.token.address},
                "facilitator": {
                    "url": facilitator or place.facilitator.url,
                    "timeout_s": timeout_s,
                },
                "prices": {topic: f"0.{amount:06d}" for topic, amount in PRICES.items()},
                "data": {"fresh_s": 0},
            },
            context=folder,
        )
        self.server = None
        self.start()

    def start(self):
        if self.server is not None:
            self.stop()
        self.shop = command.open_shop(self.config)
        self.server = AppThread(self.shop.app).start()

    def stop(self):
        self.server.stop()
        self.shop.sales.close()
        self.server = None

    def url(self, topic="nav", tier="paid"):
        return f"{self.server.url}/{tier}/{topic}"

    @property
    def earned(self):
        return self.place.has(self.payee)

    def buyer(self, key, transport=None, **limits):
        """Return our buyer of a wallet; its journal is beside the store."""
        most = {"payment": 10_000, "day": 100_000, "payee": 100_000, "route": 100_000} | limits
        journal = Purchases(self.folder / f"{key.address}.db")
        budget = Budget(**most)
        return Buyer(key.account, self.place.paid, journal, budget, transport=transport)

    def stock_client(self, key):
        """Return the package's own client, unmodified, with its own limit."""
        client = x402Client()
        register_exact_evm_client(client, key.account)
        allowed = {
            "network": self.place.paid.network,
            "asset": self.place.token.address,
            "max_amount_per_payment": "10000",
        }
        client.set_spend_controls({"allowed_assets": [allowed]})
        return client

    def pay_with_stock(self, key, topic="nav"):
        """Ask as a stranger's program does; return the answer."""

        async def ask():
            async with x402HttpxClient(self.stock_client(key), timeout=SECONDS) as http:
                answer = await http.get(self.url(topic))
                await answer.aread()
                return answer

        return asyncio.run(ask())

    def stock_header(self, key, topic="nav"):
        """Return a payment as the package's client signs it, and its payload; nothing is sent."""
        from x402.http.utils import decode_payment_required_header, encode_payment_signature_header

        asked = httpx.get(self.url(topic), timeout=SECONDS)
        assert asked.status_code == 402, asked.text
        terms = decode_payment_required_header(asked.headers["PAYMENT-REQUIRED"])
        payload = asyncio.run(self.stock_client(key).create_payment_payload(terms))
        return encode_payment_signature_header(payload), payload

    def send(self, header, topic="nav"):
        return httpx.get(self.url(topic), headers={"PAYMENT-SIGNATURE": header}, timeout=SECONDS)


def data(body):
    return json.loads(body)["data"]
