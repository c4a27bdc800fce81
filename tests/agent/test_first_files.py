"""Who can read what `strongroom init` writes, and what the doctor says of files that others can."""

import os

import pytest
from strongroom.keeper.first_files import write_new
from strongroom.settings import ConfigError
from strongroom.setup.keeper_checks import file_checks, openness_checks

from tests.agent.test_configuration import TEXT


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


def test_the_doctor_notes_a_file_or_folder_that_others_can_read(tmp_path):
    file = tmp_path / "keeper.toml"
    file.write_text(TEXT)
    tmp_path.chmod(0o750)
    notes = [e for e in file_checks(file) if e.what == str(file) and e.state.value == "note"]
    assert [each.cure for each in notes] == [f"chmod 600 {file}"]
    file.chmod(0o600)
    assert "note" not in {each.state.value for each in file_checks(file)}
    assert [each.cure for each in openness_checks(tmp_path)] == [f"chmod 700 {tmp_path}"]
