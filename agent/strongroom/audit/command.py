"""An audit as a command runs it: one record of options in, one typed result out.

What is heavy (the ABI decoder, HTTP, tables) is imported where it is used, so that a command line
which only prints its help does not wait for it.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from strongroom.addresses import typed_address
from strongroom.audit.deciding_bounds import DecidingBounds, Spending
from strongroom.chain.ids import Json, JsonObject
from strongroom.errors import BadInput, Defect, StrongroomError

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

    from strongroom.audit.auditor import Audit, Scope
    from strongroom.audit.checkpoint import Progress
    from strongroom.audit.contracts import Identity
    from strongroom.audit.deciding import DecisionsAgain, StartsDecider
    from strongroom.audit.gates import GateStatement, ModelAgain
    from strongroom.audit.income import IncomeKind
    from strongroom.audit.node import Node
    from strongroom.audit.payouts import PayoutStatement
    from strongroom.audit.permissions import Difference
    from strongroom.audit.replay import Replayed, WhatIf, WhatIfCap
    from strongroom.audit.verdict import Verdict
    from strongroom.chain.places import DocumentPlace

    Step = Callable[["AuditResult", Audit, "AuditOptions", tuple[Node, Scope]], "AuditResult"]

RPC = "http://127.0.0.1:8545"
VAULT = "{vault}"  # stands for its address in a place of documents
MOST = 2**128 - 1  # a class or a cap
_CAP = re.compile(r"([0-9]{1,39}):([0-9]{1,39}(?:\.[0-9]{1,39})?)", re.ASCII)
AT_ONCE, A_SECOND = 1_000_000, 100  # blocks of a chain: that may be of one time, and of each second
ACTING = ("reporter", "guardian")  # on a fork: of a what-if, and of one with another cap


@dataclass(frozen=True)
class CapChange:
    """Another market cap of a class, in units of the asset."""

    class_id: int
    market_cap: Decimal

    def base_units(self, decimals: int) -> int:
        """Return the cap as the vault has it.

        Args:
            decimals: of the asset

        Raises:
            BadInput: the cap has more, or no vault has so large a one.
        """
        cap, units = self.market_cap.as_integer_ratio()
        found, rest = divmod(cap * int(10**decimals), units)
        if rest or found > MOST:
            raise BadInput(
                f"--what-if-cap: {self.market_cap} is no amount of an asset with {decimals} "
                "decimals: name another one"
            )
        return found


def parse_cap(text: str) -> CapChange:
    """Return the cap that a command line names as CLASS:UNITS.

    Raises:
        BadInput: it does not read so.
    """
    read = _CAP.fullmatch(text)
    if read is None or int(read[1]) > MOST:
        raise BadInput(f"{text!r}: give a class and a cap in units, e.g. 0:250.00")
    return CapChange(int(read[1]), Decimal(read[2]))


def parse_payers(texts: Iterable[str]) -> dict[str, IncomeKind]:
    """Return address -> what it pays, as a command line names them: KIND=ADDRESS each.

    Raises:
        BadInput: one does not read so, or an address is given two kinds.
    """
    found: dict[str, IncomeKind] = {}
    for text in texts:
        address, kind = _parse_payer(text)
        if found.setdefault(address, kind) != kind:
            raise BadInput(
                f"{text!r}: {address} is said to pay {found[address].value}, too: give it one kind"
            )
    return found


def _parse_payer(text: str) -> tuple[str, IncomeKind]:
    from strongroom.audit.income import IncomeKind

    kind, _, address = text.partition("=")
    kinds = [each.value for each in IncomeKind]
    if kind not in kinds or not address:
        raise BadInput(f"{text!r}: give one of {', '.join(kinds)} and an address: reward=0x...")
    typed_address(address)
    return address.lower(), IncomeKind(kind)


def unseen(done: int, of: int) -> None:
    """Show no progress."""


@dataclass(frozen=True)
class AuditOptions:
    """What is audited, and what is done besides.

    Attributes:
        vault: its address
        rpc: URL of any archive node; blocks are executed again on forks of this one
        further_rpcs: nodes that must answer the same
        from_block: by default the block in which the vault was deployed; a later one is refused
        to_block: by default the newest
        evidence: folders, CAR files and URLs with the evidence documents, with the vault's address
            in place of "{vault}"; empty: they are not looked at
        exchanges: whose fills are joined to decisions
        are_shared: the exchanges are those of many vaults: none has to trade at each
        checkpoint: file to go on from, and to keep the progress in
        out: folder for verdict.json, reports.jsonl, fills.jsonl and income.jsonl
        signer: signs the verdict
        replay: how many of the last reports are executed again on a fork; -1: all
        replay_blocks: blocks that are executed again as well
        what_if_bps: execute a report again with its marks moved by so much
        what_if_cap: execute a block again under another cap
        at_block: of the two; by default the last report, the last allocation
        progress: is called with the blocks done, and all of them
        payers: address -> what it pays accounts, beside trades
        decide: starts what makes revealed decisions again; None: that is not done
        decide_bounds: what that may take
        views: further places of published views and settings, as those of the evidence
        ahead: a second process reads while this one books, where the machine has one to spare
        splitter: of the vault's fees, whose payouts are computed anew; "": none
        gates: of classes, whose allocations by proof are held against their rule
        models: of gates, which make proven forecasts again
    """

    vault: str
    rpc: str = RPC
    from_block: int | None = None
    to_block: int | None = None
    evidence: tuple[str, ...] = ()
    exchanges: tuple[str, ...] = ()
    checkpoint: Path | None = None
    out: Path | None = None
    signer: LocalAccount | None = None
    replay: int = 0
    replay_blocks: tuple[int, ...] = ()
    what_if_bps: int | None = None
    what_if_cap: CapChange | None = None
    at_block: int | None = None
    progress: Callable[[int, int], None] = unseen
    payers: Mapping[str, IncomeKind] = field(default_factory=dict)
    further_rpcs: tuple[str, ...] = ()
    decide: StartsDecider | None = None
    decide_bounds: DecidingBounds = field(default_factory=DecidingBounds)
    views: tuple[str, ...] = ()
    ahead: bool = False
    are_shared: bool = False
    splitter: str = ""
    gates: tuple[str, ...] = ()
    models: tuple[ModelAgain, ...] = ()

    @property
    def executes(self) -> bool:
        """Whether blocks are executed again."""
        is_what_if = self.what_if_bps is not None or self.what_if_cap is not None
        return bool(self.replay or self.replay_blocks) or is_what_if

    @property
    def deciding(self) -> str:
        """What is made again, and within which bounds, in words; "": nothing."""
        return "" if self.decide is None else f"decide {self.decide_bounds.words}".strip()


@dataclass(frozen=True)
class AuditResult:
    """The result of an audit; what differs in blocks that were executed again is in the verdict.

    Attributes:
        is_anew: something differed after a checkpoint: all was audited again without it
    """

    verdict: Verdict
    identity: Identity
    seconds: float = 0.0
    replayed: tuple[Replayed, ...] = ()
    what_if: WhatIf | None = None
    what_if_cap: WhatIfCap | None = None
    attestation: dict[str, str] | None = None
    payouts: PayoutStatement | None = None
    gates: tuple[GateStatement, ...] = ()
    is_anew: bool = False

    @property
    def is_clean(self) -> bool:
        """Whether nothing differs, and nothing is unknown that must be known."""
        return self.verdict.is_clean

    @property
    def exit_code(self) -> int:
        """0: no difference; 1: differs; 2: cannot say."""
        return self.verdict.exit_code

    def document(self) -> JsonObject:
        """Return the verdict as JSON takes it (docs/schemas/audit-2.json)."""
        found: dict[str, Json] = dict(self.verdict.document())
        if self.replayed:
            found["replayed"] = [asdict(each) for each in self.replayed]
        if self.what_if is not None:
            found["what_if"] = asdict(self.what_if)
        if self.what_if_cap is not None:
            found["what_if_cap"] = asdict(self.what_if_cap)
        if self.payouts is not None:
            found["payouts"] = asdict(self.payouts)
        if self.gates:
            found["proof_gates"] = [asdict(each) for each in self.gates]
        if self.attestation is not None:
            found["attestation"] = self.attestation
        return found


def run_audit(options: AuditOptions, node: Node | None = None) -> AuditResult:
    """Audit a vault; write verdict, reports and fills where a folder is named.

    Args:
        node: what the URLs name, if it is there already

    Raises:
        Away: the node does not answer, or there is no anvil for what is executed again.
        BadInput: there is no vault at the address, or blocks, evidence or a checkpoint do not fit;
            or nothing that may stand beside this vault is where it is said to be.
    """
    from strongroom.audit.beside import check_named
    from strongroom.audit.nodes import nodes_of

    _check(options)
    if options.out is not None:  # what an earlier run has found is no verdict of this one
        (options.out / "verdict.json").unlink(missing_ok=True)
    urls = [options.rpc, *options.further_rpcs]
    started, node = time.monotonic(), node or nodes_of(urls)
    scope, identity = scope_of(options, node)
    check_named(
        node, options.vault.lower(), options.splitter, options.gates, options.models,
        scope.to_block,
    )  # fmt: skip
    if options.what_if_cap is not None:  # what does not fit is refused now
        options.what_if_cap.base_units(identity.decimals)
    if options.executes:
        from strongroom.chain.anvil import find_anvil

        find_anvil()
    audit, is_anew = _audited(options, node, scope)
    result = AuditResult(audit.verdict, identity, is_anew=is_anew)
    if audit.ledger.events and options.executes:
        what = "what comes of blocks that are executed again"
        result = _or_unknown(result, what, _executed_again, audit, options, (node, scope))
    if audit.ledger.events and (options.splitter or options.gates):
        what = "what stands beside the vault"
        result = _or_unknown(result, what, _with_beside, audit, options, (node, scope))
    if options.signer is not None:
        from strongroom.audit.verdict import attest

        result = replace(result, attestation=attest(result.document(), options.signer))
    if options.out is not None:
        text = json.dumps(result.document(), indent=1)
        (options.out / "verdict.json").write_text(text + "\n")
    return replace(result, seconds=time.monotonic() - started)


def _audited(options: AuditOptions, node: Node, scope: Scope) -> tuple[Audit, bool]:
    """Audit once, or twice: where something differs after a checkpoint, that is removed, and all is
    audited from the vault's birth, its lines too. The verdict rests on nothing that was believed.

    Returns:
        The audit, and whether it was begun anew.
    """
    from strongroom.audit.checkpoint import DoubtfulCheckpoint

    try:
        return _audited_once(options, node, scope), False
    except DoubtfulCheckpoint as doubt:
        found = doubt.found
    if scope.checkpoint is not None:
        scope.checkpoint.unlink(missing_ok=True)
    audit = _audited_once(options, node, scope)
    if not audit.verdict.differences and audit.verdict.has_unseen:  # what differed may be among it
        told = f"whether this, which differed after a checkpoint, is so: {found}"
        audit = replace(audit, verdict=audit.verdict.with_unknown(told))
    return audit, True


def _audited_once(options: AuditOptions, node: Node, scope: Scope) -> Audit:
    from strongroom.audit.auditor import Auditor
    from strongroom.audit.lines import AuditLines
    from strongroom.audit.nodes import nodes_of

    urls = [options.rpc, *options.further_rpcs]
    kept = _kept(scope, node)
    with (
        _decisions_again(options) as decisions,
        AuditLines(options.out, kept) as recorder,
    ):
        auditor = Auditor(
            scope, node, recorder.on_report, recorder.on_event, recorder.on_income,
            nodes_of(urls) if options.ahead and _may_fork() else None, decisions,
        )  # fmt: skip
        return auditor.run(options.progress)


def _kept(scope: Scope, node: Node) -> Progress | None:
    """Return what the audit goes on from; None: it begins anew.

    Raises:
        CheckpointError: there is a checkpoint that it cannot go on from.
    """
    from strongroom.audit import checkpoint
    from strongroom.audit.held_block import held_hash

    path = scope.checkpoint
    if path is None or not path.exists():
        return None
    hash_of = partial(held_hash, node)
    found = checkpoint.read_checkpoint(
        path, scope.vault.lower(), scope.to_block, hash_of, scope.asked
    )
    return checkpoint.forget_differing(path, found)


def _or_unknown(
    result: AuditResult, what: str, step: Step, audit: Audit, options: AuditOptions,
    of_chain: tuple[Node, Scope],
) -> AuditResult:  # fmt: skip
    """Return a result with what a step adds to it. Where the step fails, the verdict says so, and
    has all that was found before.

    Args:
        what: that nobody can say then
    """
    try:
        return step(result, audit, options, of_chain)
    except Exception as error:
        is_known = isinstance(error, StrongroomError) and not isinstance(error, Defect)
        if not is_known and not result.verdict.differences:
            raise
        told = error if is_known else f"the audit itself failed ({error!r:.200})"
        return replace(result, verdict=result.verdict.with_unknown(f"{what}: {told}"))


def _with_beside(
    result: AuditResult, audit: Audit, options: AuditOptions, of_chain: tuple[Node, Scope]
) -> AuditResult:
    """Audit what is named beside the vault; what differs joins the verdict."""
    from strongroom.audit.beside import audit_beside
    from strongroom.audit.held_block import check_held

    node, scope = of_chain
    found = audit_beside(
        node, audit.ledger, (scope.from_block, scope.to_block), options.splitter, options.gates,
        options.models,
    )  # fmt: skip
    check_held(node, scope.to_block, scope.held_hash)
    verdict = replace(result.verdict, code=(*result.verdict.code, *found.code))
    verdict = verdict.with_differences(found.differences)
    return replace(result, verdict=verdict, payouts=found.payouts, gates=found.gates)


def _may_fork() -> bool:
    """Whether a second process is a gain, and forking is safe."""
    return sys.platform == "linux" and (os.cpu_count() or 1) > 1


@contextmanager
def _decisions_again(options: AuditOptions) -> Iterator[DecisionsAgain | None]:
    """Start what makes decisions again, where that is asked for; end it.

    Raises:
        BadInput: a place is none.
    """
    from strongroom.audit.availability import EvidencePlaces
    from strongroom.audit.deciding import DecisionsAgain

    if options.decide is None:
        yield None
        return
    places = EvidencePlaces(_places((*options.views, *options.evidence), options.vault))
    with options.decide(options.decide_bounds.memory) as decide:
        yield DecisionsAgain(places.look, decide, Spending(options.decide_bounds))


def _places(named: Sequence[str], vault: str) -> list[DocumentPlace]:
    """Return places of a vault's documents.

    Raises:
        BadInput: one is none.
    """
    from strongroom.chain.places import place_of

    return [place_of(each.replace(VAULT, vault.lower())) for each in named]


def scope_of(options: AuditOptions, node: Node) -> tuple[Scope, Identity]:
    """Return what is audited, once it is known to be there, and what it calls itself.

    Raises:
        BadInput: there is no vault at the address, or blocks or the evidence's folder do not fit.
        Away: the node does not answer.
    """
    from strongroom.audit.auditor import Scope
    from strongroom.audit.contracts import Views
    from strongroom.audit.held_block import held_hash
    from strongroom.chain.jsonrpc import shown_url

    _check(options)
    places = _places(options.evidence, options.vault)
    head = node.head() if options.to_block is not None else node.newest()
    last = options.to_block if options.to_block is not None else head
    held = held_hash(node, last) if last <= head else ""
    born = node.first_block(options.vault)
    if not born <= last <= head:
        raise BadInput(
            f"--to-block {last}: the vault is of block {born}, the newest is {head}: "
            "name one between them"
        )
    _check_pace(node, born, last)
    first = options.from_block if options.from_block is not None else born
    if first > born:  # with a checkpoint, too: reports in front of it reveal decisions
        raise BadInput(
            f"--from-block {first}: the vault is of block {born} and its ledger begins there: "
            "leave the option out; a checkpoint knows by itself where it goes on"
        )
    blocks = (*options.replay_blocks, *(() if options.at_block is None else (options.at_block,)))
    for block in blocks:
        if not born < block <= last:
            raise BadInput(f"block {block}: name one from {born + 1} to {last}, as the vault is")
    for exchange in options.exchanges:
        if node.ask("eth_getCode", exchange, hex(last)) == "0x":
            raise BadInput(f"--exchange {exchange}: there is no contract: name an exchange")
    identity = Views(node).identity(options.vault, last)
    scope = Scope(
        options.rpc, options.vault, first, last, options.exchanges, places, options.checkpoint,
        options.payers, options.deciding, held, options.are_shared,
        tuple(map(shown_url, (options.rpc, *options.further_rpcs))),
    )  # fmt: skip
    return scope, identity


def _check_pace(node: Node, born: int, last: int) -> None:
    """Refuse a last block that no chain has come to since the vault was made: looking for logs up
    to it would take years. Times are the node's own, so one that lies about them, too, is believed.

    Raises:
        NodeAway: it is so.
    """
    from strongroom.audit.node import NodeAway
    from strongroom.chain.jsonrpc import shown_url

    if last - born <= AT_ONCE:
        return
    times = node.times([born, last])
    passed = times[last] - times[born]
    if last - born - AT_ONCE > A_SECOND * max(passed, 0):
        raise NodeAway(
            f"{shown_url(node.url)}: block {last} is {last - born:,} blocks and {passed:,} seconds "
            "after the vault's first: no chain is so fast: name another node, or --to-block"
        )


def _check(options: AuditOptions) -> None:
    """Refuse what cannot be audited, without asking the node."""
    for option, address in (
        ("vault", options.vault),
        *(("exchange", e) for e in options.exchanges),
        *((("splitter", options.splitter),) if options.splitter else ()),
        *(("proof-gate", e) for e in options.gates),
    ):
        try:
            typed_address(address)
        except BadInput as error:
            raise BadInput(f"--{option} {error}") from error
    if options.vault.lower() in {each.lower() for each in options.exchanges}:
        raise BadInput("--exchange is the vault itself: name the exchange that it trades at")
    what_if = options.what_if_bps is not None or options.what_if_cap is not None
    if options.at_block is not None and not what_if:
        raise BadInput("--at-block is of a what-if: add --what-if or --what-if-cap")
    if options.decide is not None and not options.evidence:
        raise BadInput("--decide needs the decisions' records: add --evidence")
    if options.models and not options.gates:
        raise BadInput("--proof-model is of a gate: name that by --proof-gate")
    if options.views and options.decide is None:
        raise BadInput("--views is of --decide: add that")
    if options.decide is None and options.decide_bounds != DecidingBounds():
        raise BadInput("--decide-bound is of --decide: add that")


def _executed_again(
    result: AuditResult, audit: Audit, options: AuditOptions, of_chain: tuple[Node, Scope]
) -> AuditResult:
    """Execute again on a fork what is asked for; what differs joins the verdict. The fork is of the
    first node alone; its blocks, and what it is held against, all nodes say alike. Which blocks
    these are the logs say: an audit that goes on has not booked all reports itself."""
    from strongroom.audit.chosen_events import blocks_with
    from strongroom.audit.events import Allocated, Dealt
    from strongroom.audit.held_block import check_held, held_hash
    from strongroom.audit.permissions import ZERO
    from strongroom.audit.replay import forks

    (node, scope), vault = of_chain, result.verdict.vault
    bps, cap = options.what_if_bps, options.what_if_cap
    span = scope.from_block, scope.to_block
    reports, budgets = (blocks_with(node, vault, kind, span) for kind in (Dealt, Allocated))
    again = reports[-options.replay :] if options.replay > 0 else reports
    blocks = [*(again if options.replay else ()), *options.replay_blocks]
    report_at = options.at_block or (reports[-1] if reports else 0)
    budget_at = options.at_block or (budgets[-1] if budgets else 0)
    if bps is not None and not report_at:
        raise BadInput("--what-if: the vault has no report yet: audit again after its first")
    if cap is not None and not budget_at:
        raise BadInput("--what-if-cap: the vault has allocated nothing yet: leave it out")
    reporter, guardian = (audit.ledger.permissions.roles.get(e, ZERO) for e in ACTING)
    for option, is_asked, who in (
        ("--what-if", bps is not None, reporter),
        ("--what-if-cap", cap is not None, guardian),
    ):
        if is_asked and who == ZERO:
            raise BadInput(f"{option}: the vault's logs name nobody who may do it: leave it out")
    with forks(options.rpc, node, partial(held_hash, node)) as fork:
        replayed = tuple(fork.replay(block, vault) for block in blocks)
        result = replace(
            result,
            verdict=result.verdict.with_differences(_differences(replayed)),
            replayed=replayed,
            what_if=None if bps is None else fork.what_if(report_at, vault, reporter, bps),
            what_if_cap=None
            if cap is None
            else fork.what_if_cap(
                budget_at, vault, guardian, cap.class_id, cap.base_units(audit.ledger.decimals)
            ),
        )
    check_held(node, scope.to_block, scope.held_hash)
    return result


def _differences(replayed: tuple[Replayed, ...]) -> list[Difference]:
    from strongroom.audit.permissions import Difference

    return [
        Difference(each.block, "", "replay", "the same", words)
        for each in replayed
        for words in each.differences
    ]
