"""Check what is on chain: `ape run verify_deployment --vault ADDRESS`."""

from pathlib import Path

import click
from strongroom.deployment.commands import run_verify
from strongroom.deployment.options import VerifyOptions

from scripts._connected import Connected, node_url


@click.command(cls=Connected)
@click.option("--vault", required=True, help="Its address.")
@click.option("--file", type=click.Path(path_type=Path), help="What it was deployed from.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def cli(ctx: click.Context, vault: str, file: Path | None, as_json: bool) -> None:
    """Compare a vault's code with ours as compiled, its settings with FILE, and warn of what is
    risky. Exit status 1 where something is wrong.

    Example: ape run verify_deployment --vault 0x... --file vault.toml --network http://127.0.0.1:8545
    """
    found = run_verify(VerifyOptions(node_url(), vault, file))
    if as_json:
        click.echo(found.as_json())
    else:
        for each in found.findings:
            click.echo(f"{each.grade:8} {each.words}")
    ctx.exit(0 if found.ok else 1)
