"""What a mandate makes of transactions: trades at pools, budgets in pieces, wallets of before."""

import pytest
from strongroom.cosigner.policy import PolicyRefuses
from strongroom.cosigner.server import Judge

from tests.agent import test_cosigner as plain
from tests.agent.test_cosigner_pools import pool_call, transaction
from tests.agent.test_mandated import OWNER, POLICY, Stage, mandate
from tests.defaults import UNIT
from tests.mandates import line

BUY = pool_call("buy", 50 * UNIT, 100 * UNIT)  # in class 2
CENT = "micro-units a token"
WIDE = line("orders.max_order", 10**15, "micro-units")


class Facts(plain.Chain):
    """The co-signer's facts; the delegated account's wallet is the one of the policy."""


def judge(folder, *lines):
    stage = Stage(folder)
    stage.put(mandate(*lines))
    return Judge(POLICY, OWNER, Facts(), stage.store, stage.start())


# a trade at a pool for 50 at 0.50, or budget -> the line that does not admit it, the rule
REFUSING = [
    (line("orders.max_price", 499_999, CENT), "price"),
    (line("orders.min_price", 500_001, CENT), "price"),
    (line("orders.max_price", 499_999, CENT, 2), "price"),  # of the account's class
    (line("orders.max_order", 50 * UNIT - 1, "micro-units", 2), "size"),
    (line("orders.max_per_day", 50 * UNIT - 1, "micro-units"), "day"),
    (line("orders.max_per_minute", 0, "orders"), "rate"),
    (line("orders.max_lifetime_s", 119, "seconds"), "lifetime"),
    (line("quiet_hours", 1, "11:00-12:01"), "quiet hours"),
    (line("classes", 1, "class", 0), "class"),
    (line("orders.packs", 0, "none"), "pool"),  # "stop" stops pools, too
    (line("orders.packs", 1, "tail"), "pool"),  # nobody can say whose trade it is
    (line("orders.exchanges", 1, POLICY.orders.exchanges[0]), "pool"),
]


@pytest.mark.parametrize(("refusing", "rule"), REFUSING)
def test_a_line_binds_trades_at_pools_as_it_binds_orders(tmp_path, refusing, rule):
    with pytest.raises(PolicyRefuses) as refusal:
        judge(tmp_path, WIDE, refusing).transaction(transaction(BUY))
    assert refusal.value.code == "mandate line 2" and f": {rule}: " in str(refusal.value)


def test_lines_that_do_not_speak_of_it_admit_a_trade_at_a_pool(tmp_path):
    other = line("orders.max_price", 100_000, CENT, 0)  # another class's
    assert len(judge(tmp_path, WIDE, other).transaction(transaction(BUY))) == 65


def test_a_budget_in_pieces_is_one(tmp_path):
    half = plain.vault_call("allocate", plain.MARKET, 60 * UNIT)
    limit = line("transactions.max_allocation", 119 * UNIT, "micro-units")
    found = judge(tmp_path, limit)
    found.transaction(transaction(half))
    with pytest.raises(PolicyRefuses) as refusal:
        found.transaction(transaction(half, half))
    assert refusal.value.code == "mandate line 1" and "size" in str(refusal.value)


def test_a_wallet_that_is_no_longer_admitted_gets_nothing_more(tmp_path):
    found = judge(tmp_path, line("wallets", 0, "none"))
    with pytest.raises(PolicyRefuses) as refusal:
        found.transaction(transaction(plain.delegated_call("forward", 5)))
    assert refusal.value.code == "mandate line 1" and "wallet" in str(refusal.value)
    found.transaction(transaction(plain.delegated_call("takeBack", 5)))
    (tmp_path / "other").mkdir()
    admitted = judge(tmp_path / "other", line("wallets", 1, POLICY.wallets[0]))
    admitted.transaction(transaction(plain.delegated_call("forward", 5)))


def test_a_budget_for_a_market_that_nobody_knows_is_refused(tmp_path):
    """Its class is not known either, and the mandate may not admit it any more."""
    found = judge(tmp_path, line("classes", 1, "class", 2))
    found.facts.of_market = lambda market: None
    with pytest.raises(PolicyRefuses, match=r"^market: "):
        found.transaction(transaction(plain.ALLOCATE))
    new = plain.vault_call("allocate", plain.OPENED, 5)
    found.transaction(transaction(plain.OPEN, new))


def test_stop_is_no_pack_and_no_class(tmp_path):
    """No pack alone still lets budget go out to markets; both lets it come home only."""
    stop = (line("orders.packs", 0, "none"), line("classes", 0, "none"))
    found = judge(tmp_path, *stop)
    for call in (plain.OPEN, plain.ALLOCATE, plain.account_call("split", 0, 5), BUY,
                 plain.delegated_call("forward", 5), plain.owner_call("fund", 5)):  # fmt: skip
        with pytest.raises(PolicyRefuses, match=r"^mandate line [12]: "):
            found.transaction(transaction(call))
    with pytest.raises(PolicyRefuses, match=r"^mandate line 1: "):
        found.order(plain.request())
    found.transaction(
        transaction(plain.account_call("halt"), plain.vault_call("harvest", "0x" + "05" * 32))
    )
