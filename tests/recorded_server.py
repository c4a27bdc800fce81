"""A node over HTTP of a factory whose vaults have all lived the same life, at other addresses.

`python -m tests.recorded_server --events 10000 --vaults 50` prints where it listens and what the
factory is called, and answers until it is ended.
"""

import json
import queue
import re
import threading
from collections.abc import Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import click
from eth_abi.abi import encode
from strongroom.audit.wording import selector_of

from tests.property.recorded import RecordingNode, SteadyLife

PAGE = 100  # vaults that one call of vaultsFrom lists
COPY = re.compile("c0c0c0c0([0-9a-f]{8})([0-9a-f]{24})")


def copy_of(vault: int, account: int = 0) -> str:
    """Return the address of a vault of the factory, or of one of its accounts, from 1 on."""
    return f"0xc0c0c0c0{account:08x}{vault:024x}"


class Factory:
    """Answers for all vaults.

    Args:
        lying: of this vault a log is left out
        failing: of this vault no log can be had
    """

    def __init__(
        self, life: SteadyLife, vaults: int, lying: int | None = None, failing: int | None = None
    ) -> None:
        self._life, self._vaults = life, vaults
        self._node = RecordingNode(life)
        self._lying, self._failing = (
            None if each is None else copy_of(each)[2:] for each in (lying, failing)
        )
        self.address = life.world.factory.address.lower()
        accounts = [each.account.address for each in life.world.markets.values()]
        self._originals = [each[2:].lower() for each in (life.vault, *accounts)]
        self._copies = {
            original.encode(): copy_of(0, place)[2:18].encode()
            for place, original in enumerate(self._originals)
        }
        self._known = re.compile(b"|".join(self._copies))
        self.asked: list[str] = []  # the vault of each question, and its method

    def respond(self, body: Sequence[Any]) -> bytes:
        """Return the response to a request."""
        said = [
            b'{"jsonrpc": "2.0", "id": %d, %s}' % (each["id"], self._answer(each)) for each in body
        ]
        return b"[" + b", ".join(said) + b"]"

    def _answer(self, asked: Any) -> bytes:
        method, text = asked["method"], json.dumps(asked["params"])
        if method == "eth_call" and self.address in text.lower():
            return self._of_factory(asked["params"][0]["data"])
        found = COPY.search(text)
        if found is None:
            return self._node.answered(method, asked["params"])
        copy, vault = copy_of(int(found[2], 16))[2:], found[2].encode()
        self.asked.append(f"0x{copy} {method}")
        if method == "eth_getLogs" and copy == self._failing:
            return b'"error": {"code": 1, "message": "gone"}'
        plain = COPY.sub(lambda each: self._originals[int(each[1], 16)], text)
        answer = self._node.answered(method, json.loads(plain))
        if method == "eth_getLogs" and copy == self._lying:
            answer = _without_a_request(answer)
        return self._known.sub(lambda each: self._copies[each[0]] + vault, answer)

    def _of_factory(self, data: str) -> bytes:
        if data == selector_of("vault_count()"):
            answer = encode(["uint256"], [self._vaults])
        else:
            start = int(data[10:], 16)
            page = range(start, min(start + PAGE, self._vaults))
            answer = encode(["address[]"], [[copy_of(number) for number in page]])
        return json.dumps({"result": "0x" + answer.hex()})[1:-1].encode()


def _without_a_request(answer: bytes) -> bytes:
    """Leave out the first log with two numbers in its data, a request's."""
    logs = json.loads(b"{" + answer + b"}")["result"]
    place = next((n for n, log in enumerate(logs) if len(log["data"]) == 130), None)
    left = [log for n, log in enumerate(logs) if n != place]
    return json.dumps({"result": left})[1:-1].encode()


def serve(factory: Factory, log: Path | None) -> None:
    """Answer until the process is ended. The EVM is asked by this thread only."""
    inbox: queue.Queue[tuple[Any, queue.Queue[bytes]]] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else each answer waits 40 ms for the client

        def handle(self) -> None:
            with suppress(ConnectionError):  # whoever asked may have been ended
                super().handle()

        def do_POST(self) -> None:
            reply: queue.Queue[bytes] = queue.Queue()
            inbox.put((json.loads(self.rfile.read(int(self.headers["Content-Length"]))), reply))
            text = reply.get()
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    click.echo(json.dumps({"url": url, "factory": factory.address}))
    while True:
        body, reply = inbox.get()
        reply.put(factory.respond(body))
        if log is not None and factory.asked:
            with log.open("a") as target:
                target.writelines(f"{each}\n" for each in factory.asked)
        factory.asked.clear()


@click.command()
@click.option("--events", default=1_000)
@click.option("--vaults", default=3)
@click.option("--lying", type=int)
@click.option("--failing", type=int)
@click.option("--log", type=Path, help="Write what is asked of vaults.")
def cli(events: int, vaults: int, lying: int | None, failing: int | None, log: Path | None) -> None:
    """Serve a factory's vaults.

    Example: python -m tests.recorded_server --events 10000 --vaults 50
    """
    life = SteadyLife()
    life.live(events)
    serve(Factory(life, vaults, lying, failing), log)


if __name__ == "__main__":
    cli()
