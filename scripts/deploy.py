"""Deploy a vault: `ape run deploy FILE`."""

import getpass
from pathlib import Path

import click
from strongroom.deployment.commands import run_deploy
from strongroom.deployment.options import DeployOptions

from scripts._connected import ACCOUNT, Connected, node_url


@click.command(cls=Connected)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--record", type=click.Path(path_type=Path), help="Default: deployments/CHAIN/NAME.json."
)
@click.option("--dry-run", is_flag=True, help="Deploy and check on a fork; send nothing.")
@click.option("--skip-rehearsal", is_flag=True, help="Send without a fork first.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print the record as JSON.")
@ACCOUNT
@click.pass_context
def cli(
    ctx: click.Context,
    file: Path,
    record: Path | None,
    dry_run: bool,
    skip_rehearsal: bool,
    yes: bool,
    as_json: bool,
    account: str,
) -> None:
    """Deploy a vault as FILE says: plan, rehearsal on a fork, question, steps, check. A run that
    was broken off goes on where it stopped; a finished one changes nothing.

    \b
    Examples:
      ape run deploy vault.toml --account me --network polygon:mainnet:node --dry-run
      ape run deploy vault.toml --account me --network polygon:mainnet:node
    """
    done = run_deploy(
        DeployOptions(
            file,
            node_url(),
            account,
            record,
            dry_run,
            rehearse=not skip_rehearsal,
            say=lambda words: click.echo(words, err=True),
            ask=lambda question: yes or click.confirm(question, err=True),
            passphrase=lambda what: getpass.getpass(f"{what}: "),
        )
    )
    if as_json:
        click.echo(done.as_json())
    elif done.address:
        click.echo(done.address)
    ctx.exit(0 if done.ok else 1)
