"""The example units: systemd reads them, and what they start is a command of ours."""

import configparser
import shlex
import shutil
import subprocess
from pathlib import Path

import click
import pytest
from strongroom.cli.main import command

FOLDER = Path("docs/examples/systemd")
UNITS = sorted(FOLDER.glob("*.service"))


def sections(path):
    parser = configparser.ConfigParser(strict=True, interpolation=None)
    parser.optionxform = str
    parser.read_string(path.read_text())
    return parser


def test_both_processes_have_one():
    assert [path.stem for path in UNITS] == ["strongroom-cosigner", "strongroom-keeper"]


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_a_unit_starts_a_command_of_ours(path):
    program, *words = shlex.split(sections(path)["Service"]["ExecStart"])
    assert Path(program).name == "strongroom"
    found, context = command, click.Context(command)
    while isinstance(found, click.Group):
        found = found.get_command(context, words.pop(0))
    found.make_context(path.stem, words)  # takes these options


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_a_unit_is_started_again_and_ended_gently(path):
    unit = sections(path)
    service = unit["Service"]
    assert service["Restart"] == "on-failure" and unit["Unit"]["StartLimitIntervalSec"] == "0"
    assert service["KillSignal"] == "SIGTERM" and int(service["TimeoutStopSec"]) >= 30
    assert service["User"] == path.stem and "PASSPHRASE=" not in path.read_text()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_reads_them(tmp_path):
    for path in UNITS:
        text = path.read_text().replace("/opt/strongroom/bin/strongroom", "/bin/true")
        (tmp_path / path.name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", *map(str, tmp_path.glob("*.service"))],
        capture_output=True,
        text=True,
    )
    assert "strongroom" not in done.stderr, done.stderr
