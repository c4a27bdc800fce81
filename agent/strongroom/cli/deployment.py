"""`strongroom deploy, verify`."""

from pathlib import Path

import click

from strongroom.cli.boundary import DIFFERS, Command
from strongroom.cli.options import (
    FILE,
    account,
    as_json,
    asked,
    dry_run,
    rpc,
    typed_passphrase,
    vault,
    yes,
)


@click.command("deploy", cls=Command)
@click.argument("file", type=FILE)
@click.option("--record", type=FILE, help="Default: deployments/CHAIN/NAME.json.")
@click.option("--skip-rehearsal", is_flag=True, help="Send without a rehearsal on a fork.")
@click.option(
    "--i-understand",
    is_flag=True,
    help="Deploy although the reporter is a keeper, there is no timelock, or total cap or velocity "
    "has no limit in units.",
)
@dry_run
@yes
@as_json
@account
@rpc
def deploy(
    file: Path,
    record: Path | None,
    skip_rehearsal: bool,
    i_understand: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    account: str,
    rpc: str,
) -> None:
    """Deploy a vault as FILE (TOML) says: plan, rehearsal on a fork, question, steps, check. After
    an interruption, run it again: it continues. A finished run changes nothing. A plan that gives
    up a protection of its holders is refused, unless you say that you understand it.

    \b
    Examples:
      strongroom deploy vault.toml --account me.json --dry-run
      strongroom deploy vault.toml --account me.json
    """
    from strongroom.deployment.commands import run_deploy
    from strongroom.deployment.options import DeployOptions

    done = run_deploy(
        DeployOptions(
            file,
            rpc,
            account,
            record,
            dry_run,
            i_understand,
            rehearse=not skip_rehearsal,
            say=lambda words: click.echo(words, err=True),
            ask=asked(yes),
            passphrase=typed_passphrase,
        )
    )
    if as_json:
        click.echo(done.as_json())
    elif done.address:
        click.echo(done.address)
    if not done.ok:
        click.get_current_context().exit(DIFFERS)


@click.command("verify", cls=Command)
@vault
@click.option("--file", type=FILE, help="The plan that it was deployed from.")
@as_json
@rpc
def verify(vault: str, file: Path | None, as_json: bool, rpc: str) -> None:
    """Compare a vault's code with our compiled code, and its settings with FILE; warn of risks.
    Exit status 1 when something is wrong.

    Example: strongroom verify --vault 0x... --file vault.toml
    """
    from strongroom.deployment.commands import run_verify
    from strongroom.deployment.options import VerifyOptions

    found = run_verify(VerifyOptions(rpc, vault, file))
    if as_json:
        click.echo(found.as_json())
    else:
        for each in found.findings:
            click.echo(f"{each.grade:8} {each.words}")
    if not found.ok:
        click.get_current_context().exit(DIFFERS)
