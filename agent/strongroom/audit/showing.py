"""An audit's result as text, as wide as the terminal."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

from rich.table import Table

from strongroom.audit.telling import (
    evidence_rows,
    gate_lines,
    loss_lines,
    payout_lines,
    place_lines,
)
from strongroom.audit.wording import age_words
from strongroom.chain.units import SHARE, format_units
from strongroom.foreign_text import plain
from strongroom.screen import Screen

if TYPE_CHECKING:
    from strongroom.audit.command import AuditResult

SHOWN = 20  # differences
ANEW = "the checkpoint was dropped, as something differed after it: all was audited from the birth"


def show(result: AuditResult, now: float) -> None:
    """Print a result as text, as wide as the terminal.

    Args:
        now: this machine's time, seconds since 1970
    """
    console, verdict = Screen(), result.verdict
    named = result.identity.name or "Vault"
    console.print(f"{named}, {verdict.vault}, blocks {verdict.from_block} to {verdict.to_block}")
    table = Table(show_header=False)
    table.add_column()
    table.add_column(justify="right", overflow="fold")
    for name, text in _rows(result):
        table.add_row(name, text)
    console.print(table)
    for each in verdict.differences[:SHOWN]:
        told = f"{each.what}: expected {each.expected}, found {each.found}"
        console.print(plain(f"block {each.block} {each.transaction}: {told}"), soft_wrap=True)
    if len(verdict.differences) > SHOWN:
        console.print(f"... and {len(verdict.differences) - SHOWN} more; --json has them all")
    of_asset = result.identity.asset_symbol, result.identity.decimals
    losses = loss_lines(verdict.losses, *of_asset)
    paid = payout_lines(result.payouts, *of_asset)
    gates = gate_lines(result.gates, *of_asset)
    for line in (*losses, *paid, *gates, *_again(result), *place_lines(verdict.evidence)):
        console.print(plain(line), soft_wrap=True)
    ours = len(verdict.code) - len(verdict.unknown_code)
    console.print(f"code: {ours} contracts as this release compiles them")
    if verdict.went_on is not None:
        console.print(plain(verdict.went_on.words), soft_wrap=True)
    if result.is_anew:
        console.print(ANEW, soft_wrap=True)
    console.print(f"block {verdict.to_block} is the last, {age_words(verdict.to_time, now)}")
    console.print(plain(f"{verdict.words} ({result.seconds:.1f} s)"), soft_wrap=True)


def _rows(result: AuditResult) -> list[tuple[str, str]]:
    """Return what was checked and what the vault has, in units of the asset and in shares."""
    state, identity = result.verdict.state, result.identity

    def assets(digits: str) -> str:
        amount = format_units(int(digits), decimals=identity.decimals)
        return f"{amount} {identity.asset_symbol}".strip()

    checked = asdict(result.verdict.checked).items()
    return [
        *((name.replace("_", " "), f"{count:,}") for name, count in checked),
        *evidence_rows(result.verdict.evidence),
        ("supply", f"{int(state.supply) / SHARE:,.6f} {identity.symbol}".strip()),
        ("idle", assets(state.idle)),
        ("claimable", assets(state.claimable)),
        ("pending deposits", assets(state.pending_deposits)),
        ("NAV at the bid", assets(state.nav_bid)),
        ("NAV at the ask", assets(state.nav_ask)),
        ("exposure", assets(state.exposure)),
        ("losses", assets(state.losses)),
        ("written off, not swept", assets(state.written_off)),
        ("room for deposits", assets(state.inflow_room)),
        ("high-water mark, a share", assets(state.high_water_mark)),
        *((f"income: {kind}s", assets(came)) for kind, came in result.verdict.income.items()),
        ("holders", f"{state.holders:,}"),
        ("open markets", f"{state.open_markets:,}"),
        ("closed markets", f"{state.closed_markets:,}"),
        *state.roles.items(),
        *((f"keeper of class {number}", keeper) for number, keeper in state.keepers.items()),
        ("drawdown stops budget", "yes" if state.drawdown else "no"),
        ("winding down", "yes" if state.winding_down else "no"),
    ]


def _again(result: AuditResult) -> list[str]:
    """Return the results of executing blocks again, a line each."""
    lines, units = [], partial(format_units, decimals=result.identity.decimals)
    if result.replayed:
        words = sum(each.words for each in result.replayed)
        lines.append(
            f"executed again: {len(result.replayed)} blocks, {words} storage words compared"
        )
    if (report := result.what_if) is not None:
        lines.append(
            f"what if, block {report.block}: {report.outcome}, "
            f"NAV {units(report.nav_bid)} / {units(report.nav_ask)}, "
            f"was {units(report.was_bid)} / {units(report.was_ask)}"
        )
    if (cap := result.what_if_cap) is not None:
        lines.append(
            f"what if, block {cap.block}, class {cap.class_id} capped at "
            f"{units(cap.market_cap)}: {units(cap.allocated)} allocated, "
            f"was {units(cap.was_allocated)}"
        )
    return lines
