"""`strongroom doctor`."""

from dataclasses import asdict
from pathlib import Path

import click

from strongroom.cli.boundary import DIFFERS, FAILED, Command
from strongroom.cli.options import ADDRESS, FILE, FOLDER, LOCAL_NODE, as_json, print_json

COLOURS = {"ok": "green", "note": "yellow", "missing": "yellow", "wrong": "red", "differs": "red"}


@click.command("doctor", cls=Command)
@click.argument("folder", type=FOLDER, required=False)
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
    folder: Path | None,
    rpc: str | None,
    config: Path | None,
    vault: str | None,
    probe: Path | None,
    as_json: bool,
) -> None:
    """Show what is installed and reachable, and for each missing part the line that installs it;
    of a vault, what its owner has announced; of a keeper's file, which of its classes' custody
    works at its venue, and why, when its session keys end, and whether its ticks meet a defect.

    With FOLDER, everything that the files of `strongroom init` name: nodes and clock, the vault's
    code, roles and delays, asset, Safes and their approvals, gas, co-signer, venue, journal,
    evidence places, disk. No key or passphrase is shown.

    Exit status 1 when two things differ that must be equal, 2 when a part that you named does not
    work.

    \b
    Examples:
      strongroom doctor
      strongroom doctor keeper --json
      strongroom doctor --rpc http://127.0.0.1:8545 --config keeper.toml
      strongroom doctor --rpc http://127.0.0.1:8545 --vault 0x...
    """
    if folder is not None and (config is not None or vault is not None):
        raise click.UsageError("FOLDER has a keeper's file of its own: leave out --config, --vault")
    from strongroom.setup.checks import CheckState
    from strongroom.setup.environment import DoctorOptions, examine

    node = rpc or (LOCAL_NODE if vault else None)
    found = examine(DoctorOptions(node, config, vault, probe, folder))
    if as_json:
        print_json([asdict(each) for each in found])
    else:
        width = max(len(each.what) for each in found)
        for each in found:
            state = click.style(f"{each.state:8}", fg=COLOURS[each.state])
            click.echo(f"{state}{each.what:{width}}  {each.found}")
            if each.cure:
                click.echo(f"{'':8}{'':{width}}  -> {each.cure}")
    states = {each.state for each in found}
    if CheckState.DIFFERS in states:
        raise SystemExit(DIFFERS)
    if CheckState.WRONG in states:
        raise SystemExit(FAILED)
