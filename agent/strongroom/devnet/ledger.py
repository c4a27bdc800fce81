"""What a week came to, read from the chain's logs: reports, fees, fills and their decisions."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ape

from strongroom.chain.ids import decision_id
from strongroom.devnet.setup import Stage
from strongroom.reporting.evidence import evidence_hash

PPS = 10**6  # shares have six decimals more than assets


@dataclass(frozen=True)
class ReportLine:
    """One report as the chain logged it; micro-units."""

    time: int
    block: int
    nav_bid: int
    nav_ask: int
    supply: int
    management: int
    performance: int
    evidence: str

    @property
    def share_price(self) -> float:
        """NAV at the bid per share, in units."""
        return self.nav_bid * PPS / self.supply if self.supply else 1.0


@dataclass(frozen=True)
class FillLine:
    """One fill of an order of the vault's accounts."""

    transaction: str
    order_hash: str
    account: str
    decision: str  # what the order's signed metadata commits to
    time: int


def reports(stage: Stage) -> list[ReportLine]:
    """Return the vault's reports."""
    vault = stage.vault
    last = ape.chain.blocks.height + 1
    fees = {log.block_number: log for log in vault.FeesAccrued.range(0, last)}
    lines = []
    for log in vault.Reported.range(0, last):
        fee = fees.get(log.block_number)
        lines.append(
            ReportLine(
                ape.chain.blocks[log.block_number].timestamp,
                log.block_number,
                log.nav_bid,
                log.nav_ask,
                log.supply,
                fee.management if fee else 0,
                fee.performance if fee else 0,
                "0x" + bytes(log.evidence).hex(),
            )
        )
    return lines


def fills(stage: Stage) -> list[FillLine]:
    """Return the fills of orders whose maker is an account of the vault."""
    vault, exchange = stage.vault, stage.venue.exchange
    last = ape.chain.blocks.height + 1
    accounts = {log.account for log in vault.MarketOpened.range(0, last)}
    return [
        FillLine(
            str(log.transaction_hash),
            "0x" + bytes(log.orderHash).hex(),
            log.maker,
            "0x" + bytes(log.metadata).hex(),
            ape.chain.blocks[log.block_number].timestamp,
        )
        for log in exchange.OrderFilled.range(0, last)
        if log.maker in accounts
    ]


def revealed(evidence: Path, on_chain: set[str]) -> dict[str, Mapping[str, Any]]:
    """Return the decision records in the evidence documents that the chain has the hashes of, by
    what their own content makes their id."""
    found: dict[str, Mapping[str, Any]] = {}
    for path in sorted(evidence.glob("0x*.json")):
        if path.stem not in on_chain or "0x" + evidence_hash(path.read_bytes()).hex() != path.stem:
            continue
        for record in json.loads(path.read_text())["decisions"]:
            found["0x" + decision_id(record).hex()] = record
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
