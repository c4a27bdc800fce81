"""Check what is on chain: `ape run verify_deployment --vault ADDRESS`."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click
from strongroom.deployment.check import verify
from strongroom.deployment.plan import load
from strongroom.settings import ConfigError

from scripts._connected import Connected


@click.command(cls=Connected)
@click.option("--vault", required=True, help="Its address.")
@click.option("--file", type=click.Path(path_type=Path), help="What it was deployed from.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def cli(vault: str, file: Path | None, as_json: bool) -> None:
    """Compare a vault's code with ours as compiled here, its settings with FILE, and warn of what
    is risky. Exit status 1 where something is wrong.

    Example: ape run verify_deployment --vault 0x... --file vault.toml --network http://127.0.0.1:8545
    """
    try:
        found = verify(vault, load(file) if file is not None else None)
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    if as_json:
        click.echo(json.dumps([asdict(each) for each in found], indent=1))
    else:
        for each in found:
            click.echo(f"{each.grade:8} {each.words}")
    if any(each.grade == "wrong" for each in found):
        sys.exit(1)
