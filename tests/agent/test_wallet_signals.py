"""Wallets worth following: found in worlds of which we know who has an edge, and a feed of them."""

import csv
import json
import random
from dataclasses import replace
from math import exp, log

import pytest
from strongroom.analysis.free_money import SHARES, Purses
from strongroom.analysis.odds import chosen, log_odds, log_wealth
from strongroom.backtest.wallet_study import (
    BadFills,
    FollowRules,
    wallet_study,
    write_followed,
)
from strongroom.chain.calls import DecodedLog, Head
from strongroom.chain.failures import ChainAway
from strongroom.chain.units import DAY, HOUR, MICRO
from strongroom.errors import BadInput
from strongroom.information.forecast import BadForecast, ForecasterAway
from strongroom.information.wallet_forecasts import OLDEST_S, WalletForecaster, read_followed
from strongroom.strategy.api import Confidence
from strongroom.strategy.packs.signal import Signal

from tests.agent.market_record import MARKET

HEAD = "time,wallet,condition,outcome,side,price,size"
SEED = 7  # of the worlds: what they show is a matter of chance
FREE = FollowRules(slippage=0, fee_rate=0)


@pytest.mark.parametrize(("gain", "events"), [
    (1 / 0.99 - 1, 364), (1 / 0.98 - 1, 181), (0.0235, 157), (0.036, 103), (0.053, 71), (0.25, 16),
])  # fmt: skip
def test_so_many_wins_in_a_row_tell_an_edge(gain, events):
    """The published table of events that a pass by odds of 39 takes, all of them won."""
    assert log_odds([gain] * (events - 1)) < log(39) <= log_odds([gain] * events)


def test_odds_of_mirrored_samples_are_reciprocal():
    sample = [0.3, -1.0, 0.2, 0.5, -0.1]
    assert log_odds(sample) == pytest.approx(-log_odds([-each for each in sample]))


def test_wealth_of_one_bet_is_by_hand():
    """Midpoints of thirty cells of (0, 1): the mean share is a half."""
    assert exp(log_wealth([0.5])) == pytest.approx(1.25)
    assert exp(log_wealth([-1])) == pytest.approx(0.5)
    assert log_wealth([]) == 0
    with pytest.raises(BadInput):
        log_wealth([-1.01])
    with pytest.raises(BadInput):
        log_wealth([float("nan")])


def test_who_is_chosen_by_hand():
    """Rate .1 of four: one needs 40, two need 20 each, three 13.3."""
    assert chosen([log(39)], 0.1) == [0]
    assert chosen([log(39), 0, 0, 0], 0.1) == []
    assert chosen([log(21), log(25), 0, 0], 0.1) == [1, 0]
    assert chosen([], 0.1) == []


def purse(bets, now=10**9):
    """Return what a purse makes of bets (made at, paid at, result) by the time `now`."""
    purses = Purses()
    for bet in sorted(bets):
        purses.bet(*bet)
    return exp(purses.log_wealth(now))


def test_a_purse_stakes_what_is_free_alone_by_hand():
    """One after the other a share a of all: (1 + a)(1 - a / 2). At once: a, then a of 1 - a; a bet
    that is open counts nothing."""
    after = purse([(0, 5, 1.0), (6, 8, -0.5)])
    assert after == pytest.approx(sum((1 + a) * (1 - a / 2) for a in SHARES) / len(SHARES))
    both = [(0, 5, 1.0), (5, 8, -0.5)]
    at_once = sum(1 + a - a * (1 - a) / 2 for a in SHARES) / len(SHARES)
    assert purse(both) == pytest.approx(at_once)
    assert purse(both, now=6) == pytest.approx(sum(2 * a + (1 - a) ** 2 for a in SHARES) / 32)
    with pytest.raises(BadInput):
        purse([(0, 1, float("nan"))])


def together(draw):
    """Six dates, ten even bets each that are won or lost together."""
    bets = []
    for date in range(6):
        won = draw.random() < 0.5
        bets += [(100 * date, 100 * date + 50, 1.0 if won else -1.0)] * 10
    return bets


def early(draw):
    """Sixty even bets at once: what is won is paid soon, half of what is lost long after."""
    bets = []
    for _ in range(60):
        won = draw.random() < 0.5
        bets.append((0, 50 if won or draw.random() < 0.5 else 2_000, 1.0 if won else -1.0))
    return bets


def chained(draw):
    """Sixty even bets, each open until after the next is made, each second one as the one before
    was: a coin decides two."""
    bets = []
    for number in range(60):
        won = won if number % 2 else draw.random() < 0.5  # noqa: F821
        bets.append((10 * number, 10 * number + 15, 1.0 if won else -1.0))
    return bets


@pytest.mark.parametrize("habit", [together, early, chained])
def test_no_habit_makes_a_purse_of_fair_bets_grow(habit):
    """In 2,000 lives without an edge it holds one unit on average at most, and 20 units in at most
    one life of twenty. A product over the bets that are paid breaks it: that is what was done."""
    draw = random.Random(SEED)
    lives = [habit(draw) for _ in range(2_000)]
    held = [purse(life, now=1_000) for life in lives]
    assert sum(held) / 2_000 < 1.1 and sum(each >= 20 for each in held) <= 100
    products = [
        log_wealth([result for _, paid, result in sorted(x) if paid < 1_000]) for x in lives
    ]
    assert sum(map(exp, products)) / 2_000 > 1.5


def test_who_adds_to_losers_has_no_edge_by_it(tmp_path):
    """Bought at .50; where the price falls to .10 ten times more is bought. Prices are fair: eight
    of ten rise to .60 and win in six of ten. A mean over an event's entries earned 15 % here."""
    draw, fills, outcomes = random.Random(SEED), [HEAD], ["condition,yes_pays,resolved_at"]

    def trade(at, price, name, wallet="w"):
        fills.append(f"{at},{wallet},{name},YES,BUY,{price},10")
        fills.append(f"{at + 60},maker,{name},YES,SELL,{price},10")

    for number in range(1_000):
        start, rises = number * DAY, draw.random() < 0.8
        trade(start, 0.5, f"c{number}")
        for again in range(0 if rises else 10):
            trade(start + HOUR * (again + 1), 0.1, f"c{number}")
        won = draw.random() < (0.6 if rises else 0.1)
        outcomes.append(f"c{number},{int(won)},{start + 20 * HOUR}")
    fills.append(f"{1_001 * DAY},z,x,YES,BUY,0.5,1")
    for name, rows in (("f.csv", fills), ("o.csv", outcomes)):
        (tmp_path / name).write_text("\n".join(rows) + "\n")
    rules = replace(FREE, fewest=1, false_rate=1e9)
    found = wallet_study(tmp_path / "f.csv", tmp_path / "o.csv", rules)
    (wallet,) = found.followed
    assert wallet.events == 1_000 and abs(wallet.mean) < 0.07, "two errors of 1,000 even bets"


def test_what_is_won_together_is_no_skill(tmp_path):
    """Each date ten events are decided by one coin; 15 wallets bet on one side of it. In at most a
    tenth of worlds somebody is chosen; three of five would be a chance of 1 %."""
    followed = 0
    for seed in range(5):
        draw, fills, outcomes = random.Random(seed), [HEAD], ["condition,yes_pays,resolved_at"]
        for date in range(6):
            won, sides = draw.random() < 0.5, [draw.random() < 0.5 for _ in range(15)]
            for number in range(10):
                name, start = f"c{date}-{number}", date * DAY
                outcomes.append(f"{name},{int(won)},{start + 20 * HOUR}")
                for wallet, yes in enumerate(sides):
                    side, at = "YES" if yes else "NO", start + 120 * wallet
                    fills.append(f"{at},w{wallet},{name},{side},BUY,0.5,10")
                    fills.append(f"{at + 61},maker,{name},{side},SELL,0.5,10")
        fills.append(f"{9 * DAY},z,x,YES,BUY,0.5,1")
        for name, rows in (("f.csv", fills), ("o.csv", outcomes)):
            (tmp_path / name).write_text("\n".join(rows) + "\n")
        found = wallet_study(tmp_path / "f.csv", tmp_path / "o.csv", FREE)
        assert found.tested == 15
        followed += bool(found.followed)
    assert followed < 3


def world(folder, seed, skilled=0, events=150, wallets=40, fades=False, crowd=20):
    """Write fills and outcomes of a market of which prices are fair. A skilled wallet s0.. is right
    more often than its price; where `fades`, the price goes to where it is right at once."""
    draw, fills, outcomes = random.Random(seed), [], []
    for number in range(events):
        start, cond = number * 8 * HOUR, f"0x{number:064x}"
        end, fair = start + 5 * DAY, draw.uniform(0.25, 0.75)
        won = draw.random() < fair
        outcomes.append((cond, int(won), end))

        def trade(at, wallet, yes, price, side="BUY", cond=cond):
            fills.append((at, wallet, cond, "YES" if yes else "NO", side, f"{price:.4f}", 100))

        for _ in range(crowd):
            at, yes = draw.randrange(start, end - 2 * HOUR), draw.random() < 0.5
            price = fair if yes else 1 - fair
            trade(at, f"w{draw.randrange(wallets)}", yes, price)
            trade(at + draw.randrange(61, 600), "maker", yes, price, "SELL")
        for each in range(skilled):
            at, yes = draw.randrange(start, end - 2 * HOUR), won == (draw.random() < 0.85)
            price = fair if yes else 1 - fair
            trade(at, f"s{each}", yes, price)
            trade(at + 61, "maker", yes, 0.85 if fades else price, "SELL")
    for name, head, rows in (
        ("fills", ("time", "wallet", "condition", "outcome", "side", "price", "size"), fills),
        ("outcomes", ("condition", "yes_pays", "resolved_at"), outcomes),
    ):
        with (folder / f"{name}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(head)
            writer.writerows(rows)
    return folder / "fills.csv", folder / "outcomes.csv"


def test_a_skilled_wallet_is_found_and_earns_afterwards(tmp_path):
    found = wallet_study(*world(tmp_path, SEED, skilled=2, events=300))
    assert {each.wallet for each in found.followed} == {"s0", "s1"}
    assert found.out_of_sample.word == "passes"
    assert found.out_of_sample.mean > 0.1
    assert found.out_of_sample.events < 300  # the first ones chose, they do not count


def test_among_wallets_without_an_edge_few_are_chosen(tmp_path):
    """Twenty worlds at fair prices, no costs: in at most a tenth somebody is followed on average;
    five of twenty would be a chance of 4 %."""
    followed = 0
    for each in range(20):
        found = wallet_study(*world(tmp_path, SEED + each, events=60, wallets=15), FREE)
        followed += bool(found.followed)
        assert found.out_of_sample.word in ("nothing was traded", "too few events")
    assert followed < 5


def test_skill_that_the_next_price_has_taken_is_no_skill_to_follow(tmp_path):
    """The wallet is right in 85 %; who buys a minute later pays .85 and slippage and fee."""
    found = wallet_study(*world(tmp_path, SEED, skilled=1, fades=True))
    assert found.followed == ()
    assert found.out_of_sample.word in ("nothing was traded", "too few events")


def test_a_wallet_that_trades_with_itself_cannot_be_followed(tmp_path):
    fills, outcomes = tmp_path / "fills.csv", tmp_path / "outcomes.csv"
    rows = [HEAD]
    ends = ["condition,yes_pays,resolved_at"]
    for number in range(30):
        start = number * DAY
        rows += [
            f"{start},me,c{number},YES,BUY,0.5,10",
            f"{start + 70},me,c{number},YES,SELL,0.5,9",
        ]
        ends.append(f"c{number},1,{start + 2 * HOUR}")
    rows.append(f"{40 * DAY},me,x,YES,BUY,0.5,1")
    fills.write_text("\n".join(rows) + "\n")
    outcomes.write_text("\n".join(ends) + "\n")
    found = wallet_study(fills, outcomes)
    assert (found.followed, found.tested, found.unfollowable) == ((), 0, 1.0)


def test_one_entry_by_hand(tmp_path):
    """Bought at .40; the next other trade a minute later is a NO at .55, so YES at .45; with .01
    and 4 % of .46 x .54 it costs .469936. It wins: 1 / .469936 - 1. Others' 100 at .45: 45."""
    fills, outcomes = tmp_path / "fills.csv", tmp_path / "outcomes.csv"
    fills.write_text(
        "time,wallet,condition,outcome,side,price,size\n"
        "1000,A,c,YES,BUY,0.40,10\n1030,b,c,YES,BUY,0.41,5\n1060,b,c,NO,SELL,0.55,100\n"
        "99999,b,d,NO,SELL,0.55,100\n"
    )
    outcomes.write_text("condition,yes_pays,resolved_at,event\nc,1,5000,e\n")
    found = wallet_study(fills, outcomes, replace(FollowRules(), fewest=1, false_rate=1.0))
    (followed,) = found.followed
    assert followed.wallet == "a"
    assert followed.mean == pytest.approx(1 / 0.469936 - 1)
    assert followed.capacity == pytest.approx(45)
    assert found.decay[1_800] == 0.0  # nobody traded so late: there is no entry


@pytest.mark.parametrize(("fills", "outcomes", "words"), [
    ("a,b\n1,2\n", "condition,yes_pays,resolved_at\nc,1,5\n", "lacks columns"),
    (None, "condition,yes_pays,resolved_at\nc,1.5,5\n", "between 0 and 1"),
    (None, "condition,yes_pays,resolved_at\nc,1,5\nc,0,5\n", "stands twice"),
    (f"{HEAD}\n1,a,c,MAYBE,BUY,0.4,1\n", None, "rows are none"),
    (f"{HEAD}\n1,a,c,YES,BUY,1.4,1\n", None, "rows are none"),
])  # fmt: skip
def test_files_that_do_not_fit_are_refused(tmp_path, fills, outcomes, words):
    good = f"{HEAD}\n1,a,c,YES,BUY,0.4,1\n"
    (tmp_path / "f.csv").write_text(fills or good)
    (tmp_path / "o.csv").write_text(outcomes or "condition,yes_pays,resolved_at\nc,1,5\n")
    with pytest.raises(BadFills, match=words):
        wallet_study(tmp_path / "f.csv", tmp_path / "o.csv")


# the feed

NOW = 2_000_000_000
WALLET, OTHER = "0x" + "aa" * 20, "0x" + "bb" * 20


class Node:
    """A chain with fills of wallets: (block, wallet, side, token, maker amount, taker amount)."""

    def __init__(self, *fills):
        self.fills, self.number, self.away = list(fills), 100, False

    def head(self):
        if self.away:
            raise ChainAway("the node does not answer")
        return Head(self.number, NOW)

    def logs(self, address, contract, event, from_block, to_block=None, matching=None):
        assert (contract, event) == ("Exchange", "OrderFilled")
        return [
            DecodedLog("0x", 0, block, {
                "side": side, "tokenId": token,
                "makerAmountFilled": gave, "takerAmountFilled": got,
            })
            for block, wallet, side, token, gave, got in self.fills
            if from_block <= block <= to_block and wallet == matching["maker"]
        ]  # fmt: skip


@pytest.fixture
def followed(tmp_path):
    path = tmp_path / "wallets.json"
    rows = [
        {"wallet": WALLET, "events": 60, "mean": 0.2},
        {"wallet": OTHER, "events": 20, "mean": 0.2},
    ]
    path.write_text(json.dumps({"schema": 1, "as_of": NOW - DAY, "followed": rows}))
    return path


def looks(path, node, number=2):
    feed = WalletForecaster(node, ["0xe"], path)
    answers = [feed.forecast([MARKET], NOW)]
    for _ in range(number - 1):
        node.number += 10
        answers.append(feed.forecast([MARKET], NOW))
    return answers


def test_the_first_look_only_remembers_where_it_stands(followed):
    node = Node((90, WALLET, 0, 1, 40 * MICRO, 100 * MICRO))
    assert [each.given for each in looks(followed, node)] == [(), ()]


def test_a_purchase_is_a_signal_at_its_price_and_the_shrunk_edge(followed):
    """Bought at .40; 60 events at 20 % with 20 of none: 15 %. .40 x 1.15 = .46."""
    node = Node((105, WALLET, 0, 1, 40 * MICRO, 100 * MICRO))
    _, answers = looks(followed, node)
    (given,) = answers.given
    assert given.chance == pytest.approx(0.46)
    assert given.detail["wallets"] == [WALLET]


def test_a_purchase_for_nothing_has_no_price_and_costs_itself(followed):
    node = Node((105, WALLET, 0, 1, 0, 1), (106, WALLET, 0, 1, 40 * MICRO, 100 * MICRO))
    assert looks(followed, node)[1].given[0].chance == pytest.approx(0.46)


def test_a_purchase_of_no_is_a_signal_against_yes(followed):
    """20 events at 20 % with 20 of none: 10 %. NO at .50 x 1.1 = .55: YES .45. A sale is none."""
    node = Node((105, OTHER, 0, 2, 50 * MICRO, 100 * MICRO), (106, OTHER, 1, 1, 9, 9))
    _, answers = looks(followed, node)
    assert answers.given[0].chance == pytest.approx(0.45)


def test_wallets_on_both_sides_say_nothing(followed):
    node = Node(
        (105, WALLET, 0, 1, 40 * MICRO, 100 * MICRO), (105, OTHER, 0, 2, 50 * MICRO, 100 * MICRO)
    )
    _, answers = looks(followed, node)
    assert answers.given == () and "both outcomes" in answers.problems[0]


def test_what_was_not_read_is_read_by_the_next_look(followed):
    node = Node((105, WALLET, 0, 1, 40 * MICRO, 100 * MICRO))
    feed = WalletForecaster(node, ["0xe"], followed)
    feed.forecast([MARKET], NOW)
    node.number, node.away = 110, True
    with pytest.raises(ForecasterAway):
        feed.forecast([MARKET], NOW)
    node.number, node.away = 120, False
    assert len(feed.forecast([MARKET], NOW).given) == 1
    node.number = 10_000
    assert "left out" in feed.forecast([MARKET], NOW).problems[0]


def test_an_old_file_gives_no_signal(followed):
    with pytest.raises(BadForecast, match="15 days old"):
        WalletForecaster(Node(), ["0xe"], followed).forecast([MARKET], NOW + OLDEST_S)


@pytest.mark.parametrize("text", [
    "", "[]", "{}", '{"schema": 2}', '{"schema": 1, "as_of": 1, "followed": [1]}',
    '{"schema": 1, "as_of": "x", "followed": []}',
    '{"schema": 1, "as_of": 1, "followed": [{"wallet": "a", "events": 1, "mean": NaN}]}',
])  # fmt: skip
def test_a_file_that_is_none_is_refused(tmp_path, text):
    path = tmp_path / "w.json"
    path.write_text(text)
    with pytest.raises(BadForecast):
        read_followed(path)


def test_what_the_study_writes_the_feed_reads(tmp_path):
    found = wallet_study(*world(tmp_path, SEED, skilled=1, events=300))
    write_followed(found, tmp_path / "wallets.json")
    known = read_followed(tmp_path / "wallets.json")
    assert set(known.wallets) == {"s0"} and known.as_of == found.as_of
    (wallet,) = found.followed
    assert 0 < known.wallets["s0"] < wallet.mean


def test_the_pack_that_reads_it_proposes_nothing():
    assert isinstance(Signal(), Confidence)
    assert Signal().propose(None, None) == []
