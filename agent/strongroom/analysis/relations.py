"""How markets hang together: relations with a provenance, and the states of the world they leave.

A state says of each market whether it resolves YES, NO or void (half and half). Nothing is taken
for granted: a list of outcomes is not exhaustive, nor two questions the same, until a relation says
so, and a relation counts only with a proof from the venue's own structure or a named reviewer.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from strongroom.errors import BadInput

Kind = Literal["exclusive", "exhaustive", "implies", "equal"]
WON, LOST, VOID = 2, 0, 1  # what one YES pays, in halves
MAX_STATES = 4_096


class TooManyStates(BadInput):
    """The relations leave more states than can be gone through; cut the bundle."""


class UnprovenRelation(BadInput):
    """A relation names neither a structural proof nor a reviewer."""


@dataclass(frozen=True)
class Relation:
    """One fact about markets.

    exclusive: at most one of the members is YES; exhaustive: at least one is; implies: if the
    first is YES, so is the second; equal: all resolve alike.
    """

    kind: Kind
    members: tuple[str, ...]
    proof: str = ""  # from the venue's structure, e.g. the same negative-risk market id
    reviewer: str = ""

    def __post_init__(self) -> None:
        """Refuse what nobody has vouched for.

        Raises:
            UnprovenRelation: neither proof nor reviewer.
            BadInput: an implication is not of two.
        """
        if not (self.proof or self.reviewer):
            raise UnprovenRelation(f"{self.kind}{self.members} needs a proof or a reviewer")
        if self.kind == "implies" and len(self.members) != 2:
            raise BadInput(f"an implication has two members, not {len(self.members)}")

    def allows(self, state: Mapping[str, int]) -> bool:
        """Whether a state, perhaps not complete yet, can still keep it. Void members keep all."""
        values = [state.get(member) for member in self.members]
        match self.kind:
            case "exclusive":
                return values.count(WON) <= 1
            case "exhaustive":
                return any(value in (WON, VOID, None) for value in values)
            case "implies":
                return not (values[0] == WON and values[1] == LOST)
            case "equal":
                known = {value for value in values if value in (WON, LOST)}
                return len(known) <= 1


def states(
    markets: Sequence[str],
    relations: Sequence[Relation],
    void_groups: Sequence[Sequence[str]] = (),
) -> list[tuple[int, ...]]:
    """Return every state that the relations leave: what one YES of each market pays, in halves.

    Args:
        markets: names, in the order of the answer
        void_groups: markets that may resolve void, those of a group together; one group at a time

    Raises:
        TooManyStates: more than MAX_STATES.
    """
    found: dict[tuple[int, ...], None] = {}
    for void in ((), *void_groups):
        fixed = dict.fromkeys(void, VOID)
        for state in _complete(markets, relations, fixed, 0):
            found[state] = None
            if len(found) > MAX_STATES:
                raise TooManyStates(f"{len(markets)} markets leave more than {MAX_STATES} states")
    return list(found)


def _complete(
    markets: Sequence[str],
    relations: Sequence[Relation],
    state: dict[str, int],
    place: int,
) -> Iterator[tuple[int, ...]]:
    if place == len(markets):
        yield tuple(state[market] for market in markets)
        return
    market = markets[place]
    if market in state:
        yield from _complete(markets, relations, state, place + 1)
        return
    for value in (WON, LOST):
        state[market] = value
        if all(relation.allows(state) for relation in relations):
            yield from _complete(markets, relations, state, place + 1)
        del state[market]
