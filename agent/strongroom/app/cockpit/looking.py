"""Looks at one keeper for the cockpit: its journal, its port, its log. It changes none of them."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from strongroom.app.cockpit.gauges import Numbers, scrape
from strongroom.app.cockpit.holdings import held_rows
from strongroom.app.cockpit.log_tail import LogTail, read_log
from strongroom.app.cockpit.shown import (
    CockpitView,
    DecisionRow,
    asked_rows,
    budget_rows,
    cards,
    cosigner_words,
    decision_rows,
    forecaster_rows,
    halt_rows,
    is_alive,
    order_row,
    source_rows,
)
from strongroom.chain.calls import first_line
from strongroom.chain.ids import ConditionId
from strongroom.database import SQLITE, parsed
from strongroom.errors import Away
from strongroom.execution.taken_out import is_taken_out
from strongroom.journal import Journal, JournalMismatch
from strongroom.journal.damage import JournalDamaged, legible
from strongroom.keeper.configuration import Config, in_mode
from strongroom.keeper.health import kept_health
from strongroom.keeper.paper import kept_paper, with_paper
from strongroom.keeper.run import apart, journal_of
from strongroom.keeper.standing import Standing, kept_standing
from strongroom.keeper.status import Graded, grade, open_at
from strongroom.reporting.explanation import NothingKnown, explain, find
from strongroom.reporting.seen import kept_books
from strongroom.settings import ConfigError

T = TypeVar("T")
MOST = 50  # decisions at once
NAMED = 2_000  # decisions back from which questions are known
GRADE_S = 60.0  # forecasters are graded anew
FRESH_S = 0.5  # a look that is no older is shared


class JournalAway(Away):
    """The journal cannot be read now; the message says why."""


@dataclass
class Looker:
    """One keeper's journal, port and log. Safe between threads."""

    config: Config
    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    _journal: Journal | None = None
    _file: tuple[int, int] | None = None  # the journal's, as the disk numbers it
    _names: dict[ConditionId, str] = field(default_factory=dict)
    _named: int | None = None  # task up to which questions are known
    _graded: dict[str, Graded] = field(default_factory=dict)
    _graded_at: float = float("-inf")
    _view: CockpitView | None = None
    _looked_at: float = float("-inf")
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, config: Config, mode: str | None) -> "Looker":
        """Return what looks at the keeper of a file.

        Args:
            mode: instead of the file's

        Raises:
            ConfigError: a dry run keeps no journal, or there is none yet.
        """
        config = in_mode(config, mode)
        if config.operations.mode == "dry-run":
            raise ConfigError("a dry run keeps no journal: name --mode paper, ask or live")
        found = cls(apart(config))
        found._opened()
        return found

    def look(self) -> CockpitView:
        """Return what there is to see now.

        Raises:
            JournalAway: see the class.
        """
        with self._lock:
            if self._view is None or self.clock() - self._looked_at >= FRESH_S:
                numbers = scrape(self.config)
                self._view = self._read(lambda journal: self._made(journal, numbers))
                self._looked_at = self.clock()
            return self._view

    def standing(self) -> Standing | None:
        """Return how the keeper stood last, on paper with what paper holds; None: it never said.

        Raises:
            JournalAway: see the class.
        """
        with self._lock:
            return self._read(_standing)

    def read(self, what: Callable[[Journal], T]) -> T:
        """Return what something reads of the journal.

        Raises:
            JournalAway: see the class.
        """
        with self._lock:
            return self._read(what)

    def log(self) -> LogTail:
        """Return the end of the log."""
        return read_log(self.config.operations.log)

    def older(self, before: int) -> list[DecisionRow]:
        """Return decisions before a task's number, newest first.

        Raises:
            JournalAway: see the class.
        """
        with self._lock:
            return self._read(lambda journal: list(decision_rows(journal, MOST, before)))

    def explain(self, name: str) -> str:
        """Return the explanation of a decision, an intent or an order, by its beginning.

        Raises:
            NothingKnown: none begins so.
            JournalAway: see the class.
        """
        with self._lock:
            return self._read(lambda journal: explain(journal, find(journal, name)))

    def write(self, what: Callable[[Journal], int]) -> int:
        """Let something be written that a person asks for; return what it returns.

        Raises:
            JournalAway: see the class.
        """
        with self._lock:
            self._looked_at = float("-inf")
            return self._read(what)

    def _read(self, what: Callable[[Journal], T]) -> T:
        try:
            with legible(NothingKnown):
                return what(self._opened())
        except JournalDamaged as error:
            self._journal = None
            raise JournalAway(str(error).removeprefix("[journal] ")) from error
        except (ConfigError, JournalMismatch, OSError) as error:
            self._journal = None
            raise JournalAway(f"the journal cannot be read: {first_line(error)}") from error

    def _opened(self) -> Journal:
        """Return the journal; anew where the file of that name is another one by now."""
        file = self._on_disk()
        if self._journal is None or file != self._file:
            self._journal = open_at(journal_of(self.config), self.config.operations.mode)
            self._names, self._named = {}, None
            self._file = self._on_disk()
        return self._journal

    def _on_disk(self) -> tuple[int, int] | None:
        place = parsed(journal_of(self.config))
        if place.get_backend_name() != SQLITE:
            return None
        try:
            found = Path(place.database or "").stat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    def _made(self, journal: Journal, numbers: Numbers) -> CockpitView:
        config, standing = self.config, _standing(journal)
        health = kept_health(journal)
        self._learn_names(journal)
        tasks = {each.decision: each for each in journal.open_tasks()}
        state = None if standing is None else standing.state
        method = config.reporting.method
        alive = is_alive(journal_of(config), numbers)
        return CockpitView(
            vault=config.vault,
            mode=config.operations.mode if standing is None else standing.mode,
            wrote_at=None if standing is None else standing.wrote_at,
            seen_at=None if standing is None else standing.seen_at,
            ended=standing is not None and standing.ended,
            runs=not numbers.why,
            alive=alive,
            halts=tuple(halt_rows(standing, numbers)),
            cosigner=cosigner_words(config, standing, numbers, alive, self.wall()),
            cards=() if state is None else tuple(cards(state)),
            held=()
            if state is None or standing is None
            else tuple(
                held_rows(
                    state,
                    lambda condition: kept_books(journal, condition),
                    self._name,
                    method,
                    standing.at,
                )
            ),
            budgets=() if standing is None else tuple(budget_rows(config, journal, standing)),
            orders=tuple(
                order_row(
                    each,
                    self._name(each.condition),
                    each.decision in tasks and is_taken_out(journal, tasks[each.decision]),
                )
                for each in journal.open()
            ),
            transactions=tuple(
                (each.purpose, each.state.lower()) for each in journal.transactions.open()
            ),
            asked=tuple(asked_rows(journal)),
            decisions=tuple(decision_rows(journal, MOST)),
            sources=tuple(source_rows(health)),
            sources_at=None if health is None else health.at,
            forecasters=tuple(forecaster_rows(config, self._grades(journal))),
            numbers=numbers.rows,
            numbers_why=numbers.why,
        )

    def _name(self, condition: ConditionId) -> str:
        return self._names.get(condition, condition)

    def _learn_names(self, journal: Journal) -> None:
        """Learn the questions of conditions from the decisions since the last look."""
        if self._named is None:
            newest = journal.newest_tasks(1)
            self._named = max(0, newest[0].number - NAMED) if newest else 0
        for number, record in journal.decided_after(self._named):
            self._named = number
            self._names |= {leg.condition: leg.question for leg in record.legs}

    def _grades(self, journal: Journal) -> dict[str, Graded]:
        if self.clock() - self._graded_at >= GRADE_S:
            self._graded = {each.source: each for each in grade(journal)}
            self._graded_at = self.clock()
        return self._graded


def _standing(journal: Journal) -> Standing | None:
    """Return how the keeper stood last, on paper with what paper holds."""
    standing = kept_standing(journal)
    if standing is None or standing.state is None or standing.mode != "paper":
        return standing
    return replace(standing, state=with_paper(standing.state, kept_paper(journal), {}))
