"""The process in which a backtest's packs decide. It is handed views, one after the other, and can
reach nothing else: the future is not in it.

It is a new interpreter, not a copy of the one that has the history. Before any code of a pack from
outside runs, the process gives up files and names (seal.py). A pack's package is read before that,
and run from memory. What it imports of others is imported before that, too.
"""

import ast
import linecache
import os
import pickle
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import EntryPoint
from importlib.util import spec_from_loader
from io import BufferedReader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, NamedTuple, TypeVar, cast

from strongroom.backtest.garbage import collect_seldom
from strongroom.backtest.seal import seal
from strongroom.chain.ids import ConditionId, Json, MarketId, TokenId
from strongroom.information.books import Book
from strongroom.information.forecast import Given
from strongroom.information.gamma import Market
from strongroom.strategy.api import (
    BadParameters,
    Pack,
    UnknownPack,
    pack_entry,
    with_parameters,
)
from strongroom.strategy.decide import Round, decide
from strongroom.strategy.pack_code import OURS
from strongroom.strategy.rules import Rules
from strongroom.strategy.view import MarketState, View

Parameters = Mapping[str, Mapping[str, Json]]  # by pack
Made = TypeVar("Made")


@dataclass(frozen=True)
class Assignment:
    """What the process is told before the first view."""

    packs: Parameters
    rules: Rules
    salt: str


@dataclass(frozen=True)
class Seen:
    """A moment to decide on.

    Attributes:
        learned: parameters that are otherwise now, by pack; None: it cannot decide yet
    """

    view: View
    learned: Mapping[str, Mapping[str, Json] | None]


@dataclass(frozen=True)
class Told:
    """What came of it.

    Attributes:
        refused: why the packs cannot be made
        failed: the traceback of a pack that failed
        reached: what a pack tried to open
    """

    round: Round | None = None
    refused: str = ""
    failed: str = ""
    reached: tuple[str, ...] = ()


# what is sent once: markets, names (of tokens and conditions), what books show and the vault's
# markets, by number

_markets: dict[int, Market] = {}
_names: dict[int, Any] = {}
_shown: dict[int, "Shown"] = {}
_states: dict[int, tuple[MarketId, MarketState]] = {}

Name = TokenId | ConditionId
Shown = Mapping[str, Any]  # fields of a book; the moment at which it was seen does not count
Forecasted = tuple[str, int, float, int, int | None, Mapping[str, Json]]
NewMarket = tuple[int, int | None, Mapping[str, Any]]


class Handed(NamedTuple):
    """A view's markets, books and forecasts, and the vault's markets: all by number, in their
    order, and those that are new in full.

    Attributes:
        markets, tokens, shown: numbers; of each book its token and what it shows
        seen_at: of each book
        forecasts: of each condition that was forecast, with the fields of each forecast; the market
            by number
        states: numbers of the vault's markets
        new_markets: fields; or the market that it was before, and the fields that are otherwise
    """

    markets: list[int]
    tokens: list[int]
    shown: list[int]
    seen_at: list[int]
    forecasts: list[tuple[int, list[Forecasted]]]
    new_markets: list[NewMarket]
    new_names: list[tuple[int, Name]]
    new_shown: list[tuple[int, Shown]]
    states: list[int]
    new_states: list[tuple[int, tuple[MarketId, MarketState]]]


def take(view: View, learned: Mapping[str, Mapping[str, Json] | None], handed: Handed) -> Seen:
    """Return a view with its markets, books, forecasts and the vault's markets, and keep those that
    are new.

    Args:
        view: all else of it
    """
    for number, before, fields in handed.new_markets:
        known = {} if before is None else vars(_markets[before])
        _markets[number] = made_of(Market, {**known, **fields})
    _names.update(handed.new_names)
    _shown.update(handed.new_shown)
    _states.update(handed.new_states)
    markets = {each.condition_id: each for each in map(_markets.__getitem__, handed.markets)}
    books = {
        _names[token]: made_of(Book, {**_shown[shown], "seen_at": seen_at})
        for token, shown, seen_at in zip(handed.tokens, handed.shown, handed.seen_at, strict=True)
    }
    forecasts = {
        _names[name]: [
            Given(source, _names[market], chance, frozen_at, evidence_at, detail)
            for source, market, chance, frozen_at, evidence_at, detail in given
        ]
        for name, given in handed.forecasts
    }
    # nobody has seen it yet
    vars(view).update(markets=markets, books=books, forecasts=forecasts)
    vars(view.vault).update(markets=dict(map(_states.__getitem__, handed.states)))
    return Seen(view, learned)


def made_of(kind: type[Made], fields: Mapping[str, Any]) -> Made:
    """Return a record of fields that were a record's before: nothing is checked again."""
    made = object.__new__(kind)
    vars(made).update(fields)
    return made


# the process


def serve() -> None:
    """Make the packs, say how that went, then decide on what comes until nothing comes any more."""
    inbox, reached = cast(BufferedReader, sys.stdin.buffer), list[str]()
    outbox = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what packs print is not for the asker

    def tell(told: Told) -> None:
        pickle.dump(told, outbox)
        outbox.flush()
        reached.clear()

    assigned: Assignment = pickle.load(inbox)
    try:
        packs = SealedPacks(assigned.packs, lambda: seal(reached))
    except (UnknownPack, BadParameters) as error:
        tell(Told(refused=str(error), reached=tuple(reached)))
        return
    except (Exception, SystemExit):
        tell(Told(failed=traceback.format_exc(), reached=tuple(reached)))
        return
    tell(Told(reached=tuple(reached)))
    collect_seldom()
    while inbox.peek(1):
        try:
            seen: Seen = pickle.load(inbox)
            made = packs.learned(seen.learned)
            round_ = decide(seen.view, made, assigned.rules, assigned.salt)
            tell(Told(round_, reached=tuple(reached)))
        except (Exception, SystemExit):
            tell(Told(failed=traceback.format_exc(), reached=tuple(reached)))


class SealedPacks:
    """Packs whose code runs after the process was sealed."""

    def __init__(self, parameters: Parameters, seal: Callable[[], None]) -> None:
        """Read code, seal, then run it.

        Raises:
            UnknownPack: none of a name is installed, or several are.
            BadParameters: a pack does not take its own.
        """
        self._parameters = parameters
        chosen = [pack_entry(name) for name in parameters]
        sys.meta_path.insert(0, FromMemory(_sources_of(chosen)))
        seal()
        self._classes: dict[str, Callable[..., Pack]] = {each.name: each.load() for each in chosen}
        self._made = {name: self._make(name, own) for name, own in parameters.items()}
        self._without: set[str] = set()

    def learned(self, changes: Mapping[str, Mapping[str, Json] | None]) -> list[Pack]:
        """Return the packs that decide now, some with other parameters than before."""
        for name, own in changes.items():
            if own is None:
                self._without.add(name)
            else:
                self._without.discard(name)
                self._made[name] = self._make(name, {**self._parameters[name], **own})
        return [pack for name, pack in self._made.items() if name not in self._without]

    def _make(self, name: str, parameters: Mapping[str, Json]) -> Pack:
        return with_parameters(name, self._classes[name], parameters)


# packs from outside, run from memory


@dataclass(frozen=True)
class Source:
    """A module's text, and where it was read."""

    text: str
    path: Path

    @property
    def is_package(self) -> bool:
        """Whether it has other modules in it."""
        return self.path.name == "__init__.py"


def _sources_of(packs: Sequence[EntryPoint]) -> dict[str, Source]:
    """Return the modules of the packs' packages by name; import what these import of others. Our
    own packs are imported as they are."""
    sources: dict[str, Source] = {}
    for entry in packs:
        top = entry.module.partition(".")[0]
        if top == OURS:
            import_module(entry.module)
        else:
            sources |= _read(top)
    tops = {name.partition(".")[0] for name in sources}
    for name, source in sources.items():
        linecache.cache[str(source.path)] = (0, None, source.text.splitlines(True), name)
        for wanted in _imported(source):
            if wanted.partition(".")[0] not in tops:
                _import_first(wanted)
    return sources


def _read(top: str) -> dict[str, Source]:
    spec = PathFinder.find_spec(top)
    if spec is None:
        return {}
    if not spec.submodule_search_locations:
        return {top: _source(Path(str(spec.origin)))}
    found = {}
    for folder in map(Path, spec.submodule_search_locations):
        for path in sorted(folder.rglob("*.py")):
            parts = [top, *path.relative_to(folder).with_suffix("").parts]
            found[".".join(parts).removesuffix(".__init__")] = _source(path)
    return found


def _source(path: Path) -> Source:
    return Source(path.read_text(encoding="utf-8"), path)


def _imported(source: Source) -> Iterator[str]:
    """Yield the modules that a source imports anywhere, those within functions too."""
    for node in ast.walk(ast.parse(source.text, source.path)):
        match node:
            case ast.Import(names=names):
                yield from (each.name for each in names)
            case ast.ImportFrom(module=str(module), names=names, level=0):
                yield module
                yield from (f"{module}.{each.name}" for each in names)


def _import_first(name: str) -> None:
    """Import a module, or that in which a name stands; what is not there is told by whoever imports
    it later."""
    try:
        import_module(name)
    except ImportError:
        return


class FromMemory(MetaPathFinder, InspectLoader):
    """Finds and runs modules whose sources were read before."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        """Take the sources by the modules' names."""
        self._sources = sources

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how a module is run, where it is one of these."""
        return spec_from_loader(name, self) if name in self._sources else None

    def is_package(self, name: str) -> bool:
        """Whether a module has others in it."""
        return self._sources[name].is_package

    def get_source(self, name: str) -> str:
        """Return a module's text."""
        return self._sources[name].text

    def get_code(self, name: str) -> CodeType:
        """Return a module's code, which knows its lines."""
        return self.source_to_code(self._sources[name].text, str(self._sources[name].path))
