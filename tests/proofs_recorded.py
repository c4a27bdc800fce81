"""Real proofs of a small forecaster and their verifier, as ezkl made them: recorded."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strongroom.chain.ids import to_bytes

FILE = Path(__file__).parent / "data" / "proofs" / "logistic.json"
# verifyProof(bytes,uint256[]), as Solidity's compiler describes it
ABI = (
    {
        "type": "function",
        "name": "verifyProof",
        "stateMutability": "nonpayable",
        "inputs": [
            {"name": "proof", "type": "bytes"},
            {"name": "instances", "type": "uint256[]"},
        ],
        "outputs": [{"name": "", "type": "bool"}],
    },
)


@dataclass(frozen=True)
class RecordedProof:
    """Elements of the field, and the proof's bytes."""

    inputs: list[int]
    output: int
    proof: bytes


def recorded() -> Any:
    """Return the file."""
    return json.loads(FILE.read_text())


def recorded_proofs() -> list[RecordedProof]:
    """Return the recorded proofs: a likely outcome's and an unlikely one's."""
    return [
        RecordedProof([int(each) for each in found["inputs"]], int(found["output"]),
                      to_bytes(found["proof"]))
        for found in recorded()["proofs"]
    ]  # fmt: skip
