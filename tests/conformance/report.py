"""What a player of vectors says: a difference between what the real code did and what ours does."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Difference:
    """One recorded outcome that ours does not give.

    Attributes:
        file: name of the vectors' file
        case: what names the case in it
        field: what differs: ok, delta, orderStatus, events, error, hash ...
        expected: what was recorded
        got: what ours gives
    """

    file: str
    case: str
    field: str
    expected: object
    got: object

    def __str__(self) -> str:
        return (
            f"{self.file} {self.case}: {self.field}: recorded {self.expected!r}, ours {self.got!r}"
        )


@dataclass
class Played:
    """How many cases of a file were played, and what differed."""

    file: str
    cases: int
    differences: list[Difference]


# A player takes a vectors' file and plays each case of it; it yields (case's name, differences).
Player = Callable[[Path], Iterator[tuple[str, list[Difference]]]]


def play(player: Player, path: Path) -> Played:
    """Play a whole file; a case that ends by an exception is a difference of its own."""
    cases = 0
    differences: list[Difference] = []
    for _, found in player(path):
        cases += 1
        differences += found
    return Played(path.name, cases, differences)
