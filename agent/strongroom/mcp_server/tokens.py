"""Who may ask: bearer tokens, of which the file has the hashes alone.

A token is for one client, one vault on one chain, some scopes and some days. It is random and long,
so its hash needs no salt. The file is read at each request: what is taken out of it counts no more.
"""

import hashlib
import hmac
import os
import secrets
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from strongroom.chain.units import DAY
from strongroom.errors import BadInput
from strongroom.settings import ConfigError

PREFIX = "strongroom_"  # so that a scanner of secrets finds one that was published
LONGEST_DAYS = 366
NAME = r"^[a-z][a-z0-9-]{0,31}$"
ClientName = Annotated[str, Field(pattern=NAME)]


class NoSuchClient(BadInput):
    """The file has no token of this client."""


class ToolScope(StrEnum):
    """What a token is good for."""

    READ = "read"
    PROPOSE = "propose"


@dataclass(frozen=True)
class KeptToken:
    """A token as the file has it.

    Attributes:
        digest: SHA-256 of the token, hex
        audience: the vault it is for
        expires: timestamp
    """

    client: ClientName
    digest: str
    audience: str
    scopes: tuple[ToolScope, ...]
    made: int
    expires: int

    @property
    def number(self) -> str:
        """What log and lists name it by."""
        return self.digest[:12]


_FILE = TypeAdapter(list[KeptToken])


def audience_of(chain_id: int, vault: str) -> str:
    """Return what a token for a vault is bound to (CAIP-10)."""
    return f"eip155:{chain_id}:{vault.lower()}"


def digest_of(token: str) -> str:
    """Return what the file has of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def read_tokens(path: Path) -> list[KeptToken]:
    """Return the tokens of a file; none where there is no file.

    Raises:
        ConfigError: it cannot be read, or others may write it.
    """
    try:
        text, mode = path.read_bytes(), path.stat().st_mode
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ConfigError(f"[mcp.tokens] {path}: {error.strerror}: name a file") from error
    if mode & 0o077:
        raise ConfigError(
            f"[mcp.tokens] {path} is open to other users (mode {mode & 0o777:o}): "
            f"run `chmod 600 {path}`"
        )
    try:
        return _FILE.validate_json(text)
    except ValidationError as error:
        raise ConfigError(
            f"[mcp.tokens] {path}: no list of tokens: make them with `strongroom mcp token`"
        ) from error


def make_token(
    path: Path, client: str, audience: str, scopes: Sequence[ToolScope], days: int, now: int
) -> str:
    """Keep a new token's hash; return the token, which nothing shows a second time. An older one of
    the client goes on until it is taken out.

    Raises:
        BadInput: the name is none.
        ConfigError: the file cannot be used.
    """
    token = PREFIX + secrets.token_urlsafe(32)
    granted = tuple(dict.fromkeys((ToolScope.READ, *scopes)))
    try:
        made = TypeAdapter(KeptToken).validate_python(
            KeptToken(client, digest_of(token), audience, granted, now, now + days * DAY).__dict__
        )
    except ValidationError as error:
        raise BadInput(
            f"{client!r} is no name of a client: a to z, 0 to 9 and -, at most 32 letters"
        ) from error
    _write(path, [*read_tokens(path), made])
    return token


def revoke(path: Path, client: str) -> int:
    """Take all tokens of a client out; return how many there were.

    Raises:
        NoSuchClient: see the class.
    """
    known = read_tokens(path)
    left = [each for each in known if each.client != client]
    if len(left) == len(known):
        names = ", ".join(sorted({each.client for each in known})) or "none"
        raise NoSuchClient(f"no token of {client!r}: the file has tokens of {names}")
    _write(path, left)
    return len(known) - len(left)


def find_token(known: Sequence[KeptToken], given: str, audience: str, now: int) -> KeptToken | None:
    """Return the token that was given, if it is one, for this vault, and not over."""
    digest, found = digest_of(given), None
    for each in known:
        if hmac.compare_digest(each.digest.encode(), digest.encode()):
            found = each
    if found is None or found.audience != audience or found.expires <= now:
        return None
    return found


@dataclass(frozen=True)
class TokenDoor:
    """Says whose token it is."""

    path: Path
    audience: str
    clock: Callable[[], float]

    def find(self, given: str) -> KeptToken | None:
        """Return the token, or None: nobody's, another vault's, or over.

        Raises:
            ConfigError: the file cannot be used.
        """
        return find_token(read_tokens(self.path), given, self.audience, int(self.clock()))


def _write(path: Path, tokens: Sequence[KeptToken]) -> None:
    try:
        handle, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 600
        with os.fdopen(handle, "wb") as file:
            file.write(_FILE.dump_json(list(tokens), indent=1))
            file.flush()
            os.fsync(file.fileno())
        Path(draft).replace(path)
    except OSError as error:
        raise ConfigError(f"[mcp.tokens] {path}: {error.strerror}: name another file") from error
