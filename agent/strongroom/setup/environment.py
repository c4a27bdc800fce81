"""The checks of `strongroom doctor`: what is installed, what can be reached, what others can read.

Each check says what was found and, where something is missing, the one line that brings it.
"""

import platform
import socket
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from strongroom.errors import StrongroomError
from strongroom.extras import how_to_install

EXTRAS = {  # extra -> the distribution that shows it is there, and what it is for
    "ape": ("eth-ape", "`ape run ...` and the contracts' tests"),
    "postgres": ("psycopg", "a journal in PostgreSQL"),
    "ray": ("ray", "sweeps and audits on a cluster"),
    "silverback": ("silverback", "a keeper as a silverback bot"),
}
PORTS = {8545: "chain", 8080: "CLOB service", 9100: "metrics"}
PYTHONS = ((3, 11), (3, 13))
PROBE = "strongroom venue probe --help, then doctor again with --probe"


class CheckState(StrEnum):
    """The result of a check. Some commands need what is missing; what is wrong was named and
    does not work; a note is for the reader to weigh."""

    OK = "ok"
    NOTE = "note"
    MISSING = "missing"
    WRONG = "wrong"


@dataclass(frozen=True)
class Check:
    """One check; `cure` is a line to type, or what to do."""

    what: str
    state: CheckState
    found: str
    cure: str = ""


@dataclass(frozen=True)
class DoctorOptions:
    """What is checked besides this machine.

    Attributes:
        rpc: URL of a node; None: none
        config: a keeper's file; None: none
        vault: address of a vault on that node, whose owner's announcements are shown
        probe: report of a venue probe, for the custody of the keeper's classes; None: none
    """

    rpc: str | None = None
    config: Path | None = None
    vault: str | None = None
    probe: Path | None = None


def examine(options: DoctorOptions) -> list[Check]:
    """Return what was found."""
    checks = [_python(), _contracts(), *_devnet_parts(), *_extras(), *_ports()]
    if options.rpc is not None:
        checks.append(_node(options.rpc))
        if options.vault is not None:
            checks += _announced(options.rpc, options.vault)
    if options.config is not None:
        checks += _files(options.config)
        checks += _custody(options.config, options.probe)
        checks += _sessions(options.config)
        checks.append(_ticks(options.config))
    return checks


def _python() -> Check:
    found, (least, most) = platform.python_version(), PYTHONS
    here = tuple(int(part) for part in found.split(".")[:2])
    if least <= here <= most:
        return Check("Python", CheckState.OK, found)
    known = " to ".join(".".join(map(str, each)) for each in PYTHONS)
    return Check("Python", CheckState.WRONG, found, f"use Python {known}")


def _contracts() -> Check:
    from strongroom.chain.artifacts import artifact

    try:
        compiler = artifact("Vault").compiler or {}
    except StrongroomError as error:
        return Check("compiled contracts", CheckState.MISSING, "not in this package", str(error))
    return Check("compiled contracts", CheckState.OK, f"Vyper {compiler.get('version', '?')}")


def _devnet_parts() -> Iterator[Check]:
    from strongroom.chain.anvil import AnvilMissing, find_anvil
    from strongroom.chain.artifacts import BRINGS, INSTALL, MAKERS, TOKENS, ArtifactMissing, gnosis

    try:
        yield Check("anvil", CheckState.OK, find_anvil())
    except AnvilMissing:
        yield Check(
            "anvil", CheckState.MISSING, "demo, devnet, practice, rehearsals, replays", INSTALL
        )
    for package, name, use in (
        (TOKENS, "ConditionalTokens", "demo, devnet, practice"),
        (MAKERS, "FPMMDeterministicFactory", "the devnet's pool"),
    ):
        try:
            gnosis(package, name)
            yield Check(name, CheckState.OK, package)
        except ArtifactMissing:
            yield Check(name, CheckState.MISSING, use, BRINGS[package])


def _extras() -> Iterator[Check]:
    for extra, (distribution, purpose) in EXTRAS.items():
        try:
            yield Check(f"[{extra}]", CheckState.OK, f"{distribution} {version(distribution)}")
        except PackageNotFoundError:
            yield Check(f"[{extra}]", CheckState.MISSING, purpose, how_to_install(extra))


def _ports() -> Iterator[Check]:
    for port, use in PORTS.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                yield Check(f"port {port}", CheckState.OK, f"free ({use})")
            except OSError:
                cure = "end that program, or name another port"
                yield Check(f"port {port}", CheckState.MISSING, f"in use ({use})", cure)


def _node(url: str) -> Check:
    from strongroom.chain.contracts import Contracts
    from strongroom.chain.jsonrpc import shown_url

    try:
        chain = Contracts(url, timeout_s=5)
        found = f"chain {chain.chain_id}, block {chain.height()}"
    except StrongroomError as error:
        return Check("node", CheckState.WRONG, shown_url(url), str(error))
    return Check("node", CheckState.OK, found)


def _announced(url: str, vault: str) -> Iterator[Check]:
    """Say what a vault's owner has announced, a call each."""
    from strongroom.chain.contracts import Contracts
    from strongroom.depositor.vault import DepositorVault
    from strongroom.depositor.words import say

    try:
        chain = Contracts(url, timeout_s=5)
        now = chain.now()
        found = DepositorVault(chain, vault).announced(now)
    except StrongroomError as error:
        yield Check("vault", CheckState.WRONG, vault, str(error))
        return
    if found is None:
        yield Check("announced", CheckState.MISSING, vault, say("no_notices"))
    elif not found:
        yield Check("announced", CheckState.OK, f"nothing, by the owner of {vault}")
    for each in found or ():
        yield Check("announced", CheckState.NOTE, each.sentence(now))


def _files(path: Path) -> Iterator[Check]:
    """Check a keeper's file and who can read its secrets."""
    from strongroom.keeper.configuration import load

    try:
        config = load(path)
    except StrongroomError as error:
        yield Check(str(path), CheckState.WRONG, "cannot be used", str(error))
        return
    yield Check(str(path), CheckState.OK, f"vault {config.vault}, mode {config.operations.mode}")
    secrets = [config.keys.owner, config.keys.executor, *config.keys.further_owners]
    secrets += [each.key for each in config.venue.wallets]
    if config.venue.relayer is not None:
        secrets.append(config.venue.relayer.key_file)
    if config.venue.safes is not None:
        secrets.append(config.venue.safes.secret)
    if config.cosigner is not None:
        secrets.append(config.cosigner.secret_file)
    for each in secrets:
        if not each.exists():
            yield Check(
                str(each), CheckState.WRONG, "does not exist", "write it, or correct its name"
            )
        elif each.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            yield Check(str(each), CheckState.WRONG, "others can read it", f"chmod 600 {each}")
        else:
            yield Check(str(each), CheckState.OK, "only its owner can read it")
    yield _node(config.chain.rpc_url)
    yield from _announced(config.chain.rpc_url, config.vault)


def _custody(path: Path, probe: Path | None) -> Iterator[Check]:
    """Say of each class of a keeper's file whether its custody works at the venue, and why."""
    from strongroom.chain.rpc import Chain
    from strongroom.execution.account_kinds import classes_of, kind_of
    from strongroom.keeper.configuration import load
    from strongroom.keeper.custody import GRADES, custody_of
    from strongroom.probe.report import ProbeAnswer, read_report

    try:
        config = load(path)
        report = None if probe is None else read_report(probe)
        venue = config.venue.clob_url.rstrip("/"), config.chain.chain_id
        if report is not None and venue != (report.clob_url.rstrip("/"), report.chain_id):
            where = f"{report.clob_url} on chain {report.chain_id}"
            yield Check(str(probe), CheckState.WRONG, f"is of {where}", "probe this file's venue")
            report = None
        chain = Chain(config.chain.rpc_url, 5)
        terms = classes_of(chain, config.vault, config.classes)
        kinds = {number: kind_of(chain, each.implementation) for number, each in terms.items()}
    except StrongroomError as error:
        yield Check("custody", CheckState.WRONG, "cannot be told", str(error))
        return
    states = {ProbeAnswer.YES: CheckState.OK, ProbeAnswer.NO: CheckState.WRONG}
    words = {
        ProbeAnswer.YES: "works",
        ProbeAnswer.NO: "does not work",
        ProbeAnswer.UNKNOWN: "may not work",
    }
    for number, kind in kinds.items():
        found = custody_of(kind, report)
        text = f"{kind} ({GRADES[kind]}) {words[found.works]}: {found.why}"
        cure = PROBE if found.works is ProbeAnswer.UNKNOWN else ""
        state = states.get(found.works, CheckState.NOTE)
        yield Check(f"custody, class {number}", state, text, cure)


def _sessions(path: Path) -> Iterator[Check]:
    """Say of each wallet of a keeper's file until when the key here acts for it."""
    from strongroom.chain.notices import moment
    from strongroom.chain.rpc import Chain
    from strongroom.keeper.configuration import load
    from strongroom.keeper.sessions import RENEW, configured_sessions

    try:
        config = load(path)
        chain = Chain(config.chain.rpc_url, 5)
        found = configured_sessions(config, chain) if config.venue.wallets else []
        now = chain.now() if found else 0
    except StrongroomError as error:
        yield Check("session keys", CheckState.WRONG, "cannot be told", str(error))
        return
    for each in found:
        what = f"key of wallet {each.wallet}"
        if each.until is None:
            yield Check(what, CheckState.OK, f"{each.key} is its owner's")
        elif not (why := each.warning(now)):
            yield Check(what, CheckState.OK, f"session key {each.key} until {moment(each.until)}")
        else:
            state = CheckState.NOTE if each.until > now else CheckState.WRONG
            yield Check(what, state, f"session key {each.key} {why.split(': ')[0]}", RENEW)


def _ticks(path: Path) -> Check:
    """Say what the keeper of a file last said of defects in its ticks."""
    from strongroom.chain.notices import moment
    from strongroom.keeper.configuration import load
    from strongroom.keeper.halts import TICKS
    from strongroom.keeper.health import kept_health
    from strongroom.keeper.status import open_journal

    try:
        found = kept_health(open_journal(load(path)))
    except StrongroomError as error:
        return Check("ticks", CheckState.MISSING, "cannot be told", str(error))
    if found is None:
        return Check("ticks", CheckState.NOTE, "no keeper of this journal has said how they are")
    wrong = "; ".join(each.wrong for each in found.sources if each.name == TICKS)
    if wrong:
        cure = "report it, with the event `defect` of the keeper's log"
        return Check("ticks", CheckState.WRONG, f"{wrong}, at {moment(found.at)}", cure)
    return Check("ticks", CheckState.OK, f"no defect at {moment(found.at)}")
