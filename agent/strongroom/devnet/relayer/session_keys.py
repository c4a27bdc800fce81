"""Session keys: authorized and revoked by the wallet's owner, once for each Idempotency-Key
(VENUE b)."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from eth_abi.abi import encode
from eth_utils.abi import function_signature_to_4byte_selector as selector

from strongroom.chain.ids import JsonObject, to_bytes
from strongroom.chain.units import HOUR
from strongroom.devnet.clob.errors import Refusal, bad
from strongroom.devnet.clob.habits import Habits
from strongroom.devnet.clob.sessions import ALL, TRADING, SessionSigner, SessionSigners
from strongroom.devnet.deposit_wallets import SESSION_S
from strongroom.devnet.relayer.actions import Action, ActionState
from strongroom.devnet.relayer.relayer import Relayer
from strongroom.devnet.relayer.requests import AuthorizationBody, RevocationBody
from strongroom.signing.deposit_wallet import WalletBatch, WalletCall

SCOPES = frozenset({TRADING, "COMBOSRFQ", ALL})
_AUTHORIZE = selector("authorizeSessionSigner(address,uint256)")
_REVOKE = selector("revokeSessionSigner(address)")


@dataclass
class KeyOperation:
    """What was asked under an Idempotency-Key, and how far it has come."""

    id: str
    asked: AuthorizationBody | RevocationBody
    status: str
    action: Action

    def shown(self) -> JsonObject:
        """Return the answer, the same kind each time it is asked for."""
        found: JsonObject = {
            "operationId": self.id,
            "status": self.status,
            "transactionId": self.action.id,
        }
        if isinstance(self.asked, AuthorizationBody):
            return {**found, "transactionHash": self.action.transaction}
        return {**found, "fenced": True}


class SessionKeys:
    """The registry's way to the chain."""

    def __init__(
        self,
        relayer: Relayer,
        sessions: SessionSigners,
        ended: Callable[[str, str], None],
        clock: Callable[[], float],
        habits: Callable[[], Habits],
    ) -> None:
        """Take the relayer and the registry.

        Args:
            ended: is called with wallet and key when a key may act no more
            clock: of this machine, by which clients reckon a key's life
        """
        self._relayer, self._sessions, self._ended = relayer, sessions, ended
        self._clock, self._habits = clock, habits
        self._operations: dict[tuple[str, str], KeyOperation] = {}  # key, Idempotency-Key

    async def authorize(self, body: AuthorizationBody, key: str, once: str) -> KeyOperation:
        """Let a key act for a wallet.

        Args:
            once: the Idempotency-Key

        Raises:
            Refusal: 400, it may not be so; 403, the builder may not; 409, the Idempotency-Key was
                used for something else.
        """
        if known := self._known(key, once, body):
            return known
        if not self._habits().session_keys:
            raise Refusal(403, "session keys are not enabled for this builder")
        if not set(body.scopes) <= SCOPES or (ALL in body.scopes and len(body.scopes) > 1):
            raise bad("invalid scopes")
        off = int(body.validUntil) - (self._clock() + SESSION_S)
        if not -self._habits().valid_until_slack_s <= off <= 1:
            raise bad(f"validUntil must be {SESSION_S // HOUR} hours from now")
        values = [body.sessionSignerAddress, int(body.validUntil)]
        data = _AUTHORIZE + encode(["address", "uint256"], values)
        wallet, signer = body.walletAddress.lower(), body.sessionSignerAddress.lower()
        session = SessionSigner(wallet, signer, tuple(body.scopes), int(body.validUntil))

        def end(action: Action) -> None:
            done = action.state == ActionState.CONFIRMED
            operation.status = "REGISTERED" if done else "FAILED"
            if done:
                self._sessions.add(session)

        action = await self._carry(body, data, key, end)
        operation = self._begin(key, once, body, "SUBMITTED", action)
        return operation

    async def revoke(self, body: RevocationBody, key: str, once: str) -> KeyOperation:
        """Let a key act no more: it leaves the registry first, its orders end, then the chain is
        told.

        Raises:
            Refusal: see authorize.
        """
        if known := self._known(key, once, body):
            return known
        data = _REVOKE + encode(["address"], [body.sessionSignerAddress])

        def end(action: Action) -> None:
            done = action.state == ActionState.CONFIRMED
            operation.status = "CONFIRMED" if done else "FAILED"

        action = await self._carry(body, data, key, end)
        operation = self._begin(key, once, body, "FENCED", action)
        self._sessions.remove(body.walletAddress, body.sessionSignerAddress)
        self._ended(body.walletAddress, body.sessionSignerAddress)
        return operation

    def _known(
        self, key: str, once: str, body: AuthorizationBody | RevocationBody
    ) -> KeyOperation | None:
        known = self._operations.get((key, once))
        if known is not None and known.asked != body:
            raise Refusal(409, "Idempotency-Key was used for another request")
        return known

    def _begin(
        self,
        key: str,
        once: str,
        body: AuthorizationBody | RevocationBody,
        status: str,
        action: Action,
    ) -> KeyOperation:
        operation = KeyOperation(str(uuid.uuid4()), body, status, action)
        self._operations[key, once] = operation
        return operation

    async def _carry(
        self,
        body: AuthorizationBody | RevocationBody,
        data: bytes,
        key: str,
        end: Callable[[Action], None],
    ) -> Action:
        """Build the batch that the owner has signed, try it, and hand it on."""
        call = WalletCall(body.walletAddress, 0, data)
        batch = WalletBatch(body.walletAddress, int(body.nonce), int(body.deadline), [call])
        signature = to_bytes(body.signature)
        await self._relayer.check_batch(batch, signature, "")
        errand = self._relayer.contracts.batch(batch, signature)
        if why := await self._relayer.chain.refusal_of(errand):
            raise bad(f"simulation failed: {why}")
        owner = await self._relayer.chain.owner_of(batch.wallet) or ""
        return self._relayer.actions.take("WALLET", key, owner, batch.wallet, errand, then=end)
