"""When an audit refuses, or ends with the vault's code: what a node lacks, a chain that is
reorganised meanwhile, foreign code, a checkpoint that a liar made, a node that is not there."""

import json
from dataclasses import replace

import pytest
import requests
from strongroom.audit.auditor import Auditor
from strongroom.audit.checkpoint import CheckpointError
from strongroom.audit.command import AuditOptions, run_audit, scope_of
from strongroom.audit.factory import FactoryOptions, _vaults_of, audit_factory
from strongroom.audit.node import CONNECTS, AsksTooMuch, Node, NodeAway, NodeRefuses
from strongroom.audit.nodes import ComparedNodes
from strongroom.chain.failures import CallReverted, NoVault
from strongroom.errors import StrongroomError

from tests.agent.said_nodes import Said, Telling, as_it_is, steady_life
from tests.property.recorded import RecordingNode


@pytest.fixture(scope="module")
def life():
    return steady_life()


@pytest.fixture(scope="module")
def honest(life):
    return RecordingNode(life)


WITHOUT_OVERRIDES = {
    "refused": {"error": {"code": -32602, "message": "too many arguments, want at most 2"}},
    "left out": {"result": "0x"},
    "reverts": {"error": {"code": 3, "message": "execution reverted"}},
}


@pytest.mark.parametrize("how", WITHOUT_OVERRIDES)
def test_a_node_without_state_overrides_says_nothing_of_constructors(life, honest, how):
    def told(method, parameters, answer):
        return WITHOUT_OVERRIDES[how] if method == "eth_call" and parameters[2:] else answer

    with pytest.raises(NodeAway, match=r"state overrides.*name another node"):
        run_audit(AuditOptions(life.vault), Telling(honest, told))


@pytest.mark.parametrize("after", [1, 30, 200])
def test_a_chain_that_is_reorganised_meanwhile_is_no_verdict(life, honest, after):
    """The last block is another one from some question on: of two histories none is judged."""
    last, count = hex(len(life.blocks) - 1), 0

    def told(method, parameters, answer):
        nonlocal count
        count += 1
        is_last = method == "eth_getBlockByNumber" and parameters[0] == last
        if is_last and count > after:
            answer["result"]["hash"] = "0x" + "77" * 32
        return answer

    with pytest.raises(NodeAway, match=r"reorganised.*audit again"):
        run_audit(AuditOptions(life.vault), Telling(honest, told))


def test_logs_of_foreign_code_are_not_read(life, honest):
    """One byte of the vault is another: exit code 1 by name, whatever it logs."""

    def told(method, parameters, answer):
        code = answer["result"] if method == "eth_getCode" else "0x"
        if code != "0x" and parameters[0].lower() == life.vault:
            answer["result"] = code[:100] + ("1" if code[100] == "0" else "0") + code[101:]
        if method == "eth_getLogs":
            return {"result": [{"garbage": 1}]}
        return answer

    node = Telling(honest, told)
    found = run_audit(AuditOptions(life.vault), node).verdict
    assert [each.found for each in found.differences] == ["differs at byte 49"]
    assert found.checked.events == 0 and "eth_getLogs" not in node.asked


class FarHead(RecordingNode):
    """Says a head that is far away, and headers up to it."""

    head_said = 2**40

    def answered(self, method, params):
        found = None
        if method == "eth_blockNumber":
            found = hex(self.head_said)
        if method == "eth_getBlockByNumber" and int(params[0], 16) >= len(steady_life().blocks):
            number = int(params[0], 16)
            hashes = {"hash": f"0x{number:064x}", "parentHash": f"0x{number - 1:064x}"}
            time = hex(steady_life().blocks[-1].time + 1)
            found = {"number": hex(number), "timestamp": time} | hashes
        if found is None:
            return super().answered(method, params)
        return json.dumps({"result": found})[1:-1].encode()


def test_a_head_that_no_chain_has_come_to_is_refused(life):
    """The audit looked for logs up to it for years."""
    node = Telling(FarHead(life), lambda method, parameters, answer: answer)
    with pytest.raises(NodeAway, match=r"1,099,511,627,\d+ blocks and .* no chain is so fast"):
        run_audit(AuditOptions(life.vault), node)
    assert "eth_getLogs" not in node.asked


@pytest.mark.parametrize("what", ["supply", "idle"])
def test_a_checkpoint_of_a_liar_makes_no_vault_differ(life, honest, tmp_path, what):
    """The first audit is told of one share or unit more; its books go on over an honest node."""
    path, middle = tmp_path / "state", len(life.blocks) // 2
    options = AuditOptions(life.vault, to_block=middle, checkpoint=path)
    scope, _ = scope_of(options, Said(honest, as_it_is))
    Auditor(scope, Said(honest, as_it_is)).run()
    kept = json.loads(path.read_text())
    ledger = kept["progress"]["ledger"]
    ledger["differences"] = []  # the recorded node has views of its last block alone
    ledger[what] += 1
    path.write_text(json.dumps(kept))
    options = replace(options, to_block=None)
    if what == "supply":  # beside the holders' shares
        with pytest.raises(CheckpointError, match="one of the nodes, was wrong: remove it"):
            run_audit(options, Said(honest, as_it_is))
        return
    found = run_audit(options, Said(honest, as_it_is))
    assert found.is_clean and found.is_anew and found.verdict.went_on is None


def test_a_checkpoint_with_differences_is_begun_anew(life, honest, tmp_path):
    path = tmp_path / "state"

    def told(method, answer):
        if method == "eth_getBlockByNumber" and answer["result"]["number"] == "0x6":
            answer["result"]["timestamp"] = "0x7fffffff"
        return answer

    options = AuditOptions(life.vault, checkpoint=path)
    assert not run_audit(options, Said(honest, told)).is_clean
    assert path.exists() and run_audit(options, Said(honest, as_it_is)).is_clean


SPOOF = "x\n\x1b[2Jno difference (3.2 s)\u202e"
ANSWERS = {
    "an error": {"error": {"code": -32000, "message": SPOOF}},
    "an error without a form": {"error": SPOOF},
    "a revert": {"error": {"code": 3, "message": f"execution reverted: {SPOOF}"}},
    "no answer": {"result": SPOOF},
}  # fmt: skip


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("method", ["eth_getLogs", "eth_call", "eth_getBlockByNumber"])
def test_what_a_node_says_begins_no_line(life, honest, method, name):
    """It wrote one beside the audit's own: "no difference"."""

    def told(asked, parameters, answer):
        return ANSWERS[name] if asked == method else answer

    with pytest.raises(StrongroomError) as found:
        run_audit(AuditOptions(life.vault), Telling(honest, told))
    assert str(found.value).isprintable()


class Silent(Node):
    """Counts how often a node is tried that is not there."""

    tries = 0

    def _post(self, body):
        self.tries += 1
        raise requests.ConnectionError("refused")


@pytest.mark.parametrize("ask", [
    lambda node: node.head(), lambda node: list(node.logs(["0x" + "12" * 20], 0, 10_000)),
])  # fmt: skip
def test_a_node_that_is_not_there_is_tried_three_times(ask):
    """It was 35 times: five tries for each of seven halvings."""
    node = Silent("http://gone:1", pause=lambda seconds: None)
    with pytest.raises(NodeAway, match=r"http://gone:1 does not answer.*start the node"):
        ask(node)
    assert node.tries == CONNECTS == 3


def test_a_node_that_takes_few_questions_at_once_is_asked_for_few(life, honest):
    class Few(Said):
        def _post(self, body):
            if len(body) > 7:
                return b'{"id": null, "error": {"code": -32600, "message": "batch too large"}}'
            return super()._post(body)

    one = run_audit(AuditOptions(life.vault), Said(honest, as_it_is)).verdict
    assert run_audit(AuditOptions(life.vault), Few(honest, as_it_is)).verdict == one


def test_a_revert_is_an_answer_and_a_refusal_is_none(life, honest):
    def says(error):
        return Said(honest, lambda method, answer: {"error": error})

    reverts = {"code": 3, "message": "execution reverted: no"}
    call = "eth_call", [{"to": life.vault, "data": "0x"}, "0x1"]
    (found,) = says(reverts).ask_each([call])
    assert isinstance(found, CallReverted)
    with pytest.raises(CallReverted):
        says(reverts).ask(call[0], *call[1])
    other = {"code": 3, "message": "execution reverted (another client's words)"}
    (found,) = ComparedNodes([says(reverts), says(other)]).ask_each([call])
    assert isinstance(found, CallReverted)
    for words, kind, advice in (
        ("missing trie node 12", NodeRefuses, "archive node"),
        ("the method eth_call does not exist", NodeRefuses, "has this method"),
        ("block range is too wide", AsksTooMuch, "more at once"),
        ("rate limit exceeded", NodeAway, "asked too often"),
    ):
        with pytest.raises(kind, match=advice):
            says({"code": -32000, "message": words}).ask(call[0], *call[1])


class FactoryNode(Node):
    """A contract that counts vaults without end."""

    def __init__(self, code, count):
        super().__init__("http://factory")
        self.code, self.count, self.calls = code, count, 0

    def ask_each(self, asked):
        found = []
        for method, _ in asked:
            self.calls += method == "eth_call"
            found.append(self.code if method == "eth_getCode" else f"0x{self.count:064x}")
        return found


def test_a_foreign_factory_is_named_and_not_asked_for_vaults():
    node = FactoryNode("0x6000", 2**200)
    assert _vaults_of(node, "0x" + "12" * 20, 5) == ([], "differs at byte 0")
    assert node.calls == 1
    with pytest.raises(NoVault, match="no contract"):
        _vaults_of(FactoryNode("0x", 1), "0x" + "12" * 20, 5)


def test_a_factory_of_ours_has_a_largest_number_of_vaults(monkeypatch):
    monkeypatch.setattr("strongroom.audit.factory.runtime_difference", lambda name, there: "")
    with pytest.raises(NodeAway, match=r"at most 100,000 are audited"):
        _vaults_of(FactoryNode("0x6000", 2**200), "0x" + "12" * 20, 5)


def test_a_dead_node_of_a_factory_is_named(tmp_path):
    each = AuditOptions("", "http://127.0.0.1:9")
    with pytest.raises(NodeAway, match=r"http://127\.0\.0\.1:9 does not answer"):
        audit_factory(FactoryOptions("0x" + "12" * 20, tmp_path, each))
