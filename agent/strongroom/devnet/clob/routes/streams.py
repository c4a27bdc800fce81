"""The websocket channels."""

import json

from fastapi import APIRouter, WebSocket

from strongroom.chain.ids import JsonObject
from strongroom.devnet.clob import errors
from strongroom.devnet.clob.routes.request import MAX_TOKENS, TheAuthority, TheEngine
from strongroom.devnet.clob.stream import Listener

router = APIRouter()


@router.websocket("/ws/market")
async def market_stream(engine: TheEngine, socket: WebSocket) -> None:
    """Tell of books and prices."""
    await socket.accept()
    asked = await _subscription(socket)
    tokens = _strings(asked, "assets_ids")[:MAX_TOKENS]
    listener = Listener(tokens=frozenset(tokens))
    for token in tokens:
        if token in engine.data:
            summary = engine.data.book_summary(token)
            listener.queue.put_nowait({"event_type": "book", **summary})
    await engine.data.hub.serve(socket, listener)


@router.websocket("/ws/user")
async def user_stream(engine: TheEngine, authority: TheAuthority, socket: WebSocket) -> None:
    """Tell a key's owner of orders and trades."""
    await socket.accept()
    asked = await _subscription(socket)
    auth = asked.get("auth")
    key = authority.by_credentials(auth) if isinstance(auth, dict) else None
    if key is None:
        await socket.close(code=1008, reason=errors.UNAUTHORIZED)
        return
    markets = frozenset(_strings(asked, "markets"))
    await engine.data.hub.serve(socket, Listener(key=key.key, markets=markets))


async def _subscription(socket: WebSocket) -> JsonObject:
    """Read what a new connection asks for; nonsense asks for nothing."""
    try:
        asked = json.loads(await socket.receive_text())
    except ValueError:
        return {}
    return asked if isinstance(asked, dict) else {}


def _strings(asked: JsonObject, name: str) -> list[str]:
    found = asked.get(name, [])
    return [str(each) for each in found] if isinstance(found, list) else []
