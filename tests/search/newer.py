"""Of the venue what only two scenes have: wallets that accounts own (VENUE a), and its second
protocol (VENUE d)."""

from dataclasses import dataclass
from typing import Any

from eth_abi import encode
from eth_utils import keccak

from tests.search.machine import Machine, address, selector, words

DELAY = 3_600  # seconds until a paused wallet is open
LONGEST_DELAY = 7 * 86_400
FOREVER = 2**256 - 1
PROXY = "proxy((address,uint256,uint256,(address,uint256,bytes)[])[],bytes[])"
_PROXY_TYPES = ["(address,uint256,uint256,(address,uint256,bytes)[])[]", "bytes[]"]
RELAYER, ADMIN = address("relayer"), address("venue's admin")
Call = tuple[str, bytes]  # target, data


@dataclass(frozen=True)
class Wallets:
    """The venue's deposit wallets, for accounts whose exchange is `purse`."""

    machine: Machine
    pusd: str
    ctf: str
    purse: str
    factory: str
    beacon: str

    def make(self, account: str, keeper: str) -> str:
        """The relayer makes an account's wallet, which lets the exchange move what it holds."""
        m = self.machine
        id_ = bytes(12) + bytes.fromhex(account[2:])
        made = (64, 128, 1, account, 1, id_)
        m.call(RELAYER, self.factory, "deploy(address[],bytes32[])", *made)
        m.call(RELAYER, account, "adopt()")
        m.call(keeper, account, "admitApprovals(uint256)", m.time + DELAY)
        wallet = self.of(account)
        self._carry(
            wallet,
            (self.pusd, selector("approve(address,uint256)") + words((self.purse, FOREVER))),
            (self.ctf, selector("setApprovalForAll(address,bool)") + words((self.purse, 1))),
        )
        return wallet

    def of(self, account: str) -> str:
        """Return an account's wallet."""
        return "0x" + self.machine.read(account, "wallet()").to_bytes(20, "big").hex()

    def home(self, account: str, keeper: str, assets: int) -> None:
        """The keeper lets the relayer bring collateral of the wallet home."""
        m = self.machine
        until = m.time + DELAY
        terms = (assets, 128, 160, until, 0, 0)
        m.call(keeper, account, "admitReturn(uint256,uint256[],uint256[],uint256)", *terms)
        calls: list[Call] = []
        if m.read(account, "halted()"):
            calls.append((self.pusd, selector("approve(address,uint256)") + words((self.purse, 0))))
            taken = selector("setApprovalForAll(address,bool)") + words((self.purse, 0))
            calls.append((self.ctf, taken))
        calls.append((self.pusd, selector("transfer(address,uint256)") + words((account, assets))))
        self._carry(self.of(account), *calls)

    def _carry(self, wallet: str, *calls: Call) -> None:
        m = self.machine
        inside = [(target, 0, data) for target, data in calls]
        batch = (wallet, m.read(wallet, "nonce()"), m.time + DELAY, inside)
        data = encode(_PROXY_TYPES, ([batch], [bytes(65)]))
        m.call(RELAYER, self.factory, PROXY, data, gas_price=1)  # VENUE a4: 0 is another branch


def deploy_wallets(m: Machine, pusd: str, ctf: str, purse: str) -> Wallets:
    """Deploy them."""
    m.enrich(RELAYER)
    beacon = m.deploy("DepositWalletBeacon", ADMIN, m.deploy("DepositWallet"))
    factory = m.deploy("DepositWalletFactory", ADMIN, beacon, DELAY)
    m.call(ADMIN, factory, "addOperator(address)", RELAYER)
    return Wallets(m, pusd, ctf, purse, factory, beacon)


@dataclass(frozen=True)
class Protocol:
    """Protocol V2, of binary questions."""

    machine: Machine
    manager: str
    module: str
    router: str

    def condition(self, name: bytes) -> bytes:
        """Return the condition that data of a word's length name, as 32 bytes."""
        data: tuple[Any, ...] = (32, len(name), name)
        found = self.machine.read(self.module, "getConditionId(bytes)", *data)
        return found.to_bytes(32, "big")

    def resolve(self, condition: bytes, yes: int) -> None:
        """The resolver says what YES gets, thousandths."""
        result = (condition, 64, 2, yes * 1_000, (1_000 - yes) * 1_000)
        self.machine.call(RELAYER, self.module, "reportResult(bytes31,uint256[])", *result)


def deploy_protocol(m: Machine, pusd: str, issuer: str) -> Protocol:
    """Deploy it; `issuer` owns pUSD."""
    manager = m.deploy("PositionManager", pusd)
    admin = m.deployer
    module = m.deploy("BinaryModule", manager)
    m.call(m.deployer, module, "addResolver(address)", RELAYER)
    m.call(admin, manager, "addModule(address)", module)
    m.call(issuer, pusd, "addMinter(address)", module)
    return Protocol(m, manager, module, m.deploy("Router", manager))


def name_of(kind: int, number: int) -> bytes:
    """Return what names a question."""
    return keccak(text=f"question {kind} {number}")
