"""Kill the desk at every edge of its journal and of its conversation, start it again: no order is
doubled, none is lost, and the journal says what the chain says."""

import multiprocessing
import os
import time
from decimal import Decimal
from types import SimpleNamespace

import pytest
from strongroom.chain.ids import intent_key, market_of
from strongroom.devnet import polymarket
from strongroom.journal import Journal
from strongroom.journal.states import IntentState, VenueWord

from tests.anvil_devnet import at
from tests.defaults import DAY, UNIT, a_class
from tests.e2e.child import Bomb, Place, a_record, make_desk, run, wanted
from tests.e2e.clob_orders import PATIENCE_S, order
from tests.seeds import SEED, dice

TEN = 10 * UNIT
KILLS = int(os.environ.get("STRONGROOM_KILLS", "15"))


@pytest.fixture(scope="module")
def processes():
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.e2e.child"])
    return context


@pytest.fixture
def work(
    make_vault,
    people,
    invest,
    implementation,
    listing,
    recorded,
    safe,
    keeper_owners,
    chain,
    chain_url,
    server,
    venue,
    accounts,
    connect,
    traders,
):
    """An enforced account with 8,000 pUSD (5 a run), its keeper the Safe; and where a child finds
    it all."""
    market = next(m for m in recorded if m.condition_id == listing.condition_id)
    vault = make_vault(price_band_bps=0)
    invest(vault, people.alice, 10_000 * UNIT)
    terms = a_class(implementation, market.oracle, people.keeper, cap=9_000 * UNIT)
    vault.addClass(terms, sender=people.owner)
    vault.openMarket(
        0, market.question_id, 1, chain.pending_timestamp + 30 * DAY, sender=people.keeper
    )
    name = market_of(0, market.condition_id)
    vault.allocate(name, 8_000 * UNIT, sender=people.keeper)
    vault.setKeeper(0, safe, sender=people.owner)
    executor = accounts[17]
    account = at(vault, vault.accountOf(name), "PolymarketAccount")
    place = Place(
        service=server.url,
        rpc=chain_url,
        chain_id=polymarket.CHAIN_ID,
        exchange=venue.exchange.address,
        executor=executor.private_key,
        safe=safe.address,
        owners=tuple("0x" + key.key.hex() for key in keeper_owners[:2]),
        account=account.address,
        market=listing.condition_id,
        token=int(listing.token_ids[0]),
        tick=str(listing.tick),
    )

    def offer():
        """Bob's side of the first order."""
        return order(traders.bob, listing.token_ids[1], "BUY", 0.50, 10)

    return SimpleNamespace(
        now=vault.chain.now,
        place=place,
        account=account,
        offer=offer,
        client=connect(executor),
        listing=listing,
    )


def in_child(processes, *arguments):
    child = processes.Process(target=run, args=arguments)
    child.start()
    child.join(timeout=PATIENCE_S)
    return child.exitcode


def check(work, folder, name, before):
    """One order filled, one resting, whatever happened: at the venue, on chain, in the journal."""
    journal = Journal(f"sqlite:///{folder / 'journal.db'}")
    decision = a_record(name).id
    first, second = (journal.get(intent_key(decision, leg, 0)) for leg in (0, 1))
    assert len(journal.all()) == 2
    assert (first.state, first.filled) == (IntentState.CLOSED, TEN), journal.story(first.key)
    assert first.reason in ("filled", "over at the venue: MATCHED")
    assert (second.state, second.venue, second.filled) == (IntentState.ACKED, VenueWord.LIVE, 0)
    (fill,) = journal.fills_of(first.key)
    assert (fill.making, fill.taking) == (TEN // 2, TEN)
    assert journal.reserved(work.account.address) == UNIT
    _, (position,) = work.account.positions()
    assert position.yes - before == TEN
    resting = work.client.get_open_orders()
    assert [each["id"] for each in resting] == [second.order_hash]
    work.client.cancel_all()


def test_killed_at_every_edge(work, processes, tmp_path):
    """First an unbroken run, to count the edges; then one killed at each of them."""

    def attempt(number):
        name, folder = f"run {number}", tmp_path / str(number)
        folder.mkdir()
        _, (position,) = work.account.positions()
        work.offer()
        now = work.now()
        killed = in_child(processes, work.place, folder, name, now, number) if number else None
        ended = in_child(processes, work.place, folder, name, now, 0)
        assert ended == 0
        check(work, folder, name, position.yes)
        return killed, int((folder / "edges").read_text())

    _, edges = attempt(0)
    assert edges >= 12
    killed = [attempt(number)[0] for number in range(1, edges + 1)]
    assert killed[:12] == [-9] * 12
    assert killed.count(-9) >= edges - 4  # a run may need a few looks less than the first


def test_killed_at_random_moments(work, processes, tmp_path):
    """STRONGROOM_KILLS makes it more than the default; the seed is fixed and printed on failure."""
    chance = dice("kill")
    start = time.monotonic()
    (tmp_path / "whole").mkdir()
    work.offer()
    decided_at = work.now()
    assert in_child(processes, work.place, tmp_path / "whole", "whole", decided_at, 0) == 0
    whole = time.monotonic() - start
    work.client.cancel_all()
    for number in range(KILLS):
        name, folder = f"kill {number}", tmp_path / str(number)
        folder.mkdir()
        _, (position,) = work.account.positions()
        work.offer()
        now = work.now()
        while True:  # killed again and again, until one life is long enough
            child = processes.Process(target=run, args=(work.place, folder, name, now, 0))
            child.start()
            child.join(timeout=chance.uniform(0, 1.5 * whole))
            if child.exitcode is not None:
                break
            child.kill()
            child.join()
            whole *= 1.1  # the machine may have got slower
        assert child.exitcode == 0, f"seed {SEED}, kill {number}"
        check(work, folder, name, position.yes)


def test_an_order_whose_answer_was_lost_is_found_by_its_hash(work, processes, faults, tmp_path):
    work.offer()
    _, (position,) = work.account.positions()
    faults(lose_answers=2)
    assert in_child(processes, work.place, tmp_path, "lost", work.now(), 0) == 0
    check(work, tmp_path, "lost", position.yes)
    journal = Journal(f"sqlite:///{tmp_path / 'journal.db'}")
    first = intent_key(a_record("lost").id, 0, 0)
    states = [state for state, _, _ in journal.story(first)]
    assert states[:4] == ["PLANNED", "SIGNED", "SENT", "UNKNOWN"]
    assert states.count("SENT") == 1, "it was found, not sent again"


@pytest.mark.parametrize("fault", [{"fail_status": 500}, {"fail_status": 425}])
def test_an_order_that_never_arrived_is_sent_again_as_the_same(
    work, processes, faults, tmp_path, fault
):
    """The service refuses to say anything for a while; the same bytes go out again."""
    work.offer()
    _, (position,) = work.account.positions()
    desk, journal = make_desk(work.place, tmp_path, Bomb(0))
    faults(**fault, fail_count=2)  # the order and the first question after it
    record = a_record("again")
    journal.decide(record.id, record)
    intent = wanted(work.place, record, work.now())
    desk.place(intent, Decimal(work.place.tick))
    key = intent.key
    assert journal.get(key).state == IntentState.UNKNOWN
    for _ in range(200):
        desk.recover()
        if journal.get(key).state == IntentState.CLOSED:
            break
    states = [state for state, _, _ in journal.story(key)]
    assert states.count("SENT") >= 2
    assert journal.get(key).filled == TEN
    _, (now,) = work.account.positions()
    assert now.yes - position.yes == TEN
