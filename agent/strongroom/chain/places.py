"""Places where evidence documents are kept: a folder, a CAR file, a web server. Read by hash.

Whoever keeps them may be hostile: what is read is bounded in bytes and in time, redirects and
compressed answers are refused, and the hash decides whether it is the document. An answer that
does not come is unknown; it is not "missing".
"""

import ipaddress
import os
import socket
import sqlite3
import stat
import threading
import time
import weakref
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qsl, urlsplit

import httpx

from strongroom.chain.car import BadCar, blocks, content_id, content_id_text
from strongroom.chain.document_size import LARGEST
from strongroom.chain.ending_line import EndingLine
from strongroom.chain.ids import keccak, to_bytes, to_hex
from strongroom.chain.jsonrpc import shown_url
from strongroom.errors import BadInput
from strongroom.foreign_text import plain

MOST_BLOCKS = 200_000  # of a CAR file
MOST_BYTES = 2**35  # of its blocks: hashing them takes minutes; a file's holes are bytes, too
LONGEST_S = 30.0  # until an answer is whole, its head included
TRIES, PAUSE_S = 3, 0.5  # of a request that is not answered
FAILURES = 3  # documents in a row without an answer: then the server is not asked any more
SLOW_S, EACH_S = 60.0, 5.0  # that a server may take: once, and for each document
GONE, NO_ENTRY, BUSY = (404, 410), (401, 402, 403), (408, 425, 429)  # of HTTP
OPEN_NAMES = (
    "arg",
    "cid",
    "document",
    "f",
    "file",
    "h",
    "hash",
    "id",
    "name",
    "path",
)  # in a query
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
Resolve = Callable[[str], Iterable[str]]  # host -> its addresses


class Presence(StrEnum):
    """Whether a place has a document."""

    FOUND = "found"
    MISSING = "missing"
    WRONG = "wrong content"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class FoundDocument:
    """A document's bytes; without them, why. `text` is there for FOUND alone."""

    presence: Presence
    text: bytes | None = None
    why: str = ""


class DocumentPlace(Protocol):
    """A place that is asked for documents by their hashes, 0x..."""

    @property
    def name(self) -> str:
        """What messages call it."""

    @property
    def is_public(self) -> bool:
        """Whether a stranger can ask here, too."""

    def find(self, digest: str) -> FoundDocument:
        """Return the document of a hash. Never raises for what the place does."""


def place_of(text: str) -> DocumentPlace:
    """Return the place that a command line names: a URL, a folder or a CAR file.

    Raises:
        BadInput: it is none; no text at all would be the folder that this process is in.
    """
    if not text.strip():
        raise BadInput("a place of documents has no name: give a folder, a CAR file or a URL")
    if text.lower().startswith(("http://", "https://")):
        return WebPlace(text)
    path = Path(text)
    if path.is_dir():
        return FolderPlace(path)
    if path.is_file():
        return CarPlace(path)
    raise BadInput(f"{text} is not a folder, a CAR file or a URL: name where the documents are")


def _judged(digest: str, text: bytes) -> FoundDocument:
    found = to_hex(keccak(text))
    if found != digest:
        return FoundDocument(Presence.WRONG, why=found)
    return FoundDocument(Presence.FOUND, text)


def _missing(why: str = "") -> FoundDocument:
    return FoundDocument(Presence.MISSING, why=f"missing: {why}" if why else "missing")


def _unread(error: OSError) -> FoundDocument:
    """Return what follows where a file is, or may be, and this process cannot read it."""
    return FoundDocument(Presence.UNKNOWN, why=f"its file cannot be read ({error.strerror})")


@dataclass(frozen=True)
class FolderPlace:
    """A folder of files 0x....json."""

    path: Path
    is_public = False

    @property
    def name(self) -> str:
        """The folder."""
        return str(self.path)

    def find(self, digest: str) -> FoundDocument:
        """Read a regular file that is not too large."""
        try:
            # without waiting: a pipe that nobody writes to would hold the reader up
            how = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
            handle = os.open(self.path / f"{digest}.json", how)
        except FileNotFoundError:
            return _missing()
        except OSError as error:
            return _unread(error)
        kind = os.fstat(handle)
        if not stat.S_ISREG(kind.st_mode):
            os.close(handle)
            return _missing("no regular file")
        with os.fdopen(handle, "rb") as file:
            try:  # what a link leads to may be a file that gives nothing
                text = file.read(LARGEST + 1) if kind.st_size <= LARGEST else b""
            except OSError as error:
                return _unread(error)
        if text is None:
            return FoundDocument(Presence.UNKNOWN, why="its file gives nothing yet")
        if max(kind.st_size, len(text)) > LARGEST:
            return _missing(f"more than {LARGEST} bytes")
        return _judged(digest, text)


def check_extent(count: int, size: int) -> None:
    """Refuse a CAR file that takes too long to look through.

    Args:
        count: of its blocks, the root's included
        size: bytes of those that may be documents

    Raises:
        BadCar: it is so.
    """
    if count > MOST_BLOCKS:
        raise BadCar(f"it has more than {MOST_BLOCKS:,} blocks")
    if size > MOST_BYTES:
        raise BadCar(f"its blocks have more than {MOST_BYTES // 2**30} GiB")


class CarPlace:
    """A CAR file. Its blocks count by the keccak-256 of their bytes, whatever their ids say."""

    is_public = False

    def __init__(self, path: Path) -> None:
        """Take the file, and look through its blocks.

        Raises:
            BadInput: it is no CAR, or has too many blocks.
        """
        self.name, self._path = str(path), path
        try:
            self._file = path.open("rb")  # kept: another may take its name meanwhile
            weakref.finalize(self, self._file.close)
            self._index = self._indexed()
        except OSError as error:
            raise BadInput(f"{path} cannot be read ({error.strerror})") from error

    def find(self, digest: str) -> FoundDocument:
        """Read a block."""
        asked = "SELECT place, size FROM block WHERE digest = ?"
        row = self._index.execute(asked, (to_bytes(digest),)).fetchone()
        if row is None:
            return _missing()
        try:
            self._file.seek(row[0])
            found = _judged(digest, self._file.read(row[1]))
        except OSError as error:
            return _unread(error)
        if found.presence is Presence.WRONG:  # it was there when the file was looked through
            return FoundDocument(Presence.UNKNOWN, why="the file was changed meanwhile")
        return found

    def _indexed(self) -> sqlite3.Connection:
        """Return where each block lies, in a temporary file."""
        index = sqlite3.connect("")
        index.execute("CREATE TABLE block (digest BLOB PRIMARY KEY, place INT, size INT)")
        try:
            total = 0
            for number, block in enumerate(blocks(self._file), 1):
                total += block.size if block.size <= LARGEST else 0
                check_extent(number, total)
                if block.size > LARGEST:
                    continue
                self._file.seek(block.offset)
                row = (keccak(self._file.read(block.size)), block.offset, block.size)
                index.execute("INSERT OR IGNORE INTO block VALUES (?, ?, ?)", row)
        except BadCar as error:
            raise BadCar(f"{self._path}: {error}: name another file") from error
        return index


class WebPlace:
    """A web server, by the URL of its folder, or by one with {hash} or {cid} in it."""

    def __init__(
        self,
        url: str,
        transport: httpx.BaseTransport | None = None,
        longest_s: float = LONGEST_S,
        pause: Callable[[float], None] = time.sleep,
        resolve: Resolve | None = None,
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the URL.

        Args:
            transport: instead of the network
            longest_s: until an answer is whole
            resolve: a host's addresses, instead of asking for them
            stopwatch: seconds

        Raises:
            BadInput: it is none.
        """
        _check_url(url)
        self._url, self._transport, self._longest, self._pause = url, transport, longest_s, pause
        self._resolve = resolve or addresses_of
        self._in_a_row, self._last = 0, ""
        self._stopwatch, self._left = stopwatch, SLOW_S
        self.name = shown_url(url) + urlsplit(url).path

    @property
    def is_public(self) -> bool:
        """Whether each of the host's addresses is a global one, and the URL has nothing in it that
        a stranger may not have: a password, or a query that may be a key."""
        parts = urlsplit(self._url)
        asks = parse_qsl(parts.query, keep_blank_values=True)
        has_key = "@" in parts.netloc or any(not _is_open(*each) for each in asks)
        return not has_key and is_global(parts.hostname or "", self._resolve)

    def find(self, digest: str) -> FoundDocument:
        """Ask for a document; what is not answered is asked again twice."""
        if self._in_a_row >= FAILURES or self._left < 0:
            why = self._last if self._in_a_row else "it is too slow"
            return FoundDocument(Presence.UNKNOWN, why=f"not asked any more: {why}")
        found, started = FoundDocument(Presence.UNKNOWN), self._stopwatch()
        for attempt in range(TRIES):
            if attempt:
                self._pause(PAUSE_S * 2**attempt)
            found = self._asked(digest)
            late = self._stopwatch() - started > self._longest
            if found.presence is not Presence.UNKNOWN or late:
                break
        self._left += EACH_S - (self._stopwatch() - started)
        failed = found.presence is Presence.UNKNOWN
        self._in_a_row, self._last = (self._in_a_row + 1, found.why) if failed else (0, "")
        return found

    def _asked(self, digest: str) -> FoundDocument:
        transport = self._transport or EndingLine()
        client = httpx.Client(transport=transport, timeout=min(10.0, self._longest))
        end = time.monotonic() + self._longest
        # a head that comes byte by byte keeps every time-out happy: this one ends it
        guard = threading.Timer(self._longest, client.close)
        guard.daemon = True
        guard.start()
        try:
            with client.stream("GET", url_of(self._url, digest), headers=_PLAIN) as answer:
                wrong = _refusal(answer)
                return _judged(digest, _body(answer, end)) if wrong is None else wrong
        except _TooLarge:
            return _missing(f"more than {LARGEST} bytes")
        except httpx.InvalidURL as error:
            return _missing(f"no URL: {error}")
        except (httpx.HTTPError, httpx.StreamError, OSError, RuntimeError, ValueError) as error:
            late = time.monotonic() >= end
            why = f"not whole after {self._longest:g} s" if late else type(error).__name__
            return FoundDocument(Presence.UNKNOWN, why=f"no answer: {why}")
        finally:
            guard.cancel()
            with suppress(Exception):  # the guard may have closed it halfway
                client.close()


_PLAIN = {"Accept-Encoding": "identity"}


class _TooLarge(Exception):
    """The answer has more bytes than a document."""


def _refusal(answer: httpx.Response) -> FoundDocument | None:
    """Return what an answer's head says instead of a document; None: a document follows."""
    status = answer.status_code
    if status in GONE:
        return _missing()
    if status in NO_ENTRY:
        return _missing(f"it asks for a key (HTTP {status})")
    if 300 <= status < 400:
        return _missing(f"it redirects (HTTP {status})")
    if status in BUSY or status >= 500:
        return FoundDocument(Presence.UNKNOWN, why=f"no answer: HTTP {status}")
    if status != 200:
        return _missing(f"HTTP {status}")
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        return _missing("it is compressed, which was not asked for")
    return None


def _body(answer: httpx.Response, end: float) -> bytes:
    """Return an answer's bytes.

    Raises:
        _TooLarge: there are too many.
        httpx.ReadError: they do not end in time.
    """
    found = bytearray()
    for part in answer.iter_raw():
        found += part
        if len(found) > LARGEST:
            raise _TooLarge
        if time.monotonic() > end:
            raise httpx.ReadError("too slow")
    return bytes(found)


def _check_url(text: str) -> None:
    """Refuse what nobody can ask: as a place it would lack each document.

    Raises:
        BadInput: it is no URL; without the text, which may have a key in it.
    """
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
        host.encode("idna")
        is_url = bool(host) and bool(parts.port is None or parts.port)
        why = "" if is_url and plain(text) == text and " " not in text else "no host and port"
        httpx.URL(url_of(text, "0x" + "00" * 32))
    except (ValueError, httpx.InvalidURL) as error:
        why = plain(str(error))[:120]
    if why:
        raise BadInput(f"the URL of a place cannot be asked ({why}): write https://host/folder")


def _is_open(name: str, value: str) -> bool:
    """Whether a part of a query is no key: what is asked for, or a gateway's form of answers. Any
    other name may be a key itself."""
    is_asked = name in OPEN_NAMES and value in ("{hash}", "{cid}")
    return is_asked or (name, value) == ("format", "raw")


def url_of(url: str, digest: str) -> str:
    """Return where a document is: at {hash} or {cid} of the URL, else in the folder that it is."""
    if "{hash}" in url or "{cid}" in url:
        cid = content_id_text(content_id(to_bytes(digest)))
        return url.replace("{hash}", digest).replace("{cid}", cid)
    return f"{url.rstrip('/')}/{digest}.json"


def addresses_of(host: str) -> list[str]:
    """Return a host's addresses; none where it is not known."""
    try:
        return [str(each[4][0]) for each in socket.getaddrinfo(host, None)]
    except (OSError, UnicodeError):  # no name can be so
        return []


def is_global(host: str, resolve: Resolve = addresses_of) -> bool:
    """Whether a host has addresses, and each is one that anybody in the internet can reach."""
    found = [each.partition("%")[0] for each in resolve(host)]
    return bool(found) and all(_is_global(ipaddress.ip_address(each)) for each in found)


def _is_global(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether an address is global; where it stands for one of another network, whether that is:
    releases of Python differ in what they say of such an address itself."""
    inside = None
    if isinstance(address, ipaddress.IPv6Address):
        inside = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inside = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if inside is not None:
        return _is_global(inside)
    return address.is_global and not address.is_multicast
