"""The venue's CLOB and relayer over HTTP, asked in plain requests, each answer kept word for word.

The official clients would turn answers into errors of their own; a probe wants what was said.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httpx

from strongroom.chain.contracts import Key
from strongroom.chain.ending_line import EndingLine
from strongroom.chain.ids import Json, JsonObject, read_json, to_hex
from strongroom.chain.whole_answers import WholeAnswers
from strongroom.probe.report import ProbeOutcome, Words
from strongroom.signing.keys import sign_hash
from strongroom.signing.venue_requests import (
    Credentials,
    builder_headers,
    clob_auth_digest,
    request_proof,
)

TIMEOUT_S = 30.0
SHOWN = 200  # characters of an answer in a sentence
SECRET = "(a key, not shown)"
AWAY = frozenset({0, 408, 425, 429})  # and 5xx
# A refusal with one of these words is about something else than what a probe asks.
_OTHER_REASONS = re.compile(
    "allowance|balance|busy|in-flight|nonce|deadline|expir|timestamp|simulation|deployed|tick|"
    "minimum|lower than|crosses|post-only|cancel-only|disabled|restart|not yet ready|closed|"
    "orderbook|paused|region|geo|duplicate|payload|request body|malformed|missing",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Reply:
    """An answer, or that there was none."""

    words: Words

    @property
    def taken(self) -> bool:
        """Whether the service did what it was asked: orders are refused by a 200, too."""
        return 200 <= self.words.status < 300 and self.field("success") != "False"

    def field(self, name: str) -> str:
        """Return a field of a JSON object as text; empty: there is none."""
        try:
            found = read_json(self.words.body)
        except ValueError:
            return ""
        value = found.get(name) if isinstance(found, dict) else None
        return "" if value is None else str(value)

    @property
    def said(self) -> str:
        """The answer in a line."""
        return f"{self.words.status} {self.words.body[:SHOWN]}".strip()

    def outcome(self, of_key: bool = False) -> ProbeOutcome:
        """Return what the answer says.

        Args:
            of_key: the question is about the API key itself, which was good before
        """
        status = self.words.status
        if status in AWAY or status >= 500:
            return ProbeOutcome.AWAY
        if self.taken:
            return ProbeOutcome.TAKEN
        if status == 401:
            return ProbeOutcome.REFUSED if of_key else ProbeOutcome.UNCLEAR
        return (
            ProbeOutcome.UNCLEAR if _OTHER_REASONS.search(self.words.body) else ProbeOutcome.REFUSED
        )


@dataclass(frozen=True)
class ApiUser:
    """Somebody with an API key of the CLOB."""

    key: Key
    credentials: Credentials


class VenueServices:
    """CLOB and relayer; `said` is all that they have said."""

    def __init__(
        self,
        clob_url: str,
        relayer_url: str,
        chain_id: int,
        clock: Callable[[], float],
        http: httpx.Client | None = None,
    ) -> None:
        self.clob_url, self._relayer_url = clob_url.rstrip("/"), relayer_url.rstrip("/")
        self._chain_id, self._clock = chain_id, clock
        whole = WholeAnswers(EndingLine(), TIMEOUT_S)
        self._http = http or httpx.Client(transport=whole, timeout=TIMEOUT_S)
        self.said: list[Words] = []
        self._builder: Credentials | None = None

    def close(self) -> None:
        """Close connections."""
        self._http.close()

    # keys

    def log_in(self, key: Key) -> tuple[ApiUser | None, Reply]:
        """Make somebody's API key, or get the one that was made before; None: the answer says
        why not."""
        made = self._first_level("POST", "/auth/api-key", key)
        if not made.taken:
            made = self._first_level("GET", "/auth/derive-api-key", key)
        credentials = Credentials(
            *(made.field(each) for each in ("apiKey", "secret", "passphrase"))
        )
        user = ApiUser(key, credentials) if made.taken and credentials.secret else None
        return user, self._kept(made, secret=made.taken)

    def make_builder_key(self, user: ApiUser) -> Reply:
        """Make the key by which the relayer knows us."""
        made = self._second_level("POST", "/auth/builder-api-key", user)
        if made.taken:
            self._builder = Credentials(
                *(made.field(each) for each in ("key", "secret", "passphrase"))
            )
        return self._kept(made, secret=made.taken)

    def end_builder_key(self) -> Reply | None:
        """Revoke it; None: there is none."""
        if self._builder is None:
            return None
        path = "/auth/builder-api-key"
        headers = builder_headers(self._builder, self._now(), "DELETE", path)
        self._builder = None
        return self._kept(self._send("DELETE", self.clob_url, path, headers))

    # requests

    def ask(self, method: str, path: str, user: ApiUser | None = None, body: Json = None) -> Reply:
        """Ask the CLOB, as somebody or as anybody."""
        if user is None:
            return self._kept(self._send(method, self.clob_url, path, {}, body))
        return self._kept(self._second_level(method, path, user, body))

    def submit(self, body: JsonObject) -> Reply:
        """Hand something to the relayer."""
        headers: Mapping[str, str] = {}
        if self._builder is not None:
            text = _text(body)
            headers = builder_headers(self._builder, self._now(), "POST", "/submit", text)
        return self._kept(self._send("POST", self._relayer_url, "/submit", headers, body))

    def action(self, name: str) -> Reply:
        """Return how something that the relayer took stands; not kept."""
        return self._send("GET", self._relayer_url, f"/v1/account/transactions/{name}", {})

    def keep(self, reply: Reply) -> Reply:
        """Keep an answer of `action`."""
        return self._kept(reply)

    def _first_level(self, method: str, path: str, key: Key) -> Reply:
        now = self._now()
        digest = clob_auth_digest(key.address, now, 0, self._chain_id)
        headers = {
            "POLY_ADDRESS": key.address,
            "POLY_NONCE": "0",
            "POLY_SIGNATURE": to_hex(sign_hash(key.account, digest)),
            "POLY_TIMESTAMP": str(now),
        }
        return self._send(method, self.clob_url, path, headers)

    def _second_level(self, method: str, path: str, user: ApiUser, body: Json = None) -> Reply:
        now, key = self._now(), user.credentials
        signed = path.split("?")[0]
        headers = {
            "POLY_ADDRESS": user.key.address,
            "POLY_API_KEY": key.key,
            "POLY_PASSPHRASE": key.passphrase,
            "POLY_SIGNATURE": request_proof(key.secret, now, method, signed, _text(body)),
            "POLY_TIMESTAMP": str(now),
        }
        return self._send(method, self.clob_url, path, headers, body)

    def _send(
        self, method: str, base: str, path: str, headers: Mapping[str, str], body: Json = None
    ) -> Reply:
        asked = f"{method} {path}"
        given = {**headers, "Content-Type": "application/json"} if body is not None else headers
        try:
            answer = self._http.request(
                method, f"{base}{path}", headers=given, content=_text(body) or None
            )
        except httpx.HTTPError as error:
            return Reply(Words(asked, 0, f"{type(error).__name__}: {error}"))
        return Reply(Words(asked, answer.status_code, answer.text))

    def _kept(self, reply: Reply, secret: bool = False) -> Reply:
        words = reply.words
        self.said.append(Words(words.request, words.status, SECRET) if secret else words)
        return reply

    def _now(self) -> int:
        return int(self._clock())


def _text(body: Json) -> str:
    return "" if body is None else json.dumps(body, separators=(",", ":"))
