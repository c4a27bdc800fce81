"""Each kind of account on a stage, with the same few words for what its owner does with it.

A kind says how money gets to where it trades and home again, and how it trades; what a trade must
bring is said by whoever calls.
"""

from typing import Any

from eth_account import Account
from eth_utils import keccak
from py_clob_client_v2.order_utils.model.order_data_v2 import OrderV2
from strongroom.audit.permissions import Difference
from strongroom.chain.artifacts import MAKERS, artifact, gnosis
from strongroom.signing.hashing import address_word

from tests.contracts.wallet_stage import CAP, CHAIN_ID, DELAY, SafeStage, WalletStage
from tests.property.audited import audit, found_at_last
from tests.property.evm import Contract, Evm
from tests.property.positions import PositionWorld
from tests.property.world import CENT, FOREVER, HOUR, UNIT, WAD
from tests.signing import BUY, SELL, key_of, struct

FEE = WAD // 50  # of the pool: 2 % of what a buyer invests
CLONE = 45  # bytes of a pool's code (EIP-1167); revm shows zeros behind it
RESERVES = 100_000 * UNIT  # of each outcome, in the pool


class Ordered(WalletStage):
    """Whoever trades by signed orders: what a WalletStage does, in the words of a life.

    Args:
        evm: its chain; a new one, if none is given
        binary: whether the market is one binary question, not an event of three
    """

    grade = 1
    salts = 100

    def __init__(self, evm: Evm | None = None, binary: bool = False) -> None:
        super().__init__(negative_risk=not binary, conditions=3, evm=evm)

    def _stock(self) -> None:
        for condition in self.conditions:
            half = (self.pusd.address, bytes(32), condition, [1, 2])
            self.adapter.splitPosition(*half, 50_000 * UNIT, sender=self.mm.address)

    def _salt(self) -> str:
        self.salts += 1
        return str(self.salts)

    def takes(self, index: int, size: int, limit: int, price: int) -> None:
        """Buy of the market maker, who asks less than the order's limit; cents."""
        token, salt = self.tokens[index], self._salt()
        ours = self.ours(self.order(size, limit, token=token, salt=salt))
        theirs = self.theirs(size, price, SELL, token=token, salt=salt)
        self.match(ours, theirs, size * limit // 100, size, condition=index // 2)

    def makes(self, index: int, size: int, price: int, side: int) -> None:
        """Trade with the market maker, who takes the account's resting order."""
        token, salt, cash = self.tokens[index], self._salt(), size * price // 100
        ours = self.ours(self.order(size, price, side, token=token, salt=salt))
        theirs = self.theirs(size, price, SELL if side == BUY else BUY, token=token, salt=salt)
        gives = (size, cash) if side == BUY else (cash, size)
        self.match(theirs, ours, *gives, condition=index // 2)

    def starts(self, assets: int) -> None:
        """Allocate, and bring the money to where it trades."""
        self.fund(assets)

    def goes_out(self, assets: int) -> None:
        """Move collateral from the account to where it trades."""
        self.by_keeper(self.account, "fund", assets)

    def marks(self, cents: dict[int, int]) -> None:
        """The reporter marks conditions, bid and ask two cents around."""
        self.world.wait(HOUR)
        marks = [(self.id, i, (at - 2) * CENT, (at + 2) * CENT) for i, at in cents.items()]
        self.vault.report(marks, keccak(text="evidence"), sender=self.who["reporter"])

    def pays(self, condition: int, yes: bool) -> None:
        """The oracle reports who has won."""
        question = self.question_id[:31] + bytes([condition])
        self.world.ledger.reportOutcome(question, yes, sender=self.who["events admin"])

    def has(self) -> tuple[int, list[int]]:
        """Return what account and wallet hold together: collateral, outcome tokens."""
        places = {self.account.address.lower(), self.wallet_address.lower()}
        cash = sum(int(self.pusd.balanceOf(place)) for place in places)
        held = [sum(int(self.ctf.balanceOf(p, each)) for p in places) for each in self.tokens]
        return cash, held

    def audited(self) -> list[Difference]:
        """Return where the books made from the vault's events part from its views."""
        return found_at_last(self.world, audit(self.world))

    def succeeds(self) -> None:
        """Another class opens the same question; from now on that market is the stage's."""
        self.open_market(self.add_class())

    def gives(self, place: str, assets: int) -> None:
        """Somebody sends collateral to the account's wallet, which trades no more."""
        self.pusd.transfer(place, assets, sender=self.who["maker"])


class Wallets(Ordered):
    """WalletAccount."""

    def comes_home(self) -> None:
        """By a batch of the relayer's while the account trades, by the delay after that."""
        if not self.account.halted():
            held = {i: self.held("wallet", i) for i in range(len(self.tokens))}
            held = {i: amount for i, amount in held.items() if amount}
            cash = self.cash("wallet")
            deadline = self.world.now + 600
            terms = (cash, list(held), list(held.values()), deadline)
            self.by_keeper(self.account, "admitReturn", *terms)
            self.carry(self.home(cash, held, deadline=deadline))
            return
        self.world.wait(DELAY + 1)
        self.account.withdraw(sender=self.who["mallory"])


class Safes(Ordered, SafeStage):
    """SafeAccount."""

    grade = 2

    def _know_wallet(self) -> None:
        self.take_key(f"key of the Safe of {self.account.address}")

    def comes_home(self) -> None:
        """At once."""
        self.account.withdraw(sender=self.who["guardian"])


class Own(Ordered):
    """PolymarketAccount: maker is the account itself."""

    def _implementation(self, tokens: tuple[Any, ...]) -> Contract:
        return self.evm.deploy(artifact("PolymarketAccount"), self.exchange.address, "2", *tokens)

    def _know_wallet(self) -> None:
        self.wallet_address = self.account.address

    def ours(self, order: OrderV2, **how: Any) -> tuple[Any, ...]:
        """Return the account's order, signed by the keeper."""
        return struct(order, self.signed_by_keeper(order, **how))

    def fund(self, assets: int = CAP) -> None:
        """Allocate."""
        self.by_keeper(self.vault, "allocate", self.id, assets)

    def goes_out(self, assets: int) -> None:
        """It trades where it lies."""

    def comes_home(self) -> None:
        """It is there."""


class Delegated(Ordered):
    """DelegatedAccount: a deposit wallet of a key of its own."""

    grade = 2

    def _implementation(self, tokens: tuple[Any, ...]) -> Contract:
        registry = self.evm.deploy(artifact("WalletRegistry"), self.pusd.address)
        return self.evm.deploy(artifact("DelegatedAccount"), registry.address, *tokens)

    def _know_wallet(self) -> None:
        self.key = key_of(f"key of the wallet of {self.account.address}")
        id_ = address_word(self.key.address)
        self.wallet_address = self.factory.predictWalletAddress(id_)
        self.wallet = self.evm.at(self.wallet_address, artifact("DepositWallet").abi)

    def ours(self, order: OrderV2, **how: Any) -> tuple[Any, ...]:
        """Return the wallet's order, signed by its key."""
        signature = Account.unsafe_sign_hash(self.nested(order), self.key.key).signature
        return struct(order, self.trailed(order, bytes(signature)))

    def fund(self, assets: int = CAP) -> None:
        """The key's wallet consents to the account; hand out the budget."""
        self.make_wallet(self.key.address, address_word(self.key.address))
        calls: list[tuple[Any, ...]] = []
        for spender in (self.exchange.address, self.account.address):
            calls.append((self.pusd, "approve", spender, FOREVER))
            calls.append((self.ctf, "setApprovalForAll", spender, True))
        batch = self.batch(*calls)
        digest = batch.digest(CHAIN_ID)
        self.carry(batch, bytes(Account.unsafe_sign_hash(digest, self.key.key).signature))
        self.by_keeper(self.account, "setWallet", self.wallet_address)
        self.by_keeper(self.vault, "allocate", self.id, assets)
        self.goes_out(assets)

    def goes_out(self, assets: int) -> None:
        """Hand collateral to the wallet, as far as that is budget."""
        room = self.vault.bookOf(self.id)[0] - self.account.outstanding()
        self.by_keeper(self.account, "forward", min(assets, room))

    def comes_home(self) -> None:
        """As far as the wallet lets the account: here it does."""
        guardian = self.who["guardian"]
        self.account.takeBack(FOREVER, sender=guardian)
        for index in range(len(self.tokens)):
            if self.held("wallet", index):
                self.account.takeBackTokens(index, self.held("wallet", index), sender=guardian)


class Pools(Own):
    """FpmmAccount: a pool of a market maker in place of an exchange."""

    def __init__(self, evm: Evm | None = None) -> None:
        super().__init__(evm, binary=True)

    def _implementation(self, tokens: tuple[Any, ...]) -> Contract:
        """The pools' code is that of any pool of the factory; pUSD is inside the tokens."""
        self.adapter = self.ctf
        makers = self.evm.deploy(gnosis(MAKERS, "FPMMDeterministicFactory"))
        maker = self.who["maker"]
        id_ = self.ctf.getConditionId(self.oracle, self.question_id, 2)
        self.pusd.approve(makers.address, RESERVES, sender=maker)
        terms = (0, self.ctf.address, self.pusd.address, [id_], FEE, RESERVES, [])
        made = makers.create2FixedProductMarketMaker(*terms, sender=maker)
        self.pool = self.evm.at(made, gnosis(MAKERS, "FixedProductMarketMaker").abi)
        code = keccak(self.evm.code(self.pool.address)[:CLONE])
        terms = (self.ctf.address, self.pusd.address, code)
        return self.evm.deploy(artifact("FpmmAccount"), *terms)

    def _stock(self) -> None:
        """The pool has what is needed."""

    def buys(self, outcome: int, assets: int, least: int) -> None:
        """Buy of the pool."""
        terms = (self.pool.address, outcome, assets, least, FOREVER)
        self.by_keeper(self.account, "buy", *terms)

    def sells(self, outcome: int, assets: int, most: int) -> None:
        """Sell to the pool."""
        terms = (self.pool.address, outcome, assets, most, FOREVER)
        self.by_keeper(self.account, "sell", *terms)

    def pays(self, condition: int, yes: bool) -> None:
        """The oracle reports three quarters for the winner."""
        payouts = [3, 1] if yes else [1, 3]
        self.ctf.reportPayouts(self.question_id, payouts, sender=self.who["oracle"])


class Positions(PositionWorld):
    """PositionAccount, on Protocol V2: an event of three questions."""

    grade = 1

    def __init__(self, evm: Evm | None = None) -> None:
        super().__init__(exit_fee_bps=0, evm=evm)
        self.question_id = self.event(3)
        self.open_market(self.event_class)
        conditions = [self.question_id[:29] + i.to_bytes(2, "big") for i in range(3)]
        self.trader("market maker", conditions, 50_000 * UNIT)
        self.salts = 100

    def open_market(self, class_id: int) -> None:
        """The keeper opens the event in a class."""
        self.market = self.open(self.question_id, 3, 0, class_id)
        self.id, self.account, self.tokens = (
            self.market.id,
            self.market.account,
            self.market.tokens,
        )
        self.wallet_address = self.account.address

    def starts(self, assets: int) -> None:
        """Allocate."""
        self.keep(self.vault, "allocate", self.id, assets)

    def goes_out(self, assets: int) -> None:
        """It trades where it lies."""

    def comes_home(self) -> None:
        """It is there."""

    def takes(self, index: int, size: int, limit: int, price: int) -> None:
        """Buy of the market maker, who asks less than the order's limit; cents."""
        self.salts += 1
        token, most, cash = self.tokens[index], size * limit // 100, size * price // 100
        ours = self.own_order(self.market, token, most, size, salt=str(self.salts))
        theirs = self.order_of("market maker", token, size, cash, SELL, salt=str(self.salts))
        self.match(ours, theirs, size, (most, size))

    def makes(self, index: int, size: int, price: int, side: int) -> None:
        """Trade with the market maker, who takes the account's resting order."""
        self.salts += 1
        token, cash, salt = self.tokens[index], size * price // 100, str(self.salts)
        ours_, theirs_ = ((cash, size), (size, cash))
        if side == SELL:
            ours_, theirs_ = theirs_, ours_
        ours = self.own_order(self.market, token, *ours_, side, salt=salt)
        other = SELL if side == BUY else BUY
        theirs = self.order_of("market maker", token, *theirs_, other, salt=salt)
        self.match(theirs, ours, ours_[0], theirs_)

    def marks(self, cents: dict[int, int]) -> None:
        """The reporter marks conditions, bid and ask two cents around."""
        self.world.wait(HOUR)
        marks = [(self.id, i, (at - 2) * CENT, (at + 2) * CENT) for i, at in cents.items()]
        self.vault.report(marks, keccak(text="evidence"), sender=self.who["reporter"])

    def pays(self, condition: int, yes: bool) -> None:
        """The resolver reports who has won."""
        self.resolve(self.question_id, 10**6 * yes, condition)

    def has(self) -> tuple[int, list[int]]:
        """Return what the account holds."""
        account = self.account.address
        return self.cash(account), [self.held(account, token) for token in self.tokens]

    def audited(self) -> list[Difference]:
        """Return where the books made from the vault's events part from its views."""
        return found_at_last(self.world, audit(self.world))

    def succeeds(self) -> None:
        """Another class opens the same event; from now on that market is the stage's."""
        self.open_market(self.add_class(self.events))

    def gives(self, place: str, assets: int) -> None:
        """Somebody sends collateral."""
        self.pusd.transfer(place, assets, sender=self.who["maker"])


KINDS = (Own, Wallets, Safes, Delegated, Pools, Positions)
