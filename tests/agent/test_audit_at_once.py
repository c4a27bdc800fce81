"""What the audit reads many of at once comes to what it reads one by one, or by the ABI's own
decoder; what is found by an index comes to what is found by looking at all."""

import copy
import pickle
import random

import pytest
from eth_abi.abi import decode, encode
from msgspec.structs import replace
from strongroom.audit.answers import AnsweredTransaction
from strongroom.audit.call_checks import _as_called
from strongroom.audit.calls import call_differences, vault_call
from strongroom.audit.columns import canonical_values, value_columns, word_columns
from strongroom.audit.contracts import OddAnswer, Views
from strongroom.audit.event_columns import EventColumns
from strongroom.audit.events import Paused, Reported
from strongroom.audit.log_answers import log_in_one_form
from strongroom.audit.logs import BadLog, Logs
from strongroom.audit.losses import WINDOW_S, DealtEarly, Prices
from strongroom.audit.movements import SINGLE, TRANSFER, moves_in, moves_of
from strongroom.audit.node import Node
from strongroom.audit.readers import FEW, read_columns, read_log, read_logs, vault_readers
from strongroom.audit.view_checks import plain
from strongroom.chain.units import PRICE

from tests.property.audited import calls_of, events_of, raw_logs
from tests.property.life import WORLDS, Life, begin
from tests.seeds import SEED

ODD = (
    *(None, 5, "", "0x", True, [], {}, b"0x", "0x1", "zz", "0X" + "AA" * 32),
    *("0x" + "g" * 64, "0x" + " " * 64, "0x" + "_" * 64, "0x" + "f" * 64, "0x" + "1" * 66, "0x3_0"),
)
STEPS, ROUNDS = 400, 3_000


@pytest.fixture(scope="module")
def lived():
    """A world that has lived, and its vault's logs as a node gives them."""
    life, dice = Life(watched=False, **WORLDS[0]), random.Random(SEED)
    begin(life)
    for _ in range(STEPS):
        life.step(dice, late=False)
    logs = [log for _, some in raw_logs(life.world) for log in some]
    assert len(logs) > 300
    return life.world, logs


def spoiled(dice, logs):
    """Return some logs with a field or a topic changed; of the data the last word, which is no
    length of a list."""
    found = copy.deepcopy(logs)
    for _ in range(dice.randrange(3)):
        log = dice.choice(found)
        match dice.randrange(4):
            case 0:
                log[dice.choice(list(log))] = dice.choice(ODD)
            case 1:
                log.pop(dice.choice(list(log)), None)
            case 2 if isinstance(log.get("topics"), list) and log["topics"]:
                log["topics"][dice.randrange(len(log["topics"]))] = dice.choice(ODD)
            case 3 if isinstance(log.get("data"), str):
                at = dice.randrange(max(2, len(log["data"]) - 64), len(log["data"]) + 1)
                log["data"] = log["data"][:at] + dice.choice(("0", "g", " ", "F")) + (
                    log["data"][at + dice.randrange(2) :]
                )  # fmt: skip
    return found


def well_formed(dice, logs):
    """Return some logs of which one has other topics or other data, as a node may give them."""
    found = copy.deepcopy(logs)
    log = dice.choice(found)
    match dice.randrange(3):
        case 0:
            log["topics"] = log["topics"][: dice.randrange(1, len(log["topics"]) + 1)]
        case 1:
            log["topics"][dice.randrange(len(log["topics"]))] = "0x" + dice.randbytes(32).hex()
        case 2:
            log["data"] = "0x" + dice.randbytes(dice.choice((0, 31, 32, 33, 64))).hex()
    return found


def outcome(read):
    """Return what is read, or the words of why it is refused."""
    try:
        return read()
    except BadLog as error:
        return str(error)


def in_one_form(logs):
    """Return logs as the node's reader gives them, which refuses the others."""
    return Logs([log_in_one_form(log) for log in logs])


def test_logs_are_read_at_once_as_one_by_one(lived):
    dice, readers, passed, refused = random.Random(SEED), vault_readers(), 0, 0
    logs = [log | {"blockHash": f"0x{int(log['blockNumber'], 16):064x}"} for log in lived[1]]
    assert read_logs(in_one_form(logs), readers) == [read_log(log, readers) for log in logs]
    for _ in range(ROUNDS):
        start = dice.randrange(len(logs) - 40)
        odd = dice.choice((spoiled, well_formed))(dice, logs[start : start + FEW * 10])
        some = outcome(lambda odd=odd: in_one_form(odd))
        if isinstance(some, str):
            continue
        passed += 1
        one_by_one = outcome(lambda some=some: [
            event for log in some if (event := read_log(log, readers)) is not None])  # fmt: skip
        assert outcome(lambda some=some: read_logs(some, readers)) == one_by_one
        refused += isinstance(one_by_one, str)
    assert passed > ROUNDS // 4
    assert passed // 10 < refused < passed - passed // 10


@pytest.mark.parametrize(("kind", "words"), [(TRANSFER, 1), (SINGLE, 2)])
def test_transfers_are_read_at_once_as_one_by_one(kind, words):
    dice, passed, refused = random.Random(SEED), 0, 0
    ends = ["0x" + "00" * 12 + dice.randbytes(20).hex() for _ in range(5)]
    logs = [
        {
            "address": "0x" + "aa" * 20,
            "topics": [kind, *(dice.choice(ends) for _ in range(1 + words))],
            "data": f"0x{place % 2:064x}"[: 64 * words - 62]
            + f"{dice.choice((0, 7, 2**64, 2**200)):064x}",
            "blockNumber": hex(place // 3),
            "blockHash": f"0x{place // 3:064x}",
            "logIndex": hex(place),
            "transactionHash": f"0x{place // 2:064x}",
        }
        for place in range(60)
    ]
    assert len(moves_in(in_one_form(logs))) == sum(int(log["data"][-64:], 16) > 0 for log in logs)
    for _ in range(ROUNDS):
        odd = dice.choice((spoiled, well_formed))(dice, logs)
        some = outcome(lambda odd=odd: in_one_form(odd))
        if isinstance(some, str):
            continue
        passed += list(some) != logs
        one_by_one = outcome(lambda some=some: [m for log in some for m in moves_of(log)])
        assert outcome(lambda some=some: moves_in(some)) == one_by_one
        refused += isinstance(one_by_one, str)
    assert passed > ROUNDS // 4, "the node's reader refuses the others"
    assert passed // 10 < refused < passed - passed // 10


def test_columns_are_what_the_abi_says():
    dice, types = random.Random(SEED), ["uint256", "address", "bool", "bytes32", "uint256"]
    rows = [
        (
            dice.getrandbits(dice.choice((1, 63, 64, 65, 128, 200, 256))),
            "0x" + dice.randbytes(20).hex(), dice.random() < 0.5, dice.randbytes(32), number,
        )
        for number in range(50)
    ]  # fmt: skip
    texts = ["0x" + encode(types, row).hex() for row in rows]
    assert list(zip(*word_columns(types, texts, 2), strict=True)) == [plain(row) for row in rows]
    for odd in (texts[0][:-2], texts[0] + "00", texts[0][:-1] + "g", texts[0][:-2] + "  "):
        with pytest.raises(ValueError, match=r"length|hex"):
            word_columns(types, [*texts, odd], 2)
    neither = texts[0][: 2 + 3 * 64 - 1] + "2" + texts[0][2 + 3 * 64 :]
    with pytest.raises(ValueError, match="neither true nor false"):
        word_columns(types, [*texts, neither], 2)


VIEWS = {"markOf": ("0x" + "11" * 32, 0), "balanceOf": ("0x" + "22" * 20,), "positions": ()}


@pytest.mark.parametrize("name", [*VIEWS, "halted"])
def test_answers_of_views_are_read_at_once_as_one_by_one(name):
    """Of several lengths and layouts, cut, longer, and of letters; what one way refuses the other
    refuses, too."""
    dice, views = random.Random(SEED), Views(Node(""))
    types = list(views._views[name].outputs)

    def answer():
        number = dice.randrange(2 ** dice.choice((1, 64, 256)))
        rows = [[dice.randrange(2**64)] * 5 for _ in range(dice.randrange(3))]
        values = [bool(number) if each == "bool" else number for each in types]
        text = "0x" + encode(types, [number, rows] if name == "positions" else values).hex()
        place = dice.randrange(2, len(text))
        match dice.randrange(30):
            case 0:
                return text[:place]
            case 1:
                return text + "00" * dice.choice((1, 32))
            case 2:
                return text[:place] + dice.choice("0f5g ") + text[place + 1 :]
        return text

    for _ in range(500):
        answers = [answer() for _ in range(dice.randrange(4))]
        each = [refused_or(views.decoded, name, one) for one in answers]
        refused = next((one for one in each if isinstance(one, str)), None)
        assert refused_or(views.decoded_all, name, answers) == (refused or each)
        calls = [("0xaa", name, VIEWS.get(name, ()), number) for number in range(len(answers))]
        views._answered, views._node = {}, AnsweredBy(answers)
        assert views.call_each(calls) == [None if isinstance(one, str) else one for one in each]


def refused_or(read, *about):
    """Return what is read, or how it is refused."""
    try:
        return read(*about)
    except OddAnswer as error:
        return str(error)


class AnsweredBy:
    """A node that gives these answers, of code that is not ours."""

    def __init__(self, answers):
        self.ask_each = lambda asked: answers
        self.ask = lambda *about: "0x"


def test_values_by_hand_are_what_the_abi_says():
    """Of every prefix, and with each byte changed: either the same, or left to the decoder."""
    dice, types = random.Random(SEED), ("bytes32", "uint256[]", "(bytes32,uint256)[]", "uint256")
    for count in (0, 1, 3):
        row = (
            dice.randbytes(32), [dice.getrandbits(256) for _ in range(count)],
            [(dice.randbytes(32), number) for number in range(count)], 7,
        )  # fmt: skip
        data = encode(types, row)
        assert canonical_values(types, data) == plain(row)
        assert canonical_values(types, data + bytes(32)) is None
        for at in range(len(data)):
            assert canonical_values(types, data[:at]) is None
            other = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
            found = canonical_values(types, other)
            assert found is None or found == plain(decode(types, other))
    assert canonical_values(("bytes",), encode(["bytes"], [b"5"])) is None
    assert canonical_values(("bool",), encode(["bool"], [True])) is None


def test_columns_of_arrays_are_what_the_abi_says():
    """Of texts of several layouts; with each byte changed: either the same, or left to others."""
    dice, types = random.Random(SEED), ["bytes32", "uint256[]", "(bytes32,uint256)[]", "uint256"]
    rows = [
        (
            dice.randbytes(32), [dice.getrandbits(256) for _ in range(dice.randrange(4))],
            [(dice.randbytes(32), number) for number in range(dice.randrange(3))], 7,
        )
        for _ in range(50)
    ]  # fmt: skip
    texts = ["0x" + encode(types, row).hex() for row in rows]
    assert list(zip(*value_columns(types, texts, 2), strict=True)) == [plain(row) for row in rows]
    for number in range(3):
        data = bytes.fromhex(texts[number][2:])
        for at in range(len(data)):
            other = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
            odd = [*texts[:number], "0x" + other.hex(), *texts[number + 1 :]]
            try:
                found = list(zip(*value_columns(types, odd, 2), strict=True))
            except ValueError:
                continue
            assert found[number] == plain(decode(types, other))
            assert found[:number] + found[number + 1 :] == [
                plain(row) for row in rows[:number] + rows[number + 1 :]
            ]
    for odd in (texts[0][:-2], texts[0] + "00" * 32, "0x", texts[0][:-1] + "g"):
        with pytest.raises(ValueError, match=r"length|hex|short|layout|literal"):
            value_columns(types, [*texts, odd], 2)
    with pytest.raises(ValueError, match="other types"):
        value_columns(["bytes"], ["0x" + encode(["bytes"], [b"5"]).hex()], 2)


def test_events_are_the_same_as_columns(lived):
    logs, readers = lived[1], vault_readers()
    logs = [log | {"blockHash": f"0x{int(log['blockNumber'], 16):064x}"} for log in logs]
    events = read_logs(logs, readers)
    strange = [log | {"topics": ["0x" + "ab" * 32]} for log in logs[:5]]
    for some in (logs, [*logs[:9], *strange, *logs[9:]], logs[:7], []):
        for read in (read_columns(some, readers), read_columns(in_one_form(some), readers)):
            found = pickle.loads(pickle.dumps(read))
            told = events[: len(some)]
            assert found.made()[0] == told
            assert found.blocks == {each.block for each in told}
            assert list(found.transactions) == list(dict.fromkeys(e.transaction for e in told))
            for kind in {*map(type, told), Reported, Paused}:
                of_kind = [each for each in told if type(each) is kind]
                assert found.made()[1].of(kind) == (of_kind or ())
                assert found.of_kind(kind) == of_kind
                assert list(found.column(kind, "index")) == [each.index for each in of_kind]
    assert read_columns(in_one_form(logs), readers).order == EventColumns.of(events).order


def columns_of(groups):
    return EventColumns.of([event for group in groups.values() for event in group])


def another(value):
    """Return a value of the same type."""
    if isinstance(value, str):
        return value[:-1] + ("0" if value[-1] != "0" else "1")
    return not value if isinstance(value, bool) else value + 1


def test_calls_that_are_passed_at_once_have_no_difference(lived):
    """Whatever one event says instead, what is passed at once differs nowhere."""
    world, _ = lived
    dice, groups = random.Random(SEED), {e[0].transaction: e for _, e in events_of(world)}
    vault, calls = world.vault.address.lower(), calls_of(world)
    sent = {
        (name := "0x" + block.to_bytes(32, "big").hex()): AnsweredTransaction(
            name, sender.lower(), "0x" + data.hex(), vault
        )
        for block, (sender, receiver, data) in enumerate(world.evm.calls)
        if receiver.lower() == vault
    }
    sent = {each: what for each, what in sent.items() if each in groups}
    right = set(_as_called(sent, columns_of(groups)))
    assert len(right) > len(sent) // 2
    assert right & {each for each, group in groups.items() if Reported in map(type, group)}
    for _ in range(ROUNDS // 3):
        name = dice.choice(sorted(right))
        place = dice.randrange(len(groups[name]))
        event = groups[name][place]
        field = dice.choice(event.__struct_fields__)
        value = getattr(event, field)
        if value == ():
            continue
        other = (another(value[0]), *value[1:]) if isinstance(value, tuple) else another(value)
        changed = groups | {name: [*groups[name][:place], replace(event, **{field: other}),
                                   *groups[name][place + 1 :]]}  # fmt: skip
        passed = set(_as_called(sent, columns_of(changed)))
        call = vault_call(sent[name].sender, sent[name].input)
        if list(call_differences(call, changed[name], {})):
            assert name not in passed
        assert all(not list(call_differences(calls[each], changed[each], {})) for each in passed)


def looked_at_all(dealt, reports):
    """Return what was lost at most, and the first report that tells it, one report at a time."""
    lost, told_at = 0, 0
    for block, time, bid, ask in reports:
        if block > dealt.block and time <= dealt.time + WINDOW_S:
            by = dealt.given * ask // PRICE - dealt.taken
            if dealt.side == 1:
                gain = dealt.given - dealt.taken * bid // PRICE
                by = gain * dealt.others // (dealt.others + dealt.taken)
            if by > lost:
                lost, told_at = by, block
    return lost, told_at


def test_what_a_week_of_reports_tells_is_found_by_its_extreme():
    dice = random.Random(SEED)
    for _ in range(ROUNDS):
        blocks = sorted(dice.sample(range(100), dice.randrange(12)))
        reports = [
            (block, block * WINDOW_S // 20, PRICE * dice.randrange(90, 111) // 100,
             PRICE * dice.randrange(90, 111) // 100)
            for block in blocks
        ]  # fmt: skip
        at = dice.randrange(100)
        dealt = DealtEarly(
            at, at * WINDOW_S // 20, dice.randrange(2), 1, dice.randrange(1, 300),
            dice.randrange(1, 300), dice.randrange(1, 1_000), (),
        )  # fmt: skip
        found = dealt.beside(Prices.of(reports))
        assert (found.lost, found.told_at) == looked_at_all(dealt, reports)
