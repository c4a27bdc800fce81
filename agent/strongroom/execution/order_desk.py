"""Places orders so that a crash at any moment doubles none and loses none.

The order's hash follows from the intent, so sending it again is sending the same; the venue and the
exchange know each hash once. What became of it is read from the chain, and where nobody answers it
is over when the account's own signature has expired.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from py_clob_client_v2.order_utils.model.order_data_v2 import OrderV2
from py_clob_client_v2.order_utils.model.side import Side
from sqlalchemy.engine import Row

from strongroom.chain.calls import Ask
from strongroom.chain.ids import intent_key
from strongroom.chain.rpc import Chain
from strongroom.execution.venues.clob import FINAL, Clob
from strongroom.execution.venues.wallets import Wallets
from strongroom.journal import Fill, Journal, Plan
from strongroom.journal.states import OVER, Intent, Venue
from strongroom.signing.keys import envelope
from strongroom.signing.order import ExchangeDomain, build_order, order_hash
from strongroom.signing.signers import CosignerRefused, NotSigned, OrderRequest, Signers

UNIT = 10**6
REORG_BLOCKS = 64  # a fill undone may come back in a block this much lower


@dataclass(frozen=True)
class Wanted:
    """An order to place, one leg of a decision."""

    account: str
    condition: str  # id, 0x...
    exchange: str  # address
    token: int
    side: str  # BUY or SELL
    price: Decimal
    tick: Decimal
    size: int  # micro-tokens
    leg: int = 0
    attempt: int = 0
    kind: str = "GTC"  # or POST (post-only), FOK, FAK
    wallet: str = ""  # that trades for a delegated account


class Desk:
    """One keeper's orders on one exchange."""

    def __init__(
        self,
        journal: Journal,
        chain: Chain,
        clob: Clob,
        signers: Signers,
        domains: Sequence[ExchangeDomain],
        lifetime_s: int = 300,
        confirmations: int = 0,
        told: Callable[[str, bytes], None] = lambda what, key: None,
        wallets: Wallets | None = None,
    ) -> None:
        """Take the parts.

        Args:
            domains: of the exchanges that orders may name
            lifetime_s: of a signature; the vault's `max_order_lifetime` at most
            confirmations: blocks on top of a fill, before an order counts as filled
            told: hears of each order's end
            wallets: that orders of delegated accounts may name as their maker
        """
        self._wallets = wallets or Wallets(chain, (), ())
        self._journal, self._chain, self._clob = journal, chain, clob
        self._signers, self._told = signers, told
        self._domains = {domain.address.lower(): domain for domain in domains}
        self._lifetime, self._confirmations = lifetime_s, confirmations

    def place(self, decision: bytes, time: int, wanted: Wanted) -> bytes:
        """Plan, sign and send an order; return its intent's key.

        Called again with the same decision it goes on where it stopped.

        Raises:
            BadOrder: it cannot be built; nothing was planned.
            NotSigned: a signature is missing; it stays planned.
        """
        key = intent_key(decision, wanted.leg, wanted.attempt)
        plan = Plan(
            decision=decision,
            account=wanted.account,
            token=str(wanted.token),
            side=wanted.side,
            price=int(wanted.price * UNIT),
            size=wanted.size,
            time=time,
            kind=wanted.kind,
            exchange=wanted.exchange,
            condition=wanted.condition,
            maker=wanted.wallet,
        )
        self._order(plan, key, wanted.tick)  # refuse what cannot be built, before it is planned
        self._journal.plan(key, plan)
        self.advance(key)
        return key

    def advance(self, key: bytes) -> None:
        """Take an intent as far as it goes now.

        Raises:
            NotSigned: a signature is missing; it stays planned.
        """
        row = self._journal.get(key)
        if row.state == Intent.PLANNED:
            self._sign(row)
            row = self._journal.get(key)
        if row.state == Intent.SIGNED:
            self._send(row)
        elif row.state in (Intent.SENT, Intent.UNKNOWN):
            self._find(row)
        row = self._journal.get(key)
        if row.state in (Intent.ACKED, Intent.REFUSED, Intent.UNKNOWN):
            self._follow(row)

    def recover(self) -> None:
        """Go through all that is open: at the start, and every few seconds.

        Raises:
            NotSigned: a signature is missing; the others have gone on.
        """
        missing: NotSigned | None = None
        for row in self._journal.open():
            try:
                self.advance(row.key)
            except NotSigned as error:
                missing = error
        if missing is not None:
            raise missing

    def cancel(self, key: bytes) -> None:
        """Ask the venue to end an order that may rest there. Its signature counts until its expiry;
        only halting the account ends that sooner."""
        row = self._journal.get(key)
        if row.state == Intent.PLANNED:
            self._close(row, "cancelled before it was signed")
        elif row.state in (Intent.SENT, Intent.UNKNOWN, Intent.ACKED) and row.venue not in OVER:
            answer = self._venue(row).cancel(row.order_hash)
            if answer.kind == "yes":
                self._journal.hear(key, Venue.CANCELLED, "asked for by us")
            self.advance(key)

    # steps

    def _sign(self, row: Row[Any]) -> None:
        own = not row.maker
        asked = [Ask(row.account, "PolymarketAccount", "epoch")] if own else []
        block, now, answers = self._chain.at_head(asked)
        if now > row.time + self._lifetime:
            self._close(row, "planned too long ago")
            return
        order = self._order(_plan(row), row.key)
        domain = self._domains[row.exchange.lower()]
        expiry, epoch = now + self._lifetime, answers[0] if own else 0
        record = self._journal.record(row.decision)
        request = OrderRequest(order, domain, expiry, epoch, record, "" if own else row.account)
        try:
            admission = self._signers.sign_order(request)
            if own:
                signature = envelope(order, expiry, admission)
            else:
                signature = self._wallets[row.maker].sign(order, domain)
        except CosignerRefused as refusal:
            self._close(row, str(refusal))
            return
        self._journal.step(
            row.key,
            Intent.SIGNED,
            order_hash="0x" + order_hash(order, domain).hex(),
            signature=signature,
            expiry=expiry,
            block=block,
        )

    def _send(self, row: Row[Any]) -> None:
        """Send signed bytes: for the first time, or the same ones again."""
        if self._chain.now() > row.expiry:
            self._close(row, "expired before it was sent")
            return
        self._journal.step(row.key, Intent.SENT)
        order = self._order(_plan(row), row.key)
        venue = self._venue(row)
        if row.maker:
            venue.refresh_funds()  # a wallet's come with each market
        answer = venue.place(order, row.signature, row.kind, row.expiry)
        if answer.kind == "no" and "balance" in answer.detail:
            venue.refresh_funds()  # the next attempt finds what has come in meanwhile
        to = {"yes": Intent.ACKED, "no": Intent.REFUSED, "nothing": Intent.UNKNOWN}[answer.kind]
        self._journal.step(row.key, to, answer.venue, answer.detail)

    def _find(self, row: Row[Any]) -> None:
        """End the doubt about an order that may have left: ask for it, or send it again."""
        answer = self._venue(row).look(row.order_hash)
        if answer.kind == "yes":
            self._journal.step(row.key, Intent.ACKED, answer.venue, "found by its hash")
        elif answer.kind == "no" and self._chain.now() <= row.expiry:
            if row.state == Intent.SENT:
                self._journal.step(row.key, Intent.UNKNOWN, detail="not known to the venue")
            self._send(self._journal.get(row.key))
        elif row.state == Intent.SENT:
            self._journal.step(row.key, Intent.UNKNOWN, detail=answer.detail)

    def _follow(self, row: Row[Any]) -> None:
        """Read fills from the chain, and the venue's word; close what is over."""
        if row.state == Intent.ACKED:
            answer = self._venue(row).look(row.order_hash)
            if answer.kind == "yes" and answer.venue != Venue.NONE:
                self._journal.hear(row.key, answer.venue)
        filled, deep = self._read_fills(row)
        row = self._journal.get(row.key)
        if filled >= row.size:
            if deep:
                self._hear_trades(row)
                # the chain has them all, whatever the venue has got round to saying
                settled = dict.fromkeys(self._journal.trades_of(row.key), "CONFIRMED")
                self._journal.trade(row.key, settled)
                self._close(row, "filled")
        elif row.state == Intent.REFUSED:
            self._close(row, f"refused: {row.reason}")
        elif row.venue in OVER and self._hear_trades(row):
            filled, _ = self._read_fills(row)  # what settled since it was read
            confirmed = "CONFIRMED" in self._journal.trades_of(row.key).values()
            if confirmed and not filled and self._chain.now() <= row.expiry:
                return  # the venue has seen the fill, our node not yet
            self._close(row, f"over at the venue: {row.venue}")
        elif self._chain.now(self._confirmations) > row.expiry and deep:
            self._expire(row)

    def _expire(self, row: Row[Any]) -> None:
        """End an order whose signature counts no more: the venue knows nothing of that, and would
        keep our funds reserved for it."""
        if row.venue not in OVER:
            answer = self._venue(row).cancel(row.order_hash)
            if answer.kind == "nothing":
                return
            if answer.kind == "yes":
                self._journal.hear(row.key, Venue.EXPIRED, "its signature has expired")
        self._hear_trades(row)
        self._close(row, "the signature has expired")

    def _hear_trades(self, row: Row[Any]) -> bool:
        """Keep what the venue says of an order's trades; return whether all have ended."""
        trades = self._venue(row).trades(row.order_hash, row.condition)
        if trades is None:
            return False
        self._journal.trade(row.key, trades)
        return all(status in FINAL for status in trades.values())

    def _read_fills(self, row: Row[Any]) -> tuple[int, bool]:
        """Return what the chain has filled (micro-tokens), and whether no reorg will undo it."""
        logs = self._chain.logs(
            row.exchange,
            "Exchange",
            "OrderFilled",
            max(0, row.block - REORG_BLOCKS),
            {"orderHash": bytes.fromhex(row.order_hash[2:])},
        )
        found = [
            Fill(
                "0x" + log["transactionHash"].hex().removeprefix("0x"),
                log["logIndex"],
                log["args"]["makerAmountFilled"],
                log["args"]["takerAmountFilled"],
                log["args"]["fee"],
            )
            for log in logs
        ]
        buys = row.side == "BUY"
        filled = sum(
            each.making * row.size // -(-row.size * row.price // UNIT) if buys else each.making
            for each in found
        )
        if found != self._journal.fills_of(row.key):
            self._journal.fill(row.key, found, filled)
        newest = max((int(log["blockNumber"]) for log in logs), default=0)
        return filled, self._chain.head()[0] >= newest + self._confirmations

    def _close(self, row: Row[Any], why: str) -> None:
        self._journal.step(row.key, Intent.CLOSED, detail=why)
        self._told(why, row.key)

    def _venue(self, row: Row[Any]) -> Clob:
        """Return the service under the API key that the order's maker belongs to."""
        return self._wallets[row.maker].clob if row.maker else self._clob

    def _order(self, plan: Plan, key: bytes, tick: Decimal = Decimal("0.0001")) -> OrderV2:
        return build_order(
            plan.maker or plan.account,
            int(plan.token),
            Decimal(plan.price) / UNIT,
            plan.size,
            tick,
            plan.decision,
            plan.time * 1000,
            Side.BUY if plan.side == "BUY" else Side.SELL,
            key,
        )


def _plan(row: Row[Any]) -> Plan:
    return Plan(*(getattr(row, name) for name in Plan.__dataclass_fields__))
