"""The websocket side: who listens to what, and the messages on their way."""

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass, field

from fastapi import WebSocket, WebSocketDisconnect

from strongroom.chain.ids import JsonObject
from strongroom.devnet.clob.faults import Faults

HOLD_S = 1.0  # that a message waits at most for the one that goes out before it


@dataclass(eq=False)
class Listener:
    """One connection: to tokens (market channel) or to a key's orders and trades (user channel)."""

    tokens: frozenset[str] = frozenset()
    key: str | None = None
    markets: frozenset[str] = frozenset()  # of the user channel; empty: all
    queue: asyncio.Queue[JsonObject] = field(default_factory=asyncio.Queue)

    def wants_token(self, token: str) -> bool:
        """Whether messages about a token are for it."""
        return token in self.tokens

    def wants_user(self, key: str, market: str) -> bool:
        """Whether a key's messages about a market are for it."""
        return self.key == key and (not self.markets or market in self.markets)


class Hub:
    """Hands messages to listeners in the order in which they happened."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._listeners: set[Listener] = set()

    def use(self, faults: Faults) -> None:
        """Go on with other faults."""
        self._faults = faults

    def to_market(self, tokens: tuple[str, str], message: JsonObject) -> None:
        """Tell all who listen to one of a market's tokens, each once."""
        for listener in self._listeners:
            if any(listener.wants_token(token) for token in tokens):
                listener.queue.put_nowait(message)

    def to_token(self, token: str, message: JsonObject) -> None:
        """Tell all who listen to a token."""
        for listener in self._listeners:
            if listener.wants_token(token):
                listener.queue.put_nowait(message)

    def to_user(self, key: str, market: str, message: JsonObject) -> None:
        """Tell the connections of an API key."""
        for listener in self._listeners:
            if listener.wants_user(key, market):
                listener.queue.put_nowait(message)

    async def serve(self, socket: WebSocket, listener: Listener) -> None:
        """Send to a listener and answer its pings, until either side ends it."""
        self._listeners.add(listener)
        sending = asyncio.create_task(self._send(socket, listener))
        try:
            while not sending.done():
                text = await socket.receive_text()
                if text == "PING":
                    await socket.send_text("PONG")
        except (WebSocketDisconnect, RuntimeError):
            pass  # the other side has gone, or a fault has closed the socket
        finally:
            self._listeners.discard(listener)
            sending.cancel()

    async def _send(self, socket: WebSocket, listener: Listener) -> None:
        while True:
            batch = [await listener.queue.get()]
            if self._faults.happens(self._faults.swap_messages):
                with suppress(TimeoutError):  # the last message is not held back for good
                    batch.insert(0, await asyncio.wait_for(listener.queue.get(), HOLD_S))
            for message in batch:
                if self._faults.spend("drop_sockets"):
                    await socket.close(code=1011)
                    return
                text = json.dumps(message, separators=(",", ":"))
                for _ in range(1 + self._faults.happens(self._faults.duplicate_messages)):
                    await socket.send_text(text)
