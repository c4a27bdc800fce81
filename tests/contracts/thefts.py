"""Who steals how much of each kind of account that binds its keeper, and what is refused him.

Holders have 100,000 (of Protocol V2: 1,000,000), and 10,000 of it, the class's cap, lie where the
market trades. YES is worth 50 cents, in truth; the reporter marks it 48 to 52, so the band of the
vault, 5 cents, lets the account buy up to 57 and sell down to 43. Each thief first tries what must
be refused, and then takes what he can. `python -m scripts.dev.thefts` prints the table.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from math import isqrt
from typing import Any

from strongroom.chain.artifacts import MAKERS, gnosis
from strongroom.signing.deposit_wallet import WalletBatch, WalletCall, session_signature
from strongroom.signing.hashing import address_word
from strongroom.signing.keys import sign_hash

from tests.conformance.chain import refusal
from tests.contracts.account_kinds import Own, Pools, Positions, Safes, Wallets
from tests.contracts.wallet_stage import CAP, CHAIN_ID, DELAY
from tests.property.evm import Contract, Reverted
from tests.property.world import DAY, FOREVER, NOBODY, UNIT
from tests.signing import BUY, SELL, key_of

FEE_BPS = 500  # the exchanges' own cap
DEAREST, CHEAPEST = 57, 43  # cents, in the band around the marks
HONEST = 1_000 * UNIT  # tokens of one order that an honest keeper signs, at 50 cents
TURNS = 400  # at most, until nothing is left

Call = Callable[[], Any]
Attempt = tuple[str, Call]
KeepersCall = tuple[str, Contract, str, tuple[Any, ...]]


@dataclass(frozen=True)
class Theft:
    """What a thief did to an account of one kind.

    Attributes:
        thief: as in THIEVES
        lost: by the holders, at YES's true price
        refused: what he tried in vain, and the contracts' words
    """

    account: str
    thief: str
    lost: int
    how: str
    refused: tuple[tuple[str, str], ...]


class Robbed:
    """A kind of account whose market has the whole cap, and what each thief does to it.

    A thief's method returns how he takes what he takes.
    """

    name: str
    make: Any

    def __init__(self) -> None:
        self.kind = kind = self.make()
        self.evm, self.who, self.vault = kind.evm, kind.who, kind.vault
        self.thief = key_of("thief")
        self._prepare()
        kind.starts(CAP)
        kind.marks({0: 50})
        self.refused: list[tuple[str, str]] = []
        self._salts = 1_000
        self._had = self.worth()

    def _prepare(self) -> None:
        """Before the money is there."""

    def worth(self) -> int:
        """Return what holders have, YES of the first question at its true price."""
        return int(self.kind.worth())

    @property
    def lost(self) -> int:
        return self._had - self.worth()

    @property
    def place(self) -> str:
        """Where the money lies that trades."""
        return str(self.kind.wallet_address)

    def tries(self, attempts: Iterable[Attempt]) -> None:
        """Each attempt is refused, and moves nothing."""
        had = self.worth()
        for name, call in attempts:
            try:
                call()
            except Reverted as reverted:
                self.refused.append((name, refusal(reverted)))
                continue
            raise AssertionError(f"{self.name}: {name} passes")
        assert self.worth() == had

    # thieves

    def keeper(self) -> str:
        """Two of the keeper's owners."""
        self.tries_all()
        return self.churns()

    def key(self) -> str:
        """Who has a key that trades at the venue, or would be one."""
        return ""

    def relayer(self) -> str:
        """The relayer's operator."""
        return ""

    def venue(self) -> str:
        """The exchange's operator, with one order that an honest keeper has signed."""
        raise NotImplementedError

    def all(self) -> str:
        """All of them, and nobody halts."""
        return self.churns(FEE_BPS)

    def halted(self) -> str:
        """All of them; the guardian halts once they have one order."""
        raise NotImplementedError

    # what they do

    def churns(self, fee_bps: int = 0) -> str:
        """Trade with themselves until nothing is left."""
        raise NotImplementedError

    def tries_all(self) -> None:
        """The thief calls as the keeper what no keeper may."""
        kind, thief, vault = self.kind, self.thief.address, self.vault
        class_id, caps = kind.account.classId(), (2 * CAP, 10_000, 2 * CAP, 10_000)
        self.tries_as_keeper(
            ("more budget", vault, "allocate", (kind.id, UNIT)),
            ("a report", vault, "report", ([], bytes(32))),
            ("a higher cap", vault, "setClassCaps", (class_id, caps)),
            ("to recall to himself", kind.account, "recall", (UNIT,)),
            ("an exit in kind", kind.account, "payInKind", (thief, 1, 1)),
            ("a transfer", kind.pusd, "transferFrom", (self.place, thief, UNIT)),
            *self.more_calls(),
        )

    def tries_as_keeper(self, *calls: KeepersCall) -> None:
        """The keeper is a key of the thief's for a while: so the contracts say why not."""
        class_id = self.kind.account.classId()
        keeper, owner = self.vault.keeperOf(class_id), self.who["owner"]
        self.vault.setKeeper(class_id, self.thief.address, sender=owner)
        self.tries(
            (name, partial(getattr(contract, function), *given, sender=self.thief.address))
            for name, contract, function, given in calls
        )
        self.vault.setKeeper(class_id, keeper, sender=owner)

    def more_calls(self) -> tuple[KeepersCall, ...]:
        """Return what else a keeper of this kind may try."""
        return ()


class RobbedOrders(Robbed):
    """An account that trades by signed orders."""

    dear, cheap = DEAREST, CHEAPEST  # cents at which it can be made to buy, and to sell
    way = "buys dear of himself and sells cheap, inside the band"

    def ours(self, size: int, cents: int, side: int = BUY, **how: Any) -> tuple[Any, ...]:
        """Return an order of the account's."""
        return self.kind.ours(self.kind.order(size, cents, side, salt=self.salt()), **how)

    def theirs(self, size: int, cents: int, side: int) -> tuple[Any, ...]:
        """Return an order of the thief's own."""
        return self.kind.theirs(size, cents, side, salt=self.salt())

    def salt(self) -> str:
        self._salts += 1
        return str(self._salts)

    def meets(
        self, ours: tuple[Any, ...], size: int, cents: int, side: int = BUY, fee: int = 0
    ) -> None:
        """The operator matches the account's order, as taker, with the thief's at a price."""
        cash = size * cents // 100
        fills = (cash, size) if side == BUY else (size, cash)
        self.kind.match(ours, self.theirs(size, cents, SELL if side == BUY else BUY), *fills, fee)

    def match_of(self, order: tuple[Any, ...], *terms: int) -> Call:
        """Return a match to try."""
        return lambda: self.meets(order, *terms)

    def keeper(self) -> str:
        self.tries_all()
        dearer, cheaper = self.dear + 1, self.cheap - 1
        self.tries(
            (
                ("a dearer order", self.match_of(self.ours(UNIT, dearer), UNIT, dearer)),
                (
                    "a cheaper order",
                    self.match_of(self.ours(UNIT, cheaper, SELL), UNIT, cheaper, SELL),
                ),
                ("an order for longer", self.match_of(self.ours(UNIT, 50, lifetime=301), UNIT, 50)),
            )
        )
        return self.churns()

    def key(self) -> str:
        self.tries(self._signs_for_it())
        return ""

    def _signs_for_it(self) -> Iterator[Attempt]:
        """A key that is nobody's signs, by itself and as a session key does."""
        ours = self.ours(UNIT, 50)
        digest = bytes(self.kind.exchange.hashOrder((*ours[:-1], b"")))
        signed = sign_hash(self.thief, digest)
        yield "an order", self.match_of((*ours[:-1], signed), UNIT, 50)
        envelope = session_signature(self.thief.address, signed)
        yield "an order by a session key", self.match_of((*ours[:-1], envelope), UNIT, 50)

    def venue(self) -> str:
        honest, fee = self.ours(HONEST, 50), HONEST * 50 // 100 * FEE_BPS // 10_000
        salt, maker, taking = 0, 1, 5  # fields of an order
        for name, field, other in (
            ("an order that nobody signed", salt, honest[salt] + 1),
            ("an order for less", taking, honest[taking] - UNIT),
            ("another's order", maker, self.kind.account.vault()),
        ):
            forged = (*honest[:field], other, *honest[field + 1 :])
            self.tries([(name, self.match_of(forged, HONEST, 50))])
        self.tries(
            (
                ("no signature", self.match_of((*honest[:-1], b""), HONEST, 50)),
                ("a worse price", self.match_of(honest, HONEST, 51)),
                ("a higher fee", self.match_of(honest, HONEST, 50, BUY, fee + 1)),
            )
        )
        self.meets(honest, HONEST, 50, BUY, fee)
        self.tries([("a second fill", self.match_of(honest, HONEST, 50))])
        return "charges 5 % on an honest order of 500"

    def halted(self) -> str:
        late = self.ours(HONEST, self.dear)
        approved = (*late[:-1], b"")
        self.kind.exchange.preapproveOrder(late, sender=self.operator)
        self.kind.account.halt(sender=self.who["guardian"])
        self.tries([("the order", self.match_of(late, HONEST, self.dear))])
        return self._after_the_halt(approved)

    def _after_the_halt(self, approved: tuple[Any, ...]) -> str:
        self.tries([("pre-approved", self.match_of(approved, HONEST, self.dear))])
        return ""

    @property
    def operator(self) -> str:
        """The exchange's."""
        return str(self.kind.operator)

    def churns(self, fee_bps: int = 0) -> str:
        for _ in range(TURNS):
            cash = int(self.kind.pusd.balanceOf(self.place))
            size = cash * 1_000_000 // (self.dear * (10_000 + fee_bps)) // UNIT * UNIT
            if size < UNIT:
                break
            for cents, side in ((self.dear, BUY), (self.cheap, SELL)):
                fee = size * cents // 100 * fee_bps // 10_000
                self.meets(self.ours(size, cents, side), size, cents, side, fee)
        return self.way


class RobbedOwn(RobbedOrders):
    """Its money lies in the account."""

    name, make = "PolymarketAccount", Own


class RobbedWallets(RobbedOrders):
    """Its money lies in a wallet of the venue, which batches and session keys could move."""

    name, make = "WalletAccount", Wallets

    def more_calls(self) -> tuple[KeepersCall, ...]:
        wallet, thief = self.kind.wallet, self.thief.address
        return (
            ("the wallet's pause", wallet, "pause", ()),
            ("a withdrawal", wallet, "withdrawERC20", (self.kind.pusd.address, thief, UNIT)),
            ("the end of a pause", self.kind.account, "unpauseWallet", ()),
        )

    def key(self) -> str:
        thief, owner, account = self.thief, self.kind.owners[0], self.kind.account.address
        self.tries(self._signs_for_it())
        self.tries(
            self._batches(
                lambda digest: (
                    session_signature(thief.address, sign_hash(thief, digest)),
                    session_signature(account, bytes(65)),
                    session_signature(owner.address, sign_hash(owner, digest)),
                )
            )
        )
        return ""

    def relayer(self) -> str:
        """The keeper has admitted an honest batch, and others were carried before."""
        kind, now = self.kind, self.kind.world.now
        kind.by_keeper(kind.account, "admitReturn", 1, [], [], now + DAY)
        self.tries(
            self._batches(
                lambda digest: (b"", bytes(65), bytes(447), sign_hash(self.thief, digest))
            )
        )
        old = replace(kind.approvals(), nonce=0)
        made = ([self.thief.address], [address_word(kind.account.address)])
        deploy, relayer = kind.factory.deploy, self.who["relayer"]
        self.tries(
            (
                ("an old batch", lambda: kind.carry(old)),
                ("the wallet again, his", lambda: deploy(*made, sender=relayer)),
            )
        )
        return ""

    def _batches(self, signatures: Callable[[bytes], tuple[bytes, ...]]) -> Iterator[Attempt]:
        """Batches that would take what the wallet holds, or open a way to."""
        kind, thief, to_anyone = self.kind, self.thief.address, [WalletCall(NOBODY, 0, b"")]
        wallet, pusd, ctf, vault = kind.wallet, kind.pusd, kind.ctf, kind.vault
        moved = (wallet.address, thief, kind.yes, 1, b"")
        for name, batch in {
            "a batch (transfer)": kind.batch((pusd, "transfer", thief, CAP)),
            "a batch (allowance)": kind.batch((pusd, "approve", thief, FOREVER)),
            "a batch (approval)": kind.batch((ctf, "setApprovalForAll", thief, True)),
            "a batch (tokens)": kind.batch((ctf, "safeTransferFrom", *moved)),
            "a batch (session key)": kind.batch((wallet, "authorizeSessionSigner", thief, FOREVER)),
            "a batch (handover)": kind.batch((wallet, "transferOwnership", thief, FOREVER)),
            "a batch (deposit)": kind.batch((vault, "requestDeposit", CAP, thief, wallet.address)),
            "a batch (pauseUser)": kind.batch((kind.exchange, "pauseUser")),
            "a batch (any call)": WalletBatch(wallet.address, wallet.nonce(), FOREVER, to_anyone),
        }.items():
            for signature in signatures(batch.digest(CHAIN_ID)):
                yield name, lambda b=batch, s=signature: kind.carry(b, s)

    def _after_the_halt(self, approved: tuple[Any, ...]) -> str:
        """Its allowance goes after the venue's delay; what was approved lives as long."""
        fee = HONEST * self.dear // 100 * FEE_BPS // 10_000
        self.meets(approved, HONEST, self.dear, BUY, fee)
        self.kind.world.wait(DELAY + 1)
        self.kind.account.withdraw(sender=self.who["mallory"])
        return "fills one order for 570 that was pre-approved, until the wallet's delay is over"


class RobbedSafes(RobbedOrders):
    """A key signs its orders, and no price of them is enforced."""

    name, make = "SafeAccount", Safes
    dear, cheap = 99, 1
    way = "buys at 0.99 of himself and sells at 0.01"

    def more_calls(self) -> tuple[KeepersCall, ...]:
        return (("another key", self.kind.account, "adopt", (self.thief.address, bytes(65))),)

    def keeper(self) -> str:
        """He brings all home, closes, and opens again with a key of his own."""
        self.tries_all()
        kind, class_id = self.kind, self.kind.account.classId()
        kind.by_keeper(kind.account, "withdraw")
        kind.by_keeper(kind.vault, "recall", kind.id, kind.cash("account"))
        kind.by_keeper(kind.vault, "closeMarket", kind.id)
        kind.open_market(class_id)
        kind.starts(CAP)
        return f"opens the market anew with a key of his own, then {self.churns()}"

    def key(self) -> str:
        """He has the very key that the Safe was made for."""
        kind, thief = self.kind, self.thief.address
        self.tries(
            (
                ("a transfer", lambda: self._execute(kind.pusd, "transfer", thief, CAP)),
                ("an allowance", lambda: self._execute(kind.pusd, "approve", thief, FOREVER)),
                ("a module", lambda: self._execute(kind.wallet, "enableModule", thief)),
                (
                    "an owner more",
                    lambda: self._execute(kind.wallet, "addOwnerWithThreshold", thief, 1),
                ),
            )
        )
        return self.churns()

    def relayer(self) -> str:
        self.tries(
            (
                f"a transfer, {words}",
                lambda s=signature: self._execute(
                    self.kind.pusd, "transfer", self.thief.address, CAP, signature=s
                ),
            )
            for words, signature in (
                ("signed by nobody", bytes(65)),
                ("signed by him", sign_hash(self.thief, bytes(32))),
            )
        )
        return ""

    def _execute(
        self, contract: Contract, function: str, *arguments: Any, signature: bytes = b""
    ) -> None:
        kind, nonce = self.kind, self.kind.wallet.nonce()
        signed = signature or kind.by_key(contract, function, *arguments, nonce=nonce)
        call = (contract.address, 0, contract.data(function, *arguments), 0, 0, 0, 0)
        parts = (*call, NOBODY, NOBODY, signed)
        kind.wallet.execTransaction(*parts, sender=self.thief.address)


class RobbedPositions(RobbedOrders):
    """Of Protocol V2; what the ledger's owner could do is no thief's of this table."""

    name, make = "PositionAccount", Positions

    def _prepare(self) -> None:
        kind = self.kind
        kind.open_market(kind.add_class(kind.events, class_cap=CAP))

    def worth(self) -> int:
        kind = self.kind
        places = (kind.vault.address, kind.account.address)
        tokens = sum(kind.held(each, token) for each in places for token in kind.tokens[:2])
        return sum(kind.cash(each) for each in places) + tokens * 50 // 100

    def ours(self, size: int, cents: int, side: int = BUY, **how: Any) -> tuple[Any, ...]:
        token, given = self.kind.tokens[0], _amounts(size, cents, side)
        market = self.kind.market
        return self.kind.own_order(market, token, *given, side, salt=self.salt(), **how)

    def theirs(self, size: int, cents: int, side: int) -> tuple[Any, ...]:
        token, given = self.kind.tokens[0], _amounts(size, cents, side)
        return self.kind.order_of("market maker", token, *given, side, salt=self.salt())

    def meets(
        self, ours: tuple[Any, ...], size: int, cents: int, side: int = BUY, fee: int = 0
    ) -> None:
        other = SELL if side == BUY else BUY
        gives = _amounts(size, cents, other)[0]
        theirs = self.theirs(size, cents, other)
        self.kind.match(ours, theirs, gives, _amounts(size, cents, side), (0, fee))

    @property
    def operator(self) -> str:
        return str(self.who["operator"])


class RobbedPools(Robbed):
    """It trades with a pool, whose price whoever has money moves."""

    name, make = "FpmmAccount", Pools
    size = 500 * UNIT  # of a buy

    def _prepare(self) -> None:
        kind, thief = self.kind, self.thief.address
        kind.pusd.transfer(thief, 10**8 * UNIT, sender=self.who["maker"])
        kind.pusd.approve(kind.pool.address, FOREVER, sender=thief)

    def more_calls(self) -> tuple[KeepersCall, ...]:
        """The pool's price is out of the band by then."""
        kind, foreign = self.kind, self.evm.deploy(gnosis(MAKERS, "FixedProductMarketMaker"))
        self.moves_to(60)
        return (
            ("a dearer buy", kind.account, "buy", (kind.pool.address, 0, UNIT, 0, FOREVER)),
            ("a pool of his", kind.account, "buy", (foreign.address, 0, UNIT, 0, FOREVER)),
        )

    def key(self) -> str:
        """No key trades there: he calls himself."""
        account, pool, thief = self.kind.account, self.kind.pool.address, self.thief.address
        self.tries(
            (f"to {name}", partial(getattr(account, name), pool, 0, UNIT, 0, FOREVER, sender=thief))
            for name in ("buy", "sell")
        )
        return ""

    def venue(self) -> str:
        """An honest keeper buys for 500 and wants 940 tokens at least; the pool's owner is in
        front."""
        pool, least = self.kind.pool, 940 * UNIT
        cents = 50
        while pool.calcBuyAmount(self.size, 0) >= least:
            point, cents = self.evm.snapshot(), cents + 1
            self.moves_to(cents)
        self.evm.revert(point)
        self.trade("buy", self.size, least)
        return "moves the price in front of an honest buy for 500 that wants 940 tokens"

    def halted(self) -> str:
        terms = (self.kind.pool.address, 0, UNIT, 0, FOREVER)
        self.kind.account.halt(sender=self.who["guardian"])
        self.tries_as_keeper(("a buy", self.kind.account, "buy", terms))
        return ""

    def churns(self, fee_bps: int = 0) -> str:
        """The pool's fee of 2 % is in its price; there is no other."""
        kind = self.kind
        for _ in range(TURNS):
            cash = int(kind.pusd.balanceOf(kind.account.address))
            if cash < UNIT:
                break
            self.moves_to(55)
            self.trade("buy", min(cash, self.size), 0)
            self.moves_to(45)
            tokens = int(kind.ctf.balanceOf(kind.account.address, kind.yes))
            self.trade("sell", self._brings(tokens), tokens)
        return "moves the pool's price, has it buy dear and sell cheap, inside the band"

    def trade(self, function: str, assets: int, limit: int) -> None:
        """The keeper trades YES."""
        terms = (self.kind.pool.address, 0, assets, limit, FOREVER)
        self.kind.by_keeper(self.kind.account, function, *terms)

    def _brings(self, tokens: int) -> int:
        """Return the assets that the pool pays for tokens."""
        least, most = 0, tokens
        while least < most:
            middle = (least + most + 1) // 2
            fits = self.kind.pool.calcSellAmount(middle, 0) <= tokens
            least, most = (middle, most) if fits else (least, middle - 1)
        return least

    def moves_to(self, cents: int) -> None:
        """Move YES to a price, by buying what is too cheap there."""
        pool, ctf = self.kind.pool, self.kind.ctf
        yes, no = (int(ctf.balanceOf(pool.address, token)) for token in self.kind.tokens)
        # YES is worth no / (yes + no), and a buy leaves yes * no as it was
        for outcome, there, odds in ((0, no, (cents, 100 - cents)), (1, yes, (100 - cents, cents))):
            net = isqrt(yes * no * odds[0] // odds[1]) - there
            if net > UNIT:
                pool.buy(net * 50 // 49, outcome, 0, sender=self.thief.address)


def _amounts(size: int, cents: int, side: int) -> tuple[int, int]:
    """Return what an order gives and takes."""
    cash = size * cents // 100
    return (cash, size) if side == BUY else (size, cash)


ROBBED = (RobbedOwn, RobbedWallets, RobbedPositions, RobbedPools, RobbedSafes)
THIEVES = {
    "keeper": "two of the keeper's owners",
    "key": "a session or trading key",
    "relayer": "the relayer's operator",
    "venue": "the operator of exchange or pool",
    "all": "all of them",
    "halted": "all of them, and a halt",
}


def thefts() -> list[Theft]:
    """Return what each thief does to each kind of account."""
    found = []
    for kind in ROBBED:
        for thief in THIEVES:
            robbed = kind()
            how = getattr(robbed, thief)()
            found.append(Theft(kind.name, thief, robbed.lost, how, tuple(robbed.refused)))
    return found
