"""Trades at pools, as the policy sees them: orders that a transaction carries, without a record.

What an order may not do a trade at a pool may not do either: the limits are the same, and both
count as orders. Of which pack it is nobody can say: `pools = false` ends them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from strongroom.chain.orders import Side
from strongroom.cosigner.policy import (
    ACCOUNT_CALLS,
    Before,
    Policy,
    PolicyRefuses,
    calls_in,
    check_counts,
    check_quiet,
    check_terms,
    decoded,
)
from strongroom.signing.signers import TransactionRequest

_SIDES = {"buy": Side.BUY, "sell": Side.SELL}


@dataclass(frozen=True)
class PoolTrade:
    """A trade of an account with a pool, at its worst.

    Attributes:
        account: lower case
        cash: to be paid or at least to be had, micro-units
        tokens: at least to be had or at most to be given, micro-tokens
        deadline: timestamp
    """

    account: str
    side: Side
    cash: int
    tokens: int
    deadline: int

    @property
    def bought(self) -> int:
        """What it buys for, micro-units."""
        return self.cash if self.side == Side.BUY else 0


def pool_trades(policy: Policy, request: TransactionRequest) -> list[PoolTrade]:
    """Return the trades at pools among a transaction's calls.

    Raises:
        PolicyRefuses: it is no plain batch.
    """
    found = []
    for call in calls_in(policy, request):
        inside = decoded(call, ACCOUNT_CALLS)
        if inside is not None and inside[0] in _SIDES:
            _, _, cash, tokens, deadline = inside[1]
            side = _SIDES[inside[0]]
            found.append(PoolTrade(call.to.lower(), side, int(cash), int(tokens), int(deadline)))
    return found


def judge_pool_trades(
    policy: Policy, trades: Sequence[PoolTrade], before: Before, now: int
) -> None:
    """Admit trades at pools.

    Args:
        before: of orders

    Raises:
        PolicyRefuses: see the class.
    """
    rules = policy.orders
    for each in trades:
        check_quiet(policy, now)
        if not rules.pools:
            raise PolicyRefuses("pool", "no trade at a pool is admitted: no record says its pack")
        if not each.cash or not each.tokens:
            raise PolicyRefuses("amounts", "an amount is 0")
        check_terms(rules, each.cash, each.tokens, each.deadline, now)
    if trades:
        check_counts(rules, len(trades), sum(each.bought for each in trades), before)
