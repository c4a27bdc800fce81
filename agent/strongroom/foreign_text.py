"""Text of strangers where a person reads it. The name of a vault, the symbol of an asset and the
question of a market are anybody's text: they are shown as what they are, and do nothing else."""

import re

FORMULA = ("=", "+", "-", "@")  # what a spreadsheet computes begins with one of these


def plain(text: str) -> str:
    """Return a text of one line without what moves a terminal's cursor or turns the way of reading:
    "?" stands in its place."""
    return "".join(each if each.isprintable() else "?" for each in text)


def plain_lines(text: str) -> str:
    """Return a text whose lines are plain; their ends are kept."""
    return "\n".join(map(plain, text.split("\n")))


def page_words(text: str, most: int = 60) -> str:
    """Return the beginning of what a server answers as words in one line, without its marks."""
    shown = plain(" ".join(_TAG.sub(" ", text).split()))
    return shown if len(shown) <= most else f"{shown[: most - 3]}..."


def chat_text(text: str) -> str:
    """Return a text for a chat, which would take some of it for more: a mention that wakes
    everybody, a link under other words, what hides or strikes through. Look-alikes stand for it."""
    return text.translate(_LOOK_ALIKE).replace("://", ": //").replace("](", "] (")


_TAG = re.compile(r"<[^<>]*>")
_LOOK_ALIKE = str.maketrans("<>@~|*`", "‹›＠∼¦∗ˋ")


def cell(text: str) -> str:
    """Return a text for a cell of a spreadsheet, which would compute what looks like a formula."""
    shown = plain(text)
    return f"'{shown}" if shown.lstrip().startswith(FORMULA) else shown
