"""One vault, a market in each of the three kinds of account, a week, audited by hand.

Enforced through the service (EIP-1271 envelope), enforced through a market maker's pool, delegated
through a deposit wallet with the unmodified client.
"""

import time
from decimal import Decimal
from types import SimpleNamespace

import pytest
from py_clob_client_v2.clob_types import AssetType, BalanceAllowanceParams, OrderArgsV2
from py_clob_client_v2.order_utils.model.order_data_v2 import SignedOrderV2
from strongroom.app.gathering import VaultHistory
from strongroom.audit.auditor import Auditor, Scope
from strongroom.chain.artifacts import artifact
from strongroom.chain.ids import market_of, to_hex
from strongroom.depositor.lots import MovementKind
from strongroom.depositor.statement import StatementOptions, run_statement
from strongroom.devnet import contracts as devnet_parts
from strongroom.devnet import polymarket
from strongroom.devnet.deposit_wallets import make_deposit_wallet, send_batch
from strongroom.signing.deposit_wallet import WalletBatch, WalletCall
from strongroom.signing.keys import sign_order
from strongroom.signing.order import ExchangeDomain, build_order

from tests.anvil_devnet import at
from tests.defaults import DAY, FOREVER, NO_EVIDENCE, UNIT, WAD, a_class
from tests.e2e.clob_orders import order, settled
from tests.signing import key_of

CENT = WAD // 100
DELEGATED = 2
# 300 less the fee of 2 % for YES of a pool whose reserves' product is 20,000^2
NET = 300 * UNIT * 98 // 100
POOL_YES = 20_000 * UNIT + NET - -(-((20_000 * UNIT) ** 2) // (20_000 * UNIT + NET))
QUARTER_OF = (7_000 * UNIT, 1_300 * UNIT, 700 * UNIT, 400 * UNIT)  # idle and the three accounts


@pytest.fixture(scope="module")
def pair(_unused, recorded):
    """Two recorded binary markets: (Market, Listing) each."""
    by_id = {market.condition_id: market for market in recorded}
    listings = [next(_unused), next(_unused)]
    return [(by_id[each.condition_id], each) for each in listings]


@pytest.fixture(scope="module")
def place(make_vault, people, invest, implementation, venue, deployer, chain, pair, number):
    """A vault of 10,000 pUSD and its three markets, 1,000 in each account."""
    vault = make_vault(price_band_bps=0)
    invest(vault, people.alice, 10_000 * UNIT)
    deadline = chain.pending_timestamp + 30 * DAY
    registry = deployer.deploy(artifact("WalletRegistry"), venue.pusd)

    # the pool's condition is of our own oracle, collateral pUSD
    question = b"\xfd" + next(number).to_bytes(31, "big")
    venue.ctf.prepareCondition(people.oracle, question, 2, sender=deployer)
    pooled = devnet_parts.condition_id(people.oracle.address, question)
    venue.fund(deployer, deployer, 20_000 * UNIT)
    factory = devnet_parts.deploy_pool_factory(deployer)
    pool = devnet_parts.make_pool(deployer, factory, venue, [pooled], WAD // 50, 20_000 * UNIT)

    (first, _), (second, _) = pair
    owner = {"sender": people.owner}
    vault.addClass(a_class(implementation, first.oracle, people.keeper), **owner)
    fpmm = devnet_parts.deploy_fpmm_implementation(deployer, venue.ctf, venue.pusd, pool)
    vault.addClass(a_class(fpmm, people.oracle, people.keeper), **owner)
    delegated = devnet_parts.deploy_delegated_implementation(deployer, venue, registry)
    graded = {"grade": DELEGATED, "cap": 1_500 * UNIT}
    vault.addClass(a_class(delegated, second.oracle, people.keeper, **graded), **owner)
    for class_id, asked in enumerate((first.question_id, question, second.question_id)):
        vault.openMarket(class_id, asked, 1, deadline, sender=people.keeper)
    ids = [
        market_of(number, condition)
        for number, condition in enumerate(
            (first.condition_id, to_hex(pooled), second.condition_id)
        )
    ]
    for market in ids:
        vault.allocate(market, 1_000 * UNIT, sender=people.keeper)
    return SimpleNamespace(
        vault=vault,
        ids=ids,
        order_account=at(vault, vault.accountOf(ids[0]), "PolymarketAccount"),
        pool_account=at(vault, vault.accountOf(ids[1]), "FpmmAccount"),
        wallet_account=at(vault, vault.accountOf(ids[2]), "DelegatedAccount"),
        pool=pool,
        question=question,
        markets=(first, second),
        listings=(pair[0][1], pair[1][1]),
    )


@pytest.fixture(scope="module")
def wallet(place, people, venue, deployer):
    """A deposit wallet with 600 of the delegated budget; `run` sends a batch of its owner's."""
    key = key_of("week")
    address = make_deposit_wallet(venue.wallet_factory, key.address, deployer)
    contract = at(place.vault, address, "DepositWallet")

    def run(*calls):
        inside = [WalletCall(to, 0, data) for to, data in calls]
        batch = WalletBatch(address, contract.nonce(), FOREVER, inside)
        send_batch(venue.wallet_factory, batch, key, polymarket.CHAIN_ID, deployer)

    for spender in (venue.exchange, place.wallet_account, venue.adapter):
        run((venue.pusd.address, venue.pusd.approve.encode_input(spender, FOREVER)))
        run((venue.ctf.address, venue.ctf.setApprovalForAll.encode_input(spender, True)))
    place.wallet_account.setWallet(contract, sender=people.keeper)
    place.wallet_account.forward(600 * UNIT, sender=people.keeper)
    return SimpleNamespace(contract=contract, key=key, run=run)


@pytest.fixture(scope="module")
def monday(place, wallet, people, venue, chain, safe, keeper_owners, connect, accounts, traders):
    """Each account buys: 500 YES at .40 by an order, 300 of YES from the pool, 400 NO at .70 by
    the wallet."""
    vault, account = place.vault, place.order_account
    vault.setKeeper(0, safe, sender=people.owner)
    bid = _bid(account, place.markets[0], venue, chain, safe, keeper_owners)
    connect(accounts[10]).post_order(bid)
    taken = order(traders.bob, place.listings[0].token_ids[1], "BUY", 0.60, 500)
    assert settled(traders.bob.client, taken["tradeIDs"][0])["status"] == "CONFIRMED"
    vault.setKeeper(0, people.keeper, sender=people.owner)

    place.pool_account.buy(place.pool, 0, 300 * UNIT, POOL_YES, FOREVER, sender=people.keeper)

    holder = SimpleNamespace(private_key="0x" + wallet.key.key.hex())
    client = connect(holder, signature_type=3, funder=wallet.contract.address)
    client.update_balance_allowance(BalanceAllowanceParams(asset_type=AssetType.COLLATERAL))
    no = place.listings[1].token_ids[1]
    client.create_and_post_order(OrderArgsV2(token_id=no, price=0.70, size=400, side="BUY"))
    taken = order(traders.bob, place.listings[1].token_ids[0], "BUY", 0.30, 400)
    assert settled(traders.bob.client, taken["tradeIDs"][0])["status"] == "CONFIRMED"
    return SimpleNamespace(in_wallet=venue.pusd.balanceOf(wallet.contract))


def _bid(account, market, venue, chain, safe, owners):
    """Return the account's bid for 500 YES at .40 in its keeper's envelope."""
    now, chain_id = chain.pending_timestamp, polymarket.CHAIN_ID
    price, size, metadata = Decimal("0.40"), 500 * UNIT, "0x" + "01" * 32
    token, placed_at = market.token_ids[0], round(time.time() * 1000)
    bid = build_order(account.address, token, price, size, market.tick, metadata, placed_at)
    domain = ExchangeDomain(venue.exchange.address, "2", chain_id)
    envelope = sign_order(bid, domain, now + 500, 0, safe.address, owners[:2])
    return SignedOrderV2(**vars(bid), signature="0x" + envelope.hex())


@pytest.fixture(scope="module")
def week(place, monday, wallet, people, venue, chain):
    """Three reports, the last after three payouts, everything redeemed; return the vault's books
    after each."""
    vault, books = place.vault, SimpleNamespace()

    def look():
        return SimpleNamespace(custody=vault.custody(), navs=vault.navs())

    def report(*quotes):
        marks = [
            (market, 0, *(price * CENT for price in prices))
            for market, prices in zip(vault.openMarkets(), quotes, strict=True)
        ]
        chain.pending_timestamp += DAY - 100
        vault.report(marks, NO_EVIDENCE, sender=people.reporter)
        return look()

    books.tuesday = report((40, 42), (50, 52), (28, 32))
    chain.pending_timestamp += DAY
    books.thursday = report((40, 42), (50, 52), (8, 10))
    chain.pending_timestamp += DAY
    first, second = place.markets
    _report_payouts(venue, first, [1, 0])
    venue.ctf.reportPayouts(place.question, [0, 1], sender=people.oracle)
    _report_payouts(venue, second, [0, 1])
    books.saturday = report((40, 42), (50, 52), (8, 10))  # what is resolved counts its payout
    for account in (place.order_account, place.pool_account):
        account.redeem(0, sender=people.stranger)
    redeem = venue.adapter.redeemPositions.encode_input(
        venue.pusd, b"\0" * 32, second.condition_id, [1, 2]
    )
    wallet.run((venue.adapter.address, redeem))
    books.in_wallet = venue.pusd.balanceOf(wallet.contract)
    return books


@pytest.fixture(scope="module")
def left(place, week, people, venue):
    """A holder leaves with a quarter in kind; the wallet's budget comes back and all closes."""
    vault, end = place.vault, SimpleNamespace()
    vault.windDown(sender=people.guardian)
    before = venue.pusd.balanceOf(people.alice)
    shares, supply = vault.balanceOf(people.alice) // 4, vault.totalSupply()
    receipt = vault.redeemInKind(shares, people.alice, [], sender=people.alice)
    (end.told,) = receipt.events(vault, "PaidInKind")
    end.of_wallet = QUARTER_OF[3] * shares // supply
    end.got = venue.pusd.balanceOf(people.alice) - before
    end.due = sum(part * shares // supply for part in QUARTER_OF)
    place.wallet_account.takeBack(FOREVER, sender=people.stranger)
    for market in place.ids:
        vault.closeMarket(market, sender=people.stranger)
    end.custody = vault.custody()
    return end


def _report_payouts(venue, market, payouts):
    """Let a recorded market's own oracle speak."""
    oracle = venue.ctf.chain.impersonate(market.oracle)
    venue.ctf.reportPayouts(market.question_id, payouts, sender=oracle)


def test_the_wallet_pays_for_what_it_buys(monday):
    assert monday.in_wallet == 320 * UNIT  # 600 - 400 * .70


def test_custody_tells_the_kinds_apart_at_the_bid(week):
    """YES .40/.42, the pool's YES .50/.52, NO .68/.72."""
    by_order = 800 * UNIT + 200 * UNIT
    by_pool = 700 * UNIT + POOL_YES * 50 // 100
    by_wallet = (400 + 320 + 272) * UNIT
    assert week.tuesday.custody == (7_000 * UNIT, by_order + by_pool, by_wallet)


def test_who_comes_pays_the_ask_of_all(week):
    at_ask = 7_000 * UNIT + 1_010 * UNIT + 700 * UNIT + -(-POOL_YES * 52 // 100)
    at_ask += (400 + 320 + 288) * UNIT
    assert at_ask > 10_000 * UNIT, "else it would be what all has cost"
    assert week.tuesday.navs == (sum(week.tuesday.custody), at_ask)


def test_nothing_counts_above_its_cost_for_who_leaves(week):
    """NO rises from .70 to .90: 400 + 320 + 360 are above 1,000."""
    assert week.thursday.custody[2] == 1_000 * UNIT
    assert week.thursday.navs[1] - week.tuesday.navs[1] == 80 * UNIT  # 400 * (.92 - .72)


def test_resolved_each_account_is_worth_its_payouts(week):
    """YES, NO, NO: 800 + 500, 700, 400 + 720; at the bid each at most its cost, 1,000."""
    saturday = week.saturday
    assert saturday.custody == (7_000 * UNIT, (1_000 + 700) * UNIT, 1_000 * UNIT)
    assert saturday.navs == (9_700 * UNIT, (7_000 + 1_300 + 700 + 1_120) * UNIT)


def test_the_wallet_redeems_for_itself(week):
    assert week.in_wallet == 720 * UNIT


def test_an_exit_in_kind_pays_what_is_here_and_leaves_what_is_away(left):
    """Of the delegated account the collateral inside, at cost."""
    assert (left.told.assets, left.told.cost) == (left.of_wallet, left.of_wallet)
    assert left.got == left.due


def test_page_and_statement_know_what_came_of_an_exit(left, place, people, venue):
    """Both say what the token's own balances say: from idle, from both enforced accounts, and from
    the delegated one."""
    history, url = VaultHistory(), venue.ctf.chain.url
    scope = Scope(url, place.vault.address, 0, venue.ctf.chain.height(), (venue.exchange.address,))
    Auditor(scope, on_event=history.on_event, on_paid=history.on_paid).run()
    (flow,) = [each for each in history.flows if each.what == "leaves in kind"]
    assert (flow.who, flow.assets) == (people.alice.address.lower(), left.got)
    options = StatementOptions(url, place.vault.address, people.alice.address)
    gone = [each.left for each in run_statement(options).lots if each.left]
    assert [(each.kind, each.assets) for each in gone] == [(MovementKind.IN_KIND, left.got)]


def test_in_the_end_all_is_idle(left):
    """300 won by orders, 300 lost in the pool, 120 won by the wallet."""
    assert left.custody == (10_000 * UNIT + (300 - 300 + 120) * UNIT - left.got, 0, 0)
