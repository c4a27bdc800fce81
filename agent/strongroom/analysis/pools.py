"""Quotes of a fixed-product market maker in exact integers, as its contract computes them.

Source: the code of npm `@gnosis.pm/conditional-tokens-market-makers` 1.8.1 (calcBuyAmount and
calcSellAmount of FixedProductMarketMaker, two outcomes). Amounts are base units of the collateral;
outcome tokens have as many decimals.
"""

from dataclasses import dataclass
from decimal import Decimal

from strongroom.chain.units import MICRO, WAD
from strongroom.errors import Refused
from strongroom.information.books import Book, Level


class PoolTooShallow(Refused):
    """The pool cannot give that much at any price."""


@dataclass(frozen=True)
class Pool:
    """A pool's reserves of YES and NO, and its fee (WAD of what a buyer invests)."""

    reserves: tuple[int, int]
    fee: int

    def tokens_for(self, assets: int, outcome: int) -> int:
        """Return the tokens that `assets` buy, rounded against the buyer."""
        net = assets - assets * self.fee // WAD
        reserve, other = self.reserves[outcome], self.reserves[1 - outcome]
        ending = _up(reserve * WAD * other, other + net)
        return reserve + net - _up(ending, WAD)

    def tokens_needed(self, assets: int, outcome: int) -> int:
        """Return the tokens that must be sold to get `assets`, rounded against the seller.

        Raises:
            PoolTooShallow: the other outcome's reserve is smaller than that.
        """
        gross = assets * WAD // (WAD - self.fee)
        reserve, other = self.reserves[outcome], self.reserves[1 - outcome]
        if gross >= other:
            raise PoolTooShallow(f"{assets} of {other} cannot be taken out")
        ending = _up(reserve * WAD * other, other - gross)
        return gross + _up(ending, WAD) - reserve

    def proceeds(self, tokens: int, outcome: int) -> int:
        """Return the most that selling at most `tokens` brings."""
        low, high = 0, min(tokens, self.reserves[1 - outcome])
        while low < high:
            middle = (low + high + 1) // 2
            if self._affordable(middle, outcome, tokens):
                low = middle
            else:
                high = middle - 1
        return low

    def cost(self, tokens: int, outcome: int) -> int:
        """Return the least that buying at least `tokens` costs.

        Raises:
            PoolTooShallow: the fee is all of the investment.
        """
        if self.fee >= WAD:
            raise PoolTooShallow("the fee takes everything")
        high = 1
        while self.tokens_for(high, outcome) < tokens:
            high *= 2
        low = high // 2
        while low < high:
            middle = (low + high) // 2
            if self.tokens_for(middle, outcome) >= tokens:
                high = middle
            else:
                low = middle + 1
        return low

    def book(self, outcome: int, step: int, tick: int, seen_at: int, levels: int = 8) -> Book:
        """Return the pool as a book of one outcome: what each further step of tokens costs and
        brings, prices rounded to the tick against whoever trades.

        Args:
            step: micro-tokens of a level
            tick: 10**-6
        """
        asks, bids = [], []
        for number in range(1, levels + 1):
            paid = self.cost(number * step, outcome) - self.cost((number - 1) * step, outcome)
            ask = _up(_up(paid * MICRO, step), tick) * tick
            if ask < MICRO:
                asks.append(Level(ask, step))
            brought = self.proceeds(number * step, outcome)
            bid = (brought - self.proceeds((number - 1) * step, outcome)) * MICRO // step
            if bid // tick:
                bids.append(Level(bid // tick * tick, step))
        return Book(tuple(bids), tuple(asks), seen_at, "", Decimal(tick) / MICRO)

    def _affordable(self, assets: int, outcome: int, tokens: int) -> bool:
        try:
            return self.tokens_needed(assets, outcome) <= tokens
        except PoolTooShallow:
            return False


def _up(amount: int, divisor: int) -> int:
    return -(-amount // divisor)
