"""The accounts of a simulated vault's markets: one condition, or all questions of a negative-risk
event."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from strongroom.backtest.engine import Listed
from strongroom.backtest.sealed import made_of
from strongroom.backtest.simulated_requests import VaultRefused
from strongroom.chain.ids import MarketId
from strongroom.chain.orders import NO, YES
from strongroom.chain.rpc import Position
from strongroom.information.gamma import Market

Token = tuple[int, int]  # a market's number at the venue, and the outcome


@dataclass
class Account:
    """A market's account; micro-units and micro-tokens.

    Attributes:
        name: in the vault
        numbers: of its markets at the venue, in the order of their places
        market: the first of them
        paid, got, fees: collateral that went for tokens, came for them, and was charged; `got` has
            what tokens that left in kind pay in the end
        rewards: collateral that came for resting orders; `got` has it, too
        converted: timestamp, index set and micro-tokens of each conversion
    """

    address: str
    name: MarketId
    numbers: tuple[int, ...]
    market: Market
    until: int  # budget may go in
    collateral: int = 0
    tokens: dict[Token, int] = field(default_factory=dict)
    paid: int = 0
    got: int = 0
    fees: int = 0
    rewards: int = 0
    converted: tuple[tuple[int, int, int], ...] = ()

    def copied(self) -> "Account":
        """Return it as it is now, whatever becomes of it."""
        return made_of(Account, {**vars(self), "tokens": dict(self.tokens)})

    def held(self, number: int, outcome: int) -> int:
        """Return the tokens of one outcome."""
        return self.tokens.get((number, outcome), 0)

    def positions(self, listed: Sequence[Listed], now: int) -> list[Position]:
        """Return what it holds of each market, with the payout once it is known."""
        return [Position(*each) for each in self.amounts(listed, now)]

    def amounts(self, listed: Sequence[Listed], now: int) -> list[tuple[int, ...]]:
        """Return the positions as a chain answers them: without names."""
        found, tokens = list[tuple[int, ...]](), self.tokens
        for number in self.numbers:
            each = listed[number]
            yes, no = tokens.get((number, YES), 0), tokens.get((number, NO), 0)
            paid = (*each.payout, sum(each.payout)) if now >= each.pays_at else (0, 0, 0)
            found.append((yes, no, *paid))
        return found

    def covers(self, token: Token, tokens: int, cost: int) -> int:
        """Return how many tokens of a fill it can deliver, or pay: all, or as many as there is
        collateral for, less three micro-units for what is rounded.

        Args:
            tokens: below 0: sold
            cost: of all, the fee included
        """
        if tokens < 0:
            return min(-tokens, self.tokens.get(token, 0))
        if cost <= self.collateral:
            return tokens
        return tokens * max(self.collateral - 3, 0) // cost

    def trade(self, token: Token, tokens: int, cash: int, fee: int) -> None:
        """Take a fill: tokens that came, or went; collateral likewise the other way, and the fee.

        Args:
            tokens: below 0: sold
            cash: what they cost, or brought
        """
        buys = tokens > 0
        self.tokens[token] = self.tokens.get(token, 0) + tokens
        self.collateral -= (cash if buys else -cash) + fee
        assert min(self.collateral, self.tokens[token]) >= 0, "more than there is"
        if buys:
            self.paid += cash + fee
        else:
            self.got += cash - fee
        self.fees += fee

    def reward(self, amount: int) -> None:
        """Take what resting orders have earned."""
        self.collateral += amount
        self.got += amount
        self.rewards += amount

    def split(self, place: int, amount: int) -> None:
        """Turn collateral into complete sets of one market."""
        number = self.numbers[place]
        self._change({(number, YES): amount, (number, NO): amount}, -amount)

    def merge(self, place: int, amount: int) -> None:
        """Turn complete sets of one market into collateral."""
        number = self.numbers[place]
        self._change({(number, YES): -amount, (number, NO): -amount}, amount)

    def convert(self, index_set: int, amount: int, now: int) -> None:
        """Turn the NO of some questions into the YES of all others, and collateral for all but one
        of the set (`VENUE c`: the older adapter, without its fee)."""
        places = range(len(self.numbers))
        chosen = [place for place in places if index_set >> place & 1]
        if not chosen or index_set >> len(self.numbers) or len(self.numbers) < 2:
            raise VaultRefused("InvalidIndexSet")
        changes: dict[Token, int] = {
            (self.numbers[place], NO if place in chosen else YES): -amount
            if place in chosen
            else amount
            for place in places
        }
        self._change(changes, (len(chosen) - 1) * amount)
        self.converted += ((now, index_set, amount),)

    def redeem(self, listed: Sequence[Listed], now: int) -> None:
        """Turn what has been paid into collateral."""
        for number, held in zip(self.numbers, self.positions(listed, now), strict=True):
            if held.resolved:
                paid = held.yes * held.payout_yes // held.payout_denominator
                paid += held.no * held.payout_no // held.payout_denominator
                self.collateral += paid
                self.got += paid
                self.tokens[number, YES] = self.tokens[number, NO] = 0

    def part(self, shares: int, supply: int) -> tuple[int, dict[Token, int]]:
        """Give a part of everything away; return the collateral and the tokens."""
        cash = self.collateral * shares // supply
        given = {token: held * shares // supply for token, held in self.tokens.items()}
        self.collateral -= cash
        for token, amount in given.items():
            self.tokens[token] -= amount
        return cash, given

    def _change(self, tokens: dict[Token, int], money: int) -> None:
        after = {token: self.tokens.get(token, 0) + change for token, change in tokens.items()}
        if self.collateral + money < 0 or min(after.values()) < 0:
            raise VaultRefused("balance")
        self.collateral += money
        self.tokens |= after
        if money > 0:
            self.got += money
        else:
            self.paid -= money
