"""How much an evidence document may hold, so that whoever reads it is done in a moment.

What a reader pays for is not bytes: 16 MiB of empty lists take ten times as long as one text of
16 MiB. So the marks of JSON are counted before it is parsed, in one pass each. Those inside of
texts count, too: an upper bound is all that is asked.

The largest document that a vault's reporter has to write is a tenth of them: all conditions that
can be open, with books of 100 levels, and 300 decisions (tests/agent/test_document_size.py).
"""

from dataclasses import astuple, dataclass

LARGEST = 16 * 2**20  # bytes


@dataclass(frozen=True)
class DocumentSize:
    """What a document, or a part of one, comes to.

    Attributes:
        size: bytes
        parts: lists and objects, at most
        names: of fields, at most
        values: of lists and objects, at most, besides the first of each
    """

    size: int = 0
    parts: int = 0
    names: int = 0
    values: int = 0

    def __add__(self, other: "DocumentSize") -> "DocumentSize":
        """Return what two come to together."""
        pairs = zip(astuple(self), astuple(other), strict=True)
        return DocumentSize(*(one + two for one, two in pairs))

    def is_within(self, most: "DocumentSize") -> bool:
        """Whether nothing is more than there."""
        return all(one <= two for one, two in zip(astuple(self), astuple(most), strict=True))


MOST_OF_DOCUMENT = DocumentSize(LARGEST, parts=450_000, names=400_000, values=1_000_000)
# That a report's records may fill of its document: the rest is for marks and books.
MOST_OF_RECORDS = DocumentSize(*(each // 2 for each in astuple(MOST_OF_DOCUMENT)))


def size_of(text: bytes) -> DocumentSize:
    """Return what JSON comes to, without parsing it."""
    parts = text.count(b"[") + text.count(b"{")
    return DocumentSize(len(text), parts, text.count(b":"), text.count(b","))
