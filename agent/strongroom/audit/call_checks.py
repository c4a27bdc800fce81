"""What transactions have called, as a node gives them, beside the events that they logged."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

from strongroom.audit.answers import AnsweredTransaction
from strongroom.audit.calls import (
    ACTS_FOR,
    CLAIMS,
    LOGGED,
    SENDER,
    VaultCall,
    call_differences,
    functions,
    marks_sent,
    marks_told,
    vault_call,
)
from strongroom.audit.columns import Column, have_columns, value_columns
from strongroom.audit.event_columns import EventColumns
from strongroom.audit.events import AuditedEvent, OperatorSet, Reported
from strongroom.audit.node import Node
from strongroom.audit.permissions import Difference

Sent = Mapping[str, AnsweredTransaction]


def check_calls(
    node: Node,
    vault: str,
    events: EventColumns,
    operators: Mapping[str, bool],
) -> tuple[list[Difference], int]:
    """Return where events are not what was called, and how many transactions were compared.

    Args:
        vault: in lower case
        events: of it, in some blocks
        operators: "controller operator" -> whether appointed, before these blocks

    Raises:
        NodeAway, BadLog: see Auditor.run.
    """
    sent = _sent(node, vault, list(events.transactions))
    right = set(_as_called(sent, events))
    left = sent.keys() - right
    known, found, compared = dict(operators), list[Difference](), len(right)
    groups = _groups(events, left.union(events.column(OperatorSet, "transaction")))
    for transaction, group in groups.items():
        if transaction in left:
            call = vault_call(sent[transaction].sender, sent[transaction].input)
            if call is not None:
                compared += 1
                found += call_differences(call, group, known)
        for event in group:
            if type(event) is OperatorSet:
                known[f"{event.controller} {event.operator}"] = event.approved
    return found, compared


def _groups(
    events: EventColumns, transactions: AbstractSet[str]
) -> Mapping[str, list[AuditedEvent]]:
    """Return transaction -> its events, of some transactions, in order."""
    groups: dict[str, list[AuditedEvent]] = defaultdict(list)
    for each in events.made()[0] if transactions else ():
        if each.transaction in transactions:
            groups[each.transaction].append(each)
    return groups


def calls_from(node: Node, vault: str, transactions: Sequence[str]) -> dict[str, VaultCall]:
    """Return transaction -> what it calls of a vault itself, of those that do and that the node has
    not forgotten; raises as `check_calls` does."""
    sent = _sent(node, vault, transactions)
    found = {each: vault_call(what.sender, what.input) for each, what in sent.items()}
    return {each: call for each, call in found.items() if call is not None}


def _sent(node: Node, vault: str, transactions: Sequence[str]) -> Sent:
    """Return what was sent to a vault itself, of what the node has not forgotten; raises as
    `check_calls` does."""
    answers = node.ask_all([("eth_getTransactionByHash", [each]) for each in transactions])
    return {
        transaction: answer
        for transaction, answer in zip(transactions, answers, strict=True)
        if answer is not None and answer.to == vault
    }


def _as_called(sent: Sent, events: EventColumns) -> Iterator[str]:
    """Yield transactions of which nothing differs, whatever came before them: the sender acts for
    himself, and the first event of the function's kind has what was called. All calls of a function
    are looked at at once; where one differs, or may, none of them is yielded."""
    by_function: dict[str, list[str]] = defaultdict(list)
    for transaction, each in sent.items():
        by_function[each.input[:10]].append(transaction)
    for selector, transactions in by_function.items():
        name, types, names = functions().get(selector, ("", [], []))
        if not name or not have_columns(types):
            continue
        calls = [sent[each] for each in transactions]
        senders = [each.sender for each in calls]
        try:
            columns = value_columns(types, [each.input for each in calls], 10)
        except ValueError:
            continue
        given: dict[object, Column] = {SENDER: senders, "controller": senders}
        given.update(zip(names, columns, strict=True))
        if senders == given[ACTS_FOR.get(name, SENDER)] and (
            name not in LOGGED or _are_logged(name, given, transactions, events)
        ):
            yield from transactions


def _are_logged(
    name: str,
    given: Mapping[object, Column],
    transactions: Sequence[str],
    events: EventColumns,
) -> bool:
    """Whether the first event of a function's kind of each transaction has what was called.

    Args:
        given: arguments of all calls
    """
    kind, fields = LOGGED[name]
    there = _first_of(events.column(kind, "transaction"), transactions)

    def logged(field: str) -> Column:
        return list(map(events.column(kind, field).__getitem__, there))

    if any(logged(field) != given.get(of) for field, of in fields.items()):
        return False
    if name in CLAIMS:
        asked, other = CLAIMS[name]
        return all(
            amount or not comes for amount, comes in zip(given[asked], logged(other), strict=True)
        )
    return kind is not Reported or (
        list(map(marks_told, logged("words"))) == list(map(marks_sent, given["marks"]))
    )


def _first_of(names: Sequence[str], transactions: Sequence[str]) -> Sequence[int]:
    """Return where transactions' first events are, of those that have one.

    Args:
        names: of transactions with events, an entry for each event
    """
    if list(names) == transactions:
        return range(len(names))
    first = dict(zip(reversed(names), range(len(names) - 1, -1, -1), strict=True))
    return [first[each] for each in transactions if each in first]
