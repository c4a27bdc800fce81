"""Two plain studies of recorded prices, without vault or keeper: the reference figures of the
data, and whether contradictions between hourly last prices could have been traded."""

from dataclasses import dataclass, replace
from decimal import Decimal

import polars as pl

from strongroom.analysis.tail import TailRecord
from strongroom.chain.units import HOUR, MICRO
from strongroom.data.folder import DataFolder
from strongroom.data.schema import BadData, Table
from strongroom.information.gamma import FeeSchedule

LOW, HIGH = 0.95, 0.99  # of a favourite's price
EARLIEST_H, LATEST_H = 96, 3
EPSILON = 1e-9


@dataclass(frozen=True)
class TailReference:
    """The favourite of each market, bought at the first hour in the range.

    Attributes:
        worth_then: markets that the tail rule would have bought a spread above the last price, fees
            paid, by the record of the favourites that had been paid by then
        worth_after: the same by the record of them all, which nobody had: in sample
    """

    markets: int
    won: float
    mean_return: float  # at the last price
    mean_return_spread: float  # a spread dearer
    worth_then: int
    worth_after: int


def tail_reference(
    folder: DataFolder, spread: float = 0.01, fee_rate: float = 0.04, waits_s: int = 7_200
) -> TailReference:
    """Return the reference figures of recorded prices.

    Args:
        waits_s: from a market's end to its payout, where the data does not say when it was resolved

    Raises:
        BadData: no market has an outcome and such a price.
    """
    known = folder.markets().join(folder.outcomes(), on="market")
    hours = (pl.col("ends_ms") - pl.col("at_ms")) / 1_000 / HOUR
    favoured = pl.max_horizontal("price", 1 - pl.col("price"))
    first = (
        _prices(folder)
        .join(known.select("market", "ends_ms", "yes", "resolved_ms"), on="market")
        .with_columns(hours.alias("hours"), favoured.alias("favoured"))
        .filter(  # a price after the resolution tells how it went
            (pl.col("at_ms") < pl.col("resolved_ms")).fill_null(True)
            & pl.col("hours").is_between(LATEST_H - EPSILON, EARLIEST_H + EPSILON)
            & (pl.col("favoured") >= LOW - EPSILON)
            & (pl.col("favoured") < HIGH - EPSILON)
        )
        .sort("at_ms")
        .group_by("market", maintain_order=True)
        .first()
        .with_columns(
            pl.when(pl.col("price") > 0.5)
            .then(pl.col("yes") / MICRO)
            .otherwise(1 - pl.col("yes") / MICRO)
            .alias("wins")
        )
        .with_columns(paid=pl.col("resolved_ms").fill_null(pl.col("ends_ms") + 1_000 * waits_s))
        .select("wins", "favoured", "at_ms", "paid")
    )
    if first.is_empty():
        raise BadData(f"{folder.path}: no market with an outcome has such a price: import both")
    wins, price = first["wins"].to_numpy(), first["favoured"].to_numpy()
    return TailReference(
        len(first),
        float(wins.mean()),
        float((wins / price - 1).mean()),
        float((wins / (price + spread) - 1).mean()),
        *_worth_buying(first, spread, fee_rate),
    )


def _worth_buying(first: pl.DataFrame, spread: float, fee_rate: float) -> tuple[int, int]:
    """Return how many favourites the rule would have bought, by the record of then and by that of
    the whole."""
    fees = FeeSchedule(Decimal(str(fee_rate)), Decimal(1))
    whole = TailRecord(wins=int((first["wins"] == 1).sum()), total=len(first))
    paid, then, after = first.sort("paid"), 0, 0
    known = paid["paid"].search_sorted(first["at_ms"], side="right").to_list()
    wins = [0, *(paid["wins"] == 1).cum_sum().to_list()]
    for price, total in zip((first["favoured"] + spread).to_list(), known, strict=True):
        if price >= HIGH + EPSILON:
            continue
        cost = price + fees.of(price)
        after += whole.worth() > cost
        then += total > 0 and replace(whole, wins=wins[total], total=total).worth() > cost
    return then, after


@dataclass(frozen=True)
class LadderLine:
    """Hourly contradictions of more than a threshold.

    Attributes:
        cents: the higher threshold is dearer than the lower by more than this
        pairs: that it was so in
        an_hour_later: of these, where it still was so at the next hour
        unmoved: of these, where one of the two prices had not changed for six hours
        after_costs: of these, where spread and fees left something at once
        after_costs_later: of these, where spread and fees left something at the next hour's prices
        moving: of these last, where both prices had changed within six hours
        mean: what was left on average at the next hour's prices, a pair of tokens, of all of these
    """

    cents: float
    pairs: int
    an_hour_later: int
    unmoved: int
    after_costs: int
    after_costs_later: int
    moving: int
    mean: float


@dataclass(frozen=True)
class LadderStudy:
    """All adjacent pairs, the lines, and the verdict in words."""

    pairs: int
    lines: list[LadderLine]
    verdict: str


def ladder_study(
    folder: DataFolder, half_spread: float = 0.01, fee_rate: float = 0.04
) -> LadderStudy:
    """Count contradictions between adjacent thresholds and what trading them would leave.

    Above the higher threshold implies above the lower. Where the higher is dearer, NO of the higher
    and YES of the lower pay at least 1 together; each is bought half a spread above its last price,
    with the taker's fee. Adjacent are the thresholds of an event that have a price at an hour. An
    event in which a threshold stands twice is no ladder: nobody knows which of them are right. Nor
    is one whose thresholds have no ticker, or several, or several ends.

    Raises:
        BadData: no two thresholds of an event have a price at the same time.
    """
    pairs = _priced_pairs(_rungs(folder), half_spread, fee_rate)
    if pairs.is_empty():
        raise BadData(
            f"{folder.path}: no ladder: markets of an event need one ticker and end, a threshold "
            "each, and prices"
        )
    seen = _with_next_hour(pairs)
    lines = [_line(seen, cents) for cents in (0, 1, 3, 5)]
    return LadderStudy(len(pairs), lines, _verdict(lines, half_spread))


def _prices(folder: DataFolder) -> pl.DataFrame:
    """Return the last prices of YES, in units, by market and time."""
    return folder.read(
        folder.table(Table.QUOTES)
        .join(folder.markets().lazy().select("market", token="yes_token"), on="token")
        .select("market", "at_ms", pl.col("price") / MICRO)
        .unique(maintain_order=True)  # several imports may bring the same
    )


def _rungs(folder: DataFolder) -> pl.DataFrame:
    """Return every hourly price with its threshold, and whether it had moved within six hours."""
    known = folder.markets().drop_nulls("threshold")
    ticker = pl.col("ticker").str.strip_chars().str.to_lowercase()
    about = pl.struct(ticker, "ends_ms").n_unique().over("event")
    is_alone = pl.struct("event", "threshold").is_unique().all().over("event")
    ladders = known.filter(is_alone, ticker != "", about == 1)
    ladders = ladders.with_row_index("place")
    first = pl.col("place").min().over("event").alias("event")
    thresholds = ladders.select("market", "place", first, "threshold")
    moved = (pl.col("price") != pl.col("price").shift(1).over("market")).fill_null(True)
    return (
        _prices(folder)
        .join(thresholds, on="market")
        .sort("place", "at_ms")
        .with_columns(pl.when(moved).then(pl.col("at_ms")).alias("changed"))
        .with_columns(pl.col("changed").forward_fill().over("market"))
        .with_columns((pl.col("at_ms") - pl.col("changed") < 6 * HOUR * 1_000).alias("moving"))
        .sort("event", "at_ms", "threshold")
    )


def _priced_pairs(rungs: pl.DataFrame, half_spread: float, fee_rate: float) -> pl.DataFrame:
    """Return each pair of adjacent thresholds at an hour: by how much the higher is dearer, and
    what buying NO of it and YES of the lower leaves."""
    above = {name: pl.col(name).shift(-1).over("event", "at_ms") for name in ("price", "moving")}
    cost_yes, cost_no = pl.col("price") + half_spread, 1 - pl.col("price_high") + half_spread
    fee = fee_rate * (cost_yes * (1 - cost_yes) + cost_no * (1 - cost_no))
    return (
        rungs.with_columns(
            pl.col("market").shift(-1).over("event", "at_ms").alias("high"),
            above["price"].alias("price_high"),
            (pl.col("moving") & above["moving"]).alias("both_moving"),
        )
        .with_columns(
            (pl.col("price_high") - pl.col("price")).alias("gap"),
            (1 - cost_yes - cost_no - fee).alias("left"),
        )
        .drop_nulls("gap")  # the highest threshold, and hours without a price
        .select("market", "high", "at_ms", "gap", "left", "both_moving")
    )


def _with_next_hour(pairs: pl.DataFrame) -> pl.DataFrame:
    """Return the pairs with the gap and what is left at the next hour's prices."""
    later = pairs.select(
        "market",
        "high",
        (pl.col("at_ms") - HOUR * 1_000).alias("at_ms"),
        pl.col("gap").alias("gap_later"),
        pl.col("left").alias("left_later"),
    )
    return pairs.join(later, on=["market", "high", "at_ms"], how="left")


def _line(seen: pl.DataFrame, cents: float) -> LadderLine:
    """Count the pairs of which the higher threshold is dearer by more than so many cents."""
    bound = cents / 100 + EPSILON
    found = seen.filter(pl.col("gap") > bound)
    left = found.filter(pl.col("left_later") > EPSILON)
    mean = found["left_later"].mean()
    return LadderLine(
        cents,
        len(found),
        len(found.filter(pl.col("gap_later") > bound)),
        len(found.filter(~pl.col("both_moving"))),
        len(found.filter(pl.col("left") > EPSILON)),
        len(left),
        len(left.filter(pl.col("both_moving"))),
        float(mean) if isinstance(mean, float) else 0.0,
    )


def _verdict(lines: list[LadderLine], half_spread: float) -> str:
    every, wide = lines[0], lines[-1]
    if not every.pairs:
        return "No higher threshold was dearer than a lower one: there is nothing to trade."
    return (
        f"Of {every.pairs:,} contradictions {every.an_hour_later / every.pairs:.0%} are still "
        f"there an hour later, and in {every.unmoved / every.pairs:.0%} one of the two prices had "
        "not moved for six hours: old last prices beside new ones, not quotes beside quotes. "
        f"Bought an hour later, {half_spread:g} above the last prices and with fees, "
        f"{every.after_costs_later / every.pairs:.0%} leave anything "
        f"({every.moving / every.pairs:.1%} of all with both prices moving); the average leaves "
        f"{every.mean:+.4f} a pair, that above {wide.cents:g} cents {wide.mean:+.4f}. So wide a "
        "gap that stands for hours says that nobody could trade there. Verdict: no profit can be "
        "claimed from this data; it takes recorded books to tell."
    )
