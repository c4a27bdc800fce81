"""A configuration that does not fit: a clear error, exit code 2, nothing sent."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from strongroom.cosigner.service import load as cosigner_file
from strongroom.devnet import polymarket
from strongroom.devnet.deployer import devnet_chain
from strongroom.errors import BadInput
from strongroom.keeper.configuration import load
from strongroom.keeper.first_files import InitOptions, VenueUrls, write_first_files
from strongroom.keeper.wiring import build
from strongroom.probe.report import Finding, ProbeOutcome, ProbeReport, Question
from strongroom.settings import ConfigError
from strongroom.setup.checks import CheckState
from strongroom.setup.environment import DoctorOptions, examine

from tests.e2e.keeper_stage import KeeperStage


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with devnet_chain(polymarket.CHAIN_ID) as chain:
        place = KeeperStage(tmp_path_factory.mktemp("config"), chain, 2)
        yield place
        place.stage.close()


def nobody_moved(world):
    return (
        world.stage.safe.nonce(),
        world.stage.reporter.nonce(),
        world.stage.chain.nonce(world.stage.people["executor"].address),
    )


APE = str(Path(sys.executable).parent / "ape")
CASES = {
    "missing key": ('owner = "owner.json"', 'owner = "nowhere.json"', r"keystore .*nowhere.json"),
    "unreachable node": ("rpc_url = ", 'rpc_url = "http://127.0.0.1:9" # ', r"does not answer"),
    "wrong chain": ("chain_id = 80002", "chain_id = 137", r"the node is on chain 80002.*137"),
    "no vault": ('vault = "', 'vault = "0x' + "11" * 20 + '" # "', r"no contract at 0x1111"),
    "foreign class": ("classes = [\n    0,\n]", "classes = [1]", r"class 1's keeper is 0x0000"),
    "no class": ("classes = [\n    0,\n]", "classes = []", r"\[classes\]"),
    "foreign safe": ("multi_send = ", "multi_send = 3 # ", r"\[safe.multi_send\]"),
    "a reporter's key": (
        'owner = "reporter.json"',
        'owner = "owner.json"\nowner_passphrase_env = "STRONGROOM_OWNER_PASSPHRASE"',
        r"\[reporter.owner\] .* is not an owner",
    ),
    "unknown key": ("[chain]", "[chain]\nretries = 3", r"\[chain.retries\]"),
    "unknown pack": ("[packs.tail]", "[packs.tails]", r"no pack 'tails'; installed: .*tail"),
    "bad parameter": ("[packs.tail]", "[packs.tail]\nhigh = 'x'", r"pack tail"),
    "unknown parameter": ("[packs.tail]", "[packs.tail]\nhihg = 1", r"pack tail.*hihg"),
    "event cap": ("cooldown_s = 0", "cooldown_s = 0\nevent_bps = 1600", r"\[limits.event_bps\]"),
    "sizing": ("[limits]", "[sizing]\nfraction = 0.3\n[limits]", r"\[sizing.fraction\]"),
    "lifetime": ("patience_s = 1", "order_lifetime_s = 900", r"admits at most 600 seconds"),
    "no clob": ("clob_url = ", 'clob_url = "http://127.0.0.1:9" # ', r"refuses the API key"),
    "no cosigner": ("[cosigner]\nurl", '[cosigner]\nurl = "http://127.0.0.1:9" #', r"start it"),
    "no toml": ("[chain]", "[chain", r"not TOML"),
    "forecaster": (
        "[limits]",
        "[[forecasters]]\nkind = 'csv'\nname = 'mine'\n[limits]",
        r"\[forecasters.mine\] a csv needs `path`",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_does_not_fit_is_refused_with_its_place(world, case, tmp_path):
    old, new, what = CASES[case]
    text = (world.folder / "keeper.toml").read_text()
    assert old in text
    path = world.folder / "broken.toml"
    path.write_text(text.replace(old, new, 1))
    before = nobody_moved(world)
    with pytest.raises(ConfigError, match=what):
        build(load(path))
    assert nobody_moved(world) == before


def test_who_is_not_the_reporter_says_so_and_leaves_reports_to_others(world):
    """The vault's reporter is a Safe of its own: without its section, or with another's, the
    keeper works and reports nothing; with it, reports have a transactor of their own."""
    text, told = (world.folder / "keeper.toml").read_text(), []
    section = text[text.index("[reporter]") : text.index("[cosigner]")]
    path, named = world.folder / "silent.toml", {"reporter": world.stage.reporter.address}
    other = section.replace(world.stage.reporter.address, world.stage.safe.address)
    for changed in ("", other):
        path.write_text(text.replace(section, changed))
        keeper = build(load(path), lambda event, fields: told.append((event, fields)))
        assert keeper.reporter is None and keeper.report_sender is None
    assert told == [("somebody_else_reports", named)] * 2
    keeper = build(load(world.folder / "keeper.toml"))
    assert keeper.reporter is not None
    assert keeper.report_sender not in (None, keeper.transactor)


def test_a_wrong_passphrase(world, monkeypatch):
    config = load(world.folder / "keeper.toml")
    monkeypatch.setenv("STRONGROOM_OWNER_PASSPHRASE", "guess")
    with pytest.raises(ConfigError, match="STRONGROOM_OWNER_PASSPHRASE is not its passphrase"):
        build(config)
    monkeypatch.delenv("STRONGROOM_OWNER_PASSPHRASE")
    with pytest.raises(ConfigError, match="set STRONGROOM_OWNER_PASSPHRASE"):
        build(config)


def test_the_commands_exit_code_is_2(world, tmp_path):
    text = (world.folder / "keeper.toml").read_text()
    path = world.folder / "exit.toml"
    path.write_text(text.replace("chain_id = 80002", "chain_id = 137", 1))
    for command in (["start", str(path)], ["start", str(tmp_path / "none.toml")]):
        done = subprocess.run(
            [APE, "run", "keeper", *command],
            capture_output=True,
            text=True,
            env=os.environ,
            check=False,
        )
        assert done.returncode == 2, done.stderr
        assert "chain 80002" in done.stderr or "cannot be read" in done.stderr


def test_a_dry_run_decides_and_sends_nothing(world):
    """A real start of the command: one tick, a decision in the log, no transaction, no order."""
    world.stage.request_deposit("alice", 10_000 * 10**6)
    text = (world.folder / "keeper.toml").read_text()
    path = world.folder / "dry.toml"
    path.write_text(text)
    before = nobody_moved(world)
    done = subprocess.run(
        [APE, "run", "keeper", "start", str(path), "--mode", "dry-run",
         "--ticks", "1"],
        capture_output=True, text=True, env=os.environ, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert '"event": "started"' in done.stderr and '"mode": "dry-run"' in done.stderr
    assert nobody_moved(world) == before
    assert world.stage.chain.height() > 0


def custody(world, **outcomes):
    """What the doctor says of custody: without a report, or with one of this venue."""
    config, path = world.stage.config, None
    if outcomes:
        given = {Question(name): Finding(outcome) for name, outcome in outcomes.items()}
        report = ProbeReport(config.venue.clob_url, config.chain.chain_id, 7, given)
        path = world.folder / "probe.json"
        path.write_text(report.text())
    checks = examine(DoctorOptions(config=world.folder / "keeper.toml", probe=path))
    return [each for each in checks if "custody" in each.what or each.what == str(path)]


def test_the_doctor_says_which_custody_works_and_why(world):
    (found,) = custody(world)
    assert (found.what, found.state) == ("custody, class 0", CheckState.NOTE)
    assert "PolymarketAccount (enforced) may not work: nobody has tried" in found.found
    states = {ProbeOutcome.TAKEN: CheckState.OK, ProbeOutcome.REFUSED: CheckState.WRONG}
    for outcome, state in (states | {ProbeOutcome.AWAY: CheckState.NOTE}).items():
        (found,) = custody(world, other_makers=outcome)
        assert found.state is state


def test_the_doctor_takes_no_report_of_another_venue(world):
    path = world.folder / "elsewhere.json"
    chain = world.stage.config.chain.chain_id
    answers = {Question.OTHER_MAKERS: Finding(ProbeOutcome.TAKEN)}
    path.write_text(ProbeReport("https://elsewhere", chain, 7, answers).text())
    checks = examine(DoctorOptions(config=world.folder / "keeper.toml", probe=path))
    states = {each.what: each.state for each in checks}
    assert states[str(path)] is CheckState.WRONG
    assert states["custody, class 0"] is CheckState.NOTE, "its answers say nothing here"


def first_files(world, folder, **changes):
    stage = world.stage
    url = stage.server.url
    options = {
        "vault": stage.vault.address,
        "rpc": stage.chain.url,
        "venue": VenueUrls(url, f"{url}/gamma"),
        "folder": folder,
        "multi_send": stage.config.safe.multi_send,
    }
    return write_first_files(InitOptions(**options | changes))


def test_first_files_of_a_vault_work(world, tmp_path):
    """What `init` writes is what somebody who knows everything would have written."""
    written = first_files(world, tmp_path)
    assert [each.name for each in written.files] == ["keeper.toml", "cosigner.toml", "secret"]
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
    assert any("STRONGROOM_COSIGNER_PASSPHRASE" in words for words in written.left)
    assert any("--tcp PORT" in words for words in written.left)
    owners = world.stage.safe.getOwners()
    assert all(owner in written.left[0] for owner in owners)
    for name in ("owner", "executor", "cosigner", "reporter"):
        shutil.copy(world.folder / f"{name}.json", tmp_path)
    config, known = load(tmp_path / "keeper.toml"), world.stage.config
    traded = {market.negative_risk for market in world.markets}
    assert set(config.venue.exchanges) == {
        each for each in known.venue.exchanges if each.negative_risk in traded
    }
    assert (config.safe, config.chain.chain_id) == (known.safe, known.chain.chain_id)
    assert config.reporter.safe == known.reporter.safe == world.stage.vault.reporter()
    assert any("take [reporter] out" in words for words in written.left)
    assert cosigner_file(tmp_path / "cosigner.toml").policy.reporter == config.reporter.safe
    assert config.operations.mode == "paper" and list(config.packs) == ["tail"]
    with pytest.raises(ConfigError, match="start it first"):
        build(config)
    command = [sys.executable, "-m", "strongroom.cli", "cosigner", str(tmp_path / "cosigner.toml")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        told = process.stdout.readline()
        assert told.startswith("listening on unix:") and config.safe.address in told
        build(config)
        again = subprocess.run(command, capture_output=True, text=True)
        assert again.returncode == 2 and "is already running, pid" in again.stderr
        build(config)  # the first one is not deaf
        process.terminate()
        assert process.wait(20) == 0
    assert not list(tmp_path.glob("cosigner.sock*"))


def test_first_files_are_those_of_a_keeper_that_the_vault_has(world, tmp_path):
    first_files(world, tmp_path, safe=world.stage.safe.address.lower())
    assert load(tmp_path / "keeper.toml").safe.address == world.stage.safe.address
    with pytest.raises(ConfigError, match=r"name one of them \(--safe\)"):
        first_files(world, tmp_path / "other", safe=world.stage.reporter.address)


def test_first_files_overwrite_nothing_and_need_a_vault(world, tmp_path):
    first_files(world, tmp_path)
    before = (tmp_path / "keeper.toml").read_text()
    with pytest.raises(ConfigError, match="exists already"):
        first_files(world, tmp_path)
    assert (tmp_path / "keeper.toml").read_text() == before
    with pytest.raises(BadInput, match="no Strongroom vault"):
        first_files(world, tmp_path / "other", vault="0x" + "12" * 20)
    with pytest.raises(BadInput, match="is not an address"):
        first_files(world, tmp_path / "other", vault="0x12")
    with pytest.raises(ConfigError, match="chain 80002 has no public venue"):
        first_files(world, tmp_path / "other", venue=None)
    assert not (tmp_path / "other").exists()


def test_first_files_for_two_users_meet_at_a_port(world, tmp_path):
    written = first_files(world, tmp_path, tcp=8700)
    assert load(tmp_path / "keeper.toml").cosigner.url == "http://127.0.0.1:8700"
    assert cosigner_file(tmp_path / "cosigner.toml").listen == "127.0.0.1:8700"
    assert any("a copy of secret (0600)" in words for words in written.left)


@pytest.mark.parametrize(
    ("secret", "mode", "told"),
    [("short", 0o600, "needs 32 bytes"), ("ab" * 32, 0o644, "open to other users")],
)
def test_first_files_take_no_secret_that_is_none(world, tmp_path, secret, mode, told):
    (tmp_path / "secret").write_text(secret)
    (tmp_path / "secret").chmod(mode)
    with pytest.raises(BadInput, match=told):
        first_files(world, tmp_path)
    assert not (tmp_path / "keeper.toml").exists()
