"""Arguments and answers of contract functions, by their ABI entry: encoded and decoded here only.

Structs come back as named tuples, addresses with their checksum.
"""

from collections import namedtuple
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError, EncodingError
from eth_utils.abi import collapse_if_tuple
from eth_utils.address import to_checksum_address

from strongroom.chain.ids import keccak
from strongroom.errors import BadInput

Entry = Mapping[str, Any]
Abi = Sequence[Entry]


class BadArguments(BadInput):
    """Arguments do not fit a function or constructor; the message names what it takes."""


class FunctionCodec:
    """One function or constructor of an ABI."""

    def __init__(self, entry: Entry) -> None:
        self.name = str(entry.get("name", "constructor"))
        self.inputs: Sequence[Entry] = entry.get("inputs", ())
        self.outputs: Sequence[Entry] = entry.get("outputs", ())
        self.mutates = entry.get("stateMutability") not in ("view", "pure")

    @cached_property
    def signature(self) -> str:
        """As hashed, e.g. "transfer(address,uint256)"."""
        return f"{self.name}({','.join(collapse_if_tuple(dict(each)) for each in self.inputs)})"

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
        types = [collapse_if_tuple(dict(each)) for each in self.inputs]
        try:
            values = [
                _typed(plain(each), kind) for each, kind in zip(arguments, types, strict=True)
            ]
            return encode(types, values)
        except (EncodingError, TypeError, ValueError) as error:
            raise BadArguments(f"{self.name} takes ({self.described()}): {error}") from error

    def decode(self, data: bytes) -> Any:
        """Return an answer: a value, or a named tuple where a function returns several.

        Raises:
            BadArguments: the data are no answer of this function.
        """
        types = [collapse_if_tuple(dict(each)) for each in self.outputs]
        try:
            values = decode(types, data)
        except (DecodingError, ValueError, OverflowError) as error:  # text that is not UTF-8, too
            raise BadArguments(f"{self.name} answered 0x{data.hex()[:64]}: {error}") from error
        named = [_named(value, each) for value, each in zip(values, self.outputs, strict=True)]
        return named[0] if len(named) == 1 else _tuple(self.outputs)(*named) if named else None

    def described(self) -> str:
        """Return the arguments as people read them: "address owner, uint256 amount"."""
        return ", ".join(f"{each['type']} {each.get('name', '')}".strip() for each in self.inputs)


class EventCodec:
    """One event of an ABI."""

    def __init__(self, entry: Entry) -> None:
        self.name = str(entry["name"])
        self._inputs: Sequence[Entry] = entry["inputs"]
        types = ",".join(collapse_if_tuple(dict(each)) for each in self._inputs)
        self.topic = keccak(f"{self.name}({types})".encode())

    def decode(self, topics: Sequence[bytes], data: bytes) -> dict[str, Any]:
        """Return a log's fields by name.

        Raises:
            BadArguments: the log is not this event's.
        """
        try:
            indexed = iter(topics[1:])
            inside = [each for each in self._inputs if not each["indexed"]]
            values = iter(decode([collapse_if_tuple(dict(each)) for each in inside], data))
            return {
                each["name"]: _named(
                    decode([each["type"]], next(indexed))[0] if each["indexed"] else next(values),
                    each,
                )
                for each in self._inputs
            }
        except (DecodingError, StopIteration, ValueError, OverflowError) as error:
            raise BadArguments(f"a log is no {self.name}: {error}") from error


def plain(value: object) -> object:
    """Return an argument as the encoder takes it: whoever has an address is that address."""
    address = getattr(value, "address", None)
    if isinstance(address, str):
        return address
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value


def _typed(value: object, kind: str) -> object:
    """Return bytes where they were written as 0x..., as files do."""
    if isinstance(value, str) and kind.startswith("bytes") and not kind.endswith("]"):
        return bytes.fromhex(value.removeprefix("0x"))
    return value


def _named(value: Any, entry: Entry) -> Any:
    kind = str(entry["type"])
    if kind.endswith("]"):
        inner = {**entry, "type": kind[: kind.rindex("[")]}
        return [_named(each, inner) for each in value]
    if kind == "address":
        return to_checksum_address(value)
    if kind == "tuple":
        parts = entry["components"]
        return _tuple(parts)(*(_named(each, part) for each, part in zip(value, parts, strict=True)))
    return value


def _tuple(entries: Sequence[Entry]) -> Any:
    return _named_tuple(tuple(str(each.get("name", "")) for each in entries))


@lru_cache(1_024)
def _named_tuple(names: tuple[str, ...]) -> Any:
    return namedtuple("Answer", names, rename=True)
