"""Mode ask on the devnet: nothing is sent without a person's yes, by the real commands."""

import json
import re

import pytest
from click.testing import CliRunner
from py_clob_client_v2.clob_types import OrderPayload
from strongroom.chain.ids import market_of
from strongroom.chain.units import MICRO
from strongroom.cli.main import command
from strongroom.devnet import polymarket
from strongroom.devnet.deployer import devnet_chain
from strongroom.keeper.configuration import in_mode, load
from strongroom.keeper.run import running

from tests.anvil_devnet import at
from tests.e2e.keeper_stage import SECTIONS, KeeperStage

SENT, NO, SILENT, STALE = range(4)  # what becomes of each market's decision
ASK = SECTIONS.replace('mode = "live"', 'mode = "ask"\napprove_within_s = 600')
TICKS = 40


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with devnet_chain(polymarket.CHAIN_ID) as chain:
        place = KeeperStage(tmp_path_factory.mktemp("ask"), chain, 4, ASK, marks_required=0)
        place.invest()
        yield place
        place.stage.close()


def keeper_command(world, *words):
    """Type a keeper's command; return what it says."""
    name, *more = words
    done = CliRunner().invoke(
        command, ["keeper", name, str(world.folder / "keeper.toml"), *more], catch_exceptions=False
    )
    return done.exit_code, done.output


def asked(world):
    """Return what a person was asked about, by the market's number."""
    _, text = keeper_command(world, "pending", "--all", "--json")
    return {int(each["question"].split()[2]): each for each in json.loads(text)}


def withdraw(world, offered):
    """Take the maker's orders out."""
    for order in offered:
        answer = world.maker.client.cancel_order(OrderPayload(orderID=order["orderID"]))
        assert order["orderID"] in answer["canceled"]


def test_only_what_was_approved_and_still_stands_is_sent(world):
    told = []
    with running(in_mode(load(world.folder / "keeper.toml"), None)) as this:
        keeper, journal = this.keeper, this.keeper.journal
        listen = keeper.approvals.on_event
        object.__setattr__(
            keeper.approvals,
            "on_event",
            lambda event, fields: (told.append((event, dict(fields))), listen(event, fields)),
        )
        for _ in range(2):
            world.tick(keeper)
        maker, offers = world.maker, {}
        for number in range(4):
            post = maker.post
            maker.post = lambda orders, post=post, n=number: offers.setdefault(n, post(orders))
            world.offer(number)
            maker.post = post

        # asked, and nothing sent
        for _ in range(3):
            world.tick(keeper, 5)
        found = asked(world)
        assert {each["state"] for each in found.values()} == {"PENDING"} and len(found) == 4
        assert [event for event, _ in told] == ["asked"] * 4
        assert journal.open_tasks() == [] and journal.all() == []
        assert world.stage.vault.totalExposure() == 0
        _, text = keeper_command(world, "pending")
        assert text.count("it waits for a yes until") == 4 and "chance at least" in text

        # answered by the commands, while the keeper runs
        for number, words in (
            (SENT, ("approve",)), (NO, ("decline", "--reason", "unclear")), (STALE, ("approve",)),
        ):  # fmt: skip
            name, *more = words
            code, said = keeper_command(world, name, found[number]["decision"][:12], *more)
            assert code == 0, said
        withdraw(world, offers[STALE])
        code, said = keeper_command(world, "approve", found[NO]["decision"])
        assert code == 2 and "is declined, so it cannot become approved" in said
        for _ in range(TICKS):
            world.tick(keeper, 3)
            if journal.all() and not (journal.open() or journal.open_tasks()):
                break

        # what was approved is held; what no longer stood was not sent, what was declined neither
        orders = {intent.decision: intent for intent in journal.all()}
        assert set(orders) == {found[SENT]["decision"]}
        filled = orders[found[SENT]["decision"]].filled
        account = at(world.stage.vault, world.account_of(world.markets[SENT]), "PolymarketAccount")
        _, (position,) = account.positions()
        assert position[0] == filled > 400 * MICRO
        assert list(world.stage.vault.openMarkets()) == [
            bytes.fromhex(market_of(0, world.markets[SENT].question_key)[2:])
        ]
        now = asked(world)
        assert [now[each]["state"] for each in (SENT, NO, STALE)] == [
            "STARTED",
            "DECLINED",
            "STALE",
        ]
        assert now[STALE]["reason"] == "pack tail no longer proposes it"

        _, text = keeper_command(world, "status")
        assert re.search(r"Gamma: well \(\d+ asked, 0 failed\)", text), text
        assert "wait for a yes" in text

        # nobody answers
        world.tick(keeper, 700)
        assert asked(world)[SILENT]["state"] == "EXPIRED" and len(journal.approvals.all()) == 4

        # what the others would have earned: NO lost all, SILENT would have won
        world.stage.resolve(world.markets[NO], False)
        world.stage.resolve(world.markets[SILENT], True)
        world.tick(keeper, 700)
        now = asked(world)
        record = journal.record(now[NO]["decision"])
        (leg,) = record.legs
        cost = leg.size * 97 // 100  # the market has no fee
        assert (now[NO]["profit"], now[SILENT]["profit"]) == (-cost, leg.size - cost)
        assert now[STALE]["profit"] is None  # its market goes on
        assert f"{-cost / MICRO:.6f}" in keeper_command(world, "pending", "--all")[1]
