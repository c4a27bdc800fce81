"""Decisions of a backtest, asked of a process that is handed nothing but views (sealed.py).

A view goes there in full, but what has not changed since goes once: a market, the sides of a book
and a market of the vault are the same objects from one look to the next, and go by number. Of a
market that has changed only the change goes. What a pack's parameters were learned from stays here.
"""

import copyreg
import io
import pickle
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from threading import Thread
from typing import Any, BinaryIO

from strongroom.backtest.sealed import (
    Assignment,
    Forecasted,
    Handed,
    Name,
    NewMarket,
    Seen,
    Shown,
    Told,
    take,
)
from strongroom.chain.ids import ConditionId, Json
from strongroom.errors import BadInput
from strongroom.information.books import Book
from strongroom.information.forecast import Given
from strongroom.information.gamma import Market
from strongroom.settings import ConfigError
from strongroom.strategy.api import Pack
from strongroom.strategy.decide import Round
from strongroom.strategy.rules import Rules
from strongroom.strategy.view import View

START = (
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); "
    "from strongroom.backtest.sealed import serve; serve()"
)
MOST_KEPT = 65_536  # markets and books that may be the same again

Learned = Callable[[], Mapping[str, Mapping[str, Json] | None]]


class ReachesOut(BadInput):
    """A pack tried to open something while it was to decide on its view alone."""


class PackFailed(BadInput):
    """A pack failed; the message is its traceback."""


@dataclass
class SealedDecisions:
    """Decides as `strategy.decide.decide` does, elsewhere; starts when it is first asked.

    Attributes:
        packs: parameters, by name
        learned: returns the parameters that have changed since it was asked last
    """

    packs: Mapping[str, Mapping[str, Json]]
    learned: Learned = dict
    _process: "subprocess.Popen[bytes] | None" = None
    _printed: Thread = field(default_factory=Thread)
    _sent: "_Sent" = field(default_factory=lambda: _Sent())

    def __call__(self, view: View, packs: Sequence[Pack], rules: Rules, salt: str) -> Round:
        """Return what is to be done now.

        Args:
            packs: none; they are not in this process

        Raises:
            ConfigError: a pack is not installed, or does not take its parameters.
            ReachesOut, PackFailed: see the classes.
        """
        if self._process is None:
            self._start(rules, salt)
        found = self._ask(self._sent.dumps(Seen(view, self.learned()))).round
        assert found is not None
        return found

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._printed.join()
            self._process.communicate()
            self._process = None

    def _start(self, rules: Rules, salt: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", START],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,  # a file that several runs write to would tell one of the other
        )
        self._printed = Thread(target=_repeat, args=(self._process.stderr,), daemon=True)
        self._printed.start()
        assigned = Assignment(self.packs, rules, salt)
        told = self._ask(pickle.dumps(sys.path) + pickle.dumps(assigned))
        if told.refused:
            raise ConfigError(f"[packs] {told.refused}")

    def _ask(self, sent: bytes) -> Told:
        process = self._process
        assert process is not None and process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(sent)
            process.stdin.flush()
            told: Told = pickle.load(process.stdout)
        except (EOFError, OSError) as error:
            status = process.wait()
            raise PackFailed(
                f"the process in which packs decide has ended with {status}: a pack ended it, or "
                "what it uses opens files by itself, which is refused there"
            ) from error
        if told.reached:
            raise ReachesOut(
                f"a pack reaches out of its view: {', '.join(told.reached)}. In a backtest it gets "
                "numbers as parameters, and opens nothing"
            )
        if told.failed:
            raise PackFailed(f"a pack fails:\n{told.failed}")
        return told


def _repeat(printed: BinaryIO) -> None:
    """Print what packs print."""
    for line in printed:
        sys.stderr.write(line.decode(errors="replace"))


class _Sent:
    """What the other process has, by number."""

    def __init__(self) -> None:
        self._kept: dict[object, tuple[int, object]] = {}  # identity -> the object, so it stays
        self._newest: dict[ConditionId, tuple[int, Market]] = {}
        self._names: dict[Name, int] = {}
        self._table = copyreg.dispatch_table | {Seen: self._seen}

    def dumps(self, seen: Seen) -> bytes:
        """Return a view as bytes, without what was sent before."""
        if len(self._kept) > MOST_KEPT:
            self._kept.clear()  # what comes takes the numbers anew
            self._newest.clear()
        out = io.BytesIO()
        pickler = pickle.Pickler(out, pickle.HIGHEST_PROTOCOL)
        pickler.dispatch_table = self._table
        pickler.dump(seen)
        return out.getvalue()

    def _seen(self, seen: Seen) -> Any:
        handed, view = Handed([], [], [], [], [], [], [], [], [], []), seen.view
        for market in view.markets.values():
            handed.markets.append(self._market(market, handed.new_markets))
        for token in view.books.keys() - self._names.keys():
            self._name(token, handed.new_names)
        handed.tokens.extend(map(self._names.__getitem__, view.books))
        for book in view.books.values():
            identity = id(book.bids), id(book.asks), book.hash, id(book.tick), book.stamp
            known = self._kept.get(identity)
            handed.shown.append(
                self._shown(identity, book, handed.new_shown) if known is None else known[0]
            )
            handed.seen_at.append(book.seen_at)
        for name, given in view.forecasts.items():
            number = self._name(name, handed.new_names)
            fields = [self._forecast(each, handed.new_names) for each in given]
            handed.forecasts.append((number, fields))
        for named in view.vault.markets.items():
            number, is_new = self._number(id(named[1]), named)
            handed.states.append(number)
            if is_new:
                handed.new_states.append((number, named))
        vault = replace(view.vault, markets={})
        rest = replace(view, vault=vault, markets={}, books={}, forecasts={})
        return take, (rest, seen.learned, handed)

    def _market(self, market: Market, new: list[NewMarket]) -> int:
        number, is_new = self._number(id(market), market)
        if is_new:
            before = self._newest.get(market.condition_id)
            self._newest[market.condition_id] = number, market
            if before is None:
                new.append((number, None, vars(market)))
            else:
                known = vars(before[1])
                changes = {n: each for n, each in vars(market).items() if each is not known[n]}
                new.append((number, before[0], changes))
        return number

    def _name(self, name: Name, new: list[tuple[int, Name]]) -> int:
        number = self._names.get(name)
        if number is None:
            number = self._names[name] = len(self._names)
            new.append((number, name))
        return number

    def _forecast(self, given: Given, new: list[tuple[int, Name]]) -> Forecasted:
        about = given.chance, given.frozen_at, given.evidence_at, given.detail
        return given.source, self._name(given.market, new), *about

    def _shown(self, identity: object, book: Book, new: list[tuple[int, Shown]]) -> int:
        shown = vars(book)
        number, _ = self._number(identity, shown)
        new.append((number, shown))
        return number

    def _number(self, identity: object, thing: object) -> tuple[int, bool]:
        known = self._kept.get(identity)
        if known is not None:
            return known[0], False
        self._kept[identity] = len(self._kept), thing
        return len(self._kept) - 1, True
