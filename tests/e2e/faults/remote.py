"""A keeper in a process of its own, that ticks when it is told to."""

import multiprocessing
import time
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from sqlalchemy import event
from strongroom.journal import Journal
from strongroom.keeper.configuration import load
from strongroom.keeper.recording import Recorder
from strongroom.keeper.wiring import build

from tests.e2e.faults.world import World, by_the_devnets_clock

RECORD_MB = 1  # full after a week
START_METHOD = "spawn"
LIMIT_S = 300  # of this machine's time, for a tick
FULL = "full"  # the word for: let the journal's disk be full, or have room again


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

    def __init__(self, world: World) -> None:
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
        if not self._pipe.poll(LIMIT_S):
            raise AssertionError(f"a tick takes more than {LIMIT_S} s")
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
        return resident(self.process.pid)


def resident(pid: int) -> int:
    """Return a process's resident memory, bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024
