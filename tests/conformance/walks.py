"""Plays recorded walks (adapters_walks.json) over ramps, adapters and the negative-risk ledger."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from eth_utils import keccak
from strongroom.chain.artifacts import TOKENS, gnosis
from strongroom.chain.ids import to_bytes
from strongroom.devnet.contracts import condition_id

from tests.conformance.chain import OK, Chain
from tests.conformance.matches import token_id
from tests.conformance.reading import Json
from tests.conformance.report import Case, Found, Player
from tests.property.evm import Contract

FOREVER = 2**256 - 1
ZERO32 = bytes(32)


@dataclass
class Event:
    """A negative-risk event."""

    market: bytes
    oracle: str
    conditions: list[bytes]


class Counter:
    """Ramps, adapters, ledger and the file's people, as at the start of every walk."""

    def __init__(self, found: Json) -> None:
        self.chain = chain = Chain()
        self._deploy(chain)
        self.who = {name: chain.evm.address(name) for name in found["start"]}
        self.who |= {
            "cVault": self.vault,
            "nrVault": self.fees.address,
            "adapter": self.adapter.address,
            "nrAdapter": self.front.address,
        }
        self.tokens: dict[str, int] = {}
        self._prepare(found["markets"])
        if set(self.tokens) != set(found["tokens"]):
            raise ValueError(
                f"tokens that no market has: {set(found['tokens']) - set(self.tokens)}"
            )
        for name, holds in found["start"].items():
            self._endow(name, holds)

    def _deploy(self, chain: Chain) -> None:
        evm = chain.evm
        self.usdc = chain.deploy("UsdcE", name="USDCe")
        self.minter = evm.deployer
        self.pusd = chain.pusd(self.usdc.address)
        owner, self.vault = evm.deployer, self.pusd.VAULT()
        self.ctf = chain.deploy(gnosis(TOKENS, "ConditionalTokens"), name="ctf")
        self.onramp = chain.deploy("CollateralOnramp", self.pusd.address)
        self.offramp = chain.deploy("CollateralOfframp", self.pusd.address)
        parts = (self.ctf.address, self.pusd.address, self.usdc.address)
        self.adapter = chain.deploy("CollateralAdapter", *parts, name="adapter")
        wrapped = chain.deploy("WrappedCollateral", self.usdc.address, name="wcol")
        wrapped_owner = evm.deployer
        self.fees = chain.deploy("CollateralVault")
        self.ledger = chain.deploy(
            "NegRiskAdapter",
            *(self.ctf.address, self.usdc.address, wrapped.address, self.fees.address),
            name="nra",
        )
        wrapped.transfer_ownership(self.ledger.address, sender=wrapped_owner)
        self.front = chain.deploy("NegRiskCollateralAdapter", *parts, self.ledger.address)
        self.wrapped = wrapped
        for each in (self.onramp, self.offramp, self.adapter, self.front):
            self.pusd.addWrapper(each.address, sender=owner)

    def _prepare(self, markets: Json) -> None:
        self.oracle = self.chain.evm.address("oracle")
        self.questions = [
            keccak(text=f"binary {i}") for i, _ in enumerate(markets["binary"]["questionIds"])
        ]
        self.binary = [condition_id(self.oracle, each) for each in self.questions]
        for question in self.questions:
            self.ctf.prepareCondition(self.oracle, question, 2, sender=self.oracle)
        self._name_tokens("b", self.usdc.address, self.binary)
        self.events = {
            name: self._event(name, markets[name]) for name in markets if name != "binary"
        }

    def _event(self, name: str, terms: Json) -> Event:
        fee, count = terms["feeBips"], terms["questions"]
        market = self.ledger.prepareMarket(fee, name.encode(), sender=self.oracle)
        conditions = []
        for index in range(count):
            question = self.ledger.prepareQuestion(market, b"", sender=self.oracle)
            assert int.from_bytes(question, "big") == int.from_bytes(market, "big") | index
            conditions.append(self.ledger.getConditionId(question))
        self._name_tokens(name[0], self.wrapped.address, conditions)
        return Event(market, self.oracle, conditions)

    def _name_tokens(self, letter: str, collateral: str, conditions: list[bytes]) -> None:
        for index, condition in enumerate(conditions):
            for outcome, word in enumerate("YN"):
                token = token_id(self.ctf, collateral, condition, outcome)
                self.tokens[f"{letter}{index}{word}"] = token

    def _endow(self, name: str, holds: Json) -> None:
        who = self.who[name]
        if name == "cVault":  # gets it from what the others wrap
            return
        usdc, pusd = holds.get("USDCe", 0), holds.get("pUSD", 0)
        self.usdc.mint(who, usdc + pusd, sender=self.minter)
        if name in ("A", "B"):
            self.usdc.approve(self.onramp.address, FOREVER, sender=who)
            self.onramp.wrap(self.usdc.address, who, pusd, sender=who)
            for each in (self.offramp, self.adapter, self.front):
                self.pusd.approve(each.address, FOREVER, sender=who)
            for each in (self.adapter, self.front):
                self.ctf.setApprovalForAll(each.address, True, sender=who)

    def balances(self) -> dict[tuple[str, str], int]:
        """Return what everybody has, by holder and asset."""
        found = {}
        for name, address in self.who.items():
            found[name, "pUSD"] = int(self.pusd.balanceOf(address))
            found[name, "USDCe"] = int(self.usdc.balanceOf(address))
            for token, number in self.tokens.items():
                found[name, token] = int(self.ctf.balanceOf(address, number))
        return found

    def action(self, step: Json) -> Callable[[], Any]:
        """Return what a step does."""
        do, amount = step["do"], int(step.get("amount", 0))
        user = self.who.get(step["user"], "")
        if do in ("split", "merge", "redeem"):
            return self._pair(self.adapter, do, step, self.binary[step["c"]], user)
        if do in ("nr split", "nr merge", "nr redeem"):
            condition = self.events[step.get("market", "nr")].conditions[step["c"]]
            return self._pair(self.front, do.removeprefix("nr "), step, condition, user)
        if do == "nr convert":
            terms = (self.events[step.get("market", "nr")].market, step["indexSet"], amount)
            return lambda: self.front.convertPositions(*terms, sender=user)
        if do == "nr report":
            event = self.events[step.get("market", "nr")]
            number = int.from_bytes(event.market, "big") | step["c"]
            terms = (number.to_bytes(32, "big"), step["outcome"])
            return lambda: self.ledger.reportOutcome(*terms, sender=event.oracle)
        if do == "reportPayouts":
            terms = (self.questions[step["c"]], step["payouts"])
            return lambda: self.ctf.reportPayouts(*terms, sender=self.oracle)
        if do == "transfer":
            to = self.who["B" if step["user"] == "A" else "A"]
            terms = (user, to, self.tokens[step["token"]], amount, b"")
            return lambda: self.ctf.safeTransferFrom(*terms, sender=user)
        if do in ("wrap", "unwrap"):
            ramp = self.onramp if do == "wrap" else self.offramp
            terms = (self.usdc.address, self.who[step["to"]], amount)
            return lambda: getattr(ramp, do)(*terms, sender=user)
        raise ValueError(f"unknown step of a walk: {do!r}")

    def _pair(
        self, adapter: Contract, do: str, step: Json, condition: bytes, user: str
    ) -> Callable[[], Any]:
        """Return a split, merge or redemption, with the recorded arguments that do not count."""
        collateral = step.get("collateral", self.pusd.address)
        head = (collateral, ZERO32, condition, step.get("partition", [1, 2]))
        if do == "redeem":
            return lambda: adapter.redeemPositions(*head, sender=user)
        function = "splitPosition" if do == "split" else "mergePositions"
        return lambda: getattr(adapter, function)(*head, int(step["amount"]), sender=user)


def _cases(found: Json) -> Iterator[Case]:
    counter = Counter(found)
    point = counter.chain.evm.snapshot()
    yield "ids", partial(_ids, counter, found)
    for walk in found["walks"]:
        counter.chain.evm.revert(point)
        yield f"walk {walk['id']}", partial(go, counter, walk)


def _ids(counter: Counter, found: Json) -> Found:
    """What everybody has at the start; conditions and tokens at the recorded addresses."""
    start = {
        (name, asset): int(amount)
        for name, holds in found["start"].items()
        for asset, amount in holds.items()
    }
    yield "start", start, {each: had for each, had in counter.balances().items() if had}
    ctf, at = counter.ctf, found["addresses"]
    for name, terms in found["markets"].items():
        binary = name == "binary"
        if binary:
            questions = list(map(to_bytes, terms["questionIds"]))
        else:
            market = int(terms["marketId"], 16)
            questions = [(market | each).to_bytes(32, "big") for each in range(terms["questions"])]
            yield f"{name} low byte of the market", 0, market & 0xFF
        oracle, collateral = (terms["oracle"], at["USDCe"]) if binary else (at["nra"], at["wcol"])
        conditions = [condition_id(oracle, each) for each in questions]
        yield f"{name} conditions", terms["conditions"], ["0x" + each.hex() for each in conditions]
        for index, condition in enumerate(conditions):
            for outcome, word in enumerate("YN"):
                token = f"{name[0]}{index}{word}"
                ours = token_id(ctf, collateral, condition, outcome)
                yield token, int(found["tokens"][token]), ours


def go(counter: Counter, walk: Json) -> Found:
    """Go a walk from the start; yield what it says of each step, and what happened."""
    for number, step in enumerate(walk["steps"]):
        for field, recorded, ours in _step(counter, step):
            yield f"step {number} ({step['do']}) {field}", recorded, ours


def _step(counter: Counter, step: Json) -> Found:
    """Play one step; yield what was recorded and what came."""
    before = counter.balances()
    outcome = counter.chain.outcome(counter.action(step))
    after = counter.balances()
    yield "outcome", OK if step["ok"] else step["error"], outcome
    recorded = {
        (holder, asset): int(amount)
        for holder, change in step.get("delta", {}).items()
        for asset, amount in change.items()
        if int(amount)
    }
    moved = {each: after[each] - had for each, had in before.items() if after[each] != had}
    yield "delta", recorded, moved


PLAYER = Player(_cases)
