"""What a PerformanceSplitter must pay, in the auditor's own arithmetic: profit by class, shares and
price come from the ledger of the vault's logs, nothing from the splitter's word.

The rule is that of docs/contracts/PerformanceSplitter.md. Divisions go against strategists; a mark
goes up. What is booked is what the rule says, whatever was logged: the first difference is the
cause.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from strongroom.audit.events import AuditedEvent, OwnershipTransferred, OwnershipTransferStarted
from strongroom.audit.ledger import Ledger
from strongroom.audit.permissions import ZERO, Difference, difference
from strongroom.audit.splitter_events import (
    Credited,
    Split,
    StrategistAnnounced,
    StrategistSet,
    Withdrawn,
)
from strongroom.chain.terms import GRACE_S
from strongroom.chain.units import BPS

Payout = tuple[int, str, int, int, int, int, int]  # the fields of a `Credited`, in their order


@dataclass(frozen=True)
class SplitDue:
    """What a split must be: the fields of its `Split`, and of each `Credited` in front of it."""

    received: int
    profit: int
    rate: int
    due: int
    rest: int
    payouts: tuple[Payout, ...]
    claims: Mapping[int, "Claim"]


class Claim(NamedTuple):
    """What a class has earned.

    Attributes:
        mark: profit that was paid for, assets
        counted: profit of which `owed` is the fee, assets
        owed: fee on what is counted above the mark, assets times 10_000
    """

    mark: int = 0
    counted: int = 0
    owed: int = 0

    def at(self, home: int, rate: int) -> "Claim":
        """Return it with what came home or was lost since, at a rate in bps."""
        now = max(home, self.mark)
        if now >= self.counted:
            return Claim(self.mark, now, self.owed + (now - self.counted) * rate)
        kept = self.owed * (now - self.mark) // (self.counted - self.mark)
        return Claim(self.mark, now, kept)

    def paid(self, profit: int) -> "Claim":
        """Return it once so much of its profit was paid for; what is owed falls, down."""
        whole = self.counted - self.mark
        owed = self.owed * (whole - profit) // whole if whole else 0
        return Claim(self.mark + profit, self.counted, owed)


@dataclass
class PayoutBooks:
    """A splitter after the events so far.

    Attributes:
        ledger: the vault's books, which are as far as the event that is booked next
        address: of the splitter, in lower case
        delay: seconds from an announcement to its time
        claims: class -> what it has earned, and what of it is paid
        strategists: class -> who earns by it, and his part in bps
        announced: class -> who will, his part, from when on
        credits: account -> shares that it may withdraw
        earned: class -> shares that were credited to its strategists
        paid: account -> all shares that were ever credited to it
        rate: of the performance fee at the last split, bps
    """

    ledger: Ledger
    address: str
    delay: int
    owner: str = ZERO
    pending_owner: str = ZERO
    claims: dict[int, Claim] = field(default_factory=dict)
    strategists: dict[int, tuple[str, int]] = field(default_factory=dict)
    announced: dict[int, tuple[str, int, int]] = field(default_factory=dict)
    credits: dict[str, int] = field(default_factory=dict)
    earned: dict[int, int] = field(default_factory=dict)
    paid: dict[str, int] = field(default_factory=dict)
    rate: int = 0
    splits: int = 0
    received: int = 0
    differences: list[Difference] = field(default_factory=list)
    _begun: bool = False
    _credited: list[Credited] = field(default_factory=list)
    _last: AuditedEvent | None = None

    @property
    def total_credit(self) -> int:
        """Shares that all accounts may withdraw."""
        return sum(self.credits.values())

    @property
    def fee_bps(self) -> int:
        """Part of the vault's fees that the splitter receives."""
        there = self.ledger.permissions.recipients
        return sum(bps for who, bps in there if who == self.address)

    def over(self, class_id: int) -> int:
        """Return a class's proven profit above its mark, assets."""
        return max(0, self._home(class_id) - self._claim(class_id).mark)

    def _home(self, class_id: int) -> int:
        return max(0, self.ledger.profits.get(class_id, 0))

    def _claim(self, class_id: int) -> Claim:
        return self.claims.get(class_id, Claim())

    def book(self, event: AuditedEvent, time: int) -> None:
        """Book an event of the splitter.

        Args:
            time: of its block
        """
        if not self._begun:
            self._begin()
        if self._credited and not isinstance(event, Credited | Split):
            self._expect(event, "Credited: of a split", "Split", event.name)
            self._credited.clear()
        match event:
            case OwnershipTransferred():
                if self.owner not in (ZERO, event.previous_owner):
                    self._expect(event, "OwnershipTransferred.previous_owner", self.owner,
                                 event.previous_owner)  # fmt: skip
                self.owner, self.pending_owner = event.new_owner, ZERO
            case OwnershipTransferStarted():
                self._expect(event, "OwnershipTransferStarted.previous_owner", self.owner,
                             event.previous_owner)  # fmt: skip
                self.pending_owner = event.new_owner
            case StrategistAnnounced():
                self._announce(event, time)
            case StrategistSet():
                self._appoint(event, time)
            case Credited():
                self._credited.append(event)
            case Split():
                self._split(event)
            case Withdrawn():
                self._withdraw(event)
        self._last = event

    def meet(self, event: AuditedEvent) -> None:
        """Nothing of the vault's is held against the splitter; the ledger has it."""

    def end(self) -> None:
        """Note what was credited by no split; at the end of a block."""
        for each in self._credited[:1]:
            self._expect(each, "Credited: of a split", "Split", "nothing")
        self._credited.clear()

    def _begin(self) -> None:
        """At its deployment: nothing for the past."""
        self._begun, self.rate = True, self.ledger.permissions.rates[1]
        for number in self.ledger.permissions.classes:
            self.claims[number] = Claim(self._home(number), self._home(number))

    def _expect(self, at: AuditedEvent, what: str, expected: object, found: object) -> None:
        if expected != found:
            self.differences.append(difference(at, what, expected, found))

    def _announce(self, it: StrategistAnnounced, time: int) -> None:
        self._expect(it, "StrategistAnnounced.ready_at", time + self.delay, it.ready_at)
        self.announced[it.class_id] = it.strategist, it.part_bps, time + self.delay

    def _appoint(self, it: StrategistSet, time: int) -> None:
        last = self._last
        follows = isinstance(last, Split) and last.transaction == it.transaction
        self._expect(it, "StrategistSet: what came before is split first", True, follows)
        who, part, ready = self.announced.pop(it.class_id, (ZERO, 0, 0))
        in_time = 0 < ready <= time <= ready + GRACE_S
        self._expect(it, "StrategistSet: announced, its delay over, its week not", True, in_time)
        self._expect(it, "StrategistSet: as announced", (who, part), (it.strategist, it.part_bps))
        if who != self.strategists.get(it.class_id, (ZERO, 0))[0]:
            mark = self._claim(it.class_id).mark + self.over(it.class_id)
            self.claims[it.class_id] = Claim(mark, mark)
        self._expect(it, "StrategistSet.mark", self._claim(it.class_id).mark, it.mark)
        self.strategists[it.class_id] = who, part

    def _split(self, it: Split) -> None:
        wanted, logged = self.due(), tuple(map(_payout, self._credited))
        self._credited.clear()
        self._expect(it, "Split.manager", self.owner, it.manager)
        numbers = ("received", "profit", "rate_bps", "due", "rest")
        values = (wanted.received, wanted.profit, wanted.rate, wanted.due, wanted.rest)
        for name, value in zip(numbers, values, strict=True):
            self._expect(it, f"Split.{name}", value, getattr(it, name))
        self._payouts(it, wanted.payouts, logged)
        self.claims.update(wanted.claims)
        for number, who, _, _, _, shares, _ in wanted.payouts:
            self.earned[number] = self.earned.get(number, 0) + shares
            self._credit(who, shares)
        self._credit(self.owner, wanted.rest)
        self.rate = self.ledger.permissions.rates[1]
        self.splits, self.received = self.splits + 1, self.received + wanted.received

    def _payouts(self, at: Split, wanted: Sequence[Payout], logged: Sequence[Payout]) -> None:
        """Hold what was credited against what the rule gives, class by class."""
        by_class = {each[0]: each for each in logged}
        if len(by_class) != len(logged) or len(logged) != len(wanted):
            self._expect(at, "Credited: classes", [p[0] for p in wanted], [p[0] for p in logged])
        names = ("class", "strategist", "profit", "paid", "fee", "shares", "mark")
        for each in wanted:
            found = by_class.get(each[0], (each[0], ZERO, 0, 0, 0, 0, 0))
            for name, value, there in zip(names, each, found, strict=True):
                self._expect(at, f"Credited.{name} of class {each[0]}", value, there)

    def due(self) -> SplitDue:
        """Return what a split would be now."""
        ledger = self.ledger
        received = ledger.holders.get(self.address, 0) - self.total_credit
        rate = max(self.rate, ledger.permissions.rates[1])
        claims = {
            number: self._claim(number).at(self._home(number), rate)
            for number in sorted(ledger.permissions.classes)
        }
        whole = sum(each.counted - each.mark for each in claims.values())
        owed = sum(each.owed for each in claims.values())
        due = (owed // BPS) * ledger.shares // (ledger.nav[0] + 1)
        payouts = []
        for number, claim in claims.items():
            profit = claim.counted - claim.mark
            short = received < due and claim.owed
            paid = -(-profit * received // due) if short else profit
            claims[number] = after = claim.paid(paid)
            if not paid:
                continue
            fee = min(received, due) * claim.owed // owed if owed else 0
            who, part = self.strategists.get(number, (ZERO, 0))
            payouts.append((number, who, profit, paid, fee, fee * part // BPS, after.mark))
        rest = received - sum(each[5] for each in payouts)
        return SplitDue(received, whole, rate, due, rest, tuple(payouts), claims)

    def _credit(self, who: str, shares: int) -> None:
        if shares:
            self.credits[who] = self.credits.get(who, 0) + shares
            self.paid[who] = self.paid.get(who, 0) + shares

    def _withdraw(self, it: Withdrawn) -> None:
        credit = self.credits.get(it.account, 0)
        if it.shares > credit:
            self._expect(it, "Withdrawn.shares", f"at most {credit}", it.shares)
        self.credits[it.account] = credit - it.shares


def _payout(it: Credited) -> Payout:
    return it.class_id, it.strategist, it.profit, it.paid, it.fee, it.shares, it.mark


# what a verdict says


@dataclass(frozen=True)
class ClassPayout:
    """What a class's strategist earns; amounts as digits.

    Attributes:
        profit: proven, assets, and `mark`: of it, what was paid for
        waiting: above the mark: a claim on fees to come
        credited: shares, to all strategists that the class has had
    """

    class_id: int
    strategist: str
    part_bps: int
    profit: str
    mark: str
    waiting: str
    credited: str


@dataclass(frozen=True)
class PayoutStatement:
    """A splitter at the last block; amounts as digits, shares.

    Attributes:
        fee_bps: of the vault's fees that come here at the last block; the vault's owner says so
        received: fee shares and gifts that were split
        paid: account -> all that was ever credited to it
        credits: account -> what it may withdraw
    """

    splitter: str
    owner: str
    delay: int
    fee_bps: int
    splits: int
    received: str
    paid: Mapping[str, str]
    credits: Mapping[str, str]
    classes: tuple[ClassPayout, ...]


def payout_statement(books: PayoutBooks) -> PayoutStatement:
    """Return what a verdict says of a splitter."""
    classes = []
    for number in sorted(books.ledger.permissions.classes):
        who, part = books.strategists.get(number, (ZERO, 0))
        classes.append(
            ClassPayout(
                number, who, part, str(books.ledger.profits.get(number, 0)),
                str(books.claims.get(number, Claim()).mark), str(books.over(number)),
                str(books.earned.get(number, 0)),
            )
        )  # fmt: skip
    return PayoutStatement(
        books.address, books.owner, books.delay, books.fee_bps, books.splits, str(books.received),
        _digits(books.paid), _digits(books.credits), tuple(classes),
    )  # fmt: skip


def _digits(shares: Mapping[str, int]) -> dict[str, str]:
    return {who: str(amount) for who, amount in sorted(shares.items()) if amount}
