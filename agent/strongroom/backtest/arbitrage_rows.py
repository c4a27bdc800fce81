"""Fills and operations as parcels, dealt out into parts by wallet: what cannot be matched is
counted under its reason."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from strongroom.analysis.realised_arbitrage import LegAction
from strongroom.backtest.arbitrage_plans import KnownMarkets, Plans
from strongroom.chain.units import MICRO
from strongroom.data.folder import DataFolder
from strongroom.data.schema import Table

FLUSH = 500_000  # rows that are held before they are written
TOKEN_FEES_UNTIL_MS = 1_767_225_600_000  # 2026: until then purchases paid their fee in tokens
TWICE = "row: twice"
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class ArbitrageRules:
    """What counts.

    Attributes:
        window: how far apart the first and the last leg of a set may be; blocks, or seconds
        by_time: whether it is seconds: for sources without numbers of blocks
        least: fills of less are left out, micro-units
        unknown_fees_zero: take a fee that is not known for none
    """

    window: int = 950
    by_time: bool = False
    least: int = 2 * MICRO
    unknown_fees_zero: bool = False


def rows_of(folder: DataFolder) -> int:
    """Return how many trades and operations a folder has."""
    tables = (folder.table(each) for each in (Table.TRADES, Table.OPERATIONS))
    return sum(int(folder.read(each.select(pl.len())).item()) for each in tables)


class WalletParts:
    """Deals rows out into parts by wallet, as parcels; counts what it leaves out."""

    def __init__(
        self,
        scratch: Path,
        rules: ArbitrageRules,
        markets: KnownMarkets,
        plans: Plans,
        parts: int,
    ) -> None:
        """Take what a row is turned into a parcel by."""
        self.parts, self.read = parts, 0
        self.left_out: Counter[str] = Counter()
        self._scratch, self._rules = scratch, rules
        self._held: list[pl.DataFrame] = []
        self._files = 0
        yes, no = (
            markets.frame.select(pl.col(f"{side}_token").alias("token"), "number").with_columns(
                pl.lit(side == "yes").alias("is_yes")
            )
            for side in ("yes", "no")
        )
        self._tokens = pl.concat([yes, no]).unique("token", keep="none")
        self._markets = markets.frame.select("market", "number")
        self._conversions = pl.DataFrame(
            [(event, sets, leg) for (event, sets), leg in plans.conversions.items()],
            schema={"market": pl.String, "sets": pl.String, "converts": pl.Int64},
            orient="row",
        )

    def deal(self, folder: DataFolder, progress: Progress) -> None:
        """Write every row of a folder that can be matched into its wallet's part; what several
        imports bring once."""
        of, kept = rows_of(folder), 0
        for table, turned in (
            (Table.TRADES, self._trades),
            (Table.OPERATIONS, self._operations),
        ):
            for chunk in folder.chunks(table):
                kept += len(chunk)
                self._hold(turned(chunk))
                progress("rows", kept, of)
        self._flush()
        self.read = of
        if of > kept:
            self.left_out[TWICE] += of - kept

    def _kept(self, rows: pl.DataFrame, reasons: Mapping[str, pl.Expr]) -> pl.DataFrame:
        """Return the rows that no reason speaks against; count the others by the first."""
        for reason, speaks in reasons.items():
            bad = rows.select(speaks.fill_null(True)).to_series()
            if bad.any():
                self.left_out[reason] += int(bad.sum())
                rows = rows.filter(~bad)
        return rows

    def _unplaced(self, what: str) -> dict[str, pl.Expr]:
        reasons = {f"{what}: no wallet": pl.col("wallet").is_null()}
        if not self._rules.by_time:
            reasons[f"{what}: no number of a block (--seconds goes by time)"] = pl.col(
                "block"
            ).is_null()
        return reasons

    @property
    def _clock(self) -> pl.Expr:
        return pl.col("at_ms") // 1_000 if self._rules.by_time else pl.col("block")

    def _trades(self, chunk: pl.DataFrame) -> pl.DataFrame:
        rows = chunk.join(self._tokens, on="token", how="left", maintain_order="left")
        buys = pl.col("side") == "BUY"
        in_tokens = buys & (pl.col("at_ms") < TOKEN_FEES_UNTIL_MS)
        reasons = self._unplaced("trade") | {
            "trade: of a token of no known market": pl.col("number").is_null(),
            "trade: smaller than --least": pl.col("cash") < self._rules.least,
        }
        if self._rules.unknown_fees_zero:
            rows = rows.with_columns(pl.col("fee").fill_null(0))
        else:
            reasons["trade: its fee is not known"] = pl.col("fee").is_null()
        rows = self._kept(rows, reasons).with_columns(
            (pl.col("size") - pl.when(in_tokens).then("fee").otherwise(0)).alias("tokens"),
            pl.when(in_tokens)
            .then("cash")
            .when(buys)
            .then(pl.col("cash") + pl.col("fee"))
            .otherwise(pl.col("fee") - pl.col("cash"))
            .alias("cost"),
        )
        rows = self._kept(rows, {"trade: its fee took all tokens": pl.col("tokens") <= 0})
        action = (
            pl.when(buys)
            .then(pl.when("is_yes").then(LegAction.BUY_YES).otherwise(LegAction.BUY_NO))
            .otherwise(pl.when("is_yes").then(LegAction.SELL_YES).otherwise(LegAction.SELL_NO))
        )
        return rows.with_columns((pl.col("number") * len(LegAction) + action).alias("leg"))

    def _operations(self, chunk: pl.DataFrame) -> pl.DataFrame:
        lower = pl.col("market").str.to_lowercase()
        rows = chunk.filter(pl.col("kind") != "redeem").with_columns(lower)
        rows = rows.join(self._markets, on="market", how="left", maintain_order="left")
        rows = rows.join(
            self._conversions, on=["market", "sets"], how="left", maintain_order="left"
        )
        is_split, converts = pl.col("kind") == "split", pl.col("kind") == "convert"
        own = pl.col("number") * len(LegAction)
        leg = (
            pl.when(converts)
            .then("converts")
            .otherwise(own + pl.when(is_split).then(LegAction.SPLIT).otherwise(LegAction.MERGE))
        )
        rows = rows.with_columns(
            leg.cast(pl.Int64).alias("leg"),
            pl.col("amount").alias("tokens"),
            pl.when(is_split).then("amount").otherwise(0).alias("cost"),
        )
        reasons = self._unplaced("operation") | {
            "operation: of no known market": pl.col("leg").is_null(),
            "operation: of no tokens": pl.col("tokens") <= 0,
        }
        return self._kept(rows, reasons)

    def _hold(self, rows: pl.DataFrame) -> None:
        part = (pl.col("wallet").hash() % self.parts).cast(pl.Int32).alias("part")
        self._held.append(
            rows.select(
                part, "wallet", self._clock.alias("clock"), "at_ms", "log", "block",
                "leg", "tokens", "cost",
            )
        )  # fmt: skip
        if sum(map(len, self._held)) >= FLUSH:
            self._flush()

    def _flush(self) -> None:
        rows = pl.concat(self._held) if self._held else pl.DataFrame()
        self._held = []
        if rows.is_empty():
            return
        for (part,), own in rows.partition_by("part", as_dict=True, include_key=False).items():
            own.write_parquet(self._scratch / f"rows-{part}-{self._files:05d}.parquet")
        self._files += 1
