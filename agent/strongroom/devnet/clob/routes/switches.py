"""The devnet's own switches: what goes wrong, which markets end."""

from fastapi import APIRouter, Request
from pydantic import ValidationError

from strongroom.devnet.clob.errors import bad
from strongroom.devnet.clob.faults import Faults
from strongroom.devnet.clob.routes.request import TheEngine, read_json

router = APIRouter()


@router.post("/devnet/close/{condition_id}")
async def close(engine: TheEngine, condition_id: str) -> dict[str, bool]:
    """End a market's trading."""
    engine.close(condition_id)
    return {"closed": True}


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
