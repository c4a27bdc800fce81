"""View functions of the vault, its accounts and its asset, asked of a node at a block."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import encode
from eth_utils.abi import collapse_if_tuple

from strongroom.audit.abi_data import abi_values
from strongroom.audit.columns import Remembered, word_columns
from strongroom.audit.kinds import is_ours
from strongroom.audit.node import Node, NodeAway
from strongroom.audit.permissions import Argument
from strongroom.audit.wording import selector_of
from strongroom.chain import abi
from strongroom.chain.failures import CallReverted, NoVault
from strongroom.chain.units import DECIMALS
from strongroom.foreign_text import plain

Asked = tuple[str, tuple[Argument, ...]]  # a view and its arguments
Call = tuple[str, str, tuple[Argument, ...], int]  # a contract, a view, arguments, a block


WORD = 32  # bytes
KEPT = 2_000  # answers
MOST_DECIMALS = 12  # of an asset: no vault of ours is made with more
# What is asked at every report is decoded and encoded here, by hand.
NUMBER = ("uint256",)
_NUMBERS = frozenset(("uint256",))
_BY_HAND = frozenset(("uint256", "bytes32"))
POSITIONS = ("uint256", "(uint256,uint256,uint256,uint256,uint256)[]")
_HEAD = 3  # words in front of the first: collateral, where the array is, how many there are
HOLDING = 5  # words


class OddAnswer(NodeAway):
    """A view's answer is not what its ABI says: a contract gave it that has no such view, or the
    node is wrong."""


@dataclass(frozen=True)
class Identity:
    """What a vault and its asset call themselves, in one line each; empty where a contract does not
    say."""

    name: str
    symbol: str
    asset: str
    asset_symbol: str
    decimals: int = DECIMALS  # of the asset


@dataclass(frozen=True)
class ViewCodec:
    """How a view is called: its selector, the types that it takes and gives."""

    selector: bytes
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def values(self, answer: bytes) -> tuple[Any, ...]:
        """Return what an answer holds; raises ValueError where it holds something else."""
        if self.outputs == POSITIONS:
            first = _number(answer, WORD) + WORD
            last = first + HOLDING * WORD * _number(answer, first - WORD)
            if last > len(answer):
                raise ValueError("too short")
            words = [int.from_bytes(answer[at : at + WORD]) for at in range(first, last, WORD)]
            rows = tuple(zip(*[iter(words)] * HOLDING, strict=True))
            return int.from_bytes(answer[:WORD]), rows
        if _NUMBERS.issuperset(self.outputs):
            return tuple([_number(answer, at) for at in range(0, WORD * len(self.outputs), WORD)])
        return abi_values(self.outputs, answer)

    def data(self, arguments: Sequence[Argument | bool]) -> str:
        """Return the calldata; words and selectors are given in hex."""
        if _BY_HAND.issuperset(self.inputs):
            words = [each[2:] if isinstance(each, str) else f"{each:064x}" for each in arguments]
            if list(map(len, words)) == [2 * WORD] * len(self.inputs):
                return "0x" + self.selector.hex() + "".join(words)
        given = [
            bytes.fromhex(each[2:]) if type_.startswith("bytes") and isinstance(each, str) else each
            for type_, each in zip(self.inputs, arguments, strict=True)
        ]
        return "0x" + (self.selector + encode(self.inputs, given)).hex()


class Views:
    """Calls views of the vault's and its accounts' ABIs."""

    def __init__(self, node: Node) -> None:
        """Take the node that is asked."""
        self._node = node
        self._answered: dict[Call, Any] = {}
        self._views = {
            entry["name"]: _view(entry)
            for contract in (
                *("PolymarketAccount", "PositionAccount", "Erc20", "DelegatedAccount", "Vault"),
            )
            for entry in abi.load(contract)
            if entry["type"] == "function"
        }

    def call(
        self, address: str, name: str, arguments: Sequence[Argument | bool], block: int
    ) -> Any:
        """Return what a view answers, as the ABI decodes it.

        Raises:
            NodeAway: the node does not answer.
            CallReverted: the call reverts.
            OddAnswer: the answer is not what the ABI says.
        """
        call = {"to": address, "data": self.data(name, arguments)}
        return self.decoded(name, self._node.ask("eth_call", call, hex(block)))

    def call_all(self, address: str, asked: Sequence[Asked], block: int) -> list[Any]:
        """Return what many views of one contract answer; raises as `call` does."""
        calls = [{"to": address, "data": self.data(*each)} for each in asked]
        answers = self._node.ask_all([("eth_call", [call, hex(block)]) for call in calls])
        return [
            self.decoded(name, answer) for (name, _), answer in zip(asked, answers, strict=True)
        ]

    def call_at(
        self, address: str, name: str, asked: Sequence[tuple[int, tuple[Argument, ...]]]
    ) -> list[Any]:
        """Return what one view of a contract answers at blocks and by arguments; raises as `call`
        does."""
        data = Remembered(lambda arguments: self.data(name, arguments))
        answers = self._node.ask_all(
            [
                ("eth_call", [{"to": address, "data": data[arguments]}, hex(block)])
                for block, arguments in asked
            ]
        )
        return self.decoded_all(name, answers)

    def call_each(self, calls: Sequence[Call]) -> list[Any]:
        """Return what views of many contracts answer at many blocks; None where one reverts, or is
        of code that is not ours and answers something else. Who asks the same soon again gets the
        same.

        Raises:
            NodeAway: the node does not answer.
        """
        new = [each for each in dict.fromkeys(calls) if each not in self._answered]
        data = Remembered(lambda view: self.data(*view))
        answers = self._node.ask_each(
            [
                ("eth_call", [{"to": address, "data": data[name, arguments]}, hex(block)])
                for address, name, arguments, block in new
            ]
        )
        found = {each: self._answered[each] for each in calls if each in self._answered}
        alike: dict[tuple[str, int], list[Call]] = defaultdict(list)  # by view and length
        said = dict(zip(new, answers, strict=True))
        for call, answer in said.items():
            if isinstance(answer, str):
                alike[call[1], len(answer)].append(call)
        for (name, _), some in alike.items():
            values = self._at_once(name, [said[each] for each in some])
            found |= zip(some, values, strict=True) if values is not None else ()
        for call, answer in said.items():
            if call not in found:
                found[call] = self._or_none(call, answer)
        if len(self._answered) + len(new) > KEPT:
            self._answered = {}
        self._answered |= found
        return [found[each] for each in calls]

    def _or_none(self, call: Call, answer: Any) -> Any:
        if isinstance(answer, CallReverted):
            return None
        address, name, _, block = call
        try:
            return self.decoded(name, answer)
        except OddAnswer:
            if is_ours(self._node, address, block):
                raise  # our code cannot have answered so
            return None

    def data(self, name: str, arguments: Sequence[Argument | bool]) -> str:
        """Return the calldata of a view."""
        return self._views[name].data(arguments)

    def decoded(self, name: str, answer: str) -> Any:
        """Return a view's answer; one value for itself, several as a tuple.

        Raises:
            OddAnswer: it is not what the ABI says.
        """
        try:
            data, codec = bytes.fromhex(answer[2:]), self._views[name]
            if codec.outputs == NUMBER and len(data) == WORD:
                return int.from_bytes(data)
            values = codec.values(data)
        except (ValueError, TypeError) as error:
            raise OddAnswer(
                f"{name}(): the answer {answer!r:.40} is not what its ABI says: name another node"
            ) from error
        return values[0] if len(values) == 1 else values

    def decoded_all(self, name: str, answers: Sequence[str]) -> list[Any]:
        """Return what a view gives in each answer; raises as `decoded` does."""
        found = self._at_once(name, answers)
        return [self.decoded(name, each) for each in answers] if found is None else found

    def _at_once(self, name: str, answers: Sequence[str]) -> list[Any] | None:
        """Return what a view gives in answers that are all of numbers, or of as many positions, in
        the ABI's one layout; None where one is not."""
        outputs = self._views[name].outputs
        try:
            if outputs == POSITIONS and answers:
                return _positions(answers)
            if not _NUMBERS.issuperset(outputs):
                return None
            columns = word_columns(outputs, answers, 2)
        except (TypeError, ValueError):
            return None
        return list(columns[0]) if len(outputs) == 1 else list(zip(*columns, strict=True))

    def identity(self, vault: str, block: int) -> Identity:
        """Return what a vault and its asset call themselves.

        Raises:
            NoVault: the contract has none of a vault's views.
            NodeAway: the node does not answer.
        """
        try:
            self.call_all(vault, [("navs", ()), ("total_idle", ()), ("openMarkets", ())], block)
            asset = str(self.call(vault, "asset", (), block)).lower()
        except (CallReverted, OddAnswer) as error:
            raise NoVault(
                f"there is no Strongroom vault at {vault}: name the vault's address"
            ) from error
        name, symbol = (self._text(vault, each, block) for each in ("name", "symbol"))
        symbols = symbol, asset, self._text(asset, "symbol", block)
        return Identity(name, *symbols, self._decimals(asset, block))

    def _decimals(self, asset: str, block: int) -> int:
        """Return an asset's decimals; the usual ones where it does not say."""
        try:
            return min(int(self.call(asset, "decimals", (), block)), MOST_DECIMALS)
        except (CallReverted, OddAnswer):
            return DECIMALS

    def _text(self, address: str, name: str, block: int) -> str:
        try:
            return plain(str(self.call(address, name, (), block)))
        except (CallReverted, OddAnswer):
            return ""


def _number(answer: bytes, at: int) -> int:
    word = answer[at : at + WORD]
    if len(word) != WORD:
        raise ValueError("too short")
    return int.from_bytes(word)


def _positions(answers: Sequence[str]) -> list[Any]:
    """Return collateral and positions of each answer; raises TypeError or ValueError where one is
    in another layout, or has another number of positions."""
    count = (len(answers[0]) - 2) // (2 * WORD) - _HEAD
    words = word_columns(NUMBER * (_HEAD + count), answers, 2)
    collateral, starts, counts, *holdings = words
    if {*starts} != {2 * WORD} or {*counts} != {count // HOLDING} or count % HOLDING:
        raise ValueError("in another layout")
    rows = [list(zip(*holdings[at : at + HOLDING], strict=True)) for at in range(0, count, HOLDING)]
    each = zip(*rows, strict=True) if rows else [()] * len(answers)
    return list(zip(collateral, each, strict=True))


def _view(entry: abi.AbiEntry) -> ViewCodec:
    inputs, outputs = (
        tuple(collapse_if_tuple(dict(each)) for each in entry[way]) for way in ("inputs", "outputs")
    )
    signature = f"{entry['name']}({','.join(inputs)})"
    return ViewCodec(bytes.fromhex(selector_of(signature)[2:]), inputs, outputs)
