"""A steady life of one vault on a bare EVM, and a node that has seen it.

Holders ask and claim, a market is traded, pays and closes, reports come every hour. Contracts,
ConditionalTokens and their logs are real; what the exchange logs of a trade stands as VENUE c1 has
it (this world's exchange is an address without code). The node answers all that an audit asks:
logs, headers, code, constructors, views at the last block, and at every block what accounts held.
"""

import json
import random
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from eth_abi.abi import encode
from strongroom.audit.node import Node
from strongroom.audit.readers import exchange_readers

from tests.property.evm import Contract
from tests.property.world import (
    CENT,
    DEPOSIT,
    HOUR,
    NOBODY,
    OPEN,
    REDEEM,
    UNIT,
    YES,
    Kind,
    Reverted,
    World,
)

PEOPLE, ASKING = 50, 10  # all, in an hour
FORTUNE = 10**6 * UNIT
STAKE = 1_000 * UNIT  # of a market
HOURS = 24  # that a market is open
PRICE = 50  # cents, at which everything is bought, marked and paid
CHAIN_ID = 1
PADDED = 33  # bytes, by which revm ends code
SLOTS = 400  # of a contract, beside its mappings


@dataclass
class Block:
    """One block: its time, and its logs as a node gives them."""

    time: int
    logs: list[dict[str, Any]] = field(default_factory=list)


class SteadyLife:
    """Lives until a vault has logged enough."""

    def __init__(
        self,
        seed: int = 1,
        kinds: Sequence[Kind] = (Kind("binary", "keeper"),),
        people: int = PEOPLE,
    ) -> None:
        """Deploy all, with nobody in it yet.

        Args:
            kinds: of the classes
            people: who ask and claim
        """
        self._dice = random.Random(seed)
        self.blocks: list[Block] = [Block(0)]
        self._mined = 0  # transactions of the EVM
        self._sent: dict[str, dict[str, str | None]] = {}  # transactions by hash
        self._states: dict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
        limits = OPEN | {"max_inflow_bps": 60_000, "max_up_bps": 60_000}
        self.world = World(kinds=kinds, **limits)
        self.vault = self.world.vault.address.lower()
        self.events = 0  # of the vault
        self._people = [f"holder {number}" for number in range(people)]
        for who in self._people:
            self.world.fund(who, FORTUNE)
        self._mine()
        self.born = next(
            number
            for number, block in enumerate(self.blocks)
            if any(log["address"] == self.vault for log in block.logs)
        )
        self._opened: dict[str, int] = {}  # market -> hour
        self._hour = 0
        self._codes: dict[str, bytes] = {}

    def live(self, events: int) -> None:
        """Go on until the vault has logged at least so many events."""
        while self.events < events:
            self._one_hour()

    def _one_hour(self) -> None:
        world, dice = self.world, self._dice
        world.wait(HOUR)
        self._hour += 1
        for who in dice.sample(self._people, ASKING):
            shares = world.shares(who)
            if shares and dice.random() < 0.4:
                world.request(REDEEM, who, -(-shares // dice.randrange(1, 5)))
            elif world.cash(who) > 1_000 * UNIT:
                world.request(DEPOSIT, who, dice.randrange(1, 1_000 * UNIT))
        self._mine()
        self._trade()
        world.report({name: {0: (PRICE * CENT, PRICE * CENT)} for name in self._opened})
        self._mine()
        for who in self._people:
            for side in (DEPOSIT, REDEEM):
                amount = world.claimable(side, who)[0]
                if amount:
                    world.claim(side, who, amount)
        self._mine()

    def _trade(self) -> None:
        """Open a market while fewer than two are; buy in one; let one pay after its day."""
        world = self.world
        over = [name for name, hour in self._opened.items() if self._hour - hour >= HOURS]
        if over:
            world.resolve(over[0], 0, 1, 2)
            world.redeem(over[0])
            world.recall(over[0])
            world.close(over[0])
            del self._opened[over[0]]
            self._mine()
            self._remember(over[0])
        if len(self._opened) < 2 and world.vault.total_idle() > 10 * STAKE:
            name = f"market {self._hour}"
            world.open(name)
            world.allocate(name, STAKE)
            self._opened[name] = self._hour
            self._mine()
            self._remember(name)
        for name in self._opened:
            cash = self._dice.randrange(1, STAKE // HOURS)
            world.trade(name, -cash, {(0, YES): cash * 100 // PRICE})
            self._mine(fill=self._fill(name, cash, cash * 100 // PRICE))
            self._remember(name)

    def _fill(self, name: str, cash: int, tokens: int) -> dict[str, Any]:
        """Return what the exchange logs of an order of an account that bought YES."""
        market, (topic,) = self.world.markets[name], exchange_readers()
        (reader,) = exchange_readers().values()
        words = [0, market.tokens[0], cash, tokens, 0, bytes(32), self._hour.to_bytes(32, "big")]
        ends = [market.account.address, self.world.who["maker"]]
        return {
            "address": self.world.exchange.lower(),
            "topics": [topic, "0x" + self._dice.randbytes(32).hex(), *map(_padded, ends)],
            "data": "0x" + encode([type_ for _, type_ in reader.data], words).hex(),
        }

    # the chain

    def _mine(self, fill: dict[str, Any] | None = None) -> None:
        """Make a block of all transactions since the last one; with a fill they are one."""
        new = self.world.evm.transactions[self._mined :]
        calls = self.world.evm.calls[self._mined :]
        self._mined = len(self.world.evm.transactions)
        number, block = len(self.blocks), Block(self.world.now)
        for place, (_, logs) in enumerate(new):
            for log in logs:
                topics, data = log.data
                block.logs.append(
                    {
                        "address": log.address.lower(),
                        "topics": [_hex(topic) for topic in topics],
                        "data": _hex(data),
                        "transactionHash": f"0x{number:060x}{0 if fill else place:04x}",
                    }
                )
        if fill:
            block.logs.append(fill | {"transactionHash": f"0x{number:064x}"[:-4] + "0000"})
        for index, each in enumerate(block.logs):
            each |= {
                "blockNumber": hex(number),
                "blockHash": hash_of(number),
                "logIndex": hex(index),
            }
        if fill:
            for each in block.logs:
                each["transactionHash"] = f"0x{number:060x}0000"
            calls = [(NOBODY, self.world.exchange, b"")]
        for place, (sender, receiver, data) in enumerate(calls):
            name = f"0x{number:060x}{place:04x}"
            sent = {"from": sender.lower(), "to": receiver.lower() or None, "input": _hex(data)}
            self._sent[name] = {"hash": name, **sent}
        self.events += sum(log["address"] == self.vault for log in block.logs)
        self.blocks.append(block)

    def _remember(self, name: str) -> None:
        """Keep what a market's account holds from this block on."""
        market = self.world.markets[name]
        account = market.account.address
        asked = [
            _call(market.account, "positions"),
            _call(market.account, "halted"),
            _call(self.world.pusd, "balanceOf", account),
            *(_call(self.world.ctf, "balanceOf", account, token) for token in market.tokens),
        ]
        for to, data in asked:
            self._states[to, data].append((len(self.blocks) - 1, self._ask(to, data)))

    def _ask(self, to: str, data: str) -> str:
        evm = self.world.evm
        return _hex(evm.call(NOBODY, to, bytes.fromhex(data[2:]), static=True))

    # the node

    def answer(self, method: str, parameters: Sequence[Any]) -> Any:
        """Return what a node of this chain answers.

        Raises:
            Reverted: a view does.
        """
        match method:
            case "eth_blockNumber":
                return hex(len(self.blocks) - 1)
            case "eth_chainId":
                return hex(CHAIN_ID)
            case "eth_getBlockByNumber":
                number = int(parameters[0], 16)
                links = {"hash": hash_of(number), "parentHash": hash_of(number - 1)}
                return {"number": hex(number), "timestamp": hex(self.blocks[number].time)} | links
            case "eth_getCode":
                is_unborn = parameters[0].lower() == self.vault and (
                    int(parameters[1], 16) < self.born
                )
                return "0x" if is_unborn else "0x" + self._code(parameters[0]).hex()
            case "eth_getTransactionByHash":
                return self._sent[parameters[0]]
            case "eth_getLogs":
                return self._logs(parameters[0])
            case "eth_call" if len(parameters) == 3:
                return self._constructed(parameters[2])
            case "eth_call":
                call, block = parameters[0], int(parameters[1], 16)
                known = self._states.get((call["to"].lower(), call["data"]), [])
                place = bisect_right(known, block, key=lambda each: each[0])
                if known and not place:
                    return "0x" + "00" * 32  # a balance before there was the account
                return known[place - 1][1] if known else self._ask(call["to"], call["data"])
        raise ValueError(method)

    def _logs(self, asked: dict[str, Any]) -> list[dict[str, Any]]:
        first, last = (int(asked[name], 16) for name in ("fromBlock", "toBlock"))
        addresses = {each.lower() for each in asked["address"]}
        wanted = [
            None if each is None else {each} if isinstance(each, str) else set(each)
            for each in asked.get("topics", [])
        ]
        return [
            log
            for block in self.blocks[first : last + 1]
            for log in block.logs
            if log["address"] in addresses
            and len(log["topics"]) >= len(wanted)
            and all(not some or t in some for some, t in zip(wanted, log["topics"], strict=False))
        ]

    def _code(self, address: str) -> bytes:
        """Return code without the zeros that this EVM adds to it."""
        if address.lower() not in self._codes:
            self._codes[address.lower()] = self.world.evm.code(address)[:-PADDED]
        return self._codes[address.lower()]

    def _constructed(self, override: Any) -> str:
        """Run creation code at an address, as if nothing were stored there."""
        ((address, over),) = override.items()
        evm, before, exchange = self.world.evm, self._code(address), self.world.exchange
        stored, point = evm.stored(address, SLOTS), evm.snapshot()
        evm.set_code(exchange, b"\x00")  # constructors look whether it is a contract
        evm.store(address, dict.fromkeys(stored, 0))
        evm.set_code(address, bytes.fromhex(over["code"][2:]))
        try:
            return _hex(evm.call(NOBODY, address, b""))
        finally:
            evm.revert(point)
            evm.set_code(exchange, b"")
            evm.set_code(address, before)
            evm.store(address, stored)


class RecordingNode(Node):
    """The node of a life, which keeps what it was asked.

    Attributes:
        answers: question as JSON -> result as JSON
        responses: to each request, as HTTP would have them
    """

    def __init__(self, life: SteadyLife) -> None:
        """Take whose node it is."""
        super().__init__("http://recorded")
        self._life = life
        self.answers: dict[str, bytes] = {}
        self.responses: list[bytes] = []

    def answered(self, method: str, parameters: Any) -> bytes:
        """Return what is in an answer: a result, or an error."""
        key = question(method, parameters)
        if key not in self.answers:
            try:
                found = {"result": self._life.answer(method, parameters)}
            except Reverted as error:
                found = {"error": {"code": 3, "message": str(error)}}
            self.answers[key] = json.dumps(found)[1:-1].encode()
        return self.answers[key]

    def _post(self, body: Sequence[Any]) -> bytes:
        said = [
            b'{"jsonrpc": "2.0", "id": %d, %s}'
            % (each["id"], self.answered(each["method"], each["params"]))
            for each in body
        ]
        self.responses.append(b"[" + b", ".join(said) + b"]")
        return self.responses[-1]


def question(method: str, parameters: Any) -> str:
    """Return a question as its answer is kept by."""
    return f"{method} {json.dumps(parameters)}".lower()


def hash_of(number: int) -> str:
    """Return a block's hash."""
    return f"0x{number:064x}"


def _call(contract: Contract, name: str, *arguments: Any) -> tuple[str, str]:
    return contract.address.lower(), "0x" + contract.data(name, *arguments).hex()


def _padded(address: str) -> str:
    return "0x" + "00" * 12 + address[2:].lower()


def _hex(value: Any) -> str:
    return "0x" + value.hex().removeprefix("0x") if isinstance(value, bytes) else str(value)
