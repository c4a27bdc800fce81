"""Every error that the package raises, as one tree.

    StrongroomError
    |- Away      something outside does not answer, or not in time: try again, or start it
    |- Refused   something outside, or a rule of ours, says no: the reason is in the message
    |- BadInput  a file, an argument or a document does not fit: change it
    |- Differs   two things that must be equal are not: stop and look
    `- Defect    the program itself failed: nothing follows about what it looked at

A message is one sentence: what is wrong, then what to do. Errors of other libraries are translated
where the library is used, so that no caller has to know it. A command ends with status 2 and the
message (`Differs`: 1, `Defect`: 3).
"""

from collections.abc import Iterable
from difflib import get_close_matches


class StrongroomError(Exception):
    """The root of the tree."""


class Away(StrongroomError):
    """Something outside does not answer."""


class Refused(StrongroomError):
    """Something outside, or a rule of ours, says no."""


class BadInput(StrongroomError, ValueError):
    """The input does not fit."""


class Differs(StrongroomError):
    """Two things that must be equal are not."""


class Defect(StrongroomError):
    """The program itself failed."""


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ": did you mean ...?" where a known word is close to one that is none, else ""."""
    close = get_close_matches(word, list(known), 1)
    return f": did you mean {close[0]!r}?" if close else ""
