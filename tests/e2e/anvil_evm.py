"""A running anvil in the bare EVM's place: the same worlds, on a chain that services read."""

from typing import Any

from eth_utils import to_checksum_address
from strongroom.chain.contracts import Contracts
from strongroom.chain.custom_errors import error_name
from strongroom.chain.jsonrpc import LATEST, Answer
from strongroom.chain.units import ETHER, GWEI
from strongroom.devnet.clock import DevnetClock

from tests.property.evm import Evm, Point, Reverted

GAS = 16_000_000  # of one transaction
GAS_PRICE = 100 * GWEI  # a wallet judges signatures another way where it is 0 (VENUE a4)
RICH = 1_000_000 * ETHER


class AnvilEvm(Evm):
    """A node's chain by the bare EVM's calls. Whoever sends is impersonated, and has gas money.

    Time goes on by itself, with this machine's; blocks of one second have the same time. There is
    no way back.

    Attributes:
        clock: the chain's time, for services
        gas_used: of the last transaction, as the chain counted it
    """

    def __init__(self, chain: Contracts) -> None:
        self.chain, self.clock = chain, DevnetClock(chain)
        self.nobody = self.deployer = self.address("nobody")
        self._deployments, self._known, self._gas_used = 0, set[str](), 0
        chain.request("anvil_autoImpersonateAccount", True)

    @property
    def time(self) -> int:
        """Of the newest block."""
        return self.chain.now()

    def wait(self, seconds: int, blocks: int = 0) -> None:
        """Let time pass, in a new block."""
        self.clock.sleep(seconds)

    def create(self, code: bytes) -> str:
        """Run creation code and return the new contract's address."""
        self._deployments += 1
        self.deployer = self.address(f"deployer {self._deployments}")
        receipt = self.chain.mined(self._send({"from": self.deployer, "data": "0x" + code.hex()}))
        return to_checksum_address(receipt.contract_address)

    def call(
        self,
        sender: str,
        to: str,
        data: bytes,
        *,
        static: bool = False,
        gas: int = GAS,
        gas_price: int = GAS_PRICE,
        value: int = 0,
    ) -> bytes:
        """Run one transaction (or a view).

        Raises:
            Reverted: with the contract's reason and the error's bytes.
        """
        call = {"from": sender, "to": to, "data": "0x" + data.hex(), "value": hex(value)}
        if static:
            return _returned(self.chain.ask([("eth_call", (call, LATEST))])[0])
        call |= {"gas": hex(gas), "gasPrice": hex(max(gas_price, GAS_PRICE))}
        self._know(sender)
        answer = _returned(self.chain.ask([("eth_call", (call, LATEST))])[0])
        self._gas_used = self.chain.mined(self._send(call)).gas_used
        return answer

    @property
    def gas_used(self) -> int:
        return self._gas_used

    def balance(self, address: str) -> int:
        """Return what an address has of native coin, wei."""
        return self.chain.balance(address)

    def set_balance(self, address: str, wei: int) -> None:
        """Give an address native coin: never less than it needs."""
        self._know(address)

    def code(self, address: str) -> bytes:
        """Return an address's code."""
        return self.chain.code(address)

    def set_code(self, address: str, code: bytes) -> None:
        """Give an address code, or take it away."""
        self.chain.request("anvil_setCode", address, "0x" + code.hex())

    def snapshot(self) -> Point:
        """There is no way back: services follow the chain."""
        raise NotImplementedError

    def revert(self, point: Point) -> None:
        """There is no way back."""
        raise NotImplementedError

    def _send(self, call: dict[str, str]) -> str:
        self._know(call["from"])
        terms = {"gas": hex(GAS), "gasPrice": hex(GAS_PRICE)} | call
        return str(self.chain.request("eth_sendTransaction", terms))

    def _know(self, address: str) -> None:
        if address not in self._known:
            self.chain.request("anvil_setBalance", address, hex(RICH))
            self._known.add(address)


def _returned(answer: Answer) -> bytes:
    """Return what a call returned.

    Raises:
        Reverted: it did.
    """
    if "error" not in answer:
        return bytes.fromhex(answer["result"][2:])
    error = answer["error"]
    data: Any = error.get("data")
    found = bytes.fromhex(data[2:]) if isinstance(data, str) and data.startswith("0x") else b""
    raise Reverted(error_name(found) if found else str(error.get("message")), found)
