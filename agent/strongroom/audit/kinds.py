"""Which of this release's accounts code is, and what such an account has views for."""

from functools import cache

from strongroom.audit.node import Node
from strongroom.chain import abi
from strongroom.chain.code import runtime_difference
from strongroom.chain.ids import to_bytes

KINDS = (
    *("PolymarketAccount", "WalletAccount", "SafeAccount", "PositionAccount", "FpmmAccount"),
    "DelegatedAccount",
)
ANY_EXCHANGE = frozenset(("DelegatedAccount",))  # whose wallets trade where they like
# A clone's code, in front of the address of what it is cloned from and behind it.
CLONE = bytes.fromhex("363d3d373d3d3d363d73"), bytes.fromhex("5af43d82803e903d91602b57fd5bf3")
_ADDRESS = 20  # bytes


def kind_of(code: bytes) -> str:
    """Return which of our accounts an implementation's code is; "": none."""
    return next((name for name in KINDS if not runtime_difference(name, code)), "")


def implementation_in(code: bytes) -> str:
    """Return the address of what a clone's code runs; "": it is no clone's code."""
    head, tail = CLONE
    end = len(head) + _ADDRESS
    is_clone = code.startswith(head) and code[end : end + len(tail)] == tail
    return "0x" + code[len(head) : end].hex() if is_clone else ""


def is_ours(node: Node, account: str, block: int) -> bool:
    """Whether an account is a clone of our code: then it answers as its ABI says, or it reverts.

    Raises:
        NodeAway: the node does not answer.
    """
    implementation = implementation_in(to_bytes(node.ask("eth_getCode", account, hex(block))))
    if not implementation:
        return False
    (there,) = node.ask_shared([("eth_getCode", [implementation, hex(block)])])
    return bool(kind_of(to_bytes(there)))


@cache
def constants_of(kind: str) -> frozenset[str]:
    """Return the views of a kind of account that are the same for all accounts of a class."""
    return frozenset(
        each["name"]
        for each in abi.load(kind)
        if each["type"] == "function" and each["name"].isupper() and not each["inputs"]
    )
