"""Logs of a piece are looked at all at once; what that way accepts, the way of one log after the
other accepts, too, and with the same hashes."""

import copy
import random

from strongroom.audit.logs import BadLog
from strongroom.audit.node import Node, _at_once

from tests.seeds import SEED

ADDRESS = "0x" + "aa" * 20
ODD = (
    *(
        None,
        5,
        "",
        "0x",
        "0x" + "A" * 64,
        "-0x1",
        "0x1",
        "zz",
        [],
        ["0x" + "1" * 64],
        [5],
        True,
        {},
    ),
    *("0x" + "1" * 66, "1x" + "1" * 64, b"0x", ADDRESS, "0X" + "AA" * 20, hex(2**40), "0x3_0"),
)
ROUNDS = 20_000


def log(dice, place):
    block = 5 + place // 3
    return {
        "address": ADDRESS,
        "topics": ["0x" + dice.randbytes(32).hex() for _ in range(dice.randrange(1, 5))],
        "data": "0x" + dice.randbytes(8).hex(),
        "blockNumber": hex(block),
        "blockHash": f"0x{block:064x}",
        "transactionHash": "0x" + dice.randbytes(32).hex(),
        "logIndex": hex(place),
    }


def spoil(dice, logs):
    """Change a field, leave one out, shuffle, say one twice, or change a topic."""
    place = dice.randrange(len(logs))
    match dice.randrange(5):
        case 0:
            logs[place][dice.choice([*logs[place], "removed"])] = dice.choice(ODD)
        case 1:
            logs[place].pop(dice.choice(list(logs[place])), None)
        case 2:
            dice.shuffle(logs)
        case 3:
            logs.insert(place, copy.deepcopy(logs[place]))
        case 4 if isinstance(logs[place].get("topics"), list) and logs[place]["topics"]:
            logs[place]["topics"][0] = dice.choice(ODD)


def test_both_ways_accept_the_same():
    dice, node, accepted, refused = random.Random(SEED), Node("http://nowhere"), 0, 0
    for _ in range(ROUNDS):
        logs = [log(dice, place) for place in range(dice.randrange(7))]
        for _ in range(dice.randrange(3) if logs else 0):
            spoil(dice, logs)
        at_once = _at_once(logs, {ADDRESS}, (5, 7))
        try:
            one_by_one = node._one_by_one(logs, {ADDRESS}, (5, 7))
        except BadLog:
            one_by_one = None
            refused += 1
        if at_once is not None:
            assert list(at_once.items()) == list(one_by_one.items())
            accepted += 1
    assert accepted > ROUNDS // 4 and refused > ROUNDS // 4
