"""Several matches of one account in one transaction, in any order and of amounts that are often
alike, as the venue's two exchanges settle them; with a theft in between, or without one.

V2 logs what it takes in from a taker, and V3 what it has spent of it; both give the rest back. What
is logged of a match is complete: the taker's fill, and a maker's beside the account's.
"""

import random

import pytest

from tests.agent.test_audit_conservation import funded
from tests.property.token_ledger import (
    BUY,
    EXCHANGE,
    FEES,
    MAKER,
    SELL,
    THIEF,
    TokenLedger,
    audited,
    reported,
)
from tests.seeds import SEEDS, dice

AMOUNTS = (100, 103, 200, 203, 300)
MUCH = 10**7
WALKS = 100  # of a seed


class Matches:
    """One account's matches in one transaction."""

    def __init__(self, chance: random.Random, logs_spent: bool) -> None:
        """Take whether the exchange logs what it has spent, as V3 does."""
        self.chain, self.chance, self.logs_spent = TokenLedger(), chance, logs_spent
        self.account = funded(self.chain, assets=MUCH)
        self.strangers = 0
        for place in (0, 1):
            self.chain.held[self.account.token(place), MAKER] += MUCH
            self.chain.move(self.account.token(place), MAKER, self.account.address, MUCH)
        self.chain.next_block()

    def stranger(self) -> str:
        self.strangers += 1
        return f"0x{0xEE00 + self.strangers:040x}"

    def terms(self) -> tuple[int, int, int, int, int]:
        """Return a side, which token, cash, tokens and a fee."""
        side, place = self.chance.choice((BUY, SELL)), self.chance.choice((0, 1))
        return side, place, *self.chance.choices(AMOUNTS, k=2), self.chance.choice((0, 3))

    def move(self, token: str, sender: str, receiver: str, amount: int) -> None:
        """Move something; whoever is not the account has it."""
        if sender != self.account.address:
            self.chain.held[token, sender] += amount
        if amount:
            self.chain.move(token, sender, receiver, amount)

    def fill(self, who: str, side: int, place: int, cash: int, tokens: int, fee: int,
             taker: str = EXCHANGE) -> None:  # fmt: skip
        gives, gets = (cash, tokens) if side == BUY else (tokens, cash)
        self.chain.fill(who, side, self.account.tokens[place], gives, gets, fee, taker=taker)

    def trade(self, side: int, place: int, cash: int, tokens: int, fee: int, with_: str) -> None:
        """Let the account trade with somebody, or through the exchange, which keeps its fee."""
        token, mine = self.account.token(place), self.account.address
        if side == SELL:
            self.move(token, mine, with_, tokens)
            self.move("", with_, mine, cash - fee)
            return
        is_through = with_ == EXCHANGE
        self.move("", mine, with_, cash + (fee if is_through else 0))
        self.move(token, with_, mine, tokens)
        self.move("", mine, FEES, 0 if is_through else fee)

    def takes(self) -> None:
        """The account takes one order, from hand to hand."""
        side, place, cash, tokens, fee = self.terms()
        maker, mine = self.stranger(), self.account.address
        self.trade(side, place, cash, tokens, fee, maker)
        self.fill(maker, 1 - side, place, cash, tokens, 0, taker=mine)
        self.fill(mine, side, place, cash, tokens, fee)

    def rests(self) -> None:
        """Its order rested, and one is all that the taker meets."""
        side, place, cash, tokens, fee = self.terms()
        taker = self.stranger()
        self.trade(side, place, cash, tokens, fee, taker)
        self.fill(self.account.address, side, place, cash, tokens, fee, taker=taker)
        self.fill(taker, 1 - side, place, cash, tokens, 0)

    def rests_among_others(self) -> None:
        """Its order rested, and all goes through the exchange: the taker is on its own side, of the
        other token, or meets such a one besides."""
        side, place, cash, tokens, fee = self.terms()
        taker = self.stranger()
        self.trade(side, place, cash, tokens, fee, EXCHANGE)
        self.fill(self.account.address, side, place, cash, tokens, fee, taker=taker)
        if self.chance.random() < 0.5:
            self.fill(taker, side, 1 - place, 500, 200, 0)
        else:
            self.fill(self.stranger(), 1 - side, 1 - place, 20, 50, 0, taker=taker)
            self.fill(taker, 1 - side, place, 500, 200, 0)

    def takes_through(self) -> None:
        """The account takes an order of the other token: the exchange takes in what it may spend,
        and gives some of it back."""
        side, place, cash, tokens, fee = self.terms()
        given, token = (cash, "") if side == BUY else (tokens, self.account.token(place))
        is_told = side == SELL or not self.logs_spent  # V3 gives tokens back to nobody
        back = self.chance.choice((0, given // 2, 100 % given))
        back = 0 if side == SELL and self.logs_spent else back
        self.fill(self.stranger(), side, 1 - place, 10, 10, 0, taker=self.account.address)
        self.trade(side, place, cash, tokens, fee, EXCHANGE)
        self.move(token, EXCHANGE, self.account.address, back)
        spent = cash if is_told else cash - back
        self.fill(self.account.address, side, place, spent, tokens, fee)

    def steals(self) -> tuple[str, int]:
        """Somebody gets something more: a thief, or whoever has been in these matches."""
        token = self.chance.choice(["", *map(self.account.token, (0, 1))])
        amount = self.chance.choice((1, 50, 150, *AMOUNTS))
        places = range(1, self.strangers + 2)
        friends = [THIEF, MAKER, *(f"0x{0xEE00 + each:040x}" for each in places)]
        self.chain.move(token, self.account.address, self.chance.choice(friends), amount)
        name = f"token {token.partition(' ')[2]}" if token else "asset"
        return f"{name} that nothing explains", amount


def walk(
    chance: random.Random, steals: bool
) -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
    """Return what was stolen in a walk, and what the audit names."""
    it = Matches(chance, logs_spent=chance.random() < 0.5)
    acts = [it.takes, it.rests, it.rests_among_others, it.takes_through, it.takes_through]
    chosen = chance.choices(acts, k=chance.randint(1, 5))
    place, stolen = chance.randint(0, len(chosen)), list[tuple[str, int]]()
    for number in range(len(chosen) + 1):
        if steals and number == place:
            stolen.append(it.steals())
        if number < len(chosen):
            chosen[number]()
    it.chain.next_block()
    reported(it.chain)
    found = audited(it.chain).differences
    named = [(each.what.split(": ")[1], int(each.expected) - int(each.found)) for each in found]
    return stolen, named


@pytest.mark.parametrize("seed", SEEDS)
def test_matches_in_one_transaction_accuse_nobody(seed):
    chance = dice("matches", seed)
    for _ in range(WALKS):
        stolen, named = walk(chance, steals=False)
        assert named == stolen == []


@pytest.mark.parametrize("seed", SEEDS)
def test_a_theft_between_matches_of_one_transaction_is_named_to_the_unit(seed):
    chance = dice("stolen between matches", seed)
    for _ in range(WALKS):
        stolen, named = walk(chance, steals=True)
        assert named == stolen != []
