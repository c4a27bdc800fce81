"""A vault's world whose venue is Protocol V2: stand-ins true to VENUE d, accounts, traders."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eth_keys.datatypes import PrivateKey
from eth_utils import keccak
from strongroom.chain.position_ids import PositionCondition, condition_of_event, position_of
from strongroom.signing.hashing import keeper_order_digest
from strongroom.signing.keys import envelope

from tests.property.evm import Contract
from tests.property.newer_venue import deploy_protocol
from tests.property.stage import WIDE, K, Stage
from tests.property.world import BPS, DAY, FOREVER, NO, YES
from tests.signing import BUY, POLY_1271, make_order, struct

CHAIN_ID = 1
NOBODY = "0x" + "00" * 20
SAFE_SIGNATURE = 65  # bytes


def address_of(name: str) -> str:
    """Return the address of a trader's key."""
    return PrivateKey(keccak(text=name)).public_key.to_checksum_address()


def signed(name: str, digest: bytes) -> bytes:
    """Sign a digest with a trader's key."""
    signature = PrivateKey(keccak(text=name)).sign_msg_hash(digest)
    return signature.to_bytes()[:64] + bytes([signature.v + 27])


@dataclass
class PositionMarket:
    """A market that the vault opened on Protocol V2."""

    id: bytes
    account: Contract
    class_id: int
    tokens: list[int]

    def token(self, condition: int, outcome: int) -> int:
        return self.tokens[2 * condition + outcome]


class PositionWorld:
    """Holders, a vault, the protocol, and classes of binary questions and of events.

    The classes' keeper is a contract that signs by one key and calls what it is told.
    Alice and Bob have 500,000 each in the vault.
    """

    def __init__(self, **limits: Any) -> None:
        terms = WIDE | {"marks_required": 0} | limits
        self.stage = Stage(kinds=(), **terms)
        self.world = self.stage.world
        self.evm, self.who, self.vault = self.world.evm, self.world.who, self.world.vault
        self.pusd = self.world.pusd
        self._deploy_protocol()
        kind = self.world.contract("PositionAccount")
        implementation = (self.exchange.address, self.manager.address)
        self.implementation = self.evm.deploy(kind, *implementation)
        self.keeper = self.evm.deploy(
            self.world.contract("KeyedSigner"), address_of("keeper's key"), b""
        )
        self.binary_class = self.add_class(self.binary)
        self.event_class = self.add_class(self.events)
        self._questions = 0

    def _deploy_protocol(self) -> None:
        protocol = deploy_protocol(self.world)
        self.manager, self.admin = protocol.manager, protocol.admin
        self.binary, self.events, self.router = protocol.binary, protocol.events, protocol.router
        self.exchange = self.evm.deploy(
            self.world.contract("ExchangeV3"),
            *(self.manager.address, NOBODY, self.who["fees"], 500),
            *(NOBODY, NOBODY, bytes(32), bytes(32)),
        )
        self.exchange_admin = self.evm.deployer
        self.exchange.addOperator(self.who["operator"], sender=self.exchange_admin)

    def add_class(self, module: Contract, class_cap: int = 2**96 - 1) -> int:
        """The owner approves a class whose questions a module resolves."""
        caps = (2**96 - 1, BPS, class_cap, BPS)
        terms = (self.implementation.address, module.address, self.keeper.address, 1)
        owner = self.who["owner"]
        return int(self.vault.addClass((*terms, *caps, 400 * DAY), sender=owner))

    # the keeper, as the contract that he is

    def keep(self, to: Contract, function: str, *arguments: Any) -> None:
        """The keeper calls."""
        data = to.data(function, *arguments)
        self.keeper.forward(to.address, data, sender=self.evm.nobody)

    def question(self) -> bytes:
        """Return a binary question that nobody has used yet, as a vault takes it."""
        self._questions += 1
        return bytes(self.binary.getConditionId(b"question %d" % self._questions)) + b"\0"

    def event(self, arity: int) -> bytes:
        """Return an event of so many questions, likewise."""
        self._questions += 1
        return bytes(self.events.getEventId(arity, b"event %d" % self._questions)) + b"\0\0\0"

    def open(
        self, question: bytes, count: int = 1, cash: int = 10 * K, class_id: int = -1
    ) -> PositionMarket:
        """The keeper opens a market and allocates to it."""
        if class_id < 0:
            class_id = self.binary_class if question[0] == 1 else self.event_class
        terms = (class_id, question, count, self.world.now + 300 * DAY)
        self.keep(self.vault, "openMarket", *terms)
        id = self.vault.marketId(class_id, question)
        account = self.evm.at(self.vault.accountOf(id), self.world.contract("PositionAccount").abi)
        market = PositionMarket(id, account, class_id, list(account.tokenIds()))
        if cash:
            self.keep(self.vault, "allocate", id, cash)
        return market

    # traders

    def trader(self, name: str, conditions: Sequence[bytes] = (), cash: int = 10 * K) -> str:
        """Return a trader by his key, with cash, as much of both outcomes of each condition, and
        all approvals."""
        address = address_of(name)
        self.who[name] = address
        self.world.fund(name, cash * (1 + len(conditions)))
        for spender in (self.exchange, self.router):
            self.pusd.approve(spender.address, FOREVER, sender=address)
            self.manager.setApprovalForAll(spender.address, True, sender=address)
        for condition in conditions:
            self.router.split(condition[:31], cash, sender=address)
        return address

    def order_of(
        self, name: str, token: int, making: int, taking: int, side: int = BUY, **fields: Any
    ) -> tuple[Any, ...]:
        """Return a trader's signed order; `fields` instead of the usual ones."""
        terms = {"signatureType": 0} | fields
        order = make_order(address_of(name), token, making, taking, side, **terms)
        digest = self.exchange.hashOrder(struct(order))
        return struct(order, signed(name, digest))

    def own_order(
        self,
        market: PositionMarket,
        token: int,
        making: int,
        taking: int,
        side: int = BUY,
        **how: Any,
    ) -> tuple[Any, ...]:
        """Return an account's order, signed by the keeper.

        Args:
            how: key, lifetime, epoch, maker, or fields of the order instead of the right ones
        """
        key, lifetime = how.pop("key", "keeper's key"), how.pop("lifetime", 300)
        epoch = how.pop("epoch", market.account.epoch())
        fields = {"signatureType": POLY_1271} | how
        maker = fields.pop("maker", market.account.address)
        order = make_order(maker, token, making, taking, side, **fields)
        digest = bytes(self.exchange.hashOrder(struct(order)))
        expiry = self.world.now + lifetime
        word = keeper_order_digest(market.account.address, CHAIN_ID, digest, expiry, epoch)
        return struct(order, envelope(order, expiry, signed(key, word)))

    def match(
        self,
        taker: tuple[Any, ...],
        maker: tuple[Any, ...],
        fill: int,
        takes: tuple[int, int],
        fees: tuple[int, int] = (0, 0),
    ) -> None:
        """The operator matches two orders.

        Args:
            fill: what the maker gives
            takes: what the taker gives at most, and what he receives
            fees: the maker's and the taker's
        """
        amounts = (*takes, fees[1])
        arguments = (taker, [maker], [fill], [fees[0]], amounts)
        self.exchange.matchOrders(*arguments, sender=self.who["operator"])

    def admits(self, market: PositionMarket, order: tuple[Any, ...]) -> bool:
        """Whether the account says yes to an order of its own."""
        digest = self.exchange.hashOrder((*order[:-1], b""))
        return bool(market.account.isValidSignature(digest, order[-1])[:1] == b"\x16")

    # results, gifts, what is there

    def resolve(self, question: bytes, yes: int, condition: int = 0) -> None:
        """The resolver reports what YES gets of a million."""
        module = self.binary if question[0] == 1 else self.events
        id = question[:29] + condition.to_bytes(2, "big")
        module.reportResult(id, [yes, 10**6 - yes], sender=self.who["resolver"])

    def held(self, holder: str, token: int) -> int:
        return int(self.manager.balanceOf(holder, token))

    def cash(self, holder: str) -> int:
        return int(self.pusd.balanceOf(holder))


def tokens_of_event(question: bytes, count: int) -> list[int]:
    """Return YES and NO of an event's first questions, by the agent's arithmetic."""
    found = []
    for index in range(count):
        condition: PositionCondition = condition_of_event("0x" + question[:29].hex(), index)  # type: ignore[arg-type]
        found += [position_of(condition, outcome) for outcome in (YES, NO)]  # type: ignore[arg-type]
    return found
