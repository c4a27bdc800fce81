"""Logs of a piece are looked at all at once; what that way accepts, the way of one log after the
other accepts, too, and with the same hashes."""

import copy
import json
import random

import pytest
from msgspec import ValidationError, convert
from strongroom.audit import columns, log_answers
from strongroom.audit.log_answers import LogFilter, at_once, one_by_one
from strongroom.audit.logs import AnsweredLog, BadLog

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


def looked_at_at_once(logs, wanted):
    """Return what is accepted at once; None where a field is missing, or of another type."""
    try:
        answered = convert(logs, list[AnsweredLog])
    except ValidationError:
        return None
    return at_once(answered, wanted)


WANTED = {"fromBlock": "0x5", "toBlock": "0x7", "address": [ADDRESS]}


@pytest.mark.parametrize(("part", "kept"), [(2, 10_000), (512, 0)])
def test_both_ways_accept_the_same(monkeypatch, part, kept):
    """What is accepted at once stays as it is: one by one it is in its one form already. It is
    looked at in parts, of which the next begins where the one before ends, and with the numbers
    that are known from answers before, or without."""
    monkeypatch.setattr(columns, "PART", part)
    monkeypatch.setattr(log_answers, "KEPT", kept)
    dice, accepted, refused, mended = random.Random(SEED), 0, 0, 0
    for _ in range(ROUNDS):
        logs = [log(dice, place) for place in range(dice.randrange(7))]
        for _ in range(dice.randrange(3) if logs else 0):
            spoil(dice, logs)
        accepted_at_once = looked_at_at_once(logs, LogFilter(WANTED))
        try:
            alone = one_by_one(logs, LogFilter(WANTED))
        except BadLog:
            alone = None
            refused += 1
        if accepted_at_once is not None:
            assert accepted_at_once == alone and list(accepted_at_once) == list(alone)
            accepted += 1
        elif alone is not None:
            assert looked_at_at_once(list(alone), LogFilter(WANTED)) == alone
            mended += 1
    assert accepted > ROUNDS // 4 and refused > ROUNDS // 4 and mended > 10


def test_a_log_has_one_form():
    """Capitals and zeros in front say the same (JSON-RPC: quantities have none, data any case)."""
    right = [log(random.Random(SEED), place) for place in range(3)]
    wordy = copy.deepcopy(right)
    for each in wordy:
        each["blockNumber"] = "0x0" + each["blockNumber"][2:]
        for name in ("address", "data", "blockHash", "transactionHash", "logIndex"):
            each[name] = "0x" + each[name][2:].upper()
        each["topics"] = ["0x" + topic[2:].upper() for topic in each["topics"]]
    assert wordy != right and list(one_by_one(wordy, LogFilter(WANTED))) == right


@pytest.mark.parametrize(
    ("asked", "fits"),
    [([None], True), ([["T"]], True), ([["T", "0x1"]], True), ([["0x1"]], False),
     ([None, None, None, None, None], False), (["T"], True)],
)  # fmt: skip
def test_logs_of_other_topics_were_not_asked_for(asked, fits):
    logs = [log(random.Random(SEED), 0)]
    topic = logs[0]["topics"][0]
    text = json.loads(json.dumps(asked).replace("T", topic))
    wanted = LogFilter(WANTED | {"topics": text})
    found = looked_at_at_once(logs, wanted)
    assert (None if found is None else list(found)) == (logs if fits else None)
    if not fits:
        with pytest.raises(BadLog, match="topics were not asked for"):
            one_by_one(logs, wanted)
