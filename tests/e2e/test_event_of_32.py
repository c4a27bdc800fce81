"""The recorded Stanley Cup event, 32 outcomes: traded, converted, resolved, NAV by hand."""

from decimal import Decimal
from types import SimpleNamespace

import pytest
from py_clob_client_v2.order_utils.model.order_data_v2 import SignedOrderV2
from strongroom.devnet import polymarket
from strongroom.devnet.contracts import deploy_account_implementation
from strongroom.signing.keys import sign_order
from strongroom.signing.order import ExchangeDomain, build_order, order_hash

from tests.anvil_devnet import at
from tests.defaults import DAY, NO_EVIDENCE, UNIT, WAD, a_class
from tests.e2e.clob_orders import order, settled

COUNT = 32
CENT = WAD // 100


@pytest.fixture
def event(make_vault, people, invest, venue, deployer, chain, recorded, devnet):
    """A vault of 10,000 pUSD with 1,000 in the event's one account."""
    markets = sorted(
        (market for market in recorded if market.negative_risk),
        key=lambda market: market.question_id,
    )
    assert len(markets) == COUNT
    vault = make_vault(people.keeper, price_band_bps=0)
    invest(vault, people.alice, 10_000 * UNIT)
    implementation = deploy_account_implementation(deployer, venue, negative_risk=True)
    vault.addClass(a_class(implementation, venue.neg_risk_adapter), sender=people.owner)
    event_id = markets[0].event_id
    deadline = chain.pending_timestamp + 30 * DAY
    vault.openMarket(0, event_id, COUNT, deadline, sender=people.keeper)
    vault.allocate(event_id, 1_000 * UNIT, sender=people.keeper)
    account = at(vault, vault.accountOf(event_id), "PolymarketAccount")
    return SimpleNamespace(vault=vault, id=event_id, markets=markets, account=account)


def test_an_event_of_32_outcomes(
    event, people, venue, deployer, chain, safe, keeper_owners, connect, accounts, traders
):
    vault, account = event.vault, event.account
    assert [int(token) for token in account.tokenIds()] == [
        token for market in event.markets for token in market.token_ids
    ], "the account's outcome tokens are the recorded ones"
    executor = connect(accounts[10])
    domain = ExchangeDomain(
        venue.neg_risk_exchange.address, venue.exchange_version, polymarket.CHAIN_ID
    )

    def buy(condition, outcome, price, tokens):
        """The account bids, Bob takes the other side at the same price."""
        market = event.markets[condition]
        built = build_order(
            account.address,
            market.token_ids[outcome],
            Decimal(price),
            tokens * UNIT,
            market.tick,
            bytes([condition, outcome]) * 16,
            chain.pending_timestamp * 1000,
        )
        signature = sign_order(
            built,
            order_hash(built, domain),
            chain.pending_timestamp + 500,
            account.epoch(),
            safe.address,
            polymarket.CHAIN_ID,
            keeper_owners[:2],
        )
        executor.post_order(SignedOrderV2(**vars(built), signature="0x" + signature.hex()))
        opposite = str(market.token_ids[1 - outcome])
        taken = order(traders.bob, opposite, "BUY", float(1 - Decimal(price)), tokens)
        assert settled(traders.bob.client, taken["tradeIDs"][0])["status"] == "CONFIRMED"

    def report(quotes):
        """Mark every outcome; those not named at 1 to 2 cents."""
        marks = []
        for condition in range(COUNT):
            bid, ask = quotes.get(condition, (1, 2))
            marks.append((event.id, bid * CENT, ask * CENT, (100 - ask) * CENT, (100 - bid) * CENT))
        chain.pending_timestamp += 61
        vault.report(marks, NO_EVIDENCE, sender=people.reporter)

    def holdings():
        collateral, positions = account.positions()
        return collateral, {
            index: (position.yes, position.no)
            for index, position in enumerate(positions)
            if position.yes or position.no
        }

    # trade: 100 YES of 3 at .12, 50 NO of 0, 7 and 31 at .90, .95, .97
    vault.setKeeper(safe, sender=people.owner)
    buy(3, 0, "0.12", 100)
    buy(0, 1, "0.90", 50)
    buy(7, 1, "0.95", 50)
    buy(31, 1, "0.97", 50)
    cash = 1_000 * UNIT - (12 + 45) * UNIT - 47_500_000 - 48_500_000
    assert holdings() == (
        cash,
        {
            0: (0, 50 * UNIT),
            3: (100 * UNIT, 0),
            7: (0, 50 * UNIT),
            31: (0, 50 * UNIT),
        },
    )
    report({0: (9, 11), 3: (11, 13), 7: (4, 6), 31: (2, 4)})
    # bid: 100 at .11, 50 NO at 1 - .11, 1 - .06, 1 - .04; ask: .13 and 1 - .09, 1 - .04, 1 - .02
    bid = cash + 11 * UNIT + 50 * UNIT * (89 + 94 + 96) // 100
    ask = cash + 13 * UNIT + 50 * UNIT * (91 + 96 + 98) // 100
    assert vault.bookOf(event.id) == (bid, ask)
    assert vault.navs() == (9_000 * UNIT + bid, 9_000 * UNIT + ask)

    # convert 40 NO of each of the three: 40 YES of the 29 others and 80 of collateral
    vault.setKeeper(people.keeper, sender=people.owner)
    account.convertPositions(1 | 1 << 7 | 1 << 31, 40 * UNIT, sender=people.keeper)
    cash += 80 * UNIT
    expected = dict.fromkeys(range(COUNT), (40 * UNIT, 0))
    expected |= dict.fromkeys((0, 7, 31), (0, 10 * UNIT))
    expected[3] = (140 * UNIT, 0)
    assert holdings() == (cash, expected)
    report({0: (9, 11), 3: (11, 13), 7: (4, 6), 31: (2, 4)})
    others = COUNT - 4
    bid = (
        cash
        + 140 * UNIT * 11 // 100
        + 10 * UNIT * (89 + 94 + 96) // 100
        + others * 40 * UNIT * 1 // 100
    )
    assert vault.bookOf(event.id)[0] == bid

    # question 3 wins; half of the event is reported first, so that payouts stand beside marks
    def resolve(questions):
        for index in questions:
            venue.neg_risk_adapter.reportOutcome(
                event.markets[index].question_id, index == 3, sender=deployer
            )

    resolve(range(16))
    assert account.resolved() == 16
    assert account.tradable()
    vault.sync(event.id, sender=people.stranger)
    # resolved: 140 of question 3, 10 NO of 0 and 7; still marked: 31 and the YES of 16 .. 30
    bid = cash + 160 * UNIT + 10 * UNIT * 96 // 100 + 15 * 40 * UNIT * 1 // 100
    assert vault.bookOf(event.id)[0] == bid
    resolve(range(16, COUNT))
    vault.sync(event.id, sender=people.stranger)
    final = cash + 170 * UNIT
    assert vault.bookOf(event.id) == (final, final)

    # redeemed by anybody, in the end all is idle
    for index in range(COUNT):
        account.redeem(index, sender=people.stranger)
    assert holdings() == (final, {})
    vault.closeMarket(event.id, sender=people.stranger)
    assert vault.totalAssets() == vault.total_idle() == 9_000 * UNIT + final
    # 1,000 - 153 for tokens + 80 from conversion + 170 of payouts
    assert final == 1_097 * UNIT
