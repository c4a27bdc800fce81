"""One bot, one reader: what is written to a bot comes to whoever asks first, so a second keeper is
refused, or told of."""

import os
import tempfile
from dataclasses import replace

import pytest
from strongroom.keeper import run
from strongroom.keeper.alerts import WORTH
from strongroom.keeper.channels import channels_of
from strongroom.keeper.configuration import NotifySection, in_mode, load
from strongroom.keeper.remote import RemoteCommands, only_reader
from strongroom.keeper.run import running
from strongroom.settings import AlreadyRuns, ConfigError

from tests.agent.test_configuration import TEXT
from tests.agent.test_notify import TOKEN, Web, bot_at, until


@pytest.fixture
def web():
    found = Web()
    yield found
    found.server.shutdown()


def test_a_second_keeper_of_one_bot_is_refused_and_the_first_goes_on(web, tmp_path, monkeypatch):
    """Whatever journal, folder and configuration the two have."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    told = rf"a keeper that obeys the bot 'bot' .* is already running, pid {os.getpid()}: end it"
    other = replace(bot_at(web), token="another", chat="9")
    with only_reader(bot_at(web)), only_reader(other):
        assert TOKEN not in str(list(tmp_path.iterdir()))
        with pytest.raises(AlreadyRuns, match=told), only_reader(replace(bot_at(web), chat="8")):
            pass
    with only_reader(bot_at(web)):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_bot_of_another_users_keeper_is_refused_in_one_sentence(web, monkeypatch):
    def denied(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("strongroom.keeper.remote.only_one", denied)
    with pytest.raises(AlreadyRuns, match="another user's keeper obeys"), only_reader(bot_at(web)):
        pass


def test_the_keeper_of_a_file_takes_its_bots_before_anything_else(tmp_path, monkeypatch):
    monkeypatch.setenv("BOT", TOKEN)
    section = NotifySection(kind="telegram", url="http://127.0.0.1:9", token_env="BOT", chat="7",
                            commands=True)  # fmt: skip
    (tmp_path / "keeper.toml").write_text(TEXT)
    config = in_mode(load(tmp_path / "keeper.toml"), "live").model_copy(
        update={"notify": (section,), "journal": f"sqlite:///{tmp_path / 'keeper.db'}"}
    )
    made = []
    monkeypatch.setattr(run, "make", lambda *_: made.append(1))
    (bot,) = channels_of(config.notify)
    with only_reader(bot), pytest.raises(AlreadyRuns, match="obeys the bot"), running(config):
        pass
    assert made == []


def test_that_somebody_else_reads_the_bot_reaches_a_person_once_an_hour(web, tmp_path):
    told, now = [], [0.0]
    remote = RemoteCommands(
        bot_at(web), str, tmp_path / "STOP", lambda event, fields: told.append(event),
        pause_s=0.001, clock=lambda: now[0],
    )  # fmt: skip
    web.fail = [409] * 10**6
    remote.start()
    until(lambda: told.count("remote_away") > 3)
    assert told.count("bot_shared") == 1
    now[0] = 3_600.0
    until(lambda: told.count("bot_shared") == 2)
    remote.close()
    assert "bot_shared" in WORTH


def test_two_sections_of_one_bot_are_refused(tmp_path):
    kind = 'kind = "telegram"\ntoken_env = "BOT"\nchat = "7"\ncommands = true\n'
    bot = f'[[notify]]\nname = "{{}}"\n{kind}'
    path = tmp_path / "keeper.toml"
    path.write_text(TEXT + bot.format("a") + bot.format("b"))
    with pytest.raises(ConfigError, match="two sections take commands of one bot"):
        load(path)
