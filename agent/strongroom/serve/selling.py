"""One paid call: check the payment, claim it, settle it, and only then make the answer.

What a facilitator says is a hint. Whether money has moved, the chain says: after a time-out, after
a refusal and after a success, too. A payment that is neither settled nor void is unknown, and the
buyer is told to send the same one again.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import structlog
from x402.http.constants import PAYMENT_REQUIRED_HEADER, PAYMENT_RESPONSE_HEADER
from x402.http.facilitator_client_base import FacilitatorClientSync
from x402.http.utils import encode_payment_required_header, encode_payment_response_header
from x402.schemas import (
    PaymentPayload,
    PaymentRequired,
    PaymentRequirements,
    ResourceInfo,
    SettleResponse,
)

from strongroom.chain.ids import Json, JsonObject
from strongroom.errors import Away, StrongroomError
from strongroom.payments.binding import EXTENSION, bound_nonce
from strongroom.payments.headers import BadHeader, decoded
from strongroom.payments.token import Authorization, PaidToken
from strongroom.serve.sales import Sale, SaleBook, SaleState

AGAIN_S = 2  # after which a buyer may ask again
BEHIND = 8  # blocks that a node may lack when a payment is claimed
MOST = 2**63  # of a number that the store can keep
NUMBERS = ("value", "validAfter", "validBefore")
ADVICE = "send the same payment again"
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class RouteOffer:
    """What is sold.

    Attributes:
        resource: path and query, as they were asked for
        url: as the buyer wrote it
        make: makes the answer; whatever it raises, the buyer gets his money back
    """

    method: str
    resource: str
    url: str
    terms: PaymentRequirements
    make: Callable[[], bytes]


@dataclass(frozen=True)
class SaleAnswer:
    """What is answered; the body is JSON.

    Attributes:
        is_sold: by this answer, and not by an earlier one
    """

    status: int
    body: bytes | JsonObject
    headers: dict[str, str] = field(default_factory=dict)
    is_sold: bool = False


class NotForThis(Exception):
    """A payment is none, or not for what was asked; the message says why."""


class Seller:
    """Sells; safe between threads. One process a store."""

    def __init__(
        self,
        sales: SaleBook,
        facilitator: FacilitatorClientSync,
        token: PaidToken,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._sales, self._facilitator, self._token = sales, facilitator, token
        self._clock = clock
        self._lock, self._working = threading.Lock(), set[tuple[str, str]]()

    def ask(self, offer: RouteOffer, why: str = "") -> SaleAnswer:
        """Return the terms, without an answer."""
        said = PaymentRequired(
            error=why or "payment required",
            resource=ResourceInfo(url=offer.url),
            accepts=[offer.terms],
            extensions={EXTENSION: {"rule": "nonce = keccak256(text), docs/serve.md"}},
        )
        headers = {PAYMENT_REQUIRED_HEADER: encode_payment_required_header(said)}
        return SaleAnswer(402, said.model_dump(by_alias=True, exclude_none=True), headers)

    def sell(self, offer: RouteOffer, header: str) -> SaleAnswer:
        """Take a payment and return what it bought."""
        try:
            payload = decoded(PaymentPayload, header)
            paid = _authorization(payload)
            _check(offer, payload, paid)
        except (BadHeader, NotForThis) as error:
            return self.ask(offer, str(error))
        with self._alone(paid) as is_alone:
            if not is_alone:
                return _later(409, "this payment is being worked on")
            try:
                return self._sell(offer, payload, paid)
            except Away as error:
                log.warning("payment_unknown", payer=paid.payer, nonce=paid.nonce, why=str(error))
                return _later(503, "what became of the payment is not known now")

    @contextmanager
    def _alone(self, paid: Authorization) -> Iterator[bool]:
        """Let one thread work on a payment; whoever comes second gets False."""
        key = paid.payer.lower(), paid.nonce.lower()
        with self._lock:
            is_alone = key not in self._working
            self._working.add(key)
        try:
            yield is_alone
        finally:
            if is_alone:
                with self._lock:
                    self._working.discard(key)

    def _sell(self, offer: RouteOffer, payload: PaymentPayload, paid: Authorization) -> SaleAnswer:
        sale = self._sales.find(paid)
        if sale is None:
            why = self._verified(payload, offer.terms)
            if why:
                return self.ask(offer, why)
            since = max(0, self._token.chain.height() - BEHIND)
            sale = Sale(paid, offer.resource, since, int(self._clock()))
            if not self._sales.claim(sale):
                return _later(409, "this payment is being worked on")
        if sale.resource != offer.resource:
            return self.ask(offer, "this payment was used for another route")
        if sale.state is SaleState.CLAIMED:
            why = self._settled(sale, payload, offer.terms)
            sale = self._sales.find(paid) or sale
            if sale.state is SaleState.CLAIMED:
                return self.ask(offer, why) if why else _later(503, "not settled yet")
        return self._answer(offer, sale)

    def _verified(self, payload: PaymentPayload, terms: PaymentRequirements) -> str:
        """Return why a facilitator does not take a payment, "" where it does; raises Away."""
        try:
            found = self._facilitator.verify(payload, terms)
        except (httpx.HTTPError, ValueError, OSError) as error:
            raise Away(f"facilitator: {type(error).__name__}") from error
        return "" if found.is_valid else found.invalid_reason or "the payment is not valid"

    def _settled(self, sale: Sale, payload: PaymentPayload, terms: PaymentRequirements) -> str:
        """Settle a claimed payment, unless the chain has it; note what the chain says. Return a
        facilitator's refusal, "" where it has not refused."""
        if follow(self._sales, self._token, sale):
            return ""
        why = ""
        try:
            found = self._facilitator.settle(payload, terms)
            why = "" if found.success else found.error_reason or "it was not settled"
        except (httpx.HTTPError, ValueError, OSError) as error:
            log.warning("settle_unknown", nonce=sale.paid.nonce, why=type(error).__name__)
        follow(self._sales, self._token, sale)
        return why

    def _answer(self, offer: RouteOffer, sale: Sale) -> SaleAnswer:
        """Return what a payment bought, or why it bought nothing."""
        if sale.state is SaleState.VOID:
            return self.ask(offer, sale.why)
        headers = {PAYMENT_RESPONSE_HEADER: encode_payment_response_header(self._receipt(sale))}
        if sale.state is SaleState.SETTLED:
            try:
                answer = offer.make()
            except Exception as error:  # whatever it is: the buyer has paid
                why = str(error) if isinstance(error, StrongroomError) else type(error).__name__
                log.exception("handler_failed", nonce=sale.paid.nonce)
                self._sales.owe(sale, f"no answer: {why}")
                return SaleAnswer(500, _owed(sale), headers)
            if not self._sales.deliver(sale, answer):
                return SaleAnswer(410, _owed(sale), headers)
            return SaleAnswer(200, answer, headers, is_sold=True)
        if sale.state is SaleState.DELIVERED and sale.answer is not None:
            return SaleAnswer(200, sale.answer, headers)
        if sale.state is SaleState.DELIVERED:
            return SaleAnswer(410, {"error": "it was delivered, and is kept no longer"}, headers)
        return SaleAnswer(410, _owed(sale), headers)

    def _receipt(self, sale: Sale) -> SettleResponse:
        return SettleResponse(
            success=True,
            payer=sale.paid.payer,
            transaction=sale.transaction,
            network=self._token.network,
            amount=str(sale.paid.amount),
        )


def follow(sales: SaleBook, token: PaidToken, sale: Sale) -> bool:
    """Note what the chain says of a claimed payment; return whether that is the end of its doubt.

    Raises:
        ChainAway: the node does not answer.
    """
    paid, now = sale.paid, token.chain.now()
    if token.is_used(paid.payer, paid.nonce):
        by = token.settlement(paid, sale.since)
        if by is not None:
            return sales.settle(sale, by)
        return sales.void(sale, "the authorization was canceled, or used before it came here")
    if paid.valid_before <= now:
        return sales.void(sale, "the payment's time is over")
    return False


def _authorization(payload: PaymentPayload) -> Authorization:
    try:
        said = payload.payload["authorization"]
        numbers = [int(str(said[name])) for name in NUMBERS]
        words = [_hex_text(said[name]) for name in ("from", "to", "nonce")]
    except (KeyError, TypeError, ValueError) as error:
        raise NotForThis("the payment is no signed transfer") from error
    if [len(each) for each in words] != [42, 42, 66] or not all(0 <= n < MOST for n in numbers):
        raise NotForThis("the payment is no signed transfer")
    payer, payee, nonce = words
    amount, after, before = numbers
    return Authorization(payer, payee, amount, after, before, nonce)


def _hex_text(said: Json) -> str:
    """Return bytes in one way of writing, so that they are one key; raises ValueError."""
    if not isinstance(said, str) or not said.startswith("0x"):
        raise ValueError("no hex")
    return "0x" + bytes.fromhex(said[2:]).hex()


def _check(offer: RouteOffer, payload: PaymentPayload, paid: Authorization) -> None:
    """Make sure that a payment is for this offer; raises NotForThis."""
    terms, said = offer.terms, payload.accepted
    same = (said.scheme, str(said.network), said.amount) == (
        terms.scheme, str(terms.network), terms.amount,
    )  # fmt: skip
    same = same and said.asset.lower() == terms.asset.lower()
    same = same and said.pay_to.lower() == terms.pay_to.lower() == paid.payee.lower()
    if not same or paid.amount != int(terms.amount):
        raise NotForThis("the payment is for other terms")
    if payload.resource is not None and _resource(payload.resource.url) != offer.resource:
        raise NotForThis("the payment is for another route")
    bound = (payload.extensions or {}).get(EXTENSION)
    salt: Json = bound.get("salt") if isinstance(bound, dict) else None
    if salt is not None:
        nonce = bound_nonce(offer.method, offer.resource, str(salt))
        if nonce != paid.nonce.lower():
            raise NotForThis("the payment was signed for another route")


def _resource(url: str) -> str:
    try:
        return httpx.URL(url).raw_path.decode("ascii")
    except httpx.InvalidURL:
        return ""


def _owed(sale: Sale) -> JsonObject:
    state = "paid" if sale.state is SaleState.REFUNDED else "owed"
    return {
        "error": f"there is no answer: a refund is {state}",
        "nonce": sale.paid.nonce,
        "refund": sale.refund or None,
    }


def _later(status: int, why: str) -> SaleAnswer:
    return SaleAnswer(status, {"error": f"{why}: {ADVICE}"}, {"Retry-After": str(AGAIN_S)})
