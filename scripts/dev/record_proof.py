"""Record real proofs and their verifier for the tests: `python -m scripts.dev.record_proof`.

The setup string is made here and thrown away: the recorded verifier is for tests alone.
"""

import json
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


@click.command()
def cli() -> None:
    """Write tests/data/proofs/logistic.json: a model, its verifier, proofs of two rows.

    Example: python -m scripts.dev.record_proof
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        model, rows = folder / "model.onnx", folder / "rows.json"
        model.write_bytes(logistic(WEIGHTS, BIAS))
        rows.write_text(json.dumps([LIKELY, UNLIKELY]))
        given = rows_in(rows)
        circuit = set_up(model, given, folder / "circuit", TEST_CHAINS[0])
        proofs = [prove(circuit, row).document() for row in given]
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
            "proofs": proofs,
        }
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(json.dumps(found, indent=1) + "\n")
    click.echo(f"{TARGET.name}: {len(circuit.verifier):,} bytes of creation code")


if __name__ == "__main__":
    cli()
