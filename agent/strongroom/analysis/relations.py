"""How markets hang together: relations with a provenance, and the states of the world they leave.

A state says of each market whether it resolves YES, NO or void, and what it pays then. Nothing is
taken for granted: a list of outcomes is not exhaustive, two questions are not the same, and two
markets are not voided together, until somebody says so; a relation counts only with a proof from
the venue's own structure or a named reviewer.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Literal

from strongroom.errors import BadInput

Kind = Literal["exclusive", "exhaustive", "implies", "equal"]
WON, LOST, VOID = 2, 0, 1  # what one YES pays, in halves
HALF, ANYTHING = (VOID,), (LOST, WON)  # what a void may pay YES
MAX_STATES = 4_096


class TooManyStates(BadInput):
    """The relations leave more states than can be gone through; cut the bundle."""


class UnprovenRelation(BadInput):
    """A relation names neither a structural proof nor a reviewer."""


@dataclass(frozen=True)
class Void:
    """Markets that are voided together, whatever becomes of others.

    Attributes:
        pays: what YES of each may then get, in halves. A plan's worth is linear in it, so the two
            ends stand for every price between them (`ANYTHING`)
    """

    members: tuple[str, ...]
    pays: tuple[int, ...] = HALF


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

    @cached_property
    def _among(self) -> frozenset[str]:
        return frozenset(self.members)

    def allows(self, state: Mapping[str, int], won: AbstractSet[str]) -> bool:
        """Whether a state, perhaps not complete yet, can still keep it. Void members keep all.

        Args:
            won: the markets that are YES in it
        """
        match self.kind:
            case "exclusive":
                return len(self._among & won) <= 1
            case "exhaustive":  # the last ones are not settled yet, mostly
                return any(state.get(member) != LOST for member in reversed(self.members))
            case "implies":
                first, second = self.members
                return not (state.get(first) == WON and state.get(second) == LOST)
            case "equal":
                return not (self._among & won) or all(
                    state.get(member) != LOST for member in self.members
                )


def states(
    markets: Sequence[str], relations: Sequence[Relation], voids: Sequence[Void] | None = None
) -> list[tuple[int, ...]]:
    """Return every state that the relations leave: what one YES of each market pays, in halves.

    Args:
        markets: names, in the order of the answer
        voids: which may be void, any of them at once; None: each market by itself, at a half

    Raises:
        TooManyStates: more than MAX_STATES.
    """
    if voids is None:
        voids = [Void((market,)) for market in markets]
    if 2 ** len(voids) > MAX_STATES:
        raise TooManyStates(f"{len(voids)} voids of their own leave more than {MAX_STATES} states")
    found: dict[tuple[int, ...], None] = {}
    for chosen in product((False, True), repeat=len(voids)):
        pays = {
            member: void.pays
            for void, is_void in zip(voids, chosen, strict=True)
            if is_void
            for member in void.members
        }
        _complete(markets, relations, dict.fromkeys(pays, VOID), pays, set(), 0, found)
    return list(found)


def _complete(
    markets: Sequence[str],
    relations: Sequence[Relation],
    state: dict[str, int],
    pays: Mapping[str, tuple[int, ...]],
    won: set[str],
    place: int,
    found: dict[tuple[int, ...], None],
) -> None:
    """Add the complete states that a state may become, its markets from a place on being open.

    Args:
        pays: what YES of each void market may get
    """
    if place == len(markets):
        for paid in product(*(pays.get(market, (state[market],)) for market in markets)):
            found[paid] = None
            if len(found) > MAX_STATES:
                raise TooManyStates(f"{len(markets)} markets leave more than {MAX_STATES} states")
        return
    market = markets[place]
    if market in state:
        _complete(markets, relations, state, pays, won, place + 1, found)
        return
    for value in (WON, LOST):
        state[market] = value
        if value == WON:
            won.add(market)
        if all(relation.allows(state, won) for relation in relations):
            _complete(markets, relations, state, pays, won, place + 1, found)
        won.discard(market)
        del state[market]
