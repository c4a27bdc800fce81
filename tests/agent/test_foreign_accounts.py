"""A vault that is ours, with accounts that are not: whatever such accounts log and answer, the
verdict is that their code is foreign, and none ends with "cannot be read"."""

import json

import pytest
from eth_account import Account
from strongroom.app.command import PageOptions, run_page
from strongroom.audit import factory as factory_audit
from strongroom.audit.command import AuditOptions, run_audit
from strongroom.audit.kinds import KINDS, kind_of
from strongroom.audit.logs import BadLog
from strongroom.audit.movements import SPLIT, topic_of
from strongroom.chain.artifacts import artifact

from tests.agent.test_audit_refusals import Telling
from tests.property.evidence_life import EvidenceLife
from tests.property.recorded import RecordingNode
from tests.property.world import UNIT, Kind

GARBAGE = {
    "a set without a number": ([topic_of(SPLIT)], "0x"),
    "a set of half a word": ([topic_of(SPLIT), "0x" + "00" * 32], "0x12"),
    "a wallet that is none": ([topic_of("WalletSet(address)")], "0x"),
}


@pytest.fixture(scope="module")
def life(tmp_path_factory):
    found = EvidenceLife(tmp_path_factory.mktemp("evidence"), (Kind("binary", "keeper"),))
    found.open("m")
    found.report({"m": 50})
    return found


def node_of(life, garbage, is_foreign):
    """A node of a chain whose account logs garbage in the block after its opening."""
    market = life.world.markets["m"]
    account, at = market.account.address.lower(), len(life.blocks) - 1
    implementation = life._code(account)[10:30].hex()
    topics, data = garbage

    def told(method, parameters, answer):
        if method == "eth_getCode" and parameters[0].lower() == f"0x{implementation}":
            code = answer["result"]
            return {"result": code[:100] + ("1" if code[100] == "0" else "0") + code[101:]}
        if method == "eth_getLogs" and account in str(parameters).lower():
            asked = parameters[0]
            wanted = asked.get("topics") or [None]
            is_there = int(asked["fromBlock"], 16) <= at <= int(asked["toBlock"], 16)
            of_accounts = [each.lower() for each in asked["address"]] == [account]
            if is_there and of_accounts and topics[0] in (wanted[0] or ()):
                log = {
                    "address": account, "topics": topics, "data": data, "blockNumber": hex(at),
                    "blockHash": f"0x{at:064x}", "logIndex": "0x63",
                    "transactionHash": f"0x{at:060x}0000",
                }  # fmt: skip
                return {"result": [*answer["result"], log]}
        return answer

    def honest_code(method, parameters, answer):
        return answer if method == "eth_getCode" else told(method, parameters, answer)

    return Telling(RecordingNode(life), told if is_foreign else honest_code)


def one_sentence(differences):
    (found,) = differences
    assert found.what == "code of accounts of class 0"
    assert found.expected.startswith("one of PolymarketAccount, ")
    assert found.found.startswith("0x")


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
def test_garbage_of_a_foreign_account_is_a_difference_by_its_code(life, garbage, tmp_path):
    """Of our own code it is the node's, and no verdict."""
    with pytest.raises(BadLog):
        run_audit(AuditOptions(life.vault), node_of(life, garbage, False))
    signer = Account.from_key(b"\x07" * 32)
    options = AuditOptions(life.vault, out=tmp_path, signer=signer)
    result = run_audit(options, node_of(life, garbage, True))
    one_sentence(result.verdict.differences)
    assert result.attestation["auditor"] == signer.address
    kept = json.loads((tmp_path / "verdict.json").read_text())
    assert kept["verdict"] == "differs" and kept["attestation"] == result.attestation


def test_a_page_and_a_factory_say_the_same(life, tmp_path, monkeypatch):
    garbage = GARBAGE["a set without a number"]
    monkeypatch.setattr(factory_audit, "_node", lambda urls: node_of(life, garbage, True))
    line = factory_audit.audit_one(AuditOptions(life.vault))
    assert (line.exit_code, line.differences) == (1, 1)
    assert "code of accounts of class 0: expected one of" in line.words
    monkeypatch.setattr("strongroom.audit.nodes.Node", lambda url: node_of(life, garbage, True))
    result = run_page(PageOptions(life.vault, evidence=(str(life.folder),), out=tmp_path))
    one_sentence(result.verdict.differences)
    assert result.exit_code == 1 and "1 difference" in (tmp_path / "index.html").read_text()


def test_foreign_accounts_that_behave_are_audited_like_all(life):
    """Their code is named beside whatever else is found: nothing here."""
    node = node_of(life, (["0x" + "00" * 32], "0x"), True)
    verdict = run_audit(AuditOptions(life.vault), node).verdict
    assert [each.what for each in verdict.differences][:1] == ["code of accounts of class 0"]
    assert verdict.checked.reports == 3


# logs in which nothing differs

ACCOUNTS = ("binary", "event", "delegated", "wallet", "position", "position event")
FOREIGN = "0x" + "fe" * 20


@pytest.fixture(scope="module", params=ACCOUNTS)
def quiet(request, tmp_path_factory):
    """A life with an account of a kind, and a fill."""
    folder = tmp_path_factory.mktemp("evidence")
    found = EvidenceLife(folder, (Kind(request.param, "keeper"),))
    found.open("m")
    found.trades = request.param != "wallet"  # which gives this world's exchange no allowance
    if found.trades:
        record = found.record(found.leg("m", 0, "0.5", 100 * UNIT))
        found.trade("m", 0, 50 * UNIT, 100 * UNIT, record)
        found.report({"m": 50}, record)
    found.report({"m": 50})
    return found


def other(code):
    """Code with one digit changed."""
    return code[:100] + ("1" if code[100] == "0" else "0") + code[101:]


def audited(life, code_of):
    """Audit over a node whose code is that, and all else what honest accounts say."""

    def told(method, parameters, answer):
        if method != "eth_getCode":
            return answer
        return {"result": code_of(parameters[0].lower(), answer["result"])}

    exchanges = (life.world.exchange,) if life.trades else ()
    options = AuditOptions(life.vault, evidence=(str(life.folder),), exchanges=exchanges)
    return run_audit(options, Telling(RecordingNode(life), told))


def test_a_foreign_implementation_is_a_difference_though_nothing_else_differs(quiet):
    account = quiet.world.markets["m"].account.address.lower()
    implementation = "0x" + quiet._code(account)[10:30].hex()
    assert audited(quiet, lambda address, code: code).is_clean

    result = audited(quiet, lambda at, code: other(code) if at == implementation else code)
    assert not result.is_clean
    assert [each.what for each in result.verdict.differences] == ["code of accounts of class 0"]

    def cloned(address, code):
        """The class names our code; this one account runs other code."""
        if address == account:
            return code.replace(implementation[2:], FOREIGN[2:])
        return other(real) if address == FOREIGN else code

    real = "0x" + quiet._code(implementation).hex()
    result = audited(quiet, cloned)
    assert not result.is_clean
    assert f"code of account {account}" in [each.what for each in result.verdict.differences]


@pytest.mark.parametrize("kind", KINDS)
def test_code_of_each_kind_is_known_and_with_a_byte_changed_is_none(kind):
    """Whatever immutables it has."""
    code = artifact(kind).runtime
    assert kind_of(code) == kind
    assert kind_of(bytes([code[0] ^ 1]) + code[1:]) == ""
