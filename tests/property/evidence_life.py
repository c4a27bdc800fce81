"""A life of one vault whose keeper writes decisions and whose reporter reveals them.

Contracts, tokens and their logs are real, as in recorded.py; what the exchange logs of a fill
stands as VENUE c1 has it. Each step is mined as a block when its test says so. The audit is the
product's own, over a node of this chain, and may take it in pieces of any length.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import strongroom.audit.node
from eth_abi.abi import encode
from strongroom.audit.command import AuditOptions, AuditResult, run_audit
from strongroom.audit.permissions import Limit
from strongroom.audit.readers import exchange_readers
from strongroom.chain.ids import Json, canonical, keccak

from tests.property.recorded import RecordingNode, SteadyLife, _call, _padded
from tests.property.world import CENT, DEPOSIT, HOUR, UNIT, Kind, Market

BUY, SELL = 0, 1
DEPOSITED = 1_000_000 * UNIT
DELEGATED = Kind("delegated", "courier")
NOBODY_DECIDED = b"\x77" * 32
Marks = Mapping[str, int]  # market -> cents, bid and ask


class EvidenceLife(SteadyLife):
    """Deposited once, then lived by hand.

    Attributes:
        folder: of the evidence documents
    """

    def __init__(self, folder: Path, kinds: Sequence[Kind] = (DELEGATED,)) -> None:
        """Deploy, deposit, deal and claim."""
        super().__init__(kinds=kinds, people=0)
        self.folder = folder
        self._wallets: list[str] = []
        self._foreseen: list[Market] = []
        self._born: dict[str, int] = {}  # accounts, by block
        self._exchanges = {self.world.exchange.lower()}
        self.world.request(DEPOSIT, "alice", DEPOSITED)
        self.mine()
        for _ in range(2):
            self.report()
        self.world.claim_all("alice")
        self.mine()

    def mine(self, fill: dict[str, Any] | None = None) -> int:
        """Make a block of what was done; with a fill that is one transaction. Return its number."""
        self._mine(fill=fill)
        asked = [_call(self.world.vault, "limit", Limit.MAX_REPORT_AGE)]
        for market in self.world.markets.values():
            self._born.setdefault(market.account.address.lower(), len(self.blocks) - 1)
            asked += [_call(market.account, "positions"), _call(market.account, "halted")]
            for holder in {market.account.address, *self._wallets}:
                asked += self._balances(market, holder)
        for market in self._foreseen:
            asked += self._balances(market, market.account.address)
        for to, data in dict.fromkeys(asked):
            self._states[to.lower(), data].append((len(self.blocks) - 1, self._ask(to, data)))
        return len(self.blocks) - 1

    def _balances(self, market: Market, holder: str) -> list[tuple[str, str]]:
        of = self.world.tokens_of(market)
        tokens = [_call(of, "balanceOf", holder, each) for each in market.tokens]
        return [_call(self.world.pusd, "balanceOf", holder), *tokens]

    def foresee(self, class_id: int = 0) -> Market:
        """Return the market that is opened next, before it is: its question is prepared, and the
        address of its account follows from the vault's nonce."""
        world = self.world
        question = world.prepare(world.kinds[class_id], 1)
        point = world.snapshot()
        market = world.open("foreseen", class_id, question=question)
        world.restore(point)
        self._foreseen.append(market)
        return market

    def report(self, marks: Marks | None = None, *records: Json, **more: Json) -> int:
        """Report after an hour, in a block of its own; write the document that reveals records."""
        self.world.wait(HOUR)
        self.send_report(marks, *records, **more)
        return self.mine()

    def send_report(self, marks: Marks | None = None, *records: Json, **more: Json) -> None:
        """Report at once, in the block that comes.

        Args:
            more: of the document
        """
        document = {"vault": self.vault, "decisions": records, "number": len(self.blocks)} | more
        text = canonical(document)
        digest = keccak(text)
        (self.folder / f"0x{digest.hex()}.json").write_bytes(text)
        words = [
            (self.world.markets[n].id, 0, c * CENT, c * CENT) for n, c in (marks or {}).items()
        ]
        self.world.vault.report(words, digest, sender=self.world.who["reporter"])

    def open(self, name: str, class_id: int = 0, *, wallet: str = "", **more: Any) -> Market:
        """Open a market with 1,000 units, at its wallet where it is a delegated one.

        Args:
            wallet: who that is; "": one of its own
        """
        market = self.world.open(name, class_id, **more)
        self.mine()
        if market.kind.accounts == "delegated":
            self.world.set_wallet(name, wallet)
            self._wallets.append(market.wallet)
            self.mine()
        self.world.allocate(name, 1_000 * UNIT)
        if market.wallet:
            self.world.forward(name, 1_000 * UNIT)
        self.mine()
        return market

    def record(self, *legs: Json, **more: Json) -> dict[str, Json]:
        """Return a decision record of now."""
        plain = {"vault": self.vault, "time": self.world.now, "on_failure": "stop"}
        return plain | {"legs": list(legs)} | more

    def leg(self, name: str, side: int, price: str, size: int, place: int = 0) -> dict[str, Json]:
        """Return an order of a decision: micro-tokens of YES (place 0) or NO."""
        market = self.world.markets[name]
        return {
            "vault_market": "0x" + market.id.hex(),
            "question": name,
            "token": str(market.tokens[place]),
            "side": "SELL" if side else "BUY",
            "price": price,
            "size": str(size),
            "exchange": self.world.exchange.lower(),
            "kind": "TAKE",
        }

    def trade(
        self,
        name: str,
        side: int,
        cash: int,
        tokens: int,
        record: Json | bytes = NOBODY_DECIDED,
        place: int = 0,
        fee: int = 0,
        exchange: str = "",
    ) -> int:
        """Fill an order of a market in a block of its own; return the block's number.

        Args:
            exchange: "": the one that accounts name
        """
        market, sign = self.world.markets[name], -1 if side else 1
        self.world.trade(name, -sign * cash - fee, {(0, place): sign * tokens})
        maker = market.wallet or market.account.address
        gives, gets = (tokens, cash) if side else (cash, tokens)
        ((topic, reader),) = exchange_readers().items()
        decision = record if isinstance(record, bytes) else keccak(canonical(record))
        words = [side, market.tokens[place], gives, gets, fee, bytes(32), decision]
        order = f"0x{len(self.blocks):064x}"
        exchange = (exchange or self.world.exchange).lower()
        self._exchanges.add(exchange)
        log = {
            "address": exchange,
            "topics": [topic, order, _padded(maker), _padded(self.world.who["maker"])],
            "data": "0x" + encode([type_ for _, type_ in reader.data], words).hex(),
        }
        return self.mine(fill=log)

    def end(self, name: str) -> None:
        """Let a market pay its YES, bring all home and close it, a block each."""
        self.world.resolve(name, 0, 1, 1)
        self.mine()
        self.world.redeem(name)
        if self.world.markets[name].wallet:
            self.world.take_back(name)
        self.world.recall(name)
        self.mine()
        self.world.close(name)
        self.mine()

    def answer(self, method: str, parameters: Sequence[Any]) -> Any:
        """Answer as a node does; there is nothing at an account's address before it is opened."""
        if method in ("eth_getCode", "eth_call") and len(parameters) == 2:
            to = parameters[0]["to"] if method == "eth_call" else parameters[0]
            if int(parameters[1], 16) < self._born.get(to.lower(), 0):
                return "0x"
        return super().answer(method, parameters)

    def _code(self, address: str) -> bytes:
        if address.lower() in self._exchanges:
            return b"\x00"  # an audit looks whether it is a contract
        return super()._code(address)

    # the audit

    def audit(self, node: RecordingNode | None = None, **options: Any) -> AuditResult:
        """Audit with the life's evidence and exchange."""
        options = {"evidence": (str(self.folder),), "exchanges": (self.world.exchange,)} | options
        return run_audit(AuditOptions(self.vault, **options), node or RecordingNode(self))

    def told(self, **options: Any) -> list[tuple[int, str, str, str]]:
        """Return what the audit says that differs: block, what, expected, found."""
        found = self.audit(**options).verdict.differences
        return [(each.block, each.what, each.expected, each.found) for each in found]


def verdict_in_pieces(life: EvidenceLife, blocks: int, monkeypatch: Any, **options: Any) -> Any:
    """Return the verdict's document of an audit that takes so many blocks at a time."""
    monkeypatch.setattr(strongroom.audit.node, "RANGE", blocks)
    node = RecordingNode(life)
    node._reach = blocks
    return json.loads(json.dumps(life.audit(node, **options).document()))


def goes_on_from_each_block(life: EvidenceLife, folder: Path) -> list[str]:
    """Return the verdicts of audits that went to a block, and on from their checkpoint."""
    found = []
    for block in range(life.born, len(life.blocks) - 1):
        checkpoint = folder / f"{block}.checkpoint"
        life.audit(checkpoint=checkpoint, to_block=block)
        found.append(life.audit(checkpoint=checkpoint).verdict.verdict)
    return found
