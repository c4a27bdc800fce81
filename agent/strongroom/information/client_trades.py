"""Trades that clients propose: a folder of small files between whoever takes them in and a keeper.

Whoever can write there proposes, and no more: the keeper reads each file as a stranger's, holds it
against the limits of its client, and decides by its own rules. A file's name is the hash of what it
says, so the same proposal is the same file. The keeper answers in a file beside it.
"""

import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt, TypeAdapter, ValidationError

from strongroom.chain.ids import ConditionId, canonical, keccak, to_hex
from strongroom.chain.orders import NO, YES, Outcome
from strongroom.chain.units import DAY, MICRO
from strongroom.errors import Away, Refused

LONGEST_S = DAY  # that a proposal may wait
MOST_BYTES = 2_048  # of a file
MOST_FILES = 1_000
MOST_OF_CLIENT = 100  # files that are kept of one client, decided and over ones too
LOCK = ".lock"  # who writes has it
LARGEST = 2**53  # micro-tokens: whole in every JSON reader
Id32 = Annotated[str, Field(pattern=r"^0x[0-9a-f]{64}$")]


class QueueFull(Refused):
    """No more proposals are taken in now; the message says whose are too many."""


class QueueAway(Away):
    """The folder of proposals cannot be used; the message says why."""


class TradeTerms(BaseModel):
    """A purchase that a client proposes: ids and whole numbers, and nothing else."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    market: Id32 = Field(description="Id of the market's condition.")
    outcome: Literal["YES", "NO"] = Field(description="YES is the first outcome.")
    price: StrictInt = Field(ge=1, lt=MICRO, description="Most for a token, millionths of a unit.")
    size: StrictInt = Field(ge=1, le=LARGEST, description="Most tokens, millionths of a token.")
    chance: StrictInt = Field(ge=1, lt=MICRO, description="That the outcome pays, in millionths.")
    good_until: StrictInt = Field(ge=1, le=LARGEST, description="Timestamp, within a day.")
    reasons: Id32 = Field(description="Hash of what this rests on; the text stays with you.")


@dataclass(frozen=True)
class ClientTrade:
    """A proposal as a decision sees it; prices and chances in 10**-6, sizes in micro-tokens.

    Attributes:
        id: hash of the rest, as the client gave it
        spent: what the client's proposals have committed in the last 24 hours, micro-units
    """

    id: str
    client: str
    market: ConditionId
    outcome: Outcome
    price: int
    size: int
    chance: int
    made_at: int
    good_until: int
    reasons: str
    spent: int = 0


class _KeptTrade(BaseModel):
    """A file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    client: Annotated[str, Field(max_length=32)]
    made_at: StrictInt
    terms: TradeTerms


@dataclass(frozen=True)
class TradeState:
    """What a keeper says of a proposal.

    Attributes:
        line: what stands against it, by the name of the rule alone; empty: nothing
        decision: that it came to; empty: none
    """

    state: Literal["waiting", "decided", "expired"]
    line: str = ""
    decision: str = ""


_STATE = TypeAdapter(TradeState)


def trade_id(client: str, terms: TradeTerms) -> str:
    """Return a proposal's id."""
    return to_hex(keccak(canonical({"client": client, **terms.model_dump()})))


@dataclass(frozen=True)
class TradeQueue:
    """The folder."""

    folder: Path

    def put(self, client: str, terms: TradeTerms, now: int, most: int) -> str:
        """Keep a proposal for the keeper; the same one twice is one. Return its id.

        Args:
            most: of one client that may wait at once

        Raises:
            QueueFull: see the class.
            QueueAway: see the class.
        """
        name = trade_id(client, terms)
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o770)
            with self._alone():
                self._put(name, client, terms, now, most)
        except OSError as error:
            raise QueueAway(f"[proposals.folder] {self.folder}: {error.strerror}") from error
        return name

    def _put(self, name: str, client: str, terms: TradeTerms, now: int, most: int) -> None:
        if self._place(name).exists():
            return
        if len(self._waiting(client, now)) >= most:
            raise QueueFull(f"{most} proposals of this client wait already")
        if sum(each.client == client for each in self._kept()) >= MOST_OF_CLIENT:
            raise QueueFull(f"{MOST_OF_CLIENT} proposals of this client are kept: wait a day")
        if len(list(self.folder.iterdir())) >= MOST_FILES:
            raise QueueFull("too many proposals wait")
        kept = _KeptTrade(client=client, made_at=now, terms=terms)
        _write(self._place(name), kept.model_dump_json().encode())

    def take_back(self, client: str, now: int) -> int:
        """Delete what waits of a client; return how much it was. A keeper that has read it already
        decides on it.

        Raises:
            QueueAway: see the class.
        """
        if not self.folder.exists():
            return 0
        try:
            with self._alone():
                found = self._waiting(client, now)
                for name in found:
                    self._place(name).with_suffix(".said").unlink(missing_ok=True)
                    self._place(name).unlink(missing_ok=True)
        except OSError as error:
            raise QueueAway(f"[proposals.folder] {self.folder}: {error.strerror}") from error
        return len(found)

    def read(self, now: int) -> Iterator[ClientTrade]:
        """Yield what may still be decided on, the oldest first. What is no proposal is passed
        over: anybody who can write there can write that."""
        found = []
        for path in self._files():
            text = _bytes(path)
            try:
                kept = _KeptTrade.model_validate_json(text)
            except ValidationError:
                continue
            terms = kept.terms
            if path.stem != trade_id(kept.client, terms) or not 0 < kept.made_at <= now:
                continue
            if not now < terms.good_until <= kept.made_at + LONGEST_S:
                continue
            found.append(
                ClientTrade(
                    path.stem, kept.client, ConditionId(terms.market),
                    YES if terms.outcome == "YES" else NO, terms.price, terms.size, terms.chance,
                    kept.made_at, terms.good_until, terms.reasons,
                )
            )  # fmt: skip
        return iter(sorted(found, key=lambda each: (each.made_at, each.id)))

    def state(self, client: str, name: str, now: int) -> TradeState | None:
        """Return how a client's own proposal stands; None: he has none of this id."""
        try:
            kept = _KeptTrade.model_validate_json(_bytes(self._place(name)))
        except ValidationError:
            return None
        if kept.client != client or trade_id(client, kept.terms) != name:
            return None
        said = self._said(name)
        if said is not None and said.state == "decided":
            return said
        if kept.terms.good_until <= now:
            return TradeState("expired", "" if said is None else said.line)
        return said or TradeState("waiting")

    def answer(self, name: str, state: TradeState) -> None:
        """Say how a proposal stands, where that has changed, and it was not taken back."""
        if self._said(name) != state and self._place(name).exists():
            _write(self._place(name).with_suffix(".said"), _STATE.dump_json(state))

    def tidy(self, now: int) -> None:
        """Delete what has been over for a day."""
        for path in self._files():
            try:
                kept = _KeptTrade.model_validate_json(_bytes(path))
                over = kept.terms.good_until + LONGEST_S < now
            except ValidationError:
                over = path.lstat().st_mtime + 2 * LONGEST_S < now
            if over:
                path.with_suffix(".said").unlink(missing_ok=True)
                path.unlink(missing_ok=True)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let nobody else put in or take back meanwhile: servers, and threads of one."""
        handle = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o660)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _kept(self) -> Iterator[_KeptTrade]:
        for path in self._files():
            try:
                yield _KeptTrade.model_validate_json(_bytes(path))
            except ValidationError:
                continue

    def _waiting(self, client: str, now: int) -> list[str]:
        mine = [each.id for each in self.read(now) if each.client == client]
        return [each for each in mine if not self._is_over(each)]

    def _files(self) -> list[Path]:
        """Return the files that may be proposals; no links, no folders, no pipes."""
        found = [each for each in self.folder.glob("0x*.json") if len(each.stem) == 66]
        return [each for each in sorted(found)[:MOST_FILES] if _is_file(each)]

    def _place(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def _said(self, name: str) -> TradeState | None:
        try:
            return _STATE.validate_json(_bytes(self._place(name).with_suffix(".said")))
        except ValidationError:
            return None

    def _is_over(self, name: str) -> bool:
        said = self._said(name)
        return said is not None and said.state == "decided"


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except FileNotFoundError:
        return False


def _bytes(path: Path) -> bytes:
    """Return a small file's bytes; empty where it is none: too large, of another kind, gone."""
    if not _is_file(path):
        return b""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return b""
    with os.fdopen(handle, "rb") as file:
        text = file.read(MOST_BYTES + 1)
    return text if len(text) <= MOST_BYTES else b""


def _write(path: Path, text: bytes) -> None:
    handle, draft = tempfile.mkstemp(prefix=".", dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    Path(draft).chmod(0o640)  # the keeper may be another user of the folder's group
    Path(draft).replace(path)
