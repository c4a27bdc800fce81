"""The picture of a week: NAV a share, exposure against caps, fees."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib import dates
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from strongroom.chain.units import MICRO
from strongroom.devnet.reports import ReportLine
from strongroom.devnet.week import Hour

Moments = npt.NDArray[np.datetime64]


def draw(hours: Sequence[Hour], reports: Sequence[ReportLine], target: Path) -> None:
    """Draw it into a PNG file."""
    figure = Figure(figsize=(9, 9))
    price, stake, fee = figure.subplots(3, 1, sharex=True)
    _prices(price, reports)
    _stakes(stake, hours)
    _fees(fee, reports)
    locator = dates.AutoDateLocator(maxticks=8)  # type: ignore[no-untyped-call]
    fee.xaxis.set_major_locator(locator)
    fee.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    for axis in (price, stake, fee):
        axis.grid(alpha=0.3)
        axis.legend()
    figure.suptitle("A simulated week: one vault, recorded prices")
    figure.tight_layout()
    figure.savefig(target, dpi=110)


def _moments(lines: Sequence[ReportLine] | Sequence[Hour]) -> Moments:
    """Return times as matplotlib takes them, UTC."""
    return np.array([line.time for line in lines], dtype="datetime64[s]")


def _prices(axis: Axes, reports: Sequence[ReportLine]) -> None:
    moments = _moments(reports)
    at_ask = [line.share_cost for line in reports]
    axis.step(moments, [line.share_price for line in reports], where="post", label="at the bid")
    axis.step(moments, at_ask, where="post", label="at the ask", linestyle="--")
    axis.set_ylabel("NAV a share (pUSD)")


def _stakes(axis: Axes, hours: Sequence[Hour]) -> None:
    moments = _moments(hours)
    axis.plot(moments, [hour.exposure / MICRO for hour in hours], label="all markets")
    largest = [max(hour.by_market.values(), default=0) / MICRO for hour in hours]
    axis.plot(moments, largest, label="largest market")
    navs = [hour.nav_bid / MICRO for hour in hours]
    axis.plot(moments, [0.6 * nav for nav in navs], ":", label="cap on all: 60 % of NAV")
    axis.plot(moments, [0.15 * nav for nav in navs], ":", label="cap a market: 15 % of NAV")
    axis.set_ylabel("exposure at cost (pUSD)")


def _fees(axis: Axes, reports: Sequence[ReportLine]) -> None:
    for label, taken in (
        ("2 % a year", [line.management for line in reports]),
        ("20 % of new profit", [line.performance for line in reports]),
    ):
        sums = [sum(taken[: number + 1]) / MICRO for number in range(len(taken))]
        axis.step(_moments(reports), sums, where="post", label=label)
    axis.set_ylabel("fees so far (pUSD)")
