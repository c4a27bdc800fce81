"""The keeper: one tick after the other, each from the chain's and the journal's state alone.

A tick follows what is under way, settles, looks, decides, carries out, tidies up and reports. What
goes wrong in one part is named, stops new decisions as long as it lasts, and leaves the others
going. Nothing that a tick needs is kept in memory, so it may die at any point.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError

from strongroom.analysis.calibration import Gate
from strongroom.chain.calls import Ask, first_line
from strongroom.chain.failures import WrongTime
from strongroom.chain.ids import ConditionId
from strongroom.chain.times import is_over
from strongroom.chain.units import MICRO
from strongroom.execution.housekeeping import Duties
from strongroom.execution.interfaces import ChainReads, Listener, OrderVenue, SafeSender
from strongroom.execution.order_desk import Desk
from strongroom.execution.tasks import Tasks
from strongroom.execution.vault_reader import VaultReader
from strongroom.execution.venues.pools import PoolMarket, read_pools
from strongroom.information.endpoint import Health
from strongroom.information.gamma import Market
from strongroom.information.sources import Look
from strongroom.journal import Journal
from strongroom.journal.states import AnswerKind
from strongroom.keeper.approving import Approvals
from strongroom.keeper.client_proposals import ClientDesk
from strongroom.keeper.forecast_record import ForecastRecord
from strongroom.keeper.halts import Defects, Named
from strongroom.keeper.health import HealthKeeper
from strongroom.keeper.past_trades import PastReader
from strongroom.keeper.restoring import RestoreWait
from strongroom.keeper.sessions import SessionWatch
from strongroom.keeper.standing import opening_fact
from strongroom.reporting.report import Reporter
from strongroom.reporting.seen import unseen
from strongroom.strategy.api import Pack
from strongroom.strategy.decide import Decision, Round, decide
from strongroom.strategy.portfolio import Day, share_price
from strongroom.strategy.rules import Rules
from strongroom.strategy.view import VaultState, View

SIGNERS_EVERY_S = 10  # the co-signer is asked whether it is there
NEVER = float("-inf")


Decide = Callable[[View, Sequence[Pack], Rules, str], Round]


class MarketSources(Protocol):
    """Where markets, books and forecasts come from."""

    def look(
        self, now: int, admits: Callable[[Market], bool], always: Iterable[ConditionId]
    ) -> Look:
        """Return what is known now of the markets that are admitted, and of those held."""

    def close(self) -> None:
        """End what is open."""


@dataclass(frozen=True)
class Watch:
    """What stops new decisions.

    Attributes:
        max_skew_s: between this clock and the chain's, else nothing is done; and the venue's
        pause_s: after the venue took no order
        heartbeat: tell the venue that we live; it takes our resting orders out when we do not
        stop_file: its existence ends everything that rests and all that is new
    """

    max_skew_s: int = 60
    pause_s: int = 15
    heartbeat: bool = True
    stop_file: Path | None = None


@dataclass(frozen=True)
class Tick:
    """The result of a tick."""

    at: int
    halts: Mapping[str, str] = field(default_factory=dict)  # what stops decisions, and why
    decisions: int = 0
    state: VaultState | None = None
    defect: BaseException | None = None  # a fault of the program itself; a halt names it


@dataclass
class Keeper:
    """Runs one vault. All parts are handed in; assembly.py puts them together."""

    journal: Journal
    chain: ChainReads
    venue: OrderVenue
    vault: VaultReader
    transactor: SafeSender
    desk: Desk
    tasks: Tasks
    duties: Duties
    reporter: Reporter | None  # None: somebody else reports
    sources: MarketSources
    packs: Sequence[Pack]
    rules: Rules
    exchanges: Sequence[str]
    report_sender: SafeSender | None = None  # where reports go through another Safe
    negative_risk_oracle: str = ""
    watch: Watch = field(default_factory=Watch)
    gate: Gate = field(default_factory=Gate)
    clock: Callable[[], float] = time.time
    on_event: Listener = lambda event, fields: None
    on_view: Callable[[View, Round], None] = lambda view, round_: None  # e.g. a recorder
    decide: Decide = decide
    pools: Sequence[PoolMarket] = ()
    signals: Sequence[str] = ()  # sources that lift, and never move money by themselves
    approvals: Approvals | None = None  # None: decisions are carried out without asking
    check_signers: Callable[[], None] = lambda: None  # raises NotSigned: nothing can be signed
    check_alone: Callable[[], None] = lambda: None  # raises AlreadyRuns: the journal is another's
    refused: Mapping[str, int] = field(default_factory=dict)  # market records, by reason
    past: PastReader | None = None  # made when a rule needs it
    clients: ClientDesk | None = None  # None: nobody proposes trades
    health: Sequence[Health] = ()  # of the ticks, the sources, session keys, what runs beside
    further_health: Callable[[], Sequence[Health]] = tuple  # of what runs beside
    _defects: Defects = field(init=False)
    _kept_health: HealthKeeper = field(init=False)
    _sessions: SessionWatch = field(init=False)
    _restored: RestoreWait = field(init=False)
    forecasts: ForecastRecord = field(init=False)
    _halts: dict[str, str] = field(default_factory=dict)
    _venue_at: float = NEVER  # when each was asked last
    _signers_at: float = NEVER
    _read_at: int = 0  # moves by then

    def __post_init__(self) -> None:
        """Take the journal for what is told outside."""
        self._defects = Defects(self.on_event)
        self._kept_health = HealthKeeper(self.journal)
        self._sessions = SessionWatch(self.chain, self.vault.wallets, self.on_event)
        self._restored = RestoreWait(self.journal)
        self.forecasts = ForecastRecord(self.journal, self.vault, self.gate, self.signals)

    def tick(self) -> Tick:
        """Run once. Never raises, but for what ends the process itself (`halts.ENDS`)."""
        halts: dict[str, str] = {}
        at, now, state, decided = int(self.clock()), None, None, 0
        self.health = ()
        self._defects.begin()
        try:
            with self._named(halts):
                self.check_alone()
                self._check_stop(halts)
                now = self._time(halts)
                state, decided = self._go_round(now, halts)
            at = at if now is None else now
            self.health = (*self.health, self._defects.health)
            if "journal" not in halts and (now is not None or "clock" not in halts):
                with self._named(halts):
                    self._kept_health.see(at, self.health)
        except SQLAlchemyError as error:  # nothing that it should have kept was begun
            halts["journal"] = f"the journal cannot be written: {first_line(error)}"
        with self._named(halts):
            self._tell_halts(halts)
        return Tick(at, halts, decided, state, self._defects.newest)

    def _named(self, halts: dict[str, str]) -> Named:
        return Named(halts, self._defects)

    def _go_round(self, now: int, halts: dict[str, str]) -> tuple[VaultState | None, int]:
        followed = (self._follow_report, self.transactor.advance, self._advance_reports)
        for part in (*followed, self.desk.recover):
            with self._named(halts):
                part()
        state = None if "chain" in halts else self._read(halts)
        if state is None:
            return None, 0
        if why := self._restored.why(now, state.max_order_lifetime):
            halts["restored"] = why
        with self._named(halts):
            if self.approvals is not None:
                self.approvals.expire(now)
            self.forecasts.resolve(state, now)
        with self._named(halts):
            self._check_exchanges(halts)
            self.duties.settle(state, self.tasks.busy())
            self.duties.sweep(state)
        look, seen, decided = None, None, 0
        with self._named(halts):
            look = self._look(state, now)
            self._see(look, state)
            seen = state
        with self._named(halts):
            self._check_signers()
        with self._named(halts):
            self._check_venue(halts)
            self.tasks.advance(may_place=not halts)
            state = self._again(state, halts)
            if not halts and look is not None and look.books:
                decided = self._decide(look, state)
        with self._named(halts):
            state = self._again(state, halts)
            self.duties.tidy(state, self.tasks.busy())
        with self._named(halts):
            if look is not None and "report" not in halts:
                if state is not seen:
                    self._see(look, state)  # what has come in since
                self._report(state)
        return self._again(state, halts), decided

    # parts of a tick

    def _read(self, halts: dict[str, str]) -> VaultState | None:
        """Return the whole vault as it is now; None: the chain does not answer."""
        with self._named(halts):
            self._read_at = self._moves()
            return self.vault.read(self.journal.reservations())
        return None

    def _moves(self) -> int:
        """Return how many steps orders and transactions have taken."""
        reports = 0 if self.report_sender is None else self.report_sender.moves
        return self.journal.moves + self.transactor.moves + reports

    def _follow_report(self) -> None:
        """Note what came of the last report, before anything else goes out."""
        if self.reporter is not None:
            self.reporter.follow()

    def _advance_reports(self) -> None:
        if self.report_sender is not None:
            self.report_sender.advance()

    def _see(self, look: Look, state: VaultState) -> None:
        """Keep the books of what is open, for the next report.

        Raises:
            Unseen: tokens are held of which no book was ever seen.
        """
        if self.reporter is None:
            return
        seen, pools = self.reporter.seen, self.reporter.settings.pools
        held = [
            (condition, *tokens, each.question in pools or condition in each.resolved)
            for each in state.markets.values()
            for condition, tokens in each.positions.items()
        ]
        if not held:
            return
        for condition, yes, no, _ in held:
            if condition in look.markets:
                seen.see(look.markets[condition], look.books, look.at, held=bool(yes or no))
        seen.keep()
        for condition, yes, no, known in held:
            if not known and seen.lacks(condition, yes, no, look.at):
                raise unseen(condition)

    def _report(self, state: VaultState) -> None:
        """Report where that is our task and it is time."""
        if self.reporter is not None and self.reporter.is_due(waits_for_mark(state)):
            self.reporter.report()

    def _again(self, state: VaultState, halts: dict[str, str]) -> VaultState:
        """Return the vault as it is now, read anew only where we have moved something since."""
        if self._moves() == self._read_at:
            return state
        return self._read(halts) or state

    def _look(self, state: VaultState, now: int) -> Look:
        view = View(now, state, {}, {}, negative_risk_oracle=self.negative_risk_oracle)
        held = {condition for each in state.markets.values() for condition in each.positions}
        look = self.sources.look(now, lambda market: view.class_of(market) is not None, held)
        self.refused = look.refused
        self.health = (*look.health, *self._sessions.look(now), *self.further_health())
        if self.pools:
            look = self._with_pools(look, now)
        for problem in look.problems:
            self.on_event("missing", {"what": problem})
        self.forecasts.keep(look)
        return look

    def _with_pools(self, look: Look, now: int) -> Look:
        """Add the markets that are traded at pools, with the pools' quotes."""
        markets, books = dict(look.markets), dict(look.books)
        found = read_pools(self.chain, [each.pool for each in self.pools])
        for each, pool in zip(self.pools, found, strict=True):
            offered = each.books(pool, now)
            books |= offered
            markets[each.market.condition_id] = each.quoted(offered)
        return replace(look, markets=markets, books=books)

    def view(self, look: Look, state: VaultState) -> View:
        """Return what a decision may know now."""
        view = View(
            now=look.at,
            vault=state,
            markets=look.markets,
            books=look.books,
            forecasts=self.forecasts.usable(look),
            busy=self.tasks.busy(),
            decided=self.journal.decided(),
            day=self._day(look.at, state),
            negative_risk_oracle=self.negative_risk_oracle,
        )
        if self.approvals is not None:
            view = replace(view, asked=self.approvals.asked(view.now))
        if self.rules.trading:
            self.past = self.past or PastReader(self.journal)
            view = replace(view, past=self.past.read(state.markets, self.chain.now()))
        if self.clients is not None:
            view = replace(view, client_trades=self.clients.waiting(look.at))
        unknown = [name for name in sorted(view.by_vault_market) if name not in state.markets]
        return replace(view, vault=replace(state, closed=self.vault.closed(unknown)))

    def _decide(self, look: Look, state: VaultState) -> int:
        view, rules, started = self.view(look, state), self.rules, 0
        if self.approvals is not None:
            waiting = replace(view, asked={})
            started = self.approvals.carry_out(waiting, self.packs, self.rules)
            asked = self.approvals.asked(view.now)
            view = replace(view, busy=self.tasks.busy(), asked=asked)
            rules = self.approvals.bounded(rules)
        found = self.decide(view, self.packs, rules, self.journal.salt())
        self.on_view(view, found)
        self._keep_view(found)
        if self.clients is not None:
            self.clients.tell(view, found)
        for decision in found.decisions:
            if self.approvals is not None:
                self.approvals.hold(decision, view)
            else:
                self.tasks.start(decision)
                started += 1
            self._tell_decided(decision)
        if started:
            self.tasks.advance()
        if found.openings:
            self.tasks.open_markets(found.openings)
        return len(found.decisions)

    def _keep_view(self, found: Round) -> None:
        """Keep what was decided on, for whoever decides again."""
        views = None if self.reporter is None else self.reporter.settings.views
        if views is not None and found.shown is not None:
            views.keep(found.shown.document)

    def _tell_decided(self, decision: Decision) -> None:
        record = decision.record
        legs = [
            f"{leg.side} {leg.size / MICRO:g} {leg.outcome} at {leg.price}" for leg in record.legs
        ]
        self.on_event(
            "decided",
            {
                "decision": decision.id,
                "pack": record.pack,
                "exit": record.exit_rule,
                "question": record.question,
                "legs": legs,
                "binding": record.sizing.binding,
                "edge": record.edge,
            },
        )

    def _day(self, now: int, state: VaultState) -> Day:
        price = share_price(state.nav, state.supply)
        name = opening_fact(now)
        opening = self.journal.fact(name)
        if opening is None:
            opening = str(price)
            self.journal.keep(name, opening)
        loss = self.journal.fact("last_loss_at")
        return Day(int(opening), price, int(loss) if loss else None)

    # what stops decisions

    def _time(self, halts: dict[str, str]) -> int:
        """Return the chain's time, by which all is kept, aged and ended; it is believed where this
        machine's clock agrees. Where the venue's does not, nothing is decided.

        Raises:
            WrongTime: it is not believed.
        """
        now, here, limit = self.chain.now(), self.clock(), self.watch.max_skew_s
        if abs(here - now) > limit:
            raise WrongTime(
                f"this clock differs by {here - now:+.0f} s from the chain's, at most {limit}: "
                "set the clock, or wait for a block; nothing is done until then"
            )
        theirs = self.venue.time()
        if theirs is not None and abs(here - theirs) > limit:
            halts["clock"] = (
                f"this clock differs by {here - theirs:+.0f} s from the venue's, at most {limit}: "
                "set the clock"
            )
        return now

    def _check_stop(self, halts: dict[str, str]) -> None:
        if self.watch.stop_file is not None and self.watch.stop_file.exists():
            halts["stop"] = f"{self.watch.stop_file} exists: remove it to continue"

    def _check_exchanges(self, halts: dict[str, str]) -> None:
        paused = self.chain.ask([Ask(each, "Exchange", "paused") for each in self.exchanges])
        for address, is_paused in zip(self.exchanges, paused, strict=True):
            if is_paused:
                halts["exchange"] = f"exchange {address} is paused"

    def _check_venue(self, halts: dict[str, str]) -> None:
        if self.watch.heartbeat:
            for beat in [venue.heartbeat() for venue in self.desk.venues()]:
                if beat.kind != AnswerKind.ACCEPTED:
                    halts["heartbeat"] = f"the venue rejects the heartbeat: {beat.detail}"
        here, troubled = self.clock(), [each for each in self.desk.venues() if each.trouble]
        if troubled and is_over(self._venue_at, self.watch.pause_s, here):
            if "venue" in self._halts:
                for venue in troubled:
                    venue.trouble = ""  # once more
            else:
                self._venue_at = here
        if trouble := next((each.trouble for each in troubled if each.trouble), ""):
            halts["venue"] = f"the venue takes no orders: {trouble}"

    def _check_signers(self) -> None:
        """Ask for the co-signer now and then, so that a keeper that cannot sign does not look well;
        at every tick while it is away."""
        here = self.clock()
        if "signers" in self._halts or is_over(self._signers_at, SIGNERS_EVERY_S, here):
            self._signers_at = here
            self.check_signers()

    def _tell_halts(self, halts: Mapping[str, str]) -> None:
        for name, why in halts.items():
            if name not in self._halts:
                self.on_event("halted", {"what": name, "why": why})
        for name in self._halts:
            if name not in halts:
                self.on_event("goes_on", {"what": name})
        self._halts = dict(halts)


def waits_for_mark(state: VaultState) -> bool:
    """Whether a market that was opened for a proposal waits for its first mark."""
    return state.marks_required and any(
        each.tradable and each.exposure == 0 and not each.marks for each in state.markets.values()
    )
