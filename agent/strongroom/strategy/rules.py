"""The operator's choices that decide beside the packs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated

from strongroom.chain.ids import ConditionId
from strongroom.chain.protocols import Protocol
from strongroom.information.gamma import Market
from strongroom.strategy.exits import Trading
from strongroom.strategy.portfolio import PortfolioLimits
from strongroom.strategy.sizing import Sizing
from strongroom.strategy.view import InOrder


@dataclass(frozen=True)
class Exchanges:
    """The exchanges that orders are signed for, by address; and the pools of markets that are
    traded at one (condition -> address). Those of Protocol V2 are all traded at one exchange."""

    exchange: str
    negative_risk_exchange: str = ""
    pools: Mapping[ConditionId, str] = field(default_factory=dict)
    position_exchange: str = ""

    def of(self, market: Market) -> str:
        """Return a market's exchange or pool; empty: none is known."""
        if market.condition_id in self.pools:
            return self.pools[market.condition_id]
        if market.protocol is Protocol.V2:
            return self.position_exchange
        return self.negative_risk_exchange if market.negative_risk else self.exchange


@dataclass(frozen=True)
class Rules:
    """Everything that decides beside the packs."""

    exchanges: Exchanges
    sizing: Sizing = field(default_factory=Sizing)
    limits: PortfolioLimits = field(default_factory=PortfolioLimits)
    groups: Mapping[str, Annotated[frozenset[str], InOrder]] = field(default_factory=dict)
    trading: Mapping[str, Trading] = field(default_factory=dict)  # by pack
    depth_share: Decimal = Decimal(1)  # of what a book offers
    rest_s: int = 300  # between two decisions on one market
    quote_rest_s: int = 15  # the same where orders rest
    max_open: int = 64  # markets of the vault
    max_decisions: int = 10  # a round
    code_version: str = ""
    settings: str = ""  # hash of the document that all this is published by; empty: by none
    reveal_within_s: int = 0  # decisions may stay private so long; 0: to the next report
