"""What was sold: each payment once, by payer and nonce, through to its answer or its refund.

    claimed -> settled -> delivered
       |          `-----> owed -> refunded
       `-> void

A payment is claimed before anything is done for it. Every later step moves it only from the state
that the step is for, so two processes cannot both do it.
"""

import sqlite3
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from strongroom.payments.ledger_file import LedgerFile
from strongroom.payments.token import Authorization, SettledBy

SCHEMA = """
CREATE TABLE IF NOT EXISTS sales (
    payer TEXT NOT NULL, nonce TEXT NOT NULL, payee TEXT NOT NULL, amount INTEGER NOT NULL,
    valid_after INTEGER NOT NULL, valid_before INTEGER NOT NULL, resource TEXT NOT NULL,
    since INTEGER NOT NULL, time INTEGER NOT NULL, state TEXT NOT NULL, why TEXT NOT NULL,
    transaction_ TEXT NOT NULL, answer BLOB, refund TEXT NOT NULL,
    PRIMARY KEY (payer, nonce)
);
CREATE INDEX IF NOT EXISTS sales_state ON sales (state, time);
CREATE TABLE IF NOT EXISTS refund_tries (
    payer TEXT NOT NULL, nonce TEXT NOT NULL, wallet TEXT NOT NULL, until INTEGER NOT NULL,
    PRIMARY KEY (payer, nonce, wallet)
);
"""


class SaleState(StrEnum):
    """Where a payment is in its life."""

    CLAIMED = "claimed"
    SETTLED = "settled"
    DELIVERED = "delivered"
    OWED = "owed"
    REFUNDED = "refunded"
    VOID = "void"


@dataclass(frozen=True)
class Sale:
    """A payment and what became of it.

    Attributes:
        resource: path and query that it was claimed for
        since: block from which on it can have been settled
        time: when it was claimed, timestamp
        why: a refund is owed, or it is void
        transaction: that settled it
        answer: what was delivered, while it is kept
        refund: transaction that paid it back
    """

    paid: Authorization
    resource: str
    since: int
    time: int
    state: SaleState = SaleState.CLAIMED
    why: str = ""
    transaction: str = ""
    answer: bytes | None = None
    refund: str = ""


class SaleBook:
    """The store, one SQLite file."""

    def __init__(self, path: Path) -> None:
        """Open it; raises ConfigError."""
        self._file = LedgerFile(path, SCHEMA, "store")

    def claim(self, sale: Sale) -> bool:
        """Keep a payment for one resource; False: it was claimed before."""
        paid = sale.paid
        return bool(
            self._file.change(
                "INSERT OR IGNORE INTO sales VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', '', NULL, "
                "'')",
                *(paid.payer.lower(), paid.nonce.lower(), paid.payee, paid.amount),
                *(paid.valid_after, paid.valid_before, sale.resource, sale.since, sale.time),
                SaleState.CLAIMED,
            )
        )

    def find(self, paid: Authorization) -> Sale | None:
        """Return a payment's sale; None: it was never claimed."""
        found = self._of("payer = ? AND nonce = ?", paid.payer.lower(), paid.nonce.lower())
        return found[0] if found else None

    def settle(self, sale: Sale, by: SettledBy) -> bool:
        """Keep that the chain has the payment."""
        return self._move(sale, SaleState.CLAIMED, SaleState.SETTLED, transaction_=by.transaction)

    def void(self, sale: Sale, why: str) -> bool:
        """Keep that nobody can settle the payment any more."""
        return self._move(sale, SaleState.CLAIMED, SaleState.VOID, why=why)

    def deliver(self, sale: Sale, answer: bytes) -> bool:
        """Keep the answer, before it is sent."""
        return self._move(sale, SaleState.SETTLED, SaleState.DELIVERED, answer=answer)

    def owe(self, sale: Sale, why: str) -> bool:
        """Keep that a settled payment gets its money back."""
        return self._move(sale, SaleState.SETTLED, SaleState.OWED, why=why)

    def refund(self, sale: Sale, by: SettledBy) -> bool:
        """Keep that it got its money back."""
        return self._move(sale, SaleState.OWED, SaleState.REFUNDED, refund=by.transaction)

    def try_refund(self, sale: Sale, wallet: str, until: int) -> None:
        """Keep that a wallet is going to sign a refund, which can be carried out until a time."""
        self._file.change(
            "INSERT INTO refund_tries VALUES (?, ?, ?, ?) ON CONFLICT (payer, nonce, wallet) "
            "DO UPDATE SET until = MAX(until, excluded.until)",
            *(sale.paid.payer.lower(), sale.paid.nonce.lower(), wallet, until),
        )

    def refund_tries(self, sale: Sale) -> dict[str, int]:
        """Return which wallets may have signed a refund, and until when it can be carried out."""
        found = self._file.rows(
            "SELECT wallet, until FROM refund_tries WHERE payer = ? AND nonce = ?",
            *(sale.paid.payer.lower(), sale.paid.nonce.lower()),
        )
        return {row["wallet"]: row["until"] for row in found}

    def in_state(self, *states: SaleState) -> list[Sale]:
        """Return the sales in one of some states, oldest first."""
        marks = ", ".join("?" for _ in states)
        return self._of(f"state IN ({marks}) ORDER BY time, payer, nonce", *states)

    def forget_answers(self, before: int) -> None:
        """Drop the answers of sales claimed before a time."""
        self._file.change("UPDATE sales SET answer = NULL WHERE time < ?", before)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _move(self, sale: Sale, old: SaleState, new: SaleState, **fields: str | bytes) -> bool:
        columns = "".join(f", {name} = ?" for name in fields)
        return bool(
            self._file.change(
                f"UPDATE sales SET state = ?{columns} WHERE payer = ? AND nonce = ? AND state = ?",
                *(new, *fields.values()),
                *(sale.paid.payer.lower(), sale.paid.nonce.lower(), old),
            )
        )

    def _of(self, condition: str, *values: str) -> list[Sale]:
        found = self._file.rows(f"SELECT * FROM sales WHERE {condition}", *values)
        return [_made(row) for row in found]


def _made(row: sqlite3.Row) -> Sale:
    paid = Authorization(
        row["payer"], row["payee"], row["amount"], row["valid_after"], row["valid_before"],
        row["nonce"],
    )  # fmt: skip
    return Sale(
        paid, row["resource"], row["since"], row["time"], SaleState(row["state"]), row["why"],
        row["transaction_"], row["answer"], row["refund"],
    )  # fmt: skip
