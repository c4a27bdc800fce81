"""Settlement from totals: by hand, beside the auditor's own indices over random numbers, and where
one of the two is broken: then the other disagrees."""

import random
from fractions import Fraction

import pytest
from msgspec.structs import replace
from strongroom.audit import totals
from strongroom.audit.queues import (
    EARNED,
    KEPT,
    AuditedEpoch,
    DealtEpoch,
    settle_deposits,
    settle_redemptions,
)
from strongroom.audit.totals import deposits_wrong, part_of, redemptions_wrong, request_wrong
from strongroom.chain.units import PRICE

from tests.seeds import SEED

HALF = PRICE // 2  # an asset for two shares
ROUNDS = 300


def closed(make=AuditedEpoch, **asked):
    """Return an epoch that a report has closed at one asset a share."""
    epoch = make()
    for who, amount in asked.items():
        epoch.ask(who, amount, 0)
    epoch.closed_by, epoch.anchor = 1, PRICE
    return epoch


# by hand


def test_each_request_has_its_part_of_each_settlement():
    """Of 600, 300 are settled for 30, then 150 for 30: who asked for 100 earned 5 and 5, and 25
    wait. Who asked for 300 went after the first with 150, and had earned 15."""
    epoch = closed(ann=100, bob=200, cid=300)
    epoch.settle(300, 30)
    assert part_of(epoch, "cid") == (150, 15)
    assert epoch.leave("cid")[0] in (149, 150)
    assert part_of(epoch, "ann") == (50, 5)
    epoch.settle(75, 15)
    waits, earned = part_of(epoch, "ann")
    assert 24 < waits <= 25 and 9 < earned <= 10
    for who in ("ann", "bob"):
        assert request_wrong(epoch, who, epoch.standing(who)) == []


def test_what_was_dealt_by_hand():
    """Room for 150 of 100 and 100; idle 60 for 100 and 100 shares at a half."""
    waited = {3: 100, 4: 100}
    right = [DealtEpoch(3, False, 100, 200, 0), DealtEpoch(4, False, 50, 100, 50)]
    assert not list(deposits_wrong(waited, HALF, 150, right))
    assert list(deposits_wrong(waited, HALF, 160, right)), "ten more had room"
    assert list(deposits_wrong(waited, HALF, 140, right)), "ten had none"
    right = [DealtEpoch(3, False, 100, 50, 0), DealtEpoch(4, False, 20, 10, 80)]
    assert not list(redemptions_wrong(waited, HALF, 60, right))
    assert list(redemptions_wrong(waited, HALF, 70, right))
    assert list(redemptions_wrong(waited, HALF, 59, right))


# the loops beside it


def lines(chance):
    """Return an epoch line, and a price, of random numbers."""
    count = chance.randrange(1, 6)
    amounts = [chance.choice((0, 1, 7, 10**6, chance.randrange(10**14))) for _ in range(count)]
    line = [(n, closed(ann=a) if a else closed()) for n, a in enumerate(amounts, 1)]
    return line, chance.randrange(PRICE // 10**3, 3 * PRICE)


def broken(how, dealt):
    """Return what was dealt with a mistake in it; None where there is nothing to mistake."""
    settled = [each for each in dealt if each.taken and each.given]
    if not settled:
        return None
    one = settled[0]
    changed = {
        "a share or an asset more": replace(one, given=one.given + 1),
        "one less, as if rounded twice": replace(one, given=one.given - 1),
        "a unit taken for nothing": replace(one, taken=one.taken + 1, left=one.left - 1),
        "a unit forgotten": replace(one, left=one.left + 1),
        "an epoch of nobody": replace(one, epoch=99),
    }
    return [changed[how] if each is one else each for each in dealt]


MISTAKES = (
    *("a share or an asset more", "one less, as if rounded twice", "a unit taken for nothing"),
    *("a unit forgotten", "an epoch of nobody"),
)


@pytest.mark.parametrize("how", [None, *MISTAKES])
def test_what_the_loops_deal_is_what_totals_say_unless_they_are_broken(how):
    chance, seen = random.Random(SEED), 0
    for _ in range(ROUNDS):
        for settle, wrong in (
            (settle_deposits, deposits_wrong),
            (settle_redemptions, redemptions_wrong),
        ):
            line, price = lines(chance)
            reach = chance.choice((0, 1, 10**6, chance.randrange(10**14), 10**15))
            waited = {number: epoch.left for number, epoch in line}
            dealt = settle(line, price, 10**9 if settle is settle_deposits else 0, reach)
            if how is None:
                assert not list(wrong(waited, price, reach, dealt))
            elif (other := broken(how, dealt)) is not None:
                seen += 1
                assert list(wrong(waited, price, reach, other))
    assert how is None or seen > 50


def test_the_young_before_the_old_is_wrong():
    line = [(1, closed(ann=100)), (2, closed(bob=100))]
    dealt = settle_deposits(line[::-1], PRICE, 0, 150)
    assert list(deposits_wrong({1: 100, 2: 100}, PRICE, 150, dealt))
    dealt = [DealtEpoch(1, False, 75, 75, 25), DealtEpoch(2, False, 75, 75, 25)]
    assert list(deposits_wrong({1: 100, 2: 100}, PRICE, 150, dealt)), "alike for all epochs"


# the indices beside it


class EarnsOfAll(AuditedEpoch):
    """Earns by all that was ever asked, not by what waits."""

    def settle(self, taken, given):
        kept, before = self.kept, self.earned
        super().settle(taken, given)
        if not self.whole:
            self.earned = before + ((kept * given // (self.total or 1)) >> (KEPT - EARNED))


class KeepsTooMuch(AuditedEpoch):
    """Reckons what is left from the first settlement alone."""

    def settle(self, taken, given):
        kept = self.kept
        super().settle(taken, given)
        if kept != 1 << KEPT:
            self.kept = kept


class EarnsOfTaken(AuditedEpoch):
    """Earns by what a settlement took, not by what waited."""

    def settle(self, taken, given):
        kept, before = self.kept, self.earned
        super().settle(taken, given)
        if not self.whole:
            self.earned = before + ((kept * given // taken) >> (KEPT - EARNED))


def lived(make, chance):
    """Yield what is wrong with each request of an epoch, settlement by settlement."""
    asked = {f"p{n}": chance.randrange(1, 10**12) for n in range(chance.randrange(2, 6))}
    epoch = closed(make, **asked)
    for _ in range(4):
        if len(epoch.asked) > 2 and chance.random() < 0.3:
            epoch.leave(next(iter(epoch.asked)))
        taken = chance.randrange(1, epoch.left)
        epoch.settle(taken, chance.randrange(10**6, 10**18))
        for who in epoch.asked:
            yield from request_wrong(epoch, who, epoch.standing(who))


@pytest.mark.parametrize("make", [AuditedEpoch, EarnsOfAll, KeepsTooMuch, EarnsOfTaken])
def test_indices_come_to_each_request_s_part_unless_they_are_broken(make):
    chance = random.Random(SEED)
    found = [any(True for _ in lived(make, chance)) for _ in range(ROUNDS)]
    assert not any(found) if make is AuditedEpoch else sum(found) > ROUNDS * 9 // 10


def test_where_totals_are_broken_the_indices_disagree(monkeypatch):
    """As if each settlement were of what was asked first."""

    def wrong(epoch, who):
        mine = Fraction(epoch.asked.get(who, 0))
        earned = sum(mine * given / left for left, _, given in epoch.settlements)
        waits = mine * epoch.left / epoch.total
        whole = waits.denominator * Fraction(earned).denominator
        return int(waits * whole), int(earned * whole), whole

    monkeypatch.setattr(totals, "part_over", wrong)
    chance = random.Random(SEED)
    assert any(any(True for _ in lived(AuditedEpoch, chance)) for _ in range(ROUNDS))
