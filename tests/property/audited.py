"""A world's transactions through the auditor's ledger."""

from typing import Any

from strongroom.audit.bookkeeper import Bookkeeper
from strongroom.audit.events import (
    AuditedEvent,
    RawLog,
    Transaction,
    by_transaction,
    read_logs,
    vault_readers,
)
from strongroom.audit.ledger import Ledger

from tests.property.world import World


def raw_logs(world: World) -> list[tuple[int, list[RawLog]]]:
    """Return (time, logs as a node gives them) of the vault, a block a transaction."""
    found = []
    for block, (time, logs) in enumerate(world.evm.transactions):
        mine = []
        for index, log in enumerate(logs):
            if log.address.lower() != world.vault.address.lower():
                continue
            topics, data = log.data
            mine.append(
                {
                    "address": log.address,
                    "topics": ["0x" + bytes.fromhex(_hex(topic)).hex() for topic in topics],
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


def events_of(world: World) -> list[tuple[int, list[AuditedEvent]]]:
    """Return (time, decoded events) of each transaction."""
    found = []
    for time, logs in raw_logs(world):
        found += [(time, group) for group in by_transaction(read_logs(logs, vault_readers()))]
    return found


def audit(world: World, transactions: list[tuple[int, list[AuditedEvent]]] | None = None) -> Ledger:
    """Return the books of a world's vault."""
    ledger = Ledger(world.vault.address.lower())
    for time, events in transactions if transactions is not None else events_of(world):
        Bookkeeper(ledger).book(Transaction(time, tuple(events)))
    return ledger
