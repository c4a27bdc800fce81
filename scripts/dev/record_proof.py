"""Record real proofs and their verifier for the tests: `python -m scripts.dev.record_proof`.

The setup string is made here and thrown away: the recorded verifier is for tests alone.
"""

import json
import resource
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
from strongroom.chain.ids import to_hex
from strongroom.proofs.circuit import BITS, EZKL, TEST_CHAINS, prove, rows_in, set_up
from strongroom.proofs.compiler import SOLC

TARGET = Path(__file__).parents[2] / "tests" / "data" / "proofs" / "logistic.json"
WEIGHTS = (2.5, -1.5, 0.75, 1.25, -0.5, 0.25, 1.0, -0.75)
BIAS = -0.25
# Rows whose forecasts are far from each other, with negative inputs.
LIKELY = [0.5, -1, 0.25, 0.3, 1.5, -0.7, 0.1, 0.9]
UNLIKELY = [-0.2, 0.2, -0.2, -0.3, 0.5, 0.2, -0.2, 0.4]


def logistic(weights: Any, bias: float) -> bytes:
    """Return a logistic forecaster of as many inputs as weights, as ONNX."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    count = len(weights)
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["inputs", "weights"], ["products"]),
            helper.make_node("Add", ["products", "bias"], ["sum"]),
            helper.make_node("Sigmoid", ["sum"], ["forecast"]),
        ],
        "forecaster",
        [helper.make_tensor_value_info("inputs", TensorProto.FLOAT, [1, count])],
        [helper.make_tensor_value_info("forecast", TensorProto.FLOAT, [1, 1])],
        [
            numpy_helper.from_array(np.array(weights, np.float32).reshape(count, 1), "weights"),
            numpy_helper.from_array(np.array([[bias]], np.float32), "bias"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8  # the newest that ezkl reads
    content: bytes = model.SerializeToString()
    return content


class Clock:
    """Seconds of the wall and of the processor since it was asked last."""

    def __init__(self) -> None:
        self.wall, self.processor = time.monotonic(), time.process_time()

    def __call__(self) -> str:
        wall, processor = self.wall, self.processor
        self.wall, self.processor = time.monotonic(), time.process_time()
        return f"{self.wall - wall:.1f} s ({self.processor - processor:.1f} s of the processor)"


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=TARGET, show_default=True)
def cli(out: Path) -> None:
    """Record a model, its verifier and proofs of two rows; print what they cost.

    Example: python -m scripts.dev.record_proof --out /tmp/logistic.json
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        model, rows = folder / "model.onnx", folder / "rows.json"
        model.write_bytes(logistic(WEIGHTS, BIAS))
        rows.write_text(json.dumps([LIKELY, UNLIKELY]))
        given, clock = rows_in(rows), Clock()
        circuit = set_up(model, given, folder / "circuit", TEST_CHAINS[0])
        click.echo(f"setup, its string included: {clock()}")
        proofs = []
        for row in given:
            proofs.append(prove(circuit, row))
            click.echo(f"proof of {len(proofs[-1].proof):,} bytes: {clock()}")
        found = {
            "written_by": "python -m scripts.dev.record_proof",
            "ezkl": EZKL,
            "solc": SOLC,
            "bits": BITS,
            "weights": WEIGHTS,
            "bias": BIAS,
            "rows": [LIKELY, UNLIKELY],
            "model": to_hex(model.read_bytes()),
            "verifier": to_hex(circuit.verifier),
            "proofs": [each.document() for each in proofs],
        }
        key = (folder / "circuit" / "proving.key").stat().st_size
    out.write_text(json.dumps(found, indent=1) + "\n")
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1_024
    click.echo(f"memory: {most:,} MB; proving key: {key // 1_024**2:,} MB")
    click.echo(f"verifier: {len(circuit.verifier):,} bytes of creation code")


if __name__ == "__main__":
    cli()
