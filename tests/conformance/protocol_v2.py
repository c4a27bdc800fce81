"""The venue's second protocol, deployed to play vectors on; its ids and its recorded cases."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from strongroom.chain import position_ids as ids
from strongroom.chain.orders import NO, YES
from strongroom.errors import BadInput

from tests.conformance.chain import OK, Chain, refusal
from tests.conformance.reading import Json
from tests.conformance.report import Case, Found, Player
from tests.property.evm import Contract, Reverted

MAX = 2**256 - 1
SPLIT = 1_000_000_000  # of each condition, before the recorded start
# creation codes of the venue's wallets of types 1 and 2 (VENUE 0; hashes_and_addresses.json)
PROXY_FACTORY = "0xaB45c5A4B0c941a2F231C04C3f49182e1A254052"
PROXY_CODE = bytes.fromhex("d21df8dc65880a8606f09fe0ce3df9b8869287ab0b058be05aa9e8af6330a00b")
SAFE_FACTORY = "0xaacFeEa03eb1561C4e67d661e40682Bd20E3541b"
SAFE_CODE = bytes.fromhex("2bce2127ff07fb632d16c8347c4ebf501f4841168bed00d9e6ef715ddb6fcecf")
BY_OUTCOME = (
    {
        "type": "function",
        "name": "balanceOf",
        "inputs": [
            {"name": "owner", "type": "address"},
            {"name": "condition", "type": "bytes31"},
            {"name": "outcome", "type": "uint256"},
        ],
        "outputs": [{"name": "", "type": "uint256"}],
    },
)
ADDRESS = 42  # characters of 0x...
NO_RECEIVER = bytes.fromhex("5f5ffd")  # code that reverts whatever is asked


class Protocol:
    """Ledger, modules, router, exchange and pUSD.

    Attributes:
        contracts: by the vectors' names
        owners: of each contract, who is its admin too
        bidden: contracts that call what they are told, by address
    """

    def __init__(self, fee_receiver: str, max_fee_rate: int = 500, chain_id: int = 137) -> None:
        self.chain = Chain(chain_id=chain_id)
        self.contracts: dict[str, Contract] = {}
        self.owners: dict[str, str] = {}
        self.bidden: dict[str, Contract] = {}
        self.pusd = self.chain.pusd(self.chain.deploy("UsdcE").address)
        self.contracts["pusd"], self.owners["pusd"] = self.pusd, self.chain.evm.deployer
        self.manager = self._made("pm", "PositionManager", self.pusd.address)
        # its answer to a second balanceOf stands in no ABI: names are unique in Vyper
        self.manager = self.chain.evm.at(self.manager.address, *self.manager.abis, BY_OUTCOME)
        self.contracts["pm"] = self.manager
        self.binary = self._made("bm", "BinaryModule", self.manager.address)
        self.negative_risk = self._made("nm", "NegRiskModule", self.manager.address)
        self.combinatorial = self._made("cm", "CombinatorialModule", self.manager.address)
        self.router = self._made("rt", "Router", self.manager.address)
        wallets = (PROXY_FACTORY, SAFE_FACTORY, PROXY_CODE, SAFE_CODE)
        self.exchange = self._made(
            "ex",
            "ExchangeV3",
            self.manager.address,
            self.combinatorial.address,
            fee_receiver,
            max_fee_rate,
            *wallets,
        )
        for each in ("bm", "nm", "cm"):
            module = self.contracts[each].address
            self.manager.addModule(module, sender=self.owners["pm"])
            self.pusd.addMinter(module, sender=self.owners["pusd"])
        auth = (self.combinatorial.address, True)
        self.manager.setCrossModuleAuth(*auth, sender=self.owners["pm"])
        self.minter = self.chain.evm.address("minter")
        self.pusd.addMinter(self.minter, sender=self.owners["pusd"])

    def _made(self, name: str, kind: str, *args: Any) -> Contract:
        self.contracts[name] = self.chain.deploy(kind, *args, name=name)
        self.owners[name] = self.chain.evm.deployer
        return self.contracts[name]

    def send(self, sender: str, to: Contract, function: str, *arguments: Any) -> None:
        """Call as `sender`; a contract that is bidden calls by itself."""
        if sender in self.bidden:
            data = to.data(function, *arguments)
            self.bidden[sender].forward(to.address, data, sender=self.chain.evm.nobody)
        else:
            getattr(to, function)(*arguments, sender=sender)

    def fund(self, holder: str, cash: int, tokens: Mapping[int, int]) -> None:
        """Give a holder pUSD and outcome tokens, by id, and have him approve router and exchange
        without bound."""
        self.pusd.mint(holder, cash, sender=self.minter)
        for spender in (self.router.address, self.exchange.address):
            self.send(holder, self.pusd, "approve", spender, MAX)
            self.send(holder, self.manager, "setApprovalForAll", spender, True)
        maker = self.chain.evm.address("maker of sets")
        self.pusd.approve(self.router.address, MAX, sender=maker)
        for token, amount in tokens.items():
            if amount:
                self.pusd.mint(maker, amount, sender=self.minter)
                self.router.split((token >> 8).to_bytes(31, "big"), amount, sender=maker)
                self.manager.unsafeTransferFrom(maker, holder, token, amount, sender=maker)


def both(conditions: Sequence[bytes], amount: int = SPLIT) -> dict[int, int]:
    """Return as much of YES and NO of each condition."""
    yes = [int.from_bytes(each, "big") << 8 for each in conditions]
    return {token + outcome: amount for token in yes for outcome in (YES, NO)}


def hex_bytes(text: str) -> bytes:
    """Return the bytes of 0x..."""
    return bytes.fromhex(text.removeprefix("0x"))


def _ids(recorded: Json) -> Iterator[Case]:
    """Our arithmetic and the modules' against each id."""
    protocol = Protocol("0x" + "11" * 20, chain_id=recorded["chainId"])
    for count, error in recorded["getEventId_bad_counts"]:
        yield f"event of {count} questions", partial(_bad_count, protocol, count, error)
    for at, row in enumerate(recorded["ids"]):
        yield f"{row['kind']} {at}", partial(_id, protocol, row)


def _bad_count(protocol: Protocol, count: int, error: str) -> Found:
    module = protocol.negative_risk
    yield "module", error, protocol.chain.outcome(lambda: module.getEventId(count, b""))
    try:
        ids.event_of(count, b"")
    except BadInput as refused:
        assert str(count) in str(refused), refused
    else:
        yield "arithmetic", error, OK


def _id(protocol: Protocol, row: Json) -> Found:
    positions = tuple(map(int, row["positions"]))
    expected = (row["conditionId_bytes31"], *positions)
    yield "arithmetic", expected, _by_arithmetic(row)
    yield "module", expected, _by_modules(protocol, row)
    yield "position_hex", row["position_hex"], list(map(hex, positions))


def _by_arithmetic(row: Mapping[str, Any]) -> tuple[Any, ...]:
    if row["kind"] == "combo":
        condition = ids.combination(list(map(int, row["legs"])))
    elif row["kind"] == "binary":
        condition = ids.binary_condition(hex_bytes(row["data"]))
    else:
        event = ids.event_of(row["conditionCount"], hex_bytes(row["data"]))
        if event != row["eventId_bytes29"]:
            return (event,)
        condition = ids.condition_of_event(event, row["conditionIndex"])
        fields = ids.fields_of(ids.position_of(condition, YES))
        if (fields.arity, fields.index) != (row["conditionCount"], row["conditionIndex"]):
            return (fields,)
    return condition, ids.position_of(condition, YES), ids.position_of(condition, NO)


def _by_modules(protocol: Protocol, row: Mapping[str, Any]) -> tuple[Any, ...]:
    if row["kind"] == "combo":
        condition = protocol.combinatorial.getConditionId(list(map(int, row["legs"])))
    elif row["kind"] == "binary":
        condition = protocol.binary.getConditionId(hex_bytes(row["data"]))
    else:
        event = protocol.negative_risk.getEventId(row["conditionCount"], hex_bytes(row["data"]))
        condition = event + row["conditionIndex"].to_bytes(2, "big")
    yes = int.from_bytes(condition + b"\0", "big")
    return "0x" + condition.hex(), yes, yes + 1


class Cases:
    """The world in which `protocol_v2_cases.json` was recorded."""

    def __init__(self, recorded: Mapping[str, Any]) -> None:
        self.protocol = Protocol(recorded["addresses"]["fee"], chain_id=recorded["chainId"])
        self.args: Mapping[str, Any] = recorded["args"]
        self.holders = tuple(recorded["start"])
        self.tokens = {
            name: int(self.args[name]) for name in recorded["start"]["A"] if name != "pUSD"
        }
        evm = self.protocol.chain.evm
        people = recorded["addresses"].keys() | set(self.holders)
        self.people = {
            name: evm.address(name) for name in people if name not in self.protocol.contracts
        }
        evm.set_code(self.people["norec"], NO_RECEIVER)
        # an address that is written out in a case is the recorded one
        written = recorded["addresses"] | {
            name: text for name, text in self.args.items() if len(text) == ADDRESS
        }
        self.recorded = {text.lower(): name for name, text in written.items()}
        for role in ("Resolver", "Bridge"):
            for module in ("bm", "nm"):
                add = getattr(self.protocol.contracts[module], f"add{role}")
                add(self.people[role.lower()], sender=self.protocol.owners[module])
        for holder, held in recorded["start"].items():
            if any(map(int, held.values())):
                tokens = {self.tokens[name]: int(held[name]) for name in self.tokens}
                self.protocol.fund(self.people[holder], int(held["pUSD"]), tokens)
        self.start = self.protocol.chain.evm.snapshot()

    def address(self, name: str) -> str:
        """Return the address of a person or a contract; 0 is nobody's."""
        name = self.recorded.get(name.lower(), name)
        if name == "0":
            return "0x" + "00" * 20
        found = self.people.get(name)
        return found or self.protocol.contracts[name].address

    def balances(self) -> dict[str, dict[str, int]]:
        """Return what each holder has of each token."""
        protocol = self.protocol
        held = {}
        for holder in self.holders:
            at = self.address(holder)
            held[holder] = {"pUSD": protocol.pusd.balanceOf(at)} | {
                name: protocol.manager.balanceOf(at, token) for name, token in self.tokens.items()
            }
        return held

    def call(self, caller: str, contract: str, name: str, args: Sequence[Any]) -> Any:
        """Make a call; "" reads."""
        target = self.protocol.contracts[contract]
        sender = None
        if caller:
            sender = self.protocol.owners[contract] if caller == "owner" else self.address(caller)
        kinds = target.method(name, len(args)).inputs
        values = [self._value(kind, each) for kind, each in zip(kinds, args, strict=True)]
        return getattr(target, name)(*values, sender=sender)

    def _value(self, kind: str, given: Any) -> Any:
        if kind.endswith("[]"):
            given = self.args[given] if isinstance(given, str) else given
            return [self._value(kind[:-2], each) for each in given]
        if kind == "address":
            return self.address(given)
        if kind.startswith("bytes"):
            return hex_bytes(self.args.get(given, given))
        if kind == "bool":
            return given
        return int(self.args.get(given, given)) if isinstance(given, str) else given


def _cases(recorded: Json) -> Iterator[Case]:
    """Each case from the same start."""
    cases = Cases(recorded)
    yield "start", lambda: [("balances", whole(recorded["start"]), whole(cases.balances()))]
    for case in recorded["cases"]:
        yield f"{case['id']} {case['group']}", partial(_case, cases, case)


def _case(cases: Cases, case: Json) -> Found:
    chain = cases.protocol.chain
    chain.evm.revert(cases.start)
    for step in case["state"]:
        cases.call(*step)
    before = cases.balances()
    got = chain.outcome(lambda: cases.call(*case["action"]))
    events = [each.name for each in chain.events()] if got == OK else []
    yield "outcome", OK if case["ok"] else case["error"], got
    yield "delta", whole(case.get("delta", {})), changes(before, cases.balances())
    yield "events", case.get("events", []), events
    for read in case.get("reads", ()):
        yield f"read {list(read['call'])}", read["result"], _read(cases, read["call"])


def _read(cases: Cases, call: Sequence[Any]) -> Any:
    try:
        answer = cases.call("", *call)
    except Reverted as reverted:
        return f"reverts {refusal(reverted)}"
    return list(answer) if isinstance(answer, tuple) else answer


def whole(delta: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    """Return a recorded change of balances as numbers, without what did not change."""
    numbers = {
        holder: {token: int(amount) for token, amount in each.items() if int(amount)}
        for holder, each in delta.items()
    }
    return {holder: each for holder, each in numbers.items() if each}


def changes(
    before: Mapping[str, Mapping[str, int]], after: Mapping[str, Mapping[str, int]]
) -> dict[str, dict[str, int]]:
    """Return what changed, holder by holder."""
    found = {
        holder: {
            token: after[holder][token] - amount
            for token, amount in held.items()
            if after[holder][token] != amount
        }
        for holder, held in before.items()
    }
    return {holder: moved for holder, moved in found.items() if moved}


CASES_PLAYER = Player(_cases, ("args",))
IDS_PLAYER = Player(_ids, ("layout",))
