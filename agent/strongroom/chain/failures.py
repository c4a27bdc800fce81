"""What can go wrong with a node, a read and a transaction, whatever library talks."""

from strongroom.errors import Away, BadInput, Refused


class ChainAway(Away):
    """The node does not answer, answers too late, or answers nonsense."""


class WrongTime(ChainAway):
    """The newest block's time is not to be believed: nothing is kept, ended or aged by it."""


class NodeBusy(ChainAway):
    """The node is asked too often; the same question may be answered after a pause."""


class CallReverted(Refused):
    """A read reverted; the message says which, and the contract's reason."""


class TransactionRefused(Refused):
    """A transaction would revert, or did; the message has the contract's reason."""


class FeeTooLow(TransactionRefused):
    """The node takes no transaction that pays so little; wei a gas, None where it says no figure.

    Attributes:
        tip: the least that it takes
        base: the base fee that it has
    """

    def __init__(self, message: str, tip: int | None, base: int | None) -> None:
        super().__init__(message)
        self.tip, self.base = tip, base


class PlaceTaken(TransactionRefused):
    """Another transaction has, or had, the sender's nonce."""


class NoVault(BadInput):
    """There is no vault at the address, on this chain."""


# what is in a contract's reason -> what to do about it; the first that fits
ADVICE = (
    (
        "asset decimals",
        "name an asset of at most 12 decimals: a share needs virtual ones beside it",
    ),
    ("has no code", "name a contract of this chain, or the node of the chain that is meant"),
    ("of another asset", "name contracts of one asset"),
    ("too high", "take a smaller value"),
    ("too large", "take a smaller value"),
    ("too long", "take a smaller value"),
    ("too low", "take a larger value"),
    ("too small", "take a larger value"),
    ("below the least", "take a larger value"),
    ("InsufficientBalance", "take a smaller amount, or fund the account first"),
    ("InsufficientAllowance", "approve the amount first"),
    ("TransferFromFailed", "approve the amount first, and fund the account"),
    ("balance", "take a smaller amount, or fund the account first"),
    ("allowance", "approve the amount first"),
    ("paused", "wait until guardian or owner end the pause"),
    ("winding down", "request a redemption, or leave in kind"),
    ("sixteen epochs are live", "claim what is settled, or take requests back"),
    ("wait for the next report", "wait for it, or leave in kind with a redemption that waits"),
    ("nothing to take back", "claim it: all of it is settled"),
    ("no such request", "look which of your requests wait"),
    ("allow-list", "ask the vault's owner"),
    ("deposit limit", "take a smaller amount, or wait"),
    ("not the ", "use the account that may do it"),
    ("not authorised", "use the account that may do it"),
)
OTHER_ADVICE = "change what this names (docs/errors.md has every reason), then try again"


def would_revert(what: str, why: str) -> TransactionRefused:
    """Return the refusal of a transaction that was tried and not sent: its reason, what to do.

    Args:
        why: the contract's reason, or the node's words
    """
    fits = (advice for part, advice in ADVICE if part in why)
    advice = next(fits, OTHER_ADVICE)
    return TransactionRefused(f"{what} would revert: {why}: it was not sent; {advice}")
