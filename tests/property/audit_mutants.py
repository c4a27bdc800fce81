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
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from copy import deepcopy
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from msgspec.structs import fields, replace
from strongroom.audit.bookkeeper import AuditFailed, Bookkeeper
from strongroom.audit.calls import VaultCall
from strongroom.audit.cash import cash_differences
from strongroom.audit.conservation import paid_wrongly
from strongroom.audit.event_columns import EventColumns
from strongroom.audit.events import (
    AuditedEvent,
    MarketOpened,
    OperatorSet,
    PaidInKind,
    RedeemedInKind,
)
from strongroom.audit.ledger import BookedReport, Ledger
from strongroom.audit.movements import Moved
from strongroom.audit.permissions import Difference, Setting, setting_key
from strongroom.audit.transactions import Transaction

from tests.property.audited import (
    Transactions,
    calls_of,
    events_of,
    found_at_last,
    moves_of,
    wrongly_called,
)
from tests.property.governed import governed_world, with_holders_say
from tests.property.life import WORLDS, Life, begin
from tests.property.world import Reverted, World

STEPS = 300
OWN = len(fields(AuditedEvent))
OTHER = "0x" + "77" * 20
PLACES = ("dropped", "doubled", "swapped", "earlier", "later")
APPOINTED = "nobody can list whom a holder has appointed; what was not used changed nothing"
NOTHING = "of an account that holds nothing, or forgives what was not lost: no sum is another"
# Why nobody can know by books, asset and views: of changes that are not found and (fields) say
# something else, or (places) leave other books.
REASONS = {
    ("LimitSet", "limit"): "to 0, as it was before",
    ("OperatorSet", "dropped"): APPOINTED,
    ("Swept", "emptied"): NOTHING,
}


class Fate(StrEnum):
    """What becomes of a mutant."""

    BOOKS = "books"  # found where it is booked, or later
    CASH = "cash"  # found beside the asset's own transfers
    CALL = "call"  # found beside what its transaction called
    LAST = "last"  # found at the last block
    SAME = "same"  # the books and the reports are what they are without it
    SURVIVES = "survives"
    REFUSED = "refused"  # the books ask of the chain what it refuses to answer: exit status 2
    FAILS = "fails"  # the audit's own code fails


FOUND = (Fate.BOOKS, Fate.CASH, Fate.CALL, Fate.LAST)


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


@dataclass(frozen=True)
class Lived:
    """A vault's life, and what the chain says of it at its end.

    Attributes:
        vault: in lower case
        calls: transaction -> the vault's function that it calls itself
        moves_of: the asset's transfers from some holders and to them, by transaction
        terms_of: deadline and number of conditions of an account; None where it does not say
        at_last: where the chain's views part from books
    """

    vault: str
    transactions: Transactions
    calls: Mapping[str, VaultCall]
    moves_of: Callable[[AbstractSet[str]], dict[str, list[Moved]]]
    terms_of: Callable[[str], tuple[int, int] | None]
    at_last: Callable[[Ledger], list[Difference]]


def lived_in(world: World, transactions: Transactions) -> Lived:
    """Return a world's life."""
    accounts = {each.account.address.lower(): each.account for each in world.markets.values()}

    def terms_of(address: str) -> tuple[int, int] | None:
        account = accounts.get(address)
        try:
            return account and (int(account.deadline()), len(account.conditions()))
        except Reverted:
            return None  # one that does not answer

    return Lived(
        world.vault.address.lower(),
        transactions,
        calls_of(world),
        lambda holders: moves_of(world, holders),
        terms_of,
        lambda ledger: found_at_last(world, ledger),
    )


def lives_of(seed: int, count: int) -> list[Lived]:
    """Return lives of worlds; the first one is governed."""
    governed = with_holders_say(governed_world())
    found = [lived_in(governed, events_of(governed))]
    for number in range(count):
        chance = random.Random(seed + number)
        life = Life(watched=False, **WORLDS[number % len(WORLDS)])
        begin(life)
        for step in range(STEPS):
            life.step(chance, late=number % 3 == 0 and step > STEPS * 2 // 3)
        found.append(lived_in(life.world, events_of(life.world)))
    return found


def _marks(report: BookedReport) -> set[tuple[str, int, int]]:
    """Return the marks that a report has, by market and condition."""
    return {
        (name, condition, word)
        for name, book in report.books.items()
        for condition, word in enumerate(book.marks)
        if word
    }


class Judge:
    """Says what becomes of one life's mutants."""

    def __init__(self, lived: Lived) -> None:
        """Take a life that the books agree with."""
        self._lived, self._transactions = lived, lived.transactions
        ledger = Ledger(lived.vault)
        self._said: dict[str, list[tuple[int, Any]]] = defaultdict(list)
        reports = self._book(ledger, lived.transactions, self._remember)
        assert not ledger.differences and not lived.at_last(ledger)
        self._truth, self._reports = state(ledger), reports
        self._moves = lived.moves_of({ledger.vault})
        self._paid = lived.moves_of(ledger.accounts.keys())
        self._owners = {each: (of.market, of.class_id) for each, of in ledger.accounts.items()}
        self._appointed = [
            (place, f"{each.controller} {each.operator}", each.approved)
            for place, (_, group) in enumerate(lived.transactions)
            for each in group
            if isinstance(each, OperatorSet)
        ]
        self._holders = (
            ledger.vault,
            {each: of.market for each, of in ledger.accounts.items()},
        )
        self._ledger, self._last = ledger, ledger.permissions.settings
        for _, group in lived.transactions:
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
        return any(
            self._lived.terms_of(each.account) not in ((each.deadline, each.conditions), None)
            for each in opened
        )

    def _answers_otherwise(self, mutant: Mutant, reports: Sequence[BookedReport]) -> bool:
        """Whether an account that was silent is told as if it had answered, one as halted that was
        not, or a mark as another: at that block the chain says otherwise."""
        if mutant.kind == ("MarketClosed", "halted"):
            return True
        true = {each.block: each for each in self._reports}
        return any(
            set(true[told.block].silent) - set(told.silent)
            or _marks(told) - _marks(true[told.block])
            for told in reports
            if told.block in true
        )

    def _unpaid(self, at: AuditedEvent, events: Sequence[AuditedEvent]) -> bool:
        """Whether the asset's transfers are others than a transaction's events say."""
        moves = self._moves.get(at.transaction, [])
        paid = self._paid.get(at.transaction, [])
        return any(cash_differences(self._holders, moves, EventColumns.of(events))) or any(
            paid_wrongly(
                self._owners,
                paid,
                [each for each in events if isinstance(each, PaidInKind)],
                [each for each in events if isinstance(each, RedeemedInKind)],
            )
        )

    def _uncalled(self, mutant: Mutant) -> bool:
        """Whether events are others than their transactions have called; where who is appointed is
        told otherwise, those of later transactions, too."""
        first = mutant.transaction
        if mutant.name == "OperatorSet":
            rest = self._transactions[first + len(mutant.groups) :]
            before = self._transactions[:first]
            return bool(wrongly_called(self._lived.calls, [*before, *mutant.groups, *rest]))
        operators = self._operators(first)
        return bool(wrongly_called(self._lived.calls, mutant.groups, operators))

    def _operators(self, first: int) -> dict[str, bool]:
        """Return who is appointed before a transaction."""
        found: dict[str, bool] = {}
        for place, pair, approved in self._appointed:
            if place >= first:
                break
            found[pair] = approved
        return found

    def fates(self, mutants: Sequence[Mutant]) -> Iterator[tuple[Mutant, Fate]]:
        """Yield what becomes of each."""
        ledger, done = Ledger(self._lived.vault), 0
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
            if self._other_accounts(mutant) or self._answers_otherwise(mutant, reports):
                return Fate.LAST
            for (_, true), (_, group) in zip(
                self._transactions[first:], mutant.groups, strict=False
            ):
                if self._unpaid(true[0], group):
                    return Fate.CASH
            if self._uncalled(mutant):
                return Fate.CALL
            if self._lived.at_last(ledger):
                return Fate.LAST
        except Reverted:
            return Fate.REFUSED
        except AuditFailed:
            return Fate.FAILS
        is_same = state(ledger) == self._truth and reports == self._reports
        return Fate.SAME if is_same else Fate.SURVIVES


def judged(
    lives: Sequence[Lived],
    seed: int,
    most: int,
    on_life: Callable[[int], None] = lambda number: None,
) -> list[tuple[Mutant, Fate]]:
    """Return mutants of lives, and what becomes of each.

    Args:
        most: mutants; 0 for all of them
    """
    every = [each for n, life in enumerate(lives) for each in mutants_of(n, life.transactions)]
    chosen = sample(every, most or len(every), random.Random(seed))
    of_life = defaultdict(list)
    for each in chosen:
        of_life[each.life].append(each)
    found: list[tuple[Mutant, Fate]] = []
    for number, life in enumerate(lives):
        found += Judge(life).fates(of_life[number])
        on_life(number)
    return found
