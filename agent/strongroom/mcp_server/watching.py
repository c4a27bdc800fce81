"""What stands before every request: whose it is, how often he may ask, whether the arguments are
those of the tool and nothing else; and the line in the log, without which nothing is answered."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.mcpserver.tools import Tool
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    CallToolResult,
    ListToolsResult,
    TextContent,
)
from pydantic import BaseModel, ValidationError

from strongroom.chain.ids import JsonObject
from strongroom.foreign_text import plain
from strongroom.mcp_server.call_log import CallLog, call_line
from strongroom.mcp_server.tokens import ToolScope
from strongroom.rate_limit import RateLimit, RefusalCount
from strongroom.settings import ConfigError

CALL, READ, LIST = "tools/call", "resources/read", "tools/list"
MOST_ARGUMENTS = 4_096  # letters of JSON
NAME_LETTERS = 40  # of a method, a tool
ERROR_LETTERS = 300
TOO_OFTEN = "too many calls: wait a minute"
OUR_WORDS = {  # for the SDK's, which repeat what was asked for
    METHOD_NOT_FOUND: "this server has no such method",
    INVALID_PARAMS: "there is no such resource, or the parameters are none of this method",
}
UNWRITTEN = "the server cannot write its log, so it answers nothing: tell its operator"


@dataclass(frozen=True)
class ToolClient:
    """Who asks.

    Attributes:
        token: the beginning of its hash; empty: over the pipe, without one
    """

    name: str
    token: str
    scopes: frozenset[ToolScope]


@dataclass(frozen=True)
class ServedTool:
    """A tool, and what a token must be good for."""

    tool: Tool
    scope: ToolScope


@dataclass(frozen=True)
class CallWatch:
    """Middleware around every request."""

    tools: Mapping[str, ServedTool]
    client: Callable[[], ToolClient]
    rates: RateLimit
    log: CallLog
    clock: Callable[[], float]
    refused: RefusalCount

    async def __call__(
        self, ctx: ServerRequestContext[Any, Any], call_next: CallNext
    ) -> HandlerResult:
        """Let a request through, or refuse it."""
        if ctx.request_id is None:
            return await call_next(ctx)
        client, (what, arguments) = self.client(), _asked(ctx)
        if self.rates.wait(client.token or client.name):
            count = self.refused.add(client.token or client.name)
            if count:
                self._write(client, what, arguments, f"refused: {TOO_OFTEN} ({count} calls)")
            raise MCPError(INVALID_REQUEST, TOO_OFTEN)
        if ctx.method == CALL:
            why = self._refusal(client, ctx.params or {}, arguments)
            if why:
                self._write(client, what, arguments, f"refused: {why}")
                return CallToolResult(content=[TextContent(type="text", text=why)], is_error=True)
            if self._spends(ctx.params or {}):
                self._write(client, what, arguments, "asked")
        try:
            found = await call_next(ctx)
        except MCPError as error:
            why = OUR_WORDS.get(error.error.code, plain(error.error.message)[:ERROR_LETTERS])
            self._write(client, what, arguments, f"refused: {why}")
            raise MCPError(error.error.code, why) from error
        except Exception:
            self._write(client, what, arguments, "failed")
            raise
        self._write(client, what, arguments, _came(found))
        return self._shown(client, found) if ctx.method == LIST else found

    def _shown(self, client: ToolClient, found: HandlerResult) -> HandlerResult:
        """Return of a list of tools what a client may call."""
        listed = ListToolsResult.model_validate(
            found.model_dump(by_alias=True) if isinstance(found, BaseModel) else found
        )
        may = [each for each in listed.tools if self.tools[each.name].scope in client.scopes]
        return listed.model_copy(update={"tools": may})

    def _refusal(self, client: ToolClient, params: JsonObject, arguments: JsonObject) -> str:
        """Return why a call is not let through; empty: it is. No value that was given is in it."""
        served = self.tools.get(str(params.get("name")))
        if served is None:
            return "there is no such tool: list the tools"
        if served.scope not in client.scopes:
            return f"this client may not: its token is not good for {served.scope!s}"
        tool = served.tool
        known = tool.parameters.get("properties", {})
        if unknown := [name for name in arguments if name not in known]:
            taken = ", ".join(known) or "none"
            return f"{len(unknown)} unknown arguments: the tool takes {taken}"
        try:
            if len(json.dumps(arguments)) > MOST_ARGUMENTS:
                return f"arguments of more than {MOST_ARGUMENTS} letters: give ids and numbers"
            tool.fn_metadata.validate_arguments(dict(arguments))
        except ValidationError as error:
            return _words(error, known)
        except (RecursionError, ValueError, TypeError):
            return "arguments that cannot be read: give ids and numbers"
        return ""

    def _spends(self, params: JsonObject) -> bool:
        served = self.tools.get(str(params.get("name")))
        return served is not None and served.scope is not ToolScope.READ

    def _write(self, client: ToolClient, what: str, arguments: JsonObject, came: str) -> None:
        line = call_line(int(self.clock()), client.name, client.token, what, arguments, came)
        try:
            self.log.write(line)
        except ConfigError as error:
            raise MCPError(INVALID_REQUEST, UNWRITTEN) from error


def _asked(ctx: ServerRequestContext[Any, Any]) -> tuple[str, JsonObject]:
    params = ctx.params or {}
    if ctx.method == CALL:
        given = params.get("arguments") or {}
        name = plain(str(params.get("name")))[:NAME_LETTERS]
        return f"{ctx.method} {name}", given if isinstance(given, Mapping) else {}
    if ctx.method == READ:
        return ctx.method, {"uri": str(params.get("uri"))}
    return plain(ctx.method)[:NAME_LETTERS], {}


def _came(found: HandlerResult) -> str:
    shown = found.model_dump(by_alias=True) if isinstance(found, BaseModel) else found or {}
    if not shown.get("isError"):
        return "done"
    text = " ".join(str(each.get("text", "")) for each in shown.get("content", ()))
    return f"refused: {plain(text)[:ERROR_LETTERS]}"


def _words(error: ValidationError, known: JsonObject) -> str:
    """Return where arguments do not fit, and how; keys that nobody knows are not repeated."""
    told = []
    for each in error.errors(include_url=False, include_input=False, include_context=False)[:5]:
        place = [str(part) for part in each["loc"]]
        if each["type"] == "extra_forbidden":
            place = [*place[:-1], "(an unknown key)"]
        told.append(f"{'.'.join(place)}: {each['msg']}")
    return "arguments do not fit: " + "; ".join(told)[:ERROR_LETTERS]
