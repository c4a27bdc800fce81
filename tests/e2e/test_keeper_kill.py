"""Kill the whole keeper at every edge of its journal and at random moments, and start it again: no
order is doubled, none is lost, no nonce is stuck, and no position is without an explanation.

Each life settles the market of the one before, opens one, reports, decides, allocates, signs with
the co-signer, trades, tidies up. Once with accounts that trade themselves, once with delegated
ones and a wallet that goes from market to market, once with accounts that own their wallets,
once with accounts that own Safes. `make kills` plays each of them at each edge, with the journal
in a file and in PostgreSQL; else they take turns.
"""

import multiprocessing
import os
import time

import pytest
from strongroom.chain.ids import market_of, to_hex
from strongroom.devnet import polymarket
from strongroom.devnet.clob.habits import Habits
from strongroom.devnet.deployer import devnet_chain
from strongroom.journal import Journal
from strongroom.journal.states import IntentState, TransactionState, VenueWord
from strongroom.keeper.configuration import load
from web3 import Web3

from tests.anvil_devnet import at
from tests.e2e.keeper_child import live
from tests.e2e.keeper_stage import PLENTY, SECTIONS, SERVES, KeeperStage
from tests.postgres_server import fresh_database, installed, postgres_server
from tests.seeds import SEED, dice

KILLS = int(os.environ.get("STRONGROOM_KILLS", "8"))  # of each world
EVERY = int(os.environ.get("STRONGROOM_EDGES", "6"))  # 1: each edge; in CI one of so many
MOST_EDGES = 150
LIMIT_S = 600  # on a busy machine


@pytest.fixture(scope="module")
def processes():
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.e2e.keeper_child"])
    return context


CUSTODY = {
    "enforced": {},
    "delegated": {"wallets": 1, "habits": Habits(**PLENTY)},
    "owned": {"owned": True, "habits": SERVES.model_copy(update=PLENTY)},
    "safes": {"safes": True, "habits": Habits(**PLENTY)},
}
WALLETS = {  # who trades for the account, by its own word
    "delegated": ("DelegatedAccount", "wallet"),
    "owned": ("WalletAccount", "wallet"),
    "safes": ("SafeAccount", "safe"),
}


DATABASES = ("sqlite", "postgresql")
EACH = [(custody, kind) for kind in DATABASES for custody in CUSTODY]
TURNS = [(custody, DATABASES[number % 2]) for number, custody in enumerate(CUSTODY)]
WORLDS = EACH if os.environ.get("STRONGROOM_WORLDS") == "all" else TURNS


@pytest.fixture(scope="module")
def database():
    if not installed():
        pytest.skip("no PostgreSQL here")
    with postgres_server() as url:
        yield url


@pytest.fixture(scope="module", params=WORLDS, ids="-".join)
def world(request, tmp_path_factory):
    custody, kind = request.param
    sections = SECTIONS
    if kind == "postgresql":
        url = fresh_database(request.getfixturevalue("database"), f"journal_{custody}")
        sections = f'journal = "{url}"\n{SECTIONS}'
    with devnet_chain(polymarket.CHAIN_ID) as chain:
        folder = tmp_path_factory.mktemp("kills")
        lives = KILLS // 2 + MOST_EDGES // EVERY + 24
        place = KeeperStage(
            folder, chain, lives, sections, max_drawdown_bps=10_000, **CUSTODY[custody]
        )
        place.invest()
        place.url, place.next, place.custody = chain.url, 0, custody
        yield place
        place.stage.close()


def run(processes, world, bomb_at=0, patience=None):
    """Let a keeper live; return its exit code, None where it was killed from outside."""
    child = processes.Process(target=live, args=(world.folder, bomb_at))
    child.start()
    child.join(timeout=LIMIT_S if patience is None else patience)
    if child.exitcode is None:
        child.kill()
        child.join()
        return None
    return child.exitcode


def timed(processes, world, patience=None):
    """Let a keeper live; return its exit code as `run` does, and the seconds that it took."""
    start = time.monotonic()
    return run(processes, world, patience=patience), time.monotonic() - start


def a_life(world):
    """Prepare one: time passes, the market before resolves, the next one is offered."""
    number = world.next
    world.clock.sleep(70)
    if number:
        world.stage.resolve(world.markets[number - 1], yes=number % 5 != 0)
    world.offer(number)
    world.next += 1
    return number


def check(world, number):
    """Chain, venue and journal tell the same story, each thing once."""
    vault, market = world.stage.vault, world.markets[number]
    config = load(world.folder / "keeper.toml")
    journal = Journal(config.journal)
    mine = [
        task.decision
        for task in journal.all_tasks()
        if journal.record(task.decision).legs[0].condition == market.condition_id
    ]
    assert len(mine) == 1, "one decision"
    rows = journal.of_decision(mine[0])
    assert len(rows) == 1, journal.task(mine[0])
    (row,) = rows
    size = journal.record(mine[0]).legs[0].size
    assert (row.state, row.filled, row.size) == (IntentState.CLOSED, size, size), journal.story(
        row.key
    )
    assert row.venue in (VenueWord.MATCHED, VenueWord.NONE, VenueWord.LIVE)
    name = market_of(0, market.condition_id)
    assert [to_hex(bytes(each)) for each in vault.openMarkets()] == [name]
    collateral, (position,) = world.stage_positions(market)
    assert (position[0], position[1]) == (size, 0), "every token has its fill, and no other"
    assert collateral == 0, "no budget is left behind"
    assert vault.bookOf(name)[0] == size * 97 // 100
    assert not journal.open() and not journal.open_tasks() and not journal.transactions.open()
    done = [each for each in journal.transactions.all() if each.state == TransactionState.DONE]
    for safe in (world.stage.safe, world.stage.reporter):
        its = sorted(each.nonce for each in done if each.safe == safe.address)
        assert its == list(range(safe.nonce())), "each nonce has its transaction"
    reports = {each.safe for each in done if each.purpose == "report"}
    assert reports == {world.stage.reporter.address}
    purposes = [each.purpose for each in done]
    assert purposes.count(f"fund: {market.question}") == 1
    web3 = Web3(Web3.HTTPProvider(world.url))
    executor = world.stage.people["executor"].address
    counts = [web3.eth.get_transaction_count(executor, tag) for tag in ("latest", "pending")]
    assert counts[0] == counts[1], "no nonce is stuck"


@pytest.fixture(autouse=True)
def positions(world):
    def read(market):
        account = world.account_of(market)
        if world.custody == "enforced":
            return at(world.stage.vault, account, "PolymarketAccount").positions()
        kind, wallet = WALLETS[world.custody]
        trading = at(world.stage.vault, account, kind)
        tokens, ctf = list(market.token_ids), world.stage.venue.ctf
        assert list(ctf.balanceOfBatch([account] * 2, tokens)) == [0, 0], "all is in the wallet"
        assert int(getattr(trading, wallet)(), 16)
        return trading.positions()

    world.stage_positions = read


def test_killed_at_every_edge(world, processes):
    number = a_life(world)
    assert run(processes, world) == 0
    check(world, number)
    number = a_life(world)
    assert run(processes, world) == 0  # the second one settles, too: count its edges
    check(world, number)
    edges = int((world.folder / "edges").read_text())
    assert 25 < edges < MOST_EDGES
    for edge in range(1, edges + 1, EVERY):
        number = a_life(world)
        code = run(processes, world, edge)
        for _ in range(3):
            if code == 0:
                break
            code = run(processes, world)
        assert code == 0, f"edge {edge}"
        check(world, number)
        if number % 10 == 0:
            print(f"\nedge {edge} of {edges}", flush=True)
    print(f"\n{len(range(1, edges + 1, EVERY))} of {edges} edges")


def test_killed_at_random_moments(world, processes):
    """Each life killed again and again, until one is long enough. One that was not killed at all
    says how long a life takes now."""
    chance = dice("kill")
    number = a_life(world)
    code, whole = timed(processes, world)
    assert code == 0
    check(world, number)
    kills, lives = 0, 1
    while kills < KILLS:
        number, before = a_life(world), kills
        while (lived := timed(processes, world, chance.uniform(0.1, 1.1) * whole))[0] is None:
            kills += 1
            whole *= 1.02  # the machine may have got slower
        assert lived[0] == 0, f"the keeper ended by itself: {lived[0]}"
        if kills == before:
            whole = lived[1]
        check(world, number)
        lives += 1
        if kills // 50 > before // 50:
            print(f"\n{kills} kills", flush=True)
    print(f"\n{kills} kills in {lives} lives, seed {SEED}; a whole life takes {whole:.1f} s")
