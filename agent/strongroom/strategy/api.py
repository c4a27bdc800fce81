"""What a strategy pack is: views go in, proposals come out. Third parties install their own.

A pack is a class, registered as an entry point of the group `strongroom.strategies`, made with the
parameters of its section in the configuration. It may keep nothing that its view does not show.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol, runtime_checkable

from pydantic import ConfigDict, ValidationError

from strongroom.chain.ids import Json
from strongroom.chain.orders import MoveKind, OnFailure, OrderKind, Outcome, Side
from strongroom.errors import BadInput
from strongroom.information.gamma import Market
from strongroom.strategy.view import View

GROUP = "strongroom.strategies"
PARAMETERS = ConfigDict(extra="forbid")  # of a pack's pydantic dataclass: what it does not know


class UnknownPack(BadInput):
    """No installed pack has this name; the message lists those that are."""


class UnclearPack(UnknownPack):
    """A pack is here, and which code it is cannot be said; the message says why."""


class BadParameters(BadInput):
    """A pack does not take a parameter, or not this value."""


@dataclass(frozen=True)
class Leg:
    """One order to place: `size` micro-tokens of an outcome at the limit `price` (10**-6)."""

    market: Market
    outcome: Outcome
    side: Side
    price: int
    size: int

    @property
    def buys(self) -> bool:
        """Whether it takes tokens."""
        return self.side == Side.BUY


@dataclass(frozen=True)
class Move:
    """A change of holdings at no price: split or merge complete sets of a market, or convert the
    NO of one outcome of an event into the YES of all others; micro-tokens."""

    kind: MoveKind
    market: Market
    amount: int


@dataclass(frozen=True)
class Proposal:
    """Something worth doing, before it is known how much the vault lets it.

    Attributes:
        pack: who proposes it
        legs: sizes are the most that is sensible: what the books offer, or what a plan needs
        moves: split before the first leg, convert and merge after the buys
        edge, chance, cost: of a token of the first leg; lower bounds, fees included
        sized: the legs hang together in these sizes and fit the rooms already
        sure: it earns in every state
        resting: all legs are placed at once and wait; else one after the other
        evidence: kinds of evidence; two independent ones admit the highest tier
        numbers: what `explain` tells
    """

    pack: str
    legs: tuple[Leg, ...]
    kind: OrderKind = OrderKind.FAK
    moves: tuple[Move, ...] = ()
    edge: float = 0.0
    chance: float = 0.0
    cost: float = 1.0
    sized: bool = False
    sure: bool = False
    resting: bool = False
    on_failure: OnFailure = OnFailure.HOLD
    evidence: frozenset[str] = frozenset()
    numbers: Mapping[str, Json] = field(default_factory=dict)

    @property
    def exit_rule(self) -> str:
        """The exit rule that sells; "": it is no such sale."""
        buys = any(leg.buys for leg in self.legs)
        return "" if buys else str(self.numbers.get("exit", ""))


class Rooms(Protocol):
    """How much may still go into a market, and what bounds it."""

    def __call__(self, market: Market) -> tuple[int, str]:
        """Return micro-units and the name of the limit."""


@runtime_checkable
class Pack(Protocol):
    """A strategy."""

    @property
    def name(self) -> str:
        """What its decisions are kept under."""

    def propose(self, view: View, rooms: Rooms) -> Sequence[Proposal]:
        """Return what is worth doing now, best first."""


@runtime_checkable
class Fair(Protocol):
    """A pack that says what it holds an outcome for; exit rules ask it."""

    def chance(self, view: View, market: Market, outcome: Outcome) -> float | None:
        """Return the chance that an outcome pays, its best estimate; None: it does not know."""


@runtime_checkable
class Confidence(Protocol):
    """A pack that proposes nothing and only lifts what others propose."""

    def lift(self, view: View, proposal: Proposal) -> int:
        """Return 1 to lift a proposal by one tier, else 0."""


def installed() -> dict[str, EntryPoint]:
    """Return the installed packs by name. None is loaded: that would run code that nobody named."""
    return {entry.name: entry for entry in pack_entries()}


def pack_entries() -> Sequence[EntryPoint]:
    """Return what installed packs are loaded from; of several packages there may be one name."""
    return tuple(entry_points(group=GROUP))


def pack_entry(name: str, among: Sequence[EntryPoint] | None = None) -> EntryPoint:
    """Return what a pack is loaded from.

    Args:
        among: all packs that are installed, where they are known already

    Raises:
        UnknownPack: none of this name is installed.
        UnclearPack: several packages have one.
    """
    known = pack_entries() if among is None else among
    found = {each.value: each for each in known if each.name == name}
    if not found:
        check_installed(name, installed())
    if len(found) > 1:
        places = ", ".join(sorted(found))
        raise UnclearPack(f"several packages have a pack {name!r} ({places}): remove all but one")
    return next(iter(found.values()))


def make_pack(name: str, parameters: Mapping[str, Json]) -> Pack:
    """Return a pack with its parameters. Packs of other names are not loaded.

    Raises:
        UnknownPack: see `pack_entry`.
        BadParameters: see the class.
    """
    return with_parameters(name, pack_entry(name).load(), parameters)


def check_installed(name: str, found: Collection[str]) -> None:
    """Refuse a pack that is not among those found.

    Raises:
        UnknownPack: see the class.
    """
    if name not in found:
        raise UnknownPack(f"no pack {name!r}; installed: {', '.join(sorted(found)) or 'none'}")


def with_parameters(name: str, make: Callable[..., Pack], parameters: Mapping[str, Json]) -> Pack:
    """Return a pack of a class with its parameters.

    Raises:
        BadParameters: see the class.
    """
    try:
        pack = make(**parameters)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, each['loc']))}: {each['msg']}"
            for each in error.errors(include_url=False, include_input=False)
        )
        raise BadParameters(f"pack {name}: {problems}") from error
    except (TypeError, ValueError, ArithmeticError) as error:
        raise BadParameters(f"pack {name}: {error}") from error
    return pack
