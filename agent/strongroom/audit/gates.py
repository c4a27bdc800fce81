"""A ProofGate's allocations, each held against its rule by the logs of gate and vault.

The rule is that of docs/contracts/ProofGate.md, in the auditor's own arithmetic. That the verifier
has taken each proof is not looked at again: the gate's code, which is compared, admits nothing
else.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from strongroom.audit.both_books import book_both
from strongroom.audit.code import AuditedCode
from strongroom.audit.events import Allocated, AuditedEvent
from strongroom.audit.gate_events import Admitted, Committed
from strongroom.audit.ledger import Ledger
from strongroom.audit.node import Node
from strongroom.audit.permissions import Difference, difference
from strongroom.audit.readers import gate_readers
from strongroom.chain.artifacts import artifact
from strongroom.chain.code import WORD, runtime_difference
from strongroom.chain.ids import MarketId, keccak, to_bytes, to_hex
from strongroom.chain.units import BPS, WAD
from strongroom.errors import BadInput

NAME = "ProofGate"
FIELD = 21888242871839275222246405745257275088548364400416034343698204186575808495617  # of BN254
SIDES = 2  # outcome tokens: YES is 0
WORDS = 12  # of immutables: vault, class, keeper, nine of terms


class ModelAgain(Protocol):
    """Makes a model's forecasts again.

    Attributes:
        model_hash: keccak256 of its ONNX file, 0x...
    """

    @property
    def model_hash(self) -> str: ...

    def another(self, inputs: Sequence[int], output: int, bits: int) -> str:
        """Return what it gives on inputs where that is not `output`, "" where it is: elements of
        the field, in fixed point of so many bits."""


@dataclass(frozen=True)
class GateCode:
    """What stands in a gate's code: whose keeper it is, and its rule, in the contract's units."""

    class_id: int
    keeper: str
    verifier: str
    verifier_hash: str
    model_hash: str
    inputs: int
    scale_bits: int
    edge_bps: int
    stake: int
    min_age: int
    max_age: int


@dataclass(frozen=True)
class GateStatement:
    """A gate at the last block; assets as digits.

    Attributes:
        keeper: the Safe that acts through it
        is_keeper: whether the gate is the class's keeper now
        commitments: rows of inputs that were published
        proofs: allocations with one
        assets: that they let out
        others: allocations of the class by another keeper than the gate, before it or after it
        recomputed: forecasts that the model itself gives, too; None: no model was named
    """

    gate: str
    class_id: int
    keeper: str
    is_keeper: bool
    verifier: str
    verifier_hash: str
    model_hash: str
    commitments: int
    proofs: int
    assets: str
    others: int
    recomputed: int | None


@dataclass(frozen=True)
class GateAudit:
    """What was found of a gate; `statement` None: it is none of ours."""

    statement: GateStatement | None
    code: tuple[AuditedCode, ...]
    differences: tuple[Difference, ...]


def audit_gate(
    node: Node, ledger: Ledger, gate: str, blocks: tuple[int, int],
    models: Sequence[ModelAgain] = (),
) -> GateAudit:  # fmt: skip
    """Audit what a gate has let out.

    Args:
        ledger: of the vault, before its first event
        blocks: the vault's first, and the last
        models: the gate's makes its forecasts again, if it is there

    Raises:
        BadInput: there is no contract at the address.
        NodeAway: the node does not answer.
        BadLog: the node sends what is no log.
    """
    address, last = gate.lower(), blocks[1]
    listed, terms, wrong = gate_code(node, gate, ledger.vault, last)
    if terms is None:  # what foreign code logs is not read
        return GateAudit(None, (listed,), wrong)
    books = GateBooks(
        ledger, address, terms,
        next((each for each in models if each.model_hash == terms.model_hash), None),
    )  # fmt: skip
    book_both(node, books, gate_readers(), *blocks)
    verifier = _trusted(node, "verifier of the gate", terms.verifier, last)
    if verifier.code_hash != terms.verifier_hash:
        what = f"proof gate {address}: code of its verifier"
        books.differences.append(_differs(last, what, terms.verifier_hash, verifier.code_hash))
    trusted = (verifier, _trusted(node, "keeper of the gate", terms.keeper, last))
    return GateAudit(books.statement(), (listed, *trusted), tuple(books.differences))


def gate_code(
    node: Node, gate: str, vault: str, block: int
) -> tuple[AuditedCode, GateCode | None, tuple[Difference, ...]]:
    """Return what the code is, and its rule; without one, how it is not ours, or not of this vault.

    Raises:
        BadInput: there is no contract at the address.
        NodeAway: the node does not answer.
    """
    address = gate.lower()
    code = _code_at(node, address, block)
    if not code:
        raise BadInput(f"--proof-gate {gate}: there is no contract: name the gate's address")
    how = runtime_difference(NAME, code)
    listed = AuditedCode("proof gate", address, to_hex(keccak(code)), "" if how else NAME)
    if how:
        return listed, None, (_differs(block, f"code of proof gate {address}", NAME, how),)
    there, terms = _immutables(code)
    if there != vault:
        return listed, None, (_differs(block, f"proof gate {address}: VAULT", vault, there),)
    return listed, terms, ()


@dataclass
class GateBooks:
    """A gate after the events so far.

    Attributes:
        ledger: the vault's books, which are as far as the event that is booked next
        address: of the gate, in lower case
        committed: market -> inputs that wait for a proof, and the time of their block
    """

    ledger: Ledger
    address: str
    code: GateCode
    model: ModelAgain | None = None
    committed: dict[MarketId, tuple[tuple[int, ...], int]] = field(default_factory=dict)
    commitments: int = 0
    proofs: int = 0
    assets: int = 0
    others: int = 0
    differences: list[Difference] = field(default_factory=list)
    _admitted: Admitted | None = None

    def book(self, event: AuditedEvent, time: int) -> None:
        """Book an event of the gate, at the time of its block."""
        self.end()
        match event:
            case Committed():
                self._commit(event, time)
            case Admitted():
                self._admit(event, time)

    def meet(self, event: AuditedEvent) -> None:
        """Hold an allocation of the class against what was admitted."""
        if not isinstance(event, Allocated):
            return
        admitted, self._admitted = self._admitted, None
        market = self.ledger.markets.get(event.market)
        if market is None or market.class_id != self.code.class_id:
            if admitted is not None:
                self._unused(admitted)
            return
        if not self._is_keeper and admitted is None:
            self.others += 1
            return
        if admitted is None:
            self._expect(event, "Allocated: by a proof", "Admitted", "nothing")
            return
        wanted = event.transaction, event.market, event.assets
        self._expect(
            admitted, "Admitted: what was allocated", wanted,
            (admitted.transaction, admitted.market, admitted.assets),
        )  # fmt: skip
        room = room_of(self.code, admitted, market.exposure)
        if room is None or event.assets > room:
            most = "none: there is no edge" if room is None else f"at most {room}"
            self._expect(admitted, "Admitted.assets", most, event.assets)
        self.proofs, self.assets = self.proofs + 1, self.assets + event.assets

    def end(self) -> None:
        """Note what was admitted and never allocated."""
        if self._admitted is not None:
            self._unused(self._admitted)
            self._admitted = None

    def statement(self) -> GateStatement:
        """Return what a verdict says of the gate."""
        it = self.code
        return GateStatement(
            self.address, it.class_id, it.keeper, self._is_keeper, it.verifier, it.verifier_hash,
            it.model_hash, self.commitments, self.proofs, str(self.assets), self.others,
            None if self.model is None else self.proofs,
        )  # fmt: skip

    @property
    def _is_keeper(self) -> bool:
        return self.ledger.permissions.class_of(self.code.class_id).keeper == self.address

    def _commit(self, it: Committed, time: int) -> None:
        reporter = self.ledger.permissions.roles.get("reporter", "")
        self._expect(it, "Committed.reporter", reporter, it.reporter)
        self._expect(
            it, "Committed.reporter: is not the keeper", True, it.reporter != self.code.keeper
        )
        self._expect(it, "Committed.inputs: how many", self.code.inputs, len(it.inputs))
        beyond = [each for each in it.inputs if each >= FIELD]
        self._expect(it, "Committed.inputs: beyond the field", [], beyond)
        self.committed[it.market] = tuple(it.inputs), time
        self.commitments += 1

    def _admit(self, it: Admitted, time: int) -> None:
        self._admitted = it
        inputs, since = self.committed.pop(it.market, ((), 0))
        if not since:
            self._expect(it, "Admitted: inputs of the market that wait", "Committed", "nothing")
            return
        self._expect(it, "Admitted.inputs_hash", _hash_of(inputs), it.inputs_hash)
        self._expect(it, "Admitted.until", since + self.code.max_age, it.until)
        first, last = since + self.code.min_age, since + self.code.max_age
        if not first <= time <= last:
            self._expect(it, "Admitted: time of its block", f"{first} to {last}", time)
        if self.model is not None:
            found = self.model.another(inputs, it.output, self.code.scale_bits)
            self._expect(it, "Admitted.output: by the model", "", found)

    def _unused(self, it: Admitted) -> None:
        self._expect(it, "Admitted: what was allocated", it.assets, "nothing")

    def _expect(self, at: AuditedEvent, what: str, expected: object, found: object) -> None:
        if expected != found:
            self.differences.append(difference(at, what, expected, found))


def room_of(code: GateCode, it: Admitted, exposure: int) -> int | None:
    """Return the most assets that a forecast admits: Kelly's part of the stake, down at each step,
    less what is at risk already; None where there is no edge."""
    one = 1 << code.scale_bits
    if it.output > one or it.side >= SIDES or not 0 < it.price < WAD:
        return None
    likely = one - it.output if it.side else it.output
    edge = likely * WAD // one - it.price
    if edge <= 0 or edge * BPS < code.edge_bps * WAD:
        return None
    return max(0, code.stake * edge // (WAD - it.price) - exposure)


def _immutables(code: bytes) -> tuple[str, GateCode]:
    """Return the vault and the rest of what the constructor has left behind a gate's code."""
    tail = code[len(artifact(NAME).runtime) :]
    words = [tail[place : place + WORD] for place in range(0, WORDS * WORD, WORD)]
    numbers = [int.from_bytes(each) for each in words]
    return _address(words[0]), GateCode(
        numbers[1], _address(words[2]), _address(words[3]), to_hex(words[4]), to_hex(words[5]),
        *numbers[6:],
    )  # fmt: skip


def _address(word: bytes) -> str:
    return to_hex(word[-20:])


def _hash_of(inputs: Sequence[int]) -> str:
    """Return keccak of inputs as the ABI encodes a list: where it begins, its length, its words."""
    words = (WORD, len(inputs), *inputs)
    return to_hex(keccak(b"".join(each.to_bytes(WORD) for each in words)))


def _trusted(node: Node, what: str, address: str, block: int) -> AuditedCode:
    there = _code_at(node, address, block)
    return AuditedCode(
        what, address, to_hex(keccak(there)) if there else "no code", "" if there else "a key"
    )


def _code_at(node: Node, address: str, block: int) -> bytes:
    return to_bytes(node.ask("eth_getCode", address, hex(block)))


def _differs(block: int, what: str, expected: str, found: str) -> Difference:
    return Difference(block, "", what, expected, found)
