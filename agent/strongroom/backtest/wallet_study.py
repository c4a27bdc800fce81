"""Whose trades are worth following: found on settled events, judged on events that came later.

What counts is not what a wallet earned but what a follower would have: who buys the same token some
time after it, at the next price that somebody else trades at, with slippage and fee, one unit each.
The first entry in an event is followed: what a wallet adds to depends on how it went, and a mean of
all would show an edge where there is none. Wallets are chosen by what a purse would have made of
their entries (analysis/free_money.py), at most `false_rate` of them without an edge, by what had
been paid by then. Every later entry of a chosen wallet is out of sample.
"""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import numpy as np
import polars as pl

from strongroom.analysis.fair_null import Event, HeldToken
from strongroom.analysis.free_money import Purses
from strongroom.analysis.odds import chosen
from strongroom.analysis.verdict import LEAST_EVENTS, VerdictWord, conclude
from strongroom.chain.ids import JsonObject
from strongroom.chain.units import DAY, HOUR
from strongroom.data.parquet_shape import check_shape
from strongroom.data.reading import check_text
from strongroom.data.schema import read_whole
from strongroom.errors import BadInput

FILLS = ("time", "wallet", "condition", "outcome", "side", "price", "size")
OUTCOMES = ("condition", "yes_pays", "resolved_at")
_ENTRY = ("event", "cost", "result", "resolved_at")
_BET = ("opened", "resolved_at", "result")
NEVER = 2**60  # s: when an event is paid of which no outcome is known
SCHEMA = 1
OWN_PRINTS = 5  # of a wallet itself in a row, after which nobody could have followed it


class BadFills(BadInput):
    """A file of fills or outcomes cannot be used; the message says why."""


@dataclass(frozen=True)
class FollowRules:
    """How a follower trades, and how wallets are chosen.

    Attributes:
        delay_s: after the wallet's own trade
        window_s: within which somebody else must trade after that
        slippage: on the next price
        fee_rate: of p * (1 - p)
        fewest: events that a wallet must have entered to be tested
        false_rate: of the chosen, at most so many without an edge, on average
        every_s: between two choices
        delays: that decay is shown at, seconds
        room: a follower's price may rise by this while it fills: for capacity
    """

    delay_s: int = 60
    window_s: int = HOUR
    slippage: float = 0.01
    fee_rate: float = 0.04
    fewest: int = LEAST_EVENTS
    false_rate: float = 0.1
    every_s: int = 7 * DAY
    delays: Sequence[int] = (0, 60, 300, 1_800)
    room: float = 0.01


@dataclass(frozen=True)
class FollowedWallet:
    """A chosen wallet.

    Attributes:
        events: settled ones that it entered
        log_wealth: what a purse made of its entries (natural logarithm)
        mean: return of following it, a unit each settled event
        capacity: what could be bought behind it without moving the price by `room`; median, units
    """

    wallet: str
    events: int
    log_wealth: float
    mean: float
    capacity: float


@dataclass(frozen=True)
class OutOfSample:
    """What following the wallets chosen so far brought afterwards.

    Attributes:
        open: events that are not settled; it passes only if it would were all of them lost
        p: of the fair-price null, on what is settled
        word: passes, fails, cannot be told from 0, too few events, nothing was traded
    """

    events: int
    dates: int
    entries: int
    mean: float
    p: float
    losing: int
    open: int
    word: str


@dataclass(frozen=True)
class WalletStudy:
    """Everything found.

    Attributes:
        tested: wallets that had entered enough events at the end
        decay: delay in seconds -> mean return of following today's wallets; in sample, since they
            were chosen on these events
        unfollowable: share of buys after which nobody else traded in time
    """

    as_of: int
    fills: int
    wallets: int
    tested: int
    followed: tuple[FollowedWallet, ...]
    out_of_sample: OutOfSample
    decay: Mapping[int, float]
    unfollowable: float
    data: Mapping[str, str]
    rules: FollowRules

    def document(self) -> JsonObject:
        """Return it as JSON takes it: the file that the feed reads."""
        decay: JsonObject = {str(delay): mean for delay, mean in self.decay.items()}
        return {"schema": SCHEMA} | asdict(self) | {"decay": decay}


def wallet_study(
    fills: Path,
    outcomes: Path,
    rules: FollowRules = FollowRules(),
) -> WalletStudy:
    """Study files of fills and outcomes (CSV or Parquet).

    Args:
        fills: time (s), wallet, condition, outcome (YES, NO), side (BUY, SELL), price, size
        outcomes: condition, yes_pays (0 to 1), resolved_at (s); event, where several conditions
            share one

    Raises:
        BadFills: see the class.
    """
    trades, settled = _read(fills, FILLS), _read(outcomes, OUTCOMES)
    data = {path.name: sha256(path.read_bytes()).hexdigest() for path in (fills, outcomes)}
    return study_of(_trades(trades), _settled(settled), rules, data)


def study_of(
    trades: pl.DataFrame,
    settled: pl.DataFrame,
    rules: FollowRules,
    data: Mapping[str, str] | None = None,
) -> WalletStudy:
    """Study frames as `_trades` and `_settled` return them."""
    every, buys = _entries(trades, settled, rules, rules.delay_s)
    entries = _first(every, "wallet", "event")
    as_of = int(trades["time"].max() or 0)  # type: ignore[arg-type]
    tested, followed = _Choice(entries, rules).at(as_of)
    ours = entries.filter(pl.col("wallet").is_in([each.wallet for each in followed]))
    followed = tuple(_with_capacity(each, ours) for each in followed)
    names = [each.wallet for each in followed]
    decay = {}
    for delay in rules.delays:
        late, _ = _entries(trades, settled, rules, delay)
        ours = late.filter(pl.col("wallet").is_in(names) & (pl.col("resolved_at") <= as_of))
        decay[delay] = _mean(_first(ours, "event"))
    return WalletStudy(
        as_of, len(trades), trades["wallet"].n_unique(), tested, followed,
        _out_of_sample(entries, as_of, rules), decay if names else {},
        1 - len(every) / buys if buys else 0.0, dict(data or {}), rules,
    )  # fmt: skip


def _read(path: Path, columns: Sequence[str]) -> pl.DataFrame:
    try:
        if path.suffix == ".parquet":
            check_shape(path)
        else:
            check_text(path)
        with read_whole(path):
            found = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path)
    except (OSError, EOFError, zlib.error, pl.exceptions.PolarsError) as error:
        raise BadFills(f"{path}: cannot be read: {str(error)[:120]}") from error
    lacking = [name for name in columns if name not in found.columns]
    if lacking:
        raise BadFills(f"{path}: lacks columns: {', '.join(lacking)}")
    return found


def _trades(fills: pl.DataFrame) -> pl.DataFrame:
    """Return fills with YES' price, oldest first; rows that are none are refused."""
    try:
        found = fills.select(
            pl.col("time").cast(pl.Int64),
            pl.col("wallet").cast(pl.String).str.to_lowercase(),
            pl.col("condition").cast(pl.String).str.to_lowercase(),
            (pl.col("outcome").cast(pl.String).str.to_uppercase() == "YES").alias("yes"),
            (pl.col("side").cast(pl.String).str.to_uppercase() == "BUY").alias("buys"),
            pl.col("price").cast(pl.Float64),
            pl.col("size").cast(pl.Float64),
            pl.col("outcome").cast(pl.String).str.to_uppercase().is_in(["YES", "NO"]).alias("o"),
            pl.col("side").cast(pl.String).str.to_uppercase().is_in(["BUY", "SELL"]).alias("s"),
        )
    except pl.exceptions.PolarsError as error:
        raise BadFills(f"fills: {str(error)[:120]}") from error
    good = pl.col("o") & pl.col("s") & pl.col("price").is_between(0, 1, closed="none")
    bad = found.filter(~(good & (pl.col("size") > 0)).fill_null(False))
    if len(bad):
        raise BadFills(f"fills: {len(bad)} rows are none, the first is {bad.row(0)}")
    yes_price = pl.when("yes").then("price").otherwise(1 - pl.col("price"))
    return (
        found.drop("o", "s")
        .with_columns(yes_price.alias("yes_price"))
        .sort("time", maintain_order=True)
    )


def _settled(outcomes: pl.DataFrame) -> pl.DataFrame:
    event = pl.col("event") if "event" in outcomes.columns else pl.lit(None)
    try:
        found = outcomes.select(
            pl.col("condition").cast(pl.String).str.to_lowercase(),
            pl.col("yes_pays").cast(pl.Float64),
            pl.col("resolved_at").cast(pl.Int64),
            event.cast(pl.String).alias("event"),
        ).with_columns(pl.col("event").fill_null(pl.col("condition")))
    except pl.exceptions.PolarsError as error:
        raise BadFills(f"outcomes: {str(error)[:120]}") from error
    if not found["yes_pays"].is_between(0, 1).all() or found.null_count().sum_horizontal()[0]:
        raise BadFills("outcomes: yes_pays must be between 0 and 1, and nothing may be missing")
    if found["condition"].n_unique() != len(found):
        raise BadFills("outcomes: a condition stands twice")
    return found


def _entries(
    trades: pl.DataFrame, settled: pl.DataFrame, rules: FollowRules, delay: int
) -> tuple[pl.DataFrame, int]:
    """Return a row for each buy that could be followed, and how many buys there were."""
    buys = trades.filter("buys").join(settled, on="condition", how="left", maintain_order="left")
    buys = buys.with_columns(
        pl.col("resolved_at").fill_null(NEVER),
        pl.col("event").fill_null(pl.col("condition")),
    )
    buys = buys.filter(pl.col("time") < pl.col("resolved_at"))
    prints = trades.select(
        pl.col("time").alias("print_time"), "condition",
        pl.col("wallet").alias("printer"), pl.col("yes_price").alias("next_yes"),
    )  # fmt: skip
    waiting = buys.with_row_index("row").with_columns((pl.col("time") + delay).alias("from"))
    found = []
    for _ in range(OWN_PRINTS):
        if waiting.is_empty():
            break
        met = waiting.sort("from").join_asof(
            prints.sort("print_time"), left_on="from", right_on="print_time",
            by="condition", strategy="forward", check_sortedness=False,
        )  # fmt: skip
        until = pl.col("time") + delay + rules.window_s
        met = met.filter(
            (pl.col("print_time") <= until) & (pl.col("print_time") < pl.col("resolved_at"))
        )
        found.append(met.filter(pl.col("printer") != pl.col("wallet")))
        waiting = met.filter(pl.col("printer") == pl.col("wallet")).select(
            *waiting.columns[:-1], (pl.col("print_time") + 1).alias("from")
        )
    entries = pl.concat(found) if found else waiting
    if not found or entries.is_empty():
        return _no_entries(), len(buys)
    return _priced(entries, trades, rules), len(buys)


def _priced(entries: pl.DataFrame, trades: pl.DataFrame, rules: FollowRules) -> pl.DataFrame:
    """Return what each entry cost and brought, a unit of stake each."""
    price = pl.when("yes").then("next_yes").otherwise(1 - pl.col("next_yes")) + rules.slippage
    pays = pl.when("yes").then("yes_pays").otherwise(1 - pl.col("yes_pays"))
    priced = entries.with_columns(price.alias("paid"), pays.alias("pays"))
    fee = rules.fee_rate * pl.col("paid") * (1 - pl.col("paid"))
    priced = priced.with_columns((pl.col("paid") + fee).alias("cost")).filter(pl.col("cost") < 1)
    result = (pl.col("pays") / pl.col("cost") - 1).fill_null(-1.0)  # without an outcome: never paid
    priced = priced.with_columns(result.alias("result"))
    return _with_room(priced, trades, rules).select(
        "wallet", "event", "time", pl.col("print_time").alias("opened"), "row", "resolved_at",
        "cost", "result", "room",
    )  # fmt: skip


def _with_room(priced: pl.DataFrame, trades: pl.DataFrame, rules: FollowRules) -> pl.DataFrame:
    """Add what others traded in the window at prices a follower could take, units."""
    others = trades.select(
        "condition", pl.col("time").alias("at"), pl.col("wallet").alias("other"),
        pl.col("yes_price").alias("theirs"), "size",
    )  # fmt: skip
    pairs = priced.select("row", "condition", "wallet", "yes", "paid", "print_time").join_where(
        others,
        pl.col("condition") == pl.col("condition_right"),
        pl.col("at") >= pl.col("print_time"),
        pl.col("at") <= pl.col("print_time") + rules.window_s,
        pl.col("other") != pl.col("wallet"),
    )
    theirs = pl.when("yes").then("theirs").otherwise(1 - pl.col("theirs"))
    fits = pairs.filter(theirs <= pl.col("paid") - rules.slippage + rules.room + 1e-9)
    room = fits.group_by("row").agg((theirs * pl.col("size")).sum().alias("room"))
    return priced.join(room, on="row", how="left").with_columns(pl.col("room").fill_null(0.0))


def _no_entries() -> pl.DataFrame:
    kinds: dict[str, type[pl.DataType]] = {"wallet": pl.String, "event": pl.String}
    kinds |= dict.fromkeys(("time", "opened", "row", "resolved_at"), pl.Int64)
    kinds |= dict.fromkeys(("cost", "result", "room"), pl.Float64)
    return pl.DataFrame(schema=kinds)


def _first(entries: pl.DataFrame, *of: str) -> pl.DataFrame:
    """Return the first entry in each event, of each wallet or of all, in the order in which they
    could be followed."""
    ordered = entries.sort("opened", "wallet", "event", "row")
    return ordered.unique(list(of), keep="first", maintain_order=True)


class _Choice:
    """The wallets that are chosen as time goes on, by what was known then."""

    def __init__(self, entries: pl.DataFrame, rules: FollowRules):
        self._rules = rules
        self._entries = {
            str(wallet): rows for (wallet,), rows in entries.group_by("wallet", maintain_order=True)
        }
        self._purses = {wallet: Purses() for wallet in self._entries}

    def at(self, now: int) -> tuple[int, tuple[FollowedWallet, ...]]:
        """Return how many wallets are tested, and those that are chosen; `now` never goes back."""
        tested = []
        for wallet, rows in self._entries.items():
            purses = self._purses[wallet]
            made = rows[purses.bets :].filter(pl.col("opened") <= now)
            for bet in made.select(_BET).iter_rows():
                purses.bet(*bet)
            if purses.bets >= self._rules.fewest:
                paid = rows.filter(pl.col("resolved_at") <= now)
                wealth = purses.log_wealth(now)
                tested.append(FollowedWallet(wallet, len(paid), wealth, _mean(paid), 0))
        tested.sort(key=lambda each: (-each.log_wealth, each.wallet))
        kept = chosen([each.log_wealth for each in tested], self._rules.false_rate)
        return len(tested), tuple(tested[place] for place in kept)


def _with_capacity(wallet: FollowedWallet, entries: pl.DataFrame) -> FollowedWallet:
    rooms = entries.filter(pl.col("wallet") == wallet.wallet)["room"].to_numpy()
    values = asdict(wallet) | {"capacity": float(np.median(rooms)) if len(rooms) else 0.0}
    return FollowedWallet(**values)


def _out_of_sample(entries: pl.DataFrame, as_of: int, rules: FollowRules) -> OutOfSample:
    """Return what each period's entries of the wallets chosen before it came to."""
    later = []
    if not entries.is_empty():
        start = int(entries["resolved_at"].min() or 0)  # type: ignore[arg-type]
        choice = _Choice(entries, rules)
        for now in range(start, as_of + 1, rules.every_s):
            _, wallets = choice.at(now)
            inside = pl.col("time").is_between(now, now + rules.every_s, closed="right")
            names = [each.wallet for each in wallets]
            later.append(entries.filter(inside & pl.col("wallet").is_in(names)))
    followed = pl.concat(later) if later else _no_entries()
    events = _first(followed, "event")
    is_settled = pl.col("resolved_at") <= as_of
    settled, open_ = events.filter(is_settled), events.filter(~is_settled)
    bets = [_bet(*each) for each in settled.select(_ENTRY).iter_rows()]
    found = conclude(bets, 0, details=False)
    word = found.word
    if word == VerdictWord.PASSES and len(open_):
        lost = [_bet(name, cost, -1.0, as_of) for name, cost in open_["event", "cost"].iter_rows()]
        if conclude([*bets, *lost], 0, details=False).word != word:
            word = VerdictWord.UNKNOWN
    return OutOfSample(
        found.events, found.dates, len(followed.filter(is_settled)), _mean(settled),
        found.p_pass, found.losing, len(open_), word.value,
    )  # fmt: skip


def _bet(name: str, cost: float, result: float, resolved_at: int) -> Event:
    """Return an event that was followed with one unit and held to its end."""
    date = f"{datetime.fromtimestamp(resolved_at, UTC):%Y-%m-%d}"
    held = (HeldToken(name, True, 1 / cost, 1.0),)
    return Event(name, date, 1.0, result, 1.0, 1 / cost - 1, holdings=held)


def _mean(events: pl.DataFrame) -> float:
    mean = events["result"].mean()
    return float(mean) if isinstance(mean, float) else 0.0


def write_followed(study: WalletStudy, target: Path) -> None:
    """Write the file that the feed reads."""
    target.write_text(json.dumps(study.document(), indent=1, sort_keys=True) + "\n")


def show_wallets(study: WalletStudy) -> None:
    """Print a study as text, as wide as the terminal."""
    from rich import box
    from rich.table import Table

    from strongroom.screen import Screen

    console, found = Screen(), study.out_of_sample
    until = datetime.fromtimestamp(study.as_of, UTC).date()
    console.print(
        f"{study.fills:,} fills of {study.wallets:,} wallets until {until}; {study.tested:,} of "
        f"them entered at least {study.rules.fewest} events; after {study.unfollowable:.0%} of all "
        "buys nobody else traded in time."
    )
    if study.followed:
        table = Table(box=box.SIMPLE)
        for name in ("wallet", "events", "mean return", "log of the purse", "capacity"):
            table.add_column(name, justify="right", overflow="fold")
        for each in study.followed:
            table.add_row(
                each.wallet, str(each.events), f"{each.mean:+.2%}", f"{each.log_wealth:.1f}",
                f"{each.capacity:,.0f}",
            )  # fmt: skip
        console.print(table)
        shown = ", ".join(f"{mean:+.2%} after {delay} s" for delay, mean in study.decay.items())
        console.print(f"Decay (in sample): {shown}.")
    else:
        console.print("No wallet is followed: none is told from luck.")
    console.print(
        f"Out of sample: {found.events} events on {found.dates} dates, {found.entries} entries, "
        f"{found.losing} losing events, {found.open} open, mean {found.mean:+.2%}: {found.word}."
    )
