"""Markets and what is listed of them."""

from fastapi import APIRouter

from strongroom.chain.ids import JsonObject
from strongroom.devnet.clob.errors import Refusal
from strongroom.devnet.clob.markets import Listing
from strongroom.devnet.clob.routes.request import START, TheEngine, page

router = APIRouter()


@router.get("/markets")
@router.get("/sampling-markets")
async def markets(engine: TheEngine, next_cursor: str = START) -> JsonObject:
    """Return a page of markets."""
    listings = list(engine.data.listings.values())
    return page(listings, next_cursor, lambda listing: listing.as_market())


@router.get("/simplified-markets")
@router.get("/sampling-simplified-markets")
async def simplified(engine: TheEngine, next_cursor: str = START) -> JsonObject:
    """Return a page of markets, in few words."""
    names = ("condition_id", "tokens", "active", "closed", "accepting_orders")
    listings = list(engine.data.listings.values())

    def shorten(listing: Listing) -> JsonObject:
        record = listing.as_market()
        return {name: record[name] for name in names}

    return page(listings, next_cursor, shorten)


@router.get("/markets/{condition_id}")
async def market(engine: TheEngine, condition_id: str) -> JsonObject:
    """Return a market."""
    if condition_id not in engine.data.listings:
        raise Refusal(404, "market not found")
    return engine.data.listings[condition_id].as_market()


@router.get("/clob-markets/{condition_id}")
async def clob_market(engine: TheEngine, condition_id: str) -> JsonObject:
    """Return a market in the venue's short keys."""
    if condition_id not in engine.data.listings:
        raise Refusal(404, "market not found")
    return engine.data.listings[condition_id].as_clob_market()


@router.get("/markets-by-token/{token_id}")
async def market_by_token(engine: TheEngine, token_id: str) -> dict[str, str]:
    """Return the market of a token."""
    listing, _ = engine.data.listing_of(token_id)
    yes, no = listing.token_ids
    return {
        "condition_id": listing.condition_id,
        "primary_token_id": yes,
        "secondary_token_id": no,
    }


@router.get("/tick-size")
async def tick_size(engine: TheEngine, token_id: str = "") -> dict[str, float]:
    """Return a token's tick."""
    return {"minimum_tick_size": float(engine.data.listing_of(token_id)[0].tick)}


@router.get("/neg-risk")
async def neg_risk(engine: TheEngine, token_id: str = "") -> dict[str, bool]:
    """Say whether a token is of a negative-risk event."""
    return {"neg_risk": engine.data.listing_of(token_id)[0].negative_risk}


@router.get("/fee-rate")
async def fee_rate(engine: TheEngine, token_id: str = "") -> dict[str, int]:
    """Return 0: fees follow the market's schedule, see /clob-markets."""
    engine.data.listing_of(token_id)
    return {"base_fee": 0}  # fees follow the market's schedule, see /clob-markets
