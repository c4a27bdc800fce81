"""The checks of a folder that `strongroom init` wrote: its files and everything that they name."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from strongroom.chain.accounts import told_address
from strongroom.chain.contracts import Contracts
from strongroom.chain.jsonrpc import shown_url
from strongroom.cosigner.client import CosignerClient
from strongroom.cosigner.service import CosignerConfig
from strongroom.cosigner.service import load as load_cosigner
from strongroom.database import paper_url, shown_database
from strongroom.deployment.plan import Plan
from strongroom.deployment.plan import load as load_plan
from strongroom.deployment.plan_file import PLAN
from strongroom.errors import Away, StrongroomError
from strongroom.information.endpoint import Endpoint
from strongroom.information.stream import ChannelAway, try_channel
from strongroom.journal.lock import holder
from strongroom.keeper.configuration import Config, load
from strongroom.keeper.first_files import COSIGNER, KEEPER
from strongroom.keeper.status import NoJournal, open_journal
from strongroom.keeper.vault_facts import safe_at
from strongroom.keeper.wiring import make_packs, refuse_cosigner
from strongroom.settings import ConfigError, read_secret
from strongroom.setup.chain_checks import chain_checks
from strongroom.setup.checks import TIMEOUT_S, Check, CheckState
from strongroom.setup.keeper_checks import (
    announced_checks,
    answering,
    custody_checks,
    file_checks,
    openness_checks,
    secret_checks,
    session_checks,
    tick_check,
    told,
)
from strongroom.setup.source_checks import forecaster_checks, pool_checks, unknown_sources
from strongroom.setup.start_checks import start_checks

LOGS = 6  # the running one and five older ones
MEGABYTE = 1_000_000
SPARE_MB = 1_000  # for the journal, evidence and whatever else is on the disk


def folder_checks(
    folder: Path, probe: Path | None = None, clock: Callable[[], float] = time.time
) -> Iterator[Check]:
    """Check a folder's files and what they name.

    Args:
        probe: report of a venue probe, for the custody of the keeper's classes
        clock: this machine's, seconds
    """
    keeper, cosigner, plan = (folder / name for name in (KEEPER, COSIGNER, PLAN))
    known = _plan(plan)
    yield from known[1]
    if not keeper.exists():
        yield Check(KEEPER, CheckState.WRONG, f"not in {folder}", _first_files(folder))
        return
    yield from openness_checks(folder)
    yield from file_checks(keeper)
    try:
        config = load(keeper)
    except StrongroomError:
        return  # that was said
    yield from start_checks(config)
    if cosigner.exists():
        yield from openness_checks(cosigner)
        yield from told(COSIGNER, lambda: _agreement(config, load_cosigner(cosigner)))
    yield from chain_checks(config, known[0], clock)
    yield from announced_checks(config.chain.rpc_url, config.vault)
    yield from custody_checks(keeper, probe)
    yield from session_checks(keeper)
    yield tick_check(keeper)
    for what, checks in (
        ("co-signer", lambda: _cosigner(config, cosigner)),
        ("venue", lambda: _venue(config)),
        ("packs", lambda: _packs(config)),
        ("forecasters", lambda: forecaster_checks(config)),
        ("pools", lambda: pool_checks(config)),
        ("journal", lambda: _journal(config, keeper)),
        ("evidence", lambda: _evidence(config)),
        ("disk", lambda: _disk(config, folder)),
    ):
        yield from told(what, checks)


def _first_files(folder: Path) -> str:
    """Return what writes a keeper's file: `init` overwrites nothing, so not beside a plan."""
    if not any((folder / name).exists() for name in (PLAN, COSIGNER)):
        return f"strongroom init {folder} --vault ADDRESS"
    return (
        "name its folder; without one: strongroom init OTHER --vault ADDRESS, once it is deployed"
    )


def _plan(path: Path) -> tuple[Plan | None, list[Check]]:
    if not path.exists():
        return None, []
    try:
        found = load_plan(path)
    except StrongroomError as error:
        return None, [Check(PLAN, CheckState.WRONG, "cannot be used", str(error))]
    return found, [Check(PLAN, CheckState.OK, f"plan of {found.vault.name}")]


def _agreement(config: Config, cosigner: CosignerConfig) -> Iterator[Check]:
    """Compare the co-signer's file with the keeper's: what one asks for, the other must admit."""
    yield from secret_checks([cosigner.keystore])
    policy = cosigner.policy
    reporter = config.reporter.safe if config.reporter else policy.reporter
    pairs = {
        "vault": (config.vault, policy.vault),
        "safe": (config.safe.address, policy.safe),
        "reporter": (reporter, policy.reporter),
        "multi_send": (config.safe.multi_send, policy.multi_send),
        "chain_id": (config.chain.chain_id, policy.chain_id),
    }
    differing = [name for name, (mine, theirs) in pairs.items() if mine != theirs]
    for name in differing:
        mine, theirs = pairs[name]
        yield Check(COSIGNER, CheckState.DIFFERS, f"[policy.{name}] {theirs}, the keeper's {mine}",
                    f"correct it in {COSIGNER} or {KEEPER}")  # fmt: skip
    lacking = {
        "classes": set(map(str, config.classes)) - set(map(str, policy.classes)),
        "orders.packs": set(config.packs) - set(policy.orders.packs),
        "orders.exchanges": {each.address for each in config.venue.exchanges}
        - set(policy.orders.exchanges),
    }
    for name, missing in lacking.items():
        if missing:
            words = f"[policy.{name}] lacks {', '.join(sorted(missing))}"
            yield Check(COSIGNER, CheckState.NOTE, words, "add it, or nothing of it is signed")
    if config.execution.order_lifetime_s > policy.orders.max_lifetime_s:
        yield Check(COSIGNER, CheckState.DIFFERS, "[policy.orders.max_lifetime_s] is shorter than "
                    "the keeper's orders live", "shorten [execution.order_lifetime_s]")  # fmt: skip
    if not differing and not any(lacking.values()):
        yield Check(COSIGNER, CheckState.OK, "admits what the keeper asks for")


def _cosigner(config: Config, file: Path) -> Iterator[Check]:
    """Ask the co-signer whether it could sign, and for which Safes its key does."""
    section = config.cosigner
    if section is None:
        yield Check("co-signer", CheckState.NOTE, "none: the keys here sign alone")
        return
    client = CosignerClient(section.url, read_secret(section.secret_file), timeout_s=TIMEOUT_S)
    try:
        client.check()
    except Away as error:
        yield Check("co-signer", CheckState.WRONG, str(error), f"strongroom cosigner {file}")
        return
    yield Check("co-signer", CheckState.OK, f"{client.address} answers at {section.url}")
    chain = Contracts(config.chain.rpc_url, timeout_s=TIMEOUT_S)
    signed = [(config.safe.address, config.keys.owner, 0, "the Safe")]  # always signed with it
    theirs = config.reporter
    if theirs is not None and theirs.safe != config.safe.address:
        keys = 1 + len(theirs.further_owners)
        signed.append((theirs.safe, theirs.owner, keys, "the reporter's Safe"))
    for address, key, here, whose in signed:
        safe = safe_at(chain, address)
        if safe is None or here >= safe.threshold:
            continue  # there is none, which was said; or the keys here are enough
        own = told_address(key) if key.exists() else ""
        try:
            refuse_cosigner(client.address, own, frozenset(safe.owners), whose)
        except ConfigError as error:
            others = ", ".join(each for each in safe.owners if each != own)
            cure = f"give it the keystore of one of {others}"
            yield Check("co-signer", CheckState.DIFFERS, str(error), cure)


def _venue(config: Config) -> Iterator[Check]:
    """Ask the venue's services something that needs no key."""
    for what, url, path, question in (
        ("CLOB", config.venue.clob_url, "/time", {}),
        ("Gamma", config.venue.gamma_url, "/markets", {"limit": 1}),
    ):
        try:
            Endpoint(what, url, Away, TIMEOUT_S).get(path, question)
        except Away as error:
            cure = "start it, or correct its URL in [venue]"
            words = f"{shown_url(url)} does not answer: {error}"
            yield Check("venue", CheckState.WRONG, words, cure)
        else:
            yield Check("venue", CheckState.OK, f"{what} answers at {shown_url(url)}")
    if not config.venue.stream_url:
        yield Check("stream", CheckState.NOTE, "no stream_url: books are read at every tick")
        return
    try:
        answers = try_channel(config.venue.stream_url, TIMEOUT_S)
    except ChannelAway as error:
        yield Check("stream", CheckState.WRONG, str(error), "correct [venue] stream_url")
        return
    how = "answers" if answers else "takes connections, and answers no ping,"
    state = CheckState.OK if answers else CheckState.NOTE
    shown = shown_url(config.venue.stream_url)
    yield Check("stream", state, f"the market channel {how} at {shown}")


def _packs(config: Config) -> Iterator[Check]:
    yield Check("packs", CheckState.OK, ", ".join(each.name for each in make_packs(config.packs)))
    yield from unknown_sources(config)


def _journal(config: Config, file: Path) -> Iterator[Check]:
    """Say whether the journal is there, and of this version."""
    shown = shown_database(config.journal)
    try:
        open_journal(config)
    except NoJournal:
        yield Check("journal", CheckState.NOTE, f"{shown} begins with the first live start")
    except StrongroomError as error:
        yield Check("journal", CheckState.WRONG, shown, str(error))
        return
    else:
        yield Check("journal", CheckState.OK, shown)
    yield from _keepers(config, file)


def _keepers(config: Config, file: Path) -> Iterator[Check]:
    """Say whether a keeper runs, live or on paper: whoever does holds its journal's lock."""
    journals = {"live": config.journal, "paper": paper_url(config.journal)}
    runs = [(mode, who) for mode, url in journals.items() if (who := holder(url))]
    for mode, who in runs:
        yield Check("keeper", CheckState.OK, f"one runs {mode}, {who}")
    if not runs:
        cure = f"strongroom keeper start {file}"
        yield Check("keeper", CheckState.NOTE, "none runs on this journal", cure)


def _evidence(config: Config) -> Iterator[Check]:
    """Check that what reports rest on can be written, and its further places reached."""
    yield _writable("evidence", config.reporting.evidence)
    for number, each in enumerate(config.evidence.places):
        what = f"evidence place {number}"
        if each.folder is not None:
            yield _writable(what, each.folder)
        elif each.car is not None:
            yield _writable(what, each.car.parent)
        else:
            yield answering(what, each.url)
        if each.token_env and not os.environ.get(each.token_env):
            yield Check(what, CheckState.WRONG, f"{each.token_env} is not set",
                        f"export {each.token_env}=... where the keeper runs")  # fmt: skip


def _writable(what: str, folder: Path) -> Check:
    """Say whether a folder can be written to, or made."""
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        return Check(what, CheckState.OK, f"{folder} can be written")
    cure = f"make {there} a folder that this user may write to, or name another"
    return Check(what, CheckState.WRONG, f"{folder} cannot be written", cure)


def _disk(config: Config, folder: Path) -> Iterator[Check]:
    """Say whether what the keeper may write fits."""
    operations = config.operations
    needed = SPARE_MB + LOGS * operations.log_max_mb
    needed += operations.record_max_mb if operations.record is not None else 0
    free = shutil.disk_usage(folder).free // MEGABYTE
    words = f"{free:,} MB free, {needed:,} may be written"
    if free < needed:
        cure = "free some, or lower [operations] record_max_mb and log_max_mb"
        yield Check("disk", CheckState.WRONG, words, cure)
    else:
        yield Check("disk", CheckState.OK, words)
