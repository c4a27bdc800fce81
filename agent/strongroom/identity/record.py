"""A vault's track record as numbers of an auditor: yields, the deepest fall, losses.

The source is what `strongroom audit --out` wrote. A period that the record does not cover has no
number: unknown is not zero. Divisions go against the vault that is rated.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from strongroom.chain.ids import JsonObject, keccak, to_hex
from strongroom.chain.units import DAY, DECIMALS, MICRO, YEAR
from strongroom.errors import BadInput
from strongroom.identity.answer import AuditFile

TYPE = "strongroom-record/1"
YIELD, FALL, LOSSES = "tradingYield", "maxDrawdown", "losses"
PERIODS = {"day": DAY, "week": 7 * DAY, "month": 30 * DAY, "year": YEAR}  # seconds
WHOLE = "all"  # of the record: tag2 of what has no period
PERCENT_DECIMALS = 4  # a percent in ten-thousandths: a ratio in millionths


@dataclass(frozen=True)
class PricePoint:
    """A report's published bid, assets per share times 10**36."""

    block: int
    time: int
    price: int


@dataclass(frozen=True)
class Measure:
    """A number about an agent, times 10**decimals: percent, or units of the asset."""

    tag1: str
    tag2: str
    value: int
    decimals: int


def read_prices(folder: Path, verdict: AuditFile) -> tuple[list[PricePoint], str]:
    """Return the prices of an audit's reports.jsonl, oldest first, and keccak of the file.

    Raises:
        BadInput: the folder has none, or not those of all reports that its verdict counts: a
            part of a record is no record.
    """
    path = folder / "reports.jsonl"
    try:
        text = path.read_bytes()
        rows = [json.loads(line) for line in text.splitlines()]
        found = [
            PricePoint(int(each["block"]), int(each["time"]), int(each["price_bid"]))
            for each in rows
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(
            f"{path} is not what an audit wrote: run `strongroom audit --out`"
        ) from error
    counted = cast(JsonObject, verdict.document["checked"])["reports"]
    if len(found) != counted:
        raise BadInput(
            f"{path} has {len(found)} reports, the verdict counts {counted}: run `strongroom audit "
            "--out` with a new folder"
        )
    return found, to_hex(keccak(text))


def measures(prices: Sequence[PricePoint], losses: int) -> Iterator[Measure]:
    """Yield the numbers of a record that can be known.

    Args:
        prices: oldest first
        losses: of closed markets, base units of the asset
    """
    if prices:
        last = prices[-1]
        for name, seconds in PERIODS.items():
            since = [each for each in prices if each.time <= last.time - seconds]
            if since and since[-1].price:
                change = last.price * MICRO // since[-1].price - MICRO  # down: floor
                yield Measure(YIELD, name, change, PERCENT_DECIMALS)
        yield Measure(FALL, WHOLE, _deepest_fall(prices), PERCENT_DECIMALS)
    yield Measure(LOSSES, WHOLE, losses, DECIMALS)


def _deepest_fall(prices: Sequence[PricePoint]) -> int:
    """Return the deepest fall from a peak before it, millionths, up."""
    peak, deepest = 0, 0
    for each in prices:
        peak = max(peak, each.price)
        if peak:
            deepest = max(deepest, -((each.price - peak) * MICRO // peak))
    return deepest


@dataclass(frozen=True)
class RecordPlace:
    """What a record is of, and where it can be had again.

    Attributes:
        registry: eip155:<chain>:<address>
        block_hash: of the last block
        reports_hash: keccak of reports.jsonl
    """

    registry: str
    agent: int
    client: str
    chain_id: int
    code_hash: str
    block_hash: str
    reports_hash: str
    command: str


def feedback_file(measure: Measure, verdict: AuditFile, place: RecordPlace) -> JsonObject:
    """Return the file behind a number, with the standard's fields and ours."""
    created = datetime.fromtimestamp(verdict.number("to_time"), UTC)
    return {
        "agentRegistry": place.registry,
        "agentId": place.agent,
        "clientAddress": f"eip155:{place.chain_id}:{place.client}",
        "createdAt": created.isoformat().replace("+00:00", "Z"),
        "value": measure.value,
        "valueDecimals": measure.decimals,
        "tag1": measure.tag1,
        "tag2": measure.tag2,
        "strongroom": {
            "type": TYPE,
            "command": place.command,
            "chainId": place.chain_id,
            "vault": verdict.vault,
            "codeHash": place.code_hash,
            "fromBlock": verdict.number("from_block"),
            "toBlock": verdict.number("to_block"),
            "blockHash": place.block_hash,
            "verdictHash": verdict.digest,
            "reportsHash": place.reports_hash,
        },
    }
