"""ABI entries in and out, against encodings written by hand."""

import pytest
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
