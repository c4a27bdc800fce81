"""How fast orders are built and signed beside the official client: python -m scripts.bench_keeper

Both sign with coincurve and hash with pysha3, in the same process, one core. The official client
signs an EOA's order; ours builds the order from a decision, hashes it, and signs it as the owners
of a Safe, envelope included.
"""

import json
import os
import time
from collections.abc import Callable
from decimal import Decimal

os.environ.setdefault("ETH_HASH_BACKEND", "pysha3")  # read when eth_hash is first used

from eth_account import Account
from py_clob_client_v2.order_utils.exchange_order_builder_v2 import ExchangeOrderBuilderV2
from py_clob_client_v2.order_utils.model.order_data_v2 import OrderDataV2
from py_clob_client_v2.order_utils.model.side import Side
from py_clob_client_v2.signer import Signer

from agent.execution.orders import ExchangeDomain, build_order, order_hash
from agent.execution.signing import sign_order

ROUNDS, CHUNK = 9, 500
CHAIN_ID = 137
DOMAIN = ExchangeDomain("0xE111180000d2663C0091e4f400237545B87B996B", "2", CHAIN_ID)
ACCOUNT, SAFE = "0x" + "33" * 20, "0x" + "44" * 20
TOKEN = 2**255 - 19


def figures() -> dict[str, float]:
    """Return orders per second: the best of some rounds, taken in turns."""
    makers = {
        "keeper.orders_per_s.official": _official(),
        "keeper.orders_per_s.safe1": _ours(1),
        "keeper.orders_per_s.safe2of3": _ours(2),
    }
    best = dict.fromkeys(makers, 0.0)
    for _ in range(ROUNDS):
        for name, make in makers.items():
            start = time.perf_counter()
            for number in range(CHUNK):
                make(number)
            best[name] = max(best[name], CHUNK / (time.perf_counter() - start))
    return {name: round(rate) for name, rate in best.items()}


def _official() -> Callable[[int], object]:
    key = Account.from_key(b"\x07" * 32)
    signer = Signer("0x" + key.key.hex(), CHAIN_ID)
    builder = ExchangeOrderBuilderV2(DOMAIN.address, CHAIN_ID, signer)

    def make(number: int) -> object:
        return builder.build_signed_order(
            OrderDataV2(
                maker=key.address,
                tokenId=str(TOKEN),
                makerAmount=str(510_000 + number),
                takerAmount="1000000",
                side=Side.BUY,
            )
        )

    return make


def _ours(owners: int) -> Callable[[int], object]:
    keys = [Account.from_key(bytes([number]) * 32) for number in range(1, owners + 1)]
    price, tick = Decimal("0.51"), Decimal("0.01")

    def make(number: int) -> object:
        decision = number.to_bytes(32, "big")
        order = build_order(ACCOUNT, TOKEN, price, 10_000_000, tick, decision, 1_800_000_000_000)
        digest = order_hash(order, DOMAIN)
        return sign_order(order, digest, 1_800_000_300, 0, SAFE, CHAIN_ID, keys)

    return make


if __name__ == "__main__":
    found = figures()
    print(json.dumps(found, indent=2))
    ratio = found["keeper.orders_per_s.safe1"] / found["keeper.orders_per_s.official"]
    print(f"1-of-1 Safe over official client: {ratio:.1f}")
