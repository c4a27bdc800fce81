"""The two documents that a stranger decides again from: what was seen, and by which settings.

Each is JSON, named by the keccak of its bytes; a decision's record names both. A seed that follows
from the operator's secret makes a document unguessable from its name; a view's seed is also what
the salts of its decisions follow from. What a mapping's order decides is kept as it was.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from decimal import Decimal
from typing import Literal, TypeVar

from pydantic import TypeAdapter, ValidationError

from strongroom.chain.ids import Json, TokenId, keccak, to_hex
from strongroom.chain.outside import number
from strongroom.errors import BadInput
from strongroom.information.books import Book, Level
from strongroom.information.gamma import Market
from strongroom.strategy.rules import Rules
from strongroom.strategy.view import View

ShownLevel = tuple[int, int]  # price, size
T = TypeVar("T")
_NO_SEED = b'"seed":""'


class BadDocument(BadInput):
    """The bytes are no document of this kind; the message says where."""


@dataclass(frozen=True)
class ShownView:
    """A view as it is published; `hash` is its name."""

    document: bytes
    hash: str
    seed: str


@dataclass(frozen=True)
class ShownBook:
    """A token's book, without the venue's own stamp: nothing is decided by it."""

    token: int
    seen_at: int
    hash: str
    tick: Decimal | None
    bids: tuple[ShownLevel, ...]
    asks: tuple[ShownLevel, ...]


@dataclass(frozen=True)
class ViewDocument:
    """A view; `rest` is all of it but markets and books."""

    seed: str
    markets: tuple[Market, ...]
    books: tuple[ShownBook, ...]
    rest: View
    schema: Literal["strongroom-view/1"] = "strongroom-view/1"


@dataclass(frozen=True)
class NamedPack:
    """A pack by its entry point, the hash of its package's files (pack_code.py), its parameters."""

    name: str
    code: str
    parameters: Mapping[str, Json]


@dataclass(frozen=True)
class SettingsDocument:
    """All that decides beside the view.

    Attributes:
        packs: in their order
        code: hash of this package's deciding files
        libraries: version by name, and the machine, of where it was decided
    """

    seed: str
    packs: tuple[NamedPack, ...]
    rules: Rules
    code: str
    libraries: Mapping[str, str] = field(default_factory=dict)
    schema: Literal["strongroom-settings/1"] = "strongroom-settings/1"


_VIEW, _SETTINGS = TypeAdapter(ViewDocument), TypeAdapter(SettingsDocument)


def document_hash(document: bytes) -> str:
    """Return a document's name."""
    return to_hex(keccak(document))


def show_view(view: View, salt: str) -> ShownView:
    """Return a view as it is published.

    Args:
        salt: the operator's secret
    """
    books = tuple(
        ShownBook(token, book.seen_at, book.hash, book.tick, _pairs(book.bids), _pairs(book.asks))
        for token, book in view.books.items()
    )
    rest = replace(view, markets={}, books={})
    shown = ViewDocument("", tuple(view.markets.values()), books, rest)
    document, seed = _sown(_VIEW.dump_json(shown), salt)
    return ShownView(document, document_hash(document), seed)


def read_view(document: bytes) -> tuple[View, ShownView]:
    """Return the view of a document, and the document.

    Raises:
        BadDocument: it is none.
    """
    shown = _read(_VIEW, document)
    markets = {market.condition_id: market for market in shown.markets}
    books = {
        TokenId(each.token): Book(
            _levels(each.bids), _levels(each.asks), each.seen_at, each.hash, each.tick
        )
        for each in shown.books
    }
    view = replace(shown.rest, markets=markets, books=books)
    return view, ShownView(document, document_hash(document), shown.seed)


def settings_document(settings: SettingsDocument, salt: str) -> bytes:
    """Return settings as they are published.

    Args:
        salt: the operator's secret
    """
    plain = replace(settings, seed="", rules=replace(settings.rules, settings=""))
    return _sown(_SETTINGS.dump_json(plain), salt)[0]


def read_settings(document: bytes) -> SettingsDocument:
    """Return what a document says; its rules name it.

    Raises:
        BadDocument: it is none.
    """
    found = _read(_SETTINGS, document)
    return replace(found, rules=replace(found.rules, settings=document_hash(document)))


def _read(adapter: TypeAdapter[T], document: bytes) -> T:
    try:
        found = adapter.validate_json(document)
        for each in _decimals(found):
            number(each)
        return found
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise BadDocument(f"{place}: {first['msg']}") from error
    except (ArithmeticError, ValueError, BadInput) as error:
        raise BadDocument(str(error)) from error


def _decimals(value: object) -> Iterator[Decimal]:
    """Yield the numbers of a document that may be of any size, as text allows it."""
    if isinstance(value, Decimal):
        yield value
    elif is_dataclass(value):
        for each in fields(value):
            yield from _decimals(getattr(value, each.name))
    elif isinstance(value, Mapping):
        yield from _decimals(tuple(value.values()))
    elif isinstance(value, tuple | list | frozenset):
        for one in value:
            yield from _decimals(one)


def _sown(document: bytes, salt: str) -> tuple[bytes, str]:
    """Return a document with its seed, and the seed."""
    seed = to_hex(keccak(salt.encode() + document))
    return document.replace(_NO_SEED, b'"seed":"' + seed.encode() + b'"', 1), seed


def _pairs(levels: Sequence[Level]) -> tuple[ShownLevel, ...]:
    return tuple((level.price, level.size) for level in levels)


def _levels(pairs: Sequence[ShownLevel]) -> tuple[Level, ...]:
    return tuple(Level(price, size) for price, size in pairs)
