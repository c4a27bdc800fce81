"""The keeper with delegated accounts: a service that admits only its own wallets, one wallet, two
markets. Budgets go out to the wallet and come back; NAV is what the contract makes of both."""

from datetime import UTC, datetime

import pytest
from strongroom.chain.ids import market_of, to_hex
from strongroom.chain.units import DAY
from strongroom.devnet import polymarket
from strongroom.devnet.deployer import devnet_chain
from strongroom.devnet.operator_files import own_key, write_keystore
from strongroom.keeper.configuration import load
from strongroom.keeper.wiring import build
from strongroom.settings import ConfigError
from strongroom.setup.checks import CheckState
from strongroom.setup.environment import DoctorOptions, examine
from strongroom.signing.deposit_wallet import SESSION_MAGIC

from tests.anvil_devnet import at
from tests.e2e.child import Bomb
from tests.e2e.keeper_child import make_keeper
from tests.e2e.keeper_stage import KeeperStage


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with devnet_chain(polymarket.CHAIN_ID) as chain:
        place = KeeperStage(tmp_path_factory.mktemp("wallet"), chain, 2, wallets=1)
        place.told = []
        yield place
        place.stage.close()


def test_a_wallet_serves_one_market_after_the_other(world):
    stage, vault, venue = world.stage, world.stage.vault, world.stage.venue
    world.invest()
    for number in range(2):
        world.offer(number)
    stage.server.engine.gate.admission = "known_wallets"
    keeper = make_keeper(
        world.folder, Bomb(0), lambda event, fields: world.told.append((event, dict(fields)))
    )
    (wallet,) = keeper.vault.wallets.all()
    on_chain = at(vault, wallet.address, "DepositWallet")
    assert wallet.by_session and on_chain.owner() != wallet.key.address
    assert not venue.wallet_factory.isOperator(stage.safe), "the relayer alone carries batches in"
    nonce = on_chain.nonce()
    for _ in range(10):
        assert not world.tick(keeper).halts
        if [fields for event, fields in world.told if event == "task_closed"]:
            break
    assert on_chain.nonce() == nonce + 1, "one batch: consent and approvals"
    for _ in range(2):
        assert not world.tick(keeper).halts
    decided = [fields for event, fields in world.told if event == "decided"]
    (task,) = keeper.journal.all_tasks()
    assert len(decided) == 1, "the second market waits for the wallet"
    (leg,) = keeper.journal.record(task.decision).legs
    (row,) = keeper.journal.of_decision(task.decision)
    assert (row.state, row.filled, row.maker) == ("CLOSED", leg.size, wallet.address)
    assert row.signature.endswith(SESSION_MAGIC), "signed by the session key"

    first = bytes(vault.openMarkets()[0])
    account = at(vault, vault.accountOf(first), "DelegatedAccount")
    assert account.wallet() == wallet.address
    collateral, ((yes, *_),) = account.positions()
    assert (collateral, yes) == (0, leg.size)
    assert venue.ctf.balanceOf(wallet.address, leg.token) == yes, "it is the wallet's"
    spent = leg.size * 97 // 100
    assert (account.outstanding(), vault.bookOf(first)[0]) == (spent, spent), "the rest is back"
    assert venue.pusd.balanceOf(wallet.address) == 0
    reports = [fields for event, fields in world.told if event == "reported"]
    assert len(reports) >= 2
    assert {each["difference_bid"] for each in reports} == {0}
    assert {each["difference_ask"] for each in reports} == {0}
    assert vault.custody()[2] > 0

    market = next(m for m in world.markets if market_of(0, m.condition_id) == to_hex(first))
    stage.resolve(market, True)
    stage.server.engine.gate.admission = "open"  # for the maker, who is an EOA
    other = next(number for number, m in enumerate(world.markets) if m is not market)
    world.offer(other)
    stage.server.engine.gate.admission = "known_wallets"
    for _ in range(8):
        assert not world.tick(keeper).halts
    settled = [fields for event, fields in world.told if event == "settled"]
    assert [each["profit"] for each in settled] == [leg.size - spent]
    (second,) = (bytes(each) for each in vault.openMarkets())
    assert to_hex(second) == market_of(0, world.markets[other].condition_id)
    assert at(vault, vault.accountOf(second), "DelegatedAccount").wallet() == wallet.address
    assert int(account.wallet(), 16) == 0
    assert not [fields for event, fields in world.told if event == "nav_differs"]


def test_what_is_no_wallet_of_the_key_is_refused(world):
    text = (world.folder / "keeper.toml").read_text()
    broken = world.folder / "broken.toml"
    broken.write_text(text.replace("wallet-0.json", "executor.json"))
    with pytest.raises(ConfigError, match="neither a session key of the wallet now nor its owner"):
        build(load(broken))
    (wallet,) = world.stage.config.venue.wallets
    address = wallet.address
    broken.write_text(text.replace(address, world.stage.multi_send.address))
    with pytest.raises(ConfigError, match="not a deposit wallet"):
        build(load(broken))


def test_where_there_are_no_session_keys_the_owners_key_does(world):
    """The wallet says whose a key is; nobody writes it down."""
    write_keystore(world.folder / "owner.json.wallet", own_key(world.folder, "owner of wallet 0"))
    text = (world.folder / "keeper.toml").read_text()
    other = world.folder / "by-owner.toml"
    other.write_text(text.replace("wallet-0.json", "owner.json.wallet"))
    (wallet,) = build(load(other)).vault.wallets.all()
    assert not wallet.by_session
    assert wallet.key.address == at(world.stage.vault, wallet.address, "DepositWallet").owner()


def doctors_words(world, file="keeper.toml"):
    checks = examine(DoctorOptions(config=world.folder / file))
    return [(each.state, each.found) for each in checks if each.what.startswith("key of wallet")]


def test_the_end_of_a_session_key_is_told_two_weeks_before(world):
    """The end is the wallet's own word; the clock goes to it, and beyond."""
    (wallet,) = world.stage.config.venue.wallets
    on_chain = at(world.stage.vault, wallet.address, "DepositWallet")
    keeper = build(load(world.folder / "keeper.toml"))
    (lent,) = keeper.vault.wallets.all()
    end = on_chain.sessionSignerAuthorizedUntil(lent.key.address)
    date = f"{datetime.fromtimestamp(end, UTC):%Y-%m-%d %H:%M}"
    ((state, words),) = doctors_words(world)
    assert (state, date in words) == (CheckState.OK, True)
    ((state, words),) = doctors_words(world, "by-owner.toml")
    assert (state, "its owner's" in words) == (CheckState.OK, True)
    custody = [
        each.found
        for each in examine(DoctorOptions(config=world.folder / "keeper.toml"))
        if each.what == "custody, class 0"
    ]
    assert "session keys are enabled by builder" in custody[0]
    for left, expected in ((13 * DAY, CheckState.NOTE), (-DAY, CheckState.WRONG)):
        world.clock.advance_to(end - left)
        ((state, words),) = doctors_words(world)
        assert (state, date in words) == (expected, True)
        (health,) = keeper._sessions.look(end - left)
        assert date in health.wrong
