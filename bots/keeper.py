"""The keeper for those who host bots with silverback: `silverback run keeper --network ...`.

Needs the extra silverback (`strongroom doctor` says how to install it). STRONGROOM_CONFIG names
the configuration; each new block is a tick. The chain that the keeper works on is its own
configuration's, as its log, its metrics and its messages are.
"""

import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ape import chain
from silverback import SilverbackBot
from strongroom.keeper.configuration import load
from strongroom.keeper.run import running

bot = SilverbackBot()
held = ExitStack()
this = held.enter_context(running(load(Path(os.environ["STRONGROOM_CONFIG"]))))


@bot.on_(chain.blocks)
def on_block(block: Any) -> dict[str, int]:
    """Tick once; silverback records the result as metrics."""
    tick = this.tick()
    nav = tick.state.nav if tick.state is not None else 0
    return {"decisions": tick.decisions, "halts": len(tick.halts), "nav": nav}


@bot.on_shutdown()
def on_shutdown() -> None:
    """Cancel resting orders at the venue, and give the journal back."""
    held.close()
