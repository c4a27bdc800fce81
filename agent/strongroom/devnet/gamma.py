"""Gamma beside the service: markets and events by offset and by keyset, with the quotes of the
service's own books (VENUE d5, e2)."""

from collections.abc import Callable, Iterable, Sequence
from typing import Annotated

from fastapi import FastAPI, HTTPException, Query

from strongroom.chain.ids import Json, JsonObject, keccak
from strongroom.chain.units import MICRO
from strongroom.devnet.clob.engine import MatchingEngine
from strongroom.devnet.clob.habits import Habits
from strongroom.devnet.clob.markets import Listing
from strongroom.devnet.pages import BadCursor, after
from strongroom.information.gamma import MarketRecord

MOST = 500  # records of a page by offset, where the cap is off
CAP, LAST_OFFSET = 100, 10_000
V2_NULLS = ("onchainEventId", "requestId", "resolutionStatus", "comboStatus")
NULLS = (*V2_NULLS, "profiles", "clobRewards", "umaResolutionStatus")

Names = Annotated[list[str] | None, Query()]


class Gamma:
    """What Gamma says of the service's markets."""

    def __init__(
        self, records: Callable[[], Sequence[MarketRecord]], engine: Callable[[], MatchingEngine]
    ) -> None:
        self._records, self._engine = records, engine

    @property
    def habits(self) -> Habits:
        """How it behaves."""
        return self._engine().habits

    def markets(self) -> list[JsonObject]:
        """Return the records of all markets that the service lists."""
        listings = self._engine().data.listings
        return [
            self._shown(record, listings[str(record["conditionId"])])
            for record in self._records()
            if str(record["conditionId"]) in listings
        ]

    def events(self) -> list[JsonObject]:
        """Return the events of those markets, each with its markets in it."""
        events: dict[str, dict[str, Json]] = {}
        members: dict[str, list[JsonObject]] = {}
        for market in self.markets():
            for event in _events(market):
                name = str(event.get("id") or event.get("slug"))
                events.setdefault(name, {"id": name, **event})
                inside = {key: value for key, value in market.items() if key != "events"}
                members.setdefault(name, []).append(inside)
        return [
            event | {"markets": members[name], "closed": all(m["closed"] for m in members[name])}
            for name, event in events.items()
        ]

    def page(self, records: Sequence[JsonObject], limit: int, offset: int) -> list[JsonObject]:
        """Return a page by offset.

        Raises:
            HTTPException: 422, the offset is beyond the last that is answered.
        """
        if self.habits.page_caps and offset > LAST_OFFSET:
            raise HTTPException(422, "offset exceeds the maximum of 10000; use keyset pagination")
        most = CAP if self.habits.page_caps else MOST
        return list(records[offset : offset + min(limit, most)])

    def _shown(self, record: MarketRecord, listing: Listing) -> JsonObject:
        """Return a record with what the service knows better than who recorded it."""
        bid, ask = self._engine().data.best(listing.token_ids[0])
        nulls: dict[str, Json] = dict.fromkeys(NULLS) if self.habits.null_fields else {}
        return nulls | dict(record) | {
            "version": listing.protocol,
            **_ids(record, listing),
            "bestBid": None if bid is None else bid / MICRO,
            "bestAsk": None if ask is None else ask / MICRO,
            "closed": listing.closed,
            "acceptingOrders": listing.accepting and not listing.closed,
            "orderPriceMinTickSize": float(listing.tick),
            "orderMinSize": float(listing.min_size),
            "secondsDelay": int(self.habits.taker_delay_s),
            **self._fees(record, listing),
        }  # fmt: skip

    def _fees(self, record: MarketRecord, listing: Listing) -> JsonObject:
        """Return what a record says of fees: without `feeSchedule` they are unknown, not 0."""
        if not listing.fees.rate:
            return {}
        hidden = self.habits.hidden_fees and int(listing.condition_id[-1], 16) % 2
        return {
            "feesEnabled": True,
            "feeType": record.get("feeType") or "devnet_fees",
            "feeSchedule": None if hidden else listing.fee_schedule(),
        }


def create_gamma(
    records: Callable[[], Sequence[MarketRecord]], engine: Callable[[], MatchingEngine]
) -> FastAPI:
    """Return the application."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    gamma = Gamma(records, engine)

    @app.get("/markets")
    async def markets(
        limit: int = 20,
        offset: int = 0,
        closed: bool | None = None,
        condition_ids: Names = None,
        clob_token_ids: Names = None,
        slug: Names = None,
        version: Names = None,
    ) -> list[JsonObject]:
        wanted = _wanted(closed, condition_ids, clob_token_ids, slug, version)
        return gamma.page(_chosen(gamma.markets(), wanted), limit, offset)

    @app.get("/markets/keyset")
    async def markets_after(
        limit: int = 20,
        after_cursor: str | None = None,
        closed: bool | None = None,
        condition_ids: Names = None,
        clob_token_ids: Names = None,
        position_ids: Names = None,
        slug: Names = None,
        version: Names = None,
        id: Names = None,
    ) -> JsonObject:
        wanted = _wanted(closed, condition_ids, clob_token_ids, slug, version, position_ids, id)
        found = _chosen(gamma.markets(), wanted)
        return _keyset("markets", found, wanted, after_cursor, limit)

    @app.get("/events")
    async def events(
        limit: int = 20, offset: int = 0, closed: bool | None = None, slug: Names = None
    ) -> list[JsonObject]:
        return gamma.page(_chosen(gamma.events(), _wanted(closed, slug=slug)), limit, offset)

    @app.get("/events/keyset")
    async def events_after(
        limit: int = 20,
        after_cursor: str | None = None,
        closed: bool | None = None,
        slug: Names = None,
    ) -> JsonObject:
        wanted = _wanted(closed, slug=slug)
        found = _chosen(gamma.events(), wanted)
        return _keyset("events", found, wanted, after_cursor, limit)

    @app.get("/markets/{id}")
    async def market(id: str) -> JsonObject:
        return _only(gamma.markets(), "id", id)

    @app.get("/markets/slug/{slug}")
    async def market_by_slug(slug: str) -> JsonObject:
        return _only(gamma.markets(), "slug", slug)

    @app.get("/events/{id}")
    async def event(id: str) -> JsonObject:
        return _only(gamma.events(), "id", id)

    @app.get("/events/slug/{slug}")
    async def event_by_slug(slug: str) -> JsonObject:
        return _only(gamma.events(), "slug", slug)

    return app


def _wanted(
    closed: bool | None,
    condition_ids: Names = None,
    clob_token_ids: Names = None,
    slug: Names = None,
    version: Names = None,
    position_ids: Names = None,
    id: Names = None,
) -> dict[str, Json]:
    """Return what selects records: field -> values; without those that nobody named."""
    named = {
        "conditionId": condition_ids,
        "clobTokenIds": clob_token_ids,
        "positionIds": position_ids,
        "slug": slug,
        "version": version,
        "id": id,
    }
    found: dict[str, Json] = {name: values for name, values in named.items() if values}
    return found if closed is None else found | {"closed": closed}


def _chosen(records: Iterable[JsonObject], wanted: JsonObject) -> list[JsonObject]:
    return [each for each in records if all(_fits(each, *pair) for pair in wanted.items())]


def _fits(record: JsonObject, name: str, values: Json) -> bool:
    found = record.get(name)
    if name == "closed":
        return bool(found) == values
    assert isinstance(values, list)
    if name in ("clobTokenIds", "positionIds"):  # JSON text or an array, of long numbers
        return any(str(each) in str(found) for each in values)
    return str(found) in [str(each) for each in values]


def _keyset(
    kind: str, records: Sequence[JsonObject], wanted: JsonObject, cursor: str | None, limit: int
) -> JsonObject:
    """Return a page by keyset; a limit above the cap is cut without a word (VENUE e2)."""
    try:
        page, following = after(records, _name, wanted, cursor, max(1, min(limit, CAP)))
    except BadCursor as error:
        raise HTTPException(422, str(error)) from error
    return {kind: page} if following is None else {kind: page, "next_cursor": following}


def _only(records: Iterable[JsonObject], name: str, value: str) -> JsonObject:
    for record in records:
        if str(record.get(name)) == value:
            return record
    raise HTTPException(404, "not found")


def _name(record: JsonObject) -> str:
    return str(record.get("conditionId") or record.get("id"))


def _events(market: JsonObject) -> list[JsonObject]:
    found = market.get("events")
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _ids(record: MarketRecord, listing: Listing) -> JsonObject:
    """Return what a record has beside its ids proper: a third of the old protocol's markets name
    positions of the new one, too, for which there is no book (VENUE d5)."""
    if listing.protocol == "v2" or int(listing.condition_id[-2:], 16) % 3:
        return {}
    base = int.from_bytes(keccak(listing.condition_id.encode())[:16], "big")
    return {"positionIds": [str((1 << 248) + (base << 120) + outcome) for outcome in (0, 1)]}
