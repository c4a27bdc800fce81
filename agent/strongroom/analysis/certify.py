"""The second opinion on a plan: its profit in every state, in exact integers.

Shares no arithmetic with the solver (lp.py). Costs and fees are rounded up, proceeds and payoffs
down, each to 10**-6, leg by leg; a plan counts only if its worst state still earns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from strongroom.chain.units import MICRO
from strongroom.errors import Refused


class TakerFee(Protocol):
    """What a taker is charged."""

    def most(self, size: int, price: int) -> int:
        """Return the fee on micro-tokens at a price (10**-6), rounded up, micro-units."""


class Tradable(Protocol):
    """What the certificate asks of a security."""

    @property
    def held(self) -> int: ...

    @property
    def min_size(self) -> int: ...

    @property
    def fees(self) -> TakerFee: ...


class CertifiedLeg(Protocol):
    """What the certificate asks of a leg."""

    @property
    def security(self) -> int: ...

    @property
    def buy(self) -> bool: ...

    @property
    def price(self) -> int: ...

    @property
    def size(self) -> int: ...


class CertifiedTransform(Protocol):
    """What the certificate asks of a transform."""

    @property
    def changes(self) -> Mapping[int, int]: ...

    @property
    def cash(self) -> int: ...


class NotCovered(Refused):
    """The plan sells or transforms what is not there, or trades below a minimum."""


@dataclass(frozen=True)
class Certificate:
    """What a plan leaves in every state, micro-units, beside what doing nothing would."""

    outcomes: tuple[int, ...]  # a state each: cash and payoffs
    before: tuple[int, ...]  # the same without the plan
    cash: int  # what is left or spent at once

    @property
    def profit(self) -> int:
        """How much better the worst outcome is."""
        return min(self.outcomes) - min(self.before)

    @property
    def locked(self) -> int:
        """The cash that comes back only with the payoffs."""
        return max(0, -self.cash)


def certify(
    securities: Sequence[Tradable],
    payoffs: Sequence[Sequence[int]],
    transforms: Sequence[CertifiedTransform],
    legs: Sequence[CertifiedLeg],
    amounts: Mapping[int, int],
) -> Certificate:
    """Return the exact outcome of trades and transforms in every state.

    Args:
        payoffs: a row a state: what a token of each security pays, in halves of a unit
        amounts: transform -> micro-tokens

    Raises:
        NotCovered: see the class.
    """
    held = [security.held for security in securities]
    cash = 0
    totals: dict[tuple[int, bool], int] = {}
    for leg in legs:
        value = Fraction(leg.price * leg.size, MICRO)
        fee = securities[leg.security].fees.most(leg.size, leg.price)
        cash += -(_up(value) + fee) if leg.buy else _down(value) - fee
        held[leg.security] += leg.size if leg.buy else -leg.size
        key = (leg.security, leg.buy)
        totals[key] = totals.get(key, 0) + leg.size
    for number, amount in amounts.items():
        for place, change in transforms[number].changes.items():
            held[place] += change * amount
        cash += transforms[number].cash * amount
    for (place, _), total in totals.items():
        if total < securities[place].min_size:
            raise NotCovered(f"{total} of security {place} is below its least order")
    if any(amount < 0 for amount in (*held, *amounts.values())):
        raise NotCovered(f"holdings after the plan: {held}")
    outcomes, before = [], []
    for row in payoffs:
        outcomes.append(cash + _pays(row, held))
        before.append(_pays(row, [security.held for security in securities]))
    return Certificate(tuple(outcomes), tuple(before), cash)


def _pays(row: Sequence[int], held: Sequence[int]) -> int:
    return sum(pays * amount for pays, amount in zip(row, held, strict=True)) // 2


def _up(amount: Fraction) -> int:
    return -(-amount.numerator // amount.denominator)


def _down(amount: Fraction) -> int:
    return amount.numerator // amount.denominator
