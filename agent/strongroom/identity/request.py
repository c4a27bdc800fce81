"""What a validator is asked: a payload whose hash is the request's key on chain.

The registry binds a hash to neither agent nor validator: whoever copies it from a pending
transaction takes it. So the payload names both, and a salt: a squatted hash is answered by another
salt, and what is stored is believed only where it is what the payload says.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from strongroom.chain.ids import JsonObject, canonical, keccak, to_hex
from strongroom.errors import BadInput

TYPE = "strongroom-validation/1"


class AskKind(StrEnum):
    """What a validator is asked for; the tag of the answer, too."""

    AUDIT = "strongroom-audit"
    DECIDE = "strongroom-decide"


class ValidationPayload(BaseModel):
    """A request: which agent and vault, from which block to which, by whom.

    Attributes:
        first: an audit always begins with the vault, so it covers any
        code_hash: keccak of the vault's runtime code
        decision_hash: of one decision; 32 zeros: of all in these blocks
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    type: str = TYPE
    kind: AskKind
    registry: str = Field(alias="agentRegistry")
    agent: int = Field(alias="agentId", ge=0, strict=True)
    chain_id: int = Field(alias="chainId", strict=True)
    vault: str
    code_hash: str = Field(alias="codeHash")
    first: int = Field(alias="fromBlock", ge=0, strict=True)
    last: int = Field(alias="toBlock", ge=0, strict=True)
    decision_hash: str = Field("0x" + "00" * 32, alias="decisionHash")
    validator: str
    salt: str

    def document(self) -> JsonObject:
        """Return it as JSON takes it."""
        found: JsonObject = self.model_dump(mode="json", by_alias=True)
        return found

    @property
    def digest(self) -> str:
        """The request's hash: keccak of the canonical JSON, 0x..."""
        return to_hex(keccak(canonical(self.document())))


def new_salt(draw: Callable[[int], bytes] = secrets.token_bytes) -> str:
    """Return a salt that nobody guesses."""
    return to_hex(draw(32))


def read_payload(content: JsonObject, digest: str) -> ValidationPayload:
    """Return a request's payload.

    Raises:
        BadInput: it is none, of another kind, or its canonical bytes have another hash.
    """
    try:
        found = ValidationPayload.model_validate(content)
    except ValidationError as error:
        raise BadInput("the request's file is no payload of ours: audit by hand") from error
    if found.type != TYPE or found.digest != digest:
        raise BadInput("the request's file is not what its hash says: do not answer it")
    return found


@dataclass(frozen=True)
class StoredEntry:
    """What the registry has under a hash."""

    validator: str
    agent: int


def entry_faults(stored: StoredEntry, payload: ValidationPayload, registry: str) -> list[str]:
    """Return where a stored request is not what its payload says: a squatted hash, or a copy."""
    pairs = (
        ("validator", stored.validator.lower(), payload.validator.lower()),
        ("agent", stored.agent, payload.agent),
        ("registry", registry.lower(), payload.registry.lower()),
    )
    return [f"{what} {there}, the file says {said}" for what, there, said in pairs if there != said]
