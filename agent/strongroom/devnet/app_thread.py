"""An application on a port of this machine, in a thread of its own."""

import threading
import time
from typing import Self

import uvicorn
from fastapi import FastAPI

from strongroom.errors import Away

START_S = 120.0  # on a busy machine; one that ends is not waited for
KEEP_ALIVE_S = 75  # longer than clients keep a connection that is idle: only they end it


class NotServing(Away):
    """The service did not come up."""


class AppThread:
    """Serves an application until it is stopped."""

    def __init__(
        self, app: FastAPI, host: str = "127.0.0.1", port: int = 0, name: str = "service"
    ) -> None:
        """Take the application.

        Args:
            port: 0 takes a free one
            name: what it is, in messages
        """
        self.app, self._name = app, name
        config = uvicorn.Config(
            app, host, port, log_level="warning", access_log=False, ws="websockets-sansio",
            timeout_keep_alive=KEEP_ALIVE_S,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def start(self) -> Self:
        """Start, and wait until it answers.

        Raises:
            NotServing: it did not start, e.g. because the port is taken.
        """
        self._thread.start()
        deadline = time.monotonic() + START_S
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise NotServing(f"the {self._name} did not start: is its port taken?")
            time.sleep(0.01)
        return self

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self._server.servers[0].sockets[0].getsockname()[:2]
        return f"http://{host}:{port}"

    def join(self) -> None:
        """Wait until it ends."""
        self._thread.join()

    def stop(self) -> None:
        """Stop and wait for the end."""
        self._server.should_exit = True
        self._thread.join(timeout=START_S)
