"""The last day of the week with all habits of the venue on: better prices, partial fills, orders
that are put off, amounts that must fit, words of its own. The journal has what the chain has."""

import json
from dataclasses import replace
from fractions import Fraction

import pytest
from strongroom.audit.auditor import Auditor, Scope
from strongroom.chain.orders import Side
from strongroom.chain.places import FolderPlace
from strongroom.chain.rpc import Chain
from strongroom.chain.units import MICRO
from strongroom.devnet import polymarket
from strongroom.devnet.clob.habits import Habits
from strongroom.devnet.deployer import devnet_chain
from strongroom.devnet.reports import read_reports
from strongroom.devnet.week import play_week
from strongroom.devnet.week_orders import OrdersCompared, compare_orders
from strongroom.journal.states import AnswerKind

from tests.e2e.decisions import fills as fills_on_chain
from tests.e2e.test_week import OPTIONS


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    start, folder = int(OPTIONS.start.timestamp()) - 600, tmp_path_factory.mktemp("habits")
    options = replace(OPTIONS, folder=folder, habits=Habits.venue(), rival=True)
    with devnet_chain(polymarket.CHAIN_ID, timestamp=start) as chain:
        week = play_week(options, chain)
        yield week
        week.stage.close()


@pytest.fixture(scope="module")
def orders(played):
    """Each order of the journal with what the exchange's events say of it: [(gave, got)]."""
    week = played
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
    made = played.rival.made
    assert min(made[each] for each in ("sold", "minted", "bought")) >= 2, made


def test_no_order_was_refused_for_its_amounts(orders):
    assert len(orders) >= 20
    refused = [intent.reason for intent, _ in orders if intent.answer == AnswerKind.REFUSED]
    assert not [why for why in refused if "invalid amounts" in why or "tick" in why]


def test_the_journal_has_what_the_exchange_says(orders):
    for intent, pairs in orders:
        buys = intent.side == Side.BUY
        assert intent.filled == sum(got if buys else gave for gave, got in pairs), intent
        assert intent.filled <= intent.size


def test_none_was_worse_than_asked_some_were_better_and_some_filled_in_part(played, orders):
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
    found = compare_orders(played)
    assert found == OrdersCompared(len(orders), 0, 0, found.better, partly) and found.better >= 3


def test_nothing_is_left_open_and_nothing_came_unasked(played):
    week = played
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
    week = played
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
    week = played
    stage = week.stage
    place = Scope(
        url=stage.chain.url,
        vault=stage.vault.address,
        from_block=0,
        to_block=stage.chain.height(),
        exchanges=(stage.venue.exchange.address,),
        evidence=(FolderPlace(stage.folder / "evidence"),),
    )
    verdict = Auditor(place, None).run().verdict
    assert verdict.differences == ()
    assert verdict.checked.fills == verdict.checked.fills_joined == len(fills_on_chain(stage))
