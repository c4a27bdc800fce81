"""A mandate: what a vault's owner admits, in words and in lines, for a vault, a version and a time.

A file is TOML, for people, or canonical JSON: sorted keys, no spaces, UTF-8. Only one text is the
canonical JSON of a mandate, so nobody signs one reading of a file and enforces another.
"""

import json
import re
import unicodedata
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Self

from pydantic import ConfigDict, Field, ValidationError, field_validator, model_validator

from strongroom.chain.ids import JsonObject, canonical, read_json
from strongroom.errors import BadInput, nearest
from strongroom.mandates.vocabulary import (
    EVERY_CLASS,
    LISTS,
    MOST_CLASS,
    NAMES,
    NONE,
    NUMBERS,
    BadLine,
)
from strongroom.settings import Address, Section, describe, read_toml

MAX_BYTES = 256 * 1024  # of a file: a mandate of the most lines is a tenth of it
MAX_LINES, MAX_WORDS, MAX_TEXT = 128, 2_000, 64
MOST_TIME = 2**37  # seconds, the year 6325: what is later is a slip, and few calendars know it
NO_HASH = "0x" + "00" * 32  # `previous` of a vault's first mandate
_HASH = re.compile("0x[0-9a-f]{64}", re.ASCII)
Whole = Annotated[int, Field(strict=True)]


class BadMandate(BadInput):
    """The file is no mandate; the message says where and what to do."""


class MandateLine(Section):
    """One line.

    Attributes:
        name: of vocabulary.py
        class_id: the market class that it is about, or -1: the whole vault
        number: in the unit; of a list 1, or 0 with the unit "none"
        unit: of the number; of a list the entry
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    name: str = Field(max_length=MAX_TEXT)
    class_id: Annotated[Whole, Field(alias="class", ge=EVERY_CLASS, le=MOST_CLASS)] = EVERY_CLASS
    number: Annotated[Whole, Field(ge=0, lt=2**63)]
    unit: str = Field(max_length=MAX_TEXT)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.name in NUMBERS:
            self._check_number()
        elif self.name in LISTS:
            self._check_entry()
        else:
            raise BadLine(f"there is no line {self.name!r}{nearest(self.name, NAMES)}")
        return self

    def _check_number(self) -> None:
        kind = NUMBERS[self.name]
        if self.unit != kind.unit:
            raise BadLine(f"the unit of {self.name} is {kind.unit!r}, not {self.unit!r}")
        if self.number > kind.most:
            raise BadLine(f"{self.name} is at most {kind.most} {kind.unit}, not {self.number}")
        if self.class_id != EVERY_CLASS and not kind.by_class:
            raise BadLine(f"{self.name} is counted over all classes: write class = {EVERY_CLASS}")

    def _check_entry(self) -> None:
        kind, of_class = LISTS[self.name], self.class_id != EVERY_CLASS
        if kind.admits and self.unit == NONE:
            if self.number or of_class:
                raise BadLine(f"{self.name} {NONE!r} has number 0 and class {EVERY_CLASS}")
            return
        if self.number != 1:
            raise BadLine(f"the number of an entry of {self.name} is 1, not {self.number}")
        kind.check(self.unit)
        if of_class != (self.name == "classes"):
            raise BadLine(
                f"{self.name}: class {self.class_id} does not fit: classes alone name one"
            )

    @property
    def key(self) -> tuple[str, int, str]:
        """What may stand once: the limit, or the entry of a list."""
        return self.name, self.class_id, self.unit

    @property
    def words(self) -> str:
        """What it says, in words."""
        if self.name in NUMBERS:
            of = "" if self.class_id == EVERY_CLASS else f" (class {self.class_id})"
            return NUMBERS[self.name].words(self.number) + of
        if self.unit == NONE:
            return LISTS[self.name].says.format("(none)")
        entry = str(self.class_id) if self.name == "classes" else self.unit
        return LISTS[self.name].says.format(entry)


class Mandate(Section):
    """What the owner admits; times are timestamps, `previous` the hash of the version before."""

    words: str = Field(min_length=1, max_length=MAX_WORDS)
    vault: Address
    chain_id: Annotated[Whole, Field(ge=1, lt=2**53)]
    version: Annotated[Whole, Field(ge=1, lt=2**32)]
    not_before: Annotated[Whole, Field(ge=0, lt=MOST_TIME)]
    not_after: Annotated[Whole, Field(ge=1, lt=MOST_TIME)]
    previous: str = NO_HASH
    lines: Annotated[tuple[MandateLine, ...], Field(min_length=1, max_length=MAX_LINES)]

    @field_validator("words")
    @classmethod
    def _check_words(cls, words: str) -> str:
        if not all(each.isprintable() or each == "\n" for each in words):
            raise ValueError("has letters that nobody sees: write it anew without them")
        if words != unicodedata.normalize("NFC", words):
            raise ValueError("is not in Unicode's normal form (NFC): two texts would look the same")
        return words

    @field_validator("previous")
    @classmethod
    def _check_previous(cls, text: str) -> str:
        if not _HASH.fullmatch(text):
            raise ValueError("is the hash of the version before: 0x and 64 small hex digits")
        return text

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.not_before >= self.not_after:
            raise ValueError("not_before must be earlier than not_after")
        if (self.version == 1) != (self.previous == NO_HASH):
            raise ValueError("version 1 has no previous, and each later one has")
        doubled = [
            key for key, count in Counter(each.key for each in self.lines).items() if count > 1
        ]
        if doubled:
            raise ValueError(f"the line {doubled[0][0]} stands twice: leave one")
        entries = Counter(each.name for each in self.lines if each.name in LISTS)
        shut = [each.name for each in self.lines if each.unit == NONE]
        if any(entries[name] > 1 for name in shut):
            raise ValueError(
                f"{shut[0]} cannot be {NONE!r} and have entries: leave one or the other"
            )
        return self


def shown_time(timestamp: int) -> str:
    """Return a time in words, UTC."""
    return f"{datetime.fromtimestamp(timestamp, UTC):%Y-%m-%d %H:%M:%S} UTC"


def as_json(mandate: Mandate) -> JsonObject:
    """Return a mandate as JSON."""
    found: JsonObject = mandate.model_dump(mode="json", by_alias=True)
    return found


def as_toml(mandate: Mandate) -> str:
    """Return a mandate as TOML."""
    head = as_json(mandate)
    fields = [f"{name} = {_toml(head[name])}" for name in head if name != "lines"]
    lines = [
        f"# {number}. {line.words}\n[[lines]]\n"
        f"name = {_toml(line.name)}\nclass = {line.class_id}\n"
        f"number = {line.number}\nunit = {_toml(line.unit)}"
        for number, line in enumerate(mandate.lines, 1)
    ]
    return "\n".join(fields) + "\n\n" + "\n\n".join(lines) + "\n"


def _toml(value: object) -> str:
    """Return a text or a number as TOML; a mandate's texts need JSON's escapes alone."""
    return json.dumps(value, ensure_ascii=False)


def read_canonical(path: Path) -> JsonObject:
    """Return a canonical JSON file.

    Raises:
        BadMandate: it cannot be read, or is written in another way.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadMandate(f"{path}: cannot be read ({error.strerror}): name a file") from error
    if len(text) > MAX_BYTES:
        raise BadMandate(f"{path}: more than {MAX_BYTES} bytes are no mandate: name another file")
    try:
        found = read_json(text)
    except ValueError as error:
        raise BadMandate(f"{path}: no JSON: name a mandate's file") from error
    if not isinstance(found, dict) or canonical(found) != text.removesuffix(b"\n"):
        raise BadMandate(
            f"{path}: not canonical JSON (an object, sorted keys, no spaces, UTF-8): write it with "
            "`strongroom mandate draft`"
        )
    return found


def parse(data: JsonObject, place: object) -> Mandate:
    """Return the mandate of JSON or TOML.

    Args:
        place: where it comes from, for the message

    Raises:
        BadMandate: it is none.
    """
    try:
        return Mandate.model_validate(data)
    except ValidationError as error:
        raise BadMandate(f"{place}: {describe(error, Mandate)}") from error


def read_mandate(path: Path) -> Mandate:
    """Return the mandate of a file, TOML or canonical JSON.

    Raises:
        BadMandate, ConfigError: it is none; what is unknown, doubled or too large is no mandate.
    """
    if path.suffix == ".toml":
        return parse(_small_toml(path), path)
    return parse(read_canonical(path), path)


def _small_toml(path: Path) -> JsonObject:
    try:
        size = path.stat().st_size
    except OSError:
        size = 0  # reading it says why
    if size > MAX_BYTES:
        raise BadMandate(f"{path}: more than {MAX_BYTES} bytes are no mandate: name another file")
    return read_toml(path)
