"""What can go wrong with a node, a read and a transaction: three kinds, whatever library talks."""

from strongroom.errors import Away, Refused


class ChainAway(Away):
    """The node does not answer, answers too late, or answers nonsense."""


class CallReverted(Refused):
    """A read reverted; the message says which, and the contract's reason."""


class TransactionRefused(Refused):
    """A transaction would revert, or did; the message has the contract's reason."""
