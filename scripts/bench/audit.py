"""Audited events a second, and memory, on synthetic histories of two lengths."""

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any

import click
from eth_abi.abi import encode
from strongroom.audit.auditor import Auditor, Scope
from strongroom.audit.events import Reader, vault_readers
from strongroom.audit.node import Node
from strongroom.backtest.simulated_requests import DEPOSIT
from strongroom.backtest.simulated_vault import Vault
from strongroom.chain.terms import UNLIMITED_ASSETS, UNLIMITED_DEPOSITS, Limits
from strongroom.chain.units import BPS, HOUR

VAULT = "0x" + "aa" * 20
ZERO = "0x" + "00" * 20
MANAGER = "0x" + "ff" * 20
PEOPLE = 50
TOPICS = {each.record.__name__: (topic, each) for topic, each in vault_readers().items()}
LIMITS = Limits(total_cap=UNLIMITED_ASSETS, velocity=UNLIMITED_ASSETS)
RATES = (200, 2_000, 0)
DECIMALS = 6


def _log(block: int, index: int, name: str, **fields: Any) -> dict[str, Any]:
    topic, reader = TOPICS[name]
    return {
        "address": VAULT,
        "topics": [topic, *("0x" + _encoded(type_, fields[n]) for n, type_ in reader.topics)],
        "data": "0x" + _data(reader, fields),
        "blockNumber": hex(block),
        "blockHash": _hash(block),
        "transactionHash": f"0x{block:062x}{index // 64:02x}",
        "logIndex": hex(index),
    }


def _hash(block: int) -> str:
    return f"0x{block:064x}"


def _encoded(type_: str, value: Any) -> str:
    return encode([type_], [value]).hex()


def _data(reader: Reader, fields: dict[str, Any]) -> str:
    return encode([t for _, t in reader.data], [fields[n] for n, _ in reader.data]).hex()


def history(events: int) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """Yield (time, logs) of blocks: requests, a report that deals with those of the report before,
    claims."""
    dice, now, block, written = random.Random(1), 1_700_000_000, 1, 0
    model: Vault[str] = Vault(LIMITS, RATES, [(MANAGER, BPS)], now)
    people = ["0x" + f"{number + 1:040x}" for number in range(PEOPLE)]
    first = [_log(block, n, "LimitSet", limit=n, new_value=value)
             for n, value in enumerate(astuple(LIMITS))]  # fmt: skip
    names = ("management_bps", "performance_bps", "hurdle_bps")
    first.append(_log(block, 20, "FeesSet", **dict(zip(names, RATES, strict=True))))
    first.append(_log(block, 21, "FeeRecipientsSet", recipients=[(MANAGER, BPS)]))
    first.append(
        _log(block, 22, "DepositTermsSet", deposit_limit=UNLIMITED_DEPOSITS, min_deposit=1)
    )
    yield now, first
    while written < events:
        now, block = now + HOUR, block + 1
        model.now = now
        logs: list[dict[str, Any]] = []
        for who in dice.sample(people, 10):
            assets = dice.randrange(1, 10**9)
            number = model.request(DEPOSIT, who, who, assets)
            logs.append(_log(block, len(logs) * 64, "DepositRequest", controller=who, owner=who,
                             requestId=number, sender=who, assets=assets))  # fmt: skip
        yield now, logs
        written += len(logs)
        now, block = now + HOUR, block + 1
        model.now = now
        logs = _reported(model, block)
        yield now, logs
        written += len(logs)
        block, logs = block + 1, []
        for who in model.queues[DEPOSIT].people():
            assets, _ = model.queues[DEPOSIT].can_claim(who)
            if not assets:
                continue
            _, shares = model.claim(DEPOSIT, who, assets, by_out=False)
            place = len(logs) * 64
            logs.append(_log(block, place, "Deposit", sender=who, owner=who, assets=assets,
                             shares=shares))  # fmt: skip
            logs.append(
                _log(block, place + 1, "Transfer", sender=VAULT, receiver=who, value=shares)
            )
        yield now, logs
        written += len(logs)


def _reported(model: Vault[str], block: int) -> list[dict[str, Any]]:
    """Report in a vault without markets; return what it logs."""
    queue = model.queues[DEPOSIT]
    waiting, asked = [(each, each.left) for each in queue.waiting], queue.open
    before = model.shares.get("vault", 0)
    dealt = model.report({})
    minted = model.shares.get("vault", 0) - before
    found: list[tuple[str, dict[str, Any]]] = [
        ("Reported", {"evidence": block.to_bytes(32, "big"), "markets": [], "books": [],
                      "words": []}),
    ]  # fmt: skip
    if dealt.minted:
        found.append(("Transfer", {"sender": ZERO, "receiver": MANAGER, "value": dealt.minted}))
    found += [
        ("FeesAccrued", {"management": dealt.management, "performance": dealt.performance,
                         "shares": dealt.minted, "high_water_mark": dealt.mark}),
        ("Dealt", {"nav_bid": dealt.nav_bid, "nav_ask": dealt.nav_ask, "supply": dealt.supply,
                   "bid": dealt.bid, "ask": dealt.ask, "room": dealt.room}),
    ]  # fmt: skip
    found += [
        ("EpochSettled", {"side": DEPOSIT, "epoch": each.number, "taken": left, "given": minted,
                          "left": 0})
        for each, left in waiting
    ]  # fmt: skip
    if minted:
        found.append(("Transfer", {"sender": ZERO, "receiver": VAULT, "value": minted}))
    found.append(("EpochClosed", {"side": DEPOSIT, "epoch": asked.number, "amount": asked.asked,
                                  "anchor": asked.anchor}))  # fmt: skip
    return [_log(block, place, name, **fields) for place, (name, fields) in enumerate(found)]


class Canned(Node):
    """A node that answers from a file, a piece at a time."""

    def __init__(self, path: Path, index: Sequence[tuple[int, int, int]]) -> None:
        super().__init__("")
        self._path, self._index = path, {block: (time, at) for block, time, at in index}

    def ask_all(self, asked: Sequence[tuple[str, list[Any]]]) -> list[Any]:
        """Answer blocks' times, views and logs."""
        found: list[Any] = []
        for method, parameters in asked:
            if method == "eth_getBlockByNumber":
                number = int(parameters[0], 16)
                time, _ = self._index[number]
                header = {"hash": _hash(number), "parentHash": _hash(number - 1)}
                found.append({"number": hex(number), "timestamp": hex(time)} | header)
            elif method == "eth_call":  # asset, and its decimals: a number that is both
                found.append("0x" + DECIMALS.to_bytes(32, "big").hex())
            else:
                first, last = (int(parameters[0][n], 16) for n in ("fromBlock", "toBlock"))
                found.append(list(self._logs(first, last)))
        return found

    def _logs(self, first: int, last: int) -> Iterator[Any]:
        with self._path.open() as source:
            source.seek(self._index[first][1])
            for _ in range(first, last + 1):
                yield from json.loads(source.readline())


def measure(events: int) -> dict[str, Any]:
    """Audit a history of so many events; return the rate, the peak memory and what differed."""
    with tempfile.TemporaryDirectory() as folder:
        path, index = Path(folder) / "logs", []
        with path.open("w") as target:
            for block, (when, logs) in enumerate(history(events), start=1):
                index.append((block, when, target.tell()))
                target.write(json.dumps(logs) + "\n")
        made = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        last = index[-1][0]
        node = Canned(path, index)
        auditor = Auditor(Scope("", VAULT, 1, last), node)
        progress = auditor.start()
        started = time.perf_counter()
        for end, raw in node.logs([VAULT], 1, last):
            auditor.book(progress, raw)
            progress.next_block = end + 1
        seconds = time.perf_counter() - started
        books = progress.ledger
        assert not books.differences, books.differences[:4]
        return {
            "events": books.events,
            "events_per_s": books.events / seconds,
            "made_mb": made // 1_024,
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1_024,
        }


@click.command()
@click.option("--events", type=int, help="Only measure this many, here.")
def cli(events: int | None) -> None:
    """Audit histories of 10,000 and 100,000 events (requests, reports with fees and settlement,
    claims; logs as JSON from a file in place of a node); print JSON.

    Example: python -m scripts.bench.audit
    """
    if events is not None:
        click.echo(json.dumps(measure(events)))
        return
    figures = {}
    for count in (10_000, 100_000):
        command = [sys.executable, "-m", "scripts.bench.audit", "--events", str(count)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found = json.loads(done.stdout)
        figures[f"audit.events_per_s.{count}"] = round(found["events_per_s"])
        figures[f"audit.peak_mb.{count}"] = found["peak_mb"]
    click.echo(json.dumps(figures))


if __name__ == "__main__":
    cli()
