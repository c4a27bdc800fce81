"""Promises of DESIGN 6 that need a stage of their own: 2, 8, 10 and 12. The others: test_lives.py.

Each starts from seeded lives; a failing one prints its seed. STRONGROOM_SEEDS lengthens the run.
"""

import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from eth_utils import keccak

from tests.property.leaving import check_promise_8_everybody_leaves
from tests.property.life import HOLDERS, NEWER, WORLDS, Life, lived
from tests.property.world import (
    BPS,
    DAY,
    DEPOSIT,
    FOREVER,
    HOUR,
    KINDS,
    NO,
    NOBODY,
    REDEEM,
    SAFE,
    SHARE,
    SIDES,
    TIMELOCKED,
    UNIT,
    VIRTUAL,
    WAD,
    YES,
    Kind,
    Reverted,
    World,
)
from tests.seeds import SEEDS, dice, enough

FREE = (0, 0, 0)
K = 1_000 * UNIT
Marks = dict[str, dict[int, tuple[int, int]]]


def attempt(call: Callable[..., Any], *arguments: Any, **more: Any) -> bool:
    try:
        call(*arguments, **more)
    except Reverted:
        return False
    return True


def scene_of(seed: int) -> dict[str, Any]:
    """Return the world of a seed; from the last one on, so that the first seeds have all kinds."""
    return WORLDS[-seed % len(WORLDS)]


def truth(life: Life) -> Marks:
    """Return marks that are the truth, bid and ask."""
    world, marks = life.world, {}
    for name in world.open_names():
        market = world.markets[name]
        marks[name] = {
            condition: (cents * WAD // 100,) * 2
            for condition in range(len(market.conditions))
            for cents in [life.truth[market.question, condition]]
            if condition not in market.resolved
        }
    return marks


def worth(life: Life, name: str) -> int:
    """Return what an account truly holds, its wallet's part included."""
    held = life.world.held(name)
    return (
        held.cash
        + held.away
        + sum(
            token_worth(life, name, *divmod(index, 2), amount)
            for index, amount in enumerate(held.tokens)
        )
    )


def token_worth(life: Life, name: str, condition: int, side: int, amount: int) -> int:
    """Return what outcome tokens are truly worth, rounded down."""
    market = life.world.markets[name]
    if condition in market.resolved:
        yes, of = market.resolved[condition]
        return int(amount * (yes if side == YES else of - yes) // of)
    return int(amount * life.price(market, condition, side) // 100)


def all_worth(life: Life) -> int:
    return life.world.vault.total_idle() + sum(worth(life, name) for name in life.world.markets)


def honest_report(life: Life) -> None:
    """The reporter is there, his interval is over, and he tells the truth."""
    world = life.world
    if world.vault.reporter() == NOBODY:
        world.vault.setReporter(world.who["reporter"], sender=world.who["owner"])
    life._wait_for_interval()
    world.report(truth(life))


# 2: what a coalition takes


@pytest.mark.parametrize("kinds", [KINDS, NEWER[0]["kinds"]], ids=["first", "newer"])
@pytest.mark.parametrize("days", [1, 12])
def test_2_stolen_keys_take_what_is_out_and_what_the_caps_admit(days, kinds):
    """All keepers and the venue are one thief; reports are honest, nobody comes or leaves. He
    empties accounts, fills them again, opens, loses, closes, harvests, and allocates all he can."""
    parts = [theft(seed, days, kinds) for seed in SEEDS]
    assert enough(sum(part > 0.7 for part in parts), len(parts) // 2), parts


def theft(seed: int, days: int, kinds: Sequence[Kind]) -> float:
    """Steal for some days; return the part of the bound that was taken at the most."""
    chance = dice("thief", seed, days)
    life = lived(chance, 60, kinds=kinds, fees=FREE, velocity=100 * K, total_cap=350 * K)
    world = life.world
    assert settled_down(life)
    for who in HOLDERS:  # who still waits is not served meanwhile
        for epoch in world.pending(REDEEM, who):
            world.leave_queue(epoch, who)
    before, start = all_worth(life), world.now
    out = sum(
        max(worth(life, name), world.vault.bookOf(world.markets[name].id)[0])
        for name in world.open_names()
    )
    out += sum(worth(life, name) for name in world.markets if world.is_closed(name))
    nav, used = world.vault.navs()[1], world.vault.totalExposure() + world.vault.totalLosses()
    limits = world.limits
    headroom = max(0, min(limits["total_cap"], limits["total_cap_bps"] * nav // BPS) - used)
    most = 0
    while world.now < start + days * DAY - HOUR:
        steal(life, chance)
        world.wait(HOUR if days == 1 else 6 * HOUR)
        attempt(world.report, truth(life))
        lost = before - all_worth(life)
        assert lost <= out + headroom + 100, f"promise 2: {lost} of {out} + {headroom}"
        if days == 1:
            assert lost <= out + min(100 * K, headroom) + 100, "promise 2: more than a day's"
        most = max(most, lost)
    return most / max(1, out + (min(100 * K, headroom) if days == 1 else headroom))


def steal(life: Life, chance: random.Random) -> None:
    """Do some of what a thief does; what he gives, he takes away again."""
    world = life.world
    for _ in range(6):
        names = world.open_names()
        act = chance.choice(("open", "grab", "grab", "empty", "empty", "fill", "home", "close"))
        if act == "open" and len(names) < 8:
            life.do_open(chance.randrange(4), 3, chance.random() < 0.5)
        if not names or act == "open":
            continue
        name = chance.choice(names)
        market, held = world.markets[name], world.held(name)
        if act == "grab":
            step = 2**40
            while step > UNIT:
                if not attempt(world.allocate, name, step):
                    step //= 2
            if market.wallet:
                attempt(world.forward, name, world.held(name).cash)
        elif act == "empty":
            attempt(world.trade, name, -(held.away if market.wallet else held.cash))
            for index, amount in enumerate(held.tokens):
                if amount:
                    attempt(world.trade, name, 0, {divmod(index, 2): -amount}, to="mallory")
        elif act == "fill":
            world.give_cash(name, chance.randrange(1, 2 * K))
        elif act == "home":
            attempt(world.recall, name, chance.choice((held.cash, FOREVER, held.cash // 2)))
            attempt(world.harvest, name)
        else:
            attempt(world.close, name, by=market.kind.keeper)
            attempt(world.sweep, chance.choice(list(world.markets)))


# 8: what a stranger cannot do


def meddle(life: Life, chance: random.Random) -> int:
    """A stranger does what anybody may; return what he gave, at what it is truly worth: that is
    what the marks say, and a payout."""
    world, given = life.world, 0
    stranger = world.who["mallory"]
    for _ in range(12):
        act = chance.choice(("gift", "tokens", "ask", "ask", "call"))
        name = chance.choice(list(world.markets)) if world.markets else ""
        if act == "gift" and name:
            amount = chance.choice((1, UNIT, 10**5 * UNIT))
            world.give_cash(name, amount)
            given += amount
        elif act == "tokens" and name and not life.failing.get(name):
            market = world.markets[name]
            condition = chance.randrange(len(market.conditions))
            amount = chance.choice((1, UNIT, 10**6 * UNIT))
            side = chance.choice((YES, NO))
            world.give(name, condition, side, amount)
            given += token_worth(life, name, condition, side, amount) + 1  # rounded up
        elif act == "ask":
            attempt(world.request, DEPOSIT, "mallory", 1, controller=chance.choice(HOLDERS))
            attempt(world.request, DEPOSIT, "mallory", chance.choice((1, 10**12)))
            world.cancel_all(DEPOSIT, "mallory")
        else:
            who = world.who[chance.choice(HOLDERS)]
            vault, id = world.vault, world.markets[name].id if name else bytes(32)
            calls = (
                (vault.cancelRedeemRequest, (1, who, stranger)),
                (vault.redeemRequestInKind, (1, who, stranger, [])),
                (vault.redeem, (1, stranger, who)),
                (vault.recall, (id, 1)),
                (vault.windDown, ()),
                (vault.allocate, (id, 1)),
                (vault.report, ([], bytes(32))),
                (vault.transferFrom, (who, stranger, 1)),
            )
            call, arguments = chance.choice(calls)
            if not vault.windingDown():
                assert not attempt(call, *arguments, sender=stranger), call
    return given


def check_booked_at_truth(life: Life) -> None:
    """After a report of the truth every market is booked at what it truly holds, up to its cost."""
    world = life.world
    for name in world.open_names():
        market = world.markets[name]
        cost, bid, _ = world.vault.bookOf(market.id)
        most = min(cost, worth(life, name))
        assert bid <= most + 2 * len(market.tokens), f"{name}: booked at {bid}, worth {most}"
        if not market.is_event:  # where payouts leave no room for bids of YES they count 0
            assert bid >= most - 2 * len(market.tokens), f"{name}: booked at {bid}, worth {most}"


@pytest.mark.parametrize("seed", SEEDS)
def test_8_strangers_block_no_report_and_move_no_price_but_by_gifts(seed):
    """The same report with and without them: it stands, and the bid is higher at most by what they
    gave; what they can do, they may do in front of every report."""
    chance = dice("strangers", seed)
    life = lived(chance, 80, **scene_of(seed))
    world, tried = life.world, 0
    for _ in range(12):
        for _ in range(8):
            life.step(chance)
        if life.failing or world.vault.windingDown():
            life.failing.clear()
            for name in world.markets:
                world.make_fail(name, 0)
        life._wait_for_interval()
        if world.vault.reporter() == NOBODY:
            life.do_drop_reporter()
        point = world.snapshot()
        world.report(truth(life))
        check_booked_at_truth(life)
        alone, supply = world.vault.prices()[0], world.vault.totalSupply()
        world.restore(point)
        prices = world.vault.prices()
        given = meddle(life, chance)
        assert world.vault.prices() == prices, "promise 8: a stranger moved a price"
        world.report(truth(life))
        check_booked_at_truth(life)
        bid = world.vault.prices()[0]
        most = given * SHARE * SHARE // max(1, min(supply, world.vault.totalSupply()))
        # a performance fee of a step of the mark more or less
        slack = alone // 10**6 + 1
        assert alone - slack <= bid <= alone + most + slack, (alone, bid, most)
        world.restore(point)
        tried += 1
    assert enough(tried, 4)


@pytest.mark.parametrize("seed", SEEDS)
def test_8_strangers_block_no_exit_and_no_claim(seed):
    """Whatever they do and whatever state it is: afterwards everybody leaves, claims, takes back;
    strangers may also close, harvest, sweep and settle."""
    chance = dice("exits", seed)
    life = lived(chance, 60, **scene_of(seed))
    world = life.world
    for _ in range(6):
        for _ in range(12):
            life.step(chance)
        point, failing = world.snapshot(), dict(life.failing)
        meddle(life, chance)
        for name in world.markets:
            if not life.failing.get(name):
                for call in (world.redeem, world.harvest, world.close, world.sweep):
                    attempt(call, name)
        attempt(world.settle)
        check_promise_8_everybody_leaves(life)
        world.restore(point)
        life.failing = failing


# 10: round trips


def settled_down(life: Life) -> bool:
    """Everybody takes back what waits, and honest reports come until prices stand still."""
    world = life.world
    if world.vault.windingDown():
        return False
    if world.vault.paused():
        world.unpause("owner")
    for name in list(life.failing):
        world.make_fail(name, 0)
    for _ in range(4):
        honest_report(life)
        for who in HOLDERS:
            for side in SIDES:
                world.cancel_all(side, who)
    return bool(world.vault.prices()[0])


@pytest.mark.parametrize("seed", SEEDS)
def test_10_round_trips_never_profit(seed):
    """In and out by requests, while truth and marks stand still, in many states and sizes."""
    chance = dice("trips", seed)
    life = lived(chance, 60, **scene_of(seed))
    world, done = life.world, 0
    for _ in range(8):
        for _ in range(10):
            life.step(chance)
        outer = world.snapshot()
        if settled_down(life):
            point = world.snapshot()
            for amount in (1, 3, 999_999, UNIT, 12_345_678_901, 10**14):
                done += round_trip(life, amount, chance.random() < 0.5)
                world.restore(point)
        world.restore(outer)
    assert enough(done, 10)


def round_trip(life: Life, amount: int, by_out: bool) -> bool:
    """Mallory goes in and out and may not gain; return whether he had shares meanwhile."""
    world = life.world
    start = world.cash("mallory")
    world.request(DEPOSIT, "mallory", amount)
    honest_report(life)
    honest_report(life)
    for out in (by_out, not by_out):
        if most := world.claimable(DEPOSIT, "mallory")[out]:
            world.claim(DEPOSIT, "mallory", most, out)
    shares = world.shares("mallory")
    if shares:
        world.request(REDEEM, "mallory", shares)
        for _ in range(3):
            honest_report(life)
        for out in (by_out, not by_out):
            if most := world.claimable(REDEEM, "mallory")[out]:
                world.claim(REDEEM, "mallory", most, out)
    world.cancel_all(DEPOSIT, "mallory")
    assert world.cash("mallory") <= start, "promise 10: a round trip brought something"
    return bool(shares)


@pytest.mark.parametrize("seed", SEEDS)
def test_10_nobody_profits_who_comes_and_leaves_in_kind(seed):
    """He pays the ask, and takes his part of all that is there, at its true worth."""
    chance = dice("in kind", seed)
    life = Life(fees=FREE, exit_fee_bps=0, max_premium_bps=60_000, inflow_floor=10**6 * UNIT)
    for name, arguments in (
        ("deposit", {"who": "alice", "amount": 10**6 * UNIT}),
        ("settle", {}),
        ("settle", {}),
    ):
        life.act(name, arguments)
    world = life.world
    for _ in range(3):
        for kind in (0, 1):
            life.do_open(kind, 3, False)
        for index in range(6):
            life.do_allocate(index, chance.choice((100, 300)))
            for _ in range(2):
                life.do_trade(index, chance.randrange(3), chance.randrange(2), "half", "fair")
            life.do_give_tokens(index, chance.randrange(3), chance.randrange(2), 10**4 * UNIT)
            life.do_move(index, chance.randrange(3), chance.choice((-10, 10, 25)))
        honest_report(life)
        amount = chance.choice((UNIT, 10**5 * UNIT))
        point = world.snapshot()
        world.request(DEPOSIT, "mallory", amount)
        honest_report(life)
        honest_report(life)
        world.claim_all("mallory")
        if shares := world.shares("mallory"):
            before = all_worth(life)
            world.leave("mallory", shares)
            assert before - all_worth(life) <= amount, "promise 10: in kind"
        world.restore(point)


@pytest.mark.parametrize("seed", SEEDS)
def test_10_a_hundred_dust_requests_never_profit(seed):
    """A few units and a few share-wei at a time, in a vault that is flat: nothing by rounding."""
    chance = dice("dust", seed)
    life = lived(chance, 0, **scene_of(seed))
    world = life.world
    world.request(DEPOSIT, "mallory", 777_777)
    start = world.cash("mallory") + 777_777
    for _ in range(50):
        world.wait(HOUR)
        world.settle()
        world.claim_all("mallory")
        attempt(world.request, DEPOSIT, "mallory", chance.randrange(1, 4))
        shares = world.shares("mallory")
        if shares:
            part = chance.randrange(1, 3 * VIRTUAL)
            attempt(world.request, REDEEM, "mallory", min(shares, part))
    for _ in range(3):
        world.wait(HOUR)
        world.settle()
    world.claim_all("mallory")
    value = world.vault.convertToAssets(world.shares("mallory"))
    assert world.cash("mallory") + value <= start


# 12: nothing but a matured, announced call raises a risk


DELAY = 3 * DAY
GRACE = 7 * DAY
LIMIT_NAMES = list(SAFE)
SAFER_HIGHER = {"min_report_interval", "marks_required"}


FUNCTIONS = [keccak(text=each)[:4] for each in TIMELOCKED]


def risks(world: World) -> dict[str, Any]:
    """Return everything that holders are exposed to; numbers are riskier when higher."""
    vault = world.vault
    found: dict[str, Any] = {}
    for number, name in enumerate(LIMIT_NAMES):
        value = vault.limit(number)
        if name == "price_band_bps":
            value = value or 10**9  # none is the widest
        found[name] = -value if name in SAFER_HIGHER else value
    management, performance, hurdle = vault.feeRates()
    found |= {"management": management, "performance": performance, "hurdle": -hurdle}
    found |= {"classes": vault.class_count(), "reference": -vault.reference()}
    for kind in range(vault.class_count()):
        terms = vault.classOf(kind)
        for index, cap in enumerate(terms[4:8]):
            found[f"cap {index} of {kind}"] = cap
        found[f"keeper of {kind}"] = terms[2]
        found[f"losses of {kind}"] = -vault.classBook(kind)[1]
        found[f"active {kind}"] = not vault.classBook(kind)[3]
    found |= {"reporter": vault.reporter(), "guardian": vault.guardian(), "owner": vault.owner()}
    found["written off"] = -vault.totalAssets()
    for function in FUNCTIONS:
        found[f"delay of {function.hex()}"] = -vault.delayOf(function)
    found["list for transfers"] = vault.allow_list() if vault.coversTransfers() else NOBODY
    return found


def riskier(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Return what has become riskier: a number higher, somebody else named."""
    return [
        name
        for name, value in after.items()
        if name in before
        and (
            value not in (before[name], NOBODY) if isinstance(value, str) else value > before[name]
        )
    ]


@pytest.mark.parametrize("seed", SEEDS)
def test_12_only_a_matured_announced_call_raises_a_risk(seed):
    """Owner, guardian, keeper and a stranger make calls by chance, announced or not."""
    chance = dice("governance", seed)
    world = World(timelock=DELAY)
    world.request(DEPOSIT, "alice", 10**6 * UNIT)
    for _ in range(2):
        world.settle()
        world.wait(HOUR)
    world.open("A")
    world.allocate("A", 50 * K)
    world.trade("A", -50 * K, {(0, YES): 100 * K})
    notices = Notices(world)
    for _ in range(250):
        notices.step(chance)
    assert enough(notices.raised, 1)


class Notices:
    """Calls of governance and the notice that was given of them: each that raises a risk is made by
    the owner, once, within the week after its delay, and comes again only after another delay."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.announced: dict[bytes, int] = {}  # call -> when
        self.delays: dict[bytes, int] = {}  # call -> the delay at which it was announced
        self.free: dict[bytes, int] = {}  # call, made or revoked -> when it may be announced again
        self.raised = 0

    def step(self, chance: random.Random) -> None:
        """Somebody submits, makes or revokes a call."""
        world = self.world
        call = some_call(world, chance)
        who = chance.choice(("owner", "owner", "owner", "guardian", "keeper", "mallory"))
        how = chance.choice(("submit", "submit", "make", "make", "accept", "revoke"))
        if chance.random() < 0.2:
            world.wait(chance.choice((HOUR, DAY, DELAY, DELAY + 8 * DAY)))
        if self.announced and chance.random() < 0.6:
            call = chance.choice(list(self.announced)[-4:])
            if chance.random() < 0.5:
                who, how = "owner", chance.choice(("make", "make", "accept", "submit"))
                self.wait_for(call, chance)
        elif self.free and chance.random() < 0.2:
            call, how = chance.choice(list(self.free)), "submit"
        if how == "submit":
            self.submit(call, who)
        elif how == "revoke":
            self.revoke(call, who)
        else:
            self.make(call, who, how)

    def delay(self, call: bytes) -> int:
        return int(self.world.vault.delayOf(bound_by(call)))

    def wait_for(self, call: bytes, chance: random.Random) -> None:
        """Time passes to where a call begins or ceases to be possible, or to a second before."""
        delay = self.delay(call)
        after = chance.choice((delay, delay, delay, delay + GRACE, 2 * delay + GRACE))
        moment = self.announced[call] + after + chance.choice((-1, 0, 1))
        self.world.wait(max(0, moment - self.world.now))

    def submit(self, call: bytes, who: str) -> None:
        world = self.world
        if not attempt(world.vault.submit, call, sender=world.who[who]):
            return
        assert world.who[who].lower() == world.vault.owner()
        if call in self.announced:  # it has lapsed
            free = self.lapsed(call) + self.delay(call)
            assert world.now >= free, "announced again without a delay"
        assert world.now >= self.free.pop(call, 0), "announced again without a delay"
        self.announced[call], self.delays[call] = world.now, self.delay(call)

    def lapsed(self, call: bytes) -> int:
        """Return the last second of a call's week: a raise of its delay revives nothing."""
        return self.announced[call] + min(self.delay(call), self.delays[call]) + GRACE

    def revoke(self, call: bytes, who: str) -> None:
        world = self.world
        if not attempt(world.vault.revoke, call, sender=world.who[who]):
            return
        sender, owner = world.who[who].lower(), world.vault.owner()
        assert sender in (owner, world.vault.guardian())
        of_guardian = call[:4] == keccak(text="setGuardian(address)")[:4]
        assert sender == owner or not of_guardian, "the guardian vetoed his own replacement"
        self.end(call)

    def end(self, call: bytes) -> None:
        del self.announced[call]
        self.free[call] = self.world.now + self.delay(call)

    def make(self, call: bytes, who: str, how: str) -> None:
        world, sender = self.world, self.world.who[who]
        before, delay, vault = risks(world), self.delay(call), world.vault.address
        lapsed = self.lapsed(call) if call in self.announced else 0
        if how == "accept":
            done = attempt(world.vault.accept, call, sender=sender)
        else:
            done = attempt(world.evm.call, sender, vault, call)
        worse = riskier(before, risks(world))
        if worse:
            assert done
            assert who == "owner", (who, worse)
            if delay:  # else the owner had given up his timelock, announced
                assert call in self.announced, ("not announced", worse)
                ready = self.announced[call] + delay
                assert ready <= world.now <= lapsed, (ready, worse)
            self.raised += 1
        if call in self.announced and (worse or not world.vault.submittedAt(keccak(call))):
            self.end(call)


def bound_by(call: bytes) -> bytes:
    """Return the function whose delay binds a call: of a lowered delay, the one that it names."""
    lowers = keccak(text="decreaseDelay(bytes4,uint256)")[:4]
    return call[4:8] if call[:4] == lowers else call[:4]


def some_call(world: World, chance: random.Random) -> bytes:
    """Return a call of governance, by chance."""
    vault, who = world.vault, world.who[chance.choice(("x", "keeper", "guardian"))]
    number = chance.randrange(len(LIMIT_NAMES))
    value = vault.limit(number)
    new = chance.choice((0, 1, value // 2, value + 1, value * 2))
    kind = chance.randrange(vault.class_count())
    caps = tuple(chance.choice((0, 100, 2**90)) for _ in range(4))
    caps = (caps[0], min(caps[1], BPS), caps[2], min(caps[3], BPS))
    function = chance.choice(FUNCTIONS)
    return chance.choice(
        (
            lambda: vault.data("setLimit", number, new),
            lambda: vault.data("setLimit", number, new),
            lambda: vault.data("setFees", *(chance.choice((0, 100, 400)) for _ in range(3))),
            lambda: vault.data("setClassCaps", kind, caps),
            lambda: vault.data("addClass", world.class_terms(world.kinds[0])),
            lambda: vault.data("setKeeper", kind, chance.choice((who, NOBODY))),
            lambda: vault.data("setReporter", chance.choice((who, NOBODY))),
            lambda: vault.data("setGuardian", who),
            lambda: vault.data("forgiveLosses", kind, K),
            lambda: vault.data("resetBreaker"),
            lambda: vault.data("setAllowList", world.ctf.address, chance.choice((True, False))),
            lambda: vault.data("setAllowList", world.pusd.address, chance.choice((True, False))),
            lambda: vault.data("closeMarket", world.markets["A"].id),
            lambda: vault.data("decreaseDelay", function, chance.choice((0, DAY))),
            lambda: vault.data("increaseDelay", function, 4 * DAY),
            lambda: vault.data("retireClass", kind),
            lambda: vault.data("pause"),
            lambda: vault.data("unpause"),
            lambda: vault.data("transferOwnership", who),
        )
    )()
