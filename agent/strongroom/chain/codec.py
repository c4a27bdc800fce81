"""Arguments, answers and events of contracts, by their ABI entry: encoded and decoded here only.

Bytes may be given as text, 0x..., too. What comes back has two forms. Plain: bytes of fixed length
are text, structs are tuples; the agent's reads (calls.py) take it. Named: structs are named tuples,
addresses have their checksum, bytes are bytes; contracts.py gives it.
"""

from collections import namedtuple
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any

from eth_abi.codec import ABICodec
from eth_abi.decoding import BytesDecoder
from eth_abi.encoding import BytesEncoder, ByteStringEncoder
from eth_abi.exceptions import DecodingError, EncodingError
from eth_abi.registry import BaseEquals, registry
from eth_utils.abi import collapse_if_tuple
from eth_utils.address import to_checksum_address

from strongroom.chain.abi import AbiEntry
from strongroom.chain.ids import Json, keccak, to_bytes, to_hex
from strongroom.chain.one_word import WordTypes
from strongroom.errors import BadInput

# an indexed argument -> its value, or those that it may have
Matching = Mapping[str, str | int | tuple[str, ...]]
EventFields = Mapping[str, Any]  # of a log; the ABI says of which types


class BadArguments(BadInput):
    """Arguments do not fit a function or constructor; the message names what it takes."""


class _FixedEncoder(BytesEncoder):
    """Takes bytes of fixed length as text, too."""

    def encode(self, value: object) -> bytes:
        return bytes(super().encode(_as_bytes(value)))  # type: ignore[no-untyped-call]

    def validate_value(self, value: object) -> None:
        super().validate_value(_as_bytes(value))  # type: ignore[no-untyped-call]


class _BytesEncoder(ByteStringEncoder):
    """Takes bytes of any length as text, too."""

    @classmethod
    def encode(cls, value: object) -> bytes:
        return bytes(super().encode(_as_bytes(value)))  # type: ignore[no-untyped-call]

    @classmethod
    def validate_value(cls, value: object) -> None:
        super().validate_value(_as_bytes(value))  # type: ignore[no-untyped-call]


class _FixedDecoder(BytesDecoder):
    """Gives bytes of fixed length as text."""

    decoder_fn = staticmethod(to_hex)


def _as_bytes(value: object) -> object:
    return to_bytes(value) if isinstance(value, str) else value


def _codec() -> ABICodec:
    known = registry.copy()  # type: ignore[no-untyped-call]
    fixed = BaseEquals("bytes", with_sub=True)  # type: ignore[no-untyped-call]
    known.unregister("bytes<M>")
    known.register(fixed, _FixedEncoder, _FixedDecoder, "bytes<M>")
    dynamic = BaseEquals("bytes", with_sub=False)  # type: ignore[no-untyped-call]
    known.unregister_encoder("bytes")
    known.register_encoder(dynamic, _BytesEncoder, "bytes")
    return ABICodec(known)


_CODEC = _codec()
_UNREADABLE = (DecodingError, ValueError, OverflowError)  # text that is not UTF-8, too


class FunctionCodec:
    """One function or constructor of an ABI."""

    def __init__(self, entry: AbiEntry) -> None:
        self.name = str(entry.get("name", "constructor"))
        self.inputs: Sequence[AbiEntry] = entry.get("inputs", ())
        self.outputs: Sequence[AbiEntry] = entry.get("outputs", ())
        self.mutates = entry.get("stateMutability") not in ("view", "pure")

    @cached_property
    def _input_types(self) -> list[str]:
        return [_type(each) for each in self.inputs]

    @cached_property
    def _output_types(self) -> list[str]:
        return [_type(each) for each in self.outputs]

    @cached_property
    def _input_words(self) -> WordTypes:
        return WordTypes(self._input_types)

    @cached_property
    def _output_words(self) -> WordTypes:
        return WordTypes(self._output_types)

    @cached_property
    def signature(self) -> str:
        """As hashed, e.g. "transfer(address,uint256)"."""
        return f"{self.name}({','.join(self._input_types)})"

    @cached_property
    def selector(self) -> bytes:
        """Its four bytes."""
        return keccak(self.signature.encode())[:4]

    def encode(self, arguments: Sequence[object]) -> bytes:
        """Return the encoded arguments, without the selector.

        Raises:
            BadArguments: see the class.
        """
        if len(arguments) != len(self.inputs):
            raise BadArguments(
                f"{self.name} takes {len(self.inputs)} arguments ({self.described()}), "
                f"not {len(arguments)}"
            )
        words = self._input_words.write(arguments)
        if words is not None:
            return words
        try:
            return _CODEC.encode(self._input_types, [plain(each) for each in arguments])
        except (EncodingError, TypeError, ValueError) as error:
            raise BadArguments(f"{self.name} takes ({self.described()}): {error}") from error

    def values(self, data: bytes) -> tuple[Any, ...]:
        """Return an answer's values, plain.

        Raises:
            BadArguments: the data are no answer of this function.
        """
        words = self._output_words.read(data)
        if words is not None:
            return words
        try:
            return _CODEC.decode(self._output_types, data)
        except _UNREADABLE as error:
            raise BadArguments(f"{self.name} answered 0x{data.hex()[:64]}: {error}") from error

    def arguments(self, data: bytes) -> tuple[Any, ...]:
        """Return the values that `encode` made the data of, plain.

        Raises:
            BadArguments: the data are not what `encode` makes of any arguments.
        """
        try:
            found = _CODEC.decode(self._input_types, data)
        except _UNREADABLE as error:
            raise BadArguments(
                f"0x{data.hex()[:64]} is no input of {self.name}: {error}"
            ) from error
        if self.encode(found) != data:
            raise BadArguments(f"0x{data.hex()[:64]} is no input of {self.name}: bytes too many")
        return found

    def decode(self, data: bytes) -> Any:
        """Return an answer, named: a value, or a named tuple where a function returns several.

        Raises:
            BadArguments: the data are no answer of this function.
        """
        pairs = zip(self.values(data), self.outputs, strict=True)
        named = [_named(value, each) for value, each in pairs]
        return named[0] if len(named) == 1 else _tuple(self.outputs)(*named) if named else None

    def described(self) -> str:
        """Return the arguments as people read them: "address owner, uint256 amount"."""
        return ", ".join(f"{each['type']} {each.get('name', '')}".strip() for each in self.inputs)


class EventCodec:
    """One event of an ABI."""

    def __init__(self, entry: AbiEntry) -> None:
        self.name = str(entry["name"])
        self._inputs: Sequence[AbiEntry] = entry["inputs"]
        types = ",".join(_type(each) for each in self._inputs)
        self.topic = keccak(f"{self.name}({types})".encode())
        self._indexed = {
            each["name"]: _topic_type(each) for each in self._inputs if each["indexed"]
        }
        self._inside = {each["name"]: _type(each) for each in self._inputs if not each["indexed"]}

    def topics(self, matching: Matching) -> list[Json]:
        """Return the topics of the logs whose indexed fields have these values; None: any.

        Raises:
            BadArguments: a value does not fit, or no indexed field has its name.
        """
        if unknown := set(matching) - set(self._indexed):
            raise BadArguments(
                f"{self.name} is looked for by {', '.join(self._indexed) or 'nothing'}, not by "
                f"{', '.join(sorted(unknown))}"
            )
        try:
            return [
                to_hex(self.topic),
                *(
                    _topic(kind, matching[name]) if name in matching else None
                    for name, kind in self._indexed.items()
                ),
            ]
        except (EncodingError, TypeError, ValueError) as error:
            raise BadArguments(f"{self.name} is looked for by other values: {error}") from error

    def values(self, topics: Sequence[bytes], data: bytes) -> EventFields:
        """Return a log's fields by name, plain, in the event's order.

        Raises:
            BadArguments: the log is not this event's.
        """
        try:
            pairs = zip(self._indexed.items(), topics[1:], strict=True)
            found = {name: _CODEC.decode([kind], topic)[0] for (name, kind), topic in pairs}
            inside = _CODEC.decode(list(self._inside.values()), data)
        except _UNREADABLE as error:
            raise BadArguments(f"a log is no {self.name}: {error}") from error
        found |= zip(self._inside, inside, strict=True)
        return {each["name"]: found[each["name"]] for each in self._inputs}

    def decode(self, topics: Sequence[bytes], data: bytes) -> EventFields:
        """Return a log's fields by name, named as an answer is.

        Raises:
            BadArguments: the log is not this event's.
        """
        found = self.values(topics, data)
        entries = ({**e, "type": "bytes32"} if _is_hashed(e) else e for e in self._inputs)
        return {each["name"]: _named(found[each["name"]], each) for each in entries}


def _is_hashed(entry: AbiEntry) -> bool:
    """Whether a field's topic is its hash: it is indexed, and no single word."""
    kind = _type(entry)
    return bool(entry["indexed"]) and (kind in ("string", "bytes") or kind[-1] in ")]")


def _topic_type(entry: AbiEntry) -> str:
    return "bytes32" if _is_hashed(entry) else _type(entry)


def _topic(kind: str, value: str | int | tuple[str, ...]) -> Json:
    """Return the topic of a value, or those of several."""
    if isinstance(value, tuple):
        return [to_hex(_CODEC.encode([kind], [each])) for each in value]
    return to_hex(_CODEC.encode([kind], [value]))


def plain(value: object) -> object:
    """Return an argument as the encoder takes it: whoever has an address is that address."""
    address = getattr(value, "address", None)
    if isinstance(address, str):
        return address
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value


def _type(entry: AbiEntry) -> str:
    return collapse_if_tuple(dict(entry))


def _named(value: Any, entry: AbiEntry) -> Any:
    kind = str(entry["type"])
    if kind.endswith("]"):
        inner = {**entry, "type": kind[: kind.rindex("[")]}
        return [_named(each, inner) for each in value]
    if kind == "address":
        return to_checksum_address(value)
    if kind.startswith("bytes") and isinstance(value, str):
        return to_bytes(value)
    if kind == "tuple":
        parts = entry["components"]
        return _tuple(parts)(*(_named(each, part) for each, part in zip(value, parts, strict=True)))
    return value


def _tuple(entries: Sequence[AbiEntry]) -> Any:
    return _named_tuple(tuple(str(each.get("name", "")) for each in entries))


@lru_cache(1_024)
def _named_tuple(names: tuple[str, ...]) -> Any:
    return namedtuple("Answer", names, rename=True)
