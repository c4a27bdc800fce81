"""The server as a command runs it: over HTTP on a port of this machine, each client with a token;
or over a pipe, for the program that starts it."""

import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from mcp.server import MCPServer
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import AccessToken
from mcp.server.transport_security import TransportSecuritySettings

from strongroom.app.serving import PortInUse
from strongroom.errors import BadInput, Refused
from strongroom.keeper.configuration import Config, load
from strongroom.mcp_server.call_log import CallLog, call_line
from strongroom.mcp_server.proposing import proposing_tools
from strongroom.mcp_server.reading import VaultReadings
from strongroom.mcp_server.server import HttpAuth, make_server, reading_tools
from strongroom.mcp_server.tokens import TokenDoor, ToolScope, audience_of
from strongroom.mcp_server.watching import CallWatch, ServedTool, ToolClient
from strongroom.own_server import LOOPBACK
from strongroom.rate_limit import RateLimit, RefusalCount
from strongroom.settings import ConfigError

if TYPE_CHECKING:
    from starlette.applications import Starlette

PATH = "/mcp"
MOST_BODY = 64 * 1_024  # bytes of a request
TOKEN_ENV = "STRONGROOM_MCP_TOKEN"
PIPE = "pipe"  # the client's name over a pipe without a token
MEGABYTE = 1_024 * 1_024
NOBODY = ""  # whose token does not count


class OpenToOthers(BadInput):
    """The server would be open to other machines, and nobody has said under which name."""


class NotLetIn(Refused):
    """The token of the environment is nobody's, another vault's, or over."""


@dataclass(frozen=True)
class McpOptions:
    """Which keeper, and where.

    Attributes:
        config: its file
        mode: instead of the file's
        names: under which other machines reach this one
    """

    config: Path
    mode: str | None = None
    host: str = LOOPBACK[0]
    port: int = 8620
    names: tuple[str, ...] = ()


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


def http_app(server: MCPServer, names: tuple[str, ...]) -> "Starlette":
    """Return the server over HTTP: a request knows no other, hosts are ours, no page may ask.

    Args:
        names: hosts, without port
    """
    hosts = [each for name in names for each in (name, f"{name}:*")]
    return server.streamable_http_app(
        streamable_http_path=PATH,
        json_response=True,
        stateless_http=True,
        max_request_body_size=MOST_BODY,
        transport_security=TransportSecuritySettings(allowed_hosts=hosts, allowed_origins=[]),
    )


def serve_http(options: McpOptions, say: Callable[[str], None]) -> None:
    """Serve over HTTP until SIGINT or SIGTERM.

    Raises:
        ConfigError: there is no journal, or the file cannot be used.
        OpenToOthers, PortInUse: see the classes.
    """
    is_local = options.host in LOOPBACK
    if not is_local and not options.names:
        raise OpenToOthers(
            f"--host {options.host} opens the server to other machines: name with --name what "
            "they call this one, or keep it here and use `ssh -L`"
        )
    config = load(options.config)
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    try:
        door = socket.create_server((options.host, options.port), family=family)
    except OSError as error:
        raise PortInUse(
            f"{options.host} port {options.port} cannot be used ({error.strerror}): name another "
            "one with --port"
        ) from error
    with door:
        name = options.host if is_local else options.names[0]
        shown = f"[{name}]" if ":" in name else name
        url = f"http://{shown}:{door.getsockname()[1]}{PATH}"
        server = server_of(config, options.mode, client_of_request, url)
        names = ("127.0.0.1", "localhost", "[::1]", *options.names)
        say(f"{url} until Ctrl-C")
        if not is_local:
            say(
                "Other machines reach this port, and the connection is not encrypted: who listens "
                "in has the tokens. Put a server with TLS in front, or use `ssh -L`."
            )
        settings = uvicorn.Config(
            http_app(server, names), log_level="warning", access_log=False, server_header=False,
            timeout_graceful_shutdown=1,
        )  # fmt: skip
        uvicorn.Server(settings).run(sockets=[door])


def serve_pipe(options: McpOptions) -> None:
    """Serve over standard input and output until the other side ends.

    Raises:
        ConfigError: there is no journal, or the file cannot be used.
        NotLetIn: see the class.
    """
    config = load(options.config)
    client = client_of_pipe(door_of(config))
    server_of(config, options.mode, lambda: client, None).run("stdio")
