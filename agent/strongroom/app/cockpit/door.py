"""Who may come in: whoever has the token, from a page of this server, under a name that is its own.

The token is in the part of the link that a browser sends to nobody, and then in a header that only
the page itself can send. So no other page can use it, and no cookie goes to other servers of this
machine. A name that is not ours is refused: a foreign page whose name leads here (DNS rebinding)
has the foreign name.
"""

import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from strongroom.own_server import LOOPBACK

API = "/api/"
BEARER = "Bearer "
SAME = ("same-origin", "none")  # Sec-Fetch-Site: of this page, or typed by a person
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True)
class Door:
    """What lets in.

    Attributes:
        token: that the link has
        names: of this server, as browsers have them, without port
    """

    token: str
    names: frozenset[str]

    @classmethod
    def of(cls, token: str, names: Iterable[str] = ()) -> "Door":
        """Return the door of this machine, with further names that lead to it."""
        return cls(token, frozenset([*LOOPBACK, *(each.lower() for each in names)]))

    def refusal(self, path: str, headers: Headers) -> tuple[int, str] | None:
        """Return status and words of a refusal; None: it is let in."""
        if not self._is_ours(f"//{headers.get('host', '')}"):
            return 403, "this server has another name: open the link that the command printed"
        origin = headers.get("origin")
        if origin is not None and not self._is_same(origin, headers.get("host", "")):
            return 403, "another page asks: only the cockpit's own page may"
        if path.startswith(API):
            if headers.get("sec-fetch-site", SAME[0]) not in SAME:
                return 403, "another page asks: only the cockpit's own page may"
            given = headers.get("authorization", "").removeprefix(BEARER)
            if not hmac.compare_digest(given.encode(), self.token.encode()):
                return 401, "the token is not that of this run: open the link that it printed"
        return None

    def _is_ours(self, url: str) -> bool:
        try:
            return urlsplit(url).hostname in self.names
        except ValueError:
            return False

    def _is_same(self, origin: str, host: str) -> bool:
        """Whether a page's origin is the server that it asks, with its port."""
        return self._is_ours(origin) and origin.lower() in (
            f"http://{host}".lower(),
            f"https://{host}".lower(),
        )


@dataclass(frozen=True)
class Guarded:
    """An application behind the door; every answer has the headers."""

    inside: ASGIApp
    door: Door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or refuse it."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.inside(scope, receive, send)
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        refused = self.door.refusal(scope["path"], Headers(scope=scope))
        if refused is None:
            await self.inside(scope, receive, answer)
            return
        status, words = refused
        body = json.dumps({"error": words}).encode()
        headers = [(b"content-type", b"application/json")]
        await answer({"type": "http.response.start", "status": status, "headers": headers})
        await answer({"type": "http.response.body", "body": body})
