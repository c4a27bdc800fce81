"""The evidence document of a report: what the marks were made from, hashed on chain."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from strongroom.chain.ids import ConditionId, Json, canonical, keccak, to_hex
from strongroom.information.books import Book
from strongroom.reporting.maker_payments import MakerPayment
from strongroom.reporting.marks import Mark
from strongroom.strategy.record import DecisionRecord, record_json

SCHEMA = "strongroom-evidence/4"


@dataclass(frozen=True)
class Basis:
    """What one condition's marks rest on: its payout, a pool, or the books of YES and NO."""

    condition: ConditionId
    resolved: bool = False
    pool: str | None = None
    reserves: tuple[int, int] = (0, 0)
    books: tuple[Book | None, Book | None] = (None, None)


def evidence_document(
    vault: str,
    timestamp: int,
    marks: Sequence[Mark],
    quotes: Sequence[Basis],
    decisions: Sequence[DecisionRecord],
    source: str,
    code_version: str,
    payments: Sequence[MakerPayment] | None = None,
    withheld: Sequence[DecisionRecord] = (),
) -> bytes:
    """Return the document as canonical JSON (sorted keys, no spaces, UTF-8).

    Args:
        vault: the vault's address
        timestamp: when the quotes were taken, seconds
        marks: as reported
        quotes: what each mark rests on
        decisions: the records of the decisions made since the last report
        source: where the quotes come from
        code_version: of the agent
        payments: that makers got beside trades since the last report; None: nobody has looked
        withheld: records that a later report reveals; their ids and dates stand in the document
    """
    document: dict[str, Json] = {
        "schema": SCHEMA,
        "vault": vault,
        "timestamp": timestamp,
        "source": source,
        "code_version": code_version,
        "marks": [
            {
                "market": mark.market,
                "place": mark.place,
                "condition": mark.condition,
                "bid": str(mark.bid),
                "ask": str(mark.ask),
            }
            for mark in marks
        ],
        "quotes": [basis_json(each) for each in quotes],
        "decisions": [record_json(each) for each in decisions],
        "withheld": {each.id: each.reveal_by for each in withheld},
        "income": None if payments is None else [_payment_json(each) for each in payments],
    }
    return canonical(document)


def _payment_json(payment: MakerPayment) -> Json:
    return {
        "kind": payment.kind.value,
        "account": payment.account,
        "receiver": payment.receiver,
        "payer": payment.payer,
        "amount": str(payment.amount),
        "block": payment.block,
        "transaction": payment.transaction,
    }


def evidence_hash(document: bytes) -> str:
    """Return the hash that goes on chain, 0x...: keccak-256 of the document's bytes."""
    return to_hex(keccak(document))


def basis_json(basis: Basis) -> dict[str, Json]:
    """Return what a mark rests on, as the document has it."""
    found: dict[str, Json] = {"condition": basis.condition}
    if basis.resolved:
        return found | {"resolved": True}
    if basis.pool is not None:
        return found | {"pool": basis.pool, "reserves": [str(each) for each in basis.reserves]}
    return found | {"books": [_book_json(book) for book in basis.books]}


def _book_json(book: Book | None) -> Json:
    if book is None:
        return None
    return {
        "seen_at": book.seen_at,
        "hash": book.hash,
        "bids": [[level.price, level.size] for level in book.bids],
        "asks": [[level.price, level.size] for level in book.asks],
    }


def store_evidence(folder: Path, document: bytes, mode: int | None = None) -> Path:
    """Write the document under its hash, atomically; writing it twice is harmless.

    Args:
        mode: of the file; None: as the umask has it
    """
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{evidence_hash(document)}.json"
    draft = target.with_suffix(".draft")
    draft.write_bytes(document)
    if mode is not None:
        draft.chmod(mode)
    draft.replace(target)
    return target


def delete_evidence(folder: Path, evidence: str) -> None:
    """Delete the document of a report that never left."""
    (folder / f"{evidence}.json").unlink(missing_ok=True)
