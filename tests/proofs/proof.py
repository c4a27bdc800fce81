"""What a proof is: a property, what its checks deploy, and what must be found."""

from dataclasses import dataclass
from pathlib import Path

ACCOUNTS = "contracts/accounts"
MODULES = "contracts/modules"
ONE_ELEMENT = ("--default-array-lengths", "1")  # of a list in call data: a bound to state


@dataclass(frozen=True)
class Mutant:
    """A source with one place changed."""

    path: str
    old: str
    new: str
    by: str = ""  # the check function that must find it; empty: the proof's first

    def text(self, root: Path) -> str:
        """Return the changed source; the place must exist, and once."""
        source = (root / self.path).read_text()
        if source.count(self.old) != 1:
            raise ValueError(f"{self.path}: {source.count(self.old)} times {self.old!r}")
        return source.replace(self.old, self.new)

    def __str__(self) -> str:
        return (
            f"{Path(self.path).stem}: {' '.join(self.old.split())} -> {' '.join(self.new.split())}"
        )


@dataclass(frozen=True)
class Subject:
    """What checks are of: the contract that they are functions of, and what it deploys."""

    contract: str  # in checks/
    needs: tuple[str, ...]  # product contracts and mocks
    loop: int  # how often a loop is unrolled at most; a proof that meets the bound fails
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Proof:
    """A property and the check functions that together show it."""

    name: str
    of: Subject
    functions: tuple[str, ...]
    mutants: tuple[Mutant, ...] = ()


def without(path: str, old: str, by: str = "") -> Mutant:
    """Return a source without a place."""
    return Mutant(path, old, "", by)
