"""Places orders so that a crash at any moment doubles none and loses none.

The order's hash follows from the intent, so sending it again is sending the same; the venue and the
exchange know each hash once. What became of it is read from the chain, and where nobody answers it
is over when the account's own signature has expired.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from eth_account.signers.local import LocalAccount
from py_clob_client_v2.order_utils.model.order_data_v2 import OrderV2
from py_clob_client_v2.order_utils.model.side import Side
from sqlalchemy.engine import Row

from agent.execution.chain import Chain
from agent.execution.clob import Clob
from agent.execution.machine import OVER, Intent, Venue
from agent.execution.orders import ExchangeDomain, build_order, intent_key, order_hash
from agent.execution.signing import sign_order
from agent.journal import Fill, Journal, Plan

UNIT = 10**6


@dataclass(frozen=True)
class Wanted:
    """An order to place, one leg of a decision."""

    account: str
    market: str  # condition id, 0x...
    token: int
    side: str  # BUY or SELL
    price: Decimal
    tick: Decimal
    size: int  # micro-tokens
    leg: int = 0
    attempt: int = 0


class Desk:
    """One keeper's orders on one exchange."""

    def __init__(
        self,
        journal: Journal,
        chain: Chain,
        clob: Clob,
        safe: str,
        owners: Sequence[LocalAccount],
        domain: ExchangeDomain,
        lifetime_s: int = 300,
        told: Callable[[str, bytes], None] = lambda what, key: None,
    ) -> None:
        """Take the parts; `told` hears of each order's end."""
        self._journal, self._chain, self._clob = journal, chain, clob
        self._safe, self._owners, self._domain = safe, owners, domain
        self._lifetime, self._told = lifetime_s, told

    def place(self, decision: bytes, time: int, wanted: Wanted) -> bytes:
        """Plan, sign and send an order; return its intent's key.

        Called again with the same decision it goes on where it stopped.

        Raises:
            BadOrder: it cannot be built; nothing was planned.
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
        )
        self._order(plan, key, wanted.tick)  # refuse what cannot be built, before it is planned
        self._journal.plan(key, plan)
        self.advance(key)
        return key

    def advance(self, key: bytes) -> None:
        """Take an intent as far as it goes now."""
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
        """Go through all that is open: at the start, and every few seconds."""
        for row in self._journal.open():
            self.advance(row.key)

    # steps

    def _sign(self, row: Row[Any]) -> None:
        order = self._order(_plan(row), row.key)
        digest = order_hash(order, self._domain)
        account = self._chain.contract(row.account, "PolymarketAccount")
        expiry = self._chain.now() + self._lifetime
        signature = sign_order(
            order,
            digest,
            expiry,
            account.functions.epoch().call(),
            self._safe,
            self._chain.chain_id,
            self._owners,
        )
        self._journal.step(
            row.key,
            Intent.SIGNED,
            order_hash="0x" + digest.hex(),
            signature=signature,
            expiry=expiry,
            block=self._chain.web3.eth.block_number,
        )

    def _send(self, row: Row[Any]) -> None:
        """Send signed bytes: for the first time, or the same ones again."""
        if self._chain.now() > row.expiry:
            self._close(row, "expired before it was sent")
            return
        self._journal.step(row.key, Intent.SENT)
        answer = self._clob.place(self._order(_plan(row), row.key), row.signature)
        to = {"yes": Intent.ACKED, "no": Intent.REFUSED, "nothing": Intent.UNKNOWN}[answer.kind]
        self._journal.step(row.key, to, answer.venue, answer.detail)

    def _find(self, row: Row[Any]) -> None:
        """End the doubt about an order that may have left: ask for it, or send it again."""
        answer = self._clob.look(row.order_hash)
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
            answer = self._clob.look(row.order_hash)
            if answer.kind == "yes" and answer.venue != Venue.NONE:
                self._journal.hear(row.key, answer.venue)
        filled = self._read_fills(row)
        row = self._journal.get(row.key)
        if filled >= row.size:
            self._close(row, "filled")
        elif row.state == Intent.REFUSED:
            self._close(row, f"refused: {row.reason}")
        elif self._chain.now() > row.expiry:
            self._close(row, "the signature has expired")
        elif row.venue in OVER and self._settled(row):
            self._read_fills(row)  # what settled since it was read
            self._close(row, f"over at the venue: {row.venue}")

    def _settled(self, row: Row[Any]) -> bool:
        account = self._chain.contract(row.account, "PolymarketAccount")
        tokens = account.functions.tokenIds().call()
        condition = account.functions.conditions().call()[tokens.index(int(row.token)) // 2]
        return self._clob.unsettled(row.order_hash, "0x" + condition.hex()) is False

    def _read_fills(self, row: Row[Any]) -> int:
        """Return what the chain has filled, micro-tokens."""
        exchange = self._chain.contract(self._domain.address, "Exchange")
        logs = exchange.events.OrderFilled().get_logs(
            from_block=row.block, argument_filters={"orderHash": bytes.fromhex(row.order_hash[2:])}
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
        if len(found) != len(self._journal.fills_of(row.key)):
            self._journal.fill(row.key, found, filled)
        return filled

    def _close(self, row: Row[Any], why: str) -> None:
        self._journal.step(row.key, Intent.CLOSED, detail=why)
        self._told(why, row.key)

    def _order(self, plan: Plan, key: bytes, tick: Decimal = Decimal("0.0001")) -> OrderV2:
        return build_order(
            plan.account,
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
    return Plan(row.decision, row.account, row.token, row.side, row.price, row.size, row.time)
