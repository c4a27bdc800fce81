"""Nodes whose headers never end, by a clock that moves as they come: no read of them is late."""

import socket
import threading
from contextlib import contextmanager

import pytest
from strongroom.audit.node import Node, NodeAway
from strongroom.chain import ending_heads
from strongroom.chain.ending_heads import ending_session
from strongroom.chain.failures import ChainAway
from strongroom.chain.jsonrpc import JsonRpc

BEGUN = b"HTTP/1.1 200 OK\r\nX: "
WHOLE = b'{"jsonrpc":"2.0","id":1,"result":"0x7"}'


@contextmanager
def saying(first, again=b""):
    """Yield the URL of a node that says something, and something else again until nobody hears."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer(line):
            with line:
                line.recv(65_536)
                try:
                    line.sendall(first)
                    while again:
                        line.sendall(again)
                        threading.Event().wait(0.001)
                    line.recv(1)
                except OSError:
                    pass

        def accept():
            try:
                while True:
                    line, _ = listening.accept()
                    threading.Thread(target=answer, args=(line,), daemon=True).start()
            except OSError:
                pass

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def clock(monkeypatch):
    """Each look at the clock is 7 seconds later."""
    now = [1_000.0]

    def later():
        now[0] += 7.0
        return now[0]

    monkeypatch.setattr(ending_heads, "monotonic", later)
    return now


ENDLESS = {
    "a letter of a header now and then": (BEGUN, b"a"),
    "one header after another": (BEGUN, b"b\r\nX: "),
    "nothing but that it goes on": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_headers_that_do_not_end_end_the_question(name, clock):
    with saying(*ENDLESS[name]) as url:
        with pytest.raises(ChainAway, match="does not answer"):
            JsonRpc(url, timeout_s=30.0).request("eth_chainId")
        pauses = []
        with pytest.raises(NodeAway):
            Node(url, pause=pauses.append).ask("eth_chainId")
        assert pauses  # it was asked again, as a node that is slow


def test_headers_in_time_cost_nothing_and_the_body_has_its_own_time(clock):
    """Four pieces of 7 seconds would be 28; the read after them may take the whole 30 again."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(WHOLE)
    with saying(head + WHOLE) as url:
        assert JsonRpc(url).request("eth_chainId") == "0x7"
        asked = ending_session()
        with asked.post(url, json={}, timeout=30.0, stream=True) as answer:
            assert answer.raw._connection.sock.gettimeout() == 30.0
            assert answer.raw.read() == WHOLE


@pytest.mark.parametrize("url", ["http://a.example", "https://a.example"])
def test_every_way_to_a_node_has_the_bound(url):
    """A host, over TLS, or through a proxy."""
    adapter = ending_session().get_adapter(url)
    for manager in (adapter.poolmanager, adapter.proxy_manager_for("http://proxy.example")):
        kind = manager.connection_from_url(url).ConnectionCls
        assert kind.response_class is ending_heads._Answer


def test_a_connection_is_used_again():
    """Two questions, one connection."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(WHOLE)
    seen = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer():
            line, _ = listening.accept()
            with line:
                while line.recv(65_536):
                    seen.append(line.getpeername())
                    line.sendall(head + WHOLE)

        threading.Thread(target=answer, daemon=True).start()
        asked = ending_session()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        for _ in range(2):
            assert asked.get(url, timeout=30.0).content == WHOLE
        asked.close()
    assert len(seen) == 2 and len(set(seen)) == 1
