"""The commands of docs/serve.md, typed: a devnet with a facilitator, a server, a buyer, refunds."""

import json
import os
import subprocess
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from eth_account import Account
from strongroom.chain.anvil import free_port
from strongroom.cli.main import command

from tests.e2e.terminal import made_in

PASSWORD = "p"
START_S = 200


@pytest.fixture(autouse=True)
def all_is_well():
    """The CLOB service of the other tests here is not needed."""


@pytest.fixture
def terminal(tmp_path):
    made = made_in(tmp_path)
    yield made
    made.end()


def run(terminal, line):
    """Type a line in this process: a Python of its own for each took most of the test's time."""
    program, *words = line.split()
    assert program == "strongroom"
    here = Path.cwd()
    os.chdir(terminal.folder)
    try:
        done = CliRunner(mix_stderr=False, env=terminal.environment).invoke(command, words)
    finally:
        os.chdir(here)
    return done.exit_code, done.stdout, done.stderr


def start(terminal, line, until):
    """Run a line until it says something; it ends with the terminal."""
    log = terminal.folder / f"{len(terminal.servers)}.log"
    with log.open("w") as file:
        process = subprocess.Popen(
            line.split(), cwd=terminal.folder, env=terminal.environment, stdout=file, stderr=file
        )
    terminal.servers.append((line, process, log))
    end = time.monotonic() + START_S
    while until not in log.read_text():
        assert process.poll() is None and time.monotonic() < end, log.read_text()
        time.sleep(0.2)


def test_the_page_as_it_is_typed(terminal):
    port, clob, facilitator, ours = (free_port() for _ in range(4))
    start(
        terminal,
        f"strongroom devnet --port {port} --clob-port {clob} --facilitator-port {facilitator} "
        "--markets 1",
        "Ctrl-C ends it",
    )
    devnet = json.loads((terminal.folder / "build/devnet/devnet.json").read_text())
    assert devnet["facilitator"] == f"http://127.0.0.1:{facilitator}"
    for name, person in (("buyer", "alice"), ("refunds", "bob")):
        keystore = Account.encrypt(
            devnet["accounts"][person]["private_key"], PASSWORD, iterations=2
        )
        (terminal.folder / f"{name}.json").write_text(json.dumps(keystore))
        terminal.environment[f"STRONGROOM_{name.upper()}_PASSPHRASE"] = PASSWORD
    audit = terminal.folder / "audit"
    audit.mkdir()
    (audit / "reports.jsonl").write_text('{"block": 1, "time": 2, "nav_bid": 3}\n')
    payee = Account.create().address
    chain = f'[chain]\nrpc_url = "{devnet["rpc"]}"\nchain_id = {devnet["chain_id"]}\n'
    token = f'[token]\naddress = "{devnet["contracts"]["paid_usdc"]}"\n'
    (terminal.folder / "serve.toml").write_text(
        f'listen = "127.0.0.1:{ours}"\npayee = "{payee}"\n{chain}{token}'
        f'[facilitator]\nurl = "{devnet["facilitator"]}"\n[prices]\nnav = "0.001"\n'
        '[data]\naudit = "audit"\n[refunds]\nkeystore = "refunds.json"\n'
    )
    (terminal.folder / "buyer.toml").write_text(
        f'{chain}{token}[wallet]\nkeystore = "buyer.json"\n'
        '[budget]\npayment = "0.05"\nday = "1"\npayee = "0.5"\nroute = "0.0015"\n'
    )
    start(terminal, "strongroom serve start serve.toml", "until Ctrl-C")

    url = f"http://127.0.0.1:{ours}/paid/nav"
    code, told, said = run(terminal, f"strongroom serve buy {url} --wallet buyer.toml")
    assert code == 0, said
    assert json.loads(told)["data"][0]["nav_bid"] == 3
    assert said.startswith("paid 0.001000 by 0x")
    code, _, said = run(terminal, f"strongroom serve buy {url} --wallet buyer.toml")
    assert code == 2 and "nothing was signed; there is room in" in said
    code, told, _ = run(terminal, "strongroom serve spent --wallet buyer.toml --json")
    (payment,) = json.loads(told)["payments"]
    assert (payment["state"], payment["amount"], payment["url"]) == ("paid", "0.001000", url)
    code, told, said = run(terminal, "strongroom serve refunds serve.toml --pay")
    assert (code, told) == (0, "0 refunds are owed\n"), said
    code, _, said = run(terminal, "strongroom serve start serve.toml")
    assert code == 2 and "is already running" in said


def test_an_extra_that_is_missing_is_told(monkeypatch):
    monkeypatch.setattr("strongroom.extras.find_spec", lambda name: None)
    found = CliRunner().invoke(command, ["serve", "start", os.devnull])
    assert found.exit_code == 2
