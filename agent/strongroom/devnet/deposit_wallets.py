"""Deposit wallets of the devnet: made, and their batches carried in, by the factory's operator."""

import json
import time
import uuid
from collections.abc import Callable, Mapping

import httpx
from eth_account.signers.local import LocalAccount

from strongroom.chain.contracts import Contract, Sender
from strongroom.chain.ids import JsonObject, read_json, to_hex
from strongroom.chain.units import HOUR
from strongroom.errors import Away
from strongroom.signing.deposit_wallet import WalletBatch, WalletCall
from strongroom.signing.hashing import address_word
from strongroom.signing.keys import sign_hash
from strongroom.signing.venue_requests import Credentials, builder_headers

TIMELOCK_DELAY = HOUR  # of a paused wallet; the venue's (VENUE a2)
SESSION_S = 4_315 * HOUR  # life of a session key, exactly (VENUE b)
BATCH_S = 600
REGISTERED_S = 120.0  # in which a session key must be known
AUTHORIZATIONS = "/v1/session-signers/authorizations"


class NotAuthorized(Away):
    """A session key was not registered; the message has the relayer's words."""


class SessionRegistry:
    """The relayer's registry of session keys, as an owner's client asks it (VENUE b)."""

    def __init__(self, url: str, key: Mapping[str, str], clock: Callable[[], float]) -> None:
        """Take the relayer, a builder's key, and the devnet's clock, by which batches end."""
        self._url, self._key, self._clock = url, key, clock

    def authorize(self, wallet: Contract, owner: LocalAccount, session: str) -> None:
        """Let a session key act for an owner's wallet, and wait until it may.

        Raises:
            NotAuthorized: see the class.
        """
        until, deadline = int(time.time()) + SESSION_S, int(self._clock()) + BATCH_S
        call = wallet.authorizeSessionSigner.encode_input(session, until)
        inside = [WalletCall(wallet.address, 0, call)]
        batch = WalletBatch(wallet.address, wallet.nonce(), deadline, inside)
        digest = batch.digest(wallet.chain.chain_id)
        body = {
            "walletAddress": wallet.address,
            "sessionSignerAddress": session,
            "scopes": ["CLOB"],
            "validUntil": str(until),
            "nonce": str(batch.nonce),
            "deadline": str(deadline),
            "signature": to_hex(sign_hash(owner, digest)),
        }
        once, patience = str(uuid.uuid4()), time.monotonic() + REGISTERED_S
        while (said := self._ask(json.dumps(body), once)).get("status") != "REGISTERED":
            if time.monotonic() > patience or said.get("status") != "SUBMITTED":
                raise NotAuthorized(f"session key {session} is not registered: {said}")
            time.sleep(0.05)

    def _ask(self, body: str, once: str) -> JsonObject:
        key = Credentials(**self._key)
        headers = dict(builder_headers(key, int(time.time()), "POST", AUTHORIZATIONS, body))
        headers |= {"Content-Type": "application/json", "Idempotency-Key": once}
        answer = httpx.post(
            self._url + AUTHORIZATIONS, content=body, headers=headers, timeout=REGISTERED_S
        )
        found = read_json(answer.content)
        return found if isinstance(found, dict) else {}


def make_deposit_wallet(factory: Contract, owner: str, operator: Sender) -> str:
    """Make the deposit wallet that the venue's service would make for `owner`; return its
    address, which is there already if the owner has one."""
    id_ = address_word(owner)
    factory.deploy([owner], [id_], sender=operator)
    return str(factory.predictWalletAddress(id_))


def send_batch(
    factory: Contract,
    batch: WalletBatch,
    owner: LocalAccount,
    chain_id: int,
    operator: Sender,
) -> object:
    """Let a wallet make the calls of a batch that its owner signs here; return the receipt."""
    signature = sign_hash(owner, batch.digest(chain_id))
    return factory.proxy([batch.argument()], [signature], sender=operator)
