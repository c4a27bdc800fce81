"""Own prices: a file of markets and a file of their prices, e.g. ladders of thresholds.

MARKETS has a row a market: market, event, question, ends_at; and, where they are known, outcome (1,
0, or 0.5 for a void), resolved_at, condition_id, yes_token, no_token, ticker and threshold (of a
ladder), tick, min_size, fee_rate, category, rules. PRICES has market, at, price (the last one of
YES), or bid and ask with bid_size and ask_size. CSV or Parquet. Other names that are understood
stand in `_OTHER_NAMES`.
"""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from strongroom.chain.units import MICRO
from strongroom.data.importing import Intake
from strongroom.data.reading import batches, micro, rows_of, text, time_ms
from strongroom.data.schema import MOST, BadData, Table

_OTHER_NAMES = {
    "market": ("market_id",),
    "event": ("event_slug",),
    "question": ("market_question",),
    "ends_at": ("resolution_time", "end"),
    "yes_token": ("yes_token_id",),
    "no_token": ("no_token_id",),
    "at": ("ts", "time", "timestamp"),
}
_QUOTED = ("price", "bid", "ask")
_AMOUNTS = (*_QUOTED, "bid_size", "ask_size")
_TERMS = {  # least and most, 10**-6
    "tick": (1, MICRO - 1),
    "min_size": (0, MOST),
    "fee_rate": (0, MICRO),
    "fee_exponent": (0, 10 * MICRO),
    "threshold": (-MOST, MOST),
}


def take_prices(intake: Intake, markets: Path, prices: Path, outcomes_from: str) -> None:
    """Read markets and their prices.

    Args:
        outcomes_from: where the outcomes come from, e.g. "last price"; kept with each

    Raises:
        BadData: a file cannot be read or lacks a column.
    """
    tokens = take_markets(intake, markets, outcomes_from)
    done, of = 0, rows_of(prices)
    for part in batches(prices, ()):
        _take_part(intake, prices, _renamed(part), tokens)
        done += len(part)
        intake.progress(prices.name, done, max(of, done))


def take_markets(intake: Intake, path: Path, outcomes_from: str) -> Mapping[str, str]:
    """Keep a file's markets and their outcomes; return market -> token of YES.

    Raises:
        BadData: the file cannot be read or lacks a column.
    """
    parts = list(batches(path, ()))
    if not parts:
        raise BadData(f"{path}: has no rows: it needs a row a market")
    frame = _renamed(pl.concat(parts))
    _need(frame, path, ("market", "event", "question", "ends_at"))
    frame = frame.with_columns(
        text(frame, "market").alias("market"), time_ms(frame, "ends_at").alias("ends_ms")
    )
    name = frame["market"]
    frame = frame.with_columns(
        event=text(frame, "event"),
        _id=text(frame, "condition_id", name),
        _yes=text(frame, "yes_token", name + ":yes"),
        _no=text(frame, "no_token", name + ":no"),
    )
    twice = [~pl.col(each).is_first_distinct() for each in ("_id", "_yes", "_no")]
    shared = pl.col("_yes").is_in(frame["_no"].implode()) | pl.col("_no").is_in(
        frame["_yes"].implode()
    )
    frame = intake.keep(
        frame,
        {
            "market: no name": pl.col("market") == "",
            "market: no event": pl.col("event") == "",
            "market: no end": pl.col("ends_ms").is_null(),
            "market: named twice": ~pl.col("market").is_first_distinct(),
            "market: its id or a token is another's": pl.any_horizontal(*twice) | shared,
        },
    )
    if frame.is_empty():
        return {}
    frame = frame.sort("ends_ms", maintain_order=True)
    name, market, yes, no = (frame[each] for each in ("market", "_id", "_yes", "_no"))
    known = {each: _term(intake, frame, each) for each in _TERMS if each in frame.columns}
    rows: dict[str, pl.Series] = {
        "market": market,
        "venue": text(frame, "venue", "polymarket" if "condition_id" in frame.columns else "own"),
        "venue_id": name,
        "event": frame["event"],
        "question": text(frame, "question"),
        "yes_name": text(frame, "yes_name", "Yes"),
        "no_name": text(frame, "no_name", "No"),
        "yes_token": yes,
        "no_token": no,
        "ends_ms": frame["ends_ms"],
        "negative_risk": pl.repeat(False, len(frame), eager=True),
        "category": text(frame, "category", "finance" if "ticker" in frame.columns else ""),
        "rules": text(frame, "rules", _rules(frame)),
        "ticker": text(frame, "ticker"),
        **known,
    }
    intake.add(Table.MARKETS, pl.DataFrame(rows))
    _take_outcomes(intake, frame, market, outcomes_from)
    return dict(zip(name, yes, strict=True))


def _term(intake: Intake, frame: pl.DataFrame, name: str) -> pl.Series:
    """Return a term of the markets; what it cannot be is unknown, and counted."""
    found, (least, most) = micro(frame, name), _TERMS[name]
    given = frame[name].cast(pl.String).fill_null("") != ""
    bad = given & ~found.is_between(least, most).fill_null(False)
    if bad.any():
        intake.repaired[f"market: {name} cannot be that, taken for unknown"] += int(bad.sum())
    return found.set(bad, None)


def _rules(frame: pl.DataFrame) -> pl.Series:
    """Return what a ladder's text says where none is given."""
    if not {"ticker", "threshold"} <= set(frame.columns):
        return pl.repeat("", len(frame), dtype=pl.String, eager=True)
    bounds = frame["threshold"].cast(pl.Float64, strict=False).to_list()
    return pl.Series(
        [
            "" if bound is None else f"Resolves YES if {ticker} closes above {bound:g} USD."
            for ticker, bound in zip(text(frame, "ticker"), bounds, strict=True)
        ],
        dtype=pl.String,
    )


def _take_outcomes(intake: Intake, frame: pl.DataFrame, market: pl.Series, source: str) -> None:
    if "outcome" not in frame.columns:
        return
    resolved: dict[str, pl.Series] = {}
    if "resolved_at" in frame.columns:
        resolved["resolved_ms"] = time_ms(frame, "resolved_at")
        intake.count_unread("outcome: resolved_at", frame["resolved_at"], resolved["resolved_ms"])
    columns = {"market": market, "yes": micro(frame, "outcome"), **resolved}
    unread = frame["outcome"].cast(pl.String).fill_null("") != ""
    bad = int((unread & columns["yes"].is_null()).sum())
    if bad:
        intake.repaired["outcome: no number, taken for unknown"] += bad
    told = pl.DataFrame(columns).with_columns(source=pl.lit(source)).drop_nulls("yes")
    wrong = told.filter(~pl.col("yes").is_between(0, MICRO))
    if not wrong.is_empty():
        bad = wrong["yes"][0] / MICRO
        raise BadData(f"outcome {bad:g} of {wrong['market'][0]} is not between 0 and 1: correct it")
    intake.add(Table.OUTCOMES, told)


def _take_part(intake: Intake, path: Path, part: pl.DataFrame, tokens: Mapping[str, str]) -> None:
    _need(part, path, ("market", "at"))
    if not set(_QUOTED) & set(part.columns):
        raise BadData(f"{path}: lacks a price: it needs the column price, or bid and ask")
    given = [name for name in _AMOUNTS if name in part.columns]
    amounts = [
        micro(part, name).alias(name) if name in given else pl.lit(None, pl.Int64).alias(name)
        for name in _AMOUNTS
    ]
    frame = part.select("market").with_columns(
        text(part, "market").replace_strict(tokens, default=None).alias("token"),
        time_ms(part, "at").alias("at_ms"),
        *amounts,
        *(part[name].cast(pl.String).alias(f"_{name}") for name in given),
    )
    below = [pl.col(each) < 0 for each in ("bid_size", "ask_size")]
    outside = [~pl.col(each).is_between(0, MICRO) for each in _QUOTED]
    kept = intake.keep(
        frame,
        {
            "price: its market is not in the list": pl.col("token").is_null(),
            "price: no time": pl.col("at_ms").is_null(),
            "price: not between 0 and 1": pl.any_horizontal(outside).fill_null(False),
            "quote: bid above ask": (pl.col("bid") > pl.col("ask")).fill_null(False),
            "quote: a size below 0": pl.any_horizontal(below).fill_null(False),
        },
    )
    for name in given:
        intake.count_unread(f"quote: {name}", kept[f"_{name}"], kept[name])
    nothing = kept.select(pl.all_horizontal(pl.col(each).is_null() for each in _QUOTED).sum())
    if nothing.item():
        intake.repaired["price: none, kept as unknown"] += nothing.item()
    intake.add(Table.QUOTES, kept.select("at_ms", "token", *_AMOUNTS))


def _renamed(frame: pl.DataFrame) -> pl.DataFrame:
    names = {
        other: name
        for name, others in _OTHER_NAMES.items()
        for other in others
        if other in frame.columns and name not in frame.columns
    }
    return frame.rename(names)


def _need(frame: pl.DataFrame, path: Path, names: tuple[str, ...]) -> None:
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise BadData(
            f"{path}: lacks columns: {', '.join(missing)}: see strongroom import prices --help"
        )
