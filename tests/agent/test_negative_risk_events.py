"""Negative-risk events in a backtest: split, merge and convert by hand, and events replayed whose
profit is computed by hand."""

import pytest
from strongroom.backtest.config import parse
from strongroom.backtest.data import load_history
from strongroom.backtest.engine import Listed
from strongroom.backtest.run import assemble
from strongroom.backtest.settled_events import events_of
from strongroom.backtest.simulated_accounts import Account
from strongroom.backtest.simulated_requests import VaultRefused
from strongroom.chain.orders import NO, YES
from strongroom.chain.units import HOUR, MICRO
from strongroom.data.schema import Table

from tests.agent.test_playback import T, market, outcome, played, quote

EVENT = "0x" + "77" * 31 + "00"
START = T // 1_000


@pytest.fixture
def account():
    """100 units in the account of an event of three questions."""
    return Account("0x1", "m", (4, 2, 9), None, 10**10, collateral=100 * MICRO)


def tokens(account):
    """(YES, NO) of each question, whole tokens, and the collateral."""
    held = [(account.held(n, YES), account.held(n, NO)) for n in account.numbers]
    return [(yes // MICRO, no // MICRO) for yes, no in held], account.collateral // MICRO


def test_split_and_merge_are_of_one_question(account):
    account.split(1, 30 * MICRO)
    assert tokens(account) == ([(0, 0), (30, 30), (0, 0)], 70)
    account.merge(1, 10 * MICRO)
    assert tokens(account) == ([(0, 0), (20, 20), (0, 0)], 80)
    assert (account.paid, account.got) == (30 * MICRO, 10 * MICRO)
    for refused in (lambda: account.merge(0, 1), lambda: account.split(0, 81 * MICRO)):
        with pytest.raises(VaultRefused, match="balance"):
            refused()
    assert tokens(account) == ([(0, 0), (20, 20), (0, 0)], 80)


def test_convert_gives_the_other_yes_and_collateral_for_all_but_one(account):
    """VENUE c: NO of the set in; YES of the others, and (n - 1) of collateral, out."""
    for place in (0, 1):
        account.split(place, 30 * MICRO)
    account.convert(0b001, 10 * MICRO, 0)
    assert tokens(account) == ([(30, 20), (40, 30), (10, 0)], 40)
    account.convert(0b011, 20 * MICRO, 0)
    assert tokens(account) == ([(30, 0), (40, 10), (30, 0)], 60)
    for index_set in (0, 0b1000):
        with pytest.raises(VaultRefused, match="InvalidIndexSet"):
            account.convert(index_set, 1, 0)
    with pytest.raises(VaultRefused, match="balance"):
        account.convert(0b001, 1, 0)
    single = Account("0x1", "m", (4,), None, 10**10, tokens={(4, NO): MICRO})
    with pytest.raises(VaultRefused, match="InvalidIndexSet"):
        single.convert(1, 1, 0)


@pytest.mark.parametrize("winner", [0, 1, 2])
def test_converting_changes_nothing_in_any_end_where_a_question_wins(account, winner):
    """What is redeemed is the same as without; where none wins, NO alone is paid."""
    listed = [
        Listed((0, 0), 0, 10, (1, 0) if n == (4, 2, 9)[winner] else (0, 1)) for n in range(10)
    ]
    none = [Listed((0, 0), 0, 10, (0, 1))] * 10
    ends = []
    for converts in (False, True):
        for each in (listed, none):
            here = account.copied()
            here.split(0, 50 * MICRO)
            if converts:
                here.convert(0b001, 50 * MICRO, 0)
            here.redeem(each, 9)
            assert here.collateral == 50 * MICRO  # not paid yet
            here.redeem(each, 10)
            assert not any(here.tokens.values())
            ends.append(here.collateral // MICRO)
    assert ends == [100, 100, 100, 50]


def test_a_fill_moves_tokens_collateral_and_fees(account):
    account.trade((2, NO), 20 * MICRO, 12 * MICRO, 100_000)
    account.trade((2, NO), -5 * MICRO, 4 * MICRO, 40_000)
    assert account.held(2, NO) == 15 * MICRO
    assert account.collateral == 100 * MICRO - 12_100_000 + 3_960_000
    assert (account.paid, account.got, account.fees) == (12_100_000, 3_960_000, 140_000)
    before = account.copied()
    cash, given = account.part(1, 3)
    assert (cash, given) == (before.collateral // 3, {(2, NO): 5 * MICRO})
    assert account.held(2, NO) == 10 * MICRO and before.held(2, NO) == 15 * MICRO


# events that are replayed

CONFIG = {
    "name": "event",
    "people": [{"at_h": 0, "who": "alice", "deposit": "20000"}],
    "vault": {"management_bps": 0, "performance_bps": 0,
              "limits": {"max_up_bps": 9_000, "max_down_bps": 9_000, "max_premium_bps": 9_000}},
    "limits": {"category_bps": 9_000},
    "run": {"every_s": HOUR},
}  # fmt: skip


def replayed(folder, bids, asks, winner, people=CONFIG["people"], **pack):
    """Replay an event of three questions with one quote of 100 tokens on each side."""
    end = T + 20 * HOUR * 1_000
    about = {"negative_risk": True, "event_id": EVENT, "event": "cup", "fee_rate": 0,
             "tick": 10_000, "min_size": 5 * MICRO, "ends_ms": end}  # fmt: skip
    names = ("a", "b", "c")
    rows = [
        quote(hour * HOUR * 1_000, f"{name}:yes", bid=bid, ask=ask,
              bid_size=100 * MICRO, ask_size=100 * MICRO)
        for hour in range(19)
        for name, bid, ask in zip(names, bids, asks, strict=True)
    ]  # fmt: skip
    tables = {
        Table.MARKETS: [market(name, **about) for name in names],
        Table.OUTCOMES: [outcome(name, yes=MICRO * (name == winner)) for name in names],
        Table.QUOTES: rows,
    }
    played(folder / "to", tables)
    about = {"people": people, "packs": {"dutch": pack}, "data": {"path": str(folder / "to")}}
    config = parse(CONFIG | about)
    made = assemble(config, "realistic", load_history(config), folder)
    return made, made.run()


@pytest.mark.parametrize("winner", ["a", "b", "c", ""])
def test_an_event_is_converted_and_merged_into_cash(tmp_path, winner):
    """Q9: YES bids .30, .40, .38: NO of all costs .70 + .60 + .62 = 1.92 and pays 2; a void, where
    each pays a half, would cost .42. Converted and merged it is cash: 100 tokens bring 8."""
    bids, asks = (300_000, 400_000, 380_000), (340_000, 440_000, 420_000)
    made, outcome_ = replayed(tmp_path, bids, asks, winner)
    assert outcome_.halts == {} and outcome_.refused == 0
    (task,) = made.keeper.journal.all_tasks()
    record = made.keeper.journal.record(task.decision)
    kinds = sorted(str(move.kind) for move in record.moves)
    assert kinds == ["convert", "merge", "merge"] and {m.amount for m in record.moves} == {10**8}
    assert record.numbers["profit"] == 8 * MICRO
    assert len({each.market for each in outcome_.trades if each.filled == 10**8}) == 3
    (closed,) = outcome_.settled
    assert closed.got - closed.bought == 8 * MICRO
    (alice,) = outcome_.people
    assert alice.worth == 20_008 * MICRO
    (event,) = events_of(outcome_)
    assert event.profit / event.stake == pytest.approx(8 / 192)
    assert event.proved


@pytest.mark.parametrize("winner", ["a", "c", ""])
def test_a_complete_set_is_held_to_its_payout(tmp_path, winner):
    """YES asks .30 + .31 + .33 = .94: 6 of a hundred, where somebody has checked that one must win;
    where he was wrong and none wins, all 94 are lost."""
    bids, asks = (260_000, 270_000, 290_000), (300_000, 310_000, 330_000)
    made, outcome_ = replayed(tmp_path, bids, asks, winner, exhaustive=[EVENT])
    (closed,) = outcome_.settled
    assert closed.got - closed.bought == (6 if winner else -94) * MICRO
    assert made.world.vault.nav[0] == (20_006 if winner else 19_906) * MICRO


def test_a_set_below_one_is_no_arbitrage_where_nobody_has_checked(tmp_path):
    bids, asks = (260_000, 270_000, 290_000), (300_000, 310_000, 330_000)
    _, outcome_ = replayed(tmp_path, bids, asks, "a")
    assert outcome_.trades == [] and outcome_.settled == []


@pytest.mark.parametrize("winner", ["a", ""])
def test_what_leaves_in_kind_earns_what_it_pays(tmp_path, winner):
    """The same set of which three in ten leave: they pay their holder, and the event is what it
    was."""
    bids, asks = (260_000, 270_000, 290_000), (300_000, 310_000, 330_000)
    people = [*CONFIG["people"], {"at_h": 5, "who": "alice", "in_kind_pct": 30}]
    made, outcome_ = replayed(tmp_path, bids, asks, winner, people, exhaustive=[EVENT])
    ((_, left),) = made.world.in_kind["alice"]
    assert set(left.values()) == {29_850_000}  # three in ten, less the premium
    (closed,) = outcome_.settled
    assert closed.got - closed.bought == (6 if winner else -94) * MICRO
