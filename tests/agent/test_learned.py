"""What a backtest's packs know from earlier markets, and results that know their own sample."""

from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from strongroom.analysis.tail import TailRecord
from strongroom.backtest.config import parse, varied
from strongroom.backtest.data import load_history
from strongroom.backtest.learned import _paid, learning_of
from strongroom.backtest.run import assemble, simulate
from strongroom.backtest.stats import summarise
from strongroom.backtest.studies import tail_reference
from strongroom.data.folder import packaged
from strongroom.data.schema import Table
from strongroom.settings import ConfigError

from tests.agent.outside_pack import pack_that, write_pack
from tests.agent.test_backtest import SMALL
from tests.agent.test_playback import T, market, outcome, played, quote

LAST = {"start": "2026-01-05T00:00:00Z", "end": "2026-01-10T00:00:00Z", "last_h": 60}


def favourites(until_ms=2**62, waits_ms=7_200_000):
    """The reference's rule over the raw tables: favourites that had paid by a time, each at its
    first price in the range."""
    folder = packaged()
    known = folder.markets().join(folder.outcomes(), on="market")
    known = known.filter(pl.col("ends_ms") + waits_ms <= until_ms)
    prices = pl.concat(list(folder.chunks("quotes")))
    return (
        prices.join(known, left_on="token", right_on="yes_token")
        .with_columns(
            left=(pl.col("ends_ms") - pl.col("at_ms")) / 3_600_000,
            side=pl.max_horizontal("price", 1_000_000 - pl.col("price")),
            paid=pl.col("ends_ms") + waits_ms,
            won=(pl.col("price") > 500_000) == (pl.col("yes") > 0),
        )
        .filter(pl.col("left").is_between(3, 96))
        .filter((pl.col("side") >= 950_000) & (pl.col("side") < 990_000))
        .sort("at_ms")
        .group_by("market")
        .first()
    )


def counted_by_hand(until_ms):
    """(winners, favourites) that had paid by a time."""
    first = favourites(until_ms)
    return int(first["won"].sum()), len(first)


def least_chance(wins, total, z):
    """The chance at which so few wins are `z` deviations too many: the lower root of
    (share - p)^2 = z^2 p (1 - p) / total."""
    part, share = z * z / total, wins / total
    roots = np.roots([1 + part, -(2 * share + part), share * share])
    return float(min(roots.real))


@pytest.mark.parametrize(("z", "then", "after"), [(1.645, 253, 556), (1.96, 210, 533)])
def test_favourites_that_were_worth_buying_by_what_was_known_then(z, then, after, monkeypatch):
    """Q11: a cent above the last price, with the fee of .04 p (1 - p) and a void in a thousand.
    With the two-sided bound the record of the whole admits the case's 533. Its 238 lies between
    what had been paid by then and what trades earlier in time came to (239), which nobody knew
    yet."""
    first, counts = favourites(), [0, 0, 0]
    won, at, paid = (first[name].to_numpy() for name in ("won", "at_ms", "paid"))
    for side, now in zip(first["side"], at, strict=True):
        price = side / 1e6 + 0.01
        cost = price + 0.04 * price * (1 - price)
        for place, known in enumerate((paid <= now, at > 0, at < now)):
            if known.any() and price < 0.99:
                chance = least_chance(won[known].sum(), known.sum(), z)
                counts[place] += 0.999 * chance + 0.0005 > cost
    assert counts == [then, after, {1.645: 288, 1.96: 239}[z]]
    real = TailRecord.chance
    monkeypatch.setattr(TailRecord, "chance", lambda self: real(self, z))
    found = tail_reference(packaged())
    assert (found.worth_then, found.worth_after) == (then, after)


@pytest.mark.parametrize("narrow", [{}, {"data.tickers": ["AAPL"], "data.last_h": 10}])
def test_what_is_learned_is_what_the_reference_counts(narrow):
    """At any time, by another way to count; whatever part of the data is played."""
    now = [0]
    config = varied(parse(SMALL), {"packs.tail": {}, **narrow})
    learning = learning_of(config, load_history(config), lambda: now[0])
    assert learning.changes() == {"tail": None} and learning.changes() == {}
    end, total = datetime(2025, 12, 12, 20, 59, 59, tzinfo=UTC), 0
    for after_s in (-28 * 86_400, -14 * 86_400, -3_600, 7_199, 7_200):
        now[0] = int(end.timestamp()) + after_s
        before, (wins, total) = total, counted_by_hand(now[0] * 1_000)
        is_new = {"tail": {"wins": wins, "total": total}} if total > before else {}
        assert learning.changes() == is_new
        assert learning.changes() == {}
    assert f"{wins} of {total}" in learning.words()


def test_all_that_was_paid_is_the_known_record():
    assert counted_by_hand(2**62) == (832, 840)


def test_a_market_counts_once_and_only_a_whole_payout_is_won():
    """By hand: seen at .96, then fallen, won; never in the range; NO at .989999; a void; out of it
    by hours or by a millionth."""
    rows = [
        (0, 97, 960_000), (0, 96, 960_000), (0, 50, 400_000), (1, 10, 949_999), (1, 2.9, 970_000),
        (2, 3, 10_001), (2, 3, 990_000), (3, 40, 989_999), (4, 40, 990_000), (5, 40, 10_000),
    ]  # fmt: skip
    end = datetime(2026, 1, 1, tzinfo=UTC)
    ends = 1_000 * int(end.timestamp())
    frame = pl.DataFrame(
        [(market, ends - int(left * 3_600_000), price) for market, left, price in rows],
        schema=["market", "ts", "price"],
        orient="row",
    ).sort("ts")
    payouts = [(1, 0), (1, 0), (0, 1), (1, 1), (1, 0), (1, 0)]
    history = SimpleNamespace(
        markets=[SimpleNamespace(end=end)] * 6,
        listed=[SimpleNamespace(pays_at=n, payout=each) for n, each in enumerate(payouts)],
        tape=SimpleNamespace(middles=lambda: frame.iter_slices(2)),
    )
    assert _paid(history, TailRecord()) == [(3, False), (2, True), (0, True)]


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """The week with what the weeks before it taught, and with the record of the whole."""
    config, found = parse(SMALL | {"data": LAST, "run": {"every_s": 6 * 3_600}}), {}
    for name, own in (("learned", {}), ("whole", {"wins": 832, "total": 840})):
        chosen = varied(config, {"packs.tail": own})
        made = assemble(chosen, "realistic", load_history(chosen), tmp_path_factory.mktemp(name))
        found[name] = made, summarise(made.run(), 7, 10_000)
    return found


def test_a_prior_of_the_whole_is_in_sample(judged):
    _, whole = judged["whole"]
    assert whole.verdict == "in sample: too few events"
    assert whole.parameters == "in sample: tail wins, tail total"


def test_a_learned_prior_admits_less_and_is_told(judged):
    """Each decision's record is at most what had been paid when it was made."""
    (made, learned), (other, whole) = judged["learned"], judged["whole"]
    assert learned.verdict == "too few events"
    assert learned.parameters.startswith("learned: ")
    assert 0 < learned.staked < whole.staked
    for task in made.keeper.journal.all_tasks():
        record = made.keeper.journal.record(task.decision)
        wins, total = map(int, record.numbers["record"].split()[:3:2])
        assert (wins, total) == counted_by_hand(record.time * 1_000)
    ids = {task.decision for task in other.keeper.journal.all_tasks()}
    assert any(
        other.keeper.journal.record(each).numbers["record"].startswith("832 of 840") for each in ids
    )


def test_numbers_that_were_counted_before_are_not_in_sample():
    config = varied(parse(SMALL), {"packs.tail": {"wins": 832, "total": 840}})
    for until, marked in (("2025-12-01T00:00:00Z", False), ("2025-12-12T00:00:00Z", True)):
        outcome = simulate(varied(config, {"counted": {"tail": until}, "run.every_s": 86_400}))
        assert bool(outcome.in_sample) is marked
        assert outcome.learned == ""


def test_parameters_of_a_pack_from_outside_may_all_have_been_counted(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    write_pack(tmp_path, "outside_prior", pack_that("pass", parameters="edge: float = 0.0"))
    config = varied(parse(SMALL), {"run.every_s": 86_400})
    outside = config.model_copy(update={"packs": {"outside_prior": {"edge": 0.1}}})
    assert simulate(outside).in_sample == ["outside_prior edge"]
    assert simulate(config.model_copy(update={"packs": {"outside_prior": {}}})).in_sample == []


def test_parameters_that_do_not_fit_are_named():
    config = varied(parse(SMALL), {"packs.tail": {"low": "much"}})
    history = load_history(config)
    with pytest.raises(ConfigError, match=r"\[packs\] pack tail: low"):
        learning_of(config, history, None)


# relations


H = 3_600_000
RELATED = parse(
    {
        "name": "related",
        "packs": {"bundle": {}},
        "vault": {"limits": {"max_up_bps": 9_000, "max_down_bps": 9_000, "max_premium_bps": 9_000}},
        "people": [{"at_h": 0, "who": "alice", "deposit": "20000"}],
        "limits": {"category_bps": 9_000},
        "run": {"every_s": 3_600},
    }
)


def related(folder, venue="polymarket", **about):
    """Two markets of an event at .40 each, ten hours long, of which somebody says that one at
    least comes true."""
    ends = {"event": "both", "ends_ms": T + 10 * H, "venue": venue}
    told = {"kind": "exhaustive", "members": ["a", "b"], "proof": "", "reviewer": "me", **about}
    prices = {"bid": 390_000, "ask": 400_000, "bid_size": 10**8}
    tables = {
        Table.MARKETS: [market("a", **ends), market("b", **ends)],
        Table.OUTCOMES: [outcome("a"), outcome("b", 0)],
        Table.QUOTES: [
            quote(hour * H, f"{name}:yes", ask_size=10**8 + hour, **prices)
            for hour in range(10)
            for name in "ab"
        ],
        Table.RELATIONS: [told],
    }
    return played(folder, tables)


KNOWN = ["bundle relations"]


@pytest.mark.parametrize(
    ("about", "from_ms", "in_sample"),
    [
        ({"reviewed_ms": T - 1}, 0, []),
        ({"reviewed_ms": T}, 0, KNOWN),
        ({"reviewed_ms": T + 3 * H + 1}, 3 * H + 1, KNOWN),
        ({"reviewed_ms": T + 5 * H}, 5 * H, KNOWN),
        ({"reviewed_ms": T + 100 * H}, None, []),
        ({}, 0, KNOWN),
        ({"proof": "both sides of a coin", "reviewer": ""}, 0, []),
        ({"proof": "both sides of a coin"}, 0, KNOWN),
        ({"proof": "a coin", "reviewer": "", "reviewed_ms": T + 5 * H}, 5 * H, KNOWN),
    ],
)
def test_a_relation_is_known_from_its_review_on(tmp_path, about, from_ms, in_sample):
    """The data's relations reach the bundle pack, each at its time; one that was reviewed while it
    was played, or nobody says when, makes the result in sample."""
    made = simulate(RELATED, "realistic", related(tmp_path, **about))
    first = min((each.time for each in made.trades), default=None)
    start = -(-T // H) * H // 1_000  # the first whole hour
    looks = [start + n * 3_600 for n in range(10)]
    due = from_ms if from_ms is None else next(t for t in looks if t * 1_000 >= T + from_ms)
    # the vault has money from the first report on
    assert (first is None) == (due is None)
    assert first is None or due <= first <= max(due, start + 2 * 3_600) + 600
    assert made.in_sample == in_sample
    assert summarise(made, 7, 1_000).verdict.startswith("in sample") == bool(in_sample)


def test_relations_in_the_file_replace_the_datas_and_may_know_the_sample(tmp_path):
    history = related(tmp_path, reviewed_ms=T - 1)
    members = [each.condition_id for each in history.markets]
    own = [{"kind": "exclusive", "members": members, "reviewer": "me"}]
    config = varied(RELATED, {"packs.bundle": {"relations": own}})
    made = simulate(config, "realistic", history)
    assert not made.trades and made.in_sample == KNOWN
    before = {"bundle": datetime.fromtimestamp(T // 1_000 - 1, UTC).isoformat()}
    assert simulate(varied(config, {"counted": before}), "realistic", history).in_sample == []


def test_relations_that_do_not_fit_are_named_before_anything_runs(tmp_path):
    history = related(tmp_path, reviewer="")
    with pytest.raises(ConfigError, match=r"\[packs\] pack bundle: .*"):
        learning_of(RELATED, history, None)


def test_what_a_venue_may_settle_at_any_value_is_never_sure(tmp_path):
    """Both may pay .40: the sure pair for .80 would pay just that."""
    history = related(tmp_path, venue="kalshi", reviewed_ms=T - 1)
    assert not simulate(RELATED, "realistic", history).trades
    members = [each.condition_id for each in history.markets]
    own = [{"kind": "exhaustive", "members": members, "reviewer": "me"}]
    config = varied(RELATED, {"packs.bundle": {"relations": own}})
    with pytest.raises(ConfigError, match=f"kalshi may settle market {members[0]} at any value"):
        learning_of(config, history, None)
