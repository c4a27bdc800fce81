"""Rebates and rewards, as the official client asks for them, and the devnet's own paying out."""

from dataclasses import asdict

from fastapi import APIRouter

from strongroom.chain.ids import JsonObject
from strongroom.devnet.clob.funds import EOA
from strongroom.devnet.clob.incentives import Incentive, IncentiveKind
from strongroom.devnet.clob.routes.request import START, Signed, TheEngine, page

router = APIRouter()


def _earned(engine: TheEngine, kind: IncentiveKind, day: str, maker: str) -> list[Incentive]:
    return [
        each
        for each in engine.incentives.earned(kind, engine.trades.values())
        if each.day == day and each.maker.lower() == maker.lower()
    ]


@router.get("/rebates/current")
async def rebates(engine: TheEngine, date: str, maker_address: str) -> list[JsonObject]:
    """Return a maker's rebates of a day."""
    found = _earned(engine, IncentiveKind.REBATE, date, maker_address)
    return [each.as_rebate(engine.chain.pusd) for each in found]


@router.get("/rewards/user")
async def rewards(
    engine: TheEngine, key: Signed, date: str, signature_type: int = EOA, next_cursor: str = START
) -> JsonObject:
    """Return a page of the caller's rewards of a day."""
    maker = await engine.funds.maker_of(key.address, signature_type)
    found = _earned(engine, IncentiveKind.REWARD, date, maker)
    return page(found, next_cursor, lambda each: each.as_earning(engine.chain.pusd))


@router.post("/devnet/incentives/look")
async def look(engine: TheEngine) -> dict[str, bool]:
    """Reward what rests now."""
    engine.look_at_resting()
    return {"looked": True}


@router.post("/devnet/incentives/{kind}/pay")
async def pay(engine: TheEngine, kind: IncentiveKind, until: str) -> list[JsonObject]:
    """Return what is to be paid of the days before one, once; whoever asks pays it."""
    return [asdict(each) for each in engine.incentives.pay(kind, engine.trades.values(), until)]
