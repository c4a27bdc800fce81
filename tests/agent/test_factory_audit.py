"""Audits of all vaults of a factory: one run, resumable, where what fails costs itself.

The vaults' logs and contracts are real (tests/property/recorded.py); the node is a process of its
own that serves one life at several addresses.
"""

import gc
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from jsonschema import validate
from strongroom.audit import bookkeeper
from strongroom.audit import factory as factory_audit
from strongroom.audit.command import AuditOptions, run_audit
from strongroom.audit.events import Reported
from strongroom.audit.factory import FactoryOptions, audit_factory, audit_one
from strongroom.audit.node import Node, NodeRefuses
from strongroom.audit.verdict import DecidedAgain
from strongroom.chain.failures import NoVault
from strongroom.cli.audit import command as audit_command
from strongroom.errors import BadInput

from tests.recorded_server import COPY, copy_of

ROOT = Path(__file__).parents[2]
EVENTS = 1_000


@contextmanager
def served(folder, *options):
    """Yield a node's URL, its factory, and what is asked of each vault."""
    log = folder / "asked"
    log.touch()
    command = [sys.executable, "-m", "tests.recorded_server", "--log", log, *options]
    server = subprocess.Popen(
        [*map(str, command), "--events", str(EVENTS)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        found = json.loads(server.stdout.readline())
        yield found["url"], found["factory"], lambda: Counter(log.read_text().splitlines())
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()


def options(url, factory, folder, **more):
    return FactoryOptions(factory, folder, AuditOptions("", url), **({"jobs": 2} | more))


def verdict(folder, number):
    return json.loads((folder / copy_of(number) / "verdict.json").read_text())


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """A factory of two vaults with nothing wrong, audited once by two processes."""
    folder = tmp_path_factory.mktemp("clean")
    with served(folder, "--vaults", 2) as (url, factory, asked):
        result = audit_factory(options(url, factory, folder / "out"))
        yield url, factory, folder / "out", result, asked


def test_every_vault_has_its_verdict(clean):
    _, factory, folder, result, _ = clean
    assert [each.vault for each in result.vaults] == [copy_of(0), copy_of(1)]
    words = "no difference; fills and documents were not looked at: name places by --evidence"
    assert [each.words for each in result.vaults] == [words] * 2
    assert result.exit_code == 0 and result.code == ""
    assert result.vaults[0].events == result.vaults[1].events >= EVENTS
    assert verdict(folder, 1)["vault"] == copy_of(1)
    assert verdict(folder, 0)["state"] == verdict(folder, 1)["state"]
    reports = (folder / copy_of(0) / "reports.jsonl").read_text().splitlines()
    assert len(reports) == result.vaults[0].reports > 20
    schema = json.loads((ROOT / "docs" / "schemas" / "audit-factory-1.json").read_text())
    validate(json.loads(json.dumps(result.document())), schema)
    assert factory in json.dumps(result.document())


def test_an_audit_that_reads_ahead_says_the_same(tmp_path):
    """Of a vault whose node leaves logs out, one whose node fails, and from a checkpoint."""
    with served(tmp_path, "--vaults", 3, "--lying", 1, "--failing", 2) as (url, _, _):
        for number in (1, 0):
            own = [AuditOptions(copy_of(number), url, ahead=ahead) for ahead in (False, True)]
            one, two = (run_audit(each).verdict for each in own)
            assert one == two and bool(one.differences) is bool(number)
        half = replace(own[1], to_block=one.to_block // 2, checkpoint=tmp_path / "half")
        run_audit(half)
        assert replace(run_audit(replace(half, to_block=None)).verdict, went_on=None) == one
        with pytest.raises(NodeRefuses, match="gone"):
            run_audit(AuditOptions(copy_of(2), url, ahead=True))


def test_what_is_done_is_not_asked_again(clean):
    url, factory, folder, result, asked = clean
    before = asked()
    again = audit_factory(options(url, factory, folder))
    assert again.vaults == result.vaults and asked() == before


def test_vaults_that_go_on_from_their_checkpoints_are_said_to(clean, tmp_path, capsys):
    url, factory, _, whole, _ = clean
    half = replace(options(url, factory, tmp_path).each, to_block=whole.to_block - 5)
    audit_factory(FactoryOptions(factory, tmp_path, half, 1))
    found = audit_factory(FactoryOptions(factory, tmp_path, replace(half, to_block=None), 1))
    assert {each.anew_from for each in found.vaults} == {whole.to_block - 4}
    assert [replace(each, anew_from=0, seconds=0) for each in found.vaults] == [
        replace(each, seconds=0) for each in whole.vaults
    ]
    factory_audit.show_factory(found, 0)
    assert "of 2 vaults older blocks are as earlier audits found them" in capsys.readouterr().out


def test_other_options_are_not_done(clean, tmp_path):
    """A checkpoint of an audit without evidence says nothing of documents. What was refused leaves
    no verdict, so the vault is not done with the first options either."""
    url, factory, whole, result, _ = clean
    folder = shutil.copytree(whole, tmp_path / "out")
    each = AuditOptions("", url, evidence=(str(folder),), to_block=result.to_block)
    other = audit_factory(FactoryOptions(factory, folder, each, 1))
    assert other.exit_code == 2
    assert all("was begun with other --exchange, --evidence" in e.words for e in other.vaults)
    assert not (folder / copy_of(0) / "verdict.json").exists()
    again = audit_factory(replace(options(url, factory, folder), each=replace(each, evidence=())))
    assert {e.anew_from for e in again.vaults} == {result.to_block + 1} and again.exit_code == 0
    with pytest.raises(BadInput, match=r"--to-block \d+: the newest is"):
        audit_factory(FactoryOptions(factory, folder, AuditOptions("", url, to_block=10**6)))


@pytest.mark.parametrize("what", ["VERDICT", "VERSION", "SCHEMA", "release"])
def test_what_another_release_has_found_is_not_done(tmp_path, monkeypatch, what):
    """Of another package, or with other verdicts, lines or checkpoints."""
    line = factory_audit.VaultLine(copy_of(0), 0, "no difference")

    def asked():
        return factory_audit._hash_of(AuditOptions(""))

    folder = tmp_path / copy_of(0)
    folder.mkdir()
    (folder / "verdict.json").touch()
    factory_audit._kept(folder, factory_audit._Done("0xaa", asked(), line))
    assert factory_audit._done(folder, "0xaa", asked()) == line
    other = (lambda: "99.0") if what == "release" else "another"
    monkeypatch.setattr(factory_audit, what, other)
    assert factory_audit._done(folder, "0xaa", asked()) is None


@pytest.mark.parametrize("change", [
    {"vault": copy_of(1)}, {"exit_code": 7}, {"exit_code": 2}, {"exit_code": 1},
    {"decided": DecidedAgain(same=5, withheld=1)}, {"decided": DecidedAgain(unknown=1)},
])  # fmt: skip
def test_a_line_of_another_vault_or_that_may_change_is_not_done(tmp_path, change):
    """A folder was copied, or its file is damaged. What was missing may be there now."""
    line = replace(factory_audit.VaultLine(copy_of(0), 0, "no difference"), **change)
    folder = tmp_path / copy_of(0)
    folder.mkdir()
    (folder / "verdict.json").touch()
    factory_audit._kept(folder, factory_audit._Done("0xaa", "asked", line))
    assert factory_audit._done(folder, "0xaa", "asked") is None


def test_each_vault_has_its_own_places_of_evidence(clean, tmp_path):
    """A vault without any is not audited; the folder of another one has nothing of it."""
    url, factory, *_ = clean
    (tmp_path / "evidence" / copy_of(0)).mkdir(parents=True)
    each = AuditOptions("", url, evidence=(str(tmp_path / "evidence" / "{vault}"),))
    found = audit_factory(FactoryOptions(factory, tmp_path / "out", each, 2))
    assert [each.exit_code for each in found.vaults] == [1, 2]
    out = tmp_path / "out" / copy_of(0)
    missing = sum(
        not json.loads(line)["is_settlement"]
        for line in (out / "reports.jsonl").read_text().splitlines()
    )
    checked = json.loads((out / "verdict.json").read_text())["checked"]
    unknown = checked["fills"] - checked["fills_waiting"]
    assert 0 < unknown < found.vaults[0].differences == missing + unknown
    assert f"{copy_of(1)} is not a folder" in found.vaults[1].words
    with pytest.raises(BadInput, match="nowhere is not a folder"):
        audit_factory(replace(options(url, factory, tmp_path), each=wrong_place(url)))


def wrong_place(url):
    return AuditOptions("", url, evidence=("nowhere",))


class Counted(Node):
    """A node that keeps its questions."""

    def _post(self, body):
        self.questions = [*getattr(self, "questions", ()), *body]
        return super()._post(body)


def test_what_vaults_have_in_common_is_asked_once(clean):
    """Pieces, implementations and what they trust: their code, and what constructors make."""
    url, _, folder, *_ = clean
    node, foreign = Counted(url), []
    for number in range(2):
        node.questions = []
        found = run_audit(AuditOptions(copy_of(number), url), node).verdict
        assert found.is_clean
        assert json.loads(json.dumps(found.document())) == verdict(folder, number)
        asked = [each for each in node.questions if not COPY.search(json.dumps(each))]
        foreign.append(Counter(each["method"] for each in asked))
    assert foreign[0]["eth_getCode"] > 5 and foreign[1]["eth_getCode"] == 0
    assert foreign[0]["eth_call"] > foreign[1]["eth_call"] + 10


def test_one_that_fails_costs_itself_and_hides_no_difference(tmp_path):
    with served(tmp_path, "--vaults", 3, "--lying", 1, "--failing", 2) as (url, factory, _):
        result = audit_factory(options(url, factory, tmp_path / "out"))
    assert [each.exit_code for each in result.vaults] == [0, 1, 2]
    assert result.exit_code == 1
    for vaults, status in (((0, 2), 2), ((0,), 0), ((1,), 1), ((), 0)):
        some = replace(result, vaults=tuple(result.vaults[each] for each in vaults))
        assert some.exit_code == status
    defect = replace(result.vaults[2], exit_code=3)
    assert replace(result, vaults=(result.vaults[2], defect)).exit_code == 3
    assert replace(result, vaults=(result.vaults[1], defect)).exit_code == 1
    assert result.vaults[1].differences == len(verdict(tmp_path / "out", 1)["differences"]) > 0
    assert result.vaults[2].words == f"{url} refuses eth_getLogs: gone: name another node"
    done = [(tmp_path / "out" / copy_of(each) / "done.json").exists() for each in range(3)]
    assert done == [True, False, False], "what is wrong is tried again: it may be cured"


def test_a_file_that_cannot_be_written_costs_its_vault_alone(tmp_path, clean):
    """The whole run ended with an error of the system."""
    url, factory, *_ = clean
    (tmp_path / copy_of(0) / "done.json").mkdir(parents=True)
    found = audit_factory(options(url, factory, tmp_path))
    assert [each.exit_code for each in found.vaults] == [2, 0] and found.exit_code == 2
    told = found.vaults[0].words
    assert told.startswith("no difference") and "done.json cannot be written" in told
    assert [each.name for each in (tmp_path / copy_of(0)).glob("*.draft")] == []
    (tmp_path / copy_of(0) / "done.json").rmdir()
    assert audit_factory(options(url, factory, tmp_path)).exit_code == 0


def test_two_runs_in_one_folder_have_drafts_of_their_own(tmp_path, monkeypatch):
    drafts, replaces = [], Path.replace

    def seen(path, target):
        drafts.append(path.name)
        return replaces(path, target)

    monkeypatch.setattr(Path, "replace", seen)
    done = factory_audit._Done("0xaa", "asked", factory_audit.VaultLine(copy_of(0), 0, ""))
    factory_audit._kept(tmp_path, done)
    assert drafts == [f"done.json.{os.getpid()}.draft"]


def test_ctrl_c_leaves_what_the_next_run_goes_on_from(tmp_path, clean):
    _, _, undisturbed, _, _ = clean
    folder, vaults = tmp_path / "out", 6
    with served(tmp_path, "--vaults", vaults) as (url, factory, asked):
        command = [
            *(sys.executable, "-c", "from strongroom.cli.main import main; main()", "audit"),
            *("--factory", factory, "--rpc", url, "--out", folder, "--jobs", 1, "--json"),
        ]
        run = subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 300
        while not list(folder.glob("*/done.json")) and time.monotonic() < deadline:
            time.sleep(0.05)
        os.kill(run.pid, signal.SIGINT)
        run.communicate(timeout=60)
        assert run.returncode == 130
        done = {each.parent.name for each in folder.glob("*/done.json")}
        assert 0 < len(done) < vaults
        before = asked()
        finished = subprocess.run([*map(str, command)], stdout=subprocess.PIPE)
        assert finished.returncode == 0
        for each in done:
            assert asked()[f"{each} eth_getLogs"] == before[f"{each} eth_getLogs"]
    lines = json.loads(finished.stdout)["vaults"]
    assert [each["exit_code"] for each in lines] == [0] * vaults
    for number in range(vaults):
        reports = "reports.jsonl"
        there = (folder / copy_of(number) / reports).read_text().splitlines()
        assert len(there) == len((undisturbed / copy_of(0) / reports).read_text().splitlines())
        assert verdict(folder, number)["state"] == verdict(undisturbed, 0)["state"]


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="the extra ray is not there")
def test_ray_comes_to_the_same(clean, tmp_path):
    url, factory, folder, result, _ = clean
    there = audit_factory(options(url, factory, tmp_path, ray="local"))
    assert [(each.vault, each.words) for each in there.vaults] == [
        (each.vault, each.words) for each in result.vaults
    ]
    assert verdict(tmp_path, 1) == verdict(folder, 1)


def test_foreign_code_in_place_of_the_factory_is_a_difference(clean, monkeypatch):
    url, factory, folder, _, _ = clean
    monkeypatch.setattr(factory_audit, "runtime_difference", lambda name, there: "at byte 7")
    result = audit_factory(options(url, factory, folder))
    assert result.exit_code == 1 and result.code == "at byte 7"


def test_of_many_audits_in_one_process_none_leaves_anything(clean):
    """A run of 1,000 vaults grew by 120 kB a vault: by what refers to itself."""
    gc.collect()  # what other tests have left
    for number in (0, 1):
        assert audit_one(AuditOptions(copy_of(number), clean[0])).exit_code == 0
        assert gc.collect() == 0


@pytest.mark.parametrize("error", [KeyError(7), ValueError(), IndexError(), ZeroDivisionError()])
def test_a_defect_of_ours_is_no_verdict_on_a_vault(clean, monkeypatch, error):
    """Case A6: once told as a difference, "the books know nothing of it"."""

    def broken(booking, event):
        raise error

    url = clean[0]
    monkeypatch.setitem(bookkeeper._HANDLERS, Reported, broken)
    line = audit_one(AuditOptions(copy_of(0), url))
    assert (line.exit_code, line.differences) == (3, 0)
    assert "the audit failed at block 3, Reported of " in line.words and repr(error) in line.words
    done = CliRunner().invoke(audit_command, ["--vault", copy_of(0), "--rpc", url])
    assert done.exit_code == 3 and "says nothing of the vault" in done.output


def test_no_factory_at_the_address(clean):
    url, _, folder, _, _ = clean
    for address, words in (("0x" + "12" * 20, "no contract"), (copy_of(0), "no factory")):
        with pytest.raises(NoVault, match=words):
            audit_factory(options(url, address, folder))


@pytest.mark.parametrize(
    "changed",
    [
        {"from_block": 3},
        {"checkpoint": Path("x")},
        {"replay": 1},
        {"replay_blocks": (3,)},
        {"what_if_bps": 5},
        {"at_block": 4},
        {"splitter": copy_of(1)},
        {"gates": (copy_of(1),)},
        {"models": (None,)},
    ],
)
def test_what_is_of_one_vault_is_refused(changed, tmp_path):
    each = AuditOptions("", "http://127.0.0.1:1", **changed)
    with pytest.raises(BadInput, match="is of one vault"):
        audit_factory(FactoryOptions("0x" + "12" * 20, tmp_path, each))
