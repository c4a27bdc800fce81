"""What the author of a strategy pack needs, in one place; docs/packs-api.md lists it.

from strongroom.strategy import Leg, Proposal, Rooms, Side, View
"""

from strongroom.chain.ids import ConditionId, MarketId, QuestionId, TokenId
from strongroom.chain.orders import NO, YES, MoveKind, OnFailure, OrderKind, Outcome, Side
from strongroom.chain.units import BPS, LOT, MICRO
from strongroom.information.books import Book, Level
from strongroom.information.client_trades import ClientTrade
from strongroom.information.forecast import Given
from strongroom.information.gamma import FeeSchedule, Market
from strongroom.strategy.api import (
    GROUP,
    PARAMETERS,
    Confidence,
    Fair,
    Leg,
    Move,
    Pack,
    Proposal,
    Rooms,
)
from strongroom.strategy.past import Past, Purchase
from strongroom.strategy.portfolio import Day
from strongroom.strategy.view import ClassState, MarketState, VaultState, View

__all__ = [
    "BPS",
    "GROUP",
    "LOT",
    "MICRO",
    "NO",
    "PARAMETERS",
    "YES",
    "Book",
    "ClassState",
    "ClientTrade",
    "ConditionId",
    "Confidence",
    "Day",
    "Fair",
    "FeeSchedule",
    "Given",
    "Leg",
    "Level",
    "Market",
    "MarketId",
    "MarketState",
    "Move",
    "MoveKind",
    "OnFailure",
    "OrderKind",
    "Outcome",
    "Pack",
    "Past",
    "Proposal",
    "Purchase",
    "QuestionId",
    "Rooms",
    "Side",
    "TokenId",
    "VaultState",
    "View",
]
