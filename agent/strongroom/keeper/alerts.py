"""Webhooks: alerts for a person, posted as {"text": ...}, the format of chats."""

import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress

import httpx

from strongroom.chain.ids import Json

# Events that a person should know of; others are for the log.
WORTH = {
    "halted": "stopped deciding: {what}: {why}",
    "goes_on": "decides again: {what} is over",
    "report_pending": "a report waits for the guardian: NAV {nav_bid} to {nav_ask}",
    "somebody_else_reports": "does not report: the vault's reporter is {reporter}",
    "report_refused": "a report was refused: {why}",
    "nav_unknown": "whether the chain's NAV is ours is not known: {why}",
    "nav_differs": "the chain's NAV differs from ours by {difference_bid} / {difference_ask}",
    "failed": "failed and stopped: {error}",
    "duty_refused": "{purpose} was refused: {why}",
    "safe_used_by_another": "Safe {safe} was used in {transaction} by {who}",
    "session_ends": "the session key of wallet {wallet} {why}",
    "asked": "asks for a yes until {until}: {question}: {legs}: decision {decision}",
    "not_begun": "decision {decision} was not begun: {state}: {why}",
    "settled": "settled {market}: {profit} micro-units",
    "started": "the keeper of {vault} has started ({mode})",
    "stopped": "the keeper of {vault} has stopped",
}
TIMEOUT_S = 5.0


class Alerts:
    """Posts in its own threads: a dead webhook never blocks the keeper."""

    def __init__(self, urls: Sequence[str], name: str) -> None:
        self._urls, self._name = urls, name

    def __call__(self, event: str, fields: Mapping[str, Json]) -> None:
        """Post an event if it is worth it."""
        if event not in WORTH or not self._urls:
            return
        text = f"Strongroom {self._name}: {WORTH[event].format_map(_Lenient(fields))}"
        for url in self._urls:
            threading.Thread(target=_post, args=(url, text), daemon=True).start()


class _Lenient(dict[str, Json]):
    def __missing__(self, key: str) -> str:
        return "?"


def _post(url: str, text: str) -> None:
    with suppress(httpx.HTTPError):  # the log has the event, too
        httpx.post(url, json={"text": text}, timeout=TIMEOUT_S)
