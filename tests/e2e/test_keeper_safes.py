"""The keeper with accounts that own Safes, from the making of one to its successor.

The services admit the venue's own wallets only, and take what no public text says as that they go
by a Safe's address (VENUE g). The Safe is the real one; the venue's factory of it is a stand-in.
"""

import time
import tomllib
from dataclasses import replace
from decimal import Decimal

import pytest
from strongroom.audit.auditor import Auditor, Scope
from strongroom.chain.artifacts import safe as safe_artifact
from strongroom.chain.ids import intent_key, market_of
from strongroom.chain.orders import NO, YES, OrderKind
from strongroom.chain.places import FolderPlace
from strongroom.chain.terms import DELEGATED, ClassTerms
from strongroom.chain.units import DAY, MICRO
from strongroom.devnet import contracts as devnet
from strongroom.devnet import polymarket
from strongroom.devnet.contracts import ZERO_ADDRESS as NOBODY
from strongroom.devnet.deployer import AnvilDeployer, devnet_chain, devnet_keys
from strongroom.devnet.operator_files import own_key, write_keystore
from strongroom.journal import OrderIntent
from strongroom.journal.rows import WANTED
from strongroom.keeper.first_files import InitOptions, VenueUrls, write_first_files

from tests.anvil_devnet import at
from tests.e2e.child import Bomb
from tests.e2e.keeper_child import make_keeper
from tests.e2e.keeper_stage import ORACLE, KeeperStage, offer, said, ticks

NEEDED = "[venue.relayer] and [venue.safes]"
NOWHERE = VenueUrls("http://127.0.0.1:1", "http://127.0.0.1:1", "")


@pytest.fixture
def world(tmp_path):
    with devnet_chain(polymarket.CHAIN_ID) as chain:
        place = KeeperStage(
            tmp_path, chain, 2, safes=True, more_classes=lambda *parts: another(chain, *parts)
        )
        place.told = []
        place.keeper = start(place)
        place.invest()
        yield place
        place.stage.close()


def another(chain, venue, keeper):
    """Return a second class of SafeAccounts for the same markets."""
    deployer = AnvilDeployer(devnet_keys()[0].account, chain)
    made = devnet.deploy_safe_account_implementation(deployer, venue)
    return [
        ClassTerms(
            made,
            ORACLE.address,
            keeper,
            DELEGATED,
            market_cap=5_000 * MICRO,
            max_duration_s=9 * DAY,
        )
    ]


def start(world):
    return make_keeper(
        world.folder, Bomb(0), lambda event, fields: world.told.append((event, dict(fields)))
    )


def test_a_safe_is_made_handed_over_traded_and_emptied(world):
    vault, venue = world.stage.vault, world.stage.venue
    market = offer(world, 0)
    name = market_of(0, market.question_key)
    ticks(world, 14, lambda: said(world, "task_closed"))
    account = at(vault, world.account_of(market), "SafeAccount")
    safe = vault.chain.at(account.safe(), safe_artifact("Safe").abi)
    (task,) = world.keeper.journal.all_tasks()
    (row,) = world.keeper.journal.of_decision(task.decision)
    assert (row.state, row.maker, row.signer) == ("CLOSED", safe.address, account.key()), said(
        world, "task_closed"
    )
    assert row.filled == row.size > 0
    assert list(safe.getOwners()) == [account.address], "the key owns nothing any more"
    assert venue.wallets.safeOf(account.key()) == safe.address
    assert venue.ctf.balanceOf(safe, market.token_ids[YES]) == row.size, "bought by the Safe"

    spent = row.size * 97 // 100
    ticks(world, 6, lambda: vault.bookOf(name)[0] == spent)
    assert venue.pusd.balanceOf(safe) == 0, "what was not spent is back in the vault"
    ticks(world, 6, lambda: len(said(world, "reported")) >= 3)
    for each in said(world, "reported"):
        assert (each["difference_bid"], each["difference_ask"]) == (0, 0)
    assert vault.custody()[2] > 0, "the vault counts it as delegated"

    idle = vault.total_idle()
    world.stage.resolve(market, True)
    ticks(world, 8, lambda: said(world, "settled"))
    assert [each["profit"] for each in said(world, "settled")] == [row.size - spent]
    assert vault.total_idle() == idle + row.size
    assert venue.ctf.balanceOf(safe, market.token_ids[YES]) == 0
    assert name not in [f"0x{bytes(each).hex()}" for each in vault.openMarkets()]
    assert not said(world, "relayer_away")
    agrees(world)
    told = InitOptions(vault.address, world.stage.chain.url, NOWHERE, folder=world.folder / "first")
    assert {f"class {number}'s accounts own Safes: add {NEEDED}" for number in (0, 1)} <= set(
        write_first_files(told).left
    )
    (named,) = tomllib.loads((told.folder / "keeper.toml").read_text())["venue"]["exchanges"]
    assert named == {"address": venue.exchange.address, "version": "2", "negative_risk": False}


def agrees(world):
    """The auditor has no difference to tell; fills of wallets it does not join to decisions."""
    stage = world.stage
    scope = Scope(
        stage.chain.url,
        stage.vault.address,
        0,
        stage.chain.height(),
        (stage.venue.exchange.address,),
        (FolderPlace(stage.folder / "evidence"),),
    )
    verdict = Auditor(scope).run().verdict
    assert verdict.differences == ()
    assert verdict.checked.reports >= 3 and verdict.checked.market_values >= 3


def test_a_safes_order_rests_and_is_taken_by_others(world):
    """A bid of the Safe's, the best one, signed by its key, posted by the key's API key."""
    venue, desk = world.stage.venue, world.keeper.desk
    market = offer(world, 0)
    ticks(world, 14, lambda: said(world, "task_closed"))
    (task,) = world.keeper.journal.all_tasks()
    (row,) = world.keeper.journal.of_decision(task.decision)
    venue.pusd.transfer(row.maker, 97 * MICRO, sender=world.stage.people["maker"])
    before = venue.pusd.balanceOf(row.maker)
    bid = replace(
        OrderIntent(**{name: getattr(row, name) for name in WANTED}),
        key=intent_key(task.decision, 7, 0),
        price=970_000,
        size=100 * MICRO,
        kind=OrderKind.POST,
    )
    desk.place(bid, market.tick)
    resting = world.keeper.journal.get(bid.key)
    assert (resting.state, resting.venue, resting.filled) == ("ACKED", "LIVE", 0), resting.reason
    assert len(desk.venues()) == 2, "its API key needs a heartbeat of its own"
    world.stage.server.engine.gate.admission = "open"  # for the taker, who is an EOA
    (answer,) = world.maker.post(
        [world.maker.order(market.token_ids[NO], True, Decimal("0.03"), 40 * MICRO)]
    )
    assert answer["success"], answer
    again = start(world).desk  # the key is not on disk: it follows from the secret
    for _ in range(100):
        again.recover()
        if world.keeper.journal.get(bid.key).filled:
            break
        time.sleep(0.1)
    assert world.keeper.journal.get(bid.key).filled == 40 * MICRO
    assert venue.ctf.balanceOf(row.maker, market.token_ids[YES]) == row.size + 40 * MICRO
    assert venue.pusd.balanceOf(row.maker) == before - 40 * MICRO * 97 // 100
    again.cancel(bid.key)
    assert world.keeper.journal.get(bid.key).state == "CLOSED"
    assert len(again.venues()) == 1


def test_a_halted_market_goes_on_in_a_successor_with_a_key_of_its_own(world):
    vault, venue, people = world.stage.vault, world.stage.venue, world.stage.people
    market = offer(world, 0)
    first, second = (market_of(number, market.question_key) for number in (0, 1))
    ticks(world, 14, lambda: said(world, "task_closed"))
    old = at(vault, world.account_of(market), "SafeAccount")
    held = venue.ctf.balanceOf(old.safe(), market.token_ids[YES])
    old.halt(sender=people["guardian"])
    assert venue.ctf.balanceOf(old, market.token_ids[YES]) == held > 0, "all came home at once"
    assert venue.pusd.allowance(old.safe(), venue.exchange) == 0
    vault.retireClass(0, sender=people["guardian"])
    vault.submit(vault.closeMarket.encode_input(first), sender=people["owner"])
    world.clock.sleep(3 * DAY + 1)
    vault.closeMarket(first, sender=people["owner"])

    offer(world, 0)
    ticks(world, 16, lambda: len(said(world, "task_closed")) == 2)
    new = at(vault, vault.accountOf(second), "SafeAccount")
    assert new.key() != old.key() and new.safe() != old.safe()
    (row,) = world.keeper.journal.of_decision(world.keeper.journal.all_tasks()[1].decision)
    assert (row.maker, row.signer, row.filled) == (new.safe(), new.key(), row.size)
    assert venue.ctf.balanceOf(new.safe(), market.token_ids[YES]) == row.size > 0

    gift = 7 * MICRO
    venue.pusd.transfer(old.safe(), gift, sender=people["maker"])  # a late return
    ticks(world, 6, lambda: venue.pusd.balanceOf(old.safe()) == 0)
    world.stage.resolve(market, True)
    ticks(world, 10, lambda: said(world, "settled") and not list(vault.unsweptAccounts()))
    assert vault.totalAssets() == vault.total_idle()
    agrees(world)


def test_a_key_that_is_not_ours_is_not_traded_by(world):
    """The account's Safe is another keeper's: nothing is funded, the budget comes back."""
    vault = world.stage.vault
    market = offer(world, 0)
    ticks(world, 3, lambda: world.account_of(market) != NOBODY)
    write_keystore(world.folder / "safes.json", own_key(world.folder, "another secret"))
    name = market_of(0, market.question_key)
    ticks(world, 6, lambda: int(at(vault, world.account_of(market), "SafeAccount").safe(), 16))
    world.keeper = start(world)
    ticks(world, 14, lambda: said(world, "task_closed"))
    (why,) = [each["why"] for each in said(world, "task_closed")]
    assert "not by us" in why
    ticks(world, 6, lambda: vault.bookOf(name)[0] == 0)
