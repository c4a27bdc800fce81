"""Carrying a decision out: budget, splits, orders leg by leg, conversions and merges, the end.

What comes next is read off the journal and the chain each time, never remembered, so a task goes on
after a crash as if nothing had been. A leg that fails does not leave the others standing by
accident: later legs shrink to what was filled, and what then is too much is sold again or held, as
the decision's rule says.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy.engine import Row

from strongroom.chain.calls import Call, make_call
from strongroom.chain.ids import intent_key, keccak
from strongroom.chain.units import BPS, LOT, MICRO
from strongroom.execution.order_desk import Desk, Wanted
from strongroom.execution.transactions import Transactor
from strongroom.execution.vault_reader import VaultReader
from strongroom.execution.venues.pools import PoolDesk
from strongroom.execution.venues.wallets import take_back
from strongroom.information.books import Book
from strongroom.journal import Journal
from strongroom.journal.states import Intent, Sending
from strongroom.signing.order import BadOrder
from strongroom.strategy.decide import Decision

UNWIND = 1_000  # legs from this number on sell what other legs bought too much of
BALANCE = "balance"  # in the venue's refusal: it may not have seen the budget yet


class _NoWallet(Exception):
    """A budget cannot be handed out; the message says why."""


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
        transactor: Transactor,
        desk: Desk,
        vault: VaultReader,
        rules: TaskRules,
        book: Callable[[str], Book | None],
        now: Callable[[], int],
        told: Callable[[str, Mapping[str, Any]], None] = lambda event, fields: None,
    ) -> None:
        """Take the parts; `book` returns a token's newest book, `told` hears of each end."""
        self._journal, self._transactor, self._desk = journal, transactor, desk
        self._vault, self._rules, self._book, self._now = vault, rules, book, now
        self._told = told
        self._pools = PoolDesk(journal, transactor, vault.chain)

    def start(self, decision: Decision) -> None:
        """Open a decision's task; nothing is sent yet."""
        self._journal.decide(decision.id, decision.record, task_at=decision.record["time"])

    def busy(self) -> frozenset[str]:
        """Return the vault markets in which a decision is being carried out."""
        return frozenset(
            leg["vault_market"]
            for task in self._journal.open_tasks()
            for leg in self._journal.record(task.decision)["legs"]
        )

    def advance(self, may_place: bool = True) -> None:
        """Take every open task as far as it goes now.

        Args:
            may_place: False stops new orders; what is out there is followed to its end

        Raises:
            NotSigned: a signature is missing; the task goes on later.
        """
        for task in self._journal.open_tasks():
            self._advance(task, self._journal.record(task.decision), may_place)

    def _advance(self, task: Row[Any], record: Mapping[str, Any], may_place: bool) -> None:
        started = self._is_started(task, record)
        late = self._now() - task.time > self._rules.start_within_s
        if not started and not self._is_funding(task):
            if late:
                self._close(task, "nothing was placed in time")
                return
            if not may_place:
                return
        if not self._funded(task, record):
            return
        if not started and late:
            self._close(task, "the budget came too late")
            return
        if record["resting"]:
            self._rest(task, record, may_place)
        else:
            self._trade(task, record, may_place)

    def _is_started(self, task: Row[Any], record: Mapping[str, Any]) -> bool:
        """Whether an order has been planned, or a trade at a pool."""
        keys = (_key(task, f"pool {number}") for number in range(len(record["legs"])))
        return bool(self._journal.of_decision(task.decision)) or any(
            self._transactor.state(key)[0] is not None for key in keys
        )

    # budget

    def _is_funding(self, task: Row[Any]) -> bool:
        state, _ = self._transactor.state(_key(task, "fund"))
        return state not in (None, Sending.DONE, Sending.DROPPED)

    def _funded(self, task: Row[Any], record: Mapping[str, Any]) -> bool:
        """Open markets and allocate their budgets in one transaction, hand those of delegated
        accounts to wallets, then split."""
        stages = (("fund", self._funding), ("hand", self._handing), ("split", self._splits))
        for stage, make in stages:
            key = _key(task, stage)
            state, why = self._transactor.state(key)
            if state is None:
                try:
                    calls = make(record)
                except _NoWallet as error:
                    self._close(task, f"{stage}: {error}")
                    return False
                if not calls:
                    continue
                state, why = self._transactor.run(key, f"{stage}: {record['question']}", calls)
            if state == Sending.DROPPED:
                self._close(task, f"{stage}: {why}")
                return False
            if state != Sending.DONE:
                return False
        return True

    def _funding(self, record: Mapping[str, Any]) -> list[Call]:
        vault, calls = self._vault.address, []
        for each in record["open"]:
            if self._vault.account_of(each["vault_market"]) is None:
                question = bytes.fromhex(each["question_id"][2:])
                arguments = (each["class"], question, each["count"], each["deadline"])
                calls.append(make_call(vault, "Vault", "openMarket", *arguments))
        for market, assets in record["budgets"].items():
            if assets:
                name = bytes.fromhex(market[2:])
                calls.append(make_call(vault, "Vault", "allocate", name, assets))
        return calls

    def _handing(self, record: Mapping[str, Any]) -> list[Call]:
        """Hand the budgets of delegated accounts to their wallets; name a wallet where there is
        none yet.

        Raises:
            _NoWallet: all wallets serve other markets.
        """
        calls: list[Call] = []
        taken: set[str] = set()
        for market in record["budgets"]:
            name = bytes.fromhex(market[2:])
            if not self._vault.is_delegated(name):
                continue
            address = self._vault.account_of(market)
            assert address is not None  # its budget has been allocated
            if self._wallet_of(address) == "":
                free = [w for w in self._vault.wallets.free(address) if w.address not in taken]
                if not free:
                    raise _NoWallet("all wallets serve other markets")
                taken.add(free[0].address)
                calls.append(self._vault.wallets.consent(free[0], address))
                calls.append(make_call(address, "DelegatedAccount", "setWallet", free[0].address))
            handed = min(self._vault.here(name)[0], self._vault.room_away(name))
            if handed:
                calls.append(make_call(address, "DelegatedAccount", "forward", handed))
        return calls

    def _wallet_of(self, account: str) -> str:
        wallet = self._vault.chain.ask_one(account, "DelegatedAccount", "wallet")
        return "" if int(wallet, 16) == 0 else self._vault.chain.checksum(wallet)

    def _splits(self, record: Mapping[str, Any]) -> list[Call]:
        return [
            self._move("split", move, move["amount"])
            for move in record["moves"]
            if move["kind"] == "split"
        ]

    def _move(self, function: str, move: Mapping[str, Any], amount: int) -> Call:
        address = self._vault.account_of(move["vault_market"])
        assert address is not None  # its budget has been allocated
        place = self._vault.conditions(address).index(move["condition"])
        if function == "convertPositions":
            place = 1 << place  # an index set
        return make_call(address, "PolymarketAccount", function, place, amount)

    # legs one after the other

    def _trade(self, task: Row[Any], record: Mapping[str, Any], may_place: bool) -> None:
        legs = record["legs"]
        buys = [number for number, leg in enumerate(legs) if leg["side"] == "BUY"]
        sells = [number for number, leg in enumerate(legs) if leg["side"] == "SELL"]
        ratio = Decimal(1)
        for number in buys:
            filled = self._leg(task, legs[number], number, ratio, may_place)
            if filled is None:
                return
            ratio = min(ratio, Decimal(filled) / legs[number]["size"])
            if ratio == 0 and number == buys[0]:
                break
        unwinds = ratio < 1 and len(buys) > 1 and record["on_failure"] == "unwind"
        if unwinds and not self._unwound(task, legs, buys, ratio, may_place):
            return
        if not self._moved(task, record, "convert", ratio):
            return
        for number in sells:
            if self._leg(task, legs[number], number, ratio, may_place) is None:
                return
        if not self._moved(task, record, "merge", ratio):
            return
        self._close(task, self._outcome(task))

    def _leg(
        self, task: Row[Any], leg: Mapping[str, Any], number: int, ratio: Decimal, may_place: bool
    ) -> int | None:
        """Return what a leg has filled when it is over, None while it is not."""
        target = int(leg["size"] * ratio) // LOT * LOT
        if leg["kind"] == "POOL":
            return self._at_pool(task, leg, number, target, may_place)
        filled = 0
        for attempt in range(self._rules.attempts):
            row = self._journal.find(intent_key(task.decision, number, attempt))
            if row is None:
                if target - filled <= 0 or not may_place or not self._again(task, number, attempt):
                    return filled
                self._place(task, leg, number, attempt, target - filled)
                row = self._journal.find(intent_key(task.decision, number, attempt))
                if row is None:
                    return filled  # it could not be built
            if row.state != Intent.CLOSED:
                return None
            filled += row.filled
        return filled

    def _at_pool(
        self, task: Row[Any], leg: Mapping[str, Any], number: int, target: int, may_place: bool
    ) -> int | None:
        key = _key(task, f"pool {number}")
        if target <= 0 or (not may_place and self._transactor.state(key)[0] is None):
            return 0
        account = self._vault.account_of(leg["vault_market"])
        assert account is not None
        tokens = self._vault.chain.ask_one(account, "PolymarketAccount", "tokenIds")
        outcome = list(tokens).index(int(leg["token"])) % 2
        return self._pools.trade(key, account, leg, outcome, target)

    def _again(self, task: Row[Any], number: int, attempt: int) -> bool:
        """Whether a further order makes sense: the one before was undone, or came too early."""
        if attempt == 0:
            return True
        before = self._journal.find(intent_key(task.decision, number, attempt - 1))
        if before is None or self._now() - task.time > self._rules.start_within_s * 3:
            return False
        if BALANCE in before.reason:
            return True
        return "FAILED" in self._journal.trades_of(before.key).values()

    def _place(
        self, task: Row[Any], leg: Mapping[str, Any], number: int, attempt: int, size: int
    ) -> None:
        account = self._vault.account_of(leg["vault_market"])
        assert account is not None
        wanted = Wanted(
            account=account,
            condition=leg["condition"],
            exchange=leg["exchange"],
            token=int(leg["token"]),
            side=leg["side"],
            price=Decimal(leg["price"]),
            tick=Decimal(leg["tick"]),
            size=size,
            leg=number,
            attempt=attempt,
            kind=leg["kind"],
            wallet=self._wallet_of(account)
            if self._vault.is_delegated(bytes.fromhex(leg["vault_market"][2:]))
            else "",
        )
        try:
            self._desk.place(task.decision, task.time, wanted)
        except BadOrder as error:
            self._told("bad_order", {"decision": "0x" + task.decision.hex(), "why": str(error)})

    def _unwound(
        self,
        task: Row[Any],
        legs: Sequence[Mapping[str, Any]],
        buys: Sequence[int],
        ratio: Decimal,
        may_place: bool,
    ) -> bool:
        """Sell again what was bought beyond the leg that failed; return whether that is over."""
        for number in buys:
            leg, key = legs[number], intent_key(task.decision, UNWIND + number, 0)
            row = self._journal.find(key)
            if row is not None:
                if row.state != Intent.CLOSED:
                    return False
                continue
            bought = sum(
                each.filled
                for attempt in range(self._rules.attempts)
                if (each := self._journal.find(intent_key(task.decision, number, attempt)))
            )
            excess = (bought - int(leg["size"] * ratio)) // LOT * LOT
            price = self._exit_price(leg, excess)
            if price is None or not may_place:
                continue  # held
            sale = dict(leg) | {"side": "SELL", "price": str(price), "kind": "FAK"}
            self._place(task, sale, UNWIND + number, 0, excess)
            return False
        return True

    def _exit_price(self, leg: Mapping[str, Any], excess: int) -> Decimal | None:
        """Return the limit at which an excess is sold, or None where it is better held."""
        book = self._book(leg["token"])
        tick = Decimal(leg["tick"])
        least = Decimal(leg["price"]) * (BPS - self._rules.slippage_bps) / BPS
        least = -(-least // tick) * tick
        if book is None or book.bid is None or Decimal(book.bid) / MICRO < least:
            return None
        return least if excess >= 5 * MICRO and least * excess >= MICRO else None

    def _moved(self, task: Row[Any], record: Mapping[str, Any], kind: str, ratio: Decimal) -> bool:
        """Convert or merge, as far as the legs went; return whether that is over."""
        key = _key(task, kind)
        state, _ = self._transactor.state(key)
        if state is None:
            function = "convertPositions" if kind == "convert" else "merge"
            calls: list[Call] = []
            for move in record["moves"]:
                if move["kind"] == kind and (amount := self._movable(move, ratio)) > 0:
                    calls += self._fetch(move, amount)
                    calls.append(self._move(function, move, amount))
            if not calls:
                return True
            state, _ = self._transactor.run(key, f"{kind}: {record['question']}", calls)
        return state in (Sending.DONE, Sending.DROPPED)

    def _fetch(self, move: Mapping[str, Any], amount: int) -> list[Call]:
        """Return the calls that bring a wallet's part of complete sets into the account."""
        name = bytes.fromhex(move["vault_market"][2:])
        _, away, _ = self._vault.away(name)
        if not away:
            return []
        address = self._vault.account_of(move["vault_market"])
        assert address is not None
        place = self._vault.conditions(address).index(move["condition"])
        here = self._vault.here(name)[1][place]
        wanted = (max(0, amount - here.yes), max(0, amount - here.no))
        return take_back(address, (0, {place: wanted}))

    def _movable(self, move: Mapping[str, Any], ratio: Decimal) -> int:
        planned = int(move["amount"] * ratio)
        _, held = self._vault.positions(bytes.fromhex(move["vault_market"][2:]))
        mine = dict(held)[move["condition"]]
        return min(planned, mine.no if move["kind"] == "convert" else min(mine.yes, mine.no))

    # quotes

    def _rest(self, task: Row[Any], record: Mapping[str, Any], may_place: bool) -> None:
        """Place all legs at once; take them out when they are old or no longer where they should
        be; merge what both sides have filled."""
        rows = []
        for number, leg in enumerate(record["legs"]):
            key = intent_key(task.decision, number, 0)
            if self._journal.find(key) is None and may_place:
                self._place(task, leg, number, 0, leg["size"])
            row = self._journal.find(key)
            if row is not None:
                rows.append(row)
        open_rows = [row for row in rows if row.state != Intent.CLOSED]
        if open_rows and (not may_place or self._is_off(task, record)):
            for row in open_rows:
                self._desk.cancel(row.key)
        if all(self._journal.get(row.key).state == Intent.CLOSED for row in rows):
            self._close(task, self._outcome(task))

    def _is_off(self, task: Row[Any], record: Mapping[str, Any]) -> bool:
        if self._now() - task.time > self._rules.resting_s:
            return True
        numbers, book = record["numbers"], self._book(record["numbers"].get("token", ""))
        mid = book.mid() if book is not None else None
        if "mid" not in numbers:
            return False
        return mid is None or abs(mid - float(numbers["mid"])) > float(numbers["tolerance"])

    # the end

    def _outcome(self, task: Row[Any]) -> str:
        rows = self._journal.of_decision(task.decision)
        at_pools = [
            f"at the pool: {state}{f', {why}' if why else ''}"
            for number in range(len(self._journal.record(task.decision)["legs"]))
            for state, why in [self._transactor.state(_key(task, f"pool {number}"))]
            if state is not None
        ]
        parts = at_pools + [
            f"{row.side} {row.filled / MICRO:g} of {row.size / MICRO:g}" for row in rows
        ]
        return "; ".join(parts) or "no order"

    def _close(self, task: Row[Any], why: str) -> None:
        self._journal.close_task(task.decision, why)
        self._told("task_closed", {"decision": "0x" + task.decision.hex(), "why": why})


def _key(task: Row[Any], stage: str) -> bytes:
    return keccak(bytes(task.decision) + stage.encode())
