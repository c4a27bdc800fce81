"""Deposit wallets that accounts own (WalletAccount): made, adopted, approved, and emptied.

A wallet acts by batches. The account admits one batch at a time, by a transaction of the keeper's
Safe, and the venue's relayer carries it in. A batch passes once, by the wallet's nonce. So what
comes next is read off the chain: which batch is admitted, and whether it has passed. The calls of
an admitted batch are kept in the journal, since the chain knows their digest alone.

A contract's batch may have a signature of any length (VENUE a4), and WalletAccount reads none. What
the relayer wants is not known (VENUE g), so it gets what `strongroom venue probe` hands in: 65
bytes, here the batch's digest signed by an owner of the keeper's Safe. That signature decides
nothing.

A relayer that is away, or refuses, does not hold the money: a batch home that it has not carried
before its deadline is admitted anew, and the wallet's pause begins. Once the pause is older than
the venue's delay the account takes all that the wallet holds by itself.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from strongroom.chain.calls import Ask, Call, make_call
from strongroom.chain.failures import CallReverted
from strongroom.chain.ids import to_bytes, to_hex, transaction_key
from strongroom.chain.rpc import checksum
from strongroom.chain.units import MAX_UINT256
from strongroom.execution.interfaces import (
    ChainReads,
    Listener,
    RelayState,
    SafeSender,
)
from strongroom.execution.relaying import BATCH_S, LEAST_S, Relaying, WalletUnusable
from strongroom.journal.states import TransactionState
from strongroom.signing.deposit_wallet import WalletBatch, WalletCall

ACCOUNT = "WalletAccount"
MAX_RETURNED = 8  # outcome tokens that a batch brings home


@dataclass(frozen=True)
class _Wallet:
    """An account's wallet, as the chain has it.

    Attributes:
        made: whether the venue has made it; what follows is empty before
        admitted: digest of the batch that the account admits
        paused: since when, timestamp; 0: it is not
        approved: whether the account's exchange may move all that it holds
    """

    account: str
    address: str
    factory: str
    exchange: str
    tokens: str
    collateral: str
    adopted: bool
    admitted: str
    halted: bool
    made: bool = False
    nonce: int = 0
    paused: int = 0
    approved: bool = False


class OwnedWallets:
    """The wallets of one vault's WalletAccounts."""

    def __init__(
        self,
        chain: ChainReads,
        transactor: SafeSender,
        relaying: Relaying,
        witness: Callable[[bytes], bytes],
        on_event: Listener = lambda event, fields: None,
    ) -> None:
        """Take the keeper's Safe, the way to the relayer, and the signature of a digest by an owner
        whose key is here (`Signers.witness`)."""
        self._chain, self._transactor = chain, transactor
        self._relaying, self._witness, self._on_event = relaying, witness, on_event

    def prepare(self, account: str) -> bool:
        """Take an account's wallet as far towards trading as it goes now: made by the venue,
        adopted, open to the exchange. Return whether it is there.

        Raises:
            WalletUnusable: relayer or account refuses.
            NotSigned: a signature is missing.
        """
        wallet = self._look(account)
        if not wallet.made:
            self._make(wallet)
            return False
        if wallet.adopted and wallet.approved:
            return True
        inside = [
            _call(wallet.collateral, "Erc20", "approve", wallet.exchange, MAX_UINT256),
            _call(wallet.tokens, "ConditionalTokens", "setApprovalForAll", wallet.exchange, True),
        ]
        adoption = [] if wallet.adopted else [make_call(account, ACCOUNT, "adopt")]
        self._go_on(
            wallet,
            inside,
            lambda deadline: [*adoption, make_call(account, ACCOUNT, "admitApprovals", deadline)],
        )
        return False

    def bring_home(
        self, account: str, is_open: bool, collateral: int, tokens: Mapping[int, int]
    ) -> list[Call] | None:
        """Bring collateral and outcome tokens of a wallet into its account, all of both where it
        is open. Return the calls that do it; None: it is on its way, and not there yet.

        Args:
            is_open: the wallet moves without the venue
            tokens: index of the outcome token -> amount

        Raises:
            NotSigned: a signature is missing.
        """
        wanted = {index: amount for index, amount in tokens.items() if amount}
        if not collateral and not wanted:
            return []
        if is_open:
            return [make_call(account, ACCOUNT, "withdraw")]
        wallet = self._look(account)
        chosen = list(wanted.items())[:MAX_RETURNED]
        terms = collateral, [index for index, _ in chosen], [amount for _, amount in chosen]
        try:
            self._go_on(
                wallet,
                self._home(wallet, collateral, chosen),
                lambda deadline: [make_call(account, ACCOUNT, "admitReturn", *terms, deadline)],
                rescue=True,
            )
        except WalletUnusable as error:
            self._on_event("wallet_stuck", {"wallet": wallet.address, "why": str(error)})
        return None

    def _home(
        self, wallet: _Wallet, collateral: int, tokens: Sequence[tuple[int, int]]
    ) -> list[WalletCall]:
        """Return the calls of the batch that the account puts together (WalletAccount.vy)."""
        kind, account, calls = "ConditionalTokens", wallet.account, list[WalletCall]()
        if wallet.halted:
            calls.append(_call(wallet.collateral, "Erc20", "approve", wallet.exchange, 0))
            calls.append(_call(wallet.tokens, kind, "setApprovalForAll", wallet.exchange, False))
        if collateral:
            calls.append(_call(wallet.collateral, "Erc20", "transfer", account, collateral))
        ids = self._chain.ask_one(account, ACCOUNT, "tokenIds")
        for index, amount in tokens:
            moved = (wallet.address, account, ids[index], amount, b"")
            calls.append(_call(wallet.tokens, kind, "safeTransferFrom", *moved))
        return calls

    # steps

    def _make(self, wallet: _Wallet) -> None:
        """Let the venue make the wallet, once."""
        state, why = self._relaying.once(
            f"wallet {wallet.address}",
            lambda relayer: relayer.make_wallet(wallet.account, wallet.factory),
        )
        if state is RelayState.FAILED:
            raise WalletUnusable(f"the relayer made no wallet: {why}")

    def _go_on(
        self,
        wallet: _Wallet,
        inside: Sequence[WalletCall],
        admission: Callable[[int], list[Call]],
        rescue: bool = False,
    ) -> None:
        """Carry the admitted batch in; where there is none, admit one.

        Args:
            inside: calls of the batch, if it is a new one
            admission: the account's calls that admit it until a deadline
            rescue: pause the wallet, if the batch before was not carried in time
        """
        kept, now = self._relaying.kept(wallet.address), self._chain.now()
        if kept is not None and self._is_admitted(wallet, kept):
            if kept.deadline >= now + LEAST_S:
                self._carry(wallet, kept)
                return
        else:
            rescue = False
        purpose = f"wallet {wallet.address}"
        if self._transactor.carries(purpose):
            self._transactor.advance()
            return
        batch = WalletBatch(wallet.address, wallet.nonce, now + BATCH_S, inside)
        self._relaying.keep(batch)
        calls = admission(batch.deadline)
        if rescue and not wallet.paused:
            calls.append(make_call(wallet.account, ACCOUNT, "pauseWallet"))
            self._on_event("wallet_paused", {"wallet": wallet.address})
        key = transaction_key(self._digest(batch))
        state, why = self._transactor.run(key, purpose, calls)
        if state == TransactionState.DROPPED:
            raise WalletUnusable(why)
        if state in (TransactionState.MINED, TransactionState.DONE):
            self._carry(wallet, batch)

    def _carry(self, wallet: _Wallet, batch: WalletBatch) -> None:
        """Hand a batch to the relayer, once; what it fails with is told, and tried anew after the
        batch's deadline."""
        digest = self._digest(batch)
        given = (batch, wallet.account, wallet.factory, self._witness(digest))
        state, why = self._relaying.once(
            f"batch {to_hex(digest)}", lambda relayer: relayer.carry(*given)
        )
        if state is RelayState.FAILED:
            self._on_event("batch_failed", {"wallet": wallet.address, "why": why})

    # what is there

    def _look(self, account: str) -> _Wallet:
        names = ("wallet", "WALLET_FACTORY", "EXCHANGE", "CTF", "COLLATERAL")
        more = ("adopted", "admitted", "halted")
        found = self._chain.ask([Ask(account, ACCOUNT, name) for name in (*names, *more)])
        address, factory, exchange, tokens, collateral = (str(checksum(each)) for each in found[:5])
        wallet = _Wallet(account, address, factory, exchange, tokens, collateral, *found[5:])
        try:
            nonce, paused = self._chain.ask(
                [Ask(address, "DepositWallet", name) for name in ("nonce", "paused")]
            )
        except CallReverted:
            return wallet
        allowance, approved = self._chain.ask(
            [
                Ask(collateral, "Erc20", "allowance", (address, exchange)),
                Ask(tokens, "ConditionalTokens", "isApprovedForAll", (address, exchange)),
            ]
        )
        ready = allowance > MAX_UINT256 // 2 and approved
        return replace(wallet, made=True, nonce=nonce, paused=paused, approved=ready)

    def _is_admitted(self, wallet: _Wallet, batch: WalletBatch) -> bool:
        return batch.nonce == wallet.nonce and to_hex(self._digest(batch)) == wallet.admitted

    def _digest(self, batch: WalletBatch) -> bytes:
        return batch.digest(self._chain.chain_id)


def _call(to: str, contract: str, function: str, *arguments: object) -> WalletCall:
    """Return a call of a batch."""
    return WalletCall(to, 0, to_bytes(make_call(to, contract, function, *arguments).data))
