"""The last day of the week with all habits of the venue on: better prices, partial fills, orders
that are put off, amounts that must fit, words of its own. The journal has what the chain has."""

import json
import time
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from py_clob_client_v2.clob_types import AssetType, BalanceAllowanceParams
from strongroom.audit.auditor import Auditor, Scope
from strongroom.chain.order_amounts import fitting
from strongroom.chain.orders import OrderKind, Side
from strongroom.chain.rpc import Chain
from strongroom.chain.units import MICRO
from strongroom.devnet import polymarket
from strongroom.devnet.clob.habits import Habits
from strongroom.devnet.deployer import devnet_chain
from strongroom.devnet.reports import read_reports
from strongroom.devnet.traders import Trader
from strongroom.devnet.week import play_week
from strongroom.journal.states import AnswerKind

from tests.e2e.decisions import fills as fills_on_chain
from tests.e2e.test_week import OPTIONS

TICK, SETS = Decimal("0.001"), 10_000 * MICRO


class Rival:
    """Somebody who offers what the keeper is about to buy: a part of it, a tick cheaper. Now and
    then he buys it himself, but for a part.

    What it holds it sells, so the exchange moves tokens from wallet to wallet at its price
    (VENUE c, complementary); where it holds nothing it bids for the other token, and both mint.
    """

    def __init__(self):
        self.week = self.trader = None
        self.offers, self.decisions = {"sold": 0, "minted": 0, "bought": 0}, 0

    def enter(self, week):
        """Split sets of every other market."""
        self.week, self.trader = week, Trader(week.stage.seat("taker"))
        stage = week.stage
        for market in stage.markets[::2]:
            stage.venue.adapter.splitPosition(
                stage.venue.usdc, bytes(32), market.condition_id, [1, 2], SETS,
                sender=stage.people["taker"])  # fmt: skip
            for token in market.token_ids:
                self.trader.client.update_balance_allowance(
                    BalanceAllowanceParams(asset_type=AssetType.CONDITIONAL, token_id=str(token))
                )

    def hear(self, event, fields):
        if event != "decided" or self.week is None:
            return
        legs = self.week.keeper.journal.record(fields["decision"]).legs
        legs = [each for each in legs if each.side == Side.BUY and not each.kind.rests]
        self.decisions += bool(legs)
        for leg in legs:
            if self.decisions % 4 == 0:
                self.buy_first(leg)
            elif leg.price > 2 * TICK:
                self.undercut(leg)

    def buy_first(self, leg):
        """Leave half of what the keeper wants."""
        asks = self.trader.client.get_order_book(str(leg.token))["asks"]
        offered = sum(
            int(Decimal(each["size"]) * MICRO)
            for each in asks
            if Decimal(each["price"]) <= leg.price
        )
        price = int(leg.price * MICRO)
        size = fitting(OrderKind.FAK, Side.BUY, price, offered - leg.size // 2)
        if size > 0:
            order = self.trader.order(leg.token, True, leg.price, size)
            (answer,) = self.trader.post([order], "FAK")
            self.offers["bought"] += bool(answer["success"])
            while self.is_put_off():
                time.sleep(0.1)

    def is_put_off(self):
        return any("DELAYED" in each["status"] for each in self.trader.client.get_open_orders())

    def undercut(self, leg):
        stage = self.week.stage
        price, size = leg.price - TICK, leg.size // 2 // MICRO * MICRO
        sells = stage.venue.ctf.balanceOf(stage.people["taker"], leg.token) >= size
        market = next(each for each in stage.markets if each.condition_id == leg.condition)
        other = market.token_ids[1 - market.token_ids.index(leg.token)]
        if size < 5 * MICRO:
            return
        order = (
            self.trader.order(leg.token, False, price, size)
            if sells
            else self.trader.order(other, True, 1 - price, size)
        )
        (answer,) = self.trader.post([order])
        self.offers["sold" if sells else "minted"] += bool(answer["success"])


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """The week, and its rival."""
    start, rival = int(OPTIONS.start.timestamp()) - 600, Rival()
    folder = tmp_path_factory.mktemp("habits")
    options = replace(OPTIONS, folder=folder, habits=Habits.venue())
    with devnet_chain(polymarket.CHAIN_ID, timestamp=start) as chain:
        week = play_week(options, chain, rival.hear, on_start=rival.enter)
        yield week, rival
        week.stage.close()


@pytest.fixture(scope="module")
def orders(played):
    """Each order of the journal with what the exchange's events say of it: [(gave, got)]."""
    week, _ = played
    chain, exchange = Chain(week.stage.chain.url), week.stage.venue.exchange.address
    found = []
    for intent in week.keeper.journal.all():
        matching = {"orderHash": intent.order_hash}
        logs = chain.logs(exchange, "Exchange", "OrderFilled", 0, matching=matching)
        args = [log.args for log in logs]
        pairs = [(each["makerAmountFilled"], each["takerAmountFilled"]) for each in args]
        found.append((intent, pairs))
    return found


def test_the_rival_was_there(played):
    _, rival = played
    assert min(rival.offers.values()) >= 2, rival.offers


def test_no_order_was_refused_for_its_amounts(orders):
    assert len(orders) >= 20
    refused = [intent.reason for intent, _ in orders if intent.answer == AnswerKind.REFUSED]
    assert not [why for why in refused if "invalid amounts" in why or "tick" in why]


def test_the_journal_has_what_the_exchange_says(orders):
    for intent, pairs in orders:
        buys = intent.side == Side.BUY
        assert intent.filled == sum(got if buys else gave for gave, got in pairs), intent
        assert intent.filled <= intent.size


def test_none_was_worse_than_asked_some_were_better_and_some_filled_in_part(orders):
    better, partly = 0, 0
    for intent, pairs in orders:
        limit = Fraction(intent.price, MICRO)
        for gave, got in pairs:
            paid = Fraction(gave, got) if intent.side == Side.BUY else Fraction(got, gave)
            # what matching rounds away is a micro-unit a match
            worse = paid - limit if intent.side == Side.BUY else limit - paid
            assert worse * min(gave, got) <= 1, (intent, pairs)
            better += worse * min(gave, got) < -1
        partly += 0 < intent.filled < intent.size and not intent.kind.rests
    assert better >= 3, "no better price was met"
    assert partly >= 1, "nothing was filled in part"


def test_nothing_is_left_open_and_nothing_came_unasked(played):
    week, _ = played
    journal = week.keeper.journal
    assert not journal.open() and not journal.open_tasks() and not journal.transactions.open()
    assert week.events("late_fill") == [] == week.events("overfilled")
    assert week.events("unknown_word") == [] == week.events("failed")
    failed, ended = journal.reversals()
    assert failed == 0 and ended >= 20
    assert week.stage.vault.totalExposure() == 0


def test_every_report_is_the_chains_nav_to_the_unit_but_for_fills_on_the_way(played):
    """What is put off is matched at any time, between a report's marks and its block, too. The
    auditor below reckons each at its block."""
    week, _ = played
    stage, told = week.stage, week.events("reported")
    blocks = {line.evidence: line.block for line in read_reports(stage.vault)}
    assert len(told) == len(blocks) >= 10
    for each in told:
        document = json.loads((stage.folder / "evidence" / f"{each['evidence']}.json").read_text())
        block = blocks[each["evidence"]]
        on_the_way = [
            fill
            for fill in fills_on_chain(stage)
            if block - 50 < fill.block <= block
            and timestamp(stage.chain, fill.block) >= document["timestamp"]
        ]
        if not on_the_way:
            assert (each["difference_bid"], each["difference_ask"]) == (0, 0)


def timestamp(chain, block):
    return int(chain.request("eth_getBlockByNumber", hex(block), False)["timestamp"], 16)


def test_the_auditor_finds_no_difference(played):
    week, _ = played
    stage = week.stage
    place = Scope(
        url=stage.chain.url,
        vault=stage.vault.address,
        from_block=0,
        to_block=stage.chain.height(),
        exchanges=(stage.venue.exchange.address,),
        evidence=stage.folder / "evidence",
    )
    verdict = Auditor(place, None).run().verdict
    assert verdict.differences == ()
    assert verdict.checked.fills == verdict.checked.fills_joined == len(fills_on_chain(stage))
