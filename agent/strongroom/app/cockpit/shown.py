"""What the cockpit shows at a moment, as the browser gets it: rows of words, made from the journal
and from what the keeper's port says. Nothing here asks the chain or the venue."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from strongroom.app.cockpit.gauges import Numbers
from strongroom.app.cockpit.holdings import HeldRow
from strongroom.chain.units import BPS, format_units
from strongroom.execution.taken_out import is_taken_out
from strongroom.journal import Journal, OrderIntent, Task
from strongroom.journal.lock import holder
from strongroom.journal.states import AnswerKind
from strongroom.keeper.configuration import Config
from strongroom.keeper.halts import CURES, TICKS, UNFORESEEN
from strongroom.keeper.health import SourcesHealth
from strongroom.keeper.standing import AGAIN_S, Standing, opening_fact
from strongroom.keeper.status import Graded, asked
from strongroom.reporting.explanation import approval_words, bound_words
from strongroom.settings import ConfigError
from strongroom.strategy.portfolio import share_price
from strongroom.strategy.record import DecidedLeg, DecisionRecord
from strongroom.strategy.view import VaultState

SILENT_S = 3 * AGAIN_S  # a keeper that has said nothing for so long hangs


@dataclass(frozen=True)
class HaltRow:
    """What stops decisions, why, and what a person does about it."""

    name: str
    why: str
    cure: str


@dataclass(frozen=True)
class BudgetRow:
    """A limit and how much of it is used, in words; `part` of a thousand."""

    what: str
    used: str
    limit: str
    part: int


@dataclass(frozen=True)
class OrderRow:
    """An order that something may still come of."""

    key: str
    decision: str
    question: str
    order: str
    filled: str
    stands: str
    expires: int | None


@dataclass(frozen=True)
class DecisionRow:
    """A decision and what came of it; `number` is its task's, 0: a person was asked about it."""

    number: int
    id: str
    time: int
    pack: str
    question: str
    legs: tuple[str, ...]
    stands: str


@dataclass(frozen=True)
class SourceRow:
    """A source, and how it is."""

    name: str
    how: str
    asked: int
    failed: int


@dataclass(frozen=True)
class ForecasterRow:
    """A forecaster's record against the market's prices."""

    name: str
    events: int
    brier: str
    market: str
    graduated: str
    why: str


@dataclass(frozen=True)
class CockpitView:
    """All of it.

    Attributes:
        wrote_at: when the keeper last wrote how it stands, by its machine's clock; None: never
        seen_at: when it last read the vault, timestamp of the chain; None: never
        runs: its port answers
        alive: its process is there; None: that is not known
        cards: amount and what it is
        numbers_why: there are no numbers; empty: there are
    """

    vault: str
    mode: str
    wrote_at: int | None
    seen_at: int | None
    ended: bool
    runs: bool
    alive: bool | None
    halts: tuple[HaltRow, ...]
    cosigner: str
    cards: tuple[tuple[str, str], ...]
    held: tuple[HeldRow, ...]
    budgets: tuple[BudgetRow, ...]
    orders: tuple[OrderRow, ...]
    transactions: tuple[tuple[str, str], ...]
    asked: tuple[DecisionRow, ...]
    decisions: tuple[DecisionRow, ...]
    sources: tuple[SourceRow, ...]
    sources_at: int | None
    forecasters: tuple[ForecasterRow, ...]
    numbers: tuple[tuple[str, str], ...]
    numbers_why: str


def halt_rows(standing: Standing | None, numbers: Numbers) -> Iterator[HaltRow]:
    """Return what stops decisions: as the port says now, else as the journal said last."""
    known = numbers.reasons if not numbers.why else {} if standing is None else standing.halts
    for name, why in sorted(known.items()):
        yield HaltRow(name, why, CURES.get(name, UNFORESEEN))


def is_alive(journal: str, numbers: Numbers) -> bool | None:
    """Return whether the keeper's process is there: its port answers, or its journal's lock is
    held; None: the database does not say.

    Args:
        journal: its URL
    """
    if not numbers.why:
        return True
    try:
        return holder(journal) is not None
    except (ConfigError, SQLAlchemyError):
        return None


def cosigner_words(
    config: Config, standing: Standing | None, numbers: Numbers, alive: bool | None, now: float
) -> str:
    """Return how the co-signer is: as the keeper that runs has found, else that it is not known.

    Args:
        alive: the keeper's process is there; None: that is not known
        now: this machine's time, seconds
    """
    if config.cosigner is None:
        return (
            "There is none: the keeper has all keys of its Safe. One on another machine is safer."
        )
    if standing is None:
        return "Not known: the keeper has not said yet."
    if alive is None:
        return "Not known: nor is whether the keeper runs."
    if not alive:
        return "Not known: the keeper does not run, so nobody asks it."
    halts = standing.halts if numbers.why else numbers.reasons
    if "signers" in halts:
        return f"Nothing can be signed: {halts['signers']}"
    if TICKS in halts or (numbers.why and now - standing.wrote_at > SILENT_S):
        return "Not known: the keeper's ticks do not go on, so nobody asks it."
    if standing.state is None or standing.seen_at != standing.at:
        return "Not known: the chain did not answer, so it was not asked."
    return "It answers, and could sign: it, its node and its store."


def cards(state: VaultState) -> Iterator[tuple[str, str]]:
    """Return the numbers that stand first."""
    yield _money(state.nav), "NAV at the bid"
    yield _money(state.idle), "idle"
    yield _money(state.total_exposure), "in markets, at cost"
    yield _money(state.total_losses), "losses that count"
    yield _money(state.owed), "owed to redemptions"
    yield str(len(state.markets)), "open markets"
    yield "yes" if state.dealable else "no", "deals and allocates"


def budget_rows(config: Config, journal: Journal, standing: Standing) -> Iterator[BudgetRow]:
    """Return the limits of vault, classes and markets, and the day's."""
    state = standing.state
    if state is None:
        return
    at_stake = state.total_exposure + state.total_losses
    yield _budget("all, with losses", at_stake, _cap(state.total_cap, state.total_cap_bps, state))
    velocity = _cap(state.velocity, state.velocity_bps, state)
    yield _budget("let out in a day, net", max(0, state.recent), velocity)
    for number, each in sorted(state.classes.items()):
        what = f"class {number}{', retired' if each.retired else ''}, with losses"
        used, cap = each.exposure + each.losses, _cap(each.class_cap, each.class_cap_bps, state)
        yield _budget(what, used, cap)
    yield from _day_rows(config, journal, standing, state)


def _day_rows(
    config: Config, journal: Journal, standing: Standing, state: VaultState
) -> Iterator[BudgetRow]:
    opening = journal.fact(opening_fact(standing.seen_at or standing.at))
    if not opening or not int(opening):
        return
    price = share_price(state.nav, state.supply)
    lost = max(0, -(-(int(opening) - price) * BPS // int(opening)))  # up
    most = config.limits.daily_loss_bps
    part = min(1_000, 1_000 * lost // most)
    yield BudgetRow("lost today, of a share", f"{lost / 100:g} %", f"{most / 100:g} %", part)


def _cap(assets: int, bps: int, state: VaultState) -> int:
    return min(assets, state.nav * bps // BPS)


def _budget(what: str, used: int, cap: int) -> BudgetRow:
    part = min(1_000, 1_000 * used // cap) if cap > 0 else 1_000
    return BudgetRow(what, _money(used), bound_words(cap, 2), part)


def order_row(intent: OrderIntent, question: str, ends: bool) -> OrderRow:
    """Return an open order in words.

    Args:
        ends: a person has taken it out
    """
    words = [intent.state.lower(), f"the venue says {intent.venue.lower()}"]
    if ends or intent.answer == AnswerKind.UNWANTED:
        words.append("is to end")
    if intent.reason:
        words.append(intent.reason)
    price = format_units(intent.price).rstrip("0")
    return OrderRow(
        intent.order_hash or intent.key,
        intent.decision,
        question,
        f"{intent.side} {_money(intent.size)} at {price} ({intent.kind})",
        _money(intent.filled),
        ", ".join(words),
        intent.expiry or None,
    )


def decision_row(task: Task, record: DecisionRecord, taken_out: bool) -> DecisionRow:
    """Return a decision in words."""
    stands = "under way" if task.state == "OPEN" else "over"
    if taken_out and task.state == "OPEN":
        stands += ", taken out"
    if task.reason:
        stands += f": {task.reason}"
    legs = tuple(map(_leg, record.legs))
    return DecisionRow(
        task.number, task.decision, task.time, _pack(record), record.question, legs, stands
    )


def asked_rows(journal: Journal) -> Iterator[DecisionRow]:
    """Return the decisions that wait for a person's yes."""
    for each in asked(journal):
        record, found = journal.record(each.decision), journal.approvals.find(each.decision)
        if found is None:
            continue  # it has begun since
        legs = tuple(map(_leg, record.legs))
        words = approval_words(found)
        question = record.question
        yield DecisionRow(0, each.decision, found.time, _pack(record), question, legs, words)


def decision_rows(journal: Journal, most: int, before: int | None = None) -> Iterator[DecisionRow]:
    """Return the newest decisions, newest first, of those before a task's number."""
    for task in journal.newest_tasks(most, before):
        record = journal.record(task.decision)
        yield decision_row(task, record, is_taken_out(journal, task))


def source_rows(health: SourcesHealth | None) -> Iterator[SourceRow]:
    """Return how the sources are."""
    for each in () if health is None else health.sources:
        yield SourceRow(each.name, each.wrong or "well", each.asked, each.failed)


def forecaster_rows(config: Config, graded: Mapping[str, Graded]) -> Iterator[ForecasterRow]:
    """Return each forecaster of file and journal, also one of which nothing has resolved."""
    signals = {each.name for each in config.forecasters if each.signal}
    names = dict.fromkeys([each.name for each in config.forecasters])
    for name in names | dict.fromkeys(graded):
        known = graded.get(name)
        signal = " (a signal: it moves no money by itself)" if name in signals else ""
        if known is None:
            why = f"no market that it forecast has resolved{signal}"
            yield ForecasterRow(name, 0, "unknown", "unknown", "no", why)
            continue
        card = known.record
        graduated = "yes" if known.graduated else "no"
        yield ForecasterRow(
            name, card.events, f"{card.brier:.4f}", f"{card.market_brier:.4f}", graduated,
            f"{known.why}{signal}",
        )  # fmt: skip


def _leg(leg: DecidedLeg) -> str:
    rests = f", first rests at {leg.rest_at}" if leg.rest_at is not None else ""
    return f"{leg.side} {_money(leg.size)} {leg.outcome} at {leg.price} ({leg.kind}{rests})"


def _pack(record: DecisionRecord) -> str:
    return f"{record.pack}, exit {record.exit_rule}" if record.exit_rule else record.pack


def _money(amount: int) -> str:
    return format_units(amount, 2)
