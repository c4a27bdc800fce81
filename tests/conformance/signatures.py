"""Plays exchange_signatures.json: who may sign for whom, pre-approval and pauses, both exchanges.

Exchanges, deposit wallets and contracts that sign are deployed anew, so orders are signed anew;
wallets of types 1 and 2 are nobody's code, their addresses alone count.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from py_clob_client_v2.order_utils.model.order_data_v2 import OrderV2
from strongroom.chain.artifacts import TOKENS, gnosis
from strongroom.chain.ids import keccak, to_bytes
from strongroom.chain.wallet_addresses import POLYGON
from strongroom.signing.deposit_wallet import (
    WalletBatch,
    WalletCall,
    handover_digest,
    nested_digest,
    nested_signature,
    personal_digest,
)
from strongroom.signing.hashing import domain_separator, order_words
from strongroom.signing.order import ExchangeDomain, order_hash, order_tuple

from tests.conformance.chain import Chain, Wallets
from tests.conformance.protocol_v2 import Protocol
from tests.conformance.reading import Json
from tests.conformance.report import Case, Found, Player
from tests.conformance.signing import address_of, signed
from tests.property.evm import Contract

TYPE = (
    b"Order(uint256 salt,address maker,address signer,uint256 tokenId,uint256 makerAmount,"
    b"uint256 takerAmount,uint8 side,uint8 signatureType,uint256 timestamp,bytes32 metadata,"
    b"bytes32 builder)"
)
FIELDS = [
    "salt",
    "maker",
    "signer",
    "tokenId",
    "makerAmount",
    "takerAmount",
    "side",
    "signatureType",
    "timestamp",
    "metadata",
    "builder",
]
PREFIX = b"\x07"  # of what `cown` takes
DEADLINE = 2**40
GAS_PRICE = 10**9  # wei; at 0 other code of the real wallet runs (VENUE a4)


@dataclass(frozen=True)
class Place:
    """An exchange, where it stands, and who may do what there."""

    chain: Chain
    exchange: Contract
    version: str
    admin: str

    @property
    def domain(self) -> ExchangeDomain:
        return ExchangeDomain(self.exchange.address, self.version, self.chain.chain_id)


def place_v2(chain_id: int) -> Place:
    """Deploy exchange V2, for the venue's own factories of older wallets."""
    chain = Chain(chain_id=chain_id)
    usdc, ctf = chain.deploy("UsdcE"), chain.deploy(gnosis(TOKENS, "ConditionalTokens"))
    codes = map(to_bytes, (POLYGON.proxy_code_hash, POLYGON.safe_code_hash))
    wallets = Wallets(POLYGON.proxy, POLYGON.safe, *codes)
    tokens = (ctf.address, usdc.address, usdc.address)
    exchange = chain.exchange(*tokens, chain.evm.nobody, wallets)
    return Place(chain, exchange, "2", chain.evm.deployer)


def place_v3(chain_id: int) -> Place:
    """Deploy Exchange V3 with its protocol."""
    protocol = Protocol("0x" + "11" * 20, chain_id=chain_id)
    return Place(protocol.chain, protocol.exchange, "3", protocol.owners["ex"])


PLACES = {"v2": place_v2, "v3": place_v3}


class Signers:
    """The file's keys, deposit wallets A and B, and the contract that owns B."""

    def __init__(self, place: Place, keys: Json) -> None:
        self.place, self.keys, chain = place, keys, place.chain
        evm = chain.evm
        self.eoa = {name: address_of(secret) for name, secret in keys.items()}
        for address in (*self.eoa.values(), evm.nobody):
            evm.set_balance(address, 10**20)
        self.cown = chain.deploy("KeyedSigner", self.eoa["ck"], PREFIX)
        implementation = chain.deploy("DepositWallet")
        admin = evm.address("wallet admin")
        beacon = chain.deploy("DepositWalletBeacon", admin, implementation.address)
        self.factory = chain.deploy("DepositWalletFactory", admin, beacon.address, 3_600)
        self.factory.addOperator(self.eoa["op"], sender=admin)
        place.exchange.addOperator(self.eoa["op"], sender=place.admin)
        self.wallets: dict[str, Contract] = {}

    def wallet(self, name: str, owner: str) -> Contract:
        """Return the deposit wallet of a name; it is made when it is first asked for."""
        if name not in self.wallets:
            self.wallets[name] = self._wallet(len(self.wallets) + 1, self.address(owner))
        return self.wallets[name]

    def _wallet(self, number: int, owner: str) -> Contract:
        wallet_id = number.to_bytes(32, "big")
        self.factory.deploy([owner], [wallet_id], sender=self.eoa["op"])
        address = self.factory.predictWalletAddress(wallet_id)
        return self.place.chain.at(address, "DepositWallet")

    def address(self, name: str) -> str:
        """Return the address behind a name of the file: "own", "wallet A (owner own)" ..."""
        if name in self.eoa:
            return self.eoa[name]
        first, _, rest = name.partition(" ")
        if first == "wallet":  # A (owner own)
            name, _, owner = rest.removesuffix(")").partition(" (owner ")
            return self.wallet(name, owner).address
        if first == "cown":
            return self.cown.address
        owner = self.eoa[rest.removeprefix("wallet of ")]
        derived = {"type-1": POLYGON.proxy_wallet, "type-2": POLYGON.safe_wallet}
        return derived[first](owner)

    def sign(self, order: OrderV2, form: str, by: str, domain: ExchangeDomain) -> bytes:
        """Sign an order in a form of the file, for an exchange."""
        if form.startswith("cown_"):
            by, prefix = "ck", PREFIX
            form = form.removeprefix("cown_")
        else:
            prefix = b""
        digest = order_hash(order, domain)
        if form == "personal":
            return prefix + signed(
                self.keys[by], personal_digest(order.maker, domain.chain_id, digest)
            )
        if form == "tds":
            exchange = (domain.version, domain.chain_id, domain.address)
            separator = domain_separator("Polymarket CTF Exchange", *exchange)
            contents = keccak(order_words(order, keccak(TYPE)))
            nested = nested_digest(order.maker, domain.chain_id, separator, contents, TYPE)
            inner = prefix + signed(self.keys[by], nested)
            return nested_signature(inner, separator, contents, TYPE)
        return prefix + signed(self.keys[by], digest, form)

    def hand_over(self) -> None:
        """The owner of A hands it over to the key `pend`, who completes it."""
        wallet, new = self.wallet("A", "own"), self.eoa["pend"]
        data = wallet.data("transferOwnership", new, DEADLINE)
        call = WalletCall(wallet.address, 0, data)
        batch = WalletBatch(wallet.address, int(wallet.nonce()), DEADLINE, [call])
        by_owner = signed(self.keys["own"], batch.digest(self.place.domain.chain_id))
        self.factory.proxy([batch.argument()], [by_owner], sender=self.eoa["op"])
        digest = handover_digest(
            wallet.address, self.place.domain.chain_id, new, int(wallet.pendingOwnerNonce())
        )
        signature = signed(self.keys["pend"], digest)
        wallet.completeOwnershipHandover(signature, sender=self.place.chain.evm.nobody)


class Sequence:
    """Steps on one order: of wallet A, or of the EOA `own`."""

    def __init__(self, signers: Signers, title: str) -> None:
        self.signers, self.place = signers, signers.place
        of_wallet = "signer" in title
        kind, form = (3, "tds") if of_wallet else (0, "plain")
        maker = signers.address("wallet A (owner own)" if of_wallet else "own")
        zero = "0x" + "00" * 32
        numbers = (1, maker, maker, 123456789, 40_000_000, 100_000_000, 0, kind, 1)
        self.order = OrderV2(**dict(zip(FIELDS, (*numbers, zero, zero), strict=True)))
        self.good = signers.sign(self.order, form, "own", self.place.domain)
        self.bad = signers.sign(self.order, form, "thief", self.place.domain)

    def run(self, step: str) -> None:
        """Do what a step says.

        Raises:
            Reverted: it was refused.
            ValueError: the step is none that this player knows.
        """
        exchange, eoa = self.place.exchange, self.signers.eoa
        words = step.split()
        if words[0] == "wait":
            self.place.chain.evm.wait(1, int(words[1]))
        elif words[0] == "validate":
            exchange.validateOrder(self._signed(step), gas_price=GAS_PRICE)
        elif words[0] == "preapprove":
            sender = eoa["thief" if "stranger" in words else "op"]
            exchange.preapproveOrder(self._signed(step), sender=sender, gas_price=GAS_PRICE)
        elif words[0] == "invalidate":
            digest = order_hash(self.order, self.place.domain)
            sender = eoa["thief" if "stranger" in words else "op"]
            exchange.invalidatePreapprovedOrder(digest, sender=sender)
        elif words[0] in ("pauseUser", "unpauseUser"):
            getattr(exchange, words[0])(sender=self.order.maker)
        elif step == "owner hands the wallet over":
            self.signers.hand_over()
        elif step in ("by stranger", "by admin"):
            exchange.pauseTrading(sender=self.place.admin if "admin" in words else eoa["thief"])
        elif step == "unpause":
            exchange.unpauseTrading(sender=self.place.admin)
        elif step == "match while paused":
            self._match()
        else:
            raise ValueError(f"unknown step of a sequence: {step!r}")

    def _signed(self, step: str) -> tuple[Any, ...]:
        signature = b"" if "empty" in step else self.bad if "bad" in step else self.good
        return (*order_tuple(self.order), signature)

    def _match(self) -> None:
        order, exchange, op = self._signed(""), self.place.exchange, self.signers.eoa["op"]
        if self.place.version == "2":
            exchange.matchOrders(bytes(32), order, [order], 1, [1], 0, [0], sender=op)
        else:
            exchange.matchOrders(order, [order], [1], [0], (1, 1, 0), sender=op)


def _cases(found: Json) -> Iterator[Case]:
    """The cases and sequences on both exchanges."""
    signers = {
        name: Signers(make(found["chainId"]), found["keys"]) for name, make in PLACES.items()
    }
    for recorded in found["signature_cases"]:
        signer, there = signers[recorded["exchange"]], found["exchanges"][recorded["exchange"]]
        yield f"case {recorded['id']}", partial(_case, signer, there, recorded)
    for recorded in found["sequences"]:
        signer = signers[recorded["exchange"]]
        title = f"{recorded['exchange']} {recorded['title']}"
        yield title, partial(_sequence, signer, recorded)


def _case(signers: Signers, there: str, recorded: Json) -> Found:
    place = signers.place
    fields = dict(zip(FIELDS, recorded["order"], strict=True))
    yield "signatureType", fields["signatureType"], recorded["signatureType"]
    names = {each: signers.address(recorded[each]) for each in ("maker", "signer")}
    order, form, by = OrderV2(**fields | names), recorded["form"], recorded["signed_by"]
    signature = signers.sign(order, form, by, place.domain)
    outcome = place.chain.outcome(
        lambda: place.exchange.validateOrder((*order_tuple(order), signature), gas_price=GAS_PRICE)
    )
    yield "result", recorded["result"], outcome
    domain = ExchangeDomain(there, place.version, place.domain.chain_id)
    order = OrderV2(**fields)
    yield "hash", recorded["hash"], "0x" + order_hash(order, domain).hex()
    yield "signature", recorded["signature"], "0x" + signers.sign(order, form, by, domain).hex()


def _sequence(signers: Signers, recorded: Json) -> Found:
    evm = signers.place.chain.evm
    point = evm.snapshot()
    sequence = Sequence(signers, recorded["title"])
    for number, (step, expected) in enumerate(recorded["steps"]):
        outcome = signers.place.chain.outcome(partial(sequence.run, step))
        yield f"step {number}: {step}", expected, outcome
    evm.revert(point)


PLAYER = Player(_cases, ("exchanges", "safe_master_copy", "proxy_and_safe_addresses_agree_in_both"))
