"""A keeper whose journal came from a backup: what it waits for."""

from dataclasses import dataclass

from strongroom.chain.notices import moment
from strongroom.journal import Journal
from strongroom.journal.backup import NEW, RESTORED


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
