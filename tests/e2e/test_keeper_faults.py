"""What goes wrong outside: the keeper stays right or stops safely, says why, and goes on."""

import time
from dataclasses import replace

import httpx
import pytest
from sqlalchemy import event
from strongroom.chain.ids import market_of
from strongroom.chain.units import MICRO
from strongroom.devnet import polymarket
from strongroom.devnet.deployer import devnet_chain
from strongroom.journal.states import IntentState

from tests.anvil_devnet import at
from tests.e2e.child import Bomb
from tests.e2e.clob_orders import PATIENCE_S
from tests.e2e.decisions import fills
from tests.e2e.keeper_child import make_keeper
from tests.e2e.keeper_stage import SECTIONS, KeeperStage

MARKETS = 60
AGAIN = SECTIONS.replace("rest_s = 1000000", "rest_s = 5")  # a market may be decided on anew


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with devnet_chain(polymarket.CHAIN_ID) as chain:
        folder = tmp_path_factory.mktemp("faults")
        # without marks, so that a market can be traded at once
        place = KeeperStage(folder, chain, MARKETS, AGAIN, marks_required=0)
        place.invest()
        place.url, place.next, place.told = chain.url, 0, []
        place.keeper = make_keeper(
            place.folder, Bomb(0), lambda event, fields: place.told.append((event, dict(fields)))
        )
        for _ in range(2):
            place.tick(place.keeper)
        yield place
        place.stage.close()


@pytest.fixture(autouse=True)
def all_is_well(world):
    world.told.clear()
    yield
    world.faults()
    if world.stage._cosigner is None:
        world.stage.start_cosigner()


@pytest.fixture(autouse=True)
def switch(world):
    def turn(**what):
        httpx.put(f"{world.stage.server.url}/devnet/faults", json=what).raise_for_status()

    world.faults = turn


def tick(world):
    """A block comes, the keeper goes round."""
    world.stage.chain.request("evm_mine")
    return world.keeper.tick()


def offered(world, tokens=200):
    """A fresh market with an opportunity."""
    number = world.next
    world.next += 1
    return world.offer(number, tokens)


def keep(world, until):
    """Tick until something holds; return the halts that were seen on the way."""
    halts = {}
    deadline = time.monotonic() + PATIENCE_S
    while not until():
        assert time.monotonic() < deadline, (halts, world.told[-5:])
        halts |= tick(world).halts
        time.sleep(0.05)
    return halts


def held(world, market):
    account = world.account_of(market)
    if int(str(account), 16) == 0:
        return 0
    _, (position,) = at(world.stage.vault, account, "PolymarketAccount").positions()
    return position[0]


def quiet(world):
    journal = world.keeper.journal
    return not (journal.open() or journal.open_tasks() or journal.transactions.open())


def bought(world, market, tokens=200):
    """Whether it has all that was offered, once, and nothing is under way."""

    def check():
        return quiet(world) and held(world, market) == tokens * MICRO

    return check


def reconciled(world):
    """Chain and journal agree: every token of the vault's accounts has its fill."""
    journal, vault = world.keeper.journal, world.stage.vault
    by_market = {}
    for row in journal.all():
        name = market_of(0, row.condition)
        by_market[name] = by_market.get(name, 0) + row.filled
    for market in vault.openMarkets():
        account = at(world.stage.vault, vault.accountOf(market), "PolymarketAccount")
        _, (position,) = account.positions()
        assert position[0] + position[1] == by_market.get("0x" + bytes(market).hex(), 0)
    exposure = vault.totalExposure()
    nav = vault.total_idle() + sum(vault.bookOf(market)[1] for market in vault.openMarkets())
    assert vault.totalAssets() == nav and exposure >= 0


@pytest.mark.parametrize("status", [425, 429, 500])
def test_the_service_refuses_for_a_while(world, status):
    """A restart, a limit, an error: they say nothing about the order, which is sent as the same."""
    market = offered(world)
    world.faults(fail_status=status, fail_count=6)
    keep(world, bought(world, market))
    rows = [row for row in world.keeper.journal.all() if row.condition == market.condition_id]
    assert sum(row.filled for row in rows) == 200 * MICRO
    reconciled(world)


def test_trading_is_disabled(world):
    market = offered(world)
    world.faults(mode="disabled")
    halts = {}

    def halted():
        halts.update(tick(world).halts)
        return "venue" in halts

    keep(world, halted)
    assert "takes no orders" in halts["venue"]
    assert held(world, market) == 0
    before = len(world.keeper.journal.all_tasks())
    for _ in range(3):
        tick(world)
    assert len(world.keeper.journal.all_tasks()) == before, "no new decisions meanwhile"
    world.faults()
    keep(world, bought(world, market))
    assert [fields["what"] for event, fields in world.told if event == "goes_on"] == ["venue"]
    reconciled(world)


def test_an_answer_is_lost(world):
    market = offered(world)
    world.faults(lose_answers=1)
    keep(world, bought(world, market))
    reconciled(world)


def test_settlement_fails_after_the_match(world):
    """Matched, then reverted on chain: nothing is held, the reversal is counted, and a new decision
    buys what is offered anew."""
    tick(world)
    world.clock.sleep(20)  # the pause after an answer that another test has lost is over
    before = world.keeper.journal.reversals()
    market = offered(world)
    world.faults(settlement_reverts=1)
    keep(world, lambda: world.keeper.journal.reversals()[0] > before[0])
    assert held(world, market) == 0
    world.faults()
    world.clock.sleep(20)  # the market's rest is over
    world.offer(world.next - 1, 200)  # what failed is not given back to its orders
    keep(world, bought(world, market))
    reconciled(world)


def test_35_percent_of_the_matched_orders_are_reverted(world):
    """NAV is the chain's to the unit, nothing stays reserved, and the rate is the venue's own."""
    keeper = world.keeper
    before = keeper.journal.reversals()[1]
    world.faults(settlement_reverts=0.35, seed=3)
    for _ in range(16):
        offered(world, 50)
    keep(world, lambda: quiet(world) and keeper.journal.reversals()[1] >= before + 16)
    world.faults()
    world.clock.sleep(70)
    keep(world, lambda: quiet(world) and ("reported" in dict(world.told)))
    for name, fields in world.told:
        if name == "reported":
            assert (fields["difference_bid"], fields["difference_ask"]) == (0, 0)
    mine = {row.order_hash for row in keeper.journal.all()}
    ended = [
        trade.status
        for trade in world.stage.server.engine.trades.values()
        if mine & {party.id for party in trade.parties()}
    ]
    failed = ended.count("FAILED")
    assert keeper.journal.reversals() == (failed, len(ended)) and failed >= 5
    accounts = {row.account for row in keeper.journal.all()}
    assert all(keeper.journal.reserved(account) == 0 for account in accounts)
    reserved = {
        key: amount
        for key, amount in world.stage.server.engine.funds.reserved().items()
        if amount and key[0] in {account.lower() for account in accounts}
    }
    assert not reserved, "nor at the venue"
    for account in accounts:
        collateral, _ = at(world.stage.vault, account, "PolymarketAccount").positions()
        assert collateral == 0, "budgets of what failed are back"
    reconciled(world)


def test_the_exchange_is_paused(world, deployer):
    exchange = world.stage.venue.exchange
    exchange.pauseTrading(sender=world.stage.people["deployer"])
    market = offered(world)
    seen = tick(world)
    assert "is paused" in seen.halts["exchange"] and seen.decisions == 0
    exchange.unpauseTrading(sender=world.stage.people["deployer"])
    keep(world, bought(world, market))
    reconciled(world)


def test_the_cosigner_is_down(world):
    """Nothing is signed, so nothing moves; the decision waits, and goes on when it is back."""
    market = offered(world)
    world.stage.stop_cosigner()
    sent = world.stage.safe.nonce()
    halts = {}

    def halted():
        halts.update(tick(world).halts)
        return "signers" in halts

    keep(world, halted)  # the list of markets is read once a second
    assert "does not answer" in halts["signers"]
    assert world.stage.safe.nonce() == sent
    assert not [row for row in world.keeper.journal.open() if row.state != IntentState.PLANNED]
    world.stage.start_cosigner()
    keep(world, bought(world, market))
    reconciled(world)


def test_a_cosigner_that_is_down_is_known_within_half_a_minute(world):
    """Even while nothing needs a signature."""
    assert "signers" not in tick(world).halts
    world.stage.stop_cosigner()
    world.clock.sleep(31)  # it counts whole seconds, the keeper their parts
    assert "does not answer" in tick(world).halts["signers"]
    world.stage.start_cosigner()
    assert "signers" not in tick(world).halts


def test_the_chain_does_not_answer(world, monkeypatch):
    """Time-outs of the node: the tick ends, says so, and the next one that gets through goes on."""
    market = offered(world)
    node = world.keeper.chain.node.node
    with monkeypatch.context() as patch:
        patch.setattr(node, "url", "http://127.0.0.1:9")
        patch.setattr(node, "_prepared", None)
        seen = tick(world)
        assert "does not answer" in seen.halts["chain"] and seen.decisions == 0
    keep(world, bought(world, market))
    reconciled(world)


def test_the_node_times_out(world, monkeypatch):
    market = offered(world)
    with monkeypatch.context() as patch:
        patch.setattr(world.keeper.chain.node.node, "_timeout", 1e-6)
        seen = tick(world)
        assert "does not answer" in seen.halts["chain"] and seen.decisions == 0
    keep(world, bought(world, market))
    reconciled(world)


UNITS = {  # of a large provider, inside a batch that HTTP answers with 200
    "code": 429,
    "message": "Your app has exceeded its compute units per second capacity.",
}


def test_the_node_refuses_one_item_of_a_batch(world, monkeypatch):
    """K21: the keeper ended at the first. Once refused, an item is asked again; refused for good,
    the tick ends by name, and the next one goes on."""
    market = offered(world)
    reads = world.keeper.chain._reads
    ask, node, times = reads.node.ask, reads.node, iter([True])

    def refusing(again):
        def answers(questions):
            found = ask(questions)
            if len(questions) > 1 and next(again, False):
                found[1] = {"error": UNITS}
            return found

        return answers

    monkeypatch.setattr(reads, "_pause", lambda seconds: None)
    with monkeypatch.context() as patch:
        patch.setattr(node, "ask", refusing(times))
        assert "chain" not in tick(world).halts and next(times, None) is None
        patch.setattr(node, "ask", lambda asked: [{"error": UNITS} for _ in asked])
        seen = tick(world)
        assert "asked too often" in seen.halts["chain"] and seen.decisions == 0
    keep(world, bought(world, market))
    reconciled(world)


def test_the_clock_is_five_minutes_off(world, monkeypatch):
    market = offered(world)
    right = world.keeper.clock
    monkeypatch.setattr(world.keeper, "watch", replace(world.keeper.watch, max_skew_s=60))
    monkeypatch.setattr(world.keeper, "clock", lambda: right() + 300)
    seen = tick(world)
    assert "+300 s from the chain's" in seen.halts["clock"] and seen.decisions == 0
    monkeypatch.setattr(world.keeper, "clock", right)
    keep(world, bought(world, market))
    reconciled(world)


def test_the_disk_is_full(world):
    """SQLite's own error, by a limit on the file's pages: what cannot be kept is not done."""
    engine = world.keeper.journal._engine
    engine.dispose()

    def tight(connection, _):
        cursor = connection.cursor()
        cursor.execute("VACUUM")  # no pages are left over from what was deleted
        used = cursor.execute("PRAGMA page_count").fetchone()[0]
        cursor.execute(f"PRAGMA max_page_count={used}")
        cursor.close()

    event.listen(engine, "connect", tight)
    sent = world.stage.safe.nonce()
    halts = {}
    deadline = time.monotonic() + PATIENCE_S
    while "journal" not in halts and time.monotonic() < deadline:
        if quiet(world):
            market = offered(world)  # until the pages have no room for a row
        halts |= tick(world).halts
        time.sleep(0.05)
    assert "disk is full" in halts["journal"]
    for _ in range(2):
        tick(world)
    rows = world.keeper.journal.transactions.all()
    kept = {row.nonce for row in rows if row.safe == world.stage.safe.address}
    assert kept >= set(range(sent, world.stage.safe.nonce())), "nothing is sent that is not kept"
    event.remove(engine, "connect", tight)
    engine.dispose()
    keep(world, bought(world, market))
    reconciled(world)


def test_a_reorg_of_three_blocks_takes_the_fill_away(world, monkeypatch):
    """The fill was in the newest block; three blocks are undone. The journal follows the chain."""
    request = world.stage.chain.request
    desk, transactor = world.keeper.desk, world.keeper.transactor
    monkeypatch.setattr(desk, "_confirmations", 4)
    monkeypatch.setattr(transactor, "_confirmations", 4)

    market = offered(world)
    deadline = time.monotonic() + PATIENCE_S
    while not held(world, market):
        tick(world)  # the budget gets its four blocks
        assert time.monotonic() < deadline, world.told[-5:]
    rows = [row for row in world.keeper.journal.all() if row.condition == market.condition_id]
    assert rows[-1].state != IntentState.CLOSED or rows[-1].filled
    # undo blocks until the fill is gone, three at least
    undone = 3
    request("anvil_rollback", undone)
    while held(world, market):
        request("anvil_rollback", 1)
        undone += 1
        assert undone < 12
    tick(world)
    rows = [row for row in world.keeper.journal.all() if row.condition == market.condition_id]
    gone = sum(row.filled for row in rows if row.state != IntentState.CLOSED)
    assert gone == 0, "a fill that is undone is no fill"


def test_every_fill_joins_a_decision(world):
    """Of all fills so far: each order's signed metadata is the hash of a record in the journal."""
    lines = fills(world.stage)
    known = {task.decision for task in world.keeper.journal.all_tasks()}
    assert len(lines) >= 10
    assert all(line.decision in known for line in lines)
