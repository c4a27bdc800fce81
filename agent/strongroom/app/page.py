"""The page a depositor opens: one file of HTML from the audit's data. Without the app it has no
script and makes no requests; the app's script asks the chain alone.

Charts are SVG with their numbers beside them; each depositor has a statement to print and a CSV.
"""

import csv
import io
import json
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path

from strongroom.app.chart import Chart, Happening, Series, drawdowns, line_chart
from strongroom.app.gathering import Flow, ReportRow
from strongroom.app.history import PageData
from strongroom.app.live import LICENSES, SCRIPT, LiveVault, script
from strongroom.app.render import moment, money, price, render
from strongroom.audit.permissions import ZERO
from strongroom.audit.telling import loss_lines
from strongroom.chain.terms import DELEGATED
from strongroom.chain.units import FIRST_PRICE, MICRO, SHARE, exact_units

SIGNS = {"gets shares": 1, "gets assets": -1, "leaves in kind": -1}  # of what comes in and goes out


def write_page(
    data: PageData,
    folder: Path,
    find: Callable[[str], bytes | None] | None = None,
    live: LiveVault | None = None,
) -> Path:
    """Write index.html, data.json and a CSV a depositor; copy the evidence documents.

    Args:
        find: returns a document by its hash; None: there are none
        live: the page is the app: it has a script that reads the chain; None: it has none

    Returns:
        The page's path.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "data.json").write_text(json.dumps(data.document(), indent=1) + "\n")
    documents = _copy_documents(data, folder / "evidence", find)
    for who in data.people:
        (folder / f"statement-{who}.csv").write_text(_flows_csv(data, who))
        (folder / f"months-{who}.csv").write_text(_months_csv(data, who))
    if live:
        _add_script(folder)
    page = folder / "index.html"
    page.write_text(
        render(
            "app.html" if live else "vault.html",
            live=live,
            data=data,
            cards=_cards(data),
            charts=_charts(data),
            exposures=_exposures(data),
            losses=list(loss_lines(data.verdict.losses, data.identity.asset_symbol)),
            documents=documents,
            public=_public(data),
            terms=data.terms,
            delays=data.delays,
            is_open=data.terms.allow_list in ("", ZERO),
            nobody=ZERO,
        )
    )
    return page


def write_bare_app(live: LiveVault, why: str, folder: Path) -> Path:
    """Write the app without an audit; return the page's path.

    Args:
        why: a sentence: there is no audit
    """
    folder.mkdir(parents=True, exist_ok=True)
    _add_script(folder)
    page = folder / "index.html"
    page.write_text(
        render(
            "app_bare.html",
            live=live,
            why=why,
            terms=live.terms,
            delays=live.delays,
            is_open=live.terms.allow_list in ("", ZERO),
        )
    )
    return page


def _add_script(folder: Path) -> None:
    for name in (SCRIPT, LICENSES):
        (folder / name).write_bytes(script(name))


def _copy_documents(
    data: PageData, folder: Path, find: Callable[[str], bytes | None] | None
) -> frozenset[str]:
    """Copy the reports' documents; return the hashes of those that are there."""
    if find is None:
        return frozenset()
    folder.mkdir(exist_ok=True)
    copied = set[str]()  # what an earlier page has left there is not looked at
    for each in data.reports:
        text = None if each.is_settlement else find(each.evidence)
        if text is not None:
            (folder / f"{each.evidence}.json").write_bytes(text)
            copied.add(each.evidence)
    return frozenset(copied)


def _public(data: PageData) -> dict[str, tuple[str, ...]] | None:
    """Return where a stranger could get each document now; None: nobody has looked."""
    evidence = data.verdict.evidence
    return None if evidence is None else {each.evidence: each.public for each in evidence.reports}


def _months_csv(data: PageData, who: str) -> str:
    target = io.StringIO()
    writer = csv.writer(target)
    names = ("value", "paid_in", "paid_out", "gain", "income")
    writer.writerow(["month", "last_report_utc", "shares", *names])
    for each in data.months.get(who, ()):
        amounts = [exact_units(getattr(each, name)) for name in names]
        writer.writerow([each.month, moment(each.time), exact_units(each.shares, SHARE), *amounts])
    return target.getvalue()


def _flows_csv(data: PageData, who: str) -> str:
    target = io.StringIO()
    writer = csv.writer(target)
    writer.writerow(["time_utc", "block", "what", "assets", "shares"])
    for flow in data.flows:
        if flow.who == who:
            amounts = (exact_units(flow.assets), exact_units(flow.shares, SHARE))
            writer.writerow([moment(flow.time), flow.block, flow.what, *amounts])
    return target.getvalue()


def _cards(data: PageData) -> list[tuple[str, str]]:
    """Return the numbers that stand first: label and text."""
    state, made_of = data.verdict.state, data.composition
    last = data.reports[-1] if data.reports else None
    fees = sum(each.management + each.performance for each in data.reports)
    return [
        ("a share, last bid", price(last.price_bid if last is not None else FIRST_PRICE)),
        ("a share, last ask", price(last.price_ask if last is not None else FIRST_PRICE)),
        ("NAV at the bid", money(int(state.nav_bid))),
        ("NAV at the ask", money(int(state.nav_ask))),
        ("of it home", money(made_of.home)),
        ("in markets, at most at cost", money(made_of.at_cost)),
        ("opinion", money(made_of.opinion)),
        ("fees so far", money(fees)),
    ]


def _exposures(data: PageData) -> list[tuple[str, str, int, int]]:
    """Return label, market (or empty), what counts and its cap: all, each class, each market.

    Losses count with the exposure for all and for a class."""
    total = data.total
    rows = [("all markets, with losses", "", total.exposure + total.losses, total.cap)]
    for number, each in data.strategies.items():
        grade = "delegated" if each.grade == DELEGATED else "enforced"
        label = f"class {number} ({grade}), with losses"
        rows.append((label, "", each.exposure + each.losses, each.cap))
    return rows + [("", each.market, each.exposure, each.cap) for each in data.open]


def _charts(data: PageData) -> list[Chart]:
    """Return the charts; none before the second report on shares."""
    reports = [each for each in data.reports if each.supply]
    if len(reports) < 2:
        return []
    prices = [each.price_bid / FIRST_PRICE for each in reports]
    asks = [each.price_ask / FIRST_PRICE for each in reports]
    yearly = accumulate(each.management for each in reports)
    profit = accumulate(each.performance for each in reports)
    return [
        line_chart(
            "share",
            "NAV a share, after fees",
            [_series("at the bid", reports, prices), _series("at the ask", reports, asks)],
        ),
        line_chart(
            "drawdown",
            "Drawdown, percent",
            [_series("below the highest so far", reports, drawdowns(prices))],
        ),
        line_chart(
            "nav",
            "NAV, deposits and redemptions",
            [
                _series("at the bid", reports, [each.nav_bid / MICRO for each in reports]),
                _series("at the ask", reports, [each.nav_ask / MICRO for each in reports]),
                _series("home", reports, [each.idle / MICRO for each in reports]),
            ],
            _dealings(data.flows),
        ),
        line_chart(
            "fees",
            "Fees so far",
            [
                _series("management", reports, [each / MICRO for each in yearly]),
                _series("performance", reports, [each / MICRO for each in profit]),
            ],
        ),
        line_chart(
            "exposure",
            "Exposure at cost, and losses",
            [
                _series("exposure", reports, [each.exposure / MICRO for each in reports]),
                _series("losses", reports, [each.losses / MICRO for each in reports]),
            ],
        ),
    ]


def _series(label: str, reports: Sequence[ReportRow], values: Sequence[float]) -> Series:
    pairs = zip(reports, values, strict=True)
    return Series(label, tuple((report.time, value) for report, value in pairs))


def _dealings(flows: Sequence[Flow]) -> list[Happening]:
    """Return deposits and redemptions: above 0 what came in."""
    return [
        Happening(flow.time, flow.what, SIGNS[flow.what] * flow.assets / MICRO)
        for flow in flows
        if flow.what in SIGNS
    ]
