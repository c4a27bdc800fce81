"""Settlement a second time, from totals: no index, no loop that hands on what is left.

docs/design.md says what must be true of what was dealt, and that decides it: epochs are dealt
oldest first at one price, rounded down; nothing beyond the room or the idle assets; whoever is left
waiting was out of reach. All requests of an epoch are dealt with alike: each has its part of every
settlement, as exact fractions. `audit/dealing.py` and `audit/queues.py` follow the vault to the
unit; here stands what they must come to.
"""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from strongroom.audit.queues import NOTHING, AuditedEpoch, DealtEpoch, Standing
from strongroom.chain.units import PRICE


def deposits_wrong(
    waited: Mapping[int, int], price: int, reach: int | None, dealt: Sequence[DealtEpoch]
) -> Iterator[str]:
    """Yield what of a report's deposits is not as it must be.

    Args:
        waited: epoch -> assets that waited, oldest first
        price: assets per share
        reach: assets that may come in; None: as many as there are
        dealt: what was done
    """
    short = _short(waited, dealt)
    yield from _each(waited, price, dealt, short)
    settled = [each for each in dealt if not each.is_back]
    for each in settled:
        if not each.given * price <= each.taken * PRICE < (each.given + 1) * price:
            yield f"{each.given} shares are not {each.taken} assets at the price, down"
    used = sum([each.taken for each in settled if each.given])
    if reach is not None and used > reach:
        yield f"{used} assets came in, {reach} may"
    if short and (reach is None or (reach - used) * PRICE >= price):
        yield f"{used} of {reach if reach is not None else 'all'} assets came in, and some wait"


def redemptions_wrong(
    waited: Mapping[int, int], price: int, idle: int, dealt: Sequence[DealtEpoch]
) -> Iterator[str]:
    """Yield what of a report's redemptions is not as it must be.

    Args:
        waited: epoch -> shares that waited, oldest first
        price: assets per share
        idle: assets that can be paid
        dealt: what was done
    """
    short = _short(waited, dealt)
    yield from _each(waited, price, dealt, short)
    settled = [each for each in dealt if not each.is_back]
    for each in settled:
        if not each.given * PRICE <= each.taken * price < (each.given + 1) * PRICE:
            yield f"{each.given} assets are not {each.taken} shares at the price, down"
    paid = sum([each.given for each in settled])
    if paid > idle:
        yield f"{paid} assets were paid, {idle} were there"
    if short and (idle - paid) * PRICE >= price + PRICE:
        yield f"{paid} of {idle} assets were paid, and some wait"


def _short(waited: Mapping[int, int], dealt: Sequence[DealtEpoch]) -> list[int]:
    """Return the epochs of which something waits still, oldest first."""
    done = {each.epoch for each in dealt if each.is_back or not each.left}
    return [number for number, amount in waited.items() if amount and number not in done]


def _each(
    waited: Mapping[int, int], price: int, dealt: Sequence[DealtEpoch], short: Sequence[int]
) -> Iterator[str]:
    """Yield what is wrong with the epochs: dealt once, at most whole, oldest first, but for
    the dust that one share, or one unit, could not use."""
    numbers = [each.epoch for each in dealt]
    if numbers != sorted(set(numbers)) or not set(numbers) <= waited.keys():
        yield f"epochs {numbers} were dealt of {list(waited)}"
        return
    for each in dealt:
        if not each.is_back and (
            not 0 <= each.taken <= waited[each.epoch]
            or each.taken + each.left != waited[each.epoch]
        ):
            yield f"epoch {each.epoch}: {each.taken} taken and {each.left} left of what waited"
    for each in dealt:
        if short and each.epoch > short[0] and each.given > 1 + price // PRICE:
            yield f"epoch {each.epoch} was dealt while epoch {short[0]} waits"


def part_of(epoch: AuditedEpoch, who: str) -> tuple[Fraction, Fraction]:
    """Return what of a request waits and all that it has earned, exactly: its part of each
    settlement is its part of what waited."""
    waits, earned, whole = part_over(epoch, who)
    return Fraction(waits, whole), Fraction(earned, whole)


def part_over(epoch: AuditedEpoch, who: str) -> tuple[int, int, int]:
    """Return the two of `part_of` over one denominator, which is the third."""
    waits, earned, whole = epoch.asked.get(who, 0), 0, 1
    for left, taken, given in epoch.settlements:
        earned = earned * left + waits * given
        waits *= left - taken
        whole *= left
    return waits, earned, whole


def request_wrong(epoch: AuditedEpoch, who: str, standing: Standing) -> list[str]:
    """Return where what is booked of a request, by who stands so in it, is more than its part, or
    less by more than the unit that each settlement may round away."""
    found: list[str] = []
    if not epoch.closed_by:
        return found
    waits, earned, whole = part_over(epoch, who)
    slack = (len(epoch.settlements) + 1) * whole
    booked, _, due = standing
    if not waits - slack <= booked * whole <= waits:
        found.append(f"{booked} waiting, its part is {float(Fraction(waits, whole)):.2f}")
    booked = due + epoch.taken.get(who, NOTHING)[1]
    if not earned - slack <= booked * whole <= earned:
        found.append(f"{booked} earned, its part is {float(Fraction(earned, whole)):.2f}")
    return found
