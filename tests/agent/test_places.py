"""Places of evidence documents as hostile keepers may run them: sockets of this machine."""

import errno
import os
import re
import socket
import threading
import time
import zlib

import httpx
import pytest
from strongroom.audit.availability import EvidencePlaces, PlaceState
from strongroom.chain.ids import keccak, to_hex
from strongroom.chain.places import (
    LARGEST,
    CarPlace,
    FolderPlace,
    FoundDocument,
    Presence,
    WebPlace,
    is_global,
    place_of,
    url_of,
)
from strongroom.errors import BadInput

from tests.agent.test_car import DOCUMENTS, IDS, car

TEXT = DOCUMENTS[0]
DIGEST = "0x" + keccak(TEXT).hex()
HEAD = b"HTTP/1.1 200 OK\r\n"
GZIP = b"Content-Encoding: gzip\r\n"


def whole(text, more=b"", status=b"200 OK"):
    length = b"Content-Length: %d\r\n" % len(text)
    return b"HTTP/1.1 " + status + b"\r\n" + length + more + b"\r\n" + text


def drip(*parts, pause=0.05):
    """Return parts that a server sends one after the other, the last for ever."""

    def send(connection):
        for part in parts[:-1]:
            connection.sendall(part)
        while True:
            connection.sendall(parts[-1])
            time.sleep(pause)

    return send


class Server:
    """Says the same to whoever asks, and counts."""

    def __init__(self, answer):
        self.answer, self.asked = answer, []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/evidence"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._say, args=(connection,), daemon=True).start()

    def _say(self, connection):
        try:
            with connection:
                self.asked.append(connection.recv(65_536))
                if callable(self.answer):
                    self.answer(connection)
                else:
                    connection.sendall(self.answer)
        except OSError:
            pass

    def close(self):
        self._socket.close()


@pytest.fixture
def serve():
    servers = []

    def start(answer):
        servers.append(Server(answer))
        return servers[-1]

    yield start
    for each in servers:
        each.close()


def web(url, **options):
    return WebPlace(url, **{"longest_s": 1.0, "pause": lambda seconds: None} | options)


BOMB = zlib.compressobj(9, zlib.DEFLATED, 31)
BOMB = BOMB.compress(bytes(2**26)) + BOMB.flush()  # 64 MiB in 64 KiB
MISSING = {
    "not there": (whole(b"", status=b"404 Not Found"), "missing"),
    "a key is asked for": (whole(b"", status=b"403 Forbidden"), "a key"),
    "a redirect": (whole(b"", b"Location: /other\r\n", b"302 Found"), "redirects"),
    "a redirect to a file": (
        whole(b"", b"Location: file:///etc/passwd\r\n", b"301 M"),
        "redirects",
    ),
    "a bomb": (whole(BOMB, GZIP), "compressed"),
    "the document, compressed": (whole(zlib.compress(TEXT), GZIP), "compressed"),
    "more than it says": (HEAD + b"\r\n" + bytes(LARGEST + 2), "more than"),
    "a teapot": (whole(TEXT, status=b"418 Teapot"), "418"),
}
UNKNOWN = {
    "busy": whole(b"", status=b"503 Busy"),
    "too often": whole(b"", status=b"429 Slow"),
    "nothing": b"",
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "cut off": HEAD + b"Content-Length: 100\r\n\r\n" + TEXT,
    "a head without end": HEAD + b"A: " + b"a" * 200_000,
    "a slow head": drip(HEAD, b"A: b\r\n"),
    "a slow body": drip(HEAD + b"\r\n", b"x"),
    "silence": lambda connection: time.sleep(30),
}


@pytest.mark.parametrize("name", MISSING)
def test_what_a_stranger_would_not_get_is_missing(serve, name):
    answer, why = MISSING[name]
    found = web(serve(answer).url, longest_s=60.0).find(DIGEST)
    assert (found.presence, found.text) == (Presence.MISSING, None) and why in found.why


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_is_not_answered_is_unknown_and_ends_in_time(serve, name):
    started = time.monotonic()
    found = web(serve(UNKNOWN[name]).url).find(DIGEST)
    assert (found.presence, found.text) == (Presence.UNKNOWN, None) and "no answer" in found.why
    assert time.monotonic() - started < 15, "silence would last twice as long"


def test_the_hash_decides(serve):
    server = serve(whole(TEXT))
    assert web(server.url, longest_s=60.0).find(DIGEST) == FoundDocument(Presence.FOUND, TEXT)
    request = server.asked[0]
    assert request.startswith(f"GET /evidence/{DIGEST}.json HTTP/1.1".encode())
    assert b"Accept-Encoding: identity" in request
    other = web(server.url, longest_s=60.0).find("0x" + "11" * 32)
    assert (other.presence, other.text, other.why) == (Presence.WRONG, None, DIGEST)


def test_a_server_that_is_away_is_asked_for_three_documents_and_no_more(serve):
    server = serve(UNKNOWN["busy"])
    place = web(server.url, longest_s=60.0)
    found = [place.find(DIGEST) for _ in range(50)]
    assert {each.presence for each in found} == {Presence.UNKNOWN}
    assert len(server.asked) == 3 * 3 and "not asked any more" in found[-1].why


def test_a_server_that_is_right_and_slow_does_not_hold_an_audit_up_for_days(serve):
    """29 s a document: 24 s more than the 5 it may take, so the 60 s are used up by the third."""
    server, now = serve(whole(TEXT)), [0.0]

    def slow(request):
        now[0] += 29
        return httpx.Response(200, stream=httpx.ByteStream(TEXT))

    place = WebPlace(server.url, httpx.MockTransport(slow), stopwatch=lambda: now[0])
    found = [place.find(DIGEST) for _ in range(10)]
    assert [each.presence for each in found].count(Presence.FOUND) == 3
    assert found[-1].presence is Presence.UNKNOWN and "too slow" in found[-1].why
    quick = web(serve(whole(TEXT)).url, longest_s=60.0)
    assert all(quick.find(DIGEST).presence is Presence.FOUND for _ in range(20))


def test_a_url_may_say_where_hash_or_content_id_stand():
    assert url_of("https://one.example/docs/", DIGEST) == f"https://one.example/docs/{DIGEST}.json"
    gateway = url_of("https://ipfs.example/ipfs/{cid}?format=raw", DIGEST)
    assert gateway == f"https://ipfs.example/ipfs/{IDS[0]}?format=raw"
    assert url_of("https://two.example/d?h={hash}", DIGEST).endswith(f"?h={DIGEST}")


PRIVATE = (
    "127.0.0.1", "10.1.2.3", "192.168.0.9", "169.254.1.1", "100.64.0.1", "172.16.0.1", "0.0.0.0",
    "::1", "fe80::1%en0", "fd00::1",
)  # fmt: skip


NO_URLS = (
    "http://[", "http://[::1", "https://" + "a" * 64 + ".com/", "https://a..b/", "https:///x",
    "https://one.example:99999/", "https://one.example:abc/", "https://one.example:0/",
    "https://one example.com/", "https://one\x00.example/", "https://one\u202e.example/",
    "https://\udcff.example/", "http://user:secret@/x",
)  # fmt: skip


@pytest.mark.parametrize("url", NO_URLS)
def test_a_typing_error_in_a_url_is_no_difference(url):
    """Each document would be "missing" there, or the audit would end with a defect."""
    with pytest.raises(BadInput, match=r"the URL of a place cannot be asked .*: write") as told:
        place_of(url)
    assert "secret" not in str(told.value) and str(told.value).isprintable()


@pytest.mark.parametrize("url", [
    "https://8.8.8.8/x", "https://[2606:4700::1111]/{hash}", "http://8.8.8.8:8080/?f={hash}",
    "https://8.8.8.8/ipfs/{cid}?format=raw",
])  # fmt: skip
def test_a_url_without_a_key_is_public(url):
    assert place_of(url).is_public


@pytest.mark.parametrize("url", [
    "https://user:key@8.8.8.8/x", "https://key@8.8.8.8/x", "https://8.8.8.8/{hash}?token=5",
    "https://8.8.8.8/x?5eCr3t={hash}", "https://8.8.8.8/{hash}?5eCr3t", "https://8.8.8.8/?f={hash}&X-Amz-Signature=5",
])  # fmt: skip
def test_what_is_got_with_a_key_no_stranger_could_get(url):
    assert not place_of(url).is_public


@pytest.mark.parametrize("address", [
    "224.0.0.1", "ff0e::1", "2002:7f00:1::", "2002:a00:1::1", "64:ff9b::7f00:1", "64:ff9b::a00:1",
    "::ffff:127.0.0.1",
])  # fmt: skip
def test_an_address_that_stands_for_a_private_one_is_private(address):
    assert not is_global("one.example", lambda host: [address])
    assert is_global("one.example", lambda host: ["64:ff9b::808:808", "2002:808:808::1"])


@pytest.mark.parametrize("leads_to", ["/proc/self/mem", "/proc/kmsg", "/proc/self/environ"])
def test_a_link_to_a_file_of_the_system_ends_no_audit(tmp_path, leads_to):
    """A folder of somebody else's is unpacked with its links."""
    (tmp_path / f"{DIGEST}.json").symlink_to(leads_to)
    found = FolderPlace(tmp_path).find(DIGEST)
    assert found.text is None and found.presence is not Presence.FOUND


def test_a_file_that_this_process_cannot_read_is_not_missing(tmp_path, monkeypatch):
    """Another user's, or no handle is left: that says nothing of the keeper."""
    (tmp_path / f"{DIGEST}.json").write_bytes(TEXT)
    opened = os.open
    for number in (errno.EACCES, errno.EMFILE, errno.EIO, errno.ESTALE):

        def fails(path, *more, number=number):
            if str(path).endswith(".json"):
                raise OSError(number, os.strerror(number))
            return opened(path, *more)

        monkeypatch.setattr(os, "open", fails)
        found = FolderPlace(tmp_path).find(DIGEST)
        assert found.presence is Presence.UNKNOWN and os.strerror(number) in found.why
        found = EvidencePlaces([FolderPlace(tmp_path)]).find(DIGEST)
        assert found.presence is Presence.UNKNOWN and found.text is None
        assert "cannot be read" in found.why and "leave the place out" in found.why


def test_a_file_that_gives_nothing_yet_is_not_missing(tmp_path, monkeypatch):
    (tmp_path / f"{DIGEST}.json").write_bytes(TEXT)
    opened = os.fdopen

    class Waits:
        def __init__(self, *given):
            self._file = opened(*given)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self._file.close()

        def read(self, size):
            return None

    monkeypatch.setattr(os, "fdopen", Waits)
    found = FolderPlace(tmp_path).find(DIGEST)
    assert (found.presence, found.why) == (Presence.UNKNOWN, "its file gives nothing yet")


def test_a_car_that_changes_while_it_is_read_says_nothing(tmp_path):
    """It is written in place: neither "missing" nor "other content" follows."""
    path = tmp_path / "documents.car"
    path.write_bytes(car([TEXT, bytes(100_000)]))
    place = CarPlace(path)
    assert place.find(DIGEST).text == TEXT
    place.find("0x" + keccak(bytes(100_000)).hex())  # else it is in memory still
    path.write_bytes(bytes(path.stat().st_size))
    assert place.find(DIGEST).presence is Presence.UNKNOWN
    path.write_bytes(b"")
    assert place.find(DIGEST).presence is Presence.UNKNOWN


def test_public_is_who_has_global_addresses_alone():
    """By RFC 6890's registry, as Python's `ipaddress` has it."""
    assert is_global("one.example", lambda host: ["8.8.8.8", "2606:4700::1111"])
    assert not is_global("nobody.example", lambda host: [])
    for each in PRIVATE:
        assert not is_global("one.example", lambda host, each=each: ["8.8.8.8", each])
    assert not WebPlace("http://127.0.0.1:1/x").is_public
    assert not WebPlace("http://localhost/x").is_public
    assert WebPlace("https://8.8.8.8/x").is_public


def test_only_a_regular_file_of_a_stated_size_is_opened(tmp_path):
    """Case A13. Whatever else stands under a document's name is as if there were none."""
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "device.json").symlink_to("/dev/zero")
    (tmp_path / "nowhere.json").symlink_to(tmp_path / "nothing")
    with (tmp_path / "large.json").open("wb") as file:
        file.truncate(2**30)
    (tmp_path / f"{DIGEST}.json").write_bytes(TEXT)
    place = FolderPlace(tmp_path)
    assert place.find(DIGEST) == FoundDocument(Presence.FOUND, TEXT)
    names = ("pipe", "folder", "device", "nowhere", "large", "none")
    found = {name: place.find(name) for name in names}
    assert all(each.text is None and each.why.startswith("missing") for each in found.values())
    assert "no regular file" in found["pipe"].why and "more than" in found["large"].why


def test_a_car_counts_by_its_bytes_not_by_its_ids(tmp_path):
    """A content id may lie; so a block is what its own bytes hash to."""
    path, lie = tmp_path / "all.car", car().replace(TEXT, TEXT.replace(b"ab", b"ac"))
    path.write_bytes(lie)
    place = CarPlace(path)
    assert place.find(DIGEST).presence is Presence.MISSING
    assert place.find("0x" + keccak(DOCUMENTS[1]).hex()).text == DOCUMENTS[1]
    path.write_bytes(car())
    place = CarPlace(path)
    assert place.find(DIGEST).text == TEXT
    draft = tmp_path / "draft"
    draft.write_bytes(b"its publisher has written it anew")
    draft.replace(path)
    assert place.find(DIGEST).text == TEXT, "what was looked through is what is read"


def test_a_place_is_a_folder_a_car_file_or_a_url(tmp_path):
    (tmp_path / "all.car").write_bytes(car())
    (tmp_path / "other").write_bytes(b"{}")
    assert isinstance(place_of(str(tmp_path)), FolderPlace)
    assert isinstance(place_of(str(tmp_path / "all.car")), CarPlace)
    assert isinstance(place_of("https://one.example"), WebPlace)
    os.mkfifo(tmp_path / "pipe")
    for name in ("nowhere", "other", "pipe"):
        with pytest.raises(BadInput, match="name"):
            place_of(str(tmp_path / name))


# several places as one


class Said:
    """A place that says the same of every document."""

    def __init__(self, name, found, is_public=True):
        self.name, self._found, self.is_public, self.asked = name, found, is_public, 0

    def find(self, digest):
        self.asked += 1
        return self._found


HERE = FoundDocument(Presence.FOUND, TEXT)
NOT_HERE = FoundDocument(Presence.MISSING, why="missing")
LIES = FoundDocument(Presence.WRONG, why="0x" + "77" * 32)
AWAY = FoundDocument(Presence.UNKNOWN, why="no answer: HTTP 503")


def together(**said):
    return EvidencePlaces([Said(name, each, name[0] != "p") for name, each in said.items()])


def test_each_place_is_asked_once_and_counted():
    places = [Said("a", NOT_HERE), Said("b", AWAY), Said("c", LIES), Said("pd", HERE, False),
              Said("e", HERE)]  # fmt: skip
    both = EvidencePlaces(places)
    assert both.find(DIGEST) == both.find(DIGEST) == HERE
    assert [each.asked for each in places] == [1] * 5
    assert both.where(DIGEST) == (("e",), ("pd",))
    assert both.states() == (
        PlaceState("a", True, missing=1, why="missing"),
        PlaceState("b", True, unknown=1, why=AWAY.why),
        PlaceState("c", True, wrong=1, why=LIES.why),
        PlaceState("pd", False, found=1),
        PlaceState("e", True, found=1),
    )


def test_a_place_that_is_away_is_no_verdict():
    """Unknown is not zero: neither "missing" nor "there" follows from no answer."""
    places = together(a=NOT_HERE, b=AWAY, c=LIES)
    found = places.find(DIGEST)
    assert found.presence is Presence.UNKNOWN and found == places.look(DIGEST)
    assert found.why.startswith("--evidence b: no answer: HTTP 503")
    assert places.why_unknown(DIGEST) == found.why
    assert together(a=AWAY, b=HERE).find(DIGEST) == HERE


def test_wrong_content_is_told_only_where_no_place_has_the_right_one():
    assert together(a=NOT_HERE, b=LIES).find(DIGEST) == LIES
    found = together(a=NOT_HERE, b=FoundDocument(Presence.MISSING, why="missing: HTTP 418"))
    assert found.find(DIGEST).why == "a: missing; b: missing: HTTP 418"


ALWAYS = {
    "not there": httpx.Response(404), "a start page": httpx.Response(200, content=b"<html>"),
    "a redirect": httpx.Response(301), "a robot's riddle": httpx.Response(403),
    "a bad host": httpx.Response(400),
}  # fmt: skip


def served(answer):
    """A server that answers so to whatever is asked."""
    whole = answer.content

    def say(request):
        return httpx.Response(answer.status_code, stream=httpx.ByteStream(whole))

    return WebPlace("https://one.example/evidense", httpx.MockTransport(say))


@pytest.mark.parametrize("name", ALWAYS)
def test_a_server_without_one_document_may_be_a_typing_error(name, tmp_path):
    """It accuses nobody, as long as no other place has a document; an empty folder may."""
    both = EvidencePlaces([Said("folder", NOT_HERE), served(ALWAYS[name])])
    both.doubt_servers()  # nothing was asked
    assert both.find(DIGEST).text is None and not both.why_unknown(DIGEST)
    both.doubt_servers()
    assert re.search(
        r"evidense: it has none of the 1 documents .*right\?", both.why_unknown(DIGEST)
    )
    assert both.find(DIGEST).presence is Presence.UNKNOWN
    for places in ([FolderPlace(tmp_path)], [Said("folder", HERE), served(ALWAYS[name])]):
        both = EvidencePlaces(places)
        both.find(DIGEST)
        both.doubt_servers()
        assert not both.why_unknown(DIGEST)


@pytest.mark.parametrize("text", ["", " "])
def test_no_text_is_no_place(text):
    """It was the folder in which the audit runs: each document is missing there."""
    with pytest.raises(BadInput, match="has no name: give a folder"):
        place_of(text)


def test_views_leave_nothing_in_the_temporary_file(tmp_path):
    """Each is used once; a hostile writer's were kept until the disk was full."""
    places = EvidencePlaces([FolderPlace(tmp_path)])
    text = bytes(range(256)) * 4_096
    name = to_hex(keccak(text))
    (tmp_path / f"{name}.json").write_bytes(text)
    assert places.look(name).text == places.look(name).text == text
    assert places.look("0x" + "12" * 32).presence is Presence.MISSING
    ((kept,),) = places._kept.execute("SELECT count(*) FROM looked")
    assert kept == 0
