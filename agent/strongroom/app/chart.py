"""Charts as SVG: their geometry is reckoned here, chart.html draws it and puts its numbers beside.

A chart needs no script and no colour: lines are solid, dashed or dotted, and every value is in the
document.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log10

from strongroom.app.render import moment

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 230, 92, 8, 18, 30
FLOOR = HEIGHT - BOTTOM
DASHES = ("solid", "dashed", "dotted")
TONES = ("blue", "orange", "green")
LETTER = 11  # width of a letter on a small screen, in units of the drawing
BAR = 40  # height of a bar's row: its text, the bar, room
MOST_DIGITS = 9
FEW = 12  # points of a line that are drawn as dots, too

Point = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """A line: its points from left to right."""

    label: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Band:
    """A range at each place, from left to right: drawn as an area behind the lines.

    Attributes:
        points: where, its lower and its upper end
        whiskers: draw a stroke at each place instead: nothing is known between them
    """

    label: str
    points: tuple[tuple[float, float, float], ...]
    whiskers: bool = False


@dataclass(frozen=True)
class Happening:
    """Something at a time: drawn on the floor, upwards where the amount is positive."""

    at: float
    what: str
    amount: float


@dataclass(frozen=True)
class Text:
    """A text at a place; `anchor` is which of its ends stands there."""

    x: float
    y: float
    text: str
    anchor: str


@dataclass(frozen=True)
class Dot:
    """A place of a line; `style` is its CSS class."""

    x: float
    y: float
    style: str


@dataclass(frozen=True)
class Line:
    """A drawn series: CSS class, and points as SVG has them."""

    style: str
    points: str


@dataclass(frozen=True)
class Shape:
    """A drawn happening, or a bar: CSS class, path, what it says."""

    style: str
    path: str
    title: str


@dataclass(frozen=True)
class Chart:
    """A chart as chart.html draws it; `table` has a row for each place on the x axis."""

    name: str
    title: str
    label: str
    height: int
    left: int  # where the lines begin: beside the longest text of the y axis
    grid: tuple[float, ...]
    texts: tuple[Text, ...]
    lines: tuple[Line, ...]
    areas: tuple[Shape, ...]
    dots: tuple[Dot, ...]  # where a line of few points has them
    marks: tuple[Shape, ...]
    legend: str
    heads: tuple[str, ...]
    table: tuple[tuple[str, ...], ...]
    values: str  # JSON


class _Frame:
    """Where values lie in the drawing of a line chart."""

    def __init__(self, series: Sequence[Series], bands: Sequence[Band], logarithmic: bool) -> None:
        """Take the lines and bands that must fit in."""
        points = [point for each in series for point in each.points]
        points += [(x, end) for each in bands for x, *ends in each.points for end in ends]
        self.first, self.last = _bounds([x for x, _ in points])
        self.low, self.high = _bounds([y for _, y in points])
        flat = self.high <= self.low
        self.ticks = (self.low,) if flat else (self.low, (self.low + self.high) / 2, self.high)
        self.tick_texts = tick_texts(self.ticks)
        self.left = max(LEFT, LETTER * max(map(len, self.tick_texts)) + 8)
        self._scale: Callable[[float], float] = log10 if logarithmic else float

    def x(self, value: float) -> float:
        """Return where on the x axis a value is; beyond the ends at the end."""
        start, end = self._scale(self.first), self._scale(self.last)
        inside = self._scale(min(max(value, self.first), self.last))
        return self.left + (WIDTH - self.left - RIGHT) * (inside - start) / ((end - start) or 1.0)

    def y(self, value: float) -> float:
        """Return where on the y axis a value is."""
        return TOP + (FLOOR - TOP) * (1 - (value - self.low) / ((self.high - self.low) or 1.0))

    def texts(self, x_text: Callable[[float], str]) -> tuple[Text, ...]:
        """Return the texts of both axes."""
        ticks = zip(self.ticks, self.tick_texts, strict=True)
        return (
            *(Text(self.left - 6, self.y(tick) + 4, text, "end") for tick, text in ticks),
            Text(self.left, HEIGHT - 6, x_text(self.first), "start"),
            Text(WIDTH - RIGHT, HEIGHT - 6, x_text(self.last), "end"),
        )

    def area(self, band: Band) -> Shape:
        """Return a band's outline: along its upper ends, and back along the lower ones."""
        spots = [(self.x(x), self.y(low), self.y(high)) for x, low, high in band.points]
        if band.whiskers:
            path = "".join(f"M{x:.1f},{low:.1f}V{high:.1f}" for x, low, high in spots)
            return Shape("whiskers", path, band.label)
        there = [f"{x:.1f},{high:.1f}" for x, _, high in spots]
        back = [f"{x:.1f},{low:.1f}" for x, low, _ in reversed(spots)]
        return Shape("band", f"M{'L'.join(there + back)}z" if spots else "", band.label)

    def points(self, series: Series) -> str:
        """Return a line's points as SVG has them."""
        return " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in series.points)


def line_chart(
    name: str,
    title: str,
    series: Sequence[Series],
    happenings: Sequence[Happening] = (),
    x_title: str = "time (UTC)",
    x_text: Callable[[float], str] = lambda x: moment(int(x)),
    logarithmic: bool = False,
    bands: Sequence[Band] = (),
) -> Chart:
    """Return a chart of one or more lines.

    Args:
        name: of the element
        bands: behind the lines, in the first line's colour
        x_text: says where on the x axis something is
        logarithmic: whether the x axis goes by magnitudes
    """
    frame = _Frame(series, bands, logarithmic)
    marks = tuple(_triangle(frame.x(each.at), each, x_text) for each in happenings)
    return Chart(
        name=name,
        title=title,
        label=_summary(title, [y for _, y in series[0].points] if series else []),
        height=HEIGHT,
        left=frame.left,
        grid=tuple(frame.y(tick) for tick in frame.ticks),
        texts=frame.texts(x_text),
        lines=tuple(
            Line(f"tone{number % 3} {_dash(number, len(series))}", frame.points(each))
            for number, each in enumerate(series)
        ),
        areas=tuple(frame.area(each) for each in bands),
        dots=tuple(
            Dot(frame.x(x), frame.y(y), f"tone{number % 3}")
            for number, each in enumerate(series)
            if len(each.points) <= FEW
            for x, y in each.points
        ),
        marks=marks,
        legend=_legend(series, bands, bool(marks)),
        heads=(x_title, *(each.label for each in series)),
        table=_table(series, x_text),
        values=json.dumps(_values(series) | {each.label: each.points for each in bands}),
    )


def bar_chart(name: str, title: str, bars: Sequence[tuple[str, float]], unit: str) -> Chart:
    """Return a chart of horizontal bars around zero: their labels and values, in `unit`."""
    low, high = _bounds([0.0, *(value for _, value in bars)])
    room = (WIDTH - 2 * RIGHT) / ((high - low) or 1.0)
    zero, marks, texts = RIGHT - low * room, [], []
    for number, (label, value) in enumerate(bars):
        y, width = number * BAR, value * room
        path = f"M{zero:.1f},{y + TOP + 6}h{width:.1f}v{BAR - TOP - 12}h{-width:.1f}z"
        marks.append(Shape("in" if value >= 0 else "out", path, f"{label}: {value:+,.2f} {unit}"))
        texts.append(Text(RIGHT, y + TOP, label, "start"))
        texts.append(Text(WIDTH - RIGHT, y + TOP, f"{value:+,.2f}", "end"))
    return Chart(
        name=name,
        title=title,
        label=f"{title}, in {unit}",
        height=len(bars) * BAR + 8,
        left=RIGHT,
        grid=(),
        texts=tuple(texts),
        lines=(),
        areas=(),
        dots=(),
        marks=tuple(marks),
        legend=f"in {unit}: to the right what was gained, to the left what was lost",
        heads=("", unit),
        table=tuple((label, f"{value:+,.2f}") for label, value in bars),
        values=json.dumps(dict(bars)),
    )


def tick_texts(values: Sequence[float]) -> list[str]:
    """Return the values with as few digits as tell them apart and show a tenth of their span."""
    span = max(values) - min(values)
    for digits in range(MOST_DIGITS):
        texts = [f"{value:,.{digits}f}" for value in values]
        if len(set(texts)) == len(texts) and span >= 5 * 10**-digits:
            return texts
    return [f"{value:,.4g}" for value in values]


def drawdowns(prices: Sequence[float]) -> list[float]:
    """Return how far each price is below the highest so far, percent."""
    highest, falls = 0.0, []
    for price in prices:
        highest = max(highest, price)
        falls.append(round(100 * (price / highest - 1), 6) if highest else 0.0)
    return falls


def _bounds(values: Sequence[float]) -> tuple[float, float]:
    return (min(values), max(values)) if values else (0.0, 1.0)


def _triangle(x: float, each: Happening, x_text: Callable[[float], str]) -> Shape:
    up = each.amount > 0
    path = f"M{x - 6:.1f},{FLOOR if up else FLOOR - 11}h12l-6,{-11 if up else 11}z"
    title = f"{x_text(each.at)}: {each.what}, {abs(each.amount):,.2f}"
    return Shape("in" if up else "out", path, title)


def _dash(number: int, of: int) -> str:
    """Return how a line is drawn: up to three by dashes alone, more by dashes and colour."""
    return DASHES[number % 3 if of <= 3 else number // 3 % 3]


def _legend(series: Sequence[Series], bands: Sequence[Band], with_happenings: bool) -> str:
    names = []
    for number, each in enumerate(series):
        tone = f"{TONES[number % 3]} " if len(series) > 3 else ""
        names.append(f"{tone}{_dash(number, len(series))}: {each.label}")
    names += [f"{'strokes' if each.whiskers else 'shaded'}: {each.label}" for each in bands]
    return ", ".join(names) + (
        "; triangles: money in (up) and out (down)" if with_happenings else ""
    )


def _summary(title: str, values: Sequence[float]) -> str:
    return f"{title}: from {values[0]:,.4f} to {values[-1]:,.4f}" if values else title


def _has_one_axis(series: Sequence[Series]) -> bool:
    return len({tuple(x for x, _ in each.points) for each in series}) == 1


def _table(series: Sequence[Series], x_text: Callable[[float], str]) -> tuple[tuple[str, ...], ...]:
    """Return the numbers; none where the lines have places of their own."""
    if not _has_one_axis(series):
        return ()
    return tuple(
        (x_text(x), *(f"{each.points[place][1]:,.6f}" for each in series))
        for place, (x, _) in enumerate(series[0].points)
    )


def _values(series: Sequence[Series]) -> dict[str, Sequence[object]]:
    if not _has_one_axis(series):
        return {each.label: [y for _, y in each.points] for each in series}
    times = [x for x, _ in series[0].points]
    return {"times": times, **{each.label: [y for _, y in each.points] for each in series}}
