"""The report of a backtest: one HTML file, its charts as SVG, JSON, CSV."""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from strongroom.analysis.verdict import Conclusion, ReturnBounds, VerdictWord
from strongroom.app.chart import Band, Chart, Series, bar_chart, drawdowns, line_chart
from strongroom.app.render import render
from strongroom.backtest.config import BacktestConfig
from strongroom.backtest.data import read_hashes
from strongroom.backtest.figures import claims_of, drawdown_spread, sources_of, wilson
from strongroom.backtest.honesty import Honesty
from strongroom.backtest.quotes import Fills
from strongroom.backtest.run import DecidedTrade, RunResult, Wake
from strongroom.backtest.simulated_chain import ClosedMarket, EffectiveReport
from strongroom.backtest.stats import (
    Horizon,
    Reliability,
    Summary,
    assumed_spread,
    by_event,
    grouped,
    packs_of,
    share_band,
    share_prices,
    told,
)
from strongroom.chain.ids import JsonObject
from strongroom.chain.units import BPS, MICRO
from strongroom.foreign_text import cell
from strongroom.keeper.wiring import CODE_VERSION

LIMITS = {
    False: "Last prices are no quotes: every fill here rests on the assumed spread, depth and "
    "latency. A strategy passes on the pessimistic assumptions alone, and then only as far as "
    "they hold.",
    True: "Recorded books are what somebody saw, at its times: what happened between two of them, "
    "and who stood ahead in a queue, is assumed.",
}
EVENTS = 8  # best and worst that are drawn


@dataclass(frozen=True)
class Capacity:
    """The result with more capital: units, and returns as fractions.

    Attributes:
        bounds: of the share, by the verdict's bounds; None: there are none
    """

    capital: float
    return_on_stake: float
    share: float
    bounds: ReturnBounds | None


@dataclass(frozen=True)
class Result:
    """Everything that a report shows; outcomes and summaries by assumption on fills.

    Attributes:
        command: the command line that repeats it
        against: the strategy less the favourites of its events, for the same money
        tries: backtests on this data so far, this one included
    """

    config: BacktestConfig
    command: str
    outcomes: Mapping[Fills, RunResult]
    summaries: Mapping[Fills, Summary]
    favourite: Mapping[Fills, Conclusion]
    against: Mapping[Fills, Conclusion]
    horizons: Sequence[Horizon]
    reliability: Sequence[Reliability]
    capacity: Sequence[Capacity]
    honesty: Sequence[Honesty]
    tries: int

    @property
    def limits(self) -> str:
        """What the result rests on."""
        return LIMITS[all(each.recorded for each in self.outcomes.values())]

    def document(self) -> JsonObject:
        """Return the result as JSON takes it."""
        return {
            "schema": "strongroom-backtest/1",
            "command": self.command,
            "code_version": CODE_VERSION,
            "data": read_hashes(self.config),
            "config": self.config.model_dump(mode="json"),
            "tries_on_this_data": self.tries,
            "summaries": {fills: asdict(each) for fills, each in self.summaries.items()},
            "favourite": {fills: asdict(each) for fills, each in self.favourite.items()},
            "against_favourite": {fills: asdict(each) for fills, each in self.against.items()},
            "horizons": [asdict(each) for each in self.horizons],
            "reliability": [asdict(each) for each in self.reliability],
            "capacity": [asdict(each) for each in self.capacity],
            "honesty": [asdict(each) for each in self.honesty],
            "people": {
                fills: [asdict(person) for person in outcome.people]
                for fills, outcome in self.outcomes.items()
            },
            "limits": self.limits,
        }


def write_report(result: Result, folder: Path) -> list[Path]:
    """Write everything into a folder; return the files, the page first."""
    folder.mkdir(parents=True, exist_ok=True)
    charts, hashes = _charts(result), read_hashes(result.config)
    data, page = folder / "result.json", folder / "report.html"
    data.write_text(json.dumps(result.document(), indent=1, sort_keys=True) + "\n")
    page.write_text(
        render(
            "backtest.html",
            result=result,
            limits=result.limits,
            charts=charts,
            cards=cards_of(result),
            tone=_tone(result),
            heads=("", *result.summaries),
            lines=[(name, *cells) for name, cells in lines_of(result)],
            people=_people(result),
            code_version=CODE_VERSION,
            hashes=hashes,
            settings=json.dumps(result.config.model_dump(mode="json"), indent=1),
        )
    )
    written = [_write_svg(folder / f"{chart.name}.svg", chart) for chart in charts]
    for fills, outcome in result.outcomes.items():
        written += [
            _write_csv(folder / f"reports-{fills}.csv", EffectiveReport, outcome.reports),
            _write_csv(folder / f"trades-{fills}.csv", DecidedTrade, outcome.trades),
            _write_csv(folder / f"settled-{fills}.csv", ClosedMarket, outcome.settled),
            _write_csv(folder / f"hours-{fills}.csv", Wake, outcome.wakes),
        ]
    return [page, data, *written]


def _write_svg(path: Path, chart: Chart) -> Path:
    path.write_text(render("chart.svg", chart=chart))
    return path


def _write_csv(
    path: Path, kind: type, rows: Sequence[EffectiveReport | DecidedTrade | ClosedMarket | Wake]
) -> Path:
    with path.open("w", newline="") as target:
        if rows:
            writer = csv.writer(target)
            names = [each.name for each in fields(kind) if each.name != "course"]
            writer.writerow(names)
            for row in rows:
                values = (getattr(row, name) for name in names)
                writer.writerow(cell(it) if isinstance(it, str) else it for it in values)
    return path


def _people(result: Result) -> list[tuple[str, ...]]:
    """Return a row a depositor and assumption: who, in, out, in kind, worth at the end, gain;
    units."""
    return [
        (
            f"{fills}: {each.who}",
            *(
                f"{amount / MICRO:,.2f}"
                for amount in (
                    each.put_in, each.got_out, each.in_kind, each.worth,
                    each.got_out + each.in_kind + each.worth - each.put_in,
                )
            ),
        )
        for fills, outcome in result.outcomes.items()
        for each in outcome.people
    ]  # fmt: skip


def _charts(result: Result) -> list[Chart]:
    main = result.outcomes[next(iter(result.outcomes))]
    packs = packs_of(main)
    groups = grouped(main, lambda each: packs.get(each.market, "?")) | grouped(
        main, lambda each: f"{datetime.fromtimestamp(each.time, UTC):%Y-%m}"
    )
    charts = [
        _share(result),
        _drawdown(result),
        _exposure(result, main),
        *([_claims(main)] if len(claims_of(main)) > 1 else []),
        bar_chart(
            "sources", f"What became of the profit ({main.fills})", _sources(result), "units"
        ),
        bar_chart(
            "packs", f"Profit by pack and month ({main.fills})", list(groups.items()), "units"
        ),
        bar_chart("events", f"Profit by event ({main.fills})", _events(main), "units"),
        *([_capacity(result.capacity, main.fills)] if result.capacity else []),
        _nav(main),
        _reliability(result.reliability),
        _horizons(result.horizons),
    ]
    return charts


def _in_time(label: str, times: Sequence[int], values: Sequence[float]) -> Series:
    return Series(label, tuple(zip(map(float, times), values, strict=True)))


def _share(result: Result) -> Chart:
    """Draw NAV a share after fees, with the range of the first assumption's verdict."""
    shares = {fills: share_prices(outcome) for fills, outcome in result.outcomes.items()}
    after = [_in_time(f"{f}, after 2/20", each.times, each.after) for f, each in shares.items()]
    fills, main = next(iter(result.outcomes.items()))
    summary, share = result.summaries[fills], shares[fills]
    found = share_band(main, summary.conclusion, summary.dated)
    bands = []
    if found is not None:
        ends = zip(share.times, found.low, found.high, strict=True)
        points = tuple((t, low * share.after[0], high * share.after[0]) for t, low, high in ends)
        bands = [
            Band(
                f"{fills}, at all returns on stake that the verdict's test does not refuse, 95 %",
                points,
            )
        ]
    title = "NAV a share" if bands else f"NAV a share; no range: {summary.conclusion.word}"
    return line_chart("share", title, after, bands=bands)


def _claims(main: RunResult) -> Chart:
    title = f"What was claimed, and what came ({main.fills})"
    return _calibration("claims", title, "chance claimed", "trades", claims_of(main), narrow=True)


def _sources(result: Result) -> list[tuple[str, float]]:
    fills, main = next(iter(result.outcomes.items()))
    spread = assumed_spread(result.config, fills, main.recorded)
    return sources_of(main, result.summaries[fills], spread)


def _nav(main: RunResult) -> Chart:
    """Draw NAV as a report books it, and what would come on top were it home."""
    times = [each.time for each in main.reports]
    navs = {
        "at the bid: nothing above its cost": [each.nav_bid for each in main.reports],
        "at the bid with what is not home yet": [
            each.nav_bid + each.not_home for each in main.reports
        ],
        "at the ask: nothing below its cost": [each.nav_ask for each in main.reports],
    }
    lines = [
        _in_time(name, times, [value / MICRO for value in values]) for name, values in navs.items()
    ]
    return line_chart("nav", f"NAV, units ({main.fills})", lines)


def _drawdown(result: Result) -> Chart:
    shares = {fills: share_prices(outcome) for fills, outcome in result.outcomes.items()}
    falls = [_in_time(f, each.times, drawdowns(each.after)) for f, each in shares.items()]
    fills, main = next(iter(result.outcomes.items()))
    spread = drawdown_spread(main, result.summaries[fills].dated, result.config.run.seed)
    label = f"{fills}, 95 % of such periods, blind to losses not seen"
    bands = [Band(label, tuple(spread))] if spread else []
    return line_chart("drawdown", "Drawdown of NAV a share after fees, percent", falls, bands=bands)


def _exposure(result: Result, main: RunResult) -> Chart:
    times = [each.time for each in main.wakes]
    navs = [each.nav_bid / MICRO for each in main.wakes]
    total = result.config.limits_of_vault().total_cap_bps / BPS
    share = result.config.vault.market_cap_bps / BPS
    series = [
        _in_time("all markets", times, [each.exposure / MICRO for each in main.wakes]),
        _in_time("largest market", times, [each.largest / MICRO for each in main.wakes]),
        _in_time(f"cap on all: {total:.0%} of NAV", times, [total * nav for nav in navs]),
        _in_time(f"cap on a market: {share:.0%} of NAV", times, [share * nav for nav in navs]),
    ]
    return line_chart("exposure", f"Exposure at cost against caps, units ({main.fills})", series)


def _events(outcome: RunResult) -> list[tuple[str, float]]:
    """Return event and profit, from the worst up; where there are many, both ends."""
    found = sorted(by_event(outcome).items(), key=lambda each: (each[1][1], each[0]))
    profits = [(name, profit) for name, (_, profit) in found]
    return profits if len(profits) <= 2 * EVENTS else profits[:EVENTS] + profits[-EVENTS:]


def _reliability(rows: Sequence[Reliability]) -> Chart:
    title = "The market's own price 24 h before the end"
    return _calibration("reliability", title, "price of YES", "markets", rows)


def _calibration(
    name: str,
    title: str,
    x_title: str,
    what: str,
    rows: Sequence[Reliability],
    narrow: bool = False,
) -> Chart:
    """Draw how often something came against its chance, with intervals; narrow: no further than
    there are chances."""
    won = Series("part that came", tuple((row.price, row.won) for row in rows))
    first, last = (0.0, 1.0) if not narrow else (rows[0].price, rows[-1].price)
    fair = Series("the chance itself", ((first, first), (last, last)))
    ends = tuple((row.price, *wilson(row.won, row.markets)) for row in rows)
    range_ = Band(f"95 %, were the {what} independent", ends, whiskers=True)
    chart = line_chart(
        name, title, [won, fair], x_title=x_title, x_text=lambda x: f"{x:.3g}", bands=[range_]
    )
    table = tuple((f"{row.price:.4f}", f"{row.won:.4f}", str(row.markets)) for row in rows)
    return replace(chart, heads=(x_title, won.label, what), table=table)


def _horizons(rows: Sequence[Horizon]) -> Chart:
    series = [
        Series("Brier score", tuple((float(row.hours), row.brier) for row in rows)),
        Series("log score", tuple((float(row.hours), row.log) for row in rows)),
    ]
    title, x_title = "The market's own price as a forecast", "hours before the end"
    return line_chart("horizons", title, series, x_title=x_title, x_text=lambda x: f"{x:g} h")


def _capacity(rows: Sequence[Capacity], fills: str) -> Chart:
    points = tuple((row.capital, 100 * row.share) for row in rows)
    series = [Series("return a share after fees, percent", points)]
    known = [(row.capital, row.bounds) for row in rows if row.bounds is not None]
    ends = tuple((capital, 100 * each.low, 100 * each.high) for capital, each in known)
    bands = [Band("95 %, by the verdict's test", ends, whiskers=True)] if ends else []
    return line_chart(
        "capacity", f"Capacity ({fills})" + ("" if ends else "; no range: too few events"), series,
        x_title="capital, units", x_text=lambda x: f"{x:,.0f}", logarithmic=True, bands=bands,
    )  # fmt: skip


def cards_of(result: Result) -> list[tuple[str, str]]:
    """Return the figures that stand at the head of the page, of the first assumption."""
    summary = next(iter(result.summaries.values()))
    found, bounds = summary.conclusion, summary.share_bounds
    ends = "no range" if bounds is None else f"95 %: {bounds.low:+.2%} to {bounds.high:+.2%}"
    return [
        (f"{summary.share_after_fees:+.2%}", f"a share after 2/20; {ends}"),
        (f"{summary.return_on_stake:+.2%}", f"on {summary.staked:,.0f} staked"),
        (f"{found.events}", f"events on {found.dates} dates"),
        (_losing(found), "events lost / expected at fair prices"),
        (f"{summary.deepest_drawdown:.1%}", "deepest drawdown"),
        (f"{result.tries}", "tries on this data"),
    ]


def _tone(result: Result) -> str:
    """Return how the first verdict is set off."""
    verdict = next(iter(result.summaries.values())).verdict
    tones = {VerdictWord.PASSES: "good", VerdictWord.FAILS: "bad"}
    return next((tone for word, tone in tones.items() if verdict.startswith(word)), "")


def lines_of(result: Result) -> list[tuple[str, list[str]]]:
    """Return the table that page and terminal show: a row's name, a cell an assumption."""

    def row(name: str, show: Callable[[Summary], str]) -> tuple[str, list[str]]:
        return name, [show(each) for each in result.summaries.values()]

    def bounds(each: ReturnBounds | None) -> str:
        return "-" if each is None else f"{each.low:+.2%} to {each.high:+.2%}"

    def sold(rule: str, each: Summary) -> str:
        found = next((sales for sales in each.exits if sales.rule == rule), None)
        return "-" if found is None else f"{found.gain:+,.2f} on {found.received:,.2f}"

    def told_of(found: Mapping[Fills, Conclusion]) -> list[str]:
        return [
            f"{found[fills].value:+.2%}: {told(found[fills], fills, not outcome.recorded)}"
            for fills, outcome in result.outcomes.items()
        ]

    rules = sorted({sales.rule for each in result.summaries.values() for sales in each.exits})
    naive, against = (
        [found[fills] for fills in result.summaries] for found in (result.favourite, result.against)
    )
    return [
        row("verdict", lambda s: s.verdict),
        row("  counted parameters", lambda s: s.parameters),
        row("  by", lambda s: _by(s.conclusion)),
        row(
            "  with other results", lambda s: "not asked" if s.replay is None else s.replay.words()
        ),
        row("  events, dates", lambda s: f"{s.conclusion.events}, {s.conclusion.dates}"),
        row("  events lost / at fair prices", lambda s: _losing(s.conclusion)),
        row("  sure in every state", lambda s: _proved(s.conclusion)),
        row("  worst event at worst", lambda s: f"{s.conclusion.worst:.1%} of the stakes"),
        row("  such samples pass: no edge", lambda s: _share_of(s.conclusion.error)),
        row("  at a true +1 %", lambda s: _share_of(s.conclusion.power)),
        row("prices or books", lambda s: f"{s.events_played:,}"),
        row("markets settled", lambda s: f"{s.markets:,}"),
        row("staked, units", lambda s: f"{s.staked:,.0f}"),
        row("profit, fees paid", lambda s: f"{s.profit:+,.2f}"),
        row("venue's fees", lambda s: f"{s.venue_fees:,.2f}"),
        row("rewards", lambda s: f"{s.rewards:,.2f}"),
        row("  their terms unknown", lambda s: f"{s.rewards_unknown:,} markets"),
        row("costs of the stake", lambda s: f"{-s.costs:+.2%}"),
        row("return on stake", lambda s: f"{s.return_on_stake:+.2%}"),
        row("  95 %", lambda s: bounds(s.conclusion.bounds)),
        row("a share before 2/20", lambda s: f"{s.share_before_fees:+.3%}"),
        row("a share after 2/20", lambda s: f"{s.share_after_fees:+.3%}"),
        row("  95 %", lambda s: bounds(s.share_bounds)),
        row("vault's fees", lambda s: f"{s.vault_fees:,.2f}"),
        row("chance claimed / won", lambda s: f"{s.claimed_chance:.2%} / {s.won:.2%}"),
        row("most not home yet", lambda s: f"{s.most_not_home:.2%} of NAV"),
        row("worst event", lambda s: f"{s.worst_event_profit:+,.2f}"),
        row("deepest drawdown", lambda s: f"{s.deepest_drawdown:.2%}"),
        row("longest drawdown", lambda s: f"{s.longest_drawdown_days:.1f} days"),
        *(row(f"exit, {rule}: against holding", partial(sold, rule)) for rule in rules),
        ("naive: favourites", told_of(result.favourite)),
        ("  95 %", [bounds(each.bounds) for each in naive]),
        ("less them, the same money", told_of(result.against)),
        ("  95 %", [bounds(each.bounds) for each in against]),
        ("naive: hold cash", ["0 %" for _ in naive]),
        ("tries on this data", [str(result.tries) for _ in result.summaries]),
    ]


def _by(found: Conclusion) -> str:
    """Return the test with its figure, tries counted."""
    if found.p_apart is None:  # nothing was traded
        return "-"
    odds = "" if found.odds is None else f"{found.odds:,.2f} to 1, "
    tries = "" if found.tries == 1 else f", alone {found.p_alone:.3f}"
    apart = f"dates apart {found.p_apart:.3f}"
    return f"{found.test}: {odds}p {found.p_pass:.3f}{tries}, {apart}"


def _proved(found: Conclusion) -> str:
    """Return what no test was asked about; the profit is a sum of shares of NAV."""
    events, profit = found.proved
    return f"{events} events, {profit:+.2%} of NAV" if events else "-"


def _losing(found: Conclusion) -> str:
    expected = "-" if found.losing_expected is None else f"{found.losing_expected:.1f}"
    return f"{found.losing} / {expected}"


def _share_of(part: float | None) -> str:
    return "-" if part is None else f"{part:.1%}"
