"""Buys what a server sells by x402, within a budget: reserve, sign, note, send, look at the chain.

The wallet is a small one of its own. A vault signs nothing, so its money cannot pay.
"""

import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx
from eth_account.signers.local import LocalAccount
from x402 import x402ClientSync
from x402.client_base import SpendControlAsset
from x402.http.constants import (
    PAYMENT_REQUIRED_HEADER,
    PAYMENT_RESPONSE_HEADER,
    PAYMENT_SIGNATURE_HEADER,
)
from x402.http.utils import encode_payment_signature_header
from x402.mechanisms.evm.exact import ExactEvmScheme
from x402.mechanisms.evm.types import ExactEIP3009Authorization, ExactEIP3009Payload
from x402.schemas import PaymentPayload, PaymentRequired, PaymentRequirements, SettleResponse

from strongroom.chain.accounts import open_keystore
from strongroom.chain.ending_line import EndingLine
from strongroom.chain.ids import Json, read_json
from strongroom.chain.rpc import Chain
from strongroom.chain.whole_answers import WholeAnswers
from strongroom.errors import Away, BadInput, Refused
from strongroom.foreign_text import plain
from strongroom.mandates.standing import MandateRefused
from strongroom.payments.binding import EXTENSION, bound_nonce
from strongroom.payments.budget import Budget
from strongroom.payments.configuration import BuyerConfig, open_token
from strongroom.payments.headers import BadHeader, decoded
from strongroom.payments.mandated import BuyerMandate, budget_within
from strongroom.payments.purchases import DataPurchase, Purchases, PurchaseState
from strongroom.payments.token import PaidToken, TokenDomain

TIMEOUT_S = 60.0  # settling waits for a block
LONGEST_S = 600  # that a payment of ours may be settled in
SPARE_S = 10  # before a payment's end it is not sent again
SHOWN = 300  # characters of a server's words
LATER = (httpx.codes.CONFLICT, httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.TOO_MANY_REQUESTS)
PRICE = re.compile(r"[1-9][0-9]{0,29}", re.ASCII)  # base units
PAYEE = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)


class ServerAway(Away):
    """The server cannot be asked; nothing was signed, or it is the message that says what was."""


class PaymentDoubtful(Away):
    """A payment was sent and nobody knows yet what became of it; ask for the same URL again."""


class PaymentRefused(Refused):
    """The server sells on other terms, or does not take the payment; the message has its words."""


@dataclass(frozen=True)
class BoughtAnswer:
    """What a server answered.

    Attributes:
        amount: paid for it, base units; 0: it was free
        transaction: that settled the payment; empty where it was free or is not known
    """

    body: bytes
    amount: int = 0
    transaction: str = ""


class Buyer:
    """A wallet with a budget."""

    def __init__(
        self,
        account: LocalAccount,
        token: PaidToken,
        purchases: Purchases,
        budget: Budget,
        payees: frozenset[str] = frozenset(),
        clock: Callable[[], float] = time.time,
        transport: httpx.BaseTransport | None = None,
        mandate: BuyerMandate | None = None,
    ) -> None:
        """Take what it pays with and its limits.

        Args:
            payees: who may be paid; empty: anybody
            mandate: within which it pays, too
        """
        self._account, self._token, self._purchases = account, token, purchases
        self._budget, self._mandate, self._clock = budget, mandate, clock
        self._payees = frozenset(each.lower() for each in payees)
        line = transport or EndingLine()
        self._http = httpx.Client(timeout=TIMEOUT_S, transport=WholeAnswers(line, reads=False))

    def buy(self, url: str) -> BoughtAnswer:
        """Return what a URL answers; pay for it where it asks for that. A payment that was signed
        for the same URL, and is not known to be settled, is sent again before another is signed.

        Raises:
            OverBudget: it would cost more than may be spent; nothing was signed.
            PaymentRefused, PaymentDoubtful, ServerAway: see the classes.
            ChainAway: the node does not answer; nothing was signed.
        """
        now = self._token.chain.now()
        self._purchases.void_expired(now, self._token.is_used)
        known = self._purchases.unfinished(url)
        if known is not None and known.valid_before > now + SPARE_S:
            return self._send(known)
        answer = self._get(url, {})
        if answer.status_code == httpx.codes.OK:
            return BoughtAnswer(answer.content)
        if answer.status_code != httpx.codes.PAYMENT_REQUIRED:
            raise PaymentRefused(f"{url} answers {_words(answer)}: nothing was signed")
        return self._send(self._sign(url, _terms(answer)))

    def _sign(self, url: str, terms: PaymentRequired) -> DataPurchase:
        """Reserve a payment, sign it, keep the signature."""
        chosen, budget = self._chosen(terms), self._within()
        address, salt = httpx.URL(url), secrets.token_hex(16)
        nonce = bound_nonce("GET", address.raw_path.decode("ascii"), salt)
        now = int(self._clock())
        until = now + min(chosen.max_timeout_seconds, LONGEST_S)
        route = f"{address.scheme}://{address.netloc.decode('ascii')}{address.path}"
        payee, amount = chosen.pay_to.lower(), int(chosen.amount)
        wanted = DataPurchase(
            nonce, str(self._account.address), payee, route, url, amount, until, now
        )
        self._purchases.reserve(wanted, budget)
        client = x402ClientSync()
        client.register(
            self._token.network, _Bound(self._account, self._token.domain, nonce, until)
        )
        most: SpendControlAsset = {
            "network": self._token.network,
            "asset": self._token.address,
            "max_amount_per_payment": str(budget.payment),
        }
        client.set_spend_controls({"allowed_assets": [most]})
        extensions = (terms.extensions or {}) | {EXTENSION: {"salt": salt}}
        only = terms.model_copy(update={"accepts": [chosen]})
        payload = client.create_payment_payload(only, extensions=extensions)
        assert isinstance(payload, PaymentPayload)
        header = encode_payment_signature_header(payload)
        self._purchases.signed(nonce, header)
        return DataPurchase(
            *(nonce, wanted.payer, payee, route, url, amount, until, now),
            PurchaseState.SIGNED,
            header,
        )

    def _within(self) -> Budget:
        """Return what may be spent now; raises PaymentRefused, ChainAway."""
        if self._mandate is None:
            return self._budget
        try:
            return budget_within(self._mandate, Chain(self._token.chain), self._budget)
        except (BadInput, MandateRefused) as error:
            raise PaymentRefused(
                f"the mandate {self._mandate.file} does not count: nothing was signed: {error}"
            ) from error

    def _chosen(self, terms: PaymentRequired) -> PaymentRequirements:
        """Return the terms that we can pay by."""
        for each in terms.accepts:
            if self._fits(each):
                if self._payees and each.pay_to.lower() not in self._payees:
                    raise PaymentRefused(
                        f"the server wants to be paid at {plain(each.pay_to)[:60]}, which is none "
                        "of `payees`: nothing was signed; add it if that is right"
                    )
                return each
        raise PaymentRefused(
            f"the server takes no signed transfer of {self._token.address} "
            f"({self._token.domain.name}, version {self._token.domain.version}) on "
            f"{self._token.network}: nothing was signed; name its token and chain"
        )

    def _fits(self, each: PaymentRequirements) -> bool:
        """Whether terms are for a signed transfer of our token, and can be signed as they are: what
        cannot would hold a part of the budget for nothing."""
        domain = self._token.domain
        return (
            each.scheme == "exact"
            and str(each.network) == self._token.network
            and each.asset.lower() == self._token.address.lower()
            and "assetTransferMethod" not in each.extra
            and each.extra.get("name", domain.name) == domain.name
            and each.extra.get("version", domain.version) == domain.version
            and PRICE.fullmatch(each.amount) is not None
            and PAYEE.fullmatch(each.pay_to) is not None
            and each.max_timeout_seconds > 0
        )

    def _send(self, purchase: DataPurchase) -> BoughtAnswer:
        """Send a signed payment; what becomes of it, answer and chain say together."""
        try:
            answer = self._get(purchase.url, {PAYMENT_SIGNATURE_HEADER: purchase.header})
        except ServerAway as error:
            raise PaymentDoubtful(f"{error}: {self._advice(purchase)}") from error
        transaction = _transaction(answer)
        if answer.status_code == httpx.codes.OK:
            self._purchases.paid(purchase.nonce, transaction)
            return BoughtAnswer(answer.content, purchase.amount, transaction)
        if self._token.is_used(purchase.payer, purchase.nonce):
            self._purchases.paid(purchase.nonce, transaction)
            raise PaymentRefused(
                f"paid {purchase.amount} base units (nonce {purchase.nonce}) and got "
                f"{_words(answer)}: ask the server for its refund"
            )
        if answer.status_code in LATER:
            raise PaymentDoubtful(f"the server says {_words(answer)}: {self._advice(purchase)}")
        raise PaymentRefused(
            f"the payment was not taken: {_words(answer)}: it counts as spent until "
            f"{purchase.valid_before} (seconds, by the chain's time)"
        )

    def _advice(self, purchase: DataPurchase) -> str:
        return f"ask for it again before {purchase.valid_before}: the same payment is sent"

    def _get(self, url: str, headers: dict[str, str]) -> httpx.Response:
        try:
            return self._http.get(url, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise ServerAway(f"{url} does not answer ({type(error).__name__})") from error


def open_buyer(config: BuyerConfig) -> Buyer:
    """Return the buyer of a file; what a keeper's source pays by, too.

    Raises:
        ConfigError: the file does not fit what is there.
        UnknownAccount: everybody knows the key, and the chain is no test chain.
        ChainAway: the node does not answer.
    """
    token = open_token(config.chain, config.token)
    account = open_keystore(config.wallet.keystore, config.wallet.passphrase_env, token.chain)
    payees = frozenset(config.payees)
    return Buyer(
        account, token, Purchases(config.journal), config.budget.amounts, payees,
        mandate=config.mandate,
    )  # fmt: skip


class _Bound(ExactEvmScheme):
    """The package's scheme, with a nonce, an end and a token's domain that are told: whatever a
    server says, the domain is the one of the buyer's file."""

    def __init__(self, account: LocalAccount, domain: TokenDomain, nonce: str, until: int) -> None:
        super().__init__(account)  # type: ignore[arg-type]  # it wraps an account itself
        self._nonce, self._until = nonce, until
        self._domain = {"name": domain.name, "version": domain.version}

    def create_payment_payload(  # type: ignore[override]
        self, requirements: PaymentRequirements
    ) -> dict[str, Json]:
        """Return the signed authorization."""
        authorization = ExactEIP3009Authorization(
            self._signer.address, requirements.pay_to, requirements.amount,
            "0", str(self._until), self._nonce,
        )  # fmt: skip
        ours = requirements.model_copy(update={"extra": self._domain})
        signature = self._sign_authorization(authorization, ours)
        return ExactEIP3009Payload(authorization, signature).to_dict()


def _terms(answer: httpx.Response) -> PaymentRequired:
    try:
        return decoded(PaymentRequired, answer.headers.get(PAYMENT_REQUIRED_HEADER, ""))
    except BadHeader as error:
        raise PaymentRefused(f"the server asks for money: nothing was signed: {error}") from error


def _transaction(answer: httpx.Response) -> str:
    try:
        found = decoded(SettleResponse, answer.headers.get(PAYMENT_RESPONSE_HEADER, ""))
    except BadHeader:
        return ""
    return plain(found.transaction[:SHOWN])


def _words(answer: httpx.Response) -> str:
    """Return a server's status and reason, as text that moves no cursor."""
    try:
        said = read_json(answer.content)
        text = str(said["error"]) if isinstance(said, dict) and "error" in said else answer.text
    except ValueError:
        text = answer.text
    return f"{answer.status_code} {plain(text[:SHOWN])}".strip()
