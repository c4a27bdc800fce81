"""What a match costs through each kind of account, beside one of an EOA: `python -m
scripts.bench.matches`.

One maker order buys 10 tokens at 50 cents, and an EOA's order takes it: on the stand-in exchange of
a binary market, on Exchange V3 of an event's question. The keeper is a Safe of two owners, on V3 a
contract that one key signs for. Of a pool it is a purchase, which the Safe sends. Each runs on an
anvil of its own; the second time counts, because it finds balances. A chain's time is not this
machine's, so each run signs the same: a zero byte of a signature costs 12 gas less than another.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from eth_account import Account
from py_clob_client_v2.order_utils.model.order_data_v2 import OrderV2
from rich.table import Table
from strongroom.devnet.deployer import devnet_chain

from tests.contracts.account_kinds import Delegated, Ordered, Own, Pools, Positions, Safes, Wallets
from tests.contracts.wallet_stage import CAP, CHAIN_ID
from tests.e2e.anvil_evm import AnvilEvm
from tests.property.world import FOREVER, START, UNIT
from tests.signing import BUY, EOA, SELL, key_of, make_order, struct

SIZE, CASH, PRICE = 10 * UNIT, 5 * UNIT, 50  # tokens, collateral, cents
CLOB, V3, POOL = "exchange", "exchange V3", "pool"  # where; each has an EOA of its own
# Upper bounds that the project set itself; the table shows the share used.
BUDGETS = {"gas.match.account_over_eoa": 45_000, "gas.match.wallet_over_eoa": 100_000}


class Trader(Own):
    """An EOA in the account's place."""

    def starts(self, assets: int) -> None:
        """He has collateral and has approved the exchange."""
        self.key = key_of("trader")
        self.wallet_address = self.key.address
        self.pusd.transfer(self.key.address, assets, sender=self.who["maker"])
        self.pusd.approve(self.exchange.address, FOREVER, sender=self.key.address)

    def ours(self, order: OrderV2, **how: Any) -> tuple[Any, ...]:
        """Return his order, signed by his key."""
        amounts = (int(order.makerAmount), int(order.takerAmount), order.side)
        terms = (self.key.address, int(order.tokenId), *amounts)
        made = make_order(*terms, signatureType=EOA, salt=order.salt)
        signature = Account.unsafe_sign_hash(self.hash(made), self.key.key).signature
        return struct(made, bytes(signature))


CONTRACTS = {
    "account": "PolymarketAccount",
    "wallet": "WalletAccount",
    "safe": "SafeAccount",
    "delegated": "DelegatedAccount",
    "position": "PositionAccount",
    "pool": "FpmmAccount",
}
KINDS: dict[str, type[Ordered]] = {
    "eoa": Trader,
    "account": Own,
    "wallet": Wallets,
    "safe": Safes,
    "delegated": Delegated,
}
EOAS = {CLOB: "eoa", V3: "eoa_v3", POOL: "eoa_pool"}
PLACES = (
    *((CLOB, name) for name in KINDS),
    *((V3, "eoa_v3"), (V3, "position"), (POOL, "eoa_pool"), (POOL, "pool")),
)


class SteadyEvm(AnvilEvm):
    """A chain of which each block is a second after the one before."""

    def wait(self, seconds: int, blocks: int = 0) -> None:
        """Let time pass, in a new block."""
        self.chain.request("evm_setNextBlockTimestamp", self.time + seconds)
        self.chain.request("evm_mine")


@contextmanager
def _chain() -> Iterator[AnvilEvm]:
    with devnet_chain(CHAIN_ID, timestamp=START) as chain:
        chain.request("anvil_setBlockTimestampInterval", 1)
        yield SteadyEvm(chain)


def _second(does: Callable[[], object], evm: AnvilEvm) -> int:
    """Do something twice; return the gas of the second time."""
    for _ in range(2):
        does()
    return evm.gas_used


def _size(name: str, stage: Ordered | Positions) -> dict[str, int]:
    """Return the bytes of a kind's code as it is deployed, with its immutables."""
    if name not in CONTRACTS:
        return {}
    return {f"size.{CONTRACTS[name]}": len(stage.evm.code(stage.implementation.address))}


def of_clob(name: str) -> dict[str, int]:
    """Return a match's gas on the exchange, and the account's size."""
    with _chain() as evm:
        stage = KINDS[name](evm, binary=True)
        stage.starts(CAP)
        stage.marks({0: PRICE})
        gas = _second(lambda: stage.makes(0, SIZE, PRICE, BUY), evm)
        return {f"gas.match.{name}": gas} | _size(name, stage)


def of_v3() -> dict[str, int]:
    """Return a match's gas on Exchange V3, an EOA's and a position account's, and its size."""
    with _chain() as evm:
        stage = Positions(evm)
        stage.starts(CAP)
        account = _second(lambda: stage.makes(0, SIZE, PRICE, BUY), evm)
        stage.trader("trader")
        token = stage.tokens[0]

        def match() -> None:
            stage.salts += 1
            salt = str(stage.salts)
            bid = stage.order_of("trader", token, CASH, SIZE, BUY, salt=salt)
            ask = stage.order_of("market maker", token, SIZE, CASH, SELL, salt=salt)
            stage.match(ask, bid, CASH, (SIZE, CASH))

        figures = {"gas.match.eoa_v3": _second(match, evm), "gas.match.position": account}
        return figures | _size("position", stage)


def of_pool() -> dict[str, int]:
    """Return a purchase's gas of a pool, an EOA's and an account's, and its size."""
    with _chain() as evm:
        stage = Pools(evm)
        stage.starts(CAP)
        stage.marks({0: PRICE})
        account = _second(lambda: stage.buys(0, CASH, 1), evm)
        buyer = stage.who["maker"]
        stage.pusd.approve(stage.pool.address, FOREVER, sender=buyer)
        eoa = _second(lambda: stage.pool.buy(CASH, 0, 1, sender=buyer), evm)
        return {"gas.match.eoa_pool": eoa, "gas.match.pool": account} | _size("pool", stage)


def measure() -> dict[str, int]:
    """Return gas by name, of each kind and over the EOA of the same place; sizes of the kinds."""
    figures = of_v3() | of_pool()
    for name in KINDS:
        figures |= of_clob(name)
    for where, name in PLACES:
        over = figures[f"gas.match.{name}"] - figures[f"gas.match.{EOAS[where]}"]
        if name in CONTRACTS:
            figures[f"gas.match.{name}_over_eoa"] = over
    return figures


def table(figures: dict[str, int | float]) -> Table:
    """Return the figures as rows: where, kind, gas, and what it is more than an EOA's."""
    made = Table(title="Gas of a match (of a pool: a purchase) through each kind of account")
    made.add_column("where")
    made.add_column("kind")
    for name in ("gas", "over EOA", "budget", "used"):
        made.add_column(name, justify="right")
    for where, name in PLACES:
        over, budget = (source.get(f"gas.match.{name}_over_eoa") for source in (figures, BUDGETS))
        words = [f"{each:,}" if each is not None else "" for each in (over, budget)]
        used = f"{over / budget:.0%}" if over is not None and budget else ""
        kind = name.removesuffix("_v3").removesuffix("_pool")
        made.add_row(where, kind, f"{figures[f'gas.match.{name}']:,}", *words, used)
    return made


if __name__ == "__main__":
    print(json.dumps(measure()))
