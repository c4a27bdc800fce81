"""The auditor's view of who may change what: every risk-raising call was announced in time."""

import ape
import pytest
from eth_utils import keccak
from strongroom.audit.bookkeeper import Bookkeeper
from strongroom.audit.contracts import Views
from strongroom.audit.events import (
    CallExecuted,
    CallSubmitted,
    DelaySet,
    Transaction,
    by_transaction,
    read_log,
    vault_readers,
)
from strongroom.audit.governance import Governance
from strongroom.audit.ledger import Ledger
from strongroom.audit.node import Node
from strongroom.audit.permissions import Limit, Permissions
from strongroom.audit.view_checks import view_differences

from tests.defaults import DAY, a_class, limit

ADD_CLASS = "addClass((address,address,uint256,uint256,uint256,uint256,uint256,uint256))"


def transactions(vault):
    """Return (time, events) of a vault's transactions, from the chain's raw logs."""
    found = []
    asked = {"address": vault.address, "fromBlock": 0, "toBlock": "latest"}
    for log in ape.networks.provider.web3.eth.get_logs(asked):
        event = read_log(
            {
                "topics": ["0x" + bytes(topic).hex() for topic in log["topics"]],
                "data": "0x" + bytes(log["data"]).hex(),
                "blockNumber": hex(log["blockNumber"]),
                "transactionHash": "0x" + bytes(log["transactionHash"]).hex(),
                "logIndex": hex(log["logIndex"]),
                "address": log["address"],
            },
            vault_readers(),
        )
        found += [event] if event is not None else []
    return [(ape.chain.blocks[group[0].block].timestamp, group) for group in by_transaction(found)]


def books(vault, groups):
    ledger = Ledger(vault.address.lower())
    for time, events in groups:
        Bookkeeper(ledger).book(Transaction(time, tuple(events)))
    return ledger


@pytest.fixture
def governed(make_vault, people, chain, implementation, report):
    """A vault that has seen every kind of announced call, a veto, and what needs none."""
    vault = make_vault(timelock=2 * DAY, management=100)
    owner = people.owner
    caps = (1, 10_000, 2**90, 10_000)
    vault.setLimit(limit("max_spread_bps"), 200, sender=owner)  # safer
    vault.setFees(50, 0, 0, sender=owner)
    calls = [
        vault.setLimit.encode_input(limit("max_spread_bps"), 3_000),
        vault.setLimit.encode_input(limit("min_report_interval"), 30),
        vault.setFees.encode_input(60, 0, 0),
        vault.addClass.encode_input(a_class(implementation, people.oracle, cap=10**9)),
        vault.setGuardian.encode_input(people.bob),
        vault.setReporter.encode_input(people.carol),
        vault.setKeeper.encode_input(people.trader),
    ]
    for call in calls:
        vault.submit(call, sender=owner)
    vetoed = vault.setKeeper.encode_input(people.mallory)
    vault.submit(vetoed, sender=owner)
    vault.revoke(vetoed, sender=people.guardian)
    chain.pending_timestamp += 2 * DAY
    report(vault)
    for call in calls:
        vault.accept(call, sender=owner)
    vault.setKeeper("0x" + "00" * 20, sender=people.bob)  # the guardian's, at once
    raised = vault.setClassCaps.encode_input(0, (2**60, *caps[1:]))
    lowered = vault.decreaseDelay.encode_input(keccak(text="setKeeper(address)")[:4], DAY)
    for call in (raised, lowered):
        vault.submit(call, sender=owner)
    vault.setClassCaps(0, caps, sender=owner)  # safer
    chain.pending_timestamp += 3 * DAY
    for call in (raised, lowered):
        vault.accept(call, sender=owner)
    vault.abdicate(keccak(text="setFees(uint256,uint256,uint256)")[:4], sender=owner)
    vault.pause(sender=owner)
    vault.transferOwnership(people.alice, sender=owner)
    vault.acceptOwnership(sender=people.alice)
    return vault, transactions(vault)


def read_of(vault):
    contracts = Views(Node(""))

    def one(name, arguments):
        call = {"to": vault.address, "data": contracts.data(name, arguments)}
        answer = bytes(ape.networks.provider.web3.eth.call(call)).hex()
        return contracts.decoded(name, "0x" + answer)

    return lambda asked: [one(*each) for each in asked]


def test_what_was_announced_in_time_differs_nowhere(governed, people):
    vault, groups = governed
    ledger = books(vault, groups)
    assert ledger.differences == []
    assert view_differences(ledger, ape.chain.blocks.head.timestamp, read_of(vault)) == []
    assert ledger.permissions.limit(Limit.MAX_SPREAD_BPS) == 3_000
    assert ledger.permissions.rates == (60, 0, 0)
    assert ledger.permissions.roles["owner"] == people.alice.address.lower()
    assert ledger.permissions.class_of(0).caps.words == (2**60, 10_000, 2**90, 10_000)
    assert any("revoked" in each.what for each in ledger.permissions.timeline)
    assert ledger.permissions.submitted == {}


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


def test_a_riskier_change_that_nobody_announced_is_found(governed):
    """Each of the nine announced calls, as if its execution was none of an announced one."""
    vault, groups = governed
    names = ["LimitSet", "LimitSet", "FeesSet", "ClassAdded", "RoleSet", "RoleSet", "RoleSet",
             "ClassCapsSet", "DelaySet"]  # fmt: skip
    for place, name in enumerate(names):
        (found,) = books(vault, without(groups, "CallExecuted", place)).differences
        assert found.what.startswith(f"{name}: announced by submit(")


def test_an_execution_of_what_was_not_submitted_is_found(governed):
    """Seven calls that were made, and one that was revoked."""
    vault, groups = governed
    for place, name in enumerate([*["CallExecuted"] * 7, "CallRevoked"]):
        found = books(vault, without(groups, "CallSubmitted", place)).differences
        assert [each.what for each in found] == [f"{name}.call_hash"]


def test_a_call_before_or_long_after_its_time_is_found(governed):
    vault, groups = governed
    for shift in (-2 * DAY, 8 * DAY):
        moved = [
            (time + shift if any(each.name == "CallExecuted" for each in events) else time, events)
            for time, events in groups
        ]
        found = books(vault, moved).differences
        assert [each for each in found if each.what == "CallExecuted: time"]


def test_the_delay_that_counts_is_the_one_of_the_call():
    """A delay that was raised after the submission holds for it."""
    governance, call = Governance(Permissions()), keccak(text="setKeeper(address)")[:4] + b"\0" * 32
    selector, identity = "0x" + call[:4].hex(), "0x" + keccak(call).hex()

    def hear(now, kind, **fields):
        event = kind(now, hex(now), 0, "", **fields)
        return governance.take(event, Transaction(now, (event,)))

    assert hear(1, DelaySet, selector=selector, delay=100) == []
    assert hear(10, CallSubmitted, call_hash=identity, delay=100, call=call) == []
    assert hear(20, DelaySet, selector=selector, delay=200) == []
    (found,) = hear(150, CallExecuted, call_hash=identity)
    assert (found.what, found.expected) == ("CallExecuted: time", f"210 to {210 + 7 * DAY}")
    (found,) = hear(160, CallSubmitted, call_hash=identity, delay=100, call=call)
    assert (found.what, found.expected, found.found) == ("CallSubmitted.delay", "200", "100")
