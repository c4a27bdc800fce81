"""From views to decisions: packs, sizes and limits, on markets made by hand."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strongroom.chain.ids import decision_id, market_of
from strongroom.chain.orders import NO, YES, MoveKind, Side
from strongroom.chain.position_ids import Module, binary_condition, position_of
from strongroom.chain.protocols import Protocol
from strongroom.chain.units import BPS, MICRO
from strongroom.information.books import Book, Level, mirror, quoted
from strongroom.information.forecast import Given
from strongroom.information.gamma import FeeSchedule
from strongroom.information.sources import Look
from strongroom.keeper.recording import Recorder, replay
from strongroom.keeper.supposed_fills import fills_of, sweep
from strongroom.strategy.api import (
    BadParameters,
    Leg,
    Move,
    Proposal,
    UnknownPack,
    installed,
    make_pack,
)
from strongroom.strategy.decide import decide
from strongroom.strategy.portfolio import Day, PortfolioLimits
from strongroom.strategy.record import record_json, salted
from strongroom.strategy.rules import Exchanges, Rules
from strongroom.strategy.view import ClassState, MarketState, VaultState, View

from tests.agent.market_record import MARKET
from tests.records import LEG

NOW = 1_770_468_540
NAV = 100_000 * MICRO
EXCHANGE, NEGATIVE = "0x" + "ee" * 20, "0x" + "dd" * 20
SALT = "salt"


def market(number, **changes):
    name = "0x" + f"{number:02x}" * 32
    return replace(
        MARKET,
        question=f"Question {number}?",
        condition_id=name,
        token_ids=(2 * number, 2 * number + 1),
        end=datetime.fromtimestamp(NOW, UTC) + timedelta(hours=48),
        event=f"event {number}",
        best_bid=Decimal("0.96"),
        best_ask=Decimal("0.97"),
        **changes,
    )


def name_of(each):
    """Return what the vault calls a market of its class 0."""
    return market_of(0, each.question_key)


def books(*pairs):
    """(market, YES book) -> books of both tokens."""
    found = {}
    for each, yes in pairs:
        yes = replace(yes, seen_at=NOW)
        found[each.token_ids[YES]] = yes
        found[each.token_ids[NO]] = mirror(yes)
    return found


def quote(bid, ask, tokens=10_000):
    return quoted(Decimal(bid), Decimal(ask), tokens * MICRO)[0]


CLASS = ClassState(MARKET.oracle, 5_000 * MICRO, 1_500, 50_000 * MICRO, 9_000, 10**7, 0)
STATE = VaultState(
    address="0x" + "aa" * 20, nav=NAV, supply=10**17, idle=NAV, owed=0, asked=0,
    total_exposure=0, total_losses=0, total_cap=NAV, total_cap_bps=9_000, velocity=NAV,
    velocity_bps=BPS, recent=0, question_cap_bps=1_500, max_buy_price=990_000,
    max_order_lifetime=600, price_band=0, marks_required=False, dealable=True, classes={0: CLASS},
)  # fmt: skip


def held(exposure, positions, *, collateral=0, reserved=0, number=0, **more):
    """A market of the vault, by its one condition; `number` is its class."""
    (question,) = positions
    about = (exposure, collateral, reserved, positions, question)
    return MarketState("0x" + "bb" * 20, number, *about, **more)


def view(*pairs, state=STATE, **changes):
    return View(
        NOW, state, {each.condition_id: each for each, _ in pairs}, books(*pairs), **changes
    )


def rules(**changes):
    return Rules(Exchanges(EXCHANGE, NEGATIVE), code_version="test", **changes)


def run(seen, *packs, **changes):
    made = [make_pack(each, {}) if isinstance(each, str) else each for each in packs]
    return decide(seen, made, rules(**changes), SALT)


# As records were identified before they were types: their canonical bytes may not change but for
# the vault's names of its markets, which were once their questions, and for limits added since; the
# tail's was once of 773.19 tokens, and the Dutch book's leg at the worse price came first.
IDS = {
    "tail": "0xb26ca84224aa4c9c5ed0f8eb87af3d3e16cd5c5778fe941d4bc31f6bfb9dcf0c",
    "dutch": "0x9e69e82ad1d4ac74f71be30028e351f0a593308deddcddedff63ca1744ad7a8c",
    "event": "0x719c3d541e8d2c6e3cfdaa7c6c95e426965f90c4994a2635316fc9c048c7a4c1",
    "ladder": "0x988f03198baa6813ed171941d7e17483cad7920fa35053ee05f959e12960d027",
    "maker": "0xb11b2eab7fd5d236cee7e839a1bd2eef4d39720a25a7baeba8ca6aea13d8d2a7",
    "informed": "0x75c80e79babe163ad139110c8858dc90b980e61ddf341597ab8e5987225dc04a",
}


def once(record):
    """Return the id of a round's first record, were markets named by their question, and as if the
    vault had only the limits that it once had."""
    questions = {market_of(0, leg.condition): leg.condition for leg in record.legs}
    questions |= {market_of(0, EVENT): EVENT}

    def renamed(parts):
        return tuple(replace(each, vault_market=questions[each.vault_market]) for each in parts)

    limits = record.sizing.limits
    if limits is not None:
        limits = {name: each for name, each in limits.items() if name not in NEW_LIMITS}
    plain = replace(
        record,
        sizing=replace(record.sizing, limits=limits),
        legs=renamed(record.legs),
        moves=renamed(record.moves),
        openings=renamed(record.openings),
        budgets={questions[name]: assets for name, assets in record.budgets.items()},
    )
    return salted(plain, f"{SALT}0").id


NEW_LIMITS = ("question cap", "velocity bps")
EVENT = "0x" + "77" * 31 + "00"
ONE = market(1)
TAIL = (ONE, quote("0.96", "0.97"))


def test_a_tail_is_bought_at_its_tiers_size():
    """Edge .9832*.999 + .0005 - .97 = .0127: tier mid, 75 bps of 100,000 = 750, 773 tokens: at
    .97 the venue takes whole ones alone."""
    (decision,) = run(view(TAIL), "tail").decisions
    record = decision.record
    assert decision.id == decision_id(record_json(record))
    assert once(record) == IDS["tail"]
    (leg,) = record.legs
    assert (leg.side, str(leg.price), leg.size) == ("BUY", "0.97", 773_000_000)
    assert (leg.exchange, leg.token) == (EXCHANGE, 2)
    assert record.budgets == {name_of(ONE): 749_810_000}  # .97 * 773
    assert record.sizing.binding == "tier mid"
    assert record.openings[0].class_id == 0 and record.openings[0].count == 1


def test_the_fee_is_part_of_cost_and_budget():
    fees = FeeSchedule(Decimal("0.04"), 1)
    taxed = market(1, fees=fees)
    (decision,) = run(view((taxed, TAIL[1])), "tail").decisions
    (leg,) = decision.record.legs
    # .04 * .5 * .5 a token: filled at one half, nine tenths of the cash come back, but only after
    # the fee was taken
    assert decision.record.budgets[name_of(taxed)] == leg.size * 97 // 100 + leg.size // 100
    assert leg.size == 765_000_000  # 749.99 / .98
    assert fees.most(leg.size, 970_000) == -(-leg.size * 4 * 97 * 3 // 10**6)


LIMITED = [
    ({"idle": 300 * MICRO}, "idle"),
    ({"idle": 1_000 * MICRO, "owed": 400 * MICRO, "asked": 300 * MICRO}, "idle"),
    ({"velocity": 300 * MICRO}, "velocity"),
    ({"recent": NAV - 300 * MICRO}, "velocity"),
    ({"velocity_bps": 30}, "velocity bps"),
    ({"total_cap": 300 * MICRO}, "total cap"),
    ({"total_cap_bps": 30}, "total cap bps"),
    ({"total_losses": NAV * 9_000 // BPS - 300 * MICRO}, "total cap bps"),
    ({"question_cap_bps": 30}, "question cap"),
    ({"elsewhere": {ONE.condition_id: 14_700 * MICRO}}, "question cap"),
    ({"classes": {0: replace(CLASS, market_cap=300 * MICRO)}}, "market cap"),
    ({"classes": {0: replace(CLASS, market_cap_bps=30)}}, "market cap bps"),
    ({"classes": {0: replace(CLASS, exposure=49_700 * MICRO)}}, "class cap"),
    ({"classes": {0: replace(CLASS, exposure=40_000 * MICRO, losses=9_700 * MICRO)}}, "class cap"),
    ({"classes": {0: replace(CLASS, class_cap_bps=30)}}, "class cap bps"),
]


@pytest.mark.parametrize(("change", "binding"), LIMITED)
def test_each_of_the_vaults_limits_binds_and_is_named(change, binding):
    (decision,) = run(view(TAIL, state=replace(STATE, **change)), "tail").decisions
    assert decision.record.sizing.binding == binding
    assert decision.record.budgets[name_of(ONE)] <= 300 * MICRO


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"state": replace(STATE, dealable=False)}, "not admitted leaves nothing"),
        ({"state": replace(STATE, closed=frozenset({name_of(ONE)}))}, "not admitted"),
        ({"state": replace(STATE, classes={0: replace(CLASS, retired=True)})}, "class retired"),
        ({"state": replace(STATE, idle=4 * MICRO)}, "least order"),
        ({"state": replace(STATE, max_buy_price=960_000)}, "highest price"),
        ({"busy": frozenset({name_of(ONE)})}, "task is open"),
        ({"decided": {name_of(ONE): NOW - 299}}, "a moment ago"),
        ({"day": Day(100, 96)}, "daily loss"),
        ({"day": Day(100, 100, NOW - 60)}, "cooldown"),
    ],
)
def test_what_stands_against_a_proposal_is_said(change, why):
    found = run(view(TAIL, **change), "tail")
    assert found.decisions == ()
    assert why in found.passed[0].why


def test_a_wallet_serves_one_market_and_two_markets_need_two():
    """Delegated markets: none without a wallet, as many as wallets, and one that has its own."""
    two = market(2)
    pairs = (TAIL, (two, quote("0.96", "0.97")))
    delegated = replace(STATE, classes={0: replace(CLASS, delegated=True)})
    found = run(view(*pairs, state=delegated), "tail")
    assert not found.decisions and "wallets leaves nothing" in found.passed[0].why
    (only,) = run(view(*pairs, state=replace(delegated, free_wallets=1)), "tail").decisions
    assert len(run(view(*pairs, state=replace(delegated, free_wallets=2)), "tail").decisions) == 2
    (name,) = only.record.budgets
    question = only.record.legs[0].condition
    account = held(0, {question: (0, 0)}, wallet="0x" + "cc" * 20)
    again = replace(delegated, markets={name: account})
    (decision,) = run(view(*pairs, state=again), "tail").decisions
    assert list(decision.record.budgets) == [name]


def test_what_would_stay_in_the_account_is_not_planned_for_a_wallets_market():
    @dataclass(frozen=True)
    class Splitter:
        name: str = "splitter"

        def propose(self, seen, room):
            leg = Leg(ONE, YES, Side.SELL, 960_000, 10 * MICRO)
            moves = (Move(MoveKind.SPLIT, ONE, 10 * MICRO),)
            return [Proposal("splitter", (leg,), moves=moves, sized=True)]

    assert run(view(TAIL), Splitter()).decisions
    delegated = replace(STATE, classes={0: replace(CLASS, delegated=True)}, free_wallets=1)
    found = run(view(TAIL, state=delegated), Splitter())
    assert not found.decisions and "out of its wallet's reach" in found.passed[0].why


def test_of_two_classes_of_one_oracle_the_first_with_room_is_used():
    """K9: class 0 with a cap of 0, retired or lost; where the market is open, that class counts."""
    open_class = replace(CLASS, market_cap=5_000 * MICRO)
    for used_up in (
        {"market_cap": 0},
        {"market_cap_bps": 0},
        {"class_cap_bps": 0},
        {"retired": True},
        {"exposure": CLASS.class_cap},
        {"losses": CLASS.class_cap},
    ):
        state = replace(STATE, classes={1: open_class, 0: replace(CLASS, **used_up)})
        (decision,) = run(view(TAIL, state=state), "tail").decisions
        assert list(decision.record.budgets) == [market_of(1, ONE.question_key)]
    both = replace(STATE, classes={1: open_class, 0: CLASS})
    assert view(TAIL, state=both).class_of(ONE) == 0
    here = {market_of(0, ONE.question_key): held(MICRO, {ONE.condition_id: (5, 0)})}
    kept = replace(state, markets=here)
    assert view(TAIL, state=kept).class_of(ONE) == 0, "what is held there can be sold"
    assert view(TAIL, state=kept).held(ONE) == (5, 0)
    there = {market_of(1, ONE.question_key): held(0, {ONE.condition_id: (7, 0)}, number=1)}
    twice = replace(kept, markets=here | there)
    assert view(TAIL, state=twice).held(ONE) == (7, 0), "open in both: the one that has room"


def test_a_foreign_oracle_is_no_class_of_ours():
    stranger = market(1, oracle="0x" + "99" * 20)
    assert run(view((stranger, TAIL[1])), "tail") == decide(
        view((stranger, TAIL[1])), [], rules(), SALT
    )


def test_the_same_question_in_another_class_counts_for_the_portfolio():
    """14,900 of 15,000 that the event's cap admits are another class's."""
    state = replace(STATE, elsewhere={ONE.condition_id: 14_900 * MICRO}, question_cap_bps=BPS)
    (decision,) = run(view(TAIL, state=state), "tail").decisions
    assert decision.record.sizing.binding == "event event 1"
    assert sum(decision.record.budgets.values()) <= 100 * MICRO


MARKED = replace(STATE, marks_required=True)


def test_where_orders_need_a_mark_a_market_is_opened_first():
    """The proposal comes to an opening; once a report has marked the market, to a decision."""
    found = run(view(TAIL, state=MARKED), "tail")
    assert not found.decisions and "fresh mark" in found.passed[0].why
    (opening,) = found.openings
    assert (opening.vault_market, opening.class_id, opening.count) == (name_of(ONE), 0, 1)
    unmarked = held(0, {ONE.condition_id: (0, 0)})
    waiting = run(view(TAIL, state=replace(MARKED, markets={name_of(ONE): unmarked})), "tail")
    assert (waiting.decisions, waiting.openings) == ((), ())
    marked = replace(unmarked, marks={ONE.condition_id: (960_000, 970_000)})
    ready = run(view(TAIL, state=replace(MARKED, markets={name_of(ONE): marked})), "tail")
    assert len(ready.decisions) == 1 and ready.openings == ()


def test_openings_count_as_open_markets():
    pairs = [(market(number), TAIL[1]) for number in (1, 2, 3)]
    found = run(view(*pairs, state=MARKED), "tail", max_open=2)
    assert len(found.openings) == 2
    assert "open markets leaves nothing" in found.passed[-1].why


@pytest.mark.parametrize(
    ("mark", "why"),
    [
        ((930_000, 940_000), ""),  # .97 is just within .94 + .03
        ((929_000, 939_999), "above the band around the mark, 939999"),
    ],
)
def test_a_price_outside_the_band_around_the_mark_is_not_proposed(mark, why):
    marked = held(0, {ONE.condition_id: (0, 0)}, marks={ONE.condition_id: mark})
    state = replace(MARKED, price_band=30_000, markets={name_of(ONE): marked})
    found = run(view(TAIL, state=state), "tail")
    assert why in "".join(each.why for each in found.passed)
    assert len(found.decisions) == (0 if why else 1)


def test_of_no_the_marks_are_turned_round():
    """NO of .10 to .11 is .89 to .90: sold at .86 it is within the band of .03, at .859 not."""

    @dataclass(frozen=True)
    class Seller:
        price: int
        name: str = "seller"

        def propose(self, seen, room):
            leg = Leg(ONE, NO, Side.SELL, self.price, 10 * MICRO)
            return [Proposal("seller", (leg,), sized=True)]

    fine = market(1, tick=Decimal("0.001"))
    marks = {ONE.condition_id: (100_000, 110_000)}
    mine = held(0, {ONE.condition_id: (0, 9)}, marks=marks)
    state = replace(MARKED, price_band=30_000, markets={name_of(ONE): mine})
    seen = view((fine, quote("0.10", "0.11")), state=state)
    assert run(seen, Seller(860_000)).decisions
    assert "below the band around the mark, 890000" in run(seen, Seller(850_000)).passed[0].why


def test_an_event_never_takes_more_than_fifteen_percent():
    """Three markets of one event: two at 750 are held; the event's cap is 16 bps here."""
    many = [replace(market(number), event="cup") for number in (1, 2, 3)]
    found = run(
        view(*((each, TAIL[1]) for each in many)), "tail", limits=PortfolioLimits(event_bps=160)
    )
    assert [d.record.sizing.binding for d in found.decisions] == [
        "tier mid", "tier mid", "event cup",
    ]  # fmt: skip
    spent = sum(sum(d.record.budgets.values()) for d in found.decisions)
    assert spent <= NAV * 160 // BPS


def test_what_is_at_stake_already_counts():
    mine = held(700 * MICRO, {ONE.condition_id: (721 * MICRO, 0)})
    state = replace(STATE, markets={name_of(ONE): mine}, total_exposure=700 * MICRO)
    (decision,) = run(view(TAIL, state=state), "tail").decisions
    assert sum(decision.record.budgets.values()) <= 50 * MICRO
    assert decision.record.openings == ()


def test_two_independent_sources_and_a_signal():
    """Fair .59 (.40 moved by both), ask .50: edge .07. One source: tier mid; two: high."""
    middle = market(1)
    pair = (middle, quote("0.49", "0.50"))
    informed = make_pack("informed", {"weights": {"a": 0.5, "b": 0.5}, "margin": 0.02})

    def forecasts(*sources):
        return {
            middle.condition_id: [
                Given(name, middle.condition_id, 0.65, NOW, NOW) for name in sources
            ]
        }

    one = run(view(pair, forecasts=forecasts("a")), informed).decisions[0].record
    two = run(view(pair, forecasts=forecasts("a", "b")), informed).decisions[0].record
    assert (one.sizing.binding, two.sizing.binding) == ("tier mid", "tier high")
    assert once(one) == IDS["informed"]
    signal = make_pack("signal", {"sources": ["whale"]})
    lifted = run(view(pair, forecasts=forecasts("a", "whale")), informed, signal)
    assert lifted.decisions[0].record.sizing.binding == "tier high"
    assert run(view(pair, forecasts=forecasts("whale")), informed, signal).decisions == ()


def test_a_forecast_far_from_the_market_needs_a_reason():
    middle = market(1)
    pair = (middle, quote("0.10", "0.11"))
    seen = view(
        pair, forecasts={middle.condition_id: [Given("a", middle.condition_id, 0.9, NOW, NOW)]}
    )
    weights = {"weights": {"a": 1.0}}
    assert run(seen, make_pack("informed", weights)).decisions == ()
    reason = {"reasons": {middle.condition_id: "the rule text says so"}}
    assert len(run(seen, make_pack("informed", weights | reason)).decisions) == 1


def test_a_dutch_book_takes_both_levels_of_the_table():
    """AGENT.md 2.1: YES .47 x 100, .49 x 200; NO .50 x 150: 3.5."""
    each = market(1)
    yes = Book(asks=(Level(470_000, 100 * MICRO), Level(490_000, 200 * MICRO)), seen_at=NOW)
    no = Book(asks=(Level(500_000, 150 * MICRO),), seen_at=NOW)
    seen = replace(view((each, yes)), books={2: yes, 3: no})
    (decision,) = run(seen, "dutch").decisions
    record = decision.record
    assert record.numbers["profit"] == 3_500_000 and record.sure
    assert once(decision.record) == IDS["dutch"]
    assert [(str(leg.price), leg.size // MICRO) for leg in record.legs] == [
        ("0.47", 100), ("0.49", 50), ("0.5", 150),
    ], "the order at .49 would take what is there for the one at .47"  # fmt: skip
    (move,) = record.moves
    assert (move.kind, move.amount) == (MoveKind.MERGE, 150 * MICRO)
    assert (move.vault_market, move.condition) == (name_of(each), each.condition_id)
    # the mirrored book of an honest market holds no arbitrage, though each order shows twice
    assert run(view((each, quote("0.47", "0.49"))), "dutch").decisions == ()


def test_an_incomplete_event_is_no_arbitrage_until_somebody_has_checked_it():
    event_id = EVENT
    many = [
        market(number, negative_risk=True, event_id=event_id,
               question_id=event_id[:-2] + f"{number:02x}")
        for number in (1, 2, 3)
    ]  # fmt: skip
    classes = {0: replace(CLASS, oracle=NEGATIVE)}
    seen = view(
        *((each, quote("0.28", "0.30", 500)) for each in many),
        state=replace(STATE, classes=classes),
        negative_risk_oracle=NEGATIVE,
    )
    assert run(seen, "dutch").decisions == ()
    checked = make_pack("dutch", {"exhaustive": [event_id]})
    (decision,) = run(seen, checked).decisions
    # three for .90, which pay 1; void would pay three halves
    assert decision.record.numbers["profit"] == 500 * MICRO // 10
    assert {leg.exchange for leg in decision.record.legs} == {NEGATIVE}
    assert once(decision.record) == IDS["event"]
    opening = decision.record.openings[0]
    assert (opening.question_id, opening.count) == (event_id, 4)
    fourth = market(4, negative_risk=True, event_id=event_id, question_id=event_id[:-2] + "04")
    without_book = replace(seen, markets={**seen.markets, fourth.condition_id: fourth})
    assert run(without_book, checked).decisions == (), "the fourth may win"


def test_a_ladder_that_contradicts_itself_is_bought():
    """Above 245 at .54 bid (NO .46), above 240 at .40: YES_240 .40 + NO_245 .46 = .86."""
    low, high = (replace(market(number), event="one") for number in (1, 2))
    relation = {
        "kind": "implies",
        "members": [high.condition_id, low.condition_id],
        "reviewer": "a person",
    }
    pack = make_pack("bundle", {"relations": [relation]})
    seen = view((low, quote("0.38", "0.40", 120)), (high, quote("0.54", "0.56", 200)))
    (decision,) = run(seen, pack).decisions
    assert decision.record.numbers["profit"] == 120 * MICRO * 14 // 100
    assert decision.record.numbers["why"] == "relations by a person"
    assert once(decision.record) == IDS["ladder"]
    with pytest.raises(BadParameters, match="proof or a reviewer"):
        make_pack("bundle", {"relations": [relation | {"reviewer": ""}]})


@pytest.mark.parametrize("kind", ["implies", "equal"])
@pytest.mark.parametrize(
    ("events", "protocol", "bought"),
    [
        (("one", "one"), Protocol.V1, True),
        (("one", "other"), Protocol.V1, False),
        (("", ""), Protocol.V1, False),
        (("one", "one"), Protocol.V2, False),
    ],
    ids=["one event", "two events", "unknown events", "settled at any price"],
)
def test_only_markets_of_one_event_are_voided_together(kind, events, protocol, bought):
    """Q27: NO of the first at .40 and YES of the second at .54 pay 1 where both settle; where the
    second alone is void, they pay a half, and 44 of 94 are lost."""
    made = market if protocol is Protocol.V1 else lambda number: _position_market(bytes([number]))
    first, second = (
        replace(made(number), event=event) for number, event in zip((1, 2), events, strict=True)
    )
    members = [first.condition_id, second.condition_id]
    pack = make_pack("bundle", {"relations": [{"kind": kind, "members": members, "reviewer": "a"}]})
    books_ = (first, quote("0.60", "0.62", 100)), (second, quote("0.52", "0.54", 100))
    module = None if protocol is Protocol.V1 else Module.BINARY
    state = replace(STATE, classes={0: replace(CLASS, module=module)})
    proposals = pack.propose(view(*books_, state=state), lambda each: (10**10, "room"))
    assert [each.numbers["profit"] for each in proposals] == [6 * MICRO] * bought
    assert all(each.sure for each in proposals)


def test_what_is_voided_in_too_many_ways_is_refused_or_not_sure():
    """Of fourteen markets any may be YES; of fourteen events any may be void."""
    names = [market(number).condition_id for number in range(1, 15)]
    free = {"kind": "exhaustive", "members": names, "reviewer": "a"}
    with pytest.raises(BadParameters, match="4096 states"):
        make_pack("bundle", {"relations": [free]})
    one = {"kind": "exclusive", "members": names, "reviewer": "a"}
    pack = make_pack("bundle", {"relations": [one]})
    many = [(market(number), quote("0.60", "0.62", 100)) for number in range(1, 15)]
    assert pack.propose(view(*many), lambda each: (10**10, "room")) == []


def test_a_maker_quotes_around_fair_and_leans_against_its_inventory():
    each = market(1)
    pack = make_pack(
        "maker", {"markets": [each.condition_id], "half_spread": 0.02, "aversion": 0.0005}
    )
    pair = (each, quote("0.49", "0.51"))
    record = run(view(pair), pack).decisions[0].record
    prices = {leg.outcome: leg.price for leg in record.legs}
    assert prices == {"Yes": Decimal("0.48"), "No": Decimal("0.48")}
    assert once(record) == IDS["maker"]
    assert record.resting and {leg.kind for leg in record.legs} == {"POST"}
    mine = held(0, {each.condition_id: (300 * MICRO, 0)})
    long = run(view(pair, state=replace(STATE, markets={name_of(each): mine})), pack)
    leaning = {leg.outcome: leg.price for leg in long.decisions[0].record.legs}
    assert leaning["Yes"] < prices["Yes"] and leaning["No"] >= prices["No"]


def test_a_hedge_takes_the_cheaper_way_out():
    """12,000 YES at .90 are 10.8 % of NAV, 7 % may stay. Selling brings .90; buying NO at .11 and
    merging leaves .89, at .089 it leaves .911."""
    each = market(1)
    yes = Book((Level(900_000, 9_000 * MICRO),), (Level(910_000, 9_000 * MICRO),), NOW)
    cheap = replace(mirror(yes), asks=(Level(90_000, 9_000 * MICRO),))
    dear = replace(mirror(yes), asks=(Level(110_000, 9_000 * MICRO),))
    mine = held(4_000 * MICRO, {each.condition_id: (12_000 * MICRO, 0)})
    state = replace(STATE, markets={name_of(each): mine})
    base = view((each, yes), state=state)
    sold = run(replace(base, books={2: yes, 3: dear}), "hedge").decisions[0].record
    assert (sold.legs[0].side, sold.legs[0].price) == ("SELL", Decimal("0.9"))
    assert sold.legs[0].size == 4_222_220_000  # (10,800 - 7,000) / .9
    cheaper = replace(cheap, asks=(Level(89_000, 9_000 * MICRO),))
    bought = run(replace(base, books={2: yes, 3: cheaper}), "hedge").decisions[0].record
    assert (bought.legs[0].side, bought.moves[0].kind) == ("BUY", "merge")


def test_packs_are_found_by_name_and_refuse_what_they_do_not_know():
    names = {"tail", "dutch", "bundle", "informed", "signal", "maker", "hedge"}
    assert names <= set(installed())
    with pytest.raises(UnknownPack, match=r"installed: .*bundle"):
        make_pack("noise", {})
    with pytest.raises(BadParameters, match="hihg"):
        make_pack("tail", {"hihg": 1})
    with pytest.raises(BadParameters, match="high"):
        make_pack("tail", {"high": "often"})


def test_the_same_view_gives_the_same_records_and_another_salt_others():
    first, again = run(view(TAIL), "tail"), run(view(TAIL), "tail")
    assert first == again
    other = decide(view(TAIL), [make_pack("tail", {})], rules(), "other")
    assert other.decisions[0].id != first.decisions[0].id
    assert replace(first.decisions[0].record, salt="") == replace(
        other.decisions[0].record, salt=""
    )


prices = st.integers(1, 98)


@settings(max_examples=150)
@given(
    st.lists(st.tuples(prices, st.integers(1, 30), st.integers(1, 5_000)), min_size=1, max_size=6),
    st.integers(0, 100_000),
    st.integers(0, 10_000),
)
def test_whatever_the_books_no_limit_is_crossed(quotes, idle, owed):
    """All packs on random books: budgets stay within idle, market, event and total caps."""
    pairs = []
    for number, (bid, spread, tokens) in enumerate(quotes, 1):
        ask = min(99, bid + spread)
        cents = (Decimal(bid) / 100, Decimal(ask) / 100)
        pairs.append((market(number), quoted(*cents, tokens * MICRO)[0]))
    state = replace(STATE, idle=idle * MICRO, owed=owed * MICRO)
    names = [each.condition_id for each, _ in pairs]
    relations = [
        {"kind": "implies", "members": [high, low], "reviewer": "test"}
        for low, high in pairwise(names)
    ]
    packs = (make_pack("bundle", {"relations": relations}), "dutch", "tail", "hedge",
             make_pack("maker", {"markets": names}))  # fmt: skip
    found = run(view(*pairs, state=state), *packs)
    budgets = [each.record.budgets for each in found.decisions]
    assert sum(sum(each.values()) for each in budgets) <= max(0, idle - owed) * MICRO
    by_market = {}
    for each in budgets:
        for name, assets in each.items():
            by_market[name] = by_market.get(name, 0) + assets
    assert max(by_market.values(), default=0) <= 5_000 * MICRO
    for decision in found.decisions:
        assert decision.id == decision_id(record_json(decision.record))
        if decision.record.sure:
            assert decision.record.numbers["profit"] > 0


def test_views_come_back_from_parquet_as_they_were(tmp_path):
    mine = held(7, {ONE.condition_id: (1, 2)}, marks={ONE.condition_id: (3, 4)}, tradable=False,
                resolved=frozenset({ONE.condition_id}), collateral=8, reserved=9)  # fmt: skip
    state = replace(STATE, markets={name_of(ONE): mine}, closed=frozenset({"0x12"}),
                    elsewhere={"0x13": 5})  # fmt: skip
    given = {ONE.condition_id: [Given("a", ONE.condition_id, 0.25, NOW, NOW, {"k": 1})]}
    empty = (market(2), Book())
    seen = view(TAIL, empty, state=state, forecasts=given, busy=frozenset({"0x1"}),
                decided={"0x1": 5}, day=Day(1, 2, 3), negative_risk_oracle=NEGATIVE)  # fmt: skip
    recorder = Recorder(tmp_path, "the salt")
    recorder.see(seen)
    recorder.see(replace(seen, now=NOW + 1))
    Recorder(tmp_path, "the salt").see(replace(seen, now=NOW + 2))  # a restart goes on
    back = list(replay(tmp_path))
    assert [each.now for each in back] == [NOW, NOW + 1, NOW + 2]
    assert back[0] == seen and (tmp_path / "salt").read_text() == "the salt"


def test_paper_fills_are_what_the_book_offers_to_the_limit():
    """100 at .40 and 50 of 200 at .42 under a limit of .42, fee .04 p (1 - p), each level up."""
    book = Book(asks=(Level(400_000, 100 * MICRO), Level(420_000, 200 * MICRO),
                      Level(430_000, 900 * MICRO)))  # fmt: skip
    fees = FeeSchedule(Decimal("0.04"), 1)
    leg = replace(LEG, price=Decimal("0.42"), size=150 * MICRO)
    cash = 40_000_000 + 21_000_000 + 960_000 + 487_200
    assert sweep(book, leg, fees) == (150 * MICRO, cash)
    assert sweep(book, replace(leg, size=500 * MICRO), FeeSchedule())[0] == 300 * MICRO
    sale = replace(leg, price=Decimal("0.38"), side=Side.SELL)
    bids = Book(bids=(Level(390_000, 100 * MICRO), Level(370_000, 100 * MICRO)))
    assert sweep(bids, sale, FeeSchedule()) == (100 * MICRO, 39 * MICRO)
    (decision,) = run(view(TAIL), "tail").decisions
    seen = view(TAIL)
    look = Look(NOW, seen.markets, seen.books, {})
    (fill,) = fills_of(decision.record, look.markets, look.books)
    assert (fill.size, fill.cash) == (773_000_000, 749_810_000)
    resting = replace(decision.record, resting=True)
    assert fills_of(resting, look.markets, look.books) is None, "nobody knows the queue"
    assert resting.id != decision.id


def _position_market(data=b"\x42"):
    condition = binary_condition(data)
    return replace(
        MARKET,
        condition_id=condition + "00",
        question_id=condition + "00",
        oracle="",
        token_ids=(position_of(condition, YES), position_of(condition, NO)),
        protocol=Protocol.V2,
    )


def test_a_market_goes_to_a_class_whose_accounts_hold_its_protocol():
    """By protocol and module, even where a class of V1 names the same oracle (none here)."""
    market = _position_market()
    older = replace(CLASS, oracle="")
    newer = replace(CLASS, oracle="0x" + "77" * 20, module=Module.BINARY)
    events = replace(newer, module=Module.NEGATIVE_RISK)
    of = {0: older, 1: events, 2: newer}
    seen = view(state=replace(STATE, classes=of))
    assert seen.class_of(market) == 2
    assert seen.class_of(replace(MARKET, oracle="")) == 0
    assert view(state=replace(STATE, classes={0: older})).class_of(market) is None


def test_a_class_of_another_protocol_is_refused_by_that_name():
    market = _position_market()
    only_v1 = view((market, quote("0.03", "0.04")), state=STATE)
    assert only_v1.why_no_class(market).endswith("accounts that hold tokens of protocol v2")
    assert "holds" not in only_v1.why_no_class(MARKET)


def test_orders_on_positions_are_for_exchange_v3():
    exchanges = Exchanges(EXCHANGE, NEGATIVE, position_exchange="0x" + "33" * 20)
    market = _position_market()
    assert exchanges.of(market) == "0x" + "33" * 20
    assert exchanges.of(replace(market, negative_risk=True)) == "0x" + "33" * 20
    assert exchanges.of(MARKET) == EXCHANGE
    assert Exchanges(EXCHANGE, NEGATIVE).of(market) == "", "never another's"
