"""The venue behind the official client: what it answers, read once into a kind.

Only words that mean no are a no; a time-out, a broken connection, a server error, a restart or a
limit say nothing about the order. The texts are read here and nowhere else.
"""

import logging
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import httpx
from eth_account.signers.local import LocalAccount
from py_clob_client_v2.client import ClobClient
from py_clob_client_v2.clob_types import (
    AssetType,
    BalanceAllowanceParams,
    OrderPayload,
    TradeParams,
)
from py_clob_client_v2.constants import END_CURSOR
from py_clob_client_v2.exceptions import PolyApiException, PolyException
from py_clob_client_v2.http_helpers import helpers
from py_clob_client_v2.order_utils.model.order_data_v2 import OrderV2, SignedOrderV2
from py_clob_client_v2.order_utils.model.signature_type_v2 import SignatureTypeV2

from strongroom.chain.ending_line import EndingLine
from strongroom.chain.ids import ConditionId, OrderHash, TokenId, to_hex
from strongroom.chain.jsonrpc import shown_url
from strongroom.chain.orders import OrderKind
from strongroom.chain.outside import BadValue, kept_text, number
from strongroom.chain.rpc import private_key
from strongroom.chain.units import MICRO
from strongroom.chain.whole_answers import WholeAnswers
from strongroom.errors import Away
from strongroom.execution.interfaces import OrderVenue, VenueAnswer, VenueTrade
from strongroom.execution.venues.pauses import order_pause
from strongroom.journal.states import AnswerKind, VenueWord, trade_status, venue_word

# What the official client lets through: its own error, httpx', and what a body that is none of its
# JSON makes of it. All say the same: nothing about the order.
_FOREIGN = (
    *(PolyException, httpx.HTTPError, ValueError, LookupError, TypeError, AttributeError),
    OverflowError,  # int() of 1e999
)
_VenueRecord = Mapping[str, Any]  # as the venue has it
MOST_PAGES = 100  # of one market's trades
LATEST = 10**11  # a time beyond it is none, or counts milliseconds
# a server error that says no to the order: the venue takes none of this kind now (VENUE e1)
_CLOSED = re.compile("post_only_mode|post-only mode")


# The official client has one set of connections for all: no answer hangs it or ends the process.
helpers._http_client = httpx.Client(transport=WholeAnswers(EndingLine(http2=True)))


class VenueAway(Away):
    """The venue does not answer: wait, or look whether its URL is right."""


class Clob:
    """Orders of one API key."""

    def __init__(self, client: ClobClient, pause: Callable[[], float] = lambda: 0.0) -> None:
        """Take the official client, and what says how long the next order must wait, seconds."""
        self._client, self._pause = client, pause
        self._heartbeat_id = ""
        self._trouble = ""

    @property
    def trouble(self) -> str:
        """Why the venue took no order when it was last asked to, or takes none before a while."""
        left = self._pause()
        return f"it asks to wait {left:.0f} s more" if left else self._trouble

    @trouble.setter
    def trouble(self, why: str) -> None:
        self._trouble = why

    def place(
        self,
        order: OrderV2,
        signature: bytes,
        kind: OrderKind = OrderKind.GTC,
        expiry: int = 0,
    ) -> VenueAnswer:
        """Post an order (GTC, POST = post-only, FOK, FAK) once; never again by itself.

        One that may rest is given the signature's expiry (timestamp), so that the venue does not
        match what the account no longer signs.

        One that the venue has had before counts as a yes: its hash is its identity. As long as the
        venue asks to wait, nothing is posted.
        """
        if self._pause():
            return VenueAnswer(AnswerKind.UNSENT, detail=f"not posted: {self.trouble}")
        fields = vars(order)
        if kind.rests and expiry:
            fields = fields | {"expiration": str(expiry)}
        signed = SignedOrderV2(**fields, signature=to_hex(signature))
        order_type = ("GTD" if expiry else "GTC") if kind.rests else str(kind)
        try:
            answered = self._client.post_order(
                signed, order_type, post_only=kind == OrderKind.POST, defer_exec=True
            )
            answer = _answer_in(answered)
        except PolyApiException as error:
            answer = answer_of(error.status_code, str(error.error_msg))
            closed = answer.kind == AnswerKind.SILENT or error.status_code == 503
            self.trouble = answer.detail if closed else ""
            return answer
        except _FOREIGN as error:
            return _silent(error)
        self.trouble = ""
        return answer

    def look(self, order_hash: OrderHash) -> VenueAnswer:
        """Ask after an order by its hash; REFUSED means that the venue does not know it."""
        try:
            found = self._client.get_order(order_hash)
            if not found:
                return VenueAnswer(AnswerKind.REFUSED, detail="the venue does not know the order")
            status = kept_text(str(found["status"]))
            word = venue_word(status)
            detail = f"the venue says {status!r} of an order" if word == VenueWord.NONE else ""
            matched = None
            with suppress(BadValue):
                matched = _micro(found.get("size_matched"))
            return VenueAnswer(AnswerKind.ACCEPTED, word, detail, matched)
        except _FOREIGN as error:
            return _silent(error)

    def cancel(self, order_hash: OrderHash) -> VenueAnswer:
        """Ask for an order's end; REFUSED means that it was over already, or never there."""
        try:
            answer = self._client.cancel_order(OrderPayload(orderID=order_hash))
            if order_hash in answer["canceled"]:
                return VenueAnswer(AnswerKind.ACCEPTED, VenueWord.CANCELLED)
            why = kept_text(str(answer["not_canceled"].get(order_hash, "")))
            return VenueAnswer(AnswerKind.REFUSED, detail=why)
        except _FOREIGN as error:
            return _silent(error)

    def trades(self, order_hash: OrderHash, condition: ConditionId) -> dict[str, VenueTrade] | None:
        """Return an order's trades by id; None: no answer, or one that is not whole."""
        try:
            return {
                kept_text(str(each["id"])): VenueTrade(trade_status(str(each["status"])), part)
                for each in self._all_trades(condition)
                if (part := _part_in(each, order_hash)) is not None
            }
        except _FOREIGN:
            return None

    def _all_trades(self, condition: ConditionId) -> list[_VenueRecord]:
        """Return all pages. The client's own `get_trades` goes on as long as there is a cursor.

        Raises:
            ValueError: the pages do not end.
        """
        found: list[_VenueRecord] = []
        cursor = None
        for _ in range(MOST_PAGES):
            asked = TradeParams(market=condition)
            page = self._client.get_trades_paginated(asked, next_cursor=cursor)
            found += page["trades"]
            cursor = page["next_cursor"]
            if not cursor or cursor == END_CURSOR:
                return found
        raise ValueError(f"more than {MOST_PAGES} pages of trades")

    def heartbeat(self) -> VenueAnswer:
        """Say that we live: without it the venue takes our resting orders out. Where another id is
        due, as after an answer that was lost or a new start, the venue names it, and it is sent."""
        try:
            try:
                answer = self._client.post_heartbeat(self._heartbeat_id)
            except PolyApiException as error:
                due = _named_id(error)
                if due is None:
                    raise
                answer = self._client.post_heartbeat(due)
            self._heartbeat_id = str(answer.get("heartbeat_id", ""))
        except PolyApiException as error:
            return VenueAnswer(AnswerKind.SILENT, detail=kept_text(str(error.error_msg)))
        except _FOREIGN as error:
            return _silent(error)
        return VenueAnswer(AnswerKind.ACCEPTED)

    def time(self) -> int | None:
        """Return the venue's clock, seconds; None: no answer, or no time."""
        try:
            found = int(self._client.get_server_time())
        except _FOREIGN:
            return None
        return found if 0 < found < LATEST else None

    def refresh_funds(self, token: TokenId | None = None) -> None:
        """Let the venue look again at our collateral, or at our balance of an outcome token; a
        failure is found at the next order."""
        asked = BalanceAllowanceParams(asset_type=AssetType.COLLATERAL)
        if token is not None:
            asked = BalanceAllowanceParams(asset_type=AssetType.CONDITIONAL, token_id=str(token))
        with suppress(*_FOREIGN):
            self._client.update_balance_allowance(asked)


class LateVenue:
    """The service under a key that is made an API key of when it is first needed; until that can be
    had, the venue is silent."""

    def __init__(self, connect: Callable[[], OrderVenue]) -> None:
        """Take what logs in; it raises VenueAway."""
        self._connect = connect
        self._venue: OrderVenue | None = None

    @property
    def trouble(self) -> str:
        """Why it took no order when it was last asked to; empty: it did."""
        return "" if self._venue is None else self._venue.trouble

    @trouble.setter
    def trouble(self, words: str) -> None:
        if self._venue is not None:
            self._venue.trouble = words

    def place(
        self, order: OrderV2, signature: bytes, kind: OrderKind = OrderKind.GTC, expiry: int = 0
    ) -> VenueAnswer:
        """Post an order once. Without a key it has not left, so it is refused."""
        venue, why = self._reached()
        if venue is None:
            return VenueAnswer(AnswerKind.REFUSED, VenueWord.REJECTED, why)
        return venue.place(order, signature, kind, expiry)

    def look(self, order_hash: OrderHash) -> VenueAnswer:
        """Ask after an order."""
        return self._answer(lambda venue: venue.look(order_hash))

    def cancel(self, order_hash: OrderHash) -> VenueAnswer:
        """Ask for an order's end."""
        return self._answer(lambda venue: venue.cancel(order_hash))

    def trades(
        self, order_hash: OrderHash, condition: ConditionId
    ) -> Mapping[str, VenueTrade] | None:
        """Return an order's trades by id; None: no answer."""
        venue, _ = self._reached()
        return None if venue is None else venue.trades(order_hash, condition)

    def heartbeat(self) -> VenueAnswer:
        """Say that we live."""
        return self._answer(lambda venue: venue.heartbeat())

    def time(self) -> int | None:
        """Return the venue's clock, seconds; None: no answer."""
        venue, _ = self._reached()
        return None if venue is None else venue.time()

    def refresh_funds(self, token: TokenId | None = None) -> None:
        """Let the venue look at our balances again."""
        venue, _ = self._reached()
        if venue is not None:
            venue.refresh_funds(token)

    def _answer(self, ask: Callable[[OrderVenue], VenueAnswer]) -> VenueAnswer:
        venue, why = self._reached()
        return VenueAnswer(AnswerKind.SILENT, detail=why) if venue is None else ask(venue)

    def _reached(self) -> tuple[OrderVenue | None, str]:
        if self._venue is None:
            try:
                self._venue = self._connect()
            except VenueAway as error:
                return None, str(error)
        return self._venue, ""


def log_in(
    url: str,
    chain_id: int,
    owner: LocalAccount,
    wallet: str | None = None,
    kind: SignatureTypeV2 = SignatureTypeV2.POLY_1271,
) -> Clob:
    """Return the venue's service under an owner's API key.

    Args:
        wallet: the orders' maker, where it is not the owner
        kind: of the wallet's signatures

    Raises:
        VenueAway: the service does not answer, or does not let us in.
    """
    # Whoever asks the venue reports what it refuses. The client would print it as well, also that a
    # key exists already, which is no error.
    logging.getLogger("py_clob_client_v2").setLevel(logging.CRITICAL)
    whose = None if wallet is None else kind
    try:
        client = ClobClient(
            url, chain_id, key=private_key(owner), signature_type=whose, funder=wallet
        )
        client.set_api_creds(client.create_or_derive_api_key())
    except _FOREIGN as error:
        raise VenueAway(f"{shown_url(url)} refuses the API key: {error}") from error
    return Clob(client, order_pause(client))


def answer_of(status: int | None, text: str) -> VenueAnswer:
    """Return what the venue's answer to an order means, by its HTTP status and its words.

    Args:
        status: None: there was none
    """
    text = kept_text(text)
    if status == 400 and "Duplicated" in text:
        return VenueAnswer(AnswerKind.ACCEPTED, detail="the venue has the order already")
    if status == 400 and "balance" in text:
        return VenueAnswer(AnswerKind.UNFUNDED, VenueWord.REJECTED, text)
    if status in (400, 401, 403) or (status == 503 and _CLOSED.search(text)):
        return VenueAnswer(AnswerKind.REFUSED, VenueWord.REJECTED, text)
    return VenueAnswer(AnswerKind.SILENT, detail=f"{status}: {text}")


def _answer_in(body: _VenueRecord) -> VenueAnswer:
    """Return what the body of a 200 says of a posted order. Only `success` says yes or no, and a no
    has its words (VENUE e1); any other body leaves open whether the order stands."""
    why = body.get("errorMsg")
    if body.get("success") is True:
        return VenueAnswer(AnswerKind.ACCEPTED, venue_word(str(body.get("status", ""))))
    if body.get("success") is False and why:
        return answer_of(400, str(why))
    return VenueAnswer(AnswerKind.SILENT, detail=f"neither yes nor no: {str(body)[:200]}")


def _named_id(refusal: PolyApiException) -> str | None:
    """Return the heartbeat's id that a refusal says is due (VENUE e1), or None."""
    body = refusal.error_msg
    if refusal.status_code != 400 or not isinstance(body, Mapping):
        return None
    return str(body["heartbeat_id"]) if body.get("heartbeat_id") else None


def _silent(error: Exception) -> VenueAnswer:
    return VenueAnswer(AnswerKind.SILENT, detail=kept_text(str(error)) or type(error).__name__)


def _part_in(trade: _VenueRecord, order_hash: OrderHash) -> int | None:
    """Return an order's tokens in a trade, micro-units; None: it takes no part."""
    if trade["taker_order_id"] == order_hash:
        return _micro(trade["size"])
    mine = [each for each in trade["maker_orders"] if each["order_id"] == order_hash]
    return sum(_micro(each["matched_amount"]) for each in mine) if mine else None


def _micro(said: object) -> int:
    """Return tokens that the venue says as micro-tokens; raises BadValue where it says none."""
    tokens = number(said)
    if tokens < 0:
        raise BadValue(f"{said!r} is no amount")
    return int(tokens * MICRO)
