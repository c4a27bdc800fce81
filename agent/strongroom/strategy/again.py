"""Decide again, from published documents alone: the same bytes, or the first field that differs.

What is not here cannot be judged: a pack that is missing, does not load or is of other code,
another release, or what comes out otherwise with other libraries is unknown, never a difference.
What a document itself makes impossible is one: its record names it.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from strongroom.chain.ids import DecisionId, Json, decision_of, read_json
from strongroom.errors import StrongroomError
from strongroom.strategy.api import BadParameters, Pack, UnclearPack, UnknownPack, make_pack
from strongroom.strategy.decide import Round, decide
from strongroom.strategy.pack_code import OURS, code_hash, libraries, pack_code
from strongroom.strategy.published import (
    BadDocument,
    SettingsDocument,
    read_settings,
    read_view,
)
from strongroom.strategy.record import encode

LONGEST = 120  # letters of a value that is told
_HASH = re.compile(r"0x[0-9a-f]{64}")


@dataclass(frozen=True)
class Again:
    """What comes of a decision that is made again.

    Attributes:
        same: None: unknown, and `field` says why
        field: the first that differs
        expected, found: decided again, and what the record says
    """

    same: bool | None
    field: str = ""
    expected: str = ""
    found: str = ""


def decide_again(view: bytes, settings: bytes, records: Sequence[bytes]) -> list[Again]:
    """Decide again on a view, and compare with the records that name it.

    Args:
        view, settings: the documents that all records name, whose hashes are what they should be
        records: canonical JSON
    """
    found = _decided(view, settings)
    if isinstance(found, Again):
        return [found] * len(records)
    round_, stated = found
    again = {each.id: read_json(encode(each.record)) for each in round_.decisions}
    return [_compared(again, record, stated) for record in records]


def _decided(view: bytes, settings: bytes) -> Again | tuple[Round, SettingsDocument]:
    """Return what is decided; or, of all records, what keeps it from being known or true."""
    foreign = _other_release(settings)
    if foreign is not None:
        return foreign
    try:
        stated = read_settings(settings)
    except BadDocument as error:
        return Again(False, "settings document", "one that can be read", str(error))
    try:
        seen, shown = read_view(view)
    except BadDocument as error:
        differs = Again(False, "view document", "one that can be read", str(error))
        return _unless_libraries_differ(differs, stated)
    packs: list[Pack] = []
    for named in stated.packs:
        try:
            if pack_code(named.name) != named.code:
                return Again(None, f"pack {named.name[:LONGEST]} has other code here")
            packs.append(make_pack(named.name, named.parameters))
        except UnclearPack as error:
            return Again(None, str(error)[: 2 * LONGEST])
        except UnknownPack:
            return Again(None, f"pack {named.name[:LONGEST]} is not installed here")
        except BadParameters as error:
            return _unless_libraries_differ(
                Again(False, f"pack {named.name}", "parameters that it takes", str(error)), stated
            )
        except Exception as error:
            words = f"{type(error).__name__}: {error}"[:LONGEST]
            return Again(None, f"pack {named.name[:LONGEST]} does not load here ({words})")
    try:
        return decide(seen, packs, stated.rules, "", shown), stated
    except MemoryError:
        return Again(None, "there was not enough memory to decide")
    except (ImportError, OSError) as error:
        return Again(None, f"deciding needs what is not here: {error}"[: 2 * LONGEST])
    except Exception as error:  # of a pack, on a view that nobody can have seen
        words = str(error) if isinstance(error, StrongroomError) else repr(error)
        failed = Again(False, "decision", "one", f"deciding fails: {words[:LONGEST]}")
        return _unless_libraries_differ(failed, stated)


def _other_release(settings: bytes) -> Again | None:
    """Return what is said of settings by whose word another release has decided: what these look
    like, that release knows alone."""
    try:
        found = read_json(settings)
    except ValueError:
        return None
    code = found.get("code") if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping) or not isinstance(code, str) or not _HASH.fullmatch(code):
        return None
    if code == code_hash(OURS):
        return None
    rules = found.get("rules")
    version = rules.get("code_version") if isinstance(rules, Mapping) else None
    return Again(None, f"decided by another release: {str(version or code)[:LONGEST]}")


def _unless_libraries_differ(differs: Again, stated: SettingsDocument) -> Again:
    """Return a difference; or that it is unknown, where other libraries may have made it."""
    here = libraries(each.name for each in stated.packs)
    other = [name for name, each in stated.libraries.items() if here.get(name) != each]
    if not other:
        return differs
    told = ", ".join(f"{name} {stated.libraries[name]}" for name in sorted(other))
    return Again(None, f"decided with {told}"[: 2 * LONGEST])


def _compared(again: Mapping[DecisionId, Json], text: bytes, stated: SettingsDocument) -> Again:
    if decision_of(text) in again:
        return Again(True)
    return _unless_libraries_differ(_difference(again, text), stated)


def _difference(again: Mapping[DecisionId, Json], text: bytes) -> Again:
    """Return the first field in which a record is none of what is decided again."""
    record = read_json(text)
    assert isinstance(record, dict)
    # the nearest of what is decided: the one with the fewest fields that differ
    nearest = min(
        (list(_differences("", each, record)) for each in again.values()), key=len, default=None
    )
    if not nearest:
        return Again(False, "decision", "none", str(record.get("question"))[:LONGEST])
    # the salt follows from all else, so it is the cause only where nothing else differs
    first = next((each for each in nearest if each[0] != "salt"), nearest[0])
    return Again(False, *first)


def _differences(place: str, one: Json, other: Json) -> Iterator[tuple[str, str, str]]:
    """Yield where two JSON values differ: place, the one, the other."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for name in sorted({*one, *other}):
            inside = f"{place}.{name}" if place else name
            yield from _differences(inside, one.get(name), other.get(name))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (left, right) in enumerate(zip(one, other, strict=True)):
            yield from _differences(f"{place}.{number}", left, right)
    elif type(one) is not type(other) or one != other:
        yield place, _words(one), _words(other)


def _words(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)[:LONGEST]
