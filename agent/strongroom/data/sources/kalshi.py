"""Kalshi, as its API answers (docs.kalshi.com): markets and results, candlesticks, order books.

Prices are dollars as text (`..._dollars`), in older answers cents. A candle's close is what was bid
and offered at its end, and known from then on; it has no sizes. An order book does not say when it
was seen, so its line names `at` and `ticker` beside what came.
"""

from collections.abc import Sequence
from pathlib import Path

from strongroom.chain.ids import Json, JsonObject
from strongroom.chain.units import MICRO
from strongroom.data.importing import Intake, Row
from strongroom.data.reading import json_records, micro_of, ms_of
from strongroom.data.schema import Table
from strongroom.information.books import BadBook
from strongroom.information.reference import kalshi_book

CENT = MICRO // 100
SETTLED = ("settled", "finalized")
ABOVE = ("greater", "greater_or_equal")


def take_kalshi(intake: Intake, paths: Sequence[Path]) -> None:
    """Read answers of any of the three kinds; a market, a candle, a book is a row.

    Raises:
        BadData: a file cannot be read.
    """
    books = 0
    for done, path in enumerate(paths):
        for found in json_records(path, ("markets",)):
            known = found if isinstance(found, dict) else {}
            candles = known.get("candlesticks")
            ticker = str(known.get("market_ticker") or known.get("ticker") or "")
            if isinstance(candles, list):
                for candle in candles:
                    _take_candle(intake, ticker or path.name.split(".")[0], candle)
            elif "orderbook" in known or "orderbook_fp" in known:
                books += 1
                _take_book(intake, ticker, known, books)
            else:
                _take_market(intake, ticker, known)
        intake.progress("files", done + 1, len(paths))


def _take_market(intake: Intake, ticker: str, record: JsonObject) -> None:
    intake.read += 1
    if not ticker or not record.get("event_ticker"):
        intake.dropped["market: no ticker, or no event"] += 1
        return
    settled = record.get("status") in SETTLED
    announced = record.get("expected_expiration_time") if record.get("can_close_early") else None
    # what closed early has its true end as close_time: nobody knew that before
    end = ms_of((announced if settled else None) or record.get("close_time"))
    above = record.get("strike_type") in ABOVE
    cents = record.get("tick_size")
    threshold = micro_of(record.get("floor_strike")) if above else None
    if above and threshold is None and record.get("floor_strike") not in (None, ""):
        intake.repaired["market: floor_strike cannot be read, taken for unknown"] += 1
    row: Row = {
        "market": f"kalshi:{ticker}",
        "venue": "kalshi",
        "venue_id": ticker,
        "event": str(record["event_ticker"]),
        "question": str(record.get("title") or ticker),
        "yes_name": str(record.get("yes_sub_title") or "Yes"),
        "no_name": "No",
        "yes_token": f"kalshi:{ticker}:yes",
        "no_token": f"kalshi:{ticker}:no",
        "ends_ms": end,
        "tick": cents * CENT if type(cents) is int and 0 < cents < 100 else None,
        "min_size": MICRO,
        "negative_risk": False,
        "category": str(record.get("category") or ""),
        "rules": str(record.get("rules_primary") or ""),
        "ticker": str(record["event_ticker"]) if above else "",
        "threshold": threshold,
    }
    intake.put(Table.MARKETS, row)
    if settled:
        _take_settlement(intake, ticker, record)


def _take_settlement(intake: Intake, ticker: str, record: JsonObject) -> None:
    """Keep what YES was paid: 1, 0, or the settlement value of another result."""
    yes = {"yes": MICRO, "no": 0}.get(str(record.get("result")))
    if yes is None:
        yes = _amount(record, "settlement_value")
    if yes is None or not 0 <= yes <= MICRO:
        intake.repaired["result: settled, and nothing says at what: unknown"] += 1
        return
    row: Row = {
        "market": f"kalshi:{ticker}",
        "yes": yes,
        "resolved_ms": ms_of(record.get("settlement_ts")),
        "source": "kalshi",
    }
    intake.put(Table.OUTCOMES, row)


def _take_candle(intake: Intake, ticker: str, candle: Json) -> None:
    intake.read += 1
    known = candle if isinstance(candle, dict) else {}
    at = ms_of(known.get("end_period_ts"))
    price, bid, ask = (_close(known.get(name)) for name in ("price", "yes_bid", "yes_ask"))
    if at is None:
        intake.dropped["candle: no time"] += 1
    elif bid is None and ask is None and price is None:
        intake.dropped["candle: no price"] += 1
    elif bid is not None and ask is not None and bid > ask:
        intake.dropped["candle: bid above ask"] += 1
    else:
        row: Row = {"at_ms": at, "token": f"kalshi:{ticker}:yes"}
        intake.put(Table.QUOTES, {**row, "price": price, "bid": bid, "ask": ask})


def _close(part: Json) -> int | None:
    return _amount(part, "close") if isinstance(part, dict) else None


def _amount(record: JsonObject, name: str) -> int | None:
    """Return a price: of dollars where they are given, else of cents; None: it is none."""
    dollars = record.get(f"{name}_dollars")
    if dollars not in (None, ""):
        found = micro_of(dollars)
    else:
        cents = record.get(name)
        found = None if cents is None else micro_of(cents)
        found = None if found is None else found // 100
    return found if found is not None and 0 <= found <= MICRO else None


def _take_book(intake: Intake, ticker: str, record: JsonObject, message: int) -> None:
    intake.read += 1
    at = ms_of(record.get("at"))
    if at is None or not ticker:
        intake.dropped["book: no time, or no ticker"] += 1
        return
    try:
        book = kalshi_book(record, at // 1_000)
    except BadBook:
        intake.dropped["book: it is none"] += 1
        return
    levels = ([(each.price, each.size) for each in side] for side in (book.bids, book.asks))
    intake.put_book(at, f"kalshi:{ticker}:yes", message, *levels)
