"""The relayer: judges what it is asked to carry, and hands it to its actions (VENUE b).

It answers what no public text says (VENUE g) by the habits `contract_owners`, `contract_batches`,
`long_signatures` and `handovers`. Left out: wallets of signature type 1, of which the devnet has
none; the signature of a Safe's creation is not looked at, since the stand-in's factory does not
either.
"""

from collections.abc import Callable

from eth_utils.abi import function_signature_to_4byte_selector as selector

from strongroom.chain.ids import to_bytes
from strongroom.devnet.clob.errors import bad
from strongroom.devnet.clob.habits import Habits
from strongroom.devnet.clob.sessions import SessionSigners
from strongroom.devnet.relayer.actions import Action, Actions
from strongroom.devnet.relayer.chain import RelayChain, RelayContracts, safe_errand
from strongroom.devnet.relayer.requests import (
    SafeBody,
    SafeCreateBody,
    Submission,
    WalletBody,
    WalletCreateBody,
)
from strongroom.signing.deposit_wallet import SESSION_MAGIC, WalletBatch

LEAST_S = 10  # that a batch's deadline must be away
SIGNATURE = 65  # bytes of an EOA's
HANDOVER = frozenset(
    selector(each) for each in ("transferOwnership(address,uint256)", "cancelOwnershipHandover()")
)
NO_WALLET = "wallet is not deployed"
FOREIGN_SIGNER = "signer is not authorized for the wallet"
SELF_CALL = "calls to the wallet itself are not allowed"
NO_PROXIES = "PROXY transactions are not supported on this network"


class Relayer:
    """Takes submissions."""

    def __init__(
        self,
        chain: RelayChain,
        contracts: RelayContracts,
        actions: Actions,
        sessions: SessionSigners,
        clock: Callable[[], float],
        habits: Callable[[], Habits],
    ) -> None:
        """Take the devnet's clock, by which deadlines are judged."""
        self.chain, self.contracts, self.actions = chain, contracts, actions
        self._sessions, self._clock, self._habits = sessions, clock, habits

    async def submit(self, body: Submission, key: str) -> Action:
        """Take a submission that a key has brought.

        Raises:
            Refusal: 400 with the words that clients know.
        """
        match body:
            case WalletBody():
                return await self._submit_batch(body, key)
            case WalletCreateBody():
                return await self._create_wallet(body, key)
            case SafeBody():
                return await self._submit_safe(body, key)
            case SafeCreateBody():
                return await self._create_safe(body, key)
        raise bad(NO_PROXIES)

    async def nonce(self, address: str, kind: str) -> int:
        """Return the nonce of what an owner or a session key signs next.

        Raises:
            Refusal: 400, there are no such wallets here.
        """
        if kind == "SAFE":
            safe = await self.chain.safe_of(address)
            return await self.chain.nonce_of(safe) if safe else 0
        if kind != "WALLET":
            raise bad(NO_PROXIES)
        wallet = await self.wallet_of(address)
        return await self.chain.nonce_of(wallet) if wallet else 0

    async def wallet_of(self, address: str) -> str | None:
        """Return the deposit wallet of an owner, or the one that a session key acts for."""
        own = await self.chain.wallet_for(address)
        return own if await self.chain.is_deployed(own) else self._sessions.wallet_of(address)

    async def check_batch(self, batch: WalletBatch, signature: bytes, sender: str) -> None:
        """Hold a batch against its wallet.

        Args:
            sender: who is said to have signed it; empty: the owner

        Raises:
            Refusal: 400, see submit.
        """
        if batch.deadline < self._clock() + LEAST_S:
            raise bad("deadline is too soon")
        owner = await self.chain.owner_of(batch.wallet)
        if owner is None:
            raise bad(NO_WALLET)
        by_session = signature.endswith(SESSION_MAGIC)
        known = {each.address for each in self._sessions.of_wallet(batch.wallet)}
        allowed = known if by_session else {owner.lower()}
        if sender and sender.lower() not in allowed:
            raise bad(FOREIGN_SIGNER)
        if not (by_session or len(signature) == SIGNATURE or self._habits().long_signatures):
            raise bad("invalid signature")
        by_contract = not by_session and await self.chain.is_deployed(owner)
        if by_contract and not self._habits().contract_batches:
            raise bad("invalid signature")
        self.actions.check_free(batch.wallet)
        await self.actions.check_nonce(batch.wallet, batch.nonce)

    async def _submit_batch(self, body: WalletBody, key: str) -> Action:
        batch, signature = body.batch(), to_bytes(body.signature)
        if body.to.lower() != self.contracts.factory.lower():
            raise bad("to is not the deposit wallet factory")
        for call in batch.calls:
            handover = call.data[:4] in HANDOVER and self._habits().handovers
            if call.target.lower() == batch.wallet.lower() and not handover:
                raise bad(SELF_CALL)
        await self.check_batch(batch, signature, body.sender)
        errand = self.contracts.batch(batch, signature)
        return self.actions.take(body.type, key, body.sender, batch.wallet, errand, body.metadata)

    async def _create_wallet(self, body: WalletCreateBody, key: str) -> Action:
        if await self.chain.is_deployed(body.sender) and not self._habits().contract_owners:
            raise bad("owner must be an EOA")
        wallet = await self.chain.wallet_for(body.sender)
        if await self.chain.is_deployed(wallet):
            raise bad("wallet is already deployed")
        errand = self.contracts.create_wallet(body.sender)
        return self.actions.take(body.type, key, body.sender, wallet, errand, body.metadata)

    async def _submit_safe(self, body: SafeBody, key: str) -> Action:
        owner = await self.chain.owner_of(body.proxyWallet)
        if owner is None:
            raise bad(NO_WALLET)
        if owner.lower() != body.sender.lower():
            raise bad(FOREIGN_SIGNER)
        self.actions.check_free(body.proxyWallet)
        await self.actions.check_nonce(body.proxyWallet, int(body.nonce))
        errand = safe_errand(body)
        return self.actions.take(
            body.type, key, body.sender, body.proxyWallet, errand, body.metadata
        )

    async def _create_safe(self, body: SafeCreateBody, key: str) -> Action:
        if await self.chain.safe_of(body.sender) is not None:
            raise bad("wallet is already deployed")
        errand = self.contracts.create_safe(body.sender)
        return self.actions.take(
            body.type, key, body.sender, body.proxyWallet, errand, body.metadata
        )
