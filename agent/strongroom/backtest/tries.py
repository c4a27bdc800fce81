"""Every parameter set that was ever tried on the same data, with the events that it traded.

The best of many tries is selected, not proven: a verdict counts them all, those that failed and
those of other people too. They lie beside the results, one file each, under the hash of the data.
"""

from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from strongroom.analysis.fair_null import Event
from strongroom.analysis.verdict import Tries
from strongroom.backtest.config import BacktestConfig
from strongroom.backtest.data import read_hashes
from strongroom.backtest.quotes import Fills
from strongroom.chain.ids import canonical, keccak

_EVENTS = TypeAdapter(list[Event])


@dataclass(frozen=True)
class Tried:
    """The tries on one data set.

    Attributes:
        folder: of all results
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
        draft = place / f".{self._name}"
        draft.write_bytes(_EVENTS.dump_json(list(events)))
        draft.replace(place / f"{self._name}.json")

    def others(self, fills: Fills) -> Tries:
        """Return the other tries; one that cannot be read counts as lost."""
        kept, lost = [], 0
        for path in sorted(self._place(fills).glob("*.json")):
            if path.stem == self._name:
                continue
            try:
                kept.append(_EVENTS.validate_json(path.read_bytes()))
            except (ValidationError, OSError):
                lost += 1
        return Tries(kept, lost)

    def count(self, fills: Fills) -> int:
        """Return how many tries there are, this one included."""
        return self.others(fills).count

    @property
    def _name(self) -> str:
        unread = {"fills", "name", *(() if self.walk else ("sweep",))}
        tried = self.config.model_dump(mode="json", exclude=unread)
        if self.walk:
            tried["walk"] = self.walk
        return keccak(canonical(tried)).hex()[:32]

    def _place(self, fills: Fills) -> Path:
        read = keccak(canonical(dict(read_hashes(self.config)))).hex()[:16]
        return self.folder / "tries" / read / fills
