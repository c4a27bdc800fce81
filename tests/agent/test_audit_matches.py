"""Several matches of one account in one transaction: each gives back what it may, and excuses no
theft. The transfers and logs stand in the order in which the exchanges make them
(contracts/devnet/Exchange.vy, ExchangeV3.vy; VENUE.md, mixed matches)."""

import itertools

import pytest

from tests.agent.test_audit_conservation import funded, is_clean, named, splits
from tests.property.token_ledger import (
    ADAPTER,
    ASSET,
    BUY,
    EXCHANGE,
    FEES,
    MAKER,
    SELL,
    THIEF,
    TokenLedger,
)

BUDGET, BACK, DIRECT = 990, 490, 100


@pytest.fixture
def chain():
    return TokenLedger()


def direct(chain, account, cash=DIRECT, fee=3):
    """The account's bid meets an ask: from hand to hand, the taker's fee too."""
    token = account.token(0)
    chain.held[token, MAKER] += 200
    chain.move(token, MAKER, account.address, 200)
    chain.move("", account.address, MAKER, cash)
    chain.fill(MAKER, SELL, account.tokens[0], 200, cash, 0, taker=account.address)
    chain.fill(account.address, BUY, account.tokens[0], cash, 200, fee, taker=EXCHANGE)
    chain.move("", account.address, FEES, fee)


def rests(chain, account, cash=DIRECT, fee=3):
    """The account's bid was there before, and somebody's ask takes it."""
    token = account.token(0)
    chain.held[token, MAKER] += 200
    chain.move("", account.address, MAKER, cash)
    chain.move(token, MAKER, account.address, 200)
    chain.move("", account.address, FEES, fee)
    chain.fill(account.address, BUY, account.tokens[0], cash, 200, fee)


def rests_in_a_mixed_match(chain, account, cash=DIRECT, fee=3):
    """The same, and the exchange takes in what the account gives."""
    token = account.token(0)
    chain.held[token, MAKER] += 200
    chain.move("", account.address, EXCHANGE, cash + fee)
    chain.move(token, MAKER, EXCHANGE, 200)
    chain.move(token, EXCHANGE, account.address, 200)
    chain.fill(account.address, BUY, account.tokens[0], cash, 200, fee)
    chain.move("", EXCHANGE, FEES, fee)


def mixed(chain, account, is_net, fee=7):
    """The account bids for 1,000 YES, a maker for 1,000 NO at 500: a set is made for 1,000. The
    exchange takes 990 and the fee in, and gives 490 back; what it logs is what it took in, or what
    was spent of it."""
    chain.held["", MAKER] += 500
    chain.move("", account.address, EXCHANGE, BUDGET + fee)
    chain.move("", MAKER, EXCHANGE, 500)
    chain.move("", EXCHANGE, ASSET, 1_000)
    for place, buyer in enumerate((account.address, MAKER)):
        chain.held[account.token(place), ADAPTER] += 1_000
        chain.move(account.token(place), ADAPTER, EXCHANGE, 1_000)
        chain.move(account.token(place), EXCHANGE, buyer, 1_000)
    chain.fill(MAKER, BUY, account.tokens[1], 500, 1_000, 0, taker=account.address)
    chain.move("", EXCHANGE, FEES, fee)
    chain.move("", EXCHANGE, account.address, BACK)
    logged = BUDGET - BACK if is_net else BUDGET
    chain.fill(account.address, BUY, account.tokens[0], logged, 1_000, fee, taker=EXCHANGE)


BESIDE = {
    "a direct match": [direct],
    "an order that rested": [rests],
    "an order that rested, in a mixed match": [rests_in_a_mixed_match],
    "all of these": [direct, rests, rests_in_a_mixed_match],
    "many": [direct, direct, rests, rests],
}


@pytest.mark.parametrize("stolen", [0, 1, 100, 103, 390, 490, 590, 1_000])
@pytest.mark.parametrize("beside", BESIDE)
@pytest.mark.parametrize("is_net", [True, False], ids=["net", "gross"])
@pytest.mark.parametrize("is_first", [True, False])
def test_what_comes_back_of_one_match_is_settled_beside_others(
    chain, stolen, beside, is_net, is_first
):
    """What was paid from hand to hand was taken off what the exchange took in: the account was
    accused of as much."""
    account = funded(chain, assets=5_000)
    others = BESIDE[beside]
    for each in others if is_first else ():
        each(chain, account)
    mixed(chain, account, is_net)
    for each in () if is_first else others:
        each(chain, account)
    if not stolen:
        is_clean(chain)
        return
    chain.move("", account.address, THIEF, stolen)
    spent = (BUDGET - BACK if is_net else BUDGET) + 7 + len(others) * (DIRECT + 3)
    assert named(chain) == [(chain.block, "asset", str(-spent), str(-spent - stolen))]


@pytest.mark.parametrize("are_net", itertools.product([True, False], repeat=2))
@pytest.mark.parametrize("stolen", [0, 490])
def test_two_mixed_matches_at_two_exchanges_excuse_what_each_gives_back(chain, are_net, stolen):
    account = funded(chain, assets=5_000)
    for is_net in are_net:
        mixed(chain, account, is_net)
    direct(chain, account)
    if not stolen:
        is_clean(chain)
        return
    chain.move("", account.address, THIEF, stolen)
    ((_, token, expected, found),) = named(chain)
    assert (token, int(expected) - int(found)) == ("asset", 490)


ALIKE = BUDGET + 7  # that the exchange takes in, and that a maker's order gives


def takes(chain, account, is_mixed=False):
    """The order that takes `account`'s in a match: alone, or beside another one's."""
    if is_mixed:
        chain.fill(MAKER, SELL, account.tokens[1], 300, 100, 0)
    chain.fill(MAKER, SELL, account.tokens[0], 200, BUDGET, 0, taker=EXCHANGE)


@pytest.mark.parametrize("is_net", [True, False], ids=["net", "gross"])
@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("stolen", [0, 1, 490, ALIKE])
def test_a_makers_order_as_large_as_what_the_exchange_took_in_accuses_nobody(
    chain, is_net, is_first, stolen
):
    """From hand to hand, so it is no part of what the exchange took in: the taker's own fill tells,
    which neither gives nor gets anything of the account's."""
    account = funded(chain, assets=5_000)
    for does_mix in (not is_first, is_first):
        if does_mix:
            mixed(chain, account, is_net)
        else:
            rests(chain, account, cash=BUDGET, fee=7)
            takes(chain, account)
    if not stolen:
        is_clean(chain)
        return
    chain.move("", account.address, THIEF, stolen)
    ((_, token, expected, found),) = named(chain)
    assert (token, int(expected) - int(found)) == ("asset", stolen)


@pytest.mark.parametrize("is_net", [True, False], ids=["net", "gross"])
@pytest.mark.parametrize("stolen", [0, 1, 490, BUDGET, ALIKE])
def test_a_maker_whose_order_goes_through_the_exchange_as_well_excuses_no_theft(
    chain, is_net, stolen
):
    """The taker is the thief: he gets as much once more as the account's order has given."""
    account = funded(chain, assets=5_000)
    mixed(chain, account, is_net)
    rests_in_a_mixed_match(chain, account, cash=BUDGET, fee=7)
    takes(chain, account, is_mixed=True)
    if not stolen:
        is_clean(chain)
        return
    chain.move("", account.address, MAKER, stolen)
    ((_, token, expected, found),) = named(chain)
    assert (token, int(expected) - int(found)) == ("asset", stolen)


def test_who_sees_only_the_accounts_own_fills_does_not_excuse_more(chain):
    """A node that hides the taker's fill: the account is accused, and no theft is excused."""
    account = funded(chain, assets=5_000)
    mixed(chain, account, is_net=True)
    rests(chain, account, cash=BUDGET, fee=7)
    ((_, token, expected, found),) = named(chain)
    assert (token, int(expected) - int(found)) == ("asset", BACK)


@pytest.mark.parametrize("thief", [MAKER, THIEF])
@pytest.mark.parametrize("is_net", [True, False], ids=["net", "gross"])
def test_a_maker_who_is_the_thief_is_named_like_any_other(chain, thief, is_net):
    """As much as his own order was filled with goes to him once more."""
    account = funded(chain, assets=5_000)
    mixed(chain, account, is_net)
    rests_in_a_mixed_match(chain, account)
    direct(chain, account)
    chain.move("", account.address, thief, DIRECT)
    ((_, token, expected, found),) = named(chain)
    assert (token, int(expected) - int(found)) == ("asset", DIRECT)


def test_a_sale_beside_a_match_that_gives_back_is_settled(chain):
    account = funded(chain, assets=5_000)
    splits(chain, account, 300)
    mixed(chain, account, is_net=True)
    chain.held["", MAKER] += 80
    chain.move(account.token(1), account.address, MAKER, 150)
    chain.move("", MAKER, EXCHANGE, 80)
    chain.fill(MAKER, BUY, account.tokens[1], 80, 150, 0, taker=account.address)
    chain.move("", EXCHANGE, account.address, 78)
    chain.fill(account.address, SELL, account.tokens[1], 150, 80, 2, taker=EXCHANGE)
    chain.move("", EXCHANGE, FEES, 2)
    is_clean(chain)
