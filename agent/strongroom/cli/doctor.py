"""`strongroom doctor`."""

from dataclasses import asdict
from pathlib import Path

import click

from strongroom.cli.boundary import FAILED, Command
from strongroom.cli.options import ADDRESS, FILE, LOCAL_NODE, as_json, print_json


@click.command("doctor", cls=Command)
@click.option("--rpc", help="Also check this node.", envvar="STRONGROOM_RPC_URL")
@click.option("--config", type=FILE, help="Also check a keeper's file and who can read its keys.")
@click.option("--vault", type=ADDRESS, help="Also show what this vault's owner has announced.")
@click.option(
    "--probe",
    type=FILE,
    help="Report of what the venue answered, for the custody of --config.",
)
@as_json
def command(
    rpc: str | None, config: Path | None, vault: str | None, probe: Path | None, as_json: bool
) -> None:
    """Show what is installed and reachable, and for each missing part the line that installs it;
    of a vault, what its owner has announced; of a keeper's file, which of its classes' custody
    works at its venue, and why, when its session keys end, and whether its ticks meet a defect.
    Exit status 2 when a part that you named does not work.

    \b
    Examples:
      strongroom doctor
      strongroom doctor --rpc http://127.0.0.1:8545 --config keeper.toml
      strongroom doctor --rpc http://127.0.0.1:8545 --vault 0x...
    """
    from strongroom.setup.environment import CheckState, DoctorOptions, examine

    node = rpc or (LOCAL_NODE if vault else None)
    found = examine(DoctorOptions(node, config, vault, probe))
    if as_json:
        print_json([asdict(each) for each in found])
    else:
        width = max(len(each.what) for each in found)
        for each in found:
            click.echo(f"{each.state:8}{each.what:{width}}  {each.found}")
            if each.cure:
                click.echo(f"{'':8}{'':{width}}  -> {each.cure}")
    if any(each.state is CheckState.WRONG for each in found):
        raise SystemExit(FAILED)
