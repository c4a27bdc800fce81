"""Exchange V3 against recorded matches."""

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.conformance.chain import OK, Event
from tests.conformance.protocol_v2 import Protocol, changes, hex_bytes, whole
from tests.conformance.report import Difference
from tests.conformance.signing import address_of, signed

FILE = "exchange_v3_matches.json.gz"
PEOPLE = ("A", "B", "Cc", "D", "W")
WORDS = "salt maker signer tokenId makerAmount takerAmount side signatureType timestamp"


class Matches:
    """The world in which `exchange_v3_matches.json.gz` was recorded."""

    def __init__(self, recorded: Mapping[str, Any]) -> None:
        addresses = recorded["addresses"]
        self.keys: Mapping[str, str] = recorded["keys"]
        self.protocol = Protocol(addresses["fee"], recorded["maxFeeRateBps"])
        self.tokens = {name: int(token) for name, token in recorded["tokens"].items()}
        chain = self.protocol.chain
        self.people = {name: address_of(key) for name, key in self.keys.items()}
        wallet = chain.deploy("KeyedSigner", self.people["E"], b"")
        self.people["W"] = wallet.address
        self.protocol.bidden[wallet.address] = wallet
        self.recorded = {
            address.lower(): name for name, address in addresses.items() if name in self.people
        }
        for name, address in self.people.items():
            chain.call_it(address, name)
        self.exchange = self.protocol.exchange
        self.exchange.addOperator(self.people["op"], sender=self.protocol.owners["ex"])
        conditions = [hex_bytes(each) for each in recorded["conditions_bytes31"].values()]
        for name in PEOPLE:
            cash = recorded["start_balances"][name]["pUSD"]
            self.protocol.fund(self.people[name], cash, conditions)
        self.holders = tuple(recorded["start_balances"])
        self.start = chain.evm.snapshot()

    def balances(self) -> dict[str, dict[str, int]]:
        """Return what each holder has of each token that the vectors watch."""
        held = {}
        for holder in self.holders:
            at = self.people.get(holder) or self.protocol.contracts[holder].address
            held[holder] = {
                "pUSD": self.protocol.pusd.balanceOf(at),
                "yes": self.protocol.manager.balanceOf(at, self.tokens["yes"]),
                "no": self.protocol.manager.balanceOf(at, self.tokens["no"]),
            }
        return held

    def order(self, recorded: Mapping[str, Any]) -> tuple[tuple[Any, ...], bytes]:
        """Return an order for our exchange, signed again in the recorded form, and its hash."""
        values = [self._ours(recorded[word]) for word in WORDS.split()]
        unsigned = (*values, hex_bytes(recorded["metadata"]), hex_bytes(recorded["builder"]))
        digest = self.exchange.hashOrder((*unsigned, b""))
        key, form = self.keys[recorded["signed_by"]], recorded["sig_form"]
        if recorded["preapprove_first"]:
            good = (*unsigned, signed(key, digest))
            self.exchange.preapproveOrder(good, sender=self.people["op"])
            form = "empty"
        return (*unsigned, signed(key, digest, form)), digest

    def _ours(self, word: Any) -> Any:
        if isinstance(word, str) and word.startswith("0x"):
            name = self.recorded.get(word.lower())
            return self.people.get(name, word)
        return int(word)

    def before(self, act: Mapping[str, Any]) -> None:
        """Do what comes before a call: a pause, approvals taken back, a gift."""
        evm, manager, pusd = self.protocol.chain.evm, self.protocol.manager, self.protocol.pusd
        send, exchange = self.protocol.send, self.exchange.address
        if "pauseUser" in act:
            send(self.people[act["pauseUser"]], self.exchange, "pauseUser")
            evm.wait(1, act["then_blocks"])
        elif "revoke_all_approvals" in act:
            holder = self.people[act["revoke_all_approvals"]]
            send(holder, pusd, "approve", exchange, 0)
            send(holder, manager, "setApprovalForAll", exchange, False)
        elif "donate_to_exchange" in act:
            gift = act["donate_to_exchange"]
            giver = self.people[gift["from"]]
            send(giver, pusd, "transfer", exchange, gift["pUSD"])
            for token in sorted(self.tokens.keys() & gift.keys()):
                move = (giver, exchange, self.tokens[token], gift[token])
                send(giver, manager, "unsafeTransferFrom", *move)
        else:
            raise ValueError(f"unknown act before a call: {act}")


def play_matches(path: Path) -> Iterator[tuple[str, list[Difference]]]:
    """Play `exchange_v3_matches.json.gz`: each scenario from the same start."""
    recorded = json.loads(gzip.decompress(path.read_bytes()))
    world = Matches(recorded)
    for scenario in recorded["scenarios"]:
        case = f"scenario {scenario['id']}"
        yield case, list(_scenario_differences(world, path.name, case, scenario))


def _scenario_differences(
    world: Matches, file: str, case: str, scenario: Mapping[str, Any]
) -> Iterator[Difference]:
    world.protocol.chain.evm.revert(world.start)
    taker = world.order(scenario["orders"]["taker"])
    makers = [world.order(each) for each in scenario["orders"]["makers"]]
    hashes = [digest for _, digest in (taker, *makers)]
    for at, step in enumerate(scenario["steps"]):
        for act in step["before_call"]:
            world.before(act)
        for field, expected, got in _step_differences(
            world, step, taker[0], [each for each, _ in makers], hashes
        ):
            yield Difference(file, f"{case} step {at}", field, expected, got)


def _step_differences(
    world: Matches,
    step: Mapping[str, Any],
    taker: tuple[Any, ...],
    makers: Sequence[tuple[Any, ...]],
    hashes: Sequence[bytes],
) -> Iterator[tuple[str, Any, Any]]:
    call, exchange, chain = step["call"], world.exchange, world.protocol.chain
    amounts = call["takerAmounts"]
    given = [amounts[f"taker{each}Amount"] for each in ("Fill", "Receive", "Fee")]
    arguments = (
        taker,
        makers,
        list(map(int, call["makerFillAmounts"])),
        list(map(int, call["makerFeeAmounts"])),
        tuple(map(int, given)),
    )
    before = world.balances()
    got = chain.outcome(
        lambda: exchange.matchOrders(*arguments, sender=world.people[call["caller"]])
    )
    expected = OK if step["ok"] else step["error"]
    if got != expected:
        yield "outcome", expected, got
    moved = changes(before, world.balances())
    wanted = whole(step.get("delta", {}))
    if moved != wanted:
        yield "delta", wanted, moved
    statuses = [exchange.getOrderStatus(each) for each in hashes]
    recorded = [(each["filled"], int(each["remaining"])) for each in step["orderStatus_after"]]
    if [tuple(each) for each in statuses] != recorded:
        yield "orderStatus", recorded, statuses
    if step["ok"] and got == OK:
        events = [_told(world, each, hashes) for each in chain.events(of=[exchange])]
        said = [(each["name"], *map(_word, each["args"])) for each in step["events"]]
        if events != said:
            yield "events", said, events


def _told(world: Matches, event: Event, hashes: Sequence[bytes]) -> tuple[Any, ...]:
    """Return an event in the vectors' words."""
    names = {"0x" + digest.hex(): f"o{at}" for at, digest in enumerate(hashes)}
    tokens = {token: name for name, token in world.tokens.items()}
    told: list[Any] = [event.name]
    for value in event.args:
        word = names.get(value, value) if isinstance(value, str) else tokens.get(value, value)
        told.append(int(word, 16) if isinstance(word, str) and len(word) == 66 else word)
    return tuple(told)


def _word(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isdecimal() else value
