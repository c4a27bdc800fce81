"""What stops decisions, by name, and faults of the program itself.

Whatever fails in a part of a tick becomes a halt. What nobody foresaw is a defect: it is named with
its kind and place, told with its way there, counted tick by tick, and the keeper goes on. What a
part had begun in the journal is undone or whole, as after a kill.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from traceback import walk_tb
from types import TracebackType

from sqlalchemy.exc import SQLAlchemyError

from strongroom.chain.calls import first_line
from strongroom.chain.failures import CallReverted, ChainAway, TransactionRefused, WrongTime
from strongroom.chain.outside import kept_text
from strongroom.database import is_of_data
from strongroom.errors import Away, Refused
from strongroom.execution.interfaces import Listener
from strongroom.execution.transactions import NotSent
from strongroom.information.endpoint import Health
from strongroom.reporting.seen import Unseen
from strongroom.settings import AlreadyRuns
from strongroom.signing.signers import NotSigned

DEFECT = "defect"  # the halt's name
TICKS = "ticks"  # the name of their health
UNFORESEEN = "Look into the log of that moment, and report it."
CURES = {  # halt -> what a person does about it
    "chain": "Look whether the node answers, and name another in [chain.further_rpc_urls]. Orders "
    "and transactions go on from where they are.",
    "clock": "Set this machine's clock, or wait for a block: a chain that stands still looks like "
    "a wrong clock.",
    DEFECT: "Report it with the event `defect` of the log. Nothing is decided while it lasts; if "
    "it stays, go back to the release before.",
    "disk": "Make room on the disk, and let the keeper's user write the folders of the file.",
    "exchange": "Wait: the venue has paused its exchange. What rests there cannot be filled.",
    "heartbeat": "Wait a minute. If it stays, look whether another process uses the keeper's API "
    "key.",
    "journal": "End the other keeper of this journal, or bring the database back. Nothing was "
    "begun that is not written.",
    "outside": "Read the reason: a service does not answer or says no. The keeper asks again.",
    "report": "Look whether the venue and its stream answer: a report waits for the book of "
    "something that is held.",
    "restored": "Wait: until then an order that the backup does not know could still be filled.",
    "signers": "Start the co-signer, and look at its node and its store. Nothing can be signed.",
    "stop": "Remove the stop file on the keeper's machine when decisions may go on.",
    "ticks": "Look whether the keeper's process hangs, and start it again: it goes on from its "
    "journal.",
    "transactions": "Read the node's words. Give the executor money for gas, or name another node.",
    "venue": "Wait: the venue takes no orders for the time that it names. What rests stays there.",
}
ENDS = (KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError)  # what may end a tick
SHOWN_FRAMES = 8  # of the way to a defect, the last ones
HERE = Path(__file__).parents[1]  # the package


@dataclass
class Defects:
    """The defects that a keeper has met.

    Attributes:
        newest: the last one of this tick; None: none
    """

    on_event: Listener
    newest: BaseException | None = None
    _ticks: int = 0
    _failed: int = 0  # ticks with one
    _met: dict[str, str] = field(default_factory=dict)  # in this tick: kind and place -> words
    _running: dict[str, int] = field(default_factory=dict)  # ticks in a row

    def begin(self) -> None:
        """Begin a tick."""
        self._ticks += 1
        self._running = {name: times for name, times in self._running.items() if name in self._met}
        self._met, self.newest = {}, None

    def meet(self, error: BaseException) -> str:
        """Take a defect; return what to say of all those of this tick."""
        frames = [
            f"{_place(Path(frame.f_code.co_filename))}:{line} {frame.f_code.co_name}"
            for frame, line in walk_tb(error.__traceback__)
        ]
        ours = [each for each in frames if not each.startswith("/")]
        name = f"{type(error).__name__} in {(ours or frames or ['?'])[-1]}"
        if name not in self._met:
            self._failed += not self._met
            times = self._running[name] = self._running.get(name, 0) + 1
            running = f" ({times} ticks running)" if times > 1 else ""
            self._met[name] = f"{name}: {kept_text(first_line(error))}{running}"
            if times == 1:
                way = " > ".join(frames[-SHOWN_FRAMES:])
                with suppress(Exception):  # of who is told: the halt says it, too
                    self.on_event(DEFECT, {"error": self._met[name], "way": way})
        self.newest = error
        return f"the program failed, report it: {'; '.join(self._met.values())}"

    @property
    def health(self) -> Health:
        """How the ticks are: asked: ticks, failed: those with a defect."""
        return Health(TICKS, self._ticks, self._failed, "; ".join(self._met.values()))


@dataclass(frozen=True)
class Named:
    """Turns what a part of a tick fails by into a named halt. A journal that cannot be written ends
    the tick: nothing that it should have kept was begun."""

    halts: dict[str, str]
    defects: Defects

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: object, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        match error:
            case None:
                return False
            case SQLAlchemyError() if not is_of_data(error):
                return False
            case Unseen():
                self.halts["report"] = str(error)
            case NotSigned():
                self.halts["signers"] = str(error)
            case NotSent():
                self.halts["transactions"] = f"the node takes no transaction: {first_line(error)}"
            case AlreadyRuns():
                self.halts["journal"] = str(error)
            case WrongTime():
                self.halts["clock"] = str(error)
            case ChainAway():
                self.halts["chain"] = f"the chain does not answer: {first_line(error)}"
            case CallReverted() | TransactionRefused():
                self.halts["chain"] = f"a contract refuses: {first_line(error)}"
            case Away() | Refused():
                self.halts["outside"] = first_line(error)
            case OSError():  # a file, e.g. of evidence; what fails in a network is `Away`
                self.halts["disk"] = f"a file cannot be used: {first_line(error)}"
            case _:
                if isinstance(error, ENDS):
                    return False
                self.halts[DEFECT] = self.defects.meet(error)
        return True


def _place(path: Path) -> str:
    """Return a file's name below the package; the whole one of another's."""
    return str(path.relative_to(HERE) if path.is_relative_to(HERE) else path)
