"""A signed mandate: the mandate, and who has signed its hash. One file that anybody can check."""

from pathlib import Path
from typing import Annotated, Self

from eth_account.signers.local import LocalAccount
from pydantic import Field, ValidationError, model_validator

from strongroom.chain.ids import JsonObject, canonical, to_bytes, to_hex
from strongroom.mandates.digest import digest
from strongroom.mandates.mandate import (
    BadMandate,
    Mandate,
    as_json,
    parse,
    read_canonical,
    read_mandate,
)
from strongroom.settings import Address, Section, describe
from strongroom.signing.hashing import safe_message_hash
from strongroom.signing.keys import join_signatures, sign_hash

MOST_OWNERS = 32


class OwnerSignature(Section):
    """What one key has signed: of a Safe's owner the Safe's message, else the hash itself."""

    owner: Address
    signature: str = Field(pattern="^0x[0-9a-f]{130}$")


class SignedMandate(Section):
    """A mandate and its signatures; none: it is not signed yet, or a Safe has on chain."""

    mandate: Mandate
    signatures: Annotated[tuple[OwnerSignature, ...], Field(max_length=MOST_OWNERS)] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        owners = [each.owner for each in self.signatures]
        if len(set(owners)) < len(owners):
            raise ValueError("signatures: an owner stands twice: leave one")
        return self

    @property
    def digest(self) -> bytes:
        """The mandate's hash."""
        return digest(self.mandate)

    @property
    def joined(self) -> bytes:
        """The signatures as a contract takes them: in the order of the owners' addresses."""
        return join_signatures((each.owner, to_bytes(each.signature)) for each in self.signatures)

    def with_signature(self, owner: LocalAccount, safe: str) -> "SignedMandate":
        """Return it signed by one more key.

        Args:
            safe: whose owner the key is; empty: the key is the vault's owner itself
        """
        message = what_is_signed(self.mandate, safe)
        made = OwnerSignature(owner=owner.address, signature=to_hex(sign_hash(owner, message)))
        others = [each for each in self.signatures if each.owner != made.owner]
        return SignedMandate(mandate=self.mandate, signatures=(*others, made))

    def text(self) -> bytes:
        """Return the file's text."""
        signatures = [each.model_dump() for each in self.signatures]
        return canonical({"mandate": as_json(self.mandate), "signatures": signatures}) + b"\n"


def what_is_signed(mandate: Mandate, safe: str) -> bytes:
    """Return the hash that a key signs: a Safe's owners sign the message that wraps the mandate's.

    Args:
        safe: the Safe that owns the vault; empty: a key does
    """
    found = digest(mandate)
    return safe_message_hash(safe, mandate.chain_id, found) if safe else found


def read_signed(path: Path) -> SignedMandate:
    """Return the signed mandate of a file; of a mandate's own file, one without signatures.

    Raises:
        BadMandate, ConfigError: it is none.
    """
    if path.suffix == ".toml":
        return SignedMandate(mandate=read_mandate(path))
    return signed_of(read_canonical(path), path)


def signed_of(data: JsonObject, place: object) -> SignedMandate:
    """Return the signed mandate of JSON.

    Raises:
        BadMandate: it is none.
    """
    if "mandate" not in data:
        return SignedMandate(mandate=parse(data, place))
    try:
        return SignedMandate.model_validate(data)
    except ValidationError as error:
        raise BadMandate(f"{place}: {describe(error, SignedMandate)}") from error
