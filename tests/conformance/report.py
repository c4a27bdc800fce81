"""What a player of vectors says: a difference between what the real code did and what ours does."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.reading import Json, Vectors


@dataclass(frozen=True)
class Difference:
    """One recorded outcome that ours does not give.

    Attributes:
        case: what names the case in its file
        field: what differs: ok, delta, orderStatus, events, error, hash ...
        expected: what was recorded
        got: what ours gives
    """

    case: str
    field: str
    expected: object
    got: object

    def __str__(self) -> str:
        return f"{self.case}: {self.field}: recorded {self.expected!r}, ours {self.got!r}"


@dataclass
class Played:
    """How many cases of a file were played, what differed, and what was not compared.

    Attributes:
        unread: places of the file that no player knows, and lists without a case
    """

    file: str
    cases: int
    differences: list[Difference]
    unread: list[str]


# what differs in one case: field, recorded, ours
Found = Iterable[tuple[str, object, object]]
# a case: its name, and what plays it
Case = tuple[str, Callable[[], Found]]


@dataclass(frozen=True)
class Player:
    """Plays one kind of files.

    Attributes:
        cases: of a file; each is played before the next one is asked for
        left_out: places that are not compared, on purpose
    """

    cases: Callable[[Json], Iterator[Case]]
    left_out: tuple[str, ...] = ()


def play(player: Player, path: Path) -> Played:
    """Play a whole file; a case that ends by an exception is a difference of its own. Where the
    next case cannot be had, `unread` says why, and what was found before stands.

    Raises:
        Exception: it is no file of vectors at all, whatever reading it ends by.
    """
    file = Vectors(path)
    played = Played(path.name, 0, [], [])
    cases = player.cases(file.found)
    while True:
        try:
            case, run = next(cases)
        except StopIteration:
            break
        except Exception as error:  # a contract's refusal, too: the stage cannot be set
            played.unread = [f"not in the format after {played.cases} cases: {error!r}"]
            return played
        played.cases += 1
        try:
            played.differences += [
                Difference(case, field, recorded, ours)
                for field, recorded, ours in run()
                if recorded != ours
            ]
        except Exception as error:  # whatever it is, the case was not played
            played.differences.append(Difference(case, "play", "an outcome", repr(error)))
    played.unread = file.unread(player.left_out)
    return played
