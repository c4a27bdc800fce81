"""One node by JSON-RPC, and a key that sends transactions through it one behind the other."""

import asyncio
import itertools
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, TypedDict, cast

import httpx
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address

from strongroom.chain.ids import Json, JsonObject
from strongroom.chain.units import GWEI
from strongroom.errors import Away

GAS_PRICE = 100 * GWEI


class _Answer(TypedDict, total=False):
    """A node's answer: a result or an error."""

    id: int
    result: Any
    error: JsonObject


class RpcError(Away):
    """The node answered with an error, or not at all.

    Attributes:
        data: what a call that reverted returned, 0x...; empty where there is none
    """

    def __init__(self, message: str, data: str = "") -> None:
        super().__init__(message)
        self.data = data


class VenueNode:
    """A node's JSON-RPC."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._http = httpx.AsyncClient(timeout=30)
        self._ids = itertools.count(1)

    async def close(self) -> None:
        """Close the connection."""
        await self._http.aclose()

    async def request(self, method: str, params: Sequence[Json]) -> Any:
        """Ask one thing.

        Raises:
            RpcError: see the class.
        """
        body = _request(next(self._ids), method, params)
        return _result(method, cast(_Answer, await self._post(body)))

    async def call(self, to: str, data: bytes, caller: str = "", gas: int = 0) -> bytes:
        """Call a contract at the newest block; as `caller`, the call pays a gas price as a
        transaction does: deposit wallets judge signatures another way where it is 0 (VENUE a4).

        Raises:
            RpcError: see the class.
        """
        asked: dict[str, Json] = {"to": to, "data": "0x" + data.hex()}
        if caller:
            asked |= {"from": caller, "gasPrice": hex(GAS_PRICE)}
        if gas:
            asked["gas"] = hex(gas)
        return bytes.fromhex((await self.request("eth_call", [asked, "latest"]))[2:])

    async def call_all(self, calls: Sequence[tuple[str, bytes]]) -> list[bytes]:
        """Call contracts at the newest block, in one request.

        Raises:
            RpcError: see the class.
        """
        if not calls:
            return []
        ids = [next(self._ids) for _ in calls]
        requests = [
            _request(number, "eth_call", [{"to": to, "data": "0x" + data.hex()}, "latest"])
            for number, (to, data) in zip(ids, calls, strict=True)
        ]
        answers = cast(list[_Answer], await self._post(requests))
        by_id = {answer["id"]: str(_result("eth_call", answer)) for answer in answers}
        return [bytes.fromhex(by_id[number][2:]) for number in ids]

    async def has_code(self, address: str) -> bool:
        """Say whether there is a contract at an address."""
        return bool(await self.request("eth_getCode", [address, "latest"]) != "0x")

    async def wait(self, transaction: str) -> tuple[bool, int]:
        """Wait for a transaction, however long; return whether it succeeded, and its block."""
        while True:
            with suppress(RpcError):  # a node that is away may come back
                receipt = await self.request("eth_getTransactionReceipt", [transaction])
                if receipt is not None:
                    return receipt["status"] == "0x1", int(receipt["blockNumber"], 16)
            await asyncio.sleep(0.05)

    async def block_number(self) -> int:
        """Return the newest block's number."""
        return int(await self.request("eth_blockNumber", []), 16)

    async def _post(self, body: object) -> object:
        try:
            found: object = (await self._http.post(self._url, json=body)).json()
        except (httpx.HTTPError, ValueError) as error:
            raise RpcError(f"{self._url}: {error or type(error).__name__}") from error
        return found


class Operator:
    """The venue's key: settles at the exchanges, and carries what the relayer takes."""

    def __init__(self, node: VenueNode, chain_id: int, account: LocalAccount) -> None:
        self._node, self._chain_id, self._account = node, chain_id, account
        self._nonce: int | None = None
        self._sending = asyncio.Lock()

    @property
    def address(self) -> str:
        """Its address."""
        return str(self._account.address)

    async def send(self, to: str, data: bytes, gas: int) -> str:
        """Send a transaction; return its hash.

        Transactions go out one behind the other without waiting, so several are under way at once.

        Raises:
            RpcError: the node refused it.
        """
        async with self._sending:
            if self._nonce is None:
                count = await self._node.request(
                    "eth_getTransactionCount", [self.address, "pending"]
                )
                self._nonce = int(count, 16)
            signed = self._account.sign_transaction(
                {
                    "to": to_checksum_address(to),
                    "data": data,
                    "nonce": self._nonce,
                    "chainId": self._chain_id,
                    "gas": gas,
                    "maxFeePerGas": GAS_PRICE,
                    "maxPriorityFeePerGas": GWEI,
                }
            )
            try:
                raw = signed.raw_transaction.to_0x_hex()
                await self._node.request("eth_sendRawTransaction", [raw])
            except RpcError:
                self._nonce = None  # somebody else used the key, or the chain was set back
                raise
            self._nonce += 1
        return str(signed.hash.to_0x_hex())


def _request(number: int, method: str, params: Sequence[Json]) -> JsonObject:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


def _result(method: str, answer: _Answer) -> Any:
    if "error" in answer:
        error = answer["error"]
        raise RpcError(f"{method}: {error.get('message')}", str(error.get("data") or ""))
    return answer["result"]
