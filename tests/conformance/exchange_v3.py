"""Exchange V3 against recorded matches."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from tests.conformance.chain import OK, Event
from tests.conformance.matches import NAME, of_the_recorded_exchange, plain
from tests.conformance.protocol_v2 import Protocol, both, changes, hex_bytes, whole
from tests.conformance.reading import Json
from tests.conformance.report import Case, Found, Player
from tests.conformance.signing import address_of, signed

WORDS = "salt maker signer tokenId makerAmount takerAmount side signatureType timestamp"


class Matches:
    """The world in which `exchange_v3_matches.json.gz` was recorded."""

    def __init__(self, recorded: Mapping[str, Any]) -> None:
        addresses = recorded["addresses"]
        self.keys: Mapping[str, str] = recorded["keys"]
        self.protocol = Protocol(addresses["fee"], recorded["maxFeeRateBps"], recorded["chainId"])
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
        held = recorded["start_balances"]
        for name in held.keys() & self.people.keys():
            if any(map(int, held[name].values())):
                tokens = both(conditions) | {
                    self.tokens[asset]: int(amount)
                    for asset, amount in held[name].items()
                    if asset != "pUSD"
                }
                self.protocol.fund(self.people[name], int(held[name]["pUSD"]), tokens)
        self.holders, self.watched = tuple(held), tuple(held["A"])
        self.start = chain.evm.snapshot()

    def balances(self) -> dict[str, dict[str, int]]:
        """Return what each holder has of each token that the vectors watch."""
        held = {}
        for holder in self.holders:
            at = self.people.get(holder) or self.protocol.contracts[holder].address
            held[holder] = {
                asset: self.protocol.pusd.balanceOf(at)
                if asset == "pUSD"
                else self.protocol.manager.balanceOf(at, self.tokens[asset])
                for asset in self.watched
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

    def call(self, orders: Sequence[tuple[Any, ...]], call: Mapping[str, Any]) -> None:
        """Send one match as it was sent; the taker's order is the first."""
        amounts = call["takerAmounts"]
        given = [int(amounts[f"taker{each}Amount"]) for each in ("Fill", "Receive", "Fee")]
        self.exchange.matchOrders(
            orders[0],
            orders[1:],
            list(map(int, call["makerFillAmounts"])),
            list(map(int, call["makerFeeAmounts"])),
            tuple(given),
            sender=self.people[call["caller"]],
        )

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


def _cases(recorded: Json) -> Iterator[Case]:
    world = Matches(recorded)
    yield "terms", partial(_terms, world, recorded)
    for scenario in recorded["scenarios"]:
        yield f"scenario {scenario['id']}", partial(play, world, recorded, scenario)


def _terms(world: Matches, recorded: Json) -> Found:
    domain = recorded["domain"]
    yield "domain", (domain["name"], domain["version"]), (NAME, "3")
    yield "start", whole(recorded["start_balances"]), whole(world.balances())


def play(world: Matches, recorded: Json, scenario: Json) -> Found:
    """Play a scenario from the start; yield what it says of each step, and what happened."""
    world.protocol.chain.evm.revert(world.start)
    orders = scenario["orders"]
    made = []
    for number, order in enumerate([orders["taker"], *orders["makers"]]):
        yield from of_the_recorded_exchange(f"order {number}", recorded, order)
        made.append(world.order(order))
    structs, hashes = [each for each, _ in made], [digest for _, digest in made]
    for at, step in enumerate(scenario["steps"]):
        for act in step["before_call"]:
            world.before(act)
        for field, expected, got in _step(world, step, structs, hashes):
            yield f"step {at} {field}", expected, got


def _step(
    world: Matches,
    step: Mapping[str, Any],
    orders: Sequence[tuple[Any, ...]],
    hashes: Sequence[bytes],
) -> Found:
    exchange, chain = world.exchange, world.protocol.chain
    before = world.balances()
    got = chain.outcome(lambda: world.call(orders, step["call"]))
    yield "outcome", OK if step["ok"] else step["error"], got
    yield "delta", whole(step.get("delta", {})), changes(before, world.balances())
    statuses = [exchange.getOrderStatus(each) for each in hashes]
    recorded = [(each["filled"], int(each["remaining"])) for each in step["orderStatus_after"]]
    yield "orderStatus", recorded, [tuple(each) for each in statuses]
    if step["ok"] and got == OK:
        events = [_told(world, each, hashes) for each in chain.events(of=[exchange])]
        yield "events", [(each["name"], *plain(each["args"])) for each in step["events"]], events


def _told(world: Matches, event: Event, hashes: Sequence[bytes]) -> tuple[Any, ...]:
    """Return an event in the vectors' words."""
    names = {"0x" + digest.hex(): f"o{at}" for at, digest in enumerate(hashes)}
    tokens = {token: name for name, token in world.tokens.items()}
    told: list[Any] = [event.name]
    for value in event.args:
        word = names.get(value, value) if isinstance(value, str) else tokens.get(value, value)
        told.append(int(word, 16) if isinstance(word, str) and len(word) == 66 else word)
    return tuple(told)


PLAYER = Player(_cases)
