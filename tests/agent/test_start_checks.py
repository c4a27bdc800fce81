"""What the doctor says of a keeper's start: keystores that are opened, a port that is taken,
secrets of messages, the co-signer's key, the gas. The keeper refuses each wrong start, too."""

import json
import socket
from types import SimpleNamespace

import pytest
from eth_account import Account
from strongroom.chain.failures import ChainAway
from strongroom.devnet.operator_files import write_secret
from strongroom.journal.lock import alone
from strongroom.keeper.channels import channels_of
from strongroom.keeper.configuration import load
from strongroom.keeper.vault_facts import SafeFacts
from strongroom.settings import ConfigError
from strongroom.setup import chain_checks, folder_checks
from strongroom.setup.report_gas import ReportGas
from strongroom.setup.start_checks import start_checks

from tests.agent.test_configuration import TEXT

OWNER, EXECUTOR, REPORTER, OTHER = (Account.from_key(bytes([n]) * 32) for n in (1, 2, 3, 4))
VARIABLES = {
    "owner": "STRONGROOM_OWNER_PASSPHRASE",
    "executor": "STRONGROOM_EXECUTOR_PASSPHRASE",
    "reporter": "STRONGROOM_REPORTER_PASSPHRASE",
}


def config_of(folder, *pairs):
    """The configuration of a live keeper whose file has something else."""
    text = TEXT.replace('mode = "paper"', 'mode = "live"', 1)
    for old, new in (("metrics_port = 9100", "metrics_port = 0"), *pairs):
        assert old in text
        text = text.replace(old, new, 1)
    (folder / "keeper.toml").write_text(text)
    return load(folder / "keeper.toml")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the keys, whose passphrases are set: each its file's name."""
    for name, key in (("owner", OWNER), ("executor", EXECUTOR), ("reporter", REPORTER)):
        light = Account.encrypt(key.key, name, kdf="pbkdf2", iterations=1_000)
        write_secret(tmp_path / f"{name}.json", json.dumps(light))
        monkeypatch.setenv(VARIABLES[name], name)
    return tmp_path


def said(config, what):
    return [(e.state.value, e.found) for e in start_checks(config) if e.what == what]


def test_a_passphrase_that_opens_nothing_is_wrong(folder, monkeypatch):
    config = config_of(folder)
    found = said(config, "passphrase")
    assert [state for state, _ in found] == ["ok"] * 3
    assert OWNER.address in found[0][1] and REPORTER.address in found[2][1]
    monkeypatch.setenv(VARIABLES["owner"], "another")
    monkeypatch.delenv(VARIABLES["reporter"])
    found = said(config, "passphrase")
    assert [state for state, _ in found] == ["wrong", "ok", "note"]
    assert "STRONGROOM_OWNER_PASSPHRASE is not its passphrase" in found[0][1]
    assert "another" not in str(found)


def test_a_port_that_is_in_use_is_wrong_unless_the_keeper_itself_has_it(folder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = ("metrics_port = 0", f"metrics_port = {taken.getsockname()[1]}")
        config = config_of(folder, port)
        ((state, words),) = said(config, "port")
        assert state == "wrong" and "is in use" in words
        paper = config_of(folder, port, ('mode = "live"', 'mode = "paper"'))
        assert said(paper, "port")[0][0] == "note"  # it would run without
        with alone(config.journal):
            assert said(config, "port") == said(paper, "port") == []
        with alone(f"sqlite:///{folder / 'keeper-paper.db'}"):
            assert said(config, "port")[0][0] == "wrong" and said(paper, "port") == []
    assert said(config, "port")[0][0] == said(config, "port")[0][0] == "ok"  # and is free again


def test_a_message_without_its_secret_is_wrong_and_a_stop_file_is_a_note(folder, monkeypatch):
    config = config_of(folder, ('url = "http://127.0.0.1:9999/chat"', 'url_env = "CHAT_URL"'))
    monkeypatch.delenv("CHAT_URL", raising=False)
    with pytest.raises(ConfigError):
        channels_of(config.notify)
    assert said(config, "notify")[0] == ("wrong", "[notify.0] set CHAT_URL: it is not set")
    monkeypatch.setenv("CHAT_URL", "http://127.0.0.1:1/secret")
    ((state, words),) = said(config, "notify")
    assert state == "ok" and "secret" not in words
    assert said(config, "stop file") == []
    (folder / "STOP").touch()
    ((state, words),) = said(config, "stop file")
    assert state == "note" and "nothing is decided" in words


SIGNS = {  # co-signer's key -> what differs, of which Safe
    OTHER.address: [],
    OWNER.address: ["is not another owner of the Safe"],
    REPORTER.address: ["is not another owner of the reporter's Safe"],
    EXECUTOR.address: [
        "is not another owner of the Safe",
        "is not another owner of the reporter's Safe",
    ],
}


@pytest.mark.parametrize("key", SIGNS)
def test_the_cosigner_is_another_owner_of_both_safes(folder, monkeypatch, key):
    config = config_of(folder)
    write_secret(folder / "secret", "ab" * 32)
    config = config.model_copy(
        update={"cosigner": config.cosigner.model_copy(update={"secret_file": folder / "secret"})}
    )
    everybody = (OWNER.address, REPORTER.address, OTHER.address)
    safes = {
        each: SafeFacts(each, everybody, 2) for each in (config.safe.address, config.reporter.safe)
    }
    client = SimpleNamespace(check=lambda: None, address=key)
    monkeypatch.setattr(folder_checks, "CosignerClient", lambda *_, **__: client)
    monkeypatch.setattr(folder_checks, "safe_at", lambda _, address: safes[address])
    found = list(folder_checks._cosigner(config, folder / "cosigner.toml"))
    assert found[0].state.value == "ok"
    assert [(e.state.value, e.found) for e in found[1:]] == [
        ("differs", f"[cosigner.url] {key} {words}") for words in SIGNS[key]
    ]
    for each in found[1:]:
        assert OTHER.address in each.cure


@pytest.mark.parametrize(
    ("wei", "mode", "state"),
    [
        (0, "live", "wrong"),
        (1, "live", "wrong"),
        (15 * 10**16 - 1, "live", "wrong"),
        (15 * 10**16, "live", "ok"),
        (1, "paper", "note"),
    ],
)
def test_the_gas_is_enough_for_a_few_reports(folder, monkeypatch, wei, mode, state):
    """At 30 gwei, ten of half a million gas: 0.15 coins."""
    config = config_of(folder, ('mode = "live"', f'mode = "{mode}"'))
    (found,) = gas_row(monkeypatch, config, wei, lambda *_: ReportGas(500_000, "estimated"))
    assert found.state.value == state and "10 reports cost up to 0.15 at" in found.found


@pytest.mark.parametrize(
    ("wei", "mode", "state"), [(0, "live", "wrong"), (1, "live", "note"), (0, "paper", "note")]
)
def test_gas_that_nobody_can_tell_is_unknown(folder, monkeypatch, wei, mode, state):
    """Neither enough nor too little, but where there is none at all."""
    config = config_of(folder, ('mode = "live"', f'mode = "{mode}"'))

    def away(*_):
        raise ChainAway("the node does not answer")

    (found,) = gas_row(monkeypatch, config, wei, away)
    assert found.state.value == state
    assert "what a report costs is unknown: the node does not answer" in found.found


def gas_row(monkeypatch, config, wei, gas_of_report):
    """The doctor's row of the gas, where the executor has so much."""
    monkeypatch.setattr(chain_checks, "gas_of_report", gas_of_report)
    monkeypatch.setattr(chain_checks, "Chain", lambda *_: None)
    chain = SimpleNamespace(balance=lambda _: wei, request=lambda _: hex(30 * 10**9))
    return list(chain_checks._gas(chain, config))


def test_an_amount_of_the_coin_is_a_number_that_people_read():
    assert [chain_checks._coins(each * 10**12) for each in (10**10, 123_456_789, 3_873, 1, 0)] == [
        "10,000", "123.5", "0.003873", "0.000001", "0",
    ]  # fmt: skip
