"""The keeper's own numbers, as its port tells them to Prometheus, and its health."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from strongroom.keeper.configuration import Config
from strongroom.keeper.run import SENDING
from strongroom.own_server import reached_at

TIMEOUT_S = 2.0
BINARY = frozenset({"breaker_tripped", "paused", "winding_down", "signers_ready"})
SHOWN = {  # name behind strongroom_ -> what a person reads
    "last_tick_timestamp_seconds": "last tick",
    "tick_seconds": "length of a tick, mean, seconds",
    "decisions_total": "decisions since its start",
    "last_report_timestamp_seconds": "last report",
    "max_report_age_seconds": "a report is too old after, seconds",
    "breaker_tripped": "breaker tripped",
    "paused": "vault paused",
    "winding_down": "vault winds down",
    "signers_ready": "all signatures can be had",
    "executor_gas_coins": "executor's money for gas, coins",
    "reversed_trades": "trades undone after they were matched",
    "ended_trades": "trades that have ended",
    "refused_records": "market records refused",
    "last_backup_timestamp_seconds": "newest backup of the journal",
    "untold_total": "messages that reached nobody",
}


@dataclass(frozen=True)
class Numbers:
    """What the port says.

    Attributes:
        rows: what and how much, in words
        reasons: why the keeper is not well
        why: nothing is known; empty: the keeper runs and answers
    """

    rows: tuple[tuple[str, str], ...] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)
    why: str = ""


def scrape(config: Config) -> Numbers:
    """Return the numbers of a keeper's port, if it is this keeper's."""
    operations = config.operations
    if not operations.metrics_port:
        return Numbers(why="its file names no [operations.metrics_port]")
    url = f"http://{reached_at(operations.metrics_host)}:{operations.metrics_port}"
    try:
        answer = httpx.get(f"{url}/metrics", timeout=TIMEOUT_S)
        families = {each.name: each for each in text_string_to_metric_families(answer.text)}
        health = httpx.get(f"{url}/health", timeout=TIMEOUT_S).json()
        reasons = {str(name): str(why) for name, why in health["reasons"].items()}
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, AttributeError) as error:
        return Numbers(why=f"{url} does not answer ({type(error).__name__})")
    whose = {(each["vault"], each["mode"]) for each in _labels(families.get("strongroom_keeper"))}
    sends = operations.mode in SENDING  # one journal has the keepers of these modes
    if {(vault, mode in SENDING) for vault, mode in whose} != {(config.vault, sends)}:
        known = ", ".join(f"{vault} in mode {mode}" for vault, mode in sorted(whose)) or "unknown"
        return Numbers(why=f"{url} is another keeper's ({known})")
    rows = [row for name, words in SHOWN.items() for row in _rows(name, words, families)]
    return Numbers(tuple(rows), reasons)


def _labels(family: Metric | None) -> list[Mapping[str, str]]:
    return [] if family is None else [each.labels for each in family.samples]


def _rows(name: str, words: str, families: Mapping[str, Metric]) -> Iterable[tuple[str, str]]:
    family = families.get(f"strongroom_{name.removesuffix('_total')}")
    if family is None:
        return
    values = {each.name: each.value for each in family.samples}
    if family.type == "histogram":
        count = values[f"{family.name}_count"]
        yield words, f"{values[f'{family.name}_sum'] / count:.2f}" if count else "unknown"
        return
    for each in family.samples:
        if each.name == f"strongroom_{name}":
            what = ", ".join(each.labels.values())
            yield f"{words}: {what}" if what else words, _words(name, each.value)


def _words(name: str, value: float) -> str:
    if math.isnan(value):
        return "unknown"
    if name in BINARY:
        return "yes" if value else "no"
    if name.endswith("timestamp_seconds"):
        return f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M:%S} UTC"
    return f"{value:,.15g}"
