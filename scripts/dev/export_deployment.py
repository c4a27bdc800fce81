"""Write the reference record of the devnet's deployment: `python -m scripts.dev.export_deployment`.

It is the same at each run; a changed contract changes it.
"""

from pathlib import Path

import click
from strongroom.devnet.reference import write_reference

RECORD = Path("deployments") / "80002" / "strongroom-devnet-vault.json"


@click.command()
def cli() -> None:
    """Deploy on a devnet of its own; write its record."""
    RECORD.unlink(missing_ok=True)
    click.echo(f"{write_reference(RECORD)} -> {RECORD}")


if __name__ == "__main__":
    cli()
