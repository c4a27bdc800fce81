"""Another public engine on the same prices, in the environment of peer.py: hftbacktest, whose
strategies are compiled. The prices are best quotes of one book, a cent away on both sides.

    .venv-peer/bin/python scripts/bench/peer_hft.py build/bench/prices-10000000.parquet 1000000 100
"""

import json
import sys
import time

import numpy as np
import pyarrow.parquet as pq
from hftbacktest import (
    BUY_EVENT,
    DEPTH_EVENT,
    EXCH_EVENT,
    GTC,
    LIMIT,
    LOCAL_EVENT,
    SELL_EVENT,
    BacktestAsset,
    HashMapMarketDepthBacktest,
)
from hftbacktest.types import event_dtype
from numba import njit

FED = 2  # what wait_next_feed says of an event
SECOND = 10**9  # ns


def quotes(file: str, events: int) -> np.ndarray:
    """Return four rows a price: the old bid and ask go, the new ones come."""
    table = next(pq.ParquetFile(file).iter_batches(events, columns=["price"]))
    prices = table["price"].to_numpy() // 1_000 / 1_000  # thousandths
    rows = np.zeros(4 * len(prices), event_dtype)
    for side, which, away in ((0, BUY_EVENT, -0.01), (1, SELL_EVENT, 0.01)):
        new = np.round(prices + away, 3)
        for place, prices_there, size in ((0, np.roll(new, 1), 0), (2, new, 200)):
            own = rows[place + side :: 4]
            own["ev"] = EXCH_EVENT | LOCAL_EVENT | DEPTH_EVENT | which
            own["px"], own["qty"] = prices_there, size
            own["exch_ts"] = (1_700_000_000 + np.arange(len(prices))) * SECOND
            own["local_ts"] = own["exch_ts"]
    return rows


@njit  # type: ignore[untyped-decorator]
def play(engine, every):  # type: ignore[no-untyped-def]
    """Buy and sell in turn, every so many prices; return the prices seen and the orders."""
    seen, orders = 0, 0
    while engine.wait_next_feed(False, 10**15) == FED:
        seen += 1
        if seen % every == 0:
            depth = engine.depth(0)
            if orders % 2 == 0:
                engine.submit_buy_order(0, orders, depth.best_ask, 10, GTC, LIMIT, False)
            else:
                engine.submit_sell_order(0, orders, depth.best_bid, 10, GTC, LIMIT, False)
            orders += 1
            engine.clear_inactive_orders(0)
    return seen, orders


def engine_on(rows: np.ndarray) -> HashMapMarketDepthBacktest:
    """Return the engine before the first row."""
    asset = (
        BacktestAsset()
        .add_data(rows)
        .linear_asset(1.0)
        .constant_order_latency(0, 0)
        .risk_adverse_queue_model()
        .no_partial_fill_exchange()
        .trading_value_fee_model(0.0, 0.01)
        .tick_size(0.001)
        .lot_size(1.0)
    )
    return HashMapMarketDepthBacktest([asset])


def main(file: str, events: int, every: int) -> None:
    """Print prices a second of the CPU's time as JSON; compiling does not count."""
    rows = quotes(file, events)
    play(engine_on(rows[:4_000]), every)
    engine = engine_on(rows)
    started = time.process_time()
    seen, orders = play(engine, every)
    seconds = time.process_time() - started
    state = engine.state_values(0)
    print(
        json.dumps(
            {
                "events_per_s": seen / seconds,
                "orders": orders,
                "trades": int(state.num_trades),
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
