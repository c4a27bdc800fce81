"""A vault's life as a node tells it, for mutants of its logs: the week of a devnet."""

from collections import defaultdict
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from strongroom.audit.call_checks import calls_from
from strongroom.audit.calls import VaultCall
from strongroom.audit.contracts import Asked, OddAnswer, Views
from strongroom.audit.movements import TRANSFER, Moved, moves_of, padded, place_of
from strongroom.audit.node import Node
from strongroom.audit.readers import read_logs, vault_readers
from strongroom.audit.transactions import by_transaction
from strongroom.audit.view_checks import view_differences
from strongroom.chain.failures import CallReverted

from tests.property.audit_mutants import Lived


def lived_on(url: str, vault: str) -> Lived:
    """Return the life of a vault on a chain, up to its newest block."""
    node = Node(url)
    views, last = Views(node), node.head()
    asset = str(views.call(vault, "asset", (), last)).lower()
    events = [
        event
        for _, logs in node.logs([vault], 0, last)
        for event in read_logs(logs, vault_readers())
    ]
    times = node.times(sorted({each.block for each in events}))
    now = node.times([last])[last]
    groups = [(times[group[0].block], list(group)) for group in by_transaction(events)]
    answers: dict[Asked, Any] = {}

    def read(asked: Sequence[Asked]) -> list[Any]:
        new = [each for each in dict.fromkeys(asked) if each not in answers]
        answers.update(zip(new, views.call_all(vault, new, last), strict=True))
        return [answers[each] for each in asked]

    def moved(holders: AbstractSet[str]) -> dict[str, list[Moved]]:
        found: dict[tuple[int, int], Moved] = {}
        for some in padded(sorted(holders)):
            for topics in ([TRANSFER, list(some)], [TRANSFER, None, list(some)]):
                for _, logs in node.logs([asset], 0, last, topics):
                    found |= {place_of(log): move for log in logs for move in moves_of(log)}
        by: dict[str, list[Moved]] = defaultdict(list)
        for place in sorted(found):
            by[found[place].transaction].append(found[place])
        return by

    terms: dict[str, tuple[int, int] | None] = {}

    def terms_of(account: str) -> tuple[int, int] | None:
        if account not in terms:
            asked: list[Asked] = [("deadline", ()), ("conditions", ())]
            try:
                deadline, conditions = views.call_all(account, asked, last)
                terms[account] = (deadline, len(conditions))
            except (CallReverted, OddAnswer):
                terms[account] = None
        return terms[account]

    calls: dict[str, VaultCall] = calls_from(node, vault, [g[0].transaction for _, g in groups])
    return Lived(
        vault, groups, calls, moved, terms_of, lambda ledger: view_differences(ledger, now, read)
    )
