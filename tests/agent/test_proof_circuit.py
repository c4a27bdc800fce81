"""Proofs made anew, where ezkl is installed; numbers of the field; what a setup refuses."""

import hashlib
import json
import math
import sys
from decimal import Decimal
from fractions import Fraction
from importlib import metadata
from importlib.util import find_spec

import pyrevm
import pytest
from eth_abi import encode
from eth_utils import keccak
from strongroom.chain.ids import to_bytes, to_hex
from strongroom.errors import BadInput, Refused
from strongroom.extras import ExtraMissing
from strongroom.proofs import circuit as circuits
from strongroom.proofs.circuit import (
    Circuit,
    SetupString,
    UnsafeSetup,
    prove,
    read_circuit,
    read_proof,
    rows_in,
    set_up,
)
from strongroom.proofs.compiler import CompilerMissing, compiler
from strongroom.proofs.field import FIELD, inputs_hash, little_endian, to_element, to_number

from scripts.dev.record_proof import BIAS, LIKELY, UNLIKELY, WEIGHTS, logistic
from tests.proofs_recorded import recorded, recorded_proofs

WHO, SELECTOR = "0x" + "aa" * 20, keccak(text="verifyProof(bytes,uint256[])")[:4]


def has_solc():
    try:
        return compiler() is not None
    except CompilerMissing:
        return False


proves = pytest.mark.skipif(
    find_spec("ezkl") is None or find_spec("onnx") is None or not has_solc(),
    reason="ezkl, onnx (the extra zk) or npm's solc is not installed: make setup",
)


class Verifier:
    """A verifier on a bare EVM that is not ours."""

    def __init__(self, code):
        self.evm = pyrevm.EVM()
        self.evm.set_balance(WHO, 10**20)
        self.address = self.evm.deploy(WHO, code, gas=10_000_000)

    def says(self, proof, instances, tail=b""):
        data = SELECTOR + encode(["bytes", "uint256[]"], [proof, instances]) + tail
        try:
            answer = self.evm.message_call(WHO, self.address, data, gas=3_000_000)
        except RuntimeError:
            return "reverts"
        return int.from_bytes(bytes(answer), "big")


def test_numbers_are_elements_of_the_field_and_back():
    for text, element in (("1", 8192), ("0.5", 4096), ("-1", FIELD - 8192), ("0", 0)):
        assert to_element(Decimal(text), 13) == element
        assert to_number(element, 13) == Fraction(text)
    assert to_element(Decimal("-0.00006103515625"), 13) == FIELD - 1  # half of a step: away from 0
    assert to_number(FIELD // 2, 13) > 0 > to_number(FIELD // 2 + 1, 13)
    for bad in ("NaN", "Infinity", "1e30", "-1e30"):
        with pytest.raises(BadInput, match="is no input"):
            to_element(Decimal(bad), 13)
    for element in (-1, FIELD):
        with pytest.raises(BadInput, match="no element"):
            to_number(element, 13)


def test_ezkls_text_is_little_endian():
    assert little_endian("0020" + "00" * 30) == 8192
    minus_one = "01e0ffef93f5e1439170b97948e833285d588181b64550b829a031e1724e6430"  # as ezkl wrote
    assert to_number(little_endian(minus_one), 12) == to_number(FIELD - 8192, 12)
    for bad in ("", "00", "zz" * 32, "ff" * 32):
        with pytest.raises(BadInput, match="no element"):
            little_endian(bad)


def test_the_recorded_inputs_are_the_rows_and_their_hash_is_abis(tmp_path):
    """Our rounding is the one of the recorded proofs, which ezkl made."""
    file = tmp_path / "rows.json"
    file.write_text(json.dumps(recorded()["rows"]))
    for row, proof in zip(rows_in(file), recorded_proofs(), strict=True):
        assert list(row) == proof.inputs
        assert inputs_hash(row) == to_hex(keccak(encode(["uint256[]"], [proof.inputs])))


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "[[]]", '["a"]', "[[1, 2], [1]]", "[[1], 2]", "[true]", "[[[1]]]"]
)
def test_a_file_of_anything_else_is_refused(tmp_path, text):
    file = tmp_path / "rows.json"
    file.write_text(text)
    with pytest.raises(BadInput, match="rows"):
        rows_in(file)


def test_the_recorded_verifier_takes_its_proofs_and_nothing_else():
    """On another EVM than the contract tests. Padding behind the calldata is free: no identity."""
    verifier = Verifier(to_bytes(recorded()["verifier"]))
    likely, unlikely = recorded_proofs()
    good = [*likely.inputs, likely.output]
    assert verifier.says(likely.proof, good) == 1
    assert verifier.says(unlikely.proof, [*unlikely.inputs, unlikely.output]) == 1
    assert verifier.says(unlikely.proof, good) == "reverts"
    for place in range(len(good)):
        for step in (1, -1, FIELD):
            changed = [(each + step * (i == place)) % 2**256 for i, each in enumerate(good)]
            assert verifier.says(likely.proof, changed) == "reverts"
    for place in range(0, len(likely.proof), 97):
        changed = bytearray(likely.proof)
        changed[place] ^= 1
        assert verifier.says(bytes(changed), good) == "reverts"
    assert verifier.says(likely.proof, good, tail=b"\7" * 32) == 1


@pytest.mark.parametrize("chain_id", [1, 137, 80_002])
def test_outside_a_devnet_a_setup_wants_a_ceremonys_file(tmp_path, monkeypatch, chain_id):
    model = tmp_path / "model.onnx"
    model.write_bytes(b"model")
    monkeypatch.setattr(circuits, "_ezkl", lambda: None)
    monkeypatch.setattr(circuits, "compiler", lambda: tmp_path)
    with pytest.raises(UnsafeSetup, match=f"chain {chain_id} is no devnet: name a ceremony"):
        set_up(model, [(1,)], tmp_path / "made", chain_id)
    srs = tmp_path / "ceremony.srs"
    srs.write_bytes(b"powers")
    for wrong in ("", "00" * 32, hashlib.sha256(b"other").hexdigest()):
        with pytest.raises(UnsafeSetup, match="has SHA-256"):
            set_up(model, [(1,)], tmp_path / "made", chain_id, SetupString(srs, wrong))
    assert not (tmp_path / "made").exists()


def test_a_test_circuit_serves_on_a_devnet_alone(tmp_path):
    made = Circuit(tmp_path, "0x", 8, 13, "test", "", b"")
    for devnet in (1337, 31_337):
        made.check_for(devnet)
    with pytest.raises(UnsafeSetup, match="--srs-sha256"):
        made.check_for(137)
    Circuit(tmp_path, "0x", 8, 13, "ceremony", "", b"").check_for(137)


def test_without_ezkl_the_message_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ezkl", None)
    with pytest.raises(ExtraMissing, match=r"the extra zk is not installed: pip install .*\[zk\]"):
        set_up(tmp_path / "model.onnx", [(1,)], tmp_path / "made", 1337)


def test_another_ezkl_is_refused(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ezkl", object())
    monkeypatch.setattr(metadata, "version", lambda name: "1.0")
    with pytest.raises(ExtraMissing, match=r"ezkl is 1\.0"):
        set_up(tmp_path / "model.onnx", [(1,)], tmp_path / "made", 1337)


def test_a_folder_without_a_circuit_and_a_file_without_a_proof_are_refused(tmp_path):
    with pytest.raises(BadInput, match="has no circuit"):
        read_circuit(tmp_path)
    file = tmp_path / "proof.json"
    found = recorded()["proofs"][0]
    for changed in (
        {},
        found | {"output": str(FIELD)},
        found | {"inputs": ["-1"]},
        found | {"proof": "0xzz"},
        [found],
    ):
        file.write_text(json.dumps(changed))
        with pytest.raises(BadInput, match="is no proof"):
            read_proof(file)
    file.write_text(json.dumps(found))
    assert read_proof(file).document() == found


@pytest.mark.parametrize(("lowest", "highest"), [(-18_636, 0), (0, 12_801)])
def test_what_reaches_beyond_the_examples_is_not_even_tried(tmp_path, lowest, highest):
    """ezkl 23.0.5 hangs on it: a witness as it wrote one, of a row eight times as wide."""
    settings, witness = tmp_path / "settings.json", tmp_path / "witness.json"
    settings.write_text(json.dumps({"run_args": {"lookup_range": [-18_635, 12_800]}}))

    def reached(low, high):
        found = {"min_lookup_inputs": low, "max_lookup_inputs": high, "max_range_size": 16_383}
        witness.write_text(json.dumps(found))
        circuits._check_range(witness, settings)

    reached(-18_635, 12_800)
    with pytest.raises(Refused, match="reach beyond the examples"):
        reached(lowest, highest)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A circuit, set up here and now: about a minute of an idle machine."""
    folder = tmp_path_factory.mktemp("circuit")
    model, rows = folder / "model.onnx", folder / "rows.json"
    model.write_bytes(logistic(WEIGHTS, BIAS))
    rows.write_text(json.dumps([LIKELY, UNLIKELY]))
    return set_up(model, rows_in(rows), folder / "made", 1337)


@proves
def test_a_proof_made_anew_is_taken_by_its_own_verifier_alone(made, tmp_path):
    file = tmp_path / "row.json"
    file.write_text(json.dumps(LIKELY))
    (row,) = rows_in(file)
    proof = prove(made, row)
    at = sum(weight * value for weight, value in zip(WEIGHTS, LIKELY, strict=True)) + BIAS
    assert abs(float(proof.forecast) - 1 / (1 + math.exp(-at))) < 1 / 4_000
    assert proof.output == recorded_proofs()[0].output  # the same model and row, another setup
    verifier = Verifier(made.verifier)
    good = [*row, proof.output]
    assert verifier.says(proof.proof, good) == 1
    assert verifier.says(proof.proof, [*row, proof.output + 1]) == "reverts"
    assert verifier.says(recorded_proofs()[0].proof, good) == "reverts"
    assert Verifier(to_bytes(recorded()["verifier"])).says(proof.proof, good) == "reverts"
    assert read_circuit(made.folder) == made


@proves
def test_a_row_beyond_the_examples_and_one_of_another_length_have_no_proof(made):
    with pytest.raises(BadInput, match="takes 8 inputs"):
        prove(made, (1,))
    with pytest.raises(Refused, match="reach beyond the examples"):
        prove(made, tuple(8 * each % FIELD for each in recorded_proofs()[0].inputs))


@proves
def test_a_model_that_was_exchanged_is_seen(made):
    model = made.folder / "model.onnx"
    content = model.read_bytes()
    model.write_bytes(content + b"\0")
    try:
        with pytest.raises(BadInput, match="is not the model of the circuit"):
            read_circuit(made.folder)
    finally:
        model.write_bytes(content)
