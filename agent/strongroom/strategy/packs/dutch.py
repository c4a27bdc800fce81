"""Dutch book: complete sets below or above their worth, of one market or of a whole event."""

from collections.abc import Sequence
from dataclasses import field

import numpy as np
from pydantic.dataclasses import dataclass

from strongroom.analysis.bundle import Transform, conversions, make_bundle, split_and_merge
from strongroom.analysis.relations import Relation, Void
from strongroom.analysis.scan import (
    ASK,
    BID,
    BookTable,
    NegativeRiskEvent,
    binary_candidates,
    event_candidates,
    judge,
)
from strongroom.chain.ids import Question
from strongroom.chain.orders import NO, YES
from strongroom.chain.protocols import Protocol
from strongroom.chain.units import MICRO
from strongroom.information.gamma import Market
from strongroom.strategy.api import PARAMETERS, Proposal, Rooms
from strongroom.strategy.packs.arbitrage import (
    busy,
    in_whole_lots,
    profit_of,
    proposal_of,
    securities_of,
)
from strongroom.strategy.view import View


@dataclass(frozen=True, config=PARAMETERS)
class DutchBook:
    """Parameters.

    Attributes:
        min_profit: micro-units that a plan must earn in its worst state
        exhaustive: event ids (0x...) that somebody has checked to name all outcomes
    """

    name: str = "dutch"
    min_profit: int = MICRO // 100
    exhaustive: Sequence[str] = field(default_factory=tuple)

    def propose(self, view: View, rooms: Rooms) -> list[Proposal]:
        """Return certified plans, the most profitable first."""
        markets = [
            market
            for market in view.markets.values()
            if view.book(market, YES) is not None
            and view.book(market, NO) is not None
            and not busy(view, [market])
        ]
        if not markets:
            return []
        books, events = self._books(view, markets), self._events(markets)
        groups = [[markets[place]] for place in binary_candidates(books)]
        groups += [[markets[i] for i in event.markets] for event in event_candidates(books, events)]
        found = [self._judge(view, group, rooms) for group in groups]
        chosen = [each for each in found if each is not None]
        return sorted(chosen, key=profit_of, reverse=True)

    def _books(self, view: View, markets: Sequence[Market]) -> BookTable:
        """Best levels alone: where none of them earns, no depth does."""
        prices = np.zeros((len(markets), 2, 2, 1), dtype=np.int64)
        for place, market in enumerate(markets):
            for outcome in (YES, NO):
                book = view.book(market, outcome)
                assert book is not None
                prices[place, outcome, ASK, 0] = book.ask or 0
                prices[place, outcome, BID, 0] = book.bid or 0
        return BookTable(
            [market.condition_id for market in markets],
            prices,
            np.ones_like(prices),
            np.array([float(market.fees.rate) for market in markets]),
            np.array([float(market.fees.exponent) for market in markets]),
        )

    def _events(self, markets: Sequence[Market]) -> list[NegativeRiskEvent]:
        groups: dict[Question, list[int]] = {}
        for place, market in enumerate(markets):
            if market.event_id is not None:
                groups.setdefault(market.event_id, []).append(place)
        return [
            NegativeRiskEvent(event, tuple(places), self._proof(event))
            for event, places in groups.items()
            if len(places) > 1
        ]

    def _proof(self, event: Question) -> str:
        return "checked by the operator" if event in self.exhaustive else ""

    def _judge(self, view: View, group: Sequence[Market], rooms: Rooms) -> Proposal | None:
        securities, lot = in_whole_lots(
            [each for market in group for each in securities_of(view, market)]
        )
        names = tuple(market.condition_id for market in group)
        first, event = group[0], group[0].event_id
        relations, transforms = [], list[Transform]()
        for place in range(len(group)):
            transforms += split_and_merge(2 * place, 2 * place + 1)
        why = "a complete set for less than it pays"
        if len(group) > 1 and event is not None:
            structure = f"negative-risk event {event}"
            relations.append(Relation("exclusive", names, proof=structure))
            siblings = [each for each in view.markets.values() if each.event_id == event]
            if len(siblings) == len(group) and (proof := self._proof(event)):
                relations.append(Relation("exhaustive", names, proof=proof))
            if first.protocol is Protocol.V1:  # V2's give other YES instead of collateral
                transforms += conversions([(2 * i, 2 * i + 1) for i in range(len(group))])
            why = f"outcomes of {first.event} together"
        room = rooms(first)[0]
        bundle = make_bundle(
            securities,
            relations,
            [Void(names)],
            transforms,
            budget=max(0, room),
            caps={name: max(0, room) for name in names},
            lot=lot,
        )
        finding = judge(first.event or first.question, bundle)
        if finding is None or finding.certificate.profit < self.min_profit:
            return None
        markets = {str(market.condition_id): market for market in group}
        return proposal_of(self.name, finding, markets, why)
