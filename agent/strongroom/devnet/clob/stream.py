"""The websocket side: who listens to what, and the messages on their way."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from fastapi import WebSocket, WebSocketDisconnect

from strongroom.chain.ids import JsonObject
from strongroom.devnet.clob.faults import Faults
from strongroom.devnet.clob.habits import Habits

HOLD_S = 1.0  # that a message waits at most for the one that goes out before it
INVALID = "INVALID OPERATION"  # what a subscription that is none is answered (VENUE e4)
OPERATIONS = ("subscribe", "unsubscribe")
UNKNOWN: JsonObject = {"event_type": "market_mood", "mood": "calm"}  # a kind that no client knows

Frame = JsonObject | list[JsonObject]  # the venue sends either (VENUE e4)


@dataclass(eq=False)
class Listener:
    """One connection: to tokens (market channel) or to a key's orders and trades (user channel).

    Attributes:
        markets: of the user channel; empty: all
        extras: whether best prices, new and resolved markets are told, too
        frozen: it gets nothing any more but answers to its pings
    """

    tokens: set[str] = field(default_factory=set)
    key: str | None = None
    markets: set[str] = field(default_factory=set)
    extras: bool = False
    frozen: bool = False
    queue: asyncio.Queue[Frame] = field(default_factory=asyncio.Queue)

    def wants_token(self, token: str) -> bool:
        """Whether messages about a token are for it."""
        return token in self.tokens

    def wants_user(self, key: str, market: str) -> bool:
        """Whether a key's messages about a market are for it."""
        return self.key == key and (not self.markets or market in self.markets)

    def change(self, asked: JsonObject) -> list[str] | None:
        """Take a later `subscribe` or `unsubscribe`; return what is new, None: it is neither."""
        name = "assets_ids" if self.key is None else "markets"
        names = strings(asked, name)
        if asked.get("operation") not in OPERATIONS or names is None:
            return None
        kept = self.tokens if self.key is None else self.markets
        if "custom_feature_enabled" in asked:
            self.extras = bool(asked["custom_feature_enabled"])
        if asked["operation"] == "unsubscribe":
            kept.difference_update(names)
            return []
        new = [each for each in names if each not in kept]
        kept.update(new)
        return new


class Hub:
    """Hands messages to listeners in the order in which they happened."""

    def __init__(self, faults: Faults, habits: Habits) -> None:
        self.faults, self.habits = faults, habits
        self._listeners: set[Listener] = set()

    def to_market(self, tokens: tuple[str, str], message: JsonObject, extra: bool = False) -> None:
        """Tell all who listen to one of a market's tokens, each once.

        Args:
            extra: only those who asked for more than books and trades
        """
        for listener in self._listeners:
            if listener.extras >= extra and any(map(listener.wants_token, tokens)):
                listener.queue.put_nowait(message)

    def to_token(self, token: str, message: JsonObject, extra: bool = False) -> None:
        """Tell all who listen to a token; see to_market."""
        for listener in self._listeners:
            if listener.extras >= extra and listener.wants_token(token):
                listener.queue.put_nowait(message)

    def to_all(self, message: JsonObject) -> None:
        """Tell all on the market channel who asked for more than books and trades."""
        for listener in self._listeners:
            if listener.extras and listener.key is None:
                listener.queue.put_nowait(message)

    def to_user(self, key: str, market: str, message: JsonObject) -> None:
        """Tell the connections of an API key."""
        for listener in self._listeners:
            if listener.wants_user(key, market):
                listener.queue.put_nowait(message)

    async def serve(
        self, socket: WebSocket, listener: Listener, added: Callable[[list[str]], None]
    ) -> None:
        """Send to a listener, answer its pings and change what it hears, until either side ends it.

        Args:
            added: is told what a later subscription adds
        """
        self._listeners.add(listener)
        sending = asyncio.create_task(self._send(socket, listener))
        try:
            while not sending.done():
                text = await socket.receive_text()
                if text == "PING":
                    await socket.send_text("PONG")
                    continue
                new = listener.change(read(text) or {})
                if new is None:
                    await socket.send_text(INVALID)
                else:
                    added(new)
        except (WebSocketDisconnect, RuntimeError):
            pass  # the other side has gone, or a fault has closed the socket
        finally:
            self._listeners.discard(listener)
            sending.cancel()

    async def _send(self, socket: WebSocket, listener: Listener) -> None:
        while True:
            batch = [await listener.queue.get()]
            if self.faults.happens(self.faults.swap_messages):
                with suppress(TimeoutError):  # the last message is not held back for good
                    batch.insert(0, await asyncio.wait_for(listener.queue.get(), HOLD_S))
            for message in batch:
                if self.faults.spend("drop_sockets"):
                    await socket.close(code=1011)
                    return
                listener.frozen = listener.frozen or self.faults.spend("freeze_sockets")
                if not listener.frozen:
                    await self._send_one(socket, message)

    async def _send_one(self, socket: WebSocket, message: Frame) -> None:
        if self.faults.happens(self.habits.empty_frames):
            await socket.send_text("")
        if self.faults.happens(self.habits.unknown_events):
            await socket.send_text(json.dumps(UNKNOWN))
        text = json.dumps(message, separators=(",", ":"))
        for _ in range(1 + self.faults.happens(self.faults.duplicate_messages)):
            await socket.send_text(text)


def read(text: str) -> JsonObject | None:
    """Read a message of a client; None: it is no JSON object."""
    try:
        asked = json.loads(text)
    except ValueError:
        return None
    return asked if isinstance(asked, dict) else None


def strings(asked: JsonObject, name: str) -> list[str] | None:
    """Return a message's list of strings; None: it has none."""
    found = asked.get(name)
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        return None
    return found
