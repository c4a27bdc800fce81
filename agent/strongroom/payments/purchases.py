"""A buyer's journal: every payment by its nonce, reserved before it is signed.

A signed payment counts as spent until its time has passed on chain and the chain says that it was
not used: whoever has the signature can settle it until then, whatever a server answered.
"""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from strongroom.payments.budget import Budget, Spent, check
from strongroom.payments.ledger_file import LedgerFile

SCHEMA = """
CREATE TABLE IF NOT EXISTS purchases (
    nonce TEXT PRIMARY KEY, payer TEXT NOT NULL, payee TEXT NOT NULL, route TEXT NOT NULL,
    url TEXT NOT NULL, amount INTEGER NOT NULL, valid_before INTEGER NOT NULL,
    time INTEGER NOT NULL, state TEXT NOT NULL, header TEXT NOT NULL, transaction_ TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS purchases_state ON purchases (state, time);
"""


class PurchaseState(StrEnum):
    """Where a payment is in its life."""

    RESERVED = "reserved"
    SIGNED = "signed"
    PAID = "paid"
    VOID = "void"  # never used, and never will be


@dataclass(frozen=True)
class DataPurchase:
    """One payment; amount in base units, times in seconds.

    Attributes:
        header: the signed payment, as it is sent; empty until it is signed
        transaction: that settled it; empty where it is not known
    """

    nonce: str
    payer: str
    payee: str
    route: str
    url: str
    amount: int
    valid_before: int
    time: int
    state: PurchaseState = PurchaseState.RESERVED
    header: str = ""
    transaction: str = ""

    @property
    def counts(self) -> Spent:
        """As the budget has it."""
        return Spent(self.payee, self.route, self.amount, self.time)


class Purchases:
    """The journal, one SQLite file."""

    def __init__(self, path: Path) -> None:
        """Open it; raises ConfigError."""
        self._file = LedgerFile(path, SCHEMA, "journal")

    def reserve(self, wanted: DataPurchase, budget: Budget) -> None:
        """Keep a payment that is going to be signed.

        Raises:
            OverBudget: it does not fit; nothing was kept.
        """
        with self._file.writing():
            check(budget, [each.counts for each in self.counted()], wanted.counts)
            self._file.change(
                "INSERT INTO purchases VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                wanted.nonce, wanted.payer, wanted.payee, wanted.route, wanted.url, wanted.amount,
                wanted.valid_before, wanted.time, wanted.state, wanted.header, wanted.transaction,
            )  # fmt: skip

    def signed(self, nonce: str, header: str) -> None:
        """Keep a payment's signature, before it leaves this process."""
        self._move(nonce, PurchaseState.SIGNED, "header = ?", header)

    def paid(self, nonce: str, transaction: str) -> None:
        """Keep that a payment was settled."""
        self._move(nonce, PurchaseState.PAID, "transaction_ = ?", transaction)

    def void_expired(self, now: int, is_used: Callable[[str, str], bool]) -> None:
        """Give back what was reserved for payments that nobody can settle any more.

        Args:
            now: the chain's time
            is_used: of a payer and a nonce, by the chain
        """
        for each in self.counted():
            if each.state is PurchaseState.PAID or each.valid_before > now:
                continue
            if is_used(each.payer, each.nonce):
                self.paid(each.nonce, "")
            else:
                self._move(each.nonce, PurchaseState.VOID, "header = ?", "")

    def counted(self) -> list[DataPurchase]:
        """Return what counts as spent, oldest first."""
        return self._of("state != ? ORDER BY time", PurchaseState.VOID)

    def all(self) -> list[DataPurchase]:
        """Return everything, oldest first."""
        return self._of("1 ORDER BY time")

    def unfinished(self, url: str) -> DataPurchase | None:
        """Return the newest payment for a URL that is signed and not known to be settled."""
        found = self._of("state = ? AND url = ? ORDER BY time DESC", PurchaseState.SIGNED, url)
        return found[0] if found else None

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _move(self, nonce: str, state: PurchaseState, column: str, value: str) -> None:
        statement = f"UPDATE purchases SET state = ?, {column} WHERE nonce = ?"
        self._file.change(statement, state, value, nonce)

    def _of(self, condition: str, *values: str) -> list[DataPurchase]:
        return [_made(row) for row in self._file.rows(f"SELECT * FROM purchases WHERE {condition}",
                                                      *values)]  # fmt: skip


def _made(row: sqlite3.Row) -> DataPurchase:
    return DataPurchase(
        row["nonce"], row["payer"], row["payee"], row["route"], row["url"], row["amount"],
        row["valid_before"], row["time"], PurchaseState(row["state"]), row["header"],
        row["transaction_"],
    )  # fmt: skip
