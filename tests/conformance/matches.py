"""Plays recorded matches (exchange_v2_matches.json.gz) on the exchange stand-in.

Every scenario starts from the same balances with all approvals given. Orders are signed anew with
the recorded keys, because accounts and exchange have other addresses here; the recorded hashes are
compared in the recorded domain.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from eth_utils import keccak
from strongroom.chain.artifacts import TOKENS, gnosis
from strongroom.devnet.contracts import condition_id
from strongroom.signing.order import order_tuple

from tests.conformance.chain import OK, Chain
from tests.conformance.protocol_v2 import changes, whole
from tests.conformance.reading import Json
from tests.conformance.report import Case, Found, Player
from tests.conformance.signing import address_of, domain_hash, order_of, signed
from tests.property.evm import Contract

FOREVER = 2**256 - 1
CONTRACTS = ("W",)  # KeyedSigners among the people
ZERO32 = bytes(32)
NAME = "Polymarket CTF Exchange"
# condition and outcome of each token's name
TOKENS_OF = {"yes": ("c1", 0), "no": ("c1", 1), "oyes": ("c2", 0), "ono": ("c2", 1)}


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

    def give(self, name: str, to: str, asset: str, amount: int) -> None:
        """Have somebody give somebody pUSD or an outcome token."""
        if asset == "pUSD":
            self.send(name, self.pusd, "transfer", self.who[to], amount)
        else:
            terms = (self.who[name], self.who[to], self.tokens[asset], amount, b"")
            self.send(name, self.ctf, "safeTransferFrom", *terms)

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
    for name in dict(TOKENS_OF.values()):
        question = keccak(text=name)
        ctf.prepareCondition(oracle, question, 2, sender=oracle)
        conditions[name] = condition_id(oracle, question)
    for word, (name, outcome) in TOKENS_OF.items():
        tokens[word] = token_id(ctf, usdc.address, conditions[name], outcome)
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
    """Give everybody the start's balances, and all approvals of the exchange; one who is nobody
    else makes the tokens."""
    maker = floor.who["maker of sets"] = floor.chain.evm.address("maker of sets")
    floor.send("maker of sets", floor.pusd, "approve", adapter.address, FOREVER)
    for name, holds in balances.items():
        for asset, amount in holds.items():
            if not int(amount):
                continue
            if asset == "pUSD":
                fund(floor.who[name], int(amount))
                continue
            fund(maker, int(amount))
            condition = floor.conditions[TOKENS_OF[asset][0]]
            split = (floor.pusd.address, ZERO32, condition, [1, 2], int(amount))
            floor.send("maker of sets", adapter, "splitPosition", *split)
            floor.give("maker of sets", name, asset, int(amount))
        if name != "ex":
            floor.approve(name, True)


class Match:
    """One scenario on a floor that stands as at the start."""

    def __init__(self, floor: Floor, found: Json, scenario: Json) -> None:
        self.floor, self.found, self.scenario = floor, found, scenario
        self.assets = tuple(found["start_balances"]["A"])
        self.names = {address.lower(): name for name, address in found["addresses"].items()}
        self.hashes: list[bytes] = []
        self.structs: list[tuple[Any, ...]] = []

    def play(self) -> Found:
        """Play all steps; yield what was recorded and what came."""
        orders = self.scenario["orders"]
        for number, order in enumerate([orders["taker"], *orders["makers"]]):
            yield from of_the_recorded_exchange(f"order {number}", self.found, order)
            self._prepare(order)
        for number, step in enumerate(self.scenario["steps"]):
            for each in step["before_call"]:
                self._before(each)
            for field, recorded, ours in self._step(step):
                yield f"step {number} {field}", recorded, ours
            self.floor.chain.evm.wait(1)

    def _prepare(self, recorded: Json) -> None:
        """Sign an order for this floor; pre-approve it if the scenario did."""
        floor, chain_id = self.floor, self.found["chainId"]
        maker, signer = (
            floor.who[self.names[recorded[each].lower()]] for each in ("maker", "signer")
        )
        token = floor.tokens[recorded["token"]]
        order = order_of(recorded, maker=maker, signer=signer, tokenId=token)
        here = domain_hash(order, floor.exchange.address, floor.version, chain_id)
        secret, form = self.found["keys"][recorded["signed_by"]], recorded["sig_form"]
        if recorded["preapprove_first"]:
            good = (*order_tuple(order), signed(secret, here))
            floor.exchange.preapproveOrder(good, sender=floor.operator)
            form = "empty"
        floor.chain.call_it("0x" + here.hex(), f"o{len(self.hashes)}")
        self.hashes.append(here)
        self.structs.append((*order_tuple(order), signed(secret, here, form)))

    def _before(self, action: Json) -> None:
        floor = self.floor
        if "pauseUser" in action:
            floor.send(action["pauseUser"], floor.exchange, "pauseUser")
            floor.chain.evm.wait(1, action["then_blocks"])
        elif "revoke_all_approvals" in action:
            floor.approve(action["revoke_all_approvals"], False)
        elif "donate_to_exchange" in action:
            gift = action["donate_to_exchange"]
            for asset, amount in gift.items():
                if asset != "from":
                    floor.give(gift["from"], "ex", asset, int(amount))
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

    def _step(self, step: Json) -> Found:
        chain, call = self.floor.chain, step["call"]
        yield "conditionId", self.found["conditions"][call["condition"]], call["conditionId"]
        before = self.floor.balances(self.assets)
        outcome = chain.outcome(lambda: self.call(call))
        moved = changes(before, self.floor.balances(self.assets))
        yield "ok", step["ok"], outcome == OK
        yield "delta", whole(step.get("delta", {})), moved
        recorded = [(each["filled"], int(each["remaining"])) for each in step["orderStatus_after"]]
        yield "orderStatus", recorded, [self._status(each) for each in self.hashes]
        if step["ok"] and outcome == OK:
            events = chain.events(of=[self.floor.exchange])
            ours = [(each.name, [self._word(arg) for arg in each.args]) for each in events]
            yield "events", [(each["name"], plain(each["args"])) for each in step["events"]], ours
        elif not step["ok"]:
            yield "error", step["error"], outcome

    def _status(self, order_hash: bytes) -> tuple[bool, int]:
        filled, remaining = self.floor.exchange.orderStatus(order_hash)
        return bool(filled), int(remaining)

    def _word(self, value: Any) -> Any:
        """Return an event's argument as the file writes it, numbers as numbers."""
        names = self.floor.chain.names
        tokens = {token: name for name, token in self.floor.tokens.items()}
        if isinstance(value, str):
            return names.get(value) or (int(value, 16) if len(value) == 66 else value)
        return tokens.get(value, value)


def plain(arguments: Any) -> list[Any]:
    """Return recorded arguments of an event: a number of any size is a number."""
    return [int(each) if isinstance(each, str) and each.isdecimal() else each for each in arguments]


def of_the_recorded_exchange(name: str, found: Json, recorded: Json) -> Found:
    """Hash and sign an order for the recorded exchange: the bytes must be the recorded ones."""
    at = found["exchange"] if "exchange" in found else found["addresses"]["exchange"]
    digest = domain_hash(order_of(recorded), at, found["domain"]["version"], found["chainId"])
    yield f"{name} hash", recorded["hash"], "0x" + digest.hex()
    yield f"{name} tokenId", int(recorded["tokenId"]), int(found["tokens"][recorded["token"]])
    yield f"{name} owner", found["addresses"][recorded["owner"]], recorded["maker"]
    form = "empty" if recorded["preapprove_first"] else recorded["sig_form"]
    signature = signed(found["keys"][recorded["signed_by"]], digest, form)
    yield f"{name} signature", recorded["signature"], "0x" + signature.hex()


def _cases(found: Json) -> Iterator[Case]:
    floor = floor_of(found)
    point = floor.chain.evm.snapshot()
    yield "terms", lambda: _terms(floor, found)
    for scenario in found["scenarios"]:
        floor.chain.evm.revert(point)
        yield f"scenario {scenario['id']}", Match(floor, found, scenario).play


def _terms(floor: Floor, found: Json) -> Found:
    domain = found["domain"]
    yield "domain", (domain["name"], domain["version"]), (NAME, floor.version)
    balances = floor.balances(tuple(found["start_balances"]["A"]))
    yield "start", whole(found["start_balances"]), whole(balances)
    for word, (condition, outcome) in TOKENS_OF.items():
        recorded = bytes.fromhex(found["conditions"][condition][2:])
        ours = token_id(floor.ctf, found["collateral"]["ctfCollateral"], recorded, outcome)
        yield f"token {word}", int(found["tokens"][word]), ours


PLAYER = Player(_cases, ("collateral", "W", "operator", "feeReceiver"))
