"""The chain as the service uses it: signatures, balances, and the operator's settlements."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from eth_abi.abi import encode
from eth_account import Account
from eth_typing import Hash32
from eth_utils.abi import function_signature_to_4byte_selector as selector
from eth_utils.address import to_checksum_address

from strongroom.chain.position_ids import is_position
from strongroom.chain.units import MAX_UINT256
from strongroom.devnet.clob.node import Operator, RpcError, VenueNode

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
_MATCH_V3_TYPES = [
    _ORDER,
    f"{_ORDER}[]",
    "uint256[]",
    "uint256[]",
    "(uint256,uint256,uint256)",
]
_MATCH_V3 = selector(f"matchOrders({','.join(_MATCH_V3_TYPES)})")
_BALANCE = selector("balanceOf(address)")
_ALLOWANCE = selector("allowance(address,address)")
_TOKEN_BALANCE = selector("balanceOf(address,uint256)")
_TOKEN_APPROVAL = selector("isApprovedForAll(address,address)")
_EIP1271 = bytes.fromhex("1626ba7e")
GAS_PER_ORDER = 750_000  # a mint of negative risk through both adapters, and a contract maker
CHECK_GAS = 5_000_000  # of a contract maker's answer
STARVED_GAS = 90_000  # enough to start a settlement and to revert: what the fault switch sends


# an order as the exchange takes it (orders.OrderStruct), and its signature
SignedStruct = tuple[int, str, str, int, int, int, int, int, int, bytes, bytes, bytes]


@dataclass(frozen=True)
class ContractAddresses:
    """Where the contracts are that the service asks."""

    pusd: str
    ctf: str
    wallets: str
    position_manager: str  # of Protocol V2


@dataclass(frozen=True)
class Settlement:
    """One call of `matchOrders`.

    Attributes:
        protocol: v1: exchange V2; v2: exchange V3, which is told what the taker receives (VENUE d4)
    """

    protocol: Literal["v1", "v2"]
    exchange: str
    condition_id: str
    taker: SignedStruct
    makers: Sequence[SignedStruct]
    taker_fill: int
    maker_fills: Sequence[int]
    taker_fee: int

    def call_data(self) -> bytes:
        """Return the call, ABI-encoded."""
        fees = [0] * len(self.makers)
        if self.protocol == "v2":
            amounts = (self.taker_fill, self.taker_receives(), self.taker_fee)
            values = [self.taker, self.makers, self.maker_fills, fees, amounts]
            return _MATCH_V3 + encode(_MATCH_V3_TYPES, values)
        return _MATCH + encode(
            _MATCH_TYPES,
            [
                bytes.fromhex(self.condition_id[2:]),
                self.taker,
                self.makers,
                self.taker_fill,
                self.maker_fills,
                self.taker_fee,
                fees,
            ],
        )

    def taker_receives(self) -> int:
        """Return what the taker gets before his fee: tokens of a BUY, pUSD of a SELL."""
        buys, received = _terms(self.taker)[2], 0
        for maker, making in zip(self.makers, self.maker_fills, strict=True):
            gives, wants, maker_buys = _terms(maker)
            taking = making * wants // gives  # down, as the exchange reckons
            if buys:
                received += taking if maker_buys else making
            else:  # a seller's tokens are merged with the taker's: he gets the rest of a dollar
                received += making if maker_buys else making - taking
        return received


class VenueChain:
    """What the service reads of the chain, and the operator's settlements."""

    def __init__(self, node: VenueNode, operator: Operator, contracts: ContractAddresses) -> None:
        self.node = node
        self._operator = operator
        self._contracts = contracts

    @property
    def pusd(self) -> str:
        """The collateral."""
        return self._contracts.pusd

    async def is_signed_by_contract(self, maker: str, digest: bytes, signature: bytes) -> bool:
        """Ask a contract maker (EIP-1271); one that reverts or has no code has not signed."""
        data = selector("isValidSignature(bytes32,bytes)") + encode(
            ["bytes32", "bytes"], [digest, signature]
        )
        try:
            answer = await self.node.call(maker, data, self._operator.address, CHECK_GAS)
            return answer[:4] == _EIP1271
        except RpcError:
            return False

    async def is_contract(self, address: str) -> bool:
        """Say whether there is code at an address."""
        return await self.node.has_code(address)

    async def wallet_owner(self, wallet: str) -> str | None:
        """Return the EOA behind a deposit wallet or Safe of the venue, or None."""
        return await self._ask_wallets("ownerOf(address)", wallet)

    async def is_safe_owner(self, safe: str, address: str) -> bool:
        """Say whether a Safe names an address among its owners now."""
        data = selector("isOwner(address)") + encode(["address"], [address])
        return any(await self.node.call(safe, data))

    async def first_owner(self, wallet: str) -> str | None:
        """Return the owner that a deposit wallet was made for, whoever has it now; None: it is no
        deposit wallet of the venue."""
        if await self.wallet_owner(wallet) is None:
            return None
        try:
            word = await self.node.call(wallet, selector("id()"))
        except RpcError:
            return None
        return to_checksum_address(word[-20:])

    async def wallet_of(self, owner: str, safe: bool) -> str | None:
        """Return an EOA's Safe or deposit wallet at the venue, or None."""
        return await self._ask_wallets("safeOf(address)" if safe else "walletOf(address)", owner)

    async def _ask_wallets(self, question: str, address: str) -> str | None:
        data = selector(question) + encode(["address"], [address])
        answer = await self.node.call(self._contracts.wallets, data)
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
                calls.append((self._contracts.pusd, _BALANCE + encode(["address"], [owner])))
                calls.append((self._contracts.pusd, _ALLOWANCE + both))
            else:
                which = encode(["address", "uint256"], [owner, int(asset)])
                ledger = self._ledger(int(asset))
                calls.append((ledger, _TOKEN_BALANCE + which))
                calls.append((ledger, _TOKEN_APPROVAL + both))
        answers = await self.node.call_all(calls)
        found = []
        for (_, asset, _), balance, allowed in zip(asked, answers[::2], answers[1::2], strict=True):
            unit = 1 if asset == "" else MAX_UINT256
            found.append((int.from_bytes(balance, "big"), unit * int.from_bytes(allowed, "big")))
        return found

    def _ledger(self, token: int) -> str:
        """Return the contract that knows a token's balances."""
        where = self._contracts
        return where.position_manager if is_position(token) else where.ctf

    async def allowances(self, owner: str, asked: Sequence[tuple[str, str, bool]]) -> list[int]:
        """Return what an owner lets others move: of ERC-20 tokens an amount, of others 1 or 0.

        Args:
            asked: token, spender, whether it is an ERC-20 token
        """
        calls = [
            (
                token,
                (_ALLOWANCE if erc20 else _TOKEN_APPROVAL)
                + encode(["address"] * 2, [owner, spender]),
            )
            for token, spender, erc20 in asked
        ]
        return [int.from_bytes(answer, "big") for answer in await self.node.call_all(calls)]

    async def send(self, settlement: Settlement, starved: bool = False) -> str:
        """Send a settlement as the operator; return its transaction hash.

        Raises:
            RpcError: the node refused it.
        """
        gas = STARVED_GAS if starved else GAS_PER_ORDER * (1 + len(settlement.makers))
        return await self._operator.send(settlement.exchange, settlement.call_data(), gas)


def _terms(order: SignedStruct) -> tuple[int, int, bool]:
    """Return an order's maker amount, taker amount, and whether it buys."""
    return order[4], order[5], order[6] == 0


def signer_of(digest: bytes, signature: bytes) -> str | None:
    """Return the EOA that signed a digest, or None for bytes that are no signature."""
    if len(signature) != 65:
        return None
    try:
        return str(Account._recover_hash(Hash32(digest), signature=signature))
    except Exception:  # eth-keys raises several kinds for values off the curve
        return None
