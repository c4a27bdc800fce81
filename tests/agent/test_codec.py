"""ABI entries in and out, against encodings written by hand."""

import eth_abi
import pytest
from eth_abi.exceptions import DecodingError, EncodingError
from eth_utils import keccak
from hypothesis import given
from hypothesis import strategies as st
from strongroom.chain.codec import BadArguments, EventCodec, FunctionCodec

WORD = 32
ALICE = "0x00000000000000000000000000000000000A11cE"


def word(number):
    return number.to_bytes(WORD, "big")


def arguments(*types):
    return [{"type": each, "name": f"a{number}"} for number, each in enumerate(types)]


TRANSFER = FunctionCodec(
    {"name": "transfer", "inputs": arguments("address", "uint256"), "outputs": [{"type": "bool"}]}
)


def test_selector_is_the_well_known_one():
    assert TRANSFER.signature == "transfer(address,uint256)"
    assert TRANSFER.selector.hex() == "a9059cbb"


def test_who_has_an_address_is_that_address():
    class Somebody:
        address = ALICE

    assert TRANSFER.encode((Somebody(), 7)) == word(0xA11CE) + word(7)
    assert TRANSFER.encode((ALICE, 7)) == word(0xA11CE) + word(7)


def test_what_does_not_fit_is_named_with_what_would():
    for wrong in ((ALICE, -1), (ALICE, "seven"), (3, 7)):
        with pytest.raises(BadArguments, match=r"transfer takes \(address a0, uint256 a1\)"):
            TRANSFER.encode(wrong)


def test_structs_and_lists_come_back_with_their_names():
    pair = {"type": "tuple[]", "name": "pairs", "components": arguments("uint256", "address")}
    read = FunctionCodec({"name": "read", "inputs": [], "outputs": [pair]})
    data = word(32) + word(1) + word(5) + word(0xA11CE)
    (found,) = read.decode(data)
    assert (found.a0, found.a1) == (5, ALICE)
    assert read.signature == "read()"


def test_several_answers_are_one_named_tuple():
    read = FunctionCodec({"name": "navs", "outputs": [{"type": "uint256", "name": "bid"}] * 1
                          + [{"type": "uint256", "name": "ask"}]})  # fmt: skip
    found = read.decode(word(1) + word(2))
    assert found == (1, 2) and (found.bid, found.ask) == (1, 2)


def test_an_answer_of_another_contract_is_refused():
    with pytest.raises(BadArguments, match="transfer answered 0x00"):
        TRANSFER.decode(b"\0" * 3)


def test_an_event_by_its_topics_and_data():
    entry = {
        "name": "Transfer",
        "inputs": [
            {"name": "from", "type": "address", "indexed": True},
            {"name": "to", "type": "address", "indexed": True},
            {"name": "value", "type": "uint256", "indexed": False},
        ],
    }
    codec = EventCodec(entry)
    assert codec.topic.hex() == "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
    found = codec.decode([codec.topic, word(0xA11CE), word(0)], word(9))
    assert found == {"from": ALICE, "to": "0x" + "00" * 20, "value": 9}
    with pytest.raises(BadArguments, match="a log is no Transfer"):
        codec.decode([codec.topic, word(1)], word(9))
    assert codec.topics({"to": ALICE}) == [
        "0x" + codec.topic.hex(),
        None,
        "0x" + word(0xA11CE).hex(),
    ]
    several = codec.topics({"from": (ALICE, "0x" + "00" * 19 + "0b")})
    assert several[1:] == [["0x" + word(0xA11CE).hex(), "0x" + word(0xB).hex()], None]


def test_the_plain_form_has_ids_as_text_and_the_named_form_as_bytes():
    codec = FunctionCodec({"name": "f", "inputs": arguments("bytes32"), "outputs": [
        {"type": "bytes32", "name": ""}]})  # fmt: skip
    text = "0x" + word(7).hex()
    assert codec.encode((text,)) == codec.encode((word(7),)) == word(7)
    assert codec.values(word(7)) == (text,)
    assert codec.decode(word(7)) == word(7)


def test_bytes_of_any_length_may_be_text_too():
    codec = FunctionCodec({"name": "f", "inputs": arguments("bytes")})
    assert codec.encode(("0x0102",)) == word(32) + word(2) + b"\1\2" + b"\0" * 30


def test_arguments_come_back_only_from_what_encode_writes():
    data = word(0xA11CE) + word(7)
    assert TRANSFER.arguments(data) == (ALICE.lower(), 7)
    for wrong in (data + b"\0", data[:-1], b"\1" + data[1:]):
        with pytest.raises(BadArguments):
            TRANSFER.arguments(wrong)


kinds = st.lists(
    st.sampled_from(
        [*("uint8", "uint64", "uint256", "int128"), *("address", "bool", "bytes32", "bytes4")]
    ),
    min_size=1,
    max_size=4,
)
words = st.one_of(
    st.binary(min_size=WORD, max_size=WORD),
    st.integers(0, 3).map(word),
    st.integers(0, 2**64).map(word),
    st.integers(0, 2**161).map(word),
)


@given(kinds, st.lists(words, max_size=5), st.binary(max_size=40))
def test_words_are_read_as_eth_abi_reads_them(kinds, words, rest):
    read = FunctionCodec({"name": "read", "outputs": [{"type": each} for each in kinds]})
    data = b"".join(words) + rest
    try:
        if len(data) < WORD * len(kinds):  # ape's plug-in takes nothing for 0
            raise DecodingError
        expected = eth_abi.decode(kinds, data)
    except DecodingError:
        with pytest.raises(BadArguments):
            read.values(data)
        return
    plain = tuple("0x" + each.hex() if isinstance(each, bytes) else each for each in expected)
    found = read.values(data)
    assert found == plain
    assert [type(each) for each in found] == [type(each) for each in plain]


values = st.one_of(
    st.integers(-3, 2**257),
    st.integers(0, 300),
    st.booleans(),
    st.sampled_from([ALICE, ALICE.lower(), ALICE.replace("11cE", "11CE"), 1.0, None, b"\1" * WORD]),
    st.binary(min_size=WORD - 1, max_size=WORD + 1).map(lambda each: "0x" + each.hex()),
)


@given(kinds, st.lists(values, min_size=4, max_size=4))
def test_words_are_written_as_eth_abi_writes_them(kinds, values):
    """Bytes may be text here, in hex; elsewhere eth_abi says what is taken."""
    write = FunctionCodec({"name": "write", "inputs": [{"type": each} for each in kinds]})
    values = values[: len(kinds)]
    theirs = [
        bytes.fromhex(value[2:]) if kind.startswith("bytes") and isinstance(value, str) else value
        for kind, value in zip(kinds, values, strict=True)
    ]
    try:
        expected = eth_abi.encode(kinds, theirs)
    except (EncodingError, TypeError):
        with pytest.raises(BadArguments):
            write.encode(values)
        return
    assert write.encode(values) == expected


@given(st.lists(st.tuples(st.integers(0, 3), values, values), max_size=4), st.integers(0, 9))
def test_rows_of_words_are_written_as_eth_abi_writes_them(rows, last):
    row = {"type": "tuple[]", "components": arguments("uint8", "bytes32", "uint256")}
    write = FunctionCodec({"name": "write", "inputs": [row, {"type": "uint64"}]})
    theirs = [
        (one, bytes.fromhex(two[2:]) if isinstance(two, str) else two, three)
        for one, two, three in rows
    ]
    try:
        expected = eth_abi.encode(["(uint8,bytes32,uint256)[]", "uint64"], [theirs, last])
    except (EncodingError, TypeError):
        with pytest.raises(BadArguments):
            write.encode((rows, last))
        return
    assert write.encode((rows, last)) == expected
    assert write.arguments(expected)[1] == last


@pytest.mark.parametrize("kind", ["string", "bytes", "uint256[]"])
def test_an_indexed_field_of_any_length_is_its_hash(kind):
    """Solidity's ABI: such a topic is the keccak of the value, which cannot be had back."""
    inputs = [
        {"name": "key", "type": kind, "indexed": True},
        {"name": "value", "type": "bytes", "indexed": False},
    ]
    codec = EventCodec({"name": "Set", "inputs": inputs})
    hashed = keccak(text="agentWallet")
    topics, data = [codec.topic, hashed], eth_abi.encode(["bytes"], [b"\x01"])
    assert codec.topic == keccak(text=f"Set({kind},bytes)")
    assert codec.values(topics, data) == {"key": "0x" + hashed.hex(), "value": b"\x01"}
    assert codec.decode(topics, data) == {"key": hashed, "value": b"\x01"}
    assert codec.topics({"key": "0x" + hashed.hex()}) == ["0x" + each.hex() for each in topics]
