"""Fills and tokens from the chain's logs, out of files or from a node; what a log says,
chain_events.py knows."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from strongroom.chain.calls import Reads, head_of
from strongroom.chain.ids import to_bytes, to_hex
from strongroom.chain.jsonrpc import JsonRpc, Log, result_of
from strongroom.chain.units import MICRO
from strongroom.data.importing import Intake, Row
from strongroom.data.reading import batches, rows_of, time_ms
from strongroom.data.schema import BadData, Table
from strongroom.data.sources.chain_events import TOPICS, NothingTold, told
from strongroom.foreign_text import plain

WINDOW = 500  # blocks that are asked for at once
BLOCKS = 100  # whose times are asked for at once
MS = 1_000
MOST_NAMED = 4  # contracts of a file
NAMES = {
    "topics": ("topics",),
    "topic0": ("topic0", "topic_0"),
    "topic1": ("topic1", "topic_1"),
    "topic2": ("topic2", "topic_2"),
    "topic3": ("topic3", "topic_3"),
    "data": ("data",),
    "time": ("block_timestamp", "blockTimestamp", "timestamp", "block_time"),
    "block": ("block_number", "blockNumber"),
    "log": ("log_index", "logIndex"),
    "transaction": ("transaction_hash", "transactionHash", "tx_hash"),
    "contract": ("address", "contract_address", "contractAddress"),
}
SUBGRAPH = ("timestamp", "maker", "makerAssetId", "makerAmountFilled", "taker", "takerAssetId",
            "takerAmountFilled", "transactionHash")  # fmt: skip


Cell = bytes | str | int | list[str] | list[bytes] | None  # of a file


@dataclass(frozen=True)
class ChainLog:
    """A log with the time of its block."""

    at_ms: int
    topics: Sequence[bytes]
    data: bytes
    block: int | None
    number: int | None
    transaction: str | None


def take_log_files(intake: Intake, paths: Sequence[Path], addresses: Collection[str] = ()) -> None:
    """Read files of raw logs (topics, data, time of the block), or of the order service's subgraph
    (`makerAssetId` ...), each in CSV or Parquet.

    Args:
        addresses: of the contracts whose logs count, where files say whose they are: anybody can
            deploy one that logs the same events

    Raises:
        BadData: a file is of neither form, or says whose logs it has and nobody said which count,
            or the other way round.
    """
    done, of = 0, sum(map(rows_of, paths))
    known = {each.lower() for each in addresses}
    for path in paths:
        for part in batches(path, ()):
            if "makerAssetId" in part.columns:
                _take_subgraph(intake, path, part)
            else:
                for each in _raw(intake, path, part, known):
                    _take(intake, each)
            done += len(part)
            intake.progress(path.name, done, max(of, done))


def take_chain(intake: Intake, node: str, addresses: Sequence[str], first: int, last: int) -> None:
    """Read logs of contracts from a node.

    Args:
        node: its URL
        first, last: blocks, both included

    Raises:
        ChainAway: the node does not answer, or does not have the last block.
    """
    reads = Reads(JsonRpc(node))
    topics = [to_hex(topic) for topic in TOPICS]
    for start in range(first, last + 1, WINDOW):
        end = min(last, start + WINDOW - 1)
        logs = [log for each in addresses for log in reads.raw_logs(each, topics, (start, end))]
        numbers = sorted({int(log["blockNumber"], 16) for log in logs})
        times = _times(reads, numbers)
        order = sorted(
            logs, key=lambda log: (int(log["blockNumber"], 16), int(log["logIndex"], 16))
        )
        intake.read += len(order)
        for log in order:
            _take(intake, _spoken(log, times))
        intake.progress("blocks", end - first + 1, last - first + 1)


def last_block(node: str, block: int) -> str:
    """Return the hash of a block, which says of which chain it is and which of its branches; raises
    ChainAway."""
    reads = Reads(JsonRpc(node))
    found = reads.rpc("eth_getBlockByNumber", hex(block), False)
    head_of(found)
    return str(found["hash"])


def _times(reads: Reads, numbers: Sequence[int]) -> dict[int, int]:
    found = {}
    for start in range(0, len(numbers), BLOCKS):
        part = numbers[start : start + BLOCKS]
        answers = reads.answers([("eth_getBlockByNumber", (hex(each), False)) for each in part])
        for number, answer in zip(part, answers, strict=True):
            found[number] = head_of(result_of("block", answer)).timestamp
    return found


def _spoken(log: Log, times: Mapping[int, int]) -> ChainLog:
    block = int(log["blockNumber"], 16)
    return ChainLog(
        times[block] * MS,
        [to_bytes(each) for each in log["topics"]],
        to_bytes(log["data"]),
        block,
        int(log["logIndex"], 16),
        log["transactionHash"],
    )


def _raw(
    intake: Intake, path: Path, part: pl.DataFrame, known: Collection[str]
) -> Iterator[ChainLog]:
    """Yield the logs of a file's part, of the contracts that count."""
    found = {
        name: next((each for each in others if each in part.columns), None)
        for name, others in NAMES.items()
    }
    if not found["data"] or not found["time"] or not (found["topics"] or found["topic0"]):
        raise BadData(f"{path}: holds no logs: it needs topics (or topic0 ...), data and a time")
    if found["contract"] and not known:
        raise BadData(
            f"{path}: has logs of {_contracts(part[found['contract']])}: name those that count by "
            "--address: anybody can log the venue's events (docs/arbitrage.md has its addresses)"
        )
    if known and not found["contract"]:
        raise BadData(f"{path}: does not say whose logs it has: it needs a column `address`")
    columns = [part[each].alias(name) for name, each in found.items() if each and name != "time"]
    frame = pl.DataFrame([time_ms(part, found["time"]).alias("at_ms"), *columns])
    for row in frame.iter_rows(named=True):
        intake.read += 1
        if known and _address(row["contract"]) not in known:
            intake.dropped["log: of another contract"] += 1
            continue
        try:
            topics, data = _topics(row), _bytes(row["data"] or "0x")
        except (ValueError, TypeError):
            intake.dropped["log: its topics or data are no bytes"] += 1
            continue
        if row["at_ms"] is None:
            intake.dropped["log: no time"] += 1
            continue
        block, number = _whole(row.get("block")), _whole(row.get("log"))
        hash_ = row.get("transaction")
        name = to_hex(hash_) if isinstance(hash_, bytes) else hash_
        yield ChainLog(row["at_ms"], topics, data, block, number, name)


def _contracts(column: pl.Series) -> str:
    """Return the first addresses of a column, and how many more there are."""
    found = [_address(each) for each in column.unique(maintain_order=True).head(MOST_NAMED + 1)]
    more = ", ..." if len(found) > MOST_NAMED else ""
    return plain(", ".join(found[:MOST_NAMED])) + more


def _address(value: Cell) -> str:
    return to_hex(value) if isinstance(value, bytes) else str(value).lower()


def _topics(row: Mapping[str, Cell]) -> list[bytes]:
    listed = row.get("topics")
    if listed is None:
        return [_bytes(each) for n in range(4) if (each := row.get(f"topic{n}"))]
    if isinstance(listed, str):
        words = listed.replace("[", " ").replace("]", " ").replace(",", " ").replace('"', " ")
        return [_bytes(each) for each in words.split()]
    if not isinstance(listed, list):
        raise TypeError("topics are no list")
    return [_bytes(each) for each in listed if each]


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else to_bytes(str(value))


def _whole(value: object) -> int | None:
    try:
        return None if value in (None, "") else int(str(value), 0)
    except ValueError:
        return None


def _take(intake: Intake, log: ChainLog) -> None:
    try:
        table, row = told(log.topics, log.data)
    except NothingTold as error:
        intake.dropped[str(error)] += 1
        return
    if table is Table.OUTCOMES:
        intake.put(table, {**row, "resolved_ms": log.at_ms})
        return
    about: Row = {"at_ms": log.at_ms, "transaction": log.transaction, "block": log.block}
    intake.put(table, {**about, **row, "log": log.number})


def _take_subgraph(intake: Intake, path: Path, part: pl.DataFrame) -> None:
    """Take `OrderFilled` as the order service's subgraph has it: amounts in base units."""
    missing = [name for name in SUBGRAPH if name not in part.columns]
    if missing:
        raise BadData(f"{path}: lacks columns: {', '.join(missing)}")
    amounts = {
        name: part[f"{name}AmountFilled"].cast(pl.Int64, strict=False)
        for name in ("maker", "taker")
    }
    gives, gets = (part[f"{name}AssetId"].cast(pl.String) for name in ("maker", "taker"))
    buys = gives == "0"
    frame = pl.DataFrame(
        {
            "at_ms": time_ms(part, "timestamp"),
            "buys": buys,
            "one_side": (gives == "0") != (gets == "0"),
            "token": gets.zip_with(buys, gives),
            "size": amounts["taker"].zip_with(buys, amounts["maker"]),
            "cash": amounts["maker"].zip_with(buys, amounts["taker"]),
            "fee": part["fee"].cast(pl.Int64, strict=False) if "fee" in part.columns else None,
            "wallet": part["maker"].cast(pl.String).str.to_lowercase(),
            "against": part["taker"].cast(pl.String).str.to_lowercase(),
            "transaction": part["transactionHash"].cast(pl.String),
        },
        schema_overrides={"fee": pl.Int64},
    )
    kept = intake.keep(
        frame,
        {
            "fill: no time": pl.col("at_ms").is_null(),
            "fill: neither or both sides are collateral": ~pl.col("one_side"),
            "fill: no size": ~(pl.col("size") > 0),
            "fill: no cash": ~(pl.col("cash") >= 0),
        },
    )
    price = (pl.col("cash") / pl.col("size") * MICRO).round().cast(pl.Int64).alias("price")
    side = pl.when("buys").then(pl.lit("BUY")).otherwise(pl.lit("SELL")).alias("side")
    intake.add(Table.TRADES, kept.with_columns(price, side).drop("buys", "one_side"))
