"""A whole life of each kind of account on a devnet: wallets made and emptied by the relayer, orders
matched by the CLOB, each step audited over the node.

tests/contracts/account_life.py says what happens, and what each trade must bring.
"""

import pytest
from strongroom.devnet.deployer import devnet_chain, devnet_keys

from tests.contracts.account_kinds import KINDS
from tests.contracts.account_life import LATE, whole_life
from tests.contracts.wallet_stage import CHAIN_ID
from tests.e2e.account_services import served
from tests.property.world import START


@pytest.fixture(autouse=True)
def all_is_well():
    """There are no faults to switch off here."""


@pytest.fixture
def node():
    """A chain of its own: orders are dated to the day on which it begins."""
    with devnet_chain(CHAIN_ID, timestamp=START) as chain:
        yield chain


@pytest.mark.parametrize("make", KINDS, ids=lambda each: each.__name__)
def test_a_whole_life(make, node, tmp_path):
    """Audited from step to step, and once more in one go at the end."""
    with served(make, node, devnet_keys()[0], tmp_path / "checkpoint") as kind:
        whole_life(kind)
        verdict = kind.verdict()
    assert (verdict.is_clean, verdict.state.supply, verdict.state.idle) == (True, "0", "0")
    others = {"rebate": "0", "return": "0", "gift": "0"}
    assert verdict.income == {"reward": str(LATE), **others}
    assert (verdict.state.open_markets, verdict.state.closed_markets) == (0, 2)
    assert verdict.checked.reports == kind.vault.reportCount()
