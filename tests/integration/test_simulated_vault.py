"""The backtest's vault beside the contracts: the same acts, the same numbers, to the unit."""

import copy
import os
import random
from dataclasses import asdict

import ape
import pytest
from strongroom.backtest.simulated_requests import DEPOSIT, REDEEM, VaultRefused
from strongroom.backtest.simulated_vault import Caps, Vault, VaultClass
from strongroom.chain.terms import UNLIMITED_ASSETS, Limits

from tests.defaults import DAY, UNIT, WAD

LIMITS = Limits(
    max_up_bps=1_500,
    max_down_bps=1_500,
    max_premium_bps=1_500,
    max_inflow_bps=2_000,
    exit_fee_bps=50,
    inflow_floor=2_000 * UNIT,
    max_report_age_s=2 * DAY,
    total_cap_bps=6_000,
    velocity_bps=4_000,
    question_cap_bps=3_000,
    max_drawdown_bps=1_500,
    total_cap=9_000 * UNIT,
    velocity=5_000 * UNIT,
)
MARKETS = 3
STEPS = int(os.environ.get("STRONGROOM_TWIN_STEPS", "40"))
SEEDS = (1, 2)
START = 10_000 * UNIT


class Twins:
    """A vault on chain and the model of it; each act is done to both."""

    def __init__(self, vault, people, chain, venue, markets):
        self.vault, self.people, self.chain, self.venue = vault, people, chain, venue
        self.names = ("alice", "bob")
        self.model = Vault(
            LIMITS, (200, 2_000, 500), [("manager", 10_000)], vault.lastReport(),
            [VaultClass(Caps(3_000 * UNIT, 10_000, UNLIMITED_ASSETS, 10_000))],
        )  # fmt: skip
        self.model.now = chain.pending_timestamp
        self.markets = {bytes(each.id): each for each in markets}
        for name in self.markets:
            self.model.open_market(name, 0)
        self.held = {name: [0, 0] for name in self.markets}  # YES and NO
        self.paid = {}  # market -> YES's part of the payout, in tenths
        self.refused = 0

    def pass_time(self, seconds):
        self.chain.pending_timestamp += seconds

    def act(self, on_chain, on_model):
        """Do an act to both; one that the model refuses, the chain must refuse for the reason."""
        self.model.now = self.chain.pending_timestamp
        self.chain.pending_timestamp = self.model.now
        saved = copy.deepcopy(vars(self.model))
        try:
            on_model()
        except VaultRefused as reason:
            vars(self.model).update(saved)
            self.refused += 1
            with ape.reverts(str(reason)):
                on_chain()
            return
        on_chain()

    def cash(self, name):
        return self.venue.pusd.balanceOf(self.markets[name].account)

    def spend(self, name, assets):
        """What an order of the account costs."""
        account = self.markets[name].account.address
        ape.networks.provider.set_balance(account, 10**18)
        self.venue.pusd.transfer(self.people.trader, assets, sender=ape.accounts[account])

    def value(self, name, mark):
        cash = self.cash(name)
        yes, no = self.held[name]
        if name in self.paid:
            part = self.paid[name]
            paid = yes * part // 10 + no * (10 - part) // 10
            return cash + paid, cash + paid
        sets, bid, ask = min(yes, no), *mark
        yes, no = yes - sets, no - sets
        low = cash + sets + yes * bid // WAD + no * (WAD - ask) // WAD
        high = cash + sets - (-yes * ask // WAD) - (-no * (WAD - bid) // WAD)
        return low, high

    def compare(self):
        vault, model = self.vault, self.model
        model.now = self.chain.blocks.head.timestamp  # what a view sees: some acts take two blocks
        assert tuple(vault.navs()) == model.nav
        assert (vault.total_idle(), vault.totalSupply()) == (model.idle, model.supply)
        assert tuple(vault.prices()) == (model.bid_price, model.ask_price)
        assert vault.highWaterMark() == model.mark
        assert vault.claimable_assets() == model.claimable
        assert vault.totalExposure() == model.exposure
        assert vault.totalLosses() == model.total_losses
        assert vault.profitOf(0) == model.classes[0].profit
        assert vault.inflowRoom() == model.room and vault.isFlat() == model.is_flat
        assert vault.recentAllocation() == model.recent_allocation
        assert vault.breakerTripped() == model.breaker_tripped
        for side, queue in enumerate(model.queues):
            assert vault.epochs()[side] == queue.open.number
            for epoch in queue.epochs[-4:]:
                asked, left, anchor, closed_by, back = vault.epochOf(side, epoch.number)
                assert (asked, left, closed_by, back) == (
                    epoch.asked, epoch.left, epoch.closed_by, epoch.handed_back,
                )  # fmt: skip
                waits = not closed_by or epoch.number in vault.waitingEpochs(side)
                assert anchor == (epoch.anchor if waits else 0) or not asked
            for name in self.names:
                who = getattr(self.people, name)
                found = (
                    (vault.maxDeposit(who), vault.maxMint(who))
                    if side == DEPOSIT
                    else (vault.maxRedeem(who), vault.maxWithdraw(who))
                )
                assert found == queue.can_claim(name)
        for name in self.names:
            assert vault.balanceOf(getattr(self.people, name)) == model.shares.get(name, 0)


@pytest.fixture
def twins(make_vault, people, chain, venue, open_market, fund):
    named = {name.removesuffix("_s"): value for name, value in asdict(LIMITS).items()}
    vault = make_vault(management=200, performance=2_000, hurdle=500, **named)
    markets = [open_market(vault, cap=3_000 * UNIT) for _ in range(MARKETS)]
    fund(vault, people.alice, people.bob, amount=1_000_000 * UNIT)
    return Twins(vault, people, chain, venue, markets)


class Life:
    """A random life of both."""

    def __init__(self, twins, seed, give_tokens, resolve):
        self.twins, self.dice = twins, random.Random(seed)
        self.give_tokens, self.resolve = give_tokens, resolve
        self.mark = dict.fromkeys(twins.markets, (WAD // 2, WAD * 6 // 10))

    def step(self):
        acts = [self.request] * 4 + [self.cancel, self.claim] + [self.report] * 5
        acts += [self.allocate] * 4 + [self.recall, self.harvest] + [self.move] * 3
        acts += [self.pay, self.close, self.leave, self.leave_waiting]
        self.dice.choice(acts)()

    def someone(self):
        name = self.dice.choice(self.twins.names)
        return name, getattr(self.twins.people, name)

    def market(self):
        return self.dice.choice(list(self.twins.markets))

    def request(self):
        it, (name, who) = self.twins, self.someone()
        if self.dice.random() < 0.6:
            amount = self.dice.randrange(1, 4_000 * UNIT)
            it.act(
                lambda: it.vault.requestDeposit(amount, who, who, sender=who),
                lambda: it.model.request(DEPOSIT, name, name, amount),
            )
            return
        held = it.model.shares.get(name, 0)
        amount = self.dice.randrange(0, held + 1)
        it.act(
            lambda: it.vault.requestRedeem(amount, who, who, sender=who),
            lambda: it.model.request(REDEEM, name, name, amount),
        )

    def live(self, side, name):
        return [epoch.number for epoch in self.twins.model.queues[side].live(name)] or [1]

    def cancel(self):
        it, (name, who), side = self.twins, self.someone(), self.dice.choice((DEPOSIT, REDEEM))
        number = self.dice.choice(self.live(side, name))
        function = (it.vault.cancelDepositRequest, it.vault.cancelRedeemRequest)[side]
        it.act(
            lambda: function(number, who, who, sender=who),
            lambda: it.model.cancel(side, name, number),
        )

    def claim(self):
        it, (name, who), side = self.twins, self.someone(), self.dice.choice((DEPOSIT, REDEEM))
        by_out = self.dice.random() < 0.5
        amount = self.dice.randrange(0, it.model.queues[side].can_claim(name)[by_out] + 1)
        functions = (it.vault.deposit, it.vault.mint), (it.vault.redeem, it.vault.withdraw)
        it.act(
            lambda: functions[side][by_out](amount, who, who, sender=who),
            lambda: it.model.claim(side, name, amount, by_out),
        )

    def report(self):
        it, marks = self.twins, []
        it.pass_time(self.dice.choice((600, 3_600, 7_200, 30_000, 90_000)))
        for name in it.model.open:
            low = self.dice.randrange(0, WAD)
            middle = sum(self.mark[name]) // 2
            if self.dice.random() < 0.9:
                low = max(0, middle - self.dice.randrange(WAD // 20))
            high = min(WAD, low + self.dice.randrange(WAD // 8))
            self.mark[name] = low, high
            marks.append((name, 0, low, high))
        values = {name: it.value(name, self.mark[name]) for name in it.model.open}
        it.act(
            lambda: it.vault.report(marks, b"\1" * 32, sender=it.people.reporter),
            lambda: it.model.report(values),
        )

    def allocate(self):
        it, name = self.twins, self.market()
        amount = self.dice.randrange(1, max(2, it.model.nav[0] // 4))
        it.act(
            lambda: it.vault.allocate(name, amount, sender=it.people.keeper),
            lambda: it.model.allocate(name, amount, name not in it.paid),
        )

    def recall(self):
        it, name = self.twins, self.market()
        amount = self.dice.randrange(1, 500 * UNIT)
        back = min(amount, it.cash(name))
        it.act(
            lambda: it.vault.recall(name, amount, sender=it.people.keeper),
            lambda: it.model.recall(name, back),
        )

    def redeemed(self, name):
        """What an account has in cash once what pays is redeemed."""
        return self.twins.value(name, (0, 0))[0] if name in self.twins.paid else (
            self.twins.cash(name))  # fmt: skip

    def harvest(self):
        it, name = self.twins, self.market()
        cash = self.redeemed(name)
        done = not it.model.markets[name].closed and cash > it.model.markets[name].exposure
        it.act(
            lambda: it.vault.harvest(name, sender=it.people.alice),
            lambda: it.model.harvest(name, cash),
        )
        if done and name in it.paid:
            it.held[name] = [0, 0]

    def move(self):
        """The account trades: it gains tokens, and pays for them or not."""
        it, name = self.twins, self.market()
        if it.model.markets[name].closed or name in it.paid:
            return
        outcome, amount = self.dice.randrange(2), self.dice.randrange(1, 800 * UNIT)
        pair = [0, 0]
        pair[outcome] = amount
        cost = min(it.cash(name), amount * self.dice.randrange(3, 11) // 10)
        if self.dice.random() < 0.1:
            cost = 0  # a gift
        if cost:
            it.spend(name, cost)
        self.give_tokens(it.markets[name], *pair)
        it.held[name][outcome] += amount

    def pay(self):
        it, name = self.twins, self.market()
        if name in it.paid or it.model.markets[name].closed or self.dice.random() < 0.6:
            return
        part = self.dice.choice((0, 10, 10, 0, 3))
        self.resolve(it.markets[name], part, 10 - part)
        it.paid[name] = part

    def close(self):
        it, name = self.twins, self.market()
        if name not in it.paid or it.model.markets[name].closed:
            return
        cash = self.redeemed(name)
        it.act(
            lambda: it.vault.closeMarket(name, sender=it.people.bob),
            lambda: it.model.close(name, name, cash),
        )
        it.held[name] = [0, 0]

    def pay_part(self, name, part, supply):
        held = self.twins.held[name]
        held[:] = [n - n * part // supply for n in held]
        return 0

    def leave(self):
        it, (name, who) = self.twins, self.someone()
        shares = self.dice.randrange(0, it.model.shares.get(name, 0) // 3 + 1)
        skip = [self.market()] if self.dice.random() < 0.3 else []
        it.act(
            lambda: it.vault.redeemInKind(shares, who, skip, sender=who),
            lambda: it.model.leave_in_kind(name, shares, skip, self.pay_part),
        )

    def leave_waiting(self):
        it, (name, who) = self.twins, self.someone()
        number = self.dice.choice(self.live(REDEEM, name))
        it.act(
            lambda: it.vault.redeemRequestInKind(number, who, who, [], sender=who),
            lambda: self.leave_with_request(name, number),
        )

    def leave_with_request(self, name, number):
        """What settled of the request is claimed; the shares that wait are the vault's by then."""
        model = self.twins.model
        waiting, (_, settled) = model.queues[REDEEM].take_back(name, number, True, model.reports)
        model.claimable, model.got_out = model.claimable - settled, model.got_out + settled
        model.leave_in_kind("vault", waiting, [], self.pay_part)

    def begin(self):
        """Deposits, the report that closes them and the one that settles them."""
        it = self.twins
        for name in it.names:
            who = getattr(it.people, name)
            it.act(
                lambda who=who: it.vault.requestDeposit(START, who, who, sender=who),
                lambda name=name: it.model.request(DEPOSIT, name, name, START),
            )
        for _ in range(2):
            self.report()
        for name in it.names:
            who = getattr(it.people, name)
            settled = it.model.queues[DEPOSIT].can_claim(name)[0]
            it.act(
                lambda who=who, settled=settled: it.vault.deposit(settled, who, sender=who),
                lambda name=name, settled=settled: it.model.claim(DEPOSIT, name, settled, False),
            )


@pytest.mark.parametrize("seed", SEEDS)
def test_the_model_is_the_contract(twins, seed, give_tokens, resolve):
    life = Life(twins, seed, give_tokens, resolve)
    life.begin()
    for _ in range(STEPS):
        twins.pass_time(life.dice.choice((1, 60, 1_000)))
        life.step()
        twins.compare()
    dealt = [epoch for queue in twins.model.queues for epoch in queue.epochs if epoch.earned]
    assert twins.model.reports > 3 and dealt
