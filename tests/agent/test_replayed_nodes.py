"""What a fork is held against, by several nodes of which one lies: it was the first one's word, and
a lie of it a difference of the vault, or none where there was one."""

import pytest
from strongroom.audit.node import Node
from strongroom.audit.nodes import ComparedNodes, NodesDiffer
from strongroom.audit.replay import Forks

from tests.agent.test_node_answers import AGAIN, BLOCK, LOG, NOBODY, SENT, WHOLE, node

RECEIPT = WHOLE["eth_getTransactionReceipt"]
TRACE = "debug_traceTransaction"
(SENT_IT,) = BLOCK["transactions"]
LIES = {
    "a status": ("eth_getTransactionReceipt", RECEIPT | {"status": "0x0"}),
    "gas": ("eth_getTransactionReceipt", RECEIPT | {"gasUsed": "0x2"}),
    "a log less": ("eth_getTransactionReceipt", RECEIPT | {"logs": []}),
    "a log's data": ("eth_getTransactionReceipt", RECEIPT | {"logs": [LOG | {"data": "0x07"}]}),
    "a receipt less": ("eth_getTransactionReceipt", None),
    "a changed word": (TRACE, {"post": {NOBODY: {"storage": {"0x0": "0x2"}}}}),
    "a word more": (TRACE, {"post": {NOBODY: {"storage": {"0x0": "0x1", "0x1": "0x1"}}}}),
    "a contract less": (TRACE, {"post": {}}),
    "a base fee": ("eth_getBlockByNumber", BLOCK | {"baseFeePerGas": "0x2"}),
    "a miner": ("eth_getBlockByNumber", BLOCK | {"miner": "0x" + "01" * 20}),
    "a transaction less": ("eth_getBlockByNumber", BLOCK | {"transactions": []}),
    "a transaction's data": (
        "eth_getBlockByNumber", BLOCK | {"transactions": [SENT_IT | {"input": "0x01"}]},
    ),
    "what was signed": ("eth_getRawTransactionByHash", "0x03"),
}  # fmt: skip


def asked(ports, fork, name="replay"):
    """Execute again on a fork, held against these nodes."""
    nodes, own = (
        [Node(f"http://127.0.0.1:{port}", pause=lambda seconds: None) for port in some]
        for some in (ports, [fork])
    )
    return AGAIN[name](Forks(ComparedNodes(nodes), *own, nodes[0].url, lambda block: SENT))


@pytest.mark.parametrize("lies_first", [True, False])
@pytest.mark.parametrize("lie", LIES)
def test_a_lie_of_one_node_of_two_is_refused(lie, lies_first):
    method, said = LIES[lie]
    with node(**WHOLE) as honest, node(**WHOLE | {method: said}) as liar:
        ports = [liar, honest] if lies_first else [honest, liar]
        with pytest.raises(NodesDiffer, match=f"{method}.*name a third node"):
            asked(ports, honest)


@pytest.mark.parametrize("lie", LIES)
def test_of_three_the_liar_is_named(lie):
    method, said = LIES[lie]
    with (
        node(**WHOLE) as one, node(**WHOLE) as other, node(**WHOLE | {method: said}) as liar,
        pytest.raises(NodesDiffer, match=f"of http://127.0.0.1:{liar}: .*most others agree"),
    ):  # fmt: skip
        asked([liar, one, other], one)


def test_two_ways_to_write_the_same_are_no_difference():
    """Checksums, zeros in front, fields that nobody reads."""
    shouted = "0x" + NOBODY[2:].upper()
    log = LOG | {"address": shouted, "topics": ["0x" + SENT[2:].upper()], "removed": False}
    other = WHOLE | {
        "eth_getTransactionReceipt": RECEIPT | {"logs": [log], "gasUsed": "0x01", "type": "0x2"},
        TRACE: {"post": {shouted: {"storage": {"0x" + "0" * 64: f"0x{1:064x}"}, "nonce": 5}},
                "pre": {}},
        "eth_getBlockByNumber": BLOCK | {"miner": shouted, "timestamp": "0x001", "size": "0x9"},
    }  # fmt: skip
    with node(**WHOLE) as one, node(**other) as second:
        for ports, fork in (([one, second], one), ([second, one], one), ([one, one], second)):
            found = asked(ports, fork)
            assert (found.transactions, found.words, found.differences) == (1, 1, ())


def test_what_the_fork_makes_is_no_node_of_the_chain():
    """All nodes say the same, and the fork another gas: that is the difference."""
    made = WHOLE | {"eth_getTransactionReceipt": RECEIPT | {"gasUsed": "0x5"}}
    with node(**WHOLE) as one, node(**WHOLE) as other, node(**made) as fork:
        assert asked([one, other], fork).differences == (f"{SENT}: gasUsed 0x5, was 0x1",)
