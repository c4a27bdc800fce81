"""The report of a backtest: one HTML file that needs nothing else, PNGs, JSON and CSV."""

import base64
import csv
import html
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from strongroom.backtest.config import BacktestConfig
from strongroom.backtest.data import data_hashes
from strongroom.backtest.honesty import Honesty
from strongroom.backtest.quotes import Fills
from strongroom.backtest.run import Outcome
from strongroom.backtest.stats import (
    Horizon,
    Interval,
    Reliability,
    Summary,
    by_event,
    grouped,
    packs_of,
    share_prices,
)
from strongroom.chain.units import MICRO
from strongroom.keeper.wiring import CODE_VERSION

LIMITS = (
    "Last prices are no quotes: every fill here stands on the assumed spread, depth and latency. "
    "A strategy passes on the pessimistic assumptions alone, and then only as far as they hold."
)


@dataclass(frozen=True)
class Capacity:
    """What so much capital would have brought: units, and returns as fractions."""

    capital: float
    return_on_stake: float
    share: float


@dataclass(frozen=True)
class Result:
    """Everything that a report shows; outcomes and summaries by assumption on fills.

    Attributes:
        command: the command line that repeats it
        tries: backtests on this data so far, this one included
    """

    config: BacktestConfig
    command: str
    outcomes: Mapping[Fills, Outcome]
    summaries: Mapping[Fills, Summary]
    favourite: Mapping[Fills, Interval]
    horizons: Sequence[Horizon]
    reliability: Sequence[Reliability]
    capacity: Sequence[Capacity]
    honesty: Sequence[Honesty]
    tries: int

    def document(self) -> dict[str, object]:
        """Return the result as JSON takes it."""
        return {
            "schema": "strongroom-backtest/1",
            "command": self.command,
            "code_version": CODE_VERSION,
            "data": data_hashes(),
            "config": self.config.model_dump(mode="json"),
            "tries_on_this_data": self.tries,
            "summaries": {fills: asdict(each) for fills, each in self.summaries.items()},
            "favourite": {fills: asdict(each) for fills, each in self.favourite.items()},
            "horizons": [asdict(each) for each in self.horizons],
            "reliability": [asdict(each) for each in self.reliability],
            "capacity": [asdict(each) for each in self.capacity],
            "honesty": [asdict(each) for each in self.honesty],
            "people": {
                fills: [asdict(person) for person in outcome.people]
                for fills, outcome in self.outcomes.items()
            },
            "limits": LIMITS,
        }


def write_report(result: Result, folder: Path) -> list[Path]:
    """Write everything into a folder; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    images: dict[str, str] = {}
    for name, (title, draw) in _figures(result).items():
        figure, axes = plt.subplots(figsize=(8, 3.6))
        draw(axes)
        axes.set_title(title)
        axes.grid(alpha=0.3)
        figure.autofmt_xdate(rotation=20) if name in _IN_TIME else None
        figure.tight_layout()
        buffer = io.BytesIO()
        figure.savefig(buffer, dpi=110)
        plt.close(figure)
        path = folder / f"{name}.png"
        path.write_bytes(buffer.getvalue())
        images[title] = base64.b64encode(buffer.getvalue()).decode()
        written.append(path)
    data = folder / "result.json"
    data.write_text(json.dumps(result.document(), indent=1, sort_keys=True) + "\n")
    page = folder / "report.html"
    page.write_text(_page(result, images))
    tables: list[tuple[str, Sequence[Any]]] = []
    for fills, outcome in result.outcomes.items():
        tables += [
            (f"reports-{fills}", outcome.reports),
            (f"trades-{fills}", outcome.trades),
            (f"settled-{fills}", outcome.settled),
            (f"hours-{fills}", outcome.wakes),
        ]
    for name, rows in tables:
        path = folder / f"{name}.csv"
        _write_csv(path, rows)
        written.append(path)
    return [page, data, *written]


_IN_TIME = frozenset({"share", "drawdown", "exposure"})


def _figures(result: Result) -> dict[str, tuple[str, Callable[[Axes], None]]]:
    main = result.outcomes[next(iter(result.outcomes))]
    figures: dict[str, tuple[str, Callable[[Axes], None]]] = {
        "share": ("NAV a share", lambda axes: _share(axes, result)),
        "drawdown": ("Drawdown of NAV a share after fees", lambda axes: _drawdown(axes, result)),
        "exposure": (f"Exposure against caps ({main.fills})", lambda axes: _exposure(axes, result)),
        "events": (f"Profit by event ({main.fills})", lambda axes: _events(axes, main)),
        "groups": (
            f"Profit by pack and month ({main.fills})",
            lambda axes: _groups(axes, main),
        ),
        "reliability": (
            "The market's own price 24 h before the end",
            lambda axes: _reliability(axes, result.reliability),
        ),
        "horizons": (
            "The market's own price as a forecast",
            lambda axes: _horizons(axes, result.horizons),
        ),
    }
    if result.capacity:
        name = f"Capacity ({main.fills})"
        figures["capacity"] = (name, lambda axes: _capacity(axes, result.capacity))
    return figures


def _moments(times: Sequence[int]) -> Any:
    return [datetime.fromtimestamp(time, UTC) for time in times]


def _share(axes: Axes, result: Result) -> None:
    for fills, outcome in result.outcomes.items():
        share = share_prices(outcome)
        (line,) = axes.plot(_moments(share.times), share.after, label=f"{fills}, after 2/20")
        axes.plot(
            _moments(share.times),
            share.before,
            ":",
            color=line.get_color(),
            label=f"{fills}, before",
        )
    axes.set_ylabel("units")
    axes.legend(fontsize=7)


def _drawdown(axes: Axes, result: Result) -> None:
    for fills, outcome in result.outcomes.items():
        share, highest, falls = share_prices(outcome), 0.0, []
        for price in share.after:
            highest = max(highest, price)
            falls.append(100 * (price / highest - 1))
        axes.plot(_moments(share.times), falls, label=fills)
    axes.set_ylabel("%")
    axes.legend(fontsize=7)


def _exposure(axes: Axes, result: Result) -> None:
    outcome = result.outcomes[next(iter(result.outcomes))]
    moments = _moments([each.time for each in outcome.wakes])
    navs = [each.nav_bid / MICRO for each in outcome.wakes]
    axes.plot(moments, [each.exposure / MICRO for each in outcome.wakes], label="all markets")
    axes.plot(moments, [each.largest / MICRO for each in outcome.wakes], label="largest market")
    total = result.config.limits_of_vault().total_cap_bps / 10_000
    share = result.config.vault.market_cap_bps / 10_000
    axes.plot(moments, [total * nav for nav in navs], ":", label=f"cap on all: {total:.0%} of NAV")
    axes.plot(moments, [share * nav for nav in navs], ":", label=f"a market: {share:.0%} of NAV")
    axes.set_ylabel("units, at cost")
    axes.legend(fontsize=7)


def _events(axes: Axes, outcome: Outcome) -> None:
    profits = sorted((profit, name) for name, (_, profit) in by_event(outcome).items())
    shown = profits if len(profits) <= 16 else profits[:8] + profits[-8:]
    axes.barh([name[:40] for _, name in shown], [profit for profit, _ in shown])
    axes.tick_params(axis="y", labelsize=6)
    axes.set_xlabel("units")


def _groups(axes: Axes, outcome: Outcome) -> None:
    packs = packs_of(outcome)
    by_pack = grouped(outcome, lambda each: packs.get(each.market, "?"))
    by_month = grouped(outcome, lambda each: f"{datetime.fromtimestamp(each.time, UTC):%Y-%m}")
    found = by_pack | by_month
    axes.bar(list(found), list(found.values()))
    axes.set_ylabel("units")


def _reliability(axes: Axes, rows: Sequence[Reliability]) -> None:
    axes.plot([0, 1], [0, 1], ":", color="grey")
    axes.plot([row.price for row in rows], [row.won for row in rows], "o-")
    for row in rows:
        axes.annotate(f"{row.markets}", (row.price, row.won), fontsize=6)
    axes.set_xlabel("price of YES")
    axes.set_ylabel("part that resolved YES")


def _horizons(axes: Axes, rows: Sequence[Horizon]) -> None:
    hours = [row.hours for row in rows]
    axes.plot(hours, [row.brier for row in rows], "o-", label="Brier score")
    axes.plot(hours, [row.log for row in rows], "s-", label="log score")
    axes.set_xlabel("hours before the end")
    axes.legend(fontsize=7)


def _capacity(axes: Axes, rows: Sequence[Capacity]) -> None:
    axes.plot([row.capital for row in rows], [100 * row.share for row in rows], "o-")
    axes.set_xscale("log")
    axes.set_xlabel("capital, units")
    axes.set_ylabel("return a share after fees, %")


def _write_csv(path: Path, rows: Sequence[Any]) -> None:
    with path.open("w", newline="") as target:
        if not rows:
            return
        names = [each.name for each in fields(rows[0])]
        writer = csv.writer(target)
        writer.writerow(names)
        writer.writerows([getattr(row, name) for name in names] for row in rows)


def lines_of(result: Result) -> list[tuple[str, list[str]]]:
    """Return the table that page and terminal show: a row's name, a cell an assumption."""

    def row(name: str, show: Callable[[Summary], str]) -> tuple[str, list[str]]:
        return name, [show(each) for each in result.summaries.values()]

    def interval(each: Interval) -> str:
        return f"{each.mean:+.2%} [{each.low:+.2%}, {each.high:+.2%}]"

    return [
        row("verdict", lambda s: s.verdict),
        row("last prices or books played", lambda s: f"{s.events_played:,}"),
        row("markets settled", lambda s: f"{s.markets:,}"),
        row("staked, units", lambda s: f"{s.staked:,.0f}"),
        row("profit after the venue's fees", lambda s: f"{s.profit:+,.2f}"),
        row("venue's fees", lambda s: f"{s.venue_fees:,.2f}"),
        row("costs: spread and fees, of the stake", lambda s: f"{-s.costs:+.2%}"),
        row("return on stake [95 %, by event]", lambda s: interval(s.return_on_stake)),
        row("a share before 2/20", lambda s: f"{s.share_before_fees:+.3%}"),
        row("a share after 2/20", lambda s: f"{s.share_after_fees:+.3%}"),
        row("vault's fees", lambda s: f"{s.vault_fees:,.2f}"),
        row("chance claimed / won", lambda s: f"{s.claimed_chance:.2%} / {s.won:.2%}"),
        row("worst event", lambda s: f"{s.worst_event} {s.worst_event_profit:+,.2f}"),
        row("deepest drawdown", lambda s: f"{s.deepest_drawdown:.2%}"),
        row("longest drawdown", lambda s: f"{s.longest_drawdown_days:.1f} days"),
        (
            "naive: the favourite, 24 h before",
            [interval(result.favourite[fills]) for fills in result.summaries],
        ),
        ("naive: hold cash", ["0 %, nothing at risk" for _ in result.summaries]),
        ("tries on this data", [str(result.tries) for _ in result.summaries]),
    ]


_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .3rem .6rem; border-bottom: 1px solid #8884; }
th:first-child, td:first-child { text-align: left; }
img { width: 100%; background: white; margin: .5rem 0; }
pre { white-space: pre-wrap; background: #8881; padding: .8rem; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
"""


def _page(result: Result, images: Mapping[str, str]) -> str:
    name = html.escape(result.config.name)
    heads = "".join(f"<th scope='col'>{html.escape(each)}</th>" for each in result.summaries)
    rows = "".join(
        f"<tr><td>{html.escape(title)}</td>"
        + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
        + "</tr>"
        for title, cells in lines_of(result)
    )
    people = "".join(
        f"<tr><td>{html.escape(fills)}: {html.escape(person.who)}</td>"
        + "".join(
            f"<td>{amount / MICRO:,.2f}</td>"
            for amount in (
                person.put_in,
                person.got_out,
                person.worth,
                person.got_out + person.worth - person.put_in,
            )
        )
        + "</tr>"
        for fills, outcome in result.outcomes.items()
        for person in outcome.people
    )
    figures = "".join(
        f"<figure><img alt='{html.escape(title)}' src='data:image/png;base64,{image}'></figure>"
        for title, image in images.items()
    )
    hashes = "\n".join(f"{digest}  {file}" for file, digest in data_hashes().items())
    honest = "".join(
        f"<li>{datetime.fromtimestamp(each.at, UTC):%Y-%m-%d %H:%M}: "
        + (
            f"{each.before} decisions before it, none changed"
            if each.changed is None
            else f"<strong>a decision of {each.changed} saw what came later</strong>"
        )
        + "</li>"
        for each in result.honesty
    )
    settings = html.escape(json.dumps(result.config.model_dump(mode="json"), indent=1))
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Backtest: {name}</title><style>{_STYLE}</style></head><body>
<h1>Backtest: {name}</h1>
<p>{html.escape(LIMITS)}</p>
<div class="wide"><table><thead><tr><th></th>{heads}</tr></thead><tbody>{rows}</tbody></table></div>
<h2>Depositors</h2>
<div class="wide"><table><thead><tr><th></th><th scope="col">in</th><th scope="col">out</th>
<th scope="col">worth at the end</th><th scope="col">gain</th></tr></thead>
<tbody>{people}</tbody></table></div>
<h2>Figures</h2>{figures}
<h2>Look-ahead</h2><ul>{honest or "<li>not checked in this run (--honesty)</li>"}</ul>
<h2>To repeat it</h2>
<pre>{html.escape(result.command)}
{html.escape(CODE_VERSION)}
{hashes}</pre>
<details><summary>Configuration</summary><pre>{settings}</pre></details>
</body></html>
"""
