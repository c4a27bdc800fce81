"""What of the venue only some worlds have: its second protocol (VENUE d), and deposit wallets that
accounts own (VENUE a)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from strongroom.chain.artifacts import artifact
from strongroom.signing.deposit_wallet import WalletBatch, WalletCall
from strongroom.signing.hashing import address_word

from tests.property.evm import Contract

if TYPE_CHECKING:
    from tests.property.world import Market, World

FOREVER = 2**256 - 1
DELAY = 3_600  # seconds until a paused wallet is open
MAX_RETURNED = 8  # outcome tokens of one batch
GWEI = 10**9
MILLION = 10**6  # what a result's two numbers add up to


@dataclass(frozen=True)
class Protocol:
    """Protocol V2: its ledger, whose admin adds modules; resolver and bridge are people."""

    manager: Contract
    admin: str
    binary: Contract
    events: Contract
    router: Contract


def deploy_protocol(world: "World") -> Protocol:
    """Deploy it; its modules mint and burn the world's pUSD."""
    evm = world.evm
    manager = evm.deploy(world.contract("PositionManager"), world.pusd.address)
    admin = evm.deployer
    modules = [_module(world, kind, manager, admin) for kind in ("BinaryModule", "NegRiskModule")]
    router = evm.deploy(world.contract("Router"), manager.address)
    return Protocol(manager, admin, *modules, router)


def _module(world: "World", kind: str, manager: Contract, admin: str) -> Contract:
    module = world.evm.deploy(world.contract(kind), manager.address)
    owner = world.evm.deployer
    module.addResolver(world.who["resolver"], sender=owner)
    module.addBridge(world.who["bridge"], sender=owner)
    manager.addModule(module.address, sender=admin)
    world.pusd.addMinter(module.address, sender=world.pusd.owner())
    return module


@dataclass(frozen=True)
class Wallets:
    """The venue's wallets; the relayer is its factory's operator."""

    world: "World"
    factory: Contract
    beacon: Contract

    def make(self, market: "Market") -> None:
        """The relayer makes an account's wallet, the account adopts it, and the exchange may move
        what it holds."""
        world, account = self.world, market.account
        relayer, keeper = world.who["relayer"], world.who[market.kind.keeper]
        made = [account.address], [address_word(account.address)]
        self.factory.deploy(*made, sender=relayer)
        account.adopt(sender=world.who["mallory"])
        market.wallet = account.wallet()
        account.admitApprovals(world.now + DELAY, sender=keeper)
        self.carry(
            market,
            (world.pusd, "approve", world.exchange, FOREVER),
            (world.ctf, "setApprovalForAll", world.exchange, True),
        )

    def home(self, market: "Market", by: str) -> None:
        """Bring what a wallet holds to its account: at once if it is open, else by the relayer."""
        world, account = self.world, market.account
        if account.isOpen():
            account.withdraw(sender=world.who[by])
            return
        exchange, wallet, calls = world.exchange, market.wallet, list[tuple[Any, ...]]()
        if account.halted():
            calls.append((world.pusd, "approve", exchange, 0))
            calls.append((world.ctf, "setApprovalForAll", exchange, False))
        cash = world.pusd.balanceOf(wallet)
        if cash:
            calls.append((world.pusd, "transfer", account.address, cash))
        held = [world.ctf.balanceOf(wallet, token) for token in market.tokens]
        indexes = [index for index, amount in enumerate(held) if amount][:MAX_RETURNED]
        for index in indexes:
            moved = (wallet, account.address, market.tokens[index], held[index], b"")
            calls.append((world.ctf, "safeTransferFrom", *moved))
        amounts = [held[index] for index in indexes]
        account.admitReturn(cash, indexes, amounts, world.now + DELAY, sender=world.who[by])
        self.carry(market, *calls)

    def carry(self, market: "Market", *calls: tuple[Any, ...]) -> None:
        """The relayer carries in the batch that the account has just admitted."""
        world = self.world
        wallet = world.evm.at(market.wallet, artifact("DepositWallet").abi)
        inside = [WalletCall(to.address, 0, to.data(name, *given)) for to, name, *given in calls]
        batch = WalletBatch(market.wallet, wallet.nonce(), world.now + DELAY, inside)
        relayer = world.who["relayer"]
        world.evm.set_balance(relayer, 10**18)
        sent = ([batch.argument()], [bytes(65)])
        self.factory.proxy(*sent, sender=relayer, gas_price=GWEI)


def deploy_wallets(world: "World") -> Wallets:
    """Deploy them."""
    evm, venue = world.evm, world.who["venue"]
    code = evm.deploy(world.contract("DepositWallet"))
    beacon = evm.deploy(world.contract("DepositWalletBeacon"), venue, code.address)
    kind = world.contract("DepositWalletFactory")
    factory = evm.deploy(kind, venue, beacon.address, DELAY)
    factory.addOperator(world.who["relayer"], sender=venue)
    return Wallets(world, factory, beacon)
