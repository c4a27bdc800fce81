"""Who may use the relayer: builders, who sign each request, and holders of its keys (VENUE b)."""

import secrets
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from strongroom.devnet.clob.auth import MAX_SKEW_S, same
from strongroom.devnet.clob.errors import UNAUTHORIZED, Refusal
from strongroom.signing.venue_requests import request_proof


@dataclass(frozen=True)
class BuilderKey:
    """A builder's credentials.

    Attributes:
        address: of the account that made it
        created_at, revoked_at: timestamps; 0: it is good
    """

    key: str
    secret: str
    passphrase: str
    address: str
    created_at: int
    revoked_at: int = 0


@dataclass(frozen=True)
class RelayerKey:
    """A key for one account's own transactions."""

    key: str
    address: str
    created_at: int


class RelayerKeys:
    """All of both kinds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._builders: dict[str, BuilderKey] = {}
        self._relayers: dict[str, RelayerKey] = {}

    def make_builder(self, address: str) -> BuilderKey:
        """Make a builder's key."""
        secret = secrets.token_urlsafe(33)[:44]  # a whole number of base64 words
        made = BuilderKey(
            str(uuid.uuid4()), secret, secrets.token_hex(16), address, int(self._clock())
        )
        self._builders[made.key] = made
        return made

    def builders_of(self, address: str) -> list[BuilderKey]:
        """Return an account's builder keys, those that were revoked too."""
        return [each for each in self._builders.values() if each.address == address]

    def revoke(self, key: BuilderKey) -> None:
        """End a builder's key."""
        self._builders[key.key] = replace(key, revoked_at=int(self._clock()))

    def make_relayer(self, address: str) -> RelayerKey:
        """Make a relayer key; on the venue's pages people do so by hand."""
        made = RelayerKey(str(uuid.uuid4()), address.lower(), int(self._clock()))
        self._relayers[made.key] = made
        return made

    def relayers_of(self, address: str) -> list[RelayerKey]:
        """Return an account's relayer keys."""
        return [each for each in self._relayers.values() if each.address == address.lower()]

    def check_builder(
        self, method: str, path: str, body: str, headers: Mapping[str, str]
    ) -> BuilderKey:
        """Return the builder that signed a request.

        Raises:
            Refusal: 401.
        """
        key = self._builders.get(headers.get("poly_builder_api_key", ""))
        timestamp = headers.get("poly_builder_timestamp", "")
        fresh = timestamp.isdecimal() and abs(int(timestamp) - self._clock()) <= MAX_SKEW_S
        if key is None or key.revoked_at or not fresh:
            raise Refusal(401, UNAUTHORIZED)
        signed = request_proof(key.secret, int(timestamp), method, path, body)
        given = (
            headers.get("poly_builder_signature", ""),
            headers.get("poly_builder_passphrase", ""),
        )
        if not (same(signed, given[0]) and same(key.passphrase, given[1])):
            raise Refusal(401, UNAUTHORIZED)
        return key

    def check_relayer(self, headers: Mapping[str, str]) -> RelayerKey:
        """Return the relayer key that a request names.

        Raises:
            Refusal: 401.
        """
        key = self._relayers.get(headers.get("relayer_api_key", ""))
        if key is None or headers.get("relayer_api_key_address", "").lower() != key.address:
            raise Refusal(401, UNAUTHORIZED)
        return key
