"""The logs of lives, changed in every way that leaves them logs, through the auditor's books.

A mutant is one event dropped, doubled, moved before or behind its neighbour (within its transaction
or into the next one), or with one field changed. It is found where the books differ from the logs,
where a report names evidence that nobody has, or at the last block, where the chain's views and
accounts differ from the books. One that is not found either leaves the books and the reports as
they truly are (it said what was so), or survives.

What the whole audit sees besides (balances, outcome tokens, fills, code) is left out: a mutant that
is found here needs none of it. What settings were before they were replaced is taken from the books
of the true logs, which agree with the chain.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from typing import Any

from strongroom.audit.bookkeeper import AuditFailed, Bookkeeper
from strongroom.audit.cash import cash_differences
from strongroom.audit.events import AuditedEvent, MarketOpened, Transaction
from strongroom.audit.ledger import BookedReport, Ledger
from strongroom.audit.permissions import Difference, Setting, setting_key

from tests.property.audited import (
    Transactions,
    events_of,
    found_at_last,
    moves_of_vault,
)
from tests.property.governed import governed_world, with_holders_say
from tests.property.life import WORLDS, Life, begin
from tests.property.world import Reverted, World

STEPS = 300
OWN = len(fields(AuditedEvent))
OTHER = "0x" + "77" * 20
PLACES = ("dropped", "doubled", "swapped", "earlier", "later")
CALLER = "who sends a call is in no log, and changes nothing of what is held or owed"
APPOINTED = "nobody can list whom a holder has appointed; what was not used changed nothing"
SO_BEFORE = "both were so before"
LEAVERS = "the tokens' own transfers say it: audit/conservation.py"
NOTHING = "of an account that holds nothing, or forgives what was not lost: no sum is another"
SILENT = "the account says it at that block: audit/auditor.py holds its value against the report"
# Why nobody can know by books, asset and views: of changes that are not found and (fields) say
# something else, or (places) leave other books.
REASONS = {
    ("Deposit", "sender"): CALLER,
    ("DepositRequest", "sender"): CALLER,
    ("RedeemRequest", "sender"): CALLER,
    ("Withdraw", "sender"): CALLER,
    ("Withdraw", "owner"): "a claim of nothing",
    ("Withdraw", "receiver"): "a claim of nothing",
    ("OperatorSet", "dropped"): APPOINTED,
    ("OperatorSet", "approved"): APPOINTED,
    ("ClassCapsSet", "class_id"): SO_BEFORE,
    ("LimitSet", "limit"): SO_BEFORE,
    ("MarketOpened", "deadline"): SILENT,
    ("MarketOpened", "conditions"): SILENT,
    ("LossesForgiven", "assets"): NOTHING,
    ("LossesForgiven", "class_id"): NOTHING,
    ("Swept", "emptied"): NOTHING,
    ("Transfer", "value"): "from somebody to themselves",
    ("PaidInKind", "assets"): LEAVERS,
    ("RedeemedInKind", "receiver"): LEAVERS,
    ("RedeemedInKind", "skipped"): NOTHING,
    ("MarketClosed", "halted"): "the vault opens no market again that was halted: contracts",
    ("Reported", "dropped"): "a settlement by anybody does the same in a vault without markets",
    ("Reported", "words"): "marks of markets that hold nothing, until the next report",
    ("Unanswered", "dropped"): SILENT,
    ("Unanswered", "earlier"): SILENT,
}


class Fate(StrEnum):
    """What becomes of a mutant."""

    BOOKS = "books"  # found where it is booked, or later
    CASH = "cash"  # found beside the asset's own transfers
    LAST = "last"  # found at the last block
    SAME = "same"  # the books and the reports are what they are without it
    SURVIVES = "survives"
    REFUSED = "refused"  # the books ask of the chain what it refuses to answer: exit status 2
    FAILS = "fails"  # the audit's own code fails


FOUND = (Fate.BOOKS, Fate.CASH, Fate.LAST)


@dataclass(frozen=True)
class Mutant:
    """A change of one event.

    Attributes:
        transaction: number of the life's first transaction that is another
        name: of the event
        change: what was done, e.g. "dropped" or "shares: 1 more"
        groups: (time, events) in place of as many transactions from there on
    """

    life: int
    transaction: int
    name: str
    change: str
    groups: Sequence[tuple[int, Sequence[AuditedEvent]]]

    @property
    def kind(self) -> tuple[str, str]:
        """Event and change, without by how much."""
        return self.name, self.change.partition(":")[0]

    def escapes(self, fate: Fate) -> bool:
        """Whether it is not found and says something else. A log in another place, or twice, that
        leaves books, reports and settings as they are does not."""
        if fate in FOUND:
            return False
        return fate is not Fate.SAME or self.kind[1] not in PLACES


def lives_of(seed: int, count: int) -> list[tuple[World, Transactions]]:
    """Return worlds that have lived, and their transactions; the first one is governed."""
    governed = with_holders_say(governed_world())
    found = [(governed, events_of(governed))]
    for number in range(count):
        chance = random.Random(seed + number)
        life = Life(watched=False, **WORLDS[number % len(WORLDS)])
        begin(life)
        for step in range(STEPS):
            life.step(chance, late=number % 3 == 0 and step > STEPS * 2 // 3)
        found.append((life.world, events_of(life.world)))
    return found


def others(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield (how, another value of the same type): what a log's field may say instead."""
    match value:
        case bool():
            yield "the other", not value
        case int():
            yield "1 more", value + 1
            if value > 0:
                yield "1 less", value - 1
            if value > 3:
                yield "half", value // 2
        case bytes():
            yield "last byte", value[:-1] + bytes([value[-1] ^ 1])
            yield "a byte less", value[:-1]
        case str() if len(value) == len(OTHER):
            yield "somebody else", OTHER
            if int(value, 16):
                yield "nobody", "0x" + "00" * 20
        case str():
            yield "first digit", f"0x{int(value[2], 16) ^ 8:x}{value[3:]}"
        case tuple() if value:
            yield "one less", value[:-1]
            yield "one twice", (*value, value[-1])
            inner = others(value[0]) if not isinstance(value[0], tuple) else _of_pair(value[0])
            for how, other in inner:
                yield f"first {how}", (other, *value[1:])


def _of_pair(value: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    """Yield a structure with one member changed."""
    for at, member in enumerate(value):
        for how, other in others(member):
            yield f"{at} {how}", (*value[:at], other, *value[at + 1 :])


def mutants_of(number: int, transactions: Transactions) -> Iterator[Mutant]:
    """Yield every mutant of a life."""
    for place, (time, group) in enumerate(transactions):
        for at, event in enumerate(group):
            before, after = group[:at], group[at + 1 :]
            for change, instead in _changed(event):
                yield Mutant(number, place, event.name, change, [(time, before + instead + after)])
            yield from _moved(number, place, at, transactions)


def _changed(event: AuditedEvent) -> Iterator[tuple[str, list[AuditedEvent]]]:
    yield "dropped", []
    yield "doubled", [event, event]
    for field in fields(event)[OWN:]:
        for how, value in others(getattr(event, field.name)):
            yield f"{field.name}: {how}", [replace(event, **{field.name: value})]


def _moved(number: int, place: int, at: int, transactions: Transactions) -> Iterator[Mutant]:
    """Yield an event behind its neighbour, and the last of a transaction in the next one, the
    first in the one before."""
    time, group = transactions[place]
    event = group[at]
    if at + 1 < len(group):
        swapped = [*group[:at], group[at + 1], event, *group[at + 2 :]]
        if event != group[at + 1]:
            yield Mutant(number, place, event.name, "swapped", [(time, swapped)])
        return
    if place + 1 < len(transactions):
        later, there = transactions[place + 1]
        both = [(time, group[:-1]), (later, [_into(event, there[0]), *there])]
        yield Mutant(number, place, event.name, "later", both)
    if place:
        earlier, there = transactions[place - 1]
        both = [(earlier, [*there, _into(group[0], there[-1])]), (time, group[1:])]
        yield Mutant(number, place - 1, group[0].name, "earlier", both)


def _into(event: AuditedEvent, there: AuditedEvent) -> AuditedEvent:
    return replace(event, block=there.block, transaction=there.transaction)


def sample(mutants: Sequence[Mutant], most: int, dice: random.Random) -> list[Mutant]:
    """Return some, of each kind of event and change as many as there is room for."""
    kinds = defaultdict(list)
    for each in mutants:
        kinds[each.kind].append(each)
    for name in sorted(kinds):
        dice.shuffle(kinds[name])
    found: list[Mutant] = []
    while kinds and len(found) < most:
        for name in sorted(kinds):
            found.append(kinds[name].pop())
            if not kinds[name]:
                del kinds[name]
    return found[:most]


def bare(value: Any) -> Any:
    """Return a state without what is 0, empty or no: it is the same as what is not there."""
    if isinstance(value, dict):
        return {key: bare(each) for key, each in value.items() if each}
    return [bare(each) for each in value] if isinstance(value, list | tuple) else value


def state(ledger: Ledger) -> Any:
    """Return what the books end with; of settings each has its place in them besides."""
    whole = asdict(ledger)
    for name in ("differences", "events", "block"):
        del whole[name]
    for name in ("timeline", "settings", "born_in"):
        del whole["permissions"][name]
    return bare(whole)


class Judge:
    """Says what becomes of one life's mutants."""

    def __init__(self, world: World, transactions: Transactions) -> None:
        """Take a life that the books agree with."""
        self._world, self._transactions = world, transactions
        self._end = len(transactions)
        ledger = Ledger(world.vault.address.lower())
        self._said: dict[str, list[tuple[int, Any]]] = defaultdict(list)
        reports = self._book(ledger, transactions, self._remember)
        assert not ledger.differences and not found_at_last(world, ledger)
        self._truth, self._reports = state(ledger), reports
        self._moves = moves_of_vault(world)
        self._ledger, self._last = ledger, ledger.permissions.settings
        for _, group in transactions:
            assert not self._unpaid(group[0], group)
        self._evidence = {each.evidence for each in reports}

    def _remember(self, ledger: Ledger, replaced: Sequence[Setting]) -> None:
        """Keep what settings were until when: what the chain's views said then."""
        for each in replaced:
            key = setting_key(each.view, each.arguments)
            self._said[key].append((each.block, each.value))

    def _hold(self, ledger: Ledger, replaced: Sequence[Setting]) -> None:
        """Hold what a mutant's books had until a setting was replaced against what was so."""
        for each in replaced:
            key = setting_key(each.view, each.arguments)
            last = self._last.get(key)
            until = [value for block, value in self._said[key] if block >= each.block]
            value = until[0] if until else last.value if last is not None else each.value
            if value != each.value:
                ledger.differences.append(
                    Difference(each.block, each.transaction, each.view, str(value), str(each.value))
                )

    def _book(
        self,
        ledger: Ledger,
        transactions: Transactions,
        look: Callable[[Ledger, Sequence[Setting]], None],
    ) -> list[BookedReport]:
        """Book until something differs; return the reports."""
        keeper, reports = Bookkeeper(ledger), []
        for time, events in transactions:
            if events:
                reports += keeper.book(Transaction(time, tuple(events)))
                look(ledger, keeper.replaced())
            if ledger.differences:
                break
        return reports

    def _other_accounts(self, mutant: Mutant) -> bool:
        """Whether an account's deadline and number of conditions are not those of its opening."""
        opened = [e for _, group in mutant.groups for e in group if isinstance(e, MarketOpened)]
        there = {each.account.address.lower(): each for each in self._world.markets.values()}
        return any(
            self._terms(there[each.account].account) not in ((each.deadline, each.conditions), None)
            for each in opened
            if each.account in there
        )

    def _terms(self, account: Any) -> tuple[int, int] | None:
        try:
            return int(account.deadline()), len(account.conditions())
        except Reverted:
            return None  # one that does not answer

    def _unpaid(self, at: AuditedEvent, events: Sequence[AuditedEvent]) -> bool:
        """Whether the asset's transfers are others than a transaction's events say."""
        place, moves = (at.block, at.transaction), self._moves.get(at.transaction, [])
        return any(cash_differences(self._ledger, place, moves, events))

    def fates(self, mutants: Sequence[Mutant]) -> Iterator[tuple[Mutant, Fate]]:
        """Yield what becomes of each."""
        ledger, done = Ledger(self._world.vault.address.lower()), 0
        reports: list[BookedReport] = []
        for mutant in sorted(mutants, key=lambda each: each.transaction):
            reports += self._book(ledger, self._transactions[done : mutant.transaction], self._hold)
            done = mutant.transaction
            yield mutant, self._fate(mutant, deepcopy(ledger), reports)

    def _fate(self, mutant: Mutant, ledger: Ledger, reports: list[BookedReport]) -> Fate:
        first = mutant.transaction
        rest = [*mutant.groups, *self._transactions[first + len(mutant.groups) :]]
        try:
            reports = [*reports, *self._book(ledger, rest, self._hold)]
            if ledger.differences or any(each.evidence not in self._evidence for each in reports):
                return Fate.BOOKS
            if self._other_accounts(mutant):
                return Fate.LAST
            for (_, true), (_, group) in zip(
                self._transactions[first:], mutant.groups, strict=False
            ):
                if self._unpaid(true[0], group):
                    return Fate.CASH
            if found_at_last(self._world, ledger):
                return Fate.LAST
        except Reverted:
            return Fate.REFUSED
        except AuditFailed:
            return Fate.FAILS
        is_same = state(ledger) == self._truth and reports == self._reports
        return Fate.SAME if is_same else Fate.SURVIVES


def judged(
    seed: int, lives: int, most: int, on_life: Callable[[int], None] = lambda number: None
) -> list[tuple[Mutant, Fate]]:
    """Return mutants of lives, and what becomes of each.

    Args:
        lives: besides the governed one
        most: mutants; 0 for all of them
    """
    lived = lives_of(seed, lives)
    every = [each for n, (_, them) in enumerate(lived) for each in mutants_of(n, them)]
    chosen = sample(every, most or len(every), random.Random(seed))
    of_life = defaultdict(list)
    for each in chosen:
        of_life[each.life].append(each)
    found: list[tuple[Mutant, Fate]] = []
    for number, (world, transactions) in enumerate(lived):
        found += Judge(world, transactions).fates(of_life[number])
        on_life(number)
    return found
