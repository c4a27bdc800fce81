"""A vault's events of some kinds alone: what an audit asks its whole history for at once."""

from collections.abc import Collection, Iterator

from strongroom.audit.events import AuditedEvent
from strongroom.audit.node import Node
from strongroom.audit.readers import read_logs, vault_readers


def chosen_events(
    node: Node, vault: str, kinds: Collection[type[AuditedEvent]], blocks: tuple[int, int]
) -> Iterator[list[AuditedEvent]]:
    """Yield the events of some kinds, a piece of blocks at a time, oldest first.

    Args:
        blocks: first and last

    Raises:
        NodeAway: the node does not answer.
        BadLog: the node sends what is no log.
    """
    readers = {topic: each for topic, each in vault_readers().items() if each.record in kinds}
    for _, logs in node.logs([vault], *blocks, [list(readers)]):
        yield read_logs(logs, readers)


def blocks_with(
    node: Node, vault: str, kind: type[AuditedEvent], blocks: tuple[int, int]
) -> list[int]:
    """Return the blocks with events of a kind, each once, oldest first; raises as above."""
    pieces = chosen_events(node, vault, [kind], blocks)
    return list(dict.fromkeys(event.block for events in pieces for event in events))
