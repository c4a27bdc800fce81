"""Carrying a decision out: budget, splits, orders leg by leg, conversions and merges, the end.

What comes next is read off the journal and the chain each time, never remembered, so a task goes on
after a crash as if nothing had been. A leg that fails does not leave the others standing by
accident: later legs shrink to what was filled, and what then is too much is sold again or held, as
the decision's rule says. Where all legs sell, later ones shrink, too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial

from strongroom.chain.ids import MarketId, TokenId, intent_key, transaction_key
from strongroom.chain.orders import OnFailure, OrderKind, Outcome, Side
from strongroom.chain.units import MICRO
from strongroom.execution.interfaces import Listener, SafeSender
from strongroom.execution.legs import attempts_of, gone, is_order, sale_of, sized, stood
from strongroom.execution.one_by_one import one_by_one
from strongroom.execution.order_desk import Desk
from strongroom.execution.taken_out import is_taken_out
from strongroom.execution.task_steps import SafeStage, TaskStep, TaskSteps
from strongroom.execution.vault_reader import VaultReader
from strongroom.execution.venues.pools import PoolDesk
from strongroom.execution.wallet_desk import WalletDesk
from strongroom.information.books import Book
from strongroom.journal import Journal, OrderIntent, Task
from strongroom.journal.states import AnswerKind, IntentState, TradeStatus, TransactionState
from strongroom.signing.order import BadOrder
from strongroom.strategy.decide import Decision
from strongroom.strategy.record import DecidedLeg, DecisionRecord, Opening

UNWIND = 1_000  # legs from this number on sell what other legs bought too much of


@dataclass(frozen=True)
class TaskRules:
    """How patient tasks are.

    Attributes:
        attempts: orders for one leg
        start_within_s: a decision that has placed nothing by then is dropped
        slippage_bps: below its purchase price, for what is sold again
        resting_s: how long quotes stand
    """

    attempts: int = 3
    start_within_s: int = 120
    slippage_bps: int = 200
    resting_s: int = 120


class Tasks:
    """The decisions that are being carried out."""

    def __init__(
        self,
        journal: Journal,
        transactor: SafeSender,
        desk: Desk,
        vault: VaultReader,
        wallets: WalletDesk,
        rules: TaskRules,
        book: Callable[[TokenId], Book | None],
        now: Callable[[], int],
        on_event: Listener = lambda event, fields: None,
    ) -> None:
        """Take the parts; `book` returns a token's newest book, `on_event` hears each end."""
        self._journal, self._transactor, self._desk = journal, transactor, desk
        self._vault, self._wallets = vault, wallets
        self._rules, self._book, self._now = rules, book, now
        self._on_event = on_event
        self._steps = TaskSteps(transactor, vault, wallets)
        self._pools = PoolDesk(journal, transactor, vault.chain)

    def start(self, decision: Decision) -> None:
        """Open a decision's task; nothing is sent yet."""
        self._journal.decide(decision.id, decision.record, task_at=decision.record.time)

    def open_markets(self, openings: Sequence[Opening]) -> None:
        """Open markets that proposals wait for: they can be traded once a report has marked them.

        Raises:
            NotSigned: a signature is missing.
        """
        purpose = "open"
        missing = [each for each in openings if self._vault.account_of(each.vault_market) is None]
        if not missing or any(t.purpose == purpose for t in self._journal.transactions.open()):
            return
        names = "".join(each.vault_market for each in missing)
        key = transaction_key(f"{purpose} {self._now()} {names}".encode())
        calls = [self._steps.opening(each) for each in missing]
        state, why = self._transactor.run(key, purpose, calls)
        if state == TransactionState.DROPPED:
            self._on_event("opening_refused", {"markets": len(missing), "why": why})
            return
        for each in missing:
            self._on_event("opened", {"market": each.vault_market, "question": each.question_id})

    def busy(self) -> frozenset[MarketId]:
        """Return the vault markets in which a decision is being carried out."""
        return frozenset(
            leg.vault_market
            for task in self._journal.open_tasks()
            for leg in self._journal.record(task.decision).legs
        )

    def advance(self, may_place: bool = True) -> None:
        """Take every open task as far as it goes now.

        Args:
            may_place: False stops new orders; what is out there is followed to its end

        Raises:
            NotSigned: a signature is missing; the task goes on later. The others have gone on,
                as after all but `Away`.
        """
        one_by_one(partial(self._advance, task, may_place) for task in self._journal.open_tasks())

    def _advance(self, task: Task, may_place: bool) -> None:
        record = self._journal.record(task.decision)
        if is_taken_out(self._journal, task):
            may_place = False
            self._take_out(task)
        started = self._is_started(task, record)
        late = self._now() - task.time > self._rules.start_within_s
        if not started and not self._steps.is_funding(task):
            if late:
                self._close(task, "nothing was placed in time")
                return
            if not may_place:
                return
        funded, why = self._steps.fund(task, record)
        if not funded:
            if why:
                self._close(task, why)
            return
        if not started and late:
            self._close(task, "the budget came too late")
            return
        if record.resting:
            self._rest(task, record, may_place)
        else:
            self._trade(task, record, may_place)

    def _take_out(self, task: Task) -> None:
        for intent in self._journal.of_decision(task.decision):
            if intent.state != IntentState.CLOSED:
                self._desk.cancel(intent.key)

    def _is_started(self, task: Task, record: DecisionRecord) -> bool:
        """Whether an order has been planned, or a trade at a pool."""
        return bool(self._journal.of_decision(task.decision)) or any(
            self._steps.state(task, TaskStep(SafeStage.POOL, number))[0] is not None
            for number in range(len(record.legs))
        )

    # legs one after the other

    def _trade(self, task: Task, record: DecisionRecord, may_place: bool) -> None:
        buys = [number for number, leg in enumerate(record.legs) if leg.side == Side.BUY]
        sells = [number for number, leg in enumerate(record.legs) if leg.side == Side.SELL]
        ratio = there = Decimal(1)
        for number in buys:
            leg = record.legs[number]
            filled = self._leg(task, leg, number, ratio, may_place)
            if filled is None:
                return
            there = min(there, Decimal(filled) / leg.size)
            ratio = gone(leg, filled, ratio)
            if ratio == 0 and number == buys[0]:
                break
        unwinds = len(buys) > 1 and record.on_failure == OnFailure.UNWIND
        if unwinds and not self._unwound(task, record.legs, buys, ratio, may_place):
            return
        ratio = min(ratio, there)  # nobody moves or sells dust that did not come
        if not self._steps.move(task, record, SafeStage.CONVERT, ratio):
            return
        for number in sells:
            leg = record.legs[number]
            filled = self._leg(task, leg, number, ratio, may_place)
            if filled is None:
                return
            if not buys:  # a plan leaves: no leg of it further than those before
                ratio = gone(leg, filled, ratio)
        if not self._steps.move(task, record, SafeStage.MERGE, ratio):
            return
        self._close(task, self._outcome(task, record))

    def _leg(
        self, task: Task, leg: DecidedLeg, number: int, ratio: Decimal, may_place: bool
    ) -> int | None:
        """Return what a leg has filled when it is over, None while it is not."""
        target = sized(leg, int(leg.size * ratio))
        if leg.kind == OrderKind.POOL:
            return self._at_pool(task, leg, number, target, may_place)
        filled = 0
        for attempt, order in enumerate(attempts_of(leg, self._rules.attempts)):
            rests, takes_rest = (leg.rest_at is not None and attempt == place for place in (0, 1))
            intent = self._journal.find(intent_key(task.decision, number, attempt))
            if intent is None:
                left = sized(order, target - filled)
                if left <= 0 or (attempt and not is_order(order, left)):
                    return filled
                if not takes_rest and not self._again(task, number, attempt):
                    return filled
                if not may_place:
                    return None if self._waits(task, leg) else filled
                intent = self._place(task, replace(order, size=left), number, attempt)
                if intent is None:
                    return filled  # it could not be built
            late = not may_place or self._now() >= task.time + leg.rest_s
            if rests and late and intent.state != IntentState.CLOSED:
                self._desk.cancel(intent.key)
                intent = self._journal.get(intent.key)
            if intent.state != IntentState.CLOSED:
                return None
            filled += intent.filled
        return filled

    def rests_until(self) -> int | None:
        """Return when the first order that rests before its leg takes is taken out; None: there is
        none."""
        times = [
            task.time + leg.rest_s
            for task in self._journal.open_tasks()
            for number, leg in enumerate(self._journal.record(task.decision).legs)
            if leg.rest_at is not None
            and (first := self._journal.find(intent_key(task.decision, number, 0))) is not None
            and first.state != IntentState.CLOSED
        ]
        return min(times, default=None)

    def _at_pool(
        self, task: Task, leg: DecidedLeg, number: int, target: int, may_place: bool
    ) -> int | None:
        step = TaskStep(SafeStage.POOL, number)
        if target <= 0:
            return 0
        if not may_place and self._steps.state(task, step)[0] is None:
            return None if self._waits(task, leg) else 0
        account = self._steps.account(leg.vault_market)
        tokens = self._vault.chain.ask_one(account, "PolymarketAccount", "tokenIds")
        outcome = Outcome(list(tokens).index(leg.token) % 2)
        wanted = self._wanted(task, replace(leg, size=target), number, account)
        return self._pools.trade(step.key(task.decision), wanted, outcome)

    def _waits(self, task: Task, leg: DecidedLeg) -> bool:
        """Whether a leg waits for a halt to end; after a while it counts as over, and at once where
        a person has taken the orders out."""
        if is_taken_out(self._journal, task):
            return False
        return self._now() - task.time <= self._rules.start_within_s * 3 + leg.rest_s

    def _again(self, task: Task, number: int, attempt: int) -> bool:
        """Whether a further order makes sense: the one before was undone, or came too early."""
        if attempt == 0:
            return True
        before = self._journal.find(intent_key(task.decision, number, attempt - 1))
        if before is None or self._now() - task.time > self._rules.start_within_s * 3:
            return False
        if before.answer == AnswerKind.UNFUNDED:
            return True  # the venue may not have seen the budget yet
        return TradeStatus.FAILED in self._journal.trades_of(before.key).values()

    def _place(
        self, task: Task, leg: DecidedLeg, number: int, attempt: int = 0
    ) -> OrderIntent | None:
        """Place a leg's order; return its intent, None where it could not be built, or its market
        has been closed meanwhile: the account that would sign it is halted for ever."""
        if self._vault.closed([leg.vault_market]):
            return None
        account = self._steps.account(leg.vault_market)
        maker, signer = self._wallets.maker(leg.vault_market, account)
        wanted = self._wanted(task, leg, number, account, attempt)
        wanted = replace(wanted, maker=maker, signer=signer)
        try:
            self._desk.place(wanted, leg.tick)
        except BadOrder as error:
            self._on_event("bad_order", {"decision": task.decision, "why": str(error)})
        return self._journal.find(wanted.key)

    def _wanted(
        self, task: Task, leg: DecidedLeg, number: int, account: str, attempt: int = 0
    ) -> OrderIntent:
        return OrderIntent(
            key=intent_key(task.decision, number, attempt),
            decision=task.decision,
            account=account,
            condition=leg.condition,
            token=leg.token,
            side=leg.side,
            price=int(leg.price * MICRO),
            size=leg.size,
            time=task.time,
            kind=leg.kind,
            exchange=leg.exchange,
        )

    def _unwound(
        self,
        task: Task,
        legs: Sequence[DecidedLeg],
        buys: Sequence[int],
        ratio: Decimal,
        may_place: bool,
    ) -> bool:
        """Sell again what was bought beyond the leg that failed; return whether that is over."""
        for number in buys:
            leg = legs[number]
            sale = self._journal.find(intent_key(task.decision, UNWIND + number, 0))
            if sale is not None:
                if sale.state != IntentState.CLOSED:
                    return False
                continue
            attempts = (
                self._journal.find(intent_key(task.decision, number, attempt))
                for attempt, _ in enumerate(attempts_of(leg, self._rules.attempts))
            )
            bought = sum(each.filled for each in attempts if each is not None)
            back = sale_of(leg, bought - int(leg.size * ratio), self._rules.slippage_bps)
            closed = bool(self._vault.closed([leg.vault_market]))
            if closed or not self._is_wanted(back) or not (may_place or self._waits(task, leg)):
                continue  # held
            if not may_place:
                return False
            self._place(task, back, UNWIND + number)
            return False
        return True

    def _is_wanted(self, sale: DecidedLeg) -> bool:
        """Whether the venue takes an order so small, and somebody bids its price."""
        if not is_order(sale, sale.size):
            return False
        book = self._book(sale.token)
        return book is not None and book.bid is not None and sale.price <= Decimal(book.bid) / MICRO

    # quotes

    def _rest(self, task: Task, record: DecisionRecord, may_place: bool) -> None:
        """Place all legs at once; take them out when they are old or no longer where they should
        be; merge what both sides have filled."""
        placed = []
        for number, leg in enumerate(record.legs):
            intent = self._journal.find(intent_key(task.decision, number, 0))
            if intent is None and may_place:
                intent = self._place(task, leg, number)
            if intent is not None:
                placed.append(intent)
        still_open = [each for each in placed if each.state != IntentState.CLOSED]
        if still_open and (not may_place or self._is_off(task, record)):
            for each in still_open:
                self._desk.cancel(each.key)
        if all(self._journal.get(each.key).state == IntentState.CLOSED for each in placed):
            self._close(task, self._outcome(task, record))

    def _is_off(self, task: Task, record: DecisionRecord) -> bool:
        if self._now() - task.time > self._rules.resting_s:
            return True
        place = stood(record)
        if place is None:
            return False
        token, mid, tolerance = place
        book = self._book(token)
        now = book.mid() if book is not None else None
        return now is None or abs(now - mid) > tolerance

    # the end

    def _outcome(self, task: Task, record: DecisionRecord) -> str:
        parts = []
        for number in range(len(record.legs)):
            state, why = self._steps.state(task, TaskStep(SafeStage.POOL, number))
            if state is not None:
                parts.append(f"at the pool: {state}{f', {why}' if why else ''}")
        parts += [
            f"{each.side} {each.filled / MICRO:g} of {each.size / MICRO:g}"
            for each in self._journal.of_decision(task.decision)
        ]
        return "; ".join(parts) or "no order"

    def _close(self, task: Task, why: str) -> None:
        self._journal.close_task(task.decision, why)
        self._on_event("task_closed", {"decision": task.decision, "why": why})
