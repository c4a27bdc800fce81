"""The program itself fails, at one edge after the other, and its process goes on: no order is
doubled, none is lost, and chain, venue and journal agree. Edges are each commit of the journal,
before it and after, each answer of the venue, and each question to the node.

What a kill leaves is a new start's; here the same keeper goes on with what it has in memory.
"""

import os
from collections import Counter
from decimal import InvalidOperation
from itertools import cycle

import pytest
from sqlalchemy import event
from strongroom.chain.units import MICRO
from strongroom.devnet import polymarket
from strongroom.devnet.deployer import devnet_chain

from tests.e2e.keeper_child import make_keeper
from tests.e2e.keeper_stage import KeeperStage
from tests.e2e.test_keeper_faults import AGAIN, bought, keep, offered, reconciled
from tests.seeds import SEED, dice

ALL = os.environ.get("STRONGROOM_EDGES") == "1"  # each edge; else two of each name
MARKETS = 400 if ALL else 60


class Panic(BaseException):
    """As a library of Rust's ends: no Exception."""


KINDS = (ValueError, InvalidOperation, AttributeError, RecursionError, KeyError, OverflowError,
         AssertionError, TypeError, Panic)  # fmt: skip


class Fuse:
    """Raises once: the so-many-th time that an edge of a name is passed."""

    def __init__(self):
        self.set()

    def set(self, name="", at=0, kind=ValueError):
        self.name, self.at, self.kind = name, at, kind
        self.passed, self.is_blown = Counter(), False

    def __call__(self, name=""):
        self.passed[name] += 1
        if name == self.name and self.passed[name] == self.at:
            self.is_blown = True
            raise self.kind(f"blown: {name}")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with devnet_chain(polymarket.CHAIN_ID) as chain:
        folder, fuse = tmp_path_factory.mktemp("defects"), Fuse()
        # without marks, so that a market can be traded at once
        place = KeeperStage(folder, chain, MARKETS, AGAIN, marks_required=0)
        place.invest()
        place.next, place.told, place.fuse = 0, [], fuse
        place.keeper = make_keeper(
            folder, fuse, lambda name, fields: place.told.append((name, dict(fields)))
        )
        event.listen(place.keeper.journal._engine, "commit", lambda _: fuse("before a commit"))
        node = place.keeper.chain.node
        ask = node.ask
        node.ask = lambda questions: (fuse("asked"), ask(questions))[1]
        for _ in range(2):
            place.tick(place.keeper)
        yield place
        place.stage.close()


def a_life(world, name="", at=0, kind=ValueError):
    """Let the keeper settle the market of the life before, and buy what the next one offers, with
    a fault at an edge; return whether it came to it, and how often each edge was passed."""
    if world.next:
        world.stage.resolve(world.markets[world.next - 1], yes=True)
    world.fuse.set(name, at, kind)
    market = offered(world)
    halts = keep(world, bought(world, market))
    blown, passed = world.fuse.is_blown, world.fuse.passed
    world.fuse.set()
    reconciled(world)
    rows = [row for row in world.keeper.journal.all() if row.condition == market.condition_id]
    assert sum(row.filled for row in rows) == 200 * MICRO
    if blown:
        assert any(kind.__name__ in why for why in halts.values()), halts
        assert world.keeper.tick().halts == {}
    return blown, passed


def test_the_same_process_goes_on_after_a_defect_at_any_edge(world):
    a_life(world)  # opens what the others find
    _, passed = a_life(world)
    assert len(passed) > 10, passed
    chance, kinds, met = dice("edge"), cycle(KINDS), Counter()
    for name, times in passed.items():
        places = range(1, times + 1)
        for at in places if ALL else chance.sample(places, min(2, times)):
            blown, _ = a_life(world, name, at, next(kinds))
            met[name] += blown  # a life may pass an edge less often
    print(f"\n{sum(met.values())} of {sum(passed.values())} edges, seed {SEED}: {dict(met)}")
    assert len(+met) > len(passed) - 3, passed
