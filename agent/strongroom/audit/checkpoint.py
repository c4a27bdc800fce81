"""What an audit keeps in order to go on later: its ledger, and fills that nothing explains yet."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from pydantic import TypeAdapter, ValidationError

from strongroom.audit.ledger import Ledger
from strongroom.audit.losses import Losses
from strongroom.audit.release import release
from strongroom.chain.ids import DecisionId
from strongroom.errors import BadInput

Version = Literal[17]
(VERSION,) = get_args(Version)


class CheckpointError(BadInput):
    """An audit cannot go on from this checkpoint; the message says what to do."""


class DoubtfulCheckpoint(CheckpointError):
    """What differs after this checkpoint may follow from a false one: audit from the birth.

    Attributes:
        found: the first that differs
    """

    def __init__(self, words: str, found: str) -> None:
        """Take what to say, and what differs."""
        super().__init__(words)
        self.found = found


@dataclass(frozen=True, slots=True)
class AccountFill:
    """A fill of one of the vault's accounts, or of a wallet, as it is held against its decision.

    Attributes:
        account: whose fill it is, or whose wallet's
        market: of the account; "" where it is not known
        token: the outcome token's id, as text
        cash, tokens: that changed hands, micro-units
    """

    block: int
    transaction: str
    time: int
    decision: DecisionId
    account: str
    market: str
    exchange: str
    token: str
    buys: bool
    cash: int
    tokens: int
    fee: int


@dataclass
class Ordered:
    """What a decision's fills add up to.

    Attributes:
        time: of the decision
        taken: side, market, exchange, token and price ("BUY 0x.. 0x.. 1 5") -> what fills have
            taken there, with a fee and without one: cash of purchases, tokens of sales
        bought: market, exchange and token -> tokens
    """

    time: int
    taken: dict[str, tuple[int, int]] = field(default_factory=dict)
    bought: dict[str, int] = field(default_factory=dict)


@dataclass
class OpenDecisions:
    """What came of a report's decisions where some are not known: their views may be published
    later, and another run may have the packs or the time.

    Attributes:
        counts, why: as the progress has them of the others
    """

    block: int
    transaction: str
    evidence: str
    counts: dict[str, int] = field(default_factory=dict)
    why: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReportDocument:
    """A report's evidence document, by its hash."""

    block: int
    transaction: str
    evidence: str


@dataclass
class Progress:
    """How far an audit is; counts are of everything before `next_block`.

    Attributes:
        asked: the options that decide what is looked at
        nodes: that were asked, by these audits together
        away: documents that could not be had: they are asked for again
        maybe_late: joined fills whose decisions came late, unless one of these withholds them
        wallets: that trade for accounts -> the account
        income: kind -> base units of the asset
        incomes: how many payments that is
        filled: decision -> what its fills add up to; those of long ago are forgotten
        decided: what came of decisions that were made again -> how many, of reports of which all
            is known
        undecided: of the other reports
        held: account or wallet -> token -> what its transfers add up to; no zeros
        changed: whose sums have changed since the last report
        traded: exchanges that have filled an order of theirs, or with one
        has_unexplained: whether something of theirs has moved that nothing explains
    """

    ledger: Ledger
    next_block: int
    asked: str = ""
    last_hash: str = ""  # of the block before
    nodes: list[str] = field(default_factory=list)
    fills: int = 0
    joined: int = 0
    calls: int = 0
    values: int = 0
    reports: int = 0
    away: list[ReportDocument] = field(default_factory=list)
    unjoined: list[AccountFill] = field(default_factory=list)
    maybe_late: list[AccountFill] = field(default_factory=list)
    wallets: dict[str, str] = field(default_factory=dict)
    income: dict[str, int] = field(default_factory=dict)
    incomes: int = 0
    held: dict[str, dict[str, int]] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)
    filled: dict[str, Ordered] = field(default_factory=dict)
    decided: dict[str, int] = field(default_factory=dict)
    undecided: list[OpenDecisions] = field(default_factory=list)
    traded: list[str] = field(default_factory=list)
    has_unexplained: bool = False
    losses: Losses = field(default_factory=Losses)


@dataclass(frozen=True)
class _Kept:
    """A checkpoint's file: of another version it does not read."""

    version: Version  # with the release
    release: str  # that has looked at these blocks
    progress: Progress


_KEPT = TypeAdapter(_Kept)
HashOf = Callable[[int], str]  # of a block


def read_checkpoint(
    path: Path, vault: str, to_block: int, hash_of: HashOf, asked: str = ""
) -> Progress:
    """Return the progress that a file keeps.

    Raises:
        CheckpointError: it is of another version, release, vault or chain, begun with other
            options, or already beyond `to_block`.
    """
    try:
        kept = _KEPT.validate_json(path.read_bytes())
    except (ValidationError, OSError) as error:
        raise CheckpointError(f"{path} is no checkpoint of this version: remove it") from error
    found = kept.progress
    if kept.release != release():
        raise CheckpointError(
            f"{path} is of another release ({kept.release[:40]}), which looked at other things: "
            "remove it, or name another file or folder"
        )
    if found.ledger.vault != vault:
        raise CheckpointError(f"{path} is of {found.ledger.vault}: name another file")
    if found.asked != asked:
        raise CheckpointError(
            f"{path} was begun with other --exchange, --evidence, --payer, --decide or "
            "--decide-bound: what they show would be missing: name another file or folder"
        )
    if found.next_block < 1:
        raise CheckpointError(f"{path} goes on with block {found.next_block}: remove it")
    if found.next_block > to_block + 1:
        raise CheckpointError(
            f"{path} is at block {found.next_block - 1}: audit to a later one, or remove it"
        )
    if found.last_hash != hash_of(found.next_block - 1):
        raise CheckpointError(f"{path} is of blocks that were reorganised: remove it")
    return found


def forget_differing(path: Path, kept: Progress) -> Progress | None:
    """Remove a checkpoint that has differences: they are what its nodes and its places of evidence
    said then, and an audit that goes on from it would say them for ever. Return what is left."""
    if not kept.ledger.differences:
        return kept
    path.unlink()
    return None


def write_checkpoint(path: Path, progress: Progress) -> None:
    """Replace a file by a progress, in one step; no other audit writes the same draft."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
    draft.write_bytes(_KEPT.dump_json(_Kept(VERSION, release(), progress)))
    draft.replace(path)
