"""Audited events a second, and memory, on synthetic histories of two lengths."""

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from eth_abi.abi import encode
from strongroom.audit.auditor import Auditor, Scope
from strongroom.audit.events import Reader, vault_readers
from strongroom.audit.node import Node
from strongroom.backtest.simulated_vault import DEPOSIT, Vault
from strongroom.chain.units import BPS, HOUR, WAD

VAULT = "0x" + "aa" * 20
ZERO = "0x" + "00" * 20
MANAGER = "0x" + "ff" * 20
PEOPLE = 50
TOPICS = {each.record.__name__: (topic, each) for topic, each in vault_readers().items()}
LIMITS = {"max_spread_bps": 500, "max_up_bps": 1_000, "max_down_bps": 1_000,
          "max_day_up_bps": 2_000, "max_day_down_bps": 2_000, "min_report_interval": 60,
          "max_drawdown_bps": 9_000,
          "max_report_age": 10**9}  # fmt: skip
ORDINALS = {"max_up_bps": 0, "max_down_bps": 1, "max_day_up_bps": 2, "max_day_down_bps": 3,
            "max_spread_bps": 4, "min_report_interval": 5, "max_report_age": 7,
            "max_drawdown_bps": 11}  # fmt: skip


def _log(block: int, index: int, name: str, **fields: Any) -> dict[str, Any]:
    topic, reader = TOPICS[name]
    return {
        "address": VAULT,
        "topics": [topic, *("0x" + _encoded(type_, fields[n]) for n, type_ in reader.topics)],
        "data": "0x" + _data(reader, fields),
        "blockNumber": hex(block),
        "transactionHash": f"0x{block:062x}{index // 64:02x}",
        "logIndex": hex(index),
    }


def _encoded(type_: str, value: Any) -> str:
    return encode([type_], [value]).hex()


def _data(reader: Reader, fields: dict[str, Any]) -> str:
    return encode([t for _, t in reader.data], [fields[n] for n, _ in reader.data]).hex()


def history(events: int) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """Yield (time, logs) of blocks: requests, a report with fees and settlement, claims."""
    dice, now, block, written = random.Random(1), 1_700_000_000, 1, 0
    model = Vault(dict(LIMITS), (200, 2_000, 0), [(MANAGER, BPS)], now)
    people = ["0x" + f"{number + 1:040x}" for number in range(PEOPLE)]
    first = [_log(block, n, "LimitSet", limit=ORDINALS[name], new_value=value)
             for n, (name, value) in enumerate(LIMITS.items())]  # fmt: skip
    first.append(
        _log(block, 20, "FeesSet", management_bps=200, performance_bps=2_000, hurdle_bps=0)
    )
    recipients = [(MANAGER, BPS)]
    first.append(_log(block, 21, "FeeRecipientsSet", recipients=recipients))
    yield now, first
    epoch = 1
    while written < events:
        now, block = now + HOUR, block + 1
        model.now = now
        logs: list[dict[str, Any]] = []
        askers = dice.sample(people, 10)
        for who in askers:
            assets = dice.randrange(1, 10**9)
            model.request(DEPOSIT, who, who, assets)
            logs.append(_log(block, len(logs) * 64, "DepositRequest", controller=who, owner=who,
                             requestId=epoch, sender=who, assets=assets))  # fmt: skip
        yield now, logs
        written += len(logs)
        now, block, epoch = now + HOUR, block + 1, epoch + 1
        model.now = now
        before = dict(model.shares)
        supply, bid = model.supply, model.idle
        model.report({}, {}, block, {})
        logs = [_log(block, 0, "Reported", nav_bid=bid, nav_ask=bid, supply=supply,
                     evidence=block.to_bytes(32, "big"), entries=[], words=[])]  # fmt: skip
        fee = model.shares.get(MANAGER, 0) - before.get(MANAGER, 0)
        management = bid * 200 * (2 * HOUR if supply else 0) // (BPS * 31_536_000)
        if fee:
            logs.append(
                _log(block, 1, "Transfer", sender=ZERO, receiver="0x" + "ff" * 20, value=fee)
            )
        logs.append(_log(block, 2, "FeesAccrued", management=management,
                         performance=model.last_fees - management, shares=fee,
                         high_water_mark=model.mark if supply else (bid + 1) * WAD))  # fmt: skip
        minted = model.shares.get("vault", 0) - before.get("vault", 0)
        logs.append(_log(block, 3, "Transfer", sender=ZERO, receiver=VAULT, value=minted))
        entered = model.idle - bid
        logs.append(_log(block, 4, "Settled", deposited_assets=entered, minted_shares=minted,
                         redeemed_shares=0, paid_assets=0))  # fmt: skip
        yield now, logs
        written += len(logs)
        block, logs = block + 1, []
        for who in askers:
            assets, shares = model.can_claim(DEPOSIT, who)
            model.claim(DEPOSIT, who, assets, by_out=False)
            place = len(logs) * 64
            logs.append(_log(block, place, "Transfer", sender=VAULT, receiver=who, value=shares))
            logs.append(_log(block, place + 1, "Deposit", sender=who, owner=who, assets=assets,
                             shares=shares))  # fmt: skip
        model.epochs[DEPOSIT][:] = model.epochs[DEPOSIT][-1:]
        yield now, logs
        written += len(logs)


class Canned(Node):
    """A node that answers from a file, a piece at a time."""

    def __init__(self, path: Path, index: Sequence[tuple[int, int, int]]) -> None:
        super().__init__("")
        self._path, self._index = path, {block: (time, at) for block, time, at in index}

    def ask_all(self, asked: Sequence[tuple[str, list[Any]]]) -> list[Any]:
        """Answer blocks' times and logs."""
        found: list[Any] = []
        for method, parameters in asked:
            if method == "eth_getBlockByNumber":
                time, _ = self._index[int(parameters[0], 16)]
                found.append({"timestamp": hex(time)})
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
        assert not books.differences, books.differences[:2]
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
