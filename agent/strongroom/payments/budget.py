"""What a buyer may spend over time: arithmetic alone, in base units and seconds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from strongroom.chain.units import DAY, format_units
from strongroom.errors import Refused


class OverBudget(Refused):
    """A payment would exceed what may be spent; nothing was signed."""


@dataclass(frozen=True)
class Budget:
    """Limits in base units; of any 24 hours but for `payment`.

    Attributes:
        payment: a single one
        day: all together
        payee: to one address
        route: for one URL, whatever its query
        called: of a limit that is a mandate's line: the line, in words
    """

    payment: int
    day: int
    payee: int
    route: int
    called: Mapping[str, str] = field(default_factory=dict)

    def named(self, limit: str) -> str:
        """Return where a limit stands."""
        return self.called.get(limit, f"`{limit}`")


@dataclass(frozen=True)
class Spent:
    """A payment that counts: paid, or signed and not certain to be void."""

    payee: str
    route: str
    amount: int
    time: int


def check(budget: Budget, before: Sequence[Spent], asked: Spent) -> None:
    """Make sure that a payment is within a budget.

    Args:
        before: what counts already

    Raises:
        OverBudget: it is not; the message says which limit, and when there is room again.
    """
    late = [each for each in before if each.time > asked.time - DAY]
    if asked.amount > budget.payment:
        raise OverBudget(
            f"{format_units(asked.amount)} is above {budget.named('payment')} = "
            f"{format_units(budget.payment)}: nothing was signed; raise the limit if you want that"
        )
    kinds = (
        ("day", budget.day, late),
        ("payee", budget.payee, [each for each in late if each.payee == asked.payee]),
        ("route", budget.route, [each for each in late if each.route == asked.route]),
    )
    for name, limit, counted in kinds:
        spent = sum(each.amount for each in counted)
        if spent + asked.amount > limit:
            wait = _wait(counted, limit - asked.amount, asked.time)
            raise OverBudget(
                f"{format_units(asked.amount)} beside {format_units(spent)} of the last 24 hours "
                f"is above {budget.named(name)} = {format_units(limit)}: nothing was signed; {wait}"
            )


def _wait(counted: Sequence[Spent], room: int, now: int) -> str:
    """Return when enough of what counts is a day old, in words."""
    spent = sum(each.amount for each in counted)
    for each in sorted(counted, key=lambda each: each.time):
        spent -= each.amount
        if spent <= room:
            return f"there is room in {each.time + DAY - now} s"
    return "raise the limit if you want that"
