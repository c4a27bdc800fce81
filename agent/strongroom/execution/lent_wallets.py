"""Wallets of the venue that are lent to delegated accounts (DelegatedAccount): chosen, and open to
account and exchanges.

A wallet's consent is a batch by which it lets the account take all that it holds, and the exchanges
trade with it. The key here signs the batch, and the venue's relayer carries it in. What comes next
is read off the chain: whether the wallet is open. Which wallet was promised to which account is
kept in the journal, so two decisions never wait for the same one.
"""

from collections.abc import Collection, Sequence

from strongroom.chain.calls import Ask, make_call
from strongroom.chain.ids import to_bytes, to_hex
from strongroom.chain.units import MAX_UINT256
from strongroom.execution.interfaces import ChainReads, RelayState
from strongroom.execution.relaying import BATCH_S, LEAST_S, Relaying, WalletUnusable
from strongroom.execution.venues.wallets import VenueWallet, Wallets
from strongroom.journal import Journal
from strongroom.signing.deposit_wallet import WalletBatch, WalletCall

ACCOUNT = "DelegatedAccount"


class LentWallets:
    """The wallets that one keeper lends."""

    def __init__(
        self,
        journal: Journal,
        chain: ChainReads,
        relaying: Relaying,
        wallets: Wallets,
        exchanges: Sequence[str],
    ) -> None:
        """Take the wallets, and the exchanges that may move what they hold."""
        self._journal, self._chain, self._relaying = journal, chain, relaying
        self._wallets, self._exchanges = wallets, exchanges

    def prepare(self, account: str, waiting: Collection[str]) -> bool:
        """Take an account without a wallet as far towards having one as it goes now; return whether
        one is open to it.

        Args:
            waiting: other accounts that wait for one

        Raises:
            WalletUnusable: none is free, or the relayer refuses.
        """
        wallet = self._choose(account, waiting)
        missing = self._missing(wallet, account)
        if missing:
            self._open(wallet, missing)
        return not missing

    def promised(self, account: str) -> str:
        """Return the wallet that an account is to name; empty: none."""
        return self._journal.fact(f"wallet for {account}") or ""

    def _choose(self, account: str, waiting: Collection[str]) -> VenueWallet:
        """Return the wallet that was promised to an account, if it is still free, else another."""
        mine, others = self.promised(account), {self.promised(each) for each in waiting}
        free = [each for each in self._wallets.free(account) if each.address not in others]
        if not free:
            raise WalletUnusable("no wallet is free: name more, or renew a session that has ended")
        chosen = next((each for each in free if each.address == mine), free[0])
        if chosen.address != mine:
            self._journal.keep(f"wallet for {account}", chosen.address)
        return chosen

    def _missing(self, wallet: VenueWallet, account: str) -> list[WalletCall]:
        """Return the calls that open a wallet to an account and the exchanges."""
        pusd, ctf = self._chain.ask([Ask(account, ACCOUNT, name) for name in ("COLLATERAL", "CTF")])
        spenders = (account, *self._exchanges)
        given = [(wallet.address, each) for each in spenders]
        asked = [Ask(pusd, "Erc20", "allowance", each) for each in given]
        asked += [Ask(ctf, "ConditionalTokens", "isApprovedForAll", each) for each in given]
        found, calls = self._chain.ask(asked), list[WalletCall]()
        for place, spender in enumerate(spenders):
            # the account's is its consent, which the registry asks for
            least = MAX_UINT256 if spender == account else MAX_UINT256 // 2
            if found[place] < least:
                calls.append(_call(pusd, "Erc20", "approve", spender, MAX_UINT256))
            if not found[len(spenders) + place]:
                calls.append(_call(ctf, "ConditionalTokens", "setApprovalForAll", spender, True))
        return calls

    def _open(self, wallet: VenueWallet, calls: Sequence[WalletCall]) -> None:
        """Let the relayer carry in the batch that opens a wallet, once; another one when that was
        not carried in time."""
        nonce, factory = self._chain.ask(
            [Ask(wallet.address, "DepositWallet", name) for name in ("nonce", "factory")]
        )
        now, batch = self._chain.now(), self._relaying.kept(wallet.address)
        fits = batch is not None and batch.nonce == nonce and list(batch.calls) == list(calls)
        if batch is None or not fits or batch.deadline < now + LEAST_S:
            batch = WalletBatch(wallet.address, nonce, now + BATCH_S, calls)
            self._relaying.keep(batch)
        chain_id = self._chain.chain_id
        given = (batch, wallet.key.address, factory, wallet.sign_batch(batch, chain_id))
        state, why = self._relaying.once(
            f"batch {to_hex(batch.digest(chain_id))}", lambda relayer: relayer.carry(*given)
        )
        if state is RelayState.FAILED:
            raise WalletUnusable(f"the relayer did not open wallet {wallet.address}: {why}")


def _call(to: str, contract: str, function: str, *arguments: object) -> WalletCall:
    """Return a call of a batch."""
    return WalletCall(to, 0, to_bytes(make_call(to, contract, function, *arguments).data))
