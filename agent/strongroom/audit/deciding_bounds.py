"""How much an audit does to make decisions again: time, memory and views.

A report's writer chooses how many views its decisions name, and how long each takes. So each view,
each document and the whole audit are bounded; what is beyond a bound is unknown, and says so.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from time import monotonic

from strongroom.chain.units import HOUR
from strongroom.errors import BadInput

LARGEST = 10**9  # of each bound


@dataclass(frozen=True)
class DecidingBounds:
    """What deciding again may take; beyond it a decision is unknown.

    Attributes:
        view_s: seconds for one view, the start of a process included
        document_s: seconds for the views of one evidence document, finding them included
        audit_s: seconds for all views of an audit, of this run if it goes on from a checkpoint
        document_views: of one evidence document; an honest one of 16 MiB has no room for more
        audit_views: of an audit, of this run
        memory_gib: of the process that decides
    """

    view_s: int = 120
    document_s: int = 600
    audit_s: int = HOUR
    document_views: int = 10_000
    audit_views: int = 1_000_000
    memory_gib: int = 4

    @property
    def memory(self) -> int:
        """Bytes of the process that decides."""
        return self.memory_gib * 2**30

    @property
    def words(self) -> str:
        """Those that are not the default, as a command line names them."""
        usual = asdict(DecidingBounds())
        return " ".join(f"{name}={n}" for name, n in asdict(self).items() if n != usual[name])


NAMES = [each.name for each in fields(DecidingBounds)]


def parse_bounds(texts: Sequence[str]) -> DecidingBounds:
    """Return the bounds that a command line names as NAME=NUMBER, the others by default.

    Raises:
        BadInput: one does not read so.
    """
    found: dict[str, int] = {}
    for text in texts:
        name, _, number = text.partition("=")
        known = name in NAMES and number.isascii() and number.isdigit() and len(number) <= 10
        if not known or not 0 < int(number) <= LARGEST:
            raise BadInput(
                f"--decide-bound {text[:60]!r}: give one of {', '.join(NAMES)} and a whole number "
                "from 1 on: audit_s=7200"
            )
        found[name] = int(number)
    return DecidingBounds(**found)


@dataclass(frozen=True)
class Patience:
    """How long a view may take.

    Attributes:
        seconds: 0 or less: it is not decided on
        over: what is said of its decisions when they are over
    """

    seconds: float
    over: str


@dataclass
class Spending:
    """What deciding has taken of its bounds."""

    bounds: DecidingBounds = field(default_factory=DecidingBounds)
    clock: Callable[[], float] = monotonic
    _spent: float = 0.0  # on the documents before
    _views: int = 0
    _began: float = 0.0  # this document
    _of_document: int = 0  # views

    @contextmanager
    def document(self) -> Iterator[None]:
        """Count what happens inside as one document's."""
        self._began, self._of_document = self.clock(), 0
        yield
        self._spent += self.clock() - self._began

    def begin_view(self) -> None:
        """Count one more view."""
        self._views += 1
        self._of_document += 1

    @property
    def left(self) -> Patience:
        """What is left for the view that has begun, by the bound that is met first."""
        bounds, passed = self.bounds, self.clock() - self._began
        if self._of_document > bounds.document_views:
            return _over("document_views", f"a document names more than {bounds.document_views:,}")
        if self._views > bounds.audit_views:
            return _over("audit_views", f"the audit names more than {bounds.audit_views:,}")
        seconds, name, what = min(
            (float(bounds.view_s), "view_s", "a view"),
            (bounds.document_s - passed, "document_s", "a document"),
            (bounds.audit_s - self._spent - passed, "audit_s", "the audit"),
        )
        most = getattr(bounds, name)
        return Patience(seconds, f"{what} took more than {most} s (--decide-bound {name})")


def _over(name: str, what: str) -> Patience:
    return Patience(0.0, f"{what} views (--decide-bound {name})")
