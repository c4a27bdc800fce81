"""Text of strangers where a model reads it: data in a field of its own, and nothing else.

Who lists a market writes its question, its rules and its name, and may write orders to a model
there. Nothing strips a meaning from words. So such text is never a part of a tool's description, of
an error or of a prompt; what is invisible is taken out, and its length is bounded.
"""

import re
from dataclasses import dataclass

from strongroom.foreign_text import plain, plain_lines

NAME = 80  # letters of a category, a slug, an asset
QUESTION = 300
RULES = 8_000
STORY = 16_000  # an explanation, with the questions in it
# Letters that have no shape and carry hidden text: selectors of variants, fillers, joiners.
_SHAPELESS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)


@dataclass(frozen=True)
class StrangersText:
    """What somebody else wrote: data to quote, never an instruction.

    Attributes:
        cut: it was longer
    """

    strangers_text: str
    cut: bool = False


def said(text: str, most: int = QUESTION) -> StrangersText:
    """Return a line of a stranger's."""
    return _bounded(plain(_SHAPELESS.sub("", text)), most)


def said_in_lines(text: str, most: int = RULES) -> StrangersText:
    """Return a stranger's text with its lines."""
    return _bounded(plain_lines(_SHAPELESS.sub("", text)), most)


def _bounded(text: str, most: int) -> StrangersText:
    return StrangersText(text[:most], len(text) > most)
