"""A soak: `make soak DAYS=30`. One keeper, in a process of its own, through accelerated days.

A tick every few minutes of the devnet's time; markets are offered, end and are resolved, depositors
come and go, and every row of the fault matrix that a keeper in another process can meet is played,
in an order drawn from the seed. Each report must be to the unit what balances, payouts and the
service's own bids come to, cut by the age of books that a fault hides. What the process and its
files weigh is printed each day. Exit 1 where anything differs, something does not go on, or
something grows.
"""

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from strongroom.chain.contracts import Contract, ContractEvent
from strongroom.chain.ids import market_of
from strongroom.chain.orders import YES
from strongroom.chain.units import BPS, DAY, HOUR, MICRO
from strongroom.devnet import polymarket
from strongroom.devnet.deployer import devnet_chain

from tests.e2e.faults.remote import FULL, Remote, resident
from tests.e2e.faults.rows import HAIRCUT_BPS, STALE_S, Row
from tests.e2e.faults.table import ROWS
from tests.e2e.faults.world import LIVE, Seen, Unearned, World
from tests.e2e.keeper_stage import SECTIONS, KeeperStage

TICK_S = 500  # some 5,180 ticks in 30 days
NEW_EVERY = 25  # ticks: a market is offered
LIFE_H = 90  # from a market's offer to its end
PAYOUT_S = 2 * HOUR  # from its end to its payout
LASTS = 2  # ticks, of a fault at least
CALM = 25  # ticks within which nothing may be wrong any more
# Rows that are about the process that plays them; `FULL` is the soak's own.
HERE = ("full", "restart, no book was ever seen")
EVERY = "every_s = 60\nwhen_asked_s = 60"
REPORTING = "every_s = 3600\nwhen_asked_s = 1800"
GROWTH = 1.15  # from the middle third of the days to the last
SLOWEST_S = 5  # real seconds in which a line has answered whatever it was asked


class SoakWorld(World):
    """A world whose keeper is in another process, and whose markets end one after the other."""

    modes = (LIVE,)
    in_fault = False

    def __init__(self, stage: KeeperStage, open_: ExitStack) -> None:
        super().__init__(stage, open_, owned=False)
        self.resolved: set[str] = set()  # conditions

    def _keeper(self, mode: str, stream: bool) -> Remote:
        return Remote(self)

    def _check_reports(self) -> None:
        """Hold each report against what the vault has, to the unit."""
        since = min(self._checked + 1, self.stage.chain.height())  # blocks may be undone
        for each in self.told:
            if each[0] == "nav_differs":
                raise Unearned(f"the chain's NAV is not the keeper's: {each[1]}")
        evidence = {
            each.transaction_hash: bytes(each.evidence).hex()
            for each in self.stage.vault.events("Reported", since)
        }
        for each in self.stage.vault.events("Dealt", since):
            self._checked, self.nav = each.block_number, each.nav_bid
            self.reports += 1
            self._reconcile(each, evidence[each.transaction_hash])

    _checked, late = 0, 0

    def _reconcile(self, dealt: ContractEvent, evidence: str) -> None:
        """Add up balances, payouts and the service's bids, cut by their age where a fault hides
        books: what comes out is what was reported."""
        (path,) = self.stage.folder.glob(f"evidence*/0x{evidence}.json")  # a row moves the folder
        document = json.loads(path.read_bytes())
        ages = {
            each["condition"]: document["timestamp"] - max(book["seen_at"] for book in books)
            for each in document["quotes"]
            if (books := [book for book in each.get("books", ()) if book])
        }
        then = self.vault_at(dealt.block_number - 1)  # before money came in or went out
        worth, late = then.total_idle(), 0
        for has in self._holdings(then):
            if has.paid is None:
                hours = -(-max(0, ages[has.condition] - STALE_S) // HOUR) if has.yes else 0
                late += bool(hours)
                bid = has.bid * (BPS - HAIRCUT_BPS * hours) // BPS
                worth += min(has.collateral + has.yes * bid // MICRO, has.exposure)
            else:
                worth += min(has.collateral + has.yes * has.paid, has.exposure)
        if dealt.nav_bid != worth:
            raise Unearned(f"reported {dealt.nav_bid}, true is {worth}")
        if late and not self.in_fault and "missing" not in dict(self.told):
            raise Unearned(f"{late} books are old, and nothing is said to be missing")
        self.late += bool(late)

    def _holdings(self, vault: Contract) -> list["Holding"]:
        """Return what each open market's account has at a vault's block."""
        chain, venue = vault.chain, self.stage.venue
        ctf, pusd = (chain.at(each.address, each._abi) for each in (venue.ctf, venue.pusd))
        names = {market_of(0, each.question_key): each for each in self.place.markets[: self.next]}
        data, found = self.stage.server.engine.data, []
        for name in vault.openMarkets():
            market, account = names["0x" + bytes(name).hex()], vault.accountOf(name)
            yes, no = ctf.balanceOfBatch([account] * 2, list(market.token_ids))
            assert no == 0
            paid = None
            if market.condition_id in self.resolved and ctf.payoutDenominator(market.condition_id):
                paid = ctf.payoutNumerators(market.condition_id, YES)
            found.append(
                Holding(
                    market.condition_id,
                    pusd.balanceOf(account),
                    yes,
                    vault.bookOf(name)[0],
                    data.best(str(market.token_ids[YES]))[0] or 0,
                    paid,
                )
            )
        return found


@dataclass(frozen=True)
class Holding:
    """What one market's account has, base units.

    Attributes:
        exposure: what it has cost: no market counts more
        bid: the service's, 10**-6
        paid: of a token of YES; None: it is not resolved
    """

    condition: str
    collateral: int
    yes: int
    exposure: int
    bid: int
    paid: int | None


@dataclass(frozen=True)
class Weights:
    """What a keeper takes, bytes."""

    memory: int
    journal: int
    views: int
    evidence: int


@dataclass
class Soak:
    """What is played, and what has come of it."""

    world: SoakWorld
    seed: int
    ticks: int
    deck: list[Row]
    done: Counter = field(default_factory=Counter)
    weights: list[Weights] = field(default_factory=list)  # day by day
    red: list[str] = field(default_factory=list)
    unmet: list[Row] = field(default_factory=list)  # nothing met them while they lasted
    wrong_since: int = 0


@contextmanager
def disk_full(world: SoakWorld) -> Iterator[None]:
    """As the matrix' row, in the other process."""
    world.keepers[LIVE].fill_disk()
    yield
    world.keepers[LIVE].fill_disk()


def eligible() -> list[Row]:
    """Return the rows that a keeper in another process can meet."""
    rows = [row for row in ROWS if not (row.owned or row.restarts or row.name in HERE)]
    return [*rows, Row("disk", FULL, disk_full, bites=False)]


def hours_of(number: int) -> float:
    """Return the hours from the start to a market's end."""
    return LIFE_H + number * NEW_EVERY * TICK_S / HOUR


def play(soak: Soak) -> None:
    """Tick through all days; what goes wrong is in `red`."""
    world, chance = soak.world, random.Random(soak.seed)
    start = world.clock()
    ends: dict[int, float] = {}
    row, left, bitten = None, 0, 0
    every = max(LASTS + 1, (soak.ticks - NEW_EVERY) // max(1, len(soak.deck)))
    if every > NEW_EVERY:
        every -= every % NEW_EVERY  # a fault meets a market that was just offered
    with ExitStack() as faults:
        for number in range(soak.ticks):
            if number % NEW_EVERY == 0 and world.next < len(world.place.markets) and row is None:
                ends[world.next] = start + hours_of(world.next) * HOUR
                world.offer()
            if row is None:
                _people(soak, chance, number)
                _resolve(world, ends, chance)
            turn, rest = divmod(number - NEW_EVERY, every)  # first there is money to trade with
            if row is None and rest == 0 and 0 <= turn < len(soak.deck):
                row = soak.deck[turn]
                left, bitten = min(row.ticks, every - 1), world.bites()
                world.in_fault = True
                faults.enter_context(row.fault(world))
            _tick(soak, row, number)
            left -= 1
            if row is not None and left <= 0:
                met = not row.bites or _was_met(world, bitten)
                with _noting(soak, row, number):
                    faults.close()
                world.mend()
                if met:
                    soak.done[row.of] += 1
                else:
                    soak.unmet.append(row)
                row = None
            if number % (DAY // TICK_S) == 0:
                _weigh(soak, number)


def _was_met(world: SoakWorld, before: int) -> bool:
    """Whether a line has answered otherwise; one that is slow may not be through with it yet."""
    deadline = time.monotonic() + SLOWEST_S
    while world.bites() == before and time.monotonic() < deadline:
        time.sleep(0.05)
    return world.bites() > before


def _tick(soak: Soak, row: Row | None, number: int) -> None:
    world = soak.world
    with _noting(soak, row, number):
        seen = Seen()
        world.tick(LIVE, seen, TICK_S)
        if row is not None or seen.halts[-1]:
            soak.wrong_since += 1
            if row is None and soak.wrong_since > CALM:
                raise AssertionError(f"does not go on: {seen.halts[-1]}")
        else:
            soak.wrong_since, world.in_fault = 0, False


@contextmanager
def _noting(soak: Soak, row: Row | None, number: int) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # whatever ends a tick is what is looked for
        name = "no fault" if row is None else f"{row.of}: {row.name}"
        soak.red.append(f"tick {number} ({name}): {error!r}"[:600])
        print(soak.red[-1], flush=True)


def _people(soak: Soak, chance: random.Random, number: int) -> None:
    """Let somebody come, go, or take what waits for them, now and then."""
    stage = soak.world.stage
    who = chance.choice(("alice", "bob"))
    if number % 60 == 59:
        stage.claim_shares(who)
        stage.claim_assets(who)
        if chance.random() < 0.5:
            stage.request_deposit(who, chance.randrange(100, 5_000) * MICRO)
        elif stage.vault.balanceOf(stage.people[who]):
            stage.request_redeem(who, chance.randrange(1, 30))


def _resolve(world: SoakWorld, ends: dict[int, float], chance: random.Random) -> None:
    """Pay out what has ended."""
    for number in [each for each, end in ends.items() if world.clock() > end + PAYOUT_S]:
        del ends[number]
        market = world.place.markets[number]
        world.stage.resolve(market, yes=chance.random() < 0.99)
        world.resolved.add(market.condition_id)


def _weigh(soak: Soak, number: int) -> None:
    """Note and print what the keeper's process and its files weigh, and what plays the venue."""
    world, folder = soak.world, soak.world.stage.folder
    soak.weights.append(
        Weights(
            world.keepers[LIVE].weight(),
            sum(path.stat().st_size for path in folder.glob("keeper.db*")),
            _size(folder / "views"),
            _size(folder / "evidence"),
        )
    )
    shown = "  ".join(
        f"{name} {size / MICRO:.2f} MB" for name, size in vars(soak.weights[-1]).items()
    )
    orders = len(world.keepers[LIVE].journal.all())
    print(
        f"day {number * TICK_S / DAY:5.1f}  tick {number:5}  NAV {world.nav / MICRO:.6f}  "
        f"reports {world.reports} ({world.late} with old books)  orders {orders}  {shown}  "
        f"(devnet {resident(os.getpid()) / MICRO:.0f} MB)",
        flush=True,
    )


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def growing(days: Sequence[Weights]) -> list[str]:
    """Return what grows: memory and recordings themselves, and of what is kept for good (journal,
    evidence) what a day adds."""
    added = {
        name: [b - a for a, b in pairwise([getattr(day, name) for day in days])]
        for name in ("journal", "evidence")
    }
    series = {name: [getattr(day, name) for day in days] for name in ("memory", "views")}
    return [
        f"{name} grows: {[f'{each / MICRO:.2f}' for each in found]} MB"
        for name, found in (series | added).items()
        if grows(found)
    ]


def grows(found: Sequence[int]) -> bool:
    """Whether the mean of the last third is well above that of the middle one."""
    third = len(found) // 3
    return third > 1 and sum(found[-third:]) > GROWTH * sum(found[third : 2 * third])


def soak(days: float, seed: int, folder: Path) -> Soak:
    """Play so many days; return what has come of it."""
    ticks = int(days * DAY / TICK_S)
    deck = eligible()
    random.Random(seed).shuffle(deck)
    with ExitStack() as open_:
        chain = open_.enter_context(devnet_chain(polymarket.CHAIN_ID))
        stage = KeeperStage(
            folder,
            chain,
            ticks // NEW_EVERY + 2,
            SECTIONS.replace(EVERY, REPORTING),
            marks_required=0,
            max_drawdown_bps=10_000,
            hours=hours_of,
        )
        open_.callback(stage.stage.close)
        stage.invest()
        world = SoakWorld(stage, open_)
        open_.callback(world.close)
        found = Soak(world, seed, ticks, deck)
        play(found)
        found.red += growing(found.weights)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Play what is asked for; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--days", type=float, default=30)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(arguments)
    start, folder = time.monotonic(), Path(tempfile.mkdtemp(prefix="strongroom-soak-"))
    try:
        found = soak(chosen.days, chosen.seed, folder / "stage")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    never = {row.of for row in found.unmet} - set(found.done)
    found.red += [f"{of}: no fault of this kind was met" for of in sorted(never)]
    missing = {row.of for row in found.deck} - set(found.done) - never
    print(
        f"{found.ticks} ticks, {found.world.reports} reports to the unit "
        f"({found.world.late} with old books), "
        f"{found.done.total()} faults of {len(found.done)} kinds, {len(found.red)} red, "
        f"seed {found.seed}, {time.monotonic() - start:.0f} s"
    )
    for each in [*found.red, *(f"not met: {row.of}: {row.name}" for row in found.unmet)]:
        print(each)
    if missing:
        print(f"not played: {', '.join(sorted(missing))}: more days are needed")
    return 1 if found.red else 0


if __name__ == "__main__":
    sys.exit(main())
