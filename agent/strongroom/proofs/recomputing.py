"""The forecast again, without a proof: the model itself, in floating point.

The inputs of a gate are published, so anyone can do this for nothing, and learns the same.
"""

from typing import Any

from strongroom.extras import ExtraMissing, how_to_install
from strongroom.proofs.circuit import Proof
from strongroom.proofs.field import to_number

FARTHEST = 1 / 512  # of a proven forecast from the model's own; fixed point errs by some 1e-4


def recomputed_forecast(model: bytes, proof: Proof) -> float:
    """Return what the model gives on a proof's inputs.

    Raises:
        ExtraMissing: onnx is not installed.
    """
    try:
        import numpy
        import onnx
        from onnx.reference import ReferenceEvaluator
    except ImportError as error:
        raise ExtraMissing(f"the extra zk is not installed: {how_to_install('zk')}") from error
    loaded: Any = onnx.load_from_string(model)
    (name,) = (each.name for each in loaded.graph.input)
    shape = [each.dim_value or 1 for each in loaded.graph.input[0].type.tensor_type.shape.dim]
    row = numpy.array([float(to_number(each, proof.bits)) for each in proof.inputs], numpy.float32)
    (found,) = ReferenceEvaluator(loaded).run(None, {name: row.reshape(shape)})
    return float(found.reshape(-1)[0])


def too_far(recomputed: float, proof: Proof) -> bool:
    """Whether a forecast is none of the model's, fixed point allowed for."""
    return not abs(recomputed - float(proof.forecast)) <= FARTHEST
