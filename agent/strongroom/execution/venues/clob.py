"""The venue behind the official client: what it answers, in three kinds.

Yes, no, and nothing. Only words that mean no are a no; a time-out, a broken connection, a server
error, a restart or a limit say nothing about the order.
"""

import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from py_clob_client_v2.client import ClobClient
from py_clob_client_v2.clob_types import (
    AssetType,
    BalanceAllowanceParams,
    OrderPayload,
    TradeParams,
)
from py_clob_client_v2.exceptions import PolyApiException
from py_clob_client_v2.order_utils.model.order_data_v2 import OrderV2, SignedOrderV2

from strongroom.journal.states import Venue, venue_word

Kind = Literal["yes", "no", "nothing"]
FINAL = ("CONFIRMED", "FAILED")


@dataclass(frozen=True)
class Answer:
    """What came of a request about an order."""

    kind: Kind
    venue: Venue = Venue.NONE
    detail: str = ""


class Clob:
    """Orders of one API key."""

    def __init__(self, client: ClobClient) -> None:
        # what the venue refuses is told by whoever asked; the client would print it as well
        logging.getLogger("py_clob_client_v2").setLevel(logging.CRITICAL)
        self._client = client
        self._heartbeat_id = ""
        self.trouble = ""  # why the venue took no order when it was last asked to

    def place(self, order: OrderV2, signature: bytes, kind: str = "GTC", expiry: int = 0) -> Answer:
        """Post an order (GTC, POST = post-only, FOK, FAK) once; never again by itself.

        One that may rest is given the signature's expiry (timestamp), so that the venue does not
        match what the account no longer signs.

        One that the venue has had before counts as a yes: its hash is its identity.
        """
        fields = vars(order)
        rests = kind in ("GTC", "POST")
        if rests and expiry:
            fields = fields | {"expiration": str(expiry)}
        signed = SignedOrderV2(**fields, signature="0x" + signature.hex())
        order_type = ("GTD" if expiry else "GTC") if rests else kind
        try:
            said = self._client.post_order(
                signed, order_type, post_only=kind == "POST", defer_exec=True
            )
        except PolyApiException as error:
            answer = _refusal(error)
            self.trouble = answer.detail if answer.kind == "nothing" else ""
            return answer
        except Exception as error:  # the client lets httpx' errors through in places
            return Answer("nothing", detail=str(error) or type(error).__name__)
        self.trouble = ""
        if not said.get("success"):
            return Answer("no", Venue.REJECTED, str(said.get("errorMsg")))
        return Answer("yes", venue_word(str(said.get("status", ""))))

    def look(self, order_hash: str) -> Answer:
        """Ask after an order by its hash; "no" means that the venue does not know it."""
        try:
            found = self._client.get_order(order_hash)
        except Exception as error:
            return Answer("nothing", detail=str(error) or type(error).__name__)
        if not found:
            return Answer("no", detail="the venue does not know the order")
        return Answer("yes", venue_word(str(found["status"])))

    def cancel(self, order_hash: str) -> Answer:
        """Ask for an order's end; "no" means that it was over already, or never there."""
        try:
            answer = self._client.cancel_order(OrderPayload(orderID=order_hash))
        except Exception as error:
            return Answer("nothing", detail=str(error) or type(error).__name__)
        if order_hash in answer["canceled"]:
            return Answer("yes", Venue.CANCELLED)
        return Answer("no", detail=str(answer["not_canceled"].get(order_hash, "")))

    def trades(self, order_hash: str, condition: str) -> dict[str, str] | None:
        """Return an order's trades, id -> status; None: no answer."""
        try:
            found = self._client.get_trades(TradeParams(market=condition))
        except Exception:
            return None
        return {each["id"]: each["status"] for each in found if _takes_part(each, order_hash)}

    def heartbeat(self) -> Answer:
        """Say that we live: without it the venue takes our resting orders out."""
        try:
            answer = self._client.post_heartbeat(self._heartbeat_id)
        except PolyApiException as error:
            self._heartbeat_id = ""
            return Answer("nothing", detail=str(error.error_msg))
        except Exception as error:
            return Answer("nothing", detail=str(error) or type(error).__name__)
        self._heartbeat_id = str(answer.get("heartbeat_id", ""))
        return Answer("yes")

    def time(self) -> int | None:
        """Return the venue's clock, seconds; None: no answer."""
        try:
            return int(self._client.get_server_time())
        except Exception:
            return None

    def refresh_funds(self) -> None:
        """Let the venue look at our balances again; a failure is found at the next order."""
        with suppress(Exception):
            self._client.update_balance_allowance(
                BalanceAllowanceParams(asset_type=AssetType.COLLATERAL)
            )


def _refusal(error: PolyApiException) -> Answer:
    text = str(error.error_msg)
    if error.status_code == 400 and "Duplicated" in text:
        return Answer("yes", detail="the venue had it already")
    if error.status_code in (400, 401, 403):
        return Answer("no", Venue.REJECTED, text)
    return Answer("nothing", detail=f"{error.status_code}: {text}")


def _takes_part(trade: dict[str, Any], order_hash: str) -> bool:
    makers = (maker["order_id"] for maker in trade["maker_orders"])
    return trade["taker_order_id"] == order_hash or order_hash in makers
