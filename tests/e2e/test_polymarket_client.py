"""The venue's own `polymarket-client` against the devnet: wallet, batch, orders, session key."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import httpx
import pytest
from eth_abi import encode
from eth_account import Account
from eth_utils import function_signature_to_4byte_selector as selector
from polymarket import AsyncSecureClient, BuilderApiKey, RelayerApiKey
from polymarket._internal.actions.relayer.calls import (
    MAX_UINT256,
    TransactionCall,
    erc20_approval_call,
    erc20_transfer_call,
    erc1155_set_approval_for_all_call,
)
from polymarket.errors import RequestRejectedError, TransactionFailedError
from polymarket.streams import MarketSpec, UserSpec
from py_clob_client_v2.exceptions import PolyApiException
from strongroom.chain.artifacts import artifact, safe
from strongroom.chain.contracts import Key
from strongroom.signing.deposit_wallet import handover_digest
from strongroom.signing.keys import sign_hash

from tests.defaults import UNIT
from tests.e2e.clob_orders import PATIENCE_S, order, settled
from tests.e2e.official import environment, log_in


@pytest.fixture(scope="module")
def place(devnet, server, chain_url):
    return environment(devnet, server, chain_url)


@pytest.fixture(scope="module")
def builder(place, accounts):
    """A builder's key, as an EOA's client makes it."""
    with log_in(place, accounts[9], wallet=accounts[9].address) as client:
        return client.create_builder_api_key()


def ready(place, builder, venue, deployer, key, pusd=1_000):
    """Return a client whose deposit wallet was made, funded and approved through the relayer."""
    client = log_in(place, key, api_key=builder)
    venue.fund(deployer, str(client.wallet), pusd * UNIT)
    calls = [
        erc20_approval_call(
            token_address=venue.pusd.address, spender=venue.exchange.address, amount=MAX_UINT256
        ),
        erc1155_set_approval_for_all_call(
            token_address=venue.ctf.address, operator=venue.exchange.address, approved=True
        ),
    ]
    client.execute_transaction(calls=calls).wait()
    client._ctx.secure_clob.get_bytes(
        "/balance-allowance/update", params={"asset_type": "COLLATERAL", "signature_type": 3}
    )
    return client


@pytest.fixture(scope="module")
def owner(place, builder, venue, deployer):
    """Somebody new, ready to trade."""
    with ready(place, builder, venue, deployer, Key(Account.create())) as client:
        yield client


def test_a_new_user_gets_the_wallet_that_the_client_derives(place, builder, venue):
    key = Key(Account.create())
    with log_in(place, key, api_key=builder) as client:
        assert client.wallet_type == "DEPOSIT_WALLET"
        assert venue.wallets.walletOf(key.address) == client.wallet
        assert venue.wallets.ownerOf(client.wallet) == key.address
    with log_in(place, key, api_key=builder) as again:  # it is there already
        assert again.wallet == client.wallet


def test_without_a_good_key_the_relayer_carries_nothing(place):
    wrong = BuilderApiKey(key="none", secret="c2VjcmV0", passphrase="none")
    with pytest.raises(RequestRejectedError) as refused:
        log_in(place, Key(Account.create()), api_key=wrong)
    assert refused.value.status == 401


def test_builder_keys_are_listed_and_revoked(place, accounts):
    with log_in(place, accounts[8], wallet=accounts[8].address) as client:
        made = client.create_builder_api_key()
        (shown,) = client.fetch_builder_api_keys()
        assert (shown.key, shown.revoked_at) == (made.key, None)
    with log_in(place, accounts[8], wallet=accounts[8].address, api_key=made) as client:
        client.revoke_builder_api_key()
        (shown,) = client.fetch_builder_api_keys()
        assert shown.revoked_at is not None


def test_a_batch_does_all_of_its_calls_or_none(owner, venue, accounts):
    thief = accounts[7].address
    before = venue.pusd.balanceOf(owner.wallet)

    def pay(amount):
        return erc20_transfer_call(token_address=venue.pusd.address, recipient=thief, amount=amount)

    done = owner.execute_transaction(calls=[pay(UNIT), pay(2 * UNIT)]).wait()
    assert done.transaction_hash.startswith("0x")
    assert venue.pusd.balanceOf(owner.wallet) == before - 3 * UNIT
    with pytest.raises(TransactionFailedError):
        owner.execute_transaction(calls=[pay(UNIT), pay(10**6 * UNIT)]).wait()
    assert venue.pusd.balanceOf(owner.wallet) == before - 3 * UNIT


def test_two_actions_at_once_wait_for_each_other(owner, venue, accounts):
    """The second is refused with `wallet busy` or a stale nonce, which the client tries again."""
    call = erc20_transfer_call(
        token_address=venue.pusd.address, recipient=accounts[7].address, amount=1
    )
    before = venue.pusd.balanceOf(owner.wallet)
    handles = [owner.execute_transaction(calls=[call]) for _ in range(3)]
    assert len({handle.wait().transaction_hash for handle in handles}) == 3
    assert venue.pusd.balanceOf(owner.wallet) == before - 3


def test_a_relayer_key_carries_the_accounts_own_batches(place, builder, server, venue, accounts):
    key = Key(Account.create())
    log_in(place, key, api_key=builder).close()
    made = httpx.post(f"{server.url}/devnet/relayer-key/{key.address}").json()
    relayer_key = RelayerApiKey(key=made["key"], address=key.address)
    with log_in(place, key, api_key=relayer_key) as client:
        handle = client.approve_erc20(
            token_address=venue.pusd.address, spender_address=accounts[7].address, amount=5
        )
        handle.wait()
        assert venue.pusd.allowance(client.wallet, accounts[7].address) == 5
    headers = {"RELAYER_API_KEY": made["key"], "RELAYER_API_KEY_ADDRESS": key.address}
    (shown,) = httpx.get(f"{server.url}/relayer/relayer/api/keys", headers=headers).json()
    assert shown["apiKey"] == made["key"]
    sent = httpx.get(f"{server.url}/relayer/transactions", headers=headers).json()
    assert [each["state"] for each in sent] == ["STATE_CONFIRMED"]


def test_place_read_and_cancel(owner, listing):
    yes, _ = listing.token_ids
    placed = owner.place_limit_order(asset_id=yes, price="0.31", size="20", side="BUY")
    assert (placed.ok, placed.status) == (True, "live")
    order = owner.get_order(order_id=placed.order_id)
    assert (order.price, order.original_size, order.status) == (
        Decimal("0.31"),
        Decimal(20),
        "LIVE",
    )
    assert order.maker_address == owner.wallet
    (shown,) = owner.list_open_orders(market=listing.condition_id).first_page().items
    assert shown.id == placed.order_id
    book = owner.get_order_book(asset_id=yes)
    assert [(level.price, level.size) for level in book.bids] == [(Decimal("0.31"), Decimal(20))]
    gone = owner.cancel_order(order_id=placed.order_id)
    assert gone.canceled == (placed.order_id,)
    assert owner.cancel_order(order_id=placed.order_id).not_canceled


def test_refusals_have_the_codes_that_the_client_knows(owner, book, faults):
    faults(mode="post_only")
    with pytest.raises(RequestRejectedError) as refused:
        owner.place_limit_order(asset_id=book.yes, price="0.31", size="20", side="BUY")
    assert (refused.value.status, refused.value.restriction) == (503, "post_only")
    faults(mode="cancel_only")
    with pytest.raises(RequestRejectedError) as refused:
        owner.place_limit_order(asset_id=book.yes, price="0.31", size="20", side="BUY")
    assert refused.value.restriction == "cancel_only"
    faults(mode="restarting")
    with pytest.raises(RequestRejectedError) as refused:
        owner.place_limit_order(asset_id=book.yes, price="0.31", size="20", side="BUY")
    assert refused.value.restriction == "restarting"


def test_market_orders_are_settled_on_chain(owner, book, venue):
    bought = owner.place_market_order(
        asset_id=book.yes, side="BUY", amount="9", max_price="0.45", order_type="FOK"
    )
    assert (bought.ok, bought.status, bought.taking_amount) == (True, "matched", Decimal(20))
    (transaction,) = owner.wait_for_order_fill_settlement(bought)
    assert venue.exchange.chain.receipt(transaction).events(venue.exchange, "OrderFilled")
    assert venue.ctf.balanceOf(owner.wallet, int(book.yes)) == 20 * UNIT
    (trade,) = owner.list_account_trades(market=book.listing.condition_id).first_page().items
    assert (trade.size, trade.trader_side) == (Decimal(20), "TAKER")


def test_heartbeats_name_the_one_before(owner):
    from polymarket.errors import OrderHeartbeatMismatchError

    first = owner.send_order_heartbeat().heartbeat_id
    second = owner.send_order_heartbeat(heartbeat_id=first).heartbeat_id
    with pytest.raises(OrderHeartbeatMismatchError) as refused:
        owner.send_order_heartbeat(heartbeat_id=first)
    assert second in vars(refused.value).values()


def test_rate_limits_are_told(place, builder, owner, listing):
    told = []
    key = owner._ctx.signer.key.hex()
    with log_in(
        place,
        Key(Account.from_key(key)),
        api_key=builder,
        on_rate_limit_update=told.append,
    ) as client:
        client.cancel_all()
    assert (told[-1].tier, told[-1].warning) == ("standard", False)
    assert told[-1].remaining >= 0


# session keys


@pytest.fixture(scope="module")
def session(owner, place):
    """A session key of the owner, and its client."""
    key = Key(Account.create())
    result = owner.authorize_session_key(address=key.address, scopes=["CLOB"])
    life = result.session_key.valid_until - datetime.now(UTC)
    assert timedelta(hours=4_314) < life <= timedelta(hours=4_315)
    with log_in(place, key, wallet=str(owner.wallet)) as client:
        yield client


def test_a_session_key_trades_for_the_wallet_and_sees_its_own_orders(session, owner, listing):
    yes, _ = listing.token_ids
    placed = session.place_limit_order(asset_id=yes, price="0.32", size="20", side="BUY")
    assert (placed.ok, placed.status) == (True, "live")
    assert session.get_order(order_id=placed.order_id).maker_address == owner.wallet
    mine = owner.list_open_orders(market=listing.condition_id).first_page().items
    assert mine == ()  # each key sees its own orders alone
    assert [each.scopes for each in owner.fetch_session_keys()] == [("CLOB",)]


def test_a_session_keys_life_is_exact(owner, server, monkeypatch):
    from polymarket._internal.actions import session_keys

    monkeypatch.setattr(session_keys, "_SESSION_KEY_LIFETIME_SECONDS", 24 * 3_600)
    with pytest.raises(RequestRejectedError, match="4315 hours"):
        owner.authorize_session_key(address=Account.create().address)


def test_a_stranger_cannot_trade_for_the_wallet(owner, place, listing):
    with (
        log_in(place, Key(Account.create()), wallet=str(owner.wallet)) as stranger,
        pytest.raises(RequestRejectedError, match="API KEY"),
    ):
        stranger.place_limit_order(
            asset_id=listing.token_ids[0], price="0.32", size="20", side="BUY"
        )


def test_revocation_ends_the_keys_orders_and_its_power(owner, place, listing):
    key = Key(Account.create())
    owner.authorize_session_key(address=key.address)
    with log_in(place, key, wallet=str(owner.wallet)) as client:
        yes, _ = listing.token_ids
        placed = client.place_limit_order(asset_id=yes, price="0.33", size="20", side="BUY")
        owner.revoke_session_key(address=key.address)
        assert client.get_order(order_id=placed.order_id).status == "CANCELED"
        with pytest.raises(RequestRejectedError):
            client.place_limit_order(asset_id=yes, price="0.33", size="20", side="BUY")
    assert key.address not in {each.address for each in owner.fetch_session_keys()}


# what the Data API says


def test_approvals_are_seen_one_by_one(owner, venue):
    state = owner.get_trading_approvals_state()
    assert not state.is_fully_approved
    spenders = {each.spender for each in state.missing.erc20}
    assert venue.exchange.address not in spenders
    assert len(spenders) == 6
    assert len(state.missing.erc1155) == 9


def test_trades_positions_and_value_of_a_wallet(owner, book, server):
    bought = owner.place_market_order(
        asset_id=book.yes, side="BUY", amount="4.5", max_price="0.45", order_type="FOK"
    )
    owner.wait_for_order_fill_settlement(bought)
    condition = book.listing.condition_id
    (trade,) = owner.list_trades(user=str(owner.wallet), condition_id=condition).first_page().items
    assert (trade.asset_id, trade.size, trade.price) == (book.yes, Decimal(10), Decimal("0.45"))
    (activity,) = (
        owner.list_activity(user=str(owner.wallet), condition_id=condition).first_page().items
    )
    assert (activity.type, activity.amount) == ("TRADE", Decimal("4.5"))
    (held,) = (
        owner.list_positions(condition_id=condition, user=str(owner.wallet)).first_page().items
    )
    assert (held.current_size, held.avg_price) == (Decimal(10), Decimal("0.45"))
    assert held.current_value == Decimal(4)  # Alice bids 0.40
    value = owner.get_portfolio_value(user=str(owner.wallet))
    assert value.value >= held.current_value
    stranger = Account.create().address
    assert owner.get_user_stats(user=stranger) is None
    assert owner.get_user_stats(user=str(owner.wallet)).traded_market_count >= 1


def test_pages_of_the_data_api_go_on_by_cursor(owner, traders, listing):
    yes, no = listing.token_ids
    for _ in range(3):
        order(traders.bob, no, "BUY", 0.6, 5)
        taken = order(traders.alice, yes, "BUY", 0.4, 5)
        settled(traders.alice.client, taken["tradeIDs"][0])
    asked = {"user": traders.alice.account.address, "condition_id": listing.condition_id}
    found = [page.items for page in owner.list_trades(**asked, page_size=2)]
    assert [len(page) for page in found] == [2, 1]


def test_cursors_limits_and_questions_without_a_subject(owner, server, traders, habits, listing):
    with httpx.Client(base_url=f"{server.url}/data") as http:
        time.sleep(1)
        assert http.get("/v2/trades").status_code == 400
        user = traders.alice.account.address
        answer = http.get("/v2/trades", params={"user": user, "limit": 1}).json()
        cursor = answer["pagination"]["next_cursor"]
        assert answer["pagination"]["has_more"]
        again = {"user": user, "limit": 1, "cursor": cursor}
        assert http.get("/v2/trades", params=again).status_code == 200
        other = http.get("/v2/trades", params=again | {"side": "BUY"})
        assert (other.status_code, other.json()["error"]) == (400, "invalid cursor")
        statuses = [http.get("/v2/user-stats", params={"user": user}) for _ in range(30)]
        assert [each.status_code for each in statuses][-1] == 429
        assert "retry-after" not in statuses[-1].headers
        time.sleep(1)


# a Safe of the older kind


def test_a_safe_acts_through_the_relayer(devnet, server, chain_url, builder, venue, deployer):
    """One call by itself; several by MultiSend, in one transaction of the Safe."""
    multi_send = deployer.deploy(safe("MultiSendCallOnly"))
    place = environment(devnet, server, chain_url, safes=venue.wallets, multi_send=multi_send)
    key = Key(Account.create())
    venue.wallets.makeSafe(key.address, sender=deployer)
    mine = venue.wallets.safeOf(key.address)
    with log_in(place, key, wallet=mine, api_key=builder) as client:
        assert client.wallet_type == "GNOSIS_SAFE"

        def approve(amount, spender):
            return erc20_approval_call(
                token_address=venue.pusd.address, spender=spender, amount=amount
            )

        client.execute_transaction(calls=[approve(7, venue.exchange.address)]).wait()
        assert venue.pusd.allowance(mine, venue.exchange.address) == 7
        both = [approve(8, venue.exchange.address), approve(9, venue.adapter.address)]
        client.execute_transaction(calls=both).wait()
        assert venue.pusd.allowance(mine, venue.exchange.address) == 8
        assert venue.pusd.allowance(mine, venue.adapter.address) == 9


# streams


def test_streams_tell_the_client_of_books_and_orders(place, owner, listing):
    """Both channels by the asynchronous client: a book, a change, an order of its own."""
    yes, _ = listing.token_ids

    async def listen():
        key = "0x" + owner._ctx.signer.key.hex().removeprefix("0x")
        async with await AsyncSecureClient.create(
            private_key=key, wallet=str(owner.wallet), environment=place
        ) as client:
            books = await client.subscribe(MarketSpec(token_ids=[yes]))
            mine = await client.subscribe(UserSpec())
            heard = [await asyncio.wait_for(anext(books), PATIENCE_S)]
            placed = await client.place_limit_order(
                asset_id=yes, price="0.21", size="20", side="BUY"
            )
            heard.append(await asyncio.wait_for(anext(books), PATIENCE_S))
            order = await asyncio.wait_for(anext(mine), PATIENCE_S)
            await client.cancel_order(order_id=placed.order_id)
            await books.close()
            await mine.close()
            return placed, heard, order

    placed, heard, order = asyncio.run(listen())
    assert [each.type for each in heard] == ["book", "price_change"]
    assert heard[1].payload.price_changes[0].price == Decimal("0.21")
    assert (order.type, order.payload.id) == ("order", placed.order_id)


# what no public text says (VENUE g)


def test_a_handed_over_wallet_is_its_new_owners_or_its_first_ones(
    place, builder, venue, deployer, connect, listing, habits, chain
):
    """The relayer carries the handover or not; the CLOB asks the wallet or goes by its id."""
    new = Key(Account.create())
    with ready(place, builder, venue, deployer, Key(Account.create())) as client:
        wallet = str(client.wallet)
        data = selector("transferOwnership(address,uint256)") + encode(
            ["address", "uint256"], [new.address, chain.pending_timestamp + 3_600]
        )
        call = TransactionCall(to=client.wallet, data="0x" + data.hex())
        with pytest.raises(RequestRejectedError, match="wallet itself"):
            client.execute_transaction(calls=[call])
        habits(handovers=True)
        client.execute_transaction(calls=[call]).wait()
    contract = deployer.contract(wallet, artifact("DepositWallet"))
    digest = handover_digest(wallet, 80_002, new.address, contract.pendingOwnerNonce())
    contract.completeOwnershipHandover(sign_hash(new.account, digest), sender=deployer)
    assert venue.wallets.ownerOf(wallet) == new.address

    trader = SimpleNamespace(client=connect(new, signature_type=3, funder=wallet))
    habits(owner_by_id=True)
    with pytest.raises(PolyApiException, match="API KEY"):
        order(trader, listing.token_ids[0], "BUY", 0.2, 10)
    habits()
    assert order(trader, listing.token_ids[0], "BUY", 0.2, 10)["status"] == "live"
