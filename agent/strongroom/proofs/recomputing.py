"""The forecast again, without a proof: the model itself, in floating point.

The inputs of a gate are published, so anyone can do this for nothing, and learns the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from strongroom.chain.ids import keccak, to_hex
from strongroom.extras import ExtraMissing, how_to_install
from strongroom.proofs.field import to_number

FARTHEST = 1 / 512  # of a proven forecast from the model's own; fixed point errs by some 1e-4


def recomputed_forecast(model: bytes, inputs: Sequence[int], bits: int) -> float:
    """Return what the model gives on a proof's inputs.

    Args:
        inputs: elements of the field, in fixed point of so many bits

    Raises:
        BadInput: an input is no element.
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
    row = numpy.array([float(to_number(each, bits)) for each in inputs], numpy.float32)
    (found,) = ReferenceEvaluator(loaded).run(None, {name: row.reshape(shape)})
    return float(found.reshape(-1)[0])


def too_far(recomputed: float, proven: Fraction) -> bool:
    """Whether a forecast is none of the model's, fixed point allowed for."""
    return not abs(recomputed - float(proven)) <= FARTHEST


@dataclass(frozen=True)
class OnnxAgain:
    """A model that makes its forecasts again, as an audit of gates asks for it.

    Attributes:
        model: the ONNX file's bytes
    """

    model: bytes

    @property
    def model_hash(self) -> str:
        """Hash by which a gate names it, 0x..."""
        return to_hex(keccak(self.model))

    def another(self, inputs: Sequence[int], output: int, bits: int) -> str:
        """Return what the model gives where that is not the output, "" where it is.

        Raises:
            BadInput, ExtraMissing: see `recomputed_forecast`.
        """
        found = recomputed_forecast(self.model, inputs, bits)
        return f"{found:.6f}" if too_far(found, to_number(output, bits)) else ""
