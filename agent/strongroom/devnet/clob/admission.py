"""Whose order it is: maker, signer and API key must fit, and the signature must be theirs."""

from collections.abc import Callable
from typing import Literal

from strongroom.devnet.clob import errors
from strongroom.devnet.clob.auth import ApiKey
from strongroom.devnet.clob.errors import Refusal, bad
from strongroom.devnet.clob.funds import EOA, POLY_1271, POLY_SAFE
from strongroom.devnet.clob.habits import Habits
from strongroom.devnet.clob.orders import LiveOrder
from strongroom.devnet.clob.sessions import TRADING, SessionSigners
from strongroom.devnet.clob.settlement import VenueChain, signer_of

Admission = Literal["open", "known_wallets"]


class OrderGate:
    """Lets orders in."""

    def __init__(
        self,
        chain: VenueChain,
        sessions: SessionSigners,
        admission: Admission,
        habits: Callable[[], Habits],
    ) -> None:
        """Take what wallets may sign for; `open` admits any EIP-1271 maker beside them."""
        self._chain, self._sessions, self._habits = chain, sessions, habits
        self.admission = admission

    async def check(self, order: LiveOrder, digest: bytes, key: ApiKey) -> None:
        """Hold an order against the API key that brought it.

        Raises:
            Refusal: 400 with the venue's words.
        """
        signed = order.order
        maker, signer = signed.maker.lower(), signed.signer.lower()
        signature = bytes.fromhex(signed.signature[2:])
        if order.submission.owner != key.key:
            raise bad(errors.FOREIGN_OWNER)
        if signed.signatureType in (EOA, POLY_SAFE):
            await self._check_ecdsa(order, digest, key.address.lower())
        elif signed.signatureType == POLY_1271 and maker == signer:
            await self._check_wallet(maker, key.address.lower())
            if not await self._chain.is_signed_by_contract(signed.maker, digest, signature):
                raise bad(errors.BAD_SIGNATURE)
        else:
            raise bad(errors.BAD_SIGNATURE)

    async def has_no_key(self, wallet: str) -> bool:
        """Say whether no API key is a maker's own: it is no wallet of the venue, or a contract
        owns it."""
        owner = await self.owner(wallet)
        return owner is None or await self._chain.is_contract(owner)

    async def owner(self, wallet: str) -> str | None:
        """Return the owner of a wallet of the venue in lower case, or None."""
        found = await self._chain.wallet_owner(wallet)
        return found.lower() if found else None

    async def check_wallet_kept(self, address: str) -> None:
        """Refuse a key whose deposit wallet is another's now.

        Raises:
            Refusal: 401.
        """
        wallet = await self._chain.wallet_of(address, safe=False)
        if wallet is not None and await self.owner(wallet) != address.lower():
            raise Refusal(401, errors.UNAUTHORIZED)

    async def _check_ecdsa(self, order: LiveOrder, digest: bytes, caller: str) -> None:
        signed = order.order
        maker, signer = signed.maker.lower(), signed.signer.lower()
        if signed.signatureType == EOA and self.admission == "known_wallets":
            raise bad(errors.FOREIGN_MAKER)
        if signer != caller:
            raise bad(errors.FOREIGN_SIGNER)
        if signed.signatureType == EOA and maker != signer:
            raise bad(errors.BAD_SIGNATURE)
        if signed.signatureType == POLY_SAFE and not await self._is_safe_of(maker, signer):
            raise bad(errors.FOREIGN_MAKER)
        signature = bytes.fromhex(signed.signature[2:])
        if (signer_of(digest, signature) or "").lower() != signer:
            raise bad(errors.BAD_SIGNATURE)

    async def _check_wallet(self, wallet: str, caller: str) -> None:
        """A wallet's orders come by its owner's key, or by a session key's own (VENUE b)."""
        owner = await self.owner(wallet)
        if owner is not None and self._habits().owner_by_id:
            first = await self._chain.first_owner(wallet)
            owner = first.lower() if first else owner
        if owner is None and self.admission == "known_wallets":
            raise bad(errors.FOREIGN_MAKER)
        session = self._sessions.admits(wallet, caller, TRADING)
        if owner is None or owner == caller or session:
            return
        if not (self._habits().foreign_keys and await self._chain.is_contract(owner)):
            raise bad(errors.FOREIGN_SIGNER)

    async def _is_safe_of(self, safe: str, signer: str) -> bool:
        """The exchange goes by the address alone (VENUE c); the service may ask the Safe, too."""
        if await self.owner(safe) != signer:
            return False
        return not self._habits().safe_owners or await self._chain.is_safe_owner(safe, signer)
