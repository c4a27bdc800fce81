"""Fills and token operations out of the chain's logs, held against what the venue's real code did.

The logs are encoded here from recorded events of the real exchange (tests/conformance/vectors) and
from events by hand; the recording also says how every balance changed."""

import gzip
import json
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner
from eth_abi import encode
from eth_utils import keccak
from strongroom.chain.jsonrpc import Log
from strongroom.cli.main import command
from strongroom.data.folder import open_folder
from strongroom.data.schema import Table
from strongroom.data.sources.chain_events import TOPICS

from tests.spoken_node import spoken_node

VECTORS = Path(__file__).parents[1] / "conformance" / "vectors" / "exchange_v2_matches.json.gz"
TIME, M = 1_770_000_000, 1_000_000
A, B, X = ("0x" + digit * 40 for digit in "abc")
EXCHANGE = "0x" + "e" * 40
FIRST = "OrderFilled(bytes32,address,address,uint256,uint256,uint256,uint256,uint256)"
SECOND = (
    "OrderFilled(bytes32,address,address,uint8,uint256,uint256,uint256,uint256,bytes32,bytes32)"
)
RESOLUTION = "ConditionResolution(bytes32,address,bytes32,uint256,uint256[])"
SPLIT = "PositionSplit(address,address,bytes32,bytes32,uint256[],uint256)"
REDEMPTION = "PayoutRedemption(address,address,bytes32,bytes32,uint256[],uint256)"
CONVERSION = "PositionsConverted(address,bytes32,uint256,uint256)"
# as every explorer of Polygon shows them
KNOWN = {
    FIRST: "d0a08e8c493f9c94f29311604c9de1b4e8c8d4c06bd0c789af57f2d65bfec0f6",
    RESOLUTION: "b44d84d3289691f71497564b85d4233648d9dbae8cbdbb4329f301c3a0185894",
    SPLIT: "2e6bb91f8cbcda0c93623c54d0403a43514fabc40084ec96b6d5379a74786298",
    REDEMPTION: "2682012a4a4f1973119f1c9b90745d1bd91fa2bab387344f044cb3586864d18d",
}


def log(signature, indexed, inside, number=0):
    """Encode a log: (type, value) of the indexed and of the other arguments."""
    topics = [keccak(text=signature), *(encode([kind], [value]) for kind, value in indexed)]
    data = encode([kind for kind, _ in inside], [value for _, value in inside])
    return {
        "topics": ["0x" + each.hex() for each in topics],
        "data": "0x" + data.hex(),
        "block_timestamp": TIME + number,
        "block_number": 100 + number,
        "log_index": number,
        "transaction_hash": f"0x{number:064x}",
    }


def filled(maker, taker, side, token, making, taking, fee, number=0):
    indexed = [("bytes32", bytes(32)), ("address", maker), ("address", taker)]
    inside = [("uint8", side), *(("uint256", each) for each in (token, making, taking, fee)),
              ("bytes32", bytes(32)), ("bytes32", bytes(32))]  # fmt: skip
    return log(SECOND, indexed, inside, number)


def filled_first(maker, taker, gives, gets, making, taking, fee):
    indexed = [("bytes32", bytes(32)), ("address", maker), ("address", taker)]
    inside = [("uint256", each) for each in (gives, gets, making, taking, fee)]
    return log(FIRST, indexed, inside)


def imported(to, source, *words):
    typed = ["import", source, *words, "--to", to, "--json"]
    done = CliRunner().invoke(command, list(map(str, typed)), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


def rows(to, table):
    return open_folder(to).table(table).collect().rows(named=True)


def test_the_topics_are_those_of_the_chain():
    for signature, topic in KNOWN.items():
        assert keccak(text=signature).hex().removeprefix("0x") == topic
        assert bytes.fromhex(topic) in TOPICS
    assert keccak(text=SECOND) in TOPICS and keccak(text=CONVERSION) in TOPICS


def test_fills_of_the_real_exchange_move_the_tokens_that_they_say(tmp_path):
    """Every match of the recording: what its fills say each account bought and sold is by how much
    the real exchange changed its tokens (VENUE c)."""
    recorded = json.loads(gzip.decompress(VECTORS.read_bytes()))
    addresses = {name: address.lower() for name, address in recorded["addresses"].items()}
    tokens = recorded["tokens"]
    logs, moved, steps, empty = [], {}, 0, 0
    for scenario in recorded["scenarios"]:
        for step in scenario["steps"]:
            if not step["ok"]:
                continue
            steps += 1
            for event in step["events"]:
                if event["name"] != "OrderFilled":
                    continue
                _, maker, taker, side, token, making, taking, fee, *_ = event["args"]
                who = [addresses.get(each, EXCHANGE) for each in (maker, taker)]
                number = int(tokens[token]) if token in tokens else int(token)
                empty += not (taking, making)[side]
                logs.append(filled(*who, side, number, making, taking, fee, steps))
            for name, change in step["delta"].items():
                for token, amount in change.items():
                    if token in tokens and name in addresses and name != "ex":
                        moved[steps, addresses[name], str(tokens[token])] = amount
    pl.DataFrame(logs).write_parquet(tmp_path / "logs.parquet")
    found = imported(tmp_path / "to", "logs", tmp_path / "logs.parquet")
    assert found["read"] == len(logs) > 200 and steps > 100
    assert found["kept"] == {"trades": len(logs) - empty}
    assert found["dropped"] == {"OrderFilled: of no tokens": empty}
    said, takers = Counter(), set()
    for each in rows(tmp_path / "to", Table.TRADES):
        key = each["block"] - 100, each["wallet"], each["token"]
        said[key] += each["size"] if each["side"] == "BUY" else -each["size"]
        assert abs(each["price"] * each["size"] - each["cash"] * M) <= each["size"]
        if each["against"] == addresses["ex"]:
            takers.add(key)
    differing = {key for key in {*said, *moved} if said[key] != moved.get(key, 0)}
    # where tokens are minted or merged a taker gets back what is left; his log does not say so
    assert len(differing) == 10 and differing <= takers
    assert all(said[key] < moved[key] <= 0 for key in differing)


def test_the_first_exchanges_name_assets(tmp_path):
    """By hand: a purchase of 10 at 0.40, the sale that it met, and a pair without collateral."""
    logs = [
        filled_first(A, B, 0, 77, 4 * M, 10 * M, 5),
        filled_first(B, EXCHANGE, 77, 0, 10 * M, 4 * M, 0),
        filled_first(A, B, 77, 78, M, M, 0),
    ]
    pl.DataFrame(logs).with_columns(pl.col("topics").list.join(",")).write_csv(tmp_path / "l.csv")
    found = imported(tmp_path / "to", "logs", tmp_path / "l.csv")
    assert found["dropped"] == {"OrderFilled: says nothing of a binary market": 1}
    names = ("wallet", "against", "side", "token", "price", "size", "cash", "fee")
    kept = rows(tmp_path / "to", Table.TRADES)
    assert [tuple(each[name] for name in names) for each in kept] == [
        (A, B, "BUY", "77", 400_000, 10 * M, 4 * M, 5),
        (B, EXCHANGE, "SELL", "77", 400_000, 10 * M, 4 * M, 0),
    ]
    assert (kept[0]["at_ms"], kept[0]["block"], kept[0]["log"]) == (TIME * 1_000, 100, 0)


def test_tokens_and_results(tmp_path):
    """Splits, redemptions, conversions, and resolutions: one side, a void, three outcomes."""
    condition, zero = bytes.fromhex("11" * 32), bytes(32)

    def resolved(name, payouts, number):
        indexed = [("bytes32", bytes.fromhex(name * 32)), ("address", X), ("bytes32", zero)]
        return log(RESOLUTION, indexed, [("uint256", len(payouts)), ("uint256[]", payouts)], number)

    logs = [
        log(SPLIT, [("address", A), ("bytes32", zero), ("bytes32", condition)],
            [("address", X), ("uint256[]", [1, 2]), ("uint256", 7 * M)], 1),
        log(REDEMPTION, [("address", A), ("address", X), ("bytes32", zero)],
            [("bytes32", condition), ("uint256[]", [1]), ("uint256", 3 * M)], 2),
        log(CONVERSION, [("address", B), ("bytes32", condition), ("uint256", 5)],
            [("uint256", M)], 3),
        resolved("22", [1, 0], 4), resolved("33", [1, 1], 5), resolved("44", [1, 0, 0], 6),
        log("Transfer(address,address)", [("address", A), ("address", B)], [("uint256", 1)]),
        {**resolved("55", [0, 1], 7), "data": "0x12"},
        {**resolved("66", [0, 1], 8), "block_timestamp": None},
        {**resolved("77", [0, 1], 9), "data": "no bytes"},
    ]  # fmt: skip
    frame = pl.DataFrame(logs, infer_schema_length=None)
    topics = [pl.col("topics").list.get(n, null_on_oob=True).alias(f"topic{n}") for n in range(4)]
    frame.with_columns(topics).drop("topics").write_parquet(tmp_path / "l.parquet")
    found = imported(tmp_path / "to", "logs", tmp_path / "l.parquet")
    assert (found["read"], found["kept"]) == (10, {"operations": 3, "outcomes": 2})
    assert found["dropped"] == {
        "ConditionResolution: says nothing of a binary market": 1, "log: of another event": 1,
        "ConditionResolution: cannot be decoded": 1, "log: no time": 1,
        "log: its topics or data are no bytes": 1,
    }  # fmt: skip
    told = rows(tmp_path / "to", Table.OPERATIONS)
    assert [(e["kind"], e["wallet"], e["market"], e["amount"], e["sets"]) for e in told] == [
        ("split", A, "0x" + "11" * 32, 7 * M, "1 2"),
        ("redeem", A, "0x" + "11" * 32, 3 * M, "1"),
        ("convert", B, "0x" + "11" * 32, M, "5"),
    ]
    results = sorted(rows(tmp_path / "to", Table.OUTCOMES), key=lambda each: each["market"])
    assert [(e["market"][-2:], e["yes"], e["void"], e["resolved_ms"]) for e in results] == [
        ("22", M, False, (TIME + 4) * 1_000), ("33", M // 2, True, (TIME + 5) * 1_000),
    ]  # fmt: skip


def test_fills_of_the_order_services_subgraph(tmp_path):
    """To the columns of its public exports; amounts are base units."""
    names = ("timestamp", "maker", "makerAssetId", "makerAmountFilled", "taker", "takerAssetId",
             "takerAmountFilled", "transactionHash")  # fmt: skip
    lines = [(TIME, A, 0, 4 * M, B, 77, 10 * M, "0x1"),
             (TIME, B, 77, 10 * M, EXCHANGE, 0, 4 * M, "0x1"),
             (TIME, A, 77, M, B, 78, M, "0x2"), (TIME, A, 0, M, B, 77, 0, "0x3"),
             ("soon", A, 0, M, B, 77, M, "0x4")]  # fmt: skip
    text = "\n".join(",".join(map(str, each)) for each in (names, *lines))
    (tmp_path / "orderFilled.csv").write_text(text)
    found = imported(tmp_path / "to", "logs", tmp_path / "orderFilled.csv")
    assert (found["read"], found["kept"]) == (5, {"trades": 2})
    assert found["dropped"] == {
        "fill: neither or both sides are collateral": 1, "fill: no size": 1, "fill: no time": 1,
    }  # fmt: skip
    kept = rows(tmp_path / "to", Table.TRADES)
    assert [(e["side"], e["price"], e["size"], e["cash"], e["fee"]) for e in kept] == [
        ("BUY", 400_000, 10 * M, 4 * M, None), ("SELL", 400_000, 10 * M, 4 * M, None),
    ]  # fmt: skip


@pytest.mark.parametrize("column", ["address", "contract_address"])
@pytest.mark.parametrize("raw", [False, True])
def test_where_files_say_whose_logs_they_have_those_count_that_are_named(tmp_path, column, raw):
    """Anybody can log what the venue logs: 0xde.. has a fill and a resolution of its own."""
    forger = "0x" + "de" * 20
    logs = [filled(A, B, 0, 77, 4 * M, 10 * M, 5, number) for number in range(4)]
    whose = [EXCHANGE, forger, EXCHANGE.upper().replace("X", "x"), forger]
    cells = [bytes.fromhex(each[2:]) if raw else each for each in whose]
    path = tmp_path / "l.parquet"
    pl.DataFrame(logs).with_columns(pl.Series(column, cells)).write_parquet(path)
    found = imported(tmp_path / "to", "logs", path, "--address", EXCHANGE)
    assert (found["kept"], found["dropped"]) == ({"trades": 2}, {"log: of another contract": 2})
    done = CliRunner().invoke(command, ["import", "logs", str(path), "--to", str(tmp_path / "x")])
    assert done.exit_code == 2 and f"has logs of {EXCHANGE}, {forger}" in done.output
    assert "--address" in done.output


def test_whose_logs_count_cannot_be_said_of_a_file_that_does_not_say_it(tmp_path):
    path = tmp_path / "l.parquet"
    pl.DataFrame([filled(A, B, 0, 77, 4 * M, 10 * M, 5)]).write_parquet(path)
    words = ["import", "logs", str(path), "--address", EXCHANGE, "--to", str(tmp_path / "x")]
    done = CliRunner().invoke(command, words)
    assert done.exit_code == 2 and "needs a column `address`" in done.output


def test_logs_of_a_node_are_the_same_rows(tmp_path):
    """A node that searches at most 300 blocks at once says what a file of its logs says."""
    logs = [filled(A, B, 0, 77, 4 * M, 10 * M, 5, number) for number in (0, 250, 700)]
    pl.DataFrame(logs).write_parquet(tmp_path / "l.parquet")
    imported(tmp_path / "file", "logs", tmp_path / "l.parquet")

    def spoken(each) -> Log:
        about = {"blockNumber": hex(each["block_number"]), "logIndex": hex(each["log_index"])}
        return {**about, "topics": each["topics"], "data": each["data"], "address": EXCHANGE,
                "transactionHash": each["transaction_hash"]}  # fmt: skip

    def say(method, parameters):
        if method == "eth_getBlockByNumber":
            number = int(parameters[0], 16)
            stamp = hex(TIME + number - 100)
            return {"result": {"number": hex(number), "timestamp": stamp, "hash": "0x" + "9" * 64}}
        (asked,) = parameters
        first, last = (int(asked[key], 16) for key in ("fromBlock", "toBlock"))
        if last - first >= 300:
            return {"error": {"code": -32_005, "message": "block range is too wide"}}
        assert asked["address"].lower() == EXCHANGE and logs[0]["topics"][0] in asked["topics"][0]
        return {"result": [spoken(e) for e in logs if first <= e["block_number"] <= last]}

    with spoken_node(say) as node:
        words = ("--rpc", node.url, "--address", EXCHANGE, "--from-block", 1, "--to-block", 900)
        found = imported(tmp_path / "node", "chain", *words)
        again = imported(tmp_path / "node", "chain", *words)
    assert found["read"] == 3 and found["kept"] == {"trades": 3}
    assert again == {**found, "before": True}
    assert rows(tmp_path / "node", Table.TRADES) == rows(tmp_path / "file", Table.TRADES)
