"""Whose a wallet is, at each place of a piece of blocks."""

import pytest
from strongroom.audit.movements import NAMING, Movements, Opened, topic_of
from strongroom.audit.wallets import AccountsOfHolders

ONE, OTHER = "0x" + "0a" * 20, "0x" + "0b" * 20
WALLET, NOBODY = "0x" + "cc" * 20, "0x" + "00" * 20


def named(account, wallet, block, index):
    return {
        "address": account,
        "topics": [topic_of(NAMING[0]), "0x" + "00" * 12 + wallet[2:]],
        "data": "0x",
        "blockNumber": hex(block),
        "logIndex": hex(index),
        "transactionHash": "0x" + f"{block:064x}",
    }


def holders(before, *logs):
    movements = Movements({ONE: ("one", 0), OTHER: ("other", 0)}, told=logs)
    return AccountsOfHolders(before, movements)


@pytest.mark.parametrize(
    ("block", "index", "account"),
    [(5, 2, ""), (5, 3, ""), (5, 4, ONE), (7, 1, ONE), (7, 2, ""), (9, 0, ""), (9, 1, OTHER)],
)
def test_a_wallet_is_an_accounts_from_the_log_that_names_it_to_the_one_that_names_another(
    block, index, account
):
    found = holders(
        {}, named(ONE, WALLET, 5, 3), named(ONE, NOBODY, 7, 1), named(OTHER, WALLET, 9, 0)
    )
    assert found.at(WALLET, (block, index)) == account
    assert found.at_end == {WALLET: OTHER}


def test_an_account_is_one_from_the_log_that_opens_it():
    """Whatever its address was before: here another account's wallet."""
    opened = {ONE: Opened((5, 3), "0x" + "05" * 32, {})}
    naming = [named(OTHER, ONE, 4, 0), named(OTHER, NOBODY, 7, 0)]
    both = {ONE: ("one", 0), OTHER: ("other", 0)}
    found = AccountsOfHolders({}, Movements(both, told=naming, opened=opened))
    places = [(4, 0), (4, 1), (5, 3), (5, 4), (7, 1), (9, 0)]
    assert [found.at(ONE, each) for each in places] == ["", OTHER, OTHER, ONE, ONE, ONE]
    assert {found.at(OTHER, each) for each in places} == {OTHER}


def test_what_was_before_the_piece_holds_until_it_is_named_anew():
    before = {WALLET: ONE}
    found = holders(before, named(ONE, NOBODY, 7, 1))
    assert [found.at(WALLET, (7, index)) for index in (0, 1, 2)] == [ONE, ONE, ""]
    assert found.at_end == {} and before == {WALLET: ONE}
    assert found.at(ONE, (1, 0)) == ONE and found.at("0x" + "dd" * 20, (9, 9)) == ""
