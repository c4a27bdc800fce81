"""Bundle: markets that hang together by relations that somebody vouches for, e.g. price ladders."""

from collections.abc import Sequence
from dataclasses import field

from pydantic.dataclasses import dataclass

from strongroom.analysis.bundle import Transform, make_bundle, split_and_merge
from strongroom.analysis.relations import (
    ANYTHING,
    HALF,
    Kind,
    Relation,
    TooManyStates,
    Void,
    states,
)
from strongroom.analysis.scan import judge
from strongroom.chain.ids import ConditionId
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
class Vouched:
    """A relation as the configuration has it; see analysis/relations."""

    kind: Kind
    members: Sequence[str]
    proof: str = ""
    reviewer: str = ""


@dataclass(frozen=True, config=PARAMETERS)
class Bundles:
    """Parameters.

    Attributes:
        relations: {kind, members (condition ids), reviewer or proof} each; see analysis/relations
        min_profit: micro-units that a plan must earn in its worst state
        min_carry: profit a unit and year of lock-up
    """

    name: str = "bundle"
    relations: Sequence[Vouched] = field(default_factory=tuple)
    min_profit: int = MICRO // 100
    min_carry: float = 0.0

    def __post_init__(self) -> None:
        """Refuse relations that nobody vouches for, or that hold too much together.

        Raises:
            UnprovenRelation, TooManyStates, BadInput: see analysis/relations.
        """
        for group in self._groups():
            members = dict.fromkeys(name for relation in group for name in relation.members)
            states(list(members), group, ())

    def propose(self, view: View, rooms: Rooms) -> list[Proposal]:
        """Return certified plans, the most profitable first."""
        found = []
        for group in self._groups():
            members = dict.fromkeys(
                ConditionId(name) for relation in group for name in relation.members
            )
            if not all(name in view.markets for name in members):
                continue
            markets = [view.markets[name] for name in members]
            if busy(view, markets):
                continue
            proposal = self._judge(view, markets, group, rooms)
            if proposal is not None:
                found.append(proposal)
        return sorted(found, key=profit_of, reverse=True)

    def _judge(
        self, view: View, markets: Sequence[Market], relations: Sequence[Relation], rooms: Rooms
    ) -> Proposal | None:
        securities, lot = in_whole_lots(
            [each for market in markets for each in securities_of(view, market)]
        )
        if len(securities) != 2 * len(markets):
            return None  # a book is missing
        transforms: list[Transform] = []
        for place in range(len(markets)):
            transforms += split_and_merge(2 * place, 2 * place + 1)
        caps = {str(market.condition_id): max(0, rooms(market)[0]) for market in markets}
        room = min(caps.values())  # all of it within the smallest: they share class and idle
        try:
            bundle = make_bundle(
                securities, relations, _voids(markets), transforms, room, caps, lot
            )
        except TooManyStates:
            return None  # so many events are voided apart: nobody can say that it is sure
        finding = judge(" & ".join(market.question for market in markets), bundle)
        if finding is None or finding.certificate.profit < self.min_profit:
            return None
        if not self._carries(view, markets, finding.certificate.profit, finding.certificate.locked):
            return None
        by = ", ".join(sorted({each.reviewer or each.proof for each in relations}))
        named = {str(market.condition_id): market for market in markets}
        return proposal_of(self.name, finding, named, f"relations by {by}")

    def _carries(self, view: View, markets: Sequence[Market], profit: int, locked: int) -> bool:
        ends = [market.end.timestamp() for market in markets if market.end is not None]
        if not locked or not ends:
            return True
        years = max(0.0, max(ends) - view.now) / 31_556_952
        return profit >= locked * years * self.min_carry

    def _parsed(self) -> list[Relation]:
        return [
            Relation(each.kind, tuple(each.members), each.proof, each.reviewer)
            for each in self.relations
        ]

    def _groups(self) -> list[list[Relation]]:
        """Return the relations, those that share a market together."""
        groups: list[tuple[set[str], list[Relation]]] = []
        for relation in self._parsed():
            members, mine = set(relation.members), [relation]
            apart = []
            for others, theirs in groups:
                if members & others:
                    members |= others
                    mine = theirs + mine
                else:
                    apart.append((others, theirs))
            groups = [*apart, (members, mine)]
        return [relations for _, relations in groups]


def _voids(markets: Sequence[Market]) -> list[Void]:
    """Return what may be void: the markets of one event of the venue together, others apart. A
    binary market of the second protocol may settle at any price."""
    groups: dict[tuple[str, bool], list[str]] = {}
    for market in markets:
        at_any = market.protocol is Protocol.V2 and not market.negative_risk
        group = groups.setdefault((market.event or market.condition_id, at_any), [])
        group.append(market.condition_id)
    return [
        Void(tuple(group), ANYTHING if at_any else HALF) for (_, at_any), group in groups.items()
    ]
