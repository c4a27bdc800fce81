"""Promises 8 and 11 at the end of a life: everybody gets out, though nobody in charge does
anything, and halted accounts have their money home."""

from tests.property.life import HOLDERS, Life
from tests.property.newer_venue import DELAY
from tests.property.silence import DEAD
from tests.property.world import DEPOSIT, REDEEM, SIDES, World

EVERYBODY = (*HOLDERS, "manager")


def check_promise_8_everybody_leaves(life: Life) -> None:
    """Whatever state the vault is in: claims are paid, deposits come back at the latest once the
    vault is stale, and shares leave in kind, those that wait too, each in one transaction."""
    world = life.world
    world.vault.pause(sender=world.who["owner"])
    dead = [name for name, how in life.failing.items() if how == DEAD]
    before = {name: world.held(name) for name in world.open_names()}
    for who in HOLDERS:
        for side in SIDES:
            for by_out in (False, True):
                amount = world.claimable(side, who)[by_out]
                if amount:
                    world.claim(side, who, amount, by_out)
        for epoch in world.pending(REDEEM, who):
            world.leave_queue(epoch, who, skip=dead)
    for who in EVERYBODY:
        if shares := world.shares(who):
            world.leave(who, shares, skip=dead)
    world.wait(world.limits["max_report_age"] + 1)
    for who in HOLDERS:
        for epoch in world.pending(DEPOSIT, who):
            world.cancel(DEPOSIT, epoch, who)
    _nothing_is_left(world, dead, before)


def check_promise_11_halted_wallets_come_home(world: World) -> None:
    """A halt has begun the wallet's pause: after the venue's delay anybody brings all home without
    the venue, and the exchange may move nothing any more."""
    world.wait(DELAY + 1)
    for name, market in world.markets.items():
        if not (market.owns_wallet and market.account.adopted() and market.account.halted()):
            continue
        market.account.withdraw(sender=world.who["mallory"])
        held = world.held(name)
        assert (held.away, held.tokens) == (0, held.inside), f"promise 11: {name} keeps {held}"
        assert world.pusd.allowance(market.wallet, world.exchange) == 0
        assert not world.ctf.isApprovedForAll(market.wallet, world.exchange)


def _nothing_is_left(world: World, dead: list[str], before: dict[str, object]) -> None:
    """What stays is what roundings kept, the last exit fee, and Mallory's one unit requests."""
    dust = world.vault.balanceOf(world.vault.address)
    assert world.vault.totalSupply() <= dust + sum(
        world.shares(who) for who in ("mallory", "maker")
    )
    owed = world.vault.claimable_assets()
    assert owed <= 10**4, f"promise 8: {owed} stay unclaimed"
