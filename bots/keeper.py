"""The keeper for those who host bots with silverback: `silverback run keeper --network ...`.

Needs the extra silverback (`strongroom doctor` says how to install it). STRONGROOM_CONFIG names
the configuration; each new block is a tick. The chain that the keeper works on is its own
configuration's, as its log, its metrics and its messages are.

In a cluster the worker is the keeper: it alone holds the journal and the keys, the runner only
tells it of blocks. So there is one worker of each keeper, and one tick at a time.
"""

import os
from contextlib import ExitStack
from pathlib import Path
from threading import Lock
from typing import Any

from ape import chain
from silverback import SilverbackBot
from strongroom.keeper.configuration import load
from strongroom.keeper.run import Running, running

bot = SilverbackBot()
held = ExitStack()
keepers: list[Running] = []
ticking = Lock()


@bot.on_worker_startup()
def on_worker_startup(state: Any) -> None:
    """Take the journal, and be the keeper; silverback calls it once a thread of the worker."""
    if not keepers:
        config = load(Path(os.environ["STRONGROOM_CONFIG"]))
        keepers.append(held.enter_context(running(config)))


@bot.on_(chain.blocks)
def on_block(block: Any) -> dict[str, int]:
    """Tick once; silverback records the result as metrics."""
    with ticking:
        tick = keepers[0].tick()
    nav = tick.state.nav if tick.state is not None else 0
    return {"decisions": tick.decisions, "halts": len(tick.halts), "nav": nav}


@bot.on_worker_shutdown()
def on_worker_shutdown(state: Any) -> None:
    """Cancel resting orders at the venue, and give the journal back."""
    held.close()
