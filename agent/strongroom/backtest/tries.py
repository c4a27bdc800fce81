"""Every parameter set that was ever tried on the same data, with the events that it traded.

The best of many tries is selected, not proven: a verdict counts them all, those that failed and
those of other people too. They lie in one record of this account, wherever results are written:
one file each, under the hash of the data, of what its files hold and not of their names, and under
the fills. A set is one try under however many assumptions on fills it was played, and by whichever
command: who chose by kind ones has tried as often. Those from which a walk chose count, too, but
not against that walk.

A try on other data counts where it traded an event of the same name: a row more, or another
import, makes no new sample of the same events. The code of a pack from outside is no parameter:
where it trades otherwise with the same ones, it is another try.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from strongroom.analysis.fair_null import Event
from strongroom.analysis.verdict import Tries
from strongroom.backtest.config import BacktestConfig
from strongroom.backtest.data import read_hashes
from strongroom.backtest.made_by import outside
from strongroom.backtest.quotes import Fills
from strongroom.chain.ids import canonical, keccak
from strongroom.errors import BadInput

IN = "STRONGROOM_TRIES"  # the environment's word for another folder, which a team shares
WALK = "walk-"  # before the hash of a walk, in the names of sets from which it chose
_EVENTS = TypeAdapter(list[Event])


def open_record(folder: Path | None = None) -> Path:
    """Return the folder of the record, made where there is none.

    Args:
        folder: by default this account's, the same for every folder of results

    Raises:
        BadInput: tries cannot be written there.
    """
    named = os.environ.get(IN)
    usual = Path(named).expanduser() if named else Path.home() / ".strongroom" / "tries"
    place = folder or usual
    try:
        place.mkdir(parents=True, exist_ok=True)
        draft = place / f".{os.getpid()}"
        draft.touch()
        draft.unlink()
    except OSError as error:
        raise BadInput(
            f"{place}: the record of tries cannot be written ({error.strerror}), and without it a "
            f"verdict would not know what else was tried: set {IN} to a folder that is kept"
        ) from error
    return place


@dataclass(frozen=True)
class _Kept:
    """A file of the record.

    Attributes:
        set_: hash of the parameters
        traded: of what a pack from outside traded, else empty
        walk: hash of the walk that chose from it, else empty
    """

    path: Path
    fills: str
    set_: str
    traded: str = ""
    walk: str = ""

    @staticmethod
    def of(path: Path) -> "_Kept":
        set_, _, rest = path.stem.partition("-")
        walk = rest.removeprefix(WALK) if rest.startswith(WALK) else ""
        return _Kept(path, path.parent.name, set_, "" if walk else rest, walk)


@dataclass(frozen=True)
class Tried:
    """The tries on one data set.

    Attributes:
        folder: of the record
        config: this try
        walk: how a walk-forward splits the data; empty: one set of parameters is played
    """

    folder: Path
    config: BacktestConfig
    walk: str = ""

    def keep(self, fills: Fills, events: Sequence[Event]) -> None:
        """Write down what this try traded."""
        self._write(fills, self._name(events), events)

    def keep_choice(self, fills: Fills, config: BacktestConfig, events: Sequence[Event]) -> None:
        """Write down what a set traded from which this walk chooses.

        Args:
            config: of the set, over all of the data
            events: all so far; they take the place of those before
        """
        set_ = Tried(self.folder, config)._set
        self._write(fills, f"{set_}-{WALK}{self._set}", events)

    def others(self, fills: Fills, events: Sequence[Event] = ()) -> Tries:
        """Return the other tries; one on this data that cannot be read counts as lost.

        Args:
            events: that this try traded; tries on other data count that traded one of them
        """
        own = {event.name for event in events}
        kept, lost = [], 0
        for place in sorted(each for each in self.folder.glob("*") if each.is_dir()):
            is_here = place == self._place
            found = [_Kept.of(path) for path in sorted(place.glob("*/*.json"))]
            if is_here:
                found = [each for each in found if each.walk != self._set]
                this = _Kept(place, fills, self._set, self._traded(events))
            for tries in _by_set(found):
                mine = this if is_here and tries[0].set_ == self._set else None
                for each in _counted(tries, fills, mine):
                    traded = _read(each.path)
                    if traded is None:
                        lost += is_here
                    elif is_here or any(event.name in own for event in traded):
                        kept.append(traded)
        return Tries(kept, lost)

    def count(self, fills: Fills, events: Sequence[Event] = ()) -> int:
        """Return how many tries there are, this one included."""
        return self.others(fills, events).count

    def overlapping(self, fills: Fills, events: Sequence[Event]) -> int:
        """Return how many other tries traded one of these events; what cannot be read did."""
        found, own = self.others(fills, events), {event.name for event in events}
        return found.lost + sum(any(event.name in own for event in each) for each in found.kept)

    def _write(self, fills: Fills, name: str, events: Sequence[Event]) -> None:
        place = self._place / fills
        place.mkdir(parents=True, exist_ok=True)
        draft = place / f".{name}"
        draft.write_bytes(_EVENTS.dump_json(list(events)))
        draft.replace(place / f"{name}.json")

    def _name(self, events: Sequence[Event]) -> str:
        traded = self._traded(events)
        return f"{self._set}-{traded}" if traded else self._set

    @cached_property
    def _set(self) -> str:
        """Hash of the parameters. Where the data lies and what a run is called are none."""
        tried = self.config.model_dump(mode="json", exclude={"fills": True, "name": True})
        tried["data"].pop("path", None)
        if not self.walk:
            tried.pop("sweep", None)
        if self.walk:
            tried["walk"] = self.walk
        return keccak(canonical(tried)).hex()[:32]

    def _traded(self, events: Sequence[Event]) -> str:
        """Hash of what a pack from outside traded; empty: the packs are ours."""
        if not outside(self.config.packs):
            return ""
        return keccak(_EVENTS.dump_json(list(events))).hex()[:16]

    @cached_property
    def _place(self) -> Path:
        read = keccak(canonical(sorted(read_hashes(self.config).values()))).hex()[:16]
        return self.folder / read


def _by_set(found: Iterable[_Kept]) -> list[list[_Kept]]:
    """Return the files of each set; of those from which a walk chose only where it was never played
    by itself."""
    sets: dict[str, list[_Kept]] = {}
    for each in found:
        sets.setdefault(each.set_, []).append(each)
    return [[each for each in all_ if not each.walk] or all_[:1] for all_ in sets.values()]


def _counted(tries: Sequence[_Kept], fills: Fills, this: _Kept | None) -> list[_Kept]:
    """Return the tries of one set that count beside `this`: as many as there are under one
    assumption on fills, those under these fills first.

    Args:
        this: that is judged, where it is of this set
    """
    under: dict[str, list[_Kept]] = {}
    for each in tries:
        under.setdefault(each.fills, []).append(each)
    most = max(under.values(), key=len)
    here = under.get(fills, [])
    others = [
        each for each in here if this is None or (each.traded != this.traded and not each.walk)
    ]
    known = len(others) + (this is not None)
    rest = [each for each in most if each.fills != fills]
    return others + rest[: max(0, len(most) - known)]


def _read(path: Path) -> list[Event] | None:
    """Return a try's events; None: they cannot be read."""
    try:
        return _EVENTS.validate_json(path.read_bytes())
    except (ValidationError, OSError):
        return None
