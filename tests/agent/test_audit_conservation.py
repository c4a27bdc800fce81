"""What the audit's conservation names, and what it must not name: small cases over a token ledger.

Each case is one or two transactions, with amounts by hand. What is stolen is named by block, by
account, token and amount; what is honest is not named, whatever else the transaction does.
"""

from collections import Counter

import pytest
from strongroom.audit import balances
from strongroom.audit.cash import cash_differences
from strongroom.audit.event_columns import EventColumns
from strongroom.audit.events import Allocated
from strongroom.audit.movements import Moved
from strongroom.audit.worth import lost
from strongroom.chain.failures import CallReverted

from tests.property.token_ledger import (
    ADAPTER,
    ASSET,
    BUY,
    CTF,
    EXCHANGE,
    FEES,
    LEAVER,
    MAKER,
    SELL,
    STRANGER,
    THIEF,
    VAULT,
    ZERO,
    TokenLedger,
    audited,
    came_home,
    closed,
    left,
    paid,
    reported,
)

WALLET = "0x" + "bb" * 20
KINDS = ("PolymarketAccount", "PositionAccount", "FpmmAccount", "DelegatedAccount")


@pytest.fixture
def chain():
    return TokenLedger()


def funded(chain, kind="PolymarketAccount", conditions=1, assets=1_000, fee_bps=0):
    """Return an account with assets of the vault."""
    account = chain.open(kind, conditions, fee_bps)
    chain.held["", VAULT] += assets
    chain.move("", VAULT, account.address, assets)
    chain.next_block()
    return account


def named(chain, **options):
    """Return (block, token, expected, found) of what is named of accounts, in their order."""
    found = []
    for each in audited(chain, **options).differences:
        account, _, words = each.what.partition(": ")
        assert account.startswith("account 0x") and words.endswith(" that nothing explains")
        found.append((each.block, words.split(" that")[0], each.expected, each.found))
    return found


def is_clean(chain):
    chain.next_block()
    reported(chain)
    assert audited(chain).differences == audited(chain, pieces=chain.block).differences == []


def splits(chain, account, amount, condition=0):
    """The account makes sets, as its kind does."""
    chain.tells(account.address, "Split(uint256,uint256)", [condition], amount)
    chain.make(account, account.address, [2 * condition, 2 * condition + 1], amount)


def merges(chain, account, amount, tokens=(0, 1), told="Merged(uint256,uint256)"):
    chain.tells(account.address, told, [0], amount)
    chain.take(account, account.address, dict.fromkeys(tokens, amount), amount)


def buys(chain, account, holder, place, cash, tokens, fee=0):
    """A fill of a holder's order: the maker gives tokens, gets cash, the venue its fee."""
    chain.held[account.token(place), MAKER] += tokens
    chain.move(account.token(place), MAKER, holder, tokens)
    chain.move("", holder, MAKER, cash)
    if fee:
        chain.move("", holder, FEES, fee)
    chain.fill(holder, BUY, account.tokens[place], cash, tokens, fee)


# a theft beside something else


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("receiver", [THIEF, ADAPTER, ZERO, CTF])
def test_a_token_that_leaves_beside_a_split_is_named(chain, kind, receiver):
    account = funded(chain, kind)
    splits(chain, account, 100)
    chain.move(account.token(0), account.address, receiver, 40)
    block = chain.block
    assert named(chain) == [(block, f"token {account.tokens[0]}", "100", "60")]


@pytest.mark.parametrize("kind", KINDS)
def test_assets_that_leave_beside_a_split_or_a_merge_are_named(chain, kind):
    account = funded(chain, kind)
    splits(chain, account, 100)
    chain.move("", account.address, THIEF, 30)
    first = chain.block
    chain.next_block()
    merges(chain, account, 50)
    chain.move("", account.address, THIEF, 20)
    found = [each for each in named(chain) if each[1] == "asset"]
    assert found == [(first, "asset", "-100", "-130"), (chain.block, "asset", "50", "30")]


def test_a_conversion_explains_what_its_event_gives_and_nothing_else(chain):
    """NO of questions 0 and 1 become YES of 2 and 10 of the asset, each less 2 % of 10."""
    account = funded(chain, conditions=3, fee_bps=2_000)
    for condition in (0, 1):
        splits(chain, account, 10, condition)
    chain.next_transaction()
    chain.tells(account.address, "Converted(uint256,uint256)", [], 0b011, 10)
    for place in (1, 3):
        chain.move(account.token(place), account.address, ADAPTER, 10)
    chain.move(account.token(4), ZERO, account.address, 8)
    chain.move("", ZERO, account.address, 8)
    is_clean(chain)
    before = chain.block
    chain.next_block()
    chain.tells(account.address, "Converted(uint256,uint256)", [], 0b100, 8)
    chain.held[account.token(5), account.address] += 8  # given before
    chain.move(account.token(4), account.address, THIEF, 3)
    found = named(chain)
    assert (chain.block, f"token {account.tokens[4]}", "0", "-3") in found
    assert before < chain.block == min(each[0] for each in found)


def test_what_a_conversion_brings_less_than_its_fee_leaves_is_named(chain):
    account = funded(chain, conditions=2, fee_bps=100)
    splits(chain, account, 1_000)
    chain.next_transaction()
    chain.tells(account.address, "Converted(uint256,uint256)", [], 0b01, 1_000)
    chain.move(account.token(1), account.address, ADAPTER, 1_000)
    chain.move(account.token(2), ZERO, account.address, 900)
    assert named(chain) == [(chain.block, f"token {account.tokens[2]}", "990", "900")]


def test_the_cash_that_a_conversion_must_bring_is_named_where_it_does_not_come(chain):
    """NO of two questions of three is worth YES of the third and as much cash."""
    account = funded(chain, conditions=3)
    for condition in (0, 1):
        splits(chain, account, 50, condition)
    chain.next_block()
    chain.tells(account.address, "Converted(uint256,uint256)", [], 0b011, 50)
    for place in (1, 3):
        chain.move(account.token(place), account.address, ADAPTER, 50)
    chain.move(account.token(4), ZERO, account.address, 50)
    assert named(chain) == [(chain.block, "asset", "50", "0")]


def test_tokens_that_leave_beside_a_redemption_are_named(chain):
    """100 of YES, which pays 1: 60 are redeemed, 40 go to a thief."""
    for kind in KINDS:
        chain = TokenLedger()
        account = funded(chain, kind)
        splits(chain, account, 100)
        chain.next_block()
        chain.resolve(account, 0, 1, 0)
        chain.tells(account.address, "Redeemed(uint256,uint256)", [0], 60)
        chain.take(account, account.address, {0: 60, 1: 100}, 60)
        chain.move(account.token(0), account.address, THIEF, 40)
        found = [each[:2] for each in named(chain)]
        assert (chain.block, f"token {account.tokens[0]}") in found, kind


@pytest.mark.parametrize("receiver", [ZERO, ADAPTER, CTF])
@pytest.mark.parametrize("holder", ["account", "wallet"])
def test_tokens_for_which_nobody_pays_are_named(chain, receiver, holder):
    """Sent to whoever makes and takes them, with no redemption, or none that pays what is due."""
    account = funded(chain, "DelegatedAccount")
    chain.name(account, WALLET)
    splits(chain, account, 100)
    place = account.address if holder == "account" else WALLET
    if holder == "wallet":
        chain.move(account.token(0), account.address, WALLET, 100)
    chain.next_block()
    chain.move(account.token(0), place, receiver, 100)
    first = chain.block
    assert named(chain) == [(first, f"token {account.tokens[0]}", "0", "-100")]


@pytest.mark.parametrize(("whole", "worst"), [(True, 0), (False, 10)])
def test_two_no_are_worth_one_only_where_one_question_must_be_yes(whole, worst):
    """10 of NO of both questions for 10: if neither is YES, 20 were due."""
    tokens, unresolved = ["y0", "n0", "y1", "n1"], [(0, 0, 0)] * 2
    gave = {"n0": 10, "n1": 10}
    assert lost(gave, {"": 10}, tokens, unresolved, {}, whole) == worst


@pytest.mark.parametrize(("first", "worst"), [((0, 1, 1), 0), ((1, 0, 1), 10), ((1, 2, 3), 10)])
def test_no_of_an_event_that_has_its_yes_is_worth_one(first, worst):
    """10 of NO of the other question for nothing: YES must be its answer if the first is NO."""
    tokens = ["y0", "n0", "y1", "n1"]
    assert lost({"n1": 10}, {}, tokens, [first, (0, 0, 0)], {}, whole=True) == worst


def test_a_redemption_beside_a_bid_that_meets_an_ask_of_its_own_account_is_well(chain):
    account = funded(chain, "PositionAccount")
    chain.held[account.token(0), STRANGER] = 100
    chain.move(account.token(0), STRANGER, account.address, 100)
    chain.resolve(account, 0, 1, 0)
    chain.next_block()
    chain.move(account.token(0), account.address, account.address, 100)
    chain.move("", account.address, account.address, 40)
    chain.fill(account.address, SELL, account.tokens[0], 100, 40, 0)
    chain.fill(account.address, BUY, account.tokens[0], 40, 100, 0)
    chain.tells(account.address, "Redeemed(uint256,uint256)", [0], 90)
    chain.take(account, account.address, {0: 90}, 90)
    is_clean(chain)


def test_what_a_stranger_gives_pays_for_no_tokens(chain):
    """100 of YES to the adapter for nothing, 100 of the asset from a stranger: no payout."""
    account = funded(chain)
    splits(chain, account, 100)
    chain.next_block()
    chain.held["", STRANGER] = 100
    chain.move(account.token(0), account.address, ADAPTER, 100)
    chain.move("", STRANGER, account.address, 100)
    assert named(chain) == [(chain.block, f"token {account.tokens[0]}", "0", "-100")]


def test_a_payout_below_what_is_due_is_named(chain):
    account = funded(chain)
    splits(chain, account, 100)
    chain.next_block()
    chain.resolve(account, 0, 1, 2)
    chain.tells(account.address, "Redeemed(uint256,uint256)", [0], 99)
    chain.take(account, account.address, {0: 100, 1: 100}, 98)  # 33 and 66 are due
    assert {each[1] for each in named(chain)} == {f"token {each}" for each in account.tokens}


def test_assets_sent_to_the_vault_are_home_only_as_far_as_it_says(chain):
    account = funded(chain)
    chain.move("", account.address, VAULT, 300)
    came_home(chain, account, 250)
    assert named(chain) == [(chain.block, "asset", "-250", "-300")]


def test_assets_of_the_vault_go_to_an_account_only_as_far_as_it_says():
    """300 came, 250 were allocated: the vault's own cash is held against its events to the unit."""
    account, at = "0x" + "aa" * 20, (7, "0x" + "01" * 32)
    move = Moved((7, 3), at[1], "", VAULT, account, 300)
    told = Allocated(*at, 2, VAULT, market="market", assets=250, exposure=250)
    (found,) = cash_differences((VAULT, {account: "market"}), [move], EventColumns.of([told]))
    assert (found.what, found.expected, found.found) == (
        "asset from the vault to market", "250", "300")  # fmt: skip


@pytest.mark.parametrize("receiver", [ZERO, ASSET, ADAPTER, CTF])
def test_assets_sent_to_whoever_makes_tokens_for_nothing_are_named(chain, receiver):
    account = funded(chain)
    chain.move("", account.address, receiver, 5)
    assert named(chain) == [(chain.block, "asset", "0", "-5")]


def test_a_gift_excuses_no_theft(chain):
    """A reward that is passed on in the transaction in which it comes."""
    account = funded(chain)
    chain.held["", STRANGER] = 70
    chain.move("", STRANGER, account.address, 70)
    chain.move("", account.address, THIEF, 70)
    assert named(chain) == [(chain.block, "asset", "0", "-70")]


def test_a_fill_that_brought_less_than_it_says_is_named(chain):
    account = funded(chain)
    buys(chain, account, account.address, 0, 50, 100)
    chain.fill(account.address, BUY, account.tokens[1], 0, 7, 0)
    assert named(chain) == [(chain.block, f"token {account.tokens[1]}", "7", "0")]


# exits in kind


def test_a_leavers_part_is_taken_once(chain):
    account = funded(chain, assets=1_000)
    left(chain, 1, 4)
    for _ in range(2):
        chain.move("", account.address, LEAVER, 250)
    assert named(chain) == [(chain.block, "asset", "0", "-250")]


def test_a_leaver_gets_no_more_than_his_part_and_nothing_of_what_he_skips(chain):
    one, two = funded(chain, assets=1_000), funded(chain, assets=500)
    left(chain, 1, 4, skipped=[two.market])
    chain.move("", one.address, LEAVER, 253)
    chain.move("", two.address, LEAVER, 125)
    assert named(chain) == [(chain.block, "asset", "0", "-3"), (chain.block, "asset", "0", "-125")]


@pytest.mark.parametrize("told", [False, True])
def test_a_wallet_pays_a_leaver_only_where_its_account_says_so(chain, told):
    account = funded(chain, "SafeAccount", assets=1_000)
    chain.name(account, WALLET)
    chain.move("", account.address, WALLET, 400)
    chain.next_block()
    left(chain, 1, 4)
    chain.move("", account.address, LEAVER, 150)
    paid(chain, account, 250 if told else 150)
    if told:
        words = "Withdrawn(address,address,uint256)"
        chain.tells(account.address, words, [WALLET, LEAVER], 100)
    chain.move("", WALLET, LEAVER, 100)
    assert named(chain) == ([] if told else [(chain.block, "asset", "0", "-100")])


def test_what_the_vault_says_that_an_account_paid_in_kind_was_paid_over_all_exits(chain):
    """Two exits of one transaction: a quarter of 1,000, and of the 750 that are left."""
    account = funded(chain, "DelegatedAccount", assets=1_000)
    for assets in (250, 187):
        chain.move("", account.address, LEAVER, assets)
        paid(chain, account, assets)
        left(chain, 1, 4)
    is_clean(chain)
    paid(chain, account, 1)
    left(chain, 1, 4)
    (found,) = audited(chain).differences
    assert (found.what, found.expected, found.found) == (
        "PaidInKind.assets: paid by the account", "0", "1")  # fmt: skip


def test_delegated_accounts_leave_outcome_tokens_behind(chain):
    account = funded(chain, "DelegatedAccount")
    splits(chain, account, 100)
    chain.next_block()
    left(chain, 1, 4)
    paid(chain, account, 0)
    chain.move(account.token(0), account.address, LEAVER, 25)
    assert named(chain) == [(chain.block, f"token {account.tokens[0]}", "0", "-25")]


def test_several_exits_of_one_transaction_each_take_a_part_of_what_is_left(chain):
    """A third of 1,000 and of 101, then a third of what is left; a gift in between counts."""
    account = funded(chain, assets=1_101)
    splits(chain, account, 101)
    chain.next_block()
    left(chain, 1, 3)
    pair = [account.token(place) for place in (0, 1)]
    chain.move("", account.address, LEAVER, 333)
    chain.move_all([(each, 33) for each in pair], account.address, LEAVER)
    chain.held["", STRANGER] = 33
    chain.move("", STRANGER, account.address, 33)
    left(chain, 1, 3)
    chain.move("", account.address, LEAVER, 233)  # of 700
    chain.move_all([(each, 22) for each in pair], account.address, LEAVER)  # of 68
    is_clean(chain)


# honest, whatever stands beside it


@pytest.mark.parametrize("kind", KINDS)
def test_gifts_of_any_size_beside_anything_are_gifts(chain, kind):
    account = funded(chain, kind)
    for amount, token in ((1, ""), (10**30, ""), (1, account.token(0)), (3, account.token(1))):
        chain.held[token, STRANGER] += amount
        splits(chain, account, 10)
        chain.move(token, STRANGER, account.address, amount)
        chain.next_transaction()
    foreign = f"{account.contract} 999999"
    chain.held[foreign, STRANGER] = 5
    chain.move(foreign, STRANGER, account.address, 5)
    is_clean(chain)
    assert audited(chain).gifts == 10**30 + 1


def test_gifts_to_an_account_count_from_when_it_is_opened(chain):
    """In a block before, in its block before and behind: whatever the pieces, what was there when
    it is opened is told then, also what a node hides. A leaver's part is of all of it."""
    there, token = chain.next_address, f"{CTF} 1000"
    for each in ("", token):
        chain.held[each, STRANGER] = 100
    chain.move("", STRANGER, there, 1)
    chain.move(token, STRANGER, there, 2)
    chain.move("", STRANGER, there, 16)
    del chain.logs_[-1]
    chain.next_block()
    reported(chain)
    chain.next_block()
    chain.move("", STRANGER, there, 4)
    account = chain.open("PolymarketAccount", 1)
    assert (account.address, account.token(0)) == (there, token)
    chain.move("", STRANGER, there, 8)
    chain.next_block()
    left(chain, 1, 4)
    chain.move("", there, LEAVER, 7)
    is_clean(chain)
    for pieces in (1, 2, chain.block):
        found = audited(chain, pieces)
        assert found.gifts == 29 and found.progress.held[there] == {"": 22, token: 2}


def test_what_an_account_sends_to_one_that_is_opened_later_is_named(chain):
    """Its address is a stranger's then, in each piece of blocks."""
    account = funded(chain)
    block = chain.block
    chain.move("", account.address, chain.next_address, 7)
    chain.next_block()
    chain.open("PolymarketAccount", 1)
    chain.next_block()
    for pieces in (1, chain.block):
        assert named(chain, pieces=pieces) == [(block, "asset", "0", "-7")]
        assert audited(chain, pieces).gifts == 7


def test_gifts_to_a_wallet_count_from_when_it_is_named(chain):
    """A block before, in its block before and behind, in its transaction before and behind; also
    tokens of another market, which go again."""
    account = funded(chain, "DelegatedAccount")
    foreign = f"{account.contract} 999999"
    for token in ("", account.token(0), foreign):
        chain.held[token, STRANGER] = 100
    chain.move("", STRANGER, WALLET, 1)
    chain.move(foreign, STRANGER, WALLET, 5)
    chain.next_block()
    chain.move(account.token(0), STRANGER, WALLET, 2)
    chain.next_transaction()
    chain.move("", STRANGER, WALLET, 4)
    chain.name(account, WALLET)
    chain.next_transaction()
    chain.move("", STRANGER, WALLET, 8)
    chain.move(account.token(0), STRANGER, WALLET, 16)
    chain.next_block()
    chain.move(foreign, WALLET, STRANGER, 5)
    is_clean(chain)
    held = audited(chain).progress.held[WALLET]
    assert held == {"": 13, account.token(0): 18}


def test_a_fill_beside_a_redemption_and_a_conversion_is_well(chain):
    account = funded(chain, conditions=2)
    splits(chain, account, 100)
    chain.next_block()
    chain.resolve(account, 0, 0, 1)
    chain.tells(account.address, "Redeemed(uint256,uint256)", [0], 90)
    chain.take(account, account.address, {0: 100, 1: 90}, 90)
    buys(chain, account, account.address, 2, 40, 80, fee=1)
    chain.tells(account.address, "Converted(uint256,uint256)", [], 0b01, 10)
    chain.move(account.token(1), account.address, ADAPTER, 10)
    chain.move(account.token(2), ZERO, account.address, 10)
    chain.fill(account.address, SELL, account.tokens[2], 5, 3, 1)
    chain.move(account.token(2), account.address, MAKER, 5)
    chain.held["", MAKER] += 2
    chain.move("", MAKER, account.address, 2)
    is_clean(chain)


def test_what_an_exchange_takes_in_and_gives_back_is_settled_by_its_net(chain):
    """Two makers of one vault and a taker: cash and tokens go through the exchange, which takes 60
    in for a fill of 50 and a fee of 2, and gives 8 back."""
    one, two = funded(chain), funded(chain, "PolymarketAccount")
    splits(chain, two, 100)
    chain.next_block()
    token = f"{CTF} {one.tokens[0]}"
    chain.held[token, MAKER] = 100
    chain.move("", one.address, EXCHANGE, 60)
    chain.move(token, MAKER, EXCHANGE, 100)
    chain.move(token, EXCHANGE, one.address, 100)
    chain.move("", EXCHANGE, FEES, 2)
    chain.move("", EXCHANGE, one.address, 8)
    chain.fill(one.address, BUY, one.tokens[0], 50, 100, 2)
    chain.move(two.token(0), two.address, EXCHANGE, 30)
    chain.move("", EXCHANGE, two.address, 14)
    chain.fill(two.address, SELL, two.tokens[0], 30, 15, 1)
    is_clean(chain)
    chain.move("", one.address, EXCHANGE, 6)
    assert named(chain) == [(chain.block, "asset", "0", "-6")]


@pytest.mark.parametrize("stolen", [0, 1, 489, 490, 491])
def test_what_an_exchange_gives_back_of_what_it_logged_excuses_no_theft(chain, stolen):
    """VENUE.md, mixed matches: 990 are taken in and logged; beside a maker's 500 a set of 1,000
    costs 490 less. The 490 come back, and the wallet, a contract, has paid a thief before."""
    account = funded(chain, assets=2_000)
    chain.held["", MAKER] = 500
    chain.move("", account.address, EXCHANGE, 990)
    chain.move("", MAKER, EXCHANGE, 500)
    chain.move("", EXCHANGE, ASSET, 1_000)
    for place, buyer in enumerate((account.address, MAKER)):
        chain.held[account.token(place), ADAPTER] += 1_000
        chain.move(account.token(place), ADAPTER, EXCHANGE, 1_000)
        chain.move(account.token(place), EXCHANGE, buyer, 1_000)
    chain.move("", account.address, THIEF, stolen)
    chain.move("", EXCHANGE, account.address, 490)
    chain.fill(account.address, BUY, account.tokens[0], 990, 1_000, 0)
    expected = [(chain.block, "asset", "-990", str(-990 - stolen))] if stolen else []
    assert named(chain) == expected


@pytest.mark.parametrize(("kind", "fee"), [("PolymarketAccount", 0), ("WalletAccount", 3)])
def test_a_bid_that_meets_an_ask_of_its_own_account_is_well(chain, kind, fee):
    account = funded(chain, kind)
    chain.held[account.token(0), STRANGER] = 100
    chain.move(account.token(0), STRANGER, account.address, 100)
    chain.next_block()
    chain.move(account.token(0), account.address, account.address, 100)
    chain.move("", account.address, account.address, 50)
    chain.move("", account.address, FEES, fee)
    chain.fill(account.address, SELL, account.tokens[0], 100, 50, 0)
    chain.fill(account.address, BUY, account.tokens[0], 50, 100, fee)
    is_clean(chain)


@pytest.mark.parametrize("inside", [0, 49, 50, 500])
def test_what_moves_inside_an_account_stands_for_no_payment(chain, inside):
    """An ask was filled and 50 never came, or went on to a thief: some moves to the wallet."""
    account = funded(chain, "DelegatedAccount")
    chain.name(account, WALLET)
    chain.held[account.token(0), STRANGER] = 100
    chain.move(account.token(0), STRANGER, account.address, 100)
    chain.next_block()
    chain.move(account.token(0), account.address, MAKER, 100)
    chain.move("", account.address, WALLET, inside)
    chain.fill(account.address, SELL, account.tokens[0], 100, 50, 0)
    assert named(chain) == [(chain.block, "asset", "50", "0")]


def test_a_delegated_wallet_makes_and_takes_tokens_by_itself(chain):
    """Sets of its own, a set taken apart, a redemption at 1/3 and 2/3 in two parts."""
    account = funded(chain, "DelegatedAccount")
    chain.name(account, WALLET)
    chain.move("", account.address, WALLET, 500)
    chain.next_transaction()
    chain.make(account, WALLET, [0, 1], 200)
    chain.next_transaction()
    chain.take(account, WALLET, {0: 50, 1: 50}, 50)
    chain.next_block()
    chain.resolve(account, 0, 1, 2)
    chain.take(account, WALLET, {0: 100}, 33)
    chain.take(account, WALLET, {0: 50}, 16)
    chain.take(account, WALLET, {1: 100}, 66)
    is_clean(chain)


def test_a_wallet_converts_by_itself_in_a_market_over_its_whole_event(chain):
    account = funded(chain, "DelegatedAccount", conditions=3)
    chain.name(account, WALLET)
    chain.move("", account.address, WALLET, 500)
    for place in (1, 3):
        chain.held[account.token(place), STRANGER] = 10
        chain.move(account.token(place), STRANGER, WALLET, 10)
    chain.next_transaction()
    for place in (1, 3):
        chain.move(account.token(place), WALLET, ADAPTER, 10)
    chain.move(account.token(4), ZERO, WALLET, 10)
    chain.move("", ZERO, WALLET, 10)
    is_clean(chain)


# closed accounts


def dusted(chain, count=3, reports=20):
    """Accounts that are closed, and then given 5 of the asset; then reports."""
    accounts = [chain.open("PolymarketAccount", 1) for _ in range(count)]
    chain.next_block()
    for account in accounts:
        closed(chain, account)
    chain.next_block()
    chain.held["", STRANGER] = 5 * count
    for account in accounts:
        chain.move("", STRANGER, account.address, 5)
    for _ in range(reports):
        chain.next_block()
        reported(chain)
    return [each.address for each in accounts]


def asked_of(chain, monkeypatch, holders, **options):
    """Return how often balances and holdings of holders are asked for."""
    found, answers = Counter(), chain.ask

    def ask(method, *parameters):
        if method == "eth_call" and parameters[1] != hex(0):
            to, data = parameters[0]["to"], parameters[0]["data"]
            found.update(each for each in holders if each == to or each[2:] in data)
        return answers(method, *parameters)

    with monkeypatch.context() as here:
        here.setattr(chain, "ask", ask)
        assert audited(chain, **options).differences == []
    return found


@pytest.mark.parametrize("pieces", [1, 23])
def test_dust_costs_a_closed_account_no_question_a_report(chain, monkeypatch, pieces):
    """However many there are: after the change, and at the end."""
    holders = dusted(chain)
    few = asked_of(chain, monkeypatch, holders, pieces=pieces)
    for _ in range(20):
        chain.next_block()
        reported(chain)
    chain.next_block()
    many = asked_of(chain, monkeypatch, holders, pieces=pieces)
    assert set(few) == set(holders) and many == few


@pytest.mark.parametrize("pieces", [1, 3, 25])
@pytest.mark.parametrize("last", ["report", "nothing"])
def test_what_a_closed_account_lost_behind_the_logs_is_named_at_the_end(chain, pieces, last):
    """A node hides the transfer; reports before it and after it find nothing. Once, whether there
    is a report in the last block or not."""
    stolen, *_ = dusted(chain)
    chain.move("", stolen, THIEF, 2)
    del chain.logs_[-1]
    for _ in range(3):
        chain.next_block()
        reported(chain)
    if last == "nothing":
        chain.next_block()
    found = [
        (each.block, each.what, each.expected, each.found)
        for each in audited(chain, pieces).differences
    ]
    assert found == [
        (chain.block, f"balance of {stolen}: asset", "5", "3"),
        (chain.block, f"account {stolen}: asset by its own word", "5", "3"),
    ]


def test_what_a_closed_account_lost_behind_the_logs_is_named_where_it_changes_next(chain):
    stolen, *_ = dusted(chain)
    chain.move("", stolen, THIEF, 2)
    del chain.logs_[-1]
    chain.next_block()
    chain.held["", STRANGER] = 1
    chain.move("", STRANGER, stolen, 1)
    reported(chain)
    first = chain.block
    for _ in range(2):
        chain.next_block()
        reported(chain)
    for pieces in (1, chain.block):
        found = [each.block for each in audited(chain, pieces).differences]
        assert found == [first] * 2 + [chain.block] * 2


def test_what_an_account_lost_between_its_opening_and_its_closing_is_named_by_the_next_report(
    chain,
):
    """All that it ever held was a gift; the node hides that it went."""
    chain.held["", STRANGER] = 5
    chain.move("", STRANGER, chain.next_address, 5)
    chain.next_block()
    account = chain.open("PolymarketAccount", 1)
    chain.next_block()
    closed(chain, account)
    chain.move("", account.address, THIEF, 2)
    del chain.logs_[-1]
    chain.next_block()
    reported(chain)
    first = chain.block
    chain.next_block()
    for pieces in (1, chain.block):
        found = [each.block for each in audited(chain, pieces).differences]
        assert found == [first] * 2 + [chain.block] * 2


def test_sums_that_wait_are_held_against_balances_in_bounded_batches(chain, monkeypatch):
    """Nothing is found otherwise than where all wait until the end of a piece."""
    account = funded(chain)
    for _ in range(9):
        chain.next_block()
        reported(chain)
    chain.move("", account.address, THIEF, 2)
    del chain.logs_[-1]
    for _ in range(9):
        chain.next_block()
        reported(chain)
    whole = audited(chain).differences
    monkeypatch.setattr(balances, "MANY", 7)
    sizes, add_up = [], balances.Sums.add_up

    def measured(sums, *rest, **options):
        add_up(sums, *rest, **options)
        sizes.append(len(sums.held))

    monkeypatch.setattr(balances.Sums, "add_up", measured)
    assert audited(chain).differences == whole and max(sizes) == 9
    assert len({each.block for each in whole}) == 10


# what does not answer


@pytest.mark.parametrize("view", ["EXCHANGE()", "CTF()", "ADAPTER()"])
def test_what_an_account_of_ours_always_answers_is_not_taken_for_nothing(chain, view):
    account = funded(chain)
    splits(chain, account, 100)
    asked = account.address, *chain.implementations
    chain.refuses = lambda to, name: to in asked and name == view
    with pytest.raises(CallReverted):
        audited(chain)


@pytest.mark.parametrize("view", ["balanceOf(address)", "balanceOf(address,uint256)"])
def test_a_balance_that_nobody_tells_ends_the_audit(chain, view):
    account = funded(chain)
    splits(chain, account, 100)
    chain.refuses = lambda to, name: name == view
    with pytest.raises(CallReverted):
        audited(chain)


def test_an_account_whose_tokens_nobody_knows_is_named(chain):
    """Code of somebody else, which does not say where its tokens are."""
    account = chain.open("PolymarketAccount", 1)
    code = "0x" + f"{0xCC01:040x}"
    chain._codes[code] = b"\x01"
    chain.refuses = lambda to, name: name in ("CTF()", "POSITION_MANAGER()")
    (found,) = audited(chain).differences
    assert found.what == f"account {account.address}: its outcome tokens"
    assert (found.block, found.expected, found.found) == (1, "2", "unknown")


def test_an_account_that_does_not_say_what_it_holds_is_named_at_the_end(chain):
    account = funded(chain)
    chain.refuses = lambda to, name: name == "positions()"
    (found,) = audited(chain).differences
    assert found.what == f"account {account.address}: what it holds, by its own word"
    chain.refuses = lambda to, name: name in ("positions()", "totalSupply()")
    with pytest.raises(CallReverted):  # then it is the node that does not say it
        audited(chain)


def test_a_payout_that_nobody_tells_explains_nothing(chain):
    """YES pays a third; unless the account says so, 99 of it are worth 99 in one case."""
    account = funded(chain)
    splits(chain, account, 99)
    chain.next_block()
    chain.resolve(account, 0, 1, 2)
    chain.tells(account.address, "Redeemed(uint256,uint256)", [0], 33)
    chain.take(account, account.address, {0: 99}, 33)
    is_clean(chain)
    chain.refuses = lambda to, name: name == "positions()"
    assert f"account {account.address}: token {account.tokens[0]} that nothing explains" in {
        each.what for each in audited(chain).differences
    }
