"""Deploy a vault: `ape run deploy FILE`."""

import json
import sys
from pathlib import Path
from typing import Any

import ape
import click
from ape.cli import account_option, network_option

from agent.config import ConfigError
from agent.deployment import Deployment, load, verify


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--record", type=click.Path(path_type=Path), help="Default: deployments/CHAIN.json.")
@click.option("--dry-run", is_flag=True, help="Show the plan; send nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print the record as JSON.")
@account_option()
@network_option()
def cli(
    file: Path, record: Path | None, dry_run: bool, yes: bool, as_json: bool, account: Any
) -> None:
    """Deploy a vault as FILE says: plan, question, steps, check. A run that was broken off goes on
    where it stopped; a finished one changes nothing. Try it on a fork first.

    \b
    Examples:
      ape run deploy vault.toml --account me --network ethereum:local:node --dry-run
      ape run deploy vault.toml --account me --network polygon:mainnet-fork:foundry
    """
    place = record or Path("deployments") / f"{ape.networks.provider.chain_id}.json"
    try:
        plan = load(file)
        deployment = Deployment(plan, account, place)
        click.echo(f"{plan.vault.name} on chain {ape.networks.provider.chain_id}:", err=True)
        for name, value in plan.vault.model_dump().items():
            click.echo(f"  {name}: {value}", err=True)
        for number, each in enumerate(plan.classes):
            click.echo(f"  class {number}: {each.model_dump()}", err=True)
        if dry_run or not (yes or click.confirm("Send it?", err=True)):
            click.echo("nothing was sent", err=True)
            return
        address = deployment.run(lambda words: click.echo(words, err=True))
        found = verify(address, plan)
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    for each in found:
        if each.grade != "ok":
            click.echo(f"{each.grade}: {each.words}", err=True)
    click.echo(json.dumps(deployment.known, indent=1) if as_json else address)
    if any(each.grade == "wrong" for each in found):
        sys.exit(1)
