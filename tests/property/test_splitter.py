"""The splitter in random worlds, against its rules in Python (tests/property/splitting.py)."""

import random

import pytest
from msgspec.structs import replace
from strongroom.audit.payouts import payout_statement
from strongroom.audit.splitter_events import (
    Credited,
    Split,
    StrategistAnnounced,
    StrategistSet,
    Withdrawn,
)
from strongroom.audit.telling import payout_lines

from tests.property.splitting import SplitWorld, Told, payouts
from tests.property.world import BPS, HOUR, UNIT
from tests.seeds import SEEDS, dice, enough

PEOPLE = ("ann", "ben", "cem")


def lived(seed: int) -> SplitWorld:
    """Return a splitter after a random life of its vault."""
    chance = dice("splitter", seed)
    fees = chance.choice([(0, 2_000, 0), (200, 2_000, 0), (500, 5_000, 300), (0, 1, 0)])
    life = SplitWorld(chance.randint(1, 4), fees)
    if chance.random() < 0.5:
        life.earn(0, chance.randint(1, 1_000 * UNIT))
    life.install()
    for _ in range(40):
        step(life, chance)
    return life


def step(life: SplitWorld, chance: random.Random) -> None:
    number = chance.randrange(len(life.world.kinds))
    amount = chance.choice([1, 7, UNIT, chance.randint(1, 5_000 * UNIT)])
    match chance.randrange(11):
        case 0 | 1 | 2:
            life.earn(number, amount)
        case 3 | 4:
            life.lose(number, amount)
        case 5:
            life.report(chance.choice([1, 24]))
        case 6 | 7:
            life.report()
            life.split()
        case 8:
            who = chance.choice((*PEOPLE, ""))
            life.world.wait(HOUR)
            life.report()  # fresh, and a fee that waits
            life.appoint(number, who, chance.choice([1, 2_500, BPS]) if who else 0)
            life.report()
        case 9:
            life.set_rate(chance.choice([0, 1, life.world.fees[1], 5_000]))
        case _:
            if chance.random() < 0.5:
                life.gift(chance.choice([1, 10**12, chance.randint(1, 10**20)]))
            life.split(by=chance.choice(("mallory", "boss", "ann")))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_splitter_credits_what_its_rules_say(seed: int) -> None:
    life = lived(seed)
    life.split()
    rules, splitter = life.rules, life.splitter
    for who in ("boss", *PEOPLE):
        assert life.credit(who) == rules.credits.get(who, 0), (who, seed)
    for number in range(len(life.world.kinds)):
        mark = rules.marks.get(number, 0)
        assert splitter.claimOf(number) == (mark, rules.counted[number], rules.owed[number])
        assert splitter.markOf(number) == mark
        assert life.vault.profitOf(number) == rules.home.get(number, 0)
    total = sum(life.credit(who) for who in ("boss", *PEOPLE))
    assert total == splitter.total_credit() == life.received
    assert life.vault.balanceOf(splitter.address) == life.received


@pytest.mark.parametrize("seed", SEEDS)
def test_nobody_gets_more_than_his_part_of_the_rate_on_new_highs(seed: int) -> None:
    """Whatever comes in, whoever calls when: bounded by the highs of his classes alone."""
    life = lived(seed)
    life.split()
    paid = dict.fromkeys(range(len(life.world.kinds)), 0)
    last, bounds = dict[int, int](), dict.fromkeys(PEOPLE, 0)
    for each in life.events("Credited"):
        number = each["class_id"]
        assert 0 < each["paid"] <= each["profit"]
        assert each["mark"] >= last.get(number, 0) + each["paid"]  # marks never fall
        last[number] = each["mark"]
        paid[number] += each["paid"]
        for who in PEOPLE:
            if each["strategist"].lower() == life.who[who].lower():
                bounds[who] += each["paid"]
    rate = max(each["rate_bps"] for each in life.events("Split"))
    for who in PEOPLE:
        assert life.rules.worth.get(who, 0) <= bounds[who] * rate * 10**18 // BPS, (who, seed)
    for number, assets in paid.items():
        assert assets <= max(0, life.highs.get(number, 0))


@pytest.mark.parametrize("together", [1, 3, 50])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_auditor_finds_each_payout_right(seed: int, together: int) -> None:
    """Also where several calls are one transaction, so that a split stands between two events of
    the vault."""
    life = lived(seed)
    life.split()
    books = payouts(life, together)
    assert books.differences == []
    assert books.splits == len(life.events("Split"))
    for who in ("boss", *PEOPLE):
        address = life.who[who].lower()
        assert books.credits.get(address, 0) == life.credit(who)
    for number in range(len(life.world.kinds)):
        assert tuple(books.claims[number]) == life.splitter.claimOf(number)


def test_a_gift_buys_a_claim_of_its_part_of_the_rate_and_no_more() -> None:
    """400 are given to class 0 of a vault that is 1,000 below its mark. No fee comes for them, and
    a claim of 20 % waits. 2,000 that class 1 wins later bring a fee of 20 % of 1,399, since a
    share's price is rounded down to a millionth: 279.80 for claims of 80 and 200. Of the 79.942857
    that pay his claim half, 39.971428, are the strategist's: a tenth of what he gave at most."""
    life = SplitWorld(2, (0, 2_000, 0))
    life.install()
    life.appoint(0, "ann", 5_000)
    life.report()
    life.split()
    life.lose(1, 1_000 * UNIT)
    life.report()
    life.earn(0, 400 * UNIT)
    life.report()
    life.split()
    assert life.credit("ann") == 0
    assert life.splitter.claimOf(0)[2] == 400 * UNIT * 2_000
    life.earn(1, 2_000 * UNIT)
    life.report()
    life.split()
    worth = life.vault.convertToAssets(life.credit("ann"))
    assert 39_971_427 <= worth <= 39_971_429


CHANGES = {
    "a strategist is credited a share more": (Credited, "shares", 1),
    "a class's fee is smaller": (Credited, "fee", -1),
    "a mark stays behind": (Credited, "mark", -1),
    "less was paid for": (Credited, "paid", -1),
    "another profit": (Credited, "profit", 1),
    "another class": (Credited, "class_id", 1),
    "more came in": (Split, "received", 1),
    "the manager gets more": (Split, "rest", 1),
    "another rate": (Split, "rate_bps", 1),
    "another price": (Split, "due", 1),
    "all profit is larger": (Split, "profit", 1),
    "a newcomer starts lower": (StrategistSet, "mark", -1),
    "another part than announced": (StrategistSet, "part_bps", 1),
    "an announcement that holds earlier": (StrategistAnnounced, "ready_at", -1),
    "a withdrawal of what was never credited": (Withdrawn, "shares", 10**40),
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_auditor_names_each_number_that_is_wrong(name: str) -> None:
    kind, field, by = CHANGES[name]
    life = lived(SEEDS[0])
    life.report()
    life.split()
    for who in ("boss", *PEOPLE):
        if life.credit(who):
            life.splitter.withdraw(life.credit(who), life.who["bob"], sender=life.who[who])

    def change(told: Told) -> Told:
        place = max(n for n, (each, _) in enumerate(told) if isinstance(each, kind))
        event, time = told[place]
        wrong = replace(event, **{field: getattr(event, field) + by})
        return [*told[:place], (wrong, time), *told[place + 1 :]]

    assert payouts(life).differences == []
    first = payouts(life, events=change).differences[0]
    assert first.what.startswith(kind.__name__), first
    assert first.block > 0


@pytest.mark.parametrize("kind", [Credited, Split, StrategistAnnounced])
def test_the_auditor_names_what_is_missing(kind: type) -> None:
    life = lived(SEEDS[0])
    life.set_rate(2_000)
    life.split()
    life.earn(0, 1_000_000 * UNIT)  # a split that credits, whatever was lost before
    life.gift(10**18)
    life.split()
    assert payouts(life, events=lambda told: without(told, kind)).differences


def test_a_hidden_appointment_shows_in_the_views() -> None:
    """Nothing need follow from it in the logs; the audit holds strategists against the views."""
    life = SplitWorld(1)
    life.install()
    life.appoint(0, "ann", 5_000)
    hidden = payouts(life, events=lambda told: without(told, StrategistSet))
    shown = tuple(life.splitter.strategistOf(0))
    assert payouts(life).strategists[0] == shown == (life.who["ann"].lower(), 5_000)
    assert 0 not in hidden.strategists


def test_the_statement_says_which_part_of_the_fees_comes_to_the_splitter() -> None:
    """The owner sends them elsewhere without notice: no payout is wrong, and no fee comes."""
    life = SplitWorld(1)
    life.install()
    vault, owner, splitter = life.vault, life.who["owner"], life.splitter.address
    for here in (BPS, 2_500, 0):
        others = [(life.who["bob"], BPS - here)] if here < BPS else []
        vault.setFeeRecipients([*([(splitter, here)] if here else []), *others], sender=owner)
        found = payout_statement(payouts(life))
        assert found.fee_bps == here
        assert f"  it receives {here / 100:g} % of the vault's fees now" in payout_lines(found, "")


def without(told: Told, kind: type) -> Told:
    """Return events without the last of a kind."""
    place = max(n for n, (each, _) in enumerate(told) if isinstance(each, kind))
    return told[:place] + told[place + 1 :]


def test_the_lives_have_shortfalls_and_plenty() -> None:
    """Or the two above would say little."""
    splits = [each for seed in SEEDS for each in lived(seed).events("Split")]
    short = sum(0 < each["received"] < each["due"] for each in splits)
    plenty = sum(each["received"] > each["due"] > 0 for each in splits)
    assert enough(short, 10), short
    assert enough(plenty, 10), plenty
