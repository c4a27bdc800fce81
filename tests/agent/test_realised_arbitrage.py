"""Realised arbitrage, found on a chain of raw logs where it was planted (planted_arbitrage.py)."""

import itertools
import json
import shutil
from fractions import Fraction
from pathlib import Path
from random import Random

import polars as pl
import pytest
from click.testing import CliRunner
from strongroom.analysis.realised_arbitrage import ArbitrageKind, ArbitragePlan, Parcel, sets_of
from strongroom.backtest.arbitrage_rows import ArbitrageRules
from strongroom.backtest.arbitrage_study import arbitrage_study
from strongroom.chain.orders import NO, YES
from strongroom.chain.position_ids import condition_of_event, event_of, position_of
from strongroom.cli.main import command

from tests.agent.planted_arbitrage import M, planted_chain

SEED = 7
EXAMPLES = Path(__file__).parents[2] / "docs" / "examples" / "arbitrage"


def typed(*words):
    done = CliRunner().invoke(command, [*map(str, words), "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """A data folder of a planted chain, by the commands that a user types; and the truth."""
    folder = tmp_path_factory.mktemp("planted")
    chain = planted_chain(SEED)
    chain.write(folder / "source")
    to = folder / "history"
    typed("import", "logs", folder / "source" / "logs.parquet", "--to", to)
    typed("import", "table", folder / "source" / "markets.csv", "--to", to)
    typed("import", "table", folder / "source" / "relations.csv", "--to", to)
    return to, chain


def found_in(out):
    rows = pl.read_parquet(out / "sets.parquet")
    found = rows.group_by("wallet", "kind", "name").agg(
        pl.col("tokens").sum(), pl.col("profit").sum(), pl.col("settled").all()
    )
    return {row[:3]: row[3:] for row in found.iter_rows()}


def test_all_that_was_planted_is_found_and_nothing_else(planted, tmp_path):
    """Precision and recall 100 %, every amount to the micro-unit."""
    to, chain = planted
    study = typed("study", "arbitrage", to, "--out", tmp_path, "--workers", "1")
    found = found_in(tmp_path)
    assert {key for key in chain.truth if key not in found} == set()
    assert {key for key in found if key not in chain.truth} == set()
    assert found == chain.truth
    assert len(chain.truth) > 100 and study["read"] > 3_500
    kinds = {kind for _, kind, _ in chain.truth}
    assert kinds == {each.value for each in ArbitrageKind}
    settled = sum(profit for _, profit, settled in chain.truth.values() if settled)
    assert study["profit"] == settled
    open_ = sum(profit for _, profit, settled in chain.truth.values() if not settled)
    assert sum(each["open"] for each in study["kinds"]) == open_ > 0
    assert study["left_out"] == {"trade: smaller than --least": chain.small}
    by_wallet = {each["name"]: each["profit"] + each["open"] for each in study["wallets"]}
    truth = {}
    for (wallet, _, _), (_, profit, _) in chain.truth.items():
        truth[wallet] = truth.get(wallet, 0) + profit
    assert by_wallet == truth
    assert pl.read_csv(tmp_path / "wallets.csv")["wallet"].to_list() == list(by_wallet)


def test_neither_parts_nor_processes_make_a_difference(planted, tmp_path):
    """One part, and more parts than wallets have rows, in two processes."""
    to, _ = planted
    rules = ArbitrageRules()
    one = arbitrage_study(to, rules, workers=1, out=tmp_path / "one")
    many = arbitrage_study(to, rules, workers=2, out=tmp_path / "many", part_rows=100)
    assert one == many
    whole = [pl.read_parquet(tmp_path / each / "sets.parquet") for each in ("one", "many")]
    assert whole[0].equals(whole[1])
    assert not list(tmp_path.rglob(".arbitrage-*"))


def test_a_log_that_is_imported_twice_counts_once(planted, tmp_path):
    to, chain = planted
    chain.write(tmp_path / "again")
    logs = tmp_path / "again" / "logs.parquet"
    pl.read_parquet(logs).head(2_000).write_parquet(logs)
    copy = tmp_path / "history"
    shutil.copytree(to, copy)
    typed("import", "logs", logs, "--to", copy)
    study = typed("study", "arbitrage", copy, "--workers", "1")
    assert study["left_out"]["row: twice"] > 1_500
    first = typed("study", "arbitrage", to, "--workers", "1")
    assert study["kinds"] == first["kinds"] and study["wallets"] == first["wallets"]


def test_a_source_without_blocks_goes_by_time(planted, tmp_path):
    """The same chain without its block numbers: by blocks nothing can be said, by time the same
    (a block is two seconds there)."""
    chain = planted[1]
    chain.write(tmp_path / "source")
    logs = tmp_path / "source" / "logs.parquet"
    ordered = pl.read_parquet(logs).sort("block_number", "log_index")
    ordered.drop("block_number").write_parquet(logs)
    copy = tmp_path / "history"
    typed("import", "logs", logs, "--to", copy)
    for table in ("markets", "relations"):
        typed("import", "table", tmp_path / "source" / f"{table}.csv", "--to", copy)
    blind = typed("study", "arbitrage", copy, "--workers", "1")
    assert blind["profit"] == 0 and blind["kinds"] == []
    reason = "no number of a block (--seconds goes by time)"
    assert blind["left_out"][f"trade: {reason}"] > 2_000
    out = tmp_path / "out"
    typed("study", "arbitrage", copy, "--workers", "1", "--seconds", "1900", "--out", out)
    assert found_in(out) == chain.truth


MARKETS = (
    "market,venue,event,question,yes_name,no_name,yes_token,no_token,negative_risk\n"
    "0x01,polymarket,e,?,Yes,No,11,12,false\n"
)


def test_what_two_imports_bring_counts_once_also_without_blocks(tmp_path):
    """By hand: 100 YES for 40 and 100 NO for 50 in May's fills, and in June's again."""
    head = (
        "timestamp,maker,makerAssetId,makerAmountFilled,taker,takerAssetId,takerAmountFilled,"
        "transactionHash,fee\n"
    )
    fills = (
        "1730000000,0xAA,0,40000000,0xBB,11,100000000,0x1,0\n"
        "1730000060,0xAA,0,50000000,0xBB,12,100000000,0x2,0\n"
    )
    (tmp_path / "markets.csv").write_text(MARKETS)
    (tmp_path / "may.csv").write_text(head + fills)
    (tmp_path / "june.csv").write_text(head + fills + fills.replace("0xAA", "0xCC"))
    to = tmp_path / "history"
    typed("import", "table", tmp_path / "markets.csv", "--to", to)
    for month, sets in (("may", 1), ("june", 2)):
        typed("import", "logs", tmp_path / f"{month}.csv", "--to", to)
        study = typed("study", "arbitrage", to, "--workers", "1", "--seconds", "1900")
        assert sum(each["open"] for each in study["kinds"]) == sets * 10 * M
    assert study["left_out"]["row: twice"] == 2


def test_a_fee_that_is_not_known_is_not_zero(tmp_path):
    """By hand: 100 YES for 40 and 100 NO for 50 of the subgraph's rows, which lack the fee."""
    (tmp_path / "fills.csv").write_text(
        "timestamp,maker,makerAssetId,makerAmountFilled,taker,takerAssetId,takerAmountFilled,"
        "transactionHash\n"
        "1730000000,0xAA,0,40000000,0xBB,11,100000000,0x1\n"
        "1730000060,0xAA,0,50000000,0xBB,12,100000000,0x2\n"
    )
    (tmp_path / "markets.csv").write_text(MARKETS)
    to = tmp_path / "to"
    typed("import", "logs", tmp_path / "fills.csv", "--to", to)
    typed("import", "table", tmp_path / "markets.csv", "--to", to)
    words = ("study", "arbitrage", to, "--seconds", "60", "--workers", "1")
    assert typed(*words)["left_out"] == {"trade: its fee is not known": 2}
    known = typed(*words, "--unknown-fees-zero")
    (total,) = known["kinds"]
    assert total["open"] == 10 * M and total["profit"] == 0  # the market is not resolved
    done = CliRunner().invoke(command, ["study", "arbitrage", str(to), "--seconds", "60"])
    assert "0.00" in done.output and "its fee is not known: 2" in done.output


def test_what_lacks_is_named(tmp_path, planted):
    done = CliRunner().invoke(command, ["study", "arbitrage", str(tmp_path)])
    assert done.exit_code == 2 and "holds no imported data" in done.output
    (tmp_path / "relations.csv").write_text("kind,members,proof,reviewer\nequal,a b,,me\n")
    typed("import", "table", tmp_path / "relations.csv", "--to", tmp_path)
    done = CliRunner().invoke(command, ["study", "arbitrage", str(tmp_path)])
    assert done.exit_code == 2 and "needs markets and trades" in done.output
    words = ["study", "arbitrage", str(planted[0]), "--ray-address", "ray://x"]
    done = CliRunner().invoke(command, words)
    assert done.exit_code == 2 and "add --engine ray" in done.output


@pytest.mark.parametrize("seed", range(60))
def test_a_set_is_found_where_every_choice_of_fills_is_tried(seed):
    """Against all choices: something is found just where some choice of one fill a leg, near
    enough, costs less than it pays; nothing is matched twice; the profit is what the fills say."""
    dice = Random(seed)
    legs = dice.choice([2, 2, 3, 4])
    fills = []
    clock = 0
    for _ in range(dice.randrange(4, 14)):
        clock += dice.choice([0, 1, 30, 200])
        tokens = dice.randrange(1, 40) * M
        cost = tokens * dice.randrange(25, 75) // 100 * 2 // legs
        fills.append((clock, 0, dice.randrange(legs), tokens, cost))
    plan = ArbitragePlan(ArbitrageKind.BUY_EVERY_YES, "e", tuple(range(legs)), 1, True)
    by_leg = [[each for each in fills if each[2] == leg] for leg in range(legs)]
    pays = any(
        max(c for c, *_ in choice) - min(c for c, *_ in choice) <= 230
        and sum(Fraction(each[4], each[3]) for each in choice) < 1
        for choice in itertools.product(*by_leg)
    )
    parcels = [Parcel(*each) for each in fills]
    found = list(sets_of([plan], parcels, 230))
    assert bool(found) == pays
    assert all(each.last - each.first <= 230 and each.profit >= 0 for each in found)
    taken = [sum(p.taken for p in parcels if p.leg == leg) for leg in range(legs)]
    assert taken == [sum(each.tokens for each in found)] * legs
    assert all(0 <= each.taken <= each.tokens for each in parcels)
    exact = sum(taken[:1]) - sum(Fraction(each.cost * each.taken, each.tokens) for each in parcels)
    rounded = sum(each.profit for each in found)
    assert exact - len(found) * legs <= rounded <= exact
    left = [[(p.clock, Fraction(p.cost, p.tokens)) for p in parcels if p.leg == leg and p.left]
            for leg in range(legs)]  # fmt: skip
    assert not any(
        max(c for c, _ in choice) - min(c for c, _ in choice) <= 230
        and sum(price for _, price in choice) < 1
        for choice in itertools.product(*left)
    )


def test_a_conversion_of_many_fills_ranks_each_once(monkeypatch):
    """2,000 fills a leg before one conversion of them all; each is looked at once, not once for
    each set."""
    count, looked = 2_000, []
    monkeypatch.setattr(
        Parcel, "key", property(lambda self: looked.append(1) or (self.cost << 40) // self.tokens)
    )
    fills = [Parcel(n, 0, 1 + n % 2, M, 40 * M // 100 + n) for n in range(2 * count)]
    plan = ArbitragePlan(ArbitrageKind.CONVERT, "e", (0, 1, 2), 1, True)
    whole = Parcel(2 * count, 0, 0, count * M, 0)
    found = list(sets_of([plan], [*fills, whole], 2 * count))
    assert sum(each.tokens for each in found) == count * M and not whole.left
    assert len(looked) == 2 * count


def test_ten_tenths_are_exactly_one():
    """Ten legs at .10 cost what they pay, though their floats sum to less than 1."""
    assert sum([10 / 100] * 10) < 1
    plan = ArbitragePlan(ArbitrageKind.BUY_EVERY_YES, "e", tuple(range(10)), 1, True)
    fair = [Parcel(0, 0, leg, 100 * M, 10 * M) for leg in range(10)]
    assert list(sets_of([plan], fair, 0)) == []
    cheaper = [Parcel(0, 0, leg, 100 * M, 10 * M - (leg == 3)) for leg in range(10)]
    (found,) = sets_of([plan], cheaper, 0)
    assert (found.tokens, found.profit) == (100 * M, 1)


def event_of_three(folder, with_other, won):
    """Import an event of Protocol V2 with three questions, of which one has won or "Other" has, and
    what four wallets did: bought every YES for .90, every NO for 1.90, split and sold every YES for
    1.10, bought NO of two and converted them."""
    event, wallets = event_of(3, b"e"), [f"0x{n:02x}" + "00" * 19 for n in range(1, 5)]
    conditions = [condition_of_event(event, n) for n in range(3 + with_other)]
    tokens = [[position_of(each, side) for side in (YES, NO)] for each in conditions]
    markets = [
        "market,venue,event,question,yes_name,no_name,yes_token,no_token,negative_risk,event_id"
    ]
    markets += [f"{name},polymarket,e,?,Yes,No,{yes},{no},true,{event}"
                for name, (yes, no) in zip(conditions, tokens, strict=True)]  # fmt: skip
    outcomes = ["market,yes,source"]
    outcomes += [f"{name},{M * (n == won)},by hand" for n, name in enumerate(conditions)]
    deals = ["at_ms,token,side,price,size,cash,fee,wallet,block,log"]
    moves = ["at_ms,kind,wallet,market,amount,sets,block,log"]

    def deal(wallet, token, side, cents, log):
        price, cash = cents * M // 100, cents * M
        deals.append(f"1730000000000,{token},{side},{price},{100 * M},{cash},0,{wallet},60,{log}")

    yes_prices = [20, 30, 40] if not with_other else [20, 30, 30, 10]
    no_prices = [60, 65, 65] if not with_other else [70, 70, 70, 80]
    for n, (yes, no) in enumerate(tokens):
        deal(wallets[0], yes, "BUY", yes_prices[n], n)
        deal(wallets[1], no, "BUY", no_prices[n], 10 + n)
        moves.append(f"1730000000000,split,{wallets[2]},{conditions[n]},{100 * M},,60,{20 + n}")
        deal(wallets[2], yes, "SELL", yes_prices[n] + 10, 30 + n)
    for n in (0, 1):
        deal(wallets[3], tokens[n][1], "BUY", 40, 40 + n)
    moves.append(f"1730000000000,convert,{wallets[3]},{event},{100 * M},3,60,50")
    files = {"markets": markets, "outcomes": outcomes, "trades": deals, "operations": moves}
    for name, lines in files.items():
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
    typed("import", "table", *(folder / f"{each}.csv" for each in files), "--to", folder / "to")
    return typed("study", "arbitrage", folder / "to", "--workers", "1")


@pytest.mark.parametrize("won", [1, 3])
def test_every_yes_of_an_event_of_the_newer_protocol_is_whole_with_other_alone(tmp_path, won):
    """By hand, 100 of each. Three NO for 1.90 pay 2, so 10; three YES were sold for 1.20 of three
    splits for 3, and the NO pay 2: 20. Every YES for .90 might have paid nothing, whoever won."""
    study = event_of_three(tmp_path, with_other=False, won=won)
    earned = {each["name"]: each["profit"] + each["open"] for each in study["kinds"]}
    assert earned == {"buy every NO": 10 * M, "split, sell every YES": 20 * M}
    assert study["without"] == {
        'event of Protocol V2: its "Other" is not known': 1,
        "conversion of Protocol V2: it gives no collateral": 1,
    }


def test_with_other_every_yes_pays_whoever_wins(tmp_path):
    """Four YES for .90 pay 1; four NO for 2.90 pay 3; four YES sold for 1.30, and the NO pay 3 of
    the 4 that the splits took."""
    study = event_of_three(tmp_path, with_other=True, won=3)
    earned = {each["name"]: each["profit"] + each["open"] for each in study["kinds"]}
    assert earned == {
        "buy every YES": 10 * M, "buy every NO": 10 * M, "split, sell every YES": 30 * M,
    }  # fmt: skip
    assert study["without"] == {"conversion of Protocol V2: it gives no collateral": 1}


def two_markets(folder, kind, proof, reviewer, paid, *, negative_risk=False):
    """Import markets a and b; 0xaa bought 100 NO of a for .40 and 100 YES of b for .50, 0xbb NO of
    both for .40 and .50. Return what is counted of relations and events, and the profits."""
    event = f"true,0x{'e1' * 31}00" if negative_risk else "false,"
    ids = [f",0x{'e1' * 31}0{n}" if negative_risk else "," for n in range(3)]
    files = {
        "markets": [
            "market,venue,event,question,yes_name,no_name,yes_token,no_token,negative_risk,event_id,"
            "question_id",
            *(f"{name},own,e,?,Yes,No,{n}1,{n}2,{event}{ids[n]}" for n, name in enumerate("ab", 1)),
        ],
        "outcomes": ["market,yes,source", *(
            f"{name},{yes * M},me" for name, yes in zip("ab", paid, strict=True) if yes is not None
        )],
        "trades": [
            "at_ms,token,side,price,size,cash,fee,wallet,block,log",
            f"1730000000000,12,BUY,400000,{100 * M},{40 * M},0,0xaa,100,1",
            f"1730000001000,21,BUY,500000,{100 * M},{50 * M},0,0xaa,101,1",
            f"1730000000000,12,BUY,400000,{100 * M},{40 * M},0,0xbb,100,2",
            f"1730000001000,22,BUY,500000,{100 * M},{50 * M},0,0xbb,101,2",
        ],
    }  # fmt: skip
    if kind:
        files["relations"] = ["kind,members,proof,reviewer", f"{kind},a b,{proof},{reviewer}"]
    for name, lines in files.items():
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
    typed("import", "table", *(folder / f"{each}.csv" for each in files), "--to", folder / "to")
    study = typed("study", "arbitrage", folder / "to", "--workers", "1")
    return study["without"], {e["name"]: e["profit"] + e["open"] for e in study["kinds"]}


CONTRADICTED = {"relation: the outcomes contradict it": 1}


@pytest.mark.parametrize(("kind", "paid", "without", "profit"), [
    ("implies", (0, 1), {}, 10), ("implies", (1, None), {}, 10),
    ("implies", (1, 0), CONTRADICTED, 0),
    ("equal", (1, 1), {}, 10), ("equal", (0, 1), CONTRADICTED, 0),
    ("exclusive", (1, 0), {}, 10), ("exclusive", (1, 1), CONTRADICTED, 0),
    ("exhaustive", (0, 0), CONTRADICTED, 0),
])  # fmt: skip
def test_what_the_outcomes_contradict_is_no_arbitrage(tmp_path, kind, paid, without, profit):
    """NO of a and YES of b for .90; NO of both for .90. A implies B, A won and B did not: both
    legs of the first pay nothing."""
    counted, earned = two_markets(tmp_path, kind, "", "me", paid)
    assert (counted, earned) == (without, {"dependent markets": profit * M} if profit else {})


@pytest.mark.parametrize(("proof", "reviewer", "counts"), [
    ("", "", False), ("by its rules", "", True), ("", "me", True),
])  # fmt: skip
def test_a_relation_that_nobody_vouches_for_is_none(tmp_path, proof, reviewer, counts):
    counted, earned = two_markets(tmp_path, "implies", proof, reviewer, (1, 1))
    assert counted == ({} if counts else {"relation: neither proven nor reviewed": 1})
    assert bool(earned) == counts


@pytest.mark.parametrize("paid", [(1, 1), (1, 0)])
def test_two_winners_of_one_event_are_no_event(tmp_path, paid):
    counted, earned = two_markets(tmp_path, "", "", "", paid, negative_risk=True)
    if sum(paid) == 1:
        assert earned == {"buy every NO": 10 * M} and counted == {}
    else:
        assert earned == {} and counted == {"event: more than one of its markets has won": 1}


def test_the_documented_example_earns_what_the_page_says(tmp_path):
    tables = [EXAMPLES / f"{each}.csv" for each in ("markets", "outcomes", "trades", "operations")]
    typed("import", "table", *tables, "--to", tmp_path)
    study = typed("study", "arbitrage", tmp_path, "--workers", "1")
    earned = {each["name"]: each["profit"] for each in study["kinds"]}
    assert earned == {
        "buy YES and NO": 4 * M,
        "split, sell YES and NO": 3 * M // 2,
        "buy every NO": 8 * M,
    }


def test_dirt_beside_it_is_counted_and_changes_nothing(planted, tmp_path):
    """Logs cut off, of no topics, of absurd amounts or none, without a time, and ten of them again,
    in no order: each is counted under a reason, and the truth is found to the micro-unit."""
    chain = planted[1]
    chain.write(tmp_path / "source")
    path = tmp_path / "source" / "logs.parquet"
    logs = pl.read_parquet(path)
    fills = [each for each in logs.to_dicts() if len(each["topics"]) == 4][:40]
    size = len(fills[0]["data"]) - 2
    changes = [
        {"data": fills[0]["data"][:-10]}, {"data": "0x"}, {"data": None}, {"topics": []},
        {"topics": None}, {"topics": fills[0]["topics"][:2]}, {"data": "0xzz" + "0" * (size - 2)},
        {"data": "0x" + "f" * size}, {"data": "0x" + "0" * size}, {"block_timestamp": None},
        {"block_timestamp": -5}, {"topics": ["0x" + "ab" * 32, *fills[0]["topics"][1:]]},
    ]  # fmt: skip
    dirt = [
        {**fills[n], "log_index": 9_000_000 + n, **change} for n, change in enumerate(changes)
    ] + fills[20:30]
    both = pl.concat([logs, pl.DataFrame(dirt, schema=logs.schema)])
    both.sample(fraction=1, shuffle=True, seed=3).write_parquet(path)
    to = tmp_path / "history"
    taken = typed("import", "logs", path, "--to", to)
    assert taken["read"] == len(both)
    for table in ("markets", "relations"):
        typed("import", "table", tmp_path / "source" / f"{table}.csv", "--to", to)
    study = typed("study", "arbitrage", to, "--out", tmp_path / "out", "--workers", "1")
    assert found_in(tmp_path / "out") == chain.truth
    counted = sum(taken["dropped"].values()) + sum(study["left_out"].values()) - chain.small
    assert counted == len(dirt), (taken["dropped"], study["left_out"])
