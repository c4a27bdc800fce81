"""The venue's relayer: makes wallets and Safes, and carries batches to wallets (VENUE b).

It takes what a builder's key signs. It is no authority: what it has done is read from the chain,
and a batch passes once, by its wallet's nonce.
"""

import json
from collections.abc import Callable

import httpx

from strongroom.chain.ending_line import EndingLine
from strongroom.chain.ids import JsonObject, read_json
from strongroom.chain.jsonrpc import shown_url
from strongroom.chain.whole_answers import WholeAnswers
from strongroom.errors import Away, Refused
from strongroom.execution.interfaces import RelayState
from strongroom.signing.deposit_wallet import WalletBatch
from strongroom.signing.venue_requests import (
    Credentials,
    builder_headers,
    safe_create_body,
    wallet_body,
    wallet_create_body,
)

TIMEOUT_S = 15.0
SUBMIT = "/submit"
_DONE = "STATE_CONFIRMED"
_FAILED = ("STATE_INVALID", "STATE_FAILED")  # what is neither is under way, new words too
# Of a 400 that says "not now": another action of the wallet is under way or was mined meanwhile.
_NOT_NOW = ("busy", "in-flight", "does not match on-chain nonce", "already deployed")


class RelayerAway(Away):
    """The relayer does not answer, or not now; nothing is known of what was asked."""


class RelayerRefuses(Refused):
    """The relayer does not carry it; the message has its words."""


class RelayerClient:
    """The relayer under one builder's key."""

    def __init__(
        self,
        url: str,
        key: Credentials,
        clock: Callable[[], float],
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Take this machine's clock, whose time is in each signed request."""
        self._url, self._key, self._clock = url.rstrip("/"), key, clock
        whole = WholeAnswers(transport or EndingLine(), TIMEOUT_S)
        self._http = httpx.Client(transport=whole, timeout=TIMEOUT_S)

    def make_wallet(self, owner: str, factory: str) -> str:
        """Ask for an owner's deposit wallet; return the action's id.

        Raises:
            RelayerAway, RelayerRefuses: see the classes.
        """
        return self._submit(wallet_create_body(owner, factory))

    def make_safe(self, owner: str, safe: str, factory: str, signature: bytes) -> str:
        """Ask for an owner's Safe; return the action's id.

        Raises:
            RelayerAway, RelayerRefuses: see the classes.
        """
        return self._submit(safe_create_body(owner, safe, factory, signature))

    def carry(self, batch: WalletBatch, owner: str, factory: str, signature: bytes) -> str:
        """Ask to bring a batch to its wallet; return the action's id.

        Raises:
            RelayerAway, RelayerRefuses: see the classes.
        """
        return self._submit(wallet_body(batch, owner, factory, signature))

    def look(self, action: str) -> tuple[RelayState, str]:
        """Return how far an action has come, and the relayer's words on a failure.

        Raises:
            RelayerAway: it does not say.
        """
        found = self._ask("GET", f"/v1/account/transactions/{action}")
        state = found.get("state")
        if not isinstance(state, str) or not state:
            raise RelayerAway(f"{shown_url(self._url)} names no state of what it took")
        if state == _DONE:
            return RelayState.DONE, ""
        if state in _FAILED:
            return RelayState.FAILED, str(found.get("error_msg") or state)
        return RelayState.UNDER_WAY, state

    def _submit(self, body: JsonObject) -> str:
        found = self._ask("POST", SUBMIT, json.dumps(body))
        action = found.get("transactionID")
        if not isinstance(action, str) or not action:
            raise RelayerAway(f"{shown_url(self._url)} names no action for what it took")
        return action

    def _ask(self, method: str, path: str, body: str = "") -> JsonObject:
        headers = dict(builder_headers(self._key, int(self._clock()), method, path, body))
        if body:
            headers["Content-Type"] = "application/json"
        try:
            answer = self._http.request(method, self._url + path, content=body, headers=headers)
            found = read_json(answer.content)
        except (httpx.HTTPError, ValueError) as error:
            raise RelayerAway(f"the relayer does not answer: {error}") from error
        status = answer.status_code
        if status < 400 and isinstance(found, dict):
            return found
        said = f"{status}: {found.get('error', found) if isinstance(found, dict) else found}"
        if status in (400, 401, 403) and not any(each in said for each in _NOT_NOW):
            raise RelayerRefuses(f"the relayer refuses: {said}")
        raise RelayerAway(f"the relayer says not now: {said}")
