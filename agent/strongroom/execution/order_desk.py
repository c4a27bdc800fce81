"""Places orders so that a crash at any moment doubles none and loses none.

The order's hash follows from the intent, so sending it again is sending the same; the venue and the
exchange know each hash once. What became of it is read from the chain, and where nobody answers it
is over when the account's own signature has expired.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial

from py_clob_client_v2.order_utils.model.order_data_v2 import OrderV2

from strongroom.chain.calls import Ask, DecodedLog
from strongroom.chain.ids import IntentKey, Json, OrderHash, to_hex
from strongroom.chain.jsonrpc import understood
from strongroom.chain.orders import Side
from strongroom.chain.outside import whole
from strongroom.chain.units import DAY, MICRO
from strongroom.execution.interfaces import ChainReads, Listener, OrderVenue, VenueTrade
from strongroom.execution.legs import DUST
from strongroom.execution.one_by_one import one_by_one
from strongroom.execution.venues.no_venue import NoVenue
from strongroom.execution.venues.safes import SafeKeys, TradedSafe
from strongroom.execution.venues.wallets import VenueWallet, Wallets
from strongroom.journal import Journal, OrderFill, OrderIntent
from strongroom.journal.states import OVER, AnswerKind, IntentState, TradeStatus, VenueWord
from strongroom.signing.deposit_wallet import order_signature
from strongroom.signing.hashing import exchange_domain
from strongroom.signing.keys import envelope
from strongroom.signing.order import ExchangeDomain, build_order, order_hash
from strongroom.signing.signers import CosignerRefused, NotSigned, OrderRequest, Signers

REORG_BLOCKS = 64  # a fill undone may come back in a block this much lower
FINEST_TICK = Decimal("0.0001")  # of the venue: prices are checked before they are planned
OrderStatus = tuple[bool, int]  # whether it is filled, and what is left of what it may give
_AT_THE_VENUE = (IntentState.SENT, IntentState.UNKNOWN, IntentState.ACKED)
_LAST_WORDS = (*OVER, VenueWord.UNMATCHED)
_LEADS_TO = {
    AnswerKind.ACCEPTED: IntentState.ACKED,
    AnswerKind.REFUSED: IntentState.REFUSED,
    AnswerKind.UNFUNDED: IntentState.REFUSED,
    AnswerKind.SILENT: IntentState.UNKNOWN,
    AnswerKind.UNSENT: IntentState.UNKNOWN,
}
LOOKS_BACK_S = DAY  # at the start, for what came of orders that are closed
AT_ONCE = 100  # orders that are asked for in one request


class Desk:
    """One keeper's orders on one exchange."""

    def __init__(
        self,
        journal: Journal,
        chain: ChainReads,
        venue: OrderVenue,
        signers: Signers,
        domains: Sequence[ExchangeDomain],
        lifetime_s: int = 300,
        confirmations: int = 0,
        on_event: Listener = lambda event, fields: None,
        wallets: Wallets | None = None,
        safes: SafeKeys | None = None,
    ) -> None:
        """Take the parts.

        Args:
            domains: of the exchanges that orders may name
            lifetime_s: of a signature; the vault's `max_order_lifetime` at most
            confirmations: blocks on top of a fill, before an order counts as filled
            on_event: hears of what an order should not have come to
            wallets: those of delegated accounts; any other maker is a wallet that its account owns
            safes: the keys of Safes that accounts own, whose orders name their signers
        """
        self._wallets, self._safes = wallets or Wallets(chain, ()), safes
        self._journal, self._chain, self._own_venue = journal, chain, venue
        self._signers, self._on_event = signers, on_event
        self._told: set[str] = set()  # words of the venue that we do not know, fills not shown
        self._looked: int | None = None  # closed orders are looked for from this expiry on
        # the most micro-tokens that the venue has said together with one of the last words
        self._matched: dict[IntentKey, int] = {}
        self._domains = {domain.address.lower(): domain for domain in domains}
        self._lifetime, self._confirmations = lifetime_s, confirmations

    def place(self, wanted: OrderIntent, tick: Decimal) -> None:
        """Plan, sign and send an order. Called again with the same one it goes on where it stopped.

        Raises:
            BadOrder: it cannot be built; nothing was planned.
            NotSigned: a signature is missing; it stays planned.
        """
        _order(wanted, tick)  # refuse what cannot be built, before it is planned
        self._advance(self._journal.plan(wanted))

    def advance(self, key: IntentKey) -> None:
        """Take an intent as far as it goes now.

        Raises:
            NotSigned: a signature is missing; it stays planned.
        """
        intent = self._journal.get(key)
        self._advance(intent)
        if intent.state != IntentState.PLANNED and self._journal.get(key).state in _AT_THE_VENUE:
            self._keyed(intent)

    def _advance(self, intent: OrderIntent) -> None:
        key = intent.key
        if intent.state == IntentState.PLANNED:
            self._sign(intent)
            intent = self._journal.get(key)
        if intent.state == IntentState.SIGNED:
            self._send(intent)
        elif intent.state in (IntentState.SENT, IntentState.UNKNOWN):
            self._find(intent)
        intent = self._journal.get(key)
        if intent.answer == AnswerKind.UNWANTED and intent.venue not in OVER:
            self._end(intent)
            intent = self._journal.get(key)
        if intent.state in (IntentState.ACKED, IntentState.REFUSED, IntentState.UNKNOWN):
            self._follow(intent)

    def recover(self) -> None:
        """Go through all that is open, and what is closed and still signed: at the start, and every
        few seconds.

        Raises:
            NotSigned: a signature is missing; the others have gone on, as after all but `Away`.
        """
        parts = [partial(self.advance, intent.key) for intent in self._journal.open()]
        one_by_one([*parts, self._look_back], own=(NotSigned,))

    def cancel(self, key: IntentKey) -> None:
        """Ask the venue to end an order that may rest there, at every step until it has; it is not
        sent any more. Its signature counts until its expiry; only halting the account ends that
        sooner."""
        intent = self._journal.get(key)
        if intent.state == IntentState.PLANNED:
            self._close(intent, "cancelled before it was signed")
        elif intent.state == IntentState.SIGNED or _never_left(intent):
            self._close(intent, "cancelled before it was sent")
        elif intent.state in _AT_THE_VENUE and intent.venue not in OVER:
            self._journal.unwanted(key)
            self.advance(key)

    # steps

    def _sign(self, intent: OrderIntent) -> None:
        keyed = self._keyed(intent)
        asked = [] if keyed else [Ask(intent.account, "PolymarketAccount", "epoch")]
        (block, now), answers = self._chain.at_head(asked)
        if now > intent.time + self._lifetime:
            self._close(intent, "planned too long ago")
            return
        order, domain = _order(intent), self._domains[intent.exchange.lower()]
        expiry, epoch = now + self._lifetime, 0 if keyed else int(answers[0])
        record = self._journal.record_text(intent.decision).encode()
        account = intent.account if intent.maker else ""
        request = OrderRequest(order, domain, expiry, epoch, record, account)
        try:
            admission = self._signers.sign_order(request)
        except CosignerRefused as refusal:
            self._close(intent, str(refusal))
            return
        signature = keyed.sign(order, domain) if keyed else envelope(order, expiry, admission)
        if intent.maker and not keyed:  # what the wallet's owner reads, as the wallet reads it
            where = exchange_domain(domain.address, domain.version, domain.chain_id)
            signature = order_signature(order, where, signature)
        name = OrderHash(to_hex(order_hash(order, domain)))
        self._journal.sign(intent.key, name, signature, expiry, block)

    def _send(self, intent: OrderIntent) -> None:
        """Send signed bytes: for the first time, or the same ones again.

        A refusal ends an order that was never sent before. It says nothing of a sending before it
        that had no answer: that one may be under way, or be what our funds are reserved for.
        """
        in_doubt = intent.state != IntentState.SIGNED and not _never_left(intent)
        if self._chain.now() > intent.expiry:
            if not in_doubt:
                self._close(intent, "expired before it was sent")
            return
        self._journal.step(intent.key, IntentState.SENT)
        venue = self._venue(intent)
        if intent.maker:
            token = intent.token if intent.side == Side.SELL else None
            venue.refresh_funds(token)  # a wallet's come with each market
        answer = venue.place(_order(intent), intent.signature, intent.kind, intent.expiry)
        if answer.kind == AnswerKind.UNFUNDED:
            venue.refresh_funds()  # the next attempt finds what has come in meanwhile
        kind, to, word = answer.kind, _LEADS_TO[answer.kind], answer.venue
        if in_doubt and to == IntentState.REFUSED:
            to, word = IntentState.UNKNOWN, intent.venue
        if in_doubt and kind == AnswerKind.UNSENT:
            kind = AnswerKind.SILENT  # as the sending before it
        self._journal.answered(intent.key, to, kind, word, answer.detail)

    def _find(self, intent: OrderIntent) -> None:
        """End the doubt about an order that may have left: ask for it, or send it again. What was
        refused then, or is to end, is not sent again: it stays in doubt until it is found, or its
        time is over."""
        if _never_left(intent):
            self._send(intent)
            return
        key, ends = intent.key, intent.answer == AnswerKind.UNWANTED
        answer = self._venue(intent).look(intent.order_hash)
        if answer.kind == AnswerKind.ACCEPTED:
            kind = AnswerKind.UNWANTED if ends else AnswerKind.ACCEPTED
            why = "found by its hash"
            self._journal.answered(key, IntentState.ACKED, kind, answer.venue, why)
            return
        if intent.state == IntentState.SENT:
            unknown = answer.kind == AnswerKind.REFUSED
            why = "not known to the venue" if unknown else answer.detail
            kind = AnswerKind.UNWANTED if ends else AnswerKind.SILENT
            self._journal.answered(key, IntentState.UNKNOWN, kind, intent.venue, why)
            intent = self._journal.get(key)
        if answer.kind == AnswerKind.REFUSED and intent.answer in (None, AnswerKind.SILENT):
            self._send(intent)

    def _end(self, intent: OrderIntent) -> None:
        """Ask the venue for an order's end."""
        answer = self._venue(intent).cancel(intent.order_hash)
        if answer.kind == AnswerKind.ACCEPTED:
            self._journal.hear(intent.key, VenueWord.CANCELLED, "cancelled by the keeper")

    def _follow(self, intent: OrderIntent) -> None:
        """Read fills from the chain, and the venue's word; close what is over."""
        if intent.state == IntentState.ACKED:
            answer = self._venue(intent).look(intent.order_hash)
            if answer.matched is not None and answer.venue in _LAST_WORDS:
                most = max(answer.matched, self._matched.get(intent.key, 0))
                self._matched[intent.key] = most
            if answer.kind == AnswerKind.ACCEPTED and answer.venue != VenueWord.NONE:
                self._journal.hear(intent.key, answer.venue)
            elif answer.kind == AnswerKind.ACCEPTED and answer.detail not in self._told:
                self._told.add(answer.detail)
                self._on_event("unknown_word", {"order": intent.order_hash, "why": answer.detail})
        filled, deep = self._read_fills(intent)
        intent, heard = self._journal.get(intent.key), intent.venue
        if filled >= intent.size - DUST:
            if deep:
                self._hear_trades(intent)
                # the chain has them all, whatever the venue has got round to saying
                known = self._journal.trades_of(intent.key)
                self._journal.trade(intent.key, dict.fromkeys(known, TradeStatus.CONFIRMED))
                self._close(intent, "filled")
        elif intent.state == IntentState.REFUSED:
            self._close(intent, f"refused: {intent.reason}")
        elif _is_over(intent, heard) and self._has_all(intent):
            self._close(intent, f"over at the venue: {intent.venue}")
        elif (now := self._chain.now(self._confirmations)) > intent.expiry and deep:
            self._expire(intent, now)

    def _has_all(self, intent: OrderIntent) -> bool:
        """Whether all trades have ended, and the chain shows as much as the venue has matched, less
        what failed on its way there. The venue counts before it lists trades and before it sends
        them to the chain. As long as it does not say how much, nobody knows."""
        matched, trades = self._matched.get(intent.key), self._hear_trades(intent)
        if matched is None or trades is None:
            return False
        if not all(each.status.ended for each in trades.values()):
            return False
        confirmed, failed = (
            sum(each.size for each in trades.values() if each.status == status)
            for status in (TradeStatus.CONFIRMED, TradeStatus.FAILED)
        )
        if intent.venue == VenueWord.MATCHED and not (matched or trades):
            return False  # something was, says the word
        filled, _ = self._read_fills(intent)  # what settled since it was read
        return filled >= min(max(matched - failed, confirmed), intent.size) - DUST

    def _expire(self, intent: OrderIntent, now: int) -> None:
        """End an order whose signature counts no more: the venue knows nothing of that, and would
        keep our funds reserved for it. What a key signed has its time at the venue alone: what was
        matched within it may come to the chain later, and is waited for as long again, as is a
        venue that is away. Logs may be late where the exchange's state is not: both must agree."""
        may_wait = now <= intent.expiry + self._lifetime
        if intent.venue not in OVER:
            answer = self._venue(intent).cancel(intent.order_hash)
            if answer.kind == AnswerKind.SILENT and may_wait:
                return
            if answer.kind == AnswerKind.ACCEPTED:
                self._journal.hear(intent.key, VenueWord.EXPIRED, "its signature has expired")
        if may_wait and self._is_keyed(intent) and not self._has_all(self._journal.get(intent.key)):
            return
        self._hear_trades(intent)
        self._read_fills(intent)
        head, (status,) = self._chain.at_head([_status_of(intent)])
        if head.timestamp <= intent.expiry:
            return  # this node has not come so far: a later block may have a fill
        if self._is_shown(intent, status):
            self._close(intent, "the signature has expired")
        else:
            self._tell_unseen(intent, status)

    def _hear_trades(self, intent: OrderIntent) -> Mapping[str, VenueTrade] | None:
        """Keep what the venue says of an order's trades, and return it; None: it does not say."""
        trades = self._venue(intent).trades(intent.order_hash, intent.condition)
        if trades is not None:
            self._journal.trade(intent.key, {name: each.status for name, each in trades.items()})
        return trades

    def _read_fills(self, intent: OrderIntent) -> tuple[int, bool]:
        """Return what the chain has filled (micro-tokens), and whether no reorg will undo it."""
        logs = self._chain.logs(
            intent.exchange,
            "Exchange",
            "OrderFilled",
            max(0, intent.block - REORG_BLOCKS),
            matching={"orderHash": intent.order_hash},
        )
        found = [_fill(log) for log in logs]
        filled = sum(each.tokens(intent.side) for each in found)
        if found != self._journal.fills_of(intent.key):
            self._journal.fill(intent.key, found, filled)
        newest = max((log.block for log in logs), default=0)
        return filled, self._chain.head().number >= newest + self._confirmations

    def _look_back(self) -> None:
        """Ask the exchange after orders that are closed and whose signature still counts.

        A better price leaves a part of what a BUY may give open, and so does an order that the
        venue has taken out: its operator could still match it (VENUE c). What comes of it is kept
        and told, whatever the order's end was.
        """
        since = self._looked
        if since is None:
            since = self._chain.now() - LOOKS_BACK_S
        signed, ends = self._journal.signed_until(since), list[int]()
        for first in range(0, len(signed), AT_ONCE):
            part = signed[first : first + AT_ONCE]
            head, statuses = self._chain.at_head([_status_of(each) for each in part])
            ends.append(head.timestamp)
            for intent, status in zip(part, statuses, strict=True):
                if self._is_shown(intent, status):
                    continue
                filled, _ = self._read_fills(intent)
                if filled != intent.filled:
                    before: dict[str, Json] = {"before": intent.filled, "why": intent.reason}
                    self._on_event("late_fill", _told(intent, filled) | before)
                if not self._is_shown(intent, status):
                    self._tell_unseen(intent, status)
                    ends.append(intent.expiry)  # it is asked for again
        self._looked = min(ends, default=since)

    def _is_shown(self, intent: OrderIntent, status: OrderStatus) -> bool:
        """Whether the fills that were read of an order are all that the exchange knows of."""
        return _given(intent, status) == self._known(intent)

    def _known(self, intent: OrderIntent) -> int:
        return sum(each.making for each in self._journal.fills_of(intent.key))

    def _tell_unseen(self, intent: OrderIntent, status: OrderStatus) -> None:
        """Tell once that an order has fills which the node's logs do not show."""
        if intent.order_hash not in self._told:
            self._told.add(intent.order_hash)
            given: dict[str, Json] = {"given": _given(intent, status), "seen": self._known(intent)}
            self._on_event("fills_unseen", {"order": intent.order_hash} | given)

    def _close(self, intent: OrderIntent, why: str) -> None:
        self._journal.step(intent.key, IntentState.CLOSED, detail=why)
        self._matched.pop(intent.key, None)
        filled = self._journal.get(intent.key).filled
        if filled > intent.size + DUST:
            self._on_event("overfilled", _told(intent, filled))

    def venues(self) -> list[OrderVenue]:
        """Return the service under each API key that orders may be open by."""
        open_ = [] if self._safes is None else self._journal.open()
        by_wallet = [each.venue for each in self._wallets.all()]
        by_safe = dict[str, OrderVenue]()
        for each in open_:
            if each.signer and (safe := self._safe(each)) is not None:
                by_safe[each.maker] = safe.venue
        return [self._own_venue, *by_wallet, *by_safe.values()]

    def _venue(self, intent: OrderIntent) -> OrderVenue:
        """Return the service under the API key that the order's maker belongs to; one that says
        nothing, where that key is not here: the chain and the time are all that is left."""
        if intent.signer:
            safe = self._safe(intent)
            return NoVenue() if safe is None else safe.venue
        wallet = self._wallets.of(intent.maker)
        return self._own_venue if wallet is None else wallet.venue

    def _is_keyed(self, intent: OrderIntent) -> bool:
        return bool(intent.signer) or self._wallets.of(intent.maker) is not None

    def _safe(self, intent: OrderIntent) -> TradedSafe | None:
        """Return the Safe that makes an order, if its key is here."""
        found = None if self._safes is None else self._safes.traded(intent.account, intent.maker)
        return found if found is not None and found.owner.address == intent.signer else None

    def _keyed(self, intent: OrderIntent) -> VenueWallet | TradedSafe | None:
        """Return the wallet whose key here signs the order; None: the account says yes to it.

        Raises:
            NotSigned: the key of its Safe is not here.
        """
        if not intent.signer:
            return self._wallets.of(intent.maker)
        found = self._safe(intent)
        if found is None:
            raise NotSigned(
                f"Safe {intent.maker} is traded by {intent.signer}, whose key is not here: name "
                "the secret that it was made from in [venue.safes]"
            )
        return found


def _order(intent: OrderIntent, tick: Decimal = FINEST_TICK) -> OrderV2:
    return build_order(
        intent.maker or intent.account,
        intent.token,
        Decimal(intent.price) / MICRO,
        intent.size,
        tick,
        intent.decision,
        intent.time * 1000,
        intent.side,
        intent.key,
        intent.kind,
        intent.signer,
    )


def _never_left(intent: OrderIntent) -> bool:
    """Whether an order's only sendings were such that nothing left."""
    return intent.state == IntentState.UNKNOWN and intent.answer == AnswerKind.UNSENT


def _status_of(intent: OrderIntent) -> Ask:
    return Ask(intent.exchange, "Exchange", "getOrderStatus", (intent.order_hash,))


def _given(intent: OrderIntent, status: OrderStatus) -> int:
    """Return what an order has given, by what the exchange says of it (VENUE c): collateral or
    tokens, micro-units."""
    is_filled, left = status
    total = intent.cash if intent.side == Side.BUY else intent.size
    return total - left if is_filled or left else 0


def _is_over(intent: OrderIntent, heard: VenueWord) -> bool:
    """Whether nothing more comes of an order at the venue. One that found nothing when it was due,
    and is of a kind that does not rest, is over once it is still said at the next look.

    Args:
        heard: the word before the one that the intent has now
    """
    if intent.venue == heard == VenueWord.UNMATCHED:
        return not intent.kind.rests
    return intent.venue in OVER


def _told(intent: OrderIntent, filled: int) -> dict[str, Json]:
    return {"order": intent.order_hash, "filled": filled, "size": intent.size}


@understood("fill")
def _fill(log: DecodedLog) -> OrderFill:
    amounts = (log.args[name] for name in ("makerAmountFilled", "takerAmountFilled", "fee"))
    return OrderFill(log.transaction, log.index, *map(whole, amounts))
