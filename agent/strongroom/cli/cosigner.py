"""`strongroom cosigner`."""

from pathlib import Path

import click

from strongroom.cli.boundary import Command
from strongroom.cli.options import FILE


@click.command("cosigner", cls=Command)
@click.argument("config", type=FILE)
@click.option("--check", is_flag=True, help="Ask the one that runs whether it could sign.")
def command(config: Path, check: bool) -> None:
    """Run the co-signer until Ctrl-C: it signs what the policy in CONFIG (TOML) admits.

    The passphrase of its keystore comes from STRONGROOM_COSIGNER_PASSPHRASE.

    With --check it asks the co-signer that runs with CONFIG whether it, its node and its store are
    there, and ends with status 2 if not. It needs the secret, and no passphrase.

    \b
    Examples:
      strongroom cosigner cosigner.toml
      strongroom cosigner cosigner.toml --check
    """
    from strongroom.cosigner.service import ask, load, serve

    if check:
        click.echo(ask(load(config)))
        return
    serve(load(config), click.echo)
