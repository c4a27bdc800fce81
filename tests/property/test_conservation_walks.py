"""Random honest walks of accounts are clean to the audit's conservation; with one theft in them,
the theft is named by block and account, and nothing else is.

The oracle is a ledger of tokens made of plain dictionaries (token_ledger.py). What an account does
is written here as a venue does it: by whom tokens go, what is logged, what is rounded. All of it
stands beside anything else in one transaction.
"""

import random
from collections.abc import Callable

import pytest

from tests.property.token_ledger import (
    ADAPTER,
    ASSET,
    BUY,
    CTF,
    EXCHANGE,
    FEES,
    LEAVER,
    MAKER,
    POOL,
    SELL,
    STRANGER,
    THIEF,
    VAULT,
    ZERO,
    Account,
    TokenLedger,
    audited,
    came_home,
    left,
    paid,
    reported,
)
from tests.seeds import SEEDS, dice

KINDS = (
    *(("PolymarketAccount", 1, 0), ("PolymarketAccount", 3, 150), ("WalletAccount", 2, 0)),
    *(("PositionAccount", 3, 0), ("FpmmAccount", 1, 0), ("DelegatedAccount", 1, 0)),
)
BLOCKS, WALKS = 40, 12  # of a walk; of a seed
RICH = 10**9
BUDGET = 10**6
MOST = 15  # accounts
LEAST = 1_000  # of a theft: roundings are smaller


class Walk:
    """What happens to the accounts of one vault, by chance."""

    def __init__(self, chance: random.Random) -> None:
        self.chance, self.chain = chance, TokenLedger()
        self.accounts: list[Account] = []
        self.supply, self.wallets = 10**6, 0
        for holder in (VAULT, MAKER, STRANGER, POOL):
            self.chain.held["", holder] = RICH
        for each in KINDS:
            self.open(*each)
        self.chain.next_block()

    def open(self, kind: str, conditions: int, fee_bps: int) -> None:
        """Open a market; whoever trades has its tokens, and it has a budget."""
        account = self.chain.open(kind, conditions, fee_bps)
        self.accounts.append(account)
        for holder in (MAKER, STRANGER, POOL):
            for place in range(len(account.tokens)):
                self.chain.held[account.token(place), holder] += RICH
        self.chain.move("", VAULT, account.address, BUDGET)

    # parts

    def some(self, holder: str, token: str) -> int:
        """Return some of what a holder has."""
        held = self.chain.held[token, holder]
        return (
            self.chance.randrange(1, held + 1) if held and self.chance.random() < 0.5 else held // 3
        )

    def holder(self, account: Account) -> str:
        return self.chance.choice(account.holders)

    def take(self, account: Account, holder: str, amounts: dict[int, int], assets: int) -> None:
        """Tokens become assets, one by one or at once."""
        self.chain.take(account, holder, amounts, assets, self.chance.random() < 0.5)

    def unresolved(self, account: Account) -> list[int]:
        return [place for place, payout in enumerate(account.payouts) if not payout[2]]

    # what is honest

    def splits(self, account: Account) -> None:
        amount = self.some(account.address, "")
        condition = self.chance.randrange(len(account.payouts))
        if amount:
            self.chain.tells(account.address, "Split(uint256,uint256)", [condition], amount)
            pair = [2 * condition, 2 * condition + 1]
            self.chain.make(account, account.address, pair, amount)

    def merges(self, account: Account) -> None:
        condition = self.chance.randrange(len(account.payouts))
        pair = [2 * condition, 2 * condition + 1]
        amount = min(self.some(account.address, account.token(place)) for place in pair)
        if amount:
            self.chain.tells(account.address, "Merged(uint256,uint256)", [condition], amount)
            self.take(account, account.address, dict.fromkeys(pair, amount), amount)

    def splits_event(self, account: Account) -> None:
        amount = self.some(account.address, "")
        if account.kind == "PositionAccount" and amount:
            self.chain.tells(account.address, "EventSplit(uint256)", [], amount)
            self.chain.make(
                account, account.address, list(range(0, len(account.tokens), 2)), amount
            )

    def merges_event(self, account: Account) -> None:
        places = list(range(0, len(account.tokens), 2))
        amount = min(self.some(account.address, account.token(place)) for place in places)
        if account.kind == "PositionAccount" and amount:
            self.chain.tells(account.address, "EventMerged(uint256)", [], amount)
            self.take(account, account.address, dict.fromkeys(places, amount), amount)

    def converts(self, account: Account) -> None:
        count = len(account.payouts)
        if count < 2 or account.kind == "WalletAccount":
            return
        most = 1 if account.kind == "PositionAccount" else count
        chosen = self.chance.sample(range(count), self.chance.randrange(1, most + 1))
        amount = min(self.some(account.address, account.token(2 * n + 1)) for n in chosen)
        if not amount:
            return
        index_set, fee = sum(1 << n for n in chosen), amount * account.fee_bps // 10_000
        self.chain.tells(account.address, "Converted(uint256,uint256)", [], index_set, amount)
        gains = (len(chosen) - 1) * (amount - fee)
        self.take(account, account.address, {2 * n + 1: amount for n in chosen}, gains)
        for other in set(range(count)) - set(chosen):
            token = account.token(2 * other)
            self.chain.move(token, ZERO, account.address, amount - fee)

    def redeems(self, account: Account) -> None:
        """By the account, which tells it, or by a delegated wallet, which does not."""
        over = [place for place, payout in enumerate(account.payouts) if payout[2]]
        if not over:
            return
        condition = self.chance.choice(over)
        *parts, of = account.payouts[condition]
        holder = self.holder(account) if account.kind == "DelegatedAccount" else account.address
        places = {2 * condition + side: part for side, part in enumerate(parts)}
        held = {each: self.chain.held[account.token(each), holder] for each in places}
        assets = sum(held[each] * part // of for each, part in places.items())
        if holder == account.address:
            self.chain.tells(holder, "Redeemed(uint256,uint256)", [condition], assets)
        self.take(account, holder, held, assets)

    def fills(self, account: Account) -> None:
        """From hand to hand, or through the exchange, which takes in more and gives it back: what
        it logs is what it took in, or what was spent of it (VENUE.md: V2, V3)."""
        if account.kind == "FpmmAccount":
            self.trades_at_pool(account)
            return
        holder, place = self.holder(account), self.chance.randrange(len(account.tokens))
        token, through = account.token(place), self.chance.random() < 0.5
        maker, side = (EXCHANGE if through else MAKER), self.chance.choice((BUY, SELL))
        taker = self.chance.choice((EXCHANGE, MAKER))  # MAKER: the account's order was there before
        if side == BUY:
            budget = self.some(holder, "") // 2
            fee, refund = budget // 50, budget // 7 if through and taker == EXCHANGE else 0
            spent, tokens = budget - refund, budget * self.chance.randrange(1, 9)
            self.chain.move("", holder, maker, budget + (fee if through else 0))
            if through:
                self.chain.move(token, MAKER, EXCHANGE, tokens)
                self.chain.move("", EXCHANGE, FEES, fee)
                self.chain.move("", EXCHANGE, holder, refund)
            else:
                self.chain.move("", holder, FEES, fee)
            self.chain.move(token, maker, holder, tokens)
            logged = self.chance.choice((budget, spent))
            self.meets(holder, SELL, account.tokens[place], taker, through)
            self.chain.fill(holder, BUY, account.tokens[place], logged, tokens, fee, taker)
        elif tokens := self.some(holder, token):
            cash = tokens // self.chance.randrange(2, 9)
            fee = cash // 50
            self.chain.move(token, holder, maker, tokens)
            if through:
                self.chain.move("", MAKER, EXCHANGE, cash)
                self.chain.move("", EXCHANGE, FEES, fee)
            self.chain.move("", maker, holder, cash - fee)
            self.meets(holder, BUY, account.tokens[place], taker, through)
            self.chain.fill(holder, SELL, account.tokens[place], tokens, cash, fee, taker)

    def meets(self, holder: str, side: int, token: int, taker: str, through: bool) -> None:
        """Log the maker's order that a taker's meets: in a mixed match one of the other token."""
        if taker == EXCHANGE:
            other = 1 - side if through else side
            self.chain.fill(MAKER, other, token ^ 1 if through else token, 1, 1, 0, taker=holder)

    def meets_itself(self, account: Account) -> None:
        """Its bid and its ask are matched, from hand to hand: nothing moves but the fee."""
        holder, token = self.holder(account), account.token(0)
        tokens = self.some(holder, token)
        cash = min(tokens // 2, self.chain.held["", holder] // 2)
        if account.kind == "FpmmAccount" or not cash:
            return
        fee = cash // 50
        self.chain.move(token, holder, holder, tokens)
        self.chain.move("", holder, holder, cash)
        self.chain.move("", holder, FEES, fee)
        self.chain.fill(holder, SELL, account.tokens[0], tokens, cash, 0, taker=holder)
        self.chain.fill(holder, BUY, account.tokens[0], cash, tokens, fee, taker=EXCHANGE)

    def trades_at_pool(self, account: Account) -> None:
        outcome, signature = self.chance.randrange(2), "(address,uint256,uint256,uint256)"
        token = account.token(outcome)
        if self.chance.random() < 0.5:
            cash = self.some(account.address, "") // 2
            self.chain.move("", account.address, POOL, cash)
            self.chain.move(token, POOL, account.address, 2 * cash)
            words = ("Bought", cash, 2 * cash)
        else:
            tokens = self.some(account.address, token)
            self.chain.move(token, account.address, POOL, tokens)
            self.chain.move("", POOL, account.address, tokens // 3)
            words = ("Sold", tokens // 3, tokens)
        name, *amounts = words
        self.chain.tells(account.address, name + signature, [POOL, outcome], *amounts)

    def gets_a_gift(self, account: Account) -> None:
        """Of the asset, of its tokens, of another market's; also for a wallet, or an account, that
        is to come."""
        holders = [*account.holders, self.next_wallet(), self.chain.next_address]
        tokens = ["", account.token(0), account.token(1), f"{account.contract} 77"]
        tokens.append(f"{CTF} {1_000 * (len(self.accounts) + 1)}")  # of the next
        token, amount = self.chance.choice(tokens), self.chance.choice((1, 7, 10**6))
        self.chain.held[token, STRANGER] += amount
        self.chain.move(token, STRANGER, self.chance.choice(holders), amount)

    def gets_budget(self, account: Account) -> None:
        self.chain.move("", VAULT, account.address, self.chance.randrange(1, BUDGET))

    def goes_home(self, account: Account) -> None:
        amount = self.some(account.address, "")
        self.chain.move("", account.address, VAULT, amount)
        came_home(self.chain, account, amount)

    def next_wallet(self) -> str:
        return "0x" + f"{0xBB00 + self.wallets:040x}"

    def names_wallet(self, account: Account) -> None:
        if account.kind not in ("DelegatedAccount", "WalletAccount"):
            return
        if not account.wallet:
            self.chain.name(account, self.next_wallet())
            self.wallets += 1
        elif account.kind == "DelegatedAccount":  # all comes home, then it is free
            for token in ("", *map(account.token, range(len(account.tokens)))):
                if amount := self.chain.held[token, account.wallet]:
                    self.chain.move(token, account.wallet, account.address, amount)
            self.chain.name(account, "")

    def moves_inside(self, account: Account) -> None:
        """To the wallet and back."""
        if account.wallet:
            ends = self.chance.sample([account.address, account.wallet], 2)
            token = self.chance.choice(["", account.token(0), account.token(1)])
            if amount := self.some(ends[0], token):
                self.chain.move(token, *ends, amount)

    def makes_alone(self, account: Account) -> None:
        """A delegated wallet makes sets and takes sets apart without its account."""
        if account.kind != "DelegatedAccount" or not account.wallet:
            return
        if self.chance.random() < 0.5:
            if assets := self.some(account.wallet, ""):
                self.chain.make(account, account.wallet, [0, 1], assets)
        elif amount := min(self.some(account.wallet, account.token(place)) for place in (0, 1)):
            self.take(account, account.wallet, {0: amount, 1: amount}, amount)

    def pays_in_kind(self, account: Account) -> None:
        """Somebody leaves in kind: every account pays his part, or is skipped."""
        part = self.chance.randrange(1, self.supply // 5)
        skipped = [each for each in self.accounts if self.chance.random() < 0.2]
        kind = "DelegatedAccount"
        payers = [each for each in self.accounts if each not in skipped]
        for each in payers:
            if each.kind == kind:
                paid(self.chain, each, self.pay(each.address, [""], part))
        left(self.chain, part, self.supply, [each.market for each in skipped])
        for each in payers:
            if each.kind != kind:
                tokens = ["", *map(each.token, range(len(each.tokens)))]
                self.pay(each.address, tokens, part)
                if each.wallet and self.chance.random() < 0.7:
                    assets = self.pay(each.wallet, [""], part)
                    words = (each.address, "Withdrawn(address,address,uint256)")
                    self.chain.tells(*words, [each.wallet, LEAVER], assets)
                    self.pay(each.wallet, tokens[1:], part)
        self.supply -= part

    def pay(self, holder: str, tokens: list[str], part: int) -> int:
        """Pay a leaver's part of what a holder has, rounded down; return the assets."""
        parts = {token: self.chain.held[token, holder] * part // self.supply for token in tokens}
        if parts.get(""):
            self.chain.move("", holder, LEAVER, parts[""])
        some = [(token, amount) for token, amount in parts.items() if token and amount]
        self.chain.move_all(some, holder, LEAVER)
        return parts.get("", 0)

    def opens_another(self, account: Account) -> None:
        if len(self.accounts) < MOST and self.chance.random() < 0.3:
            self.open(*self.chance.choice(KINDS))

    def is_answered(self, account: Account) -> None:
        if self.unresolved(account) and self.chance.random() < 0.2:
            condition = self.chance.choice(self.unresolved(account))
            answers = [(1, 0), (0, 1)] if len(account.payouts) > 1 else [(1, 0), (0, 1), (1, 2)]
            others = [each for each in account.payouts if each[0]]
            self.chain.resolve(
                account, condition, *((0, 1) if others else self.chance.choice(answers))
            )

    # what is not

    def thefts(self, account: Account) -> list[Callable[[], None]]:
        """Return what a thief could do now, and what it is worth."""
        places, found = len(account.tokens), list[Callable[[], None]]()
        makers = [ZERO, CTF, ADAPTER] if account.kind != "PositionAccount" else [ZERO]
        for holder in account.holders:
            cash = self.chain.held["", holder]
            if cash >= LEAST:
                for receiver in (THIEF, VAULT, STRANGER, MAKER, LEAVER, ASSET, *makers):
                    found.append(lambda h=holder, r=receiver, n=cash: self.steal("", h, r, n))
            for place in range(places):
                token, worth = account.token(place), self.worth(account, place)
                held = self.chain.held[token, holder]
                known = held if account.kind != "PositionAccount" else worth(held)
                for receiver in (THIEF, MAKER, LEAVER, VAULT) if known >= LEAST else ():
                    found.append(
                        lambda t=token, h=holder, r=receiver, n=held: self.steal(t, h, r, n)
                    )
                for receiver in makers if worth(held) >= LEAST else ():
                    found.append(
                        lambda t=token, h=holder, r=receiver, n=held: self.steal(t, h, r, n)
                    )
        return found

    def worth(self, account: Account, place: int) -> Callable[[int], int]:
        """Return what tokens are worth at most, as far as anybody knows."""
        *parts, of = account.payouts[place // 2]
        return lambda held: held * parts[place % 2] // of if of else held

    def steal(self, token: str, holder: str, receiver: str, amount: int) -> None:
        self.chain.move(token, holder, receiver, amount)

    # the walk

    def one(self) -> None:
        """One thing happens."""
        what = self.chance.choice(HONEST)
        getattr(self, what)(self.chance.choice(self.accounts))

    def live(self, theft_at: int = 0) -> tuple[int, str]:
        """Live for some blocks; return block and account of the theft, if there is one."""
        stolen, count = (0, ""), 0
        for block in range(BLOCKS):
            for _ in range(self.chance.randrange(1, 3)):
                for _ in range(self.chance.randrange(1, 5)):
                    self.one()
                    count += 1
                    if theft_at and count >= theft_at and not stolen[0]:
                        account = self.chance.choice(self.accounts)
                        if some := self.thefts(account):
                            self.chance.choice(some)()
                            stolen = self.chain.block, account.address
                self.chain.next_transaction()
            if self.chance.random() < 0.2:
                reported(self.chain)
            self.chain.next_block()
            assert block < BLOCKS
        return stolen


HONEST = (
    *("splits", "merges", "splits_event", "merges_event", "converts", "redeems", "fills", "fills"),
    *("gets_a_gift", "gets_budget", "goes_home", "names_wallet", "moves_inside", "makes_alone"),
    *("pays_in_kind", "is_answered", "meets_itself", "opens_another"),
)


@pytest.mark.parametrize("seed", SEEDS)
def test_honest_walks_are_clean_and_add_up_to_what_is_held(seed):
    for number in range(WALKS):
        walk = Walk(dice("honest", seed, number))
        walk.live()
        pieces = walk.chance.randrange(1, 6)
        found = audited(walk.chain, pieces)
        assert found.differences == [], (seed, number)
        for account in walk.accounts:
            for holder in account.holders:
                known = found.progress.held.get(holder, {})
                for token in ("", *map(account.token, range(len(account.tokens)))):
                    assert known.get(token, 0) == walk.chain.held[token, holder]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_theft_anywhere_in_a_walk_is_named_by_block_and_account_and_nothing_else_is(seed):
    named = 0
    for number in range(WALKS):
        walk = Walk(dice("theft", seed, number))
        block, account = walk.live(walk.chance.randrange(5, BLOCKS * 3))
        found = audited(walk.chain, walk.chance.randrange(1, 6)).differences
        if not block:
            continue
        named += 1
        assert found, (seed, number, block, account)
        assert {each.block for each in found} == {block}, (seed, number, found)
        what = {each.what.partition(": ")[0] for each in found}  # or what a leaver got is too much
        assert f"account {account}" in what <= {f"account {account}", "PaidInKind.assets"}, found
    assert named > WALKS // 2
