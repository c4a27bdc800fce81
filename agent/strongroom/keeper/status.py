"""The state of a keeper's journal and its chain at a moment; no keeper needs to run."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from strongroom.analysis.calibration import Gate, ScoreCard, score
from strongroom.analysis.pool_fit import PoolFit, fit
from strongroom.chain.failures import ChainAway
from strongroom.chain.ids import DecisionId
from strongroom.database import paper_url, parsed
from strongroom.execution.fees import LEAST_BASE, LEAST_TIP, learnt_floor
from strongroom.execution.vault_reader import VaultReader
from strongroom.journal import Journal
from strongroom.journal.damage import legible
from strongroom.journal.states import ApprovalState
from strongroom.keeper.configuration import Config
from strongroom.keeper.health import SourcesHealth, kept_health
from strongroom.keeper.wiring import connect
from strongroom.reporting.explanation import NothingKnown, explain, find, newest
from strongroom.settings import ConfigError
from strongroom.strategy.view import VaultState


class NoJournal(ConfigError):
    """No keeper has written the journal yet."""


@dataclass(frozen=True)
class MarketStatus:
    """A market's part of the vault, micro-units."""

    exposure: int
    collateral: int


@dataclass(frozen=True)
class OpenTask:
    """A decision under way."""

    decision: str
    question: str


@dataclass(frozen=True)
class OpenOrder:
    """An order that may still be filled; its hash is None until it is signed."""

    order: str | None
    state: str
    venue: str


@dataclass(frozen=True)
class OpenTransaction:
    """A Safe transaction that is not final yet."""

    purpose: str
    state: str


@dataclass(frozen=True)
class Asked:
    """A decision that a person was asked about.

    Attributes:
        expires: timestamp of the chain
        rests: it is of quotes: what they would have earned, nobody can say
        profit: what it would have earned, had it begun; micro-units, None: not known
    """

    decision: DecisionId
    question: str
    state: str
    expires: int
    reason: str
    rests: bool
    profit: int | None


@dataclass(frozen=True)
class Status:
    """The vault and what is under way; money in micro-units. `least_tip` and `least_base_fee` are
    what nodes have asked for within a day, wei a gas; 0: nothing. `health` is of the sources, as
    the keeper last said; None: it never did."""

    vault: str
    nav: int
    idle: int
    exposure: int
    owed: int
    dealable: bool
    markets: Mapping[str, MarketStatus]
    asked: tuple[Asked, ...]  # that wait for a yes
    open_tasks: tuple[OpenTask, ...]
    open_orders: tuple[OpenOrder, ...]
    open_transactions: tuple[OpenTransaction, ...]
    reversed_trades: int
    ended_trades: int
    least_tip: int
    least_base_fee: int
    health: SourcesHealth | None


@dataclass(frozen=True)
class Graded:
    """A forecaster's record, and whether it has graduated."""

    source: str
    graduated: bool
    why: str
    record: ScoreCard


def open_journal(config: Config) -> Journal:
    """Return a keeper's journal, which must be there: looking at it makes and changes none.

    Raises:
        NoJournal: there is none yet.
        ConfigError: it cannot be read.
    """
    return open_at(config.journal, "live")


def open_at(url: str, mode: str) -> Journal:
    """Return the journal of a URL, as `open_journal` does.

    Args:
        mode: of the keeper that writes it
    """
    place = parsed(url)
    if place.get_backend_name() == "sqlite" and not Path(place.database or "").exists():
        cure = f"start a keeper with --mode {mode}"
        if mode == "live":  # nobody is told to send anything
            cure = "a keeper in mode live writes it"
            if Path(parsed(paper_url(url)).database or "").exists():
                cure += "; what paper did: strongroom keeper ui CONFIG --mode paper"
        raise NoJournal(f"[journal] {place.database}: it does not exist yet: {cure}")
    return Journal(url, upgrade=False)


def read_status(config: Config) -> Status:
    """Return how a keeper's vault and journal stand.

    Raises:
        ConfigError: chain or vault are not there, or the journal is damaged.
    """
    journal = open_journal(config)
    chain = connect(config)
    try:
        state = VaultReader(chain, config.vault, config.classes).read({})
        now = chain.now()
    except ChainAway as error:
        raise ConfigError(f"[chain.rpc_url] {error}") from error
    with legible():
        return _status(config, journal, state, now)


def _status(config: Config, journal: Journal, state: VaultState, now: int) -> Status:
    failed, ended = journal.reversals()
    return Status(
        vault=config.vault,
        nav=state.nav,
        idle=state.idle,
        exposure=state.total_exposure,
        owed=state.owed,
        dealable=state.dealable,
        markets={
            name: MarketStatus(each.exposure, each.collateral)
            for name, each in state.markets.items()
        },
        asked=tuple(asked(journal)),
        open_tasks=tuple(
            OpenTask(task.decision, journal.record(task.decision).question)
            for task in journal.open_tasks()
        ),
        open_orders=tuple(
            OpenOrder(row.order_hash or None, row.state, row.venue) for row in journal.open()
        ),
        open_transactions=tuple(
            OpenTransaction(row.purpose, row.state) for row in journal.transactions.open()
        ),
        reversed_trades=failed,
        ended_trades=ended,
        least_tip=learnt_floor(journal, LEAST_TIP, now),
        least_base_fee=learnt_floor(journal, LEAST_BASE, now),
        health=kept_health(journal),
    )


def story(journal: Journal, name: str = "") -> str:
    """Return the explanation of a decision, an intent or an order, by its beginning; without a
    name, of the last decision.

    Raises:
        NothingKnown: none begins so.
        JournalDamaged: see the class.
    """
    with legible(NothingKnown):
        return explain(journal, find(journal, name) if name else newest(journal))


def asked(journal: Journal, over: bool = False) -> list[Asked]:
    """Return the decisions that wait for a yes, oldest first.

    Args:
        over: also those that have begun or ended
    """
    book = journal.approvals
    with legible():
        return [
            Asked(
                each.decision,
                journal.record(each.decision).question,
                each.state,
                each.expires,
                each.reason,
                each.fills is None,
                each.profit,
            )
            for each in (book.all() if over else book.waiting())
        ]


def answer(journal: Journal, name: str, yes: bool, at: int, why: str = "") -> DecisionId:
    """Approve or decline a decision that waits; return which.

    Args:
        name: of the decision, or its beginning, 6 digits at least
        at: timestamp

    Raises:
        BadInput: no decision begins so.
        NotWaiting: it waits for no answer.
    """
    decision = find(journal, name)
    to = ApprovalState.APPROVED if yes else ApprovalState.DECLINED
    journal.approvals.answer(decision, to, at, why)
    return decision


def fit_weights(config: Config, ridge: float) -> PoolFit:
    """Return weights for the pool, fitted to the journal's forecasts; signals have none."""
    signals = {each.name for each in config.forecasters if each.signal}
    known = open_journal(config).resolved_forecasts()
    return fit({source: said for source, said in known.items() if source not in signals}, ridge)


def grade_forecasters(config: Config) -> list[Graded]:
    """Return each forecaster's record, over its forecasts whose markets have resolved."""
    return grade(open_journal(config))


def grade(journal: Journal) -> list[Graded]:
    """Return the record of each forecaster of a journal."""
    found = []
    for source, forecasts in journal.resolved_forecasts().items():
        passed, why = Gate().judge(forecasts)
        found.append(Graded(source, passed, why, score(forecasts)))
    return found
