"""The one place that makes records of logs.

What a node sends is input: every field of a log is checked for presence, type and length before a
record is made of it.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from operator import itemgetter
from typing import Any, cast

from eth_utils.abi import collapse_if_tuple
from msgspec.structs import fields

from strongroom.audit.abi_data import abi_values
from strongroom.audit.columns import (
    AS_TEXT,
    NUMBERS,
    WORD,
    Column,
    Remembered,
    canonical_values,
    have_columns,
    number_in,
    value_columns,
)
from strongroom.audit.event_columns import EventColumns, columns_of
from strongroom.audit.events import VAULT_EVENTS, AuditedEvent, OrderFilled
from strongroom.audit.gate_events import GATE_EVENTS
from strongroom.audit.logs import TOPIC, BadLog, Logs, RawLog, bad_log
from strongroom.audit.splitter_events import SPLITTER_EVENTS
from strongroom.chain import abi
from strongroom.chain.ids import JsonObject, keccak
from strongroom.errors import Differs

FEW = 4  # logs of an event, that are read one by one
Read = Callable[[Any], Any]
# What a word of 64 digits is, by its type in the ABI; a topic begins with 0x. The topic of a string
# is its hash.
_IN_DATA: Mapping[str, Read] = {**AS_TEXT, **dict.fromkeys(NUMBERS, number_in)}
_IN_TOPICS: Mapping[str, Read] = {
    "address": lambda topic: "0x" + topic[26:],
    "bytes4": lambda topic: topic[:10],
    "bytes32": str,
    "string": str,
    "uint256": number_in,
}
_OWN = len(fields(AuditedEvent))
_OTHER = b"\xff"  # in the place of a kind's number: no event that is known


def _as_text(type_: str, value: object) -> object:
    """Return a value as the ABI decodes it, lists of words as text."""
    if type_ != "bytes32[]":
        return value
    return tuple("0x" + bytes(each).hex() for each in cast("Sequence[bytes]", value))


_AS_IT_IS = frozenset(("bytes32", "string"))  # topics


class _Known:
    """What texts of some logs were read as: of most there are many."""

    def __init__(self) -> None:
        self.topics = {type_: Remembered(read) for type_, read in _IN_TOPICS.items()}


@dataclass(frozen=True)
class Reader:
    """How an event's log is read.

    Attributes:
        record: what it becomes
        topics: name and type in the ABI of the fields in the topics
        data: the same of those in the data
    """

    record: type[AuditedEvent]
    topics: tuple[tuple[str, str], ...]
    data: tuple[tuple[str, str], ...]
    _make: Callable[..., AuditedEvent]
    _of_topics: tuple[Read, ...]
    _of_words: tuple[tuple[int, int, Read], ...]  # start, end; empty where a field is dynamic
    _types: tuple[str, ...]  # of a dynamic layout
    _digits: int  # of a static layout's data

    @property
    def is_for_many(self) -> bool:
        """Whether `read_all` knows the types of all fields."""
        return have_columns([type_ for _, type_ in self.data])

    def read(self, log: RawLog) -> AuditedEvent:
        """Return the record of a log of this event.

        Raises:
            BadLog: a field is missing, of another type or of another length.
        """
        try:
            topics, data = log["topics"], log["data"]
            values = [
                read(topic)
                for read, topic in zip(self._of_topics, topics[1:], strict=True)
                if len(topic) == TOPIC
            ]
            if self._types:
                sent = bytes.fromhex(data[2:])
                found = canonical_values(self._types, sent)
                if found is None:
                    found = tuple(map(_as_text, self._types, abi_values(self._types, sent)))
                values += found
            elif len(data) == self._digits:
                values += [read(data[start:end]) for start, end, read in self._of_words]
            return self._make(
                int(log["blockNumber"], 16),
                log["transactionHash"],
                int(log["logIndex"], 16),
                log["address"].lower(),
                *values,
            )
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise bad_log(log, self.record.__name__) from error

    def read_all(self, logs: Logs, there: Sequence[int], known: "_Known") -> list[Column]:
        """Return the columns of many logs of this event.

        Args:
            there: their places

        Raises:
            ValueError: one is not as it must be: `read` names it.
        """
        pick = itemgetter(*there)
        columns = list(zip(*pick(logs.topics), strict=True))[1:]
        found: list[Column] = [
            column if type_ in _AS_IT_IS else list(map(known.topics[type_].__getitem__, column))
            for (_, type_), column in zip(self.topics, columns, strict=True)
        ]
        types = [type_ for _, type_ in self.data]
        return [
            pick(logs.blocks),
            pick(logs.transactions),
            pick(logs.indexes),
            pick(logs.addresses),
            *found,
            *value_columns(types, pick(logs.data), 2),
        ]

    def plain(self, event: AuditedEvent) -> JsonObject:
        """Return an event's own fields, named as in the ABI."""
        names = [name for name, _ in (*self.topics, *self.data)]
        values = [getattr(event, each.name) for each in fields(event)[_OWN:]]
        return dict(zip(names, values, strict=True))


Readers = Mapping[str, Reader]


@cache
def vault_readers() -> Readers:
    """Return topic -> reader of all events that the vault's ABI has.

    Raises:
        Differs: the ABI and the records are not the same events and fields.
    """
    return _readers("Vault", VAULT_EVENTS)


@cache
def exchange_readers() -> Readers:
    """Return topic -> reader of the events of an exchange that count.

    Raises:
        Differs: see `vault_readers`.
    """
    return _readers("Exchange", (OrderFilled,))


@cache
def splitter_readers() -> Readers:
    """Return topic -> reader of the events of a splitter of fees.

    Raises:
        Differs: see `vault_readers`.
    """
    return _readers("PerformanceSplitter", SPLITTER_EVENTS)


@cache
def gate_readers() -> Readers:
    """Return topic -> reader of the events of a proof gate.

    Raises:
        Differs: see `vault_readers`.
    """
    return _readers("ProofGate", GATE_EVENTS)


def order_filled_reader() -> Reader:
    """Return the reader of fills."""
    (reader,) = exchange_readers().values()
    return reader


def _readers(contract: str, records: tuple[type[AuditedEvent], ...]) -> Readers:
    known = {record.__name__: record for record in records}
    found = {}
    for entry in abi.load(contract):
        if entry["type"] != "event" or (contract != "Vault" and entry["name"] not in known):
            continue
        record = known.pop(entry["name"], None)
        if record is None:
            raise Differs(f"{contract} logs {entry['name']}: audit/events.py has no record of it")
        pairs = [
            (each["name"], collapse_if_tuple(dict(each)), each["indexed"])
            for each in entry["inputs"]
        ]
        signature = f"{entry['name']}({','.join(type_ for _, type_, _ in pairs)})"
        topics = tuple((name, type_) for name, type_, indexed in pairs if indexed)
        data = tuple((name, type_) for name, type_, indexed in pairs if not indexed)
        wanted = [_snake(name) for name, _ in (*topics, *data)]
        if [each.name for each in fields(record)[_OWN:]] != wanted:
            raise Differs(f"{record.__name__} has other fields than the ABI: {wanted}")
        found["0x" + keccak(signature.encode()).hex()] = _reader(record, topics, data)
    if known:
        raise Differs(f"{contract} does not log {', '.join(known)}")
    return found


def _reader(
    record: type[AuditedEvent],
    topics: tuple[tuple[str, str], ...],
    data: tuple[tuple[str, str], ...],
) -> Reader:
    types = tuple(type_ for _, type_ in data)
    static = all(type_ in _IN_DATA for type_ in types)
    words = tuple(
        (2 + place * WORD, 2 + (place + 1) * WORD, _IN_DATA[type_])
        for place, type_ in enumerate(types if static else ())
    )
    of_topics = tuple(_IN_TOPICS[type_] for _, type_ in topics)
    digits = 2 + len(words) * WORD
    return Reader(record, topics, data, record, of_topics, words, () if static else types, digits)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])([A-Z])", lambda found: "_" + found[1].lower(), name)


def read_log(log: RawLog, readers: Readers) -> AuditedEvent | None:
    """Return a log's event, or None where it is none of the known ones.

    Raises:
        BadLog: it is no log, or not what its event must be.
    """
    try:
        reader = readers.get(log["topics"][0])
    except (KeyError, IndexError, TypeError) as error:
        raise bad_log(log, "any event") from error
    return None if reader is None else reader.read(log)


def read_logs(logs: Sequence[RawLog], readers: Readers) -> list[AuditedEvent]:
    """Return the events of logs, without those that are not known; raises BadLog."""
    at_once = _read_by_event(logs, readers)
    return _read_by_log(logs, readers) if at_once is None else at_once.made()[0]


def read_columns(logs: Sequence[RawLog], readers: Readers) -> EventColumns:
    """Return the same as columns; raises BadLog."""
    at_once = _read_by_event(logs, readers)
    return EventColumns.of(_read_by_log(logs, readers)) if at_once is None else at_once


def _read_by_log(logs: Sequence[RawLog], readers: Readers) -> list[AuditedEvent]:
    """Return events of logs, one after the other; raises BadLog, which names the oldest."""
    return [event for log in logs if (event := read_log(log, readers)) is not None]


def _read_by_event(logs: Sequence[RawLog], readers: Readers) -> EventColumns | None:
    """Return events of logs, all of a kind at once; None where one is, or may be, none."""
    if not isinstance(logs, Logs):
        return None
    places = defaultdict[str, list[int]](list)
    for place, topic in enumerate([each[0] for each in logs.topics]):
        places[topic].append(place)
    known, kinds = _Known(), dict[type[AuditedEvent], Sequence[Column]]()
    order = bytearray(_OTHER * len(logs))
    try:
        for topic, there in places.items():
            reader = readers.get(topic)
            if reader is not None:
                for place in there:
                    order[place] = len(kinds)
                kinds[reader.record] = _read_kind(reader, logs, there, known)
    except (ValueError, BadLog):
        return None
    return EventColumns(kinds, bytes(order).translate(None, _OTHER))


def _read_kind(reader: Reader, logs: Logs, there: Sequence[int], known: _Known) -> Sequence[Column]:
    """Return the columns of all logs of a kind; raises ValueError or BadLog."""
    if reader.is_for_many and len(there) > FEW:
        return reader.read_all(logs, there, known)
    return columns_of([reader.read(logs[place]) for place in there])
