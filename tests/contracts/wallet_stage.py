"""A vault with one market whose account owns a wallet of the venue, on a bare EVM.

Everything that could steal is real: the vault, a Safe of two in three owners as keeper, the
exchange, wallet, beacon and factory of the devnet (which give the recorded outcomes of the venue's
own, tests/conformance). People act by name.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from eth_account import Account
from eth_utils import keccak
from py_clob_client_v2.order_utils.model.order_data_v2 import OrderV2
from strongroom.chain.artifacts import artifact, safe
from strongroom.signing.deposit_wallet import (
    WalletBatch,
    WalletCall,
    nested_digest,
    nested_signature,
)
from strongroom.signing.hashing import (
    ORDER_TYPE,
    address_word,
    exchange_domain,
    exchange_order_hash,
    order_struct_hash,
)
from strongroom.signing.hashing import safe_transaction_hash as transaction_hash
from strongroom.signing.keys import sign_as_owners

from tests.conformance.chain import refusal
from tests.property.evm import Contract, Evm, Reverted
from tests.property.world import CENT, DAY, DEPOSIT, FOREVER, HOUR, NOBODY, UNIT, World
from tests.signing import BUY, EOA, POLY_SAFE, SELL, keeper_envelope, key_of, make_order, struct

CHAIN_ID = 1  # of the bare EVM
DELAY = HOUR  # of a paused wallet
CAP = 10_000 * UNIT  # of the class, and of its market
DEPOSITS = {"alice": 60_000 * UNIT, "bob": 40_000 * UNIT}
GWEI = 10**9


def refused(call: Callable[[], Any]) -> str:
    """Return the refusal of a call."""
    with pytest.raises(Reverted) as found:
        call()
    return refusal(found.value)


class WalletStage:
    """Two holders, one market at 50 cents, its wallet funded with the whole cap.

    Attributes:
        account: the market's
        wallet: the account's
        yes, no: the market's tokens

    Args:
        conditions: of an event (negative risk)
        evm: its chain; a new one, if none is given
        limits: of the vault, beside those of `World`
    """

    def __init__(
        self,
        negative_risk: bool = False,
        conditions: int = 3,
        evm: Evm | None = None,
        **limits: int,
    ) -> None:
        terms = {"exit_fee_bps": 0} | limits
        self.world = world = World(fees=(0, 0, 0), kinds=(), evm=evm, **terms)
        self.evm, self.who, self.vault = world.evm, world.who, world.vault
        self.pusd, self.ctf = world.pusd, world.ctf
        self._deploy_venue(negative_risk)
        self._deploy_keeper()
        self._ask(conditions if negative_risk else 0)
        parts = (self.ctf.address, self.pusd.address, self.inside.address, self.adapter.address)
        self.implementation = self._implementation((*parts, negative_risk))
        class_id = self.add_class()
        for who, assets in DEPOSITS.items():
            world.request(DEPOSIT, who, assets)
        for _ in range(2):
            world.settle()
            world.wait(HOUR)
        world.claim_all(*DEPOSITS)
        self.open_market(class_id)
        self._stock()

    # setting up

    def _deploy_venue(self, negative_risk: bool) -> None:
        evm, world = self.evm, self.world
        adapter = world.events if negative_risk else world.adapter
        self.inside = world.wrapped if negative_risk else world.usdc
        self.singleton, self.proxies = (evm.deploy(safe(name)) for name in ("Safe", "ProxyFactory"))
        self.handler = evm.deploy(safe("CompatibilityFallbackHandler"))
        implementation = evm.deploy(artifact("DepositWallet"))
        self.beacon = evm.deploy(
            artifact("DepositWalletBeacon"), self.who["venue"], implementation.address
        )
        self.factory = evm.deploy(
            artifact("DepositWalletFactory"), self.who["venue"], self.beacon.address, DELAY
        )
        self.factory.addOperator(self.who["relayer"], sender=self.who["venue"])
        parts = (self.factory, self.singleton, self.proxies, self.handler)
        self.wallets = evm.deploy(artifact("Wallets"), *(each.address for each in parts))
        tokens = (self.ctf.address, self.inside.address, self.pusd.address, adapter.address)
        kinds = (NOBODY, self.wallets.address, bytes(32), self.wallets.SAFE_CODE_HASH())
        self.exchange = evm.deploy(artifact("Exchange"), *tokens, *kinds, "2")
        self.operator = evm.deployer
        self.mm = key_of("market maker")
        self.pusd.transfer(self.mm.address, 10**6 * UNIT, sender=self.who["maker"])
        for spender in (self.exchange, adapter):
            self.pusd.approve(spender.address, FOREVER, sender=self.mm.address)
            self.ctf.setApprovalForAll(spender.address, True, sender=self.mm.address)
        self.adapter = adapter

    def _deploy_keeper(self) -> None:
        evm = self.evm
        self.owners = [key_of(f"keeper's owner {number}") for number in range(3)]
        people = [each.address for each in self.owners]
        handler = self.handler.address
        setup = self.singleton.data("setup", people, 2, NOBODY, b"", handler, NOBODY, 0, NOBODY)
        terms = (self.singleton.address, setup, 0)
        made = self.proxies.createProxyWithNonce(*terms, sender=self.who["mallory"])
        self.safe = evm.at(made, safe("Safe").abi)

    def _implementation(self, tokens: tuple[Any, ...]) -> Contract:
        wallets = (self.factory.address, self.beacon.address)
        parts = (self.exchange.address, "2", *wallets, *tokens)
        return self.evm.deploy(artifact("WalletAccount"), *parts)

    def _ask(self, conditions: int) -> None:
        """Prepare the question: binary, or an event of so many conditions."""
        question = keccak(text="will it")
        if conditions:
            question = question[:31] + b"\0"
            terms = (question, 0, conditions)
            self.oracle = self.world.ledger.address
            self.world.ledger.prepareRecordedMarket(*terms, sender=self.who["events admin"])
        else:
            self.oracle = self.who["oracle"]
            self.ctf.prepareCondition(self.oracle, question, 2, sender=self.oracle)
        self.question_id, self._count = question, conditions or 1

    def add_class(self) -> int:
        """The owner approves a class of these accounts."""
        caps = (CAP, 10_000, CAP, 10_000)
        grade = self.implementation.grade()
        terms = (self.implementation.address, self.oracle, self.safe.address, grade)
        return int(self.vault.addClass((*terms, *caps, 400 * DAY), sender=self.who["owner"]))

    def open_market(self, class_id: int) -> None:
        """The keeper opens the question in a class; from now on that market is the stage's."""
        deadline = self.world.now + 300 * DAY
        terms = (class_id, self.question_id, self._count, deadline)
        self.by_keeper(self.vault, "openMarket", *terms)
        self.id = self.vault.openMarkets()[-1]
        address = self.vault.accountOf(self.id)
        self.account = self.evm.at(address, self.implementation.abis[0])
        self.tokens = list(self.account.tokenIds())
        self.yes, self.no = self.tokens[:2]
        self.conditions = list(self.account.conditions())
        self._know_wallet()

    def _stock(self) -> None:
        """Give the market maker tokens of the first condition."""
        half = (self.pusd.address, bytes(32), self.conditions[0], [1, 2])
        self.adapter.splitPosition(*half, 100_000 * UNIT, sender=self.mm.address)

    def _know_wallet(self) -> None:
        self.wallet_address = self.account.wallet()
        self.wallet = self.evm.at(self.wallet_address, artifact("DepositWallet").abi)

    def make_wallet(self, owner: str = "", id_: bytes = b"") -> None:
        """The relayer makes the account's wallet, or one of `owner` under the account's id."""
        address = self.account.address
        made = ([owner or address], [id_ or address_word(address)])
        self.factory.deploy(*made, sender=self.who["relayer"])

    def fund(self, assets: int = CAP) -> None:
        """Adopt the wallet, give the exchange its approvals, move the budget there."""
        self.make_wallet()
        self.account.adopt(sender=self.who["mallory"])
        self.by_keeper(self.vault, "allocate", self.id, assets)
        deadline = self.world.now + 600
        self.by_keeper(self.account, "admitApprovals", deadline)
        self.carry(self.approvals(deadline))
        self.by_keeper(self.account, "fund", assets)
        self.report()

    # who acts

    def by_keeper(self, contract: Contract, function: str, *arguments: Any) -> None:
        """Two of the keeper's owners sign a call of the Safe's."""
        data, nonce = contract.data(function, *arguments), self.safe.nonce()
        digest = transaction_hash(self.safe.address, CHAIN_ID, contract.address, data, 0, nonce)
        signature = sign_as_owners(self.owners[:2], digest)
        call = (contract.address, 0, data, 0, 0, 0, 0, NOBODY, NOBODY, signature)
        self.safe.execTransaction(*call, sender=self.who["mallory"])

    def report(self, bid: int = 48, ask: int = 52) -> None:
        """The reporter marks the first condition, cents."""
        self.world.wait(HOUR)
        marks = [(self.id, 0, bid * CENT, ask * CENT)]
        self.vault.report(marks, keccak(text="evidence"), sender=self.who["reporter"])

    def carry(self, batch: WalletBatch, signature: bytes = bytes(65), by: str = "relayer") -> None:
        """The relayer carries a batch in."""
        self.evm.set_balance(self.who[by], 10**18)
        sent = ([batch.argument()], [signature])
        self.factory.proxy(*sent, sender=self.who[by], gas_price=GWEI)

    def pauses(self) -> None:
        """The guardian pauses the wallet, and the delay passes."""
        self.account.pauseWallet(sender=self.who["guardian"])
        self.world.wait(DELAY + 1)

    # batches

    def batch(self, *calls: tuple[Contract, str, Any], deadline: int = 0) -> WalletBatch:
        """Return a batch of the wallet's: (contract, function, arguments) each.

        Args:
            deadline: which its digest names, so that of one the account has admitted is admitted
                with it; 0: ten minutes from now
        """
        inside = [
            WalletCall(contract.address, 0, contract.data(name, *arguments))
            for contract, name, *arguments in calls
        ]
        nonce = self.wallet.nonce()
        return WalletBatch(self.wallet_address, nonce, deadline or self.world.now + 600, inside)

    def approvals(self, deadline: int = 0) -> WalletBatch:
        """Return what `admitApprovals` admits."""
        exchange = self.exchange.address
        return self.batch(
            (self.pusd, "approve", exchange, FOREVER),
            (self.ctf, "setApprovalForAll", exchange, True),
            deadline=deadline,
        )

    def home(
        self, assets: int, tokens: dict[int, int], revoke: bool = False, deadline: int = 0
    ) -> WalletBatch:
        """Return what `admitReturn` admits: `tokens` are index -> amount."""
        exchange, account = self.exchange.address, self.account.address
        calls: list[tuple[Any, ...]] = []
        if revoke:
            calls.append((self.pusd, "approve", exchange, 0))
            calls.append((self.ctf, "setApprovalForAll", exchange, False))
        if assets:
            calls.append((self.pusd, "transfer", account, assets))
        for index, amount in tokens.items():
            moved = (self.wallet_address, account, self.tokens[index], amount, b"")
            calls.append((self.ctf, "safeTransferFrom", *moved))
        return self.batch(*calls, deadline=deadline)

    # orders

    @property
    def domain(self) -> bytes:
        """The exchange's EIP-712 domain."""
        return exchange_domain(self.exchange.address, "2", CHAIN_ID)

    def order(
        self, size: int, cents: int, side: int = BUY, token: int = 0, **fields: Any
    ) -> OrderV2:
        """Return an order of the wallet's for `size` tokens."""
        cash = size * cents // 100
        making, taking = (cash, size) if side == BUY else (size, cash)
        return make_order(self.wallet_address, token or self.yes, making, taking, side, **fields)

    def signed_by_keeper(self, order: OrderV2, lifetime: int = 300, **how: Any) -> bytes:
        """Return what the keeper's Safe signs of an order: what the account reads."""
        hash_ = self.hash(order)
        terms = {"owners": self.owners[:2], "epoch": self.account.epoch()} | how
        expiry = self.world.now + lifetime
        return keeper_envelope(
            *(order, hash_, self.account.address, self.safe.address),
            terms["owners"],
            expiry,
            terms["epoch"],
            CHAIN_ID,
        )

    def hash(self, order: OrderV2) -> bytes:
        """Return an order's hash, as the exchange has it."""
        return exchange_order_hash(order, self.exchange.address, "2", CHAIN_ID)

    def contents(self, order: OrderV2) -> bytes:
        """Return an order's struct hash."""
        return order_struct_hash(order)

    def nested(self, order: OrderV2) -> bytes:
        """Return what the wallet asks the account about an order."""
        wallet, contents = self.wallet_address, self.contents(order)
        return nested_digest(wallet, CHAIN_ID, self.domain, contents, ORDER_TYPE)

    def trailed(self, order: OrderV2, inner: bytes) -> bytes:
        """Return a signature as the wallet reads it."""
        return nested_signature(inner, self.domain, self.contents(order), ORDER_TYPE)

    def ours(self, order: OrderV2, **how: Any) -> tuple[Any, ...]:
        """Return an order of the wallet's as the exchange takes it."""
        return struct(order, self.trailed(order, self.signed_by_keeper(order, **how)))

    def theirs(
        self, size: int, cents: int, side: int, token: int = 0, salt: str = "7"
    ) -> tuple[Any, ...]:
        """Return the market maker's order as the exchange takes it."""
        cash = size * cents // 100
        making, taking = (cash, size) if side == BUY else (size, cash)
        order = make_order(
            *(self.mm.address, token or self.yes, making, taking, side),
            signatureType=EOA,
            salt=salt,
        )
        hash_ = self.hash(order)
        return struct(order, bytes(Account.unsafe_sign_hash(hash_, self.mm.key).signature))

    def match(
        self,
        taker: tuple[Any, ...],
        maker: tuple[Any, ...],
        fill: int,
        other: int,
        fee: int = 0,
        condition: int = 0,
    ) -> None:
        """The exchange's operator matches two orders of a condition; fills are in their maker
        units, the fee is the taker's."""
        self.evm.set_balance(self.operator, 10**18)
        call = (self.conditions[condition], taker, [maker], fill, [other], fee, [0])
        self.exchange.matchOrders(*call, sender=self.operator, gas_price=GWEI)

    def buy(self, size: int, cents: int = 50) -> None:
        """The wallet buys YES of the market maker."""
        cash = size * cents // 100
        order = self.ours(self.order(size, cents, salt=str(self.evm.time)))
        self.match(order, self.theirs(size, cents, SELL), cash, size)

    # what is there

    def worth(self, cents: int = 50) -> int:
        """Return what holders have in vault, account and wallet, YES at its true price."""
        places = {
            each.lower() for each in (self.vault.address, self.account.address, self.wallet_address)
        }
        cash = sum(int(self.pusd.balanceOf(each)) for each in places)
        yes = sum(int(self.ctf.balanceOf(each, self.yes)) for each in places)
        no = sum(int(self.ctf.balanceOf(each, self.no)) for each in places)
        return cash + (yes * cents + no * (100 - cents)) // 100

    def cash(self, holder: str) -> int:
        """Return somebody's collateral: "account", "wallet", or a person."""
        return int(self.pusd.balanceOf(self._address(holder)))

    def held(self, holder: str, index: int = 0) -> int:
        """Return somebody's outcome tokens."""
        return int(self.ctf.balanceOf(self._address(holder), self.tokens[index]))

    def _address(self, holder: str) -> str:
        places = {"account": self.account.address, "wallet": self.wallet_address}
        return places.get(holder) or self.who[holder]


class SafeStage(WalletStage):
    """The same with a Safe of the older kind, and the key that it was made for."""

    def _implementation(self, tokens: tuple[Any, ...]) -> Contract:
        wallets = (self.wallets.address, self.wallets.SAFE_CODE_HASH())
        parts = (self.exchange.address, *wallets, *tokens)
        return self.evm.deploy(artifact("SafeAccount"), *parts)

    def _know_wallet(self) -> None:
        self.take_key("key of the Safe")

    def take_key(self, name: str) -> None:
        """From now on it is another key, and its Safe."""
        self.key = key_of(name)
        self.wallet_address = self.account.safeOf(self.key.address)
        self.wallet = self.evm.at(self.wallet_address, safe("Safe").abi)

    def make_safe(self) -> None:
        """The venue makes the key's Safe."""
        self.wallets.makeSafe(self.key.address, sender=self.who["venue"])

    def by_key(self, contract: Contract, function: str, *arguments: Any, nonce: int = 0) -> bytes:
        """Return the key's signature of a transaction of its Safe."""
        data = contract.data(function, *arguments)
        terms = (self.wallet_address, CHAIN_ID, contract.address, data, 0, nonce)
        return sign_as_owners([self.key], transaction_hash(*terms))

    def hand_over(self, to: str = "", nonce: int = 0) -> bytes:
        """Return the key's signature by which the Safe is the account's."""
        call = (self.key.address, to or self.account.address)
        code, data = self.implementation.address, self.account.data("handOver", *call)
        terms = (self.wallet_address, CHAIN_ID, code, data, 1, nonce)  # a delegatecall
        return sign_as_owners([self.key], transaction_hash(*terms))

    def fund(self, assets: int = CAP) -> None:
        """Adopt the Safe, give the exchange its approvals, move the budget there."""
        self.make_safe()
        self.by_keeper(self.account, "adopt", self.key.address, self.hand_over())
        self.by_keeper(self.vault, "allocate", self.id, assets)
        self.by_keeper(self.account, "approveExchange")
        self.by_keeper(self.account, "fund", assets)
        self.report()

    def ours(self, order: OrderV2, **how: Any) -> tuple[Any, ...]:
        """Return an order of the Safe's as the exchange takes it, signed by its key."""
        made = replace(order, signer=self.key.address, signatureType=POLY_SAFE)
        hash_ = self.hash(made)
        return struct(made, bytes(Account.unsafe_sign_hash(hash_, self.key.key).signature))


@cache
def _made(kind: type[WalletStage], funded: bool) -> WalletStage:
    stage = kind()
    if funded:
        stage.fund()
    return stage


@contextmanager
def undone(kind: type[WalletStage], funded: bool = True) -> Iterator[WalletStage]:
    """Lend a stage, and undo what is done on it. Code that is put somewhere stays: whoever does
    that takes a stage of his own.

    Args:
        funded: its wallet has the whole cap; else it is not there
    """
    stage = _made(kind, funded)
    point = stage.world.snapshot()
    yield stage
    stage.world.restore(point)
