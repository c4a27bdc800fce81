"""The keeper with accounts that own their wallets, from the making of one to the market's end.

The services are those of a venue that admits its own wallets only, and answers what no public text
says (VENUE g) so that contracts can own them.
"""

from dataclasses import replace

import pytest
from eth_abi.abi import decode
from eth_account import Account
from eth_account.messages import encode_typed_data
from strongroom.chain.calls import make_call
from strongroom.chain.ids import market_of
from strongroom.chain.orders import NO, YES, Side
from strongroom.chain.units import DAY, HOUR, MICRO
from strongroom.devnet import polymarket
from strongroom.devnet.clob.habits import Habits
from strongroom.devnet.deployer import devnet_chain

from tests.anvil_devnet import at
from tests.e2e.child import Bomb
from tests.e2e.keeper_child import make_keeper
from tests.e2e.keeper_stage import SERVES, KeeperStage, offer, said, ticks

BATCH = "(address,uint256,uint256,(address,uint256,bytes)[])"
TYPES = {  # VENUE a3
    "Batch": [
        {"name": "wallet", "type": "address"},
        {"name": "nonce", "type": "uint256"},
        {"name": "deadline", "type": "uint256"},
        {"name": "calls", "type": "Call[]"},
    ],
    "Call": [
        {"name": "target", "type": "address"},
        {"name": "value", "type": "uint256"},
        {"name": "data", "type": "bytes"},
    ],
}


@pytest.fixture
def world(tmp_path):
    with devnet_chain(polymarket.CHAIN_ID) as chain:
        place = KeeperStage(tmp_path, chain, 2, owned=True, habits=SERVES)
        place.told = []
        place.keeper = make_keeper(
            place.folder, Bomb(0), lambda event, fields: place.told.append((event, dict(fields)))
        )
        place.invest()
        yield place
        place.stage.close()


def signers_of_batches(world):
    """Return which key's signature each batch that the relayer took has, over the wallet's digest
    as eth_account reckons it."""
    found = []
    for action in world.stage.server.app.state.relayer.relayer.actions._known.values():
        if action.kind != "WALLET":
            continue
        ((batch,), (signature,)) = decode([f"{BATCH}[]", "bytes[]"], action.errand.data[4:])
        wallet, nonce, deadline, calls = batch
        message = {
            "wallet": wallet,
            "nonce": nonce,
            "deadline": deadline,
            "calls": [dict(zip(("target", "value", "data"), each, strict=True)) for each in calls],
        }
        where = {"name": "DepositWallet", "version": "1", "chainId": polymarket.CHAIN_ID}
        signable = encode_typed_data(where | {"verifyingContract": wallet}, TYPES, message)
        found.append(Account.recover_message(signable, signature=signature).lower())
    return found


def test_a_wallet_is_made_adopted_funded_traded_and_emptied(world):
    vault, venue = world.stage.vault, world.stage.venue
    market = offer(world, 0)
    name = market_of(0, market.question_key)
    ticks(world, 14, lambda: said(world, "task_closed"))
    account = at(vault, world.account_of(market), "WalletAccount")
    wallet = at(vault, account.wallet(), "DepositWallet")
    (task,) = world.keeper.journal.all_tasks()
    (row,) = world.keeper.journal.of_decision(task.decision)
    assert (row.state, row.maker) == ("CLOSED", wallet.address)
    assert row.filled == row.size > 0
    assert wallet.owner() == account.address and account.adopted()
    assert venue.ctf.balanceOf(wallet, market.token_ids[YES]) == row.size, "bought by the wallet"
    assert venue.ctf.balanceOf(account, market.token_ids[YES]) == 0

    spent = row.size * 97 // 100
    ticks(world, 6, lambda: vault.bookOf(name)[0] == spent)
    assert venue.pusd.balanceOf(wallet) == 0, "what was not spent is back in the vault"
    owners = {each.lower() for each in world.stage.safe.getOwners()}
    signed = signers_of_batches(world)
    assert signed and set(signed) <= owners, "a relayer finds a signature as any other"
    ticks(world, 6, lambda: len(said(world, "reported")) >= 3)
    for each in said(world, "reported"):
        assert (each["difference_bid"], each["difference_ask"]) == (0, 0)
    assert vault.custody()[2] == 0, "nothing of it is delegated"

    maker, given = world.stage.people["maker"], 100 * MICRO
    sets = (maker, wallet, market.token_ids[NO], given, b"")
    venue.ctf.safeTransferFrom(*sets, sender=maker)  # somebody makes complete sets of a part
    ticks(world, 6, lambda: vault.bookOf(name)[0] == spent - given)
    assert venue.ctf.balanceOf(wallet, market.token_ids[YES]) == row.size - given, "merged"

    idle = vault.total_idle()
    world.stage.resolve(market, True)
    ticks(world, 8, lambda: said(world, "settled"))
    assert [each["profit"] for each in said(world, "settled")] == [row.size - spent]
    assert vault.total_idle() == idle + row.size - given
    assert venue.ctf.balanceOf(wallet, market.token_ids[YES]) == 0
    assert name not in [f"0x{bytes(each).hex()}" for each in vault.openMarkets()]
    assert not said(world, "wallet_paused") and not said(world, "relayer_away")

    idle, late = vault.total_idle(), 7 * MICRO  # a rebate of the last day, after the closing
    assert list(vault.unsweptAccounts()) == []
    venue.pusd.transfer(wallet, late, sender=maker)
    ticks(world, 10, lambda: vault.total_idle() == idle + late, 500)
    assert venue.pusd.balanceOf(wallet) == venue.pusd.balanceOf(account) == 0
    assert not said(world, "duty_refused") and not said(world, "wallet_paused")


def test_without_the_relayer_all_comes_home_after_the_delay(world):
    vault, venue = world.stage.vault, world.stage.venue
    market = offer(world, 0)
    name = market_of(0, market.question_key)
    ticks(world, 14, lambda: said(world, "task_closed"))
    account = at(vault, world.account_of(market), "WalletAccount")
    wallet = at(vault, account.wallet(), "DepositWallet")
    world.stage.server.engine.habits = SERVES.model_copy(update={"transactions_a_day": 1})
    waits, exposure = 50 * MICRO, vault.bookOf(name)[0]
    venue.pusd.transfer(wallet, waits, sender=world.stage.people["maker"])

    ticks(world, 14, lambda: said(world, "wallet_paused"))
    assert said(world, "relayer_away"), "429 is no refusal"
    assert wallet.paused() > 0 and venue.pusd.balanceOf(wallet) == waits
    ticks(world, 30, lambda: vault.bookOf(name)[0] == exposure - waits, 200)
    assert world.clock() - wallet.paused() > HOUR
    assert venue.pusd.balanceOf(wallet) == 0
    tokens = venue.ctf.balanceOf(account, market.token_ids[YES])
    assert tokens > 0 == venue.ctf.balanceOf(wallet, market.token_ids[YES]), "all of it"

    (task,) = world.keeper.journal.all_tasks()
    record = world.keeper.journal.record(task.decision)
    sale = replace(record, budgets={}, legs=(replace(record.legs[0], side=Side.SELL),))
    calls = world.keeper.tasks._wallets.hand(sale)
    assert calls == [make_call(account.address, "WalletAccount", "fundTokens", YES, tokens)]

    world.stage.resolve(market, True)
    ticks(world, 8, lambda: said(world, "settled"), 200)
    assert name not in [f"0x{bytes(each).hex()}" for each in vault.openMarkets()]


def test_what_is_in_the_wallet_of_a_closed_account_comes_home_and_is_swept(world):
    vault, venue, owner = world.stage.vault, world.stage.venue, world.stage.people["owner"]
    market = offer(world, 0)
    name = market_of(0, market.question_key)
    ticks(world, 14, lambda: said(world, "task_closed"))
    account = at(vault, world.account_of(market), "WalletAccount")
    tokens = venue.ctf.balanceOf(account.wallet(), market.token_ids[YES])
    vault.submit(vault.closeMarket.encode_input(name), sender=owner)
    world.clock.sleep(3 * DAY + 1)
    vault.closeMarket(name, sender=owner)
    before = vault.total_idle()
    assert list(vault.unsweptAccounts()) == [account.address]
    world.stage.resolve(market, True)
    ticks(world, 10, lambda: vault.total_idle() > before)
    assert (vault.total_idle(), list(vault.unsweptAccounts())) == (before + tokens, [])


def test_a_relayer_that_makes_no_wallets_for_contracts_costs_nothing(world):
    vault = world.stage.vault
    world.stage.server.engine.habits = Habits()
    market = offer(world, 0)
    name = market_of(0, market.question_key)
    ticks(world, 14, lambda: said(world, "task_closed"))
    assert [each["why"] for each in said(world, "task_closed")] == [
        "hand: the relayer refuses: 400: owner must be an EOA"
    ]
    ticks(world, 6, lambda: vault.bookOf(name)[0] == 0)
    assert vault.totalAssets() == vault.total_idle() == 100_000 * MICRO
