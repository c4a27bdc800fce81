"""The chain as the service uses it: signatures, balances, and the operator's settlements."""

import asyncio
import itertools
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypedDict, cast

import httpx
from eth_abi.abi import encode
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_typing import Hash32
from eth_utils.abi import function_signature_to_4byte_selector as selector
from eth_utils.address import to_checksum_address

from strongroom.chain.ids import Json, JsonObject
from strongroom.chain.units import GWEI, MAX_UINT256
from strongroom.errors import Away

_ORDER = (
    "(uint256,address,address,uint256,uint256,uint256,uint8,uint8,uint256,bytes32,bytes32,bytes)"
)
_MATCH_TYPES = [
    "bytes32",
    _ORDER,
    f"{_ORDER}[]",
    "uint256",
    "uint256[]",
    "uint256",
    "uint256[]",
]
_MATCH = selector(f"matchOrders({','.join(_MATCH_TYPES)})")
_BALANCE = selector("balanceOf(address)")
_ALLOWANCE = selector("allowance(address,address)")
_TOKEN_BALANCE = selector("balanceOf(address,uint256)")
_TOKEN_APPROVAL = selector("isApprovedForAll(address,address)")
_EIP1271 = bytes.fromhex("1626ba7e")
GAS_PER_ORDER = 450_000  # a mint through the adapter, and a contract maker's checks
STARVED_GAS = 90_000  # enough to start a settlement and to revert: what the fault switch sends


# an order as the exchange takes it (orders.OrderStruct), and its signature
SignedStruct = tuple[int, str, str, int, int, int, int, int, int, bytes, bytes, bytes]


class _Answer(TypedDict, total=False):
    """A node's answer: a result or an error."""

    id: int
    result: Any
    error: JsonObject


class RpcError(Away):
    """The node answered with an error, or not at all."""


@dataclass(frozen=True)
class Settlement:
    """One call of `matchOrders`."""

    exchange: str
    condition_id: str
    taker: SignedStruct
    makers: Sequence[SignedStruct]
    taker_fill: int
    maker_fills: Sequence[int]
    taker_fee: int

    def call_data(self) -> bytes:
        """Return the call, ABI-encoded."""
        return _MATCH + encode(
            _MATCH_TYPES,
            [
                bytes.fromhex(self.condition_id[2:]),
                self.taker,
                self.makers,
                self.taker_fill,
                self.maker_fills,
                self.taker_fee,
                [0] * len(self.makers),
            ],
        )


class VenueChain:
    """JSON-RPC on one node, and the operator's key."""

    def __init__(
        self, rpc_url: str, chain_id: int, operator: LocalAccount, pusd: str, ctf: str, wallets: str
    ) -> None:
        self.chain_id = chain_id
        self._url = rpc_url
        self._operator = operator
        self._pusd, self._ctf, self._wallets = pusd, ctf, wallets
        self._http = httpx.AsyncClient(timeout=30)
        self._ids = itertools.count(1)
        self._nonce: int | None = None
        self._sending = asyncio.Lock()

    async def close(self) -> None:
        """Close the connection."""
        await self._http.aclose()

    async def is_signed_by_contract(self, maker: str, digest: bytes, signature: bytes) -> bool:
        """Ask a contract maker (EIP-1271); one that reverts or has no code has not signed."""
        data = selector("isValidSignature(bytes32,bytes)") + encode(
            ["bytes32", "bytes"], [digest, signature]
        )
        try:
            return (await self._call(maker, data))[:4] == _EIP1271
        except RpcError:
            return False

    async def wallet_owner(self, wallet: str) -> str | None:
        """Return the EOA behind a deposit wallet or Safe of the venue, or None."""
        return await self._ask_wallets("ownerOf(address)", wallet)

    async def wallet_of(self, owner: str, safe: bool) -> str | None:
        """Return an EOA's Safe or deposit wallet at the venue, or None."""
        return await self._ask_wallets("safeOf(address)" if safe else "walletOf(address)", owner)

    async def _ask_wallets(self, question: str, address: str) -> str | None:
        answer = await self._call(
            self._wallets, selector(question) + encode(["address"], [address])
        )
        found = int.from_bytes(answer, "big")
        return to_checksum_address(found.to_bytes(20, "big")) if found else None

    async def funds(self, asked: Sequence[tuple[str, str, str]]) -> list[tuple[int, int]]:
        """Return balance and allowance of each (owner, asset, spender), in one request.

        The asset "" is pUSD, any other the id of an outcome token, whose allowance is all or
        nothing.
        """
        calls = []
        for owner, asset, spender in asked:
            both = encode(["address"] * 2, [owner, spender])
            if asset == "":
                calls.append((self._pusd, _BALANCE + encode(["address"], [owner])))
                calls.append((self._pusd, _ALLOWANCE + both))
            else:
                which = encode(["address", "uint256"], [owner, int(asset)])
                calls.append((self._ctf, _TOKEN_BALANCE + which))
                calls.append((self._ctf, _TOKEN_APPROVAL + both))
        answers = await self._call_all(calls)
        found = []
        for (_, asset, _), balance, allowed in zip(asked, answers[::2], answers[1::2], strict=True):
            unit = 1 if asset == "" else MAX_UINT256
            found.append((int.from_bytes(balance, "big"), unit * int.from_bytes(allowed, "big")))
        return found

    async def send(self, settlement: Settlement, starved: bool = False) -> str:
        """Send a settlement as the operator; return its transaction hash.

        Transactions go out one behind the other without waiting, so several are under way at once.

        Raises:
            RpcError: the node refused it.
        """
        data = settlement.call_data()
        gas = GAS_PER_ORDER * (1 + len(settlement.makers))
        async with self._sending:
            if self._nonce is None:
                count = await self._rpc(
                    "eth_getTransactionCount", [self._operator.address, "pending"]
                )
                self._nonce = int(count, 16)
            signed = self._operator.sign_transaction(
                {
                    "to": to_checksum_address(settlement.exchange),
                    "data": data,
                    "nonce": self._nonce,
                    "chainId": self.chain_id,
                    "gas": STARVED_GAS if starved else gas,
                    "maxFeePerGas": 100 * GWEI,
                    "maxPriorityFeePerGas": GWEI,
                }
            )
            try:
                await self._rpc("eth_sendRawTransaction", [signed.raw_transaction.to_0x_hex()])
            except RpcError:
                self._nonce = None  # somebody else used the key, or the chain was set back
                raise
            self._nonce += 1
        return str(signed.hash.to_0x_hex())

    async def wait(self, transaction: str) -> tuple[bool, int]:
        """Wait for a transaction, however long; return whether it succeeded, and its block."""
        while True:
            with suppress(RpcError):  # a node that is away may come back
                receipt = await self._rpc("eth_getTransactionReceipt", [transaction])
                if receipt is not None:
                    return receipt["status"] == "0x1", int(receipt["blockNumber"], 16)
            await asyncio.sleep(0.05)

    async def block_number(self) -> int:
        """Return the newest block's number."""
        return int(await self._rpc("eth_blockNumber", []), 16)

    async def _call_all(self, calls: Sequence[tuple[str, bytes]]) -> list[bytes]:
        if not calls:
            return []
        ids = [next(self._ids) for _ in calls]
        requests = [
            self._request(number, "eth_call", [{"to": to, "data": "0x" + data.hex()}, "latest"])
            for number, (to, data) in zip(ids, calls, strict=True)
        ]
        answers = cast(list[_Answer], await self._post(requests))
        by_id = {answer["id"]: str(_result("eth_call", answer)) for answer in answers}
        return [bytes.fromhex(by_id[number][2:]) for number in ids]

    async def _call(self, to: str, data: bytes) -> bytes:
        answer = await self._rpc("eth_call", [{"to": to, "data": "0x" + data.hex()}, "latest"])
        return bytes.fromhex(answer[2:])

    async def _rpc(self, method: str, params: Sequence[Json]) -> Any:
        body = self._request(next(self._ids), method, params)
        return _result(method, cast(_Answer, await self._post(body)))

    async def _post(self, body: object) -> object:
        try:
            found: object = (await self._http.post(self._url, json=body)).json()
        except (httpx.HTTPError, ValueError) as error:
            raise RpcError(f"{self._url}: {error or type(error).__name__}") from error
        return found

    @staticmethod
    def _request(number: int, method: str, params: Sequence[Json]) -> JsonObject:
        return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


def _result(method: str, answer: _Answer) -> Any:
    if "error" in answer:
        raise RpcError(f"{method}: {answer['error'].get('message')}")
    return answer["result"]


def signer_of(digest: bytes, signature: bytes) -> str | None:
    """Return the EOA that signed a digest, or None for bytes that are no signature."""
    if len(signature) != 65:
        return None
    try:
        return str(Account._recover_hash(Hash32(digest), signature=signature))
    except Exception:  # eth-keys raises several kinds for values off the curve
        return None
