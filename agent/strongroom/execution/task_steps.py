"""What a task does by transactions of the Safe: budgets, splits, conversions and merges.

Each is a step that the journal knows by a key of its own, so it is carried out once.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from strongroom.chain.calls import Call, make_call
from strongroom.chain.failures import CallReverted
from strongroom.chain.ids import DecisionId, MarketId, TransactionKey, to_bytes, transaction_key
from strongroom.chain.orders import MoveKind
from strongroom.execution.interfaces import SafeSender
from strongroom.execution.relaying import WalletUnusable
from strongroom.execution.vault_reader import VaultReader
from strongroom.execution.wallet_desk import WalletDesk
from strongroom.journal import Task
from strongroom.journal.states import TransactionState
from strongroom.strategy.record import DecidedMove, DecisionRecord, Opening


class SafeStage(StrEnum):
    """What a task does by transactions of the Safe, in this order."""

    FUND = "fund"  # open markets and allocate their budgets
    HAND = "hand"  # hand those of accounts that wallets trade for to the wallets
    SPLIT = "split"
    POOL = "pool"  # a leg at a pool
    CONVERT = "convert"
    MERGE = "merge"


@dataclass(frozen=True)
class TaskStep:
    """One transaction of a task."""

    stage: SafeStage
    leg: int | None = None  # its number, where each leg has a step of its own

    def key(self, decision: DecisionId) -> TransactionKey:
        """Return the step's key in the journal."""
        name = str(self.stage) if self.leg is None else f"{self.stage} {self.leg}"
        return transaction_key(to_bytes(decision) + name.encode())


class TaskSteps:
    """The steps of one vault's tasks."""

    def __init__(self, transactor: SafeSender, vault: VaultReader, wallets: WalletDesk) -> None:
        """Take the parts."""
        self._transactor, self._vault, self._wallets = transactor, vault, wallets

    def state(self, task: Task, step: TaskStep) -> tuple[TransactionState | None, str]:
        """Return how far a step has come, and why; None: it has not begun."""
        return self._transactor.state(step.key(task.decision))

    def is_funding(self, task: Task) -> bool:
        """Whether budgets are on their way."""
        state, _ = self.state(task, TaskStep(SafeStage.FUND))
        return state not in (None, TransactionState.DONE, TransactionState.DROPPED)

    def fund(self, task: Task, record: DecisionRecord) -> tuple[bool, str]:
        """Open markets and allocate their budgets in one transaction, hand those of accounts that
        wallets trade for to the wallets, then split. Return whether all is done, and why it never
        will be.

        Raises:
            NotSigned: a signature is missing.
        """
        stages = (
            (SafeStage.FUND, self._funding),
            (SafeStage.HAND, self._wallets.hand),
            (SafeStage.SPLIT, self._splits),
        )
        for stage, make in stages:
            step = TaskStep(stage)
            state, why = self.state(task, step)
            if state is None:
                try:
                    if stage is SafeStage.HAND and not self._wallets.prepare(record):
                        return False, ""
                    calls = make(record)
                except WalletUnusable as error:
                    return False, f"{stage}: {error}"
                if not calls:
                    continue
                purpose = f"{stage}: {record.question}"
                state, why = self._transactor.run(step.key(task.decision), purpose, calls)
            if state == TransactionState.DROPPED:
                return False, f"{stage}: {why}"
            if state != TransactionState.DONE:
                return False, ""
        return True, ""

    def opening(self, each: Opening) -> Call:
        """Return the call that opens a market."""
        arguments = (each.class_id, each.question_id, each.count, each.deadline)
        return make_call(self._vault.address, "Vault", "openMarket", *arguments)

    def account(self, market: MarketId) -> str:
        """Return a market's account.

        Raises:
            CallReverted: it has none, as once it is closed.
        """
        account = self._vault.account_of(market)
        if account is None:
            raise CallReverted(f"market {market} has no account: it was closed meanwhile")
        return account

    def move(self, task: Task, record: DecisionRecord, stage: SafeStage, ratio: Decimal) -> bool:
        """Convert or merge, as far as the legs went; return whether that is over.

        Args:
            ratio: the part of a decision that its legs have filled

        Raises:
            NotSigned: a signature is missing.
        """
        step = TaskStep(stage)
        state, _ = self.state(task, step)
        if state is None:
            calls: list[Call] = []
            for move in record.moves:
                if move.kind == MoveKind(stage):
                    needed = self._moving(move, ratio)
                    if needed is None:
                        return False
                    calls += needed
            if not calls:
                return True
            purpose = f"{stage}: {record.question}"
            state, _ = self._transactor.run(step.key(task.decision), purpose, calls)
        return state in (TransactionState.DONE, TransactionState.DROPPED)

    def _funding(self, record: DecisionRecord) -> list[Call]:
        vault, calls = self._vault.address, []
        for each in record.openings:
            if self._vault.account_of(each.vault_market) is None:
                calls.append(self.opening(each))
        for market, assets in record.budgets.items():
            if assets:
                calls.append(make_call(vault, "Vault", "allocate", market, assets))
        return calls

    def _splits(self, record: DecisionRecord) -> list[Call]:
        return [
            self._call(move, move.amount) for move in record.moves if move.kind == MoveKind.SPLIT
        ]

    def _call(self, move: DecidedMove, amount: int) -> Call:
        account = self.account(move.vault_market)
        place = self._vault.conditions(account).index(move.condition)
        if move.kind == MoveKind.CONVERT:
            index_set = 1 << place
            return make_call(account, "PolymarketAccount", "convertPositions", index_set, amount)
        return make_call(account, "PolymarketAccount", str(move.kind), place, amount)

    def _moving(self, move: DecidedMove, ratio: Decimal) -> list[Call] | None:
        """Return the calls of a conversion or merge: a wallet's part comes into the account
        first. None: it is on its way."""
        (held,) = self._vault.holdings([move.vault_market])
        mine = held.positions[move.condition]
        there = mine.no if move.kind == MoveKind.CONVERT else min(mine.yes, mine.no)
        amount = min(int(move.amount * ratio), there)
        if amount <= 0:
            return []
        place = held.conditions.index(move.condition)
        here = held.here[place]
        wanted = (max(0, amount - here.yes), max(0, amount - here.no))
        fetched = self._wallets.fetch(held, 0, {place: wanted})
        return None if fetched is None else [*fetched, self._call(move, amount)]
