"""The auditor's ledger over random lives: it agrees with the contracts to the unit, and each of
many seeded corruptions of the logs is found where it is."""

import random
from dataclasses import replace

import ape
import pytest
from strongroom.audit.permissions import Limit
from strongroom.audit.view_checks import view_differences

from tests.property.audited import audit, events_of
from tests.property.world import ACTS, VARIANTS, World
from tests.seeds import SEED

LIVES = 27


def live(world, dice, steps):
    """Let random acts happen."""
    names = list(ACTS)
    weights = [ACTS[name][0] for name in names]
    for _ in range(steps):
        name = dice.choices(names, weights)[0]
        arguments = {
            parameter: tuple(dice.choice(list(each)) for each in domain)
            if parameter == "steps"
            else dice.choice(list(domain))
            for parameter, domain in ACTS[name][1].items()
        }
        getattr(world, name)(**arguments)


def lived(first_seed):
    """Return worlds that have lived, and their transactions; some are wound down."""
    found = []
    for number in range(LIVES):
        world, seed = World(ape.project, **VARIANTS[number % len(VARIANTS)]), first_seed + number
        live(world, random.Random(seed), 170)
        if number % 3 == 0:
            world.wind_down("owner")
            live(world, random.Random(seed), 40)
        found.append((world, events_of(world)))
    return found


@pytest.fixture(scope="module")
def lives():
    """Always the same: each corruption below has its place in one of them."""
    return lived(0)


def read_of(world):
    """Return what the chain says of views, addresses and words as the auditor has them."""

    def one(name, arguments):
        given = [bytes.fromhex(a[2:]) if str(a).startswith("0x") and len(a) in (10, 66) else a
                 for a in arguments]  # fmt: skip
        return getattr(world.vault, name)(*given)

    def read(asked):
        return [one(*each) for each in asked]

    return read


def test_the_books_are_the_contracts_over_random_lives(lives):
    reports = events = 0
    for world, transactions in lived(SEED) if SEED else lives:
        ledger = audit(world, transactions)
        assert ledger.differences == []
        assert view_differences(ledger, world.evm.time, read_of(world)) == []
        reports += sum(each.name == "Reported" for _, group in transactions for each in group)
        events += ledger.events
    assert reports >= 100 and events >= 3_000


def change(**fields):
    """Return a mutation of one event's fields: numbers are added, the rest replaced."""

    def mutate(event):
        new = {}
        for name, by in fields.items():
            old = getattr(event, name)
            new[name] = by(old) if callable(by) else old + by
        return replace(event, **new)

    return mutate


def first(items, by):
    return (items[0] + by, *items[1:])


def has(**fields):
    """Return a condition on an event's fields."""
    return lambda event, _: all(test(getattr(event, name)) for name, test in fields.items())


def beside(*names, none=()):
    """Return a condition on the other events of a transaction."""

    def holds(event, group):
        there = {each.name for each in group}
        return set(names) <= there and not set(none) & there

    return holds


def any_event(event, group):
    return True


CLAIM = beside("Transfer", none=("Reported", "RedeemRequestCancelled"))
BIG, ABOVE = 10**30, (2**64 - 1) << 192  # an ask of NO of some eighteen
# name -> (event, condition, mutation, what is named)
CORRUPTIONS = {
    "a claim of one share too many": ("Deposit", CLAIM, change(shares=1), "Deposit.shares"),
    "a claim of one unit too many": (
        "Withdraw", beside(none=("Transfer", "RedeemRequestCancelled")), change(assets=1),
        "Withdraw.assets"),
    "a request of another epoch": (
        "DepositRequest", has(request_id=lambda n: n > 1), change(request_id=-1),
        "DepositRequest.requestId"),
    "a cancelled request that was larger": (
        "DepositRequestCancelled", any_event, change(assets=-1), "DepositRequestCancelled"),
    "shares requested that were not moved": (
        "RedeemRequest", any_event, change(shares=1), "RedeemRequest.shares"),
    "a cancelled redemption that was smaller": (
        "RedeemRequestCancelled", beside(none=("RedeemedInKind",)), change(shares=1),
        "RedeemRequestCancelled"),
    "shares sent that nobody had": (
        "Transfer", has(sender=lambda who: int(who, 16) != 0), change(value=BIG), "Transfer.value"),
    "a deposit settled one unit short": (
        "Settled", has(deposited_assets=bool), change(deposited_assets=-1),
        "Settled.deposited_assets"),
    "a share minted too many": (
        "Settled", has(minted_shares=bool), change(minted_shares=1), "Settled.minted_shares"),
    "a share too few burned": (
        "Settled", has(redeemed_shares=bool), change(redeemed_shares=-1),
        "Settled.redeemed_shares"),
    "a unit too much paid": (
        "Settled", has(paid_assets=bool), change(paid_assets=1), "Settled.paid_assets"),
    "a management fee rounded up": (
        "FeesAccrued", has(management=bool), change(management=1), "FeesAccrued.management"),
    "a performance fee on nothing": (
        "FeesAccrued", any_event, change(performance=1), "FeesAccrued.performance"),
    "fee shares rounded up": (
        "FeesAccrued", has(shares=bool), change(shares=1), "FeesAccrued.shares"),
    "a lowered high-water mark": (
        "FeesAccrued", any_event, change(high_water_mark=-1), "FeesAccrued.high_water_mark"),
    "a NAV off by one at the bid": ("Reported", any_event, change(nav_bid=1), "Reported.nav_bid"),
    "a NAV off by one at the ask": ("Reported", any_event, change(nav_ask=-1), "Reported.nav_ask"),
    "another supply": ("Reported", any_event, change(supply=1), "Reported.supply"),
    "a market worth one unit more": (
        "Reported", has(entries=len), change(entries=lambda e: first(e, 1 << 128)),
        "Reported.nav_bid"),
    "a market missing": (
        "Reported", has(entries=len), change(entries=lambda e: e[:-1]),
        "Reported.entries"),
    "an ask above one": (
        "Reported", has(words=len), change(words=lambda w: first(w, ABOVE - (w[0] >> 192 << 192))),
        "Reported.words"),
    "exposure one unit less": ("Allocated", any_event, change(exposure=-1), "Allocated.exposure"),
    "a recall that leaves more": ("Recalled", any_event, change(exposure=1), "Recalled.exposure"),
    "a budget beyond the caps": (
        "Allocated", any_event, change(assets=BIG, exposure=BIG), "Allocated.assets"),
    "more in kind than the part": (
        "RedeemedInKind", any_event, change(assets=1), "RedeemedInKind.assets"),
    "in kind of a smaller whole": (
        "RedeemedInKind", any_event, change(supply=-1), "RedeemedInKind.supply"),
    "another report confirmed": (
        "ReportConfirmed", any_event, change(report_hash=lambda h: "0x" + "77" * 32),
        "ReportConfirmed.report_hash"),
    "a payout that is worth less at the ask": (
        "Synced", any_event, change(value_ask=-BIG), "Synced.value_ask"),
    "fee recipients that get more than all": (
        "FeeRecipientsSet", any_event,
        change(recipients=lambda r: ((r[0][0], r[0][1] + 1), *r[1:])), "FeeRecipientsSet"),
    "a market of too long a life": (
        "MarketOpened", any_event, change(deadline=10**9), "MarketOpened.deadline"),
}  # fmt: skip


def corrupted(lives, event_name, condition, mutation):
    """Return a life's ledger after one event was changed, and the event."""
    for world, transactions in lives:
        for number, (time, group) in enumerate(transactions):
            for place, event in enumerate(group):
                if event.name == event_name and condition(event, group):
                    changed = [*group[:place], mutation(event), *group[place + 1 :]]
                    mutated = [*transactions]
                    mutated[number] = (time, changed)
                    return audit(world, mutated), event
    raise AssertionError(f"no {event_name} of this kind in any life")


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_each_corruption_is_found_at_its_block_and_field(lives, name):
    event_name, condition, mutation, what = CORRUPTIONS[name]
    ledger, event = corrupted(lives, event_name, condition, mutation)
    assert ledger.differences, name
    found = ledger.differences[0]
    assert (found.block, found.transaction) == (event.block, event.transaction)
    assert found.what.startswith(what), found


def test_the_audit_goes_on_where_the_books_are_below_nothing():
    """After a budget that no vault has, a deposit is priced by a NAV of -1."""
    world = World(ape.project)
    live(world, random.Random(22), 170)
    event_name, condition, mutation, what = CORRUPTIONS["a budget beyond the caps"]
    ledger, event = corrupted([(world, events_of(world))], event_name, condition, mutation)
    found = ledger.differences[0]
    assert found.block == event.block and found.what.startswith(what)


LIMITED = {
    "a report out of its bounds": (Limit.MAX_UP_BPS, 0, "Reported: bound of one report"),
    "a spread too wide": (Limit.MAX_SPREAD_BPS, 0, "Reported: spread"),
    "a report too soon": (Limit.MIN_REPORT_INTERVAL, 10**9, "Reported: time since"),
    "a day too quick": (Limit.VELOCITY_LIMIT, 0, "Allocated.assets: velocity limit"),
    "a total cap crossed": (Limit.TOTAL_CAP, 0, "Allocated.assets: total cap"),
    "a budget while NAV is stale": (Limit.MAX_REPORT_AGE, -1, "Allocated: while NAV is fresh"),
    "a breaker that should have tripped": (Limit.MAX_DRAWDOWN_BPS, 0, "BreakerTripped: logged"),
}


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
        found = [each for each in audit(world, tampered).differences if each.what.startswith(what)]
        if found:
            return
    raise AssertionError(f"nothing found for {name}")


@pytest.mark.parametrize(
    "event_name",
    ["DepositRequest", "Transfer", "Allocated", "Recalled", "Settled", "Deposit", "Withdraw",
     "FeesAccrued", "Reported", "MarketOpened"],
)  # fmt: skip
def test_a_dropped_log_is_found(lives, event_name):
    """Wherever it is dropped, the books and the chain part there or later."""
    world, transactions = lives[1]
    for number, (time, group) in enumerate(transactions):
        names = {each.name for each in group}
        moved = any(e.name == event_name and getattr(e, "assets", 1) for e in group)
        if moved and "RedeemRequestCancelled" not in names:
            kept = [each for each in group if each.name != event_name]
            mutated = [*transactions[:number], *([(time, kept)] if kept else []),
                       *transactions[number + 1 :]]  # fmt: skip
            try:
                ledger = audit(world, mutated)
            except KeyError as missing:
                assert event_name == "MarketOpened", missing
                return
            found = ledger.differences or view_differences(ledger, world.evm.time, read_of(world))
            assert found and found[0].block >= group[0].block
            return
    raise AssertionError(event_name)


def test_a_share_minted_twice_is_found(lives):
    world, transactions = lives[1]
    for number, (time, group) in enumerate(transactions):
        minted = [e for e in group if e.name == "Transfer" and int(e.sender, 16) == 0
                  and e.receiver != world.vault.address.lower()]  # fmt: skip
        if minted and any(e.name == "Reported" for e in group):
            twice = [*group, minted[0]]
            ledger = audit(
                world, [*transactions[:number], (time, twice), *transactions[number + 1 :]]
            )
            assert ledger.differences[0].block == group[0].block
            assert "minted to the recipients" in ledger.differences[0].what
            return
    raise AssertionError("no fee was minted")
