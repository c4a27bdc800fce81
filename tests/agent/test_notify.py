"""Messages to a person and words back, over real sockets: an HTTP server, an SMTP server
(aiosmtpd), and a server with the shapes of Telegram's bot API as its documentation has them."""

import json
import threading
import time
from dataclasses import replace
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from click.testing import CliRunner
from strongroom.chain.anvil import free_port
from strongroom.cli.main import command
from strongroom.keeper import channels
from strongroom.keeper.alerts import HALTS, WORTH, Alerts, NotTold, Severity
from strongroom.keeper.channels import Bot, Mail, Webhook, channels_of
from strongroom.keeper.configuration import NotifySection, load
from strongroom.keeper.metrics import Metrics
from strongroom.keeper.remote import KNOWN, RemoteCommands
from strongroom.keeper.run import _remotes
from strongroom.settings import ConfigError

from tests.agent.test_configuration import TEXT

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
TOKEN, CHAT = "12:secret-of-bot", "77"
QUICK = (0.01, 0.01)


class Web:
    """A server that keeps what it is sent; the first requests to a path may fail."""

    def __init__(self):
        self.heard, self.fail, self.answers = [], [], {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status = outer.fail.pop(0) if outer.fail else 200
                if status == 200:
                    outer.heard.append((self.path, body))
                answer = json.dumps(outer.answers.get(self.path, {"ok": True, "result": []}))
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer.encode())

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def web():
    found = Web()
    yield found
    found.server.shutdown()


def until(what, seconds=10):
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_message_goes_to_each_channel_and_a_dead_one_holds_nobody_up(web):
    lost = []
    channels = [
        Webhook("dead", Severity.INFO, "http://127.0.0.1:9"),
        Webhook("chat", Severity.INFO, f"{web.url}/chat"),
        Webhook("other", Severity.INFO, f"{web.url}/other", "content"),
    ]
    alerts = Alerts(channels, "0xvault", lambda *told: lost.append(told), QUICK)
    start = time.monotonic()
    alerts("decided", {"question": "not worth it"})
    alerts("halted", {"what": "clock", "why": "off"})
    assert time.monotonic() - start < 1
    alerts.close()
    text = "Strongroom 0xvault: stopped deciding: clock: off"
    assert sorted(web.heard) == [
        ("/chat", {"text": f"[WARNING] {text}", "severity": "warning"}),
        ("/other", {"content": f"[WARNING] {text}", "severity": "warning"}),
    ]
    assert lost == [("dead", text, "it does not answer (ConnectError)")]


def test_what_fails_is_tried_again_in_order_and_then_given_up(web):
    lost = []
    alerts = Alerts(
        [Webhook("chat", Severity.INFO, web.url)], "v", lambda *told: lost.append(told), QUICK
    )
    web.fail = [500, 503]
    alerts("started", {"vault": "v", "mode": "live"})
    alerts("goes_on", {"what": "clock"})
    until(lambda: len(web.heard) == 2)
    assert [body["text"] for _, body in web.heard] == [
        "Strongroom v: the keeper of v has started (live)",
        "Strongroom v: decides again: clock is over",
    ]
    web.fail = [500] * 3
    alerts("goes_on", {"what": "lost"})
    alerts("goes_on", {"what": "found"})
    alerts.close()
    assert lost == [("chat", "Strongroom v: decides again: lost is over", "it answers 500")]
    assert "found" in web.heard[-1][1]["text"]


def test_each_channel_has_its_least_severity_and_halts_have_theirs(web):
    paths = [(f"/{each.name.lower()}", each) for each in Severity]
    channels = [Webhook(path, least, web.url + path) for path, least in paths]
    alerts = Alerts(channels, "v", pauses_s=QUICK)
    for what in ("clock", "defect", "signers", "journal", "stop", "restored"):
        alerts("halted", {"what": what, "why": ""})
    alerts("nav_differs", {})
    alerts.close()
    counts = {path: [each for each, _ in web.heard].count(path) for path, _ in paths}
    assert counts == {"/info": 7, "/warning": 5, "/critical": 4}
    assert set(HALTS.values()) == {Severity.INFO, Severity.CRITICAL}


def test_a_channel_that_fails_in_an_unforeseen_way_is_told_of_too():
    lost, sent = [], []

    def send(severity, text):
        sent.append(text)
        if len(sent) <= 3:
            raise RuntimeError("odd")

    channel = SimpleNamespace(name="odd", least=Severity.INFO, send=send)
    alerts = Alerts([channel], "v", lambda *told: lost.append(told), QUICK)
    alerts("goes_on", {"what": "one"})
    alerts("goes_on", {"what": "two"})
    alerts.close()
    assert [(name, why) for name, _, why in lost] == [("odd", "RuntimeError")]
    assert sent[-1].endswith("two is over")


class Kept:
    """What an SMTP server has taken; `answer` refuses."""

    def __init__(self):
        self.mails, self.answer = [], "250 taken"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - its name there
        if self.answer.startswith("250"):
            mail = message_from_bytes(envelope.content, policy=policy.default)
            self.mails.append((session.auth_data, envelope.mail_from, envelope.rcpt_tos, mail))
        return self.answer


@pytest.fixture
def smtp():
    def judge(server, session, envelope, mechanism, data):
        right = (data.login, data.password) == (b"keeper", b"open sesame")
        return AuthResult(success=right, handled=False, auth_data=data.login)

    kept = Kept()
    controller = Controller(
        kept, hostname="127.0.0.1", port=free_port(), authenticator=judge, auth_required=True,
        auth_require_tls=False,
    )  # fmt: skip
    controller.start()
    kept.port = controller.port
    yield kept
    controller.stop()


def mail_to(port, password="open sesame"):
    to = ("me@there.example", "you@there.example")
    return Mail(
        "mail", Severity.INFO, "127.0.0.1", port, "keeper@here.example", to, "keeper", password,
        "none",
    )  # fmt: skip


def test_mail_arrives_with_subject_and_text(smtp):
    text = "Strongroom 0xvault: failed and stopped: Ünlucky\nsecond line"
    mail_to(smtp.port).send(Severity.CRITICAL, text)
    ((login, sender, to, mail),) = smtp.mails
    assert login == b"keeper" and sender == "keeper@here.example"
    assert to == ["me@there.example", "you@there.example"]
    assert mail["Subject"] == f"[CRITICAL] {' '.join(text.split())}"
    assert mail.get_content().splitlines() == text.splitlines()


def test_mail_that_is_not_taken_is_not_told_and_no_secret_leaks(smtp):
    with pytest.raises(NotTold, match="SMTPAuthenticationError") as refused:
        mail_to(smtp.port, "wrong one").send(Severity.INFO, "x")
    assert "wrong one" not in str(refused.value) + repr(mail_to(1, "wrong one"))
    smtp.answer = "451 later"
    with pytest.raises(NotTold, match="SMTPDataError"):
        mail_to(smtp.port).send(Severity.INFO, "x")
    with pytest.raises(NotTold, match="SMTPNotSupportedError"):  # rather none than in the clear
        replace(mail_to(smtp.port), security="starttls").send(Severity.INFO, "x")
    with pytest.raises(NotTold, match="ConnectionRefusedError"):
        mail_to(9).send(Severity.INFO, "x")
    with pytest.raises(NotTold, match="UnicodeEncodeError"):  # a password that SMTP cannot carry
        mail_to(smtp.port, "pässwörd").send(Severity.INFO, "x")


def test_a_defect_of_one_channel_keeps_no_other_from_a_message(web, monkeypatch):
    class Broken:
        def send(self, severity, text):
            raise RuntimeError("a defect")

    class Whole:
        def send(self, severity, text):
            taken.append(text)

    taken, made = [], [Broken(), Whole()]
    monkeypatch.setattr(channels, "_channel", lambda number, section: made[number])
    sections = tuple(NotifySection(kind="webhook", name=each, url=web.url) for each in ("a", "b"))
    assert channels.try_each(sections, "pause") == {"a": "RuntimeError", "b": ""}
    assert taken == ["pause"]


def bot_at(web):
    return Bot("bot", Severity.INFO, web.url, TOKEN, CHAT)


def message(number, text, chat=77):
    """As getUpdates has it."""
    return {"update_id": number, "message": {"chat": {"id": chat, "type": "private"}, "text": text}}


def test_a_bot_writes_into_its_chat_and_its_token_is_no_word_of_ours(web):
    bot_at(web).send(Severity.WARNING, "x" * 5_000)
    ((path, body),) = web.heard
    assert path == f"/bot{TOKEN}/sendMessage" and body["chat_id"] == CHAT
    assert body["text"].startswith("[WARNING] x") and len(body["text"]) == 4_000
    web.answers[path] = {"ok": False, "error_code": 400, "description": "chat not found"}
    with pytest.raises(NotTold, match="says no"):
        bot_at(web).send(Severity.INFO, "x")
    web.fail = [429]
    with pytest.raises(NotTold, match="answers 429") as refused:
        bot_at(web).send(Severity.INFO, "x")
    assert TOKEN not in str(refused.value) + repr(bot_at(web))


def test_status_and_stop_are_all_that_a_chat_can_say(web, tmp_path):
    told, stop = [], tmp_path / "STOP"
    said = f"/bot{TOKEN}/getUpdates"
    remote = RemoteCommands(
        bot_at(web), lambda: "all is well", stop, lambda event, fields: told.append((event, fields))
    )
    web.answers[said] = {
        "ok": True,
        "result": [
            message(5, "/status"), message(6, "Status@strongroom_bot"), message(7, "go on"),
            message(8, "/start"), message(9, "/stop", chat=78), {"update_id": 10}, "odd",
            {"update_id": 11, "edited_message": {"chat": {"id": 77}, "text": "/stop"}},
        ],
    }  # fmt: skip
    remote.listen_once()
    answers = [body["text"] for path, body in web.heard if path.endswith("sendMessage")]
    assert answers == ["all is well", "all is well", KNOWN, KNOWN] and not stop.exists()
    foreign = [fields["who"] for event, fields in told if event == "foreign_command"]
    assert foreign == ["chat 78"]
    web.answers[said] = {"ok": True, "result": [message(12, "/stop")]}
    remote.listen_once()
    asked = [body["offset"] for path, body in web.heard if path == said]
    assert asked == [0, 12]
    assert stop.exists() and web.heard[-1][1]["text"].startswith("Nothing new is decided")
    assert ("stop_asked", {"who": "chat 77", "why": "stop"}) in told
    web.fail = [502]
    with pytest.raises(NotTold):
        remote.listen_once()


def test_a_bot_that_somebody_else_reads_is_said_to_be_so(web):
    web.fail = [409]  # what Telegram answers a second reader of one bot
    with pytest.raises(NotTold, match="give each keeper its own"):
        bot_at(web).said_after(-1)


MARKUP = {  # what a market's question may be -> what no chat takes for more than words
    "<!channel> <@U1|x> <https://evil.example|pay here>": ("<", ">", "@", "|", "://"),  # Slack
    "@everyone @here <@&1> [pay](https://evil.example)": ("@", "<", "](", "://"),  # Discord
    "||hidden|| ~~struck~~ **loud** `code`": ("||", "~~", "**", "`"),
    "@admin [inline](tg://user?id=1)": ("@", "](", "://"),  # Telegram
}


@pytest.mark.parametrize("question", MARKUP)
def test_a_strangers_question_is_nothing_but_words_in_a_chat(web, question):
    hook = Webhook("chat", Severity.INFO, f"{web.url}/chat")
    alerts = Alerts([hook, bot_at(web)], "v", lambda *told: None, QUICK)
    alerts("asked", {"question": question, "until": "12:00", "legs": "-", "decision": "0x1"})
    alerts.close()
    assert len(web.heard) == 2
    for _, body in web.heard:
        for mark in MARKUP[question]:
            assert mark not in body["text"], mark
        assert "[WARNING] Strongroom v: asks for a yes until 12:00" in body["text"]


def test_a_bot_says_of_which_vault_it_speaks(tmp_path, monkeypatch):
    monkeypatch.setenv("BOT", TOKEN)
    section = NotifySection(kind="telegram", url="http://127.0.0.1:9", token_env="BOT", chat="7",
                            commands=True)  # fmt: skip
    (tmp_path / "keeper.toml").write_text(TEXT.replace('mode = "paper"', 'mode = "live"', 1))
    config = load(tmp_path / "keeper.toml").model_copy(update={"notify": (section,)})
    (remote,) = _remotes(config, channels_of(config.notify), Metrics(), lambda *told: None)
    assert remote.status().splitlines()[0] == f"Strongroom {config.vault}:"


def strangers(first, count, chat=lambda number: 78):
    """Messages from chats that are not ours."""
    return [message(first + n, "hi", chat(n)) for n in range(count)]


def test_strangers_are_told_of_once_an_hour_and_a_few_alone(web, tmp_path):
    told, now = [], [0.0]
    remote = RemoteCommands(
        bot_at(web), str, tmp_path / "STOP", lambda event, fields: told.append(fields["who"]),
        clock=lambda: now[0],
    )  # fmt: skip
    said = f"/bot{TOKEN}/getUpdates"
    web.answers[said] = {"ok": True, "result": strangers(0, 1_500)}
    remote.listen_once()
    assert told == ["chat 78"]
    now[0] = 3_599.0
    web.answers[said] = {"ok": True, "result": strangers(2_000, 500, lambda n: 100 + n)}
    remote.listen_once()
    assert told == ["chat 78", *(f"chat {100 + n}" for n in range(9))]
    now[0] = 3_600.0
    web.answers[said] = {"ok": True, "result": strangers(3_000, 9)}
    remote.listen_once()
    assert told[10:] == ["chat 78"]


class Held:
    """A channel that takes its first message only when it is let go."""

    name, least = "held", Severity.INFO

    def __init__(self, fails=0):
        self.begun, self.go, self.sent, self.fails = threading.Event(), threading.Event(), [], fails

    def send(self, severity, text):
        self.begun.set()
        assert self.go.wait(30)
        if self.fails:
            self.fails -= 1
            raise NotTold("away")
        self.sent.append((severity, text.partition(": ")[2]))


def test_the_critical_goes_first_and_pushes_out_the_least_urgent(monkeypatch):
    """1,500 messages of strangers stood before it; the critical one was not sent at all."""
    monkeypatch.setattr("strongroom.keeper.alerts.MOST", 3)
    lost, held = [], Held()
    alerts = Alerts([held], "v", lambda *told: lost.append(told))
    alerts("goes_on", {"what": "the first"})
    assert held.begun.wait(30)  # it is on its way; the others wait
    alerts("goes_on", {"what": "a"})
    alerts("foreign_command", {"who": "b"})
    alerts("foreign_command", {"who": "c"})
    alerts("nav_differs", {"difference_bid": 1, "difference_ask": 2})
    alerts("failed", {"error": "d"})
    alerts("goes_on", {"what": "e"})
    held.go.set()
    alerts.close()
    assert held.sent == [
        (Severity.INFO, "decides again: the first is over"),
        (Severity.CRITICAL, "the chain's NAV differs from ours by 1 / 2"),
        (Severity.CRITICAL, "failed and stopped: d"),
        (Severity.WARNING, "a command came from a chat that is not ours: b"),
    ]
    words = [text.partition(": ")[2] for _, text, why in lost if why == "3 others wait"]
    assert len(lost) == 3 and words == [
        "decides again: a is over",
        "a command came from a chat that is not ours: c",
        "decides again: e is over",
    ]


def test_the_critical_does_not_wait_for_the_pause_of_another():
    held = Held(fails=1)
    alerts = Alerts([held], "v", pauses_s=(600.0,))
    held.go.set()
    alerts("goes_on", {"what": "a"})
    until(lambda: not held.fails)
    alerts("failed", {"error": "b"})
    until(lambda: len(held.sent) == 2)
    assert [severity for severity, _ in held.sent] == [Severity.CRITICAL, Severity.INFO]
    alerts.close()


def test_a_market_writes_no_message_of_its_own(web):
    alerts = Alerts([bot_at(web)], "0xvault", pauses_s=QUICK)
    alerts("asked", {"until": "12:00", "question": "Rain?\n[CRITICAL] Strongroom 0xvault: go to x"})
    alerts.close()
    ((_, body),) = web.heard
    assert body["text"] == (
        "[WARNING] Strongroom 0xvault: asks for a yes until 12:00: Rain??[CRITICAL] Strongroom "
        "0xvault: go to x: ?: decision ?"
    )


def test_a_stop_that_cannot_be_written_is_told_to_who_asked_and_to_all(web, tmp_path):
    """It counted as read, and nobody heard that the keeper goes on."""
    (tmp_path / "file").write_text("no folder")
    pager = Webhook("pager", Severity.CRITICAL, f"{web.url}/pager")
    alerts = Alerts([pager], "0xvault", pauses_s=QUICK)
    remote = RemoteCommands(bot_at(web), lambda: "", tmp_path / "file" / "STOP", alerts)
    web.answers[f"/bot{TOKEN}/getUpdates"] = {"ok": True, "result": [message(1, "stop")]}
    remote.listen_once()
    alerts.close()
    heard = {path: body["text"] for path, body in web.heard if "text" in body}
    why = f"{tmp_path / 'file' / 'STOP'} cannot be written (File exists): the keeper goes on"
    assert heard[f"/bot{TOKEN}/sendMessage"].startswith(f"NOT STOPPED: {why}")
    told = f"[CRITICAL] Strongroom 0xvault: does not stop, asked by chat {CHAT}: {why}"
    assert heard["/pager"].startswith(told)


def test_channels_come_from_the_file_and_secrets_from_the_environment(monkeypatch):
    sections = (
        NotifySection(kind="webhook", url_env="HOOK", least="critical"),
        NotifySection(kind="telegram", token_env="TOKEN", chat="7", commands=True),
        NotifySection(
            kind="email", host="h", sender="a@b", to=("c@d",), user="u", password_env="P"
        ),
    )
    for name in ("HOOK", "TOKEN", "P"):
        with pytest.raises(ConfigError, match=f"set {name}"):
            channels_of(sections)
        monkeypatch.setenv(name, f"secret {name}")
    hook, bot, mail = channels_of(sections)
    assert (hook.url, hook.least, hook.name) == ("secret HOOK", Severity.CRITICAL, "webhook 0")
    assert (bot.url, bot.token) == ("https://api.telegram.org", "secret TOKEN")
    assert (mail.port, mail.security, mail.password) == (587, "starttls", "secret P")


def test_status_says_what_is_not_known():
    text = Metrics().in_words()
    assert "no tick has ended yet" in text and "NAV unknown" in text
    assert set(WORTH) >= {"stop_asked", "foreign_command", "halted"}


def test_at_the_end_nothing_waits_long_and_what_was_not_sent_is_named(monkeypatch):
    monkeypatch.setattr("strongroom.keeper.alerts.LEAVE_S", 0.2)
    lost = []
    dead = [Webhook(f"dead {n}", Severity.INFO, "http://127.0.0.1:9") for n in range(4)]
    alerts = Alerts(dead, "v", lambda *told: lost.append(told), (600.0,))
    for what in ("one", "two"):
        alerts("goes_on", {"what": what})
    start = time.monotonic()
    alerts.close()
    assert time.monotonic() - start < 3
    assert sorted((name, text[-11:]) for name, text, _ in lost) == sorted(
        (each.name, f"{what} is over") for each in dead for what in ("one", "two")
    )


def test_the_command_tries_each_way(web, tmp_path):
    path = tmp_path / "keeper.toml"
    more = '\n[[notify]]\nkind = "webhook"\nname = "dead"\nurl = "http://127.0.0.1:9"\n'
    path.write_text(TEXT.replace("http://127.0.0.1:9999/chat", f"{web.url}/chat") + more)
    done = CliRunner().invoke(command, ["keeper", "try-notify", str(path)])
    assert done.exit_code == 2
    assert done.output.splitlines() == [
        "webhook 0: taken", "dead: it does not answer (ConnectError)",
    ]  # fmt: skip
    ((where, body),) = web.heard
    assert where == "/chat" and "a trial, nothing has happened" in body["text"]
    unit = "strongroom-backup.service"
    bot = '\n[[notify]]\nkind = "telegram"\ntoken_env = "NOT_SET"\nchat = "7"\n'
    known = TEXT.replace("http://127.0.0.1:9999/chat", f"{web.url}/chat")
    path.write_text(known.replace("\n[[notify]]", f"{bot}\n[[notify]]", 1))
    done = CliRunner().invoke(command, ["keeper", "try-notify", str(path), "--failed", unit])
    assert done.exit_code == 2 and done.output.splitlines() == [
        "telegram 0: [notify.0] set NOT_SET: it is not set", "webhook 1: taken",
    ]  # fmt: skip
    assert web.heard[-1][1]["text"].endswith(f": {unit} has failed")
    path.write_text(known + more)
    CliRunner().invoke(command, ["keeper", "try-notify", str(path), "--failed", unit])
    _, body = web.heard[-1]
    assert body["text"].endswith(": strongroom-backup.service has failed")
    assert body["severity"] == "critical"
    path.write_text(TEXT[: TEXT.index("[[notify]]")])
    done = CliRunner().invoke(command, ["keeper", "try-notify", str(path)])
    assert done.exit_code == 2 and "nobody would be told" in done.output
