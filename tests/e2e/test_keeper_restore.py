"""A keeper is killed, its journal comes back from an older backup, it starts and goes on: what the
backup lacks is named, no order and no transaction is made a second time, and from then on journal
and chain are the same. The chain is real, the venue is our stand-in; what the chain has is read
here by a plain client."""

import json
import multiprocessing

import pytest
from click.testing import CliRunner
from strongroom.cli.main import command
from strongroom.devnet import polymarket
from strongroom.devnet.deployer import devnet_chain
from strongroom.journal import Journal
from strongroom.journal.backup import back_up
from strongroom.keeper.comparing import compare
from strongroom.keeper.configuration import load
from strongroom.keeper.restoring import owner_of, relearn
from strongroom.settings import ConfigError

from tests.e2e.child import Bomb
from tests.e2e.keeper_child import live, make_keeper
from tests.e2e.keeper_stage import KeeperStage

LIMIT_S = 300  # on a busy machine
BOMB = 24  # an edge in the midst of a life
FILLS = 3  # one a life


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with devnet_chain(polymarket.CHAIN_ID) as chain:
        place = KeeperStage(tmp_path_factory.mktemp("restore"), chain, 4, max_drawdown_bps=10_000)
        place.invest()
        yield place
        place.stage.close()


def a_life(world, number, bomb_at=0):
    """A market is offered and a keeper lives; return its process's exit code."""
    world.clock.sleep(70)
    world.offer(number)
    context = multiprocessing.get_context("forkserver")
    child = context.Process(target=live, args=(world.folder, bomb_at))
    child.start()
    child.join(LIMIT_S)
    assert child.exitcode is not None
    return child.exitcode


def executions(world):
    """How many transactions each Safe has executed, by its own nonce."""
    return world.stage.safe.nonce() + world.stage.reporter.nonce()


def bought(world):
    """Tokens of YES that the vault's accounts hold, by market."""
    found = []
    for market in world.markets:
        account = world.account_of(market)
        yes = market.token_ids[0]
        found.append(world.stage.venue.ctf.balanceOf(account, yes) if int(account, 16) else 0)
    return found


def test_killed_and_restored_from_an_older_backup(world):
    config = load(world.folder / "keeper.toml")
    assert a_life(world, 0) == 0
    backup = world.folder / "backups" / "one.db"
    back_up(config.journal, backup, owner_of(config))
    equal = compare(config)
    assert equal.is_equal and equal.fills == 1 and equal.executions == executions(world)
    assert a_life(world, 1) == 0
    assert a_life(world, 2, BOMB) == -9
    held, sent = bought(world), executions(world)
    lost = sent - equal.executions

    file = str(world.folder / "keeper.toml")
    done = CliRunner().invoke(command, ["keeper", "restore", file, str(backup)])
    assert done.exit_code == 0 and "the journal that was there" in done.output, done.output
    done = CliRunner().invoke(command, ["keeper", "compare", file])
    assert done.exit_code == 1, done.output
    assert done.output.count("of Safe") == lost > 0
    fills = sum(each > 0 for each in held) - 1
    assert done.output.count("tokens of order") == fills >= 1

    told = []
    keeper = make_keeper(world.folder, Bomb(0), lambda event, fields: told.append((event, fields)))
    relearn(keeper.journal, keeper.chain, config.vault, config.reporting.evidence, keeper.on_event)
    for _ in range(3):
        halts = world.tick(keeper, 1).halts
        assert set(halts) == {"restored"} and "from a backup" in halts["restored"]
    resting = world.offer(3)
    assert world.tick(keeper, 1).decisions == 0
    for _ in range(20):
        world.tick(keeper, 70)
        busy = keeper.journal.open() or keeper.journal.open_tasks()
        if world.account_of(resting) != "0x" + "00" * 20 and not busy and bought(world)[3]:
            break
    assert not world.tick(keeper, 1).halts
    after = bought(world)
    assert after[3] > 0, told
    assert after[:2] == held[:2], "nothing is bought twice"

    found = compare(config)
    assert len(found.lacks_executions) == lost and not found.not_on_chain
    positions = sum(after)
    known = sum(each.filled for each in Journal(config.journal).all())
    assert known + sum(each.tokens for each in found.lacks_fills) == positions
    since = max(each.block for each in (*found.lacks_executions, *found.lacks_fills)) + 1
    later = compare(config, since)
    assert later.is_equal and later.fills >= 1 and later.executions > 1, later
    audited(world, found)


def audited(world, found):
    """A second opinion: nothing on chain contradicts what was reported."""
    config = load(world.folder / "keeper.toml")
    words = ["audit", "--vault", config.vault, "--rpc", world.stage.chain.url, "--json"]
    words += ["--evidence", str(config.reporting.evidence)]
    words += ["--exchange", config.venue.exchanges[0].address]
    done = CliRunner().invoke(command, words)
    differences = json.loads(done.output)["differences"]
    lost = {each.transaction for each in found.lacks_fills}
    records = Journal(config.journal)
    unknown = [each for each in found.lacks_fills if records.task(each.decision) is None]
    # a decision that no report had revealed when its journal was lost; nothing else
    assert len(differences) == len(unknown) <= 1
    assert {each["transaction"] for each in differences} <= lost
    words = "OrderFilled.metadata: no revealed record has this id, of account 0x"
    assert all(each["what"].startswith(words) for each in differences)


def test_an_empty_journal_wants_a_block(world, tmp_path):
    config = load(world.folder / "keeper.toml")
    empty = config.model_copy(update={"journal": f"sqlite:///{tmp_path / 'keeper.db'}"})
    Journal(empty.journal)
    with pytest.raises(ConfigError, match="name a block with --since"):
        compare(empty)
    found = compare(empty, 0)
    assert found.executions == 0 and len(found.lacks_executions) == executions(world)
