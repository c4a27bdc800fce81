"""Balances, and signs of life."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from strongroom.chain.ids import JsonObject
from strongroom.devnet.clob.errors import bad
from strongroom.devnet.clob.funds import COLLATERAL, EOA, Holding
from strongroom.devnet.clob.routes.request import Signed, TheEngine, read_json

router = APIRouter()


async def _asked(
    engine: TheEngine,
    key: Signed,
    asset_type: str = "",
    token_id: str = "",
    signature_type: int = EOA,
) -> list[Holding]:
    """Return whose what is asked for, at every exchange."""
    if asset_type not in ("COLLATERAL", "CONDITIONAL", "CONDITIONAL-V2"):  # VENUE d5
        raise bad("Invalid asset type")
    asset = COLLATERAL if asset_type == "COLLATERAL" else token_id
    if asset != COLLATERAL:
        engine.data.listing_of(asset)
    maker = await engine.funds.maker_of(key.address, signature_type)
    exchanges = sorted({each.exchange for each in engine.data.listings.values()})
    return [(maker, asset, exchange) for exchange in exchanges]


Asked = Annotated[list[Holding], Depends(_asked)]


@router.get("/balance-allowance")
async def balance_allowance(engine: TheEngine, asked: Asked) -> JsonObject:
    """Return what the service believes the caller to have."""
    return engine.funds.shown(asked)


@router.get("/balance-allowance/update")
async def update_balance_allowance(engine: TheEngine, asked: Asked) -> JsonObject:
    """Look at the chain for what the caller has."""
    await engine.funds.look(asked)
    return {}


@router.post("/v1/heartbeats")
async def heartbeat(engine: TheEngine, key: Signed, request: Request) -> dict[str, str]:
    """Note that the caller is alive."""
    payload = await read_json(request)
    heartbeat_id = payload.get("heartbeat_id") if isinstance(payload, dict) else None
    return {"heartbeat_id": engine.heartbeats.beat(key.key, str(heartbeat_id or ""))}
