"""A forecaster's circuit in a folder: set up once, then a proof for each row of inputs.

The steps are ezkl's. Inputs and output are public, the weights are fixed in the verifier: another
fit is another verifier.
"""

import asyncio
import hashlib
import inspect
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from importlib import metadata
from pathlib import Path
from typing import Any

from strongroom.chain.ids import JsonObject, canonical, keccak, read_json, to_bytes, to_hex
from strongroom.errors import BadInput, Refused
from strongroom.extras import ExtraMissing, how_to_install
from strongroom.proofs.compiler import compile_verifier, compiler
from strongroom.proofs.field import little_endian, to_element, to_number

EZKL = "23.0.5"
BITS = 13  # of fixed point: 1 is 8,192; a forecast is off by some 1e-4
TEST_CHAINS = (1337, 31337)
MOST_INPUTS = 32  # that a gate takes
_MANIFEST = "circuit.json"
_TEST, _CEREMONY = "test", "ceremony"


class UnsafeSetup(Refused):
    """The setup string is forgeable, and the chain is no devnet; the message says what to do."""


@dataclass(frozen=True)
class SetupString:
    """A ceremony's file, and the SHA-256 that the ceremony has published of it."""

    file: Path
    sha256: str


@dataclass(frozen=True)
class Circuit:
    """A folder with a forecaster's circuit.

    Attributes:
        model_hash: keccak256 of the ONNX file, 0x...
        inputs: how many numbers it takes
        bits: of fixed point, of inputs and output alike
        setup: "test": whoever made it can forge proofs; "ceremony"
        setup_hash: SHA-256 of the setup string's file
        verifier: creation code of the contract that checks proofs
    """

    folder: Path
    model_hash: str
    inputs: int
    bits: int
    setup: str
    setup_hash: str
    verifier: bytes

    def path(self, name: str) -> str:
        """Return the path of one of its files."""
        return str(self.folder / name)

    def check_for(self, chain_id: int) -> None:
        """Refuse a setup string that anybody can have made, but on a devnet.

        Raises:
            UnsafeSetup: see the class.
        """
        if self.setup != _CEREMONY and chain_id not in TEST_CHAINS:
            raise UnsafeSetup(
                f"{self.folder} was set up with a string made here, and whoever made it can forge "
                f"proofs: on chain {chain_id} set it up with --srs and --srs-sha256 of a ceremony"
            )


@dataclass(frozen=True)
class Proof:
    """That a forecaster gives `output` on `inputs`: elements of the field."""

    model_hash: str
    bits: int
    inputs: tuple[int, ...]
    output: int
    proof: bytes

    @property
    def forecast(self) -> Decimal:
        """The output as a number."""
        found = to_number(self.output, self.bits)
        return Decimal(found.numerator) / Decimal(found.denominator)

    def document(self) -> JsonObject:
        """Return it as its file has it."""
        return {
            "model_hash": self.model_hash,
            "bits": self.bits,
            "inputs": [str(each) for each in self.inputs],
            "output": str(self.output),
            "proof": to_hex(self.proof),
        }


def read_proof(path: Path) -> Proof:
    """Return the proof in a file.

    Raises:
        BadInput: it is none.
    """
    try:
        found: Any = read_json(path.read_bytes())
        made = Proof(
            str(found["model_hash"]),
            int(found["bits"]),
            tuple(int(each) for each in found["inputs"]),
            int(found["output"]),
            to_bytes(found["proof"]),
        )
        for each in (*made.inputs, made.output):
            to_number(each, made.bits)
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{path} is no proof: make it with `strongroom proof prove`") from error
    return made


def read_circuit(folder: Path) -> Circuit:
    """Return the circuit in a folder, its model compared with its hash.

    Raises:
        BadInput: there is none, or it was changed.
    """
    try:
        found: Any = read_json((folder / _MANIFEST).read_bytes())
        made = Circuit(
            folder,
            str(found["model_hash"]),
            int(found["inputs"]),
            int(found["bits"]),
            str(found["setup"]),
            str(found["setup_sha256"]),
            to_bytes(found["verifier"]),
        )
        model = (folder / "model.onnx").read_bytes()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{folder} has no circuit: `strongroom proof setup` makes one") from error
    if to_hex(keccak(model)) != made.model_hash:
        raise BadInput(f"{folder}/model.onnx is not the model of the circuit: set it up anew")
    return made


def rows_in(path: Path, bits: int = BITS) -> list[tuple[int, ...]]:
    """Return the rows of inputs in a JSON file, as elements: `[[0.5, -1], ...]`, or one row.

    Raises:
        BadInput: the file holds anything else, or rows of unequal length.
    """
    try:
        found = json.loads(path.read_bytes(), parse_float=Decimal, parse_int=Decimal)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path} is no JSON: write rows such as [[0.5, -1]]") from error
    rows = found if isinstance(found, list) and found and isinstance(found[0], list) else [found]
    if not all(
        isinstance(row, list) and row and all(isinstance(each, Decimal) for each in row)
        for row in rows
    ):
        raise BadInput(f"{path} holds no rows of numbers: write rows such as [[0.5, -1]]")
    if len({len(row) for row in rows}) != 1:
        raise BadInput(f"{path} has rows of unequal length: give each row all inputs")
    return [tuple(to_element(each, bits) for each in row) for row in rows]


def set_up(
    model: Path,
    examples: Sequence[Sequence[int]],
    folder: Path,
    chain_id: int,
    string: SetupString | None = None,
) -> Circuit:
    """Make a circuit of a forecaster in a new folder: keys, verifier, manifest.

    Args:
        model: ONNX, one tensor in, one number out
        examples: rows of inputs, whose sums bound those of later inputs: wider ones have no proof
        chain_id: where its proofs will be checked
        string: a ceremony's; None: one is made here, for devnets only

    Raises:
        UnsafeSetup, ExtraMissing, CompilerMissing: see the classes.
        BadInput: model, examples, folder or string do not fit.
        Refused: ezkl refuses the model.
    """
    ezkl = _ezkl()
    compiler()
    if string is None and chain_id not in TEST_CHAINS:
        raise UnsafeSetup(
            f"a setup string made here is forgeable, and chain {chain_id} is no devnet: name a "
            "ceremony's file and its published hash by --srs and --srs-sha256"
        )
    content = model.read_bytes()
    srs = _ceremony(string) if string else b""
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise BadInput(f"{folder} is not empty: name a new folder")
    at = {name: str(folder / name) for name in _FILES}
    Path(at["model.onnx"]).write_bytes(content)
    Path(at["examples.json"]).write_text(_input_data([each for row in examples for each in row]))
    arguments = ezkl.PyRunArgs()
    arguments.input_visibility = arguments.output_visibility = "public"
    arguments.param_visibility = "fixed"
    arguments.input_scale = arguments.param_scale = BITS
    _step(ezkl.gen_settings, at["model.onnx"], at["settings.json"], py_run_args=arguments)
    _step(
        ezkl.calibrate_settings, at["examples.json"], at["model.onnx"], at["settings.json"],
        "resources", lookup_safety_margin=1, scales=[BITS],
    )  # fmt: skip
    inputs, rows = _checked_settings(Path(at["settings.json"]), len(examples[0]))
    _step(ezkl.compile_circuit, at["model.onnx"], at["circuit.ezkl"], at["settings.json"])
    if string:
        Path(at["setup.srs"]).write_bytes(srs)
    else:
        _step(ezkl.gen_srs, at["setup.srs"], rows)
    keys = (at["verifying.key"], at["proving.key"])
    _step(ezkl.setup, at["circuit.ezkl"], *keys, srs_path=at["setup.srs"])
    with suppress(Refused):  # the source is written before it looks for a compiler of its own
        _step(
            ezkl.create_evm_verifier, keys[0], at["settings.json"], at["verifier.sol"],
            at["verifier.json"], srs_path=at["setup.srs"],
        )  # fmt: skip
    made = Circuit(
        folder,
        to_hex(keccak(content)),
        inputs,
        BITS,
        _CEREMONY if string else _TEST,
        hashlib.sha256(Path(at["setup.srs"]).read_bytes()).hexdigest(),
        compile_verifier(Path(at["verifier.sol"]).read_text()),
    )
    (folder / _MANIFEST).write_bytes(canonical(_manifest(made)) + b"\n")
    return made


def prove(circuit: Circuit, inputs: Sequence[int]) -> Proof:
    """Return a proof for one row of inputs, checked here.

    Raises:
        ExtraMissing: see the class.
        BadInput: another number of inputs.
        Refused: the inputs are outside of what the circuit was set up for.
    """
    ezkl = _ezkl()
    if len(inputs) != circuit.inputs:
        raise BadInput(f"the forecaster takes {circuit.inputs} inputs, and {len(inputs)} are given")
    path = circuit.path
    Path(path("inputs.json")).write_text(_input_data(inputs))
    string = {"srs_path": path("setup.srs")}
    _step(
        ezkl.gen_witness, path("inputs.json"), path("circuit.ezkl"), path("witness.json"), **string
    )
    _check_range(Path(path("witness.json")), Path(path("settings.json")))
    _step(
        ezkl.prove, path("witness.json"), path("circuit.ezkl"), path("proving.key"),
        path("proof.json"), **string,
    )  # fmt: skip
    if not _step(
        ezkl.verify, path("proof.json"), path("settings.json"), path("verifying.key"), **string
    ):
        raise Refused(f"the proof in {path('proof.json')} does not verify: set the circuit up anew")
    found: Any = read_json(Path(path("proof.json")).read_bytes())
    *shown, output = (little_endian(each) for row in found["instances"] for each in row)
    if tuple(shown) != tuple(inputs):
        raise Refused("the proof is of other inputs than were given: set the circuit up anew")
    return Proof(
        circuit.model_hash, circuit.bits, tuple(inputs), output, to_bytes(found["hex_proof"])
    )


_FILES = (
    *("model.onnx", "examples.json", "settings.json", "circuit.ezkl", "setup.srs"),
    *("verifying.key", "proving.key", "verifier.sol", "verifier.json"),
)


def _ezkl() -> Any:
    """Return the library.

    Raises:
        ExtraMissing: it is not installed, or of another version.
    """
    try:
        import ezkl
    except ImportError as error:
        raise ExtraMissing(f"the extra zk is not installed: {how_to_install('zk')}") from error
    found = metadata.version("ezkl")
    if found != EZKL:
        raise ExtraMissing(f"ezkl is {found}, and {EZKL} is needed: {how_to_install('zk')}")
    return ezkl


def _step(function: Any, *arguments: Any, **named: Any) -> Any:
    """Run a step of ezkl's; some of them want a running loop.

    Raises:
        Refused: it fails.
    """

    async def run() -> Any:
        found = function(*arguments, **named)
        return await found if inspect.isawaitable(found) else found

    try:
        with _silent_output():
            return asyncio.run(run())
    except RuntimeError as error:
        why = (str(error).splitlines() or ["no reason"])[0][:200]
        raise Refused(
            f"ezkl's {function.__name__} failed ({why}): check model, examples and inputs"
        ) from error


@contextmanager
def _silent_output() -> Iterator[None]:
    """Send what the library prints on standard output to standard error: ours is for results."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _input_data(inputs: Sequence[int]) -> str:
    """Return inputs as ezkl reads them; an element's number has an exact float."""
    return json.dumps({"input_data": [[float(to_number(each, BITS)) for each in inputs]]})


def _ceremony(string: SetupString) -> bytes:
    content = string.file.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != string.sha256.lower().removeprefix("0x"):
        raise UnsafeSetup(
            f"{string.file} has SHA-256 {found}, not the one that was named: fetch it again from "
            "the ceremony, and take its hash from somewhere else"
        )
    return content


def _checked_settings(path: Path, given: int) -> tuple[int, int]:
    """Return how many inputs the forecaster takes, and the logarithm of its rows.

    Raises:
        BadInput: it is no forecaster that a gate can take.
    """
    found: Any = read_json(path.read_bytes())
    shapes = found["model_instance_shapes"]
    scales = [*found["model_input_scales"], *found["model_output_scales"]]
    sizes = [_product(each) for each in shapes]
    if len(sizes) != 2 or sizes[1] != 1 or scales != [BITS, BITS]:
        raise BadInput(
            f"the model has tensors of {shapes} at scales {scales}: give one of one tensor in and "
            f"one number out, both at {BITS} bits (end it with a sigmoid)"
        )
    if sizes[0] != given or given > MOST_INPUTS:
        raise BadInput(
            f"the model takes {sizes[0]} inputs, the examples have {given}, a gate takes "
            f"{MOST_INPUTS}: correct the examples or the model"
        )
    return sizes[0], int(found["run_args"]["logrows"])


def _check_range(witness: Path, settings: Path) -> None:
    """Refuse inputs that the circuit has no table for: ezkl's prover would never end.

    Raises:
        Refused: see above.
    """
    reached: Any = read_json(witness.read_bytes())
    made_for: Any = read_json(settings.read_bytes())
    lowest, highest = made_for["run_args"]["lookup_range"]
    if reached["min_lookup_inputs"] < lowest or reached["max_lookup_inputs"] > highest:
        raise Refused(
            "these inputs reach beyond the examples of the circuit, so there is no proof: set it "
            "up anew with wider examples, or do not trade"
        )


def _product(shape: Sequence[int]) -> int:
    total = 1
    for each in shape:
        total *= each
    return total


def _manifest(made: Circuit) -> JsonObject:
    return {
        "ezkl": EZKL,
        "model_hash": made.model_hash,
        "inputs": made.inputs,
        "bits": made.bits,
        "setup": made.setup,
        "setup_sha256": made.setup_hash,
        "verifier": to_hex(made.verifier),
    }
