"""Whose code answers: everything that an audit believes, beside what this release compiles to.

The vault's pieces, the accounts and what they are cloned from must be ours: other code is a
difference. What they trust (exchange, tokens, oracle) is the venue's: where it is none of the
contracts that this package has, it is listed with the hash of its code, as unknown.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from strongroom.audit.abi_data import NotAbi, abi_values
from strongroom.audit.answers import Question
from strongroom.audit.contracts import OddAnswer
from strongroom.audit.events import ClassAdded
from strongroom.audit.kinds import ANY_EXCHANGE, CLONE, KINDS, kind_of
from strongroom.audit.ledger import Ledger
from strongroom.audit.node import Node, NodeAway, NodeRefuses
from strongroom.audit.permissions import Difference
from strongroom.audit.readers import read_logs, vault_readers
from strongroom.audit.wording import selector_of
from strongroom.chain.artifacts import TOKENS, ArtifactMissing, artifact, gnosis
from strongroom.chain.code import (
    PIECES,
    VaultParts,
    constructor_inputs,
    immutables_difference,
    runtime_difference,
)
from strongroom.chain.failures import CallReverted
from strongroom.chain.ids import keccak, to_bytes
from strongroom.errors import StrongroomError

OURS = ("WalletRegistry",)  # of what accounts trust
STAND_INS = (  # of the devnet's venue
    *("Exchange", "ExchangeV3", "PUsd", "UsdcE", "WrappedCollateral", "NegRiskAdapter"),
    *("CollateralAdapter", "NegRiskCollateralAdapter", "PositionManager", "BinaryModule"),
    *("NegRiskModule", "CombinatorialModule", "DepositWalletFactory", "DepositWalletBeacon"),
)
# Code of no contract, whose result is known: 42, as a word.
PROBE, PROBE_CODE = "0x" + "5a" * 20, "0x602a60005260206000f3"
PROBE_RESULT = f"0x{42:064x}"
VERSIONS = ("1", "2", "3")  # of an exchange's EIP-712 domain
USED, UNUSED, NOT_YET = "used", "not used", "not used yet"  # of an exchange, by a vault
AsksAll = Callable[[Sequence[Question]], Sequence[Any]]


@dataclass(frozen=True)
class AuditedCode:
    """A contract that an audit believes.

    Attributes:
        what: it is to the vault
        code_hash: keccak of its runtime code
        known: the contract of this release that it is, or that it is a key; "": none
    """

    what: str
    address: str
    code_hash: str
    known: str


@dataclass(frozen=True)
class TradingPlaces:
    """Where a vault's accounts and wallets have traded.

    Attributes:
        exchanges: that have filled orders of theirs, or with them
        has_unexplained: whether something of theirs has moved that nothing explains
    """

    exchanges: tuple[str, ...] = ()
    has_unexplained: bool = False


def uses_of(
    exchanges: Sequence[str], named: Collection[str], traded: TradingPlaces, anywhere: bool
) -> dict[str, str]:
    """Return of each exchange whether a vault's accounts trade there.

    Args:
        exchanges: whose fills are looked at
        named: by accounts, as theirs
        anywhere: whether some trade by wallets, which name no exchange, or there are no accounts
            yet: as long as there is no fill and nothing that wants one, each may be theirs
    """
    is_open = anywhere and not traded.exchanges and not traded.has_unexplained
    known = {*named, *traded.exchanges}
    otherwise = NOT_YET if is_open else UNUSED
    return {each.lower(): USED if each.lower() in known else otherwise for each in exchanges}


class CodeAudit:
    """Compares code at one block."""

    def __init__(self, node: Node, vault: str, block: int) -> None:
        """Take whom to ask, of which vault, at which block."""
        self._node, self._vault, self._block = node, vault, block
        self._codes: dict[str, bytes] = {}
        self.listed: list[AuditedCode] = []
        self.exchanges: dict[str, str] = {}  # exchange -> its use
        self.differences: list[Difference] = []

    def is_vault_ours(self) -> bool:
        """List the vault's own pieces, and what of them is not ours; return whether all are: what
        foreign code says and logs is worth nothing.

        Raises:
            NodeAway: the node does not answer.
        """
        return self._pieces() and not self.differences

    def compare_kinds(self, implementations: Mapping[int, str]) -> None:
        """Look only whether what accounts of classes are cloned from is code of ours.

        Raises:
            NodeAway: the node does not answer.
        """
        for number, address in implementations.items():
            kind, what = kind_of(self._code(address)), f"accounts of class {number}"
            self._list(what, address, kind)
            if not kind:
                self._no_kind(what, address)

    def run(
        self,
        ledger: Ledger,
        exchanges: Sequence[str],
        traded: TradingPlaces,
        are_shared: bool = False,
    ) -> None:
        """List what else is believed, and what of it must be ours and is not; of a vault that is
        ours.

        Args:
            exchanges: whose fills are looked at
            traded: where accounts have traded so far
            are_shared: the exchanges are those of many vaults, so that none has to use them all

        Raises:
            NodeAway: the node does not answer.
        """
        trusted = {str(self._view(self._vault, "asset()", "address")).lower(): "asset"}
        named_by_all, anywhere = set[str](), not ledger.permissions.classes
        for number, terms in ledger.permissions.classes.items():
            kind, parts = self._implementation(f"accounts of class {number}", terms.implementation)
            trusted = {address: words for words, address in parts.items()} | trusted
            trusted.setdefault(terms.oracle.lower(), f"oracle of class {number}")
            named = {address for words, address in parts.items() if words.endswith("EXCHANGE")}
            named_by_all |= named
            anywhere |= kind in ANY_EXCHANGE
        self._accounts(ledger)
        self.exchanges = uses_of(exchanges, named_by_all, traded, anywhere)
        for exchange in exchanges if not are_shared else ():
            if self.exchanges[exchange.lower()] == UNUSED:
                self._differs(f"exchange {exchange}", "trades of the vault's accounts", "none")
        trusted |= {each.lower(): "exchange" for each in exchanges if each.lower() not in trusted}
        self._trusted(trusted)

    def _pieces(self) -> bool:
        places = {}
        for piece in PIECES:
            place = self._vault
            if piece.view:
                place = str(self._view(self._vault, f"{piece.view}()", "address")).lower()
            places[piece.name] = place
            if not self._same(f"code of {piece.what}", place, piece.name):
                return False
        read = {
            name: str(self._view(self._vault, f"{name}()", type_))
            for name, type_ in (
                ("name", "string"), ("symbol", "string"), ("owner", "address"),
                ("guardian", "address"), ("reporter", "address"), ("asset", "address"),
            )
        }  # fmt: skip
        parts = VaultParts(
            read["name"], read["symbol"], (read["owner"], read["guardian"], read["reporter"]),
            read["asset"], places["VaultDesk"], places["VaultExits"], places["VaultGovernance"],
        )  # fmt: skip
        for piece in PIECES:
            arguments = [parts.arguments(piece.name)]
            self._constructed(f"code of {piece.what}", places[piece.name], piece.name, arguments)
        return True

    def _implementation(self, what: str, address: str) -> tuple[str, dict[str, str]]:
        """Return which of our accounts code is, and the contracts that it trusts."""
        there = self._code(address)
        kind = kind_of(there)
        self._list(what, address, kind)
        if not kind:
            self._no_kind(what, address)
            return "", {}
        abi = [each for each in artifact(kind).abi if each["type"] == "function"]
        views = {
            each["name"]: self._view(address, f"{each['name']}()", each["outputs"][0]["type"])
            for each in abi
            if each["name"].isupper() and not each["inputs"]
        }
        inputs = [each.upper() for each in constructor_inputs(kind)]
        if all(each in views or each == "EXCHANGE_VERSION" for each in inputs):
            tries = [
                [version if each == "EXCHANGE_VERSION" else views[each] for each in inputs]
                for version in (VERSIONS if "EXCHANGE_VERSION" in inputs else VERSIONS[:1])
            ]
            self._constructed(f"code of {what}", address, kind, tries)
        zero = "0x" + "00" * 20
        found = {
            f"{what}: {name}": str(value).lower()
            for name, value in views.items()
            if isinstance(value, str) and len(value) == len(zero) and value != zero
        }
        return kind, found

    def _accounts(self, ledger: Ledger) -> None:
        """Every account there was is a clone of what its class names, for this vault."""
        self._load(ledger.accounts, self._node.ask_all)
        for account, known in ledger.accounts.items():
            terms = ledger.permissions.classes.get(known.class_id)
            if terms is None:
                continue  # a difference already
            head, tail = CLONE
            wanted = head + bytes.fromhex(terms.implementation[2:]) + tail
            wanted += bytes.fromhex(self._vault[2:])
            if self._code(account)[: len(wanted)] != wanted:
                clone = f"a clone of {terms.implementation} for this vault"
                self._differs(f"code of account {account}", clone, self._hash(account))

    def _trusted(self, trusted: Mapping[str, str]) -> None:
        self._load(trusted, self._node.ask_shared)
        for address, what in trusted.items():
            there = self._code(address)
            known = "" if there else "a key"
            if there:
                names = (*OURS, *STAND_INS)
                known = next((each for each in names if not runtime_difference(each, there)), "")
                known = known or self._tokens(address, there)
            self._list(what, address, known)

    def _tokens(self, address: str, there: bytes) -> str:
        """Return "ConditionalTokens" where code is what its published creation code makes."""
        try:
            made = self._run(address, gnosis(TOKENS, "ConditionalTokens").creation)
        except (ArtifactMissing, CallReverted):
            return ""
        return "ConditionalTokens" if made == there else ""

    def _same(self, what: str, address: str, name: str) -> bool:
        how = runtime_difference(name, self._code(address))
        self._list(what.removeprefix("code of "), address, "" if how else name)
        if how:
            self._differs(f"{what} at {address}", f"{name} as compiled", how)
        return not how

    def _constructed(
        self, what: str, address: str, name: str, tries: Iterable[Sequence[object]]
    ) -> None:
        """Note a difference unless one of these arguments makes the whole code."""
        words = ""
        for arguments in tries:
            try:
                made = self._run(address, artifact(name).initcode(*arguments))
            except CallReverted as error:
                words = words or f"its constructor reverts: {error}"
                continue
            how = immutables_difference(name, made, self._code(address))
            if not how:
                return
            words = how
        self._differs(f"{what} at {address}: immutables", f"{name} as constructed", words)

    # the node

    def _ask(self, address: str, method: str, *parameters: object) -> Any:
        """Return an answer about a contract; of what is not this vault's own one is enough for all
        vaults of a factory."""
        if address == self._vault:
            return self._node.ask(method, *parameters)
        return self._node.ask_shared([(method, list(parameters))])[0]

    def _run(self, address: str, creation: bytes) -> bytes:
        """Return what creation code makes at an address.

        Raises:
            NodeAway: the node does not answer, or takes no other code for a call.
            CallReverted: the code reverts.
        """
        self._can_run()
        call = {"to": address, "data": "0x"}
        override = {address: {"code": "0x" + creation.hex(), "state": {}}}
        return to_bytes(self._ask(address, "eth_call", call, hex(self._block), override))

    def _can_run(self) -> None:
        """Run code whose result is known: a node that takes no third parameter, or leaves it out,
        says nothing of constructors."""
        call, why = {"to": PROBE, "data": "0x"}, ""
        override = {PROBE: {"code": PROBE_CODE}}
        asked = [("eth_call", [call, hex(self._block), override])]
        try:
            (answer,) = self._node.ask_shared(asked)
        except CallReverted as error:
            answer, why = "", str(error)
        except NodeRefuses as error:
            answer, why = "", str(error)
        if answer != PROBE_RESULT:
            raise NodeAway(
                "the node does not run other code in eth_call (state overrides), so that nobody "
                f"can say what constructors make{why and ': ' + why}: name another node"
            )

    def _view(self, address: str, signature: str, type_: str) -> Any:
        call = {"to": address, "data": selector_of(signature)}
        answer = to_bytes(self._ask(address, "eth_call", call, hex(self._block)))
        try:
            return abi_values([type_], answer)[0]
        except NotAbi as error:
            raise OddAnswer(
                f"{signature} of {address}: 0x{answer.hex()[:40]} is none: name another node"
            ) from error

    def _load(self, addresses: Iterable[str], ask: AsksAll) -> None:
        asked = [each for each in addresses if each not in self._codes]
        answers = ask([("eth_getCode", [each, hex(self._block)]) for each in asked])
        self._codes |= {
            address: to_bytes(answer) for address, answer in zip(asked, answers, strict=True)
        }

    def _code(self, address: str) -> bytes:
        is_own = address == self._vault
        self._load([address], self._node.ask_all if is_own else self._node.ask_shared)
        return self._codes[address]

    def _hash(self, address: str) -> str:
        there = self._code(address)
        return "0x" + keccak(there).hex() if there else "no code"

    def _no_kind(self, what: str, address: str) -> None:
        self._differs(f"code of {what}", f"one of {', '.join(KINDS)}", self._hash(address))

    def _list(self, what: str, address: str, known: str) -> None:
        self.listed.append(AuditedCode(what, address, self._hash(address), known))

    def _differs(self, what: str, expected: str, found: str) -> None:
        self.differences.append(Difference(self._block, "", what, expected, found))


def foreign_accounts(node: Node, vault: str, blocks: tuple[int, int]) -> CodeAudit | None:
    """Return the code of a vault's accounts where some is not ours: whatever such accounts log and
    answer, and however unreadable it is, that is the difference. None: all is, or nobody knows.

    Args:
        blocks: first and last
    """
    found, readers = CodeAudit(node, vault, blocks[1]), vault_readers()
    topics = [topic for topic, each in readers.items() if each.record is ClassAdded]
    try:
        for _, logs in node.logs([vault], *blocks, [topics]):
            added = [each for each in read_logs(logs, readers) if isinstance(each, ClassAdded)]
            found.compare_kinds({each.class_id: each.implementation for each in added})
    except StrongroomError:
        return None  # what was wrong before is wrong still
    return found if found.differences else None
