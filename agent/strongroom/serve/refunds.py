"""Refunds: what is owed to whom and why, and paying it back, each once.

x402's `exact` has no refund. Ours is a signed transfer of the refunds' wallet whose nonce is made
from the payment's: the token itself takes it once, whatever was killed between sending and noting,
and anybody can see on chain which payment it is for.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from strongroom.chain.contracts import Key
from strongroom.chain.failures import TransactionRefused
from strongroom.chain.ids import JsonObject
from strongroom.chain.units import HOUR, format_units
from strongroom.errors import Away, Differs
from strongroom.payments.binding import refund_nonce
from strongroom.payments.token import Authorization, PaidToken
from strongroom.serve.sales import Sale, SaleBook, SaleState
from strongroom.serve.selling import follow

PATIENCE_S = 600  # a settled payment without an answer is worked on, or its buyer comes again
VALID_S = HOUR  # of a refund's own signature


class RefundPending(Away):
    """Another wallet has signed a refund that can still be carried out; the message says which."""


@dataclass(frozen=True)
class Refund:
    """A payment that is, or was, to be paid back; amount in base units.

    Attributes:
        transaction: that paid it back; empty: it is owed
    """

    payer: str
    nonce: str
    amount: int
    resource: str
    why: str
    settled_by: str
    transaction: str

    def document(self) -> JsonObject:
        """Return it as JSON takes it: money in units."""
        return {
            "payer": self.payer,
            "nonce": self.nonce,
            "amount": format_units(self.amount),
            "resource": self.resource,
            "why": self.why,
            "settled_by": self.settled_by,
            "refund": self.transaction or None,
        }


def look(sales: SaleBook, token: PaidToken, now: int) -> None:
    """Follow what a server left open: payments in doubt by the chain, and those that were settled
    and never answered.

    Raises:
        ChainAway: the node does not answer.
    """
    for sale in sales.in_state(SaleState.CLAIMED):
        if sale.time < now - PATIENCE_S:
            follow(sales, token, sale)
    for sale in sales.in_state(SaleState.SETTLED):
        if sale.time < now - PATIENCE_S:
            sales.owe(sale, "it was settled, and its answer was never made")


def refunds_of(sales: SaleBook) -> list[Refund]:
    """Return what is owed and what was paid back, oldest first."""
    return [
        Refund(
            each.paid.payer, each.paid.nonce, each.paid.amount, each.resource, each.why,
            each.transaction, each.refund,
        )
        for each in sales.in_state(SaleState.OWED, SaleState.REFUNDED)
    ]  # fmt: skip


def pay_all(
    sales: SaleBook, token: PaidToken, key: Key, said: Callable[[Sale, str], None]
) -> Sequence[Sale]:
    """Pay back what is owed; what would revert is not sent. Return what was.

    Args:
        key: of the refunds' wallet, which also pays the gas
        said: is called with each sale and the transaction that paid it back

    Raises:
        TransactionRefused: the wallet has too little, or the token refuses.
        ChainAway, RefundPending: the next run goes on.
        Differs: the chain has a refund's nonce as used, and no transfer for it.
    """
    paid = []
    for sale in sales.in_state(SaleState.OWED):
        transaction = _pay(sales, token, key, sale)
        said(sale, transaction)
        paid.append(sale)
    return paid


def _pay(sales: SaleBook, token: PaidToken, key: Key, sale: Sale) -> str:
    """Pay one back, unless the chain has it; note it; return the transaction. A nonce is used once
    by each wallet, so those that have signed before are asked first."""
    nonce = refund_nonce(token.network, token.address, sale.paid.payer, sale.paid.nonce)
    now = token.chain.now()
    for wallet, until in (sales.refund_tries(sale) | {key.address: 0}).items():
        if token.is_used(wallet, nonce):
            refund = Authorization(wallet, sale.paid.payer, sale.paid.amount, 0, until, nonce)
            by = token.settlement(refund, sale.since)
            if by is None:
                raise Differs(
                    f"the refund {nonce} of {wallet} counts as used and has moved nothing: was it "
                    "canceled? Look at the chain"
                )
            sales.refund(sale, by)
            return by.transaction
        if wallet != key.address and until > now:
            raise RefundPending(
                f"the refund {nonce} may still be paid by {wallet}: go on with that wallet, or "
                f"after {until} (seconds, by the chain's time)"
            )
    if token.balance(key.address) < sale.paid.amount:  # then nobody has to wait for this wallet
        raise TransactionRefused(
            f"a refund of {format_units(sale.paid.amount)} exceeds balance: give {key.address} more"
        )
    until = now + VALID_S
    sales.try_refund(sale, key.address, until)
    refund = Authorization(key.address, sale.paid.payer, sale.paid.amount, 0, until, nonce)
    by = token.send(refund, key)
    sales.refund(sale, by)
    return by.transaction
