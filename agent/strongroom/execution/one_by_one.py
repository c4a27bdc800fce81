"""What is under way, one after the other: what one of many fails by is its own."""

from collections.abc import Callable, Iterable

from sqlalchemy.exc import SQLAlchemyError

from strongroom.database import is_of_data
from strongroom.errors import Away


def one_by_one(parts: Iterable[Callable[[], None]], own: tuple[type[Exception], ...] = ()) -> None:
    """Run each part; the first error of one is raised when all have had their turn.

    Args:
        own: errors that are a part's own though they are `Away`

    Raises:
        Away, SQLAlchemyError: at once, as whoever is away is so for the others, too; a database
            that refuses what is to be written is there.
    """
    first: Exception | None = None
    for part in parts:
        try:
            part()
        except Exception as error:
            elsewhere = isinstance(error, (Away, SQLAlchemyError, MemoryError))
            if elsewhere and not isinstance(error, own) and not is_of_data(error):
                raise
            first = first or error
    if first is not None:
        raise first
