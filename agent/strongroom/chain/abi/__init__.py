"""ABIs of the contracts that the agent talks to, exported by `make abi`; a test keeps them true.

Safe.json is what the keeper needs of Safe 1.4.1, taken from safe-eth-py, and EIP-1271's question,
which its fallback handler answers.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

AbiEntry = Mapping[str, Any]  # a function, event or constructor, as compilers write it
Abi = Sequence[AbiEntry]


@cache
def load(name: str) -> Abi:
    """Return a contract's ABI; the names are the file names in this folder."""
    abi: Abi = json.loads((files(__name__) / f"{name}.json").read_text())
    return abi
