"""A whole keeper in a process of its own, with a bomb at one of its edges."""

import time
from pathlib import Path

from strongroom.chain.rpc import Chain
from strongroom.journal import Journal
from strongroom.keeper.configuration import load
from strongroom.keeper.tick import waits_for_mark
from strongroom.keeper.wiring import build
from strongroom.strategy.api import installed

from tests.e2e.child import Bomb

REPORTS_S = 61
RELAYER_S = 0.3  # in which the relayer carries a batch in
ANSWERS = ("place", "look", "trades", "cancel")
for pack in installed().values():
    pack.load()  # packs, too, are there before the first process forks


def fragile(keeper, bomb):
    """Add an edge after each answer of the venue, before it is used."""
    for venue in [keeper.venue, *(wallet.venue for wallet in keeper.vault.wallets.all())]:
        break_at_answers(venue, bomb)
    if (safes := keeper.desk._safes) is not None:
        log_in = safes._log_in
        safes._log_in = lambda key, safe: break_at_answers(log_in(key, safe), bomb)


def break_at_answers(venue, bomb):
    """Return a venue after each of whose answers there is an edge."""
    for name in ANSWERS:
        ask = getattr(venue, name)

        def answered(*arguments, ask=ask, name=name):
            answer = ask(*arguments)
            bomb(name)
            return answer

        setattr(venue, name, answered)
    return venue


def make_keeper(folder: Path, bomb: Bomb, told=lambda event, fields: None):
    """Put the keeper together from its file, as a start does."""
    config = load(folder / "keeper.toml")
    chain = Chain(config.chain.rpc_url)
    journal = Journal(config.journal, bomb)
    keeper = build(config, told, chain.now, journal)
    fragile(keeper, bomb)
    return keeper


def pass_time(chain: Chain) -> None:
    """Let the time between two reports pass."""
    chain.node.request("evm_increaseTime", REPORTS_S)
    chain.node.request("evm_mine")


def live(folder: Path, bomb_at: int) -> None:
    """Tick until nothing moves any more."""
    bomb = Bomb(bomb_at)
    keeper = make_keeper(folder, bomb)
    quiet = 0
    while quiet < 2:
        tick = keeper.tick()
        busy = keeper.journal.open() or keeper.journal.open_tasks()
        busy = busy or keeper.journal.transactions.open() or tick.decisions
        quiet = 0 if busy or tick.halts else quiet + 1
        if quiet and keeper.vault.owning:
            time.sleep(RELAYER_S)
        waits = quiet and (waits_for_mark(tick.state) or keeper.vault.reports().requests_wait)
        if waits:
            pass_time(keeper.chain)
            quiet = 0
        if tick.halts:
            print(tick.halts, flush=True)
    (folder / "edges").write_text(str(bomb.edges))
