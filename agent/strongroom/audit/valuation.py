"""What a market's account is worth: from its holdings on chain and the marks of a report."""

from collections.abc import Sequence

from strongroom.audit.contracts import Views
from strongroom.chain.units import WAD

LOW64 = 2**64 - 1
DELEGATED = 2  # grade of a class whose accounts hand assets to a wallet


def account_value(
    contracts: Views, account: str, marks: Sequence[int], block: int
) -> tuple[int, int]:
    """Return an account's value at the bid and the ask, assets, from its holdings at a block.

    A delegated account's wallet counts at most as what was handed out at the bid, at least as it at
    the ask: gifts lift nobody's price.

    Args:
        marks: a packed word a condition, as the report has them
    """
    bid, ask = _held(contracts, account, False, marks, block)
    if contracts.call(account, "grade", (), block) == DELEGATED:
        away_bid, away_ask = _held(contracts, account, True, marks, block)
        cost = contracts.call(account, "outstanding", (), block)
        bid, ask = bid + min(away_bid, cost), ask + max(away_ask, cost)
    return bid, ask


def _held(
    contracts: Views, account: str, away: bool, marks: Sequence[int], block: int
) -> tuple[int, int]:
    """Return the value of what the account holds, or of what is away in its wallet."""
    collateral, positions = contracts.call(account, "holdings", (away,), block)
    bid = ask = collateral
    for (yes, no, paid_yes, paid_no, whole), word in zip(positions, marks, strict=False):
        if whole:  # resolved: payouts over their sum
            worth = yes * paid_yes // whole + no * paid_no // whole
            bid, ask = bid + worth, ask + worth
            continue
        pairs = min(yes, no)
        left, prices = (yes - pairs, word) if yes > pairs else (no - pairs, word >> 128)
        low, high = prices & LOW64, (prices >> 64) & LOW64
        bid += pairs + left * low // WAD
        ask += pairs - (-left * high // WAD)
    return bid, ask
