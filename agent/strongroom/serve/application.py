"""The server's HTTP surface: an index, what is free, what is paid."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from x402.http.constants import PAYMENT_SIGNATURE_HEADER
from x402.schemas import PaymentRequirements

from strongroom.chain.ids import JsonObject, canonical, read_json
from strongroom.chain.units import format_units
from strongroom.errors import BadInput
from strongroom.identity.card import WELL_KNOWN, read_card
from strongroom.payments.token import PaidToken
from strongroom.rate_limit import RateLimit, network_of
from strongroom.serve.configuration import ServeConfig, Topic
from strongroom.serve.desk import TopicDesk
from strongroom.serve.queries import NAMES, BadQuery, read_query
from strongroom.serve.selling import RouteOffer, SaleAnswer, Seller
from strongroom.serve.topics import SCHEMA, TopicUnknown
from strongroom.settings import ConfigError

JSON = "application/json"
PRIVATE = {"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"}


def create_app(
    config: ServeConfig,
    desk: TopicDesk,
    seller: Seller,
    token: PaidToken,
    stopwatch: Callable[[], float] = time.monotonic,
) -> FastAPI:
    """Return the application.

    Raises:
        ConfigError: the card cannot be served.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    limit = RateLimit(config.free.requests_a_minute, stopwatch)
    index = _index(config, desk, token)
    terms = {topic: _terms(config, token, topic) for topic in desk.topics if topic in config.prices}

    def too_often(request: Request) -> Response | None:
        wait = limit.wait(_who(request))
        if not wait:
            return None
        headers = {"Retry-After": str(int(wait) + 1)}
        return _said(429, f"ask again in {int(wait) + 1} s", headers)

    # plain functions: each has a thread, as they wait for a chain and for a facilitator
    @app.get("/")
    def root(request: Request) -> Response:
        return too_often(request) or JSONResponse(index, headers=PRIVATE)

    if config.card is not None:
        card = _card(config.card)

        @app.get(f"/{WELL_KNOWN}")
        def known_card(request: Request) -> Response:
            return too_often(request) or Response(card, media_type=JSON, headers=PRIVATE)

    @app.get("/free/{topic}")
    def free(topic: str, request: Request) -> Response:
        if (refused := too_often(request)) is not None:
            return refused
        if topic not in desk.topics:
            return _unknown(topic, desk.topics)
        try:
            query = read_query(topic, _query(request))
            return Response(desk.free(topic, query), media_type=JSON, headers=PRIVATE)
        except BadQuery as error:
            return _said(400, str(error))
        except TopicUnknown as error:
            return _said(503, str(error))

    @app.get("/paid/{topic}")
    def paid(topic: str, request: Request) -> Response:
        if topic not in terms:
            return _unknown(topic, terms)
        try:
            query = read_query(topic, _query(request))
        except BadQuery as error:
            return _said(400, str(error))
        if (refused := too_often(request)) is not None:
            return refused  # a payment that is none costs a facilitator's work, too
        offer = _offer(request, terms[topic], lambda: desk.now(topic, query))
        header = request.headers.get(PAYMENT_SIGNATURE_HEADER)
        if header:
            outcome = seller.sell(offer, header)
            if outcome.is_sold:
                limit.give_back(_who(request))
            return _answer(outcome)
        try:
            offer.make()  # what is not known is not sold
        except TopicUnknown as error:
            return _said(503, f"{error}: nothing is sold")
        return _answer(seller.ask(offer))

    return app


def _card(path: Path) -> bytes:
    """Return an agent's card as it will be served; raises ConfigError."""
    try:
        found = read_json(path.read_bytes())
        entries = read_card(found).registrations if isinstance(found, dict) else ()
    except (OSError, ValueError, BadInput) as error:
        raise ConfigError(f"card: {path} is no agent's card ({error})") from error
    if not entries:
        raise ConfigError(f"card: {path} names no agent: take what `register --site` has written")
    return canonical(found)


def _who(request: Request) -> str:
    return network_of(request.client.host if request.client else "")


def _query(request: Request) -> str:
    """Return what stands behind the question mark, as it was sent."""
    return str(request.scope["query_string"].decode("ascii", "replace"))


def _terms(config: ServeConfig, token: PaidToken, topic: Topic) -> PaymentRequirements:
    return PaymentRequirements(
        scheme="exact",
        network=token.network,
        asset=token.address,
        amount=str(config.amount(topic)),
        pay_to=config.payee,
        max_timeout_seconds=config.valid_s,
        extra={"name": token.domain.name, "version": token.domain.version},
    )


def _offer(request: Request, terms: PaymentRequirements, make: Callable[[], bytes]) -> RouteOffer:
    path, query = request.scope["raw_path"].decode("ascii", "replace"), _query(request)
    resource = f"{path}?{query}" if query else path
    return RouteOffer(request.method, resource, str(request.url), terms, make)


def _index(config: ServeConfig, desk: TopicDesk, token: PaidToken) -> JsonObject:
    prices: Mapping[Topic, str] = {
        topic: format_units(config.amount(topic)) for topic in config.prices
    }
    return {
        "schema": SCHEMA,
        "network": token.network,
        "asset": token.address,
        "payee": config.payee,
        "topics": [
            {
                "topic": topic,
                "free": f"/free/{topic}",
                "paid": f"/paid/{topic}" if topic in prices else None,
                "price": prices.get(topic),
                "query": list(NAMES.get(topic, ())),
            }
            for topic in desk.topics
        ],
        "free_delay_s": config.free.delay_s,
        "refunds": config.refunds is not None,
    }


def _unknown(topic: str, known: Mapping[Topic, object] | tuple[Topic, ...]) -> Response:
    return _said(404, f"there is no such topic here: ask for one of {', '.join(known) or 'none'}")


def _said(status: int, why: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"error": why}, status, PRIVATE | dict(headers or {}))


def _answer(outcome: SaleAnswer) -> Response:
    headers = PRIVATE | outcome.headers
    if isinstance(outcome.body, bytes):
        return Response(outcome.body, outcome.status, headers, JSON)
    return JSONResponse(outcome.body, outcome.status, headers)
