"""Audits of every vault of a factory, each in a process or a Ray task of its own.

A vault's folder keeps its checkpoint, its verdict and its lines. A run that was broken off goes on:
a vault that is done at the same block is not asked again, another one goes on at its checkpoint.
What fails, or dies, costs its own vault only.
"""

from __future__ import annotations

import gc
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from strongroom.audit.abi_data import NotAbi, abi_values
from strongroom.audit.checkpoint import VERSION
from strongroom.audit.code import NOT_YET, UNUSED, USED
from strongroom.audit.command import VAULT, AuditOptions, run_audit, unseen
from strongroom.audit.contracts import OddAnswer
from strongroom.audit.held_block import check_held, held_hash
from strongroom.audit.node import Node, NodeAway
from strongroom.audit.nodes import nodes_of
from strongroom.audit.release import release
from strongroom.audit.verdict import SCHEMA as VERDICT
from strongroom.audit.verdict import DecidedAgain
from strongroom.audit.wording import age_words, selector_of
from strongroom.chain.code import runtime_difference
from strongroom.chain.failures import CallReverted, NoVault
from strongroom.chain.ids import Json, JsonObject, canonical, keccak, to_bytes
from strongroom.chain.places import place_of
from strongroom.errors import BadInput, Defect, Differs, StrongroomError
from strongroom.foreign_text import plain
from strongroom.workers import EngineName, WorkerDied, each_result

SCHEMA = "strongroom-factory-audit/1"
CLEAN, DIFFERS, FAILED, DEFECT = 0, 1, 2, 3  # exit codes
WORDS = ("no difference", "differs", "cannot say", "audit failed")  # of each
MOST_VAULTS = 100_000  # of a factory: as many folders
SHOWN = 20  # vaults with their first difference


@dataclass(frozen=True)
class FactoryOptions:
    """What is audited of a factory.

    Attributes:
        factory: its address
        folder: keeps a folder for each vault
        each: options of each vault's audit; its vault, checkpoint and folder are set here
        jobs: audits at once, on this machine; None: one a CPU
        ray: address of a Ray cluster, "local" for one on this machine; None: processes
        progress: is called with the vaults done, and all of them
    """

    factory: str
    folder: Path
    each: AuditOptions
    jobs: int | None = None
    ray: str | None = None
    progress: Callable[[int, int], None] = unseen


@dataclass(frozen=True)
class VaultLine:
    """What the audit of one vault came to.

    Attributes:
        words: the first difference, or why there is no verdict
        decided: what came of decisions that were made again; None: that was not asked for
        exchanges: that were named, with the use that this vault makes of them
        anew_from: the first block that was looked at anew, where a checkpoint was gone on from; 0:
            all were
    """

    vault: str
    exit_code: int
    words: str
    differences: int = 0
    events: int = 0
    reports: int = 0
    fills: int = 0
    seconds: float = 0.0
    decided: DecidedAgain | None = None
    exchanges: Mapping[str, str] = field(default_factory=dict)
    anew_from: int = 0

    def document(self) -> JsonObject:
        """Return it as JSON takes it."""
        found = asdict(self)
        if self.decided is None:
            del found["decided"]
        if not self.exchanges:
            del found["exchanges"]
        if not self.anew_from:
            del found["anew_from"]
        return found


@dataclass(frozen=True)
class FactoryResult:
    """What the audits came to, in the order in which the vaults were made.

    Attributes:
        to_time: timestamp of the last block
        code: how the factory's code is not this release's; "": it is
        exchanges: that were named and that no vault uses, with "not used", or "not used yet" where
            none can be judged by
    """

    factory: str
    to_block: int
    to_time: int
    code: str
    vaults: tuple[VaultLine, ...]
    seconds: float = 0.0
    exchanges: Mapping[str, str] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """What is wrong on chain before all else: no vault without a verdict hides another's."""
        is_wrong = self.code or UNUSED in self.exchanges.values()
        codes = {DIFFERS if is_wrong else CLEAN, *(each.exit_code for each in self.vaults)}
        return next(code for code in (DIFFERS, DEFECT, FAILED, CLEAN) if code in codes)

    def document(self) -> JsonObject:
        """Return it as JSON takes it (docs/schemas/audit-factory-1.json)."""
        found = {"schema": SCHEMA, **asdict(self), "exit_code": self.exit_code}
        found["vaults"] = [each.document() for each in self.vaults]
        if not self.exchanges:
            del found["exchanges"]
        return found


@dataclass(frozen=True)
class _Done:
    """The file of a vault that is done: at which block, by options of which hash."""

    block_hash: str
    asked: str
    line: VaultLine


_DONE = TypeAdapter(_Done)


def audit_factory(options: FactoryOptions) -> FactoryResult:
    """Audit every vault that a factory has made, up to one block.

    Raises:
        Away: the node does not answer about the factory.
        BadInput: there is no factory at the address, Ray is not there, or an option does not fit.
    """
    started = time.monotonic()
    _check(options)
    node = nodes_of([options.each.rpc, *options.each.further_rpcs])
    named = options.each.to_block
    head = node.newest() if named is None else node.head()
    last = head if named is None else named
    if last > head:
        raise BadInput(f"--to-block {last}: the newest is {head}: name that or an earlier one")
    digest = held_hash(node, last)
    vaults, code = _vaults_of(node, options.factory, last)
    asked = _hash_of(options.each)
    found: dict[str, VaultLine] = {}
    for vault in vaults:
        line = _done(options.folder / vault, digest, asked)
        if line is not None:
            found[vault] = line
    options.progress(len(found), len(vaults))
    engine: EngineName = "processes" if options.ray is None else "ray"
    address = None if options.ray == "local" else options.ray
    tasks = [_task(options, vault, last) for vault in vaults if vault not in found]
    for task, result in each_result(audit_one, tasks, engine, options.jobs, address):
        if isinstance(result, WorkerDied):
            why = f"its process died ({result.why}): audit again, perhaps with fewer --jobs"
            result = VaultLine(task.vault, FAILED, why)
        if _is_settled(result):
            result = _kept(options.folder / task.vault, _Done(digest, asked, result))
        found[task.vault] = result
        options.progress(len(found), len(vaults))
    check_held(node, last, digest)
    lines, now = tuple(found[vault] for vault in vaults), node.times([last])[last]
    return FactoryResult(
        options.factory, last, now, code, lines, time.monotonic() - started,
        unused_by_all(options.each.exchanges, lines),
    )  # fmt: skip


def unused_by_all(exchanges: Sequence[str], lines: Sequence[VaultLine]) -> dict[str, str]:
    """Return the exchanges that no vault uses, with "not used", or "not used yet" where no vault's
    trades say that it is the wrong one, or one was not audited."""
    of_all, unknown = [each.exchanges for each in lines], [NOT_YET]
    uses = {
        address: [each.get(address, "") for each in of_all] or unknown
        for address in map(str.lower, exchanges)
    }
    return {
        address: UNUSED if UNUSED in told and "" not in told else NOT_YET
        for address, told in uses.items()
        if USED not in told
    }


def audit_one(options: AuditOptions) -> VaultLine:
    """Audit a vault; whatever happens is its line's. Of many in one process none leaves anything:
    what refers to itself is old by then, and Python by itself would look for it too seldom."""
    try:
        return _line_of(options)
    finally:
        gc.collect()


def _line_of(options: AuditOptions) -> VaultLine:
    started = time.monotonic()
    try:
        verdict = run_audit(options, _node((options.rpc, *options.further_rpcs))).verdict
    except Exception as error:
        is_known = isinstance(error, StrongroomError | OSError) and not isinstance(error, Defect)
        code = DIFFERS if isinstance(error, Differs) else FAILED if is_known else DEFECT
        words = str(error) if isinstance(error, StrongroomError) else repr(error)
        return VaultLine(options.vault, code, words, seconds=time.monotonic() - started)
    first = next(iter(verdict.differences), None)
    words = verdict.words
    if first is not None:
        words = f"block {first.block}: {first.what}: expected {first.expected}, found {first.found}"
    checked = verdict.checked
    return VaultLine(
        options.vault, verdict.exit_code, words, len(verdict.differences),
        checked.events, checked.reports, checked.fills, time.monotonic() - started,
        verdict.decided, verdict.exchanges, verdict.went_on.block if verdict.went_on else 0,
    )  # fmt: skip


@lru_cache(maxsize=1)
def _node(urls: tuple[str, ...]) -> Node:
    """Return what this process asks about every vault: its connections, and what vaults have in
    common, are kept."""
    return nodes_of(urls)


def _check(options: FactoryOptions) -> None:
    """Refuse what is of one vault, and a place that is none."""
    each = options.each
    of_one = {
        "--from-block": each.from_block is not None,
        "--checkpoint": each.checkpoint is not None,
        "--attest": each.signer is not None,
        "--replay": bool(each.replay),
        "--replay-block": bool(each.replay_blocks),
        "--what-if": each.what_if_bps is not None,
        "--what-if-cap": each.what_if_cap is not None,
        "--at-block": each.at_block is not None,
        "--splitter": bool(each.splitter),
        "--proof-gate": bool(each.gates),
        "--proof-model": bool(each.models),
    }
    for option, is_named in of_one.items():
        if is_named:
            raise BadInput(f"{option} is of one vault: name it with --vault")
    for place in (*each.evidence, *each.views):
        if VAULT not in place:
            place_of(place)
    if options.jobs is not None and options.jobs < 1:
        raise BadInput(f"--jobs {options.jobs}: give 1 or more")


def _task(options: FactoryOptions, vault: str, last: int) -> AuditOptions:
    folder = options.folder / vault
    return replace(
        options.each,
        vault=vault,
        to_block=last,
        checkpoint=folder / "checkpoint.json",
        out=folder,
        are_shared=True,
        progress=unseen,
    )


def _vaults_of(node: Node, factory: str, block: int) -> tuple[Sequence[str], str]:
    """Return a factory's vaults, oldest first, and how its code is not this release's: then it is
    not asked for any, for it may list them without end.

    Raises:
        NoVault: there is no factory at the address.
        NodeAway: the node does not answer, or lists what no factory does.
    """
    code = to_bytes(node.ask("eth_getCode", factory, hex(block)))
    if not code:
        raise NoVault(f"there is no contract at {factory}: name the factory's address")
    try:
        count = _view(node, factory, "vault_count()", "", "uint256", block)
    except (CallReverted, OddAnswer) as error:
        raise NoVault(f"{factory} is no factory of vaults ({error}): name its address") from error
    difference = runtime_difference("VaultFactory", code)
    if difference:
        return [], difference
    if count > MOST_VAULTS:
        raise NodeAway(
            f"{factory} counts {count} vaults, at most {MOST_VAULTS:,} are audited in a run: "
            "name another node, or each vault with --vault"
        )
    found = dict[str, None]()
    while len(found) < count:
        start = f"{len(found):064x}"
        page = _view(node, factory, "vaultsFrom(uint256)", start, "address[]", block)
        more = [each.lower() for each in page if each.lower() not in found]
        if not more:
            raise NodeAway(
                f"{factory} counts {count} vaults and lists {len(found)}: name another node"
            )
        found |= dict.fromkeys(more)
    return list(found)[:count], ""


def _view(node: Node, factory: str, signature: str, arguments: str, type_: str, block: int) -> Any:
    call = {"to": factory, "data": selector_of(signature) + arguments}
    answer = node.ask("eth_call", call, hex(block))
    try:
        return abi_values([type_], to_bytes(answer))[0]
    except NotAbi as error:
        raise OddAnswer(f"{signature}: {answer!r:.40} is no answer: name another node") from error


# what is done


def _hash_of(each: AuditOptions) -> str:
    """Return the hash of what verdicts rest on: options, which may have keys in URLs, and the
    release that audits: what another one found is no verdict of this one."""
    payers: Json = {address.lower(): kind for address, kind in each.payers.items()}
    rests_on: list[Json] = [
        [each.rpc, *each.further_rpcs], [*each.exchanges], [*each.evidence], payers,
        [*each.views], each.deciding, release(), VERDICT, VERSION, SCHEMA,
    ]  # fmt: skip
    return keccak(canonical(rests_on)).hex()


def _done(folder: Path, digest: str, asked: str) -> VaultLine | None:
    """Return the line of a vault that was audited so to this very block."""
    try:
        known = _DONE.validate_json((folder / "done.json").read_bytes())
    except (OSError, ValidationError):
        return None
    if not (folder / "verdict.json").exists():  # a later run with other options was refused
        return None
    line = known.line
    is_its_own = line.vault == folder.name and _is_settled(line)
    return line if is_its_own and (known.block_hash, known.asked) == (digest, asked) else None


def _is_settled(line: VaultLine) -> bool:
    """Whether the same question has the same answer later: a document that is missing now may come
    back, and a view may be published."""
    again = line.decided
    return line.exit_code == CLEAN and (again is None or not (again.withheld or again.unknown))


def _kept(folder: Path, done: _Done) -> VaultLine:
    """Keep what is done; return its line, or that it could not be kept: that is its vault's."""
    draft = folder / f"done.json.{os.getpid()}.draft"  # another run may write here, too
    try:
        folder.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(_DONE.dump_json(done))
        draft.replace(folder / "done.json")
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        words = f"{done.line.words}, and {folder / 'done.json'} cannot be written ({error})"
        return replace(done.line, exit_code=FAILED, words=f"{words}: remove it and audit again")
    return done.line


def show_factory(result: FactoryResult, now: float) -> None:
    """Print a line for each vault, as wide as the terminal.

    Args:
        now: this machine's time, seconds since 1970
    """
    from rich.table import Table

    from strongroom.screen import Screen

    console = Screen()
    console.print(f"factory {result.factory}, {len(result.vaults)} vaults, to {result.to_block}")
    console.print(f"block {result.to_block} is the last, {age_words(result.to_time, now)}")
    table = Table()
    for name in ("vault", "verdict"):
        table.add_column(name, no_wrap=True)
    table.add_column("events", justify="right", no_wrap=True)
    decides = any(each.decided for each in result.vaults)
    if decides:
        table.add_column("decided again the same", justify="right")
    for each in result.vaults:
        again = [f"{it.same} of {it.total}" if (it := each.decided) else ""] if decides else []
        table.add_row(each.vault, WORDS[each.exit_code], f"{each.events:,}", *again)
    console.print(table)
    lines = [each for each in result.vaults if each.exit_code or each.words != WORDS[CLEAN]]
    lines.sort(key=lambda each: each.exit_code == CLEAN)  # what is clean with a remark stands last
    for each in lines[:SHOWN]:
        more = f" (and {each.differences - 1} more)" if each.differences > 1 else ""
        console.print(plain(f"{each.vault}: {each.words}{more}"), soft_wrap=True)
    if len(lines) > SHOWN:
        console.print(f"... and {len(lines) - SHOWN} more; --json has them all")
    gone_on = sum(each.anew_from > 0 for each in result.vaults)
    if gone_on:
        console.print(f"of {gone_on} vaults older blocks are as earlier audits found them")
    if result.code:
        console.print(f"the factory's code is not this release's: {result.code}")
    for address, use in result.exchanges.items():
        console.print(f"exchange {address}: {use} by any vault", soft_wrap=True)
    counts = Counter(each.exit_code for each in result.vaults)
    told = (f"{counts[code]} {words}" for code, words in enumerate(WORDS) if counts[code])
    console.print(f"{', '.join(told) or 'no vault'} ({result.seconds:.1f} s)")
