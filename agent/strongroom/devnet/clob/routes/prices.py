"""Books and prices."""

from fastapi import APIRouter, Request

from strongroom.chain.ids import JsonObject
from strongroom.devnet.clob import errors
from strongroom.devnet.clob.engine import MatchingEngine
from strongroom.devnet.clob.errors import bad
from strongroom.devnet.clob.orders import decimal
from strongroom.devnet.clob.routes.request import TheEngine, read_tokens

router = APIRouter()


@router.get("/book")
async def book(engine: TheEngine, token_id: str = "") -> JsonObject:
    """Return a token's book."""
    return engine.data.book_summary(token_id)


@router.post("/books")
async def books(engine: TheEngine, request: Request) -> list[JsonObject]:
    """Return several books."""
    tokens = [entry["token_id"] for entry in await read_tokens(request)]
    return [engine.data.book_summary(token) for token in tokens if token in engine.data]


@router.get("/price")
async def price(engine: TheEngine, token_id: str = "", side: str = "") -> dict[str, str]:
    """Return a token's best price."""
    return {"price": _price(engine, token_id, side)}


@router.post("/prices")
async def prices(engine: TheEngine, request: Request) -> dict[str, dict[str, str]]:
    """Return several best prices."""
    found: dict[str, dict[str, str]] = {}
    for entry in await read_tokens(request):
        token, side = entry["token_id"], entry.get("side", "")
        found.setdefault(token, {})[side] = _price(engine, token, side)
    return found


@router.get("/midpoint")
async def midpoint(engine: TheEngine, token_id: str = "") -> dict[str, str]:
    """Return a token's midpoint."""
    return {"mid": _midpoint(engine, token_id)}


@router.post("/midpoints")
async def midpoints(engine: TheEngine, request: Request) -> dict[str, str]:
    """Return several midpoints."""
    tokens = [entry["token_id"] for entry in await read_tokens(request)]
    return {token: _midpoint(engine, token) for token in tokens if token in engine.data}


@router.get("/spread")
async def spread(engine: TheEngine, token_id: str = "") -> dict[str, str]:
    """Return a token's spread."""
    return {"spread": _spread(engine, token_id)}


@router.post("/spreads")
async def spreads(engine: TheEngine, request: Request) -> dict[str, str]:
    """Return several spreads."""
    tokens = [entry["token_id"] for entry in await read_tokens(request)]
    return {token: _spread(engine, token) for token in tokens if token in engine.data}


@router.get("/last-trade-price")
async def last_trade_price(engine: TheEngine, token_id: str = "") -> dict[str, str]:
    """Return a token's last price, one half before the first trade."""
    last = engine.data.last_trade(token_id)
    return {"price": decimal(last[0]) if last else "0.5", "side": last[1] if last else ""}


@router.post("/last-trades-prices")
async def last_trades_prices(engine: TheEngine, request: Request) -> list[dict[str, str]]:
    """Return several last prices."""
    answers = []
    for entry in await read_tokens(request):
        last = engine.data.last_trade(entry["token_id"])
        if last:
            price, side = last
            answers.append({"token_id": entry["token_id"], "price": decimal(price), "side": side})
    return answers


def _price(engine: MatchingEngine, token: str, side: str) -> str:
    if side not in ("BUY", "SELL"):
        raise bad(errors.BAD_SIDE)
    bid, ask = engine.data.best(token)
    best = bid if side == "BUY" else ask
    return decimal(best or 0)


def _midpoint(engine: MatchingEngine, token: str) -> str:
    bid, ask = engine.data.best(token)
    if bid is None or ask is None:
        return "0.5" if bid is ask else decimal((bid or 0) + (ask or 0))
    return decimal((bid + ask) // 2)


def _spread(engine: MatchingEngine, token: str) -> str:
    bid, ask = engine.data.best(token)
    return decimal(ask - bid) if bid is not None and ask is not None else "0"
