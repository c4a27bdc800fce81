"""Gas, sizes and the CLOB service: `make bench` prints a table and writes build/bench.json."""

import json
import os
import re
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from strongroom.chain.units import MICRO
from strongroom.devnet import polymarket
from strongroom.devnet.clob.habits import Habits
from strongroom.devnet.clob.load import Crowd, differences
from strongroom.devnet.clob.load import run as run_crowd
from strongroom.devnet.deployer import AnvilDeployer, devnet_chain, devnet_keys
from strongroom.information.gamma import load_recorded

from scripts.bench import gas, matches

DATA = Path("agent") / "strongroom" / "devnet" / "data"
ORDERS, CLIENTS = 2_000, 8  # of the crowd at the CLOB service
TARGET = Path("build") / "bench.json"
# Upper bounds that the project set itself; the table shows the share used.
BUDGETS = (
    gas.BUDGETS
    | matches.BUDGETS
    | {
        "keeper.report_rpc_requests.64": 10,
        "keeper.latency_ms.p50": 5,
        "keeper.latency_ms.p99": 15,
        "keeper.tick_cpu_s.2000": 0.5,
        "scan.seconds": 0.12,
        "cli.help_ms.root": 500,
        "cli.help_ms.keeper_start": 500,
        "cli.help_ms.cosigner": 500,
    }
)


def measure_clob() -> dict[str, int]:
    """Let eight official clients place 2,000 orders; return the service's rate and memory.

    Raises:
        click.ClickException: trades, books and the chain do not agree to the unit.
    """
    with devnet_chain(polymarket.CHAIN_ID) as chain, ExitStack() as stack:
        keys = devnet_keys()
        deployer = AnvilDeployer(keys[0].account, chain)
        operator, people = keys[1], keys[2 : 2 + CLIENTS]
        recorded, _ = load_recorded(DATA / "gamma_markets_mixed_2026-01.json.gz")
        binary = [each for each in recorded if not (each.negative_risk or each.closed)]
        running = polymarket.deploy(deployer, binary[:4])
        venue = running.venue
        before = {}
        for person in people:
            venue.fund(deployer, person, 50_000 * MICRO)
            polymarket.approve_venue(venue, person)
            before[person.address] = venue.pusd.balanceOf(person)
        running.set_operator(deployer, operator)
        habits = Habits(rate_limits="off")  # how fast it is, not how fast a client may be
        made = running.service_config(chain.url, habits=habits)
        config = made.write(Path("build") / "bench" / "clob.json")
        service = subprocess.Popen(
            [sys.executable, "-m", "strongroom.devnet.clob", str(config), "--port", "0"],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"CLOB_OPERATOR_KEY": operator.private_key},
        )
        stack.callback(service.terminate)
        assert service.stdout is not None
        crowd = Crowd(
            service.stdout.readline().strip(),
            polymarket.CHAIN_ID,
            [person.private_key for person in people],
            [each.token_ids for each in running.listings],
            ORDERS // CLIENTS,
        )
        outcome = run_crowd(crowd)
        found = differences(crowd, before, venue)
        if found:
            raise click.ClickException("\n".join(found))
        (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{service.pid}/status").read_text())
        return {
            "clob.orders_per_s": round(outcome.orders_per_s),
            "clob.orders_placed_per_s": round(outcome.placed / outcome.seconds),
            "clob.peak_mb": int(peak) // 1_024,
        }


def _apart(module: str) -> dict[str, int | float]:
    """Run a benchmark in a process of its own; return its figures."""
    done = subprocess.run([sys.executable, "-m", module], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def _natural(name: str) -> list[tuple[int, str]]:
    """Order names by the numbers in them: report.5 before report.20."""
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if part.isdigit() else (0, part) for part in parts]


def _table(figures: dict[str, int | float]) -> Table:
    table = Table(title="Gas (21,000 included), code sizes (bytes), CLOB service, scanner, keeper")
    table.add_column("figure")
    for name in ("value", "budget", "used"):
        table.add_column(name, justify="right")
    for name in sorted(figures, key=_natural):
        budget = gas.SIZE_LIMIT if name.startswith("size.") else BUDGETS.get(name)
        used = f"{figures[name] / budget:.0%}" if budget else ""
        table.add_row(name, f"{figures[name]:,}", f"{budget:,}" if budget else "", used)
    return table


@click.command()
def cli() -> None:
    """Measure gas, sizes, CLOB service, scanner and keeper; print and write build/bench.json.

    Example: python -m scripts.bench
    """
    figures: dict[str, int | float] = dict(gas.measure())
    click.echo("matches ...", err=True)
    figures |= matches.measure()
    click.echo("clob ...", err=True)
    figures |= measure_clob()
    click.echo("startup ...", err=True)
    figures |= _apart("scripts.bench.startup")
    click.echo("scan ...", err=True)
    figures |= _apart("scripts.bench.scan")
    click.echo("keeper ...", err=True)
    figures |= _apart("scripts.bench.keeper")
    click.echo("backtest ...", err=True)
    figures |= _apart("scripts.bench.backtest")
    click.echo("audit ...", err=True)
    figures |= _apart("scripts.bench.audit")
    figures |= _apart("scripts.bench.factory")
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(json.dumps(dict(sorted(figures.items())), indent=2) + "\n")
    console = Console(width=100)
    console.print(_table(figures))
    console.print(matches.table(figures))
    click.echo(f"written to {TARGET}")


if __name__ == "__main__":
    cli()
