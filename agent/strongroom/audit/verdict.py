"""The result of an audit, as JSON has it (docs/schemas/audit-2.json), and what an auditor signs of
it: the hash of a verdict, for one vault, chain and block (EIP-712)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING

from strongroom.audit.availability import EvidenceState
from strongroom.audit.code import USED, AuditedCode
from strongroom.audit.ledger import Ledger
from strongroom.audit.losses import LossStatement
from strongroom.audit.permissions import Difference, PermissionChange
from strongroom.chain.ids import JsonObject, canonical, keccak

if TYPE_CHECKING:
    from eth_account.messages import SignableMessage
    from eth_account.signers.local import LocalAccount

SCHEMA = "strongroom-audit/2"
CLEAN, DIFFERS, CANNOT_SAY = "no difference", "differs", "cannot say"
EXIT_CODES = {CLEAN: 0, DIFFERS: 1, CANNOT_SAY: 2}
TYPES = {
    "Attestation": [
        {"name": "vault", "type": "address"},
        {"name": "fromBlock", "type": "uint256"},
        {"name": "toBlock", "type": "uint256"},
        {"name": "clean", "type": "bool"},
        {"name": "verdict", "type": "bytes32"},
    ]
}


@dataclass(frozen=True)
class Checked:
    """How much was held against something."""

    events: int = 0
    calls: int = 0  # transactions that call the vault themselves
    reports: int = 0
    market_values: int = 0
    fills: int = 0
    fills_joined: int = 0
    fills_waiting: int = 0  # a later report may still reveal their decisions in time
    fills_withheld: int = 0  # a report says by when their decisions are revealed
    documents: int = 0


@dataclass(frozen=True)
class DecidedAgain:
    """Decisions that were made again from what is published.

    Attributes:
        withheld: their views or settings are not published
        unnamed: their records name no view
        unknown: nobody here can decide; `why` has the reasons with their numbers
    """

    same: int = 0
    different: int = 0
    withheld: int = 0
    unnamed: int = 0
    unknown: int = 0
    why: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """How many were revealed."""
        return self.same + self.different + self.withheld + self.unnamed + self.unknown

    @property
    def words(self) -> str:
        """How many of all, and what is known of the others."""
        others = {
            "different": self.different,
            "views withheld": self.withheld,
            "without a view in their records": self.unnamed,
            f"unknown ({'; '.join(self.why)})": self.unknown,
        }
        told = [f"{count} {name}" for name, count in others.items() if count]
        return ", ".join([f"decided again the same: {self.same} of {self.total}", *told])


@dataclass(frozen=True)
class VaultTotals:
    """The vault at the last block; amounts as strings of digits, in base units.

    Attributes:
        price_bid: published, assets per base unit of a share times 10**36
        losses: of closed markets, as they count against the total cap
        written_off: what closed accounts stood for, until swept
        inflow_room: assets that deposits may bring in
        keepers: class -> its keeper
        drawdown: whether it stops all budget
    """

    supply: str
    idle: str
    claimable: str
    pending_deposits: str
    nav_bid: str
    nav_ask: str
    price_bid: str
    price_ask: str
    exposure: str
    losses: str
    written_off: str
    inflow_room: str
    high_water_mark: str
    holders: int
    open_markets: int
    closed_markets: int
    unswept_accounts: int
    roles: Mapping[str, str]
    keepers: Mapping[str, str]
    drawdown: bool
    winding_down: bool


@dataclass(frozen=True)
class WentOn:
    """The checkpoint that an audit went on from. What is counted, joined and lost before its block
    is as earlier audits found it.

    Attributes:
        block: the first that was looked at anew
        nodes: that these audits had asked, without what is secret in their URLs
    """

    block: int
    nodes: tuple[str, ...]

    @property
    def words(self) -> str:
        """It, for a reader."""
        nodes = ", ".join(self.nodes) or "unknown nodes"
        return f"goes on from a checkpoint: blocks before {self.block} as asked of {nodes}"


@dataclass(frozen=True)
class Verdict:
    """The result of an audit.

    Attributes:
        block_hash: of the last block
        went_on: None: all was looked at anew
    """

    schema: str
    vault: str
    chain_id: int
    from_block: int
    to_block: int
    to_time: int
    block_hash: str
    verdict: str
    differences: tuple[Difference, ...]
    checked: Checked
    state: VaultTotals
    income: Mapping[str, str]  # beside trades, by kind
    permissions: tuple[PermissionChange, ...]
    code: tuple[AuditedCode, ...]
    losses: LossStatement  # what the rules allow, and somebody may have lost by
    evidence: EvidenceState | None = None  # None: it was not looked at
    decided: DecidedAgain | None = None  # None: nothing was decided again
    exchanges: Mapping[str, str] = field(default_factory=dict)  # that were named, with their use
    unknown: tuple[str, ...] = ()  # what nobody can say now, and what will end that
    went_on: WentOn | None = None

    @property
    def unknown_code(self) -> tuple[AuditedCode, ...]:
        """What the audit believes and this release does not know."""
        return tuple(each for each in self.code if not each.known)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is not known, and what the verdict rests on and nobody has looked at: wherever the
        verdict is told to a person, these are told, too."""
        found = [f"not known: {each}" for each in self.unknown]
        unknown = [f"{each.what} {each.address} ({each.code_hash})" for each in self.unknown_code]
        if unknown:
            found.append(f"this release does not know the code of: {', '.join(unknown)}")
        unused = [f"{address} ({use})" for address, use in self.exchanges.items() if use != USED]
        if unused:
            found.append(f"exchanges without trades of this vault: {', '.join(unused)}")
        waiting, withheld = self.checked.fills_waiting, self.checked.fills_withheld
        if waiting:
            found.append(f"fills whose decisions nobody has seen yet: {waiting}")
        if withheld:
            found.append(f"fills whose decisions are withheld for now: {withheld}")
        if self.decided is not None:
            found.append(self.decided.words)
        if self.evidence is None and self.checked.events:
            found.append("fills and documents were not looked at: name places by --evidence")
        return tuple(found)

    @property
    def words(self) -> str:
        """The verdict with its remarks."""
        return "; ".join([self.verdict, *self.remarks])

    @property
    def is_clean(self) -> bool:
        """Whether nothing differs, and nothing is unknown that must be known."""
        return self.verdict == CLEAN and not self.differences

    @property
    def has_unseen(self) -> bool:
        """Whether documents or views could not be had, or decisions not be made again."""
        decided = self.decided
        return bool(self.unknown) or (
            decided is not None and bool(decided.unknown or decided.withheld)
        )

    @property
    def exit_code(self) -> int:
        """0: no difference; 1: differs; 2: cannot say."""
        return EXIT_CODES[self.verdict]

    def with_differences(self, more: Sequence[Difference]) -> Verdict:
        """Return the verdict with differences that were found later."""
        found = (*self.differences, *more)
        return replace(self, differences=found, verdict=word_of(found, self.unknown))

    def with_unknown(self, more: str) -> Verdict:
        """Return the verdict with something that nobody can say."""
        unknown = (*self.unknown, more)
        return replace(self, unknown=unknown, verdict=word_of(self.differences, unknown))

    def document(self) -> JsonObject:
        """Return the verdict as JSON takes it."""
        found = asdict(self)
        if self.evidence is None:
            del found["evidence"]
        if self.decided is None:
            del found["decided"]
        if not self.exchanges:
            del found["exchanges"]
        if not self.unknown:
            del found["unknown"]
        if self.went_on is None:
            del found["went_on"]
        return found


def word_of(differences: Sequence[Difference], unknown: Sequence[str]) -> str:
    """Return the verdict in a word: what differs stays so, whatever else is unknown."""
    return DIFFERS if differences else CANNOT_SAY if unknown else CLEAN


def state_of(ledger: Ledger) -> VaultTotals:
    """Return a ledger's totals."""
    return VaultTotals(
        supply=str(ledger.supply),
        idle=str(ledger.idle),
        claimable=str(ledger.claimable),
        pending_deposits=str(ledger.pending_deposits),
        nav_bid=str(ledger.nav[0]),
        nav_ask=str(ledger.nav[1]),
        price_bid=str(ledger.prices[0]),
        price_ask=str(ledger.prices[1]),
        exposure=str(ledger.exposure),
        losses=str(ledger.losses_of()),
        written_off=str(ledger.written_off),
        inflow_room=str(ledger.room),
        high_water_mark=str(ledger.high_water_mark),
        holders=len(ledger.holders),
        open_markets=len(ledger.order),
        closed_markets=ledger.closed,
        unswept_accounts=len(ledger.unswept),
        roles=dict(ledger.permissions.roles),
        keepers={str(number): c.keeper for number, c in ledger.permissions.classes.items()},
        drawdown=ledger.is_tripped,
        winding_down=ledger.is_winding_down,
    )


def verdict_hash(document: JsonObject) -> bytes:
    """Return keccak of a verdict's canonical JSON, without its attestation."""
    plain = {name: value for name, value in document.items() if name != "attestation"}
    return keccak(canonical(plain))


def attest(document: JsonObject, auditor: LocalAccount) -> dict[str, str]:
    """Return the auditor's address and signature over a verdict's document."""
    from eth_account import Account

    signed = Account.sign_message(attestation_message(document), auditor.key)
    return {"auditor": auditor.address, "signature": "0x" + signed.signature.hex()}


def attestation_message(document: JsonObject) -> SignableMessage:
    """Return what an auditor signs: EIP-712, by the verdict's vault, blocks and hash."""
    from eth_account.messages import encode_typed_data

    return encode_typed_data(
        domain_data={"name": "Strongroom Audit", "version": "1", "chainId": document["chain_id"]},
        message_types=TYPES,
        message_data={
            "vault": document["vault"],
            "fromBlock": document["from_block"],
            "toBlock": document["to_block"],
            "clean": document["verdict"] == CLEAN,
            "verdict": verdict_hash(document),
        },
    )
