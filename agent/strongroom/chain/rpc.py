"""The chain as the keeper uses it: typed reads and simulations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import requests
from eth_account.signers.local import LocalAccount
from eth_typing import ChecksumAddress
from eth_utils.address import to_checksum_address
from hexbytes import HexBytes
from web3 import HTTPProvider, Web3
from web3.contract import Contract
from web3.exceptions import BadResponseFormat, BlockNotFound, ContractLogicError, Web3RPCError
from web3.providers.rpc.utils import ExceptionRetryConfiguration

from strongroom.chain import abi
from strongroom.chain.calls import Ask, Reads

# What a node that is away, slow or overloaded makes web3 raise.
CHAIN_AWAY = (requests.RequestException, Web3RPCError, BadResponseFormat, BlockNotFound)
TIMEOUT_S = 10.0


class TransactionRefused(RuntimeError):
    """A transaction would revert, or did; the message has the contract's reason."""


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
    """A connection for reads and simulations."""

    def __init__(self, rpc_url: str, timeout_s: float = TIMEOUT_S) -> None:
        """Connect; reads are tried again twice, transactions never by themselves.

        Raises:
            requests.RequestException: nothing answers at the URL.
        """
        self.rpc_url = rpc_url
        retry = ExceptionRetryConfiguration(
            errors=(requests.ConnectionError, requests.Timeout), retries=2, backoff_factor=0.1
        )
        self.web3 = Web3(
            HTTPProvider(
                rpc_url,
                request_kwargs={"timeout": timeout_s},
                exception_retry_configuration=retry,
            )
        )
        self._reads = Reads(rpc_url, timeout_s)
        self._contracts: dict[tuple[str, str], Contract] = {}
        self.chain_id = self.web3.eth.chain_id

    def contract(self, address: str, name: str) -> Contract:
        """Return the contract at `address` with one of the agent's ABIs."""
        key = (address, name)
        if key not in self._contracts:
            self._contracts[key] = self.web3.eth.contract(
                address=to_checksum_address(address), abi=abi.load(name)
            )
        return self._contracts[key]

    def ask(self, asked: Sequence[Ask]) -> list[Any]:
        """Return the answers of many reads, as of the newest block; see calls.py.

        Raises:
            CallReverted: one of them reverted.
        """
        return self._reads.ask(asked)

    def ask_one(self, address: str, contract: str, function: str, *arguments: Any) -> Any:
        """Return the answer of one read."""
        return self._reads.ask([Ask(address, contract, function, arguments)])[0]

    def checksum(self, address: str) -> ChecksumAddress:
        """Return the address as web3 takes it."""
        return _checksum(address)

    def fees(self) -> tuple[int, int]:
        """Return the tip that the last block's middle paid, and a fee with room for two more
        blocks' rise; wei a gas."""
        history = self.web3.eth.fee_history(1, "latest", [50.0])
        tip = int(history["reward"][0][0])
        return tip, 2 * int(history["baseFeePerGas"][-1]) + tip

    def head(self) -> tuple[int, int]:
        """Return the newest block's number and timestamp."""
        block = self._reads.rpc("eth_getBlockByNumber", "latest", False)
        return int(block["number"], 16), int(block["timestamp"], 16)

    def at_head(self, asked: Sequence[Ask]) -> tuple[int, int, list[Any]]:
        """Return the newest block's number and timestamp, and the answers of a few reads, at once.

        Raises:
            CallReverted: one of them reverted.
        """
        block, answers = self._reads.at_head(asked)
        return int(block["number"], 16), int(block["timestamp"], 16), answers

    def now(self, depth: int = 0) -> int:
        """Return the timestamp of the newest block, or of the one so many below it."""
        number, timestamp = self.head()
        if not depth:
            return timestamp
        block = self._reads.rpc("eth_getBlockByNumber", hex(max(0, number - depth)), False)
        return int(block["timestamp"], 16)

    def positions(self, account: str) -> tuple[int, list[Position]]:
        """Return an account's collateral (micro-units) and its positions."""
        collateral, held = self.ask_one(account, "PolymarketAccount", "positions")
        return collateral, [Position(*entry) for entry in held]

    def positions_away(self, account: str) -> tuple[int, list[Position]]:
        """Return what a delegated account's wallet holds; without a wallet no positions."""
        collateral, held = self.ask_one(account, "DelegatedAccount", "holdings", True)
        return collateral, [Position(*entry) for entry in held]

    def logs(
        self,
        address: str,
        contract: str,
        event: str,
        from_block: int,
        matching: Mapping[str, Any] | None = None,
    ) -> list[Any]:
        """Return a contract's events of one name, oldest first.

        Args:
            matching: values of indexed arguments
        """
        found: Any = self.contract(address, contract).events[event]
        return list(found().get_logs(from_block=from_block, argument_filters=dict(matching or {})))

    def simulate(
        self, sender: str, to: str, data: bytes | str, override: Mapping[str, Any] | None = None
    ) -> None:
        """Run a call without sending it.

        Args:
            override: of the state, as eth_call takes it

        Raises:
            TransactionRefused: it would revert.
        """
        call: Any = {"from": to_checksum_address(sender), "to": to_checksum_address(to)}
        changed: Any = override
        try:
            self.web3.eth.call(call | {"data": HexBytes(data)}, "latest", changed)
        except ContractLogicError as error:
            raise TransactionRefused(f"{_function(data)} would revert: {error.message}") from error


@lru_cache(4_096)
def _checksum(address: str) -> ChecksumAddress:
    return to_checksum_address(address)


def private_key(account: LocalAccount) -> str:
    """Return the key as safe-eth-py takes it."""
    return "0x" + bytes(account.key).hex()


def _function(data: bytes | str) -> str:
    return "call 0x" + HexBytes(data)[:4].hex()
