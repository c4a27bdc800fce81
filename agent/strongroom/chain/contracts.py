"""Contracts on a chain, without a framework: deploy, call, send, read events.

A contract is used as it is written: `vault.requestDeposit(assets, alice, alice, sender=alice)`
sends, `vault.balanceOf(alice)` asks. A transaction is estimated before it is signed, so what would
revert is never sent.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from time import monotonic, sleep
from typing import Any

from eth_account import Account
from eth_account.hdaccount import key_from_seed, seed_from_mnemonic
from eth_account.signers.local import LocalAccount
from eth_account.types import TransactionDictType
from eth_typing import HexStr
from eth_utils.address import to_checksum_address

from strongroom.chain.abi import Abi
from strongroom.chain.artifacts import Artifact
from strongroom.chain.calls import Reads
from strongroom.chain.codec import BadArguments, EventCodec, EventFields, FunctionCodec
from strongroom.chain.failures import CallReverted, ChainAway, TransactionRefused, would_revert
from strongroom.chain.gas import check_allowance, check_estimate, gas_limit
from strongroom.chain.jsonrpc import (
    LATEST,
    Answer,
    JsonRpc,
    Log,
    Question,
    reason,
    result_of,
    understood,
)
from strongroom.chain.refusals import Meaning, meaning_of
from strongroom.chain.units import ETHER
from strongroom.errors import nearest

RECEIPT_S = 120.0
POLL_S = 1.0  # at most between two looks for a receipt
LOOK = "look at it before you try again"
FEES: Sequence[Question] = (
    ("eth_getBlockByNumber", (LATEST, False)),
    ("eth_maxPriorityFeePerGas", ()),
)


@dataclass(frozen=True)
class Key:
    """Somebody whose private key is here."""

    account: LocalAccount

    @property
    def address(self) -> str:
        """With its checksum."""
        return str(self.account.address)

    @property
    def private_key(self) -> str:
        """0x..."""
        return "0x" + bytes(self.account.key).hex()


@dataclass(frozen=True)
class Impersonated:
    """Somebody whom a test chain lets act without a key."""

    address: str


Sender = Key | Impersonated


@dataclass(frozen=True)
class ContractEvent:
    """One decoded log; its fields are attributes, too."""

    name: str
    contract: str
    fields: EventFields
    block_number: int
    log_index: int
    transaction_hash: str

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["fields"][name]
        except KeyError:
            raise AttributeError(f"{self.__dict__.get('name')} has no {name}") from None


@dataclass(frozen=True)
class Receipt:
    """A mined transaction."""

    transaction_hash: str
    block_number: int
    gas_used: int
    contract_address: str
    logs: Sequence[Log]
    succeeded: bool = True

    def events(self, contract: "Contract", name: str) -> list[ContractEvent]:
        """Return a contract's events of one name, in their order."""
        return [event for log in self.logs if (event := contract.decoded(log, name)) is not None]


class Function:
    """A function of a contract; overloads are told apart by the number of arguments."""

    def __init__(self, contract: "Contract", codecs: Sequence[FunctionCodec]) -> None:
        self._contract, self._codecs = contract, codecs

    def __call__(
        self, *arguments: object, sender: Sender | None = None, value: int = 0, gas: int = 0
    ) -> Any:
        """Ask, or send where a sender is given.

        Args:
            value: wei to send along
            gas: limit; 0 estimates it

        Returns:
            The answer, or the receipt.

        Raises:
            BadArguments: they do not fit.
            CallReverted: a read reverted.
            TransactionRefused: the transaction would revert, or did.
            ChainAway: the node does not answer.
        """
        codec, data = self._encoded(arguments)
        chain, address = self._contract.chain, self._contract.address
        if sender is not None:
            return chain.send(sender, address, data, value, gas, what=codec.name)
        return codec.decode(chain.call(address, data, what=codec.name))

    def encode_input(self, *arguments: object) -> bytes:
        """Return the data of a call.

        Raises:
            BadArguments: they do not fit.
        """
        return self._encoded(arguments)[1]

    def _encoded(self, arguments: Sequence[object]) -> tuple[FunctionCodec, bytes]:
        for codec in self._codecs:
            if len(codec.inputs) == len(arguments):
                return codec, codec.selector + codec.encode(arguments)
        known = " or ".join(f"({each.described()})" for each in self._codecs)
        raise BadArguments(f"{self._codecs[0].name} takes {known}, not {len(arguments)} arguments")


class Contract:
    """A contract at an address."""

    def __init__(self, chain: "Contracts", address: str, abi: Abi) -> None:
        self.chain, self.address = chain, to_checksum_address(address)
        self._abi = abi

    def __getattr__(self, name: str) -> Function:
        codecs = self.__dict__.get("_functions") or self._load()
        if name not in codecs:
            raise AttributeError(f"the contract at {self.address} has no function {name}")
        return Function(self, codecs[name])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Contract) and other.address == self.address

    def __hash__(self) -> int:
        return hash(self.address)

    def events(self, name: str, first: int = 0, last: int | None = None) -> list[ContractEvent]:
        """Return its events of one name, oldest first.

        Raises:
            BadArguments: it has no such event.
            ChainAway: the node does not answer.
        """
        return self.events_of([name], first, last)

    def events_of(
        self, names: Sequence[str], first: int = 0, last: int | None = None
    ) -> list[ContractEvent]:
        """Return its events of some names, oldest first, by one search.

        Raises:
            BadArguments: it has no such event.
            ChainAway: the node does not answer.
        """
        known = {"0x" + self._event(name).topic.hex(): name for name in names}
        logs = self.chain.reads.raw_logs(self.address, list(known), (first, last))
        with understood(f"list of {' and '.join(names)} events"):
            found = [self.decoded(log, known[log["topics"][0].lower()]) for log in logs]
        return [event for event in found if event is not None]

    def decoded(self, log: Log, name: str) -> ContractEvent | None:
        """Return a log as the event, or None where it is another contract's or another event.

        Raises:
            BadArguments: the contract has no such event.
        """
        codec = self._event(name)
        topics = [_bytes(topic) for topic in log["topics"]]
        if not topics or topics[0] != codec.topic or not _same(log["address"], self.address):
            return None
        return ContractEvent(
            name,
            self.address,
            codec.decode(topics, _bytes(log["data"])),
            int(log["blockNumber"], 16),
            int(log["logIndex"], 16),
            log["transactionHash"],
        )

    def _load(self) -> dict[str, list[FunctionCodec]]:
        found: dict[str, list[FunctionCodec]] = {}
        for entry in self._abi:
            if entry["type"] == "function":
                found.setdefault(entry["name"], []).append(FunctionCodec(entry))
        self.__dict__["_functions"] = found
        return found

    def _event(self, name: str) -> EventCodec:
        found = self._events.get(name)
        if found is None:
            raise BadArguments(
                f"the contract at {self.address} has no event {name}{nearest(name, self._events)}"
            )
        return found

    @cached_property
    def _events(self) -> dict[str, EventCodec]:
        return {each["name"]: EventCodec(each) for each in self._abi if each["type"] == "event"}


class Contracts(JsonRpc):
    """One chain, by its node's URL."""

    def __init__(self, url: str, timeout_s: float = 30.0, poll_s: float = 0.002) -> None:
        """Take the URL; nothing is asked yet.

        Args:
            poll_s: before the second look for a receipt; the pauses grow to a second
        """
        super().__init__(url, timeout_s)
        self._poll = poll_s
        self.reads = Reads(self)  # for what a node refuses at times: long searches

    @cached_property
    def chain_id(self) -> int:
        """Of the chain."""
        with understood("chain id"):
            return int(self.request("eth_chainId"), 16)

    def at(self, address: str, abi: Abi) -> Contract:
        """Return the contract at an address."""
        return Contract(self, address, abi)

    def deploy(self, sender: Sender, artifact: Artifact, *arguments: object) -> Contract:
        """Deploy a contract.

        Raises:
            BadArguments, TransactionRefused, ChainAway: as for a call.
        """
        data = artifact.initcode(*arguments)
        receipt = self.send(sender, None, data, what=f"{artifact.name}'s constructor")
        return self.at(receipt.contract_address, artifact.abi)

    def declare(self, sender: Sender, artifact: Artifact) -> str:
        """Deploy a contract's ERC-5202 blueprint; return its address."""
        receipt = self.send(sender, None, artifact.blueprint_initcode, what="a blueprint")
        return receipt.contract_address

    def call(
        self,
        address: str,
        data: bytes,
        sender: str | None = None,
        what: str = "",
        code: bytes | None = None,
    ) -> bytes:
        """Run a call without sending it; return the data that it returns.

        Args:
            code: stands at the address during the call, on no storage, in place of what is there

        Raises:
            CallReverted, ChainAway: see the classes.
        """
        call = {"to": address, "data": "0x" + data.hex()} | ({"from": sender} if sender else {})
        override = [{address: {"code": "0x" + code.hex(), "state": {}}}] if code else []
        (answer,) = self.ask([("eth_call", (call, LATEST, *override))])
        return _returned(f"{what or 'a call'} at {address}", answer)

    def call_all(self, calls: Sequence[tuple[str, bytes]]) -> list[bytes]:
        """Run calls of (address, data) in one request; return what each returns.

        Raises:
            CallReverted, ChainAway: see the classes.
        """
        asked = [
            ("eth_call", ({"to": address, "data": "0x" + data.hex()}, LATEST))
            for address, data in calls
        ]
        answers = self.ask(asked)
        return [
            _returned(f"a call at {address}", answer)
            for (address, _), answer in zip(calls, answers, strict=True)
        ]

    def send(
        self,
        sender: Sender,
        to: str | None,
        data: bytes = b"",
        value: int = 0,
        gas: int = 0,
        what: str = "",
        nonce: int | None = None,
    ) -> Receipt:
        """Estimate, sign and send a transaction; wait until it is mined.

        Args:
            nonce: the sender's; None takes the next one

        Raises:
            TransactionRefused: it would revert, or did, or the node does not take it.
            ChainAway: see the class; where it may have been sent, the message has its hash.
        """
        call = {"from": sender.address, "data": "0x" + data.hex(), "value": hex(value)}
        call |= ({"to": to} if to else {}) | ({} if nonce is None else {"nonce": hex(nonce)})
        what = what or "a transaction"
        if isinstance(sender, Key):
            name = self._send_signed(sender, call, gas, what)
        else:
            self.request("anvil_impersonateAccount", sender.address)
            (answer,) = self.ask([("eth_estimateGas", (call,))])
            limit = gas or _limit(answer, what)
            with _perhaps_sent(f"{what} by {sender.address}"):
                name = self.request("eth_sendTransaction", call | {"gas": hex(limit)})
        return self.mined(name, what)

    def mined(self, name: str, what: str = "a transaction") -> Receipt:
        """Wait until a transaction is mined; return its receipt.

        Raises:
            TransactionRefused: it reverted.
            ChainAway: it is not mined in time, or the node no longer answers.
        """
        deadline, pause = monotonic() + RECEIPT_S, self._poll
        with _perhaps_sent(f"{what} ({name})"):
            while (found := self.receipt(name)) is None:
                if monotonic() > deadline:
                    raise ChainAway(f"it is not mined after {RECEIPT_S:.0f} s, and still may be")
                sleep(pause)
                pause = min(1.5 * pause, POLL_S)
        if not found.succeeded:
            raise TransactionRefused(f"{what} reverted in transaction {name}: {LOOK}")
        return found

    # what is asked often

    @understood("receipt")
    def receipt(self, name: str) -> Receipt | None:
        """Return a transaction's receipt by its hash; None while it is not mined."""
        found = self.request("eth_getTransactionReceipt", name)
        if found is None:
            return None
        created = found["contractAddress"]
        return Receipt(
            name,
            int(found["blockNumber"], 16),
            int(found["gasUsed"], 16),
            to_checksum_address(created) if created else "",
            found["logs"],
            int(found["status"], 16) == 1,
        )

    @understood("number of a block")
    def height(self) -> int:
        """Return the newest block's number."""
        return int(self.request("eth_blockNumber"), 16)

    @understood("block")
    def now(self) -> int:
        """Return the newest block's timestamp."""
        return int(self.request("eth_getBlockByNumber", LATEST, False)["timestamp"], 16)

    @understood("list of blocks")
    def times(self, blocks: Sequence[int]) -> list[int]:
        """Return blocks' timestamps, asked at once."""
        questions = [("eth_getBlockByNumber", (hex(block), False)) for block in blocks]
        return [int(found["timestamp"], 16) for found in self.request_all(questions)]

    @understood("code")
    def code(self, address: str) -> bytes:
        """Return the code at an address."""
        return _bytes(self.request("eth_getCode", address, LATEST))

    @understood("balance")
    def balance(self, address: str) -> int:
        """Return an address' wei."""
        return int(self.request("eth_getBalance", address, LATEST), 16)

    @understood("number of transactions")
    def nonce(self, address: str) -> int:
        """Return how many transactions an address has sent."""
        return int(self.request("eth_getTransactionCount", address, LATEST), 16)

    @understood("fee")
    def fees(self) -> tuple[int, int]:
        """Return the most that a transaction of ours pays a gas, and the tip in it; wei."""
        return _fees(*self.request_all(FEES))

    def impersonate(self, address: str, wei: int = ETHER) -> Impersonated:
        """Let a test chain act for an address, and give it gas money."""
        self.request("anvil_setBalance", address, hex(wei))
        return Impersonated(to_checksum_address(address))

    # steps

    def _send_signed(self, sender: Key, call: Mapping[str, str], gas: int, what: str) -> str:
        """Ask what a transaction needs in one request, sign it, send it; return its hash."""
        questions = [*FEES, ("eth_getTransactionCount", (sender.address, "pending"))]
        estimate, *others = self.ask([("eth_estimateGas", (call,)), *questions])
        limit = gas or _limit(estimate, what)
        block, tip, nonce = self.results(questions, others)
        highest, priority = _fees(block, tip)
        transaction: TransactionDictType = {
            "chainId": self.chain_id,
            "nonce": int(call.get("nonce", nonce), 16),
            "gas": limit,
            "maxFeePerGas": highest,
            "maxPriorityFeePerGas": priority,
            "value": int(call["value"], 16),
            "data": HexStr(call["data"]),
        }
        if "to" in call:
            transaction["to"] = HexStr(to_checksum_address(call["to"]))
        signed = sender.account.sign_transaction(transaction)
        name = "0x" + bytes(signed.hash).hex()
        self._hand_over(bytes(signed.raw_transaction), name, what)
        return name

    def _hand_over(self, raw: bytes, name: str, what: str) -> None:
        """Send a signed transaction once; where there is no yes, ask once whether it arrived.

        Raises:
            TransactionRefused: the node says no, and does not have it.
            ChainAway: nobody knows whether it arrived.
        """
        with _perhaps_sent(f"{what} ({name})"):
            try:
                (answer,) = self.ask([("eth_sendRawTransaction", ("0x" + raw.hex(),))])
            except ChainAway:
                if not self._is_known(name):
                    raise
                return
            if "error" not in answer or self._is_known(name):
                return
        why = reason(answer["error"])
        raise TransactionRefused(f"the node does not take {what} ({name}): {why}: {LOOK}")

    def _is_known(self, name: str) -> bool:
        return self.request("eth_getTransactionByHash", name) is not None


def test_keys(mnemonic: str, count: int) -> Iterator[Key]:
    """Return the keys that a test chain funds, in their order."""
    seed = seed_from_mnemonic(mnemonic, "")  # once: it is most of the work
    for number in range(count):
        yield Key(Account.from_key(key_from_seed(seed, f"m/44'/60'/0'/0/{number}")))


@contextmanager
def _perhaps_sent(what: str) -> Iterator[None]:
    """Say of whatever fails here that a transaction may be out."""
    try:
        yield
    except ChainAway as error:
        raise ChainAway(f"{what} may have been sent: {LOOK} ({error})") from error
    except KeyboardInterrupt as stop:  # Ctrl-C
        raise KeyboardInterrupt(f"{what} may have been sent: {LOOK}") from stop


def _fees(block: Mapping[str, str], tip: str) -> tuple[int, int]:
    return 2 * int(block["baseFeePerGas"], 16) + int(tip, 16), int(tip, 16)


def _limit(answer: Answer, what: str) -> int:
    """Return the gas limit that follows from an estimate; raises TransactionRefused, ChainAway."""
    if "error" in answer and meaning_of(answer["error"]) == Meaning.UNPAYABLE:
        check_allowance(what, words := reason(answer["error"]))
        raise would_revert(what, words)
    try:
        found = result_of(what, answer)
    except CallReverted as error:
        raise would_revert(what, str(error)) from error
    with understood("estimate of gas"):
        gas = int(found, 16)
    check_estimate(what, gas)
    return gas_limit(gas)


def _returned(what: str, answer: Answer) -> bytes:
    """Return the data that a call returns.

    Raises:
        CallReverted, ChainAway: see the classes.
    """
    try:
        found = result_of(what, answer)
    except CallReverted as error:
        raise CallReverted(f"{what}: {error}") from error
    with understood(f"answer of {what}"):
        return _bytes(found)


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def _same(one: str, other: str) -> bool:
    return one.lower() == other.lower()
