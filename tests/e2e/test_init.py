"""`strongroom init` on a devnet: from nothing to files that every command takes, and `doctor`."""

import fcntl
import json
import os
import pty
import select
import shutil
import struct
import subprocess
import sys
import termios
import threading
import time
import tomllib
from pathlib import Path

import pytest
from strongroom.chain.accounts import told_address
from strongroom.cosigner.service import load as cosigner_file
from strongroom.deployment.plan import load as plan_file
from strongroom.devnet import polymarket
from strongroom.devnet.deployer import devnet_chain
from strongroom.devnet.operator_files import PASSPHRASE, write_keystore
from strongroom.journal.lock import alone
from strongroom.keeper.configuration import load
from strongroom.setup.folder_checks import folder_checks
from websockets.sync.server import serve

from tests.e2e.keeper_stage import KeeperStage

RUN = (sys.executable, "-m", "strongroom.cli")
KEYS = ("owner", "executor", "cosigner", "reporter")
PATIENCE_S = 240


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with devnet_chain(polymarket.CHAIN_ID) as chain:
        place = KeeperStage(tmp_path_factory.mktemp("init"), chain, 2)
        yield place
        place.stage.close()


def run(*words, **more):
    """Run a command without a terminal."""
    environment = os.environ | {"STRONGROOM_PASSPHRASE": PASSPHRASE, "COLUMNS": "200"}
    return subprocess.run(
        [*RUN, *map(str, words)], capture_output=True, text=True, stdin=subprocess.DEVNULL,
        timeout=PATIENCE_S, env=environment, **more,
    )  # fmt: skip


def venue_of(world):
    url = world.stage.server.url
    return ("--clob-url", url, "--gamma-url", f"{url}/gamma")


def existing(world, folder, *more):
    """Write the files of the stage's vault."""
    return run(
        "init", folder, "--rpc", world.stage.chain.url, "--vault", world.stage.vault.address,
        "--multi-send", world.stage.config.safe.multi_send, *venue_of(world), *more,
    )  # fmt: skip


def plan_of(world, **changes):
    """Return the answers for a new vault at the stage's venue."""
    stage = world.stage
    answers = {
        "vault": "new",
        "rpc": stage.chain.url,
        "asset": stage.venue.pusd.address,
        "name": "Second room",
        "symbol": "ROOM2",
        "owner": stage.people["owner"].address,
        "guardian": stage.people["guardian"].address,
        "keeper": stage.safe.address,
        "reporter": stage.reporter.address,
        "exchange": stage.venue.exchange.address,
        "oracle": world.markets[0].oracle,
        "total_cap": "50000",
        "velocity": "10000",
        "market_cap": "none",
    } | changes
    return "".join(f'{name} = "{value}"\n' for name, value in answers.items())


def with_keys(world, folder):
    for name in KEYS:
        shutil.copy(world.folder / f"{name}.json", folder)
    return folder


class Cosigner:
    """The co-signer of a folder, while the block runs."""

    def __init__(self, folder):
        self.folder = folder

    def __enter__(self):
        self.process = subprocess.Popen(
            [*RUN, "cosigner", str(self.folder / "cosigner.toml")],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout.readline().startswith("listening on ")

    def __exit__(self, *_):
        self.process.terminate()
        assert self.process.wait(60) == 0


def dry_tick(folder):
    return run("keeper", "start", folder / "keeper.toml", "--mode", "dry-run", "--ticks", 1)


def unexplained(path):
    """Return the keys of a file that have no words beside them, but for a limit's and a pack's."""
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    inside = ""
    found = []
    for line in lines:
        inside = line.split("]")[0].strip("[") if line.startswith("[") else inside
        if "  # " not in line and not inside.startswith(("vault.limits", "packs.")):
            found.append(line)
    return found


def test_the_files_of_a_vault_on_chain_are_taken_by_every_command(world, tmp_path):
    stage = world.stage
    done = existing(world, tmp_path)
    assert done.returncode == 0, done.stderr
    names = ["vault.toml", "keeper.toml", "cosigner.toml", "secret"]
    assert [line for line in done.stdout.splitlines() if line.startswith("wrote ")] == [
        f"wrote {tmp_path / name}" for name in names
    ]
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in names} == {0o600}
    for words in (
        f"chain {polymarket.CHAIN_ID}, block ",
        "Strongroom devnet vault, in pUSD (",
        ", 6 decimals)",
        f"Safe {stage.safe.address}: 2 of 3 owners must sign: {stage.safe.getOwners()[0]}",
        f"exchange {stage.venue.exchange.address}, version 2, single questions",
    ):
        assert words in done.stdout, words
    assert [unexplained(tmp_path / name) for name in names[:3]] == [[], [], []]
    known, config = stage.config, load(tmp_path / "keeper.toml")
    assert (config.vault, config.safe) == (known.vault, known.safe)
    assert config.reporter.safe == known.reporter.safe
    port = config.operations.metrics_port
    assert port >= 9100 and f"numbers and health: port {port} of this machine" in done.stdout
    assert cosigner_file(tmp_path / "cosigner.toml").policy.orders.max_order == 500
    plan = tmp_path / "vault.toml"
    verified = run(
        "verify", "--vault", stage.vault.address, "--rpc", stage.chain.url, "--file", plan
    )
    assert verified.returncode == 0, verified.stdout
    with Cosigner(with_keys(world, tmp_path)):
        ticked = dry_tick(tmp_path)
        signs = run("cosigner", tmp_path / "cosigner.toml", "--check")
    assert signs.returncode == 0 and "could sign" in signs.stdout, signs.stderr
    away = run("cosigner", tmp_path / "cosigner.toml", "--check")
    assert away.returncode == 2 and "does not answer" in away.stderr
    assert ticked.returncode == 0, ticked.stderr
    assert '"event": "started"' in (tmp_path / "keeper-dry-run.log").read_text()


def test_what_the_owner_has_changed_since_is_found_by_the_plan(world, tmp_path):
    assert existing(world, tmp_path).returncode == 0
    plan = tmp_path / "vault.toml"
    text = plan.read_text()
    assert "\nmax_drawdown_bps = 2000" in text and 'total_cap = "none"' in text
    plan.write_text(text.replace("max_drawdown_bps = 2000", "max_drawdown_bps = 1999"))
    done = run(
        "verify", "--vault", world.stage.vault.address, "--rpc", world.stage.chain.url,
        "--file", plan,
    )  # fmt: skip
    assert done.returncode == 1
    assert "max_drawdown_bps: declared 1999, on chain 2000" in done.stdout


def test_a_new_vault_from_its_answers_to_a_dry_tick(world, tmp_path):
    """init, deploy, verify, init again for what was deployed, co-signer, keeper."""
    answers, plans, files = tmp_path / "answers.toml", tmp_path / "plan", tmp_path / "keeper"
    answers.write_text(plan_of(world))
    done = run("init", plans, "--answers", answers)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("wrote ") == 1 and f"wrote {plans / 'vault.toml'}" in done.stdout
    assert f"the owner {world.stage.people['owner'].address} is one key" in done.stdout
    assert unexplained(plans / "vault.toml") == []
    venue, (section,) = world.stage.venue, plan_file(plans / "vault.toml").classes
    tokens = (venue.ctf, venue.pusd, venue.usdc, venue.adapter)
    assert list(section.arguments) == [
        venue.exchange.address, "2", *(each.address for each in tokens), False,
    ]  # fmt: skip
    write_keystore(tmp_path / "me.json", world.stage.people["deployer"].account)
    url = world.stage.chain.url
    deployed = run(
        "deploy", plans / "vault.toml", "--account", tmp_path / "me.json", "--rpc", url, "--yes",
        cwd=tmp_path,
    )  # fmt: skip
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    vault = deployed.stdout.split()[-1]
    done = existing(world, files, "--vault", vault, "--max-order", "50")
    assert done.returncode == 0, done.stderr
    assert load(files / "keeper.toml").vault == vault
    assert cosigner_file(files / "cosigner.toml").policy.orders.max_order == 50
    again = tomllib.loads((files / "vault.toml").read_text())
    first = tomllib.loads((plans / "vault.toml").read_text())
    assert again["classes"][0].items() >= first["classes"][0].items()
    with Cosigner(with_keys(world, files)):
        ticked = dry_tick(files)
    assert ticked.returncode == 0, ticked.stderr


def test_a_new_vault_may_have_a_strategy_for_each_exchange(world, tmp_path):
    """Single questions and events, as at the public venue; the plan deploys in its rehearsal."""
    venue, plans, answers = world.stage.venue, tmp_path / "plan", tmp_path / "answers.toml"
    exchanges = [venue.exchange.address, venue.neg_risk_exchange.address]
    both = ",".join(exchanges)
    for changes, words in (
        ({"exchange": both, "negative_risk": "no,yes,no"}, "give one answer for all, or 2"),
        ({"exchange": f"{both},{exchanges[0]}"}, "names none, or one twice"),
        ({"exchange": f"{both},{world.stage.safe.address}"}, "there is no exchange at"),
    ):
        answers.write_text(plan_of(world, **changes))
        done = run("init", plans, "--answers", answers)
        assert done.returncode == 2 and words in done.stderr, done.stderr
    answers.write_text(plan_of(world, exchange=both, negative_risk="no,yes"))
    done = run("init", plans, "--answers", answers)
    assert done.returncode == 0, done.stderr
    classes = plan_file(plans / "vault.toml").classes
    assert [each.arguments[0] for each in classes] == exchanges
    assert [each.arguments[-1] for each in classes] == [False, True]
    assert {each.keeper for each in classes} == {world.stage.safe.address}
    assert {each.oracle for each in classes} == {world.markets[0].oracle}
    write_keystore(tmp_path / "me.json", world.stage.people["deployer"].account)
    rehearsed = run(
        "deploy", plans / "vault.toml", "--account", tmp_path / "me.json", "--dry-run",
        "--rpc", world.stage.chain.url, cwd=tmp_path,
    )  # fmt: skip
    assert rehearsed.returncode == 0, rehearsed.stdout + rehearsed.stderr


def test_at_a_terminal_it_asks_tells_what_is_wrong_and_asks_again(world, tmp_path):
    """A real terminal; the node is the environment's. Each wrong answer is told and asked again."""
    stage = world.stage
    typed = {
        "Address of the vault": ["0x12", stage.safe.address, stage.vault.address],
        "The keeper's Safe": [""],
        "The exchanges that": [stage.venue.neg_risk_exchange.address, ""],
        "MultiSendCallOnly": ["", stage.config.safe.multi_send],
        "CLOB service": [stage.server.url],
        "list of markets": [f"{stage.server.url}/gamma"],
        "market channel": [""],
        "What decides": ["tial", "tail, dutch"],
        "one order": ["-1", "40"],
        "a day's orders": ["30", "400"],
        "goes to one market": ["100"],
        "Port of a co-signer": [""],
    }
    seen = at_a_terminal(
        [*RUN, "init", str(tmp_path)], typed, {"STRONGROOM_RPC_URL": stage.chain.url}
    )
    for words in (
        "is not an address: write 0x and 40 hex digits",
        f"there is no Strongroom vault at {stage.safe.address}",
        f"the vault's accounts name {stage.venue.exchange.address}",
        "there is no contract at 0x9641d764fc13c8B624c04430C7356C1C7C8102e2",
        "no such pack is installed: did you mean 'tail'?",
        "is no amount: give one of more than 0",
        "30 is less than what an order may cost, 40",
    ):
        assert words in seen, f"{words}\n{seen}"
    assert not [each for each in typed.values() if each], f"not asked: {typed}\n{seen}"
    config = load(tmp_path / "keeper.toml")
    assert list(config.packs) == ["tail", "dutch"] and config.vault == stage.vault.address
    policy = cosigner_file(tmp_path / "cosigner.toml").policy
    assert (policy.orders.max_order, policy.orders.max_per_day) == (40, 400)
    assert (policy.transactions.max_allocation, policy.orders.packs) == (100, ("tail", "dutch"))


def at_a_terminal(command, typed, more):
    """Run a command at a terminal; type the next answer to each question; return what it showed."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 400, 0, 0))  # no line wraps
    process = subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, env=os.environ | more, close_fds=True
    )
    os.close(slave)
    seen, end = "", time.monotonic() + PATIENCE_S
    asked = 0  # what was answered already
    while process.poll() is None or select.select([master], [], [], 0)[0]:
        assert time.monotonic() < end, seen
        if not select.select([master], [], [], 0.2)[0]:
            continue
        try:
            seen += os.read(master, 4096).decode()
        except OSError:  # the other end is closed
            break
        if seen.rstrip(" ").endswith(":") and seen.endswith(" "):
            question = seen[asked:].splitlines()[-1]
            words = next(each for each in typed if each in question)
            answer = typed[words].pop(0)
            asked = len(seen)
            os.write(master, f"{answer}\n".encode())
    os.close(master)
    assert process.wait(PATIENCE_S) == 0, seen
    return seen


NOBODY = "0x" + "12" * 20
REFUSED = {
    "a token that is none": ({"asset": NOBODY}, f"--asset: no token is at {NOBODY}"),
    "the keeper reports": (
        {"reporter": "keeper"}, "--reporter: that is the keeper, who would say what its own",
    ),
    "the keeper is one key": ({"keeper": NOBODY}, f"--keeper: there is no Safe at {NOBODY}"),
    "no exchange": ({"exchange": NOBODY}, f"--exchange: there is no exchange at {NOBODY}"),
    "another asset": ({"asset": "usdc"}, "--exchange: it trades in 0x"),
    "no cap": ({"total_cap": "0"}, "--total-cap: '0' is no amount: give one of more than 0"),
    "of a keeper": ({"tcp": "8700"}, "--tcp: not asked for such a vault: leave it out"),
    "no such question": ({"totl_cap": "1"}, "[totl_cap] nothing asks for it: did you mean 'total"),
    "no node": ({"rpc": "http://127.0.0.1:9"}, "127.0.0.1:9"),
    "nobody": ({"owner": "0x" + "00" * 20}, "--owner: nobody has that address"),
    "six decimals": ({"asset": "eighteen"}, "has not 6 decimals, which keeper and audit count in"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_answer_is_one_sentence_and_writes_nothing(world, tmp_path, case):
    changes, told = REFUSED[case]
    stage = world.stage
    known = {
        "keeper": stage.safe.address,
        "usdc": stage.venue.usdc.address,
        "eighteen": stage.vault.address,  # its shares are a token, too
    }
    answers = tmp_path / "answers.toml"
    answers.write_text(plan_of(world, **{k: known.get(v, v) for k, v in changes.items()}))
    done = run("init", tmp_path / "plan", "--answers", answers)
    assert done.returncode == 2
    assert told in done.stderr and len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "plan").exists()


def test_an_exchange_that_the_accounts_do_not_name_is_refused(world, tmp_path):
    other = world.stage.venue.neg_risk_exchange.address
    done = existing(world, tmp_path / "new", "--exchanges", other)
    named = world.stage.venue.exchange.address
    assert (done.returncode, done.stderr) == (
        2, f"--exchanges: the vault's accounts name {named}\n",
    )  # fmt: skip
    assert not (tmp_path / "new").exists()


def test_nothing_that_is_there_is_overwritten(world, tmp_path):
    """Neither a file nor a link that leads nowhere."""
    for name in ("vault.toml", "keeper.toml", "cosigner.toml"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / name).symlink_to(tmp_path / "elsewhere")
        done = existing(world, folder)
        assert done.returncode == 2 and f"{name} exists already" in done.stderr
        assert [each.name for each in folder.iterdir()] == [name]
    assert not Path(tmp_path / "elsewhere").exists()


def test_without_a_terminal_what_has_no_default_is_named(world, tmp_path):
    done = run("init", tmp_path / "new", "--rpc", world.stage.chain.url)
    assert done.returncode == 2
    assert "no terminal to ask at: give --vault" in done.stderr


# the doctor, over the same folder


@pytest.fixture(scope="module")
def well(world, tmp_path_factory):
    """A folder of files and keys, whose co-signer answers."""
    folder = tmp_path_factory.mktemp("well")
    assert existing(world, folder).returncode == 0
    with Cosigner(with_keys(world, folder)):
        yield folder


def rows(folder, **more):
    """Return (what, state, found, cure) of each check."""
    return [(e.what, e.state.value, e.found, e.cure) for e in folder_checks(folder, **more)]


ROWS = (
    "vault.toml", "passphrase", "cosigner.toml", "node", "clock", "vault", "roles", "delays",
    "asset", "exchange", "keeper's Safe", "reporter's Safe", "gas", "announced",
    "custody, class 0", "ticks", "co-signer", "venue", "stream", "packs", "journal", "keeper",
    "evidence", "disk",
)  # fmt: skip


def test_a_folder_that_is_well_has_every_row_and_shows_no_secret(world, well):
    world.stage.chain.request("evm_mine")
    done = run("doctor", well, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert set(ROWS) <= {each["what"] for each in found}
    assert {each["state"] for each in found} <= {"ok", "note", "missing"}
    said = {(each["what"], each["found"]) for each in found}
    states = {each["what"]: each["state"] for each in found}
    # it never ran, and its venue has no stream
    assert {states[each] for each in ("ticks", "keeper", "journal", "stream")} == {"note"}
    stage = world.stage
    owner = told_address(well / "owner.json")
    for row in (
        ("keeper's Safe", f"Safe {stage.safe.address}: 2 of 3 owners must sign"),
        ("keeper's Safe", f"{owner} is one of its owners"),
        ("keeper's Safe", "no module and no guard beside its owners"),
        ("roles", f"{stage.reporter.address} is the reporter"),
        ("asset", "pUSD (Polymarket USD, 6 decimals)"),
        ("exchange", f"{stage.venue.exchange.address}, as the vault's accounts name it"),
        ("cosigner.toml", "admits what the keeper asks for"),
    ):
        assert row in said, row
    secret = (well / "secret").read_text().strip()
    assert secret not in done.stdout and PASSPHRASE not in {each["found"] for each in found}


def changed(name, old, new):
    """Return what puts something else into a file of the folder."""

    def change(folder):
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1))

    return change


ILL = {
    "another chain": (
        changed("keeper.toml", "chain_id = 80002", "chain_id = 137"),
        ("node", "differs", "chain 80002", "name a node of chain 137"),
    ),
    "no venue": (
        changed("keeper.toml", 'clob_url = "http', 'clob_url = "http://127.0.0.1:9/'),
        ("venue", "wrong", "does not answer", "start it, or correct its URL"),
    ),
    "no stream": (
        changed("keeper.toml", 'stream_url = ""', 'stream_url = "ws://127.0.0.1:9/ws/market"'),
        ("stream", "wrong", "takes no connection", "correct [venue] stream_url"),
    ),
    "another version": (
        changed("keeper.toml", 'version = "2"', 'version = "3"'),
        ("exchange", "differs", "is of another kind", 'write version = "2"'),
    ),
    "plan": (
        changed("vault.toml", "max_drawdown_bps = 2000", "max_drawdown_bps = 1999"),
        ("vault", "differs", "declared 1999, on chain 2000", "find out why"),
    ),
    "policy of another class": (
        changed("cosigner.toml", "classes = [0]", "classes = [7]"),
        ("cosigner.toml", "note", "[policy.classes] lacks 0", "or nothing of it is signed"),
    ),
    "policy of another chain": (
        changed("cosigner.toml", "chain_id = 80002", "chain_id = 137"),
        ("cosigner.toml", "differs", "[policy.chain_id] 137, the keeper's 80002", "correct it"),
    ),
    "no co-signer": (
        changed("keeper.toml", "cosigner.sock", "nobody.sock"),
        ("co-signer", "wrong", "does not answer", "strongroom cosigner "),
    ),
    "a foreign key": (
        lambda folder: shutil.copy(folder / "executor.json", folder / "owner.json"),
        ("keeper's Safe", "differs", "is none of its owners", "put the keystore of one of these"),
    ),
    "an open key": (
        lambda folder: (folder / "owner.json").chmod(0o644),
        ("owner.json", "wrong", "others can read it", "chmod 600 "),
    ),
    "a full disk": (
        changed("keeper.toml", "[operations]", "[operations]\nlog_max_mb = 1_000_000_000"),
        ("disk", "wrong", "MB free", "free some, or lower"),
    ),
    "no place for evidence": (
        changed("keeper.toml", 'evidence = "evidence"', 'evidence = "keeper.toml/evidence"'),
        ("evidence", "wrong", "cannot be written", "a folder that this user may write to"),
    ),
    "no keeper": (
        lambda folder: (folder / "keeper.toml").unlink(),
        ("keeper.toml", "wrong", "not in ", "strongroom init OTHER --vault ADDRESS"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ILL)
def test_what_is_ill_is_named_with_its_cure(world, well, tmp_path, case):
    change, (what, state, words, cure) = ILL[case]
    folder = shutil.copytree(well, tmp_path / "ill", ignore=shutil.ignore_patterns("*.sock*"))
    change(folder)
    found = rows(folder)
    assert [
        each
        for each in found
        if each[0].endswith(what) and each[1] == state and words in each[2] and cure in each[3]
    ], found


@pytest.mark.parametrize(("says", "state"), [("PONG", "ok"), (None, "note")])
def test_the_stream_is_tried(well, tmp_path, monkeypatch, says, state):
    """One that takes connections and answers no ping may want a subscription first."""
    monkeypatch.setattr("strongroom.setup.folder_checks.TIMEOUT_S", 2)

    def speak(socket):
        for _ in socket:
            if says:
                socket.send(says)

    folder = shutil.copytree(well, tmp_path / "streams", ignore=shutil.ignore_patterns("*.sock*"))
    with serve(speak, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}/ws/market"
        changed("keeper.toml", 'stream_url = ""', f'stream_url = "{url}"')(folder)
        (found,) = (each for each in rows(folder) if each[0] == "stream")
        server.shutdown()
    shown = url.removesuffix("/ws/market")  # a path may hold a key
    assert found[1] == state and found[2].endswith(f"at {shown}")


def test_whether_a_keeper_runs_is_told_live_and_on_paper(well, tmp_path):
    folder = shutil.copytree(well, tmp_path / "runs", ignore=shutil.ignore_patterns("*.sock*"))
    for name, mode in (("keeper.db", "live"), ("keeper-paper.db", "paper")):
        with alone(f"sqlite:///{folder / name}"):
            told = [each for each in rows(folder) if each[0] == "keeper"]
            assert told == [("keeper", "ok", f"one runs {mode}, pid {os.getpid()}", "")]


def test_a_clock_that_is_wrong_is_told(world, well):
    world.stage.chain.request("evm_mine")
    found = {each[0]: each for each in rows(well, clock=lambda: time.time() + 3_600)}
    assert found["clock"][1] == "wrong" and "more than 60" in found["clock"][2]
    assert "NTP" in found["clock"][3]


def test_what_differs_ends_with_1_and_what_does_not_work_with_2(world, well, tmp_path):
    """And the table says the cure beside it."""
    folder = shutil.copytree(well, tmp_path / "ill", ignore=shutil.ignore_patterns("*.sock*"))
    ILL["an open key"][0](folder)
    done = run("doctor", folder)
    assert done.returncode == 2 and f"-> chmod 600 {folder / 'owner.json'}" in done.stdout
    ILL["plan"][0](folder)
    assert run("doctor", folder).returncode == 1
