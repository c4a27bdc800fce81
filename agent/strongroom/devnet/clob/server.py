"""The service's HTTP and websocket surface, as the official client calls it.

Left out: rewards, notifications, RFQ, builder keys, price history, live activity; rate limits
(the fault switch answers 429 on demand).
"""

import asyncio
import base64
import json
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any, TypeVar

import uvicorn
from fastapi import FastAPI, Request, Response, WebSocket
from fastapi.responses import JSONResponse
from pydantic import ValidationError

from strongroom.devnet.clob import errors
from strongroom.devnet.clob.auth import ApiKey, Authority
from strongroom.devnet.clob.engine import COLLATERAL, EOA, Engine
from strongroom.devnet.clob.errors import Refusal, bad
from strongroom.devnet.clob.faults import Faults
from strongroom.devnet.clob.markets import Listing
from strongroom.devnet.clob.orders import decimal, parse
from strongroom.devnet.clob.settlement import RpcError
from strongroom.devnet.clob.stream import Listener

VERSION = 2
PAGE = 500  # records of a page
MAX_BATCH = 15  # orders of one POST
MAX_TOKENS = 500  # tokens of one question or subscription
START, END = "MA==", "LTE="  # cursors
Record = TypeVar("Record")


def create_app(build: Callable[[], Engine], authority: Authority) -> FastAPI:
    """Return the application; `build` makes the engine inside the server's event loop."""

    @asynccontextmanager
    async def run(app: FastAPI) -> AsyncIterator[None]:
        engine = app.state.engine = build()
        tasks = [
            asyncio.create_task(engine.settle_forever()),
            asyncio.create_task(engine.watch_forever()),
        ]
        yield
        for task in tasks:
            task.cancel()
        await engine.chain.close()

    app = FastAPI(lifespan=run, docs_url=None, redoc_url=None, openapi_url=None)

    def engine() -> Engine:
        return app.state.engine  # type: ignore[no-any-return]

    async def signed(request: Request) -> ApiKey:
        """Return the API key of an L2 request."""
        body = (await request.body()).decode("utf-8", "replace")
        return authority.check(request.method, request.url.path, body, request.headers)

    @app.exception_handler(Refusal)
    async def refuse(request: Request, refusal: Refusal) -> Response:
        return JSONResponse(refusal.body, refusal.status)

    @app.exception_handler(RpcError)
    async def chain_is_away(request: Request, error: RpcError) -> Response:
        return JSONResponse({"error": FAULT_TEXTS[500]}, 500)

    @app.middleware("http")
    async def go_wrong(
        request: Request, go_on: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        if request.url.path.startswith("/devnet/"):
            return await go_on(request)
        faults = engine().faults
        if faults.delay_ms:
            await asyncio.sleep(faults.delay_ms / 1000)
        if faults.fail_status and faults.spend("fail_count"):
            return JSONResponse({"error": FAULT_TEXTS[faults.fail_status]}, faults.fail_status)
        posting = request.method == "POST" and request.url.path in ("/order", "/orders")
        answer = await go_on(request)
        if posting and answer.status_code == 200 and faults.spend("lose_answers"):
            return JSONResponse({"error": FAULT_TEXTS[500]}, 500)
        return answer

    # the service itself

    @app.get("/ok")
    async def ok() -> str:
        return "OK"

    @app.get("/time")
    async def server_time() -> int:
        return int(engine().clock())

    @app.get("/version")
    async def version() -> dict[str, int]:
        return {"version": VERSION}

    # API keys

    @app.post("/auth/api-key")
    async def create_key(request: Request) -> dict[str, str]:
        return _credentials(authority.create(request.headers))

    @app.get("/auth/derive-api-key")
    async def derive_key(request: Request) -> dict[str, str]:
        return _credentials(authority.derive(request.headers))

    @app.get("/auth/api-keys")
    async def keys(request: Request) -> dict[str, list[str]]:
        key = await signed(request)
        return {"apiKeys": authority.keys_of(key.address)}

    @app.delete("/auth/api-key")
    async def delete_key(request: Request) -> str:
        authority.delete(await signed(request))
        return "OK"

    @app.get("/auth/ban-status/closed-only")
    async def closed_only(request: Request) -> dict[str, bool]:
        await signed(request)
        return {"closed_only": False}

    # markets

    @app.get("/markets")
    @app.get("/sampling-markets")
    async def markets(next_cursor: str = START) -> dict[str, Any]:
        listings = list(engine().listings.values())
        return _page(listings, next_cursor, lambda listing: listing.as_market())

    @app.get("/simplified-markets")
    @app.get("/sampling-simplified-markets")
    async def simplified(next_cursor: str = START) -> dict[str, Any]:
        names = ("condition_id", "tokens", "active", "closed", "accepting_orders")
        listings = list(engine().listings.values())

        def shorten(listing: Listing) -> dict[str, Any]:
            record = listing.as_market()
            return {name: record[name] for name in names}

        return _page(listings, next_cursor, shorten)

    @app.get("/markets/{condition_id}")
    async def market(condition_id: str) -> dict[str, Any]:
        if condition_id not in engine().listings:
            raise Refusal(404, "market not found")
        return engine().listings[condition_id].as_market()

    @app.get("/clob-markets/{condition_id}")
    async def clob_market(condition_id: str) -> dict[str, Any]:
        if condition_id not in engine().listings:
            raise Refusal(404, "market not found")
        return engine().listings[condition_id].as_clob_market()

    @app.get("/markets-by-token/{token_id}")
    async def market_by_token(token_id: str) -> dict[str, str]:
        listing, _ = engine().listing_of(token_id)
        yes, no = listing.token_ids
        return {
            "condition_id": listing.condition_id,
            "primary_token_id": yes,
            "secondary_token_id": no,
        }

    @app.get("/tick-size")
    async def tick_size(token_id: str = "") -> dict[str, float]:
        return {"minimum_tick_size": float(engine().listing_of(token_id)[0].tick)}

    @app.get("/neg-risk")
    async def neg_risk(token_id: str = "") -> dict[str, bool]:
        return {"neg_risk": engine().listing_of(token_id)[0].negative_risk}

    @app.get("/fee-rate")
    async def fee_rate(token_id: str = "") -> dict[str, int]:
        engine().listing_of(token_id)
        return {"base_fee": 0}  # fees follow the market's schedule, see /clob-markets

    # books and prices

    @app.get("/book")
    async def book(token_id: str = "") -> dict[str, Any]:
        return engine().book_summary(token_id)

    @app.post("/books")
    async def books(request: Request) -> list[dict[str, Any]]:
        tokens = [entry["token_id"] for entry in await _token_list(request)]
        return [engine().book_summary(token) for token in tokens if token in engine()]

    @app.get("/price")
    async def price(token_id: str = "", side: str = "") -> dict[str, str]:
        return {"price": _price(engine(), token_id, side)}

    @app.post("/prices")
    async def prices(request: Request) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for entry in await _token_list(request):
            token, side = entry["token_id"], entry.get("side", "")
            found.setdefault(token, {})[side] = _price(engine(), token, side)
        return found

    @app.get("/midpoint")
    async def midpoint(token_id: str = "") -> dict[str, str]:
        return {"mid": _midpoint(engine(), token_id)}

    @app.post("/midpoints")
    async def midpoints(request: Request) -> dict[str, str]:
        tokens = [entry["token_id"] for entry in await _token_list(request)]
        return {token: _midpoint(engine(), token) for token in tokens if token in engine()}

    @app.get("/spread")
    async def spread(token_id: str = "") -> dict[str, str]:
        return {"spread": _spread(engine(), token_id)}

    @app.post("/spreads")
    async def spreads(request: Request) -> dict[str, str]:
        tokens = [entry["token_id"] for entry in await _token_list(request)]
        return {token: _spread(engine(), token) for token in tokens if token in engine()}

    @app.get("/last-trade-price")
    async def last_trade_price(token_id: str = "") -> dict[str, str]:
        last = engine().last_trade(token_id)
        return {"price": decimal(last[0]) if last else "0.5", "side": last[1] if last else ""}

    @app.post("/last-trades-prices")
    async def last_trades_prices(request: Request) -> list[dict[str, str]]:
        answers = []
        for entry in await _token_list(request):
            last = engine().last_trade(entry["token_id"])
            if last:
                price, side = last
                answers.append(
                    {"token_id": entry["token_id"], "price": decimal(price), "side": side}
                )
        return answers

    # orders

    @app.post("/order")
    async def post_order(request: Request) -> dict[str, Any]:
        key = await signed(request)
        return await engine().post(parse(await _json(request)), key)

    @app.post("/orders")
    async def post_orders(request: Request) -> list[dict[str, Any]]:
        key = await signed(request)
        payload = await _json(request)
        if not isinstance(payload, list) or not 0 < len(payload) <= MAX_BATCH:
            raise bad(errors.BAD_PAYLOAD)
        answers = []
        for entry in payload:
            try:
                answers.append(await engine().post(parse(entry), key))
            except Refusal as refusal:
                answers.append(
                    {"success": False, "errorMsg": str(refusal), "orderID": "", "status": ""}
                )
        return answers

    @app.delete("/order")
    async def cancel_order(request: Request) -> dict[str, Any]:
        key = await signed(request)
        payload = await _json(request)
        order_id = payload.get("orderID") if isinstance(payload, dict) else None
        if not isinstance(order_id, str):
            raise bad(errors.BAD_PAYLOAD)
        return engine().cancel([order_id], key)

    @app.delete("/orders")
    async def cancel_orders(request: Request) -> dict[str, Any]:
        key = await signed(request)
        payload = await _json(request)
        if not (isinstance(payload, list) and all(isinstance(each, str) for each in payload)):
            raise bad(errors.BAD_PAYLOAD)
        return engine().cancel(payload, key)

    @app.delete("/cancel-all")
    async def cancel_all(request: Request) -> dict[str, Any]:
        key = await signed(request)
        return engine().cancel([order.id for order in engine().open_orders(key.key)], key)

    @app.delete("/cancel-market-orders")
    async def cancel_market_orders(request: Request) -> dict[str, Any]:
        key = await signed(request)
        payload = await _json(request)
        if not isinstance(payload, dict) or not payload.keys() <= {"market", "asset_id"}:
            raise bad(errors.BAD_PAYLOAD)
        chosen = engine().open_orders(
            key.key, str(payload.get("market", "")), str(payload.get("asset_id", ""))
        )
        return engine().cancel([order.id for order in chosen], key)

    @app.get("/data/orders")
    async def open_orders(
        request: Request,
        next_cursor: str = START,
        id: str = "",
        market: str = "",
        asset_id: str = "",
    ) -> dict[str, Any]:
        key = await signed(request)
        chosen = engine().open_orders(key.key, market, asset_id)
        found = [order for order in chosen if id in ("", order.id)]
        return _page(found, next_cursor, lambda order: order.as_open_order())

    @app.get("/data/order/{order_id}")
    async def order(request: Request, order_id: str) -> dict[str, Any] | None:
        key = await signed(request)
        found = engine().orders.get(order_id)
        return found.as_open_order() if found and found.owner == key.key else None

    @app.get("/data/trades")
    async def trades(
        request: Request,
        next_cursor: str = START,
        id: str = "",
        market: str = "",
        asset_id: str = "",
        maker_address: str = "",
        before: int | None = None,
        after: int | None = None,
    ) -> dict[str, Any]:
        key = await signed(request)
        chosen = [
            trade
            for trade in engine().trades_of(key.key)
            if id in ("", trade.id)
            and market in ("", trade.taker.listing.condition_id)
            and asset_id in ("", trade.taker.order.tokenId)
            and (not maker_address or maker_address.lower() in trade.makers_and_taker())
            and (before is None or trade.matched_at < before)
            and (after is None or trade.matched_at > after)
        ]
        return _page(chosen, next_cursor, lambda trade: trade.seen_by(key.key))

    # balances and life signs

    async def funds(
        request: Request, asset_type: str, token_id: str, signature_type: int
    ) -> tuple[str, str, list[str]]:
        key = await signed(request)
        if asset_type not in ("COLLATERAL", "CONDITIONAL"):
            raise bad("Invalid asset type")
        asset = COLLATERAL if asset_type == "COLLATERAL" else token_id
        if asset != COLLATERAL:
            engine().listing_of(asset)
        maker = await engine().maker_of(key.address, signature_type)
        return maker, asset, sorted({each.exchange for each in engine().listings.values()})

    @app.get("/balance-allowance")
    async def balance_allowance(
        request: Request, asset_type: str = "", token_id: str = "", signature_type: int = EOA
    ) -> dict[str, Any]:
        return engine().funds(*await funds(request, asset_type, token_id, signature_type))

    @app.get("/balance-allowance/update")
    async def update_balance_allowance(
        request: Request, asset_type: str = "", token_id: str = "", signature_type: int = EOA
    ) -> dict[str, Any]:
        await engine().update_funds(*await funds(request, asset_type, token_id, signature_type))
        return {}

    @app.post("/v1/heartbeats")
    async def heartbeat(request: Request) -> dict[str, str]:
        key = await signed(request)
        payload = await _json(request)
        heartbeat_id = payload.get("heartbeat_id") if isinstance(payload, dict) else None
        return engine().heartbeat(key, heartbeat_id or "")

    # streams

    @app.websocket("/ws/market")
    async def market_stream(socket: WebSocket) -> None:
        await socket.accept()
        asked = await _subscription(socket)
        tokens = [str(token) for token in asked.get("assets_ids", [])][:MAX_TOKENS]
        listener = Listener(tokens=frozenset(tokens))
        for token in tokens:
            if token in engine():
                summary = engine().book_summary(token)
                listener.queue.put_nowait({"event_type": "book"} | summary)
        await engine().hub.serve(socket, listener)

    @app.websocket("/ws/user")
    async def user_stream(socket: WebSocket) -> None:
        await socket.accept()
        asked = await _subscription(socket)
        auth = asked.get("auth")
        key = authority.by_credentials(auth) if isinstance(auth, dict) else None
        if key is None:
            await socket.close(code=1008, reason=errors.UNAUTHORIZED)
            return
        markets = frozenset(str(market) for market in asked.get("markets", []))
        await engine().hub.serve(socket, Listener(key=key.key, markets=markets))

    # the switches

    @app.post("/devnet/close/{condition_id}")
    async def close(condition_id: str) -> dict[str, bool]:
        engine().close(condition_id)
        return {"closed": True}

    @app.get("/devnet/faults")
    async def faults() -> Faults:
        return engine().faults

    @app.put("/devnet/faults")
    async def set_faults(request: Request) -> Faults:
        try:
            engine().use(Faults.model_validate(await _json(request)))
        except ValidationError as error:
            raise bad(str(error)) from error
        return engine().faults

    return app


FAULT_TEXTS = {
    425: errors.RESTARTING,
    429: "Too Many Requests",
    500: "Internal server error",
    502: "Bad Gateway",
    503: errors.DISABLED,
}


class ClobServer:
    """The service on a port of this machine, in a thread of its own."""

    def __init__(self, app: FastAPI, host: str = "127.0.0.1", port: int = 0) -> None:
        self.app = app
        config = uvicorn.Config(
            app, host, port, log_level="warning", access_log=False, ws="websockets-sansio"
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def start(self) -> "ClobServer":
        """Start, and wait until it answers.

        Raises:
            RuntimeError: it did not start, e.g. because the port is taken.
        """
        self._thread.start()
        deadline = time.monotonic() + 20
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise RuntimeError("the CLOB server did not start: is its port taken?")
            time.sleep(0.01)
        return self

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self._server.servers[0].sockets[0].getsockname()[:2]
        return f"http://{host}:{port}"

    @property
    def engine(self) -> Engine:
        """The engine; it belongs to the server's thread, so only look at it from outside."""
        return self.app.state.engine  # type: ignore[no-any-return]

    def join(self) -> None:
        """Wait until it ends."""
        self._thread.join()

    def stop(self) -> None:
        """Stop and wait for the end."""
        self._server.should_exit = True
        self._thread.join(timeout=20)


def _credentials(key: ApiKey) -> dict[str, str]:
    parts = asdict(key)
    return {
        "apiKey": parts["key"],
        "secret": parts["secret"],
        "passphrase": parts["passphrase"],
    }


def _page(
    records: Sequence[Record], cursor: str, show: Callable[[Record], dict[str, Any]]
) -> dict[str, Any]:
    """Cut a page; cursors are the base64 of a position, as the venue's are."""
    start = _position(cursor)
    end = start + PAGE
    page = [show(record) for record in records[start:end]]
    return {
        "data": page,
        "next_cursor": _cursor(end) if end < len(records) else END,
        "limit": PAGE,
        "count": len(page),
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


async def _json(request: Request) -> Any:
    try:
        return json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise bad(errors.BAD_PAYLOAD) from error


async def _token_list(request: Request) -> list[dict[str, str]]:
    payload = await _json(request)
    if not isinstance(payload, list) or not all(
        isinstance(entry, dict) and isinstance(entry.get("token_id"), str) for entry in payload
    ):
        raise bad("Invalid payload")
    if len(payload) > MAX_TOKENS:
        raise bad("Payload exceeds the limit")
    return payload


async def _subscription(socket: WebSocket) -> dict[str, Any]:
    """Read what a new connection asks for; nonsense asks for nothing."""
    try:
        asked = json.loads(await socket.receive_text())
    except ValueError:
        return {}
    return asked if isinstance(asked, dict) else {}


def _price(engine: Engine, token: str, side: str) -> str:
    if side not in ("BUY", "SELL"):
        raise bad(errors.BAD_SIDE)
    bid, ask = engine.best(token)
    best = bid if side == "BUY" else ask
    return decimal(best or 0)


def _midpoint(engine: Engine, token: str) -> str:
    bid, ask = engine.best(token)
    if bid is None or ask is None:
        return "0.5" if bid is ask else decimal((bid or 0) + (ask or 0))
    return decimal((bid + ask) // 2)


def _spread(engine: Engine, token: str) -> str:
    bid, ask = engine.best(token)
    return decimal(ask - bid) if bid is not None and ask is not None else "0"
