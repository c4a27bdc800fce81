"""Snapshots on disk: what a decision saw, in Parquet, and back again.

One file a view of each kind: `books` (a row a level), `markets` (a row a market), `views` (the rest
as JSON). `replay` gives the same views again, so the same decisions.
"""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import polars as pl
from pydantic import TypeAdapter

from strongroom.chain.ids import ConditionId, TokenId
from strongroom.information.books import Book, Level
from strongroom.information.gamma import Market
from strongroom.strategy.view import View

_MARKET, _VIEW = TypeAdapter(Market), TypeAdapter(View)
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
        """Take the folder, which only this user may open from now on: views and the decisions'
        salt, kept beside for the replay, tell what the keeper will do."""
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        self._folder = folder
        (folder / "salt").touch(mode=0o600)
        (folder / "salt").chmod(0o600)
        (folder / "salt").write_text(salt)
        self._number = len(list(folder.glob("views-*.parquet")))
        self._markets: list[str] = []

    def see(self, view: View, found: object = None) -> None:
        """Write a view."""
        name = f"{self._number:08d}.parquet"
        pl.DataFrame(_book_rows(view), schema=_BOOKS, orient="row").write_parquet(
            self._folder / f"books-{name}", compression="zstd"
        )
        markets = [_MARKET.dump_json(market).decode() for market in view.markets.values()]
        if markets != self._markets:
            self._markets = markets
            pl.DataFrame({"market": markets}, schema={"market": pl.String}).write_parquet(
                self._folder / f"markets-{name}", compression="zstd"
            )
        rest = _VIEW.dump_json(replace(view, markets={}, books={})).decode()
        row = {"ts": [view.now], "view": [rest]}
        draft = self._folder / f".views-{name}"
        pl.DataFrame(row).write_parquet(draft, compression="zstd")
        draft.replace(self._folder / f"views-{name}")
        self._number += 1


def recorded_salt(folder: Path) -> str:
    """Return the salt of a recording's decisions."""
    return (folder / "salt").read_text()


def replay(folder: Path) -> Iterator[View]:
    """Return the recorded views, in order."""
    markets: dict[ConditionId, Market] = {}
    for path in sorted(folder.glob("views-*.parquet")):
        number = path.name.removeprefix("views-")
        changed = folder / f"markets-{number}"
        if changed.exists():
            rows = pl.read_parquet(changed)["market"].to_list()
            found = [_MARKET.validate_json(row) for row in rows]
            markets = {market.condition_id: market for market in found}
        books = _books(pl.read_parquet(folder / f"books-{number}"))
        (row,) = pl.read_parquet(path).to_dicts()
        yield replace(_VIEW.validate_json(row["view"]), markets=markets, books=books)


def _book_rows(view: View) -> list[tuple[str, str, int, int, int, str, str]]:
    rows = []
    for number, book in view.books.items():
        token = str(number)
        about = (book.seen_at, book.hash, "" if book.tick is None else str(book.tick))
        rows.append((token, "", 0, 0, *about))  # an empty book is a book
        for side, levels in (("bid", book.bids), ("ask", book.asks)):
            rows += [(token, side, level.price, level.size, *about) for level in levels]
    return rows


def _books(frame: pl.DataFrame) -> dict[TokenId, Book]:
    books: dict[TokenId, Book] = {}
    for name, side, price, size, seen_at, hash_, tick in frame.iter_rows():
        token = TokenId(int(name))
        book = books.setdefault(
            token, Book((), (), seen_at, hash_, Decimal(tick) if tick else None)
        )
        if side == "bid":
            books[token] = replace(book, bids=(*book.bids, Level(price, size)))
        elif side == "ask":
            books[token] = replace(book, asks=(*book.asks, Level(price, size)))
    return books
