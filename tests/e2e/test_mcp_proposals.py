"""A client over HTTP proposes trades to a keeper on the devnet: one becomes an order with its
reason on record; and what a thief of the token could do with it, in units.

The thief does all that the token lets him: every market, the best terms, again and again.
"""

import asyncio
import threading
import time
from contextlib import contextmanager
from decimal import Decimal

import pytest
import uvicorn
from strongroom.chain.units import MICRO
from strongroom.devnet import polymarket
from strongroom.devnet.deployer import devnet_chain
from strongroom.keeper.configuration import load
from strongroom.keeper.run import running
from strongroom.mcp_server import serving
from strongroom.mcp_server.tokens import ToolScope, audience_of, make_token

from tests.agent.mcp_place import ask, connected, told
from tests.anvil_devnet import at
from tests.defaults import UNIT
from tests.e2e.keeper_stage import SECTIONS, KeeperStage
from tests.packs_here import show_packs

MARKETS = 5
EACH, DAY_LIMIT = 100, 250  # units, of the file below
PACK = f"""[packs.proposals.clients.desk]
each = "{EACH}"
day = "{DAY_LIMIT}"

[proposals]
folder = "proposals"
most_waiting = {MARKETS}

[mcp]
calls_a_minute = 100000
"""


EXITS = """[packs.proposals.exits]
stop_chance = 0.1
max_cost = 0.02

"""


@pytest.fixture
def world(tmp_path_factory, request):
    folder = tmp_path_factory.mktemp("mcp")
    more = getattr(request, "param", "")
    with pytest.MonkeyPatch.context() as monkeypatch, devnet_chain(polymarket.CHAIN_ID) as chain:
        show_packs(tmp_path_factory.mktemp("packs"), monkeypatch)
        sections = SECTIONS.replace("[packs.tail]\n", PACK + more)
        sections = sections.replace("rest_s = 1000000", "rest_s = 5") if more else sections
        place = KeeperStage(folder, chain, MARKETS, sections, marks_required=0)
        policy = folder / "cosigner.toml"
        place.stage.stop_cosigner()
        named = policy.read_text()
        policy.write_text(named.replace('"tail",', '"tail",\n    "proposals",', 1))
        assert '"proposals"' in policy.read_text()
        place.stage.start_cosigner()
        place.invest()
        yield place
        place.stage.close()


@contextmanager
def served(world):
    config = load(world.folder / "keeper.toml")
    server = serving.server_of(
        config, None, serving.client_of_request, "http://127.0.0.1", world.clock
    )
    app = serving.http_app(server, ("127.0.0.1",), 100_000)
    this = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=this.run, daemon=True)
    thread.start()
    while not this.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{this.servers[0].sockets[0].getsockname()[1]}{serving.PATH}"
    finally:
        this.should_exit = True
        thread.join()


@contextmanager
def keeping(world):
    """Run a keeper that has seen one market, and its server; yield keeper, market and URL."""
    with running(load(world.folder / "keeper.toml")) as this:
        for _ in range(2):
            world.tick(this.keeper)
        this.standing.see(int(world.clock()), {}, this.keeper.vault.read({}))
        market = world.offer(0)
        with served(world) as url:
            yield this.keeper, market, url


def token(world, *scopes):
    config = load(world.folder / "keeper.toml")
    audience = audience_of(config.chain.chain_id, config.vault)
    return make_token(config.mcp.tokens, "desk", audience, scopes, 30, int(world.clock()))


def terms(world, market, **changes):
    plain = {
        "market": market.condition_id, "outcome": "YES", "price": 970_000, "size": 90 * MICRO,
        "chance": 985_000, "good_until": int(world.clock()) + 3_000, "reasons": "0x" + "ab" * 32,
    }  # fmt: skip
    return {"trade": plain | changes}


def test_a_proposal_becomes_an_order_and_a_stolen_token_commits_no_more_than_its_limit(world):
    with keeping(world) as (keeper, market, url):
        journal, vault, desk = keeper.journal, world.stage.vault, token(world, ToolScope.PROPOSE)

        async def talk():
            async with connected(url, desk) as client:
                found = told(await client.call_tool("search_markets", {"words": "number 0"}))
                books = told(
                    await client.call_tool("get_orderbook", {"market": market.condition_id})
                )
                sent = told(await client.call_tool("propose_trade", terms(world, market)))
                return found, books, sent

        found, books, sent = asyncio.run(talk())
        (listed,) = found[1]["markets"]
        assert listed["market"] == market.condition_id and listed["admitted_by"] == 0
        assert books[1]["yes"]["asks"][0]["price"] == "0.970000"
        assert not sent[0] and sent[1]["state"] == "waiting"
        assert vault.totalExposure() == 0  # the server itself did nothing

        wait_for(world, keeper, lambda: journal.all() and not journal.open_tasks())
        name = sent[1]["proposal"]
        (mine,) = ask(url, desk, ("get_proposal", {"proposal": name}))
        assert mine[1]["state"] == "decided", mine
        decision = mine[1]["decision"]
        record = journal.record(decision)
        assert (record.pack, record.numbers["proposal"]) == ("proposals", name)
        (order,) = journal.of_decision(decision)
        account = at(vault, world.account_of(market), "PolymarketAccount")
        _, (position,) = account.positions()
        assert position[0] == order.filled == 90 * MICRO
        (why,) = ask(url, desk, ("explain_decision", {"name": decision}))
        text = why[1]["explanation"]["strangers_text"]
        assert f"proposal {name}" in text and "evidence: client desk" in text

        # a thief has the token, and does all that it lets him
        honest = vault.totalExposure()
        for number in range(1, MARKETS):
            world.offer(number)
        for step in range(6):
            calls = [
                ("propose_trade", terms(world, each, price=price, size=size))
                for each in world.markets
                for price, size in ((970_000 + step, 103 * MICRO), (990_000, 101 * MICRO))
            ]
            thief = ask(url, desk, *calls)
            for _ in range(2):
                world.tick(keeper, 20)
        wait_for(world, keeper, lambda: not journal.open_tasks())
        committed, nav = vault.totalExposure(), vault.navs()[0]
        lost = nav_without(world, journal)
        print(f"a stolen token commits {committed / UNIT:.2f} of {nav / UNIT:.2f} a day, "
              f"at prices of the books; worthless, that is {lost / UNIT:.2f}")  # fmt: skip
        assert 0 < committed <= DAY_LIMIT * UNIT and lost <= DAY_LIMIT * UNIT
        *_, class_cap, class_cap_bps, _ = vault.classOf(0)[:9]
        assert committed <= min(class_cap, class_cap_bps * nav // 10_000)  # by contract
        assert committed >= honest
        assert any(error for error, _ in thief)
        lines = {ask(url, desk, ("get_proposal", {"proposal": each.stem}))[0][1]["line"]
                 for each in (world.folder / "proposals").glob("0x*.json")}  # fmt: skip
        assert "market, book, price or the client's own limit" in lines


@pytest.mark.parametrize("world", [EXITS], indirect=True)
def test_where_there_are_exit_rules_a_stolen_token_sells_at_most_so_far_below_the_middle(world):
    """90 YES were bought at .97. The thief also stands in the book: at a bid of .92 the middle is
    .945, and .025 is more than `max_cost`. At .94 it is .015: 90 are sold, for 2.70 less than they
    cost. He names no price at which anything is offered, so his limit of a day is untouched."""
    with keeping(world) as (keeper, market, url):
        journal, vault, desk = keeper.journal, world.stage.vault, token(world, ToolScope.PROPOSE)
        ask(url, desk, ("propose_trade", terms(world, market)))
        wait_for(world, keeper, lambda: journal.all() and not journal.open_tasks())
        account = at(vault, world.account_of(market), "PolymarketAccount")

        def held():
            return account.positions()[1][0][0]

        assert held() == 90 * MICRO
        quote(world, market, "0.92")
        stolen = terms(world, market, price=1_000, chance=750_000)
        (said,) = ask(url, desk, ("propose_trade", stolen))
        assert said[1]["state"] == "waiting"
        for _ in range(4):
            assert not world.tick(keeper, 20).halts
        assert held() == 90 * MICRO and not journal.open_tasks()
        quote(world, market, "0.94")
        wait_for(world, keeper, lambda: held() == 0 and not journal.open_tasks())
        fills = [(each.side, fill.making, fill.taking, fill.fee) for each in journal.all()
                 for fill in journal.fills_of(each.key)]  # fmt: skip
        spent = sum(making + fee for side, making, _, fee in fills if side == "BUY")
        got = sum(taking - fee for side, _, taking, fee in fills if side == "SELL")
        print(f"where exit rules are, a stolen token sells what was bought for "
              f"{spent / UNIT:.2f}: it brings {got / UNIT:.2f}")  # fmt: skip
        assert (spent, got) == (87_300_000, 84_600_000)
        sale = journal.record(journal.all_tasks()[-1].decision)
        assert sale.exit_rule == "chance stop"


def quote(world, market, bid, ask="0.97"):
    """Let the book stand at these prices, and nowhere else."""
    maker = world.maker
    maker.client.cancel_all()
    prices = ((1, 1 - Decimal(ask)), (0, Decimal(bid)))
    orders = [maker.order(market.token_ids[o], True, price, 500 * MICRO) for o, price in prices]
    assert all(answer["success"] for answer in maker.post(orders))


def nav_without(world, journal):
    """Return what the vault would lose if all that was bought paid nothing, with fees."""
    fills = [fill for intent in journal.all() for fill in journal.fills_of(intent.key)]
    return sum(fill.making + fill.fee for fill in fills)


def wait_for(world, keeper, until):
    for _ in range(12):
        tick = world.tick(keeper, 10)
        assert not tick.halts, tick.halts
        if until():
            return
    raise AssertionError("nothing came of it")
