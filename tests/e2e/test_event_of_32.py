"""The recorded Stanley Cup event, 32 outcomes: traded, converted, resolved, NAV by hand."""

import time
from decimal import Decimal
from types import SimpleNamespace

import pytest
from py_clob_client_v2.order_utils.model.order_data_v2 import SignedOrderV2
from strongroom.chain.ids import market_of, to_bytes
from strongroom.devnet import polymarket
from strongroom.devnet.contracts import deploy_account_implementation
from strongroom.signing.keys import sign_order
from strongroom.signing.order import ExchangeDomain, build_order

from tests.anvil_devnet import at
from tests.defaults import DAY, NO_EVIDENCE, UNIT, WAD, a_class
from tests.e2e.clob_orders import order, settled

COUNT = 32
CENT = WAD // 100
QUOTES = {0: (9, 11), 3: (11, 13), 7: (4, 6), 31: (2, 4)}  # the others at 1 to 2 cents
# 100 YES of 3 at .12, 50 NO of 0, 7 and 31 at .90, .95, .97
BOUGHT = ((3, 0, "0.12", 100), (0, 1, "0.90", 50), (7, 1, "0.95", 50), (31, 1, "0.97", 50))
AFTER_TRADES = 1_000 * UNIT - (12 + 45) * UNIT - 47_500_000 - 48_500_000
AFTER_CONVERSION = AFTER_TRADES + 80 * UNIT


class Event:
    """A vault of 10,000 pUSD with 1,000 in the event's one account, and what may be done there."""

    def __init__(self, vault, account, markets, people, chain):
        self.vault, self.account, self.markets = vault, account, markets
        self.id, self.people, self.chain = (
            to_bytes(market_of(0, markets[0].event_id)),
            people,
            chain,
        )

    def signed(self, condition, outcome, price, tokens, exchange, safe, owners):
        """Return the account's bid for an outcome in its keeper's envelope."""
        market = self.markets[condition]
        now, chain_id = self.chain.pending_timestamp, polymarket.CHAIN_ID
        built = build_order(
            self.account.address,
            market.token_ids[outcome],
            Decimal(price),
            tokens * UNIT,
            market.tick,
            "0x" + f"{condition:02x}{outcome:02x}" * 16,
            round(time.time() * 1000),  # the service's clock, whatever the chain's says
        )
        domain = ExchangeDomain(exchange.address, "2", chain_id)
        epoch = self.account.epoch()
        signature = sign_order(built, domain, now + 500, epoch, safe.address, owners)
        return SignedOrderV2(**vars(built), signature="0x" + signature.hex())

    def report(self):
        marks = []
        for condition in range(COUNT):
            bid, ask = QUOTES.get(condition, (1, 2))
            marks.append((self.id, condition, bid * CENT, ask * CENT))
        self.chain.pending_timestamp += 61
        self.vault.report(marks, NO_EVIDENCE, sender=self.people.reporter)

    def state(self):
        """Return collateral, the outcome tokens (YES, NO) that are held, and the book's values."""
        collateral, positions = self.account.positions()
        held = {
            index: (position.yes, position.no)
            for index, position in enumerate(positions)
            if position.yes or position.no
        }
        return SimpleNamespace(
            collateral=collateral,
            held=held,
            book=self.vault.bookOf(self.id),
            navs=self.vault.navs(),
            tradable=self.account.tradable(),
            resolved=self.account.resolved(),
        )


@pytest.fixture(scope="module")
def event(make_vault, people, invest, venue, deployer, chain, recorded):
    markets = sorted(
        (market for market in recorded if market.negative_risk),
        key=lambda market: market.question_id,
    )
    assert len(markets) == COUNT
    vault = make_vault(price_band_bps=0)
    invest(vault, people.alice, 10_000 * UNIT)
    implementation = deploy_account_implementation(deployer, venue, negative_risk=True)
    vault.addClass(
        a_class(implementation, venue.neg_risk_adapter, people.keeper), sender=people.owner
    )
    event_id = markets[0].event_id
    deadline = chain.pending_timestamp + 30 * DAY
    vault.openMarket(0, event_id, COUNT, deadline, sender=people.keeper)
    name = market_of(0, event_id)
    vault.allocate(name, 1_000 * UNIT, sender=people.keeper)
    account = at(vault, vault.accountOf(name), "PolymarketAccount")
    return Event(vault, account, markets, people, chain)


@pytest.fixture(scope="module")
def life(event, people, venue, deployer, safe, keeper_owners, connect, accounts, traders):
    """Trade, convert, resolve, redeem and close; return the event's state after each."""
    vault, account, states = event.vault, event.account, SimpleNamespace()
    executor = connect(accounts[10])
    vault.setKeeper(0, safe, sender=people.owner)
    for condition, outcome, price, tokens in BOUGHT:
        bid = (condition, outcome, price, tokens)
        executor.post_order(event.signed(*bid, venue.neg_risk_exchange, safe, keeper_owners[:2]))
        opposite = str(event.markets[condition].token_ids[1 - outcome])
        taken = order(traders.bob, opposite, "BUY", float(1 - Decimal(price)), tokens)
        assert settled(traders.bob.client, taken["tradeIDs"][0])["status"] == "CONFIRMED"
    event.report()
    states.traded = event.state()

    vault.setKeeper(0, people.keeper, sender=people.owner)
    account.convertPositions(1 | 1 << 7 | 1 << 31, 40 * UNIT, sender=people.keeper)
    event.report()
    states.converted = event.state()

    # question 3 wins; half of the event is reported first, so that payouts stand beside marks
    for half, name in ((range(16), "half_resolved"), (range(16, COUNT), "resolved")):
        for index in half:
            venue.neg_risk_adapter.reportOutcome(
                event.markets[index].question_id, index == 3, sender=deployer
            )
        event.report()
        setattr(states, name, event.state())

    for index in range(COUNT):
        account.redeem(index, sender=people.stranger)
    states.redeemed = event.state()
    vault.closeMarket(event.id, sender=people.stranger)
    return states


def test_the_accounts_tokens_are_the_recorded_ones(event):
    assert [int(token) for token in event.account.tokenIds()] == [
        token for market in event.markets for token in market.token_ids
    ]


def test_each_outcome_is_bought_from_the_one_account(life):
    assert life.traded.collateral == AFTER_TRADES
    assert life.traded.held == {
        0: (0, 50 * UNIT),
        3: (100 * UNIT, 0),
        7: (0, 50 * UNIT),
        31: (0, 50 * UNIT),
    }


def test_a_report_values_each_outcome_at_its_marks(life):
    """Bid: 100 at .11, 50 NO at 1 - .11, 1 - .06, 1 - .04; ask: .13, 1 - .09, 1 - .04, 1 - .02."""
    bid = AFTER_TRADES + 11 * UNIT + 50 * UNIT * (89 + 94 + 96) // 100
    ask = AFTER_TRADES + 13 * UNIT + 50 * UNIT * (91 + 96 + 98) // 100
    assert life.traded.book == (1_000 * UNIT, bid, ask)
    assert life.traded.navs == (9_000 * UNIT + bid, 9_000 * UNIT + ask)


def test_no_of_three_converts_to_yes_of_the_others_and_collateral(life):
    """40 NO of each of the three: 40 YES of the 29 others, and 80 of collateral."""
    expected = dict.fromkeys(range(COUNT), (40 * UNIT, 0))
    expected |= dict.fromkeys((0, 7, 31), (0, 10 * UNIT))
    expected[3] = (140 * UNIT, 0)
    assert (life.converted.collateral, life.converted.held) == (AFTER_CONVERSION, expected)
    bid = AFTER_CONVERSION + 140 * UNIT * 11 // 100 + 10 * UNIT * (89 + 94 + 96) // 100
    assert life.converted.book[1] == bid + (COUNT - 4) * 40 * UNIT * 1 // 100


def test_payouts_stand_beside_marks_while_half_is_resolved(life):
    """Resolved: 140 of question 3, 10 NO of 0 and 7; marked: 31 and the YES of 16 .. 30. The payout
    of 1 leaves no room for bids of YES: NO of 31 is worth .96 at the bid and 1 at the ask, YES
    nothing and .02. Nothing counts above cost at the bid."""
    assert life.half_resolved.resolved == 16
    assert life.half_resolved.tradable
    bid = AFTER_CONVERSION + 160 * UNIT + 10 * UNIT * 96 // 100
    assert bid > 1_000 * UNIT
    ask = AFTER_CONVERSION + 160 * UNIT + 10 * UNIT + 15 * 40 * UNIT * 2 // 100
    assert life.half_resolved.book == (1_000 * UNIT, 1_000 * UNIT, ask)


def test_resolved_it_is_worth_its_payouts(life):
    final = AFTER_CONVERSION + 170 * UNIT
    assert life.resolved.book == (1_000 * UNIT, 1_000 * UNIT, final)


def test_redeemed_by_anybody_all_is_idle(life, event):
    """1,000 - 153 for tokens + 80 from the conversion + 170 of payouts."""
    assert (life.redeemed.collateral, life.redeemed.held) == (1_097 * UNIT, {})
    assert event.vault.totalAssets() == event.vault.total_idle() == 10_097 * UNIT
