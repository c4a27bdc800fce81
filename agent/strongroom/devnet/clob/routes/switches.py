"""The devnet's own switches: habits, what goes wrong, which markets end."""

from fastapi import APIRouter, Request
from pydantic import ValidationError

from strongroom.devnet.clob.errors import bad
from strongroom.devnet.clob.faults import Faults
from strongroom.devnet.clob.habits import Habits
from strongroom.devnet.clob.routes.request import TheEngine, TheRelayer, read_json

router = APIRouter()


@router.post("/devnet/close/{condition_id}")
async def close(engine: TheEngine, condition_id: str) -> dict[str, bool]:
    """End a market's trading."""
    engine.close(condition_id)
    return {"closed": True}


@router.post("/devnet/resolve/{condition_id}/{outcome}")
async def resolve(engine: TheEngine, condition_id: str, outcome: int) -> dict[str, bool]:
    """End a market's trading, and tell which outcome has won."""
    if outcome not in (0, 1):
        raise bad("an outcome is 0 or 1")
    engine.close(condition_id, outcome)
    return {"closed": True}


@router.post("/devnet/relayer-key/{address}")
async def relayer_key(relayer: TheRelayer, address: str) -> dict[str, str]:
    """Make a relayer key, which on the venue people make on its pages."""
    return {"key": relayer.keys.make_relayer(address).key, "address": address}


@router.get("/devnet/habits")
async def habits(engine: TheEngine) -> Habits:
    """Return how the services behave."""
    return engine.habits


@router.put("/devnet/habits")
async def set_habits(engine: TheEngine, request: Request) -> Habits:
    """Have other habits from now on; those that are not named are as by default."""
    try:
        engine.behave(Habits.model_validate(await read_json(request)))
    except ValidationError as error:
        raise bad(str(error)) from error
    return engine.habits


@router.get("/devnet/faults")
async def faults(engine: TheEngine) -> Faults:
    """Return what goes wrong."""
    return engine.faults


@router.put("/devnet/faults")
async def set_faults(engine: TheEngine, request: Request) -> Faults:
    """Replace what goes wrong."""
    try:
        engine.use(Faults.model_validate(await read_json(request)))
    except ValidationError as error:
        raise bad(str(error)) from error
    return engine.faults
