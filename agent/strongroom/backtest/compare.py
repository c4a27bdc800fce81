"""Two backtests side by side: what they were told, what came of them, and where they differ, event
by event. It describes; whether a difference is chance, the verdicts of the runs do not say."""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from strongroom.app.chart import Chart, Series, bar_chart, drawdowns, line_chart
from strongroom.app.render import render
from strongroom.chain.ids import JsonObject
from strongroom.chain.units import MICRO, VIRTUAL_SHARES
from strongroom.errors import BadInput

SCHEMA = "strongroom-backtest/1"
EVENTS = 8  # of each end that are drawn
PERCENT, AMOUNT, COUNT = "{:+.2%}", "{:+,.2f}", "{:+,.0f}"


class BadRun(BadInput):
    """A folder is no result of a backtest; the message says why."""


class _Read(BaseModel):
    """What is read of a result; the rest is left."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class _Conclusion(_Read):
    events: int
    dates: int
    p_pass: float


class _Summary(_Read):
    verdict: str
    share_after_fees: float
    share_before_fees: float
    return_on_stake: float
    deepest_drawdown: float
    staked: float
    profit: float
    venue_fees: float
    vault_fees: float
    markets: int
    decisions: int
    conclusion: _Conclusion


class _Document(_Read):
    schema_: str
    code_version: str
    data: Mapping[str, str]
    config: Mapping[str, JsonValue]
    summaries: Mapping[str, _Summary]


@dataclass(frozen=True)
class FinishedRun:
    """A backtest's result, as it lies in its folder.

    Attributes:
        shares: assumption -> time and NAV a share after fees
        events: assumption -> event -> profit, units
    """

    folder: Path
    name: str
    document: _Document
    shares: Mapping[str, Sequence[tuple[int, float]]]
    events: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Comparison:
    """Two runs, A and B.

    Attributes:
        names: of the two
        fills: assumptions that both have
        settings: what they were told differently: key, A, B
        figures: assumption, figure, A, B, B - A; as text
        differences: event -> profit of B less that of A, units, under the first assumption
        same_data, same_code: whether both read the same files, and ran the same version
    """

    names: tuple[str, str]
    fills: tuple[str, ...]
    settings: tuple[tuple[str, str, str], ...]
    figures: tuple[tuple[str, str, str, str, str], ...]
    differences: Mapping[str, float]
    same_data: bool
    same_code: bool

    def document(self) -> JsonObject:
        """Return it as JSON takes it."""
        return asdict(self)


def read_run(folder: Path) -> FinishedRun:
    """Read what a backtest has written.

    Raises:
        BadRun: the folder has no result, or one of another schema.
    """
    place = folder / "result.json"
    try:
        found = json.loads(place.read_bytes())
        document = _Document.model_validate({**found, "schema_": found["schema"]})
        fills = [
            str(each) for each in found["config"]["fills"]
        ]  # in their order; the first is what counts
        shares = {each: list(_shares(folder / f"reports-{each}.csv")) for each in fills}
        events = {each: _events(folder / f"settled-{each}.csv") for each in fills}
    except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
        raise BadRun(
            f"{folder}: holds no result of strongroom backtest: name the folder of one"
        ) from error
    if document.schema_ != SCHEMA:
        raise BadRun(f"{place}: schema {document.schema_}; this program reads {SCHEMA}")
    return FinishedRun(folder, str(document.config.get("name")), document, shares, events)


def _shares(path: Path) -> Iterator[tuple[int, float]]:
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            shares = int(row["supply"]) + int(row["minted"])
            if int(row["supply"]):
                yield int(row["time"]), int(row["nav_bid"]) * VIRTUAL_SHARES / shares


def _events(path: Path) -> dict[str, float]:
    found: dict[str, float] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            profit = (int(row["got"]) - int(row["bought"])) / MICRO
            found[row["event"]] = found.get(row["event"], 0.0) + profit
    return found


def compare(a: FinishedRun, b: FinishedRun) -> Comparison:
    """Return two runs side by side.

    Raises:
        BadRun: they have no assumption on fills in common.
    """
    both = tuple(each for each in a.shares if each in b.shares)
    if not both:
        raise BadRun(f"{a.folder}, {b.folder}: no assumption on fills is in both: run one again")
    first, second = a.events[both[0]], b.events[both[0]]
    names = sorted({*first, *second})
    return Comparison(
        (a.name, b.name) if a.name != b.name else (str(a.folder), str(b.folder)),
        both,
        tuple(_settings(a.document.config, b.document.config)),
        tuple(line for each in both for line in _figures(each, a.document, b.document)),
        {name: second.get(name, 0.0) - first.get(name, 0.0) for name in names},
        a.document.data == b.document.data,
        a.document.code_version == b.document.code_version,
    )


def _settings(
    a: Mapping[str, JsonValue], b: Mapping[str, JsonValue]
) -> Iterator[tuple[str, str, str]]:
    one, other = dict(_flat(a)), dict(_flat(b))
    for key in sorted({*one, *other} - {"name"}):
        if one.get(key) != other.get(key):
            yield key, one.get(key, "-"), other.get(key, "-")


def _flat(section: Mapping[str, JsonValue], before: str = "") -> Iterator[tuple[str, str]]:
    for key, value in section.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", json.dumps(value)


def _figures(fills: str, a: _Document, b: _Document) -> Iterator[tuple[str, str, str, str, str]]:
    one, other = a.summaries[fills], b.summaries[fills]
    yield fills, "verdict", one.verdict, other.verdict, ""
    for name, form, left, right in (
        ("a share after 2/20", PERCENT, one.share_after_fees, other.share_after_fees),
        ("a share before 2/20", PERCENT, one.share_before_fees, other.share_before_fees),
        ("return on stake", PERCENT, one.return_on_stake, other.return_on_stake),
        ("deepest drawdown", PERCENT, one.deepest_drawdown, other.deepest_drawdown),
        ("staked, units", AMOUNT, one.staked, other.staked),
        ("profit, fees paid", AMOUNT, one.profit, other.profit),
        ("venue's fees", AMOUNT, one.venue_fees, other.venue_fees),
        ("vault's fees", AMOUNT, one.vault_fees, other.vault_fees),
        ("events", COUNT, one.conclusion.events, other.conclusion.events),
        ("dates", COUNT, one.conclusion.dates, other.conclusion.dates),
        ("markets settled", COUNT, one.markets, other.markets),
        ("decisions", COUNT, one.decisions, other.decisions),
        ("p", "{:+.3f}", one.conclusion.p_pass, other.conclusion.p_pass),
    ):
        plain = form.replace("+", "") if name not in _SIGNED else form
        yield fills, name, plain.format(left), plain.format(right), form.format(right - left)


_SIGNED = ("a share after 2/20", "a share before 2/20", "return on stake", "profit, fees paid")


def charts_of(a: FinishedRun, b: FinishedRun, found: Comparison) -> list[Chart]:
    """Return the pictures of two runs, under the first assumption that both have."""
    fills = found.fills[0]
    lines, falls = [], []
    for run, name in zip((a, b), found.names, strict=True):
        times = [float(at) for at, _ in run.shares[fills]]
        prices = [price for _, price in run.shares[fills]]
        lines.append(Series(name, tuple(zip(times, prices, strict=True))))
        falls.append(Series(name, tuple(zip(times, drawdowns(prices), strict=True))))
    ordered = sorted(found.differences.items(), key=lambda each: (each[1], each[0]))
    ends = ordered if len(ordered) <= 2 * EVENTS else ordered[:EVENTS] + ordered[-EVENTS:]
    title = f"Profit by event, {found.names[1]} less {found.names[0]} ({fills})"
    return [
        line_chart("share", f"NAV a share after 2/20 ({fills})", lines),
        line_chart("drawdown", f"Drawdown of NAV a share, percent ({fills})", falls),
        bar_chart("events", title, ends, "units"),
    ]


def write_comparison(a: FinishedRun, b: FinishedRun, found: Comparison, folder: Path) -> Path:
    """Write the page of two runs; return it."""
    folder.mkdir(parents=True, exist_ok=True)
    charts = charts_of(a, b, found)
    for chart in charts:
        (folder / f"{chart.name}.svg").write_text(render("chart.svg", chart=chart))
    sides = [(name, fills, *cells) for fills, name, *cells in found.figures]
    page = folder / "compare.html"
    page.write_text(
        render("compare.html", found=found, charts=charts, notes=notes_of(found), sides=sides)
    )
    return page


def notes_of(found: Comparison) -> list[str]:
    """Return what must be known before the two are compared."""
    notes = []
    if not found.same_data:
        notes.append("The two read different files: a difference may be the data's.")
    if not found.same_code:
        notes.append("The two ran different versions of the program.")
    total = sum(found.differences.values())
    better = sum(each > 0 for each in found.differences.values())
    worse = sum(each < 0 for each in found.differences.values())
    notes.append(
        f"By event, {found.names[1]} is {total:+,.2f} units against {found.names[0]}: better in "
        f"{better}, worse in {worse}. Whether that is chance is not tested here."
    )
    return notes


def show_comparison(found: Comparison, page: Path) -> None:
    """Print two runs as text."""
    from rich import box
    from rich.table import Table

    from strongroom.screen import Screen

    screen = Screen()
    for title, heads, rows in (
        ("What came of it", ("fills", "", *found.names, "difference"), found.figures),
        ("What they were told differently", ("", *found.names), found.settings),
    ):
        table = Table(box=box.SIMPLE, title=title)
        for head in heads:
            table.add_column(head, overflow="fold")
        for row in rows:
            table.add_row(*row)
        screen.print(table)
    for note in notes_of(found):
        screen.print(note)
    screen.print(f"{page} is the page", soft_wrap=True)
