"""Contract makers at the service: the enforced account, deposit wallets, Safes."""

import time
from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace

import pytest
from eth_account import Account
from py_clob_client_v2.clob_types import AssetType, BalanceAllowanceParams, OrderArgsV2
from py_clob_client_v2.exceptions import PolyApiException
from py_clob_client_v2.order_utils.model.order_data_v2 import SignedOrderV2
from strongroom.chain.ids import decision_id, market_of, to_hex
from strongroom.devnet import polymarket
from strongroom.devnet.clob import errors
from strongroom.devnet.contracts import safe_at
from strongroom.devnet.deposit_wallets import make_deposit_wallet, send_batch
from strongroom.signing.deposit_wallet import WalletBatch, WalletCall
from strongroom.signing.keys import sign_order
from strongroom.signing.order import ExchangeDomain, build_order

from tests.anvil_devnet import at
from tests.defaults import DAY, FOREVER, UNIT, a_class
from tests.e2e.clob_orders import has, order, settled
from tests.signing import key_of


@pytest.fixture
def account(make_vault, people, invest, implementation, listing, recorded, safe, chain):
    """A recorded market's account with 200 pUSD, its keeper the 2-of-3 Safe."""
    market = next(m for m in recorded if m.condition_id == listing.condition_id)
    vault = make_vault(price_band_bps=0)
    invest(vault, people.alice, 1_000 * UNIT)
    vault.addClass(a_class(implementation, market.oracle, people.keeper), sender=people.owner)
    deadline = chain.pending_timestamp + 30 * DAY
    vault.openMarket(0, market.question_id, 1, deadline, sender=people.keeper)
    name = market_of(0, market.condition_id)
    vault.allocate(name, 200 * UNIT, sender=people.keeper)
    vault.setKeeper(0, safe, sender=people.owner)
    address = vault.accountOf(name)
    return SimpleNamespace(
        vault=vault, market=market, contract=at(vault, address, "PolymarketAccount")
    )


@pytest.fixture(scope="session")
def executor(connect, accounts):
    """An EOA with an API key: it owns nothing and only carries the account's orders."""
    return connect(accounts[10])


@pytest.fixture
def by_keeper(account, safe, keeper_owners, venue, chain):
    """Build a BUY of the account and sign it by the Safe's owners."""

    def build(token, price, tokens, owners=None, salt=1):
        domain = ExchangeDomain(venue.exchange.address, venue.exchange_version, polymarket.CHAIN_ID)
        built = build_order(
            account.contract.address,
            int(token),
            Decimal(price),
            tokens * UNIT,
            account.market.tick,
            decision_id({"why": "test", "number": salt}),
            round(time.time() * 1000),
        )
        signature = sign_order(
            built,
            domain,
            expiry=chain.pending_timestamp + 500,
            epoch=account.contract.epoch(),
            safe=safe.address,
            owners=owners or keeper_owners[:2],
        )
        return SignedOrderV2(**vars(built), signature="0x" + signature.hex())

    return build


def test_enforced_account_trades_with_its_own_envelope(
    account, by_keeper, executor, traders, listing, venue
):
    """The official client carries it, the service asks the account, the exchange asks it again."""
    yes, no = listing.token_ids
    placed = executor.post_order(by_keeper(yes, "0.50", 100))
    assert placed["status"] == "live"
    taken = order(traders.bob, no, "BUY", 0.50, 60)
    trade = settled(traders.bob.client, taken["tradeIDs"][0])
    assert trade["status"] == "CONFIRMED"
    collateral, (position,) = account.contract.positions()
    assert (collateral, position.yes, position.no) == (170 * UNIT, 60 * UNIT, 0)
    receipt = venue.exchange.chain.receipt(trade["transaction_hash"])
    fills = receipt.events(venue.exchange, "OrderFilled")
    (mine,) = [fill for fill in fills if fill.maker == account.contract.address]
    assert to_hex(bytes(mine.metadata)) == decision_id({"why": "test", "number": 1})
    # as taker, too: 40 are left of the order, another one takes Bob's offer
    order(traders.bob, no, "BUY", 0.40, 50)
    taken = executor.post_order(by_keeper(yes, "0.60", 50, salt=2))
    assert settled(executor, taken["tradeIDs"][0])["status"] == "CONFIRMED"
    collateral, (position,) = account.contract.positions()
    assert (collateral, position.yes) == (140 * UNIT, 110 * UNIT)


def test_envelopes_that_the_account_refuses_are_refused(
    account, by_keeper, executor, keeper_owners, listing, people
):
    yes, _ = listing.token_ids
    with pytest.raises(PolyApiException, match=errors.BAD_SIGNATURE):
        executor.post_order(by_keeper(yes, "0.50", 100, owners=keeper_owners[:1]))
    with pytest.raises(PolyApiException, match=errors.NO_FUNDS):
        executor.post_order(by_keeper(yes, "0.50", 500))
    good = by_keeper(yes, "0.50", 100)
    with pytest.raises(PolyApiException, match=errors.BAD_SIGNATURE):
        executor.post_order(replace(good, makerAmount=str(51 * UNIT), takerAmount=str(102 * UNIT)))
    account.contract.halt(sender=people.guardian)
    with pytest.raises(PolyApiException, match=errors.BAD_SIGNATURE):
        executor.post_order(good)


def test_an_order_that_rests_dies_with_the_halt(
    account, by_keeper, executor, traders, listing, people
):
    yes, no = listing.token_ids
    assert executor.post_order(by_keeper(yes, "0.50", 100))["status"] == "live"
    account.contract.halt(sender=people.guardian)
    taken = order(traders.bob, no, "BUY", 0.50, 60)
    assert taken["status"] == "matched"  # the service does not know yet
    assert settled(traders.bob.client, taken["tradeIDs"][0])["status"] == "FAILED"
    assert account.contract.positions()[0] == 200 * UNIT


# admission and the venue's own wallets


@pytest.fixture(scope="session")
def strict(make_server):
    """A service that admits the venue's wallets only."""
    running = make_server(admission="known_wallets")
    yield running
    running.stop()


@pytest.fixture
def wallet_of(venue, deployer, number):
    """Make an EOA with a funded wallet of a kind: "deposit" or "safe"."""

    def make(kind):
        key = key_of(f"{kind} {next(number)}")
        if kind == "deposit":
            address = make_deposit_wallet(venue.wallet_factory, key.address, deployer)
        else:
            venue.wallets.makeSafe(key.address, sender=deployer)
            address = venue.wallets.safeOf(key.address)
        venue.fund(deployer, address, 100 * UNIT)
        _approve(venue, deployer, kind, address, key)
        return SimpleNamespace(private_key="0x" + key.key.hex(), wallet=address, key=key)

    return make


def _approve(venue, deployer, kind, address, key):
    """Let the exchanges move the wallet's pUSD and tokens, by its owner's signature."""
    calls = []
    for exchange in (venue.exchange, venue.neg_risk_exchange):
        calls.append((venue.pusd.address, venue.pusd.approve.encode_input(exchange, FOREVER)))
        approve = venue.ctf.setApprovalForAll.encode_input(exchange, True)
        calls.append((venue.ctf.address, approve))
    if kind == "deposit":
        nonce = at(venue.wallets, address, "DepositWallet").nonce()
        inside = [WalletCall(to, 0, data) for to, data in calls]
        batch = WalletBatch(address, nonce, FOREVER, inside)
        send_batch(venue.wallet_factory, batch, key, polymarket.CHAIN_ID, deployer)
        return
    safe = safe_at(deployer, address)
    zero = "0x" + "00" * 20
    for to, data in calls:
        call = (to, 0, data, 0, 0, 0, 0, zero, zero)
        digest = bytes(safe.getTransactionHash(*call, safe.nonce()))
        signature = bytes(Account.unsafe_sign_hash(digest, key.key).signature)
        safe.execTransaction(*call, signature, sender=deployer)


@pytest.mark.parametrize(("kind", "signature_type"), [("deposit", 3), ("safe", 2)])
def test_wallets_of_the_venue_trade_with_the_unmodified_client(
    strict, connect, wallet_of, kind, signature_type, traders, listing, venue, accounts, deployer
):
    wallet = wallet_of(kind)
    client = connect(wallet, to=strict, signature_type=signature_type, funder=wallet.wallet)
    params = BalanceAllowanceParams(asset_type=AssetType.COLLATERAL)
    assert client.get_balance_allowance(params)["balance"] == str(100 * UNIT)
    yes, no = listing.token_ids
    placed = client.create_and_post_order(OrderArgsV2(token_id=yes, price=0.4, size=50, side="BUY"))
    assert placed["status"] == "live"
    other = wallet_of("deposit")
    taker = connect(other, to=strict, signature_type=3, funder=other.wallet)
    taken = taker.create_and_post_order(OrderArgsV2(token_id=no, price=0.6, size=50, side="BUY"))
    assert settled(taker, taken["tradeIDs"][0])["status"] == "CONFIRMED"
    assert has(venue, wallet.wallet, yes) == has(venue, other.wallet, no) == 50 * UNIT
    assert venue.pusd.balanceOf(wallet.wallet) == 80 * UNIT


def test_strict_admission_refuses_the_others_in_the_venues_words(
    strict, connect, wallet_of, account, by_keeper, accounts, listing, traders
):
    yes, _ = listing.token_ids
    args = OrderArgsV2(token_id=yes, price=0.4, size=50, side="BUY")
    eoa = connect(traders.alice.account, to=strict)
    with pytest.raises(PolyApiException, match=errors.FOREIGN_MAKER):
        eoa.create_and_post_order(args)
    carrier = connect(accounts[10], to=strict)
    with pytest.raises(PolyApiException, match=errors.FOREIGN_MAKER):
        carrier.post_order(by_keeper(yes, "0.50", 100))
    wallet, other = wallet_of("deposit"), wallet_of("deposit")
    stranger = connect(other, to=strict, signature_type=3, funder=wallet.wallet)
    with pytest.raises(PolyApiException, match=errors.FOREIGN_SIGNER):
        stranger.create_and_post_order(args)
    safe = wallet_of("safe")
    stranger = connect(other, to=strict, signature_type=2, funder=safe.wallet)
    with pytest.raises(PolyApiException, match=errors.FOREIGN_MAKER):
        stranger.create_and_post_order(args)
