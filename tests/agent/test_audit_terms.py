"""The auditor's view of who may change what: every risk-raising call was announced in time."""

import pytest
from eth_utils import keccak
from strongroom.audit.bookkeeper import Bookkeeper
from strongroom.audit.events import (
    Abdicated,
    Approval,
    CallExecuted,
    CallRevoked,
    CallSubmitted,
    DelaySet,
    FeesSet,
    KeeperSet,
    OwnershipTransferred,
    OwnershipTransferStarted,
    Paused,
    RoleSet,
    Unpaused,
)
from strongroom.audit.governance import Governance
from strongroom.audit.ledger import Ledger
from strongroom.audit.permissions import ZERO, Limit, MarketClass, Permissions
from strongroom.audit.transactions import Transaction

from tests.defaults import DAY
from tests.property.audited import audit, events_of, found_at_last
from tests.property.governed import ADDED, governed_world, selector
from tests.property.world import UNIT

ANN, BEN, VAULT = "0x" + "aa" * 20, "0x" + "bb" * 20, "0x" + "11" * 20


@pytest.fixture(scope="module")
def governed():
    """A vault that has seen every kind of announced call, a veto, and what needs none."""
    world = governed_world()
    return world, events_of(world)


def test_what_was_announced_in_time_differs_nowhere(governed):
    world, groups = governed
    ledger = audit(world, groups)
    assert ledger.differences == []
    assert found_at_last(world, ledger) == []
    permissions = ledger.permissions
    assert permissions.limit(Limit.MAX_PREMIUM_BPS) == 3_000
    assert permissions.rates == (60, 0, 0)
    assert permissions.roles["owner"] == world.who["alice"].lower()
    added, given_up = permissions.class_of(ADDED), permissions.class_of(1)
    assert added.caps.words[0] == 2**60 and added.keeper == world.who["trader"].lower()
    assert given_up.keeper == ZERO and permissions.class_of(3).is_retired
    assert any("revoked" in each.what for each in permissions.timeline)
    assert permissions.submitted == {} and permissions.is_paused
    assert ledger.losses_of(0) > 10**5 * UNIT, "two lost markets, little forgiven"


def without(groups, name, place):
    """Return the transactions without the n-th event of a name."""
    found, count = [], 0
    for time, events in groups:
        kept = []
        for event in events:
            if event.name == name:
                count += 1
                if count - 1 == place:
                    continue
            kept.append(event)
        found += [(time, kept)] if kept else []
    return found


ANNOUNCED = [
    *("LimitSet", "LimitSet", "LimitSet", "FeesSet", "ClassAdded", "RoleSet", "RoleSet"),
    *("KeeperSet", "MarketClosed", "LossesForgiven", "BreakerReset", "AllowListSet"),
    *("ClassCapsSet", "DelaySet"),
]


def test_a_riskier_change_that_nobody_announced_is_found(governed):
    """Each of the announced calls, as if its execution was none of an announced one."""
    world, groups = governed
    for place, name in enumerate(ANNOUNCED):
        (found,) = audit(world, without(groups, "CallExecuted", place)).differences
        assert found.what.startswith(f"{name}: announced by submit(")


def test_an_execution_of_what_was_not_submitted_is_found(governed):
    """Twelve calls that were made, and one that was revoked."""
    world, groups = governed
    for place, name in enumerate([*["CallExecuted"] * 12, "CallRevoked"]):
        found = audit(world, without(groups, "CallSubmitted", place)).differences
        assert [each.what for each in found] == [f"{name}.call_hash"]


def test_a_call_before_or_long_after_its_time_is_found(governed):
    world, groups = governed
    for shift in (-2 * DAY, 8 * DAY):
        moved = [
            (time + shift if any(each.name == "CallExecuted" for each in events) else time, events)
            for time, events in groups
        ]
        found = audit(world, moved).differences
        assert [each for each in found if each.what == "CallExecuted: time"]


class Listener:
    """Governance that hears events of one transaction each."""

    def __init__(self):
        self.governance = Governance(Permissions())

    def hear(self, now, kind, **fields):
        event = kind(now, hex(now), 0, "", **fields)
        return self.governance.take(event, Transaction(now, (event,)))

    def whats(self, now, kind, **fields):
        return [each.what for each in self.hear(now, kind, **fields)]


CALL = selector("setKeeper(uint256,address)") + b"\0" * 64
HEAD, HASH = "0x" + CALL[:4].hex(), "0x" + keccak(CALL).hex()


def test_the_delay_that_counts_is_the_one_of_the_call():
    """A delay that was raised after the submission holds for it, and revives nothing."""
    hear = Listener().hear
    assert hear(1, DelaySet, selector=HEAD, delay=100) == []
    assert hear(10, CallSubmitted, call_hash=HASH, delay=100, call=CALL) == []
    assert hear(20, DelaySet, selector=HEAD, delay=200) == []
    (found,) = hear(150, CallExecuted, call_hash=HASH)
    assert (found.what, found.expected) == ("CallExecuted: time", f"210 to {110 + 7 * DAY}")
    assert hear(400, CallSubmitted, call_hash=HASH, delay=200, call=CALL) == []
    assert hear(500 + 8 * DAY, DelaySet, selector=HEAD, delay=8 * DAY) == []
    (found,) = hear(500 + 8 * DAY, CallExecuted, call_hash=HASH)
    assert found.expected == f"{400 + 8 * DAY} to {600 + 7 * DAY}"
    assert hear(500 + 8 * DAY, DelaySet, selector=HEAD, delay=200) != []  # not announced
    (found,) = hear(700 + 16 * DAY, CallSubmitted, call_hash=HASH, delay=100, call=CALL)
    assert (found.what, found.expected, found.found) == ("CallSubmitted.delay", "200", "100")


@pytest.mark.parametrize(
    ("ended", "again"),
    [("made", 250), ("revoked", 240), ("lapsed", 10 + 100 + 7 * DAY + 100)],
)
def test_the_same_call_stands_again_only_after_another_delay(ended, again):
    """Delay 100: submitted at 10; made at 150, revoked at 140, or left to lapse."""
    for early, told in ((1, ["CallSubmitted: time"]), (0, [])):
        hear = Listener().whats
        assert hear(1, DelaySet, selector=HEAD, delay=100) == []
        assert hear(10, CallSubmitted, call_hash=HASH, delay=100, call=CALL) == []
        if ended == "made":
            assert hear(150, CallExecuted, call_hash=HASH) == []
        elif ended == "revoked":
            assert hear(140, CallRevoked, call_hash=HASH) == []
        submitted = {"call_hash": HASH, "delay": 100, "call": CALL}
        assert hear(again - early, CallSubmitted, **submitted) == told


def test_what_was_abdicated_is_done_by_nobody():
    listener = Listener()
    listener.governance.permissions.classes[0] = MarketClass()
    head = "0x" + selector("setKeeper(uint256,address)").hex()
    assert listener.whats(1, Abdicated, selector=head) == []
    assert listener.whats(2, CallSubmitted, call_hash=HASH, delay=0, call=CALL) == [
        "CallSubmitted.call: abdicated"]  # fmt: skip
    assert listener.whats(3, KeeperSet, class_id=0, keeper="0x" + "77" * 20) == [
        "KeeperSet: setKeeper was abdicated"]  # fmt: skip
    assert listener.whats(4, KeeperSet, class_id=0, keeper=ZERO) == [], "drops are free"


def test_nothing_is_said_of_a_class_that_there_is_not():
    assert Listener().whats(3, KeeperSet, class_id=0, keeper=ZERO) == ["KeeperSet.class_id"]


def test_a_pause_is_of_guardian_or_owner_and_ends_so():
    ann, ben, eve = ("0x" + 20 * each for each in ("aa", "bb", "ee"))
    guardian = "0x" + keccak(text="guardian").hex()
    listener = Listener()
    listener.governance.permissions.born_in = "0x1"
    hear = listener.whats
    assert hear(1, OwnershipTransferred, previous_owner=ZERO, new_owner=ann) == []
    assert hear(1, RoleSet, role=guardian, account=ben) == []
    assert hear(2, Paused, account=eve) == ["Paused.account"]
    assert hear(3, Unpaused, account=ann) == []
    assert hear(4, Paused, account=ben) == [] and hear(5, Unpaused, account=ben) == []
    assert hear(6, Paused, account=ann) == []
    assert hear(7, Unpaused, account=ben) == ["Unpaused: paused by the owner"]


def test_ownership_goes_to_whom_it_was_offered():
    ann, ben = ("0x" + 20 * each for each in ("aa", "bb"))
    hear = Listener().whats
    assert hear(2, OwnershipTransferred, previous_owner=ann, new_owner=ben) == [
        "OwnershipTransferred.previous_owner", "OwnershipTransferred.new_owner"]  # fmt: skip
    assert hear(3, OwnershipTransferStarted, previous_owner=ben, new_owner=ann) == []
    assert hear(4, OwnershipTransferred, previous_owner=ben, new_owner=ann) == []


def test_fees_are_not_raised_on_old_news(governed):
    """The announced raise of the fees, as if it had come three days after the last report."""
    world, groups = governed
    raises = [
        place
        for place, (_, events) in enumerate(groups)
        if any(isinstance(each, FeesSet) and each.management_bps == 60 for each in events)
    ]
    (place,) = raises
    late = [*groups]
    late[place] = (groups[place][0] + 3 * DAY, groups[place][1])
    found = [each.what for each in audit(world, late).differences]
    assert "FeesSet: raised while fresh" in found


def test_what_was_set_twice_in_a_block_is_asked_as_it_was_before_the_block():
    """100 in block 5; 30, then 40 in two transactions of block 7: block 6 must say 100."""
    keeper = Bookkeeper(Ledger(VAULT))

    def approve(block, index, value):
        event = Approval(block, f"0x{block}{index}", index, VAULT, ANN, BEN, value)
        keeper.book(Transaction(block, [event]))

    keeper.book(Transaction(1, [Approval(1, "0x1", 0, VAULT, BEN, ANN, 1)]))  # the vault's first
    approve(5, 0, 100)
    assert [(each.block, each.value) for each in keeper.replaced()] == [(4, 0)]
    approve(7, 0, 30)
    approve(7, 1, 40)
    approve(8, 0, 50)
    assert [(each.block, each.value) for each in keeper.replaced()] == [(6, 100), (7, 40)]
