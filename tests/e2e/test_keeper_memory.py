"""A keeper that goes round and round keeps no more objects than before."""

import gc
import multiprocessing
import time
from multiprocessing.connection import Connection
from pathlib import Path

from strongroom.devnet import polymarket
from strongroom.devnet.deployer import devnet_chain
from strongroom.keeper.configuration import load
from strongroom.keeper.wiring import build

from tests.e2e.keeper_stage import KeeperStage

WARM, WINDOW, TICKS = 6, 14, 42  # caches of libraries fill up in the first ones
# Some 60 objects a tick are let go every third or fourth tick, so each window of so many ticks has
# its least. An object a tick would be 28 from the first window to the last.
MOST = 18


def keep(folder: Path, pipe: Connection) -> None:
    """Be the keeper's process: tick at each time that is sent; answer halts and objects."""
    now = [0.0, 0.0]
    keeper = build(load(folder / "keeper.toml"), clock=lambda: now[0] + time.monotonic() - now[1])
    while (told := pipe.recv()) is not None:
        now[:] = [told, time.monotonic()]
        halts = dict(keeper.tick().halts)
        gc.collect()
        pipe.send((halts, len(gc.get_objects())))
    keeper.sources.close()


def test_ticks_leave_no_objects_behind(tmp_path):
    with devnet_chain(polymarket.CHAIN_ID) as chain:
        stage = KeeperStage(tmp_path / "stage", chain, 3, marks_required=0)
        stage.invest()
        context = multiprocessing.get_context("spawn")
        pipe, theirs = context.Pipe()
        process = context.Process(target=keep, args=(stage.folder, theirs), daemon=True)
        process.start()
        counts = []
        for number in range(WARM + TICKS):
            if number == 2:
                stage.offer(0)  # a market is held all the time, and reported
            stage.clock.sleep(70)
            pipe.send(stage.clock())
            halts, objects = pipe.recv()
            assert number < 2 or not halts
            counts.append(objects)
        pipe.send(None)
        process.join(20)
        reports = len(stage.stage.vault.events("Dealt"))
        assert len(stage.stage.vault.openMarkets()) == 1 and reports > TICKS
        stage.stage.close()
    first, last = counts[WARM : WARM + WINDOW], counts[-WINDOW:]
    assert min(last) - min(first) <= MOST, (first, last)
