"""The checks of this machine: what is installed, which ports are free."""

import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from strongroom.errors import StrongroomError
from strongroom.extras import how_to_install
from strongroom.own_server import is_free
from strongroom.setup.checks import Check, CheckState

EXTRAS = {  # extra -> the distribution that shows it is there, and what it is for
    "ape": ("eth-ape", "`ape run ...` and the contracts' tests"),
    "mcp": ("mcp", "`strongroom mcp`, the vault for language models"),
    "postgres": ("psycopg", "a journal in PostgreSQL"),
    "ray": ("ray", "sweeps and audits on a cluster"),
    "silverback": ("silverback", "a keeper as a silverback bot"),
    "x402": ("x402", "`strongroom serve`, data sold and bought per call"),
}
PORTS = {8545: "chain", 8080: "CLOB service", 9100: "metrics"}
PYTHONS = ((3, 11), (3, 13))


def machine_checks() -> Iterator[Check]:
    """Check what every command may need."""
    yield from package_checks()
    yield from _devnet_parts()
    yield from _extras()
    yield from _ports()


def package_checks() -> Iterator[Check]:
    """Check the package itself."""
    yield _python()
    yield _contracts()


def _python() -> Check:
    found, (least, most) = platform.python_version(), PYTHONS
    here = tuple(int(part) for part in found.split(".")[:2])
    if least <= here <= most:
        return Check("Python", CheckState.OK, found)
    known = " to ".join(".".join(map(str, each)) for each in PYTHONS)
    return Check("Python", CheckState.WRONG, found, f"use Python {known}")


def _contracts() -> Check:
    from strongroom.chain.artifacts import artifact

    try:
        compiler = artifact("Vault").compiler or {}
    except StrongroomError as error:
        return Check("compiled contracts", CheckState.MISSING, "not in this package", str(error))
    return Check("compiled contracts", CheckState.OK, f"Vyper {compiler.get('version', '?')}")


def _devnet_parts() -> Iterator[Check]:
    from strongroom.chain.anvil import AnvilMissing, find_anvil
    from strongroom.chain.artifacts import BRINGS, INSTALL, MAKERS, TOKENS, ArtifactMissing, gnosis

    try:
        yield Check("anvil", CheckState.OK, find_anvil())
    except AnvilMissing:
        yield Check(
            "anvil", CheckState.MISSING, "demo, devnet, practice, rehearsals, replays", INSTALL
        )
    for package, name, use in (
        (TOKENS, "ConditionalTokens", "demo, devnet, practice"),
        (MAKERS, "FPMMDeterministicFactory", "the devnet's pool"),
    ):
        try:
            gnosis(package, name)
            yield Check(name, CheckState.OK, package)
        except ArtifactMissing:
            yield Check(name, CheckState.MISSING, use, BRINGS[package])


def _extras() -> Iterator[Check]:
    for extra, (distribution, purpose) in EXTRAS.items():
        try:
            yield Check(f"[{extra}]", CheckState.OK, f"{distribution} {version(distribution)}")
        except PackageNotFoundError:
            yield Check(f"[{extra}]", CheckState.MISSING, purpose, how_to_install(extra))


def _ports() -> Iterator[Check]:
    for port, use in PORTS.items():
        if is_free(port):
            yield Check(f"port {port}", CheckState.OK, f"free ({use})")
        else:
            cure = "end that program, or name another port"
            yield Check(f"port {port}", CheckState.MISSING, f"in use ({use})", cure)
