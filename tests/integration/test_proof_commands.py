"""`strongroom proof` against a gate on anvil, with the recorded proofs: from a gate's deployment to
a gated allocation by a real Safe."""

import json
from pathlib import Path
from types import SimpleNamespace

import ape
import pytest
from click.testing import CliRunner
from eth_utils import keccak
from jsonschema import Draft202012Validator
from strongroom.audit.command import AuditOptions, run_audit
from strongroom.chain.artifacts import artifact
from strongroom.chain.ids import canonical, to_bytes, to_hex
from strongroom.chain.rpc import Chain
from strongroom.cli.audit import command as audit
from strongroom.cli.proof import command
from strongroom.devnet import contracts as devnet
from strongroom.keeper.vault_check import check_vault
from strongroom.settings import ConfigError

from tests.defaults import DAY, UNIT, WAD, a_class
from tests.e2e.lies import Liar
from tests.proofs_recorded import recorded, recorded_proofs

FIRST, SECOND, REPORTER, STRANGER = "TEST::20", "TEST::21", "TEST::3", "TEST::10"
SCHEMA = json.loads(Path("docs/schemas/audit-2.json").read_text())
LIKELY, UNLIKELY = recorded_proofs()


def owners():
    from strongroom.chain.accounts import MNEMONIC
    from strongroom.chain.contracts import test_keys

    keys = list(test_keys(MNEMONIC, 22))
    return [keys[20].address, keys[21].address]


@pytest.fixture
def place(tmp_path, make_vault, people, invest, implementation, venue, devnet_deployer, chain):
    """A vault without a class, a Safe of two, and the recorded circuit in a folder."""
    vault = make_vault(price_band_bps=0)
    invest(vault, people.alice, 1_000 * UNIT)
    safe = devnet.deploy_safe(devnet_deployer, venue.safes, owners(), 2)
    for each in owners():
        devnet_deployer.sender.transfer(each, 10**18)
    found = recorded()
    circuit = tmp_path / "circuit"
    circuit.mkdir()
    model = to_bytes(found["model"])
    (circuit / "model.onnx").write_bytes(model)
    (circuit / "circuit.json").write_bytes(
        canonical(
            {
                "model_hash": to_hex(keccak(model)),
                "inputs": 8,
                "bits": found["bits"],
                "setup": "test",
                "setup_sha256": "",
                "verifier": found["verifier"],
            }
        )
    )
    for name, proof, row in zip(("yes", "no"), found["proofs"], found["rows"], strict=True):
        file = proof | {"model_hash": to_hex(keccak(model))}
        (tmp_path / f"{name}.json").write_text(json.dumps(file))
        (tmp_path / f"{name}-row.json").write_text(json.dumps(row))

    def run(*arguments, code=0, rpc=True):
        node = ["--rpc", ape.networks.provider.uri] if rpc else []
        done = CliRunner(mix_stderr=False).invoke(command, [*map(str, arguments), *node])
        assert done.exit_code == code, done.stdout + done.stderr
        return done.stdout if code == 0 else done.stderr

    return SimpleNamespace(vault=vault, safe=safe, circuit=circuit, folder=tmp_path, run=run)


@pytest.fixture
def gated(place, people, implementation, venue, chain, number, devnet_deployer):
    """The same with its gate as the keeper of class 0, and an open market."""
    said = json.loads(
        place.run(
            *("deploy", place.circuit, "--vault", place.vault.address, "--class", 0),
            *("--keeper", place.safe.address, "--stake", "1000", "--account", "TEST::0"),
            *("--yes", "--json"),
        )
    )
    gate = ape.project.ProofGate.at(said["gate"])
    terms = a_class(implementation, people.oracle, people.keeper)
    place.vault.addClass(terms, sender=people.owner)
    question = next(number).to_bytes(32, "big")
    venue.ctf.prepareCondition(people.oracle, question, 2, sender=devnet_deployer.sender)
    deadline = chain.pending_timestamp + 9 * DAY
    place.vault.openMarket(0, question, 1, deadline, sender=people.keeper)
    people.owner.transfer(said["to"], 0, data=said["data"])  # the call that was printed
    assert place.vault.keeperOf(0) == gate.address
    market = to_hex(bytes(place.vault.openMarkets()[-1]))
    about = ("--gate", gate.address, "--market", market)
    allocation = (
        *("allocate", *about, "--proof", place.folder / "yes.json", "--amount", "50"),
        *("--side", "yes", "--price", "0.5"),
    )
    return SimpleNamespace(
        **vars(place), gate=gate, market=market, about=about, allocation=allocation
    )


def commit(gated, row="yes", *more, **how):
    file = gated.folder / f"{row}-row.json"
    return gated.run("commit", *gated.about, "--inputs", file, *more, **how)


def test_from_a_commitment_to_a_gated_allocation(gated, chain):
    run, both = gated.run, ("--account", FIRST, "--account", SECOND)
    assert "no inputs wait" in run(*gated.allocation, *both, code=2)
    found = json.loads(commit(gated, "yes", "--account", REPORTER, "--yes", "--json"))
    assert found["transaction"] and found["sender"] == gated.vault.reporter()
    assert gated.gate.commitmentOf(gated.market).inputs_hash == gated.gate.inputsHash(LIKELY.inputs)
    assert "the inputs count from" in run(*gated.allocation, *both, code=2)
    chain.mine(timestamp=chain.blocks.head.timestamp + 600)
    assert "needs 2 owners" in run(*gated.allocation, "--account", FIRST, code=2)
    shown = json.loads(run(*gated.allocation, "--dry-run", "--json"))
    assert shown["sender"] == gated.safe.address and not shown["transaction"]
    assert 600_000 < shown["gas"] < 1_200_000
    assert gated.vault.bookOf(gated.market)[0] == 0
    run(*gated.allocation, *both, "--yes")
    assert gated.vault.bookOf(gated.market)[0] == 50 * UNIT
    assert tuple(gated.gate.admissionOf(gated.market))[:2] == (0, WAD // 2)
    assert "no inputs wait" in run(*gated.allocation, *both, code=2)


def audited(gated, *more, code=0):
    line = ["--vault", gated.vault.address, "--rpc", ape.networks.provider.uri, "--json"]
    line += ["--proof-gate", gated.gate.address, *map(str, more)]
    run = CliRunner(mix_stderr=False).invoke(audit, line)
    assert run.exit_code == code, run.stdout + run.stderr
    return json.loads(run.stdout) if code < 2 else run.stderr


def test_the_audit_holds_a_gate_against_its_rule(gated, chain):
    """By the node's own logs, code and proofs; the model's forecast in floating point."""
    model = gated.circuit / "model.onnx"
    commit(gated, "no", "--account", REPORTER, "--yes")
    commit(gated, "yes", "--account", REPORTER, "--yes")
    chain.mine(timestamp=chain.blocks.head.timestamp + 600)
    gated.run(*gated.allocation, "--account", FIRST, "--account", SECOND, "--yes")
    found = audited(gated)
    Draft202012Validator(SCHEMA).validate(found)
    (said,) = found["proof_gates"]
    assert said == {
        "gate": gated.gate.address.lower(),
        "class_id": 0,
        "keeper": gated.safe.address.lower(),
        "is_keeper": True,
        "verifier": str(gated.gate.terms().verifier).lower(),
        "verifier_hash": to_hex(bytes(gated.gate.terms().verifier_hash)),
        "model_hash": to_hex(keccak(model.read_bytes())),
        "commitments": 2,
        "proofs": 1,
        "assets": str(50 * UNIT),
        "others": 0,
        "recomputed": None,
    }
    listed = {each["what"]: each["known"] for each in found["code"]}
    assert listed["proof gate"] == "ProofGate"
    assert listed["verifier of the gate"] == listed["keeper of the gate"] == ""
    pytest.importorskip("onnx", reason="the extra zk is not installed")
    assert audited(gated, "--proof-model", model)["proof_gates"][0]["recomputed"] == 1
    other = gated.folder / "other.onnx"
    other.write_bytes(b"another")
    assert "is no gate's model" in audited(gated, "--proof-model", other, code=2)


def test_an_allocation_without_a_proof_is_named_by_its_block(gated, chain):
    """The node tells of the allocation, and not of the proof in front of it."""
    commit(gated, "yes", "--account", REPORTER, "--yes")
    chain.mine(timestamp=chain.blocks.head.timestamp + 600)
    gated.run(*gated.allocation, "--account", FIRST, "--account", SECOND, "--yes")
    block, gate = chain.blocks.head.number, gated.gate.address.lower()

    def silent(method, parameters, answer):
        if method != "eth_getLogs":
            return answer
        return [
            each
            for each in answer
            if each["address"].lower() != gate or int(each["blockNumber"], 16) != block
        ]

    url = ape.networks.provider.uri
    options = AuditOptions(gated.vault.address, url, gates=(gated.gate.address,))
    result = run_audit(options, Liar(url, silent))
    (found,) = result.verdict.differences
    assert (found.block, found.what) == (block, "Allocated: by a proof")
    assert result.exit_code == 1


def test_the_audit_names_a_gate_or_verifier_of_other_code(gated, chain):
    verifier, request = gated.gate.terms().verifier, ape.networks.provider.make_request
    request("anvil_setCode", [verifier, "0x60015f5260205ff3"])
    (found,) = audited(gated, code=1)["differences"]
    assert found["what"].endswith("code of its verifier")
    whole = ape.networks.provider.get_code(gated.gate.address)
    changed = bytearray(whole)
    changed[500] ^= 1
    request("anvil_setCode", [gated.gate.address, to_hex(bytes(changed))])
    (found,) = audited(gated, code=1)["differences"]
    assert (found["expected"], found["found"]) == ("ProofGate", "differs at byte 500")
    words = len(artifact("ProofGate").runtime)
    changed = bytearray(whole)
    changed[words + 31] ^= 1
    request("anvil_setCode", [gated.gate.address, to_hex(bytes(changed))])
    (found,) = audited(gated, code=1)["differences"]
    assert found["what"].endswith("VAULT")


def test_what_the_gate_would_refuse_is_not_sent(gated, chain):
    run, both = gated.run, ("--account", FIRST, "--account", SECOND, "--yes")
    assert "is not" in commit(gated, "yes", "--account", STRANGER, "--yes", code=2)
    commit(gated, "no", "--account", REPORTER, "--yes")
    assert "other inputs were committed" in run(*gated.allocation, *both, code=2)
    commit(gated, "yes", "--account", REPORTER, "--yes")
    chain.mine(timestamp=chain.blocks.head.timestamp + 600)
    for changed, why in (
        (("--side", "no"), "no edge"),
        (("--price", "0.82"), "no edge"),
        (("--amount", "900"), "more than the proof admits"),
    ):
        assert why in run(*gated.allocation, *both, *changed, code=2)
    for price in ("1.5", "NaN"):
        assert "between 0 and 1" in run(*gated.allocation, *both, "--price", price, code=2)
    damaged = json.loads((gated.folder / "yes.json").read_text())
    damaged["proof"] = damaged["proof"][:-2] + "00"
    (gated.folder / "damaged.json").write_text(json.dumps(damaged))
    bad = ("--proof", gated.folder / "damaged.json")
    assert "proof refused" in run(*gated.allocation, *both, *bad, code=2)
    other = json.loads((gated.folder / "yes.json").read_text()) | {"model_hash": "0x" + "11" * 32}
    (gated.folder / "other.json").write_text(json.dumps(other))
    bad = ("--proof", gated.folder / "other.json")
    assert "prove with the gate's circuit" in run(*gated.allocation, *both, *bad, code=2)
    assert gated.vault.bookOf(gated.market)[0] == 0


def test_a_keeper_whose_class_has_a_gate_says_what_to_do(gated, venue):
    """It does not start: its orders and calls would be refused one by one."""
    exchanges = [SimpleNamespace(address=venue.exchange.address)]
    config = SimpleNamespace(
        vault=gated.vault.address, classes=(0,), venue=SimpleNamespace(exchanges=exchanges),
        safe=SimpleNamespace(address=gated.safe.address, multi_send=venue.exchange.address),
        execution=SimpleNamespace(order_lifetime_s=60),
    )  # fmt: skip
    chain = Chain(ape.networks.provider.uri)
    with pytest.raises(ConfigError, match=r"a proof gate of this Safe.*strongroom proof allocate"):
        check_vault(config, chain)
    config.safe.address = venue.exchange.address
    with pytest.raises(ConfigError, match=rf"class 0's keeper is {gated.gate.address}$"):
        check_vault(config, chain)


def test_anybody_checks_a_proof_at_the_gate(gated):
    asked = ("verify", "--gate", gated.gate.address, "--proof")
    found = json.loads(gated.run(*asked, gated.folder / "yes.json", "--json"))
    assert found["forecast"].startswith("0.826")
    damaged = json.loads((gated.folder / "yes.json").read_text())
    damaged["output"] = str(int(damaged["output"]) + 1)
    (gated.folder / "damaged.json").write_text(json.dumps(damaged))
    assert "refuses the proof" in gated.run(*asked, gated.folder / "damaged.json", code=2)
    model = gated.folder / "other.onnx"
    model.write_bytes(b"another")
    file = gated.folder / "yes.json"
    assert "not the gate's" in gated.run(*asked, file, "--model", model, code=2)
    pytest.importorskip("onnx", reason="the extra zk is not installed")
    said = gated.run(*asked, file, "--model", gated.circuit / "model.onnx")
    assert "the model itself gives 0.826" in said


def test_a_verifier_with_other_code_is_asked_no_more(gated, chain):
    commit(gated, "yes", "--account", REPORTER, "--yes")
    chain.mine(timestamp=chain.blocks.head.timestamp + 600)
    both = ("--account", FIRST, "--account", SECOND, "--yes")
    verifier, yes = gated.gate.terms().verifier, "0x60015f5260205ff3"
    ape.networks.provider.make_request("anvil_setCode", [verifier, yes])
    assert "another verifier" in gated.run(*gated.allocation, *both, code=2)
    asked = ("verify", "--gate", gated.gate.address, "--proof", gated.folder / "yes.json")
    assert "it admits nothing now" in gated.run(*asked, code=2)


def test_what_is_no_gate_is_said_to_be_none(gated):
    asked = ("--gate", gated.vault.address, "--proof", gated.folder / "yes.json")
    assert "is no gate" in gated.run("verify", *asked, code=2)
