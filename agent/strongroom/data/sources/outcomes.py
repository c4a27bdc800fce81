"""How markets were resolved, from a file: market, yes, and where known resolved_at, void,
disputed."""

from pathlib import Path

import polars as pl

from strongroom.chain.units import MICRO
from strongroom.data.importing import Intake
from strongroom.data.reading import batches, micro, text, time_ms
from strongroom.data.schema import Table

_KNOWN = {"void": "void", "disputed": "disputed", "resolved_at": "resolved_ms"}  # -> column
_WORDS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def take_outcomes(intake: Intake, path: Path, source: str) -> None:
    """Read outcomes: yes is what one YES paid, 1, 0, or 0.5 where the market was void.

    Raises:
        BadData: the file cannot be read or lacks a column.
    """
    for part in batches(path, ("market", "yes")):
        known = [
            part[name].cast(pl.String).str.to_lowercase().replace_strict(_WORDS, default=None)
            for name in ("void", "disputed")
            if name in part.columns
        ]
        if "resolved_at" in part.columns:
            known.append(time_ms(part, "resolved_at").alias("resolved_ms"))
        given = [name for name in _KNOWN if name in part.columns]
        told = [part[name].cast(pl.String).alias(f"_{name}") for name in given]
        frame = pl.DataFrame(
            [text(part, "market").alias("market"), micro(part, "yes").alias("yes"), *known, *told]
        )
        reasons = {
            "outcome: no market": pl.col("market") == "",
            "outcome: no number between 0 and 1": ~pl.col("yes").is_between(0, MICRO),
        }
        if "void" in given:
            other = pl.col("void") & (pl.col("yes") != MICRO // 2)
            reasons["outcome: void, and yes is not 0.5"] = other.fill_null(False)
        kept = intake.keep(frame, reasons)
        for name in given:
            intake.count_unread(f"outcome: {name}", kept[f"_{name}"], kept[_KNOWN[name]])
        kept = kept.drop(f"_{name}" for name in given)
        intake.add(Table.OUTCOMES, kept.with_columns(source=pl.lit(source)))
        intake.progress(path.name, intake.read, intake.read)
