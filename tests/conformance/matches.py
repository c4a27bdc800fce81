"""Plays recorded matches (exchange_v2_matches.json.gz) on the exchange stand-in.

Every scenario starts from the same balances with all approvals given. Orders are signed anew with
the recorded keys, because accounts and exchange have other addresses here; the recorded hashes are
compared in the recorded domain.
"""

import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_utils import keccak
from strongroom.chain.artifacts import TOKENS, gnosis
from strongroom.devnet.contracts import condition_id
from strongroom.signing.order import order_tuple

from tests.conformance.chain import OK, Chain
from tests.conformance.report import Difference
from tests.conformance.signing import address_of, domain_hash, order_of, signed
from tests.property.evm import Contract, Reverted

FOREVER = 2**256 - 1
CONTRACTS = ("W",)  # KeyedSigners among the people
ZERO32 = bytes(32)
Json = dict[str, Any]


@dataclass
class Floor:
    """An exchange with its tokens, and the vectors' people on it.

    Attributes:
        who: address by the vectors' name
        operator: who may match, deployer of the exchange
        tokens: outcome token's id by the vectors' name
        conditions: id by the vectors' name
        version: of the exchange's EIP-712 domain
    """

    chain: Chain
    exchange: Contract
    pusd: Contract
    ctf: Contract
    who: dict[str, str]
    operator: str
    tokens: dict[str, int]
    conditions: dict[str, bytes]
    version: str = "2"
    holders: tuple[str, ...] = ()

    def send(self, name: str, to: Contract, function: str, *arguments: Any) -> None:
        """Call as one of the people; contracts are bidden."""
        data, evm = to.data(function, *arguments), self.chain.evm
        if name in CONTRACTS:
            signer = self.chain.at(self.who[name], "KeyedSigner")
            signer.forward(to.address, data, sender=evm.nobody)
        else:
            evm.call(self.who[name], to.address, data)

    def approve(self, name: str, granted: bool) -> None:
        """Give or take the approvals of the exchange."""
        exchange = self.exchange.address
        self.send(name, self.pusd, "approve", exchange, FOREVER if granted else 0)
        self.send(name, self.ctf, "setApprovalForAll", exchange, granted)

    def balance(self, name: str, asset: str) -> int:
        """Return what somebody has of pUSD or of an outcome token."""
        if asset == "pUSD":
            return int(self.pusd.balanceOf(self.who[name]))
        return int(self.ctf.balanceOf(self.who[name], self.tokens[asset]))

    def balances(self, assets: tuple[str, ...]) -> dict[str, dict[str, int]]:
        """Return what everybody has."""
        return {
            name: {asset: self.balance(name, asset) for asset in assets} for name in self.holders
        }


def read(path: Path) -> Json:
    """Read a vectors' file, packed or not."""
    data = path.read_bytes()
    found: Json = json.loads(gzip.decompress(data) if path.suffix == ".gz" else data)
    return found


def token_id(ctf: Contract, collateral: str, condition: bytes, outcome: int) -> int:
    """Return an outcome token's id."""
    collection = ctf.getCollectionId(ZERO32, condition, outcome + 1)
    return int.from_bytes(keccak(bytes.fromhex(collateral[2:]) + collection), "big")


def floor_of(found: Json) -> Floor:
    """Deploy the stand-ins and give everybody what the file says."""
    chain = Chain(chain_id=found["chainId"])
    evm = chain.evm
    usdc = chain.deploy("UsdcE", name="USDCe")
    minter = evm.deployer
    pusd = chain.pusd(usdc.address)
    pusd_owner = evm.deployer
    onramp = chain.deploy("CollateralOnramp", pusd.address)
    ctf = chain.deploy(gnosis(TOKENS, "ConditionalTokens"), name="ctf")
    parts = (ctf.address, pusd.address, usdc.address)
    adapter = chain.deploy("CollateralAdapter", *parts, name="adapter")
    exchange = chain.exchange(ctf.address, usdc.address, pusd.address, adapter.address)
    operator = evm.deployer
    who = {name: address_of(secret) for name, secret in found["keys"].items()}
    who |= {"W": chain.deploy("KeyedSigner", who["E"], b"").address, "ex": exchange.address}
    oracle, conditions, tokens = evm.address("oracle"), {}, {}
    for name, prefix in (("c1", ""), ("c2", "o")):
        question = keccak(text=name)
        ctf.prepareCondition(oracle, question, 2, sender=oracle)
        conditions[name] = condition_id(oracle, question)
        for outcome, word in enumerate(("yes", "no")):
            tokens[prefix + word] = token_id(ctf, usdc.address, conditions[name], outcome)
    floor = Floor(chain, exchange, pusd, ctf, who, operator, tokens, conditions)
    floor.holders = tuple(found["start_balances"])
    for name, address in who.items():
        chain.call_it(address, name)
    exchange.setFeeReceiver(who["fee"], sender=operator)
    exchange.setMaxFeeRate(found["maxFeeRateBps"], sender=operator)
    exchange.setUserPauseBlockInterval(found["userPauseBlockInterval"], sender=operator)
    exchange.addOperator(who["op"], sender=operator)
    for wrapper in (onramp, adapter):
        pusd.addWrapper(wrapper.address, sender=pusd_owner)
    usdc.approve(onramp.address, FOREVER, sender=minter)

    def fund(to: str, amount: int) -> None:
        usdc.mint(minter, amount, sender=minter)
        onramp.wrap(usdc.address, to, amount, sender=minter)

    start(floor, found["start_balances"], adapter, fund)
    return floor


def start(
    floor: Floor, balances: Json, adapter: Contract, fund: Callable[[str, int], None]
) -> None:
    """Give everybody the start's balances, and all approvals of the exchange."""
    for name, holds in balances.items():
        sets = max((holds.get(each, 0) for each in ("yes", "no")), default=0)
        if holds["pUSD"] + sets:
            fund(floor.who[name], holds["pUSD"] + sets)
        if sets:
            split = (floor.pusd.address, ZERO32, floor.conditions["c1"], [1, 2], sets)
            floor.send(name, floor.pusd, "approve", adapter.address, FOREVER)
            floor.send(name, adapter, "splitPosition", *split)
        if name != "ex":
            floor.approve(name, True)


class Match:
    """One scenario on a floor that stands as at the start."""

    def __init__(self, file: str, floor: Floor, found: Json, scenario: Json) -> None:
        self.file, self.floor, self.scenario = file, floor, scenario
        self.name = f"scenario {scenario['id']}"
        self.assets = tuple(found["start_balances"]["A"])
        self.recorded = [scenario["orders"]["taker"], *scenario["orders"]["makers"]]
        self.differences: list[Difference] = []
        self.hashes: list[bytes] = []
        self.structs = [self._order(found, each) for each in self.recorded]

    def _order(self, found: Json, recorded: Json) -> tuple[Any, ...]:
        """Sign an order for this floor; pre-approve it if the scenario did."""
        chain_id, version = found["chainId"], self.floor.version
        there = domain_hash(order_of(recorded), found["exchange"], version, chain_id)
        self._compare("order hash", recorded["hash"], "0x" + there.hex())
        name_of = {address: name for name, address in found["addresses"].items()}
        maker, signer = (self.floor.who[name_of[recorded[each]]] for each in ("maker", "signer"))
        order = order_of(
            recorded, maker=maker, signer=signer, tokenId=self.floor.tokens[recorded["token"]]
        )
        here = domain_hash(order, self.floor.exchange.address, version, chain_id)
        secret = found["keys"][recorded["signed_by"]]
        form = recorded["sig_form"]
        if recorded["preapprove_first"]:
            good = (*order_tuple(order), signed(secret, here))
            self.floor.exchange.preapproveOrder(good, sender=self.floor.operator)
            form = "empty"
        self.floor.chain.call_it("0x" + here.hex(), f"o{len(self.hashes)}")
        self.hashes.append(here)
        return (*order_tuple(order), signed(secret, here, form))

    def play(self) -> list[Difference]:
        """Play all steps; return what differs."""
        for number, step in enumerate(self.scenario["steps"]):
            self.name = f"scenario {self.scenario['id']} step {number}"
            for each in step["before_call"]:
                self._before(each)
            self._step(step)
            self.floor.chain.evm.wait(1)
        return self.differences

    def _before(self, action: Json) -> None:
        floor = self.floor
        if "pauseUser" in action:
            floor.send(action["pauseUser"], floor.exchange, "pauseUser")
            floor.chain.evm.wait(1, action["then_blocks"])
        elif "revoke_all_approvals" in action:
            floor.approve(action["revoke_all_approvals"], False)
        elif "donate_to_exchange" in action:
            gift = action["donate_to_exchange"]
            giver, exchange = gift["from"], floor.exchange.address
            for asset, amount in gift.items():
                if asset == "pUSD":
                    floor.send(giver, floor.pusd, "transfer", exchange, amount)
                elif asset != "from":
                    give = (floor.who[giver], exchange, floor.tokens[asset], amount, b"")
                    floor.send(giver, floor.ctf, "safeTransferFrom", *give)
        else:
            raise ValueError(f"unknown action before a call: {action}")

    def call(self, call: Json) -> None:
        """Send one match as it was sent."""
        self.floor.exchange.matchOrders(
            self.floor.conditions[call["condition"]],
            self.structs[0],
            self.structs[1:],
            int(call["takerFillAmount"]),
            [int(each) for each in call["makerFillAmounts"]],
            int(call["takerFeeAmount"]),
            [int(each) for each in call["makerFeeAmounts"]],
            sender=self.floor.who[call["caller"]],
        )

    def _step(self, step: Json) -> None:
        chain = self.floor.chain
        before = self.floor.balances(self.assets)
        outcome = chain.outcome(lambda: self.call(step["call"]))
        self._compare("ok", step["ok"], outcome == OK)
        after = self.floor.balances(self.assets)
        changes = {
            name: {asset: after[name][asset] - before[name][asset] for asset in self.assets}
            for name in self.floor.holders
        }
        changed = {name: each for name, each in changes.items() if any(each.values())}
        delta = {
            name: each
            for name, each in step.get("delta", {}).items()
            if any(map(int, each.values()))
        }
        self._compare(
            "delta", {n: {a: int(v) for a, v in e.items()} for n, e in delta.items()}, changed
        )
        status = [self._status(each) for each in self.hashes]
        recorded = [(each["filled"], int(each["remaining"])) for each in step["orderStatus_after"]]
        self._compare("orderStatus", recorded, status)
        if step["ok"] and outcome == OK:
            events = [
                {"name": each.name, "args": [self._word(arg) for arg in each.args]}
                for each in chain.events(of=[self.floor.exchange])
            ]
            self._compare("events", step["events"], events)
        elif not step["ok"]:
            self._compare("error", step["error"], outcome)

    def _status(self, order_hash: bytes) -> tuple[bool, int]:
        filled, remaining = self.floor.exchange.orderStatus(order_hash)
        return bool(filled), int(remaining)

    def _word(self, value: Any) -> Any:
        """Return an event's argument as the file writes it."""
        names = self.floor.chain.names
        tokens = {token: name for name, token in self.floor.tokens.items()}
        if isinstance(value, str):
            return names.get(value) or (str(int(value, 16)) if len(value) == 66 else value)
        return tokens.get(value, value if value < 2**53 else str(value))

    def _compare(self, what: str, expected: object, got: object) -> None:
        if expected != got:
            self.differences.append(Difference(self.file, self.name, what, expected, got))


def play_matches(path: Path) -> Iterator[tuple[str, list[Difference]]]:
    """Play a file of matches."""
    found = read(path)
    floor = floor_of(found)
    point = floor.chain.evm.snapshot()
    for scenario in found["scenarios"]:
        floor.chain.evm.revert(point)
        name = f"scenario {scenario['id']}"
        try:
            differences = Match(path.name, floor, found, scenario).play()
        except Reverted as reverted:
            differences = [Difference(path.name, name, "preparation", OK, str(reverted))]
        yield name, differences
