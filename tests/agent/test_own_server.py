"""Small servers of this machine: nobody holds up anybody else, and foreign names are refused."""

import http.client
import socket
from contextlib import contextmanager

import httpx
import pytest
from strongroom.app.serving import answering, port_for
from strongroom.keeper.many import Fleet, _page
from strongroom.keeper.metrics import Metrics, serve
from strongroom.own_server import OwnPages

PATIENCE_S = 60


@contextmanager
def numbers(host="127.0.0.1"):
    server = serve(Metrics(), 0, 5.0, host)
    yield server.server_port
    server.shutdown()
    server.server_close()


@contextmanager
def fleet():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with _page(Fleet({}, {}), port):
        yield port


@contextmanager
def files(folder):
    (folder / "health").write_text("here")
    with port_for(folder, 0) as server, answering(server) as url:
        yield int(url.rstrip("/").rpartition(":")[2])


def status(port, host, path="/health", method="GET"):
    """The status for a Host header; None: the request has none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    connection.putrequest(method, path, skip_host=True)
    if host is not None:
        connection.putheader("Host", host)
    connection.endheaders()
    return connection.getresponse().status


@pytest.mark.parametrize("server", ["numbers", "fleet", "files"])
def test_silent_connections_hold_up_nobody(server, tmp_path):
    made = {"numbers": numbers, "fleet": fleet, "files": lambda: files(tmp_path)}
    with made[server]() as port:
        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
        silent[0].sendall(b"GET /health HT")  # half a request
        asked = httpx.get(f"http://127.0.0.1:{port}/health", timeout=PATIENCE_S)
        assert asked.status_code in (200, 503)
        for each in silent:
            each.close()


def test_a_silent_connection_is_closed(monkeypatch):
    monkeypatch.setattr(OwnPages, "timeout", 0.05)
    with numbers() as port, socket.create_connection(("127.0.0.1", port), PATIENCE_S) as silent:
        assert silent.recv(1) == b""


@pytest.mark.parametrize(
    ("host", "local", "open_"),
    [
        ("127.0.0.1:9100", 503, 503),
        ("localhost", 503, 503),
        ("[::1]:9100", 503, 503),
        ("attacker.example:9100", 403, 403),
        ("attacker.example", 403, 403),
        ("127.0.0.1.attacker.example", 403, 403),
        ("keeper:9100", 403, 503),  # as Prometheus asks in containers
        ("10.0.0.7:9100", 403, 503),
        (f"{socket.gethostname()}:9100", 403, 503),
        ("", 403, 403),
        (None, 403, 403),
        ("[::1", 403, 403),
    ],
)
def test_a_foreign_name_is_refused(host, local, open_):
    """A foreign page whose name leads here sends its own name (DNS rebinding)."""
    for listens, expected in (("127.0.0.1", local), ("0.0.0.0", open_)):
        with numbers(listens) as port:
            assert status(port, host) == expected
            assert status(port, host, "/metrics") == (403 if expected == 403 else 200)


def test_the_page_of_many_keepers_has_this_machines_name_alone():
    with fleet() as port:
        assert [status(port, each) for each in ("127.0.0.1", "attacker.example")] == [200, 403]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_app_has_this_machines_name_alone(tmp_path, method):
    """Its files have the node's URL, which may hold a key."""
    names = ("127.0.0.1", "localhost:8600", "[::1]", "attacker.example:8600", "10.0.0.7", "", None)
    with files(tmp_path) as port:
        found = [status(port, each, method=method) for each in names]
        assert found == [200] * 3 + [403] * 4
        assert status(port, "attacker.example", "/", method) == 403  # nor the list of a folder
