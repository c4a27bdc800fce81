"""A block again on a fork: anvil at the block before, the same transactions, and whether the same
comes of them: receipts, logs, and every storage word that they change."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode, encode

from strongroom.audit.logs import Node, NodeAway, decode_log, kinds
from strongroom.chain.anvil import anvil
from strongroom.chain.ids import keccak

TRACER = {"tracer": "prestateTracer", "tracerConfig": {"diffMode": True}}
REPORT = "report((bytes32,uint256,uint256,uint256,uint256)[],bytes32)"
_TYPES = ("(bytes32,uint256,uint256,uint256,uint256)[]", "bytes32")
WAD, BPS = 10**18, 10_000
_CLASS_OF = keccak(b"classOf(uint256)")[:4]
_SET_CAPS = keccak(b"setClassCaps(uint256,(uint256,uint256,uint256,uint256))")[:4]


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
    outcome: str  # "reported", "pending", or why it reverted
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
def forks(url: str) -> Iterator["Forks"]:
    """Run an anvil of our own beside a node, to be set to any of its blocks.

    Raises:
        AnvilMissing: anvil is not installed, or does not start.
    """
    with anvil("--fork-url", url, "--no-rate-limit") as own:
        yield Forks(Node(url), Node(own, pause=lambda seconds: None), url)


class Forks:
    """Executes blocks again."""

    def __init__(self, node: Node, fork: Node, url: str) -> None:
        self._node, self._fork, self._url = node, fork, url
        self._known = kinds("Vault")

    def replay(self, block: int, vault: str) -> Replayed:
        """Execute a block's transactions again at the state before it; compare those that touch
        the vault.

        Raises:
            NodeAway: a node does not answer.
        """
        original = self._node.ask("eth_getBlockByNumber", hex(block), True)
        self._set_to(block, original)
        hashes = [each["hash"] for each in original["transactions"]]
        sent = self._send_again(original)
        self._fork.ask("evm_mine")
        differences: list[str] = []
        words = touched = 0
        for number, (one, other) in enumerate(zip(hashes, sent, strict=True)):
            if one != other:
                differences.append(f"transaction {number}: another hash")
                continue
            first, again = (
                node.ask("eth_getTransactionReceipt", one) for node in (self._node, self._fork)
            )
            if not any(log["address"].lower() == vault.lower() for log in first["logs"]):
                continue
            touched += 1
            differences += _compare(one, first, again)
            before, after = (self._changes(node, one) for node in (self._node, self._fork))
            words += sum(len(slots) for slots in before.values())
            if before != after:
                places = sorted(
                    place for place in {*before, *after} if before.get(place) != after.get(place)
                )
                differences.append(f"{one}: storage of {', '.join(places)}")
        return Replayed(block, touched, words, tuple(differences))

    def what_if(self, block: int, vault: str, reporter: str, change_bps: int) -> WhatIf:
        """Send the block's report again with all its marks moved by so many bps.

        Args:
            reporter: who may report; impersonated on the fork

        Raises:
            NodeAway: a node does not answer, or the block has no report of this vault.
        """
        original = self._node.ask("eth_getBlockByNumber", hex(block), True)
        logs = self._node.ask(
            "eth_getLogs", {"fromBlock": hex(block), "toBlock": hex(block), "address": vault}
        )
        events = [event for log in logs if (event := decode_log(log, self._known)) is not None]
        was = next((event for event in events if event.name == "Reported"), None)
        data = self._report_data(original["transactions"])
        if was is None or data is None:
            raise NodeAway(f"block {block} has no report of {vault} whose marks can be read")
        marks, evidence = decode(_TYPES, data)
        moved = [_moved(mark, change_bps) for mark in marks]
        self._set_to(block, original)
        self._fork.ask("anvil_impersonateAccount", reporter)
        self._fork.ask("anvil_setBalance", reporter, hex(10**20))
        call = keccak(REPORT.encode())[:4] + encode(_TYPES, [moved, evidence])
        request = {"from": reporter, "to": vault, "data": "0x" + call.hex(), "gas": hex(10**7)}
        sent = self._fork.ask("eth_sendTransaction", request)
        self._fork.ask("evm_mine")
        receipt = self._fork.ask("eth_getTransactionReceipt", sent)
        found = [decode_log(log, self._known) for log in receipt["logs"]]
        wanted = ("Reported", "ReportPending")
        told = next((event for event in found if event and event.name in wanted), None)
        fields: Mapping[str, Any] = told.fields if told is not None else {}
        outcome = "reverted" if told is None else told.name.removeprefix("Report").lower()
        return WhatIf(
            block,
            {"ed": "reported"}.get(outcome, outcome),
            fields.get("nav_bid", 0),
            fields.get("nav_ask", 0),
            was.fields["nav_bid"],
            was.fields["nav_ask"],
        )

    def what_if_cap(
        self, block: int, vault: str, guardian: str, class_id: int, market_cap: int
    ) -> WhatIfCap:
        """Execute a block again after the guardian has lowered a class's market cap.

        Args:
            guardian: who may lower it at once; impersonated on the fork
            market_cap: in base units of the asset; above the present one nothing changes

        Raises:
            NodeAway: a node does not answer, or the cap cannot be set.
        """
        original = self._node.ask("eth_getBlockByNumber", hex(block), True)
        call = _CLASS_OF + class_id.to_bytes(32, "big")
        answer = self._node.ask(
            "eth_call", {"to": vault, "data": "0x" + call.hex()}, hex(block - 1)
        )
        caps = list(decode(["uint256"] * 8, bytes.fromhex(answer[2:]))[3:7])
        caps[0] = min(caps[0], market_cap)
        self._set_to(block, original)
        self._fork.ask("anvil_impersonateAccount", guardian)
        self._fork.ask("anvil_setBalance", guardian, hex(10**20))
        data = _SET_CAPS + encode(
            ["uint256", "(uint256,uint256,uint256,uint256)"], [class_id, caps]
        )
        fee = max([int(original["baseFeePerGas"], 16), *map(_price, original["transactions"])])
        first = self._fork.ask(
            "eth_sendTransaction",
            {"from": guardian, "to": vault, "data": "0x" + data.hex(), "gas": hex(10**6),
             "maxFeePerGas": hex(2 * fee + 1), "maxPriorityFeePerGas": hex(fee + 1)},
        )  # fmt: skip
        sent = self._send_again(original)
        self._fork.ask("evm_mine")
        done = self._fork.ask("eth_getTransactionReceipt", first)
        if done["status"] != "0x1":
            raise NodeAway(f"the cap of class {class_id} cannot be set to {caps[0]} at this block")
        was = [self._node.ask("eth_getTransactionReceipt", each["hash"])
               for each in original["transactions"]]  # fmt: skip
        now = [self._fork.ask("eth_getTransactionReceipt", each) for each in sent]
        return WhatIfCap(block, class_id, caps[0], self._allocated(was), self._allocated(now))

    def _allocated(self, receipts: Sequence[Mapping[str, Any]]) -> int:
        events = [decode_log(log, self._known) for each in receipts for log in each["logs"]]
        return sum(each.fields["assets"] for each in events if each and each.name == "Allocated")

    def _send_again(self, original: Mapping[str, Any]) -> list[str]:
        """Send a block's transactions to the fork as they were signed; return their hashes."""
        found = []
        for each in original["transactions"]:
            raw = self._node.ask("eth_getRawTransactionByHash", each["hash"])
            found.append(self._fork.ask("eth_sendRawTransaction", raw))
        return found

    def _set_to(self, block: int, original: Mapping[str, Any]) -> None:
        forking = {"jsonRpcUrl": self._url, "blockNumber": block - 1}
        self._fork.ask("anvil_reset", {"forking": forking})
        self._fork.ask("evm_setAutomine", False)
        self._fork.ask("evm_setNextBlockTimestamp", int(original["timestamp"], 16))
        self._fork.ask("anvil_setNextBlockBaseFeePerGas", original["baseFeePerGas"])
        self._fork.ask("anvil_setCoinbase", original["miner"])

    def _changes(self, node: Node, transaction: str) -> dict[str, dict[str, str]]:
        """Return the storage words that a transaction changes: contract -> slot -> new word."""
        found = node.ask("debug_traceTransaction", transaction, TRACER)
        return {
            address.lower(): dict(after["storage"])
            for address, after in found["post"].items()
            if after.get("storage")
        }

    def _report_data(self, transactions: Sequence[Mapping[str, Any]]) -> bytes | None:
        """Return the arguments of the report that a block's transactions carry, however wrapped."""
        selector = keccak(REPORT.encode())[:4].hex()
        for each in transactions:
            place = each["input"].find(selector)
            while place >= 0:
                data = bytes.fromhex(_even(each["input"][place + 8 :]))
                try:
                    decode(_TYPES, data)
                    return data
                except Exception:  # the same four bytes by chance
                    place = each["input"].find(selector, place + 1)
        return None


def _price(transaction: Mapping[str, Any]) -> int:
    return int(transaction.get("maxFeePerGas") or transaction["gasPrice"], 16)


def _even(text: str) -> str:
    return text[: len(text) // 2 * 2]


def _moved(mark: Sequence[Any], bps: int) -> tuple[Any, ...]:
    market, *prices = mark
    return (market, *(min(WAD, price * (BPS + bps) // BPS) for price in prices))


def _compare(name: str, first: Mapping[str, Any], again: Mapping[str, Any]) -> list[str]:
    found = [
        f"{name}: {what} {again[what]}, was {first[what]}"
        for what in ("status", "gasUsed")
        if first[what] != again[what]
    ]
    kept = [(log["address"], log["topics"], log["data"]) for log in first["logs"]]
    new = [(log["address"], log["topics"], log["data"]) for log in again["logs"]]
    if kept != new:
        place = next(
            (n for n, pair in enumerate(zip(kept, new, strict=False)) if pair[0] != pair[1]),
            min(len(kept), len(new)),
        )
        found.append(f"{name}: log {place} of {len(kept)}: {json.dumps(new[place : place + 1])}")
    return found
