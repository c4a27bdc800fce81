"""What a page shows of a vault, gathered while its audit runs: plain data, ready for JSON."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from strongroom.audit.audit import Verdict
from strongroom.audit.ledger import VIRTUAL, Ledger, ReportLine
from strongroom.audit.logs import Event
from strongroom.audit.permissions import Limit
from strongroom.audit.statements import Statements

SCHEMA = "strongroom-page/1"
WAD = 10**18


@dataclass
class MarketLine:
    """A market's whole life; assets in micro-units."""

    market: str
    account: str
    class_id: int
    opened: int
    deadline: int
    allocated: int = 0
    recalled: int = 0
    closed: int | None = None  # timestamp


@dataclass(frozen=True)
class Flow:
    """Something that a depositor did; amounts in base units."""

    time: int
    block: int
    who: str
    what: str
    assets: int
    shares: int


@dataclass
class History:
    """Gathers; `reported` and `heard` go to the auditor."""

    reports: list[dict[str, Any]] = field(default_factory=list)
    markets: dict[str, MarketLine] = field(default_factory=dict)
    flows: list[Flow] = field(default_factory=list)
    statements: Statements = field(default_factory=Statements)

    def reported(self, line: ReportLine, books: Ledger) -> None:
        """Keep a report's line, and everybody's stand."""
        self.statements.reported(line, books)
        price = line.nav_bid * VIRTUAL / line.supply_after if line.supply_after else 1.0
        self.reports.append(
            {
                "time": line.time,
                "block": line.block,
                "nav_bid": line.nav_bid,
                "nav_ask": line.nav_ask,
                "supply": line.supply_after,
                "share_price": round(price, 9),
                "exposure": line.exposure,
                "idle": line.idle,
                "management": line.management,
                "performance": line.performance,
                "evidence": line.evidence,
            }
        )

    def heard(self, time: int, event: Event) -> None:
        """Keep what an event says of markets and depositors."""
        self.statements.heard(event)
        it = event.fields
        if event.name == "MarketOpened":
            self.markets[it["market"]] = MarketLine(
                it["market"], it["account"], it["class_id"], time, it["deadline"]
            )
        elif event.name == "Allocated":
            self.markets[it["market"]].allocated += it["assets"]
        elif event.name == "Recalled":
            self.markets[it["market"]].recalled += it["assets"]
        elif event.name == "MarketClosed":
            self.markets[it["market"]].closed = time
        flow = {
            "DepositRequest": ("asks to deposit", "controller", "assets", None),
            "DepositRequestCancelled": ("takes a deposit back", "controller", "assets", None),
            "RedeemRequest": ("asks to redeem", "controller", None, "shares"),
            "RedeemRequestCancelled": ("takes a redemption back", "controller", None, "shares"),
            "Deposit": ("gets shares", "owner", "assets", "shares"),
            "Withdraw": ("gets assets", "owner", "assets", "shares"),
            "RedeemedInKind": ("leaves in kind", "owner", "assets", "shares"),
        }.get(event.name)
        if flow is not None:
            what, who, assets, shares = flow
            self.flows.append(
                Flow(
                    time,
                    event.block,
                    it[who],
                    what,
                    it[assets] if assets else 0,
                    it[shares] if shares else 0,
                )
            )


def page_data(
    history: History, verdict: Verdict, called: Callable[[str], str | None] = lambda market: None
) -> dict[str, Any]:
    """Return everything that the page shows; `called` gives a market's name."""
    books = verdict.ledger
    nav = books.nav[0]
    caps = {
        number: {
            "grade": terms.grade,
            "exposure": books.class_exposure(number),
            "cap": min(terms.caps[2], terms.caps[3] * nav // 10_000),
            "market_cap": min(terms.caps[0], terms.caps[1] * nav // 10_000),
        }
        for number, terms in books.terms.classes.items()
    }
    total = min(
        books.terms.limit(Limit.TOTAL_CAP),
        books.terms.limit(Limit.TOTAL_BPS) * nav // 10_000,
    )
    open_markets = []
    for name in books.order:
        market = books.markets[name]
        open_markets.append(
            {
                "market": name,
                "class": market.class_id,
                "exposure": market.exposure,
                "cap": caps.get(market.class_id, {}).get("market_cap", 0),
                "value_bid": market.bid,
                "value_ask": market.bid + market.spread,
                "deadline": market.deadline,
                "marks": [
                    [((word >> shift) & (2**64 - 1)) / WAD for shift in (0, 64, 128, 192)]
                    for word in market.marks
                ],
            }
        )
    settled = [
        asdict(each) | {"profit": each.recalled - each.allocated}
        for each in history.markets.values()
        if each.closed is not None
    ]
    queue = [
        {"side": side, "epoch": number, "who": who, "amount": amount, "since": entry.since[who],
         "closed": entry.closed, "settled": entry.settled, "total": entry.total}
        for side, entries in zip(("deposit", "redeem"), books.queues, strict=True)
        for number, entry in entries.items()
        for who, amount in entry.asked.items()
        if not entry.closed or entry.settled < entry.total
    ]  # fmt: skip
    return {
        "schema": SCHEMA,
        "verdict": verdict.plain(),
        "reports": history.reports,
        "classes": caps,
        "total": {"exposure": books.exposure, "cap": total},
        "open": open_markets,
        "settled": sorted(settled, key=lambda each: each["closed"]),
        "queue": queue,
        "holders": dict(sorted(books.holders.items(), key=lambda pair: -pair[1])),
        "flows": [asdict(flow) for flow in history.flows],
        "names": {each: told for each in history.markets if (told := called(each)) is not None},
        "months": {
            who: [asdict(month) for month in history.statements.of(who)]
            for who in history.statements.people
        },
    }
