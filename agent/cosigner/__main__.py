"""Run a co-signer: `python -m agent.cosigner cosigner.toml`."""

from pathlib import Path

import click

from agent.config import ConfigError
from agent.cosigner.service import load, make_server


@click.command()
@click.argument("config", type=click.Path(dir_okay=False, path_type=Path))
def main(config: Path) -> None:
    """Co-sign what the policy in CONFIG (TOML) admits, until interrupted.

    The passphrase of its keystore comes from PROBITY_COSIGNER_PASSPHRASE.

    Example: python -m agent.cosigner cosigner.toml
    """
    try:
        server = make_server(load(config))
    except ConfigError as error:
        click.echo(f"Error: {error}", err=True)
        raise SystemExit(2) from error
    server.run()


if __name__ == "__main__":
    main()
