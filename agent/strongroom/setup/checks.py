"""What a check of `strongroom doctor` says."""

from dataclasses import dataclass
from enum import StrEnum

TIMEOUT_S = 5.0  # that a node or a service has to answer


class CheckState(StrEnum):
    """The result of a check. Some commands need what is missing; what is wrong was named and
    does not work; of what differs two things must be equal; a note is for the reader to weigh."""

    OK = "ok"
    NOTE = "note"
    MISSING = "missing"
    WRONG = "wrong"
    DIFFERS = "differs"


@dataclass(frozen=True)
class Check:
    """One check; `cure` is a line to type, or what to do."""

    what: str
    state: CheckState
    found: str
    cure: str = ""
