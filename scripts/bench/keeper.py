"""How fast the keeper signs: `python -m scripts.bench.keeper`.

Orders a second beside the official client, in the same process on one core, both with coincurve and
pysha3. Both are given the same token, side, price, size and tick, and return a signed order: the
official client's `OrderBuilder.build_order` as the one owner of its Safe, and as a contract's
signer; our `build_order` and `sign_order` as the owners of a Safe, of one and of two, with the
envelope that the market's account reads. Then the time from a decision to its signed
order, on anvil, with the co-signer a process of its own and every journal step on disk; how often a
report of 64 markets asks the node; and what a tick computes that watches 2,000 markets.
"""

import gc
import gzip
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

os.environ.setdefault("ETH_HASH_BACKEND", "pysha3")  # read when eth_hash is first used

import httpx
from eth_account import Account
from py_clob_client_v2.clob_types import CreateOrderOptions, OrderArgsV2
from py_clob_client_v2.order_builder.builder import OrderBuilder
from py_clob_client_v2.order_utils.model.signature_type_v2 import SignatureTypeV2
from py_clob_client_v2.signer import Signer
from strongroom.chain.calls import make_call
from strongroom.chain.ids import (
    DecisionId,
    JsonObject,
    TokenId,
    intent_key,
    market_of,
    transaction_key,
)
from strongroom.chain.jsonrpc import JsonRpc
from strongroom.chain.nodes import TimelyNode
from strongroom.chain.orders import YES, OnFailure, OrderKind, Side
from strongroom.chain.rpc import Chain
from strongroom.chain.units import DAY, HOUR, MICRO
from strongroom.cosigner.facts import FRESH_S
from strongroom.devnet import polymarket
from strongroom.devnet.clock import DevnetClock
from strongroom.devnet.demo import RECORDED
from strongroom.devnet.deployer import devnet_chain
from strongroom.devnet.setup import Stage, StageOptions, set_up
from strongroom.information.books import BookReader
from strongroom.information.gamma import GammaClient, Market
from strongroom.information.sources import Sources
from strongroom.journal import Journal, OrderIntent
from strongroom.journal.states import TransactionState
from strongroom.keeper.tick import Keeper
from strongroom.keeper.wiring import build
from strongroom.signing.keys import sign_order
from strongroom.signing.order import ExchangeDomain, build_order
from strongroom.strategy.record import DecidedLeg, DecisionRecord, SizingNote

ROUNDS, CHUNK = 9, 500
SIGNATURES, WARM = 320, 20
MARKETS, TOGETHER = 64, 8  # open, and opened in one transaction
CHAIN_ID = 137
DOMAIN = ExchangeDomain("0xE111180000d2663C0091e4f400237545B87B996B", "2", CHAIN_ID)
ACCOUNT, SAFE = "0x" + "33" * 20, "0x" + "44" * 20
TOKEN = TokenId(2**255 - 19)
WATCHED, LEVELS, TICKS = 2_000, 10, 6
OPENING = transaction_key(b"open")


def figures() -> dict[str, float]:
    """Return orders per second of a processor's time: the best of some rounds, taken in turns."""
    makers = {
        "keeper.orders_per_s.official_safe": _official(SignatureTypeV2.POLY_GNOSIS_SAFE),
        "keeper.orders_per_s.official_contract": _official(SignatureTypeV2.POLY_1271),
        "keeper.orders_per_s.safe1": _ours(1),
        "keeper.orders_per_s.safe2of3": _ours(2),
    }
    best = dict.fromkeys(makers, 0.0)
    for _ in range(ROUNDS):
        for name, make in makers.items():
            start = time.process_time()
            for number in range(CHUNK):
                make(number)
            best[name] = max(best[name], CHUNK / (time.process_time() - start))
    ours = best["keeper.orders_per_s.safe1"]
    return {name: round(rate) for name, rate in best.items()} | {
        f"keeper.times_{name}.safe1": round(ours / best[f"keeper.orders_per_s.{name}"], 2)
        for name in ("official_safe", "official_contract")
    }


def _official(kind: SignatureTypeV2) -> Callable[[int], object]:
    """Return what makes the official client's signed order of a maker of some kind."""
    key = Account.from_key(b"\x07" * 32)
    builder = OrderBuilder(Signer("0x" + key.key.hex(), CHAIN_ID), kind, ACCOUNT)
    options = CreateOrderOptions(tick_size="0.01", neg_risk=False)

    def make(number: int) -> object:
        wanted = OrderArgsV2(token_id=str(TOKEN), price=0.51, size=10.0, side=Side.BUY)
        return builder.build_order(wanted, options)

    return make


def _ours(owners: int) -> Callable[[int], object]:
    keys = [Account.from_key(bytes([number]) * 32) for number in range(1, owners + 1)]
    price, tick = Decimal("0.51"), Decimal("0.01")

    def make(number: int) -> object:
        decision = DecisionId(f"0x{number:064x}")
        order = build_order(ACCOUNT, TOKEN, price, 10_000_000, tick, decision, 1_800_000_000_000)
        return sign_order(order, DOMAIN, 1_800_000_300, 0, SAFE, keys)

    return make


SECTIONS = """
[packs.tail]

[reporting]
evidence = "evidence"

[operations]
mode = "live"
"""


@contextmanager
def _keeper_of(
    records: list[JsonObject], written: Callable[[str], None] = lambda what: None
) -> Iterator[tuple[Stage, Keeper]]:
    """Yield a live keeper, its vault on anvil and its co-signer a process of its own."""
    with TemporaryDirectory() as name, devnet_chain(polymarket.CHAIN_ID) as chain:
        clock = DevnetClock(chain)
        stage = set_up(chain, clock, StageOptions(Path(name), records, SECTIONS))
        try:
            stage.start_cosigner()
            journal = Journal(stage.config.journal, written)
            yield stage, build(stage.config, clock=clock, journal=journal)
        finally:
            stage.close()


def _records(count: int) -> list[JsonObject]:
    """Return recorded markets of one oracle, so of one class."""
    found: dict[str, list[JsonObject]] = {}
    for record in json.loads(gzip.decompress(RECORDED.read_bytes())):
        if not (record.get("negRisk") or record.get("closed")) and record.get("resolvedBy"):
            found.setdefault(record["resolvedBy"], []).append(record)
    return max(found.values(), key=len)[:count]


def report_requests() -> dict[str, int]:
    """Return how many HTTP requests the keeper's node gets for the marks of 64 markets, and for
    their whole report, with its transaction and the check of its NAV."""
    with _keeper_of(_records(MARKETS)) as (stage, keeper):
        assert len(stage.markets) == MARKETS and isinstance(keeper.chain, Chain)
        assert keeper.reporter is not None and isinstance(keeper.chain.node, TimelyNode)
        node = keeper.chain.node.node
        assert isinstance(node, JsonRpc)
        _fund(stage, keeper)
        vault, deadline = keeper.vault.address, int(stage.clock()) + DAY
        for at in range(0, MARKETS, TOGETHER):
            openings = [
                make_call(vault, "Vault", "openMarket", 0, each.question_id, 1, deadline)
                for each in stage.markets[at : at + TOGETHER]
            ]
            key = transaction_key(b"open" + bytes([at]))
            state, why = keeper.transactor.run(key, "open", openings)
            assert state == TransactionState.DONE, why
        stage.clock.sleep(HOUR)
        asked = _counted(node)
        marks, _, _ = keeper.reporter.marks()
        of_marks = len(asked)
        assert len(marks) == MARKETS
        asked.clear()
        assert keeper.reporter.report() is not None
        return {
            f"keeper.marks_rpc_requests.{MARKETS}": of_marks,
            f"keeper.report_rpc_requests.{MARKETS}": len(asked),
        }


def _counted(node: JsonRpc) -> list[object]:
    """Return a list that gets an entry for every request to a node from now on."""
    asked: list[object] = []
    post = node._post

    def count(body: object, names: str) -> object:
        asked.append(names)
        return post(body, names)

    node._post = count  # type: ignore[method-assign]
    return asked


def _fund(stage: Stage, keeper: Keeper) -> None:
    """Bring a deposit into the vault."""
    stage.request_deposit("alice", 10_000 * MICRO)
    for _ in range(2):  # the first report closes the request, the second settles it
        stage.clock.sleep(HOUR)
        assert keeper.reporter is not None
        keeper.reporter.report()


def ticks() -> dict[str, float]:
    """Return the seconds that a tick computes which watches 2,000 markets, ten levels a side: one
    that reads the listing anew, and the next ones, which read the books."""
    (record,) = _records(1)
    venue = _Canned(record)
    with _keeper_of([record]) as (stage, keeper):
        _fund(stage, keeper)
        transport = httpx.MockTransport(venue.answer)
        gamma = GammaClient("http://gamma.invalid", transport=transport)
        keeper.sources = Sources(gamma, BookReader("http://books.invalid", transport=transport))
        gc.collect()
        gc.freeze()  # as keeper/run.py does
        spent = []
        for _ in range(TICKS):
            stage.clock.sleep(1)  # the chain goes on, however slow this machine is
            start = time.process_time()
            tick = keeper.tick()
            spent.append(time.process_time() - start)
            assert not tick.halts and not tick.decisions, tick
    assert len(venue.seen) == 2 * WATCHED
    return {
        "keeper.tick_cpu_s.2000.listing": round(spent[0], 3),
        "keeper.tick_cpu_s.2000": round(median(spent[1:]), 3),
    }


class _Canned:
    """Gamma's listing and the CLOB's books, of 2,000 markets at 50 cents, like a recorded one."""

    def __init__(self, record: JsonObject) -> None:
        self.seen: set[str] = set()  # tokens whose books were asked for
        self._known: dict[bytes, bytes] = {}  # question -> answer
        self._records = [
            record
            | {
                "conditionId": f"0x{number:064x}",
                "questionID": f"0x{number:064x}",
                "clobTokenIds": json.dumps([str(2 * number + 1), str(2 * number + 2)]),
                "question": f"Question {number}?",
                "outcomePrices": '["0.5", "0.5"]',
            }
            for number in range(WATCHED)
        ]

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer a page of the listing, or books."""
        name = request.content + str(request.url).encode()
        if name not in self._known:
            found = self._books(request) if request.method == "POST" else self._page(request)
            self._known[name] = json.dumps(found).encode()
        return httpx.Response(200, content=self._known[name])

    def _page(self, request: httpx.Request) -> JsonObject:
        start = int(request.url.params.get("after_cursor", 0))
        end = start + int(request.url.params["limit"])
        more = {"next_cursor": str(end)} if end < WATCHED else {}
        return {"markets": self._records[start:end], **more}

    def _books(self, request: httpx.Request) -> list[JsonObject]:
        asked = [each["token_id"] for each in json.loads(request.content)]
        self.seen.update(asked)
        bids = [{"price": f"0.{49 - n:02}", "size": "100.5"} for n in range(LEVELS)]
        asks = [{"price": f"0.{51 + n:02}", "size": "100.5"} for n in range(LEVELS)]
        return [
            {"asset_id": each, "bids": bids, "asks": asks, "tick_size": "0.01", "hash": "0x1"}
            for each in asked
        ]


def latencies() -> dict[str, float]:
    """Return milliseconds from a decision in the journal to its order signed there, and of them
    those that this process computes: on a busy machine the rest is mostly waiting for processors.
    Three commits reach the disk on the way; what one takes is told beside."""
    marks: list[tuple[str, float, float]] = []

    def written(what: str) -> None:
        marks.append((what, time.perf_counter(), time.process_time()))

    with _keeper_of(_records(1), written) as (stage, keeper):
        _sign_many(stage, keeper)
        synced = _syncs(stage.folder)
    starts = [mark for mark in marks if mark[0] == "decided"]
    ends = [mark for mark in marks if mark[0] == "SIGNED"]
    pairs = list(zip(starts, ends, strict=True))[WARM:]
    spent = quantiles([1_000 * (end[1] - start[1]) for start, end in pairs], n=100)
    computed = quantiles([1_000 * (end[2] - start[2]) for start, end in pairs], n=100)
    return {
        "keeper.latency_ms.p50": round(spent[49], 2),
        "keeper.latency_ms.p99": round(spent[98], 2),
        "keeper.latency_cpu_ms.p50": round(computed[49], 2),
        "keeper.disk_sync_ms.p50": round(median(synced), 2),
    }


def _syncs(folder: Path) -> list[float]:
    """Return the milliseconds that the disk takes for a page, some times."""
    found = []
    with (folder / "synced").open("wb", buffering=0) as file:
        for _ in range(SIGNATURES):
            file.write(bytes(4_096))
            start = time.perf_counter()
            os.fsync(file.fileno())
            found.append(1_000 * (time.perf_counter() - start))
    return found


def _sign_many(stage: Stage, keeper: Keeper) -> None:
    """Decide, sign and send, one order after the other. The venue refuses each: the market has no
    mark yet."""
    (market,), clock = stage.markets, stage.clock
    _fund(stage, keeper)
    vault = keeper.vault
    deadline = int(clock()) + DAY
    arguments = (0, market.question_id, 1, deadline)
    opening = make_call(vault.address, "Vault", "openMarket", *arguments)
    keeper.transactor.run(OPENING, "open", [opening])
    account = vault.account_of(market_of(0, market.question_key))
    assert account is not None, keeper.transactor.state(OPENING)
    time.sleep(FRESH_S)  # the co-signer's time is as old: it has not seen the hours pass
    for number in range(SIGNATURES):
        record = _record(market, vault.address, stage.venue.exchange.address, number)
        leg = record.legs[0]
        wanted = OrderIntent(
            key=intent_key(record.id, 0, 0),
            decision=record.id,
            account=account,
            condition=leg.condition,
            token=leg.token,
            side=leg.side,
            price=int(leg.price * MICRO),
            size=leg.size,
            time=int(clock()),
            exchange=leg.exchange,
        )
        keeper.journal.decide(record.id, record)
        keeper.desk.place(wanted, leg.tick)
        intent = keeper.journal.get(wanted.key)
        assert intent.signature, intent.reason


def _record(market: Market, vault: str, exchange: str, number: int) -> DecisionRecord:
    """Return a decision to buy ten YES, one of its own for each number."""
    leg = DecidedLeg(
        vault_market=market_of(0, market.question_key),
        condition=market.condition_id,
        question=market.question,
        token=market.token_ids[YES],
        outcome=market.outcomes[YES],
        side=Side.BUY,
        price=market.tick * 10,
        size=10 * MICRO,
        tick=market.tick,
        exchange=exchange,
        kind=OrderKind.GTC,
    )
    return DecisionRecord(
        pack="tail",
        code_version="bench",
        vault=vault,
        time=0,
        question=market.question,
        legs=(leg,),
        moves=(),
        budgets={market_of(0, market.question_key): 0},
        openings=(),
        resting=False,
        on_failure=OnFailure.HOLD,
        sure=False,
        edge="0",
        chance="0",
        cost="1",
        evidence=(),
        sizing=SizingNote("bench", "bench"),
        numbers={"number": number},
        nav=0,
        snapshot="",
    )


if __name__ == "__main__":
    print(json.dumps(figures() | latencies() | report_requests() | ticks()))
