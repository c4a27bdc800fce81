"""Headers that come a letter at a time, by a clock that moves as they come: no time-out of one read
ever ends such an answer."""

import httpcore
import httpx
import pytest
from strongroom.chain.ending_line import EndingLine
from strongroom.chain.whole_answers import WholeAnswers
from strongroom.payments.budget import Budget
from strongroom.payments.buyer import Buyer, ServerAway
from strongroom.payments.purchases import Purchases

from tests.agent.test_buyer import Token

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"
TIMEOUT_S = 60.0


class Said(httpcore.NetworkStream):
    """A server that sends pieces, each after some seconds; the last one for ever."""

    def __init__(self, clock, pieces):
        self.clock, self.pieces, self.timeouts = clock, list(pieces), []
        self.waited = 0.0  # for headers and body

    def read(self, max_bytes, timeout=None):
        seconds, piece = self.pieces.pop(0) if len(self.pieces) > 1 else self.pieces[0]
        self.timeouts.append(timeout)
        if timeout is not None and seconds > timeout:
            self.clock[0] += timeout
            self.waited += timeout
            raise httpcore.ReadTimeout("no byte came")
        self.clock[0] += seconds
        self.waited += seconds
        return piece

    def write(self, buffer, timeout=None):
        self.clock[0] += 5.0  # counts for no header

    def close(self):
        pass

    def start_tls(self, ssl_context, server_hostname=None, timeout=None):
        return self


class Sockets(httpcore.NetworkBackend):
    def __init__(self, stream):
        self.stream, self.paths = stream, []

    def connect_tcp(self, host, port, timeout=None, local_address=None, socket_options=None):
        return self.stream

    def connect_unix_socket(self, path, timeout=None, socket_options=None):
        self.paths.append(path)
        return self.stream


def line(*pieces, **options):
    """Return a client, its clock and its stream."""
    clock = [1_000.0]
    stream = Said(clock, pieces)
    made = EndingLine(backend=Sockets(stream), stopwatch=lambda: clock[0], **options)
    client = httpx.Client(
        transport=WholeAnswers(made, stopwatch=lambda: clock[0]), timeout=TIMEOUT_S
    )
    return client, clock, stream


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "pieces",
    [
        [(0.0, HEAD[:-4]), (50.0, b"a")],  # a header's value that never ends
        [(50.0, b"HTTP/1.1 100 Continue\r\n\r\n")],
        [(1.0, b"H"), (59.5, b"T")],
    ],
)
def test_headers_have_together_the_time_of_one_read(scheme, pieces):
    client, _, stream = line(*pieces)
    with pytest.raises(httpx.ReadTimeout):
        client.get(f"{scheme}://seller.example/paid/nav")
    assert stream.waited == TIMEOUT_S


def test_an_answer_late_but_in_time_is_taken_and_each_request_has_its_own_time():
    client, clock, stream = line((59.0, HEAD + b"data"), (58.0, HEAD), (1.0, b"da"), (1.0, b"ta"))
    for _ in range(2):
        assert client.get("http://seller.example/").content == b"data"
    assert clock[0] > 1_100.0
    assert stream.timeouts[:2] == [60.0, 60.0]


def test_what_is_left_of_the_time_is_what_a_read_gets():
    client, _, stream = line((20.0, HEAD[:9]), (30.0, HEAD[9:20]), (9.0, HEAD[20:] + b"data"))
    assert client.get("http://seller.example/").content == b"data"
    assert stream.timeouts == [60.0, 40.0, 10.0]


def test_a_body_has_a_time_of_its_own():
    """`WholeAnswers` gives it 30 s from the headers on."""
    client, _, stream = line((59.0, HEAD), (25.0, b"da"), (4.0, b"ta"))
    assert client.get("http://seller.example/").content == b"data"
    assert stream.timeouts[1:] == [60.0, 60.0]
    client, _, _ = line((59.0, HEAD), (20.0, b"d"), (20.0, b"a"))
    with pytest.raises(httpx.ReadError):
        client.get("http://seller.example/")


def test_a_socket_of_this_machine_is_bounded_too():
    client, _, stream = line((50.0, b"H"), uds="/run/cosigner")
    with pytest.raises(httpx.ReadTimeout):
        client.get("http://cosigner/")
    assert stream.waited == TIMEOUT_S


def test_a_seller_who_drips_headers_is_a_server_that_does_not_answer(tmp_path):
    clock = [1_000.0]
    stream = Said(clock, [(0.0, HEAD[:-4]), (50.0, b"a")])
    made = EndingLine(backend=Sockets(stream), stopwatch=lambda: clock[0])
    budget = Budget(payment=5, day=5, payee=5, route=5)
    buyer = Buyer(None, Token(), Purchases(tmp_path / "p.db"), budget, transport=made)
    with pytest.raises(ServerAway, match="ReadTimeout"):
        buyer.buy("http://seller.example/paid/nav")
    assert stream.waited == TIMEOUT_S
