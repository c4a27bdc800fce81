"""Trades at pools and transactions ahead of their time: what the co-signer makes of both."""

from dataclasses import replace

import pytest
from eth_account import Account
from strongroom.chain.calls import Call, call_data
from strongroom.chain.ids import to_hex
from strongroom.cosigner.policy import Before, PolicyRefuses
from strongroom.cosigner.pool_trades import judge_pool_trades, pool_trades
from strongroom.cosigner.server import Judge
from strongroom.cosigner.store import Store
from strongroom.signing.safe import batch
from strongroom.signing.signers import TransactionRequest

from tests.agent import test_cosigner as plain
from tests.agent.test_cosigner import ACCOUNT, FACTS, MULTI, NOW, POLICY, SAFE, STRANGER, request
from tests.defaults import UNIT

NIGHT = NOW + 36_000


def pool_call(name, cash, tokens, deadline=NOW + 120):
    data = call_data("FpmmAccount", name, (STRANGER, 0, cash, tokens, deadline))
    return Call(ACCOUNT, to_hex(data))


def transaction(*calls, nonce=5):
    carried = batch(calls, MULTI)
    return TransactionRequest(carried.to, carried.data, carried.operation, nonce)


def judge(*calls, before=None, now=NOW, policy=POLICY):
    trades = pool_trades(policy, transaction(*calls))
    judge_pool_trades(policy, trades, before or Before(), now)
    return sum(each.bought for each in trades)


BUY = pool_call("buy", 50 * UNIT, 100 * UNIT)
NO_POOLS = POLICY.model_copy(update={"orders": POLICY.orders.model_copy(update={"pools": False})})


def test_trades_at_pools_pass_within_the_limits_of_orders():
    assert judge(BUY) == 50 * UNIT
    assert judge(BUY, before=Before(2, 950 * UNIT)) == 50 * UNIT
    assert judge(pool_call("sell", 50 * UNIT, 100 * UNIT), before=Before(0, 1_000 * UNIT)) == 0
    assert judge(pool_call("buy", 98 * UNIT, 100 * UNIT)) == 98 * UNIT
    assert judge(plain.ALLOCATE, plain.account_call("split", 0, 5)) == 0  # none of them
    assert judge(plain.ALLOCATE, policy=NO_POOLS, now=NIGHT) == 0


HOSTILE = {
    "price": lambda: judge(pool_call("buy", 98 * UNIT + 1, 100 * UNIT)),
    "price ": lambda: judge(pool_call("sell", 5 * UNIT - 1, 100 * UNIT)),
    "price  ": lambda: judge(BUY, pool_call("buy", 50 * UNIT, 1)),
    "amounts": lambda: judge(pool_call("buy", 50 * UNIT, 0)),
    "amounts ": lambda: judge(pool_call("sell", 0, 100 * UNIT)),
    "size": lambda: judge(pool_call("buy", 200 * UNIT + 1, 400 * UNIT)),
    "lifetime": lambda: judge(pool_call("buy", 50 * UNIT, 100 * UNIT, NOW + 301)),
    "lifetime ": lambda: judge(pool_call("buy", 50 * UNIT, 100 * UNIT, NOW)),
    "quiet hours": lambda: judge(pool_call("buy", UNIT, 2 * UNIT, NIGHT + 9), now=NIGHT),
    "rate": lambda: judge(BUY, before=Before(3, 0)),
    "rate ": lambda: judge(BUY, BUY, BUY, BUY),
    "day": lambda: judge(BUY, before=Before(0, 950 * UNIT + 1)),
    "day ": lambda: judge(BUY, BUY, before=Before(0, 900 * UNIT + 1)),
    "pool": lambda: judge(BUY, policy=NO_POOLS),
}


@pytest.mark.parametrize("rule", HOSTILE)
def test_each_hostile_trade_falls_to_its_rule(rule):
    with pytest.raises(PolicyRefuses) as refusal:
        HOSTILE[rule]()
    assert refusal.value.code == rule.strip()


@pytest.fixture
def judge_(tmp_path):
    owner = Account.from_key(b"\3" * 32)
    return Judge(POLICY, owner, plain.Chain(), Store(f"sqlite:///{tmp_path / 'signed.db'}"))


def test_a_trade_at_a_pool_counts_as_an_order(judge_):
    for _ in range(2):
        judge_.transaction(transaction(BUY))  # the same again counts once
    assert judge_.store.before("order", NOW + 1) == Before(1, 50 * UNIT)
    judge_.transaction(transaction(BUY, pool_call("sell", 50 * UNIT, 100 * UNIT), nonce=6))
    assert judge_.store.before("order", NOW + 1) == Before(3, 100 * UNIT)
    with pytest.raises(PolicyRefuses, match="rate"):
        judge_.order(request())
    assert judge_.store.before("transaction", NOW + 1) == Before(2, 0)


def test_a_trade_by_a_foreign_account_is_refused(judge_):
    judge_.facts.of_account = lambda account: replace(FACTS, is_the_vaults=False)
    with pytest.raises(PolicyRefuses, match="account"):
        judge_.transaction(transaction(BUY))


def test_nothing_is_signed_ahead_but_what_brings_money_home(judge_):
    """Or a day's limit of each of many days could be kept, and all be sent on one."""
    assert judge_.facts.nonce(SAFE) == 5
    for nonce in (4, 5, 6):  # its own node may be a transaction before or behind
        judge_.transaction(transaction(plain.OPEN, nonce=nonce))
    judge_.store = type(judge_.store)("sqlite://")  # the counts of a minute are not meant here
    for call in (plain.ALLOCATE, BUY, plain.account_call("split", 0, 5)):
        with pytest.raises(PolicyRefuses) as refusal:
            judge_.transaction(transaction(call, nonce=7))
        assert refusal.value.code == "nonce"
    judge_.transaction(transaction(plain.account_call("halt"), nonce=7))
