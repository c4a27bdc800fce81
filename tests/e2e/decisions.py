"""Fills and the decisions behind them, read from chain and evidence without the audit: the model
that the audit is held against."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strongroom.chain.ids import decision_id
from strongroom.devnet.setup import Stage
from strongroom.reporting.evidence import evidence_hash


@dataclass(frozen=True)
class FillLine:
    """One fill of an order of the vault's accounts."""

    transaction: str
    block: int
    decision: str  # what the order's signed metadata commits to
    time: int
    index: int
    maker: str


def fills(stage: Stage) -> list[FillLine]:
    """Return the fills of orders whose maker is an account of the vault."""
    accounts = {log.account for log in stage.vault.events("MarketOpened")}
    found = [log for log in stage.venue.exchange.events("OrderFilled") if log.maker in accounts]
    times = stage.chain.times([log.block_number for log in found])
    return [
        FillLine(
            log.transaction_hash,
            log.block_number,
            "0x" + log.metadata.hex(),
            time,
            log.log_index,
            log.maker,
        )
        for log, time in zip(found, times, strict=True)
    ]


def revealed(evidence: Path, on_chain: set[str]) -> dict[str, Mapping[str, Any]]:
    """Return the decision records in the evidence documents that the chain has the hashes of, by
    what their own content makes their id."""
    found: dict[str, Mapping[str, Any]] = {}
    for path in sorted(evidence.glob("0x*.json")):
        if path.stem not in on_chain or evidence_hash(path.read_bytes()) != path.stem:
            continue
        for record in json.loads(path.read_text())["decisions"]:
            found[decision_id(record)] = record
    return found


def unexplained(
    lines: Sequence[FillLine], records: Mapping[str, Mapping[str, Any]]
) -> list[tuple[FillLine, str]]:
    """Return the fills that no revealed decision explains, and why not."""
    found = []
    for line in lines:
        record = records.get(line.decision)
        if record is None:
            found.append((line, "no revealed record has this id"))
        elif int(record["time"]) > line.time:
            found.append((line, "the record is younger than its fill"))
    return found
