"""Snapshots on disk: what a decision saw, in Parquet, and back again.

One file a view of each kind: `books` (a row a level), `markets` (a row a market), `views` (the rest
as JSON). `replay` gives the same views again, so the same decisions.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, fields, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from strongroom.chain.ids import canonical
from strongroom.information.books import Book, Level
from strongroom.information.forecast import Given
from strongroom.information.gamma import FeeSchedule, Market
from strongroom.strategy.portfolio import Day
from strongroom.strategy.view import ClassState, MarketState, VaultState, View

_BOOKS = {
    "token": pl.String,
    "side": pl.String,
    "price": pl.Int64,
    "size": pl.Int64,
    "seen_at": pl.Int64,
    "hash": pl.String,
    "tick": pl.String,
}


class Recorder:
    """Writes views into a folder; each is complete when its `views` file is there."""

    def __init__(self, folder: Path, salt: str) -> None:
        """Take the folder; the decisions' salt is kept beside, for the replay."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        (folder / "salt").write_text(salt)
        self._number = len(list(folder.glob("views-*.parquet")))
        self._markets = b""

    def see(self, view: View, found: object = None) -> None:
        """Write a view."""
        name = f"{self._number:08d}.parquet"
        pl.DataFrame(_book_rows(view), schema=_BOOKS, orient="row").write_parquet(
            self._folder / f"books-{name}", compression="zstd"
        )
        markets = [json.dumps(_market_row(market)) for market in view.markets.values()]
        if canonical(markets) != self._markets:
            self._markets = canonical(markets)
            pl.DataFrame({"market": markets}, schema={"market": pl.String}).write_parquet(
                self._folder / f"markets-{name}", compression="zstd"
            )
        row = {"ts": [view.now], "view": [json.dumps(_rest(view))]}
        draft = self._folder / f".views-{name}"
        pl.DataFrame(row).write_parquet(draft, compression="zstd")
        draft.replace(self._folder / f"views-{name}")
        self._number += 1


def recorded_salt(folder: Path) -> str:
    """Return the salt of a recording's decisions."""
    return (folder / "salt").read_text()


def replay(folder: Path) -> Iterator[View]:
    """Return the recorded views, in order."""
    markets: dict[str, Market] = {}
    for path in sorted(folder.glob("views-*.parquet")):
        number = path.name.removeprefix("views-")
        changed = folder / f"markets-{number}"
        if changed.exists():
            rows = pl.read_parquet(changed)["market"].to_list()
            found = [_market(json.loads(row)) for row in rows]
            markets = {market.name: market for market in found}
        books = _books(pl.read_parquet(folder / f"books-{number}"))
        (row,) = pl.read_parquet(path).to_dicts()
        yield _view(json.loads(row["view"]), markets, books)


def _book_rows(view: View) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for token, book in view.books.items():
        about = (book.seen_at, book.hash, str(book.tick))
        rows.append((token, "", 0, 0, *about))  # an empty book is a book
        for side, levels in (("bid", book.bids), ("ask", book.asks)):
            rows += [(token, side, level.price, level.size, *about) for level in levels]
    return rows


def _books(frame: pl.DataFrame) -> dict[str, Book]:
    books: dict[str, Book] = {}
    for token, side, price, size, seen_at, hash_, tick in frame.iter_rows():
        book = books.setdefault(token, Book((), (), seen_at, hash_, Decimal(tick)))
        if side == "bid":
            books[token] = replace(book, bids=(*book.bids, Level(price, size)))
        elif side == "ask":
            books[token] = replace(book, asks=(*book.asks, Level(price, size)))
    return books


def _market_row(market: Market) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for each in fields(market):
        value = getattr(market, each.name)
        if isinstance(value, bytes):
            value = value.hex()
        elif isinstance(value, Decimal):
            value = str(value)
        elif isinstance(value, datetime):
            value = value.isoformat()
        elif isinstance(value, FeeSchedule):
            value = [str(value.rate), value.exponent]
        elif each.name == "token_ids":
            value = [str(token) for token in value]
        row[each.name] = value
    return row


def _market(row: dict[str, Any]) -> Market:
    row = dict(row)
    for name in ("condition_id", "question_id", "event_id"):
        row[name] = bytes.fromhex(row[name]) if row[name] is not None else None
    for name in ("best_bid", "best_ask", "tick", "min_size", "liquidity", "volume"):
        row[name] = Decimal(row[name]) if row[name] is not None else None
    row["end"] = datetime.fromisoformat(row["end"]) if row["end"] else None
    row["fees"] = FeeSchedule(Decimal(row["fees"][0]), row["fees"][1])
    row["outcomes"] = tuple(row["outcomes"])
    row["token_ids"] = tuple(int(token) for token in row["token_ids"])
    row["resolution_statuses"] = tuple(row["resolution_statuses"])
    return Market(**row)


def _rest(view: View) -> dict[str, Any]:
    vault = dict(vars(view.vault).items())
    vault["classes"] = {str(k): asdict(v) for k, v in view.vault.classes.items()}
    vault["markets"] = {
        name: asdict(each) | {"resolved": sorted(each.resolved)}
        for name, each in view.vault.markets.items()
    }
    vault["closed"] = sorted(view.vault.closed)
    return {
        "now": view.now,
        "vault": vault,
        "forecasts": {name: [asdict(g) for g in given] for name, given in view.forecasts.items()},
        "busy": sorted(view.busy),
        "decided": dict(view.decided),
        "day": asdict(view.day) if view.day is not None else None,
        "negative_risk_oracle": view.negative_risk_oracle,
    }


def _view(rest: dict[str, Any], markets: dict[str, Market], books: dict[str, Book]) -> View:
    vault = dict(rest["vault"])
    vault["classes"] = {int(k): ClassState(**v) for k, v in vault["classes"].items()}
    vault["markets"] = {
        name: MarketState(
            **each
            | {
                "resolved": frozenset(each["resolved"]),
                "positions": {c: (p[0], p[1]) for c, p in each["positions"].items()},
            }
        )
        for name, each in vault["markets"].items()
    }
    vault["closed"] = frozenset(vault["closed"])
    return View(
        now=rest["now"],
        vault=VaultState(**vault),
        markets=markets,
        books=books,
        forecasts={
            name: [Given(**given) for given in all_given]
            for name, all_given in rest["forecasts"].items()
        },
        busy=frozenset(rest["busy"]),
        decided=rest["decided"],
        day=Day(**rest["day"]) if rest["day"] else None,
        negative_risk_oracle=rest["negative_risk_oracle"],
    )
