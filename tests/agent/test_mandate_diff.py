"""What differs between two mandates: whatever admits more is called wider."""

import random
from dataclasses import replace

import pytest
from strongroom.cosigner.mandated import MandatedPolicy
from strongroom.cosigner.policy import Before, PolicyRefuses, judge_order
from strongroom.mandates.commands import shown
from strongroom.mandates.drafting import difference, frame_difference
from strongroom.mandates.mandate import MandateLine
from strongroom.mandates.signed import SignedMandate

from tests.agent.test_cosigner import FACTS, NOW, request
from tests.agent.test_mandated import POLICY
from tests.agent.test_mandated import mandate as counting
from tests.defaults import UNIT
from tests.mandates import END, LINES, START, line, mandate

ALL = tuple(map(MandateLine.model_validate, LINES))
CENT = "micro-units a token"


def lines(*some):
    return [MandateLine.model_validate(each) for each in some]


def test_a_list_that_is_gone_limits_nothing_and_is_called_wider():
    """Said entry by entry, it would read as if the pack had been taken away."""
    without = [each for each in ALL if each.name != "orders.packs"]
    assert list(difference(ALL, without)) == [
        "wider:   no line limits orders.packs (before: orders of the pack tail)"
    ]
    assert list(difference(without, ALL)) == ["tighter: orders of the pack tail (new)"]


def test_each_way_of_a_line_is_called_by_what_it_does():
    none, tail = line("orders.packs", 0, "none"), line("orders.packs", 1, "tail")
    hours, other = (line("quiet_hours", 1, each) for each in ("22:00-06:30", "22:00-06:00"))
    limit = line("orders.max_order", 5 * UNIT, "micro-units", 2)
    for before, after, wanted in (
        ([none], [tail], ["wider:   orders of the pack tail (new)"]),
        ([tail], [none], ["tighter: orders of the pack (none) (new)",
                          "tighter: orders of the pack tail (gone)"]),
        ([none], [], ["wider:   no line limits orders.packs (before: orders of the pack (none))"]),
        ([limit], [], ["wider:   no order of more than 5 units (class 2) (gone)"]),
        ([], [limit], ["tighter: no order of more than 5 units (class 2) (new)"]),
        ([hours], [other],
         ["tighter: no orders and no allocations within 22:00-06:00 UTC (new)",
          "wider:   no orders and no allocations within 22:00-06:30 UTC (gone)"]),
        ([hours], [], ["wider:   no line limits quiet_hours (before: no orders and no allocations "
                       "within 22:00-06:30 UTC)"]),
    ):  # fmt: skip
        assert list(difference(lines(*before), lines(*after))) == wanted


def test_another_vault_and_a_longer_life_are_told():
    before = mandate()
    assert list(frame_difference(before, before)) == []
    later = mandate(not_after=END + 1, not_before=START - 1, chain_id=1, vault="0x" + "B" * 40)
    found = list(frame_difference(before, later))
    assert [each.split()[0] for each in found] == ["another", "another", "wider:", "wider:"]
    assert "2026-05-28 20:26:41 UTC (before: 2026-05-28 20:26:40 UTC)" in found[2]
    assert [each[:8] for each in frame_difference(later, before)][2:] == ["tighter:"]


def test_the_latest_time_can_be_shown():
    latest = SignedMandate(mandate=mandate(not_after=2**37 - 1))
    assert "to 6325-" in "\n".join(shown(latest))


def chosen(rng):
    """Return some lines: of one kind each none, or at random."""
    found = []
    for name, low, high, unit in (
        ("orders.min_price", 400_000, 600_000, CENT),
        ("orders.max_price", 400_000, 700_000, CENT),
        ("orders.max_order", 20 * UNIT, 80 * UNIT, "micro-units"),
        ("orders.max_lifetime_s", 100, 300, "seconds"),
    ):
        for class_id in (-1, 2):
            if rng.random() < 0.3:
                found.append(line(name, rng.randint(low, high), unit, class_id))
    entries = {
        "orders.packs": [line("orders.packs", 1, each) for each in ("tail", "noise")],
        "classes": [line("classes", 1, "class", each) for each in (0, 2)],
    }
    for name, some in entries.items():
        kept = rng.choice([[], [line(name, 0, "none")], *([each] for each in some), some])
        found += kept
    return found or [line("quiet_hours", 1, "22:00-23:00")]


def admitted(some, asked):
    within = MandatedPolicy(POLICY, counting(*some))
    try:
        within.check(2, lambda policy: judge_order(policy, asked, FACTS, Before(), NOW))
    except PolicyRefuses:
        return False
    return True


@pytest.mark.parametrize("seed", range(4))
def test_what_admits_an_order_more_is_never_told_without_a_wider_line(seed):
    """Against what the co-signer enforces: no widening hides among the words."""
    rng, found = random.Random(seed), 0
    for _ in range(60):
        before, after = chosen(rng), chosen(rng)
        if rng.random() < 0.5:  # much alike
            after = [each for each in before if rng.random() < 0.7] or before
        words = list(difference(lines(*before), lines(*after)))
        asked = replace(
            request(making=rng.choice((45, 50)) * UNIT, taking=100 * UNIT), expiry=NOW + 200
        )
        if admitted(after, asked) and not admitted(before, asked):
            found += 1
            assert any(each.startswith("wider:") for each in words), (before, after, words)
    assert found > 5
