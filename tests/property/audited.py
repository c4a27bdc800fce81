"""A world's transactions through the auditor's ledger."""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from types import MappingProxyType
from typing import Any

from strongroom.audit.bookkeeper import Bookkeeper
from strongroom.audit.calls import VaultCall, call_differences, vault_call
from strongroom.audit.contracts import Asked
from strongroom.audit.events import AuditedEvent, OperatorSet
from strongroom.audit.ledger import Ledger
from strongroom.audit.logs import RawLog
from strongroom.audit.movements import TRANSFER, Moved
from strongroom.audit.permissions import Difference
from strongroom.audit.readers import read_logs, vault_readers
from strongroom.audit.transactions import Transaction, by_transaction
from strongroom.audit.view_checks import view_differences

from tests.property.world import World

Transactions = list[tuple[int, list[AuditedEvent]]]  # time, events


def moves_of(world: World, holders: AbstractSet[str]) -> dict[str, list[Moved]]:
    """Return transaction -> the asset's transfers from some holders and to them."""
    found = dict[str, list[Moved]]()
    for block, (_, logs) in enumerate(world.evm.transactions):
        name = "0x" + block.to_bytes(32, "big").hex()
        for index, log in enumerate(logs):
            topics, data = log.data
            words = ["0x" + _hex(topic) for topic in topics]
            if log.address.lower() != world.pusd.address.lower() or words[0] != TRANSFER:
                continue
            ends = ["0x" + word[26:].lower() for word in words[1:3]]
            if not holders.isdisjoint(ends):
                amount = int(_hex(data), 16)
                found.setdefault(name, []).append(Moved((block, index), name, "", *ends, amount))
    return found


def raw_logs(world: World) -> list[tuple[int, list[RawLog]]]:
    """Return (time, logs as a node gives them) of the vault, a block a transaction."""
    found = []
    for block, (time, logs) in enumerate(world.evm.transactions):
        mine: list[RawLog] = []
        for index, log in enumerate(logs):
            if log.address.lower() != world.vault.address.lower():
                continue
            topics, data = log.data
            mine.append(
                {
                    "address": log.address,
                    "topics": ["0x" + _hex(topic) for topic in topics],
                    "data": "0x" + _hex(data),
                    "blockNumber": hex(block),
                    "transactionHash": "0x" + block.to_bytes(32, "big").hex(),
                    "logIndex": hex(index),
                }
            )
        if mine:
            found.append((time, mine))
    return found


def _hex(value: Any) -> str:
    return value.hex().removeprefix("0x") if isinstance(value, bytes) else str(value)[2:]


def events_of(world: World) -> Transactions:
    """Return (time, decoded events) of each transaction."""
    found = []
    for time, logs in raw_logs(world):
        found += [(time, group) for group in by_transaction(read_logs(logs, vault_readers()))]
    return found


def audit(world: World, transactions: Transactions | None = None) -> Ledger:
    """Return the books of a world's vault."""
    ledger = Ledger(world.vault.address.lower())
    for time, events in transactions if transactions is not None else events_of(world):
        Bookkeeper(ledger).book(Transaction(time, tuple(events)))
    return ledger


def calls_of(world: World) -> dict[str, VaultCall]:
    """Return transaction -> the vault's function that it calls itself."""
    vault, found = world.vault.address.lower(), dict[str, VaultCall]()
    for block, (sender, receiver, data) in enumerate(world.evm.calls):
        if receiver.lower() == vault:
            call = vault_call(sender.lower(), "0x" + data.hex())
            if call is not None:
                found["0x" + block.to_bytes(32, "big").hex()] = call
    return found


def wrongly_called(
    calls: Mapping[str, VaultCall],
    transactions: Sequence[tuple[int, Sequence[AuditedEvent]]],
    operators: Mapping[str, bool] = MappingProxyType({}),
) -> list[Difference]:
    """Return where events are not what their transactions have called.

    Args:
        operators: "controller operator" -> whether appointed before
    """
    known, found = dict(operators), list[Difference]()
    for _, events in transactions:
        call = calls.get(events[0].transaction) if events else None
        found += [] if call is None else call_differences(call, events, known)
        for event in events:
            if isinstance(event, OperatorSet):
                known[f"{event.controller} {event.operator}"] = event.approved
    return found


def read_of(world: World) -> Callable[[Sequence[Asked]], list[Any]]:
    """Return what the chain says of views, addresses and words as the auditor has them."""

    def one(name: str, arguments: Sequence[int | str]) -> Any:
        given = [
            bytes.fromhex(each[2:]) if isinstance(each, str) and len(each) in (10, 66) else each
            for each in arguments
        ]
        return getattr(world.vault, name)(*given)

    return lambda asked: [one(*each) for each in asked]


def found_at_last(world: World, ledger: Ledger) -> list[Difference]:
    """Return where the books part from a world's views."""
    return view_differences(ledger, world.now, read_of(world))
