"""A whole life of each kind of account: opened, funded, trading as taker (at a better price than
its order's) and as maker, a first condition resolved, redeemed, left in kind, halted, succeeded in
another class, closed, swept.

Every amount is reckoned by hand from the prices of the trades, and compared with the tokens
themselves; the kind's auditor finds nothing after each step.
"""

from dataclasses import dataclass, field

import pytest

from tests.contracts.account_kinds import Delegated, Pools
from tests.contracts.wallet_stage import CAP
from tests.property.evm import Reverted
from tests.property.world import UNIT
from tests.signing import BUY, SELL

SECOND = 1_000 * UNIT  # what the successor gets
LATE = 7 * UNIT


@dataclass
class Book:
    """What account and wallet hold by the arithmetic of the trades.

    Attributes:
        tokens: index -> amount
        gained: payments and payouts of all accounts, less what they paid
    """

    cash: int
    tokens: dict[int, int] = field(default_factory=dict)
    gained: int = 0

    def flows(self, cash: int, index: int, tokens: int) -> None:
        self.cash += cash
        self.gained += cash
        self.tokens[index] = self.tokens.get(index, 0) + tokens

    def paid_out(self, index: int, of: tuple[int, int] = (1, 1)) -> None:
        amount = self.tokens.pop(index, 0)
        self.cash += amount * of[0] // of[1]
        self.gained += amount * of[0] // of[1]


def agree(kind, book):
    """Tokens, vault and auditor say the same."""
    cash, held = kind.has()
    assert (cash, held) == (book.cash, [book.tokens.get(i, 0) for i in range(len(held))])
    vault = kind.vault
    assert kind.pusd.balanceOf(vault.address) == vault.total_idle()
    assert kind.audited() == []


def first_deals(kind, book):
    """Return the bid's value of what was bought, at marks of 48 and 52 cents."""
    if isinstance(kind, Pools):
        expected = kind.pool.calcBuyAmount(500 * UNIT, 0)
        assert 960 * UNIT < expected < 980 * UNIT  # at 50 cents and 2 % of fee: 980, less the move
        kind.buys(0, 500 * UNIT, 940 * UNIT)
        book.flows(-500 * UNIT, 0, expected)
        agree(kind, book)
        sold = kind.pool.calcSellAmount(200 * UNIT, 0)
        kind.sells(0, 200 * UNIT, 420 * UNIT)
        book.flows(200 * UNIT, 0, -sold)
        return (expected - sold) * 48 // 100
    kind.takes(0, 1_000 * UNIT, 52, 50)
    book.flows(-500 * UNIT, 0, 1_000 * UNIT)
    agree(kind, book)
    kind.makes(0, 400 * UNIT, 51, SELL)
    book.flows(204 * UNIT, 0, -400 * UNIT)
    agree(kind, book)
    kind.makes(3, 200 * UNIT, 50, BUY)
    book.flows(-100 * UNIT, 3, 200 * UNIT)
    return (600 + 200) * UNIT * 48 // 100


def deals_again(kind, book):
    """Another 100, at 50 cents: by a resting order, or of the pool."""
    if isinstance(kind, Pools):
        expected = kind.pool.calcBuyAmount(50 * UNIT, 0)
        kind.buys(0, 50 * UNIT, expected)
        book.flows(-50 * UNIT, 0, expected)
        return
    kind.makes(0, 100 * UNIT, 50, BUY)
    book.flows(-50 * UNIT, 0, 100 * UNIT)


def leaves_in_kind(kind, book):
    """Alice leaves with half of hers; return the tokens that she got."""
    shares = kind.world.shares("alice") // 2
    supply, idle = kind.vault.totalSupply(), kind.vault.total_idle()
    before = kind.world.cash("alice")
    kind.world.leave("alice", shares)
    cash = book.cash * shares // supply
    assert kind.world.cash("alice") - before == idle * shares // supply + cash
    book.cash -= cash
    if kind.grade == 2:
        return {}
    got = {index: amount * shares // supply for index, amount in book.tokens.items()}
    for index, amount in got.items():
        book.tokens[index] -= amount
    return got


def ends(kind, book):
    """All conditions have a payout: what is left is turned into it, and the market is closed."""
    kind.comes_home()
    agree(kind, book)
    idle = kind.vault.total_idle()
    kind.vault.closeMarket(kind.id, sender=kind.who["mallory"])
    book.paid_out(0, (3, 4) if isinstance(kind, Pools) else (1, 1))
    assert kind.vault.total_idle() - idle == book.cash
    book.cash = 0
    agree(kind, book)


def whole_life(kind):
    """Tell it, from the first allocation to the last holder's exit."""
    world, vault, who = kind.world, kind.vault, kind.who
    deposits = vault.total_idle()
    first_cash = {each: world.cash(each) for each in ("alice", "bob")}
    kind.starts(CAP)
    book = Book(CAP)
    kind.marks({0: 50} if isinstance(kind, Pools) else {0: 50, 1: 50})
    agree(kind, book)
    value = first_deals(kind, book)
    kind.marks({0: 50} if isinstance(kind, Pools) else {0: 50, 1: 50})
    agree(kind, book)
    assert vault.bookOf(kind.id)[:2] == (CAP, book.cash + value)

    # a first condition is resolved, against YES; what is held of it comes home and is redeemed
    if not isinstance(kind, Pools):
        kind.pays(1, False)
    kind.comes_home()
    agree(kind, book)
    kind.account.redeemResolved(sender=who["mallory"])
    book.paid_out(3)
    agree(kind, book)
    taken = leaves_in_kind(kind, book)
    agree(kind, book)

    kind.goes_out(book.cash)
    deals_again(kind, book)
    agree(kind, book)
    kind.account.halt(sender=who["guardian"])
    if not isinstance(kind, Delegated):  # whose key is bound by nothing, as its class says
        with pytest.raises(Reverted):
            deals_again(kind, Book(0))
    kind.comes_home()
    agree(kind, book)

    # the question goes on in another class
    halted = (kind.id, kind.account, kind.wallet_address, kind.tokens, book)
    kind.succeeds()
    kind.starts(SECOND)
    successor = Book(SECOND)
    kind.marks({0: 50})
    deals_again(kind, successor)
    agree(kind, successor)

    # YES has won (of the pool's question, three quarters)
    kind.pays(0, True)
    if not isinstance(kind, Pools):
        kind.pays(2, False)
    ends(kind, successor)
    idle = vault.total_idle()
    vault.closeMarket(halted[0], sender=who["mallory"])
    book.paid_out(0, (3, 4) if isinstance(kind, Pools) else (1, 1))
    assert vault.total_idle() - idle == book.cash
    assert vault.isFlat()

    # something comes late
    kind.gives(halted[2], LATE)
    if isinstance(kind, Delegated):
        halted[1].takeBack(LATE, sender=who["mallory"])
    assert vault.sweep(halted[1].address, sender=who["mallory"]) == LATE
    assert kind.audited() == []

    for each in ("alice", "bob"):
        world.leave(each, world.shares(each))
    assert (vault.totalSupply(), vault.total_idle()) == (0, 0)
    got = sum(world.cash(each) - cash for each, cash in first_cash.items())
    assert got == deposits + book.gained + successor.gained + LATE
    if not isinstance(kind, Pools):
        # 1,000 for 500, 400 of them sold for 204, 200 for 100, and twice 100 for 50: what Alice
        # took in tokens is hers
        gained = (-500 + 204 - 100 + 200 - 50 - 50 + 600 + 200) * UNIT + LATE
        assert got + taken.get(0, 0) == deposits + gained
    assert kind.audited() == []
