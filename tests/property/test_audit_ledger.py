"""The auditor's ledger over random lives: it agrees with the contracts to the unit, and each of
many seeded corruptions of the logs is found: at its place, or at the last block at the latest."""

import random

import pytest
from msgspec.structs import replace
from strongroom.audit.permissions import Limit

from tests.property.audited import audit, calls_of, events_of, found_at_last, wrongly_called
from tests.property.life import WORLDS, Life, begin
from tests.property.world import DAY, DEPOSIT, HOUR, OPEN, UNIT, YES, World
from tests.seeds import SEED, enough

LIVES, STEPS = 36, 300


def lived(first_seed):
    """Return worlds that have lived, and their transactions; some are wound down."""
    found = []
    for number in range(LIVES):
        chance = random.Random(first_seed + number)
        life = Life(watched=False, **WORLDS[number % len(WORLDS)])
        begin(life)
        for step in range(STEPS):
            life.step(chance, late=number % 3 == 0 and step > STEPS * 2 // 3)
        found.append((life.world, events_of(life.world)))
    return found


@pytest.fixture(scope="module")
def lives():
    """With fixed seeds always the same: each corruption below has its place in one of them."""
    return lived(SEED)


def test_the_books_are_the_contracts_over_random_lives(lives):
    reports = events = 0
    for world, transactions in lives:
        ledger = audit(world, transactions)
        assert ledger.differences == []
        assert found_at_last(world, ledger) == []
        assert wrongly_called(calls_of(world), transactions) == []
        reports += ledger.reports
        events += ledger.events
    assert enough(reports, 600) and enough(events, 5_000)


# one field of one event


def change(**changes):
    """Return a mutation of one event's fields: numbers are added, the rest replaced."""

    def mutate(event):
        new = {}
        for name, by in changes.items():
            old = getattr(event, name)
            new[name] = by(old) if callable(by) else old + by
        return replace(event, **new)

    return mutate


def first(by):
    return lambda items: (items[0] + by, *items[1:])


def has(**conditions):
    """Return a condition on an event's fields."""
    return lambda event, _: all(test(getattr(event, name)) for name, test in conditions.items())


def beside(*names, none=()):
    """Return a condition on the other events of a transaction."""

    def holds(event, group):
        there = {each.name for each in group}
        return set(names) <= there and not set(none) & there

    return holds


def any_event(event, group):
    return True


def is_sent(event, group):
    """Whether a transfer is neither a mint nor a burn."""
    return int(event.sender, 16) != 0 and int(event.receiver, 16) != 0


CLAIM = beside("Transfer", none=("DepositRequestCancelled",))
OUT = beside(none=("RedeemRequestCancelled",))
BIG = 10**30
BID, ASK = 1 << 85, 1 << 170  # places in a book
HIGH = 2 * 10**18 << 64  # an ask of YES of two
OTHER = "0x" + "77" * 20
# name -> (event, condition, mutation, what is named)
CORRUPTIONS = {
    "a claim of one share too many": ("Deposit", CLAIM, change(shares=1), "Deposit.shares"),
    "a claim of one unit too many": ("Withdraw", OUT, change(assets=1), "Withdraw.assets"),
    "a request of another epoch": (
        "DepositRequest", has(request_id=lambda n: n > 1), change(request_id=-1),
        "DepositRequest.requestId"),
    "a cancelled request that was larger": (
        "DepositRequestCancelled", any_event, change(assets=-1), "DepositRequestCancelled.assets"),
    "a request taken back that nobody made": (
        "DepositRequestCancelled", any_event, change(controller=lambda who: OTHER),
        "DepositRequestCancelled.assets"),
    "shares requested that were not moved": (
        "RedeemRequest", any_event, change(shares=1), "Transfer.value: shares of a request"),
    "a cancelled redemption that was smaller": (
        "RedeemRequestCancelled", any_event, change(shares=1), "RedeemRequestCancelled.shares"),
    "shares sent that nobody had": (
        "Transfer", is_sent, change(value=BIG), "Transfer.value"),
    "shares out of the vault for nothing": (
        "Transfer", beside(none=("Deposit", "RedeemRequest", "RedeemRequestCancelled", "Dealt",
                                 "RedeemedInKind")), "from the vault", "Transfer.value"),
    "an epoch settled short": ("EpochSettled", any_event, change(taken=-1), "EpochSettled.taken"),
    "one given too many": ("EpochSettled", any_event, change(given=1), "EpochSettled.given"),
    "one left too few": ("EpochSettled", any_event, change(left=-1), "EpochSettled.left"),
    "another epoch settled": ("EpochSettled", any_event, change(epoch=1), "EpochSettled.epoch"),
    "another price handed back": (
        "EpochHandedBack", any_event, change(price=1), "EpochHandedBack.price"),
    "an anchor one lower": ("EpochClosed", any_event, change(anchor=-1), "EpochClosed.anchor"),
    "an epoch of one more": ("EpochClosed", any_event, change(amount=1), "EpochClosed.amount"),
    "a management fee rounded up": (
        "FeesAccrued", has(management=bool), change(management=1), "FeesAccrued.management"),
    "a performance fee on nothing": (
        "FeesAccrued", any_event, change(performance=1), "FeesAccrued.performance"),
    "fee shares rounded up": (
        "FeesAccrued", has(shares=bool), change(shares=1), "FeesAccrued.shares"),
    "a lowered high-water mark": (
        "FeesAccrued", any_event, change(high_water_mark=-1), "FeesAccrued.high_water_mark"),
    "a NAV off by one at the bid": ("Dealt", any_event, change(nav_bid=1), "Dealt.nav_bid"),
    "a NAV off by one at the ask": ("Dealt", any_event, change(nav_ask=-1), "Dealt.nav_ask"),
    "another supply": ("Dealt", any_event, change(supply=1), "Dealt.supply"),
    "a bid one higher": ("Dealt", any_event, change(bid=1), "Dealt.bid"),
    "an ask one lower": ("Dealt", any_event, change(ask=-1), "Dealt.ask"),
    "more room for deposits": ("Dealt", any_event, change(room=1), "Dealt.room"),
    "a market worth one unit more": (
        "Reported", has(books=lambda books: any((book >> 85) % 2**85 < book % 2**85
                                                for book in books[:1])),
        change(books=first(BID)), ("Dealt.nav_bid", "FeesAccrued.")),
    "a market worth more than its cost": (
        "Reported", has(books=lambda books: any((book >> 85) % 2**85 == book % 2**85
                                                for book in books[:1])),
        change(books=first(BID)), "Reported.books: bid above cost"),
    "a market of other cost": (
        "Reported", has(books=len), change(books=first(1)), "Reported.books"),
    "a market missing": (
        "Reported", has(books=len), change(markets=lambda them: them[:-1]), "Reported.markets"),
    "a book missing": (
        "Reported", has(books=len), change(books=lambda them: them[:-1]),
        "Reported.books: markets"),
    "a mark missing": (
        "Reported", has(words=len), change(words=lambda them: them[:-1]),
        "Reported.words: conditions"),
    "an ask above one": (
        "Reported", has(words=lambda words: bool(words) and bool(words[0])),
        change(words=first(HIGH)), "Reported.words: marks"),
    "a mark of another report": (
        "Reported", has(words=lambda words: bool(words) and bool(words[0])),
        change(words=first(1 << 128)), "Reported.words: number"),
    "an account that does not answer and is worth more": (
        "Reported", beside("Unanswered"), "worth a unit", "Reported.books: "),
    "exposure one unit less": ("Allocated", any_event, change(exposure=-1), "Allocated.exposure"),
    "a budget beyond the caps": (
        "Allocated", any_event, change(assets=BIG, exposure=BIG), "Allocated.assets"),
    "a recall that leaves more": ("CameHome", any_event, change(exposure=1), "CameHome.exposure"),
    "profit that was cost": (
        "CameHome", has(cost=lambda cost: cost > 1), change(cost=-1, exposure=1), "CameHome.cost"),
    "money home of another account": (
        "CameHome", any_event, change(account=lambda it: OTHER), "CameHome"),
    "a smaller loss": ("MarketClosed", has(loss=bool), change(loss=-1), "MarketClosed.loss"),
    "another account closed": (
        "MarketClosed", any_event, change(account=lambda it: OTHER), "MarketClosed.account"),
    "more written off": (
        "MarketClosed", any_event, change(written_off=1), "MarketClosed.written_off"),
    "an account swept that still stands for something": (
        "Swept", has(emptied=bool), change(remains=1), "Swept.remains"),
    "more in kind than the part": (
        "RedeemedInKind", any_event, change(assets=1), "RedeemedInKind.assets"),
    "in kind of a smaller whole": (
        "RedeemedInKind", any_event, change(supply=-1), "RedeemedInKind.supply"),
    "an exit fee one too low": ("RedeemedInKind", any_event, change(part=1), "RedeemedInKind.part"),
    "in kind for another's shares": (
        "RedeemedInKind", any_event, change(owner=lambda it: OTHER), "RedeemedInKind"),
    "in kind at less cost": ("PaidInKind", has(cost=bool), change(cost=-1), "PaidInKind.cost"),
    "fee recipients that get more than all": (
        "FeeRecipientsSet", any_event,
        change(recipients=lambda r: ((r[0][0], r[0][1] + 1), *r[1:])), "FeeRecipientsSet"),
    "a market of too long a life": (
        "MarketOpened", any_event, change(deadline=10**9), "MarketOpened.deadline"),
    "a market by another name": (
        "MarketOpened", any_event, change(class_id=1), "MarketOpened.market"),
    "a market on another question": (
        "MarketOpened", any_event, change(question_id=lambda it: "0x" + "01" * 32),
        "MarketOpened.question"),
    "a winding down by nobody": (
        "WindDown", any_event, change(account=lambda it: OTHER), "WindDown.account"),
}  # fmt: skip


def mutated(world, event, mutation):
    """Return an event changed; words stand for what needs the world."""
    if mutation == "from the vault":
        return replace(event, sender=world.vault.address.lower())
    if mutation == "worth a unit":
        books = tuple(book + BID if book % 2**85 else book + ASK for book in event.books)
        return replace(event, books=books)
    return mutation(event)


def corrupted(lives, event_name, condition, mutation):
    """Return a life's ledger after one event was changed, and the event."""
    for world, transactions in lives:
        for number, (time, group) in enumerate(transactions):
            for place, event in enumerate(group):
                if event.name == event_name and condition(event, group):
                    other = mutated(world, event, mutation)
                    changed = [*group[:place], other, *group[place + 1 :]]
                    return audit_until(world, transactions, number, (time, changed)), event
    return None, None


def audit_until(world, transactions, number, last):
    """Return the books up to a transaction, with another in its place."""
    return audit(world, [*transactions[:number], last])


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_each_corruption_is_found_at_its_block_and_field(lives, name):
    event_name, condition, mutation, what = CORRUPTIONS[name]
    ledger, event = corrupted(lives, event_name, condition, mutation)
    if event is None:
        assert SEED, f"no {event_name} of this kind in any life"
        return
    found = ledger.differences[0]
    assert (found.block, found.transaction) == (event.block, event.transaction)
    assert found.what.startswith(what), found


def test_the_audit_goes_on_where_the_books_are_below_nothing(lives):
    """After a budget that no vault has, NAV is below nothing."""
    event_name, _, mutation, what = CORRUPTIONS["a budget beyond the caps"]
    for world, transactions in lives:
        for number, (time, group) in enumerate(transactions):
            if group[0].name == event_name:
                changed = (time, [mutation(group[0]), *group[1:]])
                ledger = audit(
                    world, [*transactions[:number], changed, *transactions[number + 1 :]]
                )
                assert ledger.differences[0].what.startswith(what)
                return
    raise AssertionError("nothing was allocated")


LIMITED = {
    "a deposit dealt at another world's price": (Limit.MAX_UP_BPS, 0, "EpochHandedBack: logged"),
    "a redemption dealt at another world's price": (
        Limit.MAX_DOWN_BPS, 0, "EpochHandedBack: logged"),
    "a deposit that should have waited": (Limit.MAX_PREMIUM_BPS, 0, "EpochSettled"),
    "too much room": (Limit.INFLOW_FLOOR, 0, "Dealt.room"),
    "an exit fee too low": (Limit.EXIT_FEE_BPS, 100, "RedeemedInKind.part"),
    "a report too soon": (Limit.MIN_REPORT_INTERVAL, 10**9, "Dealt: time since"),
    "a budget while NAV is stale": (Limit.MAX_REPORT_AGE, 0, "Allocated: while stale"),
    "a question too large": (Limit.QUESTION_CAP_BPS, 0, "Allocated.assets: question cap bps"),
    "a total cap crossed": (Limit.TOTAL_CAP, 0, "Allocated.assets: total cap"),
    "a total cap in bps crossed": (Limit.TOTAL_CAP_BPS, 0, "Allocated.assets: total cap bps"),
    "a day too quick": (Limit.VELOCITY, 0, "Allocated.assets: velocity"),
    "a day too quick in bps": (Limit.VELOCITY_BPS, 0, "Allocated.assets: velocity bps"),
    "a budget in a drawdown": (Limit.MAX_DRAWDOWN_BPS, 0, "Allocated: in a drawdown"),
}  # fmt: skip


@pytest.mark.parametrize("name", LIMITED)
def test_what_crosses_a_limit_is_found(lives, name):
    """As if the owner had set another limit than the one that the vault kept to."""
    limit, value, what = LIMITED[name]
    for world, transactions in lives:
        tampered = [
            (
                time,
                [
                    replace(each, new_value=value)
                    if each.name == "LimitSet" and each.limit == limit
                    else each
                    for each in group
                ],
            )
            for time, group in transactions
        ]
        if any(each.what.startswith(what) for each in audit(world, tampered).differences):
            return
    assert SEED, f"nothing found for {name}"


def test_a_cap_of_a_class_that_was_crossed_is_found(lives):
    for what in ("market", "class"):
        for world, transactions in lives:
            field = {"market": "market_cap", "class": "class_cap"}[what]
            tampered = [
                (time, [replace(e, **{field: 1}) if e.name == "ClassCapsSet" else e for e in group])
                for time, group in transactions
            ]
            found = audit(world, tampered).differences
            if any(each.what == f"Allocated.assets: {what} cap" for each in found):
                break
        else:
            assert SEED, f"no {what} cap"


def told(world, transactions):
    """Return whether an audit finds anything, in the books or at last in the views."""
    ledger = audit(world, transactions)
    return bool(ledger.differences or found_at_last(world, ledger))


def with_group(transactions, number, group):
    time = transactions[number][0]
    return [
        *transactions[:number],
        *([(time, group)] if group else []),
        *transactions[number + 1 :],
    ]


def peopled(**terms):
    """Return a world in which Alice holds a million shares."""
    world = World(**terms)
    world.request(DEPOSIT, "alice", 10**6 * UNIT)
    for _ in range(2):
        world.wait(HOUR)
        world.settle()
    return world


def test_what_is_forgiven_or_swept_is_found_where_it_is_dropped_or_changed():
    """Tokens are written off and partly forgiven; then they win, and are swept."""
    world = peopled(**OPEN)
    world.open("A")
    world.allocate("A", 10**5 * UNIT)
    world.trade("A", -(10**5) * UNIT, {(0, YES): 10**5 * UNIT})
    world.close("A", by="owner")
    world.forgive(0, 7_000 * UNIT)
    whole = events_of(world)
    ledger = audit(world, whole)
    assert ledger.written_off == 10**5 * UNIT and ledger.losses_of() == 93_000 * UNIT + 1  # up
    (forgiven,) = whole[-1][1]
    for changed in ([], [replace(forgiven, assets=8_000 * UNIT)], [replace(forgiven, class_id=1)]):
        assert told(world, with_group(whole, len(whole) - 1, changed))
    world.resolve("A", yes=1)
    world.sweep("A")
    whole = events_of(world)
    ledger = audit(world, whole)
    assert not told(world, whole) and not ledger.unswept and not ledger.losses_of()
    came, swept = whole[-1][1]
    for changed in ([came], [came, replace(swept, emptied=False)], [swept], [came, came, swept]):
        assert told(world, with_group(whole, len(whole) - 1, changed))


def test_an_end_by_a_stranger_is_one_of_a_vault_that_nobody_reports_on():
    world = peopled()
    world.wait(15 * DAY)
    world.wind_down("mallory")
    transactions = events_of(world)
    assert not audit(world, transactions).differences
    ends = transactions[-1]
    (found,) = audit(world, [*transactions[:-1], (ends[0] - 2 * DAY, ends[1])]).differences
    assert found.what == "WindDown.account: may"
