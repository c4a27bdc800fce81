"""The block on which an audit stands: its hash is held from the first question to the last. Each
block has its parent's hash in its own, so the last one says that none before it was replaced."""

from strongroom.audit.node import Node, NodeAway
from strongroom.chain.jsonrpc import shown_url


def held_hash(node: Node, block: int) -> str:
    """Return a block's hash as the node has it now; raises NodeAway."""
    return node.headers_now([block])[block].hash


def check_held(node: Node, block: int, digest: str) -> None:
    """Ask for a block once more.

    Raises:
        NodeAway: it is another one: what was read between belongs to two histories.
    """
    if held_hash(node, block) != digest:
        raise NodeAway(
            f"{shown_url(node.url)}: block {block} is another one than when the audit began: the "
            "chain was reorganised: audit again, to an earlier block"
        )
