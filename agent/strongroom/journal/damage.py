"""What a journal says that nobody can have written: a sentence in place of a crash."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError

from strongroom.chain.calls import first_line
from strongroom.errors import Away, Defect, Differs, Refused
from strongroom.settings import ConfigError

CURE = "stop the keeper and restore a backup (strongroom keeper restore); else report it"


class JournalDamaged(ConfigError):
    """The journal cannot be read, or has what no keeper writes."""


@contextmanager
def legible(*ours: type[Exception]) -> Iterator[None]:
    """Read a journal inside: what cannot be read, or made sense of, is JournalDamaged.

    Args:
        ours: errors that say nothing of the journal; those of chain and files are such anyway
    """
    passing: tuple[type[Exception], ...] = (*ours, Away, Refused, Differs, Defect, ConfigError)
    try:
        yield
    except passing:
        raise
    except SQLAlchemyError as error:
        raise JournalDamaged(f"[journal] it cannot be read: {first_line(error)}") from error
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        told = f"{type(error).__name__}: {first_line(error)}"
        raise JournalDamaged(f"[journal] it has what no keeper writes ({told}): {CURE}") from error
