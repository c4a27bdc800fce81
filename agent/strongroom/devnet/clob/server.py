"""The service's HTTP and websocket surface, as the official client calls it.

Left out: rewards but those of a day, notifications, RFQ, price history, live activity; limits by IP
address.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from strongroom.devnet.app_thread import AppThread
from strongroom.devnet.clob import errors
from strongroom.devnet.clob.auth import Authority
from strongroom.devnet.clob.engine import MatchingEngine
from strongroom.devnet.clob.errors import Refusal
from strongroom.devnet.clob.node import RpcError
from strongroom.devnet.clob.routes import (
    account,
    funds,
    incentives,
    markets,
    orders,
    prices,
    service,
    streams,
    switches,
)
from strongroom.devnet.relayer.parts import RelayerParts

SECTIONS = (service, account, markets, prices, orders, funds, incentives, streams, switches)
ORDERS = ("/order", "/orders")
FAULT_TEXTS = {
    425: errors.RESTARTING,
    429: errors.TOO_MANY,
    500: "Internal server error",
    502: "Bad Gateway",
    503: errors.DISABLED,
}


@dataclass(frozen=True)
class Services:
    """What runs in the server's event loop."""

    engine: MatchingEngine
    relayer: RelayerParts


def create_app(build: Callable[[], Services], authority: Authority) -> FastAPI:
    """Return the application; `build` is called inside the server's event loop."""

    @asynccontextmanager
    async def run(app: FastAPI) -> AsyncIterator[None]:
        services = build()
        engine = app.state.engine = services.engine
        app.state.relayer = services.relayer
        tasks = [
            asyncio.create_task(engine.settler.run_forever()),
            asyncio.create_task(engine.watch_forever()),
        ]
        yield
        for task in tasks:
            task.cancel()
        await engine.chain.node.close()

    app = FastAPI(lifespan=run, docs_url=None, redoc_url=None, openapi_url=None)

    app.state.authority = authority
    app.add_exception_handler(Refusal, _refuse)
    app.add_exception_handler(RpcError, _chain_is_away)
    app.middleware("http")(_go_wrong)
    for section in SECTIONS:
        app.include_router(section.router)
    return app


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return JSONResponse(error.body, error.status, error.headers)


async def _chain_is_away(request: Request, error: Exception) -> Response:
    return _fault(500)


async def _go_wrong(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
    """Do what the fault switch says, before the answer or in its place."""
    if request.url.path.startswith("/devnet/"):
        return await go_on(request)
    faults = request.app.state.engine.faults
    if faults.delay_ms:
        await asyncio.sleep(faults.delay_ms / 1000)
    if faults.fail_status and faults.spend("fail_count"):
        return _fault(faults.fail_status)
    posting = request.method == "POST" and request.url.path in ORDERS
    answer = await go_on(request)
    answer.headers.update(getattr(request.state, "headers", {}))
    if posting and answer.status_code == 200 and faults.spend("lose_answers"):
        return _fault(500)
    return answer


def _fault(status: int) -> Response:
    return JSONResponse({"error": FAULT_TEXTS[status]}, status)


class ClobServer(AppThread):
    """The service on a port of this machine, in a thread of its own."""

    def __init__(self, app: FastAPI, host: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__(app, host, port, "CLOB server")

    @property
    def engine(self) -> MatchingEngine:
        """The engine; it belongs to the server's thread, so only look at it from outside."""
        engine: MatchingEngine = self.app.state.engine
        return engine
