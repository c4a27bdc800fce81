"""`strongroom cosigner`."""

from pathlib import Path

import click

from strongroom.cli.boundary import Command
from strongroom.cli.options import FILE


@click.command("cosigner", cls=Command)
@click.argument("config", type=FILE)
def command(config: Path) -> None:
    """Run the co-signer until Ctrl-C: it signs what the policy in CONFIG (TOML) admits.

    The passphrase of its keystore comes from STRONGROOM_COSIGNER_PASSPHRASE.

    Example: strongroom cosigner cosigner.toml
    """
    from strongroom.cosigner.service import load, serve

    serve(load(config), click.echo)
