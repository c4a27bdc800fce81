"""`make fuzz-audit`: hostile evidence, logs, node answers and checkpoints, until the time is over.

Each input is a good one that was changed at random, or noise. It must be refused by name or read,
within two seconds and 384 MiB; the first that is not ends the run, and is written to build/.
"""

import json
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import click
from strongroom.audit.checkpoint import CheckpointError, Progress, read_checkpoint, write_checkpoint
from strongroom.audit.documents import read_document, read_records
from strongroom.audit.ledger import Ledger
from strongroom.audit.log_answers import log_in_one_form
from strongroom.audit.logs import BadLog
from strongroom.audit.movements import moves_of
from strongroom.audit.node import Node, NodeAway
from strongroom.audit.readers import read_log, vault_readers
from strongroom.chain.car import BadCar, content_id, header, root_of, section_head
from strongroom.chain.decision_records import MOST_RECORDS, records_call, records_in
from strongroom.chain.document_size import LARGEST, MOST_OF_DOCUMENT, size_of
from strongroom.chain.ids import (
    ConditionId,
    Json,
    JsonObject,
    QuestionId,
    TokenId,
    canonical,
    keccak,
    to_bytes,
)
from strongroom.chain.places import CarPlace, FolderPlace
from strongroom.chain.units import BPS, MICRO
from strongroom.information.books import quoted
from strongroom.information.gamma import FeeSchedule, Market
from strongroom.strategy.again import decide_again
from strongroom.strategy.api import make_pack
from strongroom.strategy.decide import decide
from strongroom.strategy.pack_code import OURS, code_hash, libraries, pack_code
from strongroom.strategy.published import (
    NamedPack,
    SettingsDocument,
    read_settings,
    settings_document,
)
from strongroom.strategy.rules import Exchanges, Rules
from strongroom.strategy.view import ClassState, VaultState, View

MOST_S, MOST_MB = 2.0, 384
LARGE_EVERY = 50  # of documents, one
VAULT = "0x" + "ab" * 20
LEG = {
    "vault_market": "0x" + "01" * 32, "condition": "0x" + "02" * 32, "question": "Will it?",
    "token": "77", "outcome": "Yes", "side": "BUY", "price": "0.124", "size": 50_000_000,
    "tick": "0.001", "exchange": "0x" + "ee" * 20, "kind": "POST",
}  # fmt: skip
DOCUMENT = canonical({
    "vault": VAULT, "timestamp": 1_700_000_000, "schema": "strongroom-evidence/4",
    "decisions": [{"time": 1_700_000_000, "on_failure": "hold", "legs": [LEG, LEG],
                   "grounds": {"view": "0x" + "01" * 32, "settings": "0x", "reveal_by": 7}}],
    "withheld": {"0x" + "05" * 32: 1_700_000_000},
})  # fmt: skip
TOPICS = sorted(vault_readers())
LOG = {
    "address": VAULT, "topics": [TOPICS[0], "0x" + "11" * 32, "0x" + "22" * 32],
    "data": "0x" + "00" * 31 + "20" + "00" * 31 + "02" + "11" * 64, "blockNumber": "0x7",
    "blockHash": "0x" + "33" * 32, "logIndex": "0x2", "transactionHash": "0x" + "44" * 32,
    "removed": False,
}  # fmt: skip
ODD = (b"", b"null", b"[]", b"{}", b"-1", b"1e999", b'"0x"', b'"\\ud800"', b"NaN", b"[" * 500)


def changed(dice: random.Random, text: bytes) -> bytes:
    """Return a text with some bytes changed, parts doubled, cut or replaced."""
    found = bytearray(text)
    for _ in range(dice.randrange(1, 6)):
        at = dice.randrange(len(found) + 1)
        match dice.randrange(6):
            case 0 if found:
                found[at % len(found)] = dice.randrange(256)
            case 1:
                found[at:at] = dice.choice(ODD)
            case 2:
                end = min(len(found), at + dice.randrange(200))
                found[at:at] = bytes(found[at:end]) * dice.choice((1, 2, 50, 2_000))
            case 3:
                del found[at : at + dice.randrange(100)]
            case 4:
                found[at:at] = bytes(dice.randrange(256) for _ in range(dice.randrange(20)))
            case _:
                end = at + dice.randrange(1, 20)
                found[at:end] = dice.choice(ODD)
    return bytes(found)


def large(dice: random.Random) -> bytes:
    """Return a document as large as one may be: the same again and again, or nearly."""

    def value(depth: int) -> Json:
        match dice.randrange(8 if depth else 5):
            case 0:
                return dice.choice(("", "a" * dice.randrange(200), "\u00e9\U0001f600", '"\\\n'))
            case 1:
                return dice.choice((0, -1, 10**70, 2**63))
            case 2:
                return dice.choice((1.5, 1e-300, 1.2345678901234567))
            case 3:
                return dice.choice((None, True, [], {}))
            case 4:
                return [value(depth - 1)] if depth else {}
            case 5:
                return [value(depth - 1) for _ in range(dice.randrange(4))]
            case _:
                return {str(n) * dice.randrange(4): value(depth - 1) for n in range(3)}

    item: Json = value(dice.randrange(6))
    for _ in range(dice.choice((0, 0, 5, 150))):
        item = [item] if dice.randrange(2) else {"": item}
    place = dice.choice(("x", "x", "legs", "question"))
    one = canonical({"decisions": [{"time": 1, place: item, "legs": [LEG | {place: item}]}]}
                    if place != "x" else {"x": [item]})  # fmt: skip
    inner = one[one.index(b"[") + 1 : -2]
    size, most = size_of(inner + b","), MOST_OF_DOCUMENT
    count = min(most.size // size.size, most.parts // max(1, size.parts),
                most.names // max(1, size.names), most.values // size.values)  # fmt: skip
    items = b",".join([inner] * (min(count, MOST_RECORDS) if place != "x" else count))
    if place == "x":
        return b'{"decisions":[],"vault":"%s","x":[%s]}' % (VAULT.encode(), items)
    return b'{"decisions":[%s],"vault":"%s"}' % (items, VAULT.encode())


def document(text: bytes) -> None:
    """Read it, from a file and a CAR file too, and as records of a transaction."""
    read_document(text)
    read_records([text])
    with tempfile.TemporaryDirectory() as folder:
        name = "0x" + keccak(text).hex()
        (Path(folder) / f"{name}.json").write_bytes(text)
        found = FolderPlace(Path(folder)).find(name)
        assert found.text == (text if len(text) <= LARGEST else None)


def car(text: bytes) -> None:
    """Look for a document in what may be a CAR file."""
    with tempfile.NamedTemporaryFile() as file, suppress(BadCar):
        file.write(text)
        file.flush()
        CarPlace(Path(file.name)).find("0x" + "11" * 32)


def carried(text: bytes) -> None:
    """Look for records in what may be a report's transaction."""
    read_records(records_in(text, "0x" + "11" * 32))


def decided(text: bytes) -> None:
    """Decide again on a view that somebody has changed."""
    decide_again(text, _GROUNDS[1], [DOCUMENT])


def settings(text: bytes) -> None:
    """Decide again by settings that somebody has changed."""
    decide_again(_GROUNDS[0], text, [DOCUMENT])


def log(text: bytes) -> None:
    """Read what a node may send for a log."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return
    with suppress(BadLog):
        read_log(found, vault_readers())
    with suppress(BadLog):
        list(moves_of(log_in_one_form(found)))


def answer(text: bytes) -> None:
    """Ask for a block, a number and logs of a node that says this to each question."""

    class Said(Node):
        def _post(self, body: Sequence[JsonObject]) -> bytes:
            said = [b'{"id": %d, "result": %s}' % (each["id"], text) for each in body]
            return b"[" + b", ".join(said) + b"]"

    node = Said("http://node", pause=lambda seconds: None)
    asks: tuple[Callable[[], object], ...] = (
        node.head, lambda: node.headers([7]), lambda: list(node.logs([VAULT], 7, 7)),
        lambda: node.times([7]),
    )  # fmt: skip
    for ask in asks:
        try:
            ask()
        except (NodeAway, BadLog):
            pass
        except Exception as error:
            if type(error).__name__ != "ChainAway":
                raise


def checkpoint(text: bytes) -> None:
    """Go on from a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state"
        path.write_bytes(text)
        with suppress(CheckpointError):
            read_checkpoint(path, VAULT, 100, lambda block: "0x")


def _kept() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state"
        write_checkpoint(path, Progress(Ledger(VAULT, 6), 5))
        return path.read_bytes()


def _car() -> bytes:
    root, text = root_of({"vault": VAULT}, [keccak(DOCUMENT)])
    leaf = section_head(content_id(keccak(DOCUMENT)), len(DOCUMENT)) + DOCUMENT
    return header(root) + section_head(root, len(text)) + text + leaf


def _carried() -> bytes:
    call = records_call("0x" + "11" * 32, [DOCUMENT] * 3)
    assert call is not None
    return to_bytes(call.data)


def _grounds() -> tuple[bytes, bytes]:
    """Return the documents of a view with one market, and of settings with pack tail."""
    market = Market(
        question="Will it?", outcomes=("Yes", "No"), condition_id=ConditionId("0x" + "02" * 32),
        question_id=QuestionId("0x" + "02" * 32), oracle=VAULT, token_ids=(TokenId(2), TokenId(3)),
        best_bid=Decimal("0.96"), best_ask=Decimal("0.97"), tick=Decimal("0.01"),
        min_size=Decimal(5), liquidity=Decimal(9_000), end=datetime(2026, 1, 3, tzinfo=UTC),
        closed=False, negative_risk=False, resolution_statuses=(), fees=FeeSchedule(),
        event="event", volume=Decimal(9_000), rules="Yes if it does.",
    )  # fmt: skip
    nav = 100_000 * MICRO
    terms = ClassState(VAULT, nav, BPS, nav, BPS, 10**7, 0)
    vault = VaultState(
        address=VAULT, nav=nav, supply=nav, idle=nav, owed=0, asked=0, total_exposure=0,
        total_losses=0, total_cap=nav, total_cap_bps=BPS, velocity=nav, velocity_bps=BPS, recent=0,
        question_cap_bps=BPS, max_buy_price=990_000, max_order_lifetime=600, price_band=0,
        marks_required=False, dealable=True, classes={0: terms},
    )  # fmt: skip
    yes, no = quoted(Decimal("0.96"), Decimal("0.97"), 10_000 * MICRO)
    now = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
    books = {TokenId(2): replace(yes, seen_at=now), TokenId(3): replace(no, seen_at=now)}
    seen = View(now, vault, {market.condition_id: market}, books)
    packs = (NamedPack("tail", pack_code("tail"), {}),)
    stated = SettingsDocument("", packs, Rules(Exchanges(VAULT)), code_hash(OURS), libraries())
    document = settings_document(stated, "salt")
    found = decide(seen, [make_pack("tail", {})], read_settings(document).rules, "salt")
    assert found.shown is not None, found.passed
    return found.shown.document, document


_GROUNDS = _grounds()


@click.command()
@click.option("--minutes", type=float, default=60.0, show_default=True)
@click.option("--seed", type=int, default=lambda: int(time.time()))
def cli(minutes: float, seed: int) -> None:
    """Read hostile input until the time is over."""
    click.echo(f"seed {seed}")
    dice, end, count, slowest = random.Random(seed), time.monotonic() + 60 * minutes, 0, 0.0
    block = {"number": "0x7", "hash": "0x" + "33" * 32, "parentHash": "0x", "timestamp": "0x1"}
    sources: tuple[tuple[Callable[[bytes], None], bytes], ...] = (
        (document, DOCUMENT), (log, json.dumps(LOG).encode()),
        (answer, json.dumps([LOG]).encode()), (answer, json.dumps(block).encode()),
        (checkpoint, _kept()), (car, _car()), (carried, _carried()),
        (decided, _GROUNDS[0]), (settings, _GROUNDS[1]),
    )  # fmt: skip
    while time.monotonic() < end:
        read, good = dice.choice(sources)
        if read is log:
            good = good.replace(TOPICS[0].encode(), dice.choice(TOPICS).encode())
        text = changed(dice, good)
        if read is document and not dice.randrange(LARGE_EVERY):
            text = large(dice)
        started = time.process_time()
        try:
            read(text)
        except BaseException:
            Path("build").mkdir(exist_ok=True)
            Path("build/fuzz-audit").write_bytes(text)
            click.echo(f"{read.__name__}: input {count}, in build/fuzz-audit", err=True)
            raise
        slowest = max(slowest, time.process_time() - started)
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1_024
        if slowest > MOST_S or most > MOST_MB:
            click.echo(f"{read.__name__}: {slowest:.2f} s, {most} MiB at input {count}", err=True)
            sys.exit(1)
        count += 1
    click.echo(f"{count:,} inputs, the slowest {slowest:.3f} s, {most} MiB")


if __name__ == "__main__":
    cli()
