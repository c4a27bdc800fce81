"""A vault that has seen every kind of announced call, a veto, and what needs none."""

from eth_utils import keccak
from strongroom.audit.permissions import ZERO

from tests.defaults import DAY, limit
from tests.property.world import DEPOSIT, HOUR, KINDS, OPEN, UNIT, YES, Kind, World

MILLION = 10**6 * UNIT
ADDED = len(KINDS)  # the class after the first ones


def selector(signature):
    return keccak(text=signature)[:4]


def deal(world):
    """A report of nothing: what it leaves unmarked may be worth anything."""
    world.wait(HOUR)
    world.report()


def with_loss():
    """Return a vault with a loss and a market of tokens that no oracle resolves; its bid fell."""
    world = World(fees=(100, 0, 0), timelock=2 * DAY, **OPEN | {"max_drawdown_bps": 500})
    world.request(DEPOSIT, "alice", MILLION)
    for _ in range(2):
        world.wait(HOUR)
        world.settle()
    for name in ("lost", "stuck"):
        world.open(name)
        world.allocate(name, MILLION // 10)
        world.trade(name, -MILLION // 10, {(0, YES): MILLION // 10})
    world.resolve("lost", yes=0)
    deal(world)
    world.close("lost")
    return world


def governed_world():
    """Return a world after all that its owner and its guardian can do."""
    world = with_loss()
    vault, who = world.vault, world.who
    owner = who["owner"]
    vault.setLimit(limit("max_premium_bps"), 200, sender=owner)  # safer
    vault.setFees(50, 0, 0, sender=owner)
    announced = [
        ("setLimit", limit("max_premium_bps"), 3_000),
        ("setLimit", limit("min_report_interval"), 30),
        ("setLimit", limit("marks_required"), 0),
        ("setFees", 60, 0, 0),
        ("addClass", world.class_terms(Kind("binary", "trader", market_cap=10**9))),
        ("setGuardian", who["bob"]),
        ("setReporter", who["carol"]),
        ("setKeeper", 1, who["trader"]),
        ("closeMarket", world.markets["stuck"].id),
        ("forgiveLosses", 0, 7 * UNIT),
        ("resetBreaker",),
        ("setAllowList", world.pusd.address, True),
    ]
    for function, *arguments in announced:
        world.submit(function, *arguments)
    world.revoke(world.submit("setKeeper", 0, who["mallory"]))
    world.wait(2 * DAY)
    deal(world)
    for function, *arguments in announced:
        getattr(vault, function)(*arguments, sender=owner)
    vault.setKeeper(1, ZERO, sender=who["bob"])  # the guardian's, at once
    caps = vault.classOf(ADDED)[4:8]
    raised = ("setClassCaps", ADDED, (2**60, *caps[1:]))
    lowered = ("decreaseDelay", selector("setKeeper(uint256,address)"), DAY)
    for function, *arguments in (raised, lowered):
        world.submit(function, *arguments)
    vault.setClassCaps(ADDED, (1, *caps[1:]), sender=who["bob"])  # safer
    world.wait(3 * DAY)
    for function, *arguments in (raised, lowered):
        world.accept(vault.data(function, *arguments))
    vault.abdicate(selector("setFees(uint256,uint256,uint256)"), sender=owner)
    vault.retireClass(3, sender=who["bob"])
    vault.pause(sender=owner)
    vault.transferOwnership(who["alice"], sender=owner)
    vault.acceptOwnership(sender=who["alice"])
    return world


def with_holders_say(world):
    """Let holders of a governed world approve, appoint and send; the allow-list that its owner
    named covers transfers no longer."""
    vault, who = world.vault, world.who
    shares = vault.balanceOf(who["alice"])
    if not shares:
        world.claim_all("alice")
        shares = vault.balanceOf(who["alice"])
    vault.setAllowList(world.pusd.address, False, sender=who["alice"])  # transfers are free again
    vault.approve(who["bob"], shares // 2, sender=who["alice"])
    vault.transferFrom(who["alice"], who["carol"], shares // 3, sender=who["bob"])
    vault.setOperator(who["bob"], True, sender=who["alice"])
    vault.setOperator(who["carol"], True, sender=who["alice"])
    vault.setOperator(who["carol"], False, sender=who["alice"])
    return world
