"""`strongroom proof`."""

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from strongroom.chain.units import HOUR
from strongroom.cli.boundary import Group
from strongroom.cli.options import (
    ADDRESS,
    FILE,
    FOLDER,
    as_json,
    asked,
    dry_run,
    print_json,
    rpc,
    typed_passphrase,
    yes,
)

if TYPE_CHECKING:
    from strongroom.proofs.gate import GateCall, Sending

GATE = click.option("--gate", type=ADDRESS, required=True, help="Address of the gate.")
MARKET = click.option("--market", required=True, help="The vault's id of the market, 0x...")
ROW = click.option(
    "--inputs", type=FILE, required=True, help="JSON with one row of numbers, e.g. [0.5, -1]."
)
ACCOUNTS = click.option(
    "--account", "accounts", multiple=True,
    help="Keystore of who sends; of a Safe, as many of its owners as must sign.",
)  # fmt: skip


@click.group("proof", cls=Group)
def command() -> None:
    """Prove a forecaster's numbers to a gate, which lets budget out (experimental).

    \b
    Examples:
      strongroom proof setup model.onnx --examples rows.json --out circuit
      strongroom proof prove circuit --inputs row.json --out proof.json
    """


@command.command("setup")
@click.argument("model", type=FILE)
@click.option(
    "--examples", type=FILE, required=True,
    help="JSON with rows of inputs; wider ones will have no proof.",
)  # fmt: skip
@click.option("--out", type=FOLDER, required=True, help="A new folder.")
@click.option("--srs", type=FILE, help="A ceremony's setup string; left out on a devnet only.")
@click.option("--srs-sha256", default="", help="The hash that the ceremony has published of it.")
@as_json
@rpc
def setup(
    model: Path, examples: Path, out: Path, srs: Path | None, srs_sha256: str, as_json: bool,
    rpc: str,
) -> None:  # fmt: skip
    """Make the circuit of the ONNX file MODEL: keys, and the verifier for a gate. The chain of
    --rpc is where proofs will be checked. Needs the extra zk; half a minute and half a gigabyte.

    Example: strongroom proof setup model.onnx --examples rows.json --out circuit
    """
    from strongroom.chain.contracts import Contracts
    from strongroom.errors import BadInput
    from strongroom.proofs.circuit import SetupString, rows_in, set_up

    if (srs is None) != (not srs_sha256):
        raise BadInput("--srs and --srs-sha256 go together: give both, or none on a devnet")
    string = SetupString(srs, srs_sha256) if srs else None
    made = set_up(model, rows_in(examples), out, Contracts(rpc).chain_id, string)
    found = {"model_hash": made.model_hash, "inputs": made.inputs, "setup": made.setup}
    if as_json:
        print_json(found)
        return
    click.echo(f"wrote {out}: model {made.model_hash}, {made.inputs} inputs")
    if string is None:
        click.echo(
            "its setup string was made here: whoever has made it can forge; for devnets only"
        )


@command.command("prove")
@click.argument("folder", type=FOLDER)
@ROW
@click.option("--out", type=FILE, required=True, help="The file to write.")
@as_json
def prove(folder: Path, inputs: Path, out: Path, as_json: bool) -> None:
    """Prove what the forecaster in FOLDER gives on one row of inputs. Needs the extra zk.

    Example: strongroom proof prove circuit --inputs row.json --out proof.json
    """
    from strongroom.chain.ids import canonical
    from strongroom.proofs.circuit import prove as proved
    from strongroom.proofs.circuit import read_circuit, rows_in

    circuit = read_circuit(folder)
    made = proved(circuit, rows_in(inputs, circuit.bits)[0])
    out.write_bytes(canonical(made.document()) + b"\n")
    if as_json:
        print_json({"forecast": str(made.forecast), "bytes": len(made.proof)})
    else:
        click.echo(f"wrote {out}: forecast {made.forecast:.6f}, {len(made.proof):,} bytes")


@command.command("deploy")
@click.argument("folder", type=FOLDER)
@click.option("--vault", required=True, type=ADDRESS, help="Address of the vault.")
@click.option("--class", "class_id", type=click.IntRange(0), required=True, help="The class.")
@click.option("--keeper", type=ADDRESS, required=True, help="The Safe that acts through the gate.")
@click.option("--stake", required=True, help="Units of which Kelly's part may be at risk.")
@click.option(
    "--edge-bps", type=click.IntRange(0, 9_999), default=200, show_default=True,
    help="The forecast must be above the price by so much.",
)  # fmt: skip
@click.option(
    "--min-age", type=click.IntRange(1), default=600, show_default=True,
    help="Seconds that inputs must have been public.",
)  # fmt: skip
@click.option(
    "--max-age", type=click.IntRange(2), default=HOUR, show_default=True,
    help="Seconds after which they count no more.",
)  # fmt: skip
@ACCOUNTS
@yes
@as_json
@rpc
def deploy(
    folder: Path, vault: str, class_id: int, keeper: str, stake: str, edge_bps: int, min_age: int,
    max_age: int, accounts: tuple[str, ...], yes: bool, as_json: bool, rpc: str,
) -> None:  # fmt: skip
    """Deploy the verifier of the circuit in FOLDER, and a gate that asks it. The owner then names
    the gate as the class's keeper: the call is printed.

    Example: strongroom proof deploy circuit --vault 0x... --class 1 --keeper 0x... --stake 500 --account me.json
    """  # noqa: E501
    from strongroom.depositor.amounts import to_assets
    from strongroom.proofs.circuit import read_circuit
    from strongroom.proofs.gate import GateRule, deploy_gate

    rule = GateRule(edge_bps, to_assets(stake, 0), min_age, max_age)
    sending = _sending(rpc, accounts, False, yes, as_json)
    gate, data = deploy_gate(sending, read_circuit(folder), vault, class_id, keeper, rule)
    if as_json:
        print_json({"gate": gate, "to": vault, "data": data})
    else:
        click.echo(f"the owner submits, and makes after the timelock: to {vault}, data {data}")


@command.command("commit")
@GATE
@MARKET
@ROW
@ACCOUNTS
@dry_run
@yes
@as_json
@rpc
def commit(
    gate: str, market: str, inputs: Path, accounts: tuple[str, ...], dry_run: bool, yes: bool,
    as_json: bool, rpc: str,
) -> None:  # fmt: skip
    """Publish a row of inputs for a market, as the vault's reporter. With --dry-run the call is
    shown, for the app of a Safe.

    Example: strongroom proof commit --gate 0x... --market 0x... --inputs row.json --account r.json
    """
    from strongroom.proofs.circuit import rows_in
    from strongroom.proofs.gate import commit as committed

    sending = _sending(rpc, accounts, dry_run, yes, as_json)
    _show(committed(sending, gate, market, rows_in(inputs)[0]), as_json)


@command.command("allocate")
@GATE
@MARKET
@click.option("--proof", type=FILE, required=True, help="What `strongroom proof prove` wrote.")
@click.option("--amount", required=True, help="Units to move into the market.")
@click.option("--side", type=click.Choice(["yes", "no"]), required=True, help="What is bought.")
@click.option("--price", required=True, help="The most that is paid for a token, e.g. 0.55.")
@ACCOUNTS
@dry_run
@yes
@as_json
@rpc
def allocate(
    gate: str, market: str, proof: Path, amount: str, side: str, price: str,
    accounts: tuple[str, ...], dry_run: bool, yes: bool, as_json: bool, rpc: str,
) -> None:  # fmt: skip
    """Move budget into a market with a proof, as the gate's keeper.

    Example: strongroom proof allocate --gate 0x... --market 0x... --proof proof.json --amount 50 --side yes --price 0.55 --account k.json
    """  # noqa: E501
    from strongroom.depositor.amounts import to_assets
    from strongroom.proofs.circuit import read_proof
    from strongroom.proofs.gate import NO, YES
    from strongroom.proofs.gate import allocate as allocated

    sending = _sending(rpc, accounts, dry_run, yes, as_json)
    which = YES if side == "yes" else NO
    made = allocated(
        sending, gate, market, read_proof(proof), to_assets(amount, 0), which, _price(price)
    )
    _show(made, as_json)


@command.command("verify")
@GATE
@click.option("--proof", type=FILE, required=True, help="What `strongroom proof prove` wrote.")
@click.option("--model", type=FILE, help="The ONNX file: the forecast is recomputed from it.")
@as_json
@rpc
def verify(gate: str, proof: Path, model: Path | None, as_json: bool, rpc: str) -> None:
    """Check a proof with a gate's own verifier, and with the model. Needs no key; with --model the
    extra zk. Exit status 2 with the reason where it proves nothing.

    Example: strongroom proof verify --gate 0x... --proof proof.json --model model.onnx
    """
    from dataclasses import asdict

    from strongroom.proofs.circuit import read_proof
    from strongroom.proofs.gate import check_proof

    found = check_proof(rpc, gate, read_proof(proof), model.read_bytes() if model else None)
    if as_json:
        print_json(asdict(found) | {"forecast": str(found.forecast)})
        return
    click.echo(f"forecast {found.forecast:.6f}, proven at block {found.block}")
    click.echo(f"verifier {found.verifier}, code {found.verifier_hash}")
    if found.recomputed is not None:
        click.echo(f"the model itself gives {found.recomputed:.6f}")


def _price(text: str) -> Decimal:
    from decimal import InvalidOperation

    from strongroom.errors import BadInput

    try:
        found = Decimal(text)
        fits = 0 < found < 1
    except InvalidOperation:  # no number, or none that can be compared
        fits = False
    if not fits:
        raise BadInput(f"--price {text}: give a price between 0 and 1, e.g. 0.55")
    return found


def _sending(
    rpc: str, accounts: tuple[str, ...], dry_run: bool, yes: bool, as_json: bool
) -> "Sending":
    from strongroom.proofs.gate import Sending

    return Sending(
        rpc=rpc,
        accounts=accounts,
        dry_run=dry_run,
        say=lambda words: click.echo(words, err=as_json),
        ask=asked(yes),
        passphrase=typed_passphrase,
    )


def _show(made: "GateCall", as_json: bool) -> None:
    from dataclasses import asdict

    if as_json:
        print_json(asdict(made))
    elif made.transaction:
        click.echo(f"{made.what}: transaction {made.transaction}, block {made.block}")
    else:
        click.echo(f"{made.what}: not sent; as {made.sender}: to {made.to}, data {made.data}")
