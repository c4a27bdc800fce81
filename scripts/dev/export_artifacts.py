"""Write compiled contracts into the package, from what ape has compiled: `make setup` does it."""

import json
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMPILED = ROOT / ".build" / "__local__.json"
TARGET = ROOT / "agent" / "strongroom" / "chain" / "artifacts"


def main() -> None:
    """Write one file a contract: ABI, creation code, runtime code, compiler."""
    found = json.loads(COMPILED.read_text())
    (vyper,) = [each for each in found["compilers"] if each["name"] == "vyper"]
    settings = vyper["settings"]
    compiler = {
        "name": "vyper",
        "version": vyper["version"],
        "evm_version": settings["evmVersion"],
        "optimize": settings["optimize"],
    }
    TARGET.mkdir(exist_ok=True)
    for old in TARGET.glob("*.json"):
        old.unlink()
    for name, contract in sorted(found["contractTypes"].items()):
        data = {
            "abi": contract["abi"],
            "creation": contract["deploymentBytecode"]["bytecode"].removeprefix("0x"),
            "runtime": contract["runtimeBytecode"]["bytecode"].removeprefix("0x"),
            "compiler": compiler,
        }
        (TARGET / f"{name}.json").write_text(json.dumps(data, separators=(",", ":")) + "\n")
    print(f"{len(found['contractTypes'])} contracts -> {TARGET.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
