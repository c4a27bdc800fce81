"""A devnet day that a stranger decides again, and one whose strategy is private for a day and more.

The stranger has what is published and nothing else: a wheel, installed in a folder of its own, and
run in a process of its own. No object of the keeper's comes near it.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator
from strongroom.chain.artifacts import artifact
from strongroom.chain.ids import keccak
from strongroom.chain.units import DAY, HOUR
from strongroom.cli.main import command
from strongroom.devnet import polymarket
from strongroom.devnet.deployer import AnvilDeployer, devnet_chain, devnet_keys
from strongroom.devnet.week import WeekOptions, play_week

ROOT = Path(__file__).parents[2]
SCHEMA = Draft202012Validator(json.loads((ROOT / "docs/schemas/audit-2.json").read_text()))
OF_FACTORY = Draft202012Validator(
    json.loads((ROOT / "docs/schemas/audit-factory-1.json").read_text())
)
PRIVATE_S = 27 * HOUR + HOUR // 2
OPTIONS = WeekOptions(
    tickers=("AAPL",),
    hours=30,
    deposits=((0, "alice", 50_000),),
    redemptions=(),
    report_every_s=1_800,
    reveal_within_s=PRIVATE_S,
)


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    start = int(OPTIONS.start.timestamp()) - 600
    with devnet_chain(polymarket.CHAIN_ID, timestamp=start) as chain:
        played = play_week(replace(OPTIONS, folder=tmp_path_factory.mktemp("day")), chain)
        yield played
        played.stage.close()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The package as pip installs it, away from the repository."""
    source, made = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("installed")
    leave = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "agent", source / "agent", ignore=leave)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
    quiet = ["--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "wheel", *quiet, "--wheel-dir", str(made), str(source)], check=True)
    (built,) = made.glob("*.whl")
    target = made / "packages"
    install = ["install", "--no-deps", "--no-index", "--target", str(target), str(built)]
    subprocess.run([*pip, *install], check=True)
    return target


@pytest.fixture(scope="module")
def stranger(day, wheel, tmp_path_factory):
    """Audit with the installed wheel; return exit status and verdict."""

    def audit(*words, packages=wheel, evidence=None, decide=True):
        typed = [
            *(sys.executable, "-m", "strongroom.cli", "audit", "--json"),
            *("--vault", day.stage.vault.address, "--rpc", day.stage.chain.url),
            *("--exchange", day.stage.venue.exchange.address),
            *("--evidence", str(evidence or day.stage.folder / "evidence")),
            *(("--decide",) if decide else ()),
            *words,
        ]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("STRONG")}
        place = {"env": kept | {"PYTHONPATH": str(packages)}, "cwd": tmp_path_factory.mktemp("x")}
        done = subprocess.run(typed, capture_output=True, text=True, **place)
        assert done.stdout, done.stderr
        found = json.loads(done.stdout)
        SCHEMA.validate(found)
        return done.returncode, found

    return audit


@pytest.fixture
def evidence(day, tmp_path):
    """A copy of what is published."""
    return Path(shutil.copytree(day.stage.folder / "evidence", tmp_path / "evidence"))


def documents(folder):
    """Return what a folder has: evidence by name, and the names of views and settings."""
    found = {path.stem: json.loads(path.read_bytes()) for path in folder.glob("0x*.json")}
    schemas = {name: each["schema"].partition("/")[0] for name, each in found.items()}
    reports = {name: found[name] for name in found if schemas[name] == "strongroom-evidence"}
    views = [name for name in found if schemas[name] == "strongroom-view"]
    (settings,) = [name for name in found if schemas[name] == "strongroom-settings"]
    return reports, views, settings


def revealed(reports):
    return [record for each in reports.values() for record in each["decisions"]]


def test_the_day_is_as_it_should_be(day):
    """Some decisions are revealed after 26.5 hours, some are still private; no view of these is
    published, and no document is under a name that is not its hash."""
    reports, views, _ = documents(day.stage.folder / "evidence")
    records = revealed(reports)
    names = {record["grounds"]["view"] for record in records}
    assert len(records) >= 5 and set(views) == names
    private = {name for each in reports.values() for name in each["withheld"]}
    known = {"0x" + keccak(canonical(record)).hex() for record in records}
    assert known < private, "each was stated first, and some wait"
    assert private == {task.decision for task in day.keeper.journal.all_tasks()}
    for path in (day.stage.folder / "evidence").iterdir():
        assert path.stem == "0x" + keccak(path.read_bytes()).hex()
    waiting = {path.stem for path in (day.stage.folder / "unpublished").iterdir()}
    assert not waiting & names and len(waiting) > 1


def canonical(record):
    """By the rule's words: sorted keys, no spaces, UTF-8."""
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def topic_of(event):
    return "0x" + keccak(event.encode()).hex()


def test_the_keepers_safe_is_one_of_layer_2(day, stranger):
    """Keeper and reporter act through SafeL2 of Safe 1.4.1: each of their transactions is logged
    once more, whole, in front of the vault's own events. The audit finds no difference."""
    fields = "address,uint256,bytes,uint8,uint256,uint256,uint256,address,address,bytes,bytes"
    chain, everything, stage = day.stage.chain, {"fromBlock": "0x0"}, day.stage
    topics = [topic_of(f"SafeMultiSigTransaction({fields})")]
    told = chain.request("eth_getLogs", everything | {"topics": topics})
    vaults = chain.request("eth_getLogs", everything | {"address": stage.vault.address})
    for safe, event in (
        (stage.safe, "Allocated(bytes32,uint256,uint256)"),
        (stage.reporter, "Reported(bytes32,bytes32[],uint256[],uint256[])"),
    ):
        sent = {log["transactionHash"] for log in told if log["address"] == safe.address.lower()}
        named = {log["topics"][0] for log in vaults if log["transactionHash"] in sent}
        assert topic_of(event) in named
    status, found = stranger(decide=False)
    assert (status, found["differences"]) == (0, []) and found["checked"]["fills_joined"] > 0


def test_a_stranger_decides_the_day_again_byte_by_byte(day, stranger):
    reports, _, _ = documents(day.stage.folder / "evidence")
    status, found = stranger()
    assert (status, found["differences"]) == (0, [])
    told = found["decided"]
    assert told == {"same": len(revealed(reports)), "different": 0, "withheld": 0, "unnamed": 0,
                    "unknown": 0, "why": []}  # fmt: skip
    checked = found["checked"]
    assert checked["fills_withheld"] > 0 and checked["fills_joined"] > 0
    assert checked["fills"] == sum(
        checked[name] for name in ("fills_joined", "fills_withheld", "fills_waiting")
    )


def test_decisions_made_again_are_the_answer_to_a_request_on_chain(day, stranger, tmp_path):
    """Asked by the agent's owner, answered by an auditor with what the stranger's audit wrote, and
    read from the registry's own view and by the reader."""
    chain, keys = day.stage.chain, devnet_keys()
    deployer = AnvilDeployer(keys[0].account, chain)
    identity = deployer.deploy(artifact("IdentityRegistry"))
    reputation, validation = (
        deployer.deploy(artifact(f"{each}Registry"), identity.address)
        for each in ("Reputation", "Validation")
    )

    def typed(*words):
        places = ("--rpc", chain.url, "--identity", identity.address, "--reputation",
                  reputation.address, "--validation", validation.address, "--json")  # fmt: skip
        found = CliRunner().invoke(command, ["identity", *map(str, words), *places])
        assert found.exit_code == 0, found.output
        return json.loads(found.output)

    last, auditor = chain.height(), keys[9].address
    agent = typed("register", "--account", "TEST::8", "--yes")["agent"]
    asked = ("request", agent, "--decide", "--vault", day.stage.vault.address)
    blocks = ("--first-block", last, "--to-block", last, "--validator", auditor)
    digest = typed(*asked, *blocks, "--account", "TEST::8", "--yes")["digest"]
    status, found = stranger("--to-block", str(last), "--out", str(tmp_path))
    assert status == 0 and found["decided"]["same"] >= 5
    by = ("--account", "TEST::9", "--yes")
    assert typed("respond", digest, "--verdict", tmp_path / "verdict.json", *by)["sent"]
    seen = validation.getValidationStatus(bytes.fromhex(digest[2:]))
    assert tuple(seen[:3]) == (auditor, agent, 100)
    told = typed("score", agent, "--auditor", auditor, "--rerun", tmp_path)
    (answer,) = told["answers"]
    assert (answer["state"], answer["file"], answer["checked"]) == (
        "100", "fits", "re-run: the same",
    )  # fmt: skip


def test_all_vaults_of_a_factory_are_decided_again(day, wheel, stranger, evidence, tmp_path):
    """Views of each vault at a place of its own; broken off and gone on with, all are told; a vault
    that was done without is not done with them."""
    _, whole = stranger()
    vault, out = day.stage.vault.address.lower(), tmp_path / "out"
    reports, views, settings = documents(evidence)
    own = tmp_path / "views" / vault
    own.mkdir(parents=True)
    for name in (*views, settings):
        (evidence / f"{name}.json").rename(own / f"{name}.json")
    text = (own / f"{views[0]}.json").read_bytes()
    (own / f"{views[0]}.json").write_bytes(text + b" ")
    plain = of_factory(day, wheel, out, "--evidence", str(evidence))
    assert plain["exit_code"] == 0 and "decided" not in plain["vaults"][0]
    words = (
        "--evidence",
        str(evidence),
        "--views",
        str(tmp_path / "views" / "{vault}"),
        "--decide",
    )
    refused = of_factory(day, wheel, out, *words)["vaults"][0]
    assert refused["exit_code"] == 2 and "was begun with other --exchange" in refused["words"]
    lines = map(json.loads, (out / vault / "reports.jsonl").read_text().splitlines())
    half = next(each["block"] for each in lines if reports[each["evidence"]]["decisions"])
    shutil.rmtree(out)
    first = of_factory(day, wheel, out, *words, "--to-block", str(half))["vaults"][0]["decided"]
    found = of_factory(day, wheel, out, *words)
    assert found["exit_code"] == 0
    (line,) = found["vaults"]
    told = line["decided"]
    of_view = sum(each["grounds"]["view"] == views[0] for each in revealed(reports))
    assert told["unknown"] == of_view > 0 == line["differences"]
    assert told["same"] + told["unknown"] == whole["decided"]["same"]
    assert 0 < first["same"] + first["unknown"] < whole["decided"]["same"]
    assert f"other content under the name of document {views[0]}" in line["words"]
    again = of_factory(day, wheel, out, *words)
    for each in (found, again):  # what was not decided is asked for again
        each["seconds"] = each["vaults"][0]["seconds"] = 0
    assert (found["vaults"][0].pop("anew_from"), again["vaults"][0].pop("anew_from")) == (
        half + 1,
        again["to_block"] + 1,
    )
    assert again == found


def factory_of(day):
    """Return who logged that it had deployed the vault."""
    topics = ["0x" + keccak(b"VaultDeployed(address,address,address,address)").hex(),
              "0x" + "00" * 12 + day.stage.vault.address[2:].lower()]  # fmt: skip
    asked = {"fromBlock": "0x0", "topics": topics}
    (log,) = day.stage.chain.request("eth_getLogs", asked)
    return log["address"]


def of_factory(day, packages, out, *words):
    """Audit the factory with the installed wheel; return what it prints as JSON."""
    typed = [
        *(sys.executable, "-m", "strongroom.cli", "audit", "--json", "--jobs", "1", "--out", out),
        *("--factory", factory_of(day), "--rpc", day.stage.chain.url, *words),
        *("--exchange", day.stage.venue.exchange.address),
    ]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STRONG")}
    place = {"env": kept | {"PYTHONPATH": str(packages)}, "cwd": out.parent}
    done = subprocess.run([*map(str, typed)], capture_output=True, text=True, **place)
    assert done.returncode in (0, 1, 2), done.stderr
    found = json.loads(done.stdout)
    OF_FACTORY.validate(found)
    assert found["exit_code"] == done.returncode
    return found


def test_a_changed_byte_of_a_view_is_named(day, stranger, evidence):
    _, views, settings = documents(evidence)
    victim = evidence / f"{views[0]}.json"
    text = victim.read_bytes()
    victim.write_bytes(text.replace(b'"now":1', b'"now":2', 1))
    status, found = stranger(evidence=evidence)
    assert status == 0 and found["decided"]["unknown"] >= 1, "who wrote it nobody knows"
    assert f"other content under the name of document {views[0]}" in found["decided"]["why"][0]
    victim.unlink()
    status, found = stranger(evidence=evidence)
    assert status == 0 and found["decided"]["withheld"] >= 1, "withheld, and counted"
    (evidence.parent / "views").mkdir()
    (evidence.parent / "views" / f"{views[0]}.json").write_bytes(text)
    (evidence / f"{settings}.json").rename(evidence.parent / "views" / f"{settings}.json")
    status, found = stranger("--views", str(evidence.parent / "views"), evidence=evidence)
    assert status == 0 and found["decided"]["withheld"] == 0


def test_a_changed_byte_of_a_record_is_named(day, stranger, evidence):
    reports, _, _ = documents(evidence)
    name = next(name for name, each in reports.items() if each["decisions"])
    victim = evidence / f"{name}.json"
    victim.write_bytes(victim.read_bytes().replace(b'"edge":"0', b'"edge":"1', 1))
    status, found = stranger(evidence=evidence)
    assert status == 1
    assert "evidence document: its hash" in {each["what"] for each in found["differences"]}
    assert found["decided"]["same"] < len(revealed(reports))


def test_a_changed_byte_of_a_pack_is_another_version_and_unknown(stranger, wheel, tmp_path):
    other = Path(shutil.copytree(wheel, tmp_path / "packages"))
    pack = other / "strongroom" / "strategy" / "packs" / "tail.py"
    pack.write_text(pack.read_text() + "\n")
    status, found = stranger(packages=other)
    told = found["decided"]
    assert status == 0 and told["same"] == told["different"] == 0 < told["unknown"]
    assert told["why"] == [f"{told['unknown']} decided by another release: strongroom 0.7.0"]


def test_of_what_is_private_nobody_can_say_where_no_report_comes_any_more(day, stranger):
    """A reporter who is away is not accused: a report may still come, and when it is overdue nobody
    can say. Who comes back and reveals nothing: tests/agent/test_outages.py."""
    reports, _, _ = documents(day.stage.folder / "evidence")
    dates = {name: by for each in reports.values() for name, by in each["withheld"].items()}
    known = {"0x" + keccak(canonical(record)).hex() for record in revealed(reports)}
    chain = day.stage.chain
    now = int(chain.request("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
    late = {name for name, by in dates.items() if name not in known}
    assert late and all(now < dates[name] <= now + PRIVATE_S for name in late)
    for days, answer, word in ((1, 0, "no difference"), (10, 2, "cannot say")):
        chain.request("evm_setNextBlockTimestamp", now + days * DAY)
        chain.request("evm_mine")
        status, found = stranger(decide=False)
        assert (status, found["verdict"], found["differences"]) == (answer, word, [])
    (unknown,) = [each for each in found["unknown"] if "past the date" in each]
    assert unknown.startswith(f"whether {len(late)} withheld decision")
