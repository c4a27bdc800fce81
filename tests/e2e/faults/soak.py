"""A soak: `make soak DAYS=30`. One keeper, in a process of its own, through accelerated days.

A tick every few minutes of the devnet's time; markets are offered, end and are resolved, depositors
come and go, and every row of the fault matrix that a keeper in another process can meet is played,
in an order drawn from the seed. Each report must be the chain's NAV to the unit, and what the vault
has by its balances and the service's books. What the process and its files weigh is printed each
day. Exit 1 where anything differs, something does not go on, or something grows.
"""

import argparse
import multiprocessing
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

from sqlalchemy import event
from strongroom.chain.ids import market_of
from strongroom.chain.orders import NO, YES
from strongroom.chain.units import DAY, HOUR, MICRO
from strongroom.devnet import polymarket
from strongroom.devnet.deployer import devnet_chain
from strongroom.journal import Journal
from strongroom.keeper.configuration import load
from strongroom.keeper.recording import Recorder
from strongroom.keeper.wiring import build

from tests.anvil_devnet import at
from tests.e2e.faults.rows import Row
from tests.e2e.faults.table import ROWS
from tests.e2e.faults.world import LIVE, Seen, Unearned, World, by_the_devnets_clock
from tests.e2e.keeper_stage import SECTIONS, KeeperStage

TICK_S = 500  # some 5,180 ticks in 30 days
NEW_EVERY = 25  # ticks: a market is offered
LIFE_H = 90  # from a market's offer to its end
PAYOUT_S = 2 * HOUR  # from its end to its payout
LASTS = 2  # ticks, of a fault
CALM = 25  # ticks within which nothing may be wrong any more
RECORD_MB = 4
START_METHOD = "spawn"
# Rows that are about the process that plays them; `FULL` is the soak's own.
HERE = ("full", "restart, no book was ever seen")
FULL = "full"
EVERY = "every_s = 60\nwhen_asked_s = 60"
REPORTING = "every_s = 3600\nwhen_asked_s = 1800"
GROWTH = 1.15  # of memory, from the first third of the ticks to the last


@dataclass
class Told:
    """What a tick in the other process has come to."""

    halts: Mapping[str, str]
    decisions: int
    events: list
    refused: Mapping[str, int]
    error: str = ""


def keep(folder: Path, pipe: Connection) -> None:
    """Be the keeper's process: tick when told to, with the clock that is sent."""
    config, now, events = load(folder / "keeper.toml"), [0.0, 0.0, 0.0], []

    def clock() -> float:
        return now[0] + time.monotonic() - now[1]

    now[:] = [pipe.recv(), time.monotonic(), 0.0]
    journal = Journal(config.journal)
    keeper = build(config, lambda name, fields: events.append((name, dict(fields))), clock, journal)
    keeper.on_view = Recorder(folder / "views", journal.salt(), RECORD_MB).see
    by_the_devnets_clock(keeper.sources, clock)
    keeper.clock = lambda: clock() + now[2]
    pipe.send("ready")
    tight = []
    while (told := pipe.recv()) is not None:
        if told == FULL:
            _fill(journal, tight)
            continue
        now[:] = [told[0], time.monotonic(), told[1]]
        try:
            tick = keeper.tick()
            pipe.send(Told(dict(tick.halts), tick.decisions, [*events], dict(keeper.refused)))
        except Exception as error:  # whatever ends a tick is what is looked for
            pipe.send(Told({}, 0, [*events], {}, repr(error)))
        events.clear()
    keeper.sources.close()


def _fill(journal: Journal, tight: list) -> None:
    """Let the journal's disk be full, or have room again."""
    engine = journal._engine
    engine.dispose()
    if tight:
        event.remove(engine, "connect", tight.pop())
        return

    def limit(connection, _) -> None:
        cursor = connection.cursor()
        cursor.execute("VACUUM")
        used = cursor.execute("PRAGMA page_count").fetchone()[0]
        cursor.execute(f"PRAGMA max_page_count={used}")
        cursor.close()

    tight.append(limit)
    event.listen(engine, "connect", limit)


class Remote:
    """The keeper in the other process, as the world asks for it."""

    def __init__(self, world: "SoakWorld") -> None:
        self._world, folder = world, world.stage.folder
        context = multiprocessing.get_context(START_METHOD)
        self._pipe, theirs = context.Pipe()
        self.process = context.Process(target=keep, args=(folder, theirs), daemon=True)
        self.process.start()
        self._pipe.send(world.clock())
        assert self._pipe.recv() == "ready"
        self.journal = Journal(load(folder / "keeper.toml").journal)
        self.clock, self.refused, self.sources = world.clock, {}, self

    def tick(self) -> Told:
        here = self._world.clock()
        self._pipe.send((here, round(self.clock() - here)))
        told = self._pipe.recv()
        self._world.told += told.events
        self.refused = told.refused
        if told.error:
            raise AssertionError(f"the keeper ended: {told.error}")
        return told

    def fill_disk(self) -> None:
        """Let its disk be full, or have room again."""
        self._pipe.send(FULL)

    def close(self) -> None:
        self._pipe.send(None)
        self.process.join(20)

    def weight(self) -> int:
        """Return the process's resident memory, bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024


class SoakWorld(World):
    """A world whose keeper is in another process, and whose markets end one after the other."""

    modes = (LIVE,)
    in_fault = False

    def _keeper(self, mode: str, stream: bool) -> Remote:
        return Remote(self)

    def _check_reports(self) -> None:
        """Hold a report against the truth: to the unit where all is well; never above it."""
        since = min(self._checked + 1, self.stage.chain.height())  # blocks may be undone
        found = self.stage.vault.events("Dealt", since)
        for each in self.told:
            if each[0] == "nav_differs":
                raise Unearned(f"the chain's NAV is not the keeper's: {each[1]}")
        if not found:
            return
        self._checked = found[-1].block_number
        self.reports += len(found)
        self.nav = found[-1].nav_bid
        if found[-1].supply == 0:
            return
        known, resolved = self._worth(found[-1].block_number - 1)  # before money came in or out
        least = known if not (self.in_fault or resolved) else 0
        if not least - 100 <= self.nav <= known + resolved + 100:
            raise Unearned(f"reported {self.nav}, true is {known} and {resolved} resolved")
        self.exact += bool(least)

    _checked, exact = 0, 0

    def _worth(self, block: int) -> tuple[int, int]:
        """Return the NAV at a block without what is resolved, and the most that is resolved."""
        vault, ctf, data = self.vault_at(block), self.stage.venue.ctf, self.stage.server.engine.data
        known, resolved = vault.total_idle(), 0
        named = {market_of(0, each.question_key): each for each in self.place.markets}
        for market in vault.openMarkets():
            collateral, (position,) = at(
                vault, vault.accountOf(market), "PolymarketAccount"
            ).positions()
            assert position[NO] == 0
            known += collateral
            listed = named["0x" + bytes(market).hex()]
            if ctf.payoutDenominator(listed.condition_id):
                resolved += position[YES]
            else:
                bid = data.best(str(listed.token_ids[YES]))[0] or 0
                known += position[YES] * bid // MICRO
        return int(known), int(resolved)


@dataclass
class Soak:
    """What is played, and what has come of it."""

    world: SoakWorld
    seed: int
    ticks: int
    deck: list[Row]
    done: Counter = field(default_factory=Counter)
    weights: list[int] = field(default_factory=list)
    red: list[str] = field(default_factory=list)
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
    row, left = None, 0
    every = max(LASTS + 1, soak.ticks // max(1, len(soak.deck)))
    with ExitStack() as faults:
        for number in range(soak.ticks):
            if number % NEW_EVERY == 0 and world.next < len(world.place.markets) and row is None:
                ends[world.next] = start + hours_of(world.next) * HOUR
                world.offer()
            if row is None:
                _people(soak, chance, number)
                _resolve(world, ends, chance)
            if row is None and number % every == 0 and number // every < len(soak.deck):
                row, left = soak.deck[number // every], LASTS
                world.in_fault = True
                faults.enter_context(row.fault(world))
            _tick(soak, row, number)
            left -= 1
            if row is not None and left <= 0:
                with _noting(soak, row, number):
                    faults.close()
                world.mend()
                soak.done[row.of] += 1
                row = None
            if number % (DAY // TICK_S) == 0:
                _weigh(soak, number)


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
        world.stage.resolve(world.place.markets[number], yes=chance.random() < 0.99)


def _weigh(soak: Soak, number: int) -> None:
    """Print what the keeper's process and its files weigh."""
    world, folder = soak.world, soak.world.stage.folder
    soak.weights.append(world.keepers[LIVE].weight())
    sizes = {
        "journal": sum(path.stat().st_size for path in folder.glob("keeper.db*")),
        "views": _size(folder / "views"),
        "evidence": _size(folder / "evidence"),
    }
    shown = "  ".join(f"{name} {size / MICRO:.2f} MB" for name, size in sizes.items())
    orders = len(world.keepers[LIVE].journal.all())
    print(
        f"day {number * TICK_S / DAY:5.1f}  tick {number:5}  NAV {world.nav / MICRO:.6f}  "
        f"reports {world.reports} ({world.exact} to the unit)  orders {orders}  "
        f"memory {soak.weights[-1] / MICRO:.0f} MB  {shown}",
        flush=True,
    )


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def grows(weights: Sequence[int]) -> bool:
    """Whether the most memory of the last third is well above that of the middle one."""
    third = len(weights) // 3
    return third > 1 and max(weights[-third:]) > GROWTH * max(weights[third : 2 * third])


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
        world = SoakWorld(stage, open_, owned=False)
        open_.callback(world.close)
        found = Soak(world, seed, ticks, deck)
        play(found)
        if grows(found.weights):
            found.red.append(f"memory grows: {[each // MICRO for each in found.weights]} MB")
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
    kinds = {row.of for row in found.deck}
    missing = kinds - set(found.done)
    print(
        f"{found.ticks} ticks, {found.world.reports} reports ({found.world.exact} to the unit), "
        f"{found.done.total()} faults of {len(found.done)} kinds, {len(found.red)} red, "
        f"seed {found.seed}, {time.monotonic() - start:.0f} s"
    )
    if missing:
        print(f"not played: {', '.join(sorted(missing))}: more days are needed")
    return 1 if found.red else 0


if __name__ == "__main__":
    sys.exit(main())
