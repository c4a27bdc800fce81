"""What no recorded case covers of the second protocol's stand-ins (VENUE d)."""

import pytest

from tests.conformance.chain import OK
from tests.conformance.protocol_v2 import Protocol, both

UNIT = 10**6
CONDITION = b"\1" + bytes(15) + b"\7" + bytes(14)  # binary, some hash
EVENT = b"\2" + bytes(15) + b"\7" + b"\0\2" + bytes(10)  # of two questions


@pytest.fixture
def protocol():
    made = Protocol("0x" + "11" * 20)
    made.holder = made.chain.evm.address("holder")
    made.fund(made.holder, 1_000 * UNIT, both([CONDITION]))
    for module in ("bm", "nm"):
        owner = made.owners[module]
        for role in ("Resolver", "Bridge"):
            who = made.chain.evm.address(role)
            getattr(made.contracts[module], f"add{role}")(who, sender=owner)
    return made


def report(protocol, module, condition, yes, by="Resolver"):
    who = protocol.chain.evm.address(by)
    return protocol.chain.outcome(
        lambda: module.reportResult(condition, [yes, UNIT - yes], sender=who)
    )


def question(index):
    return EVENT + index.to_bytes(2, "big")


def test_balances_are_told_by_condition_and_outcome_too(protocol):
    yes = int.from_bytes(CONDITION + b"\0", "big")
    protocol.manager.unsafeTransferFrom(
        protocol.holder, protocol.owners["pm"], yes, 7, sender=protocol.holder
    )
    for outcome in (0, 1):
        told = protocol.manager.balanceOf(protocol.holder, CONDITION, outcome)
        assert told == protocol.manager.balanceOf(protocol.holder, yes + outcome)
    assert protocol.manager.balanceOf(protocol.owners["pm"], CONDITION, 0) == 7


def test_an_admin_exchanges_modules_and_the_new_one_redeems(protocol):
    chain, manager, owner = protocol.chain, protocol.manager, protocol.owners["pm"]
    second = chain.deploy("BinaryModule", manager.address)
    add = lambda: manager.addModule(second.address, sender=owner)  # noqa: E731
    assert chain.outcome(add) == "ModuleAlreadyRegistered"
    manager.removeModule(1, sender=owner)
    split = lambda: protocol.router.split(CONDITION, UNIT, sender=protocol.holder)  # noqa: E731
    assert chain.outcome(split) == "empty revert"
    assert chain.outcome(add) == OK
    assert manager.moduleById(1) == second.address.lower()


def test_reports_stop_for_one_event_or_one_reporter(protocol):
    chain, module, owner = protocol.chain, protocol.negative_risk, protocol.owners["nm"]
    module.pauseResolution(EVENT, sender=owner)
    assert report(protocol, module, question(0), 0) == "ResolutionIsPaused"
    assert report(protocol, module, question(0), 0, by="Bridge") == "ResolutionIsPaused"
    module.unpauseResolution(EVENT, sender=owner)
    module.pauseResolver(chain.evm.address("Resolver"), sender=owner)
    assert report(protocol, module, question(0), 0) == "ResolverIsPaused"
    assert report(protocol, module, question(0), 0, by="Bridge") == OK


def test_a_bridge_may_say_the_same_again_and_a_resolver_may_not(protocol):
    module = protocol.binary
    assert report(protocol, module, CONDITION, 400_000) == OK
    assert report(protocol, module, CONDITION, 400_000, by="Bridge") == OK
    assert report(protocol, module, CONDITION, 400_000) == "ConditionAlreadyResolved"
    assert report(protocol, module, CONDITION, 400_001, by="Bridge") == "ExistingPayoutMismatch"


def test_other_may_be_no_only_while_a_question_is_open(protocol):
    module = protocol.negative_risk
    assert report(protocol, module, question(2), 0) == "InvalidConditionIndex"
    assert report(protocol, module, question(2), 0, by="Bridge") == OK
    assert report(protocol, module, question(0), 0) == OK
    # now the last one must be YES
    assert report(protocol, module, question(1), 0) == "InvalidResults"
    assert report(protocol, module, question(1), UNIT) == OK
    assert module.resultsSum(EVENT) == UNIT


def test_a_row_of_yes_costs_its_collateral_and_gives_it_back(protocol):
    router, holder = protocol.router, protocol.holder
    before = protocol.pusd.balanceOf(holder)
    router.horizontalSplit(EVENT, 5 * UNIT, sender=holder)
    held = [protocol.manager.balanceOf(holder, question(i), 0) for i in range(3)]
    assert held == [5 * UNIT] * 3
    assert protocol.pusd.balanceOf(holder) == before - 5 * UNIT
    router.horizontalMerge(EVENT, 5 * UNIT, sender=holder)
    assert protocol.pusd.balanceOf(holder) == before
