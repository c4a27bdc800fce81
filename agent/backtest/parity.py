"""Does the backtester decide what the keeper decided? A recorded run through the same code again:
the same records, and the same bytes of every order."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from py_clob_client_v2.order_utils.model.side import Side

from agent.backtest.recording import recorded_salt, replay
from agent.execution.hashing import order_words
from agent.execution.orders import build_order
from agent.execution.tasks import UNWIND
from agent.ids import intent_key
from agent.journal import Journal
from agent.strategy.api import Pack
from agent.strategy.decide import Decision, Rules, decide

ATTEMPTS = 10  # of one leg, looked for


@dataclass(frozen=True)
class Parity:
    """What a replay came to; `differences` are in words."""

    views: int
    decisions: int
    orders: int
    differences: tuple[str, ...]


def check_parity(folder: Path, journal: Journal, packs: Sequence[Pack], rules: Rules) -> Parity:
    """Replay recorded views and compare with the journal of the run that recorded them.

    An order is rebuilt from the replayed decision's record: leg, price, time, salt, commitment. Its
    account is the chain's. The size of a leg that an earlier leg's fills have shrunk, or that was
    sold again, is the run's: fills are not decided.
    """
    salt, again, views = recorded_salt(folder), list[Decision](), 0
    for view in replay(folder):
        views += 1
        again += decide(view, packs, rules, salt).decisions
    differences = []
    tasks = journal.all_tasks()
    for number, (decision, task) in enumerate(zip(again, tasks, strict=False)):
        if decision.id != task.decision:
            differences.append(
                f"decision {number}: 0x{decision.id.hex()} again, first 0x{task.decision.hex()}"
            )
    if len(again) != len(tasks):
        differences.append(f"{len(again)} decisions again, first {len(tasks)}")
    by_id = {decision.id: decision for decision in again}
    rows = [row for row in journal.all() if row.order_hash]
    for row in rows:
        found = by_id.get(bytes(row.decision))
        place = None if found is None else _place(bytes(row.key), found)
        if found is None or place is None:
            differences.append(f"order {row.order_hash}: no decision again")
            continue
        leg_number, attempt = place
        leg = found.record["legs"][leg_number % UNWIND]
        whole = leg_number < UNWIND and attempt == 0 and leg_number == 0
        side = leg["side"] if leg_number < UNWIND else "SELL"
        price = Decimal(leg["price"]) if leg_number < UNWIND else Decimal(row.price) / 10**6
        built = build_order(
            row.maker or row.account,
            int(leg["token"]),
            price,
            int(leg["size"]) if whole else row.size,
            Decimal("0.0001"),
            found.id,
            int(found.record["time"]) * 1000,
            Side.BUY if side == "BUY" else Side.SELL,
            bytes(row.key),
        )
        # the signed envelope begins with the order's words, as they went out
        sent = bytes(row.signature)[: len(order_words(built))]
        if order_words(built) != sent:
            differences.append(f"order {row.order_hash}: other bytes")
    return Parity(views, len(again), len(rows), tuple(differences))


def _place(key: bytes, decision: Decision) -> tuple[int, int] | None:
    """Return leg and attempt that an intent's key stands for."""
    legs = range(len(decision.record["legs"]))
    for number in [*legs, *(UNWIND + leg for leg in legs)]:
        for attempt in range(ATTEMPTS):
            if intent_key(decision.id, number, attempt) == key:
                return number, attempt
    return None
