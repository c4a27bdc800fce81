"""The venue's refusals: four-byte errors back to their names (VENUE a, c, c2, d).

A contract of Solidity's refuses by an error's selector and, rarely, arguments; nodes pass on the
bytes. Our own contracts refuse by strings.
"""

from collections.abc import Mapping
from types import MappingProxyType

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from strongroom.chain.ids import keccak

_STRING = bytes.fromhex("08c379a0")  # Error(string)
_PANIC = bytes.fromhex("4e487b71")  # Panic(uint256)
EMPTY = "empty revert"

# errors without arguments, by who has them
EXCHANGE = (
    "AlreadyAdmin AlreadyOperator AssetAccountingMismatch ComplementaryFillExceedsTakerFill "
    "ExceedsMaxPauseInterval "
    "ExceedsMaxPauseInterval FeeExceedsMaxRate FeeExceedsProceeds InvalidComplement "
    "InvalidSignature InvalidTokenId LastAdmin MakingGtRemaining MaxFeeRateExceedsCeiling "
    "MismatchedArrayLengths MismatchedTokenIds NoMakerOrders NotAdmin NotCrossing NotOperator "
    "OrderAlreadyFilled Paused TakerFillMismatch TooLittleTokensReceived UserAlreadyPaused "
    "UserIsPaused ZeroMakerAmount ZeroTakerAmount"
)
COLLATERAL = (
    "AllowanceOverflow AllowanceUnderflow InsufficientAllowance InsufficientBalance InvalidAsset "
    "OnlyUnpaused TotalSupplyOverflow TransferFailed TransferFromFailed Unauthorized"
)
NEGATIVE_RISK = (
    "FeeBipsOutOfBounds IndexOutOfBounds InvalidIndexSet MarketAlreadyDetermined "
    "MarketAlreadyPrepared MarketNotPrepared NoConvertiblePositions NotApprovedForAll OnlyOracle "
    "OnlyOwner "
    "UnexpectedCollateralToken"
)
WALLET = (
    "ArrayLengthMismatch DeploymentFailed EmptyBatch Expired ImplementationNotDeployed "
    "InvalidInitialization InvalidNonce InvalidOwner InvalidTimelockDelay InvalidValidUntil "
    "InvalidWallet InvalidWalletInterfaceId NewImplementationHasNoCode NoPendingOwner NotPaused "
    "OnlyAdmin OnlyFactory OnlyLegacyDeployer OnlyOperator OnlySelf "
    "SessionSignerCannotCallBeacon SessionSignerSelfCallNotAllowed TimelockInsufficientDelay "
    "ZeroAddress"
)
PROTOCOL_V2 = (
    "AccountBalanceOverflow ArrayLengthsMismatch ConditionAlreadyResolved "
    "ConditionDefinitionMismatch ConditionNotPrepared ConditionNotResolved "
    "ConflictingConditions ExistingPayoutMismatch InvalidArrayLength InvalidConditionCount "
    "InvalidConditionIndex InvalidConditionModule InvalidConditionSet InvalidEventId "
    "InvalidModuleId InvalidOutcomeIndex InvalidResolutionChain InvalidResults "
    "ModuleAlreadyRegistered ModuleNotRegistered NonCanonicalInput NotOwnerNorApproved "
    "PositionNotRedeemable ResolutionIsPaused ResolverIsPaused SingleConditionRequired "
    "TransferToNonERC1155ReceiverImplementer TransferToZeroAddress"
)
WITH_ARGUMENTS = ("BatchCallFailed(uint256,address,bytes)",)


def _by_selector() -> dict[bytes, str]:
    names = " ".join((EXCHANGE, COLLATERAL, NEGATIVE_RISK, WALLET, PROTOCOL_V2)).split()
    signatures = (*(f"{name}()" for name in names), *WITH_ARGUMENTS)
    return {keccak(each.encode())[:4]: each.partition("(")[0] for each in signatures}


ERRORS: Mapping[bytes, str] = MappingProxyType(_by_selector())  # selector -> name


def error_name(data: bytes) -> str:
    """Return what a call's failure says: a string, an error's name, "Panic 0x11", "empty revert",
    or the bytes themselves, 0x..., where they are of none of these."""
    selector = data[:4]
    if not data:
        return EMPTY
    if selector == _STRING:
        try:
            (words,) = decode(["bytes"], data[4:])  # a string need not be UTF-8
        except (DecodingError, OverflowError):  # cut off, or nonsense
            return "0x" + data.hex()
        return bytes(words).decode(errors="replace")
    if selector == _PANIC and len(data) == 36:
        return f"Panic {int.from_bytes(data[4:], 'big'):#04x}"
    return ERRORS.get(selector) or "0x" + data.hex()
