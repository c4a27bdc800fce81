"""What thieves take of accounts, and the tables of docs/security.md."""

from pathlib import Path

import pytest

from scripts.dev.thefts import BEGIN, END, lines
from tests.contracts.thefts import CAP, ROBBED, THIEVES, UNIT, thefts

ENFORCED = [each.name for each in ROBBED if each.name != "SafeAccount"]
FEE = 25 * UNIT  # 5 % of 1,000 tokens at 50 cents


@pytest.fixture(scope="module")
def found():
    return {(each.account, each.thief): each for each in thefts()}


def test_nobody_takes_more_than_the_cap(found):
    assert len(found) == len(ROBBED) * len(THIEVES)
    assert max(each.lost for each in found.values()) <= CAP


def test_a_stolen_keeper_needs_but_the_patience(found):
    for kind in ROBBED:
        for thief in ("keeper", "all"):
            assert found[kind.name, thief].lost > CAP * 99 // 100


def test_a_key_of_the_venue_or_its_relayer_takes_nothing_where_prices_are_enforced(found):
    for account in ENFORCED:
        for thief in ("key", "relayer"):
            assert found[account, thief].lost == 0
    assert found["SafeAccount", "key"].lost > CAP * 99 // 100
    assert found["SafeAccount", "relayer"].lost == 0


def test_the_exchanges_operator_gets_the_fee_that_the_exchange_caps(found):
    for account in ("PolymarketAccount", "WalletAccount", "PositionAccount", "SafeAccount"):
        assert found[account, "venue"].lost == FEE
    # the keeper of a pool's account said how few tokens he takes: 940 for 500, worth 470
    assert 29 * UNIT < found["FpmmAccount", "venue"].lost <= 30 * UNIT


def test_after_a_halt_one_order_is_left_and_only_of_a_wallet(found):
    """1,000 tokens worth 500 for 570, and 5 % of 570."""
    late = {each.name: found[each.name, "halted"].lost for each in ROBBED}
    assert late.pop("WalletAccount") == 70 * UNIT + 570 * UNIT * 5 // 100
    assert set(late.values()) == {0}


def test_the_tables_of_the_page_are_these(found):
    text = Path("docs/security.md").read_text()
    assert text.partition(BEGIN)[2].partition(END)[0].strip().splitlines() == lines(
        list(found.values())
    ), "write them anew: python -m scripts.dev.thefts --docs"
