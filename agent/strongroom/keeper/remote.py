"""What a person may say back: `status` is answered, `stop` makes the stop file. Nothing else: no
message makes the keeper do more than it does, or go on."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from strongroom.chain.units import HOUR
from strongroom.execution.interfaces import Listener
from strongroom.keeper.alerts import NotTold, Severity
from strongroom.keeper.channels import Bot, ReadByAnother
from strongroom.keeper.safety import NotStopped, stop
from strongroom.settings import AlreadyRuns, only_one

PAUSE_S = 30.0  # after no answer of the bot's service
MOST_STRANGERS = 10  # chats not ours that are told of within an hour
KNOWN = "I know two words: status, stop"


@dataclass
class RemoteCommands:
    """Listens to one bot in a thread of its own."""

    bot: Bot
    status: Callable[[], str]
    stop_file: Path
    on_event: Listener
    pause_s: float = PAUSE_S
    clock: Callable[[], float] = time.monotonic
    _last: int = -1  # message that was read
    _strangers: dict[str, float] = field(default_factory=dict)  # chat -> when it was told of
    _shared_told: float | None = None  # when it was last told that somebody else reads the bot
    _ended: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Begin to listen."""
        threading.Thread(target=self._run, daemon=True).start()

    def close(self) -> None:
        """Listen no more; a request that is open may still end."""
        self._ended.set()

    def listen_once(self) -> None:
        """Read and answer what has come; raises NotTold."""
        for said in self.bot.said_after(self._last):
            self._last = max(self._last, said.number)
            if not said.chat:
                continue
            if said.chat != self.bot.chat:
                self._tell_of_stranger(said.chat)
                continue
            self.bot.send(Severity.INFO, self._answer(said.text))

    def _tell_of_sharing(self) -> None:
        """Tell once an hour that somebody else reads the bot: `stop` may not reach this keeper."""
        now = self.clock()
        if self._shared_told is None or now - self._shared_told >= HOUR:
            self._shared_told = now
            self.on_event("bot_shared", {"bot": self.bot.name})

    def _tell_of_stranger(self, chat: str) -> None:
        """Tell of a chat once an hour, and of a few alone: more would bury what is urgent."""
        now = self.clock()
        self._strangers = {who: at for who, at in self._strangers.items() if now - at < HOUR}
        if chat in self._strangers or len(self._strangers) >= MOST_STRANGERS:
            return
        self._strangers[chat] = now
        self.on_event("foreign_command", {"who": f"chat {chat}"})

    def _answer(self, text: str) -> str:
        word = text.strip().lower().lstrip("/").partition("@")[0]
        if word == "status":
            return self.status()
        if word != "stop":
            return KNOWN
        who = f"chat {self.bot.chat}"
        try:
            told = stop(self.stop_file, who)
        except NotStopped as error:
            self.on_event("stop_failed", {"who": who, "why": str(error)})
            return f"NOT STOPPED: {error}"
        self.on_event("stop_asked", {"who": who, "why": "stop"})
        return told

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                self.listen_once()
            except (NotTold, OSError) as error:
                if isinstance(error, ReadByAnother):
                    self._tell_of_sharing()
                self.on_event("remote_away", {"why": str(error)})
                self._ended.wait(self.pause_s)


@contextmanager
def only_reader(bot: Bot) -> Iterator[None]:
    """Be the only keeper of this machine that reads a bot, while the block runs.

    Raises:
        AlreadyRuns: another one does.
    """
    what = f"a keeper that obeys the bot {bot.name!r} (give each keeper its own)"
    try:
        with only_one(bot.lock, what):
            yield
    except PermissionError:
        raise AlreadyRuns(
            f"another user's keeper obeys the bot {bot.name!r}: give each keeper its own"
        ) from None
