"""A practice as a newcomer meets it: one at a time, nothing of others touched, commands that work
as they are printed."""

import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from strongroom.chain.accounts import wallet
from strongroom.chain.anvil import PortTaken, free_port
from strongroom.chain.artifacts import artifact, vault_abi
from strongroom.chain.contracts import Contracts
from strongroom.devnet.faucet import FaucetOptions, NoFaucet, Purse, run_faucet
from strongroom.devnet.folder import FolderTaken, claimed
from strongroom.devnet.operator_files import PASSPHRASES
from strongroom.devnet.practice import PracticeOptions, run_practice

PORT = free_port()
STRANGER = "0x" + "12" * 20


@pytest.fixture(scope="module")
def practice(tmp_path_factory):
    """One that runs; `lines` is what it has printed."""
    folder = tmp_path_factory.mktemp("here") / "practice"
    lines, ended, last = [], threading.Event(), threading.Event()

    def say(line):
        lines.append(line)
        if line.startswith("Ctrl-C"):
            last.set()

    options = PracticeOptions(folder, PORT)
    running = threading.Thread(target=run_practice, args=(options, say, ended))
    running.start()
    assert last.wait(120)
    yield SimpleNamespace(folder=folder, lines=lines, options=options)
    ended.set()
    running.join(30)
    assert not running.is_alive()
    with claimed(folder, "practice", {PORT: "port"}):
        pass  # folder and port are free again


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_second_one_is_refused_and_touches_nothing(practice, tmp_path):
    before = files(practice.folder)
    with pytest.raises(
        FolderTaken, match=rf"a practice is already running in .*, pid \d+, port {PORT}"
    ):
        run_practice(practice.options, print)
    elsewhere = tmp_path / "other"
    with pytest.raises(PortTaken, match=rf"port {PORT} is taken by a chain \(id 80002, anvil"):
        run_practice(PracticeOptions(elsewhere, PORT), print)
    assert files(practice.folder) == before


def test_a_folder_of_somebody_else_is_not_emptied(tmp_path):
    (tmp_path / "thesis.txt").write_text("three years")
    with pytest.raises(FolderTaken, match="has files that no practice has written"):
        run_practice(PracticeOptions(tmp_path, PORT), print)
    assert (tmp_path / "thesis.txt").read_text() == "three years"


def test_ctrl_c_ends_it_with_its_status(tmp_path):
    command = [sys.executable, "-m", "strongroom.cli", "practice", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--folder", tmp_path / "practice"], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while not process.stdout.readline().startswith("Ctrl-C"):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130 and process.stderr.read() == "stopped\n"


def test_the_printed_environment_can_be_sourced(practice):
    (line,) = [each.strip() for each in practice.lines if "source" in each]
    names = " ".join(PASSPHRASES)
    script = f"{line}\nfor name in {names}; do printenv $name; done"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["devnet"] * len(PASSPHRASES)


def test_the_printed_depositor_holds_the_asset(practice):
    (command,) = [each.split() for each in practice.lines if "strongroom deposit" in each]
    given = dict(zip(command[3::2], command[4::2], strict=False))
    chain = Contracts(f"http://127.0.0.1:{PORT}")
    who = wallet(given["--account"], chain)
    vault = chain.at(given["--vault"], vault_abi())
    asset = chain.at(vault.asset(), artifact("PUsd").abi)
    assert asset.balanceOf(who.address) >= int(command[2]) * 10**6
    assert chain.balance(who.address) > 0
    assert all(Path(each).exists() for each in command if each.endswith(".json"))


def test_the_faucet_gives_asset_and_gas(practice):
    held = run_faucet(FaucetOptions(STRANGER, 5_000_000, practice.folder))
    assert held == 5_000_000
    chain = Contracts(f"http://127.0.0.1:{PORT}")
    assert chain.balance(STRANGER) == 10 * 10**18


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"receiver": "0x12"}, "is not an address"),
        ({"assets": 0}, "more than 0"),
        ({"folder": Path("nowhere")}, "no practice in nowhere"),
    ],
)
def test_the_faucet_says_what_is_wrong(changes, words):
    with pytest.raises(NoFaucet, match=words):
        run_faucet(FaucetOptions(**{"receiver": STRANGER} | changes))


def test_a_faucet_file_is_read_as_it_was_written(tmp_path):
    purse = Purse("http://x", STRANGER, STRANGER, STRANGER, STRANGER)
    purse.write(tmp_path)
    assert STRANGER in (tmp_path / "practice.json").read_text()
