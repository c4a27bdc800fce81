"""The checks of a keeper's file: who can read its keys, what its owner has announced, which custody
works at its venue, when its session keys end, whether its ticks meet a defect."""

import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import httpx

from strongroom.chain.jsonrpc import shown_url
from strongroom.errors import StrongroomError
from strongroom.keeper.configuration import Config, load
from strongroom.setup.checks import TIMEOUT_S, Check, CheckState

PROBE = "strongroom venue probe --help, then doctor again with --probe"


def keeper_checks(path: Path, probe: Path | None) -> Iterator[Check]:
    """Check a keeper's file.

    Args:
        probe: report of a venue probe; None: there is none
    """
    yield from file_checks(path)
    yield from told("chain", lambda: _chain(load(path)))
    yield from custody_checks(path, probe)
    yield from session_checks(path)
    yield tick_check(path)


def told(what: str, checks: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    """Yield checks; one that cannot be made is said to be so."""
    try:
        yield from checks()
    except StrongroomError as error:
        yield Check(what, CheckState.WRONG, "cannot be told", str(error))


def node_check(url: str) -> Check:
    from strongroom.chain.contracts import Contracts

    try:
        chain = Contracts(url, timeout_s=TIMEOUT_S)
        found = f"chain {chain.chain_id}, block {chain.height()}"
    except StrongroomError as error:
        return Check("node", CheckState.WRONG, shown_url(url), str(error))
    return Check("node", CheckState.OK, found)


def announced_checks(url: str, vault: str) -> Iterator[Check]:
    """Say what a vault's owner has announced, a call each."""
    from strongroom.chain.contracts import Contracts
    from strongroom.depositor.vault import DepositorVault
    from strongroom.depositor.words import say

    try:
        chain = Contracts(url, timeout_s=TIMEOUT_S)
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


def file_checks(path: Path) -> Iterator[Check]:
    """Check a keeper's file and who can read its secrets."""
    try:
        config = load(path)
    except StrongroomError as error:
        yield Check(str(path), CheckState.WRONG, "cannot be used", str(error))
        return
    yield Check(str(path), CheckState.OK, f"vault {config.vault}, mode {config.operations.mode}")
    yield from openness_checks(path)
    secrets = [config.keys.owner, config.keys.executor, *config.keys.further_owners]
    secrets += [each.key for each in config.venue.wallets]
    if config.venue.relayer is not None:
        secrets.append(config.venue.relayer.key_file)
    if config.venue.safes is not None:
        secrets.append(config.venue.safes.secret)
    if config.cosigner is not None:
        secrets.append(config.cosigner.secret_file)
    if config.reporter is not None:
        secrets += [config.reporter.owner, *config.reporter.further_owners]
    yield from secret_checks(secrets)


def openness_checks(path: Path) -> Iterator[Check]:
    """Note a file or folder of the keeper's that other users can read: a node's URL may hold a key,
    and journal and log have what is not published yet."""
    if path.exists() and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        mode = 700 if path.is_dir() else 600
        words = "others can read it: a key in a node's URL, or what is not published yet"
        yield Check(str(path), CheckState.NOTE, words, f"chmod {mode} {path}")


def _chain(config: Config) -> Iterator[Check]:
    """Say whether the node answers, and what the vault's owner has announced."""
    yield node_check(config.chain.rpc_url)
    yield from announced_checks(config.chain.rpc_url, config.vault)


def secret_checks(files: Iterable[Path]) -> Iterator[Check]:
    """Check that files are there, and that nobody else can read them."""
    for each in files:
        if not each.exists():
            cure = "put the keystore or secret there, or correct its name in the file"
            yield Check(str(each), CheckState.WRONG, "does not exist", cure)
        elif each.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            yield Check(str(each), CheckState.WRONG, "others can read it", f"chmod 600 {each}")
        else:
            yield Check(str(each), CheckState.OK, "only its owner can read it")


def answering(what: str, url: str) -> Check:
    """Say whether a service is there. It is asked nothing that could cost money, and of its URL the
    part that may hold a key is not shown."""
    shown = shown_url(url)
    try:
        httpx.head(url, timeout=TIMEOUT_S)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        why = type(error).__name__
        return Check(what, CheckState.WRONG, f"{shown}: {why}", "start it, or correct its URL")
    return Check(what, CheckState.OK, f"{shown} answers")


def custody_checks(path: Path, probe: Path | None) -> Iterator[Check]:
    """Say of each class of a keeper's file whether its custody works at the venue, and why."""
    from strongroom.chain.rpc import Chain
    from strongroom.execution.account_kinds import classes_of, kind_of
    from strongroom.keeper.custody import GRADES, custody_of
    from strongroom.probe.report import ProbeAnswer, read_report

    try:
        config = load(path)
        report = None if probe is None else read_report(probe)
        venue = config.venue.clob_url.rstrip("/"), config.chain.chain_id
        if report is not None and venue != (report.clob_url.rstrip("/"), report.chain_id):
            where = f"{shown_url(report.clob_url)} on chain {report.chain_id}"
            yield Check(str(probe), CheckState.WRONG, f"is of {where}", "probe this file's venue")
            report = None
        chain = Chain(config.chain.rpc_url, TIMEOUT_S)
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


def session_checks(path: Path) -> Iterator[Check]:
    """Say of each wallet of a keeper's file until when the key here acts for it."""
    from strongroom.chain.notices import moment
    from strongroom.chain.rpc import Chain
    from strongroom.keeper.sessions import RENEW, configured_sessions

    try:
        config = load(path)
        chain = Chain(config.chain.rpc_url, TIMEOUT_S)
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


def tick_check(path: Path) -> Check:
    """Say what the keeper of a file last said of defects in its ticks."""
    from strongroom.chain.notices import moment
    from strongroom.keeper.halts import TICKS
    from strongroom.keeper.health import kept_health
    from strongroom.keeper.status import NoJournal, open_journal

    try:
        found = kept_health(open_journal(load(path)))
    except NoJournal:
        return Check("ticks", CheckState.NOTE, "no live keeper has run yet")
    except StrongroomError as error:
        return Check("ticks", CheckState.MISSING, "cannot be told", str(error))
    if found is None:
        return Check("ticks", CheckState.NOTE, "no keeper of this journal has said how they are")
    wrong = "; ".join(each.wrong for each in found.sources if each.name == TICKS)
    if wrong:
        cure = "report it, with the event `defect` of the keeper's log"
        return Check("ticks", CheckState.WRONG, f"{wrong}, at {moment(found.at)}", cure)
    return Check("ticks", CheckState.OK, f"no defect at {moment(found.at)}")
