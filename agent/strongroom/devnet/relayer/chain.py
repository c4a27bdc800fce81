"""What the relayer carries to the chain, and what it asks there, as the venue's operator."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from eth_abi.abi import encode
from eth_utils.abi import function_signature_to_4byte_selector as selector
from eth_utils.address import to_checksum_address

from strongroom.chain.ids import to_bytes
from strongroom.devnet.clob.node import Operator, RpcError, VenueNode
from strongroom.devnet.relayer.requests import SafeBody
from strongroom.signing.deposit_wallet import WalletBatch
from strongroom.signing.hashing import address_word

GAS = 6_000_000  # of a transaction: several calls, each with its tokens
_BATCH = "(address,uint256,uint256,(address,uint256,bytes)[])"
_SAFE_TYPES = [
    *("address", "uint256", "bytes", "uint8", "uint256", "uint256", "uint256"),
    *("address", "address", "bytes"),
]


@dataclass(frozen=True)
class Errand:
    """A transaction that the operator sends."""

    to: str
    data: bytes


class RelayChain(Protocol):
    """The chain as the relayer needs it; a node that does not answer raises RpcError."""

    @property
    def relay(self) -> str:
        """The address that sends."""

    async def is_deployed(self, address: str) -> bool:
        """Say whether there is a contract at an address."""

    async def wallet_for(self, owner: str) -> str:
        """Return where an owner's deposit wallet is, or would be."""

    async def safe_of(self, owner: str) -> str | None:
        """Return an owner's Safe, or None."""

    async def owner_of(self, wallet: str) -> str | None:
        """Return whose a deposit wallet or Safe of the venue is, or None."""

    async def nonce_of(self, address: str) -> int:
        """Return the nonce of a wallet's or Safe's next action; 0 where there is no contract."""

    async def refusal_of(self, errand: Errand) -> str:
        """Say why an errand would fail now; empty: it would not."""

    async def send(self, errand: Errand) -> str:
        """Send an errand; return its transaction's hash."""

    async def wait(self, transaction: str) -> bool:
        """Wait for a transaction; return whether it succeeded."""


@dataclass(frozen=True)
class RelayContracts:
    """Where the contracts are that make wallets.

    Attributes:
        factory: of deposit wallets
        wallets: the service's register
    """

    factory: str
    wallets: str

    def create_wallet(self, owner: str) -> Errand:
        """Return what makes an owner's deposit wallet."""
        types, values = ["address[]", "bytes32[]"], [[owner], [address_word(owner)]]
        return Errand(self.factory, _call("deploy", types, values))

    def batch(self, batch: WalletBatch, signature: bytes) -> Errand:
        """Return what brings a batch to its wallet."""
        types, values = [f"{_BATCH}[]", "bytes[]"], [[batch.argument()], [signature]]
        return Errand(self.factory, _call("proxy", types, values))

    def create_safe(self, owner: str) -> Errand:
        """Return what makes an owner's Safe."""
        return Errand(self.wallets, _call("makeSafe", ["address"], [owner]))


def safe_errand(body: SafeBody) -> Errand:
    """Return what brings a transaction to its Safe."""
    more = body.signatureParams
    values = [
        body.to,
        int(body.value),
        to_bytes(body.data),
        int(more.operation),
        int(more.safeTxnGas),
        int(more.baseGas),
        int(more.gasPrice),
        more.gasToken,
        more.refundReceiver,
        to_bytes(body.signature),
    ]
    return Errand(body.proxyWallet, _call("execTransaction", _SAFE_TYPES, values))


class NodeRelayChain:
    """RelayChain by a node."""

    def __init__(self, node: VenueNode, operator: Operator, contracts: RelayContracts) -> None:
        self._node, self._operator, self._contracts = node, operator, contracts

    @property
    def relay(self) -> str:
        """The operator."""
        return self._operator.address

    async def is_deployed(self, address: str) -> bool:
        """Say whether there is a contract at an address."""
        return await self._node.has_code(address)

    async def wallet_for(self, owner: str) -> str:
        """Return where an owner's deposit wallet is, or would be."""
        data = _call("predictWalletAddress", ["bytes32"], [address_word(owner)])
        return _address(await self._node.call(self._contracts.factory, data)) or ""

    async def safe_of(self, owner: str) -> str | None:
        """Return an owner's Safe, or None."""
        data = _call("safeOf", ["address"], [owner])
        return _address(await self._node.call(self._contracts.wallets, data))

    async def owner_of(self, wallet: str) -> str | None:
        """Return whose a deposit wallet or Safe of the venue is, or None."""
        data = _call("ownerOf", ["address"], [wallet])
        return _address(await self._node.call(self._contracts.wallets, data))

    async def nonce_of(self, address: str) -> int:
        """Return the nonce of a wallet's or Safe's next action; 0 where there is no contract."""
        return int.from_bytes(await self._node.call(address, selector("nonce()")), "big")

    async def refusal_of(self, errand: Errand) -> str:
        """Say why an errand would fail now; empty: it would not."""
        try:
            await self._node.call(errand.to, errand.data, self.relay, GAS)
        except RpcError as error:
            return f"{error} {error.data}".strip()
        return ""

    async def send(self, errand: Errand) -> str:
        """Send an errand; return its transaction's hash."""
        return await self._operator.send(errand.to, errand.data, GAS)

    async def wait(self, transaction: str) -> bool:
        """Wait for a transaction; return whether it succeeded."""
        succeeded, _ = await self._node.wait(transaction)
        return succeeded


def _call(name: str, types: Sequence[str], values: Sequence[object]) -> bytes:
    return selector(f"{name}({','.join(types)})") + encode(types, values)


def _address(word: bytes) -> str | None:
    return to_checksum_address(word[-20:]) if any(word) else None
