"""The page as a command writes it: options in, a typed result out. Heavy imports wait for use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from strongroom.audit.command import RPC, AuditOptions
from strongroom.errors import Away
from strongroom.foreign_text import plain

if TYPE_CHECKING:
    from strongroom.app.live import LiveVault
    from strongroom.audit.income import IncomeKind
    from strongroom.audit.verdict import Verdict

FOLDER = Path("build") / "page"


class AuditAway(Away):
    """The node does not answer what an audit asks; nothing was written."""


@dataclass(frozen=True)
class PageOptions:
    """Which vault's page is written, and where.

    Attributes:
        vault: its address
        rpc: URL of any archive node
        evidence: folders, CAR files and URLs with the evidence documents, which are copied beside
            the page
        exchanges: whose fills are joined to decisions
        out: folder of the page
        progress: is called with the blocks done, and all of them
        payers: address -> what it pays accounts, beside trades
        further_rpcs: nodes that must answer the audit the same
    """

    vault: str
    rpc: str = RPC
    evidence: tuple[str, ...] = ()
    exchanges: tuple[str, ...] = ()
    out: Path = FOLDER
    progress: Callable[[int, int], None] = lambda done, of: None
    payers: Mapping[str, IncomeKind] = field(default_factory=dict)
    further_rpcs: tuple[str, ...] = ()


@dataclass(frozen=True)
class PageResult:
    """The page's file, and the verdict that stands on it.

    Attributes:
        verdict: None: there was no audit
        missing: why there was none
    """

    page: Path
    verdict: Verdict | None
    missing: str = ""

    @property
    def exit_code(self) -> int:
        """0: no difference, or no audit; 1: differs; 2: cannot say."""
        return 0 if self.verdict is None else self.verdict.exit_code


def run_page(options: PageOptions) -> PageResult:
    """Audit a vault and write what came of it as a static site.

    Raises:
        Away: the node does not answer.
        BadInput: there is no vault at the address, no place of evidence, or the asset has other
            decimals than amounts are shown with.
    """
    return _write(options, None)


def run_app(
    options: PageOptions,
    browser_rpc: str = "",
    audited: bool = True,
    accounts: Mapping[str, str] | None = None,
    keeps: bool = False,
) -> PageResult:
    """Write the app of a vault as a static site. Without an archive node there is no audit, and the
    app says what it cannot know.

    Args:
        browser_rpc: URL of the node that the browser asks; empty: it asks through the wallet
        audited: audit the vault first
        accounts: address -> name, of a test chain whose node signs for them
        keeps: what is there is kept where the audit that was asked for cannot be made

    Raises:
        Away: the node does not answer; AuditAway: not what the audit asks, and `keeps`.
        BadInput: there is no vault at the address, no place of evidence, or no script here.
    """
    from strongroom.app.live import live_vault, script
    from strongroom.app.page import write_bare_app

    script()
    live = live_vault(options.rpc, options.vault, browser_rpc)
    live = replace(live, accounts=accounts or {})
    why = "It was made without one."
    if audited:
        try:
            return _write(options, live)
        except Away as error:
            if keeps:
                raise AuditAway(
                    f"the vault cannot be audited now ({error}): nothing was written; name an "
                    "archive node, or --no-audit for a page without an audit"
                ) from error
            why = f"{error}."
    return PageResult(write_bare_app(live, why, options.out), None, why)


def _write(options: PageOptions, live: LiveVault | None) -> PageResult:
    from strongroom.app.gathering import VaultHistory
    from strongroom.app.history import page_data
    from strongroom.app.page import write_page
    from strongroom.audit.auditor import Auditor
    from strongroom.audit.command import scope_of
    from strongroom.audit.nodes import nodes_of
    from strongroom.depositor.vault import check_decimals

    node, history = nodes_of([options.rpc, *options.further_rpcs]), VaultHistory()
    asked = AuditOptions(
        options.vault,
        options.rpc,
        evidence=options.evidence,
        exchanges=options.exchanges,
        payers=options.payers,
    )
    scope, identity = scope_of(asked, node)
    auditor = Auditor(
        scope, node, history.on_report, history.on_event, history.on_income, on_paid=history.on_paid
    )
    audit = auditor.run(options.progress)
    check_decimals(audit.ledger.decimals)
    data = page_data(history, audit, identity, auditor.name)
    find = auditor.document if options.evidence else None
    if live is not None:
        live = replace(live, names=data.names)
    return PageResult(write_page(data, options.out, find, live), audit.verdict)


def show(result: PageResult, now: float) -> None:
    """Print a result in one line.

    Args:
        now: this machine's time, seconds since 1970
    """
    from strongroom.audit.wording import age_words

    if result.verdict is None:
        print(f"{result.page}: no audit: {result.missing}")
    else:
        it = result.verdict
        age = age_words(it.to_time, now)
        print(plain(f"{result.page}: {it.words}, blocks to {it.to_block}, {age}"))
