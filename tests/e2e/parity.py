"""Does the backtester decide what the keeper decided? A recorded run through the same code again:
the same records, and the same bytes of every order."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from strongroom.chain.ids import IntentKey, intent_key
from strongroom.chain.orders import Side
from strongroom.execution.legs import sale_of, sized
from strongroom.execution.order_desk import FINEST_TICK
from strongroom.execution.tasks import UNWIND, TaskRules
from strongroom.journal import Journal
from strongroom.keeper.recording import replay
from strongroom.signing.hashing import order_words
from strongroom.signing.order import build_order
from strongroom.strategy.api import Pack
from strongroom.strategy.decide import Decision, decide
from strongroom.strategy.rules import Rules

ATTEMPTS = 10  # of one leg, looked for


@dataclass(frozen=True)
class Parity:
    """The result of a replay; `differences` are in words."""

    views: int
    decisions: int
    orders: int
    differences: tuple[str, ...]


def check_parity(
    folder: Path, journal: Journal, packs: Sequence[Pack], rules: Rules, tasks: TaskRules
) -> Parity:
    """Replay recorded views and compare with the journal of the run that recorded them.

    An order is rebuilt from the replayed decision's record: side, price, size, time, salt,
    commitment. Two things are the run's, since nobody decides them: the account, which the chain
    names, and the fills of earlier orders, which a later leg's size follows from.
    """
    salt, again, views = (folder / "salt").read_text(), list[Decision](), 0
    for view in replay(folder):
        views += 1
        again += decide(view, packs, rules, salt).decisions
    differences = []
    first = journal.all_tasks()
    for number, (decision, task) in enumerate(zip(again, first, strict=False)):
        if decision.id != task.decision:
            differences.append(f"decision {number}: {decision.id} again, first {task.decision}")
    if len(again) != len(first):
        differences.append(f"{len(again)} decisions again, first {len(first)}")
    by_id = {decision.id: decision for decision in again}
    intents = [each for each in journal.all() if each.order_hash]
    for intent in intents:
        found = by_id.get(intent.decision)
        place = None if found is None else _place(intent.key, found)
        if found is None or place is None:
            differences.append(f"order {intent.order_hash}: no decision again")
            continue
        side, price, size = _order(journal, found, *place, tasks)
        built = build_order(
            intent.maker or intent.account,
            found.record.legs[place[0] % UNWIND].token,
            price,
            size,
            FINEST_TICK,
            found.id,
            found.record.time * 1000,
            side,
            intent.key,
            intent.kind,
        )
        # the signed envelope begins with the order's words, as they went out
        sent = intent.signature[: len(order_words(built))]
        if order_words(built) != sent:
            differences.append(f"order {intent.order_hash}: other bytes")
    return Parity(views, len(again), len(intents), tuple(differences))


def _order(
    journal: Journal, decision: Decision, number: int, attempt: int, tasks: TaskRules
) -> tuple[Side, Decimal, int]:
    """Return side, price and size of an order, given what the orders before it have filled."""
    record = decision.record
    legs, place = record.legs, number % UNWIND
    leg, is_unwind = legs[place], number >= UNWIND

    def filled(leg_number: int, attempts: int) -> int:
        keys = (intent_key(decision.id, leg_number, each) for each in range(attempts))
        return sum(each.filled for key in keys if (each := journal.find(key)) is not None)

    ratio = Decimal(1)
    leaves = all(each.side == Side.SELL for each in legs)
    for earlier, each in enumerate(legs):
        if record.resting or (earlier >= place and (each.side == leg.side == Side.BUY or leaves)
                              and not is_unwind):  # fmt: skip
            break
        if each.side == Side.BUY or leaves:
            ratio = min(ratio, Decimal(filled(earlier, ATTEMPTS)) / each.size)
    if is_unwind:
        excess = filled(place, ATTEMPTS) - int(leg.size * ratio)
        sale = sale_of(leg, excess, tasks.slippage_bps)
        return sale.side, sale.price, sale.size
    target = sized(leg, int(leg.size * ratio))
    return leg.side, leg.price, sized(leg, target - filled(number, attempt))


def _place(key: IntentKey, decision: Decision) -> tuple[int, int] | None:
    """Return leg and attempt that an intent's key stands for."""
    legs = range(len(decision.record.legs))
    for number in [*legs, *(UNWIND + leg for leg in legs)]:
        for attempt in range(ATTEMPTS):
            if intent_key(decision.id, number, attempt) == key:
                return number, attempt
    return None
