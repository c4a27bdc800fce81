"""Gamma beside the service: the markets' records, with the quotes of its own books."""

from collections.abc import Callable, Sequence

from fastapi import FastAPI

from strongroom.chain.ids import JsonObject
from strongroom.chain.units import MICRO
from strongroom.devnet.clob.engine import MatchingEngine
from strongroom.information.gamma import MarketRecord

MOST = 500  # records of a page


def create_gamma(
    records: Callable[[], Sequence[MarketRecord]], engine: Callable[[], MatchingEngine]
) -> FastAPI:
    """Return the application: `/markets` with limit, offset and closed, as Gamma has them."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/markets")
    async def markets(
        limit: int = 20, offset: int = 0, closed: bool | None = None
    ) -> list[JsonObject]:
        listings = engine().data.listings
        chosen = [
            record
            for record in records()
            if (name := str(record["conditionId"])) in listings
            and closed in (None, listings[name].closed)
        ]
        return [_quoted(record, engine()) for record in chosen[offset : offset + min(limit, MOST)]]

    return app


def _quoted(record: MarketRecord, engine: MatchingEngine) -> JsonObject:
    listing = engine.data.listings[str(record["conditionId"])]
    bid, ask = engine.data.best(listing.token_ids[0])
    return dict(record) | {
        "bestBid": None if bid is None else bid / MICRO,
        "bestAsk": None if ask is None else ask / MICRO,
        "closed": listing.closed,
        "acceptingOrders": listing.accepting and not listing.closed,
        "orderPriceMinTickSize": float(listing.tick),
        "orderMinSize": float(listing.min_size),
    }
