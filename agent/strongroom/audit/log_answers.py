"""Answers to eth_getLogs: what was asked for, in order, each field in its one form.

Of many logs all are looked at at once. Where one is not as it must be, or may not be, each is
looked at by itself: it is brought to its form, or refused with its place.
"""

import operator
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from msgspec import to_builtins
from msgspec.structs import astuple

from strongroom.audit.columns import Remembered, batched
from strongroom.audit.hex_text import (
    ADDRESS,
    WORD,
    BadHex,
    are_of_size,
    are_plain,
    data_text,
    plain_quantity,
    quantity_text,
)
from strongroom.audit.logs import (
    MOST_TOPICS,
    AnsweredLog,
    Logs,
    RawLog,
    bad_log,
    misplaced,
)

MOST_IN_BLOCK = 2**32  # logs
KEPT = 10_000  # numbers, from one answer to the next: many are about the same blocks
_COUNTS = frozenset(range(1, MOST_TOPICS + 1))  # of topics
Wanted = Sequence[set[str] | None]  # topics by their place; None: any


class LogFilter:
    """What was asked for."""

    def __init__(self, asked: Mapping[str, Any]) -> None:
        """Take the parameters of eth_getLogs, as `Node.logs` gives them."""
        self.first, self.last = (int(asked[name], 16) for name in ("fromBlock", "toBlock"))
        self.addresses = {each.lower() for each in asked["address"]}
        self.topics: Wanted = [_set_of(each) for each in asked.get("topics", ())]


def logs_answer(asked: Mapping[str, Any], answer: Any) -> Logs:
    """Return the logs of an answer.

    Raises:
        BadLog: one is none, was not asked for, was removed, or is not in order.
        BadHex: it is no list.
    """
    if not isinstance(answer, list):
        raise BadHex(f"{str(answer)[:40]!r} is no list")
    wanted = LogFilter(asked)
    if {AnsweredLog}.issuperset(map(type, answer)):
        found = at_once(answer, wanted)
        return one_by_one(to_builtins(answer), wanted) if found is None else found
    return one_by_one(answer, wanted)


def at_once(logs: Sequence[AnsweredLog], wanted: LogFilter) -> Logs | None:
    """Return logs where all are in their one form, and `one_by_one` takes them; else None."""
    parts = _Parts(wanted)
    try:
        are_plain = all(map(parts.are_plain, batched(logs)))
    except ValueError:
        return None
    return parts.found if are_plain else None


class _Parts:
    """Parts of an answer, which are looked at in order.

    Attributes:
        found: the logs so far
    """

    def __init__(self, wanted: LogFilter) -> None:
        """Begin in front of the first log."""
        self._wanted, self._place, self.found = wanted, -1, Logs()
        for known in (_BLOCKS, _STARTS, _INDEXES):
            if len(known) > KEPT:
                known.clear()
        self._texts = dict[str, str]()  # one object each: it is hashed once

    def are_plain(self, logs: Sequence[AnsweredLog]) -> bool:
        """Whether all logs of the next part are in their one form, and belong there; they are found
        then.

        Raises:
            ValueError: one is not.
        """
        addresses, topics, data, blocks, digests, names, indexes, removed = zip(
            *map(astuple, logs), strict=True
        )
        if addresses.count(addresses[0]) == len(addresses):  # one object: it is hashed once
            addresses = addresses[:1] * len(addresses)
        numbers = list(map(_INDEXES.__getitem__, indexes))
        places = list(map(operator.add, map(_STARTS.__getitem__, blocks), numbers))
        before, self._place = self._place, places[-1]
        hashes = dict(zip(blocks, digests, strict=True))
        first, last = places[0] // MOST_IN_BLOCK, places[-1] // MOST_IN_BLOCK
        if not (
            are_of_size([*chain.from_iterable(topics), *hashes.values(), *names], WORD)
            and are_plain(data)
            and _COUNTS.issuperset(map(len, topics))
            and self._wanted.addresses.issuperset(addresses)
            and not any(removed)
            and all(map(operator.lt, [before, *places], places))
            and self._wanted.first <= first <= last <= self._wanted.last
            and tuple(map(hashes.__getitem__, blocks)) == digests
            and _are_wanted(topics, self._wanted.topics)
        ):
            return False
        found = self.found
        found.addresses += map(self._texts.setdefault, addresses, addresses)
        found.topics += topics
        found.data += data
        found.blocks += map(_BLOCKS.__getitem__, blocks)
        found.indexes += numbers
        found.transactions += map(self._texts.setdefault, names, names)
        known = {_BLOCKS[block]: digest for block, digest in hashes.items()}
        return all(found.hashes.setdefault(each, of) == of for each, of in known.items())


def one_by_one(logs: Sequence[RawLog], wanted: LogFilter) -> Logs:
    """Return logs in their one form; name the first that is not as it must be.

    Raises:
        BadLog: one is not.
    """
    place, hashes, found = (-1, -1), dict[str, str](), list[RawLog]()
    for each in logs:
        log = log_in_one_form(each)
        here = int(log["blockNumber"], 16), int(log["logIndex"], 16)
        if each.get("removed", False):
            raise misplaced(log, "it was removed by a reorganisation")
        if log["address"] not in wanted.addresses:
            raise misplaced(log, f"{log['address']} was not asked for")
        if not wanted.first <= here[0] <= wanted.last:
            raise misplaced(log, f"blocks {wanted.first} to {wanted.last} were asked for")
        if not _are_wanted([log["topics"]], wanted.topics):
            raise misplaced(log, "its topics were not asked for")
        if here[1] >= MOST_IN_BLOCK:
            raise misplaced(log, "no block has so many logs")
        if here <= place:
            raise misplaced(log, "it is not after the log before it")
        if hashes.setdefault(log["blockNumber"], log["blockHash"]) != log["blockHash"]:
            raise misplaced(log, "the block has two hashes")
        place = here
        found.append(log)
    return Logs(found)


def log_in_one_form(log: RawLog) -> RawLog:
    """Return a log with its fields in their one form, without any others; raises BadLog."""
    try:
        topics = log["topics"]
        if not isinstance(topics, list) or len(topics) not in _COUNTS:
            raise ValueError("no topics")
        return {
            "address": data_text(log["address"], ADDRESS),
            "topics": [data_text(each, WORD) for each in topics],
            "data": data_text(log["data"]),
            "blockNumber": quantity_text(log["blockNumber"]),
            "blockHash": data_text(log["blockHash"], WORD),
            "transactionHash": data_text(log["transactionHash"], WORD),
            "logIndex": quantity_text(log["logIndex"]),
        }
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise bad_log(log, "any event") from error


def _are_wanted(topics: Sequence[Sequence[str]], wanted: Wanted) -> bool:
    """Whether all logs have the topics that were asked for."""
    if wanted and min(map(len, topics), default=len(wanted)) < len(wanted):
        return False
    return all(
        some is None or some.issuperset([each[place] for each in topics])
        for place, some in enumerate(wanted)
    )


def _set_of(topics: Any) -> set[str] | None:
    if topics is None:
        return None
    return {topics.lower()} if isinstance(topics, str) else {each.lower() for each in topics}


def _start_of(block: str) -> int:
    """Return the place in front of a block's first log."""
    number: int = _BLOCKS[block]
    return number * MOST_IN_BLOCK


def _index_of(text: str) -> int:
    """Return a log's place in its block."""
    number = plain_quantity(text)
    if number >= MOST_IN_BLOCK:
        raise ValueError("no block has so many logs")
    return number


_BLOCKS, _STARTS, _INDEXES = map(Remembered, (plain_quantity, _start_of, _index_of))
