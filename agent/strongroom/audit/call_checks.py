"""What transactions have called, as a node gives them, beside the events that they logged."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter

from strongroom.audit.calls import (
    ACTS_FOR,
    LOGGED,
    SENDER,
    VaultCall,
    call_differences,
    functions,
    vault_call,
)
from strongroom.audit.columns import WORD_TYPES, Column, word_columns
from strongroom.audit.events import AuditedEvent, OperatorSet, Reported
from strongroom.audit.node import Node
from strongroom.audit.permissions import Difference
from strongroom.audit.transactions import ByKind

_TRANSACTION = attrgetter("transaction")
Sent = Mapping[str, tuple[str, str]]  # transaction -> sender and data, in lower case


def check_calls(
    node: Node,
    vault: str,
    events: Sequence[AuditedEvent],
    kinds: ByKind,
    operators: Mapping[str, bool],
) -> tuple[list[Difference], int]:
    """Return where events are not what was called, and how many transactions were compared.

    Args:
        vault: in lower case
        events: of it, in some blocks
        kinds: the same
        operators: "controller operator" -> whether appointed, before these blocks

    Raises:
        NodeAway, BadLog: see Auditor.run.
    """
    transactions = dict.fromkeys(map(_TRANSACTION, events))
    sent = _sent(node, vault, list(transactions))
    right = set(_as_called(sent, kinds))
    appoints = {each.transaction for each in kinds.of(OperatorSet)}
    left = transactions.keys() - right | appoints
    groups: dict[str, list[AuditedEvent]] = defaultdict(list)
    for each in [each for each in events if each.transaction in left]:
        groups[each.transaction].append(each)
    known, found, compared = dict(operators), list[Difference](), len(right)
    for transaction, group in groups.items():
        if transaction not in right and transaction in sent:
            call = vault_call(*sent[transaction])
            if call is not None:
                compared += 1
                found += call_differences(call, group, known)
        for event in group:
            if type(event) is OperatorSet:
                known[f"{event.controller} {event.operator}"] = event.approved
    return found, compared


def calls_from(node: Node, vault: str, transactions: Sequence[str]) -> dict[str, VaultCall]:
    """Return transaction -> what it calls of a vault itself, of those that do and that the node has
    not forgotten; raises as `check_calls` does."""
    sent = _sent(node, vault, transactions)
    found = {each: vault_call(*what) for each, what in sent.items()}
    return {each: call for each, call in found.items() if call is not None}


def _sent(node: Node, vault: str, transactions: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return what was sent to a vault itself, of what the node has not forgotten; raises as
    `check_calls` does."""
    answers = node.ask_all([("eth_getTransactionByHash", [each]) for each in transactions])
    return {
        transaction: (answer.sender, answer.input)
        for transaction, answer in zip(transactions, answers, strict=True)
        if answer is not None and answer.to == vault
    }


def _as_called(sent: Sent, kinds: ByKind) -> Iterator[str]:
    """Yield transactions of which nothing differs, whatever came before them: the sender acts for
    himself, and the first event of the function's kind has what was called. All calls of a function
    are looked at at once; where one differs, or may, none of them is yielded."""
    by_function: dict[str, list[str]] = defaultdict(list)
    for transaction, (_, data) in sent.items():
        by_function[data[:10]].append(transaction)
    for selector, transactions in by_function.items():
        name, types, names = functions().get(selector, ("", [], []))
        if name not in LOGGED or not WORD_TYPES.issuperset(types) or LOGGED[name][0] is Reported:
            continue
        kind, fields = LOGGED[name]
        first = {each.transaction: each for each in reversed(kinds.of(kind))}
        events = [first[each] for each in transactions if each in first]
        senders = [sent[each][0] for each in transactions]
        try:
            columns = word_columns(types, [sent[each][1] for each in transactions], 10)
        except ValueError:
            continue
        given: dict[object, Column] = {SENDER: senders, "controller": senders}
        given.update(zip(names, columns, strict=True))
        if senders == given[ACTS_FOR.get(name, SENDER)] and all(
            list(map(attrgetter(field), events)) == given.get(of) for field, of in fields.items()
        ):
            yield from transactions
