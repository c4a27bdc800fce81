"""A public engine on the same prices, in an environment of its own (make bench sets it up):
nautilus_trader on quotes of one binary option, a cent away, with an order every so many events.

    .venv-peer/bin/python scripts/bench/peer.py build/bench/prices-10000000.parquet 1000000 100
"""

import json
import sys
import time
from decimal import Decimal

import pyarrow.parquet as pq
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import AccountType, AssetClass, OmsType, OrderSide, TimeInForce
from nautilus_trader.model.identifiers import InstrumentId, Symbol, TraderId, Venue
from nautilus_trader.model.instruments import BinaryOption
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.trading.strategy import Strategy


class EveryHundredth(Strategy):
    """Buys and sells in turn, every so many events."""

    def __init__(self, instrument: BinaryOption, every: int) -> None:
        super().__init__()
        self.instrument, self.every, self.seen = instrument, every, 0

    def on_start(self) -> None:
        self.subscribe_quote_ticks(self.instrument.id)

    def on_quote_tick(self, tick: QuoteTick) -> None:
        self.seen += 1
        if self.every and self.seen % self.every == 0:
            buys = (self.seen // self.every) % 2 == 1
            order = self.order_factory.market(
                self.instrument.id,
                OrderSide.BUY if buys else OrderSide.SELL,
                Quantity.from_int(10),
                time_in_force=TimeInForce.IOC,
            )
            self.submit_order(order)


def main(file: str, events: int, every: int) -> None:
    """Print events a second of the CPU's time as JSON."""
    venue = Venue("PEER")
    instrument = BinaryOption(
        InstrumentId(Symbol("YES"), venue), Symbol("YES"), AssetClass.ALTERNATIVE, USD, 3, 0,
        Price.from_str("0.001"), Quantity.from_int(1), 0, 2**62, 0, 0,
        maker_fee=Decimal(0), taker_fee=Decimal("0.01"),
    )  # fmt: skip
    engine = BacktestEngine(
        BacktestEngineConfig(trader_id=TraderId("P-1"), logging=LoggingConfig(log_level="OFF"))
    )
    engine.add_venue(
        venue, OmsType.NETTING, AccountType.CASH, [Money(10**9, USD)], base_currency=USD
    )
    engine.add_instrument(instrument)
    table, ticks = next(pq.ParquetFile(file).iter_batches(events, columns=["price"])), []
    for number, price in enumerate(table["price"].to_pylist()):
        thousandths = price // 1_000
        ticks.append(
            QuoteTick(
                instrument.id,
                Price.from_str(f"{(thousandths - 10) / 1000:.3f}"),
                Price.from_str(f"{(thousandths + 10) / 1000:.3f}"),
                Quantity.from_int(200),
                Quantity.from_int(200),
                (1_700_000_000 + number) * 10**9,
                (1_700_000_000 + number) * 10**9,
            )
        )
    engine.add_data(ticks)
    engine.add_strategy(EveryHundredth(instrument, every))
    started = time.process_time()
    engine.run()
    seconds = time.process_time() - started
    orders = len(engine.cache.orders())
    print(json.dumps({"events_per_s": events / seconds, "orders": orders}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
