"""Snapshots on disk: what a decision saw, in Parquet, and back again.

One file a view of each kind: `books` (a row a level), `markets` (a row a market, where they have
changed), `views` (the rest as JSON). Every so many views their files become one of each kind, a
pack; the oldest packs go when all are too large. `replay` gives the same views again, so the same
decisions.
"""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import polars as pl
from polars.exceptions import PolarsError
from pydantic import TypeAdapter

from strongroom.chain.ids import ConditionId, TokenId
from strongroom.chain.units import MICRO
from strongroom.execution.interfaces import Listener
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
PACK = 200  # views
MOST_MB = 2_000  # of a folder's packs
KINDS = ("books", "markets", "views")  # as they are written: the last says that all are there
_MARKETS = {"market": pl.String}  # JSON; null: none are known


class Recorder:
    """Writes views into a folder; each is complete when its `views` file is there, and so is a
    pack. What cannot be written is told once, and stops nothing."""

    def __init__(
        self,
        folder: Path,
        salt: str,
        most_mb: int = MOST_MB,
        pack: int = PACK,
        on_event: Listener = lambda event, fields: None,
    ) -> None:
        """Take the folder, which only this user may open from now on: views and the decisions'
        salt, kept beside for the replay, tell what the keeper will do.

        Args:
            most_mb: of the packs together; the oldest go, the newest stays
            pack: views of one
            on_event: is called when a view cannot be written (`not_recorded`)
        """
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        self._folder, self._most, self._pack = folder, most_mb * MICRO, pack
        self._on_event, self._trouble = on_event, False
        (folder / "salt").touch(mode=0o600)
        (folder / "salt").chmod(0o600)
        (folder / "salt").write_text(salt)
        _tidy(folder)
        self._number = max([-1, _last_packed(folder), *_singles(folder)]) + 1
        self._markets: list[str | None] | None = None  # None: the next view says them in any case

    def see(self, view: View, found: object = None) -> None:
        """Write a view."""
        try:
            self._write(view)
            self._trouble = False
        except (OSError, PolarsError) as error:
            if not self._trouble:
                self._on_event("not_recorded", {"why": str(error)[:200]})
            self._trouble, self._markets = True, None

    def _write(self, view: View) -> None:
        name = f"{self._number:08d}"
        markets: list[str | None] = [
            _MARKET.dump_json(market).decode() for market in view.markets.values()
        ]
        books = pl.DataFrame(_book_rows(view), schema=_BOOKS, orient="row")
        rest = _VIEW.dump_json(replace(view, markets={}, books={})).decode()
        frames = {"books": books, "views": pl.DataFrame({"ts": [view.now], "view": [rest]})}
        if markets != self._markets:
            frames["markets"] = pl.DataFrame({"market": markets or [None]}, schema=_MARKETS)
        _keep(self._folder, name, frames)
        self._markets = markets
        self._number += 1
        numbers = _singles(self._folder)
        if len(numbers) >= self._pack:
            self._compact(numbers)

    def _compact(self, numbers: list[int]) -> None:
        """Make one pack of single views, and let the oldest packs go."""
        frames = {}
        for kind in KINDS:
            parts = [
                pl.read_parquet(path).with_columns(pl.lit(number, pl.Int64).alias("number"))
                for number in numbers
                if (path := _path(self._folder, kind, f"{number:08d}")).exists()
            ]
            frames[kind] = pl.concat(parts)
        _keep(self._folder, f"{numbers[0]:08d}-{numbers[-1]:08d}", frames)
        for number in numbers:
            _forget(self._folder, f"{number:08d}")
        self._markets = None  # the next pack stands on its own
        sizes = {name: _size(self._folder, name) for name in _packs(self._folder)}
        for name in [*sizes][:-1]:
            if sum(sizes.values()) > self._most:
                _forget(self._folder, name)
                del sizes[name]


def replay(folder: Path) -> Iterator[View]:
    """Return the recorded views, in order."""
    last, known = _last_packed(folder), dict[ConditionId, Market]()
    for name in _packs(folder):
        books, markets, views = (pl.read_parquet(_path(folder, kind, name)) for kind in KINDS)
        books_of, markets_of = (
            each.partition_by("number", as_dict=True, include_key=False)
            for each in (books, markets)
        )
        known = {}
        for _, text, number in views.iter_rows():
            changed = markets_of.get((number,))
            known = known if changed is None else _read_markets(changed)
            there = books_of.get((number,), pl.DataFrame(schema=_BOOKS))
            yield _read_view(text, known, there)
    for number in _singles(folder):
        if number > last:
            name = f"{number:08d}"
            changed_at = _path(folder, "markets", name)
            known = _read_markets(pl.read_parquet(changed_at)) if changed_at.exists() else known
            (row,) = pl.read_parquet(_path(folder, "views", name)).to_dicts()
            yield _read_view(row["view"], known, pl.read_parquet(_path(folder, "books", name)))


def _read_view(text: str, markets: dict[ConditionId, Market], books: pl.DataFrame) -> View:
    return replace(_VIEW.validate_json(text), markets=markets, books=_books(books))


def _read_markets(frame: pl.DataFrame) -> dict[ConditionId, Market]:
    found = [_MARKET.validate_json(row) for row in frame["market"].drop_nulls()]
    return {market.condition_id: market for market in found}


def _path(folder: Path, kind: str, name: str) -> Path:
    return folder / f"{kind}-{name}.parquet"


def _keep(folder: Path, name: str, frames: dict[str, pl.DataFrame]) -> None:
    """Write what belongs together; it is there once the last file is."""
    for kind in KINDS:
        if kind in frames:
            draft = folder / f".{kind}-{name}.parquet"
            frames[kind].write_parquet(draft, compression="zstd")
            draft.replace(_path(folder, kind, name))


def _forget(folder: Path, name: str) -> None:
    """Delete what belongs together; it is gone once the first file is."""
    for kind in reversed(KINDS):
        _path(folder, kind, name).unlink(missing_ok=True)


def _tidy(folder: Path) -> None:
    """Delete what a process left that died while it wrote or packed."""
    last = _last_packed(folder)
    for number in _singles(folder):
        if number <= last:
            _forget(folder, f"{number:08d}")
    whole = {f"{kind}-{name}" for kind in KINDS for name in _names(folder)}
    for path in folder.glob("*.parquet"):  # drafts, too
        if path.stem not in whole:
            path.unlink()


def _names(folder: Path) -> list[str]:
    found = (path.stem.removeprefix("views-") for path in folder.glob("views-*.parquet"))
    return sorted(found)


def _singles(folder: Path) -> list[int]:
    """Return the numbers of the views that are in no pack, or may be in one already."""
    return [int(name) for name in _names(folder) if "-" not in name]


def _packs(folder: Path) -> list[str]:
    return [name for name in _names(folder) if "-" in name]


def _last_packed(folder: Path) -> int:
    return max((int(name.partition("-")[2]) for name in _packs(folder)), default=-1)


def _size(folder: Path, name: str) -> int:
    return sum(_path(folder, kind, name).stat().st_size for kind in KINDS)


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
