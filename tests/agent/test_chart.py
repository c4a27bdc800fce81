"""Charts: their axes say different things at different places, their numbers are all there."""

import json

import pytest
from strongroom.app.chart import Happening, Series, bar_chart, drawdowns, line_chart, tick_texts
from strongroom.app.render import duration, money, render


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ((0.999996, 0.999998, 1.0), ["0.9999960", "0.9999980", "1.0000000"]),
        ((-0.000003, -0.0000015, 0.0), ["-0.0000030", "-0.0000015", "0.0000000"]),
        ((0.0, 50_000.0, 100_000.0), ["0", "50,000", "100,000"]),
        ((1.0,), ["1"]),
    ],
)
def test_labels_of_an_axis_differ(values, texts):
    assert tick_texts(values) == texts


def test_a_line_goes_from_corner_to_corner():
    chart = line_chart("a", "A", [Series("up", ((0.0, 1.0), (10.0, 3.0)))],
                       [Happening(5.0, "in", 2.0), Happening(99.0, "out", -1.0)])  # fmt: skip
    assert chart.lines[0].points == "92.0,200.0 632.0,18.0"
    assert [mark.style for mark in chart.marks] == ["in", "out"]
    assert chart.marks[0].path.startswith("M356.0,") and chart.marks[1].path.startswith("M626.0,")
    assert json.loads(chart.values) == {"times": [0.0, 10.0], "up": [1.0, 3.0]}
    assert chart.legend == "solid: up; triangles: money in (up) and out (down)"


def test_a_flat_line_and_a_magnitude_are_drawn():
    flat = line_chart("f", "F", [Series("still", ((0.0, 1.0), (9.0, 1.0)))])
    assert len(flat.grid) == 1
    powers = Series("ten", ((1.0, 0.0), (10.0, 1.0), (100.0, 2.0)))
    tens = line_chart("t", "T", [powers], logarithmic=True, x_text=lambda x: f"{x:g}")
    places = [point.partition(",")[0] for point in tens.lines[0].points.split()]
    assert places == ["92.0", "362.0", "632.0"]


def test_bars_go_both_ways_from_zero():
    chart = bar_chart("b", "B", [("lost", -5.0), ("won", 10.0)], "units")
    assert [mark.style for mark in chart.marks] == ["out", "in"]
    assert chart.table == (("lost", "-5.00"), ("won", "+10.00"))


def test_drawdowns_are_from_the_highest_so_far():
    assert drawdowns([1.0, 2.0, 1.5, 3.0]) == [0.0, 0.0, -25.0, 0.0]


def test_a_chart_alone_is_a_document():
    chart = line_chart("x", "<b>", [Series("<i>", ((0.0, 1.0), (1.0, 2.0)))])
    text = render("chart.svg", chart=chart)
    assert text.lstrip().startswith("<svg xmlns=") and "<b>" not in text and "<i>" not in text


def test_words_of_amounts_and_times():
    assert money(2**96 - 1) == "unlimited" and money(-1_500_000, sign=True) == "-1.50"
    assert [duration(each) for each in (0, 30, 3_600, 5_400, 90_000, 604_800)] == [
        "closed", "under a minute", "1 h", "1 h 30 min", "1 d 1 h", "7 d"]  # fmt: skip
