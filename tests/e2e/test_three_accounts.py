"""One vault, a market in each of the three kinds of account, a week, audited by hand.

Enforced through the service (EIP-1271 envelope), enforced through a market maker's pool, delegated
through a deposit wallet with the unmodified client.
"""

from decimal import Decimal
from types import SimpleNamespace

import pytest
from eth_account import Account
from py_clob_client_v2.clob_types import AssetType, BalanceAllowanceParams, OrderArgsV2
from py_clob_client_v2.order_utils.model.order_data_v2 import SignedOrderV2
from strongroom.chain.artifacts import artifact
from strongroom.devnet import contracts as devnet_parts
from strongroom.devnet import polymarket
from strongroom.signing.keys import sign_order
from strongroom.signing.order import ExchangeDomain, build_order, order_hash

from tests.anvil_devnet import at
from tests.defaults import DAY, FOREVER, NO_EVIDENCE, UNIT, WAD, a_class
from tests.e2e.clob_orders import order, settled
from tests.signing import key_of

CENT = WAD // 100
ENFORCED, DELEGATED = 1, 2


@pytest.fixture
def oracle(people):
    return people.oracle


@pytest.fixture
def pair(_unused, recorded):
    """Two recorded binary markets: (Market, Listing) each."""
    by_id = {"0x" + market.condition_id.hex(): market for market in recorded}
    listings = [next(_unused), next(_unused)]
    return [(by_id[each.condition_id], each) for each in listings]


@pytest.fixture
def place(make_vault, people, invest, implementation, venue, deployer, chain, pair, number):
    """A vault of 10,000 pUSD and its three markets, 1,000 in each account."""
    vault = make_vault(people.keeper, price_band_bps=0)
    invest(vault, people.alice, 10_000 * UNIT)
    deadline = chain.pending_timestamp + 30 * DAY
    registry = deployer.deploy(artifact("WalletRegistry"))

    # the pool's condition is of our own oracle, collateral pUSD
    question = b"\xfd" + next(number).to_bytes(31, "big")
    venue.ctf.prepareCondition(people.oracle, question, 2, sender=deployer)
    pooled = devnet_parts.condition_id(people.oracle.address, question)
    venue.fund(deployer, deployer, 20_000 * UNIT)
    pool = devnet_parts.make_pool(deployer, venue, venue.pusd, [pooled], WAD // 50, 20_000 * UNIT)

    (first, _), (second, _) = pair
    owner = {"sender": people.owner}
    vault.addClass(a_class(implementation, first.oracle), **owner)
    fpmm = devnet_parts.deploy_fpmm_implementation(deployer, venue.ctf, venue.pusd, pool)
    vault.addClass(a_class(fpmm, people.oracle), **owner)
    delegated = devnet_parts.deploy_delegated_implementation(deployer, venue, registry)
    vault.addClass(a_class(delegated, second.oracle, grade=DELEGATED, cap=1_500 * UNIT), **owner)
    for class_id, asked in enumerate((first.question_id, question, second.question_id)):
        vault.openMarket(class_id, asked, 1, deadline, sender=people.keeper)
    ids = [first.condition_id, pooled, second.condition_id]
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


def test_a_week_in_three_kinds_of_custody(
    place, people, venue, deployer, chain, safe, keeper_owners, connect, accounts, traders
):
    vault = place.vault
    first, second = place.markets

    # Monday. The enforced account bids 500 YES at .40 through the service; Bob takes it.
    executor = connect(accounts[10])
    domain = ExchangeDomain(venue.exchange.address, venue.exchange_version, polymarket.CHAIN_ID)
    vault.setKeeper(safe, sender=people.owner)
    bid = build_order(
        place.order_account.address,
        first.token_ids[0],
        Decimal("0.40"),
        500 * UNIT,
        first.tick,
        b"\x01" * 32,
        chain.pending_timestamp * 1000,
    )
    envelope = sign_order(
        bid,
        order_hash(bid, domain),
        chain.pending_timestamp + 500,
        0,
        safe.address,
        polymarket.CHAIN_ID,
        keeper_owners[:2],
    )
    executor.post_order(SignedOrderV2(**vars(bid), signature="0x" + envelope.hex()))
    taken = order(traders.bob, place.listings[0].token_ids[1], "BUY", 0.60, 500)
    assert settled(traders.bob.client, taken["tradeIDs"][0])["status"] == "CONFIRMED"
    vault.setKeeper(people.keeper, sender=people.owner)

    # The pool: 300 for YES. Product of reserves 20,000^2, 2 % fee.
    account, pool = place.pool_account, place.pool
    net = 300 * UNIT * 98 // 100
    reserve = -(-((20_000 * UNIT) ** 2) // (20_000 * UNIT + net))
    pool_yes = 20_000 * UNIT + net - reserve
    account.buy(pool, 0, 300 * UNIT, pool_yes, FOREVER, sender=people.keeper)

    # The deposit wallet: 600 out, buys 400 NO at .70 with the client.
    key = key_of("week")
    venue.wallets.makeWallet(key.address, sender=deployer)
    wallet = at(vault, venue.wallets.walletOf(key.address), "DepositWallet")

    def run(*calls):
        digest = bytes(wallet.batchDigest(list(calls), FOREVER))
        signature = bytes(Account.unsafe_sign_hash(digest, key.key).signature)
        wallet.execute(list(calls), FOREVER, signature, sender=deployer)

    for spender in (venue.exchange, place.wallet_account, venue.adapter):
        run((venue.pusd.address, venue.pusd.approve.encode_input(spender, FOREVER)))
        run((venue.ctf.address, venue.ctf.setApprovalForAll.encode_input(spender, True)))
    place.wallet_account.setWallet(wallet, sender=people.keeper)
    place.wallet_account.forward(600 * UNIT, sender=people.keeper)
    holder = SimpleNamespace(private_key="0x" + key.key.hex())
    client = connect(holder, signature_type=3, funder=wallet.address)
    client.update_balance_allowance(BalanceAllowanceParams(asset_type=AssetType.COLLATERAL))
    no = place.listings[1].token_ids[1]
    client.create_and_post_order(OrderArgsV2(token_id=no, price=0.70, size=400, side="BUY"))
    taken = order(traders.bob, place.listings[1].token_ids[0], "BUY", 0.30, 400)
    assert settled(traders.bob.client, taken["tradeIDs"][0])["status"] == "CONFIRMED"
    assert venue.pusd.balanceOf(wallet) == 320 * UNIT

    def report(*quotes):
        marks = [
            (market, *(price * CENT for price in prices))
            for market, prices in zip(vault.openMarkets(), quotes, strict=True)
        ]
        chain.pending_timestamp += DAY - 100
        vault.report(marks, NO_EVIDENCE, sender=people.reporter)

    # Tuesday. YES .40/.42; the pool's YES .50/.52; NO .68/.72
    report((40, 42, 58, 60), (50, 52, 48, 50), (28, 32, 68, 72))
    by_order = 800 * UNIT + 200 * UNIT
    by_pool = 700 * UNIT + pool_yes * 50 // 100
    by_wallet = 400 * UNIT + min(600, 320 + 272) * UNIT
    assert vault.custody() == (7_000 * UNIT, by_order + by_pool, by_wallet)
    at_ask = (
        7_000 * UNIT
        + (800 * UNIT + 210 * UNIT)
        + (700 * UNIT - -pool_yes * 52 // 100)
        + (400 + max(600, 320 + 288)) * UNIT
    )
    at_ask = 7_000 * UNIT + 1_010 * UNIT + 700 * UNIT + -(-pool_yes * 52 // 100) + 1_008 * UNIT
    assert vault.navs() == (7_000 * UNIT + by_order + by_pool + by_wallet, at_ask)

    # Thursday. NO rises to .90: for who leaves the wallet counts at its cost and no more
    chain.pending_timestamp += DAY
    report((40, 42, 58, 60), (50, 52, 48, 50), (8, 10, 90, 92))
    assert vault.custody()[2] == (400 + 600) * UNIT
    assert vault.navs()[1] - at_ask == 80 * UNIT  # 400 * (.92 - .72)

    # Saturday. Resolved: YES, NO, NO
    chain.pending_timestamp += DAY
    _report_payouts(venue, first, [1, 0])
    venue.ctf.reportPayouts(place.question, [0, 1], sender=people.oracle)
    _report_payouts(venue, second, [0, 1])
    for market in place.ids:
        vault.sync(market, sender=people.stranger)
    assert vault.custody() == (7_000 * UNIT, (800 + 500 + 700) * UNIT, (400 + 600) * UNIT)
    assert vault.navs() == (10_000 * UNIT, 10_120 * UNIT)  # 720 in the wallet, 600 of it counted

    # Anyone redeems; the wallet redeems for itself, and gives back 720
    place.order_account.redeem(0, sender=people.stranger)
    account.redeem(0, sender=people.stranger)
    redeem = venue.adapter.redeemPositions.encode_input(
        venue.pusd, b"\0" * 32, second.condition_id, [1, 2]
    )
    run((venue.adapter.address, redeem))
    assert venue.pusd.balanceOf(wallet) == 720 * UNIT

    # A holder of a quarter leaves in kind: a quarter of what accounts hold, told what is away
    vault.windDown(sender=people.guardian)
    before = venue.pusd.balanceOf(people.alice)
    shares, supply = vault.balanceOf(people.alice) // 4, vault.totalSupply() + 10**6
    receipt = vault.redeemInKind(shares, people.alice, sender=people.alice)
    (told,) = receipt.events(place.wallet_account, "OutOfReach")
    assert told.outstanding == 600 * UNIT
    parts = (7_000 * UNIT, 1_300 * UNIT, 700 * UNIT, 400 * UNIT)
    got = sum(part * shares // supply for part in parts)
    assert venue.pusd.balanceOf(people.alice) - before == got

    # Sunday. The wallet's budget comes back, everything is recalled and closed
    place.wallet_account.takeBack(FOREVER, sender=people.stranger)
    for market in place.ids:
        vault.closeMarket(market, sender=people.stranger)
    assert vault.custody() == (10_120 * UNIT - got, 0, 0)
    # 1,300 - 1,000 won by orders, 300 lost in the pool, 120 won by the wallet
    assert 10_120 == 10_000 + 300 - 300 + 120


def _report_payouts(venue, market, payouts):
    """Let a recorded market's own oracle speak."""
    oracle = venue.ctf.chain.impersonate(market.oracle)
    venue.ctf.reportPayouts(market.question_id, payouts, sender=oracle)
