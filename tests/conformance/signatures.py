"""Plays exchange_signatures.json: who may sign for whom, pre-approval and pauses, both exchanges.

Exchanges, deposit wallets and contracts that sign are deployed anew, so orders are signed anew;
wallets of types 1 and 2 are nobody's code, their addresses alone count.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
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
from tests.conformance.matches import Json, read
from tests.conformance.protocol_v2 import Protocol
from tests.conformance.report import Difference
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
        return ExchangeDomain(self.exchange.address, self.version, 137)


def place_v2() -> Place:
    """Deploy exchange V2, for the venue's own factories of older wallets."""
    chain = Chain()
    usdc, ctf = chain.deploy("UsdcE"), chain.deploy(gnosis(TOKENS, "ConditionalTokens"))
    codes = map(to_bytes, (POLYGON.proxy_code_hash, POLYGON.safe_code_hash))
    wallets = Wallets(POLYGON.proxy, POLYGON.safe, *codes)
    tokens = (ctf.address, usdc.address, usdc.address)
    exchange = chain.exchange(*tokens, chain.evm.nobody, wallets)
    return Place(chain, exchange, "2", chain.evm.deployer)


def place_v3() -> Place:
    """Deploy Exchange V3 with its protocol."""
    protocol = Protocol("0x" + "11" * 20)
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
        self.wallets = {
            name: self._wallet(number, owner)
            for number, (name, owner) in enumerate(
                (("A", self.eoa["own"]), ("B", self.cown.address)), start=1
            )
        }

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
        if first == "wallet":
            return self.wallets[rest[0]].address
        if first == "cown":
            return self.cown.address
        owner = self.eoa[rest.removeprefix("wallet of ")]
        derived = {"type-1": POLYGON.proxy_wallet, "type-2": POLYGON.safe_wallet}
        return derived[first](owner)

    def sign(self, order: OrderV2, form: str, by: str) -> bytes:
        """Sign an order in a form of the file."""
        if form.startswith("cown_"):
            by, prefix = "ck", PREFIX
            form = form.removeprefix("cown_")
        else:
            prefix = b""
        domain, digest = self.place.domain, order_hash(order, self.place.domain)
        if form == "personal":
            return prefix + signed(self.keys[by], personal_digest(order.maker, 137, digest))
        if form == "tds":
            exchange = (domain.version, domain.chain_id, domain.address)
            separator = domain_separator("Polymarket CTF Exchange", *exchange)
            contents = keccak(order_words(order, keccak(TYPE)))
            nested = nested_digest(order.maker, 137, separator, contents, TYPE)
            inner = prefix + signed(self.keys[by], nested)
            return nested_signature(inner, separator, contents, TYPE)
        return prefix + signed(self.keys[by], digest, form)

    def hand_over(self) -> None:
        """The owner of A hands it over to the key `pend`, who completes it."""
        wallet, new = self.wallets["A"], self.eoa["pend"]
        data = wallet.data("transferOwnership", new, DEADLINE)
        call = WalletCall(wallet.address, 0, data)
        batch = WalletBatch(wallet.address, int(wallet.nonce()), DEADLINE, [call])
        by_owner = signed(self.keys["own"], batch.digest(137))
        self.factory.proxy([batch.argument()], [by_owner], sender=self.eoa["op"])
        digest = handover_digest(wallet.address, 137, new, int(wallet.pendingOwnerNonce()))
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
        self.good = signers.sign(self.order, form, "own")
        self.bad = signers.sign(self.order, form, "thief")

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


def play_signatures(path: Path) -> Iterator[tuple[str, list[Difference]]]:
    """Play the file's cases and sequences on both exchanges."""
    found = read(path)
    signers = {name: Signers(make(), found["keys"]) for name, make in PLACES.items()}
    for recorded in found["signature_cases"]:
        case = f"case {recorded['id']}"
        name = recorded["exchange"]
        yield case, _case(path.name, case, signers[name], found["exchanges"][name], recorded)
    for recorded in found["sequences"]:
        signer = signers[recorded["exchange"]]
        case = f"{recorded['exchange']} {recorded['title']}"
        evm = signer.place.chain.evm
        point = evm.snapshot()
        yield case, _sequence(path.name, case, signer, recorded)
        evm.revert(point)


def _case(
    file: str, case: str, signers: Signers, recorded_at: str, recorded: Json
) -> list[Difference]:
    fields = dict(zip(FIELDS, recorded["order"], strict=True))
    names = {each: signers.address(recorded[each]) for each in ("maker", "signer")}
    order = OrderV2(**fields | names)
    signature = signers.sign(order, recorded["form"], recorded["signed_by"])
    place, there = signers.place, recorded_at
    outcome = place.chain.outcome(
        lambda: place.exchange.validateOrder((*order_tuple(order), signature), gas_price=GAS_PRICE)
    )
    digest = order_hash(OrderV2(**fields), ExchangeDomain(there, place.version, 137))
    compared = [("hash", "0x" + digest.hex()), ("result", outcome)]
    return [
        Difference(file, case, field, recorded[field], ours)
        for field, ours in compared
        if recorded[field] != ours
    ]


def _sequence(file: str, case: str, signers: Signers, recorded: Json) -> list[Difference]:
    sequence = Sequence(signers, recorded["title"])
    differences = []
    for number, (step, expected) in enumerate(recorded["steps"]):
        outcome = signers.place.chain.outcome(lambda step=step: sequence.run(step))
        if outcome != expected:
            name = f"{case}, step {number}"
            differences.append(Difference(file, name, step, expected, outcome))
    return differences
