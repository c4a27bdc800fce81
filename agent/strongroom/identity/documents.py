"""Files that registries name: inside a `data:` URI, or by their hash in places that the reader
names. A URL that a stranger wrote is never fetched."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from strongroom.chain.document_size import LARGEST
from strongroom.chain.ids import Json, JsonObject, canonical, keccak, read_json, to_hex
from strongroom.chain.places import DocumentPlace, Presence
from strongroom.errors import BadInput

DATA = "data:application/json;base64,"
NO_HASH = "0x" + "00" * 32


@dataclass(frozen=True)
class NamedFile:
    """A file as it is handed to a registry: its bytes, their hash, where they are."""

    text: bytes
    uri: str

    @property
    def digest(self) -> str:
        """keccak of the bytes, 0x..."""
        return to_hex(keccak(self.text))


@dataclass(frozen=True)
class Lookup:
    """What became of a file: its content, or why there is none."""

    content: JsonObject | None
    why: str = ""


def named_file(content: Json, folder: Path | None = None, base: str = "") -> NamedFile:
    """Return canonical JSON as a file, written to a folder where one is named.

    Args:
        base: URL of the folder from which the file will be served; "": it goes into the URI

    Raises:
        BadInput: a URL without a folder to serve.
    """
    text = canonical(content)
    digest = to_hex(keccak(text))
    if base and folder is None:
        raise BadInput("--base-url: name by --out the folder that is served there")
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{digest}.json").write_bytes(text)
    return NamedFile(text, f"{base.rstrip('/')}/{digest}.json" if base else data_uri(text))


def data_uri(text: bytes) -> str:
    """Return JSON as a URI of its own."""
    return DATA + base64.b64encode(text).decode()


def inside(uri: str) -> bytes | None:
    """Return what a `data:` URI holds; None: it is another URI, or holds no JSON in base64."""
    if not uri.startswith("data:") or len(uri) > 2 * LARGEST:
        return None
    head, _, body = uri.partition(",")
    if not head.endswith(";base64"):
        return None
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        return None


def look_up(uri: str, digest: str, places: Sequence[DocumentPlace]) -> Lookup:
    """Return a file by its hash: from the URI itself, else from the places.

    Args:
        digest: keccak of its bytes, 0x...
    """
    text = inside(uri)
    if text is not None:
        if to_hex(keccak(text)) != digest:
            return Lookup(None, "its bytes have another hash")
        return _read(text)
    told = []
    for each in places:
        found = each.find(digest)
        if found.presence is Presence.FOUND and found.text is not None:
            return _read(found.text)
        told.append(f"{each.name}: {found.why or found.presence}")
    return Lookup(None, "; ".join(told) or "not looked for: name a place by --files")


def _read(text: bytes) -> Lookup:
    try:
        found = read_json(text)
    except ValueError:
        found = None
    return Lookup(found) if isinstance(found, dict) else Lookup(None, "it is no JSON object")
