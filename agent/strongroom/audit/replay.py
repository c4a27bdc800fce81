"""A block again on a fork: anvil at the block before, the same transactions, and whether the same
comes of them: receipts, logs, and every storage word that they change."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from eth_abi.abi import encode
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from strongroom.audit.abi_data import NotAbi, abi_values
from strongroom.audit.events import Allocated, AuditedEvent, Dealt, Reported
from strongroom.audit.node import Node, NodeAway
from strongroom.audit.readers import read_logs, vault_readers
from strongroom.chain.anvil import anvil
from strongroom.chain.ids import keccak
from strongroom.chain.jsonrpc import shown_url
from strongroom.chain.units import BPS, ETHER, WAD
from strongroom.errors import BadInput, Refused

T = TypeVar("T")
SHOWN = 66  # letters of a hash
HashOf = Callable[[int], str]  # of a block
Hex = Annotated[str, Field(pattern="^0x[0-9a-fA-F]+$")]
HexData = Annotated[str, Field(pattern="^0x([0-9a-fA-F]{2})*$")]
TRACER = {"tracer": "prestateTracer", "tracerConfig": {"diffMode": True}}
REPORT = "report((bytes32,uint256,uint256,uint256)[],bytes32)"
_TYPES = ("(bytes32,uint256,uint256,uint256)[]", "bytes32")
_CLASS_OF = keccak(b"classOf(uint256)")[:4]
_SET_CAPS = keccak(b"setClassCaps(uint256,(uint256,uint256,uint256,uint256))")[:4]


class NoReport(BadInput):
    """The block has no report whose marks can be read."""


class CapRefused(Refused):
    """The vault does not take the cap."""


class FromNode(BaseModel):
    """What a node answers, as far as it is read here; numbers and data stay hex."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel)


class SentTransaction(FromNode):
    """A transaction of a block."""

    hash: Hex
    input: HexData
    gas_price: Hex
    max_fee_per_gas: Hex | None = None


class Block(FromNode):
    """A block with its transactions."""

    hash: Hex
    timestamp: Hex
    base_fee_per_gas: Hex
    miner: Hex
    transactions: tuple[SentTransaction, ...]


class ReceiptLog(FromNode):
    """A log of a receipt, as far as two are compared."""

    address: Hex
    topics: tuple[Hex, ...]
    data: HexData


class ReplayedReceipt(FromNode):
    """A receipt."""

    status: Hex
    gas_used: Hex
    logs: tuple[ReceiptLog, ...]


class ChangedAccount(FromNode):
    """What a transaction changes of an account."""

    storage: dict[str, str] | None = None


class Changes(FromNode):
    """What a transaction changes."""

    post: dict[str, ChangedAccount]


_HEX, _DATA = TypeAdapter(Hex), TypeAdapter(HexData)
_CLASS = TypeAdapter(Annotated[str, Field(pattern="^0x([0-9a-fA-F]{64}){9}$")])
_BLOCK, _RECEIPT, _CHANGES = TypeAdapter(Block), TypeAdapter(ReplayedReceipt), TypeAdapter(Changes)
Storage = dict[str, dict[str, str]]  # contract -> slot -> new word


@dataclass(frozen=True)
class Replayed:
    """A block that was executed again; `differences` in words."""

    block: int
    transactions: int
    words: int  # of storage that changed, and were compared
    differences: tuple[str, ...]


@dataclass(frozen=True)
class WhatIf:
    """What a changed report would have come to."""

    block: int
    outcome: Literal["reported", "reverted"]
    nav_bid: int
    nav_ask: int
    was_bid: int
    was_ask: int


@dataclass(frozen=True)
class WhatIfCap:
    """What a block would have come to under another cap."""

    block: int
    class_id: int
    market_cap: int
    was_allocated: int
    allocated: int


@contextmanager
def forks(url: str, node: Node, hash_of: HashOf) -> Iterator["Forks"]:
    """Run an anvil of our own beside a node, to be set to any of its blocks.

    Args:
        url: of the node whose state is executed on
        node: says what came of a block on chain: all nodes that the audit asks, compared
        hash_of: a block's hash as it was audited, by all nodes

    Raises:
        AnvilMissing: anvil is not installed, or does not start.
    """
    with anvil("--fork-url", url, "--no-rate-limit") as own:
        yield Forks(node, Node(own, pause=lambda seconds: None), url, hash_of)


class Forks:
    """Executes blocks again."""

    def __init__(self, node: Node, fork: Node, url: str, hash_of: HashOf) -> None:
        self._node, self._fork, self._url, self._hash_of = node, fork, url, hash_of

    def replay(self, block: int, vault: str) -> Replayed:
        """Execute a block's transactions again at the state before it; compare those that touch
        the vault.

        Raises:
            NodeAway: a node does not answer.
        """
        original = self._block(block)
        self._set_to(block, original)
        sent = self._send_again(original)
        self._fork.ask("evm_mine")
        differences: list[str] = []
        words = touched = 0
        for number, (one, other) in enumerate(zip(original.transactions, sent, strict=True)):
            if one.hash != other:
                differences.append(f"transaction {number}: another hash")
                continue
            first, again = (_receipt(node, other) for node in (self._node, self._fork))
            if not any(log.address.lower() == vault.lower() for log in first.logs):
                continue
            touched += 1
            differences += _compare(other, first, again)
            before, after = (_changes(node, other) for node in (self._node, self._fork))
            words += sum(len(slots) for slots in before.values())
            if before != after:
                places = sorted(
                    place for place in {*before, *after} if before.get(place) != after.get(place)
                )
                differences.append(f"{other}: storage of {', '.join(places)}")
        return Replayed(block, touched, words, tuple(differences))

    def what_if(self, block: int, vault: str, reporter: str, change_bps: int) -> WhatIf:
        """Send the block's report again with all its marks moved by so many bps.

        Args:
            reporter: who may report; impersonated on the fork

        Raises:
            NoReport: the block has no report of this vault.
            NodeAway: a node does not answer.
        """
        original = self._block(block)
        was = self._reported(block, vault)
        data = _report_data(original.transactions)
        if was is None or data is None:
            raise NoReport(f"block {block} has no report of {vault} whose marks can be read")
        marks, evidence = abi_values(_TYPES, data)
        moved = [
            (market, condition, *(min(WAD, price * (BPS + change_bps) // BPS) for price in prices))
            for market, condition, *prices in marks
        ]
        self._set_to(block, original)
        call = keccak(REPORT.encode())[:4] + encode(_TYPES, [moved, evidence])
        request = {"from": reporter, "to": vault, "data": "0x" + call.hex(), "gas": hex(10**7)}
        sent = self._send_as(reporter, request)
        self._fork.ask("evm_mine")
        again = _dealt(_events(self._fork, sent))
        if again is None:
            return WhatIf(block, "reverted", 0, 0, was.nav_bid, was.nav_ask)
        return WhatIf(block, "reported", again.nav_bid, again.nav_ask, was.nav_bid, was.nav_ask)

    def what_if_cap(
        self, block: int, vault: str, guardian: str, class_id: int, market_cap: int
    ) -> WhatIfCap:
        """Execute a block again after the guardian has lowered a class's market cap.

        Args:
            guardian: who may lower it at once; impersonated on the fork
            market_cap: in base units of the asset; above the present one nothing changes

        Raises:
            CapRefused: the cap cannot be set.
            NodeAway: a node does not answer.
        """
        original = self._block(block)
        call = _CLASS_OF + class_id.to_bytes(32, "big")
        answer = self._node.ask(
            "eth_call", {"to": vault, "data": "0x" + call.hex()}, hex(block - 1)
        )
        caps = _caps(self._node, answer)
        caps[0] = min(caps[0], market_cap)
        self._set_to(block, original)
        data = _SET_CAPS + encode(
            ["uint256", "(uint256,uint256,uint256,uint256)"], [class_id, caps]
        )
        fee = max([int(original.base_fee_per_gas, 16), *map(_price, original.transactions)])
        request = {
            "from": guardian, "to": vault, "data": "0x" + data.hex(), "gas": hex(1_000_000),
            "maxFeePerGas": hex(2 * fee + 1), "maxPriorityFeePerGas": hex(fee + 1),
        }  # fmt: skip
        first = self._send_as(guardian, request)
        sent = self._send_again(original)
        self._fork.ask("evm_mine")
        if _receipt(self._fork, first).status != "0x1":
            raise CapRefused(
                f"the cap of class {class_id} cannot be set to {caps[0]} at block {block}: "
                "name another class or block"
            )
        was = [_events(self._node, each.hash) for each in original.transactions]
        now = [_events(self._fork, each) for each in sent]
        return WhatIfCap(block, class_id, caps[0], _allocated(was), _allocated(now))

    def _block(self, number: int) -> Block:
        return self._audited(self._node, number)

    def _audited(self, node: Node, number: int) -> Block:
        """Return a block of a node that has it as it was audited.

        Raises:
            NodeAway: it has not.
        """
        asked = node.ask("eth_getBlockByNumber", hex(number), True)
        found = _read(_BLOCK, node, asked, f"block {number}")
        wanted = self._hash_of(number)
        if found.hash.lower() != wanted:
            raise NodeAway(
                f"{shown_url(node.url)} has block {number} as {found.hash[:SHOWN]}, the audit as "
                f"{wanted}: nothing is executed again on another chain; audit again, or name "
                "another node"
            )
        return found

    def _reported(self, block: int, vault: str) -> Dealt | None:
        """Return what a vault's report dealt at in a block."""
        for _, logs in self._node.logs([vault], block, block):
            found = _dealt(read_logs(logs, vault_readers()))
            if found is not None:
                return found
        return None

    def _send_as(self, who: str, request: dict[str, str]) -> str:
        """Send a transaction as somebody whose key nobody has; return its hash."""
        self._fork.ask("anvil_impersonateAccount", who)
        self._fork.ask("anvil_setBalance", who, hex(100 * ETHER))
        sent = self._fork.ask("eth_sendTransaction", request)
        return _read(_HEX, self._fork, sent, "hash of a transaction")

    def _send_again(self, original: Block) -> list[str]:
        """Send a block's transactions to the fork as they were signed; return their hashes."""
        found = []
        for each in original.transactions:
            asked = self._node.ask("eth_getRawTransactionByHash", each.hash)
            raw = _read(_DATA, self._node, asked, f"transaction {each.hash} as it was signed")
            sent = self._fork.ask("eth_sendRawTransaction", raw)
            found.append(_read(_HEX, self._fork, sent, "hash of a transaction"))
        return found

    def _set_to(self, block: int, original: Block) -> None:
        forking = {"jsonRpcUrl": self._url, "blockNumber": block - 1}
        self._fork.ask("anvil_reset", {"forking": forking})
        self._audited(self._fork, block - 1)
        self._fork.ask("evm_setAutomine", False)
        self._fork.ask("evm_setNextBlockTimestamp", int(original.timestamp, 16))
        self._fork.ask("anvil_setNextBlockBaseFeePerGas", original.base_fee_per_gas)
        self._fork.ask("anvil_setCoinbase", original.miner)


def _read(kind: TypeAdapter[T], node: Node, found: object, what: str) -> T:
    """Return an answer as what it must be.

    Raises:
        NodeAway: the node does not have it, or answers something else.
    """
    if found is None:
        raise NodeAway(
            f"{shown_url(node.url)} does not have {what}: name an archive node, or another block"
        )
    try:
        return kind.validate_python(found)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"]) or "all of it"
        raise NodeAway(
            f"{shown_url(node.url)} answers what is no {what} (wrong: {place}): name another node"
        ) from error


def _receipt(node: Node, transaction: str) -> ReplayedReceipt:
    return _read(_RECEIPT, node, _raw_receipt(node, transaction), f"receipt of {transaction}")


def _raw_receipt(node: Node, transaction: str) -> Any:
    return node.ask("eth_getTransactionReceipt", transaction)


def _events(node: Node, transaction: str) -> list[AuditedEvent]:
    """Return the vault's events of a transaction.

    Raises:
        NodeAway: there is no receipt.
        BadLog: one of its logs is none.
    """
    found = _raw_receipt(node, transaction)
    _read(_RECEIPT, node, found, f"receipt of {transaction}")
    return read_logs(found["logs"], vault_readers())


def _dealt(events: Sequence[AuditedEvent]) -> Dealt | None:
    """Return what the first report among events dealt at; a settlement has no marks."""
    reported = False
    for event in events:
        reported |= isinstance(event, Reported)
        if reported and isinstance(event, Dealt):
            return event
    return None


def _changes(node: Node, transaction: str) -> Storage:
    """Return the storage words that a transaction changes."""
    found = node.ask("debug_traceTransaction", transaction, TRACER)
    changed = _read(_CHANGES, node, found, f"trace of {transaction}")
    return {address.lower(): each.storage for address, each in changed.post.items() if each.storage}


def _report_data(transactions: Sequence[SentTransaction]) -> bytes | None:
    """Return the arguments of the report that a block's transactions carry, however wrapped."""
    selector = keccak(REPORT.encode())[:4].hex()
    for each in transactions:
        place = each.input.find(selector)
        while place >= 0:
            text = each.input[place + 8 :]
            data = bytes.fromhex(text[: len(text) // 2 * 2])
            try:
                abi_values(_TYPES, data)
                return data
            except NotAbi:  # the same four bytes by chance
                place = each.input.find(selector, place + 1)
    return None


def _caps(node: Node, answer: object) -> list[int]:
    """Return a class's four caps from what classOf answers; raises NodeAway."""
    data = _read(_CLASS, node, answer, "class of a vault")
    return list(abi_values(["uint256"] * 9, bytes.fromhex(data[2:]))[4:8])


def _allocated(transactions: Sequence[Sequence[AuditedEvent]]) -> int:
    return sum(
        each.assets for events in transactions for each in events if isinstance(each, Allocated)
    )


def _price(transaction: SentTransaction) -> int:
    return int(transaction.max_fee_per_gas or transaction.gas_price, 16)


def _compare(name: str, first: ReplayedReceipt, again: ReplayedReceipt) -> list[str]:
    found = [
        f"{name}: {what} {other}, was {one}"
        for what, one, other in (
            ("status", first.status, again.status),
            ("gasUsed", first.gas_used, again.gas_used),
        )
        if one != other
    ]
    before, after = first.logs, again.logs
    if before != after:
        place = next(
            (n for n, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]),
            min(len(before), len(after)),
        )
        told = json.dumps([each.model_dump() for each in after[place : place + 1]])
        found.append(f"{name}: log {place} of {len(before)}: {told}")
    return found
