"""Messages for a person: which events are worth one, how urgent each is, and that a message which
reached nobody is known.

Each channel has a thread and a queue of its own: one that is dead holds up neither the keeper nor
another channel. What it does not take is tried again with growing pauses. What is critical goes
first, so nobody can hold it up by causing many other messages.
"""

import heapq
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple, Protocol

from strongroom.chain.ids import Json
from strongroom.errors import Away
from strongroom.foreign_text import plain

PAUSES_S = (1.0, 5.0, 30.0, 120.0, 600.0)  # after so many failures of one message
MOST = 1_000  # messages that wait for a channel
LEAVE_S = 5.0  # at the end, for what still waits
GIVE_UP_S = 0.5  # then, to say what was not sent


class Severity(IntEnum):
    """How urgent a message is."""

    INFO = 0  # to be read
    WARNING = 1  # today
    CRITICAL = 2  # now: money or its safety is at stake


class NotTold(Away):
    """A channel did not take a message; the words have no secret in them."""


@dataclass(frozen=True)
class Worth:
    """An event that a person should know of; others are for the log."""

    severity: Severity
    text: str


_INFO, _WARNING, _CRITICAL = Severity
WORTH = {
    "halted": Worth(_WARNING, "stopped deciding: {what}: {why}"),
    "goes_on": Worth(_INFO, "decides again: {what} is over"),
    "somebody_else_reports": Worth(_INFO, "does not report: the vault's reporter is {reporter}"),
    "report_refused": Worth(_WARNING, "a report was refused: {why}"),
    "nav_unknown": Worth(_WARNING, "whether the chain's NAV is ours is not known: {why}"),
    "nav_differs": Worth(
        _CRITICAL, "the chain's NAV differs from ours by {difference_bid} / {difference_ask}"
    ),
    "unanswered": Worth(_WARNING, "accounts did not answer a report: {accounts}"),
    "fills_unseen": Worth(_WARNING, "no node shows all fills of order {order}"),
    "failed": Worth(_CRITICAL, "failed and stopped: {error}"),
    "duty_refused": Worth(_WARNING, "{purpose} was refused: {why}"),
    "safe_used_by_another": Worth(_CRITICAL, "Safe {safe} was used in {transaction} by {who}"),
    "session_ends": Worth(_WARNING, "the session key of wallet {wallet} {why}"),
    "asked": Worth(
        _WARNING, "asks for a yes until {until}: {question}: {legs}: decision {decision}"
    ),
    "not_begun": Worth(_INFO, "decision {decision} was not begun: {state}: {why}"),
    "settled": Worth(_INFO, "settled {market}: {profit} micro-units"),
    "stop_asked": Worth(_WARNING, "stops deciding, asked by {who}: {why}"),
    "stop_failed": Worth(_CRITICAL, "does not stop, asked by {who}: {why}"),
    "foreign_command": Worth(_WARNING, "a command came from a chat that is not ours: {who}"),
    "bot_shared": Worth(
        _WARNING, "somebody else reads the bot {bot}, so `stop` may not come: give each its own"
    ),
    "started": Worth(_INFO, "the keeper of {vault} has started ({mode})"),
    "stopped": Worth(_WARNING, "the keeper of {vault} has stopped"),
}
HALTS = {  # of halts whose urgency is another
    **{"defect": _CRITICAL, "signers": _CRITICAL, "journal": _CRITICAL},
    **{"stop": _INFO, "restored": _INFO},
}


class Channel(Protocol):
    """A way to a person."""

    @property
    def name(self) -> str:
        """Of the channel, in log and metrics."""

    @property
    def least(self) -> Severity:
        """Less urgent messages do not go this way."""

    def send(self, severity: Severity, text: str) -> None:
        """Deliver one message; raises NotTold."""


class Alerts:
    """Sends what is worth it. Never raises, never waits."""

    def __init__(
        self,
        channels: Sequence[Channel],
        name: str,
        untold: Callable[[str, str, str], None] = lambda channel, text, why: None,
        pauses_s: Sequence[float] = PAUSES_S,
    ) -> None:
        """Start a thread for each channel.

        Args:
            name: of the vault, in each message
            untold: hears of a message that reached nobody: channel, text, why
            pauses_s: after each failure of a message; when they are used up, it is given up
        """
        self._name = name
        self._lines = [_Line(each, untold, pauses_s) for each in channels]

    def __call__(self, event: str, fields: Mapping[str, Json]) -> None:
        """Send an event if it is worth it."""
        worth = WORTH.get(event)
        if worth is None or not self._lines:
            return
        severity = worth.severity
        if event == "halted":
            severity = HALTS.get(str(fields.get("what")), severity)
        text = plain(f"Strongroom {self._name}: {worth.text.format_map(_Lenient(fields))}")
        for line in self._lines:
            line.put(severity, text)

    def close(self) -> None:
        """Wait a little for what is still to be sent; what is not sent by then is untold."""
        for line in self._lines:
            line.ask_to_end()
        deadline = time.monotonic() + LEAVE_S
        for line in self._lines:
            line.end(deadline - time.monotonic())


class _Line:
    """One channel's messages and thread. What waits goes by urgency, then in order; where too much
    waits, the least urgent is not sent, and of these the newest."""

    def __init__(
        self, channel: Channel, untold: Callable[[str, str, str], None], pauses_s: Sequence[float]
    ) -> None:
        self._channel, self._untold, self._pauses = channel, untold, pauses_s
        self._waiting: list[_Message] = []  # a heap
        self._count = 0
        self._closing = self._ended = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def put(self, severity: Severity, text: str) -> None:
        if severity < self._channel.least:
            return
        with self._changed:
            self._count += 1
            heapq.heappush(self._waiting, _Message(-severity, self._count, 0, text))
            least = max(self._waiting) if len(self._waiting) > MOST else None
            if least is not None:
                self._waiting.remove(least)
                heapq.heapify(self._waiting)
            self._changed.notify()
        if least is not None:
            self._untold(self._channel.name, least.text, f"{MOST} others wait")

    def ask_to_end(self) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify()

    def end(self, within_s: float) -> None:
        self._thread.join(max(0.0, within_s))
        with self._changed:
            self._ended = True  # what fails from now on is not tried again
            self._changed.notify()
        self._thread.join(GIVE_UP_S)

    def _run(self) -> None:
        while (message := self._next()) is not None:
            if self._ended:
                self._untold(self._channel.name, message.text, "the keeper has ended")
            elif why := self._refusal(message):
                self._again(message, why)

    def _next(self) -> "_Message | None":
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing or self._ended)
            return heapq.heappop(self._waiting) if self._waiting else None

    def _refusal(self, message: "_Message") -> str:
        """Send a message; return why it was not taken, empty: it was."""
        try:
            self._channel.send(Severity(-message.order), message.text)
        except NotTold as error:
            return str(error) or "it was not taken"
        except Exception as error:  # the border of a thread: a defect is told as well
            return f"{type(error).__name__}"
        return ""

    def _is_less_urgent(self, message: "_Message") -> bool:
        return any(each.order < message.order for each in self._waiting[:1])

    def _again(self, message: "_Message", why: str) -> None:
        """Put back what was not taken, after a pause that ends when something more urgent comes."""
        if message.failures < len(self._pauses):
            with self._changed:
                self._changed.wait_for(
                    lambda: self._ended or self._is_less_urgent(message),
                    self._pauses[message.failures],
                )
                if not self._ended:
                    heapq.heappush(self._waiting, message._replace(failures=message.failures + 1))
                    return
        self._untold(self._channel.name, message.text, why)


class _Message(NamedTuple):
    """What waits; the smallest goes first."""

    order: int  # the severity, negative
    number: int  # of its line
    failures: int
    text: str


class _Lenient(dict[str, Json]):
    def __missing__(self, key: str) -> str:
        return "?"
