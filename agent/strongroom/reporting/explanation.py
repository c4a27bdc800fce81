"""Why an order was made, in plain words with the numbers: from the journal alone."""

from collections.abc import Iterator, Mapping
from typing import Any

from strongroom.chain.units import format_units
from strongroom.errors import BadInput
from strongroom.journal import Journal
from strongroom.journal.states import Intent

SHOWN = 5  # decisions that a message lists


class NothingKnown(BadInput):
    """The journal has nothing under this name; the message says what it looked for."""


def find(journal: Journal, name: str) -> bytes:
    """Return the decision behind a decision id, an intent's key or an order's hash (0x..., or its
    beginning, 6 digits at least).

    Raises:
        NothingKnown: none begins so.
    """
    text = name.lower().removeprefix("0x")
    if len(text) < 6:
        raise NothingKnown(f"{name!r} is too short: give 6 digits at least")
    tasks = journal.all_tasks()
    for task in tasks:
        if task.decision.hex().startswith(text):
            return bytes(task.decision)
    for row in journal.all():
        order = (row.order_hash or "0x").removeprefix("0x")
        if row.key.hex().startswith(text) or order.startswith(text):
            return bytes(row.decision)
    known = ", ".join(f"0x{task.decision.hex()[:8]}" for task in tasks[-SHOWN:])
    raise NothingKnown(
        f"no decision, intent or order begins with {name}: "
        + (f"the last decisions are {known}" if known else "the journal has no decision yet")
    )


def newest(journal: Journal) -> bytes:
    """Return the last decision.

    Raises:
        NothingKnown: there is none.
    """
    tasks = journal.all_tasks()
    if not tasks:
        raise NothingKnown("the journal has no decision yet: let the keeper run for a while")
    return bytes(tasks[-1].decision)


def explain(journal: Journal, decision: bytes) -> str:
    """Return the story of a decision."""
    return "\n".join(_lines(journal, decision))


def _lines(journal: Journal, decision: bytes) -> Iterator[str]:
    record = journal.record(decision)
    yield f"Decision 0x{decision.hex()} of pack {record['pack']} at {record['time']}"
    yield f"  {record['question']}"
    for number, leg in enumerate(record["legs"]):
        yield (
            f"  leg {number}: {leg['side']} {format_units(leg['size'], 2)} {leg['outcome']} at "
            f"{leg['price']} or better ({leg['kind']}): {leg['question']}"
        )
    for move in record["moves"]:
        yield f"  then {move['kind']} {format_units(move['amount'], 2)} of {move['condition']}"
    yield "Why"
    if record["sure"]:
        yield f"  it earns in every state: {_numbers(record['numbers'])}"
    else:
        yield (
            f"  chance at least {record['chance']}, cost with fees {record['cost']}: edge "
            f"{record['edge']} a token"
        )
        yield f"  {_numbers(record['numbers'])}"
    yield f"  evidence: {', '.join(record['evidence']) or 'none'}"
    yield "Why so much"
    yield f"  rule {record['sizing']['rule']}; what bound it: {record['sizing']['binding']}"
    for name, limit in sorted(record["sizing"].get("limits", {}).items(), key=_amount):
        yield f"    {name}: {format_units(int(limit))}"
    budgets = {market: assets for market, assets in record["budgets"].items() if assets}
    if budgets:
        yield f"  budget: {format_units(sum(budgets.values()))} into {len(budgets)} account(s)"
    yield "What came of it"
    for row in journal.of_decision(decision):
        yield (
            f"  {row.side} {format_units(row.filled, 2)} of {format_units(row.size, 2)} filled, "
            f"{row.state}{': ' + row.reason if row.reason else ''}"
        )
        steps = [state if state != Intent.CLOSED else "closed" for state, _, _ in
                 journal.story(row.key)]  # fmt: skip
        yield f"    order {row.order_hash or '(not signed)'}: {' -> '.join(steps)}"
        for fill in journal.fills_of(row.key):
            yield (
                f"    fill in {fill.transaction}: gave {fill.making}, got {fill.taking}, "
                f"fee {fill.fee}"
            )
    task = journal.task(decision)
    if task is not None:
        yield f"  task {task.state.lower()}{': ' + task.reason if task.reason else ''}"


def _numbers(numbers: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in numbers.items())


def _amount(entry: tuple[str, str]) -> int:
    return int(entry[1])
