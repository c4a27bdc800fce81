"""A decision record for the tests; keyword arguments replace fields."""

from decimal import Decimal

from strongroom.chain.ids import ConditionId, MarketId, TokenId
from strongroom.chain.orders import OnFailure, OrderKind, Side
from strongroom.strategy.record import DecidedLeg, DecisionRecord, SizingNote

MARKET = "0x" + "05" * 32
LEG = DecidedLeg(
    vault_market=MarketId(MARKET),
    condition=ConditionId(MARKET),
    question="Will it?",
    token=TokenId(77),
    outcome="Yes",
    side=Side.BUY,
    price=Decimal("0.50"),
    size=100_000_000,
    tick=Decimal("0.01"),
    exchange="0x" + "ee" * 20,
    kind=OrderKind.GTC,
)
RECORD = DecisionRecord(
    pack="test",
    code_version="test",
    vault="0x" + "aa" * 20,
    time=1_700_000_000,
    question="Will it?",
    legs=(LEG,),
    moves=(),
    budgets={MarketId(MARKET): 0},
    openings=(),
    resting=False,
    on_failure=OnFailure.HOLD,
    sure=False,
    edge="0.010000",
    chance="0.500000",
    cost="0.500000",
    evidence=(),
    sizing=SizingNote("plan", "plan"),
    numbers={},
    nav=0,
    snapshot="0x" + "00" * 32,
    salt="0x" + "00" * 32,
)
