"""The verifier's code: ezkl writes Solidity, npm's `solc` compiles it, without a network."""

import json
import subprocess
from pathlib import Path

from strongroom.chain.artifacts import NODE_MODULES
from strongroom.chain.ids import to_bytes
from strongroom.errors import BadInput, Refused

SOLC = "0.8.28"
INSTALL = f"npm install --prefix ~/.strongroom --no-fund --no-audit solc@{SOLC}"
RUNS = 1  # of the optimiser: a verifier of more would not fit into a contract
LONGEST_S = 600
_SCRIPT = """
const solc = require(process.argv[1]);
const source = require("fs").readFileSync(0, "utf8");
const found = JSON.parse(solc.compile(JSON.stringify({
  language: "Solidity",
  sources: {verifier: {content: source}},
  settings: {
    optimizer: {enabled: true, runs: Number(process.argv[2])},
    evmVersion: "cancun",
    outputSelection: {"*": {"*": ["evm.bytecode.object"]}},
  },
})));
const contracts = Object.values((found.contracts || {}).verifier || {});
const errors = (found.errors || []).filter((each) => each.severity === "error");
process.stdout.write(JSON.stringify({
  code: contracts.map((each) => each.evm.bytecode.object),
  errors: errors.map((each) => each.message),
}));
"""


class CompilerMissing(BadInput):
    """npm's solc is not installed; the message has the line that installs it."""


def compiler() -> Path:
    """Return the folder of npm's solc.

    Raises:
        CompilerMissing: it is not there, or of another version.
    """
    for place in NODE_MODULES:
        described = place / "solc" / "package.json"
        if described.is_file() and json.loads(described.read_text())["version"] == SOLC:
            return (place / "solc").resolve()
    raise CompilerMissing(f"solc {SOLC} is not installed: {INSTALL}")


def compile_verifier(source: str) -> bytes:
    """Return the creation code of the one contract in a source.

    Raises:
        CompilerMissing: see the class.
        Refused: it does not compile.
    """
    command = ["node", "-e", _SCRIPT, str(compiler()), str(RUNS)]
    try:
        ran = subprocess.run(
            command, input=source, capture_output=True, text=True, timeout=LONGEST_S, check=True
        )
        found = json.loads(ran.stdout)
    except FileNotFoundError as error:
        raise CompilerMissing("node is not installed: install Node 20 or later") from error
    except (subprocess.SubprocessError, ValueError) as error:
        raise Refused(f"solc {SOLC} did not run: install it again: {INSTALL}") from error
    if found["errors"] or len(found["code"]) != 1:
        why = (found["errors"] or ["it holds no contract, or several"])[0]
        raise Refused(f"the verifier does not compile ({why}): set the circuit up anew")
    return to_bytes(found["code"][0])
