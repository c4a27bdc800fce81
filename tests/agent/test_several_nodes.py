"""Nodes beside one another: how far their heads may be apart, and what the reader is told
of the age of what was audited."""

import pytest
from strongroom.app.command import PageOptions, run_page
from strongroom.audit.command import AuditOptions, run_audit
from strongroom.audit.nodes import APART, ComparedNodes, NodesDiffer, nodes_of
from strongroom.audit.showing import show
from strongroom.audit.wording import age_words
from strongroom.chain.units import DAY

from tests.agent.said_nodes import Said, as_it_is, steady_life
from tests.property.recorded import RecordingNode


@pytest.fixture(scope="module")
def life():
    return steady_life()


@pytest.fixture(scope="module")
def honest(life):
    return RecordingNode(life)


def standing_at(honest, block, url):
    """A node whose head is an older block; it knows all others."""

    def told(method, answer):
        return {"result": hex(block)} if method == "eth_blockNumber" else answer

    found = Said(honest, told)
    found.url = url
    return found


@pytest.mark.parametrize("old_is_first", [True, False])
def test_an_old_head_is_not_the_end_of_an_audit(life, honest, old_is_first):
    """Two nodes, one of which stood still: what came later would be in no verdict."""
    last = len(life.blocks) - 1
    old, new = (
        standing_at(honest, last - APART - 1, "http://old"),
        standing_at(honest, last, "http://new"),
    )
    nodes = [old, new] if old_is_first else [new, old]
    words = rf"http://old is {last - APART - 1}, of http://new {last}: .*--to-block"
    with pytest.raises(NodesDiffer, match=words):
        run_audit(AuditOptions(life.vault), ComparedNodes(nodes))


def test_of_heads_that_are_near_the_lowest_is_the_end(honest, life):
    last = len(life.blocks) - 1
    nodes = [standing_at(honest, each, "http://x") for each in (last, last - APART)]
    assert ComparedNodes(nodes).newest() == last - APART == last - 8


def test_a_page_asks_all_its_nodes(life, honest, tmp_path, monkeypatch):
    """It took the first one's word, whatever was said beside it."""

    def told(method, answer):
        return {"result": "0x7"} if method == "eth_chainId" else answer

    known = {"http://one": Said(honest, as_it_is), "http://other": Said(honest, told)}
    monkeypatch.setattr("strongroom.audit.nodes.Node", known.get)
    with pytest.raises(NodesDiffer, match="eth_chainId"):
        run_page(
            PageOptions(life.vault, "http://one", out=tmp_path, further_rpcs=("http://other",))
        )


def test_a_named_block_needs_no_heads_that_are_near(life, honest):
    last = len(life.blocks) - 1
    nodes = [standing_at(honest, last, "http://new"), Said(honest, as_it_is)]
    nodes[1] = standing_at(honest, last - 2 * APART, "http://old")
    to_block = last - 3 * APART
    options = AuditOptions(life.vault, to_block=to_block)
    assert run_audit(options, ComparedNodes(nodes)).verdict.to_block == to_block


def test_a_reader_is_told_how_old_the_last_block_is(life, honest, capsys):
    """With one node, too: who asks one that stood still for three days must see it."""
    result = run_audit(AuditOptions(life.vault), Said(honest, as_it_is))
    verdict = result.verdict
    assert verdict.to_time == life.blocks[-1].time
    show(result, verdict.to_time + 3 * DAY + 5_000)
    assert f"block {verdict.to_block} is the last, of " in capsys.readouterr().out
    assert age_words(verdict.to_time, verdict.to_time + 3 * DAY + 5_000).endswith("3 days old")


def test_age_is_told_in_its_largest_unit():
    for age, words in (
        (0, "0 seconds old"),
        (59, "59 seconds old"),
        (3_599, "59 minutes old"),
        (7_300, "2 hours old"),
        (86_400, "1 day old"),
        (-120, "2 minutes ahead of this machine's clock"),
    ):
        told = age_words(1_700_000_000, 1_700_000_000 + age)
        assert told == f"of 2023-11-14 22:13:20 UTC, {words}"


@pytest.mark.parametrize("again", [
    "http://liar.example/", "HTTP://Liar.Example", "http://liar.example:80", "http://liar.example.",
])  # fmt: skip
def test_a_node_that_is_named_twice_has_one_voice(again):
    """However it is written: twice the same lie outvoted the honest one."""
    one, other = nodes_of(["http://liar.example", "http://honest.example", again])._nodes
    assert (one.url, other.url) == ("http://liar.example", "http://honest.example")
    assert nodes_of(["http://liar.example", again]).url == "http://liar.example"
    paths = [
        "http://h/key1",
        "http://h/key2",
        "https://h/key1",
        "http://h:8080/key1",
        "http://[::1",
    ]
    assert [each.url for each in nodes_of(paths)._nodes] == paths
    assert nodes_of(["http://localhost:8545", "http://127.0.0.1:8545/"]).url.endswith(
        "localhost:8545"
    )
