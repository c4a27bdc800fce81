"""Forecasts from a file: market, chance (of YES, 0 to 1), at (when it was given), and where known
source and evidence_at. A forecast without a time is dropped: a backtest must not know it early."""

from pathlib import Path

import polars as pl

from strongroom.chain.units import MICRO
from strongroom.data.importing import Intake
from strongroom.data.reading import batches, micro, rows_of, text, time_ms
from strongroom.data.schema import BadData, Table

_OTHER_NAMES = {
    "market": ("condition_id", "condition", "market_id"),
    "chance": ("probability", "prob", "p"),
    "at": ("frozen_at", "given_at", "timestamp", "ts"),
}


def take_forecasts(intake: Intake, path: Path, source: str) -> None:
    """Read forecasts; `source` is whose they are where the file has no such column.

    Raises:
        BadData: the file cannot be read or lacks a column.
    """
    done, of = 0, rows_of(path)
    for part in batches(path, ()):
        names = {
            other: name
            for name, others in _OTHER_NAMES.items()
            for other in others
            if other in part.columns and name not in part.columns
        }
        frame = part.rename(names)
        missing = [name for name in ("market", "chance", "at") if name not in frame.columns]
        if missing:
            raise BadData(f"{path}: lacks columns: {', '.join(missing)}")
        evidence = pl.Series("evidence_ms", [None] * len(frame), pl.Int64)
        told = text(frame, "evidence_at").str.strip_chars().alias("_told")
        if "evidence_at" in frame.columns:
            evidence = time_ms(frame, "evidence_at").alias("evidence_ms")
        rows = pl.DataFrame(
            [
                time_ms(frame, "at").alias("at_ms"),
                text(frame, "source", source).replace("", source).alias("source"),
                text(frame, "market").alias("market"),
                micro(frame, "chance").alias("chance"),
                evidence,
                told,
            ]
        )
        reasons = {
            "forecast: no market": pl.col("market") == "",
            "forecast: no time": pl.col("at_ms").is_null(),
            "forecast: no chance between 0 and 1": ~pl.col("chance").is_between(0, MICRO),
            "forecast: evidence_at is no time": (
                (pl.col("_told") != "") & pl.col("evidence_ms").is_null()
            ),
            "forecast: rests on what came later": (
                (pl.col("evidence_ms") > pl.col("at_ms")).fill_null(False)
            ),
        }
        intake.add(Table.FORECASTS, intake.keep(rows, reasons).drop("_told"))
        done += len(part)
        intake.progress(path.name, done, max(of, done))
