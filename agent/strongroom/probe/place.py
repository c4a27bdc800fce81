"""Where a probe works: keys, wallets and contracts, and what it does with them one by one.

A step that cannot go on ends with `Settled`, which says what is known by then.
"""

import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from time import monotonic

from eth_abi.abi import encode
from py_clob_client_v2.config import get_contract_config
from py_clob_client_v2.order_utils.model.order_data_v2 import OrderV2
from py_clob_client_v2.order_utils.model.signature_type_v2 import SignatureTypeV2

from strongroom.chain.abi import load
from strongroom.chain.contracts import Contract, Contracts, Key
from strongroom.chain.ids import DecisionId, JsonObject, TokenId, keccak
from strongroom.chain.position_ids import is_position
from strongroom.chain.units import MICRO
from strongroom.chain.wallet_addresses import POLYGON
from strongroom.errors import BadInput, Refused, StrongroomError
from strongroom.probe.report import ProbeOutcome
from strongroom.probe.services import ApiUser, Reply, VenueServices
from strongroom.signing.deposit_wallet import (
    BATCH_TYPE,
    WalletBatch,
    WalletCall,
    handover_digest,
    nested_digest,
    nested_signature,
    order_signature,
    wallet_domain,
)
from strongroom.signing.hashing import (
    ORDER_TYPE,
    address_word,
    exchange_domain,
    exchange_order_hash,
    order_struct_hash,
    safe_message_hash,
    safe_transaction_hash,
)
from strongroom.signing.keys import sign_hash
from strongroom.signing.order import build_order
from strongroom.signing.safe import CALL, ZERO_ADDRESS
from strongroom.signing.venue_requests import order_body, wallet_body

CHAINS = (137, 80_002)  # Polygon, and the devnet's
VERSION = "2"  # of the exchanges' domain
BATCH_LIFE_S = 600  # the client's own (VENUE b)
PATIENCE_S, POLL_S = 200.0, 2.0  # for the relayer's actions, as the client has them
TRIES = 5  # while a wallet is busy
FIRST = "0x" + "00" * 19 + "01"  # before the first owner in a Safe's list
ENDED = {"STATE_CONFIRMED": True, "STATE_INVALID": False, "STATE_FAILED": False}
_TRANSFER_OWNERSHIP = keccak(b"transferOwnership(address,uint256)")[:4]
_APPROVE = keccak(b"approve(address,uint256)")[:4]
_TRANSFER = keccak(b"transfer(address,uint256)")[:4]
_SWAP_OWNER = keccak(b"swapOwner(address,address,address)")[:4]


class Settled(StrongroomError):
    """A step has come to its end before its last question; the outcome is of the rest."""

    def __init__(self, outcome: ProbeOutcome, why: str) -> None:
        super().__init__(why)
        self.outcome = outcome


@dataclass(frozen=True)
class ProbeMarket:
    """The market that orders are for; they rest at one tick and are cancelled at once.

    Attributes:
        size: least, micro-tokens
    """

    token: TokenId
    tick: Decimal
    size: int
    negative_risk: bool

    @property
    def cash(self) -> int:
        """What an order promises while it rests, micro-units of pUSD; up."""
        return -int(-self.size * self.tick // 1)


@dataclass(frozen=True)
class ProbePlace:
    """Everything that a probe acts with.

    Attributes:
        owner: whose accounts are probed; pays the gas
        successor: another key of the same people; None: nothing is handed over
        safe: the owner's one-key Safe at the venue; empty: none
        contract: a Safe of the owner's that the venue did not make; empty: none
        sleep: waits so many seconds
        resting: orders that could not be cancelled, a sentence each
    """

    chain: Contracts
    services: VenueServices
    owner: Key
    successor: Key | None
    safe: str
    contract: str
    market: ProbeMarket
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    resting: list[str] = field(default_factory=list)

    @property
    def wallet(self) -> str:
        """The owner's deposit wallet, there or not."""
        return wallet_of(self.owner.address)

    @property
    def exchange(self) -> str:
        """The exchange that the market's orders are signed for."""
        return _contracts_of(self.chain.chain_id)[self.market.negative_risk]

    # wallets

    def owner_of(self, wallet: str) -> str:
        """Return whose a deposit wallet is; empty: there is none."""
        if not self.chain.code(wallet):
            return ""
        return str(self._wallet(wallet).owner())

    def harmless(self, wallet: str) -> WalletBatch:
        """Return a batch that changes nothing: the owner may move none of the wallet's pUSD."""
        return self._batch(wallet, [self._of_pusd(_APPROVE, self.owner.address, 0)])

    def payment(self, wallet: str, to: str, amount: int) -> WalletBatch:
        """Return a batch that pays pUSD out of a wallet; micro-units."""
        return self._batch(wallet, [self._of_pusd(_TRANSFER, to, amount)])

    def approval(self, wallet: str, amount: int) -> WalletBatch:
        """Return a batch that lets the exchange take pUSD of a wallet; micro-units."""
        return self._batch(wallet, [self._of_pusd(_APPROVE, self.exchange, amount)])

    def pusd_of(self, address: str) -> int:
        """Return what an address has, micro-units."""
        token = self.chain.at(collateral_of(self.chain.chain_id), load("Erc20"))
        return int(token.balanceOf(address))

    def handover(self, to: str) -> WalletBatch:
        """Return the batch that offers the wallet to a new owner."""
        values = [to, self._deadline()]
        data = _TRANSFER_OWNERSHIP + encode(["address", "uint256"], values)
        return self._batch(self.wallet, [WalletCall(self.wallet, 0, data)])

    def complete_handover(self, new: Key) -> None:
        """Let the new owner take the wallet; a transaction of the owner's."""
        wallet = self._wallet(self.wallet)
        nonce = int(wallet.pendingOwnerNonce())
        digest = handover_digest(self.wallet, self.chain.chain_id, new.address, nonce)
        wallet.completeOwnershipHandover(sign_hash(new.account, digest), sender=self.owner)

    def carry(self, batch: WalletBatch, signer: str, signature: bytes) -> Reply:
        """Hand a batch to the relayer; return its last answer."""
        body = wallet_body(batch, signer, POLYGON.deposit, signature)
        return self.follow(self._submit(body))

    def carry_as_owner(self, batch: WalletBatch) -> Reply:
        """Hand a batch of the owner's wallet to the relayer, signed as everybody signs."""
        return self.carry(
            batch, self.owner.address, sign_hash(self.owner.account, self.digest(batch))
        )

    def digest(self, batch: WalletBatch) -> bytes:
        """Return what is signed for a batch."""
        return batch.digest(self.chain.chain_id)

    def nested_batch(self, batch: WalletBatch) -> bytes:
        """Return what is signed for a batch in the longer form (ERC-7739)."""
        domain, chain_id = wallet_domain(batch.wallet, self.chain.chain_id), self.chain.chain_id
        return nested_digest(batch.wallet, chain_id, domain, batch.struct_hash(), BATCH_TYPE)

    def longer(self, batch: WalletBatch, inner: bytes) -> bytes:
        """Return a signature of `nested_batch` as the wallet reads it."""
        domain = wallet_domain(batch.wallet, self.chain.chain_id)
        return nested_signature(inner, domain, batch.struct_hash(), BATCH_TYPE)

    def follow(self, reply: Reply) -> Reply:
        """Wait for the end of an action that the relayer took; of others return the answer.

        Raises:
            Settled: it was taken, and did not come to a good end.
        """
        if not reply.taken:
            return reply
        name, until = reply.field("transactionID"), monotonic() + PATIENCE_S
        while monotonic() < until:
            found = self.services.action(name)
            state = found.field("state")
            if state in ENDED:
                self.services.keep(found)
                if ENDED[state]:
                    return reply
                why = f"it was taken, and ended as {state}: {found.field('error_msg')}"
                raise Settled(ProbeOutcome.UNCLEAR, why)
            self.sleep(POLL_S)
        raise Settled(
            ProbeOutcome.UNCLEAR, f"it was taken, and has no end after {PATIENCE_S:.0f} s"
        )

    def _submit(self, body: JsonObject) -> Reply:
        for attempt in range(TRIES):
            reply = self.services.submit(body)
            waits = reply.words.status == 429 or "busy" in reply.words.body
            if not waits or attempt == TRIES - 1:
                break
            self.sleep(POLL_S)
        return reply

    def create_wallet(self, body: JsonObject) -> Reply:
        """Ask for a wallet; return the relayer's last answer."""
        return self.follow(self._submit(body))

    # Safes

    def sole_owner(self, safe: str) -> str:
        """Return a Safe's only owner; empty: it has several, or is no Safe."""
        try:
            owners = self._safe(safe).getOwners()
        except StrongroomError:
            return ""
        return str(owners[0]) if len(owners) == 1 else ""

    def swap_owner(self, now: Key, new: str) -> None:
        """Give the venue's Safe to another owner; a transaction of the owner's."""
        safe = self._safe(self.safe)
        data = _SWAP_OWNER + encode(["address"] * 3, [FIRST, now.address, new])
        digest = safe_transaction_hash(
            self.safe, self.chain.chain_id, self.safe, data, CALL, int(safe.nonce())
        )
        about = (self.safe, 0, data, CALL, 0, 0, 0, ZERO_ADDRESS, ZERO_ADDRESS)
        safe.execTransaction(*about, sign_hash(now.account, digest), sender=self.owner)

    def by_contract(self, contract: str, digest: bytes) -> bytes:
        """Return the signature that a Safe of the owner's says yes to (EIP-1271)."""
        wrapped = safe_message_hash(contract, self.chain.chain_id, digest)
        return sign_hash(self.owner.account, wrapped)

    # orders

    def wallet_order(self, signer: Key) -> tuple[OrderV2, bytes]:
        """Return a new order of the wallet, and a signature of whoever owns it."""
        order = self._order(self.wallet)
        inner = sign_hash(signer.account, self._nested(order))
        return order, order_signature(order, self._domain(), inner)

    def contracts_wallet_order(self, contract: str) -> tuple[OrderV2, bytes]:
        """Return a new order of the wallet that a Safe of the owner's owns, signed for by it."""
        order = self._order(wallet_of(contract))
        inner = self.by_contract(contract, self._nested(order))
        return order, order_signature(order, self._domain(), inner)

    def safe_order(self) -> tuple[OrderV2, bytes]:
        """Return a new order of the venue's Safe, signed by the key that it was made for."""
        order = self._order(self.safe)
        order.signer, order.signatureType = self.owner.address, SignatureTypeV2.POLY_GNOSIS_SAFE
        return order, sign_hash(self.owner.account, self._order_hash(order))

    def contract_order(self) -> tuple[OrderV2, bytes]:
        """Return a new order of the contract, with a signature that it says yes to."""
        order = self._order(self.contract)
        return order, self.by_contract(self.contract, self._order_hash(order))

    def place(self, user: ApiUser, signed: tuple[OrderV2, bytes]) -> Reply:
        """Bring an order by somebody's API key, and cancel it if it was taken."""
        body = order_body(*signed, user.credentials.key, "GTC", post_only=True)
        reply = self.services.ask("POST", "/order", user, body)
        if reply.taken and (name := reply.field("orderID")):
            ended = self.services.ask("DELETE", "/order", user, {"orderID": name})
            if name not in ended.field("canceled"):
                self.resting.append(f"order {name} was not cancelled: {ended.said}")
        return reply

    def look_at_funds(self, user: ApiUser, signature_type: int) -> None:
        """Let the service read what a wallet has."""
        asked = f"asset_type=COLLATERAL&signature_type={signature_type}"
        self.services.ask("GET", f"/balance-allowance/update?{asked}", user)

    # inside

    def _order(self, maker: str) -> OrderV2:
        decision = DecisionId("0x" + secrets.token_hex(32))
        now, market = int(self.clock() * 1_000), self.market
        return build_order(
            maker, market.token, market.tick, market.size, market.tick, decision, now
        )

    def _nested(self, order: OrderV2) -> bytes:
        contents, chain_id = order_struct_hash(order), self.chain.chain_id
        return nested_digest(order.maker, chain_id, self._domain(), contents, ORDER_TYPE)

    def _of_pusd(self, function: bytes, who: str, amount: int) -> WalletCall:
        data = function + encode(["address", "uint256"], [who, amount])
        return WalletCall(collateral_of(self.chain.chain_id), 0, data)

    def _order_hash(self, order: OrderV2) -> bytes:
        return exchange_order_hash(order, self.exchange, VERSION, self.chain.chain_id)

    def _domain(self) -> bytes:
        return exchange_domain(self.exchange, VERSION, self.chain.chain_id)

    def _batch(self, wallet: str, calls: Sequence[WalletCall]) -> WalletBatch:
        nonce = int(self._wallet(wallet).nonce())
        return WalletBatch(wallet, nonce, self._deadline(), calls)

    def _deadline(self) -> int:
        return max(int(self.clock()), self.chain.now()) + BATCH_LIFE_S

    def _wallet(self, address: str) -> Contract:
        return self.chain.at(address, load("DepositWallet"))

    def _safe(self, address: str) -> Contract:
        return self.chain.at(address, load("Safe"))


def wallet_of(owner: str) -> str:
    """Return where the service makes an owner's deposit wallet."""
    return POLYGON.deposit_wallet(address_word(owner))


def collateral_of(chain_id: int) -> str:
    """Return pUSD on a chain of the venue's."""
    return _contracts_of(chain_id)[2]


def find_market(services: VenueServices, condition: str) -> ProbeMarket:
    """Return what the service lists of a market; orders are for its first outcome.

    Raises:
        Refused: it does not list it, or it is of the second protocol; the message says which.
    """
    reply = services.ask("GET", f"/clob-markets/{condition}")
    try:
        found = json.loads(reply.words.body)
        market = ProbeMarket(
            TokenId(int(found["t"][0]["t"])),
            Decimal(str(found["mts"])),
            int(Decimal(str(found["mos"])) * MICRO),
            bool(found["nr"]),
        )
    except (ValueError, KeyError, TypeError, IndexError, ArithmeticError) as error:
        raise Refused(
            f"the service does not show market {condition} ({reply.said}): name one that is open"
        ) from error
    if is_position(market.token):
        raise Refused(f"market {condition} is of Protocol V2: name one of the older protocol")
    return market


def _contracts_of(chain_id: int) -> tuple[str, str, str]:
    """Return the exchange, that of negative risk, and pUSD."""
    if chain_id not in CHAINS:
        raise BadInput(
            f"the venue is not on chain {chain_id}: name a node of Polygon or of a devnet"
        )
    found = get_contract_config(chain_id)
    return found.exchange_v2, found.neg_risk_exchange_v2, found.collateral
