"""The page a depositor opens: one file of HTML from the audit's data, no script, no requests.

Charts are SVG with their numbers beside them; each depositor has a statement to print and a CSV."""

import csv
import html
import io
import json
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from typing import Any

from strongroom.app.history import PageData
from strongroom.chain.units import MICRO

SHARE = 10**12
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 640, 230, 92, 18, 30

STYLE = (Path(__file__).parent / "page.css").read_text()


def write_page(page: PageData, folder: Path, evidence: Path | None = None) -> Path:
    """Write index.html, data.json and a CSV a depositor; copy the evidence documents.

    Returns:
        The page's path.
    """
    data = page.document()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "data.json").write_text(json.dumps(data, indent=1) + "\n")
    if evidence is not None:
        (folder / "evidence").mkdir(exist_ok=True)
        for line in page.reports:
            source = evidence / f"{line.evidence}.json"
            if source.exists():
                shutil.copy(source, folder / "evidence" / source.name)
    for who in _people(data):
        (folder / f"statement-{who}.csv").write_text(_flows_csv(data, who))
        (folder / f"months-{who}.csv").write_text(_months_csv(data, who))
    path = folder / "index.html"
    path.write_text(_page(data, folder))
    return path


def _people(data: Mapping[str, Any]) -> list[str]:
    return sorted({flow["who"] for flow in data["flows"]} | data["months"].keys())


def _months_csv(data: Mapping[str, Any], who: str) -> str:
    target = io.StringIO()
    writer = csv.writer(target)
    writer.writerow(["month", "last_report_utc", "shares", "value", "paid_in", "paid_out", "gain"])
    for each in data["months"].get(who, []):
        amounts = [each[name] / MICRO for name in ("value", "paid_in", "paid_out", "gain")]
        writer.writerow([each["month"], _time(each["time"]), each["shares"] / SHARE, *amounts])
    return target.getvalue()


def _flows_csv(data: Mapping[str, Any], who: str) -> str:
    target = io.StringIO()
    writer = csv.writer(target)
    writer.writerow(["time_utc", "block", "what", "assets", "shares"])
    for flow in data["flows"]:
        if flow["who"] == who:
            writer.writerow(
                [_time(flow["time"]), flow["block"], flow["what"], flow["assets"] / MICRO,
                 flow["shares"] / SHARE]
            )  # fmt: skip
    return target.getvalue()


def _page(data: Mapping[str, Any], folder: Path) -> str:
    verdict, reports = data["verdict"], data["reports"]
    state = verdict["state"]
    last = reports[-1] if reports else {"share_price": 1.0, "time": verdict["to_time"]}
    fees = sum(each["management"] + each["performance"] for each in reports)
    clean = not verdict["differences"]
    cards = [
        ("a share, at the bid", f"{last['share_price']:.6f}"),
        ("NAV at the bid", _money(int(state["nav_bid"]))),
        ("NAV at the ask", _money(int(state["nav_ask"]))),
        ("idle", _money(int(state["idle"]))),
        ("at stake, at cost", _money(int(state["exposure"]))),
        ("fees so far", _money(fees)),
    ]
    words = (
        "The audit found no difference"
        if clean
        else f"The audit found {len(verdict['differences'])} differences"
    )
    first = "" if clean else _difference(verdict["differences"][0])
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>Vault {_esc(verdict["vault"])}</title><style>{STYLE}</style></head><body>
<a class="skip" href="#content">To the content</a>
<main id="content">
<h1>Vault {_esc(verdict["vault"])}</h1>
<p class="verdict {"good" if clean else "bad"}" role="status"><strong>{words}.</strong>
Blocks {verdict["from_block"]} to {verdict["to_block"]}, up to {_time(verdict["to_time"])} UTC,
chain {verdict["chain_id"]}. {first}</p>
<ul class="cards">{_cards(cards)}</ul>
<div class="screen">
{_charts(data)}
</div>
<h2>Exposure against caps</h2>{_exposure(data)}
<h2>Open positions</h2>
<p>Markets are called what the keeper's evidence calls them; else by their id.</p>{_open(data)}
<h2>Settled markets</h2>{_settled(data)}
<h2>Requests that wait</h2>{_queue(data)}
<h2>Reports and fees</h2>{_reports(data, folder)}
<h2>Roles, limits and delays</h2>{_permissions(data)}
<h2>Statements</h2>
<p class="screen">One for each depositor. Opened, it prints alone; else the whole page prints,
with each of them on a page of its own.</p>
{_statements(data)}
</main></body></html>
"""


def _cards(cards: Sequence[tuple[str, str]]) -> str:
    return "".join(f"<li><b>{value}</b><span>{_esc(name)}</span></li>" for name, value in cards)


def _charts(data: Mapping[str, Any]) -> str:
    reports = [each for each in data["reports"] if each["supply"]]
    if len(reports) < 2:
        return "<p>Charts begin with the second report.</p>"
    times = [each["time"] for each in reports]
    prices = [each["share_price"] for each in reports]
    highest, falls = 0.0, []
    for price in prices:
        highest = max(highest, price)
        falls.append(round(100 * (price / highest - 1), 6))
    bids = [each["nav_bid"] / MICRO for each in reports]
    asks = [each["nav_ask"] / MICRO for each in reports]
    stakes = [each["exposure"] / MICRO for each in reports]
    yearly = list(accumulate(each["management"] / MICRO for each in reports))
    profit = list(accumulate(each["performance"] / MICRO for each in reports))
    return "".join(
        (
            _chart("share", "NAV a share, after fees", times, [("at the bid", prices)]),
            _chart("drawdown", "Drawdown, percent", times, [("below the highest so far", falls)]),
            _chart(
                "nav",
                "NAV, deposits and redemptions",
                times,
                [("at the bid", bids), ("at the ask", asks)],
                _dealt(data["flows"]),
            ),
            _chart("fees", "Fees so far", times, [("management", yearly), ("performance", profit)]),
            _chart("exposure", "At stake, at cost", times, [("all markets", stakes)]),
        )
    )


def _dealt(flows: Sequence[Mapping[str, Any]]) -> list[tuple[int, str, float]]:
    """Return deposits and redemptions: time, words, assets; above 0 what came in."""
    signs = {"gets shares": 1, "gets assets": -1, "leaves in kind": -1}
    return [
        (flow["time"], flow["what"], signs[flow["what"]] * flow["assets"] / MICRO)
        for flow in flows
        if flow["what"] in signs
    ]


def _chart(
    name: str,
    title: str,
    times: Sequence[int],
    series: Sequence[tuple[str, Sequence[float]]],
    events: Sequence[tuple[int, str, float]] = (),
) -> str:
    """Return a chart, its numbers, and `events` (time, words, amount) as triangles on its floor:
    upwards what came in, downwards what went out."""
    values = [value for _, points in series for value in points]
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    long = (times[-1] - times[0]) or 1

    def x(time: int) -> float:
        inside = min(max(time, times[0]), times[-1])
        return LEFT + (WIDTH - LEFT - 8) * (inside - times[0]) / long

    def y(value: float) -> float:
        return TOP + (HEIGHT - BOTTOM - TOP) * (1 - (value - low) / span)

    grid = "".join(
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH - 8}" y1="{y(mark):.1f}" y2="{y(mark):.1f}"/>'
        f'<text x="{LEFT - 6}" y="{y(mark) + 4:.1f}" text-anchor="end">{_short(mark)}</text>'
        for mark in (low, low + span / 2, high)
    )
    lines = "".join(
        f'<polyline class="{("one", "two")[number % 2]}" points="'
        + " ".join(
            f"{x(time):.1f},{y(value):.1f}" for time, value in zip(times, points, strict=True)
        )
        + '"/>'
        for number, (_, points) in enumerate(series)
    )
    ends = (
        f'<text x="{LEFT}" y="{HEIGHT - 6}">{_time(times[0])}</text>'
        f'<text x="{WIDTH - 8}" y="{HEIGHT - 6}" text-anchor="end">{_time(times[-1])}</text>'
    )
    floor = HEIGHT - BOTTOM
    triangles = "".join(
        f'<path class="{"in" if amount > 0 else "out"}" d="M{x(time) - 6:.1f},'
        f'{floor if amount > 0 else floor - 11}h12l-6,{-11 if amount > 0 else 11}z">'
        f"<title>{_time(time)}: {_esc(words)}, {abs(amount):,.2f}</title></path>"
        for time, words, amount in events
    )
    shown = json.dumps({"times": list(times), **{label: list(p) for label, p in series}})
    legend = ", ".join(
        f"{('solid', 'dashed')[number % 2]}: {label}" for number, (label, _) in enumerate(series)
    ) + ("; triangles: money in (up) and out (down)" if triangles else "")
    rows = "".join(
        f"<tr><td>{_time(time)}</td>"
        + "".join(f"<td>{points[place]:,.6f}</td>" for _, points in series)
        + "</tr>"
        for place, time in enumerate(times)
    )
    heads = "".join(f'<th scope="col">{_esc(label)}</th>' for label, _ in series)
    return (
        f"<h2>{_esc(title)}</h2><figure><svg id='{name}' viewBox='0 0 {WIDTH} {HEIGHT}' role='img' "
        f"aria-label='{_esc(title)}: from {values[0]:,.4f} to {values[-1]:,.4f}' "
        f"data-values='{_esc(shown)}'>{grid}{lines}{triangles}{ends}</svg>"
        f"<figcaption>{_esc(legend)}</figcaption></figure>"
        f"<details><summary>The numbers: {_esc(title)}</summary><div class='wide'><table>"
        f"<thead><tr><th scope='col'>time (UTC)</th>{heads}</tr></thead><tbody>{rows}</tbody>"
        "</table></div></details>"
    )


def _exposure(data: Mapping[str, Any]) -> str:
    rows = [("all markets", data["total"]["exposure"], data["total"]["cap"])]
    rows += [
        (f"class {number} ({'delegated' if each['grade'] == 2 else 'enforced'})",
         each["exposure"], each["cap"])
        for number, each in data["classes"].items()
    ]  # fmt: skip
    rows += [(_market(data, m["market"]), m["exposure"], m["cap"]) for m in data["open"]]
    body = "".join(
        f"<tr><td>{name}</td><td>{_money(stake)}</td><td>{_money(cap)}</td>"
        f"<td><div class='bar' aria-hidden='true'><i style='width:{_part(stake, cap)}%'></i></div>"
        f"</td><td>{_part(stake, cap)} %</td></tr>"
        for name, stake, cap in rows
    )
    return _table("Exposure against caps", ("", "at cost", "cap now", "", "used"), body)


def _open(data: Mapping[str, Any]) -> str:
    now = data["verdict"]["to_time"]
    body = "".join(
        f"<tr><td>{_market(data, each['market'])}</td><td>{_money(each['exposure'])}</td>"
        f"<td>{_money(each['value_bid'])}</td><td>{_money(each['value_ask'])}</td>"
        f"<td>{_marks(each['marks'])}</td><td>{_left(each['deadline'] - now)}</td></tr>"
        for each in data["open"]
    )
    heads = (
        "market",
        "cost",
        "value at the bid",
        "at the ask",
        "marks YES, NO (bid/ask)",
        "closes in",
    )
    return _table("Open positions", heads, body)


def _settled(data: Mapping[str, Any]) -> str:
    body = "".join(
        f"<tr><td>{_market(data, each['market'])}</td><td>{_time(each['opened'])}</td>"
        f"<td>{_time(each['closed'])}</td><td>{_money(each['allocated'])}</td>"
        f"<td>{_money(each['recalled'])}</td><td>{_money(each['profit'], sign=True)}</td></tr>"
        for each in data["settled"]
    )
    return _table(
        "Settled markets",
        ("market", "opened (UTC)", "closed", "went in", "came back", "profit"),
        body,
    )


def _queue(data: Mapping[str, Any]) -> str:
    body = "".join(
        f"<tr><td>{_name(each['who'])}</td><td>{each['side']}</td><td>{each['epoch']}</td><td>"
        + (
            _money(each["amount"])
            if each["side"] == "deposit"
            else f"{each['amount'] / SHARE:,.6f} shares"
        )
        + f"</td><td>{_time(each['since'])}</td></tr>"
        for each in data["queue"]
    )
    return _table("Requests that wait", ("who", "side", "epoch", "amount", "since (UTC)"), body)


def _reports(data: Mapping[str, Any], folder: Path) -> str:
    rows = []
    for each in reversed(data["reports"]):
        name = f"evidence/{each['evidence']}.json"
        short = f"{each['evidence'][:10]}..."
        there = (folder / name).exists()
        rows.append(
            f"<tr><td>{_time(each['time'])}</td><td>{each['block']}</td>"
            f"<td>{_money(each['nav_bid'])}</td><td>{_money(each['nav_ask'])}</td>"
            f"<td>{each['share_price']:.6f}</td><td>{_money(each['management'], 4)}</td>"
            f"<td>{_money(each['performance'], 4)}</td><td>"
            + (f"<a href='{name}'>{short}</a>" if there else short)
            + "</td></tr>"
        )
    heads = (
        "time (UTC)",
        "block",
        "NAV bid",
        "NAV ask",
        "a share",
        "2 % fee",
        "20 % fee",
        "evidence",
    )
    return _table("Reports and fees", heads, "".join(rows))


def _permissions(data: Mapping[str, Any]) -> str:
    rows = reversed(data["verdict"]["permissions"])
    body = "".join(
        f"<tr><td>{each['block']}</td><td>{_esc(each['what'])}</td></tr>" for each in rows
    )
    return (
        "<details><summary>Every change, the newest first</summary>"
        + _table("Roles, limits and delays", ("block", "what"), body)
        + "</details>"
    )


def _statements(data: Mapping[str, Any]) -> str:
    people = _people(data)
    rows = "".join(
        f"<tr><td><a href='#statement-{_esc(who)}'>{_name(who)}</a></td>"
        f"<td>{_shares(data['holders'].get(who, 0))}</td>"
        f"<td>{_money(_months(data, who)[-1]['value']) if _months(data, who) else ''}</td></tr>"
        for who in people
    )
    index = _table("Statements", ("depositor", "shares", "value at the last report"), rows)
    return f"<div class='screen'>{index}</div>" + "".join(_statement(data, who) for who in people)


def _months(data: Mapping[str, Any], who: str) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = data["months"].get(who, [])
    return found


def _statement(data: Mapping[str, Any], who: str) -> str:
    months = "".join(
        f"<tr><td>{_esc(each['month'])}</td><td>{_shares(each['shares'])}</td>"
        f"<td>{_money(each['value'])}</td><td>{_money(each['paid_in'])}</td>"
        f"<td>{_money(each['paid_out'])}</td><td>{_money(each['gain'], sign=True)}</td></tr>"
        for each in _months(data, who)
    )
    flows = "".join(
        f"<tr><td>{_time(flow['time'])}</td><td>{_esc(flow['what'])}</td>"
        f"<td>{_money(flow['assets']) if flow['assets'] else ''}</td>"
        f"<td>{_shares(flow['shares'])}</td></tr>"
        for flow in data["flows"]
        if flow["who"] == who
    )
    name, vault = _esc(who), _esc(data["verdict"]["vault"])
    return (
        f"<section class='statement' id='statement-{name}'><h3>Statement of {name}</h3>"
        f"<p>Vault {vault}, up to {_time(data['verdict']['to_time'])} UTC. "
        f"<span class='screen'><a href='months-{name}.csv'>months as CSV</a>, "
        f"<a href='statement-{name}.csv'>movements as CSV</a></span></p>"
        + _table(
            f"Months of {who}",
            ("month", "shares at its last report", "value", "came in", "went out", "gain"),
            months,
        )
        + "<p>Value at the bid, with what waits or can be claimed. Gain is the rest of the change "
        "in value; shares sent or received count as lost and gained, tokens taken out in kind "
        "as lost.</p>"
        + _table(f"Movements of {who}", ("time (UTC)", "what", "assets", "shares"), flows)
        + "</section>"
    )


def _table(label: str, heads: Sequence[str], body: str) -> str:
    if not body:
        return "<p>None.</p>"
    row = "".join(f'<th scope="col">{_esc(head)}</th>' if head else "<td></td>" for head in heads)
    return (
        f"<div class='wide' tabindex='0' role='region' aria-label='{_esc(label)}'>"
        f"<table><thead><tr>{row}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _difference(each: Mapping[str, Any]) -> str:
    return (
        f"First: block {each['block']}, {_esc(each['what'])}: expected {_esc(each['expected'])}, "
        f"found {_esc(each['found'])}."
    )


def _marks(marks: Sequence[Sequence[float]]) -> str:
    return "; ".join(f"{m[0]:.3f}/{m[1]:.3f}, {m[2]:.3f}/{m[3]:.3f}" for m in marks)


def _left(seconds: int) -> str:
    if seconds <= 0:
        return "closed"
    return f"{seconds // 86_400} d {seconds % 86_400 // 3_600} h"


def _part(stake: int, cap: int) -> int:
    return min(100, round(100 * stake / cap)) if cap else 0


def _money(amount: int, digits: int = 2, sign: bool = False) -> str:
    return f"{amount / MICRO:{'+' if sign else ''},.{digits}f}"


def _shares(amount: int) -> str:
    return f"{amount / SHARE:,.6f}" if amount else ""


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"


def _time(time: int) -> str:
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M}"


def _name(text: str) -> str:
    return f"<span title='{_esc(text)}'>{_esc(text[:8])}...{_esc(text[-4:])}</span>"


def _market(data: Mapping[str, Any], market: str) -> str:
    """Return what the keeper's evidence calls a market, or its id."""
    name = data["names"].get(market)
    return _name(market) if name is None else f"<span title='{market}'>{_esc(name)}</span>"


def _esc(value: Any) -> str:
    return html.escape(str(value), quote=True)
