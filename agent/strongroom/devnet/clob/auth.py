"""Who is calling: an EOA's signed `ClobAuth` (L1) makes an API key, its secret uses it (L2, HMAC).

Keys follow from the server's own secret, the address and the nonce, so that deriving one again
gives the same.
"""

import base64
import hashlib
import hmac
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.address import is_address, to_checksum_address

from strongroom.devnet.clob.errors import BAD_L1, UNAUTHORIZED, Refusal
from strongroom.signing.venue_requests import ATTESTS, request_proof

MAX_SKEW_S = 60  # between a header's timestamp and the server's clock


@dataclass(frozen=True)
class ApiKey:
    """An API key and the EOA it is bound to."""

    key: str
    secret: str
    passphrase: str
    address: str


def same(expected: str, given: str) -> bool:
    """Compare two secrets in constant time."""
    return hmac.compare_digest(expected.encode(), given.encode())


class Authority:
    """Makes API keys and checks requests by them."""

    def __init__(self, chain_id: int, seed: bytes, clock: Callable[[], float]) -> None:
        self._chain_id = chain_id
        self._seed = seed
        self._clock = clock
        self._keys: dict[str, ApiKey] = {}

    def create(self, headers: Mapping[str, str]) -> ApiKey:
        """Make the API key of an L1 request.

        Raises:
            Refusal: 401, not signed by its address; 400, the key exists already.
        """
        key = self._of(headers)
        if key.key in self._keys:
            raise Refusal(400, "Could not create api key")
        self._keys[key.key] = key
        return key

    def derive(self, headers: Mapping[str, str]) -> ApiKey:
        """Return the API key that an L1 request made before.

        Raises:
            Refusal: 401, not signed by its address; 400, there is none.
        """
        key = self._of(headers)
        if key.key not in self._keys:
            raise Refusal(400, "Could not derive api key!")
        return key

    def delete(self, key: ApiKey) -> None:
        """Forget a key."""
        del self._keys[key.key]

    def keys_of(self, address: str) -> list[str]:
        """Return the ids of an address's keys."""
        return [key.key for key in self._keys.values() if key.address == address]

    def check(self, method: str, path: str, body: str, headers: Mapping[str, str]) -> ApiKey:
        """Return the key of an L2 request.

        Raises:
            Refusal: 401.
        """
        key = self._keys.get(headers.get("poly_api_key", ""))
        timestamp = headers.get("poly_timestamp", "")
        if key is None or not self._is_fresh(timestamp):
            raise Refusal(401, UNAUTHORIZED)
        expected = request_proof(key.secret, int(timestamp), method, path, body)
        signed = same(expected, headers.get("poly_signature", ""))
        named = same(key.passphrase, headers.get("poly_passphrase", ""))
        if not (
            signed and named and headers.get("poly_address", "").lower() == key.address.lower()
        ):
            raise Refusal(401, UNAUTHORIZED)
        return key

    def by_credentials(self, auth: Mapping[str, str]) -> ApiKey | None:
        """Return the key of a websocket subscription's `auth`, or None."""
        key = self._keys.get(str(auth.get("apiKey", "")))
        if key is None or (auth.get("secret"), auth.get("passphrase")) != (
            key.secret,
            key.passphrase,
        ):
            return None
        return key

    def _is_fresh(self, timestamp: str) -> bool:
        return timestamp.isdecimal() and abs(int(timestamp) - self._clock()) <= MAX_SKEW_S

    def _of(self, headers: Mapping[str, str]) -> ApiKey:
        address = headers.get("poly_address", "")
        timestamp, nonce = headers.get("poly_timestamp", ""), headers.get("poly_nonce", "0")
        if not (is_address(address) and self._is_fresh(timestamp) and nonce.isdecimal()):
            raise Refusal(401, BAD_L1)
        message = encode_typed_data(
            {"name": "ClobAuthDomain", "version": "1", "chainId": self._chain_id},
            {
                "ClobAuth": [
                    {"name": "address", "type": "address"},
                    {"name": "timestamp", "type": "string"},
                    {"name": "nonce", "type": "uint256"},
                    {"name": "message", "type": "string"},
                ]
            },
            {
                "address": address,
                "timestamp": timestamp,
                "nonce": int(nonce),
                "message": ATTESTS.decode(),
            },
        )
        try:
            signer = Account.recover_message(message, signature=headers.get("poly_signature", ""))
        except Exception as error:  # eth-account raises many kinds for bytes that are no signature
            raise Refusal(401, BAD_L1) from error
        if signer.lower() != address.lower():
            raise Refusal(401, BAD_L1)
        return self._made_from(to_checksum_address(address), int(nonce))

    def _made_from(self, address: str, nonce: int) -> ApiKey:
        root = hmac.digest(self._seed, f"{address}:{nonce}".encode(), hashlib.sha512)
        return ApiKey(
            key=str(uuid.UUID(bytes=root[:16], version=4)),
            secret=base64.urlsafe_b64encode(root[16:48]).decode(),
            passphrase=root[48:].hex(),
            address=address,
        )
