"""The service itself: its time, its version, and API keys."""

from dataclasses import asdict

from fastapi import APIRouter, Request

from strongroom.devnet.clob.auth import ApiKey
from strongroom.devnet.clob.routes.request import Signed, TheAuthority, TheEngine

VERSION = 2

router = APIRouter()


@router.get("/ok")
async def ok() -> str:
    """Say that it is there."""
    return "OK"


@router.get("/time")
async def server_time(engine: TheEngine) -> int:
    """Return its time, seconds."""
    return int(engine.clock())


@router.get("/version")
async def version() -> dict[str, int]:
    """Return the version of its orders."""
    return {"version": VERSION}


@router.post("/auth/api-key")
async def create_key(authority: TheAuthority, request: Request) -> dict[str, str]:
    """Make the API key of an L1 request."""
    return _credentials(authority.create(request.headers))


@router.get("/auth/derive-api-key")
async def derive_key(authority: TheAuthority, request: Request) -> dict[str, str]:
    """Return the API key that was made before."""
    return _credentials(authority.derive(request.headers))


@router.get("/auth/api-keys")
async def keys(authority: TheAuthority, key: Signed) -> dict[str, list[str]]:
    """Return the ids of the caller's keys."""
    return {"apiKeys": authority.keys_of(key.address)}


@router.delete("/auth/api-key")
async def delete_key(authority: TheAuthority, key: Signed) -> str:
    """Forget the caller's key."""
    authority.delete(key)
    return "OK"


@router.get("/auth/ban-status/closed-only")
async def closed_only(key: Signed) -> dict[str, bool]:
    """Say that nobody is banned."""
    return {"closed_only": False}


def _credentials(key: ApiKey) -> dict[str, str]:
    parts = asdict(key)
    return {
        "apiKey": parts["key"],
        "secret": parts["secret"],
        "passphrase": parts["passphrase"],
    }
