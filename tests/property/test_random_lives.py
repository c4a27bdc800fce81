"""Promises of DESIGN section 7 over random lives that hypothesis draws, shrinks and prints.

STRONGROOM_LIVES (of 100 steps each, in each of two tests) lengthens the run, STRONGROOM_SEED
changes it; `make fuzz` does both. A failing life is printed as calls; it belongs into
test_regressions.py.
"""

from fractions import Fraction
from typing import Any

import ape
import pytest
from hypothesis import seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from strongroom.backtest.simulated_vault import DEPOSIT, REDEEM, Vault
from strongroom.chain.units import VIRTUAL_SHARES

from tests.property.replay import Replay
from tests.property.world import ACTS, HOLDERS, USERS, VARIANTS, World
from tests.seeds import LIVES, SEED

STEPS = 100
OLD = 70  # steps after which a life may begin to end
# Acts of dealing: whoever does them, the others' shares must not lose.
DEALING = {
    "request_deposit",
    "request_redeem",
    "cancel",
    "claim",
    "sync_deposit",
    "sync_redeem",
    "transfer",
    "leave_in_kind",
}


def price(model: Vault) -> Fraction:
    """Assets that one unit of a share is worth to its holder, virtual units included."""
    return Fraction(model.nav[0] + 1, model.supply + VIRTUAL_SHARES)


class Life(RuleBasedStateMachine):
    """One life of a vault."""

    done = 0  # steps of all lives

    def __init__(self) -> None:
        super().__init__()
        self.world: World  # as move_in makes it, before everything else
        self.steps = 0

    @initialize(variant=st.sampled_from(VARIANTS))
    def move_in(self, variant: dict[str, Any]) -> None:
        self.world = World(ape.project, **variant)

    def act(self, name: str, **arguments: Any) -> None:
        world = self.world
        if name.startswith("sync_"):
            # payouts that synchronous dealing books are no dealing: book them before comparing
            world.sync_all()
        before = price(world.model)
        getattr(world, name)(**arguments)
        self.steps += 1
        Life.done += 1
        if name in DEALING:
            assert price(world.model) >= before, "promise 3: a dealing diluted the others"

    @precondition(lambda self: self.steps > OLD)
    @rule(who=st.sampled_from(("guardian", "owner", "dave", "keeper")))
    def wind_down(self, who: str) -> None:
        self.world.wind_down(who)

    @invariant()
    def promise_1_value(self) -> None:
        model = self.world.model
        owed = model.idle + model.pending_deposits + model.claimable
        assert self.world.pusd.balanceOf(self.world.vault.address) >= owed

    @invariant()
    def promise_5_conservation(self) -> None:
        model = self.world.model
        left = model.put_in - model.got_out + model.venue
        assert left == model.nav[0] + model.pending_deposits + model.claimable

    @invariant()
    def promise_7_caps(self) -> None:
        """In assets after every act, on chain; in bps after every allocation, see the model."""
        vault, limits, model = self.world.vault, self.world.limits, self.world.model
        assert vault.total_exposure() <= limits["total_cap"]
        assert vault.recentAllocation() <= limits["velocity_limit"]
        for kind, caps in enumerate(model.classes):
            assert vault.classExposureOf(kind) <= caps.all
        for market in model.open:
            assert vault.exposureOf(market) <= model.classes[model.markets[market].kind].market

    @invariant()
    def the_model(self) -> None:
        if self.steps % 10 == 0:
            self.world.compare()

    def teardown(self) -> None:
        self.world.compare()
        Replay(self.world).check_promise_9_logs_rebuild_the_state()
        check_promise_8_liveness(self.world)


def add_rules() -> None:
    """Give the machine a rule for each act, its parameters drawn from the act's domains."""
    for name, (_, domains) in ACTS.items():
        strategies = {
            parameter: st.tuples(*map(st.sampled_from, domain))
            if parameter == "steps"
            else st.sampled_from(list(domain))
            for parameter, domain in domains.items()
        }

        def act(self: Life, _name: str = name, **arguments: Any) -> None:
            self.act(_name, **arguments)

        act.__name__ = name
        setattr(Life, name, rule(**strategies)(act))


def check_promise_8_liveness(world: World) -> None:
    """From here everybody gets out, though keeper, reporter, owner and guardian do nothing more."""
    world.vault.pause(sender=world.who["guardian"])
    world.vault.setKeeper("0x" + "00" * 20, sender=world.who["guardian"])
    if not world.model.winding_down:
        world.evm.wait(world.limits["liveness_period"] + 1)
        assert world.wind_down("dave")
    world.claim_all()
    for who in USERS:
        for side in (DEPOSIT, REDEEM):
            while any(epoch.waits(who) for epoch in world.model.epochs[side]):
                assert world.cancel(who, side), world.refused
    assert world.model.pending_deposits == 0
    before, supply = held(world), world.model.supply
    for who in HOLDERS:
        shares = world.model.shares.get(who, 0)
        if shares:
            assert world.redeem_in_kind(who, shares)
    world.compare()
    # What stays is what roundings kept (claims' dust, a unit an exit) and what virtual shares own.
    dust = world.model.shares.get("vault", 0)
    assert world.model.supply == dust <= 2 * len(HOLDERS) + 2
    kept = Fraction(dust + VIRTUAL_SHARES, supply + VIRTUAL_SHARES)
    for what, amount in held(world).items():
        assert amount <= before[what] * kept + len(HOLDERS)


def held(world: World) -> dict[object, int]:
    """Return what the vault and its accounts hold of everything."""
    amounts: dict[object, int] = {"idle": world.model.idle}
    for market in world.model.open:
        state = world.holdings[market]
        for what in ("collateral", "yes", "no"):
            amounts[market, what] = getattr(state, what)
    return amounts


add_rules()


@pytest.mark.parametrize("number", [SEED, SEED + 1])
def test_promises_1_3_5_7_8_9_over_random_lives(number: int) -> None:
    """Twice, with the seeds that the tests' names show: once a core."""
    Life.done = 0
    batch = 0
    while Life.done < 72 * LIVES:  # most lives are longer; 100,000 steps and more in both together
        run_state_machine_as_test(
            seed(number + 1_000 * batch)(Life),
            settings=settings(
                max_examples=LIVES if batch == 0 else LIVES // 10 + 1,
                stateful_step_count=STEPS,
            ),
        )
        batch += 1
