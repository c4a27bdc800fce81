"""The page as a command writes it: options in, a typed result out. Heavy imports wait for use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from strongroom.audit.command import RPC, AuditOptions

if TYPE_CHECKING:
    from strongroom.audit.income import IncomeKind
    from strongroom.audit.verdict import Verdict

FOLDER = Path("build") / "page"


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
    """

    vault: str
    rpc: str = RPC
    evidence: tuple[str, ...] = ()
    exchanges: tuple[str, ...] = ()
    out: Path = FOLDER
    progress: Callable[[int, int], None] = lambda done, of: None
    payers: Mapping[str, IncomeKind] = field(default_factory=dict)


@dataclass(frozen=True)
class PageResult:
    """The page's file, and the verdict that stands on it."""

    page: Path
    verdict: Verdict

    @property
    def is_clean(self) -> bool:
        """Whether nothing differs."""
        return self.verdict.is_clean


def run_page(options: PageOptions) -> PageResult:
    """Audit a vault and write what came of it as a static site.

    Raises:
        Away: the node does not answer.
        BadInput: there is no vault at the address, or no place of evidence.
    """
    from strongroom.app.gathering import VaultHistory
    from strongroom.app.history import page_data
    from strongroom.app.page import write_page
    from strongroom.audit.auditor import Auditor
    from strongroom.audit.command import scope_of
    from strongroom.audit.node import Node

    node, history = Node(options.rpc), VaultHistory()
    asked = AuditOptions(
        options.vault,
        options.rpc,
        evidence=options.evidence,
        exchanges=options.exchanges,
        payers=options.payers,
    )
    scope, identity = scope_of(asked, node)
    auditor = Auditor(scope, node, history.on_report, history.on_event, history.on_income)
    audit = auditor.run(options.progress)
    data = page_data(history, audit, identity, auditor.name)
    find = auditor.document if options.evidence else None
    return PageResult(write_page(data, options.out, find), audit.verdict)


def show(result: PageResult) -> None:
    """Print a result in one line."""
    print(f"{result.page}: {result.verdict.verdict}, blocks to {result.verdict.to_block}")
