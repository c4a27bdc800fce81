"""What the relayer is asked to carry, as its clients write it (VENUE b)."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from eth_utils.address import to_checksum_address
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from strongroom.chain.ids import to_bytes
from strongroom.devnet.clob.errors import bad
from strongroom.signing.deposit_wallet import WalletBatch, WalletCall

Address = Annotated[str, Field(pattern="^0x[0-9a-fA-F]{40}$"), AfterValidator(to_checksum_address)]
Number = Annotated[str, Field(pattern="^[0-9]{1,78}$")]
Bytes = Annotated[str, Field(pattern="^0x([0-9a-fA-F]{2})*$")]
Metadata = Annotated[str, Field(max_length=500)]
BAD_REQUEST = "invalid request body"


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=True)


class CallBody(_Body):
    """A call of a batch."""

    target: Address
    value: Number
    data: Bytes


class DepositWalletParams(_Body):
    """What a wallet is to do."""

    depositWallet: Address  # noqa: N815
    deadline: Number
    calls: list[CallBody] = Field(min_length=1)


class WalletBody(_Body):
    """A deposit wallet's batch, signed by its owner or a session key."""

    type: Literal["WALLET"]
    sender: Address = Field(alias="from")
    to: Address
    nonce: Number
    signature: Bytes
    metadata: Metadata = ""
    depositWalletParams: DepositWalletParams  # noqa: N815

    def batch(self) -> WalletBatch:
        """Return the batch as it was signed."""
        asked = self.depositWalletParams
        calls = [
            WalletCall(each.target, int(each.value), to_bytes(each.data)) for each in asked.calls
        ]
        return WalletBatch(asked.depositWallet, int(self.nonce), int(asked.deadline), calls)


class WalletCreateBody(_Body):
    """A deposit wallet for an owner."""

    type: Literal["WALLET-CREATE"]
    sender: Address = Field(alias="from")
    to: Address
    metadata: Metadata = ""


class SafeParams(_Body):
    """The rest of a Safe's transaction."""

    gasPrice: Number  # noqa: N815
    operation: Literal["0", "1"]
    safeTxnGas: Number  # noqa: N815
    baseGas: Number  # noqa: N815
    gasToken: Address  # noqa: N815
    refundReceiver: Address  # noqa: N815


class SafeBody(_Body):
    """A Safe's transaction, signed by its owner."""

    type: Literal["SAFE"]
    sender: Address = Field(alias="from")
    to: Address
    proxyWallet: Address  # noqa: N815
    data: Bytes
    nonce: Number
    signature: Bytes
    metadata: Metadata = ""
    value: Number = "0"
    signatureParams: SafeParams  # noqa: N815


class SafeCreateParams(_Body):
    """Who pays for a Safe: nobody."""

    paymentToken: Address  # noqa: N815
    payment: Number
    paymentReceiver: Address  # noqa: N815


class SafeCreateBody(_Body):
    """A Safe for an owner."""

    type: Literal["SAFE-CREATE"]
    sender: Address = Field(alias="from")
    to: Address
    proxyWallet: Address  # noqa: N815
    data: Bytes = "0x"
    signature: Bytes
    metadata: Metadata = ""
    signatureParams: SafeCreateParams  # noqa: N815


class ProxyParams(_Body):
    """Gas of a proxy's transaction."""

    gasLimit: Number  # noqa: N815
    gasPrice: Number  # noqa: N815
    relay: Address
    relayHub: Address  # noqa: N815
    relayerFee: Number  # noqa: N815


class ProxyBody(_Body):
    """A transaction of a wallet of signature type 1."""

    type: Literal["PROXY"]
    sender: Address = Field(alias="from")
    to: Address
    proxyWallet: Address  # noqa: N815
    data: Bytes
    nonce: Number
    signature: Bytes
    metadata: Metadata = ""
    signatureParams: ProxyParams  # noqa: N815


Submission = WalletBody | WalletCreateBody | SafeBody | SafeCreateBody | ProxyBody
_SUBMISSION: TypeAdapter[Submission] = TypeAdapter(
    Annotated[Submission, Field(discriminator="type")]
)


class RevocationBody(_Body):
    """A session key that is to act no more."""

    walletAddress: Address  # noqa: N815
    sessionSignerAddress: Address  # noqa: N815
    nonce: Number
    deadline: Number
    signature: Bytes


class AuthorizationBody(RevocationBody):
    """A session key that is to act for a wallet."""

    scopes: list[str] = Field(min_length=1)
    validUntil: Number  # noqa: N815


def parse_submission(payload: object) -> Submission:
    """Read the body of `/submit`.

    Raises:
        Refusal: 400, it is none.
    """
    try:
        return _SUBMISSION.validate_python(payload)
    except ValidationError as error:
        raise bad(f"{BAD_REQUEST}: {_first(error.errors())}") from error


def parse_revocation(payload: object) -> RevocationBody:
    """Read the body of a revocation; see parse_submission."""
    try:
        return RevocationBody.model_validate(payload)
    except ValidationError as error:
        raise bad(f"{BAD_REQUEST}: {_first(error.errors())}") from error


def parse_authorization(payload: object) -> AuthorizationBody:
    """Read the body of an authorization; see parse_submission."""
    try:
        return AuthorizationBody.model_validate(payload)
    except ValidationError as error:
        raise bad(f"{BAD_REQUEST}: {_first(error.errors())}") from error


def _first(errors: list[Any]) -> str:
    found: Mapping[str, Any] = errors[0]
    return f"{'.'.join(str(each) for each in found['loc'])}: {found['msg']}"
