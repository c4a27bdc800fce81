"""What is claimed of the formulas in the sources."""

from . import books, dealing, fees, queues

CLAIMS = (*fees.CLAIMS, *dealing.CLAIMS, *books.CLAIMS, *queues.CLAIMS)
