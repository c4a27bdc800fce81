"""Fills of real accounts, held against what real reports reveal; each verdict by hand."""

import pytest
import strongroom.audit.factory as factory_audit
from strongroom.audit.command import AuditOptions

from tests.property.evidence_life import BUY, SELL, EvidenceLife, goes_on_from_each_block
from tests.property.recorded import RecordingNode
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


def settle(life, *seconds):
    """Let a flat vault deal without a report, after each of these times."""
    for each in seconds:
        life.world.wait(each)
        life.world.settle()
        life.mine()


def later(life, seconds=1):
    life.world.wait(seconds)
    life.mine()


def test_where_two_reports_are_overdue_nobody_can_say(life):
    """A report is old after two days in this vault, and none comes: it goes on by settlements."""
    life.trade("m", BUY, 990 * UNIT, 1_000 * UNIT, place=NO)
    life.end("m")
    settle(life, DAY, 2 * DAY, DAY)
    assert waits(life)
    later(life)
    assert unknown(life).startswith("whether decisions ordered 1 fill: ")


def test_the_limit_of_today_counts(life):
    """It becomes three days, and nobody is accused by any of them."""
    life.trade("m", BUY, 10 * UNIT, 20 * UNIT)
    life.world.set_limit("max_report_age", 3 * DAY)
    life.end("m")
    settle(life, DAY, 3 * DAY, DAY)
    assert waits(life)
    settle(life, DAY + 1)
    assert unknown(life).startswith("whether decisions ordered 1 fill: ")


def test_a_report_that_becomes_old_within_the_hour_is_waited_for_all_the_same(tmp_path):
    """Some vaults admit one report a day: two of them may take two days."""
    life = EvidenceLife(tmp_path)
    life.world.set_limit("max_report_age", HOUR)
    life.open("m")
    life.trade("m", BUY, 10 * UNIT, 20 * UNIT)
    life.end("m")
    settle(life, HOUR, DAY, 23 * HOUR)
    assert waits(life)
    later(life)
    assert unknown(life).startswith("whether decisions ordered 1 fill: ")


# a reporter who is away


def waits(life):
    verdict = life.audit().verdict
    return verdict.is_clean and verdict.words.endswith("nobody has seen yet: 1")


def unknown(life):
    """Return what an audit cannot say; it is all that there is."""
    verdict = life.audit().verdict
    assert (verdict.verdict, verdict.differences) == ("cannot say", ())
    assert verdict.checked.fills_waiting == 0
    (why,) = verdict.unknown
    return why


def silence(life):
    """Buy as a decision says; then nothing comes in the time that two reports may take. Return the
    record, and the fill's block."""
    record = life.record(life.leg("m", BUY, "0.5", 1_000 * UNIT), number=1)
    block = life.trade("m", BUY, 500 * UNIT, 1_000 * UNIT, record)
    later(life, 4 * DAY)
    assert waits(life)
    later(life)
    return record, block


def test_while_the_vault_is_stale_nobody_can_say_what_a_fill_was_ordered_by(life):
    """However long: it is no difference, and not clean; the words say what will end it."""
    silence(life)
    for days in (0, 30):
        later(life, days * DAY)
        result = life.audit()
        verdict = result.verdict
        assert (verdict.verdict, result.exit_code, result.is_clean) == ("cannot say", 2, False)
        assert (verdict.differences, verdict.checked.fills_waiting) == ((), 0)
        (why,) = verdict.unknown
        assert verdict.words.startswith(f"cannot say; not known: {why}")
        assert why.startswith("whether decisions ordered 1 fill: the vault has not reported since")
        assert "the second report after each reveals its decision" in why


def test_a_factory_says_the_same_of_a_stale_vault(life, monkeypatch):
    silence(life)
    monkeypatch.setattr(factory_audit, "_node", lambda urls: RecordingNode(life))
    places = {"evidence": (str(life.folder),), "exchanges": (life.world.exchange,)}
    line = factory_audit.audit_one(AuditOptions(life.vault, **places))
    assert (line.exit_code, line.differences) == (2, 0)
    assert line.words.startswith("cannot say; not known: whether decisions ordered 1 fill")


def test_a_reporter_who_returns_and_reveals_is_clean_wherever_an_audit_goes_on(life, tmp_path):
    record, _ = silence(life)
    later(life, 30 * DAY)
    life.report(HALF)
    assert waits(life)  # the next one may, too
    life.report(HALF, record)
    assert life.audit().verdict.is_clean
    assert set(goes_on_from_each_block(life, tmp_path)) == {"no difference"}


def test_a_reporter_who_returns_and_does_not_reveal_is_named_and_stays_so(life):
    record, block = silence(life)
    later(life, 30 * DAY)
    life.report(HALF)
    life.report(HALF)
    assert [(each[0], each[2]) for each in life.told()] == [(block, "a decision")]
    later(life, 30 * DAY)  # away once more
    assert [(each[0], each[2]) for each in life.told()] == [(block, "a decision")]
    life.report(HALF, record)
    assert [(each[0], each[2], each[3]) for each in life.told()] == [(block, "at most 4", "5")]


def test_settlements_of_strangers_while_the_reporter_is_away_change_nothing(life):
    """A flat vault is settled by who wants his money, which reveals nothing: neither is the fill
    late by it, nor is it in time. He who returns and reveals is clean."""
    record, _ = silence(life)
    life.end("m")
    for days in (6, 2, 6, 1, 30):
        settle(life, days * DAY)
        assert life.audit().verdict.verdict == "cannot say"
    life.report(None, record)
    life.report()
    assert life.audit().verdict.is_clean


def test_what_differs_stays_a_difference_while_other_things_are_unknown(life):
    wrong = life.trade("m", BUY, 10 * UNIT, 20 * UNIT)
    for _ in range(2):
        life.report(HALF)
    silence_began = life.trade("m", BUY, 10 * UNIT, 20 * UNIT)
    later(life, 9 * DAY)
    result = life.audit()
    assert (result.verdict.verdict, result.exit_code) == ("differs", 1)
    assert [each.block for each in result.verdict.differences] == [wrong] != [silence_began]
    assert len(result.verdict.unknown) == 1


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
