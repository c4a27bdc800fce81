"""Who can read what `strongroom init` writes, and what the doctor says of files that others can."""

import os

import pytest
from strongroom.keeper.first_files import write_new
from strongroom.settings import ConfigError
from strongroom.setup import wizard
from strongroom.setup.folder_checks import _venue, folder_checks
from strongroom.setup.keeper_checks import file_checks, openness_checks

from tests.agent.test_configuration import TEXT
from tests.agent.test_start_checks import config_of


@pytest.fixture(autouse=True)
def open_umask():
    """As most machines have it: what is made can be read by everybody."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path):
    return f"{path.stat().st_mode & 0o777:o}"


def test_first_files_and_their_folder_are_of_one_user_alone(tmp_path):
    folder = tmp_path / "keeper"
    files = write_new(folder, {"keeper.toml": "é\n", "cosigner.toml": ""})
    assert [mode(each) for each in (folder, *files)] == ["700", "600", "600"]
    assert files[0].read_text(encoding="utf-8") == "é\n"
    assert not [*openness_checks(folder), *openness_checks(files[0])]
    with pytest.raises(ConfigError, match="exists already"):
        write_new(folder, {"new.toml": "", "keeper.toml": ""})
    assert not (folder / "new.toml").exists()


def test_the_metrics_port_is_one_that_nothing_has(monkeypatch):
    said = []
    monkeypatch.setattr(wizard, "is_free", lambda port: port == 9102)
    assert wizard._metrics_port(said.append) == 9102
    assert said == ["  numbers and health: port 9102 of this machine, since 9100 is in use"]
    monkeypatch.setattr(wizard, "is_free", lambda port: True)
    assert wizard._metrics_port(said.append) == 9100
    assert said[1:] == ["  numbers and health: port 9100 of this machine"]


@pytest.mark.parametrize("there", [(), ("vault.toml",), ("cosigner.toml",)])
def test_a_folder_without_a_keepers_file_is_wrong_and_its_cure_can_be_typed(tmp_path, there):
    """`init` overwrites nothing: beside a file that it writes it would refuse."""
    for name in there:
        (tmp_path / name).write_text("")
    last = list(folder_checks(tmp_path))[-1]
    assert (last.what, last.state.value) == ("keeper.toml", "wrong")
    assert ("init OTHER" if there else f"init {tmp_path} --vault") in last.cure


def test_of_a_venues_urls_the_part_that_may_hold_a_key_is_not_shown(tmp_path):
    config = config_of(tmp_path)
    urls = {"clob_url": "http://127.0.0.1:9/KEY", "gamma_url": "http://u:KEY@127.0.0.1:9",
            "stream_url": "ws://127.0.0.1:9/KEY"}  # fmt: skip
    venue = config.venue.model_copy(update=urls)
    found = list(_venue(config.model_copy(update={"venue": venue})))
    assert len(found) == 3 and not any("KEY" in f"{each.found}{each.cure}" for each in found)
    assert all("127.0.0.1:9" in each.found for each in found)


def test_the_doctor_notes_a_file_or_folder_that_others_can_read(tmp_path):
    file = tmp_path / "keeper.toml"
    file.write_text(TEXT)
    tmp_path.chmod(0o750)
    notes = [e for e in file_checks(file) if e.what == str(file) and e.state.value == "note"]
    assert [each.cure for each in notes] == [f"chmod 600 {file}"]
    file.chmod(0o600)
    assert "note" not in {each.state.value for each in file_checks(file)}
    assert [each.cure for each in openness_checks(tmp_path)] == [f"chmod 700 {tmp_path}"]
