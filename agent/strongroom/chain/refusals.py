"""What a node's error means, by its code and its words. Pure.

Nodes and the services in front of them agree on neither: what is read here are the words of geth,
bor, Erigon, Nethermind, Besu, anvil and of the large providers. Only an error of the execution
itself says something about a call. What nobody has words for is `OTHER`: nothing is known then.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import TypedDict, cast

from strongroom.foreign_text import plain

REVERTED_CODE = 3  # JSON-RPC's, of a call that reverts
NO_METHOD_CODE = -32601  # JSON-RPC's
LONGEST = 2_000  # letters of an error that are read
HTTP_BUSY, HTTP_TOO_LARGE = 429, 413
_WORD = re.IGNORECASE
_EXECUTION = re.compile(  # at the start: a refusal for another reason may speak of reverts, too
    r"(?:error: )?(?:evm error:? )?(?:"
    r"(?:execution|transaction|call) (?:was )?revert|reverted|revert\b|vm exception|vm execution|"
    r"out ?of ?gas|invalid ?(?:fe ?)?opcode|invalid ?jump|stack ?(?:under|over)flow|stack limit|"
    r"bad (?:instruction|jump)|write protection|return data out of bounds|max code size)",
    _WORD,
)
_UNPAYABLE = re.compile(
    r"insufficient (?:funds|balance)|exceeds (?:the )?(?:allowance|balance)|"
    r"gas (?:limit )?too low|intrinsic gas|exceeds block gas limit|overdraft",
    _WORD,
)
_BUSY = re.compile(
    r"too many requests?|rate.?limit|request rate|request (?:count|limit)|compute units|"
    r"per second|/second|capacity|retry in|overloaded|too busy|exhausted",
    _WORD,
)
_TOO_MUCH = re.compile(
    r"range|more than \d+|response size|too (?:large|wide|big|many (?:results|blocks))|"
    r"max(?:imum)? results|limited to|batch",
    _WORD,
)
_NO_STATE = re.compile(
    r"missing trie node|header not found|prun(?:ed|ing)|historical state|archive|"
    r"state (?:is |of block \S+ is )?(?:not|un) ?available|no state available|"
    r"maximum proof window",
    _WORD,
)
_NO_METHOD = re.compile(
    r"method \S* ?(?:is |was )?(?:not (?:found|supported|available|allowed)|unavailable)|"
    r"the method \S* ?does not exist",
    _WORD,
)
_LATE = re.compile(r"time(?:d )?[- ]?out|deadline exceeded|took too long", _WORD)
_KNOWN = re.compile(r"already (?:known|imported|exists)|alreadyknown|known transaction", _WORD)
_TAKEN = re.compile(
    r"nonce (?:is )?too low|old ?nonce|replace|feetoolowtocompete|same nonce", _WORD
)
_CHEAP = re.compile(
    r"underpriced|below (?:the )?(?:configured )?minimum|less than block base fee|fee ?too ?low|"
    r"tip (?:needed|too low)|gas price too low|max ?fee ?per ?gas",
    _WORD,
)
_BUSY_CODES = frozenset({HTTP_BUSY, -32005, -32007, -32029, -32090})
_LEAST_TIP = re.compile(r"(?:minimum|tip) needed:? (\d{1,30})(?!\d)", _WORD)
_BASE_FEE = re.compile(r"base ?fee:? (\d{1,30})(?!\d)", _WORD)


class Failure(TypedDict, total=False):
    """A node's error."""

    code: int
    message: str
    data: object


class Meaning(StrEnum):
    """What an error says."""

    REVERTED = "reverted"  # the call was executed, and fails
    UNPAYABLE = "unpayable"  # the sender or the gas do not suffice for it
    BUSY = "busy"  # asked too often: ask the same later
    TOO_MUCH = "too much"  # too many blocks, results or questions: ask for less
    KNOWN = "known"  # the node has the transaction
    TAKEN = "taken"  # the transaction's place is taken, or its nonce is used
    CHEAP = "cheap"  # the transaction pays less than the node takes
    NO_STATE = "no state"  # the node does not have what was in a block so old
    NO_METHOD = "no method"  # the node does not have the method
    LATE = "late"  # it was not done in the time that the node takes for it
    OTHER = "other"  # nothing that we know


_TO_DO = {
    Meaning.BUSY: "try again later, or name another node",
    Meaning.TOO_MUCH: "name a node that answers more at once",
    Meaning.NO_STATE: "name an archive node: it has the state of old blocks",
    Meaning.NO_METHOD: "name a node that has this method",
    Meaning.LATE: "try again, or name a faster node",
}


def advice_for(meaning: Meaning) -> str:
    """Return what to do about an error that is no answer."""
    return _TO_DO.get(meaning, "name another node")


def failure_of(error: object) -> Failure:
    """Return a node's error as an object with words, in one line, and a code; 0: it is of no
    kind."""
    if not isinstance(error, Mapping):
        error = {"message": error}
    code = error.get("code")
    known = {"message": plain(str(error.get("message", error))), "code": code}
    if not isinstance(code, int) or isinstance(code, bool):
        known["code"] = 0
    return cast(Failure, {**error, **known})


def meaning_of(error: Failure) -> Meaning:
    """Return what an error says of a call, or of a question."""
    code, words = error.get("code"), _words(error)
    if code == HTTP_BUSY:
        return Meaning.BUSY
    if code == REVERTED_CODE or _has_revert_data(error.get("data")) or _EXECUTION.match(words):
        return Meaning.REVERTED
    if _UNPAYABLE.search(words):
        return Meaning.UNPAYABLE
    if _BUSY.search(words):
        return Meaning.BUSY
    if _NO_STATE.search(words):
        return Meaning.NO_STATE
    if code == NO_METHOD_CODE or _NO_METHOD.search(words):
        return Meaning.NO_METHOD
    if _LATE.search(words):
        return Meaning.LATE
    if code == HTTP_TOO_LARGE or _TOO_MUCH.search(words):
        return Meaning.TOO_MUCH
    return Meaning.BUSY if code in _BUSY_CODES else Meaning.OTHER


def meaning_of_sending(error: Failure) -> Meaning:
    """Return what an error says of a transaction that was handed over."""
    words = _words(error)
    for pattern, meaning in (
        (_KNOWN, Meaning.KNOWN),
        (_TAKEN, Meaning.TAKEN),
        (_CHEAP, Meaning.CHEAP),
    ):
        if error.get("code") != HTTP_BUSY and pattern.search(words):
            return meaning
    return meaning_of(error)


def least_fees(words: str) -> tuple[int | None, int | None]:
    """Return the tip and the base fee that a refusal asks for, wei a gas; None: it names none."""
    tip, base = _LEAST_TIP.search(words), _BASE_FEE.search(words)
    return (int(tip[1]) if tip else None, int(base[1]) if base else None)


def _words(error: Failure) -> str:
    """Return an error's message, and what some nodes say in its data instead."""
    data = error.get("data")
    more = data.get("payload", "") if isinstance(data, Mapping) else ""
    return f"{error.get('message', '')} {more}".strip()[:LONGEST]


def _has_revert_data(data: object) -> bool:
    """Whether there is what a contract reverts with: four bytes of hex at least."""
    if isinstance(data, Mapping):
        data = data.get("data")
    if not isinstance(data, str):
        return False
    digits = data.removeprefix("Reverted ").removeprefix("0x")
    return data != digits and len(digits) >= 8 and not set(digits.lower()) - set("0123456789abcdef")
