"""Studies of recorded prices as a command runs them: options in, a typed result out. Heavy imports
wait for use."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from strongroom.chain.ids import JsonObject

if TYPE_CHECKING:
    from rich.table import Table

    from strongroom.backtest.studies import LadderStudy, TailReference


@dataclass(frozen=True)
class ReferenceOptions:
    """The study of favourites.

    Attributes:
        spread: is added to each last price
        data: folder of imported data; by default the packaged ladders
    """

    spread: float = 0.01
    data: Path | None = None


@dataclass(frozen=True)
class LadderOptions:
    """The study of ladders that contradict themselves.

    Attributes:
        half_spread: around each last price
        fee_rate: of the venue's taker fee
        data: folder of imported data; by default the packaged ladders
    """

    half_spread: float = 0.01
    fee_rate: float = 0.04
    data: Path | None = None


@dataclass(frozen=True)
class StudyResult:
    """What a study found, and the hashes of the files that it read."""

    options: ReferenceOptions | LadderOptions
    found: TailReference | LadderStudy
    data: dict[str, str]

    def document(self) -> JsonObject:
        """Return the result as JSON takes it."""
        return asdict(self.found) | {"data": self.data}


def run_study(options: ReferenceOptions | LadderOptions) -> StudyResult:
    """Run a study of recorded prices, without vault or keeper.

    Raises:
        BadData: the folder cannot be read, or has nothing of the kind.
    """
    from strongroom.backtest.studies import ladder_study, tail_reference
    from strongroom.data.folder import open_folder, packaged
    from strongroom.data.schema import Table

    folder = packaged() if options.data is None else open_folder(options.data)
    found: TailReference | LadderStudy
    if isinstance(options, ReferenceOptions):
        found = tail_reference(folder, options.spread)
    else:
        found = ladder_study(folder, options.half_spread, options.fee_rate)
    read = folder.hashes((Table.MARKETS, Table.QUOTES, Table.OUTCOMES))
    return StudyResult(options, found, read)


def show_study(result: StudyResult) -> None:
    """Print a study as text, as wide as the terminal."""
    from strongroom.backtest.studies import TailReference
    from strongroom.screen import Screen

    console = Screen()
    found = result.found
    if isinstance(found, TailReference):
        assert isinstance(result.options, ReferenceOptions)
        console.print(
            f"{found.markets} markets, {found.won:.3%} won, mean return {found.mean_return:.3%} "
            f"at the last price, {found.mean_return_spread:.3%} at {result.options.spread:g} "
            "above it. The tail rule would have bought "
            f"{found.worth_then} of them at that price and the venue's fee by what was known then; "
            f"by the record of them all {found.worth_after}",
            soft_wrap=True,
        )
        return
    console.print(_ladder_table(found))
    console.print(found.verdict)


def _ladder_table(study: LadderStudy) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(
        box=box.SIMPLE, title=f"{study.pairs:,} pairs of adjacent thresholds at the same hour"
    )
    for name in (
        *("dearer by more than", "pairs", "an hour later", "one unmoved 6 h"),
        *("after costs", "an hour later", "both moving", "mean left later"),
    ):
        table.add_column(name, justify="right")
    for line in study.lines:
        table.add_row(
            f"{line.cents:g} cents",
            f"{line.pairs:,}",
            f"{line.an_hour_later:,}",
            f"{line.unmoved:,}",
            f"{line.after_costs:,}",
            f"{line.after_costs_later:,}",
            f"{line.moving:,}",
            f"{line.mean:+.4f}",
        )
    return table
