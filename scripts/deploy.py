"""Deploy a vault: `ape run deploy FILE`."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import ape
import click
from ape.cli import account_option
from strongroom.chain.anvil import AnvilMissing
from strongroom.deployment.check import Finding, verify
from strongroom.deployment.plan import Plan, load
from strongroom.deployment.rehearsal import Rehearsal, rehearse
from strongroom.deployment.steps import Deployment
from strongroom.settings import ConfigError

from scripts._connected import Connected

ETHER = 10**18


@click.command(cls=Connected)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--record", type=click.Path(path_type=Path), help="Default: deployments/CHAIN.json.")
@click.option("--dry-run", is_flag=True, help="Deploy and check on a fork; send nothing.")
@click.option("--skip-rehearsal", is_flag=True, help="Send without a fork first.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print the record as JSON.")
@account_option()
def cli(
    file: Path,
    record: Path | None,
    dry_run: bool,
    skip_rehearsal: bool,
    yes: bool,
    as_json: bool,
    account: Any,
) -> None:
    """Deploy a vault as FILE says: plan, rehearsal on a fork, question, steps, check. A run that
    was broken off goes on where it stopped; a finished one changes nothing.

    \b
    Examples:
      ape run deploy vault.toml --account me --network polygon:mainnet:node --dry-run
      ape run deploy vault.toml --account me --network polygon:mainnet:node
    """
    chain_id = ape.networks.provider.chain_id
    place = record or Path("deployments") / f"{chain_id}.json"
    try:
        plan = load(file)
        deployment = Deployment(plan, account, place, told=_say)
        _show(plan, chain_id)
        begun = bool(deployment.known["steps"])
        if begun:
            _say(f"{place} has {len(deployment.known['steps'])} steps of it: going on")
        elif not skip_rehearsal:
            url = getattr(ape.networks.provider, "http_uri", None) or ape.networks.provider.uri
            tried = rehearse(plan, account.address, url)
            _show_rehearsal(tried)
            if dry_run and as_json:
                click.echo(json.dumps(asdict(tried), indent=1))
            if any(each.grade == "wrong" for each in tried.findings):
                _say("nothing was sent: the rehearsal came to something else than the file says")
                sys.exit(1)
        if dry_run or not (yes or click.confirm("Send it?", err=True)):
            _say("nothing was sent")
            return
        address = deployment.run()
        found = verify(address, plan)
    except (ConfigError, AnvilMissing) as error:
        _say(str(error))
        sys.exit(2)
    _show_findings(found)
    click.echo(json.dumps(deployment.known, indent=1) if as_json else address)
    if any(each.grade == "wrong" for each in found):
        sys.exit(1)


def _say(words: str) -> None:
    click.echo(words, err=True)


def _show(plan: Plan, chain_id: int) -> None:
    _say(f"{plan.vault.name} on chain {chain_id}:")
    for name, value in plan.vault.model_dump().items():
        _say(f"  {name}: {value}")
    for number, each in enumerate(plan.classes):
        _say(f"  class {number}: {each.model_dump()}")


def _show_rehearsal(tried: Rehearsal) -> None:
    _say(
        f"on a fork: {tried.transactions} transactions, {tried.gas:,} gas, "
        f"{tried.cost / ETHER:.6f} of the chain's coin at its present gas price; "
        f"the deployer has {tried.balance / ETHER:.6f}"
    )
    if tried.lacks:
        _say(f"  {tried.lacks / ETHER:.6f} too little")
    _show_findings(tried.findings)


def _show_findings(found: Sequence[Finding]) -> None:
    for each in found:
        if each.grade != "ok":
            _say(f"  {each.grade}: {each.words}")
