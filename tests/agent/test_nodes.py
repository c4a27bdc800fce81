"""Several nodes as one: away, busy, behind, lying about a block, of another chain, back again."""

from contextlib import ExitStack
from types import SimpleNamespace

import pytest
from strongroom.chain.calls import Ask, Reads
from strongroom.chain.failures import ChainAway, NodeBusy, WrongTime
from strongroom.chain.jsonrpc import JsonRpc
from strongroom.chain.nodes import Agreement, Nodes, one_node
from strongroom.chain.rpc import Chain

from tests.agent.test_refusals import NOBODY, UNITS
from tests.spoken_node import spoken_node

NOW = 1_700_000_000
AGREED = Agreement(137)
ASK = Ask(NOBODY, "Vault", "totalAssets")


class Truth:
    """What a node says, to be changed by a test; each says its own number to a read."""

    def __init__(self, number):
        self.number, self.head, self.chain, self.ahead = number, 1_000, 137, 0
        self.lie, self.error, self.status = "", None, 200

    def say(self, method, parameters):
        if method == "eth_chainId":
            return {"result": hex(self.chain)}
        if method == "eth_getBlockByNumber":
            latest = parameters[0] == "latest"
            block = self.head if latest else int(parameters[0], 16)
            if block > self.head:
                return {"result": None}
            time = hex(NOW - 2 * (self.head - block) + self.ahead)
            hash_ = self.lie if self.lie and not latest else f"0x{block:064x}"
            return {"result": {"number": hex(block), "timestamp": time, "hash": hash_}}
        return {"error": self.error} if self.error else {"result": f"0x{self.number:064x}"}


@pytest.fixture
def several():
    """Make so many nodes, and what is them as one."""
    with ExitStack() as open_:

        def make(count):
            truths = [Truth(number) for number in range(1, count + 1)]
            made = [
                open_.enter_context(spoken_node(each.say, lambda methods, t=each: t.status))
                for each in truths
            ]
            place = SimpleNamespace(
                truths=truths, servers=made, now=NOW, wrong=0, told=[], pauses=[]
            )
            place.nodes = Nodes(
                [JsonRpc(each.url, 5) for each in made],
                Agreement(137, every_s=30, behind=10, depth=5, ahead_s=60),
                lambda: place.now + place.wrong,
                lambda event, fields: place.told.append((event, fields["node"])),
                lambda: place.now,
            )
            reads = Reads(place.nodes, place.pauses.append)
            place.read = lambda: reads.ask([ASK])[0]
            return place

        yield make


def test_the_first_is_asked_while_nothing_is_wrong(several):
    place = several(3)
    assert [place.read() for _ in range(5)] == [1] * 5
    assert place.told == [] and place.nodes.url == place.servers[0].url
    assert len(place.servers[2].asked) == 2, "compared once, and not asked"


@pytest.mark.parametrize("status", [500, 401, 404])
def test_a_node_that_is_away_is_passed_over_and_comes_back(several, status):
    place = several(2)
    assert place.read() == 1
    place.truths[0].status = status
    assert [place.read(), place.read()] == [2, 2], "in the same tick"
    assert place.told == [("node_aside", place.servers[0].url)]
    asked = len(place.servers[0].asked)
    place.truths[0].status = 200
    assert place.read() == 2 and len(place.servers[0].asked) == asked, "not asked before it is time"
    place.now += 31
    assert place.read() == 1
    assert place.told[1:] == [("node_back", place.servers[0].url)]


def test_a_node_that_is_away_from_the_start(several):
    place = several(1)
    nodes = one_node(["http://127.0.0.1:9", place.servers[0].url], 2, AGREED, lambda: NOW)
    assert Chain(nodes).chain_id == 137
    assert nodes.url == place.servers[0].url


def test_all_away_is_away_and_each_is_named(several):
    place = several(2)
    place.read()
    for each in place.truths:
        each.status = 500
    with pytest.raises(ChainAway) as away:
        place.read()
    assert all(each.url in str(away.value) for each in place.servers)
    for each in place.truths:
        each.status = 200
    place.now += 6  # soon, as nobody can be asked
    assert place.read() == 1


def test_a_node_that_is_behind_is_passed_over(several):
    place = several(2)
    place.truths[0].head = 990
    assert place.read() == 1, "ten blocks are a node's own delay"
    place.truths[1].head, place.now = 1_001, NOW + 31
    assert place.read() == 2
    assert place.nodes._aside == {0: f"{place.servers[0].url} is 11 blocks behind"}
    place.truths[0].head, place.now = 1_001, NOW + 62
    assert place.read() == 1


def test_a_newest_block_from_the_future_is_none(several):
    """Else one node could make all others look behind."""
    place = several(2)
    place.truths[0].head, place.truths[0].ahead = 5_000, 600
    assert place.read() == 2
    assert "600 s in the future" in place.nodes._aside[0]


def test_one_of_three_that_is_alone_ahead_is_passed_over(several):
    """It has every true block, and more: one node could make all others look behind."""
    place = several(3)
    place.truths[0].head = 1_010
    assert place.read() == 1, "ten blocks are the others' own delay"
    place.truths[0].head, place.now = 1_011, NOW + 31
    assert place.read() == 2
    assert place.nodes._aside == {0: f"{place.servers[0].url} is 11 blocks ahead of most nodes"}
    place.truths[0].status, place.truths[1].head, place.now = 500, 900, NOW + 62
    assert place.read() == 3, "of the two that are left, one is behind"


def test_one_of_three_that_lies_about_a_block_is_outvoted(several):
    place = several(3)
    place.truths[0].lie = "0x" + "bad0" * 16
    assert place.read() == 2
    assert "has another block 995 than most nodes" in place.nodes._aside[0]
    place.truths[0].lie, place.now = "", NOW + 31
    assert place.read() == 1


def test_of_two_that_disagree_neither_is_read(several):
    place = several(2)
    place.truths[1].lie = "0x" + "bad0" * 16
    with pytest.raises(ChainAway, match=r"the nodes disagree on block 995 \(.* has 0x0000") as told:
        place.read()
    assert str(told.value).count("disagree") == 1 and "take out the one that" in str(told.value)
    asked = [method for node in place.servers for batch in node.asked for method in batch]
    assert "eth_call" not in asked
    place.truths[1].lie, place.now = "", NOW + 6
    assert place.read() == 1


def test_a_node_of_another_chain_is_passed_over(several):
    place = several(2)
    place.truths[1].chain = 1
    place.truths[0].status = 500
    place.now += 31
    place.truths[0].status, place.now = 200, place.now + 31
    assert place.read() == 1 and "is on chain 1, not on 137" in place.nodes._aside[1]
    place.truths[0].status = 500
    with pytest.raises(ChainAway, match="is on chain 1"):
        place.read()


def test_the_chain_is_the_one_that_is_meant_and_not_the_first_nodes(several):
    place = several(3)
    place.truths[0].chain = 80_002
    place.truths[0].head = 10_000
    assert place.read() == 2
    assert place.told == [("node_aside", place.servers[0].url)]
    assert "is on chain 80002, not on 137" in place.nodes._aside[0]
    for each in place.truths[1:]:
        each.status = 500
    with pytest.raises(ChainAway, match="is on chain 80002"):
        place.read()


def test_a_block_beyond_what_can_be_kept_is_none(several):
    place = several(2)
    place.truths[0].head = 2**64
    assert place.read() == 2
    assert "no newest block" in place.nodes._aside[0]


def test_where_none_is_on_the_chain_that_is_meant_nobody_is_asked(several):
    place = several(2)
    for each in place.truths:
        each.chain = 80_002
    with pytest.raises(ChainAway, match="is on chain 80002, not on 137"):
        place.read()


def test_what_a_busy_node_refuses_the_next_one_answers(several):
    place = several(2)
    place.truths[0].error = UNITS
    assert place.read() == 2 and place.told == [] and place.pauses == []
    place.truths[1].error = UNITS
    with pytest.raises(NodeBusy):
        place.read()
    assert place.pauses == [0.25, 1.0]
    place.truths[0].error, place.truths[0].status = None, 429
    place.truths[1].error = None
    assert place.read() == 2
    place.truths[1].status = 429
    with pytest.raises(NodeBusy, match="HTTP 429"):
        place.read()


def test_a_clock_that_was_wrong_for_a_while_ends_no_comparing(several):
    """A day ahead at a comparison, right again: the next one comes when it is time."""
    place = several(2)
    place.wrong = 86_400
    assert place.read() == 1
    place.wrong, place.truths[0].head = 0, 500
    place.now += 31
    assert place.read() == 2 and "500 blocks behind" in place.nodes._aside[0]


def newest(nodes):
    return Chain(nodes).at_head([ASK])[0].number


def test_a_newest_block_of_the_future_counts_at_no_question(several):
    """At whatever question it is told, and whichever block is asked for besides."""
    place = several(1)
    url = place.servers[0].url
    assert newest(one_node([url], 5, AGREED, lambda: NOW)) == 1_000
    place.truths[0].ahead = 61
    with pytest.raises(WrongTime, match="61 s in the future by this clock"):
        newest(one_node([url], 5, AGREED, lambda: NOW))
    assert newest(one_node([url], 5, AGREED)) == 1_000, "nobody has said what time it is"
    nodes = one_node([url], 5, AGREED, lambda: NOW)
    assert nodes.request("eth_getBlockByNumber", "0x1", False)["number"] == "0x1"


def test_of_several_the_next_tells_the_time_at_once(several):
    place = several(2)
    nodes = one_node([each.url for each in place.servers], 5, AGREED, lambda: NOW)
    assert newest(nodes) == 1_000
    place.truths[0].ahead, place.truths[1].head = 86_400, 1_001  # between two comparisons
    assert newest(nodes) == 1_001


def test_no_name_of_a_node_has_its_key(several):
    place = several(1)
    port = place.servers[0].url.rpartition(":")[2]
    nodes = Nodes(
        [JsonRpc(f"http://user:hunter2@127.0.0.1:{port}/SECRETKEY")] * 2, AGREED, lambda: 0
    )
    with pytest.raises(ChainAway) as away:
        nodes.request("eth_chainId")
    assert "in the future" in str(away.value)
    assert "hunter2" not in str(away.value) and "SECRETKEY" not in str(away.value)
