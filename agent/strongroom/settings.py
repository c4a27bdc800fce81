"""Settings files and secrets: TOML into typed sections, keystores, locks.

Whatever does not fit is a `ConfigError` that names the place in the file and what to do.
"""

import fcntl
import os
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TextIO, get_args

from eth_account import Account
from eth_account.signers.local import LocalAccount
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, ValidationInfo

from strongroom.addresses import typed_address
from strongroom.errors import BadInput, Refused, nearest

FEW = 3  # keys at the top of a file


class ConfigError(BadInput):
    """The configuration cannot be used; the message says where and what to do."""


class AlreadyRuns(Refused):
    """Another process works on the same files."""


class Section(BaseModel):
    """A part of a file: unknown keys are refused, nothing changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _an_address_or_none(text: str) -> str:
    return typed_address(text) if text else ""


def _url_of(*schemes: str, empty: bool = False) -> AfterValidator:
    """Return the check of a URL. Its message does not have it: it may hold a password."""

    def check(text: str) -> str:
        if not (empty and not text) and not text.lower().startswith(schemes):
            raise ValueError(f"must begin with {' or '.join(schemes)}")
        return text

    return AfterValidator(check)


def _beside(place: Path, info: ValidationInfo) -> Path:
    return info.context / place if isinstance(info.context, Path) else place


def after(prefix: str) -> AfterValidator:
    """Return what makes the path behind a prefix relative to the file."""

    def anchor(text: str, info: ValidationInfo) -> str:
        if not text.startswith(prefix) or text == prefix:
            return text
        return f"{prefix}{_beside(Path(text.removeprefix(prefix)), info)}"

    return AfterValidator(anchor)


# Kinds of values. Paths are relative to the file's folder, which is the context of validation.
Address = Annotated[str, AfterValidator(typed_address)]
AddressOrNone = Annotated[str, AfterValidator(_an_address_or_none)]  # empty: none
Place = Annotated[Path, AfterValidator(_beside)]
HttpUrl = Annotated[str, _url_of("http://", "https://")]
HttpUrlOrNone = Annotated[str, _url_of("http://", "https://", empty=True)]  # empty: none
StreamUrlOrNone = Annotated[str, _url_of("ws://", "wss://", empty=True)]  # empty: none
Door = Annotated[str, _url_of("http://", "https://", "unix:"), after("unix:")]  # a process's
DatabaseUrl = Annotated[str, after("sqlite:///")]


def read_toml(path: Path) -> dict[str, Any]:
    """Return what a file holds.

    Raises:
        ConfigError: it is missing or not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))  # some editors put a mark first
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}): name a file") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not TOML: not UTF-8 at byte {error.start}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not TOML: {error}") from error


def describe(error: ValidationError, model: type[BaseModel]) -> str:
    """Return what is wrong with a file, one line a place; for an unknown key the nearest one. Of a
    file of another kind, a co-signer's in place of a keeper's for instance, it is one sentence."""
    if words := _another_kind(error):
        return words
    lines = []
    for each in error.errors(include_url=False, include_input=False):
        place = [str(part) for part in each["loc"]]
        words = each["msg"].removeprefix("Value error, ")
        if each["type"] == "extra_forbidden":
            words = f"unknown key{nearest(place[-1], _keys(model, place[:-1]))}"
        lines.append(f"[{'.'.join(place)}] {words}" if place else words)
    return "\n".join(lines)


def _another_kind(error: ValidationError) -> str:
    """Return that a file is of another kind, where it lacks keys and has as many of no use."""
    found = [each for each in error.errors(include_url=False) if len(each["loc"]) == 1]
    lacks, strange = (
        [str(each["loc"][0]) for each in found if each["type"] == kind]
        for kind in ("missing", "extra_forbidden")
    )
    other = [each for each in strange if not nearest(each, lacks)]  # the rest is misspelt
    if min(len(lacks), len(other)) < FEW:
        return ""
    lacked, known = (", ".join(each[:FEW]) for each in (lacks, strange))
    return f"a file of another kind: it has {known}, and no {lacked}: name the right one"


def _keys(model: type[BaseModel], place: Sequence[str]) -> list[str]:
    """Return the keys that a section may have; numbers of a list's entries are skipped."""
    for part in place:
        field = model.model_fields.get(part)
        inside = [field.annotation] if field is not None else []
        while inside:
            kind = inside.pop()
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                model = kind
                break
            inside += get_args(kind)
    return list(model.model_fields)


def lock_of(path: Path) -> Path:
    """Return the lock file beside a file: the same one by whatever link the file is named."""
    real = path.resolve()
    return real.with_name(f"{real.name}.lock")


@contextmanager
def only_one(lock: Path, what: str) -> Iterator[Callable[[], None]]:
    """Hold a lock file while the block runs; a process that has ended holds none.

    Yields what makes sure that it is still held: a file that somebody has removed is taken again,
    or AlreadyRuns (another process has a new one) or OSError is raised.

    Args:
        what: what runs, e.g. "a keeper of this journal"

    Raises:
        AlreadyRuns: another process holds it; its number is in the message.
    """
    held = _locked(lock, what)

    def check() -> None:
        nonlocal held
        if not _is_at(lock, held):
            before, held = held, _locked(lock, what)
            before.close()

    try:
        yield check
    finally:
        if _is_at(lock, held):
            lock.unlink(missing_ok=True)
        held.close()


def holder_of(lock: Path) -> str | None:
    """Return who holds a lock file; None: nobody. Nothing is changed by asking."""
    try:
        file = lock.open()
    except FileNotFoundError:
        return None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _who(file)
    return None


def _who(file: TextIO) -> str:
    file.seek(0)
    process = file.read().strip()
    return f"pid {process}" if process else "a process that is starting"


def _locked(lock: Path, what: str) -> TextIO:
    """Return the lock file, locked and with our number in it; raises AlreadyRuns."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    while True:
        file = lock.open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            who = _who(file)
            file.close()
            raise AlreadyRuns(f"{what} is already running, {who}: end it first") from None
        if _is_at(lock, file):
            break
        file.close()  # its last holder removed it in between
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def _is_at(lock: Path, held: TextIO) -> bool:
    """Say whether an open file is the one that the path names."""
    try:
        return os.path.samestat(os.fstat(held.fileno()), lock.stat())
    except FileNotFoundError:
        return False


def unlock(path: Path, variable: str, ask: Callable[[str], str] | None = None) -> LocalAccount:
    """Return the account of a keystore file.

    Args:
        variable: of the environment, has the passphrase
        ask: is asked for it where the variable is not set

    Raises:
        ConfigError: the file or the passphrase is missing or wrong.
    """
    try:
        text = path.read_text()
    except OSError as error:
        raise ConfigError(
            f"keystore {path}: {error.strerror}: make one with `ape accounts generate` or "
            "eth_account"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"keystore {path}: not a keystore: name another file") from error
    passphrase = os.environ.get(variable)
    if passphrase is None and ask is not None:
        passphrase = ask(f"Passphrase of {path}")
    if passphrase is None:
        raise ConfigError(f"keystore {path}: set {variable} to its passphrase")
    try:
        account: LocalAccount = Account.from_key(Account.decrypt(text, passphrase))
        return account
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"keystore {path}: not a keystore, or {variable} is not its passphrase"
        ) from error


def read_secret(
    path: Path,
    place: str = "[cosigner.secret_file]",
    cure: str = "write one with `openssl rand -hex 32`",
) -> bytes:
    """Return a secret that only this user may read: the one that keeper and co-signer share.

    Args:
        place: where the configuration names the file
        cure: what to do where it is missing

    Raises:
        ConfigError: the file is missing, or others may open it.
    """
    try:
        secret = path.read_bytes().strip()
        mode = path.stat().st_mode
    except OSError as error:
        raise ConfigError(f"{place} {path}: {error.strerror}: {cure}") from error
    if mode & 0o077:
        raise ConfigError(
            f"{place} {path} is open to other users (mode {mode & 0o777:o}): "
            f"run `chmod 600 {path}`, and write another secret if they may have read it"
        )
    return secret
