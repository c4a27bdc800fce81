"""The splitter in random worlds, against its rules in Python (tests/property/splitting.py)."""

import random

import pytest

from tests.property.splitting import SplitWorld
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
    match chance.randrange(10):
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
        assert splitter.markOf(number) == rules.marks.get(number, 0)
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
    rate = life.world.fees[1]
    for who in PEOPLE:
        assert life.rules.worth.get(who, 0) <= bounds[who] * rate * 10**18 // BPS, (who, seed)
    for number, assets in paid.items():
        assert assets <= max(0, life.highs.get(number, 0))


def test_the_lives_have_shortfalls_and_plenty() -> None:
    """Or the two above would say little."""
    splits = [each for seed in SEEDS for each in lived(seed).events("Split")]
    short = sum(0 < each["received"] < each["due"] for each in splits)
    plenty = sum(each["received"] > each["due"] > 0 for each in splits)
    assert enough(short, 10), short
    assert enough(plenty, 10), plenty
