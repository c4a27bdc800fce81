"""Two acts in one transaction, as a Safe or a router sends them, or in one block: whatever comes
behind whatever, the audit of an honest vault finds no difference."""

import pytest

from tests.property.evidence_life import EvidenceLife
from tests.property.evm import Reverted
from tests.property.world import DEPOSIT, HOUR, UNIT, YES, Kind

MARKET_KINDS = (Kind("binary", "keeper"),)


def _report(life, name):
    life.send_report({} if life.world.is_closed(name) else {name: 40})


def _give(life, name):
    life.world.give_cash(name, 30 * UNIT)
    life.world.give(name, 0, YES, 20 * UNIT)


def _limit(life, name):
    life.world.set_limit("max_report_age", 90_000 + len(life.blocks))


ACTS = {
    "report": _report,
    "allocate": lambda life, name: life.world.allocate(name, 100 * UNIT),
    "recall": lambda life, name: life.world.recall(name),
    "give": _give,
    "pay": lambda life, name: (life.world.resolve(name, 0, 1, 1), life.world.redeem(name)),
    "halt": lambda life, name: life.world.halt(name),
    "close": lambda life, name: life.world.close(name, by="guardian"),
    "sweep": lambda life, name: life.world.sweep(name),
    "leave": lambda life, name: life.world.leave("alice", life.world.shares("alice") // 50),
    "ask": lambda life, name: life.world.request(DEPOSIT, "alice", 50 * UNIT),
    "limit": _limit,
}
NOTHING = {"topics": ["0x" + "00" * 32], "data": "0x"}  # a log that makes a block one transaction


@pytest.mark.parametrize("is_one_transaction", [True, False])
@pytest.mark.parametrize("first", ACTS)
def test_two_acts_at_once_are_no_difference(tmp_path, first, is_one_transaction):
    """Each act behind the first, in a market of its own."""
    life, pairs = EvidenceLife(tmp_path, MARKET_KINDS), dict[int, str]()
    life.world.fund("alice", 10_000 * UNIT)
    other = NOTHING | {"address": life.world.exchange.lower()}
    for second in ACTS:
        name = f"{first}, {second}"
        life.open(name)
        life.world.split(name, 0, 1)
        life.world.wait(HOUR)
        for act in (first, second):
            try:
                ACTS[act](life, name)
            except Reverted:  # such a pair cannot be
                break
        else:
            pairs[len(life.blocks)] = name
        life.mine(dict(other) if is_one_transaction else None)
    life.report()
    assert len(pairs) > len(ACTS) / 2 or first == "sweep", pairs
    found = life.audit().verdict.differences
    assert not found, [(pairs.get(each.block, ""), each) for each in found]
