"""The ways to a person: a webhook, e-mail, a bot of a chat. Errors name no URL: it may hold a
token."""

import hashlib
import os
import smtplib
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path

import httpx

from strongroom.chain.ids import Json
from strongroom.foreign_text import chat_text, page_words
from strongroom.keeper.alerts import Channel, NotTold, Severity
from strongroom.keeper.configuration import NotifySection
from strongroom.settings import ConfigError

TIMEOUT_S = 10.0
POLL_S = 20  # that a bot's service may hold a request open
MOST_TEXT = 4_000  # characters that chats take in one message


class ReadByAnother(NotTold):
    """A second reader asks for what is written to a bot: each message reaches one of the two."""


@dataclass(frozen=True)
class Webhook:
    """Posts JSON with the message under one key: `text` for most chats, `content` for others."""

    name: str
    least: Severity
    url: str = field(repr=False)
    key: str = "text"

    def send(self, severity: Severity, text: str) -> None:
        """Post it."""
        body = {self.key: chat_text(_shown(severity, text)), "severity": severity.name.lower()}
        with _web():
            httpx.post(self.url, json=body, timeout=TIMEOUT_S).raise_for_status()


@dataclass(frozen=True)
class Mail:
    """Sends e-mail by SMTP."""

    name: str
    least: Severity
    host: str
    port: int
    sender: str
    to: tuple[str, ...]
    user: str = ""
    password: str = field(default="", repr=False)
    security: str = "starttls"  # or tls, none

    def send(self, severity: Severity, text: str) -> None:
        """Send it."""
        mail = EmailMessage()
        mail["From"], mail["To"] = self.sender, ", ".join(self.to)
        mail["Subject"] = _shown(severity, " ".join(text.split()))[:120]
        mail.set_content(text)
        try:
            with self._open() as server:
                if self.security == "starttls":
                    server.starttls(context=ssl.create_default_context())
                if self.user:
                    server.login(self.user, self.password)
                server.send_message(mail)
        except (OSError, UnicodeError, smtplib.SMTPException) as error:
            raise NotTold(f"the mail server does not take it ({type(error).__name__})") from error

    def _open(self) -> smtplib.SMTP:
        if self.security == "tls":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(self.host, self.port, timeout=TIMEOUT_S, context=context)
        return smtplib.SMTP(self.host, self.port, timeout=TIMEOUT_S)


@dataclass(frozen=True)
class Said:
    """What somebody has written to a bot; `chat` is empty where it is no message."""

    number: int
    chat: str
    text: str


@dataclass(frozen=True)
class Bot:
    """A bot of Telegram, or of a service with its API: `sendMessage` and `getUpdates`."""

    name: str
    least: Severity
    url: str
    token: str = field(repr=False)
    chat: str

    @property
    def lock(self) -> Path:
        """What a keeper of this machine holds while it reads the bot; the name tells no token."""
        digest = hashlib.sha256(f"{self.url} {self.token}".encode()).hexdigest()
        return Path(tempfile.gettempdir()) / f"strongroom-bot-{digest[:32]}.lock"

    def send(self, severity: Severity, text: str) -> None:
        """Write it into the chat."""
        shown = chat_text(_shown(severity, text))[:MOST_TEXT]
        body: dict[str, Json] = {"chat_id": self.chat, "text": shown}
        self._ask("sendMessage", body)

    def said_after(self, number: int) -> list[Said]:
        """Return what was written after a message; waits for a moment where there is nothing.

        Raises:
            ReadByAnother: somebody else reads this bot.
            NotTold: the service does not answer.
        """
        found = self._ask("getUpdates", {"offset": number + 1, "timeout": POLL_S})
        said = []
        for each in found if isinstance(found, list) else ():
            message = each.get("message") if isinstance(each, dict) else None
            message = message if isinstance(message, dict) else {}
            chat = message.get("chat")
            who = chat.get("id", "") if isinstance(chat, dict) else ""
            count = each.get("update_id") if isinstance(each, dict) else None
            if isinstance(count, int):
                said.append(Said(count, str(who), str(message.get("text", ""))))
        return said

    def _ask(self, method: str, body: dict[str, Json]) -> Json:
        with _web():
            answer = httpx.post(
                f"{self.url}/bot{self.token}/{method}", json=body, timeout=TIMEOUT_S + POLL_S
            )
            answer.raise_for_status()
        found = _json(answer)
        if not isinstance(found, dict) or found.get("ok") is not True:
            raise NotTold("the bot's service says no")
        result: Json = found.get("result")
        return result


def try_each(sections: tuple[NotifySection, ...], text: str) -> dict[str, str]:
    """Send a message of the highest severity to each channel, once; return by channel why it did
    not take it, empty: it did. One without its secret, or with a defect, keeps no other from it.

    Raises:
        ConfigError: there is no channel.
    """
    if not sections:
        raise ConfigError("[notify] there is none: nobody would be told of anything")
    found = {}
    for number, each in enumerate(sections):
        name = _name(number, each)
        try:
            _channel(number, each).send(Severity.CRITICAL, text)
            found[name] = ""
        except (NotTold, ConfigError) as error:
            found[name] = str(error)
        except Exception as error:  # the border of a channel: a defect of one silences no other
            found[name] = type(error).__name__
    return found


def channels_of(sections: tuple[NotifySection, ...]) -> list[Channel]:
    """Return the channels of a keeper's file.

    Raises:
        ConfigError: a variable with a secret is not set.
    """
    return [_channel(number, each) for number, each in enumerate(sections)]


def _name(number: int, section: NotifySection) -> str:
    return section.name or f"{section.kind} {number}"


def _channel(number: int, section: NotifySection) -> Channel:
    least, name = Severity[section.least.upper()], _name(number, section)
    if section.kind == "webhook":
        url = section.url or _secret(number, section.url_env)
        return Webhook(name, least, url, section.key)
    if section.kind == "email":
        password = _secret(number, section.password_env) if section.user else ""
        return Mail(
            name, least, section.host, section.port, section.sender, section.to, section.user,
            password, section.security,
        )  # fmt: skip
    token = _secret(number, section.token_env)
    return Bot(name, least, section.url.rstrip("/"), token, section.chat)


def _secret(number: int, variable: str) -> str:
    found = os.environ.get(variable, "")
    if not found:
        raise ConfigError(f"[notify.{number}] set {variable or 'the variable'}: it is not set")
    return found


def _shown(severity: Severity, text: str) -> str:
    return text if severity == Severity.INFO else f"[{severity.name}] {text}"


def _json(answer: httpx.Response) -> Json:
    try:
        found: Json = answer.json()
    except ValueError as error:
        shown = page_words(answer.text[:MOST_TEXT])
        raise NotTold(f"it answers no JSON, but {shown!r}: is the url the service's?") from error
    return found


@contextmanager
def _web() -> Iterator[None]:
    try:
        yield
    except httpx.HTTPStatusError as error:
        if error.response.status_code == httpx.codes.CONFLICT:  # as bots' services say it
            raise ReadByAnother("somebody else reads this bot: give each keeper its own") from error
        raise NotTold(f"it answers {error.response.status_code}") from error
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise NotTold(f"it does not answer ({type(error).__name__})") from error
