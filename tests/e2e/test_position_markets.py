"""Markets of the venue's second protocol: orders of Exchange V3 by both official clients."""

from dataclasses import fields

import httpx
import pytest
from eth_account import Account
from polymarket import PublicClient
from polymarket._internal.actions.relayer.calls import MAX_UINT256
from py_clob_client_v2.clob_types import BalanceAllowanceParams, OrderArgsV2, OrderType
from py_clob_client_v2.exceptions import PolyApiException
from strongroom.chain.contracts import Contract, Key
from strongroom.chain.protocols import Protocol
from strongroom.devnet import positions
from strongroom.devnet.clob import errors
from strongroom.devnet.serve import _addresses
from strongroom.information.gamma import parse_markets

from tests.defaults import UNIT
from tests.e2e.clob_orders import order, settled
from tests.e2e.official import environment, log_in

SPLIT = 200 * UNIT  # that both traders have of either outcome


@pytest.fixture(scope="module")
def questions():
    return iter(range(1, 100))


@pytest.fixture
def market(server, venue, questions, traders, more_records):
    """A binary question that nobody has traded; the service has seen who may."""
    number = next(questions)
    listing = positions.list_binary(venue.positions, number.to_bytes(32, "big"), f"P {number}?")
    server.engine.data.add(listing)
    more_records.append(positions.record_of(listing, 900_000 + number))
    for trader in (traders.alice, traders.bob):
        look(trader)
    yield listing
    more_records.clear()


def test_every_contract_of_the_devnet_has_a_name_of_its_own(venue):
    found = _addresses(venue)
    named = [
        part
        for group in (venue, venue.positions)
        for each in fields(group)
        if isinstance(part := getattr(group, each.name), Contract)
    ]
    assert sorted(found.values()) == sorted(part.address for part in named)
    assert found["exchange"] == venue.exchange.address


def place(trader, token, side, price, size, kind=OrderType.GTC):
    """Place an order with the client's own way for position ids."""
    args = OrderArgsV2(position_id=token, price=price, size=size, side=side)
    return trader.client.create_and_post_order(args, order_type=kind)


def look(trader, *tokens):
    """Let the service see pUSD and positions of a trader."""
    asked = [("COLLATERAL", None), *(("CONDITIONAL-V2", token) for token in tokens)]
    for kind, token in asked:
        trader.client.update_balance_allowance(
            BalanceAllowanceParams(asset_type=kind, token_id=token)
        )


def done(trader, answer):
    """Wait for an order's trades; all must have settled."""
    for name in answer["tradeIDs"]:
        assert settled(trader.client, name)["status"] == "CONFIRMED"


def test_bids_for_both_outcomes_mint_and_offers_merge(traders, market, venue):
    alice, bob = traders.alice, traders.bob
    yes, no = market.token_ids
    ledger, cash = venue.positions.position_manager.balanceOf, venue.pusd.balanceOf
    start = {each.account.address: cash(each.account) for each in (alice, bob)}
    place(bob, no, "BUY", 0.6, 50)
    done(alice, place(alice, yes, "BUY", 0.45, 50))  # bids .45, pays .40
    assert ledger(alice.account, int(yes)) == ledger(bob.account, int(no)) == 50 * UNIT
    assert cash(alice.account) == start[alice.account.address] - 20 * UNIT
    assert cash(bob.account) == start[bob.account.address] - 30 * UNIT

    for trader in (alice, bob):
        look(trader, yes, no)
    place(bob, yes, "BUY", 0.5, 20)
    done(alice, place(alice, yes, "SELL", 0.5, 20))  # from wallet to wallet
    assert cash(alice.account) == start[alice.account.address] - 10 * UNIT
    assert ledger(bob.account, int(yes)) == 20 * UNIT

    place(bob, no, "SELL", 0.45, 30)
    done(alice, place(alice, yes, "SELL", 0.5, 30))  # both ends: Alice gets .55
    assert cash(alice.account) == start[alice.account.address] + UNIT * 13 // 2
    assert (ledger(alice.account, int(yes)), ledger(bob.account, int(no))) == (0, 20 * UNIT)


def test_one_taker_against_both_kinds_of_makers(traders, market, venue):
    """A BUY of YES meets a seller of YES and a buyer of NO at one price: one settlement."""
    alice, bob = traders.alice, traders.bob
    yes, no = market.token_ids
    venue.positions.router.split(
        bytes.fromhex(market.condition_id[2:-2]), 30 * UNIT, sender=bob.account
    )
    look(bob, yes)
    place(bob, yes, "SELL", 0.4, 30)
    place(bob, no, "BUY", 0.6, 20)
    taken = place(alice, yes, "BUY", 0.4, 50)
    assert len(taken["tradeIDs"]) == 1
    done(alice, taken)
    assert venue.positions.position_manager.balanceOf(alice.account, int(yes)) == 50 * UNIT


def test_an_order_signed_for_the_other_exchange_is_refused(traders, market):
    yes, _ = market.token_ids
    with pytest.raises(PolyApiException, match=errors.BAD_SIGNATURE):
        order(traders.alice, yes, "BUY", 0.4, 10)
    assert place(traders.alice, yes, "BUY", 0.4, 10)["status"] == "live"


def test_gamma_names_positions_by_version(server, devnet, chain_url, market, recorded):
    with PublicClient(environment=environment(devnet, server, chain_url)) as client:
        asked = {"position_ids": [market.token_ids[0]], "version": "v2"}
        (found,) = client.list_markets(**asked).first_page().items
        assert (found.version, found.condition_id) == ("v2", market.condition_id)
        assert found.outcomes.no.position_id == market.token_ids[1]
        assert found.outcomes.yes.token_id is None
        assert found.resolution.resolution_status == "active"
        older = [each for page in client.list_markets(version="v1") for each in page.items]
        assert len(older) == len(recorded)
    raw = httpx.get(f"{server.url}/gamma/markets/keyset", params=asked).json()["markets"]
    (read,), refused = parse_markets(raw)
    assert (read.protocol, refused) == (Protocol.V2, [])
    assert read.token_ids == tuple(map(int, market.token_ids))
    assert read.condition_id == market.condition_id


def test_a_new_user_approves_all_and_trades_a_position(
    devnet, server, chain_url, accounts, venue, deployer, traders, market
):
    """polymarket-client: wallet, all seventeen approvals in one batch, order, settlement."""
    place_ = environment(devnet, server, chain_url)
    with log_in(place_, accounts[9], wallet=accounts[9].address) as client:
        builder = client.create_builder_api_key()
    yes, no = market.token_ids
    with log_in(place_, Key(Account.create()), api_key=builder) as client:
        client.setup_trading_approvals()
        assert client.get_trading_approvals_state().is_fully_approved
        spender = venue.positions.exchange_v3.address
        assert venue.pusd.allowance(client.wallet, spender) == MAX_UINT256
        venue.fund(deployer, str(client.wallet), 100 * UNIT)
        client._ctx.secure_clob.get_bytes(
            "/balance-allowance/update", params={"asset_type": "COLLATERAL", "signature_type": 3}
        )
        place(traders.bob, no, "BUY", 0.6, 20)
        bought = client.place_market_order(
            asset_id=yes, side="BUY", amount="8", max_price="0.4", order_type="FOK"
        )
        client.wait_for_order_fill_settlement(bought)
        assert venue.positions.position_manager.balanceOf(client.wallet, int(yes)) == 20 * UNIT
        asked = {"asset_type": "CONDITIONAL-V2", "token_id": yes, "signature_type": 3}
        client._ctx.secure_clob.get_bytes("/balance-allowance/update", params=asked)
        shown = client.get_balance_allowance(asset_type="CONDITIONAL-V2", asset_id=yes)
        assert (shown.balance, shown.allowances[spender]) == (20 * UNIT, MAX_UINT256)
