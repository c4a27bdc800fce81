"""Orders and trades of whoever signs the request."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from strongroom.chain.ids import JsonObject
from strongroom.devnet.clob import errors
from strongroom.devnet.clob.errors import Refusal, bad
from strongroom.devnet.clob.orders import parse
from strongroom.devnet.clob.routes.request import (
    START,
    Signed,
    TheEngine,
    charge,
    page,
    read_json,
)
from strongroom.devnet.clob.trades import Trade

MAX_BATCH = 15  # orders of one POST
MAX_CANCELS = 3_000  # ids of one DELETE
REFUSED: JsonObject = {
    "success": False,
    "orderID": "",
    "status": "",
    "makingAmount": "",
    "takingAmount": "",
}

router = APIRouter()


@router.post("/order")
async def post_order(engine: TheEngine, key: Signed, request: Request) -> JsonObject:
    """Take an order."""
    charge(engine, request, key, "orders", 1)
    return await engine.post(parse(await read_json(request)), key)


@router.post("/orders")
async def post_orders(engine: TheEngine, key: Signed, request: Request) -> list[JsonObject]:
    """Take several orders; each has its own answer."""
    payload = await read_json(request)
    if not isinstance(payload, list) or not 0 < len(payload) <= MAX_BATCH:
        raise bad(errors.BAD_PAYLOAD)
    charge(engine, request, key, "orders", len(payload))
    answers: list[JsonObject] = []
    for entry in payload:
        try:
            answers.append(await engine.post(parse(entry), key))
        except Refusal as refusal:
            answers.append({**REFUSED, "errorMsg": str(refusal)})
    return answers


@router.delete("/order")
async def cancel_order(engine: TheEngine, key: Signed, request: Request) -> JsonObject:
    """Cancel an order."""
    payload = await read_json(request)
    order_id = payload.get("orderID") if isinstance(payload, dict) else None
    if not isinstance(order_id, str):
        raise bad(errors.BAD_PAYLOAD)
    charge(engine, request, key, "cancels", 1)
    return engine.cancel([order_id], key)


@router.delete("/orders")
async def cancel_orders(engine: TheEngine, key: Signed, request: Request) -> JsonObject:
    """Cancel several orders."""
    payload = await read_json(request)
    if not (isinstance(payload, list) and all(isinstance(each, str) for each in payload)):
        raise bad(errors.BAD_PAYLOAD)
    if len(payload) > MAX_CANCELS:
        raise bad(errors.BAD_PAYLOAD)
    charge(engine, request, key, "cancels", len(payload))
    return engine.cancel(payload, key)


@router.delete("/cancel-all")
async def cancel_all(engine: TheEngine, key: Signed, request: Request) -> JsonObject:
    """Cancel all orders of the caller."""
    ids = [order.id for order in engine.open_orders(key.key)]
    charge(engine, request, key, "cancels", 1 + len(ids))
    return engine.cancel(ids, key)


@router.delete("/cancel-market-orders")
async def cancel_market_orders(engine: TheEngine, key: Signed, request: Request) -> JsonObject:
    """Cancel the caller's orders of a market or a token."""
    payload = await read_json(request)
    if not isinstance(payload, dict) or not payload.keys() <= {"market", "asset_id"}:
        raise bad(errors.BAD_PAYLOAD)
    chosen = engine.open_orders(
        key.key, str(payload.get("market", "")), str(payload.get("asset_id", ""))
    )
    charge(engine, request, key, "cancels", 1 + len(chosen))
    return engine.cancel([order.id for order in chosen], key)


@router.get("/v1/user/rate-limit-tier")
async def tier(engine: TheEngine, key: Signed) -> dict[str, str]:
    """Return the caller's tier."""
    return {"tier": engine.habits.tier.value}


@router.get("/data/orders")
async def open_orders(
    engine: TheEngine,
    key: Signed,
    next_cursor: str = START,
    id: str = "",
    market: str = "",
    asset_id: str = "",
) -> JsonObject:
    """Return a page of the caller's open orders."""
    chosen = engine.open_orders(key.key, market, asset_id)
    found = [order for order in chosen if id in ("", order.id)]
    return page(found, next_cursor, lambda order: order.as_open_order(engine.habits))


@router.get("/data/order/{order_id}")
async def order(engine: TheEngine, key: Signed, order_id: str) -> JsonObject | None:
    """Return an order of the caller, or nothing."""
    found = engine.orders.get(order_id)
    return found.as_open_order(engine.habits) if found and found.owner == key.key else None


class Wanted(BaseModel):
    """Which trades; empty and None: all."""

    id: str = ""
    market: str = ""
    asset_id: str = ""
    maker_address: str = ""
    before: int | None = None
    after: int | None = None

    def admits(self, trade: Trade) -> bool:
        """Say whether a trade is wanted."""
        taker, maker = trade.taker, self.maker_address.lower()
        return (
            self.id in ("", trade.id)
            and self.market in ("", taker.listing.condition_id)
            and self.asset_id in ("", taker.order.tokenId)
            and (not maker or maker in trade.makers_and_taker())
            and (self.before is None or trade.matched_at < self.before)
            and (self.after is None or trade.matched_at > self.after)
        )


@router.get("/data/trades")
async def trades(
    engine: TheEngine,
    key: Signed,
    wanted: Annotated[Wanted, Depends()],
    next_cursor: str = START,
) -> JsonObject:
    """Return a page of the caller's trades."""
    chosen = [trade for trade in engine.trades_of(key.key) if wanted.admits(trade)]
    return page(chosen, next_cursor, lambda trade: trade.seen_by(key.key, engine.habits))
