"""What the venue's relayer is asked for, each once: the journal has what it took, and the wallets'
batches on their way to it.
"""

import json
from collections.abc import Callable
from typing import TypeVar

from strongroom.chain.ids import to_bytes, to_hex
from strongroom.errors import Away, Refused
from strongroom.execution.interfaces import Listener, RelayState, WalletRelayer
from strongroom.journal import Journal
from strongroom.signing.deposit_wallet import WalletBatch, WalletCall

_T = TypeVar("_T")
BATCH_S = 600  # how long a batch may be carried in
LEAST_S = 15  # of them, that the relayer must have: it wants 10


class WalletUnusable(Refused):
    """An account's wallet cannot be had; the message says why."""


class Relaying:
    """One keeper's way to the relayer."""

    def __init__(self, journal: Journal, relayer: WalletRelayer | None, on_event: Listener) -> None:
        """Take the relayer; None: no class needs it."""
        self._journal, self._relayer, self._on_event = journal, relayer, on_event

    def once(
        self, name: str, submit: Callable[[WalletRelayer], str]
    ) -> tuple[RelayState | None, str]:
        """Submit what has a name, or ask how far it has come; return that, and why it failed. None:
        the relayer has it only now, or is away, which is told.

        Raises:
            WalletUnusable: the relayer refuses.
        """
        if (action := self._journal.fact(name)) is not None:
            return self._ask(lambda relayer: relayer.look(action)) or (None, "")
        taken = self._ask(submit)
        if taken is not None:
            self._journal.keep(name, taken)
        return None, ""

    def keep(self, batch: WalletBatch) -> None:
        """Keep a wallet's batch, instead of the one before."""
        calls = [[each.target, to_hex(each.data)] for each in batch.calls]
        terms = {"nonce": batch.nonce, "deadline": batch.deadline, "calls": calls}
        self._journal.keep(f"batch of {batch.wallet}", json.dumps(terms))

    def kept(self, wallet: str) -> WalletBatch | None:
        """Return a wallet's last batch; None: there was none."""
        text = self._journal.fact(f"batch of {wallet}")
        if text is None:
            return None
        terms = json.loads(text)
        calls = [WalletCall(target, 0, to_bytes(data)) for target, data in terms["calls"]]
        return WalletBatch(wallet, terms["nonce"], terms["deadline"], calls)

    def _ask(self, question: Callable[[WalletRelayer], _T]) -> _T | None:
        if self._relayer is None:
            raise WalletUnusable("no relayer is configured: write [venue.relayer]")
        try:
            return question(self._relayer)
        except Away as error:
            self._on_event("relayer_away", {"why": str(error)})
            return None
        except Refused as error:
            raise WalletUnusable(str(error)) from error
