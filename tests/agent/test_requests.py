"""How often the keeper asks the chain: it does not grow with the book, and a tick in which nothing
moves reads the vault once."""

from datetime import timedelta
from pathlib import Path

import pytest
from strongroom.backtest.config import load, varied
from strongroom.backtest.data import load_history
from strongroom.backtest.run import assemble
from strongroom.backtest.simulated_chain import VAULT
from strongroom.backtest.simulated_requests import DEPOSIT
from strongroom.chain.calls import BATCH
from strongroom.chain.units import MICRO
from strongroom.execution.vault_reader import VaultReader
from strongroom.reporting.report import Reporter

NULL = Path(__file__).parents[2] / "docs" / "examples" / "backtest-null.toml"


class CountingChain:
    """A chain that counts the requests which a node would get, and the reads of a whole vault."""

    def __init__(self, chain):
        self._chain, self.requests, self.whole = chain, 0, 0

    def __getattr__(self, name):
        return getattr(self._chain, name)

    def _count(self, asked):
        self.requests += max(1, -(-len(asked) // BATCH)) if asked else 0
        self.whole += any(each.function == "totalAssets" for each in asked)

    def ask(self, asked):
        self._count(asked)
        return self._chain.ask(asked)

    def at_head(self, asked):
        self._count(asked)
        return self._chain.at_head(asked)

    def ask_one(self, *asked):
        self.requests += 1
        return self._chain.ask_one(*asked)


@pytest.fixture(scope="module")
def prepared():
    config = varied(load(NULL), {"data.markets": 64})
    return config, load_history(config)


def backtest(prepared, folder):
    config, history = prepared
    made = assemble(config, "optimistic", history, folder)
    made.world.at(history.starts_at)
    return made


def requests_of_marks(prepared, folder, count):
    made = backtest(prepared, folder)
    for market in made.world.markets[:count]:
        deadline = made.world.now + int(timedelta(days=1).total_seconds())
        made.world.open_market(0, market.question_id, 1, deadline)
    keeper, chain = made.keeper, CountingChain(made.keeper.chain)
    vault = VaultReader(chain, VAULT, (0,))
    reporter = Reporter(keeper.reporter.settings, keeper.journal, keeper.transactor, vault, int)
    marks, basis, _ = reporter.marks()
    assert len(marks) == len(basis) == count
    first = chain.requests
    vault.read({})
    return first, chain.requests - first


def test_marks_and_state_ask_as_often_for_one_market_as_for_sixty_four(prepared, tmp_path):
    """Marks: open markets and idle; questions; accounts, classes and exposures; grades; conditions;
    balances. State: numbers and limits; classes and epochs; accounts and exposures; balances and
    marks. What does not change is asked once.
    """
    assert requests_of_marks(prepared, tmp_path, 1) == (6, 4)
    assert requests_of_marks(prepared, tmp_path, 8) == (6, 4)
    assert requests_of_marks(prepared, tmp_path, 64) == (6, 4)


def test_a_tick_reads_the_vault_once_and_again_only_where_something_moved(prepared, tmp_path):
    made = backtest(prepared, tmp_path)
    keeper = made.keeper
    chain = CountingChain(keeper.chain)
    keeper.vault.chain = chain
    keeper.tick()  # the first report is due
    assert chain.whole == 2, "before the report, and after it"
    chain.whole = 0
    for _ in range(3):
        keeper.tick()
    assert chain.whole == 3, "nothing moves: once a tick"
    made.world.vault.request(DEPOSIT, "alice", "alice", 1_000 * MICRO)
    made.world.at(made.world.now + 3_600)
    chain.whole = 0
    keeper.tick()
    assert chain.whole == 2, "the report that takes the deposit in"
