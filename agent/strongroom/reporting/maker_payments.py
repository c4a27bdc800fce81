"""Rebates and rewards: what the venue pays makers beside trades, as the vault's accounts got it.

The keeper is told who pays; the asset's own logs say what came. The audit looks for itself, by all
that nothing else explains, and names late returns and gifts, too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from strongroom.chain.rpc import checksum
from strongroom.execution.closed_accounts import known_accounts
from strongroom.execution.vault_reader import VaultReader
from strongroom.journal import Journal

_TOLD = "maker payments told"  # of the journal's facts: up to which block


class PayerKind(StrEnum):
    """What somebody pays makers for."""

    REBATE = "rebate"
    REWARD = "reward"


@dataclass(frozen=True)
class MakerPayment:
    """A payment, micro-units; `receiver` is the account, or the wallet that trades for it."""

    kind: PayerKind
    account: str
    receiver: str
    payer: str
    amount: int
    block: int
    transaction: str


class MakerPayments:
    """The payments that reports tell, each at least once."""

    def __init__(
        self, journal: Journal, vault: VaultReader, payers: Mapping[str, PayerKind]
    ) -> None:
        """Take who pays: address -> for what."""
        self._journal, self._vault = journal, vault
        self._payers = {str(checksum(each)): kind for each, kind in payers.items()}

    def until(self, block: int) -> list[MakerPayment] | None:
        """Return the payments up to a block that no report has told, oldest first; None: no payer
        is named, so nobody has looked.

        The first call looks at no block before its own.
        """
        if not self._payers:
            return None
        told = self._journal.fact(_TOLD)
        if told is None:
            self.tell(block)
            return []
        receivers = self._receivers()
        if not receivers or block <= int(told):
            return []
        (asset,) = self._vault.ask(("asset",))
        wanted = {"sender": tuple(self._payers), "receiver": tuple(receivers)}
        logs = self._vault.chain.logs(
            asset, "Erc20", "Transfer", int(told) + 1, block, matching=wanted
        )
        found = []
        for log in logs:
            payer, receiver = (str(checksum(str(log.args[name]))) for name in wanted)
            amount, kind = int(str(log.args["value"])), self._payers[payer]
            place = log.block, log.transaction
            found.append(MakerPayment(kind, receivers[receiver], receiver, payer, amount, *place))
        return found

    def tell(self, block: int) -> None:
        """Keep that the payments up to a block were told."""
        self._journal.keep(_TOLD, str(block))

    def _receivers(self) -> dict[str, str]:
        """Return accounts and their wallets -> the account, of open markets and of watched ones."""
        found: dict[str, str] = {}
        _, markets, _ = self._vault.open_and_idle()
        open_now = self._vault.holdings(markets)
        pairs = [(each.account, each.wallet) for each in open_now]
        late = [each for each in known_accounts(self._journal) if each not in dict(pairs)]
        pairs += [(each.account, each.wallet) for each in self._vault.left_behind(late)]
        for account, wallet in pairs:
            found |= {account: account} | ({str(checksum(wallet)): account} if wallet else {})
        return found
