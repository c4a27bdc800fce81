"""Collateral and tokens that are gone while orders rest: in kind, recalled, merged or closed."""

from decimal import Decimal
from itertools import product
from random import Random

import pytest
from strongroom.backtest.config import parse
from strongroom.backtest.data import load_history
from strongroom.backtest.engine import Engine, Listed, Order
from strongroom.backtest.quotes import Quotes
from strongroom.backtest.run import assemble, simulate
from strongroom.backtest.simulated_accounts import Account
from strongroom.chain.orders import NO, YES, OrderKind
from strongroom.chain.units import HOUR, MICRO
from strongroom.data.schema import Table
from strongroom.information.gamma import FeeSchedule

from tests.agent.test_playback import T, level, market, outcome, played

START = -(-T // 1_000 // HOUR) * HOUR  # the first whole hour
CONFIG = {
    "name": "gone",
    "vault": {"market_cap_bps": 4_000, "class_cap_bps": 9_000,
              "limits": {"max_order_lifetime_s": 24 * HOUR, "max_up_bps": 9_000,
                         "max_down_bps": 9_000, "max_premium_bps": 9_000,
                         "max_drawdown_bps": 9_000}},
    "packs": {"maker": {"half_spread": 0.02, "size": 500}},
    "limits": {"category_bps": 9_000, "daily_loss_bps": 10_000, "cooldown_s": 0},
    "execution": {"order_lifetime_s": 80_000, "resting_s": 70_000},
    "run": {"every_s": HOUR},
}  # fmt: skip


def recorded(folder, hours, crossing=None):
    """Two books each half an hour, .49 to .51; after an hour's beginning one offers .43."""
    rows = []
    for message, (hour, at) in enumerate(product(range(hours), (0, 1_801))):
        falls = hour == crossing and not at
        seconds = 1 if falls else at
        for side, price in (("bid", 420_000 if falls else 490_000),
                            ("ask", 430_000 if falls else 510_000)):  # fmt: skip
            at_ms = 1_000 * (START + hour * HOUR + seconds) - T
            about = (at_ms, "m:yes", message, side, price)
            rows.append(level(*about, 1_000 * MICRO, snapshot=True))
    about = {"ends_ms": 1_000 * (START + hours * HOUR), "fee_rate": 0, "tick": 10_000}
    tables = {
        Table.MARKETS: [market("m", **about)],
        Table.OUTCOMES: [outcome("m")],
        Table.BOOKS: rows,
    }
    played(folder, tables)
    return folder


def test_who_leaves_in_kind_while_quotes_rest_ends_no_backtest(tmp_path):
    """Nine tenths of everything leave at hour 9; a second later an offer crosses the bid of 500:
    a tenth of it can be paid."""
    data = {"path": str(recorded(tmp_path / "data", 30, crossing=9))}
    people = [{"at_h": 0, "who": "alice", "deposit": 100_000},
              {"at_h": 9, "who": "alice", "in_kind_pct": 90}]  # fmt: skip
    quotes = {"cancel_ms": 5_000}
    found = simulate(parse({**CONFIG, "data": data, "people": people, "quotes": quotes}),
                     "realistic")  # fmt: skip
    bought = [each for each in found.trades if each.side == "BUY" and each.filled]
    assert sum(each.filled for each in bought if each.yes) < 500 * MICRO
    assert min(wake.idle for wake in found.wakes) >= 0 and len(found.settled) == 1


@pytest.mark.parametrize(
    ("sells", "gone", "left"),
    [
        (False, lambda account, world: account.part(3, 4), 100 * MICRO // 4),
        (False, lambda account, world: setattr(account, "collateral", 0), 0),  # recalled
        (False, lambda account, world: world.accounts.clear(), 0),  # closed
        (True, lambda account, world: account.merge(0, 70 * MICRO), 30 * MICRO),
        (True, lambda account, world: account.part(1, 2), 50 * MICRO),
    ],
)
def test_an_order_is_filled_as_far_as_there_is_something(tmp_path, sells, gone, left):
    """An account with what pays 100 at .43, or with 100 sets, has an order of 100 there."""
    config = parse({**CONFIG, "data": {"path": str(recorded(tmp_path / "data", 2, crossing=0))}})
    world = assemble(config, "realistic", load_history(config), tmp_path).world
    name = world.names[0]
    account = Account("0x1", name, (0,), world.markets[0], 10**10, collateral=100 * 430_000)
    if sells:
        account = Account("0x1", name, (0,), world.markets[0], 10**10,
                          tokens={(0, YES): 100 * MICRO, (0, NO): 100 * MICRO})  # fmt: skip
    world.accounts[name], world.makers["o"] = account, name
    sent = Order("o", 0, YES, not sells, 430_000 if not sells else 490_000, 100 * MICRO,
                 OrderKind.GTC, 1_000 * START + 500, 1_000 * (START + HOUR))  # fmt: skip
    world.at(START)
    world.engine.send(sent)
    gone(account, world)
    world.at(START + HOUR - 1)
    assert sent.filled == pytest.approx(left, abs=10) and sent.filled <= left
    assert sent.state == "CANCELLED" and min(account.collateral, *account.tokens.values(), 0) == 0


def test_no_account_pays_or_delivers_more_than_there_is():
    """Random prices, fees and rebates: what is covered can be paid, and leaves at most seven
    micro-units."""
    dice = Random(22)
    for _ in range(2_000):
        tick = dice.choice((1, 100, 1_000, 10_000))
        price, size = dice.randrange(tick, MICRO, tick), dice.randrange(1, 10**9)
        fees = FeeSchedule(Decimal(dice.randrange(0, 1_000)) / 1_000, dice.choice((0, 1, 2)))
        quotes = Quotes(rebate_bps=dice.choice((0, 2_500, 10_000)))
        engine = Engine([Listed((1, 2), 10**9, 10**9, (1, 0), fees)], quotes, [])
        order = Order("o", 0, YES, True, price, size, OrderKind.GTC, 0, 10**9)
        maker = dice.random() < 0.5

        def cost(tokens, of=(engine, order, price, maker)):
            made, sent, at, rests = of
            fill = made._priced(sent, at, tokens, 1, rests)
            return fill.cash + fill.fee

        account = Account("0x1", "m", (0,), None, 0, collateral=dice.randrange(0, 2 * size))
        covered = account.covers((0, YES), size, cost(size))
        assert cost(covered) <= account.collateral
        assert covered == size or cost(covered) > account.collateral - 8
