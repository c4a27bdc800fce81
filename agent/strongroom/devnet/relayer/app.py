"""The relayer's HTTP surface, as both official clients call it (VENUE b)."""

from collections.abc import Callable

from eth_utils.address import is_address
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from strongroom.chain.ids import JsonObject
from strongroom.devnet.clob.errors import Refusal, bad
from strongroom.devnet.clob.node import RpcError
from strongroom.devnet.clob.routes.request import read_json
from strongroom.devnet.relayer.keys import RelayerKeys
from strongroom.devnet.relayer.parts import RelayerParts
from strongroom.devnet.relayer.requests import (
    parse_authorization,
    parse_revocation,
    parse_submission,
)

AWAY = "Internal server error"


def create_relayer(parts: Callable[[], RelayerParts]) -> FastAPI:
    """Return the application; `parts` are asked for at each request."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.add_exception_handler(Refusal, _refuse)
    app.add_exception_handler(RpcError, _chain_is_away)
    _add_questions(app, parts)
    _add_submissions(app, parts)
    return app


def _add_questions(app: FastAPI, parts: Callable[[], RelayerParts]) -> None:
    """Add what anyone may ask."""

    @app.get("/v1/account/transactions/params")
    async def params(address: str, type: str) -> JsonObject:
        nonce = await parts().relayer.nonce(_checked(address), type)
        return {"address": address, "nonce": str(nonce)}

    @app.get("/relay-payload")
    async def relay_payload(address: str, type: str) -> JsonObject:
        _checked(address)
        nonce = 0 if type == "PROXY" else await parts().relayer.nonce(address, type)
        return {"address": parts().relayer.chain.relay, "nonce": str(nonce)}

    @app.get("/nonce")
    async def nonce(address: str, type: str) -> JsonObject:
        return {"nonce": str(await parts().relayer.nonce(_checked(address), type))}

    @app.get("/deployed")
    async def deployed(address: str, type: str = "") -> JsonObject:
        return {"deployed": await parts().relayer.chain.is_deployed(_checked(address))}

    @app.get("/v1/account/transactions/{id}")
    async def status(id: str) -> JsonObject:
        action = parts().relayer.actions.get(id)
        if action is None:
            raise Refusal(404, "transaction not found")
        return action.as_status()

    @app.get("/transaction")
    async def transaction(id: str) -> list[JsonObject]:
        action = parts().relayer.actions.get(id)
        return [] if action is None else [action.as_transaction()]


def _add_submissions(app: FastAPI, parts: Callable[[], RelayerParts]) -> None:
    """Add what needs a key."""

    @app.post("/submit")
    async def submit(request: Request) -> JsonObject:
        key = await _key(parts().keys, request)
        parts().relayer.actions.count(key)
        body = parse_submission(await read_json(request))
        return (await parts().relayer.submit(body, key)).as_submitted()

    @app.get("/transactions")
    async def transactions(request: Request) -> list[JsonObject]:
        key = await _key(parts().keys, request)
        return [each.as_transaction() for each in parts().relayer.actions.of(key)]

    @app.get("/relayer/api/keys")
    async def relayer_keys(request: Request) -> list[JsonObject]:
        mine = parts().keys.check_relayer(request.headers)
        return [
            {
                "apiKey": each.key,
                "address": each.address,
                "createdAt": each.created_at,
                "updatedAt": each.created_at,
            }
            for each in parts().keys.relayers_of(mine.address)
        ]

    @app.post("/v1/session-signers/authorizations")
    async def authorize(request: Request) -> JsonObject:
        key = await _builder(parts().keys, request)
        once = _idempotency(request)
        body = parse_authorization(await read_json(request))
        return (await parts().session_keys.authorize(body, key, once)).shown()

    @app.post("/v1/session-signers/revocations")
    async def revoke(request: Request) -> JsonObject:
        key = await _key(parts().keys, request)
        once = _idempotency(request)
        body = parse_revocation(await read_json(request))
        return (await parts().session_keys.revoke(body, key, once)).shown()


async def _builder(keys: RelayerKeys, request: Request) -> str:
    body = (await request.body()).decode("utf-8", "replace")
    path = request.url.path.removeprefix(request.scope.get("root_path", ""))
    return keys.check_builder(request.method, path, body, request.headers).key


async def _key(keys: RelayerKeys, request: Request) -> str:
    """Return the builder's or the relayer's key of a request."""
    if "relayer_api_key" in request.headers:
        return keys.check_relayer(request.headers).key
    return await _builder(keys, request)


def _idempotency(request: Request) -> str:
    found = request.headers.get("idempotency-key", "").strip()
    if not found:
        raise bad("Idempotency-Key is required")
    return found


def _checked(address: str) -> str:
    if not is_address(address):
        raise bad("invalid address")
    return address


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return JSONResponse(error.body, error.status, error.headers)


async def _chain_is_away(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": AWAY}, 500)
