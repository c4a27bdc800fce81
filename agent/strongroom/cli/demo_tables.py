"""What the demo prints: one line an event, and the closing accounts as tables."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rich.table import Table

from strongroom.chain.units import format_units as money

if TYPE_CHECKING:
    from strongroom.devnet.demo import Life

FEES = ("management", "performance")


def describe(event: str, fields: Mapping[str, Any]) -> str | None:
    """Return one line for an event, or None for events without news."""
    who = str(fields.get("who", "")).capitalize()
    match event:
        case "deposit_requested":
            return f"{who} asks to deposit {money(fields['assets'], 2)} pUSD"
        case "shares_claimed":
            return f"{who} claims shares for {money(fields['assets'], 2)} pUSD"
        case "redemption_requested":
            return f"{who} asks to redeem all shares"
        case "assets_claimed":
            return f"{who} claims {money(fields['assets'])} pUSD"
        case "decided":
            return (
                f"decided: {'; '.join(fields['legs'])}: {fields['question']} "
                f"(size bound by {fields['binding']})"
            )
        case "task_closed":
            return f"carried out: {fields['why']}"
        case "reported":
            return (
                f"reported NAV {money(fields['nav_bid'])} to {money(fields['nav_ask'])}, "
                f"evidence {fields['evidence'][:10]}..."
            )
        case "halted":
            return f"no new decisions: {fields['why']}"
        case "resolved":
            word = "won" if fields["won"] else "lost"
            return f"{word}: {fields['question']} paid {fields['paid']}"
        case "settled":
            return f"redeemed, brought home {money(fields['recalled'])} pUSD and closed"
    return None


def _markets_table(life: "Life") -> Table:
    table = Table(title="Markets (pUSD)")
    for name, justify in (
        ("market", "left"),
        ("bought", "left"),
        ("at", "right"),
        ("allocated", "right"),
        ("came home", "right"),
        ("gain / loss", "right"),
    ):
        table.add_column(name, justify=justify, no_wrap=name != "market")  # type: ignore[arg-type]
    for market in life.markets:
        table.add_row(
            market.question,
            market.outcome,
            market.price,
            money(market.allocated),
            money(market.came_home),
            money(market.profit),
        )
    return table


def _reports_table(life: "Life") -> Table:
    table = Table(title="Reports (pUSD; NAV before fees and settlement)")
    for name in ("block", "NAV bid", "NAV ask", "management", "performance", "high-water mark"):
        table.add_column(name, justify="right", no_wrap=True)
    for line in life.reports:
        table.add_row(
            str(line.block),
            money(line.nav_bid),
            money(line.nav_ask),
            money(line.management),
            money(line.performance),
            money(line.high_water_mark),
        )
    return table


def _people_table(life: "Life") -> Table:
    table = Table(title="Depositors and manager (pUSD)")
    for name in ("who", "put in", "got out", "holds", "gain / loss"):
        table.add_column(name, justify="left" if name == "who" else "right", no_wrap=True)
    for person in (*life.depositors, life.manager):
        table.add_row(
            person.name.capitalize() + (" (fee shares)" if person is life.manager else ""),
            money(person.put_in),
            money(person.got_out),
            money(person.value),
            money(person.got_out + person.value - person.put_in),
        )
    table.add_row("rounding, to all holders", "", "", money(life.rounding), "")
    table.add_section()
    table.add_row("sum", money(life.put_in), money(life.got_out), money(life.nav), "")
    return table


def _closing_table(life: "Life") -> Table:
    table = Table(title="Do the accounts add up? (pUSD)")
    table.add_column("line")
    table.add_column("amount", justify="right", no_wrap=True)
    fees = [sum(getattr(line, kind) for line in life.reports) for kind in FEES]
    for text, amount in (
        ("put in", life.put_in),
        ("- got out", -life.got_out),
        ("- losses at the venue", -life.losses),
        ("+ gains at the venue", life.gains),
    ):
        table.add_row(text, money(amount))
    table.add_section()
    left = life.put_in - life.got_out - life.losses + life.gains
    table.add_row("= expected", money(left))
    table.add_row("NAV on chain", money(life.nav))
    table.add_row("+ pending deposits on chain", money(life.pending))
    table.add_row("+ claimable redemptions on chain", money(life.claimable))
    table.add_section()
    there = life.nav + life.pending + life.claimable
    table.add_row("difference", money(left - there))
    table.add_row("pUSD that the vault holds", money(life.vault_balance))
    table.add_row("management fees taken, as shares, inside NAV", money(fees[0]))
    table.add_row("performance fees taken, as shares, inside NAV", money(fees[1]))
    return table


def closing_tables(life: "Life") -> Iterator[Table]:
    """Yield markets, reports, people, and whether it adds up."""
    yield _markets_table(life)
    yield _reports_table(life)
    yield _people_table(life)
    yield _closing_table(life)
