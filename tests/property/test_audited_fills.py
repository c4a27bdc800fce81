"""Fills of real accounts, held against what real reports reveal; each verdict by hand."""

import pytest

from tests.property.evidence_life import BUY, SELL, EvidenceLife, goes_on_from_each_block
from tests.property.world import DAY, HOUR, NO, UNIT, YES, Kind

SIZE = "OrderFilled: size of all its fills"
HALF = {"m": 50}
NOTHING = "OrderFilled.metadata: no revealed record has this id, of account "


@pytest.fixture
def life(tmp_path):
    """Return a life whose market "m" has a wallet with 1,000 units."""
    found = EvidenceLife(tmp_path)
    found.open("m")
    return found


def settle(life, seconds):
    """Let a flat vault deal without a report."""
    life.world.wait(seconds)
    life.world.settle()
    life.mine()


def a_second_later(life):
    life.world.wait(1)
    life.mine()


def test_no_fill_waits_for_its_decision_longer_than_two_reports_may_take(life):
    """A report is old after two days in this vault, and none comes: it goes on by settlements."""
    block = life.trade("m", BUY, 990 * UNIT, 1_000 * UNIT, place=NO)
    account = life.world.markets["m"].account.address.lower()
    life.end("m")
    settle(life, 4 * DAY)
    verdict = life.audit().verdict
    assert verdict.is_clean and verdict.checked.fills_waiting == 1
    assert "fills whose decisions nobody has seen yet: 1" in verdict.words
    a_second_later(life)
    assert life.told() == [(block, NOTHING + account, "a decision", "none")]
    verdict = life.audit().verdict
    assert verdict.checked.fills_waiting == 0 and "nobody has seen yet" not in verdict.words


def test_the_limit_at_a_fills_block_counts(life):
    """Before the next fill the limit becomes three days, by a checkpoint's way, too."""
    world = life.world
    first = life.trade("m", BUY, 10 * UNIT, 20 * UNIT)
    world.set_limit("max_report_age", 3 * DAY)
    life.mine()
    second = life.trade("m", BUY, 10 * UNIT, 20 * UNIT)
    life.end("m")
    settle(life, 5 * DAY)
    assert [each[0] for each in life.told()] == [first]
    settle(life, DAY + 1)
    assert [each[0] for each in life.told()] == [first, second]


def test_a_report_that_becomes_old_within_the_hour_is_waited_for_all_the_same(tmp_path):
    """Some vaults admit one report a day: two of them may take two days."""
    life = EvidenceLife(tmp_path)
    life.world.set_limit("max_report_age", HOUR)
    life.open("m")
    life.trade("m", BUY, 10 * UNIT, 20 * UNIT)
    life.end("m")
    settle(life, 2 * DAY)
    assert life.audit().verdict.checked.fills_waiting == 1
    a_second_later(life)
    assert [each[1].partition(",")[0] for each in life.told()] == [NOTHING.partition(",")[0]]


def reported(life, *records):
    """Report three times, the records in the first."""
    life.report(HALF, *records)
    life.report(HALF)
    life.report(HALF)
    return life.told()


def bought(life):
    """Buy 1,000 YES at .50, as a decision says; return its record."""
    record = life.record(life.leg("m", BUY, "0.5", 1_000 * UNIT), number=1)
    life.trade("m", BUY, 500 * UNIT, 1_000 * UNIT, record)
    return record


# what a decision unwinds


def unwinding(life, size=100 * UNIT):
    return life.record(
        life.leg("m", BUY, "0.5", size),
        life.leg("m", BUY, "0.5", size, place=NO),
        number=2,
        on_failure="unwind",
    )


def test_a_decision_sells_again_no_more_than_it_has_bought_by_then(life):
    """1,000 of another decision's tokens lie there; this one has bought 30, and sells 30 and 10."""
    first, second = bought(life), unwinding(life)
    life.trade("m", BUY, 15 * UNIT, 30 * UNIT, second)
    life.trade("m", SELL, 3 * UNIT, 20 * UNIT, second)
    life.trade("m", SELL, 1 * UNIT, 10 * UNIT, second)
    point = life.trade("m", SELL, 1 * UNIT, 10 * UNIT, second)
    life.trade("m", BUY, 5 * UNIT, 10 * UNIT, second)  # what it buys later excuses nothing
    assert reported(life, first, second) == [(point, SIZE, f"at most {30 * UNIT}", f"{40 * UNIT}")]


def test_a_decision_that_has_bought_nothing_sells_nothing_again(life):
    """Adversary's case: 1,000 of another decision's tokens to a friend at .01."""
    first, second = bought(life), unwinding(life, 1_000 * UNIT)
    block = life.trade("m", SELL, 10 * UNIT, 1_000 * UNIT, second)
    assert reported(life, first, second) == [(block, SIZE, "at most 0", f"{1_000 * UNIT}")]


def test_what_a_decision_has_bought_of_the_other_token_is_not_sold_again(life):
    first, second = bought(life), unwinding(life)
    life.trade("m", BUY, 15 * UNIT, 30 * UNIT, second, place=NO)
    block = life.trade("m", SELL, 3 * UNIT, 30 * UNIT, second, place=YES)
    assert reported(life, first, second) == [(block, SIZE, "at most 0", f"{30 * UNIT}")]


def test_what_was_bought_counts_wherever_an_audit_goes_on(life, tmp_path):
    """From a checkpoint of each block: between purchase and sale, and between sale and report."""
    first, second = bought(life), unwinding(life)
    life.trade("m", BUY, 15 * UNIT, 30 * UNIT, second)
    life.trade("m", SELL, 3 * UNIT, 30 * UNIT, second)
    assert reported(life, first, second) == []
    assert set(goes_on_from_each_block(life, tmp_path)) == {"no difference"}


# legs of one token


def test_a_ladder_is_not_sold_at_its_lowest_price(life):
    """Adversary's case: 999 at .90 or better, 1 at .01 or better; all 1,000 go at .01."""
    first = bought(life)
    legs = [life.leg("m", SELL, "0.9", 999 * UNIT), life.leg("m", SELL, "0.01", UNIT)]
    second = life.record(*legs)
    block = life.trade("m", SELL, 10 * UNIT, 1_000 * UNIT, second)
    assert reported(life, first, second) == [(block, SIZE, f"at most {UNIT}", f"{1_000 * UNIT}")]


def test_each_fill_of_a_ladder_goes_to_the_leg_that_has_room(life):
    """Three legs of 100: .40, .50, .60. All may be bought below .40; above .50 only 100 are."""
    legs = [life.leg("m", BUY, price, 100 * UNIT) for price in ("0.5", "0.4", "0.6")]
    record = life.record(*legs)
    life.trade("m", BUY, 30 * UNIT, 100 * UNIT, record)
    life.trade("m", BUY, 45 * UNIT, 90 * UNIT, record)
    life.trade("m", BUY, 54 * UNIT, 90 * UNIT, record)
    life.trade("m", BUY, 20 * UNIT, 100 * UNIT, record)  # 149 of 150 for all, 99 of 110 for two
    over = life.trade("m", BUY, 12 * UNIT, 20 * UNIT, record)
    more = ("at most 60000001", "66000000")  # 100 at .60 and a unit of rounding; 110 at .60
    assert reported(life, record) == [(over, SIZE, *more)]


TWO = (Kind("binary", "keeper"), Kind("binary", "keeper"))


@pytest.mark.parametrize("name", ["m", "other"])
def test_a_fill_is_held_against_the_legs_of_its_own_market(tmp_path, name):
    """One question in two classes, so one token: 10 are ordered in the one, 1,000 in the other."""
    life = EvidenceLife(tmp_path, TWO)
    life.open("m")
    life.open("other", 1, like="m")
    sizes = {"m": 10, "other": 1_000}
    record = life.record(*(life.leg(each, BUY, "0.5", n * UNIT) for each, n in sizes.items()))
    block = life.trade(name, BUY, 500 * UNIT, 1_000 * UNIT, record)
    both = {"m": 50, "other": 50}
    life.report(both, record)
    life.report(both)
    wrong = [(block, SIZE, "at most 5000001", "500000000")]
    assert life.told() == (wrong if name == "m" else [])


# what documents say


def test_a_document_tells_no_more_than_a_name_of_itself(life):
    block = life.report(HALF, vault="x" * 1_000_000)
    assert life.told() == [(block, "evidence document: vault", life.vault, "x" * 120)]


def test_a_document_of_too_many_records_is_named(life):
    block = life.report(HALF, *({"n": number, "time": 1} for number in range(10_001)))
    why = "none: it cannot be read, or has too many records"
    assert life.told() == [(block, "evidence document: vault", life.vault, why)]


# whose decision it is


@pytest.mark.parametrize("vault", ["0x" + "0a" * 20, None, ""])
def test_a_decision_of_another_vault_explains_no_fill(life, vault):
    """A market's id is the same in each vault (class and question), and so is a decision's id: one
    record would serve fills in both, each as large as ordered."""
    leg = life.leg("m", BUY, "0.5", 1_000 * UNIT)
    record = life.record(leg, vault=vault)
    block = life.trade("m", BUY, 500 * UNIT, 1_000 * UNIT, record)
    what = "OrderFilled: its decision's vault"
    assert reported(life, record) == [(block, what, life.vault, vault or "none")]
