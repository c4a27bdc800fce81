"""The service as a process: `python -m strongroom.devnet.clob CONFIG --port 8080`.

The operator's private key comes from the environment (CLOB_OPERATOR_KEY), never from a file.
"""

import os
from pathlib import Path

import click
from eth_account import Account

from strongroom.devnet.clob.service import ServiceConfig, make_service


@click.command()
@click.argument("config", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--port", default=8080, show_default=True, help="0 takes a free one.")
def main(config: Path, port: int) -> None:
    """Serve the CLOB that CONFIG (JSON, see service.py) describes, until interrupted.

    Example: CLOB_OPERATOR_KEY=0x... python -m strongroom.devnet.clob build/devnet/clob.json
    """
    key = os.environ.get("CLOB_OPERATOR_KEY")
    if not key:
        raise click.ClickException("set CLOB_OPERATOR_KEY to the operator's private key")
    settings = ServiceConfig.model_validate_json(config.read_text())
    server = make_service(settings, Account.from_key(key), port).start()
    click.echo(server.url)
    server.join()


main()
