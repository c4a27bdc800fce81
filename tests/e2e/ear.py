"""A websocket subscription that collects what it hears."""

import json
import time

from websockets.sync.client import connect as open_socket

from tests.e2e.clob_orders import PATIENCE_S


class Ear:
    """A subscription that collects its messages."""

    def __init__(self, server, channel, asked):
        self.socket = open_socket(f"{server.url.replace('http', 'ws')}/ws/{channel}")
        self.socket.send(json.dumps(asked))
        self.heard = []  # and not looked at yet

    def is_heard(self):
        """Wait until the service has read all that was sent: it answers in turn."""
        self.socket.send("PING")
        assert self.socket.recv(timeout=PATIENCE_S) == "PONG"

    def hear(self, *kinds):
        """Return the next message of one of the kinds."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            while self.heard:
                message = self.heard.pop(0)
                if message["event_type"] in kinds:
                    return message
            frame = json.loads(self.socket.recv(timeout=PATIENCE_S) or "[]")
            self.heard += frame if isinstance(frame, list) else [frame]
        raise AssertionError(f"no {kinds}")
