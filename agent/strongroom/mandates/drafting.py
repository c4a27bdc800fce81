"""A mandate's lines from a form, and what differs between two sets of lines, in words."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from pydantic import ValidationError

from strongroom.chain.outside import BadValue, number, whole
from strongroom.chain.units import MICRO
from strongroom.errors import nearest
from strongroom.mandates.mandate import Mandate, MandateLine, shown_time
from strongroom.mandates.vocabulary import (
    CLASS,
    EVERY_CLASS,
    LISTS,
    NAMES,
    NONE,
    NUMBERS,
    BadLine,
    Tighter,
)
from strongroom.settings import describe

MOST_ENTRIES, MOST_LETTERS = 32, 2_000  # of one value
TIGHTER, WIDER = "tighter:", "wider:"


def lines_for(name: str, value: str) -> tuple[MandateLine, ...]:
    """Return the lines that a form's field asks for.

    Args:
        name: of a line; with @n behind it, of class n
        value: a number as people write it (units, a price, seconds), or a list's entries with
            commas between them, or "none"

    Raises:
        BadLine: it is none; the message says why.
    """
    plain, _, of_class = name.partition("@")
    if plain not in NAMES:
        raise BadLine(f"there is no line {name[:60]!r}{nearest(name, NAMES)}")
    if of_class and plain in LISTS:
        raise BadLine(f"{plain}: a list is of the whole vault: write {plain}=... without @")
    if len(value) > MOST_LETTERS:
        raise BadLine(f"{plain}: a value of more than {MOST_LETTERS} letters is none")
    try:
        class_id = whole(of_class, 31) if of_class else EVERY_CLASS
        fields = _number(plain, value) if plain in NUMBERS else _entries(plain, value)
        return tuple(
            MandateLine.model_validate({"name": plain, "class": class_id, **each})
            for each in fields
        )
    except BadValue as error:
        raise BadLine(f"{plain}: {error}: write e.g. {plain}=50") from error
    except ValidationError as error:
        raise BadLine(describe(error, MandateLine)) from error


def _number(name: str, value: str) -> list[dict[str, int | str]]:
    kind = NUMBERS[name]
    if not kind.is_decimal:
        return [{"number": whole(value.strip()), "unit": kind.unit}]
    exact = number(value.strip()) * MICRO
    if exact != exact.to_integral_value() or abs(exact) > Decimal(2**62):
        raise BadLine(f"{name}: {value[:40]!r} has more than six decimals, or is too large")
    return [{"number": int(exact), "unit": kind.unit}]


def _entries(name: str, value: str) -> list[dict[str, int | str]]:
    entries = [each.strip() for each in value.split(",")]
    if len(entries) > MOST_ENTRIES:
        raise BadLine(f"{name}: more than {MOST_ENTRIES} entries")
    if entries == [NONE]:
        return [{"number": 0, "unit": NONE}] if LISTS[name].admits else []
    if name == "classes":
        return [{"number": 1, "unit": CLASS, "class": whole(each, 31)} for each in entries]
    return [{"number": 1, "unit": each} for each in entries]


def changed(before: Sequence[MandateLine], changes: Mapping[str, str]) -> tuple[MandateLine, ...]:
    """Return lines with a form's fields in place of those that they replace.

    Args:
        changes: name, or name@class -> value, as `lines_for` takes them

    Raises:
        BadLine: a field is none.
    """
    lines = list(before)
    for name, value in changes.items():
        new = lines_for(name, value)
        plain, _, of_class = name.partition("@")
        class_id = int(of_class) if of_class else EVERY_CLASS
        gone = [
            each
            for each in lines
            if each.name == plain and (plain in LISTS or each.class_id == class_id)
        ]
        place = lines.index(gone[0]) if gone else len(lines)
        kept = [each for each in lines if each not in gone]
        lines = [*kept[:place], *new, *kept[place:]]
    return tuple(lines)


def difference(before: Sequence[MandateLine], after: Sequence[MandateLine]) -> Iterator[str]:
    """Yield what differs, a line of words each, with whether it admits more; nothing where nothing
    does."""
    old, new = ({_place(each): each for each in lines} for lines in (before, after))
    listed, lists = ({each.name for each in lines} for lines in (before, after))
    for place, line in new.items():
        known = old.get(place)
        if known is None:
            widens = line.name in LISTS and _admits(line) and line.name in listed
            yield f"{WIDER if widens else TIGHTER:8} {line.words} (new)"
        elif known.number != line.number:
            yield f"{_direction(known, line):8} {line.words} (before: {known.words})"
    for place, line in old.items():
        if place not in new and (line.name not in LISTS or line.name in lists):
            narrows = line.name in LISTS and _admits(line)
            if narrows or not _is_none(line):  # what takes the place of "none" is told above
                yield f"{TIGHTER if narrows else WIDER:8} {line.words} (gone)"
    for name in sorted((listed - lists) & set(LISTS)):
        yield f"{WIDER:8} no line limits {name} (before: {_all_of(name, before)})"


def frame_difference(before: Mandate, after: Mandate) -> Iterator[str]:
    """Yield what differs between two mandates beside their lines, in words."""
    for name in ("vault", "chain_id"):
        one, other = getattr(before, name), getattr(after, name)
        if one != other:
            yield f"another {name}: {other} (before: {one})"
    if after.not_after != before.not_after:
        how = WIDER if after.not_after > before.not_after else TIGHTER
        yield (
            f"{how:8} until {shown_time(after.not_after)} (before: {shown_time(before.not_after)})"
        )
    if after.not_before < before.not_before:
        yield (
            f"{WIDER:8} from {shown_time(after.not_before)} (before: "
            f"{shown_time(before.not_before)})"
        )


def _admits(line: MandateLine) -> bool:
    """Whether it is an entry that permits."""
    return LISTS[line.name].admits and not _is_none(line)


def _is_none(line: MandateLine) -> bool:
    return line.name in LISTS and line.unit == NONE


def _all_of(name: str, lines: Sequence[MandateLine]) -> str:
    return "; ".join(each.words for each in lines if each.name == name)


def wider_than(own: Sequence[MandateLine], lines: Sequence[MandateLine]) -> Iterator[str]:
    """Yield the lines that are wider than a policy of the co-signer's, which holds all the same."""
    whole_vault = [each for each in own if each.class_id == EVERY_CLASS]
    limits = {each.name: each for each in whole_vault if each.name in NUMBERS}
    entries = {each.key for each in own}
    for line in lines:
        if line.name in LISTS:
            if LISTS[line.name].admits and line.unit != NONE and line.key not in entries:
                yield line.words
        elif line.name in limits and _direction(limits[line.name], line) == WIDER:
            yield f"{line.words} (its own: {limits[line.name].words})"


def _place(line: MandateLine) -> tuple[str, int, str]:
    """Return what a line is about: of a list each entry by itself."""
    return line.name, line.class_id, "" if line.name in NUMBERS else line.unit


def _direction(before: MandateLine, after: MandateLine) -> str:
    larger = after.number > before.number
    tighter = NUMBERS[after.name].tighter == Tighter.LARGER
    if after.number == before.number:
        return "same:"
    return TIGHTER if larger == tighter else WIDER
