"""Decisions made again from published documents: the same bytes, or what differs, by its field.

What is compared was written by the keeper's way and read by the stranger's: from bytes alone, in
processes of their own. Packs of strangers are packages on disk, as pip leaves them.
"""

import importlib
import json
import marshal
import os
import struct
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from strongroom.audit.checkpoint import Progress, ReportDocument, read_checkpoint, write_checkpoint
from strongroom.audit.deciding import DecisionsAgain, decided_again
from strongroom.audit.deciding_bounds import DecidingBounds
from strongroom.audit.fills import PRIVATE_S
from strongroom.audit.ledger import Ledger
from strongroom.chain.ids import canonical, decision_of, keccak
from strongroom.chain.places import LARGEST, FolderPlace, FoundDocument, Presence
from strongroom.chain.units import DAY
from strongroom.information.forecast import Given
from strongroom.journal import Journal
from strongroom.keeper.configuration import LONGEST_PRIVATE_S, in_mode, load
from strongroom.keeper.grounds import with_grounds
from strongroom.keeper.wiring import settings_of as settings_of_file
from strongroom.reporting.decided_views import KEPT_S, DecidedViews
from strongroom.settings import ConfigError
from strongroom.strategy.again import decide_again
from strongroom.strategy.api import UnclearPack, make_pack
from strongroom.strategy.decide import decide
from strongroom.strategy.deciding_process import DecidingProcess
from strongroom.strategy.pack_code import DECIDING, OURS, code_hash, libraries, pack_code
from strongroom.strategy.published import (
    NamedPack,
    SettingsDocument,
    document_hash,
    read_settings,
    read_view,
    settings_document,
    show_view,
)
from strongroom.strategy.record import Grounds, decode, encode

from tests.agent.test_architecture import MODULES, imports
from tests.agent.test_decide import NEGATIVE, NOW, ONE, TAIL, market, quote, rules, view
from tests.records import RECORD

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "keeper.toml"
SECRET = "the operator's secret"
TAILS = {"tail": {"latest_h": 3, "earliest_h": 96}}


def settings_of(packs, **changes):
    named = tuple(NamedPack(name, pack_code(name), given) for name, given in packs.items())
    stated = SettingsDocument("", named, rules(), code_hash(OURS), libraries())
    return settings_document(replace(stated, **changes), SECRET)


def decided(seen, packs=TAILS, **changes):
    """Decide as a keeper does; return view, settings, and the records' bytes."""
    document = settings_of(packs, **changes)
    made = [make_pack(name, given) for name, given in packs.items()]
    stated = replace(read_settings(document).rules, settings=document_hash(document))
    found = decide(seen, made, stated, SECRET)
    assert found.decisions and found.shown is not None
    return found.shown.document, document, [encode(each.record) for each in found.decisions]


FORECAST = {ONE.condition_id: [Given("llm", ONE.condition_id, 0.999, NOW, NOW,
            {"model": "m", "answer": "the prompt's answer, 99.9 %", "cost": 0.01})]}  # fmt: skip


def test_a_decision_is_made_again_byte_by_byte_from_documents_alone():
    seen = view(TAIL, (market(2), quote("0.96", "0.97")), forecasts=FORECAST,
                busy=frozenset({"0x02", "0x01"}), negative_risk_oracle=NEGATIVE)  # fmt: skip
    shown, stated, records = decided(seen)
    assert len(records) == 2
    assert [each.same for each in decide_again(shown, stated, records)] == [True, True]
    grounds = json.loads(records[0])["grounds"]
    assert grounds["view"] == "0x" + keccak(shown).hex()
    assert grounds["settings"] == "0x" + keccak(stated).hex()
    assert read_view(shown)[0] == seen


def test_what_a_language_model_said_is_in_the_view_and_nobody_is_asked_again(monkeypatch):
    """Pack informed decides by a forecast whose source is a model; again it has its answer only."""
    packs = {"informed": {"weights": {"llm": 1.0}}}
    shown, stated, records = decided(view(TAIL, forecasts=FORECAST), packs)
    assert b"the prompt's answer" in shown
    monkeypatch.setattr("httpx.Client.send", lambda *_, **__: pytest.fail("asked somebody"))
    (again,) = decide_again(shown, stated, records)
    assert again.same


def test_documents_are_the_same_bytes_in_every_process():
    """Sets have another order in each process; as JSON they have one."""
    script = (
        "from tests.agent.test_decide_again import *\n"
        "seen = view(TAIL, busy=frozenset(f'0x{n:02x}' for n in range(50)))\n"
        "print(show_view(seen, SECRET).hash, document_hash(settings_of(TAILS)))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": f"agent{os.pathsep}."},
            cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(found) == 1


def test_without_the_secret_a_view_cannot_be_guessed_from_its_name():
    seen = view(TAIL)
    assert show_view(seen, "one").hash != show_view(seen, "other").hash
    assert b"other" not in show_view(seen, "other").document


CHANGES = {
    "pack": "tails", "time": NOW + 1, "nav": 7, "edge": "0.5", "legs.0.price": "0.98",
    "legs.0.size": 1, "legs.0.side": "SELL", "budgets": {}, "sizing.binding": "mood",
    "numbers": {"chance_low": 1}, "salt": "0x" + "00" * 32, "grounds.reveal_by": 5,
    "question": "Another?", "moves": [{"kind": "SPLIT"}],
}  # fmt: skip


@pytest.mark.parametrize("place", CHANGES)
def test_a_record_that_was_changed_is_found_and_its_field_is_named(place):
    shown, stated, (record,) = decided(view(TAIL))
    changed = json.loads(record)
    *path, last = place.split(".")
    inside = changed
    for part in path:
        inside = inside[int(part)] if isinstance(inside, list) else inside[part]
    inside[last] = CHANGES[place]
    (again,) = decide_again(shown, stated, [canonical(changed)])
    assert again.same is False and again.field.startswith(place)


def test_another_view_gives_another_decision():
    """A view that is published instead of the one that was seen: at a price that suited."""
    _, stated, (record,) = decided(view(TAIL))
    other = show_view(view((ONE, quote("0.95", "0.96"))), SECRET).document
    (again,) = decide_again(other, stated, [record])
    assert (again.same, again.field) == (
        False,
        "budgets." + next(iter(json.loads(record)["budgets"])),
    )
    nothing = show_view(view(), SECRET).document
    (again,) = decide_again(nothing, stated, [record])
    assert (again.same, again.field, again.expected) == (False, "decision", "none")


def test_another_release_and_other_libraries_are_unknown_not_different():
    shown, stated, (record,) = decided(view(TAIL), code="0x" + "11" * 32)
    (again,) = decide_again(shown, stated, [record])
    assert (again.same, again.field) == (None, "decided by another release: test")
    shown, stated, (record,) = decided(view(TAIL), libraries={**libraries(), "numpy": "0.1"})
    assert decide_again(shown, stated, [record])[0].same, "the same bytes are the same"
    other = canonical({**json.loads(record), "nav": 7})
    (again,) = decide_again(shown, stated, [other])
    assert (again.same, again.field) == (None, "decided with numpy 0.1")


# packs of strangers

PACK = """
import os, time
from dataclasses import dataclass
from strongroom.strategy import YES, Leg, Proposal, Side

@dataclass(frozen=True)
class Cheap:
    name: str = "cheap"
    does: str = ""

    def propose(self, view, rooms):
        if self.does == "sleeps":
            time.sleep(600)
        if self.does == "dies":
            os._exit(1)
        if self.does == "grows":
            b"x" * 10**12
        if self.does == "fails":
            raise KeyError("no such thing")
        for market in view.markets.values():
            book = view.book(market, YES)
            leg = Leg(market, YES, Side.BUY, book.ask, book.asks[0].size)
            yield Proposal("cheap", (leg,), edge=0.02, chance=0.99, cost=0.97,
                           evidence=frozenset({"price"}))
"""


def package_with(folder, name, pack, code, version="1.0", needs=""):
    """Write a package with a pack, as pip installs it."""
    package, about = folder / name, folder / f"{name}-1.0.dist-info"
    package.mkdir()
    about.mkdir()
    (package / "__init__.py").write_text(code)
    told = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}"
    (about / "METADATA").write_text(told)
    if pack:
        (about / "entry_points.txt").write_text(f"[strongroom.strategies]\n{pack} = {name}:Cheap\n")
    importlib.invalidate_caches()
    return package


@pytest.fixture
def stranger(tmp_path, monkeypatch):
    """A package with a pack."""
    package = package_with(tmp_path, "cheap_packs", "cheap", PACK)
    (package / "weights.json").write_text("[1]")
    monkeypatch.syspath_prepend(str(tmp_path))
    code_hash.cache_clear()
    yield package
    sys.modules.pop("cheap_packs", None)
    code_hash.cache_clear()


def again_as_others_see_it(documents):
    """Decide again in a process that has imported nothing yet."""
    shown, stated, records = documents
    with DecidingProcess(DecidingBounds().memory) as process:
        return process(shown, stated, records, 60)


@pytest.mark.parametrize("file", ["__init__.py", "weights.json", "new.py"])
def test_a_pack_of_other_code_is_unknown_and_never_run(stranger, file):
    """A byte of its code or of its data, or a file more, is another version."""
    documents = decided(view(TAIL), {"cheap": {}})
    assert [each.same for each in again_as_others_see_it(documents)] == [True]
    before = (stranger / file).read_text() if (stranger / file).exists() else ""
    (stranger / file).write_text(before + "\nraise SystemExit('was run')\n")
    (again,) = again_as_others_see_it(documents)
    assert (again.same, again.field) == (None, "pack cheap has other code here")


def test_a_pack_that_is_not_here_is_unknown(stranger):
    documents = decided(view(TAIL), {"cheap": {}})
    (stranger.parent / "cheap_packs-1.0.dist-info" / "entry_points.txt").unlink()
    (again,) = again_as_others_see_it(documents)
    assert (again.same, again.field) == (None, "pack cheap is not installed here")


WORDS = {
    "fails": (False, "decision"), "dies": (None, "deciding ended its process"),
    "grows": (None, "there was not enough memory to decide"),
}  # fmt: skip


def test_a_pack_that_misbehaves_ends_no_audit(stranger):
    """Settings that make a pack fail are a difference: nobody has decided so. Time and memory are
    bounded, and the next view is decided on again."""
    shown, _, records = decided(view(TAIL), {"cheap": {}})
    with DecidingProcess(DecidingBounds().memory) as process:
        for does, words in WORDS.items():
            (again,) = process(shown, settings_of({"cheap": {"does": does}}), records, 60)
            assert (again.same, again.field) == words
        (again,) = process(shown, settings_of({"cheap": {"unknown": 1}}), records, 60)
        assert (again.same, again.expected) == (False, "parameters that it takes")
        assert process(shown, settings_of({"cheap": {"does": "sleeps"}}), records, 5) is None
        assert process(*decided(view(TAIL)), 60)[0].same


def test_nothing_runs_but_the_sources_of_packs_that_were_named(stranger, tmp_path, capfd):
    """Beside the pack stand another one, whose module would let each record be the same, and a
    cache that Python takes for its source without looking at it. What the pack prints is no word of
    the audit's."""
    said = 'print("no difference (1.0 s)", flush=True)\n'
    source = stranger / "__init__.py"
    source.write_text(said + PACK)
    shown, stated, (record,) = decided(view(TAIL), {"cheap": {}})
    mark = tmp_path / "was run"
    runs = f"open({str(mark)!r}, 'w').close()\n"
    patches = "import strongroom.strategy.again as it\nit._compared = lambda *_: it.Again(True)\n"
    package_with(tmp_path, "other_packs", "other", f"{runs}{patches}class Cheap: pass\n")
    package_with(tmp_path, "broken_packs", "broken", "import nothing_of_this_name\n")
    cache = Path(importlib.util.cache_from_source(str(source)))
    cache.parent.mkdir(exist_ok=True)
    compiled = marshal.dumps(compile(runs + PACK, str(source), "exec"))
    head = importlib.util.MAGIC_NUMBER + struct.pack("<I", 1)  # by hash, which nobody checks
    cache.write_bytes(head + importlib.util.source_hash(source.read_bytes()) + compiled)
    capfd.readouterr()
    false = canonical({**json.loads(record), "nav": 7})
    again = again_as_others_see_it((shown, stated, [record, false]))
    assert [each.same for each in again] == [True, False]
    assert not mark.exists() and capfd.readouterr() == ("", "")


def test_of_two_packages_with_one_pack_nobody_says_which_it_is(stranger, tmp_path):
    documents = decided(view(TAIL), {"cheap": {}})
    package_with(tmp_path, "second_packs", "cheap", PACK)
    with pytest.raises(UnclearPack, match="cheap_packs:Cheap, second_packs:Cheap"):
        make_pack("cheap", {})
    (again,) = decide_again(*documents)
    assert again.same is None and "several packages have a pack 'cheap'" in again.field


def linked(package):
    (package.parent / "elsewhere").mkdir()
    (package / "inner").symlink_to(package.parent / "elsewhere")


def beside_caches(package):
    (package / "__pycache__").mkdir(exist_ok=True)
    (package / "__pycache__" / "code.txt").write_text("5")


def cached(package):
    (package / "__pycache__").mkdir(exist_ok=True)
    (package / "__pycache__" / "inner.cpython-311.pyc").write_bytes(b"5")


def emptied(package):
    for path in package.iterdir():
        path.unlink()


@pytest.mark.parametrize(("change", "comes"), [
    (linked, "is a link to a folder"), (beside_caches, "another"), (cached, "the same"),
    (emptied, "has no files to be seen"),
])  # fmt: skip
def test_a_package_of_which_not_all_is_seen_has_no_hash(stranger, change, comes):
    before = pack_code("cheap")
    change(stranger)
    code_hash.cache_clear()
    importlib.invalidate_caches()
    if comes in ("another", "the same"):
        assert (pack_code("cheap") == before) is (comes == "the same")
        return
    with pytest.raises(UnclearPack, match=comes):
        pack_code("cheap")


def test_of_a_package_in_two_folders_it_counts_which_is_the_first(tmp_path, monkeypatch):
    found = []
    for number in "12":
        (tmp_path / number / "parted_packs").mkdir(parents=True)
        (tmp_path / number / "parted_packs" / "inner.py").write_text(f"SIZE = {number}")
    for order in ("12", "21"):
        with monkeypatch.context() as here:
            for number in order:
                here.syspath_prepend(str(tmp_path / number))
            code_hash.cache_clear()
            found.append(code_hash("parted_packs"))
    assert found[0] != found[1]


LACKS = {
    "a module": "import nothing_of_this_name",
    "a file": "open('/nothing of this name')",
    "a connection": "raise ConnectionError('no network')",
}  # fmt: skip


@pytest.mark.parametrize("lack", LACKS)
def test_a_pack_that_lacks_something_here_is_unknown(stranger, tmp_path, lack, monkeypatch):
    """It decided where that was. Whoever lacks it cannot say that it did otherwise."""
    code = PACK.replace("        if self.does", f"        if os.environ.get('LACKS'):\n"
                        f"            {LACKS[lack]}\n        if self.does", 1)  # fmt: skip
    (stranger / "__init__.py").write_text(code)
    documents = decided(view(TAIL), {"cheap": {}})
    monkeypatch.setenv("LACKS", "1")
    (again,) = decide_again(*documents)
    assert again.same is None and again.field.startswith("deciding needs what is not here: ")


def test_a_pack_that_does_not_load_is_unknown(stranger):
    (stranger / "__init__.py").write_text("import os\nif os.environ.get('LACKS'): 1 / 0\n" + PACK)
    documents = decided(view(TAIL), {"cheap": {}})
    sys.modules.pop("cheap_packs")
    with pytest.MonkeyPatch.context() as here:
        here.setenv("LACKS", "1")
        (again,) = decide_again(*documents)
    words = "pack cheap does not load here (ZeroDivisionError: division by zero)"
    assert (again.same, again.field) == (None, words)


def test_what_a_pack_requires_counts_by_its_version(stranger, tmp_path):
    """A pack's own model, in a package beside it, of another version here: unknown, no difference.
    Requirements of other systems, of extras and of ours say nothing."""
    needs = "".join(f"Requires-Dist: {each}\n" for each in (
        "cheap_model (>=1)", 'not-here; sys_platform == "plan9"', 'pytest; extra == "dev"',
        "strongroom>=0.1",
    ))  # fmt: skip
    (tmp_path / "cheap_packs-1.0.dist-info" / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: Cheap.Packs\nVersion: 1.0\n{needs}"
    )
    package_with(tmp_path, "cheap_model", "", "", needs="Requires-Dist: cheap_packs\n")
    stated = libraries(["cheap"])
    assert stated == {**libraries(), "cheap-packs": "1.0", "cheap-model": "1.0"}
    assert libraries(["tail"]).keys() - libraries().keys() <= {"strongroom-checkout"}
    shown, settings, (record,) = decided(view(TAIL), {"cheap": {}}, libraries=stated)
    false = canonical({**json.loads(record), "nav": 7})
    assert [each.same for each in decide_again(shown, settings, [record, false])] == [True, False]
    about = tmp_path / "cheap_model-1.0.dist-info" / "METADATA"
    about.write_text("Metadata-Version: 2.1\nName: cheap_model\nVersion: 1.1\n")
    importlib.invalidate_caches()
    again = decide_again(shown, settings, [record, false])
    assert [each.same for each in again] == [True, None]
    assert again[1].field == "decided with cheap-model 1.0"


def test_what_fails_with_other_libraries_is_unknown(stranger):
    shown, _, records = decided(view(TAIL), {"cheap": {}})
    other = {**libraries(), "numpy": "0.1"}
    for parameters in ({"does": "fails"}, {"unknown": 1}):
        (again,) = decide_again(shown, settings_of({"cheap": parameters}), records)
        assert again.same is False
        stated = settings_of({"cheap": parameters}, libraries=other)
        (again,) = decide_again(shown, stated, records)
        assert (again.same, again.field) == (None, "decided with numpy 0.1")
    (again,) = decide_again(b"{}", settings_of(TAILS, libraries=other), records)
    assert (again.same, again.field) == (None, "decided with numpy 0.1")


def other_schema(found):
    found["schema"] = "strongroom-settings/9"


def another_rule(found):
    found["rules"]["sizing"] = {"rule": "of another release"}


@pytest.mark.parametrize("change", [other_schema, another_rule])
def test_settings_of_another_release_are_unknown_whatever_they_look_like(change):
    """Whoever audits with a newer release accuses nobody of what an older one wrote."""
    shown, stated, records = decided(view(TAIL))
    found = json.loads(stated)
    change(found)
    (again,) = decide_again(shown, canonical(found), records)
    assert (again.same, again.field) == (False, "settings document"), "by this release's word"
    found["code"] = "0x" + "11" * 32
    (again,) = decide_again(shown, canonical(found), records)
    assert (again.same, again.field) == (None, "decided by another release: test")


HOSTILE = {
    "empty": b"", "no object": b"[]", "cut off": b"{", "no text": b"\xff", "deep": b"[" * 10**6,
    "a number of very many digits": b'{"seed": ' + b"9" * 10**6 + b"}",
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_documents_that_are_none_are_differences(name):
    shown, stated, records = decided(view(TAIL))
    (again,) = decide_again(HOSTILE[name], stated, records)
    assert (again.same, again.field) == (False, "view document")
    (again,) = decide_again(shown, HOSTILE[name], records)
    assert (again.same, again.field) == (False, "settings document")


@pytest.mark.parametrize("change", [{"fraction": 7.0}, {"rule": "flat"}, {"tiers": "none"}])
def test_settings_that_nobody_can_have_are_no_settings(change):
    shown, stated, records = decided(view(TAIL))
    found = json.loads(stated)
    found["rules"]["sizing"] |= change
    (again,) = decide_again(shown, canonical(found), records)
    assert (again.same, again.field) == (False, "settings document")


def test_all_that_decides_is_hashed():
    """What the deciding modules import, however far, lies where the hash looks."""
    todo, seen = [name for name in MODULES if name.startswith("strongroom.strategy")], set()
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += imports(name)
    root = MODULES["strongroom"].parent
    hashed = {path for pattern in DECIDING for path in root.glob(pattern)}
    assert {MODULES[name] for name in seen} - {MODULES["strongroom"]} <= hashed


@pytest.mark.parametrize(("good", "bad"), [
    ('"exponent":"1"', '"exponent":"1000000000"'),
    ('"exponent":"1"', '"exponent":"1e9"'),
    ('"exponent":"1"', '"exponent":"-1"'),
    ('"rate":"0"', '"rate":"11"'),
    ('"rate":"0"', '"rate":"1e-999999"'),
    ('"tick":"0.001"', '"tick":"1e-999999"'),
    ('"min_size":"5"', '"min_size":"1e999999"'),
    ('"min_size":"5"', '"min_size":"1e999999999999"'),
    ('"min_size":"5"', f'"min_size":"{"9" * 100_000}"'),
])  # fmt: skip
def test_a_number_that_nothing_can_be_reckoned_with_costs_no_time(good, bad):
    """The fuzzer's: a fee's exponent of a billion is a power that takes all time and memory."""
    shown, stated, records = decided(view(TAIL))
    assert good.encode() in shown, shown
    started = time.process_time()
    (found,) = decide_again(shown.replace(good.encode(), bad.encode()), stated, records)
    assert time.process_time() - started < 1
    assert (found.same, found.field) == (False, "view document")


# records


def test_a_record_of_before_keeps_its_bytes_and_its_id():
    old = canonical({**json.loads(encode(RECORD))})
    assert b"grounds" not in old and b"schema" not in old
    assert encode(decode(old.decode())) == old
    new = replace(RECORD, grounds=Grounds("0x" + "01" * 32, "0x" + "02" * 32, 7))
    assert json.loads(encode(new))["schema"] == "strongroom-decision/2"
    assert decode(encode(new).decode()) == new and new.id != RECORD.id


# the audit's part

REPORT, VAULT = ReportDocument(4711, "0xaa", "0x" + "ee" * 32), "0x" + "11" * 20


def at_leisure(view, settings, records, patience_s):
    return decide_again(view, settings, records)


def checked(folder, documents, records, progress=None):
    """Make records again with what a folder has: by name, the bytes."""
    folder.mkdir()
    for name, text in documents.items():
        (folder / f"{name}.json").write_bytes(text)
    progress = progress or Progress(Ledger(VAULT, 6), 1)
    text = canonical({"decisions": [json.loads(each) for each in records]})
    again = DecisionsAgain(FolderPlace(folder).find, at_leisure)
    again.make(progress, REPORT, text)
    return decided_again(progress), progress.ledger.differences


def test_the_audit_counts_what_was_made_again_and_what_could_not(tmp_path):
    shown, stated, (record,) = decided(view(TAIL))
    names = {document_hash(each): each for each in (shown, stated)}
    found, differences = checked(tmp_path / "all", names, [record])
    assert (found.same, differences) == (1, [])
    assert found.words == "decided again the same: 1 of 1"
    found, _ = checked(tmp_path / "none", {}, [record, encode(RECORD)])
    assert found.words == (
        "decided again the same: 0 of 2, 1 views withheld, 1 without a view in their records"
    )
    changed = canonical({**json.loads(record), "nav": 7})
    _, (difference,) = checked(tmp_path / "changed", names, [changed])
    assert difference.what == f"decision {decision_of(changed)} made again: nav"
    assert (difference.expected, difference.found) == ("100000000000", "7")
    assert (difference.block, difference.transaction) == (4711, "0xaa")


def test_what_somebody_else_puts_under_a_view_s_name_accuses_no_keeper(tmp_path):
    """A server that answers everything with its start page, or a folder's owner, can do so."""
    shown, stated, (record,) = decided(view(TAIL))
    for number, wrong in enumerate((shown, stated)):
        names = {document_hash(each): each for each in (shown, stated)}
        names[document_hash(wrong)] = b"<html>welcome</html>"
        found, differences = checked(tmp_path / str(number), names, [record])
        assert (found.same, found.different, found.unknown, differences) == (0, 0, 1, [])
        assert found.why == (f"1 other content under the name of document {document_hash(wrong)}",)


def test_an_audit_that_goes_on_has_all_decisions_in_its_verdict(tmp_path):
    """The first run is broken off behind its checkpoint: what it found is not lost."""
    shown, stated, (record,) = decided(view(TAIL))
    names = {document_hash(each): each for each in (shown, stated)}
    foreign = settings_of(TAILS, code="0x" + "00" * 32)
    other = json.loads(record)
    other["grounds"] = other["grounds"] | {"settings": document_hash(foreign)}
    texts = [record, canonical({**json.loads(record), "nav": 7}), canonical(other)]
    names[document_hash(foreign)] = foreign
    first, kept = Progress(Ledger(VAULT, 6), 1), tmp_path / "kept"
    checked(tmp_path / "first", names, texts, first)
    write_checkpoint(kept, first)
    again = read_checkpoint(kept, VAULT, 9, lambda block: "")
    found, (difference,) = checked(tmp_path / "second", names, [record, texts[2]], again)
    assert difference.what == f"decision {decision_of(texts[1])} made again: nav"
    assert (found.same, found.different, found.unknown, found.total) == (2, 1, 2, 5)
    assert found.why == ("2 decided by another release: test",)


def test_reasons_without_end_are_few_in_memory():
    told = (SimpleNamespace(same=None, field=f"reason {number}") for number in range(1_000))
    names = {"view": "0x" + "01" * 32, "settings": "0x" + "02" * 32}
    text = canonical({"decisions": [{"grounds": names, "n": n} for n in range(1_000)]})
    progress = Progress(Ledger(VAULT, 6), 1)
    found = FoundDocument(Presence.FOUND, b"{}")
    DecisionsAgain(lambda name: found, lambda *given: list(told)).make(progress, REPORT, text)
    (kept,) = progress.undecided
    assert len(kept.why) == 21 and sum(kept.why.values()) == 1_000
    assert decided_again(progress).why[0] == "980 for other reasons"


@pytest.mark.parametrize("grounds", [
    5, [], {}, {"view": 1, "settings": 2}, {"view": "../secret", "settings": "../other"},
    {"view": "0x" + "ab" * 33, "settings": ""},
])  # fmt: skip
def test_grounds_that_name_nothing_open_no_file(grounds):
    record = canonical({**json.loads(encode(RECORD)), "grounds": grounds})
    again, progress = DecisionsAgain(pytest.fail, at_leisure), Progress(Ledger(VAULT, 6), 1)
    again.make(progress, REPORT, canonical({"decisions": [json.loads(record), 5, "x"]}))
    assert decided_again(progress).unnamed == 1


# publishing


@pytest.mark.parametrize(("section", "words"), [
    ({"views": None, "reveal_within_s": DAY}, "name a folder, e.g. views = "),
    ({"views": Path("evidence"), "evidence": Path("evidence")}, "which everybody reads"),
])  # fmt: skip
def test_a_keeper_whose_views_cannot_be_private_does_not_start(section, words):
    config = load(EXAMPLE)
    reporting = config.reporting.model_copy(update=section)
    config = config.model_copy(update={"reporting": reporting})
    with pytest.raises(ConfigError, match=words):
        with_grounds(config, settings_of_file(config, []), SECRET, lambda event, fields: None)


def test_paper_names_nothing_and_writes_nothing_beside_a_live_keeper(tmp_path):
    config = load(EXAMPLE)
    places = {"views": tmp_path / "views", "evidence": tmp_path / "evidence"}
    config = config.model_copy(update={"reporting": config.reporting.model_copy(update=places)})

    def made(mode):
        settings = settings_of_file(in_mode(config, mode), [])
        return with_grounds(in_mode(config, mode), settings, SECRET, lambda event, fields: None)

    assert made("paper").rules.settings == "" and not list(tmp_path.iterdir())
    live = made("live")
    assert [path.stem for path in places["views"].iterdir()] == [live.rules.settings]
    assert live.reporting.views is not None


def test_both_sides_know_the_same_longest_time():
    """The audit shares no numbers with the keeper; these two must be one."""
    assert LONGEST_PRIVATE_S == PRIVATE_S == 90 * DAY


def test_the_journal_knows_what_was_stated_and_what_was_shown():
    journal, records = Journal("sqlite://"), [replace(RECORD, nav=number) for number in range(3)]
    for record in records:
        journal.decide(record.id, record, task_at=1)
    one, other, third = (record.id for record in records)
    journal.close_task(one, "")
    journal.close_task(other, "")
    journal.reveal([one], [other])
    found = [(each.id, each.closed, each.stated) for each in journal.unrevealed()]
    assert found == [(other, True, True), (third, False, False)]
    assert [each.revealed for each in journal.all_tasks()] == [True, False, False]
    assert journal.revealed_grounds() == []
    journal.reveal([other], [])
    assert [each.id for each in journal.unrevealed()] == [third]


def test_a_view_is_published_with_the_last_of_its_decisions(tmp_path):
    seen = view(TAIL, (market(2), quote("0.96", "0.97")))
    shown, stated, texts = decided(seen)
    one, other = (decode(each.decode()) for each in texts)
    private, public = tmp_path / "views", tmp_path / "evidence"
    views = DecidedViews(private, public, stated)
    views.keep(shown)
    assert private.stat().st_mode & 0o77 == 0
    views.publish([one], [other])
    assert {path.stem for path in public.iterdir()} == {document_hash(stated)}
    views.publish([other], [])
    views.publish([other], [])
    assert {path.stem for path in public.iterdir()} == {document_hash(stated), document_hash(shown)}
    assert {path.stem for path in private.iterdir()} == {document_hash(stated)}
    assert (public / f"{document_hash(shown)}.json").read_bytes() == shown


def test_settings_of_before_are_published_after_a_restart_with_others(tmp_path):
    shown, stated, (text,) = decided(view(TAIL))
    DecidedViews(tmp_path / "views", tmp_path / "public", stated).keep(shown)
    later = DecidedViews(tmp_path / "views", tmp_path / "public", b"{}")
    record = decode(text.decode())
    later.publish([], [record])
    later.publish([record], [])
    names = {path.stem for path in (tmp_path / "public").iterdir()}
    assert names == {document_hash(shown), document_hash(stated)}


def test_what_nobody_waits_for_is_deleted_after_a_while(tmp_path):
    told, clock = [], [0.0]
    views = DecidedViews(tmp_path / "views", tmp_path / "evidence", b"{}",
                         lambda event, fields: told.append(event), lambda: clock[0])  # fmt: skip
    views.keep(b"[1]")
    now = (tmp_path / "views" / f"{document_hash(b'[1]')}.json").stat().st_mtime
    clock[0] = now + KEPT_S - 60
    views.publish([], [])
    assert len(list((tmp_path / "views").iterdir())) == 2
    clock[0] = now + KEPT_S + 60
    views.publish([], [])
    assert [path.stem for path in (tmp_path / "views").iterdir()] == [document_hash(b"{}")]
    (tmp_path / "views" / f"{document_hash(b'{}')}.json").unlink()
    (tmp_path / "views").rmdir()
    (tmp_path / "views").write_text("a file in its way")
    views.keep(b"[2]")
    assert told == ["view_not_kept"], "a full disk stops no decision"
    views.keep(b"x" * (LARGEST + 1))
    assert len(told) == 2, "nobody could read it"
