"""A keeper's file: what does not fit is named by section and key; one keeper a journal and folder.

The files are written from docs/agent.md and the example in docs, as an operator would.
"""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner
from strongroom.cli.main import command
from strongroom.cosigner import service
from strongroom.errors import StrongroomError
from strongroom.journal.lock import alone
from strongroom.keeper.configuration import in_mode, load
from strongroom.keeper.run import apart, running
from strongroom.settings import AlreadyRuns, ConfigError, only_one

TEXT = (Path(__file__).parents[2] / "docs" / "examples" / "keeper.toml").read_text()
SAFE = "0x0000000000000000000000000000000000000002"
SHORT = SAFE[:-1]


def written(folder, old="", new="", text=TEXT):
    path = folder / "keeper.toml"
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return path


def start(path, *options):
    return CliRunner().invoke(command, ["keeper", "start", str(path), *options])


WRONG = {
    "a digit short": (SAFE, SHORT, rf"\[safe.address\] '{SHORT}' is not an address: write 0x"),
    "a letter that is no digit": (SAFE, SAFE[:-1] + "g", r"\[safe.address\] .* is not an address"),
    "without 0x": (SAFE, "00" + SAFE[2:], r"\[safe.address\] .* is not an address"),
    "mistyped": (
        SAFE, "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD",  # EIP-55's, its last letter changed
        r"\[safe.address\] .* is mistyped: its capitals",
    ),
    "vault": (SAFE[:-1] + "1", SHORT, r"\[vault\] "),
    "reporter": (SAFE[:-1] + "7", SHORT, r"\[reporter.safe\] "),
    "oracle": (SAFE[:-1] + "3", SHORT, r"\[venue.negative_risk_oracle\] "),
    "exchange": (SAFE[:-1] + "5", SHORT, r"\[venue.exchanges.1.address\] "),
    "multi_send": (
        '# multi_send = "0x9641d764fc13c8B624c04430C7356C1C7C8102e2"', 'multi_send = "0x96"',
        r"\[safe.multi_send\] '0x96' is not an address",
    ),
    "stream": (
        "ws://127.0.0.1:8080/ws/market", "http://127.0.0.1:8080/ws/market",
        r"\[venue.stream_url\] must begin with ws:// or wss://",
    ),
    "clob": ('clob_url = "http', 'clob_url = "htp', r"\[venue.clob_url\] must begin with http://"),
    "node": ('rpc_url = "http', 'rpc_url = "ws', r"\[chain.rpc_url\] must begin with http:// or"),
    "cosigner": ("unix:cosigner.sock", "cosigner.sock", r"\[cosigner.url\] must begin with http"),
    "a signal with a weight": (
        'path = "forecasts.csv"', 'path = "forecasts.csv"\nsignal = true',
        r"toml: \[packs.informed.weights\] desk is a signal, .*: take it out, or",
    ),
    "two forecasters of a name": (
        'name = "model"', 'name = "desk"', r"toml: \[forecasters\] two have the same name",
    ),
    "a webhook": (
        'url = "http://127.0.0.1:9999/chat"', 'url = "me@there"', r"\[notify.0.url\] must",
    ),
    "e-mail to nobody": ('kind = "webhook"', 'kind = "email"', "by email needs `host`"),
    "commands by a webhook": (
        'least = "warning" ', 'commands = true\nleast = "warning" ', "takes no commands",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_is_named_by_section_and_key(tmp_path, case):
    old, new, told = WRONG[case]
    path = written(tmp_path, old, new)
    with pytest.raises(ConfigError, match=told):
        load(path)
    done = start(path)
    assert done.exit_code == 2 and done.output.count("\n") == 1 and str(path) in done.output


def test_a_message_about_a_url_does_not_have_its_key(tmp_path):
    path = written(tmp_path, '"http://127.0.0.1:8545"', '"ftp://user:hunter2@node/KEY"')
    with pytest.raises(ConfigError) as refused:
        load(path)
    assert "hunter2" not in str(refused.value) and "KEY" not in str(refused.value)


def places(value):
    """Yield every path and every name of a file in a configuration."""
    if isinstance(value, Path):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from places(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from places(each)
    elif isinstance(value, str) and value.startswith(("sqlite:///", "unix:")):
        yield Path(value.removeprefix("sqlite:///").removeprefix("unix:"))


WALLET = f'[[venue.wallets]]\naddress = "{SAFE}"\nkey = "wallet.json"\n\n[information]'


@pytest.mark.parametrize("defaults", [False, True])
def test_every_relative_path_is_relative_to_the_file(tmp_path, monkeypatch, defaults):
    """Wherever the keeper is started: keystores, secret, socket, forecasts, journal, log ..."""
    text = TEXT.replace("[information]", WALLET).replace("# further_owners", "further_owners")
    if defaults:
        for name in ("journal =", "stop_file =", "log =", "record ="):
            text = text.replace(name, "# " + name)
    monkeypatch.chdir("/")
    config = load(written(tmp_path, text=text))
    found = list(places(config.model_dump()))
    assert len(found) == (16 if defaults else 18)
    assert all(each.is_relative_to(tmp_path) for each in found), found
    assert config.forecasters[0].path == tmp_path / "forecasts.csv"
    assert config.cosigner.url == f"unix:{tmp_path}/cosigner.sock"
    assert config.journal == f"sqlite:///{tmp_path}/keeper.db"


def test_absolute_paths_and_servers_stay_as_they_are(tmp_path):
    text = TEXT.replace('"owner.json"', '"/keys/owner.json"').replace(
        '"unix:cosigner.sock"', '"http://127.0.0.1:8700"'
    )
    config = load(written(tmp_path, '"sqlite:///keeper.db"', '"postgresql://me@host/db"', text))
    assert str(config.keys.owner) == "/keys/owner.json"
    assert (config.cosigner.url, config.journal) == (
        "http://127.0.0.1:8700",
        "postgresql://me@host/db",
    )


def test_a_byte_order_mark_is_no_fault(tmp_path):
    path = tmp_path / "keeper.toml"
    path.write_bytes(b"\xef\xbb\xbf" + TEXT.encode())
    assert load(path) == load(written(tmp_path))
    path.write_bytes(TEXT.encode("utf-16"))
    with pytest.raises(ConfigError, match=r"not TOML: not UTF-8 at byte 0"):
        load(path)


COSIGNER = f"""
listen = "unix:cosigner.sock"
rpc_url = "http://127.0.0.1:8545"
keystore = "cosigner.json"
secret_file = "secret"

[policy]
vault = "{SAFE}"
safe = "{SAFE}"
multi_send = "{SAFE}"
chain_id = 7
classes = [0]
orders = {{ exchanges = ["{SAFE}"], packs = [] }}
"""


def test_the_cosigners_file_is_read_in_the_same_way(tmp_path, monkeypatch):
    path = tmp_path / "cosigner.toml"
    path.write_text(COSIGNER)
    monkeypatch.chdir("/")
    found = list(places(service.load(path).model_dump()))
    assert len(found) == 4 and all(each.is_relative_to(tmp_path) for each in found), found
    path.write_text(COSIGNER.replace(f'safe = "{SAFE}"', f'safe = "{SHORT}"'))
    with pytest.raises(ConfigError, match=rf"\[policy.safe\] '{SHORT}' is not an address"):
        service.load(path)


# one instance


@pytest.mark.parametrize("mode", ["live", "paper"])
def test_a_second_keeper_of_a_journal_ends_at_once_and_names_the_first(tmp_path, mode):
    """Before it asks anybody anything: nothing of what the file names is there."""
    path = written(tmp_path)
    name = "keeper.db" if mode == "live" else "keeper-paper.db"
    with alone(f"sqlite:///{tmp_path / name}"):
        done = start(path, "--mode", mode)
    assert done.exit_code == 2
    told = f"a keeper on the journal {tmp_path / name} is already running, pid {os.getpid()}: end"
    assert told in done.output


def test_a_second_keeper_that_records_into_a_folder_is_refused(tmp_path):
    """A dry run has a journal in memory; its views would be mixed with the first one's."""
    config = in_mode(load(written(tmp_path)), "dry-run")
    with (
        only_one(tmp_path / "views-dry-run" / ".lock", "a keeper"),
        pytest.raises(AlreadyRuns, match=r"records into .*views-dry-run is already running, pid"),
        running(config),
    ):
        pass
    with pytest.raises(StrongroomError) as ends, running(config):  # the first has ended
        pass
    assert not isinstance(ends.value, AlreadyRuns)


def test_what_sends_nothing_has_its_places_beside_a_live_one_of_the_same_file(tmp_path):
    config = load(written(tmp_path))
    for mode in ("live", "ask"):
        assert apart(in_mode(config, mode)) == in_mode(config, mode)
    names = set()
    for mode in ("live", "paper", "dry-run"):
        operations = apart(in_mode(config, mode)).operations
        names |= {operations.record, operations.log}
    assert {each.relative_to(tmp_path).name for each in names} == {
        "views", "views-paper", "views-dry-run",
        "keeper.log", "keeper-paper.log", "keeper-dry-run.log",
    }  # fmt: skip
    with (
        only_one(tmp_path / "views" / ".lock", "a live keeper"),
        pytest.raises(StrongroomError) as ends,  # nothing of what the file names is there
        running(in_mode(config, "paper")),
    ):
        pass
    assert not isinstance(ends.value, AlreadyRuns)
