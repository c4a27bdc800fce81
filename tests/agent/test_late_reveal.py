"""Strategies that are private for a while: what reports state, and what the audit makes of it.

Reports come every hour, a block each, in the order of their numbers; documents are written here
word by word, as docs/agent.md has them.
"""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from strongroom.audit.availability import EvidencePlaces
from strongroom.audit.checkpoint import AccountFill, Progress
from strongroom.audit.documents import Document, read_document
from strongroom.audit.fills import FillJoiner, Wait
from strongroom.audit.ledger import Ledger
from strongroom.chain.ids import MarketId, canonical, keccak
from strongroom.chain.places import FolderPlace
from strongroom.chain.units import DAY, HOUR

VAULT, EXCHANGE, MARKET = "0x" + "ab" * 20, "0x" + "ee" * 20, "0x" + "05" * 32
ACCOUNT = "0x" + "ac" * 20
BORN = 1_700_000_000


def at(number):
    """Return the time of a report, and of its block."""
    return BORN + number * HOUR


def record(reveal_by):
    leg = {"vault_market": MARKET, "token": "7", "side": "BUY", "price": "0.5", "size": 10_000_000,
           "exchange": EXCHANGE, "kind": "FAK", "question": "Will it?"}  # fmt: skip
    grounds = {"view": "0x" + "01" * 32, "settings": "0x" + "02" * 32, "reveal_by": reveal_by}
    return {"vault": VAULT, "time": BORN, "on_failure": "hold", "legs": [leg], "grounds": grounds}


def named(text):
    return "0x" + keccak(text).hex()


class Joiner(FillJoiner):
    """Knows what reports there were without asking a node."""

    def __init__(self, folder, documents):
        node = SimpleNamespace(
            times=lambda blocks: {block: at(block) for block in blocks},
            data_of=lambda transactions: [b""] * len(transactions),
        )
        places = EvidencePlaces([FolderPlace(folder)])
        super().__init__(node, places, VAULT, (1, 100), lambda time, event: None)
        self.documents = documents

    def _reported(self):
        for block, evidence in enumerate(self.documents, start=1):
            self._reports.append((block, f"0x{block:02x}"))
            yield SimpleNamespace(block=block, transaction=f"0x{block:02x}", evidence=evidence)


@pytest.fixture
def reported(tmp_path):
    """Return a joiner over reports, given what each says: (withheld, decisions)."""

    def write(*reports):
        names = []
        for number, (withheld, decisions) in enumerate(reports):
            text = canonical({"vault": VAULT, "decisions": decisions, "withheld": withheld,
                              "timestamp": number})  # fmt: skip
            (tmp_path / f"{named(text)}.json").write_bytes(text)
            names.append(named(text))
        return Joiner(tmp_path, names)

    return write


def fill(decision, block=1):
    """5 for 10 tokens, in the block of a report: after it."""
    return AccountFill(block, "0xaa", at(block), decision, ACCOUNT, MarketId(MARKET), EXCHANGE,
                       "7", True, 5_000_000, 10_000_000, 0)  # fmt: skip


def since(now):
    """Return from when on something waits in time: two reports, of two days each."""
    return now - 4 * DAY


def late(joiner, now):
    """Return the differences of withheld decisions; nothing is unknown of them."""
    unknown, found = joiner.withheld_until(since(now), now)
    assert unknown == 0
    return found


def booked(joiner, *fills):
    """Return the differences of fills that their decisions explain, and how many wait."""
    progress = Progress(Ledger(VAULT, 6), 0)
    progress.unjoined = list(fills)
    joiner.join_again(progress)
    return progress.ledger.differences, len(progress.unjoined)


NOTHING = ({}, [])


def private(reveal_by):
    text = record(reveal_by)
    return named(canonical(text)), text


def test_what_is_stated_in_time_and_revealed_by_its_date_is_well(reported):
    name, text = private(at(5))
    joiner = reported(NOTHING, ({name: at(5)}, []), NOTHING, NOTHING, ({}, [text]))
    assert joiner.is_withheld(fill(name))
    assert booked(joiner, fill(name)) == ([], 0)
    assert late(joiner, at(50)) == []


def test_until_the_first_report_from_its_date_on_it_waits_and_then_it_is_late(reported):
    name, _ = private(at(5))
    waiting = ({name: at(5)}, [])
    joiner = reported(NOTHING, waiting, NOTHING)
    assert booked(joiner, fill(name)) == ([], 1)
    assert joiner.is_withheld(fill(name)) and late(joiner, at(5)) == late(joiner, at(6)) == []
    (found,) = late(reported(NOTHING, waiting, *[NOTHING] * 3), at(5) + DAY)
    assert found.what == f"evidence document: decision {name} revealed"
    assert (found.block, found.transaction) == (2, "0x02")
    assert found.expected == "by 2023-11-15 03:13:20 UTC"  # 1,700,000,000 and five hours
    assert found.found == "not by 2023-11-16 03:13:20 UTC"


def test_where_no_report_comes_after_the_date_nobody_can_say(reported):
    """After four days, as for two reports."""
    name, _ = private(at(5))
    joiner = reported(NOTHING, ({name: at(5)}, []), NOTHING)
    for seconds in (0, 4 * DAY, 4 * DAY + 1, 90 * DAY):
        now = at(5) + seconds
        assert joiner.withheld_until(since(now), now) == (seconds > 4 * DAY, [])


def test_a_reporter_who_was_away_at_the_date_reveals_with_his_first_report(reported):
    """Reports come at one, two and three hours, the last one first of all after the date."""
    name, text = private(at(2) + 1)
    stated = ({name: at(2) + 1}, [])
    assert late(reported(NOTHING, stated, ({}, [text])), at(50)) == []
    (found,) = late(reported(NOTHING, stated, NOTHING, ({}, [text])), at(50))
    assert (found.block, found.found) == (4, "2023-11-15 02:13:20 UTC")


def test_a_report_after_the_date_is_late_by_its_time(reported):
    name, text = private(at(2))
    (found,) = late(reported(({name: at(2)}, []), NOTHING, ({}, [text])), at(50))
    assert (found.block, found.found) == (3, "2023-11-15 01:13:20 UTC")


def test_the_record_has_the_date_that_was_stated(reported):
    name, text = private(at(5))
    (found,) = late(reported(({name: at(9)}, []), ({}, [text])), at(50))
    assert found.found == "by 2023-11-15 03:13:20 UTC, as its record says"


def test_the_first_statement_counts_and_a_later_date_moves_nothing(reported):
    name, _ = private(at(2))
    joiner = reported(({name: at(2)}, []), ({name: at(50)}, []))
    assert [found.what for found in late(joiner, at(3))] == [
        f"evidence document: decision {name} revealed"
    ]


def test_nothing_is_private_for_more_than_ninety_days(reported):
    longest = at(1) + 90 * DAY
    name, _ = private(longest)
    assert late(reported(({name: longest}, [])), at(1)) == []
    name, _ = private(longest + 1)
    (found,) = late(reported(({name: longest + 1}, [])), at(1))
    assert found.expected == "by 2024-02-12 23:13:20 UTC"
    assert found.found == "withheld until 2024-02-12 23:13:21 UTC"


def test_a_statement_that_comes_too_late_excuses_nothing(reported):
    """The second report after a fill reveals its decision, or says that it comes later."""
    name, text = private(at(9))
    later = reported(NOTHING, NOTHING, NOTHING, ({name: at(9)}, []), ({}, [text]))
    assert not later.is_withheld(fill(name)) and later.is_withheld(fill(name, block=2))
    (found,), waiting = booked(later, fill(name))
    what = f"OrderFilled: its decision's report, of account {ACCOUNT}"
    assert (found.what, found.expected, found.found, waiting) == (what, "at most 3", "5", 0)
    assert booked(later, fill(name, block=2)) == ([], 0)


def test_a_fill_waits_until_the_second_report_after_it_and_no_longer(reported):
    """After report 1: reports 2 and 3 may reveal its decision; then both are named."""
    name, _ = private(0)
    waits = {1: Wait.IN_TIME, 2: Wait.IN_TIME, 3: Wait.LATE, 9: Wait.LATE}
    for count, wait in waits.items():
        joiner = reported(*[NOTHING] * count)
        assert joiner.wait_of(fill(name), since(at(count))) is wait
    found = joiner.difference(fill(name))
    assert (found.block, found.expected, found.found) == (1, "a decision", "none")
    assert found.what.endswith(f"no revealed record has this id, of account {ACCOUNT}")


def test_a_fill_before_its_own_decision_waits_for_nothing(reported):
    text = record(0) | {"time": at(7)}
    name = named(canonical(text))
    joiner = reported(NOTHING, ({}, [text]))
    assert joiner.wait_of(fill(name), since(at(2))) is Wait.LATE
    assert booked(joiner, fill(name)) == ([], 1)
    assert "the record is younger than its fill" in joiner.difference(fill(name)).what


def test_a_private_fill_is_held_against_its_decision_all_the_same(reported):
    name, text = private(at(5))
    joiner = reported(({name: at(5)}, []), ({}, [text]))
    found, _ = booked(joiner, replace(fill(name), cash=6_000_000))
    assert [each.what for each in found] == [
        "OrderFilled: price", "OrderFilled: size of all its fills"
    ]  # fmt: skip


def test_of_very_many_that_are_late_or_come_twice_the_first_are_named(reported):
    """1,100 were due at report 2, and 1,100 were revealed by both reports."""
    withheld = {f"0x{number:064x}": at(2) for number in range(1_100)}
    again = [{"time": number} for number in range(1_100)]
    joiner = reported((withheld, again), ({}, again))
    overdue, twice = late(joiner, at(3)), joiner.revealed_twice()
    assert [len(overdue), len(twice)] == [1_001, 1_001]
    ends = [(each.block, each.what, each.expected, each.found) for each in (overdue[-1], twice[-1])]
    assert ends == [
        (1, "evidence documents: more decisions", "revealed by their dates", "100"),
        (2, "evidence documents: more decisions", "revealed once", "100"),
    ]


@pytest.mark.parametrize("withheld", [
    5, [], {"0x01": 5}, {"0x" + "01" * 32: "5"}, {"0x" + "01" * 32: True}, {"0x" + "01" * 32: -1},
    {"0x" + "01" * 32: 2**37}, {"no hex": 5}, {"0x" + "01" * 32: None},
])  # fmt: skip
def test_a_document_whose_statements_cannot_be_read_is_none(withheld):
    text = canonical({"vault": VAULT, "decisions": [], "withheld": withheld})
    assert read_document(text) == Document()


def test_what_the_first_report_states_and_reveals_is_in_time(reported):
    """No report is in front of the first: the last one was taken for it."""
    shown = record(BORN)
    joiner = reported(({named(canonical(shown)): BORN}, [shown]), ({}, []), ({}, []))
    assert joiner.withheld_until(since(at(3)), at(3)) == (0, [])
