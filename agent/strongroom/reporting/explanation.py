"""The reason for an order, with the numbers, from the journal alone."""

from collections.abc import Iterator
from datetime import UTC, datetime

from strongroom.chain.ids import DecisionId
from strongroom.chain.terms import UNLIMITED_ASSETS
from strongroom.chain.units import format_units
from strongroom.errors import BadInput
from strongroom.foreign_text import plain
from strongroom.journal import Journal
from strongroom.journal.rows import AskedDecision
from strongroom.journal.states import ApprovalState, IntentState
from strongroom.strategy.record import DecisionRecord

LARGEST = UNLIMITED_ASSETS // 2  # micro-units: above it lies what is left of no limit

SHOWN = 5  # decisions that a message lists


class NothingKnown(BadInput):
    """The journal has no such decision, intent or order; the message says which were looked for."""


def find(journal: Journal, name: str) -> DecisionId:
    """Return the decision behind a decision id, an intent's key or an order's hash (0x..., or its
    beginning, 6 digits at least).

    Raises:
        NothingKnown: none begins so.
    """
    text = "0x" + name.lower().removeprefix("0x")
    if len(text) < 8:
        raise NothingKnown(f"{name!r} is too short: give at least 6 digits")
    known = [task.decision for task in journal.all_tasks()]
    known += [each.decision for each in journal.approvals.all()]
    for decision in known:
        if decision.startswith(text):
            return decision
    for intent in journal.all():
        if intent.key.startswith(text) or intent.order_hash.startswith(text):
            return intent.decision
    last = ", ".join(decision[:10] for decision in known[-SHOWN:])
    raise NothingKnown(
        f"no decision, intent or order begins with {name}: "
        + (f"the last decisions are {last}" if last else "the journal has no decision yet")
    )


def newest(journal: Journal) -> DecisionId:
    """Return the last decision.

    Raises:
        NothingKnown: there is none.
    """
    tasks = journal.all_tasks()
    if not tasks:
        raise NothingKnown("the journal has no decision yet: let the keeper run first")
    return tasks[-1].decision


def explain(journal: Journal, decision: DecisionId) -> str:
    """Return the story of a decision."""
    record = journal.record(decision)
    lines = [*_what(decision, record), *_why(record), *_how_much(record)]
    return "\n".join([*lines, "Result", *_what_came(journal, decision)])


def _what(decision: DecisionId, record: DecisionRecord) -> Iterator[str]:
    yield f"Decision {decision} of pack {record.pack} at {moment(record.time)}"
    yield f"  {plain(record.question)}"
    for number, leg in enumerate(record.legs):
        yield (
            f"  leg {number}: {leg.side} {format_units(leg.size, 2)} {leg.outcome} at "
            f"{leg.price} or better ({leg.kind}): {plain(leg.question)}"
        )
        if leg.rest_at is not None:
            yield f"    first rests at {leg.rest_at} for {leg.rest_s} s"
    for move in record.moves:
        yield f"  then {move.kind} {format_units(move.amount, 2)} of {move.condition}"


def _why(record: DecisionRecord) -> Iterator[str]:
    numbers = ", ".join(f"{name} {value}" for name, value in record.numbers.items())
    yield "Reason"
    if record.exit_rule:
        yield f"  exit rule: {record.exit_rule}; a token brings {record.cost} after fees: {numbers}"
    elif record.sure:
        yield f"  it earns in every state: {numbers}"
    else:
        yield (
            f"  chance at least {record.chance}, cost with fees {record.cost}: edge "
            f"{record.edge} a token"
        )
        yield f"  {numbers}"
    yield f"  evidence: {', '.join(record.evidence) or 'none'}"


def approval_words(asked: AskedDecision) -> str:
    """Return how a decision stands that a person was asked about, as a sentence."""
    match asked.state:
        case ApprovalState.PENDING:
            return f"it waits for a yes until {moment(asked.expires)}"
        case ApprovalState.APPROVED:
            return f"approved; it starts at the next tick, before {moment(asked.expires)}"
        case ApprovalState.STARTED:
            return "approved and begun"
    why = f": {asked.reason}" if asked.reason else ""
    return f"{asked.state.lower()}{why}; {would_have_earned(asked)}"


def would_have_earned(asked: AskedDecision) -> str:
    """Return what a decision that did not begin has come to, as part of a sentence."""
    if asked.fills is None:
        return "what it would have earned, nobody can say: it rests"
    if asked.profit is None:
        return "what it would have earned is not known yet"
    return f"it would have earned {format_units(asked.profit)}"


def moment(time: int) -> str:
    """Return a timestamp as people read it."""
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M:%S} UTC"


def bound_words(limit: int, digits: int = 6) -> str:
    """Return a limit in units of the asset, or that there is none."""
    return "unlimited" if limit > LARGEST else format_units(limit, digits)


def _how_much(record: DecisionRecord) -> Iterator[str]:
    yield "Size"
    yield f"  rule {record.sizing.rule}; the smallest limit: {record.sizing.binding}"
    for name, limit in sorted((record.sizing.limits or {}).items(), key=lambda entry: entry[1]):
        yield f"    {name}: {bound_words(limit)}"
    budgets = [assets for assets in record.budgets.values() if assets]
    if budgets:
        yield f"  budget: {format_units(sum(budgets))} into {len(budgets)} account(s)"


def _what_came(journal: Journal, decision: DecisionId) -> Iterator[str]:
    asked = journal.approvals.find(decision)
    if asked is not None:
        yield f"  {approval_words(asked)}"
    for intent in journal.of_decision(decision):
        yield (
            f"  {intent.side} {format_units(intent.filled, 2)} of {format_units(intent.size, 2)} "
            f"filled, {intent.state}{': ' + intent.reason if intent.reason else ''}"
        )
        steps = [state if state != IntentState.CLOSED else "closed" for state, _, _ in
                 journal.story(intent.key)]  # fmt: skip
        yield f"    order {intent.order_hash or '(not signed)'}: {' -> '.join(steps)}"
        for fill in journal.fills_of(intent.key):
            yield (
                f"    fill in {fill.transaction}: paid {fill.making}, received {fill.taking}, "
                f"fee {fill.fee} (base units)"
            )
    task = journal.task(decision)
    if task is not None:
        yield f"  task {task.state.lower()}{': ' + task.reason if task.reason else ''}"
