"""A vault whose fees a PerformanceSplitter takes, and the splitter's rules once more in Python.

The model shares nothing with the contract: it counts profit from what this file brings home and
loses, fee shares from the supply, and the price from supply and assets.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from strongroom.audit.both_books import BothBooks
from strongroom.audit.events import AuditedEvent
from strongroom.audit.ledger import Ledger
from strongroom.audit.logs import RawLog
from strongroom.audit.payouts import PayoutBooks
from strongroom.audit.readers import read_logs, splitter_readers, vault_readers
from strongroom.audit.transactions import Transaction

from tests.property.evm import Evm, Logs
from tests.property.world import (
    BPS,
    DAY,
    DEPOSIT,
    HOUR,
    OPEN,
    UNIT,
    VIRTUAL,
    Kind,
    World,
)

DELAY = 2 * DAY
Told = list[tuple[AuditedEvent, int]]  # events of the splitter, with their times
Mutation = Callable[[Told], Told]


@dataclass
class Rules:
    """What the splitter promises, by its documentation alone.

    Attributes:
        home: class -> what came home above cost less what never did, as the test brought it about
        marks: class -> profit that was paid for
        counted: class -> profit of which `owed` is the fee
        owed: class -> fee on what is counted above the mark, assets times 10_000
        people: class -> strategist and his part, bps
        credits: account -> shares, what was withdrawn included
        worth: account -> what his credits were worth when they were given, times 10**18
    """

    rate: int
    owner: str
    home: dict[int, int] = field(default_factory=dict)
    marks: dict[int, int] = field(default_factory=dict)
    counted: dict[int, int] = field(default_factory=dict)
    owed: dict[int, int] = field(default_factory=dict)
    people: dict[int, tuple[str, int]] = field(default_factory=dict)
    credits: dict[str, int] = field(default_factory=dict)
    worth: dict[str, int] = field(default_factory=dict)

    def split(self, received: int, rate: int, assets: int, supply: int) -> None:
        """Split shares at a price of `assets` for `supply`."""
        fee_rate, self.rate = max(self.rate, rate), rate
        for number, home in self.home.items():
            self._count(number, home, fee_rate)
        owed, whole = sum(self.owed.values()), supply + VIRTUAL
        due = (owed // BPS) * whole // (assets + 1)
        left = received
        for number in self.home:
            mark, mine = self.marks.get(number, 0), self.owed[number]
            profit = self.counted[number] - mark
            if not profit:
                continue
            enough = received >= due or not mine
            paid = profit if enough else -(-profit * received // due)
            fee = min(due, received) * mine // owed if mine else 0
            who, part = self.people.get(number, ("", 0))
            share = fee * part // BPS
            self.marks[number] = mark + paid
            self.owed[number] = mine * (profit - paid) // profit
            if share:
                self._give(who, share, assets, supply)
                left -= share
        self._give(self.owner, left, assets, supply)

    def _count(self, number: int, home: int, rate: int) -> None:
        """Count what came home since the last split at the rate, and what was lost again."""
        mark = self.marks.get(number, 0)
        before, home = max(mark, self.counted.get(number, 0)), max(home, mark)
        owed = self.owed.get(number, 0)
        new = owed + (home - before) * rate if home >= before else 0
        kept = owed * (home - mark) // (before - mark) if home < before else 0
        self.counted[number], self.owed[number] = home, new or kept

    def _give(self, who: str, shares: int, assets: int, supply: int) -> None:
        self.credits[who] = self.credits.get(who, 0) + shares
        worth = shares * (assets + 1) * 10**18 // (supply + VIRTUAL)
        self.worth[who] = self.worth.get(who, 0) + worth

    def appoint(self, number: int, who: str, part: int) -> None:
        """Set who earns by a class; what came was split before."""
        if self.people.get(number, ("", 0))[0] != who:
            self.marks[number] = max(self.marks.get(number, 0), self.home.get(number, 0), 0)
            self.counted[number], self.owed[number] = self.marks[number], 0
        self.people[number] = (who, part)


class SplitWorld:
    """A world of classes of one kind, their strategists, and a splitter that has all fees.

    Args:
        classes: how many
        fees: management, performance and hurdle, bps
        caps: of the first classes: exposure and losses, assets
        evm: its chain; a new one, if none is given

    Attributes:
        highs: class -> its highest proven profit ever, assets
        received: fee shares and gifts so far
    """

    def __init__(
        self,
        classes: int = 3,
        fees: tuple[int, int, int] = (0, 2_000, 0),
        caps: Sequence[int] = (),
        evm: Evm | None = None,
    ) -> None:
        kinds = [Kind("binary", f"keeper {number}") for number in range(classes)]
        for number, cap in enumerate(caps):
            kinds[number] = replace(kinds[number], class_cap=cap)
        self.world = world = World(fees=fees, kinds=kinds, evm=evm, **OPEN)
        self.vault, self.who = world.vault, world.who
        self.rules = Rules(fees[1], "boss")
        self.highs: dict[int, int] = {}
        self.received = self.shares_seen = self._names = 0
        world.request(DEPOSIT, "alice", 1_000_000 * UNIT)
        for _ in range(2):
            world.settle()
            world.wait(HOUR)
        world.claim_all("alice")

    def install(self) -> None:
        """Deploy the splitter and make it the vault's fee recipient."""
        code = self.world.contract("PerformanceSplitter")
        at, boss = self.vault.address, self.who["boss"]
        self.splitter = self.world.evm.deploy(code, at, boss, DELAY)
        self.who["splitter"] = self.splitter.address
        owner = self.who["owner"]
        self.vault.setFeeRecipients([(self.splitter.address, BPS)], sender=owner)
        for number, home in self.rules.home.items():
            self.rules.marks[number] = max(0, home)

    # profit and loss of a class

    def market(self, number: int) -> str:
        """Open a market of a class."""
        self._names += 1
        name = f"market {self._names}"
        self.world.open(name, number)
        return name

    def earn(self, number: int, assets: int) -> None:
        """Bring a profit home."""
        name = self.market(number)
        self.world.give_cash(name, assets)
        self.world.harvest(name)
        self.world.close(name, by=f"keeper {number}")
        self._count(number, assets)

    def lose(self, number: int, assets: int) -> None:
        """Send budget out that never comes back."""
        name = self.market(number)
        self.world.allocate(name, assets)
        self.world.trade(name, -assets)
        self.world.close(name, by=f"keeper {number}")
        self._count(number, -assets)

    def _count(self, number: int, assets: int) -> None:
        self.rules.home[number] = now = self.rules.home.get(number, 0) + assets
        self.highs[number] = max(now, self.highs.get(number, 0))

    # fees and their split

    def report(self, hours: int = 1) -> int:
        """Report; return the fee shares that were minted."""
        self.world.wait(hours * HOUR)
        before = self.vault.totalSupply()
        self.world.report()
        minted = int(self.vault.totalSupply()) - before
        self.received += minted
        return minted

    def gift(self, shares: int) -> None:
        """Somebody sends shares to the splitter."""
        self.world.transfer("alice", "splitter", shares)
        self.received += shares

    def set_rate(self, rate: int) -> None:
        """Let the owner set the performance fee; the world's timelock has no delay."""
        self.vault.setFees(self.world.fees[0], rate, self.world.fees[2], sender=self.who["owner"])

    def split(self, by: str = "mallory") -> None:
        """Split, and in the rules as well."""
        self._follow()
        self.splitter.split(sender=self.who[by])

    def appoint(self, number: int, who: str, part: int) -> None:
        """Announce a strategist, wait, make him one."""
        account = self.who[who] if who else "0x" + "00" * 20
        self.splitter.announce(number, account, part, sender=self.who["boss"])
        self.world.wait(DELAY)
        self._follow()
        self.splitter.appoint(number, sender=self.who["mallory"])
        self.rules.appoint(number, who, part)

    def _follow(self) -> None:
        assets, supply = int(self.vault.totalAssets()), int(self.vault.totalSupply())
        rate = int(self.vault.feeRates()[1])
        self.rules.split(self.received - self.shares_seen, rate, assets, supply)
        self.shares_seen = self.received

    def credit(self, who: str) -> int:
        """Return what somebody may withdraw."""
        return int(self.splitter.creditOf(self.who[who]))

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the splitter's events of a name, of all transactions."""
        logs = Logs(self.splitter.address, self.splitter.abis)
        found = [each for _, some in self.world.evm.transactions for each in logs.read(some)]
        return [values for each, values in found if each == name]


def payouts(life: SplitWorld, together: int = 1, events: Mutation | None = None) -> PayoutBooks:
    """Return the auditor's books of a splitter.

    Args:
        together: so many transactions are taken as one, as a Safe sends them
        events: changes the splitter's events before they are booked
    """
    vault, splitter = life.vault.address.lower(), life.splitter.address.lower()
    books = PayoutBooks(Ledger(vault), splitter, DELAY)
    both, told = BothBooks(books), list[tuple[AuditedEvent, int]]()
    groups = list[Transaction]()
    for time, some in _raw(life, together):
        mine = [each for each in some if each["address"].lower() == splitter]
        told += [(each, time) for each in read_logs(mine, splitter_readers())]
        ours = [each for each in some if each["address"].lower() == vault]
        if ours:
            groups.append(Transaction(time, read_logs(ours, vault_readers())))
    both.expect(told if events is None else events(told))
    both.book(groups)
    both.end()
    return books


def _raw(life: SplitWorld, together: int) -> Iterator[tuple[int, list[RawLog]]]:
    """Yield time and logs. Only calls at one time go together."""
    block, last, logs, count = 0, -1, list[RawLog](), 0
    for time, some in life.world.evm.transactions:
        if time != last or count == together:
            if logs:
                yield last, logs
            block, last, logs, count = block + 1, time, [], 0
        count += 1
        for each in some:
            topics, data = each.data
            logs.append(
                {
                    "address": each.address,
                    "topics": ["0x" + _hex(topic) for topic in topics],
                    "data": "0x" + _hex(data),
                    "blockNumber": hex(block),
                    "blockHash": "",
                    "transactionHash": "0x" + block.to_bytes(32, "big").hex(),
                    "logIndex": hex(len(logs)),
                }
            )
    if logs:
        yield last, logs


def _hex(value: Any) -> str:
    return value.hex().removeprefix("0x") if isinstance(value, bytes) else str(value)[2:]
