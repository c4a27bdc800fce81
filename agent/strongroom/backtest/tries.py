"""Every parameter set that was ever tried on the same data, with the events that it traded.

The best of many tries is selected, not proven: a verdict counts them all, those that failed and
those of other people too. They lie in one record of this account, wherever results are written:
one file each, under the hash of the data, of what its files hold and not of their names. A try on
other data counts where it traded an event of the same name: a row more, or another import, makes
no new sample of the same events. The code of a pack from outside is no parameter: where it trades
otherwise with the same ones, it is another try.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
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

    def keep(self, fills: Fills, events: tuple[Event, ...]) -> None:
        """Write down what this try traded."""
        place = self._place(fills)
        place.mkdir(parents=True, exist_ok=True)
        name = self._name(events)
        draft = place / f".{name}"
        draft.write_bytes(_EVENTS.dump_json(list(events)))
        draft.replace(place / f"{name}.json")

    def others(self, fills: Fills, events: Sequence[Event] = ()) -> Tries:
        """Return the other tries; one on this data that cannot be read counts as lost.

        Args:
            events: that this try traded; tries on other data count that traded one of them
        """
        kept, lost, here = [], 0, self._place(fills)
        own, name = {event.name for event in events}, self._name(events)
        for path in sorted(self.folder.glob(f"*/{fills}/*.json")):
            is_here = path.parent == here
            if is_here and path.stem == name:
                continue
            try:
                found = _EVENTS.validate_json(path.read_bytes())
            except (ValidationError, OSError):
                lost += is_here
                continue
            if is_here or any(event.name in own for event in found):
                kept.append(found)
        return Tries(kept, lost)

    def count(self, fills: Fills, events: Sequence[Event] = ()) -> int:
        """Return how many tries there are, this one included."""
        return self.others(fills, events).count

    def overlapping(self, fills: Fills, events: Sequence[Event]) -> int:
        """Return how many other tries traded one of these events; what cannot be read did."""
        found, own = self.others(fills, events), {event.name for event in events}
        return found.lost + sum(any(event.name in own for event in each) for each in found.kept)

    def _name(self, events: Sequence[Event]) -> str:
        """Hash of the parameters, with a pack from outside of what was traded, too. Where the data
        lies and what a run is called are no parameters."""
        tried = self.config.model_dump(mode="json", exclude={"fills": True, "name": True})
        tried["data"].pop("path", None)
        if not self.walk:
            tried.pop("sweep", None)
        if self.walk:
            tried["walk"] = self.walk
        if outside(self.config.packs):
            tried["traded"] = keccak(_EVENTS.dump_json(list(events))).hex()
        return keccak(canonical(tried)).hex()[:32]

    def _place(self, fills: Fills) -> Path:
        read = keccak(canonical(sorted(read_hashes(self.config).values()))).hex()[:16]
        return self.folder / read / fills
