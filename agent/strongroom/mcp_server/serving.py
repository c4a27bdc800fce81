"""The server as a command runs it: over HTTP on a port of this machine, each client with a token;
or over a pipe, for the program that starts it."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mcp.server import MCPServer
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import AccessToken
from mcp.server.transport_security import TransportSecuritySettings
from starlette.responses import PlainTextResponse

from strongroom.app_server import MOST_BODY, ServedKeeper, app_server
from strongroom.errors import Refused
from strongroom.keeper.configuration import Config, load
from strongroom.mcp_server.call_log import CallLog, call_line
from strongroom.mcp_server.proposing import proposing_tools
from strongroom.mcp_server.reading import VaultReadings
from strongroom.mcp_server.server import HttpAuth, make_server, reading_tools
from strongroom.mcp_server.tokens import TokenDoor, ToolScope, audience_of
from strongroom.mcp_server.watching import CallWatch, ServedTool, ToolClient
from strongroom.rate_limit import RateLimit, RefusalCount, network_of
from strongroom.settings import ConfigError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

PATH = "/mcp"
HERE = ("127.0.0.1", "localhost", "[::1]")  # what this machine calls itself
LEAVE_S = 1  # at the end, for calls that are under way
TOKEN_ENV = "STRONGROOM_MCP_TOKEN"
PIPE = "pipe"  # the client's name over a pipe without a token
MEGABYTE = 1_024 * 1_024
NOBODY = ""  # whose token does not count


class NotLetIn(Refused):
    """The token of the environment is nobody's, another vault's, or over."""


@dataclass
class LoggedTokens:
    """The SDK's verifier: tokens by the file. Requests without one that counts are logged, together
    once a minute: a stranger does not push clients' lines out of the log."""

    door: TokenDoor
    log: CallLog
    clock: Callable[[], float]
    refused: RefusalCount

    async def verify_token(self, token: str) -> AccessToken | None:
        """Return whose token it is; None: it does not count."""
        try:
            found = self.door.find(token)
        except ConfigError:
            found = None
        if found is None:
            self._refuse()
            return None
        return AccessToken(
            token=found.number,  # what nobody can use
            client_id=found.client,
            scopes=[each.value for each in found.scopes],
            expires_at=found.expires,
            subject=found.number,
        )

    def _refuse(self) -> None:
        count = self.refused.add(NOBODY)
        if count:
            came = f"refused: {count} requests whose token does not count"
            self.log.write(call_line(int(self.clock()), NOBODY, "", "token", {}, came))


def client_of_request() -> ToolClient:
    """Return whose request this is, by its token; the SDK lets none through without."""
    found = get_access_token()
    if found is None:
        return ToolClient("", "", frozenset())
    return ToolClient(found.client_id, found.subject or "", frozenset(map(ToolScope, found.scopes)))


def client_of_pipe(door: TokenDoor) -> ToolClient:
    """Return who asks over a pipe: by the token in the environment, else a reader.

    Raises:
        NotLetIn: see the class.
    """
    token = os.environ.get(TOKEN_ENV)
    if token is None:
        return ToolClient(PIPE, "", frozenset({ToolScope.READ}))
    found = door.find(token)
    if found is None:
        raise NotLetIn(
            f"{TOKEN_ENV} is no token of this vault, or its time is over: make one with "
            "`strongroom mcp token`"
        )
    return ToolClient(found.client, found.number, frozenset(found.scopes))


def server_of(
    config: Config,
    mode: str | None,
    client: Callable[[], ToolClient],
    url: str | None,
    clock: Callable[[], float] = time.time,
) -> MCPServer:
    """Return the server of a keeper's file.

    Args:
        mode: instead of the file's
        client: says whose request it is
        url: over HTTP, its own; None: over a pipe

    Raises:
        ConfigError: there is no journal.
    """
    readings = VaultReadings.of(config, mode, clock)
    tools = [ServedTool(each, ToolScope.READ) for each in reading_tools(readings)]
    tools += proposing_tools(readings.looker.config, client, clock)
    log = CallLog(config.mcp.log, config.mcp.log_max_mb * MEGABYTE)
    rates, refused = RateLimit(config.mcp.calls_a_minute, time.monotonic), RefusalCount(clock)
    served = {each.tool.name: each for each in tools}
    watch = CallWatch(served, client, rates, log, clock, refused)
    auth = None
    if url is not None:
        auth = HttpAuth(LoggedTokens(door_of(config, clock), log, clock, refused), url)
    return make_server(readings, tools, watch, auth)


def door_of(config: Config, clock: Callable[[], float] = time.time) -> TokenDoor:
    """Return what says whose token it is."""
    return TokenDoor(config.mcp.tokens, audience_of(config.chain.chain_id, config.vault), clock)


def http_app(server: MCPServer, names: tuple[str, ...], a_minute: int) -> "ASGIApp":
    """Return the server over HTTP: a request knows no other, hosts are ours, no page may ask.

    Args:
        names: hosts, without port
        a_minute: requests of one address, whatever they hold
    """
    hosts = [each for name in names for each in (name, f"{name}:*")]
    app = server.streamable_http_app(
        streamable_http_path=PATH,
        json_response=True,
        stateless_http=True,
        max_request_body_size=MOST_BODY,
        transport_security=TransportSecuritySettings(allowed_hosts=hosts, allowed_origins=[]),
    )
    return OnlyCalls(app, RateLimit(a_minute, time.monotonic))


@dataclass(frozen=True)
class OnlyCalls:
    """The application for requests that call something: this server sends nothing of its own, so
    nobody needs to listen for it. No address asks too often, with or without a token."""

    app: "ASGIApp"
    rates: RateLimit

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Let a request through, or refuse it."""
        answer: ASGIApp = self.app
        if scope["type"] == "http":
            wait = self.rates.wait(network_of((scope.get("client") or ("",))[0]))
            if scope["method"] != "POST":
                answer = PlainTextResponse("ask by POST\n", 405, {"Allow": "POST"})
            if wait:
                again = {"Retry-After": str(int(wait) + 1)}
                answer = PlainTextResponse("too many requests: wait\n", 429, again)
        await answer(scope, receive, send)


def serve_http(options: ServedKeeper, say: Callable[[str], None]) -> None:
    """Serve over HTTP until SIGINT or SIGTERM.

    Raises:
        ConfigError: there is no journal, or the file cannot be used.
        OpenToOthers, PortInUse: see the classes.
    """
    with options.open() as (port, place):
        url = f"{place}{PATH}"
        config = load(options.config)
        server = server_of(config, options.mode, client_of_request, url)
        app = http_app(server, (*HERE, *options.names), config.mcp.requests_a_minute)
        say(f"{url} until Ctrl-C")
        if warning := options.warning("the tokens"):
            say(warning)
        app_server(app, LEAVE_S).run(sockets=[port])


def serve_pipe(options: ServedKeeper) -> None:
    """Serve over standard input and output until the other side ends.

    Raises:
        ConfigError: there is no journal, or the file cannot be used.
        NotLetIn: see the class.
    """
    config = load(options.config)
    client = client_of_pipe(door_of(config))
    server_of(config, options.mode, lambda: client, None).run("stdio")
