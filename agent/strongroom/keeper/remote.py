"""What a person may say back: `status` is answered, `stop` makes the stop file. Nothing else: no
message makes the keeper do more than it does, or go on."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from strongroom.execution.interfaces import Listener
from strongroom.keeper.alerts import NotTold, Severity
from strongroom.keeper.channels import Bot
from strongroom.keeper.safety import stop

PAUSE_S = 30.0  # after no answer of the bot's service
KNOWN = "I know two words: status, stop"


@dataclass
class RemoteCommands:
    """Listens to one bot in a thread of its own."""

    bot: Bot
    status: Callable[[], str]
    stop_file: Path
    on_event: Listener
    pause_s: float = PAUSE_S
    _last: int = -1  # message that was read
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
                self.on_event("foreign_command", {"who": f"chat {said.chat}"})
                continue
            self.bot.send(Severity.INFO, self._answer(said.text))

    def _answer(self, text: str) -> str:
        word = text.strip().lower().lstrip("/").partition("@")[0]
        if word == "status":
            return self.status()
        if word != "stop":
            return KNOWN
        who = f"chat {self.bot.chat}"
        told = stop(self.stop_file, who)
        self.on_event("stop_asked", {"who": who, "why": "stop"})
        return told

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                self.listen_once()
            except (NotTold, OSError) as error:
                self.on_event("remote_away", {"why": str(error)})
                self._ended.wait(self.pause_s)
