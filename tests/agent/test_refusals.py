"""A node that refuses: what its words mean, what is asked again, and what is never a revert.

The words are recorded ones, each with the public report that has it; none is ours.
"""

from itertools import pairwise

import pytest
from strongroom.chain.calls import Ask, Reads
from strongroom.chain.contracts import Contracts
from strongroom.chain.failures import (
    CallReverted,
    ChainAway,
    FeeTooLow,
    NodeBusy,
    PlaceTaken,
    TransactionRefused,
)
from strongroom.chain.jsonrpc import JsonRpc, reason
from strongroom.chain.refusals import (
    Meaning,
    failure_of,
    least_fees,
    meaning_of,
    meaning_of_sending,
)
from strongroom.chain.rpc import Chain

from tests.spoken_node import spoken_node

NOBODY = "0x" + "12" * 20
WORD = "0x" + f"{7:064x}"
# K21: inside a batch that HTTP answers with 200 (namehash/ensnode#1022 has its words)
UNITS = {
    "code": 429,
    "message": "Your app has exceeded its compute units per second capacity. If you have retries "
    "enabled, you can safely ignore this message.",
}


def told(code, words, data=None):
    return {"code": code, "message": words} | ({} if data is None else {"data": data})


REVERT = "0x08c379a0" + f"{32:064x}" + f"{10:064x}" + b"market cap".hex() + "00" * 22

OF_CALLS = [
    (UNITS, "busy"),
    (told(-32005, "daily request count exceeded, request rate limited"), "busy"),
    (told(-32007, "50/second request limit reached - reduce calls per second"), "busy"),
    (told(-32090, "Too many requests, reason: call rate limit exhausted, retry in 10s"), "busy"),
    (told(429, "execution reverted is not what this says: too many requests"), "busy"),
    (told(3, "execution reverted: market cap", REVERT), "reverted"),
    (told(3, "execution reverted: rate limit per second"), "reverted"),  # a contract's own words
    (told(-32000, "execution reverted"), "reverted"),  # geth before 1.9.15
    (told(-32015, "VM execution error.", "Reverted 0x"), "reverted"),
    (told(-32000, "VM Exception while processing transaction: revert no"), "reverted"),
    (told(-32603, "Error: VM Exception while processing transaction: reverted"), "reverted"),
    (told(-32000, "out of gas"), "reverted"),
    (told(-32603, "EVM error OutOfGas"), "reverted"),
    (told(-32000, "invalid opcode: INVALID"), "reverted"),
    (told(-32000, "oops", "0x7f9a6f46"), "reverted"),
    (told(-32000, "insufficient funds for gas * price + value"), "unpayable"),
    (told(-32000, "gas required exceeds allowance (0)"), "unpayable"),
    (told(-32602, "range 1000000 exceeds limit of 10000"), "too much"),  # infura#237
    (told(-32614, "eth_getLogs is limited to a 10,000 range"), "too much"),  # arbitrum-sdk#609
    (
        told(
            -32602, "invalid params", {"payload": "range 9009594 is bigger than range limit 2000"}
        ),
        "too much",  # boba_legacy#827
    ),
    (told(-32005, "query returned more than 10000 results"), "too much"),  # lodestar#2288
    (
        told(-32602, "Log response size exceeded. Please reduce query block range."),
        "too much",  # bancorprotocol/webapp#523
    ),
    (told(-32600, "batch too large"), "too much"),  # geth's
    (told(-32000, "header not found"), "no state"),
    (told(-32000, "missing trie node 12ab (path ) state 0x12 is not available"), "no state"),
    (told(-32000, "state at block #7 is pruned"), "no state"),  # reth's
    (told(-32000, "distance to target block exceeds maximum proof window"), "no state"),  # reth's
    (told(-32000, "execution aborted (timeout = 5s)"), "late"),  # geth's
    (told(-32000, "query timeout exceeded"), "late"),
    (told(-32603, "Internal error: this request may be reverted to another shard"), "other"),
    (told(-32601, "the method eth_call does not exist/is not available"), "no method"),
    (told(-32000, "method eth_call is not supported"), "no method"),
    (told(0, "no"), "other"),
]

# bor#1281, wayfinder-paths-sdk#379, geth's
TIP = "transaction underpriced: tip needed 30000000000, tip permitted 1000000000"
MINIMUM = "transaction gas price below minimum: gas tip cap 1, minimum needed 25000000000"
BASE = "max fee per gas less than block base fee: address 0x12, maxFeePerGas: 1, baseFee: 30"
OF_SENDING = [
    ("already known", "known"),
    ("ALREADY_EXISTS: already known", "known"),
    ("AlreadyKnown", "known"),
    ("transaction already imported", "known"),
    ("nonce too low: next nonce 7, tx nonce 5", "taken"),
    ("OldNonce, Current nonce: 7", "taken"),
    ("replacement transaction underpriced", "taken"),
    ("could not replace existing tx", "taken"),
    (TIP, "cheap"),
    (MINIMUM, "cheap"),
    (BASE, "cheap"),
    ("transaction underpriced", "cheap"),
    ("FeeTooLow, MaxFeePerGas too low", "cheap"),
    ("Gas price below configured minimum gas price", "cheap"),
    ("insufficient funds for gas * price + value: balance 0, tx cost 1", "unpayable"),
    ("something else", "other"),
]


@pytest.mark.parametrize(("error", "meaning"), OF_CALLS, ids=lambda value: str(value)[:60])
def test_what_an_error_says_of_a_call(error, meaning):
    assert meaning_of(error) == meaning


@pytest.mark.parametrize(("words", "meaning"), OF_SENDING)
def test_what_an_error_says_of_a_transaction(words, meaning):
    assert meaning_of_sending({"code": -32000, "message": words}) == meaning
    assert meaning_of_sending({"code": 429, "message": words}) == Meaning.BUSY


@pytest.mark.parametrize(
    ("words", "floors"),
    [
        (TIP, (30 * 10**9, None)),
        (MINIMUM, (25 * 10**9, None)),
        (BASE, (None, 30)),
        ("transaction underpriced", (None, None)),
    ],
)
def test_a_refusal_names_the_floor(words, floors):
    assert least_fees(words) == floors


# batches


def asks(count):
    return [Ask(NOBODY, "Vault", "totalAssets") for _ in range(count)]


def test_words_of_a_node_or_a_contract_are_one_line():
    """Whoever makes a call revert chooses its reason; commands print it."""
    text = b"x\n0 differences\x1b[2J"
    data = "0x08c379a0" + f"{32:064x}{len(text):064x}" + text.hex().ljust(64, "0")
    assert reason(told(3, "execution reverted", data)) == "x?0 differences?[2J"
    assert reason(told(3, text.decode())) == "x?0 differences?[2J"
    for error in (text.decode(), {"message": text.decode()}):
        assert failure_of(error) == {"message": "x?0 differences?[2J", "code": 0}


def test_an_item_that_a_busy_node_refuses_costs_itself():
    """K21: four reads, the second is refused once: it alone is asked again."""
    pauses, turn = [], iter(range(9))

    def say(method, parameters):
        return {"error": UNITS} if next(turn) == 1 else {"result": WORD}

    with spoken_node(say) as node:
        found = Reads(JsonRpc(node.url), pauses.append).ask(asks(4))
    assert found == [7] * 4
    assert [len(each) for each in node.asked] == [4, 1] and pauses == [0.25]


def test_a_node_that_stays_busy_is_away_and_nothing_has_reverted():
    pauses = []
    with spoken_node(lambda method, given: {"error": UNITS}) as node:
        reads = Reads(JsonRpc(node.url), pauses.append)
        for ask in (lambda: reads.ask(asks(2)), lambda: reads.at_head(asks(1))):
            with pytest.raises(NodeBusy, match="asked too often: Your app has exceeded"):
                ask()
        assert len(node.asked) == 6 and pauses == [0.25, 1.0] * 2


@pytest.mark.parametrize(
    "error", [each for each, meaning in OF_CALLS if meaning != "reverted"],
    ids=lambda value: value["message"][:50],
)  # fmt: skip
def test_only_an_error_of_the_execution_is_a_revert(error):
    with spoken_node(lambda method, given: {"error": error}) as node:
        url, patient = node.url, Reads(JsonRpc(node.url), lambda seconds: None)
        for ask in (
            lambda: patient.ask(asks(1)),
            lambda: Contracts(url).call(NOBODY, b""),
            lambda: Contracts(url).call_all([(NOBODY, b"")] * 2),
        ):
            with pytest.raises(ChainAway):
                ask()


@pytest.mark.parametrize(
    "error", [each for each, meaning in OF_CALLS if meaning == "reverted"],
    ids=lambda value: value["message"][:50],
)  # fmt: skip
def test_an_error_of_the_execution_is_a_revert(error):
    with spoken_node(lambda method, given: {"error": error}) as node:
        for ask in (
            lambda: Reads(JsonRpc(node.url)).ask(asks(1)),
            lambda: Contracts(node.url).call(NOBODY, b""),
        ):
            with pytest.raises(CallReverted):
                ask()
        assert len(node.asked) == 2, "what has reverted is not asked again"


def test_http_429_is_waited_for(tmp_path):
    turns, pauses = iter([429, 429, 200]), []
    with spoken_node(lambda m, p: {"result": WORD}, lambda methods: next(turns)) as node:
        assert Reads(JsonRpc(node.url), pauses.append).ask(asks(1)) == [7]
    assert pauses == [0.25, 1.0]


def test_a_question_that_the_node_leaves_out_is_away():
    turn = iter([{"result": WORD}, None])
    with (
        spoken_node(lambda method, given: next(turn)) as node,
        pytest.raises(ChainAway, match="left the question out"),
    ):
        Reads(JsonRpc(node.url)).ask(asks(2))


TOO_LARGE = {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "batch too large"}}


@pytest.mark.parametrize("status", [200, 413])
def test_a_batch_that_is_too_large_is_asked_in_parts_from_then_on(status):
    def refuse(batch):
        return TOO_LARGE if len(batch) > 3 else None

    def code(methods):
        return status if len(methods) > 3 else 200

    with spoken_node(lambda method, given: {"result": WORD}, code, refuse) as node:
        reads = Reads(JsonRpc(node.url))
        assert reads.ask(asks(10)) == [7] * 10
        assert [len(each) for each in node.asked] == [10, 5, 3, 2, 3, 2]
        reads.ask(asks(6))
        assert [len(each) for each in node.asked[6:]] == [3, 3]


# logs


def searched(limit, head, error, seen):
    """Say one log a hundred blocks, and refuse ranges that are wider than the limit."""

    def say(method, parameters):
        if method == "eth_blockNumber":
            return {"result": hex(head)}
        first = int(parameters[0]["fromBlock"], 16)
        to = parameters[0]["toBlock"]
        last = head if to == "latest" else int(to, 16)
        seen.append((first, last))
        if last - first + 1 > limit:
            return {"error": error}
        numbers = [n for n in range(first, last + 1) if n % 100 == 0]
        return {"result": [log(number) for number in numbers]}

    return say


def log(number):
    return {
        "address": NOBODY, "blockNumber": hex(number), "logIndex": "0x0",
        "transactionHash": "0x" + "ab" * 32, "data": WORD,
        "topics": ["0x442e715f626346e8c54381002da614f62bee8d27386535b2521ec8540898556e", WORD],
    }  # fmt: skip


@pytest.mark.parametrize("error", [each for each, meaning in OF_CALLS if meaning == "too much"],
                         ids=lambda value: value["message"][:40])  # fmt: skip
def test_a_range_that_a_node_refuses_shrinks_until_it_does_not(error):
    """`ExecutionSuccess` of a Safe, in 2,000 blocks; the node searches at most 300."""
    seen = []
    with spoken_node(searched(300, 2_000, error, seen)) as node:
        reads = Reads(JsonRpc(node.url), lambda seconds: None)
        found = reads.logs(NOBODY, "Safe", "ExecutionSuccess", (1, None))
        assert [each.block for each in found] == [*range(100, 2_001, 100)]
        taken = [(first, last) for first, last in seen if last - first < 300]
        assert taken[0][0] == 1 and taken[-1][1] == 2_000
        assert all(one[1] + 1 == other[0] for one, other in pairwise(taken))
        assert len(seen) < 25
        before = len(seen)
        reads.logs(NOBODY, "Safe", "ExecutionSuccess", (1, 200))
        assert len(seen) == before + 1, "the width that served is kept"


@pytest.mark.parametrize(
    ("kept", "begins"), [(0, 1_500), (1_200, 1_500), (1_700, 0)], ids=["all", "enough", "too few"]
)
def test_a_refused_search_from_the_start_begins_with_the_contract(kept, begins):
    """Its code is there from block 1,500 on; the node keeps states from `kept` on, and refuses
    others. Where that hides the first block, everything is searched. The halving is done once."""
    seen, codes = [], []
    logs_of = searched(300, 2_000, {"code": -32000, "message": "range is too large"}, seen)

    def say(method, parameters):
        if method != "eth_getCode":
            return logs_of(method, parameters)
        codes.append(int(parameters[1], 16))
        if codes[-1] < kept:
            return {"error": {"code": -32000, "message": "missing trie node"}}
        return {"result": "0x60" if codes[-1] >= 1_500 else "0x"}

    with spoken_node(say) as node:
        reads = Reads(JsonRpc(node.url), lambda seconds: None)
        found = reads.logs(NOBODY, "Safe", "ExecutionSuccess", (0, None))
        whole = [*range(begins, 2_001, 100)]
        assert [each.block for each in found] == whole
        served = [first for first, last in seen if last - first < 300]
        assert served[0] == begins
        asked = len(codes)
        assert asked <= 11, "halving"
        reads.logs(NOBODY, "Safe", "ExecutionSuccess", (0, None))
        assert len(codes) == asked, "once"


def test_a_node_that_searches_nothing_is_away():
    seen = []
    with spoken_node(searched(0, 2_000, {"code": -32000, "message": "no"}, seen)) as node:
        reads = Reads(JsonRpc(node.url), lambda seconds: None)
        with pytest.raises(ChainAway, match="eth_getLogs: no"):
            reads.logs(NOBODY, "Safe", "ExecutionSuccess", (1, None))
        with pytest.raises(ChainAway, match="does not have block 2001 yet"):
            reads.logs(NOBODY, "Safe", "ExecutionSuccess", (2_001, None))
    assert len(seen) < 20


# sending


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        ({"code": -32000, "message": "already known"}, None),
        ({"code": -32000, "message": TIP}, FeeTooLow),
        ({"code": -32000, "message": "replacement transaction underpriced"}, PlaceTaken),
        ({"code": -32000, "message": "nonce too low"}, PlaceTaken),
        ({"code": -32000, "message": "insufficient funds for gas"}, TransactionRefused),
        ({"code": -32000, "message": "invalid sender"}, TransactionRefused),
        (UNITS, ChainAway),
    ],
    ids=lambda value: str(value)[:50],
)
def test_what_a_node_says_to_a_transaction(error, raised, monkeypatch):
    monkeypatch.setattr("strongroom.chain.calls.PAUSES_S", ())

    def say(method, parameters):
        return {"result": "0x7"} if method == "eth_chainId" else {"error": error}

    with spoken_node(say) as node:
        chain = Chain(node.url)
        if raised is None:
            chain.send(b"\x02")
            return
        with pytest.raises(raised) as refused:
            chain.send(b"\x02")
        assert type(refused.value) is raised or raised is ChainAway
        assert error["message"] in str(refused.value)
