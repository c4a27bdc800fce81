"""A whole life of each kind of account on the bare EVM; the auditor's books are made from the
vault's events alone. tests/e2e/test_account_lives.py has the same at the devnet's services."""

import pytest

from tests.contracts.account_kinds import KINDS
from tests.contracts.account_life import whole_life


@pytest.mark.parametrize("make", KINDS, ids=lambda each: each.__name__)
def test_a_whole_life(make):
    whole_life(make())
