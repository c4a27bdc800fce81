"""What is claimed of the formulas in the sources."""

from . import books, dealing, fees, queues, splitter

CLAIMS = (
    *(*fees.CLAIMS, *dealing.CLAIMS, *books.CLAIMS, *queues.CLAIMS),
    *splitter.CLAIMS,
)
