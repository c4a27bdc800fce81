"""Run a co-signer: `python -m strongroom.cosigner cosigner.toml`."""

from pathlib import Path

import click

from strongroom.cosigner.service import load, make_server
from strongroom.settings import ConfigError


@click.command()
@click.argument("config", type=click.Path(dir_okay=False, path_type=Path))
def main(config: Path) -> None:
    """Co-sign what the policy in CONFIG (TOML) admits, until interrupted.

    The passphrase of its keystore comes from STRONGROOM_COSIGNER_PASSPHRASE.

    Example: python -m strongroom.cosigner cosigner.toml
    """
    try:
        server = make_server(load(config))
    except ConfigError as error:
        click.echo(f"Error: {error}", err=True)
        raise SystemExit(2) from error
    server.run()


if __name__ == "__main__":
    main()
