"""What a market's account is worth: from its holdings on chain and the marks of a report."""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from strongroom.chain.units import WAD

LOW64 = 2**64 - 1
MOST = 2**120 - 1  # balances and payouts above it are no answer


class Holding(Struct, frozen=True, gc=False):
    """One condition's outcome tokens; payouts over `whole`, which is 0 while it is unresolved."""

    yes: int
    no: int
    paid_yes: int
    paid_no: int
    whole: int

    @property
    def is_fair(self) -> bool:
        """Whether its numbers can be."""
        return max(self.yes, self.no, self.whole) <= MOST and (
            not self.whole or max(self.paid_yes, self.paid_no) <= self.whole
        )


Positions = tuple[int, Sequence[tuple[int, int, int, int, int]]]  # collateral, and a Holding each


def account_value(
    positions: Positions | None, marks: Sequence[int], exposure: int
) -> tuple[int, int] | None:
    """Return an account's value at the bid and the ask, assets, from what it and its wallet hold;
    None where it does not answer, or out of range.

    Args:
        positions: as the account answers
        marks: a packed word a condition, as the report has them
        exposure: more than this nothing counts at the bid, before it is home
    """
    if positions is None:
        return None
    collateral, holdings = positions
    return value(collateral, [Holding(*each) for each in holdings], marks, exposure)


def positions_within(
    before: Positions | None, after: Positions | None, changes: Sequence[int]
) -> Iterator[Positions]:
    """Yield what an account held at a place within a block, by the payouts known before the block
    and by those known after it; nothing where it answers at neither end.

    Args:
        changes: since before: of the asset, then of each outcome token, as in its code
    """
    if before is None or after is None or len(changes) != 1 + 2 * len(before[1]):
        return
    if len(before[1]) != len(after[1]):
        return  # no account of ours
    for _, paid in (before, after):
        pairs = enumerate(zip(before[1], paid, strict=True))
        yield (
            before[0] + changes[0],
            [
                (
                    held[0] + changes[2 * n + 1],
                    held[1] + changes[2 * n + 2],
                    each[2],
                    each[3],
                    each[4],
                )
                for n, (held, each) in pairs
            ],
        )


def value(
    collateral: int, holdings: Sequence[Holding], marks: Sequence[int], exposure: int
) -> tuple[int, int] | None:
    """Return the value of holdings at the bid and the ask; None where they are out of range, or
    the marks such as no report may have.

    What is resolved counts at its payout, complete sets at 1, the rest at its marks: down at the
    bid, up at the ask. Where payouts and bids of YES of one event sum to more than 1, its bids of
    YES count 0.
    """
    if len(holdings) != len(marks) or collateral > MOST or not all(h.is_fair for h in holdings):
        return None
    pairs = [_prices(word) for word in marks]
    sum_of_yes = sum(
        WAD * each.paid_yes // each.whole if each.whole else low
        for each, (low, _) in zip(holdings, pairs, strict=True)
    )
    if len(holdings) > 1 and sum_of_yes > WAD:
        if not any(each.whole for each in holdings):
            return None
        pairs = [(0, high) for _, high in pairs]
    bid = ask = collateral
    for each, (low, high) in zip(holdings, pairs, strict=True):
        if each.whole:
            worth = each.yes * each.paid_yes // each.whole + each.no * each.paid_no // each.whole
            bid, ask = bid + worth, ask + worth
            continue
        sets = min(each.yes, each.no)
        yes, no = each.yes - sets, each.no - sets
        bid += sets + yes * low // WAD + no * (WAD - high) // WAD
        ask += sets - (-yes * high // WAD) - (-no * (WAD - low) // WAD)
    return min(bid, exposure), ask


def _prices(word: int) -> tuple[int, int]:
    """Return a condition's bid and ask of YES; without a mark it may be worth anything."""
    return (word & LOW64, (word >> 64) & LOW64) if word else (0, WAD)
