"""Recorded matches of the venue's real exchanges in the auditor's books, one after another and
several in a transaction, from where each person stands.

What is matched, who gains and loses what, and what is logged are the recordings'. The transfers in
between are those that the stand-ins make where they come to the same; each step is held against its
recorded change of balances first.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import chain
from typing import Any

import pytest
from eth_abi.abi import decode
from strongroom.chain.ids import keccak

from tests.conformance import exchange_v3, matches
from tests.conformance.chain import OK
from tests.conformance.test_conformance import read
from tests.property.token_ledger import (
    BUY,
    EXCHANGE,
    FILLED,
    LEDGER,
    MAKER,
    SELL,
    THIEF,
    TokenLedger,
    audited,
    reported,
)

PEOPLE = ("A", "B", "Cc", "D", "W")
TOKENS = ("yes", "no", "oyes", "ono")
KINDS = {"v2": "PolymarketAccount", "v3": "PositionAccount"}
SIGNATURES = {
    keccak(text.encode()): (text[: text.index("(")], types)
    for text, types in {
        "Transfer(address,address,uint256)": ["uint256"],
        "TransferSingle(address,address,address,uint256,uint256)": ["uint256", "uint256"],
        "TransferBatch(address,address,address,uint256[],uint256[])": ["uint256[]", "uint256[]"],
        FILLED.decode(): ["uint8", *["uint256"] * 4, *["bytes32"] * 2],
    }.items()
}  # fmt: skip


@dataclass(frozen=True)
class Move:
    """A transfer: names, or addresses of who has none; the asset is ""."""

    token: str
    sender: str
    receiver: str
    amount: int


@dataclass(frozen=True)
class Fill:
    """What an exchange logged of one order."""

    maker: str
    taker: str
    side: int
    token: str
    gives: int
    gets: int
    fee: int


Step = list[Move | Fill]


def address_in(topic: bytes) -> str:
    return "0x" + topic[-20:].hex()


def as_bytes(word: bytes | str) -> bytes:
    return bytes.fromhex(word[2:]) if isinstance(word, str) else bytes(word)


def read_step(logs: Any, names: dict[str, str], pusd: str, tokens: dict[int, str]) -> Step:
    """Return what one transaction moved and filled, in the order of its logs."""
    found: Step = []
    for log in logs:
        topics, data = log.data
        words = [
            bytes(each) if isinstance(each, bytes) else bytes.fromhex(each[2:]) for each in topics
        ]
        name, types = SIGNATURES.get(words[0], ("", []))
        plain = decode(types, as_bytes(data)) if name else ()
        who = [names.get(each, each) for each in map(address_in, words[1:])]
        if name == "Transfer" and log.address.lower() == pusd:
            found.append(Move("", *who[:2], plain[0]))
        elif name == "TransferSingle":
            found.append(Move(tokens[plain[0]], *who[1:3], plain[1]))
        elif name == "TransferBatch":
            found += [Move(tokens[token], *who[1:3], n) for token, n in zip(*plain, strict=True)]
        elif name == "OrderFilled":
            side, token, gives, gets, fee, _, _ = plain
            found.append(Fill(*who[1:3], side, tokens[token], gives, gets, fee))
    return found


def check_step(recorded: Any, step: Step) -> None:
    """A step's transfers are the recorded change of balances, its fills the recorded ones."""
    change: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for move in step:
        if isinstance(move, Move):
            change[move.sender][move.token or "pUSD"] -= move.amount
            change[move.receiver][move.token or "pUSD"] += move.amount
    for name, delta in recorded["delta"].items():
        assert {each: change[name][each] for each in delta} == {k: int(v) for k, v in delta.items()}
    fills = [
        Fill(e["args"][1], e["args"][2], *e["args"][3:5], *map(int, e["args"][5:8]))
        for e in recorded["events"] if e["name"] == "OrderFilled"
    ]  # fmt: skip
    assert [each for each in step if isinstance(each, Fill)] == fills


def played_v2(found: Any) -> Iterator[list[Step]]:
    floor = matches.floor_of(found)
    evm, point = floor.chain.evm, floor.chain.evm.snapshot()
    tokens = {token: name for name, token in floor.tokens.items()}
    names = {address.lower(): name for name, address in floor.who.items()}
    for scenario in found["scenarios"]:
        if not any(each["ok"] for each in scenario["steps"]):
            continue
        evm.revert(point)
        match, steps = matches.Match(floor, found, scenario), list[Step]()
        orders = scenario["orders"]
        for order in (orders["taker"], *orders["makers"]):
            match._prepare(order)
        for recorded in scenario["steps"]:
            for act in recorded["before_call"]:
                match._before(act)
            outcome = floor.chain.outcome(partial(match.call, recorded["call"]))
            assert recorded["ok"] == (outcome == OK)
            if recorded["ok"]:
                pusd = floor.pusd.address.lower()
                steps.append(read_step(evm.transactions[-1][1], names, pusd, tokens))
                check_step(recorded, steps[-1])
            evm.wait(1)
        yield steps


def played_v3(found: Any) -> Iterator[list[Step]]:
    world = exchange_v3.Matches(found)
    here = world.protocol.chain
    tokens = {token: name for name, token in world.tokens.items()}
    names = {address.lower(): name for name, address in world.people.items()}
    names |= {each.address.lower(): name for name, each in world.protocol.contracts.items()}
    names[world.exchange.address.lower()] = "ex"
    for scenario in found["scenarios"]:
        if not any(each["ok"] for each in scenario["steps"]):
            continue
        here.evm.revert(world.start)
        steps, orders = list[Step](), scenario["orders"]
        structs = [world.order(each)[0] for each in (orders["taker"], *orders["makers"])]
        for recorded in scenario["steps"]:
            for act in recorded["before_call"]:
                world.before(act)
            outcome = here.outcome(partial(world.call, structs, recorded["call"]))
            assert recorded["ok"] == (outcome == OK)
            if recorded["ok"]:
                pusd = world.protocol.pusd.address.lower()
                steps.append(read_step(here.evm.transactions[-1][1], names, pusd, tokens))
                check_step(recorded, steps[-1])
        yield steps


@cache
def played(version: str) -> list[list[Step]]:
    """Return the accepted steps of each scenario; read once."""
    found = read(f"exchange_{version}_matches.json.gz")
    return list({"v2": played_v2, "v3": played_v3}[version](found))


def grouped(scenarios: list[list[Step]], how: str) -> list[Step]:
    """Return what is in each transaction."""
    if how == "each by itself":
        return [step for steps in scenarios for step in steps]
    number = 1 if how == "a scenario at once" else 3
    firsts = range(0, len(scenarios), number)
    return [[*chain(*chain(*scenarios[first : first + number]))] for first in firsts]


class Stand:
    """The books of one person, whose address is an account's; others have what they give."""

    def __init__(self, version: str, person: str) -> None:
        self.chain, self.person = TokenLedger(), person
        self.account = self.chain.open(KINDS[version], 2)
        if version == "v3":
            assert self.account.contract == LEDGER
        for token in ("", *TOKENS):
            self._move(Move(token, MAKER, person, 10**13))
        self.chain.next_block()

    def address(self, name: str) -> str:
        known = {self.person: self.account.address, "ex": EXCHANGE}
        return known.get(name) or (
            name if name.startswith("0x") else f"0x{name.encode().hex():0>40}"
        )

    def _move(self, it: Move) -> None:
        if self.person not in (it.sender, it.receiver):
            return
        token = self.account.token(TOKENS.index(it.token)) if it.token else ""
        sender, receiver = self.address(it.sender), self.address(it.receiver)
        if it.sender != self.person:
            self.chain.held[token, sender] += it.amount
        self.chain.move(token, sender, receiver, it.amount)

    def play(self, step: Step) -> bool:
        """Log a step as this person's; return whether any of it is."""
        mine = False
        for each in step:
            if isinstance(each, Move):
                self._move(each)
                mine |= self.person in (each.sender, each.receiver)
                continue
            mine |= self.person == each.maker
            token = self.account.tokens[TOKENS.index(each.token)]
            self.chain.fill(self.address(each.maker), each.side, token, each.gives, each.gets,
                            each.fee, taker=self.address(each.taker))  # fmt: skip
        return mine

    def differences(self) -> list[tuple[int, str, int]]:
        """Return block, token and how much less than is explained."""
        self.chain.next_block()
        reported(self.chain)
        return [
            (each.block, each.what.split(": ")[1], int(each.expected) - int(each.found))
            for each in audited(self.chain).differences
        ]


HOW = ("each by itself", "a scenario at once", "three scenarios at once")


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize("version", ["v2", "v3"])
def test_no_recorded_match_accuses_anybody(version, person, how):
    stand, count = Stand(version, person), 0
    for transaction in grouped(played(version), how):
        count += stand.play(transaction)
        stand.chain.next_block()
    assert count > 10
    assert stand.differences() == []


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize("version", ["v2", "v3"])
def test_a_theft_beside_recorded_matches_is_named_to_the_unit(version, person, how):
    """As much as something that moved in the transaction, or a unit; of the asset or of a token."""
    stand, thefts = Stand(version, person), []
    for number, transaction in enumerate(grouped(played(version), how)):
        if stand.play(transaction):
            moved = [each for each in transaction if isinstance(each, Move)
                     and person in (each.sender, each.receiver)]  # fmt: skip
            it = moved[number % len(moved)]
            amount = (it.amount if number % 3 else 0) or 1
            stand._move(Move(it.token, person, THIEF, amount))
            place = TOKENS.index(it.token) if it.token else 0
            name = f"token {stand.account.tokens[place]}" if it.token else "asset"
            thefts.append((stand.chain.block, f"{name} that nothing explains", amount))
        stand.chain.next_block()
    assert len(thefts) > 10
    assert stand.differences() == thefts


def test_the_recordings_have_each_way_of_settling():
    """Bids and asks, from hand to hand, sets made and taken apart, one beside the other; and more
    comes back than a fill has said."""
    seen = set()
    for version in KINDS:
        for step in (step for steps in played(version) for step in steps):
            *makers, taker = [each for each in step if isinstance(each, Fill)]
            same = {each.token == taker.token and each.side != taker.side for each in makers}
            refund = Move("" if taker.side == BUY else taker.token, "ex", taker.maker, 0)
            is_back = any(replace(each, amount=0) == refund for each in step if type(each) is Move)
            seen |= {(version, tuple(sorted(same)), taker.side)}
            seen |= {(version, "refund", taker.side)} if is_back else set()
    ways = {(True,), (False,), (False, True)}
    assert seen >= {
        (version, way, side) for version in KINDS for way in ways for side in (BUY, SELL)
    }
    assert ("v2", "refund", BUY) in seen
