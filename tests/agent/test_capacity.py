"""What more capital buys: no more than what is offered, until the price is another one."""

import pytest
from strongroom.backtest.config import parse
from strongroom.backtest.run import simulate
from strongroom.chain.units import HOUR, MICRO
from strongroom.data.schema import Table

from tests.agent.test_playback import CONFIG, T, market, outcome, played, quote

LONG = 48  # hours of the market
PRICES = [960_000] * 20 + [961_000] * 20  # hourly; repeated twenty times each
LOOSE = {"max_up_bps": 9_000, "max_down_bps": 9_000, "max_premium_bps": 9_000}


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    folder, hour = tmp_path_factory.mktemp("capacity"), HOUR * 1_000
    rows = [quote(n * hour, "m:yes", price=price) for n, price in enumerate(PRICES)]
    history = played(
        folder,
        {
            Table.MARKETS: [market("m", ends_ms=T + LONG * hour)],
            Table.OUTCOMES: [outcome("m")],
            Table.QUOTES: rows,
        },
    )
    return folder, history


@pytest.fixture(scope="module")
def bought(told):
    """Return tokens bought by limit, by what was deposited."""
    folder, history = told
    found = {}
    for deposit in ("50000", "500000", "5000000"):
        own = {
            "data": {"path": str(folder)},
            "packs": {"tail": {"wins": 5_000, "total": 5_000}},
            "people": [{"at_h": 0, "who": "alice", "deposit": deposit}],
            "vault": {"limits": LOOSE},
            "limits": {"category_bps": 9_000},
        }
        found[deposit] = by_limit = {}
        for trade in simulate(parse(CONFIG | own), "realistic", history).trades:
            by_limit[trade.price] = by_limit.get(trade.price, 0) + trade.filled
    return found


@pytest.mark.parametrize("deposit", ["500000", "5000000"])
def test_ten_and_a_hundred_times_the_deposits_buy_what_stands_there_once(bought, deposit):
    """Q1b: around .960 asks of 200 stand at .970, .975, .980 and .985, the dearest that earns; a
    thousandth higher around .961. That is 800 and 800 in forty hours, not 800 an hour."""
    assert set(bought[deposit]) == {"0.985", "0.986"}
    for tokens in bought[deposit].values():
        assert 790 * MICRO <= tokens <= 800 * MICRO


def test_what_is_less_than_stands_there_is_bound_by_the_vault(bought):
    assert 0 < sum(bought["50000"].values()) < 800 * MICRO
