"""The page as a command writes it: options in, a typed result out. Heavy imports wait for use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from strongroom.audit.command import RPC

if TYPE_CHECKING:
    from strongroom.audit.audit import Verdict

FOLDER = Path("build") / "page"


@dataclass(frozen=True)
class PageOptions:
    """Which vault's page is written, and where.

    Attributes:
        vault: its address
        rpc: URL of any archive node
        evidence: folder of the evidence documents, which are copied beside the page
        exchanges: whose fills are joined to decisions
        out: folder of the page
        progress: is called with the blocks done, and all of them
    """

    vault: str
    rpc: str = RPC
    evidence: Path | None = None
    exchanges: tuple[str, ...] = ()
    out: Path = FOLDER
    progress: Callable[[int, int], None] = lambda done, of: None


@dataclass(frozen=True)
class PageResult:
    """The page's file, and the verdict that stands on it."""

    page: Path
    verdict: Verdict


def run_page(options: PageOptions) -> PageResult:
    """Audit a vault and write what came of it as a static site.

    Raises:
        Away: the node does not answer.
        BadInput: there is no vault at the address.
    """
    from strongroom.app.page import write_page
    from strongroom.audit.audit import Auditor, Where, first_block
    from strongroom.audit.history import History, page_data
    from strongroom.audit.logs import Node

    node, history = Node(options.rpc), History()
    where = Where(
        options.rpc, options.vault, first_block(node, options.vault), node.head(),
        options.exchanges, options.evidence,
    )  # fmt: skip
    auditor = Auditor(where, node, history.reported, history.heard)
    verdict = auditor.run(options.progress)
    page = write_page(page_data(history, verdict, auditor.name), options.out, options.evidence)
    return PageResult(page, verdict)


def show(result: PageResult) -> None:
    """Print a result in one line."""
    words = "no difference" if result.verdict.is_clean else "differs"
    print(f"{result.page}: {words}, blocks to {result.verdict.to_block}")
