"""Code on a chain beside what our contracts compile to: the runtime code, and the immutables that
a constructor left behind it."""

from collections.abc import Sequence
from dataclasses import dataclass

from strongroom.chain.artifacts import artifact
from strongroom.chain.terms import Limits, VaultTerms

WORD = 32  # bytes


@dataclass(frozen=True)
class Piece:
    """A contract whose code answers at a vault's address.

    Attributes:
        what: in words
        name: of our contract
        view: of the vault, that has its address; empty: the vault itself
    """

    what: str
    name: str
    view: str


PIECES = (
    Piece("the vault", "Vault", ""),
    Piece("its desk", "VaultDesk", "DESK"),
    Piece("its exits", "VaultExits", "EXITS"),
    Piece("its governance", "VaultGovernance", "GOVERNANCE"),
)


@dataclass(frozen=True)
class VaultParts:
    """What a vault's pieces were constructed from, as the vault says.

    Attributes:
        roles: owner, guardian, reporter
    """

    name: str
    symbol: str
    roles: tuple[str, str, str]
    asset: str
    desk: str
    exits: str
    governance: str

    def arguments(self, contract: str) -> tuple[object, ...]:
        """Return constructor arguments with which a piece has the same immutables."""
        owner, guardian, reporter = self.roles
        limits = Limits(total_cap=0, velocity=0)
        terms = VaultTerms(self.name, self.symbol, owner, guardian, reporter, owner, limits)
        return {
            "Vault": (self.desk, terms.arguments()),
            "VaultDesk": (self.asset, self.exits),
            "VaultExits": (self.asset, self.governance),
            "VaultGovernance": (self.asset,),
        }[contract]


def runtime_difference(name: str, there: bytes) -> str:
    """Return how code is not one of our contracts but for its immutables; "" where it is."""
    compiled = artifact(name).runtime
    if there[: len(compiled)] == compiled:
        return ""
    if not there:
        return "there is no code"
    pairs = enumerate(zip(there, compiled, strict=False))
    first = next((n for n, pair in pairs if pair[0] != pair[1]), min(len(there), len(compiled)))
    return f"differs at byte {first}"


def immutables_difference(name: str, made: bytes, there: bytes) -> str:
    """Return how a contract's immutables are not what its constructor makes; "" where they are.

    Args:
        made: what the constructor returned, run with the arguments that are believed
    """
    start = len(artifact(name).runtime)
    if made == there:
        return ""
    for place in range(start, max(len(made), len(there)), WORD):
        wanted, found = made[place : place + WORD].hex(), there[place : place + WORD].hex()
        if wanted != found:
            word = (place - start) // WORD
            return f"immutable word {word} is 0x{found}, constructed it is 0x{wanted}"
    return "not the code that its constructor returns"


def constructor_inputs(name: str) -> Sequence[str]:
    """Return the names of what a contract's constructor takes."""
    found = next((each for each in artifact(name).abi if each["type"] == "constructor"), None)
    return [] if found is None else [each["name"] for each in found["inputs"]]
