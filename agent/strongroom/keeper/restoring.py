"""A keeper whose journal came from a backup, or that was killed: what it learns again at its start,
and what it waits for.

Reports that the journal lacks, or whose note was not made any more, have revealed decisions. Their
documents say which: so none is revealed a second time, and those that a backup does not have come
back with their records.
"""

from dataclasses import dataclass
from pathlib import Path

from strongroom.chain.calls import LogReads
from strongroom.chain.ids import DecisionId, canonical, keccak, read_json, to_hex
from strongroom.chain.notices import moment
from strongroom.execution.interfaces import Listener
from strongroom.journal import Journal
from strongroom.journal.backup import NEW, RESTORED, WHY, JournalOwner
from strongroom.keeper.configuration import Config
from strongroom.strategy.record import BadRecord, DecisionRecord, decode

REORG_BLOCKS = 64  # before the newest one that the backup knows


def owner_of(config: Config) -> JournalOwner:
    """Return whose journal a keeper's file names."""
    reporter = config.reporter.safe if config.reporter else ""
    return JournalOwner(config.chain.chain_id, config.vault, config.safe.address, reporter)


@dataclass
class RestoreWait:
    """Holds decisions back until no order that the backup lacks can be filled any more: each has
    the time that the vault gives an order's signature, from the restored keeper's first tick on."""

    journal: Journal
    _over: bool = False

    def why(self, now: int, lifetime_s: int) -> str:
        """Return why nothing is decided yet; empty: nothing is waited for.

        Args:
            now: timestamp of the chain
            lifetime_s: of an order's signature, at most
        """
        if self._over:
            return ""
        kept = self.journal.fact(RESTORED)
        if kept == NEW:
            kept = str(now + lifetime_s)
            self.journal.keep(RESTORED, kept)
        if not kept or now > int(kept):
            if kept:
                self.journal.keep(RESTORED, "")
            self._over = True
            return ""
        return (
            "the journal came from a backup: orders signed since may still be filled, until "
            f"{moment(int(kept))}"
        )


def relearn(
    journal: Journal, chain: LogReads, vault: str, folder: Path, on_event: Listener
) -> None:
    """Learn from the evidence of all reports since the journal's newest block what they have
    revealed or stated. A document that is not in the folder is told.

    Args:
        folder: of evidence documents

    Raises:
        ChainAway: see the class; nothing was learnt.
    """
    blocks = [max(each.block, each.mined) for each in journal.transactions.all()]
    blocks += [each.block for each in journal.all()]
    if not any(blocks):
        return  # it has sent nothing yet
    since = max(0, max(blocks) - REORG_BLOCKS)  # a report is a transaction: it has a block
    for log in chain.logs(vault, "Vault", "Reported", since):
        evidence = str(log.args["evidence"])
        found = _said(folder / f"{evidence}.json", evidence)
        if found is None:
            on_event("evidence_lacking", {"evidence": evidence, "block": log.block})
            continue
        shown, stated = found
        for record in shown:
            _keep(journal, record)
        journal.reveal([each.id for each in shown], stated)


def _keep(journal: Journal, record: DecisionRecord) -> None:
    """Keep a decision that the backup does not have, as one that is over."""
    if journal.task(record.id) is None:
        journal.decide(record.id, record, task_at=record.time)
        journal.close_task(record.id, WHY)


def _said(path: Path, digest: str) -> tuple[list[DecisionRecord], list[DecisionId]] | None:
    """Return the decisions that a document reveals, and those that it states to be withheld; None:
    it is not there, or not what its hash says."""
    try:
        document = path.read_bytes()
        found = read_json(document)
        if to_hex(keccak(document)) != digest or not isinstance(found, dict):
            return None
        records, withheld = found.get("decisions"), found.get("withheld")
        if not isinstance(records, list) or not isinstance(withheld, dict):
            return None
        shown = [decode(canonical(each).decode()) for each in records if isinstance(each, dict)]
        return shown, [DecisionId(each) for each in withheld]
    except (OSError, ValueError, BadRecord):
        return None
