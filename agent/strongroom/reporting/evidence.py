"""The evidence document of a report: what the marks were made from, hashed on chain."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from strongroom.chain.ids import canonical, keccak
from strongroom.reporting.marks import Mark

SCHEMA = "strongroom-evidence/1"


def evidence_document(
    vault: str,
    timestamp: int,
    marks: Sequence[Mark],
    quotes: Sequence[Mapping[str, Any]],
    decisions: Sequence[Mapping[str, Any]],
    source: str,
    code_version: str,
) -> bytes:
    """Return the document as canonical JSON (sorted keys, no spaces, UTF-8).

    Args:
        vault: the vault's address
        timestamp: when the quotes were taken, seconds
        marks: as reported
        quotes: the quotes behind each mark
        decisions: the records of the decisions made since the last report
        source: where the quotes come from
        code_version: of the agent
    """
    document = {
        "schema": SCHEMA,
        "vault": vault,
        "timestamp": timestamp,
        "source": source,
        "code_version": code_version,
        "marks": [
            {
                "market": "0x" + mark.market.hex(),
                "bid_yes": str(mark.bid_yes),
                "ask_yes": str(mark.ask_yes),
                "bid_no": str(mark.bid_no),
                "ask_no": str(mark.ask_no),
            }
            for mark in marks
        ],
        "quotes": list(quotes),
        "decisions": list(decisions),
    }
    return canonical(document)


def evidence_hash(document: bytes) -> bytes:
    """Return the hash that goes on chain: keccak-256 of the document's bytes."""
    return keccak(document)


def store_evidence(folder: Path, document: bytes) -> Path:
    """Write the document under its hash, atomically; writing it twice is harmless."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"0x{evidence_hash(document).hex()}.json"
    draft = target.with_suffix(".draft")
    draft.write_bytes(document)
    draft.replace(target)
    return target
