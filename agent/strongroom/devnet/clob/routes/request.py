"""What routes take of a request: engine, API key, body; and the pages that they answer with."""

import base64
import json
from collections.abc import Callable, Sequence
from typing import Annotated, Literal, TypeVar

from fastapi import Depends, Request
from fastapi.requests import HTTPConnection

from strongroom.chain.ids import JsonObject
from strongroom.devnet.clob import errors
from strongroom.devnet.clob.auth import ApiKey, Authority
from strongroom.devnet.clob.engine import MatchingEngine
from strongroom.devnet.clob.errors import bad
from strongroom.devnet.relayer.parts import RelayerParts

PAGE = 500  # records of a page
MAX_TOKENS = 500  # tokens of one question or subscription
START, END = "MA==", "LTE="  # cursors
Record = TypeVar("Record")


async def _engine(connection: HTTPConnection) -> MatchingEngine:
    engine: MatchingEngine = connection.app.state.engine
    return engine


async def _authority(connection: HTTPConnection) -> Authority:
    authority: Authority = connection.app.state.authority
    return authority


async def _relayer(connection: HTTPConnection) -> RelayerParts:
    relayer: RelayerParts = connection.app.state.relayer
    return relayer


TheRelayer = Annotated[RelayerParts, Depends(_relayer)]
TheEngine = Annotated[MatchingEngine, Depends(_engine)]
TheAuthority = Annotated[Authority, Depends(_authority)]


async def _signed(request: Request, authority: TheAuthority, engine: TheEngine) -> ApiKey:
    """Return the API key of an L2 request."""
    body = (await request.body()).decode("utf-8", "replace")
    key = authority.check(request.method, request.url.path, body, request.headers)
    if engine.habits.handover_ends_keys:
        await engine.gate.check_wallet_kept(key.address)
    return key


Signed = Annotated[ApiKey, Depends(_signed)]


def charge(
    engine: MatchingEngine,
    request: Request,
    key: ApiKey,
    kind: Literal["orders", "cancels"],
    cost: int,
) -> None:
    """Take a request's cost from its signer's rate limit; the answer says what is left.

    Raises:
        Refusal: 429, it is used up.
    """
    tier, how = engine.habits.tier, engine.habits.rate_limits
    request.state.headers = engine.rates.spend(kind, key.address, cost, tier, how)


async def read_json(request: Request) -> object:
    """Return a request's body.

    Raises:
        Refusal: 400, it is no JSON.
    """
    try:
        found: object = json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise bad(errors.BAD_PAYLOAD) from error
    return found


async def read_tokens(request: Request) -> list[dict[str, str]]:
    """Return what is asked of tokens: "token_id" and perhaps "side" each.

    Raises:
        Refusal: 400, it is no such list, or too long.
    """
    payload = await read_json(request)
    if not isinstance(payload, list) or not all(
        isinstance(entry, dict) and isinstance(entry.get("token_id"), str) for entry in payload
    ):
        raise bad("Invalid payload")
    if len(payload) > MAX_TOKENS:
        raise bad("Payload exceeds the limit")
    return payload


def page(
    records: Sequence[Record], cursor: str, show: Callable[[Record], JsonObject]
) -> JsonObject:
    """Cut a page; cursors are the base64 of a position, as the venue's are."""
    start = _position(cursor)
    end = start + PAGE
    shown = [show(record) for record in records[start:end]]
    return {
        "data": shown,
        "next_cursor": _cursor(end) if end < len(records) else END,
        "limit": PAGE,
        "count": len(shown),
    }


def _cursor(position: int) -> str:
    return base64.b64encode(str(position).encode()).decode()


def _position(cursor: str) -> int:
    try:
        position = int(base64.b64decode(cursor, validate=True))
    except ValueError as error:
        raise bad("invalid next_cursor") from error
    if position < 0:
        raise bad("invalid next_cursor")
    return position
