"""What can be bought, sold and transformed together: the input of arbitrage and of sizing.

One matrix for all of it: states x securities. Prices are integers of 10**-6, sizes micro-tokens,
payoffs halves of a unit, so that what is decided here can be checked exactly.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from strongroom.analysis.relations import Relation, Void, states
from strongroom.chain.units import LOT, MICRO
from strongroom.information.books import Level
from strongroom.information.gamma import FeeSchedule

FULL = 2  # halves of a unit


class VenueFees(Protocol):
    """What a venue charges a taker."""

    def of(self, price: float) -> float:
        """Return the fee of one token at a price in [0, 1], in units."""

    def most(self, size: int, price: int) -> int:
        """Return the most that micro-tokens at a price (10**-6) are charged, micro-units."""


@dataclass(frozen=True)
class Security:
    """One outcome token on one venue."""

    market: str
    yes: bool
    asks: tuple[Level, ...] = ()  # best first
    bids: tuple[Level, ...] = ()
    fees: VenueFees = field(default_factory=FeeSchedule)
    min_size: int = 0  # micro-tokens of an order
    held: int = 0

    @property
    def name(self) -> str:
        """The market and its outcome."""
        return f"{self.market} {'YES' if self.yes else 'NO'}"

    def payoff(self, yes_pays: int) -> int:
        """Return what it pays in halves, given what one YES pays."""
        return yes_pays if self.yes else FULL - yes_pays


@dataclass(frozen=True)
class Transform:
    """A change of holdings that the venue grants at any size: security -> tokens, and cash."""

    name: str
    changes: Mapping[int, int]
    cash: int


@dataclass(frozen=True)
class Bundle:
    """Securities, the states that they are paid in, and the transforms between them."""

    securities: tuple[Security, ...]
    states: tuple[tuple[int, ...], ...]  # a row a state: what each security pays, in halves
    transforms: tuple[Transform, ...] = ()
    budget: int = 10**9 * MICRO
    caps: Mapping[str, int] = field(default_factory=dict)  # market -> most to spend on it
    lot: int = LOT  # micro-tokens that every size is a multiple of

    @property
    def markets(self) -> tuple[str, ...]:
        """The markets, each once."""
        return tuple(dict.fromkeys(security.market for security in self.securities))


def make_bundle(
    securities: Sequence[Security],
    relations: Sequence[Relation] = (),
    voids: Sequence[Void] | None = None,
    transforms: Sequence[Transform] = (),
    budget: int = 10**9 * MICRO,
    caps: Mapping[str, int] | None = None,
    lot: int = LOT,
) -> Bundle:
    """Return the bundle with every state that the relations leave.

    Args:
        voids: see relations.states; None: each market may be void by itself

    Raises:
        TooManyStates: see relations.states.
    """
    markets = tuple(dict.fromkeys(security.market for security in securities))
    rows = []
    for state in states(markets, relations, voids):
        pays = dict(zip(markets, state, strict=True))
        rows.append(tuple(security.payoff(pays[security.market]) for security in securities))
    return Bundle(tuple(securities), tuple(rows), tuple(transforms), budget, dict(caps or {}), lot)


def split_and_merge(yes: int, no: int) -> tuple[Transform, Transform]:
    """Return the transforms of one condition's complete sets, given its securities' places."""
    return (
        Transform("split", {yes: 1, no: 1}, -1),
        Transform("merge", {yes: -1, no: -1}, 1),
    )


def conversions(pairs: Sequence[tuple[int, int]]) -> list[Transform]:
    """Return the conversions of one NO each, given the (YES, NO) places of an event's questions.

    Converting several at once spans no more payoffs; it only frees cash.
    """
    return [
        Transform(
            f"convert {i}",
            {no: -1} | {other: 1 for j, (other, _) in enumerate(pairs) if j != i},
            0,
        )
        for i, (_, no) in enumerate(pairs)
    ]


def fee_of(security: Security, price: int) -> float:
    """Return a taker's fee for one token at `price` (10**-6), in units; certify.py is exact."""
    return security.fees.of(price / MICRO)
