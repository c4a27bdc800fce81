"""The service itself: its time and its version."""

from fastapi import APIRouter

from strongroom.devnet.clob.routes.request import TheEngine

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
