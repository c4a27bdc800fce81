"""A whole life of each kind of account on the bare EVM; the auditor's books are made from the
vault's events alone. tests/e2e/test_account_lives.py has the same at the devnet's services."""

import pytest

from tests.contracts.account_kinds import KINDS
from tests.contracts.account_life import whole_life
from tests.contracts.wallet_stage import CHAIN_ID
from tests.property.evm import Evm
from tests.property.world import START

SLOW_S = 7  # between two transactions


class SlowEvm(Evm):
    """A chain whose time goes on with each transaction, as a node's does on a busy machine."""

    def call(self, *args, static=False, **terms):
        """Run one transaction (or a view)."""
        answer = super().call(*args, static=static, **terms)
        if not static:
            self.wait(SLOW_S)
        return answer


@pytest.mark.parametrize("make", KINDS, ids=lambda each: each.__name__)
def test_a_whole_life(make):
    whole_life(make())


@pytest.mark.parametrize("make", KINDS, ids=lambda each: each.__name__)
def test_a_whole_life_on_a_slow_machine(make):
    whole_life(make(SlowEvm(START, CHAIN_ID)))
