"""The chain as the keeper uses it: typed reads, simulations, and the sending of what is signed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from eth_account.signers.local import LocalAccount
from eth_typing import ChecksumAddress
from eth_utils.address import to_checksum_address

from strongroom.chain.calls import NEWEST, Ask, DecodedLog, Head, Read, Reads, Together, head_of
from strongroom.chain.codec import Matching
from strongroom.chain.failures import (
    CallReverted,
    FeeTooLow,
    NodeBusy,
    PlaceTaken,
    TransactionRefused,
)
from strongroom.chain.gas import check_allowance, check_estimate
from strongroom.chain.ids import Json, to_hex
from strongroom.chain.jsonrpc import LATEST, Answer, JsonRpc, RpcNode, reason, result_of, understood
from strongroom.chain.outside import quantity
from strongroom.chain.refusals import Meaning, least_fees, meaning_of, meaning_of_sending

TIMEOUT_S = 10.0
FEE_BITS = 60  # wei a gas: more than anybody pays, and its sums can be kept


@dataclass(frozen=True)
class Position:
    """One condition's holdings in an account, micro-units; see IMarketAccount.vyi."""

    yes: int
    no: int
    payout_yes: int
    payout_no: int
    payout_denominator: int

    def __add__(self, other: "Position") -> "Position":
        """Return both places' tokens of the same condition."""
        return replace(self, yes=self.yes + other.yes, no=self.no + other.no)

    @property
    def resolved(self) -> bool:
        """Whether ConditionalTokens has a payout."""
        return self.payout_denominator != 0


class Chain:
    """A connection. Whatever the node does not answer is `ChainAway`."""

    def __init__(self, node: str | RpcNode, timeout_s: float = TIMEOUT_S) -> None:
        """Connect.

        Args:
            node: its URL, or several nodes as one (nodes.py)

        Raises:
            ChainAway: nothing answers.
        """
        self._reads = Reads(JsonRpc(node, timeout_s) if isinstance(node, str) else node)
        with understood("chain id"):
            self.chain_id = quantity(self._reads.rpc("eth_chainId"))

    @property
    def node(self) -> RpcNode:
        """The node behind it."""
        return self._reads.node

    def ask(self, asked: Sequence[Ask], block: int | None = None) -> list[Any]:
        """Return the answers of many reads, as of a block, or of the newest one; see calls.py.

        Raises:
            CallReverted: one of them reverted.
        """
        return self._reads.ask(asked, LATEST if block is None else hex(block))

    def ask_one(self, address: str, contract: str, function: str, *arguments: object) -> Any:
        """Return the answer of one read; raises CallReverted."""
        return self._reads.ask([Ask(address, contract, function, arguments)])[0]

    def together(self) -> Together:
        """Return a round of questions that leave in one request: the reads below this class, and
        those of calls.py."""
        return self._reads.together()

    def fees(self) -> tuple[int, int]:
        """Return the tip that the last block's middle paid, and a fee with room for two more
        blocks' rise; wei a gas."""
        return self._reads.one(FEES)

    @understood("tip")
    def suggested_tip(self) -> int:
        """Return the tip that the node suggests, wei a gas; 0: it suggests none."""
        answer = self._reads.answer("eth_maxPriorityFeePerGas")
        return quantity(answer["result"], FEE_BITS) if "error" not in answer else 0

    def head(self) -> Head:
        """Return the newest block's number and timestamp."""
        return self._reads.one(NEWEST)

    def at_head(self, asked: Sequence[Ask], block: int | None = None) -> tuple[Head, list[Any]]:
        """Return the newest block, and the answers of a few reads, at once; as of a block, or of
        the newest one.

        Raises:
            CallReverted: one of them reverted.
        """
        return self._reads.at_head(asked, LATEST if block is None else hex(block))

    def now(self, depth: int = 0) -> int:
        """Return the timestamp of the newest block, or of the one so many below it."""
        head = self.head()
        if not depth:
            return head.timestamp
        number = hex(max(0, head.number - depth))
        return head_of(self._reads.rpc("eth_getBlockByNumber", number, False)).timestamp

    def logs(
        self,
        address: str,
        contract: str,
        event: str,
        from_block: int,
        to_block: int | None = None,
        matching: Matching | None = None,
    ) -> list[DecodedLog]:
        """Return a contract's events of one name, oldest first.

        Args:
            to_block: the last one; None: the newest
            matching: values of indexed arguments
        """
        return self._reads.logs(address, contract, event, (from_block, to_block), matching)

    def logs_naming(
        self, address: str, contract: str, events: Sequence[str], account: str, last: int
    ) -> list[tuple[str, DecodedLog]]:
        """Return a contract's events of some names that name an account; see calls.py."""
        return self._reads.logs_naming(address, contract, events, account, last)

    def logs_at_head(
        self, address: str, contract: str, event: str, from_block: int, matching: Matching
    ) -> tuple[Head, list[DecodedLog]]:
        """Return the newest block and a contract's events of one name, oldest first, at once."""
        return self._reads.logs_at_head(address, contract, event, from_block, matching)

    def code_at(self, address: str) -> str:
        """Return the code at an address, 0x...; "0x" where there is none."""
        return str(self._reads.rpc("eth_getCode", checksum(address), "latest"))

    def sent_by(self, address: str) -> int:
        """Return how many transactions of an account have been mined: its next nonce."""
        return self._reads.one(count_of(address))

    @understood("balance")
    def balance(self, address: str) -> int:
        """Return an account's native money, wei."""
        return quantity(self._reads.rpc("eth_getBalance", checksum(address), "latest"))

    def is_known(self, transaction: str) -> bool:
        """Whether the node has a transaction, mined or not."""
        return self._reads.one(presence_of(transaction))

    @understood("transaction")
    def sender_of(self, transaction: str) -> str | None:
        """Return who sent a transaction; None: the node does not have it."""
        found = self._reads.rpc("eth_getTransactionByHash", transaction)
        return checksum(found["from"]) if isinstance(found, dict) and "from" in found else None

    def simulate(
        self, sender: str, to: str, data: str, override: Mapping[str, Json] | None = None
    ) -> None:
        """Run a call without sending it.

        Args:
            data: 0x...
            override: of the state, as eth_call takes it

        Raises:
            TransactionRefused: it would revert.
        """
        self._reads.one(simulation(sender, to, data, override))

    def gas_of(self, sender: str, to: str, data: str) -> int:
        """Return what a transaction would use.

        Raises:
            TransactionRefused: it would revert.
        """
        return self._reads.one(estimate(sender, to, data))

    def send(self, raw: bytes) -> None:
        """Hand a signed transaction to the node; one that it has already is no error.

        Raises:
            FeeTooLow: it pays less than the node takes.
            TransactionRefused: the node does not take it; its place may be taken.
            ChainAway: nobody knows whether it arrived.
        """
        answer = self._reads.answer("eth_sendRawTransaction", to_hex(raw))
        if "error" not in answer:
            return
        error = answer["error"]
        words = str(error.get("message", error))[:300]
        match meaning_of_sending(error):
            case Meaning.KNOWN:
                return
            case Meaning.CHEAP:
                raise FeeTooLow(words, *least_fees(words))
            case Meaning.BUSY:
                raise NodeBusy(f"eth_sendRawTransaction: {words}")
            case Meaning.TAKEN:
                raise PlaceTaken(words)
        raise TransactionRefused(words)


def count_of(address: str) -> Read[int]:
    """Return the read of an account's next nonce."""

    @understood("number of transactions")
    def understand(answer: Answer) -> int:
        return quantity(result_of("number of transactions", answer))

    return Read("eth_getTransactionCount", (checksum(address), LATEST), understand)


def presence_of(transaction: str) -> Read[bool]:
    """Return the read of whether the node has a transaction, mined or not."""
    return Read(
        "eth_getTransactionByHash",
        (transaction,),
        lambda answer: result_of("transaction", answer) is not None,
    )


def simulation(
    sender: str, to: str, data: str, override: Mapping[str, Json] | None = None
) -> Read[None]:
    """Return the read of whether a call would pass; see Chain.simulate."""

    def understand(answer: Answer) -> None:
        try:
            result_of("eth_call", answer)
        except CallReverted as error:
            raise TransactionRefused(f"call {data[:10]} would revert: {error}") from error

    more = () if override is None else (dict(override),)
    return Read("eth_call", (_as_call(sender, to, data), LATEST, *more), understand)


def estimate(sender: str, to: str, data: str) -> Read[int]:
    """Return the read of what a transaction would use; see Chain.gas_of."""
    what = f"call {data[:10]}"

    def understand(answer: Answer) -> int:
        if "error" in answer and meaning_of(answer["error"]) == Meaning.UNPAYABLE:
            check_allowance(what, words := reason(answer["error"]))
            raise TransactionRefused(words)
        try:
            with understood("estimate of gas"):
                gas = quantity(result_of("estimate of gas", answer))
        except CallReverted as error:
            raise TransactionRefused(str(error)) from error
        check_estimate(what, gas)
        return gas

    # some nodes estimate on what is pending unless told otherwise, where it may be executed already
    return Read("eth_estimateGas", (_as_call(sender, to, data), LATEST), understand)


def _as_call(sender: str, to: str, data: str) -> dict[str, Json]:
    return {"from": checksum(sender), "to": checksum(to), "data": data}


@understood("history of fees")
def _fees(answer: Answer) -> tuple[int, int]:
    history = result_of("eth_feeHistory", answer)
    tip = quantity(history["reward"][0][0], FEE_BITS)
    return tip, 2 * quantity(history["baseFeePerGas"][-1], FEE_BITS) + tip


FEES = Read("eth_feeHistory", ("0x1", LATEST, [50.0]), _fees)


@lru_cache(4_096)
def checksum(address: str) -> ChecksumAddress:
    """Return the address as it is written."""
    return to_checksum_address(address)


def private_key(account: LocalAccount) -> str:
    """Return the key as safe-eth-py takes it."""
    return to_hex(bytes(account.key))
