"""The websocket channels."""

from fastapi import APIRouter, WebSocket

from strongroom.chain.ids import JsonObject
from strongroom.devnet.clob import errors
from strongroom.devnet.clob.routes.request import MAX_TOKENS, TheAuthority, TheEngine
from strongroom.devnet.clob.stream import INVALID, Listener, read, strings

router = APIRouter()


@router.websocket("/ws/market")
async def market_stream(engine: TheEngine, socket: WebSocket) -> None:
    """Tell of books and prices."""
    await socket.accept()
    asked = await _subscription(socket)
    tokens = strings(asked, "assets_ids")
    if tokens is None:
        await socket.send_text(INVALID)
    listener = Listener(
        tokens=set((tokens or [])[:MAX_TOKENS]), extras=bool(asked.get("custom_feature_enabled"))
    )

    def show(new: list[str]) -> None:
        engine.data.show(listener, new)

    show((tokens or [])[:MAX_TOKENS])
    await engine.data.hub.serve(socket, listener, show)


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
    listener = Listener(key=key.key, markets=set(strings(asked, "markets") or []))
    await engine.data.hub.serve(socket, listener, lambda new: None)


async def _subscription(socket: WebSocket) -> JsonObject:
    """Read what a new connection asks for; nonsense asks for nothing."""
    return read(await socket.receive_text()) or {}
